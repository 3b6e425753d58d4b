//! Films of takes.

use std::path::Path;

use affetto_core::{Progress, Stage};
use affetto_emotion::FrameRate;
use affetto_media::{film::FilmWriter, rig::TakeFrame};
use rayon::prelude::*;

use super::Renderer;
use crate::Error;

/// Frames that are drawn side by side.
const AT_ONCE: usize = 8;

/// What a film of a face is like.
#[derive(Clone, Debug)]
pub struct Film {
    /// Weights of the identity modes; missing ones are 0.
    pub identity: Vec<f64>,
    /// Frames per second.
    pub rate: FrameRate,
    /// Width and height in pixels, an even number.
    pub size: u32,
}

impl Renderer<'_> {
    /// Writes a film of a take, whole or not at all. A few frames are held at a time, however long the take is.
    ///
    /// # Errors
    ///
    /// The first error among the frames, [`Error::Cancelled`], and those of [`Renderer::render`] and [`FilmWriter`].
    pub fn film<E: From<Error>>(
        &self,
        path: &Path,
        film: &Film,
        frames: impl IntoIterator<Item = Result<TakeFrame, E>>,
        progress: &dyn Progress,
    ) -> Result<(), E> {
        let mut writer = FilmWriter::new(path, film.rate).map_err(Error::from)?;
        let mut frames = frames.into_iter();
        let mut done = 0;
        loop {
            let group: Vec<TakeFrame> = frames.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
            if group.is_empty() {
                return Ok(writer.finish().map_err(Error::from)?);
            }
            let draw = |frame: &TakeFrame| self.render(&film.identity, frame, film.size);
            let pictures: Vec<_> = group.par_iter().map(draw).collect();
            for picture in pictures {
                writer.push(&picture?).map_err(Error::from)?;
            }
            done += group.len();
            progress.step(Stage::Render, done, done + frames.size_hint().0);
            if progress.cancelled() {
                return Err(Error::Cancelled.into());
            }
        }
    }
}
