use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor, WithDType,
    backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{
    Numbers, Real, Rotary, Softmax, by_dtype, fused, numbers,
    product::{Matrix, product},
    softmax::{softmax, softmax_gradient_row, softmax_row},
    tensor_like, vectorised,
};

/// Queries in one piece of work: their scores stay in the cache, and the whole `(T, S)` matrix is
/// never held.
const QUERIES: usize = 64;

/// Scaled dot-product attention with several heads (Vaswani and others, "Attention Is All You Need",
/// 2017, section 3.2), rotary positions included.
///
/// The backward pass computes the shares again instead of keeping them, as in Dao and others,
/// "FlashAttention" (2022), algorithm 4.
#[derive(Clone, Debug)]
pub struct Attention {
    /// The number of heads; the width is split among them.
    pub heads: usize,
    /// Which keys are visible, and the scale.
    pub softmax: Softmax,
    /// The positions of the queries, `(B, T)`.
    pub query_rotary: Option<Arc<Rotary>>,
    /// The positions of the keys, `(B, S)`.
    pub key_rotary: Option<Arc<Rotary>>,
}

/// Attention of a sequence to itself: `packed` is `(B, T, 3 width)`, queries, keys and values side
/// by side; the result is `(B, T, width)`.
pub fn self_attention(packed: &Tensor, attention: &Attention) -> Result<Tensor> {
    let (batch, len, width) = packed.dims3()?;
    attention.check(batch, len, len, width / 3, width % 3 == 0)?;
    if fused(packed) {
        return packed.contiguous()?.apply_op1(SelfOp(attention.clone()));
    }
    let width = width / 3;
    let part = |index: usize| packed.narrow(D::Minus1, index * width, width);
    attention.composed(&part(0)?, &part(1)?, &part(2)?)
}

/// Attention of one sequence to another: `queries` is `(B, T, width)` and `packed` `(B, S, 2 width)`,
/// keys and values side by side; the result is `(B, T, width)`.
pub fn cross_attention(queries: &Tensor, packed: &Tensor, attention: &Attention) -> Result<Tensor> {
    let (batch, len, width) = queries.dims3()?;
    let (key_batch, keys, packed_width) = packed.dims3()?;
    let fits = key_batch == batch && packed_width == 2 * width;
    attention.check(batch, len, keys, width, fits)?;
    if fused(queries) {
        let op = CrossOp(attention.clone());
        return queries.contiguous()?.apply_op2(&packed.contiguous()?, op);
    }
    let part = |index: usize| packed.narrow(D::Minus1, index * width, width);
    attention.composed(queries, &part(0)?, &part(1)?)
}

impl Attention {
    fn check(&self, batch: usize, len: usize, keys: usize, width: usize, fits: bool) -> Result<()> {
        self.softmax.check(batch)?;
        let turned = |rotary: &Option<Arc<Rotary>>, count: usize| {
            rotary.as_ref().is_none_or(|rotary| {
                rotary.len() == count && rotary.head_width() == width / self.heads
            })
        };
        let keys_within = match &self.softmax.key_lengths {
            Some(lengths) => lengths.iter().all(|length| *length <= keys),
            None => true,
        };
        if !fits
            || !keys_within
            || self.heads == 0
            || !width.is_multiple_of(self.heads)
            || !turned(&self.query_rotary, batch * len)
            || !turned(&self.key_rotary, batch * keys)
        {
            bail!("attention of {} heads: extents do not fit", self.heads);
        }
        Ok(())
    }

