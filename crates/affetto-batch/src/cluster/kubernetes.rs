//! Kubernetes: an Indexed Job, a pod for each shard.
//!
//! Fields as in the reference of `batch/v1` `Job` (Kubernetes 1.33): `completionMode`, `backoffLimitPerIndex` and
//! `podFailurePolicy` are those of Indexed Jobs.

use serde_json::json;

use crate::{Error, Manifest, shard::MOST_SHARDS};

/// How a Job is written.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// How many pods share the items.
    pub shards: usize,
    /// How many run at a time.
    pub parallelism: usize,
    /// The image that holds the program.
    pub image: String,
    /// The claim of the volume that the folder of the manifest lies on.
    pub claim: String,
    /// Where a pod finds that folder.
    pub mount: String,
    /// Cores of a pod.
    pub cpus: usize,
    /// Memory of a pod, such as `2Gi`.
    pub memory: String,
    /// Seconds that a pod is given to end.
    pub grace_secs: usize,
    /// Flags of `affetto batch` that every pod is given.
    pub flags: Vec<String>,
}

/// The Indexed Job that carries out `manifest`, in YAML. A pod that is told to end exits 75, which counts as no failure.
///
/// # Errors
///
/// [`Error::Range`] for a number of shards that cannot be.
pub fn indexed_job(manifest: &Manifest, options: &KubernetesOptions) -> Result<String, Error> {
    for (what, found) in [
        ("shards", options.shards),
        ("parallelism", options.parallelism),
    ] {
        if found == 0 || found > MOST_SHARDS {
            return Err(Error::Range {
                what,
                found,
                range: "1..=10000",
            });
        }
    }
    let file = manifest.path().file_name().unwrap_or_default();
    let file = file.to_string_lossy();
    let path = format!("{}/{file}", options.mount.trim_end_matches('/'));
    let mut arguments = vec!["batch".to_owned(), path, "--resume".into(), "--wait".into()];
    arguments.extend(options.flags.clone());
    let resources = json!({ "cpu": options.cpus.to_string(), "memory": options.memory });
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name_of(&file) },
        "spec": {
            "completions": options.shards,
            "parallelism": options.parallelism.min(options.shards),
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 3,
            "podFailurePolicy": { "rules": [
                // Interrupted and resumable.
                { "action": "Ignore", "onExitCodes": { "containerName": "affetto", "operator": "In", "values": [75] } },
                { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
                // Some items failed; they would again.
                { "action": "FailIndex", "onExitCodes": { "containerName": "affetto", "operator": "In", "values": [2, 3, 4, 5, 8] } },
            ] },
            "template": { "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": options.grace_secs,
                "containers": [{
                    "name": "affetto",
                    "image": options.image,
                    "command": ["affetto"],
                    "args": arguments,
                    "env": [{ "name": "AFFETTO_SHARDS", "value": options.shards.to_string() }],
                    "resources": { "requests": resources, "limits": resources },
                    "volumeMounts": [{ "name": "assets", "mountPath": options.mount }],
                }],
                "volumes": [{ "name": "assets", "persistentVolumeClaim": { "claimName": options.claim } }],
            } },
        },
    });
    serde_saphyr::to_string(&job).map_err(|error| Error::Program {
        program: "YAML".into(),
        reason: error.to_string(),
    })
}

/// A name as RFC 1123 has labels: lower-case letters, digits and `-`, 63 at most.
fn name_of(file: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9') => letter,
        _ => '-',
    };
    let name: String = file.chars().map(letter).take(50).collect();
    format!("affetto-{}", name.trim_matches('-'))
}
