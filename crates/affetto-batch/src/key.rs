//! What the bytes of an item follow from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use affetto::{Engine, Hint, ModelUsed, Models, Request};
use affetto_core::{Checksum, sha256_hex};
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
    pub(crate) fn key(&mut self, item: &Item) -> Result<String, Reason> {
        item.request.check().map_err(|error| reason(&error))?;
        let model = self.model(&item.request)?;
        let named = item.request.inputs();
        let inputs: Vec<(&str, &Path)> = named.map(|(role, path)| (role.name(), path)).collect();
        let mut sums = Vec::new();
        for (role, path) in inputs {
            sums.push(json!([role, self.input(path)?]));
        }
        if let Some(path) = &item.soundfont {
            sums.push(json!(["soundfont", self.input(path)?]));
        }
        let names: Vec<String> = item.out.iter().map(|path| with_slashes(path)).collect();
        let all = json!({
            "engine": Engine::this(), "request": item.request, "model": model, "inputs": sums,
            "names": names, "strict": item.strict,
        });
        Ok(sha256_hex(canonical(&all).as_bytes()))
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
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort();
            let fields = names
                .into_iter()
                .map(|name| format!("{}:{}", json!(name), canonical(&object[name])));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        value => value.to_string(),
    }
}

#[test]
fn the_order_of_fields_does_not_count() {
    let value = json!({ "b": [1, { "d": null, "c": "x" }], "a": 0.5 });
    assert_eq!(canonical(&value), r#"{"a":0.5,"b":[1,{"c":"x","d":null}]}"#);
}
