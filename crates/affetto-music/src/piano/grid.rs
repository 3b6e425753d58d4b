//! Piano music on the grid of the tokens: bars of positions, twelve to the quarter note.

use affetto_media::{
    Bar, Key, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange, f64_from_quarters,
    midi::{PERCUSSION_CHANNEL, Performance, PlayedNote},
};

use super::tokens::{
    BarPlan, LONGEST_BAR, Length, POSITIONS_PER_QUARTER, Signature, TempoStep, VelocityStep,
    bar_positions, has_pitch, quarters_from_positions,
};

/// Piano music on a grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridPiece {
    /// The bars, all of their metre's full length.
    pub bars: Vec<GridBar>,
}

/// One bar. Its notes stand in the order of positions, those of one position from high to low, no two on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridBar {
    /// The time signature.
    pub metre: Metre,
    /// The tempo at its beginning.
    pub tempo: TempoStep,
    /// The notes that begin in it.
    pub notes: Vec<GridNote>,
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridNote {
    /// Positions from the beginning of the bar.
    pub position: u8,
    /// MIDI number.
    pub pitch: u8,
    /// How long it lasts; it may go on in later bars.
    pub length: Length,
    /// How hard it is struck.
    pub velocity: VelocityStep,
}

impl GridBar {
    /// What is known of it before its notes are.
    pub fn plan(&self) -> BarPlan {
        BarPlan {
            metre: self.metre,
            tempo: self.tempo,
        }
    }

    /// The length in positions.
    pub fn positions(&self) -> i64 {
        bar_positions(self.metre).unwrap_or(LONGEST_BAR)
    }

    /// Whether the notes stand as they should.
    pub fn is_in_order(&self) -> bool {
        let place = |note: &GridNote| (i16::from(note.position), -i16::from(note.pitch));
        let ascending = self
            .notes
            .windows(2)
            .all(|pair| place(&pair[0]) < place(&pair[1]));
        ascending
            && self
                .notes
                .last()
                .is_none_or(|last| i64::from(last.position) < self.positions())
    }

    /// Sorts the notes; of two on one key at one position the longer stays, and the louder velocity.
    pub fn put_in_order(&mut self) {
        let place = |note: &GridNote| (note.position, std::cmp::Reverse((note.pitch, note.length)));
        self.notes.sort_by_key(place);
        self.notes.dedup_by(|later, first| {
            let same = (later.position, later.pitch) == (first.position, first.pitch);
            if same {
                first.velocity = first.velocity.max(later.velocity);
            }
            same
        });
    }
}

/// A note with its time in positions from the beginning of the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedNote {
    /// Where it begins.
    pub onset: i64,
    /// Where it ends, after its onset.
    pub end: i64,
    /// MIDI number.
    pub pitch: u8,
    /// MIDI velocity.
    pub velocity: u8,
}

/// Ticks in a grid position of [`GridPiece::performance`]: 384 to a quarter note, as EMOPIA's clips have.
const TICKS_PER_POSITION: u64 = 32;

impl GridPiece {
    /// Where each bar begins, in positions, and, last, where the piece ends.
    pub fn bar_onsets(&self) -> Vec<i64> {
        let mut onsets = vec![0];
        for bar in &self.bars {
            onsets.push(onsets[onsets.len() - 1] + bar.positions());
        }
        onsets
    }

    /// How many notes it has.
    pub fn notes(&self) -> usize {
        self.bars.iter().map(|bar| bar.notes.len()).sum()
    }

    /// The notes by onset, then from low to high. Where a key is struck again, the note before ends.
    pub fn timed_notes(&self) -> Vec<TimedNote> {
        let onsets = self.bar_onsets();
        let mut notes: Vec<TimedNote> = self
            .bars
            .iter()
            .zip(&onsets)
            .flat_map(|(bar, start)| bar.notes.iter().map(move |note| timed(note, *start)))
            .collect();
        notes.sort_by_key(|note| (note.onset, note.pitch));
        end_where_struck_again(&mut notes);
        notes
    }

