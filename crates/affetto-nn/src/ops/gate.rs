use candle_core::{
    CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, tensor_like, vectorised};

/// `x (1 + gate)`, each item with a gate of its own: the gates of Peebles and Xie, "Scalable Diffusion Models with
/// Transformers" (2023), open at first. `x` is `(B, T, D)` and `gate` `(B, D)`.
pub fn gated(x: &Tensor, gate: &Tensor) -> Result<Tensor> {
    let (batch, _, width) = x.dims3()?;
    if gate.dims() != [batch, width] {
        bail!("a gate {gate:?} for {x:?}");
    }
    if fused(x) {
        return x.contiguous()?.apply_op2(&gate.contiguous()?, Gate);
    }
    x.broadcast_mul(&(gate.unsqueeze(1)? + 1.0)?)
}

struct Gate;

/// `x (1 + gate)`.
fn forward<T: Real>(x: &[T], gate: &[T], extents: [usize; 3]) -> Vec<T> {
    let [_, len, width] = extents;
    let mut out = vec![T::ZERO; x.len()];
    out.par_chunks_mut((len * width).max(1))
        .zip(x.par_chunks((len * width).max(1)))
        .zip(gate.par_chunks(width.max(1)))
        .for_each(|((out, x), gate)| {
            vectorised(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                        for ((out, x), gate) in out.iter_mut().zip(x).zip(gate) {
                            *out = *x * (T::ONE + *gate);
                        }
                    }
                },
            );
        });
    out
}

/// The sum over the positions of an item of `x gradient`.
fn gate_gradient<T: Real>(x: &[T], gradient: &[T], extents: [usize; 3]) -> Vec<T> {
    let [batch, len, width] = extents;
    let mut sums = vec![T::ZERO; batch * width];
    sums.par_chunks_mut(width.max(1))
        .zip(x.par_chunks((len * width).max(1)))
        .zip(gradient.par_chunks((len * width).max(1)))
        .for_each(|((sums, x), gradient)| {
            vectorised(
                #[inline(always)]
                || {
                    for (x, gradient) in x.chunks_exact(width).zip(gradient.chunks_exact(width)) {
                        for ((sum, x), gradient) in sums.iter_mut().zip(x).zip(gradient) {
                            *sum += *x * *gradient;
                        }
                    }
                },
            );
        });
    sums
}

impl CustomOp2 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        gate: &CpuStorage,
        gate_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, len, width) = layout.shape().dims3()?;
        by_dtype!(x.dtype(), T => {
            let (x, gate) = (numbers::<T>(x, layout)?, numbers::<T>(gate, gate_layout)?);
            let out = forward(x, gate, [batch, len, width]);
            Ok((T::to_cpu_storage_owned(out), layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        gate: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (batch, len, width) = x.dims3()?;
        let extents = [batch, len, width];
        by_dtype!(x.dtype(), T => {
            let gradient = Numbers::<T>::of(&gradient)?;
            let for_x = forward(&gradient, &Numbers::<T>::of(gate)?, extents);
            let for_gate = gate_gradient(&Numbers::<T>::of(x)?, &gradient, extents);
            Ok((Some(tensor_like(for_x, x)?), Some(tensor_like(for_gate, gate)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;

    #[test]
    fn gradients_are_right() {
        let inputs = [noise("x", &[3, 5, 11]), noise("g", &[3, 11])];
        check(&inputs, |t| gated(&t[0], &t[1]));
    }

    #[test]
    fn equals_the_composition() {
        let (x, gate) = (noise("x", &[3, 5, 11]), noise("g", &[3, 11]));
        let expected = x
            .broadcast_mul(&(gate.unsqueeze(1).unwrap() + 1.0).unwrap())
            .unwrap();
        assert_close(&gated(&x, &gate).unwrap(), &expected, 1e-15);
        assert!(gated(&x, &noise("g", &[11])).is_err());
    }
}
