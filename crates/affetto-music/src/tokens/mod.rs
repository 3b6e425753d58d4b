//! Lead sheets as token sequences.
//!
//! `bos ( bar ( CHORD PITCH DURATION )+ ){bars} eos`, after Makris 2021 (section A.3 of its released code), with a
//! tie token (`hold`), five more durations and six more chord qualities. Everything is moved to C major or A
//! minor; time is counted in [`TICKS_PER_QUARTER`].

mod echo;
mod phrases;
mod sequence;
mod vocabulary;

pub use phrases::{Group, groups};
pub(crate) use sequence::split_duration;
pub use sequence::{
    BarContext, CONDITION_COLUMNS, Cursor, FEATURE_COLUMNS, PLACE_COLUMNS, Sequence, Style,
    TokenizeError, Transposition, condition_vocab, encode, feature_vocab, octave_shift, spell,
};
pub use vocabulary::{
    CHORDS, DURATIONS, Degree, LOWEST_PITCH, METRES, PITCHES, Slot, TICKS_PER_QUARTER, Token,
    VOCAB, fold, metre_place, quarters_from_ticks, ticks_from_quarters,
};
