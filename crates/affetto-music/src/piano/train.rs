//! Training the piano models.

use std::path::{Path, PathBuf};

use affetto_attributes::{Critic, RunMarks, forest::FOLDS};
use affetto_core::{Progress, Seed, sha256_hex, write_atomic};
use affetto_media::Score;
use affetto_nn::{
    NnError,
    sample::Sampling,
    train::{self as training, Decay, TrainSettings, Trainee, TrainingData},
    weights::{Precision, TensorFile, Weights},
};
use candle_core::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    card::{attribution, card},
    condition::{USUAL_CANDIDATES, USUAL_GUIDANCE, USUAL_TOP_P},
    corpus::{self, Corpus, Options, Source, Window},
    critic,
    evaluate::{Evaluation, Writing, evaluate, write_like},
    grid::GridPiece,
    levels::Levels,
    model::{Batch, Config, Decoder, Example, ModelSize, Network},
    profile::Statistics,
    tokens::{KEYBOARD, Style, TokenError},
};
use crate::{
    Error,
    dataset::epoch,
    packing::{first, pack},
};

/// What to train and where.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// A folder with the archives that the model card names, or with anybody's piano music.
    pub data: PathBuf,
    /// Leaves POP909 out.
    pub without_pop909: bool,
    /// How large the network is.
    pub size: ModelSize,
    /// The folder that the finished model is written to.
    pub out: PathBuf,
    /// The folder of checkpoints and of the prepared windows; training goes on from what is there.
    pub checkpoint: PathBuf,
    /// Stops after so many minutes; the checkpoint stays.
    pub max_minutes: Option<f64>,
    /// Ends after so many steps in all; a later call may go on to more.
    pub steps: Option<usize>,
    /// Whether to go on from the checkpoint; else an existing one is an error.
    pub resume: bool,
    /// So many pieces are written at the end, each asked for what a window never trained on has, and measured beside those;
    /// 0 for none.
    pub pieces: usize,
    /// Weights to begin from; used where there is no checkpoint yet.
    pub from: Option<PathBuf>,
    /// Draws the first weights, the order of windows and what is varied in them.
    pub seed: Seed,
}

/// What came of it; written beside the weights.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    /// The word for the size.
    pub size: &'static str,
    /// How many parameters it has.
    pub parameters: usize,
    /// Optimiser steps taken in all.
    pub steps: usize,
    /// The step of the weights that were kept.
    pub best_step: usize,
    /// The SHA-256 of the weights that the first step began from, where they were named; their own steps are not counted.
    pub begun_from: Option<String>,
    /// Songs to train on, to choose by, to measure on.
    pub songs: [usize; 3],
    /// Windows to train on, to choose by, to measure on.
    pub windows: [usize; 3],
    /// The sources that songs came from.
    pub sources: Vec<Source>,
    /// Tokens in the windows to train on, before anything is varied; windows overlap by half.
    pub training_tokens: usize,
    /// Mean negative log-likelihood of a token (nats) of the windows to choose by.
    pub valid_loss: f64,
    /// The same of the songs never trained on.
    pub test_loss: Losses,
    /// What pieces written at the end are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// SHA-256 of the weights as written.
    pub sha256: String,
}

/// Mean negative log-likelihoods of a token, in nats, on the same windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// The trained network, told the attributes of each window.
    pub told: f64,
    /// The same, told those of another window of the same style.
    pub told_others: f64,
    /// The same, told none.
    pub told_none: f64,
    /// The network before training.
    pub untrained: f64,
    /// The trained network, told the attributes, by style.
    pub by_style: Vec<(Style, f64)>,
    /// The same, in nats a note.
    pub per_note: f64,
    /// Tokens measured on.
    pub tokens: usize,
    /// Notes measured on.
    pub notes: usize,
}

