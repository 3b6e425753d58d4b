//! Struck and plucked bodies: banks of partials that ring and die away, each at its own rate.
//! The partials of a stiff string lie at n sqrt(1 + B n^2) (Fletcher & Rossing, "The Physics of Musical
//! Instruments", 2.18); a string excited at a fraction p of its length lacks the partials with a node there.

use fundsp::prelude32::{bandpass_hz, noise};

use super::{
    RATE, Tone,
    envelope::{Envelope, factor_from_t60},
    hertz, loudness, noise_seed, samples, strength,
};

/// A string and what sets it ringing.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringBody {
    /// Inharmonicity B at C4; it doubles every 11 semitones.
    pub(super) stiffness: f32,
    /// Where the string is excited, as a fraction of its length.
    pub(super) position: f32,
    /// Partial n begins with n to this power.
    pub(super) slope: f32,
    /// Above this frequency partials weaken: for the softest and the hardest tone.
    pub(super) cutoff_hertz: [f32; 2],
    /// Time in which the first partial of C4 falls by 60 dB; half of it an octave and a half higher.
    pub(super) ring_secs: f32,
    /// How much sooner each higher partial dies.
    pub(super) damping: f32,
    /// Detuning of a second string, which rings longer; 0 for a single string.
    pub(super) detune_cents: f32,
    /// The knock of hammer or finger.
    pub(super) knock: f32,
    pub(super) attack_secs: f32,
    pub(super) release_secs: f32,
}

/// A bar, plate or tube: the frequencies of its modes over the lowest, their levels and how long they
/// ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct BarBody {
    pub(super) modes: &'static [Mode],
    /// Time in which the first mode of C5 falls by 60 dB; half of it two octaves higher.
    pub(super) ring_secs: f32,
    pub(super) release_secs: f32,
}

/// One mode of a bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    pub(super) ratio: f32,
    pub(super) level: f32,
    /// Of the ring of the first mode.
    pub(super) ring: f32,
}

const HIGHEST_HERTZ: f32 = 17_000.0;

pub(super) fn play_string(body: &StringBody, tone: &Tone) -> Vec<f32> {
    let mut bank = Bank::default();
    let f0 = hertz(tone.pitch);
    let above_c4 = f32::from(tone.pitch) - 60.0;
    let stiffness = (body.stiffness * (above_c4 / 11.0).exp2()).min(0.01);
    let ring = body.ring_secs * (-above_c4 / 18.0).exp2();
    let strings: &[(f32, f32, f32)] = if body.detune_cents > 0.0 {
        &[(-0.5, 0.7, 1.0), (0.5, 0.45, 1.7)]
    } else {
        &[(0.0, 1.0, 1.0)]
    };
    for (side, level, longer) in strings {
        let detune = (side * body.detune_cents / 1200.0).exp2();
        for n in 1..=LANES / strings.len() {
            let n = n as f32;
            let stretch = ((1.0 + stiffness * n * n) / (1.0 + stiffness)).sqrt();
            bank.add(
                f0 * detune * n * stretch,
                level * string_level(body, tone, n, f0),
                longer * ring / (1.0 + body.damping * (n - 1.0)),
            );
        }
    }
    let mut sound = bank.ring(tone, body.attack_secs, body.release_secs);
    add_knock(&mut sound, body.knock, tone);
    sound
}

fn string_level(body: &StringBody, tone: &Tone, n: f32, f0: f32) -> f32 {
    let node = (n * std::f32::consts::PI * body.position).sin().abs();
    let [soft, hard] = body.cutoff_hertz;
    let cutoff = soft + (hard - soft) * strength(tone).powf(1.5) + 1.2 * f0;
    let overtone = f0 * (n - 1.0);
    (0.1 + 0.9 * node) * n.powf(body.slope) * (-overtone / cutoff).exp()
}

