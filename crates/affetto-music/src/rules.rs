//! What arousal and valence ask of tempo, density, register and loudness where the request does not say.
//!
//! Directions after the cues of Eerola, Friberg and Bresin, "Emotional expression in music: contribution, linearity, and
//! additivity of primary musical cues" (2013): fast, dense, high and loud for high arousal; somewhat faster and
//! brighter, and major, for high valence. The amounts are ours.

use affetto_core::Rng;
use affetto_media::{Key, Metre, Mode};

/// Tempo in quarter notes per minute: 96 at rest; arousal from -1 to 1 moves it from 63 to 146, valence by a tenth
/// either way. In compound metres the beat is a dotted quarter, so the quarters go faster.
pub fn tempo_bpm(valence: f64, arousal: f64, metre: Metre) -> f64 {
    let beat = libm::exp2(0.6 * arousal + 0.14 * valence) * 96.0;
    let quarters_per_beat = if metre.is_compound() { 1.25 } else { 1.0 };
    (beat * quarters_per_beat).round()
}

/// The mean density class, 0 (low) to 2 (high).
pub fn mean_density(arousal: f64) -> f64 {
    (0.95 + 0.75 * arousal).clamp(0.0, 2.0)
}

/// Events in a quarter note for an arousal that moves from bar to bar: 0.9 at rest, from half of that to twice as many.
pub fn events_per_quarter(arousal: f64) -> f64 {
    0.9 * libm::exp2(arousal)
}

/// The melody's range in sounding pitches: an octave and a half around G4, higher and wider with arousal.
pub fn pitch_range(valence: f64, arousal: f64) -> (u8, u8) {
    let middle = 67.0 + 3.0 * arousal + 1.0 * valence;
    let half = 9.0 + 2.0 * arousal;
    ((middle - half).round() as u8, (middle + half).round() as u8)
}

/// MIDI velocity of a melody note without accent.
pub fn velocity(arousal: f64) -> u8 {
    (80.0 + 24.0 * arousal).round() as u8
}

/// A key that is easy to read, minor for valence below -0.1.
pub fn key(valence: f64, rng: &mut Rng) -> Key {
    let mode = if valence < -0.1 {
        Mode::Minor
    } else {
        Mode::Major
    };
    let fifths = [-3, -2, -1, 0, 1, 2, 3][rng.below(7)];
    Key::new(fifths, mode).unwrap_or(Key::C_MAJOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_arousal_is_never_slower_sparser_lower_or_softer() {
        let steps: Vec<f64> = (-10..=10).map(|step| f64::from(step) / 10.0).collect();
        for pair in steps.windows(2) {
            for valence in [-1.0, 0.0, 1.0] {
                let tempo = |arousal| tempo_bpm(valence, arousal, Metre::COMMON);
                assert!(tempo(pair[1]) >= tempo(pair[0]));
                assert!(pitch_range(valence, pair[1]).1 >= pitch_range(valence, pair[0]).1);
            }
            assert!(mean_density(pair[1]) >= mean_density(pair[0]));
            assert!(events_per_quarter(pair[1]) > events_per_quarter(pair[0]));
            assert!(velocity(pair[1]) >= velocity(pair[0]));
        }
    }
}
