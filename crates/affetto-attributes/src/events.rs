//! The cutting of a lead sheet into events: what a token sequence holds, and what valence and
//! density are counted on.
//!
//! Makris, Agres & Herremans, "Generating Lead Sheets with Affect" (2021): melody and chords share
//! one stream of events. Differs from the paper's data: a note that goes on over a chord change or a
//! bar line is marked as held instead of being struck again.

use affetto_media::{ChordSymbol, Note, Quarters, Score};

/// A stretch of a bar in which neither the melody nor the chord changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// In quarter notes from the beginning of the score.
    pub onset: Quarters,
    /// In quarter notes, above 0.
    pub duration: Quarters,
    /// The MIDI number of the melody, or nothing for a rest.
    pub pitch: Option<u8>,
    /// Whether the note began in an earlier event and goes on without a new attack. Never true of a rest.
    pub held: bool,
    /// The chord in force, or nothing.
    pub chord: Option<ChordSymbol>,
}

impl Event {
    /// Where it ends.
    pub fn end(&self) -> Quarters {
        self.onset + self.duration
    }

    /// Whether a note begins with it.
    pub fn is_attack(&self) -> bool {
        self.pitch.is_some() && !self.held
    }
}

/// The events of one bar; they lie end to end and fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarEvents {
    /// Where the bar begins, in quarter notes.
    pub onset: Quarters,
    /// Its length in quarter notes.
    pub length: Quarters,
    /// At least one event.
    pub events: Vec<Event>,
}

/// The melody as one line: of notes that begin together the highest, each note cut short where the
/// next begins.
pub fn melody_line(score: &Score) -> Vec<Note> {
    let notes = score.melody().map_or(&[][..], |part| &part.notes);
    let mut line: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes.iter().filter(|note| note.duration > zero()) {
        match line.last_mut() {
            // Notes that begin together are sorted by pitch.
            Some(last) if last.onset == note.onset => {
                *last = *note;
                continue;
            }
            Some(last) if last.end() > note.onset => last.duration = note.onset - last.onset,
            _ => {}
        }
        line.push(*note);
    }
    line
}

/// The events of every bar. A bar is cut where a note begins or ends, where the chord changes, and
/// at its bar lines; nowhere else.
pub fn events(score: &Score) -> Vec<BarEvents> {
    let line = melody_line(score);
    let bar_lines = score.bar_onsets();
    bar_lines
        .windows(2)
        .map(|bar| bar_events(score, &line, bar[0], bar[1]))
        .collect()
}

/// Every event of the score, in order.
pub fn event_list(score: &Score) -> Vec<Event> {
    events(score)
        .into_iter()
        .flat_map(|bar| bar.events)
        .collect()
}

fn bar_events(score: &Score, line: &[Note], start: Quarters, end: Quarters) -> BarEvents {
    let notes = between(
        line,
        line.partition_point(|note| note.end() <= start),
        line.partition_point(|note| note.onset < end),
    );
    let chords = between(
        &score.chords,
        score.chords.partition_point(|change| change.onset <= start),
        score.chords.partition_point(|change| change.onset < end),
    );
    let mut cuts: Vec<Quarters> = notes
        .iter()
        .flat_map(|note| [note.onset, note.end()])
        .chain(chords.iter().map(|change| change.onset))
        .filter(|cut| start < *cut && *cut < end)
        .chain([start, end])
        .collect();
    cuts.sort();
    cuts.dedup();
    BarEvents {
        onset: start,
        length: end - start,
        events: cuts
            .windows(2)
            .map(|span| event(score, notes, span[0], span[1]))
            .collect(),
    }
}

fn event(score: &Score, notes: &[Note], onset: Quarters, end: Quarters) -> Event {
    let begun = notes.partition_point(|note| note.onset <= onset);
    let note = notes[..begun].last().filter(|note| note.end() > onset);
    Event {
        onset,
        duration: end - onset,
        pitch: note.map(|note| note.pitch),
        held: note.is_some_and(|note| note.onset < onset),
        chord: score.chord_at(onset),
    }
}

/// A part of a list, empty where the list is not sorted as a score's lists are.
fn between<T>(list: &[T], from: usize, to: usize) -> &[T] {
    list.get(from..to).unwrap_or(&[])
}

