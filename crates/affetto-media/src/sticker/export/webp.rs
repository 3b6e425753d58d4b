//! Animated WebP: frames by libwebp, each a still picture, in the container of RFC 9649.

use std::path::Path;

use affetto_core::Progress;
use image::RgbaImage;

use super::{Area, Frames, each_frame, failed, write};
use crate::{Error, sticker::Sticker};

/// How frames are packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packing {
    /// Every pixel as it was drawn.
    Lossless,
    /// Smaller, with a quality of 0..=100; edges stay as sharp as their transparency, which is kept exactly.
    Lossy(f32),
}

const WHAT: &str = "WebP";

/// A sticker as animated WebP. It repeats for ever where the take loops, else it plays once.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Limit`] for too many frames, [`Error::Encode`] and [`Error::Cancelled`].
pub fn webp(
    sticker: &Sticker<'_>,
    frames: Frames,
    packing: Packing,
    progress: &dyn Progress,
) -> Result<Vec<u8>, Error> {
    let (moments, packed) = each_frame(sticker, frames, progress, |_, picture| {
        let area = even(Area::of(&picture));
        Ok((area, pack(&area.cut(&picture), packing)?))
    })?;
    let mut chunks = Vec::new();
    let last = frames.size - 1;
    let mut head = vec![0b0001_0010, 0, 0, 0]; // transparent, animated
    head.extend_from_slice(&u24(last));
    head.extend_from_slice(&u24(last));
    chunk(&mut chunks, b"VP8X", &head);
    let repeats = if sticker.take().loops { [0, 0] } else { [1, 0] };
    chunk(&mut chunks, b"ANIM", &[0, 0, 0, 0, repeats[0], repeats[1]]);
    for (index, (area, picture)) in packed.iter().enumerate() {
        let mut frame = Vec::with_capacity(picture.len() + 16);
        for number in [area.x / 2, area.y / 2, area.width - 1, area.height - 1] {
            frame.extend_from_slice(&u24(number));
        }
        frame.extend_from_slice(&u24(moments.delay(index, 1000.0)));
        frame.push(0b0000_0011); // replaces what is there, and goes again
        frame.extend_from_slice(picture);
        chunk(&mut chunks, b"ANMF", &frame);
    }
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&(chunks.len() as u32 + 4).to_le_bytes());
    file.extend_from_slice(b"WEBP");
    file.append(&mut chunks);
    Ok(file)
}

/// Writes [`webp()`], whole or not at all.
///
/// # Errors
///
/// As [`webp()`], and [`Error::Write`].
pub fn write_webp(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    packing: Packing,
    progress: &dyn Progress,
) -> Result<(), Error> {
    write(path, &webp(sticker, frames, packing, progress)?)
}

/// Places of frames are even.
fn even(area: Area) -> Area {
    let (x, y) = (area.x & !1, area.y & !1);
    Area {
        x,
        y,
        width: area.width + area.x - x,
        height: area.height + area.y - y,
    }
}

/// The chunks of a still picture.
fn pack(picture: &RgbaImage, packing: Packing) -> Result<Vec<u8>, Error> {
    let mut config =
        ::webp::WebPConfig::new().map_err(|()| failed(WHAT, "libwebp has another version"))?;
    config.thread_level = 0;
    config.alpha_compression = 1;
    config.alpha_quality = 100;
    match packing {
        Packing::Lossless => {
            config.lossless = 1;
            config.quality = 20.0;
            config.method = 1;
        }
        Packing::Lossy(quality) => {
            config.lossless = 0;
            config.quality = quality.clamp(0.0, 100.0);
            config.method = 2;
            config.alpha_filtering = 0;
        }
    }
    let encoder = ::webp::Encoder::from_rgba(picture, picture.width(), picture.height());
    let file = encoder
        .encode_advanced(&config)
        .map_err(|error| failed(WHAT, format!("{error:?}")))?;
    let mut rest = file.get(12..).unwrap_or_default();
    let mut chunks = Vec::with_capacity(rest.len());
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let padded = length + length % 2;
        let body = body.get(..padded.min(body.len())).unwrap_or_default();
        if matches!(&head[..4], b"ALPH" | b"VP8 " | b"VP8L") {
            chunks.extend_from_slice(head);
            chunks.extend_from_slice(body);
        }
        rest = rest.get(8 + padded..).unwrap_or_default();
    }
    Ok(chunks)
}

fn u24(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}
