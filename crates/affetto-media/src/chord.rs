use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, PitchClass, PitchName};

/// What is built on the root of a chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// Major triad.
    Major,
    /// Minor triad.
    Minor,
    /// Dominant seventh.
    Dominant7,
    /// Major seventh.
    Major7,
    /// Minor seventh.
    Minor7,
    /// Dominant ninth.
    Dominant9,
    /// Minor ninth.
    Minor9,
    /// Diminished triad.
    Diminished,
    /// Major with an added sixth.
    Major6,
    /// Minor with an added (major) sixth.
    Minor6,
    /// Minor seventh with a flat fifth.
    HalfDiminished,
    /// Diminished seventh.
    Diminished7,
    /// Augmented triad.
    Augmented,
    /// Suspended fourth.
    Sus4,
    /// Suspended second.
    Sus2,
    /// Root and fifth.
    Power,
    /// Dominant seventh with a suspended fourth.
    Dominant7Sus4,
    /// Dominant seventh with a raised fifth.
    Augmented7,
    /// Dominant seventh with a flat fifth.
    Dominant7Flat5,
    /// Dominant seventh with a flat ninth.
    Dominant7Flat9,
    /// Dominant seventh with a raised ninth.
    Dominant7Sharp9,
    /// Minor with a major seventh.
    MinorMajor7,
    /// Major ninth.
    Major9,
    /// Major with an added ninth.
    Add9,
    /// Minor with an added ninth.
    MinorAdd9,
    /// Major with added sixth and ninth.
    SixNine,
    /// Dominant eleventh.
    Dominant11,
    /// Minor eleventh.
    Minor11,
    /// Dominant thirteenth.
    Dominant13,
    /// Major thirteenth.
    Major13,
    /// Minor thirteenth.
    Minor13,
}

impl Quality {
    /// Every quality; the first fourteen are those that the lead-sheet models write.
    pub const ALL: [Self; 31] = [
        Self::Major,
        Self::Minor,
        Self::Dominant7,
        Self::Major7,
        Self::Minor7,
        Self::Dominant9,
        Self::Minor9,
        Self::Diminished,
        Self::Major6,
        Self::Minor6,
        Self::HalfDiminished,
        Self::Diminished7,
        Self::Augmented,
        Self::Sus4,
        Self::Sus2,
        Self::Power,
        Self::Dominant7Sus4,
        Self::Augmented7,
        Self::Dominant7Flat5,
        Self::Dominant7Flat9,
        Self::Dominant7Sharp9,
        Self::MinorMajor7,
        Self::Major9,
        Self::Add9,
        Self::MinorAdd9,
        Self::SixNine,
        Self::Dominant11,
        Self::Minor11,
        Self::Dominant13,
        Self::Major13,
        Self::Minor13,
    ];

