//! Damaged, empty and hostile files: refused with exit code 4 and their name, and nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use crate::{
    command::{Place, stderr, words},
    metadata::root,
    video::with_networks,
};

fn bad(kind: &str) -> Vec<PathBuf> {
    let files = files_of(kind);
    assert!(files.len() >= 10, "{kind}: {}", files.len());
    files
}

fn files_of(kind: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("tests/fixtures/bad").join(kind)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|extension| extension != "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn assert_refused(file: &Path, arguments: &[&str]) {
    let place = Place::new();
    let output = place.command().args(arguments).arg(file).output().unwrap();
    assert_refusal(&place, file, &output);
    assert!(
        place.names().is_empty(),
        "{}: {:?}",
        file.display(),
        place.names()
    );
}

fn assert_refusal(place: &Place, file: &Path, output: &Output) {
    let said = stderr(output);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(
        output.status.code(),
        Some(4),
        "{name} in {}: {said}",
        place.path().display()
    );
    assert!(
        said.starts_with("error: ") && said.contains(name),
        "{name}: {said}"
    );
    assert!(said.lines().count() <= 2, "{name}: {said}");
}

#[test]
fn scores() {
    for kind in ["midi", "musicxml", "abc"] {
        for file in bad(kind) {
            assert_refused(&file, &["attributes", "--measure"]);
            assert_refused(&file, &["music", "lead-sheet", "-o", "a.mid", "--keep"]);
            assert_refused(&file, &["music", "piano", "-o", "a.mid", "--arrange"]);
        }
    }
}

#[test]
fn takes() {
    let files = bad("takes");
    assert!(files.len() >= 40, "{}", files.len());
    for file in files {
        let edit = ["face", "edit", "-o", "a.csv", "--emotion", "joy"];
        assert_refused(&file, &edit);
    }
}

/// Weights, lists of their parts and tokenizers, as what is to be added.
#[test]
fn weights() {
    let mut count = 0;
    for kind in ["safetensors", "gguf", "index", "tokenizer"] {
        for file in files_of(&format!("weights/{kind}")) {
            count += 1;
            let place = Place::new();
            let mut command = place.command();
            command.env("AFFETTO_STORE", place.path().join("store"));
            let output = command.args(["models", "add"]).arg(&file).output().unwrap();
            assert_refusal(&place, &file, &output);
            assert!(place.names().is_empty(), "{}", file.display());
        }
    }
    assert!(count >= 40, "{count}");
}

/// Characters and takes of stickers.
#[test]
fn stickers() {
    let files = bad("sticker");
    assert!(files.len() >= 40, "{}", files.len());
    for file in files {
        let is_character = file.extension().is_some_and(|word| word == "svg");
        let flag = if is_character {
            "--character"
        } else {
            "--variation-of"
        };
        let line = [
            "video",
            "generate",
            "--emotion",
            "joy",
            "-o",
            "a.webp",
            flag,
        ];
        assert_refused(&file, &line);
    }
}

/// Configurations beside sound weights.
#[test]
fn configurations_of_networks() {
    for file in bad("weights/config") {
        let place = Place::new();
        with_networks(&place);
        let to = place.path().join("wan/transformer/config.json");
        fs::copy(&file, to).unwrap();
        let line = "video generate fox --wan wan --size 48x32 --frames 9 --steps 1 -o fox.mp4";
        let output = place.command().args(words(line)).output().unwrap();
        assert_refusal(&place, Path::new("config.json"), &output);
        assert_eq!(place.names(), ["wan"], "{}", file.display());
    }
}

#[test]
fn curves() {
    for file in bad("curve") {
        assert_refused(&file, &["music", "lead-sheet", "-o", "a.mid", "--curve"]);
        assert_refused(&file, &["music", "piano", "-o", "a.mid", "--curve"]);
    }
}

/// Each is one of the sound ones with one thing wrong.
#[test]
fn provenances() {
    for name in ["one-bar", "piano"] {
        let sound = format!("tests/fixtures/good/provenance/{name}.mid.provenance.json");
        affetto::Provenance::read(&root().join(sound)).unwrap();
    }
    for file in bad("provenance") {
        assert_refused(&file, &["rerun"]);
        assert_refused(&file, &["rerun", "--force", "-o", "."]);
    }
}

#[test]
fn what_is_no_file() {
    assert_refused(Path::new("nowhere.mid"), &["attributes", "--measure"]);
    assert_refused(&root().join("tests/suite"), &["attributes", "--measure"]); // holds no music
    #[cfg(unix)]
    assert_refused(Path::new("/dev/zero"), &["attributes", "--measure"]);
}
