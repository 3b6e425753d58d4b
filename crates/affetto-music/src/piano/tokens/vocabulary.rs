use std::{fmt, str::FromStr};

use affetto_media::{Metre, Quarters};
use serde::{Deserialize, Serialize};

/// Grid positions in a quarter note: sixteenths and triplet eighths are whole, triplet sixteenths too.
pub const POSITIONS_PER_QUARTER: i64 = 12;
/// The longest bar, in positions: eight quarters.
pub const LONGEST_BAR: i64 = 96;

const DURATIONS: u32 = 96;
const PROGRAMS: u32 = 2;
const POSITIONS: u32 = LONGEST_BAR as u32;
const PITCHES: u32 = 127;
const TEMPI: u32 = 49;
const VELOCITIES: u32 = 32;

/// The one pitch that the vocabulary lacks.
const NO_PITCH: u8 = 121;
/// The numbers of the time signatures that the vocabulary has; see [`Signature`].
const SIGNATURES: [u8; 55] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27,
    28, 29, 30, 31, 32, 33, 34, 35, 36, 38, 39, 40, 41, 42, 44, 45, 46, 48, 49, 50, 52, 57, 62, 70,
    74, 76, 78, 82, 127,
];

const BAR_END: u32 = 4;
const FIRST_DURATION: u32 = BAR_END + 1;
const FIRST_PROGRAM: u32 = FIRST_DURATION + DURATIONS;
const FIRST_POSITION: u32 = FIRST_PROGRAM + PROGRAMS;
const FIRST_PITCH: u32 = FIRST_POSITION + POSITIONS;
const FIRST_SIGNATURE: u32 = FIRST_PITCH + PITCHES;
const FIRST_TEMPO: u32 = FIRST_SIGNATURE + SIGNATURES.len() as u32;
const FIRST_VELOCITY: u32 = FIRST_TEMPO + TEMPI;
/// How many tokens there are: the 458 of EmoGen and four that stand for no music.
pub const VOCAB: usize = (FIRST_VELOCITY + VELOCITIES) as usize;

/// A time signature as EmoGen numbers them: all `n/d` for `d` = 1, 2, 4 ... 64 and `n` = 1 ... `2d`, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(u8);

impl Signature {
    /// How many the vocabulary has.
    pub const COUNT: usize = SIGNATURES.len();

    /// The number of `metre`, where the vocabulary has it and its bar is a whole number of positions.
    pub fn of(metre: Metre) -> Option<Self> {
        let (count, unit) = (u32::from(metre.count()), u32::from(metre.unit()));
        if count > 2 * unit || bar_positions(metre).is_none() {
            return None;
        }
        let before = 2 * (unit - 1); // 2 + 4 + ... + unit
        let number = u8::try_from(before + count - 1).ok()?;
        SIGNATURES
            .binary_search(&number)
            .is_ok()
            .then_some(Self(number))
    }

    /// The metre.
    pub fn metre(self) -> Metre {
        let unit = (u32::from(self.0) / 2 + 1).ilog2();
        let before = 2 * ((1 << unit) - 1);
        let count = u32::from(self.0) - before + 1;
        Metre::new(count as u8, 1 << unit).unwrap_or(Metre::COMMON)
    }

    /// Its place among those of the vocabulary.
    pub fn place(self) -> usize {
        SIGNATURES.binary_search(&self.0).unwrap_or(0)
    }
}

/// The length of a bar in positions, where it is a whole number up to [`LONGEST_BAR`].
pub fn bar_positions(metre: Metre) -> Option<i64> {
    let positions = metre.length() * POSITIONS_PER_QUARTER;
    (positions.is_integer() && positions.to_integer() <= LONGEST_BAR)
        .then(|| positions.to_integer())
}

/// `positions` in quarter notes.
pub fn quarters_from_positions(positions: i64) -> Quarters {
    Quarters::new(positions, POSITIONS_PER_QUARTER)
}

/// A tempo in twelfths of an octave above 16 quarters a minute, up to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TempoStep(u8);

impl TryFrom<u8> for TempoStep {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Self::new(number)
            .ok_or_else(|| format!("{number} is no tempo: they are 0 to {}", TEMPI - 1))
    }
}

impl From<TempoStep> for u8 {
    fn from(tempo: TempoStep) -> Self {
        tempo.number()
    }
}

impl TempoStep {
    /// How many there are.
    pub const COUNT: usize = TEMPI as usize;
    /// The slowest and the fastest.
    pub const RANGE_BPM: std::ops::RangeInclusive<f64> = 16.0..=256.0;

    /// The nearest step.
    pub fn of_bpm(bpm: f64) -> Self {
        let (slowest, fastest) = (*Self::RANGE_BPM.start(), *Self::RANGE_BPM.end());
        Self((12.0 * libm::log2(bpm.clamp(slowest, fastest) / slowest)).round() as u8)
    }

