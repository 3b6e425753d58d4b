//! MusicXML, plain and compressed.
//!
//! [`document::Document`] is what a file says, measure by measure.

mod container;
pub mod document;
mod kind;
mod parse;
mod xml;
