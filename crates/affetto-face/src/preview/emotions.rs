//! Emotions beside each other, from nothing to the whole of each; and the shapes that they are made of.

use affetto_core::{Progress, Stage};
use affetto_emotion::{Emotion, Taxonomy};
use affetto_media::rig::{Shape, TakeFrame};
use rayon::prelude::*;

use super::{Cell, ContactSheet, Renderer};
use crate::{Error, facs::prototype};

/// The intensities of the columns.
pub const SHEET_INTENSITIES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// The emotions of a sheet where none is named: those of MEAD and the further ones of C-MET, without neutral.
pub fn usual_emotions() -> Vec<(String, Emotion)> {
    let mut emotions: Vec<(String, Emotion)> = Vec::new();
    for label in [Taxonomy::Mead, Taxonomy::Cmet]
        .into_iter()
        .flat_map(Taxonomy::iter)
    {
        let name = label.name();
        if name != "neutral" && emotions.iter().all(|(known, _)| known != name) {
            emotions.push((name.to_owned(), label.into()));
        }
    }
    emotions
}

/// A sheet with a row for each emotion and a column for each of [`SHEET_INTENSITIES`], in pictures `size` pixels wide.
///
/// # Errors
///
/// Those of [`Renderer::render`], and [`Error::Cancelled`].
pub fn emotion_sheet(
    renderer: &Renderer<'_>,
    emotions: &[(String, Emotion)],
    size: u32,
    progress: &dyn Progress,
) -> Result<ContactSheet, Error> {
    let mut cells = Vec::with_capacity(emotions.len() * SHEET_INTENSITIES.len());
    for (row, (name, emotion)) in emotions.iter().enumerate() {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        progress.step(Stage::Render, row, emotions.len());
        let prototype = prototype(emotion);
        let cell = |intensity: f64| {
            let (shapes, head) = prototype.shown(intensity * emotion.intensity());
            let frame = TakeFrame {
                shapes,
                head,
                ..TakeFrame::default()
            };
            Ok(Cell {
                label: format!("{name} {intensity}"),
                picture: renderer.render(&[], &frame, size)?,
            })
        };
        let drawn: Vec<Result<Cell, Error>> = SHEET_INTENSITIES.into_par_iter().map(cell).collect();
        for cell in drawn {
            cells.push(cell?);
        }
    }
    Ok(ContactSheet {
        title: "Emotions, from nothing to the whole of each".into(),
        columns: SHEET_INTENSITIES.len(),
        cells,
    })
}

/// Shapes in a row of their sheet.
const SHAPES_IN_A_ROW: usize = 9;

/// A sheet of the face at rest and of each shape at 1, in pictures `size` pixels wide.
///
/// # Errors
///
/// Those of [`Renderer::render`].
pub fn shape_sheet(renderer: &Renderer<'_>, size: u32) -> Result<ContactSheet, Error> {
    let shapes: Vec<Option<Shape>> = std::iter::once(None)
        .chain(Shape::ALL.into_iter().map(Some))
        .collect();
    let cell = |shape: &Option<Shape>| {
        let mut frame = TakeFrame::default();
        if let Some(shape) = shape {
            frame.shapes[*shape] = 1.0;
        }
        Ok(Cell {
            label: shape.map_or("at rest", Shape::name).into(),
            picture: renderer.render(&[], &frame, size)?,
        })
    };
    Ok(ContactSheet {
        title: "The shapes of ARKit, each at 1".into(),
        columns: SHAPES_IN_A_ROW,
        cells: shapes.par_iter().map(cell).collect::<Result<_, Error>>()?,
    })
}
