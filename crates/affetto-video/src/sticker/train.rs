//! Training the sticker model.

use std::path::{Path, PathBuf};

use affetto_core::{Progress, Seed, sha256_hex, write_atomic};
use affetto_nn::{
    ops::DropoutSeed,
    train::{self as training, Decay, Stop, TrainSettings, Trainee, TrainingData},
    weights::{Precision, TensorFile, Weights},
};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    augment::{Augmenter, Chances, Example},
    basis::WIDTH,
    card::card,
    condition::StickerRequest,
    data::{self, Clip, split},
    evaluate::{Effects, effects},
    harmonics::ROWS,
    latents::{Scales, TOLD},
    model::{Saved, StickerModel},
    network::{Config, Network, times},
    statistics::Statistics,
};
use crate::{Error, Result};

/// Examples that the network sees at once.
const BATCH: usize = 32;
/// Batches of an epoch; every one is drawn anew.
const EPOCH: usize = 200;
/// Of so many clips of an emotion one is held out to choose the weights by.
const HELD_OUT_PARTS: usize = 9;
/// Noise levels that held-out clips are measured at.
const LEVELS: [f64; 6] = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9];
/// Middle and spread of the logit of a noise level.
const LOGIT: [f64; 2] = [0.3, 1.1];
/// Splits clips, the same in every training.
pub const SPLIT: Seed = Seed(0x5711);

/// How large the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As shipped.
    Base,
    /// A few thousand parameters, to try a training out.
    Tiny,
}

impl Size {
    /// The extents of such a network.
    pub fn config(self) -> Config {
        match self {
            Self::Base => Config::base(),
            Self::Tiny => Config::tiny(),
        }
    }
}

/// What to train and where.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// The folder of the tracks.
    pub data: PathBuf,
    /// How large the network is.
    pub size: Size,
    /// The folder that the finished model is written to.
    pub out: PathBuf,
    /// The folder of checkpoints.
    pub checkpoint: PathBuf,
    /// Stops after so many minutes; the checkpoint stays.
    pub max_minutes: Option<f64>,
    /// Ends after so many steps in all.
    pub steps: Option<usize>,
    /// Whether to go on from the checkpoint; else an existing one is an error.
    pub resume: bool,
    /// Stickers drawn at the end for each thing that is measured; 0 leaves the measuring out.
    pub stickers: usize,
    /// Draws the first weights and everything that is varied.
    pub seed: Seed,
}

/// Steps where nothing else is said.
pub const USUAL_STEPS: usize = 5000;

/// What came of it; written beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// How many parameters it has.
    pub parameters: usize,
    /// Steps taken in all.
    pub steps: usize,
    /// The step of the weights that were kept.
    pub best_step: usize,
    /// Clips to train on, and held out.
    pub clips: [usize; 2],
    /// The codes of those held out.
    pub held_out: Vec<String>,
    /// Weighted mean square error, in squared spreads, of clips held out.
    pub loss: f64,
    /// The same told another clip's emotion.
    pub loss_told_others: f64,
    /// The same told no emotion.
    pub loss_told_none: f64,
    /// The same before training.
    pub loss_untrained: f64,
    /// What stickers do of what they are asked, as measured at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Effects>,
    /// SHA-256 of the weights as written.
    pub sha256: String,
}

/// The settings of the training loop.
fn settings(steps: usize, max_minutes: Option<f64>, seed: Seed) -> TrainSettings {
    TrainSettings {
        seed,
        peak_rate: 1e-3,
        floor: 0.02,
        warmup_steps: 200,
        decay: Decay::Cosine,
        weight_decay: 0.05,
        average: 0.998,
        steps,
        evaluate_steps: 200,
        patience: 1000,
        checkpoint_minutes: 3.0,
        max_minutes,
        ..TrainSettings::default()
    }
}

/// A batch of noisy latents and what they are without noise.
pub struct Batch {
    noisy: Tensor,
    clean: Tensor,
    weights: Tensor,
    times: Tensor,
    told: Tensor,
    count: usize,
}

impl Batch {
    /// Examples at noise levels, with noise drawn from `seed`.
    ///
    /// # Errors
    /// Where there is no room.
    pub fn new(examples: &[Example], sigmas: &[f64], seed: Seed) -> candle_core::Result<Self> {
        let device = &Device::Cpu;
        let shape = (examples.len(), ROWS, WIDTH);
        let (mut noisy, mut weights) = (Vec::new(), Vec::new());
        // So that the weights of a clip of which all is known sum to about 1.
        let whole = 4.0 * WIDTH as f32 * examples.len() as f32;
        let mut rng = seed.rng();
        for (example, sigma) in examples.iter().zip(sigmas) {
            let (kept, added) = ((1.0 - sigma) as f32, *sigma as f32);
            noisy.extend(
                example
                    .latent
                    .iter()
                    .map(|value| kept * value + added * rng.normal() as f32),
            );
            let factor = 0.6 / (added + 0.25).powi(2) / whole;
            weights.extend(example.weights.iter().map(|weight| weight * factor));
        }
        let flat = |of: fn(&Example) -> &[f32]| {
            examples.iter().flat_map(of).copied().collect::<Vec<f32>>()
        };
        Ok(Self {
            noisy: Tensor::from_vec(noisy, shape, device)?,
            clean: Tensor::from_vec(flat(|example| &example.latent), shape, device)?,
            weights: Tensor::from_vec(weights, shape, device)?,
            times: times(sigmas, device)?,
            told: Tensor::from_vec(
                flat(|example| &example.told),
                (examples.len(), TOLD),
                device,
            )?,
            count: examples.len(),
        })
    }
}

