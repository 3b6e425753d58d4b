//! What is to be made: jobs in YAML, JSON, JSON lines or a table.

pub(crate) mod fields;
mod item;
mod lines;
mod matrix;
mod names;
pub(crate) mod paths;
mod syntax;
mod template;

use std::{
    mem,
    path::{Path, PathBuf},
};

use affetto::{Kind, Request};
use affetto_core::{read_limited, sha256_hex};
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::Error;
use syntax::{Document, Fault, Job};

pub use syntax::Syntax;

/// The schema that manifests name.
pub(crate) const SCHEMA: &str = "batch/1";
/// The most bytes of a manifest.
pub(crate) const MOST_BYTES: u64 = 128 << 20;
/// The most items of a manifest, its matrices expanded.
pub const MOST_ITEMS: usize = 250_000;

/// A manifest whose every job is understood.
#[derive(Clone, Debug)]
pub struct Manifest {
    path: PathBuf,
    folder: PathBuf,
    items: Vec<Item>,
    sha256: String,
}

/// One thing to make. Its request is kept as text: thousands of them would be most of what a batch holds.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name, the only one of its kind in the manifest: `[a-z0-9_][a-z0-9_.-]{0,127}`.
    pub id: String,
    /// The files, below the folder of the manifest.
    pub out: Vec<PathBuf>,
    /// A SoundFont that plays `.wav` files.
    pub soundfont: Option<PathBuf>,
    /// Whether a control that misses its limit is an error.
    pub strict: bool,
    /// The job that it comes from, counted from 0.
    pub job: usize,
    kind: Kind,
    units: f64,
    inputs: Box<[PathBuf]>,
    request: Box<str>,
}

impl Item {
    /// What to make, read anew each time.
    pub fn request(&self) -> Request {
        serde_json::from_str(&self.request).expect("written by the same types")
    }

    /// What kind of thing it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How much of it: its bars, its seconds, else 1.
    pub const fn units(&self) -> f64 {
        self.units
    }

    /// The files that its request names, but for the SoundFont.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }
}

impl Manifest {
    /// Reads a manifest, and checks every job of it.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::UnknownSyntax`], or [`Error::Manifest`] with the line of the first fault.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let syntax = Syntax::of(path).ok_or_else(|| Error::UnknownSyntax { path: path.into() })?;
        let bytes = read_limited(path, MOST_BYTES)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let sha256 = sha256_hex(&bytes);
        let text =
            String::from_utf8(bytes).map_err(|_| Fault::new("not text in UTF-8").in_file(path))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let items = items(path, &folder, syntax, text).map_err(|fault| fault.in_file(path))?;
        Ok(Self {
            path: path.into(),
            folder,
            items,
            sha256,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that it stands in, and below which everything is written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it asks for, in its order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The line of the job that an item comes from, where the file still has it.
    pub fn line(&self, item: &Item) -> Option<usize> {
        let bytes = read_limited(&self.path, MOST_BYTES).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let document = Document::parse(Syntax::of(&self.path)?, &text).ok()?;
        document.line(&text, item.job, None)
    }

    /// The folder of the journal, the reports and the scripts: `assets.yaml.batch` for `assets.yaml`.
    pub fn state_folder(&self) -> PathBuf {
        let name = state_name(&self.path);
        match self.folder == Path::new(".") {
            true => name.into(),
            false => self.folder.join(name),
        }
    }
}

fn state_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.batch")
}

fn items(path: &Path, folder: &Path, syntax: Syntax, text: &str) -> Result<Vec<Item>, Fault> {
    let mut document = Document::parse(syntax, text)?;
    let jobs = mem::take(&mut document.jobs);
    check_head(&document, text)?;
    let defaults = defaults(&document, text)?;
    let mut reading = Reading {
        document: &document,
        text,
        folder,
        defaults: &defaults,
        at_once: if jobs.len() < MANY { 1 } else { AT_ONCE },
        items: Vec::with_capacity(jobs.len()),
        waiting: Vec::new(),
    };
    // Each job goes when its items are made, so that a large manifest is not held twice.
    for (at, job) in jobs.into_iter().enumerate() {
        reading.job(at, job)?;
    }
    reading.made()?;
    let items = reading.items;
    names::check_names(path, &items)
        .map_err(|(job, field, fault)| fault.at(document.line(text, job, Some(field))))?;
    Ok(items)
}

/// Jobs on their way to items.
struct Reading<'a> {
    document: &'a Document,
    text: &'a str,
    folder: &'a Path,
    defaults: &'a Map<String, Value>,
    at_once: usize,
    items: Vec<Item>,
    /// Jobs of one item each, with their places.
    waiting: Vec<(usize, Job)>,
}

/// Jobs that are read at once.
const AT_ONCE: usize = 500;
/// From so many jobs on they are read on several threads; for fewer the memory of the threads is more than the time.
const MANY: usize = 20_000;

