use affetto_core::Hint;

/// What can go wrong while samples are compared.
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
            _ => None,
        }
    }
}
