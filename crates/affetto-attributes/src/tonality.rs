//! How well a melody keeps to its key.

use affetto_media::{Key, Mode, PitchClass, PitchName, Score, f64_from_quarters};
use serde::{Deserialize, Serialize};

use crate::compare::pearson;
use crate::events::{Event, event_list};
use crate::statistics::{entropy_bits, ratio};

/// How often each pitch class stands in a major key, the tonic first: Albrecht & Shanahan, "The use of
/// large corpora to train a new type of key-finding algorithm" (2013).
pub const MAJOR_PROFILE: [f64; 12] = [
    0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081,
];

/// The same for a minor key.
pub const MINOR_PROFILE: [f64; 12] = [
    0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052,
];

/// The degrees of a key in semitones above its tonic; minor has both sixths and both sevenths.
const fn scale(mode: Mode) -> &'static [PitchClass] {
    match mode {
        Mode::Major => &[0, 2, 4, 5, 7, 9, 11],
        Mode::Minor => &[0, 2, 3, 5, 7, 8, 9, 10, 11],
    }
}

/// Each event of the score with the key in force.
fn keyed_events(score: &Score) -> Vec<(Event, Key)> {
    let bar_lines = score.bar_onsets();
    let key_at = |event: &Event| {
        let bar = bar_lines.partition_point(|line| *line <= event.onset);
        score.bars.get(bar.saturating_sub(1)).map(|bar| bar.key)
    };
    event_list(score)
        .into_iter()
        .filter_map(|event| Some((event, key_at(&event)?)))
        .collect()
}

/// The share of the melody's time on each of the twelve degrees, in semitones above the tonic of the key
/// in force.
pub fn degree_shares(score: &Score) -> [f64; 12] {
    let mut time = [0.0; 12];
    for (event, key) in keyed_events(score) {
        if let Some(pitch) = event.pitch {
            time[usize::from(above(pitch, key))] += f64_from_quarters(event.duration);
        }
    }
    let total: f64 = time.iter().sum();
    time.map(|quarters| ratio(quarters, total))
}

fn above(pitch: u8, key: Key) -> PitchClass {
    (pitch % 12 + 12 - key.tonic().pitch_class()) % 12
}

/// Whether a pitch is of the scale of a key; in minor the raised sixth and seventh belong to it.
pub fn is_in_scale(pitch: u8, key: Key) -> bool {
    scale(key.mode()).contains(&above(pitch, key))
}

/// PCE: the entropy in bits of the pitch classes by time, counted above the tonic of the key in
/// force.
pub fn pitch_class_entropy(score: &Score) -> f64 {
    entropy_bits(degree_shares(score))
}

/// The share of the melody's time on notes that the key signature holds: those of C major once the
/// piece is moved to C major or A minor. Raised sixths and sevenths of minor count as foreign.
pub fn in_signature_ratio(score: &Score) -> f64 {
    share_of_time(score, |degree, mode| {
        let above_major_tonic = match mode {
            Mode::Major => degree,
            Mode::Minor => (degree + 9) % 12,
        };
        scale(Mode::Major).contains(&above_major_tonic)
    })
}

/// The share of the melody's time in the scale of the key; in minor the raised sixth and seventh belong
/// to it.
pub fn in_scale_ratio(score: &Score) -> f64 {
    share_of_time(score, |degree, mode| scale(mode).contains(&degree))
}

fn share_of_time(score: &Score, test: impl Fn(PitchClass, Mode) -> bool) -> f64 {
    let mut within = 0.0;
    let mut total = 0.0;
    for (event, key) in keyed_events(score) {
        if let Some(pitch) = event.pitch {
            let quarters = f64_from_quarters(event.duration);
            total += quarters;
            within += quarters * f64::from(u8::from(test(above(pitch, key), key.mode())));
        }
    }
    ratio(within, total)
}

/// How the piece stands to the key that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyAdherence {
    /// Pearson correlation of its pitch classes with the profile of its key, -1..=1; 0 where
    /// nothing sounds.
    pub correlation: f64,
    /// The rank of its key among the 24, from 1.
    pub rank: u8,
    /// The key with the highest correlation.
    #[schemars(with = "String")]
    pub best_key: Key,
}

impl KeyAdherence {
    /// Whether the piece sounds in the key it is written in.
    pub const fn is_best(self) -> bool {
        self.rank == 1
    }
}

