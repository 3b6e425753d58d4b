//! What the notes of a piece must keep to while they are written: the keyboard, two hands, a given melody with its chords.

use super::tokens::{BarPlan, Cursor, Plan, Slot, Token, VOCAB, has_pitch};

/// Fingers of a hand.
const FINGERS: usize = 5;
/// The accompaniment of a given melody stays so many semitones below the note that sounds, where it may choose.
const BELOW_MELODY: u8 = 1;

/// What must hold of every note, in C major or A minor as the network writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The lowest key that may be struck.
    pub lowest: u8,
    /// The highest.
    pub highest: u8,
    /// How far the outer notes of one hand may lie apart, in semitones.
    pub hand_span: u8,
    /// A melody to keep, if there is one.
    pub given: Option<Given>,
}

/// A melody that is kept, with chords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The melody, one note after the other, in positions from the beginning of the piece.
    pub melody: Vec<MelodyNote>,
    /// From which position on which pitch classes may be struck below it: a bit each, C first.
    pub chords: Vec<(i64, u16)>,
}

/// A note of a melody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MelodyNote {
    /// Where it begins.
    pub onset: i64,
    /// Where it ends.
    pub end: i64,
    /// MIDI number.
    pub pitch: u8,
    /// Its length and loudness as tokens.
    pub length: super::tokens::Length,
    /// See `length`.
    pub velocity: super::tokens::VelocityStep,
}

/// Any pitch class.
const ALL_CLASSES: u16 = 0xFFF;

impl Given {
    /// The note that begins at `position`, or else the one that sounds there.
    fn at(&self, position: i64) -> Option<&MelodyNote> {
        let after = self.melody.partition_point(|note| note.onset <= position);
        let note = self.melody.get(after.checked_sub(1)?)?;
        (note.end > position).then_some(note)
    }

    fn begins_at(&self, position: i64) -> Option<&MelodyNote> {
        self.at(position).filter(|note| note.onset == position)
    }

    /// The first onset from `position` on.
    fn next(&self, position: i64) -> Option<i64> {
        let before = self.melody.partition_point(|note| note.onset < position);
        self.melody.get(before).map(|note| note.onset)
    }

    /// The last note that began before `position`, or else the first.
    fn near(&self, position: i64) -> Option<&MelodyNote> {
        let after = self.melody.partition_point(|note| note.onset <= position);
        self.melody.get(after.saturating_sub(1))
    }

    fn classes(&self, position: i64) -> u16 {
        let after = self.chords.partition_point(|(onset, _)| *onset <= position);
        let chord = after.checked_sub(1).map(|at| self.chords[at].1);
        chord.unwrap_or(ALL_CLASSES)
    }
}

impl Rules {
    /// What must hold of the next token of the sequence that `cursor` has read. Something always may come.
    pub fn mask(&self, cursor: &Cursor, plan: &Plan) -> Vec<bool> {
        let Some(bar) = plan.bars.get(cursor.bar()) else {
            return cursor.mask(plan);
        };
        let here = Here::new(self, cursor, plan, bar);
        let may = |id: u32| {
            let token = Token::from_id(id);
            token.is_some_and(|token| cursor.permits(token, plan) && here.permits(token))
        };
        (0..VOCAB as u32).map(may).collect()
    }

    /// The pitches that may be struck below those of `struck`, from high to low, at a position.
    fn may_strike(&self, pitch: u8, struck: &[u8], position: i64) -> bool {
        let on_keyboard = has_pitch(pitch) && (self.lowest..=self.highest).contains(&pitch);
        on_keyboard
            && fits_hands(struck, pitch, self.hand_span)
            && self.given.as_ref().is_none_or(|given| {
                let begins = given.begins_at(position);
                match begins.filter(|_| struck.is_empty()) {
                    Some(note) => note.pitch == pitch,
                    None => {
                        let note = given.at(position).or_else(|| given.near(position));
                        let below = note.is_none_or(|note| pitch + BELOW_MELODY <= note.pitch);
                        below && given.classes(position) >> (pitch % 12) & 1 == 1
                    }
                }
            })
    }

    fn may_begin(&self, position: i64) -> bool {
        let melody = self.given.as_ref();
        let begins = melody.is_some_and(|given| given.begins_at(position).is_some());
        begins || (self.lowest..=self.highest).any(|pitch| self.may_strike(pitch, &[], position))
    }
}

/// Whether two hands of five fingers can strike `pitch` with the higher ones of `struck`, the right hand taking as many of
/// the highest as it reaches.
fn fits_hands(struck: &[u8], pitch: u8, span: u8) -> bool {
    let Some(highest) = struck.first() else {
        return true;
    };
    let in_right = |note: &&u8| highest - **note <= span;
    let right = struck.iter().take(FINGERS).take_while(in_right).count();
    if right == struck.len() && right < FINGERS && highest - pitch <= span {
        return true;
    }
    let left = &struck[right..];
    left.first()
        .is_none_or(|first| left.len() < FINGERS && first - pitch <= span)
}

/// A place in a piece, with what follows from it for the next token.
struct Here<'a> {
    rules: &'a Rules,
    slot: Slot,
    /// Positions from the beginning of the piece to the bar, and to its end.
    bar_onset: i64,
    bar_end: i64,
    /// The position that is being written.
    now: i64,
    struck: Vec<u8>,
    /// The onset of the given melody that must not be passed over.
    melody: Option<i64>,
    /// Whether the bar may stay without a note.
    may_be_empty: bool,
}

