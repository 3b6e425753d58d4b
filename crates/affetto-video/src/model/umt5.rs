//! The text encoder: Chung and others, "UniMax" (2023), a T5 encoder whose every block has its own bias for distances.
//! Differs from the published code: no padding and no mask, since the states of the real words are the same without.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | words | `T` `u32` | without padding |
//! | states | `(1, T, D)` `f32` | one for each word |

use affetto_nn::ops;
use candle_core::{D, Tensor};

use super::{Linear, Umt5Config};
use crate::{Error, Result, weights::Weights};

/// The encoder. Its blocks are read one after the other while texts pass through them, and none is kept: of the 5.7 billion
/// numbers of the published one, 190 million are held at a time.
pub struct Umt5Encoder {
    config: Umt5Config,
    weights: Weights,
    norm: Tensor,
}

impl Umt5Encoder {
    /// An encoder that reads from `weights`.
    pub fn new(config: &Umt5Config, weights: &Weights) -> Result<Self> {
        config.check()?;
        let norm = "encoder.final_layer_norm.weight";
        Ok(Self {
            config: config.clone(),
            weights: weights.clone(),
            norm: weights.with_f32().get(norm, &[config.d_model])?,
        })
    }

    /// The states of texts, each `(1, T, D)`.
    ///
    /// # Errors
    /// Where a text has no word or one that the vocabulary has not, and where the weights are damaged.
    pub fn encode(&self, texts: &[Vec<u32>]) -> Result<Vec<Tensor>> {
        let device = self.weights.device();
        let texts = texts.iter().map(|words| {
            let buckets = Tensor::new(&self.buckets(words.len())[..], device)?;
            Ok((self.embedded(words)?, buckets))
        });
        let mut texts = texts.collect::<Result<Vec<_>>>()?;
        for layer in 0..self.config.num_layers {
            let name = format!("encoder.block.{layer}.layer");
            let block = Block::new(&self.config, &self.weights, &name)?;
            for (x, buckets) in &mut texts {
                *x = block.forward(x, buckets)?;
            }
        }
        let eps = self.config.layer_norm_epsilon;
        let states = |x: &Tensor| Ok(ops::rms_norm(x, &self.norm, eps)?.unsqueeze(0)?);
        texts.iter().map(|(x, _)| states(x)).collect()
    }

    /// `(T, D)`.
    fn embedded(&self, words: &[u32]) -> Result<Tensor> {
        let vocabulary = self.config.vocab_size;
        let known = |word: &u32| (*word as usize) < vocabulary;
        if words.is_empty() || !words.iter().all(known) {
            return Err(Error::Extents {
                name: "words",
                found: vec![words.len()],
                permitted: format!("one or more, each below {vocabulary}"),
            });
        }
        let shape = [vocabulary, self.config.d_model];
        self.weights.rows("shared.weight", shape, words)
    }

    /// The same states, each followed by rows of zeros, `(1, rows, D)`, which is what the transformer was trained with. Of
    /// more words than rows, the first count.
    pub fn encode_padded(&self, texts: &[Vec<u32>], rows: usize) -> Result<Vec<Tensor>> {
        let cut = |words: &Vec<u32>| words[..words.len().min(rows)].to_vec();
        let states = self.encode(&texts.iter().map(cut).collect::<Vec<_>>())?;
        let padded = |states: &Tensor| Ok(states.pad_with_zeros(1, 0, rows - states.dim(1)?)?);
        states.iter().map(padded).collect()
    }

