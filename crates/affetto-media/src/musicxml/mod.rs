//! MusicXML, plain and compressed.
//!
//! [`document::Document`] is what a file says, measure by measure; [`read`] makes a score of it.
//! [`write()`] and [`write_compressed`] write a score so that it can be engraved as it is.

mod container;
pub mod document;
mod kind;
mod markup;
mod notation;
mod parse;
mod read;
pub(crate) mod score_time;
pub(crate) mod voices;
mod write;
mod xml;

pub use read::{DEFAULT_VELOCITY, read};
pub use write::{write, write_compressed};
