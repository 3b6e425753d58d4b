use candle_core::{
    CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{Real, by_dtype, fused, numbers, sum8, vectorised};

/// Numbers in one piece of work.
const CHUNK: usize = 32_768;
/// The least length of a row in [`length_norm`].
const LEAST: f64 = 1e-12;

/// Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), over the last axis: `x` is `(..., width)` and
/// `weight` `(width)`. It has no backward pass.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    RowNorm {
        measure: Measure::MeanSquare { epsilon },
        silu: false,
    }
    .apply(x, weight)
}

/// `x / |x| * sqrt(width) * weight` over the last axis, as in Wan's autoencoder, followed by the sigmoid-weighted linear
/// unit where `silu` is set. `x` is `(..., width)` and `weight` `(width)`. It has no backward pass.
pub fn length_norm(x: &Tensor, weight: &Tensor, silu: bool) -> Result<Tensor> {
    RowNorm {
        measure: Measure::Length,
        silu,
    }
    .apply(x, weight)
}

#[derive(Clone, Copy)]
enum Measure {
    MeanSquare { epsilon: f64 },
    Length,
}

#[derive(Clone, Copy)]
struct RowNorm {
    measure: Measure,
    silu: bool,
}

impl RowNorm {
    fn apply(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        if weight.dims1()? != x.dim(D::Minus1)? {
            bail!("norm: {x:?} with weight {weight:?}");
        }
        if fused(x) {
            return x.contiguous()?.apply_op2_no_bwd(weight, &self);
        }
        self.composed(x, weight)
    }

    /// The same from candle's operations.
    fn composed(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let width = x.dim(D::Minus1)? as f64;
        let squares = x.sqr()?;
        let divisor = match self.measure {
            Measure::MeanSquare { epsilon } => {
                (squares.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?
            }
            Measure::Length => {
                let length = squares.sum_keepdim(D::Minus1)?.sqrt()?;
                (length.maximum(LEAST)? / width.sqrt())?
            }
        };
        let out = x.broadcast_div(&divisor)?.broadcast_mul(weight)?;
        if self.silu { out.silu() } else { Ok(out) }
    }

    #[inline(always)]
    fn row<T: Real>(self, x: &[T], weight: &[T], out: &mut [T]) {
        let squares = sum8(
            x.len(),
            #[inline(always)]
            |i| x[i] * x[i],
        );
        let width = T::real(x.len() as f64);
        let factor = match self.measure {
            Measure::MeanSquare { epsilon } => T::ONE / (squares / width + T::real(epsilon)).sqrt(),
            Measure::Length => width.sqrt() / squares.sqrt().larger(T::real(LEAST)),
        };
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = *x * factor * *weight;
        }
        if self.silu {
            for out in out {
                *out *= out.sigmoid();
            }
        }
    }
}

impl CustomOp2 for RowNorm {
    fn name(&self) -> &'static str {
        "row-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x.dtype(), T => {
            let x = numbers::<T>(x, x_layout)?;
            let weight = numbers::<T>(weight, weight_layout)?;
            let width = weight.len().max(1);
            let chunk = (CHUNK / width).max(1) * width;
            let mut out = vec![T::ZERO; x.len()];
            out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
                vectorised(#[inline(always)] || {
                    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                        self.row(x, weight, out);
                    }
                });
            });
            Ok((T::to_cpu_storage_owned(out), x_layout.shape().clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::*;

    /// The mean square of 3 and 4 is 12.5; their length is 5.
    #[test]
    fn norms_worked_by_hand() {
        let x = Tensor::new(&[[3f64, 4.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let weight = Tensor::new(&[1f64, 10.0], &Device::Cpu).unwrap();
        let near = |out: Tensor, expected: [f64; 2]| {
            let out = out.to_vec2::<f64>().unwrap();
            for (a, b) in out[0].iter().zip(expected) {
                assert!((a - b).abs() < 1e-9, "{out:?}");
            }
            assert_eq!(out[1], [0.0, 0.0]);
        };
        let root = 12.5f64.sqrt();
        near(
            rms_norm(&x, &weight, 1e-12).unwrap(),
            [3.0 / root, 40.0 / root],
        );
        let root = 2f64.sqrt();
        let plain = [0.6 * root, 8.0 * root];
        near(length_norm(&x, &weight, false).unwrap(), plain);
        let silu = |x: f64| x / (1.0 + libm::exp(-x));
        near(length_norm(&x, &weight, true).unwrap(), plain.map(silu));
    }

    #[test]
    fn the_kernel_agrees_with_its_composition() {
        let x: Vec<f32> = (0..3 * 5 * 37).map(|i| (i % 23) as f32 - 11.0).collect();
        let x = Tensor::from_vec(x, (3, 5, 37), &Device::Cpu).unwrap();
        let weight = Tensor::arange(0f32, 37.0, &Device::Cpu).unwrap();
        for measure in [Measure::Length, Measure::MeanSquare { epsilon: 1e-6 }] {
            for silu in [false, true] {
                let norm = RowNorm { measure, silu };
                let one = norm.apply(&x, &weight).unwrap();
                let two = norm.composed(&x, &weight).unwrap();
                let difference = (one - two).unwrap().abs().unwrap();
                let largest: f32 = difference.max_all().unwrap().to_scalar().unwrap();
                assert!(largest < 2e-5, "{largest}");
            }
        }
    }
}
