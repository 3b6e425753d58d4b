use serde::{Deserialize, Serialize};

/// A tempo, held as MIDI holds it: microseconds per quarter note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tempo {
    micros_per_quarter: u32,
}

impl Tempo {
    /// The slowest and fastest tempo, in quarter notes per minute.
    pub const RANGE_BPM: std::ops::RangeInclusive<f64> = 10.0..=600.0;

    /// From quarter notes per minute, brought into [`Tempo::RANGE_BPM`] and rounded to a whole number of
    /// microseconds per quarter.
    pub fn from_bpm(bpm: f64) -> Self {
        let bpm = if bpm.is_finite() { bpm } else { 120.0 };
        let bpm = bpm.clamp(*Self::RANGE_BPM.start(), *Self::RANGE_BPM.end());
        Self {
            micros_per_quarter: (60e6 / bpm).round() as u32,
        }
    }

    /// From microseconds per quarter note, brought into the range.
    pub fn from_micros_per_quarter(micros: u32) -> Self {
        Self {
            micros_per_quarter: micros.clamp(100_000, 6_000_000),
        }
    }

    /// Microseconds per quarter note.
    pub const fn micros_per_quarter(self) -> u32 {
        self.micros_per_quarter
    }

    /// Quarter notes per minute.
    pub fn bpm(self) -> f64 {
        60e6 / f64::from(self.micros_per_quarter)
    }
}
