//! Slurm: an array job with a task for each shard, and a merge job after it.
//!
//! A task that is told to end (before its time is up, or when it is preempted) finishes the item at hand, exits 75 and is put
//! into the queue again; so, a few times, is one that was killed. Slurm starts the tasks of a lost node on another one. All go on
//! from the journal of their shard.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use affetto_core::write_atomic;
use serde::{Deserialize, Serialize};

use super::{check, quoted};
use crate::{Error, Manifest, shard::MOST_SHARDS};

/// How often a task that was killed, for want of memory maybe, goes back into the queue.
const MOST_RESTARTS: usize = 3;
/// The longest wait between two looks at the queue.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How a batch is submitted.
#[derive(Clone, Debug)]
pub struct SlurmOptions {
    /// How many tasks share the items.
    pub shards: usize,
    /// The partition; the cluster's own choice where none is named.
    pub partition: Option<String>,
    /// The account that pays.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// Cores of a task.
    pub cpus: usize,
    /// Memory of a task, as `sbatch --mem` has it.
    pub memory: Option<String>,
    /// The longest that a task runs, as `sbatch --time` has it; it then goes on in the queue.
    pub time: Option<String>,
    /// Seconds before that at which a task is told to end.
    pub grace_secs: usize,
    /// Further arguments of `sbatch`.
    pub more: Vec<String>,
    /// The program, as the nodes find it.
    pub program: PathBuf,
    /// Flags of `affetto batch` that every task is given.
    pub flags: Vec<String>,
}

/// The scripts of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmScripts {
    /// A task of the array.
    pub array: String,
    /// The merge.
    pub merge: String,
}

/// A batch that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlurmJob {
    /// The array.
    pub array: u64,
    /// The job that merges, after it.
    pub merge: u64,
    /// How many tasks.
    pub shards: usize,
}

/// A shard as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardState {
    /// From 1.
    pub shard: usize,
    /// `RUNNING`, `PENDING`, ...; `ENDED` where the queue no longer has it.
    pub state: String,
    /// The node, or why it waits.
    pub place: String,
}

impl SlurmOptions {
    /// Whether every word stays on its line: what the scheduler reads are comments to the shell, and a line break would end
    /// one of them whatever quotes stand around it.
    fn check_words(&self, manifest: &Path) -> Result<(), Error> {
        let named = [
            &self.partition,
            &self.account,
            &self.qos,
            &self.memory,
            &self.time,
        ];
        let words = named.into_iter().flatten().chain(&self.more).cloned();
        let mut words = words.chain([manifest.to_string_lossy().into_owned()]);
        match words.find(|word| word.chars().any(char::is_control)) {
            Some(word) => Err(Error::Word { word }),
            None => Ok(()),
        }
    }
}

