//! How a bar is written down: where times are split into note values so that the beats stay visible,
//! what becomes a tuplet, and what is beamed together.

use std::ops::Range;

use crate::{Error, Format, Metre, Quarters, Score};

const ZERO: Quarters = Quarters::ZERO;
/// The finest note value, in parts of a quarter note.
const FINEST: i64 = 256;
/// The most notes in a tuplet.
const MAX_TUPLET: i64 = 999;

/// A note value without dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Breve,
    Whole,
    Half,
    Quarter,
    Eighth,
    N16th,
    N32nd,
    N64th,
    N128th,
    N256th,
    N512th,
    N1024th,
}

impl Shape {
    /// Every value, longest first.
    pub const ALL: [Self; 12] = [
        Self::Breve,
        Self::Whole,
        Self::Half,
        Self::Quarter,
        Self::Eighth,
        Self::N16th,
        Self::N32nd,
        Self::N64th,
        Self::N128th,
        Self::N256th,
        Self::N512th,
        Self::N1024th,
    ];

    /// As MusicXML names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breve => "breve",
            Self::Whole => "whole",
            Self::Half => "half",
            Self::Quarter => "quarter",
            Self::Eighth => "eighth",
            Self::N16th => "16th",
            Self::N32nd => "32nd",
            Self::N64th => "64th",
            Self::N128th => "128th",
            Self::N256th => "256th",
            Self::N512th => "512th",
            Self::N1024th => "1024th",
        }
    }

    fn quarters(self) -> Quarters {
        Quarters::new(8, 1 << (self as u32))
    }

    /// How many beams or flags it has.
    pub const fn beams(self) -> usize {
        (self as usize).saturating_sub(Self::Quarter as usize)
    }
}

/// A note value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub shape: Shape,
    pub dotted: bool,
}

impl Value {
    pub fn quarters(self) -> Quarters {
        let plain = self.shape.quarters();
        if self.dotted { plain * 3 / 2 } else { plain }
    }

    /// Every value, longest first.
    fn all() -> impl Iterator<Item = Self> {
        let both = |shape| [true, false].map(|dotted| Self { shape, dotted });
        Shape::ALL.into_iter().flat_map(both)
    }

    pub fn of(quarters: Quarters) -> Option<Self> {
        Self::all().find(|value| value.quarters() == quarters)
    }
}

/// What sounds, or does not, for a while within a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// From the beginning of the bar.
    pub onset: Quarters,
    pub end: Quarters,
    pub filling: Filling,
}

/// What is in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    /// The chord of notes with this index.
    Notes(usize),
    /// A rest.
    Rest,
    /// Nothing that is shown.
    Gap,
}

/// A span, or a part of one, that a single sign stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub onset: Quarters,
    pub duration: Quarters,
    pub filling: Filling,
    /// None for a gap and for the rest of a whole bar.
    pub value: Option<Value>,
    pub tuplet: Option<Tuplet>,
    /// From the outermost beam inwards.
    pub beams: Vec<Beam>,
}

impl Piece {
    pub fn end(&self) -> Quarters {
        self.onset + self.duration
    }

    fn beam_count(&self) -> usize {
        self.value.map_or(0, |value| value.shape.beams())
    }
}

/// The tuplet that a piece stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuplet {
    /// So many notes ...
    pub actual: i64,
    /// ... in the time of so many.
    pub normal: i64,
    pub is_first: bool,
    pub is_last: bool,
    window: usize,
}

/// One beam at one note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beam {
    Begin,
    Continue,
    End,
    ForwardHook,
    BackwardHook,
}

impl Beam {
    /// As MusicXML names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Continue => "continue",
            Self::End => "end",
            Self::ForwardHook => "forward hook",
            Self::BackwardHook => "backward hook",
        }
    }
}

/// The beats of a bar. Inside, times count from where the full bar would begin, which for a pick-up
/// lies before its own beginning.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    metre: Metre,
    beat: Quarters,
    /// The lengths of the groups of beats.
    pattern: Vec<Quarters>,
    /// From the beginning of the full bar to that of the bar.
    shift: Quarters,
    length: Quarters,
}

