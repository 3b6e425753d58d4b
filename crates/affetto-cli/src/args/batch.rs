//! The flags of `batch`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const EXAMPLE: &str = r#"Example, with assets.yaml:
  schema: batch/1
  defaults: {bars: 8}
  jobs:
    - {id: item01, kind: music.lead-sheet, out: "{id}.mid", valence: 0.4}
    - id: "calm_{seed}"
      kind: music.piano
      out: ["{id}.mid", "{id}.png"]
      emotion: serenity
      matrix: {seed: [1, 2, 3]}

  affetto batch assets.yaml --dry-run
  affetto batch assets.yaml --resume

Files are named from the folder of the manifest and stay below it. What is
finished is never made again: --resume goes on after a kill, a full disk or a
change of the manifest. Exit codes: 3 some items failed, 75 told to end."#;

/// The flags of `batch`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true, after_help = EXAMPLE)]
pub struct Batch {
    /// On a cluster
    #[command(subcommand)]
    pub on_cluster: Option<BatchCommand>,
    /// Here
    #[command(flatten)]
    pub here: BatchHere,
}

/// What to do with a batch on a cluster.
#[derive(Subcommand)]
pub enum BatchCommand {
    /// Hand the shards to a Slurm cluster, or write a Kubernetes Job
    #[command(after_help = SUBMIT_EXAMPLE)]
    Submit(Box<BatchSubmit>),
    /// Show how far each shard is
    #[command(after_help = "Example:\n  affetto batch status assets.yaml")]
    Status(BatchManifest),
    /// Wait for the shards, and join their reports
    #[command(after_help = "Example:\n  affetto batch collect assets.yaml")]
    Collect(BatchManifest),
    /// Join the reports of the shards, and say what is missing
    #[command(after_help = "Example:\n  affetto batch merge assets.yaml")]
    Merge(BatchManifest),
}

const SUBMIT_EXAMPLE: &str = "\
Examples:
  affetto batch submit assets.yaml --partition main --shards 32
  affetto batch submit assets.yaml --shards 8 --time 01:00:00 --print
  affetto batch submit assets.yaml --shards 8 --kubernetes \\
    --image registry.example/affetto:0.1 --claim assets > job.yaml

The folder of the manifest and the program must be at the same path on every
node. A task that is told to end goes back into the queue and goes on.";

/// A manifest.
#[derive(Args)]
pub struct BatchManifest {
    /// The manifest: .yaml, .json, .jsonl or .csv
    #[arg(value_name = "MANIFEST")]
    pub manifest: PathBuf,
}

/// A batch on this machine.
#[derive(Args)]
pub struct BatchHere {
    /// The manifest: .yaml, .json, .jsonl or .csv
    #[arg(value_name = "MANIFEST")]
    pub manifest: Option<PathBuf>,
    /// Go on with what an earlier run left; files that are gone or damaged are made again
    #[arg(long)]
    pub resume: bool,
    /// Make everything anew, over whatever stands there
    #[arg(long, conflicts_with = "resume")]
    pub force: bool,
    /// Show what would be made, kept and refused, and how long it takes
    #[arg(long)]
    pub dry_run: bool,
    /// Items that are made at a time [default: as many as there are cores]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// The items of one of several machines, such as 3/16; `off` makes all of them even in a task of a
    /// cluster [default: as Slurm, Kubernetes (with AFFETTO_SHARDS) or AWS Batch say]
    #[arg(long, value_name = "NUMBER/COUNT")]
    pub shard: Option<String>,
    /// Folder of finished files, by what they follow from; may be shared, and may be read-only
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Times that an item is tried again whose files could not be read or written
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub retry: u8,
    /// Begin nothing more after the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Wait for another batch in the same folder instead of giving up
    #[arg(long)]
    pub wait: bool,
}

/// The flags of `batch submit`.
#[derive(Args)]
pub struct BatchSubmit {
    /// The manifest: .yaml, .json, .jsonl or .csv
    #[arg(value_name = "MANIFEST")]
    pub manifest: PathBuf,
    /// How many tasks share the items
    #[arg(long, value_name = "COUNT")]
    pub shards: usize,
    /// Show the scripts instead of submitting them
    #[arg(long)]
    pub print: bool,
    /// Cores of a task
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub cpus: usize,
    /// Memory of a task, such as 2G (Slurm) or 2Gi (Kubernetes)
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Seconds that a task is given to end before its time is up
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub grace: usize,
    /// Folder of finished files, as the nodes find it
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Times that an item is tried again whose files could not be read or written
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub retry: u8,

    /// The partition
    #[arg(long, value_name = "NAME", help_heading = "Slurm")]
    pub partition: Option<String>,
    /// The account
    #[arg(long, value_name = "NAME", help_heading = "Slurm")]
    pub account: Option<String>,
    /// The quality of service
    #[arg(long, value_name = "NAME", help_heading = "Slurm")]
    pub qos: Option<String>,
    /// The longest that a task runs, such as 01:00:00; then it goes on in the queue
    #[arg(long, value_name = "TIME", help_heading = "Slurm")]
    pub time: Option<String>,
    /// A further flag of sbatch, such as --sbatch=--exclude=n3; may be repeated
    #[arg(
        long,
        value_name = "FLAG",
        allow_hyphen_values = true,
        help_heading = "Slurm"
    )]
    pub sbatch: Vec<String>,
    /// The program as the nodes find it [default: this one]
    #[arg(long, value_name = "PATH", help_heading = "Slurm")]
    pub program: Option<PathBuf>,

    /// Write a Kubernetes Indexed Job to stdout; nothing is submitted
    #[arg(long, requires_all = ["image", "claim"], help_heading = "Kubernetes")]
    pub kubernetes: bool,
    /// The image that holds the program
    #[arg(
        long,
        value_name = "IMAGE",
        requires = "kubernetes",
        help_heading = "Kubernetes"
    )]
    pub image: Option<String>,
    /// The claim of the volume that the folder of the manifest lies on
    #[arg(
        long,
        value_name = "NAME",
        requires = "kubernetes",
        help_heading = "Kubernetes"
    )]
    pub claim: Option<String>,
    /// Where a pod finds that folder
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/assets",
        help_heading = "Kubernetes"
    )]
    pub mount: String,
    /// Pods that run at a time [default: all]
    #[arg(
        long,
        value_name = "COUNT",
        requires = "kubernetes",
        help_heading = "Kubernetes"
    )]
    pub parallelism: Option<usize>,
}
