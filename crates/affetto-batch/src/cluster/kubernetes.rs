//! Kubernetes: an Indexed Job, a pod for each shard.
//!
//! Fields as in the reference of `batch/v1` `Job` (Kubernetes 1.33): `completionMode`, `backoffLimitPerIndex` and
//! `podFailurePolicy` are those of Indexed Jobs.

use serde_json::json;

use super::check;
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
    check("shards", options.shards, 1..=MOST_SHARDS)?;
    check("parallelism", options.parallelism, 1..=MOST_SHARDS)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use serde_json::Value;

    use super::*;

    fn job(options: &KubernetesOptions) -> Result<Value, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Town assets.json");
        fs::write(&path, r#"{"jobs":[]}"#).unwrap();
        let text = indexed_job(&Manifest::read(&path).unwrap(), options)?;
        Ok(serde_saphyr::from_str(&text).unwrap())
    }

    fn options() -> KubernetesOptions {
        KubernetesOptions {
            shards: 8,
            parallelism: 20,
            image: "registry.example/affetto:0.1".into(),
            claim: "assets".into(),
            mount: "/assets/".into(),
            cpus: 2,
            memory: "2Gi".into(),
            grace_secs: 60,
            flags: vec!["--retry".into(), "2".into()],
        }
    }

    fn only_has(object: &Value, known: &[&str]) {
        for name in object.as_object().unwrap().keys() {
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }

    /// Fields and rules as the API reference of `batch/v1` states them.
    #[test]
    fn the_job_is_one_by_the_published_schema() {
        let job = job(&options()).unwrap();
        only_has(&job, &["apiVersion", "kind", "metadata", "spec"]);
        assert_eq!(
            (&job["apiVersion"], &job["kind"]),
            (&json!("batch/v1"), &json!("Job"))
        );
        assert_eq!(job["metadata"]["name"], "affetto-town-assets-json");
        let spec = &job["spec"];
        only_has(
            spec,
            &[
                "activeDeadlineSeconds",
                "backoffLimit",
                "backoffLimitPerIndex",
                "completionMode",
                "completions",
                "managedBy",
                "manualSelector",
                "maxFailedIndexes",
                "parallelism",
                "podFailurePolicy",
                "podReplacementPolicy",
                "selector",
                "successPolicy",
                "suspend",
                "template",
                "ttlSecondsAfterFinished",
            ],
        );
        // An Indexed Job must say how many; a limit for each index and a policy need pods that are not restarted.
        assert_eq!(spec["completionMode"], "Indexed");
        assert_eq!(
            (&spec["completions"], &spec["parallelism"]),
            (&json!(8), &json!(8))
        );
        assert!(spec["backoffLimitPerIndex"].is_u64());
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["terminationGracePeriodSeconds"], 60);
        let container = &pod["containers"][0];
        only_has(
            container,
            &[
                "name",
                "image",
                "command",
                "args",
                "env",
                "resources",
                "volumeMounts",
            ],
        );
        assert_eq!(container["args"][1], "/assets/Town assets.json");
        assert_eq!(
            container["env"][0],
            json!({ "name": "AFFETTO_SHARDS", "value": "8" })
        );
        assert_eq!(
            pod["volumes"][0]["name"],
            container["volumeMounts"][0]["name"]
        );
        let rules = spec["podFailurePolicy"]["rules"].as_array().unwrap();
        assert!(rules.len() <= 20);
        for rule in rules {
            only_has(rule, &["action", "onExitCodes", "onPodConditions"]);
            let action = rule["action"].as_str().unwrap();
            assert!(["FailJob", "FailIndex", "Ignore", "Count"].contains(&action));
            // One of the two, not both.
            assert_ne!(
                rule.get("onExitCodes").is_some(),
                rule.get("onPodConditions").is_some()
            );
            let Some(codes) = rule.get("onExitCodes") else {
                continue;
            };
            assert_eq!(codes["containerName"], container["name"]);
            let values: Vec<u64> = codes["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_u64().unwrap())
                .collect();
            assert!(values.is_sorted() && values.iter().all(|code| (1..=255).contains(code)));
        }
    }

    #[test]
    fn numbers_are_checked() {
        for shards in [0, 10_001] {
            assert!(
                job(&KubernetesOptions {
                    shards,
                    ..options()
                })
                .is_err()
            );
        }
    }
}