    /// The step of this number.
    pub fn new(number: u8) -> Option<Self> {
        (u32::from(number) < TEMPI).then_some(Self(number))
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Quarter notes a minute.
    pub fn bpm(self) -> f64 {
        16.0 * libm::exp2(f64::from(self.0) / 12.0)
    }

    /// `steps` faster, within the range.
    pub fn moved(self, steps: i8) -> Self {
        let number = i32::from(self.0) + i32::from(steps);
        Self(number.clamp(0, TEMPI as i32 - 1) as u8)
    }
}

/// The length of a note: eight octaves of twelve steps, the steps of each twice as long as those of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Length(u8);

impl Length {
    /// How many there are.
    pub const COUNT: usize = DURATIONS as usize;

    /// The longest length that is not longer than `positions`; at least one position.
    pub fn within(positions: i64) -> Self {
        let longest = (1..DURATIONS as u8).rev().map(Self);
        longest
            .into_iter()
            .find(|length| length.positions() <= positions)
            .unwrap_or(Self(1))
    }

    /// The length of this number.
    pub fn new(number: u8) -> Option<Self> {
        (u32::from(number) < DURATIONS).then_some(Self(number))
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Positions, at least one.
    pub const fn positions(self) -> i64 {
        let (octave, step) = (self.0 / 12, self.0 % 12);
        let positions = 12 * ((1 << octave) - 1) + ((step as i64) << octave);
        if positions < 1 { 1 } else { positions }
    }
}

/// How hard a key is struck, in 32 steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VelocityStep(u8);

impl VelocityStep {
    /// How many there are.
    pub const COUNT: usize = VELOCITIES as usize;

    /// The step of a MIDI velocity.
    pub const fn of(velocity: u8) -> Self {
        Self(if velocity > 127 { 31 } else { velocity / 4 })
    }

    /// The step of this number.
    pub fn new(number: u8) -> Option<Self> {
        (u32::from(number) < VELOCITIES).then_some(Self(number))
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The MIDI velocity, 2..=126.
    pub const fn velocity(self) -> u8 {
        4 * self.0 + 2
    }
}

/// The keys of a piano, MIDI numbers.
pub const KEYBOARD: std::ops::RangeInclusive<u8> = 21..=108;

/// Whether the vocabulary has this MIDI pitch.
pub const fn has_pitch(pitch: u8) -> bool {
    pitch <= 127 && pitch != NO_PITCH
}

/// A symbol of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    /// Fills up batches.
    Pad,
    /// Begins a sequence.
    Bos,
    /// Ends a sequence.
    Eos,
    /// Stands for what a vocabulary lacks; never written.
    Unknown,
    /// `b-1`: ends a bar.
    BarEnd,
    /// `d-k`: the length of the note.
    Duration(Length),
    /// `i-k`: the MIDI program of the notes that follow.
    Program(u8),
    /// `o-k`: the position in the bar of the notes that follow.
    Position(u8),
    /// `p-k`: begins a note.
    Pitch(u8),
    /// `s-k`: the time signature of the bar.
    Signature(Signature),
    /// `t-k`: the tempo of the bar.
    Tempo(TempoStep),
    /// `v-k`: how hard the note is struck; ends it.
    Velocity(VelocityStep),
}

impl Token {
    /// The id, below [`VOCAB`]; nothing for a position or pitch outside the vocabulary.
    pub fn id(self) -> Option<u32> {
        Some(match self {
            Self::Pad => 0,
            Self::Bos => 1,
            Self::Eos => 2,
            Self::Unknown => 3,
            Self::BarEnd => BAR_END,
            Self::Duration(length) => FIRST_DURATION + u32::from(length.0),
            Self::Program(program) => {
                (u32::from(program) < PROGRAMS).then(|| FIRST_PROGRAM + u32::from(program))?
            }
            Self::Position(position) => {
                (u32::from(position) < POSITIONS).then(|| FIRST_POSITION + u32::from(position))?
            }
            Self::Pitch(pitch) => {
                let gap = u8::from(pitch > NO_PITCH);
                has_pitch(pitch).then(|| FIRST_PITCH + u32::from(pitch - gap))?
            }
            Self::Signature(signature) => FIRST_SIGNATURE + signature.place() as u32,
            Self::Tempo(tempo) => FIRST_TEMPO + u32::from(tempo.0),
            Self::Velocity(velocity) => FIRST_VELOCITY + u32::from(velocity.0),
        })
    }

