use std::path::Path;

use affetto_core::Progress;

use super::{
    Colours, Frames, Packing, apng, dot_lottie, failed, film::webm, gif, lottie, svg,
    temporary_folder, webp, write, write_mp4,
};
use crate::{Error, sticker::Sticker};

/// A file format of stickers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StickerFormat {
    /// Animated WebP.
    WebP,
    /// Animated PNG.
    Apng,
    /// Animated GIF.
    Gif,
    /// Lottie JSON.
    Lottie,
    /// dotLottie.
    DotLottie,
    /// A moment as SVG.
    Svg,
    /// H.264 in MP4, on a colour.
    Mp4,
    /// VP9 with transparency in WebM, by the user's ffmpeg.
    WebM,
}

impl StickerFormat {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::WebP,
        Self::Apng,
        Self::Gif,
        Self::Lottie,
        Self::DotLottie,
        Self::Svg,
        Self::Mp4,
        Self::WebM,
    ];

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebP => "animated WebP",
            Self::Apng => "animated PNG",
            Self::Gif => "animated GIF",
            Self::Lottie => "Lottie",
            Self::DotLottie => "dotLottie",
            Self::Svg => "SVG",
            Self::Mp4 => "MP4",
            Self::WebM => "WebM",
        }
    }

    /// File name extensions in lower case, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::WebP => &["webp"],
            Self::Apng => &["png", "apng"],
            Self::Gif => &["gif"],
            Self::Lottie => &["json"],
            Self::DotLottie => &["lottie"],
            Self::Svg => &["svg"],
            Self::Mp4 => &["mp4"],
            Self::WebM => &["webm"],
        }
    }

    /// The format that a file name's extension stands for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.extensions().contains(&extension.as_str()))
    }
}

/// What a file of a sticker is like, where its format leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FileOptions {
    /// Size and rate of pictures.
    pub frames: Frames,
    /// How WebP is packed.
    pub packing: Packing,
    /// How many colours an animated PNG has.
    pub colours: Colours,
    /// Behind the figure in MP4.
    pub background: [u8; 3],
    /// How often MP4 repeats the take.
    pub times: usize,
    /// The moment of an SVG, in seconds.
    pub seconds: f64,
    /// Of WebM: 0 (best) to 63.
    pub webm_quality: u32,
}

impl Default for FileOptions {
    /// 512 pixels at 24 frames a second, as they were drawn; MP4 on white, once.
    fn default() -> Self {
        Self {
            frames: Frames::USUAL,
            packing: Packing::Lossless,
            colours: Colours::All,
            background: [255, 255, 255],
            times: 1,
            seconds: 0.0,
            webm_quality: 20,
        }
    }
}

/// Writes a sticker in a format, whole or not at all.
///
/// # Errors
///
/// Those of the format.
pub fn write_sticker(
    path: &Path,
    format: StickerFormat,
    sticker: &Sticker<'_>,
    options: &FileOptions,
    progress: &dyn Progress,
) -> Result<(), Error> {
    match format {
        StickerFormat::Mp4 => {
            let (background, times) = (options.background, options.times);
            write_mp4(path, sticker, options.frames, background, times, progress)
        }
        _ => write(path, &sticker_bytes(format, sticker, options, progress)?),
    }
}

/// The bytes of a sticker in a format.
///
/// # Errors
///
/// Those of the format.
pub fn sticker_bytes(
    format: StickerFormat,
    sticker: &Sticker<'_>,
    options: &FileOptions,
    progress: &dyn Progress,
) -> Result<Vec<u8>, Error> {
    let frames = options.frames;
    match format {
        StickerFormat::WebP => webp(sticker, frames, options.packing, progress),
        StickerFormat::Apng => apng(sticker, frames, options.colours, progress),
        StickerFormat::Gif => gif(sticker, frames, 256, progress),
        StickerFormat::Lottie => lottie(sticker),
        StickerFormat::DotLottie => dot_lottie(sticker),
        StickerFormat::Svg => Ok(svg(sticker, options.seconds).into_bytes()),
        StickerFormat::Mp4 => {
            // Its frames are written as they come, to a file that can be gone back in.
            let folder = temporary_folder(format.name())?;
            let path = folder.path().join("sticker.mp4");
            write_sticker(&path, format, sticker, options, progress)?;
            std::fs::read(&path).map_err(|error| failed(format.name(), error))
        }
        StickerFormat::WebM => webm(sticker, frames, options.webm_quality, progress),
    }
}
