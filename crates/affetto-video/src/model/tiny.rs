//! A tiny decoder in place of the autoencoder's: TAEW2.1 of madebyollin's TAEHV (2024, MIT), distilled from it. A layer sees its
//! input and that of the frame before, so that a clip passes frame by frame.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | latent | `(1, 16, 1 + k, h, w)` `f32` | as the transformer sees it, normalised |
//! | video | `(1, 3, 1 + 4 k, 8 h, 8 w)` `f32` | -1 to 1 |
//!
//! The names of its tensors are the places of its layers in one list.

use candle_core::Tensor;

use super::frames::{Conv, Order, Stream};
use crate::{Error, Result, weights::Weights};

/// Latents are held within three deviations.
const BOUND: f64 = 3.0;

/// The extents of a [`TinyDecoder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TinyConfig {
    /// Channels of the latent.
    pub latent_channels: usize,
    /// Channels of the three levels and of what follows them.
    pub channels: [usize; 4],
}

impl TinyConfig {
    /// The published one, 9.84 million parameters.
    pub fn taew_2_1() -> Self {
        Self {
            latent_channels: 16,
            channels: [256, 128, 64, 64],
        }
    }

    /// Blocks of each level.
    pub(crate) const BLOCKS: usize = 3;
    /// Frames that each level makes of one.
    const FRAMES: [usize; 3] = [1, 2, 2];
    /// The place of the first level: before it are a bound, a convolution and a rectifier.
    const BEGIN: usize = 3;

    /// The levels in their order.
    pub(crate) fn levels(&self) -> [TinyLevel; 3] {
        std::array::from_fn(|level| TinyLevel {
            // Blocks, a doubling of rows and columns, one of frames, a convolution.
            begin: Self::BEGIN + level * (Self::BLOCKS + 3),
            channels: [self.channels[level], self.channels[level + 1]],
            frames: Self::FRAMES[level],
        })
    }

    /// The place of the last convolution, which a rectifier stands before.
    pub(crate) fn last(&self) -> usize {
        Self::BEGIN + Self::FRAMES.len() * (Self::BLOCKS + 3) + 1
    }

    /// Frames of a latent of so many frames.
    pub fn frames(&self, latent_frames: usize) -> usize {
        (latent_frames * self.per_latent_frame()).saturating_sub(self.lead())
    }

    /// Frames for each frame of the latent.
    fn per_latent_frame(&self) -> usize {
        Self::FRAMES.iter().product()
    }

    /// Frames before the first of the video: the first frame of a latent stands for one of the video alone.
    fn lead(&self) -> usize {
        self.per_latent_frame() - 1
    }

    /// Rows of the video for each of the latent.
    pub fn space_factor(&self) -> usize {
        1 << Self::FRAMES.len()
    }
}

/// The decoder.
pub struct TinyDecoder {
    config: TinyConfig,
    order: Order,
    first: Conv,
    levels: Vec<Level>,
    last: Conv,
}

impl TinyDecoder {
    /// Loads the network. Its numbers are `f32`, whatever the file has.
    ///
    /// # Errors
    /// Where a tensor is missing or has another shape.
    pub fn new(config: &TinyConfig, weights: &Weights) -> Result<Self> {
        let order = Order::of(weights.device());
        let name = |at: usize| format!("decoder.{at}");
        let [top, .., last] = config.channels;
        let level = |level: TinyLevel| Level::new(weights, &level, order);
        let levels: Result<Vec<Level>> = config.levels().into_iter().map(level).collect();
        Ok(Self {
            config: config.clone(),
            order,
            first: Conv::plane(weights, &name(1), [config.latent_channels, top], order)?,
            levels: levels?,
            last: Conv::plane(weights, &name(config.last()), [last, 3], order)?,
        })
    }

    /// The extents.
    pub fn config(&self) -> &TinyConfig {
        &self.config
    }

    /// Decodes `(1, C, F, h, w)` frame by frame of the latent and gives the frames `(1, 3, F', H, W)` of each to `each`. What
    /// is held does not grow with the length.
    ///
    /// # Errors
    /// Those of `each`, and where the latent has other channels.
    pub fn decode_streamed(
        &self,
        latent: &Tensor,
        mut each: impl FnMut(Tensor) -> Result<()>,
    ) -> Result<()> {
        let fits =
            matches!(*latent.dims(), [1, channels, ..] if channels == self.config.latent_channels);
        if !fits || latent.rank() != 5 || latent.elem_count() == 0 {
            return Err(Error::Extents {
                name: "latent",
                found: latent.dims().to_vec(),
                permitted: format!(
                    "(1, {}, frames, rows, columns)",
                    self.config.latent_channels
                ),
            });
        }
        let mut stream = Stream::default();
        for frame in 0..latent.dim(2)? {
            let frames = self.part(&latent.squeeze(0)?.narrow(1, frame, 1)?, &mut stream)?;
            let skipped = match frame {
                0 => self.config.lead(),
                _ => 0,
            };
            let count = frames.dim(1)? - skipped;
            each(frames.narrow(1, skipped, count)?.unsqueeze(0)?)?;
        }
        Ok(())
    }

    /// `(C, 1, h, w)` to `(3, F', H, W)`.
    fn part(&self, latent: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        stream.rewind();
        let bounded = ((latent / BOUND)?.tanh()? * BOUND)?;
        let mut x = self
            .first
            .forward(self.order.clip(&bounded)?, stream)?
            .relu()?;
        for level in &self.levels {
            x = level.forward(x, stream)?;
        }
        let x = self.last.forward(x.relu()?, stream)?;
        // From 0 to 1 there, from -1 to 1 here.
        Ok(self
            .order
            .channels_first(&x)?
            .clamp(0f32, 1f32)?
            .affine(2.0, -1.0)?)
    }
}

