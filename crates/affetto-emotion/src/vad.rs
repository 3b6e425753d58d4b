use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Posterior};

/// A point of the valence-arousal-dominance cube, each axis in [-1, 1].
///
/// Valence is how pleasant, arousal how awake, dominance how much in control: the pleasure,
/// arousal and dominance of Russell & Mehrabian, "Evidence for a three-factor theory of emotions"
/// (1977), whose scale this is. The origin is neutral.
///
/// Reading JSON, absent valence and arousal are 0 and absent dominance is inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "VadFile")]
pub struct Vad {
    valence: f64,
    arousal: f64,
    dominance: f64,
}

/// `Vad` as a file holds it, before its checks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VadFile {
    /// How pleasant, -1 to 1; 0 when absent.
    #[schemars(range(min = -1.0, max = 1.0))]
    valence: Option<f64>,
    /// How awake, -1 to 1; 0 when absent.
    #[schemars(range(min = -1.0, max = 1.0))]
    arousal: Option<f64>,
    /// How much in control, -1 to 1; inferred from the other two when absent.
    #[schemars(range(min = -1.0, max = 1.0))]
    dominance: Option<f64>,
}

impl Vad {
    /// Neither pleasant nor unpleasant, neither awake nor asleep.
    pub const NEUTRAL: Self = Self {
        valence: 0.0,
        arousal: 0.0,
        dominance: 0.0,
    };

    /// A point of the cube; an axis outside [-1, 1] or not a number is an error.
    pub fn new(valence: f64, arousal: f64, dominance: f64) -> Result<Self, Error> {
        Ok(Self {
            valence: in_range("valence", valence, -1.0, 1.0)?,
            arousal: in_range("arousal", arousal, -1.0, 1.0)?,
            dominance: in_range("dominance", dominance, -1.0, 1.0)?,
        })
    }

    /// The point nearest to the given one inside the cube; what is not a number becomes 0.
    pub fn clamped(valence: f64, arousal: f64, dominance: f64) -> Self {
        let clamp = |x: f64| if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) };
        Self {
            valence: clamp(valence),
            arousal: clamp(arousal),
            dominance: clamp(dominance),
        }
    }

    /// What a user named: absent valence and arousal are 0, absent dominance is what the other
    /// two let expect ([`Posterior::infer_dominance`] over the 151 terms), and 0 when nothing was
    /// named.
    pub fn from_partial(
        valence: Option<f64>,
        arousal: Option<f64>,
        dominance: Option<f64>,
    ) -> Result<Self, Error> {
        let point = Self::new(
            valence.unwrap_or(0.0),
            arousal.unwrap_or(0.0),
            dominance.unwrap_or(0.0),
        )?;
        let inferred = dominance.is_none() && (valence.is_some() || arousal.is_some());
        Ok(if inferred {
            point.with_inferred_dominance()
        } else {
            point
        })
    }

    /// The same valence and arousal with the dominance they let expect.
    fn with_inferred_dominance(self) -> Self {
        let dominance = Posterior::pad151().infer_dominance(self.valence, self.arousal);
        Self { dominance, ..self }
    }

    /// How pleasant, in [-1, 1].
    pub const fn valence(self) -> f64 {
        self.valence
    }

    /// How awake, in [-1, 1].
    pub const fn arousal(self) -> f64 {
        self.arousal
    }

    /// How much in control, in [-1, 1].
    pub const fn dominance(self) -> f64 {
        self.dominance
    }

    /// Valence, arousal, dominance.
    pub const fn to_array(self) -> [f64; 3] {
        [self.valence, self.arousal, self.dominance]
    }

    /// The point moved towards neutral: `intensity` 1 keeps it, 0 is neutral.
    pub fn scaled(self, intensity: f64) -> Self {
        let [v, a, d] = self.to_array().map(|x| x * intensity);
        Self::clamped(v, a, d)
    }

    /// The Euclidean distance, 0 to 2 times the root of 3.
    pub fn distance(self, other: Self) -> f64 {
        let square = |(a, b): (f64, f64)| (a - b).powi(2);
        let axes = self.to_array().into_iter().zip(other.to_array());
        axes.map(square).sum::<f64>().sqrt()
    }

    /// The mean of weighted points; neutral when the weights sum to 0.
    pub fn weighted_mean(points: impl IntoIterator<Item = (Self, f64)>) -> Self {
        let mut sum = [0.0; 3];
        let mut total = 0.0;
        for (point, weight) in points {
            total += weight;
            for (sum, x) in sum.iter_mut().zip(point.to_array()) {
                *sum += weight * x;
            }
        }
        if total <= 0.0 {
            return Self::NEUTRAL;
        }
        let [v, a, d] = sum.map(|x| x / total);
        Self::clamped(v, a, d)
    }
}

/// `value` when it lies in the closed interval, else an error that names it.
pub(crate) fn in_range(what: &str, value: f64, low: f64, high: f64) -> Result<f64, Error> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(Error::OutOfRange {
        what: what.into(),
        value,
        low,
        high,
    })
}

impl TryFrom<VadFile> for Vad {
    type Error = Error;

    fn try_from(file: VadFile) -> Result<Self, Error> {
        Self::from_partial(file.valence, file.arousal, file.dominance)
    }
}

impl JsonSchema for Vad {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Vad".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        VadFile::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_the_cube_is_refused_by_name() {
        let error = Vad::new(0.0, 1.5, 0.0).unwrap_err();
        assert_eq!(error.to_string(), "arousal is 1.5, must be from -1 to 1");
        assert!(Vad::new(f64::NAN, 0.0, 0.0).is_err());
    }

    #[test]
    fn json_round_trip() {
        let vad = Vad::new(0.1, -0.7, 0.333_333_333_333_333_3).unwrap();
        let text = serde_json::to_string(&vad).unwrap();
        assert_eq!(serde_json::from_str::<Vad>(&text).unwrap(), vad);
        assert!(serde_json::from_str::<Vad>(r#"{"valance": 1}"#).is_err());
        assert!(serde_json::from_str::<Vad>(r#"{"valence": 2}"#).is_err());
    }

    #[test]
    fn nothing_named_is_neutral_and_low_valence_is_not_in_control() {
        assert_eq!(Vad::from_partial(None, None, None).unwrap(), Vad::NEUTRAL);
        let low = Vad::from_partial(Some(-0.7), None, None).unwrap();
        assert!(low.dominance() < -0.1, "{low:?}");
    }

    #[test]
    fn weighted_mean_by_hand() {
        let a = Vad::new(1.0, 0.0, -1.0).unwrap();
        let b = Vad::new(0.0, 0.5, 0.0).unwrap();
        let mean = Vad::weighted_mean([(a, 1.0), (b, 3.0)]);
        assert_eq!(mean.to_array(), [0.25, 0.375, -0.25]);
    }
}
