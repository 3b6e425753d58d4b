use affetto_core::Hint;

/// Why something could not be done with a face.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media could not be read or written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
    /// What is said of the emotion is not possible.
    #[error(transparent)]
    Emotion(#[from] affetto_emotion::Error),
    /// A number is outside its range.
    #[error("{name} is {value}, and is from 0 to {highest}")]
    Range {
        /// What it is.
        name: &'static str,
        /// The number.
        value: f64,
        /// The largest that is possible.
        highest: f64,
    },
    /// No action unit that moves something of a take.
    #[error(
        "{text:?} is no action unit that moves a take; they are numbers such as 12, or 12L and 12R for one half"
    )]
    UnknownUnit {
        /// What was given.
        text: String,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Media(error) => error.hint(),
            Self::Emotion(error) => error.hint(),
            Self::UnknownUnit { .. } => {
                Some("`affetto attributes fear --medium face` shows units with their names".into())
            }
            Self::Range { .. } => None,
        }
    }
}
