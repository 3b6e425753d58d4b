//! How loud the sound is.

use std::f64::consts::TAU;

use super::{Audio, SAMPLE_RATE};

/// The loudness that a sound is brought to, in LUFS: that of streamed music. A sound whose peak would
/// then pass [`PEAK_DBFS`] stays quieter.
pub const LOUDNESS_LUFS: f64 = -16.0;

/// The highest peak, in decibels below full scale.
pub const PEAK_DBFS: f64 = -1.0;

/// Brings a sound to its level. Silence stays silence.
pub(super) fn set(audio: &mut Audio) {
    let peak = f64::from(audio.peak());
    if peak <= 0.0 {
        return;
    }
    let by_peak = gain_from_decibels(PEAK_DBFS) / peak;
    let by_loudness = loudness_lufs(audio).map(|found| gain_from_decibels(LOUDNESS_LUFS - found));
    let gain = by_loudness.map_or(by_peak, |gain| gain.min(by_peak)) as f32;
    for sample in audio.left.iter_mut().chain(&mut audio.right) {
        *sample *= gain;
    }
}

fn gain_from_decibels(decibels: f64) -> f64 {
    10_f64.powf(decibels / 20.0)
}

/// Cuts what follows the last sample above -80 dB of the peak, but nothing of the first `least` frames;
/// fades the last 50 ms and adds a tenth of a second of silence.
pub fn end_in_silence(audio: &mut Audio, least: usize) {
    let floor = audio.peak() * 1e-4;
    let is_heard = |channel: &[f32]| channel.iter().rposition(|sample| sample.abs() > floor);
    let last = is_heard(&audio.left).max(is_heard(&audio.right));
    let end = last.map_or(0, |last| last + 1).max(least);
    let fade = SAMPLE_RATE as usize / 20;
    for channel in [&mut audio.left, &mut audio.right] {
        channel.resize(end, 0.0);
        let tail = end.saturating_sub(fade);
        for (index, sample) in channel[tail..].iter_mut().enumerate() {
            *sample *= 1.0 - (index + 1) as f32 / fade as f32;
        }
        channel.resize(end + SAMPLE_RATE as usize / 10, 0.0);
    }
}

/// Integrated loudness by ITU-R BS.1770-4: two filters for each channel, blocks of 400 ms every 100 ms, a gate at
/// -70 LUFS and one 10 LU below the mean of what passes. Nothing for silence and for less than a block.
pub fn loudness_lufs(audio: &Audio) -> Option<f64> {
    let hop = SAMPLE_RATE as usize / 10;
    let left = hop_energies(&audio.left, hop);
    let right = hop_energies(&audio.right, hop);
    let hops: Vec<f64> = left
        .iter()
        .zip(&right)
        .map(|(left, right)| left + right)
        .collect();
    let blocks: Vec<f64> = hops
        .windows(4)
        .map(|hops| hops.iter().sum::<f64>() / (4 * hop) as f64)
        .collect();
    let heard = mean_above(&blocks, -70.0)?;
    let gated = mean_above(&blocks, lufs(heard) - 10.0)?;
    Some(lufs(gated))
}

fn lufs(power: f64) -> f64 {
    -0.691 + 10.0 * power.log10()
}

fn mean_above(blocks: &[f64], gate_lufs: f64) -> Option<f64> {
    let passed = || blocks.iter().filter(|power| lufs(**power) > gate_lufs);
    let count = passed().count();
    (count > 0).then(|| passed().sum::<f64>() / count as f64)
}

/// The energy of each whole hop after the filters of BS.1770: a shelf of the head, then a high pass.
fn hop_energies(samples: &[f32], hop: usize) -> Vec<f64> {
    let mut shelf = Biquad::high_shelf(
        1_681.974_450_955_533,
        3.999_843_853_973_347,
        0.707_175_236_955_420,
    );
    let mut high_pass = Biquad::high_pass(38.135_470_876_024_44, 0.500_327_037_323_877_3);
    samples
        .chunks_exact(hop)
        .map(|hop| {
            let filtered = hop
                .iter()
                .map(|x| high_pass.next(shelf.next(f64::from(*x))));
            filtered.map(|y| y * y).sum()
        })
        .collect()
}

