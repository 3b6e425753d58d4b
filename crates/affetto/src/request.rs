use std::path::Path;

use affetto_core::Seed;
use affetto_face::condition::FaceRequest;
use affetto_music::{condition::LeadSheetRequest, piano::condition::PianoRequest, set::SetRequest};
use affetto_video::sticker::condition::StickerRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, InputRole, Task};

/// What to make. The command builds one, a manifest line holds one.
///
/// ```
/// use affetto::Request;
///
/// let text = r#"{ "kind": "music.lead-sheet", "seed": 7, "bars": 8, "key": "D minor" }"#;
/// let request: Request = serde_json::from_str(text).unwrap();
/// assert_eq!(request.kind().name(), "music.lead-sheet");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Request {
    /// A lead sheet with its accompaniment.
    #[serde(rename = "music.lead-sheet")]
    LeadSheet(Box<LeadSheetRequest>),
    /// Piano music for two hands.
    #[serde(rename = "music.piano")]
    Piano(Box<PianoRequest>),
    /// Another feeling in a facial take.
    #[serde(rename = "face.rig")]
    Face(Box<FaceRequest>),
    /// A drawn character that acts an emotion.
    #[serde(rename = "video.sticker")]
    Sticker(Box<StickerRequest>),
    /// A set of game files, made from one score.
    #[serde(rename = "music.set")]
    Set(Box<SetRequest>),
}

/// What a request makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A lead sheet.
    LeadSheet,
    /// Piano music.
    Piano,
    /// A facial take.
    FaceRig,
    /// A sticker.
    Sticker,
    /// A set of game files.
    Set,
}

impl Kind {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeadSheet => Task::LeadSheet.name(),
            Self::Piano => Task::Piano.name(),
            Self::FaceRig => "face.rig",
            Self::Sticker => Task::Sticker.name(),
            Self::Set => "music.set",
        }
    }

    /// The extensions of the files that it is written to, in words.
    pub(crate) const fn extensions(self) -> &'static str {
        match self {
            Self::LeadSheet | Self::Piano => ".mid, .musicxml, .mxl, .abc, .ly, .wav, .ogg or .png",
            Self::FaceRig => ".csv, .json, .jsonl or .glb",
            Self::Sticker => {
                ".webp, .png, .gif, .json (Lottie), .lottie, .tgs, .svg, .mp4, .webm, .take.json or .csv"
            }
            Self::Set => ".mid, .wav, .ogg or .cues.json, all in one folder",
        }
    }
}

impl Request {
    /// What it asks a model to do; nothing where no model is needed.
    pub const fn task(&self) -> Option<Task> {
        match self {
            Self::LeadSheet(_) => Some(Task::LeadSheet),
            Self::Piano(_) => Some(Task::Piano),
            Self::Face(_) => None,
            Self::Sticker(_) => Some(Task::Sticker),
            Self::Set(_) => Some(Task::LeadSheet),
        }
    }

