//! Valence by chord quality, as Makris, Agres & Herremans, "Generating Lead Sheets with Affect"
//! (2021), measure it.
//!
//! It depends on the quality of the chords alone; melody, tempo, mode and register do not enter. It
//! is a control signal, not proof of a felt emotion.

use affetto_media::{ChordSymbol, Quality, Score};
use serde::{Deserialize, Serialize};

use crate::events::{BarEvents, events};
use crate::statistics::mean;

/// The eight chord qualities of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaperQuality {
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
    /// Ninth.
    Ninth,
    /// Minor ninth.
    Minor9,
    /// Diminished.
    Diminished,
}

impl PaperQuality {
    /// Every quality.
    pub const ALL: [Self; 8] = [
        Self::Major,
        Self::Minor,
        Self::Dominant7,
        Self::Major7,
        Self::Minor7,
        Self::Ninth,
        Self::Minor9,
        Self::Diminished,
    ];

    /// The same quality among all chord qualities.
    pub const fn quality(self) -> Quality {
        match self {
            Self::Major => Quality::Major,
            Self::Minor => Quality::Minor,
            Self::Dominant7 => Quality::Dominant7,
            Self::Major7 => Quality::Major7,
            Self::Minor7 => Quality::Minor7,
            Self::Ninth => Quality::Dominant9,
            Self::Minor9 => Quality::Minor9,
            Self::Diminished => Quality::Diminished,
        }
    }

    /// The valence in hundredths, as the authors' code has it. Whole numbers keep the class bounds exact.
    const fn hundredths(self) -> i32 {
        match self {
            Self::Major => 87,
            Self::Minor => -81,
            Self::Dominant7 => -2,
            Self::Major7 => 83,
            Self::Minor7 => -46,
            Self::Ninth => 51,
            Self::Minor9 => -15,
            Self::Diminished => -43,
        }
    }

    /// The valence, -1..=1.
    pub fn valence(self) -> f64 {
        f64::from(self.hundredths()) / 100.0
    }
}

/// The paper's quality that stands for `quality`: sixths, suspended, augmented, power and added-note
/// chords count as their triad, altered dominants as the dominant seventh, half-diminished and diminished
/// sevenths as diminished, elevenths and thirteenths as ninths.
pub const fn paper_quality(quality: Quality) -> PaperQuality {
    match quality {
        Quality::Major
        | Quality::Major6
        | Quality::Augmented
        | Quality::Sus4
        | Quality::Sus2
        | Quality::Power
        | Quality::Add9
        | Quality::SixNine => PaperQuality::Major,
        Quality::Minor | Quality::Minor6 | Quality::MinorMajor7 | Quality::MinorAdd9 => {
            PaperQuality::Minor
        }
        Quality::Dominant7
        | Quality::Dominant7Sus4
        | Quality::Augmented7
        | Quality::Dominant7Flat5
        | Quality::Dominant7Flat9
        | Quality::Dominant7Sharp9 => PaperQuality::Dominant7,
        Quality::Major7 => PaperQuality::Major7,
        Quality::Minor7 => PaperQuality::Minor7,
        Quality::Dominant9
        | Quality::Major9
        | Quality::Dominant11
        | Quality::Dominant13
        | Quality::Major13 => PaperQuality::Ninth,
        Quality::Minor9 | Quality::Minor11 | Quality::Minor13 => PaperQuality::Minor9,
        Quality::Diminished | Quality::HalfDiminished | Quality::Diminished7 => {
            PaperQuality::Diminished
        }
    }
}

/// The valence of a chord, -1..=1; 0 where there is none.
pub fn chord_valence(chord: Option<ChordSymbol>) -> f64 {
    f64::from(hundredths(chord)) / 100.0
}

fn hundredths(chord: Option<ChordSymbol>) -> i32 {
    chord.map_or(0, |chord| paper_quality(chord.quality).hundredths())
}

/// The five levels of valence.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ValenceClass {
    /// -2: at most -0.6.
    VeryLow,
    /// -1: above -0.6, at most -0.2.
    Low,
    /// 0: above -0.2, at most 0.2.
    Neutral,
    /// 1: above 0.2, at most 0.6.
    High,
    /// 2: above 0.6.
    VeryHigh,
}

