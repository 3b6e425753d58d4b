use candle_core::{
    CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, WithDType, backend::BackendStorage,
    bail,
};
use rayon::prelude::*;

use super::{
    Numbers, Real,
    attention::scatter,
    by_dtype, fused, numbers,
    product::{Matrix, product},
    tensor_like,
};

/// Tokens that attend to one another directly; what came before them is summed up in a matrix per head.
const CHUNK: usize = 64;
/// Added to the sum of the weights (Katharopoulos and others, 2020, in their code).
pub const EPSILON: f64 = 1e-6;

/// Causal linear attention with several heads (Katharopoulos and others, "Transformers are RNNs", 2020, equations 8
/// to 12): weights are products of `elu(x) + 1` of queries and keys, so the past is a matrix of fixed size.
///
/// `packed` is `(B, T, 3 width)`, queries, keys and values side by side; the result is `(B, T, width)`. Differs: computed
/// in chunks, as in Hua and others, "Transformer Quality in Linear Time" (2022), section 3.2.
///
/// # Errors
/// Where the width is not a multiple of three times `heads`.
pub fn linear_attention(packed: &Tensor, heads: usize) -> Result<Tensor> {
    fading_linear_attention(packed, &vec![1.0; heads])
}

/// The same with heads that forget: a key of `n` tokens ago counts `decays[head]^n` times, as in Sun and others,
/// "Retentive Network" (2023), equation 7. A decay of 1 forgets nothing.
///
/// # Errors
/// Where the width is not a multiple of three times the number of decays, or a decay is not above 1/2 (of a chunk
/// nothing would be left) and at most 1.
pub fn fading_linear_attention(packed: &Tensor, decays: &[f64]) -> Result<Tensor> {
    let (_, _, width) = packed.dims3()?;
    let heads = decays.len();
    if heads == 0 || !width.is_multiple_of(3 * heads) {
        bail!("linear attention of {heads} heads: {width} numbers per token");
    }
    if let Some(decay) = decays
        .iter()
        .find(|decay| !(**decay > 0.5 && **decay <= 1.0))
    {
        bail!("linear attention with a decay of {decay}");
    }
    if fused(packed) {
        let decays = decays.to_vec();
        return packed.contiguous()?.apply_op1(Op { decays });
    }
    composed(packed, decays)
}

/// The same from candle's operations, in time and memory quadratic in the number of tokens.
fn composed(packed: &Tensor, decays: &[f64]) -> Result<Tensor> {
    let (batch, len, width) = packed.dims3()?;
    let heads = decays.len();
    let width = width / 3;
    let part = |index: usize| -> Result<Tensor> {
        packed
            .narrow(D::Minus1, index * width, width)?
            .contiguous()?
            .reshape((batch, len, heads, width / heads))?
            .transpose(1, 2)?
            .contiguous()
    };
    let feature = |x: Tensor| x.elu(1.0)? + 1.0;
    let (q, k, v) = (feature(part(0)?)?, feature(part(1)?)?, part(2)?);
    let weights = q
        .matmul(&k.transpose(2, 3)?.contiguous()?)?
        .broadcast_mul(&remembered(len, decays, packed)?)?;
    let sums = (weights.sum_keepdim(D::Minus1)? + EPSILON)?;
    weights
        .matmul(&v)?
        .broadcast_div(&sums)?
        .transpose(1, 2)?
        .reshape((batch, len, width))
}

/// How much each key counts for each query, `(heads, T, T)`; 0 for later keys.
fn remembered(len: usize, decays: &[f64], like: &Tensor) -> Result<Tensor> {
    let mut shares = Vec::with_capacity(decays.len() * len * len);
    for decay in decays {
        let powers = powers(*decay, len);
        for query in 0..len {
            let share = |key: usize| query.checked_sub(key).map_or(0.0, |ago| powers[ago]);
            shares.extend((0..len).map(share));
        }
    }
    Tensor::from_vec(shares, (decays.len(), len, len), like.device())?.to_dtype(like.dtype())
}

