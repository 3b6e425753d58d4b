//! The two networks of Makris, Agres and Herremans, "Generating Lead Sheets with Affect: A Novel
//! Conditional seq2seq Framework" (2021): a transformer and an LSTM with attention, both from one
//! position per bar of conditions to one token after the other.

mod batch;
mod config;
mod decode;
pub mod lstm;
#[cfg(test)]
mod tests;
pub mod transformer;

use affetto_nn::{
    Result,
    ops::{DropoutSeed, cross_entropy},
    train::Trainee,
    weights::Weights,
};
use candle_core::Tensor;

pub use batch::{Batch, Example};
pub use config::{ModelConfig, ModelKind, Vocabularies};
pub use decode::{Decoder, Fed, State};
pub use lstm::LstmSeq2Seq;
pub use transformer::Transformer;

/// How much smaller than usual the scores are at first, so that all tokens are about equally likely.
const OUTPUT_GAIN: f64 = 0.3;

/// A network from conditions and tokens to the scores of each next token.
pub trait Seq2Seq {
    /// The scores `(B, T, V)`. With a seed it drops numbers, as in training.
    fn forward(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor>;

    /// The mean loss over the targets, in nats per token, a scalar.
    fn loss(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        cross_entropy(&self.forward(batch, dropout)?, &batch.targets)
    }
}

/// Either network.
pub enum Model {
    /// See [`transformer`].
    Transformer(Transformer),
    /// See [`lstm`].
    Lstm(LstmSeq2Seq),
}

impl Model {
    /// The network that `config` describes with the parameters in `weights`.
    pub fn new(config: &ModelConfig, weights: &Weights) -> Result<Self> {
        match config {
            ModelConfig::Transformer(config) => {
                Transformer::new(config, &weights.root()).map(Self::Transformer)
            }
            ModelConfig::Lstm(config) => LstmSeq2Seq::new(config, &weights.root()).map(Self::Lstm),
        }
    }
}

impl Seq2Seq for Model {
    fn forward(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        match self {
            Self::Transformer(model) => model.forward(batch, dropout),
            Self::Lstm(model) => model.forward(batch, dropout),
        }
    }
}

impl Trainee for Model {
    type Batch = Batch;

    fn loss(&self, batch: &Batch, dropout: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        Seq2Seq::loss(self, batch, dropout)
    }

    fn tokens(&self, batch: &Batch) -> usize {
        batch.targets.count()
    }
}
