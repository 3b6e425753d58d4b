use std::collections::HashMap;

use super::{
    cursor::{Plan, Slot},
    vocabulary::{Length, Token, VOCAB, VelocityStep},
};

/// Columns that [`Heard::columns`] gives: for each of [`LAGS`] what stood there and how far the bar agrees; what
/// followed the longest passage that was heard before, and its length.
pub(super) const ECHO_COLUMNS: usize = 2 * LAGS.len() + 2;
/// Bars back that a bar is compared with: music repeats at powers of two.
const LAGS: [usize; 4] = [1, 2, 4, 8];
/// Longer passages heard before (in onsets) look the same.
const LONGEST: usize = 6;
/// Shorter passages heard before do not count.
const SHORTEST: usize = 2;

const AGREEMENTS: usize = 7;

/// How many ids each of [`ECHO_COLUMNS`] has.
pub(super) fn echo_vocab() -> Vec<usize> {
    let mut sizes: Vec<usize> = LAGS.iter().flat_map(|_| [VOCAB, AGREEMENTS]).collect();
    sizes.extend([VOCAB, LONGEST - SHORTEST + 2]);
    sizes
}

/// A finished note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub pitch: u8,
    pub length: Length,
    pub velocity: VelocityStep,
}

/// The notes that begin together, from high to low.
#[derive(Clone, Debug)]
pub(super) struct Onset {
    /// Positions from the beginning of the piece.
    pub at: i64,
    position: u8,
    notes: Vec<Note>,
}

impl Onset {
    pub fn highest(&self) -> Option<u8> {
        self.notes.first().map(|note| note.pitch)
    }

    pub fn lowest(&self) -> Option<u8> {
        self.notes.last().map(|note| note.pitch)
    }

    fn below(&self, pitch: i16) -> Option<&Note> {
        self.notes.iter().find(|note| i16::from(note.pitch) < pitch)
    }

    /// The note on `pitch`, or else the nearest one.
    fn nearest(&self, pitch: i16) -> Option<&Note> {
        let distance = |note: &&Note| (i16::from(note.pitch) - pitch).abs();
        self.notes.iter().min_by_key(distance)
    }
}

/// Where in the music a column is asked for.
pub(super) struct Place<'a> {
    /// What comes next.
    pub slot: Slot,
    /// The position that is being written; 0 before the first of a bar.
    pub position: i64,
    /// Positions from the beginning of the piece to the bar.
    pub bar_onset: i64,
    /// The number of the bar.
    pub bar: usize,
    /// The note that is being written, or was last.
    pub pitch: u8,
    /// The bars.
    pub plan: &'a Plan,
}

/// What was heard so far: what the music may come back to.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    onsets: Vec<Onset>,
    /// The index in `onsets` of the first onset of each finished bar, and of the one that is being written.
    bars: Vec<usize>,
    /// Whether the last onset may get more notes.
    open: bool,
    /// Where a passage of so many onsets, by its content, was last heard: the index of its last onset.
    passages: HashMap<(usize, u64), usize>,
    /// The last onset of the longest earlier passage that is like the last onsets, and its length.
    like: Option<(usize, usize)>,
}

impl Heard {
    pub fn begin_onset(&mut self, position: u8, at: i64) {
        self.finish();
        if self.bars.is_empty() {
            self.bars.push(0);
        }
        self.onsets.push(Onset {
            at,
            position,
            notes: Vec::new(),
        });
        self.open = true;
    }

    pub fn note(&mut self, note: Note) {
        if let Some(onset) = self.onsets.last_mut() {
            onset.notes.push(note);
        }
    }

    pub fn end_bar(&mut self) {
        self.finish();
        if self.bars.is_empty() {
            self.bars.push(0);
        }
        self.bars.push(self.onsets.len());
    }

    /// The notes of the onset that is being written.
    pub fn open_notes(&self) -> &[Note] {
        match self.onsets.last() {
            Some(onset) if self.open => &onset.notes,
            _ => &[],
        }
    }

