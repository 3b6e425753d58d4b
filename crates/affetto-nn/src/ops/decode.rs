//! Products for decoding one token at a time, in a fixed order: the same bytes on every processor
//! and for every number of threads.
//!
//! Each output is one sum, taken from the first input to the last with a rounding after every
//! product and every sum. Vector instructions work on 64 outputs side by side, so their width does
//! not change the order.

use super::{
    Real,
    layer_norm::normalise,
    linear_attention::{EPSILON, feature},
    pointwise::gelu_of,
    softmax::softmax_row,
    vectorised,
};
use crate::{
    Result,
    layers::{NORM_EPSILON, embedding_rows},
    weights::TensorFile,
};

/// Outputs computed side by side.
const PANEL: usize = 64;

/// A linear layer with its weights laid out for decoding.
#[derive(Clone, Debug)]
pub struct Panels {
    inputs: usize,
    outputs: usize,
    /// Panels of `inputs` rows of [`PANEL`] weights; the last panel is filled up with 0.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Panels {
    /// From a `weight` of `bias.len()` rows, one per output.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let inputs = weight.len() / outputs.max(1);
        let panels = outputs.div_ceil(PANEL);
        let mut weights = vec![0.0; panels * inputs * PANEL];
        for (output, row) in weight.chunks_exact(inputs.max(1)).enumerate() {
            let panel = &mut weights[output / PANEL * inputs * PANEL..];
            for (input, weight) in row.iter().enumerate() {
                panel[input * PANEL + output % PANEL] = *weight;
            }
        }
        let mut padded = vec![0.0; panels * PANEL];
        padded[..outputs].copy_from_slice(bias);
        Self {
            inputs,
            outputs,
            weights,
            bias: padded,
        }
    }

    /// The linear layer called `name`.
    pub fn take(file: &mut TensorFile, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = file.take(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Self::new(
            &weight,
            &file.take(&format!("{name}.bias"), &[outputs])?,
        ))
    }

    /// The matrix called `name`, without a bias.
    pub fn take_matrix(
        file: &mut TensorFile,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self> {
        let weight = file.take(name, &[outputs, inputs])?;
        Ok(Self::new(&weight, &vec![0.0; outputs]))
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The outputs of each row of `x`, whose rows stand side by side.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.inputs.max(1) * self.outputs];
        vectorised(
            #[inline(always)]
            || self.apply_panels(x, &mut out),
        );
        out
    }

    #[inline(always)]
    fn apply_panels(&self, x: &[f32], out: &mut [f32]) {
        let panels = self.weights.chunks_exact((self.inputs * PANEL).max(1));
        for (panel, weights) in panels.enumerate() {
            let start = panel * PANEL;
            let count = PANEL.min(self.outputs - start);
            let mut bias = [0.0; PANEL];
            bias.copy_from_slice(&self.bias[start..start + PANEL]);
            let rows = x.chunks(ROWS * self.inputs);
            for (x, out) in rows.zip(out.chunks_mut(ROWS * self.outputs)) {
                let put = |out: &mut [f32], sums: &[f32; PANEL]| {
                    out[start..start + count].copy_from_slice(&sums[..count]);
                };
                if x.len() == ROWS * self.inputs {
                    let sums = tile_sums(x, weights, &bias);
                    for (out, sums) in out.chunks_exact_mut(self.outputs).zip(&sums) {
                        put(out, sums);
                    }
                } else {
                    let rows = x.chunks_exact(self.inputs);
                    for (x, out) in rows.zip(out.chunks_exact_mut(self.outputs)) {
                        put(out, &panel_sums(x, weights, bias));
                    }
                }
            }
        }
    }
}

/// Rows that share the reading of a weight.
const ROWS: usize = 4;
/// Outputs of so many rows that are summed up at once: their sums stay in registers.
const LANES: usize = 32;