    /// The piece as it is played, at 384 ticks a quarter note, ending with its last note.
    pub fn performance(&self) -> Performance {
        let ticks = |positions: i64| positions as u64 * TICKS_PER_POSITION;
        let notes: Vec<PlayedNote> = self
            .timed_notes()
            .iter()
            .map(|note| PlayedNote {
                track: 0,
                channel: 0,
                pitch: note.pitch,
                velocity: note.velocity,
                volume: 127,
                onset_tick: ticks(note.onset),
                end_tick: ticks(note.end),
            })
            .collect();
        let mut tempos: Vec<(u64, Tempo)> = Vec::new();
        for (bar, onset) in self.bars.iter().zip(self.bar_onsets()) {
            let tempo = Tempo::from_bpm(bar.tempo.bpm());
            if tempos.last().is_none_or(|(_, last)| *last != tempo) {
                tempos.push((ticks(onset), tempo));
            }
        }
        Performance {
            ticks_per_quarter: (POSITIONS_PER_QUARTER as u64 * TICKS_PER_POSITION) as u32,
            end_tick: notes.iter().map(|note| note.end_tick).max().unwrap_or(0),
            notes,
            tempos,
        }
    }

    /// The highest notes as a melody.
    pub(super) fn top_line(&self) -> Score {
        let mut score = self.score(Key::C_MAJOR, "");
        for part in &mut score.parts {
            part.role = Role::Melody;
        }
        score
    }

    /// The piece as a score in `key`, as which it is written down without moving a pitch. What sounds past the last
    /// bar is cut.
    pub fn score(&self, key: Key, title: &str) -> Score {
        let end = self.bar_onsets().last().copied().unwrap_or(0);
        let notes = self.timed_notes().into_iter().map(|note| Note {
            onset: quarters_from_positions(note.onset),
            pitch: note.pitch,
            duration: quarters_from_positions(note.end.min(end) - note.onset),
            velocity: note.velocity,
        });
        let mut tempos: Vec<TempoChange> = Vec::new();
        for (bar, onset) in self.bars.iter().zip(self.bar_onsets()) {
            let tempo = Tempo::from_bpm(bar.tempo.bpm());
            if tempos.last().is_none_or(|last| last.tempo != tempo) {
                let onset = quarters_from_positions(onset);
                tempos.push(TempoChange { onset, tempo });
            }
        }
        Score {
            title: title.into(),
            creator: String::new(),
            bars: self
                .bars
                .iter()
                .map(|bar| Bar::full(bar.metre, key))
                .collect(),
            tempos,
            chords: Vec::new(),
            sections: Vec::new(),
            parts: vec![Part {
                name: "Piano".into(),
                role: Role::Other,
                program: 0,
                channel: 0,
                notes: notes.collect(),
            }],
        }
    }

    /// The piece a number of semitones higher; nothing where a pitch would leave the vocabulary.
    pub fn transposed(&self, semitones: i8) -> Option<Self> {
        let mut piece = self.clone();
        for note in piece.bars.iter_mut().flat_map(|bar| &mut bar.notes) {
            let pitch = u8::try_from(i16::from(note.pitch) + i16::from(semitones)).ok();
            note.pitch = pitch.filter(|pitch| has_pitch(*pitch))?;
        }
        Some(piece)
    }

    /// The piece with every tempo some steps faster.
    pub fn with_tempo_moved(&self, steps: i8) -> Self {
        let mut piece = self.clone();
        for bar in &mut piece.bars {
            bar.tempo = bar.tempo.moved(steps);
        }
        piece
    }
}

fn timed(note: &GridNote, bar_onset: i64) -> TimedNote {
    let onset = bar_onset + i64::from(note.position);
    TimedNote {
        onset,
        end: onset + note.length.positions(),
        pitch: note.pitch,
        velocity: note.velocity.velocity(),
    }
}

