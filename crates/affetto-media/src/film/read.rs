//! Films frame by frame: H.264 in MP4 or MOV.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use image::RgbImage;
use openh264::{
    OpenH264API,
    decoder::{DecodedYUV, Decoder, DecoderConfig, Flush},
    formats::YUVSource,
};
use shiguredo_mp4::{
    TrackKind,
    bitstream::h264::{LengthSize, length_prefixed_to_annexb, parse_sps},
    boxes::{AvccBox, SampleEntry},
    demux::Mp4FileDemuxer,
};

use crate::{Error, Limits};

/// The longest side of a film that is read, in pixels.
const LONGEST_SIDE: u16 = 4096;
/// The largest list of a film's frames, in bytes.
const LIST_BYTES: u64 = 64 << 20;
/// The largest frame in the file, in bytes.
const FRAME_BYTES: usize = 32 << 20;

/// A frame of a film.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmFrame {
    /// When it is shown, in seconds from the first frame.
    pub at_secs: f64,
    /// What is shown.
    pub picture: RgbImage,
}

/// Where a frame lies in the file.
struct Place {
    offset: u64,
    bytes: usize,
}

/// A film that is read frame by frame, in the order in which it is shown. Its colours are taken for those of ITU-R BT.709 in
/// the narrow range, as [`FilmWriter`](super::FilmWriter) writes them.
pub struct FilmReader {
    path: PathBuf,
    file: File,
    size: (u32, u32),
    length_size: LengthSize,
    decoder: Decoder,
    /// Frames that are not decoded yet, in the order of the file.
    places: VecDeque<Place>,
    /// When frames are shown, in that order.
    times: VecDeque<f64>,
    /// Frames that are decoded and not given out yet.
    ready: VecDeque<RgbImage>,
    flushed: bool,
}

