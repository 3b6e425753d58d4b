use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Quarters};

/// A time signature, for example 6/8.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]+/[0-9]+$"))]
pub struct Metre {
    count: u8,
    unit: u8,
}

impl Metre {
    /// 4/4.
    pub const COMMON: Self = Self { count: 4, unit: 4 };

    /// `count` notes of the value 1/`unit` in a bar: `count` in 1..=64, `unit` a power of two up to 64.
    pub fn new(count: u8, unit: u8) -> Option<Self> {
        let sound = (1..=64).contains(&count) && unit.is_power_of_two() && unit <= 64;
        sound.then_some(Self { count, unit })
    }

    /// The upper number.
    pub const fn count(self) -> u8 {
        self.count
    }

    /// The lower number.
    pub const fn unit(self) -> u8 {
        self.unit
    }

    /// The length of a full bar.
    pub fn length(self) -> Quarters {
        Quarters::new(i64::from(self.count) * 4, i64::from(self.unit))
    }

    /// Whether the beat is felt in three: 6/8, 9/8, 12/8 and their like.
    pub const fn is_compound(self) -> bool {
        self.unit >= 8 && self.count > 3 && self.count.is_multiple_of(3)
    }

    /// The length of one beat: the unit, or three of them in compound metres.
    pub fn beat(self) -> Quarters {
        let unit = Quarters::new(4, i64::from(self.unit));
        if self.is_compound() { unit * 3 } else { unit }
    }

    /// How many beats a bar has.
    pub const fn beats(self) -> u8 {
        if self.is_compound() {
            self.count / 3
        } else {
            self.count
        }
    }
}

impl fmt::Display for Metre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit)
    }
}

impl FromStr for Metre {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.trim()
            .split_once('/')
            .and_then(|(count, unit)| {
                Self::new(count.trim().parse().ok()?, unit.trim().parse().ok()?)
            })
            .ok_or_else(|| Error::Word {
                text: text.into(),
                expected: "a time signature such as 3/4",
            })
    }
}

impl TryFrom<String> for Metre {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Metre> for String {
    fn from(metre: Metre) -> Self {
        metre.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nine_eight_is_three_dotted_quarters() {
        let metre: Metre = "9/8".parse().unwrap();
        assert_eq!(metre.length(), Quarters::new(9, 2));
        assert_eq!((metre.beats(), metre.beat()), (3, Quarters::new(3, 2)));
        assert_eq!(metre.to_string(), "9/8");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "4", "0/4", "4/3", "4/0", "300/4", "-1/4", "4/128"] {
            assert!(text.parse::<Metre>().is_err(), "{text}");
        }
    }
}
