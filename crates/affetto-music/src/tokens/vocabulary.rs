use affetto_media::{Metre, Quality, Quarters};

/// Ticks in a quarter note: the smallest unit in which sixteenths and triplet sixteenths are whole.
pub const TICKS_PER_QUARTER: i64 = 24;

/// The lowest pitch that the models write in C major or A minor: E3, as in the paper.
pub const LOWEST_PITCH: u8 = 52;
/// How many pitches there are: E3 to D6, as in the paper.
pub const PITCHES: u8 = 35;
/// How many chords there are, "no chord" included: 12 roots with 14 qualities.
pub const CHORDS: usize = 12 * QUALITIES + 1;
/// The first qualities of [`Quality::ALL`] are those that the models know.
const QUALITIES: usize = 14;

/// Lengths of an event in ticks: the eleven of the paper (1/6 to 4 quarters), and 5/2, 7/2, 9/2 and 6 quarters.
pub const DURATIONS: [i64; 15] = [4, 6, 8, 12, 16, 18, 24, 36, 48, 60, 72, 84, 96, 108, 144];

/// The metres that the models know. Ids follow this order, from 1.
pub const METRES: [(u8, u8); 7] = [(4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (9, 8), (12, 8)];

/// A chord relative to C major or A minor: the pitch class of the root, and one of 14 qualities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Degree {
    /// Semitones above C, 0..=11.
    pub root: u8,
    /// A folded quality.
    pub quality: Quality,
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// Fills up a batch.
    Pad,
    /// Begins a sequence.
    Bos,
    /// Begins a bar.
    Bar,
    /// Ends a sequence.
    Eos,
    /// The chord of an event; none for "no chord".
    Chord(Option<Degree>),
    /// A new note.
    Pitch(u8),
    /// Silence.
    Rest,
    /// The note before goes on.
    Hold,
    /// The length of an event, in ticks.
    Duration(i64),
}

/// What kind of token comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `bar`, or `eos` after the last one.
    Bar,
    /// A chord.
    Chord,
    /// A pitch, rest or hold.
    Pitch,
    /// A duration.
    Duration,
}

const FIRST_CHORD: u32 = 4;
const FIRST_PITCH: u32 = FIRST_CHORD + CHORDS as u32;
const REST: u32 = FIRST_PITCH + PITCHES as u32;
const HOLD: u32 = REST + 1;
const FIRST_DURATION: u32 = HOLD + 1;
/// How many tokens there are.
pub const VOCAB: usize = FIRST_DURATION as usize + DURATIONS.len();

impl Token {
    /// The id, or nothing where the vocabulary has no such token (a pitch or length outside it).
    pub fn id(self) -> Option<u32> {
        Some(match self {
            Self::Pad => 0,
            Self::Bos => 1,
            Self::Bar => 2,
            Self::Eos => 3,
            Self::Chord(None) => FIRST_CHORD,
            Self::Chord(Some(degree)) => {
                let quality = Quality::ALL[..QUALITIES]
                    .iter()
                    .position(|quality| *quality == degree.quality)?;
                FIRST_CHORD + 1 + u32::from(degree.root % 12) * QUALITIES as u32 + quality as u32
            }
            Self::Pitch(pitch) => {
                let place = pitch.checked_sub(LOWEST_PITCH)?;
                (place < PITCHES).then(|| FIRST_PITCH + u32::from(place))?
            }
            Self::Rest => REST,
            Self::Hold => HOLD,
            Self::Duration(ticks) => {
                let place = DURATIONS.iter().position(|known| *known == ticks)?;
                FIRST_DURATION + place as u32
            }
        })
    }

