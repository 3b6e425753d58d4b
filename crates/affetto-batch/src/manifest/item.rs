//! From a job to what it asks for.

use std::path::{Path, PathBuf};

use affetto::Request;

use serde_json::{Map, Value, json};

use super::{Item, fields, paths, syntax::Fault, template};
use crate::rates::units;

/// The most files of one item.
const MOST_FILES: usize = 16;
/// The longest id.
const LONGEST_ID: usize = 128;
/// The longest title, in bytes.
const LONGEST_TITLE: usize = 1_000;

/// A fault, with the field that it lies in where that is known.
pub(super) type FieldFault = (Option<String>, Fault);

fn in_field(field: &str) -> impl Fn(Fault) -> FieldFault {
    let field = field.to_owned();
    move |fault| (Some(field.clone()), fault)
}

/// The item of a job that has no matrix any more.
pub(super) fn item(
    mut job: Map<String, Value>,
    at: usize,
    folder: &Path,
) -> Result<Item, FieldFault> {
    let known = fields::of_kind(&job).map_err(in_field("kind"))?;
    let id = id(&job).map_err(in_field("id"))?;
    job.insert("id".into(), json!(id));
    if let Some(Value::String(title)) = job.get("title").cloned() {
        let title = title_of(&title, &job).map_err(in_field("title"))?;
        job.insert("title".into(), json!(title));
    }
    let strict = match job.get("strict") {
        None => false,
        Some(Value::Bool(strict)) => *strict,
        Some(_) => {
            return Err(in_field("strict")(Fault::new(
                "strict must be true or false",
            )));
        }
    };
    let soundfont = job.get("soundfont");
    let soundfont =
        soundfont.map(|name| path("soundfont", name, &job).map_err(in_field("soundfont")));
    let out = files(&job).map_err(in_field("out"))?;
    let soundfont = soundfont.transpose()?;
    let request = fields::request(&job, known, folder)?;
    check_inputs(&request, &job)?;
    for path in &out {
        let checked = request.check_output(path);
        checked.map_err(|error| in_field("out")(error.into()))?;
    }
    let text =
        serde_json::to_string(&request).map_err(|error| (None, Fault::new(error.to_string())))?;
    Ok(Item {
        id,
        out,
        soundfont,
        strict,
        job: at,
        kind: request.kind(),
        units: units(request.kind(), &text),
        inputs: request.inputs().map(|(_, path)| path.into()).collect(),
        request: text.into(),
    })
}

fn id(job: &Map<String, Value>) -> Result<String, Fault> {
    let text = match job.get("id") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(Fault::new("id must be a text")),
        None => return Err(Fault::new("no id")),
    };
    let id = template::fill(&text, job)?;
    check_id(&id)?;
    Ok(id)
}

fn files(job: &Map<String, Value>) -> Result<Vec<PathBuf>, Fault> {
    let names = match job.get("out") {
        Some(Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => return Err(Fault::new("no out").with_hint("name a file: out: \"{id}.mid\"")),
    };
    if names.is_empty() || names.len() > MOST_FILES {
        let count = names.len();
        return Err(Fault::new(format!(
            "{count} files, 1 to {MOST_FILES} are possible"
        )));
    }
    names.iter().map(|name| path("out", name, job)).collect()
}

fn path(field: &str, name: &Value, job: &Map<String, Value>) -> Result<PathBuf, Fault> {
    let Value::String(name) = name else {
        return Err(Fault::new(format!("{field} must be a text")));
    };
    paths::below(&template::fill(name, job)?).map_err(Fault::new)
}

/// Inputs, too, lie below the folder of the manifest.
fn check_inputs(request: &Request, job: &Map<String, Value>) -> Result<(), FieldFault> {
    for (role, input) in request.inputs() {
        let text = input.to_string_lossy();
        paths::below(&text).map_err(|reason| {
            let field = job.iter().find(|(_, value)| value.as_str() == Some(&text));
            let fault = Fault::new(format!("{}: {reason}", role.name()));
            (field.map(|(name, _)| name.clone()), fault)
        })?;
    }
    Ok(())
}

/// A title is for people: fields stand in it as they are.
fn title_of(title: &str, job: &Map<String, Value>) -> Result<String, Fault> {
    let mut filled = title.to_owned();
    for (name, value) in job {
        let text = match value {
            Value::String(text) if name != "title" => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        filled = filled.replace(&format!("{{{name}}}"), &text);
    }
    match filled.len() {
        0..=LONGEST_TITLE => Ok(filled),
        length => Err(Fault::new(format!(
            "a title of {length} bytes, {LONGEST_TITLE} at most"
        ))),
    }
}

fn check_id(id: &str) -> Result<(), Fault> {
    let is_letter =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let sound = id.starts_with(is_letter)
        && id.len() <= LONGEST_ID
        && id
            .chars()
            .all(|letter| is_letter(letter) || ".-".contains(letter));
    match sound {
        true => Ok(()),
        false => Err(Fault::new(format!("no usable id: {id:?}")).with_hint(
            "an id has 1 to 128 lower-case letters, digits, `_`, `.` and `-`, and begins with neither of the last two",
        )),
    }
}
