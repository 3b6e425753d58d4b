//! Facial takes: reading, editing and writing them.

use std::{collections::BTreeMap, convert::Infallible, path::Path};

use affetto_core::{Progress, read_limited, sha256_hex};
use affetto_emotion::{FrameRate, parse_frame_rate};
use affetto_face::{
    condition::{FaceRequest, Half, Region},
    edit::Editor,
    facs::{ActionUnit, prototype},
    measure::FaceMeasured,
};
use affetto_media::{
    Limits,
    rig::{self, Take, TakeFormat},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Effect, Error, Findings, Input, InputRole, Kind,
    compose::{AnyPiece, Media, Work, as_typed},
    effects::face_effects,
    render::OutputFormat,
};

/// What was asked of a take, words resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaceAsked {
    /// Valence, -1..=1; at the first frame where it moves.
    pub valence: f64,
    /// Arousal, -1..=1; at the first frame where it moves.
    pub arousal: f64,
    /// Dominance, -1..=1; at the first frame where it moves.
    pub dominance: f64,
    /// How strong, 0..=1.
    pub intensity: f64,
    /// The action units of the emotion at full intensity.
    pub units: BTreeMap<ActionUnit, f64>,
    /// Where they come from.
    pub sources: Vec<String>,
    /// How far the emotion moves the shapes of a face at rest: the length of what is added to them, the mean over the frames.
    pub moves: f64,
    /// The half of the face that leads.
    pub leads: Half,
    /// Regions that stay.
    pub locks: Vec<Region>,
    /// Frames per second.
    pub fps: String,
}

/// A take with another feeling, and what was asked beside what was measured.
#[derive(Clone, Debug)]
pub struct EditedTake {
    /// The take.
    pub take: Take,
    /// What was asked.
    pub asked: FaceAsked,
    /// What was measured.
    pub measured: FaceMeasured,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The file that it was read from, where nothing in it has changed.
    unchanged: Option<(TakeFormat, Vec<u8>)>,
}

impl EditedTake {
    /// The bytes of a file; those of the source where nothing has changed.
    pub(crate) fn render(&self, format: OutputFormat) -> Result<Vec<u8>, Error> {
        match (format, &self.unchanged) {
            (OutputFormat::Take(format), Some((source, bytes))) if *source == format => {
                Ok(bytes.clone())
            }
            (OutputFormat::Take(format), _) => write(&self.take, format),
            (_, _) => Err(Error::UnknownOutput {
                path: Path::new("music").into(),
                known: Kind::FaceRig.extensions(),
            }),
        }
    }
}

/// Gives the take that `request` names another feeling, and measures it.
///
/// # Errors
///
/// Where the request is impossible, or the take cannot be read.
pub fn edit(request: &FaceRequest, progress: &dyn Progress) -> Result<EditedTake, Error> {
    edited(request, Work::new(&as_typed, progress))
}

pub(crate) fn edit_take(request: &FaceRequest, work: Work<'_>) -> Result<AnyPiece, Error> {
    let edited = edited(request, work)?;
    Ok(AnyPiece {
        findings: Findings::Face {
            asked: Box::new(edited.asked.clone()),
            measured: Box::new(edited.measured.clone()),
        },
        effects: edited.effects.clone(),
        warnings: edited.warnings.clone(),
        inputs: edited.inputs.clone(),
        model: None,
        media: Media::Take(Box::new(edited)),
    })
}