    /// The token of an id below [`VOCAB`].
    pub fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::Pad,
            1 => Self::Bos,
            2 => Self::Bar,
            3 => Self::Eos,
            FIRST_CHORD => Self::Chord(None),
            _ if id < FIRST_PITCH => {
                let place = (id - FIRST_CHORD - 1) as usize;
                Self::Chord(Some(Degree {
                    root: (place / QUALITIES) as u8,
                    quality: Quality::ALL[place % QUALITIES],
                }))
            }
            _ if id < REST => Self::Pitch(LOWEST_PITCH + (id - FIRST_PITCH) as u8),
            REST => Self::Rest,
            HOLD => Self::Hold,
            _ => Self::Duration(*DURATIONS.get((id - FIRST_DURATION) as usize)?),
        })
    }

    /// The ids that may fill `slot`, before any other rule.
    pub fn ids(slot: Slot) -> std::ops::Range<u32> {
        match slot {
            Slot::Bar => 2..4,
            Slot::Chord => FIRST_CHORD..FIRST_PITCH,
            Slot::Pitch => FIRST_PITCH..FIRST_DURATION,
            Slot::Duration => FIRST_DURATION..VOCAB as u32,
        }
    }
}

/// The nearest of the 14 qualities that the models know. As the paper folds (elevenths and thirteenths to the
/// ninth, alterations dropped), but sixths, sus4, augmented, half-diminished and diminished sevenths are kept.
pub const fn fold(quality: Quality) -> Quality {
    use Quality as Q;
    match quality {
        Q::Major | Q::Power | Q::Add9 => Q::Major,
        Q::Minor | Q::MinorMajor7 | Q::MinorAdd9 => Q::Minor,
        Q::Dominant7
        | Q::Augmented7
        | Q::Dominant7Flat5
        | Q::Dominant7Flat9
        | Q::Dominant7Sharp9 => Q::Dominant7,
        Q::Major7 | Q::Major9 | Q::Major13 => Q::Major7,
        Q::Minor7 => Q::Minor7,
        Q::Dominant9 | Q::Dominant11 | Q::Dominant13 => Q::Dominant9,
        Q::Minor9 | Q::Minor11 | Q::Minor13 => Q::Minor9,
        Q::Diminished => Q::Diminished,
        Q::Major6 | Q::SixNine => Q::Major6,
        Q::Minor6 => Q::Minor6,
        Q::HalfDiminished => Q::HalfDiminished,
        Q::Diminished7 => Q::Diminished7,
        Q::Augmented => Q::Augmented,
        Q::Sus4 | Q::Sus2 | Q::Dominant7Sus4 => Q::Sus4,
    }
}

/// `quarters` in ticks, where it is a whole number of them.
pub fn ticks_from_quarters(quarters: Quarters) -> Option<i64> {
    let ticks = quarters * TICKS_PER_QUARTER;
    ticks.is_integer().then(|| ticks.to_integer())
}

/// `ticks` in quarter notes.
pub fn quarters_from_ticks(ticks: i64) -> Quarters {
    Quarters::new(ticks, TICKS_PER_QUARTER)
}

/// The place of `metre` among [`METRES`].
pub fn metre_place(metre: Metre) -> Option<usize> {
    METRES
        .iter()
        .position(|known| *known == (metre.count(), metre.unit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_id_is_one_token() {
        for id in 0..VOCAB as u32 {
            assert_eq!(Token::from_id(id).unwrap().id(), Some(id));
        }
        assert_eq!(Token::from_id(VOCAB as u32), None);
        assert_eq!(VOCAB, 4 + 169 + 35 + 2 + 15);
    }

    #[test]
    fn slots_share_nothing_and_leave_out_pad_and_bos() {
        let slots = [Slot::Bar, Slot::Chord, Slot::Pitch, Slot::Duration];
        let ids: Vec<u32> = slots.into_iter().flat_map(Token::ids).collect();
        assert_eq!(ids, (2..VOCAB as u32).collect::<Vec<_>>());
    }

    #[test]
    fn outside_the_vocabulary_there_is_no_id() {
        assert_eq!(Token::Pitch(51).id(), None);
        assert_eq!(Token::Pitch(87).id(), None);
        assert_eq!(Token::Duration(3).id(), None);
    }

    #[test]
    fn every_quality_folds_to_a_known_one() {
        for quality in Quality::ALL {
            let folded = fold(quality);
            assert!(Quality::ALL[..QUALITIES].contains(&folded), "{quality:?}");
            assert_eq!(fold(folded), folded);
        }
    }
}
