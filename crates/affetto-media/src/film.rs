//! Films: pictures one after another, as H.264 in MP4. One picture is held at a time.

mod read;

use std::{
    io::{BufWriter, IntoInnerError, Seek, SeekFrom, Write},
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use affetto_core::AtomicFile;
use affetto_emotion::FrameRate;
use image::RgbImage;
use openh264::{
    OpenH264API, Timestamp,
    encoder::{Encoder, EncoderConfig, FrameType, IntraFramePeriod, RateControlMode, VuiConfig},
    formats::YUVBuffer,
};
use shiguredo_mp4::{
    TrackKind,
    bitstream::h264::{
        H264NalUnitType, H264SampleEntryConfig, LengthSize, build_avc1_box_from_annexb,
        parse_annexb_nal_units,
    },
    boxes::SampleEntry,
    mux::{Mp4FileMuxer, Sample},
};

use crate::Error;
pub use read::{FilmFrame, FilmReader};

/// The sides of films, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 32..=2048;
/// Seconds between frames that need no other.
const SECONDS_PER_KEY: f64 = 2.0;

/// Writes a film from pictures of one size, whole or not at all.
///
/// # Errors
///
/// The first error among the pictures, and those of [`FilmWriter`].
pub fn write_film<E: From<Error>>(
    path: &Path,
    rate: FrameRate,
    pictures: impl IntoIterator<Item = Result<RgbImage, E>>,
) -> Result<(), E> {
    let mut film = FilmWriter::new(path, rate)?;
    for picture in pictures {
        film.push(&picture?)?;
    }
    Ok(film.finish()?)
}

/// A film that is being written. What is not finished leaves no file.
pub struct FilmWriter {
    path: PathBuf,
    file: BufWriter<AtomicFile>,
    written: u64,
    rate: FrameRate,
    muxer: Mp4FileMuxer,
    /// Set up by the first picture.
    encoder: Option<Encoder>,
    size: (u32, u32),
    frames: u64,
}

impl FilmWriter {
    /// Begins a film that will stand at `path`. `rate` is exact: 30000/1001 stays that.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], and [`Error::Film`] for a rate that is not from 1 to 1000 frames a second.
    pub fn new(path: &Path, rate: FrameRate) -> Result<Self, Error> {
        let per_second = f64::from(*rate.numer()) / f64::from((*rate.denom()).max(1));
        if !(1.0..=1000.0).contains(&per_second) {
            return Err(failed(
                path,
                format!("{rate} frames a second, where 1 to 1000 are possible"),
            ));
        }
        let unwritable = |source| Error::Write {
            path: path.into(),
            source,
        };
        let file = AtomicFile::create(path).map_err(unwritable)?;
        let mut film = Self {
            path: path.into(),
            file: BufWriter::new(file),
            written: 0,
            rate,
            muxer: Mp4FileMuxer::new().map_err(|error| failed(path, error))?,
            encoder: None,
            size: (0, 0),
            frames: 0,
        };
        let head = film.muxer.initial_boxes_bytes().to_vec();
        film.write(&head)?;
        Ok(film)
    }

    /// Adds a picture. All have the size of the first.
    ///
    /// # Errors
    ///
    /// [`Error::PictureSize`] where a side is odd or not 32..=2048 pixels, [`Error::Film`] where the size changes or the
    /// encoder fails, and [`Error::Write`].
    pub fn push(&mut self, picture: &RgbImage) -> Result<(), Error> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => self.begin(picture)?,
        };
        if picture.dimensions() != self.size {
            return Err(failed(&self.path, "pictures of different sizes"));
        }
        let at = self.frames as f64 * self.seconds_per_frame() * 1000.0;
        let encoded = encoder.encode_at(&yuv(picture), Timestamp::from_millis(at as u64));
        let encoded = encoded.map_err(|error| failed(&self.path, error))?;
        let is_key = matches!(encoded.frame_type(), FrameType::IDR | FrameType::I);
        let stream = encoded.to_vec();
        self.encoder = Some(encoder);
        self.add(&stream, is_key)
    }

    /// Ends the film, which then stands at its path.
    ///
    /// # Errors
    ///
    /// [`Error::Film`] for a film without pictures, and [`Error::Write`].
    pub fn finish(mut self) -> Result<(), Error> {
        if self.frames == 0 {
            return Err(failed(&self.path, "a film without pictures"));
        }
        let finished = self
            .muxer
            .finalize()
            .map_err(|error| failed(&self.path, error))?;
        let boxes: Vec<(u64, Vec<u8>)> = finished
            .offset_and_bytes_pairs()
            .map(|(at, bytes)| (at, bytes.to_vec()))
            .collect();
        let path = self.path;
        let end = move || {
            for (at, bytes) in boxes {
                self.file.seek(SeekFrom::Start(at))?;
                self.file.write_all(&bytes)?;
            }
            let file = self.file.into_inner();
            file.map_err(IntoInnerError::into_error)?.commit()
        };
        end().map_err(|source| Error::Write { path, source })
    }

    fn seconds_per_frame(&self) -> f64 {
        f64::from(*self.rate.denom()) / f64::from(*self.rate.numer())
    }

    fn begin(&mut self, picture: &RgbImage) -> Result<Encoder, Error> {
        let (width, height) = picture.dimensions();
        let is_fit = |side: u32| SIDES.contains(&side) && side.is_multiple_of(2);
        if !is_fit(width) || !is_fit(height) {
            return Err(Error::PictureSize {
                width,
                height,
                least: *SIDES.start(),
                most: *SIDES.end(),
            });
        }
        self.size = (width, height);
        let per_second = 1.0 / self.seconds_per_frame();
        let config = EncoderConfig::new()
            .max_frame_rate(openh264::encoder::FrameRate::from_hz(per_second as f32))
            .rate_control_mode(RateControlMode::Off) // equally fine throughout, the quantiser 26
            .skip_frames(false)
            .background_detection(false) // it leaves specks where the face has been
            .adaptive_quantization(false)
            .scene_change_detect(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(
                (per_second * SECONDS_PER_KEY).ceil() as u32,
            ))
            .num_threads(1) // the same bytes each time
            .vui(VuiConfig::bt709());
        Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| failed(&self.path, error))
    }

    fn add(&mut self, stream: &[u8], is_key: bool) -> Result<(), Error> {
        let entry = if self.frames == 0 {
            let config = H264SampleEntryConfig {
                length_size: LengthSize::FourBytes,
            };
            let described = build_avc1_box_from_annexb(stream, &config);
            Some(SampleEntry::Avc1(
                described.map_err(|error| failed(&self.path, error))?,
            ))
        } else {
            None
        };
        let bytes = sample(stream).map_err(|error| failed(&self.path, error))?;
        let offset = self.written;
        self.write(&bytes)?;
        let timescale = NonZeroU32::new(*self.rate.numer()).unwrap_or(NonZeroU32::MIN);
        let sample = Sample {
            track_kind: TrackKind::Video,
            sample_entry: entry,
            keyframe: is_key,
            timescale,
            duration: *self.rate.denom(),
            composition_time_offset: None,
            data_offset: offset,
            data_size: bytes.len(),
        };
        self.muxer
            .append_sample(&sample)
            .map_err(|error| failed(&self.path, error))?;
        self.frames += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.written += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }
}

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::Film {
        path: path.into(),
        reason: reason.to_string(),
    }
}