    /// The class of the distance from each word to each other one, query by query: half of the classes for words before,
    /// half for words after; the nearer half of these for single distances, the others for logarithmic ranges (Raffel and
    /// others, "Exploring the Limits of Transfer Learning", 2020, section 2.1).
    fn buckets(&self, len: usize) -> Vec<u32> {
        let side = self.config.relative_attention_num_buckets / 2;
        let single = side / 2;
        let farthest = self.config.relative_attention_max_distance as f32 / single as f32;
        let class = |distance: usize| {
            if distance < single {
                return distance;
            }
            let share = libm::logf(distance as f32 / single as f32) / libm::logf(farthest);
            (single + (share * (side - single) as f32) as usize).min(side - 1)
        };
        let pairs = (0..len).flat_map(|query| (0..len).map(move |key| (query, key)));
        pairs
            .map(|(query, key)| {
                let after = if key > query { side } else { 0 };
                (after + class(key.abs_diff(query))) as u32
            })
            .collect()
    }
}

struct Block {
    attention_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    /// `(buckets, heads)`.
    bias: Tensor,
    ffn_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    eps: f64,
}

impl Block {
    fn new(config: &Umt5Config, weights: &Weights, name: &str) -> Result<Self> {
        let (width, inner) = (config.d_model, config.num_heads * config.d_kv);
        let f32_weights = weights.with_f32();
        let norm = |layer| f32_weights.get(&format!("{name}.{layer}.layer_norm.weight"), &[width]);
        let attention = |part, from, to| {
            weights.linear_no_bias(&format!("{name}.0.SelfAttention.{part}"), from, to)
        };
        let ffn = |part, from, to| {
            weights.linear_no_bias(&format!("{name}.1.DenseReluDense.{part}"), from, to)
        };
        let bias = format!("{name}.0.SelfAttention.relative_attention_bias.weight");
        let bias_shape = [config.relative_attention_num_buckets, config.num_heads];
        Ok(Self {
            attention_norm: norm(0)?,
            q: attention("q", width, inner)?,
            k: attention("k", width, inner)?,
            v: attention("v", width, inner)?,
            out: attention("o", inner, width)?,
            bias: f32_weights.get(&bias, &bias_shape)?,
            ffn_norm: norm(1)?,
            gate: ffn("wi_0", width, config.d_ff)?,
            up: ffn("wi_1", width, config.d_ff)?,
            down: ffn("wo", config.d_ff, width)?,
            heads: config.num_heads,
            eps: config.layer_norm_epsilon,
        })
    }

    /// `x` is `(T, D)`, `buckets` `(T T)`.
    fn forward(&self, x: &Tensor, buckets: &Tensor) -> Result<Tensor> {
        let y = ops::rms_norm(x, &self.attention_norm, self.eps)?;
        let x = (x + self.attend(&y, buckets)?)?;
        let y = ops::rms_norm(&x, &self.ffn_norm, self.eps)?;
        let y = (ops::gelu(&self.gate.forward(&y)?)? * self.up.forward(&y)?)?;
        Ok((x + self.down.forward(&y)?)?)
    }

    /// Attention with a bias for distances and without a scale.
    fn attend(&self, x: &Tensor, buckets: &Tensor) -> Result<Tensor> {
        let len = x.dim(0)?;
        let heads = |x: Tensor| -> Result<Tensor> {
            let width = x.dim(D::Minus1)? / self.heads;
            let x = x.reshape((len, self.heads, width))?;
            Ok(x.transpose(0, 1)?.contiguous()?) // (heads, T, width)
        };
        let (q, k) = (heads(self.q.forward(x)?)?, heads(self.k.forward(x)?)?);
        let v = heads(self.v.forward(x)?)?;
        let bias = self
            .bias
            .index_select(buckets, 0)? // (T T, heads)
            .t()?
            .reshape((self.heads, len, len))?;
        let scores = (q.matmul(&k.transpose(1, 2)?)? + bias)?.unsqueeze(0)?; // (1, heads, T, T)
        let settings = ops::Softmax {
            scale: 1.0,
            causal: false,
            key_lengths: None,
        };
        let y = ops::softmax(&scores, &settings)?
            .squeeze(0)?
            .matmul(&v)? // (heads, T, width)
            .transpose(0, 1)?
            .contiguous()?
            .flatten_from(1)?; // (T, inner)
        self.out.forward(&y)
    }
}
