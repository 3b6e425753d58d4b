use super::{
    BarContext,
    vocabulary::{CHORDS, Slot, Token, VOCAB},
};

/// Columns that [`Heard::columns`] gives: the chord, the last two intervals; for each of [`LAGS`] what stood there and
/// how far the bar agrees; what followed the longest passage that was heard before, and its length.
pub(super) const ECHO_COLUMNS: usize = 3 + 2 * LAGS.len() + 2;
/// Bars back that a bar is compared with: songs repeat at powers of two.
const LAGS: [usize; 4] = [1, 2, 4, 8];
/// Wider intervals (in semitones) look the same.
const WIDEST: i32 = 13;
/// Longer passages heard before (in events) look the same.
const LONGEST: usize = 8;
/// Shorter passages heard before do not count.
const SHORTEST: usize = 2;

/// How many ids each of [`ECHO_COLUMNS`] has.
pub(super) fn echo_vocab() -> Vec<usize> {
    let mut sizes = vec![1 + CHORDS, INTERVALS, INTERVALS];
    sizes.extend(LAGS.iter().flat_map(|_| [VOCAB, AGREEMENTS]));
    sizes.extend([VOCAB, LONGEST - SHORTEST + 2]);
    sizes
}

const INTERVALS: usize = 2 + 2 * WIDEST as usize;
const AGREEMENTS: usize = 7;

/// A finished event.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Event {
    position: i64,
    ticks: i64,
    chord: Token,
    sound: Token,
    /// Semitones from the note before; nothing for rests, ties and the first note.
    interval: Option<i32>,
}

impl Event {
    /// Whether it sounds like `other`, at whatever pitch.
    fn is_like(&self, other: &Self) -> bool {
        let kind = |event: &Self| std::mem::discriminant(&event.sound);
        self.ticks == other.ticks && self.interval == other.interval && kind(self) == kind(other)
    }
}

/// What was heard so far: what the music may come back to.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    events: Vec<Event>,
    /// The index in `events` of the first event of each bar begun.
    bars: Vec<usize>,
    chord: Option<Token>,
    sound: Option<Token>,
    /// The last three notes, the latest last.
    pitches: [Option<u8>; 3],
    /// Where the longest passage that ends like the music so far goes on, and its length in events.
    passage: Option<(usize, usize)>,
}

impl Heard {
    /// Takes in `token`, which stands at `position` ticks of its bar.
    pub(super) fn take(&mut self, token: Token, position: i64) {
        match token {
            Token::Bar => self.bars.push(self.events.len()),
            Token::Chord(_) => self.chord = Some(token),
            Token::Pitch(pitch) => {
                self.sound = Some(token);
                self.pitches = [self.pitches[1], self.pitches[2], Some(pitch)];
            }
            Token::Rest | Token::Hold => self.sound = Some(token),
            Token::Duration(ticks) => self.finish(position, ticks),
            Token::Pad | Token::Bos | Token::Eos => {}
        }
    }

    fn finish(&mut self, position: i64, ticks: i64) {
        let (Some(chord), Some(sound)) = (self.chord, self.sound.take()) else {
            return;
        };
        let interval = matches!(sound, Token::Pitch(_))
            .then(|| self.interval(1))
            .flatten();
        self.events.push(Event {
            position,
            ticks,
            chord,
            sound,
            interval,
        });
        self.passage = self.longest_passage();
    }

    /// Semitones to the last note but `back - 1` from the one before it.
    fn interval(&self, back: usize) -> Option<i32> {
        let last = self.pitches.len() - back;
        Some(i32::from(self.pitches[last]?) - i32::from(self.pitches[last - 1]?))
    }

    fn longest_passage(&self) -> Option<(usize, usize)> {
        let end = self.events.len();
        let length = |next: usize| {
            let earlier = self.events[..next].iter().rev();
            let pairs = earlier.zip(self.events.iter().rev());
            pairs
                .take(LONGEST)
                .take_while(|(a, b)| a.is_like(b))
                .count()
        };
        (1..end)
            .map(|next| (length(next), next))
            .filter(|(length, _)| *length >= SHORTEST)
            .max()
            .map(|(length, next)| (next, length))
    }