/// The units of a frame with their lengths before them; the parameter sets stand in the description of the track.
fn sample(stream: &[u8]) -> shiguredo_mp4::Result<Vec<u8>> {
    let is_set = |kind| matches!(kind, H264NalUnitType::Sps | H264NalUnitType::Pps);
    let mut bytes = Vec::with_capacity(stream.len());
    for unit in parse_annexb_nal_units(stream)? {
        if !is_set(unit.nal_unit_type) {
            bytes.extend((unit.data.len() as u32).to_be_bytes());
            bytes.extend(unit.data);
        }
    }
    Ok(bytes)
}

/// Brightness for each pixel and colour for each two by two, as ITU-R BT.709 has them, in the narrow range.
fn yuv(picture: &RgbImage) -> YUVBuffer {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let row = |y: usize| &picture.as_raw()[y * width * 3..(y + 1) * width * 3];
    let mut bytes = Vec::with_capacity(width * height * 3 / 2);
    for pixel in picture.as_raw().as_chunks::<3>().0 {
        let [r, g, b] = pixel.map(u32::from);
        // 219 / 255 times 0.2126, 0.7152 and 0.0722, in 65536ths.
        bytes.push(((r * 11966 + g * 40254 + b * 4064 + (16 << 16) + 32768) >> 16) as u8);
    }
    let mut second = Vec::with_capacity(width * height / 4);
    for y in (0..height).step_by(2) {
        let (upper, lower) = (row(y), row(y + 1));
        for x in (0..width * 3).step_by(6) {
            let sum = |part: usize| -> i32 {
                let four = [
                    upper[x + part],
                    upper[x + 3 + part],
                    lower[x + part],
                    lower[x + 3 + part],
                ];
                four.map(i32::from).iter().sum()
            };
            let (r, g, b) = (sum(0), sum(1), sum(2));
            // 224 / 255 times the differences, of four pixels, in 65536ths.
            let blue = -r * 1649 - g * 5547 + b * 7196;
            let red = r * 7196 - g * 6536 - b * 660;
            let part = |sum: i32| ((sum + (128 << 16) + 32768) >> 16).clamp(16, 240) as u8;
            bytes.push(part(blue));
            second.push(part(red));
        }
    }
    bytes.extend(second);
    YUVBuffer::from_vec(bytes, width, height)
}