/// Where a level's layers are in the list, and how wide.
pub(crate) struct TinyLevel {
    /// The place of its first block.
    pub begin: usize,
    /// Channels within it and after it.
    pub channels: [usize; 2],
    /// Frames that it makes of one.
    pub frames: usize,
}

impl TinyLevel {
    /// The place of the layer that makes frames.
    pub fn grow(&self) -> usize {
        self.begin + TinyConfig::BLOCKS + 1
    }

    /// The place of the convolution to the next level.
    pub fn out(&self) -> usize {
        self.grow() + 1
    }
}

/// Blocks, then twice the rows, columns and perhaps frames.
struct Level {
    order: Order,
    blocks: Vec<Block>,
    grow: Conv,
    doubles: bool,
    out: Conv,
}

impl Level {
    fn new(weights: &Weights, level: &TinyLevel, order: Order) -> Result<Self> {
        let [from, _] = level.channels;
        let blocks = (0..TinyConfig::BLOCKS).map(|block| {
            let name = format!("decoder.{}", level.begin + block);
            Block::new(weights, &name, from, order)
        });
        let grow = format!("decoder.{}.conv", level.grow());
        let grown = [from, from * level.frames];
        let out = format!("decoder.{}", level.out());
        Ok(Self {
            order,
            blocks: blocks.collect::<Result<_>>()?,
            grow: Conv::point_no_bias(weights, &grow, grown, order)?,
            doubles: level.frames == 2,
            out: Conv::plane_no_bias(weights, &out, level.channels, order)?,
        })
    }

    fn forward(&self, mut x: Tensor, stream: &mut Stream) -> Result<Tensor> {
        for block in &self.blocks {
            x = block.forward(&x, stream)?;
        }
        let doubled = self.order.doubled(&x)?;
        drop(x);
        let x = self.grow.forward(doubled, stream)?;
        let x = match self.doubles {
            true => self.order.frames_of_halves(&x)?,
            false => x,
        };
        self.out.forward(x, stream)
    }
}

/// Three convolutions beside a short cut; the first sees the frame before too.
struct Block {
    first: Conv,
    second: Conv,
    third: Conv,
}

impl Block {
    fn new(weights: &Weights, name: &str, channels: usize, order: Order) -> Result<Self> {
        let part = |at: usize| format!("{name}.conv.{at}");
        Ok(Self {
            first: Conv::remembering(weights, &part(0), [channels; 2], order)?,
            second: Conv::plane(weights, &part(2), [channels; 2], order)?,
            third: Conv::plane(weights, &part(4), [channels; 2], order)?,
        })
    }

    fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let y = self.first.forward(x.clone(), stream)?.relu()?;
        let y = self.second.forward(y, stream)?.relu()?;
        Ok((x + self.third.forward(y, stream)?)?.relu()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        parity::{distance, fixture, path, record},
        weights::Network,
    };

    /// Of the fixture, all different.
    fn config() -> TinyConfig {
        TinyConfig {
            latent_channels: 16,
            channels: [12, 10, 8, 6],
        }
    }

    fn decoder() -> TinyDecoder {
        let path = path("tiny_taew.safetensors");
        let weights = Weights::open(&path, Network::Tiny, &candle_core::Device::Cpu).unwrap();
        TinyDecoder::new(&config(), &weights).unwrap()
    }

    fn decoded(latent: &Tensor) -> Tensor {
        let mut parts = Vec::new();
        let each = |frames: Tensor| {
            parts.push(frames);
            Ok(())
        };
        decoder().decode_streamed(latent, each).unwrap();
        Tensor::cat(&parts, 2).unwrap()
    }

    #[test]
    fn the_decoder_is_that_of_the_reference() {
        let io = fixture("tiny_taew_io");
        for name in ["three", "one"] {
            let video = decoded(&io[&format!("{name}.latent")]);
            let far = distance(&video, &io[&format!("{name}.video")]);
            record(&format!("taew {name}"), far);
            assert!(far < 1e-5, "{name}: {far}");
        }
    }

    /// As the reference counts them.
    #[test]
    fn the_published_decoder_has_its_tensors() {
        let tensors = TinyConfig::taew_2_1().tensors();
        let numbers: usize = tensors
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        assert_eq!((tensors.len(), numbers), (64, 9_844_611));
        let own: std::collections::BTreeMap<String, Vec<usize>> =
            config().tensors().into_iter().collect();
        let file = fixture("tiny_taew");
        assert_eq!(own.len(), file.len());
        for (name, shape) in own {
            assert_eq!(file[&name].dims(), shape, "{name}");
        }
    }

    #[test]
    fn frames_are_counted_and_other_latents_refused() {
        let config = TinyConfig::taew_2_1();
        assert_eq!((config.frames(1), config.frames(21)), (1, 81));
        assert_eq!(config.space_factor(), 8);
        let latent = Tensor::zeros(
            (1, 15, 1, 2, 2),
            candle_core::DType::F32,
            &candle_core::Device::Cpu,
        );
        let error = decoder().decode_streamed(&latent.unwrap(), |_| Ok(()));
        assert!(error.unwrap_err().to_string().contains("latent"));
    }
}
