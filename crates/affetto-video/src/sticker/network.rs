//! The diffusion transformer over rig tracks: Peebles and Xie, "Scalable Diffusion Models with Transformers" (2023), in one
//! dimension.
//!
//! Differs from the paper: a few tokens hold the pose, the others stretches of the motion; scales and shifts are shared by
//! all blocks but for a table of each (Chen and others, "PixArt-alpha", 2023, section 2.3); it predicts the latent without
//! noise, whose few degrees of freedom fit into narrow tokens (Li and He, "Back to Basics: Let Denoising Generative Models
//! Denoise", 2025).
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `latent` | `(B, ROWS, WIDTH)` | mean, then cosine and sine of each harmonic, in units of their spread |
//! | `times` | `(B, 64)` | cosines and sines of the noise level |
//! | `told` | `(B, TOLD)` | what the sticker is to be |
//! | result | `(B, ROWS, WIDTH)` | the latent without noise |

use affetto_nn::{
    diffusion::{Denoiser, Prediction},
    layers::{Dropout, FeedForward, LayerNorm, Linear},
    ops::{self, Attention, DropoutSeed, Softmax},
    weights::{Init, Scope},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    basis::WIDTH,
    harmonics::{HARMONICS, ROWS, phase, waves},
    latents::{Scales, TOLD},
};
use crate::{Error, Result};

/// Frequencies that a noise level is told in.
const TIME_WAVES: usize = 32;
/// Shifts, scales and gates of a block: for attention, then for the feed-forward part.
const MODULATIONS: usize = 6;

/// How the motion is laid out in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionTokens {
    /// Each token is a stretch of the loop.
    #[default]
    Stretches,
    /// Each token is a harmonic.
    Harmonics,
}

/// The extents of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The width of a token.
    pub width: usize,
    /// The number of heads.
    pub heads: usize,
    /// The number of blocks.
    pub layers: usize,
    /// The inner width of the feed-forward part.
    pub feed_forward: usize,
    /// Tokens of the pose.
    pub pose_tokens: usize,
    /// What the tokens of the motion are.
    pub motion: MotionTokens,
    /// Tokens of the motion where they are stretches; [`FRAMES`] is a multiple of it.
    pub stretches: usize,
    /// The share of numbers dropped in training.
    pub dropout: f64,
}

/// Frames that the motion is laid out in, enough for [`HARMONICS`].
pub const FRAMES: usize = 32;

impl Config {
    /// As shipped: 1.7 million parameters.
    pub fn base() -> Self {
        Self {
            width: 160,
            heads: 4,
            layers: 4,
            feed_forward: 640,
            pose_tokens: 4,
            motion: MotionTokens::Stretches,
            stretches: 8,
            dropout: 0.1,
        }
    }

    /// A few thousand parameters, to try a training out.
    pub fn tiny() -> Self {
        Self {
            width: 12,
            heads: 3,
            layers: 2,
            feed_forward: 20,
            pose_tokens: 2,
            stretches: 4,
            ..Self::base()
        }
    }

    /// Checks the extents.
    ///
    /// # Errors
    /// [`Error::Config`] for the first that no network can have.
    pub fn check(&self) -> Result<()> {
        let within = |name, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::Config {
                name,
                value: value.to_string(),
                permitted: format!("from 1 to {most}"),
            }),
        };
        within("width", self.width, 4096)?;
        within("heads", self.heads, 64)?;
        within("layers", self.layers, 64)?;
        within("feed_forward", self.feed_forward, 16_384)?;
        within("pose_tokens", self.pose_tokens, 64)?;
        within("stretches", self.stretches, FRAMES)?;
        let fits = self.width.is_multiple_of(self.heads)
            && FRAMES.is_multiple_of(self.stretches)
            && (0.0..1.0).contains(&self.dropout);
        match fits {
            true => Ok(()),
            false => Err(Error::Config {
                name: "heads, stretches, dropout",
                value: format!("{}, {}, {}", self.heads, self.stretches, self.dropout),
                permitted: format!("a divisor of the width, one of {FRAMES}, a share below 1"),
            }),
        }
    }

    /// Tokens of the motion and numbers of each.
    fn motion(&self) -> (usize, usize) {
        match self.motion {
            MotionTokens::Stretches => (self.stretches, FRAMES / self.stretches * WIDTH),
            MotionTokens::Harmonics => (HARMONICS, 2 * WIDTH),
        }
    }
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    pose_in: Linear,
    motion_in: Linear,
    places: Tensor,
    time: [Linear; 2],
    told: [Linear; 2],
    modulation: Linear,
    blocks: Vec<Block>,
    last_norm: LayerNorm,
    pose_out: Linear,
    motion_out: Linear,
    layout: Layout,
    config: Config,
}

