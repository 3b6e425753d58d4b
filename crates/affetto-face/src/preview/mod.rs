//! A face as pictures: one moment of a take, a sheet of many, a film. No GPU is needed, and the same take gives the same
//! pixels.

mod contact_sheet;
mod emotions;
mod film;
mod light;
mod paint;
mod raster;
mod renderer;

use std::{io::Cursor, path::Path};

use affetto_core::write_atomic;
use affetto_media::rig::TakeFrame;
use image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use crate::{Error, FaceBasis};
pub use contact_sheet::{Cell, ContactSheet};
pub use emotions::{SHEET_INTENSITIES, emotion_sheet, shape_sheet, usual_emotions};
pub use film::Film;
pub use renderer::Renderer;

/// Draws a face at one moment of a take, `size` pixels wide and high. Who draws more than one keeps a [`Renderer`].
///
/// # Errors
///
/// As [`Renderer::render`].
pub fn render(
    basis: &FaceBasis,
    identity: &[f64],
    frame: &TakeFrame,
    size: u32,
) -> Result<RgbImage, Error> {
    Renderer::new(basis).render(identity, frame, size)
}

/// A picture as a PNG file.
///
/// # Errors
///
/// [`Error::Picture`] where it cannot be encoded.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| Error::Picture {
            reason: error.to_string(),
        })?;
    Ok(bytes.into_inner())
}

/// Writes a picture as a PNG file, whole or not at all.
///
/// # Errors
///
/// [`Error::Picture`] and [`Error::Write`].
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<(), Error> {
    write_atomic(path, &png(picture)?).map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests;
