//! Ogg Vorbis, by libvorbis (through `vorbis_rs`): written, and read again to measure what came out.
//!
//! Nothing in a file comes from a clock or a random generator: the serial number of its stream is given, and the words
//! of the encoder are those of the library.

use std::num::{NonZeroU8, NonZeroU32};

use vorbis_rs::{
    VorbisBitrateManagementStrategy, VorbisDecoder, VorbisEncoderBuilder, VorbisError,
};

use crate::{
    Error, Format,
    wav::{Audio, LONGEST_SECS, SAMPLE_RATE},
};

/// The quality of the files, of -0.2..=1: about 190 kbit/s for busy stereo music.
const QUALITY: f32 = 0.6;
/// How many frames go to the encoder at once.
const BLOCK_FRAMES: usize = 4096;
const CHANNELS: NonZeroU8 = NonZeroU8::new(2).expect("two is not zero");
const RATE: NonZeroU32 = NonZeroU32::new(SAMPLE_RATE).expect("the sample rate is not zero");

/// Writes an Ogg Vorbis file with `tags` as its comments. It has exactly as many frames as `audio`.
///
/// `serial` is the number of the stream; files that may be chained into one should have different ones.
///
/// # Errors
///
/// [`Error::Unsupported`] for no sound at all, for a tag that comments cannot hold, and where the encoder refuses.
pub fn write(audio: &Audio, tags: &[(&str, String)], serial: i32) -> Result<Vec<u8>, Error> {
    if audio.frames() == 0 {
        return Err(unsupported("no sound at all"));
    }
    let mut bytes = Vec::new();
    let mut builder = VorbisEncoderBuilder::new_with_serial(RATE, CHANNELS, &mut bytes, serial);
    builder.bitrate_management_strategy(VorbisBitrateManagementStrategy::QualityVbr {
        target_quality: QUALITY,
    });
    for (tag, value) in tags {
        builder
            .comment_tag(*tag, value.as_str())
            .map_err(unsupported)?;
    }
    let mut encoder = builder.build().map_err(unsupported)?;
    let left = audio.left.chunks(BLOCK_FRAMES);
    for (left, right) in left.zip(audio.right.chunks(BLOCK_FRAMES)) {
        encoder
            .encode_audio_block([left, right])
            .map_err(unsupported)?;
    }
    encoder.finish().map_err(unsupported)?;
    Ok(bytes)
}

/// Reads an Ogg Vorbis file of [`SAMPLE_RATE`] in stereo, as [`write()`] writes it.
///
/// # Errors
///
/// [`Error::Malformed`] for what is none, [`Error::Unsupported`] for another rate or number of channels,
/// [`Error::Limit`] for more than [`LONGEST_SECS`].
pub fn read(bytes: &[u8]) -> Result<Audio, Error> {
    let malformed = |error: VorbisError| Error::Malformed {
        format: Format::Ogg,
        place: "its stream".into(),
        reason: error.to_string(),
    };
    let mut decoder = VorbisDecoder::<&[u8]>::new(bytes).map_err(malformed)?;
    if (decoder.channels(), decoder.sampling_frequency()) != (CHANNELS, RATE) {
        return Err(unsupported("another rate than 44.1 kHz, or no stereo"));
    }
    let most = LONGEST_SECS * u64::from(SAMPLE_RATE);
    let mut audio = Audio::silence(0);
    while let Some(block) = decoder.decode_audio_block().map_err(malformed)? {
        if let [left, right] = block.samples() {
            audio.left.extend_from_slice(left);
            audio.right.extend_from_slice(right);
        }
        if audio.frames() as u64 > most {
            return Err(Error::Limit {
                what: "frames of sound",
                limit: most,
                found: audio.frames() as u64,
            });
        }
    }
    Ok(audio)
}

fn unsupported(what: impl ToString) -> Error {
    Error::Unsupported {
        format: Format::Ogg,
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tone(frames: usize) -> Audio {
        let sample = |n: usize| 0.4 * (n as f32 * 0.0313).sin();
        let left: Vec<f32> = (0..frames).map(sample).collect();
        let right = left.iter().map(|sample| -0.5 * sample).collect();
        Audio { left, right }
    }

    /// Lengths on and off the borders of blocks.
    #[test]
    fn what_is_written_is_read_with_the_same_length() {
        for frames in [1, 63, 4096, 4097, 50_001] {
            let audio = tone(frames);
            let tags = [("TITLE", "Ä & b".to_owned()), ("LOOPSTART", "7".to_owned())];
            let bytes = write(&audio, &tags, 3).unwrap();
            assert_eq!(bytes, write(&audio, &tags, 3).unwrap());
            assert!(bytes.windows(11).any(|found| found == b"LOOPSTART=7"));
            assert_eq!(bytes[14..18], 3_i32.to_le_bytes());
            let found = read(&bytes).unwrap();
            assert_eq!(found.frames(), frames);
            let away = found.left.iter().zip(&audio.left);
            let furthest = away.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(frames < 4096 || furthest < 0.05, "{frames}: {furthest}");
        }
        assert!(write(&Audio::silence(0), &[], 3).is_err());
    }

    #[test]
    fn what_is_no_vorbis_is_refused() {
        let whole = write(&tone(9000), &[], 1).unwrap();
        for bytes in [&b""[..], b"OggS", b"RIFF....WAVE", &whole[..60]] {
            assert!(matches!(read(bytes), Err(Error::Malformed { .. })));
        }
    }
}