    /// The same from candle's operations.
    fn composed(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (batch, len, width) = q.dims3()?;
        let heads = |x: &Tensor| -> Result<Tensor> {
            let len = x.dim(1)?;
            let shape = (batch, len, self.heads, width / self.heads);
            x.reshape(shape)?.transpose(1, 2)?.contiguous()
        };
        let turned = |x: Tensor, rotary: &Option<Arc<Rotary>>| match rotary {
            Some(rotary) => rotary.apply(&x),
            None => Ok(x),
        };
        let q = turned(heads(&q.contiguous()?)?, &self.query_rotary)?;
        let k = turned(heads(&k.contiguous()?)?, &self.key_rotary)?;
        let scores = q.matmul(&k.transpose(2, 3)?.contiguous()?)?; // (B, heads, T, S)
        softmax(&scores, &self.softmax)?
            .matmul(&heads(&v.contiguous()?)?)? // (B, heads, T, width/heads)
            .transpose(1, 2)?
            .reshape((batch, len, width))
    }
}

/// One head of one item: rows of `width` numbers, `stride` apart.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    data: &'a [T],
    width: usize,
    stride: usize,
}

impl<'a, T: Real> Rows<'a, T> {
    fn part(self, start: usize, count: usize) -> Matrix<'a, T> {
        let data = self.data.get(start * self.stride..).unwrap_or(&[]);
        Matrix::new(data, count, self.width, self.stride)
    }
}

/// The extents of an item and where its heads stand.
#[derive(Clone, Copy)]
struct Extents {
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    /// Numbers from one query to the next, and from one key to the next.
    query_stride: usize,
    key_stride: usize,
}

/// What one head reads.
struct Head<'a, T> {
    index: usize,
    item: usize,
    q: Vec<T>,
    k: Vec<T>,
    v: Rows<'a, T>,
}

/// What one head gives back.
struct HeadGradient<T> {
    q: Vec<T>,
    k: Vec<T>,
    v: Vec<T>,
}

