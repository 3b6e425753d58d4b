//! Many things by a manifest: made once, whatever happens in the middle.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use affetto::Seed;
use serde_json::{Value, json};

use crate::{
    command::{Place, program, stderr, stdout},
    random_requests::is_long,
};

/// Every kind that needs no outside weights, quickly made.
fn manifest(items: usize) -> Value {
    let jobs: Vec<Value> = (0..items)
        .map(|at| match at % 5 {
            0 if at % 25 == 0 => json!({
                "id": format!("set_{at}"), "kind": "music.set", "out": "sets/{id}", "emotion": "joy", "bars": 2,
                "layers": 1, "intro": 0, "outro": 0, "stingers": [], "candidates": 1, "seed": at,
            }),
            0 => json!({
                "id": format!("sheet_{at}"), "kind": "music.lead-sheet", "out": ["music/{id}.mid", "music/{id}.abc"],
                "valence": 0.4, "bars": 2, "candidates": 1, "seed": at,
            }),
            1 => json!({
                "id": format!("piano_{at}"), "kind": "music.piano", "out": "music/{id}.mid", "emotion": "serenity",
                "bars": 1, "candidates": 1, "seed": at,
            }),
            2 => json!({
                "id": format!("take_{at}"), "kind": "face.rig", "out": "faces/{id}.csv", "take": "take.csv",
                "emotion": "anger:0.7", "seed": at,
            }),
            _ => json!({
                "id": format!("sticker_{at}"), "kind": "video.sticker", "out": "stickers/{id}.json",
                "emotion": "joy", "steps": 2, "length_secs": 1, "fps": 8, "seed": at,
            }),
        })
        .collect();
    json!({ "schema": "batch/1", "jobs": jobs })
}

fn place(items: usize) -> Place {
    let place = Place::new();
    fs::write(place.path().join("take.csv"), take()).unwrap();
    fs::write(place.path().join("m.json"), manifest(items).to_string()).unwrap();
    place
}

/// The first frames of the sample take.
fn take() -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/take.csv");
    let text = fs::read_to_string(whole).unwrap();
    text.lines()
        .take(6)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Every output with its bytes; neither state nor inputs.
fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                if !name.ends_with(".batch") {
                    folders.push(path);
                }
            } else if name.contains('/') {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The ids that the journals say were made, in order; a line may be on its way to the disk.
fn made(folder: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    let folder = folder.join("m.json.batch");
    if !folder.exists() {
        return ids;
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("journal")
        {
            continue;
        }
        let text = fs::read(path).unwrap();
        for line in String::from_utf8_lossy(&text).lines() {
            let record = line.get(17..).unwrap_or_default();
            let Ok(record) = serde_json::from_str::<Value>(record) else {
                continue;
            };
            if record["outcome"] == "made" {
                ids.push(record["id"].as_str().unwrap().to_owned());
            }
        }
    }
    ids
}

fn spawn(place: &Place, words: &[&str]) -> Child {
    let mut command = Command::new(program());
    let command = command.args(words).current_dir(place.path());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_example_of_the_issue_runs() {
    let place = Place::new();
    let text = "schema: batch/1\njobs: [{id: item01, kind: music.lead-sheet, out: \"{id}.mid\", valence: 0.4, bars: 8, seed: 1, candidates: 2}]\n";
    fs::write(place.path().join("m.yaml"), text).unwrap();
    place.succeed("batch m.yaml --resume");
    let mut names = place.names();
    names.sort();
    let expected = [
        "item01.mid",
        "item01.mid.provenance.json",
        "m.yaml",
        "m.yaml.batch",
    ];
    assert_eq!(
        names
            .iter()
            .filter(|name| !name.starts_with('.'))
            .collect::<Vec<_>>(),
        expected
    );
    let alone = place
        .succeed("music lead-sheet --valence 0.4 --bars 8 --seed 1 --candidates 2 -o alone.mid");
    drop(alone);
    assert_eq!(place.read("item01.mid"), place.read("alone.mid"));
    place.succeed("rerun item01.mid");
    let table = fs::read_to_string(place.path().join("m.yaml.batch/report.csv")).unwrap();
    let row = table.lines().nth(1).unwrap();
    assert!(
        row.starts_with("item01,music.lead-sheet,made,item01.mid,"),
        "{row}"
    );
    let report: Value = serde_json::from_slice(&place.read("m.yaml.batch/report.json")).unwrap();
    assert_eq!(report["counts"]["made"], 1);
    assert_eq!(report["items"][0]["outputs"][0]["path"], "item01.mid");
}

/// Killed at ten moments and gone on with; by hand with a thousand items.
#[test]
fn a_batch_that_is_killed_again_and_again_ends_with_the_same_files() {
    let items = if is_long() { 1_000 } else { 60 };
    let whole = place(items);
    whole.succeed("batch m.json");
    let expected = outputs(whole.path());
    let killed = place(items);
    let mut kills = 0;
    for number in 0..10_u64 {
        let mut child = spawn(&killed, &["batch", "m.json", "--resume"]);
        // By what stands in the journal, not by the clock: how fast a machine is at the moment cannot be known.
        let mut rng = Seed(number).rng();
        let enough = made(killed.path()).len() + 1 + rng.below(items / 12);
        while made(killed.path()).len() < enough && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(8).mul_f64(rng.uniform()));
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    }
    killed.succeed("batch m.json --resume");
    assert!(kills >= 5, "{kills} of 10 were killed in the middle");
    let found = outputs(killed.path());
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    assert!(found == expected, "some bytes differ");
    let mut made = made(killed.path());
    let lines = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), lines, "an item was made twice");
    assert!(lines <= items && lines + 20 >= items, "{lines} of {items}");
    let again = killed.succeed("batch m.json --resume");
    assert!(
        stderr(&again).contains(&format!("0 to make, {items} kept")),
        "{}",
        stderr(&again)
    );
}

