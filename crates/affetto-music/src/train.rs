//! Training the lead-sheet models on songs.

use std::path::{Path, PathBuf};

use affetto_attributes::forest::FOLDS;
use affetto_core::{Progress, Seed, Silent, sha256_hex, write_atomic};
use affetto_nn::{
    train::{self as training, Decay, TrainSettings, TrainingData},
    weights::{Precision, TensorFile, Weights},
};
use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    card::card,
    condition::LeadSheetRequest,
    dataset::{ConditionDropout, Example as Tokens, epoch},
    measure::{Evaluation, Writing, evaluate, generate_like, train_critic},
    model::{Batch, Decoder, Example, Model, ModelConfig, ModelKind, Seq2Seq, Vocabularies},
    packing::{first, pack},
    songs::Songs,
    statistics::Statistics,
    tokens::{CONDITION_COLUMNS, Sequence, Token, VOCAB, condition_vocab, feature_vocab},
    trigram::Trigram,
};

/// What to train and where.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// A folder with the archives that the model card names, or with anybody's lead sheets.
    pub data: PathBuf,
    /// Which network.
    pub model: ModelKind,
    /// How large it is.
    pub size: ModelSize,
    /// The folder that the finished model is written to.
    pub out: PathBuf,
    /// The folder of checkpoints; training goes on from what is there.
    pub checkpoint: PathBuf,
    /// Stops after so many minutes; the checkpoint stays.
    pub max_minutes: Option<f64>,
    /// Ends after so many steps in all; a later call may go on to more.
    pub steps: Option<usize>,
    /// Whether to go on from the checkpoint; else an existing one is an error.
    pub resume: bool,
    /// Weights to begin from, such as a published `model.safetensors`; used where there is no checkpoint yet.
    pub from: Option<PathBuf>,
    /// So many pieces are written at the end, each chosen by a critic that is trained on six times as many, and are
    /// measured beside songs never trained on; 0 leaves both out.
    pub pieces: usize,
    /// Draws the first weights and the order of songs.
    pub seed: Seed,
}

/// How large a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelSize {
    /// As shipped.
    #[default]
    Base,
    /// A few thousand parameters, to try a training out in seconds; it hardly learns.
    Tiny,
}

/// What came of it; written beside the weights.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    /// Which network.
    pub model: ModelKind,
    /// How many parameters it has.
    pub parameters: usize,
    /// Optimiser steps taken in all.
    pub steps: usize,
    /// The step of the weights that were kept.
    pub best_step: usize,
    /// Songs to train on, to choose by, to measure on.
    pub songs: [usize; 3],
    /// The names of the sources that songs came from.
    pub sources: Vec<&'static str>,
    /// Tokens in the songs to train on, before augmentation and weighting.
    pub training_tokens: usize,
    /// Mean negative log-likelihood of a token (nats) of the songs to choose by.
    pub valid_loss: f64,
    /// The same of the songs never trained on, of this network and of simpler models.
    pub test_loss: Losses,
    /// How near written pieces come to the songs never trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// SHA-256 of the weights as written.
    pub sha256: String,
}

/// Mean negative log-likelihoods of a token, in nats, on the same songs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// The trained network.
    pub trained: f64,
    /// The same network before training.
    pub untrained: f64,
    /// One-token frequencies.
    pub unigram: f64,
    /// An interpolated trigram.
    pub trigram: f64,
    /// Tokens measured on.
    pub tokens: usize,
}

/// Padded tokens in a batch, at most.
const BATCH_TOKENS: usize = 4096;
/// Sequences are sorted by length within so many before they are put together.
const SORTED_TOGETHER: usize = 256;
/// Tokens to choose the best weights by, at most: a fixed part of the songs.
const VALID_TOKENS: usize = 60_000;
/// Dropout: with less, the transformer learns the training songs by heart before it has learned what they share.
const DROPOUT_TRANSFORMER: f64 = 0.3;
const DROPOUT_LSTM: f64 = 0.2;

/// The vocabularies of lead sheets.
pub fn vocabularies() -> Vocabularies {
    Vocabularies {
        tokens: VOCAB,
        bar_token: Token::Bar.id().unwrap_or(2),
        conditions: condition_vocab(),
        features: feature_vocab(),
    }
}

/// The configuration that is trained.
pub fn config(kind: ModelKind, size: ModelSize) -> ModelConfig {
    let mut config = match size {
        ModelSize::Base => ModelConfig::base(kind, vocabularies()),
        ModelSize::Tiny => ModelConfig::tiny(kind, vocabularies()),
    };
    match &mut config {
        ModelConfig::Transformer(config) => config.dropout = DROPOUT_TRANSFORMER,
        ModelConfig::Lstm(config) => config.dropout = DROPOUT_LSTM,
    }
    config
}

