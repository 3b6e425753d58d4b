//! What judges of emotion, trained on labelled clips, say of generated pieces: Kang et al. (2023), section 4, with the
//! anchors that make its figures mean something.
//!
//! Real and generated music is heard in the same form: as played, 40 seconds at the most, on the grid of the tokens at 120
//! quarters a minute. There are two judges, a forest on numbers that are none of the attributes that music is asked for,
//! and a network that reads the notes.

mod baselines;
mod clips;
mod sequence;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use affetto_attributes::{
    judge::{self as tree, Judge, JudgeReport, Judged, Share, cross_validated, pairs_in_order},
    map::Quadrant,
};
use affetto_core::{Progress, Seed, Silent, Stage, write_atomic};
use affetto_emotion::{Emotion, Vad};
use affetto_media::{Score, midi::Performance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::{
    baselines::LabelModel,
    clips::{Clip, Music, clips},
    sequence::{Heard, SequenceJudge},
};
use super::{
    compose::{PianoComposition, PianoModel, PianoSources},
    condition::PianoRequest,
    grid::GridPiece,
    levels::ATTRIBUTES,
    measure::performed,
    profile::Ranks,
};
use crate::Error;
pub use baselines::LabelOptions;
pub use clips::heard;

/// Songs are dealt out into so many parts for cross-validation.
const FOLDS: usize = 5;
/// One song of so many is kept apart to say how well the forest does on real music.
const KEPT_APART: usize = 6;
/// Bars of a generated piece, so many that forty seconds are filled.
const BARS: usize = 24;
/// How far from neutral each quadrant is asked.
const ASKED: f64 = 0.8;

/// What to judge by, and how much.
#[derive(Clone, Debug)]
pub struct JudgeOptions {
    /// The archive `emopia_train_val.tar.xz`, the folder with it, or a folder of pieces with `labels.csv`.
    pub data: PathBuf,
    /// Where the judges that are trained keep what they know; a later call goes on from there.
    pub folder: PathBuf,
    /// Pieces to generate for each quadrant.
    pub pieces: usize,
    /// How many candidates each is chosen from.
    pub candidates: usize,
    /// How strongly attributes pull.
    pub guidance: f64,
    /// Pieces of the baselines for each quadrant; none where 0.
    pub baselines: usize,
    /// The baseline that is told a label, which is trained first.
    pub label: Option<LabelOptions>,
    /// The seed of everything.
    pub seed: Seed,
}

/// What the judges say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PianoJudgement {
    /// Clips and songs that the judges were trained on and tried on.
    pub clips: usize,
    /// See `clips`.
    pub songs: usize,
    /// What the forest says.
    pub tree: Verdict,
    /// What the network that reads notes says: each clip by one that was trained on other songs, generated music by all of
    /// these together.
    pub sequence: Verdict,
    /// The share of asked attributes that lie on the asked side of the middle, over the generated pieces.
    pub bits_hit: f64,
}

/// What one judge says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Of all clips, each by a judge that was trained on other songs.
    pub cross_validated: JudgeReport,
    /// Of the clips of songs kept apart, by the very judge that judges generated music: its ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<JudgeReport>,
    /// Of generated pieces.
    pub generated: JudgeReport,
    /// Of generated pieces, had each been asked for what another was: the floor.
    pub shuffled: JudgeReport,
    /// Of pieces that were asked for nothing, as if for each quadrant in turn.
    pub unconditional: JudgeReport,
    /// Of pieces of the same network told the published bits of EmoGen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<JudgeReport>,
    /// Of pieces of the same network trained to be told a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<JudgeReport>,
    /// The share of seeds whose Q1 is judged more awake than its Q4, and whose Q2 than its Q3.
    pub pairs: [Share; 2],
}

/// A piece with what it was to be.
struct Asked {
    quadrant: Quadrant,
    music: Music,
    bits_hit: f64,
}

