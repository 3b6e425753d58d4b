//! Facial takes: reading, editing and writing them.

mod file;

use std::{collections::BTreeMap, io::Write};

use affetto_core::{Progress, Stage};
use affetto_emotion::{FrameRate, parse_frame_rate};
use affetto_face::{
    condition::{FaceRequest, Half, Region},
    edit::Editor,
    facs::{ActionUnit, prototype},
    measure::{FaceMeasured, Measured},
};
use affetto_media::rig::{TakeFormat, TakeFrame};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Effect, Error, Findings, Input, InputRole,
    compose::{AnyPiece, Media, Work, as_typed},
    effects::face_effects,
};
pub use file::TakeFile;
pub(crate) use file::{format_to_write, no_take};

/// Frames after which progress is told and a wish to stop is heard.
const FRAMES_A_STEP: usize = 500;

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
    /// The same of the left half of the face and of the right one.
    #[serde(default)]
    pub halves: [f64; 2],
    /// The half of the face that leads.
    pub leads: Half,
    /// Regions that stay.
    pub locks: Vec<Region>,
    /// Seconds in which the emotion comes.
    #[serde(default)]
    pub attack_secs: f64,
    /// Seconds in which it goes.
    #[serde(default)]
    pub release_secs: f64,
    /// Frames per second.
    pub fps: String,
}

/// A take with another feeling, and what was asked beside what was measured.
#[derive(Clone, Debug)]
pub struct EditedTake {
    /// The take that it is made from.
    pub source: TakeFile,
    /// Frames per second.
    pub rate: FrameRate,
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
    editor: Editor,
    /// Whether nothing in it is other than it was.
    unchanged: bool,
}

impl EditedTake {
    /// The frames with the other feeling, one by one, in the order of the take.
    ///
    /// # Errors
    ///
    /// Where the file of the take can no longer be read, here and for each frame.
    pub fn frames(&self) -> Result<impl Iterator<Item = Result<TakeFrame, Error>> + '_, Error> {
        Ok(self.editor.edit(self.source.frames()?))
    }

    /// Writes the take to `out`; as it was to the byte where nothing has changed. An error without a file is one of `out`.
    pub(crate) fn write(&self, format: TakeFormat, out: &mut dyn Write) -> Result<(), Error> {
        if self.unchanged && format == self.source.format() {
            return self.source.copy(out);
        }
        let identity = self.source.identity();
        file::write(out, format, self.rate, identity, self.frames()?)?;
        self.source.check_unchanged()
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
    let source = TakeFile::open((work.locate)(InputRole::Take, &request.take)?)?;
    work.inputs.push(Input {
        role: InputRole::Take,
        path: request.take.clone(),
        bytes: source.checksum().bytes,
        sha256: source.checksum().sha256.clone(),
    });
    let rate = match &request.fps {
        Some(fps) => parse_frame_rate(fps)?,
        None => source.rate(),
    };
    let editor = Editor::new(request, rate, Some(source.count()))?;
    let mut frames = editor.edit(source.frames()?);
    for (at, frame) in frames.by_ref().enumerate() {
        frame?;
        if at % FRAMES_A_STEP == 0 {
            work.progress.step(Stage::Generate, at, source.count());
            if work.progress.cancelled() {
                return Err(Error::Cancelled);
            }
        }
    }
    let sums = frames.measured();
    let measured = sums.figures();
    let unchanged = !sums.is_changed() && rate == source.rate();
    let asked = asked(request, &editor, sums, rate);
    drop(frames);
    let effects = face_effects(&asked, &measured);
    let warnings = work.warnings(&effects)?;
    Ok(EditedTake {
        source,
        rate,
        asked,
        measured,
        effects,
        warnings,
        inputs: work.inputs,
        editor,
        unchanged,
    })
}

fn asked(request: &FaceRequest, editor: &Editor, sums: &Measured, rate: FrameRate) -> FaceAsked {
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
        moves: sums.asked(),
        halves: sums.asked_halves(),
        leads: request.leading(),
        locks: request.locks.iter().copied().collect(),
        attack_secs: request.attack_secs,
        release_secs: request.release_secs,
        fps: rate.to_string(),
    }
}
