use affetto_media::{Metre, Mode, PitchClass};
use serde::{Deserialize, Serialize};

use super::{
    echo::{ECHO_COLUMNS, Heard, Note, echo_vocab},
    vocabulary::{
        LONGEST_BAR, Length, POSITIONS_PER_QUARTER, Signature, TempoStep, Token, VOCAB,
        VelocityStep, bar_positions,
    },
};

/// Columns beside each token: the place in the music (`PLACE_COLUMNS`), what sounds of each pitch class, and what the
/// music may come back to.
pub const FEATURE_COLUMNS: usize = PLACE_COLUMNS + PITCH_CLASSES + ECHO_COLUMNS;
/// What comes next, position, its phase in the quarter, bars to the end, bars since the beginning, time signature,
/// tempo, style, mode, notes of the onset so far, last pitch, length and velocity; highest and lowest pitch of the onset
/// before, highest of the one before that, positions since; lowest pitch of the bar, highest and lowest that sound on.
const PLACE_COLUMNS: usize = 20;
const PITCH_CLASSES: usize = 12;

/// More bars left than this look the same.
const FAR: usize = 32;
/// More bars behind than this look the same.
const BEHIND: usize = 16;
/// More notes at one onset than this look the same.
const MANY: usize = 10;
/// A longer time between onsets looks the same, in positions.
const LONG_AGO: i64 = 48;

const PITCH_IDS: usize = 129;

/// How many ids each feature column has.
pub fn feature_vocab() -> Vec<usize> {
    let mut sizes = vec![
        Slot::ALL.len() + 1,
        LONGEST_BAR as usize + 1,
        POSITIONS_PER_QUARTER as usize + 1,
        FAR + 2,
        BEHIND + 2,
        Signature::COUNT + 1,
        TempoStep::COUNT + 1,
        Style::ALL.len() + 1,
        3,
        MANY + 1,
        PITCH_IDS,
        Length::COUNT + 1,
        VelocityStep::COUNT + 1,
        PITCH_IDS,
        PITCH_IDS,
        PITCH_IDS,
        LONG_AGO as usize + 2,
        PITCH_IDS,
        PITCH_IDS,
        PITCH_IDS,
    ];
    sizes.extend([3; PITCH_CLASSES]);
    sizes.extend(echo_vocab());
    sizes
}

/// The kind of music. The training pieces are of these kinds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PianoStyle")]
pub enum Style {
    /// Arrangements of pop songs, played.
    Pop,
    /// Art songs of the nineteenth century, as written.
    Song,
    /// Classical piano music, as written.
    Classical,
    /// Classical piano music, as played and transcribed, without bar lines of its own.
    Transcription,
}

impl Style {
    /// Every style. Ids follow this order.
    pub const ALL: [Self; 4] = [Self::Pop, Self::Song, Self::Classical, Self::Transcription];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pop => "pop",
            Self::Song => "song",
            Self::Classical => "classical",
            Self::Transcription => "transcription",
        }
    }
}

/// What is known of a bar before its notes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarPlan {
    /// The time signature.
    pub metre: Metre,
    /// The tempo.
    pub tempo: TempoStep,
}

impl BarPlan {
    /// The length of the bar in positions.
    pub fn positions(&self) -> i64 {
        bar_positions(self.metre).unwrap_or(LONGEST_BAR)
    }
}

/// What is known of a piece, or of a window of one, before its notes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The bars.
    pub bars: Vec<BarPlan>,
    /// Bars of the piece before them.
    pub before: usize,
    /// Bars of the piece after them.
    pub after: usize,
    /// The mode of the key.
    pub mode: Mode,
    /// The style, where it is asked for.
    pub style: Option<Style>,
}

impl Plan {
    /// The tonic of the key that is written in.
    pub const fn tonic(&self) -> PitchClass {
        match self.mode {
            Mode::Major => 0,
            Mode::Minor => 9,
        }
    }
}

/// What kind of token comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The time signature of a bar, or the end.
    Signature,
    /// The tempo of the bar.
    Tempo,
    /// The first occupied position of the bar, or its end.
    Position,
    /// The program of the notes at this position.
    Program,
    /// The highest note of this position.
    Pitch,
    /// The length of the note.
    Duration,
    /// The velocity of the note.
    Velocity,
    /// A lower note, a later position, or the end of the bar.
    Next,
}

