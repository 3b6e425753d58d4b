//! The same request gives the same bytes, and a file knows how it was made.

use std::fs;

use crate::command::{Place, stderr, stdout};

const LINE: &str = r#"music lead-sheet --emotion "nostalgia:0.6,joy:0.2" --bars 9 --meter 6/8 --pickup 1 --humanize 0.4 --seed 11"#;

#[test]
fn the_same_bytes_twice_and_whatever_the_threads() {
    let (first, second) = (Place::new(), Place::new());
    first.succeed(&format!(
        "{LINE} -o a.mid --formats musicxml,abc,ly,wav,png"
    ));
    for threads in ["1", "2", "5"] {
        let place = Place::new();
        let mut command = place.command();
        command.args(crate::command::words(&format!(
            "{LINE} -o a.mid --formats musicxml,abc,ly,wav,png"
        )));
        command.env("RAYON_NUM_THREADS", threads).assert().success();
        for name in first.names() {
            assert!(
                first.read(&name) == place.read(&name),
                "{name} with {threads} threads"
            );
        }
    }
    second.succeed(&LINE.replace("--seed 11", "--seed 12 -o a.mid"));
    assert_ne!(first.read("a.mid"), second.read("a.mid"));
}

/// Copied elsewhere, without environment and home.
#[test]
fn the_program_alone_makes_the_same_bytes() {
    let (here, elsewhere) = (Place::new(), Place::new());
    here.succeed(&format!("{LINE} -o a.mid -o a.png"));
    let copy = elsewhere.path().join("copy");
    fs::copy(crate::command::program(), &copy).unwrap();
    let status = std::process::Command::new(&copy)
        .args(crate::command::words(&format!(
            "{LINE} -o a.mid -o a.png --quiet"
        )))
        .current_dir(elsewhere.path())
        .env_clear()
        .status()
        .unwrap();
    assert!(status.success());
    for name in here.names() {
        assert!(here.read(&name) == elsewhere.read(&name), "{name}");
    }
}

#[test]
fn a_file_is_made_again_from_its_provenance() {
    let place = Place::new();
    place.succeed(&format!("{LINE} -o a.mid -o a.wav"));
    let kept = place.read("a.mid");
    let output = place.succeed("rerun a.mid");
    assert_eq!(stdout(&output), "a.mid: identical\na.wav: identical\n");
    fs::remove_file(place.path().join("a.mid")).unwrap();
    place.succeed("rerun a.mid.provenance.json");
    assert_eq!(place.read("a.mid"), kept);
    fs::create_dir(place.path().join("again")).unwrap();
    place.succeed("rerun a.wav -o again");
    assert_eq!(place.read("again/a.mid"), kept);
    assert_eq!(
        place.read("again/a.wav.provenance.json"),
        place.read("a.wav.provenance.json")
    );
}

#[test]
fn changed_inputs_models_and_files_are_noticed() {
    let place = Place::new();
    place.succeed(&format!("{LINE} -o source.mid"));
    place.succeed("music lead-sheet --keep source.mid --valence 0.5 -o kept.mid");
    let provenance = place.json("kept.mid.provenance.json");
    assert_eq!(provenance["inputs"][0]["path"], "source.mid");
    place.succeed("rerun kept.mid");

    fs::write(place.path().join("kept.mid"), "edited").unwrap();
    assert_eq!(place.run("rerun kept.mid").status.code(), Some(2));
    place.succeed("rerun kept.mid --force");

    let mut other = provenance.clone();
    other["models"][0]["weights_sha256"] = "0".repeat(64).into();
    fs::write(
        place.path().join("kept.mid.provenance.json"),
        other.to_string(),
    )
    .unwrap();
    let output = place.run("rerun kept.mid");
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));

    let mut endless = provenance.clone();
    endless["request"]["keep"] = "/dev/zero".into();
    endless["inputs"][0]["path"] = "/dev/zero".into();
    endless["inputs"][0]["bytes"] = u64::MAX.into();
    fs::write(
        place.path().join("kept.mid.provenance.json"),
        endless.to_string(),
    )
    .unwrap();
    let output = place.run("rerun kept.mid");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));

    fs::write(
        place.path().join("kept.mid.provenance.json"),
        provenance.to_string(),
    )
    .unwrap();
    fs::write(place.path().join("source.mid"), "MThd").unwrap();
    let output = place.run("rerun kept.mid");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}

#[test]
fn provenance_names_no_machine_and_no_time() {
    let place = Place::new();
    let absolute = place.path().join("deep.mid");
    place.succeed(&format!("{LINE} -o {}", absolute.display()));
    let text = String::from_utf8(place.read("deep.mid.provenance.json")).unwrap();
    assert!(
        !text.contains(place.path().to_str().unwrap()),
        "outputs are named without folders"
    );
    for word in ["/home", "/root", "/tmp", "hostname", "time\":"] {
        assert!(!text.contains(word), "{word}");
    }
    let provenance = place.json("deep.mid.provenance.json");
    assert_eq!(provenance["schema"], "provenance/1");
    assert_eq!(provenance["request"]["kind"], "music.lead-sheet");
    assert_eq!(provenance["request"]["seed"], 11);
    let (asked, measured) = (&provenance["asked"], &provenance["measured"]);
    assert_eq!(asked["valence_per_bar"].as_array().unwrap().len(), 9);
    assert_eq!(
        measured["bars"].as_array().unwrap().len(),
        10,
        "the pick-up is a bar of its own"
    );
}

#[test]
fn a_hostile_provenance_is_refused() {
    let place = Place::new();
    place.succeed(&format!("{LINE} -o a.mid"));
    let mut hostile = place.json("a.mid.provenance.json");
    hostile["outputs"][0]["name"] = "../outside.mid".into();
    for text in [
        hostile.to_string(),
        "{}".into(),
        "[".repeat(100_000),
        String::new(),
    ] {
        fs::write(place.path().join("a.mid.provenance.json"), text).unwrap();
        let output = place.run("rerun a.mid");
        assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    }
}