/// The settings of the training loop. The rate falls with the root of the step, so that training may stop and go on at
/// any time.
fn settings(options: &TrainOptions, begun_from_weights: bool) -> TrainSettings {
    TrainSettings {
        seed: options.seed,
        peak_rate: if begun_from_weights { 7e-4 } else { 1.5e-3 },
        floor: 0.02,
        warmup_steps: 400,
        decay: Decay::InverseSqrt,
        weight_decay: 0.1,
        steps: options.steps.unwrap_or(100_000),
        evaluate_steps: 300,
        patience: 25,
        checkpoint_minutes: 3.0,
        max_minutes: options.max_minutes,
        ..TrainSettings::default()
    }
}

/// Trains until the held-out loss stops falling or time is up, then writes the best weights, their statistics,
/// configuration and report.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport, Error> {
    let checkpoint = options.checkpoint.join(training::CHECKPOINT);
    if checkpoint.exists() && !options.resume {
        return Err(Error::Checkpoint { path: checkpoint });
    }
    let songs = Songs::read(&options.data, progress)?;
    if songs.train.is_empty() || songs.valid.is_empty() {
        return Err(Error::TooFewSongs {
            songs: songs.counts.iter().sum(),
        });
    }
    progress.note(&format!(
        "{} songs to train on in {} passages, {} to choose by, {} to measure on",
        songs.counts[0],
        songs.train.len(),
        songs.counts[1],
        songs.counts[2]
    ));
    let config = config(options.model, options.size);
    let weights = Weights::drawn(options.seed.derive("weights"), &Device::Cpu);
    let model = Model::new(&config, &weights)?;
    let untrained = loss(&model, &songs.test)?;
    let begun_from = training::begin_from(&weights, options.from.as_deref(), &options.checkpoint)?;
    let data = Data { songs: &songs };
    let held_out = batches(first(&songs.valid, VALID_TOKENS, |song| song.tokens.len()))?;
    let settings = settings(options, begun_from.is_some());
    let report = training::train(
        &model,
        &weights,
        &data,
        &held_out,
        &settings,
        &options.checkpoint,
        progress,
    )?;
    if report.stop == training::Stop::Cancelled {
        return Err(Error::Cancelled);
    }
    weights.import(&TensorFile::read(&options.checkpoint.join(training::BEST))?)?;
    let (unigram, tokens) = Trigram::train(&songs.train, 1).loss(&songs.test);
    let losses = Losses {
        trained: loss(&model, &songs.test)?,
        untrained,
        unigram,
        trigram: Trigram::train(&songs.train, 3).loss(&songs.test).0,
        tokens,
    };
    let statistics = Statistics::count(&songs.train);
    let decoder = Decoder::new(&config, weights.export()?)?;
    let (statistics, evaluation) = measured(&decoder, statistics, &songs, options, progress)?;
    let best = report.best.map_or(0, |best| best.step);
    let written = TrainReport {
        model: options.model,
        parameters: weights.count(),
        steps: report.step,
        best_step: best,
        songs: songs.counts,
        sources: songs.sources.clone(),
        training_tokens: Songs::tokens(&songs.train),
        valid_loss: report
            .best
            .map_or(f64::NAN, |best| f64::from(best.held_out_loss)),
        test_loss: losses,
        evaluation,
        sha256: String::new(),
    };
    write(&options.out, &config, &weights, &statistics, written)
}

/// Longer songs are left out where pieces are written to be compared with them, since those would take long.
const COMPARED_BARS: usize = 64;

/// As a request writes that says nothing of it.
fn usual(statistics: &Statistics, seed: Seed) -> Writing<'_> {
    let request = LeadSheetRequest::default();
    Writing {
        statistics,
        candidates: request.candidates,
        sampling: request.sampling(),
        seed,
    }
}

