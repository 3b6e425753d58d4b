//! Parts of scores, and scores one after the other.

use std::ops::Range;

use affetto_media::{ChordChange, Note, Part, Quarters, Score, Section, TempoChange};

/// The bars `bars` of `score` as a score of their own; what sounds across their ends is cut there.
pub(super) fn excerpt(score: &Score, bars: Range<usize>) -> Score {
    let onsets = score.bar_onsets();
    let (start, end) = (onsets[bars.start], onsets[bars.end]);
    let zero = Quarters::from_integer(0);
    let part = |part: &Part| Part {
        notes: notes_between(&part.notes, start, end),
        ..part.clone()
    };
    let first = ChordChange {
        onset: zero,
        chord: score.chord_at(start),
    };
    let inside = score.chords.iter();
    let inside = inside.filter(|change| start < change.onset && change.onset < end);
    let moved = inside.map(|change| ChordChange {
        onset: change.onset - start,
        ..*change
    });
    Score {
        bars: score.bars[bars].to_vec(),
        tempos: vec![TempoChange {
            onset: zero,
            tempo: score.tempo_at(start),
        }],
        chords: first
            .chord
            .map(|_| first)
            .into_iter()
            .chain(moved)
            .collect(),
        sections: Vec::new(),
        parts: score.parts.iter().map(part).collect(),
        title: score.title.clone(),
        creator: score.creator.clone(),
    }
}

/// What sounds between `start` and `end`, counted from `start`.
pub(super) fn notes_between(notes: &[Note], start: Quarters, end: Quarters) -> Vec<Note> {
    let zero = Quarters::from_integer(0);
    let mut found: Vec<Note> = notes
        .iter()
        .map(|note| {
            let onset = note.onset.max(start);
            Note {
                onset: onset - start,
                duration: note.end().min(end) - onset,
                ..*note
            }
        })
        .filter(|note| note.duration > zero)
        .collect();
    found.sort();
    found
}

/// The scores one after the other, each with its name as a section. They have the same parts in the same order.
pub(super) fn in_a_row(scores: &[(&str, &Score)]) -> Option<Score> {
    let (_, first) = scores.first()?;
    let mut row = Score {
        bars: Vec::new(),
        chords: Vec::new(),
        sections: Vec::new(),
        parts: first
            .parts
            .iter()
            .map(|part| Part {
                notes: Vec::new(),
                ..part.clone()
            })
            .collect(),
        ..(*first).clone()
    };
    let zero = Quarters::from_integer(0);
    let mut onset = zero;
    for (name, score) in scores {
        row.sections.push(Section {
            onset,
            name: (*name).into(),
        });
        row.bars.extend_from_slice(&score.bars);
        let silent = score.chords.first().is_none_or(|first| first.onset > zero);
        if silent && row.chords.last().is_some_and(|last| last.chord.is_some()) {
            row.chords.push(ChordChange { onset, chord: None });
        }
        for change in &score.chords {
            if row.chords.last().and_then(|last| last.chord) != change.chord {
                row.chords.push(ChordChange {
                    onset: onset + change.onset,
                    ..*change
                });
            }
        }
        for (part, more) in row.parts.iter_mut().zip(&score.parts) {
            part.notes.extend(more.notes.iter().map(|note| Note {
                onset: onset + note.onset,
                ..*note
            }));
        }
        onset += score.length();
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Bar, Key, Metre, Role, Tempo};

    use super::*;

    fn score() -> Score {
        let note = |onset, duration| Note {
            onset: Quarters::from_integer(onset),
            pitch: 60,
            duration: Quarters::from_integer(duration),
            velocity: 80,
        };
        let chord = |onset, chord: &str| ChordChange {
            onset: Quarters::from_integer(onset),
            chord: Some(chord.parse().unwrap()),
        };
        Score {
            title: "A".into(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 3],
            tempos: vec![TempoChange {
                onset: 0.into(),
                tempo: Tempo::from_bpm(96.0),
            }],
            chords: vec![chord(0, "C"), chord(6, "G")],
            sections: Vec::new(),
            parts: vec![Part {
                name: "Pad".into(),
                role: Role::Chords,
                program: 89,
                channel: 3,
                notes: vec![note(0, 6), note(6, 6)],
            }],
        }
    }

    #[test]
    fn what_sounds_across_the_ends_is_cut() {
        let middle = excerpt(&score(), 1..2);
        assert_eq!(middle.broken_rule(), None);
        let of = |notes: &[Note]| -> Vec<(i64, i64)> {
            let whole = |time: Quarters| time.to_integer();
            notes
                .iter()
                .map(|it| (whole(it.onset), whole(it.duration)))
                .collect()
        };
        assert_eq!(of(&middle.parts[0].notes), [(0, 2), (2, 2)]);
        let symbols: Vec<String> = middle
            .chords
            .iter()
            .map(|it| it.chord.unwrap().to_string())
            .collect();
        assert_eq!(symbols, ["C", "G"]);
        assert_eq!(middle.chords[1].onset, Quarters::from_integer(2));
    }

    #[test]
    fn a_row_has_each_score_as_a_section() {
        let (first, second) = (excerpt(&score(), 2..3), score());
        let row = in_a_row(&[("Intro", &first), ("Loop", &second)]).unwrap();
        assert_eq!(row.broken_rule(), None);
        assert_eq!((row.bars.len(), row.parts[0].notes.len()), (4, 3));
        assert_eq!(row.sections[1].onset, Quarters::from_integer(4));
        assert_eq!(in_a_row(&[]), None);
    }
}
