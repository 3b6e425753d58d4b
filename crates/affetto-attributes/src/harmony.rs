//! Chords, alone and against the melody.
//!
//! Yeh, Hsiao, Fukayama et al., "Automatic melody harmonization with triad chords" (2021), give the measures;
//! the names follow the paper. Chords count by root and by the eight qualities of
//! [`paper_quality`], so that figures of different chord vocabularies compare; neighbours that are then
//! the same count as one. Bass notes of slash chords do not enter.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use affetto_media::{ChordSymbol, PitchClass, Score, f64_from_quarters};

use crate::events::{Event, event_list};
use crate::statistics::{entropy_nats, mean, ratio, share};
use crate::valence::{PaperQuality, paper_quality};

/// A chord as the measures see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldedChord {
    /// The root.
    pub root: PitchClass,
    /// What is built on it.
    pub quality: PaperQuality,
}

impl FoldedChord {
    /// The pitch classes it sounds, the root first.
    pub fn pitch_classes(self) -> Vec<PitchClass> {
        let intervals = self.quality.quality().intervals();
        intervals
            .iter()
            .map(|interval| (self.root + interval) % 12)
            .collect()
    }
}

impl From<ChordSymbol> for FoldedChord {
    fn from(chord: ChordSymbol) -> Self {
        Self {
            root: chord.root.pitch_class(),
            quality: paper_quality(chord.quality),
        }
    }
}

/// The chords of the score in order, without "no chord", neighbours that are the same as one.
pub fn chord_sequence(score: &Score) -> Vec<FoldedChord> {
    let written = score.chords.iter().filter_map(|change| change.chord);
    let mut chords: Vec<FoldedChord> = written.map(FoldedChord::from).collect();
    chords.dedup();
    chords
}

/// How often each chord is changed to.
pub fn chord_histogram(score: &Score) -> BTreeMap<FoldedChord, usize> {
    let mut histogram = BTreeMap::new();
    for chord in chord_sequence(score) {
        *histogram.entry(chord).or_insert(0) += 1;
    }
    histogram
}

/// CHE: the entropy of the chord histogram, in nats.
pub fn chord_histogram_entropy(score: &Score) -> f64 {
    entropy_nats(
        chord_histogram(score)
            .into_values()
            .map(|count| count as f64),
    )
}

/// CC: the number of different chords.
pub fn chord_coverage(score: &Score) -> usize {
    chord_histogram(score).len()
}

/// Chords per bar.
pub fn chords_per_bar(score: &Score) -> f64 {
    ratio(chord_sequence(score).len() as f64, score.bars.len() as f64)
}

/// The share of chord symbols that say more than the eight qualities: sixths, suspensions, alterations.
pub fn extended_chord_share(score: &Score) -> f64 {
    let written: Vec<ChordSymbol> = score
        .chords
        .iter()
        .filter_map(|change| change.chord)
        .collect();
    share(&written, |chord| {
        paper_quality(chord.quality).quality() != chord.quality
    })
}

/// The share of the time without a chord, 0..=1.
pub fn no_chord_share(score: &Score) -> f64 {
    time_share(score, |_| true, |event| event.chord.is_none())
}

/// A place in the tonal space of Harte, Sandler & Gasser, "Detecting harmonic change in musical audio"
/// (2006): circles of fifths, of minor thirds and, half as wide, of major thirds.
pub type TonalCentroid = [f64; 6];

fn tonal_position(pitch_class: PitchClass) -> TonalCentroid {
    let turn = |semitone: f64| libm::sincos(semitone * f64::from(pitch_class));
    let (fifths, minor, major) = (
        turn(7.0 * PI / 6.0),
        turn(3.0 * PI / 2.0),
        turn(2.0 * PI / 3.0),
    );
    [
        fifths.0,
        fifths.1,
        minor.0,
        minor.1,
        0.5 * major.0,
        0.5 * major.1,
    ]
}