    /// The token of an id below [`VOCAB`].
    pub fn from_id(id: u32) -> Option<Self> {
        let within = |first: u32| (id - first) as u8;
        Some(match id {
            0 => Self::Pad,
            1 => Self::Bos,
            2 => Self::Eos,
            3 => Self::Unknown,
            BAR_END => Self::BarEnd,
            _ if id < FIRST_PROGRAM => Self::Duration(Length(within(FIRST_DURATION))),
            _ if id < FIRST_POSITION => Self::Program(within(FIRST_PROGRAM)),
            _ if id < FIRST_PITCH => Self::Position(within(FIRST_POSITION)),
            _ if id < FIRST_SIGNATURE => {
                let place = within(FIRST_PITCH);
                Self::Pitch(place + u8::from(place >= NO_PITCH))
            }
            _ if id < FIRST_TEMPO => {
                Self::Signature(Signature(SIGNATURES[within(FIRST_SIGNATURE) as usize]))
            }
            _ if id < FIRST_VELOCITY => Self::Tempo(TempoStep(within(FIRST_TEMPO))),
            _ if (id as usize) < VOCAB => Self::Velocity(VelocityStep(within(FIRST_VELOCITY))),
            _ => return None,
        })
    }

    /// Every token, in the order of ids.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..VOCAB as u32).filter_map(Self::from_id)
    }
}

impl fmt::Display for Token {
    /// As EmoGen's dictionary has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pad => write!(f, "<pad>"),
            Self::Bos => write!(f, "<s>"),
            Self::Eos => write!(f, "</s>"),
            Self::Unknown => write!(f, "<unk>"),
            Self::BarEnd => write!(f, "b-1"),
            Self::Duration(length) => write!(f, "d-{}", length.0),
            Self::Program(program) => write!(f, "i-{program}"),
            Self::Position(position) => write!(f, "o-{position}"),
            Self::Pitch(pitch) => write!(f, "p-{pitch}"),
            Self::Signature(signature) => write!(f, "s-{}", signature.0),
            Self::Tempo(tempo) => write!(f, "t-{}", tempo.0),
            Self::Velocity(velocity) => write!(f, "v-{}", velocity.0),
        }
    }
}

impl FromStr for Token {
    type Err = super::TokenError;

    /// The inverse of [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || super::TokenError::Unknown { text: text.into() };
        Self::all()
            .find(|token| token.to_string() == text)
            .ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_id_is_one_token_with_a_name() {
        for id in 0..VOCAB as u32 {
            let token = Token::from_id(id).unwrap();
            assert_eq!(token.id(), Some(id));
            assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        }
        assert_eq!(Token::from_id(VOCAB as u32), None);
        assert_eq!(VOCAB, 458 + 4);
        assert!("p-121".parse::<Token>().is_err() && "s-26".parse::<Token>().is_err());
        assert_eq!(Token::Pitch(121).id(), None);
    }

    /// The places of some words in EmoGen's dictionary, counted from 0.
    #[test]
    fn the_order_is_that_of_the_dictionary() {
        for (name, place) in [
            ("b-1", 0),
            ("d-0", 1),
            ("i-0", 97),
            ("o-0", 99),
            ("p-0", 195),
            ("p-127", 321),
            ("s-1", 322),
            ("s-127", 376),
            ("t-0", 377),
            ("v-0", 426),
            ("v-31", 457),
        ] {
            let token: Token = name.parse().unwrap();
            assert_eq!(token.id(), Some(4 + place), "{name}");
        }
    }

    #[test]
    fn signatures_by_hand() {
        let number = |count, unit| Signature::of(Metre::new(count, unit).unwrap()).map(|s| s.0);
        assert_eq!(number(4, 4), Some(9));
        assert_eq!(number(3, 4), Some(8));
        assert_eq!(number(6, 8), Some(19));
        assert_eq!(number(2, 2), Some(3));
        assert_eq!(number(13, 8), None); // not in the dictionary
        assert_eq!(number(5, 32), None); // seven and a half positions
        for signature in SIGNATURES.map(Signature) {
            if let Some(again) = Signature::of(signature.metre()) {
                assert_eq!(again, signature);
            }
        }
    }

    #[test]
    fn lengths_by_hand() {
        let positions = |number: u8| Length::new(number).unwrap().positions();
        assert_eq!(
            [0, 1, 11, 12, 13, 23].map(positions),
            [1, 1, 11, 12, 14, 34]
        );
        assert_eq!([24, 25, 35, 36, 37].map(positions), [36, 40, 80, 84, 92]);
        for number in 1..96 {
            let length = Length::new(number).unwrap();
            assert_eq!(Length::within(length.positions()), length);
            let longer = length.positions() + 1;
            assert!(Length::within(longer).positions() <= longer);
        }
        assert_eq!(Length::within(0), Length(1));
        assert_eq!(Length::within(39), Length(24));
    }

    #[test]
    fn tempi_and_velocities_by_hand() {
        assert_eq!(TempoStep::of_bpm(120.0).number(), 35); // 12 log2(7.5) = 34.9
        assert_eq!(TempoStep::of_bpm(1.0).number(), 0);
        assert_eq!(TempoStep::of_bpm(500.0).number(), 48);
        for number in 0..49 {
            let step = TempoStep::new(number).unwrap();
            assert_eq!(TempoStep::of_bpm(step.bpm()), step);
        }
        assert_eq!(VelocityStep::of(127).velocity(), 126);
        assert_eq!(VelocityStep::of(64).velocity(), 66);
    }
}