impl SlurmScripts {
    /// The scripts that carry out `manifest`.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] for a number of shards or cores that cannot be, [`Error::Word`] for a line break, [`Error::Write`] where a folder cannot be found.
    pub fn new(manifest: &Manifest, options: &SlurmOptions) -> Result<Self, Error> {
        check("shards", options.shards, 1..=MOST_SHARDS)?;
        check("cpus", options.cpus, 1..=1_024)?;
        check("grace", options.grace_secs, 10..=65_535)?;
        let path = absolute(manifest.path())?;
        options.check_words(&path)?;
        let logs = absolute(&manifest.state_folder())?.join("slurm");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let common = |script: &str, log: &str| {
            let mut head = vec![
                format!("job-name={}", quoted(&format!("affetto-{name}"))),
                format!("output={}", quoted(&logs.join(log).to_string_lossy())),
                "open-mode=append".into(),
                format!("cpus-per-task={}", options.cpus),
            ];
            let named = [
                ("partition", &options.partition),
                ("account", &options.account),
                ("qos", &options.qos),
                ("mem", &options.memory),
            ];
            for (what, value) in named {
                head.extend(
                    value
                        .as_ref()
                        .map(|value| format!("{what}={}", quoted(value))),
                );
            }
            let lines: String = head
                .iter()
                .map(|line| format!("#SBATCH --{line}\n"))
                .collect();
            let more: String = options
                .more
                .iter()
                .map(|word| format!("#SBATCH {}\n", quoted(word)))
                .collect();
            format!("#!/bin/bash\n{lines}{more}{script}")
        };
        let program = quoted(&options.program.to_string_lossy());
        let manifest = quoted(&path.to_string_lossy());
        let flags: String = options
            .flags
            .iter()
            .map(|flag| format!(" {}", quoted(flag)))
            .collect();
        let time = options
            .time
            .as_ref()
            .map(|time| format!("#SBATCH --time={}\n", quoted(time)));
        let array = format!(
            r#"#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --signal=B:TERM@{grace}
{time}
# One shard. Told to end, it finishes the item at hand, exits 75 and goes back into the queue; killed, it does so
# {restarts} times at most.
{program} batch {manifest} --resume --wait --shard "$((SLURM_ARRAY_TASK_ID + 1))/{shards}"{flags} &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done
if [ "$code" -eq 75 ] || {{ [ "$code" -gt 128 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; }}; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"#,
            last = options.shards - 1,
            restarts = MOST_RESTARTS,
            grace = options.grace_secs,
            time = time.unwrap_or_default(),
            shards = options.shards,
        );
        let merge = format!("\n{program} batch merge {manifest}\n");
        Ok(Self {
            array: common(&array, "shard-%a.log"),
            merge: common(&merge, "merge.log"),
        })
    }

    /// Writes the scripts beside the journal, and submits them.
    ///
    /// # Errors
    ///
    /// Where they cannot be written, or `sbatch` is not there or refuses them.
    pub fn submit(&self, manifest: &Manifest, shards: usize) -> Result<SlurmJob, Error> {
        let folder = folder(manifest);
        fs::create_dir_all(&folder).map_err(|source| Error::write(&folder, source))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            let written = write_atomic(&path, text.as_bytes());
            written.map_err(|source| Error::write(&path, source))?;
            Ok::<_, Error>(path)
        };
        let (array, merge) = (
            write("array.sh", &self.array)?,
            write("merge.sh", &self.merge)?,
        );
        let array = sbatch(&[], &array)?;
        let after = format!("--dependency=afterany:{array}");
        let merge = match sbatch(&[&after], &merge) {
            Ok(merge) => merge,
            Err(error) => {
                // Half a batch is none.
                let _ = output("scancel", &[&array.to_string()]);
                return Err(error);
            }
        };
        let job = SlurmJob {
            array,
            merge,
            shards,
        };
        let json = serde_json::to_string_pretty(&job).unwrap_or_default();
        write("jobs.json", &(json + "\n"))?;
        Ok(job)
    }
}

impl SlurmJob {
    /// The jobs of a manifest that was submitted.
    ///
    /// # Errors
    ///
    /// [`Error::NotSubmitted`] where it was not.
    pub fn of(manifest: &Manifest) -> Result<Self, Error> {
        let path = folder(manifest).join("jobs.json");
        let read = fs::read(path).ok();
        let job = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        job.ok_or_else(|| Error::NotSubmitted {
            path: manifest.path().into(),
        })
    }

    /// What the queue says of each shard.
    ///
    /// # Errors
    ///
    /// Where `squeue` is not there or fails.
    pub fn shards(&self) -> Result<Vec<ShardState>, Error> {
        let queued = queued(self.array)?;
        let state = |shard: usize| match queued.get(&(shard - 1)) {
            Some((state, place)) => ShardState {
                shard,
                state: state.clone(),
                place: place.clone(),
            },
            None => ShardState {
                shard,
                state: "ENDED".into(),
                place: String::new(),
            },
        };
        Ok((1..=self.shards).map(state).collect())
    }

