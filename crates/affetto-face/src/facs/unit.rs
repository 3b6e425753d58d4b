use std::{fmt, str::FromStr};

use affetto_media::rig::{Turn, Weights};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::tables::TABLES;
use crate::Error;

/// An action unit by its number, of both halves of the face or of one: `12`, `14L`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionUnit {
    /// Its number.
    pub number: u8,
    /// The half of the face.
    pub side: Side,
}

/// Halves of the face, the subject's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Both.
    #[default]
    Both,
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Number and name of each unit that is known here.
const NAMES: [(u8, &str); 41] = [
    (1, "inner brow raiser"),
    (2, "outer brow raiser"),
    (4, "brow lowerer"),
    (5, "upper lid raiser"),
    (6, "cheek raiser"),
    (7, "lid tightener"),
    (9, "nose wrinkler"),
    (10, "upper lip raiser"),
    (11, "nasolabial deepener"),
    (12, "lip corner puller"),
    (14, "dimpler"),
    (15, "lip corner depressor"),
    (16, "lower lip depressor"),
    (17, "chin raiser"),
    (18, "lip pucker"),
    (19, "tongue show"),
    (20, "lip stretcher"),
    (22, "lip funneler"),
    (23, "lip tightener"),
    (24, "lip pressor"),
    (25, "lips part"),
    (26, "jaw drop"),
    (27, "mouth stretch"),
    (28, "lip suck"),
    (29, "jaw thrust"),
    (30, "jaw sideways"),
    (33, "cheek blow"),
    (43, "eyes closed"),
    (45, "blink"),
    (51, "head turned left"),
    (52, "head turned right"),
    (53, "head up"),
    (54, "head down"),
    (55, "head tilted left"),
    (56, "head tilted right"),
    (57, "head forward"),
    (58, "head back"),
    (61, "eyes turned left"),
    (62, "eyes turned right"),
    (63, "eyes up"),
    (64, "eyes down"),
];

/// From here on units turn the head or the eyes.
const FIRST_OF_HEAD: u8 = 51;
/// The unit that is always of one side: the jaw moves left or right.
const SIDEWAYS: u8 = 30;

/// How far a unit of the head turns it at full strength, in radians: yaw, pitch, roll. A take has no way forward or back,
/// so that 57 and 58 show as the nod that goes with them. The amounts are ours.
const TURNS: [(u8, [f64; 3]); 8] = [
    (51, [0.3, 0.0, 0.0]),
    (52, [-0.3, 0.0, 0.0]),
    (53, [0.0, -0.2, 0.0]),
    (54, [0.0, 0.2, 0.0]),
    (55, [0.0, 0.0, 0.2]),
    (56, [0.0, 0.0, -0.2]),
    (57, [0.0, 0.08, 0.0]),
    (58, [0.0, -0.08, 0.0]),
];

impl ActionUnit {
    /// Every unit that moves something of a take, without a side.
    pub fn all() -> impl Iterator<Item = Self> {
        let numbers = NAMES.into_iter().map(|(number, _)| number);
        let both = |number| Self {
            number,
            side: Side::Both,
        };
        numbers.map(both).filter(|unit| unit.moves_something())
    }

    /// The name of Ekman, Friesen and Hager.
    pub fn name(self) -> &'static str {
        let named = NAMES.iter().find(|(number, _)| *number == self.number);
        named.map_or("", |(_, name)| name)
    }

    /// The shapes that it moves, each by how much at full strength.
    pub fn shapes(self) -> Weights {
        TABLES.shapes(self, 1.0)
    }

    /// How far it turns the head at full strength.
    pub fn turn(self) -> Turn {
        let turn = TURNS.iter().find(|(number, _)| *number == self.number);
        let [yaw, pitch, roll] = turn.map_or([0.0; 3], |(_, turn)| *turn);
        Turn { yaw, pitch, roll }
    }

    /// The same on the other half of the face; what turns left turns right.
    pub const fn mirrored(self) -> Self {
        let side = match self.side {
            Side::Both => Side::Both,
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        };
        let number = match self.number {
            51 => 52,
            52 => 51,
            55 => 56,
            56 => 55,
            61 => 62,
            62 => 61,
            number => number,
        };
        Self { number, side }
    }

    /// Whether a half of the face can do it alone.
    fn has_sides(self) -> bool {
        self.number < FIRST_OF_HEAD && TABLES.has_halves(self.number)
    }

    fn moves_something(self) -> bool {
        let turn = self.turn();
        let turns = [turn.yaw, turn.pitch, turn.roll]
            .iter()
            .any(|it| *it != 0.0);
        turns || self.shapes().0.iter().any(|weight| *weight != 0.0)
    }
}

impl fmt::Display for ActionUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Both => "",
            Side::Left => "L",
            Side::Right => "R",
        };
        write!(f, "{}{side}", self.number)
    }
}

impl FromStr for ActionUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownUnit {
            text: text.chars().take(20).collect(),
        };
        let word = text.trim().to_ascii_uppercase();
        let word = word.strip_prefix("AU").unwrap_or(&word);
        let (number, side) = match (word.strip_suffix('L'), word.strip_suffix('R')) {
            (Some(number), _) => (number, Side::Left),
            (_, Some(number)) => (number, Side::Right),
            _ => (word, Side::Both),
        };
        let number = number.parse().map_err(|_| unknown())?;
        let unit = Self { number, side };
        let both = Self {
            number,
            side: Side::Both,
        };
        let needs_side = number == SIDEWAYS && side == Side::Both;
        let may = side == Side::Both || both.has_sides();
        match both.moves_something() && may && !needs_side {
            true => Ok(unit),
            false => Err(unknown()),
        }
    }
}

impl Serialize for ActionUnit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActionUnit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for ActionUnit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ActionUnit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,2}[LR]?$",
            "description": "An action unit by its number, with L or R for one half of the face: 12, 14L."
        })
    }
}

#[cfg(test)]
mod tests {
    use affetto_media::rig::Shape;

    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, written) in [("12", "12"), (" au14l ", "14L"), ("2R", "2R"), ("54", "54")] {
            assert_eq!(text.parse::<ActionUnit>().unwrap().to_string(), written);
        }
        for text in ["", "3", "99", "14X", "54L", "26L", "61R", "30", "-1"] {
            assert!(text.parse::<ActionUnit>().is_err(), "{text}");
        }
        let json: ActionUnit = serde_json::from_str("\"4R\"").unwrap();
        assert_eq!(json.mirrored().to_string(), "4L");
    }

    #[test]
    fn shapes_by_the_table() {
        let unit = |text: &str| text.parse::<ActionUnit>().unwrap();
        let smile = unit("12L").shapes();
        assert_eq!(
            (smile[Shape::MouthSmileLeft], smile[Shape::MouthSmileRight]),
            (1.0, 0.0)
        );
        let part = unit("25").shapes();
        assert_eq!(
            (part[Shape::MouthLowerDownLeft], part[Shape::JawOpen]),
            (0.5, 0.12)
        );
        let aside = unit("61").shapes();
        assert_eq!(
            (aside[Shape::EyeLookOutLeft], aside[Shape::EyeLookInRight]),
            (1.0, 1.0)
        );
        assert_eq!(aside[Shape::EyeLookOutRight], 0.0);
        assert!(ActionUnit::all().count() > 35);
    }
}