/// The sums of [`ROWS`] rows, each in the same order as one alone.
#[inline(always)]
fn tile_sums(x: &[f32], weights: &[f32], bias: &[f32; PANEL]) -> [[f32; PANEL]; ROWS] {
    let mut all = [[0.0; PANEL]; ROWS];
    for from in [0, LANES] {
        let sums = lanes_of(x, weights, bias, from);
        for (all, sums) in all.iter_mut().zip(&sums) {
            all[from..from + LANES].copy_from_slice(sums);
        }
    }
    all
}

/// The same of [`LANES`] outputs.
#[inline(always)]
fn lanes_of(x: &[f32], weights: &[f32], bias: &[f32; PANEL], from: usize) -> [[f32; LANES]; ROWS] {
    let inputs = x.len() / ROWS;
    let row = |row: usize| &x[row * inputs..][..inputs];
    let mut begin = [0.0; LANES];
    begin.copy_from_slice(&bias[from..from + LANES]);
    // Four by name: sums in an array of rows would not stay in registers.
    let (mut a, mut b, mut c, mut d) = (begin, begin, begin, begin);
    let rows = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
    for (weights, (((x_a, x_b), x_c), x_d)) in weights.chunks_exact(PANEL).zip(rows) {
        let weights = &weights[from..from + LANES];
        for lane in 0..LANES {
            a[lane] += *x_a * weights[lane];
        }
        for lane in 0..LANES {
            b[lane] += *x_b * weights[lane];
        }
        for lane in 0..LANES {
            c[lane] += *x_c * weights[lane];
        }
        for lane in 0..LANES {
            d[lane] += *x_d * weights[lane];
        }
    }
    [a, b, c, d]
}

#[inline(always)]
fn panel_sums(x: &[f32], weights: &[f32], mut sums: [f32; PANEL]) -> [f32; PANEL] {
    for (x, weights) in x.iter().zip(weights.chunks_exact(PANEL)) {
        for lane in 0..PANEL {
            sums[lane] += *x * weights[lane];
        }
    }
    sums
}

/// The product of two vectors in eight interleaved sums.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let count = a.len().min(b.len());
    let (a, b) = (&a[..count], &b[..count]);
    super::sum8(count, |i| a[i] * b[i])
}

/// Keys and values side by side: rows of `width` numbers each.
pub type KeysValues<'a> = (&'a [f32], &'a [f32]);

/// The attention of one vector of queries, `heads` of them side by side, over the rows of all
/// `parts` in order. The scores are multiplied by `scale`; `scores` is room to work in. `keys` and
/// values may differ in width, `out` has the width of the values.
pub fn attend(
    query: &[f32],
    parts: &[KeysValues],
    heads: usize,
    scale: f32,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let (wide, wide_out) = (query.len(), out.len());
    let (width, width_out) = (wide / heads, wide_out / heads);
    vectorised(
        #[inline(always)]
        || {
            for head in 0..heads {
                let query = &query[head * width..][..width];
                scores.clear();
                for (keys, _) in parts {
                    let keys = keys.chunks_exact(wide);
                    scores.extend(keys.map(|key| dot(query, &key[head * width..][..width])));
                }
                softmax_row(scores, scale);
                let out = &mut out[head * width_out..][..width_out];
                out.fill(0.0);
                let values = parts
                    .iter()
                    .flat_map(|(_, values)| values.chunks_exact(wide_out));
                for (share, value) in scores.iter().zip(values) {
                    let value = &value[head * width_out..][..width_out];
                    for (out, value) in out.iter_mut().zip(value) {
                        *out += *share * *value;
                    }
                }
            }
        },
    );
}

/// All that the heads of a linear attention keep of the tokens so far: one matrix and one vector each, whatever the
/// number of tokens.
#[derive(Clone, Debug)]
pub struct LinearMemory {
    heads: usize,
    /// Keys by values, `(heads, width, width)`.
    products: Vec<f32>,
    /// Keys, `(heads, width)`.
    keys: Vec<f32>,
}

