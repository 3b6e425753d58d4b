use std::{io, path::PathBuf};

use affetto_core::{Hint, LimitError};

use crate::device::is_processor_alone;

/// Why weights could not be used or a model not be trained.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// The weights lack a tensor that the model has.
    #[error("the weights have no tensor {name:?}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// The weights have a tensor that the model has not.
    #[error("the weights have a tensor {name:?}, which the model has not")]
    UnknownTensor {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than in the model.
    #[error("tensor {name:?} is {found:?}, the model needs {expected:?}")]
    Misshapen {
        /// Its name.
        name: String,
        /// The shape in the model.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor has numbers of a kind that is not read.
    #[error("tensor {name:?} holds {dtype} numbers; f32, f16, bf16 and i8 with a scale are read")]
    UnknownNumbers {
        /// Its name.
        name: String,
        /// The kind of its numbers.
        dtype: String,
    },
    /// The bytes are no safetensors file.
    #[error("no safetensors file: {source}")]
    NotSafetensors {
        /// What the reader said.
        #[from]
        source: safetensors::SafeTensorError,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] LimitError),
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A device is not there.
    #[error("no device {asked}: {reason}")]
    Device {
        /// What was asked for.
        asked: String,
        /// What the library said.
        reason: String,
    },
    /// A configuration that no model can have.
    #[error("{name} is {value}, which must be {permitted}")]
    Config {
        /// The field.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        permitted: &'static str,
    },
    /// The checkpoint belongs to another training.
    #[error("the checkpoint does not fit this training: {reason}: {}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The loss or its gradient is no longer a number.
    #[error("training has diverged at step {step}, with a loss of {loss}")]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// The loss.
        loss: f32,
    },
    /// A configuration file that is not understood.
    #[error("config.json: {source}")]
    Json {
        /// What the reader said.
        #[from]
        source: serde_json::Error,
    },
    /// A batch could not be made.
    #[error("no batch: {source}")]
    Data {
        /// What the data said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing to train on.
    #[error("an epoch without batches")]
    NoData,
    /// The tensor library failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Hint for NnError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::MissingTensor { .. } | Self::UnknownTensor { .. } | Self::Misshapen { .. } => {
                "the weights and config.json must come from the same training"
            }
            Self::Device { .. } if is_processor_alone() => {
                "this program was built for the processor alone: --device cpu, or build it with --features cuda or metal"
            }
            Self::Device { .. } => "--device cpu works everywhere",
            Self::Checkpoint { .. } => "train into an empty folder to start anew",
            Self::Diverged { .. } => "try a lower learning rate",
            _ => return None,
        };
        Some(hint.into())
    }
}

/// What a fallible call of this crate gives.
pub type Result<T> = std::result::Result<T, NnError>;
