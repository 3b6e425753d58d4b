//! What somebody has played, in score time: onsets on the grid that a reader counts by, note values without crumbs between
//! them, and no more than two lines at once.
//!
//! The two steps of Cambouropoulos, "From MIDI to Traditional Musical Notation" (2000): onsets are quantised, and how long
//! a note is written follows from when the next one begins more than from when the key was let go.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use super::{
    notation::{Filling, Grid, Piece, Span},
    voices::{self, Chord},
};
use crate::{Note, Part, Quarters, Role, Score, f64_from_quarters};

/// Each eighth note is counted in two sixteenths or in three triplets.
const CELL: Quarters = Quarters::new_raw(1, 2);
const SIXTEENTH: Quarters = Quarters::new_raw(1, 4);
const SIXTEENTH_TRIPLET: Quarters = Quarters::new_raw(1, 6);
const EIGHTH_TRIPLET: Quarters = Quarters::new_raw(1, 3);
/// Times that are no such parts of a quarter note stay where they are, as long as they are none of a player's.
const PARTS: i64 = 12;
/// Into so many parts a quarter note is divided at most.
const FINEST_TUPLET: i64 = 24;
/// What a triplet has to be worth: so many of these parts that onsets would be moved by without it; less where all three of
/// its notes are heard in that beat or beside it, if only from several parts together.
const SIXTEENTH_TRIPLET_COST: f64 = 1.5;
const EIGHTH_TRIPLET_COST: f64 = 1.2;
const HEARD_TRIPLET_COST: f64 = 0.5;
/// What it costs to write a note twice or half as long as it was played, where each of its signs costs 1.
const DOUBLING_COST: f64 = 1.3;
/// What each rest after it costs, how much more if it is shorter than an eighth, and how much more after the first.
const REST_COST: f64 = 1.25;
const SHORT_REST_COST: f64 = 1.1;
const FURTHER_REST_COST: f64 = 0.3;
/// What is saved where it is written as it was played, but for half of such a part.
const EXACT_BONUS: f64 = 1.0;
const EXACT: Quarters = Quarters::new_raw(1, 2 * PARTS);

/// The chords of a part of a score in score time, their notes as they are played. What is not played is written as it is.
pub(crate) fn chords(part: &Part, score: &Score) -> Vec<Chord> {
    match is_played(part) {
        true => Hand::new(&part.notes, score).chords(),
        false => voices::chords(&part.notes),
    }
}

/// Whether somebody plays a part: a hand, or whoever is a little early and late.
pub(crate) fn is_played(part: &Part) -> bool {
    matches!(part.role, Role::RightHand | Role::LeftHand) || is_free(&part.notes)
}

/// Whether notes begin where no note value and no tuplet that is written leads to.
fn is_free(notes: &[Note]) -> bool {
    let mut parts = notes.iter().map(|note| *note.onset.denom());
    parts.any(|parts| parts > FINEST_TUPLET && parts.count_ones() > 1)
}

struct Hand {
    /// Of the bars, and of the end.
    bars: Vec<Quarters>,
    grids: Vec<Grid>,
    /// Where notes may begin and end, in order; the last one is the end of the score.
    places: Vec<Quarters>,
    /// The notes by where they begin, from low to high.
    groups: BTreeMap<Quarters, Vec<Note>>,
    /// Where the notes of a pitch begin, in order.
    onsets_of_pitch: HashMap<u8, Vec<Quarters>>,
}