/// A stretch of time, from and up to.
pub(super) type Window = Range<Quarters>;

struct TupletWindow {
    window: Window,
    actual: i64,
    normal: i64,
}

impl Grid {
    /// `is_pickup`: the bar is the end of a full one.
    pub fn new(metre: Metre, length: Quarters, is_pickup: bool) -> Self {
        let missing = metre.length() - length;
        Self {
            metre,
            beat: metre.beat(),
            pattern: group_lengths(metre),
            shift: if is_pickup { missing.max(ZERO) } else { ZERO },
            length,
        }
    }

    /// The grids of the bars of a score.
    pub fn of_bars(score: &Score) -> Vec<Self> {
        let bars = score.bars.iter().enumerate();
        bars.map(|(index, bar)| Self::new(bar.metre, bar.length, is_pickup(score, index)))
            .collect()
    }

    /// The beats, and the quarter notes of longer ones, from the beginning of the bar to its end.
    pub fn beats(&self) -> impl Iterator<Item = Window> {
        let step = if self.beat.is_integer() {
            Quarters::ONE
        } else {
            self.beat
        };
        let first = (self.shift / step).floor() * step - self.shift;
        let onsets = std::iter::successors(Some(first), move |onset| Some(onset + step));
        let onsets = onsets.take_while(|onset| *onset < self.length);
        onsets.map(move |onset| onset.max(ZERO)..(onset + step).min(self.length))
    }

    /// Splits spans that lie end to end into pieces that can be written.
    pub fn pieces(&self, spans: &[Span]) -> Result<Vec<Piece>, Error> {
        if let [span] = spans
            && span.filling == Filling::Rest
            && self.length == self.metre.length()
        {
            return Ok(vec![piece(span.onset..span.end, span.filling, None, None)]);
        }
        let windows = self.tuplets(spans)?;
        let mut pieces = Vec::new();
        for span in spans {
            self.split_span(span, &windows, &mut pieces)?;
        }
        mark_tuplet_edges(&mut pieces);
        for piece in &mut pieces {
            piece.onset -= self.shift;
        }
        self.beam(&windows, &mut pieces);
        Ok(pieces)
    }

    /// The full bar, and more of them where it is longer than its metre.
    fn bars(&self) -> impl Iterator<Item = Window> {
        let full = self.metre.length();
        let end = self.shift + self.length;
        let onsets = std::iter::successors(Some(ZERO), move |onset| Some(onset + full));
        onsets
            .take_while(move |onset| *onset < end)
            .map(move |onset| onset..onset + full)
    }

    /// How strong a place is: the beginning of the bar, of a group, of a beat, of a half of one, ...
    fn level(&self, place: Quarters) -> i32 {
        let full = self.metre.length();
        let place = place - full * (place / full).floor();
        let mut onset = ZERO;
        let has_groups = self.pattern.iter().any(|length| *length > self.beat);
        for length in &self.pattern {
            if place == onset {
                return match onset == ZERO {
                    true => 100,
                    false if has_groups => 90,
                    false => 80,
                };
            }
            if place < onset + length {
                break;
            }
            onset += length;
        }
        let (unit, unit_level) = self.unit_around(place - onset);
        match (unit.denom().trailing_zeros(), is_dyadic(unit)) {
            (_, false) => 0,
            (halvings, true) => unit_level - halvings as i32,
        }
    }

    /// The place within its group in beats, or, inside a compound beat, in thirds of one.
    fn unit_around(&self, place: Quarters) -> (Quarters, i32) {
        let beats = place / self.beat;
        if beats.is_integer() || !self.metre.is_compound() {
            (beats, 80)
        } else {
            (beats * 3, 79)
        }
    }

    /// The windows that are written as tuplets.
    fn tuplets(&self, spans: &[Span]) -> Result<Vec<TupletWindow>, Error> {
        let edges = spans.iter().flat_map(|span| [span.onset, span.end]);
        let mut edges: Vec<Quarters> = edges.map(|edge| edge + self.shift).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut windows = Vec::new();
        if !edges.iter().all(|edge| is_dyadic(*edge)) {
            for bar in self.bars() {
                self.tuplets_within(bar, &edges, &mut windows)?;
            }
        }
        Ok(windows)
    }