#[test]
fn outputs_that_are_gone_or_damaged_are_made_again() {
    let place = place(10);
    place.succeed("batch m.json");
    let expected = outputs(place.path());
    let names: Vec<&String> = expected.keys().collect();
    fs::remove_file(place.path().join(names[0])).unwrap();
    let damaged = place.path().join("music/sheet_5.mid");
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::write(
        place.path().join("stickers/sticker_3.json.provenance.json"),
        "{}",
    )
    .unwrap();
    let plan = place.succeed("batch m.json --dry-run");
    let plan = stdout(&plan);
    assert!(
        plan.contains("damaged: music/sheet_5.mid") && plan.contains("gone: "),
        "{plan}"
    );
    let said = stderr(&place.succeed("batch m.json --resume"));
    assert!(said.contains("3 to make, 7 kept"), "{said}");
    assert!(outputs(place.path()) == expected);
}

/// Without the journal, what stands is known by its provenance.
#[test]
fn a_lost_journal_costs_nothing() {
    let place = place(10);
    place.succeed("batch m.json");
    fs::remove_dir_all(place.path().join("m.json.batch")).unwrap();
    let merged = stderr(&place.succeed("batch merge m.json"));
    assert!(merged.contains("10 found"), "{merged}");
    let said = stderr(&place.succeed("batch m.json"));
    assert!(said.contains("0 to make, 10 kept"), "{said}");
    assert_eq!(made(place.path()), Vec::<String>::new());
}

#[test]
fn shards_make_each_item_once_and_their_reports_are_joined() {
    let (whole, shards) = (place(20), place(20));
    whole.succeed("batch m.json");
    for number in [2, 3, 1] {
        shards.succeed(&format!("batch m.json --shard {number}/3"));
        if number != 1 {
            let merged = shards.run("batch merge m.json");
            assert_eq!(merged.status.code(), Some(3), "{}", stderr(&merged));
            assert!(stderr(&merged).contains("missing: "), "{}", stderr(&merged));
        }
    }
    shards.succeed("batch merge m.json");
    assert!(outputs(shards.path()) == outputs(whole.path()));
    let mut made = made(shards.path());
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 20);
}

