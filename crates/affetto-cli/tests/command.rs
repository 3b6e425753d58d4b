//! What the command says without a model: help, schemas, completions, man pages, and wrong command lines.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn affetto(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_affetto"));
    command
        .args(args)
        .env_remove("AFFETTO_MODELS")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Every command by its words.
const COMMANDS: [&[&str]; 14] = [
    &[],
    &["music"],
    &["music", "lead-sheet"],
    &["music", "piano"],
    &["attributes"],
    &["train", "lead-sheet"],
    &["train", "piano"],
    &["train", "attribute-map"],
    &["models", "list"],
    &["models", "show"],
    &["rerun"],
    &["schema"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_explains_itself_on_stdout() {
    for words in COMMANDS {
        let output = affetto(&[words, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(
            stdout(&output).contains("Usage:") && output.stderr.is_empty(),
            "{words:?}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_2_and_says_so_on_stderr() {
    let sheet = |more: &[&'static str]| [&["music", "lead-sheet"], more].concat();
    let piano = |more: &[&'static str]| [&["music", "piano", "-o", "a.mid"], more].concat();
    for words in [
        vec!["compose"],
        sheet(&[]),
        sheet(&["-o", "a.mid", "--valence", "happy"]),
        sheet(&["-o", "a.mid", "--valence", "1.5"]),
        sheet(&["-o", "a.mid", "--emotion", "joyy"]),
        sheet(&["-o", "a.mid", "--key", "H minor"]),
        sheet(&["-o", "a.mid", "--meter", "3/5"]),
        sheet(&["-o", "a.mid", "--form", "A1"]),
        sheet(&["-o", "a.mid", "--keep", "b.mid", "--chords", "C"]),
        sheet(&["-o", "a.docx"]),
        sheet(&["-o", "a.mid", "-o", "b.mid", "--bars", "0"]),
        sheet(&["-o", "a.mid", "--temperature", "0"]),
        vec!["music", "piano"],
        piano(&["--valence", "very-low"]),
        piano(&["--valence", "0:-0.5:hold, 8:1", "--arousal", "0:0, 8:1"]),
        piano(&["--attribute", "Mean Pich=high"]),
        piano(&["--attribute", "Mean Pitch=loud"]),
        piano(&["--hand-span", "40"]),
        piano(&["--bars", "257"]),
        piano(&["--guidance", "-1"]),
        piano(&["--style", "opera"]),
        piano(&["--arrange", "b.mid", "--continue", "c.mid"]),
        vec!["schema", "opera"],
        vec!["rerun"],
    ] {
        let output = affetto(&words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{words:?}");
        assert!(
            stderr(&output).starts_with("error: "),
            "{words:?}: {}",
            stderr(&output)
        );
    }
}

/// The flags that the kinds of music share say what they mean for each of them.
#[test]
fn help_says_what_a_flag_means_for_this_music() {
    let help = |kind: &str| {
        let text = stdout(&affetto(&["music", kind, "--help"]));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (sheet, piano) = (help("lead-sheet"), help("piano"));
    assert!(sheet.contains("levels from very-low") && !piano.contains("levels from very-low"));
    assert!(sheet.contains("critic") && sheet.contains("[default: 24]"));
    assert!(piano.contains("nearest to what was asked") && !piano.contains("critic"));
    for text in [sheet, piano] {
        let headings = ["Files:", "Emotion:", "Music:", "Given music:", "Model:"];
        let at = headings.map(|heading| text.find(heading).unwrap());
        assert!(at.is_sorted(), "{text}");
    }
}

#[test]
fn a_missing_input_is_4_and_a_missing_model_5() {
    let missing = affetto(&["attributes", "--measure", "nowhere.mid"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(stderr(&missing).contains("nowhere.mid"));
    let model = affetto(&["music", "lead-sheet", "--model", "gpt", "-o", "a.mid"]);
    assert_eq!(model.status.code(), Some(5), "{}", stderr(&model));
    assert!(stderr(&model).contains("hint: "));
    let folder = affetto(&["--models", "nowhere", "models", "list"]);
    assert_eq!(folder.status.code(), Some(5));
}

#[test]
fn json_ends_in_an_envelope_whatever_happens() {
    for (words, code) in [
        (vec!["schema", "curve", "--json"], 0),
        (vec!["attributes", "--measure", "nowhere.mid", "--json"], 4),
        (vec!["music", "lead-sheet", "--bras", "--json"], 2),
    ] {
        let output = affetto(&words);
        let text = stdout(&output);
        let envelope: serde_json::Value =
            serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(envelope["type"], "envelope");
        assert_eq!(envelope["exit_code"], code);
        assert_eq!(envelope["ok"], code == 0);
    }
}

#[test]
fn schemas_completions_and_man_pages_are_made() {
    for name in ["lead-sheet", "piano", "request", "provenance", "curve"] {
        let schema: serde_json::Value =
            serde_json::from_str(&stdout(&affetto(&["schema", name]))).unwrap();
        assert!(schema["$schema"].is_string(), "{name}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&affetto(&["completions", shell]));
        assert!(
            script.contains("lead-sheet") && script.contains("hand-span"),
            "{shell}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    assert_eq!(
        affetto(&["man", pages.to_str().unwrap()]).status.code(),
        Some(0)
    );
    let page = std::fs::read_to_string(pages.join("affetto-music-lead-sheet.1")).unwrap();
    assert!(page.contains("valence"));
    let page = std::fs::read_to_string(pages.join("affetto-music-piano.1")).unwrap();
    assert!(page.contains("hand") && page.contains("serenity"));
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    let output = affetto(&["attributes", "--measure", "nowhere.mid"]);
    assert!(!output.stderr.contains(&0x1b));
}
