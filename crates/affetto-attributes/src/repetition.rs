//! How much comes back.

use std::collections::BTreeSet;

use affetto_media::{Quarters, Score};

use crate::copied::longest_repeat;
use crate::events::{BarEvents, events, melody_line};
use crate::statistics::{mean, ratio};

/// The notes that begin in a bar: place within the bar, and pitch.
type Attacks = Vec<(Quarters, u8)>;

fn attacks(bar: &BarEvents) -> Attacks {
    let attacks = bar.events.iter().filter(|event| event.is_attack());
    attacks
        .filter_map(|event| Some((event.onset - bar.onset, event.pitch?)))
        .collect()
}

fn bars(score: &Score) -> Vec<Attacks> {
    events(score).iter().map(attacks).collect()
}

/// The share of bars with notes that are the same as an earlier one, note for note.
pub fn bar_repeat_share(score: &Score) -> f64 {
    repeat_share(score, Attacks::clone)
}

/// The same, counting only when the notes begin.
pub fn rhythm_repeat_share(score: &Score) -> f64 {
    repeat_share(score, |bar| -> Vec<Quarters> {
        bar.iter().map(|attack| attack.0).collect()
    })
}

/// The same, up to transposition by any interval.
pub fn shape_repeat_share(score: &Score) -> f64 {
    repeat_share(score, |bar| -> Vec<(Quarters, i16)> {
        let first = bar.first().map_or(0, |attack| i16::from(attack.1));
        bar.iter()
            .map(|(onset, pitch)| (*onset, i16::from(*pitch) - first))
            .collect()
    })
}

fn repeat_share<Aspect: Ord>(score: &Score, aspect: impl Fn(&Attacks) -> Aspect) -> f64 {
    let sung: Vec<Attacks> = bars(score)
        .into_iter()
        .filter(|bar| !bar.is_empty())
        .collect();
    let different: BTreeSet<Aspect> = sung.iter().map(aspect).collect();
    ratio((sung.len() - different.len()) as f64, sung.len() as f64)
}

/// How alike bars are that stand `lag` bars apart, 0..=1: the mean over the pairs of their shared attacks
/// divided by all their attacks (Jaccard). Two empty bars are left out.
pub fn bar_similarity(score: &Score, lag: usize) -> f64 {
    let bars = bars(score);
    let similarities: Vec<f64> = bars
        .iter()
        .zip(bars.iter().skip(lag))
        .filter(|(a, b)| !a.is_empty() || !b.is_empty())
        .map(|(a, b)| jaccard(a, b))
        .collect();
    mean(&similarities)
}

fn jaccard(a: &Attacks, b: &Attacks) -> f64 {
    let shared = a.iter().filter(|attack| b.contains(attack)).count();
    ratio(shared as f64, (a.len() + b.len() - shared) as f64)
}

/// The longest run of the melody that comes back, as a share of the melody, 0..=1.
pub fn longest_repeat_share(score: &Score) -> f64 {
    let pairs = melody_line(score).len().saturating_sub(1);
    ratio(longest_repeat(score) as f64, pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sheet;

    /// Bars: a, b, a, a a tone higher, b's rhythm.
    #[test]
    fn five_bars_by_hand() {
        let score = sheet("2/4", "C major", 5)
            .note(0, 1, 60, 1, 1)
            .note(1, 1, 64, 1, 1)
            .note(2, 1, 67, 2, 1)
            .note(4, 1, 60, 1, 1)
            .note(5, 1, 64, 1, 1)
            .note(6, 1, 62, 1, 1)
            .note(7, 1, 66, 1, 1)
            .note(8, 1, 65, 2, 1)
            .build();
        assert_eq!(bar_repeat_share(&score), 0.2);
        assert_eq!(shape_repeat_share(&score), 0.6);
        assert_eq!(rhythm_repeat_share(&score), 0.6);
        assert_eq!(bar_similarity(&score, 2), 1.0 / 3.0);
        assert_eq!(bar_similarity(&score, 1), 0.0);
    }

    /// Halves of four equal notes: the last bar shares one of three different attacks with the first.
    #[test]
    fn similarity_is_shared_over_all() {
        let score = sheet("2/4", "C major", 2)
            .note(0, 1, 60, 1, 1)
            .note(1, 1, 64, 1, 1)
            .note(2, 1, 60, 1, 1)
            .note(3, 1, 65, 1, 1)
            .build();
        assert!((bar_similarity(&score, 1) - 1.0 / 3.0).abs() < 1e-12);
    }
}
