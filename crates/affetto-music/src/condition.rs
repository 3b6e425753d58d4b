//! What a request for a lead sheet may say.

use std::{fmt, path::PathBuf, str::FromStr};

use affetto_attributes::ValenceClass;
use affetto_core::Seed;
use affetto_emotion::{Channel, Curve, Emotion};
use affetto_media::{Key, Metre, Quarters, Tempo};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    Error, arrange::Accompaniment, candidates::CANDIDATES, form::Form, next_token::Sampling,
    tokens::Style,
};

/// The fewest and most bars of one request.
pub const BARS: std::ops::RangeInclusive<usize> = 1..=256;

/// A request for a lead sheet. Only what is given is enforced; the rest is chosen by the emotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeadSheetRequest {
    /// The same seed gives the same music.
    pub seed: Seed,
    /// The title written into the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The emotion; a curve in it may name valence, arousal, density and tension over the bars.
    pub emotion: Emotion,
    /// How awake, -1 to 1, or a curve over the bars, in place of what the emotion says: a number sets tempo, range,
    /// density and loudness of the whole, a curve also moves the density and the loudness of each bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arousal: Option<Control>,
    /// Whether valence is enforced bar by bar (in classes) instead of steered as a mean.
    pub pin_valence: bool,
    /// Valence classes, -2 to 2, one a bar (or one for all): enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = -2, max = 2)))]
    pub valence_levels: Option<Vec<i8>>,
    /// Full bars, 1..=256; 16 where nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub bars: Option<usize>,
    /// The time signature; 4/4 where nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<Metre>,
    /// Length of a pick-up in quarter notes, a numerator and a denominator; below a bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<[i64; 2]>")]
    pub pickup: Option<Quarters>,
    /// The key; chosen by valence where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Quarter notes per minute, 10..=600; chosen by arousal where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10.0, max = 600.0))]
    pub tempo_bpm: Option<f64>,
    /// The melody's range; chosen by arousal where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<PitchRange>,
    /// Events in a bar, 0 (a whole note) to 1 (eighths): enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub density: Option<Control>,
    /// Harmonic tension, 0..=1: steered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tension: Option<Control>,
    /// The kind of song.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// The form, for example AABA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// A file whose melody is kept and harmonised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<PathBuf>,
    /// Chords to write a melody over: `Dm7 G7 | Cmaj7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chords: Option<String>,
    /// A file to go on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_from: Option<PathBuf>,
    /// Bars of `fill_in` to write anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<BarRange>,
    /// The file whose bars are filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_in: Option<PathBuf>,
    /// How the chords are played; chosen by metre and arousal where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accompaniment: Option<Accompaniment>,
    /// Small deviations of timing and loudness, 0 (none) to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub humanize: f64,
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

impl Default for LeadSheetRequest {
    fn default() -> Self {
        Self {
            seed: Seed(0),
            title: None,
            emotion: Emotion::NEUTRAL,
            arousal: None,
            pin_valence: false,
            valence_levels: None,
            bars: None,
            meter: None,
            pickup: None,
            key: None,
            tempo_bpm: None,
            range: None,
            density: None,
            tension: None,
            style: None,
            form: None,
            keep: None,
            chords: None,
            continue_from: None,
            fill: None,
            fill_in: None,
            accompaniment: None,
            humanize: 0.0,
            model: None,
            candidates: 24,
            temperature: 1.0,
            top_p: 0.99,
        }
    }
}

/// A number, or a curve over the bars.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Control {
    /// The same throughout.
    Constant(#[schemars(range(min = -1.0, max = 1.0))] f64),
    /// Keyframes.
    Curve(Curve),
}

/// Reads either by its form, so that what is wrong with a curve is said.
impl<'de> Deserialize<'de> for Control {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ControlVisitor)
    }
}

struct ControlVisitor;

