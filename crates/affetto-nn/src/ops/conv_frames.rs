use candle_core::{
    CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{
    Real, by_dtype, fused, numbers,
    product::{Matrix, product},
};

/// Pixels in one piece of work, about.
const PIXELS: usize = 512;

/// Where the window of a convolution over frames begins and how it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvFrames {
    /// Frames of zeros before the first one.
    pub lead: usize,
    /// Frames from one window to the next.
    pub time_stride: usize,
    /// Pixels from one window to the next, across and down.
    pub stride: usize,
    /// Pixels of zeros left of and above each frame.
    pub before: usize,
    /// Pixels of zeros right of and below each frame.
    pub after: usize,
}

/// A convolution over frames with the channels last: `x` is `(F, H, W, C)`, `weight` `(time, down, across, C, O)`, `bias`
/// `(O)`; the result is `(F', H', W', O)`. Neighbouring pixels lie side by side, so that a row of the window is one row of
/// a matrix; rows are copied into their border as they are needed. It runs on the CPU and has no backward pass.
///
/// # Errors
/// Where the extents do not fit, or `x` is on another device.
pub fn conv_frames(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    settings: ConvFrames,
) -> Result<Tensor> {
    let channels = x.dims4()?.3;
    let (_, _, _, channels_in, channels_out) = weight.dims5()?;
    if !fused(x) || channels != channels_in || bias.dims1()? != channels_out {
        bail!("convolution over frames: {x:?} with {weight:?} and {bias:?}");
    }
    x.contiguous()?.apply_op3_no_bwd(weight, bias, &settings)
}

/// The extents of a convolution over frames.
struct Plan {
    settings: ConvFrames,
    height: usize,
    width: usize,
    channels: usize,
    /// Time, down, across.
    kernel: [usize; 3],
    channels_out: usize,
    frames_out: usize,
    height_out: usize,
    width_out: usize,
}

impl ConvFrames {
    fn plan(self, x: &Layout, weight: &Layout) -> Result<Plan> {
        let (frames, height, width, channels) = x.shape().dims4()?;
        let (time, down, across, _, channels_out) = weight.shape().dims5()?;
        let border = self.before + self.after;
        let count = |extent: usize, kernel: usize, stride: usize| match extent.checked_sub(kernel) {
            Some(rest) if stride > 0 => Ok(rest / stride + 1),
            _ => bail!("a window of {kernel}, every {stride}, over {extent}"),
        };
        if self.before.max(self.after) >= across.max(down) {
            bail!("a border of {border} around a window of {down} by {across}");
        }
        Ok(Plan {
            settings: self,
            height,
            width,
            channels,
            kernel: [time, down, across],
            channels_out,
            frames_out: count(frames + self.lead, time, self.time_stride)?,
            height_out: count(height + border, down, self.stride)?,
            width_out: count(width + border, across, self.stride)?,
        })
    }
}

impl CustomOp3 for ConvFrames {
    fn name(&self) -> &'static str {
        "conv-frames"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let plan = self.plan(x_layout, weight_layout)?;
        let shape = (
            plan.frames_out,
            plan.height_out,
            plan.width_out,
            plan.channels_out,
        );
        by_dtype!(x.dtype(), T => {
            let x = numbers::<T>(x, x_layout)?;
            let weight = numbers::<T>(weight, weight_layout)?;
            let out = plan.run(x, weight, numbers::<T>(bias, bias_layout)?);
            Ok((T::to_cpu_storage_owned(out), shape.into()))
        })
    }
}

/// What a thread writes between.
struct Scratch<T> {
    /// Rows of a frame in its border.
    bordered: Vec<T>,
    /// Of each window the sum so far.
    sums: Vec<T>,
}

impl<T> Scratch<T> {
    fn new() -> Self {
        Self {
            bordered: Vec::new(),
            sums: Vec::new(),
        }
    }
}

impl Plan {
    /// Pixels from one row of a bordered frame to the next. The border between two rows serves both.
    fn row(&self) -> usize {
        self.width + self.settings.before.max(self.settings.after)
    }

    fn run<T: Real>(&self, x: &[T], weight: &[T], bias: &[T]) -> Vec<T> {
        let line = self.width_out * self.channels_out;
        let rows = (PIXELS / self.width_out.max(1)).clamp(1, self.height_out);
        let mut out = vec![T::ZERO; self.frames_out * self.height_out * line];
        out.par_chunks_mut((self.height_out * line).max(1))
            .enumerate()
            .for_each(|(frame, out)| {
                out.par_chunks_mut((rows * line).max(1))
                    .enumerate()
                    .for_each_init(Scratch::new, |scratch, (band, out)| {
                        let start = (frame, band * rows);
                        self.band(x, weight, bias, start, out, scratch);
                    });
            });
        out
    }

    /// `count` rows of a frame in its border, from `first` on, counted from the top of the border.
    fn border<T: Real>(&self, frame: &[T], first: usize, count: usize, bordered: &mut Vec<T>) {
        bordered.clear();
        bordered.resize(
            (count * self.row() + self.kernel[2]) * self.channels,
            T::ZERO,
        );
        let (line, before) = (self.width * self.channels, self.settings.before);
        for row in 0..count {
            let Some(from) = (first + row)
                .checked_sub(before)
                .filter(|from| *from < self.height)
            else {
                continue;
            };
            let start = (row * self.row() + before) * self.channels;
            bordered[start..start + line].copy_from_slice(&frame[from * line..][..line]);
        }
    }

