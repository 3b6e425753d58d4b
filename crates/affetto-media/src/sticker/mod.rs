//! Stickers: a character that acts an emotion, drawn at any size from channels of a rig.
//!
//! A [`StickerTake`] says how a face moves, a [`Character`] what it looks like; a [`Sticker`] is both, drawn at any
//! moment and size. [`export`] writes it as a file.
//!
//! | format of takes | read | written |
//! |---|---|---|
//! | JSON ([`json`]) | whole | whole |
//! | table ([`csv`]) | whole | whole |

mod channel;
mod character;
pub mod csv;
pub mod export;
mod face;
mod face_take;
mod guard;
pub mod json;
mod raster;
mod scene;
mod stage;
mod style;
mod take;
mod tint;

pub use channel::{CHANNELS, Channel, Pose, Spec, Unit};
pub use character::{Character, Found};
pub use stage::{Look, Sticker};
pub use take::StickerTake;
pub use tint::Tint;
