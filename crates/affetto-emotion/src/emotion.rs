use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Curve, Error, Label, Mixture, Sample, TimeBase, Unit, Vad, mixture::parse_parts, track::one_of,
    vad::in_range,
};

/// What every generator takes: a point of the cube, the words for it if there are any, how strong
/// it is, and how it moves.
///
/// The point is what counts; the mixture says which of several emotions near it is meant. In
/// JSON an emotion is an object (see [`EmotionParts`]) or a text such as `"joy:0.7,awe:0.3"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Emotion {
    full: Vad,
    mixture: Option<Mixture>,
    intensity: f64,
    curve: Option<Curve>,
}

/// What a user says of an emotion, before it is one. Everything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmotionParts {
    /// How pleasant, -1 to 1; that of the words when absent, 0 without words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub valence: Option<f64>,
    /// How awake, -1 to 1; that of the words when absent, 0 without words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub arousal: Option<f64>,
    /// How much in control, -1 to 1; that of the words when absent, inferred without words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub dominance: Option<f64>,
    /// One word. Not beside `mixture`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Words and weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
    /// How strong, 0 (neutral) to 1, which is also the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub intensity: Option<f64>,
    /// How it moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

impl Emotion {
    /// Neutral, at full intensity.
    pub const NEUTRAL: Self = Self {
        full: Vad::NEUTRAL,
        mixture: None,
        intensity: 1.0,
        curve: None,
    };

    /// An emotion from words and weights: `joy`, `joy:0.7,awe:0.3`.
    ///
    /// Weights that sum to less than 1 leave the rest to neutral: `joy:0.5` is joy at intensity
    /// 0.5.
    ///
    /// ```
    /// use affetto_emotion::Emotion;
    ///
    /// let gentle = Emotion::parse("happy:0.5").unwrap();
    /// assert_eq!(gentle.intensity(), 0.5);
    /// assert_eq!(gentle.vad().valence(), 0.81 * 0.5);
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = parse_parts(text)?;
        let sum: f64 = parts.iter().map(|(_, weight)| weight).sum();
        let intensity = if sum < 1.0 - 1e-9 { sum } else { 1.0 };
        Self::from(Mixture::new(parts)?).with_intensity(intensity)
    }

    /// The same emotion at another intensity, 0 (neutral) to 1.
    pub fn with_intensity(self, intensity: f64) -> Result<Self, Error> {
        let intensity = in_range("intensity", intensity, 0.0, 1.0)?;
        Ok(Self { intensity, ..self })
    }

    /// The same emotion, moving.
    pub fn with_curve(self, curve: Curve) -> Self {
        let curve = Some(curve);
        Self { curve, ..self }
    }

    /// The point at its intensity, what a generator without a curve goes by.
    pub fn vad(&self) -> Vad {
        self.full.scaled(self.intensity)
    }

    /// The point at full intensity.
    pub const fn full_vad(&self) -> Vad {
        self.full
    }

    /// The words for it, if it was said in words.
    pub const fn mixture(&self) -> Option<&Mixture> {
        self.mixture.as_ref()
    }

    /// How strong, 0 (neutral) to 1.
    pub const fn intensity(&self) -> f64 {
        self.intensity
    }

    /// How it moves, if it does.
    pub const fn curve(&self) -> Option<&Curve> {
        self.curve.as_ref()
    }

    /// The still emotion at a position: what the curve names there, over what stays.
    ///
    /// Words of the curve bring their own point; numbers of the curve go before them; the
    /// intensities are multiplied. Tension and density are in [`Emotion::sample`].
    pub fn at(&self, at: f64, unit: Unit, base: &TimeBase) -> Self {
        let sample = self.sample(at, unit, base);
        let words = sample.mixture.as_ref().map(Mixture::vad);
        let [v, a, d] = words.unwrap_or(self.full).to_array();
        Self {
            full: Vad::clamped(
                sample.valence.unwrap_or(v),
                sample.arousal.unwrap_or(a),
                sample.dominance.unwrap_or(d),
            ),
            mixture: sample.mixture.or_else(|| self.mixture.clone()),
            intensity: self.intensity * sample.intensity.unwrap_or(1.0),
            curve: None,
        }
    }

    /// What the curve names at a position, all absent without a curve.
    pub fn sample(&self, at: f64, unit: Unit, base: &TimeBase) -> Sample {
        let curve = self.curve.as_ref();
        curve.map_or_else(Sample::default, |curve| curve.sample_in(at, unit, base))
    }
}

impl Default for Emotion {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

impl From<Vad> for Emotion {
    fn from(full: Vad) -> Self {
        Self {
            full,
            ..Self::NEUTRAL
        }
    }
}

impl From<Label> for Emotion {
    fn from(label: Label) -> Self {
        Mixture::pure(label).into()
    }
}

impl From<Mixture> for Emotion {
    fn from(mixture: Mixture) -> Self {
        Self {
            full: mixture.vad(),
            mixture: Some(mixture),
            ..Self::NEUTRAL
        }
    }
}

impl From<Curve> for Emotion {
    /// Neutral wherever the curve names nothing.
    fn from(curve: Curve) -> Self {
        Self::NEUTRAL.with_curve(curve)
    }
}

impl TryFrom<EmotionParts> for Emotion {
    type Error = Error;

