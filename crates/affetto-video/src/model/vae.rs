//! The autoencoder: Wan Team (2025), section 4.1. Every layer looks only back in time, so a clip passes through it in parts
//! as well as in one, with the same result, and memory need not grow with the length.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | video | `(B, C, 1 + 4 k, 8 h, 8 w)` `f32` | -1 to 1 |
//! | moments | `(B, 2 Z, 1 + k, h, w)` `f32` | means, then logarithms of variances |
//! | raw latent | `(B, Z, 1 + k, h, w)` `f32` | what is decoded |
//! | latent | the same | minus the published means, over the published deviations: what the transformer sees |
//!
//! (The factors are those of [`VaeConfig::wan_2_1`].)

use candle_core::{Device, Tensor};

use super::{
    VaeConfig,
    frames::{Conv, FrameAttention, Norm, Order, Stream, doubled_in_time, halved_in_time},
};
use crate::{
    Error, Result,
    weights::{VaeBlock, Weights},
};

/// The autoencoder.
pub struct WanVae {
    config: VaeConfig,
    order: Order,
    encoder: Coder,
    after_encoder: Conv,
    before_decoder: Conv,
    decoder: Coder,
    /// `(1, Z, 1, 1, 1)`.
    mean: Tensor,
    deviation: Tensor,
}

impl WanVae {
    /// Loads the network. Its numbers are `f32`, whatever the file has.
    pub fn new(config: &VaeConfig, weights: &Weights) -> Result<Self> {
        Self::in_order(config, weights, Order::of(weights.device()))
    }

    fn in_order(config: &VaeConfig, weights: &Weights, order: Order) -> Result<Self> {
        config.check()?;
        let z = config.z_dim;
        let top = config.base_dim * config.dim_mult[config.steps()];
        let down = config.encoder_blocks().into_iter().enumerate();
        let down = down.map(|(index, block)| (format!("down_blocks.{index}"), block));
        let blocks = |part: &str, blocks: Vec<(String, VaeBlock)>| -> Result<Vec<Block>> {
            let block = |(name, block): (String, VaeBlock)| {
                Block::new(weights, &format!("{part}.{name}"), block, order)
            };
            blocks.into_iter().map(block).collect()
        };
        let encoder = blocks("encoder", down.collect())?;
        let decoder = blocks("decoder", config.decoder_blocks())?;
        let statistic = |numbers: &[f64]| {
            let numbers: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
            Tensor::from_vec(numbers, (1, z, 1, 1, 1), weights.device())
        };
        Ok(Self {
            config: config.clone(),
            order,
            encoder: Coder::new(
                weights,
                "encoder",
                false,
                [config.in_channels, 2 * z],
                [config.base_dim, top],
                encoder,
                order,
            )?,
            after_encoder: Conv::point(weights, "quant_conv", [2 * z, 2 * z], order)?,
            before_decoder: Conv::point(weights, "post_quant_conv", [z, z], order)?,
            decoder: Coder::new(
                weights,
                "decoder",
                true,
                [z, config.out_channels],
                [top, config.base_dim],
                decoder,
                order,
            )?,
            mean: statistic(&config.latents_mean)?,
            deviation: statistic(&config.latents_std)?,
        })
    }

    /// The extents.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// A raw latent to the latent that the transformer sees.
    pub fn normalise(&self, raw: &Tensor) -> Result<Tensor> {
        Ok(raw
            .broadcast_sub(&self.mean)?
            .broadcast_div(&self.deviation)?)
    }