    /// What follows the root in a chord symbol: nothing for major, `m7b5` for half-diminished.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Major => "",
            Self::Minor => "m",
            Self::Dominant7 => "7",
            Self::Major7 => "maj7",
            Self::Minor7 => "m7",
            Self::Dominant9 => "9",
            Self::Minor9 => "m9",
            Self::Diminished => "dim",
            Self::Major6 => "6",
            Self::Minor6 => "m6",
            Self::HalfDiminished => "m7b5",
            Self::Diminished7 => "dim7",
            Self::Augmented => "aug",
            Self::Sus4 => "sus4",
            Self::Sus2 => "sus2",
            Self::Power => "5",
            Self::Dominant7Sus4 => "7sus4",
            Self::Augmented7 => "7#5",
            Self::Dominant7Flat5 => "7b5",
            Self::Dominant7Flat9 => "7b9",
            Self::Dominant7Sharp9 => "7#9",
            Self::MinorMajor7 => "mMaj7",
            Self::Major9 => "maj9",
            Self::Add9 => "add9",
            Self::MinorAdd9 => "madd9",
            Self::SixNine => "6/9",
            Self::Dominant11 => "11",
            Self::Minor11 => "m11",
            Self::Dominant13 => "13",
            Self::Major13 => "maj13",
            Self::Minor13 => "m13",
        }
    }

    /// Semitones above the root, rising, the root first. Elevenths and thirteenths leave out what is
    /// usually left out.
    pub const fn intervals(self) -> &'static [u8] {
        match self {
            Self::Major => &[0, 4, 7],
            Self::Minor => &[0, 3, 7],
            Self::Dominant7 => &[0, 4, 7, 10],
            Self::Major7 => &[0, 4, 7, 11],
            Self::Minor7 => &[0, 3, 7, 10],
            Self::Dominant9 => &[0, 4, 7, 10, 14],
            Self::Minor9 => &[0, 3, 7, 10, 14],
            Self::Diminished => &[0, 3, 6],
            Self::Major6 => &[0, 4, 7, 9],
            Self::Minor6 => &[0, 3, 7, 9],
            Self::HalfDiminished => &[0, 3, 6, 10],
            Self::Diminished7 => &[0, 3, 6, 9],
            Self::Augmented => &[0, 4, 8],
            Self::Sus4 => &[0, 5, 7],
            Self::Sus2 => &[0, 2, 7],
            Self::Power => &[0, 7],
            Self::Dominant7Sus4 => &[0, 5, 7, 10],
            Self::Augmented7 => &[0, 4, 8, 10],
            Self::Dominant7Flat5 => &[0, 4, 6, 10],
            Self::Dominant7Flat9 => &[0, 4, 7, 10, 13],
            Self::Dominant7Sharp9 => &[0, 4, 7, 10, 15],
            Self::MinorMajor7 => &[0, 3, 7, 11],
            Self::Major9 => &[0, 4, 7, 11, 14],
            Self::Add9 => &[0, 4, 7, 14],
            Self::MinorAdd9 => &[0, 3, 7, 14],
            Self::SixNine => &[0, 4, 7, 9, 14],
            Self::Dominant11 => &[0, 7, 10, 14, 17],
            Self::Minor11 => &[0, 3, 7, 10, 14, 17],
            Self::Dominant13 => &[0, 4, 7, 10, 14, 21],
            Self::Major13 => &[0, 4, 7, 11, 14, 21],
            Self::Minor13 => &[0, 3, 7, 10, 14, 21],
        }
    }

    /// The quality that a suffix stands for; the common spellings of lead sheets are known.
    pub fn from_symbol(suffix: &str) -> Option<Self> {
        let plain: String = suffix
            .chars()
            .filter(|c| !matches!(c, '(' | ')' | ' '))
            .map(|c| match c {
                '♭' => 'b',
                '♯' => '#',
                c => c,
            })
            .collect();
        let exact = Self::ALL
            .into_iter()
            .find(|quality| quality.symbol() == plain);
        exact.or_else(|| Self::from_alias(&plain))
    }

    fn from_alias(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "M" | "maj" | "Maj" | "major" => Self::Major,
            "min" | "mi" | "-" | "minor" => Self::Minor,
            "dom7" => Self::Dominant7,
            "M7" | "Maj7" | "ma7" | "j7" | "^7" | "^" | "Δ" | "Δ7" => Self::Major7,
            "min7" | "mi7" | "-7" => Self::Minor7,
            "dom9" => Self::Dominant9,
            "min9" | "mi9" | "-9" => Self::Minor9,
            "o" | "°" => Self::Diminished,
            "M6" | "maj6" => Self::Major6,
            "min6" | "mi6" | "-6" => Self::Minor6,
            "ø" | "ø7" | "min7b5" | "mi7b5" | "-7b5" | "m7-5" | "h7" => Self::HalfDiminished,
            "o7" | "°7" => Self::Diminished7,
            "+" | "#5" => Self::Augmented,
            "sus" => Self::Sus4,
            "7sus" => Self::Dominant7Sus4,
            "aug7" | "+7" | "7+" | "7aug" => Self::Augmented7,
            "7-5" => Self::Dominant7Flat5,
            "7-9" => Self::Dominant7Flat9,
            "7+9" => Self::Dominant7Sharp9,
            "mM7" | "minMaj7" | "m#7" | "mmaj7" | "-^7" => Self::MinorMajor7,
            "M9" | "Maj9" | "^9" => Self::Major9,
            "2" | "add2" => Self::Add9,
            "madd2" => Self::MinorAdd9,
            "69" => Self::SixNine,
            "min11" => Self::Minor11,
            "M13" => Self::Major13,
            "min13" => Self::Minor13,
            _ => return None,
        })
    }
}

