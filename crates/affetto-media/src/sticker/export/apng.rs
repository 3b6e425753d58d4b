//! Animated PNG: frames are packed as pictures of their own, in parallel, and their data put into one file.

use std::path::Path;

use affetto_core::Progress;
use image::RgbaImage;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use rayon::prelude::*;

use super::{Area, Frames, Moments, each_frame, failed, palette::Palette, some_frames, write};
use crate::{Error, sticker::Sticker};

const WHAT: &str = "APNG";

/// How many colours an animated PNG has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// All that were drawn.
    All,
    /// At most so many with their transparency, 64..=256, one palette for all frames.
    Palette(u16),
}

/// A sticker as animated PNG.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Limit`] for too many frames, [`Error::Encode`] and [`Error::Cancelled`].
pub fn apng(
    sticker: &Sticker<'_>,
    frames: Frames,
    colours: Colours,
    progress: &dyn Progress,
) -> Result<Vec<u8>, Error> {
    let palette = match colours {
        Colours::All => None,
        Colours::Palette(most) => {
            let some = some_frames(sticker, frames)?;
            Some(Palette::of(&some, usize::from(most), false))
        }
    };
    let (moments, packed) = each_frame(sticker, frames, progress, |index, picture| {
        frame(index, &picture, palette.as_ref())
    })?;
    assembled(&moments, &packed, sticker.take().loops)
}

/// Writes [`apng`], whole or not at all.
///
/// # Errors
///
/// As [`apng`], and [`Error::Write`].
pub fn write_apng(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    colours: Colours,
    progress: &dyn Progress,
) -> Result<(), Error> {
    write(path, &apng(sticker, frames, colours, progress)?)
}

/// A sticker whose frames are drawn already.
pub(super) fn packed(
    moments: &Moments,
    pictures: &[RgbaImage],
    colours: u16,
    loops: bool,
) -> Result<Vec<u8>, Error> {
    let palette = Palette::of(pictures, usize::from(colours), false);
    let frames = pictures
        .par_iter()
        .enumerate()
        .map(|(index, picture)| frame(index, picture, Some(&palette)))
        .collect::<Result<Vec<_>, Error>>()?;
    assembled(moments, &frames, loops)
}

/// The first frame is the picture that is shown where nothing moves: the whole of it.
fn frame(
    index: usize,
    picture: &RgbaImage,
    palette: Option<&Palette>,
) -> Result<(Area, Vec<u8>), Error> {
    let whole = Area {
        x: 0,
        y: 0,
        width: picture.width(),
        height: picture.height(),
    };
    let area = if index == 0 { whole } else { Area::of(picture) };
    Ok((area, still(&area.cut(picture), palette)?))
}

fn assembled(moments: &Moments, frames: &[(Area, Vec<u8>)], loops: bool) -> Result<Vec<u8>, Error> {
    let Some((_, first)) = frames.first() else {
        return Err(failed(WHAT, "no frames"));
    };
    let mut file = first.get(..8).unwrap_or_default().to_vec();
    let mut number = 0_u32;
    for (name, body) in chunks(first) {
        if matches!(name, b"IHDR" | b"PLTE" | b"tRNS") {
            chunk(&mut file, name, body);
        }
        if name == b"IHDR" {
            let plays = u32::from(!loops);
            let mut control = (frames.len() as u32).to_be_bytes().to_vec();
            control.extend_from_slice(&plays.to_be_bytes());
            chunk(&mut file, b"acTL", &control);
        }
    }
    for (index, (area, picture)) in frames.iter().enumerate() {
        let mut control = number.to_be_bytes().to_vec();
        number += 1;
        for value in [area.width, area.height, area.x, area.y] {
            control.extend_from_slice(&value.to_be_bytes());
        }
        control.extend_from_slice(&(moments.delay(index, 1000.0) as u16).to_be_bytes());
        control.extend_from_slice(&1000_u16.to_be_bytes());
        control.extend_from_slice(&[1, 0]); // clears its place afterwards, replaces what is there
        chunk(&mut file, b"fcTL", &control);
        let data: Vec<&[u8]> = chunks(picture)
            .filter(|(name, _)| *name == b"IDAT")
            .map(|(_, body)| body)
            .collect();
        let data = data.concat();
        match index {
            0 => chunk(&mut file, b"IDAT", &data),
            _ => {
                let mut numbered = number.to_be_bytes().to_vec();
                number += 1;
                numbered.extend_from_slice(&data);
                chunk(&mut file, b"fdAT", &numbered);
            }
        }
    }
    chunk(&mut file, b"IEND", &[]);
    Ok(file)
}

/// A picture as a PNG file.
fn still(picture: &RgbaImage, palette: Option<&Palette>) -> Result<Vec<u8>, Error> {
    let broken = |error: png::EncodingError| failed(WHAT, error);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    match palette {
        Some(palette) => {
            let colours = palette.colours();
            let shown: Vec<u8> = colours.iter().flat_map(|c| [c[0], c[1], c[2]]).collect();
            let cover: Vec<u8> = colours.iter().map(|c| c[3]).collect();
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(shown);
            encoder.set_trns(cover);
            encoder.set_filter(Filter::NoFilter);
            let mut writer = encoder.write_header().map_err(broken)?;
            writer
                .write_image_data(&palette.indices(picture, false))
                .map_err(broken)?;
            writer.finish().map_err(broken)?;
        }
        None => {
            encoder.set_color(ColorType::Rgba);
            encoder.set_filter(Filter::Adaptive);
            let mut writer = encoder.write_header().map_err(broken)?;
            writer.write_image_data(picture).map_err(broken)?;
            writer.finish().map_err(broken)?;
        }
    }
    Ok(file)
}

/// Names and bodies of the chunks of a PNG file that we wrote.
fn chunks(file: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = file.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let name = rest.get(4..)?.first_chunk::<4>()?;
        let body = rest.get(8..8 + length)?;
        rest = rest.get(12 + length..)?;
        Some((name, body))
    })
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(body);
    let mut sum = flate2::Crc::new();
    sum.update(name);
    sum.update(body);
    out.extend_from_slice(&sum.sum().to_be_bytes());
}
