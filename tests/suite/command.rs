//! The command in an empty folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;
use tempfile::TempDir;

/// The program, as built for the tests.
pub fn program() -> PathBuf {
    let suite = env::current_exe().unwrap();
    let folder = suite.parent().and_then(Path::parent).unwrap();
    let program = folder.join(format!("affetto{}", env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "no {}: `cargo test` builds it, or `cargo build -p affetto-cli`",
        program.display()
    );
    program
}

/// An empty folder to run the command in.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.path())
            .env_remove("AFFETTO_MODELS")
            .env_remove("NO_COLOR");
        command
    }

    /// Runs the command with the words of `line`, quotes as a shell reads them.
    pub fn run(&self, line: &str) -> Output {
        self.command().args(words(line)).output().unwrap()
    }

    /// Runs the command, which must succeed.
    pub fn succeed(&self, line: &str) -> Output {
        let output = self.run(line);
        assert!(output.status.success(), "{line}\n{}", stderr(&output));
        output
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Words apart by spaces; what is between double quotes is one word.
pub fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut begun) = (false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(String::new());
                }
                begun = false;
            }
            c => {
                begun = true;
                words.last_mut().unwrap().push(c);
            }
        }
    }
    if !begun {
        words.pop();
    }
    words
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn quotes_hold_words_together() {
    assert_eq!(
        words(r#"--key "D minor"  -o a.mid "#),
        ["--key", "D minor", "-o", "a.mid"]
    );
    assert_eq!(words(r#"--title """#), ["--title", ""]);
}