    /// The rows of one frame from `first` on that `out` has room for.
    fn band<T: Real>(
        &self,
        x: &[T],
        weight: &[T],
        bias: &[T],
        (frame, first): (usize, usize),
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let line = self.width_out * self.channels_out;
        let rows = out.len() / line;
        let stride = self.settings.stride;
        // Without a stride, all rows are one matrix, which has a row of numbers for the border too.
        let (matrices, height, spacing) = if stride == 1 {
            (1, (rows - 1) * self.row() + self.width_out, self.row())
        } else {
            (rows, self.width_out, self.width_out)
        };
        let Scratch { bordered, sums } = scratch;
        sums.clear();
        for _ in 0..matrices * height {
            sums.extend_from_slice(bias);
        }
        let [times, downs, across] = self.kernel;
        let inner = across * self.channels;
        let frame_len = self.height * self.width * self.channels;
        for time in 0..times {
            let at = frame * self.settings.time_stride + time;
            let Some(at) = at.checked_sub(self.settings.lead) else {
                continue;
            };
            let seen = &x[at * frame_len..][..frame_len];
            self.border(seen, first * stride, (rows - 1) * stride + downs, bordered);
            for down in 0..downs {
                let tap = (time * downs + down) * inner * self.channels_out;
                let tap = &weight[tap..][..inner * self.channels_out];
                let tap = Matrix::new(tap, inner, self.channels_out, self.channels_out);
                for matrix in 0..matrices {
                    let row = matrix * stride + down;
                    let source = &bordered[row * self.row() * self.channels..];
                    let windows = Matrix::new(source, height, inner, stride * self.channels);
                    let into = &mut sums[matrix * height * self.channels_out..];
                    product(into, self.channels_out, windows, tap, true);
                }
            }
        }
        let sums = sums.chunks(spacing * self.channels_out);
        for (out, row) in out.chunks_exact_mut(line).zip(sums) {
            out.copy_from_slice(&row[..line]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::*;

    fn tensor(shape: &[usize], step: usize) -> Tensor {
        let count = shape.iter().product();
        let numbers: Vec<f64> = (0..count)
            .map(|i: usize| ((i * step) % 29) as f64 / 10.0 - 1.4)
            .collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    /// The same from candle's convolution of pictures: one for each frame of the window.
    fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, settings: ConvFrames) -> Tensor {
        let (frames, height, width, channels) = x.dims4().unwrap();
        let lead = Tensor::zeros(
            (settings.lead, height, width, channels),
            x.dtype(),
            x.device(),
        );
        let x = if settings.lead > 0 {
            Tensor::cat(&[&lead.unwrap(), x], 0).unwrap()
        } else {
            x.clone()
        };
        let x = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let x = x
            .pad_with_zeros(2, settings.before, settings.after)
            .unwrap();
        let x = x
            .pad_with_zeros(3, settings.before, settings.after)
            .unwrap();
        let times = weight.dim(0).unwrap();
        let mut out = Vec::new();
        for start in (0..=frames + settings.lead - times).step_by(settings.time_stride) {
            let taps = (0..times).map(|time| {
                let tap = weight.get(time).unwrap().permute((3, 2, 0, 1)).unwrap();
                let x = x.narrow(0, start + time, 1).unwrap();
                x.conv2d(&tap.contiguous().unwrap(), 0, settings.stride, 1, 1)
                    .unwrap()
            });
            let sum = taps.reduce(|a, b| (a + b).unwrap()).unwrap();
            out.push(sum.permute((0, 2, 3, 1)).unwrap());
        }
        let out = Tensor::cat(&out, 0).unwrap();
        out.broadcast_add(bias).unwrap()
    }

    #[test]
    fn it_is_the_sum_of_convolutions_of_pictures() {
        let plain = ConvFrames {
            lead: 0,
            time_stride: 1,
            stride: 1,
            before: 0,
            after: 0,
        };
        for (kernel, settings) in [
            ([1, 1, 1], plain),
            (
                [3, 3, 3],
                ConvFrames {
                    lead: 2,
                    before: 1,
                    after: 1,
                    ..plain
                },
            ),
            (
                [1, 3, 3],
                ConvFrames {
                    stride: 2,
                    after: 1,
                    ..plain
                },
            ),
            (
                [3, 1, 1],
                ConvFrames {
                    lead: 1,
                    time_stride: 2,
                    ..plain
                },
            ),
        ] {
            // Wide enough for several pieces of work.
            let x = tensor(&[5, 14, 70, 3], 7);
            let [time, down, across] = kernel;
            let weight = tensor(&[time, down, across, 3, 4], 5);
            let bias = tensor(&[4], 3);
            let one = conv_frames(&x, &weight, &bias, settings).unwrap();
            let two = composed(&x, &weight, &bias, settings);
            assert_eq!(one.dims(), two.dims(), "{settings:?}");
            let largest = (one - two).unwrap().abs().unwrap().max_all().unwrap();
            assert!(largest.to_scalar::<f64>().unwrap() < 1e-9, "{settings:?}");
        }
        let x = tensor(&[5, 14, 70, 3], 7);
        let weight = tensor(&[9, 1, 1, 3, 4], 5);
        assert!(conv_frames(&x, &weight, &tensor(&[4], 3), plain).is_err());
    }
}
