//! The file format `emotion-track/1`.
//!
//! ```json
//! {"schema": "emotion-track/1", "time": "seconds",
//!  "keys": [{"t": 0, "valence": -0.6, "arousal": -0.3, "intensity": 0.5},
//!           {"t": 4.0, "valence": 0.7, "label": "joy", "ease": "smooth"}]}
//! ```

use std::{collections::BTreeMap, path::Path};

use affetto_core::read_limited;
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Curve, Easing, Error, Key, Label, Mixture, Unit, audio2face, curve::check_count, strict,
    time::parse_frame_rate,
};

/// The name and version of the format.
pub const SCHEMA: &str = "emotion-track/1";

/// The largest curve file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// A curve as a file holds it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "emotion-track/1", extend("patternProperties" = {"^x-": true}))]
pub(crate) struct TrackFile {
    /// The format, always `emotion-track/1`.
    #[schemars(extend("const" = SCHEMA))]
    schema: String,
    /// What `t` counts, from 0.
    time: Unit,
    /// Frames per second, a number or a fraction such as "30000/1001"; needed where `time` is
    /// frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fps: Option<Fps>,
    /// The keys, in order of `t`, each `t` once.
    #[schemars(length(min = 1, max = 10_000))]
    keys: Vec<KeyFile>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number or a fraction such as \"30000/1001\""
)]
enum Fps {
    Number(f64),
    Fraction(String),
}

/// A mixture as a file holds it: its words are looked up later, so that an unknown one keeps its
/// hint.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected an object of labels and weights, or a text"
)]
enum MixtureFile {
    Text(String),
    Weights(BTreeMap<String, f64>),
}

/// A key as a file holds it. At least one value is there.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(rename = "Key")]
#[schemars(extend("patternProperties" = {"^x-": true}))]
struct KeyFile {
    /// Where, in the unit that `time` names.
    #[schemars(range(min = 0.0))]
    t: f64,
    /// How pleasant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    valence: Option<f64>,
    /// How awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    arousal: Option<f64>,
    /// How much in control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    dominance: Option<f64>,
    /// How strong, where 0 is neutral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    intensity: Option<f64>,
    /// How tense the harmony is; music only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    tension: Option<f64>,
    /// How many notes there are; music only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    density: Option<f64>,
    /// Which emotion, as one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Label>")]
    label: Option<String>,
    /// Which emotions, as words and weights. Not beside `label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Mixture>")]
    mixture: Option<MixtureFile>,
    /// The way to the next key; linear when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    ease: Easing,
}

fn is_default(ease: &Easing) -> bool {
    *ease == Easing::default()
}

const TRACK_FIELDS: [&str; 4] = ["schema", "time", "fps", "keys"];

#[rustfmt::skip]
const KEY_FIELDS: [&str; 10] = [
    "t", "valence", "arousal", "dominance", "intensity", "tension", "density", "label", "mixture",
    "ease",
];

