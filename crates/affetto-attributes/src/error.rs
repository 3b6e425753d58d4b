use std::path::PathBuf;

use affetto_core::{Hint, LimitError};

/// What can go wrong while samples are compared or a map is learned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sample is too small for the cross-validation.
    #[error("a sample has {found} pieces, at least {least} are needed")]
    TooFewPieces {
        /// Pieces in the smaller sample.
        found: usize,
        /// Pieces needed.
        least: usize,
    },
    /// A piece has another number of features than there are names.
    #[error("a piece has {found} features, {expected} are named")]
    FeatureCount {
        /// Features of the piece.
        found: usize,
        /// Names.
        expected: usize,
    },
    /// A feature is infinite or not a number.
    #[error("feature {name:?} is not finite")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The forest could not be grown.
    #[error("the forest could not be grown: {source}")]
    Forest {
        /// What the library said.
        source: smartcore::error::Failed,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] LimitError),
    /// A file of labels is not as it must be.
    #[error("{reason}, in line {line} of the labels: {}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; 0 where it is not known.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// An attribute map that cannot be used.
    #[error("not a usable attribute map: {reason}")]
    Map {
        /// What is wrong.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller wanted the work to stop.
    #[error("stopped")]
    Cancelled,
    /// The trees of a critic are not as the library writes them.
    #[error("the trees of the critic cannot be read: {source}")]
    Critic {
        /// What is wrong with them.
        source: serde_json::Error,
    },
}

impl From<smartcore::error::Failed> for Error {
    fn from(source: smartcore::error::Failed) -> Self {
        Self::Forest { source }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::TooFewPieces { least, .. } => {
                Some(format!("give at least {least} pieces of each kind"))
            }
            Self::Labels { .. } => Some(
                "the columns are path, then emotion or valence and arousal, and perhaps song"
                    .into(),
            ),
            Self::Map { .. } => Some("make one with `affetto train attribute-map`".into()),
            _ => None,
        }
    }
}
