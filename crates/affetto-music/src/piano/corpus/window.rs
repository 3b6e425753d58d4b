//! Songs cut into windows in C major or A minor.

use std::{collections::BTreeMap, ops::Range};

use affetto_media::{Key, Mode};

use super::{KeySign, Song, Span};
use crate::{
    corpus::key::{Heard, fitting_key},
    piano::{
        grid::{GridBar, GridPiece, TimedNote, place},
        tokens::{Plan, Style},
    },
};

/// Bars of a window at most.
pub const MOST_BARS: usize = 16;
/// Tokens of a window at most, with a beginning and an end.
pub const LONGEST: usize = 1280;
/// Bars of a window at the least.
pub const FEWEST_BARS: usize = 4;
/// Notes of a window at the least.
const FEWEST_NOTES: usize = 16;
/// By how much a key must fit better than those of the signature.
const LEAD: f64 = 0.15;
/// A note says no more of the key than one that lasts so many positions.
const LONG: i64 = 24;

/// Some bars of a piece in C major or A minor.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The music.
    pub piece: GridPiece,
    /// Bars of the piece before it.
    pub before: usize,
    /// Bars of the piece after it.
    pub after: usize,
    /// The mode of its key.
    pub mode: Mode,
    /// The kind of music.
    pub style: Option<Style>,
    /// How often it is drawn in an epoch.
    pub weight: f32,
}

impl Window {
    /// What is known of it before its notes are.
    pub fn plan(&self) -> Plan {
        Plan {
            bars: self.piece.bars.iter().map(GridBar::plan).collect(),
            before: self.before,
            after: self.after,
            mode: self.mode,
            style: self.style,
        }
    }

    /// How many tokens it has, with a beginning and an end.
    pub fn tokens(&self) -> usize {
        2 + self.piece.bars.iter().map(tokens_of).sum::<usize>()
    }
}

/// Time signature, tempo and end; two for each onset, three for each note.
fn tokens_of(bar: &GridBar) -> usize {
    let mut positions: Vec<u8> = bar.notes.iter().map(|note| note.position).collect();
    positions.dedup();
    3 + 2 * positions.len() + 3 * bar.notes.len()
}

/// The windows of a song: of up to [`MOST_BARS`] bars and [`LONGEST`] tokens, each beginning in the middle of the one
/// before; the last one ends with the song.
pub fn windows(song: &Song) -> Vec<Window> {
    let mut found = Vec::new();
    for run in runs(&song.spans) {
        let spans: Vec<Span> = song.spans[run.clone()].iter().flatten().copied().collect();
        let piece = place(&spans, &song.notes);
        let sounding = sounding_bars(&piece);
        let rest = song.spans.len() - run.end;
        for range in ranges(&piece, &sounding) {
            let keys = &song.keys[run.start..][range.clone()];
            let is_last = range.end == sounding.end && rest == 0;
            let Some(window) = in_c(&piece, &range, keys, is_last) else {
                continue;
            };
            found.push(Window {
                before: run.start + range.start - sounding.start,
                after: sounding.end - range.end + rest,
                style: song.style,
                weight: song.weight,
                ..window
            });
        }
    }
    found
}