/// A filter of second order, direct form 1.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    x: [f64; 2],
    y: [f64; 2],
}

impl Biquad {
    fn new(b: [f64; 3], a: [f64; 3]) -> Self {
        Self {
            b: b.map(|b| b / a[0]),
            a: [a[1] / a[0], a[2] / a[0]],
            x: [0.0; 2],
            y: [0.0; 2],
        }
    }

    /// The shelf of BS.1770 for any sample rate: its analogue prototype, by De Man, "Evaluation of
    /// Implementations of the EBU R128 Loudness Measurement" (2018).
    fn high_shelf(frequency: f64, gain_decibels: f64, q: f64) -> Self {
        let k = (TAU / 2.0 * frequency / f64::from(SAMPLE_RATE)).tan();
        let vh = gain_from_decibels(gain_decibels);
        let vb = vh.powf(0.499_666_774_154_541_6);
        let (kq, kk) = (k / q, k * k);
        Self::new(
            [vh + vb * kq + kk, 2.0 * (kk - vh), vh - vb * kq + kk],
            [1.0 + kq + kk, 2.0 * (kk - 1.0), 1.0 - kq + kk],
        )
    }

    /// The high pass of the same paper, with its numerator of 1, -2, 1.
    fn high_pass(frequency: f64, q: f64) -> Self {
        let k = (TAU / 2.0 * frequency / f64::from(SAMPLE_RATE)).tan();
        let (kq, kk) = (k / q, k * k);
        let a0 = 1.0 + kq + kk;
        Self::new([a0, -2.0 * a0, a0], [a0, 2.0 * (kk - 1.0), 1.0 - kq + kk])
    }

    fn next(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1]
            - self.a[0] * self.y[0]
            - self.a[1] * self.y[1];
        self.x = [x, self.x[0]];
        self.y = [y, self.y[0]];
        y
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sine(hertz: f64, amplitude: f64, seconds: usize) -> Audio {
        let frames = 0..seconds * SAMPLE_RATE as usize;
        let left: Vec<f32> = frames
            .map(|n| (amplitude * (TAU * hertz * n as f64 / f64::from(SAMPLE_RATE)).sin()) as f32)
            .collect();
        let right = vec![0.0; left.len()];
        Audio { left, right }
    }

    /// BS.1770-4: a sine of 997 Hz at full scale in one channel reads -3.01 LUFS.
    #[test]
    fn the_reference_tone_reads_minus_3_lufs() {
        assert!((loudness_lufs(&sine(997.0, 1.0, 5)).unwrap() + 3.01).abs() < 0.02);
        assert_eq!(loudness_lufs(&sine(997.0, 0.0, 5)), None);
    }

    #[test]
    fn the_quieter_of_loudness_and_peak_holds() {
        let mut tone = sine(997.0, 0.01, 5);
        set(&mut tone);
        assert!((loudness_lufs(&tone).unwrap() - LOUDNESS_LUFS).abs() < 0.02);
        let mut click = Audio::silence(2 * SAMPLE_RATE as usize);
        click.left[1000] = 0.2;
        set(&mut click);
        assert!((f64::from(click.peak()) - 0.891_25).abs() < 1e-4);
    }

    #[test]
    fn the_end_is_cut_faded_and_silent() {
        let mut tone = sine(440.0, 0.5, 3);
        for sample in &mut tone.left[44_100..] {
            *sample = 1e-6;
        }
        end_in_silence(&mut tone, 10_000);
        assert!((48_500..48_520).contains(&tone.frames()));
        assert_eq!(tone.left[44_110..], vec![0.0; tone.frames() - 44_110]);
    }
}
