//! From single tones to the stereo picture, and the room.

use fundsp::prelude32::{
    AudioUnit, BufferVec, MAX_BUFFER_SIZE, dcblock_hz, highpass_hz, reverb_stereo,
};

use super::{Audio, RATE, Tone, samples};
use crate::{Part, Role, midi::PERCUSSION_CHANNEL};

/// Where a part stands.
pub(super) struct Place {
    gain: f32,
    /// -1 is left, 1 is right.
    pan: f32,
    /// How much further right each octave above C4 lies.
    spread: f32,
    /// How much goes into the room.
    send: f32,
}

impl Place {
    /// The melody in the middle, chords and hands spread like a keyboard, bass and drums in the middle and nearly dry,
    /// other parts to either side by their channel: a part stands where it stands whatever else there is.
    pub(super) fn of_part(part: &Part) -> Self {
        let side = if part.channel.is_multiple_of(2) {
            0.35
        } else {
            -0.35
        };
        let (gain, pan, spread, send) = match part.role {
            _ if part.channel == PERCUSSION_CHANNEL => (0.6, 0.0, 0.0, 0.14),
            Role::Melody => (1.0, 0.08, 0.05, 0.34),
            Role::Chords => (0.5, -0.1, 0.6, 0.30),
            Role::Bass => (0.75, 0.0, 0.0, 0.08),
            Role::RightHand | Role::LeftHand => (0.7, 0.0, 0.4, 0.30),
            Role::Other => (0.6, side, 0.1, 0.28),
        };
        Self {
            gain,
            pan,
            spread,
            send,
        }
    }

    /// Left and right by the law of constant power.
    fn gains(&self, tone: &Tone) -> [f32; 2] {
        let octaves = (f32::from(tone.pitch) - 60.0) / 12.0;
        let pan = (self.pan + self.spread * octaves).clamp(-0.7, 0.7);
        let angle = (pan + 1.0) * std::f32::consts::FRAC_PI_4;
        [self.gain * angle.cos(), self.gain * angle.sin()]
    }
}

/// The sum of all tones, dry, and what goes into the room.
pub(super) struct Mix {
    audio: Audio,
    send: Audio,
}

/// How long tones and the room may take to die away.
const TAIL_SECS: f32 = 5.0;
const ROOM_METRES: f32 = 18.0;
const ROOM_SECS: f32 = 1.7;
const ROOM_DAMPING: f32 = 0.6;
const PRE_DELAY_SECS: f32 = 0.018;

impl Mix {
    pub(super) fn new(frames: usize) -> Self {
        let frames = frames + samples(TAIL_SECS);
        Self {
            audio: Audio::silence(frames),
            send: Audio::silence(frames),
        }
    }

    pub(super) fn add(&mut self, tone: &Tone, sound: &[f32], place: &Place) {
        let [left, right] = place.gains(tone);
        let channels = [
            (&mut self.audio.left, &mut self.send.left, left),
            (&mut self.audio.right, &mut self.send.right, right),
        ];
        for (dry, send, gain) in channels {
            let dry = dry.iter_mut().skip(tone.start);
            let send = send.iter_mut().skip(tone.start);
            for ((dry, send), sample) in dry.zip(send).zip(sound) {
                let sample = gain * sample;
                *dry += sample;
                *send += place.send * sample;
            }
        }
    }

    /// Adds the room, and takes out what lies below hearing.
    pub(super) fn finish(mut self) -> Audio {
        let mut thin = highpass_hz(160.0, 0.7) | highpass_hz(160.0, 0.7);
        run_through(&mut thin, &mut self.send);
        let mut room = reverb_stereo(ROOM_METRES, ROOM_SECS, ROOM_DAMPING);
        run_through(&mut room, &mut self.send);
        add_later(&mut self.audio.left, &self.send.left);
        add_later(&mut self.audio.right, &self.send.right);
        let mut block_dc = dcblock_hz(10.0) | dcblock_hz(10.0);
        run_through(&mut block_dc, &mut self.audio);
        self.audio
    }
}

fn add_later(dry: &mut [f32], room: &[f32]) {
    let delay = (PRE_DELAY_SECS * RATE) as usize;
    for (sample, room) in dry.iter_mut().skip(delay).zip(room) {
        *sample += room;
    }
}

/// Sends a sound through a unit of two channels, in place.
fn run_through(unit: &mut dyn AudioUnit, audio: &mut Audio) {
    let mut input = BufferVec::new(2);
    let mut output = BufferVec::new(2);
    let left = audio.left.chunks_mut(MAX_BUFFER_SIZE);
    let right = audio.right.chunks_mut(MAX_BUFFER_SIZE);
    for (left, right) in left.zip(right) {
        for n in 0..left.len() {
            input.set_f32(0, n, left[n]);
            input.set_f32(1, n, right[n]);
        }
        unit.process(left.len(), &input.buffer_ref(), &mut output.buffer_mut());
        for n in 0..left.len() {
            left[n] = output.at_f32(0, n);
            right[n] = output.at_f32(1, n);
        }
    }
}
