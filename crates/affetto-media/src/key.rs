use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, PitchName};

/// Major or minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The major mode.
    Major,
    /// The minor mode.
    Minor,
}

/// A key as its signature and mode show it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(rename = "MusicalKey", extend("examples" = ["D minor", "Bb major"]))]
pub struct Key {
    fifths: i8,
    mode: Mode,
}

impl Key {
    /// C major.
    pub const C_MAJOR: Self = Self {
        fifths: 0,
        mode: Mode::Major,
    };

    /// `fifths` sharps (or, below zero, flats) in the signature, -7..=7.
    pub fn new(fifths: i8, mode: Mode) -> Option<Self> {
        (-7..=7).contains(&fifths).then_some(Self { fifths, mode })
    }

    /// The key on `tonic`, where its signature has at most seven accidentals.
    pub fn on(tonic: PitchName, mode: Mode) -> Option<Self> {
        let lowered = match mode {
            Mode::Major => 0,
            Mode::Minor => 3,
        };
        Self::new(tonic.fifths() - lowered, mode)
    }

    /// All thirty keys: major from C flat to C sharp, then minor from A flat to A sharp.
    pub fn all() -> impl Iterator<Item = Self> {
        [Mode::Major, Mode::Minor]
            .into_iter()
            .flat_map(|mode| (-7..=7).map(move |fifths| Self { fifths, mode }))
    }

    /// Sharps, or below zero flats, in the signature.
    pub const fn fifths(self) -> i8 {
        self.fifths
    }

    /// The mode.
    pub const fn mode(self) -> Mode {
        self.mode
    }

    /// The first note of its scale.
    pub fn tonic(self) -> PitchName {
        let raised = match self.mode {
            Mode::Major => 0,
            Mode::Minor => 3,
        };
        PitchName::from_fifths(self.fifths + raised).unwrap_or(PitchName {
            step: crate::Step::C,
            alter: 0,
        })
    }

    /// Semitones from C major or A minor up to this key, -5..=6.
    pub const fn semitones_from_c(self) -> i8 {
        let up = (self.fifths as i16 * 7).rem_euclid(12) as i8;
        if up > 6 { up - 12 } else { up }
    }

    /// How `pitch_class` is spelled in this key; notes outside the scale by the nearest fifth.
    pub fn spell(self, pitch_class: u8) -> PitchName {
        // The middle of the diatonic names lies two fifths above the major tonic; minor raises its
        // sixth and seventh, so its middle lies a little higher.
        let middle = self.fifths
            + match self.mode {
                Mode::Major => 2,
                Mode::Minor => 3,
            };
        PitchName::nearest(pitch_class, middle)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Major => "major",
            Mode::Minor => "minor",
        };
        write!(f, "{} {mode}", self.tonic())
    }
}

impl FromStr for Key {
    type Err = Error;

    /// `D minor`, `F# major`, `Bb`, `Am`, `C#m`, `e minor`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Word {
            text: text.into(),
            expected: "a key such as \"D minor\" or \"Bb major\", with at most seven accidentals",
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (tonic, mode) = match words.as_slice() {
            [tonic, word] => (*tonic, mode_from_word(word).ok_or_else(refuse)?),
            [word] => match word.strip_suffix("min").or(word.strip_suffix('m')) {
                Some(tonic) => (tonic, Mode::Minor),
                None => (word.strip_suffix("maj").unwrap_or(word), Mode::Major),
            },
            _ => return Err(refuse()),
        };
        let tonic: PitchName = tonic.parse().map_err(|_| refuse())?;
        Self::on(tonic, mode).ok_or_else(refuse)
    }
}

fn mode_from_word(word: &str) -> Option<Mode> {
    match word.to_ascii_lowercase().as_str() {
        "major" | "maj" | "dur" => Some(Mode::Major),
        "minor" | "min" | "m" | "moll" => Some(Mode::Minor),
        _ => None,
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_round_trip() {
        for key in Key::all() {
            assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        }
        assert_eq!("Am".parse::<Key>().unwrap().to_string(), "A minor");
        assert_eq!("d minor".parse::<Key>().unwrap().fifths(), -1);
        assert!("G# major".parse::<Key>().is_err());
        assert!("D dorian".parse::<Key>().is_err());
    }

    #[test]
    fn every_scale_is_spelled_with_seven_letters() {
        for key in Key::all() {
            let steps = match key.mode() {
                Mode::Major => [0, 2, 4, 5, 7, 9, 11],
                Mode::Minor => [0, 2, 3, 5, 7, 8, 10],
            };
            let tonic = key.tonic().pitch_class();
            let mut letters: Vec<Step> = steps
                .iter()
                .map(|step| key.spell((tonic + step) % 12).step)
                .collect();
            letters.sort();
            letters.dedup();
            assert_eq!(letters.len(), 7, "{key}");
        }
    }

    #[test]
    fn the_leading_note_of_minor_is_raised() {
        let key: Key = "D minor".parse().unwrap();
        assert_eq!(key.spell(1).to_string(), "C#");
        assert_eq!(key.semitones_from_c(), 5);
    }

    use crate::Step;
}
