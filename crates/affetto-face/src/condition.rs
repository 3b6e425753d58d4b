//! What a request for another feeling in a take may say.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use affetto_core::Seed;
use affetto_emotion::Emotion;
use affetto_media::rig::Shape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, facs::ActionUnit};

/// The longest attack or release, in seconds.
pub const LONGEST_RAMP_SECS: f64 = 60.0;

/// A request for another feeling in a take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FaceRequest {
    /// Chooses the half of the face that leads, where none is given.
    pub seed: Seed,
    /// The take.
    pub take: PathBuf,
    /// The emotion; a curve in it moves from frame to frame.
    pub emotion: Emotion,
    /// Action units that are as strong as given here, 0..=1, whatever the emotion asks of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<ActionUnit, f64>,
    /// Regions that stay as they are.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub locks: BTreeSet<Region>,
    /// The half of the face that leads in emotions that are shown on one side, contempt for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads: Option<Half>,
    /// Seconds in which the emotion comes at the beginning, 0..=60.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub attack_secs: f64,
    /// Seconds in which it goes at the end, 0..=60.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub release_secs: f64,
    /// Frames per second, such as `60` or `30000/1001`, where the take does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<String>,
}

/// A half of the face, the subject's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

impl Half {
    /// Every half.
    pub const ALL: [Self; 2] = [Self::Left, Self::Right];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The half that a shape moves; nothing where it moves both, be it to one side.
    pub fn of(shape: Shape) -> Option<Self> {
        use Shape::{JawLeft, JawRight, MouthLeft, MouthRight};
        let name = shape.name();
        match shape {
            JawLeft | JawRight | MouthLeft | MouthRight => None,
            _ if name.ends_with("Left") => Some(Self::Left),
            _ if name.ends_with("Right") => Some(Self::Right),
            _ => None,
        }
    }
}

/// A part of the face that moves by itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Lips and jaw, and the tongue.
    Mouth,
    /// Lids and gaze.
    Eyes,
    /// Brows.
    Brows,
    /// Cheeks and nose.
    Cheeks,
    /// The turn of the head.
    Head,
}

impl Region {
    /// Every region.
    pub const ALL: [Self; 5] = [
        Self::Mouth,
        Self::Eyes,
        Self::Brows,
        Self::Cheeks,
        Self::Head,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mouth => "mouth",
            Self::Eyes => "eyes",
            Self::Brows => "brows",
            Self::Cheeks => "cheeks",
            Self::Head => "head",
        }
    }

    /// The region that a shape belongs to.
    pub fn of(shape: Shape) -> Self {
        let name = shape.name();
        match () {
            () if name.starts_with("eye") => Self::Eyes,
            () if name.starts_with("brow") => Self::Brows,
            () if name.starts_with("cheek") || name.starts_with("nose") => Self::Cheeks,
            () => Self::Mouth,
        }
    }
}

impl FaceRequest {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// The first that is outside.
    pub fn check(&self) -> Result<(), Error> {
        let within =
            |name: &'static str, value: f64, highest: f64| match (0.0..=highest).contains(&value) {
                true => Ok(()),
                false => Err(Error::Range {
                    name,
                    value,
                    highest,
                }),
            };
        within("attack_secs", self.attack_secs, LONGEST_RAMP_SECS)?;
        within("release_secs", self.release_secs, LONGEST_RAMP_SECS)?;
        for strength in self.units.values() {
            within("the strength of an action unit", *strength, 1.0)?;
        }
        Ok(())
    }

    /// The half of the face that leads: the one given, else one by the seed.
    pub fn leading(&self) -> Half {
        self.leads
            .unwrap_or_else(|| match self.seed.derive("leads").rng().uniform() < 0.5 {
                true => Half::Left,
                false => Half::Right,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_its_region() {
        let count = |region| {
            Shape::ALL
                .into_iter()
                .filter(|it| Region::of(*it) == region)
                .count()
        };
        assert_eq!(Region::ALL.map(count), [28, 14, 5, 5, 0]);
    }

    #[test]
    fn requests_survive_json_and_are_checked() {
        let request = FaceRequest {
            take: "a.csv".into(),
            emotion: Emotion::parse("sarcastic:0.7").unwrap(),
            units: BTreeMap::from([("14L".parse().unwrap(), 0.4)]),
            locks: BTreeSet::from([Region::Eyes, Region::Head]),
            attack_secs: 0.5,
            ..FaceRequest::default()
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<FaceRequest>(&json).unwrap(), request);
        request.check().unwrap();
        for wrong in [
            FaceRequest {
                attack_secs: -1.0,
                ..request.clone()
            },
            FaceRequest {
                release_secs: f64::NAN,
                ..request.clone()
            },
            FaceRequest {
                units: BTreeMap::from([("12".parse().unwrap(), 1.5)]),
                ..request.clone()
            },
        ] {
            assert!(wrong.check().is_err());
        }
    }

    #[test]
    fn both_halves_lead_by_some_seeds() {
        let leads: Vec<Half> = (0..20)
            .map(|seed| {
                FaceRequest {
                    seed: Seed(seed),
                    ..FaceRequest::default()
                }
                .leading()
            })
            .collect();
        assert!(leads.contains(&Half::Left) && leads.contains(&Half::Right));
        let given = FaceRequest {
            leads: Some(Half::Right),
            ..FaceRequest::default()
        };
        assert_eq!(given.leading(), Half::Right);
    }
}