    /// The latent that the transformer sees to a raw latent.
    pub fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        Ok(latent
            .broadcast_mul(&self.deviation)?
            .broadcast_add(&self.mean)?)
    }

    /// The means, a raw latent, in moments.
    pub fn means(&self, moments: &Tensor) -> Result<Tensor> {
        Ok(moments.narrow(1, 0, self.config.z_dim)?)
    }

    /// The moments of whole videos at once.
    ///
    /// # Errors
    /// Where the extents are no multiples of the factors, or the frames not one more than such a multiple.
    pub fn encode(&self, video: &Tensor) -> Result<Tensor> {
        each_item(video, |clip| self.encode_part(clip, &mut Stream::default()))
    }

    /// The videos of whole raw latents at once.
    pub fn decode(&self, raw: &Tensor) -> Result<Tensor> {
        self.check_latent(raw)?;
        each_item(raw, |clip| self.decode_part(clip, &mut Stream::default()))
    }

    /// Encodes a video part by part.
    pub fn encode_stream(&self) -> EncodeStream<'_> {
        EncodeStream {
            vae: self,
            stream: Stream::default(),
            begun: false,
        }
    }

    /// Decodes latents of `rows` by `columns` frame by frame.
    pub fn decode_stream(&self, rows: usize, columns: usize) -> DecodeStream<'_> {
        DecodeStream {
            vae: self,
            rows,
            columns,
            stream: Stream::default(),
        }
    }

    /// Decodes `(1, Z, F, h, w)` frame by frame of the latent, and gives each pass through the decoder to `each`, with the frames
    /// that are whole then. Where `tiles` says so, tile by tile with all frames of each: what the layers keep of the frames
    /// before is held of one tile alone, and the video so far instead.
    ///
    /// # Errors
    /// Those of `each`, and where tiles are no larger than their overlap.
    pub fn decode_streamed(
        &self,
        raw: &Tensor,
        tiles: Option<Tiles>,
        mut each: impl FnMut(Decoded) -> Result<()>,
    ) -> Result<()> {
        self.check_latent(raw)?;
        let (_, _, frames, rows, columns) = raw.dims5()?;
        let tiles = self.tiles(rows, columns, tiles)?;
        let (count, of) = (tiles.len(), tiles.len() * frames);
        if count < 2 {
            let mut stream = self.decode_stream(rows, columns);
            for frame in 0..frames {
                each(Decoded {
                    passes: frame + 1,
                    of,
                    frames: Some(stream.push(&raw.narrow(2, frame, 1)?)?),
                })?;
            }
            return Ok(());
        }
        let mut sums: Vec<Option<Tensor>> = vec![None; frames];
        for (index, tile) in tiles.iter().enumerate() {
            let mut stream = Stream::default();
            for (frame, sum) in sums.iter_mut().enumerate() {
                let part = tile.of(&raw.narrow(2, frame, 1)?)?.squeeze(0)?;
                let shared = tile.shared(&self.decode_part(&part, &mut stream)?)?;
                let sum_now = match sum.take() {
                    Some(sum) => (sum + shared)?,
                    None => shared,
                };
                let whole = match index + 1 == count {
                    true => Some(sum_now),
                    false => {
                        *sum = Some(sum_now);
                        None
                    }
                };
                each(Decoded {
                    passes: index * frames + frame + 1,
                    of,
                    frames: whole,
                })?;
            }
        }
        Ok(())
    }

    /// The tiles of a latent of `rows` by `columns`; without `tiles` one.
    fn tiles(&self, rows: usize, columns: usize, tiles: Option<Tiles>) -> Result<Vec<Tile>> {
        let device = self.mean.device();
        let factor = self.config.space_factor();
        let spans = |extent| match tiles {
            Some(tiles) => tiles.spans(extent, factor),
            None => Ok(vec![Span::whole(extent, factor)]),
        };
        let (down, across) = (spans(rows)?, spans(columns)?);
        let mut parts = Vec::new();
        for down in &down {
            for across in &across {
                parts.push(Tile {
                    rows: down.extent(),
                    columns: across.extent(),
                    shares: down.shares_with(across, device)?,
                });
            }
        }
        Ok(parts)
    }

    fn check_latent(&self, raw: &Tensor) -> Result<()> {
        match *raw.dims() {
            [_, channels, _, _, _] if channels == self.config.z_dim && raw.elem_count() > 0 => {
                Ok(())
            }
            _ => Err(Error::Extents {
                name: "latent",
                found: raw.dims().to_vec(),
                permitted: format!("(batch, {}, frames, rows, columns)", self.config.z_dim),
            }),
        }
    }

    /// `(C, F, H, W)` to `(2 Z, F', h, w)`.
    fn encode_part(&self, clip: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let factor = self.config.space_factor();
        let (channels, _, height, width) = clip.dims4()?;
        let multiples = height.is_multiple_of(factor) && width.is_multiple_of(factor);
        if channels != self.config.in_channels || !multiples || clip.elem_count() == 0 {
            return Err(Error::Extents {
                name: "video",
                found: clip.dims().to_vec(),
                permitted: format!(
                    "({}, frames, rows, columns), rows and columns multiples of {factor}",
                    self.config.in_channels
                ),
            });
        }
        stream.rewind();
        let x = self.encoder.forward(self.order.clip(clip)?, stream)?;
        let x = self.after_encoder.forward(x, stream)?;
        self.order.channels_first(&x)
    }

    /// `(Z, F, h, w)` to `(C, F', H, W)`, held between -1 and 1.
    fn decode_part(&self, clip: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        stream.rewind();
        let x = self
            .before_decoder
            .forward(self.order.clip(clip)?, stream)?;
        let x = self.decoder.forward(x, stream)?;
        Ok(self.order.channels_first(&x)?.clamp(-1f32, 1f32)?)
    }
}

