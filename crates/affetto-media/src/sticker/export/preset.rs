//! Stickers that a platform takes: quality is searched until the file fits, and the file is read again before it is
//! written.
//!
//! | preset | file | limits |
//! |---|---|---|
//! | `telegram` | `.tgs` (packed Lottie) | 512 by 512, 3 s, 64 KiB |
//! | `telegram` | `.webm` (VP9 with alpha, by the user's ffmpeg) | 512 by 512, 3 s, 30 frames a second, 256 KiB |
//! | `discord` | `.png` (APNG) or `.gif` | 320 by 320, 5 s, 500,000 bytes |
//! | `emoji` | `.gif` or `.png` (APNG) | 128 by 128, 256,000 bytes |

use std::{
    io::{Cursor, Read, Write as _},
    path::Path,
};

use affetto_core::Progress;
use affetto_emotion::FrameRate;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use image::{AnimationDecoder, codecs::png::PngDecoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Frames, apng, each_frame, failed, film, gif, lottie,
    lottie::{RATE, write_value},
    write,
};
use crate::{Error, sticker::Sticker};

/// A platform whose limits a file keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Animated or video sticker of Telegram: `.tgs`, `.webm`.
    Telegram,
    /// Sticker of Discord: `.png`, `.gif`.
    Discord,
    /// Small animated emoji, as of Discord and Slack: `.gif`, `.png`.
    Emoji,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 3] = [Self::Telegram, Self::Discord, Self::Emoji];

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Discord => "discord",
            Self::Emoji => "emoji",
        }
    }

    /// Extensions of the files it makes, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Telegram => &["tgs", "webm"],
            Self::Discord => &["png", "apng", "gif"],
            Self::Emoji => &["gif", "png", "apng"],
        }
    }

    /// Width and height in pixels.
    pub const fn size(self) -> u32 {
        match self {
            Self::Telegram => 512,
            Self::Discord => 320,
            Self::Emoji => 128,
        }
    }

    /// The longest sticker, in seconds.
    pub const fn longest(self) -> f64 {
        match self {
            Self::Telegram => 3.0,
            Self::Discord => 5.0,
            Self::Emoji => 6.0,
        }
    }
}

/// What fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Size of the file.
    pub bytes: usize,
    /// The limit.
    pub limit: usize,
    /// Frames in it.
    pub frames: usize,
    /// Frames a second.
    pub rate: FrameRate,
    /// Colours of its palette, where it has one.
    pub colours: Option<u16>,
    /// Quality of its compression, 0 best, where it has one.
    pub quality: Option<u32>,
}

/// What is tried, the best first: frames a second and colours.
const LADDER: [(u32, u16); 9] = [
    (30, 256),
    (24, 256),
    (24, 128),
    (20, 128),
    (20, 64),
    (15, 64),
    (12, 64),
    (10, 64),
    (8, 64),
];

/// Writes a sticker that keeps the limits of a platform, whole or not at all.
///
/// # Errors
///
/// [`Error::Unfit`] for a take that is too long, a name whose extension the platform does not take, or where even the
/// smallest does not fit; those of the format.
pub fn write_preset(
    path: &Path,
    preset: Preset,
    sticker: &Sticker<'_>,
    progress: &dyn Progress,
) -> Result<Fit, Error> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let (bytes, fit) = preset_bytes(&extension, preset, sticker, progress)?;
    write(path, &bytes)?;
    Ok(fit)
}

/// The same as bytes, of a file with this extension.
///
/// # Errors
///
/// As [`write_preset`], but for those of writing.
pub fn preset_bytes(
    extension: &str,
    preset: Preset,
    sticker: &Sticker<'_>,
    progress: &dyn Progress,
) -> Result<(Vec<u8>, Fit), Error> {
    let extension = extension.to_ascii_lowercase();
    if !preset.extensions().contains(&extension.as_str()) {
        let reason = format!("it takes .{}", preset.extensions().join(", ."));
        return Err(unfit(preset, reason));
    }
    let seconds = sticker.take().seconds();
    if seconds > preset.longest() + 1e-6 {
        let reason = format!(
            "it takes at most {} s, and this lasts {seconds:.2} s",
            preset.longest()
        );
        return Err(unfit(preset, reason));
    }
    match (preset, extension.as_str()) {
        (Preset::Telegram, "tgs") => tgs(sticker),
        (Preset::Telegram, _) => webm(sticker, progress),
        (_, "gif") => pictures(preset, true, sticker, progress),
        _ => pictures(preset, false, sticker, progress),
    }
}

fn unfit(preset: Preset, reason: String) -> Error {
    Error::Unfit {
        preset: preset.name(),
        reason,
    }
}

