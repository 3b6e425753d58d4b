//! How much happens in a bar.

use affetto_media::{Quarters, Score, f64_from_quarters};
use serde::{Deserialize, Serialize};

use crate::events::{BarEvents, events};
use crate::statistics::{mean, ratio};

/// The three levels of density, by the number of events of a bar (Makris et al. 2021).
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
pub enum DensityClass {
    /// One or two events.
    Low,
    /// Three or four events.
    Medium,
    /// Five events or more.
    High,
}

impl DensityClass {
    /// Every class, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// 0, 1 or 2.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The class of a bar with so many events.
    pub const fn from_events(count: usize) -> Self {
        match count {
            0..=2 => Self::Low,
            3..=4 => Self::Medium,
            _ => Self::High,
        }
    }

    /// The fewest and, where there is a bound, the most events of a bar of this class.
    pub const fn event_counts(self) -> (usize, Option<usize>) {
        match self {
            Self::Low => (1, Some(2)),
            Self::Medium => (3, Some(4)),
            Self::High => (5, None),
        }
    }

    /// The class of a piece whose bars have these classes: low up to a mean of 0.5, high from 1.5 on.
    pub fn of_piece(classes: &[Self]) -> Self {
        let numbers: Vec<f64> = classes
            .iter()
            .map(|class| f64::from(class.number()))
            .collect();
        match mean(&numbers) {
            mean if mean <= 0.5 => Self::Low,
            mean if mean >= 1.5 => Self::High,
            _ => Self::Medium,
        }
    }
}

/// The number of events of every bar.
pub fn events_per_bar(score: &Score) -> Vec<usize> {
    counts(score, |_| true)
}

/// The density class of every bar.
pub fn density_classes(score: &Score) -> Vec<DensityClass> {
    events_per_bar(score)
        .into_iter()
        .map(DensityClass::from_events)
        .collect()
}

/// The number of notes that begin in every bar.
pub fn attacks_per_bar(score: &Score) -> Vec<usize> {
    counts(score, crate::Event::is_attack)
}

fn counts(score: &Score, keep: impl Fn(&crate::Event) -> bool) -> Vec<usize> {
    let count = |bar: &BarEvents| bar.events.iter().filter(|event| keep(event)).count();
    events(score).iter().map(count).collect()
}

/// Notes per bar, on average.
pub fn notes_per_bar(score: &Score) -> f64 {
    let attacks: usize = attacks_per_bar(score).iter().sum();
    ratio(attacks as f64, score.bars.len() as f64)
}

/// The share of the time in which the melody rests, 0..=1.
pub fn rest_share(score: &Score) -> f64 {
    let rests: Quarters = events(score)
        .iter()
        .flat_map(|bar| &bar.events)
        .filter(|event| event.pitch.is_none())
        .map(|event| event.duration)
        .sum();
    ratio(f64_from_quarters(rests), f64_from_quarters(score.length()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sheet;

    /// Bar 1: three notes and a rest. Bar 2: one note held over a chord change.
    #[test]
    fn two_bars_worked_by_hand() {
        let score = sheet("4/4", "C major", 2)
            .note(0, 1, 60, 1, 1)
            .note(1, 1, 62, 1, 1)
            .note(2, 1, 64, 1, 1)
            .note(4, 1, 65, 4, 1)
            .chord(0, 1, "C")
            .chord(6, 1, "G7")
            .build();
        assert_eq!(events_per_bar(&score), [4, 2]);
        assert_eq!(attacks_per_bar(&score), [3, 1]);
        assert_eq!(
            density_classes(&score),
            [DensityClass::Medium, DensityClass::Low]
        );
        assert_eq!(notes_per_bar(&score), 2.0);
        assert_eq!(rest_share(&score), 0.125);
    }

    #[test]
    fn classes_agree_with_their_counts() {
        for count in 1..20 {
            let (fewest, most) = DensityClass::from_events(count).event_counts();
            assert!(
                fewest <= count && most.is_none_or(|most| count <= most),
                "{count}"
            );
        }
    }

    #[test]
    fn the_class_of_a_piece() {
        use DensityClass::{High, Low, Medium};
        assert_eq!(DensityClass::of_piece(&[Low, Medium]), Low);
        assert_eq!(DensityClass::of_piece(&[Medium, High]), High);
        assert_eq!(DensityClass::of_piece(&[Low, Medium, High]), Medium);
    }
}
