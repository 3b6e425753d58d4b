//! What a request for a set of game files may say.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr};

use affetto_core::Seed;
use affetto_emotion::Emotion;
use affetto_media::{Key, Metre, Tempo, f64_from_quarters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    arrange::Accompaniment,
    condition::{LeadSheetRequest, excerpt, within},
};

/// The fewest and most bars of the loop.
pub const LOOP_BARS: RangeInclusive<usize> = 2..=128;
/// The fewest and most layers.
pub const LAYERS: RangeInclusive<usize> = 1..=6;
/// The fewest and most bars before the loop, and after it.
pub const EDGE_BARS: RangeInclusive<usize> = 0..=8;
/// How long the loop with its introduction may last, in seconds.
pub const LOOP_SECS: RangeInclusive<f64> = 2.0..=300.0;

/// A request for a set of game files: one score as layers that add up, with an introduction, a loop, an ending and
/// stingers. Only what is given is enforced; the rest is chosen by the emotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SetRequest {
    /// The same seed gives the same music.
    pub seed: Seed,
    /// The title written into the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The emotion; a curve in it may name valence and arousal over the bars of the loop.
    pub emotion: Emotion,
    /// Bars of the loop, 2..=128.
    #[schemars(range(min = 2, max = 128))]
    pub bars: usize,
    /// The time signature; 4/4 where nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<Metre>,
    /// The key; chosen by valence where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Quarter notes per minute, 10..=600; chosen by arousal where not given. The loop with its introduction must last
    /// 2 to 300 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10.0, max = 600.0))]
    pub tempo_bpm: Option<f64>,
    /// Layers that add up from the calmest to the most awake, 1..=6.
    #[schemars(range(min = 1, max = 6))]
    pub layers: usize,
    /// Bars before the loop, 0..=8 and no more than the loop has; 0 for none.
    #[schemars(range(min = 0, max = 8))]
    pub intro: usize,
    /// Bars of the ending, 0..=8; 0 for none.
    #[schemars(range(min = 0, max = 8))]
    pub outro: usize,
    /// Short phrases that may be played at any bar.
    pub stingers: BTreeSet<Stinger>,
    /// The model; the better one where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many pieces are written, of which the model's critic chooses one, 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub candidates: usize,
    /// How freely tokens are drawn, 0.01 to 2.
    #[schemars(range(min = 0.01, max = 2.0))]
    pub temperature: f64,
    /// The share of probability that is drawn from, 0.01 to 1.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub top_p: f64,
}

impl Default for SetRequest {
    fn default() -> Self {
        let sheet = LeadSheetRequest::default();
        Self {
            seed: sheet.seed,
            title: None,
            emotion: Emotion::NEUTRAL,
            bars: 16,
            meter: None,
            key: None,
            tempo_bpm: None,
            layers: 3,
            intro: 2,
            outro: 2,
            stingers: [Stinger::Success, Stinger::Failure, Stinger::Notice].into(),
            model: None,
            candidates: sheet.candidates,
            temperature: sheet.temperature,
            top_p: sheet.top_p,
        }
    }
}

impl SetRequest {
    /// Checks every number against its range, and that what is asked goes together.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [
            ("bars", self.bars, LOOP_BARS),
            ("layers", self.layers, LAYERS),
            ("intro", self.intro, EDGE_BARS),
            ("outro", self.outro, EDGE_BARS),
            ("intro", self.intro, 0..=self.bars),
        ];
        for (what, count, range) in counts {
            let (lowest, highest) = (*range.start() as f64, *range.end() as f64);
            within(what, Some(count as f64), lowest, highest)?;
        }
        self.lead_sheet().check()?;
        match self.tempo_bpm {
            Some(bpm) => {
                let metre = self.meter.unwrap_or(Metre::COMMON);
                self.check_seconds(metre, Tempo::from_bpm(bpm))
            }
            None => Ok(()),
        }
    }

    /// Whether the loop with its introduction is of a length that a game can use.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] where it is not.
    pub fn check_seconds(&self, metre: Metre, tempo: Tempo) -> Result<(), Error> {
        let quarter_secs = f64::from(tempo.micros_per_quarter()) * 1e-6;
        let bar_secs = f64_from_quarters(metre.length()) * quarter_secs;
        let seconds = bar_secs * (self.bars + self.intro) as f64;
        let (shortest, longest) = (*LOOP_SECS.start(), *LOOP_SECS.end());
        let what = "the seconds of the loop and its introduction";
        within(what, Some(seconds), shortest, longest)
    }

    /// The lead sheet that the layers are made of: its melody and its chords.
    pub fn lead_sheet(&self) -> LeadSheetRequest {
        LeadSheetRequest {
            seed: self.seed,
            title: self.title.clone(),
            emotion: self.emotion.clone(),
            bars: Some(self.bars),
            meter: self.meter,
            key: self.key,
            tempo_bpm: self.tempo_bpm,
            accompaniment: Some(Accompaniment::None),
            model: self.model.clone(),
            candidates: self.candidates,
            temperature: self.temperature,
            top_p: self.top_p,
            ..LeadSheetRequest::default()
        }
    }
}

/// A short phrase in the key that says that something happened. It lies on notes that go with any chord of the key.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stinger {
    /// Upwards: it is done.
    Success,
    /// Downwards: it went wrong.
    Failure,
    /// Neither: look here.
    Notice,
    /// A run upwards that stays open: something was found.
    Discovery,
    /// Low and unresolved: beware.
    Danger,
}

impl Stinger {
    /// Every stinger.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Failure,
        Self::Notice,
        Self::Discovery,
        Self::Danger,
    ];

    /// The word that users write, and that files are called by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Notice => "notice",
            Self::Discovery => "discovery",
            Self::Danger => "danger",
        }
    }
}

impl fmt::Display for Stinger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stinger {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let word = text.trim();
        let is_it = |stinger: &Self| stinger.name().eq_ignore_ascii_case(word);
        Self::ALL
            .into_iter()
            .find(is_it)
            .ok_or_else(|| Error::Word {
                text: excerpt(text),
                expected: "a stinger: success, failure, notice, discovery, danger",
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_held_to_their_ranges() {
        assert!(SetRequest::default().check().is_ok());
        for wrong in [
            r#"{"bars": 1}"#,
            r#"{"bars": 129}"#,
            r#"{"layers": 0}"#,
            r#"{"layers": 7}"#,
            r#"{"intro": 9}"#,
            r#"{"bars": 4, "intro": 5}"#,
            r#"{"outro": 9}"#,
            r#"{"tempo_bpm": 9.0}"#,
            r#"{"candidates": 0}"#,
            r#"{"bars": 128, "tempo_bpm": 60.0}"#,
            r#"{"bars": 2, "intro": 0, "meter": "2/4", "tempo_bpm": 300.0}"#,
        ] {
            let request: SetRequest = serde_json::from_str(wrong).unwrap();
            assert!(
                matches!(request.check(), Err(Error::Range { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn stingers_are_words() {
        let read = |json: &str| serde_json::from_str::<SetRequest>(json);
        let request = read(r#"{"stingers": ["danger", "notice", "danger"]}"#).unwrap();
        assert_eq!(request.stingers, [Stinger::Notice, Stinger::Danger].into());
        assert!(read(r#"{"stingers": ["fanfare"]}"#).is_err() && read(r#"{"loops": 1}"#).is_err());
        for stinger in Stinger::ALL {
            assert_eq!(stinger.name().parse::<Stinger>().unwrap(), stinger);
        }
        assert!("fanfare".parse::<Stinger>().is_err());
    }
}
