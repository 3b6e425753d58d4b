//! How near generated lead sheets come to songs that were never trained on.

use std::sync::atomic::{AtomicUsize, Ordering};

use affetto_attributes::{
    CopyIndex, Critic, compare::Comparison, compare::compare_tables, features::feature_names,
    features::features, forest::TwoSample, forest::two_sample_auc, valence::piece_valence,
};
use affetto_core::{Progress, Seed, Silent, Stage};
use affetto_media::{Key, Metre, Score, Tempo};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    candidates::best,
    generate::generate,
    next_token::{NextToken, Sampling},
    plan::{ValenceWish, Wish, plan},
    statistics::Statistics,
    tokens::{Group, Sequence, Transposition},
};

/// The measures of one comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many pieces were generated.
    pub generated: usize,
    /// How many held-out songs there are.
    pub held_out: usize,
    /// Means and deviations of the usual measures, generated beside held-out, with overlap areas.
    pub measures: Vec<Measure>,
    /// The mean overlap area of those measures.
    pub overlap: f64,
    /// The area under the curve of a forest that tells generated from held-out; 0.5 is indistinguishable.
    pub auc: f64,
    /// The same for trigram music against held-out songs.
    pub auc_trigram: f64,
    /// The same for two halves of the held-out songs.
    pub auc_halves: f64,
    /// What gives generated music away: the features that the forest goes by most, and the area of each alone.
    pub told_by: Vec<(String, f64)>,
    /// The share of generated pieces with an exact run of 12 or more (interval, duration) pairs from a training song.
    pub copied: f64,
    /// The same of held-out songs.
    pub copied_held_out: f64,
}

/// One measure, generated beside held-out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// Mean and standard deviation over held-out songs.
    pub held_out: (f64, f64),
    /// Mean and standard deviation over generated pieces.
    pub generated: (f64, f64),
    /// Overlap area, 0..=1.
    pub overlap: f64,
}

/// The measures of section A.10 of the research notes (Yeh et al. 2021 and usual ones), as features are named.
pub const MEASURES: [&str; 10] = [
    "chord_histogram_entropy",
    "chord_coverage",
    "chord_tonal_distance",
    "chord_tone_ratio",
    "melody_chord_tonal_distance",
    "pitch_class_entropy",
    "in_signature_ratio",
    "pitch_range",
    "notes_per_bar",
    "rest_share",
];

/// How many exact (interval, duration) pairs in a row count as copied.
pub const COPIED_RUN: usize = 12;

/// Decodes a sequence in C major or A minor.
pub fn score_of(sequence: &Sequence) -> Score {
    let mode = sequence
        .bars
        .first()
        .map_or(affetto_media::Mode::Major, |bar| bar.mode);
    let key = Key::new(0, mode).unwrap_or(Key::C_MAJOR);
    sequence.decode(Transposition { key, semitones: 0 }, Tempo::from_bpm(100.0))
}

/// What a held-out song would have been asked for: its bars, metre, mode, style and mean valence and density.
pub fn wish_of(sequence: &Sequence, sampling: Sampling) -> Wish {
    let score = score_of(sequence);
    let first = sequence.bars.iter().find(|bar| bar.group != Group::Pickup);
    let metre = first.map_or(Metre::COMMON, |bar| bar.metre);
    let pickup = sequence
        .bars
        .first()
        .filter(|bar| bar.group == Group::Pickup && bar.metre == metre)
        .map_or(0, |bar| bar.length);
    let mode = first.map_or(affetto_media::Mode::Major, |bar| bar.mode);
    let densities: Vec<f64> = sequence
        .bars
        .iter()
        .filter_map(|bar| bar.density)
        .map(|class| f64::from(class.number()))
        .collect();
    Wish {
        bars: sequence.bars.len() - usize::from(pickup > 0),
        metre,
        pickup,
        key: Key::new(0, mode).unwrap_or(Key::C_MAJOR),
        tempo: Tempo::from_bpm(100.0),
        range: (
            crate::tokens::LOWEST_PITCH,
            crate::tokens::LOWEST_PITCH + crate::tokens::PITCHES - 1,
        ),
        valence: ValenceWish::Mean(piece_valence(&score)),
        density: None,
        mean_density: densities.iter().sum::<f64>() / densities.len().max(1) as f64,
        tension: None,
        style: first.and_then(|bar| bar.style),
        form: None,
        sampling,
    }
}

