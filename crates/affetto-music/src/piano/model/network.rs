//! The network of EmoGen (Kang et al. 2023), second stage: a causal transformer with linear attention (Katharopoulos et
//! al., "Transformers are RNNs", 2020) over tokens, with one vector of all attributes added at every position.
//!
//! Differs from the paper, in the sizes other than the published one: what is known beside each token is added to its
//! embedding, tokens that follow from others are left out, heads forget (Sun et al., "Retentive Network", 2023), there
//! are no sines, and attributes have four levels. In all sizes: no factor before the embeddings, GELU in its tanh form.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `tokens` | `(B, T)` `u32` | tokens so far, 0 is padding |
//! | `features` | `(B, T, F)` `u32` | what is known beside each token |
//! | `conditions` | `(B, A)` `u32` | the level of each attribute from 1, or 0 where it is open |
//! | logits | `(B, T, V)` `f32` | unnormalised score of each next token |

use std::sync::Arc;

use affetto_nn::{
    Result,
    layers::{Dropout, EmbeddingSum, FeedForward, LayerNorm, Linear, Projection},
    ops::{self, DropoutSeed, cross_entropy},
    train::Trainee,
    weights::{Init, Scope},
};
use candle_core::Tensor;

use super::{Batch, Config};

/// How much smaller than usual the scores are at first, so that all tokens are about equally likely.
const OUTPUT_GAIN: f64 = 0.3;
/// How much smaller than usual the vector of attributes is at first, which is added to tokens of deviation 1/2.
const CONDITION_GAIN: f64 = 0.5;

/// The network.
pub struct Network {
    embedding: EmbeddingSum,
    attributes: Attributes,
    sines: bool,
    dropout: Dropout,
    blocks: Vec<Block>,
    norm: LayerNorm,
    out: Projection,
}

impl Network {
    /// The network that `config` describes with the parameters in `scope`.
    pub fn new(config: &Config, scope: &Scope) -> Result<Self> {
        config.check()?;
        let mut columns = vec![config.tokens];
        columns.extend(&config.features);
        let block = |layer| Block::new(config, &scope.child("blocks").child(layer));
        let out = scope.child("out");
        Ok(Self {
            embedding: EmbeddingSum::new(&scope.child("embedding"), columns, config.width)?,
            attributes: Attributes::new(config, &scope.child("attributes"))?,
            sines: config.sines,
            dropout: Dropout::new(&scope.child("embedding"), config.dropout),
            blocks: (0..config.layers).map(block).collect::<Result<_>>()?,
            norm: LayerNorm::new(&scope.child("norm"), config.width)?,
            out: Projection::with_gain(&out, config.width, config.tokens, OUTPUT_GAIN)?,
        })
    }

    /// The scores `(B, T, V)`. With a seed it drops numbers, as in training.
    pub fn forward(&self, batch: &Batch, seed: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let (items, len) = (batch.items, batch.len);
        let columns: Vec<&[u32]> = match batch.features.is_empty() {
            true => vec![&batch.tokens],
            false => vec![&batch.tokens, &batch.features],
        };
        let x = self.embedding.forward(&columns, items * len)?; // (B T, width)
        let mut x = x.reshape((items, len, ()))?; // (B, T, width)
        let attributes = self.attributes.forward(&batch.conditions, items)?; // (B, width)
        x = x.broadcast_add(&attributes.unsqueeze(1)?)?;
        if self.sines {
            let width = x.dim(2)?;
            let sines: Vec<f32> = (0..len).flat_map(|at| sines(at, width)).collect();
            let sines = Tensor::from_vec(sines, (len, width), x.device())?;
            x = x.broadcast_add(&sines)?;
        }
        x = self.dropout.forward(&x, seed)?;
        for block in &self.blocks {
            x = block.forward(&x, seed)?;
        }
        self.out.forward(&self.norm.forward(&x)?)
    }
}

impl Trainee for Network {
    type Batch = Batch;

    fn loss(&self, batch: &Batch, seed: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        cross_entropy(&self.forward(batch, seed)?, &batch.targets)
    }

