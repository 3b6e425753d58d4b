//! Measuring files and folders, what emotions ask of music, and learning it from labelled pieces.

use std::fs;

use affetto::{
    Key, Metre,
    attributes::piece::Attribute,
    media::{Bar, Note, Part, Quarters, Role, Score, Tempo, TempoChange, midi},
};
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

/// The data of the envelope.
fn data(place: &Place, line: &str) -> Value {
    let said = stdout(&place.succeed(&format!("{line} --json")));
    let envelope: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    envelope["data"].clone()
}

#[test]
fn an_emotion_is_shown_as_a_table_as_json_and_as_a_picture() {
    let place = Place::new();
    let output = place.succeed("attributes nostalgia --plot nostalgia.png");
    let table = stdout(&output);
    for cue in ["mode", "tempo", "register", "loudness", "articulation"] {
        assert!(
            table.lines().any(|line| line.starts_with(cue)),
            "{cue}: {table}"
        );
    }
    assert!(table.contains(" bpm") && table.contains("of 100") && table.contains("Mean Loudness"));
    assert!(place.read("nostalgia.png").starts_with(b"\x89PNG"));
    assert_eq!(place.names(), ["nostalgia.png"]);
    let all = stdout(&place.succeed("attributes nostalgia --all"));
    assert!(all.lines().count() > Attribute::ALL.len());
    let targets = data(&place, "attributes nostalgia")["targets"].clone();
    assert_eq!(
        targets["attributes"].as_array().unwrap().len(),
        Attribute::ALL.len()
    );
    let tempo = |line: &str| {
        data(&place, line)["targets"]["tempo_bpm"]["value"]
            .as_f64()
            .unwrap()
    };
    assert!(tempo("attributes joy") > tempo("attributes nostalgia"));
    assert!(
        tempo("attributes --valence 0.2 --arousal 0.9") > tempo("attributes joy --intensity 0.1")
    );
}

#[test]
fn two_emotions_are_compared_and_the_presets_differ() {
    let place = Place::new();
    let table = stdout(&place.succeed("attributes --compare joy serenity"));
    assert!(
        table.contains("serenity is") && table.contains("lower"),
        "{table}"
    );
    let differences = data(&place, "attributes --compare joy serenity")["differences"].clone();
    let sizes: Vec<f64> = differences
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["spreads"].as_f64().unwrap().abs())
        .collect();
    assert_eq!(sizes.len(), Attribute::ALL.len());
    assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]));
    let published = data(&place, "attributes anger --preset emogen")["targets"].clone();
    assert_eq!(published["attributes"].as_array().unwrap().len(), 100);
    assert!(stdout(&place.succeed("attributes anger --preset emogen")).contains("above "));
}

#[test]
fn a_piece_is_drawn_among_those_of_the_map() {
    let place = Place::new();
    fs::write(
        place.path().join("plain.abc"),
        "X:1\nM:3/4\nL:1/4\nK:Dm\nD F A|d3|]\n",
    )
    .unwrap();
    place.succeed("attributes --measure plain.abc --plot plain.png");
    assert!(place.read("plain.png").starts_with(b"\x89PNG"));
    for (line, code) in [
        ("attributes --measure plain.abc --plot plain.jpg", 2),
        ("attributes --measure . --plot all.png", 2),
        ("attributes joyy", 2),
        ("attributes joy --compare joy anger", 2),
        ("attributes joy --measure plain.abc", 2),
        ("attributes joy --map nowhere.json", 4),
        ("attributes joy --map plain.abc", 4),
    ] {
        let output = place.run(line);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            stderr(&output)
        );
    }
}

/// Eight quarters or thirty-two sixteenths on a chord, soft or loud.
fn played(pleasant: bool, awake: bool, song: u8) -> Vec<u8> {
    let third = if pleasant { 4 } else { 3 };
    let (count, length, velocity) = if awake {
        (32, Quarters::new(1, 4), 95)
    } else {
        (8, Quarters::new(1, 1), 45)
    };
    let notes = (0..count).map(|index| Note {
        onset: length * index,
        pitch: 55 + song % 5 + [0, third, 7, third][(index as usize + usize::from(song)) % 4],
        duration: length,
        velocity: velocity + song,
    });
    let score = Score {
        title: String::new(),
        creator: String::new(),
        bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 2],
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(if awake { 140.0 } else { 70.0 }),
        }],
        chords: vec![],
        sections: vec![],
        parts: vec![Part {
            name: "Piano".into(),
            role: Role::Other,
            program: 0,
            channel: 0,
            notes: notes.collect(),
        }],
    };
    midi::write(&score).unwrap()
}

#[test]
fn a_map_is_learned_from_labelled_pieces_and_used() {
    let place = Place::new();
    fs::create_dir(place.path().join("pieces")).unwrap();
    let mut labels = String::from("path,emotion,song\n");
    for (word, pleasant, awake) in [
        ("joy", true, true),
        ("anger", false, true),
        ("sadness", false, false),
        ("relief", true, false),
    ] {
        for song in 0..11 {
            let name = format!("{word}-{song}.mid");
            fs::write(
                place.path().join("pieces").join(&name),
                played(pleasant, awake, song),
            )
            .unwrap();
            labels += &format!("{name},{word},{song}\n");
        }
    }
    fs::write(place.path().join("labels.csv"), &labels).unwrap();
    let line = "train attribute-map --data pieces --labels labels.csv --out map";
    let report = data(&place, line);
    assert_eq!(
        (report["pieces"].as_u64(), report["songs"].as_u64()),
        (Some(44), Some(11))
    );
    assert!(
        report["validation"]["centres"]["arousal"].as_f64().unwrap() > 0.95,
        "{report}"
    );
    let card = String::from_utf8(place.read("map/card.md")).unwrap();
    assert!(card.contains("task: music.attribute-map") && card.contains("own pieces"));
    let first = place.read("map/map.json");
    place.succeed(line);
    assert_eq!(place.read("map/map.json"), first);
    let targets = data(&place, "attributes joy --map map/map.json")["targets"].clone();
    let tempo = targets["tempo_bpm"]["value"].as_f64().unwrap();
    assert!((110.0..145.0).contains(&tempo), "{tempo}");

    fs::write(
        place.path().join("labels.csv"),
        labels.replace("joy,3", "joyy,3"),
    )
    .unwrap();
    let output = place.run(line);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        stderr(&output).contains("line 5 of the labels: labels.csv"),
        "{}",
        stderr(&output)
    );
}
