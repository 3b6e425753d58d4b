//! Measuring files and folders.

use std::fs;

use affetto::attributes::piece::Attribute;
use serde_json::Value;

use crate::{
    command::{Place, stderr, stdout},
    metadata::root,
};

/// Two good files and two bad ones below `music/`.
fn folder() -> Place {
    let place = Place::new();
    let fixtures = root().join("tests/fixtures");
    fs::create_dir_all(place.path().join("music/below")).unwrap();
    for (from, to) in [
        ("good/midi/unison.mid", "music/unison.mid"),
        ("good/abc/everything.abc", "music/below/everything.abc"),
        ("bad/abc/no-key.abc", "music/no-key.abc"),
    ] {
        fs::copy(fixtures.join(from), place.path().join(to)).unwrap();
    }
    fs::write(place.path().join("music/noise.mid"), "noise").unwrap();
    place
}

#[test]
fn a_folder_with_bad_files_is_measured_and_they_are_named() {
    let place = folder();
    let output = place.run("attributes --measure music -o values.csv");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("noise.mid") && said.contains("no-key.abc"),
        "{said}"
    );
    assert!(said.contains("2 of 4 files"), "{said}");
    assert_eq!(place.names(), ["music", "values.csv"]);
    let text = String::from_utf8(place.read("values.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines
            .iter()
            .all(|line| line.split(',').count() == 1 + Attribute::ALL.len())
    );
    assert!(lines[1].starts_with("music/below/everything.abc,"));
    assert!(!text.contains("NaN") && !text.contains("inf,"));
}

#[test]
fn json_lists_what_failed_and_stdout_has_the_same_rows() {
    let place = folder();
    place.run("attributes --measure music -o values.json");
    let values = place.json("values.json");
    assert_eq!(
        values["attributes"].as_array().unwrap().len(),
        Attribute::ALL.len()
    );
    assert_eq!(values["pieces"].as_array().unwrap().len(), 2);
    assert_eq!(values["failed"].as_array().unwrap().len(), 2);
    let printed = place.run("attributes --measure music");
    assert_eq!(stdout(&printed).lines().count(), 3);
    let events = place.run("attributes --measure music --json");
    let events: Vec<Value> = stdout(&events)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let pieces: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "piece")
        .collect();
    assert_eq!(pieces.len(), 2);
    assert_eq!(pieces[1]["path"], "music/unison.mid");
    let range = pieces[1]["attributes"]["Range"].as_f64();
    assert_eq!(range, values["pieces"][1]["values"][7].as_f64());
    assert_eq!(events.last().unwrap()["exit_code"], 3);
}

#[test]
fn one_file_is_a_lead_sheet_or_a_piece() {
    let place = Place::new();
    let tune = "X:1\nM:3/4\nL:1/4\nK:Dm\n\"Dm\"D F A|\"A7\"^c2 A|\"Dm\"d3|]\n";
    fs::write(place.path().join("tune.abc"), tune).unwrap();
    let sheet = stdout(&place.succeed("attributes --measure tune.abc"));
    assert!(
        sheet.contains("chords per bar") && sheet.contains("valence"),
        "{sheet}"
    );
    let piece = stdout(&place.succeed("attributes --measure tune.abc --as piece"));
    assert_eq!(piece.lines().count(), 1 + Attribute::ALL.len());
    fs::write(
        place.path().join("plain.abc"),
        "X:1\nM:3/4\nL:1/4\nK:Dm\nD F A|d3|]\n",
    )
    .unwrap();
    let plain = stdout(&place.succeed("attributes --measure plain.abc"));
    assert!(
        plain.contains("Contrary Motion") && plain.contains("undefined"),
        "{plain}"
    );
    let slow =
        stdout(&place.succeed("attributes --measure plain.abc --as piece --reading performed"));
    assert_eq!(slow.lines().count(), 1 + Attribute::ALL.len());
}

#[test]
fn every_fixture_is_measured_or_refused() {
    let place = Place::new();
    let fixtures = root().join("tests/fixtures");
    let output = place.run(&format!(
        "attributes --measure {} -o values.json",
        fixtures.display()
    ));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let values = place.json("values.json"); // which NaN is not
    assert!(values["pieces"].as_array().unwrap().len() > 20);
}

#[test]
fn wrong_ways_to_ask() {
    let place = folder();
    for (line, code) in [
        ("attributes --measure music --as lead-sheet", 2),
        ("attributes --measure music -o values.txt", 2),
        ("attributes --measure music/noise.mid --as piece", 4),
        ("attributes --measure music/noise.mid -o one.csv", 4),
    ] {
        let output = place.run(line);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            stderr(&output)
        );
        assert_eq!(place.names(), ["music"], "{line}");
    }
}