impl<'de> de::Visitor<'de> for ControlVisitor {
    type Value = Control;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a curve")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Control, E> {
        Ok(Control::Constant(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Control, E> {
        Ok(Control::Constant(number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Control, E> {
        Ok(Control::Constant(number as f64))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Control, A::Error> {
        let curve = Curve::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Control::Curve(curve))
    }
}

/// The lowest and highest pitch of a melody, MIDI numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("examples" = ["C4-G5", "60-79"]))]
pub struct PitchRange {
    /// The lowest pitch.
    pub lowest: u8,
    /// The highest pitch, not below the lowest.
    pub highest: u8,
}

impl FromStr for PitchRange {
    type Err = Error;

    /// `C4-G5` or `60-79`; C4 is 60.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Word {
            text: excerpt(text),
            expected: "a pitch range such as C4-G5 or 60-79",
        };
        // The dash between the pitches is the last one: C-1 has one of its own.
        let at = text.trim().rfind(['-', '–']).ok_or_else(refuse)?;
        let (lowest, highest) = text.trim().split_at(at);
        let highest = highest.trim_start_matches(['-', '–']);
        let pair = pitch_from_text(lowest).zip(pitch_from_text(highest));
        let (lowest, highest) = pair.ok_or_else(refuse)?;
        if lowest > highest {
            return Err(refuse());
        }
        Ok(Self { lowest, highest })
    }
}

fn pitch_from_text(text: &str) -> Option<u8> {
    let text = text.trim();
    if let Ok(number) = text.parse::<u8>() {
        return (number <= 127).then_some(number);
    }
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let octave_at = if text[..digits].ends_with('-') {
        digits - 1
    } else {
        digits
    };
    let name: affetto_media::PitchName = text[..octave_at].parse().ok()?;
    let octave: i32 = text[octave_at..].parse().ok()?;
    let pitch = (octave + 1) * 12 + i32::from(name.step.pitch_class()) + i32::from(name.alter);
    u8::try_from(pitch).ok().filter(|pitch| *pitch <= 127)
}

impl fmt::Display for PitchRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.lowest, self.highest)
    }
}

impl TryFrom<String> for PitchRange {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<PitchRange> for String {
    fn from(range: PitchRange) -> Self {
        range.to_string()
    }
}

/// Bars counted from 1, both ends included: `5-8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("examples" = ["5-8"]))]
pub struct BarRange {
    /// The first bar, from 1.
    pub first: usize,
    /// The last bar, not below the first.
    pub last: usize,
}

impl FromStr for BarRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bounds = match text.trim().split_once('-') {
            Some((first, last)) => first.trim().parse().ok().zip(last.trim().parse().ok()),
            None => text.trim().parse().ok().map(|bar| (bar, bar)),
        };
        match bounds {
            Some((first, last)) if 1 <= first && first <= last => Ok(Self { first, last }),
            _ => Err(Error::Word {
                text: excerpt(text),
                expected: "bars such as 5-8, counted from 1",
            }),
        }
    }
}

impl fmt::Display for BarRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl TryFrom<String> for BarRange {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<BarRange> for String {
    fn from(range: BarRange) -> Self {
        range.to_string()
    }
}

impl LeadSheetRequest {
    /// Checks every number against its range, and that what is asked goes together.
    pub fn check(&self) -> Result<(), Error> {
        within(
            "bars",
            self.bars.map(|bars| bars as f64),
            *BARS.start() as f64,
            *BARS.end() as f64,
        )?;
        let tempo = Tempo::RANGE_BPM;
        within("tempo_bpm", self.tempo_bpm, *tempo.start(), *tempo.end())?;
        within("humanize", Some(self.humanize), 0.0, 1.0)?;
        let candidates = CANDIDATES;
        within(
            "candidates",
            Some(self.candidates as f64),
            *candidates.start() as f64,
            *candidates.end() as f64,
        )?;
        within("temperature", Some(self.temperature), 0.01, 2.0)?;
        within("top_p", Some(self.top_p), 0.01, 1.0)?;
        for (channel, control) in [
            (Channel::Arousal, &self.arousal),
            (Channel::Density, &self.density),
            (Channel::Tension, &self.tension),
        ] {
            if let Some(Control::Constant(value)) = control {
                let (lowest, highest) = channel.range();
                within(channel.name(), Some(*value), lowest, highest)?;
            }
        }
        for level in self.valence_levels.iter().flatten() {
            within("valence_levels", Some(f64::from(*level)), -2.0, 2.0)?;
        }
        self.check_together()
    }

