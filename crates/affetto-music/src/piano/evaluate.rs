//! How well a model does what it is told, and how near its music comes to music that was never trained on.

use std::sync::atomic::{AtomicUsize, Ordering};

use affetto_attributes::{
    CopyIndex,
    compare::{Comparison, compare_tables},
    copied::MARKED_RUN,
    forest::two_sample_auc,
    piece::Attribute,
};
use affetto_core::{Progress, Seed, Silent, Stage};
use affetto_media::Score;
use affetto_nn::sample::Sampling;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    corpus::Window,
    critic::{feature_names, features, heard},
    ending::at_rest,
    generate::{Search, Task, Written, write},
    grid::GridPiece,
    levels::{Levels, measured},
    merit::{Known, as_ended},
    model::Decoder,
    profile::Quantiles,
    quality::MEASURES,
    rules::Rules,
    tokens::{KEYBOARD, decode},
};
use crate::{Error, measure::halves};

/// How many exact (interval, duration) pairs of the top line in a row count as copied.
pub const COPIED_RUN: usize = MARKED_RUN;
/// The span of a hand, in semitones, that written pieces keep to: a tenth, as much of the music that they are compared with
/// needs.
const WIDE_SPAN: u8 = 16;
/// The features that give music away, so many.
const TOLD_BY: usize = 15;

/// How pieces are written to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// The trained network.
    pub network: &'a Decoder,
    /// What is known of the music that it learned from.
    pub known: Known<'a>,
    /// How many candidates each piece is chosen from.
    pub candidates: usize,
    /// Whether what is written like the end of a piece comes to rest as that does.
    pub ends: bool,
    /// How strongly attributes pull.
    pub guidance: f64,
    /// How freely tokens are drawn.
    pub sampling: Sampling,
    /// The pieces are drawn from it.
    pub seed: Seed,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many pieces were written.
    pub generated: usize,
    /// How many held-out windows there are.
    pub held_out: usize,
    /// The share of asked attributes that lie on the asked side of the middle.
    pub bits_hit: f64,
    /// The same if the pieces had been asked for what others were.
    pub bits_by_chance: f64,
    /// The same for each attribute: hit, and by chance.
    pub by_attribute: Vec<(Attribute, f64, f64)>,
    /// The usual measures, generated beside held-out.
    pub measures: Vec<Comparison>,
    /// Their mean overlap area.
    pub overlap: f64,
    /// The area under the curve of a forest that tells generated from held-out; 0.5 is indistinguishable.
    pub auc: f64,
    /// The same for two halves of the held-out windows.
    pub auc_halves: f64,
    /// What gives generated music away, and the area of each feature alone.
    pub told_by: Vec<(String, f64)>,
    /// The share of pieces with a run of [`COPIED_RUN`] pairs from a training window.
    pub copied: f64,
    /// The same of held-out windows.
    pub copied_held_out: f64,
    /// How much pieces written like the end of one come to rest, 0 to 1, and the held-out ends; nothing where none is.
    #[serde(default)]
    pub at_rest: Option<[f64; 2]>,
}

/// `count` pieces, each asked for bars, mode, style and attributes of one of `windows`.
///
/// # Errors
/// [`Error::Cancelled`] where `progress` says so.
pub fn write_like(
    windows: &[&Window],
    count: usize,
    writing: &Writing<'_>,
    progress: &dyn Progress,
) -> Result<Vec<(GridPiece, Levels)>, Error> {
    let done = AtomicUsize::new(0);
    (0..count)
        .into_par_iter()
        .map(|at| {
            let window = windows[at % windows.len()];
            let written = one_like(window, writing, writing.seed.derive(&format!("piece {at}")))?;
            let done = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress.step(Stage::Evaluate, done, count);
            match progress.cancelled() {
                true => Err(Error::Cancelled),
                false => Ok(written),
            }
        })
        .collect()
}

fn one_like(
    window: &Window,
    writing: &Writing<'_>,
    seed: Seed,
) -> Result<(GridPiece, Levels), Error> {
    let asked = writing.known.quantiles.ranks(&measured(&window.piece));
    let levels = asked.levels();
    let rules = Rules {
        lowest: *KEYBOARD.start(),
        highest: *KEYBOARD.end(),
        hand_span: WIDE_SPAN,
        given: None,
    };
    let plan = window.plan();
    let task = Task {
        plan: &plan,
        given: &[],
        rules: &rules,
        levels: &[levels],
        guidance: writing.guidance,
        sampling: writing.sampling,
    };
    let search = Search {
        candidates: writing.candidates,
        ends: writing.ends && plan.after == 0,
        seed,
    };
    let merit = |written: &Written| {
        let piece = decode(&written.tokens)?;
        let whole = written.bars() == plan.bars.len();
        let values = measured(&piece);
        let as_asked = writing.known.as_asked(&asked, &values, whole);
        let known = &writing.known;
        let new = known.as_new(&piece);
        let ended = match search.ends && whole {
            true => as_ended(&piece, plan.tonic()),
            false => 0.0,
        };
        Ok(as_asked + ended + new + known.like_music(written, || heard(&piece, &values)))
    };
    let written = write(writing.network, &task, search, &merit, &Silent)?;
    Ok((decode(&written.tokens)?, levels))
}

