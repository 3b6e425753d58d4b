use affetto_attributes::LeadSheetMeasures;
use affetto_face::measure::FaceMeasured;
use affetto_music::{
    compose::Asked,
    piano::compose::{PianoAsked, PianoMeasured},
};
use affetto_video::sticker::measure::StickerMeasured;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de};
use serde_json::Value;

use crate::{Kind, SetAsked, SetMeasured, sticker::StickerAsked, take::FaceAsked};

/// What was asked, words resolved, beside what was measured on what came out.
///
/// In a file they are two fields, `asked` and `measured`, without a tag of their own: the kind of the request says what
/// they hold.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Findings {
    /// Of a lead sheet.
    LeadSheet {
        /// What was asked.
        asked: Box<Asked>,
        /// What was measured.
        measured: Box<LeadSheetMeasures>,
    },
    /// Of piano music.
    Piano {
        /// What was asked.
        asked: Box<PianoAsked>,
        /// What was measured of the written bars.
        measured: Box<PianoMeasured>,
    },
    /// Of a take.
    Face {
        /// What was asked.
        asked: Box<FaceAsked>,
        /// What was measured.
        measured: Box<FaceMeasured>,
    },
    /// Of a sticker.
    Sticker {
        /// What was asked.
        asked: Box<StickerAsked>,
        /// What was measured.
        measured: Box<StickerMeasured>,
    },
    /// Of a set of game files.
    Set {
        /// What was asked.
        asked: Box<SetAsked>,
        /// What was measured.
        measured: Box<SetMeasured>,
    },
}

impl Findings {
    /// From the fields of a file, by what its request asked for.
    pub(crate) fn from_json(
        kind: Kind,
        asked: Value,
        measured: Value,
    ) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            Kind::LeadSheet => Self::LeadSheet {
                asked: field("asked", asked)?,
                measured: field("measured", measured)?,
            },
            Kind::Piano => Self::Piano {
                asked: field("asked", asked)?,
                measured: field("measured", measured)?,
            },
            Kind::FaceRig => Self::Face {
                asked: field("asked", asked)?,
                measured: field("measured", measured)?,
            },
            Kind::Sticker => Self::Sticker {
                asked: field("asked", asked)?,
                measured: field("measured", measured)?,
            },
            Kind::Set => Self::Set {
                asked: field("asked", asked)?,
                measured: field("measured", measured)?,
            },
        })
    }
}

fn field<T: for<'de> Deserialize<'de>>(
    name: &str,
    value: Value,
) -> Result<Box<T>, serde_json::Error> {
    let named = |error| de::Error::custom(format!("{name}: {error}"));
    serde_json::from_value(value).map(Box::new).map_err(named)
}
