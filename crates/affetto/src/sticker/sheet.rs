//! Many stickers on one picture: characters, emotions, seeds and moments in rows and columns.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use affetto_core::{AtomicFile, Progress, Seed, Silent, Stage, Summed, write_atomic};
use affetto_emotion::Emotion;
use affetto_media::sticker::{
    Character, Sticker, StickerTake,
    export::{SheetGrid, moments, write_sheet},
};
use affetto_video::{
    Error as VideoError,
    sticker::{
        condition::StickerRequest, make::Sticker as Made, measure::StickerMeasured,
        model::StickerModel,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StickerAsked, asked, character_of_file, look, moved, source};
use crate::{
    Engine, Error, Input, LoadedModel, ModelUsed, Models, OutputFile,
    compose::{Locate, Work, as_typed},
    provenance::{from_json, is_plain, schema_fault, to_json},
    provenance_path,
};

/// The schema that the provenance of a sheet names.
pub const SHEET_PROVENANCE_SCHEMA: &str = "sheet-provenance/1";

/// The most pictures of a sheet.
const MOST_CELLS: usize = 2_000;
/// The most seconds of motion that a sheet shows moments of.
const MOST_SECONDS: f64 = 2_400.0;

/// What a sheet shows. Of characters, emotions, seeds and moments, in this order, the last of which there are several are its
/// columns; each combination of the others is a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StickerSheet {
    /// What all have in common. Its seed is the first, its size that of each picture; its emotion and its character are
    /// not used.
    pub sticker: StickerRequest,
    /// The emotions, each with the words that are written beside it.
    pub emotions: Vec<(String, Emotion)>,
    /// Names of characters, and files that end in `.svg`.
    pub characters: Vec<String>,
    /// How many seeds, counted on from the first.
    pub seeds: usize,
    /// How many moments of each sticker, at equal distances from the first frame on; of one alone the moment that is most
    /// like all of them is shown.
    pub moments: usize,
}

/// How a sheet was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetProvenance {
    /// `sheet-provenance/1`.
    pub schema: String,
    /// What made it.
    pub engine: Engine,
    /// What was to be shown.
    pub sheet: StickerSheet,
    /// The model that moved the stickers.
    pub models: Vec<ModelUsed>,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The picture.
    pub output: OutputFile,
    /// The stickers, emotion by emotion and seed by seed, asked beside measured.
    pub stickers: Vec<SheetSticker>,
}

/// A sticker of a sheet, asked beside measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetSticker {
    /// The words of its emotion.
    pub emotion: String,
    /// Its seed.
    pub seed: Seed,
    /// What was asked of it.
    pub asked: StickerAsked,
    /// What was measured on it.
    pub measured: StickerMeasured,
}

/// Which picture of a sheet: places in its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    character: usize,
    emotion: usize,
    seed: usize,
    moment: usize,
}

impl StickerSheet {
    /// Checks every number against its range.
    ///
    /// # Errors
    ///
    /// As [`StickerRequest::check`]; for nothing to show, more than 2,000 pictures or 2,400 seconds of motion, and a sheet
    /// of more than 8,192 pixels on a side.
    pub fn check(&self) -> Result<(), Error> {
        self.sticker.check()?;
        let counts = self.counts();
        let cells = counts
            .iter()
            .fold(1, |cells: usize, count| cells.saturating_mul(*count));
        if !(1..=MOST_CELLS).contains(&cells) {
            let [characters, emotions, seeds, moments] = counts;
            return Err(refused(
                "the sheet",
                format!(
                    "{characters} characters x {emotions} emotions x {seeds} seeds x {moments} moments"
                ),
                format!("1 to {MOST_CELLS} pictures"),
            ));
        }
        let seconds = (self.emotions.len() * self.seeds) as f64 * self.sticker.length_secs;
        if seconds > MOST_SECONDS {
            return Err(refused(
                "the motion on the sheet",
                format!("{seconds} seconds"),
                format!("at most {MOST_SECONDS} seconds: fewer seeds or a shorter length"),
            ));
        }
        let extent = self.grid().extent();
        extent.map(|_| ()).map_err(|error| {
            refused(
                "the size of the sheet",
                error.to_string(),
                "smaller: fewer or smaller pictures".into(),
            )
        })
    }

    /// Characters, emotions, seeds and moments.
    fn counts(&self) -> [usize; 4] {
        [
            self.characters.len(),
            self.emotions.len(),
            self.seeds,
            self.moments,
        ]
    }