    fn tuplets_within(
        &self,
        window: Window,
        edges: &[Quarters],
        windows: &mut Vec<TupletWindow>,
    ) -> Result<(), Error> {
        let inner = inside(edges, &window);
        if inner.iter().all(|edge| is_dyadic(*edge)) {
            return Ok(());
        }
        let children = self.children(&window);
        let cut = |child: &Window| inner.contains(&child.start);
        let odd = |child: &Window| !inside(inner, child).iter().all(|edge| is_dyadic(*edge));
        let length = window.end - window.start;
        let is_short = length <= Quarters::ONE && children.len() == 2;
        // A longer one only if it is nothing but its own notes, without halves of them.
        let is_plain = |edge: &Quarters| ((edge - window.start) / length).denom() % 2 == 1;
        let is_whole = !children.iter().any(cut)
            && (is_short || (inner.iter().all(is_plain) && children.iter().all(odd)));
        if is_whole {
            windows.push(tuplet(window, inner)?);
            return Ok(());
        }
        for child in children {
            self.tuplets_within(child, inner, windows)?;
        }
        Ok(())
    }

    /// The parts of a window: the groups of a bar, the beats of a group, the thirds of a compound beat,
    /// halves.
    fn children(&self, window: &Window) -> Vec<Window> {
        let length = window.end - window.start;
        let beats = length / self.beat;
        let lengths = match beats.is_integer() {
            true if length == self.metre.length() && self.pattern.len() > 1 => self.pattern.clone(),
            true if beats == Quarters::ONE && self.metre.is_compound() => vec![length / 3; 3],
            true if beats > Quarters::ONE => vec![self.beat; beats.to_integer() as usize],
            _ => vec![length / 2; 2],
        };
        let mut end = window.start;
        lengths
            .into_iter()
            .map(|length| {
                end += length;
                end - length..end
            })
            .collect()
    }