/// A chord as it is written above a melody: `F#m7b5`, `Bb/D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChordSymbol {
    /// The root.
    pub root: PitchName,
    /// What is built on it.
    pub quality: Quality,
    /// The lowest note, where it is not the root.
    pub bass: Option<PitchName>,
}

impl ChordSymbol {
    /// The chord in root position.
    pub const fn new(root: PitchName, quality: Quality) -> Self {
        Self {
            root,
            quality,
            bass: None,
        }
    }

    /// The pitch classes it sounds, the root first, without the bass.
    pub fn pitch_classes(self) -> Vec<PitchClass> {
        let root = self.root.pitch_class();
        self.quality
            .intervals()
            .iter()
            .map(|interval| (root + interval) % 12)
            .collect()
    }
}

impl fmt::Display for ChordSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.root, self.quality.symbol())?;
        match self.bass {
            Some(bass) => write!(f, "/{bass}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ChordSymbol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text.trim()).ok_or_else(|| Error::Word {
            text: text.into(),
            expected: "a chord symbol such as Dm7, F#m7b5 or Bb/D",
        })
    }
}

fn parse(text: &str) -> Option<ChordSymbol> {
    // A slash is a bass note only where a note name follows; 6/9 has none.
    let (chord, bass) = match text.rsplit_once('/') {
        Some((chord, bass)) => match bass.parse::<PitchName>() {
            Ok(bass) => (chord, Some(bass)),
            Err(_) => (text, None),
        },
        None => (text, None),
    };
    let accidentals = chord.chars().skip(1).take_while(|c| "#b♯♭".contains(*c));
    let root_len =
        chord.chars().next()?.len_utf8() + accidentals.map(char::len_utf8).sum::<usize>();
    let (root, suffix) = chord.split_at_checked(root_len)?;
    if !root.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    Some(ChordSymbol {
        root: root.parse().ok()?,
        quality: Quality::from_symbol(suffix)?,
        bass,
    })
}

impl TryFrom<String> for ChordSymbol {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ChordSymbol> for String {
    fn from(chord: ChordSymbol) -> Self {
        chord.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_symbol_is_read_as_it_is_written() {
        for quality in Quality::ALL {
            for fifths in -8..=10 {
                let root = PitchName::from_fifths(fifths).unwrap();
                for bass in [None, PitchName::from_fifths(fifths + 1)] {
                    let chord = ChordSymbol {
                        root,
                        quality,
                        bass,
                    };
                    assert_eq!(chord.to_string().parse::<ChordSymbol>().unwrap(), chord);
                }
            }
        }
    }

    #[test]
    fn usual_spellings() {
        let read = |text: &str| text.parse::<ChordSymbol>().unwrap().to_string();
        assert_eq!(read("Bb-7"), "Bbm7");
        assert_eq!(read("C(maj7)"), "Cmaj7");
        assert_eq!(read("G6/9"), "G6/9");
        assert_eq!(read("F#ø"), "F#m7b5");
        for nonsense in ["", "H7", "Cfoo", "/C", "C/", "dm", "é"] {
            assert!(nonsense.parse::<ChordSymbol>().is_err(), "{nonsense}");
        }
    }
}
