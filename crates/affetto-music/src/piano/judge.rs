//! What a judge of emotion, trained on labelled clips, says of generated pieces: Kang et al. (2023), section 4, with the
//! anchors that make its figures mean something.
//!
//! Real and generated music is heard in the same form: as played, 40 seconds at the most, on the grid of the tokens at 120
//! quarters a minute. The judge does not hear the attributes that music is asked for.

use std::path::{Path, PathBuf};

use affetto_attributes::{
    judge::{Clip, Judge, JudgeReport, Judged, Share, cross_validated, pairs_in_order, row},
    map::{Quadrant, read_labels},
};
use affetto_core::{Progress, Seed, Silent, Stage, write_atomic};
use affetto_emotion::{Emotion, Vad};
use affetto_media::{
    Limits, Metre,
    midi::{Performance, read_performance},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    compose::{PianoModel, PianoSources},
    condition::PianoRequest,
    grid::{Span, Struck, place},
    measure::performed,
    tokens::TempoStep,
};
use crate::{
    Error,
    corpus::{self, archive},
};

/// No more than so many seconds are heard.
const SECONDS: f64 = 40.0;
/// Quarters a minute of what is heard.
const HEARD_BPM: f64 = 120.0;
/// Songs are dealt out into so many parts for cross-validation.
const FOLDS: usize = 5;
/// One song of so many is kept apart to say how well the judge does on real music.
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
    /// Pieces to generate for each quadrant.
    pub pieces: usize,
    /// How many candidates each is chosen from.
    pub candidates: usize,
    /// The seed of everything.
    pub seed: Seed,
}

/// What the judge says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PianoJudgement {
    /// Clips and songs that the judge was trained on and tried on.
    pub clips: usize,
    /// See `clips`.
    pub songs: usize,
    /// Of all clips, each by a judge that was trained on other songs.
    pub cross_validated: JudgeReport,
    /// Of the clips of songs kept apart, by the judge that judges generated music: its ceiling.
    pub real: JudgeReport,
    /// Of generated pieces.
    pub generated: JudgeReport,
    /// Of generated pieces, had each been asked for what another was: the floor.
    pub shuffled: JudgeReport,
    /// Of pieces that were asked for nothing, as if for each quadrant in turn.
    pub unconditional: JudgeReport,
    /// The share of seeds whose Q1 is judged more awake than its Q4, and whose Q2 than its Q3.
    pub pairs: [Share; 2],
    /// The share of asked attributes that lie on the asked side of the middle, over the generated pieces.
    pub bits_hit: f64,
}