/// The mean place of some pitch classes; the origin for none.
pub fn tonal_centroid(pitch_classes: &[PitchClass]) -> TonalCentroid {
    let mut sum = [0.0; 6];
    for pitch_class in pitch_classes {
        for (axis, value) in sum.iter_mut().zip(tonal_position(*pitch_class)) {
            *axis += value;
        }
    }
    sum.map(|axis| ratio(axis, pitch_classes.len() as f64))
}

/// The Euclidean distance of two places.
pub fn tonal_distance(a: TonalCentroid, b: TonalCentroid) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    squares.sqrt()
}

/// CTD: the mean tonal distance of neighbouring chords.
pub fn chord_tonal_distance(score: &Score) -> f64 {
    let centroids: Vec<TonalCentroid> = chord_sequence(score)
        .into_iter()
        .map(|chord| tonal_centroid(&chord.pitch_classes()))
        .collect();
    let distances: Vec<f64> = centroids
        .windows(2)
        .map(|pair| tonal_distance(pair[0], pair[1]))
        .collect();
    mean(&distances)
}

/// The melody over the chords: each event with both a note and a chord.
fn harmonised(score: &Score) -> Vec<(Event, u8, Vec<PitchClass>)> {
    event_list(score)
        .into_iter()
        .filter_map(|event| {
            let chord = FoldedChord::from(event.chord?);
            Some((event, event.pitch?, chord.pitch_classes()))
        })
        .collect()
}

/// CTR: the share of the melody's time that lies on tones of the chord in force, 0..=1.
pub fn chord_tone_ratio(score: &Score) -> f64 {
    weighted_mean(harmonised(score), is_chord_tone)
}

/// The same against the chords as they are written, so that the sixth of a sixth chord belongs to it.
pub fn written_chord_tone_ratio(score: &Score) -> f64 {
    let written = event_list(score)
        .into_iter()
        .filter_map(|event| Some((event, event.pitch?, event.chord?.pitch_classes())))
        .collect();
    weighted_mean(written, is_chord_tone)
}

fn is_chord_tone(pitch: u8, tones: &[PitchClass]) -> f64 {
    f64::from(u8::from(tones.contains(&(pitch % 12))))
}

/// MCTD: the tonal distance of melody and chord, weighted by time.
pub fn melody_chord_tonal_distance(score: &Score) -> f64 {
    weighted_mean(harmonised(score), |pitch, tones| {
        tonal_distance(tonal_centroid(&[pitch % 12]), tonal_centroid(tones))
    })
}

/// PCS: the consonance of the melody with the tones of the chord, weighted by time, -1..=1. A unison, third,
/// fifth or sixth counts 1, a fourth 0, anything else -1.
pub fn pitch_consonance(score: &Score) -> f64 {
    weighted_mean(harmonised(score), |pitch, tones| {
        let scores: Vec<f64> = tones
            .iter()
            .map(|tone| match (pitch + 12 - tone) % 12 {
                0 | 3 | 4 | 7 | 8 | 9 => 1.0,
                5 => 0.0,
                _ => -1.0,
            })
            .collect();
        mean(&scores)
    })
}

fn weighted_mean(
    events: Vec<(Event, u8, Vec<PitchClass>)>,
    value: impl Fn(u8, &[PitchClass]) -> f64,
) -> f64 {
    let mut sum = 0.0;
    let mut time = 0.0;
    for (event, pitch, tones) in events {
        let quarters = f64_from_quarters(event.duration);
        sum += quarters * value(pitch, &tones);
        time += quarters;
    }
    ratio(sum, time)
}

