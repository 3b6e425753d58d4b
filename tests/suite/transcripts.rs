//! What the command writes and says.

use std::path::Path;

use serde_json::Value;

use crate::command::{Place, stderr, stdout};

const WALTZ: &str =
    r#"music lead-sheet --valence -0.7 --key "D minor" --meter 3/4 --bars 16 --seed 7"#;

#[test]
fn a_sad_waltz_is_a_waltz_in_d_minor() {
    let place = Place::new();
    let output = place.succeed(&format!("{WALTZ} -o sad-waltz.mid"));
    assert_eq!(stdout(&output), "sad-waltz.mid\n");
    assert!(stderr(&output).contains("asked") && stderr(&output).contains("measured"));
    assert_eq!(
        place.names(),
        ["sad-waltz.mid", "sad-waltz.mid.provenance.json"]
    );
    let score = affetto::read_score(place.path().join("sad-waltz.mid")).unwrap();
    assert_eq!(score.bars.len(), 16);
    for bar in &score.bars {
        assert_eq!(
            (bar.metre.to_string().as_str(), bar.key.to_string().as_str()),
            ("3/4", "D minor")
        );
    }
    let measured = affetto::LeadSheetMeasures::of(&score);
    assert!(
        (measured.valence + 0.7).abs() < 0.15,
        "{}",
        measured.valence
    );
}

#[test]
fn a_piece_is_called_by_its_feeling_in_words() {
    let place = Place::new();
    for (emotion, title) in [
        ("", "Lead sheet in D major"),
        ("--emotion joy", "Joy in D major"),
        ("--emotion awe:0.3,joy:0.7", "Joy and awe in D major"),
        ("--emotion joy --title \"My own\"", "My own"),
    ] {
        place.succeed(&format!(
            "music lead-sheet {emotion} --key D --bars 4 -o a.mid --force"
        ));
        let score = affetto::read_score(place.path().join("a.mid")).unwrap();
        assert_eq!(score.title, title);
    }
}

#[test]
fn arousal_over_the_bars_is_asked_and_measured() {
    let place = Place::new();
    let output = place.succeed(r#"music lead-sheet --arousal "0:-0.9, 16:0.9" -o a.mid"#);
    let said = stderr(&output);
    assert!(said.contains("arousal curve in loudness"), "{said}");
    let provenance = place.json("a.mid.provenance.json");
    assert_eq!(
        provenance["asked"]["arousal_per_bar"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
    let effects = provenance["effects"].as_array().unwrap();
    for control in ["arousal-loudness", "arousal-events"] {
        let effect = effects
            .iter()
            .find(|effect| effect["control"] == control)
            .unwrap();
        assert!(effect["figure"].as_f64().unwrap() > 0.5, "{effect}");
        assert_eq!(effect["reached"], true);
    }
    place.succeed("rerun a.mid");
}

#[test]
fn every_format_is_written() {
    let place = Place::new();
    place.succeed(&format!(
        "{WALTZ} -o a.mid --formats musicxml,mxl,abc,ly,wav,png"
    ));
    let starts: [(&str, &[u8]); 7] = [
        ("a.mid", b"MThd"),
        ("a.musicxml", b"<?xml"),
        ("a.mxl", b"PK"),
        ("a.abc", b"X:"),
        ("a.ly", b"\\version"),
        ("a.wav", b"RIFF"),
        ("a.png", b"\x89PNG"),
    ];
    for (name, start) in starts {
        let bytes = place.read(name);
        let text = bytes.strip_prefix(b"%abc-2.1\n").unwrap_or(&bytes);
        assert!(text.starts_with(start), "{name}");
        assert_eq!(
            place.json(&format!("{name}.provenance.json"))["outputs"]
                .as_array()
                .unwrap()
                .len(),
            7
        );
    }
    assert_eq!(place.names().len(), 14);
}

#[test]
fn quiet_says_nothing_and_json_says_everything() {
    let place = Place::new();
    let quiet = place.succeed(&format!("{WALTZ} -o a.mid --quiet"));
    assert_eq!(stderr(&quiet), "");
    let json = place.succeed(&format!("{WALTZ} -o b.mid --json"));
    let text = stdout(&json);
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        events
            .iter()
            .all(|event| event["schema"] == "affetto-event/1")
    );
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"progress") && kinds.contains(&"item_finished"),
        "{kinds:?}"
    );
    let envelope = events.last().unwrap();
    assert_eq!(
        (&envelope["type"], &envelope["ok"]),
        (&"envelope".into(), &true.into())
    );
    assert_eq!(envelope["data"][0]["files"][0]["path"], "b.mid");
    assert_eq!(stderr(&json), "");
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let output = place.succeed(&format!("{WALTZ} -o a.mid --variations 3 --dry-run"));
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(plan["pieces"].as_array().unwrap().len(), 3);
    assert_eq!(plan["pieces"][2]["files"][0], "a-03.mid");
    assert_eq!(plan["pieces"][0]["request"]["key"], "D minor");
    assert!(place.names().is_empty());
}