impl LinearMemory {
    /// Before the first token, for vectors of `width` numbers in `heads` heads.
    pub fn new(width: usize, heads: usize) -> Self {
        Self {
            heads,
            products: vec![0.0; width * width / heads.max(1)],
            keys: vec![0.0; width],
        }
    }

    /// Takes in one token's `packed` queries, keys and values, `(3, width)`, and adds up into `out`, `(width)`, what
    /// [`fading_linear_attention`](super::fading_linear_attention) gives for it.
    pub fn step(&mut self, packed: &[f32], decays: &[f32], out: &mut [f32]) {
        let wide = self.keys.len() / self.heads.max(1);
        let (queries, rest) = packed.split_at(self.keys.len());
        let (keys, values) = rest.split_at(self.keys.len());
        vectorised(
            #[inline(always)]
            || {
                for (head, out) in out.chunks_exact_mut(wide).enumerate() {
                    let part = head * wide..(head + 1) * wide;
                    let products = &mut self.products[head * wide * wide..][..wide * wide];
                    let sums = &mut self.keys[part.clone()];
                    let value = &values[part.clone()];
                    let (query, key) = (&queries[part.clone()], &keys[part]);
                    let mut total = 0.0;
                    out.fill(0.0);
                    for (i, row) in products.chunks_exact_mut(wide).enumerate() {
                        let (query, key) = (feature(query[i]), feature(key[i]));
                        sums[i] = sums[i] * decays[head] + key;
                        total += query * sums[i];
                        for j in 0..wide {
                            row[j] = row[j] * decays[head] + key * value[j];
                            out[j] += query * row[j];
                        }
                    }
                    let total = total + EPSILON as f32;
                    out.iter_mut().for_each(|x| *x /= total);
                }
            },
        );
    }
}

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += *y;
    }
}

/// The hyperbolic tangent of every number.
pub fn tanh_all(x: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for x in x {
                *x = Real::tanh(*x);
            }
        },
    );
}

/// The GELU of every number.
pub fn gelu_all(x: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for x in x {
                *x = gelu_of(*x);
            }
        },
    );
}

/// A layer normalisation.
#[derive(Clone, Debug)]
pub struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    /// The normalisation called `name` of vectors of `width` numbers.
    pub fn take(file: &mut TensorFile, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            weight: file.take(&format!("{name}.weight"), &[width])?,
            bias: file.take(&format!("{name}.bias"), &[width])?,
        })
    }

    /// The same with a weight `1 + scale` times as large and a bias moved by `shift`, as in
    /// [`LayerNorm::forward_modulated`](crate::layers::LayerNorm::forward_modulated).
    pub fn modulated(&self, scale: &[f32], shift: &[f32]) -> Self {
        let weight = self.weight.iter().zip(scale);
        let bias = self.bias.iter().zip(shift);
        Self {
            weight: weight
                .map(|(weight, scale)| weight * (1.0 + scale))
                .collect(),
            bias: bias.map(|(bias, shift)| bias + shift).collect(),
        }
    }

    /// Each row of `x`, normalised.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        Self::apply_each(std::iter::repeat(self), x)
    }

    /// Each row of `x`, normalised by its own.
    pub fn apply_each<'a>(norms: impl IntoIterator<Item = &'a Self>, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let mut start = 0;
        for norm in norms {
            let end = start + norm.weight.len();
            let (Some(x), Some(out)) = (x.get(start..end), out.get_mut(start..end)) else {
                break;
            };
            if x.is_empty() {
                break;
            }
            vectorised(
                #[inline(always)]
                || normalise(out, x, &norm.weight, &norm.bias, NORM_EPSILON as f32),
            );
            start = end;
        }
        out
    }
}

/// The embeddings of [`EmbeddingSum`](crate::layers::EmbeddingSum).
#[derive(Clone, Debug)]
pub struct Embeddings {
    table: Vec<f32>,
    vocabularies: Vec<usize>,
    width: usize,
}

