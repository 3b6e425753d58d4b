use affetto_emotion::Vad;
use serde::{Deserialize, Serialize};

/// A quadrant of Russell's circumplex (1980), anticlockwise from the pleasant and awake one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quadrant {
    /// Pleasant and awake: joy.
    Q1,
    /// Unpleasant and awake: anger, fear.
    Q2,
    /// Unpleasant and calm: sadness.
    Q3,
    /// Pleasant and calm: contentment.
    Q4,
}

/// How much steeper a quadrant is entered near neutral than near the edge of the plane.
const GAIN: f64 = 1.5;

impl Quadrant {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Q1, Self::Q2, Self::Q3, Self::Q4];

    /// Its number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q1 => "Q1",
            Self::Q2 => "Q2",
            Self::Q3 => "Q3",
            Self::Q4 => "Q4",
        }
    }

    /// What it is.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Q1 => "pleasant and awake",
            Self::Q2 => "unpleasant and awake",
            Self::Q3 => "unpleasant and calm",
            Self::Q4 => "pleasant and calm",
        }
    }

    /// Whether it is pleasant.
    pub const fn is_pleasant(self) -> bool {
        matches!(self, Self::Q1 | Self::Q4)
    }

    /// Whether it is awake.
    pub const fn is_awake(self) -> bool {
        matches!(self, Self::Q1 | Self::Q2)
    }

    /// The quadrant of a point; nothing on an axis.
    pub fn of(point: Vad) -> Option<Self> {
        match (sign(point.valence())?, sign(point.arousal())?) {
            (true, true) => Some(Self::Q1),
            (false, true) => Some(Self::Q2),
            (false, false) => Some(Self::Q3),
            (true, false) => Some(Self::Q4),
        }
    }
}

/// Whether a number is above 0; nothing for 0.
fn sign(x: f64) -> Option<bool> {
    (x != 0.0).then_some(x > 0.0)
}

/// How far along an axis of the quadrants' centres a valence or arousal lies, -1 to 1: the quadrants stand for
/// the emotions that people name, most of which lie half way out, so the way there is steeper than beyond.
pub(super) fn strength(x: f64) -> f64 {
    x * (1.0 + GAIN) / (1.0 + GAIN * x.abs())
}

/// How much of each quadrant a point has, bilinear between their centres; they sum to 1.
pub(super) fn weights(point: Vad) -> [f64; 4] {
    let pleasant = (1.0 + strength(point.valence())) / 2.0;
    let awake = (1.0 + strength(point.arousal())) / 2.0;
    [
        pleasant * awake,
        (1.0 - pleasant) * awake,
        (1.0 - pleasant) * (1.0 - awake),
        pleasant * (1.0 - awake),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn point(valence: f64, arousal: f64) -> Vad {
        Vad::new(valence, arousal, 0.0).unwrap()
    }

    #[test]
    fn corners_are_pure_and_neutral_is_even() {
        for (corner, quadrant) in [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]
            .into_iter()
            .zip(Quadrant::ALL)
        {
            let weights = weights(point(corner.0, corner.1));
            assert_eq!(weights[quadrant as usize], 1.0);
            assert_eq!(Quadrant::of(point(corner.0, corner.1)), Some(quadrant));
            assert_eq!(
                (quadrant.is_pleasant(), quadrant.is_awake()),
                (corner.0 > 0.0, corner.1 > 0.0)
            );
        }
        assert_eq!(weights(Vad::NEUTRAL), [0.25; 4]);
        assert_eq!(Quadrant::of(point(0.5, 0.0)), None);
    }

    /// 0.5 of the way out is 0.5 * 2.5 / 1.75 of the way to the corner.
    #[test]
    fn strength_by_hand() {
        assert!((strength(0.5) - 1.25 / 1.75).abs() < 1e-15);
        assert_eq!(strength(-0.5), -strength(0.5));
    }
}