/// Padded tokens in a batch, at most.
const BATCH_TOKENS: usize = 4096;
/// Sequences are sorted by length within so many before they are put together.
const SORTED_TOGETHER: usize = 256;
/// Tokens to choose the best weights by, at most: a fixed part of the windows.
const VALID_TOKENS: usize = 60_000;
/// Tokens to measure on at the end, at most.
const TEST_TOKENS: usize = 120_000;
/// Tokens to measure the network on before training.
const FEW_TOKENS: usize = 8_000;
/// How often a window is moved by an octave, where the keyboard has room.
const OCTAVE_SHARE: f64 = 0.3;
/// How often the style is left open.
const STYLE_LEFT_OPEN: f64 = 0.15;
/// The critic is trained on so many pieces for each that is measured at the end, and on so much more music.
const CRITIC_PIECES: usize = 3;
const CRITIC_MUSIC: usize = 3;
/// The rate of a training that begins from weights, as a share of that from drawn ones.
const RATE_FROM_WEIGHTS: f64 = 0.4;
/// A window is at most so many twelfths of an octave faster or slower: an eighth.
const TEMPO_STEPS: i8 = 2;

/// The settings of the training loop. The rate falls with the root of the step, so that training may stop and go on at
/// any time.
fn settings(options: &TrainOptions, begun_from_weights: bool) -> TrainSettings {
    let drawn = match options.size {
        ModelSize::Published => 4e-4,
        ModelSize::Medium => 8e-4,
        ModelSize::Small | ModelSize::Tiny => 1.2e-3,
    };
    TrainSettings {
        seed: options.seed,
        peak_rate: match begun_from_weights {
            true => drawn * RATE_FROM_WEIGHTS,
            false => drawn,
        },
        floor: 0.02,
        warmup_steps: 400,
        decay: Decay::InverseSqrt,
        weight_decay: 0.05,
        steps: options.steps.unwrap_or(200_000),
        evaluate_steps: 300,
        patience: 25,
        checkpoint_minutes: 5.0,
        max_minutes: options.max_minutes,
        ..TrainSettings::default()
    }
}

/// Trains until the held-out loss stops falling or time is up, then writes the best weights, their configuration, what
/// is low and high of each attribute, report and card.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, Error> {
    let checkpoint = options.checkpoint.join(training::CHECKPOINT);
    if checkpoint.exists() && !options.resume {
        return Err(Error::Checkpoint { path: checkpoint });
    }
    let sources = Options {
        without_pop909: options.without_pop909,
    };
    let corpus = corpus::read(&options.data, sources, &options.checkpoint, progress)?;
    if corpus.train.is_empty() || corpus.valid.is_empty() {
        return Err(Error::TooFewSongs {
            songs: corpus.songs.iter().sum(),
        });
    }
    progress.note(&described(&corpus));
    let config = Config::of(options.size);
    let weights = Weights::drawn(options.seed.derive("weights"), &Device::Cpu);
    let network = Network::new(&config, &weights.root())?;
    let few = Measured::new(&corpus.test, FEW_TOKENS, &corpus)?;
    let untrained = few.loss(&network, &config, Told::Own)?;
    let begun_from = training::begin_from(&weights, options.from.as_deref(), &options.checkpoint)?;
    let data = Data {
        corpus: &corpus,
        config: &config,
    };
    let valid = Measured::new(&corpus.valid, VALID_TOKENS, &corpus)?;
    let report = training::train(
        &network,
        &weights,
        &data,
        &valid.batches(&config, Told::Own)?,
        &settings(options, begun_from.is_some()),
        &options.checkpoint,
        progress,
    )?;
    if report.stop == training::Stop::Cancelled {
        return Err(Error::Cancelled);
    }
    weights.import(&TensorFile::read(&options.checkpoint.join(training::BEST))?)?;
    let test = Measured::new(&corpus.test, TEST_TOKENS, &corpus)?;
    let best = report.best;
    let mut statistics = Statistics::of(&corpus.train, corpus::SPLIT);
    let evaluation = evaluation(
        options,
        &config,
        &weights,
        &corpus,
        &mut statistics,
        progress,
    )?;
    let written = TrainReport {
        size: options.size.name(),
        parameters: weights.count(),
        steps: report.step,
        best_step: best.map_or(0, |best| best.step),
        begun_from,
        songs: corpus.songs,
        windows: [&corpus.train, &corpus.valid, &corpus.test].map(Vec::len),
        sources: corpus.sources.clone(),
        training_tokens: Corpus::tokens(&corpus.train),
        valid_loss: best.map_or(f64::NAN, |best| f64::from(best.held_out_loss)),
        test_loss: test.losses(&network, &config, untrained)?,
        evaluation,
        sha256: String::new(),
    };
    write(
        &options.out,
        &config,
        &weights,
        &corpus,
        &statistics,
        written,
    )
}