impl Slot {
    /// Every slot, in the order of a bar. Ids follow this order.
    pub const ALL: [Self; 8] = [
        Self::Signature,
        Self::Tempo,
        Self::Position,
        Self::Program,
        Self::Pitch,
        Self::Duration,
        Self::Velocity,
        Self::Next,
    ];

    /// The first slot from here on whose token does not follow from what is known.
    pub const fn open(self) -> Self {
        match self {
            Self::Signature | Self::Tempo => Self::Position,
            Self::Program => Self::Pitch,
            open => open,
        }
    }
}

/// Whether a token follows from the plan and the tokens before it.
pub const fn is_forced(token: Token) -> bool {
    matches!(
        token,
        Token::Signature(_) | Token::Tempo(_) | Token::Program(_)
    )
}

/// A note that sounds until `end`, in positions from the beginning.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    pitch: u8,
    end: i64,
}

/// Walks along the tokens of a sequence and knows where in the music it is.
#[derive(Clone, Debug)]
pub struct Cursor {
    slot: Slot,
    /// How many bars are finished.
    bar: usize,
    /// Positions from the beginning of the piece to the bar.
    bar_onset: i64,
    /// The position of the notes that are being written.
    position: i64,
    /// The note that is being written.
    pitch: u8,
    length: Option<Length>,
    velocity: Option<VelocityStep>,
    sounding: Vec<Sounding>,
    lowest_of_bar: Option<u8>,
    /// Whether the bar before had no note.
    last_bar_was_empty: bool,
    /// The pitch classes that were struck in this bar.
    classes: u16,
    heard: Heard,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            slot: Slot::Signature,
            bar: 0,
            bar_onset: 0,
            position: 0,
            pitch: 0,
            length: None,
            velocity: None,
            sounding: Vec::new(),
            lowest_of_bar: None,
            last_bar_was_empty: false,
            classes: 0,
            heard: Heard::default(),
        }
    }
}

impl Cursor {
    /// What kind of token comes next.
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// How many bars are finished; the number of the one that is being written.
    pub const fn bar(&self) -> usize {
        self.bar
    }

    /// Positions from the beginning of the piece to the bar that is being written.
    pub const fn bar_onset(&self) -> i64 {
        self.bar_onset
    }

    /// Whether there is a bar before in which no note begins.
    pub const fn last_bar_was_empty(&self) -> bool {
        self.last_bar_was_empty
    }

