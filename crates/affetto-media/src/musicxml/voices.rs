//! How the notes of a part are laid out in voices, each of which sounds one chord at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use super::notation::{Filling, Span};
use crate::{Error, Format, Note, Quarters};

/// The most voices in a part.
const MAX_VOICES: usize = 1000;

/// Notes that begin and end together, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    pub onset: Quarters,
    pub end: Quarters,
    pub notes: Vec<Note>,
}

/// One line of a part: chords that do not overlap, by their place in the list of chords.
#[derive(Default)]
pub(crate) struct Voice {
    chords: Vec<usize>,
    /// The first one that is not over.
    next: usize,
}

/// The chords of a part.
pub(crate) fn chords(notes: &[Note]) -> Vec<Chord> {
    let mut sorted = notes.to_vec();
    sorted.sort_unstable_by_key(|note| (note.onset, note.duration, note.pitch));
    let mut chords: Vec<Chord> = Vec::new();
    for note in sorted {
        let end = note.end();
        match chords.last_mut() {
            // Twice the same pitch is two chords.
            Some(chord)
                if (chord.onset, chord.end) == (note.onset, end)
                    && chord
                        .notes
                        .last()
                        .is_some_and(|last| last.pitch < note.pitch) =>
            {
                chord.notes.push(note);
            }
            _ => chords.push(Chord {
                onset: note.onset,
                end,
                notes: vec![note],
            }),
        }
    }
    chords.sort_by_key(|chord| (chord.onset, Reverse(chord.notes.last().map(|it| it.pitch))));
    chords
}

/// Each chord in the first voice that is free, higher chords first; at least one voice.
pub(crate) fn voices(chords: &[Chord]) -> Result<Vec<Voice>, Error> {
    let mut voices = vec![Voice::default()];
    let mut free = BTreeSet::from([0]);
    let mut busy: BinaryHeap<Reverse<(Quarters, usize)>> = BinaryHeap::new();
    for (index, chord) in chords.iter().enumerate() {
        while let Some(Reverse((end, voice))) = busy.peek().copied() {
            if end > chord.onset {
                break;
            }
            busy.pop();
            free.insert(voice);
        }
        let voice = free.pop_first().unwrap_or_else(|| {
            voices.push(Voice::default());
            voices.len() - 1
        });
        if voices.len() > MAX_VOICES {
            return Err(Error::Unsupported {
                format: Format::MusicXml,
                what: format!("a part with more than {MAX_VOICES} chords at once"),
            });
        }
        voices[voice].chords.push(index);
        busy.push(Reverse((chord.end, voice)));
    }
    Ok(voices)
}

impl Voice {
    /// Its notes, which are some of `chords`, in order.
    pub fn notes(&self, chords: &[Chord]) -> Vec<Note> {
        let own = self.chords.iter().map(|index| &chords[*index]);
        own.flat_map(|chord| chord.notes.iter().copied()).collect()
    }

    /// What fills the bar from `onset` to `end`, with `between` where no chord sounds; to be called for
    /// one bar after the other.
    pub(super) fn spans(
        &mut self,
        chords: &[Chord],
        onset: Quarters,
        end: Quarters,
        between: Filling,
    ) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut reached = onset;
        let mut push = |from: Quarters, to: Quarters, filling| {
            if from < to {
                spans.push(Span {
                    onset: from - onset,
                    end: to - onset,
                    filling,
                });
            }
        };
        while let Some(&index) = self.chords.get(self.next) {
            let chord = &chords[index];
            if chord.onset >= end {
                break;
            }
            push(reached, chord.onset, between);
            reached = chord.end.min(end);
            push(chord.onset.max(onset), reached, Filling::Notes(index));
            if chord.end > end {
                break;
            }
            self.next += 1;
        }
        push(reached, end, between);
        spans
    }
}
