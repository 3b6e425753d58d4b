//! What every written file carries: how it was made, and how to make it again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use affetto_attributes::LeadSheetMeasures;
use affetto_core::read_limited;
use affetto_music::compose::Asked;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Effect, Error, Request, render::OutputFormat};

/// The schema that a provenance file names.
pub const PROVENANCE_SCHEMA: &str = "provenance/1";

/// The most bytes of a provenance file that are read.
const MAX_BYTES: u64 = 16 << 20;

/// How a file was made. No time, no machine and no path but those that the user wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// `provenance/1`.
    pub schema: String,
    /// What made it.
    pub engine: Engine,
    /// What was to be made, seed and all.
    pub request: Request,
    /// The models that made it.
    pub models: Vec<ModelUsed>,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The files that came out of the same request.
    pub outputs: Vec<OutputFile>,
    /// What was asked, words resolved.
    pub asked: Asked,
    /// What was measured on what came out.
    pub measured: LeadSheetMeasures,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Engine {
    /// This one.
    pub fn this() -> Self {
        Self {
            name: "affetto".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// A model by its checksums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelUsed {
    /// Its id.
    pub id: String,
    /// Its licence.
    pub licence: String,
    /// SHA-256 of `model.safetensors`.
    pub weights_sha256: String,
    /// SHA-256 of `config.json`.
    pub config_sha256: String,
    /// SHA-256 of `statistics.json`.
    pub statistics_sha256: String,
}

/// What an input was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// A melody to harmonise.
    Keep,
    /// A beginning.
    ContinueFrom,
    /// A score whose bars are filled.
    FillIn,
    /// The instruments of sound.
    Soundfont,
}

impl InputRole {
    /// The word for it in a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "melody to keep",
            Self::ContinueFrom => "beginning",
            Self::FillIn => "score to fill",
            Self::Soundfont => "SoundFont",
        }
    }
}

/// A file that something was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it was for.
    pub role: InputRole,
    /// As the user wrote it.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// A file that came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputFile {
    /// Its name, without folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Provenance {
    /// Reads a provenance file.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read, [`Error::Provenance`] where it is not one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::from_json(path, &read_limited(path, MAX_BYTES)?)
    }

    /// From the `bytes` of the provenance file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Provenance`] where they are not one, or one that nothing could have been made by.
    pub fn from_json(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Provenance {
            path: path.into(),
            reason,
        };
        let provenance: Self =
            serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        match provenance.fault() {
            Some(fault) => Err(refuse(fault)),
            None => Ok(provenance),
        }
    }

    /// What is wrong with it beyond its form, so that a hostile file cannot ask for what no user can.
    fn fault(&self) -> Option<String> {
        if self.schema != PROVENANCE_SCHEMA {
            let found = &self.schema;
            return Some(format!(
                "schema is {found:?}, must be {PROVENANCE_SCHEMA:?}"
            ));
        }
        let Request::LeadSheet(request) = &self.request;
        if let Err(error) = request.check() {
            return Some(error.to_string());
        }
        let mut names = BTreeSet::new();
        self.outputs.iter().find_map(|OutputFile { name, .. }| {
            if !is_plain(name) {
                Some(format!("{name:?} is no plain file name"))
            } else if OutputFormat::from_path(Path::new(name)).is_none() {
                Some(format!("no format is known by the extension of {name:?}"))
            } else {
                let is_new = names.insert(name.as_str());
                (!is_new).then(|| format!("{name:?} is named twice"))
            }
        })
    }

    /// As it stands in the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, words and lists are JSON") + "\n"
    }
}

/// Whether `name` is a file name alone, so that a hostile provenance file cannot point out of its folder.
fn is_plain(name: &str) -> bool {
    let path = Path::new(name);
    path.file_name().is_some_and(|file| file == name) && !name.contains(['/', '\\', ':'])
}

#[test]
fn only_file_names_are_plain() {
    assert!(is_plain("song.mid") && is_plain(".hidden"));
    for name in [
        "",
        ".",
        "..",
        "../song.mid",
        "/etc/passwd",
        "a/b",
        "C:\\x",
        "c:x",
        "a/",
    ] {
        assert!(!is_plain(name), "{name}");
    }
}
