#![doc = include_str!("../README.md")]

pub mod compare;
pub mod copied;
pub mod critic;
pub mod density;
mod error;
pub mod events;
pub mod features;
pub mod forest;
pub mod harmony;
pub mod judge;
pub mod map;
pub mod melody;
pub mod piece;
pub mod plot;
pub mod repetition;
pub mod report;
pub mod rhythm;
mod statistics;
mod suffix;
pub mod tension;
#[cfg(test)]
mod testing;
pub mod tonality;
pub mod valence;
pub mod visual;

pub use copied::{CopyIndex, RunMarks};
pub use critic::Critic;
pub use density::DensityClass;
pub use error::Error;
pub use events::{BarEvents, Event};
pub use features::{feature_names, features};
pub use report::LeadSheetMeasures;
pub use tension::{BarTension, ChordTension};
pub use tonality::KeyAdherence;
pub use valence::ValenceClass;
