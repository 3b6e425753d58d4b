//! How the notes of a bar are written down: values that note heads have, ties between them, tuplets.

use std::collections::BTreeMap;

use crate::{Bar, Metre, Note, Quarters, Score};

/// A note head: a pitch, and whether a tie leads to the next symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub pitch: u8,
    pub tied: bool,
}

/// One symbol: a note, a chord of notes or, without heads, a rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub onset: Quarters,
    /// How long it sounds.
    pub duration: Quarters,
    pub heads: Vec<Head>,
}

/// Symbols that are written in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// One symbol with a value of its own, [`Value::of`] its duration.
    Plain(Symbol),
    /// `notes` in the time of `time`.
    Tuplet {
        notes: i64,
        time: i64,
        symbols: Vec<Symbol>,
    },
    /// One symbol with a duration that no usual notation has.
    Odd(Symbol),
}

/// A note value: 1 is a whole, 4 a quarter; with at most one dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub denominator: i64,
    pub dotted: bool,
}

impl Value {
    /// The value that is exactly this long, from a 64th to a dotted whole.
    pub fn of(length: Quarters) -> Option<Self> {
        let ticks = length * TICKS;
        let ticks = ticks.is_integer().then(|| ticks.to_integer())?;
        if !VALUES.contains(&ticks) {
            return None;
        }
        let dotted = ticks % 3 == 0;
        let plain = if dotted { ticks / 3 * 2 } else { ticks };
        Some(Self {
            denominator: 4 * TICKS / plain,
            dotted,
        })
    }
}

/// 64ths in a quarter note.
const TICKS: i64 = 16;

/// The lengths of all values in 64ths, longest first.
const VALUES: [i64; 13] = [96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];

/// The usual tuplets: so many notes in the time of so many.
const TUPLETS: [(i64, i64); 4] = [(3, 2), (5, 4), (7, 4), (9, 8)];

/// Every bar of `score` as `notes` fill it, written symbol by symbol; a symbol begins at each of
/// `breaks`, which are sorted. No two of the notes have the same pitch at the same time.
pub(crate) fn bars(score: &Score, notes: &[Note], breaks: &[Quarters]) -> Vec<Vec<Run>> {
    let onsets = score.bar_onsets();
    let notes = notes_by_bar(notes, &onsets);
    let mut written = Vec::new();
    for (index, bar) in score.bars.iter().enumerate() {
        let (start, end) = (onsets[index], onsets[index + 1]);
        let first = breaks.partition_point(|onset| *onset <= start);
        let last = breaks.partition_point(|onset| *onset < end);
        let breaks = breaks.get(first..last).unwrap_or_default();
        let slices = slices(&notes[index], start, end, breaks);
        // A pick-up takes the end of its measure.
        let missing = bar.metre.length() - bar.length;
        let is_pickup = index == 0 && missing > Quarters::from_integer(0);
        let phase = if is_pickup {
            missing
        } else {
            Quarters::from_integer(0)
        };
        written.push(runs(slices, bar, start, phase));
    }
    written
}

/// The notes that sound in each bar, in order.
fn notes_by_bar(notes: &[Note], onsets: &[Quarters]) -> Vec<Vec<Note>> {
    let count = onsets.len().saturating_sub(1);
    let mut bars = vec![Vec::new(); count];
    for note in notes {
        let after = onsets.partition_point(|onset| *onset <= note.onset);
        let touched = after.saturating_sub(1)..count;
        for bar in touched.take_while(|bar| onsets[*bar] < note.end()) {
            bars[bar].push(*note);
        }
    }
    bars
}

/// The bar cut wherever a note begins or ends, and at `breaks`.
fn slices(notes: &[Note], start: Quarters, end: Quarters, breaks: &[Quarters]) -> Vec<Symbol> {
    let edges = notes.iter().flat_map(|note| [note.onset, note.end()]);
    let mut points: Vec<Quarters> = edges
        .filter(|edge| *edge > start && *edge < end)
        .chain(breaks.iter().copied())
        .chain([start, end])
        .collect();
    points.sort_unstable();
    points.dedup();
    let mut coming = notes.iter().peekable();
    let mut sounding = BTreeMap::new();
    let mut slices = Vec::new();
    for pair in points.windows(2) {
        sounding.retain(|_, until| *until > pair[0]);
        while let Some(note) = coming.next_if(|note| note.onset <= pair[0]) {
            sounding.insert(note.pitch, note.end());
        }
        let heads = sounding.iter().map(|(pitch, until)| Head {
            pitch: *pitch,
            tied: *until > pair[1],
        });
        slices.push(Symbol {
            onset: pair[0],
            duration: pair[1] - pair[0],
            heads: heads.collect(),
        });
    }
    slices
}

