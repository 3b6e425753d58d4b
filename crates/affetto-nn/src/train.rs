//! The training loop: AdamW, a schedule, clipping, a moving average of the weights, evaluation on
//! held-out data, checkpoints and exact resuming.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use affetto_core::{Progress, Seed, Stage, read_limited, sha256_hex, write_atomic};
use candle_core::{Tensor, backprop::GradStore};
use serde::{Deserialize, Serialize};

use crate::{
    NnError, Result,
    ops::{AdamW, DropoutSeed, Moments, global_norm},
    weights::{HostTensor, Precision, TensorFile, Weights},
};

/// The file of the newest state, in the folder of a training.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The file of the averaged weights with the lowest held-out loss.
pub const BEST: &str = "best.safetensors";
/// The file that says from which weights a training began, where they were not drawn.
const BEGUN_FROM: &str = "begun-from";
/// The most bytes of it.
const BEGUN_FROM_BYTES: u64 = 64;

/// What is trained.
pub trait Trainee {
    /// What it is shown at once.
    type Batch;

    /// The mean loss over the batch's tokens, a scalar. With a seed the model trains and drops
    /// numbers, without it is evaluated.
    fn loss(
        &self,
        batch: &Self::Batch,
        dropout: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor>;

    /// How many tokens the mean is over.
    fn tokens(&self, batch: &Self::Batch) -> usize;
}

/// What it is trained on.
pub trait TrainingData {
    /// Names the content of one batch.
    type Index;
    /// The batch itself.
    type Batch;

    /// The batches of an epoch in the order that `seed` gives.
    fn epoch(&self, seed: Seed) -> Vec<Self::Index>;

    /// Makes one batch; the same index gives the same batch.
    fn batch(
        &self,
        index: &Self::Index,
    ) -> std::result::Result<Self::Batch, Box<dyn std::error::Error + Send + Sync>>;
}

/// Gives `weights` those of the file `from` where no training has begun in `folder` yet; the SHA-256 of the weights that
/// it did begin from, then or now, and nothing where they were drawn.
///
/// # Errors
/// Where the file cannot be read or does not fit (see [`Weights::begin_from`]), or the folder cannot be written to.
pub fn begin_from(weights: &Weights, from: Option<&Path>, folder: &Path) -> Result<Option<String>> {
    let begun = folder.join(BEGUN_FROM);
    if folder.join(CHECKPOINT).exists() {
        let hash = begun
            .exists()
            .then(|| read_limited(&begun, BEGUN_FROM_BYTES));
        let hash = hash.transpose()?;
        return Ok(hash.map(|hash| String::from_utf8_lossy(&hash).into_owned()));
    }
    let unwritten = |source| NnError::Write {
        path: begun.clone(),
        source,
    };
    let Some(from) = from else {
        return match std::fs::remove_file(&begun) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritten(error)),
            _ => Ok(None),
        };
    };
    let bytes = TensorFile::read_bytes(from)?;
    weights.begin_from(&TensorFile::from_bytes(&bytes)?)?;
    let hash = sha256_hex(&bytes);
    std::fs::create_dir_all(folder).map_err(unwritten)?;
    write_atomic(&begun, hash.as_bytes()).map_err(unwritten)?;
    Ok(Some(hash))
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Half a cosine down to the floor at the last step (Loshchilov and Hutter, "SGDR", 2017).
    Cosine,
    /// With the inverse square root of the step (Vaswani and others, 2017, equation 3).
    InverseSqrt,
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Orders the data and draws the dropout.
    pub seed: Seed,
    /// The learning rate after the warm-up; 0.001.
    pub peak_rate: f64,
    /// The lowest learning rate after the warm-up, as a share of the peak; 0.05.
    pub floor: f64,
    /// Steps in which the rate rises; 400.
    pub warmup_steps: usize,
    /// How it falls after that; cosine.
    pub decay: Decay,
    /// The share of a matrix lost per step and unit of learning rate; 0.05.
    pub weight_decay: f64,
    /// The largest norm of all gradients together; 1.
    pub clip_norm: f64,
    /// How much of its past the moving average of the weights keeps per step; 0.999, less in the
    /// first steps.
    pub average: f64,
    /// The number of steps; 10,000.
    pub steps: usize,
    /// Steps between evaluations; 250.
    pub evaluate_steps: usize,
    /// Evaluations without a lower loss before the training ends; 10.
    pub patience: usize,
    /// Minutes between checkpoints; 5.
    pub checkpoint_minutes: f64,
    /// Minutes after which this call stops, to be continued by the next; no limit without.
    pub max_minutes: Option<f64>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            seed: Seed(0),
            peak_rate: 1e-3,
            floor: 0.05,
            warmup_steps: 400,
            decay: Decay::Cosine,
            weight_decay: 0.05,
            clip_norm: 1.0,
            average: 0.999,
            steps: 10_000,
            evaluate_steps: 250,
            patience: 10,
            checkpoint_minutes: 5.0,
            max_minutes: None,
        }
    }
}

