//! What a batch costs beside the same requests without one: journal, plan, report. In one run, since machines differ.
//!
//!     cargo bench -p affetto-batch

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{fs, path::Path, time::Instant};

use affetto::{Models, OutputOptions, Silent};
use affetto_batch::{Manifest, Plan, PlanOptions, RunOptions, run};
use serde_json::{Value, json};

const ITEMS: usize = 400;
const ROUNDS: usize = 3;

fn main() {
    let models = Models::embedded().unwrap();
    let (mut alone, mut batch, mut again) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (prepare(one.path(), ITEMS), prepare(other.path(), ITEMS));
        alone = alone.min(seconds(|| without_batch(&one, &models)));
        let options = RunOptions {
            jobs: Some(1),
            resume: true,
            ..RunOptions::default()
        };
        let carry_out = || {
            let report = run(&other, &options, &models, &Silent).unwrap();
            assert!(report.is_complete(), "{:?}", report.failures);
        };
        batch = batch.min(seconds(carry_out));
        again = again.min(seconds(carry_out));
    }
    let each = |seconds: f64| seconds / ITEMS as f64 * 1000.0;
    println!("{ITEMS} takes, one after another, ms an item:");
    println!("  without a batch  {:.2}", each(alone));
    println!("  in a batch       {:.2}", each(batch));
    println!("  the batch alone  {:.2}", each(batch - alone));
    println!("  kept on resuming {:.2}", each(again));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    let kinds = [
        ("music.lead-sheet", "mid"),
        ("music.piano", "mid"),
        ("video.sticker", "json"),
    ];
    let line = |at: usize| {
        let (kind, extension) = kinds[at % kinds.len()];
        let valence = (at % 200) as f64 / 100.0 - 1.0;
        let out = format!("out/{{id}}.{extension}");
        json!({ "id": format!("item{at}"), "kind": kind, "out": out, "valence": valence, "seed": at })
    };
    let lines: Vec<String> = (0..100_000).map(|at| line(at).to_string() + "\n").collect();
    fs::write(&path, lines.concat()).unwrap();
    let plan = seconds(|| {
        let manifest = Manifest::read(&path).unwrap();
        let plan = Plan::new(&manifest, &PlanOptions::default(), &models, &Silent).unwrap();
        assert_eq!(plan.planned.len(), 100_000);
    });
    println!("a manifest of 100,000 lines planned in {plan:.2} s");
}

fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// A manifest of edits of a short take, the cheapest thing that there is to make.
fn prepare(folder: &Path, items: usize) -> Manifest {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/take.csv");
    let text = fs::read_to_string(whole).unwrap();
    let lines: Vec<String> = text
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("take.csv"), lines.concat()).unwrap();
    let job = |at: usize| json!({ "id": format!("take{at}"), "kind": "face.rig", "take": "take.csv", "out": "{id}.csv", "emotion": "joy", "seed": at });
    let jobs: Vec<Value> = (0..items).map(job).collect();
    let path = folder.join("m.json");
    fs::write(&path, json!({ "jobs": jobs }).to_string()).unwrap();
    Manifest::read(&path).unwrap()
}

fn without_batch(manifest: &Manifest, models: &Models) {
    for item in manifest.items() {
        let options = OutputOptions {
            files: item
                .out
                .iter()
                .map(|out| manifest.folder().join(out))
                .collect(),
            inputs_from: Some(manifest.folder().into()),
            ..OutputOptions::default()
        };
        affetto::run(&item.request(), &options, models, &Silent).unwrap();
    }
}
