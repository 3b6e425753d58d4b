//! What a MusicXML file says, close to how it says it: parts of measures of notes, with exact onsets.
//! Repeats stand as they are written; transposing instruments are turned into what sounds.

use std::fmt;

use super::{container::text_from_bytes, parse};
use crate::{
    ChordSymbol, Error, Format, Key, Limits, Metre, Mode, PitchName, Quarters, Role, Tempo,
};

/// The finest time that is read: this many parts of a quarter note.
pub const MAX_DENOMINATOR: i64 = 1_000_000;
/// The longest measure that is read, in quarter notes.
pub const MAX_MEASURE_QUARTERS: i64 = 4096;

/// A MusicXML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The title of the work, or else of the movement; empty where there is none.
    pub title: String,
    /// Composer and others, as they are named; empty where nobody is.
    pub creator: String,
    /// The parts, in the order of the file.
    pub parts: Vec<Part>,
}

/// One part of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The identifier, for example `P1`.
    pub id: String,
    /// The name shown; empty where there is none.
    pub name: String,
    /// What it does, where Affetto wrote the file.
    pub role: Option<Role>,
    /// The right hand on the first staff and the left hand on the second, where Affetto wrote a grand staff.
    pub hands: Option<[Staff; 2]>,
    /// General MIDI program, 0..=127, where the file has one.
    pub program: Option<u8>,
    /// MIDI channel, 0..=15, where the file has one.
    pub channel: Option<u8>,
    /// The measures, in order.
    pub measures: Vec<Measure>,
}

/// One staff of a grand staff, which is a part of a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// The name of the part.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// General MIDI program, 0..=127.
    pub program: u8,
    /// MIDI channel, 0..=15.
    pub channel: u8,
}

/// One measure of one part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measure {
    /// The number shown; not always a number (`X1`).
    pub number: String,
    /// Whether it is not counted, as pick-ups are not.
    pub implicit: bool,
    /// What the signatures say at its beginning. A change later on counts from the next measure.
    pub attributes: Attributes,
    /// How far its notes and rests reach, in quarter notes.
    pub length: Quarters,
    /// Bar lines with a repeat or an ending.
    pub barlines: Vec<Barline>,
    /// Chord symbols, sorted by onset.
    pub harmonies: Vec<Harmony>,
    /// Tempos, rehearsal marks and words.
    pub directions: Vec<Direction>,
    /// Notes and rests, in the order of the file.
    pub notes: Vec<Note>,
}

/// The signatures in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Divisions of a quarter note.
    pub divisions: u32,
    /// Sharps, or below zero flats, of what sounds: -7..=7.
    pub fifths: i8,
    /// Major or minor, where the file says so; the church modes by their third.
    pub mode: Option<Mode>,
    /// The time signature; none before the first one and where the music is unmeasured. A sum such as
    /// 3+2/8 is added up.
    pub metre: Option<Metre>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            divisions: 1,
            fifths: 0,
            mode: None,
            metre: None,
        }
    }
}

impl Attributes {
    /// The key; major where the file names no mode.
    pub fn key(&self) -> Key {
        Key::new(self.fifths, self.mode.unwrap_or(Mode::Major)).unwrap_or(Key::C_MAJOR)
    }
}

/// A bar line with a repeat or an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barline {
    /// Which side of the measure it is on.
    pub location: Location,
    /// A repeat sign.
    pub repeat: Option<Repeat>,
    /// A bracket over a first or second ending.
    pub ending: Option<Ending>,
}

/// Where a bar line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// At the beginning of the measure.
    Left,
    /// Inside.
    Middle,
    /// At the end.
    Right,
}

/// A repeat sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// From here.
    Forward,
    /// Back to the last forward sign.
    Backward {
        /// How often it is played in all.
        times: u32,
    },
}

/// A bracket over an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The numbers of the rounds it is played in, for example `1` or `1, 2`.
    pub numbers: String,
    /// Which end of the bracket this is.
    pub edge: EndingEdge,
}

/// An end of a bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndingEdge {
    /// The beginning.
    Start,
    /// The end, with a downward jog.
    Stop,
    /// The end, open.
    Discontinue,
}

/// A chord symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harmony {
    /// In quarter notes from the beginning of the measure, with the offset.
    pub onset: Quarters,
    /// The root as it is written; none for functions and numerals.
    pub root: Option<PitchName>,
    /// The kind (`major`, `dominant`, `none`), or the symbol that some programs write in its place.
    pub kind: String,
    /// How the kind is shown (`m7`).
    pub text: Option<String>,
    /// What is added, altered or left out.
    pub degrees: Vec<Degree>,
    /// The bass as it is written.
    pub bass: Option<PitchName>,
    /// The chord that sounds; none where it is no chord ([`Harmony::is_no_chord`]) or not understood.
    pub chord: Option<ChordSymbol>,
}

impl Harmony {
    /// Whether this says that no chord is played (`N.C.`).
    pub fn is_no_chord(&self) -> bool {
        self.kind == "none"
    }
}

/// A change of one degree of a chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degree {
    /// What is done.
    pub kind: DegreeKind,
    /// Which degree, 1..=13.
    pub value: u8,
    /// Semitones up or down.
    pub alter: i8,
}

/// What is done with a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DegreeKind {
    /// It is added.
    Add,
    /// It is raised or lowered.
    Alter,
    /// It is left out.
    Subtract,
}

/// A tempo, a rehearsal mark, or words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// In quarter notes from the beginning of the measure, with the offset.
    pub onset: Quarters,
    /// The tempo: what is played, or else what the metronome mark shows.
    pub tempo: Option<Tempo>,
    /// A rehearsal mark (`A`).
    pub rehearsal: Option<String>,
    /// Words (`dolce`), joined with spaces.
    pub words: Option<String>,
}

/// A note or a rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In quarter notes from the beginning of the measure.
    pub onset: Quarters,
    /// In quarter notes; 0 for a grace note.
    pub duration: Quarters,
    /// How much later than written its beginning is played, in quarter notes; less than 0 where it is earlier.
    pub attack: Quarters,
    /// How much later than written its end is played, in quarter notes; less than 0 where it is earlier.
    pub release: Quarters,
    /// MIDI number of what sounds; none for a rest, and for percussion without one.
    pub pitch: Option<u8>,
    /// Whether this is a rest.
    pub rest: bool,
    /// Whether it sounds together with the note before it.
    pub chord: bool,
    /// Whether this is a grace note.
    pub grace: bool,
    /// Whether this is a cue, which is not played.
    pub cue: bool,
    /// The number of the voice; 1 where it has none.
    pub voice: u32,
    /// The number of the staff, from 1.
    pub staff: u32,
    /// Whether a tie goes on from it.
    pub tie_start: bool,
    /// Whether a tie ends at it.
    pub tie_stop: bool,
    /// How many lines of lyrics it has.
    pub lyrics: u32,
    /// MIDI velocity, 1..=127, where the note has one of its own.
    pub velocity: Option<u8>,
}

impl Document {
    /// Reads a plain (`.musicxml`, `.xml`) or compressed (`.mxl`) file, partwise or timewise.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] says where the file is wrong, [`Error::Limit`] what there is too much of.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        parse::document(&text_from_bytes(bytes, limits)?, limits)
    }
}

pub(super) fn malformed(place: impl Into<String>, reason: impl fmt::Display) -> Error {
    Error::Malformed {
        format: Format::MusicXml,
        place: place.into(),
        reason: reason.to_string(),
    }
}