/// All that is judged, in the order of the quadrants.
struct Generated {
    asked: Vec<Asked>,
    unconditional: Vec<Asked>,
    published: Vec<Asked>,
    label: Vec<Asked>,
}

/// Trains the judges and judges what `model` writes.
///
/// # Errors
/// Where no labelled music is found, or `progress` says to stop.
pub fn judge(
    model: &PianoModel,
    options: &JudgeOptions,
    progress: &dyn Progress,
) -> Result<PianoJudgement, Error> {
    let clips = clips(&options.data)?;
    let songs = songs(&clips, options.seed);
    let sequence = sequence_judges(&clips, &songs, options, progress)?;
    let generated = generate(model, &clips, options, progress)?;
    let bits = generated.asked.iter().map(|piece| piece.bits_hit);
    Ok(PianoJudgement {
        clips: clips.len(),
        songs: songs.len(),
        bits_hit: bits.sum::<f64>() / generated.asked.len().max(1) as f64,
        tree: by_tree(&clips, &songs, &generated, options.seed.derive("judge"))?,
        sequence: by_sequence(&sequence, &generated, options.seed)?,
    })
}

impl PianoJudgement {
    /// Writes `judgement.json` into a folder, which is made where it is missing; gives its path.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = folder.join("judgement.json");
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let json = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        write_atomic(&path, json.as_bytes()).map_err(failed)?;
        Ok(path)
    }
}

/// The songs in the order in which they are dealt out.
fn songs(clips: &[Clip], seed: Seed) -> Vec<String> {
    let mut songs: Vec<String> = clips.iter().map(|clip| clip.song.clone()).collect();
    songs.sort_unstable();
    songs.dedup();
    let seed = seed.derive("judge");
    seed.derive("kept apart").rng().shuffle(&mut songs);
    songs
}

fn by_tree(
    clips: &[Clip],
    songs: &[String],
    generated: &Generated,
    seed: Seed,
) -> Result<Verdict, Error> {
    let described = |clip: &Clip| tree::Clip {
        features: clip.music.row.clone(),
        quadrant: clip.quadrant,
        song: clip.song.clone(),
    };
    let all: Vec<tree::Clip> = clips.iter().map(described).collect();
    let kept_apart = &songs[..songs.len() / KEPT_APART];
    let (apart, known): (Vec<&tree::Clip>, Vec<&tree::Clip>) =
        all.iter().partition(|clip| kept_apart.contains(&clip.song));
    let judge = Judge::train(&known, seed)?;
    let rows: Vec<Vec<f64>> = apart.iter().map(|clip| clip.features.clone()).collect();
    let real = apart.iter().zip(judge.judge(&rows)?);
    let real = real.map(|(clip, votes)| Judged {
        asked: clip.quadrant,
        votes,
    });
    let real = JudgeReport::of(&real.collect::<Vec<_>>());
    let cross_validated = JudgeReport::of(&cross_validated(&all, FOLDS, seed)?);
    let judge = |pieces: &[Asked]| {
        let rows: Vec<Vec<f64>> = pieces.iter().map(|it| it.music.row.clone()).collect();
        Ok(judge.judge(&rows)?)
    };
    verdict(cross_validated, Some(real), generated, seed, &judge)
}

/// Judges by notes, each of which knows all songs but a part, and what they say of the songs that they do not know.
struct SequenceJudges {
    judges: Vec<SequenceJudge>,
    real: Vec<Judged>,
}

