//! JSON Schemas of what is read and written.

use affetto_emotion::Curve;
use affetto_face::condition::FaceRequest;
use affetto_music::{condition::LeadSheetRequest, piano::condition::PianoRequest, set::SetRequest};
use affetto_video::sticker::condition::StickerRequest;
use schemars::{Schema, schema_for};

use crate::{MusicSet, Provenance, Request, SheetProvenance};

/// A JSON Schema that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaName {
    /// A request for a lead sheet.
    LeadSheet,
    /// A request for piano music.
    Piano,
    /// A request for another feeling in a take.
    FaceRig,
    /// A request for a sticker.
    Sticker,
    /// A request for a set of game files.
    Set,
    /// The cue file of a set of game files.
    MusicSet,
    /// Any request.
    Request,
    /// A provenance file.
    Provenance,
    /// The provenance file of a sheet of stickers.
    StickerSheet,
    /// A curve file.
    Curve,
}

impl SchemaName {
    /// Every schema.
    pub const ALL: [Self; 10] = [
        Self::LeadSheet,
        Self::Piano,
        Self::FaceRig,
        Self::Sticker,
        Self::Set,
        Self::MusicSet,
        Self::Request,
        Self::Provenance,
        Self::StickerSheet,
        Self::Curve,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeadSheet => "lead-sheet",
            Self::Piano => "piano",
            Self::FaceRig => "face-rig",
            Self::Sticker => "sticker",
            Self::Set => "set",
            Self::MusicSet => "music-set",
            Self::Request => "request",
            Self::Provenance => "provenance",
            Self::StickerSheet => "sticker-sheet",
            Self::Curve => "curve",
        }
    }

    /// The schema.
    pub fn schema(self) -> Schema {
        match self {
            Self::LeadSheet => schema_for!(LeadSheetRequest),
            Self::Piano => schema_for!(PianoRequest),
            Self::FaceRig => schema_for!(FaceRequest),
            Self::Sticker => schema_for!(StickerRequest),
            Self::Set => schema_for!(SetRequest),
            Self::MusicSet => schema_for!(MusicSet),
            Self::Request => schema_for!(Request),
            Self::Provenance => schema_for!(Provenance),
            Self::StickerSheet => schema_for!(SheetProvenance),
            Self::Curve => Curve::json_schema(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn names(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    /// A request that says everything, so that no field is left out of its JSON.
    fn full_request() -> Value {
        json!({
            "seed": 7, "title": "A", "emotion": "joy:0.5", "arousal": -0.5, "pin_valence": true, "valence_levels": [-2],
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

    /// As [`full_request`], of piano music.
    fn full_piano_request() -> Value {
        json!({
            "seed": 7, "title": "A", "emotion": "joy:0.5", "attributes": { "Note Density per Quarter Note": "high" }, "bars": 8,
            "meter": "6/8", "key": "D minor", "tempo_bpm": 92.5, "range": "A1-C7", "hand_span": 12, "style": "pop",
            "continue_from": "b.mid", "fill": "5-8", "fill_in": "c.mid", "arrange": "a.mid", "open_end": true,
            "humanize": 0.1, "guidance": 2.0, "model": "small", "candidates": 3, "temperature": 1.1, "top_p": 0.9
        })
    }

    #[test]
    fn the_schema_of_a_piano_request_has_its_fields() {
        let request: PianoRequest = serde_json::from_value(full_piano_request()).unwrap();
        let fields = names(&serde_json::to_value(&request).unwrap());
        let schema = serde_json::to_value(SchemaName::Piano.schema()).unwrap();
        assert_eq!(names(&schema["properties"]), fields);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["candidates"]["maximum"], 64);
    }

    #[test]
    fn the_schema_of_a_set_has_its_fields() {
        let request: SetRequest = serde_json::from_value(json!({
            "seed": 7, "title": "A", "emotion": "hope", "bars": 8, "meter": "6/8", "key": "D minor", "tempo_bpm": 92.5,
            "layers": 4, "intro": 1, "outro": 0, "stingers": ["danger"], "model": "lstm", "candidates": 3,
            "temperature": 1.1, "top_p": 0.9
        }))
        .unwrap();
        let fields = names(&serde_json::to_value(&request).unwrap());
        let schema = serde_json::to_value(SchemaName::Set.schema()).unwrap();
        assert_eq!(names(&schema["properties"]), fields);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["layers"]["maximum"], 6);
        assert!(
            schema.get("required").is_none(),
            "every field has a default"
        );
    }

    /// Everything that may be asked, so that no field is left out of its JSON.
    fn full_asked() -> Value {
        json!({
            "valence_per_bar": [0.1], "valence": 0.1, "valence_enforced": true, "arousal": 0.2,
            "arousal_per_bar": [0.2], "events_per_bar": [4], "tension_per_bar": [0.5], "key": "D minor",
            "meter": "3/4", "bars": 1, "tempo_bpm": 90.0, "range": [60, 79], "accompaniment": "waltz"
        })
    }

    #[test]
    fn the_schema_of_a_provenance_has_what_was_asked() {
        let asked: affetto_music::compose::Asked = serde_json::from_value(full_asked()).unwrap();
        let written = serde_json::to_value(&asked).unwrap();
        let schema = serde_json::to_value(SchemaName::Provenance.schema()).unwrap();
        let pairs = schema["anyOf"].as_array().unwrap().iter();
        let pairs =
            pairs.map(|pair| ["asked", "measured"].map(|it| &pair["properties"][it]["$ref"]));
        let definitions = [
            ["#/$defs/Asked", "#/$defs/LeadSheetMeasures"],
            ["#/$defs/PianoAsked", "#/$defs/PianoMeasured"],
            ["#/$defs/FaceAsked", "#/$defs/FaceMeasured"],
            ["#/$defs/StickerAsked", "#/$defs/StickerMeasured"],
            ["#/$defs/SetAsked", "#/$defs/SetMeasured"],
        ];
        assert_eq!(pairs.collect::<Vec<_>>(), definitions);
        assert_eq!(schema["unevaluatedProperties"], false);
        let of_asked = &schema["$defs"]["Asked"];
        assert_eq!(names(&of_asked["properties"]), names(&written));
        assert_eq!(of_asked["additionalProperties"], false);
        let may_lack = ["arousal_per_bar", "events_per_bar", "tension_per_bar"];
        let required: BTreeSet<&str> = of_asked["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let all = names(&written);
        assert_eq!(
            all.iter()
                .filter(|name| !required.contains(name.as_str()))
                .collect::<Vec<_>>(),
            may_lack
        );
    }

    /// Names of keys and metres are texts, not the numbers that they are kept as.
    #[test]
    fn the_schema_of_a_request_is_of_what_users_write() {
        let schema = serde_json::to_value(SchemaName::Request.schema()).unwrap();
        let request = schema.to_string();
        assert!(request.contains("music.lead-sheet"), "{request}");
        let schema = serde_json::to_value(SchemaName::LeadSheet.schema()).unwrap();
        for name in ["MusicalKey", "Metre", "PitchRange", "BarRange", "Form"] {
            assert_eq!(schema["$defs"][name]["type"], "string", "{name}");
        }
        assert_eq!(schema["properties"]["bars"]["maximum"], 256);
        assert_eq!(
            schema["properties"]["valence_levels"]["items"]["minimum"],
            -2
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
