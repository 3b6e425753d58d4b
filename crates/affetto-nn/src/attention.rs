//! Attention layers and the blocks around them, normalised before each part (Xiong and others, "On
//! Layer Normalization in the Transformer Architecture", 2020).

use std::sync::Arc;

use candle_core::{Result, Tensor};

use crate::{
    layers::{Dropout, FeedForward, LayerNorm, Linear},
    ops::{self, Attention, DropoutSeed, Rotary, Softmax},
    weights::Scope,
};

/// The extents of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockConfig {
    /// The width of the vectors.
    pub width: usize,
    /// The number of heads.
    pub heads: usize,
    /// The inner width of the feed-forward part.
    pub feed_forward: usize,
    /// The share of numbers dropped in training.
    pub dropout: f64,
    /// How many blocks stand in a row; each part's output is at first smaller by
    /// `1 / sqrt(2 * layers)` (Radford and others, 2019, section 2.3).
    pub layers: usize,
}

impl BlockConfig {
    fn gain(&self) -> f64 {
        1.0 / (2.0 * self.layers as f64).sqrt()
    }

    fn softmax(&self, causal: bool, key_lengths: Option<Arc<[usize]>>) -> Softmax {
        Softmax {
            scale: 1.0 / ((self.width / self.heads) as f64).sqrt(),
            causal,
            key_lengths,
        }
    }
}

/// Attention of a sequence to itself.
#[derive(Clone, Debug)]
pub struct SelfAttention {
    packed: Linear,
    out: Linear,
    config: BlockConfig,
}

impl SelfAttention {
    /// Parameters `packed` (queries, keys, values) and `out`.
    pub fn new(scope: &Scope, config: BlockConfig) -> crate::Result<Self> {
        let width = config.width;
        Ok(Self {
            packed: Linear::new(&scope.child("packed"), width, 3 * width)?,
            out: Linear::with_gain(&scope.child("out"), width, width, config.gain())?,
            config,
        })
    }

    /// `(B, T, width)` to the same shape.
    pub fn forward(
        &self,
        x: &Tensor,
        rotary: &Arc<Rotary>,
        causal: bool,
        lengths: Option<Arc<[usize]>>,
    ) -> Result<Tensor> {
        let attention = Attention {
            heads: self.config.heads,
            softmax: self.config.softmax(causal, lengths),
            query_rotary: Some(rotary.clone()),
            key_rotary: Some(rotary.clone()),
        };
        let packed = self.packed.forward(x)?; // (B, T, 3 width)
        self.out.forward(&ops::self_attention(&packed, &attention)?)
    }
}

/// What cross attention reads.
#[derive(Clone, Debug)]
pub struct Memory {
    /// `(B, S, width)`.
    pub vectors: Tensor,
    /// How many of the `S` positions each item has.
    pub lengths: Arc<[usize]>,
    /// The positions of the memory, `(B, S)`.
    pub rotary: Arc<Rotary>,
}

/// Attention of a sequence to a memory.
#[derive(Clone, Debug)]
pub struct CrossAttention {
    query: Linear,
    memory: Linear,
    out: Linear,
    config: BlockConfig,
}

impl CrossAttention {
    /// Parameters `query`, `memory` (keys and values) and `out`.
    pub fn new(scope: &Scope, config: BlockConfig) -> crate::Result<Self> {
        let width = config.width;
        Ok(Self {
            query: Linear::new(&scope.child("query"), width, width)?,
            memory: Linear::new(&scope.child("memory"), width, 2 * width)?,
            out: Linear::with_gain(&scope.child("out"), width, width, config.gain())?,
            config,
        })
    }

    /// `(B, T, width)` to the same shape; `rotary` holds the positions of `x` in the memory.
    pub fn forward(&self, x: &Tensor, memory: &Memory, rotary: &Arc<Rotary>) -> Result<Tensor> {
        let attention = Attention {
            heads: self.config.heads,
            softmax: self.config.softmax(false, Some(memory.lengths.clone())),
            query_rotary: Some(rotary.clone()),
            key_rotary: Some(memory.rotary.clone()),
        };
        let queries = self.query.forward(x)?; // (B, T, width)
        let packed = self.memory.forward(&memory.vectors)?; // (B, S, 2 width)
        self.out
            .forward(&ops::cross_attention(&queries, &packed, &attention)?)
    }
}

