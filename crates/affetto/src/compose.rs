use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use affetto_attributes::LeadSheetMeasures;
use affetto_core::{Progress, Stage, Warning};
use affetto_media::{Score, midi};
use affetto_music::{
    compose::{Asked, Sources},
    condition::LeadSheetRequest,
    piano::{
        compose::{PianoAsked, PianoMeasured, PianoSources},
        condition::PianoRequest,
    },
    tokens::{TokenizeError, encode},
};

use crate::{
    Effect, Error, Findings, Input, InputRole, ModelUsed, Models, Request,
    effects::{lead_sheet_effects, piano_effects, written_bars},
    read::{ReadScore, read_input},
    render::Sound,
    set::{GameSet, make_set},
    sticker::{DrawnSticker, make_sticker},
    take::{EditedTake, edit_take},
};

/// Music, with what was asked (`A`) beside what was measured (`M`).
#[derive(Clone, Debug)]
pub struct Composed<A, M> {
    /// The music.
    pub score: Score,
    /// The bars that were written, counted from 0; others, and a pick-up, lie around them.
    pub written: Range<usize>,
    /// What was asked, words resolved.
    pub asked: A,
    /// What was measured.
    pub measured: M,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The model that wrote it.
    pub model: ModelUsed,
}

/// A lead sheet: melody, chord symbols, and chords and bass as they are played.
pub type LeadSheet = Composed<Asked, LeadSheetMeasures>;

/// A piano piece: a part for the right hand, then one for the left.
pub type PianoPiece = Composed<PianoAsked, PianoMeasured>;

/// Writes the lead sheet that `request` asks for, and measures it.
///
/// # Errors
///
/// Where the request is impossible or contradicts itself, a file that it names cannot be read, or there is no model.
pub fn compose(
    request: &LeadSheetRequest,
    models: &Models,
    progress: &dyn Progress,
) -> Result<LeadSheet, Error> {
    lead_sheet(request, models, Work::new(&as_typed, progress))
}

/// Writes the piano piece that `request` asks for, and measures it.
///
/// # Errors
///
/// As [`compose`].
pub fn compose_piano(
    request: &PianoRequest,
    models: &Models,
    progress: &dyn Progress,
) -> Result<PianoPiece, Error> {
    piano(request, models, Work::new(&as_typed, progress))
}

/// Where a file lies that the request calls by `path`.
pub(crate) type Locate<'a> = dyn Fn(InputRole, &Path) -> Result<PathBuf, Error> + 'a;

/// Where the user said it was.
pub(crate) fn as_typed(_: InputRole, path: &Path) -> Result<PathBuf, Error> {
    Ok(path.to_path_buf())
}

/// Whatever was made, as [`Composed`].
pub(crate) struct AnyPiece {
    pub(crate) media: Media,
    pub(crate) findings: Findings,
    pub(crate) effects: Vec<Effect>,
    pub(crate) warnings: Vec<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) model: Option<ModelUsed>,
}

/// What files are rendered from.
pub(crate) enum Media {
    /// Music, and the bars of it that were written.
    Music { score: Score, written: Range<usize> },
    /// A take.
    Take(Box<EditedTake>),
    /// A character that acts.
    Sticker(Box<DrawnSticker>),
    /// The files of a game.
    Set(Box<GameSet>),
}

/// Makes whatever `request` asks for; `sound` plays what is measured by ear.
pub(crate) fn make(
    request: &Request,
    locate: &Locate<'_>,
    sound: &Sound,
    models: &Models,
    progress: &dyn Progress,
) -> Result<AnyPiece, Error> {
    let work = Work::new(locate, progress);
    Ok(match request {
        Request::LeadSheet(request) => {
            lead_sheet(request, models, work)?.with_findings(|asked, measured| {
                let (asked, measured) = (Box::new(asked), Box::new(measured));
                Findings::LeadSheet { asked, measured }
            })
        }
        Request::Piano(request) => {
            piano(request, models, work)?.with_findings(|asked, measured| {
                let (asked, measured) = (Box::new(asked), Box::new(measured));
                Findings::Piano { asked, measured }
            })
        }
        Request::Face(request) => edit_take(request, work)?,
        Request::Sticker(request) => make_sticker(request, models, work)?,
        Request::Set(request) => make_set(request, sound, models, work)?,
    })
}

impl<A, M> Composed<A, M> {
    fn with_findings(self, findings: impl FnOnce(A, M) -> Findings) -> AnyPiece {
        AnyPiece {
            media: Media::Music {
                score: self.score,
                written: self.written,
            },
            findings: findings(self.asked, self.measured),
            effects: self.effects,
            warnings: self.warnings,
            inputs: self.inputs,
            model: Some(self.model),
        }
    }
}