pub(crate) fn zero() -> Quarters {
    Quarters::from_integer(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, quarters, sheet};
    use proptest::prelude::*;

    /// A bar of 4/4 whose note of three quarters lies over a chord change and whose last note goes on
    /// over the bar line.
    #[test]
    fn a_note_over_a_chord_change_and_a_bar_line_is_held() {
        let score = sheet("4/4", "C major", 2)
            .note(0, 1, 60, 3, 1)
            .note(7, 2, 64, 1, 1)
            .chord(0, 1, "C")
            .chord(2, 1, "G7");
        let bars = events(&score.build());
        let cut = |bar: usize| -> Vec<(Quarters, Option<u8>, bool)> {
            bars[bar]
                .events
                .iter()
                .map(|event| (event.duration, event.pitch, event.held))
                .collect()
        };
        assert_eq!(
            cut(0),
            [
                (quarters(2, 1), Some(60), false),
                (quarters(1, 1), Some(60), true),
                (quarters(1, 2), None, false),
                (quarters(1, 2), Some(64), false),
            ]
        );
        assert_eq!(
            cut(1),
            [
                (quarters(1, 2), Some(64), true),
                (quarters(7, 2), None, false)
            ]
        );
        assert_eq!(bars[0].events[0].chord.unwrap().to_string(), "C");
        assert_eq!(bars[1].events[1].chord.unwrap().to_string(), "G7");
    }

    #[test]
    fn a_score_without_melody_is_one_rest_a_bar() {
        let score = sheet("3/4", "C major", 3).build();
        let bars = events(&score);
        assert_eq!(bars.len(), 3);
        assert!(
            bars.iter()
                .all(|bar| bar.events.len() == 1 && bar.events[0].pitch.is_none())
        );
    }

    #[test]
    fn of_two_notes_at_once_the_higher_counts_and_an_overlap_is_cut() {
        let score = sheet("4/4", "C major", 1)
            .note(0, 1, 60, 4, 1)
            .note(0, 1, 67, 2, 1)
            .note(1, 1, 65, 1, 1)
            .build();
        let line = melody_line(&score);
        let heard: Vec<(u8, Quarters)> = line.iter().map(|n| (n.pitch, n.duration)).collect();
        assert_eq!(heard, [(67, quarters(1, 1)), (65, quarters(1, 1))]);
    }

    proptest! {
        #[test]
        fn events_fill_their_bar(score in any_score()) {
            for (bar, cut) in score.bars.iter().zip(events(&score)) {
                prop_assert_eq!(cut.length, bar.length);
                let sum: Quarters = cut.events.iter().map(|event| event.duration).sum();
                prop_assert_eq!(sum, bar.length);
                let mut at = cut.onset;
                for event in &cut.events {
                    prop_assert_eq!(event.onset, at);
                    prop_assert!(event.duration > zero());
                    at = event.end();
                }
            }
        }

        #[test]
        fn attacks_are_the_melody_and_chords_are_in_force(score in any_score()) {
            let line = melody_line(&score);
            let list = event_list(&score);
            let attacks: Vec<_> = list.iter().filter(|event| event.is_attack()).map(|event| (event.onset, event.pitch)).collect();
            let notes: Vec<_> = line.iter().map(|note| (note.onset, Some(note.pitch))).collect();
            prop_assert_eq!(attacks, notes);
            for event in &list {
                prop_assert_eq!(event.chord, score.chord_at(event.onset));
                let sounding = line.iter().find(|note| note.onset <= event.onset && event.onset < note.end());
                prop_assert_eq!(event.pitch, sounding.map(|note| note.pitch));
            }
        }

        /// Held events joined to their attacks give the durations back.
        #[test]
        fn held_events_join_to_the_notes(score in any_score()) {
            let mut durations: Vec<Quarters> = Vec::new();
            for event in event_list(&score) {
                match event.pitch {
                    Some(_) if event.held => *durations.last_mut().unwrap() += event.duration,
                    Some(_) => durations.push(event.duration),
                    None => {}
                }
            }
            let notes: Vec<Quarters> = melody_line(&score).iter().map(|note| note.duration).collect();
            prop_assert_eq!(durations, notes);
        }

        #[test]
        fn no_cut_is_needless(score in any_score()) {
            for bar in events(&score) {
                for pair in bar.events.windows(2) {
                    let same_chord = pair[0].chord == pair[1].chord;
                    let same_sound = pair[1].held || (pair[0].pitch.is_none() && pair[1].pitch.is_none());
                    prop_assert!(!(same_chord && same_sound));
                }
            }
        }
    }
}
