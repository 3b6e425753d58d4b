//! The electric piano: frequency modulation (Chowning, "The Synthesis of Complex Audio Spectra by Means of
//! Frequency Modulation", 1973) whose index dies away faster than the tone, and the ping of the tine.

use super::{RATE, Tone, envelope::Envelope, hertz, loudness, strength};

const TAU: f64 = std::f64::consts::TAU;

pub(super) fn play(tone: &Tone) -> Vec<f32> {
    let f0 = hertz(tone.pitch);
    let above_c4 = (f32::from(tone.pitch) - 60.0) / 12.0;
    let envelope = Envelope {
        attack_secs: 0.003,
        decay_secs: 1.6 * (-above_c4 / 1.5).exp2(),
        sustain: 0.0,
        release_secs: 0.25,
    };
    let gain = loudness(tone);
    let index = (0.25 + 1.5 * strength(tone).powf(1.5)) * (-above_c4 / 3.0).exp2();
    let tine_hertz = if f0 < 1000.0 { 14.0 * f0 } else { 7.0 * f0 };
    let tine_level = if tine_hertz < 14_000.0 {
        0.09 * strength(tone)
    } else {
        0.0
    };
    let (index_fade, tine_fade) = (fade(0.7), fade(0.06));
    let (mut index, mut tine) = (f64::from(index), tine_level);
    let (mut phase, mut tine_phase) = (0.0_f64, 0.0_f64);
    let mut sound = envelope.gains(tone.held);
    for sample in &mut sound {
        phase = (phase + f64::from(f0 / RATE)).fract();
        tine_phase = (tine_phase + f64::from(tine_hertz / RATE)).fract();
        let modulator = (TAU * phase).sin();
        let body = (TAU * phase + index * modulator).sin() as f32;
        let ping = tine * (TAU * tine_phase).sin() as f32;
        *sample *= gain * (body + ping);
        index *= f64::from(index_fade);
        tine *= tine_fade;
    }
    sound
}

fn fade(seconds: f32) -> f32 {
    (-1.0 / (seconds * RATE)).exp()
}