fn lead_sheet(
    request: &LeadSheetRequest,
    models: &Models,
    mut work: Work<'_>,
) -> Result<LeadSheet, Error> {
    request.check()?;
    let mut read = |role, path: &Option<PathBuf>| work.read(role, path, on_grid);
    let sources = Sources {
        keep: read(InputRole::Keep, &request.keep)?,
        continue_from: read(InputRole::ContinueFrom, &request.continue_from)?,
        fill_in: read(InputRole::FillIn, &request.fill_in)?,
    };
    let model = models.lead_sheet(request.model.as_deref())?;
    let composition = model
        .model
        .compose_with(request, &sources, &work.progress)?;
    let measured = LeadSheetMeasures::of(&composition.score);
    let written = written_bars(request, &composition.asked, composition.score.bars.len());
    let effects = lead_sheet_effects(request, &composition, &measured, written.clone());
    let warnings = work.warnings(&effects)?;
    Ok(Composed {
        score: composition.score,
        written,
        asked: composition.asked,
        measured,
        effects,
        warnings,
        inputs: work.inputs,
        model: model.used.clone(),
    })
}

fn piano(request: &PianoRequest, models: &Models, mut work: Work<'_>) -> Result<PianoPiece, Error> {
    request.check()?;
    let mut read = |role, path: &Option<PathBuf>| work.read(role, path, |score, _, _| score);
    let sources = PianoSources {
        continue_from: read(InputRole::ContinueFrom, &request.continue_from)?,
        fill_in: read(InputRole::FillIn, &request.fill_in)?,
        arrange: read(InputRole::Arrange, &request.arrange)?,
    };
    let model = models.piano(request.model.as_deref())?;
    let composition = model
        .model
        .compose_with(request, &sources, &work.progress)?;
    let effects = piano_effects(request, &composition);
    let warnings = work.warnings(&effects)?;
    Ok(Composed {
        score: composition.score,
        written: composition.written,
        asked: composition.asked,
        measured: composition.measured,
        effects,
        warnings,
        inputs: work.inputs,
        model: model.used.clone(),
    })
}

/// What goes along with any piece while it is made.
pub(crate) struct Work<'a> {
    pub(crate) locate: &'a Locate<'a>,
    pub(crate) progress: Recorder<'a>,
    pub(crate) inputs: Vec<Input>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(locate: &'a Locate<'a>, progress: &'a dyn Progress) -> Self {
        Self {
            locate,
            progress: Recorder::new(progress),
            inputs: Vec::new(),
        }
    }

    /// The score of `path`, made ready for the model, where one is named.
    fn read(
        &mut self,
        role: InputRole,
        path: &Option<PathBuf>,
        prepare: impl Fn(Score, &Path, &dyn Progress) -> Score,
    ) -> Result<Option<Score>, Error> {
        let Some(path) = path else {
            return Ok(None);
        };
        let found = (self.locate)(role, path)?;
        let ReadScore { score, input } = read_input(role, path, &found)?;
        self.inputs.push(input);
        Ok(Some(prepare(score, path, &self.progress)))
    }

    /// Warns of the controls that missed, and returns all that was warned of.
    pub(crate) fn warnings(&self, effects: &[Effect]) -> Result<Vec<String>, Error> {
        if self.progress.cancelled() {
            return Err(Error::Cancelled);
        }
        for effect in effects.iter().filter(|effect| !effect.reached) {
            self.progress.warn(Warning(effect.to_string()));
        }
        Ok(self.progress.warnings())
    }
}

/// A score as the lead-sheet models can read it: one that was played by hand is moved to sixteenths and triplets.
fn on_grid(score: Score, path: &Path, progress: &dyn Progress) -> Score {
    if !matches!(encode(&score.lead_sheet()), Err(TokenizeError::Grid { .. })) {
        return score;
    }
    progress.warn(Warning(format!(
        "notes between sixteenths and triplets were moved to the nearest of them: {}",
        path.display()
    )));
    midi::quantise(&score, &midi::PLAYED_GRID)
}

/// Passes everything on, and keeps the warnings.
pub(crate) struct Recorder<'a> {
    inner: &'a dyn Progress,
    warnings: Mutex<Vec<String>>,
}

impl<'a> Recorder<'a> {
    fn new(inner: &'a dyn Progress) -> Self {
        Self {
            inner,
            warnings: Mutex::new(Vec::new()),
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Progress for Recorder<'_> {
    fn step(&self, stage: Stage, done: usize, total: usize) {
        self.inner.step(stage, done, total);
    }

    fn note(&self, text: &str) {
        self.inner.note(text);
    }

    fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning.0) {
            warnings.push(warning.0.clone());
            self.inner.warn(warning);
        }
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_core::Silent;

    #[test]
    fn the_same_warning_is_kept_once() {
        let recorder = Recorder::new(&Silent);
        for text in ["a", "b", "a"] {
            recorder.warn(Warning(text.into()));
        }
        assert_eq!(recorder.warnings(), ["a", "b"]);
    }
}
