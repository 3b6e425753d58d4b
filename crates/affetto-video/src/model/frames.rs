//! Convolutions over frames that look only back in time, and what stands between them.
//!
//! A clip is four extents: frames first, then rows, columns and channels on the CPU, where neighbouring channels make long
//! products, or channels, rows and columns on other devices, as their libraries want it. Time is first in both, so that
//! frames are added and taken away at the ends.

use affetto_nn::ops::{self, ConvFrames};
use candle_core::{DType, Device, Tensor};

use super::attention::{AttentionBackend, attention};
use crate::{Error, Result, weights::Weights};

/// The order of the extents of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `(F, H, W, C)`.
    ChannelsLast,
    /// `(F, C, H, W)`.
    ChannelsFirst,
}

impl Order {
    /// The one that is fast on `device`.
    pub fn of(device: &Device) -> Self {
        if device.is_cpu() {
            Self::ChannelsLast
        } else {
            Self::ChannelsFirst
        }
    }

    /// From `(C, F, H, W)`.
    pub fn clip(self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(DType::F32)?;
        Ok(match self {
            Self::ChannelsLast => x.permute((1, 2, 3, 0))?.contiguous()?,
            Self::ChannelsFirst => x.transpose(0, 1)?.contiguous()?,
        })
    }

    /// To `(C, F, H, W)`.
    pub fn channels_first(self, clip: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::ChannelsLast => clip.permute((3, 0, 1, 2))?.contiguous()?,
            Self::ChannelsFirst => clip.transpose(0, 1)?.contiguous()?,
        })
    }

    /// `(F, H W, C)`.
    fn pixels(self, clip: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::ChannelsLast => clip.flatten(1, 2)?,
            Self::ChannelsFirst => clip.flatten_from(2)?.transpose(1, 2)?.contiguous()?,
        })
    }

    /// Back from [`Self::pixels`], with the extents of `like`, but other channels.
    fn clip_of_pixels(self, pixels: &Tensor, like: &Tensor) -> Result<Tensor> {
        let channels = pixels.dim(2)?;
        Ok(match self {
            Self::ChannelsLast => {
                let (frames, height, width, _) = like.dims4()?;
                pixels.reshape((frames, height, width, channels))?
            }
            Self::ChannelsFirst => {
                let (frames, _, height, width) = like.dims4()?;
                let pixels = pixels.transpose(1, 2)?.contiguous()?;
                pixels.reshape((frames, channels, height, width))?
            }
        })
    }

    /// Every row and column twice.
    pub fn doubled(self, clip: &Tensor) -> Result<Tensor> {
        match self {
            Self::ChannelsFirst => {
                let (_, _, height, width) = clip.dims4()?;
                Ok(clip.upsample_nearest2d(2 * height, 2 * width)?)
            }
            Self::ChannelsLast => {
                let (frames, height, width, channels) = clip.dims4()?;
                let shape = [frames, height, 2, width, 2, channels];
                Ok(clip
                    .reshape((frames, height, 1, width, 1, channels))?
                    .broadcast_as(&shape[..])?
                    .reshape((frames, 2 * height, 2 * width, channels))?)
            }
        }
    }

    /// Frames of twice as many channels become twice as many frames: first those of the first half.
    pub fn frames_of_halves(self, clip: &Tensor) -> Result<Tensor> {
        match self {
            Self::ChannelsLast => {
                let (frames, height, width, channels) = clip.dims4()?;
                Ok(clip
                    .reshape((frames, height, width, 2, channels / 2))?
                    .permute((0, 3, 1, 2, 4))?
                    .reshape((2 * frames, height, width, channels / 2))?)
            }
            Self::ChannelsFirst => {
                let (frames, channels, height, width) = clip.dims4()?;
                Ok(clip.reshape((2 * frames, channels / 2, height, width))?)
            }
        }
    }
}

/// What a layer keeps from one part of a clip to the next.
#[derive(Clone, Debug, Default)]
enum Kept {
    /// Nothing has passed.
    #[default]
    Nothing,
    /// The first frame has passed and left nothing.
    Begun,
    /// The last frames that have passed.
    Frames(Tensor),
}

/// What all layers keep, in the order in which a clip passes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    slots: Vec<Kept>,
    at: usize,
}

