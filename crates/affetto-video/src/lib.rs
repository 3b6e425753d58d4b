//! Video by diffusion: the networks of the Wan 2.1 family and the reading of their weights.
//!
//! [`model`] has the networks in the order in which they run: the text encoder, the transformer that removes noise, the
//! autoencoder. [`weights`] reads the published files under each spelling of their names. [`sticker`] makes the motion of a
//! drawn face from an emotion, with weights that we train ourselves.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod condition;
mod error;
pub mod generate;
pub mod model;
#[cfg(test)]
mod parity;
pub mod prompt;
pub mod sticker;
pub mod text;
pub mod wan;
pub mod weights;

pub use error::{Error, Result};

/// The processor as a device.
pub const fn cpu() -> candle_core::Device {
    candle_core::Device::Cpu
}