    /// The two finished onsets before what is being written, the later first.
    pub fn last_onsets(&self) -> [Option<&Onset>; 2] {
        let finished = self.onsets.len() - usize::from(self.open);
        let back = |count: usize| Some(&self.onsets[finished.checked_sub(count)?]);
        [back(1), back(2)]
    }

    /// Looks for what was like the onsets that end here, and remembers them.
    fn finish(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        self.like = None;
        let last = self.onsets.len() - 1;
        let mut content = Content::default();
        for length in 1..=LONGEST.min(self.onsets.len()) {
            let first = last + 1 - length;
            content.begin_with(self.onsets.get(first + 1), &self.onsets[first]);
            if length < SHORTEST {
                continue;
            }
            let earlier = self.passages.insert((length, content.0), last);
            if let Some(earlier) = earlier {
                self.like = Some((earlier, length));
            }
        }
    }

    /// The ids at a place.
    pub fn columns(&self, place: &Place) -> [u32; ECHO_COLUMNS] {
        let mut ids = [0; ECHO_COLUMNS];
        for (lag, ids) in LAGS.iter().zip(ids.chunks_mut(2)) {
            let Some(earlier) = place.bar.checked_sub(*lag) else {
                continue;
            };
            if place.plan.bars[earlier].metre != place.plan.bars[place.bar].metre {
                continue;
            }
            let stood = stood_there(place, self.bar(earlier));
            ids[0] = stood.and_then(Token::id).unwrap_or(0);
            ids[1] = self.agreement(place, earlier);
        }
        if let Some((earlier, length)) = self.like {
            ids[ECHO_COLUMNS - 2] = self
                .followed(place, earlier)
                .and_then(Token::id)
                .unwrap_or(0);
            ids[ECHO_COLUMNS - 1] = (length - SHORTEST + 1) as u32;
        }
        ids
    }

    fn bar(&self, bar: usize) -> &[Onset] {
        let start = self.bars.get(bar).copied().unwrap_or(self.onsets.len());
        let end = self.bars.get(bar + 1).copied().unwrap_or(self.onsets.len());
        &self.onsets[start..end]
    }

    /// How the bar agrees with an earlier one as far as it goes: 1 to 3 for other onsets, the same onsets, the same
    /// pitches; before its first onset 4 to 6 for the bars before the two; 0 where there are none.
    fn agreement(&self, place: &Place, earlier: usize) -> u32 {
        if !matches!(place.slot, Slot::Position) {
            return 1 + so_far(self.bar(place.bar), self.bar(earlier));
        }
        let (Some(ours), Some(theirs)) = (place.bar.checked_sub(1), earlier.checked_sub(1)) else {
            return 0;
        };
        let (ours, theirs) = (self.bar(ours), self.bar(theirs));
        4 + so_far(ours, theirs).min(so_far(theirs, ours))
    }

    /// What followed the passage that was heard before, moved to the time and pitch of now; nothing where the music
    /// has already gone on otherwise.
    fn followed(&self, place: &Place, earlier: usize) -> Option<Token> {
        let finished = self.onsets.len() - usize::from(self.open);
        let last = self.onsets.get(finished.checked_sub(1)?)?;
        let then = self.onsets.get(earlier + 1)?;
        let before = &self.onsets[earlier];
        let expected = last.at + (then.at - before.at);
        let shift = i16::from(last.highest()?) - i16::from(before.highest()?);
        if !self.open || matches!(place.slot, Slot::Position) {
            return Some(position_token(place, expected));
        }
        let now = self.onsets.last()?;
        if now.at != expected {
            return None;
        }
        let moved = |note: &Note| u8::try_from(i16::from(note.pitch) + shift).ok();
        match place.slot {
            Slot::Pitch => moved(then.notes.first()?).map(Token::Pitch),
            Slot::Duration | Slot::Velocity => {
                let note = then.nearest(i16::from(place.pitch) - shift)?;
                Some(part_of(note, place.slot))
            }
            _ => match then.below(i16::from(place.pitch) - shift) {
                Some(note) => moved(note).map(Token::Pitch),
                None => {
                    let after = self.onsets.get(earlier + 2)?;
                    Some(position_token(place, now.at + (after.at - then.at)))
                }
            },
        }
    }
}

