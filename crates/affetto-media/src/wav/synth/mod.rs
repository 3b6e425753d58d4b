//! The built-in synthesiser: one function per kind of instrument from a tone to its samples, then a stereo
//! place for each part, and a room around all of them.
//!
//! Strings, hammers and mallets are banks of decaying partials ([`modal`]), winds are sums of
//! harmonics that follow the breath ([`wind`]), electric pianos are frequency modulation ([`electric`]), bowed
//! strings, organs, voices and synthesisers are band-limited waves through a filter ([`analogue`]), drums are swept
//! tones and coloured noise ([`drums`]). Oscillators, filters, noise and the room come from `fundsp`; its noise is
//! seeded by the tone.

mod analogue;
mod drums;
mod electric;
mod envelope;
mod mix;
mod modal;
mod patch;
mod wind;

use super::{
    Audio, SAMPLE_RATE,
    timeline::{Timeline, Tone},
};
use crate::Score;
use mix::{Mix, Place};
use patch::Patch;

const RATE: f32 = SAMPLE_RATE as f32;

/// Plays every part and puts them into the room.
pub(super) fn render(score: &Score, timeline: &Timeline) -> Audio {
    let mut mix = Mix::new(timeline.frames);
    for (part, tones) in score.parts.iter().zip(&timeline.parts) {
        let patch = Patch::of_part(part);
        let place = Place::of_part(part);
        for tone in tones {
            mix.add(tone, &patch.play(tone), &place);
        }
    }
    mix.finish()
}

fn hertz(pitch: u8) -> f32 {
    440.0 * ((f32::from(pitch) - 69.0) / 12.0).exp2()
}

/// 0 to 1.
fn strength(tone: &Tone) -> f32 {
    f32::from(tone.velocity) / 127.0
}

/// How loud a velocity is: about 38 dB from 10 to 127.
fn loudness(tone: &Tone) -> f32 {
    strength(tone).powf(1.7)
}

fn samples(seconds: f32) -> usize {
    (seconds * RATE) as usize
}

/// A number for the noise of a tone, other for every pitch and place.
fn noise_seed(tone: &Tone) -> u64 {
    (tone.start as u64) << 8 | u64::from(tone.pitch)
}