/// `notes` are sorted by onset.
fn end_where_struck_again(notes: &mut [TimedNote]) {
    let mut last = [None; 128];
    for index in 0..notes.len() {
        let TimedNote { onset, pitch, .. } = notes[index];
        let last = &mut last[usize::from(pitch & 127)];
        if let Some(before) = last.map(|before: usize| &mut notes[before]) {
            before.end = before.end.min(onset.max(before.onset + 1));
        }
        *last = Some(index);
    }
}

/// A bar to put notes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The time signature.
    pub metre: Metre,
    /// The tempo.
    pub tempo: TempoStep,
    /// Where it begins, in quarter notes: a short first bar before what it holds.
    pub onset: f64,
}

/// A note to put on the grid; times in quarter notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Struck {
    /// When it begins.
    pub onset: f64,
    /// When it ends.
    pub end: f64,
    /// MIDI number.
    pub pitch: u8,
    /// MIDI velocity.
    pub velocity: u8,
}

/// Puts notes on the nearest positions of `spans`, which follow one another; what begins before the first or after the
/// last is left out. Where a key is struck again, the note before ends.
pub fn place(spans: &[Span], notes: &[Struck]) -> GridPiece {
    let bars = spans.iter().map(|span| GridBar {
        metre: span.metre,
        tempo: span.tempo,
        notes: Vec::new(),
    });
    let mut piece = GridPiece {
        bars: bars.collect(),
    };
    let mut placed: Vec<(usize, u8, TimedNote)> = Vec::new();
    let onsets = piece.bar_onsets();
    for note in notes.iter().filter(|note| has_pitch(note.pitch)) {
        let Some((bar, position)) = place_of(note.onset, spans, &piece) else {
            continue;
        };
        let onset = onsets[bar] + position;
        let length = (note.end - note.onset) * POSITIONS_PER_QUARTER as f64;
        let timed = TimedNote {
            onset,
            end: onset + (length.round() as i64).max(1),
            pitch: note.pitch,
            velocity: note.velocity,
        };
        placed.push((bar, position as u8, timed));
    }
    placed.sort_by_key(|(_, _, note)| (note.onset, note.pitch, -note.end));
    let loudest = |a: &mut TimedNote, b: &TimedNote| a.velocity = a.velocity.max(b.velocity);
    placed.dedup_by(|(_, _, later), (_, _, first)| {
        let same = (later.onset, later.pitch) == (first.onset, first.pitch);
        if same {
            loudest(first, later);
        }
        same
    });
    let mut timed: Vec<TimedNote> = placed.iter().map(|(_, _, note)| *note).collect();
    end_where_struck_again(&mut timed);
    for ((bar, position, _), note) in placed.iter().zip(timed) {
        piece.bars[*bar].notes.push(GridNote {
            position: *position,
            pitch: note.pitch,
            length: Length::within(note.end - note.onset),
            velocity: VelocityStep::of(note.velocity),
        });
    }
    piece.bars.iter_mut().for_each(GridBar::put_in_order);
    piece
}

/// The bar and the position in it nearest to `onset`.
fn place_of(onset: f64, spans: &[Span], piece: &GridPiece) -> Option<(usize, i64)> {
    let half = 0.5 / POSITIONS_PER_QUARTER as f64;
    let after = spans.partition_point(|span| span.onset <= onset + half);
    let bar = after.checked_sub(1)?;
    let position = ((onset - spans[bar].onset) * POSITIONS_PER_QUARTER as f64).round() as i64;
    let positions = piece.bars[bar].positions();
    match position.max(0) {
        position if position < positions => Some((bar, position)),
        // A bar longer in time than in positions: what is left of it belongs to the next.
        _ if bar + 1 < spans.len() => Some((bar + 1, 0)),
        _ => None,
    }
}

impl GridPiece {
    /// The nearest music on the grid to a score: all its parts but drums as one piano. A short first bar is filled up
    /// in front; other bars that are shorter or longer than their metre get a metre of their own.
    ///
    /// # Errors
    /// The number, from 1, of the first bar that the vocabulary cannot hold.
    pub fn of_score(score: &Score) -> Result<Self, usize> {
        let numbered = spans_of(score, &score.bars).into_iter().zip(1..);
        let spans = numbered
            .map(|(span, number)| span.ok_or(number))
            .collect::<Result<Vec<Span>, usize>>()?;
        Ok(place(&spans, &struck(score)))
    }
}

