//! Where the first bar line of a MIDI file lies that says only the metre: LilyPond writes a pick-up as if it were the
//! beginning of a bar.
//!
//! Tried on 250 songs of OpenScore Lieder, of which 82 have a pick-up: right for 222, where 168 would be without.

use std::collections::BTreeMap;

use affetto_media::Metre;

use crate::piano::{
    grid::Struck,
    tokens::{POSITIONS_PER_QUARTER, bar_positions},
};

/// How much more a phase must weigh than the beginning of the file, as a share of everything.
const LEAD: f64 = 0.1;
/// Notes this much lower, in semitones, weigh e times as much: basses stand on bar lines.
const BASS_SEMITONES: f64 = 20.0;
/// The pitch of weight one.
const MIDDLE_PITCH: f64 = 48.0;

/// The length in positions of the pick-up that the file begins with; 0 where it begins with a bar. The best phase of the
/// bar is that of long, low and full chords, among multiples of half the metre's unit.
pub fn pickup(metre: Metre, notes: &[Struck]) -> i64 {
    let Some(bar) = bar_positions(metre) else {
        return 0;
    };
    let mut weights: BTreeMap<i64, f64> = BTreeMap::new();
    for (phase, weight) in accents(bar, notes) {
        *weights.entry(phase).or_default() += weight;
    }
    let total: f64 = weights.values().sum();
    let half_unit = (2 * POSITIONS_PER_QUARTER / i64::from(metre.unit())).max(1);
    let weight = |phase: i64| {
        let lead = if phase == 0 { LEAD * total } else { 0.0 };
        weights.get(&phase).copied().unwrap_or(0.0) + lead
    };
    let phases = (0..bar / half_unit).rev().map(|step| step * half_unit);
    phases
        .max_by(|one, other| weight(*one).total_cmp(&weight(*other)))
        .unwrap_or(0)
}

/// The phase and weight of each chord.
fn accents(bar: i64, notes: &[Struck]) -> Vec<(i64, f64)> {
    let mut chords: BTreeMap<i64, Vec<&Struck>> = BTreeMap::new();
    for note in notes {
        let position = (note.onset * POSITIONS_PER_QUARTER as f64).round() as i64;
        chords.entry(position).or_default().push(note);
    }
    let accent = |(position, notes): (i64, Vec<&Struck>)| {
        let lengths = notes.iter().map(|note| note.end - note.onset);
        let longest = lengths.fold(0.0, f64::max) * POSITIONS_PER_QUARTER as f64;
        let lowest = notes.iter().map(|note| note.pitch).min().unwrap_or(0);
        let low = libm::exp((MIDDLE_PITCH - f64::from(lowest)) / BASS_SEMITONES);
        let weight = longest.min(bar as f64).sqrt() * (notes.len() as f64).sqrt() * low;
        (position.rem_euclid(bar), weight)
    };
    chords.into_iter().map(accent).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A waltz: a bass on one, chords on two and three.
    fn waltz(first_bass: f64) -> Vec<Struck> {
        let note = |onset: f64, pitch: u8| Struck {
            onset,
            end: onset + 0.9,
            pitch,
            velocity: 80,
        };
        let beats = (0..24).map(|beat| f64::from(beat) + first_bass.rem_euclid(1.0));
        beats
            .flat_map(|onset| match (onset - first_bass).rem_euclid(3.0) < 0.1 {
                true => vec![note(onset, 40), note(onset, 72)],
                false => vec![note(onset, 60), note(onset, 64)],
            })
            .collect()
    }

    #[test]
    fn the_bass_of_a_waltz_is_on_one() {
        let metre = Metre::new(3, 4).unwrap();
        assert_eq!(pickup(metre, &waltz(0.0)), 0);
        assert_eq!(pickup(metre, &waltz(1.0)), 12);
        assert_eq!(pickup(metre, &waltz(2.0)), 24);
        assert_eq!(pickup(metre, &waltz(0.5)), 6);
        assert_eq!(pickup(metre, &[]), 0);
    }
}
