use affetto_core::Seed;
use candle_core::{
    CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, tensor_like, vectorised};

/// Numbers in one piece of work.
const CHUNK: usize = 16_384;

/// Which numbers a training step drops: drawn from this seed and the layer's name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutSeed(
    /// The seed of the step.
    pub Seed,
);

impl DropoutSeed {
    /// The seed of one training step.
    pub fn new(seed: Seed, step: usize) -> Self {
        Self(seed.derive("dropout").derive(&step.to_string()))
    }

    fn key(self, layer: &str) -> u64 {
        self.0.derive(layer).0
    }
}

/// Srivastava and others, "Dropout" (2014): a share `rate` of the numbers becomes 0, the others
/// grow by `1 / (1 - rate)`. Without a seed nothing is dropped.
pub fn dropout(x: &Tensor, rate: f64, layer: &str, seed: Option<DropoutSeed>) -> Result<Tensor> {
    match seed {
        Some(seed) if rate > 0.0 => dropout_add(&x.zeros_like()?, x, rate, layer, Some(seed)),
        _ => Ok(x.clone()),
    }
}

/// `residual + dropout(x)`.
pub fn dropout_add(
    residual: &Tensor,
    x: &Tensor,
    rate: f64,
    layer: &str,
    seed: Option<DropoutSeed>,
) -> Result<Tensor> {
    if residual.dims() != x.dims() || !(0.0..1.0).contains(&rate) {
        bail!("dropout of {rate}: {residual:?} + {x:?}");
    }
    let Some(seed) = seed.filter(|_| rate > 0.0) else {
        return residual + x;
    };
    let op = DropoutAdd {
        key: seed.key(layer),
        rate,
    };
    if fused(x) {
        return residual.contiguous()?.apply_op2(&x.contiguous()?, op);
    }
    let mut factors = vec![0f32; x.elem_count()];
    op.fill(&mut factors, 0);
    let factors = Tensor::from_vec(factors, x.shape(), x.device())?.to_dtype(x.dtype())?;
    residual + (x * factors)?
}

struct DropoutAdd {
    key: u64,
    rate: f64,
}

impl DropoutAdd {
    /// The factor of each number from index `start` on.
    fn fill<T: Real>(&self, factors: &mut [T], start: usize) {
        let (threshold, grown) = (self.threshold(), T::real(1.0 / (1.0 - self.rate)));
        vectorised(
            #[inline(always)]
            || {
                for (offset, factor) in factors.iter_mut().enumerate() {
                    *factor = factor_of(self.key, (start + offset) as u32, threshold, grown);
                }
            },
        );
    }

    fn threshold(&self) -> u32 {
        (self.rate * 4_294_967_296.0) as u32
    }
}

/// 0 for a dropped number, `grown` for a kept one.
#[inline(always)]
fn factor_of<T: Real>(key: u64, index: u32, threshold: u32, grown: T) -> T {
    if hash(key, index) < threshold {
        T::ZERO
    } else {
        grown
    }
}

/// 32 bits that depend on every bit of `key` and `index`: two rounds of the multiply and shift
/// mixing of C. Wellons, "Prospecting for Hash Functions" (2018), one half of the key before each.
#[inline(always)]
fn hash(key: u64, index: u32) -> u32 {
    mix(mix(index ^ key as u32) ^ (key >> 32) as u32)
}

#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

impl CustomOp2 for DropoutAdd {
    fn name(&self) -> &'static str {
        "dropout-add"
    }

    fn cpu_fwd(
        &self,
        residual: &CpuStorage,
        residual_layout: &Layout,
        x: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x.dtype(), T => {
            let residual = numbers::<T>(residual, residual_layout)?;
            let out = self.scaled(numbers::<T>(x, layout)?, Some(residual));
            Ok((T::to_cpu_storage_owned(out), layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        _residual: &Tensor,
        x: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        by_dtype!(x.dtype(), T => {
            let for_x = self.scaled(&Numbers::<T>::of(&gradient)?, None);
            Ok((Some(gradient.clone()), Some(tensor_like(for_x, x)?)))
        })
    }
}

impl DropoutAdd {
    /// `x` times its factors, plus `residual`.
    fn scaled<T: Real>(&self, x: &[T], residual: Option<&[T]>) -> Vec<T> {
        let (threshold, grown) = (self.threshold(), T::real(1.0 / (1.0 - self.rate)));
        let mut out = match residual {
            Some(residual) => residual.to_vec(),
            None => vec![T::ZERO; x.len()],
        };
        out.par_chunks_mut(CHUNK)
            .zip(x.par_chunks(CHUNK))
            .enumerate()
            .for_each(|(chunk, (out, x))| {
                let start = (chunk * CHUNK) as u32;
                vectorised(
                    #[inline(always)]
                    || {
                        for (offset, (out, x)) in out.iter_mut().zip(x).enumerate() {
                            let index = start.wrapping_add(offset as u32);
                            *out += *x * factor_of(self.key, index, threshold, grown);
                        }
                    },
                );
            });
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{check, noise};
    use super::*;
    use candle_core::Device;

    const SEED: Option<DropoutSeed> = Some(DropoutSeed(Seed(5)));

    #[test]
    fn gradients_are_right() {
        let inputs = [noise("r", &[4, 33]), noise("x", &[4, 33])];
        check(&inputs, |t| dropout_add(&t[0], &t[1], 0.3, "layer", SEED));
    }

    #[test]
    fn the_share_and_the_mean_are_as_asked_and_layers_differ() {
        let ones = Tensor::ones(100_000, candle_core::DType::F32, &Device::Cpu).unwrap();
        let draw = |layer: &str| -> Vec<f32> {
            let out = dropout(&ones, 0.1, layer, SEED).unwrap();
            out.to_vec1().unwrap()
        };
        let first = draw("first");
        let dropped = first.iter().filter(|x| **x == 0.0).count() as f64 / 100_000.0;
        assert!((dropped - 0.1).abs() < 0.004, "{dropped}");
        assert!(
            first
                .iter()
                .all(|x| *x == 0.0 || (*x - 1.0 / 0.9).abs() < 1e-6)
        );
        assert_eq!(first, draw("first"));
        let agree = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        let equal = agree(&first, &draw("second")) as f64 / 100_000.0;
        assert!((equal - 0.82).abs() < 0.01, "{equal}"); // 0.9^2 + 0.1^2
        let moved = agree(&first[1..], &first) as f64 / 100_000.0;
        assert!((moved - 0.82).abs() < 0.01, "{moved}");
    }

    #[test]
    fn without_a_seed_nothing_is_dropped() {
        let x = noise("x", &[3, 3]);
        let out = dropout(&x, 0.5, "layer", None).unwrap();
        assert_eq!(out.to_vec2::<f64>().unwrap(), x.to_vec2::<f64>().unwrap());
    }
}
