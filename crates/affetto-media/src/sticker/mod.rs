//! Stickers: a character that acts an emotion, drawn at any size from channels of a rig.
//!
//! | format of takes | read | written |
//! |---|---|---|
//! | JSON ([`json`]) | whole | whole |
//! | table ([`csv`]) | whole | whole |

mod channel;
pub mod csv;
mod face_take;
pub mod json;
mod take;

pub use channel::{CHANNELS, Channel, Pose, Spec, Unit};
pub use take::StickerTake;
