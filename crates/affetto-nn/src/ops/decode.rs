//! Products for decoding one token at a time, in a fixed order: the same bytes on every processor
//! and for every number of threads.
//!
//! Each output is one sum, taken from the first input to the last with a rounding after every
//! product and every sum. Vector instructions work on 16 outputs side by side, so their width does
//! not change the order.

mod attend;

pub use attend::{KeysValues, attend, attend_each};

use super::{
    Real,
    layer_norm::normalise,
    linear_attention::{EPSILON, feature},
    pointwise::gelu_of,
    tiles::{Fetch, Lanes, PANEL, multiply},
    vectorised,
};
use crate::{
    Result,
    layers::{NORM_EPSILON, embedding_rows},
    weights::TensorFile,
};

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
        if x.len() == self.inputs {
            return self.apply_row(x, out);
        }
        let biases = self.bias.as_chunks().0;
        multiply(
            Floats,
            (x, self.inputs),
            self.weights.as_chunks().0,
            (out, self.outputs),
            |panel| biases[panel],
            |_, _, sums| *sums,
        );
    }

    /// One row, several panels at a time.
    #[inline(always)]
    fn apply_row(&self, x: &[f32], out: &mut [f32]) {
        let groups = self.weights.chunks((AT_ONCE * self.inputs * PANEL).max(1));
        let biases = self.bias.chunks(AT_ONCE * PANEL);
        for ((weights, bias), out) in groups.zip(biases).zip(out.chunks_mut(AT_ONCE * PANEL)) {
            let biases = bias.as_chunks::<PANEL>().0;
            if biases.len() == AT_ONCE {
                let sums = row_sums(x, weights, biases);
                let sums = sums.as_flattened();
                out.copy_from_slice(&sums[..out.len()]);
                continue;
            }
            let panels = weights.chunks_exact(self.inputs * PANEL).zip(biases);
            for ((weights, bias), out) in panels.zip(out.chunks_mut(PANEL)) {
                let sums = panel_sums(x, weights, *bias);
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// Panels that one row is multiplied with at once.
const AT_ONCE: usize = 4;

/// Sums of floats, each product and each sum rounded.
#[derive(Clone, Copy)]
struct Floats;

impl Lanes for Floats {
    type Input = f32;
    type Weights = [f32; PANEL];
    type Loaded = [f32; PANEL];
    type Number = f32;
    type Sums = [f32; PANEL];

    #[inline(always)]
    fn add(self, mut sums: [f32; PANEL], weights: [f32; PANEL], x: f32) -> [f32; PANEL] {
        add_product(&mut sums, x, &weights);
        sums
    }
}

/// The sums of one row in [`AT_ONCE`] panels.
#[inline(always)]
fn row_sums(x: &[f32], weights: &[f32], biases: &[[f32; PANEL]]) -> [[f32; PANEL]; AT_ONCE] {
    let panel = |at: usize| {
        weights[at * x.len() * PANEL..]
            .as_chunks::<PANEL>()
            .0
            .iter()
    };
    let (mut a, mut b, mut c, mut d) = (biases[0], biases[1], biases[2], biases[3]);
    let panels = panel(0).zip(panel(1)).zip(panel(2)).zip(panel(3));
    for (x, (((in_a, in_b), in_c), in_d)) in x.iter().zip(panels) {
        add_product(&mut a, *x, in_a);
        add_product(&mut b, *x, in_b);
        add_product(&mut c, *x, in_c);
        add_product(&mut d, *x, in_d);
    }
    [a, b, c, d]
}

#[inline(always)]
fn panel_sums(x: &[f32], weights: &[f32], mut sums: [f32; PANEL]) -> [f32; PANEL] {
    for (x, weights) in x.iter().zip(weights.as_chunks::<PANEL>().0) {
        add_product(&mut sums, *x, weights);
    }
    sums
}

/// `sums += x * weights`, each product and each sum rounded.
#[inline(always)]
fn add_product(sums: &mut [f32; PANEL], x: f32, weights: &[f32; PANEL]) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += x * *weight;
    }
}

/// Bytes that come from memory together.
const LINE: usize = 64;
/// Values whose sums are kept in registers: two such lines.
const COLUMNS: usize = 32;

/// All that the heads of a linear attention keep of the tokens so far: one matrix and one vector each, whatever the
/// number of tokens.
#[derive(Clone, Debug)]
pub struct LinearMemory {
    heads: usize,
    /// Values in groups of [`COLUMNS`], the last filled up with 0, by keys: `(heads, groups, width)`.
    products: Vec<[f32; COLUMNS]>,
    /// Keys, `(heads, width)`.
    keys: Vec<f32>,
}

impl LinearMemory {
    /// Before the first token, for vectors of `width` numbers in `heads` heads.
    pub fn new(width: usize, heads: usize) -> Self {
        let groups = (width / heads.max(1)).div_ceil(COLUMNS);
        Self {
            heads,
            products: vec![[0.0; COLUMNS]; groups * width],
            keys: vec![0.0; width],
        }
    }

    /// Takes in one token's `packed` queries, keys and values, `(3, width)`, and adds up into `out`, `(width)`, what
    /// [`fading_linear_attention`](super::fading_linear_attention) gives for it. Queries and keys become their features.
    pub fn step(&mut self, packed: &mut [f32], decays: &[f32], out: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                let (features, values) = packed.split_at_mut(2 * self.keys.len());
                for x in features.iter_mut() {
                    *x = feature(*x);
                }
                let (queries, keys) = features.split_at(self.keys.len());
                self.add_values(queries, keys, values, decays, out);
                self.divide_by_shares(queries, keys, decays, out);
            },
        );
    }

    #[inline(always)]
    fn add_values(
        &mut self,
        queries: &[f32],
        keys: &[f32],
        values: &[f32],
        decays: &[f32],
        out: &mut [f32],
    ) {
        let wide = self.keys.len() / self.heads.max(1);
        let groups = wide.div_ceil(COLUMNS);
        let products = self.products.chunks_exact_mut(wide.max(1));
        for (number, products) in products.enumerate() {
            let (head, first) = (number / groups, number % groups * COLUMNS);
            let of_head = head * wide..(head + 1) * wide;
            let (queries, keys) = (&queries[of_head.clone()], &keys[of_head.clone()]);
            let group = of_head.start + first..of_head.end.min(of_head.start + first + COLUMNS);
            let (mut value, mut sums) = ([0.0; COLUMNS], [0.0; COLUMNS]);
            value[..group.len()].copy_from_slice(&values[group.clone()]);
            let mut next = [0, 1].map(|line| Fetch::after(products, 1).moved(line * LINE));
            for (products, (query, key)) in products.iter_mut().zip(queries.iter().zip(keys)) {
                next.iter_mut().for_each(Fetch::fetch);
                for ((product, value), sum) in products.iter_mut().zip(&value).zip(&mut sums) {
                    *product = *product * decays[head] + *key * *value;
                    *sum += *query * *product;
                }
            }
            out[group.clone()].copy_from_slice(&sums[..group.len()]);
        }
    }

    #[inline(always)]
    fn divide_by_shares(&mut self, queries: &[f32], keys: &[f32], decays: &[f32], out: &mut [f32]) {
        let wide = (self.keys.len() / self.heads.max(1)).max(1);
        let fed = queries.chunks_exact(wide).zip(keys.chunks_exact(wide));
        let heads = self.keys.chunks_exact_mut(wide).zip(decays);
        for ((out, (queries, keys)), (sums, decay)) in
            out.chunks_exact_mut(wide).zip(fed).zip(heads)
        {
            let mut total = 0.0;
            for (sum, (query, key)) in sums.iter_mut().zip(queries.iter().zip(keys)) {
                *sum = *sum * decay + key;
                total += query * *sum;
            }
            let total = total + EPSILON as f32;
            out.iter_mut().for_each(|x| *x /= total);
        }
    }
}