/// Whether the vocabulary holds `metre`.
pub fn holds_metre(metre: Metre) -> bool {
    Signature::of(metre).is_some()
}

/// The bars of `bars`, which those of `score` may have been made into, with its tempos; nothing for a bar that the
/// vocabulary cannot hold.
pub fn spans_of(score: &Score, bars: &[Bar]) -> Vec<Option<Span>> {
    let zero = Quarters::from_integer(0);
    let mut onset = zero;
    let span = |(index, bar): (usize, &Bar)| {
        let missing = bar.metre.length() - bar.length;
        let is_pickup = index == 0 && missing > zero;
        let start = if is_pickup { onset - missing } else { onset };
        let tempo = score.tempo_at(onset);
        onset += bar.length;
        let metre = if is_pickup || missing == zero {
            Some(bar.metre)
        } else {
            metre_of_length(bar.length, bar.metre.unit())
        };
        Some(Span {
            metre: metre.filter(|metre| Signature::of(*metre).is_some())?,
            tempo: TempoStep::of_bpm(tempo.bpm()),
            onset: f64_from_quarters(start),
        })
    };
    bars.iter().enumerate().map(span).collect()
}

/// The metre whose bar is as long, counted in `unit` or finer.
fn metre_of_length(length: Quarters, unit: u8) -> Option<Metre> {
    let finer = [unit, 4, 8, 16].into_iter().filter(|finer| *finer >= unit);
    finer
        .filter_map(|unit| {
            let count = length * i64::from(unit) / 4;
            let count = count.is_integer().then(|| count.to_integer())?;
            Metre::new(u8::try_from(count).ok()?, unit)
        })
        .next()
}

