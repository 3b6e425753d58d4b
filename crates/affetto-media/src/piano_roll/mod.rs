//! Piano rolls as pictures: melody and accompaniment over time, with bars, chord names, sections and,
//! for each bar, the valence that was asked for beside the one that was measured. The two hands of a keyboard have
//! colours of their own, deeper where they play louder.

mod canvas;
mod colours;
mod layout;
mod paint;

use std::io::Cursor;

use image::{
    ExtendedColorType, ImageEncoder, RgbaImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use crate::{Error, Format, Score};
use canvas::{Canvas, Fonts};
use layout::Layout;

/// A picture to be drawn.
#[derive(Clone, Debug)]
pub struct PianoRoll<'s> {
    /// The music.
    pub score: &'s Score,
    /// The valence asked for in each bar, in [-1, 1].
    pub asked_valence: Option<Vec<f64>>,
    /// The valence measured in each bar, in [-1, 1]; it colours the melody, or where it is missing
    /// the one asked for does.
    pub measured_valence: Option<Vec<f64>>,
    /// The width of the picture, in [`PianoRoll::WIDTHS`]; the height follows from the music.
    pub width_pixels: u32,
    /// The line at the top.
    pub title: String,
    /// What was asked for, such as `valence +0.60, arousal −0.40`; it stands below the title.
    pub asked: Option<String>,
}

impl<'s> PianoRoll<'s> {
    /// The widths that can be drawn, in pixels.
    pub const WIDTHS: std::ops::RangeInclusive<u32> = 640..=8192;

    /// The largest picture, in pixels.
    pub const MOST_PIXELS: u64 = 64_000_000;

    /// The score under its own title, 1600 pixels wide, without valences.
    pub fn new(score: &'s Score) -> Self {
        Self {
            score,
            asked_valence: None,
            measured_valence: None,
            width_pixels: 1600,
            title: score.title.clone(),
            asked: None,
        }
    }

    fn has_valence(&self) -> bool {
        self.asked_valence.is_some() || self.measured_valence.is_some()
    }

    fn check(&self) -> Result<(), Error> {
        if self.score.bars.is_empty() {
            return Err(unsupported("a piano roll without bars".into()));
        }
        if !Self::WIDTHS.contains(&self.width_pixels) {
            return Err(unsupported(format!(
                "a piano roll {} pixels wide, where {} to {} are possible",
                self.width_pixels,
                Self::WIDTHS.start(),
                Self::WIDTHS.end()
            )));
        }
        let bars = self.score.bars.len();
        for valences in [&self.asked_valence, &self.measured_valence] {
            let valences = valences.as_deref().unwrap_or_default();
            if !valences.is_empty() && valences.len() != bars {
                let count = valences.len();
                return Err(unsupported(format!("{count} valences for {bars} bars")));
            }
            let outside = valences
                .iter()
                .find(|valence| !(-1.0..=1.0).contains(*valence));
            if let Some(valence) = outside {
                return Err(unsupported(format!(
                    "the valence {valence}, outside -1..=1"
                )));
            }
        }
        Ok(())
    }
}

/// Draws the picture. The same roll gives the same pixels.
///
/// # Errors
///
/// [`Error::Unsupported`] for a score without bars, for a width outside [`PianoRoll::WIDTHS`], for
/// more pixels than [`PianoRoll::MOST_PIXELS`], and for valences that are not one for each bar or not
/// in [-1, 1].
pub fn draw(roll: &PianoRoll<'_>) -> Result<RgbaImage, Error> {
    roll.check()?;
    let no_font = || unsupported("text, for its built-in font is damaged".into());
    let fonts = Fonts::load().ok_or_else(no_font)?;
    let layout = Layout::of(roll, &fonts);
    let pixels = f64::from(layout.height) * f64::from(roll.width_pixels);
    let too_large = || {
        unsupported(format!(
            "a piano roll of {:.0} megapixels, where {} are the most",
            (pixels / 1e6).ceil(),
            PianoRoll::MOST_PIXELS / 1_000_000
        ))
    };
    if pixels > PianoRoll::MOST_PIXELS as f64 {
        return Err(too_large());
    }
    let height = layout.height as u32;
    let mut canvas = Canvas::new(roll.width_pixels, height, fonts).ok_or_else(too_large)?;
    paint::roll(&mut canvas, roll, &layout);
    canvas.finish().ok_or_else(too_large)
}

/// Draws the picture as a PNG file.
///
/// # Errors
///
/// As [`draw`].
pub fn png(roll: &PianoRoll<'_>) -> Result<Vec<u8>, Error> {
    let picture = draw(roll)?;
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgba8,
        )
        .map_err(|error| unsupported(error.to_string()))?;
    Ok(bytes.into_inner())
}

fn unsupported(what: String) -> Error {
    Error::Unsupported {
        format: Format::Png,
        what,
    }
}
