use std::io::{Cursor, Write};

use affetto_core::{Rng, Seed};

use super::{Audio, SAMPLE_RATE};
use crate::{Error, Format};

/// Writes a WAV file: 44.1 kHz, stereo, 16 bits, with triangular dither of two steps peak to peak
/// (Lipshitz, Wannamaker & Vanderkooy 1992). Digital silence stays silent, and the dither is the same every time.
///
/// # Errors
///
/// [`Error::Unsupported`] for more sound than the 4 GiB of a WAV file.
pub fn write(audio: &Audio) -> Result<Vec<u8>, Error> {
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
    let mut dither = Seed(0).derive("wav dither").rng();
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