impl Hand {
    fn new(notes: &[Note], score: &Score) -> Self {
        let bars = score.bar_onsets();
        let grids = Grid::of_bars(score);
        let mut onsets: Vec<Quarters> = notes.iter().map(|note| note.onset).collect();
        onsets.sort_unstable();
        onsets.dedup();
        let is_free = is_free(notes);
        let all = score.parts.iter().flat_map(|part| &part.notes);
        let mut heard: Vec<Quarters> = all.map(|note| note.onset).collect();
        heard.sort_unstable();
        let is_heard = |time: Quarters| heard.binary_search(&time).is_ok();
        let mut places = Vec::new();
        for (grid, bar) in grids.iter().zip(&bars) {
            for beat in grid.beats() {
                let beat = bar + beat.start..bar + beat.end;
                let is_triplet = [-3, 0, 3].iter().any(|from| {
                    let third = |it: i64| beat.start + EIGHTH_TRIPLET * (from + it);
                    is_heard(third(1)) && is_heard(third(2))
                });
                let triplet_cost = match is_triplet {
                    true => HEARD_TRIPLET_COST,
                    false => EIGHTH_TRIPLET_COST,
                };
                let onsets = within(&onsets, &beat);
                places.extend(places_of_beat(&beat, onsets, is_free, triplet_cost));
            }
        }
        let mut groups: BTreeMap<Quarters, Vec<Note>> = BTreeMap::new();
        let mut onsets_of_pitch: HashMap<u8, Vec<Quarters>> = HashMap::new();
        for note in notes {
            let onset = nearest(&places, note.onset);
            groups.entry(onset).or_default().push(*note);
            onsets_of_pitch.entry(note.pitch).or_default().push(onset);
        }
        for group in groups.values_mut() {
            group.sort_unstable_by_key(|note| (note.pitch, note.duration));
        }
        for onsets in onsets_of_pitch.values_mut() {
            onsets.sort_unstable();
        }
        places.extend(bars.last());
        Self {
            bars,
            grids,
            places,
            groups,
            onsets_of_pitch,
        }
    }

    fn end_of_score(&self) -> Quarters {
        self.bars.last().copied().unwrap_or_default()
    }

    fn chords(&self) -> Vec<Chord> {
        let mut chords: Vec<Chord> = Vec::new();
        let mut sounding: Vec<usize> = Vec::new();
        let mut following = self.groups.keys().skip(1).copied();
        for (onset, group) in &self.groups {
            let next = following.next().unwrap_or(self.end_of_score());
            sounding.retain(|index| chords[*index].end > *onset);
            // One line goes on at the most.
            sounding.sort_by_key(|index| chords[*index].end);
            let over = sounding.len().saturating_sub(1);
            for index in sounding.drain(..over) {
                chords[index].end = *onset;
            }
            for notes in lines(group, *onset..next, sounding.is_empty()) {
                sounding.push(chords.len());
                chords.push(Chord {
                    onset: *onset,
                    end: self.end(&notes, *onset..next),
                    notes,
                });
            }
        }
        voices::sort(&mut chords);
        chords
    }

    /// Where a chord is written to end, `gap` being from its onset to that of the next one.
    fn end(&self, notes: &[Note], gap: Range<Quarters>) -> Quarters {
        let onset = gap.start;
        // It may be over by where it is written to begin.
        let played = notes.iter().map(Note::end).max().unwrap_or(gap.end);
        let played = played.max(onset + EXACT);
        let held = notes.iter().filter(|note| is_held(note, &gap)).count();
        let is_held = held * 2 > notes.len();
        let (first, last) = if is_held {
            // Until one of its keys is struck again.
            let again = notes.iter().filter_map(|note| self.again(note, onset));
            (gap.end, again.min().unwrap_or(self.end_of_score()))
        } else if played >= gap.end {
            return gap.end;
        } else {
            // What is silent in the bars after that is no matter of this note.
            let bar = self.bars.partition_point(|bar| *bar < played);
            let bar = self.bars.get(bar).copied();
            (onset, bar.map_or(gap.end, |bar| bar.min(gap.end)))
        };
        let played = played.min(last);
        let near = played - Quarters::ONE..played + Quarters::ONE;
        let places = self.places_within(first.max(near.start)..last.min(near.end));
        let cost = |end: Quarters| {
            let next = if is_held { end } else { last };
            self.cost(onset..end, played, next)
        };
        cheapest(places, cost).unwrap_or(if is_held { gap.end } else { last })
    }

    /// Where the key of a note is struck again.
    fn again(&self, note: &Note, onset: Quarters) -> Option<Quarters> {
        let onsets = self.onsets_of_pitch.get(&note.pitch)?;
        let later = onsets.partition_point(|it| *it <= onset);
        onsets.get(later).copied()
    }