impl Trainee for Network {
    type Batch = Batch;

    fn loss(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let found = self.forward(&batch.noisy, &batch.times, &batch.told, dropout)?;
        ((found - &batch.clean)?.sqr()? * &batch.weights)?.sum_all()
    }

    fn tokens(&self, batch: &Batch) -> usize {
        batch.count
    }
}

struct Data<'a>(Augmenter<'a>);

impl TrainingData for Data<'_> {
    type Index = Seed;
    type Batch = Batch;

    fn epoch(&self, seed: Seed) -> Vec<Seed> {
        (0..EPOCH)
            .map(|batch| seed.derive(&format!("batch {batch}")))
            .collect()
    }

    fn batch(
        &self,
        seed: &Seed,
    ) -> std::result::Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        let drawn: Vec<(Example, f64)> = (0..BATCH)
            .into_par_iter()
            .map(|item| {
                let mut rng = seed.derive(&format!("item {item}")).rng();
                let example = self.0.example(&mut rng);
                (example, level(rng.normal()))
            })
            .collect();
        let (examples, sigmas): (Vec<Example>, Vec<f64>) = drawn.into_iter().unzip();
        Ok(Batch::new(&examples, &sigmas, seed.derive("noise"))?)
    }
}

/// A noise level from a draw of the standard normal distribution.
fn level(normal: f64) -> f64 {
    let logit = LOGIT[0] + LOGIT[1] * normal;
    (1.0 / (1.0 + libm::exp(-logit))).clamp(1e-3, 1.0)
}

/// What a training gave, in memory.
pub struct Fitted {
    /// The trained network with what is usual.
    pub model: StickerModel,
    /// Its weights.
    pub weights: TensorFile,
    /// How it went.
    pub report: TrainReport,
}

/// What to fit a network to, and how.
pub struct Fit<'a> {
    /// The clips to learn from; of each emotion one in nine is held out of them to choose the weights by.
    pub clips: Vec<&'a Clip>,
    /// The extents of the network.
    pub config: Config,
    /// Steps in all.
    pub steps: usize,
    /// Stops after so many minutes.
    pub max_minutes: Option<f64>,
    /// Where checkpoints are.
    pub folder: &'a Path,
    /// Draws everything.
    pub seed: Seed,
}

impl Fit<'_> {
    /// Trains, or goes on with a training whose checkpoint is in the folder.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where the caller stops it, and those of the training loop.
    pub fn run(&self, progress: &dyn Progress) -> Result<Fitted> {
        let owned: Vec<Clip> = self.clips.iter().map(|clip| (*clip).clone()).collect();
        let [train, valid] = split(&owned, HELD_OUT_PARTS, SPLIT.derive("held out"))
            .map(|side| side.into_iter().map(|at| &owned[at]));
        let (train, valid): (Vec<&Clip>, Vec<&Clip>) = (train.collect(), valid.collect());
        let scales = Scales::of(&train);
        let weights = Weights::drawn(self.seed.derive("weights"), &Device::Cpu);
        let network = Network::new(&self.config, &scales, &weights.root())?;
        let measured = |told| held_out(&valid, &scales, told);
        let loss = |told| loss(&network, &measured(told)?);
        let loss_untrained = loss(Told::Own)?;
        progress.note(&format!(
            "{} clips to train on, {} to choose by, {} parameters",
            train.len(),
            valid.len(),
            weights.count()
        ));
        let data = Data(Augmenter::new(train.clone(), &scales, Chances::default()));
        let settings = settings(self.steps, self.max_minutes, self.seed);
        let batches = measured(Told::Own)?;
        let done = training::train(
            &network,
            &weights,
            &data,
            &batches,
            &settings,
            self.folder,
            progress,
        )?;
        if done.stop == Stop::Cancelled {
            return Err(Error::Cancelled);
        }
        weights.import(&TensorFile::read(&self.folder.join(training::BEST))?)?;
        let report = TrainReport {
            parameters: weights.count(),
            steps: done.step,
            best_step: done.best.map_or(0, |best| best.step),
            clips: [train.len(), valid.len()],
            held_out: valid.iter().map(|clip| clip.id.clone()).collect(),
            loss: loss(Told::Own)?,
            loss_told_others: loss(Told::Others)?,
            loss_told_none: loss(Told::None)?,
            loss_untrained,
            effects: None,
            sha256: String::new(),
        };
        let weights = weights.export()?;
        let statistics = Statistics::of(&owned.iter().collect::<Vec<_>>(), scales);
        Ok(Fitted {
            model: StickerModel::of(Saved {
                config: self.config.clone(),
                statistics,
                weights: weights.clone(),
            })?,
            weights,
            report,
        })
    }
}