    fn tokens(&self, batch: &Batch) -> usize {
        batch.targets.count()
    }
}

/// Vaswani et al. (2017), section 3.5, as fairseq computes it: sines of all frequencies, then cosines, positions from 2.
pub(super) fn sines(at: usize, width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = libm::log(10_000.0) / (half.max(2) - 1) as f64;
    let angle = |i: usize| (at + 2) as f64 * libm::exp(-(i as f64) * step);
    let sines = (0..half).map(|i| libm::sin(angle(i)) as f32);
    sines
        .chain((0..half).map(|i| libm::cos(angle(i)) as f32))
        .collect()
}

/// One embedding for each attribute and level, nothing for one that is open; side by side through a linear layer.
struct Attributes {
    table: Tensor,
    /// What an open attribute gives: one row of 0.
    open: Tensor,
    linear: Linear,
    levels: usize,
}

impl Attributes {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let (attributes, width) = (config.attributes, config.attribute_width);
        let rows = attributes * config.levels;
        let init = Init::Embedding { deviation: 1.0 };
        let table = scope.get("table", &[rows, width], init)?;
        let open = Tensor::zeros((1, width), table.dtype(), table.device())?;
        let gain = CONDITION_GAIN;
        let linear = scope.child("linear");
        Ok(Self {
            table,
            open,
            linear: Linear::with_gain(&linear, attributes * width, config.width, gain)?,
            levels: config.levels,
        })
    }

    /// `(B, width)`.
    fn forward(&self, conditions: &[u32], items: usize) -> candle_core::Result<Tensor> {
        let attributes = conditions.len() / items.max(1);
        let rows: Arc<[u32]> = attribute_rows(conditions, attributes, self.levels).into();
        let table = Tensor::cat(&[&self.table, &self.open], 0)?; // (A levels + 1, width)
        let embedded = ops::embedding_sum(&table, &rows, 1)?; // (B A, width)
        self.linear.forward(&embedded.reshape((items, ()))?)
    }
}

/// The row of each attribute's level; the last row, which is 0, for one that is open.
pub(super) fn attribute_rows(conditions: &[u32], attributes: usize, levels: usize) -> Vec<u32> {
    let row = |(at, level): (usize, &u32)| match level {
        0 => attributes * levels,
        level => at % attributes * levels + *level as usize - 1,
    };
    conditions
        .iter()
        .enumerate()
        .map(|at| row(at) as u32)
        .collect()
}

struct Block {
    attention_norm: LayerNorm,
    packed: Linear,
    attended: Linear,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    decays: Vec<f64>,
    dropouts: [Dropout; 2],
}

impl Block {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let width = config.width;
        let gain = 1.0 / (2.0 * config.layers as f64).sqrt();
        let attention = scope.child("attention");
        let feed_forward = scope.child("feed_forward");
        let inner = config.feed_forward;
        Ok(Self {
            attention_norm: LayerNorm::new(&scope.child("attention_norm"), width)?,
            packed: Linear::new(&attention.child("packed"), width, 3 * width)?,
            attended: Linear::with_gain(&attention.child("out"), width, width, gain)?,
            feed_forward_norm: LayerNorm::new(&scope.child("feed_forward_norm"), width)?,
            feed_forward: FeedForward::new(&feed_forward, width, inner, gain)?,
            decays: config.decays(),
            dropouts: [attention, feed_forward].map(|part| Dropout::new(&part, config.dropout)),
        })
    }

    /// `(B, T, width)` to the same shape.
    fn forward(&self, x: &Tensor, seed: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let packed = self.packed.forward(&self.attention_norm.forward(x)?)?; // (B, T, 3 width)
        let attended = ops::fading_linear_attention(&packed, &self.decays)?; // (B, T, width)
        let x = self.dropouts[0].add(x, &self.attended.forward(&attended)?, seed)?;
        let inner = self.feed_forward_norm.forward(&x)?;
        self.dropouts[1].add(&x, &self.feed_forward.forward(&inner)?, seed)
    }
}