/// `work` on each item of `(B, ...)`.
fn each_item(batch: &Tensor, work: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if batch.rank() != 5 || batch.elem_count() == 0 {
        return Err(Error::Extents {
            name: "video or latent",
            found: batch.dims().to_vec(),
            permitted: "(batch, channels, frames, rows, columns), none of them 0".into(),
        });
    }
    let items = (0..batch.dim(0)?).map(|item| work(&batch.get(item)?));
    Ok(Tensor::stack(&items.collect::<Result<Vec<_>>>()?, 0)?)
}

/// A video that is encoded part by part.
pub struct EncodeStream<'a> {
    vae: &'a WanVae,
    stream: Stream,
    begun: bool,
}

impl EncodeStream<'_> {
    /// The next frames, `(1, C, F, H, W)`: the first one alone, or with a multiple of 4 after it; then multiples of 4. (4
    /// stands for [`VaeConfig::time_factor`].) Gives their moments.
    ///
    /// # Errors
    /// Where the number of frames is another; the stream is of no use then.
    pub fn push(&mut self, frames: &Tensor) -> Result<Tensor> {
        let (batch, _, count, ..) = frames.dims5()?;
        let factor = self.vae.config.time_factor();
        let whole = match count.checked_sub(usize::from(!self.begun)) {
            Some(rest) => rest.is_multiple_of(factor) && count > 0,
            None => false,
        };
        if batch != 1 || !whole {
            return Err(Error::Extents {
                name: "frames",
                found: frames.dims().to_vec(),
                permitted: format!("one video, in multiples of {factor} after the first frame"),
            });
        }
        self.begun = true;
        let moments = self
            .vae
            .encode_part(&frames.squeeze(0)?, &mut self.stream)?;
        Ok(moments.unsqueeze(0)?)
    }
}

/// Parts of a frame that are decoded one after the other, so that less memory is needed. Where they overlap, they are
/// blended; a tile does not see what lies outside it, so its numbers differ a little from those of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows, and columns, of the latent in a tile.
    pub size: usize,
    /// Those that it shares with its neighbour.
    pub overlap: usize,
}

/// The rows, or columns, of a tile.
struct Span {
    start: usize,
    len: usize,
    /// Of each row of the video, how much of it the tile contributes.
    shares: Vec<f32>,
    /// Rows of the video before the tile.
    before: usize,
    /// All rows of the video.
    total: usize,
}

/// Where a tile lies on an axis, in the latent and in the video.
#[derive(Clone, Copy)]
struct Extent {
    start: usize,
    len: usize,
    before: usize,
    after: usize,
}

impl Span {
    fn whole(extent: usize, factor: usize) -> Self {
        Self {
            start: 0,
            len: extent,
            shares: vec![1.0; extent * factor],
            before: 0,
            total: extent * factor,
        }
    }

    fn extent(&self) -> Extent {
        Extent {
            start: self.start,
            len: self.len,
            before: self.before,
            after: self.total - self.before - self.shares.len(),
        }
    }

    /// `(1, 1, 1, H, W)`.
    fn shares_with(&self, across: &Self, device: &Device) -> Result<Tensor> {
        let down = Tensor::new(&self.shares[..], device)?.reshape((1, 1, 1, (), 1))?;
        let across = Tensor::new(&across.shares[..], device)?.reshape((1, 1, 1, 1, ()))?;
        Ok(down.broadcast_mul(&across)?)
    }
}

impl Tiles {
    /// Tiles of `size` that share a quarter with their neighbours.
    pub fn of(size: usize) -> Self {
        Self {
            size,
            overlap: size / 4,
        }
    }

    /// How many tiles an axis of `extent` has.
    fn count(self, extent: usize) -> usize {
        let step = self.size.saturating_sub(self.overlap).max(1);
        1 + extent.saturating_sub(self.size).div_ceil(step)
    }

