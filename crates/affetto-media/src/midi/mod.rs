//! Standard MIDI files (SMF), by the Standard MIDI-File Specification 1.1 (MMA RP-001).
//!
//! What is written: format 1, 480 ticks per quarter note. Track 0 is the conductor and holds what
//! is true of every part; each part follows on a track and a channel of its own.
//!
//! | event | where | holds |
//! |---|---|---|
//! | track name (03) | conductor | the title |
//! | text (01) `Creator: Ada` | conductor | who made it |
//! | tempo (51), metre (58), key (59) | conductor | each where it changes |
//! | text (01) `Metre: 3/4` | conductor | the bar that begins here is shown as long as it is, and belongs to this metre (a pick-up, a cut last bar) |
//! | marker (06) `Dm7`, `Bb/D`, `N.C.` | conductor | a chord symbol |
//! | marker (06) `Chorus`, `Section A` | conductor | a section; `Section ` stands before a name that reads as a chord symbol |
//! | track name (03), instrument (04), program | part | name, General MIDI instrument |
//! | text (01) `Role: melody` | part | what the part does |
//!
//! So a pick-up of one quarter before 3/4 opens as a bar of 1/4, and every later bar line falls right.
//!
//! What is read: formats 0 and 1, by metrical or SMPTE time, also wrapped in RIFF (RMID). See [`read`]
//! and, for files played by hand, [`quantise`].

mod bars;
mod chunks;
mod instruments;
mod performance;
mod quantise;
mod read;
mod roles;
mod text;
mod track;
mod write;

pub use instruments::instrument_name;
pub use performance::{Performance, PlayedNote, TickClock, read_performance};
pub use quantise::{PLAYED_GRID, quantise};
pub use read::read;
pub use write::write;

use crate::{Error, Format, Note, Quarters};

/// Ticks per quarter note, unless a score has times that this does not divide.
pub const TICKS_PER_QUARTER: u16 = 480;

/// The channel of drums, counted from 0.
pub const PERCUSSION_CHANNEL: u8 = 9;

fn malformed(byte: usize, reason: impl Into<String>) -> Error {
    Error::Malformed {
        format: Format::Midi,
        place: format!("byte {byte}"),
        reason: reason.into(),
    }
}

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported {
        format: Format::Midi,
        what: what.into(),
    }
}

/// One note at a time on every pitch, as a MIDI channel plays it: a note ends where the next one of
/// its pitch begins, and of two that begin together the longer stays. The notes come back sorted.
fn without_unison_overlaps(mut notes: Vec<Note>) -> Vec<Note> {
    notes.sort();
    let mut last = [None; 128];
    let mut kept: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes {
        let last = &mut last[usize::from(note.pitch)];
        if let Some(before) = last.map(|index: usize| &mut kept[index]) {
            if before.onset == note.onset {
                before.duration = before.duration.max(note.duration);
                before.velocity = before.velocity.max(note.velocity);
                continue;
            }
            before.duration = before.duration.min(note.onset - before.onset);
        }
        *last = Some(kept.len());
        kept.push(note);
    }
    kept
}

const ZERO: Quarters = Quarters::new_raw(0, 1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_struck_key_ends_its_last_note() {
        let note = |onset, pitch, duration, velocity| Note {
            onset: Quarters::from_integer(onset),
            pitch,
            duration: Quarters::from_integer(duration),
            velocity,
        };
        let notes = vec![
            note(1, 60, 1, 50),
            note(0, 60, 4, 80),
            note(0, 64, 2, 80),
            note(0, 64, 3, 70),
        ];
        let expected = [note(0, 60, 1, 80), note(0, 64, 3, 80), note(1, 60, 1, 50)];
        assert_eq!(without_unison_overlaps(notes), expected);
    }
}
