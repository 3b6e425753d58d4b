//! The network of EmoGen (Kang et al. 2023), second stage: a causal transformer with linear attention (Katharopoulos et
//! al., "Transformers are RNNs", 2020) over tokens, with one vector of all attributes added at every position.
//!
//! Differs from the paper, in the sizes other than the published one: what is known beside each token is added to its
//! embedding, tokens that follow from others are left out, heads forget (Sun et al., "Retentive Network", 2023), there
//! are no sines, attributes have four levels and scale and move what each block reads (Peebles & Xie, "Scalable Diffusion
//! Models with Transformers", 2023). In all sizes: no factor before the embeddings, GELU in its tanh form.
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
/// By how much attributes scale and move what is read, at first.
const MODULATION_GAIN: f64 = 0.1;

/// The network.
pub struct Network {
    embedding: EmbeddingSum,
    attributes: Attributes,
    sines: bool,
    dropout: Dropout,
    blocks: Vec<Block>,
    norm: ModulatedNorm,
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
            norm: ModulatedNorm::new(config, scope, "norm")?,
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
        let asked = self.attributes.forward(&batch.conditions, items)?; // (B, asked width)
        if self.attributes.are_added() {
            x = x.broadcast_add(&asked.unsqueeze(1)?)?;
        }
        if self.sines {
            let width = x.dim(2)?;
            let sines: Vec<f32> = (0..len).flat_map(|at| sines(at, width)).collect();
            let sines = Tensor::from_vec(sines, (len, width), x.device())?;
            x = x.broadcast_add(&sines)?;
        }
        x = self.dropout.forward(&x, seed)?;
        for block in &self.blocks {
            x = block.forward(&x, &asked, seed)?;
        }
        self.out.forward(&self.norm.forward(&x, &asked)?)
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

/// A vector of all attributes.
enum Attributes {
    /// One embedding for each attribute and level, nothing for one that is open; side by side through a linear layer.
    Embedded {
        table: Tensor,
        /// What an open attribute gives: one row of 0.
        open: Tensor,
        linear: Linear,
        levels: usize,
    },
    /// For each attribute whether it is above each of the levels, nothing for one that is open; through a linear layer
    /// and a GELU.
    Stepped { linear: Linear, levels: usize },
}

impl Attributes {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let (attributes, levels) = (config.attributes, config.levels);
        let Some(width) = config.attribute_width else {
            let steps = attributes * (levels - 1);
            return Ok(Self::Stepped {
                linear: Linear::new(&scope.child("steps"), steps, config.asked_width())?,
                levels,
            });
        };
        let init = Init::Embedding { deviation: 1.0 };
        let table = scope.get("table", &[attributes * levels, width], init)?;
        let open = Tensor::zeros((1, width), table.dtype(), table.device())?;
        let gain = CONDITION_GAIN;
        let linear = scope.child("linear");
        Ok(Self::Embedded {
            table,
            open,
            linear: Linear::with_gain(&linear, attributes * width, config.width, gain)?,
            levels,
        })
    }

    /// Whether the vector is added to each token; else the blocks read it.
    const fn are_added(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }

    /// `(B, asked width)`.
    fn forward(&self, conditions: &[u32], items: usize) -> candle_core::Result<Tensor> {
        match self {
            Self::Embedded {
                table,
                open,
                linear,
                levels,
            } => {
                let attributes = conditions.len() / items.max(1);
                let rows: Arc<[u32]> = attribute_rows(conditions, attributes, *levels).into();
                let table = Tensor::cat(&[table, open], 0)?; // (A levels + 1, width)
                let embedded = ops::embedding_sum(&table, &rows, 1)?; // (B A, width)
                linear.forward(&embedded.reshape((items, ()))?)
            }
            Self::Stepped { linear, levels } => {
                let steps = attribute_steps(conditions, *levels);
                let shape = (items, steps.len() / items.max(1));
                let steps = Tensor::from_vec(steps, shape, linear.device())?; // (B, A (levels - 1))
                ops::gelu(&linear.forward(&steps)?)
            }
        }
    }
}

/// For each attribute and each level but the lowest: 1 where it reaches that level, -1 where it does not, 0 where it is
/// open.
pub(super) fn attribute_steps(conditions: &[u32], levels: usize) -> Vec<f32> {
    let step = |level: u32, from: u32| match level {
        0 => 0.0,
        level if level >= from => 1.0,
        _ => -1.0,
    };
    let of = |level: u32| (2..=levels as u32).map(move |from| step(level, from));
    conditions.iter().copied().flat_map(of).collect()
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

/// A normalisation that attributes scale and move, unless they are added to the tokens.
struct ModulatedNorm {
    norm: LayerNorm,
    modulation: Option<Linear>,
}

/// What the name of the linear layer for the attributes adds to that of the normalisation.
pub(super) const MODULATION: &str = "_modulation";

impl ModulatedNorm {
    fn new(config: &Config, scope: &Scope, name: &str) -> Result<Self> {
        let width = config.width;
        let modulation = scope.child(format!("{name}{MODULATION}"));
        let asked = config.asked_width();
        let linear = || Linear::with_gain(&modulation, asked, 2 * width, MODULATION_GAIN);
        Ok(Self {
            norm: LayerNorm::new(&scope.child(name), width)?,
            modulation: match config.attribute_width {
                None => Some(linear()?),
                Some(_) => None,
            },
        })
    }

    /// `x` is `(B, T, width)` and `asked` `(B, asked width)`.
    fn forward(&self, x: &Tensor, asked: &Tensor) -> candle_core::Result<Tensor> {
        let Some(modulation) = &self.modulation else {
            return self.norm.forward(x);
        };
        let both = modulation.forward(asked)?.chunk(2, 1)?; // 2 of (B, width)
        self.norm.forward_modulated(x, &both[0], &both[1])
    }
}

struct Block {
    attention_norm: ModulatedNorm,
    packed: Linear,
    attended: Linear,
    feed_forward_norm: ModulatedNorm,
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
            attention_norm: ModulatedNorm::new(config, scope, "attention_norm")?,
            packed: Linear::new(&attention.child("packed"), width, 3 * width)?,
            attended: Linear::with_gain(&attention.child("out"), width, width, gain)?,
            feed_forward_norm: ModulatedNorm::new(config, scope, "feed_forward_norm")?,
            feed_forward: FeedForward::new(&feed_forward, width, inner, gain)?,
            decays: config.decays(),
            dropouts: [attention, feed_forward].map(|part| Dropout::new(&part, config.dropout)),
        })
    }

    /// `(B, T, width)` to the same shape.
    fn forward(
        &self,
        x: &Tensor,
        asked: &Tensor,
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor> {
        let packed = self
            .packed
            .forward(&self.attention_norm.forward(x, asked)?)?; // (B, T, 3 width)
        let attended = ops::fading_linear_attention(&packed, &self.decays)?; // (B, T, width)
        let x = self.dropouts[0].add(x, &self.attended.forward(&attended)?, seed)?;
        let inner = self.feed_forward_norm.forward(&x, asked)?;
        self.dropouts[1].add(&x, &self.feed_forward.forward(&inner)?, seed)
    }
}
