use std::{io, path::PathBuf};

use affetto_core::{Hint, LimitError};
use affetto_nn::NnError;

/// Why a network could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read: {source}: {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what its name says, or is cut short.
    #[error("damaged: {reason}: {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A folder without weights.
    #[error("no .safetensors or .gguf file: {}", path.display())]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// The names in a file are those of another network.
    #[error("no weights of {network}: {}", path.display())]
    OtherNetwork {
        /// The network that was wanted.
        network: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The weights lack a tensor that the network has.
    #[error("no tensor {name:?}: {}", path.display())]
    MissingTensor {
        /// Its name as that file would spell it.
        name: String,
        /// The file or folder.
        path: PathBuf,
    },
    /// A tensor has another shape than in the network.
    #[error("tensor {name:?} is {found:?}, the network needs {expected:?}: {}", path.display())]
    Misshapen {
        /// Its name in the file.
        name: String,
        /// The shape in the network.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
        /// The file.
        path: PathBuf,
    },
    /// A configuration file that is not understood.
    #[error("configuration: {source}")]
    Json {
        /// What the reader said.
        #[from]
        source: serde_json::Error,
    },
    /// A configuration that no network can have.
    #[error("{name} is {value}, which must be {permitted}")]
    Config {
        /// The field.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        permitted: String,
    },
    /// An input of extents that the network cannot take.
    #[error("{name} is {found:?}, which must be {permitted}")]
    Extents {
        /// The input.
        name: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What it may be.
        permitted: String,
    },
    /// A folder of weights lacks something.
    #[error("{what} is missing: {}", path.display())]
    Incomplete {
        /// What.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// What was sampled so far is of another request.
    #[error("what was sampled so far is of another request or of other networks")]
    OtherJob,
    /// A training has been begun in this folder.
    #[error("a checkpoint is there: {}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Cancelled,
    /// A small file could not be read.
    #[error(transparent)]
    Small(#[from] LimitError),
    /// The film could not be written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
    /// A part that other models use too has failed.
    #[error(transparent)]
    Nn(#[from] NnError),
    /// The tensor library failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Damaged { .. } => "fetch the file again and compare its checksum",
            Self::MissingTensor { .. } | Self::Misshapen { .. } | Self::OtherNetwork { .. } => {
                "weights and configuration must be of the same model"
            }
            Self::Incomplete { .. } => {
                "name a folder as diffusers has it, with transformer, vae, text_encoder and tokenizer"
            }
            Self::Checkpoint { .. } => "go on with --resume, or name another folder",
            Self::OtherJob => "leave --resume out to begin anew",
            _ => return None,
        };
        Some(hint.into())
    }
}

/// What a fallible call of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;