/// `decay` to the powers of 0 to `most`.
fn powers(decay: f64, most: usize) -> Vec<f64> {
    let next = |power: &f64| Some(power * decay);
    std::iter::successors(Some(1.0), next)
        .take(most + 1)
        .collect()
}

/// `elu(x) + 1`, which is above 0.
#[inline(always)]
pub(crate) fn feature<T: Real>(x: T) -> T {
    if x > T::ZERO { x + T::ONE } else { x.exp() }
}

/// One head of one item.
struct Head<T> {
    len: usize,
    width: usize,
    /// Features of the queries and keys, and the values, `(T, width)`. Queries are smaller by a decay, and keys larger,
    /// for each token since the beginning of their chunk, so that products of the two have faded as they should.
    q: Vec<T>,
    k: Vec<T>,
    v: Vec<T>,
    /// The powers of the decay, up to [`CHUNK`].
    fading: Vec<T>,
}

/// What a head sums up of the tokens before a chunk.
struct Past<T> {
    /// Keys by values, `(width, width)`.
    products: Vec<T>,
    /// Keys, `(width)`.
    keys: Vec<T>,
}

impl<T: Real> Past<T> {
    fn nothing(width: usize) -> Self {
        Self {
            products: vec![T::ZERO; width * width],
            keys: vec![T::ZERO; width],
        }
    }

    fn fade(&mut self, share: T) {
        if share < T::ONE {
            let all = self.products.iter_mut().chain(&mut self.keys);
            all.for_each(|x| *x *= share);
        }
    }

    fn take(
        &mut self,
        width: usize,
        keys: Matrix<T>,
        values: Matrix<T>,
        weights: impl Fn(usize) -> T,
    ) {
        product(&mut self.products, width, keys.transposed(), values, true);
        for (row, key) in keys.data.chunks(width).take(keys.rows).enumerate() {
            for (sum, number) in self.keys.iter_mut().zip(key) {
                *sum += *number * weights(row);
            }
        }
    }
}

fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b)
}

impl<T: Real> Head<T> {
    /// Head `index` of an item whose tokens have `3 width` numbers.
    fn read(packed: &[T], decays: &[f64], index: usize, stride: usize) -> Self {
        let width = stride / 3 / decays.len();
        let rows = |part: usize, map: fn(T) -> T| -> Vec<T> {
            let start = part * (stride / 3) + index * width;
            let tokens = packed.chunks_exact(stride);
            tokens
                .flat_map(|token| token[start..start + width].iter().map(move |x| map(*x)))
                .collect()
        };
        let fading = powers(decays[index], CHUNK).into_iter().map(T::real);
        let mut head = Self {
            len: packed.len() / stride,
            width,
            q: rows(0, feature),
            k: rows(1, feature),
            v: rows(2, |x| x),
            fading: fading.collect(),
        };
        head.q = head.faded(head.q.clone());
        head.k = head.unfaded(head.k.clone());
        head
    }

    /// Each row times the decay's power of its place in its chunk.
    fn faded(&self, rows: Vec<T>) -> Vec<T> {
        self.scaled(rows, |x, power| x * power)
    }

    /// The inverse of [`Head::faded`].
    fn unfaded(&self, rows: Vec<T>) -> Vec<T> {
        self.scaled(rows, |x, power| x / power)
    }

    fn scaled(&self, mut rows: Vec<T>, scale: impl Fn(T, T) -> T) -> Vec<T> {
        if self.fading[1] < T::ONE {
            for (at, row) in rows.chunks_exact_mut(self.width).enumerate() {
                let power = self.fading[at % CHUNK];
                row.iter_mut().for_each(|x| *x = scale(*x, power));
            }
        }
        rows
    }

