//! `affetto batch`: many things by a manifest, here or on a cluster.

use std::{env, path::Path};

use affetto::{Models, Progress, Stage, Warning};
use affetto_batch::{
    BatchProgress, Cache, Event, KubernetesOptions, Manifest, Outcome, Plan, PlanOptions, Report,
    RunOptions, Shard, SlurmJob, SlurmOptions, SlurmScripts, Step, Why, indexed_job, merge,
    shard_progress,
};
use serde_json::{Value, json};

use crate::{
    args::{Batch, BatchCommand, BatchHere, BatchManifest, BatchSubmit},
    commands::json,
    failure::{Code, Failure},
    printer::{Printer, duration},
};

/// Here, or on a cluster.
pub fn run(
    args: &Batch,
    models: impl Fn() -> Result<Models, Failure>,
    printer: &Printer,
) -> Result<Value, Failure> {
    match &args.on_cluster {
        None => here(&args.here, &models()?, printer),
        Some(BatchCommand::Submit(args)) => submit(args, printer),
        Some(BatchCommand::Status(args)) => status(args, printer),
        Some(BatchCommand::Collect(args)) => collect(args, &models()?, printer),
        Some(BatchCommand::Merge(BatchManifest { manifest })) => {
            let report = merge(&Manifest::read(manifest)?, &models()?)?;
            finish(&report, printer)
        }
    }
}

fn here(args: &BatchHere, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let Some(path) = &args.manifest else {
        return Err(Failure::usage("no manifest", "affetto batch assets.yaml"));
    };
    let options = RunOptions {
        plan: PlanOptions {
            shard: shard(args.shard.as_deref())?,
            force: args.force,
            cache: args.cache.clone().map(Cache::new),
        },
        jobs: args.jobs.map(usize::from),
        retries: args.retry.into(),
        fail_fast: args.fail_fast,
        resume: args.resume,
        wait: args.wait,
    };
    let manifest = Manifest::read(path)?;
    let teller = Teller {
        printer,
        manifest: &manifest,
    };
    if args.dry_run {
        let plan = Plan::new(&manifest, &options.plan, models, &teller)?;
        return show(&manifest, &plan, options.jobs, printer);
    }
    let report = affetto_batch::run(&manifest, &options, models, &teller)?;
    let stopped = printer.terminated() || printer.interrupted();
    if stopped && report.counts.pending > 0 {
        let Report { counts, .. } = &report;
        let done = counts.items - counts.pending;
        return Err(Failure {
            code: Code::Resumable,
            message: format!("told to end with {done} of {} items done", counts.items),
            hint: Some("--resume goes on".into()),
        });
    }
    finish(&report, printer)
}

/// `--shard`, or what the cluster says.
fn shard(said: Option<&str>) -> Result<Option<Shard>, Failure> {
    match said {
        Some("off") => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
        None => Ok(Shard::from_environment(|name| env::var(name).ok())?),
    }
}

/// Tells what happens.
struct Teller<'a> {
    printer: &'a Printer,
    manifest: &'a Manifest,
}

impl Progress for Teller<'_> {
    fn step(&self, stage: Stage, done: usize, total: usize) {
        self.printer.step(stage, done, total);
    }

    fn note(&self, text: &str) {
        self.printer.note(text);
    }

    fn warn(&self, warning: Warning) {
        self.printer.warn(warning);
    }

    fn cancelled(&self) -> bool {
        self.printer.cancelled()
    }
}

impl BatchProgress for Teller<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Planned(plan) => {
                let counts = Steps::of(plan);
                let total = self.manifest.items().len();
                self.printer
                    .event("plan", json!({ "steps": json(&counts), "items": total }));
                self.printer.say(&counts.to_string());
            }
            Event::Started { id } => self.printer.event("item_started", json!({ "id": id })),
            Event::Finished(record) => {
                let kind = match record.outcome {
                    Outcome::Failed => "item_failed",
                    _ => "item_finished",
                };
                self.printer.event(kind, json(record));
                if let Some(reason) = &record.reason {
                    self.printer
                        .say(&format!("{} failed: {}", record.id, reason.message));
                } else if self.printer.is_verbose() {
                    let (id, outcome) = (&record.id, record.outcome.name());
                    self.printer
                        .say(&format!("{id} {outcome} in {:.2} s", record.seconds));
                }
            }
        }
    }

    fn stopping(&self) -> bool {
        self.printer.terminated() || self.printer.interrupted()
    }
}

