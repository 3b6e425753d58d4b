//! JSON Schemas of what is read and written.

use std::path::PathBuf;

use affetto_emotion::{Curve, Emotion};
use schemars::{JsonSchema, Schema, schema_for};

use crate::Provenance;

/// A JSON Schema that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaName {
    /// A request for a lead sheet.
    LeadSheet,
    /// Any request.
    Request,
    /// A provenance file.
    Provenance,
    /// A curve file.
    Curve,
}

impl SchemaName {
    /// Every schema.
    pub const ALL: [Self; 4] = [
        Self::LeadSheet,
        Self::Request,
        Self::Provenance,
        Self::Curve,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeadSheet => "lead-sheet",
            Self::Request => "request",
            Self::Provenance => "provenance",
            Self::Curve => "curve",
        }
    }

    /// The schema.
    pub fn schema(self) -> Schema {
        match self {
            Self::LeadSheet => schema_for!(LeadSheetShape),
            Self::Request => schema_for!(RequestShape),
            Self::Provenance => schema_for!(Provenance),
            Self::Curve => Curve::json_schema(),
        }
    }
}

/// What to make.
#[derive(JsonSchema)]
#[schemars(rename = "Request", tag = "kind")]
#[expect(dead_code, reason = "shapes are for their schema alone")]
pub(crate) enum RequestShape {
    /// A lead sheet with its accompaniment.
    #[schemars(rename = "music.lead-sheet")]
    LeadSheet(LeadSheetShape),
}

/// A request for a lead sheet. Only what is given is enforced; the rest is chosen by the emotion.
#[derive(JsonSchema, Default)]
#[schemars(rename = "LeadSheetRequest", inline, deny_unknown_fields, default)]
pub(crate) struct LeadSheetShape {
    /// The same seed gives the same music.
    seed: u64,
    /// The title written into the files.
    title: Option<String>,
    /// The emotion; a curve in it may name valence, arousal, density and tension over the bars.
    emotion: Emotion,
    /// Whether valence is enforced bar by bar (in classes) instead of steered as a mean.
    pin_valence: bool,
    /// Valence classes, -2 to 2, one a bar (or one for all): enforced.
    valence_levels: Option<Vec<Level>>,
    /// Full bars; 16 where nothing says otherwise.
    #[schemars(range(min = 1, max = 256))]
    bars: Option<usize>,
    /// The time signature, such as `3/4`; 4/4 where nothing says otherwise.
    #[schemars(regex(pattern = r"^[0-9]+/[0-9]+$"))]
    meter: Option<String>,
    /// Length of a pick-up in quarter notes, a numerator and a denominator.
    pickup: Option<[i64; 2]>,
    /// The key, such as `D minor`.
    key: Option<String>,
    /// Quarter notes per minute.
    #[schemars(range(min = 10.0, max = 600.0))]
    tempo_bpm: Option<f64>,
    /// The melody's range, such as `C4-G5` or `60-79`.
    range: Option<String>,
    /// Events in a bar, 0 (a whole note) to 1 (eighths): enforced.
    density: Option<ControlShape>,
    /// Harmonic tension, 0 to 1: steered.
    tension: Option<ControlShape>,
    /// The kind of song.
    style: Option<StyleShape>,
    /// The form, such as `AABA`.
    #[schemars(regex(pattern = r"^[A-Za-z]{1,16}$"))]
    form: Option<String>,
    /// A file whose melody is kept and harmonised.
    keep: Option<PathBuf>,
    /// Chords to write a melody over: `Dm7 G7 | Cmaj7`.
    chords: Option<String>,
    /// A file to go on from.
    continue_from: Option<PathBuf>,
    /// Bars of `fill_in` to write anew, such as `5-8`.
    fill: Option<String>,
    /// The file whose bars are filled.
    fill_in: Option<PathBuf>,
    /// How the chords are played; chosen by metre and arousal where not given.
    accompaniment: Option<AccompanimentShape>,
    /// Small deviations of timing and loudness.
    #[schemars(range(min = 0.0, max = 1.0))]
    humanize: f64,
    /// The model, by its id or the last word of it; the default one where not given.
    model: Option<String>,
    /// How freely tokens are drawn.
    #[schemars(range(min = 0.01, max = 2.0))]
    temperature: f64,
    /// The share of probability that is drawn from.
    #[schemars(range(min = 0.01, max = 1.0))]
    top_p: f64,
}

