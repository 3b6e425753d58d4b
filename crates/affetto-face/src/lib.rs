//! The emotion of a face: what an emotion asks of the muscles of a face, takes with another feeling, and a face to see
//! them on.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod basis;
pub mod condition;
pub mod edit;
mod error;
pub mod facs;
pub mod measure;
pub mod preview;

pub use basis::{FaceBasis, Tissue};
pub use error::Error;