    fn split_span(
        &self,
        span: &Span,
        windows: &[TupletWindow],
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Error> {
        let mut onset = span.onset + self.shift;
        let end = span.end + self.shift;
        while onset < end {
            let index = windows.partition_point(|tuplet| tuplet.window.end <= onset);
            match windows.get(index).map(|tuplet| (index, tuplet)) {
                Some((index, tuplet)) if tuplet.window.start <= onset => {
                    let stop = tuplet.window.end.min(end);
                    split_in_tuplet(onset..stop, span.filling, (index, tuplet), pieces)?;
                    onset = stop;
                }
                next => {
                    let stop = next.map_or(end, |(_, tuplet)| tuplet.window.start.min(end));
                    self.split_plain(onset..stop, span.filling, pieces)?;
                    onset = stop;
                }
            }
        }
        Ok(())
    }

    fn split_plain(
        &self,
        window: Window,
        filling: Filling,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Error> {
        if filling == Filling::Gap {
            pieces.push(piece(window, filling, None, None));
            return Ok(());
        }
        let value = Value::of(window.end - window.start);
        let strongest = self.strongest_inside(&window)?;
        let keeps_beats = strongest.is_none_or(|(place, level)| match filling {
            Filling::Rest => self.rest_may_cross(&window, level),
            _ => self.note_may_cross(&window, place, level),
        });
        match (value, strongest) {
            (Some(value), _) if keeps_beats => {
                pieces.push(piece(window, filling, Some(value), None));
                Ok(())
            }
            (_, Some((place, _))) => {
                self.split_plain(window.start..place, filling, pieces)?;
                self.split_plain(place..window.end, filling, pieces)
            }
            (_, None) => Err(too_fine(window.end - window.start)),
        }
    }

    /// The strongest place strictly inside, the last one of equals.
    fn strongest_inside(&self, window: &Window) -> Result<Option<(Quarters, i32)>, Error> {
        let finest = *window.start.denom().max(window.end.denom());
        if finest > FINEST {
            return Err(too_fine(Quarters::new(1, finest)));
        }
        let beats = [
            self.beat,
            Quarters::new(1, 2),
            Quarters::new(1, finest.max(16)),
        ];
        for step in beats {
            let first = (window.start / step).floor() + Quarters::ONE;
            let places = std::iter::successors(Some(first * step), |place| Some(place + step));
            let inside = places.take_while(|place| *place < window.end);
            let levels = inside.map(|place| (place, self.level(place)));
            // `max_by_key` keeps the last of equals.
            if let Some(found) = levels.max_by_key(|(_, level)| *level) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A note may hide a place that is not stronger than both its ends, and, in simple metres, the
    /// place in its middle as syncopation does (a quarter note over a beat, a half note over the middle).
    fn note_may_cross(&self, window: &Window, place: Quarters, level: i32) -> bool {
        let (start, end) = (self.level(window.start), self.level(window.end));
        let length = window.end - window.start;
        let middle = window.start + length / 2;
        let plain = Value::of(length).is_some_and(|value| !value.dotted);
        let syncopation = place == middle
            && plain
            && !self.metre.is_compound()
            && (level < 90 || (length == self.beat * 2 && self.metre.count() == 4));
        level <= start.max(end) || syncopation
    }

    /// A rest hides only places that are weaker than both its ends.
    fn rest_may_cross(&self, window: &Window, level: i32) -> bool {
        let (start, end) = (self.level(window.start), self.level(window.end));
        level < start.min(end)
    }

    fn beam(&self, windows: &[TupletWindow], pieces: &mut [Piece]) {
        let halves = self.halves_of_eighths(pieces);
        let groups: Vec<Option<Quarters>> = pieces
            .iter()
            .map(|piece| self.beam_group(piece, windows, &halves))
            .collect();
        let mut start = 0;
        for run in groups.chunk_by(|a, b| a == b) {
            let stop = start + run.len();
            if run[0].is_some() {
                beam_run(&mut pieces[start..stop]);
            }
            start = stop;
        }
    }

    /// The halves of a bar of 4/4 or 2/2 that are four eighth notes.
    fn halves_of_eighths(&self, pieces: &[Piece]) -> Vec<Quarters> {
        if self.metre.length() != Quarters::from_integer(4) || self.metre.unit() > 4 {
            return Vec::new();
        }
        let is_eighth = |piece: &Piece| {
            piece.duration == Quarters::new(1, 2) && matches!(piece.filling, Filling::Notes(_))
        };
        pieces
            .chunk_by(|a, b| self.half(a) == self.half(b))
            .filter(|half| half.len() == 4 && half.iter().all(is_eighth))
            .map(|half| self.half(&half[0]))
            .collect()
    }

    /// Where the half of the bar begins that a piece begins in.
    fn half(&self, piece: &Piece) -> Quarters {
        let half = Quarters::from_integer(2);
        ((piece.onset + self.shift) / half).floor() * half
    }

    /// Where the group begins that a piece is beamed with.
    fn beam_group(
        &self,
        piece: &Piece,
        windows: &[TupletWindow],
        halves: &[Quarters],
    ) -> Option<Quarters> {
        if !matches!(piece.filling, Filling::Notes(_)) || piece.beam_count() == 0 {
            return None;
        }
        if let Some(tuplet) = piece.tuplet {
            let window = &windows[tuplet.window].window;
            if window.end - window.start > self.beat {
                return Some(window.start);
            }
        }
        let half = self.half(piece);
        if halves.contains(&half) {
            return Some(half);
        }
        // In 3/8 the bar is beamed together.
        let onset = piece.onset + self.shift;
        let width = match (self.metre.count(), self.metre.unit()) {
            (3, 8..) => self.metre.length(),
            (_, 8..) => self.beat,
            _ => Quarters::ONE,
        };
        Some((onset / width).floor() * width)
    }
}

/// Whether a bar is the end of a full one, with which the score begins.
pub(super) fn is_pickup(score: &Score, bar: usize) -> bool {
    bar == 0 && score.bars[0].length < score.bars[0].metre.length()
}

/// The beats in groups: 4/4 in halves, 6/4 in threes, 5/4 in three and two, 7/8 in twos and a three.
fn group_lengths(metre: Metre) -> Vec<Quarters> {
    let beats = i64::from(metre.beats());
    let beat = metre.beat();
    let counts: Vec<i64> = match (beats, metre.unit()) {
        _ if metre.is_compound() && beats == 4 => vec![2, 2],
        _ if metre.is_compound() => vec![1; beats as usize],
        (4, _) => vec![2, 2],
        (6, _) => vec![3, 3],
        (5, _) => vec![3, 2],
        (3, 8..) => vec![3],
        (odd, 8..) if odd > 5 && odd % 2 == 1 => {
            let mut counts = vec![2; (odd as usize - 3) / 2];
            counts.push(3);
            counts
        }
        (even, 8..) if even > 4 => vec![2; even as usize / 2],
        (beats, _) => vec![1; beats as usize],
    };
    counts.into_iter().map(|count| beat * count).collect()
}

fn is_dyadic(quarters: Quarters) -> bool {
    quarters.denom().count_ones() == 1
}

/// The sorted edges that lie strictly inside.
fn inside<'e>(edges: &'e [Quarters], window: &Window) -> &'e [Quarters] {
    let first = edges.partition_point(|edge| *edge <= window.start);
    let last = edges.partition_point(|edge| *edge < window.end);
    &edges[first..last.max(first)]
}

fn too_fine(duration: Quarters) -> Error {
    Error::Unsupported {
        format: Format::MusicXml,
        what: format!("a duration of {duration} quarter notes: no note value is so short"),
    }
}

/// The tuplet that has a note at every one of the places `inner`.
fn tuplet(window: Window, inner: &[Quarters]) -> Result<TupletWindow, Error> {
    let length = window.end - window.start;
    let mut actual = 1_i64;
    for edge in inner {
        let odd = odd_part(*((edge - window.start) / length).denom());
        let common = Quarters::new(odd, actual);
        actual *= *common.numer(); // the least common multiple
        if actual > MAX_TUPLET {
            return Err(too_fine(length / actual));
        }
    }
    // In a window of three eighths notes stand in the time of 3, 6, 12, ...
    let mut normal = odd_part(*length.numer());
    while normal * 2 < actual {
        normal *= 2;
    }
    Ok(TupletWindow {
        window,
        actual,
        normal,
    })
}

fn odd_part(number: i64) -> i64 {
    number >> number.trailing_zeros()
}

fn piece(window: Window, filling: Filling, value: Option<Value>, tuplet: Option<Tuplet>) -> Piece {
    Piece {
        onset: window.start,
        duration: window.end - window.start,
        filling,
        value,
        tuplet,
        beams: Vec::new(),
    }
}

fn split_in_tuplet(
    window: Window,
    filling: Filling,
    (index, tuplet): (usize, &TupletWindow),
    pieces: &mut Vec<Piece>,
) -> Result<(), Error> {
    // From time to note values, which are longer than what they last.
    let stretch = Quarters::new(tuplet.actual, tuplet.normal);
    let filling = match filling {
        Filling::Gap => Filling::Rest,
        filling => filling,
    };
    let mut onset = window.start;
    while onset < window.end {
        let left = (window.end - onset) * stretch;
        let value = Value::all().find(|value| value.quarters() <= left);
        let value = value.ok_or_else(|| too_fine(window.end - onset))?;
        let end = onset + value.quarters() / stretch;
        let mark = Tuplet {
            actual: tuplet.actual,
            normal: tuplet.normal,
            is_first: false,
            is_last: false,
            window: index,
        };
        pieces.push(piece(onset..end, filling, Some(value), Some(mark)));
        onset = end;
    }
    Ok(())
}

fn mark_tuplet_edges(pieces: &mut [Piece]) {
    let window = |piece: Option<&Piece>| piece.and_then(|it| it.tuplet).map(|it| it.window);
    for index in 0..pieces.len() {
        let own = window(pieces.get(index));
        let before = index
            .checked_sub(1)
            .and_then(|index| window(pieces.get(index)));
        let after = window(pieces.get(index + 1));
        if let Some(tuplet) = &mut pieces[index].tuplet {
            tuplet.is_first = before != own;
            tuplet.is_last = after != own;
        }
    }
}

/// Beams for neighbours that belong together; a single one keeps its flag.
fn beam_run(run: &mut [Piece]) {
    if run.len() < 2 {
        return;
    }
    let counts: Vec<usize> = run.iter().map(Piece::beam_count).collect();
    for (index, piece) in run.iter_mut().enumerate() {
        let reaches = |neighbour: Option<usize>, level| {
            neighbour
                .and_then(|it| counts.get(it))
                .is_some_and(|count| *count > level)
        };
        piece.beams = (0..counts[index])
            .map(|level| {
                let before = reaches(index.checked_sub(1), level);
                let after = reaches(Some(index + 1), level);
                match (before, after) {
                    (false, true) => Beam::Begin,
                    (true, true) => Beam::Continue,
                    (true, false) => Beam::End,
                    (false, false) if index == 0 => Beam::ForwardHook,
                    (false, false) => Beam::BackwardHook,
                }
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn quarters(text: &str) -> Quarters {
        let (numer, denom) = text.split_once('/').unwrap_or((text, "1"));
        Quarters::new(numer.parse().unwrap(), denom.parse().unwrap())
    }

    /// A full bar of notes (`1/2`) and rests (`r1/2`).
    fn spans(text: &str) -> Vec<Span> {
        let mut onset = ZERO;
        let words = text.split_whitespace().enumerate();
        words
            .map(|(index, word)| {
                let (filling, duration) = match word.strip_prefix('r') {
                    Some(duration) => (Filling::Rest, duration),
                    None => (Filling::Notes(index), word),
                };
                let end = onset + quarters(duration);
                let span = Span {
                    onset,
                    end,
                    filling,
                };
                onset = end;
                span
            })
            .collect()
    }

    /// The bar as it is written: values by their inverse (`4.` is a dotted quarter), `~` before what is
    /// tied to, `3:2[ ]` around tuplets, `=` between what is beamed.
    fn written(metre: &str, text: &str) -> String {
        let spans = spans(text);
        let length = spans.last().unwrap().end;
        let grid = Grid::new(metre.parse().unwrap(), length, true);
        let mut written = String::new();
        let mut before = None;
        for piece in grid.pieces(&spans).unwrap() {
            let value = piece.value.unwrap();
            let is_note = matches!(piece.filling, Filling::Notes(_));
            let joined = matches!(
                piece.beams.first(),
                Some(Beam::Continue | Beam::End | Beam::BackwardHook)
            );
            written += match (written.is_empty(), joined) {
                (true, _) => "",
                (false, true) => "=",
                (false, false) => " ",
            };
            if let Some(tuplet) = piece.tuplet.filter(|it| it.is_first) {
                written += &format!("{}:{}[", tuplet.actual, tuplet.normal);
            }
            if is_note && before == Some(piece.filling) {
                written += "~";
            }
            written += if is_note { "" } else { "r" };
            written += &(Quarters::from_integer(4) / value.shape.quarters()).to_string();
            written += if value.dotted { "." } else { "" };
            written += if piece.tuplet.is_some_and(|it| it.is_last) {
                "]"
            } else {
                ""
            };
            before = Some(piece.filling);
        }
        written
    }

    #[test]
    fn beats_stay_visible() {
        for (metre, bar, expected) in [
            ("4/4", "4", "1"),
            ("4/4", "3 1", "2. 4"),
            ("4/4", "1 2 1", "4 2 4"),
            ("4/4", "1/2 1 5/2", "8 4 8 ~2"),
            ("4/4", "3/2 1 3/2", "4. 8 ~8 4."),
            ("4/4", "5/2 3/2", "2 ~8 4."),
            ("4/4", "1/2 1/2 1/2 1/2 3/4 1/4 1", "8=8=8=8 8.=16 4"),
            ("4/4", "1/2 1/4 1/4 1/2 1/2 r2", "8=16=16 8=8 r2"),
            ("3/4", "1 r2", "4 r4 r4"),
            ("3/4", "5/2 1/2", "2 ~8=8"),
            ("3/4", "1/2 1 1/2 1", "8 4 8 4"),
            ("2/2", "1 2 1", "4 2 4"),
            ("6/8", "5/2 1/2", "4. ~4 8"),
            ("6/8", "1/2 1/2 1/2 1 1/2", "8=8=8 4 8"),
            ("6/8", "1 1 1", "4 8 ~8 4"),
            ("9/8", "9/2", "2. ~4."),
            ("12/8", "6", "1."),
            ("12/8", "3/2 3 3/2", "4. 4. ~4. 4."),
            ("6/4", "2 2 2", "2 4 ~4 2"),
            ("5/4", "5", "2. ~2"),
            ("4/4", "1", "4"), // a pick-up
            ("3/8", "1/2 1/2 1/2", "8=8=8"),
        ] {
            assert_eq!(written(metre, bar), expected, "{metre}: {bar}");
        }
    }

    #[test]
    fn tuplets_are_as_large_as_they_need_be() {
        for (metre, bar, expected) in [
            ("2/4", "1/3 1/3 1/3 1", "3:2[8=8=8] 4"),
            ("2/4", "2/3 1/3 1", "3:2[4 8] 4"),
            ("2/4", "1/2 1/6 1/6 1/6 1", "8=3:2[16=16=16] 4"),
            ("4/4", "2/3 2/3 2/3 2", "3:2[4 4 4] 2"),
            ("4/4", "4/3 4/3 4/3", "3:2[2 2 2]"),
            ("2/4", "5/3 1/3", "4 3:2[~4 8]"),
            ("2/4", "1/3 r1/3 1/3 1", "3:2[8 r8 8] 4"),
            ("2/4", "1/5 1/5 1/5 1/5 1/5 1", "5:4[16=16=16=16=16] 4"),
            ("6/8", "3/8 3/8 3/8 3/8 3/2", "16.=32=~16=16=~32=16. 4."),
            ("4/4", "1/3 4/3 1/3 2", "3:2[8 4] 3:2[~4 8] 2"),
            ("6/8", "3/10 3/10 3/10 3/10 3/10 3/2", "5:3[8=8=8=8=8] 4."),
            ("4/4", "1/3", "3:2[8]"), // a pick-up
        ] {
            assert_eq!(written(metre, bar), expected, "{metre}: {bar}");
        }
    }

    proptest! {
        /// Pieces lie end to end, last as long as their values say, and keep the spans apart.
        #[test]
        fn pieces_are_exact(
            metre in prop::sample::select(vec!["4/4", "3/4", "6/8", "5/4", "7/8", "2/2", "3/8", "12/8"]),
            durations in prop::collection::vec((1_i64..60, prop::sample::select(vec![1_i64, 4, 16, 24, 24, 24, 20])), 1..20),
            is_pickup in any::<bool>(),
        ) {
            let mut onset = ZERO;
            let mut spans = Vec::new();
            for (index, (numer, denom)) in durations.into_iter().enumerate() {
                let end = onset + Quarters::new(numer, denom);
                let filling = if index % 5 == 3 { Filling::Rest } else { Filling::Notes(index) };
                spans.push(Span { onset, end, filling });
                onset = end;
            }
            let grid = Grid::new(metre.parse().unwrap(), onset, is_pickup);
            let pieces = grid.pieces(&spans).unwrap();
            let mut reached = ZERO;
            let mut span = 0;
            for piece in &pieces {
                prop_assert_eq!(piece.onset, reached);
                reached = piece.end();
                prop_assert_eq!(piece.filling, spans[span].filling);
                prop_assert!(reached <= spans[span].end);
                span += usize::from(reached == spans[span].end);
                if let Some(value) = piece.value {
                    let ratio = piece.tuplet.map_or(Quarters::ONE, |it| Quarters::new(it.normal, it.actual));
                    prop_assert_eq!(value.quarters() * ratio, piece.duration);
                }
            }
            prop_assert_eq!(reached, onset);
        }
    }
}