fn runs(mut slices: Vec<Symbol>, bar: &Bar, start: Quarters, phase: Quarters) -> Vec<Run> {
    let ends_plain = |slice: &Symbol| is_plain(slice.onset + slice.duration - start);
    let mut runs = Vec::new();
    let mut at = 0;
    while at < slices.len() {
        if ends_plain(&slices[at]) {
            let offset = slices[at].onset - start + phase;
            let whole = slices[at].duration == bar.length;
            let pieces = pieces(&slices[at], offset, bar.metre, whole);
            runs.extend(pieces.into_iter().map(Run::Plain));
            at += 1;
            continue;
        }
        let end = slices[at..].iter().position(ends_plain);
        let end = end.map_or(slices.len(), |end| at + end + 1);
        let span: Quarters = slices[at..end].iter().map(|slice| slice.duration).sum();
        let is_even = span.numer().count_ones() == 1;
        match tuplet(&slices[at..end]).filter(|_| is_even) {
            Some(run) => runs.push(run),
            None => {
                let cut = cut_at_quarters(&slices[at..end], start);
                if cut.len() > end - at {
                    slices.splice(at..end, cut);
                    continue;
                }
                match tuplet(&slices[at..end]) {
                    Some(run) => runs.push(run),
                    None => runs.extend(slices[at..end].iter().cloned().map(Run::Odd)),
                }
            }
        }
        at = end;
    }
    runs
}

/// Whether a plain value can end at this place of the bar.
fn is_plain(offset: Quarters) -> bool {
    TICKS % offset.denom() == 0
}

/// `symbol` as several, with the given durations, tied together.
fn tied(symbol: &Symbol, durations: &[Quarters]) -> Vec<Symbol> {
    let mut onset = symbol.onset;
    let mut parts = Vec::new();
    for (index, duration) in durations.iter().enumerate() {
        let is_last = index + 1 == durations.len();
        let head = |head: &Head| Head {
            tied: head.tied || !is_last,
            ..*head
        };
        parts.push(Symbol {
            onset,
            duration: *duration,
            heads: symbol.heads.iter().map(head).collect(),
        });
        onset += duration;
    }
    parts
}

/// The slices, each also cut at the quarters of the bar.
fn cut_at_quarters(slices: &[Symbol], start: Quarters) -> Vec<Symbol> {
    let cut = |slice: &Symbol| {
        let end = slice.onset + slice.duration;
        let mut durations = Vec::new();
        let mut onset = slice.onset;
        loop {
            let next = start + (onset - start).floor() + 1;
            if next >= end {
                durations.push(end - onset);
                return tied(slice, &durations);
            }
            durations.push(next - onset);
            onset = next;
        }
    };
    slices.iter().flat_map(cut).collect()
}

/// The slices as one tuplet, where one of the usual kinds gives every slice a sum of values.
fn tuplet(slices: &[Symbol]) -> Option<Run> {
    let fits = |(notes, time): &(i64, i64)| {
        let written = |slice: &Symbol| slice.duration * *notes / *time;
        slices.iter().all(|slice| is_plain(written(slice)))
    };
    let (notes, time) = TUPLETS.into_iter().find(fits)?;
    let symbols = slices.iter().flat_map(|slice| {
        let mut left = slice.duration * notes / time;
        let mut durations = Vec::new();
        while left > Quarters::from_integer(0) {
            let value = longest(left, |_| true);
            durations.push(value * time / notes);
            left -= value;
        }
        tied(slice, &durations)
    });
    Some(Run::Tuplet {
        notes,
        time,
        symbols: symbols.collect(),
    })
}

/// The longest value of at most `length` that `suits`, or all of `length` where none does.
fn longest(length: Quarters, suits: impl Fn(Quarters) -> bool) -> Quarters {
    VALUES
        .into_iter()
        .map(|ticks| Quarters::new(ticks, TICKS))
        .find(|value| *value <= length && suits(*value))
        .unwrap_or(length)
}

/// `symbol`, which begins at `offset` of the measure, as values that show the beats.
fn pieces(symbol: &Symbol, offset: Quarters, metre: Metre, whole_bar: bool) -> Vec<Symbol> {
    let is_rest = symbol.heads.is_empty();
    if is_rest && whole_bar && Value::of(symbol.duration).is_some() {
        return vec![symbol.clone()];
    }
    let mut left = symbol.duration;
    let mut offset = offset;
    let mut durations = Vec::new();
    while left > Quarters::from_integer(0) {
        let piece = piece(offset, left, metre, is_rest);
        durations.push(piece);
        offset += piece;
        left -= piece;
    }
    tied(symbol, &durations)
}