impl Extents {
    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Queries of an item begin at the start of `queries`, keys and values at the start and at
    /// `width` of `keys`.
    fn head<'a, T: Real>(
        &self,
        attention: &Attention,
        (item, index): (usize, usize),
        queries: &[T],
        keys: &'a [T],
    ) -> Head<'a, T> {
        let start = index * self.head_width();
        let turned = |data: &[T], count, stride, rotary: &Option<Arc<Rotary>>| -> Vec<T> {
            let mut out = Vec::with_capacity(count * self.head_width());
            for row in 0..count {
                out.extend_from_slice(&data[row * stride + start..][..self.head_width()]);
            }
            if let Some(rotary) = rotary {
                for (row, x) in out.chunks_exact_mut(self.head_width()).enumerate() {
                    rotary.turn_head(x, item * count + row, index, self.heads);
                }
            }
            out
        };
        Head {
            index,
            item,
            q: turned(
                queries,
                self.queries,
                self.query_stride,
                &attention.query_rotary,
            ),
            k: turned(keys, self.keys, self.key_stride, &attention.key_rotary),
            v: Rows {
                data: keys.get(self.width + start..).unwrap_or(&[]),
                width: self.head_width(),
                stride: self.key_stride,
            },
        }
    }

    /// The shares of queries `start..start + count` over the first `seen` keys.
    fn shares<T: Real>(
        &self,
        softmax: &Softmax,
        head: &Head<T>,
        (start, count): (usize, usize),
        shares: &mut Vec<T>,
    ) -> usize {
        let width = self.head_width();
        let visible = |row| softmax.visible(head.item, row, self.queries, self.keys);
        let seen = visible(start + count - 1);
        shares.resize(count * seen, T::ZERO);
        let q = Matrix::new(&head.q[start * width..], count, width, width);
        let k = Matrix::new(&head.k, seen, width, width);
        product(shares, seen, q, k.transposed(), false);
        if seen > 0 {
            vectorised(
                #[inline(always)]
                || {
                    for (row, shares) in shares.chunks_exact_mut(seen).enumerate() {
                        let (seen, unseen) = shares.split_at_mut(visible(start + row));
                        softmax_row(seen, T::real(softmax.scale));
                        unseen.fill(T::ZERO);
                    }
                },
            );
        }
        seen
    }

    /// Writes the head's part of each row of `out`.
    fn forward<T: Real>(&self, softmax: &Softmax, head: &Head<T>, out: &mut [T]) {
        let mut shares = Vec::new();
        for start in (0..self.queries).step_by(QUERIES) {
            let count = QUERIES.min(self.queries - start);
            let seen = self.shares(softmax, head, (start, count), &mut shares);
            let shares = Matrix::new(&shares, count, seen, seen);
            let out = &mut out[start * self.width + head.index * self.head_width()..];
            product(out, self.width, shares, head.v.part(0, seen), false);
        }
    }

    /// `gradient` is that of the item's output.
    fn backward<T: Real>(
        &self,
        softmax: &Softmax,
        head: &Head<T>,
        gradient: &[T],
    ) -> HeadGradient<T> {
        let width = self.head_width();
        let zeros = |rows: usize| vec![T::ZERO; rows * width];
        let mut out = HeadGradient {
            q: zeros(self.queries),
            k: zeros(self.keys),
            v: zeros(self.keys),
        };
        let gradient = Rows {
            data: &gradient[head.index * width..],
            width,
            stride: self.width,
        };
        let (mut shares, mut scores) = (Vec::new(), Vec::new());
        for start in (0..self.queries).step_by(QUERIES) {
            let count = QUERIES.min(self.queries - start);
            let seen = self.shares(softmax, head, (start, count), &mut shares);
            if seen == 0 {
                continue;
            }
            let gradient = gradient.part(start, count);
            scores.resize(count * seen, T::ZERO);
            product(
                &mut scores,
                seen,
                gradient,
                head.v.part(0, seen).transposed(),
                false,
            );
            vectorised(
                #[inline(always)]
                || {
                    let rows = scores.chunks_exact_mut(seen).zip(shares.chunks_exact(seen));
                    for (scores, shares) in rows {
                        softmax_gradient_row(scores, shares, T::real(softmax.scale));
                    }
                },
            );
            let shares = Matrix::new(&shares, count, seen, seen);
            let scores = Matrix::new(&scores, count, seen, seen);
            let q = Matrix::new(&head.q[start * width..], count, width, width);
            let k = Matrix::new(&head.k, seen, width, width);
            product(&mut out.v, width, shares.transposed(), gradient, true);
            product(&mut out.q[start * width..], width, scores, k, false);
            product(&mut out.k, width, scores.transposed(), q, true);
        }
        out
    }

    /// Turns the gradients of queries and keys back.
    fn turn_back<T: Real>(&self, attention: &Attention, head: &Head<T>, out: &mut HeadGradient<T>) {
        let width = self.head_width();
        for (numbers, rotary, count) in [
            (&mut out.q, &attention.query_rotary, self.queries),
            (&mut out.k, &attention.key_rotary, self.keys),
        ] {
            if let Some(rotary) = rotary {
                for (row, x) in numbers.chunks_exact_mut(width).enumerate() {
                    rotary.turn_head_back(x, head.item * count + row, head.index, self.heads);
                }
            }
        }
    }
}

/// Writes rows of one head side by side into wider rows.
pub(super) fn scatter<T: Copy>(
    rows: &[T],
    width: usize,
    into: &mut [T],
    start: usize,
    stride: usize,
) {
    for (row, numbers) in rows.chunks_exact(width).enumerate() {
        into[row * stride + start..][..width].copy_from_slice(numbers);
    }
}

struct SelfOp(Attention);

impl SelfOp {
    fn extents(&self, dims: &[usize]) -> Extents {
        let width = dims[2] / 3;
        Extents {
            heads: self.0.heads,
            queries: dims[1],
            keys: dims[1],
            width,
            query_stride: 3 * width,
            key_stride: 3 * width,
        }
    }
}

