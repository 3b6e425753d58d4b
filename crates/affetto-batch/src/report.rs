//! What became of every item, as JSON and as a table.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use affetto::{Effect, Engine, Models, Silent};
use affetto_core::AtomicFile;
use serde::Serialize;
use serde_json::json;

use crate::{Error, Manifest, Outcome, Plan, PlanOptions, Record, Shard, Step, journal::Journals};

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
    let folder = manifest.state_folder();
    std::fs::create_dir_all(&folder).map_err(|source| Error::write(&folder, source))?;
    let name = match shard {
        Some(shard) => format!("report.{}-of-{}", shard.number(), shard.count()),
        None => "report".into(),
    };
    let mut report = Report {
        counts: Counts::default(),
        failures: Vec::new(),
        pending: Vec::new(),
        json: folder.join(format!("{name}.json")),
        csv: folder.join(format!("{name}.csv")),
    };
    let (json, csv) = (report.json.clone(), report.csv.clone());
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::write(&path, source)
    };
    let mut table = csv::Writer::from_writer(AtomicFile::create(&csv).map_err(failed(&csv))?);
    let mut out = io::BufWriter::new(AtomicFile::create(&json).map_err(failed(&json))?);
    let mut groups = BTreeMap::new();
    let begin = json!({
        "schema": "batch-report/1", "manifest": manifest.path().file_name().unwrap_or_default().to_string_lossy(),
        "manifest_sha256": manifest.sha256(), "engine": Engine::this(), "shard": shard.map(|it| it.to_string()),
    });
    let mut items = || -> io::Result<()> {
        table.write_record([
            "id", "kind", "outcome", "output", "sha256", "bytes", "asked", "measured", "seconds",
            "reason",
        ])?;
        let begin = begin.to_string();
        write!(out, "{},\n \"items\": [", begin.trim_end_matches('}'))?;
        for (number, planned) in plan.planned.iter().enumerate() {
            let item = &manifest.items()[planned.at];
            let record = match &planned.step {
                // What was looked at and found wanting is pending, unless it was made since.
                _ if planned.key.is_empty() => journals.latest(&item.id),
                _ => journals.find(&item.id, &planned.key),
            };
            let kind = item.request.kind().name();
            let record = record.filter(|record| is_sound(manifest, record, &planned.step));
            report.count(&item.id, record.as_ref());
            if let Some(record) = &record {
                group(&mut groups, record);
            }
            rows(&mut table, &item.id, kind, record.as_ref())?;
            let separator = if number == 0 { "" } else { "," };
            let value = of_item(&item.id, kind, record.as_ref());
            write!(out, "{separator}\n  {value}")?;
        }
        Ok(())
    };
    items().map_err(failed(&json))?;
    report.failures = groups.into_values().collect();
    report
        .failures
        .sort_by_key(|group| usize::MAX - group.count);
    let end = json!({ "counts": report.counts, "failures": report.failures });
    let end = end.to_string();
    writeln!(out, "\n ],\n {}", end.trim_start_matches('{')).map_err(failed(&json))?;
    let out = out
        .into_inner()
        .map_err(|error| Error::write(&json, error.into_error()))?;
    let table = table
        .into_inner()
        .map_err(|error| Error::write(&csv, error.into_error().into()))?;
    out.commit().map_err(failed(&json))?;
    table.commit().map_err(failed(&csv))?;
    Ok(report)
}

/// Whether the files of a record were looked at and are as they should be, or were made after they were looked at.
fn is_sound(manifest: &Manifest, record: &Record, step: &Step) -> bool {
    if !matches!(step, Step::Make(_)) || record.outcome == Outcome::Failed {
        return true;
    }
    let folder = manifest.folder();
    let stands = |file: &crate::MadeFile| {
        let found = folder.join(&file.path).metadata();
        found.is_ok_and(|found| found.len() == file.bytes)
            && affetto_core::Checksum::of_file(&folder.join(&file.path))
                .is_ok_and(|found| found.sha256 == file.sha256)
    };
    record.all_files().all(stands)
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

fn rows<W: Write>(
    table: &mut csv::Writer<W>,
    id: &str,
    kind: &str,
    record: Option<&Record>,
) -> io::Result<()> {
    let Some(record) = record else {
        table.write_record([id, kind, "pending", "", "", "", "", "", "", ""])?;
        return Ok(());
    };
    let words = |word: fn(&Effect) -> &str| {
        let effects = record.effects.iter();
        let words = effects.map(|effect| format!("{} {}", effect.control.name(), word(effect)));
        words.collect::<Vec<_>>().join("; ")
    };
    let (asked, measured) = (words(|it| &it.asked), words(|it| &it.measured));
    let seconds = format!("{:.3}", record.seconds);
    let reason = record.reason.as_ref().map_or("", |reason| &reason.message);
    let mut row = |output: &str, sha256: &str, bytes: &str| {
        table.write_record([
            id,
            kind,
            record.outcome.name(),
            output,
            sha256,
            bytes,
            &asked,
            &measured,
            &seconds,
            reason,
        ])
    };
    if record.files.is_empty() {
        row("", "", "")?;
    }
    for file in &record.files {
        row(&file.path, &file.sha256, &file.bytes.to_string())?;
    }
    Ok(())
}