#[test]
fn variations_are_numbered_and_stay_as_they_are() {
    let place = Place::new();
    place.succeed(&format!("{WALTZ} -o two.mid --variations 2"));
    place.succeed(&format!("{WALTZ} -o one.mid --variations 1"));
    assert_ne!(place.read("two-01.mid"), place.read("two-02.mid"));
    assert_eq!(place.read("two-01.mid"), place.read("one-01.mid"));
}

#[test]
fn what_is_impossible_is_8_and_says_why() {
    let place = Place::new();
    for line in [
        "music lead-sheet --meter 11/16 -o a.mid",
        "music lead-sheet --meter 3/4 --pickup 3 -o a.mid",
    ] {
        let output = place.run(line);
        assert_eq!(output.status.code(), Some(8), "{line}\n{}", stderr(&output));
    }
    assert!(place.names().is_empty());
}

#[test]
fn a_control_without_effect_is_8_where_that_is_asked() {
    let place = Place::new();
    // The tension that is asked falls where that of the given chords rises.
    let line = concat!(
        r#"music lead-sheet --chords "C | Bdim7 | C | Bdim7" --key C --bars 4 -o a.mid "#,
        r#"--tension "0:1:hold, 1:0:hold, 2:1:hold, 3:0""#
    );
    let output = place.run(&format!("{line} --strict"));
    assert_eq!(output.status.code(), Some(8), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("tension curve"),
        "{}",
        stderr(&output)
    );
    assert!(place.names().is_empty());
    let free = place.succeed(line);
    assert!(stderr(&free).contains("warning: ") && stderr(&free).contains("missed"));
}