/// Compares `generated` with `held_out` music, and looks for passages of `training` in it.
///
/// # Errors
/// Where there are too few pieces to compare.
pub fn evaluate(
    generated: &[(GridPiece, Levels)],
    held_out: &[&Window],
    training: &[Window],
    quantiles: &Quantiles,
    seed: Seed,
) -> Result<Evaluation, Error> {
    let pieces: Vec<&GridPiece> = generated.iter().map(|(piece, _)| piece).collect();
    let songs: Vec<&GridPiece> = held_out.iter().map(|window| &window.piece).collect();
    let values = |pieces: &[&GridPiece]| -> Vec<Vec<Option<f64>>> {
        pieces.par_iter().map(|piece| measured(piece)).collect()
    };
    let table = |pieces: &[&GridPiece], values: &[Vec<Option<f64>>]| -> Vec<Vec<f64>> {
        let rows = pieces.iter().zip(values);
        rows.map(|(piece, values)| features(piece, values))
            .collect()
    };
    let our_values = values(&pieces);
    let (ours, theirs) = (table(&pieces, &our_values), table(&songs, &values(&songs)));
    let names = feature_names();
    let usual = |row: &Vec<f64>| row[..MEASURES.len()].to_vec();
    let (our_usual, their_usual): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (
        ours.iter().map(usual).collect(),
        theirs.iter().map(usual).collect(),
    );
    let measures = compare_tables(&MEASURES, &their_usual, &our_usual);
    let overlaps: Vec<f64> = measures.iter().map(|measure| measure.overlap).collect();
    let told = two_sample_auc(&theirs, &ours, &names, seed)?;
    let (even, odd) = halves(&theirs);
    let scores: Vec<Score> = training
        .par_iter()
        .map(|window| window.piece.top_line())
        .collect();
    let index = CopyIndex::new(&scores);
    let copied = |pieces: &[&GridPiece]| {
        let copies = pieces
            .par_iter()
            .filter(|piece| index.longest_run(&piece.top_line()) >= COPIED_RUN);
        copies.count() as f64 / pieces.len().max(1) as f64
    };
    let levels = |values: &Vec<Option<f64>>| quantiles.ranks(values).levels();
    let found: Vec<Levels> = our_values.iter().map(levels).collect();
    let (bits_hit, hit_each) = fidelity(generated, &found, 0);
    let (bits_by_chance, chance_each) = fidelity(generated, &found, generated.len() / 2);
    Ok(Evaluation {
        generated: generated.len(),
        held_out: held_out.len(),
        bits_hit,
        bits_by_chance,
        by_attribute: Attribute::ALL
            .iter()
            .map(|attribute| {
                let at = attribute.index();
                (*attribute, hit_each[at], chance_each[at])
            })
            .collect(),
        overlap: overlaps.iter().sum::<f64>() / overlaps.len().max(1) as f64,
        measures,
        auc: told.auc,
        auc_halves: two_sample_auc(&even, &odd, &names, seed)?.auc,
        told_by: told
            .importance
            .iter()
            .take(TOLD_BY)
            .map(|importance| (importance.name.clone(), importance.auc_alone))
            .collect(),
        copied: copied(&pieces),
        copied_held_out: copied(&songs),
        at_rest: ends_at_rest(&pieces, held_out),
    })
}

/// The mean of [`at_rest`] over `pieces` that are written like windows that end, and over those windows.
fn ends_at_rest(pieces: &[&GridPiece], windows: &[&Window]) -> Option<[f64; 2]> {
    let mean = |pieces: &mut dyn Iterator<Item = (&GridPiece, &Window)>| {
        let ends = pieces.filter(|(_, window)| window.after == 0);
        let rests: Vec<f64> = ends
            .map(|(piece, window)| at_rest(piece, window.plan().tonic()))
            .collect();
        (!rests.is_empty()).then(|| rests.iter().sum::<f64>() / rests.len() as f64)
    };
    let like = windows.iter().copied().cycle();
    let generated = mean(&mut pieces.iter().copied().zip(like))?;
    let held_out = mean(&mut windows.iter().map(|window| (&window.piece, *window)))?;
    Some([generated, held_out])
}

/// The share of attributes on the asked side of the middle, were each piece asked for what the one `shift` places on was;
/// over all, and for each attribute.
fn fidelity(generated: &[(GridPiece, Levels)], found: &[Levels], shift: usize) -> (f64, Vec<f64>) {
    let mut counts = vec![(0_usize, 0_usize); Attribute::ALL.len()];
    for (at, found) in found.iter().enumerate() {
        let asked = &generated[(at + shift) % generated.len()].1;
        for (attribute, hit) in asked.hits(found) {
            counts[attribute].0 += usize::from(hit);
            counts[attribute].1 += 1;
        }
    }
    let share = |(hit, all): (usize, usize)| hit as f64 / all.max(1) as f64;
    let sum = |(a, b): (usize, usize), (c, d): &(usize, usize)| (a + c, b + d);
    let all = counts.iter().fold((0, 0), sum);
    (share(all), counts.into_iter().map(share).collect())
}
