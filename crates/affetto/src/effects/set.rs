//! Of a set of game files.

use affetto_music::{compose::Composition, condition::LeadSheetRequest};

use super::{Effect, EffectKind, key_effect, lead_sheet_effects, share, written_bars};
use crate::set::{LayerMeasured, SetAsked, SetMeasured};

/// An added layer makes the music louder by at least so much, in LU.
const LEAST_LOUDER: f64 = 0.2;

/// Judges the lead sheet as ever, its key on all layers, and what makes a set of it.
pub(crate) fn set_effects(
    sheet: &LeadSheetRequest,
    composition: &Composition,
    asked: &SetAsked,
    measured: &SetMeasured,
) -> Vec<Effect> {
    let bars = composition.score.bars.len();
    let written = written_bars(sheet, &composition.asked, bars);
    let of_sheet = lead_sheet_effects(sheet, composition, &measured.sheet, written);
    let of_sheet = of_sheet.into_iter().map(|effect| match effect.control {
        EffectKind::Key => key_effect(asked.sheet.key, measured.in_scale),
        _ => effect,
    });
    of_sheet
        .chain(rising(
            EffectKind::LayerNotes,
            &measured.layers,
            "notes/s",
            0.0,
            |layer| Some(layer.notes_per_second),
        ))
        .chain(rising(
            EffectKind::LayerLoudness,
            &measured.layers,
            "LUFS",
            LEAST_LOUDER,
            |layer| layer.loudness_with_lower_lufs,
        ))
        .chain([
            length(asked, &measured.layers),
            seam(EffectKind::WavSeam, measured, |layer| {
                layer.wav_seam.ratio()
            }),
            seam(EffectKind::OggSeam, measured, |layer| {
                layer.ogg_seam.ratio()
            }),
            highest(asked, measured),
        ])
        .collect()
}

/// The share of layers that add more than `least`; nothing where there is only one.
fn rising(
    kind: EffectKind,
    layers: &[LayerMeasured],
    unit: &str,
    least: f64,
    of: impl Fn(&LayerMeasured) -> Option<f64>,
) -> Option<Effect> {
    let values: Vec<f64> = layers
        .iter()
        .map(|layer| of(layer).unwrap_or(f64::NAN))
        .collect();
    let share = share(values.windows(2).map(|pair| pair[1] - pair[0] > least));
    let words: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
    let measured = format!("{} {unit}", words.join(", "));
    (layers.len() > 1).then(|| kind.effect("more with every layer".into(), measured, share))
}

fn length(asked: &SetAsked, layers: &[LayerMeasured]) -> Effect {
    let wanted = asked.loop_start + asked.loop_length;
    let found = layers
        .iter()
        .flat_map(|layer| [layer.wav_samples, layer.ogg_samples]);
    let furthest = found
        .max_by_key(|found| found.abs_diff(wanted))
        .unwrap_or(wanted);
    let words = |samples: u64| format!("{samples} samples in every layer");
    let measured = if furthest == wanted {
        words(wanted)
    } else {
        format!("{furthest} in one")
    };
    EffectKind::SetLength.effect(words(wanted), measured, furthest.abs_diff(wanted) as f64)
}

fn seam(kind: EffectKind, measured: &SetMeasured, of: impl Fn(&LayerMeasured) -> f64) -> Effect {
    let worst = measured.layers.iter().map(of).fold(0.0, f64::max);
    let words = format!("{worst:.3} of the largest step inside");
    kind.effect("at most 1".into(), words, worst)
}

fn highest(asked: &SetAsked, measured: &SetMeasured) -> Effect {
    let decibels = |sample: f64| format!("{:.2} dBFS", 20.0 * libm::log10(sample.max(1e-9)));
    EffectKind::MixPeak.effect(
        format!("at most {}", decibels(asked.highest)),
        decibels(measured.highest),
        measured.highest - asked.highest,
    )
}
