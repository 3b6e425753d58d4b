//! Which models there are, and their weights.
//!
//! A model is a folder: `card.md`, `config.json`, `statistics.json`, `model.safetensors`. Folders that the user
//! names come before what is compiled into the program.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use affetto_core::{read_limited, sha256_hex};
use affetto_music::{LeadSheetModel, piano::compose::PianoModel};
use affetto_video::sticker::model::StickerModel;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, ModelUsed};

/// The most bytes of a card, a config or counted statistics.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// The most bytes of weights.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// What a model can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Writing lead sheets.
    LeadSheet,
    /// Writing piano music.
    Piano,
    /// Moving stickers.
    Sticker,
}

impl Task {
    /// The word for it, on cards and in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeadSheet => "music.lead-sheet",
            Self::Piano => "music.piano",
            Self::Sticker => "video.sticker",
        }
    }

    /// By which of the losses that a card states models of this task are compared.
    const fn loss(self) -> [&'static str; 2] {
        match self {
            Self::LeadSheet => ["test_loss_nats_per_token", "trained"],
            Self::Piano => ["test_loss_nats_per_token", "told"],
            Self::Sticker => ["held_out_loss", "told"],
        }
    }
}

/// A file that is compiled in.
struct File {
    bytes: &'static [u8],
    sha256: &'static str,
}

/// A model that is compiled in.
struct Embedded {
    card: File,
    config: File,
    statistics: File,
    weights: File,
}

mod embedded {
    use super::{Embedded, File};

    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// What a model is, by the front matter of its `card.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Its name, and that of its folder.
    pub id: String,
    /// What it does, such as `music.lead-sheet`.
    pub task: String,
    /// Whether it is taken where none is named; else the one with the lowest loss on held-out songs is.
    #[serde(default)]
    pub default: bool,
    /// How many numbers it has learned.
    pub parameters: u64,
    /// The size of its weights.
    pub bytes: u64,
    /// The SHA-256 of `model.safetensors`.
    pub sha256: String,
    /// Its licence.
    pub licence: String,
    /// What it was trained on, each with its licence.
    pub data: Value,
    /// The command that trained it.
    pub command: String,
    /// What was measured on held-out data.
    pub results: Value,
    /// What it cannot do.
    pub limits: Value,
    /// What else the card says.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

impl Card {
    /// Reads the front matter of a card, between two lines of `---`.
    ///
    /// # Errors
    ///
    /// [`Error::Card`] where it is missing, or says less than it must.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Card {
            id: name.into(),
            reason,
        };
        let text = text.replace("\r\n", "\n");
        let matter = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---"))
            .map(|(matter, _)| matter)
            .ok_or_else(|| {
                refuse("it does not begin with front matter between lines of ---".into())
            })?;
        serde_saphyr::from_str(matter).map_err(|error| {
            refuse(
                error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        })
    }

    /// The loss on held-out music that its results state; infinite where they do not.
    fn test_loss(&self, task: Task) -> f64 {
        let [losses, loss] = task.loss();
        self.results[losses][loss].as_f64().unwrap_or(f64::INFINITY)
    }

    /// Whether a user who says `name` means this model: its id, or the last word of it.
    fn answers_to(&self, name: &str) -> bool {
        self.id == name
            || self
                .id
                .strip_suffix(name)
                .is_some_and(|rest| rest.ends_with('-'))
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled into the program.
    Embedded,
    /// A folder.
    Folder(PathBuf),
}

struct Installed {
    card: Card,
    card_text: String,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Embedded(&'static Embedded),
    Folder(PathBuf),
}

/// The models at hand.
pub struct Models {
    installed: Vec<Installed>,
    lead_sheets: Loaded<LeadSheetModel>,
    pianos: Loaded<PianoModel>,
    stickers: Loaded<StickerModel>,
}

/// The models of one task that were loaded, by their ids.
type Loaded<M> = Mutex<BTreeMap<String, Arc<LoadedModel<M>>>>;

/// A model with its weights.
pub struct LoadedModel<M> {
    /// What a provenance file says of it.
    pub used: ModelUsed,
    /// The model.
    pub model: M,
}

/// What is made of the files of a folder.
trait FromFiles: Sized {
    const TASK: Task;

