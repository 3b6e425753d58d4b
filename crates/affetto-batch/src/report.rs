//! What became of every item, as JSON and as a table.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use affetto::{Effect, Engine, Models, Silent};
use affetto_core::AtomicFile;
use serde::Serialize;
use serde_json::json;

use crate::{
    Error, MadeFile, Manifest, Outcome, Plan, PlanOptions, Record, Shard, Step, journal::Journals,
};

/// The ids that are named of one reason.
const NAMED: usize = 20;

/// How many items ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub items: usize,
    /// Made in this run or an earlier one.
    pub made: usize,
    /// From the cache.
    pub cached: usize,
    /// Found as they should be.
    pub found: usize,
    /// Failed.
    pub failed: usize,
    /// Neither finished nor failed.
    pub pending: usize,
}

/// Items that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The reason, with `FILE` for files of the items.
    pub reason: String,
    /// What to try next.
    pub hint: Option<String>,
    /// How many.
    pub count: usize,
    /// The first of them.
    pub ids: Vec<String>,
}

/// What a batch came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many items ended how.
    pub counts: Counts,
    /// Failures by their reasons, the most frequent first.
    pub failures: Vec<FailureGroup>,
    /// Items that are neither finished nor failed, the first of them.
    pub pending: Vec<String>,
    /// The report as JSON.
    pub json: PathBuf,
    /// The report as a table.
    pub csv: PathBuf,
}

/// Joins what the shards of a batch did, and looks whether every file stands as it was made.
///
/// # Errors
///
/// Where a journal cannot be read, or the report cannot be written.
pub fn merge(manifest: &Manifest, models: &Models) -> Result<Report, Error> {
    let journals = Journals::read(&manifest.state_folder())?;
    let options = PlanOptions::default();
    let plan = Plan::with_journals(manifest, &options, models, &journals, &Silent)?;
    write(manifest, &plan, &journals, None)
}

/// How far a shard is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShardProgress {
    /// Its items.
    pub items: usize,
    /// Those that are finished.
    pub done: usize,
    /// Those that failed last.
    pub failed: usize,
}

/// How far each of `shards` shards is, by the journals.
///
/// # Errors
///
/// Where a journal cannot be read.
pub fn shard_progress(manifest: &Manifest, shards: usize) -> Result<Vec<ShardProgress>, Error> {
    let journals = Journals::read(&manifest.state_folder())?;
    let mut all = vec![ShardProgress::default(); shards];
    for item in manifest.items() {
        let Some(progress) = all.get_mut(Shard::of(&item.id, shards).saturating_sub(1)) else {
            continue;
        };
        progress.items += 1;
        match journals.latest(&item.id).map(|record| record.outcome) {
            Some(Outcome::Failed) => progress.failed += 1,
            Some(_) => progress.done += 1,
            None => {}
        }
    }
    Ok(all)
}

/// Writes the two reports of a plan that was carried out.
pub(crate) fn write(
    manifest: &Manifest,
    plan: &Plan,
    journals: &Journals,
    shard: Option<Shard>,
) -> Result<Report, Error> {
    let mut sheets = Sheets::create(manifest, shard)?;
    let mut report = Report {
        counts: Counts::default(),
        failures: Vec::new(),
        pending: Vec::new(),
        json: sheets.json.1.clone(),
        csv: sheets.csv.1.clone(),
    };
    let mut groups = BTreeMap::new();
    for planned in &plan.planned {
        let item = &manifest.items()[planned.at];
        let record = match &planned.step {
            Step::Adopt(record) => Some(Record::clone(record)),
            Step::Refuse(_) => journals.latest(&item.id),
            _ => journals.find(&item.id, &planned.key),
        };
        let record = record.filter(|record| is_sound(manifest, record, &planned.step));
        report.count(&item.id, record.as_ref());
        if let Some(record) = &record {
            group(&mut groups, record);
        }
        sheets.item(&item.id, item.kind().name(), record.as_ref())?;
    }
    report.failures = groups.into_values().collect();
    report
        .failures
        .sort_by_key(|group| usize::MAX - group.count);
    sheets.finish(&report)?;
    Ok(report)
}

/// The two reports while they are written, an item at a time, each with its path.
struct Sheets {
    json: (BufWriter<AtomicFile>, PathBuf),
    csv: (csv::Writer<AtomicFile>, PathBuf),
    items: usize,
}

impl Sheets {
    fn create(manifest: &Manifest, shard: Option<Shard>) -> Result<Self, Error> {
        let folder = manifest.state_folder();
        fs::create_dir_all(&folder).map_err(|source| Error::write(&folder, source))?;
        let create = |extension: &str| {
            let path = folder.join(Shard::name_of(shard, "report", extension));
            let file = AtomicFile::create(&path).map_err(|source| Error::write(&path, source))?;
            Ok::<_, Error>((file, path))
        };
        // In the order of their paths, as whoever writes several files does.
        let ((csv, csv_path), (json, json_path)) = (create(".csv")?, create(".json")?);
        let mut sheets = Self {
            json: (BufWriter::new(json), json_path),
            csv: (csv::Writer::from_writer(csv), csv_path),
            items: 0,
        };
        sheets.begin(manifest, shard)?;
        Ok(sheets)
    }

