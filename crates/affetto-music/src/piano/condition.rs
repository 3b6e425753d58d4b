//! What a request for piano music may say.

use std::{collections::BTreeMap, path::PathBuf};

use affetto_attributes::piece::Attribute;
use affetto_core::Seed;
use affetto_emotion::Emotion;
use affetto_media::{Key, Metre};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    grid::holds_metre,
    tokens::{Style, TempoStep},
};
use crate::{
    Error,
    condition::{BARS, BarRange, PitchRange, within},
};

/// The most pieces written for one request.
pub const CANDIDATES: std::ops::RangeInclusive<usize> = 1..=64;
/// Pieces written where nothing else is asked.
pub const USUAL_CANDIDATES: usize = 10;
/// How strongly attributes pull where nothing else is asked.
pub const USUAL_GUIDANCE: f64 = 1.0;
/// The share of probability that is drawn from where nothing else is asked.
pub const USUAL_TOP_P: f64 = 1.0;
/// How far the outer notes of one hand may lie apart, in semitones: from a major sixth to two octaves.
pub const HAND_SPANS: std::ops::RangeInclusive<u8> = 9..=24;
/// The widest pull of the attributes.
pub const MOST_GUIDANCE: f64 = 4.0;

/// A request for piano music. Only what is given is enforced; the rest is chosen by the emotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PianoRequest {
    /// The same seed gives the same music.
    pub seed: Seed,
    /// The title written into the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The emotion; a curve in it moves the attributes from bar to bar.
    pub emotion: Emotion,
    /// Attributes that are asked for by name instead of by the emotion.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<Attribute, AttributeWish>,
    /// Bars to write, 1..=256; 16 where nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub bars: Option<usize>,
    /// The time signature; 4/4 where nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<Metre>,
    /// The key; its mode is chosen by the emotion where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Quarter notes per minute, 16..=256; chosen by the emotion where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16.0, max = 256.0))]
    pub tempo_bpm: Option<f64>,
    /// The lowest and highest key of the piano that is struck; A0 to C8 where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<PitchRange>,
    /// How far the outer notes of one hand lie apart at most, in semitones, 9..=24; 14 (a ninth) where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 9, max = 24))]
    pub hand_span: Option<u8>,
    /// The kind of music.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// A file to go on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_from: Option<PathBuf>,
    /// Bars of `fill_in` to write anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<BarRange>,
    /// The file whose bars are filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_in: Option<PathBuf>,
    /// A lead sheet to arrange for piano: its melody and its chords are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrange: Option<PathBuf>,
    /// Whether the last bar may end in the course of the music, as of a piece that is to be looped or gone on from; else it
    /// comes to rest on the tonic, where there is more than one candidate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open_end: bool,
    /// Small deviations of timing and loudness, 0 (none) to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub humanize: f64,
    /// How strongly attributes pull at each token, 0..=4: at 1 as the network learned, above that beyond it
    /// (classifier-free guidance).
    #[schemars(range(min = 0.0, max = 4.0))]
    pub guidance: f64,
    /// The model; the better one where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many continuations of every few bars are written, of which the one nearest to what was asked is gone on from, 1 to
    /// 64; three times as many of a last bar that comes to rest.
    #[schemars(range(min = 1, max = 64))]
    pub candidates: usize,
    /// How freely tokens are drawn, 0.01 to 2.
    #[schemars(range(min = 0.01, max = 2.0))]
    pub temperature: f64,
    /// The share of probability that is drawn from, 0.01 to 1.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub top_p: f64,
}

/// How high an attribute is to be, beside the music that the model learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AttributeWish {
    /// Whatever comes.
    Open,
    /// In the lowest quarter.
    Lowest,
    /// Below the middle.
    Low,
    /// Above the middle.
    High,
    /// In the highest quarter.
    Highest,
}

impl AttributeWish {
    /// Every wish, from open to the highest.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Lowest,
        Self::Low,
        Self::High,
        Self::Highest,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Lowest => "lowest",
            Self::Low => "low",
            Self::High => "high",
            Self::Highest => "highest",
        }
    }

    /// The level, from 1; 0 where it is open.
    pub const fn level(self) -> u8 {
        self as u8
    }
}

impl Default for PianoRequest {
    fn default() -> Self {
        Self {
            seed: Seed(0),
            title: None,
            emotion: Emotion::NEUTRAL,
            attributes: BTreeMap::new(),
            bars: None,
            meter: None,
            key: None,
            tempo_bpm: None,
            range: None,
            hand_span: None,
            style: None,
            continue_from: None,
            fill: None,
            fill_in: None,
            arrange: None,
            open_end: false,
            humanize: 0.0,
            guidance: USUAL_GUIDANCE,
            model: None,
            candidates: USUAL_CANDIDATES,
            temperature: 1.0,
            top_p: USUAL_TOP_P,
        }
    }
}

impl PianoRequest {
    /// Checks every number against its range, and that what is asked goes together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), Error> {
        let bars = self.bars.map(|bars| bars as f64);
        within("bars", bars, *BARS.start() as f64, *BARS.end() as f64)?;
        let tempo = TempoStep::RANGE_BPM;
        within("tempo_bpm", self.tempo_bpm, *tempo.start(), *tempo.end())?;
        let (narrowest, widest) = HAND_SPANS.into_inner();
        let span = self.hand_span.map(f64::from);
        within("hand_span", span, narrowest.into(), widest.into())?;
        within("humanize", Some(self.humanize), 0.0, 1.0)?;
        within("guidance", Some(self.guidance), 0.0, MOST_GUIDANCE)?;
        let (fewest, most) = CANDIDATES.into_inner();
        let count = Some(self.candidates as f64);
        within("candidates", count, fewest as f64, most as f64)?;
        within("temperature", Some(self.temperature), 0.01, 2.0)?;
        within("top_p", Some(self.top_p), 0.01, 1.0)?;
        if let Some(metre) = self.meter.filter(|metre| !holds_metre(*metre)) {
            return Err(Error::PianoMetre { metre });
        }
        self.check_together()
    }

    fn check_together(&self) -> Result<(), Error> {
        let given = [
            ("continue_from", self.continue_from.is_some()),
            ("fill_in", self.fill_in.is_some()),
            ("arrange", self.arrange.is_some()),
        ];
        let mut named = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            return Err(Error::Contradiction { first, second });
        }
        if self.fill.is_some() != self.fill_in.is_some() {
            return Err(Error::Needs {
                what: "fill",
                other: "fill_in",
            });
        }
        Ok(())
    }
}
