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
        return x.contiguous()?.apply_op1(Pointwise::Gelu);
    }
    x.gelu()
}

/// The hyperbolic tangent.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op1(Pointwise::Tanh);
    }
    x.tanh()
}

#[derive(Clone, Copy)]
enum Pointwise {
    Gelu,
    Tanh,
}

impl Pointwise {
    fn forward<T: Real>(self, x: &[T]) -> Vec<T> {
        match self {
            Self::Gelu => map(
                x,
                x,
                #[inline(always)]
                |x, _| gelu_of(x),
            ),
            Self::Tanh => map(
                x,
                x,
                #[inline(always)]
                |x, _| x.tanh(),
            ),
        }
    }

    fn backward<T: Real>(self, x: &[T], out: &[T], gradient: &[T]) -> Vec<T> {
        match self {
            Self::Gelu => map(
                x,
                gradient,
                #[inline(always)]
                |x, gradient| gradient * slope_of(x),
            ),
            Self::Tanh => map(out, gradient, |out, gradient| {
                gradient * (T::ONE - out * out)
            }),
        }
    }
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x.dtype(), T => {
            let out = self.forward(numbers::<T>(x, layout)?);
            Ok((T::to_cpu_storage_owned(out), layout.shape().clone()))
        })
    }

    fn bwd(&self, x: &Tensor, out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        by_dtype!(x.dtype(), T => {
            let gradient = Numbers::<T>::of(&gradient)?;
            let for_x = self.backward(&Numbers::<T>::of(x)?, &Numbers::<T>::of(out)?, &gradient);
            Ok(Some(tensor_like(for_x, x)?))
        })
    }
}

/// `f` of each pair of numbers.
fn map<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; a.len()];
    out.par_chunks_mut(CHUNK)
        .zip(a.par_chunks(CHUNK))
        .zip(b.par_chunks(CHUNK))
        .for_each(|((out, a), b)| {
            vectorised(
                #[inline(always)]
                || {
                    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                        *out = f(*a, *b);
                    }
                },
            );
        });
    out
}

/// The GELU of one number.
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
    fn gradients_are_right() {
        let x = [(noise("x", &[7, 9]) * 4.0).unwrap()];
        check(&x, |t| gelu(&t[0]));
        check(&x, |t| tanh(&t[0]));
    }

    #[test]
    fn equals_candle_in_f32() {
        let x = (noise("x", &[300]) * 12.0).unwrap();
        let x = x.to_dtype(DType::F32).unwrap();
        assert_close(&gelu(&x).unwrap(), &x.gelu().unwrap(), 2e-6);
    }
}