/// Trains the critic, writes pieces like windows never trained on with its help, and measures both; neither where there
/// are too few.
fn evaluation(
    options: &TrainOptions,
    config: &Config,
    weights: &Weights,
    corpus: &Corpus,
    statistics: &mut Statistics,
    progress: &dyn Progress,
) -> Result<Option<Evaluation>, Error> {
    let held_out = some(&corpus.test, "evaluated", options.pieces);
    if held_out.len() < 2 * FOLDS {
        return Ok(None);
    }
    let network = Decoder::new(config, weights.export()?)?;
    let seed = |name| options.seed.derive(name);
    let lines: Vec<Score> = corpus
        .train
        .par_iter()
        .map(|window| window.piece.top_line())
        .collect();
    statistics.marks = Some(RunMarks::new(&lines));
    drop(lines);
    let writing = usual(&network, statistics, seed("critic"));
    let critic = trained_critic(&corpus.train, options.pieces, &writing, progress)?;
    statistics.critic = Some(critic);
    let writing = usual(&network, statistics, seed("evaluated"));
    let generated = write_like(&held_out, options.pieces, &writing, progress)?;
    let (train, quantiles) = (&corpus.train, &statistics.quantiles);
    let told_apart = seed("told apart");
    Ok(Some(evaluate(
        &generated, &held_out, train, quantiles, told_apart,
    )?))
}

/// How pieces are written where nothing else is said.
fn usual<'a>(network: &'a Decoder, statistics: &'a Statistics, seed: Seed) -> Writing<'a> {
    Writing {
        network,
        known: statistics.known(),
        candidates: USUAL_CANDIDATES,
        // A critic hears of an end what the network makes of it.
        ends: statistics.critic.is_some(),
        guidance: USUAL_GUIDANCE,
        sampling: Sampling {
            top_p: USUAL_TOP_P,
            ..Sampling::default()
        },
        seed,
    }
}

/// A critic that tells music to train on from as much that is written when asked for what that music has; `pieces` are
/// measured at the end.
fn trained_critic(
    train: &[Window],
    pieces: usize,
    writing: &Writing<'_>,
    progress: &dyn Progress,
) -> Result<Critic, Error> {
    let music = some(train, "critic", CRITIC_MUSIC * CRITIC_PIECES * pieces);
    let windows = &music[..music.len().min(CRITIC_PIECES * pieces)];
    let written = write_like(windows, windows.len(), writing, progress)?;
    let written: Vec<&GridPiece> = written.iter().map(|(piece, _)| piece).collect();
    let music: Vec<&GridPiece> = music.iter().map(|window| &window.piece).collect();
    critic::train(&music, &written, writing.seed)
}

/// Some windows, drawn by a name: the first are the same however many there are.
fn some<'a>(windows: &'a [Window], name: &str, most: usize) -> Vec<&'a Window> {
    let mut windows: Vec<&Window> = windows.iter().collect();
    corpus::SPLIT.derive(name).rng().shuffle(&mut windows);
    windows.truncate(most);
    windows
}

fn described(corpus: &Corpus) -> String {
    let [train, valid, test] = corpus.songs;
    format!(
        "{train} pieces to train on in {} windows of {:.1} million tokens, {valid} to choose by, {test} to measure on",
        corpus.train.len(),
        Corpus::tokens(&corpus.train) as f64 * 1e-6,
    )
}