    /// The position that is being written.
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// The pitches of the position that is being written, from high to low.
    pub fn onset_pitches(&self) -> impl Iterator<Item = u8> + '_ {
        self.heard.open_notes().iter().map(|note| note.pitch)
    }

    /// Whether `token` may come next, by the grammar and the plan.
    pub fn permits(&self, token: Token, plan: &Plan) -> bool {
        let Some(bar) = plan.bars.get(self.bar) else {
            return token == Token::Eos && self.slot == Slot::Signature;
        };
        let inside = |position: u8| i64::from(position) < bar.positions();
        match (self.slot, token) {
            (Slot::Signature, Token::Signature(signature)) => {
                Signature::of(bar.metre) == Some(signature)
            }
            (Slot::Tempo, Token::Tempo(tempo)) => tempo == bar.tempo,
            (Slot::Position, Token::Position(position)) => inside(position),
            (Slot::Next, Token::Position(position)) => {
                inside(position) && i64::from(position) > self.position
            }
            (Slot::Position | Slot::Next, Token::BarEnd) => true,
            (Slot::Program, Token::Program(program)) => program == 0,
            (Slot::Pitch, Token::Pitch(_)) => true,
            (Slot::Next, Token::Pitch(pitch)) => pitch < self.pitch,
            (Slot::Duration, Token::Duration(length)) => length.number() > 0,
            (Slot::Velocity, Token::Velocity(_)) => true,
            _ => false,
        }
    }

    /// Whether each id may come next.
    pub fn mask(&self, plan: &Plan) -> Vec<bool> {
        let all = (0..VOCAB as u32).map(Token::from_id);
        all.map(|token| token.is_some_and(|token| self.permits(token, plan)))
            .collect()
    }

    /// The next token, where it follows from the plan and the tokens before it; the end after the last bar.
    pub fn forced(&self, plan: &Plan) -> Option<Token> {
        let Some(bar) = plan.bars.get(self.bar) else {
            return Some(Token::Eos);
        };
        match self.slot {
            Slot::Signature => Signature::of(bar.metre).map(Token::Signature),
            Slot::Tempo => Some(Token::Tempo(bar.tempo)),
            Slot::Program => Some(Token::Program(0)),
            _ => None,
        }
    }

    /// Takes `token` in. Tokens that follow from others may be left out; see [`is_forced`].
    pub fn feed(&mut self, token: Token, plan: &Plan) {
        self.slot = match token {
            Token::Pad | Token::Bos | Token::Eos | Token::Unknown => Slot::Signature,
            Token::Signature(_) => Slot::Tempo,
            Token::Tempo(_) => Slot::Position,
            Token::BarEnd => {
                self.end_bar(plan);
                Slot::Signature
            }
            Token::Position(position) => {
                self.begin_onset(i64::from(position));
                Slot::Program
            }
            Token::Program(_) => Slot::Pitch,
            Token::Pitch(pitch) => {
                self.pitch = pitch;
                Slot::Duration
            }
            Token::Duration(length) => {
                self.length = Some(length);
                Slot::Velocity
            }
            Token::Velocity(velocity) => {
                self.end_note(velocity);
                Slot::Next
            }
        };
    }

    fn end_bar(&mut self, plan: &Plan) {
        let positions = plan.bars.get(self.bar).map_or(0, BarPlan::positions);
        self.bar_onset += positions;
        self.bar += 1;
        self.position = 0;
        self.last_bar_was_empty = self.lowest_of_bar.is_none();
        self.lowest_of_bar = None;
        self.classes = 0;
        self.let_fade(self.bar_onset);
        self.heard.end_bar();
    }

    fn begin_onset(&mut self, position: i64) {
        self.position = position;
        let now = self.bar_onset + position;
        self.let_fade(now);
        self.heard.begin_onset(position as u8, now);
    }

    /// Forgets what has ended at `now`.
    fn let_fade(&mut self, now: i64) {
        self.sounding.retain(|note| note.end > now);
    }

    fn end_note(&mut self, velocity: VelocityStep) {
        self.velocity = Some(velocity);
        let (Some(length), pitch) = (self.length, self.pitch) else {
            return;
        };
        self.heard.note(Note {
            pitch,
            length,
            velocity,
        });
        self.sounding.retain(|note| note.pitch != pitch);
        let end = self.bar_onset + self.position + length.positions();
        self.sounding.push(Sounding { pitch, end });
        self.lowest_of_bar = Some(self.lowest_of_bar.map_or(pitch, |low| low.min(pitch)));
        self.classes |= 1 << (pitch % 12);
    }

    /// What is known beside the token fed last, in the order of [`FEATURE_COLUMNS`]; 0 all over past the last bar.
    pub fn features(&self, plan: &Plan) -> [u32; FEATURE_COLUMNS] {
        let mut ids = [0; FEATURE_COLUMNS];
        let Some(bar) = plan.bars.get(self.bar) else {
            return ids;
        };
        let slot = self.slot.open();
        ids[..PLACE_COLUMNS].copy_from_slice(&self.place(slot, bar, plan));
        for (class, id) in ids[PLACE_COLUMNS..][..PITCH_CLASSES].iter_mut().enumerate() {
            let sounds = self
                .sounding
                .iter()
                .any(|note| usize::from(note.pitch % 12) == class);
            *id = if sounds {
                2
            } else {
                u32::from(self.classes >> class & 1)
            };
        }
        let echo = self.heard.columns(&super::echo::Place {
            slot,
            position: self.position,
            bar_onset: self.bar_onset,
            bar: self.bar,
            pitch: self.pitch,
            plan,
        });
        ids[PLACE_COLUMNS + PITCH_CLASSES..].copy_from_slice(&echo);
        ids
    }

    fn place(&self, slot: Slot, bar: &BarPlan, plan: &Plan) -> [u32; PLACE_COLUMNS] {
        let begun = !matches!(slot, Slot::Position);
        let position = if begun { 1 + self.position as u32 } else { 0 };
        let phase = if begun {
            1 + (self.position % POSITIONS_PER_QUARTER) as u32
        } else {
            0
        };
        let in_note = matches!(slot, Slot::Duration | Slot::Velocity | Slot::Next);
        let [before, earlier] = self.heard.last_onsets();
        let now = self.bar_onset + self.position;
        let since = before.map_or(0, |onset| 1 + (now - onset.at).clamp(0, LONG_AGO) as u32);
        let held = || self.sounding.iter().map(|note| note.pitch);
        [
            1 + slot as u32,
            position,
            phase,
            1 + (plan.bars.len() - self.bar + plan.after).min(FAR) as u32,
            1 + (self.bar + plan.before).min(BEHIND) as u32,
            1 + Signature::of(bar.metre).map_or(0, |signature| signature.place() as u32),
            1 + u32::from(bar.tempo.number()),
            plan.style.map_or(0, |style| 1 + style as u32),
            match plan.mode {
                Mode::Major => 1,
                Mode::Minor => 2,
            },
            if begun {
                self.heard.open_notes().len().min(MANY) as u32
            } else {
                0
            },
            pitch_id(in_note.then_some(self.pitch)),
            self.length
                .map_or(0, |length| 1 + u32::from(length.number())),
            self.velocity
                .map_or(0, |velocity| 1 + u32::from(velocity.number())),
            pitch_id(before.and_then(|onset| onset.highest())),
            pitch_id(before.and_then(|onset| onset.lowest())),
            pitch_id(earlier.and_then(|onset| onset.highest())),
            since,
            pitch_id(self.lowest_of_bar),
            pitch_id(held().max()),
            pitch_id(held().min()),
        ]
    }
}

