use std::{io, path::PathBuf};

use affetto_core::{Hint, LimitError};

use crate::Effect;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The music cannot be written as asked.
    #[error(transparent)]
    Music(Box<affetto_music::Error>),
    /// A file of music is damaged, or a format cannot hold the music.
    #[error(transparent)]
    Media(Box<affetto_media::Error>),
    /// The face cannot be edited as asked.
    #[error(transparent)]
    Face(Box<affetto_face::Error>),
    /// The video cannot be made as asked.
    #[error(transparent)]
    Video(Box<affetto_video::Error>),
    /// Neither name nor content of a file is that of a take.
    #[error("not a take: {}", path.display())]
    UnknownTake {
        /// The file.
        path: PathBuf,
    },
    /// An emotion or a curve was not understood.
    #[error(transparent)]
    Emotion(Box<affetto_emotion::Error>),
    /// A file is missing or too large.
    #[error(transparent)]
    Input(#[from] LimitError),
    /// Neither name nor content of a file is that of a score.
    #[error("not a MIDI, MusicXML or ABC file: {}", path.display())]
    UnknownInput {
        /// The file.
        path: PathBuf,
    },
    /// A file of one format under the name of another.
    #[error("{by_content} by its content and {by_name} by its name: {}", path.display())]
    FormatMismatch {
        /// The file.
        path: PathBuf,
        /// The format of its extension.
        by_name: &'static str,
        /// The format of its content.
        by_content: &'static str,
    },
    /// A name to write whose extension stands for no format.
    #[error("no format is known by the extension of {}", path.display())]
    UnknownOutput {
        /// The name.
        path: PathBuf,
        /// Extensions that stand for one.
        known: &'static str,
    },
    /// The same name to write twice.
    #[error("asked for twice: {}", path.display())]
    OutputTwice {
        /// The name.
        path: PathBuf,
    },
    /// A file that is not an unchanged output stands where one would be written.
    #[error("stands already, and is not an output that can be made again: {}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file would be written over one that it is made from.
    #[error("is an input of the same request: {}", path.display())]
    OverInput {
        /// The file.
        path: PathBuf,
    },
    /// A set of game files is not written to one folder that they can be called by.
    #[error("not a folder for a set of game files: {reason}: {}", path.display())]
    SetFolder {
        /// The name.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file could not be written; nothing of it stays.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No model for a task.
    #[error("no weights for {task}")]
    NoModel {
        /// The task.
        task: &'static str,
    },
    /// No model of a name.
    #[error("no model {name:?} for {task}")]
    UnknownModel {
        /// The name.
        name: String,
        /// The task.
        task: &'static str,
        /// The models that there are.
        installed: Vec<String>,
    },
    /// A folder of models that cannot be looked into.
    #[error("cannot look for models: {source}: {}", folder.display())]
    ModelFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A model card that says less than it must, or nothing readable.
    #[error("the card of model {id:?} cannot be used: {reason}")]
    Card {
        /// The model, or its folder where it has no id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Weights that are not those of the card.
    #[error("the weights of {id:?} have the SHA-256 {found}, their card says {expected}")]
    WeightsChanged {
        /// The model.
        id: String,
        /// By the card.
        expected: String,
        /// As found.
        found: String,
    },
    /// A provenance file that cannot be used.
    #[error("not a usable provenance file: {reason}: {}", path.display())]
    Provenance {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An input is not the one that an output was made from.
    #[error("no longer the {role} with the SHA-256 {expected}: {}", path.display())]
    InputChanged {
        /// What it was for.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// By the provenance.
        expected: String,
    },
    /// The model is not the one that an output was made with.
    #[error(
        "{id:?} is no longer the model that made the file: {what} has the SHA-256 {found}, was {expected}"
    )]
    ModelChanged {
        /// The model.
        id: String,
        /// Its weights, config or statistics.
        what: &'static str,
        /// By the provenance.
        expected: String,
        /// As installed.
        found: String,
    },
    /// The networks are not those that made the film.
    #[error("not the {part} that made the film: the SHA-256 is {found}, was {expected}")]
    VideoWeightsChanged {
        /// What it is for.
        part: String,
        /// By the provenance, file by file.
        expected: String,
        /// As found.
        found: String,
    },
    /// What was asked is not what came out, and that was to be an error.
    #[error("not reached: {}", missed(effects))]
    EffectMissed {
        /// The controls that missed.
        effects: Vec<Effect>,
    },
    /// The caller wanted the work to stop.
    #[error("stopped, nothing was written")]
    Cancelled,
}

fn missed(effects: &[Effect]) -> String {
    let words: Vec<String> = effects.iter().map(ToString::to_string).collect();
    words.join("; ")
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Music(error) => error.hint(),
            Self::Media(error) => error.hint(),
            Self::Emotion(error) => error.hint(),
            Self::Face(error) => error.hint(),
            Self::Video(error) => error.hint(),
            Self::UnknownTake { .. } => Some(
                "takes are read from .csv (Live Link Face), .json, .jsonl and .glb files".into(),
            ),
            Self::UnknownInput { .. } => {
                Some("scores are read from .mid, .musicxml, .mxl and .abc files".into())
            }
            Self::FormatMismatch { .. } => Some("give it the extension of its content".into()),
            Self::UnknownOutput { known, .. } => Some(format!("end the name in {known}")),
            Self::Exists { .. } => {
                Some("choose another name, or write over it with --force".into())
            }
            Self::SetFolder { .. } => Some("name one folder, such as music/town_day".into()),
            Self::OverInput { .. } | Self::OutputTwice { .. } => Some("choose another name".into()),
            Self::NoModel { task } => Some(train_hint(task)),
            Self::UnknownModel { installed, .. } if installed.is_empty() => {
                Some("`affetto models list` shows what is installed".into())
            }
            Self::UnknownModel { installed, .. } => {
                Some(format!("installed: {}", installed.join(", ")))
            }
            Self::WeightsChanged { .. } => Some("copy the model's folder again".into()),
            Self::InputChanged { .. } => Some("put the file back as it was".into()),
            Self::ModelChanged { .. } => {
                Some("name the folder of the earlier model with --models DIR".into())
            }
            Self::VideoWeightsChanged { .. } => {
                Some("name the folder of the earlier weights with --wan DIR".into())
            }
            Self::EffectMissed { .. } => {
                Some("try another --seed, ask for less, or leave out --strict".into())
            }
            _ => None,
        }
    }
}