fn write(
    folder: &Path,
    config: &Config,
    weights: &Weights,
    corpus: &Corpus,
    statistics: &Statistics,
    report: TrainReport,
) -> Result<TrainReport, Error> {
    let failed = |path: PathBuf| move |source| Error::Write { path, source };
    std::fs::create_dir_all(folder).map_err(failed(folder.into()))?;
    let bytes = weights.export()?.to_bytes(Precision::F16)?;
    let report = TrainReport {
        sha256: sha256_hex(&bytes),
        ..report
    };
    let json = |value: serde_json::Result<Vec<u8>>| value.unwrap_or_default();
    let card = card(&report, bytes.len());
    let files = [
        ("card.md", card.into_bytes()),
        ("attribution.md", attribution(corpus).into_bytes()),
        ("model.safetensors", bytes),
        ("config.json", config.to_json()?.into_bytes()),
        ("statistics.json", json(serde_json::to_vec(statistics))),
        ("report.json", json(serde_json::to_vec_pretty(&report))),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        write_atomic(&path, &bytes).map_err(failed(path.clone()))?;
    }
    Ok(report)
}

/// Whose attributes a network is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Own,
    Others,
    None,
}

/// Windows to measure on, spread over the songs, with their levels.
struct Measured {
    windows: Vec<(Window, Levels)>,
}

impl Measured {
    fn new(all: &[Window], most_tokens: usize, corpus: &Corpus) -> Result<Self, Error> {
        let mut shuffled: Vec<&Window> = all.iter().collect();
        corpus::SPLIT
            .derive("measured")
            .rng()
            .shuffle(&mut shuffled);
        let chosen = first(&shuffled, most_tokens, |window| window.tokens());
        let level = |window: &&Window| {
            let levels = corpus.quartiles.levels_of(&window.piece);
            ((*window).clone(), levels)
        };
        Ok(Self {
            windows: chosen.par_iter().map(level).collect(),
        })
    }

    fn levels(&self, at: usize, told: Told) -> Levels {
        match told {
            Told::Own => self.windows[at].1,
            Told::None => Levels::OPEN,
            Told::Others => self.windows[self.other(at)].1,
        }
    }

    /// The next window of the same style, of the first after the last; by the shuffle one of another song, mostly.
    fn other(&self, at: usize) -> usize {
        let count = self.windows.len();
        let style = self.windows[at].0.style;
        let others = (1..count).map(|step| (at + step) % count);
        let same = |other: &usize| self.windows[*other].0.style == style;
        others.into_iter().find(same).unwrap_or(at)
    }

    fn batches(&self, config: &Config, told: Told) -> Result<Vec<Batch>, Error> {
        self.batches_of(&(0..self.windows.len()).collect::<Vec<_>>(), config, told)
    }

    fn batches_of(
        &self,
        which: &[usize],
        config: &Config,
        told: Told,
    ) -> Result<Vec<Batch>, Error> {
        let mut order = which.to_vec();
        order.sort_by_key(|at| self.windows[*at].0.tokens());
        let packs = pack(&order, BATCH_TOKENS, |at| self.windows[at].0.tokens());
        let batch = |items: Vec<usize>| {
            let example =
                |at: &usize| Example::new(&self.windows[*at].0, &self.levels(*at, told), config);
            let examples: Vec<Example> = items.iter().map(example).collect::<Result<_, _>>()?;
            Ok(Batch::pad(&examples, config).map_err(NnError::from)?)
        };
        packs.into_iter().map(batch).collect()
    }

    fn loss(&self, network: &Network, config: &Config, told: Told) -> Result<f64, Error> {
        Ok(loss(network, &self.batches(config, told)?)?.0)
    }