/// How many items are to be dealt with in which way.
#[derive(Default, serde::Serialize)]
struct Steps {
    make: usize,
    cached: usize,
    keep: usize,
    refuse: usize,
    elsewhere: usize,
}

impl Steps {
    fn of(plan: &Plan) -> Self {
        let mut steps = Self {
            elsewhere: plan.elsewhere,
            ..Self::default()
        };
        for planned in &plan.planned {
            match planned.step {
                Step::Make(_) => steps.make += 1,
                Step::Take => steps.cached += 1,
                Step::Keep | Step::Adopt(_) => steps.keep += 1,
                Step::Refuse(_) => steps.refuse += 1,
            }
        }
        steps
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to make, {} kept", self.make, self.keep)?;
        let rest = [
            (self.cached, "from the cache"),
            (self.refuse, "refused"),
            (self.elsewhere, "of other shards"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        Ok(())
    }
}

/// `--dry-run`
fn show(
    manifest: &Manifest,
    plan: &Plan,
    jobs: Option<usize>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let steps = Steps::of(plan);
    let mut rows = vec![["id", "kind", "step", "why"].map(str::to_owned).to_vec()];
    let mut items = Vec::new();
    for planned in &plan.planned {
        let item = &manifest.items()[planned.at];
        let (step, why) = words(&planned.step);
        let kind = item.kind().name();
        if printer.is_json() {
            items.push(json!({
                "id": item.id, "kind": kind, "step": step, "why": why, "out": item.out, "key": planned.key,
            }));
        } else {
            rows.push(vec![item.id.clone(), kind.into(), step.into(), why]);
        }
    }
    printer.data_table(&rows);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or(cores);
    let estimate = &plan.estimate;
    let seconds = estimate.seconds / jobs as f64;
    printer.say(&steps.to_string());
    if steps.make > 0 {
        printer.say(&format!(
            "about {} with {jobs} at a time, {:.1} MB",
            duration(seconds),
            estimate.bytes / 1e6
        ));
        for kind in &estimate.unknown {
            printer.say(&format!("nothing was measured yet of {kind}: not counted"));
        }
    }
    let data = json!({
        "steps": json(&steps), "items": items, "jobs": jobs, "seconds": seconds, "bytes": estimate.bytes,
        "unknown": estimate.unknown,
    });
    printer.event("plan", json!({ "plan": data }));
    match steps.refuse {
        0 => Ok(data),
        refused => Err(Failure {
            code: Code::Partial,
            message: format!("{refused} of {} items cannot be made", plan.planned.len()),
            hint: Some("the table above says why".into()),
        }),
    }
}

fn words(step: &Step) -> (&'static str, String) {
    match step {
        Step::Make(why) => {
            let why = match why {
                Why::New => "new".into(),
                Why::Failed => "failed before".into(),
                Why::Changed => "asked for otherwise, or other weights".into(),
                Why::Missing(path) => format!("gone: {path}"),
                Why::Damaged(path) => format!("damaged: {path}"),
                Why::Forced => "everything is".into(),
            };
            ("make", why)
        }
        Step::Take => ("copy", "in the cache".into()),
        Step::Keep => ("keep", "as it was made".into()),
        Step::Adopt(_) => ("keep", "as its provenance says".into()),
        Step::Refuse(reason) => ("refuse", reason.message.clone()),
    }
}

/// The table of failures, and where the reports stand.
fn finish(report: &Report, printer: &Printer) -> Result<Value, Failure> {
    let counts = &report.counts;
    printer.clear();
    printer.say(&format!(
        "{} items: {} made, {} from the cache, {} found, {} failed, {} missing",
        counts.items, counts.made, counts.cached, counts.found, counts.failed, counts.pending
    ));
    if !report.failures.is_empty() {
        let mut rows = vec![["items", "reason", "first"].map(str::to_owned).to_vec()];
        rows.extend(report.failures.iter().map(|group| {
            let first = group.ids.first().cloned().unwrap_or_default();
            vec![group.count.to_string(), group.reason.clone(), first]
        }));
        printer.say_table(&rows);
    }
    if !report.pending.is_empty() {
        printer.say(&format!("missing: {}", report.pending.join(", ")));
    }
    printer.data(&report.json.display().to_string());
    printer.data(&report.csv.display().to_string());
    printer.event("report", json!({ "report": json(report) }));
    if report.is_complete() {
        return Ok(json(report));
    }
    Err(Failure {
        code: Code::Partial,
        message: format!(
            "{} of {} items failed, {} are missing",
            counts.failed, counts.items, counts.pending
        ),
        hint: Some(format!("{} says why", report.csv.display())),
    })
}

fn submit(args: &BatchSubmit, printer: &Printer) -> Result<Value, Failure> {
    let manifest = Manifest::read(&args.manifest)?;
    let mut flags = Vec::new();
    if let Some(cache) = &args.cache {
        let cache = std::path::absolute(cache).map_err(|error| Failure::write(cache, &error))?;
        flags.extend(["--cache".into(), cache.to_string_lossy().into_owned()]);
    }
    if args.retry > 0 {
        flags.extend(["--retry".into(), args.retry.to_string()]);
    }
    if args.kubernetes {
        return kubernetes(args, &manifest, flags, printer);
    }
    flags.extend(["--jobs".into(), args.cpus.to_string()]);
    let own = || env::current_exe().unwrap_or_else(|_| "affetto".into());
    let scripts = SlurmScripts::new(
        &manifest,
        &SlurmOptions {
            shards: args.shards,
            partition: args.partition.clone(),
            account: args.account.clone(),
            qos: args.qos.clone(),
            cpus: args.cpus,
            memory: args.memory.clone(),
            time: args.time.clone(),
            grace_secs: args.grace,
            more: args.sbatch.clone(),
            program: args.program.clone().unwrap_or_else(own),
            flags,
        },
    )?;
    if args.print {
        printer.data(&scripts.array);
        printer.data(&scripts.merge);
        return Ok(json!({ "array": scripts.array, "merge": scripts.merge }));
    }
    let job = scripts.submit(&manifest, args.shards)?;
    printer.say(&format!(
        "{} items in {} shards; the merge is job {}",
        manifest.items().len(),
        job.shards,
        job.merge
    ));
    printer.data(&job.array.to_string());
    Ok(json(&job))
}

fn kubernetes(
    args: &BatchSubmit,
    manifest: &Manifest,
    flags: Vec<String>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let job = indexed_job(
        manifest,
        &KubernetesOptions {
            shards: args.shards,
            parallelism: args.parallelism.unwrap_or(args.shards),
            image: args.image.clone().unwrap_or_default(),
            claim: args.claim.clone().unwrap_or_default(),
            mount: args.mount.clone(),
            cpus: args.cpus,
            memory: args.memory.clone().unwrap_or_else(|| "2Gi".into()),
            grace_secs: args.grace,
            flags,
        },
    )?;
    printer.data(job.trim_end());
    Ok(json!({ "job": job }))
}

fn status(args: &BatchManifest, printer: &Printer) -> Result<Value, Failure> {
    let manifest = Manifest::read(&args.manifest)?;
    let job = SlurmJob::of(&manifest)?;
    let states = job.shards()?;
    let done = shard_progress(&manifest, job.shards)?;
    let head = ["shard", "state", "items", "done", "failed", "where"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut shards = Vec::new();
    for (state, progress) in states.iter().zip(&done) {
        rows.push(vec![
            state.shard.to_string(),
            state.state.clone(),
            progress.items.to_string(),
            progress.done.to_string(),
            progress.failed.to_string(),
            state.place.clone(),
        ]);
        shards.push(json!({ "queue": json(state), "progress": json(progress) }));
    }
    printer.data_table(&rows);
    Ok(json!({ "job": json(&job), "shards": shards }))
}

fn collect(args: &BatchManifest, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let manifest = Manifest::read(&args.manifest)?;
    let job = SlurmJob::of(&manifest)?;
    let stopped = || printer.terminated() || printer.interrupted();
    let ended = job.wait(|left| {
        printer.step(Stage::Items, job.shards.saturating_sub(left), job.shards);
        !stopped()
    })?;
    if !ended {
        return Err(Failure {
            code: Code::Resumable,
            message: "told to end before the shards were done".into(),
            hint: Some(collect_hint(&args.manifest)),
        });
    }
    finish(&merge(&manifest, models)?, printer)
}

fn collect_hint(manifest: &Path) -> String {
    format!("affetto batch collect {}", manifest.display())
}
