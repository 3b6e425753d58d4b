//! What the bytes of an item follow from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use affetto::{Engine, Hint, ModelUsed, Models, Request};
use affetto_core::{Checksum, sha256_hex};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Item, Reason};

/// Computes keys; each model and each input is looked at once.
pub(crate) struct Keys<'a> {
    models: &'a Models,
    folder: &'a Path,
    used: BTreeMap<(&'static str, Option<String>), Result<ModelUsed, Reason>>,
    inputs: BTreeMap<PathBuf, Result<String, Reason>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(models: &'a Models, folder: &'a Path) -> Self {
        Self {
            models,
            folder,
            used: BTreeMap::new(),
            inputs: BTreeMap::new(),
        }
    }

    /// The SHA-256 of everything that the files of an item follow from: its request, their names (they stand in the
    /// provenance), the checksums of its inputs and of the weights, and the program.
    pub(crate) fn key(&mut self, item: &Item, request: &Request) -> Result<String, Reason> {
        request.check().map_err(|error| reason(&error))?;
        let model = self.model(request)?;
        let named = request.inputs();
        let inputs: Vec<(&str, &Path)> = named.map(|(role, path)| (role.name(), path)).collect();
        let mut sums = Vec::new();
        for (role, path) in inputs {
            sums.push(json!([role, self.input(path)?]));
        }
        if let Some(path) = &item.soundfont {
            sums.push(json!(["soundfont", self.input(path)?]));
        }
        let names: Vec<String> = item.out.iter().map(|path| with_slashes(path)).collect();
        // The names are in order.
        let mut text = Vec::new();
        let parts = [
            ("{\"engine\":", json!(Engine::this())),
            (",\"inputs\":", json!(sums)),
            (",\"model\":", json!(model)),
            (",\"names\":", json!(names)),
            (",\"request\":", json!(request)),
            (",\"strict\":", json!(item.strict)),
        ];
        for (name, value) in parts {
            text.extend_from_slice(name.as_bytes());
            write_canonical(&value, &mut text);
        }
        text.push(b'}');
        Ok(sha256_hex(&text))
    }

    /// The model that a request is carried out by.
    pub(crate) fn model(&mut self, request: &Request) -> Result<Option<ModelUsed>, Reason> {
        let Some(task) = request.task() else {
            return Ok(None);
        };
        let name = request.model();
        let used = self
            .used
            .entry((task.name(), name.map(str::to_owned)))
            .or_insert_with(|| self.models.used(task, name).map_err(|error| reason(&error)));
        used.clone().map(Some)
    }

    /// The SHA-256 of an input.
    pub(crate) fn input(&mut self, path: &Path) -> Result<String, Reason> {
        if let Some(found) = self.inputs.get(path) {
            return found.clone();
        }
        let place = self.folder.join(path);
        let found = match Checksum::of_file(&place) {
            Ok(found) => Ok(found.sha256),
            Err(error) => Err(Reason {
                message: format!("cannot read: {error}: {}", path.display()),
                hint: Some("inputs are named from the folder of the manifest".into()),
            }),
        };
        self.inputs.insert(path.into(), found.clone());
        found
    }
}

/// A path as journals and reports have it, on every system the same.
pub(crate) fn with_slashes(path: &Path) -> String {
    let parts = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

pub(crate) fn reason(error: &affetto::Error) -> Reason {
    Reason {
        message: error.to_string(),
        hint: error.hint(),
    }
}

/// JSON with the names of every object in order, so that it is the same however it was put together.
fn write_canonical(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<(&String, &Value)> = object.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            for (at, (name, value)) in fields.into_iter().enumerate() {
                text.push(if at == 0 { b'{' } else { b',' });
                write_plain(name, text);
                text.push(b':');
                write_canonical(value, text);
            }
            text.extend_from_slice(if object.is_empty() { b"{}" } else { b"}" });
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                text.push(if at == 0 { b'[' } else { b',' });
                write_canonical(value, text);
            }
            text.extend_from_slice(if values.is_empty() { b"[]" } else { b"]" });
        }
        value => write_plain(value, text),
    }
}

fn write_plain(value: &impl Serialize, text: &mut Vec<u8>) {
    // A vector takes all that is written, and values of JSON can be.
    let _ = serde_json::to_writer(text, value);
}

#[test]
fn the_order_of_fields_does_not_count() {
    let value = json!({ "b": [1, { "d": null, "c": "x" }], "a": 0.5, "e": {}, "f": [] });
    let text = r#"{"a":0.5,"b":[1,{"c":"x","d":null}],"e":{},"f":[]}"#;
    let mut written = Vec::new();
    write_canonical(&value, &mut written);
    assert_eq!(written, text.as_bytes());
}
