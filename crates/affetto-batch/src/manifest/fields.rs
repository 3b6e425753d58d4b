//! Which fields a job may have, by the schema of requests, so that a kind of request that is new needs nothing here.

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use affetto::{Emotion, EmotionParts, Request, SchemaName, emotion::Curve};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{paths, syntax::Fault};

/// Fields of a job that are no fields of its request.
pub(crate) const OF_JOB: [&str; 7] = [
    "id",
    "kind",
    "out",
    "matrix",
    "comment",
    "soundfont",
    "strict",
];
/// Parts of the emotion that may stand beside it.
pub(crate) const OF_EMOTION: [&str; 7] = [
    "valence",
    "arousal",
    "dominance",
    "intensity",
    "label",
    "mixture",
    "curve",
];

/// The fields of each kind of request, with their schemas.
static KINDS: LazyLock<BTreeMap<String, Map<String, Value>>> = LazyLock::new(|| {
    let schema = SchemaName::Request.schema().to_value();
    let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
    let fields = |variant: Value| {
        let fields = variant["properties"].as_object()?.clone();
        let kind = fields.get("kind")?["const"].as_str()?.to_owned();
        Some((kind, fields))
    };
    variants.into_iter().filter_map(fields).collect()
});

/// Every kind with the fields of its requests.
pub(crate) fn kinds() -> &'static BTreeMap<String, Map<String, Value>> {
    &KINDS
}

/// The fields of the kind that a job names.
pub(super) fn of_kind(job: &Map<String, Value>) -> Result<&'static Map<String, Value>, Fault> {
    let known = || kinds().keys().map(String::as_str);
    let all = || known().collect::<Vec<_>>().join(", ");
    match job.get("kind") {
        Some(Value::String(kind)) => kinds().get(kind).ok_or_else(|| {
            let fault = Fault::new(format!("no kind {kind:?}"));
            fault.with_nearest(kind, known(), Some(format!("there are {}", all())))
        }),
        Some(_) => Err(Fault::new("kind must be a text")),
        None => Err(Fault::new("no kind").with_hint(format!("one of {}", all()))),
    }
}

/// The names of the fields that a job may have whose request has the fields `known`.
pub(super) fn names(known: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let own = OF_JOB.into_iter().chain(OF_EMOTION);
    own.chain(known.keys().map(String::as_str))
}

/// Whether `name` is one of [`names`], or private.
pub(super) fn has(known: &Map<String, Value>, name: &str) -> bool {
    name.starts_with("x-")
        || OF_JOB.contains(&name)
        || OF_EMOTION.contains(&name)
        || known.contains_key(name)
}

/// The first field that neither jobs nor requests of this kind have.
pub(super) fn unknown<'a>(
    job: &'a Map<String, Value>,
    known: &Map<String, Value>,
) -> Option<(&'a str, Fault)> {
    let name = job.keys().find(|name| !has(known, name))?;
    let all = "`affetto schema batch` lists the fields of each kind";
    let fault = Fault::new(format!("unknown field {name:?}"));
    Some((
        name,
        fault.with_nearest(name, names(known), Some(all.into())),
    ))
}

/// The request of a job: its own fields, with what is said of the emotion in one place.
pub(super) fn request(
    job: &Map<String, Value>,
    known: &Map<String, Value>,
    folder: &Path,
) -> Result<Request, (Option<String>, Fault)> {
    let mut fields = Map::new();
    for (name, value) in job {
        if name == "kind" || known.contains_key(name) && !OF_EMOTION.contains(&name.as_str()) {
            fields.insert(name.clone(), typed(value, &known[name.as_str()]));
        }
    }
    if let Some(emotion) = emotion(job, known, &mut fields, folder)? {
        fields.insert("emotion".into(), emotion);
    }
    let fields = Value::Object(fields);
    Request::deserialize(&fields).map_err(|error| {
        let mut fields = fields.as_object().into_iter().flatten();
        let field = fields.find(|(name, value)| *name != "kind" && !is_readable(job, name, value));
        let reason = error.to_string();
        match field {
            Some((name, _)) => (Some(name.clone()), Fault::new(format!("{name}: {reason}"))),
            None => (None, Fault::new(reason)),
        }
    })
}

/// Whether a request could have this field so.
fn is_readable(job: &Map<String, Value>, name: &str, value: &Value) -> bool {
    let alone = json!({ "kind": job["kind"], name: value });
    serde_json::from_value::<Request>(alone).is_ok()
}

/// A number of a table that is to be a text (a title, say) is one again.
fn typed(value: &Value, schema: &Value) -> Value {
    let only_text = match &schema["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().all(|kind| kind == "string" || kind == "null"),
        _ => false,
    };
    match value {
        Value::Number(_) | Value::Bool(_) if only_text => Value::String(value.to_string()),
        value => value.clone(),
    }
}

/// The emotion with the parts that stand beside it; a number beside it comes before what its words say. An arousal that is
/// no number stays where it is, if the kind has such a field.
fn emotion(
    job: &Map<String, Value>,
    known: &Map<String, Value>,
    fields: &mut Map<String, Value>,
    folder: &Path,
) -> Result<Option<Value>, (Option<String>, Fault)> {
    let fault = |name: &str, fault: Fault| (Some(name.to_owned()), fault);
    let mut parts = match job.get("emotion") {
        None => Map::new(),
        Some(Value::String(text)) => {
            let said = Emotion::parse(text).map_err(|error| fault("emotion", error.into()))?;
            match serde_json::to_value(EmotionParts::from(said)) {
                Ok(Value::Object(parts)) => parts,
                _ => Map::new(),
            }
        }
        Some(Value::Object(parts)) => parts.clone(),
        Some(_) => {
            let reason = Fault::new("emotion must be a text or an object");
            return Err(fault("emotion", reason));
        }
    };
    for name in OF_EMOTION {
        let Some(value) = job.get(name) else { continue };
        if name == "curve" && value.is_string() {
            let curve = curve(value.as_str().unwrap_or_default(), folder)
                .map_err(|reason| fault(name, reason))?;
            parts.insert(name.into(), curve);
        } else if known.contains_key(name) && !value.is_number() {
            fields.insert(name.into(), value.clone());
        } else {
            parts.insert(name.into(), value.clone());
        }
    }
    if !known.contains_key("emotion") {
        return match parts.keys().next() {
            Some(name) => Err(fault(
                name,
                Fault::new("requests of this kind have no emotion"),
            )),
            None => Ok(None),
        };
    }
    Ok((!parts.is_empty()).then_some(Value::Object(parts)))
}

/// The curve of a file, which becomes part of the request.
fn curve(text: &str, folder: &Path) -> Result<Value, Fault> {
    let path = paths::below(text).map_err(Fault::new)?;
    if let Some(reason) = paths::leads_out(folder, &path) {
        return Err(Fault::new(reason));
    }
    let curve = Curve::read(folder.join(path))?;
    serde_json::to_value(curve).map_err(|error| Fault::new(error.to_string()))
}