impl TrainSettings {
    /// The learning rate of step `step`, counted from 1.
    pub fn rate(&self, step: usize) -> f64 {
        let (step, warmup) = (step as f64, self.warmup_steps.max(1) as f64);
        if step < warmup {
            return self.peak_rate * step / warmup;
        }
        let share = match self.decay {
            Decay::InverseSqrt => (warmup / step).sqrt().max(self.floor),
            Decay::Cosine => {
                let length = (self.steps as f64 - warmup).max(1.0);
                let passed = ((step - warmup) / length).min(1.0);
                let cosine = (1.0 + libm::cos(passed * std::f64::consts::PI)) / 2.0;
                self.floor + (1.0 - self.floor) * cosine
            }
        };
        self.peak_rate * share
    }

    /// How much of its past the moving average keeps at `step`: less at the start, where the past
    /// is the random initialisation.
    fn average_at(&self, step: usize) -> f64 {
        self.average.min((1 + step) as f64 / (10 + step) as f64)
    }

    fn check(&self) -> Result<()> {
        let wrong = |name, value: f64, permitted| NnError::Config {
            name,
            value: value.to_string(),
            permitted,
        };
        for (name, value) in [
            ("peak_rate", self.peak_rate),
            ("clip_norm", self.clip_norm),
            ("evaluate_steps", self.evaluate_steps as f64),
            ("patience", self.patience as f64),
        ] {
            if !value.is_finite() || value <= 0.0 {
                return Err(wrong(name, value, "above 0"));
            }
        }
        for (name, value) in [("floor", self.floor), ("average", self.average)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(wrong(name, value, "between 0 and 1"));
            }
        }
        Ok(())
    }
}

/// One look at the held-out data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// The mean training loss per batch since the last evaluation, in nats per token.
    pub training_loss: f32,
    /// The loss of the averaged weights on the held-out data, in nats per token.
    pub held_out_loss: f32,
}

/// Why a training call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// All steps are done.
    Finished,
    /// The held-out loss has not fallen for long enough.
    NoProgress,
    /// The minutes are used up; the next call continues.
    OutOfTime,
    /// The caller wanted it; the next call continues.
    Cancelled,
}

/// What a training call did.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainReport {
    /// Why it ended.
    pub stop: Stop,
    /// Steps done since the beginning.
    pub step: usize,
    /// Whole epochs done since the beginning.
    pub epoch: usize,
    /// The best evaluation, whose averaged weights are in [`BEST`].
    pub best: Option<Evaluation>,
    /// Every evaluation since the beginning.
    pub evaluations: Vec<Evaluation>,
    /// Tokens trained on per second in this call, without the evaluations.
    pub tokens_per_second: f64,
}

/// What a checkpoint holds besides tensors. Losses are `f32`, which JSON keeps exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    step: usize,
    epoch: usize,
    /// Batches of the epoch already used.
    position: usize,
    loss_sum: f32,
    loss_count: u32,
    evaluations: Vec<Evaluation>,
    finished: bool,
}

