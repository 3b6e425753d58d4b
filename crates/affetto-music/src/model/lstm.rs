//! The LSTM of Makris, Agres and Herremans (2021) with the global attention of Luong, Pham and
//! Manning, "Effective Approaches to Attention-based Neural Machine Translation" (2015).
//!
//! Differs from the paper: one position per bar with the embeddings of its conditions summed,
//! instead of five words a bar; two layers instead of three and about 3 instead of 82 million
//! parameters, for a smaller corpus; attention over the encoder's outputs; a linear layer between the
//! last states of the encoder and the first of the decoder, which may so differ in width; what is
//! known beside each token is added to its embedding. From Luong and others: "general" scores, no
//! input feeding, so that all tokens are trained on at once.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `conditions` | `(B, S, C)` `u32` | values of each bar's conditions |
//! | `tokens` | `(B, T)` `u32` | tokens so far, 0 is padding |
//! | `features` | `(B, T, F)` `u32` | what is known beside each token |
//! | logits | `(B, T, V)` `f32` | unnormalised score of each next token |

use std::sync::Arc;

use affetto_nn::{
    NnError, Result,
    layers::{Dropout, EmbeddingSum, Linear},
    lstm::{BiLstm, Lstm, LstmState},
    ops::{DropoutSeed, Softmax, softmax, tanh},
    weights::Scope,
};
use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};

use super::{Batch, OUTPUT_GAIN, Seq2Seq, Vocabularies};

/// The extents of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The inputs.
    pub vocabularies: Vocabularies,
    /// The width of the embeddings.
    pub embedding: usize,
    /// The width of the encoder in each direction.
    pub encoder_hidden: usize,
    /// The width of the decoder.
    pub decoder_hidden: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// The share of numbers dropped in training.
    pub dropout: f64,
}

impl Config {
    /// The shipped size, about as many parameters as the transformer's.
    pub fn base(vocabularies: Vocabularies) -> Self {
        Self {
            vocabularies,
            embedding: 192,
            encoder_hidden: 128,
            decoder_hidden: 336,
            encoder_layers: 2,
            decoder_layers: 2,
            dropout: 0.2,
        }
    }

    /// A size for tests.
    pub fn tiny(vocabularies: Vocabularies) -> Self {
        Self {
            vocabularies,
            embedding: 10,
            encoder_hidden: 6,
            decoder_hidden: 14,
            encoder_layers: 2,
            decoder_layers: 2,
            dropout: 0.1,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.vocabularies.check()?;
        for (name, value) in [
            ("embedding", self.embedding),
            ("encoder_hidden", self.encoder_hidden),
            ("decoder_hidden", self.decoder_hidden),
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
        ] {
            if value == 0 {
                return Err(NnError::Config {
                    name,
                    value: value.to_string(),
                    permitted: "above 0",
                });
            }
        }
        super::config::check_dropout(self.dropout)
    }

    /// Which layer of the encoder starts `layer` of the decoder.
    pub(super) fn bridged_layer(&self, layer: usize) -> usize {
        layer.min(self.encoder_layers - 1)
    }
}

/// The network.
pub struct LstmSeq2Seq {
    encoder: Encoder,
    decoder: Decoder,
    attention: Attention,
    dropout: Dropout,
    out: Linear,
}

impl LstmSeq2Seq {
    /// The network with the parameters at `scope`.
    pub fn new(config: &Config, scope: &Scope) -> Result<Self> {
        config.check()?;
        let (hidden, tokens) = (config.decoder_hidden, config.vocabularies.tokens);
        let attention = scope.child("attention");
        Ok(Self {
            encoder: Encoder::new(config, &scope.child("encoder"))?,
            decoder: Decoder::new(config, &scope.child("decoder"))?,
            attention: Attention::new(config, &attention)?,
            dropout: Dropout::new(&attention, config.dropout),
            out: Linear::with_gain(&scope.child("out"), hidden, tokens, OUTPUT_GAIN)?,
        })
    }
}

impl Seq2Seq for LstmSeq2Seq {
    fn forward(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let (memory, states) = self.encoder.forward(batch, dropout)?; // (B, S, 2 encoder_hidden)
        let x = self.decoder.forward(batch, &states, dropout)?; // (B, T, decoder_hidden)
        let x = self.attention.forward(&x, &memory, &batch.bar_counts)?; // (B, T, decoder_hidden)
        self.out.forward(&self.dropout.forward(&x, dropout)?) // (B, T, V)
    }
}

struct Encoder {
    embedding: EmbeddingSum,
    layers: Vec<(Dropout, BiLstm)>,
    dropout: Dropout,
}

impl Encoder {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let columns = config.vocabularies.conditions.clone();
        let layer = |index: usize| -> Result<(Dropout, BiLstm)> {
            let scope = scope.child("layers").child(index);
            let width_in = match index {
                0 => config.embedding,
                _ => 2 * config.encoder_hidden,
            };
            let lstm = BiLstm::new(&scope, width_in, config.encoder_hidden)?;
            Ok((Dropout::new(&scope, config.dropout), lstm))
        };
        Ok(Self {
            embedding: EmbeddingSum::new(&scope.child("embedding"), columns, config.embedding)?,
            layers: (0..config.encoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
            dropout: Dropout::new(scope, config.dropout),
        })
    }