    fn rows<'a>(&self, data: &'a [T], start: usize, count: usize) -> Matrix<'a, T> {
        Matrix::new(&data[start * self.width..], count, self.width, self.width)
    }

    fn chunks(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> + ExactSizeIterator {
        let len = self.len;
        let starts = (0..len.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK);
        starts.map(move |start| (start, CHUNK.min(len - start)))
    }

    /// The weights of a chunk's keys for its queries, `(count, count)`, 0 for later keys.
    fn weights(&self, (start, count): (usize, usize)) -> Vec<T> {
        let mut weights = vec![T::ZERO; count * count];
        let (q, k) = (
            self.rows(&self.q, start, count),
            self.rows(&self.k, start, count),
        );
        product(&mut weights, count, q, k.transposed(), false);
        mask(&mut weights, count);
        weights
    }

    /// The sums of all weights of each query of a chunk.
    fn sums(&self, (start, count): (usize, usize), weights: &[T], past: &Past<T>) -> Vec<T> {
        let queries = self.q[start * self.width..].chunks_exact(self.width);
        let rows = weights.chunks_exact(count).zip(queries);
        rows.map(|(weights, query)| {
            let inside = weights.iter().fold(T::ZERO, |sum, weight| sum + *weight);
            inside + dot(query, &past.keys) + T::real(EPSILON)
        })
        .collect()
    }

    /// The head's output, `(T, width)`.
    fn forward(&self) -> Vec<T> {
        let width = self.width;
        let mut out = vec![T::ZERO; self.len * width];
        let mut past = Past::nothing(width);
        for (start, count) in self.chunks() {
            let weights = self.weights((start, count));
            let sums = self.sums((start, count), &weights, &past);
            let out = &mut out[start * width..][..count * width];
            let (q, k) = (
                self.rows(&self.q, start, count),
                self.rows(&self.k, start, count),
            );
            let v = self.rows(&self.v, start, count);
            product(
                out,
                width,
                Matrix::new(&weights, count, count, count),
                v,
                false,
            );
            product(
                out,
                width,
                q,
                Matrix::new(&past.products, width, width, width),
                true,
            );
            for (out, sum) in out.chunks_exact_mut(width).zip(sums) {
                out.iter_mut().for_each(|x| *x /= sum);
            }
            past.take(width, k, v, |_| T::ONE);
            past.fade(self.fading[count]);
        }
        out
    }

    /// The gradients of queries, keys and values before their features, each `(T, width)`, from the head's output and
    /// its gradient.
    fn backward(&self, out: &[T], gradient: &[T]) -> [Vec<T>; 3] {
        let mut given = self.given(out, gradient);
        let [q, k, v] = self.parts(&mut given);
        let (q, k) = (self.faded(q), self.unfaded(k));
        [
            through_feature(q, &self.unfaded(self.q.clone())),
            through_feature(k, &self.faded(self.k.clone())),
            v,
        ]
    }

    /// From the front: the gradients of the numerators and the denominators.
    fn given(&self, out: &[T], gradient: &[T]) -> Given<T> {
        let width = self.width;
        let mut given = Given {
            numerators: gradient.to_vec(),
            denominators: Vec::with_capacity(self.len),
            weights: Vec::new(),
            queries: vec![T::ZERO; self.len * width],
        };
        let mut past = Past::nothing(width);
        for (start, count) in self.chunks() {
            let weights = self.weights((start, count));
            let sums = self.sums((start, count), &weights, &past);
            let numerators = &mut given.numerators[start * width..][..count * width];
            for ((row, sum), out) in numerators
                .chunks_exact_mut(width)
                .zip(sums)
                .zip(out[start * width..].chunks_exact(width))
            {
                given.denominators.push(-dot(row, out) / sum);
                row.iter_mut().for_each(|x| *x /= sum);
            }
            let queries = &mut given.queries[start * width..][..count * width];
            let products = Matrix::new(&past.products, width, width, width);
            let numerators = Matrix::new(&*numerators, count, width, width);
            product(queries, width, numerators, products.transposed(), false);
            for (row, denominator) in queries
                .chunks_exact_mut(width)
                .zip(&given.denominators[start..])
            {
                for (x, key) in row.iter_mut().zip(&past.keys) {
                    *x += *denominator * *key;
                }
            }
            let (k, v) = (
                self.rows(&self.k, start, count),
                self.rows(&self.v, start, count),
            );
            past.take(width, k, v, |_| T::ONE);
            past.fade(self.fading[count]);
            given.weights.push(weights);
        }
        given
    }

    /// From the back: the gradients of the features and the values.
    fn parts(&self, given: &mut Given<T>) -> [Vec<T>; 3] {
        let width = self.width;
        let mut queries = std::mem::take(&mut given.queries);
        let (mut keys, mut values) = (vec![T::ZERO; queries.len()], vec![T::ZERO; queries.len()]);
        // Queries by gradients, and queries by the gradients of their denominators, of later chunks.
        let mut later = Past::nothing(width);
        for ((start, count), weights) in self.chunks().zip(&given.weights).rev() {
            later.fade(self.fading[count]);
            let numerators = self.rows(&given.numerators, start, count);
            let denominators = &given.denominators[start..start + count];
            let (q, k) = (
                self.rows(&self.q, start, count),
                self.rows(&self.k, start, count),
            );
            let v = self.rows(&self.v, start, count);
            let mut shares = vec![T::ZERO; count * count];
            product(&mut shares, count, numerators, v.transposed(), false);
            for (row, denominator) in shares.chunks_exact_mut(count).zip(denominators) {
                row.iter_mut().for_each(|x| *x += *denominator);
            }
            mask(&mut shares, count);
            let shares = Matrix::new(&shares, count, count, count);
            let weights = Matrix::new(weights, count, count, count);
            let products = Matrix::new(&later.products, width, width, width);
            product(&mut queries[start * width..], width, shares, k, true);
            let keys = &mut keys[start * width..][..count * width];
            product(keys, width, shares.transposed(), q, false);
            product(keys, width, v, products.transposed(), true);
            for row in keys.chunks_exact_mut(width) {
                for (x, sum) in row.iter_mut().zip(&later.keys) {
                    *x += *sum;
                }
            }
            let values = &mut values[start * width..];
            product(values, width, weights.transposed(), numerators, false);
            product(values, width, k, products, true);
            later.take(width, q, numerators, |row| denominators[row]);
        }
        [queries, keys, values]
    }
}

