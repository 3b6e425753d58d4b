//! Teaching the transformer emotions by clips, as EmoVid (2025) does: pairs of low rank beside its linear layers, captions
//! that end with the emotion in a sentence, flow matching.
//!
//! Clips become latents and captions become states once, each with its network alone in memory; then the transformer is
//! loaded and only the pairs are trained. What is made once is kept in a folder under names that are made of the content.

mod cache;
mod clips;
mod labels;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use affetto_core::{Checksum, Progress, Seed, Stage, read_limited, write_atomic};
use affetto_emotion::{Emotion, Label};
use affetto_nn::{
    diffusion::noise,
    ops::DropoutSeed,
    train::{self as training, Decay, Evaluation, TrainSettings, Trainee, TrainingData},
    weights::{Precision, TensorFile},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

pub use cache::{Cache, Kept};
pub use clips::{ClipSize, latent_of_clip};
pub use labels::{LabelledClip, read_labels};

use crate::{
    Error, Result,
    lora::{Learner, LoraSpelling, Target, written},
    model::{DitCondition, Umt5Encoder, WanDit, WanVae},
    prompt::{Prompt, with_sentence},
    text::Words,
    wan::{WanFolder, text_rows},
    weights::Keep,
};

/// What a training says of itself, in the folder of its checkpoint.
const RECORD: &str = "training.json";
const MAX_RECORD_BYTES: u64 = 256 << 20;
/// Clips that the loss is measured on, at most.
const MEASURED_CLIPS: usize = 8;
/// Noise levels at which it is, spread evenly over those that are trained at.
const MEASURED_LEVELS: usize = 4;
/// Evaluations in a training, about.
const EVALUATIONS: usize = 20;

/// What of an emotion stands after a caption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// EmoVid's sentence alone.
    #[default]
    Sentence,
    /// What a request for a video says: also words for mood, movement, light and colour.
    All,
}

impl Said {
    /// What the text encoder reads.
    pub fn text(self, caption: &str, emotion: &Emotion) -> String {
        match self {
            Self::Sentence => with_sentence(caption, emotion),
            Self::All => Prompt::new(caption, emotion, None).with_emotion,
        }
    }
}

/// What to train on, and how.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// The folder of the clips.
    pub data: PathBuf,
    /// The list of them; see [`read_labels`].
    pub labels: PathBuf,
    /// The file that the trained pairs are written to.
    pub out: PathBuf,
    /// The folder of checkpoints; training goes on from what is there.
    pub checkpoint: PathBuf,
    /// The folder of latents and states.
    pub cache: PathBuf,
    /// What clips are brought to.
    pub size: ClipSize,
    /// The rank of the pairs; 32 in the paper.
    pub rank: usize,
    /// Their scale times the rank.
    pub alpha: f64,
    /// The kinds of layers that get one.
    pub targets: Vec<Target>,
    /// The learning rate; 1e-4 in the paper.
    pub rate: f64,
    /// How often every clip is seen; 3 in the paper.
    pub epochs: usize,
    /// Ends after so many steps in all instead; a later call may go on to more.
    pub steps: Option<usize>,
    /// How long steps stay near noise: the shift that videos are sampled with.
    pub shift: f64,
    /// What stands after captions.
    pub said: Said,
    /// The share of clips that the loss is measured on and that are not trained on, 0 to 0.9. With 0 it is measured on clips
    /// that are.
    pub held_out: f64,
    /// How the keys of the file are spelled.
    pub spelling: LoraSpelling,
    /// Whether to go on from the checkpoint; else an existing one is an error.
    pub resume: bool,
    /// Stops after so many minutes; the checkpoint stays.
    pub max_minutes: Option<f64>,
    /// Draws the pairs, the order of clips, noise and its levels.
    pub seed: Seed,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct TrainReport {
    /// Clips that were trained on, by the word of Mikels.
    pub clips: BTreeMap<String, usize>,
    /// Clips that the loss was measured on, at 4 noise levels each.
    pub measured: usize,
    /// Whether those were trained on too.
    pub measured_on_trained: bool,
    /// Numbers that were trained.
    pub parameters: usize,
    /// Steps in all.
    pub steps: usize,
    /// The mean square of what the network lacks of the velocity, before training.
    pub untrained_loss: f64,
    /// The same with the pairs that were kept.
    pub loss: f64,
    /// The step of those.
    pub best_step: usize,
    /// Every evaluation.
    pub evaluations: Vec<Evaluation>,
    /// The SHA-256 of the file.
    pub sha256: String,
}

