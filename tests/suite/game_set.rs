//! Sets of game files through the command.

use std::{collections::BTreeMap, fs, path::PathBuf};

use affetto::{
    MusicSet, Provenance, Request, SetRequest, Silent,
    media::{ogg, wav},
};
use serde_json::Value;

use crate::{
    command::{Place, stderr, stdout},
    elsewhere::{check, python},
};

/// Few candidates, so that a test does not wait for a critic.
const TOWN: &str =
    r#"music set --emotion hope --key "D major" --tempo 96 --bars 4 --candidates 2 --seed 7"#;

/// The bytes of all files in a folder, by their names.
fn files(place: &Place, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(place.path().join(folder)).unwrap();
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

fn cues(place: &Place, folder: &str, name: &str) -> MusicSet {
    serde_json::from_slice(&place.read(&format!("{folder}/{name}.cues.json"))).unwrap()
}

/// Everything under `place`.
fn everything(place: &Place) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![place.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

#[test]
fn a_set_is_one_folder_whose_layers_are_equally_long() {
    let place = Place::new();
    let output = place.succeed(&format!("{TOWN} --layers 3 -o music/town_day"));
    let files = files(&place, "music/town_day");
    assert_eq!(files.len(), 2 + 3 * (3 + 3 + 3) + 1);
    assert!(
        files.keys().all(|name| name.starts_with("town_day")),
        "{:?}",
        files.keys()
    );
    assert_eq!(
        stdout(&output).lines().count(),
        files.len() - 1,
        "all but the provenance"
    );
    for word in ["layers in loudness", "seam in OGG", "peak of any mix"] {
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
    assert!(!stderr(&output).contains("missed"), "{}", stderr(&output));

    let set = cues(&place, "music/town_day", "town_day");
    assert_eq!(
        (set.schema.as_str(), set.name.as_str()),
        ("music-set/1", "town_day")
    );
    // 96 quarter notes a minute in 4/4: 110,250 samples a bar.
    assert_eq!(
        (set.loop_start.samples, set.loop_length.samples),
        (220_500, 441_000)
    );
    assert_eq!((set.loop_start.bars, set.loop_start.seconds), (2.0, 5.0));
    assert_eq!(
        (set.godot.bpm, set.godot.beat_count, set.godot.bar_beats),
        (96.0, 24, 4)
    );
    for layer in &set.layers {
        let sound = wav::read(&files[&layer.files.wav]).unwrap();
        let packed = ogg::read(&files[&layer.files.ogg]).unwrap();
        assert_eq!((sound.frames(), packed.frames()), (661_500, 661_500));
        assert!(sound.peak() > 0.02 && sound.peak() < 0.892);
    }

    let path = place.path().join("music/town_day/town_day.provenance.json");
    let provenance = Provenance::read(&path).unwrap();
    assert!(matches!(provenance.request, Request::Set(_)));
    assert_eq!(provenance.outputs.len(), files.len() - 1);
    for output in &provenance.outputs {
        assert_eq!(files[&output.name].len() as u64, output.bytes);
    }
    assert!(
        provenance.effects.iter().all(|effect| effect.reached),
        "{:?}",
        provenance.effects
    );
}

/// The same request gives the same bytes, also from the provenance, and what is missing is put back.
#[test]
fn a_set_is_made_again() {
    let place = Place::new();
    let line = format!("{TOWN} --layers 4 --meter 6/8 --intro 1 --stingers all");
    place.succeed(&format!("{line} -o set"));
    let first = files(&place, "set");
    let other = Place::new();
    let mut command = other.command();
    command
        .args(crate::command::words(&format!("{line} -o set")))
        .env("RAYON_NUM_THREADS", "5");
    command.assert().success();
    assert!(
        files(&other, "set") == first,
        "other bytes with other threads"
    );

    let again = place.succeed("rerun set");
    assert_eq!(
        stdout(&again).matches(": identical\n").count(),
        first.len() - 1
    );
    fs::remove_file(place.path().join("set/set_layer2.ogg")).unwrap();
    fs::remove_file(place.path().join("set/set.cues.json")).unwrap();
    place.succeed("rerun set/set.provenance.json");
    assert!(files(&place, "set") == first);
    fs::remove_file(place.path().join("set/set_layer3.mid")).unwrap();
    let one = place.succeed("rerun set/set_layer3.mid");
    assert_eq!(stdout(&one).matches(": identical").count(), 1);
    assert!(files(&place, "set") == first);
    let none = place.run("rerun set/set_layer9.mid");
    assert_eq!(none.status.code(), Some(4));
    fs::rename(place.path().join("set"), place.path().join("renamed")).unwrap();
    fs::create_dir(place.path().join("elsewhere")).unwrap();
    place.succeed("rerun renamed -o elsewhere");
    assert!(files(&place, "elsewhere") == first);
}

#[test]
fn what_others_put_into_the_folder_is_not_harmed() {
    let place = Place::new();
    place.succeed(&format!("{TOWN} --layers 2 -o set"));
    fs::write(
        place.path().join("set/set_layer1.wav.import"),
        "of an engine",
    )
    .unwrap();
    // Own files are written over, and those that the new set does not have go.
    place.succeed(&format!("{TOWN} --layers 1 --stingers none -o set"));
    let kept = files(&place, "set");
    assert_eq!(kept["set_layer1.wav.import"], b"of an engine");
    assert_eq!(kept.len(), 2 + 3 * 2 + 1 + 1, "{:?}", kept.keys());

    fs::write(place.path().join("set/set_layer1.mid"), "edited by hand").unwrap();
    fs::write(place.path().join("set/set_layer2.ogg"), "somebody else's").unwrap();
    let refused = place.run(&format!("{TOWN} --layers 2 -o set"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    assert_eq!(place.read("set/set_layer1.mid"), b"edited by hand");
    assert_eq!(files(&place, "set").len(), kept.len() + 1);
    place.succeed(&format!("{TOWN} --layers 1 --stingers none -o set --force"));
    assert_eq!(place.read("set/set_layer2.ogg"), b"somebody else's");

    fs::write(
        place.path().join("set/set.provenance.json"),
        "no provenance",
    )
    .unwrap();
    let refused = place.run(&format!("{TOWN} --layers 1 --stingers none -o set"));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}

#[test]
fn what_cannot_be_done_leaves_nothing() {
    let place = Place::new();
    fs::write(place.path().join("taken"), "a file").unwrap();
    for (line, code) in [
        ("music set --layers 7 -o a", 2),
        ("music set --layers 0 -o a", 2),
        ("music set --bars 1 -o a", 2),
        ("music set --bars 4 --intro 5 -o a", 2),
        ("music set --outro 9 -o a", 2),
        ("music set --tempo 1 -o a", 2),
        ("music set --stingers fanfare -o a", 2),
        ("music set --emotion hopp -o a", 2),
        ("music set --meter 11/16 -o a", 8),
        ("music set --bars 128 --tempo 60 --candidates 1 -o a", 2),
        ("music set -o a.mid", 2),
        ("music set -o ..", 2),
        ("music set", 2),
        ("music set --bars 2 --candidates 1 -o taken", 1),
        ("music set --bars 2 --candidates 1 -o taken/set", 1),
    ] {
        let output = place.run(line);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            stderr(&output)
        );
    }
    assert_eq!(everything(&place), [place.path().join("taken")]);
}

#[test]
fn a_dry_run_names_every_file_and_variations_are_numbered() {
    let place = Place::new();
    let output = place.succeed(&format!("{TOWN} --variations 2 -o music/a --dry-run"));
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let files = plan["pieces"][1]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2 + 3 * 9);
    assert_eq!(files[0], "music/a-02/a-02.cues.json");
    assert_eq!(plan["pieces"][0]["request"]["kind"], "music.set");
    assert!(place.names().is_empty());
}

#[test]
fn without_introduction_the_loop_begins_at_0() {
    let place = Place::new();
    place.succeed(&format!(
        "{TOWN} --intro 0 --outro 0 --stingers none --layers 2 -o a"
    ));
    let set = cues(&place, "a", "a");
    assert_eq!((set.loop_start.samples, set.length), (0, set.loop_length));
    assert!(set.outro.is_none() && set.stingers.is_empty());
    assert_eq!(set.cues[0].label, "Loop 1");
}

/// A damaged or hostile provenance file does not lead out of its folder.
#[test]
fn hostile_provenance_files_are_refused() {
    let place = Place::new();
    place.succeed(&format!(
        "{TOWN} --layers 1 --intro 0 --outro 0 --stingers none -o a"
    ));
    let whole = place.json("a/a.provenance.json");
    let before = files(&place, "a");
    let change = |change: &dyn Fn(&mut Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(
            place.path().join("a/a.provenance.json"),
            changed.to_string(),
        )
        .unwrap();
        let output = place.run("rerun a");
        assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    };
    change(&|it| it["outputs"][0]["name"] = "../b.cues.json".into());
    change(&|it| it["outputs"][0]["name"] = "b.exe".into());
    change(&|it| it["request"]["layers"] = 1000.into());
    change(&|it| it["request"]["bars"] = u64::MAX.into());
    change(&|it| it["asked"] = Value::Null);
    change(&|it| it["measured"]["layers"][0]["more"] = 1.into());
    fs::write(place.path().join("a/b.provenance.json"), "{}").unwrap();
    fs::remove_file(place.path().join("a/a.provenance.json")).unwrap();
    assert_eq!(place.run("rerun a").status.code(), Some(4));
    for (name, bytes) in before
        .iter()
        .filter(|(name, _)| !name.ends_with("provenance.json"))
    {
        assert_eq!(&place.read(&format!("a/{name}")), bytes);
    }
}

/// The library takes the folder as the one file of a set.
#[test]
fn the_library_writes_a_set_and_says_what_came_out() {
    let place = Place::new();
    let request = SetRequest {
        bars: 2,
        layers: 2,
        candidates: 1,
        ..SetRequest::default()
    };
    let options = affetto::OutputOptions {
        files: vec![place.path().join("deep/er/set")],
        ..affetto::OutputOptions::default()
    };
    let models = affetto::Models::embedded().unwrap();
    let output = affetto::run(&request.into(), &options, &models, &Silent).unwrap();
    assert_eq!(output.files.len(), 2 + 3 * (2 + 2 + 3));
    assert_eq!(output.provenance.len(), 1);
    assert!(
        output.provenance[0]
            .path
            .ends_with("deep/er/set/set.provenance.json")
    );
    assert!(output.files.iter().all(|file| file.path.is_file()));
}

#[test]
fn other_programs_read_the_same_set() {
    let Some(python) = python() else {
        return;
    };
    let place = Place::new();
    place.succeed(&format!("{TOWN} -o town"));
    place.succeed("music set --emotion fear --meter 6/8 --tempo 97 --bars 5 --layers 6 --intro 1 --outro 1 --candidates 2 -o chase");
    place.succeed("music set --emotion grief --meter 3/4 --bars 3 --layers 1 --intro 0 --outro 0 --stingers all --candidates 2 -o still");
    let folders = ["town", "chase", "still"].map(|name| place.path().join(name));
    check(&python, "check_game_set.py", &folders);
}
