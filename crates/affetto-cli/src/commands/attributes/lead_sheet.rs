//! Measured as a lead sheet.

use affetto::{LeadSheetMeasures, Score};
use serde_json::Value;

use crate::{commands::json, printer::Printer};

/// Prints the measures of a lead sheet.
pub fn show(score: &Score, printer: &Printer) -> Value {
    let measures = LeadSheetMeasures::of(score);
    if !printer.is_json() {
        let key = score
            .bars
            .first()
            .map_or_else(String::new, |bar| bar.key.to_string());
        printer.data_table(&summary(&measures, key));
        printer.data("");
        printer.data_table(&bars(&measures));
    }
    json(&measures)
}

fn summary(measures: &LeadSheetMeasures, key: String) -> Vec<Vec<String>> {
    let (harmony, melody) = (&measures.harmony, &measures.melody);
    let number = |value: f64| format!("{value:.2}");
    let rows = [
        ("bars", measures.bars.len().to_string()),
        ("key", key),
        ("key by its notes", measures.key.best_key.to_string()),
        ("valence", number(measures.valence)),
        ("tension", number(measures.tension)),
        ("chords per bar", number(harmony.chords_per_bar)),
        ("different chords", harmony.chord_coverage.to_string()),
        (
            "chord histogram entropy",
            number(harmony.chord_histogram_entropy),
        ),
        ("chord tonal distance", number(harmony.chord_tonal_distance)),
        ("chord-tone ratio", number(harmony.chord_tone_ratio)),
        (
            "melody-chord tonal distance",
            number(harmony.melody_chord_tonal_distance),
        ),
        ("notes per bar", number(melody.notes_per_bar)),
        ("share of rests", number(melody.rest_share)),
        ("range in semitones", melody.range.to_string()),
        ("pitch-class entropy", number(melody.pitch_class_entropy)),
        ("in-scale ratio", number(melody.in_scale_ratio)),
        ("mean interval in semitones", number(melody.mean_interval)),
        ("share of steps", number(melody.step_share)),
        ("syncopation", number(melody.syncopation)),
    ];
    rows.map(|(name, value)| vec![name.to_owned(), value])
        .to_vec()
}

fn bars(measures: &LeadSheetMeasures) -> Vec<Vec<String>> {
    let head = ["bar", "valence", "class", "events", "tension"]
        .map(str::to_owned)
        .to_vec();
    let row = |(at, bar): (usize, &affetto::attributes::report::BarMeasures)| {
        vec![
            (at + 1).to_string(),
            format!("{:.2}", bar.valence),
            json(&bar.valence_class)
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            bar.events.to_string(),
            format!("{:.2}", bar.tension),
        ]
    };
    std::iter::once(head)
        .chain(measures.bars.iter().enumerate().map(row))
        .collect()
}