    /// The tiles of an axis of `extent`, the last moved back to end with it.
    fn spans(self, extent: usize, factor: usize) -> Result<Vec<Span>> {
        if self.overlap >= self.size {
            return Err(Error::Config {
                name: "overlap",
                value: self.overlap.to_string(),
                permitted: format!("below the size of a tile, {}", self.size),
            });
        }
        if extent <= self.size {
            return Ok(vec![Span::whole(extent, factor)]);
        }
        let step = self.size - self.overlap;
        let count = self.count(extent);
        let ramp = (self.overlap * factor).max(1) as f32;
        let mut spans: Vec<Span> = (0..count)
            .map(|index| {
                let start = (index * step).min(extent - self.size);
                let len = self.size * factor;
                let share = |row: usize| {
                    let edge = |distance: usize| ((distance as f32 + 0.5) / ramp).min(1.0);
                    let above = if index > 0 { edge(row) } else { 1.0 };
                    let below = if index + 1 < count {
                        edge(len - 1 - row)
                    } else {
                        1.0
                    };
                    above * below
                };
                Span {
                    start,
                    len: self.size,
                    shares: (0..len).map(share).collect(),
                    before: start * factor,
                    total: extent * factor,
                }
            })
            .collect();
        let mut sums = vec![0f32; extent * factor];
        for span in &spans {
            for (sum, share) in sums[span.before..].iter_mut().zip(&span.shares) {
                *sum += share;
            }
        }
        for span in &mut spans {
            for (share, sum) in span.shares.iter_mut().zip(&sums[span.before..]) {
                *share /= sum;
            }
        }
        Ok(spans)
    }
}

/// A tile, and how much it contributes to each pixel.
struct Tile {
    rows: Extent,
    columns: Extent,
    shares: Tensor,
}

impl Tile {
    /// The tile of a latent, `(1, Z, F, h, w)`.
    fn of(&self, raw: &Tensor) -> Result<Tensor> {
        let down = raw.narrow(3, self.rows.start, self.rows.len)?;
        Ok(down.narrow(4, self.columns.start, self.columns.len)?)
    }

    /// What frames of the tile, `(C, F, H', W')`, contribute to whole ones, `(1, C, F, H, W)`.
    fn shared(&self, frames: &Tensor) -> Result<Tensor> {
        Ok(frames
            .unsqueeze(0)?
            .broadcast_mul(&self.shares)?
            .pad_with_zeros(3, self.rows.before, self.rows.after)?
            .pad_with_zeros(4, self.columns.before, self.columns.after)?)
    }
}

/// A frame of the latent, or a tile of it, has passed through the decoder.
pub struct Decoded {
    /// How many have passed.
    pub passes: usize,
    /// Of how many.
    pub of: usize,
    /// The frames of the video that are whole now, `(1, C, F', H, W)`.
    pub frames: Option<Tensor>,
}

/// A latent that is decoded frame by frame.
pub struct DecodeStream<'a> {
    vae: &'a WanVae,
    rows: usize,
    columns: usize,
    stream: Stream,
}

impl DecodeStream<'_> {
    /// The next frames of a raw latent, `(1, Z, F, h, w)`. Gives the frames of the video, `(1, C, F', H, W)`: one for the
    /// first, and 4 for each other one. (4 stands for [`VaeConfig::time_factor`].)
    pub fn push(&mut self, raw: &Tensor) -> Result<Tensor> {
        self.vae.check_latent(raw)?;
        let (batch, _, _, rows, columns) = raw.dims5()?;
        if (batch, rows, columns) != (1, self.rows, self.columns) {
            return Err(Error::Extents {
                name: "latent",
                found: raw.dims().to_vec(),
                permitted: format!("(1, channels, frames, {}, {})", self.rows, self.columns),
            });
        }
        let frames = self.vae.decode_part(&raw.squeeze(0)?, &mut self.stream)?;
        Ok(frames.unsqueeze(0)?)
    }
}

/// Encoder or decoder.
struct Coder {
    first: Conv,
    blocks: Vec<Block>,
    middle: [Residual; 2],
    attention: FrameAttention,
    /// Whether the middle stands before the blocks, as in the decoder.
    middle_first: bool,
    norm: Norm,
    last: Conv,
}