impl State {
    fn best(&self) -> Option<Evaluation> {
        let evaluations = self.evaluations.iter().copied();
        evaluations.min_by(|a, b| a.held_out_loss.total_cmp(&b.held_out_loss))
    }

    /// Evaluations since the best one.
    fn without_progress(&self) -> usize {
        let best = self.best().map(|best| best.step);
        let is_best = |evaluation: &Evaluation| Some(evaluation.step) == best;
        let place = self.evaluations.iter().position(is_best).unwrap_or(0);
        self.evaluations.len().saturating_sub(place + 1)
    }
}

/// Trains the parameters in `weights`, which are those of `trainee`, or goes on with the training
/// whose checkpoint is in `folder`.
///
/// # Errors
/// Where a file cannot be read or written, the checkpoint is that of another model, or the loss is
/// no longer a number.
pub fn train<T, D>(
    trainee: &T,
    weights: &Weights,
    data: &D,
    held_out: &[T::Batch],
    settings: &TrainSettings,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<TrainReport>
where
    T: Trainee,
    D: TrainingData<Batch = T::Batch>,
{
    settings.check()?;
    let mut run = Run::begin(trainee, weights, held_out, settings, folder, progress)?;
    let stop = run.epochs(data)?;
    let evaluated = run.state.evaluations.last().map(|e| e.step);
    let is_due = match stop {
        Stop::Finished => evaluated != Some(run.state.step),
        Stop::OutOfTime => evaluated.is_none(), // there is then something to keep
        Stop::NoProgress | Stop::Cancelled => false,
    };
    if is_due {
        run.evaluate()?;
    }
    run.state.finished = matches!(stop, Stop::Finished | Stop::NoProgress);
    run.save()?;
    Ok(run.report(stop))
}

struct Run<'a, T: Trainee> {
    trainee: &'a T,
    weights: &'a Weights,
    held_out: &'a [T::Batch],
    settings: &'a TrainSettings,
    optimiser: AdamW,
    moments: BTreeMap<String, Moments>,
    state: State,
    folder: PathBuf,
    progress: &'a dyn Progress,
    began: Instant,
    saved: Instant,
    trained: Duration,
    tokens: usize,
    steps_here: usize,
}