fn edited(request: &FaceRequest, mut work: Work<'_>) -> Result<EditedTake, Error> {
    request.check()?;
    let found = (work.locate)(InputRole::Take, &request.take)?;
    let bytes = read_limited(&found, Limits::DEFAULT.take_bytes)?;
    work.inputs.push(Input {
        role: InputRole::Take,
        path: request.take.clone(),
        bytes: bytes.len() as u64,
        sha256: sha256_hex(&bytes),
    });
    let (mut take, format) = take_from_bytes(&found, &bytes)?;
    let rate = take.rate;
    if let Some(fps) = &request.fps {
        take.rate = parse_frame_rate(fps)?;
    }
    let count = take.frames.len();
    let editor = Editor::new(request, take.rate, Some(count))?;
    let mut frames = editor.edit(take.frames.into_iter().map(Ok::<_, Infallible>));
    let mut shown = Vec::with_capacity(count);
    for frame in frames.by_ref() {
        if work.progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let Ok(frame) = frame;
        shown.push(frame);
    }
    let sums = frames.measured();
    let measured = sums.figures();
    let is_same = !sums.is_changed() && take.rate == rate;
    let unchanged = is_same.then_some((format, bytes));
    let asked = asked(request, &editor, sums.asked(), take.rate);
    let take = Take {
        frames: shown,
        ..take
    };
    let effects = face_effects(&asked, &measured);
    let warnings = work.warnings(&effects)?;
    Ok(EditedTake {
        take,
        asked,
        measured,
        effects,
        warnings,
        inputs: work.inputs,
        unchanged,
    })
}

fn asked(request: &FaceRequest, editor: &Editor, moves: f64, rate: FrameRate) -> FaceAsked {
    let emotion = editor.emotion(0);
    let shown = prototype(&emotion).with(&request.units);
    let [valence, arousal, dominance] = emotion.vad().to_array();
    FaceAsked {
        valence,
        arousal,
        dominance,
        intensity: emotion.intensity(),
        sources: shown
            .bases
            .iter()
            .map(|basis| basis.source().into())
            .collect(),
        units: shown.units,
        moves,
        leads: request.leading(),
        locks: request.locks.iter().copied().collect(),
        fps: rate.to_string(),
    }
}

/// Reads a facial take, whatever its format.
///
/// # Errors
///
/// Files that cannot be read, are damaged, or are larger than [`Limits::DEFAULT`]; the error names the file.
pub fn read_take(path: impl AsRef<Path>) -> Result<Take, Error> {
    let path = path.as_ref();
    let bytes = read_limited(path, Limits::DEFAULT.take_bytes)?;
    take_from_bytes(path, &bytes).map(|(take, _)| take)
}

fn take_from_bytes(path: &Path, bytes: &[u8]) -> Result<(Take, TakeFormat), Error> {
    let format =
        TakeFormat::from_path(path).ok_or_else(|| Error::UnknownTake { path: path.into() })?;
    let take = read(bytes, format).map_err(|error| error.in_file(path))?;
    Ok((take, format))
}

fn read(bytes: &[u8], format: TakeFormat) -> Result<Take, affetto_media::Error> {
    let limits = Limits::DEFAULT;
    match format {
        TakeFormat::LiveLinkCsv => rig::livelink::read(bytes, &limits),
        TakeFormat::Json => rig::arkit_json::read(bytes, &limits),
        TakeFormat::JsonLines => rig::arkit_json::read_lines(bytes, &limits),
        TakeFormat::Glb => rig::gltf::read(bytes, &limits),
        TakeFormat::Vrma => Err(unsupported(format, "the shapes of ARKit")),
    }
}

/// The format that a file name's extension stands for, of those that takes are written in.
pub(crate) fn format_to_write(path: &Path) -> Option<TakeFormat> {
    TakeFormat::from_path(path).filter(|format| *format != TakeFormat::Vrma)
}

fn write(take: &Take, format: TakeFormat) -> Result<Vec<u8>, Error> {
    Ok(match format {
        TakeFormat::LiveLinkCsv => rig::livelink::write(take)?,
        TakeFormat::Json => rig::arkit_json::write(take)?,
        TakeFormat::JsonLines => rig::arkit_json::write_lines(take)?,
        TakeFormat::Glb => rig::gltf::write(take, None)?,
        TakeFormat::Vrma => return Err(unsupported(format, "the shapes of ARKit").into()),
    })
}

/// Music has no take in it.
pub(crate) fn no_take(format: TakeFormat) -> Error {
    unsupported(format, "music").into()
}

fn unsupported(format: TakeFormat, what: &str) -> affetto_media::Error {
    affetto_media::Error::UnsupportedTake {
        format,
        what: what.into(),
    }
}
