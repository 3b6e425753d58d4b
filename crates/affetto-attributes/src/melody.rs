//! The shape of the melody.

use affetto_media::{Mode, Note, Quarters, Score, f64_from_quarters};

use crate::compare::pearson;
use crate::events::melody_line;
use crate::statistics::{deviation, mean, ratio, share};

/// Semitones from the lowest to the highest note.
pub fn pitch_range(score: &Score) -> u8 {
    let pitches: Vec<u8> = melody_line(score).iter().map(|note| note.pitch).collect();
    match (pitches.iter().min(), pitches.iter().max()) {
        (Some(low), Some(high)) => high - low,
        _ => 0,
    }
}

/// The number of different pitches.
pub fn distinct_pitches(score: &Score) -> usize {
    let mut pitches: Vec<u8> = melody_line(score).iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    pitches.len()
}

/// Mean and standard deviation of the pitches, one per note.
pub fn pitch_mean_and_deviation(score: &Score) -> (f64, f64) {
    let pitches = pitches(score);
    (mean(&pitches), deviation(&pitches))
}

fn pitches(score: &Score) -> Vec<f64> {
    let line = melody_line(score);
    line.iter().map(|note| f64::from(note.pitch)).collect()
}

/// Semitones from each note to the next, rests or not.
pub fn intervals(score: &Score) -> Vec<i16> {
    melody_line(score)
        .windows(2)
        .map(|pair| i16::from(pair[1].pitch) - i16::from(pair[0].pitch))
        .collect()
}

/// The mean size of the intervals, in semitones.
pub fn mean_interval(score: &Score) -> f64 {
    let sizes: Vec<f64> = intervals(score)
        .into_iter()
        .map(|interval| f64::from(interval.abs()))
        .collect();
    mean(&sizes)
}

/// The kinds of melodic interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// The same pitch again.
    Repeat,
    /// One or two semitones up.
    StepUp,
    /// One or two semitones down.
    StepDown,
    /// Three or four semitones up.
    ThirdUp,
    /// Three or four semitones down.
    ThirdDown,
    /// Five to seven semitones up.
    FourthOrFifthUp,
    /// Five to seven semitones down.
    FourthOrFifthDown,
    /// Eight semitones up or more.
    LeapUp,
    /// Eight semitones down or more.
    LeapDown,
}

impl Motion {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Repeat,
        Self::StepUp,
        Self::StepDown,
        Self::ThirdUp,
        Self::ThirdDown,
        Self::FourthOrFifthUp,
        Self::FourthOrFifthDown,
        Self::LeapUp,
        Self::LeapDown,
    ];

    /// The kind of an interval.
    pub const fn of(interval: i16) -> Self {
        match interval {
            0 => Self::Repeat,
            1..=2 => Self::StepUp,
            -2..=-1 => Self::StepDown,
            3..=4 => Self::ThirdUp,
            -4..=-3 => Self::ThirdDown,
            5..=7 => Self::FourthOrFifthUp,
            -7..=-5 => Self::FourthOrFifthDown,
            8.. => Self::LeapUp,
            _ => Self::LeapDown,
        }
    }
}

/// The share of each kind of interval, in the order of [`Motion::ALL`].
pub fn motion_shares(score: &Score) -> [f64; 9] {
    let intervals = intervals(score);
    Motion::ALL.map(|motion| share(&intervals, |interval| Motion::of(*interval) == motion))
}

/// The share of intervals of one or two semitones.
pub fn step_share(score: &Score) -> f64 {
    share(&intervals(score), |interval| {
        matches!(interval.abs(), 1..=2)
    })
}

/// The share of intervals of three semitones or more.
pub fn leap_share(score: &Score) -> f64 {
    share(&intervals(score), |interval| interval.abs() > 2)
}

/// The share of repeated pitches.
pub fn repeat_share(score: &Score) -> f64 {
    share(&intervals(score), |interval| *interval == 0)
}

/// The shape of the line as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contour {
    /// How often the direction turns, among neighbouring intervals that move, 0..=1.
    pub turn_share: f64,
    /// Pearson correlation of pitch and onset: above 0, the line rises.
    pub rise: f64,
    /// Where the first of its highest notes begins, as a share of the length, 0..=1.
    pub peak_position: f64,
    /// Semitones from the first note to the last.
    pub net_interval: f64,
    /// Leaps of five semitones or more that the next interval answers in the other direction, as a share of
    /// those leaps (Meyer's gap-fill); 0 where there are none.
    pub gap_fill_share: f64,
}

/// The contour of the melody; all 0 for none.
pub fn contour(score: &Score) -> Contour {
    let line = melody_line(score);
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return Contour::default();
    };
    let intervals = intervals(score);
    let moves: Vec<i16> = intervals
        .iter()
        .copied()
        .filter(|interval| *interval != 0)
        .collect();
    let turns = moves
        .windows(2)
        .filter(|pair| pair[0].signum() != pair[1].signum())
        .count();
    Contour {
        turn_share: ratio(turns as f64, moves.len().saturating_sub(1) as f64),
        rise: rise(&line),
        peak_position: peak_position(&line, score.length()),
        net_interval: f64::from(last.pitch) - f64::from(first.pitch),
        gap_fill_share: gap_fill_share(&intervals),
    }
}