/// CTnCTR: chord tones and proper non-chord tones among all notes, 0..=1. A note counts where it
/// begins; a non-chord tone is proper where the next note lies at most two semitones away.
pub fn proper_tone_ratio(score: &Score) -> f64 {
    let attacks: Vec<_> = harmonised(score)
        .into_iter()
        .filter(|(event, ..)| event.is_attack())
        .collect();
    let proper = |index: usize| {
        let (_, pitch, tones) = &attacks[index];
        let resolved = attacks
            .get(index + 1)
            .is_some_and(|(_, next, _)| next.abs_diff(*pitch) <= 2);
        tones.contains(&(pitch % 12)) || resolved
    };
    let count = (0..attacks.len()).filter(|index| proper(*index)).count();
    ratio(count as f64, attacks.len() as f64)
}

/// The share of chords of each of the paper's eight qualities.
pub fn quality_shares(score: &Score) -> [f64; 8] {
    let chords = chord_sequence(score);
    PaperQuality::ALL.map(|quality| share(&chords, |chord| chord.quality == quality))
}

/// The share of root motions of 0..=11 semitones up.
pub fn root_motion_shares(score: &Score) -> [f64; 12] {
    let motions: Vec<u8> = chord_sequence(score)
        .windows(2)
        .map(|pair| (pair[1].root + 12 - pair[0].root) % 12)
        .collect();
    let mut semitones = 0;
    [0.0; 12].map(|_| {
        semitones += 1;
        share(&motions, |motion| *motion == semitones - 1)
    })
}

/// The share of chord changes that lie on a bar line.
pub fn downbeat_change_share(score: &Score) -> f64 {
    let bar_lines = score.bar_onsets();
    share(&score.chords, |change| {
        bar_lines.binary_search(&change.onset).is_ok()
    })
}

/// The share of the time with a chord in which its root is the tonic.
pub fn tonic_chord_share(score: &Score) -> f64 {
    let bar_lines = score.bar_onsets();
    let on_tonic = |event: &Event| {
        let bar = bar_lines.partition_point(|line| *line <= event.onset) - 1;
        let tonic = score.bars.get(bar).map(|bar| bar.key.tonic().pitch_class());
        event.chord.map(|chord| chord.root.pitch_class()) == tonic
    };
    time_share(score, |event| event.chord.is_some(), on_tonic)
}