fn train_hint(task: &str) -> String {
    let model = task.rsplit('.').next().unwrap_or(task);
    format!("name their folder with --models DIR, or train them: affetto train {model} --data DIR")
}

impl From<affetto_music::Error> for Error {
    fn from(error: affetto_music::Error) -> Self {
        match error {
            affetto_music::Error::Cancelled => Self::Cancelled,
            error => Self::Music(Box::new(error)),
        }
    }
}

impl From<affetto_media::Error> for Error {
    fn from(error: affetto_media::Error) -> Self {
        Self::Media(Box::new(error))
    }
}

impl From<affetto_face::Error> for Error {
    fn from(error: affetto_face::Error) -> Self {
        match error {
            affetto_face::Error::Media(error) => error.into(),
            affetto_face::Error::Emotion(error) => error.into(),
            affetto_face::Error::Read(error) => error.into(),
            affetto_face::Error::Write { path, source } => Self::Write { path, source },
            affetto_face::Error::Cancelled => Self::Cancelled,
            error => Self::Face(Box::new(error)),
        }
    }
}

impl From<affetto_video::Error> for Error {
    fn from(error: affetto_video::Error) -> Self {
        match error {
            affetto_video::Error::Media(error) => error.into(),
            affetto_video::Error::Emotion(error) => error.into(),
            affetto_video::Error::Small(error) => error.into(),
            affetto_video::Error::Write { path, source } => Self::Write { path, source },
            affetto_video::Error::Cancelled => Self::Cancelled,
            error => Self::Video(Box::new(error)),
        }
    }
}

impl From<affetto_emotion::Error> for Error {
    fn from(error: affetto_emotion::Error) -> Self {
        Self::Emotion(Box::new(error))
    }
}