/// Trains a judge and judges what `model` writes.
///
/// # Errors
/// Where no labelled music is found, or `progress` says to stop.
pub fn judge(
    model: &PianoModel,
    options: &JudgeOptions,
    progress: &dyn Progress,
) -> Result<PianoJudgement, Error> {
    let clips = clips(&options.data)?;
    let mut songs: Vec<String> = clips.iter().map(|clip| clip.song.clone()).collect();
    songs.sort_unstable();
    songs.dedup();
    let all_songs = songs.len();
    let seed = options.seed.derive("judge");
    seed.derive("kept apart").rng().shuffle(&mut songs);
    songs.truncate(all_songs / KEPT_APART);
    let (apart, known): (Vec<&Clip>, Vec<&Clip>) =
        clips.iter().partition(|clip| songs.contains(&clip.song));
    let judge = Judge::train(&known, seed)?;
    let rows: Vec<Vec<f64>> = apart.iter().map(|clip| clip.features.clone()).collect();
    let real = apart
        .iter()
        .zip(judge.judge(&rows)?)
        .map(|(clip, votes)| Judged {
            asked: clip.quadrant,
            votes,
        });
    let real = JudgeReport::of(&real.collect::<Vec<_>>());
    let mut by_quadrant = Vec::new();
    let mut bits = Vec::new();
    for quadrant in Quadrant::ALL {
        let (rows, hits) = generated(model, Some(quadrant), options, progress)?;
        bits.extend(hits);
        let judged = judge.judge(&rows)?.into_iter();
        by_quadrant.push(
            judged
                .map(|votes| Judged {
                    asked: quadrant,
                    votes,
                })
                .collect::<Vec<_>>(),
        );
    }
    let (rows, _) = generated(model, None, options, progress)?;
    let unasked = judge
        .judge(&rows)?
        .into_iter()
        .enumerate()
        .map(|(at, votes)| Judged {
            asked: Quadrant::ALL[at % 4],
            votes,
        });
    let all: Vec<Judged> = by_quadrant.iter().flatten().copied().collect();
    let mut labels: Vec<Quadrant> = all.iter().map(|judged| judged.asked).collect();
    seed.derive("shuffled").rng().shuffle(&mut labels);
    let shuffled = all
        .iter()
        .zip(labels)
        .map(|(judged, asked)| Judged { asked, ..*judged });
    Ok(PianoJudgement {
        clips: clips.len(),
        songs: all_songs,
        cross_validated: JudgeReport::of(&cross_validated(&clips, FOLDS, seed)?),
        real,
        generated: JudgeReport::of(&all),
        shuffled: JudgeReport::of(&shuffled.collect::<Vec<_>>()),
        unconditional: JudgeReport::of(&unasked.collect::<Vec<_>>()),
        pairs: [
            pairs_in_order(&by_quadrant[0], &by_quadrant[3]),
            pairs_in_order(&by_quadrant[1], &by_quadrant[2]),
        ],
        bits_hit: bits.iter().sum::<f64>() / bits.len().max(1) as f64,
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

/// What a quadrant is asked as.
fn emotion_of(quadrant: Quadrant) -> Emotion {
    let towards = |positive: bool| if positive { ASKED } else { -ASKED };
    let (valence, arousal) = (
        towards(quadrant.is_pleasant()),
        towards(quadrant.is_awake()),
    );
    Emotion::from(Vad::clamped(valence, arousal, 0.0))
}

/// The judge's rows of generated pieces, and the share of asked attributes that each hit. Without a quadrant nothing is
/// asked of them.
fn generated(
    model: &PianoModel,
    quadrant: Option<Quadrant>,
    options: &JudgeOptions,
    progress: &dyn Progress,
) -> Result<(Vec<Vec<f64>>, Vec<f64>), Error> {
    let written = (0..options.pieces)
        .map(|at| {
            let seed = options.seed.derive(&format!("judged {at}"));
            let mut request = PianoRequest {
                seed,
                bars: Some(BARS),
                candidates: options.candidates,
                ..PianoRequest::default()
            };
            match quadrant {
                Some(quadrant) => request.emotion = emotion_of(quadrant),
                None => request.candidates = 1,
            }
            let sources = PianoSources::default();
            let composition = match quadrant {
                Some(_) => model.compose_with(&request, &sources, &Silent)?,
                None => model.compose_unasked(&request, &Silent)?,
            };
            progress.step(Stage::Evaluate, at + 1, options.pieces);
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let heard = heard(&played(&composition.score));
            Ok((row(&heard), composition.measured.bits_hit))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(written.into_iter().unzip())
}

fn played(score: &affetto_media::Score) -> Performance {
    let grid = super::grid::GridPiece::of_score(score).unwrap_or_default();
    performed(&grid, score.tempo().bpm())
}

/// The first forty seconds on the grid at 120 quarters a minute, whatever the tempo: what real and generated music is
/// judged by.
pub fn heard(performance: &Performance) -> Performance {
    let clock = performance.clock();
    let quarters = |tick: u64| clock.seconds(tick) * HEARD_BPM / 60.0;
    let first = performance.notes.iter().map(|note| note.onset_tick).min();
    let begin = quarters(first.unwrap_or(0));
    let end = begin + SECONDS * HEARD_BPM / 60.0;
    let tempo = TempoStep::of_bpm(HEARD_BPM);
    let span = |bar: usize| Span {
        metre: Metre::COMMON,
        tempo,
        onset: 4.0 * bar as f64,
    };
    let bars = (SECONDS * HEARD_BPM / 60.0 / 4.0).ceil() as usize;
    let notes: Vec<Struck> = performance
        .notes
        .iter()
        .map(|note| (note, quarters(note.onset_tick), quarters(note.end_tick)))
        .filter(|(_, onset, _)| *onset < end)
        .map(|(note, onset, until)| Struck {
            onset: onset - begin,
            end: until.min(end) - begin,
            pitch: note.pitch,
            velocity: note.velocity,
        })
        .collect();
    let piece = place(&(0..bars).map(span).collect::<Vec<_>>(), &notes);
    performed(&piece, HEARD_BPM)
}

/// The clips of an archive or a folder.
fn clips(data: &Path) -> Result<Vec<Clip>, Error> {
    let labels = data.join("labels.csv");
    if labels.is_file() {
        return labelled(data, &labels);
    }
    let folders = [
        data.to_path_buf(),
        data.join("music"),
        data.join("../music"),
    ];
    let archive = match data.is_file() {
        true => Some(data.to_path_buf()),
        false => archive::find(&folders, ARCHIVE),
    };
    let Some(archive) = archive else {
        return Err(corpus::Error::NoData {
            folder: data.into(),
        }
        .into());
    };
    let entries = archive::read(&archive)?;
    let clip = |entry: &archive::Entry| {
        let name = corpus::file_stem(&entry.path);
        let quadrant = quadrant_of(&name).filter(|_| entry.path.ends_with(".mid"))?;
        let song = name.get(3..)?.rsplit_once('_')?.0.to_owned();
        clip_of(&entry.bytes, quadrant, song)
    };
    Ok(entries.par_iter().filter_map(clip).collect())
}

/// The clips of EMOPIA (Hung et al. 2021), named by quadrant, song and number: `Q1_0vLPYiPN7qY_0.mid`.
const ARCHIVE: &str = "emopia_train_val.tar.xz";

fn quadrant_of(name: &str) -> Option<Quadrant> {
    Quadrant::ALL.into_iter().find(|quadrant| {
        let rest = name.strip_prefix(quadrant.name());
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

fn clip_of(bytes: &[u8], quadrant: Quadrant, song: String) -> Option<Clip> {
    let performance = read_performance(bytes, &Limits::DEFAULT).ok()?;
    (!performance.notes.is_empty()).then(|| Clip {
        features: row(&heard(&performance)),
        quadrant,
        song,
    })
}

fn labelled(folder: &Path, labels: &Path) -> Result<Vec<Clip>, Error> {
    let pieces = read_labels(labels)?;
    let clip = |piece: &affetto_attributes::map::LabelledPiece| {
        let quadrant = Quadrant::of(piece.point)?;
        let bytes = std::fs::read(folder.join(&piece.path)).ok()?;
        clip_of(&bytes, quadrant, piece.song.clone())
    };
    Ok(pieces.par_iter().filter_map(clip).collect())
}