    /// Which of the four is in columns.
    fn columns(&self) -> usize {
        self.counts()
            .iter()
            .rposition(|count| *count > 1)
            .unwrap_or(3)
    }

    /// The names of rows and columns.
    pub fn grid(&self) -> SheetGrid {
        let across = self.columns();
        let counts = self.counts();
        let rows = self.rows().map(|row| {
            // What there is one of, and what is in columns, is not said.
            let named = (0..4).filter(|axis| *axis != across && counts[*axis] > 1);
            let names: Vec<String> = named.map(|axis| self.name(axis, row)).collect();
            names.join(", ")
        });
        let columns = (0..counts[across]).map(|at| match counts[across] > 1 {
            true => self.name(across, at_axis(FIRST, across, at)),
            false => String::new(),
        });
        SheetGrid {
            rows: rows.collect(),
            columns: columns.collect(),
            size: self.sticker.size,
            background: self.sticker.background,
        }
    }

    /// The first picture of each row.
    fn rows(&self) -> impl Iterator<Item = Cell> {
        let across = self.columns();
        let mut counts = self.counts();
        counts[across] = 1;
        let [characters, emotions, seeds, moments] = counts;
        let count = characters * emotions * seeds * moments;
        (0..count).map(move |row| Cell {
            moment: row % moments,
            seed: row / moments % seeds,
            emotion: row / (moments * seeds) % emotions,
            character: row / (moments * seeds * emotions),
        })
    }

    /// The pictures of a row.
    fn row(&self, first: Cell) -> impl Iterator<Item = Cell> {
        let across = self.columns();
        (0..self.counts()[across]).map(move |at| at_axis(first, across, at))
    }

    fn name(&self, axis: usize, cell: Cell) -> String {
        match axis {
            0 => {
                let path = Path::new(&self.characters[cell.character]);
                let stem = path.file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }
            1 => self.emotions[cell.emotion].0.clone(),
            2 => format!("seed {}", self.seed(cell).0),
            _ => format!("{:.2} s", self.regular_moment(cell)),
        }
    }

    fn seed(&self, cell: Cell) -> Seed {
        Seed(self.sticker.seed.0.wrapping_add(cell.seed as u64))
    }

    /// Where moments are at equal distances, of frames that there are.
    fn regular_moment(&self, cell: Cell) -> f64 {
        let frame = cell.moment * self.sticker.frames() / self.moments;
        frame as f64 / f64::from(self.sticker.fps)
    }

    fn request(&self, cell: Cell) -> StickerRequest {
        StickerRequest {
            seed: self.seed(cell),
            emotion: self.emotions[cell.emotion].1.clone(),
            ..self.sticker.clone()
        }
    }
}

const FIRST: Cell = Cell {
    character: 0,
    emotion: 0,
    seed: 0,
    moment: 0,
};

fn at_axis(mut cell: Cell, axis: usize, at: usize) -> Cell {
    let place = match axis {
        0 => &mut cell.character,
        1 => &mut cell.emotion,
        2 => &mut cell.seed,
        _ => &mut cell.moment,
    };
    *place = at;
    cell
}

fn refused(name: &'static str, value: String, permitted: String) -> Error {
    let error = VideoError::Config {
        name,
        value,
        permitted,
    };
    error.into()
}

/// Writes a sheet as PNG at `file`, row by row, with `FILE.provenance.json` beside it.
///
/// # Errors
///
/// As [`StickerSheet::check`]; [`Error::Exists`] where the file stands already and `force` is not set; where a character, a
/// take or the model cannot be read, and where a file cannot be written.
pub fn write_sticker_sheet(
    sheet: &StickerSheet,
    file: &Path,
    force: bool,
    models: &Models,
    progress: &dyn Progress,
) -> Result<SheetProvenance, Error> {
    sheet.check()?;
    let failed = |source| Error::Write {
        path: file.into(),
        source,
    };
    if !is_png(file) {
        return Err(Error::UnknownOutput {
            path: file.into(),
            known: ".png",
        });
    }
    if !force && file.exists() {
        return Err(Error::Exists { path: file.into() });
    }
    let mut output = Summed::new(AtomicFile::create(file).map_err(failed)?);
    let drawn = draw_sheet(sheet, &mut output, &as_typed, models, progress)?;
    let sum = output.checksum();
    let name = file.file_name().unwrap_or_default();
    let provenance = SheetProvenance {
        schema: SHEET_PROVENANCE_SCHEMA.into(),
        engine: Engine::this(),
        sheet: sheet.clone(),
        models: vec![drawn.used],
        inputs: drawn.inputs,
        output: OutputFile {
            name: name.to_string_lossy().into_owned(),
            bytes: sum.bytes,
            sha256: sum.sha256,
        },
        stickers: drawn.stickers,
    };
    let beside = provenance_path(file);
    write_atomic(&beside, provenance.to_json().as_bytes()).map_err(|source| Error::Write {
        path: beside.clone(),
        source,
    })?;
    output.into_inner().commit().map_err(failed)?;
    Ok(provenance)
}