pub(super) fn play_bar(body: &BarBody, tone: &Tone) -> Vec<f32> {
    let mut bank = Bank::default();
    let f0 = hertz(tone.pitch);
    let ring = body.ring_secs * ((72.0 - f32::from(tone.pitch)) / 24.0).exp2();
    for mode in body.modes {
        // A soft mallet leaves the high modes quiet.
        let hardness = if mode.ratio > 1.5 {
            0.3 + 0.7 * strength(tone)
        } else {
            1.0
        };
        bank.add(f0 * mode.ratio, mode.level * hardness, ring * mode.ring);
    }
    bank.ring(tone, 0.0015, body.release_secs)
}

/// A short thud below the tone.
fn add_knock(sound: &mut [f32], level: f32, tone: &Tone) {
    if level <= 0.0 {
        return;
    }
    let colour = (0.5 * hertz(tone.pitch)).clamp(90.0, 900.0);
    let mut thud = noise().seed(noise_seed(tone)) >> bandpass_hz(colour, 0.8);
    let envelope = Envelope {
        attack_secs: 0.002,
        decay_secs: 0.012,
        sustain: 0.0,
        release_secs: 0.02,
    };
    let gain = level * loudness(tone);
    for (sample, fade) in sound.iter_mut().zip(envelope.gains(samples(0.15))) {
        *sample += gain * fade * thud.get_mono();
    }
}

const LANES: usize = 32;

/// Partials as turning vectors: each is multiplied by a complex number at every sample, which turns
/// and shortens it.
struct Bank {
    count: usize,
    longest_secs: f32,
    re: [f32; LANES],
    im: [f32; LANES],
    turn_re: [f32; LANES],
    turn_im: [f32; LANES],
}

impl Default for Bank {
    fn default() -> Self {
        Self {
            count: 0,
            longest_secs: 0.0,
            re: [0.0; LANES],
            im: [0.0; LANES],
            turn_re: [0.0; LANES],
            turn_im: [0.0; LANES],
        }
    }
}

impl Bank {
    fn add(&mut self, hertz: f32, level: f32, ring_secs: f32) {
        if hertz > HIGHEST_HERTZ || self.count == LANES {
            return;
        }
        let k = self.count;
        // Phases by the golden ratio, so that no instant has all partials at their peak.
        let phase = std::f64::consts::TAU * (k as f64 * 0.618_033_988_749_895).fract();
        let angle = std::f64::consts::TAU * f64::from(hertz) / f64::from(RATE);
        let shrink = f64::from(factor_from_t60(ring_secs));
        self.re[k] = level * phase.cos() as f32;
        self.im[k] = level * phase.sin() as f32;
        self.turn_re[k] = (shrink * angle.cos()) as f32;
        self.turn_im[k] = (shrink * angle.sin()) as f32;
        self.longest_secs = self.longest_secs.max(ring_secs);
        self.count += 1;
    }

    /// Rings until the key is up and the release is over, or all has died away.
    fn ring(mut self, tone: &Tone, attack_secs: f32, release_secs: f32) -> Vec<f32> {
        let envelope = Envelope {
            attack_secs,
            decay_secs: 1.0,
            sustain: 1.0,
            release_secs,
        };
        let longest = samples(1.4 * self.longest_secs);
        let mut sound = envelope.gains(tone.held.min(longest));
        sound.truncate(longest);
        let gain = loudness(tone);
        for sample in &mut sound {
            *sample *= gain * self.next();
        }
        sound
    }

    fn next(&mut self) -> f32 {
        const WIDTH: usize = 8;
        let mut sums = [0.0; WIDTH];
        for k in 0..LANES {
            let re = self.re[k] * self.turn_re[k] - self.im[k] * self.turn_im[k];
            let im = self.re[k] * self.turn_im[k] + self.im[k] * self.turn_re[k];
            self.re[k] = re;
            self.im[k] = im;
            sums[k % WIDTH] += im;
        }
        sums.iter().sum()
    }
}
