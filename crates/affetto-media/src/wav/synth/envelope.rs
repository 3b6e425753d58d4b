//! How the loudness of a tone rises and falls.

use super::{RATE, samples};

/// Attack along half a cosine, decay towards the sustained level, release once the key is up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    pub(super) attack_secs: f32,
    /// Time in which the distance to the sustained level falls to 1/e.
    pub(super) decay_secs: f32,
    /// Of the peak, 0..=1.
    pub(super) sustain: f32,
    /// Time in which a released tone falls by 60 dB.
    pub(super) release_secs: f32,
}

impl Envelope {
    /// The gain of each sample of a tone held for `held` samples; ends 80 dB below the peak.
    pub(super) fn gains(&self, held: usize) -> Vec<f32> {
        let attack = samples(self.attack_secs).max(1);
        let decay = decay_factor(self.decay_secs);
        let release = factor_from_t60(self.release_secs);
        let mut gains = Vec::with_capacity(held + samples(1.4 * self.release_secs));
        let mut above = 1.0 - self.sustain;
        for n in 0..held {
            if n < attack {
                let part = (n + 1) as f32 / attack as f32;
                gains.push(0.5 - 0.5 * (part * std::f32::consts::PI).cos());
            } else {
                above *= decay;
                gains.push(self.sustain + above);
            }
            if n >= attack && self.sustain + above < SILENT {
                return gains;
            }
        }
        let mut gain = gains.last().copied().unwrap_or(0.0);
        while gain > SILENT {
            gain *= release;
            gains.push(gain);
        }
        gains
    }
}

const SILENT: f32 = 1e-4;

fn decay_factor(seconds: f32) -> f32 {
    (-1.0 / (seconds * RATE)).exp()
}

/// What a tone that falls by 60 dB in `seconds` is multiplied by at each sample.
pub(super) fn factor_from_t60(seconds: f32) -> f32 {
    decay_factor(seconds / 6.908)
}

/// A vibrato that sets in after the tone has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vibrato {
    pub(super) rate_hertz: f32,
    /// The largest deviation.
    pub(super) cents: f32,
    pub(super) delay_secs: f32,
}

impl Vibrato {
    const ONSET_SECS: f32 = 0.4;

    /// -1..=1 at a sample, growing from 0; `pitch` shifts the rate a little, so that voices differ.
    pub(super) fn swing(&self, sample: usize, pitch: u8) -> f32 {
        let seconds = sample as f32 / RATE;
        let depth = ((seconds - self.delay_secs) / Self::ONSET_SECS).clamp(0.0, 1.0);
        let rate = self.rate_hertz * (1.0 + 0.02 * f32::from(pitch % 5) - 0.04);
        depth * (std::f32::consts::TAU * rate * (seconds - self.delay_secs)).sin()
    }

    /// What the frequency is multiplied by for a swing.
    pub(super) fn ratio(&self, swing: f32) -> f32 {
        1.0 + swing * self.cents * (std::f32::consts::LN_2 / 1200.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_rises_falls_and_ends_without_a_jump() {
        let envelope = Envelope {
            attack_secs: 0.01,
            decay_secs: 0.1,
            sustain: 0.5,
            release_secs: 0.1,
        };
        for held in [1, 100, 20_000] {
            let gains = envelope.gains(held);
            let jump = gains.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            assert!(jump.fold(gains[0], f32::max) < 0.01, "{held}");
            assert!(gains.iter().all(|gain| (0.0..=1.0).contains(gain)));
            assert!(gains[gains.len() - 1] <= SILENT);
        }
        let gains = envelope.gains(44_100);
        assert!((gains[44_099] - 0.5).abs() < 1e-3);
        // 60 dB down a tenth of a second after the end.
        assert!((gains[44_099 + 4410] / 0.5 - 1e-3).abs() < 1e-4);
    }
}
