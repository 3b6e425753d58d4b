use std::path::PathBuf;

use affetto_core::{Hint, LimitError, on_one_line};

use crate::{Taxonomy, Unit};

/// Why an emotion or a curve was not understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A number outside its range, or not a number.
    #[error("{what} is {value}, must be from {low} to {high}")]
    OutOfRange {
        /// What the number is.
        what: String,
        /// The number.
        value: f64,
        /// The smallest permitted.
        low: f64,
        /// The largest permitted.
        high: f64,
    },
    /// A word that is no emotion label.
    #[error("no emotion label {word:?}{}", within(*taxonomy))]
    UnknownLabel {
        /// The word, in lower case.
        word: String,
        /// Where it was looked up, or nothing for everywhere.
        taxonomy: Option<Taxonomy>,
        /// Labels that are spelt alike, the nearest first.
        nearest: Vec<String>,
    },
    /// A word before the slash that is no taxonomy.
    #[error("no taxonomy {word:?}")]
    UnknownTaxonomy {
        /// The word.
        word: String,
        /// Taxonomies that are spelt alike.
        nearest: Vec<String>,
    },
    /// What stands after the colon is not a number.
    #[error("the weight of {label} is {text:?}, must be a number")]
    Weight {
        /// The label.
        label: &'static str,
        /// What stands there.
        text: String,
    },
    /// No label, or none with a weight above 0.
    #[error("no emotion named, or none with a weight above 0")]
    EmptyMixture,
    /// Two words of one object are the same label.
    #[error("{label} is named twice")]
    NamedTwice {
        /// The id of the label.
        label: String,
    },
    /// A key or a request names both a label and a mixture.
    #[error("both a label and a mixture are named")]
    LabelAndMixture,
    /// The wrong number of values.
    #[error("{found} {what}, must be {expected}")]
    Count {
        /// What they are.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Not a frame rate.
    #[error("the frame rate is {text:?}, must be a number or a fraction from 1 to 1000")]
    FrameRate {
        /// What stands there.
        text: String,
    },
    /// A curve in frames does not say how many make a second.
    #[error("the curve is in frames and names no fps")]
    MissingFrameRate,
    /// A curve in seconds, beats or bars names a frame rate.
    #[error("the curve is in {unit} and names an fps, which only frames have")]
    NeedlessFrameRate {
        /// The unit of the curve.
        unit: Unit,
    },
    /// A curve without keys.
    #[error("the curve has no keys")]
    EmptyCurve,
    /// More keys than a curve may have.
    #[error("{found} keys, at most {limit} are read")]
    TooManyKeys {
        /// How many there are.
        found: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Keys are not in order, or two stand at one position.
    #[error("at {at}, must be after the key before it at {previous}")]
    KeyOrder {
        /// The position of the key.
        at: f64,
        /// The position of the key before it.
        previous: f64,
    },
    /// A key that changes nothing.
    #[error("names no value")]
    EmptyKey,
    /// Something wrong with one key.
    #[error("key {key}: {source}")]
    InKey {
        /// Its number, counted from 0, or its name.
        key: String,
        /// What is wrong.
        source: Box<Self>,
    },
    /// Text that is not `position:value`.
    #[error("{text:?} is not position:value")]
    Pair {
        /// What stands there.
        text: String,
    },
    /// Another kind of file, or a version this build does not know.
    #[error("schema is {found}, must be {expected:?}")]
    Schema {
        /// What stands there, as JSON.
        found: String,
        /// What must stand there.
        expected: &'static str,
    },
    /// A field that the format does not have.
    #[error("unknown field {field:?}")]
    UnknownField {
        /// The field.
        field: String,
        /// Known fields, the nearest first, or all of them when none is near.
        known: Vec<String>,
    },
    /// The text is not JSON, or a value has the wrong type.
    #[error("not a valid emotion track: {}", shortened(source))]
    Json {
        /// What the reader said, with line and column where it knows them.
        source: serde_json::Error,
    },
    /// The text is not YAML, or not a configuration of Audio2Face-3D.
    #[error("not a valid Audio2Face-3D configuration: {message}")]
    Yaml {
        /// What the reader said, on one line.
        message: String,
    },
    /// The file is not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// The file cannot be read, or is too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// What is wrong with a file.
    #[error("{source}: {}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<Self>,
    },
}

impl Error {
    /// The message with its hint, for readers that keep nothing but text.
    pub(crate) fn with_hint(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self} ({hint})"),
            None => self.to_string(),
        }
    }

    pub(crate) fn in_key(self, key: impl ToString) -> Self {
        Self::InKey {
            key: key.to_string(),
            source: Box::new(self),
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLabel {
                nearest, taxonomy, ..
            } => Some(label_hint(nearest, *taxonomy)),
            Self::UnknownTaxonomy { nearest, .. } if nearest.is_empty() => {
                let names = Taxonomy::ALL.map(Taxonomy::name);
                Some(format!("the taxonomies are {}", names.join(", ")))
            }
            Self::UnknownTaxonomy { nearest, .. } => did_you_mean(nearest),
            Self::UnknownField { known, .. } => did_you_mean(known),
            Self::EmptyMixture => Some("name labels with weights, such as joy:0.7,awe:0.3".into()),
            Self::LabelAndMixture => Some("name one of the two".into()),
            Self::FrameRate { .. } | Self::MissingFrameRate => {
                Some("write it as a number or a fraction, such as 25 or \"30000/1001\"".into())
            }
            Self::Pair { .. } => Some("write it as 0:-0.8, 8:0.2, 16:0.9".into()),
            Self::InKey { source, .. } | Self::InFile { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// One line of at most 300 characters: what a file holds may be long and odd.
pub(crate) fn shortened(text: impl ToString) -> String {
    let text = text.to_string();
    let printable: String = on_one_line(&text).take(301).collect();
    match printable.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &printable[..end]),
        None => printable,
    }
}

fn within(taxonomy: Option<Taxonomy>) -> String {
    taxonomy.map_or_else(String::new, |taxonomy| format!(" in {taxonomy}"))
}

fn label_hint(nearest: &[String], taxonomy: Option<Taxonomy>) -> String {
    did_you_mean(nearest).unwrap_or_else(|| {
        let labels = taxonomy.unwrap_or(Taxonomy::GoEmotions).labels();
        let first: Vec<&str> = labels.iter().copied().take(28).collect();
        format!("labels are words such as {}", first.join(", "))
    })
}

fn did_you_mean(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| format!("did you mean {}?", words.join(", ")))
}
