//! A full disk or a kill leaves no partial file.

#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use affetto::Provenance;

use crate::command::{Place, program, stderr, words};

const LINE: &str =
    "music lead-sheet --valence 0.4 --bars 12 --seed 3 -o a.mid --formats musicxml,wav,png --quiet";

/// Every file with a name that was asked for is whole: its provenance says the same of it.
fn assert_whole(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".provenance.json") {
            Provenance::read(&path).unwrap();
        } else if !name.starts_with('.') {
            let provenance = Provenance::read(&affetto::provenance_path(&path)).unwrap();
            let recorded = provenance
                .outputs
                .iter()
                .find(|output| output.name == name)
                .unwrap();
            assert_eq!(
                fs::read(&path).unwrap().len() as u64,
                recorded.bytes,
                "{name}"
            );
        }
    }
}

/// Under a limit on the size of a file, which is how a full disk looks to the one who writes.
#[test]
fn no_room_is_6_and_leaves_nothing() {
    for blocks in [0, 1, 8] {
        let place = Place::new();
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(program())
            .args(words(LINE))
            .current_dir(place.path())
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(6),
            "{blocks}: {}",
            stderr(&output)
        );
        assert!(place.names().is_empty(), "{blocks}: {:?}", place.names());
    }
}

/// On a file system of 64 KiB, where one may be mounted.
#[test]
fn a_full_disk_is_6_and_leaves_nothing() {
    let place = Place::new();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(place.path())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no file system may be mounted here");
        return;
    }
    let output = place.run(LINE);
    let names = place.names();
    Command::new("umount").arg(place.path()).status().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_kill_leaves_whole_files() {
    for attempt in 0..12 {
        let place = Place::new();
        let mut child = Command::new(program())
            .args(words(&format!("{LINE} --variations 50")))
            .current_dir(place.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(700 + 130 * attempt));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_whole(place.path());
        // What was being written has the name of what it was for.
        let left = place
            .names()
            .into_iter()
            .filter(|name| name.starts_with('.'));
        for name in left {
            let output = name.trim_start_matches('.').strip_suffix(".part").unwrap();
            assert!(output.starts_with("a-"), "{name}");
        }
    }
}

#[test]
fn what_a_kill_left_is_taken_away_by_the_next_run() {
    let place = Place::new();
    for name in [".a.mid.part", ".a.wav.part", ".a.png.provenance.json.part"] {
        fs::write(place.path().join(name), "half of it").unwrap();
    }
    place.succeed(LINE);
    assert_whole(place.path());
    let names = place.names();
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
}
