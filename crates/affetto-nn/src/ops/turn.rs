use candle_core::{
    CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{Real, by_dtype, fused, numbers, vectorised};

/// Rotary position embedding, neighbouring numbers of a head forming the pairs: Su and others, "RoFormer" (2021), equation
/// 34. `x` is `(B, T, heads width)`; `cosines` and `sines` are `(T, width/2)` and the same for every head, and have
/// no gradient.
pub fn turn_pairs(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let (_, len, width) = x.dims3()?;
    let (angles, pairs) = cosines.dims2()?;
    if sines.dims() != cosines.dims() || angles != len || pairs == 0 || width % (2 * pairs) != 0 {
        bail!("rotary positions: {x:?} with {cosines:?} and {sines:?}");
    }
    if fused(x) {
        let (cosines, sines) = (cosines.contiguous()?, sines.contiguous()?);
        return x.contiguous()?.apply_op3(&cosines, &sines, TurnPairs);
    }
    composed(x, cosines, sines)
}

/// The same from candle's operations.
fn composed(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let (batch, len, width) = x.dims3()?;
    let pairs = cosines.dim(1)?;
    let x = x
        .contiguous()?
        .reshape((batch, len, width / (2 * pairs), pairs, 2))?;
    let part = |index| x.narrow(4, index, 1);
    let (a, b) = (part(0)?, part(1)?);
    let cosines = cosines.reshape((1, len, 1, pairs, 1))?;
    let sines = sines.reshape((1, len, 1, pairs, 1))?;
    let first = (a.broadcast_mul(&cosines)? - b.broadcast_mul(&sines)?)?;
    let second = (b.broadcast_mul(&cosines)? + a.broadcast_mul(&sines)?)?;
    Tensor::cat(&[first, second], 4)?.reshape((batch, len, width))
}

struct TurnPairs;

impl CustomOp3 for TurnPairs {
    fn name(&self) -> &'static str {
        "turn-pairs"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        cosines: &CpuStorage,
        cosines_layout: &Layout,
        sines: &CpuStorage,
        sines_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, len, width) = x_layout.shape().dims3()?;
        let (_, pairs) = cosines_layout.shape().dims2()?;
        by_dtype!(x.dtype(), T => {
            let mut out = numbers::<T>(x, x_layout)?.to_vec();
            let cosines = numbers::<T>(cosines, cosines_layout)?;
            let sines = numbers::<T>(sines, sines_layout)?;
            out.par_chunks_mut(width.max(1)).enumerate().for_each(|(row, out)| {
                let start = row % len * pairs;
                let cosines = &cosines[start..start + pairs];
                let sines = &sines[start..start + pairs];
                vectorised(#[inline(always)] || {
                    for head in out.chunks_exact_mut(2 * pairs) {
                        turn(head, cosines, sines);
                    }
                });
            });
            Ok((T::to_cpu_storage_owned(out), x_layout.shape().clone()))
        })
    }

    /// The transpose of a turn is the turn back.
    fn bwd(
        &self,
        _x: &Tensor,
        cosines: &Tensor,
        sines: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((
            Some(turn_pairs(gradient, cosines, &sines.neg()?)?),
            None,
            None,
        ))
    }
}

#[inline(always)]
fn turn<T: Real>(head: &mut [T], cosines: &[T], sines: &[T]) {
    let (pairs, _) = head.as_chunks_mut::<2>();
    for ((pair, cosine), sine) in pairs.iter_mut().zip(cosines).zip(sines) {
        let [a, b] = *pair;
        *pair = [a * *cosine - b * *sine, b * *cosine + a * *sine];
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
        let (cosines, sines) = (noise("cosines", &[5, 3]), noise("sines", &[5, 3]));
        check(&[noise("x", &[2, 5, 12])], |t| {
            turn_pairs(&t[0], &cosines, &sines)
        });
    }

    /// A quarter turn of (3, 5) is (-5, 3).
    #[test]
    fn a_quarter_turn() {
        let x = Tensor::new(
            &[[[3f32, 5.0, 7.0, 9.0], [3.0, 5.0, 7.0, 9.0]]],
            &Device::Cpu,
        );
        let cosines = Tensor::new(&[[1f32], [0.0]], &Device::Cpu).unwrap();
        let sines = Tensor::new(&[[0f32], [1.0]], &Device::Cpu).unwrap();
        let out = turn_pairs(&x.unwrap(), &cosines, &sines).unwrap();
        let rows: Vec<Vec<Vec<f32>>> = out.to_vec3().unwrap();
        assert_eq!(rows[0], [[3.0, 5.0, 7.0, 9.0], [-5.0, 3.0, -9.0, 7.0]]);
    }

    #[test]
    fn the_kernel_agrees_with_its_composition() {
        let numbers = |count: usize, scale: f32| -> Vec<f32> {
            (0..count).map(|i| (i % 17) as f32 * scale - 1.0).collect()
        };
        let tensor = |count, shape: &[usize]| {
            Tensor::from_vec(numbers(count, 0.11), shape, &Device::Cpu).unwrap()
        };
        let x = tensor(2 * 5 * 12, &[2, 5, 12]);
        let (cosines, sines) = (tensor(10, &[5, 2]), tensor(10, &[5, 2]));
        let one = turn_pairs(&x, &cosines, &sines).unwrap();
        let two = composed(&x, &cosines, &sines).unwrap();
        let largest = (one - two).unwrap().abs().unwrap().max_all().unwrap();
        assert!(largest.to_scalar::<f32>().unwrap() < 1e-6);
    }
}
