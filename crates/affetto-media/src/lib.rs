//! Finished media and their file formats. A [`Score`] holds what the symbolic formats hold: bars,
//! tempo, chord symbols, sections and parts, in exact rational time. A lead sheet is a score with
//! one melody part and chord symbols.

pub mod abc;
mod chord;
mod dynamics;
mod error;
pub mod film;
mod key;
pub mod lilypond;
mod limits;
mod metre;
pub mod midi;
pub mod musicxml;
#[allow(
    clippy::disallowed_methods,
    reason = "sound is the same on one kind of machine, not on all"
)]
pub mod ogg;
pub mod piano_roll;
pub mod picture;
mod pitch;
pub mod rig;
mod score;
pub mod sticker;
mod tempo;
pub mod typeface;
#[allow(
    clippy::disallowed_methods,
    reason = "sound is the same on one kind of machine, not on all"
)]
pub mod wav;

pub use chord::{ChordSymbol, Quality};
pub use error::{Error, Format};
pub use key::{Key, Mode};
pub use limits::Limits;
pub use metre::Metre;
pub use pitch::{PitchClass, PitchName, Step};
pub use score::{
    Bar, ChordChange, Note, Part, Role, Score, Section, TempoChange, f64_from_quarters,
};
pub use tempo::Tempo;

/// Exact score time: a number of quarter notes.
pub type Quarters = num_rational::Ratio<i64>;