fn rise(line: &[Note]) -> f64 {
    let onsets: Vec<f64> = line
        .iter()
        .map(|note| f64_from_quarters(note.onset))
        .collect();
    let pitches: Vec<f64> = line.iter().map(|note| f64::from(note.pitch)).collect();
    pearson(&onsets, &pitches).unwrap_or(0.0)
}

fn peak_position(line: &[Note], length: Quarters) -> f64 {
    let top = line.iter().map(|note| note.pitch).max();
    let peak = line.iter().find(|note| Some(note.pitch) == top);
    ratio(
        peak.map_or(0.0, |note| f64_from_quarters(note.onset)),
        f64_from_quarters(length),
    )
}

fn gap_fill_share(intervals: &[i16]) -> f64 {
    let leaps: Vec<&[i16]> = intervals
        .windows(2)
        .filter(|pair| pair[0].abs() >= 5)
        .collect();
    share(&leaps, |pair| pair[1].signum() == -pair[0].signum())
}

/// The notes that end a phrase: the last one, any before a rest, and any of at least twice the mean length.
pub fn phrase_ends(score: &Score) -> Vec<Note> {
    let line = melody_line(score);
    let lengths: Vec<f64> = line
        .iter()
        .map(|note| f64_from_quarters(note.duration))
        .collect();
    let long = 2.0 * mean(&lengths);
    let ends = |index: usize| {
        let next = line.get(index + 1);
        next.is_none_or(|next| next.onset > line[index].end()) || lengths[index] >= long
    };
    (0..line.len())
        .filter(|index| ends(*index))
        .map(|index| line[index])
        .collect()
}

/// The share of phrase ends on the first, third or fifth degree of the key.
pub fn stable_phrase_end_share(score: &Score) -> f64 {
    let bar_lines = score.bar_onsets();
    share(&phrase_ends(score), |note| {
        let Some((degree, mode)) = degree_of(score, &bar_lines, note) else {
            return false;
        };
        let third = match mode {
            Mode::Major => 4,
            Mode::Minor => 3,
        };
        [0, third, 7].contains(&degree)
    })
}

/// Whether the last note is the tonic.
pub fn ends_on_tonic(score: &Score) -> bool {
    let line = melody_line(score);
    let last = line
        .last()
        .and_then(|note| degree_of(score, &score.bar_onsets(), note));
    last.is_some_and(|(degree, _)| degree == 0)
}

/// Semitones above the tonic of the key in force, and the mode.
fn degree_of(score: &Score, bar_lines: &[Quarters], note: &Note) -> Option<(u8, Mode)> {
    let bar = bar_lines.partition_point(|line| *line <= note.onset);
    let key = score.bars.get(bar.checked_sub(1)?)?.key;
    let degree = (note.pitch % 12 + 12 - key.tonic().pitch_class()) % 12;
    Some((degree, key.mode()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_score, sheet};
    use proptest::prelude::*;

    /// C D E C | G rest of a beat F E (long).
    fn tune() -> Score {
        sheet("4/4", "C major", 3)
            .run(&[60, 62, 64, 60, 67], 1, 1)
            .note(6, 1, 65, 1, 1)
            .note(7, 1, 64, 5, 1)
            .build()
    }

    #[test]
    fn a_tune_by_hand() {
        let score = tune();
        assert_eq!(intervals(&score), [2, 2, -4, 7, -2, -1]);
        assert_eq!((pitch_range(&score), distinct_pitches(&score)), (7, 5));
        assert_eq!(mean_interval(&score), 3.0);
        assert_eq!(step_share(&score), 4.0 / 6.0);
        assert_eq!(leap_share(&score), 2.0 / 6.0);
        assert_eq!(repeat_share(&score), 0.0);
        let contour = contour(&score);
        assert_eq!(contour.turn_share, 3.0 / 5.0);
        assert_eq!(contour.peak_position, 4.0 / 12.0);
        assert_eq!(contour.net_interval, 4.0);
        assert_eq!(contour.gap_fill_share, 1.0);
        assert!(contour.rise > 0.0);
    }

    #[test]
    fn phrase_ends_by_hand() {
        let score = tune();
        let pitches: Vec<u8> = phrase_ends(&score).iter().map(|note| note.pitch).collect();
        assert_eq!(pitches, [67, 64]);
        assert_eq!(stable_phrase_end_share(&score), 1.0);
        assert!(!ends_on_tonic(&score));
    }

    proptest! {
        #[test]
        fn every_interval_has_one_kind(score in any_score()) {
            let sum: f64 = motion_shares(&score).iter().sum();
            let expected = if intervals(&score).is_empty() { 0.0 } else { 1.0 };
            prop_assert!((sum - expected).abs() < 1e-9);
        }
    }
}
