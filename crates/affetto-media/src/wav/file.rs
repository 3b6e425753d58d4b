use std::io::{Cursor, Write};

use affetto_core::{Rng, Seed};

use super::{Audio, LONGEST_SECS, SAMPLE_RATE};
use crate::{Error, Format};

/// Writes a WAV file: 44.1 kHz, stereo, 16 bits, with triangular dither of two steps peak to peak
/// (Lipshitz, Wannamaker & Vanderkooy 1992). Digital silence stays silent, and the dither is the same every time.
///
/// # Errors
///
/// [`Error::Unsupported`] for more sound than the 4 GiB of a WAV file.
pub fn write(audio: &Audio) -> Result<Vec<u8>, Error> {
    write_dithered(audio, Seed(0))
}

/// As [`write`], with the dither of `seed`.
pub(super) fn write_dithered(audio: &Audio, seed: Seed) -> Result<Vec<u8>, Error> {
    const CHANNELS: u16 = 2;
    const HEADER_BYTES: usize = 44;
    let frames = audio.left.iter().zip(&audio.right);
    let mut bytes = Cursor::new(Vec::with_capacity(HEADER_BYTES + 4 * audio.frames()));
    let spec = hound::WavSpec {
        channels: CHANNELS,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut dither = seed.derive("wav dither").rng();
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(refused)?;
    for (left, right) in frames {
        for sample in [*left, *right] {
            let sample = sample_16_bit(sample, &mut dither);
            writer.write_sample(sample).map_err(refused)?;
        }
    }
    writer.finalize().map_err(refused)?;
    bytes.flush().map_err(|error| refused(error.into()))?;
    Ok(bytes.into_inner())
}

/// Reads a WAV file as [`write()`] writes it, with or without marks.
///
/// # Errors
///
/// [`Error::Malformed`] for what is none, [`Error::Unsupported`] for another rate, number of channels or kind of
/// samples, [`Error::Limit`] for more than [`LONGEST_SECS`](super::LONGEST_SECS).
pub fn read(bytes: &[u8]) -> Result<Audio, Error> {
    let malformed = |error: hound::Error| Error::Malformed {
        format: Format::Wav,
        place: "its chunks".into(),
        reason: error.to_string(),
    };
    let mut reader = hound::WavReader::new(bytes).map_err(malformed)?;
    let spec = reader.spec();
    if (spec.channels, spec.sample_rate, spec.bits_per_sample) != (2, SAMPLE_RATE, 16) {
        return Err(Error::Unsupported {
            format: Format::Wav,
            what: "another sound than stereo of 16 bits at 44.1 kHz".into(),
        });
    }
    let (found, limit) = (
        u64::from(reader.duration()),
        LONGEST_SECS * u64::from(SAMPLE_RATE),
    );
    if found > limit {
        return Err(Error::Limit {
            what: "frames of sound",
            limit,
            found,
        });
    }
    let mut sides = [Vec::new(), Vec::new()];
    for (at, sample) in reader.samples::<i16>().enumerate() {
        sides[at % 2].push(f32::from(sample.map_err(malformed)?) / 32_767.0);
    }
    let [left, right] = sides;
    if left.len() != right.len() {
        return Err(malformed(hound::Error::UnfinishedSample));
    }
    Ok(Audio { left, right })
}

fn sample_16_bit(sample: f32, dither: &mut Rng) -> i16 {
    let noise = dither.uniform() - dither.uniform();
    if sample == 0.0 {
        return 0;
    }
    (f64::from(sample) * 32_767.0 + noise).round() as i16 // `as` stops at the ends of the range
}

fn refused(error: hound::Error) -> Error {
    Error::Unsupported {
        format: Format::Wav,
        what: error.to_string(),
    }
}
