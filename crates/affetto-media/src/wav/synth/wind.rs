//! Winds and brass: harmonics whose balance follows the breath, with a little noise of it.

use fundsp::prelude32::{bandpass_hz, noise};

use super::{
    RATE, Tone,
    envelope::{Envelope, Vibrato},
    hertz, loudness, noise_seed, strength,
};

/// A tube and its player.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wind {
    /// Levels of the harmonics at full breath.
    pub(super) harmonics: &'static [f32],
    /// Each harmonic is weaker than that by this factor for every step above the first: for the softest and
    /// the hardest tone.
    pub(super) brightness: [f32; 2],
    /// How much brightness a tone gains while it begins.
    pub(super) swell: f32,
    pub(super) breath: f32,
    pub(super) vibrato: Vibrato,
    pub(super) envelope: Envelope,
}

const HIGHEST_HERTZ: f32 = 16_000.0;

pub(super) fn play(wind: &Wind, tone: &Tone) -> Vec<f32> {
    let f0 = hertz(tone.pitch);
    let count = ((HIGHEST_HERTZ / f0) as usize).clamp(1, wind.harmonics.len());
    let harmonics = &wind.harmonics[..count];
    let [soft, hard] = wind.brightness;
    let brightness = soft + (hard - soft) * strength(tone);
    let gain = loudness(tone);
    let breath = wind.breath * (1.3 - strength(tone));
    let mut air = noise().seed(noise_seed(tone)) >> bandpass_hz((2.0 * f0).min(6000.0), 0.7);
    let mut phase = 0.0_f64;
    let mut sound = wind.envelope.gains(tone.held);
    for (n, sample) in sound.iter_mut().enumerate() {
        let swing = wind.vibrato.swing(n, tone.pitch);
        let level = *sample;
        phase = (phase + f64::from(f0 * wind.vibrato.ratio(swing) / RATE)).fract();
        let tilt = brightness * (1.0 - wind.swell * (1.0 - level)) * (1.0 + 0.06 * swing);
        let air = if breath > 0.0 {
            breath * air.get_mono()
        } else {
            0.0
        };
        let breath_level = level * (1.0 + 0.08 * swing);
        *sample = gain * breath_level * (sum_of_harmonics(harmonics, phase, tilt) + air);
    }
    sound
}

/// The sum of level_n tilt^(n-1) sin(n x), by sin(n x) = 2 cos x sin((n-1) x) - sin((n-2) x).
fn sum_of_harmonics(levels: &[f32], phase: f64, tilt: f32) -> f32 {
    let (sin, cos) = (std::f64::consts::TAU * phase).sin_cos();
    let (mut before, mut now) = (0.0, sin as f32);
    let twice_cos = 2.0 * cos as f32;
    let mut weight = 1.0;
    let mut sum = 0.0;
    for level in levels {
        sum += level * weight * now;
        weight *= tilt;
        (before, now) = (now, twice_cos * now - before);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonics_are_sines() {
        let sum = sum_of_harmonics(&[1.0, 0.5, 0.25], 0.1, 0.8);
        let sine = |n: f64| (std::f64::consts::TAU * 0.1 * n).sin();
        let expected = sine(1.0) + 0.5 * 0.8 * sine(2.0) + 0.25 * 0.64 * sine(3.0);
        assert!((f64::from(sum) - expected).abs() < 1e-6);
    }
}