    /// The ids, where `slot` comes next at `position` of the bar `bars[at]`.
    pub(super) fn columns(
        &self,
        slot: Slot,
        position: i64,
        at: usize,
        bars: &[BarContext],
    ) -> [u32; ECHO_COLUMNS] {
        let mut ids = [0; ECHO_COLUMNS];
        ids[0] = self.chord.and_then(Token::id).map_or(0, |id| id - 3);
        ids[1] = interval_id(self.interval(1));
        ids[2] = interval_id(self.interval(2));
        for (lag, ids) in LAGS.iter().zip(ids[3..].chunks_mut(2)) {
            let comparable = |at: usize, earlier: usize| bars[at].length == bars[earlier].length;
            let Some(earlier) = at
                .checked_sub(*lag)
                .filter(|earlier| comparable(at, *earlier))
            else {
                continue;
            };
            ids[0] = self.stood_there(slot, position, earlier);
            ids[1] = self.agreement(position, at, earlier);
        }
        if let Some((next, length)) = self.passage {
            ids[ECHO_COLUMNS - 2] = self.followed(slot, next);
            ids[ECHO_COLUMNS - 1] = (length - SHORTEST + 1) as u32;
        }
        ids
    }

    fn events_of(&self, bar: usize) -> &[Event] {
        let start = self.bars.get(bar).copied().unwrap_or(self.events.len());
        let end = self.bars.get(bar + 1).copied().unwrap_or(self.events.len());
        &self.events[start..end]
    }

    /// The id of the token for `slot` at `position` of an earlier bar; 0 where no event begins there.
    fn stood_there(&self, slot: Slot, position: i64, earlier: usize) -> u32 {
        let events = self.events_of(earlier);
        let begun = events.partition_point(|event| event.position <= position);
        let Some(event) = begun.checked_sub(1).map(|at| &events[at]) else {
            return 0;
        };
        let begins = event.position == position;
        match slot {
            Slot::Chord => event.chord.id().unwrap_or(0),
            Slot::Pitch if begins => event.sound.id().unwrap_or(0),
            Slot::Duration if begins => Token::Duration(event.ticks).id().unwrap_or(0),
            _ => 0,
        }
    }

    /// How the bar agrees with the earlier one: 1 to 3 for different, the same rhythm, the same melody; where it has
    /// just begun, 4 to 6 for the bars before the two; 0 where there are none.
    fn agreement(&self, position: i64, at: usize, earlier: usize) -> u32 {
        if position > 0 || self.sound.is_some() {
            let theirs = self.events_of(earlier);
            return 1 + agreement(self.events_of(at), theirs)
                .min(self.begun_like(position, theirs));
        }
        match (at.checked_sub(1), earlier.checked_sub(1)) {
            (Some(ours), Some(theirs)) => {
                4 + agreement(self.events_of(ours), self.events_of(theirs))
            }
            _ => 0,
        }
    }

    /// As [`agreement`], of the event that has a sound but no length yet.
    fn begun_like(&self, position: i64, theirs: &[Event]) -> u32 {
        let Some(sound) = self.sound else { return 2 };
        let there = theirs.iter().find(|event| event.position == position);
        there.map_or(0, |event| 1 + u32::from(event.sound == sound))
    }

    /// The id of what followed the passage that was heard before, moved to the pitch of now; 0 where it has already
    /// gone on otherwise.
    fn followed(&self, slot: Slot, next: usize) -> u32 {
        let event = &self.events[next];
        let token = match slot {
            Slot::Bar => None,
            Slot::Chord => Some(event.chord),
            Slot::Pitch => Some(self.moved(event)),
            Slot::Duration => self
                .went_on_like(event)
                .then_some(Token::Duration(event.ticks)),
        };
        token.and_then(Token::id).unwrap_or(0)
    }

    /// The sound of `event`, as far from the last note as it was from the one before it.
    fn moved(&self, event: &Event) -> Token {
        let (Some(interval), Some(last)) = (event.interval, self.pitches[2]) else {
            return event.sound;
        };
        u8::try_from(i32::from(last) + interval).map_or(event.sound, Token::Pitch)
    }

    fn went_on_like(&self, event: &Event) -> bool {
        match (self.sound, event.sound) {
            (Some(Token::Pitch(_)), Token::Pitch(_)) => self.interval(1) == event.interval,
            (sound, expected) => sound == Some(expected),
        }
    }
}

/// 0 for another rhythm, 1 for the same, 2 for the same melody, as far as `ours` goes.
fn agreement(ours: &[Event], theirs: &[Event]) -> u32 {
    let same = |matches: fn(&Event, &Event) -> bool| {
        ours.len() <= theirs.len() && ours.iter().zip(theirs).all(|(a, b)| matches(a, b))
    };
    let rhythm = same(|a, b| (a.position, a.ticks) == (b.position, b.ticks));
    let melody = rhythm && same(|a, b| a.sound == b.sound);
    u32::from(rhythm) + u32::from(melody)
}

