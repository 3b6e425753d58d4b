//! Stickers as files. Frames are drawn and packed in parallel, one at a time for each thread; the bytes are the same
//! for any number of threads.

mod apng;
mod film;
mod format;
mod gif;
mod lottie;
mod palette;
mod preset;
mod sheet;
mod still;
mod webp;

use std::path::Path;

use affetto_core::{Progress, Stage, write_atomic};
use affetto_emotion::{FrameRate, frames_per_second};
use image::RgbaImage;
use rayon::prelude::*;

pub use apng::{Colours, apng, write_apng};
pub use film::{find_ffmpeg, write_mp4, write_webm};
pub use format::{FileOptions, StickerFormat, sticker_bytes, write_sticker};
pub use gif::{gif, write_gif};
pub use lottie::{dot_lottie, lottie, write_dot_lottie, write_lottie};
pub use preset::{Fit, Preset, preset_bytes, write_preset};
pub use sheet::{Atlas, SheetExtent, SheetGrid, atlas, moments, write_atlas, write_sheet};
pub use still::{svg, write_png, write_png_sequence, write_svg};
pub use webp::{Packing, webp, write_webp};

use super::Sticker;
use crate::Error;

/// The most frames of a file of pictures.
const FRAMES: usize = 3_000;

/// Which moments of a sticker are drawn, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frames {
    /// Width and height in pixels.
    pub size: u32,
    /// Frames per second, nearly: so many that a whole number of them lasts as long as the take.
    pub rate: FrameRate,
}

impl Frames {
    /// 512 pixels, 24 frames per second.
    pub const USUAL: Self = Self {
        size: 512,
        rate: FrameRate::new_raw(24, 1),
    };

    /// When each frame of a take is shown.
    fn moments(&self, sticker: &Sticker<'_>) -> Result<Moments, Error> {
        let seconds = sticker.take().seconds();
        let count = (seconds * frames_per_second(self.rate)).round().max(1.0);
        match count <= FRAMES as f64 {
            true => Ok(Moments {
                count: count as usize,
                seconds,
            }),
            false => Err(Error::Limit {
                what: "frames of pictures",
                limit: FRAMES as u64,
                found: count as u64,
            }),
        }
    }
}

/// Moments at equal distances.
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: usize,
    /// How long all last.
    seconds: f64,
}

impl Moments {
    fn at(&self, index: usize) -> f64 {
        self.seconds * index as f64 / self.count as f64
    }

    /// How long a frame is shown, in units of which there are so many a second: whole ones whose sum is right.
    fn delay(&self, index: usize, per_second: f64) -> u32 {
        let end = |index: usize| (self.at(index) * per_second).round();
        (end(index + 1) - end(index)).max(1.0) as u32
    }
}

/// Draws each frame and makes something of it, in parallel; the results in the order of the frames.
fn each_frame<T: Send>(
    sticker: &Sticker<'_>,
    frames: Frames,
    progress: &dyn Progress,
    make: impl Fn(usize, RgbaImage) -> Result<T, Error> + Sync,
) -> Result<(Moments, Vec<T>), Error> {
    let moments = frames.moments(sticker)?;
    let done = std::sync::atomic::AtomicUsize::new(0);
    let made = (0..moments.count).into_par_iter().map(|index| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let made = make(index, sticker.render(moments.at(index), frames.size)?)?;
        let count = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        progress.step(Stage::Render, count, moments.count);
        Ok(made)
    });
    let made = made.collect::<Result<Vec<T>, Error>>()?;
    Ok((moments, made))
}

/// So many frames show the colours of all.
const LOOKED_AT: usize = 24;

/// Frames at equal distances, drawn to find their colours.
fn some_frames(sticker: &Sticker<'_>, frames: Frames) -> Result<Vec<RgbaImage>, Error> {
    let moments = frames.moments(sticker)?;
    let step = moments.count.div_ceil(LOOKED_AT);
    let drawn = (0..moments.count).into_par_iter().step_by(step);
    drawn
        .map(|index| sticker.render(moments.at(index), frames.size))
        .collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomic(path, bytes).map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

fn failed(what: &'static str, reason: impl ToString) -> Error {
    Error::Encode {
        what,
        reason: reason.to_string(),
    }
}

/// A folder for a file that is gone with it.
fn temporary_folder(what: &'static str) -> Result<tempfile::TempDir, Error> {
    tempfile::tempdir().map_err(|error| failed(what, error))
}

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Area {
    /// The smallest that holds every pixel that is not transparent; a pixel where there is none.
    fn of(picture: &RgbaImage) -> Self {
        let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
        for (x, y, pixel) in picture.enumerate_pixels() {
            if pixel.0[3] > 0 {
                (left, right) = (left.min(x), right.max(x));
                (top, bottom) = (top.min(y), bottom.max(y));
            }
        }
        match left == u32::MAX {
            true => Self {
                x: 0,
                y: 0,
                width: 1,
                height: 1,
            },
            false => Self {
                x: left,
                y: top,
                width: right - left + 1,
                height: bottom - top + 1,
            },
        }
    }

    fn cut(self, picture: &RgbaImage) -> RgbaImage {
        image::imageops::crop_imm(picture, self.x, self.y, self.width, self.height).to_image()
    }
}
