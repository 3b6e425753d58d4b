//! Small scores for the tests.
#![allow(clippy::unwrap_used)]

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Metre, Mode, Note, Part, PitchName, Quality, Quarters,
    Role, Score, Tempo, TempoChange,
};
use proptest::prelude::*;

pub(crate) fn quarters(numerator: i64, denominator: i64) -> Quarters {
    Quarters::new(numerator, denominator)
}

/// A score under construction.
pub(crate) struct Sheet(Score);

/// So many full bars without notes or chords.
pub(crate) fn sheet(metre: &str, key: &str, bars: usize) -> Sheet {
    Sheet(empty(vec![
        Bar::full(
            metre.parse().unwrap(),
            key.parse().unwrap()
        );
        bars
    ]))
}

fn empty(bars: Vec<Bar>) -> Score {
    Score {
        title: String::new(),
        creator: String::new(),
        bars,
        tempos: vec![TempoChange {
            onset: quarters(0, 1),
            tempo: Tempo::from_bpm(120.0),
        }],
        chords: vec![],
        sections: vec![],
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: vec![],
        }],
    }
}

impl Sheet {
    /// Onset and duration as fractions of a quarter.
    pub(crate) fn note(
        mut self,
        onset: i64,
        onset_of: i64,
        pitch: u8,
        duration: i64,
        duration_of: i64,
    ) -> Self {
        self.0.parts[0].notes.push(Note {
            onset: quarters(onset, onset_of),
            pitch,
            duration: quarters(duration, duration_of),
            velocity: 80,
        });
        self
    }

    /// Notes of equal length from the beginning.
    pub(crate) fn run(mut self, pitches: &[u8], numerator: i64, denominator: i64) -> Self {
        for (index, pitch) in pitches.iter().enumerate() {
            self = self.note(
                index as i64 * numerator,
                denominator,
                *pitch,
                numerator,
                denominator,
            );
        }
        self
    }

    /// A chord, or none where the symbol is not one.
    pub(crate) fn chord(mut self, onset: i64, onset_of: i64, symbol: &str) -> Self {
        self.0.chords.push(ChordChange {
            onset: quarters(onset, onset_of),
            chord: symbol.parse().ok(),
        });
        self
    }

    pub(crate) fn build(mut self) -> Score {
        self.0.parts[0].notes.sort();
        self.0.chords.sort_by_key(|change| change.onset);
        self.0
    }
}

/// Any valid lead sheet: several metres and keys, pick-ups, triplets, overlaps, missing chords.
pub(crate) fn any_score() -> impl Strategy<Value = Score> {
    (any_bars(), any_notes(), any_chords()).prop_map(|(bars, notes, chords)| {
        let mut score = empty(bars);
        let length = score.length();
        score.parts[0].notes = placed(&notes, length);
        score.chords = changes(&chords, length);
        score
    })
}

fn any_bars() -> impl Strategy<Value = Vec<Bar>> {
    let metre = prop::sample::select(vec![(4, 4), (3, 4), (2, 2), (6, 8), (12, 8), (5, 4)]);
    let key = (-7i8..=7, any::<bool>());
    let bars = prop::collection::vec((metre, key), 1..3);
    (bars, 1usize..6, any::<bool>()).prop_map(|(kinds, repeat, pick_up)| {
        let mut bars: Vec<Bar> = kinds
            .into_iter()
            .flat_map(|((count, unit), (fifths, minor))| {
                let mode = if minor { Mode::Minor } else { Mode::Major };
                let bar = Bar::full(
                    Metre::new(count, unit).unwrap(),
                    Key::new(fifths, mode).unwrap(),
                );
                vec![bar; repeat]
            })
            .collect();
        if pick_up {
            bars[0].length = bars[0].metre.beat();
        }
        bars
    })
}

/// Gap before the note, its duration, in twelfths of a quarter, and its pitch.
fn any_notes() -> impl Strategy<Value = Vec<(i64, i64, u8)>> {
    let step = prop::sample::select(vec![0, 0, 0, 3, 4, 6, 12]);
    let duration = prop::sample::select(vec![3, 4, 6, 8, 12, 18, 24, 48]);
    prop::collection::vec((step, duration, 48u8..90), 0..40)
}

fn placed(notes: &[(i64, i64, u8)], length: Quarters) -> Vec<Note> {
    let mut at = quarters(0, 1);
    let mut list = Vec::new();
    for (gap, duration, pitch) in notes {
        at += quarters(*gap, 12);
        let end = (at + quarters(*duration, 12)).min(length);
        if at < end {
            list.push(Note {
                onset: at,
                pitch: *pitch,
                duration: end - at,
                velocity: 80,
            });
        }
        at = at.max(end);
    }
    list
}

fn any_chords() -> impl Strategy<Value = Vec<(i64, Option<(i8, Quality)>)>> {
    let quality = prop::sample::select(Quality::ALL.to_vec());
    let chord = prop::option::weighted(0.9, (-8i8..=10, quality));
    prop::collection::vec((prop::sample::select(vec![6, 12, 24, 48]), chord), 0..12)
}

fn changes(chords: &[(i64, Option<(i8, Quality)>)], length: Quarters) -> Vec<ChordChange> {
    let mut at = quarters(0, 1);
    let mut list: Vec<ChordChange> = Vec::new();
    for (duration, chord) in chords {
        let chord = chord.map(|(fifths, quality)| {
            ChordSymbol::new(PitchName::from_fifths(fifths).unwrap(), quality)
        });
        if at < length && list.last().is_none_or(|last| last.chord != chord) {
            list.push(ChordChange { onset: at, chord });
        }
        at += quarters(*duration, 12);
    }
    list
}

/// The score moved up by `semitones`, keys and chords by the same number of fifths, or nothing where a
/// key or a name does not exist there.
pub(crate) fn transposed(score: &Score, semitones: i8) -> Option<Score> {
    let step = (i16::from(semitones) * 7).rem_euclid(12) as i8;
    [step, step - 12]
        .into_iter()
        .find_map(|fifths| moved(score, semitones, fifths))
}

fn moved(score: &Score, semitones: i8, fifths: i8) -> Option<Score> {
    let mut moved = score.clone();
    for bar in &mut moved.bars {
        bar.key = Key::new(bar.key.fifths() + fifths, bar.key.mode())?;
    }
    for change in &mut moved.chords {
        if let Some(chord) = &mut change.chord {
            chord.root = PitchName::from_fifths(chord.root.fifths() + fifths)?;
        }
    }
    for note in &mut moved.parts[0].notes {
        note.pitch = note.pitch.checked_add_signed(semitones)?;
    }
    Some(moved)
}