    fn losses(&self, network: &Network, config: &Config, untrained: f64) -> Result<Losses, Error> {
        let (told, tokens) = loss(network, &self.batches(config, Told::Own)?)?;
        let notes: usize = self
            .windows
            .iter()
            .map(|(window, _)| window.piece.notes())
            .sum();
        let mut by_style = Vec::new();
        for style in Style::ALL {
            let of_style = |at: &usize| self.windows[*at].0.style == Some(style);
            let which: Vec<usize> = (0..self.windows.len()).filter(of_style).collect();
            if !which.is_empty() {
                let batches = self.batches_of(&which, config, Told::Own)?;
                by_style.push((style, loss(network, &batches)?.0));
            }
        }
        Ok(Losses {
            told,
            told_others: self.loss(network, config, Told::Others)?,
            told_none: self.loss(network, config, Told::None)?,
            untrained,
            by_style,
            per_note: told * tokens as f64 / notes.max(1) as f64,
            tokens,
            notes,
        })
    }
}

/// The mean negative log-likelihood of a token, and the number of tokens.
fn loss(network: &Network, batches: &[Batch]) -> Result<(f64, usize), NnError> {
    let (mut sum, mut count) = (0.0, 0);
    for batch in batches {
        let tokens = network.tokens(batch);
        let loss = network.loss(batch, None)?.to_scalar::<f32>()?;
        sum += f64::from(loss) * tokens as f64;
        count += tokens;
    }
    Ok((sum / count.max(1) as f64, count))
}

struct Data<'a> {
    corpus: &'a Corpus,
    config: &'a Config,
}

/// Which windows, and the seed of what is varied in them.
struct Index {
    items: Vec<usize>,
    seed: Seed,
}

impl TrainingData for Data<'_> {
    type Index = Index;
    type Batch = Batch;

    fn epoch(&self, seed: Seed) -> Vec<Index> {
        let windows = &self.corpus.train;
        let weights: Vec<f64> = windows
            .iter()
            .map(|window| f64::from(window.weight))
            .collect();
        let lengths: Vec<usize> = windows.iter().map(|window| self.length(window)).collect();
        let mut order = epoch(&weights, seed);
        for together in order.chunks_mut(SORTED_TOGETHER) {
            together.sort_by_key(|at| lengths[*at]);
        }
        let mut packs = pack(&order, BATCH_TOKENS, |at| lengths[at]);
        seed.derive("batches").rng().shuffle(&mut packs);
        let index = |(at, items): (usize, Vec<usize>)| Index {
            items,
            seed: seed.derive(&format!("batch {at}")),
        };
        packs.into_iter().enumerate().map(index).collect()
    }

    fn batch(&self, index: &Index) -> Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        let examples: Vec<Example> = index
            .items
            .par_iter()
            .enumerate()
            .map(|(at, item)| {
                let seed = index.seed.derive(&format!("item {at}"));
                self.example(&self.corpus.train[*item], seed)
            })
            .collect::<Result<_, _>>()?;
        Ok(Batch::pad(&examples, self.config)?)
    }
}

