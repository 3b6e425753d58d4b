#![doc = include_str!("../README.md")]

mod cache;
mod cluster;
mod error;
mod journal;
mod key;
mod manifest;
mod plan;
mod rates;
mod report;
mod run;
mod schema;
mod shard;

pub use cache::Cache;
pub use cluster::{
    kubernetes::{KubernetesOptions, indexed_job},
    slurm::{ShardState, SlurmJob, SlurmOptions, SlurmScripts},
};
pub use error::Error;
pub use journal::{MadeFile, Outcome, Reason, Record};
pub use manifest::{Item, MOST_ITEMS, Manifest, Syntax};
pub use plan::{Plan, PlanOptions, Planned, Step, Why};
pub use rates::{Estimate, Rates};
pub use report::{Counts, FailureGroup, Report, ShardProgress, merge, shard_progress};
pub use run::{BatchProgress, Event, RunOptions, run};
pub use schema::manifest_schema;
pub use shard::Shard;
