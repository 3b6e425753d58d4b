//! Of a sticker.

use affetto_video::sticker::measure::StickerMeasured;

use super::{Effect, EffectKind};
use crate::sticker::StickerAsked;

/// Judges what an emotion did to a sticker.
pub(crate) fn sticker_effects(asked: &StickerAsked, measured: &StickerMeasured) -> Vec<Effect> {
    let share = |name: &str| measured.emotion.get(name).copied().unwrap_or_default();
    let mut effects = Vec::new();
    if let Some((strongest, _)) = asked
        .emotion
        .iter()
        .max_by(|one, other| one.1.total_cmp(other.1))
    {
        // A mixture is read as any of its parts.
        let found: f64 = asked.emotion.keys().map(|name| share(name)).sum();
        let words: Vec<&str> = asked.emotion.keys().map(String::as_str).collect();
        let measured_words = format!("{}, {:.2} of what was asked", measured.strongest, found);
        let effect = EffectKind::StickerEmotion.effect(words.join(", "), measured_words, found);
        effects.push(match asked.intensity < LEAST_JUDGED {
            true => effect.not_judged(format!("{strongest} is asked for faintly")),
            false => effect,
        });
    }
    if let Some(energy) = asked.energy {
        let words = |energy: f64| format!("{energy:+.2} deviations");
        let difference = (energy - measured.energy).abs();
        effects.push(EffectKind::Motion.effect(words(energy), words(measured.energy), difference));
    }
    if let Some(asked) = asked.extras {
        let words = |extras: bool| if extras { "some" } else { "none" }.to_owned();
        let figure = f64::from(u8::from(asked == measured.extras));
        effects.push(EffectKind::Extras.effect(words(asked), words(measured.extras), figure));
    }
    if let Some(seam) = measured.seam {
        let words = format!("{seam:.2} of the 95th percentile of changes");
        effects.push(EffectKind::Seam.effect("at most 1".into(), words, seam));
    }
    effects
}

/// The intensity from which on a judge can read an emotion.
const LEAST_JUDGED: f64 = 0.5;
