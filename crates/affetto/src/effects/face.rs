//! Of a take.

use affetto_face::measure::FaceMeasured;

use super::{Effect, EffectKind};
use crate::take::FaceAsked;

/// Judges what an emotion did to a take.
pub(crate) fn face_effects(asked: &FaceAsked, measured: &FaceMeasured) -> Vec<Effect> {
    let moved = (asked.moves > 0.0).then(|| {
        let share = measured.moved / asked.moves;
        let words = |length: f64| format!("moves {length:.2}");
        EffectKind::Expression.effect(words(asked.moves), words(measured.moved), share)
    });
    let speech = measured.speech.iter().flatten().copied();
    let least = speech.min_by(f64::total_cmp);
    let speech = least.map(|r| {
        let effect = EffectKind::Speech.effect("r = 1".into(), format!("r = {r:.3}"), r);
        match measured.speaking < SPOKEN {
            true => effect.not_judged("hardly anybody speaks in it".into()),
            false => effect,
        }
    });
    moved.into_iter().chain(speech).collect()
}

/// The share of a take that somebody must speak in for its speech to be judged.
const SPOKEN: f64 = 0.2;
