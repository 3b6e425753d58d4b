use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, sum8, tensor_like, vectorised};

/// Which keys a query may see, and the scale of the scores.
#[derive(Clone, Debug)]
pub struct Softmax {
    /// Multiplies the scores before the exponential.
    pub scale: f64,
    /// Whether query `t` of `T` sees no key after `S - T + t`, so that the last query sees all.
    pub causal: bool,
    /// How many keys each item of the batch has; all without. The rest is padding.
    pub key_lengths: Option<Arc<[usize]>>,
}

impl Softmax {
    /// How many keys, from the first on, query `row` of `queries` sees.
    #[inline(always)]
    pub(crate) fn visible(&self, item: usize, row: usize, queries: usize, keys: usize) -> usize {
        let causal = if self.causal {
            (keys + row + 1).saturating_sub(queries).min(keys)
        } else {
            keys
        };
        match &self.key_lengths {
            Some(lengths) => causal.min(lengths[item]),
            None => causal,
        }
    }

    pub(crate) fn check(&self, batch: usize) -> Result<()> {
        match &self.key_lengths {
            Some(lengths) if lengths.len() != batch => {
                bail!("{} key lengths for a batch of {batch}", lengths.len())
            }
            _ => Ok(()),
        }
    }

    /// 0 for a visible key and minus infinity for another, `(B, 1, T, S)`.
    pub(crate) fn mask(
        &self,
        batch: usize,
        queries: usize,
        keys: usize,
        like: &Tensor,
    ) -> Result<Tensor> {
        let mut mask = vec![f32::NEG_INFINITY; batch * queries * keys];
        for (index, row) in mask.chunks_exact_mut(keys.max(1)).enumerate() {
            let (item, query) = (index / queries, index % queries);
            let visible = self.visible(item, query, queries, keys).max(1);
            row[..visible].fill(0.0);
        }
        Tensor::from_vec(mask, (batch, 1, queries, keys), like.device())?.to_dtype(like.dtype())
    }
}

/// The softmax over the keys of `scores` `(B, heads, T, S)`: 0 for keys that are not visible, and
/// all 0 for a query that sees none.
pub fn softmax(scores: &Tensor, settings: &Softmax) -> Result<Tensor> {
    let batch = scores.dim(0)?;
    settings.check(batch)?;
    if fused(scores) {
        let op = SoftmaxOp(settings.clone());
        return scores.contiguous()?.apply_op1(op);
    }
    composed(scores, settings)
}

/// The same from candle's operations; it asks for at least one visible key.
fn composed(scores: &Tensor, settings: &Softmax) -> Result<Tensor> {
    let (batch, _, queries, keys) = scores.dims4()?;
    let scores = (scores * settings.scale)?;
    let scores = scores.broadcast_add(&settings.mask(batch, queries, keys, &scores)?)?;
    let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
    let shares = shifted.exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}

struct SoftmaxOp(Softmax);

impl CustomOp1 for SoftmaxOp {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, heads, queries, keys) = layout.shape().dims4()?;
        by_dtype!(scores.dtype(), T => {
            let mut out = numbers::<T>(scores, layout)?.to_vec();
            out.par_chunks_mut((queries * keys).max(1)).enumerate().for_each(|(matrix, out)| {
                vectorised(#[inline(always)] || {
                    for (row, out) in out.chunks_exact_mut(keys).enumerate() {
                        let visible = self.0.visible(matrix / heads, row, queries, keys);
                        let (seen, unseen) = out.split_at_mut(visible);
                        softmax_row(seen, T::real(self.0.scale));
                        unseen.fill(T::ZERO);
                    }
                });
            });
            Ok((T::to_cpu_storage_owned(out), layout.shape().clone()))
        })
    }

    fn bwd(&self, scores: &Tensor, shares: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let keys = scores.dim(D::Minus1)?;
        by_dtype!(scores.dtype(), T => {
            let (shares, gradient) = (Numbers::<T>::of(shares)?, Numbers::<T>::of(&gradient)?);
            let mut out = gradient.to_vec();
            out.par_chunks_mut(keys.max(1))
                .zip(shares.par_chunks(keys.max(1)))
                .for_each(|(out, shares)| {
                    vectorised(#[inline(always)] || softmax_gradient_row(out, shares, T::real(self.0.scale)));
                });
            Ok(Some(tensor_like(out, scores)?))
        })
    }
}

/// Scores become shares that sum to 1.
#[inline(always)]
pub(crate) fn softmax_row<T: Real>(row: &mut [T], scale: T) {
    let Some(first) = row.first() else { return };
    let mut lanes = [*first; 8];
    let mut chunks = row.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, score) in lanes.iter_mut().zip(chunk) {
            *lane = lane.larger(*score);
        }
    }
    let rest = chunks.remainder().iter().chain(&lanes);
    let largest = rest.fold(*first, |largest, score| largest.larger(*score));
    for score in row.iter_mut() {
        *score = ((*score - largest) * scale).exp();
    }
    let inverse = T::ONE / sum8(row.len(), |i| row[i]);
    for share in row.iter_mut() {
        *share *= inverse;
    }
}

/// Gradients of shares become gradients of scores.
#[inline(always)]
pub(crate) fn softmax_gradient_row<T: Real>(gradient: &mut [T], shares: &[T], scale: T) {
    let count = gradient.len();
    let (gradient, shares) = (&mut gradient[..count], &shares[..count]);
    let mean = sum8(count, |i| gradient[i] * shares[i]);
    for i in 0..count {
        gradient[i] = scale * shares[i] * (gradient[i] - mean);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;

    fn settings(causal: bool) -> Softmax {
        Softmax {
            scale: 0.7,
            causal,
            key_lengths: Some(vec![5, 2].into()),
        }
    }

    #[test]
    fn gradients_are_right() {
        for causal in [false, true] {
            check(&[noise("scores", &[2, 3, 4, 5])], |t| {
                softmax(&t[0], &settings(causal))
            });
        }
    }

    #[test]
    fn equals_the_composition() {
        let scores = noise("scores", &[2, 3, 4, 5]);
        for causal in [false, true] {
            let expected = composed(&scores, &settings(causal)).unwrap();
            assert_close(
                &softmax(&scores, &settings(causal)).unwrap(),
                &expected,
                1e-12,
            );
        }
    }

    #[test]
    fn hidden_keys_get_nothing_and_shares_sum_to_one() {
        let shares = softmax(&noise("scores", &[2, 1, 4, 5]), &settings(true)).unwrap();
        let rows = shares.reshape((8, 5)).unwrap().to_vec2::<f64>().unwrap();
        for (row, shares) in rows.iter().enumerate() {
            let visible = if row < 4 { row + 2 } else { 2 };
            assert!((shares[..visible].iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares[..visible].iter().all(|share| *share > 0.0));
            assert!(shares[visible..].iter().all(|share| *share == 0.0));
        }
    }
}