/// Attention to itself without a mask but for padding, then a feed-forward part.
#[derive(Clone, Debug)]
pub struct EncoderBlock {
    attention_norm: LayerNorm,
    attention: SelfAttention,
    attention_dropout: Dropout,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_forward_dropout: Dropout,
}

impl EncoderBlock {
    /// The block at `scope`.
    pub fn new(scope: &Scope, config: BlockConfig) -> crate::Result<Self> {
        let (width, inner) = (config.width, config.feed_forward);
        let attention = scope.child("attention");
        let feed_forward = scope.child("feed_forward");
        Ok(Self {
            attention_norm: LayerNorm::new(&scope.child("attention_norm"), width)?,
            attention: SelfAttention::new(&attention, config)?,
            attention_dropout: Dropout::new(&attention, config.dropout),
            feed_forward_norm: LayerNorm::new(&scope.child("feed_forward_norm"), width)?,
            feed_forward: FeedForward::new(&feed_forward, width, inner, config.gain())?,
            feed_forward_dropout: Dropout::new(&feed_forward, config.dropout),
        })
    }

    /// `(B, S, width)` to the same shape.
    pub fn forward(
        &self,
        x: &Tensor,
        rotary: &Arc<Rotary>,
        lengths: &Arc<[usize]>,
        seed: Option<DropoutSeed>,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let attended = self
            .attention
            .forward(&normed, rotary, false, Some(lengths.clone()))?;
        let x = self.attention_dropout.add(x, &attended, seed)?;
        let fed = self
            .feed_forward
            .forward(&self.feed_forward_norm.forward(&x)?)?;
        self.feed_forward_dropout.add(&x, &fed, seed)
    }
}

/// Causal attention to itself, attention to a memory, then a feed-forward part.
#[derive(Clone, Debug)]
pub struct DecoderBlock {
    attention_norm: LayerNorm,
    attention: SelfAttention,
    attention_dropout: Dropout,
    cross_norm: LayerNorm,
    cross: CrossAttention,
    cross_dropout: Dropout,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_forward_dropout: Dropout,
}

/// The positions of a decoder's tokens.
#[derive(Clone, Debug)]
pub struct DecoderRotary {
    /// Among themselves.
    pub own: Arc<Rotary>,
    /// In the memory.
    pub memory: Arc<Rotary>,
}

impl DecoderBlock {
    /// The block at `scope`.
    pub fn new(scope: &Scope, config: BlockConfig) -> crate::Result<Self> {
        let (width, inner) = (config.width, config.feed_forward);
        let attention = scope.child("attention");
        let cross = scope.child("cross");
        let feed_forward = scope.child("feed_forward");
        Ok(Self {
            attention_norm: LayerNorm::new(&scope.child("attention_norm"), width)?,
            attention: SelfAttention::new(&attention, config)?,
            attention_dropout: Dropout::new(&attention, config.dropout),
            cross_norm: LayerNorm::new(&scope.child("cross_norm"), width)?,
            cross: CrossAttention::new(&cross, config)?,
            cross_dropout: Dropout::new(&cross, config.dropout),
            feed_forward_norm: LayerNorm::new(&scope.child("feed_forward_norm"), width)?,
            feed_forward: FeedForward::new(&feed_forward, width, inner, config.gain())?,
            feed_forward_dropout: Dropout::new(&feed_forward, config.dropout),
        })
    }

    /// `(B, T, width)` to the same shape.
    pub fn forward(
        &self,
        x: &Tensor,
        memory: &Memory,
        rotary: &DecoderRotary,
        seed: Option<DropoutSeed>,
    ) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let attended = self.attention.forward(&normed, &rotary.own, true, None)?;
        let x = self.attention_dropout.add(x, &attended, seed)?;
        let normed = self.cross_norm.forward(&x)?;
        let crossed = self.cross.forward(&normed, memory, &rotary.memory)?;
        let x = self.cross_dropout.add(&x, &crossed, seed)?;
        let fed = self
            .feed_forward
            .forward(&self.feed_forward_norm.forward(&x)?)?;
        self.feed_forward_dropout.add(&x, &fed, seed)
    }
}
