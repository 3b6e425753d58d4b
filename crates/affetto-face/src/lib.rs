//! The emotion of a face: what an emotion asks of the muscles of a face, takes with another feeling, and a face to see
//! them on.

mod error;

pub use error::Error;