/// Fixed maps between rows of harmonics and frames.
#[derive(Clone, Debug)]
struct Layout {
    /// The size of each harmonic in frames, `(1, 2 HARMONICS, WIDTH)`.
    sizes: Tensor,
    /// Their inverse.
    inverse: Tensor,
    /// Frames from harmonics, `(1, FRAMES, 2 HARMONICS)`.
    to_frames: Tensor,
    /// Harmonics from frames, `(1, 2 HARMONICS, FRAMES)`.
    to_harmonics: Tensor,
}

impl Layout {
    fn new(scales: &Scales, device: &Device) -> Result<Self> {
        let shares: Vec<f32> = scales
            .shares()
            .iter()
            .flat_map(|row| [row.clone(), row.clone()])
            .flatten()
            .collect();
        let shape = (1, 2 * HARMONICS, WIDTH);
        let inverse = shares.iter().map(|share| 1.0 / share).collect::<Vec<f32>>();
        let table: Vec<f32> = (0..FRAMES)
            .flat_map(|frame| waves(phase(frame, FRAMES)))
            .collect();
        let to_frames = Tensor::from_vec(table, (1, FRAMES, 2 * HARMONICS), device)?;
        let to_harmonics = (to_frames.transpose(1, 2)?.contiguous()? * (2.0 / FRAMES as f64))?;
        Ok(Self {
            sizes: Tensor::from_vec(shares, shape, device)?,
            inverse: Tensor::from_vec(inverse, shape, device)?,
            to_frames,
            to_harmonics,
        })
    }
}

/// One for each item of the batch of a fixed matrix times its own.
fn product(fixed: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
    let (_, rows, columns) = fixed.dims3()?;
    fixed
        .broadcast_as((x.dim(0)?, rows, columns))?
        .contiguous()?
        .matmul(x)
}

impl Network {
    /// The network at `scope`.
    ///
    /// # Errors
    /// Where the extents do not fit, or the weights are those of another network.
    pub fn new(config: &Config, scales: &Scales, scope: &Scope) -> Result<Self> {
        config.check()?;
        scales.check()?;
        let width = config.width;
        let (tokens, numbers) = config.motion();
        let linear = |name: &str, from: usize, to: usize| Linear::new(&scope.child(name), from, to);
        let nothing = |name: &str, from: usize, to: usize| {
            Linear::with_gain(&scope.child(name), from, to, 0.0)
        };
        let pose_in = linear("pose_in", WIDTH, config.pose_tokens * width)?;
        let device = pose_in.device().clone();
        let deviation = 0.5;
        let places = [config.pose_tokens + tokens, width];
        Ok(Self {
            pose_in,
            motion_in: linear("motion_in", numbers, width)?,
            places: scope
                .child("places")
                .get("weight", &places, Init::Embedding { deviation })?,
            time: [
                linear("time.0", 2 * TIME_WAVES, width)?,
                linear("time.1", width, width)?,
            ],
            told: [
                linear("told.0", TOLD, width)?,
                linear("told.1", width, width)?,
            ],
            modulation: nothing("modulation", width, MODULATIONS * width)?,
            blocks: (0..config.layers)
                .map(|layer| Block::new(config, &scope.child("block").child(layer)))
                .collect::<Result<_>>()?,
            last_norm: LayerNorm::new(&scope.child("last_norm"), width)?,
            pose_out: Linear::with_gain(
                &scope.child("pose_out"),
                config.pose_tokens * width,
                WIDTH,
                0.1,
            )?,
            motion_out: Linear::with_gain(&scope.child("motion_out"), width, numbers, 0.1)?,
            layout: Layout::new(scales, &device)?,
            config: config.clone(),
        })
    }

