use candle_core::{
    CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, sum8, tensor_like, vectorised};

/// Rows in one piece of work.
const ROWS: usize = 64;

/// Ba, Kiros and Hinton, "Layer Normalization" (2016), over the last axis: `x` is `(..., width)`,
/// `weight` and `bias` are `(width)`, or `(items, width)` where `x` is `(items, ..., width)` and each item has its own.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let fits = match *weight.dims() {
        [columns] => columns == width,
        [items, columns] => columns == width && x.rank() > 1 && x.dim(0)? == items,
        _ => false,
    };
    if !fits || weight.shape() != bias.shape() {
        bail!("layer norm: {x:?} with weight {weight:?} and bias {bias:?}");
    }
    if fused(x) {
        return x
            .contiguous()?
            .apply_op3(weight, bias, LayerNorm { epsilon });
    }
    composed(x, weight, bias, epsilon)
}

/// The same from candle's operations.
fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let of_items = |t: &Tensor| match *t.dims() {
        [items, width] => {
            let mut shape = vec![1; x.rank()];
            (shape[0], shape[x.rank() - 1]) = (items, width);
            t.reshape(shape)
        }
        _ => Ok(t.clone()),
    };
    centred
        .broadcast_div(&(variance + epsilon)?.sqrt()?)?
        .broadcast_mul(&of_items(weight)?)?
        .broadcast_add(&of_items(bias)?)
}