impl Curve {
    /// Reads a curve file of at most 1 MiB: a configuration of Audio2Face-3D if its name ends in
    /// `.yaml` or `.yml`, else `emotion-track/1`. An error names the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let extension = path
            .extension()
            .map(|extension| extension.to_ascii_lowercase());
        let yaml = extension.is_some_and(|extension| extension == "yaml" || extension == "yml");
        let bytes = read_limited(path, MAX_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|_| Error::NotText);
        let curve = text.and_then(|text| {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text); // a byte order mark
            if yaml {
                Self::from_a2f_yaml(text)
            } else {
                Self::from_json(text)
            }
        });
        curve.map_err(|source| Error::InFile {
            path: path.into(),
            source: Box::new(source),
        })
    }

    /// Reads `emotion-track/1`. Unknown fields are errors, except private ones that begin with `x-`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let mut value = strict::value(text)?;
        check_schema(value.get("schema"))?;
        let keys = match value.get_mut("keys") {
            Some(Value::Array(keys)) => std::mem::take(keys),
            _ => Vec::new(), // absent or of another type, which the next line reports
        };
        let track: TrackFile = strict::typed(value, &TRACK_FIELDS)?;
        check_count(keys.len())?;
        let keys = keys.into_iter().enumerate().map(|(index, value)| {
            let key = strict::typed::<KeyFile>(value, &KEY_FIELDS).and_then(Key::try_from);
            key.map_err(|error| error.in_key(index))
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Self::new(track.time, track.fps.map(Fps::parse).transpose()?, keys)
    }

    /// Reads the `emotion_with_timecode_list` of a configuration of NVIDIA Audio2Face-3D.
    ///
    /// Each entry is a key at its `time_code` in seconds: the ten emotions, absent ones 0, become the
    /// mixture, and their sum, at most 1, times `emotion_strength` the intensity. An emotion begins
    /// at its time code and is reached `live_transition_time` seconds later; `beginning_emotion` is
    /// the one before. What concerns emotions inferred from the voice (`emotion_contrast`,
    /// `max_emotions`, `live_blend_coef`) and the face changes nothing here.
    pub fn from_a2f_yaml(text: &str) -> Result<Self, Error> {
        audio2face::read(text)
    }

    /// Writes `emotion-track/1`, which [`Curve::from_json`] reads as the same curve.
    pub fn to_json(&self) -> String {
        let file = TrackFile::from(self.clone());
        serde_json::to_string_pretty(&file).expect("numbers, words and plain maps are JSON") + "\n"
    }

    /// The JSON Schema of `emotion-track/1`.
    pub fn json_schema() -> Schema {
        schema_for!(TrackFile)
    }
}

fn check_schema(found: Option<&Value>) -> Result<(), Error> {
    if found.and_then(Value::as_str) == Some(SCHEMA) {
        return Ok(());
    }
    let shown = found.map_or_else(|| "absent".into(), ToString::to_string);
    Err(Error::Schema {
        found: shown.chars().take(80).collect(),
        expected: SCHEMA,
    })
}

impl Fps {
    fn parse(self) -> Result<crate::FrameRate, Error> {
        match self {
            Self::Number(number) => parse_frame_rate(&number.to_string()),
            Self::Fraction(text) => parse_frame_rate(&text),
        }
    }
}

impl TryFrom<KeyFile> for Key {
    type Error = Error;

    fn try_from(file: KeyFile) -> Result<Self, Error> {
        Ok(Self {
            at: file.t,
            valence: file.valence,
            arousal: file.arousal,
            dominance: file.dominance,
            intensity: file.intensity,
            tension: file.tension,
            density: file.density,
            mixture: one_of(
                file.label.map(|word| Label::parse(&word)).transpose()?,
                file.mixture.map(Mixture::try_from).transpose()?,
            )?,
            ease: file.ease,
        })
    }
}

impl TryFrom<MixtureFile> for Mixture {
    type Error = Error;

    fn try_from(file: MixtureFile) -> Result<Self, Error> {
        match file {
            MixtureFile::Text(text) => Self::parse(&text),
            MixtureFile::Weights(weights) => Self::from_words(weights),
        }
    }
}

impl From<&Mixture> for MixtureFile {
    fn from(mixture: &Mixture) -> Self {
        let parts = mixture.parts().iter();
        Self::Weights(parts.map(|(label, weight)| (label.id(), *weight)).collect())
    }
}

/// The mixture of a label or of a mixture; both is an error.
pub(crate) fn one_of(
    label: Option<Label>,
    mixture: Option<Mixture>,
) -> Result<Option<Mixture>, Error> {
    match (label, mixture) {
        (Some(_), Some(_)) => Err(Error::LabelAndMixture),
        (label, mixture) => Ok(mixture.or(label.map(Mixture::pure))),
    }
}

impl From<Key> for KeyFile {
    fn from(key: Key) -> Self {
        let pure = |mixture: &Mixture| matches!(mixture.parts(), [(_, weight)] if *weight == 1.0);
        let (label, mixture) = match &key.mixture {
            Some(mixture) if pure(mixture) => (Some(mixture.strongest().id()), None),
            mixture => (None, mixture.as_ref().map(MixtureFile::from)),
        };
        Self {
            t: key.at,
            valence: key.valence,
            arousal: key.arousal,
            dominance: key.dominance,
            intensity: key.intensity,
            tension: key.tension,
            density: key.density,
            label,
            mixture,
            ease: key.ease,
        }
    }
}