/// The first value of what still lasts `left`. Inside a beat anything goes; from a beat on, notes of
/// simple metres may last as they like and all else whole beats; off the beat a note of one beat may
/// be syncopated.
fn piece(offset: Quarters, left: Quarters, metre: Metre, is_rest: bool) -> Quarters {
    let zero = Quarters::from_integer(0);
    let beat = metre.beat();
    let within = offset % beat;
    let to_beat = beat - within;
    let is_free = !metre.is_compound() && !is_rest;
    let is_whole_beats = |length: Quarters| length % beat == zero;
    let stays = left <= to_beat;
    let from_beat = within == zero && (is_free || is_whole_beats(left));
    let syncopated = is_free && left == beat && within * 2 == beat;
    if Value::of(left).is_some() && (stays || from_beat || syncopated) {
        return left;
    }
    if within != zero || left < beat {
        return longest(left.min(to_beat), |_| true);
    }
    longest(left, is_whole_beats)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Key, Tempo, TempoChange};

    fn score(metre: &str) -> Score {
        Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(metre.parse().unwrap(), Key::C_MAJOR); 2],
            tempos: vec![TempoChange {
                onset: Quarters::from_integer(0),
                tempo: Tempo::from_bpm(120.0),
            }],
            chords: Vec::new(),
            sections: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Notes of the given lengths in 12ths of a quarter; below zero a rest.
    fn written(metre: &str, twelfths: &[i64]) -> Vec<String> {
        let mut onset = Quarters::from_integer(0);
        let mut notes = Vec::new();
        for length in twelfths {
            let duration = Quarters::new(length.abs(), 12);
            if *length > 0 {
                notes.push(Note {
                    onset,
                    pitch: 60,
                    duration,
                    velocity: 80,
                });
            }
            onset += duration;
        }
        let text = |symbol: &Symbol| {
            let tie = symbol.heads.iter().any(|head| head.tied);
            let rest = symbol.heads.is_empty();
            format!(
                "{}{}{}",
                if rest { "r" } else { "" },
                symbol.duration,
                if tie { "-" } else { "" }
            )
        };
        let bars = bars(&score(metre), &notes, &[]);
        let runs = bars.into_iter().next().unwrap();
        runs.iter()
            .map(|run| match run {
                Run::Plain(symbol) => text(symbol),
                Run::Odd(symbol) => format!("?{}", text(symbol)),
                Run::Tuplet { notes, symbols, .. } => {
                    let symbols: Vec<String> = symbols.iter().map(text).collect();
                    format!("{notes}({})", symbols.join(" "))
                }
            })
            .collect()
    }

    #[test]
    fn values_show_the_beats() {
        assert_eq!(written("4/4", &[48]), ["4"]);
        assert_eq!(written("4/4", &[6, 12, 30]), ["1/2", "1", "1/2-", "2"]);
        assert_eq!(written("4/4", &[60]), ["4-"]); // On over the bar line.
        assert_eq!(written("6/8", &[24, 12]), ["3/2-", "1/2", "1"]);
        assert_eq!(written("9/8", &[-54]), ["r3", "r3/2"]);
        assert_eq!(written("3/4", &[-36]), ["r3"]);
        assert_eq!(written("4/4", &[-18, 30]), ["r1", "r1/2", "1/2-", "2"]);
    }

    #[test]
    fn tuplets_are_found() {
        assert_eq!(written("2/4", &[4, 4, 4, 12]), ["3(1/3 1/3 1/3)", "1"]);
        assert_eq!(written("2/4", &[8, 8, 8]), ["3(2/3 2/3 2/3)"]);
        assert_eq!(written("2/4", &[8, 12, 4]), ["3(2/3 1 1/3)"]);
        assert_eq!(
            written("3/4", &[4, 28, 4]),
            ["3(1/3 2/3-)", "1-", "3(2/3 1/3)"]
        );
    }

    /// Whatever ends at a twelfth of a quarter, the grid of piano music, has a notation.
    #[test]
    fn twelfths_are_never_odd() {
        for metre in ["4/4", "3/4", "6/8", "7/8", "5/4"] {
            for first in 0..12 {
                for second in 1..30 {
                    let lengths = [-first - 1, second, 1, 5, -7];
                    let written = written(metre, &lengths);
                    assert!(
                        written.iter().all(|symbol| !symbol.starts_with('?')),
                        "{metre} {lengths:?}: {written:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_note_is_in_every_bar_it_sounds_in_once() {
        let note = Note {
            onset: Quarters::from_integer(1),
            pitch: 60,
            duration: Quarters::from_integer(5),
            velocity: 80,
        };
        let onsets: Vec<Quarters> = [0, 2, 4, 6].map(Quarters::from_integer).into();
        let counts: Vec<usize> = notes_by_bar(&[note], &onsets)
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn values() {
        let value = |length| Value::of(length).map(|value| (value.denominator, value.dotted));
        assert_eq!(value(Quarters::new(3, 2)), Some((4, true)));
        assert_eq!(value(Quarters::new(1, 16)), Some((64, false)));
        assert_eq!(value(Quarters::new(6, 1)), Some((1, true)));
        assert_eq!(value(Quarters::new(5, 1)), None);
    }
}
