//! What every written file carries: how it was made, and how to make it again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use affetto_core::read_limited;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};
use serde_json::Value;

use crate::{Effect, Error, Findings, Request, render::OutputFormat};

/// The schema that a provenance file names.
pub const PROVENANCE_SCHEMA: &str = "provenance/1";

/// The most bytes of a provenance file that are read.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// How a file was made. No time, no machine and no path but those that the user wrote.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
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
    /// What was asked, words resolved, beside what was measured on what came out.
    #[serde(flatten)]
    pub findings: Findings,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// A provenance file as it is read, before its request says what was asked and measured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvenanceFile {
    schema: String,
    engine: Engine,
    request: Request,
    models: Vec<ModelUsed>,
    inputs: Vec<Input>,
    outputs: Vec<OutputFile>,
    asked: Value,
    measured: Value,
    effects: Vec<Effect>,
    warnings: Vec<String>,
}

impl<'de> Deserialize<'de> for Provenance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = ProvenanceFile::deserialize(deserializer)?;
        let findings = Findings::from_json(file.request.kind(), file.asked, file.measured);
        Ok(Self {
            schema: file.schema,
            engine: file.engine,
            request: file.request,
            models: file.models,
            inputs: file.inputs,
            outputs: file.outputs,
            findings: findings.map_err(de::Error::custom)?,
            effects: file.effects,
            warnings: file.warnings,
        })
    }
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
    /// A lead sheet to arrange.
    Arrange,
    /// A take to edit, or to vary.
    Take,
    /// A character.
    Character,
    /// The instruments of sound.
    Soundfont,
    /// The picture that a video begins with.
    Picture,
    /// What is added to the transformer of a video.
    Lora,
    /// What decodes a video in place of the autoencoder.
    TinyDecoder,
}

impl InputRole {
    /// The word for it in a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "melody to keep",
            Self::ContinueFrom => "beginning",
            Self::FillIn => "score to fill",
            Self::Arrange => "lead sheet to arrange",
            Self::Take => "take",
            Self::Character => "character",
            Self::Soundfont => "SoundFont",
            Self::Picture => "picture",
            Self::Lora => "LoRA",
            Self::TinyDecoder => "tiny decoder",
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
        from_json(path, bytes, Self::fault)
    }

    /// What is wrong with it beyond its form, so that a hostile file cannot ask for what no user can.
    fn fault(&self) -> Option<String> {
        if let Some(fault) = schema_fault(&self.schema, PROVENANCE_SCHEMA) {
            return Some(fault);
        }
        if let Err(error) = self.request.check() {
            return Some(error.to_string());
        }
        let mut names = BTreeSet::new();
        self.outputs.iter().find_map(|OutputFile { name, .. }| {
            if !is_plain(name) {
                Some(format!("{name:?} is no plain file name"))
            } else if OutputFormat::of(self.request.kind(), Path::new(name)).is_none() {
                Some(format!("no format is known by the extension of {name:?}"))
            } else {
                let is_new = names.insert(name.as_str());
                (!is_new).then(|| format!("{name:?} is named twice"))
            }
        })
    }

    /// As it stands in the file.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// A provenance file from the `bytes` of `path`, where `fault` finds nothing wrong with it.
pub(crate) fn from_json<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    fault: impl FnOnce(&T) -> Option<String>,
) -> Result<T, Error> {
    let refuse = |reason: String| Error::Provenance {
        path: path.into(),
        reason,
    };
    let read: T = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
    match fault(&read) {
        Some(fault) => Err(refuse(fault)),
        None => Ok(read),
    }
}

/// What a provenance file is written as.
pub(crate) fn to_json(provenance: &impl Serialize) -> String {
    serde_json::to_string_pretty(provenance).expect("numbers, words and lists are JSON") + "\n"
}

pub(crate) fn schema_fault(found: &str, wanted: &str) -> Option<String> {
    (found != wanted).then(|| format!("schema is {found:?}, must be {wanted:?}"))
}

/// Whether `name` is a file name alone, so that a hostile provenance file cannot point out of its folder.
pub(crate) fn is_plain(name: &str) -> bool {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn piano() -> Value {
        json!({
            "schema": "provenance/1", "engine": { "name": "affetto", "version": "0.0.0" },
            "request": { "kind": "music.piano", "bars": 4 }, "models": [], "inputs": [], "outputs": [],
            "asked": {
                "valence": 0.5, "arousal": 0.1, "attributes": [], "key": "C major", "meter": "4/4", "bars": 4,
                "tempo_bpm": 90.0, "range": [21, 108], "hand_span": 14, "style": "pop"
            },
            "measured": {
                "attributes": [], "bits_hit": 1.0, "range": [40, 80], "hand_span": 12, "in_scale_ratio": 0.9,
                "quadrants": [0.25, 0.25, 0.25, 0.25]
            },
            "effects": [], "warnings": []
        })
    }

    fn read(json: &Value) -> Result<Provenance, Error> {
        Provenance::from_json(Path::new("a.provenance.json"), json.to_string().as_bytes())
    }

    #[test]
    fn what_was_found_is_read_by_the_kind_of_the_request() {
        let provenance = read(&piano()).unwrap();
        assert!(matches!(provenance.findings, Findings::Piano { .. }));
        let text = provenance.to_json();
        let at = |word: &str| text.find(&format!("\n  \"{word}\"")).unwrap();
        assert!(at("outputs") < at("asked") && at("measured") < at("effects"));
        assert_eq!(
            read(&serde_json::from_str(&text).unwrap()).unwrap(),
            provenance
        );
    }

    /// Written before there was piano music.
    #[test]
    fn a_lead_sheet_s_is_written_as_it_always_was() {
        let text =
            include_str!("../../../tests/fixtures/good/provenance/one-bar.mid.provenance.json");
        let path = Path::new("one-bar.mid.provenance.json");
        let provenance = Provenance::from_json(path, text.as_bytes()).unwrap();
        assert!(matches!(provenance.findings, Findings::LeadSheet { .. }));
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&provenance.to_json()), value(text));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let reason = |json: &Value| read(json).unwrap_err().to_string();
        let mut of_another = piano();
        of_another["request"] = json!({ "kind": "music.lead-sheet" });
        assert!(
            reason(&of_another).contains("asked: "),
            "{}",
            reason(&of_another)
        );
        let mut more = piano();
        more["measured"]["loudness"] = 3.into();
        assert!(
            reason(&more).contains("measured: unknown field `loudness`"),
            "{}",
            reason(&more)
        );
        let mut beyond = piano();
        beyond["loudness"] = 3.into();
        assert!(
            reason(&beyond).contains("unknown field `loudness`"),
            "{}",
            reason(&beyond)
        );
        let mut lacks = piano();
        lacks.as_object_mut().unwrap().remove("asked");
        assert!(
            reason(&lacks).contains("missing field `asked`"),
            "{}",
            reason(&lacks)
        );
        let mut impossible = piano();
        impossible["request"]["hand_span"] = 200.into();
        assert!(
            reason(&impossible).contains("hand_span"),
            "{}",
            reason(&impossible)
        );
    }
}
