use candle_core::{DType, Device, Tensor};

use super::DitConfig;
use crate::Result;

/// The base of the frequencies.
const THETA: f64 = 10_000.0;

/// The angles of the tokens of a latent, frame by frame and row by row: some pairs of a head turn with the frame, some
/// with the row, some with the column. Computed in `f64`.
#[derive(Clone, Debug)]
pub(super) struct Rope {
    /// `(T, head_width/2)`.
    pub cosines: Tensor,
    /// `(T, head_width/2)`.
    pub sines: Tensor,
}

impl Rope {
    /// The angles for this many frames, rows and columns of tokens.
    pub fn new(config: &DitConfig, tokens: [usize; 3], device: &Device) -> Result<Self> {
        let axes = config.rope_pairs().map(|pairs| {
            let frequency = |pair| libm::pow(THETA, -(pair as f64) / pairs as f64);
            (0..pairs).map(frequency).collect::<Vec<f64>>()
        });
        let [frames, rows, columns] = tokens;
        let count = frames * rows * columns;
        let mut cosines = Vec::with_capacity(count * config.head_width / 2);
        let mut sines = Vec::with_capacity(count * config.head_width / 2);
        for token in 0..count {
            let position = [
                token / (rows * columns),
                token / columns % rows,
                token % columns,
            ];
            for (position, frequencies) in position.iter().zip(&axes) {
                for frequency in frequencies {
                    let (sine, cosine) = libm::sincos(*position as f64 * frequency);
                    cosines.push(cosine as f32);
                    sines.push(sine as f32);
                }
            }
        }
        let shape = (count, config.head_width / 2);
        Ok(Self {
            cosines: Tensor::from_vec(cosines, shape, device)?,
            sines: Tensor::from_vec(sines, shape, device)?,
        })
    }

    /// The same as other numbers.
    pub fn of_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            cosines: self.cosines.to_dtype(dtype)?,
            sines: self.sines.to_dtype(dtype)?,
        })
    }
}
