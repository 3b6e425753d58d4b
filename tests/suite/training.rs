//! A model is trained, stopped, gone on with, and composes.

use std::fs;

use crate::{
    command::{Place, stderr, words},
    metadata::root,
};

/// A tiny network on four tunes of ours: by their titles two to train on, one to choose by, one to measure on.
fn line(more: &str) -> Vec<String> {
    let songs = root().join("tests/fixtures/songs");
    let mut line = words("train lead-sheet --size tiny --pieces 0 --data");
    line.push(songs.display().to_string());
    line.extend(words(more));
    line
}

fn train(place: &Place, more: &str) -> std::process::Output {
    place.command().args(line(more)).output().unwrap()
}

fn trained(place: &Place, more: &str) {
    let output = train(place, more);
    assert!(output.status.success(), "{more}\n{}", stderr(&output));
}

const FILES: [&str; 5] = [
    "card.md",
    "config.json",
    "model.safetensors",
    "report.json",
    "statistics.json",
];

#[test]
fn a_training_that_was_stopped_goes_on_as_if_it_had_not_been() {
    for model in ["transformer", "lstm"] {
        let place = Place::new();
        trained(&place, &format!("--model {model} --steps 3 --out some"));
        let again = train(&place, &format!("--model {model} --steps 3 --out some"));
        assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
        assert!(stderr(&again).contains("--resume"));
        trained(
            &place,
            &format!("--model {model} --steps 6 --resume --out some"),
        );
        trained(&place, &format!("--model {model} --steps 6 --out all"));
        let three = place.read("some/model.safetensors");
        assert!(three == place.read("all/model.safetensors"), "{model}");
        trained(
            &place,
            &format!("--model {model} --steps 6 --seed 1 --out other"),
        );
        assert!(three != place.read("other/model.safetensors"), "{model}");
    }
}

#[test]
fn what_was_trained_is_a_model_that_composes() {
    let place = Place::new();
    trained(&place, "--model lstm --steps 2 --out models/own");
    for name in FILES {
        assert!(
            !place.read(&format!("models/own/{name}")).is_empty(),
            "{name}"
        );
    }
    let report = place.json("models/own/report.json");
    assert_eq!(report["songs"], serde_json::json!([2, 1, 1]));
    assert_eq!(report["steps"], 2);
    let list = place.succeed("models list --models models --json");
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains(report["sha256"].as_str().unwrap()));
    place.succeed("music lead-sheet --models models --model lstm --bars 8 --key G -o a.mid");
    let score = affetto::read_score(place.path().join("a.mid")).unwrap();
    assert_eq!(score.bars.len(), 8);
    let used = &place.json("a.mid.provenance.json")["models"][0];
    assert_eq!(used["weights_sha256"], report["sha256"]);
    place.succeed("rerun a.mid --models models");
}

#[test]
fn a_training_may_begin_from_other_weights() {
    let place = Place::new();
    trained(&place, "--model lstm --steps 1 --out drawn");
    trained(&place, "--model lstm --steps 3 --seed 5 --out first");
    trained(&place, "--model lstm --steps 1 --from first --out folder");
    trained(
        &place,
        "--model lstm --steps 1 --from first/model.safetensors --out file",
    );
    let weights = |name: &str| place.read(&format!("{name}/model.safetensors"));
    assert!(weights("folder") == weights("file"));
    assert!(weights("folder") != weights("drawn"));
    trained(&place, "--model transformer --steps 1 --out other");
    fs::write(place.path().join("noise"), "noise").unwrap();
    for wrong in ["other", "noise", "nowhere"] {
        let output = train(
            &place,
            &format!("--model lstm --steps 1 --from {wrong} --out no"),
        );
        let code = output.status.code();
        assert!(
            matches!(code, Some(4 | 5)),
            "{wrong}: {code:?} {}",
            stderr(&output)
        );
        assert!(!place.path().join("no/card.md").exists(), "{wrong}");
    }
}

#[test]
fn too_few_songs_are_refused() {
    let place = Place::new();
    let songs = place.path().join("songs");
    fs::create_dir(&songs).unwrap();
    let one = root().join("tests/fixtures/songs/evening.abc");
    fs::copy(one, songs.join("evening.abc")).unwrap();
    let output = place.run("train lead-sheet --size tiny --data songs --steps 1 --out no");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(!place.path().join("no").exists());
}

/// Ctrl-C is 130, a request to end 75; either leaves a checkpoint to go on from, and no model.
#[cfg(unix)]
#[test]
fn a_training_that_is_told_to_end_can_go_on() {
    use std::{
        process::{Command, Stdio},
        thread::sleep,
        time::{Duration, Instant},
    };
    for (signal, code) in [("-INT", 130), ("-TERM", 75)] {
        let place = Place::new();
        let mut child = Command::new(crate::command::program())
            .args(line("--model lstm --steps 10000000 --quiet --out own"))
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The first evaluation, after 300 steps, writes weights.
        let begun = Instant::now();
        let best = place.path().join("own/checkpoint/best.safetensors");
        while !best.exists() && begun.elapsed() < Duration::from_secs(120) {
            sleep(Duration::from_millis(20));
        }
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert!(!place.path().join("own/card.md").exists());
        trained(
            &place,
            "--model lstm --max-minutes 0.001 --resume --out own",
        );
        let steps = place.json("own/report.json")["steps"].as_u64().unwrap();
        assert!(steps >= 300, "{steps}");
    }
}