fn interval_id(interval: Option<i32>) -> u32 {
    interval.map_or(0, |interval| {
        (1 + WIDEST + interval.clamp(-WIDEST, WIDEST)) as u32
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::{Metre, Mode, Quality};

    use super::{
        super::{Cursor, Degree, Group},
        *,
    };

    fn bars(count: usize) -> Vec<BarContext> {
        let bar = BarContext {
            metre: Metre::new(2, 4).unwrap(),
            length: 48,
            group: Group::Inside,
            valence: None,
            density: None,
            count: None,
            mode: Mode::Major,
            style: None,
        };
        vec![bar; count]
    }

    fn chord() -> Token {
        let quality = Quality::Major;
        Token::Chord(Some(Degree { root: 0, quality }))
    }

    /// The tokens of a bar of two quarters.
    fn bar(first: u8, second: u8) -> [Token; 7] {
        let (chord, quarter) = (chord(), Token::Duration(24));
        let (first, second) = (Token::Pitch(first), Token::Pitch(second));
        [Token::Bar, chord, first, quarter, chord, second, quarter]
    }

    /// The columns after `tokens`.
    fn after(tokens: &[Token]) -> [u32; ECHO_COLUMNS] {
        let (mut cursor, bars) = (Cursor::default(), bars(9));
        let rows: Vec<_> = tokens
            .iter()
            .map(|token| cursor.feed(*token, &bars).0)
            .collect();
        rows[rows.len() - 1][11..].try_into().unwrap()
    }

    fn id(token: Token) -> u32 {
        token.id().unwrap()
    }

    #[test]
    fn what_stood_at_this_place_one_and_two_bars_ago() {
        let mut tokens = [bar(60, 64), bar(62, 65), bar(60, 64)].concat();
        tokens.truncate(tokens.len() - 2); // the pitch of the second beat comes next
        let ids = after(&tokens);
        assert_eq!(ids[0], 2); // C
        assert_eq!(
            ids[1..3],
            [(1 + WIDEST - 5) as u32, (1 + WIDEST + 3) as u32]
        );
        assert_eq!(ids[3..5], [id(Token::Pitch(65)), 2]); // a bar back: the rhythm is the same
        assert_eq!(ids[5..7], [id(Token::Pitch(64)), 3]); // two bars back: all is the same
        assert_eq!(ids[7..11], [0; 4]);
    }

    #[test]
    fn a_bar_that_begins_is_compared_by_the_bars_before() {
        let mut tokens = [bar(60, 64), bar(62, 65), bar(60, 64)].concat();
        tokens.push(Token::Bar);
        let ids = after(&tokens);
        assert_eq!(ids[3..5], [id(chord()), 5]); // bars 2 and 3 share the rhythm
        assert_eq!(ids[5..7], [id(chord()), 6]); // bars 1 and 3 share all
    }

    #[test]
    fn a_passage_goes_on_as_it_did_at_another_pitch() {
        let first = [bar(60, 64), bar(62, 67), bar(70, 60)].concat();
        let moved = [bar(65, 69), bar(67, 72)].concat();
        let mut tokens = [first, moved].concat();
        tokens.extend([Token::Bar, chord()]);
        let ids = after(&tokens);
        assert_eq!(ids[ECHO_COLUMNS - 2], id(Token::Pitch(75)));
        assert_eq!(ids[ECHO_COLUMNS - 1], 2); // the three intervals after the first note
        tokens.push(Token::Pitch(75));
        assert_eq!(after(&tokens)[ECHO_COLUMNS - 2], id(Token::Duration(24)));
        tokens.pop();
        tokens.push(Token::Pitch(74));
        assert_eq!(after(&tokens)[ECHO_COLUMNS - 2], 0);
    }

    #[test]
    fn ids_are_within_their_vocabularies() {
        let tokens: Vec<Token> = (0..9)
            .flat_map(|at| bar(52 + at % 3, 86 - at % 2))
            .collect();
        let (mut cursor, bars, sizes) = (Cursor::default(), bars(9), echo_vocab());
        for token in tokens {
            let (row, _) = cursor.feed(token, &bars);
            assert!(
                row[11..]
                    .iter()
                    .zip(&sizes)
                    .all(|(id, size)| (*id as usize) < *size)
            );
        }
    }
}