fn tgs(sticker: &Sticker<'_>) -> Result<(Vec<u8>, Fit), Error> {
    let limit = 64 << 10;
    let mut value: serde_json::Value =
        serde_json::from_slice(&lottie(sticker)?).map_err(|error| failed("Lottie", error))?;
    value["tgs"] = serde_json::json!(1);
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let mut text = String::new();
    write_value(&value, &mut text);
    let packed = packer
        .write_all(text.as_bytes())
        .and_then(|()| packer.finish());
    let bytes = packed.map_err(|error| failed("Lottie", error))?;
    if bytes.len() > limit {
        let reason = format!(
            "{} bytes, and it takes {limit}; ask for a shorter sticker",
            bytes.len()
        );
        return Err(unfit(Preset::Telegram, reason));
    }
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .map_err(|error| failed("Lottie", error))?;
    let again: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| failed("Lottie", error))?;
    let end = again["op"].as_f64().unwrap_or(f64::MAX);
    let sound = again["w"] == 512
        && again["h"] == 512
        && again["fr"] == RATE
        && end <= 3.0 * f64::from(RATE);
    if !sound {
        return Err(unfit(
            Preset::Telegram,
            "the file is not what was asked".into(),
        ));
    }
    let fit = Fit {
        bytes: bytes.len(),
        limit,
        frames: end as usize,
        rate: FrameRate::new(60, 1),
        colours: None,
        quality: None,
    };
    Ok((bytes, fit))
}

fn webm(sticker: &Sticker<'_>, progress: &dyn Progress) -> Result<(Vec<u8>, Fit), Error> {
    let limit = 256 << 10;
    let size = Preset::Telegram.size();
    for (rate, quality) in [(30, 18), (30, 28), (30, 38), (24, 44), (20, 50), (15, 58)] {
        let rate = FrameRate::new(rate, 1);
        let bytes = film::webm(sticker, Frames { size, rate }, quality, progress)?;
        if bytes.len() > limit {
            continue;
        }
        let (frames, transparent) = film::decoded_webm(&bytes, size)?;
        let marked = bytes.windows(3).any(|bytes| bytes == [0x53, 0xc0, 0x81]); // AlphaMode
        let expected = Frames { size, rate }.moments(sticker)?.count;
        if frames != expected || !transparent || !marked {
            let reason = format!(
                "{frames} frames of {expected}, transparent {transparent}, in what ffmpeg wrote"
            );
            return Err(unfit(Preset::Telegram, reason));
        }
        let fit = Fit {
            bytes: bytes.len(),
            limit,
            frames,
            rate,
            colours: None,
            quality: Some(quality),
        };
        return Ok((bytes, fit));
    }
    Err(unfit(
        Preset::Telegram,
        format!("more than {limit} bytes at the lowest quality; ask for a shorter sticker"),
    ))
}

fn pictures(
    preset: Preset,
    as_gif: bool,
    sticker: &Sticker<'_>,
    progress: &dyn Progress,
) -> Result<(Vec<u8>, Fit), Error> {
    let limit = match preset {
        Preset::Emoji => 256_000,
        Preset::Telegram | Preset::Discord => 500_000,
    };
    let size = preset.size();
    let mut drawn = None;
    let mut least = usize::MAX;
    for (per_second, colours) in LADDER {
        let rate = FrameRate::new(per_second, 1);
        // Pictures of one rate are drawn once.
        let (_, moments, pictures) = match drawn.take() {
            Some(drawn @ (before, _, _)) if before == per_second => drawn,
            _ => {
                let frames = Frames { size, rate };
                let (moments, pictures) = each_frame(sticker, frames, progress, |_, it| Ok(it))?;
                (per_second, moments, pictures)
            }
        };
        let loops = sticker.take().loops;
        let bytes = match as_gif {
            true => gif::packed(&moments, &pictures, colours, loops)?,
            false => apng::packed(&moments, &pictures, colours, loops)?,
        };
        least = least.min(bytes.len());
        if bytes.len() <= limit {
            let frames = if as_gif {
                gif_frames(&bytes, size)?
            } else {
                png_frames(&bytes, size)?
            };
            if frames != moments.count {
                let reason = format!("{frames} frames of {} in the file", moments.count);
                return Err(unfit(preset, reason));
            }
            let fit = Fit {
                bytes: bytes.len(),
                limit,
                frames,
                rate,
                colours: Some(colours),
                quality: None,
            };
            return Ok((bytes, fit));
        }
        drawn = Some((per_second, moments, pictures));
    }
    let reason = format!(
        "{least} bytes at the lowest quality, and it takes {limit}; ask for a shorter sticker"
    );
    Err(unfit(preset, reason))
}

/// How many frames a GIF has that is as large as it should be and transparent in a corner.
fn gif_frames(bytes: &[u8], size: u32) -> Result<usize, Error> {
    let broken = |error: ::gif::DecodingError| failed("GIF", error);
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(broken)?;
    if u32::from(decoder.width()) != size || u32::from(decoder.height()) != size {
        return Err(failed("GIF", "another size than asked"));
    }
    let mut count = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(broken)? {
        count += usize::from(frame.transparent.is_some());
    }
    Ok(count)
}

/// How many frames an animated PNG has that is as large as it should be and transparent in a corner.
fn png_frames(bytes: &[u8], size: u32) -> Result<usize, Error> {
    let broken = |error: image::ImageError| failed("APNG", error);
    let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    let frames = decoder.apng().map_err(broken)?.into_frames();
    let mut count = 0;
    for frame in frames {
        let picture = frame.map_err(broken)?.into_buffer();
        if picture.dimensions() != (size, size) || !picture.pixels().any(|pixel| pixel.0[3] == 0) {
            return Err(failed("APNG", "a frame that is not what was drawn"));
        }
        count += 1;
    }
    Ok(count)
}
