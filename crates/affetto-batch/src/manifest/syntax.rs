//! Four ways to write a manifest, one document.

use std::{error::Error, fmt, path::Path};

use affetto::Hint;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed as _},
};
use serde_json::{Map, Number, Value};

use super::lines;

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// One YAML document.
    Yaml,
    /// One JSON document.
    Json,
    /// A job a line, each a JSON object; the first line may hold `schema` and `defaults`.
    JsonLines,
    /// A job a row, a field a column; `emotion.valence` is the field of a field.
    Csv,
}

impl Syntax {
    /// By the extension.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
        Some(match extension.as_str() {
            "yaml" | "yml" => Self::Yaml,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::JsonLines,
            "csv" => Self::Csv,
            _ => return None,
        })
    }
}

/// What is wrong with a manifest, before its path is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            line: None,
            reason: reason.into(),
            hint: None,
        }
    }

    pub(crate) fn at(self, line: Option<usize>) -> Self {
        Self {
            line: self.line.or(line),
            ..self
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// With the one of `known` names that is meant by `name`, where one is alike enough; else with `or`.
    pub(crate) fn with_nearest<'a>(
        self,
        name: &str,
        known: impl Iterator<Item = &'a str>,
        or: Option<String>,
    ) -> Self {
        let meant = nearest(name, known).map(|near| format!("did you mean {near}?"));
        Self {
            hint: meant.or(or),
            ..self
        }
    }

    pub(crate) fn in_file(self, path: &Path) -> crate::Error {
        crate::Error::Manifest {
            path: path.into(),
            line: self.line,
            reason: self.reason,
            hint: self.hint,
        }
    }
}

impl<E: Error + Hint> From<E> for Fault {
    fn from(error: E) -> Self {
        Self {
            hint: error.hint(),
            ..Self::new(error.to_string())
        }
    }
}

/// The most alike of some names, if it is alike enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    let near = distance <= name.len().max(known.len()).div_ceil(3);
    near.then_some(known)
}

/// A manifest as it is written.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) syntax: Syntax,
    /// Everything but the jobs.
    pub(crate) head: Map<String, Value>,
    /// The jobs.
    pub(crate) jobs: Vec<Job>,
    /// The line of each job, where the syntax has one line a job.
    pub(crate) lines: Vec<usize>,
}

/// A job as text: the values of all jobs of a large manifest at once would be most of what a batch holds.
#[derive(Debug)]
pub(crate) struct Job(Box<str>);

impl Job {
    fn new(job: &Map<String, Value>) -> Self {
        let text = serde_json::to_string(job).expect("names and values that were read");
        Self(text.into())
    }

    /// Whether it may have a matrix.
    pub(crate) fn may_be_many(&self) -> bool {
        self.0.contains("\"matrix\"")
    }

    /// Its fields.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).expect("an object was written")
    }
}

impl Document {
    pub(crate) fn parse(syntax: Syntax, text: &str) -> Result<Self, Fault> {
        match syntax {
            Syntax::Yaml => Self::whole(syntax, text, yaml(text)?),
            Syntax::Json => {
                let parsed = serde_json::from_str(text).map_err(|error| json_fault(&error, 0))?;
                Self::whole(syntax, text, parsed)
            }
            Syntax::JsonLines => json_lines(text),
            Syntax::Csv => table(text),
        }
    }

    fn whole(syntax: Syntax, text: &str, Whole(value): Whole) -> Result<Self, Fault> {
        let Value::Object(mut head) = value else {
            return Err(Fault::new("a manifest is an object with `jobs`").at(Some(1)));
        };
        let Some(Value::Array(jobs)) = head.remove("jobs") else {
            return Err(Fault::new("no list of `jobs`").at(Some(1)));
        };
        let object = |(at, job)| match job {
            Value::String(job) => Ok(Job(job.into())),
            _ => Err(Fault::new(format!("job {} is no object", at + 1))
                .at(lines::of_job(text, at, None))),
        };
        let jobs = jobs.into_iter().enumerate().map(object);
        Ok(Self {
            syntax,
            head,
            jobs: jobs.collect::<Result<_, _>>()?,
            lines: Vec::new(),
        })
    }

    /// The line of a job, or of one of its fields, in `text`.
    pub(crate) fn line(&self, text: &str, job: usize, field: Option<&str>) -> Option<usize> {
        match self.syntax {
            Syntax::Csv | Syntax::JsonLines => self.lines.get(job).copied(),
            Syntax::Yaml | Syntax::Json => lines::of_job(text, job, field),
        }
    }

    /// The line of a field of the head.
    pub(crate) fn line_of_head(&self, text: &str, field: &str) -> Option<usize> {
        match self.syntax {
            Syntax::Csv | Syntax::JsonLines => Some(1),
            Syntax::Yaml | Syntax::Json => lines::of_head(text, field),
        }
    }
}

/// The most that one alias may bring in, so that a few lines of YAML do not become gigabytes.
const MOST_ALIASES: usize = 1_000;
/// The deepest that values lie within each other.
const DEEPEST: usize = 32;