    /// The places after the beginning of a stretch of time, up to its end.
    fn places_within(&self, window: Range<Quarters>) -> &[Quarters] {
        let first = self.places.partition_point(|place| *place <= window.start);
        let last = self.places.partition_point(|place| *place <= window.end);
        &self.places[first..last.max(first)]
    }

    /// How much there is to read, and how far from what was played, where a note that was played up to `played` is written as
    /// `note`, with rests up to `next`; infinite where it cannot be written.
    fn cost(&self, note: Range<Quarters>, played: Quarters, next: Quarters) -> f64 {
        // What is written in the bars before is the same wherever it ends.
        let bar = self
            .bars
            .partition_point(|bar| *bar < played - Quarters::ONE);
        let bar = bar.checked_sub(1).map(|bar| self.bars[bar]);
        let counted = bar.map_or(note.start, |bar| bar.max(note.start));
        let signs = self.pieces(counted..note.end, Filling::Notes(0));
        let rests = self.pieces(note.end..next, Filling::Rest);
        let Some((signs, rests)) = signs.zip(rests) else {
            return f64::INFINITY;
        };
        let is_short = |rest: &&Piece| rest.value.is_some_and(|value| value.shape.beams() > 1);
        let short = rests.iter().filter(is_short).count();
        let further = rests.len().saturating_sub(1);
        let stretch = f64_from_quarters((note.end - note.start) / (played - note.start));
        let is_exact = note.end <= played + EXACT && played <= note.end + EXACT;
        signs.len() as f64
            + rests.len() as f64 * REST_COST
            + short as f64 * SHORT_REST_COST
            + further as f64 * FURTHER_REST_COST
            + libm::log2(stretch).abs() * DOUBLING_COST
            - if is_exact { EXACT_BONUS } else { 0.0 }
    }

    /// What a note or a rest is written as; nothing where it cannot be.
    fn pieces(&self, window: Range<Quarters>, filling: Filling) -> Option<Vec<Piece>> {
        let first = self.bars.partition_point(|bar| *bar <= window.start);
        let bars = self.grids.iter().zip(self.bars.windows(2));
        let mut found = Vec::new();
        for (grid, bar) in bars.skip(first.saturating_sub(1)) {
            let own = window.start.max(bar[0]) - bar[0]..window.end.min(bar[1]) - bar[0];
            if own.is_empty() {
                break;
            }
            let spans = [
                (Quarters::ZERO, own.start, Filling::Gap),
                (own.start, own.end, filling),
                (own.end, bar[1] - bar[0], Filling::Gap),
            ];
            let spans = spans.into_iter().filter(|(onset, end, _)| onset < end);
            let spans = spans.map(|(onset, end, filling)| Span {
                onset,
                end,
                filling,
            });
            let mut pieces = grid.pieces(&spans.collect::<Vec<_>>()).ok()?;
            pieces.retain(|piece| piece.filling == filling && own.contains(&piece.onset));
            found.extend(pieces);
        }
        Some(found)
    }
}

/// The first one of those that cost least, if any can be had.
fn cheapest(places: &[Quarters], cost: impl Fn(Quarters) -> f64) -> Option<Quarters> {
    let costs = places.iter().map(|place| (*place, cost(*place)));
    let possible = costs.filter(|(_, cost)| cost.is_finite());
    let least = possible.min_by(|a, b| a.1.total_cmp(&b.1));
    least.map(|(place, _)| place)
}

/// The notes that begin together, as one chord or, where only the lower or the upper ones are held over what comes next, as two;
/// those that strike a key again in chords of their own.
fn lines(group: &[Note], gap: Range<Quarters>, may_part: bool) -> Vec<Vec<Note>> {
    let mut lines: Vec<Vec<Note>> = Vec::new();
    for same in group.chunk_by(|a, b| a.pitch == b.pitch) {
        for (line, note) in same.iter().enumerate() {
            if line == lines.len() {
                lines.push(Vec::new());
            }
            lines[line].push(*note);
        }
    }
    let is_held = |note: &&Note| is_held(note, &gap);
    let low = lines[0].iter().take_while(is_held).count();
    let high = lines[0].iter().rev().take_while(is_held).count();
    let at = if low >= high {
        low
    } else {
        lines[0].len() - high
    };
    if may_part && at > 0 && at < lines[0].len() {
        let upper = lines[0].split_off(at);
        lines.push(upper);
    }
    lines
}