    /// From the contents of `config.json`, `model.safetensors` and `statistics.json`.
    fn from_files(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error>;
}

impl FromFiles for LeadSheetModel {
    const TASK: Task = Task::LeadSheet;

    fn from_files(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_bytes(config, weights, statistics)?)
    }
}

impl FromFiles for PianoModel {
    const TASK: Task = Task::Piano;

    fn from_files(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_bytes(config, weights, statistics)?)
    }
}

impl FromFiles for StickerModel {
    const TASK: Task = Task::Sticker;

    fn from_files(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_files(config, statistics, weights)?)
    }
}

impl Models {
    /// The models that are compiled in.
    ///
    /// # Errors
    ///
    /// [`Error::Card`] where a card was compiled in that cannot be read.
    pub fn embedded() -> Result<Self, Error> {
        Self::in_folder(None)
    }

    /// The models in `folder`, where one is named, before those that are compiled in.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFolder`] where the folder cannot be looked into, [`Error::Card`] for a card that cannot be read.
    pub fn in_folder(folder: Option<&Path>) -> Result<Self, Error> {
        let mut installed = match folder {
            Some(folder) => installed_in(folder)?,
            None => Vec::new(),
        };
        for embedded in &embedded::EMBEDDED {
            let text = String::from_utf8_lossy(embedded.card.bytes).into_owned();
            let model = Installed {
                card: Card::parse("compiled in", &text)?,
                card_text: text,
                source: Source::Embedded(embedded),
            };
            if installed
                .iter()
                .all(|earlier| earlier.card.id != model.card.id)
            {
                installed.push(model);
            }
        }
        Ok(Self {
            installed,
            lead_sheets: Mutex::default(),
            pianos: Mutex::default(),
            stickers: Mutex::default(),
        })
    }

    /// Every model with where it comes from.
    pub fn list(&self) -> impl Iterator<Item = (&Card, Origin)> {
        self.installed.iter().map(|model| {
            let origin = match &model.source {
                Source::Embedded(_) => Origin::Embedded,
                Source::Folder(folder) => Origin::Folder(folder.clone()),
            };
            (&model.card, origin)
        })
    }

    /// The whole card of the model called `id`.
    pub fn card_text(&self, id: &str) -> Option<&str> {
        let model = self
            .installed
            .iter()
            .find(|model| model.card.answers_to(id))?;
        Some(&model.card_text)
    }

    /// Every id.
    pub fn ids(&self) -> Vec<String> {
        self.installed
            .iter()
            .map(|model| model.card.id.clone())
            .collect()
    }

    /// The lead-sheet model called `name` (an id or its last word), or the default one. It is loaded once.
    ///
    /// # Errors
    ///
    /// Where there is none, or where its weights are not those of its card or do not fit.
    pub fn lead_sheet(
        &self,
        name: Option<&str>,
    ) -> Result<Arc<LoadedModel<LeadSheetModel>>, Error> {
        self.loaded(&self.lead_sheets, name)
    }

    /// The piano model called `name` (an id or its last word), or the default one. It is loaded once.
    ///
    /// # Errors
    ///
    /// As [`Models::lead_sheet`].
    pub fn piano(&self, name: Option<&str>) -> Result<Arc<LoadedModel<PianoModel>>, Error> {
        self.loaded(&self.pianos, name)
    }

    /// The sticker model called `name` (an id or its last word), or the default one. It is loaded once.
    ///
    /// # Errors
    ///
    /// As [`Models::lead_sheet`].
    pub fn sticker(&self, name: Option<&str>) -> Result<Arc<LoadedModel<StickerModel>>, Error> {
        self.loaded(&self.stickers, name)
    }

