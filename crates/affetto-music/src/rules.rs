//! What an emotion asks of tempo, mode, density, register and loudness where the request does not say.
//!
//! The amounts are those of the attribute map, measured on labelled piano music (its card: `models/attribute-map`); they
//! are carried over to a lead sheet as differences from what the map has where nothing is felt.

use affetto_attributes::{
    map::{AttributeMap, Preset, Targets},
    piece::Attribute,
};
use affetto_core::Rng;
use affetto_emotion::{Emotion, Vad};
use affetto_media::{Key, Metre};

fn targets(valence: f64, arousal: f64) -> Targets {
    let point = Vad::from_partial(Some(valence), Some(arousal), None).unwrap_or(Vad::NEUTRAL);
    AttributeMap::preset(Preset::Default).targets(&Emotion::from(point))
}

/// What the map has for the attribute called `name`, beside what it has where nothing is felt; 1 where it does not know.
fn ratio(name: &str, targets: &Targets) -> f64 {
    let value = |targets: &Targets| {
        let attribute = Attribute::named(name)?;
        Some(targets.attribute(attribute)?.target?.value)
    };
    match (value(targets), value(&self::targets(0.0, 0.0))) {
        (Some(value), Some(neutral)) if neutral > 0.0 => value / neutral,
        _ => 1.0,
    }
}

/// Tempo in quarter notes per minute. In compound metres the beat is a dotted quarter, so the quarters go faster.
pub fn tempo_bpm(valence: f64, arousal: f64, metre: Metre) -> f64 {
    let quarters_per_beat = if metre.is_compound() { 1.25 } else { 1.0 };
    (targets(valence, arousal).tempo_bpm.value * quarters_per_beat).round()
}

/// The mean density class, 0 (low) to 2 (high): dense as often as pieces of the emotion have more onsets a second than
/// half of all.
pub fn mean_density(valence: f64, arousal: f64) -> f64 {
    let targets = targets(valence, arousal);
    let onsets = Attribute::named(ONSETS).and_then(|onsets| targets.attribute(onsets));
    onsets.map_or(1.0, |onsets| 2.0 * onsets.share_above)
}

const ONSETS: &str = "Onsets per Second";

/// Events in a quarter note for an arousal that moves from bar to bar at one tempo: 0.9 at rest, more and fewer as pieces
/// have onsets in a second.
pub fn events_per_quarter(arousal: f64) -> f64 {
    0.9 * ratio(ONSETS, &targets(0.0, arousal))
}

/// The melody's range in sounding pitches: an octave and a half around G4, moved as the top line of the emotion's pieces
/// is, and as much wider as their range.
pub fn pitch_range(valence: f64, arousal: f64) -> (u8, u8) {
    let (asked, neutral) = (targets(valence, arousal), targets(0.0, 0.0));
    let middle = 67.0 + asked.register_pitch.value - neutral.register_pitch.value;
    let half = 9.0 * ratio("Range", &asked);
    ((middle - half).round() as u8, (middle + half).round() as u8)
}

/// Velocity steps in the unit of dynamics that scores are shaped by.
const VELOCITY_PER_DYNAMICS: f64 = 24.0;

/// How loud, as [`shape_melody`](crate::arrange::shape_melody) takes it: 0 where nothing is felt.
pub fn dynamics(valence: f64, arousal: f64) -> f64 {
    let loudness = |valence, arousal| targets(valence, arousal).loudness.value;
    (loudness(valence, arousal) - loudness(0.0, 0.0)) / VELOCITY_PER_DYNAMICS
}

/// A key that is easy to read, in the mode that is likelier.
pub fn key(valence: f64, arousal: f64, rng: &mut Rng) -> Key {
    let fifths = [-3, -2, -1, 0, 1, 2, 3][rng.below(7)];
    Key::new(fifths, targets(valence, arousal).mode()).unwrap_or(Key::C_MAJOR)
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
                assert!(mean_density(valence, pair[1]) >= mean_density(valence, pair[0]));
                assert!(dynamics(valence, pair[1]) >= dynamics(valence, pair[0]));
            }
            assert!(events_per_quarter(pair[1]) > events_per_quarter(pair[0]));
        }
    }

    #[test]
    fn the_ends_lie_apart() {
        let ends = |of: fn(f64) -> f64| of(1.0) / of(-1.0);
        assert!(ends(|arousal| tempo_bpm(0.0, arousal, Metre::COMMON)) > 2.0);
        assert!(ends(|arousal| mean_density(0.0, arousal)) > 2.0);
        assert!(ends(events_per_quarter) > 1.5);
        assert!(dynamics(0.0, 1.0) > 0.4 && dynamics(0.0, -1.0) < -0.4);
        let mut rng = affetto_core::Seed(1).rng();
        let minor = affetto_media::Mode::Minor;
        assert!((0..20).all(|_| key(-0.6, 0.0, &mut rng).mode() == minor));
        assert!((0..20).all(|_| key(0.4, 0.0, &mut rng).mode() != minor));
    }
}
