//! What the documents and the help say is so.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    command::{Place, program, stderr, stdout},
    metadata::root,
};

fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md")];
    for folder in ["crates", "assets", "models"] {
        documents.extend(markdown(&root().join(folder), 2));
    }
    documents
}

fn markdown(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.extension() {
            Some(extension) if extension == "md" => vec![path],
            _ if depth > 1 && path.is_dir() => markdown(&path, depth - 1),
            _ => Vec::new(),
        })
        .collect()
}

/// What stands between `](` and `)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            let file = link.split('#').next().unwrap();
            if file.is_empty()
                || file.contains("://")
                || !file.contains(['/', '.'])
                || file.contains("()")
            {
                continue; // elsewhere, or an item of the documentation
            }
            let target = document.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", document.display());
        }
    }
}

/// Commands in the indented or fenced blocks of a text, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let commands = lines.filter_map(|line| {
        let built = line
            .strip_prefix("cargo run --release -- ")
            .map(|rest| format!("affetto {rest}"));
        built.or_else(|| line.strip_prefix("affetto ").map(|_| line.to_owned()))
    });
    commands.collect()
}

/// Runs a line as pasted into a shell. Training needs hours, so there the line is only read.
fn paste(place: &Place, line: &str) -> Output {
    let line = if line.starts_with("affetto train") {
        format!("{line} --help")
    } else {
        line.to_owned()
    };
    let folder = program().parent().unwrap().to_path_buf();
    let paths = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let path = env::join_paths([folder].into_iter().chain(paths)).unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &line])
        .current_dir(place.path())
        .env("PATH", path)
        .env_remove("AFFETTO_MODELS");
    shell.output().unwrap()
}

/// The sample that examples name as a take of one's own.
fn add_take(place: &Place) {
    fs::copy(
        root().join("assets/take.csv"),
        place.path().join("take.csv"),
    )
    .unwrap();
}

/// A manifest as the help has it.
fn add_manifest(place: &Place) {
    let help = stdout(&place.succeed("batch --help"));
    let (_, example) = help.split_once("with assets.yaml:\n").unwrap();
    let (manifest, _) = example.split_once("\n\n").unwrap();
    fs::write(place.path().join("assets.yaml"), manifest).unwrap();
}

#[test]
fn commands_of_the_readme_work() {
    let place = Place::new();
    add_take(&place);
    add_manifest(&place);
    let found = commands(&fs::read_to_string(root().join("README.md")).unwrap());
    assert!(
        found.iter().any(|line| line.contains("-o sad-waltz.mid")),
        "{found:?}"
    );
    for line in found {
        let output = paste(&place, &line);
        assert!(output.status.success(), "{line}\n{}", stderr(&output));
    }
}

#[test]
fn examples_of_the_help_work_when_pasted() {
    let place = Place::new();
    add_take(&place);
    add_manifest(&place);
    // What the training of an example would have left.
    fs::create_dir(place.path().join("my-map")).unwrap();
    let map = root().join("models/attribute-map/map.json");
    fs::copy(map, place.path().join("my-map/map.json")).unwrap();
    let words = [
        "",
        "music lead-sheet",
        "music piano",
        "music set",
        "face edit",
        "batch",
        "batch merge",
        "attributes",
        "train lead-sheet",
        "train piano",
        "train piano-judge",
        "train attribute-map",
        "models list",
        "models show",
        "rerun",
        "schema",
        "completions",
        "man",
    ];
    for command in words {
        let help = stdout(&place.succeed(&format!("{command} --help")));
        let (_, examples) = help
            .split_once("Example")
            .unwrap_or_else(|| panic!("no example: {command}"));
        let found = commands(examples);
        assert!(!found.is_empty(), "{command}");
        for line in found {
            let output = paste(&place, &line);
            assert!(output.status.success(), "{line}\n{}", stderr(&output));
        }
    }
}

#[test]
fn every_top_level_name_is_meant() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "models",
        "examples",
        "assets",
        "tests",
        "fuzz",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "rustfmt.toml",
        "clippy.toml",
        "target",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || known.contains(&name.as_str()),
            "{name}"
        );
    }
}