/// Whether a note goes on over the next one, by more than legato makes it: by a sixteenth and by half of the time between them.
fn is_held(note: &Note, gap: &Range<Quarters>) -> bool {
    let over = note.end() - gap.end;
    over > SIXTEENTH && over * 2 >= gap.end - gap.start
}

/// Where notes of a beat may begin, `onsets` being where they do; `is_free` says that they may be moved wherever they are,
/// `triplet_cost` what a triplet has to be worth.
fn places_of_beat(
    beat: &Range<Quarters>,
    onsets: &[Quarters],
    is_free: bool,
    triplet_cost: f64,
) -> Vec<Quarters> {
    let may_move = |onset: &Quarters| is_free || (onset * PARTS).is_integer();
    let mut cost = 0.0;
    let mut places = Vec::new();
    for start in evenly(beat, CELL) {
        let cell = start..(start + CELL).min(beat.end);
        let onsets = within(onsets, &cell);
        if !onsets.iter().all(may_move) {
            places.extend(evenly(&cell, SIXTEENTH));
            places.extend(onsets);
            continue;
        }
        let sixteenths = moved(onsets, &cell, SIXTEENTH);
        let triplets = moved(onsets, &cell, SIXTEENTH_TRIPLET) + SIXTEENTH_TRIPLET_COST;
        let step = if triplets < sixteenths {
            SIXTEENTH_TRIPLET
        } else {
            SIXTEENTH
        };
        places.extend(evenly(&cell, step));
        cost += triplets.min(sixteenths);
    }
    if beat.end - beat.start == EIGHTH_TRIPLET * 3
        && onsets.iter().all(may_move)
        && moved(onsets, beat, EIGHTH_TRIPLET) + triplet_cost < cost
    {
        return evenly(beat, EIGHTH_TRIPLET).collect();
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Times from the beginning of `window` on, `step` apart.
fn evenly(window: &Range<Quarters>, step: Quarters) -> impl Iterator<Item = Quarters> + use<> {
    let end = window.end;
    let times = std::iter::successors(Some(window.start), move |time| Some(time + step));
    times.take_while(move |time| *time < end)
}

/// How far onsets are moved in all where they have to lie `step` apart, in parts of a quarter note.
fn moved(onsets: &[Quarters], window: &Range<Quarters>, step: Quarters) -> f64 {
    let places: Vec<Quarters> = evenly(window, step).chain([window.end]).collect();
    let distance = |onset: &Quarters| {
        let moved = nearest(&places, *onset) - onset;
        (f64_from_quarters(moved) * PARTS as f64).abs()
    };
    onsets.iter().map(distance).sum()
}

/// The one of the sorted times that lies inside a stretch of time.
fn within<'t>(times: &'t [Quarters], window: &Range<Quarters>) -> &'t [Quarters] {
    let first = times.partition_point(|time| *time < window.start);
    let last = times.partition_point(|time| *time < window.end);
    &times[first..last.max(first)]
}

