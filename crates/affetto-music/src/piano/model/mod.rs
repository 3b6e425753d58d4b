//! The network from attributes to piano music.

mod batch;
mod config;
mod decoder;
mod network;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Example};
pub use config::{Config, ModelSize};
pub use decoder::{Decoder, Fed, State};
pub use network::Network;