/// `x += y`.
#[inline(always)]
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
        vectorised(
            #[inline(always)]
            || {
                for (out, ids) in out.chunks_exact_mut(self.width).zip(ids) {
                    for id in ids {
                        add(out, &self.table[*id as usize * self.width..][..self.width]);
                    }
                }
            },
        );
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
    use crate::ops::{fading_linear_attention, tiles::ROWS};
    use affetto_core::Seed;
    use candle_core::{Device, Tensor};

    pub(super) fn noise(count: usize) -> Vec<f32> {
        let mut rng = Seed(4).rng();
        (0..count).map(|_| rng.uniform() as f32 - 0.5).collect()
    }

    /// The same sums, one after the other.
    #[test]
    fn panels_equal_the_plain_sums_bit_for_bit() {
        let (inputs, outputs) = (37, 131);
        let (weight, bias) = (noise(inputs * outputs), noise(outputs));
        let panels = Panels::new(&weight, &bias);
        for rows in (1..=ROWS).chain([2 * ROWS + 1, 3 * ROWS - 1]) {
            let x = noise(rows * inputs);
            let out = panels.apply(&x);
            assert_eq!(out.len(), rows * outputs);
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
    }

    #[test]
    fn one_token_after_the_other_is_as_all_at_once() {
        let (len, width, decays) = (150, 12, [0.9, 1.0]);
        let mut packed: Vec<f32> = noise(len * 3 * width).iter().map(|x| x * 4.0).collect();
        let whole = Tensor::from_slice(&packed, (1, len, 3 * width), &Device::Cpu).unwrap();
        let whole = fading_linear_attention(&whole, &decays).unwrap();
        let whole: Vec<f32> = whole.flatten_all().unwrap().to_vec1().unwrap();
        let mut memory = LinearMemory::new(width, 2);
        let mut out = vec![0.0; width];
        for (packed, whole) in packed.chunks_mut(3 * width).zip(whole.chunks(width)) {
            memory.step(packed, &decays.map(|decay| decay as f32), &mut out);
            for (a, b) in out.iter().zip(whole) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }
}