#[derive(JsonSchema)]
#[schemars(inline, transparent)]
#[expect(dead_code, reason = "shapes are for their schema alone")]
struct Level(#[schemars(range(min = -2, max = 2))] i8);

/// A number, or a curve over the bars.
#[derive(JsonSchema)]
#[schemars(rename = "Control", untagged)]
#[expect(dead_code, reason = "shapes are for their schema alone")]
enum ControlShape {
    /// The same throughout.
    Constant(#[schemars(range(min = 0.0, max = 1.0))] f64),
    /// Keyframes.
    Curve(Curve),
}

#[derive(JsonSchema)]
#[schemars(rename = "Style", rename_all = "lowercase")]
#[expect(dead_code, reason = "shapes are for their schema alone")]
enum StyleShape {
    Song,
    Hymn,
    Lied,
}

#[derive(JsonSchema)]
#[schemars(rename = "Accompaniment", rename_all = "lowercase")]
#[expect(dead_code, reason = "shapes are for their schema alone")]
enum AccompanimentShape {
    Block,
    Arpeggio,
    Waltz,
    Pulse,
    None,
}

/// What was asked, words resolved; one value a bar where it is a list.
#[derive(JsonSchema)]
#[schemars(rename = "Asked", deny_unknown_fields)]
#[expect(dead_code, reason = "shapes are for their schema alone")]
pub(crate) struct AskedShape {
    /// Valence of each bar.
    valence_per_bar: Vec<f64>,
    /// Their mean.
    valence: f64,
    /// Whether the class of each bar was enforced.
    valence_enforced: bool,
    /// Arousal.
    arousal: f64,
    /// Events in each bar, where asked.
    events_per_bar: Option<Vec<usize>>,
    /// Tension of each bar, where asked.
    tension_per_bar: Option<Vec<f64>>,
    /// The key.
    key: String,
    /// The time signature.
    meter: String,
    /// Bars in all, a pick-up included.
    bars: usize,
    /// Quarter notes per minute.
    tempo_bpm: f64,
    /// The melody's range, MIDI numbers.
    range: (u8, u8),
    /// How the chords are played.
    accompaniment: AccompanimentShape,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use affetto_music::condition::LeadSheetRequest;
    use serde_json::{Value, json};

    use super::*;

    fn names(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    /// A request that says everything, so that no field is left out of its JSON.
    fn full_request() -> Value {
        json!({
            "seed": 7, "title": "A", "emotion": "joy:0.5", "pin_valence": true, "valence_levels": [-2],
            "bars": 8, "meter": "6/8", "pickup": [1, 2], "key": "D minor", "tempo_bpm": 92.5, "range": "C4-G5",
            "density": 0.5, "tension": { "schema": "emotion-track/1", "time": "bars", "keys": [{ "t": 0, "tension": 1 }] },
            "style": "hymn", "form": "AABA", "keep": "a.mid", "chords": "C", "continue_from": "b.mid", "fill": "5-8",
            "fill_in": "c.mid", "accompaniment": "waltz", "humanize": 0.1, "model": "lstm", "temperature": 1.1,
            "top_p": 0.9
        })
    }

    #[test]
    fn the_schema_of_a_request_has_its_fields() {
        let request: LeadSheetRequest = serde_json::from_value(full_request()).unwrap();
        let fields = names(&serde_json::to_value(&request).unwrap());
        let schema = serde_json::to_value(SchemaName::LeadSheet.schema()).unwrap();
        assert_eq!(names(&schema["properties"]), fields);
        assert_eq!(schema["additionalProperties"], false);
        assert!(
            schema.get("required").is_none(),
            "every field has a default"
        );
    }

    #[test]
    fn words_of_the_schema_are_those_that_are_read() {
        use affetto_music::{arrange::Accompaniment, tokens::Style};
        let schema = serde_json::to_string(&SchemaName::LeadSheet.schema()).unwrap();
        for style in Style::ALL {
            assert!(schema.contains(&serde_json::to_string(&style).unwrap()));
        }
        for way in Accompaniment::ALL {
            assert!(schema.contains(&serde_json::to_string(&way).unwrap()));
        }
    }

    #[test]
    fn every_schema_is_one() {
        for name in SchemaName::ALL {
            let schema = serde_json::to_value(name.schema()).unwrap();
            assert!(schema["$schema"].is_string(), "{}", name.name());
        }
    }
}