    /// See the [module](self).
    pub fn forward(
        &self,
        latent: &Tensor,
        times: &Tensor,
        told: &Tensor,
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor> {
        let (batch, _, _) = latent.dims3()?;
        let (width, poses) = (self.config.width, self.config.pose_tokens);
        let (tokens, numbers) = self.config.motion();
        let pose = latent
            .narrow(1, 0, 1)?
            .contiguous()?
            .reshape((batch, WIDTH))?;
        let pose = self
            .pose_in
            .forward(&pose)?
            .reshape((batch, poses, width))?;
        let motion = latent
            .narrow(1, 1, ROWS - 1)?
            .broadcast_mul(&self.layout.sizes)?;
        let motion = match self.config.motion {
            MotionTokens::Stretches => product(&self.layout.to_frames, &motion.contiguous()?)?,
            MotionTokens::Harmonics => motion,
        };
        let motion = motion.contiguous()?.reshape((batch, tokens, numbers))?;
        let motion = self.motion_in.forward(&motion)?;
        let mut x = Tensor::cat(&[&pose, &motion], 1)?.broadcast_add(&self.places)?; // (B, T, D)
        let condition = (self.embed(&self.time, times)? + self.embed(&self.told, told)?)?.silu()?;
        let modulation =
            self.modulation
                .forward(&condition)?
                .reshape((batch, MODULATIONS, width))?;
        for block in &self.blocks {
            x = block.forward(&x, &modulation, seed)?;
        }
        let x = self.last_norm.forward(&x)?;
        let pose = x
            .narrow(1, 0, poses)?
            .contiguous()?
            .reshape((batch, poses * width))?;
        let pose = self.pose_out.forward(&pose)?.reshape((batch, 1, WIDTH))?;
        let motion = self
            .motion_out
            .forward(&x.narrow(1, poses, tokens)?.contiguous()?)?;
        let motion = match self.config.motion {
            MotionTokens::Stretches => {
                let frames = motion.reshape((batch, FRAMES, WIDTH))?;
                product(&self.layout.to_harmonics, &frames)?.broadcast_mul(&self.layout.inverse)?
            }
            MotionTokens::Harmonics => motion.reshape((batch, ROWS - 1, WIDTH))?,
        };
        Tensor::cat(&[&pose, &motion], 1)
    }

    fn embed(&self, layers: &[Linear; 2], x: &Tensor) -> candle_core::Result<Tensor> {
        layers[1].forward(&layers[0].forward(x)?.silu()?)
    }

    /// Its extents.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its parameters are.
    pub fn device(&self) -> &Device {
        self.pose_in.device()
    }
}

/// Cosines and sines of a noise level of 0 to 1.
pub fn time_waves(sigma: f64) -> [f32; 2 * TIME_WAVES] {
    let mut waves = [0.0; 2 * TIME_WAVES];
    for (index, pair) in waves.chunks_exact_mut(2).enumerate() {
        // From 1 to 200 radians over the whole range.
        let frequency = libm::pow(200.0, index as f64 / (TIME_WAVES - 1) as f64);
        let (sine, cosine) = libm::sincos(frequency * sigma);
        (pair[0], pair[1]) = (cosine as f32, sine as f32);
    }
    waves
}

/// A batch of what [`time_waves`] gives.
pub fn times(sigmas: &[f64], device: &Device) -> candle_core::Result<Tensor> {
    let waves: Vec<f32> = sigmas.iter().flat_map(|sigma| time_waves(*sigma)).collect();
    Tensor::from_vec(waves, (sigmas.len(), 2 * TIME_WAVES), device)
}

impl Denoiser for Network {
    /// What each sticker of the batch is to be, `(B, TOLD)`.
    type Condition = Tensor;
    type Error = Error;

    fn prediction(&self) -> Prediction {
        Prediction::CleanSample
    }

