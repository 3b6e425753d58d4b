//! How the notes of a part are laid out in voices, each of which sounds one chord at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use super::notation::{Filling, Span};
use crate::{Error, Format, Note, Quarters};

/// The most voices in a part.
const MAX_VOICES: usize = 1000;

/// Notes that are written together, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chord {
    /// Where it is written to begin and end.
    pub onset: Quarters,
    pub end: Quarters,
    /// As they are played.
    pub notes: Vec<Note>,
}

impl Chord {
    /// Whether all of it is played at most half as long as it is written.
    pub fn is_staccato(&self) -> bool {
        let written = self.end - self.onset;
        self.notes.iter().all(|note| note.duration * 2 <= written)
    }
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
    sort(&mut chords);
    chords
}

/// By onset, higher chords first.
pub(super) fn sort(chords: &mut [Chord]) {
    let top = |chord: &Chord| chord.notes.last().map(|note| note.pitch);
    chords.sort_by_key(|chord| (chord.onset, Reverse(top(chord))));
}

/// Each of the sorted chords in the first voice that is free; at least one voice. Where two sound together the higher one is
/// the first.
pub(crate) fn voices(chords: &[Chord]) -> Result<Vec<Voice>, Error> {
    let mut numbers: Vec<usize> = Vec::new();
    let mut free: BTreeSet<usize> = BTreeSet::new();
    let mut busy: BinaryHeap<Reverse<(Quarters, usize)>> = BinaryHeap::new();
    let mut count = 0;
    // Since when there has been no silence.
    let mut first = 0;
    for (index, chord) in chords.iter().enumerate() {
        while let Some(Reverse((end, voice))) = busy.peek().copied() {
            if end > chord.onset {
                break;
            }
            busy.pop();
            free.insert(voice);
        }
        if busy.is_empty() {
            higher_first(&chords[first..index], &mut numbers[first..]);
            first = index;
        }
        let voice = free.pop_first().unwrap_or_else(|| {
            count += 1;
            count - 1
        });
        if count > MAX_VOICES {
            return Err(Error::Unsupported {
                format: Format::MusicXml,
                what: format!("a part with more than {MAX_VOICES} chords at once"),
            });
        }
        numbers.push(voice);
        busy.push(Reverse((chord.end, voice)));
    }
    higher_first(&chords[first..], &mut numbers[first..]);
    let mut voices: Vec<Voice> = Vec::new();
    voices.resize_with(count.max(1), Voice::default);
    for (index, voice) in numbers.into_iter().enumerate() {
        voices[voice].chords.push(index);
    }
    Ok(voices)
}

/// Two voices change places where the second lies above the first.
fn higher_first(chords: &[Chord], numbers: &mut [usize]) {
    let mean_pitch = |voice: usize| {
        let own = chords.iter().zip(numbers.iter());
        let own = own.filter(|(_, number)| **number == voice);
        let notes = own.flat_map(|(chord, _)| &chord.notes);
        let pitches: Vec<f64> = notes.map(|note| f64::from(note.pitch)).collect();
        pitches.iter().sum::<f64>() / pitches.len() as f64
    };
    let are_two = numbers.iter().max() == Some(&1);
    if are_two && mean_pitch(1) > mean_pitch(0) {
        for number in numbers {
            *number = 1 - *number;
        }
    }
}

impl Voice {
    /// Its chords, which are some of `chords`, in order.
    pub fn chords<'c>(&self, chords: &'c [Chord]) -> impl Iterator<Item = &'c Chord> {
        self.chords.iter().map(|index| &chords[*index])
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