    fn begin(&mut self, manifest: &Manifest, shard: Option<Shard>) -> Result<(), Error> {
        let name = manifest.path().file_name().unwrap_or_default();
        let begin = json!({
            "schema": "batch-report/1", "manifest": name.to_string_lossy(), "manifest_sha256": manifest.sha256(),
            "engine": Engine::this(), "shard": shard.map(|shard| shard.to_string()),
        });
        let begin = begin.to_string();
        let begin = begin.trim_end_matches('}');
        self.json(&format!("{begin},\n \"items\": ["))?;
        self.row(&COLUMNS)
    }

    fn item(&mut self, id: &str, kind: &str, record: Option<&Record>) -> Result<(), Error> {
        let separator = if self.items == 0 { "" } else { "," };
        self.items += 1;
        self.json(&format!("{separator}\n  {}", of_item(id, kind, record)))?;
        for row in rows(id, kind, record) {
            self.row(&row)?;
        }
        Ok(())
    }

    fn finish(mut self, report: &Report) -> Result<(), Error> {
        let end = json!({ "counts": report.counts, "failures": report.failures }).to_string();
        self.json(&format!("\n ],\n {}\n", end.trim_start_matches('{')))?;
        let (json, path) = self.json;
        let json = json.into_inner().map_err(io::IntoInnerError::into_error);
        json.and_then(AtomicFile::commit)
            .map_err(|source| Error::write(&path, source))?;
        let (csv, path) = self.csv;
        let csv = csv.into_inner().map_err(|error| error.into_error());
        csv.and_then(AtomicFile::commit)
            .map_err(|source| Error::write(&path, source))
    }

    fn json(&mut self, text: &str) -> Result<(), Error> {
        let (json, path) = &mut self.json;
        let written = json.write_all(text.as_bytes());
        written.map_err(|source| Error::write(path, source))
    }

    fn row(&mut self, cells: &[impl AsRef<[u8]>]) -> Result<(), Error> {
        let (csv, path) = &mut self.csv;
        let written = csv.write_record(cells);
        written.map_err(|error| Error::write(path, error.into()))
    }
}

/// The columns of the table: a row for each file, and one for an item without any.
const COLUMNS: [&str; 10] = [
    "id", "kind", "outcome", "output", "sha256", "bytes", "asked", "measured", "seconds", "reason",
];

/// Whether the files of a record were looked at and are as they should be, or were made after they were looked at.
fn is_sound(manifest: &Manifest, record: &Record, step: &Step) -> bool {
    if !matches!(step, Step::Make(_)) || record.outcome == Outcome::Failed {
        return true;
    }
    let folder = manifest.folder();
    record.all_files().all(|file| file.stands_below(folder))
}

impl Report {
    fn count(&mut self, id: &str, record: Option<&Record>) {
        let counts = &mut self.counts;
        counts.items += 1;
        match record.map(|record| record.outcome) {
            Some(Outcome::Made) => counts.made += 1,
            Some(Outcome::Cached) => counts.cached += 1,
            Some(Outcome::Found) => counts.found += 1,
            Some(Outcome::Failed) => counts.failed += 1,
            None => {
                counts.pending += 1;
                if self.pending.len() < NAMED {
                    self.pending.push(id.into());
                }
            }
        }
    }

    /// Whether every item is finished.
    pub fn is_complete(&self) -> bool {
        self.counts.failed == 0 && self.counts.pending == 0
    }
}

/// Failures are alike where only the files of the items differ.
fn group(groups: &mut BTreeMap<String, FailureGroup>, record: &Record) {
    let Some(reason) = &record.reason else { return };
    let without_path = match reason.message.rsplit_once(": ") {
        Some((message, path)) if path.contains(['/', '.', '\\']) => format!("{message}: FILE"),
        _ => reason.message.clone(),
    };
    let group = groups
        .entry(without_path.clone())
        .or_insert_with(|| FailureGroup {
            reason: without_path,
            hint: reason.hint.clone(),
            count: 0,
            ids: Vec::new(),
        });
    group.count += 1;
    if group.ids.len() < NAMED {
        group.ids.push(record.id.clone());
    }
}

fn of_item(id: &str, kind: &str, record: Option<&Record>) -> serde_json::Value {
    match record {
        None => json!({ "id": id, "kind": kind, "outcome": "pending" }),
        Some(record) => json!({
            "id": id, "kind": kind, "outcome": record.outcome, "outputs": record.files,
            "provenance": record.provenance, "effects": record.effects, "warnings": record.warnings,
            "seconds": record.seconds, "attempts": record.attempts, "reason": record.reason,
        }),
    }
}

fn rows(id: &str, kind: &str, record: Option<&Record>) -> Vec<[String; COLUMNS.len()]> {
    let mut row = [const { String::new() }; COLUMNS.len()];
    (row[0], row[1], row[2]) = (id.into(), kind.into(), "pending".into());
    let Some(record) = record else {
        return vec![row];
    };
    let words = |word: fn(&Effect) -> &str| {
        let effects = record.effects.iter();
        let words = effects.map(|effect| format!("{} {}", effect.control.name(), word(effect)));
        words.collect::<Vec<_>>().join("; ")
    };
    row[2] = record.outcome.name().into();
    (row[6], row[7]) = (words(|it| &it.asked), words(|it| &it.measured));
    row[8] = format!("{:.3}", record.seconds);
    row[9] = record
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| reason.message.clone());
    let of_file = |file: &MadeFile| {
        let mut row = row.clone();
        row[3] = file.path.clone();
        row[4] = file.sha256.clone();
        row[5] = file.bytes.to_string();
        row
    };
    match record.files.as_slice() {
        [] => vec![row],
        files => files.iter().map(of_file).collect(),
    }
}