/// How pieces are written to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// The statistics and critic that come with the model.
    pub statistics: &'a Statistics,
    /// How many candidates each piece is chosen from, where there is a critic.
    pub candidates: usize,
    /// How freely tokens are drawn.
    pub sampling: Sampling,
    /// The pieces are drawn from it.
    pub seed: Seed,
}

/// `count` pieces, each asked for what one of `songs` has.
pub fn generate_like<M: NextToken + Sync>(
    model: &M,
    songs: &[Sequence],
    count: usize,
    writing: &Writing<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Sequence>, Error> {
    let done = AtomicUsize::new(0);
    let critic = writing.statistics.critic.as_ref();
    (0..count)
        .into_par_iter()
        .map(|at| {
            let wish = wish_of(&songs[at * songs.len() / count], writing.sampling);
            let seed = writing.seed.derive(&format!("piece {at}"));
            let piece = best(
                critic,
                writing.candidates,
                seed,
                &Silent,
                |seed, progress| {
                    let (plan, _) = plan(&wish, writing.statistics, seed);
                    Ok(generate(model, &plan, &|_| 0.0, seed, progress)?)
                },
            )?;
            let done = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress.step(Stage::Evaluate, done, count);
            Ok(piece)
        })
        .collect()
}

/// A critic that tells `songs` from `count` pieces that the model writes when asked for what they have.
pub fn train_critic<M: NextToken + Sync>(
    model: &M,
    songs: &[Sequence],
    count: usize,
    writing: &Writing<'_>,
    progress: &dyn Progress,
) -> Result<Critic, Error> {
    let one_each = Writing {
        candidates: 1,
        ..*writing
    };
    let written = generate_like(model, songs, count, &one_each, progress)?;
    let seed = writing.seed.derive("critic");
    let (songs, written) = (table(songs), table(&written));
    Ok(Critic::train(&feature_names(), &songs, &written, seed)?)
}

/// The features of each piece.
fn table(pieces: &[Sequence]) -> Vec<Vec<f64>> {
    pieces.par_iter().map(row).collect()
}

/// The features of a piece, by which a critic and the two-sample test tell it.
pub fn row(piece: &Sequence) -> Vec<f64> {
    let named = features(&score_of(piece));
    named.into_iter().map(|(_, value)| value).collect()
}

/// Compares generated pieces and trigram music with held-out songs.
pub fn evaluate(
    generated: &[Sequence],
    trigram: &[Sequence],
    held_out: &[Sequence],
    training: &[Sequence],
    seed: Seed,
) -> Result<Evaluation, affetto_attributes::Error> {
    let names = feature_names();
    let (ours, theirs, simple) = (table(generated), table(held_out), table(trigram));
    let comparisons = compare_tables(&names, &theirs, &ours);
    let measures: Vec<Measure> = MEASURES
        .iter()
        .filter_map(|name| {
            comparisons
                .iter()
                .find(|comparison| comparison.name == *name)
        })
        .map(measure)
        .collect();
    let overlap =
        measures.iter().map(|measure| measure.overlap).sum::<f64>() / measures.len().max(1) as f64;
    let told: TwoSample = two_sample_auc(&theirs, &ours, &names, seed)?;
    let (even, odd) = halves(&theirs);
    let scores: Vec<Score> = training.iter().map(score_of).collect();
    let index = CopyIndex::new(&scores);
    let copied = |pieces: &[Sequence]| {
        let count = pieces
            .par_iter()
            .filter(|piece| index.longest_run(&score_of(piece)) >= COPIED_RUN)
            .count();
        count as f64 / pieces.len().max(1) as f64
    };
    Ok(Evaluation {
        generated: generated.len(),
        held_out: held_out.len(),
        measures,
        overlap,
        auc: told.auc,
        auc_trigram: two_sample_auc(&theirs, &simple, &names, seed)?.auc,
        auc_halves: two_sample_auc(&even, &odd, &names, seed)?.auc,
        told_by: told
            .importance
            .iter()
            .take(15)
            .map(|importance| (importance.name.clone(), importance.auc_alone))
            .collect(),
        copied: copied(generated),
        copied_held_out: copied(held_out),
    })
}

fn measure(comparison: &Comparison) -> Measure {
    Measure {
        name: comparison.name.clone(),
        held_out: (comparison.reference_mean, comparison.reference_deviation),
        generated: (comparison.mean, comparison.deviation),
        overlap: comparison.overlap,
    }
}

/// Every second row, and the others.
pub(crate) fn halves(rows: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let every_second = |from: usize| rows.iter().skip(from).step_by(2).cloned().collect();
    (every_second(0), every_second(1))
}