impl<'a, T: Trainee> Run<'a, T> {
    fn begin(
        trainee: &'a T,
        weights: &'a Weights,
        held_out: &'a [T::Batch],
        settings: &'a TrainSettings,
        folder: &Path,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|source| NnError::Write {
            path: folder.into(),
            source,
        })?;
        let mut run = Self {
            trainee,
            weights,
            held_out,
            settings,
            optimiser: AdamW {
                weight_decay: settings.weight_decay,
                ..AdamW::default()
            },
            moments: BTreeMap::new(),
            state: State::default(),
            folder: folder.into(),
            progress,
            began: Instant::now(),
            saved: Instant::now(),
            trained: Duration::ZERO,
            tokens: 0,
            steps_here: 0,
        };
        let path = folder.join(CHECKPOINT);
        if path.exists() {
            run.resume(&path)?;
        } else {
            run.forget()?;
        }
        Ok(run)
    }

    /// The optimiser's memory before the first step.
    fn forget(&mut self) -> Result<()> {
        for (name, tensor) in self.weights.export()?.tensors {
            let count = tensor.numbers.len();
            let moments = Moments {
                mean: vec![0.0; count],
                square: vec![0.0; count],
                average: tensor.numbers,
            };
            self.moments.insert(name, moments);
        }
        Ok(())
    }

    fn epochs<D>(&mut self, data: &D) -> Result<Stop>
    where
        D: TrainingData<Batch = T::Batch>,
    {
        if self.state.finished && self.state.without_progress() >= self.settings.patience {
            return Ok(Stop::NoProgress);
        }
        while self.state.step < self.settings.steps {
            let seed = self.settings.seed.derive("order");
            let order = data.epoch(seed.derive(&self.state.epoch.to_string()));
            if order.is_empty() {
                return Err(NnError::NoData);
            }
            while self.state.position < order.len() {
                if let Some(stop) = self.asked_to_stop() {
                    return Ok(stop);
                }
                let batch = data.batch(&order[self.state.position]);
                self.step(&batch.map_err(|source| NnError::Data { source })?)?;
                if let Some(stop) = self.after_step()? {
                    return Ok(stop);
                }
            }
            self.state.epoch += 1;
            self.state.position = 0;
        }
        Ok(Stop::Finished)
    }

    fn asked_to_stop(&self) -> Option<Stop> {
        if self.state.step >= self.settings.steps {
            return Some(Stop::Finished);
        }
        if self.progress.cancelled() {
            return Some(Stop::Cancelled);
        }
        let minutes = self.began.elapsed().as_secs_f64() / 60.0;
        let over = self.settings.max_minutes.is_some_and(|max| minutes >= max);
        over.then_some(Stop::OutOfTime)
    }

    fn step(&mut self, batch: &T::Batch) -> Result<()> {
        let began = Instant::now();
        let step = self.state.step + 1;
        let seed = DropoutSeed::new(self.settings.seed, step);
        let loss = self.trainee.loss(batch, Some(seed))?;
        let value = loss.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?;
        if !value.is_finite() {
            return Err(NnError::Diverged { step, loss: value });
        }
        self.update(step, value, &loss.backward()?)?;
        self.state.step = step;
        self.state.position += 1;
        self.state.loss_sum += value;
        self.state.loss_count += 1;
        self.trained += began.elapsed();
        self.tokens += self.trainee.tokens(batch);
        self.steps_here += 1;
        Ok(())
    }

    fn update(&mut self, step: usize, loss: f32, gradients: &GradStore) -> Result<()> {
        let parameters = self.weights.parameters();
        let found = parameters
            .iter()
            .filter_map(|(_, p)| gradients.get(p.var.as_tensor()));
        let norm = global_norm(found)?;
        if !norm.is_finite() {
            return Err(NnError::Diverged { step, loss });
        }
        let scale = (self.settings.clip_norm / norm.max(f64::MIN_POSITIVE)).min(1.0);
        let (rate, average) = (self.settings.rate(step), self.settings.average_at(step));
        let factors = self.optimiser.step(step, rate, scale, average);
        for (name, parameter) in &parameters {
            let gradient = gradients.get(parameter.var.as_tensor());
            if let (Some(gradient), Some(moments)) = (gradient, self.moments.get_mut(name)) {
                factors.apply(&parameter.var, gradient, moments, parameter.decays)?;
            }
        }
        Ok(())
    }

    /// Reports, evaluates and saves where it is time to.
    fn after_step(&mut self) -> Result<Option<Stop>> {
        let step = self.state.step;
        self.progress.step(Stage::Train, step, self.settings.steps);
        if step.is_multiple_of(self.settings.evaluate_steps) {
            self.evaluate()?;
            if self.state.without_progress() >= self.settings.patience {
                return Ok(Some(Stop::NoProgress));
            }
        }
        if self.saved.elapsed().as_secs_f64() >= self.settings.checkpoint_minutes * 60.0 {
            self.save()?;
        }
        Ok(None)
    }

    /// Measures the averaged weights on the held-out data and keeps them if they are the best.
    fn evaluate(&mut self) -> Result<()> {
        let (current, averaged) = (self.weights.export()?, self.averaged());
        self.weights.import(&averaged)?;
        let held_out = self.held_out_loss();
        self.weights.import(&current)?;
        let evaluation = Evaluation {
            step: self.state.step,
            training_loss: self.state.loss_sum / self.state.loss_count.max(1) as f32,
            held_out_loss: held_out?,
        };
        (self.state.loss_sum, self.state.loss_count) = (0.0, 0);
        let best = self.state.best();
        self.state.evaluations.push(evaluation);
        if best.is_none_or(|best| evaluation.held_out_loss < best.held_out_loss) {
            averaged.write(&self.folder.join(BEST), Precision::F32)?;
        }
        self.progress.note(&self.describe(&evaluation));
        Ok(())
    }

    fn averaged(&self) -> TensorFile {
        let mut file = TensorFile::default();
        for (name, parameter) in self.weights.parameters() {
            let numbers = self
                .moments
                .get(&name)
                .map(|moments| moments.average.clone());
            let tensor = HostTensor {
                shape: parameter.var.dims().to_vec(),
                numbers: numbers.unwrap_or_default(),
            };
            file.tensors.insert(name, tensor);
        }
        file
    }

    /// In nats per token; the training loss where nothing is held out.
    fn held_out_loss(&self) -> Result<f32> {
        let (mut sum, mut count) = (0.0, 0);
        for (index, batch) in self.held_out.iter().enumerate() {
            let loss = self.trainee.loss(batch, None)?;
            let loss = loss.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?;
            let tokens = self.trainee.tokens(batch);
            sum += loss * tokens as f64;
            count += tokens;
            let total = self.held_out.len();
            self.progress.step(Stage::Evaluate, index + 1, total);
        }
        if count == 0 {
            return Ok(self.state.loss_sum / self.state.loss_count.max(1) as f32);
        }
        Ok((sum / count as f64) as f32)
    }

    fn describe(&self, evaluation: &Evaluation) -> String {
        let left = self.settings.steps.saturating_sub(self.state.step);
        let seconds = self.began.elapsed().as_secs_f64() / self.steps_here.max(1) as f64;
        format!(
            "step {}, epoch {}: loss {:.4}, held out {:.4}, {:.0} tokens/s, at most {:.0} min left",
            evaluation.step,
            self.state.epoch,
            evaluation.training_loss,
            evaluation.held_out_loss,
            self.tokens_per_second(),
            left as f64 * seconds / 60.0,
        )
    }

    fn tokens_per_second(&self) -> f64 {
        self.tokens as f64 / self.trained.as_secs_f64().max(1e-9)
    }

    fn report(&self, stop: Stop) -> TrainReport {
        TrainReport {
            stop,
            step: self.state.step,
            epoch: self.state.epoch,
            best: self.state.best(),
            evaluations: self.state.evaluations.clone(),
            tokens_per_second: self.tokens_per_second(),
        }
    }

    /// Writes the checkpoint: weights, the optimiser's memory and the state in one file.
    fn save(&mut self) -> Result<()> {
        let mut file = TensorFile::default();
        for (name, tensor) in self.weights.export()?.tensors {
            if let Some(moments) = self.moments.get(&name) {
                for (part, numbers) in moments_by_name(moments) {
                    let tensor = HostTensor {
                        shape: tensor.shape.clone(),
                        numbers: numbers.clone(),
                    };
                    file.tensors.insert(format!("{part}/{name}"), tensor);
                }
            }
            file.tensors.insert(format!("weights/{name}"), tensor);
        }
        let text = serde_json::to_string(&self.state).map_err(|error| NnError::Checkpoint {
            path: self.folder.join(CHECKPOINT),
            reason: error.to_string(),
        })?;
        file.text = Some(text);
        file.write(&self.folder.join(CHECKPOINT), Precision::F32)?;
        self.saved = Instant::now();
        Ok(())
    }

    fn resume(&mut self, path: &Path) -> Result<()> {
        let unfit = |reason: String| NnError::Checkpoint {
            path: path.into(),
            reason,
        };
        let mut file = TensorFile::read(path)?;
        let text = file.text.take().unwrap_or_default();
        self.state = serde_json::from_str(&text).map_err(|error| unfit(error.to_string()))?;
        let mut weights = TensorFile::default();
        for (name, parameter) in self.weights.parameters() {
            let shape = parameter.var.dims().to_vec();
            let mut take = |part: &str| {
                file.take(&format!("{part}/{name}"), &shape)
                    .map_err(|error| unfit(error.to_string()))
            };
            let moments = Moments {
                mean: take("mean")?,
                square: take("square")?,
                average: take("average")?,
            };
            let numbers = take("weights")?;
            weights
                .tensors
                .insert(name.clone(), HostTensor { shape, numbers });
            self.moments.insert(name, moments);
        }
        if let Some(name) = file.tensors.keys().next() {
            return Err(unfit(format!("the model has no {name:?}")));
        }
        let note = format!(
            "resumed at step {}, epoch {}",
            self.state.step, self.state.epoch
        );
        self.progress.note(&note);
        self.weights.import(&weights)
    }
}

