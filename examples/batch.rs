//! A manifest made by a build tool of a studio: nothing is made twice, and a failure names its item.
//!
//!     cargo run --release --example batch

#![allow(clippy::print_stdout)]

use affetto::{Models, Progress, Stage};
use affetto_batch::{BatchProgress, Event, Manifest, Outcome, RunOptions, run};

struct Build;

impl Progress for Build {
    fn step(&self, stage: Stage, done: usize, total: usize) {
        println!("{} {done}/{total}", stage.name());
    }
}

impl BatchProgress for Build {
    fn event(&self, event: &Event<'_>) {
        if let Event::Finished(record) = event
            && record.outcome == Outcome::Failed
        {
            println!("{} failed: {:?}", record.id, record.reason);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("affetto-batch-example");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("assets.yaml");
    let jobs = "jobs: [{id: 'town_{seed}', kind: music.lead-sheet, out: '{id}.mid', bars: 4, matrix: {seed: [1, 2]}}]";
    std::fs::write(&path, jobs)?;
    let options = RunOptions {
        resume: true,
        ..RunOptions::default()
    };
    let report = run(
        &Manifest::read(&path)?,
        &options,
        &Models::embedded()?,
        &Build,
    )?;
    println!("{} made, {}", report.counts.made, report.csv.display());
    Ok(())
}
