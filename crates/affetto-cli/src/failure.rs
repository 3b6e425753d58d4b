//! Why a command failed, as text and as exit code.

use std::io;

use affetto::{Error, Hint, attributes, face, media, music, nn::NnError, on_one_line, video};
use serde::Serialize;

/// Exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// It failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Some of many failed.
    Partial = 3,
    /// An input was refused.
    Input = 4,
    /// A model is missing or wrong.
    Model = 5,
    /// Memory or disk is full.
    Full = 6,
    /// A device is not there.
    Device = 7,
    /// A constraint or an effect was not reached.
    NotReached = 8,
    /// Stopped, and can go on.
    Resumable = 75,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Code {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partial => "some_failed",
            Self::Input => "input_refused",
            Self::Model => "model",
            Self::Full => "disk_or_memory_full",
            Self::Device => "device_unavailable",
            Self::NotReached => "not_reached",
            Self::Resumable => "interrupted_resumable",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// One line.
    pub message: String,
    /// What to try next.
    pub hint: Option<String>,
}

/// A failure as the envelope has it.
#[derive(Serialize)]
pub struct FailureJson<'a> {
    code: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

impl Failure {
    /// A wrong command line.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: Code::Usage,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// A file that was not written.
    pub fn write(path: &std::path::Path, source: &io::Error) -> Self {
        Self {
            code: write_code(source),
            message: format!("cannot write: {source}: {}", path.display()),
            hint: None,
        }
    }

    /// As the envelope has it.
    pub fn to_json(&self) -> FailureJson<'_> {
        FailureJson {
            code: self.code.name(),
            message: &self.message,
            hint: self.hint.as_deref(),
        }
    }

    fn of(code: Code, error: &(impl Hint + std::error::Error)) -> Self {
        // A message may repeat a word of a hostile file.
        Self {
            code,
            message: on_one_line(&error.to_string()).collect(),
            hint: error.hint(),
        }
    }
}

/// A word or number of the command line that is not understood.
pub fn wrong_argument(error: &(impl Hint + std::error::Error)) -> Failure {
    Failure::of(Code::Usage, error)
}

/// A file that the command line names and that is not understood.
pub fn refused_input(error: &(impl Hint + std::error::Error)) -> Failure {
    Failure::of(Code::Input, error)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(code(&error), &error)
    }
}

