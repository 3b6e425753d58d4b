//! Small notes and performances for the tests.

use affetto_media::midi::{Performance, PlayedNote};

use super::notes::Note;

/// A note of channel 0 whose ticks are hundredths of a second.
pub(super) fn note(pitch: u8, onset: u64, duration: u64, velocity: u8) -> Note {
    Note {
        track: 0,
        channel: 0,
        pitch,
        velocity,
        loudness: velocity,
        onset,
        end: onset + duration,
        onset_secs: onset as f64 / 100.0,
        end_secs: (onset + duration) as f64 / 100.0,
    }
}

/// Notes of pitch, onset, duration and velocity, with 96 ticks a quarter at 120 quarters a minute.
pub(super) fn performance(notes: &[(u8, u64, u64, u8)]) -> Performance {
    let played = |(pitch, onset, duration, velocity): &(u8, u64, u64, u8)| PlayedNote {
        track: 0,
        channel: 0,
        pitch: *pitch,
        velocity: *velocity,
        volume: 127,
        onset_tick: *onset,
        end_tick: onset + duration,
    };
    let notes: Vec<PlayedNote> = notes.iter().map(played).collect();
    Performance {
        ticks_per_quarter: 96,
        end_tick: notes.iter().map(|note| note.end_tick).max().unwrap_or(0),
        notes,
        tempos: vec![],
    }
}

/// The same notes sorted as [`super::Reading::Performed`] sorts them, with 384 ticks a quarter.
pub(super) fn in_performance_time(notes: &[(u8, u64, u64, u8)]) -> Performance {
    let mut sorted = notes.to_vec();
    sorted.sort_by_key(|(pitch, onset, ..)| (*onset, *pitch));
    Performance {
        ticks_per_quarter: 384,
        ..performance(&sorted)
    }
}