/// The position `at` of the piece as a token: the end of the bar where it lies after it.
fn position_token(place: &Place, at: i64) -> Token {
    let inside = at - place.bar_onset;
    let positions = place.plan.bars[place.bar].metre;
    let positions = super::bar_positions(positions).unwrap_or(super::LONGEST_BAR);
    match u8::try_from(inside) {
        Ok(position) if inside < positions => Token::Position(position),
        _ => Token::BarEnd,
    }
}

fn part_of(note: &Note, slot: Slot) -> Token {
    match slot {
        Slot::Duration => Token::Duration(note.length),
        _ => Token::Velocity(note.velocity),
    }
}

/// What an earlier bar has where a token is to be written.
fn stood_there(place: &Place, earlier: &[Onset]) -> Option<Token> {
    let pitch = i16::from(place.pitch);
    let at = |position: i64| {
        earlier
            .iter()
            .find(|onset| i64::from(onset.position) == position)
    };
    let from = |position: i64| {
        let next = earlier
            .iter()
            .find(|onset| i64::from(onset.position) >= position);
        Some(next.map_or(Token::BarEnd, |onset| Token::Position(onset.position)))
    };
    match place.slot {
        Slot::Position | Slot::Signature | Slot::Tempo => from(0),
        Slot::Pitch | Slot::Program => at(place.position)?.highest().map(Token::Pitch),
        Slot::Duration | Slot::Velocity => {
            let note = at(place.position)?.nearest(pitch)?;
            Some(part_of(note, place.slot))
        }
        Slot::Next => match at(place.position).and_then(|onset| onset.below(pitch)) {
            Some(note) => Some(Token::Pitch(note.pitch)),
            None => from(place.position + 1),
        },
    }
}

/// 0 for other onsets, 1 for the same, 2 for the same pitches too, as far as `ours` goes; its last onset may lack notes.
fn so_far(ours: &[Onset], theirs: &[Onset]) -> u32 {
    let begins_like = |a: &Onset, b: &Onset| {
        let pairs = || a.notes.iter().zip(&b.notes);
        a.notes.len() <= b.notes.len() && pairs().all(|(a, b)| a.pitch == b.pitch)
    };
    let pairs = || ours.iter().zip(theirs).enumerate();
    let rhythm = ours.len() <= theirs.len() && pairs().all(|(_, (a, b))| a.position == b.position);
    let pitches = pairs().all(|(at, (a, b))| {
        begins_like(a, b) && (at + 1 == ours.len() || a.notes.len() == b.notes.len())
    });
    u32::from(rhythm) + u32::from(rhythm && pitches)
}

/// What a passage is like, at whatever pitch and time: FNV-1a over intervals and distances, from its end to its
/// beginning.
#[derive(Clone, Copy)]
struct Content(u64);

impl Default for Content {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Content {
    /// Puts `first` before a passage that begins with `second`.
    fn begin_with(&mut self, second: Option<&Onset>, first: &Onset) {
        let highest = i64::from(first.highest().unwrap_or(0));
        if let Some(second) = second {
            self.take(second.at - first.at);
            self.take(i64::from(second.highest().unwrap_or(0)) - highest);
        }
        for note in first.notes.iter().skip(1) {
            self.take(highest - i64::from(note.pitch));
        }
        self.take(i64::MAX); // the end of an onset
    }

    fn take(&mut self, number: i64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Metre, Mode};

    use super::{
        super::{BarPlan, Cursor, FEATURE_COLUMNS, TempoStep},
        *,
    };

    fn plan() -> Plan {
        let bar = BarPlan {
            metre: Metre::new(2, 4).unwrap(),
            tempo: TempoStep::of_bpm(120.0),
        };
        Plan {
            bars: vec![bar; 12],
            before: 0,
            after: 0,
            mode: Mode::Major,
            style: None,
        }
    }