impl Reading<'_> {
    fn job(&mut self, at: usize, job: Job) -> Result<(), Fault> {
        if job.may_be_many() {
            self.made()?;
            let made = self.items_of(at, &job, MOST_ITEMS - self.items.len())?;
            self.items.extend(made);
            return Ok(());
        }
        if self.items.len() + self.waiting.len() == MOST_ITEMS {
            return Err(self.too_many(at));
        }
        self.waiting.push((at, job));
        match self.waiting.len() < self.at_once {
            true => Ok(()),
            false => self.made(),
        }
    }

    /// Makes the items of the jobs that wait; the fault is that of the first that has one.
    fn made(&mut self) -> Result<(), Fault> {
        let waiting = mem::take(&mut self.waiting);
        if let [(at, job)] = waiting.as_slice() {
            let made = self.items_of(*at, job, 1)?;
            self.items.extend(made);
            return Ok(());
        }
        let made = waiting
            .par_iter()
            .map(|(at, job)| self.items_of(*at, job, 1));
        for made in made.collect::<Vec<_>>() {
            self.items.extend(made?);
        }
        Ok(())
    }

    /// The items of a job, at most `left`.
    fn items_of(&self, at: usize, job: &Job, left: usize) -> Result<Vec<Item>, Fault> {
        let (job, defaults) = (job.fields(), self.defaults);
        let (document, text) = (self.document, self.text);
        let line = |field: Option<&str>| document.line(text, at, field);
        check_fields(&job, defaults).map_err(|(field, fault)| {
            let found = line(Some(field)).or_else(|| document.line_of_head(text, field));
            fault.at(found)
        })?;
        let whole = with_defaults(&job, defaults);
        let jobs = matrix::expand(whole, left).map_err(|fault| fault.at(line(Some("matrix"))))?;
        if jobs.len() > left {
            return Err(self.too_many(at));
        }
        let item = |expanded: Map<String, Value>| {
            item::item(expanded, at, self.folder).map_err(|(field, fault)| {
                let found = line(field.as_deref());
                let of_defaults = field
                    .as_deref()
                    .is_some_and(|field| !job.contains_key(field) && defaults.contains_key(field));
                let found = match of_defaults {
                    true => document.line_of_head(text, "defaults").or(found),
                    false => found,
                };
                fault.at(found)
            })
        };
        jobs.into_iter().map(item).collect()
    }

    fn too_many(&self, at: usize) -> Fault {
        let line = self.document.line(self.text, at, None);
        Fault::new(format!("more than {MOST_ITEMS} jobs")).at(line)
    }
}

fn check_head(document: &Document, text: &str) -> Result<(), Fault> {
    for (name, value) in &document.head {
        let fault = match name.as_str() {
            "schema" if value == SCHEMA => continue,
            "schema" => Fault::new(format!("schema is {value}, must be {SCHEMA:?}")),
            "defaults" | "comment" => continue,
            name if name.starts_with("x-") => continue,
            name => {
                let known = ["schema", "defaults", "jobs", "comment"];
                let all = format!("there are {}", known.join(", "));
                Fault::new(format!("unknown field {name:?}")).with_nearest(
                    name,
                    known.into_iter(),
                    Some(all),
                )
            }
        };
        return Err(fault.at(document.line_of_head(text, name)));
    }
    Ok(())
}

fn defaults(document: &Document, text: &str) -> Result<Map<String, Value>, Fault> {
    let fault = |reason: String| Fault::new(reason).at(document.line_of_head(text, "defaults"));
    let defaults = match document.head.get("defaults") {
        None => return Ok(Map::new()),
        Some(Value::Object(defaults)) => defaults,
        Some(_) => return Err(fault("defaults must be an object".into())),
    };
    for name in defaults.keys() {
        if name == "id" || name == "matrix" {
            return Err(fault(format!("{name} cannot have a default")));
        }
        let known = fields::kinds().values();
        if !known.clone().any(|known| fields::has(known, name)) {
            let unknown = fault(format!("unknown field {name:?} of defaults"));
            return Err(unknown.with_nearest(name, known.flat_map(fields::names), None));
        }
    }
    Ok(defaults.clone())
}

/// A job with what it does not say itself. A default that its kind has no field for does not concern it.
fn with_defaults(job: &Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = job.clone();
    let kind = job.get("kind").or_else(|| defaults.get("kind"));
    let known = kind
        .and_then(Value::as_str)
        .and_then(|kind| fields::kinds().get(kind));
    for (name, value) in defaults {
        let concerns = known.is_none_or(|known| fields::has(known, name));
        if concerns && !whole.contains_key(name) {
            whole.insert(name.clone(), value.clone());
        }
    }
    whole
}

/// Whether the job, and the matrix of it, have only fields that there are.
fn check_fields<'a>(
    job: &'a Map<String, Value>,
    defaults: &Map<String, Value>,
) -> Result<(), (&'a str, Fault)> {
    let mut named = Map::new();
    let in_matrix = |name: &str| job.get("matrix").and_then(|matrix| matrix.get(name));
    let kind = job.get("kind").or_else(|| defaults.get("kind"));
    let of_matrix = in_matrix("kind").and_then(|kinds| kinds.get(0));
    if let Some(kind) = of_matrix.or(kind) {
        named.insert("kind".into(), kind.clone());
    }
    let known = fields::of_kind(&named).map_err(|fault| ("kind", fault))?;
    if let Some((name, fault)) = fields::unknown(job, known) {
        return Err((name, fault));
    }
    let matrix = job.get("matrix").and_then(Value::as_object);
    match matrix.and_then(|matrix| fields::unknown(matrix, known)) {
        Some((_, fault)) => Err(("matrix", fault)),
        None => Ok(()),
    }
}
