use std::{fmt::Display, io, path::PathBuf};

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
    /// A LoRA file has something that cannot be used.
    #[error("{key:?} {reason}: {}", path.display())]
    Lora {
        /// The name of the tensor in the file.
        key: String,
        /// What is wrong with it.
        reason: String,
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
    /// A list of clips that is not as it must be.
    #[error("{reason}, line {line}: {}", path.display())]
    Labels {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A clip that cannot be learned from.
    #[error("{reason}: {}", path.display())]
    Clip {
        /// The clip.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A training has begun already.
    #[error("a training has begun here: {}", path.display())]
    Checkpoint {
        /// Its checkpoint.
        path: PathBuf,
    },
    /// A checkpoint is of another training.
    #[error("the training that has begun here has other clips, networks or settings: {}", path.display())]
    OtherTraining {
        /// What it says of itself.
        path: PathBuf,
    },
    /// What was sampled so far is of another request.
    #[error("what was sampled so far is of another request or of other networks")]
    OtherJob,
    /// What was to be added is no network that is known.
    #[error("no transformer, autoencoder, text or picture encoder of Wan 2.1 and no tokenizer: {}", path.display())]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
    },
    /// Something else has the name already.
    #[error("another {name:?} was added before: {}", path.display())]
    Taken {
        /// The name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// What a video needs was not added.
    #[error("no {what} among those that were added ({})", if found.is_empty() { "none" } else { found })]
    NotAdded {
        /// What.
        what: &'static str,
        /// The names of those that were.
        found: String,
    },
    /// The work would take more memory than it may.
    #[error("{stage} takes {:.2} GB at the least, and {:.2} GB are allowed", *needed as f64 * 1e-9, *limit as f64 * 1e-9)]
    Memory {
        /// What.
        stage: &'static str,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may take.
        limit: u64,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Cancelled,
    /// A small file could not be read.
    #[error(transparent)]
    Small(#[from] LimitError),
    /// The emotion makes no sense on the clock of the video.
    #[error(transparent)]
    Emotion(#[from] affetto_emotion::Error),
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
            Self::Lora { .. } => "the file must be a LoRA for this size and kind of Wan 2.1",
            Self::Incomplete { .. } => {
                "name a folder as diffusers has it, with transformer, vae, text_encoder and tokenizer"
            }
            Self::Unrecognised { .. } => {
                "name a .safetensors, .gguf or .pth file, or a folder as diffusers has it"
            }
            Self::Taken { .. } => "give it another name: --name NAME",
            Self::NotAdded { .. } => "add it: affetto models add FILE",
            Self::Memory { .. } => "make the video smaller or shorter, or allow more memory",
            Self::Labels { .. } => "the columns are file, caption and emotion",
            Self::Checkpoint { .. } => {
                "go on with --resume, or name another folder with --checkpoint"
            }
            Self::OtherTraining { .. } => "name another folder with --checkpoint",
            Self::OtherJob => "leave --resume out to begin anew",
            Self::Nn(error) => return error.hint(),
            _ => return None,
        };
        Some(hint.into())
    }
}

/// Whether a setting is in its range; the error says which one it is.
pub(crate) fn within<T: PartialOrd + Display>(
    name: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<()> {
    match (&least..=&most).contains(&&value) {
        true => Ok(()),
        false => Err(Error::Config {
            name,
            value: value.to_string(),
            permitted: format!("from {least} to {most}"),
        }),
    }
}

/// What a fallible call of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;
