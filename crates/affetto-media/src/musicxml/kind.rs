use super::document::{Degree, DegreeKind};
use crate::{PitchClass, Quality};

/// How MusicXML says a quality: a kind, and degrees where no kind says it alone.
pub(super) struct Kind {
    /// The text of `<kind>`.
    pub value: &'static str,
    /// What is changed about it.
    pub degree: Option<Degree>,
}

const fn kind(value: &'static str) -> Kind {
    Kind {
        value,
        degree: None,
    }
}

const fn with(value: &'static str, kind: DegreeKind, degree: u8, alter: i8) -> Kind {
    Kind {
        value,
        degree: Some(Degree {
            kind,
            value: degree,
            alter,
        }),
    }
}

/// The kind of a quality, as MusicXML 4.0 names it.
pub(super) const fn kind_of(quality: Quality) -> Kind {
    use DegreeKind::{Add, Alter};
    match quality {
        Quality::Major => kind("major"),
        Quality::Minor => kind("minor"),
        Quality::Dominant7 => kind("dominant"),
        Quality::Major7 => kind("major-seventh"),
        Quality::Minor7 => kind("minor-seventh"),
        Quality::Dominant9 => kind("dominant-ninth"),
        Quality::Minor9 => kind("minor-ninth"),
        Quality::Diminished => kind("diminished"),
        Quality::Major6 => kind("major-sixth"),
        Quality::Minor6 => kind("minor-sixth"),
        Quality::HalfDiminished => kind("half-diminished"),
        Quality::Diminished7 => kind("diminished-seventh"),
        Quality::Augmented => kind("augmented"),
        Quality::Sus4 => kind("suspended-fourth"),
        Quality::Sus2 => kind("suspended-second"),
        Quality::Power => kind("power"),
        Quality::Dominant7Sus4 => with("suspended-fourth", Add, 7, 0),
        Quality::Augmented7 => kind("augmented-seventh"),
        Quality::Dominant7Flat5 => with("dominant", Alter, 5, -1),
        Quality::Dominant7Flat9 => with("dominant", Add, 9, -1),
        Quality::Dominant7Sharp9 => with("dominant", Add, 9, 1),
        Quality::MinorMajor7 => kind("major-minor"),
        Quality::Major9 => kind("major-ninth"),
        Quality::Add9 => with("major", Add, 9, 0),
        Quality::MinorAdd9 => with("minor", Add, 9, 0),
        Quality::SixNine => with("major-sixth", Add, 9, 0),
        Quality::Dominant11 => kind("dominant-11th"),
        Quality::Minor11 => kind("minor-11th"),
        Quality::Dominant13 => kind("dominant-13th"),
        Quality::Major13 => kind("major-13th"),
        Quality::Minor13 => kind("minor-13th"),
    }
}

/// The quality that a kind, its text and its degrees say; degrees that make it none of ours are left
/// out. Kinds are also known by the symbols that some programs write instead (`min7`).
pub(super) fn quality_of(value: &str, text: Option<&str>, degrees: &[Degree]) -> Option<Quality> {
    let from_text = text.and_then(Quality::from_symbol);
    let Some(base) = base_quality(value) else {
        return if value.is_empty() || value == "other" {
            from_text
        } else {
            None
        };
    };
    if degrees.is_empty() {
        let says_more = |quality: &Quality| {
            let kind = kind_of(*quality);
            kind.value == value && kind.degree.is_some()
        };
        return Some(from_text.filter(says_more).unwrap_or(base));
    }
    let mut classes = classes_of(base);
    for degree in degrees {
        apply(*degree, &mut classes);
    }
    let same = |quality: &Quality| classes_of(*quality) == classes;
    Some(Quality::ALL.into_iter().find(same).unwrap_or(base))
}

/// The quality that a kind says without degrees.
pub(super) fn base_quality(value: &str) -> Option<Quality> {
    let exact = Quality::ALL.into_iter().find(|quality| {
        let kind = kind_of(*quality);
        kind.degree.is_none() && kind.value == value
    });
    exact.or_else(|| match value {
        "" => None,
        "major-11th" => Some(Quality::Major9),
        "augmented-ninth" => Some(Quality::Augmented7),
        "minor-major" => Some(Quality::MinorMajor7),
        "maj69" => Some(Quality::SixNine),
        symbol => Quality::from_symbol(symbol),
    })
}

/// Bit `n` stands for `n` semitones above the root.
type Classes = u16;

fn classes_of(quality: Quality) -> Classes {
    let bits = quality.intervals().iter();
    bits.fold(0, |classes, interval| classes | 1 << (interval % 12))
}

/// Degrees are counted in the scale of the dominant chord (MusicXML 4.0, `degree-alter`).
fn apply(degree: Degree, classes: &mut Classes) {
    const SCALE: [PitchClass; 7] = [0, 2, 4, 5, 7, 9, 10];
    let natural = SCALE[usize::from(degree.value.saturating_sub(1) % 7)];
    let bit = |alter: i8| 1 << (i16::from(natural) + i16::from(alter)).rem_euclid(12);
    let present = [0, -1, 1]
        .into_iter()
        .find(|alter| *classes & bit(*alter) != 0);
    match degree.kind {
        DegreeKind::Add => *classes |= bit(degree.alter),
        DegreeKind::Alter => {
            let found = present.unwrap_or(0);
            *classes &= !bit(found);
            *classes |= bit(found + degree.alter);
        }
        DegreeKind::Subtract => *classes &= !bit(present.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degree(kind: DegreeKind, value: u8, alter: i8) -> Degree {
        Degree { kind, value, alter }
    }

    #[test]
    fn every_quality_is_read_as_it_is_written() {
        for quality in Quality::ALL {
            let kind = kind_of(quality);
            let degrees: Vec<Degree> = kind.degree.into_iter().collect();
            assert_eq!(quality_of(kind.value, None, &degrees), Some(quality));
            let text = Some(quality.symbol());
            assert_eq!(quality_of(kind.value, text, &[]), Some(quality));
        }
    }

    #[test]
    fn other_ways_to_say_it() {
        use DegreeKind::{Add, Alter, Subtract};
        let fourth = [degree(Add, 4, 0), degree(Subtract, 3, 0)];
        assert_eq!(
            quality_of("dominant", None, &fourth),
            Some(Quality::Dominant7Sus4)
        );
        let flat_five = [degree(Alter, 5, -1)];
        assert_eq!(
            quality_of("minor-seventh", None, &flat_five),
            Some(Quality::HalfDiminished)
        );
        let flat_nine = [degree(Alter, 9, -1)];
        assert_eq!(
            quality_of("dominant-ninth", None, &flat_nine),
            Some(Quality::Dominant7Flat9)
        );
        assert_eq!(quality_of("min7", None, &[]), Some(Quality::Minor7));
        assert_eq!(
            quality_of("other", Some("m7b5"), &[]),
            Some(Quality::HalfDiminished)
        );
        assert_eq!(quality_of("", Some(""), &[]), Some(Quality::Major));
        assert_eq!(quality_of("Neapolitan", None, &[]), None);
    }
}
