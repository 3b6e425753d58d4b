//! The networks: Wan Team, "Wan: Open and Advanced Large-Scale Video Generative Models" (2025), sections 4.1 and 4.2.

pub mod attention;
pub mod clip;
pub mod config;
pub mod dit;
mod frames;
pub mod linear;
mod norm;
pub mod reuse;
mod rope;
pub mod tiny;
pub mod umt5;
pub mod vae;

pub use attention::AttentionBackend;
pub use clip::ClipVision;
pub use config::{ClipConfig, Conditioning, DitConfig, Umt5Config, VaeConfig};
pub(crate) use dit::feed_forward_tokens;
pub use dit::{DitCondition, Later, WanDit};
pub use linear::{Linear, Residual};
pub use reuse::{Reuse, Reusing, SavedReuse};
pub use tiny::{TinyConfig, TinyDecoder};
pub use umt5::Umt5Encoder;
pub use vae::{DecodeStream, Decoded, EncodeStream, Tiles, WanVae};