/// What makes a training the one that it is: a checkpoint of another is not gone on from.
#[derive(Serialize)]
struct Record<'a> {
    networks: &'a str,
    clips: Vec<[&'a str; 3]>,
    size: [usize; 3],
    rank: usize,
    alpha: f64,
    targets: &'a [Target],
    rate: f64,
    shift: f64,
    held_out: f64,
    seed: Seed,
}

/// Trains pairs beside the transformer of `wan` and writes them as safetensors.
///
/// # Errors
/// [`Error::Cancelled`] where `progress` says so, after the checkpoint is written; [`Error::Checkpoint`] where there is one
/// and none is asked for; [`Error::OtherTraining`] where it is of another training; and where an option, a clip or a network
/// cannot be used.
pub fn train(
    options: &TrainOptions,
    wan: &WanFolder,
    device: &Device,
    progress: &dyn Progress,
) -> Result<TrainReport> {
    options.check(wan)?;
    let checkpoint = options.checkpoint.join(training::CHECKPOINT);
    if checkpoint.exists() && !options.resume {
        return Err(Error::Checkpoint { path: checkpoint });
    }
    let seed = options.seed;
    let learner = Arc::new(Learner::new(
        options.rank,
        options.alpha,
        &options.targets,
        seed.derive("pairs"),
        device,
    )?);
    let clips = read_labels(&options.labels, &options.data)?;
    let prepared = Prepared::new(options, wan, &clips, device, progress)?;
    let network = wan.dit_weights(device)?;
    let record = prepared.record(options, &network.sha256()?)?;
    options.check_record(&record)?;

    let weights = network.with_kept(Keep::Floats);
    let dit = WanDit::new(&wan.dit, &weights.with_learner(Arc::clone(&learner)))?;
    let lessons = Lessons::new(options, prepared.lessons, dit, device);
    let measured = lessons.measured(seed.derive("measured"))?;
    let mean = |network: &Network| -> Result<f64> {
        let losses = measured.iter().map(|sample| network.value(sample));
        Ok(losses.sum::<Result<f64>>()? / measured.len().max(1) as f64)
    };
    let untrained_loss = mean(&lessons.network)?;
    let settings = options.settings(lessons.trained.len());
    let report = training::train(
        &lessons.network,
        learner.parameters(),
        &lessons,
        &measured,
        &settings,
        &options.checkpoint,
        progress,
    )?;
    if report.stop == training::Stop::Cancelled {
        return Err(Error::Cancelled);
    }
    let best = TensorFile::read(&options.checkpoint.join(training::BEST))?;
    learner.parameters().import(&best)?;
    let mut found = TrainReport {
        clips: lessons.counts(),
        measured: measured.len() / MEASURED_LEVELS,
        measured_on_trained: lessons.held_out.is_empty(),
        parameters: learner.parameters().count(),
        steps: report.step,
        untrained_loss,
        loss: mean(&lessons.network)?,
        best_step: report.best.map_or(0, |best| best.step),
        evaluations: report.evaluations,
        sha256: String::new(),
    };
    let about = options.about(&found, &record)?;
    let file = written(&learner, &best, options.spelling, about)?;
    found.sha256 = file.write(&options.out, Precision::F32)?;
    Ok(found)
}

impl TrainOptions {
    fn check(&self, wan: &WanFolder) -> Result<()> {
        let wrong = |name, value: String, permitted: &str| {
            Err(Error::Config {
                name,
                value,
                permitted: permitted.into(),
            })
        };
        if wan.dit.image_width.is_some() || wan.dit.in_channels != wan.dit.out_channels {
            let permitted = "that of a text-to-video network";
            return wrong("in_channels", wan.dit.in_channels.to_string(), permitted);
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return wrong("rate", self.rate.to_string(), "above 0");
        }
        if !(0.1..=100.0).contains(&self.shift) {
            return wrong("shift", self.shift.to_string(), "from 0.1 to 100");
        }
        if !(0.0..=0.9).contains(&self.held_out) {
            return wrong("held-out", self.held_out.to_string(), "from 0 to 0.9");
        }
        if !(1..=10_000).contains(&self.epochs) {
            return wrong("epochs", self.epochs.to_string(), "from 1 to 10000");
        }
        let request = crate::condition::VideoRequest {
            width: self.size.width,
            height: self.size.height,
            frames: self.size.frames,
            ..Default::default()
        };
        request.check()?;
        request.latent_shape(&wan.dit, &wan.vae)?;
        Ok(())
    }