/// Of the time for which `among` holds, the share for which `test` holds.
fn time_share(score: &Score, among: impl Fn(&Event) -> bool, test: impl Fn(&Event) -> bool) -> f64 {
    let events = event_list(score);
    let time = |keep: &dyn Fn(&Event) -> bool| -> f64 {
        let kept = events.iter().filter(|event| keep(event));
        kept.map(|event| f64_from_quarters(event.duration)).sum()
    };
    ratio(time(&|event| among(event) && test(event)), time(&among))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet, transposed};
    use proptest::prelude::*;

    /// | C | G7 | C | F | with C E G | F (foreign to G7 no: its seventh), A (foreign) | rest | F.
    fn four_bars() -> Score {
        sheet("4/4", "C major", 4)
            .chord(0, 1, "C")
            .chord(4, 1, "G7")
            .chord(8, 1, "C")
            .chord(12, 1, "F")
            .note(0, 1, 60, 2, 1)
            .note(2, 1, 64, 2, 1)
            .note(4, 1, 65, 3, 1)
            .note(7, 1, 69, 1, 1)
            .note(12, 1, 66, 2, 1)
            .note(14, 1, 65, 2, 1)
            .build()
    }

    #[test]
    fn chord_counts_by_hand() {
        let score = four_bars();
        // Two of four, one, one: .5 ln 2 + .5 ln 4.
        assert!((chord_histogram_entropy(&score) - 1.5 * std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(chord_coverage(&score), 3);
        assert_eq!(chords_per_bar(&score), 1.0);
        assert_eq!(quality_shares(&score)[..3], [0.75, 0.0, 0.25]);
        let motions = root_motion_shares(&score);
        assert!((motions[5] - 2.0 / 3.0).abs() < 1e-12 && (motions[7] - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(downbeat_change_share(&score), 1.0);
        assert_eq!(tonic_chord_share(&score), 0.5);
        assert_eq!(no_chord_share(&score), 0.0);
    }

    /// 12 quarters of melody: A over G7 (1) and F sharp over F (2) are foreign.
    #[test]
    fn chord_tones_by_hand() {
        let score = four_bars();
        assert!((chord_tone_ratio(&score) - 9.0 / 12.0).abs() < 1e-12);
        // A moves on by three semitones, F sharp resolves to F.
        assert!((proper_tone_ratio(&score) - 5.0 / 6.0).abs() < 1e-12);
    }

    /// C against C major: unison, major third below (8), fifth below (5): (1 + 1 + 0) / 3.
    #[test]
    fn consonance_by_hand() {
        let score = sheet("4/4", "C major", 1)
            .chord(0, 1, "C")
            .note(0, 1, 72, 4, 1)
            .build();
        assert!((pitch_consonance(&score) - 2.0 / 3.0).abs() < 1e-12);
    }

    /// Opposite pitch classes on all three circles: a tritone is 2 apart on the circle of fifths, 2 on
    /// that of minor thirds and 0 on that of major thirds.
    #[test]
    fn tonal_distances_by_hand() {
        let apart = |semitones| tonal_distance(tonal_centroid(&[0]), tonal_centroid(&[semitones]));
        assert!((apart(6) - 8f64.sqrt()).abs() < 1e-9);
        // A fifth: 2 sin 15 degrees, 2 sin 45 degrees, half of 2 sin 60 degrees.
        let fifth: f64 = [15.0, 45.0, 60.0]
            .iter()
            .zip([2.0, 2.0, 1.0])
            .map(|(angle, width): (&f64, f64)| (width * libm::sin(angle.to_radians())).powi(2))
            .sum();
        assert!((apart(7) - fifth.sqrt()).abs() < 1e-9);
        assert!(apart(7) < apart(4) && apart(4) < apart(2) && apart(2) < apart(6));
    }

    /// C6 and C are one chord; A belongs to C6 only as it is written.
    #[test]
    fn chords_are_folded() {
        let score = sheet("4/4", "C major", 2)
            .chord(0, 1, "C6")
            .chord(2, 1, "C")
            .chord(4, 1, "F")
            .note(0, 1, 69, 2, 1)
            .note(2, 1, 67, 2, 1)
            .build();
        assert_eq!(chord_sequence(&score).len(), 2);
        assert_eq!(chords_per_bar(&score), 1.0);
        assert_eq!(chord_tone_ratio(&score), 0.5);
        assert_eq!(written_chord_tone_ratio(&score), 1.0);
        assert!((extended_chord_share(&score) - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_melody_is_nearer_to_its_own_chord() {
        let over = |symbol| {
            let score = sheet("4/4", "C major", 1)
                .chord(0, 1, symbol)
                .note(0, 1, 72, 4, 1);
            melody_chord_tonal_distance(&score.build())
        };
        assert!(over("C") < over("G") && over("G") < over("F#"));
    }

    proptest! {
        #[test]
        fn transposing_changes_nothing(score in any_score(), semitones in -6i8..=6) {
            if let Some(moved) = transposed(&score, semitones) {
                for measure in [
                    chord_histogram_entropy, chord_tonal_distance, chord_tone_ratio,
                    melody_chord_tonal_distance, pitch_consonance, proper_tone_ratio, tonic_chord_share,
                ] {
                    prop_assert!((measure(&score) - measure(&moved)).abs() < 1e-9);
                }
                prop_assert_eq!(quality_shares(&score), quality_shares(&moved));
                prop_assert_eq!(root_motion_shares(&score), root_motion_shares(&moved));
            }
        }

        #[test]
        fn shares_are_shares(score in any_score()) {
            for measure in [chord_tone_ratio, proper_tone_ratio, no_chord_share, tonic_chord_share, downbeat_change_share] {
                prop_assert!((0.0..=1.0).contains(&measure(&score)));
            }
        }
    }
}