struct LayerNorm {
    epsilon: f64,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
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
        by_dtype!(x.dtype(), T => {
            let x = numbers::<T>(x, x_layout)?;
            let weight = numbers::<T>(weight, weight_layout)?;
            let bias = numbers::<T>(bias, bias_layout)?;
            let width = weight_layout.dims().last().copied().unwrap_or(1);
            let out = forward(x, weight, bias, width, T::real(self.epsilon));
            Ok((T::to_cpu_storage_owned(out), x_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        by_dtype!(x.dtype(), T => {
            let (x_numbers, weight_numbers) = (Numbers::<T>::of(x)?, Numbers::<T>::of(weight)?);
            let gradient = Numbers::<T>::of(&gradient)?;
            let (width, epsilon) = (x.dim(D::Minus1)?, T::real(self.epsilon));
            let gradients = backward(&x_numbers, &weight_numbers, &gradient, width, epsilon);
            Ok((
                Some(tensor_like(gradients.x, x)?),
                Some(tensor_like(gradients.weight, weight)?),
                Some(tensor_like(gradients.bias, bias)?),
            ))
        })
    }
}

/// Mean and inverse standard deviation of a row.
#[inline(always)]
fn moments<T: Real>(row: &[T], epsilon: T) -> (T, T) {
    let width = T::real(row.len() as f64);
    let mean = sum8(row.len(), |i| row[i]) / width;
    let variance = sum8(row.len(), |i| (row[i] - mean) * (row[i] - mean)) / width;
    (mean, T::ONE / (variance + epsilon).sqrt())
}

/// One normalised row.
#[inline(always)]
pub(crate) fn normalise<T: Real>(out: &mut [T], x: &[T], weight: &[T], bias: &[T], epsilon: T) {
    let (mean, inverse) = moments(x, epsilon);
    for i in 0..x.len().min(out.len()) {
        out[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
    }
}

/// How many numbers of `x` belong to one row of weights.
fn of_one<T>(x: &[T], weight: &[T], width: usize) -> usize {
    (x.len() * width / weight.len().max(1)).max(1)
}

fn forward<T: Real>(x: &[T], weight: &[T], bias: &[T], width: usize, epsilon: T) -> Vec<T> {
    let mut out = vec![T::ZERO; x.len()];
    let one = of_one(x, weight, width);
    out.par_chunks_mut(one)
        .zip(x.par_chunks(one))
        .zip(weight.par_chunks(width).zip(bias.par_chunks(width)))
        .for_each(|((out, x), (weight, bias))| {
            out.par_chunks_mut(ROWS * width)
                .zip(x.par_chunks(ROWS * width))
                .for_each(|(out, x)| {
                    vectorised(
                        #[inline(always)]
                        || {
                            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                                normalise(out, x, weight, bias, epsilon);
                            }
                        },
                    );
                });
        });
    out
}

struct Gradients<T> {
    x: Vec<T>,
    weight: Vec<T>,
    bias: Vec<T>,
}

fn backward<T: Real>(
    x: &[T],
    weight: &[T],
    gradient: &[T],
    width: usize,
    epsilon: T,
) -> Gradients<T> {
    let one = of_one(x, weight, width);
    let mut gradients = Gradients {
        x: vec![T::ZERO; x.len()],
        weight: vec![T::ZERO; weight.len()],
        bias: vec![T::ZERO; weight.len()],
    };
    let sums = gradients
        .weight
        .par_chunks_mut(width)
        .zip(gradients.bias.par_chunks_mut(width));
    gradients
        .x
        .par_chunks_mut(one)
        .zip(x.par_chunks(one).zip(gradient.par_chunks(one)))
        .zip(weight.par_chunks(width).zip(sums))
        .for_each(|((for_x, (x, gradient)), (weight, sums))| {
            backward_item((for_x, sums.0, sums.1), x, weight, gradient, epsilon);
        });
    gradients
}

/// The same of rows with one weight: into the gradients of `x`, of the weight and of the bias.
fn backward_item<T: Real>(
    (for_x, sum_weight, sum_bias): (&mut [T], &mut [T], &mut [T]),
    x: &[T],
    weight: &[T],
    gradient: &[T],
    epsilon: T,
) {
    let width = weight.len();
    let parts: Vec<(Vec<T>, Vec<T>)> = for_x
        .par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width))
        .zip(gradient.par_chunks(ROWS * width))
        .map(|((for_x, x), gradient)| {
            let mut for_weight = vec![T::ZERO; width];
            let mut for_bias = vec![T::ZERO; width];
            vectorised(
                #[inline(always)]
                || {
                    for ((for_x, x), gradient) in for_x
                        .chunks_exact_mut(width)
                        .zip(x.chunks_exact(width))
                        .zip(gradient.chunks_exact(width))
                    {
                        let sums = (&mut for_weight[..], &mut for_bias[..]);
                        backward_row(for_x, x, weight, gradient, sums, epsilon);
                    }
                },
            );
            (for_weight, for_bias)
        })
        .collect();
    for (for_weight, for_bias) in parts {
        for i in 0..width {
            sum_weight[i] += for_weight[i];
            sum_bias[i] += for_bias[i];
        }
    }
}

#[inline(always)]
fn backward_row<T: Real>(
    for_x: &mut [T],
    x: &[T],
    weight: &[T],
    gradient: &[T],
    (for_weight, for_bias): (&mut [T], &mut [T]),
    epsilon: T,
) {
    let width = x.len();
    let (for_x, weight, gradient) = (&mut for_x[..width], &weight[..width], &gradient[..width]);
    let (for_weight, for_bias) = (&mut for_weight[..width], &mut for_bias[..width]);
    let (mean, inverse) = moments(x, epsilon);
    for i in 0..width {
        for_weight[i] += gradient[i] * (x[i] - mean) * inverse;
        for_bias[i] += gradient[i];
    }
    let count = T::real(width as f64);
    let plain = sum8(width, |i| gradient[i] * weight[i]) / count;
    let along = sum8(width, |i| gradient[i] * weight[i] * (x[i] - mean) * inverse) / count;
    for i in 0..width {
        let normalised = (x[i] - mean) * inverse;
        for_x[i] = inverse * (gradient[i] * weight[i] - plain - normalised * along);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;
    use candle_core::Device;

    /// One weight and bias for all, then one for each of three items.
    fn each_form(test: impl Fn([Tensor; 3])) {
        for shape in [&[11][..], &[3, 11]] {
            test([
                noise("x", &[3, 75, 11]),
                noise("w", shape),
                noise("b", shape),
            ]);
        }
    }

    #[test]
    fn gradients_are_right() {
        each_form(|inputs| check(&inputs, |t| layer_norm(&t[0], &t[1], &t[2], 1e-5)));
    }

    #[test]
    fn equals_the_composition() {
        each_form(|[x, weight, bias]| {
            let expected = composed(&x, &weight, &bias, 1e-5).unwrap();
            let found = layer_norm(&x, &weight, &bias, 1e-5).unwrap();
            assert_close(&found, &expected, 1e-12);
        });
    }

    #[test]
    fn other_shapes_are_refused() {
        let x = noise("x", &[3, 4, 11]);
        for shape in [&[4, 11][..], &[10], &[3, 10], &[3, 4, 11]] {
            let (weight, bias) = (noise("w", shape), noise("b", shape));
            assert!(layer_norm(&x, &weight, &bias, 1e-5).is_err(), "{shape:?}");
        }
    }

    /// (1, 3) has mean 2 and standard deviation 1.
    #[test]
    fn two_numbers_by_hand() {
        let tensor = |numbers: [f64; 2]| Tensor::new(&numbers, &Device::Cpu).unwrap();
        let x = tensor([1.0, 3.0]).reshape((1, 2)).unwrap();
        let out = layer_norm(&x, &tensor([2.0, 2.0]), &tensor([0.5, 0.5]), 0.0).unwrap();
        assert_eq!(out.to_vec2::<f64>().unwrap(), [[-1.5, 2.5]]);
    }
}