/// Whose emotion a network is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Own,
    Others,
    None,
}

/// Batches of clips as they are, each at every one of [`LEVELS`].
fn held_out(clips: &[&Clip], scales: &Scales, told: Told) -> Result<Vec<Batch>> {
    let augmenter = Augmenter::new(clips.to_vec(), scales, Chances::default());
    let mut batches = Vec::new();
    for (at, sigma) in LEVELS.into_iter().enumerate() {
        let shift = at as f32 / LEVELS.len() as f32;
        let mut examples: Vec<Example> = clips
            .iter()
            .map(|clip| augmenter.plain(clip, shift))
            .collect();
        let wishes: Vec<[f32; TOLD]> = examples.iter().map(|example| example.told).collect();
        for (index, example) in examples.iter_mut().enumerate() {
            let other = &wishes[(index + clips.len() / 2) % clips.len()];
            let emotion = &mut example.told[..super::latents::TOLD_OF_EMOTION];
            match told {
                Told::Own => {}
                Told::Others => emotion.copy_from_slice(&other[..emotion.len()]),
                Told::None => emotion.fill(0.0),
            }
        }
        if !examples.is_empty() {
            batches.push(Batch::new(
                &examples,
                &vec![sigma; examples.len()],
                SPLIT.derive(&format!("noise {at}")),
            )?);
        }
    }
    Ok(batches)
}

fn loss(network: &Network, batches: &[Batch]) -> Result<f64> {
    let mut sum = 0.0;
    for batch in batches {
        sum += f64::from(network.loss(batch, None)?.to_scalar::<f32>()?);
    }
    Ok(sum / batches.len().max(1) as f64)
}

/// Trains and writes the best weights, their configuration, statistics, report and card.
///
/// # Errors
/// Where the data cannot be read, a checkpoint is there that is not to be gone on from, or a file cannot be written.
pub fn train(options: &TrainOptions, progress: &dyn Progress) -> Result<TrainReport> {
    let checkpoint = options.checkpoint.join(training::CHECKPOINT);
    if checkpoint.exists() && !options.resume {
        return Err(Error::Checkpoint { path: checkpoint });
    }
    let clips = data::read(&options.data)?;
    let mut fitted = Fit {
        clips: clips.iter().collect(),
        config: options.size.config(),
        steps: options.steps.unwrap_or(USUAL_STEPS),
        max_minutes: options.max_minutes,
        folder: &options.checkpoint,
        seed: options.seed,
    }
    .run(progress)?;
    if options.stickers > 0 {
        let request = StickerRequest {
            seed: options.seed.derive("measured"),
            ..StickerRequest::default()
        };
        let found = effects(&fitted.model, &clips, options.stickers, &request)?;
        fitted.report.effects = Some(found);
    }
    write(&options.out, fitted)
}

fn write(folder: &Path, fitted: Fitted) -> Result<TrainReport> {
    let failed = |path: PathBuf| move |source| Error::Write { path, source };
    std::fs::create_dir_all(folder).map_err(failed(folder.into()))?;
    let bytes = fitted.weights.to_bytes(Precision::F16)?;
    let report = TrainReport {
        sha256: sha256_hex(&bytes),
        ..fitted.report
    };
    let text = card(&report, fitted.model.statistics(), bytes.len());
    let files = [
        ("card.md", text.into_bytes()),
        (
            "attribution.md",
            format!("{}\n", data::ATTRIBUTION).into_bytes(),
        ),
        ("model.safetensors", bytes),
        (
            "config.json",
            serde_json::to_vec_pretty(fitted.model.config())?,
        ),
        (
            "statistics.json",
            serde_json::to_vec(fitted.model.statistics())?,
        ),
        ("report.json", serde_json::to_vec_pretty(&report)?),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        write_atomic(&path, &bytes).map_err(failed(path.clone()))?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use affetto_core::Silent;

    use super::*;
    use crate::sticker::data::tests::invented;

    /// A few steps on invented clips lower the loss of those held out; the same seed gives the same weights, and a
    /// training that was stopped goes on as if it had not been.
    #[test]
    fn training_learns_and_repeats() {
        let clips = invented(20);
        let folder = tempfile::tempdir().unwrap();
        let fit = |name: &str, steps: usize| {
            let fit = Fit {
                clips: clips.iter().collect(),
                config: Config::tiny(),
                steps,
                max_minutes: None,
                folder: &folder.path().join(name),
                seed: Seed(1),
            };
            fit.run(&Silent).unwrap()
        };
        let once = fit("once", 200);
        assert!(
            once.report.loss < 0.8 * once.report.loss_untrained,
            "{:?}",
            once.report
        );
        assert_eq!(once.report.clips, [18, 2]);
        let again = fit("again", 200);
        assert_eq!(once.weights, again.weights);
    }

    #[test]
    fn noise_levels_are_within_their_range() {
        assert_eq!(level(-100.0), 1e-3);
        assert!(level(0.0) > 0.5 && level(100.0) <= 1.0);
    }
}
