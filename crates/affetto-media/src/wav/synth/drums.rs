//! Drums of the General MIDI percussion key map: a swept tone for the skin, coloured noise for snare and
//! metal.

use fundsp::prelude32::{bandpass_hz, noise};

use super::{RATE, Tone, envelope::factor_from_t60, loudness, noise_seed, samples};

/// One drum.
#[derive(Clone, Copy, Debug)]
struct Drum {
    /// The skin: where its tone begins and ends, its level, and its ring.
    skin_hertz: [f32; 2],
    skin: f32,
    skin_secs: f32,
    /// The noise: its middle, its width (Q), its level, and its ring.
    noise_hertz: f32,
    noise_q: f32,
    noise: f32,
    noise_secs: f32,
}

impl Drum {
    const fn skin(skin_hertz: [f32; 2], skin_secs: f32) -> Self {
        Self {
            skin_hertz,
            skin: 1.0,
            skin_secs,
            noise_hertz: 2500.0,
            noise_q: 0.5,
            noise: 0.15,
            noise_secs: 0.04,
        }
    }

    const fn metal(noise_hertz: f32, noise: f32, noise_secs: f32) -> Self {
        Self {
            skin_hertz: [400.0, 400.0],
            skin: 0.0,
            skin_secs: 0.1,
            noise_hertz,
            noise_q: 0.7,
            noise,
            noise_secs,
        }
    }

    const fn of_key(key: u8) -> Self {
        match key {
            35 | 36 => Self::skin([160.0, 48.0], 0.35),
            37 | 39 => Self::metal(1800.0, 1.2, 0.12),
            38 | 40 => Self {
                noise_hertz: 3200.0,
                noise: 1.4,
                noise_secs: 0.22,
                skin: 0.5,
                ..Self::skin([260.0, 180.0], 0.16)
            },
            41 | 43 => Self::skin([130.0, 80.0], 0.45),
            45 | 47 => Self::skin([190.0, 120.0], 0.4),
            48 | 50 => Self::skin([260.0, 170.0], 0.35),
            42 | 44 => Self::metal(9000.0, 0.7, 0.07),
            46 => Self::metal(8500.0, 0.6, 0.5),
            49 | 52 | 55 | 57 => Self::metal(6500.0, 0.8, 1.8),
            51 | 53 | 59 => Self::metal(7500.0, 0.4, 0.9),
            _ => Self::metal(3000.0, 0.6, 0.1),
        }
    }
}

pub(super) fn play(tone: &Tone) -> Vec<f32> {
    const SWEEP_SECS: f32 = 0.06;
    const ATTACK_SECS: f32 = 0.0015;
    let drum = Drum::of_key(tone.pitch);
    let [start_hertz, end_hertz] = drum.skin_hertz;
    let (skin_fade, noise_fade) = (
        factor_from_t60(drum.skin_secs),
        factor_from_t60(drum.noise_secs),
    );
    let mut rattle = noise().seed(noise_seed(tone)) >> bandpass_hz(drum.noise_hertz, drum.noise_q);
    let (mut skin, mut rattle_level) = (drum.skin, drum.noise);
    let mut phase = 0.0;
    let gain = loudness(tone);
    let length = samples(1.4 * drum.skin_secs.max(drum.noise_secs));
    let sample = |n: usize| {
        let seconds = n as f32 / RATE;
        let hertz = end_hertz + (start_hertz - end_hertz) * (-seconds / SWEEP_SECS).exp();
        phase = (phase + hertz / RATE).fract();
        skin *= skin_fade;
        rattle_level *= noise_fade;
        let attack = (seconds / ATTACK_SECS).min(1.0);
        let body = skin * (std::f32::consts::TAU * phase).sin();
        gain * attack * (body + rattle_level * rattle.get_mono())
    };
    (0..length).map(sample).collect()
}