    fn try_from(parts: EmotionParts) -> Result<Self, Error> {
        let mixture = one_of(parts.label, parts.mixture)?;
        let words = mixture.as_ref().map(Mixture::vad);
        let or_words = |named: Option<f64>, axis: fn(Vad) -> f64| named.or(words.map(axis));
        let full = Vad::from_partial(
            or_words(parts.valence, Vad::valence),
            or_words(parts.arousal, Vad::arousal),
            or_words(parts.dominance, Vad::dominance),
        )?;
        let still = Self {
            full,
            mixture,
            intensity: 1.0,
            curve: parts.curve,
        };
        still.with_intensity(parts.intensity.unwrap_or(1.0))
    }
}

impl From<Emotion> for EmotionParts {
    fn from(emotion: Emotion) -> Self {
        let [v, a, d] = emotion.full.to_array();
        Self {
            valence: Some(v),
            arousal: Some(a),
            dominance: Some(d),
            label: None,
            mixture: emotion.mixture,
            intensity: Some(emotion.intensity),
            curve: emotion.curve,
        }
    }
}

impl FromStr for Emotion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Serialize for Emotion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EmotionParts::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Emotion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmotionVisitor)
    }
}

struct EmotionVisitor;

impl<'de> de::Visitor<'de> for EmotionVisitor {
    type Value = Emotion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an emotion: an object, or a text such as joy:0.7,awe:0.3")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Emotion, E> {
        Emotion::parse(text).map_err(|error| E::custom(error.with_hint()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Emotion, A::Error> {
        let parts = EmotionParts::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Emotion::try_from(parts).map_err(|error| de::Error::custom(error.with_hint()))
    }
}

impl JsonSchema for Emotion {
    fn schema_name() -> Cow<'static, str> {
        "Emotion".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let parts = generator.subschema_for::<EmotionParts>();
        json_schema!({
            "description": "An emotion, by words, by numbers, or both",
            "anyOf": [parts, { "type": "string", "examples": ["joy:0.7,awe:0.3"] }],
        })
    }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;
    use crate::{Channel, Taxonomy};

    #[test]
    fn weights_below_one_are_an_intensity() {
        let emotion = Emotion::parse("joy:0.3,awe:0.1").unwrap();
        assert!((emotion.intensity() - 0.4).abs() < 1e-12);
        assert_eq!(emotion.mixture().unwrap().parts()[0].1, 0.3 / (0.3 + 0.1));
        assert_eq!(Emotion::parse("joy,awe").unwrap().intensity(), 1.0);
        assert_eq!(Emotion::parse("joy:0.7,awe:0.3").unwrap().intensity(), 1.0);
    }

    #[test]
    fn intensity_scales_towards_neutral() {
        let joy = Emotion::from(Taxonomy::Ekman.resolve("joy").unwrap());
        let none = joy.clone().with_intensity(0.0).unwrap();
        assert_eq!(none.vad(), Vad::NEUTRAL);
        assert_eq!(none.full_vad(), joy.vad());
        assert!(joy.with_intensity(1.1).is_err());
    }

    #[test]
    fn numbers_go_before_words() {
        let parts = EmotionParts {
            label: Some(Label::parse("joy").unwrap()),
            arousal: Some(-0.2),
            ..EmotionParts::default()
        };
        let emotion = Emotion::try_from(parts).unwrap();
        assert_eq!(emotion.vad().to_array(), [0.76, -0.2, 0.35]);
    }

    /// At bar 1 of 2 valence is half way from -1 to 1, the rest is joy's at half intensity.
    #[test]
    fn a_moving_emotion_by_hand() {
        let curve = Curve::parse(Channel::Valence, Unit::Bars, None, "0:-1, 2:1").unwrap();
        let emotion = Emotion::parse("joy:0.5").unwrap().with_curve(curve);
        let base = TimeBase::new(0.5, 4.0, Ratio::new(24, 1)).unwrap();
        let still = emotion.at(2.0, Unit::Seconds, &base);
        assert_eq!(still.vad().to_array(), [0.0, 0.24, 0.175]);
        assert_eq!(still.curve(), None);
    }

    #[test]
    fn json_round_trip() {
        let curve = Curve::parse(Channel::Density, Unit::Beats, None, "0:0.1, 3:0.7").unwrap();
        let emotion = Emotion::parse("joy:0.3,awe:0.1").unwrap().with_curve(curve);
        let json = serde_json::to_string(&emotion).unwrap();
        assert_eq!(serde_json::from_str::<Emotion>(&json).unwrap(), emotion);
        let read = |text| serde_json::from_str::<Emotion>(text);
        assert_eq!(read("\"joy\"").unwrap(), Emotion::parse("joy").unwrap());
        assert!(read(r#"{"valence": 0.5}"#).unwrap().vad().dominance() != 0.0);
        for text in [
            r#"{"valence": 3}"#,
            r#"{"valance": 0}"#,
            r#"{"label": "joyy"}"#,
            r#"{"label": "joy", "mixture": {"joy": 1}}"#,
            r#"{"intensity": -1}"#,
            r#"{"curve": {"schema": "emotion-track/1", "time": "bars", "keys": []}}"#,
            "\"\"",
            "7",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_schema_is_one() {
        let schema = schemars::schema_for!(Emotion).to_value();
        assert!(schema["$defs"]["EmotionParts"]["properties"]["curve"].is_object());
    }
}