/// The notes of all parts but drums.
pub fn struck(score: &Score) -> Vec<Struck> {
    let parts = score.parts.iter();
    let parts = parts.filter(|part| part.channel != PERCUSSION_CHANNEL);
    parts
        .flat_map(|part| &part.notes)
        .map(|note| Struck {
            onset: f64_from_quarters(note.onset),
            end: f64_from_quarters(note.end()),
            pitch: note.pitch,
            velocity: note.velocity,
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod testing {
    #![allow(clippy::unwrap_used)]
    use affetto_media::Metre;
    use proptest::prelude::*;

    use super::*;

    /// Up to four bars of a few metres, with any notes.
    pub(crate) fn any_piece() -> impl Strategy<Value = GridPiece> {
        let metre = prop_oneof![
            Just((4, 4)),
            Just((3, 4)),
            Just((6, 8)),
            Just((5, 4)),
            Just((3, 16))
        ];
        let note = (0_u8..96, 0_u8..128, 1_u8..96, 0_u8..32);
        let bar = (metre, 0_u8..49, prop::collection::vec(note, 0..12));
        prop::collection::vec(bar, 1..5).prop_map(|bars| GridPiece {
            bars: bars.into_iter().map(bar_of).collect(),
        })
    }

    /// Metre, tempo and notes.
    type BarParts = ((u8, u8), u8, Vec<(u8, u8, u8, u8)>);

    fn bar_of(((count, unit), tempo, notes): BarParts) -> GridBar {
        let mut bar = GridBar {
            metre: Metre::new(count, unit).unwrap(),
            tempo: TempoStep::new(tempo).unwrap(),
            notes: Vec::new(),
        };
        let positions = bar.positions() as u8;
        bar.notes = notes
            .into_iter()
            .filter(|(_, pitch, ..)| has_pitch(*pitch))
            .map(|(position, pitch, length, velocity)| GridNote {
                position: position % positions,
                pitch,
                length: Length::new(length).unwrap(),
                velocity: VelocityStep::new(velocity).unwrap(),
            })
            .collect();
        bar.put_in_order();
        bar
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Limits, midi};
    use proptest::prelude::*;

    use super::{testing::any_piece, *};

    /// The lengths that are left when keys struck again end notes and nothing sounds past the last bar.
    fn as_sounds(piece: &GridPiece) -> GridPiece {
        GridPiece::of_score(&piece.score(Key::C_MAJOR, "")).unwrap()
    }

    proptest! {
        /// read(write(x)) == x through a MIDI file, of what can sound.
        #[test]
        fn a_midi_file_holds_the_piece(piece in any_piece()) {
            let piece = as_sounds(&piece);
            let bytes = midi::write(&piece.score(Key::C_MAJOR, "A")).unwrap();
            let score = midi::read(&bytes, &Limits::DEFAULT).unwrap();
            prop_assert_eq!(score.broken_rule(), None);
            prop_assert_eq!(GridPiece::of_score(&score).unwrap(), piece);
        }

        #[test]
        fn what_sounds_stays(piece in any_piece()) {
            let piece = as_sounds(&piece);
            prop_assert_eq!(as_sounds(&piece), piece);
        }

        #[test]
        fn transposed_and_back(piece in any_piece(), semitones in -6_i8..7) {
            if let Some(up) = piece.transposed(semitones) {
                prop_assert_eq!(up.transposed(-semitones).unwrap(), piece);
            }
        }
    }

    fn struck(onset: f64, end: f64, pitch: u8) -> Struck {
        let velocity = 80;
        Struck {
            onset,
            end,
            pitch,
            velocity,
        }
    }

    fn spans(count: usize, metre: (u8, u8)) -> Vec<Span> {
        let metre = Metre::new(metre.0, metre.1).unwrap();
        let length = f64_from_quarters(metre.length());
        let tempo = TempoStep::of_bpm(100.0);
        let span = |index| Span {
            metre,
            tempo,
            onset: index as f64 * length,
        };
        (0..count).map(span).collect()
    }

    #[test]
    fn played_notes_go_to_the_nearest_position() {
        let notes = [
            struck(0.03, 0.9, 60),  // position 0, 10.4 positions long
            struck(3.97, 4.5, 62),  // nearer to the next bar
            struck(-0.03, 0.1, 64), // a hair early
            struck(7.99, 9.0, 65),  // would begin after the last bar
        ];
        let piece = place(&spans(2, (4, 4)), &notes);
        let found = |bar: usize| -> Vec<(u8, u8, i64)> {
            let notes = piece.bars[bar].notes.iter();
            notes
                .map(|n| (n.position, n.pitch, n.length.positions()))
                .collect()
        };
        assert_eq!(found(0), [(0, 64, 2), (0, 60, 10)]);
        assert_eq!(found(1), [(0, 62, 6)]);
    }

    #[test]
    fn a_key_struck_again_ends_its_note() {
        let notes = [
            struck(0.0, 4.0, 60),
            struck(1.0, 2.0, 60),
            struck(1.0, 1.5, 60),
        ];
        let piece = place(&spans(1, (4, 4)), &notes);
        let lengths: Vec<i64> = piece.bars[0]
            .notes
            .iter()
            .map(|n| n.length.positions())
            .collect();
        assert_eq!(lengths, [12, 12]);
    }

    /// A pick-up of one quarter before 3/4 stands on the third beat of its bar.
    #[test]
    fn a_pickup_is_filled_up_in_front() {
        let mut score = place(
            &spans(2, (3, 4)),
            &[struck(2.0, 3.0, 67), struck(3.0, 4.0, 72)],
        )
        .score(Key::C_MAJOR, "");
        score.bars[0].length = Quarters::from_integer(1);
        let two = Quarters::from_integer(2);
        score.parts[0]
            .notes
            .iter_mut()
            .for_each(|note| note.onset -= two);
        let piece = GridPiece::of_score(&score).unwrap();
        assert_eq!(piece.bars[0].notes[0].position, 24);
        assert_eq!(piece.bars[1].notes[0].position, 0);
    }
}