    /// The settings of the loop: a constant rate, as in the paper.
    fn settings(&self, clips: usize) -> TrainSettings {
        let steps = self.steps.unwrap_or(self.epochs * clips);
        TrainSettings {
            seed: self.seed,
            peak_rate: self.rate,
            floor: 1.0,
            warmup_steps: 1,
            decay: Decay::Cosine,
            weight_decay: 0.01, // that of PyTorch's AdamW
            clip_norm: 1.0,
            average: 0.99,
            steps,
            evaluate_steps: steps.div_ceil(EVALUATIONS).max(1),
            patience: usize::MAX,
            checkpoint_minutes: 5.0,
            max_minutes: self.max_minutes,
        }
    }

    /// Compares the record with that of the checkpoint, or writes it.
    fn check_record(&self, record: &str) -> Result<()> {
        let path = self.checkpoint.join(RECORD);
        let begun = self.checkpoint.join(training::CHECKPOINT).exists();
        if begun {
            let bytes = read_limited(&path, MAX_RECORD_BYTES)?;
            return match bytes == record.as_bytes() {
                true => Ok(()),
                false => Err(Error::OtherTraining { path }),
            };
        }
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&self.checkpoint).map_err(failed)?;
        write_atomic(&path, record.as_bytes()).map_err(failed)
    }

    /// What the file says of its training.
    fn about(&self, report: &TrainReport, record: &str) -> Result<serde_json::Value> {
        Ok(serde_json::json!({
            "clips": report.clips,
            "width": self.size.width,
            "height": self.size.height,
            "frames": self.size.frames,
            "said": self.said,
            "rate": self.rate,
            "shift": self.shift,
            "steps": report.best_step,
            "seed": self.seed,
            "untrained_loss": report.untrained_loss,
            "loss": report.loss,
            "record_sha256": affetto_core::sha256_hex(record.as_bytes()),
        }))
    }
}

/// A clip and its caption, made ready.
#[derive(Clone, Debug)]
struct Lesson {
    latent: Kept,
    states: Kept,
    class: Option<Label>,
}

/// All clips and captions.
struct Prepared<'a> {
    lessons: Vec<Lesson>,
    /// Name, SHA-256 and text of each clip.
    clips: Vec<(&'a str, String, String)>,
}

impl<'a> Prepared<'a> {
    fn new(
        options: &TrainOptions,
        wan: &WanFolder,
        clips: &'a [LabelledClip],
        device: &Device,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let cache = Cache::new(&options.cache)?;
        let mut told = Vec::new();
        for clip in clips {
            let unsaid = clip.class().is_none() && clip.emotion != Emotion::NEUTRAL;
            if unsaid && options.said == Said::Sentence {
                return Err(Error::Clip {
                    reason: "its emotion has no word among the eight of EmoVid's sentence".into(),
                    path: clip.path.clone(),
                });
            }
            let checksum = Checksum::of_file(&clip.path).map_err(|source| Error::Read {
                path: clip.path.clone(),
                source,
            })?;
            let text = options.said.text(&clip.caption, &clip.emotion);
            told.push((clip.name.as_str(), checksum.sha256, text));
        }
        let work = Work {
            wan,
            cache: &cache,
            device,
            progress,
        };
        let latents = work.latents(clips, &told, options.size)?;
        let states = work.states(&told)?;
        let lessons = latents.into_iter().zip(states).zip(clips);
        let lesson = |((latent, states), clip): ((Kept, Kept), &LabelledClip)| Lesson {
            latent,
            states,
            class: clip.class(),
        };
        Ok(Self {
            lessons: lessons.map(lesson).collect(),
            clips: told,
        })
    }

    fn record(&self, options: &TrainOptions, networks: &str) -> Result<String> {
        let record = Record {
            networks,
            clips: self
                .clips
                .iter()
                .map(|(name, sha256, text)| [*name, sha256.as_str(), text.as_str()])
                .collect(),
            size: [options.size.width, options.size.height, options.size.frames],
            rank: options.rank,
            alpha: options.alpha,
            targets: &options.targets,
            rate: options.rate,
            shift: options.shift,
            held_out: options.held_out,
            seed: options.seed,
        };
        Ok(serde_json::to_string(&record)?)
    }
}