    /// The outputs of the last layer and the last state of every layer.
    fn forward(
        &self,
        batch: &Batch,
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<(Tensor, Vec<LstmState>)> {
        let (items, bars) = (batch.items, batch.bars);
        let x = self.embedding.forward(&[&batch.conditions], items * bars)?;
        let mut x = x.reshape((items, bars, ()))?; // (B, S, embedding)
        let mut states = Vec::new();
        for (dropout, lstm) in &self.layers {
            let (out, state) = lstm.forward(&dropout.forward(&x, seed)?, &batch.bar_counts)?;
            x = out; // (B, S, 2 encoder_hidden)
            states.push(state);
        }
        Ok((self.dropout.forward(&x, seed)?, states))
    }
}

struct Decoder {
    embedding: EmbeddingSum,
    layers: Vec<DecoderLayer>,
    hidden: usize,
}

struct DecoderLayer {
    dropout: Dropout,
    /// From the encoder's last hidden and cell states to the first of this layer.
    bridge: Linear,
    bridged_layer: usize,
    lstm: Lstm,
}

impl Decoder {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let columns = config.vocabularies.decoder_columns();
        let hidden = config.decoder_hidden;
        let layer = |index: usize| -> Result<DecoderLayer> {
            let scope = scope.child("layers").child(index);
            let width_in = if index == 0 { config.embedding } else { hidden };
            let bridge = scope.child("bridge");
            Ok(DecoderLayer {
                dropout: Dropout::new(&scope, config.dropout),
                bridge: Linear::new(&bridge, 4 * config.encoder_hidden, 2 * hidden)?,
                bridged_layer: config.bridged_layer(index),
                lstm: Lstm::new(&scope, width_in, hidden)?,
            })
        };
        Ok(Self {
            embedding: EmbeddingSum::new(&scope.child("embedding"), columns, config.embedding)?,
            layers: (0..config.decoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
            hidden,
        })
    }

    fn forward(
        &self,
        batch: &Batch,
        states: &[LstmState],
        seed: Option<DropoutSeed>,
    ) -> candle_core::Result<Tensor> {
        let (items, len) = (batch.items, batch.len);
        let lengths: Arc<[usize]> = vec![len; items].into();
        let columns: [&[u32]; 2] = [&batch.tokens, &batch.features];
        let x = self.embedding.forward(&columns, items * len)?;
        let mut x = x.reshape((items, len, ()))?; // (B, T, embedding)
        for layer in &self.layers {
            let initial = layer.initial(&states[layer.bridged_layer], self.hidden)?;
            let dropped = layer.dropout.forward(&x, seed)?;
            (x, _) = layer.lstm.forward(&dropped, Some(&initial), &lengths)?; // (B, T, hidden)
        }
        Ok(x)
    }
}

impl DecoderLayer {
    fn initial(&self, state: &LstmState, hidden: usize) -> candle_core::Result<LstmState> {
        let both = Tensor::cat(&[&state.hidden, &state.cell], D::Minus1)?; // (B, 4 encoder_hidden)
        let bridged = self.bridge.forward(&both)?; // (B, 2 hidden)
        Ok(LstmState {
            hidden: bridged.narrow(D::Minus1, 0, hidden)?.contiguous()?,
            cell: bridged.narrow(D::Minus1, hidden, hidden)?.contiguous()?,
        })
    }
}

/// Luong and others (2015), equations 5, 7 and 8: "general" scores, the context, and the vector
/// `tanh(W [context; h])`.
struct Attention {
    query: Linear,
    combine: Linear,
}

impl Attention {
    fn new(config: &Config, scope: &Scope) -> Result<Self> {
        let (memory, hidden) = (2 * config.encoder_hidden, config.decoder_hidden);
        Ok(Self {
            query: Linear::new(&scope.child("query"), hidden, memory)?,
            combine: Linear::new(&scope.child("combine"), memory + hidden, hidden)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        memory: &Tensor,
        bar_counts: &Arc<[usize]>,
    ) -> candle_core::Result<Tensor> {
        let settings = Softmax {
            scale: 1.0,
            causal: false,
            key_lengths: Some(bar_counts.clone()),
        };
        let queries = self.query.forward(x)?; // (B, T, 2 encoder_hidden)
        let keys = memory.transpose(1, 2)?.contiguous()?;
        let scores = queries.matmul(&keys)?; // (B, T, S)
        let shares = softmax(&scores.unsqueeze(1)?, &settings)?.squeeze(1)?;
        let context = shares.matmul(memory)?; // (B, T, 2 encoder_hidden)
        tanh(
            &self
                .combine
                .forward(&Tensor::cat(&[&context, x], D::Minus1)?)?,
        )
    }
}