impl Embeddings {
    /// The embeddings called `name`.
    pub fn take(
        file: &mut TensorFile,
        name: &str,
        vocabularies: Vec<usize>,
        width: usize,
    ) -> Result<Self> {
        let rows: usize = vocabularies.iter().sum();
        Ok(Self {
            table: file.take(&format!("{name}.weight"), &[rows, width])?,
            vocabularies,
            width,
        })
    }

    /// One sum of rows per position; see
    /// [`EmbeddingSum::forward`](crate::layers::EmbeddingSum::forward).
    pub fn apply(&self, columns: &[&[u32]], positions: usize) -> Result<Vec<f32>> {
        let rows = embedding_rows(&self.vocabularies, columns, positions)?;
        let mut out = vec![0.0; positions * self.width];
        let ids = rows.chunks_exact(self.vocabularies.len().max(1));
        for (out, ids) in out.chunks_exact_mut(self.width).zip(ids) {
            for id in ids {
                add(out, &self.table[*id as usize * self.width..][..self.width]);
            }
        }
        Ok(out)
    }
}

/// One step of an LSTM cell from its four summed gates (input, forget, candidate, output), as in
/// [`crate::lstm`].
pub fn lstm_cell(gates: &[f32], hidden: &mut [f32], cell: &mut [f32]) {
    let width = hidden.len();
    vectorised(
        #[inline(always)]
        || {
            let (hidden, cell) = (&mut hidden[..width], &mut cell[..width]);
            let gate = |index: usize| &gates[index * width..][..width];
            let (input, forget, candidate, output) = (gate(0), gate(1), gate(2), gate(3));
            for i in 0..width {
                cell[i] =
                    forget[i].sigmoid() * cell[i] + input[i].sigmoid() * Real::tanh(candidate[i]);
                hidden[i] = output[i].sigmoid() * Real::tanh(cell[i]);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::fading_linear_attention;
    use affetto_core::Seed;
    use candle_core::{Device, Tensor};

    fn noise(count: usize) -> Vec<f32> {
        let mut rng = Seed(4).rng();
        (0..count).map(|_| rng.uniform() as f32 - 0.5).collect()
    }

    /// The same sums, one after the other.
    #[test]
    fn panels_equal_the_plain_sums_bit_for_bit() {
        let (inputs, outputs, rows) = (37, 131, 2 * ROWS + 3);
        let (weight, bias, x) = (
            noise(inputs * outputs),
            noise(outputs),
            noise(rows * inputs),
        );
        let panels = Panels::new(&weight, &bias);
        let out = panels.apply(&x);
        for row in 0..rows {
            for output in 0..outputs {
                let mut sum = bias[output];
                for input in 0..inputs {
                    sum += x[row * inputs + input] * weight[output * inputs + input];
                }
                assert_eq!(out[row * outputs + output].to_bits(), sum.to_bits());
            }
        }
    }

    #[test]
    fn one_token_after_the_other_is_as_all_at_once() {
        let (len, width, decays) = (150, 12, [0.9, 1.0]);
        let packed: Vec<f32> = noise(len * 3 * width).iter().map(|x| x * 4.0).collect();
        let whole = Tensor::from_slice(&packed, (1, len, 3 * width), &Device::Cpu).unwrap();
        let whole = fading_linear_attention(&whole, &decays).unwrap();
        let whole: Vec<f32> = whole.flatten_all().unwrap().to_vec1().unwrap();
        let mut memory = LinearMemory::new(width, 2);
        let mut out = vec![0.0; width];
        for (packed, whole) in packed.chunks(3 * width).zip(whole.chunks(width)) {
            memory.step(packed, &decays.map(|decay| decay as f32), &mut out);
            for (a, b) in out.iter().zip(whole) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn attending_to_one_key_gives_its_value() {
        let mut out = [0.0; 2];
        attend(
            &[1.0, 2.0],
            &[(&[3.0, 4.0], &[5.0, 6.0])],
            2,
            1.0,
            &mut Vec::new(),
            &mut out,
        );
        assert_eq!(out, [5.0, 6.0]);
    }
}
