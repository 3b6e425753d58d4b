//! The candle parts that models share: operations with right gradients, layers, weights, the
//! training loop and the sampling of tokens.

pub mod attention;
pub mod cache;
mod error;
pub mod layers;
pub mod lstm;
pub mod ops;
pub mod sample;
pub mod train;
pub mod weights;

pub use error::{NnError, Result};