    /// What a provenance file says of the model of `task` called `name`, or of the default one; it is loaded.
    ///
    /// # Errors
    ///
    /// As [`Models::lead_sheet`].
    pub fn used(&self, task: Task, name: Option<&str>) -> Result<ModelUsed, Error> {
        Ok(match task {
            Task::LeadSheet => self.lead_sheet(name)?.used.clone(),
            Task::Piano => self.piano(name)?.used.clone(),
            Task::Sticker => self.sticker(name)?.used.clone(),
        })
    }

    fn loaded<M: FromFiles>(
        &self,
        loaded: &Loaded<M>,
        name: Option<&str>,
    ) -> Result<Arc<LoadedModel<M>>, Error> {
        let installed = self.find(M::TASK, name)?;
        let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = loaded.get(&installed.card.id) {
            return Ok(Arc::clone(model));
        }
        let model = Arc::new(installed.load()?);
        loaded.insert(installed.card.id.clone(), Arc::clone(&model));
        Ok(model)
    }

    fn find(&self, task: Task, name: Option<&str>) -> Result<&Installed, Error> {
        let fit: Vec<&Installed> = self
            .installed
            .iter()
            .filter(|model| model.card.task == task.name())
            .collect();
        let loss = |model: &Installed| model.card.test_loss(task);
        let found = match name {
            Some(name) => fit.iter().find(|model| model.card.answers_to(name)),
            None => fit
                .iter()
                .find(|model| model.card.default)
                .or(fit.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)))),
        };
        found.copied().ok_or_else(|| match name {
            Some(name) if !fit.is_empty() => Error::UnknownModel {
                name: name.into(),
                task: task.name(),
                installed: fit.iter().map(|model| model.card.id.clone()).collect(),
            },
            _ => Error::NoModel { task: task.name() },
        })
    }
}

/// The models in the folders of `folder`, or the one that `folder` itself is, in the order of their names.
fn installed_in(folder: &Path) -> Result<Vec<Installed>, Error> {
    let failed = |source| Error::ModelFolder {
        folder: folder.into(),
        source,
    };
    let mut folders = vec![folder.to_path_buf()];
    for entry in fs::read_dir(folder).map_err(failed)? {
        folders.push(entry.map_err(failed)?.path());
    }
    folders.sort();
    folders.retain(|folder| folder.join("card.md").is_file());
    folders.into_iter().map(Installed::in_folder).collect()
}

