//! What an emotion asks of the music, learned from labelled pieces.
//!
//! EmoGen (Kang et al. 2023) binarises a hundred attributes at their medians over the clips of EMOPIA and lets one
//! clip near the centre of each quadrant stand for it. [`AttributeMap`] keeps what the clips of a quadrant have in
//! common instead: for every attribute its median and quartiles and the share of clips above the corpus's median.
//! Between the quadrants any point is a bilinear mixture, and a mixture of words is a mixture of their points. Mode,
//! tempo, register, loudness and articulation, which the original does not control, are [`Cue`]s of their own.
//!
//! ```
//! use affetto_attributes::map::{AttributeMap, Preset};
//! use affetto_emotion::Emotion;
//!
//! let map = AttributeMap::preset(Preset::Default);
//! let joy = map.targets(&Emotion::parse("joy")?);
//! let grief = map.targets(&Emotion::parse("grief")?);
//! assert!(joy.major_share > 0.5 && grief.major_share < 0.5);
//! assert!(joy.tempo_bpm.value > grief.tempo_bpm.value);
//! assert!(joy.notes_per_second.unwrap().value > grief.notes_per_second.unwrap().value);
//! # Ok::<(), affetto_emotion::Error>(())
//! ```

mod card;
mod classify;
mod cue;
mod judge;
mod labels;
mod learn;
mod quadrant;
mod targets;
mod validate;

use std::{path::Path, sync::LazyLock};

use affetto_core::read_limited;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    piece::{Attribute, Reading, emogen},
};

pub(crate) use classify::Forest;
pub use classify::{BitCentres, Centres};
pub use cue::{Cue, CueModel};
pub use judge::QuadrantJudge;
pub use labels::{LabelledPiece, read_labels};
pub use learn::{LearnRequest, Learned, learn};
pub use quadrant::Quadrant;
pub use targets::{AttributeTarget, Difference, Target, Targets, quadrant_weights};
pub use validate::{Accuracy, Validation};

/// The schema of map files.
pub const MAP_SCHEMA: &str = "affetto-attribute-map/1";

/// The largest map file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// The shares of a corpus's pieces that lie below [`AttributeStatistics::quantiles`].
pub const QUANTILE_SHARES: [f64; 9] = [0.05, 0.1, 0.25, 1.0 / 3.0, 0.5, 2.0 / 3.0, 0.75, 0.9, 0.95];

/// The map that is compiled in.
const DEFAULT_MAP: &str = include_str!("../../../../models/attribute-map/map.json");

/// A map that is at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Learned from the clips of EMOPIA, with cues after the literature.
    #[default]
    Default,
    /// EmoGen's published thresholds and vectors: for each attribute above or below, and one vector a quadrant.
    Emogen,
}

impl Preset {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Default, Self::Emogen];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Emogen => "emogen",
        }
    }
}

/// What each quadrant asks, attribute by attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeMap {
    /// [`MAP_SCHEMA`].
    pub schema: String,
    /// Where the pieces and their labels come from.
    pub source: String,
    /// How the pieces were read.
    pub reading: Reading,
    /// How many pieces.
    pub pieces: usize,
    /// How many songs they are cut from.
    pub songs: usize,
    /// How many pieces each quadrant has, Q1 to Q4.
    pub quadrant_pieces: [usize; 4],
    /// The cues, the most important first.
    pub cues: Vec<CueModel>,
    /// The attributes.
    pub attributes: Vec<AttributeStatistics>,
}

/// One attribute over the pieces of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeStatistics {
    /// The attribute, by its name.
    pub attribute: Attribute,
    /// How much it tells of the quadrant: by how much the share of trees of a random forest that vote for the true
    /// quadrant falls when the attribute is shuffled among unseen pieces (Breiman 2001).
    pub importance: Option<f64>,
    /// Between low and high: the corpus's median.
    pub threshold: f64,
    /// The values that the shares [`QUANTILE_SHARES`] of the pieces stay below.
    pub quantiles: Option<[f64; 9]>,
    /// The pieces of each quadrant, Q1 to Q4.
    pub quadrants: [QuadrantStatistics; 4],
}

/// One attribute over the pieces of a quadrant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuadrantStatistics {
    /// The share of pieces above the threshold.
    pub share_above: f64,
    /// Mean, deviation and quartiles of the values, where they are known.
    pub values: Option<Summary>,
}

/// Some values in five numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// A quarter lies below.
    pub lower_quartile: f64,
    /// Half lies below.
    pub median: f64,
    /// A quarter lies above.
    pub upper_quartile: f64,
}