    fn predict(&self, latent: &Tensor, time: f64, told: &Tensor) -> Result<Tensor> {
        let sigmas = vec![time / affetto_nn::diffusion::TRAIN_STEPS as f64; latent.dim(0)?];
        Ok(self.forward(latent, &times(&sigmas, latent.device())?, told, None)?)
    }
}

/// Attention and a feed-forward part, each scaled, shifted and gated by the condition.
#[derive(Clone, Debug)]
struct Block {
    modulation: Tensor,
    attention_norm: LayerNorm,
    packed: Linear,
    out: Linear,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    dropouts: [Dropout; 2],
    attention: Attention,
}

impl Block {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let width = config.width;
        let gain = 1.0 / (2.0 * config.layers as f64).sqrt();
        let (attention, feed_forward) = (scope.child("attention"), scope.child("feed_forward"));
        // Gates are 1 at first, so that gradients pass from the first step on.
        let modulation =
            scope
                .child("modulation")
                .get("weight", &[MODULATIONS, width], Init::Constant(0.0))?;
        Ok(Self {
            modulation,
            attention_norm: LayerNorm::new(&scope.child("attention_norm"), width)?,
            packed: Linear::new(&attention.child("packed"), width, 3 * width)?,
            out: Linear::with_gain(&attention.child("out"), width, width, gain)?,
            feed_forward_norm: LayerNorm::new(&scope.child("feed_forward_norm"), width)?,
            feed_forward: FeedForward::new(&feed_forward, width, config.feed_forward, gain)?,
            dropouts: [&attention, &feed_forward].map(|scope| Dropout::new(scope, config.dropout)),
            attention: Attention {
                heads: config.heads,
                softmax: Softmax {
                    scale: 1.0 / ((width / config.heads) as f64).sqrt(),
                    causal: false,
                    key_lengths: None,
                },
                query_rotary: None,
                key_rotary: None,
            },
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        modulation: &Tensor,
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor> {
        let modulation = modulation.broadcast_add(&self.modulation)?; // (B, 6, D)
        let part = |index: usize| modulation.narrow(1, index, 1)?.squeeze(1);
        let normed = self
            .attention_norm
            .forward_modulated(x, &part(0)?, &part(1)?)?;
        let attended = ops::self_attention(&self.packed.forward(&normed)?, &self.attention)?;
        let attended = ops::gated(&self.out.forward(&attended)?, &part(2)?)?;
        let x = self.dropouts[0].add(x, &attended, seed)?;
        let normed = self
            .feed_forward_norm
            .forward_modulated(&x, &part(3)?, &part(4)?)?;
        let fed = ops::gated(&self.feed_forward.forward(&normed)?, &part(5)?)?;
        self.dropouts[1].add(&x, &fed, seed)
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Seed;
    use affetto_nn::{diffusion, weights::Weights};

    use super::*;
    use crate::sticker::data::{Clip, tests::invented};

    fn scales() -> Scales {
        let clips = invented(8);
        Scales::of(&clips.iter().collect::<Vec<&Clip>>())
    }

    fn noise(name: &str, shape: &[usize]) -> Tensor {
        diffusion::noise(Seed(3).derive(name), shape, &Device::Cpu).unwrap()
    }

    /// Moves every parameter away from 0, so that no gradient vanishes for that reason.
    fn shaken(weights: &Weights) {
        for (name, parameter) in weights.parameters() {
            let moved = (parameter.var.as_tensor()
                + (noise(&name, parameter.var.dims()) * 0.2).unwrap())
            .unwrap();
            parameter.var.set(&moved).unwrap();
        }
    }

    /// The gradient of every parameter, along a drawn direction, against central differences.
    #[test]
    fn gradients_are_those_of_differences() {
        for motion in [MotionTokens::Stretches, MotionTokens::Harmonics] {
            let config = Config {
                motion,
                ..Config::tiny()
            };
            let weights = Weights::drawn(Seed(1), &Device::Cpu);
            let network = Network::new(&config, &scales(), &weights.root()).unwrap();
            shaken(&weights);
            let latent = noise("latent", &[3, ROWS, WIDTH]);
            let (times, told) = (
                times(&[0.1, 0.5, 0.9], &Device::Cpu).unwrap(),
                noise("told", &[3, TOLD]),
            );
            let out = noise("out", &[3, ROWS, WIDTH]);
            let loss = || {
                let found = network.forward(&latent, &times, &told, None).unwrap();
                (found * &out).unwrap().sum_all().unwrap()
            };
            let gradients = loss().backward().unwrap();
            let value = || f64::from(loss().to_scalar::<f32>().unwrap());
            for (name, parameter) in weights.parameters() {
                let gradient = gradients
                    .get(parameter.var.as_tensor())
                    .unwrap_or_else(|| panic!("no gradient: {name}"));
                // Along the gradient itself the change is largest beside what single precision rounds off.
                let norm = gradient
                    .sqr()
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap()
                    .sqrt();
                let before = parameter.var.as_tensor().copy().unwrap();
                let step = 2e-3
                    * f64::from(
                        before
                            .sqr()
                            .unwrap()
                            .sum_all()
                            .unwrap()
                            .to_scalar::<f32>()
                            .unwrap()
                            .sqrt(),
                    );
                let at = |offset: f64| {
                    let direction = (gradient / f64::from(norm)).unwrap();
                    parameter
                        .var
                        .set(&(&before + (direction * offset).unwrap()).unwrap())
                        .unwrap();
                    value()
                };
                let difference = (at(step) - at(-step)) / (2.0 * step);
                parameter.var.set(&before).unwrap();
                let error = (difference - f64::from(norm)).abs() / f64::from(norm);
                assert!(
                    norm > 0.0 && error < 0.02,
                    "{motion:?} {name}: {difference} by differences, {norm}"
                );
            }
        }
    }

    /// A loop that begins a quarter later is another latent; a network of fresh weights tells the stretches apart by
    /// their place alone.
    #[test]
    fn shapes_and_parameters() {
        let weights = Weights::drawn(Seed(1), &Device::Cpu);
        let network = Network::new(&Config::base(), &scales(), &weights.root()).unwrap();
        assert!(
            (1_500_000..3_000_000).contains(&weights.count()),
            "{}",
            weights.count()
        );
        let latent = noise("latent", &[2, ROWS, WIDTH]);
        let found = network
            .predict(&latent, 500.0, &noise("told", &[2, TOLD]))
            .unwrap();
        assert_eq!(found.dims(), [2, ROWS, WIDTH]);
        let wrong = Config {
            heads: 7,
            ..Config::tiny()
        };
        assert!(Network::new(&wrong, &scales(), &weights.root()).is_err());
    }
}