impl Coder {
    fn new(
        weights: &Weights,
        part: &str,
        middle_first: bool,
        [from, to]: [usize; 2],
        [first, last]: [usize; 2],
        blocks: Vec<Block>,
        order: Order,
    ) -> Result<Self> {
        let name = |rest: &str| format!("{part}.{rest}");
        let middle = if middle_first { first } else { last };
        let residual = |index: usize| {
            let name = name(&format!("mid_block.resnets.{index}"));
            Residual::new(weights, &name, [middle; 2], order)
        };
        Ok(Self {
            first: Conv::cube(weights, &name("conv_in"), [from, first], order)?,
            blocks,
            middle: [residual(0)?, residual(1)?],
            attention: FrameAttention::new(
                weights,
                &name("mid_block.attentions.0"),
                middle,
                order,
            )?,
            middle_first,
            norm: Norm::new(weights, &name("norm_out"), last, 4, order)?,
            last: Conv::cube(weights, &name("conv_out"), [last, to], order)?,
        })
    }

    fn forward(&self, x: Tensor, stream: &mut Stream) -> Result<Tensor> {
        let mut x = self.first.forward(x, stream)?;
        if self.middle_first {
            x = self.through_middle(&x, stream)?;
        }
        for block in &self.blocks {
            x = block.forward(x, stream)?;
        }
        if !self.middle_first {
            x = self.through_middle(&x, stream)?;
        }
        let normed = self.norm.forward(&x, true)?;
        drop(x);
        self.last.forward(normed, stream)
    }

    fn through_middle(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let [before, after] = &self.middle;
        let x = before.forward(x, stream)?;
        let x = self.attention.forward(&x)?;
        after.forward(&x, stream)
    }
}

enum Block {
    Residual(Residual),
    Down {
        plane: Conv,
        times: Option<Conv>,
    },
    Up {
        times: Option<Conv>,
        plane: Conv,
        order: Order,
    },
}

impl Block {
    fn new(weights: &Weights, name: &str, block: VaeBlock, order: Order) -> Result<Self> {
        let plane = format!("{name}.resample.1");
        let times = format!("{name}.time_conv");
        Ok(match block {
            VaeBlock::Residual { from, to } => {
                Self::Residual(Residual::new(weights, name, [from, to], order)?)
            }
            VaeBlock::Down { channels, time } => Self::Down {
                plane: Conv::half_plane(weights, &plane, channels, order)?,
                times: match time {
                    true => Some(Conv::times(weights, &times, [channels; 2], 2, order)?),
                    false => None,
                },
            },
            VaeBlock::Up { channels, time } => Self::Up {
                times: match time {
                    true => {
                        let channels = [channels, 2 * channels];
                        Some(Conv::times(weights, &times, channels, 1, order)?)
                    }
                    false => None,
                },
                plane: Conv::plane(weights, &plane, [channels, channels / 2], order)?,
                order,
            },
        })
    }

    fn forward(&self, x: Tensor, stream: &mut Stream) -> Result<Tensor> {
        match self {
            Self::Residual(residual) => residual.forward(&x, stream),
            Self::Down { plane, times } => {
                let x = plane.forward(x, stream)?;
                match times {
                    Some(times) => halved_in_time(times, &x, stream),
                    None => Ok(x),
                }
            }
            Self::Up {
                times,
                plane,
                order,
            } => {
                let x = match times {
                    Some(times) => doubled_in_time(times, &x, stream)?,
                    None => x,
                };
                let doubled = order.doubled(&x)?;
                drop(x);
                plane.forward(doubled, stream)
            }
        }
    }
}

struct Residual {
    norm_1: Norm,
    conv_1: Conv,
    norm_2: Norm,
    conv_2: Conv,
    shortcut: Option<Conv>,
}

impl Residual {
    fn new(weights: &Weights, name: &str, [from, to]: [usize; 2], order: Order) -> Result<Self> {
        let part = |part| format!("{name}.{part}");
        let shortcut = part("conv_shortcut");
        Ok(Self {
            norm_1: Norm::new(weights, &part("norm1"), from, 4, order)?,
            conv_1: Conv::cube(weights, &part("conv1"), [from, to], order)?,
            norm_2: Norm::new(weights, &part("norm2"), to, 4, order)?,
            conv_2: Conv::cube(weights, &part("conv2"), [to, to], order)?,
            shortcut: match from == to {
                true => None,
                false => Some(Conv::point(weights, &shortcut, [from, to], order)?),
            },
        })
    }

    fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let y = {
            let y = self.conv_1.forward(self.norm_1.forward(x, true)?, stream)?;
            self.norm_2.forward(&y, true)?
        };
        let y = self.conv_2.forward(y, stream)?;
        match &self.shortcut {
            Some(shortcut) => Ok((shortcut.forward(x.clone(), stream)? + y)?),
            None => Ok((x + y)?),
        }
    }
}

#[cfg(test)]
mod tests;