/// The nearest of the sorted places, the earlier of two; `time` itself where there are none.
fn nearest(places: &[Quarters], time: Quarters) -> Quarters {
    let after = places.partition_point(|place| *place <= time);
    let before = after.checked_sub(1).map(|index| places[index]);
    match (before, places.get(after).copied()) {
        (Some(before), Some(after)) if time - before > after - time => after,
        (before, after) => before.or(after).unwrap_or(time),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::{Bar, Key, Tempo, TempoChange};

    /// Two bars that a right hand plays, its notes as onset, pitch and duration in twelfths of a quarter note.
    fn score(metre: &str, notes: &[(i64, u8, i64)]) -> Score {
        let bars = vec![Bar::full(metre.parse().unwrap(), Key::C_MAJOR); 2];
        let mut notes: Vec<Note> = notes
            .iter()
            .map(|(onset, pitch, duration)| Note {
                onset: Quarters::new(*onset, PARTS),
                pitch: *pitch,
                duration: Quarters::new(*duration, PARTS),
                velocity: 80,
            })
            .collect();
        notes.sort_unstable();
        Score {
            title: String::new(),
            creator: String::new(),
            bars,
            tempos: vec![TempoChange {
                onset: Quarters::ZERO,
                tempo: Tempo::from_bpm(60.0),
            }],
            chords: Vec::new(),
            sections: Vec::new(),
            parts: vec![Part {
                name: String::new(),
                role: Role::RightHand,
                program: 0,
                channel: 0,
                notes,
            }],
        }
    }

    /// Chords as `onset-end`, in twelfths, with their pitches.
    fn written(metre: &str, notes: &[(i64, u8, i64)]) -> String {
        let score = score(metre, notes);
        let shown = |chord: Chord| {
            let [onset, end] = [chord.onset, chord.end].map(|time| time * PARTS);
            let pitches: Vec<String> = chord.notes.iter().map(|it| it.pitch.to_string()).collect();
            format!("{onset}-{end}:{}", pitches.join("+"))
        };
        let chords = chords(&score.parts[0], &score).into_iter().map(shown);
        chords.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_let_go_early_lasts_up_to_the_next_note() {
        let played = [(0, 60, 8), (12, 62, 10), (24, 64, 9), (36, 65, 56)];
        assert_eq!(
            written("4/4", &played),
            "0-12:60 12-24:62 24-36:64 36-96:65"
        );
        let eighths = [
            (0, 60, 4),
            (6, 62, 5),
            (12, 64, 2),
            (18, 65, 3),
            (24, 67, 72),
        ];
        assert_eq!(
            written("4/4", &eighths),
            "0-6:60 6-12:62 12-18:64 18-24:65 24-96:67"
        );
    }

    #[test]
    fn what_is_written_plainly_stays_as_it_is() {
        for notes in [
            vec![(0, 60, 6), (12, 62, 12), (24, 64, 12), (48, 65, 36)],
            vec![(0, 60, 18), (18, 62, 6), (24, 64, 24), (48, 65, 48)],
            vec![(0, 60, 12), (36, 62, 12), (48, 64, 6), (72, 65, 24)],
            vec![(0, 60, 4), (4, 62, 4), (8, 64, 4), (12, 65, 8), (20, 67, 4)],
            vec![(0, 60, 3), (3, 62, 3), (6, 64, 2), (8, 65, 2), (10, 67, 2)],
            vec![(0, 60, 48), (0, 64, 12), (12, 65, 12), (24, 67, 24)],
        ] {
            let score = score("4/4", &notes);
            for chord in chords(&score.parts[0], &score) {
                let [note] = chord.notes[..] else { panic!() };
                assert_eq!((note.onset, note.end()), (chord.onset, chord.end));
            }
        }
    }

    #[test]
    fn onsets_lie_on_the_grid_of_their_beat() {
        // A little early and late; then a triplet, which is none.
        let played = [
            (1, 60, 11),
            (11, 62, 12),
            (24, 64, 4),
            (28, 65, 4),
            (32, 67, 4),
        ];
        let triplet = "24-28:64 28-32:65 32-36:67";
        assert_eq!(
            written("4/4", &played),
            format!("0-12:60 12-24:62 {triplet}")
        );
        // Two notes make a triplet only with the third of another hand.
        let two = [(0, 60, 8), (8, 62, 4), (12, 64, 36)];
        assert_eq!(written("4/4", &two), "0-9:60 9-12:62 12-48:64");
        let mut both = score("4/4", &two);
        both.parts.extend(score("4/4", &[(4, 40, 8)]).parts);
        let onsets = chords(&both.parts[0], &both).into_iter();
        let onsets: Vec<Quarters> = onsets.map(|chord| chord.onset * PARTS).collect();
        assert_eq!(onsets, [0, 8, 12].map(Quarters::from_integer));
        // Times that no twelfth is are no slips.
        let mut score = score("4/4", &[(0, 60, 12)]);
        score.parts[0].notes[0].onset = Quarters::new(1, 5);
        assert_eq!(
            chords(&score.parts[0], &score)[0].onset,
            Quarters::new(1, 5)
        );
    }

    /// Of any part: what begins a little late is written as it would be without that, and what is on time as it is.
    #[test]
    fn who_is_early_and_late_is_written_on_time() {
        let mut score = score(
            "4/4",
            &[(0, 60, 12), (12, 62, 6), (24, 64, 24), (48, 65, 48)],
        );
        score.parts[0].role = Role::Melody;
        let written = |score: &Score| -> Vec<[Quarters; 2]> {
            let chords = chords(&score.parts[0], score).into_iter();
            chords.map(|chord| [chord.onset, chord.end]).collect()
        };
        let on_time = written(&score);
        assert!(!is_played(&score.parts[0]));
        for (late, note) in [3, 7, 0, 11].iter().zip(&mut score.parts[0].notes) {
            note.onset += Quarters::new(*late, 480);
            note.duration -= Quarters::new(*late, 480);
        }
        assert!(is_played(&score.parts[0]));
        assert_eq!(written(&score), on_time);
    }

    #[test]
    fn one_line_goes_on_under_another() {
        let bass = [(0, 40, 45), (0, 60, 10), (12, 62, 11), (24, 64, 22)];
        assert_eq!(written("4/4", &bass), "0-12:60 0-48:40 12-24:62 24-48:64");
        // Of three at once the one that is over first gives way.
        let three = [(0, 40, 48), (12, 52, 30), (24, 64, 24), (36, 67, 12)];
        assert_eq!(written("4/4", &three), "0-36:40 12-24:52 24-48:64 36-48:67");
    }

    #[test]
    fn notes_struck_together_are_a_chord_however_long_each_is() {
        let rolled = [(0, 60, 11), (0, 64, 9), (1, 67, 7), (12, 60, 84)];
        assert_eq!(written("4/4", &rolled), "0-12:60+64+67 12-96:60");
    }

    #[test]
    fn a_key_that_is_struck_again_is_not_held() {
        let again = [(0, 60, 40), (12, 64, 12), (24, 60, 12), (36, 64, 60)];
        assert_eq!(written("4/4", &again), "0-24:60 12-24:64 24-36:60 36-96:64");
    }

    proptest! {
        /// Every note once, near where it is played; of different keys two lines at the most, each within the score.
        #[test]
        fn hands_can_be_read(
            metre in prop::sample::select(vec!["4/4", "3/4", "6/8", "5/4", "7/8", "2/2", "3/8"]),
            notes in prop::collection::vec((0_i64..36, 40_u8..80, 1_i64..40), 1..30),
            late in prop::sample::select(vec![0_i64, 0, 7]),
        ) {
            let length = score(metre, &[]).length() * PARTS;
            let inside = |(onset, pitch, duration): &(i64, u8, i64)| {
                let onset = *onset % length.to_integer();
                (onset, *pitch, (*duration).min(length.to_integer() - onset))
            };
            let mut score = score(metre, &notes.iter().map(inside).collect::<Vec<_>>());
            for note in &mut score.parts[0].notes {
                let late = Quarters::new(late, 480);
                note.onset += late.min(note.duration / 2);
                note.duration -= late.min(note.duration / 2);
            }
            let part = &score.parts[0];
            let chords = chords(part, &score);
            let mut found: Vec<Note> = chords.iter().flat_map(|it| it.notes.clone()).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &part.notes);
            for (index, chord) in chords.iter().enumerate() {
                prop_assert!(chord.onset < chord.end && chord.end <= score.length());
                for note in &chord.notes {
                    let moved = f64_from_quarters(note.onset - chord.onset).abs();
                    prop_assert!(moved < 0.25, "{note:?} at {}", chord.onset);
                }
                let earlier = chords[..index].iter().filter(|it| it.end > chord.onset);
                let lower = earlier.filter(|it| it.onset < chord.onset);
                prop_assert!(lower.count() <= 1);
            }
        }
    }
}
