//! Drums: a groove for each metre, and a fill that leads into the next section.

use affetto_media::{Metre, Note, Quarters};

const KICK: u8 = 36;
const SIDE_STICK: u8 = 37;
const SNARE: u8 = 38;
const CLOSED_HAT: u8 = 42;
const OPEN_HAT: u8 = 46;
const CRASH: u8 = 49;
const TOMS: [u8; 3] = [50, 47, 43];

/// From this arousal on the back beats are struck on the snare; below, on its rim.
const SNARE_AROUSAL: f64 = 0.3;
/// Hats come no faster than this, in seconds.
const FASTEST_HAT_SECS: f64 = 0.12;

/// Bars of drums in one metre.
pub(super) struct Groove {
    pub(super) metre: Metre,
    pub(super) arousal: f64,
    pub(super) secs_per_quarter: f64,
}

impl Groove {
    /// `bars` bars, the last of which ends in a fill.
    pub(super) fn bars(&self, bars: usize) -> Vec<Note> {
        let mut notes: Vec<Note> = (0..bars)
            .flat_map(|bar| self.bar(bar, bar + 1 == bars))
            .collect();
        notes.sort();
        notes
    }

    /// One stroke that ends a piece.
    pub(super) fn ending(&self) -> Vec<Note> {
        let beat = self.metre.beat();
        let zero = Quarters::from_integer(0);
        let mut notes = vec![self.stroke(zero, KICK, beat, 10.0)];
        notes.push(match self.arousal >= SNARE_AROUSAL {
            true => self.stroke(zero, CRASH, self.metre.length(), 0.0),
            false => self.stroke(zero, SIDE_STICK, beat, 0.0),
        });
        notes
    }

    fn bar(&self, bar: usize, fills: bool) -> Vec<Note> {
        let metre = self.metre;
        let (beat, beats) = (metre.beat(), usize::from(metre.beats()));
        let start = metre.length() * bar as i64;
        let parts = if metre.is_compound() { 3 } else { 2 };
        let step = beat / parts;
        let mut notes = Vec::new();
        for place in 0..beats {
            let onset = start + beat * place as i64;
            if fills && place + 1 == beats && beats > 1 {
                for (tom, onset) in TOMS.into_iter().zip((0..parts).map(|n| onset + step * n)) {
                    notes.push(self.stroke(onset, tom, step, 4.0));
                }
                continue;
            }
            if place == 0 || (beats >= 4 && place == beats / 2) {
                notes.push(self.stroke(onset, KICK, step, 8.0));
            }
            if is_back_beat(place, beats) {
                let drum = if self.arousal >= SNARE_AROUSAL {
                    SNARE
                } else {
                    SIDE_STICK
                };
                notes.push(self.stroke(onset, drum, step, 2.0));
            }
            let divided =
                affetto_media::f64_from_quarters(step) * self.secs_per_quarter >= FASTEST_HAT_SECS;
            for part in 0..if divided { parts } else { 1 } {
                let open = part + 1 == parts && place + 1 == beats && self.arousal >= SNARE_AROUSAL;
                let hat = if open { OPEN_HAT } else { CLOSED_HAT };
                let above = if part == 0 { -8.0 } else { -16.0 };
                notes.push(self.stroke(onset + step * part, hat, step, above));
            }
        }
        notes
    }

    fn stroke(&self, onset: Quarters, pitch: u8, duration: Quarters, above: f64) -> Note {
        let velocity = 72.0 + 20.0 * self.arousal + above;
        Note {
            onset,
            pitch,
            duration,
            velocity: velocity.round().clamp(1.0, 127.0) as u8,
        }
    }
}

/// The second and the fourth of four; the second of two; the second and the third of three.
const fn is_back_beat(place: usize, beats: usize) -> bool {
    match beats {
        3 => place > 0,
        _ => place % 2 == 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_groove_fills_its_bars_and_no_more() {
        for metre in ["4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8", "1/4"] {
            let metre: Metre = metre.parse().unwrap();
            let groove = Groove {
                metre,
                arousal: 0.5,
                secs_per_quarter: 0.6,
            };
            let notes = groove.bars(3);
            assert!(notes.is_sorted() && notes.iter().all(|note| note.end() <= metre.length() * 3));
            for bar in 0..3 {
                let start = metre.length() * bar;
                assert!(notes.iter().any(|note| note.onset == start), "{metre}");
            }
            let toms = notes
                .iter()
                .filter(|note| TOMS.contains(&note.pitch))
                .count();
            let expected = if metre.beats() == 1 {
                0
            } else if metre.is_compound() {
                3
            } else {
                2
            };
            assert_eq!(toms, expected, "{metre}");
        }
    }

    #[test]
    fn a_fast_beat_is_not_divided_and_a_calm_one_has_no_snare() {
        let groove = |arousal, secs_per_quarter| Groove {
            metre: Metre::COMMON,
            arousal,
            secs_per_quarter,
        };
        assert!(groove(0.5, 0.2).bars(1).len() < groove(0.5, 0.5).bars(1).len());
        let has = |notes: &[Note], drum| notes.iter().any(|note| note.pitch == drum);
        assert!(has(&groove(0.5, 0.5).bars(2), SNARE));
        assert!(!has(&groove(0.0, 0.5).bars(2), SNARE));
    }
}
