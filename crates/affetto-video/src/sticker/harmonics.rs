//! A loop as its mean and its harmonics.
//!
//! What has no harmonic above [`HARMONICS`] cannot jitter, and a sum of whole harmonics closes its loop exactly. A clip that
//! does not loop is the first half of one that runs forwards and then backwards, so that only cosines are left: the
//! discrete cosine transform of its frames.

use std::{f64::consts::TAU, sync::LazyLock};

use super::basis::{Frame, WIDTH};

/// The fastest harmonic: 97 of 100 parts of the motion of the tracks are below it.
pub const HARMONICS: usize = 12;
/// A harmonic of which a little more than a third is kept where motion is smoothed.
const SMOOTHED: usize = 12;
/// Rows of a latent: the mean, then cosine and sine of each harmonic.
pub const ROWS: usize = 1 + 2 * HARMONICS;
/// Frames that a loop is sampled in before it is taken apart.
pub const GRID: usize = 48;

/// A mean and harmonics, [`ROWS`] rows of [`WIDTH`] numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum(pub Vec<Frame>);

/// Cosine and sine of every harmonic at a phase of 0 to 1.
pub fn waves(phase: f64) -> [f32; 2 * HARMONICS] {
    let mut waves = [0.0; 2 * HARMONICS];
    for (harmonic, pair) in waves.chunks_exact_mut(2).enumerate() {
        let (sine, cosine) = libm::sincos(TAU * (harmonic + 1) as f64 * phase);
        (pair[0], pair[1]) = (cosine as f32, sine as f32);
    }
    waves
}

/// The phase of frame `index` of `count`.
pub fn phase(index: usize, count: usize) -> f64 {
    (index as f64 + 0.5) / count as f64
}

static WAVES: LazyLock<Vec<[f32; 2 * HARMONICS]>> =
    LazyLock::new(|| (0..GRID).map(|index| waves(phase(index, GRID))).collect());

impl Spectrum {
    /// Of a loop of [`GRID`] frames.
    pub fn of(frames: &[Frame]) -> Self {
        let mut rows = vec![[0.0; WIDTH]; ROWS];
        for (frame, waves) in frames.iter().zip(WAVES.iter()) {
            add(&mut rows[0], frame, 1.0 / GRID as f32);
            for (row, wave) in rows[1..].iter_mut().zip(waves) {
                add(row, frame, wave * 2.0 / GRID as f32);
            }
        }
        Self(rows)
    }

    /// The frame at a phase of 0 to 1.
    pub fn at(&self, phase: f64) -> Frame {
        let mut frame = self.0[0];
        for (row, wave) in self.0[1..].iter().zip(waves(phase)) {
            add(&mut frame, row, wave);
        }
        frame
    }

    /// `count` frames: of the whole loop, or of its first half where the clip does not loop.
    pub fn frames(&self, count: usize, looping: bool) -> Vec<Frame> {
        let share = if looping { 1.0 } else { 0.5 };
        (0..count)
            .map(|index| self.at(share * phase(index, count)))
            .collect()
    }

    /// With the fastest harmonics weaker, so that motion is as smooth as that of clips. The slow ones stay as they are.
    pub fn smoothed(mut self) -> Self {
        for (index, row) in self.0[1..].iter_mut().enumerate() {
            let harmonic = (index / 2 + 1) as f32 / SMOOTHED as f32;
            let kept = libm::expf(-libm::powf(harmonic, 6.0));
            row.iter_mut().for_each(|value| *value *= kept);
        }
        self
    }

    /// Without sines, so that its second half is the first one backwards.
    pub fn even(mut self) -> Self {
        for row in self.0[1..].iter_mut().skip(1).step_by(2) {
            *row = [0.0; WIDTH];
        }
        self
    }
}

fn add(sum: &mut Frame, row: &Frame, factor: f32) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += value * factor;
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Seed;

    use super::*;

    fn drawn() -> Spectrum {
        let mut rng = Seed(9).rng();
        let mut row = || std::array::from_fn(|_| rng.normal() as f32);
        Spectrum((0..ROWS).map(|_| row()).collect())
    }

    #[test]
    fn a_spectrum_comes_back_from_its_frames() {
        let spectrum = drawn();
        let back = Spectrum::of(&spectrum.frames(GRID, true));
        for (row, other) in spectrum.0.iter().zip(&back.0) {
            for (a, b) in row.iter().zip(other) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
    }

    /// Of the twelfth harmonic 1/e is kept, of the first nearly all.
    #[test]
    fn smoothing_by_hand() {
        let (before, after) = (drawn(), drawn().smoothed());
        let kept = |row: usize| after.0[row][0] / before.0[row][0];
        assert_eq!(kept(0), 1.0);
        assert!((kept(1) - 1.0).abs() < 1e-5);
        assert!((kept(24) - 0.367_879).abs() < 1e-5);
    }

    /// Forwards and backwards has no sines.
    #[test]
    fn a_clip_there_and_back_is_even() {
        let one_way = drawn().even().frames(GRID / 2, false);
        let there_and_back: Vec<Frame> = one_way
            .iter()
            .chain(one_way.iter().rev())
            .copied()
            .collect();
        let found = Spectrum::of(&there_and_back);
        for row in found.0[1..].iter().skip(1).step_by(2) {
            assert!(row.iter().all(|value| value.abs() < 1e-4));
        }
        assert_eq!(found.clone().even().0[1], found.0[1]);
    }
}