impl CustomOp1 for SelfOp {
    fn name(&self) -> &'static str {
        "self-attention"
    }

    fn cpu_fwd(&self, packed: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let extents = self.extents(layout.dims());
        let shape = Shape::from((layout.dims()[0], extents.queries, extents.width));
        by_dtype!(packed.dtype(), T => {
            let packed = numbers::<T>(packed, layout)?;
            let mut out = vec![T::ZERO; shape.elem_count()];
            out.par_chunks_mut((extents.queries * extents.width).max(1))
                .zip(packed.par_chunks((extents.queries * extents.query_stride).max(1)))
                .enumerate()
                .for_each(|(item, (out, packed))| {
                    for head in 0..extents.heads {
                        let keys = &packed[extents.width..];
                        let head = extents.head(&self.0, (item, head), packed, keys);
                        extents.forward(&self.0.softmax, &head, out);
                    }
                });
            Ok((T::to_cpu_storage_owned(out), shape))
        })
    }

    fn bwd(&self, packed: &Tensor, _out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let extents = self.extents(packed.dims());
        let (width, stride) = (extents.width, extents.query_stride);
        by_dtype!(packed.dtype(), T => {
            let (numbers, gradient) = (Numbers::<T>::of(packed)?, Numbers::<T>::of(&gradient)?);
            let mut out = vec![T::ZERO; numbers.len()];
            out.par_chunks_mut((extents.queries * stride).max(1))
                .zip(numbers.par_chunks((extents.queries * stride).max(1)))
                .zip(gradient.par_chunks((extents.queries * width).max(1)))
                .enumerate()
                .for_each(|(item, ((out, packed), gradient))| {
                    for head in 0..extents.heads {
                        let start = head * extents.head_width();
                        let head = extents.head(&self.0, (item, head), packed, &packed[width..]);
                        let mut parts = extents.backward(&self.0.softmax, &head, gradient);
                        extents.turn_back(&self.0, &head, &mut parts);
                        for (part, rows) in [&parts.q, &parts.k, &parts.v].into_iter().enumerate() {
                            scatter(rows, extents.head_width(), out, part * width + start, stride);
                        }
                    }
                });
            Ok(Some(tensor_like(out, packed)?))
        })
    }
}

struct CrossOp(Attention);

impl CrossOp {
    fn extents(&self, queries: &[usize], keys: &[usize]) -> Extents {
        let width = queries[2];
        Extents {
            heads: self.0.heads,
            queries: queries[1],
            keys: keys[1],
            width,
            query_stride: width,
            key_stride: 2 * width,
        }
    }

    /// The gradients of queries and of keys and values.
    fn gradients(
        &self,
        queries: &Tensor,
        packed: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let gradient = gradient.contiguous()?;
        let extents = self.extents(queries.dims(), packed.dims());
        let (width, stride) = (extents.width, extents.key_stride);
        by_dtype!(queries.dtype(), T => {
            let gradient = Numbers::<T>::of(&gradient)?;
            let (q, packed_numbers) = (Numbers::<T>::of(queries)?, Numbers::<T>::of(packed)?);
            let mut for_q = vec![T::ZERO; q.len()];
            let mut for_packed = vec![T::ZERO; packed_numbers.len()];
            for_q
                .par_chunks_mut((extents.queries * width).max(1))
                .zip(for_packed.par_chunks_mut((extents.keys * stride).max(1)))
                .zip(q.par_chunks((extents.queries * width).max(1)))
                .zip(packed_numbers.par_chunks((extents.keys * stride).max(1)))
                .zip(gradient.par_chunks((extents.queries * width).max(1)))
                .enumerate()
                .for_each(|(item, ((((for_q, for_packed), q), packed), gradient))| {
                    for head in 0..extents.heads {
                        let (start, wide) = (head * extents.head_width(), extents.head_width());
                        let head = extents.head(&self.0, (item, head), q, packed);
                        let mut parts = extents.backward(&self.0.softmax, &head, gradient);
                        extents.turn_back(&self.0, &head, &mut parts);
                        scatter(&parts.q, wide, for_q, start, width);
                        scatter(&parts.k, wide, for_packed, start, stride);
                        scatter(&parts.v, wide, for_packed, width + start, stride);
                    }
                });
            Ok((tensor_like(for_q, queries)?, tensor_like(for_packed, packed)?))
        })
    }
}