    /// Waits until the array and its merge have left the queue; `waiting` is called between looks, and stops it with false.
    ///
    /// # Errors
    ///
    /// Where `squeue` is not there or fails.
    pub fn wait(&self, mut waiting: impl FnMut(usize) -> bool) -> Result<bool, Error> {
        let mut pause = Duration::from_millis(500);
        loop {
            let left = queued(self.array)?.len() + queued(self.merge)?.len();
            if left == 0 {
                return Ok(true);
            }
            if !waiting(left) {
                return Ok(false);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn folder(manifest: &Manifest) -> PathBuf {
    manifest.state_folder().join("slurm")
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::write(path, source))
}

fn sbatch(flags: &[&str], script: &Path) -> Result<u64, Error> {
    let script = script.to_string_lossy();
    let mut words = vec!["--parsable"];
    words.extend(flags);
    words.push(&script);
    let said = output("sbatch", &words)?;
    let number = said.trim().split(';').next().unwrap_or_default();
    number.parse().map_err(|_| Error::Program {
        program: "sbatch".into(),
        reason: format!("it gave no number of a job: {}", said.trim()),
    })
}

/// The tasks of a job that the queue has, by their number in the array, with state and place.
fn queued(job: u64) -> Result<BTreeMap<usize, (String, String)>, Error> {
    let job = job.to_string();
    let said = match output(
        "squeue",
        &[
            "--noheader",
            "--array",
            "--jobs",
            &job,
            "--format",
            "%K|%T|%R",
        ],
    ) {
        // Slurm forgets a job some minutes after its end.
        Err(Error::Program { reason, .. }) if reason.contains("Invalid job id") => String::new(),
        said => said?,
    };
    let task = |line: &str| {
        let mut parts = line.trim().splitn(3, '|');
        let number = parts.next()?.parse().unwrap_or(0);
        let state = parts.next()?.to_owned();
        let place = parts.next().unwrap_or_default().to_owned();
        Some((number, (state, place)))
    };
    Ok(said.lines().filter_map(task).collect())
}

fn output(program: &str, words: &[&str]) -> Result<String, Error> {
    let failed = |reason: String| Error::Program {
        program: program.into(),
        reason,
    };
    let ran = Command::new(program).args(words).output();
    let ran = ran.map_err(|error| failed(error.to_string()))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let said = said.lines().find(|line| !line.trim().is_empty());
    Err(failed(said.unwrap_or("it said nothing").trim().to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Without jobs.
    fn manifest(name: &str) -> Manifest {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, r#"{"jobs":[]}"#).unwrap();
        Manifest::read(&path).unwrap()
    }

    fn attempt(name: &str, options: &SlurmOptions) -> Result<SlurmScripts, Error> {
        SlurmScripts::new(&manifest(name), options)
    }

    fn scripts(name: &str, options: &SlurmOptions) -> SlurmScripts {
        attempt(name, options).unwrap()
    }

    fn options() -> SlurmOptions {
        SlurmOptions {
            shards: 8,
            partition: Some("main".into()),
            account: None,
            qos: None,
            cpus: 2,
            memory: Some("2G".into()),
            time: Some("01:00:00".into()),
            grace_secs: 120,
            more: vec!["--exclude=n3".into()],
            program: "/opt/affetto".into(),
            flags: vec!["--cache".into(), "/shared/the cache".into()],
        }
    }

    #[test]
    fn a_script_says_what_was_asked() {
        let SlurmScripts { array, merge } = scripts("assets.json", &options());
        for line in [
            "#SBATCH --array=0-7",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            "#SBATCH --signal=B:TERM@120",
            "#SBATCH --time=01:00:00",
            "#SBATCH --partition=main",
            "#SBATCH --mem=2G",
            "#SBATCH --exclude=n3",
        ] {
            assert!(
                array.lines().any(|found| found == line),
                "{line} in {array}"
            );
        }
        assert!(
            array.contains(
                r#"--shard "$((SLURM_ARRAY_TASK_ID + 1))/8" --cache '/shared/the cache' &"#
            )
        );
        assert!(merge.contains("/opt/affetto batch merge ") && !merge.contains("--array"));
    }

    #[test]
    fn a_name_cannot_end_the_script() {
        let array = scripts("a'; touch x; '.json", &options()).array;
        assert!(array.contains(r"'\''; touch x; '\''.json'"), "{array}");
    }

    #[test]
    fn no_word_ends_its_line() {
        for wrong in [
            SlurmOptions {
                partition: Some("main\ntouch x".into()),
                ..options()
            },
            SlurmOptions {
                more: vec!["--comment=a\rb".into()],
                ..options()
            },
        ] {
            let refused = attempt("m.json", &wrong);
            assert!(matches!(refused, Err(Error::Word { .. })));
        }
    }

    #[test]
    fn numbers_are_checked() {
        for wrong in [
            SlurmOptions {
                shards: 0,
                ..options()
            },
            SlurmOptions {
                shards: 10_001,
                ..options()
            },
            SlurmOptions {
                cpus: 0,
                ..options()
            },
            SlurmOptions {
                grace_secs: 1,
                ..options()
            },
        ] {
            assert!(attempt("m.json", &wrong).is_err());
        }
        assert!(matches!(
            SlurmJob::of(&manifest("m.json")),
            Err(Error::NotSubmitted { .. })
        ));
    }
}
