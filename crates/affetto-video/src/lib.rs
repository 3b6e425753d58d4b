//! Video by diffusion: the networks of the Wan 2.1 family and the reading of their weights.
//!
//! [`model`] has the networks in the order in which they run: the text encoder, the transformer that removes noise, the
//! autoencoder. [`weights`] reads the published files under each spelling of their names. [`sticker`] makes the motion of a
//! drawn face from an emotion, with weights that we train ourselves.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod condition;
mod error;
pub mod generate;
pub mod lora;
pub mod memory;
pub mod model;
#[cfg(test)]
mod parity;
pub mod picture;
pub mod prompt;
pub mod sticker;
pub mod store;
pub mod text;
pub mod train;
pub mod wan;
pub mod weights;

pub use error::{Error, Result};