/// What `gradient`, that of the result, makes of queries and of keys and values side by side, all contiguous.
pub(super) fn cross_gradients(
    attention: Attention,
    queries: &Tensor,
    packed: &Tensor,
    gradient: &Tensor,
) -> Result<(Tensor, Tensor)> {
    CrossOp(attention).gradients(queries, packed, gradient)
}

impl CustomOp2 for CrossOp {
    fn name(&self) -> &'static str {
        "cross-attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        query_layout: &Layout,
        packed: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let extents = self.extents(query_layout.dims(), layout.dims());
        by_dtype!(queries.dtype(), T => {
            let queries = numbers::<T>(queries, query_layout)?;
            let packed = numbers::<T>(packed, layout)?;
            let mut out = vec![T::ZERO; queries.len()];
            out.par_chunks_mut((extents.queries * extents.width).max(1))
                .zip(queries.par_chunks((extents.queries * extents.width).max(1)))
                .zip(packed.par_chunks((extents.keys * extents.key_stride).max(1)))
                .enumerate()
                .for_each(|(item, ((out, queries), packed))| {
                    for head in 0..extents.heads {
                        let head = extents.head(&self.0, (item, head), queries, packed);
                        extents.forward(&self.0.softmax, &head, out);
                    }
                });
            Ok((T::to_cpu_storage_owned(out), query_layout.shape().clone()))
        })
    }

    fn bwd(
        &self,
        queries: &Tensor,
        packed: &Tensor,
        _out: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (for_queries, for_packed) = self.gradients(queries, packed, gradient)?;
        Ok((Some(for_queries), Some(for_packed)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;

    /// Positions of a batch of `batch` sequences, none of them alike.
    fn rotary(batch: usize, len: usize) -> Option<Arc<Rotary>> {
        let positions: Vec<f32> = (0..batch * len * 2)
            .map(|i| (i * i % 17) as f32 * 0.5)
            .collect();
        Some(Rotary::new(&positions, 2, 6))
    }

    fn attention(len: usize, keys: usize, causal: bool) -> Attention {
        Attention {
            heads: 2,
            softmax: Softmax {
                scale: 0.6,
                causal,
                key_lengths: Some(vec![keys - 2, keys].into()),
            },
            query_rotary: rotary(2, len),
            key_rotary: rotary(2, keys),
        }
    }

    #[test]
    fn gradients_of_self_attention_are_right() {
        for causal in [false, true] {
            check(&[noise("packed", &[2, 5, 36])], |t| {
                self_attention(&t[0], &attention(5, 5, causal))
            });
        }
    }

    #[test]
    fn gradients_of_cross_attention_are_right() {
        let inputs = [noise("q", &[2, 3, 12]), noise("packed", &[2, 7, 24])];
        check(&inputs, |t| {
            cross_attention(&t[0], &t[1], &attention(3, 7, false))
        });
    }

    /// More queries than fit one piece of work.
    #[test]
    fn gradients_are_right_across_blocks() {
        check(&[noise("packed", &[2, 70, 36])], |t| {
            self_attention(&t[0], &attention(70, 70, true))
        });
    }

    #[test]
    fn equals_the_composition() {
        for causal in [false, true] {
            let attention = attention(70, 70, causal);
            let packed = noise("packed", &[2, 70, 36]);
            let part = |index: usize| packed.narrow(2, index * 12, 12).unwrap();
            let expected = attention.composed(&part(0), &part(1), &part(2)).unwrap();
            assert_close(
                &self_attention(&packed, &attention).unwrap(),
                &expected,
                1e-6,
            );
        }
        let (q, packed) = (noise("q", &[2, 3, 12]), noise("packed", &[2, 7, 24]));
        let part = |index: usize| packed.narrow(2, index * 12, 12).unwrap();
        let attention = attention(3, 7, false);
        let expected = attention.composed(&q, &part(0), &part(1)).unwrap();
        assert_close(
            &cross_attention(&q, &packed, &attention).unwrap(),
            &expected,
            1e-6,
        );
    }
}
