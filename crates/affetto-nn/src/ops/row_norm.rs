use candle_core::{
    CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, sum8, tensor_like, vectorised};

/// Numbers in one piece of work.
const CHUNK: usize = 32_768;
/// The least length of a row in [`length_norm`].
const LEAST: f64 = 1e-12;

/// Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), over the last axis: `x` is `(..., width)` and
/// `weight` `(width)`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    RowNorm {
        measure: Measure::MeanSquare { epsilon },
        silu: false,
    }
    .apply(x, weight)
}

/// `x / |x| * sqrt(width) * weight` over the last axis, as in Wan's autoencoder, followed by the sigmoid-weighted linear
/// unit where `silu` is set. `x` is `(..., width)` and `weight` `(width)`.
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
            return x.contiguous()?.apply_op2(weight, self);
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

    /// What a row is multiplied by, and by how much that falls, relative to itself, with each number of the row and unit
    /// of it.
    #[inline(always)]
    fn factor<T: Real>(self, x: &[T]) -> (T, T) {
        let squares = sum8(
            x.len(),
            #[inline(always)]
            |i| x[i] * x[i],
        );
        let width = T::real(x.len() as f64);
        match self.measure {
            Measure::MeanSquare { epsilon } => {
                let mean = squares / width + T::real(epsilon);
                (T::ONE / mean.sqrt(), T::ONE / (mean * width))
            }
            Measure::Length => {
                let (length, least) = (squares.sqrt(), T::real(LEAST));
                let fall = match length > least {
                    true => T::ONE / squares,
                    false => T::ZERO,
                };
                (width.sqrt() / length.larger(least), fall)
            }
        }
    }

    /// The gradients of one row; that of the weight is added up. `gradient` is that of the result.
    #[inline(always)]
    fn row_gradient<T: Real>(
        self,
        x: &[T],
        weight: &[T],
        gradient: &[T],
        for_x: &mut [T],
        for_weight: &mut [T],
    ) {
        let (factor, fall) = self.factor(x);
        for i in 0..x.len() {
            let mut gradient = gradient[i];
            if self.silu {
                let y = x[i] * factor * weight[i];
                let share = y.sigmoid();
                gradient *= share * (T::ONE + y * (T::ONE - share));
            }
            for_weight[i] += gradient * x[i] * factor;
            for_x[i] = gradient * weight[i] * factor;
        }
        let along = sum8(
            x.len(),
            #[inline(always)]
            |i| for_x[i] * x[i],
        ) * fall;
        for (for_x, x) in for_x.iter_mut().zip(x) {
            *for_x -= along * *x;
        }
    }

    #[inline(always)]
    fn row<T: Real>(self, x: &[T], weight: &[T], out: &mut [T]) {
        let (factor, _) = self.factor(x);
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

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        by_dtype!(x.dtype(), T => {
            let (numbers, weights) = (Numbers::<T>::of(x)?, Numbers::<T>::of(weight)?);
            let gradient = Numbers::<T>::of(&gradient)?;
            let width = weights.len().max(1);
            let chunk = (CHUNK / width).max(1) * width;
            let mut for_x = vec![T::ZERO; numbers.len()];
            // One sum for each piece of work, added up in order: the same whatever the number of threads.
            let parts: Vec<Vec<T>> = for_x
                .par_chunks_mut(chunk)
                .zip(numbers.par_chunks(chunk))
                .zip(gradient.par_chunks(chunk))
                .map(|((for_x, x), gradient)| {
                    let mut for_weight = vec![T::ZERO; width];
                    vectorised(#[inline(always)] || {
                        let rows = for_x.chunks_exact_mut(width).zip(x.chunks_exact(width));
                        for ((for_x, x), gradient) in rows.zip(gradient.chunks_exact(width)) {
                            self.row_gradient(x, &weights, gradient, for_x, &mut for_weight);
                        }
                    });
                    for_weight
                })
                .collect();
            let mut for_weight = vec![T::ZERO; width];
            for part in parts {
                for (sum, part) in for_weight.iter_mut().zip(part) {
                    *sum += part;
                }
            }
            Ok((Some(tensor_like(for_x, x)?), Some(tensor_like(for_weight, weight)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::super::gradient::{check, noise};
    use super::*;

    #[test]
    fn gradients_are_right() {
        let inputs = [noise("x", &[3, 5, 7]), noise("weight", &[7])];
        for measure in [Measure::Length, Measure::MeanSquare { epsilon: 1e-2 }] {
            for silu in [false, true] {
                check(&inputs, |t| RowNorm { measure, silu }.apply(&t[0], &t[1]));
            }
        }
    }

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
