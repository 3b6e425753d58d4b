//! A manifest made by a build tool of a studio: what is finished is never made twice.
//!
//!     cargo run --release --example batch

#![allow(clippy::print_stdout)]

use affetto::{Models, Silent};
use affetto_batch::{Manifest, RunOptions, run};

const ASSETS: &str = "
schema: batch/1
defaults: {kind: music.lead-sheet, bars: 4}
jobs:
  - {id: 'town_{seed}', out: 'music/{id}.mid', valence: 0.4, matrix: {seed: [1, 2]}}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("affetto-batch-example");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("assets.yaml");
    std::fs::write(&path, ASSETS)?;
    let options = RunOptions {
        resume: true,
        ..RunOptions::default()
    };
    let report = run(
        &Manifest::read(&path)?,
        &options,
        &Models::embedded()?,
        &Silent,
    )?;
    println!("{:?}", report.counts);
    Ok(())
}