#[test]
fn a_cluster_says_which_shard_it_is() {
    let place = place(10);
    let run = |number: &str, flags: &[&str]| {
        let mut command = place.command();
        command
            .env("SLURM_ARRAY_TASK_ID", number)
            .env("SLURM_ARRAY_TASK_COUNT", "4");
        let output = command
            .args(["batch", "m.json", "--dry-run", "--json"])
            .args(flags)
            .output();
        let output = output.unwrap();
        let text = stdout(&output);
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        last["data"]["items"].as_array().unwrap().len()
    };
    let sizes: Vec<usize> = ["0", "1", "2", "3"]
        .iter()
        .map(|number| run(number, &[]))
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 10, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < 10), "{sizes:?}");
    assert_eq!(run("0", &["--shard", "off"]), 10);
}

#[test]
fn what_a_cache_has_is_not_made() {
    let (one, other) = (place(10), place(10));
    let cache = Place::new();
    let flags = format!("batch m.json --cache {}", cache.path().display());
    one.succeed(&flags);
    let said = stderr(&other.succeed(&flags));
    assert!(
        said.contains("0 to make, 0 kept, 10 from the cache"),
        "{said}"
    );
    assert!(outputs(one.path()) == outputs(other.path()));
    assert_eq!(made(other.path()), Vec::<String>::new());
    // What was damaged in it is made.
    let third = place(10);
    let blobs = outputs(cache.path());
    for name in blobs.keys().filter(|name| name.starts_with("blobs/")) {
        fs::write(cache.path().join(name), vec![0; blobs[name].len()]).unwrap();
    }
    third.succeed(&flags);
    assert!(outputs(one.path()) == outputs(third.path()));
    assert_eq!(made(third.path()).len(), 10);
}

/// A file stands where the cache would keep its files, as if it might only be read.
#[test]
fn a_cache_that_cannot_be_written_to_is_no_failure() {
    let (place, cache) = (place(5), Place::new());
    fs::write(cache.path().join("blobs"), "").unwrap();
    let output = place.succeed(&format!("batch m.json --cache {}", cache.path().display()));
    let said = stderr(&output);
    assert_eq!(said.matches("the cache is only read").count(), 1, "{said}");
    assert_eq!(made(place.path()).len(), 5);
}

#[test]
fn failures_are_told_apart_and_the_rest_is_made() {
    let place = Place::new();
    let jobs = json!({ "jobs": [
        { "id": "good", "kind": "music.lead-sheet", "out": "good.mid", "bars": 2, "candidates": 1 },
        { "id": "far", "kind": "music.lead-sheet", "out": "far.mid", "bars": 9999 },
        { "id": "lost_1", "kind": "face.rig", "out": "1.csv", "take": "none.csv" },
        { "id": "lost_2", "kind": "face.rig", "out": "2.csv", "take": "nowhere.csv" },
    ] });
    fs::write(place.path().join("m.json"), jobs.to_string()).unwrap();
    let plan = place.run("batch m.json --dry-run");
    assert_eq!(plan.status.code(), Some(3));
    assert!(stdout(&plan).contains("none.csv"), "{}", stdout(&plan));
    let output = place.run("batch m.json");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("3 of 4 items failed"), "{said}");
    let group = said.lines().find(|line| line.contains("FILE")).unwrap();
    assert!(group.trim_start().starts_with("2 "), "{said}");
    assert!(place.names().contains(&"good.mid".to_owned()));
    // What is foreign stays, also where a job is said otherwise.
    let good = json!({ "jobs": [{ "id": "good", "kind": "music.lead-sheet", "out": "mine.mid", "bars": 2, "candidates": 1 }] });
    fs::write(place.path().join("m.json"), good.to_string()).unwrap();
    fs::write(place.path().join("mine.mid"), "mine").unwrap();
    assert_eq!(place.run("batch m.json --resume").status.code(), Some(3));
    assert_eq!(place.read("mine.mid"), b"mine");
    fs::write(place.path().join("m.json"), jobs.to_string()).unwrap();
    fs::write(place.path().join("far.mid"), "mine").unwrap();
    assert_eq!(place.run("batch m.json --resume").status.code(), Some(3));
    assert_eq!(place.read("far.mid"), b"mine");
}

#[test]
fn what_was_begun_is_not_begun_anew_by_mistake() {
    let place = place(5);
    place.succeed("batch m.json");
    let output = place.run("batch m.json");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    place.succeed("batch m.json --force");
}

