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
    tokens::{TokenizeError, encode},
};

use crate::{
    Effect, Error, Input, InputRole, ModelUsed, Models,
    effects::{effects, written_bars},
    read::{ReadScore, read_input},
};

/// A lead sheet, with what was asked beside what was measured.
#[derive(Clone, Debug)]
pub struct LeadSheet {
    /// The music: melody, chord symbols, and chords and bass as they are played.
    pub score: Score,
    /// The bars that were written, counted from 0; others, and a pick-up, lie around them.
    pub written: Range<usize>,
    /// What was asked, words resolved.
    pub asked: Asked,
    /// What was measured.
    pub measured: LeadSheetMeasures,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The model that wrote it.
    pub model: ModelUsed,
}

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
    compose_from(request, &|_, path| Ok(path.to_path_buf()), models, progress)
}

/// Where a file lies that the request calls by `path`.
pub(crate) type Locate<'a> = dyn Fn(InputRole, &Path) -> Result<PathBuf, Error> + 'a;

pub(crate) fn compose_from(
    request: &LeadSheetRequest,
    locate: &Locate<'_>,
    models: &Models,
    progress: &dyn Progress,
) -> Result<LeadSheet, Error> {
    request.check()?;
    let progress = Recorder::new(progress);
    let mut inputs = Vec::new();
    let mut read = |role, path: &Option<PathBuf>| -> Result<Option<Score>, Error> {
        let Some(path) = path else {
            return Ok(None);
        };
        let ReadScore { score, input } = read_input(role, path, &locate(role, path)?)?;
        inputs.push(input);
        Ok(Some(on_grid(score, path, &progress)))
    };
    let sources = Sources {
        keep: read(InputRole::Keep, &request.keep)?,
        continue_from: read(InputRole::ContinueFrom, &request.continue_from)?,
        fill_in: read(InputRole::FillIn, &request.fill_in)?,
    };
    let model = models.lead_sheet(request.model.as_deref())?;
    let composition = model.model.compose_with(request, &sources, &progress)?;
    if progress.cancelled() {
        return Err(Error::Cancelled);
    }
    let measured = LeadSheetMeasures::of(&composition.score);
    let written = written_bars(request, &composition.asked, composition.score.bars.len());
    let effects = effects(request, &composition, &measured, written.clone());
    for effect in effects.iter().filter(|effect| !effect.reached) {
        progress.warn(Warning(effect.to_string()));
    }
    Ok(LeadSheet {
        score: composition.score,
        written,
        asked: composition.asked,
        measured,
        effects,
        warnings: progress.warnings(),
        inputs,
        model: model.used.clone(),
    })
}

/// A score as the models can read it: one that was played by hand is moved to sixteenths and triplets.
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
    pub(crate) fn new(inner: &'a dyn Progress) -> Self {
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
