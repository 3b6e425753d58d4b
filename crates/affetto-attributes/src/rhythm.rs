//! Lengths of notes and their places in the bar.

use affetto_media::{Bar, Quarters, Score, f64_from_quarters};

use crate::events::{events, melody_line, zero};
use crate::statistics::{deviation, entropy_bits, mean, share};

/// The kinds of note length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthKind {
    /// Shorter than an eighth.
    Sixteenth,
    /// An eighth, up to but without a quarter.
    Eighth,
    /// A third or a sixth of something: the denominator has a three.
    Triplet,
    /// A quarter, up to but without a dotted quarter.
    Quarter,
    /// A dotted quarter, up to but without a half.
    DottedQuarter,
    /// A half, up to but without a dotted half.
    Half,
    /// A dotted half or more.
    Long,
}

impl LengthKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Sixteenth,
        Self::Eighth,
        Self::Triplet,
        Self::Quarter,
        Self::DottedQuarter,
        Self::Half,
        Self::Long,
    ];

    /// The kind of a length.
    pub fn of(length: Quarters) -> Self {
        if length.denom() % 3 == 0 {
            return Self::Triplet;
        }
        match f64_from_quarters(length) {
            quarters if quarters < 0.5 => Self::Sixteenth,
            quarters if quarters < 1.0 => Self::Eighth,
            quarters if quarters < 1.5 => Self::Quarter,
            quarters if quarters < 2.0 => Self::DottedQuarter,
            quarters if quarters < 3.0 => Self::Half,
            _ => Self::Long,
        }
    }
}

/// The share of notes of each kind, in the order of [`LengthKind::ALL`].
pub fn length_shares(score: &Score) -> [f64; 7] {
    let lengths = note_lengths(score);
    LengthKind::ALL.map(|kind| share(&lengths, |length| LengthKind::of(*length) == kind))
}

fn note_lengths(score: &Score) -> Vec<Quarters> {
    melody_line(score)
        .iter()
        .map(|note| note.duration)
        .collect()
}

/// Mean and standard deviation of the note lengths, in quarters.
pub fn length_mean_and_deviation(score: &Score) -> (f64, f64) {
    let lengths: Vec<f64> = note_lengths(score)
        .into_iter()
        .map(f64_from_quarters)
        .collect();
    (mean(&lengths), deviation(&lengths))
}

/// The entropy, in bits, of the exact note lengths.
pub fn length_entropy(score: &Score) -> f64 {
    let mut lengths = note_lengths(score);
    lengths.sort();
    entropy_bits(
        lengths
            .chunk_by(|a, b| a == b)
            .map(|equal| equal.len() as f64),
    )
}

/// A note's beginning: where it stands in its full bar, for how long it sounds, and the bar.
struct Attack {
    position: Quarters,
    duration: Quarters,
    bar: Bar,
}

impl Attack {
    fn is_on_beat(&self) -> bool {
        self.position % self.bar.metre.beat() == zero()
    }

    /// The time until the next beat.
    fn until_beat(&self) -> Quarters {
        let beat = self.bar.metre.beat();
        beat - self.position % beat
    }
}

/// A pick-up counts back from its bar line.
fn attacks(score: &Score) -> Vec<Attack> {
    let line = melody_line(score);
    let mut index = 0;
    let mut list = Vec::with_capacity(line.len());
    for (number, (bar, cut)) in score.bars.iter().zip(events(score)).enumerate() {
        let missing = match number {
            0 => (bar.metre.length() - bar.length).max(zero()),
            _ => zero(),
        };
        let end = cut.onset + cut.length;
        while let Some(note) = line.get(index).filter(|note| note.onset < end) {
            list.push(Attack {
                position: note.onset - cut.onset + missing,
                duration: note.duration,
                bar: *bar,
            });
            index += 1;
        }
    }
    list
}

/// The share of notes that begin with the bar.
pub fn downbeat_share(score: &Score) -> f64 {
    share(&attacks(score), |attack| attack.position == zero())
}

/// The share of notes that begin on a beat.
pub fn on_beat_share(score: &Score) -> f64 {
    share(&attacks(score), Attack::is_on_beat)
}

/// Syncopation: the share of notes that begin off the beat and sound on past the next one.
pub fn syncopation(score: &Score) -> f64 {
    share(&attacks(score), |attack| {
        !attack.is_on_beat() && attack.duration > attack.until_beat()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_score, quarters, sheet};
    use proptest::prelude::*;

    /// Eighth, quarter over the beat, eighth, half: one note in four is syncopated.
    #[test]
    fn a_bar_by_hand() {
        let score = sheet("4/4", "C major", 1)
            .note(0, 1, 60, 1, 2)
            .note(1, 2, 62, 1, 1)
            .note(3, 2, 64, 1, 2)
            .note(2, 1, 65, 2, 1)
            .build();
        assert_eq!(syncopation(&score), 0.25);
        assert_eq!(on_beat_share(&score), 0.5);
        assert_eq!(downbeat_share(&score), 0.25);
        assert_eq!(length_entropy(&score), 1.5);
        assert_eq!(length_shares(&score), [0.0, 0.5, 0.0, 0.25, 0.0, 0.25, 0.0]);
        assert_eq!(length_mean_and_deviation(&score).0, 1.0);
    }

    /// In 6/8 the beat is a dotted quarter; a quarter on the second eighth stays within it.
    #[test]
    fn compound_beats() {
        let score = sheet("6/8", "C major", 1)
            .note(0, 1, 60, 1, 2)
            .note(1, 2, 62, 1, 1)
            .note(3, 2, 64, 3, 2)
            .build();
        assert_eq!(syncopation(&score), 0.0);
        assert_eq!(on_beat_share(&score), 2.0 / 3.0);
    }

    #[test]
    fn a_pick_up_has_no_downbeat() {
        let mut score = sheet("4/4", "C major", 2).run(&[60, 62, 64], 1, 1).build();
        score.bars[0].length = quarters(1, 1);
        assert_eq!(downbeat_share(&score), 1.0 / 3.0);
        assert_eq!(on_beat_share(&score), 1.0);
    }

    proptest! {
        #[test]
        fn every_note_has_its_attack(score in any_score()) {
            prop_assert_eq!(attacks(&score).len(), melody_line(&score).len());
            prop_assert!(downbeat_share(&score) <= on_beat_share(&score));
            prop_assert!(syncopation(&score) + on_beat_share(&score) <= 1.0 + 1e-12);
        }
    }
}