/// The second of two batches in a folder is refused, or waits; nothing is torn.
#[test]
fn two_batches_in_a_folder_do_not_meet() {
    let (place, alone) = (place(40), place(40));
    alone.succeed("batch m.json");
    let mut first = spawn(&place, &["batch", "m.json"]);
    let lock = place.path().join("m.json.batch/journal.jsonl");
    while !lock.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let second = place.run("batch m.json --resume");
    let ended = first.try_wait().unwrap().is_some();
    if !ended {
        assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
        assert!(
            stderr(&second).contains("another batch"),
            "{}",
            stderr(&second)
        );
    }
    place.succeed("batch m.json --resume --wait");
    assert!(first.wait().unwrap().success());
    assert!(outputs(place.path()) == outputs(alone.path()));
}

/// On a file system that fills up in the middle, and is then made larger, where one may be mounted.
#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let (full, alone) = (place(30), place(30));
    alone.succeed("batch m.json");
    let kept = Place::new();
    for name in ["m.json", "take.csv"] {
        fs::copy(full.path().join(name), kept.path().join(name)).unwrap();
    }
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(full.path());
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount("size=400k") {
        eprintln!("skipped: no file system may be mounted here");
        return;
    }
    for name in ["m.json", "take.csv"] {
        fs::copy(kept.path().join(name), full.path().join(name)).unwrap();
    }
    let output = full.run("batch m.json");
    let first = made(full.path()).len();
    mount("remount,size=64m");
    let again = full.run("batch m.json --resume");
    let (found, made) = (outputs(full.path()), made(full.path()));
    Command::new("umount").arg(full.path()).status().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(
        (1..30).contains(&first),
        "{first} items before the disk was full"
    );
    assert_eq!(made.len(), 30);
    assert!(found == outputs(alone.path()));
}

#[cfg(unix)]
#[test]
fn told_to_end_it_finishes_the_item_at_hand_and_says_that_it_can_go_on() {
    let (place, alone) = (place(60), place(60));
    alone.succeed("batch m.json");
    for signal in ["TERM", "INT"] {
        let mut child = spawn(&place, &["batch", "m.json", "--resume"]);
        let mut waited = 0;
        while waited < 400 && !place.path().join("m.json.batch/journal.jsonl").exists() {
            thread::sleep(Duration::from_millis(10));
            waited += 1;
        }
        thread::sleep(Duration::from_millis(400));
        let id = child.id().to_string();
        Command::new("kill")
            .args(["-s", signal, &id])
            .status()
            .unwrap();
        let code = child.wait().unwrap().code();
        assert!(code == Some(75) || code == Some(0), "{signal}: {code:?}");
    }
    place.succeed("batch m.json --resume");
    assert!(outputs(place.path()) == outputs(alone.path()));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_is_refused() {
    let (place, other) = (place(5), Place::new());
    std::os::unix::fs::symlink(other.path(), place.path().join("music")).unwrap();
    let output = place.run("batch m.json");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("a link that leads out") && said.contains("m.json:1"),
        "{said}"
    );
    assert!(other.names().is_empty());
}

#[test]
fn events_are_json_lines_with_one_envelope() {
    let place = place(5);
    let output = place.succeed("batch m.json --json");
    let events: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(
        (count("plan"), count("item_started"), count("item_finished")),
        (1, 5, 5)
    );
    assert_eq!((count("envelope"), count("report")), (1, 1));
    assert_eq!(events.last().unwrap()["data"]["counts"]["made"], 5);
    let finished = events
        .iter()
        .find(|event| event["type"] == "item_finished")
        .unwrap();
    assert_eq!(finished["files"][0]["sha256"].as_str().unwrap().len(), 64);
}