    /// What is made.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::LeadSheet(_) => Kind::LeadSheet,
            Self::Piano(_) => Kind::Piano,
            Self::Face(_) => Kind::FaceRig,
            Self::Sticker(_) => Kind::Sticker,
            Self::Set(_) => Kind::Set,
        }
    }

    /// Its seed.
    pub const fn seed(&self) -> Seed {
        match self {
            Self::LeadSheet(request) => request.seed,
            Self::Piano(request) => request.seed,
            Self::Face(request) => request.seed,
            Self::Sticker(request) => request.seed,
            Self::Set(request) => request.seed,
        }
    }

    /// The model that it names.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::LeadSheet(request) => request.model.as_deref(),
            Self::Piano(request) => request.model.as_deref(),
            Self::Face(_) => None,
            Self::Sticker(request) => request.model.as_deref(),
            Self::Set(request) => request.model.as_deref(),
        }
    }

    /// Checks every number against its range, and that what is asked goes together.
    ///
    /// # Errors
    ///
    /// The first that does not.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::LeadSheet(request) => request.check()?,
            Self::Piano(request) => request.check()?,
            Self::Face(request) => request.check()?,
            Self::Sticker(request) => request.check()?,
            Self::Set(request) => request.check()?,
        }
        Ok(())
    }

    /// The files that it names, each with what it is for.
    pub fn inputs(&self) -> impl Iterator<Item = (InputRole, &Path)> {
        use InputRole::{Arrange, Character, ContinueFrom, FillIn, Keep, Take};
        let named = match self {
            Self::LeadSheet(request) => vec![
                (Keep, request.keep.as_deref()),
                (ContinueFrom, request.continue_from.as_deref()),
                (FillIn, request.fill_in.as_deref()),
            ],
            Self::Piano(request) => vec![
                (ContinueFrom, request.continue_from.as_deref()),
                (FillIn, request.fill_in.as_deref()),
                (Arrange, request.arrange.as_deref()),
            ],
            Self::Face(request) => vec![(Take, Some(request.take.as_path()))],
            Self::Sticker(request) => vec![
                (Character, request.character_file.as_deref()),
                (Take, request.variation_of.as_deref()),
            ],
            Self::Set(_) => Vec::new(),
        };
        let paths = named.into_iter();
        paths.filter_map(|(role, path)| Some((role, path?)))
    }

    /// The same request with another seed.
    pub fn with_seed(self, seed: Seed) -> Self {
        match self {
            Self::LeadSheet(request) => {
                Self::LeadSheet(Box::new(LeadSheetRequest { seed, ..*request }))
            }
            Self::Piano(request) => Self::Piano(Box::new(PianoRequest { seed, ..*request })),
            Self::Face(request) => Self::Face(Box::new(FaceRequest { seed, ..*request })),
            Self::Sticker(request) => Self::Sticker(Box::new(StickerRequest { seed, ..*request })),
            Self::Set(request) => Self::Set(Box::new(SetRequest { seed, ..*request })),
        }
    }
}

impl From<LeadSheetRequest> for Request {
    fn from(request: LeadSheetRequest) -> Self {
        Self::LeadSheet(Box::new(request))
    }
}

impl From<PianoRequest> for Request {
    fn from(request: PianoRequest) -> Self {
        Self::Piano(Box::new(request))
    }
}

impl From<StickerRequest> for Request {
    fn from(request: StickerRequest) -> Self {
        Self::Sticker(Box::new(request))
    }
}

impl From<SetRequest> for Request {
    fn from(request: SetRequest) -> Self {
        Self::Set(Box::new(request))
    }
}

impl From<FaceRequest> for Request {
    fn from(request: FaceRequest) -> Self {
        Self::Face(Box::new(request))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_names_its_kind_and_survives_json() {
        let sheet = LeadSheetRequest {
            seed: Seed(u64::MAX),
            bars: Some(9),
            temperature: 0.1 + 0.2,
            ..LeadSheetRequest::default()
        };
        let request = Request::from(sheet);
        let json = serde_json::to_string(&request).unwrap();
        assert!(json.starts_with(r#"{"kind":"music.lead-sheet","#));
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
        let piano = Request::from(PianoRequest {
            seed: Seed(3),
            hand_span: Some(12),
            ..PianoRequest::default()
        });
        let json = serde_json::to_string(&piano).unwrap();
        assert!(json.starts_with(r#"{"kind":"music.piano","#));
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), piano);
        let set = Request::from(SetRequest {
            seed: Seed(3),
            layers: 5,
            ..SetRequest::default()
        });
        let json = serde_json::to_string(&set).unwrap();
        assert!(json.starts_with(r#"{"kind":"music.set","#));
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), set);
    }

    #[test]
    fn the_files_that_are_named_are_known_by_what_they_are_for() {
        let sheet = Request::from(LeadSheetRequest {
            keep: Some("a.mid".into()),
            ..LeadSheetRequest::default()
        });
        let piano = Request::from(PianoRequest {
            arrange: Some("a.mid".into()),
            ..PianoRequest::default()
        });
        let roles = |request: &Request| request.inputs().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(roles(&sheet), [InputRole::Keep]);
        assert_eq!(roles(&piano), [InputRole::Arrange]);
    }

    #[test]
    fn unknown_kinds_and_fields_are_refused() {
        for text in [
            "{}",
            r#"{"kind":"music.opera"}"#,
            r#"{"kind":"music.lead-sheet","bras":8}"#,
            r#"{"kind":"music.piano","pickup":[1,2]}"#,
            r#"{"kind":"music.set","layer":2}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