impl Stream {
    /// Before the first layer, with the next part of the clip.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    fn next(&mut self) -> &mut Kept {
        if self.at == self.slots.len() {
            self.slots.push(Kept::Nothing);
        }
        self.at += 1;
        &mut self.slots[self.at - 1]
    }
}

/// A convolution over frames.
pub(super) struct Conv {
    order: Order,
    /// `(time, down, across, in, out)`, or for channels first one `(out, in, down, across)` for each of `time`.
    taps: Vec<Tensor>,
    bias: Tensor,
    settings: ConvFrames,
}

impl Conv {
    /// Loads one with this weight shape: `(out, in, time, down, across)`, or without the third.
    fn new(
        weights: &Weights,
        name: &str,
        shape: &[usize],
        settings: ConvFrames,
        order: Order,
    ) -> Result<Self> {
        let weights = weights.with_f32();
        let weight = weights.get(&format!("{name}.weight"), shape)?;
        let weight = if shape.len() == 4 {
            weight.unsqueeze(2)?
        } else {
            weight
        };
        let bias = weights.get(&format!("{name}.bias"), &shape[..1])?;
        Self::of(&weight, bias, settings, order)
    }

    /// One with this weight, `(out, in, time, down, across)`.
    fn of(weight: &Tensor, bias: Tensor, settings: ConvFrames, order: Order) -> Result<Self> {
        let taps = match order {
            Order::ChannelsLast => vec![weight.permute((2, 3, 4, 1, 0))?.contiguous()?],
            Order::ChannelsFirst => (0..weight.dim(2)?)
                .map(|time| weight.narrow(2, time, 1)?.squeeze(2)?.contiguous())
                .collect::<candle_core::Result<_>>()?,
        };
        Ok(Self {
            order,
            taps,
            bias,
            settings,
        })
    }

    /// One of this weight shape without a bias, on each frame.
    fn no_bias(
        weights: &Weights,
        name: &str,
        shape: [usize; 4],
        settings: ConvFrames,
        order: Order,
    ) -> Result<Self> {
        let weights = weights.with_f32();
        let weight = weights.get(&format!("{name}.weight"), &shape)?;
        let bias = Tensor::zeros(shape[0], DType::F32, weights.device())?;
        Self::of(&weight.unsqueeze(2)?, bias, settings, order)
    }

    /// One of `(out, in, 1, 1)` without a bias.
    pub fn point_no_bias(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::no_bias(weights, name, [to, from, 1, 1], PLAIN, order)
    }

    /// One of `(out, in, 3, 3)` without a bias.
    pub fn plane_no_bias(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::no_bias(weights, name, [to, from, 3, 3], BORDERED, order)
    }

    /// One of `(out, 2 in, 3, 3)` that sees each frame and, in the second half of its channels, the one before.
    pub fn remembering(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        let weights = weights.with_f32();
        let weight = weights.get(&format!("{name}.weight"), &[to, 2 * from, 3, 3])?;
        let (now, before) = (weight.narrow(1, 0, from)?, weight.narrow(1, from, from)?);
        let weight = Tensor::stack(&[before, now], 2)?;
        let bias = weights.get(&format!("{name}.bias"), &[to])?;
        Self::of(&weight, bias, BORDERED, order)
    }

    /// One of `(out, in, 3, 3, 3)` that sees two frames before and a pixel on every side.
    pub fn cube(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::new(weights, name, &[to, from, 3, 3, 3], BORDERED, order)
    }

    /// One of `(out, in, 1, 1, 1)`.
    pub fn point(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::new(weights, name, &[to, from, 1, 1, 1], PLAIN, order)
    }

    /// One of `(out, in, 1, 1)`.
    fn point_of_picture(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::new(weights, name, &[to, from, 1, 1], PLAIN, order)
    }

    /// One of `(out, in, 3, 3)` on each frame.
    pub fn plane(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        order: Order,
    ) -> Result<Self> {
        Self::new(weights, name, &[to, from, 3, 3], BORDERED, order)
    }

