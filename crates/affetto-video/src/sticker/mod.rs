//! Stickers by diffusion: from an emotion and noise to the motion of a drawn face.
//!
//! ```text
//! emotion -> wish -> latents -> network -> spectrum -> frames -> rig channels
//! ```
//!
//! [`data`] reads measured motion, [`basis`] and [`harmonics`] turn it into latents, [`network`] learns to take noise from
//! them, [`generate`] draws new ones.

pub mod augment;
pub mod basis;
mod card;
pub mod condition;
pub mod data;
pub mod evaluate;
pub mod generate;
pub mod harmonics;
pub mod judge;
pub mod judgement;
pub mod latents;
pub mod make;
pub mod measure;
pub mod model;
pub mod network;
mod npz;
pub mod statistics;
pub mod tracks;
pub mod train;