/// What the front-to-back pass of the backward pass finds.
struct Given<T> {
    /// Gradients of the weighted sums of values, `(T, width)`.
    numerators: Vec<T>,
    /// Gradients of the sums of weights, `(T)`.
    denominators: Vec<T>,
    /// The weights of each chunk.
    weights: Vec<Vec<T>>,
    /// Gradients of the queries' features through what came before their chunk, `(T, width)`.
    queries: Vec<T>,
}

/// Sets what is above the diagonal to 0.
fn mask<T: Real>(square: &mut [T], count: usize) {
    for (row, numbers) in square.chunks_exact_mut(count).enumerate() {
        numbers[row + 1..].fill(T::ZERO);
    }
}

/// The derivative of [`feature`] is 1 where the feature exceeds 1, else the feature itself.
fn through_feature<T: Real>(mut gradient: Vec<T>, features: &[T]) -> Vec<T> {
    for (x, feature) in gradient.iter_mut().zip(features) {
        if *feature <= T::ONE {
            *x *= *feature;
        }
    }
    gradient
}

struct Op {
    decays: Vec<f64>,
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        "linear-attention"
    }

    fn cpu_fwd(&self, packed: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, len, stride) = layout.shape().dims3()?;
        let shape = Shape::from((batch, len, stride / 3));
        by_dtype!(packed.dtype(), T => {
            let packed = numbers::<T>(packed, layout)?;
            let mut out = vec![T::ZERO; shape.elem_count()];
            out.par_chunks_mut((len * stride / 3).max(1))
                .zip(packed.par_chunks((len * stride).max(1)))
                .for_each(|(out, packed)| {
                    for index in 0..self.decays.len() {
                        let head = Head::read(packed, &self.decays, index, stride);
                        scatter(&head.forward(), head.width, out, index * head.width, stride / 3);
                    }
                });
            Ok((T::to_cpu_storage_owned(out), shape))
        })
    }

    fn bwd(&self, packed: &Tensor, out: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (_, len, stride) = packed.dims3()?;
        let (out, gradient) = (out.contiguous()?, gradient.contiguous()?);
        by_dtype!(packed.dtype(), T => {
            let (numbers, out) = (Numbers::<T>::of(packed)?, Numbers::<T>::of(&out)?);
            let gradient = Numbers::<T>::of(&gradient)?;
            let mut parts = vec![T::ZERO; numbers.len()];
            parts
                .par_chunks_mut((len * stride).max(1))
                .zip(numbers.par_chunks((len * stride).max(1)))
                .zip(out.par_chunks((len * stride / 3).max(1)))
                .zip(gradient.par_chunks((len * stride / 3).max(1)))
                .for_each(|(((parts, packed), out), gradient)| {
                    for index in 0..self.decays.len() {
                        let head = Head::read(packed, &self.decays, index, stride);
                        let rows = |data: &[T]| gather(data, head.width, index * head.width, stride / 3);
                        let all = head.backward(&rows(out), &rows(gradient));
                        for (part, rows) in all.iter().enumerate() {
                            let start = part * (stride / 3) + index * head.width;
                            scatter(rows, head.width, parts, start, stride);
                        }
                    }
                });
            Ok(Some(tensor_like(parts, packed)?))
        })
    }
}