impl From<music::Error> for Failure {
    fn from(error: music::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<attributes::Error> for Failure {
    fn from(error: attributes::Error) -> Self {
        use attributes::Error;
        let code = match &error {
            Error::Read(_) | Error::Labels { .. } | Error::Map { .. } => Code::Input,
            Error::TooFewPieces { .. } => Code::Input,
            Error::Write { source, .. } => write_code(source),
            Error::Cancelled => Code::Interrupted,
            _ => Code::Failed,
        };
        Self::of(code, &error)
    }
}

impl From<video::Error> for Failure {
    fn from(error: video::Error) -> Self {
        Self::of(video_code(&error), &error)
    }
}

impl From<affetto_batch::Error> for Failure {
    fn from(error: affetto_batch::Error) -> Self {
        use affetto_batch::Error;
        let code = match &error {
            Error::Read(_) | Error::Manifest { .. } | Error::UnknownSyntax { .. } => Code::Input,
            Error::Begun { .. }
            | Error::Shard { .. }
            | Error::Range { .. }
            | Error::Word { .. }
            | Error::NotSubmitted { .. } => Code::Usage,
            Error::Busy { .. } | Error::Program { .. } => Code::Failed,
            Error::Write { source, .. } => write_code(source),
        };
        Self::of(code, &error)
    }
}

fn video_code(error: &video::Error) -> Code {
    use video::Error;
    match error {
        Error::Config { .. }
        | Error::OtherJob
        | Error::Checkpoint { .. }
        | Error::OtherTraining { .. } => Code::Usage,
        Error::Incomplete { .. }
        | Error::NoWeights { .. }
        | Error::OtherNetwork { .. }
        | Error::MissingTensor { .. }
        | Error::Misshapen { .. }
        | Error::NotAdded { .. } => Code::Model,
        Error::Write { source, .. } => write_code(source),
        Error::Taken { .. } => Code::Usage,
        Error::Read { .. }
        | Error::Damaged { .. }
        | Error::Json { .. }
        | Error::Small(_)
        | Error::Unrecognised { .. }
        | Error::Lora { .. }
        | Error::Labels { .. }
        | Error::Clip { .. } => Code::Input,
        Error::Memory { .. } => Code::Full,
        Error::Nn(NnError::Device { .. }) => Code::Device,
        Error::Media(error) => media_code(error),
        Error::Cancelled => Code::Interrupted,
        _ => Code::Failed,
    }
}

fn code(error: &Error) -> Code {
    match error {
        Error::Music(error) => music_code(error),
        Error::Media(error) => media_code(error),
        Error::Emotion(_) | Error::UnknownOutput { .. } | Error::OutputTwice { .. } => Code::Usage,
        Error::SetFolder { .. } => Code::Usage,
        Error::Face(error) => face_code(error),
        Error::Video(error) => video_code(error),
        Error::UnknownTake { .. } => Code::Input,
        Error::Exists { .. } | Error::OverInput { .. } => Code::Usage,
        Error::Input(_) | Error::UnknownInput { .. } | Error::FormatMismatch { .. } => Code::Input,
        Error::Provenance { .. } | Error::InputChanged { .. } => Code::Input,
        Error::Write { source, .. } => write_code(source),
        Error::NoModel { .. } | Error::UnknownModel { .. } | Error::ModelFolder { .. } => {
            Code::Model
        }
        Error::Card { .. }
        | Error::WeightsChanged { .. }
        | Error::ModelChanged { .. }
        | Error::VideoWeightsChanged { .. } => Code::Model,
        Error::EffectMissed { .. } => Code::NotReached,
        Error::Cancelled => Code::Interrupted,
    }
}

fn music_code(error: &music::Error) -> Code {
    use music::Error;
    match error {
        Error::Range { .. }
        | Error::Word { .. }
        | Error::Contradiction { .. }
        | Error::Needs { .. }
        | Error::Count { .. }
        | Error::Checkpoint { .. } => Code::Usage,
        Error::Metre { .. }
        | Error::PianoMetre { .. }
        | Error::MelodyOutside { .. }
        | Error::Pickup { .. }
        | Error::Fill { .. }
        | Error::Impossible(_) => Code::NotReached,
        Error::NoMelody
        | Error::Tokenize(_)
        | Error::PianoTokens(_)
        | Error::TooFewSongs { .. }
        | Error::Corpus(_)
        | Error::Measure(_) => Code::Input,
        Error::Cancelled => Code::Interrupted,
        Error::Write { source, .. } => write_code(source),
        Error::Weights(_) | Error::Json { .. } | Error::Vocabulary => Code::Model,
    }
}

fn face_code(error: &face::Error) -> Code {
    use face::Error;
    match error {
        Error::Range { .. } | Error::UnknownUnit { .. } | Error::PictureSize { .. } => Code::Usage,
        Error::Basis { .. } => Code::Model,
        Error::Meshes { .. } | Error::Identity { .. } => Code::Input,
        Error::Media(error) => media_code(error),
        _ => Code::Failed,
    }
}

fn media_code(error: &media::Error) -> Code {
    match error {
        media::Error::InFile { .. }
        | media::Error::Read(_)
        | media::Error::FilmRead { .. }
        | media::Error::Limit { .. } => Code::Input,
        media::Error::Write { source, .. } => write_code(source),
        media::Error::PictureSize { .. }
        | media::Error::UnknownCharacter { .. }
        | media::Error::Unfit { .. } => Code::Usage,
        media::Error::Cancelled => Code::Interrupted,
        _ => Code::Failed, // a format that cannot hold what was made
    }
}

fn write_code(error: &io::Error) -> Code {
    use io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge | OutOfMemory => Code::Full,
        _ => Code::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_any_failure() {
        let write = |kind| Error::Write {
            path: "a".into(),
            source: io::Error::from(kind),
        };
        assert_eq!(code(&write(io::ErrorKind::StorageFull)), Code::Full);
        assert_eq!(code(&write(io::ErrorKind::PermissionDenied)), Code::Failed);
    }

    #[test]
    fn a_hint_goes_along() {
        let failure = Failure::from(Error::NoModel {
            task: "music.lead-sheet",
        });
        assert_eq!(failure.code as u8, 5);
        assert!(
            failure
                .hint
                .is_some_and(|hint| hint.contains("affetto train lead-sheet"))
        );
    }
}