fn sequence_judges(
    clips: &[Clip],
    songs: &[String],
    options: &JudgeOptions,
    progress: &dyn Progress,
) -> Result<SequenceJudges, Error> {
    let part_of = |clip: &Clip| {
        let place = songs.iter().position(|song| *song == clip.song);
        place.unwrap_or(0) % FOLDS
    };
    let mut found = SequenceJudges {
        judges: Vec::new(),
        real: Vec::new(),
    };
    for part in 0..FOLDS {
        let to_stop_by = (part + 1) % FOLDS;
        let of = |may: &dyn Fn(usize) -> bool| -> Vec<(&Heard, Quadrant)> {
            let some = clips.iter().filter(|clip| may(part_of(clip)));
            some.map(|clip| (&clip.music.notes, clip.quadrant))
                .collect()
        };
        let judge = SequenceJudge::train(
            &of(&|other| other != part && other != to_stop_by),
            &of(&|other| other == to_stop_by),
            options.seed.derive(&format!("sequence judge {part}")),
            &options.folder.join(format!("sequence-judge-{part}")),
            progress,
        )?;
        let unknown = of(&|other| other == part);
        let notes: Vec<&Heard> = unknown.iter().map(|(notes, _)| *notes).collect();
        let judged = judge.judge(&notes)?.into_iter().zip(&unknown);
        found.real.extend(judged.map(|(votes, (_, asked))| Judged {
            asked: *asked,
            votes,
        }));
        found.judges.push(judge);
    }
    Ok(found)
}

fn by_sequence(
    judges: &SequenceJudges,
    generated: &Generated,
    seed: Seed,
) -> Result<Verdict, Error> {
    let judge = |pieces: &[Asked]| {
        let notes: Vec<&Heard> = pieces.iter().map(|piece| &piece.music.notes).collect();
        let mut sums = vec![[0.0; 4]; pieces.len()];
        for judge in &judges.judges {
            for (sum, votes) in sums.iter_mut().zip(judge.judge(&notes)?) {
                for (sum, vote) in sum.iter_mut().zip(votes) {
                    *sum += vote / FOLDS as f64;
                }
            }
        }
        Ok(sums)
    };
    let seed = seed.derive("judge");
    verdict(JudgeReport::of(&judges.real), None, generated, seed, &judge)
}

/// How likely each quadrant is, for each piece.
type Hearing<'a> = dyn Fn(&[Asked]) -> Result<Vec<[f64; 4]>, Error> + 'a;

fn verdict(
    cross_validated: JudgeReport,
    real: Option<JudgeReport>,
    generated: &Generated,
    seed: Seed,
    judge: &Hearing,
) -> Result<Verdict, Error> {
    let judged = |pieces: &[Asked]| -> Result<Vec<Judged>, Error> {
        let asked = pieces.iter().map(|piece| piece.quadrant);
        let judged = asked.zip(judge(pieces)?);
        Ok(judged
            .map(|(asked, votes)| Judged { asked, votes })
            .collect())
    };
    let some = |pieces: &[Asked]| -> Result<Option<JudgeReport>, Error> {
        if pieces.is_empty() {
            return Ok(None);
        }
        Ok(Some(JudgeReport::of(&judged(pieces)?)))
    };
    let all = judged(&generated.asked)?;
    let mut labels: Vec<Quadrant> = all.iter().map(|judged| judged.asked).collect();
    seed.derive("shuffled").rng().shuffle(&mut labels);
    let shuffled = all.iter().zip(labels);
    let shuffled = shuffled.map(|(judged, asked)| Judged { asked, ..*judged });
    let of = |quadrant: Quadrant| -> Vec<Judged> {
        let own = all.iter().filter(|judged| judged.asked == quadrant);
        own.copied().collect()
    };
    Ok(Verdict {
        cross_validated,
        real,
        generated: JudgeReport::of(&all),
        shuffled: JudgeReport::of(&shuffled.collect::<Vec<_>>()),
        unconditional: JudgeReport::of(&judged(&generated.unconditional)?),
        published: some(&generated.published)?,
        label: some(&generated.label)?,
        pairs: [
            pairs_in_order(&of(Quadrant::Q1), &of(Quadrant::Q4)),
            pairs_in_order(&of(Quadrant::Q2), &of(Quadrant::Q3)),
        ],
    })
}

