//! A score as ABC can hold it.

use std::collections::{BTreeMap, BTreeSet};

use affetto_core::one_line;

use super::{VELOCITY, measure::GRID};
use crate::{
    Bar, ChordChange, Limits, Note, Part, Quarters, Role, Score, Section, Tempo, TempoChange,
};

/// `score` with what [`write()`](super::write) keeps of it, so that reading what was written gives this
/// score again.
///
/// - Every note has the loudness [`VELOCITY`]. Of two notes of a part with one pitch at one time, the
///   earlier ends where the later begins.
/// - Times are multiples of 1/46126080 quarter note, which tuplets up to 15 fall on.
/// - Chord changes, tempos and notes past the end are gone; sections begin with their bar.
/// - Texts are one line of at most 1000 characters; a part without a name is named for its role, and
///   `"` in a part's name becomes `'`.
/// - A score without parts gets a silent melody, since a bar of ABC is the bar of a voice.
pub fn holds(score: &Score) -> Score {
    let bars: Vec<Bar> = score.bars.iter().filter_map(held_bar).collect();
    let mut held = Score {
        title: text(&score.title),
        creator: text(&score.creator),
        bars,
        tempos: Vec::new(),
        chords: Vec::new(),
        sections: Vec::new(),
        parts: Vec::new(),
    };
    let end = held.length();
    held.tempos = tempos(&score.tempos, end);
    held.chords = chords(&score.chords, end);
    held.sections = sections(&score.sections, &held.bar_onsets());
    held.parts = score
        .parts
        .iter()
        .map(|part| held_part(part, end))
        .collect();
    if held.parts.is_empty() {
        held.parts.push(Part {
            name: Role::Melody.part_name().into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: Vec::new(),
        });
    }
    held
}

/// The nearest time on the grid.
fn on_grid(time: Quarters) -> Quarters {
    let (top, bottom) = (i128::from(*time.numer()), i128::from(*time.denom()));
    let ticks = (top * i128::from(GRID) * 2 + bottom).div_euclid(bottom * 2);
    Quarters::new(i64::try_from(ticks).unwrap_or(0), GRID)
}

fn held_bar(bar: &Bar) -> Option<Bar> {
    let length = on_grid(bar.length);
    (length > Quarters::from_integer(0)).then_some(Bar { length, ..*bar })
}

fn text(text: &str) -> String {
    one_line(text, Limits::DEFAULT.text)
}

fn is_inside(onset: Quarters, end: Quarters) -> bool {
    onset >= Quarters::from_integer(0) && onset < end
}

fn tempos(changes: &[TempoChange], end: Quarters) -> Vec<TempoChange> {
    let zero = Quarters::from_integer(0);
    let mut held = BTreeMap::from([(zero, Tempo::from_bpm(120.0))]);
    for change in changes {
        let onset = on_grid(change.onset);
        if is_inside(onset, end) {
            let tempo = Tempo::from_micros_per_quarter(change.tempo.micros_per_quarter());
            held.insert(onset, tempo);
        }
    }
    held.into_iter()
        .map(|(onset, tempo)| TempoChange { onset, tempo })
        .collect()
}

fn chords(changes: &[ChordChange], end: Quarters) -> Vec<ChordChange> {
    let mut held: Vec<ChordChange> = changes
        .iter()
        .map(|change| ChordChange {
            onset: on_grid(change.onset),
            ..*change
        })
        .filter(|change| is_inside(change.onset, end))
        .collect();
    held.sort_by_key(|change| change.onset);
    held.dedup_by(|later, earlier| {
        let same_place = later.onset == earlier.onset;
        if same_place {
            earlier.chord = later.chord;
        }
        same_place
    });
    held.dedup_by_key(|change| change.chord);
    held
}

fn sections(sections: &[Section], bar_onsets: &[Quarters]) -> Vec<Section> {
    let mut held: Vec<Section> = Vec::new();
    let mut known = BTreeSet::new();
    for section in sections {
        let name = text(&section.name);
        let onset = on_grid(section.onset);
        let bar = bar_onsets.partition_point(|bar| *bar <= onset);
        // The last of the bar onsets is the end of the score.
        if name.is_empty() || bar == 0 || bar == bar_onsets.len() {
            continue;
        }
        let section = Section {
            onset: bar_onsets[bar - 1],
            name,
        };
        if known.insert((section.onset, section.name.clone())) {
            held.push(section);
        }
    }
    held.sort_by_key(|section| section.onset);
    held
}

fn held_part(part: &Part, end: Quarters) -> Part {
    let name = text(&part.name).replace('"', "'");
    Part {
        name: if name.is_empty() {
            part.role.part_name().into()
        } else {
            name
        },
        role: part.role,
        program: part.program.min(127),
        channel: part.channel.min(15),
        notes: notes(&part.notes, end),
    }
}

fn notes(notes: &[Note], end: Quarters) -> Vec<Note> {
    let mut sorted: Vec<Note> = notes
        .iter()
        .filter_map(|note| held_note(note, end))
        .collect();
    sorted.sort_by_key(|note| (note.onset, note.pitch));
    let mut held: Vec<Note> = Vec::new();
    let mut last_of_pitch: [Option<usize>; 128] = [None; 128];
    for note in sorted {
        let last = &mut last_of_pitch[usize::from(note.pitch)];
        if let Some(before) = last.and_then(|index| held.get_mut(index))
            && before.end() > note.onset
        {
            if before.onset == note.onset {
                before.duration = before.duration.max(note.duration);
                continue;
            }
            before.duration = note.onset - before.onset;
        }
        *last = Some(held.len());
        held.push(note);
    }
    held
}

fn held_note(note: &Note, end: Quarters) -> Option<Note> {
    let onset = on_grid(note.onset).max(Quarters::from_integer(0));
    let until = on_grid(note.end()).min(end);
    let sounds = until > onset && note.pitch <= 127;
    sounds.then_some(Note {
        onset,
        pitch: note.pitch,
        duration: until - onset,
        velocity: VELOCITY,
    })
}