fn is_png(file: &Path) -> bool {
    file.extension()
        .is_some_and(|word| word.eq_ignore_ascii_case("png"))
}

/// What came of drawing a sheet, but the picture.
pub(crate) struct DrawnSheet {
    pub(crate) stickers: Vec<SheetSticker>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) used: ModelUsed,
}

/// Draws a sheet to `output`, from the files where `locate` says that they are.
pub(crate) fn draw_sheet(
    sheet: &StickerSheet,
    output: &mut impl Write,
    locate: &Locate<'_>,
    models: &Models,
    progress: &dyn Progress,
) -> Result<DrawnSheet, Error> {
    let mut work = Work::new(locate, progress);
    let drawing = Drawing::new(sheet, models, &mut work)?;
    Ok(DrawnSheet {
        stickers: drawing.draw(output, progress)?,
        inputs: work.inputs,
        used: drawing.used,
    })
}

impl SheetProvenance {
    /// From the `bytes` of the provenance file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Provenance`] where they are not one, or one that nothing could have been made by.
    pub fn from_json(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        from_json(path, bytes, Self::fault)
    }

    fn fault(&self) -> Option<String> {
        if let Some(fault) = schema_fault(&self.schema, SHEET_PROVENANCE_SCHEMA) {
            return Some(fault);
        }
        if let Err(error) = self.sheet.check() {
            return Some(error.to_string());
        }
        let name = &self.output.name;
        match is_plain(name) && is_png(Path::new(name)) {
            true => None,
            false => Some(format!("{name:?} is no plain name of a PNG file")),
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// What a sheet is drawn from.
struct Drawing<'a> {
    sheet: &'a StickerSheet,
    characters: Vec<Character>,
    source: Option<StickerTake>,
    model: Arc<LoadedModel<StickerModel>>,
    used: ModelUsed,
}

impl<'a> Drawing<'a> {
    fn new(sheet: &'a StickerSheet, models: &Models, work: &mut Work<'_>) -> Result<Self, Error> {
        let characters = sheet.characters.iter().map(|name| {
            let path = PathBuf::from(name);
            let is_file = path
                .extension()
                .is_some_and(|word| word.eq_ignore_ascii_case("svg"));
            match is_file {
                true => character_of_file(&path, work),
                false => Ok(Character::by_name(name)?),
            }
        });
        let characters = characters.collect::<Result<Vec<_>, Error>>()?;
        let source = source(&sheet.sticker, work)?;
        let model = models.sticker(sheet.sticker.model.as_deref())?;
        Ok(Self {
            sheet,
            characters,
            source,
            used: model.used.clone(),
            model,
        })
    }

    fn draw(
        &self,
        file: &mut impl Write,
        progress: &dyn Progress,
    ) -> Result<Vec<SheetSticker>, Error> {
        let grid = self.sheet.grid();
        let total = grid.rows.len() * grid.columns.len();
        let rows: Vec<Cell> = self.sheet.rows().collect();
        let mut takes = BTreeMap::new();
        let mut stickers = BTreeMap::new();
        let mut done = 0;
        write_sheet(file, &grid, |row| {
            let cells: Vec<Cell> = self.sheet.row(rows[row]).collect();
            for cell in &cells {
                if progress.cancelled() {
                    return Err(Error::Cancelled);
                }
                let key = (cell.emotion, cell.seed);
                if let Entry::Vacant(place) = takes.entry(key) {
                    let (made, sticker) = self.make(*cell)?;
                    place.insert(made);
                    stickers.insert(key, sticker);
                }
                done += 1;
                progress.step(Stage::Render, done, total);
            }
            let moment = |cell: &Cell| self.moment(*cell, &takes[&(cell.emotion, cell.seed)]);
            let shown = cells.iter().map(moment).collect::<Result<Vec<_>, _>>()?;
            let pictures = moments(&shown, grid.size)?;
            drop(shown);
            // All characters act the same takes; those of one alone are not needed again.
            if self.characters.len() == 1 {
                takes.clear();
            }
            Ok::<_, Error>(pictures)
        })?;
        Ok(stickers.into_values().collect())
    }

    fn make(&self, cell: Cell) -> Result<(Made, SheetSticker), Error> {
        let request = self.sheet.request(cell);
        let made = moved(&request, self.source.as_ref(), &self.model.model, &Silent)?;
        let character = &self.characters[cell.character];
        let sticker = SheetSticker {
            emotion: self.sheet.emotions[cell.emotion].0.clone(),
            seed: request.seed,
            asked: asked(&request, character.name()),
            measured: made.measured.clone(),
        };
        Ok((made, sticker))
    }

    /// The sticker of a cell, and which moment of it is shown.
    fn moment<'b>(&'b self, cell: Cell, made: &'b Made) -> Result<(Sticker<'b>, f64), Error> {
        let look = look(&self.sheet.request(cell));
        let sticker = Sticker::new(&self.characters[cell.character], &made.take, look)?;
        let seconds = match self.sheet.moments {
            1 => made.take.usual_moment(),
            _ => self.sheet.regular_moment(cell),
        };
        Ok((sticker, seconds))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sheet(characters: &[&str], emotions: &[&str], seeds: usize, moments: usize) -> StickerSheet {
        let emotion = |word: &&str| ((*word).to_owned(), Emotion::parse(word).unwrap());
        StickerSheet {
            sticker: StickerRequest {
                size: 32,
                seed: Seed(5),
                ..StickerRequest::default()
            },
            emotions: emotions.iter().map(emotion).collect(),
            characters: characters.iter().map(|name| (*name).to_owned()).collect(),
            seeds,
            moments,
        }
    }

    fn names(sheet: &StickerSheet) -> (Vec<String>, Vec<String>) {
        let SheetGrid { rows, columns, .. } = sheet.grid();
        (rows, columns)
    }

    #[test]
    fn the_last_of_which_there_are_several_are_columns() {
        let owned = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let seeds = names(&sheet(&["bear"], &["awe", "fear"], 3, 1));
        assert_eq!(seeds.0, owned(&["awe", "fear"]));
        assert_eq!(seeds.1, owned(&["seed 5", "seed 6", "seed 7"]));
        let characters = names(&sheet(&["bear", "art/mine.svg"], &["awe", "fear"], 1, 1));
        assert_eq!(characters.0, owned(&["bear", "mine"]));
        assert_eq!(characters.1, owned(&["awe", "fear"]));
        let strips = names(&sheet(&["bear"], &["awe", "fear"], 1, 4));
        assert_eq!(strips.0, owned(&["awe", "fear"]));
        assert_eq!(strips.1, owned(&["0.00 s", "0.50 s", "1.00 s", "1.50 s"]));
        let all = names(&sheet(&["bear", "cat"], &["awe", "fear"], 2, 1));
        assert_eq!(
            all.0,
            owned(&["bear, awe", "bear, fear", "cat, awe", "cat, fear"])
        );
        assert_eq!(names(&sheet(&["cat"], &["awe"], 1, 1)).1, owned(&[""]));
    }

    #[test]
    fn every_picture_is_shown_once() {
        let sheet = sheet(&["bear", "cat", "dog"], &["awe", "fear"], 5, 4);
        let cells: Vec<Cell> = sheet.rows().flat_map(|row| sheet.row(row)).collect();
        assert_eq!(cells.len(), 3 * 2 * 5 * 4);
        for (at, cell) in cells.iter().enumerate() {
            assert!(cells[..at].iter().all(|before| before != cell), "{cell:?}");
        }
    }

    #[test]
    fn sheets_without_pictures_or_with_too_many_are_refused() {
        assert!(sheet(&["cat"], &["awe"], 1, 1).check().is_ok());
        for wrong in [
            sheet(&[], &["awe"], 1, 1),
            sheet(&["cat"], &[], 1, 1),
            sheet(&["cat"], &["awe"], 0, 1),
            sheet(&["cat"], &["awe"], 1, 0),
            sheet(&["cat"], &["awe"], 2001, 1),
            sheet(&["cat", "dog"], &["awe"], usize::MAX, 2),
            sheet(&["cat"], &["awe"], 1, 300),
            sheet(&["cat"; 5], &["awe"; 60], 6, 1),
        ] {
            let [characters, emotions, seeds, moments] = wrong.counts();
            assert!(
                wrong.check().is_err(),
                "{characters} {emotions} {seeds} {moments}"
            );
        }
        let mut long = sheet(&["cat"], &["awe"], 100, 1);
        long.sticker.length_secs = 60.0;
        assert!(long.check().is_err());
    }
}