impl FilmReader {
    /// Opens a film and reads the list of its frames.
    ///
    /// # Errors
    ///
    /// [`Error::FilmRead`] where it is damaged, has no H.264 track of 8 bits and 4:2:0, or sides above 4096 pixels, and
    /// [`Error::Limit`] for more than 216,000 frames. All is checked before memory is taken.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |reason: &dyn ToString| unreadable(path, reason);
        let mut file = File::open(path).map_err(|error| failed(&error))?;
        let mut demuxer = Mp4FileDemuxer::new();
        while let Some(needed) = demuxer.required_input() {
            let bytes = part(&mut file, needed.position, needed.size);
            let bytes = bytes.map_err(|error| failed(&error))?;
            demuxer.handle_input(needed.to_input(&bytes));
        }
        let tracks = demuxer.tracks().map_err(|error| failed(&error))?;
        let video = tracks.iter().find(|track| track.kind == TrackKind::Video);
        let Some(track) = video.map(|track| track.track_id) else {
            return Err(failed(&"no track of pictures"));
        };
        let (mut places, mut times) = (VecDeque::new(), Vec::new());
        let mut description = None;
        while let Some(sample) = demuxer.next_sample().map_err(|error| failed(&error))? {
            if sample.track.track_id != track {
                continue;
            }
            if let Some(entry) = sample.sample_entry {
                let SampleEntry::Avc1(entry) = entry else {
                    return Err(failed(&"its pictures are not in H.264"));
                };
                if description.is_some() {
                    return Err(failed(&"its pictures change their kind midway"));
                }
                description = Some(entry.avcc_box.clone());
            }
            if places.len() >= Limits::DEFAULT.frames {
                return Err(Error::Limit {
                    what: "frames",
                    limit: Limits::DEFAULT.frames as u64,
                    found: places.len() as u64 + 1,
                });
            }
            if sample.data_size > FRAME_BYTES {
                return Err(failed(&format!("a frame of {} bytes", sample.data_size)));
            }
            places.push_back(Place {
                offset: sample.data_offset,
                bytes: sample.data_size,
            });
            let shown = sample.timestamp as i64 + sample.composition_time_offset.unwrap_or(0);
            times.push(shown as f64 / f64::from(sample.track.timescale.get()));
        }
        let Some(description) = description else {
            return Err(failed(&"a film without pictures"));
        };
        let size = size(path, &description)?;
        times.sort_by(f64::total_cmp);
        let first = times.first().copied().unwrap_or(0.0);
        Ok(Self {
            path: path.into(),
            file,
            size,
            length_size: match description.length_size_minus_one.get() {
                0 => LengthSize::OneByte,
                1 => LengthSize::TwoBytes,
                _ => LengthSize::FourBytes,
            },
            decoder: decoder(path, &description)?,
            places,
            times: times.into_iter().map(|time| time - first).collect(),
            ready: VecDeque::new(),
            flushed: false,
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// How many frames are left.
    pub fn left(&self) -> usize {
        self.times.len()
    }

    /// The next frame; none after the last.
    ///
    /// # Errors
    ///
    /// [`Error::FilmRead`] where the file is cut short or a frame is damaged.
    pub fn next_frame(&mut self) -> Result<Option<FilmFrame>, Error> {
        while self.ready.is_empty() {
            match self.places.pop_front() {
                Some(place) => self.decode(&place)?,
                None if self.flushed => break,
                None => self.flush()?,
            }
        }
        let Some(picture) = self.ready.pop_front() else {
            return match self.times.is_empty() {
                true => Ok(None),
                false => Err(unreadable(&self.path, &"some frames cannot be decoded")),
            };
        };
        Ok(self
            .times
            .pop_front()
            .map(|at_secs| FilmFrame { at_secs, picture }))
    }

    fn decode(&mut self, place: &Place) -> Result<(), Error> {
        let bytes = part(&mut self.file, place.offset, Some(place.bytes))
            .and_then(|bytes| match bytes.len() == place.bytes {
                true => Ok(bytes),
                false => Err(std::io::ErrorKind::UnexpectedEof.into()),
            })
            .map_err(|error| unreadable(&self.path, &error))?;
        let stream = length_prefixed_to_annexb(&bytes, self.length_size)
            .map_err(|error| unreadable(&self.path, &error))?;
        let decoded = self.decoder.decode(&stream);
        let decoded = decoded.map_err(|error| unreadable(&self.path, &error))?;
        if let Some(frame) = decoded {
            self.ready.push_back(rgb(&self.path, &frame, self.size)?);
        }
        Ok(())
    }

    /// Frames that waited for later ones.
    fn flush(&mut self) -> Result<(), Error> {
        self.flushed = true;
        let frames = self.decoder.flush_remaining();
        for frame in frames.map_err(|error| unreadable(&self.path, &error))? {
            self.ready.push_back(rgb(&self.path, &frame, self.size)?);
        }
        Ok(())
    }
}

fn unreadable(path: &Path, reason: &dyn ToString) -> Error {
    Error::FilmRead {
        path: path.into(),
        reason: reason.to_string(),
    }
}

/// `size` bytes from `offset` on, or fewer where the file ends; all that follow where no size is said.
fn part(file: &mut File, offset: u64, size: Option<usize>) -> std::io::Result<Vec<u8>> {
    let size = size.map_or(LIST_BYTES + 1, |size| size as u64);
    if size > LIST_BYTES {
        let text = format!("a part of {size} bytes, and at most {LIST_BYTES} are read");
        return Err(std::io::Error::other(text));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Width and height as the decoder will have them.
fn size(path: &Path, description: &AvccBox) -> Result<(u32, u32), Error> {
    let Some(set) = description.sps_list.first() else {
        return Err(unreadable(path, &"no sequence parameters"));
    };
    let set = parse_sps(set).map_err(|error| unreadable(path, &error))?;
    if set.chroma_format_idc != 1 || set.bit_depth_luma_minus8 != 0 {
        return Err(unreadable(path, &"its colours are not 4:2:0 of 8 bits"));
    }
    if set.width.max(set.height) > LONGEST_SIDE {
        let reason = format!(
            "{} by {} pixels, where sides up to {LONGEST_SIDE} are read",
            set.width, set.height
        );
        return Err(unreadable(path, &reason));
    }
    Ok((u32::from(set.width), u32::from(set.height)))
}

/// A decoder that has the parameters of the film.
fn decoder(path: &Path, description: &AvccBox) -> Result<Decoder, Error> {
    // Frames come when all that are shown before them have come.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
    let mut decoder = decoder.map_err(|error| unreadable(path, &error))?;
    for set in description.sps_list.iter().chain(&description.pps_list) {
        let mut stream = vec![0, 0, 0, 1];
        stream.extend(set);
        let decoded = decoder.decode(&stream);
        decoded.map_err(|error| unreadable(path, &error))?;
    }
    Ok(decoder)
}

/// The colours of a frame, as ITU-R BT.709 has them in the narrow range.
fn rgb(
    path: &Path,
    frame: &DecodedYUV<'_>,
    (width, height): (u32, u32),
) -> Result<RgbImage, Error> {
    let found = frame.dimensions();
    if found != (width as usize, height as usize) {
        let reason = format!("a frame of {} by {} pixels midway", found.0, found.1);
        return Err(unreadable(path, &reason));
    }
    let (y_stride, u_stride, v_stride) = frame.strides();
    let mut bytes = Vec::with_capacity(width as usize * height as usize * 3);
    for row in 0..height as usize {
        let ys = &frame.y()[row * y_stride..];
        let (us, vs) = (
            &frame.u()[row / 2 * u_stride..],
            &frame.v()[row / 2 * v_stride..],
        );
        for column in 0..width as usize {
            let y = (i32::from(ys[column]) - 16) * 76309;
            let u = i32::from(us[column / 2]) - 128;
            let v = i32::from(vs[column / 2]) - 128;
            // 255 / 219 and 255 / 224 times 1.5748, 0.1873, 0.4681 and 1.8556, in 65536ths.
            for part in [v * 117_489, -u * 13_975 - v * 34_925, u * 138_438] {
                bytes.push(((y + part + 32768) >> 16).clamp(0, 255) as u8);
            }
        }
    }
    RgbImage::from_raw(width, height, bytes)
        .ok_or_else(|| unreadable(path, &"a frame of another size"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_emotion::FrameRate;
    use image::Rgb;

    use super::*;
    use crate::film::write_film;

    /// A square that moves over a colour that changes.
    fn picture(at: u32) -> RgbImage {
        RgbImage::from_fn(48, 32, |x, y| match (x / 8, y / 8) == (at % 6, at % 4) {
            true => Rgb([240, 200, 40]),
            false => Rgb([30 + 4 * at as u8, 60, 150]),
        })
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let pictures = (0..20).map(|at| Ok::<_, Error>(picture(at)));
        write_film(&path, FrameRate::new(30000, 1001), pictures).unwrap();
        let mut film = FilmReader::open(&path).unwrap();
        assert_eq!((film.size(), film.left()), ((48, 32), 20));
        for at in 0..20 {
            let frame = film.next_frame().unwrap().unwrap();
            assert!((frame.at_secs - f64::from(at) * 1001.0 / 30000.0).abs() < 1e-9);
            let expected = picture(at);
            let apart = frame.picture.iter().zip(expected.iter());
            let apart: f64 = apart
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
                .sum();
            assert!(apart / expected.len() as f64 <= 4.0, "{at}: {apart}");
        }
        assert!(film.next_frame().unwrap().is_none());
    }

    #[test]
    fn colours_are_those_that_were_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        for colour in [
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [200, 120, 40],
            [0; 3],
            [255; 3],
        ] {
            let one = RgbImage::from_pixel(32, 32, Rgb(colour));
            write_film(&path, FrameRate::new(16, 1), [Ok::<_, Error>(one)]).unwrap();
            let mut film = FilmReader::open(&path).unwrap();
            let frame = film.next_frame().unwrap().unwrap().picture;
            let found = frame.get_pixel(16, 16).0;
            for (found, expected) in found.iter().zip(colour) {
                assert!(found.abs_diff(expected) <= 3, "{found:?} for {colour:?}");
            }
        }
    }

    #[test]
    fn damaged_films_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let pictures = (0..6).map(|at| Ok::<_, Error>(picture(at)));
        write_film(&path, FrameRate::new(16, 1), pictures).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| -> Result<usize, Error> {
            std::fs::write(&path, bytes).unwrap();
            let mut film = FilmReader::open(&path)?;
            let mut count = 0;
            while film.next_frame()?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        assert_eq!(read(&whole).unwrap(), 6);
        for cut in (0..whole.len()).step_by(whole.len() / 40) {
            let error = read(&whole[..cut]).unwrap_err();
            assert!(matches!(error, Error::FilmRead { .. }), "{cut}: {error}");
        }
        // No byte may bring it down, whatever it stands for.
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = read(&bytes);
        }
        assert!(FilmReader::open(&folder.path().join("none.mp4")).is_err());
        assert!(FilmReader::open(folder.path()).is_err());
    }
}
