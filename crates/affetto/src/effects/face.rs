//! Of a take.

use affetto_face::{condition::Half, measure::FaceMeasured};

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
    let effects = moved.into_iter().chain(speech);
    effects
        .chain(locks(asked, measured))
        .chain(leads(asked, measured))
        .chain(ends(asked, measured))
        .collect()
}

/// What is locked stays to the last bit.
fn locks(asked: &FaceAsked, measured: &FaceMeasured) -> Option<Effect> {
    let change = |region| measured.regions.get(region).copied().unwrap_or(0.0);
    let most = asked.locks.iter().map(change).max_by(f64::total_cmp)?;
    let names: Vec<&str> = asked.locks.iter().map(|region| region.name()).collect();
    let moved = match most {
        0.0 => "nothing moved".into(),
        most => format!("moved by up to {most:.3}"),
    };
    Some(EffectKind::Locks.effect(names.join(", "), moved, most))
}

/// The leading half moves further, where the emotion moves one half further.
fn leads(asked: &FaceAsked, measured: &FaceMeasured) -> Option<Effect> {
    let [left, right] = asked.halves;
    if (left - right).abs() <= LEAST_LEAD * (left + right) {
        return None;
    }
    let [left, right] = measured.halves;
    let share = match asked.leads {
        Half::Left => left,
        Half::Right => right,
    } / (left + right).max(f64::MIN_POSITIVE);
    let words = format!("{:.0} % of the movement", 100.0 * share);
    Some(EffectKind::Leads.effect(asked.leads.name().into(), words, share))
}

/// A take that the emotion comes in to, and goes from, begins and ends as it did.
fn ends(asked: &FaceAsked, measured: &FaceMeasured) -> impl Iterator<Item = Effect> {
    let kinds = [EffectKind::Attack, EffectKind::Release];
    let seconds = [asked.attack_secs, asked.release_secs];
    let all = kinds.into_iter().zip(seconds).zip(measured.ends);
    all.filter(|((_, seconds), _)| *seconds > 0.0)
        .map(|((kind, seconds), moved)| {
            let place = match kind {
                EffectKind::Attack => "first",
                _ => "last",
            };
            let words = format!("{place} frame moved by {moved:.3}");
            kind.effect(format!("{seconds} s"), words, moved)
        })
}

/// The share of a movement by which one half leads at least, where one does.
const LEAST_LEAD: f64 = 0.02;

/// The share of a take that somebody must speak in for its speech to be judged.
const SPOKEN: f64 = 0.2;