#[test]
fn what_stands_there_is_not_lost() {
    let place = Place::new();
    place.succeed(&format!("{WALTZ} -o a.mid"));
    let other = WALTZ.replace("--seed 7", "--seed 8");
    place.succeed(&format!("{other} -o a.mid")); // an output that can be made again
    std::fs::write(place.path().join("a.mid"), "edited by hand").unwrap();
    let refused = place.run(&format!("{WALTZ} -o a.mid"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--force"));
    assert_eq!(place.read("a.mid"), b"edited by hand");
    place.succeed(&format!("{WALTZ} -o a.mid --force"));
    let own = place.run("music lead-sheet --continue a.mid -o a.mid --force");
    assert_eq!(
        own.status.code(),
        Some(2),
        "a file is not written over what it is made from"
    );
}

#[test]
fn given_music_is_kept() {
    let place = Place::new();
    place.succeed(&format!("{WALTZ} -o a.mid"));
    let before = affetto::read_score(place.path().join("a.mid")).unwrap();
    place.succeed("music lead-sheet --keep a.mid --valence 0.6 -o kept.mid");
    place.succeed("music lead-sheet --continue a.mid --bars 4 -o longer.mid");
    place.succeed("music lead-sheet --fill 5-8 --in a.mid --seed 9 -o filled.mid");
    place.succeed(r#"music lead-sheet --chords "Dm7 G7 | Cmaj7" --bars 8 -o over.mid"#);
    let read = |name: &str| affetto::read_score(place.path().join(name)).unwrap();
    let line = |score: &affetto::Score| -> Vec<_> {
        let notes = &score.melody().unwrap().notes;
        notes.iter().map(|note| (note.onset, note.pitch)).collect()
    };
    assert_eq!(line(&read("kept.mid")), line(&before));
    let longer = read("longer.mid");
    assert_eq!(longer.bars.len(), 20);
    assert_eq!(line(&longer)[..line(&before).len()], line(&before));
    let filled = read("filled.mid");
    let (start, end) = (before.bar_onsets()[4], before.bar_onsets()[8]);
    let outside = |score: &affetto::Score| -> Vec<_> {
        let line = line(score);
        line.into_iter()
            .filter(|(onset, _)| *onset < start || *onset >= end)
            .collect()
    };
    assert_eq!(outside(&filled), outside(&before));
    assert_ne!(line(&filled), line(&before));
    let chords: Vec<String> = read("over.mid")
        .chords
        .iter()
        .filter_map(|change| change.chord)
        .map(|chord| chord.to_string())
        .collect();
    assert_eq!(chords[..4], ["Dm7", "G7", "Cmaj7", "Dm7"]);
}

#[test]
fn the_models_are_listed_with_their_checksums() {
    let place = Place::new();
    let output = place.succeed("models list --json");
    let text = stdout(&output);
    let envelope: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let models = envelope["data"].as_array().unwrap();
    assert!(!models.is_empty());
    for model in models {
        assert_eq!(model["card"]["sha256"].as_str().unwrap().len(), 64);
        let id = model["card"]["id"].as_str().unwrap();
        assert!(stdout(&place.succeed(&format!("models show {id}"))).contains(id));
    }
}

#[test]
fn the_folder_of_all_models_can_be_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let place = Place::new();
    let mut command = place.command();
    command.arg("--models").arg(&folder);
    let output = command.args(["models", "list", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let envelope: Value = serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap();
    let listed: Vec<&str> = envelope["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|model| model["from"] != "built in")
        .filter_map(|model| model["card"]["id"].as_str())
        .collect();
    for model in std::fs::read_dir(&folder).unwrap() {
        let id = model.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(&id.as_str()), "{id} of {listed:?}");
    }
}

/// In the middle of one long piece, without waiting for its end.
#[cfg(unix)]
#[test]
fn ctrl_c_in_a_piece_stops_it_and_leaves_nothing() {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
        time::{Duration, Instant},
    };
    let place = Place::new();
    let mut child = Command::new(crate::command::program())
        .args(crate::command::words(&format!(
            "{} -o a.mid -o a.wav --json",
            WALTZ.replace("--bars 16", "--bars 256")
        )))
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(r#""stage":"generate""#), "{first}");
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let begun = Instant::now();
    let last = lines.map_while(Result::ok).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{last}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    let envelope: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(envelope["error"]["code"], "interrupted");
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_130_and_a_request_to_end_75() {
    use std::{
        process::{Command, Stdio},
        thread::sleep,
        time::Duration,
    };
    for (signal, code) in [("-INT", 130), ("-TERM", 75)] {
        let place = Place::new();
        let child = Command::new(crate::command::program())
            .args(crate::command::words(&format!(
                "{WALTZ} -o a.wav --variations 500 --quiet"
            )))
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(1500));
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{signal}");
        let names = place.names();
        for name in names.iter().filter(|name| name.ends_with(".wav")) {
            assert!(names.contains(&format!("{name}.provenance.json")), "{name}");
        }
    }
}
