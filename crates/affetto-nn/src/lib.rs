#![doc = include_str!("../README.md")]

pub mod attention;
pub mod cache;
pub mod device;
pub mod diffusion;
mod error;
pub mod layers;
pub mod lstm;
pub mod ops;
pub mod sample;
pub mod train;
pub mod weights;

pub use error::{NnError, Result};