fn yaml(text: &str) -> Result<Whole, Fault> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_aliases: MOST_ALIASES,
            max_anchors: MOST_ALIASES,
            max_documents: 1,
            max_events: 40_000_000,
            max_nodes: 20_000_000,
            max_total_scalar_bytes: super::MOST_BYTES as usize,
        },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|at| at.line() as usize);
        let text = error.to_string();
        let reason = text.lines().next().unwrap_or("not YAML");
        Fault::new(without_place(reason)).at(line)
    })
}

/// What a parser says without where and without what its own callers could do: `error: line 2 column 3: unclosed bracket`.
fn without_place(said: &str) -> &str {
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let said = said
        .split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or(said);
    match said.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest,
        _ => said,
    }
}

fn json_lines(text: &str) -> Result<Document, Fault> {
    let most = text.lines().count();
    let mut document = Document {
        syntax: Syntax::JsonLines,
        head: Map::new(),
        jobs: Vec::with_capacity(most),
        lines: Vec::with_capacity(most),
    };
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let parsed = serde_json::from_str(line).map_err(|error| json_fault(&error, at))?;
        let Plain(Value::Object(job)) = parsed else {
            return Err(Fault::new("a line is no object").at(Some(at + 1)));
        };
        let is_head = job.contains_key("schema") || job.contains_key("defaults");
        if is_head && document.jobs.is_empty() && document.head.is_empty() {
            document.head = job;
        } else {
            document.jobs.push(Job::new(&job));
            document.lines.push(at + 1);
        }
    }
    Ok(document)
}

fn json_fault(error: &serde_json::Error, lines_before: usize) -> Fault {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    Fault::new(reason).at(Some(lines_before + error.line().max(1)))
}

fn table(text: &str) -> Result<Document, Fault> {
    let fault = |error: csv::Error| {
        let line = error.position().map(|at| at.line() as usize);
        Fault::new(format!("not a table: {error}")).at(line)
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = reader.headers().map_err(fault)?.clone();
    for (at, column) in columns.iter().enumerate() {
        if columns.iter().take(at).any(|earlier| earlier == column) {
            return Err(Fault::new(format!("the column {column:?} stands twice")).at(Some(1)));
        }
    }
    let (mut jobs, mut lines) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.map_err(fault)?;
        let line = row.position().map(|at| at.line() as usize);
        let mut job = Map::new();
        for (column, cell) in columns.iter().zip(&row) {
            if !cell.is_empty() {
                put(&mut job, column, cell_value(cell)).map_err(|fault| fault.at(line))?;
            }
        }
        jobs.push(Job::new(&job));
        lines.push(line.unwrap_or_default());
    }
    Ok(Document {
        syntax: Syntax::Csv,
        head: Map::new(),
        jobs,
        lines,
    })
}

/// Puts a value at `emotion.valence`.
fn put(job: &mut Map<String, Value>, column: &str, value: Value) -> Result<(), Fault> {
    let Some((outer, inner)) = column.split_once('.') else {
        job.insert(column.into(), value);
        return Ok(());
    };
    let object = job
        .entry(outer)
        .or_insert_with(|| Value::Object(Map::new()));
    match object {
        Value::Object(object) => put(object, inner, value),
        _ => Err(Fault::new(format!(
            "{outer} is a value of its own and cannot have {inner:?}"
        ))),
    }
}

/// A number, a truth value, a list or an object where the cell is one in JSON, else a text. What must be a text is made one
/// again where its field is known.
fn cell_value(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(Plain(value)) => value,
        Err(_) => Value::String(cell.into()),
    }
}

/// Any value without what a manifest cannot hold: the same name twice in an object, numbers that are none.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within::at(Place::Other).deserialize(deserializer).map(Self)
    }
}

/// A manifest whose `jobs` are texts, those that are no objects nothing.
struct Whole(Value);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within::at(Place::Top).deserialize(deserializer).map(Self)
    }
}

/// Where a value lies.
#[derive(Clone, Copy)]
struct Within {
    /// How much deeper values may lie.
    deeper: usize,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    /// It is the manifest.
    Top,
    /// It is the list of jobs.
    Jobs,
    Other,
}

impl Within {
    /// Nothing lies around it.
    const fn at(place: Place) -> Self {
        Self {
            deeper: DEEPEST,
            place,
        }
    }

    /// What lies in it.
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        let place = Place::Other;
        match self.deeper.checked_sub(1) {
            Some(deeper) => Ok(Self { deeper, place }),
            None => Err(E::custom("values lie too deep within each other")),
        }
    }
}

impl<'de> de::DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom(format!("{value} is no number")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(deeper)? {
            values.push(match (self.place, value) {
                (Place::Jobs, Value::Object(job)) => Value::String(Job::new(&job).0.into()),
                (Place::Jobs, _) => Value::Null,
                (_, value) => value,
            });
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let place = match self.place {
                Place::Top if name == "jobs" => Place::Jobs,
                _ => Place::Other,
            };
            let value = map.next_value_seed(Self { place, ..deeper })?;
            if object.contains_key(&name) {
                return Err(de::Error::custom(format!("{name:?} stands twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