impl<'a> Here<'a> {
    fn new(rules: &'a Rules, cursor: &Cursor, plan: &Plan, bar: &BarPlan) -> Self {
        let bar_onset = cursor.bar_onset();
        let now = bar_onset + cursor.position();
        let slot = cursor.slot().open();
        let from = if slot == Slot::Position {
            bar_onset
        } else {
            now + 1
        };
        let is_outer = cursor.bar() == 0 || cursor.bar() + 1 == plan.bars.len();
        Self {
            rules,
            slot,
            bar_onset,
            bar_end: bar_onset + bar.positions(),
            now,
            struck: cursor.onset_pitches().collect(),
            melody: rules.given.as_ref().and_then(|given| given.next(from)),
            may_be_empty: rules.given.is_some() || !(is_outer || cursor.last_bar_was_empty()),
        }
    }

    fn permits(&self, token: Token) -> bool {
        match token {
            Token::Position(position) => {
                let at = self.bar_onset + i64::from(position);
                self.melody.is_none_or(|onset| at <= onset) && self.rules.may_begin(at)
            }
            Token::BarEnd => {
                let whole = self.melody.is_none_or(|onset| onset >= self.bar_end);
                whole && (self.slot != Slot::Position || self.may_be_empty)
            }
            Token::Pitch(pitch) => self.rules.may_strike(pitch, &self.struck, self.now),
            Token::Duration(length) => self.of_melody().is_none_or(|note| note.length == length),
            Token::Velocity(velocity) => self
                .of_melody()
                .is_none_or(|note| note.velocity == velocity),
            _ => true,
        }
    }

    /// The note of the melody that is being written.
    fn of_melody(&self) -> Option<&MelodyNote> {
        let given = self.rules.given.as_ref()?;
        given.begins_at(self.now).filter(|_| self.struck.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Seed;
    use affetto_media::{Metre, Mode};

    use super::*;
    use crate::piano::tokens::{Length, TempoStep, VelocityStep, decode};

    fn plan(bars: usize) -> Plan {
        let bar = BarPlan {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
        };
        Plan {
            bars: vec![bar; bars],
            before: 0,
            after: 0,
            mode: Mode::Major,
            style: None,
        }
    }

    /// Draws any permitted token until the end.
    fn drawn(rules: &Rules, plan: &Plan, seed: u64) -> Vec<Token> {
        let mut rng = Seed(seed).rng();
        let mut cursor = Cursor::default();
        let mut tokens = Vec::new();
        while cursor.bar() < plan.bars.len() {
            let mask = rules.mask(&cursor, plan);
            let may: Vec<usize> = (0..VOCAB).filter(|id| mask[*id]).collect();
            let token = Token::from_id(may[rng.below(may.len())] as u32).unwrap();
            cursor.feed(token, plan);
            tokens.push(token);
        }
        tokens
    }

    #[test]
    fn two_hands_by_hand() {
        assert!(fits_hands(&[72, 67], 60, 12));
        assert!(fits_hands(&[72, 67], 59, 12), "the left hand takes it");
        assert!(fits_hands(&[72, 59], 47, 12));
        assert!(!fits_hands(&[72, 59], 46, 12));
        assert!(
            fits_hands(&[72, 71, 70, 69, 68], 67, 12),
            "a sixth finger is the other hand's"
        );
        assert!(!fits_hands(
            &[72, 71, 70, 69, 68, 67, 66, 65, 64, 63],
            62,
            12
        ));
    }

    #[test]
    fn whatever_is_drawn_keeps_to_keyboard_and_hands() {
        let rules = Rules {
            lowest: 50,
            highest: 75,
            hand_span: 9,
            given: None,
        };
        for seed in 0..20 {
            let piece = decode(&drawn(&rules, &plan(4), seed)).unwrap();
            assert_eq!(piece.bars.len(), 4);
            assert!(!piece.bars[0].notes.is_empty() && !piece.bars[3].notes.is_empty());
            for bar in &piece.bars {
                for onset in bar.notes.chunk_by(|a, b| a.position == b.position) {
                    let pitches: Vec<u8> = onset.iter().map(|note| note.pitch).collect();
                    assert!(pitches.iter().all(|pitch| (50..=75).contains(pitch)));
                    for at in 1..pitches.len() {
                        assert!(fits_hands(&pitches[..at], pitches[at], 9));
                    }
                }
            }
        }
    }

    #[test]
    fn a_given_melody_is_kept_with_its_chords() {
        let note = |onset, pitch| MelodyNote {
            onset,
            end: onset + 24,
            pitch,
            length: Length::within(24),
            velocity: VelocityStep::of(80),
        };
        let given = Given {
            melody: vec![note(0, 72), note(36, 74), note(100, 52)],
            chords: vec![(0, 0b1001_0001), (48, 0b1000_1000_0100)], // C E G, then D G B
        };
        let rules = Rules {
            lowest: 40,
            highest: 80,
            hand_span: 12,
            given: Some(given.clone()),
        };
        for seed in 0..20 {
            let piece = decode(&drawn(&rules, &plan(3), seed)).unwrap();
            let notes = piece.timed_notes();
            for note in &given.melody {
                let top = notes
                    .iter()
                    .rfind(|found| found.onset == note.onset)
                    .unwrap();
                assert_eq!((top.pitch, top.velocity), (note.pitch, 82));
            }
            let others = notes.iter().filter(|note| {
                let begins = given.begins_at(note.onset);
                begins.is_none_or(|melody| melody.pitch != note.pitch)
            });
            for other in others {
                assert!(given.classes(other.onset) >> (other.pitch % 12) & 1 == 1);
                let melody = given.at(other.onset);
                assert!(melody.is_none_or(|melody| other.pitch < melody.pitch));
            }
        }
    }
}