    /// The same with half the rows and columns; the border is on the right and below.
    pub fn half_plane(
        weights: &Weights,
        name: &str,
        channels: usize,
        order: Order,
    ) -> Result<Self> {
        let settings = ConvFrames {
            stride: 2,
            after: 1,
            ..PLAIN
        };
        Self::new(weights, name, &[channels, channels, 3, 3], settings, order)
    }

    /// One of `(out, in, 3, 1, 1)`.
    pub fn times(
        weights: &Weights,
        name: &str,
        [from, to]: [usize; 2],
        time_stride: usize,
        order: Order,
    ) -> Result<Self> {
        let settings = ConvFrames {
            time_stride,
            ..PLAIN
        };
        Self::new(weights, name, &[to, from, 3, 1, 1], settings, order)
    }

    /// Frames before the first one that the window sees.
    fn reach(&self) -> Result<usize> {
        Ok(match self.order {
            Order::ChannelsLast => self.taps[0].dim(0)? - 1,
            Order::ChannelsFirst => self.taps.len() - 1,
        })
    }

    /// Every frame sees those before it, of the parts of the clip before too, and zeros before the first.
    pub fn forward(&self, x: Tensor, stream: &mut Stream) -> Result<Tensor> {
        let reach = self.reach()?;
        if reach == 0 {
            return self.apply(&x, 0);
        }
        let kept = stream.next();
        let seen = joined(kept, &x)?;
        let lead = reach - (seen.dim(0)? - x.dim(0)?).min(reach);
        drop(x); // what is seen holds its numbers
        let out = self.apply(&seen, lead)?;
        *kept = Kept::Frames(last(&seen, reach)?);
        Ok(out)
    }

    fn apply(&self, x: &Tensor, lead: usize) -> Result<Tensor> {
        let settings = ConvFrames {
            lead,
            ..self.settings
        };
        match self.order {
            Order::ChannelsLast => Ok(ops::conv_frames(x, &self.taps[0], &self.bias, settings)?),
            Order::ChannelsFirst => self.sum_of_taps(x, settings),
        }
    }

    /// A convolution of pictures for each frame of the window.
    fn sum_of_taps(&self, x: &Tensor, settings: ConvFrames) -> Result<Tensor> {
        let x = x
            .pad_with_zeros(0, settings.lead, 0)?
            .pad_with_zeros(2, settings.before, settings.after)?
            .pad_with_zeros(3, settings.before, settings.after)?;
        let frames = x.dim(0)?;
        let Some(rest) = frames.checked_sub(self.taps.len()) else {
            return Err(few(frames, self.taps.len()));
        };
        let count = rest / settings.time_stride + 1;
        let mut sum: Option<Tensor> = None;
        for (time, tap) in self.taps.iter().enumerate() {
            let seen = if settings.time_stride == 1 {
                x.narrow(0, time, count)?
            } else {
                let frames = (0..count).map(|frame| (frame * settings.time_stride + time) as u32);
                let frames: Vec<u32> = frames.collect();
                x.index_select(&Tensor::new(frames, x.device())?, 0)?
            };
            let out = seen.contiguous()?.conv2d(tap, 0, settings.stride, 1, 1)?;
            sum = Some(match sum {
                Some(sum) => (sum + out)?,
                None => out,
            });
        }
        let sum = sum.ok_or_else(|| few(frames, 1))?;
        Ok(sum.broadcast_add(&self.bias.reshape((1, (), 1, 1))?)?)
    }
}

/// A window on a frame by itself.
const PLAIN: ConvFrames = ConvFrames {
    lead: 0,
    time_stride: 1,
    stride: 1,
    before: 0,
    after: 0,
};

/// The same with a pixel on every side.
const BORDERED: ConvFrames = ConvFrames {
    before: 1,
    after: 1,
    ..PLAIN
};

fn few(frames: usize, needed: usize) -> Error {
    Error::Extents {
        name: "frames",
        found: vec![frames],
        permitted: format!("at least {needed}"),
    }
}

fn joined(kept: &Kept, x: &Tensor) -> Result<Tensor> {
    Ok(match kept {
        Kept::Frames(frames) => Tensor::cat(&[frames, x], 0)?,
        Kept::Nothing | Kept::Begun => x.clone(),
    })
}

