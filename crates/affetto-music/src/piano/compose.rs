//! One request in, one piano piece out.

use std::ops::Range;

use affetto_attributes::piece::Attribute;
use affetto_core::Progress;
use affetto_media::{Key, Metre, Score};
use affetto_nn::weights::TensorFile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    condition::{AttributeWish, PianoRequest},
    levels::Quartiles,
    model::{Config, Decoder},
    tokens::Style,
};
use crate::Error;

/// The files that a request names, read.
#[derive(Clone, Debug, Default)]
pub struct PianoSources {
    /// Of `continue_from`.
    pub continue_from: Option<Score>,
    /// Of `fill_in`.
    pub fill_in: Option<Score>,
    /// Of `arrange`.
    pub arrange: Option<Score>,
}

/// A piano piece for two hands, and what was asked of it beside what was measured.
#[derive(Clone, Debug)]
pub struct PianoComposition {
    /// The music: a part for the right hand, then one for the left.
    pub score: Score,
    /// The bars that were written, counted from 0; others lie around them.
    pub written: Range<usize>,
    /// What was asked, words resolved.
    pub asked: PianoAsked,
    /// What was measured of the written bars.
    pub measured: PianoMeasured,
}

/// What was asked, words resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PianoAsked {
    /// Valence, -1..=1; the mean of its curve where it has one.
    pub valence: f64,
    /// Arousal, -1..=1; the mean of its curve where it has one.
    pub arousal: f64,
    /// Valence and arousal of each bar, where the emotion moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points_per_bar: Option<Vec<(f64, f64)>>,
    /// What is asked of each attribute that is not left open.
    pub attributes: Vec<AskedAttribute>,
    /// The key.
    pub key: Key,
    /// The time signature of the bars written.
    pub meter: Metre,
    /// Bars in all.
    pub bars: usize,
    /// Quarter notes per minute.
    pub tempo_bpm: f64,
    /// The lowest and the highest key of the piano, MIDI numbers.
    pub range: (u8, u8),
    /// The widest span of a hand, in semitones.
    pub hand_span: u8,
    /// The kind of music.
    pub style: Style,
}

/// What is asked of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedAttribute {
    /// The attribute.
    pub attribute: Attribute,
    /// How high, beside the music that the model learned from.
    pub wish: AttributeWish,
    /// The values that this means: from the first, up to the second; open where there is none.
    pub from: Option<f64>,
    /// See `from`.
    pub to: Option<f64>,
}

/// What was measured of the written bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PianoMeasured {
    /// Every attribute, in the order of [`Attribute::ALL`]; nothing where the piece has none.
    pub attributes: Vec<MeasuredAttribute>,
    /// The share of the asked attributes that lie on the asked side of the middle; 1 where none is asked.
    pub bits_hit: f64,
    /// The lowest and the highest key struck, MIDI numbers; nothing where no note is.
    pub range: Option<(u8, u8)>,
    /// The widest span of one hand at any onset, in semitones.
    pub hand_span: u8,
    /// The share of notes within the scale of the key, a minor one with both sixths and sevenths.
    pub in_scale_ratio: f64,
    /// How likely each quadrant of valence and arousal is, Q1 to Q4, by the class statistics of the attribute map.
    pub quadrants: [f64; 4],
}

/// An attribute, measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredAttribute {
    /// The attribute.
    pub attribute: Attribute,
    /// Its value.
    pub value: Option<f64>,
    /// Whether it lies where it was asked to; nothing where nothing was asked of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit: Option<bool>,
}

/// A trained network with what is low and high of each attribute in its training music, ready to compose.
pub struct PianoModel {
    network: Decoder,
    quartiles: Quartiles,
}

impl PianoModel {
    /// From the contents of `config.json`, `model.safetensors` and `statistics.json`.
    ///
    /// # Errors
    /// [`Error::Json`] for what is no configuration or statistics, [`Error::Vocabulary`] for a network of other tokens,
    /// [`Error::Weights`] for missing or misshapen tensors.
    pub fn from_bytes(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        let json = |what| move |source| Error::Json { what, source };
        let config = Config::from_json(config)?;
        let quartiles: Quartiles =
            serde_json::from_slice(statistics).map_err(json("statistics.json"))?;
        if !config.is_current() || !quartiles.is_whole() {
            return Err(Error::Vocabulary);
        }
        Ok(Self {
            network: Decoder::new(&config, TensorFile::from_bytes(weights)?)?,
            quartiles,
        })
    }

    /// Writes the piano piece that `request` asks for.
    ///
    /// # Errors
    /// What cannot be done as asked, and [`Error::Cancelled`] soon after `progress` says so.
    pub fn compose_with(
        &self,
        request: &PianoRequest,
        sources: &PianoSources,
        progress: &dyn Progress,
    ) -> Result<PianoComposition, Error> {
        todo!()
    }
}