impl Installed {
    fn in_folder(folder: PathBuf) -> Result<Self, Error> {
        let bytes = read_limited(&folder.join("card.md"), MAX_TEXT_BYTES)?;
        let card_text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            card: Card::parse(&folder.display().to_string(), &card_text)?,
            card_text,
            source: Source::Folder(folder),
        })
    }

    fn load<M: FromFiles>(&self) -> Result<LoadedModel<M>, Error> {
        match &self.source {
            Source::Embedded(model) => {
                let [config, weights, statistics] =
                    [&model.config, &model.weights, &model.statistics];
                let digests = [config, weights, statistics].map(|file| file.sha256.to_owned());
                self.build(config.bytes, weights.bytes, statistics.bytes, digests)
            }
            Source::Folder(folder) => {
                let config = read_limited(&folder.join("config.json"), MAX_TEXT_BYTES)?;
                let weights = read_limited(&folder.join("model.safetensors"), MAX_WEIGHTS_BYTES)?;
                let statistics = read_limited(&folder.join("statistics.json"), MAX_TEXT_BYTES)?;
                let digests = [&config, &weights, &statistics].map(|bytes| sha256_hex(bytes));
                self.build(&config, &weights, &statistics, digests)
            }
        }
    }

    fn build<M: FromFiles>(
        &self,
        config: &[u8],
        weights: &[u8],
        statistics: &[u8],
        [config_sha256, weights_sha256, statistics_sha256]: [String; 3],
    ) -> Result<LoadedModel<M>, Error> {
        if weights_sha256 != self.card.sha256 {
            return Err(Error::WeightsChanged {
                id: self.card.id.clone(),
                expected: self.card.sha256.clone(),
                found: weights_sha256,
            });
        }
        Ok(LoadedModel {
            model: M::from_files(config, weights, statistics)?,
            used: ModelUsed {
                id: self.card.id.clone(),
                licence: self.card.licence.clone(),
                weights_sha256,
                config_sha256,
                statistics_sha256,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CARD: &str = "---\nid: lead-sheet-lstm\ntask: music.lead-sheet\nparameters: 5\nbytes: 3\nsha256: ab\n\
        licence: MIT\ndata:\n  - name: songs\n    licence: CC0-1.0\ncommand: affetto train lead-sheet\n\
        results:\n  nll: 0.5\nlimits: none worth naming\ntempo: fast\n---\n# The card\n";

    #[test]
    fn a_card_says_what_it_must_and_may_say_more() {
        let card = Card::parse("x", CARD).unwrap();
        assert_eq!(
            (card.id.as_str(), card.parameters, card.default),
            ("lead-sheet-lstm", 5, false)
        );
        assert_eq!(card.data[0]["licence"], "CC0-1.0");
        assert_eq!(card.more["tempo"], "fast");
        assert!(card.answers_to("lstm") && card.answers_to("lead-sheet-lstm"));
        assert!(!card.answers_to("stm") && !card.answers_to("transformer"));
    }

    #[test]
    fn a_card_without_front_matter_or_checksum_is_refused() {
        for text in [
            "",
            "# A card",
            "---\nid: x\n",
            &CARD.replace("sha256: ab\n", ""),
        ] {
            assert!(
                matches!(Card::parse("x", text), Err(Error::Card { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn other_weights_than_the_card_s_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("lead-sheet-lstm");
        fs::create_dir(&model).unwrap();
        fs::write(model.join("card.md"), CARD).unwrap();
        for file in ["config.json", "statistics.json", "model.safetensors"] {
            fs::write(model.join(file), "{}").unwrap();
        }
        let models = Models::in_folder(Some(folder.path())).unwrap();
        let error = models.lead_sheet(Some("lstm")).err().unwrap();
        assert!(matches!(error, Error::WeightsChanged { .. }), "{error}");
        let error = models.lead_sheet(Some("gpt")).err().unwrap();
        assert!(matches!(error, Error::UnknownModel { .. }), "{error}");
    }

    #[test]
    fn a_model_is_taken_by_its_task_and_there_by_the_loss_of_its_task() {
        let folder = tempfile::tempdir().unwrap();
        let install = |id: &str, task: &str, loss: &str| {
            let text = CARD
                .replace("lead-sheet-lstm", id)
                .replace("music.lead-sheet", task)
                .replace("nll: 0.5", &format!("test_loss_nats_per_token: {loss}"));
            fs::create_dir(folder.path().join(id)).unwrap();
            fs::write(folder.path().join(id).join("card.md"), text).unwrap();
        };
        install("piano-a", "music.piano", "{ told: 0.5, trained: 0.1 }");
        install("piano-b", "music.piano", "{ told: 0.25 }");
        install("lead-sheet-a", "music.lead-sheet", "{ trained: 0.0 }");
        let models = Models::in_folder(Some(folder.path())).unwrap();
        let chosen = |task| models.find(task, None).unwrap().card.id.as_str();
        assert_eq!(chosen(Task::Piano), "piano-b");
        assert_eq!(chosen(Task::LeadSheet), "lead-sheet-a");
        let error = models.find(Task::Piano, Some("lead-sheet-a")).err();
        assert!(matches!(error, Some(Error::UnknownModel { installed, .. })
                if installed.iter().filter(|id| ["piano-a", "piano-b"].contains(&id.as_str())).count() == 2
                    && !installed.contains(&"lead-sheet-a".into())));
    }

    #[test]
    fn what_is_compiled_in_can_be_read_and_fits_its_card() {
        let models = Models::embedded().unwrap();
        for embedded in &embedded::EMBEDDED {
            let card = Card::parse("x", std::str::from_utf8(embedded.card.bytes).unwrap()).unwrap();
            assert_eq!(card.sha256, embedded.weights.sha256);
            assert_eq!(card.bytes, embedded.weights.bytes.len() as u64);
            assert!(models.ids().contains(&card.id));
        }
    }
}
