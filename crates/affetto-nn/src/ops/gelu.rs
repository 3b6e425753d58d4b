use candle_core::{
    CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, tensor_like, vectorised};

/// Numbers in one piece of work.
const CHUNK: usize = 16_384;
/// sqrt(2 / pi).
const SLOPE: f64 = 0.797_884_560_802_865_4;
const CUBIC: f64 = 0.044_715;

/// The tanh form of the Gaussian error linear unit: Hendrycks and Gimpel (2016), section 2.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op1(Gelu);
    }
    x.gelu()
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x.dtype(), T => {
            let x = numbers::<T>(x, layout)?;
            let mut out = vec![T::ZERO; x.len()];
            out.par_chunks_mut(CHUNK)
                .zip(x.par_chunks(CHUNK))
                .for_each(|(out, x)| vectorised(|| {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = gelu_of(*x);
                    }
                }));
            Ok((T::to_cpu_storage_owned(out), layout.shape().clone()))
        })
    }

    fn bwd(&self, x: &Tensor, _out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        by_dtype!(x.dtype(), T => {
            let gradient = Numbers::<T>::of(&gradient)?;
            let numbers = Numbers::<T>::of(x)?;
            let mut out = vec![T::ZERO; numbers.len()];
            out.par_chunks_mut(CHUNK)
                .zip(numbers.par_chunks(CHUNK))
                .zip(gradient.par_chunks(CHUNK))
                .for_each(|((out, x), gradient)| vectorised(|| {
                    for ((out, x), gradient) in out.iter_mut().zip(x).zip(gradient) {
                        *out = *gradient * slope_of(*x);
                    }
                }));
            Ok(Some(tensor_like(out, x)?))
        })
    }
}

/// The function of one number.
#[inline(always)]
pub(crate) fn gelu_of<T: Real>(x: T) -> T {
    let inner = T::real(SLOPE) * (x + T::real(CUBIC) * x * x * x);
    T::real(0.5) * x * (T::ONE + inner.tanh())
}

/// Its derivative.
#[inline(always)]
fn slope_of<T: Real>(x: T) -> T {
    let (half, slope, cubic) = (T::real(0.5), T::real(SLOPE), T::real(CUBIC));
    let tanh = (slope * (x + cubic * x * x * x)).tanh();
    let inner = slope * (T::ONE + T::real(3.0) * cubic * x * x);
    half * (T::ONE + tanh) + half * x * (T::ONE - tanh * tanh) * inner
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;
    use candle_core::DType;

    #[test]
    fn gradient_is_right() {
        let x = (noise("x", &[7, 9]) * 4.0).unwrap();
        check(&[x], |t| gelu(&t[0]));
    }

    #[test]
    fn equals_candle_in_f32() {
        let x = (noise("x", &[300]) * 12.0).unwrap();
        let x = x.to_dtype(DType::F32).unwrap();
        assert_close(&gelu(&x).unwrap(), &x.gelu().unwrap(), 2e-6);
    }
}