/// What a quadrant is asked as.
fn emotion_of(quadrant: Quadrant) -> Emotion {
    let towards = |positive: bool| if positive { ASKED } else { -ASKED };
    let (valence, arousal) = (
        towards(quadrant.is_pleasant()),
        towards(quadrant.is_awake()),
    );
    Emotion::from(Vad::clamped(valence, arousal, 0.0))
}

fn generate(
    model: &PianoModel,
    clips: &[Clip],
    options: &JudgeOptions,
    progress: &dyn Progress,
) -> Result<Generated, Error> {
    let seeds = |count: usize| -> Vec<Seed> {
        let seed = |at: usize| options.seed.derive(&format!("judged {at}"));
        (0..count).map(seed).collect()
    };
    let each = |count: usize, write: &Write| {
        let jobs: Vec<(Quadrant, Seed)> = Quadrant::ALL
            .iter()
            .flat_map(|quadrant| seeds(count).into_iter().map(|seed| (*quadrant, seed)))
            .collect();
        written(&jobs, write, progress)
    };
    let nothing = Ranks([None; ATTRIBUTES]);
    let label = match &options.label {
        Some(label) if options.baselines > 0 => {
            let clips: Vec<&Clip> = clips.iter().collect();
            let (seed, folder) = (options.seed.derive("label"), options.folder.join("label"));
            let model = LabelModel::train(model, &clips, label, seed, &folder, progress)?;
            each(options.baselines, &|quadrant, mut request| {
                let ranks = model.told(quadrant, &mut request);
                model.model().compose_told(&request, &ranks, &Silent)
            })?
        }
        _ => Vec::new(),
    };
    let in_turn = seeds(options.pieces)
        .into_iter()
        .zip(Quadrant::ALL.iter().cycle());
    let in_turn: Vec<(Quadrant, Seed)> = in_turn.map(|(seed, it)| (*it, seed)).collect();
    Ok(Generated {
        asked: each(options.pieces, &|quadrant, request| {
            let request = PianoRequest {
                emotion: emotion_of(quadrant),
                candidates: options.candidates,
                guidance: options.guidance,
                ..request
            };
            model.compose_with(&request, &PianoSources::default(), &Silent)
        })?,
        unconditional: written(
            &in_turn,
            &|_, request| model.compose_told(&request, &nothing, &Silent),
            progress,
        )?,
        published: each(options.baselines, &|quadrant, mut request| {
            let ranks = baselines::published(model, quadrant, &mut request);
            model.compose_told(&request, &ranks, &Silent)
        })?,
        label,
    })
}

/// Writes a piece of a quadrant.
type Write<'a> = dyn Fn(Quadrant, PianoRequest) -> Result<PianoComposition, Error> + Sync + 'a;

/// The pieces of some jobs, each from one candidate told as the network learned, where `write` asks for nothing else.
fn written(
    jobs: &[(Quadrant, Seed)],
    write: &Write,
    progress: &dyn Progress,
) -> Result<Vec<Asked>, Error> {
    let done = AtomicUsize::new(0);
    let piece = |(quadrant, seed): &(Quadrant, Seed)| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let request = PianoRequest {
            seed: *seed,
            bars: Some(BARS),
            candidates: 1,
            guidance: 1.0,
            ..PianoRequest::default()
        };
        let composition = write(*quadrant, request)?;
        let count = 1 + done.fetch_add(1, Ordering::Relaxed);
        progress.step(Stage::Evaluate, count, jobs.len());
        Ok(Asked {
            quadrant: *quadrant,
            music: Music::of(&played(&composition.score)),
            bits_hit: composition.measured.bits_hit,
        })
    };
    jobs.par_iter().map(piece).collect()
}

fn played(score: &Score) -> Performance {
    let grid = GridPiece::of_score(score).unwrap_or_default();
    performed(&grid, score.tempo().bpm())
}
