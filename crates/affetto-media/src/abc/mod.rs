//! ABC notation, version 2.1 (Chris Walshaw, "The abc music standard 2.1", 2011).
//!
//! Reading what [`write()`] wrote gives what [`holds`] says that ABC can hold.
//!
//! What reading makes of what a [`Score`] has no place for:
//!
//! - Repeats are written once: `|:`, `:|`, `[1` and `[2` are bar lines, so a first and a second ending
//!   follow one another. Where such a line, or a double one, splits a full bar in two, the halves become
//!   one bar again.
//! - A mode keeps its signature: Ionian, Lydian and Mixolydian become major, the others minor, so
//!   `K:Ddor` has no accidentals and is called A minor.
//! - Without a metre (`M:none`) each bar gets the metre that has its length, and 4/4 where none has.
//! - Voices become parts in their order; the first one is the melody. Clefs with `-8` or `+8`, `octave=`
//!   and `transpose=` move the notes. A voice that ends early is silent from there on; a bar line where
//!   the other voices have none is an error.
//! - Notes have no loudness: all get [`VELOCITY`].
//! - Dropped: grace notes, decorations, slurs, lyrics, annotations, second layers after `&`, the order
//!   of parts in the header's `P:`, directives other than `%%MIDI program` and `channel`,
//!   `%%propagate-accidentals` and `%%affetto role`.

mod field;
mod holds;
mod measure;
pub(crate) mod notation;
mod text;
mod token;
mod tune;
mod voice;
mod write;

pub use holds::holds;
pub use write::write;

use crate::{Error, Format, Limits, Score};

/// The loudness of every note, since ABC has none.
pub const VELOCITY: u8 = 80;

/// The first tune of a file.
///
/// # Errors
///
/// [`Error::Malformed`] with the line, or [`Error::Limit`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Score, Error> {
    let text = text::decode(bytes, limits)?;
    let first = text::tunes(&text).next().ok_or_else(no_tune)?;
    tune::read(&first, limits)
}

/// Every tune of a file.
///
/// # Errors
///
/// As [`read`], for the first tune that cannot be read; [`Error::Limit`] for more tunes than the
/// limit of bars.
pub fn read_all(bytes: &[u8], limits: &Limits) -> Result<Vec<Score>, Error> {
    let text = text::decode(bytes, limits)?;
    let mut scores = Vec::new();
    for tune in text::tunes(&text) {
        text::within("tunes", scores.len() + 1, limits.bars)?;
        scores.push(tune::read(&tune, limits)?);
    }
    if scores.is_empty() {
        return Err(no_tune());
    }
    Ok(scores)
}

fn no_tune() -> Error {
    Error::Malformed {
        format: Format::Abc,
        place: "the end of the file".into(),
        reason: "no tune, which begins with X: and has a key K:".into(),
    }
}