fn pitch_id(pitch: Option<u8>) -> u32 {
    pitch.map_or(0, |pitch| 1 + u32::from(pitch))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::piano::{
        grid::{GridPiece, testing::any_piece},
        tokens::encode,
    };

    fn plan_of(piece: &GridPiece) -> Plan {
        let bars = piece.bars.iter().map(|bar| BarPlan {
            metre: bar.metre,
            tempo: bar.tempo,
        });
        Plan {
            bars: bars.collect(),
            before: 3,
            after: 1,
            mode: Mode::Minor,
            style: Some(Style::Song),
        }
    }

    proptest! {
        /// What is encoded is permitted, token by token; ids are within their vocabularies; and it makes no difference
        /// to the features whether forced tokens are fed.
        #[test]
        fn encoded_pieces_keep_the_grammar(piece in any_piece()) {
            let (plan, sizes) = (plan_of(&piece), feature_vocab());
            let (mut whole, mut open) = (Cursor::default(), Cursor::default());
            for token in encode(&piece).unwrap() {
                prop_assert!(whole.permits(token, &plan), "{} in {:?}", token, whole.slot());
                prop_assert!(whole.mask(&plan)[token.id().unwrap() as usize]);
                whole.feed(token, &plan);
                if !is_forced(token) {
                    open.feed(token, &plan);
                }
                let features = whole.features(&plan);
                prop_assert_eq!(features, open.features(&plan));
                prop_assert!(features.iter().zip(&sizes).all(|(id, size)| (*id as usize) < *size));
            }
            prop_assert!(whole.permits(Token::Eos, &plan));
            prop_assert_eq!(whole.mask(&plan).iter().filter(|may| **may).count(), 1);
        }
    }

    /// The columns after C4 for a quarter and G3 for a half, half a quarter into the second of three bars of 2/4, of a piece
    /// that has three bars before and one after them.
    #[test]
    fn the_place_by_hand() {
        let words = "s-7 t-35 b-1 s-7 t-35 o-6 i-0 p-60 d-12 v-20 p-55 d-18 v-15 o-18 i-0";
        let bar = BarPlan {
            metre: Metre::new(2, 4).unwrap(),
            tempo: TempoStep::of_bpm(120.0),
        };
        let plan = Plan {
            bars: vec![bar; 3],
            before: 3,
            after: 1,
            mode: Mode::Minor,
            style: None,
        };
        let mut cursor = Cursor::default();
        words
            .split(' ')
            .for_each(|word| cursor.feed(word.parse().unwrap(), &plan));
        let features = cursor.features(&plan);
        let slot = 1 + Slot::Pitch as u32;
        let signature = 1 + Signature::of(bar.metre).unwrap().place() as u32;
        let expected = [
            slot, 19, 7, 4, 5, signature, 36, 0, 2, 0, 0, 19, 16, 61, 56, 0, 13, 56, 56, 56,
        ];
        assert_eq!(features[..PLACE_COLUMNS], expected);
        // G3 sounds until position 24; C4 has ended at 18.
        let classes = [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0];
        assert_eq!(features[PLACE_COLUMNS..][..PITCH_CLASSES], classes);
    }
}
