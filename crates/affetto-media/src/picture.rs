//! Still pictures: PNG, JPEG and WebP.

use std::io::Cursor;

use image::{ImageReader, RgbImage};

use crate::Error;

/// The longest side of a picture that is read, in pixels.
pub const LONGEST_SIDE: u32 = 1 << 14;
/// The most bytes of a picture's file.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most memory that decoding may take, in bytes.
const MAX_MEMORY: u64 = 1 << 30;

/// A picture from the bytes of its file, on black where it is transparent.
///
/// # Errors
/// [`Error::Picture`] where the bytes are of no format that is read, damaged, or of too large a picture; the size is looked at
/// before memory is taken.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Picture {
        reason: error.to_string(),
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| failed(&error))?;
    if reader.format().is_none() {
        return Err(failed(&"no PNG, JPEG or WebP"));
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| failed(&error))?;
    if !picture.color().has_alpha() {
        return Ok(picture.into_rgb8());
    }
    let picture = picture.into_rgba8();
    Ok(RgbImage::from_fn(
        picture.width(),
        picture.height(),
        |x, y| {
            let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
            let over = |channel: u32| ((channel * alpha + 127) / 255) as u8;
            image::Rgb([over(red), over(green), over(blue)])
        },
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{ImageFormat, RgbaImage};

    use super::*;

    fn png(picture: &RgbaImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn what_is_transparent_stands_on_black() {
        let half = RgbaImage::from_pixel(3, 2, image::Rgba([200, 100, 0, 128]));
        let picture = decode(&png(&half)).unwrap();
        assert_eq!((picture.width(), picture.height()), (3, 2));
        assert_eq!(picture.get_pixel(2, 1).0, [100, 50, 0]);
    }

    #[test]
    fn other_bytes_are_refused() {
        let whole = png(&RgbaImage::new(64, 64));
        for bytes in [&b""[..], b"no picture at all", &whole[..60]] {
            assert!(matches!(decode(bytes), Err(Error::Picture { .. })));
        }
        // A header that asks for 4 billion pixels, with its checksum.
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(decode(&huge).is_err());
    }
}