/// The runs of bars that the vocabulary holds.
fn runs(spans: &[Option<Span>]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        match runs.last_mut() {
            _ if span.is_none() => {}
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The bars from the first to the last in which a note begins.
fn sounding_bars(piece: &GridPiece) -> Range<usize> {
    let sounds = |bar: &GridBar| !bar.notes.is_empty();
    let first = piece.bars.iter().position(sounds).unwrap_or(0);
    let last = piece
        .bars
        .iter()
        .rposition(sounds)
        .map_or(first, |last| last + 1);
    first..last
}

fn ranges(piece: &GridPiece, within: &Range<usize>) -> Vec<Range<usize>> {
    let (mut ranges, mut start) = (Vec::new(), within.start);
    while start < within.end {
        let range = start..end_of(piece, start, within.end);
        let notes: usize = piece.bars[range.clone()]
            .iter()
            .map(|bar| bar.notes.len())
            .sum();
        let empty = piece.bars[range.clone()]
            .iter()
            .filter(|bar| bar.notes.is_empty());
        let (bars, empty) = (range.len(), empty.count());
        if bars >= FEWEST_BARS && notes >= FEWEST_NOTES && 2 * empty <= bars {
            ranges.push(range.clone());
        }
        if range.end == within.end {
            break;
        }
        start += (bars / 2).max(1);
    }
    ranges
}

fn end_of(piece: &GridPiece, start: usize, most: usize) -> usize {
    let mut tokens = 2;
    let fits = |bar: &&GridBar| {
        tokens += tokens_of(bar);
        tokens <= LONGEST
    };
    let bars = piece.bars[start..most.min(start + MOST_BARS)].iter();
    start + bars.take_while(fits).count()
}

/// The bars in C major or A minor; nothing where that leaves the keyboard.
fn in_c(
    piece: &GridPiece,
    range: &Range<usize>,
    keys: &[KeySign],
    is_last: bool,
) -> Option<Window> {
    let bars = GridPiece {
        bars: piece.bars[range.clone()].to_vec(),
    };
    let key = key_of(&bars, keys, is_last)?;
    Some(Window {
        piece: bars.transposed(-key.semitones_from_c())?,
        before: 0,
        after: 0,
        mode: key.mode(),
        style: None,
        weight: 1.0,
    })
}

/// The key that is named most; else the one that fits best, those of the signature first.
fn key_of(piece: &GridPiece, keys: &[KeySign], is_last: bool) -> Option<Key> {
    let mut counts: BTreeMap<KeySign, usize> = BTreeMap::new();
    keys.iter()
        .for_each(|sign| *counts.entry(*sign).or_default() += 1);
    let sign = counts.into_iter().max_by_key(|(_, count)| *count)?.0;
    let fifths = match sign {
        KeySign::Named(key) => return Some(key),
        KeySign::Signature(fifths) => Some(fifths),
        KeySign::Unsaid => None,
    };
    fitting_key(fifths, LEAD, &heard(&piece.timed_notes(), is_last))
}

fn heard(notes: &[TimedNote], is_last: bool) -> Heard {
    let mut heard = Heard::default();
    for note in notes {
        let positions = (note.end - note.onset).min(LONG);
        heard.histogram[usize::from(note.pitch % 12)] += positions as f64;
    }
    let end = notes.iter().map(|note| note.onset).max();
    let last = notes.iter().filter(|note| Some(note.onset) == end);
    let bass = last.map(|note| note.pitch).min();
    heard.final_bass = bass.filter(|_| is_last).map(|pitch| pitch % 12);
    heard
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::Metre;

    use super::*;
    use crate::piano::{grid::Struck, tokens::TempoStep};

    /// So many bars of 4/4 with a G major triad on each quarter, the first at bar `from`.
    fn song(bars: usize, from: usize, key: KeySign) -> Song {
        let span = |bar: usize| Span {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
            onset: 4.0 * bar as f64,
        };
        let quarters = (4 * from..4 * bars).map(|quarter| quarter as f64);
        let notes = quarters.flat_map(|onset| {
            [55, 59, 62, 67].map(|pitch| Struck {
                onset,
                end: onset + 1.0,
                pitch,
                velocity: 70,
            })
        });
        Song {
            id: "a".into(),
            group: "a".into(),
            style: Some(Style::Pop),
            weight: 1.0,
            spans: (0..bars).map(|bar| Some(span(bar))).collect(),
            keys: vec![key; bars],
            notes: notes.collect(),
        }
    }

    #[test]
    fn windows_overlap_by_half_and_end_with_the_song() {
        let windows = windows(&song(37, 2, KeySign::Unsaid));
        let places: Vec<_> = windows
            .iter()
            .map(|window| (window.before, window.piece.bars.len(), window.after))
            .collect();
        assert_eq!(places, [(0, 16, 19), (8, 16, 11), (16, 16, 3), (24, 11, 0)]);
    }

    #[test]
    fn windows_are_in_c_or_a() {
        let lowest = |song: &Song| windows(song)[0].piece.bars[0].notes[3].pitch;
        assert_eq!(lowest(&song(8, 0, KeySign::Unsaid)), 60); // G to C, up a fourth
        let d_minor = KeySign::Named("D minor".parse().unwrap());
        let window = &windows(&song(8, 0, d_minor))[0];
        assert_eq!(window.mode, Mode::Minor);
        assert_eq!(window.piece.bars[0].notes[3].pitch, 50); // D to A
    }

    #[test]
    fn long_bars_make_short_windows() {
        let mut dense = song(32, 0, KeySign::Unsaid);
        let more: Vec<Struck> = dense
            .notes
            .iter()
            .flat_map(|note| {
                [0.25, 0.5, 0.75].map(|later| Struck {
                    onset: note.onset + later,
                    end: note.end + later,
                    ..*note
                })
            })
            .collect();
        dense.notes.extend(more);
        let windows = windows(&dense);
        assert!(windows.iter().all(|window| window.tokens() <= LONGEST));
        // 16 onsets of four notes are 227 tokens with the bar's own.
        assert_eq!(windows[0].piece.bars.len(), 5);
    }

    #[test]
    fn a_bar_without_a_place_ends_a_run() {
        let mut broken = song(20, 0, KeySign::Unsaid);
        broken.spans[9] = None;
        let windows = windows(&broken);
        let places: Vec<_> = windows
            .iter()
            .map(|window| (window.before, window.piece.bars.len(), window.after))
            .collect();
        assert_eq!(places, [(0, 9, 11), (10, 10, 0)]);
    }
}
