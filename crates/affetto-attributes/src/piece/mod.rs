//! A piece as it is played, in 112 numbers: the hundred attributes that EmoGen (Kang et al., "EmoGen: Eliminating
//! Subjective Bias in Emotional Music Generation", 2023) chose from jSymbolic 2 (McKay, Cumming & Fujinaga,
//! "jSymbolic 2.2: Extracting Features from Symbolic Music for use in Musicological and MIR Research", 2018), and
//! twelve that they leave out.
//!
//! Each attribute is a function of a [`Piece`] under jSymbolic's name, written anew from the definitions, the quirks
//! of the original included where they change the value. [`Attribute::ALL`] lists them with group, unit and meaning.
//!
//! ```
//! use affetto_attributes::piece::{Attribute, Piece, Reading, rhythm};
//! use affetto_media::midi::{Performance, PlayedNote};
//!
//! let note = |onset_tick: u64, pitch: u8| PlayedNote {
//!     track: 0, channel: 0, pitch, velocity: 80, volume: 127, onset_tick, end_tick: onset_tick + 96,
//! };
//! let performance = Performance {
//!     ticks_per_quarter: 96,
//!     notes: vec![note(0, 60), note(96, 64), note(192, 67)],
//!     tempos: vec![],
//!     end_tick: 288,
//! };
//! let piece = Piece::of(&performance, Reading::Written);
//! assert_eq!(rhythm::note_density_per_quarter_note(&piece), Some(1.0));
//!
//! let range = Attribute::named("Range").unwrap();
//! assert_eq!(range.measure(&piece), Some(7.0));
//! // Three melodic notes never sound together, and that is said, not made a number.
//! let dissonance = Attribute::named("Vertical Dissonance Ratio").unwrap();
//! assert_eq!(dissonance.measure(&piece), None);
//! ```
//!
//! A value that a piece does not have (the interval of a single note, a chord of silence) is `None`; no value is
//! ever NaN or infinite.

mod attribute;
pub mod dynamics;
pub mod emogen;
pub mod expression;
mod files;
pub mod melody;
mod notes;
pub mod pitch;
pub mod pulse;
pub mod rhythm;
mod rows;
mod sounding;
mod table;
#[cfg(test)]
mod testing;
pub mod texture;
pub mod vertical;

use affetto_media::midi::Performance;

pub use attribute::{Attribute, Group, Unit};
pub use files::{Values, measure_file, measure_files, music_files};
use notes::Notes;
pub use notes::Reading;
pub use rows::{RowFormat, RowWriter, VALUES_SCHEMA};
use sounding::Sounding;

/// A piece, ready to be measured.
#[derive(Clone, Debug)]
pub struct Piece {
    notes: Notes,
    pitches: pitch::Pitches,
    melody: melody::Melody,
    verticals: vertical::Verticals,
    rhythm: rhythm::Rhythm,
    pulse: pulse::Pulse,
    texture: texture::Texture,
    dynamics: dynamics::Dynamics,
    expression: expression::Expression,
}

impl Piece {
    /// Gathers what the attributes need.
    pub fn of(performance: &Performance, reading: Reading) -> Self {
        let notes = Notes::of(performance, reading);
        let sounding = Sounding::of(&notes.pitched);
        Self {
            pitches: pitch::Pitches::of(&notes.pitched),
            melody: melody::Melody::of(&notes.pitched),
            verticals: vertical::Verticals::of(&sounding),
            rhythm: rhythm::Rhythm::of(&notes),
            pulse: pulse::Pulse::of(&notes),
            texture: texture::Texture::of(&notes.pitched, &sounding.spans),
            dynamics: dynamics::Dynamics::of(&notes.all),
            expression: expression::Expression::of(&notes, &sounding.spans),
            notes,
        }
    }