/// Makes what is not kept yet.
struct Work<'a> {
    wan: &'a WanFolder,
    cache: &'a Cache,
    device: &'a Device,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Makes those of `places` that are not there, `at_a_time` of them, the network being loaded only where one is not.
    fn make<N>(
        &self,
        places: &[Kept],
        at_a_time: usize,
        load: impl FnOnce() -> Result<N>,
        make: impl Fn(&N, &[usize]) -> Result<Vec<Tensor>>,
    ) -> Result<()> {
        // Two of the same content have one place.
        let mut taken = BTreeSet::new();
        let missing: Vec<usize> = (0..places.len())
            .filter(|at| !places[*at].is_there() && taken.insert(places[*at].path()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (network, mut done) = (load()?, 0);
        for some in missing.chunks(at_a_time) {
            if self.progress.cancelled() {
                return Err(Error::Cancelled);
            }
            for (at, made) in some.iter().zip(make(&network, some)?) {
                places[*at].write(&made)?;
            }
            done += some.len();
            self.progress.step(Stage::Read, done, missing.len());
        }
        Ok(())
    }

    fn latents(
        &self,
        clips: &[LabelledClip],
        told: &[(&str, String, String)],
        size: ClipSize,
    ) -> Result<Vec<Kept>> {
        let weights = self.wan.vae_weights(self.device)?;
        let network = weights.sha256()? + &serde_json::to_string(&self.wan.vae)?;
        let extents = format!("{}x{}x{}", size.width, size.height, size.frames);
        let place = |(_, sha256, _): &(&str, String, String)| {
            self.cache.place("latent", &[sha256, &network, &extents])
        };
        let places: Vec<Kept> = told.iter().map(place).collect();
        let load = || WanVae::new(&self.wan.vae, &weights);
        self.make(&places, 1, load, |vae, some| {
            let latent = |at: &usize| latent_of_clip(vae, &clips[*at].path, size, self.device);
            some.iter().map(latent).collect()
        })?;
        Ok(places)
    }

    fn states(&self, told: &[(&str, String, String)]) -> Result<Vec<Kept>> {
        let weights = self.wan.text_weights(self.device)?;
        let tokenizer = self.wan.tokenizer();
        let words = Checksum::of_file(&tokenizer).map_err(|source| Error::Read {
            path: tokenizer.clone(),
            source,
        })?;
        let network = weights.sha256()? + &words.sha256 + &serde_json::to_string(&self.wan.text)?;
        let rows = text_rows(&self.wan.dit);
        let place = |(_, _, text): &(&str, String, String)| {
            self.cache
                .place("states", &[text, &network, &rows.to_string()])
        };
        let places: Vec<Kept> = told.iter().map(place).collect();
        let load = || {
            let encoder = Umt5Encoder::new(&self.wan.text, &weights)?;
            Ok((encoder, Words::read(&tokenizer)?))
        };
        self.make(&places, TEXTS, load, |(encoder, words), some| {
            let words_of = |at: &usize| words.of(&told[*at].2, rows);
            encoder.encode(&some.iter().map(words_of).collect::<Result<Vec<_>>>()?)
        })?;
        Ok(places)
    }
}

/// Texts that pass through the text encoder at a time, since it is read anew for each time.
const TEXTS: usize = 64;

/// A latent with noise, and what the network is to say of it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `(1, C, F, h, w)`, normalised.
    pub latent: Tensor,
    /// The same shape.
    pub noise: Tensor,
    /// The share of noise, 0 to 1.
    pub sigma: f64,
    /// The caption.
    pub condition: DitCondition,
}

/// The mean square of what `network` lacks of the velocity: Lipman and others, "Flow Matching for Generative Modeling" (2023),
/// equation 23 with straight paths.
///
/// # Errors
/// Where extents do not fit the network.
pub fn flow_loss(network: &WanDit, sample: &Sample) -> Result<Tensor> {
    let (clean, sigma) = (&sample.latent, sample.sigma);
    let noisy = ((clean * (1.0 - sigma))? + (&sample.noise * sigma)?)?;
    let velocity = (&sample.noise - clean)?;
    let time = sigma * affetto_nn::diffusion::TRAIN_STEPS as f64;
    let found = network.forward(&noisy, &[time], &sample.condition)?;
    Ok((found - velocity)?.sqr()?.mean_all()?)
}

/// The transformer with the pairs that are trained.
struct Network {
    dit: WanDit,
}

impl Network {
    fn value(&self, sample: &Sample) -> Result<f64> {
        Ok(f64::from(flow_loss(&self.dit, sample)?.to_scalar::<f32>()?))
    }
}

