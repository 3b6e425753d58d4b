use std::{io, path::PathBuf};

use affetto_core::{Hint, LimitError};

/// Why something could not be done with a face.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media could not be read or written.
    #[error(transparent)]
    Media(#[from] affetto_media::Error),
    /// What is said of the emotion is not possible.
    #[error(transparent)]
    Emotion(#[from] affetto_emotion::Error),
    /// A number is outside its range.
    #[error("{name} is {value}, and is from 0 to {highest}")]
    Range {
        /// What it is.
        name: &'static str,
        /// The number.
        value: f64,
        /// The largest that is possible.
        highest: f64,
    },
    /// No action unit that moves something of a take.
    #[error(
        "{text:?} is no action unit that moves a take; they are numbers such as 12, or 12L and 12R for one half"
    )]
    UnknownUnit {
        /// What was given.
        text: String,
    },
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
    #[error("a picture {width} by {height} pixels, where {least} to {most} are possible")]
    PictureSize {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The shortest side.
        least: u32,
        /// The longest side.
        most: u32,
    },
    /// A picture could not be drawn.
    #[error("the picture could not be drawn: {reason}")]
    Picture {
        /// Why.
        reason: String,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Cancelled,
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Media(error) => error.hint(),
            Self::Emotion(error) => error.hint(),
            Self::UnknownUnit { .. } => {
                Some("`affetto attributes fear --medium face` shows units with their names".into())
            }
            Self::Basis { .. } => {
                Some("`affetto train face-basis` writes one that can be used".into())
            }
            Self::Meshes { .. } => {
                Some("the folder has ict_full_q16.npz, the meshes of ICT-FaceKit as arrays".into())
            }
            Self::Range { .. }
            | Self::Read(_)
            | Self::Write { .. }
            | Self::Identity { .. }
            | Self::PictureSize { .. }
            | Self::Picture { .. }
            | Self::Cancelled => None,
        }
    }
}