    /// Every attribute, in the order of [`Attribute::ALL`].
    pub fn values(&self) -> Vec<Option<f64>> {
        Attribute::ALL
            .iter()
            .map(|attribute| attribute.measure(self))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::{
        testing::{in_performance_time, performance},
        *,
    };

    fn value(notes: &[(u8, u64, u64, u8)], name: &str) -> Option<f64> {
        let piece = Piece::of(&performance(notes), Reading::Written);
        Attribute::named(name).unwrap().measure(&piece)
    }

    /// Two bars of quarters at 120 a minute, 96 ticks each: C4 E4 G4 E4 | C5 C5 with G3 below | C4.
    const TUNE: [(u8, u64, u64, u8); 8] = [
        (60, 0, 96, 60),
        (64, 96, 96, 70),
        (67, 192, 48, 80),
        (64, 288, 96, 60),
        (55, 384, 192, 50),
        (72, 384, 96, 90),
        (72, 480, 96, 90),
        (60, 576, 192, 60),
    ];

    #[test]
    fn a_tune_by_hand() {
        for (name, expected) in [
            ("Total Number of Notes", 8.0),
            ("Duration in Seconds", 4.0),
            ("Number of Pitches", 5.0),
            ("Range", 17.0),
            // 60 + 64 + 67 + 64 + 55 + 72 + 72 + 60 = 514, by 8, rounded down.
            ("Mean Pitch", 64.0),
            ("Most Common Pitch", 60.0),
            // C: 4 of 8 notes, E: 2, G: 2; the fourth above C is silent.
            ("Pitch Class Histogram_4", 0.25),
            ("Pitch Class Histogram_5", 0.0),
            // In file order: +4 +3 -3, -9 to G3, then from C5 (last of its onset) 0, -12.
            ("Melodic Interval Histogram_0", 1.0 / 6.0),
            ("Melodic Interval Histogram_4", 1.0 / 6.0),
            ("Melodic Sixths", 1.0 / 6.0),
            // up up down down (0) down: 5 moves, 1 turn.
            ("Average Length of Melodic Arcs", 5.0),
            // 8 notes in 8 quarters.
            ("Note Density per Quarter Note", 1.0),
            // One eighth, five quarters, two halves.
            ("Rhythmic Value Histogram_2", 0.125),
            ("Rhythmic Value Histogram_4", 0.625),
            ("Prevalence of Long Rhythmic Values", 0.25),
            ("Most Common Rhythmic Value", 1.0),
            // Runs: 2 quarters, 1 eighth, 1 quarter, 1 half, 2 quarters, 1 half.
            ("Mean Rhythmic Value Run Length", 8.0 / 6.0),
            ("Variability of Rhythmic Value Offsets", 0.0),
            // G3 and C5 sound together for two quarters: 17 semitones, a fourth.
            ("Perfect Vertical Intervals", 1.0),
            ("Vertical Dissonance Ratio", 0.0),
            // 7.5 quarters sound, 2 of them with two pitches.
            ("Average Number of Simultaneous Pitches", 9.5 / 7.5),
            // |10| + |10| + |20| + |10| + |40| + 0 + |30| over 8 notes.
            ("Average Note to Note Change in Dynamics", 15.0),
            ("Notes per Second", 2.0),
            ("Onsets per Second", 7.0 / 4.0),
            ("Mean Loudness", 70.0),
            ("Mean Note Length", 9.5 * 0.5 / 8.0),
            ("Median Note Length", 0.5),
            ("Written Tempo", 120.0),
            // Six gaps of which one (the eighth) is half filled.
            ("Legato", 5.5 / 6.0),
            ("Relative Note Density of Highest Line", 8.0),
        ] {
            let found = value(&TUNE, name).unwrap();
            assert!(
                (found - expected).abs() < 1e-9,
                "{name}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn what_a_piece_has_not_is_said() {
        let silence: [(u8, u64, u64, u8); 0] = [];
        for attribute in Attribute::ALL {
            let found = value(&silence, attribute.name());
            let zero = ["Total Number of Notes", "Duration in Seconds"].contains(&attribute.name());
            assert_eq!(found, zero.then_some(0.0), "{attribute}");
        }
        let one = [(60, 0, 96, 60)];
        for name in [
            "Pitch Variability",
            "Pitch Skewness",
            "Melodic Interval Histogram_0",
            "Vertical Interval Histogram_7",
            "Chord Type Histogram_1",
            "Rhythmic Value Kurtosis",
            "Variability of Time Between Attacks",
            "Variation of Dynamics",
            "Beat Histogram Tempo Standardized_32",
            "Contrary Motion",
        ] {
            assert_eq!(value(&one, name), None, "{name}");
        }
        assert_eq!(value(&one, "Range"), Some(0.0));
        assert_eq!(value(&one, "Chord Duration"), Some(1.0));
    }

    #[test]
    fn louder_is_louder_and_minor_is_minor() {
        let chord = |third: u8, velocity: u8| {
            [60, third, 67, 72]
                .map(|pitch| (pitch, 0, 384, velocity))
                .to_vec()
        };
        let major = |third| value(&chord(third, 60), "Major minus Minor").unwrap();
        assert!(major(64) > 0.0 && major(63) < 0.0);
        assert!(value(&chord(64, 90), "Mean Loudness") > value(&chord(64, 60), "Mean Loudness"));
    }

    /// Eighths at 100 quarters a minute, every second one louder: a pulse of 100.
    #[test]
    fn a_regular_beat_is_felt() {
        let eighth_ticks = 115.2_f64 / 2.0;
        let notes: Vec<(u8, u64, u64, u8)> = (0..64)
            .map(|index| {
                let onset = (f64::from(index) * eighth_ticks).round() as u64;
                (60, onset, 40, if index % 2 == 0 { 100 } else { 40 })
            })
            .collect();
        let pulse = value(&notes, "Felt Pulse").unwrap();
        assert!((pulse - 100.0).abs() < 2.0, "{pulse}");
    }

    fn any_notes() -> impl Strategy<Value = Vec<(u8, u64, u64, u8)>> {
        let note = (
            0_u8..128,
            0_u64..2000,
            prop_oneof![0_u64..4, 0_u64..900],
            1_u8..128,
        );
        prop::collection::vec(note, 0..60)
    }

    proptest! {
        #[test]
        fn values_are_finite_and_shares_are_shares(notes in any_notes()) {
            for reading in Reading::ALL {
                let values = Piece::of(&performance(&notes), reading).values();
                for (attribute, value) in Attribute::ALL.iter().zip(values).filter_map(|(a, v)| Some((a, v?))) {
                    prop_assert!(value.is_finite());
                    if attribute.unit() == Unit::Share {
                        prop_assert!((-1e-9..=1.0 + 1e-9).contains(&value), "{}: {}", attribute, value);
                    }
                }
            }
        }

        /// What moves up by an octave keeps everything but its register.
        #[test]
        fn an_octave_changes_the_register_only(notes in any_notes()) {
            let notes: Vec<_> = notes.into_iter().map(|(pitch, o, d, v)| (pitch % 116, o, d, v)).collect();
            let up: Vec<_> = notes.iter().map(|(pitch, o, d, v)| (pitch + 12, *o, *d, *v)).collect();
            let [low, high] = [&notes, &up].map(|notes| Piece::of(&performance(notes), Reading::Written).values());
            let register = [
                "Importance of Bass Register", "Importance of Middle Register", "Importance of High Register",
                "Mean Pitch", "Most Common Pitch", "Relative Note Density of Highest Line", "Top Line Pitch",
                "Bass Line Pitch",
            ];
            for ((attribute, low), high) in Attribute::ALL.iter().zip(low).zip(high) {
                let close = match (low, high) {
                    (Some(low), Some(high)) => (low - high).abs() < 1e-9,
                    (low, high) => low == high,
                };
                // Ties of pitch classes are broken by the last digits of sums, which the octave may change.
                let by_tie = attribute.name().starts_with("Pitch Class Histogram");
                prop_assert!(close || by_tie || register.contains(&attribute.name()), "{}", attribute);
            }
        }

        /// Both readings agree on a file that is written as it is performed.
        #[test]
        fn performed_is_written_at_120(notes in any_notes()) {
            let performance = in_performance_time(&notes);
            let [written, performed] = Reading::ALL.map(|reading| Piece::of(&performance, reading).values());
            for ((attribute, written), performed) in Attribute::ALL.iter().zip(written).zip(performed) {
                let close = match (written, performed) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                    (a, b) => a == b,
                };
                prop_assert!(close, "{}: {:?} {:?}", attribute, written, performed);
            }
        }
    }
}