impl Trainee for Network {
    type Batch = Sample;

    fn loss(&self, batch: &Sample, _: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        flow_loss(&self.dit, batch).map_err(candle_core::Error::wrap)
    }

    fn tokens(&self, batch: &Sample) -> usize {
        batch.latent.elem_count() / self.dit.config().out_channels / self.dit.config().patch_len()
    }
}

/// Clips to train on and to measure on.
struct Lessons {
    network: Network,
    trained: Vec<Lesson>,
    held_out: Vec<Lesson>,
    shift: f64,
    device: Device,
}

impl Lessons {
    fn new(options: &TrainOptions, mut all: Vec<Lesson>, dit: WanDit, device: &Device) -> Self {
        let mut rng = options.seed.derive("held out").rng();
        rng.shuffle(&mut all);
        let count = (all.len() as f64 * options.held_out).round() as usize;
        let held_out = all.split_off(all.len() - count.min(all.len() - 1));
        Self {
            network: Network { dit },
            trained: all,
            held_out,
            shift: options.shift,
            device: device.clone(),
        }
    }

    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for lesson in &self.trained {
            let class = lesson.class.map_or("neutral", Label::name);
            *counts.entry(class.to_owned()).or_default() += 1;
        }
        counts
    }

    /// The noise level of a number from 0 to 1: evenly spread levels, moved towards noise as those of a
    /// [`Schedule`](affetto_nn::diffusion::Schedule) are.
    fn sigma(&self, share: f64) -> f64 {
        self.shift * share / (1.0 + (self.shift - 1.0) * share)
    }

    fn sample(&self, lesson: &Lesson, share: f64, seed: Seed) -> Result<Sample> {
        let latent = lesson.latent.read(&self.device)?;
        let states = lesson.states.read(&self.device)?;
        let rows = text_rows(self.network.dit.config());
        let zeros = rows.saturating_sub(states.dim(1)?);
        Ok(Sample {
            noise: noise(seed, latent.dims(), &self.device)?,
            latent,
            sigma: self.sigma(share),
            condition: DitCondition::of_context(states.pad_with_zeros(1, 0, zeros)?),
        })
    }

    /// What the loss is measured on: the same noise each time, at levels spread evenly.
    fn measured(&self, seed: Seed) -> Result<Vec<Sample>> {
        let from = match self.held_out.is_empty() {
            true => &self.trained,
            false => &self.held_out,
        };
        let mut samples = Vec::new();
        for (at, lesson) in from.iter().take(MEASURED_CLIPS).enumerate() {
            for level in 0..MEASURED_LEVELS {
                let share = (level as f64 + 0.5) / MEASURED_LEVELS as f64;
                let seed = seed.derive(&format!("{at} {level}"));
                samples.push(self.sample(lesson, share, seed)?);
            }
        }
        Ok(samples)
    }
}

impl TrainingData for Lessons {
    /// Which clip, and what its noise is drawn from.
    type Index = (usize, Seed);
    type Batch = Sample;

    /// As many as there are clips or a few more: of every emotion equally many, each emotion's clips in turn.
    fn epoch(&self, seed: Seed) -> Vec<Self::Index> {
        let mut classes: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (at, lesson) in self.trained.iter().enumerate() {
            classes
                .entry(lesson.class.map(Label::name))
                .or_default()
                .push(at);
        }
        let each = self.trained.len().div_ceil(classes.len().max(1));
        let mut rng = seed.derive("clips").rng();
        let mut order = Vec::new();
        for mut clips in classes.into_values() {
            let mut drawn = Vec::new();
            while drawn.len() < each {
                rng.shuffle(&mut clips);
                drawn.extend_from_slice(&clips);
            }
            order.extend_from_slice(&drawn[..each]);
        }
        rng.shuffle(&mut order);
        let noise = |(at, clip): (usize, usize)| (clip, seed.derive(&format!("noise {at}")));
        order.into_iter().enumerate().map(noise).collect()
    }

    fn batch(
        &self,
        (clip, seed): &Self::Index,
    ) -> std::result::Result<Sample, Box<dyn std::error::Error + Send + Sync>> {
        let share = seed.derive("level").rng().uniform();
        Ok(self.sample(&self.trained[*clip], share, *seed)?)
    }
}

/// The folder beside `out` in which a training is kept where no other is named.
pub fn usual_checkpoint(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".training");
    name.into()
}
