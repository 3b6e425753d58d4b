use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// A pitch without octave: 0 is C, 11 is B.
pub type PitchClass = u8;

/// A letter of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// C
    C,
    /// D
    D,
    /// E
    E,
    /// F
    F,
    /// G
    G,
    /// A
    A,
    /// B
    B,
}

impl Step {
    /// Every letter, from C upwards.
    pub const ALL: [Self; 7] = [
        Self::C,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::A,
        Self::B,
    ];

    /// The letter.
    pub const fn letter(self) -> char {
        match self {
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
            Self::F => 'F',
            Self::G => 'G',
            Self::A => 'A',
            Self::B => 'B',
        }
    }

    /// The letter read without regard to case.
    pub fn from_letter(letter: char) -> Option<Self> {
        let letter = letter.to_ascii_uppercase();
        Self::ALL.into_iter().find(|step| step.letter() == letter)
    }

    /// The pitch class of the natural note.
    pub const fn pitch_class(self) -> PitchClass {
        match self {
            Self::C => 0,
            Self::D => 2,
            Self::E => 4,
            Self::F => 5,
            Self::G => 7,
            Self::A => 9,
            Self::B => 11,
        }
    }
}

/// A spelled pitch without octave: F sharp is not G flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PitchName {
    /// The letter.
    pub step: Step,
    /// Semitones up (sharp) or down (flat), -2..=2.
    pub alter: i8,
}

impl PitchName {
    /// From its place on the line of fifths: 0 is C, 1 G, -1 F, 7 C sharp. Within -15..=19, the names
    /// with at most two accidentals.
    pub fn from_fifths(fifths: i8) -> Option<Self> {
        const LINE: [Step; 7] = [
            Step::F,
            Step::C,
            Step::G,
            Step::D,
            Step::A,
            Step::E,
            Step::B,
        ];
        let place = i32::from(fifths) + 1;
        let alter = place.div_euclid(7);
        (-2..=2).contains(&alter).then(|| Self {
            step: LINE[place.rem_euclid(7) as usize],
            alter: alter as i8,
        })
    }

    /// Its place on the line of fifths.
    pub const fn fifths(self) -> i8 {
        let natural = match self.step {
            Step::F => -1,
            Step::C => 0,
            Step::G => 1,
            Step::D => 2,
            Step::A => 3,
            Step::E => 4,
            Step::B => 5,
        };
        natural + 7 * self.alter
    }

    /// The name of `pitch_class` nearest to the place `near` on the line of fifths.
    pub fn nearest(pitch_class: PitchClass, near: i8) -> Self {
        let class_of = |fifths: i8| (i32::from(fifths) * 7).rem_euclid(12) as u8;
        (-15..=19)
            .filter(|fifths| class_of(*fifths) == pitch_class % 12)
            .min_by_key(|fifths: &i8| {
                let distance = (i32::from(*fifths) - i32::from(near)).abs();
                (distance, *fifths)
            })
            .and_then(Self::from_fifths)
            .unwrap_or(Self {
                step: Step::C,
                alter: 0,
            })
    }

    /// The pitch class that it sounds.
    pub const fn pitch_class(self) -> PitchClass {
        (self.step.pitch_class() as i16 + self.alter as i16).rem_euclid(12) as u8
    }
}

impl fmt::Display for PitchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accidental = if self.alter < 0 { "b" } else { "#" };
        let count = usize::from(self.alter.unsigned_abs());
        write!(f, "{}{}", self.step.letter(), accidental.repeat(count))
    }
}

impl FromStr for PitchName {
    type Err = Error;

    /// `F#`, `Bb`, `E-`, `c`, `G♭`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Word {
            text: text.into(),
            expected: "a note name such as F# or Bb",
        };
        let mut letters = text.trim().chars();
        let step = letters
            .next()
            .and_then(Step::from_letter)
            .ok_or_else(refuse)?;
        let signs = letters.as_str();
        let count = signs.chars().count();
        let alter = match signs.chars().next() {
            None => 0,
            Some('#' | '♯') if count <= 2 => count as i8,
            Some('b' | '-' | '♭') if count <= 2 => -(count as i8),
            Some(_) => return Err(refuse()),
        };
        let sign = signs.chars().next();
        if signs.chars().any(|other| Some(other) != sign) {
            return Err(refuse());
        }
        Ok(Self { step, alter })
    }
}

impl TryFrom<String> for PitchName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<PitchName> for String {
    fn from(name: PitchName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_line_of_fifths_goes_there_and_back() {
        for fifths in -15..=19 {
            let name = PitchName::from_fifths(fifths).unwrap();
            assert_eq!(name.fifths(), fifths);
            assert_eq!(name.to_string().parse::<PitchName>().unwrap(), name);
        }
        assert_eq!(PitchName::from_fifths(20), None);
    }

    #[test]
    fn spelling_follows_the_key() {
        assert_eq!(PitchName::nearest(6, 3).to_string(), "F#"); // in D major
        assert_eq!(PitchName::nearest(6, -5).to_string(), "Gb"); // in D flat major
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "H", "C###", "Cx", "b#b#b#b#b#b##"] {
            assert!(text.parse::<PitchName>().is_err(), "{text}");
        }
    }
}
