use candle_core::{
    CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{
    Numbers, Real, by_dtype, fused, numbers,
    product::{Matrix, product, product_in_tiles},
    tensor_like, vectorised,
};

/// Rows in which the bias is put at a time.
const ROWS: usize = 256;
/// Rows of the weight in one piece of work of its gradient.
const WEIGHT_ROWS: usize = 64;

/// `x weight^T + bias`: `x` is `(..., in)`, `weight` `(out, in)`, `bias` `(out)`. On the CPU, no gradient is computed of what
/// no variable is behind: a layer that is not trained costs no more than passing the gradient on.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (width_out, width_in) = weight.dims2()?;
    if x.dim(D::Minus1)? != width_in || bias.dims1()? != width_out {
        bail!("linear: {x:?} with weight {weight:?} and bias {bias:?}");
    }
    if fused(x) {
        return x.contiguous()?.apply_op3(weight, bias, Linear);
    }
    let mut shape = x.dims().to_vec();
    let rows = x.elem_count() / width_in;
    if let Some(last) = shape.last_mut() {
        *last = width_out;
    }
    x.contiguous()?
        .reshape((rows, width_in))?
        .matmul(&weight.t()?)?
        .broadcast_add(bias)?
        .reshape(shape)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let mut shape = x_layout.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = bias_layout.dims()[0];
        }
        by_dtype!(x.dtype(), T => {
            let x = numbers::<T>(x, x_layout)?;
            let weight = numbers::<T>(weight, weight_layout)?;
            let out = forward(x, weight, numbers::<T>(bias, bias_layout)?);
            Ok((T::to_cpu_storage_owned(out), shape.into()))
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
            let width_out = bias.elem_count();
            let for_x = match x.track_op() {
                true => {
                    let for_x = input_gradient(&gradient, &weight_numbers, width_out);
                    Some(tensor_like(for_x, x)?)
                }
                false => None,
            };
            if !weight.track_op() && !bias.track_op() {
                return Ok((for_x, None, None));
            }
            let (for_weight, for_bias) = weight_gradient(&gradient, &x_numbers, width_out);
            Ok((
                for_x,
                Some(tensor_like(for_weight, weight)?),
                Some(tensor_like(for_bias, bias)?),
            ))
        })
    }
}

/// `(rows, out)`.
pub(super) fn rows_of_bias<T: Real>(rows: usize, bias: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; rows * bias.len()];
    out.par_chunks_mut(ROWS * bias.len()).for_each(|rows| {
        for row in rows.chunks_exact_mut(bias.len()) {
            row.copy_from_slice(bias);
        }
    });
    out
}

fn forward<T: Real>(x: &[T], weight: &[T], bias: &[T]) -> Vec<T> {
    let (width_in, width_out) = (weight.len() / bias.len(), bias.len());
    let rows = x.len() / width_in;
    let mut out = rows_of_bias(rows, bias);
    let x = Matrix::new(x, rows, width_in, width_in);
    let weight = Matrix::new(weight, width_out, width_in, width_in);
    product_in_tiles(&mut out, x, weight.transposed(), true);
    out
}

fn input_gradient<T: Real>(gradient: &[T], weight: &[T], width_out: usize) -> Vec<T> {
    let width_in = weight.len() / width_out;
    let rows = gradient.len() / width_out;
    let mut out = vec![T::ZERO; rows * width_in];
    let gradient = Matrix::new(gradient, rows, width_out, width_out);
    let weight = Matrix::new(weight, width_out, width_in, width_in);
    product_in_tiles(&mut out, gradient, weight, false);
    out
}

/// The gradients of the weight and of the bias.
pub(crate) fn weight_gradient<T: Real>(
    gradient: &[T],
    x: &[T],
    width_out: usize,
) -> (Vec<T>, Vec<T>) {
    let rows = gradient.len() / width_out;
    let width_in = x.len() / rows.max(1);
    let mut for_weight = vec![T::ZERO; width_out * width_in];
    let mut for_bias = vec![T::ZERO; width_out];
    for_weight
        .par_chunks_mut(WEIGHT_ROWS * width_in)
        .zip(for_bias.par_chunks_mut(WEIGHT_ROWS))
        .enumerate()
        .for_each(|(chunk, (for_weight, for_bias))| {
            let count = for_bias.len();
            let part = gradient.get(chunk * WEIGHT_ROWS..).unwrap_or(&[]);
            let part = Matrix::new(part, rows, count, width_out);
            let x = Matrix::new(x, rows, width_in, width_in);
            product(for_weight, width_in, part.transposed(), x, false);
            vectorised(
                #[inline(always)]
                || {
                    for row in 0..rows {
                        let row = &part.data[row * width_out..][..count];
                        for (sum, gradient) in for_bias.iter_mut().zip(row) {
                            *sum += *gradient;
                        }
                    }
                },
            );
        });
    (for_weight, for_bias)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;

    #[test]
    fn gradients_are_right() {
        let inputs = [
            noise("x", &[2, 3, 5]),
            noise("w", &[70, 5]),
            noise("b", &[70]),
        ];
        check(&inputs, |t| linear(&t[0], &t[1], &t[2]));
    }

    #[test]
    fn what_is_not_trained_has_no_gradient_and_the_rest_has() {
        let weight = candle_core::Var::from_tensor(&noise("w", &[4, 5])).unwrap();
        let (x, bias) = (noise("x", &[3, 5]), noise("b", &[4]));
        let gradients = |x: &Tensor, weight: &Tensor| {
            let out = linear(x, weight, &bias).unwrap();
            out.sum_all().unwrap().backward().unwrap()
        };
        let of_weight = gradients(&x, &weight);
        assert!(of_weight.get(&weight).is_some() && of_weight.get(&x).is_none());
        let frozen = weight.detach();
        let moved = candle_core::Var::from_tensor(&x).unwrap();
        let of_x = gradients(&moved, &frozen);
        assert!(of_x.get(&moved).is_some() && of_x.get(&frozen).is_none());
    }

    #[test]
    fn equals_the_composition_on_a_transposed_input() {
        let x = noise("x", &[5, 3, 2]).transpose(0, 2).unwrap();
        let (weight, bias) = (noise("w", &[7, 5]), noise("b", &[7]));
        let expected = x
            .broadcast_matmul(&weight.t().unwrap())
            .unwrap()
            .broadcast_add(&bias)
            .unwrap();
        assert_close(&linear(&x, &weight, &bias).unwrap(), &expected, 1e-12);
    }
}
