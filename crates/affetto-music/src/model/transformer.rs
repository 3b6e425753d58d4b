//! The transformer of Makris, Agres and Herremans (2021), after Vaswani and others, "Attention Is
//! All You Need" (2017).
//!
//! Differs from the paper: one position per bar with the embeddings of its conditions summed,
//! instead of five words a bar; encoder and decoder equally wide (192), instead of 48 and 192; two
//! encoder layers; scores divided by the root of the head's width; every normalisation has its own
//! parameters and stands before its part; GELU; rotary positions (token number, musical time, and the
//! number of the bar on the way from decoder to encoder) instead of added sines; what is known beside each token
//! (its bar's conditions, its place in the bar) is added to its embedding.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `conditions` | `(B, S, C)` `u32` | values of each bar's conditions |
//! | `tokens` | `(B, T)` `u32` | tokens so far, 0 is padding |
//! | `features` | `(B, T, F)` `u32` | what is known beside each token |
//! | `positions` | `(B, T, 2)` `f32` | tokens before each, and quarter notes before it |
//! | logits | `(B, T, V)` `f32` | unnormalised score of each next token |

use affetto_nn::{
    NnError, Result,
    attention::{BlockConfig, DecoderBlock, DecoderRotary, EncoderBlock, Memory},
    layers::{Dropout, EmbeddingSum, LayerNorm, Linear},
    ops::{DropoutSeed, Rotary},
    weights::Scope,
};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Batch, OUTPUT_GAIN, Seq2Seq, Vocabularies};

/// The extents of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The inputs.
    pub vocabularies: Vocabularies,
    /// The width of the vectors.
    pub width: usize,
    /// The number of heads, each of an even width.
    pub heads: usize,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
    /// The inner width of the feed-forward parts.
    pub feed_forward: usize,
    /// The share of numbers dropped in training.
    pub dropout: f64,
}

impl Config {
    /// The shipped size, about 3.5 million parameters.
    pub fn base(vocabularies: Vocabularies) -> Self {
        Self {
            vocabularies,
            width: 192,
            heads: 6,
            encoder_layers: 2,
            decoder_layers: 4,
            feed_forward: 768,
            dropout: 0.1,
        }
    }

    /// A size for tests.
    pub fn tiny(vocabularies: Vocabularies) -> Self {
        Self {
            vocabularies,
            width: 16,
            heads: 2,
            encoder_layers: 1,
            decoder_layers: 2,
            feed_forward: 24,
            dropout: 0.1,
        }
    }

    pub(super) fn head_width(&self) -> usize {
        self.width / self.heads
    }

    fn block(&self, layers: usize) -> BlockConfig {
        BlockConfig {
            width: self.width,
            heads: self.heads,
            feed_forward: self.feed_forward,
            dropout: self.dropout,
            layers,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.vocabularies.check()?;
        let wrong = |name, value: String, permitted| NnError::Config {
            name,
            value,
            permitted,
        };
        if self.heads == 0 || self.width == 0 || !self.width.is_multiple_of(2 * self.heads) {
            let permitted = "an even number of numbers per head";
            return Err(wrong("width", self.width.to_string(), permitted));
        }
        if self.feed_forward == 0 || self.decoder_layers == 0 {
            let permitted = "above 0, as are the decoder's layers";
            return Err(wrong(
                "feed_forward",
                self.feed_forward.to_string(),
                permitted,
            ));
        }
        super::config::check_dropout(self.dropout)
    }
}

/// The network.
pub struct Transformer {
    encoder: Encoder,
    decoder: Decoder,
    out: Linear,
}

impl Transformer {
    /// The network with the parameters at `scope`.
    pub fn new(config: &Config, scope: &Scope) -> Result<Self> {
        config.check()?;
        let (width, tokens) = (config.width, config.vocabularies.tokens);
        Ok(Self {
            encoder: Encoder::new(config, &scope.child("encoder"))?,
            decoder: Decoder::new(config, &scope.child("decoder"))?,
            out: Linear::with_gain(&scope.child("out"), width, tokens, OUTPUT_GAIN)?,
        })
    }
}

impl Seq2Seq for Transformer {
    fn forward(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let memory = self.encoder.forward(batch, dropout)?; // (B, S, width)
        let x = self.decoder.forward(batch, &memory, dropout)?; // (B, T, width)
        self.out.forward(&x) // (B, T, V)
    }
}

struct Encoder {
    embedding: EmbeddingSum,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    head_width: usize,
}

impl Encoder {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let embedding = scope.child("embedding");
        let columns = config.vocabularies.conditions.clone();
        let block = config.block(config.encoder_layers);
        Ok(Self {
            embedding: EmbeddingSum::new(&embedding, columns, config.width)?,
            dropout: Dropout::new(&embedding, config.dropout),
            blocks: (0..config.encoder_layers)
                .map(|layer| EncoderBlock::new(&scope.child("blocks").child(layer), block))
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(&scope.child("norm"), config.width)?,
            head_width: config.head_width(),
        })
    }

    fn forward(&self, batch: &Batch, seed: Option<DropoutSeed>) -> candle_core::Result<Memory> {
        let (items, bars) = (batch.items, batch.bars);
        let positions: Vec<f32> = (0..items * bars)
            .map(|index| (index % bars) as f32)
            .collect();
        let both: Vec<f32> = positions.iter().flat_map(|bar| [*bar, *bar]).collect();
        let own = Rotary::new(&both, 2, self.head_width);
        let x = self.embedding.forward(&[&batch.conditions], items * bars)?;
        let mut x = self.dropout.forward(&x, seed)?.reshape((items, bars, ()))?; // (B, S, width)
        for block in &self.blocks {
            x = block.forward(&x, &own, &batch.bar_counts, seed)?;
        }
        Ok(Memory {
            vectors: self.norm.forward(&x)?,
            lengths: batch.bar_counts.clone(),
            rotary: Rotary::new(&positions, 1, self.head_width),
        })
    }
}

struct Decoder {
    embedding: EmbeddingSum,
    dropout: Dropout,
    blocks: Vec<DecoderBlock>,
    norm: LayerNorm,
    head_width: usize,
    bar_token: u32,
}

impl Decoder {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let embedding = scope.child("embedding");
        let columns = config.vocabularies.decoder_columns();
        let block = config.block(config.decoder_layers);
        Ok(Self {
            embedding: EmbeddingSum::new(&embedding, columns, config.width)?,
            dropout: Dropout::new(&embedding, config.dropout),
            blocks: (0..config.decoder_layers)
                .map(|layer| DecoderBlock::new(&scope.child("blocks").child(layer), block))
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(&scope.child("norm"), config.width)?,
            head_width: config.head_width(),
            bar_token: config.vocabularies.bar_token,
        })
    }

    fn forward(
        &self,
        batch: &Batch,
        memory: &Memory,
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor> {
        let (items, len) = (batch.items, batch.len);
        let rotary = self.rotary(batch);
        let columns: [&[u32]; 2] = [&batch.tokens, &batch.features];
        let x = self.embedding.forward(&columns, items * len)?;
        let mut x = self.dropout.forward(&x, seed)?.reshape((items, len, ()))?; // (B, T, width)
        for block in &self.blocks {
            x = block.forward(&x, memory, &rotary, seed)?;
        }
        self.norm.forward(&x)
    }

    fn rotary(&self, batch: &Batch) -> DecoderRotary {
        let bars = batch.bars_of_tokens(self.bar_token);
        DecoderRotary {
            own: Rotary::new(batch.positions.as_flattened(), 2, self.head_width),
            memory: Rotary::new(&bars, 1, self.head_width),
        }
    }
}
