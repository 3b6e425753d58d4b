//! The picture that a video begins with.

use std::path::{Path, PathBuf};

use affetto_core::{read_limited, sha256_hex};
use affetto_media::picture;
use candle_core::{DType, Device, Tensor};
use image::{RgbImage, imageops};

use crate::{Error, Result};

/// A picture, and what names it.
#[derive(Clone, Debug)]
pub struct Picture {
    path: PathBuf,
    pixels: RgbImage,
    sha256: String,
}

impl Picture {
    /// Reads a PNG, JPEG or WebP file.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is none of these, damaged or too large.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_limited(path, picture::MAX_BYTES)?;
        let pixels = picture::decode(&bytes).map_err(|error| Error::Damaged {
            path: path.into(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            path: path.into(),
            pixels,
            sha256: sha256_hex(&bytes),
        })
    }

    /// Its file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The pixels.
    pub fn pixels(&self) -> &RgbImage {
        &self.pixels
    }

    /// The SHA-256 of the file, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The extents nearest to its shape, `(width, height)` in multiples of `unit`, of about `area` pixels.
    pub fn fitting(&self, area: usize, unit: usize) -> (usize, usize) {
        let (width, height) = (
            f64::from(self.pixels.width()),
            f64::from(self.pixels.height()),
        );
        let scale = libm::sqrt(area as f64 / (width * height));
        let side = |extent: f64| ((extent * scale / unit as f64).round() as usize).max(1) * unit;
        (side(width), side(height))
    }

    /// The picture over the whole of `width` x `height`, what sticks out on two sides cut away: `(1, 3, 1, H, W)` from -1 to
    /// 1.
    pub(crate) fn filled(&self, width: usize, height: usize, device: &Device) -> Result<Tensor> {
        let (from, to) = (
            [self.pixels.width(), self.pixels.height()],
            [width as u32, height as u32],
        );
        let scale = |axis: usize| f64::from(to[axis]) / f64::from(from[axis]);
        let scale = scale(0).max(scale(1));
        let scaled = |axis: usize| ((f64::from(from[axis]) * scale).round() as u32).max(to[axis]);
        let resized = imageops::resize(
            &self.pixels,
            scaled(0),
            scaled(1),
            imageops::FilterType::Lanczos3,
        );
        let (left, top) = ((scaled(0) - to[0]) / 2, (scaled(1) - to[1]) / 2);
        let middle = imageops::crop_imm(&resized, left, top, to[0], to[1]).to_image();
        tensor_from_pictures(&[middle], device)
    }
}

/// `(1, 3, F, H, W)` from -1 to 1.
pub(crate) fn tensor_from_pictures(pictures: &[RgbImage], device: &Device) -> Result<Tensor> {
    let (width, height) = pictures.first().map_or((0, 0), RgbImage::dimensions);
    let mut bytes = Vec::with_capacity(pictures.len() * (width * height) as usize * 3);
    for picture in pictures {
        bytes.extend_from_slice(picture.as_raw());
    }
    let shape = (pictures.len(), height as usize, width as usize, 3);
    let frames = Tensor::from_vec(bytes, shape, device)?;
    Ok(frames
        .to_dtype(DType::F32)?
        .affine(1.0 / 127.5, -1.0)?
        .permute((3, 0, 1, 2))?
        .contiguous()?
        .unsqueeze(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Picture {
        Picture {
            path: PathBuf::new(),
            pixels: RgbImage::from_fn(width, height, |x, _| {
                image::Rgb([if x < width / 2 { 0 } else { 255 }; 3])
            }),
            sha256: String::new(),
        }
    }

    #[test]
    fn the_shape_is_kept_as_nearly_as_multiples_allow() {
        let area = 832 * 480;
        assert_eq!(picture(1920, 1080).fitting(area, 16), (848, 480));
        assert_eq!(picture(1080, 1920).fitting(area, 16), (480, 848));
        assert_eq!(picture(5, 5).fitting(area, 16), (624, 624));
        assert_eq!(picture(9000, 1).fitting(area, 16).1, 16);
    }

    #[test]
    fn the_middle_fills_the_frame() {
        let tensor = picture(100, 20).filled(16, 16, &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [1, 3, 1, 16, 16]);
        let row: Vec<f32> = tensor
            .flatten_all()
            .unwrap()
            .narrow(0, 0, 16)
            .unwrap()
            .to_vec1()
            .unwrap();
        assert!(
            (row[0] + 1.0).abs() < 0.02 && (row[15] - 1.0).abs() < 0.02,
            "{row:?}"
        );
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fox.png");
        std::fs::write(&path, "no picture").unwrap();
        let error = Picture::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("fox.png") && error.contains("no PNG"),
            "{error}"
        );
    }
}
