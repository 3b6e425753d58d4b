use std::{io, path::PathBuf};

use affetto_core::LimitError;

/// Why something could not be done with a face.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media could not be read or written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] LimitError),
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A face basis that cannot be used.
    #[error("not a usable face basis: {reason}")]
    Basis {
        /// What is wrong.
        reason: String,
    },
    /// Meshes that no face basis can be made of.
    #[error("not meshes of a face: {reason}: {}", path.display())]
    Meshes {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// More identity modes than the basis has.
    #[error("{found} identity weights, and the face basis has {modes} modes")]
    Identity {
        /// Weights given.
        found: usize,
        /// Modes there are.
        modes: usize,
    },
    /// A picture of this size is not drawn.
    #[error(
        "a picture {width} by {height} pixels, where {least} to {most} are possible{}",
        if *even { ", even ones" } else { "" }
    )]
    PictureSize {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The shortest side.
        least: u32,
        /// The longest side.
        most: u32,
        /// Whether both sides have to be even numbers.
        even: bool,
    },
    /// A picture could not be drawn.
    #[error("the picture could not be drawn: {reason}")]
    Picture {
        /// Why.
        reason: String,
    },
    /// A film could not be encoded.
    #[error("the film could not be encoded: {reason}: {}", path.display())]
    Film {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Cancelled,
}