/// The same jobs in four ways of writing.
#[test]
fn every_syntax_says_the_same() {
    let place = Place::new();
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    write(
        "m.yaml",
        "defaults: {kind: music.lead-sheet, bars: 4, x-note: [a]}\njobs:\n  - {id: 'a_{seed}', out: '{id}.mid', title: 'Number {seed}', key: D minor, emotion: {valence: -0.5}, matrix: {seed: [1, 2]}}\n",
    );
    write(
        "m.json",
        r#"{"jobs":[{"id":"a_1","kind":"music.lead-sheet","bars":4,"out":"a_1.mid","title":"Number 1","key":"D minor","valence":-0.5,"seed":1},{"id":"a_2","kind":"music.lead-sheet","bars":4,"out":["a_2.mid"],"title":"Number 2","key":"D minor","valence":-0.5,"seed":2}]}"#,
    );
    write(
        "m.jsonl",
        "{\"schema\":\"batch/1\",\"defaults\":{\"bars\":4,\"kind\":\"music.lead-sheet\"}}\n\n{\"id\":\"a_{seed}\",\"out\":\"{id}.mid\",\"title\":\"Number {seed}\",\"key\":\"D minor\",\"valence\":-0.5,\"matrix\":{\"seed\":[1,2]}}\n",
    );
    write(
        "m.csv",
        "id,kind,out,bars,seed,title,key,emotion.valence,comment\na_1,music.lead-sheet,a_1.mid,4,1,Number 1,D minor,-0.5,\"one, two\"\na_2,music.lead-sheet,a_2.mid,4,2,Number 2,D minor,-0.5,\n",
    );
    let keys = |name: &str| -> Vec<Value> {
        let output = place.succeed(&format!("batch {name} --dry-run --json"));
        let text = stdout(&output);
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let items = last["data"]["items"].as_array().unwrap().clone();
        items.into_iter().map(|item| item["key"].clone()).collect()
    };
    let expected = keys("m.yaml");
    assert_eq!(expected.len(), 2);
    for name in ["m.json", "m.jsonl", "m.csv"] {
        assert_eq!(keys(name), expected, "{name}");
    }
}

#[test]
fn hostile_manifests_are_refused_by_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad/manifest");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 40, "{}", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let place = Place::new();
        fs::copy(&file, place.path().join(name)).unwrap();
        for flags in ["", " --dry-run", " --resume"] {
            let output = place.run(&format!("batch {name}{flags}"));
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(4), "{name}: {said}");
            assert!(
                said.starts_with("error: ") && said.contains(name),
                "{name}: {said}"
            );
            assert!(
                said.lines().count() <= 2 && said.len() < 2_000,
                "{name}: {said}"
            );
            let whole = ["no-jobs", "empty", "not-text", "list"];
            let has_line = said.contains(&format!("{name}:"));
            assert!(
                has_line || whole.iter().any(|it| name.starts_with(it)),
                "{name}: {said}"
            );
            assert_eq!(place.names(), [name], "{name}: something was written");
        }
    }
}

#[test]
fn the_nearest_field_and_its_line_are_named() {
    let place = Place::new();
    let text = "jobs:\n  - id: a\n    kind: music.lead-sheet\n    out: a.mid\n    bras: 8\n";
    fs::write(place.path().join("m.yaml"), text).unwrap();
    let said = stderr(&place.run("batch m.yaml"));
    assert_eq!(
        said,
        "error: unknown field \"bras\": m.yaml:5\nhint: did you mean bars?\n"
    );
}

#[test]
fn scripts_are_shown_without_a_cluster() {
    let place = place(5);
    let output = place.succeed("batch submit m.json --partition main --shards 4 --print");
    let scripts = stdout(&output);
    assert!(
        scripts.contains("#SBATCH --array=0-3") && scripts.contains("batch merge"),
        "{scripts}"
    );
    let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn();
    if let Ok(mut bash) = bash {
        use std::io::Write as _;
        bash.stdin
            .take()
            .unwrap()
            .write_all(scripts.as_bytes())
            .unwrap();
        assert!(bash.wait().unwrap().success());
    }
    let job = place.succeed(
        "batch submit m.json --shards 4 --kubernetes --image registry.example/affetto:0.1 --claim assets",
    );
    let job = stdout(&job);
    for line in [
        "kind: Job",
        "completionMode: Indexed",
        "completions: 4",
        "claimName: assets",
    ] {
        assert!(job.contains(line), "{line}: {job}");
    }
    assert_eq!(place.run("batch status m.json").status.code(), Some(2));
    assert!(!place.path().join("m.json.batch").exists());
}