fn moments_by_name(moments: &Moments) -> [(&'static str, &Vec<f32>); 3] {
    [
        ("mean", &moments.mean),
        ("square", &moments.square),
        ("average", &moments.average),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use affetto_core::Silent;
    use candle_core::Device;

    use super::*;
    use crate::layers::{Dropout, Linear};

    /// Two layers that learn a linear map.
    struct Net {
        first: Linear,
        second: Linear,
        dropout: Dropout,
    }

    impl Net {
        fn new(weights: &Weights) -> Self {
            let root = weights.root();
            Self {
                first: Linear::new(&root.child("first"), 3, 8).unwrap(),
                second: Linear::new(&root.child("second"), 8, 2).unwrap(),
                dropout: Dropout::new(&root.child("dropout"), 0.1),
            }
        }
    }

    impl Trainee for Net {
        type Batch = (Tensor, Tensor);

        fn loss(
            &self,
            (x, y): &(Tensor, Tensor),
            dropout: Option<DropoutSeed>,
        ) -> candle_core::Result<Tensor> {
            let hidden = crate::ops::gelu(&self.first.forward(x)?)?;
            let hidden = self.dropout.forward(&hidden, dropout)?;
            (self.second.forward(&hidden)? - y)?.sqr()?.mean_all()
        }

        fn tokens(&self, (x, _): &(Tensor, Tensor)) -> usize {
            x.dims()[0]
        }
    }

    /// Four batches an epoch.
    struct Lines;

    impl TrainingData for Lines {
        type Index = usize;
        type Batch = (Tensor, Tensor);

        fn epoch(&self, seed: Seed) -> Vec<usize> {
            let mut order = vec![0, 1, 2, 3];
            seed.rng().shuffle(&mut order);
            order
        }

        fn batch(
            &self,
            index: &usize,
        ) -> std::result::Result<(Tensor, Tensor), Box<dyn std::error::Error + Send + Sync>>
        {
            let mut rng = Seed(*index as u64).rng();
            let x: Vec<f32> = (0..15).map(|_| rng.uniform() as f32 - 0.5).collect();
            let y: Vec<f32> = x
                .chunks(3)
                .flat_map(|x| [x[0] - x[1], x[2] + 0.5])
                .collect();
            let x = Tensor::from_vec(x, (5, 3), &Device::Cpu)?;
            Ok((x, Tensor::from_vec(y, (5, 2), &Device::Cpu)?))
        }
    }

    /// Wants to stop before step `.0 + 1`.
    struct StopAfter(usize, AtomicUsize);

    impl Progress for StopAfter {
        fn step(&self, stage: Stage, _done: usize, _total: usize) {
            if stage == Stage::Train {
                self.1.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn cancelled(&self) -> bool {
            self.1.load(Ordering::Relaxed) >= self.0
        }
    }

    fn settings(steps: usize) -> TrainSettings {
        TrainSettings {
            steps,
            warmup_steps: 3,
            evaluate_steps: 2,
            peak_rate: 0.02,
            ..TrainSettings::default()
        }
    }

    fn run(folder: &Path, settings: &TrainSettings, progress: &dyn Progress) -> TrainReport {
        let weights = Weights::drawn(Seed(2), &Device::Cpu);
        let net = Net::new(&weights);
        let held_out = [Lines.batch(&9).unwrap()];
        train(
            &net, &weights, &Lines, &held_out, settings, folder, progress,
        )
        .unwrap()
    }

    #[test]
    fn six_steps_equal_three_and_three_byte_for_byte() {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(whole.path(), &settings(6), &Silent);
        let stopped = run(
            parts.path(),
            &settings(6),
            &StopAfter(3, AtomicUsize::new(0)),
        );
        assert_eq!((stopped.stop, stopped.step), (Stop::Cancelled, 3));
        let finished = run(parts.path(), &settings(6), &Silent);
        assert_eq!((finished.stop, finished.step), (Stop::Finished, 6));
        for name in [CHECKPOINT, BEST] {
            let read =
                |folder: &tempfile::TempDir| std::fs::read(folder.path().join(name)).unwrap();
            assert_eq!(read(&whole), read(&parts), "{name}");
        }
    }

    #[test]
    fn it_learns_and_the_best_weights_give_the_reported_loss() {
        let folder = tempfile::tempdir().unwrap();
        let report = run(folder.path(), &settings(400), &Silent);
        let best = report.best.unwrap();
        assert!(best.held_out_loss < 0.01, "{best:?}");
        let file = TensorFile::read(&folder.path().join(BEST)).unwrap();
        let net = Net::new(&Weights::loaded(file, &Device::Cpu));
        let loss = net.loss(&Lines.batch(&9).unwrap(), None).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), best.held_out_loss);
    }

    #[test]
    fn it_ends_without_progress_and_stays_ended() {
        let folder = tempfile::tempdir().unwrap();
        let stuck = TrainSettings {
            peak_rate: 1e-30,
            patience: 2,
            ..settings(100)
        };
        let report = run(folder.path(), &stuck, &Silent);
        assert_eq!((report.stop, report.step), (Stop::NoProgress, 6));
        let again = run(folder.path(), &stuck, &Silent);
        assert_eq!((again.stop, again.step), (Stop::NoProgress, 6));
        let patient = TrainSettings {
            patience: 4,
            ..stuck
        };
        let further = run(folder.path(), &patient, &Silent);
        assert_eq!((further.stop, further.step), (Stop::NoProgress, 10));
    }

    #[test]
    fn what_a_training_began_from_is_known_when_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("from.safetensors");
        let given = Weights::drawn(Seed(3), &Device::Cpu);
        Net::new(&given);
        let given = given.export().unwrap();
        given.write(&file, Precision::F32).unwrap();
        let of = |from: Option<&Path>, name: &str| {
            let weights = Weights::drawn(Seed(2), &Device::Cpu);
            Net::new(&weights);
            let hash = begin_from(&weights, from, &folder.path().join(name)).unwrap();
            (hash, weights.export().unwrap().tensors)
        };
        let (drawn, hash) = (of(None, "drawn").1, of(Some(&file), "begun").0);
        assert_eq!(hash, Some(sha256_hex(&std::fs::read(&file).unwrap())));
        assert_eq!(of(Some(&file), "begun").1, given.tensors);
        for (name, hash) in [("drawn", None), ("begun", hash)] {
            run(&folder.path().join(name), &settings(2), &Silent);
            for from in [None, Some(&*file)] {
                assert_eq!(of(from, name), (hash.clone(), drawn.clone()));
            }
        }
    }

    #[test]
    fn a_foreign_checkpoint_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &settings(2), &Silent);
        let weights = Weights::drawn(Seed(2), &Device::Cpu);
        let net = Net::new(&weights);
        Linear::new(&weights.root().child("third"), 2, 2).unwrap();
        let error = train(
            &net,
            &weights,
            &Lines,
            &[],
            &settings(4),
            folder.path(),
            &Silent,
        );
        assert!(matches!(error, Err(NnError::Checkpoint { .. })));
    }

    /// Worked by hand: half the peak at half the warm-up, the peak after it, the floor at the end,
    /// the mean of both half-way; half the peak at four times the warm-up.
    #[test]
    fn rates_by_hand() {
        let mut settings = TrainSettings {
            warmup_steps: 100,
            steps: 1100,
            peak_rate: 1.0,
            floor: 0.1,
            ..TrainSettings::default()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(settings.rate(50), 0.5);
        near(settings.rate(100), 1.0);
        near(settings.rate(600), 0.55);
        near(settings.rate(1100), 0.1);
        settings.decay = Decay::InverseSqrt;
        near(settings.rate(400), 0.5);
        near(settings.rate(1_000_000), 0.1);
    }
}