/// Key adherence of melody and chords together, each half of the weight, by time. Where the key changes,
/// each stretch counts above its own tonic, and the answer is about the first key.
pub fn key_adherence(score: &Score) -> KeyAdherence {
    let home = score.bars.first().map_or(Key::C_MAJOR, |bar| bar.key);
    let histogram = sounding_degrees(score);
    let correlation = |tonic: u8, mode: Mode| {
        let profile = match mode {
            Mode::Major => MAJOR_PROFILE,
            Mode::Minor => MINOR_PROFILE,
        };
        let rotated: Vec<f64> = (0..12)
            .map(|degree| profile[(degree + 12 - usize::from(tonic)) % 12])
            .collect();
        pearson(&histogram, &rotated).unwrap_or(0.0)
    };
    let own = correlation(0, home.mode());
    let mut best = (own, 0, home.mode());
    let mut higher = 0;
    for mode in [Mode::Major, Mode::Minor] {
        for tonic in 0..12 {
            let other = correlation(tonic, mode);
            higher += u8::from(other > own);
            if other > best.0 {
                best = (other, tonic, mode);
            }
        }
    }
    KeyAdherence {
        correlation: own,
        rank: higher + 1,
        best_key: key_above(home, best.1, best.2),
    }
}

/// The key of `mode` whose tonic lies `semitones` above that of `home`, with the fewest accidentals.
fn key_above(home: Key, semitones: u8, mode: Mode) -> Key {
    let tonic = (home.tonic().pitch_class() + semitones) % 12;
    if (semitones, mode) == (0, home.mode()) {
        return home;
    }
    let middle = match mode {
        Mode::Major => 0,
        Mode::Minor => 3,
    };
    Key::on(PitchName::nearest(tonic, middle), mode).unwrap_or(home)
}

fn sounding_degrees(score: &Score) -> [f64; 12] {
    let mut melody = [0.0; 12];
    let mut chords = [0.0; 12];
    for (event, key) in keyed_events(score) {
        let quarters = f64_from_quarters(event.duration);
        if let Some(pitch) = event.pitch {
            melody[usize::from(above(pitch, key))] += quarters;
        }
        for tone in event
            .chord
            .map(|chord| chord.pitch_classes())
            .unwrap_or_default()
        {
            chords[usize::from(above(tone, key))] += quarters;
        }
    }
    let totals: [f64; 2] = [melody.iter().sum(), chords.iter().sum()];
    std::array::from_fn(|degree| {
        ratio(melody[degree], totals[0]) + ratio(chords[degree], totals[1])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet, transposed};
    use proptest::prelude::*;

    /// The scale of A minor with G sharp, eight notes of one beat.
    fn a_minor() -> Score {
        sheet("4/4", "A minor", 2)
            .run(&[69, 71, 72, 74, 76, 77, 80, 81], 1, 1)
            .chord(0, 1, "Am")
            .chord(4, 1, "E7")
            .chord(7, 1, "Am")
            .build()
    }

    #[test]
    fn a_minor_by_hand() {
        let score = a_minor();
        assert_eq!(in_signature_ratio(&score), 7.0 / 8.0);
        assert_eq!(in_scale_ratio(&score), 1.0);
        // A twice, six others once: 2/8 * 2 + 6/8 * 3 bits.
        assert!((pitch_class_entropy(&score) - 2.75).abs() < 1e-12);
        assert_eq!(degree_shares(&score)[0], 0.25);
        let adherence = key_adherence(&score);
        assert!(
            adherence.is_best() && adherence.correlation > 0.7,
            "{adherence:?}"
        );
    }

    #[test]
    fn a_tune_in_another_key_is_found_out() {
        let mut score = a_minor();
        for bar in &mut score.bars {
            bar.key = "Eb major".parse().unwrap();
        }
        let adherence = key_adherence(&score);
        assert_eq!(adherence.best_key.to_string(), "A minor");
        assert!(!adherence.is_best() && adherence.correlation < 0.1);
    }

    #[test]
    fn silence_has_no_key_but_a_finite_answer() {
        let adherence = key_adherence(&sheet("4/4", "B minor", 1).build());
        assert_eq!((adherence.correlation, adherence.rank), (0.0, 1));
        assert_eq!(adherence.best_key.to_string(), "B minor");
    }

    proptest! {
        #[test]
        fn transposing_changes_nothing(score in any_score(), semitones in -6i8..=6) {
            if let Some(moved) = transposed(&score, semitones) {
                for measure in [pitch_class_entropy, in_signature_ratio, in_scale_ratio] {
                    prop_assert!((measure(&score) - measure(&moved)).abs() < 1e-9);
                }
                let (a, b) = (key_adherence(&score), key_adherence(&moved));
                prop_assert!((a.correlation - b.correlation).abs() < 1e-9);
            }
        }

        #[test]
        fn the_scale_holds_what_the_signature_holds(score in any_score()) {
            prop_assert!(in_scale_ratio(&score) >= in_signature_ratio(&score) - 1e-12);
        }
    }
}
