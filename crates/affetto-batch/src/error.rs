use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use affetto_core::{Hint, LimitError};

/// Why a batch was not begun, or was stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest cannot be read.
    #[error(transparent)]
    Read(#[from] LimitError),
    /// The manifest says something that cannot be.
    #[error("{reason}: {}{}", path.display(), line_of(*line))]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A manifest whose extension stands for no syntax.
    #[error("not a manifest by its name: {}", path.display())]
    UnknownSyntax {
        /// The file.
        path: PathBuf,
    },
    /// A journal of an earlier run stands there, and nobody said what becomes of it.
    #[error("was begun already, {done} items are done: {}", path.display())]
    Begun {
        /// The journal.
        path: PathBuf,
        /// How many items it holds.
        done: usize,
    },
    /// Another batch works in the same folder.
    #[error("another batch is at work in {}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// Something could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A shard that is none.
    #[error("no shard: {text:?}")]
    Shard {
        /// What was said.
        text: String,
    },
    /// A program of the cluster is not there, or failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// The program.
        program: String,
        /// What it said.
        reason: String,
    },
    /// Nothing was submitted.
    #[error("nothing was submitted for {}", path.display())]
    NotSubmitted {
        /// The manifest.
        path: PathBuf,
    },
    /// A word that would end its line of a script.
    #[error("a control character in {word:?}, which a script cannot hold")]
    Word {
        /// The word.
        word: String,
    },
    /// A number that a script cannot hold.
    #[error("{what} is {found}, must be {range:?}")]
    Range {
        /// The number.
        what: &'static str,
        /// As given.
        found: usize,
        /// As it may be.
        range: RangeInclusive<usize>,
    },
}

fn line_of(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

impl Error {
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.into(),
            source,
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Manifest { hint, .. } => hint.clone(),
            Self::UnknownSyntax { .. } => {
                Some("manifests end in .yaml, .yml, .json, .jsonl, .ndjson or .csv".into())
            }
            Self::Begun { .. } => {
                Some("go on with --resume, or make everything anew with --force".into())
            }
            Self::Busy { .. } => Some("wait for it with --wait".into()),
            Self::Shard { .. } => {
                Some("a shard is a number from 1 and how many there are: --shard 3/16".into())
            }
            Self::Program { .. } => {
                Some("--print shows the scripts without the programs of the cluster".into())
            }
            Self::NotSubmitted { path } => Some(format!("affetto batch submit {}", path.display())),
            _ => None,
        }
    }
}