    /// The columns after tokens.
    fn after(words: &str) -> [u32; ECHO_COLUMNS] {
        let (mut cursor, plan) = (Cursor::default(), plan());
        for word in words.split_whitespace() {
            cursor.feed(word.parse().unwrap(), &plan);
        }
        cursor.features(&plan)[FEATURE_COLUMNS - ECHO_COLUMNS..]
            .try_into()
            .unwrap()
    }

    fn id(word: &str) -> u32 {
        word.parse::<Token>().unwrap().id().unwrap()
    }

    /// Two quarters; the first has a bass.
    fn bar(first: u8, second: u8) -> String {
        format!("o-0 p-{first} d-12 v-20 p-48 d-24 v-15 o-12 p-{second} d-12 v-18 b-1 ")
    }

    #[test]
    fn what_stood_at_this_place_one_and_two_bars_ago() {
        let heard = bar(60, 64) + &bar(62, 65);
        let columns = |rest: &str| after(&(heard.clone() + rest));
        assert_eq!(columns("")[..4], [id("o-0"), 5, id("o-0"), 0]);
        assert_eq!(columns("o-0")[..4], [id("p-62"), 3, id("p-60"), 3]);
        assert_eq!(columns("o-0 p-60")[..3], [id("d-12"), 3, id("d-12")]);
        assert_eq!(
            columns("o-0 p-60 d-12")[..4],
            [id("v-20"), 3, id("v-20"), 3]
        );
        let first = columns("o-0 p-60 d-12 v-20");
        assert_eq!(first[..4], [id("p-48"), 2, id("p-48"), 3]);
        let both = columns("o-0 p-60 d-12 v-20 p-48 d-24 v-15");
        assert_eq!(both[..4], [id("o-12"), 2, id("o-12"), 3]);
        let last = columns("o-0 p-60 d-12 v-20 p-48 d-24 v-15 o-12 p-64 d-12 v-18");
        assert_eq!(last[..4], [id("b-1"), 2, id("b-1"), 3]);
        let other = columns("o-6 p-50 d-3 v-3");
        assert_eq!(other[..2], [id("o-12"), 1]);
    }

    #[test]
    fn a_bar_that_begins_is_compared_by_the_bars_before() {
        let columns = after(&(bar(60, 64) + &bar(62, 65) + &bar(60, 64)));
        assert_eq!(columns[1], 5); // bars 2 and 3 share the onsets
        assert_eq!(columns[3], 6); // bars 1 and 3 share all
    }

    #[test]
    fn a_passage_goes_on_as_it_did_at_another_pitch() {
        let tune = |up: u8| {
            let note = |position: u8, pitch: u8, length: u8| {
                format!("o-{position} p-{} d-{length} v-20 ", pitch + up)
            };
            [note(0, 60, 6), note(6, 64, 6), note(12, 67, 12)].concat()
        };
        let heard = tune(0) + "o-18 p-72 d-3 v-9 p-67 d-2 v-8 b-1 " + &tune(5);
        let columns = |rest: &str| {
            let columns = after(&(heard.clone() + rest));
            [columns[ECHO_COLUMNS - 2], columns[ECHO_COLUMNS - 1]]
        };
        // The last onset is not finished: two onsets are like two before.
        assert_eq!(columns("")[1], 1);
        assert_eq!(columns("o-18"), [id("p-77"), 2]);
        assert_eq!(columns("o-18 p-77"), [id("d-3"), 2]);
        assert_eq!(columns("o-18 p-77 d-3"), [id("v-9"), 2]);
        assert_eq!(columns("o-18 p-77 d-3 v-9"), [id("p-72"), 2]);
        assert_eq!(columns("o-20"), [0, 2]);
    }

    /// After a passage that was heard before, the next onset is where it was then.
    #[test]
    fn a_passage_goes_on_in_time() {
        let heard = bar(60, 64) + &bar(60, 64);
        let columns = after(&(heard + "o-0 p-60 d-12 v-20 p-48 d-24 v-15"));
        assert_eq!(columns[ECHO_COLUMNS - 2], id("o-12"));
    }
}