impl AttributeMap {
    /// A map that is at hand.
    pub fn preset(preset: Preset) -> &'static Self {
        static DEFAULT: LazyLock<AttributeMap> = LazyLock::new(|| {
            AttributeMap::parse(DEFAULT_MAP).unwrap_or_else(|_| AttributeMap::emogen())
        }); // a test parses it
        static EMOGEN: LazyLock<AttributeMap> = LazyLock::new(AttributeMap::emogen);
        match preset {
            Preset::Default => &DEFAULT,
            Preset::Emogen => &EMOGEN,
        }
    }

    /// Reads a map as [`learn`] writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Map`] for what is no map of this schema.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let refused = |reason: String| Error::Map { reason };
        let map: Self = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
        match map.broken_rule() {
            Some(reason) => Err(refused(reason.into())),
            None => Ok(map),
        }
    }

    /// Reads a map from a file.
    ///
    /// # Errors
    ///
    /// As [`AttributeMap::parse`], and [`Error::Read`] for a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_limited(path, MAX_BYTES)?;
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    fn broken_rule(&self) -> Option<&'static str> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let sound = |statistics: &AttributeStatistics| {
            let shares = statistics.quadrants.map(|quadrant| quadrant.share_above);
            let quantiles = statistics.quantiles.unwrap_or_default();
            finite(&[statistics.threshold])
                && shares.iter().all(|share| (0.0..=1.0).contains(share))
                && finite(&quantiles)
                && quantiles.is_sorted()
        };
        let cues: Vec<Cue> = self.cues.iter().map(|model| model.cue).collect();
        if self.schema != MAP_SCHEMA {
            Some("another schema than affetto-attribute-map/1")
        } else if cues != Cue::ALL {
            Some("the cues are not the five in their order")
        } else if !self.attributes.iter().all(sound) {
            Some("a share outside 0 to 1, or numbers out of order")
        } else {
            None
        }
    }

    /// EmoGen as published: the medians of EMOPIA as thresholds, and the bits of one clip a quadrant as its shares.
    pub fn emogen() -> Self {
        let commands = emogen::commands();
        let attribute = |(attribute, threshold): (&Attribute, f64)| AttributeStatistics {
            attribute: *attribute,
            importance: None,
            threshold,
            quantiles: None,
            quadrants: commands.map(|bits| QuadrantStatistics {
                share_above: f64::from(u8::from(bits[attribute.index()])),
                values: None,
            }),
        };
        Self {
            schema: MAP_SCHEMA.into(),
            source: "EmoGen, github.com/microsoft/muzic at 2b873967, MIT licence".into(),
            reading: Reading::Written,
            pieces: 1078,
            songs: 387,
            quadrant_pieces: [250, 265, 253, 310],
            cues: Cue::ALL.map(Cue::literature).to_vec(),
            attributes: Attribute::ALL
                .iter()
                .zip(emogen::THRESHOLDS)
                .map(attribute)
                .collect(),
        }
    }

    /// The statistics of one attribute, where the map has it.
    pub fn statistics(&self, attribute: Attribute) -> Option<&AttributeStatistics> {
        self.attributes
            .iter()
            .find(|statistics| statistics.attribute == attribute)
    }
}

impl AttributeStatistics {
    /// The share of the corpus's pieces below `value`, between the quantiles in proportion; at their ends 0.05 or 0.95.
    /// A value that many pieces share lies in the middle of them.
    pub fn percentile(&self, value: f64) -> Option<f64> {
        let quantiles = self.quantiles?;
        let below = quantiles.partition_point(|quantile| *quantile < value);
        let up_to = quantiles.partition_point(|quantile| *quantile <= value);
        let last = QUANTILE_SHARES.len() - 1;
        Some(if up_to >= below + 2 {
            let first_share = if below == 0 {
                0.0
            } else {
                QUANTILE_SHARES[below]
            };
            let last_share = if up_to > last {
                1.0
            } else {
                QUANTILE_SHARES[up_to - 1]
            };
            (first_share + last_share) / 2.0
        } else if below == 0 {
            QUANTILE_SHARES[0]
        } else if below > last {
            QUANTILE_SHARES[last]
        } else {
            let (low, high) = (quantiles[below - 1], quantiles[below]);
            let (first_share, last_share) = (QUANTILE_SHARES[below - 1], QUANTILE_SHARES[below]);
            first_share + (last_share - first_share) * (value - low) / (high - low)
        })
    }

    /// The width of the middle half of the corpus.
    pub fn spread(&self) -> Option<f64> {
        let quantiles = self.quantiles?;
        Some(quantiles[6] - quantiles[2])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_compiled_in_is_a_map_of_every_attribute() {
        let map = AttributeMap::parse(DEFAULT_MAP).unwrap();
        assert_eq!(map.attributes.len(), Attribute::ALL.len());
        assert_eq!(map.quadrant_pieces.iter().sum::<usize>(), map.pieces);
        assert_eq!(AttributeMap::preset(Preset::Default), &map);
    }

    #[test]
    fn emogen_s_map_is_written_and_read() {
        let map = AttributeMap::emogen();
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(AttributeMap::parse(&text).unwrap(), map);
        let other = text.replace(MAP_SCHEMA, "affetto-attribute-map/9");
        assert!(AttributeMap::parse(&other).is_err());
        let outside = text.replacen("\"share_above\":1.0", "\"share_above\":1.5", 1);
        assert_ne!(outside, text);
        assert!(AttributeMap::parse(&outside).is_err());
    }

    #[test]
    fn percentiles_by_hand() {
        let statistics = AttributeStatistics {
            attribute: Attribute::ALL[0],
            importance: None,
            threshold: 5.0,
            quantiles: Some([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
            quadrants: [QuadrantStatistics {
                share_above: 0.5,
                values: None,
            }; 4],
        };
        assert_eq!(statistics.percentile(5.0), Some(0.5));
        assert!((statistics.percentile(2.5).unwrap() - 0.175).abs() < 1e-12);
        assert_eq!(statistics.percentile(-3.0), Some(0.05));
        assert_eq!(statistics.percentile(30.0), Some(0.95));
        let many_zeros = AttributeStatistics {
            quantiles: Some([0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 7.0, 8.0, 9.0]),
            ..statistics.clone()
        };
        assert_eq!(many_zeros.percentile(0.0), Some(0.25));
        assert_eq!(statistics.spread(), Some(4.0));
    }
}
