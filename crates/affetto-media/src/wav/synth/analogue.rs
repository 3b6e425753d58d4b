//! Band-limited waves through a low-pass filter: bowed strings, voices, organs, synthesisers.

#![allow(clippy::precedence)] // graphs in the notation of fundsp

use fundsp::prelude32::*;

use super::{
    Tone,
    envelope::{Envelope, Vibrato},
    hertz, loudness, strength,
};

/// Oscillators, filter and their control. Detuned pairs are unequal, so that no beat cancels the tone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Analogue {
    pub(super) wave: Wave,
    /// Cut-off above the fundamental: for the softest and the hardest tone.
    pub(super) cutoff_hertz: [f32; 2],
    /// How much of the cut-off follows the envelope.
    pub(super) sweep: f32,
    pub(super) vibrato: Vibrato,
    pub(super) envelope: Envelope,
}

/// What oscillates before the filter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wave {
    /// Three saws, a few cents apart.
    Ensemble,
    /// A soft saw and a quiet one an octave higher, a few cents apart.
    Soft,
    /// Three soft saws through the formants of "ah".
    Choir,
    /// The first drawbars.
    Organ,
    /// A square and a saw.
    Lead,
    /// A triangle and a saw an octave lower.
    Bass,
}

impl Wave {
    /// Inputs: frequency and cut-off, in hertz. Output: the wave, filtered.
    fn unit(self) -> Box<dyn AudioUnit> {
        let cents = |cents: f32| mul((cents / 1200.0).exp2());
        let filter = || lowpass_q(0.6);
        match self {
            Self::Ensemble => {
                let saws = (cents(-6.0) >> saw()) & (cents(1.0) >> saw()) & (cents(7.0) >> saw());
                Box::new((saws * 0.4 | pass()) >> filter())
            }
            Self::Soft => {
                let pair = (cents(-4.0) >> soft_saw())
                    & (cents(3.0) >> soft_saw() * 0.6)
                    & (cents(1205.0) >> soft_saw() * 0.15);
                Box::new((pair * 0.5 | pass()) >> filter())
            }
            Self::Choir => {
                let voices = (cents(-8.0) >> soft_saw() * 0.6)
                    & (cents(1.0) >> soft_saw())
                    & (cents(7.0) >> soft_saw() * 0.6);
                let formants = (pass() * 0.7)
                    & (bandpass_hz(730.0, 3.0) * 0.7)
                    & (bandpass_hz(1090.0, 5.0) * 0.6)
                    & (bandpass_hz(2440.0, 6.0) * 0.25);
                Box::new((voices * 0.5 >> formants | pass()) >> filter())
            }
            Self::Organ => {
                let pipes = (hammond() * 0.8)
                    & (cents(1200.0) >> sine() * 0.25)
                    & (cents(2400.0) >> sine() * 0.1);
                Box::new((pipes | pass()) >> filter())
            }
            Self::Lead => {
                let pair = (cents(-3.0) >> square() * 0.5) & (cents(4.0) >> saw() * 0.5);
                Box::new((pair | pass()) >> lowpass_q(1.2))
            }
            Self::Bass => {
                let pair = (triangle() * 0.8) & (cents(3.0) >> saw() * 0.35);
                Box::new((pair | pass()) >> lowpass_q(1.0))
            }
        }
    }
}

pub(super) fn play(analogue: &Analogue, tone: &Tone) -> Vec<f32> {
    let f0 = hertz(tone.pitch);
    let [soft, hard] = analogue.cutoff_hertz;
    let open = soft + (hard - soft) * strength(tone);
    let gain = loudness(tone);
    let mut unit = analogue.wave.unit();
    let mut controls = BufferVec::new(2);
    let mut wave = BufferVec::new(1);
    let mut sound = shortened(analogue.envelope, tone).gains(tone.held);
    let mut first = 0;
    for block in sound.chunks_mut(MAX_BUFFER_SIZE) {
        let level = block[0];
        let cutoff = 1.5 * f0 + open * (1.0 - analogue.sweep * (1.0 - level));
        for n in 0..block.len() {
            let swing = analogue.vibrato.swing(first + n, tone.pitch);
            controls.set_f32(0, n, f0 * analogue.vibrato.ratio(swing));
            controls.set_f32(1, n, cutoff.min(18_000.0));
        }
        unit.process(block.len(), &controls.buffer_ref(), &mut wave.buffer_mut());
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= gain * wave.at_f32(0, n);
        }
        first += block.len();
    }
    sound
}

/// A slow attack takes at most a third of a short tone.
fn shortened(envelope: Envelope, tone: &Tone) -> Envelope {
    let held_secs = tone.held as f32 / super::RATE;
    Envelope {
        attack_secs: envelope.attack_secs.min(0.005 + 0.35 * held_secs),
        ..envelope
    }
}
