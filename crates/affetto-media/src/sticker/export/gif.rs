//! Animated GIF: one palette, transparent or not, nothing between.

use std::path::Path;

use affetto_core::Progress;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image::RgbaImage;
use rayon::prelude::*;

use super::{Area, Frames, Moments, each_frame, failed, palette::Palette, some_frames, write};
use crate::{Error, sticker::Sticker};

const WHAT: &str = "GIF";

/// A sticker as animated GIF with at most `colours` colours, 64..=256. A pixel that is at least half covered is shown, in
/// its own colour, so that no edge of another background is left; the palette is that of all frames, so that no colour
/// flickers.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Limit`] for too many frames, [`Error::Encode`] and [`Error::Cancelled`].
pub fn gif(
    sticker: &Sticker<'_>,
    frames: Frames,
    colours: u16,
    progress: &dyn Progress,
) -> Result<Vec<u8>, Error> {
    let palette = Palette::of(&some_frames(sticker, frames)?, usize::from(colours), true);
    let moments = frames.moments(sticker)?;
    let (_, packed) = each_frame(sticker, frames, progress, |index, picture| {
        Ok(frame(&moments, index, &picture, &palette))
    })?;
    assembled(frames.size, &palette, &packed, sticker.take().loops)
}

/// Writes [`gif()`], whole or not at all.
///
/// # Errors
///
/// As [`gif()`], and [`Error::Write`].
pub fn write_gif(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    colours: u16,
    progress: &dyn Progress,
) -> Result<(), Error> {
    write(path, &gif(sticker, frames, colours, progress)?)
}

/// A sticker whose frames are drawn already.
pub(super) fn packed(
    moments: &Moments,
    pictures: &[RgbaImage],
    colours: u16,
    loops: bool,
) -> Result<Vec<u8>, Error> {
    let size = pictures.first().map_or(1, RgbaImage::width);
    let palette = Palette::of(pictures, usize::from(colours), true);
    let frames: Vec<Frame<'static>> = pictures
        .par_iter()
        .enumerate()
        .map(|(index, picture)| frame(moments, index, picture, &palette))
        .collect();
    assembled(size, &palette, &frames, loops)
}

fn frame(
    moments: &Moments,
    index: usize,
    picture: &RgbaImage,
    palette: &Palette,
) -> Frame<'static> {
    let area = Area::of(picture);
    let mut frame = Frame {
        delay: moments.delay(index, 100.0) as u16,
        dispose: DisposalMethod::Background,
        transparent: Some(0),
        left: area.x as u16,
        top: area.y as u16,
        width: area.width as u16,
        height: area.height as u16,
        buffer: palette.indices(&area.cut(picture), true).into(),
        ..Frame::default()
    };
    frame.make_lzw_pre_encoded();
    frame
}

fn assembled(
    size: u32,
    palette: &Palette,
    frames: &[Frame<'static>],
    loops: bool,
) -> Result<Vec<u8>, Error> {
    let size = size as u16;
    let colours = palette.colours().iter();
    let shown: Vec<u8> = colours.flat_map(|c| [c[0], c[1], c[2]]).collect();
    let broken = |error: gif::EncodingError| failed(WHAT, error);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, size, size, &shown).map_err(broken)?;
    if loops {
        encoder.set_repeat(Repeat::Infinite).map_err(broken)?;
    }
    for frame in frames {
        encoder.write_lzw_pre_encoded_frame(frame).map_err(broken)?;
    }
    drop(encoder);
    Ok(file)
}