impl ValenceClass {
    /// Every class, lowest first.
    pub const ALL: [Self; 5] = [
        Self::VeryLow,
        Self::Low,
        Self::Neutral,
        Self::High,
        Self::VeryHigh,
    ];

    /// -2..=2.
    pub const fn number(self) -> i8 {
        self as i8 - 2
    }

    /// From -2..=2.
    pub fn from_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.number() == number)
    }

    /// The valences of the class: above the first number, up to and including the second. The lowest
    /// class holds -1 as well.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::VeryLow => (-1.0, -0.6),
            Self::Low => (-0.6, -0.2),
            Self::Neutral => (-0.2, 0.2),
            Self::High => (0.2, 0.6),
            Self::VeryHigh => (0.6, 1.0),
        }
    }

    /// The class of a bar's valence.
    pub fn from_valence(valence: f64) -> Self {
        Self::ALL
            .into_iter()
            .find(|class| valence <= class.range().1)
            .unwrap_or(Self::VeryHigh)
    }

    /// The class of a piece whose bars have these classes: their mean number rounded, halves upwards.
    /// Neutral for no bars.
    pub fn of_piece(classes: &[Self]) -> Self {
        let numbers: Vec<f64> = classes
            .iter()
            .map(|class| f64::from(class.number()))
            .collect();
        let rounded = (mean(&numbers) + 0.5).floor().clamp(-2.0, 2.0);
        Self::from_number(rounded as i8).unwrap_or(Self::Neutral)
    }
}

/// The valence of one bar: the median over its events, so that a chord counts once per note above it.
pub fn bar_valence(bar: &BarEvents) -> f64 {
    let chords: Vec<_> = bar.events.iter().map(|event| event.chord).collect();
    median_valence(&chords)
}

/// The median valence of the chords of a bar's events; an even number of them averages the middle two. 0 for
/// no events.
pub fn median_valence(chords: &[Option<ChordSymbol>]) -> f64 {
    let mut values: Vec<i32> = chords.iter().map(|chord| hundredths(*chord)).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => f64::from(values[middle]) / 100.0,
        _ => f64::from(values[middle - 1] + values[middle]) / 200.0,
    }
}

/// The valence of every bar.
pub fn valence_per_bar(score: &Score) -> Vec<f64> {
    events(score).iter().map(bar_valence).collect()
}

/// The valence class of every bar.
pub fn valence_classes(score: &Score) -> Vec<ValenceClass> {
    valence_per_bar(score)
        .into_iter()
        .map(ValenceClass::from_valence)
        .collect()
}

/// The valence of the piece: the mean over its bars.
pub fn piece_valence(score: &Score) -> f64 {
    mean(&valence_per_bar(score))
}