/// Trains the critic and compares what is written with its help with the songs never trained on. Neither is done where
/// there are too few songs to compare with.
fn measured(
    decoder: &Decoder,
    mut statistics: Statistics,
    songs: &Songs,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<(Statistics, Option<Evaluation>), Error> {
    let compared = |songs: &[Sequence]| -> Vec<Sequence> {
        let short = songs.iter().filter(|song| song.bars.len() <= COMPARED_BARS);
        short.cloned().collect()
    };
    let known = compared(&[&songs.train[..songs.originals], &songs.valid].concat());
    let held_out = compared(&songs.test);
    if options.pieces < FOLDS || held_out.len() < 2 * FOLDS {
        progress.note("too few songs or pieces to train a critic and to compare with songs");
        return Ok((statistics, None));
    }
    let seed = options.seed.derive("evaluation");
    let critic = train_critic(
        decoder,
        &known,
        6 * options.pieces,
        &usual(&statistics, seed),
        progress,
    )?;
    statistics.critic = Some(critic);
    let writing = usual(&statistics, seed);
    let written = generate_like(decoder, &held_out, options.pieces, &writing, progress)?;
    let one_each = Writing {
        candidates: 1,
        ..writing
    };
    let trigram = Trigram::train(&songs.train, 3);
    let simple = generate_like(&trigram, &held_out, options.pieces, &one_each, &Silent)?;
    let evaluation = evaluate(&written, &simple, &held_out, &songs.train, seed)?;
    Ok((statistics, Some(evaluation)))
}

fn write(
    folder: &Path,
    config: &ModelConfig,
    weights: &Weights,
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
    let card = card(&report, bytes.len(), &report.sources);
    let files = [
        ("card.md", card.into_bytes()),
        ("model.safetensors", bytes),
        ("config.json", json(serde_json::to_vec_pretty(config))),
        ("statistics.json", json(serde_json::to_vec(statistics))),
        ("report.json", json(serde_json::to_vec_pretty(&report))),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        write_atomic(&path, &bytes).map_err(failed(path.clone()))?;
    }
    Ok(report)
}

/// The mean negative log-likelihood of a token of `sequences`, told all conditions but the numbers of events.
pub fn loss(model: &Model, sequences: &[Sequence]) -> Result<f64, Error> {
    let (mut sum, mut count) = (0.0, 0);
    for batch in batches(sequences)? {
        let tokens = batch.targets.count();
        let loss = model
            .loss(&batch, None)
            .and_then(|loss| loss.to_scalar::<f32>());
        sum += f64::from(loss.map_err(affetto_nn::NnError::from)?) * tokens as f64;
        count += tokens;
    }
    Ok(sum / count.max(1) as f64)
}

/// All of `sequences`, in batches of about equal lengths.
fn batches(sequences: &[Sequence]) -> Result<Vec<Batch>, Error> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|at| sequences[*at].tokens.len());
    let packs = pack(&order, BATCH_TOKENS, |at| sequences[at].tokens.len());
    packs
        .into_iter()
        .map(|items| {
            let examples: Vec<Example> = items
                .into_iter()
                .map(|at| example(&sequences[at], None))
                .collect::<Result<_, _>>()?;
            Ok(Batch::pad(&examples, CONDITION_COLUMNS).map_err(affetto_nn::NnError::from)?)
        })
        .collect()
}

/// What a network is shown of `sequence`. To train on, with a seed, some conditions are left out and some of what is fed
/// is hidden; else only the numbers of events are left out.
fn example(sequence: &Sequence, training: Option<Seed>) -> Result<Example, Error> {
    let mut rng = training.unwrap_or(Seed(0)).rng();
    let dropout = match training {
        Some(_) => ConditionDropout::TRAINING,
        None => ConditionDropout::USUAL,
    };
    let bars = dropout.apply(&sequence.bars, &mut rng);
    let mut tokens = Tokens::new(sequence, &bars);
    let example = Example::next_tokens(
        tokens.conditions.as_flattened(),
        &tokens.tokens,
        tokens.features.as_flattened(),
        &tokens.positions,
    );
    let mut example = example.map_err(affetto_nn::NnError::from)?;
    if training.is_some() {
        tokens.hide(&mut rng);
        let fed = example.tokens.len();
        example.tokens = tokens.tokens[..fed].to_vec();
        example.features = tokens.features[..fed].as_flattened().to_vec();
    }
    Ok(example)
}

struct Data<'a> {
    songs: &'a Songs,
}

/// Which sequences, and the seed of what is left out of their conditions.
struct Index {
    items: Vec<usize>,
    seed: Seed,
}

impl TrainingData for Data<'_> {
    type Index = Index;
    type Batch = Batch;

    fn epoch(&self, seed: Seed) -> Vec<Index> {
        let length = |at: usize| self.songs.train[at].tokens.len();
        let mut order = epoch(&self.songs.weights, seed);
        for together in order.chunks_mut(SORTED_TOGETHER) {
            together.sort_by_key(|at| length(*at));
        }
        let mut packs = pack(&order, BATCH_TOKENS, length);
        seed.derive("batches").rng().shuffle(&mut packs);
        packs
            .into_iter()
            .enumerate()
            .map(|(at, items)| Index {
                items,
                seed: seed.derive(&format!("batch {at}")),
            })
            .collect()
    }

    fn batch(&self, index: &Index) -> Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        let examples: Vec<Example> = index
            .items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let seed = index.seed.derive(&format!("item {at}"));
                example(&self.songs.train[*item], Some(seed))
            })
            .collect::<Result<_, _>>()?;
        Ok(Batch::pad(&examples, CONDITION_COLUMNS)?)
    }
}
