//! What stickers do with an emotion.

use affetto::{
    Emotion, Models,
    video::sticker::{condition::mikels, data::EMOTION_NAMES, statistics::EmotionStatistics},
};
use serde_json::{Value, json};

use super::asked::say_title;
use crate::{
    commands::json,
    failure::{Code, Failure},
    printer::Printer,
};

/// Channels that are shown unless all are asked for.
const SHOWN: usize = 16;

/// `affetto attributes EMOTION --medium sticker`
pub fn show(
    emotion: &Emotion,
    name: &str,
    all: bool,
    models: &Models,
    printer: &Printer,
) -> Result<Value, Failure> {
    let model = models.sticker(None)?;
    let statistics = model.model.statistics();
    let weights = mikels(emotion).ok_or_else(|| Failure {
        code: Code::Usage,
        message: format!("{name} has no image among the eight emotions of the clips"),
        hint: Some(format!("name one of them: {}", EMOTION_NAMES.join(", "))),
    })?;
    let moved = statistics.moved(&weights);
    let parts: Vec<&EmotionStatistics> = statistics
        .emotions
        .iter()
        .zip(weights)
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(of, _)| of)
        .collect();
    if !printer.is_json() {
        say_title(name, emotion, printer);
        let head = [
            "clips of",
            "by weight",
            "valence",
            "arousal",
            "energy",
            "seconds",
        ];
        let spread = |[mean, spread]: [f32; 2]| format!("{mean:+.2} \u{b1} {spread:.2}");
        let rows = parts.iter().map(|of| {
            vec![
                of.emotion.clone(),
                format!("{:.1}", of.clips),
                spread(of.valence),
                spread(of.arousal),
                spread(of.energy),
                format!("{:.1}", of.length_secs),
            ]
        });
        let head = head.map(str::to_owned).to_vec();
        printer.data_table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        printer.data("");
        let head = ["channel", "mean", "spread", "from the usual"].map(str::to_owned);
        let shown = if all { moved.len() } else { SHOWN };
        let rows = moved.iter().take(shown).map(|channel| {
            vec![
                channel.name.clone(),
                format!("{:+.3}", channel.mean),
                format!("{:.3}", channel.deviation),
                format!("{:+.2} deviations", channel.deviations),
            ]
        });
        printer.data_table(
            &std::iter::once(head.to_vec())
                .chain(rows)
                .collect::<Vec<_>>(),
        );
    }
    Ok(json!({
        "emotion": name,
        "point": emotion.vad(),
        "clips": parts.iter().map(|of| json!({
            "emotion": of.emotion,
            "weight": of.clips,
            "valence": of.valence,
            "arousal": of.arousal,
            "energy": of.energy,
            "length_secs": of.length_secs,
        })).collect::<Vec<_>>(),
        "channels": json(&moved),
    }))
}
