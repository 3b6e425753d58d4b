use affetto_core::Hint;
use affetto_media::Metre;

use crate::{grammar::Impossible, tokens::TokenizeError};

/// Why no lead sheet was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A number outside its range.
    #[error("{what} is {value}, and must be within {lowest} to {highest}")]
    Range {
        /// The field.
        what: &'static str,
        /// What it was.
        value: f64,
        /// The least permitted.
        lowest: f64,
        /// The most permitted.
        highest: f64,
    },
    /// A word that could not be understood.
    #[error("{text:?} is not {expected}")]
    Word {
        /// The word.
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
    },
    /// Two wishes that exclude each other.
    #[error("{first} and {second} exclude each other")]
    Contradiction {
        /// One field.
        first: &'static str,
        /// The other field.
        second: &'static str,
    },
    /// A wish that needs another.
    #[error("{what} and {other} go together")]
    Needs {
        /// One field.
        what: &'static str,
        /// The other field.
        other: &'static str,
    },
    /// A curve or list that does not have one value a bar.
    #[error("{what} has {found} values for {bars} bars")]
    Count {
        /// The field.
        what: &'static str,
        /// How many it has.
        found: usize,
        /// How many bars there are.
        bars: usize,
    },
    /// The metre is outside what the models learned.
    #[error("{metre} is not among the metres that the models know")]
    Metre {
        /// The metre asked.
        metre: Metre,
    },
    /// The metre is outside the vocabulary of piano music.
    #[error("{metre} is not among the metres of piano music")]
    PianoMetre {
        /// The metre asked.
        metre: Metre,
    },
    /// There is no melody to arrange.
    #[error("the given music has no melody")]
    NoMelody,
    /// A given melody leaves the keys that may be struck.
    #[error("the melody has pitch {pitch}, and the range is {lowest} to {highest}")]
    MelodyOutside {
        /// The MIDI number.
        pitch: u8,
        /// The lowest key.
        lowest: u8,
        /// The highest key.
        highest: u8,
    },
    /// A pick-up that is not shorter than a bar, or off the grid.
    #[error("a pick-up of {pickup} quarters does not fit {metre}")]
    Pickup {
        /// Its length in quarter notes.
        pickup: affetto_media::Quarters,
        /// The metre.
        metre: Metre,
    },
    /// The bars to fill are not all there.
    #[error("bars {first}-{last} are asked for, and the file has {bars}")]
    Fill {
        /// The first bar asked.
        first: usize,
        /// The last bar asked.
        last: usize,
        /// Bars in the file.
        bars: usize,
    },
    /// A bar cannot be written as asked.
    #[error("impossible: {0}")]
    Impossible(#[from] Impossible),
    /// The given music is outside what the models can hold.
    #[error("the given music cannot be used: {0}")]
    Tokenize(#[from] TokenizeError),
    /// Piano music is outside what the tokens can say.
    #[error("the music cannot be put into tokens: {0}")]
    PianoTokens(#[from] crate::piano::tokens::TokenError),
    /// The caller wanted the work to stop.
    #[error("stopped, nothing was written")]
    Cancelled,
    /// There is a checkpoint, and nobody said to go on from it.
    #[error("there is a checkpoint already: {}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: std::path::PathBuf,
    },
    /// Not enough songs for three parts.
    #[error("{songs} songs are too few to train on, choose by and measure on")]
    TooFewSongs {
        /// How many were found.
        songs: usize,
    },
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Songs and written pieces could not be compared.
    #[error("the pieces cannot be measured: {0}")]
    Measure(#[from] affetto_attributes::Error),
    /// The training songs could not be read.
    #[error(transparent)]
    Corpus(#[from] crate::corpus::Error),
    /// A file beside the weights is damaged.
    #[error("{what} of the model is damaged: {source}")]
    Json {
        /// The file's name.
        what: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The network was trained on other tokens or conditions.
    #[error("the model has another vocabulary than this version of the program")]
    Vocabulary,
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] affetto_nn::NnError),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Metre { .. } => {
                let metres = crate::tokens::METRES.map(|(count, unit)| format!("{count}/{unit}"));
                Some(format!("choose one of {}", metres.join(", ")))
            }
            Self::PianoMetre { .. } => Some(
                "choose one of up to eight quarters whose bar is a whole number of twelfths of a quarter, such as 4/4, 3/4, 6/8, 5/4 or 7/8"
                    .into(),
            ),
            Self::Pickup { .. } => {
                Some("choose a multiple of 1/4 that is shorter than a bar".into())
            }
            Self::Impossible(Impossible::Events { .. }) => Some("ask for a lower density".into()),
            Self::Checkpoint { .. } => {
                Some("say --resume to go on from it, or name another folder".into())
            }
            Self::Corpus(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Tokenize(TokenizeError::Grid { .. }) => {
                Some("quantise the file to sixteenths and triplets first".into())
            }
            _ => None,
        }
    }
}
