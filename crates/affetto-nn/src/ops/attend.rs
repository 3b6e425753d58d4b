use candle_core::{
    CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{
    Attention, Real, Softmax,
    attention::cross_gradients,
    by_dtype, fused, numbers,
    product::{Matrix, even_part, product},
    softmax::{softmax, softmax_row},
    vectorised,
};

/// The most queries in one piece of work.
const QUERIES: usize = 256;
/// The most scores that other devices hold at a time.
const SCORES: usize = 1 << 28;

/// Attention of `queries` `(B, T, W)` to `keys` and `values` `(B, S, W)`, the width split among `heads`; the result is
/// `(B, T, W)`. Every query sees every key. A whole matrix of scores is never held, in the backward pass neither.
pub fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, _, width) = queries.dims3()?;
    let (key_batch, _, key_width) = keys.dims3()?;
    let fits = (key_batch, key_width) == (batch, width) && keys.dims() == values.dims();
    if !fits || heads == 0 || !width.is_multiple_of(heads) {
        bail!("attention of {heads} heads: {queries:?}, {keys:?}, {values:?}");
    }
    if fused(queries) {
        let (keys, values) = (keys.contiguous()?, values.contiguous()?);
        let op = Attend { heads };
        return queries.contiguous()?.apply_op3(&keys, &values, op);
    }
    composed(queries, keys, values, heads)
}

pub(super) fn scale(head_width: usize) -> f64 {
    1.0 / (head_width as f64).sqrt()
}

/// `(B, T, W)` as `(B, heads, T, W / heads)`.
pub(super) fn heads_first(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, rows, width) = x.dims3()?;
    let apart = x.reshape((batch, rows, heads, width / heads))?;
    apart.transpose(1, 2)?.contiguous()
}

/// The same from candle's operations, some queries at a time.
fn composed(queries: &Tensor, keys: &Tensor, values: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, len, width) = queries.dims3()?;
    let split = |x: &Tensor| heads_first(x, heads);
    let (queries, keys, values) = (split(queries)?, split(keys)?, split(values)?);
    let keys = keys.transpose(2, 3)?.contiguous()?; // (B, heads, width/heads, S)
    let settings = Softmax {
        scale: scale(width / heads),
        causal: false,
        key_lengths: None,
    };
    let at_a_time = (SCORES / (batch * heads * keys.dim(3)?).max(1)).clamp(1, len.max(1));
    let mut parts = Vec::new();
    for start in (0..len).step_by(at_a_time) {
        let part = queries.narrow(2, start, at_a_time.min(len - start))?;
        let scores = part.contiguous()?.matmul(&keys)?; // (B, heads, T', S)
        parts.push(softmax(&scores, &settings)?.matmul(&values)?);
    }
    Tensor::cat(&parts, 2)?
        .transpose(1, 2)?
        .reshape((batch, len, width))
}

struct Attend {
    heads: usize,
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        query_layout: &Layout,
        keys: &CpuStorage,
        key_layout: &Layout,
        values: &CpuStorage,
        value_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, len, width) = query_layout.shape().dims3()?;
        let (_, key_len, _) = key_layout.shape().dims3()?;
        by_dtype!(queries.dtype(), T => {
            let queries = numbers::<T>(queries, query_layout)?;
            let keys = numbers::<T>(keys, key_layout)?;
            let values = numbers::<T>(values, value_layout)?;
            let mut out = vec![T::ZERO; queries.len()];
            let item = (len * width).max(1);
            let key_item = key_len * width;
            out.par_chunks_mut(item).zip(queries.par_chunks(item)).enumerate().for_each(
                |(index, (out, queries))| {
                    let part = index * key_item..(index + 1) * key_item;
                    let item = Item {
                        keys: &keys[part.clone()],
                        values: &values[part],
                        len: key_len,
                        width,
                        heads: self.heads,
                    };
                    let chunk = even_part(len, QUERIES) * width;
                    out.par_chunks_mut(chunk)
                        .zip(queries.par_chunks(chunk))
                        .for_each_init(Vec::new, |scores, (out, queries)| item.attend(queries, out, scores));
                },
            );
            Ok((T::to_cpu_storage_owned(out), query_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let width = queries.dim(2)?;
        let attention = Attention {
            heads: self.heads,
            softmax: Softmax {
                scale: scale(width / self.heads),
                causal: false,
                key_lengths: None,
            },
            query_rotary: None,
            key_rotary: None,
        };
        let packed = Tensor::cat(&[keys, values], 2)?;
        let (for_queries, for_packed) = cross_gradients(attention, queries, &packed, gradient)?;
        let part = |start| for_packed.narrow(2, start, width)?.contiguous();
        Ok((Some(for_queries), Some(part(0)?), Some(part(width)?)))
    }
}

/// Keys and values of one item of the batch.
struct Item<'a, T> {
    keys: &'a [T],
    values: &'a [T],
    len: usize,
    width: usize,
    heads: usize,
}

impl<T: Real> Item<'_, T> {
    /// All heads of some queries.
    fn attend(&self, queries: &[T], out: &mut [T], scores: &mut Vec<T>) {
        let count = queries.len() / self.width;
        let head_width = self.width / self.heads;
        let scale = T::real(scale(head_width));
        if self.len == 0 {
            return;
        }
        scores.resize(count * self.len, T::ZERO);
        for start in (0..self.width).step_by(head_width) {
            let of = |data, rows| Matrix::new(data, rows, head_width, self.width);
            let queries = of(&queries[start..], count);
            let keys = of(&self.keys[start..], self.len);
            product(scores, self.len, queries, keys.transposed(), false);
            vectorised(
                #[inline(always)]
                || {
                    for row in scores.chunks_exact_mut(self.len) {
                        softmax_row(row, scale);
                    }
                },
            );
            let shares = Matrix::new(scores.as_slice(), count, self.len, self.len);
            let values = of(&self.values[start..], self.len);
            product(&mut out[start..], self.width, shares, values, false);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::super::gradient::{check, noise};
    use super::*;

    fn tensor(shape: (usize, usize, usize), step: usize) -> Tensor {
        let count = shape.0 * shape.1 * shape.2;
        let numbers = (0..count).map(|i| ((i * step) % 31) as f32 / 10.0 - 1.5);
        Tensor::from_vec(numbers.collect(), shape, &Device::Cpu).unwrap()
    }

    /// More queries than one piece of work has.
    #[test]
    fn the_kernel_agrees_with_its_composition() {
        let queries = tensor((2, 150, 12), 7);
        let (keys, values) = (tensor((2, 9, 12), 5), tensor((2, 9, 12), 11));
        let one = attend(&queries, &keys, &values, 3).unwrap();
        let two = composed(&queries, &keys, &values, 3).unwrap();
        let largest = (one - two).unwrap().abs().unwrap().max_all().unwrap();
        assert!(largest.to_scalar::<f32>().unwrap() < 1e-6);
    }

    /// More queries than one piece of the backward pass has.
    #[test]
    fn gradients_are_right() {
        let inputs = [
            noise("queries", &[2, 70, 6]),
            noise("keys", &[2, 5, 6]),
            noise("values", &[2, 5, 6]),
        ];
        check(&inputs, |t| attend(&t[0], &t[1], &t[2], 3));
    }

    #[test]
    fn extents_that_do_not_fit_are_refused() {
        let queries = tensor((2, 5, 12), 7);
        assert!(attend(&queries, &queries, &tensor((2, 4, 12), 5), 3).is_err());
        assert!(attend(&queries, &queries, &queries, 5).is_err());
    }
}