impl From<Curve> for TrackFile {
    fn from(curve: Curve) -> Self {
        Self {
            schema: SCHEMA.into(),
            time: curve.unit(),
            fps: curve.fps().map(|fps| Fps::Fraction(fps.to_string())),
            keys: curve.keys().iter().cloned().map(KeyFile::from).collect(),
        }
    }
}

impl TryFrom<TrackFile> for Curve {
    type Error = Error;

    fn try_from(file: TrackFile) -> Result<Self, Error> {
        check_schema(Some(&Value::String(file.schema)))?;
        let keys = file.keys.into_iter().map(Key::try_from);
        let fps = file.fps.map(Fps::parse).transpose()?;
        Self::new(file.time, fps, keys.collect::<Result<_, _>>()?)
    }
}

impl Serialize for Curve {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TrackFile::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = TrackFile::deserialize(deserializer)?;
        Self::try_from(file).map_err(|error| serde::de::Error::custom(error.with_hint()))
    }
}

impl JsonSchema for Curve {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EmotionTrack".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> Schema {
        TrackFile::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Hint;

    use super::*;

    const TRACK: &str = r#"{"schema": "emotion-track/1", "time": "frames", "fps": "30000/1001",
        "x-editor": {"zoom": 3},
        "keys": [{"t": 0, "valence": -0.6, "arousal": -0.3, "intensity": 0.5, "ease": "hold"},
                 {"t": 12.25, "mixture": {"joy": 0.7, "awe": 0.3}, "tension": 0.1, "x-note": 1},
                 {"t": 4e2, "label": "Happy", "density": 1, "ease": "smooth"}]}"#;

    #[test]
    fn read_write_read() {
        let curve = Curve::from_json(TRACK).unwrap();
        assert_eq!(curve.keys().len(), 3);
        assert_eq!(
            curve.keys()[2].mixture.as_ref().unwrap().strongest().id(),
            "mead/happy"
        );
        assert_eq!(Curve::from_json(&curve.to_json()).unwrap(), curve);
        let value = serde_json::to_value(&curve).unwrap();
        assert_eq!(serde_json::from_value::<Curve>(value).unwrap(), curve);
    }

    #[test]
    fn an_unknown_field_is_named_with_the_nearest() {
        let text = TRACK.replace("\"tension\"", "\"tention\"");
        let error = Curve::from_json(&text).unwrap_err();
        assert_eq!(error.to_string(), "key 1: unknown field \"tention\"");
        assert_eq!(error.hint().unwrap(), "did you mean tension?");
    }

    #[test]
    fn errors_say_which_key() {
        let say = |from, to| {
            Curve::from_json(&TRACK.replace(from, to))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            say("-0.6", "-6"),
            "key 0: valence is -6, must be from -1 to 1"
        );
        assert_eq!(
            say("4e2", "12"),
            "key 2: at 12, must be after the key before it at 12.25"
        );
        assert_eq!(
            say("\"mixture\"", "\"label\": \"joy\", \"mixture\""),
            "key 1: both a label and a mixture are named"
        );
        assert!(say("Happy", "Hapy").contains("key 2: ") && say("Happy", "Hapy").contains("hapy"));
        assert!(say("track/1", "track/2").starts_with("schema is \"emotion-track/2\""));
    }

    #[test]
    fn the_schema_has_the_fields_that_are_known() {
        let schema = Curve::json_schema().to_value();
        let names = |place: &Value| {
            let fields = place["properties"].as_object().unwrap();
            let mut names: Vec<String> = fields.keys().cloned().collect();
            names.sort();
            names
        };
        let sorted = |known: &[&str]| {
            let mut known: Vec<String> = known.iter().map(ToString::to_string).collect();
            known.sort();
            known
        };
        assert_eq!(names(&schema), sorted(&TRACK_FIELDS));
        assert_eq!(names(&schema["$defs"]["Key"]), sorted(&KEY_FIELDS));
    }
}