/// The numbers `start..start + width` of each row of `stride` numbers.
fn gather<T: Copy>(data: &[T], width: usize, start: usize, stride: usize) -> Vec<T> {
    data.chunks_exact(stride)
        .flat_map(|row| row[start..start + width].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;

    #[test]
    fn gradients_are_right_within_a_chunk_and_across() {
        for len in [5, CHUNK + 6, 2 * CHUNK + 3] {
            let packed = (noise("packed", &[2, len, 24]) * 2.0).unwrap();
            check(&[packed], |t| linear_attention(&t[0], 2));
        }
    }

    #[test]
    fn gradients_are_right_where_heads_forget() {
        for len in [5, 2 * CHUNK + 3] {
            let packed = (noise("packed", &[2, len, 24]) * 2.0).unwrap();
            check(&[packed], |t| fading_linear_attention(&t[0], &[0.93, 0.99]));
        }
    }

    #[test]
    fn equals_the_composition() {
        for len in [1, 7, CHUNK, 2 * CHUNK + 9] {
            let packed = (noise("packed", &[3, len, 36]) * 3.0).unwrap();
            let ours = linear_attention(&packed, 3).unwrap();
            assert_close(&ours, &composed(&packed, &[1.0; 3]).unwrap(), 1e-9);
            let decays = [0.9, 1.0, 0.97];
            let ours = fading_linear_attention(&packed, &decays).unwrap();
            assert_close(&ours, &composed(&packed, &decays).unwrap(), 1e-9);
        }
    }

    /// Equal queries and keys, values 0 and 1, a decay of 3/4: (3/4 * 0 + 1) / (3/4 + 1).
    #[test]
    fn fading_by_hand() {
        let packed = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let packed = Tensor::from_slice(&packed, (1, 2, 3), &candle_core::Device::Cpu).unwrap();
        let out = fading_linear_attention(&packed, &[0.75]).unwrap();
        let out: Vec<f64> = out.flatten_all().unwrap().to_vec1().unwrap();
        assert!(
            out[0].abs() < 1e-12 && (out[1] - 1.0 / 1.75).abs() < 1e-6,
            "{out:?}"
        );
    }

    #[test]
    fn later_tokens_change_nothing_before_them() {
        let packed = noise("packed", &[1, 100, 12]);
        let whole = linear_attention(&packed, 2).unwrap();
        let part = linear_attention(&packed.narrow(1, 0, 70).unwrap(), 2).unwrap();
        assert_close(&whole.narrow(1, 0, 70).unwrap(), &part, 1e-12);
    }

    #[test]
    fn widths_that_do_not_fit_are_refused() {
        assert!(linear_attention(&noise("packed", &[1, 3, 20]), 2).is_err());
        assert!(linear_attention(&noise("packed", &[1, 3, 12]), 0).is_err());
        assert!(fading_linear_attention(&noise("packed", &[1, 3, 12]), &[0.4]).is_err());
    }
}