/// The valence class of the piece.
pub fn piece_valence_class(score: &Score) -> ValenceClass {
    ValenceClass::of_piece(&valence_classes(score))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet};
    use proptest::prelude::*;

    fn chords(symbols: &[&str]) -> Vec<Option<ChordSymbol>> {
        symbols.iter().map(|symbol| symbol.parse().ok()).collect()
    }

    /// The hand-checked bars of the paper's rule.
    #[test]
    fn bars_worked_by_hand() {
        for (symbols, valence, class) in [
            (&["C", "G7"][..], 0.425, 1),
            (&["Am", "E"], 0.03, 0),
            (&["Dm7", "G7"], -0.24, -1),
            (&["Am", "Am", "E"], -0.81, -2),
            (&["C", "Am"], 0.03, 0),
            (&["N.C.", "N.C."], 0.0, 0),
            (&[], 0.0, 0),
        ] {
            let measured = median_valence(&chords(symbols));
            assert!(
                (measured - valence).abs() < 1e-12,
                "{symbols:?}: {measured}"
            );
            assert_eq!(
                ValenceClass::from_valence(measured).number(),
                class,
                "{symbols:?}"
            );
        }
    }

    #[test]
    fn single_chords_have_their_class() {
        for (symbol, class) in [
            ("Cmaj7", 2),
            ("Cm7", -1),
            ("C7", 0),
            ("Cm9", 0),
            ("C9", 1),
            ("Cdim", -1),
            ("Cm", -2),
            ("C", 2),
            ("C6", 2),
            ("Cm6", -2),
            ("Cm7b5", -1),
            ("Cdim7", -1),
            ("Caug", 2),
            ("Csus4", 2),
            ("C7#5", 0),
            ("C13", 1),
            ("Cmaj9", 1),
            ("Cm11", 0),
        ] {
            let valence = chord_valence(symbol.parse().ok());
            assert_eq!(
                ValenceClass::from_valence(valence).number(),
                class,
                "{symbol}"
            );
        }
    }

    /// The bounds belong to the class below. A major seventh and a diminished chord average exactly 0.2.
    #[test]
    fn bounds_are_inclusive_upwards() {
        assert_eq!(
            ValenceClass::from_valence(median_valence(&chords(&["Cmaj7", "Bdim"]))).number(),
            0
        );
        for (valence, number) in [
            (0.6, 1),
            (0.6000001, 2),
            (0.2, 0),
            (-0.2, -1),
            (-0.6, -2),
            (-0.5999, -1),
            (1.0, 2),
            (-1.0, -2),
            (7.0, 2),
        ] {
            assert_eq!(
                ValenceClass::from_valence(valence).number(),
                number,
                "{valence}"
            );
        }
    }

    #[test]
    fn the_class_of_a_piece_is_the_rounded_mean() {
        let of = |numbers: &[i8]| {
            let classes: Vec<_> = numbers
                .iter()
                .map(|n| ValenceClass::from_number(*n).unwrap())
                .collect();
            ValenceClass::of_piece(&classes).number()
        };
        assert_eq!(of(&[2, 1]), 2); // 1.5
        assert_eq!(of(&[1, 0]), 1); // 0.5
        assert_eq!(of(&[0, -1]), 0); // -0.5
        assert_eq!(of(&[-1, -2]), -1); // -1.5
        assert_eq!(of(&[-2, -2, -1]), -2);
        assert_eq!(of(&[]), 0);
    }

    /// Three notes over Am and one over C: the median leans to the chord with more notes.
    #[test]
    fn a_chord_counts_once_per_note_above_it() {
        let score = sheet("4/4", "A minor", 1)
            .note(0, 1, 69, 1, 1)
            .note(1, 1, 71, 1, 1)
            .note(2, 1, 72, 1, 1)
            .note(3, 1, 76, 1, 1)
            .chord(0, 1, "Am")
            .chord(3, 1, "C")
            .build();
        assert_eq!(valence_per_bar(&score), [-0.81]);
        assert_eq!(piece_valence_class(&score), ValenceClass::VeryLow);
    }

    #[test]
    fn the_qualities_of_the_paper_stay_as_they_are() {
        for quality in PaperQuality::ALL {
            assert_eq!(paper_quality(quality.quality()), quality);
        }
    }

    #[test]
    fn every_quality_is_folded_to_a_quality_of_its_own_third() {
        for quality in Quality::ALL {
            let minor_third = quality.intervals().contains(&3);
            let folded = paper_quality(quality);
            let folded_minor = matches!(
                folded,
                PaperQuality::Minor
                    | PaperQuality::Minor7
                    | PaperQuality::Minor9
                    | PaperQuality::Diminished
            );
            assert_eq!(minor_third, folded_minor, "{quality:?}");
        }
    }

    proptest! {
        #[test]
        fn classes_hold_their_values(valence in -1.0f64..=1.0) {
            let (low, high) = ValenceClass::from_valence(valence).range();
            prop_assert!(valence <= high && (valence > low || valence == -1.0));
        }

        #[test]
        fn valences_lie_among_the_chords(score in any_score()) {
            for valence in valence_per_bar(&score) {
                prop_assert!((-0.81..=0.87).contains(&valence));
            }
        }
    }
}