/// A copy of the last frames, so that the others are freed.
fn last(x: &Tensor, count: usize) -> Result<Tensor> {
    let frames = x.dim(0)?;
    let count = count.min(frames);
    Ok(x.narrow(0, frames - count, count)?.force_contiguous()?)
}

/// The norm of the length of each pixel.
pub(super) struct Norm {
    order: Order,
    gamma: Tensor,
}

impl Norm {
    /// Loads one whose gain has `extents` extents.
    pub fn new(
        weights: &Weights,
        name: &str,
        channels: usize,
        extents: usize,
        order: Order,
    ) -> Result<Self> {
        let mut shape = vec![1; extents];
        shape[0] = channels;
        let gamma = weights.with_f32().get(&format!("{name}.gamma"), &shape)?;
        Ok(Self {
            order,
            gamma: gamma.flatten_all()?,
        })
    }

    /// The norm, and the sigmoid-weighted linear unit where `silu` is set.
    pub fn forward(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        if self.order == Order::ChannelsLast {
            return Ok(ops::length_norm(x, &self.gamma, silu)?);
        }
        let length = x.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(1e-12)?;
        let length = (length / (x.dim(1)? as f64).sqrt())?;
        let gamma = self.gamma.reshape((1, (), 1, 1))?;
        let x = x.broadcast_div(&length)?.broadcast_mul(&gamma)?;
        Ok(if silu { x.silu()? } else { x })
    }
}

/// Attention among the pixels of each frame.
pub(super) struct FrameAttention {
    order: Order,
    norm: Norm,
    packed: Conv,
    out: Conv,
}

impl FrameAttention {
    pub fn new(weights: &Weights, name: &str, channels: usize, order: Order) -> Result<Self> {
        let part = |part| format!("{name}.{part}");
        let packed = [channels, 3 * channels];
        Ok(Self {
            order,
            norm: Norm::new(weights, &part("norm"), channels, 3, order)?,
            packed: Conv::point_of_picture(weights, &part("to_qkv"), packed, order)?,
            out: Conv::point_of_picture(weights, &part("proj"), [channels; 2], order)?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let packed = self.packed.apply(&self.norm.forward(x, false)?, 0)?;
        let packed = self.order.pixels(&packed)?; // (F, H W, 3 C)
        let channels = packed.dim(2)? / 3;
        let part = |index| packed.narrow(2, index * channels, channels);
        let backend = AttentionBackend::default();
        let y = attention(backend, &part(0)?, &part(1)?, &part(2)?, 1)?;
        let y = self.order.clip_of_pixels(&y, x)?;
        Ok((x + self.out.apply(&y, 0)?)?)
    }
}

/// Twice as many frames, but for the first of the clip.
pub(super) fn doubled_in_time(conv: &Conv, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
    let begins = matches!(stream.next(), Kept::Nothing);
    let frames = x.dim(0)?;
    let rest = frames - usize::from(begins);
    if rest == 0 {
        stream.slots[stream.at - 1] = Kept::Begun;
        // The convolution keeps a place of its own.
        stream.next();
        return Ok(x.clone());
    }
    let doubled = conv.forward(x.narrow(0, frames - rest, rest)?.contiguous()?, stream)?;
    stream.slots[stream.at - 2] = Kept::Begun;
    let doubled = conv.order.frames_of_halves(&doubled)?;
    if begins {
        return Ok(Tensor::cat(&[x.narrow(0, 0, 1)?, doubled], 0)?);
    }
    Ok(doubled)
}

/// Half as many frames, but for the first of the clip.
pub(super) fn halved_in_time(conv: &Conv, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
    let kept = stream.next();
    let begins = matches!(kept, Kept::Nothing);
    let seen = joined(kept, x)?;
    *kept = Kept::Frames(last(&seen, 1)?);
    let windows = match seen.dim(0)? {
        1 => None,
        frames if frames % 2 == 1 => Some(conv.apply(&seen, 0)?),
        frames => {
            return Err(Error::Extents {
                name: "frames",
                found: vec![frames - 1],
                permitted: "even after the first".into(),
            });
        }
    };
    Ok(match (begins, windows) {
        (true, Some(windows)) => Tensor::cat(&[seen.narrow(0, 0, 1)?, windows], 0)?,
        (false, Some(windows)) => windows,
        (_, None) => seen,
    })
}
