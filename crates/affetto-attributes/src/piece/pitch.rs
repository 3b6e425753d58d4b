//! What pitches there are. Drums do not count.

use super::{Piece, notes::Note, notes::by_channel};
use crate::statistics::{first_largest, normalised, sample_deviation, upper_median};

/// Pitches up to here are the bass register.
const BASS_TOP: usize = 54;

/// Pitches from here on are the high register.
const HIGH_BOTTOM: usize = 73;

/// The pitches of a piece.
#[derive(Clone, Debug)]
pub(super) struct Pitches {
    /// Shares of the 128 pitches, by the number of notes.
    histogram: Option<[f64; 128]>,
    /// Shares of the pitch classes, the most common one first.
    classes: Option<[f64; 12]>,
    mean: Option<f64>,
    mean_class: Option<f64>,
    deviation: Option<f64>,
    skewness: Option<f64>,
}

impl Pitches {
    pub(super) fn of(notes: &[Note]) -> Self {
        let pitches: Vec<f64> = notes.iter().map(|note| f64::from(note.pitch)).collect();
        let deviation = sample_deviation(&pitches);
        let histogram = histogram(notes);
        Self {
            histogram,
            classes: histogram.map(|histogram| rotated(classes(&histogram))),
            mean: mean_of(&pitches, floor_mean_sum(notes)),
            mean_class: mean_of(&pitches, pitches.iter().map(|pitch| pitch % 12.0).sum()),
            deviation,
            skewness: skewness(&pitches, deviation),
        }
    }
}

fn histogram(notes: &[Note]) -> Option<[f64; 128]> {
    let mut counts = [0.0; 128];
    for note in notes {
        counts[usize::from(note.pitch)] += 1.0;
    }
    normalised(counts)
}

/// Shares are summed from low to high: ties of classes are broken by the last digits of these sums.
fn classes(histogram: &[f64; 128]) -> [f64; 12] {
    let mut classes = [0.0; 12];
    for (pitch, share) in histogram.iter().enumerate() {
        classes[pitch % 12] += share;
    }
    classes
}

fn rotated(mut classes: [f64; 12]) -> [f64; 12] {
    let most_common = first_largest(&classes);
    classes.rotate_left(most_common);
    classes
}

fn mean_of(pitches: &[f64], sum: f64) -> Option<f64> {
    (!pitches.is_empty()).then(|| sum / pitches.len() as f64)
}

/// The sum of the channels' mean pitches, each rounded down and weighted by its notes.
fn floor_mean_sum(notes: &[Note]) -> f64 {
    let channels = by_channel(notes);
    channels
        .map(|notes| (floor_mean(&notes) * notes.len() as u64) as f64)
        .sum()
}

/// The mean pitch of notes, rounded down; 0 of none.
pub(super) fn floor_mean(notes: &[Note]) -> u64 {
    let sum: u64 = notes.iter().map(|note| u64::from(note.pitch)).sum();
    sum.checked_div(notes.len() as u64).unwrap_or(0)
}

/// Pearson's second skewness with the upper median: 3 (mean - median) / deviation.
fn skewness(pitches: &[f64], deviation: Option<f64>) -> Option<f64> {
    let deviation = deviation.filter(|deviation| *deviation > 0.0)?;
    let mean = pitches.iter().sum::<f64>() / pitches.len() as f64;
    Some(3.0 * (mean - upper_median(pitches)?) / deviation)
}

fn share_of(piece: &Piece, pitches: std::ops::RangeInclusive<usize>) -> Option<f64> {
    piece
        .pitches
        .histogram
        .map(|histogram| histogram[pitches].iter().sum())
}

/// *Pitch Class Histogram* (jSymbolic P-2): the share of notes on the pitch class `bin` semitones above the most
/// common one.
pub fn pitch_class_histogram(piece: &Piece, bin: usize) -> Option<f64> {
    piece.pitches.classes?.get(bin).copied()
}

/// *Number of Pitches* (P-4): how many different pitches are played.
pub fn number_of_pitches(piece: &Piece) -> Option<f64> {
    let histogram = piece.pitches.histogram?;
    Some(histogram.iter().filter(|share| **share > 0.0).count() as f64)
}

/// *Range* (P-8): semitones from the lowest to the highest pitch.
pub fn range(piece: &Piece) -> Option<f64> {
    let histogram = piece.pitches.histogram?;
    let played = |share: &f64| *share > 0.0;
    let lowest = histogram.iter().position(played)?;
    let highest = histogram.iter().rposition(played)?;
    Some((highest - lowest) as f64)
}

/// *Importance of Bass Register* (P-9): the share of notes up to F#3 (MIDI 54).
pub fn importance_of_bass_register(piece: &Piece) -> Option<f64> {
    share_of(piece, 0..=BASS_TOP)
}

/// *Importance of Middle Register* (P-10): the share of notes from G3 (55) to C5 (72).
pub fn importance_of_middle_register(piece: &Piece) -> Option<f64> {
    share_of(piece, BASS_TOP + 1..=HIGH_BOTTOM - 1)
}

/// *Importance of High Register* (P-11): the share of notes from C#5 (73) on.
pub fn importance_of_high_register(piece: &Piece) -> Option<f64> {
    share_of(piece, HIGH_BOTTOM..=127)
}

/// *Mean Pitch* (P-14): the mean MIDI number; jSymbolic rounds it down channel by channel.
pub fn mean_pitch(piece: &Piece) -> Option<f64> {
    piece.pitches.mean
}

/// *Mean Pitch Class* (P-15): the mean of the pitch classes, C = 0 to B = 11.
pub fn mean_pitch_class(piece: &Piece) -> Option<f64> {
    piece.pitches.mean_class
}

/// *Most Common Pitch* (P-16): the MIDI number of the pitch with the most notes, the lowest of equal ones.
pub fn most_common_pitch(piece: &Piece) -> Option<f64> {
    piece
        .pitches
        .histogram
        .map(|histogram| first_largest(&histogram) as f64)
}

/// *Pitch Variability* (P-24): the standard deviation of the pitches, in semitones.
pub fn pitch_variability(piece: &Piece) -> Option<f64> {
    piece.pitches.deviation
}

/// *Pitch Skewness* (P-27): above 0 where most notes lie low and some high; 3 (mean - median) / deviation.
pub fn pitch_skewness(piece: &Piece) -> Option<f64> {
    piece.pitches.skewness
}
