//! Stickers as films: H.264 on a colour, and WebM with transparency by the user's ffmpeg.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use affetto_core::{Progress, Stage};
use affetto_emotion::{FrameRate, frames_per_second};
use image::RgbImage;
use num_rational::Ratio;

use super::{Frames, failed, temporary_folder};
use crate::{Error, film, sticker::Sticker};

/// Writes a sticker as MP4 on a colour, `times` after each other. The size is that of [`Frames`], made even.
///
/// # Errors
///
/// As [`Sticker::render`], [`film::write_film`] and [`Error::Cancelled`].
pub fn write_mp4(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    background: [u8; 3],
    times: usize,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let frames = Frames {
        size: frames.size & !1,
        ..frames
    };
    let moments = frames.moments(sticker)?;
    let rate = exact_rate(sticker, moments.count);
    let total = moments.count * times.clamp(1, 1000);
    let pictures = (0..total).map(|index| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let picture = sticker.render(moments.at(index % moments.count), frames.size)?;
        progress.step(Stage::Render, index + 1, total);
        let mut flat = RgbImage::new(frames.size, frames.size);
        for (under, over) in flat.pixels_mut().zip(picture.pixels()) {
            let alpha = u32::from(over.0[3]);
            let mixed = |at: usize| {
                let sum = u32::from(over.0[at]) * alpha + u32::from(background[at]) * (255 - alpha);
                ((sum + 127) / 255) as u8
            };
            under.0 = [mixed(0), mixed(1), mixed(2)];
        }
        Ok(flat)
    });
    film::write_film(path, rate, pictures)
}

/// The rate at which so many frames last as long as the take.
fn exact_rate(sticker: &Sticker<'_>, count: usize) -> FrameRate {
    let take = sticker.take();
    let (numer, denom) = (u64::from(*take.rate.numer()), u64::from(*take.rate.denom()));
    let length = denom * take.frames.len() as u64;
    let rate = Ratio::new(numer * count as u64, length.max(1));
    let whole = |value: &u64| u32::try_from(*value).ok();
    match (whole(rate.numer()), whole(rate.denom())) {
        (Some(numer), Some(denom)) if denom > 0 => FrameRate::new(numer, denom),
        _ => FrameRate::new((frames_per_second(take.rate) * 1000.0) as u32, 1000),
    }
}

/// The user's ffmpeg: what `AFFETTO_FFMPEG` names, or the first on the path.
pub fn find_ffmpeg() -> Option<PathBuf> {
    let named = env::var_os("AFFETTO_FFMPEG").map(PathBuf::from);
    let name = if cfg!(windows) {
        "ffmpeg.exe"
    } else {
        "ffmpeg"
    };
    let folders = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    named.filter(|file| file.is_file()).or_else(on_path)
}

/// Writes a sticker as WebM with transparency (VP9), by the user's ffmpeg. `quality` is 0 (best) to 63.
///
/// # Errors
///
/// [`Error::NoProgram`] where there is no ffmpeg, [`Error::Encode`] where it fails, and those of [`Sticker::render`].
pub fn write_webm(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    quality: u32,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let bytes = webm(sticker, frames, quality, progress)?;
    super::write(path, &bytes)
}

pub(super) const WHAT: &str = "WebM";

/// WebM in memory; the size is made even.
pub(super) fn webm(
    sticker: &Sticker<'_>,
    frames: Frames,
    quality: u32,
    progress: &dyn Progress,
) -> Result<Vec<u8>, Error> {
    let ffmpeg = find_ffmpeg().ok_or(Error::NoProgram { name: "ffmpeg" })?;
    let frames = Frames {
        size: frames.size & !1,
        ..frames
    };
    let moments = frames.moments(sticker)?;
    let rate = exact_rate(sticker, moments.count).to_string();
    let size = format!("{0}x{0}", frames.size);
    // ffmpeg seeks in what it writes, so it writes to a file of its own that goes again.
    let folder = temporary_folder(WHAT)?;
    let out = folder.path().join("sticker.webm");
    let quality = quality.min(63).to_string();
    let mut arguments: Vec<&OsStr> = [
        "-hide_banner",
        "-loglevel",
        "error",
        "-nostdin",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgba",
        "-s",
        &size,
        "-r",
        &rate,
        "-i",
        "-",
        "-an",
        "-c:v",
        "libvpx-vp9",
        "-pix_fmt",
        "yuva420p",
        "-metadata:s:v:0",
        "alpha_mode=1",
        "-auto-alt-ref",
        "0",
        "-b:v",
        "0",
        "-crf",
        &quality,
        "-row-mt",
        "0",
        "-threads",
        "1",
        "-deadline",
        "good",
        "-cpu-used",
        "2",
        "-fflags",
        "+bitexact",
        "-flags:v",
        "+bitexact",
        "-f",
        "webm",
    ]
    .map(OsStr::new)
    .into();
    arguments.push(out.as_os_str());
    let mut child = Command::new(&ffmpeg)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(WHAT, error))?;
    let mut pipe = child
        .stdin
        .take()
        .ok_or_else(|| failed(WHAT, "ffmpeg takes no pictures"))?;
    let mut broken = None;
    for index in 0..moments.count {
        if progress.cancelled() {
            broken = Some(Error::Cancelled);
            break;
        }
        let picture = sticker.render(moments.at(index), frames.size)?;
        if pipe.write_all(&picture).is_err() {
            break; // it says why
        }
        progress.step(Stage::Render, index + 1, moments.count);
    }
    drop(pipe);
    let ended = child
        .wait_with_output()
        .map_err(|error| failed(WHAT, error))?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        let line = said.lines().last().unwrap_or("it failed");
        return Err(failed(WHAT, format!("ffmpeg: {line}")));
    }
    std::fs::read(&out).map_err(|error| failed(WHAT, error))
}

/// The frames of a WebM as ffmpeg decodes them: how many, and whether any pixel is transparent.
pub(super) fn decoded_webm(bytes: &[u8], size: u32) -> Result<(usize, bool), Error> {
    let ffmpeg = find_ffmpeg().ok_or(Error::NoProgram { name: "ffmpeg" })?;
    let folder = temporary_folder(WHAT)?;
    let file = folder.path().join("sticker.webm");
    std::fs::write(&file, bytes).map_err(|error| failed(WHAT, error))?;
    let decoded = Command::new(ffmpeg)
        .args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-nostdin",
            "-c:v",
            "libvpx-vp9",
            "-i",
        ])
        .arg(&file)
        .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"])
        .output()
        .map_err(|error| failed(WHAT, error))?;
    let frame = (size * size * 4) as usize;
    let transparent = decoded.stdout.chunks_exact(4).any(|pixel| pixel[3] < 128);
    Ok((decoded.stdout.len() / frame, transparent))
}
