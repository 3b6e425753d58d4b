//! The JSON Schema of a manifest.

use affetto::SchemaName;
use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::manifest::{MOST_ITEMS, SCHEMA, fields};

/// The JSON Schema of manifests, `batch/1`: a job has the fields of the request of its kind, and a few of its own.
pub fn manifest_schema() -> Schema {
    let requests = SchemaName::Request.schema().to_value();
    let mut definitions = requests["$defs"].as_object().cloned().unwrap_or_default();
    let parts = definitions
        .get("EmotionParts")
        .cloned()
        .unwrap_or(Value::Null);
    let parts = parts["properties"].as_object().cloned().unwrap_or_default();
    let mut jobs = Vec::new();
    for (kind, fields) in fields::kinds() {
        let mut properties = of_job();
        if fields.contains_key("emotion") {
            properties.extend(parts.clone());
            properties.insert(
                "curve".into(),
                json!({
                    "description": "How the emotion moves: a curve, or the file of one.",
                    "anyOf": [{ "type": "string" }, parts.get("curve")],
                }),
            );
        }
        properties.extend(fields.clone());
        let name = kind.replace('.', "-");
        let job = json!({
            "description": format!("A job of the kind {kind}."),
            "type": "object", "properties": properties, "patternProperties": { "^x-": true },
            "additionalProperties": false, "required": ["id"],
        });
        jobs.push(json!({ "$ref": format!("#/$defs/job-{name}") }));
        definitions.insert(format!("job-{name}"), job);
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA,
        "description": "Many things to make. Files are named from the folder of the manifest and stay below it.",
        "type": "object", "required": ["jobs"], "additionalProperties": false,
        "patternProperties": { "^x-": true },
        "properties": {
            "schema": { "const": SCHEMA },
            "comment": { "description": "For people; what is made does not follow from it." },
            "defaults": { "type": "object", "description": "Fields of the jobs that do not say them." },
            "jobs": { "type": "array", "maxItems": MOST_ITEMS, "items": { "anyOf": jobs } },
        },
        "$defs": definitions,
    });
    Schema::try_from(schema).unwrap_or_default()
}

/// The fields of jobs that are not of their requests.
fn of_job() -> Map<String, Value> {
    let own = json!({
        "id": {
            "type": "string",
            "description": "Its name, the only one of its kind: lower-case letters, digits, `_`, `.` and `-`; `{field}` stands for a field.",
        },
        "out": {
            "description": "Its file, or files; `{id}` and `{field}` stand for fields.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 16 }],
        },
        "matrix": {
            "type": "object", "description": "A job for each combination of these values.",
            "additionalProperties": { "type": "array", "minItems": 1 },
        },
        "comment": { "description": "For people; what is made does not follow from it." },
        "soundfont": { "type": "string", "description": "A SoundFont that plays `.wav` files." },
        "strict": { "type": "boolean", "description": "Whether a control that misses its limit is a failure." },
    });
    own.as_object().cloned().unwrap_or_default()
}