impl Data<'_> {
    /// About how many tokens the network reads of a window.
    fn length(&self, window: &Window) -> usize {
        if self.config.forced_tokens() {
            return window.tokens();
        }
        let bars = window.piece.bars.len();
        let onsets = (window.tokens() - 2 - 3 * bars - 3 * window.piece.notes()) / 2;
        1 + bars + onsets + 3 * window.piece.notes()
    }

    /// The window moved by chance in register and tempo, with the attributes that it then has, some left open.
    fn example(&self, window: &Window, seed: Seed) -> Result<Example, TokenError> {
        let mut rng = seed.rng();
        let octave = match rng.uniform() {
            share if share < OCTAVE_SHARE / 2.0 => 12,
            share if share < OCTAVE_SHARE => -12,
            _ => 0,
        };
        let moved = window.piece.transposed(octave).filter(|piece| {
            let mut pitches = piece.bars.iter().flat_map(|bar| &bar.notes);
            pitches.all(|note| KEYBOARD.contains(&note.pitch))
        });
        let piece = moved.unwrap_or_else(|| window.piece.clone());
        let steps = rng.below(2 * TEMPO_STEPS as usize + 1) as i8 - TEMPO_STEPS;
        let window = Window {
            piece: piece.with_tempo_moved(steps),
            style: window.style.filter(|_| rng.uniform() >= STYLE_LEFT_OPEN),
            ..window.clone()
        };
        let levels = self.corpus.quartiles.levels_of(&window.piece);
        Example::new(&window, &levels.with_some_left_open(&mut rng), self.config)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Metre, Mode};

    use super::*;
    use crate::piano::{
        grid::{Span, Struck, place},
        levels::Quartiles,
        tokens::TempoStep,
    };

    /// Eight bars of 4/4 with a chord on each quarter, `up` semitones above C3.
    fn window(up: u8, style: Style) -> Window {
        let span = |bar: usize| Span {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
            onset: 4.0 * bar as f64,
        };
        let notes: Vec<Struck> = (0..32)
            .flat_map(|quarter| {
                [48, 60 + quarter % 5].map(|pitch| Struck {
                    onset: f64::from(quarter),
                    end: f64::from(quarter) + 1.0,
                    pitch: pitch + up,
                    velocity: 70,
                })
            })
            .collect();
        Window {
            piece: place(&(0..8).map(span).collect::<Vec<_>>(), &notes),
            before: 0,
            after: 0,
            mode: Mode::Major,
            style: Some(style),
            weight: 1.0,
        }
    }

    fn corpus() -> Corpus {
        let styles = Style::ALL.iter().cycle();
        let train: Vec<Window> = styles
            .zip(0..24)
            .map(|(style, up)| window(up, *style))
            .collect();
        Corpus {
            quartiles: Quartiles::of(&train),
            valid: train[..8].to_vec(),
            train,
            ..Corpus::default()
        }
    }

    #[test]
    fn the_same_index_gives_the_same_batch_and_attributes_are_those_of_what_is_read() {
        let corpus = corpus();
        let config = Config::of(ModelSize::Tiny);
        let data = Data {
            corpus: &corpus,
            config: &config,
        };
        let order = data.epoch(Seed(3));
        assert_eq!(
            order.iter().map(|index| index.items.len()).sum::<usize>(),
            24
        );
        let batch = |index: &Index| data.batch(index).unwrap();
        let (one, again) = (batch(&order[0]), batch(&order[0]));
        assert_eq!(
            (one.tokens, one.conditions),
            (again.tokens, again.conditions)
        );
        let moved: Vec<Example> = (0..40)
            .map(|seed| data.example(&corpus.train[3], Seed(seed)).unwrap())
            .collect();
        let levels_of_pitch: std::collections::BTreeSet<u32> = moved
            .iter()
            .map(|example| example.conditions[11])
            .filter(|level| *level > 0)
            .collect();
        assert!(
            levels_of_pitch.len() > 1,
            "an octave up the mean pitch has another level"
        );
    }

    #[test]
    fn lengths_are_those_of_examples() {
        let corpus = corpus();
        for size in [ModelSize::Tiny, ModelSize::Published] {
            let config = Config::of(size);
            let data = Data {
                corpus: &corpus,
                config: &config,
            };
            let window = &corpus.train[5];
            let example = Example::new(window, &Levels::OPEN, &config).unwrap();
            assert_eq!(data.length(window), example.tokens.len() + 1);
        }
    }

    #[test]
    fn others_are_of_the_same_style() {
        let corpus = corpus();
        let measured = Measured::new(&corpus.valid, 100_000, &corpus).unwrap();
        assert_eq!(measured.windows.len(), 8);
        for at in 0..8 {
            let other = measured.other(at);
            assert_ne!(other, at);
            assert_eq!(
                measured.windows[other].0.style,
                measured.windows[at].0.style
            );
        }
        assert_eq!(measured.levels(2, Told::None), Levels::OPEN);
    }
}