    /// How freely tokens are drawn.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            ..Sampling::default()
        }
    }

    fn check_together(&self) -> Result<(), Error> {
        let given = [
            ("keep", self.keep.is_some()),
            ("chords", self.chords.is_some()),
            ("continue_from", self.continue_from.is_some()),
            ("fill_in", self.fill_in.is_some()),
        ];
        let named: Vec<&str> = given
            .iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| *name)
            .collect();
        if let [first, second, ..] = named[..] {
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

    /// The classes that `valence_levels` names.
    pub fn levels(&self) -> Option<Vec<ValenceClass>> {
        let levels = self.valence_levels.as_ref()?;
        levels
            .iter()
            .map(|level| ValenceClass::from_number(*level))
            .collect()
    }
}

/// The beginning of a text, for a message of one line.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

pub(crate) fn within(
    what: &'static str,
    value: Option<f64>,
    lowest: f64,
    highest: f64,
) -> Result<(), Error> {
    match value {
        Some(value) if !(lowest..=highest).contains(&value) => Err(Error::Range {
            what,
            value,
            lowest,
            highest,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let read = |text: &str| {
            text.parse::<PitchRange>()
                .map(|range| (range.lowest, range.highest))
        };
        assert_eq!(read("C4-G5").unwrap(), (60, 79));
        assert_eq!(read("60-79").unwrap(), (60, 79));
        assert_eq!(read("Bb3-F#5").unwrap(), (58, 78));
        for nonsense in ["", "C4", "G5-C4", "C4-Q5", "200-300"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
        assert!("0-3".parse::<BarRange>().is_err() && "8-5".parse::<BarRange>().is_err());
    }

    #[test]
    fn what_is_wrong_with_a_curve_is_said() {
        let read = |control: &str| {
            let json = format!(r#"{{"tension": {control}}}"#);
            serde_json::from_str::<LeadSheetRequest>(&json).map(|request| request.tension)
        };
        assert_eq!(read("1").unwrap(), Some(Control::Constant(1.0)));
        assert_eq!(read("-0.5").unwrap(), Some(Control::Constant(-0.5)));
        let key =
            r#"{"schema": "emotion-track/1", "time": "bars", "keys": [{"t": 8, "tension": 1}]}"#;
        assert!(matches!(read(key).unwrap(), Some(Control::Curve(_))));
        let error = read(&key.replace("bars", "miles")).unwrap_err().to_string();
        assert!(error.contains("miles"), "{error}");
        let error = read(r#""loud""#).unwrap_err().to_string();
        assert!(error.contains("a number, or a curve"), "{error}");
    }

    #[test]
    fn a_request_survives_json() {
        let request = LeadSheetRequest {
            bars: Some(8),
            meter: Some("6/8".parse().unwrap()),
            pickup: Some(Quarters::new(1, 2)),
            range: Some("C4-G5".parse().unwrap()),
            density: Some(Control::Constant(0.5)),
            form: Some("AABA".parse().unwrap()),
            ..LeadSheetRequest::default()
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(
            serde_json::from_str::<LeadSheetRequest>(&json).unwrap(),
            request
        );
        assert!(serde_json::from_str::<LeadSheetRequest>("{\"bras\": 8}").is_err());
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let both = LeadSheetRequest {
            keep: Some("a.mid".into()),
            chords: Some("C".into()),
            ..LeadSheetRequest::default()
        };
        assert!(matches!(
            both.check(),
            Err(Error::Contradiction {
                first: "keep",
                second: "chords"
            })
        ));
        let far = LeadSheetRequest {
            bars: Some(1000),
            ..LeadSheetRequest::default()
        };
        assert!(matches!(
            far.check(),
            Err(Error::Range { what: "bars", .. })
        ));
    }
}
