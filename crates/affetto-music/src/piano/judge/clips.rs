//! Clips with labels, and the form in which all music is heard.

use std::path::Path;

use affetto_attributes::{
    judge::row,
    map::{LabelledPiece, Quadrant, read_labels},
};
use affetto_media::{
    Limits, Metre,
    midi::{self, Performance, read_performance},
};
use rayon::prelude::*;

use super::sequence::{Heard, notes};
use crate::{
    Error,
    corpus::{self, archive},
    piano::{
        corpus::{Song, Window, windows},
        grid::{Span, Struck, place},
        measure::performed,
        tokens::TempoStep,
    },
};

/// No more than so many seconds are heard.
const SECONDS: f64 = 40.0;
/// Quarters a minute of what is heard.
const HEARD_BPM: f64 = 120.0;
/// The clips of EMOPIA (Hung et al. 2021), named by quadrant, song and number: `Q1_0vLPYiPN7qY_0.mid`.
const ARCHIVE: &str = "emopia_train_val.tar.xz";

/// Music as the judges take it.
#[derive(Clone, Debug)]
pub struct Music {
    /// The numbers that describe it.
    pub row: Vec<f64>,
    /// Its notes.
    pub notes: Heard,
}

impl Music {
    /// What a performance sounds like.
    pub fn of(performance: &Performance) -> Self {
        let heard = heard(performance);
        Self {
            row: row(&heard),
            notes: notes(&heard),
        }
    }
}

/// A clip with its label.
#[derive(Clone, Debug)]
pub struct Clip {
    /// What is heard of it.
    pub music: Music,
    /// What it was labelled as.
    pub quadrant: Quadrant,
    /// What it is cut from.
    pub song: String,
    /// The same in the windows of a composer.
    pub windows: Vec<Window>,
}

/// The first forty seconds on the grid at 120 quarters a minute, whatever the tempo: what real and generated music is
/// judged by.
pub fn heard(performance: &Performance) -> Performance {
    let clock = performance.clock();
    let quarters = |tick: u64| clock.seconds(tick) * HEARD_BPM / 60.0;
    let first = performance.notes.iter().map(|note| note.onset_tick).min();
    let begin = quarters(first.unwrap_or(0));
    let end = begin + SECONDS * HEARD_BPM / 60.0;
    let tempo = TempoStep::of_bpm(HEARD_BPM);
    let span = |bar: usize| Span {
        metre: Metre::COMMON,
        tempo,
        onset: 4.0 * bar as f64,
    };
    let bars = (SECONDS * HEARD_BPM / 60.0 / 4.0).ceil() as usize;
    let notes: Vec<Struck> = performance
        .notes
        .iter()
        .map(|note| (note, quarters(note.onset_tick), quarters(note.end_tick)))
        .filter(|(_, onset, _)| *onset < end)
        .map(|(note, onset, until)| Struck {
            onset: onset - begin,
            end: until.min(end) - begin,
            pitch: note.pitch,
            velocity: note.velocity,
        })
        .collect();
    let piece = place(&(0..bars).map(span).collect::<Vec<_>>(), &notes);
    performed(&piece, HEARD_BPM)
}

/// The clips of an archive or a folder.
pub fn clips(data: &Path) -> Result<Vec<Clip>, Error> {
    let labels = data.join("labels.csv");
    if labels.is_file() {
        return labelled(data, &labels);
    }
    let folders = [
        data.to_path_buf(),
        data.join("music"),
        data.join("../music"),
    ];
    let archive = match data.is_file() {
        true => Some(data.to_path_buf()),
        false => archive::find(&folders, ARCHIVE),
    };
    let Some(archive) = archive else {
        return Err(corpus::Error::NoData {
            folder: data.into(),
        }
        .into());
    };
    let entries = archive::read(&archive)?;
    let clip = |entry: &archive::Entry| {
        let name = corpus::file_stem(&entry.path);
        let quadrant = quadrant_of(&name).filter(|_| entry.path.ends_with(".mid"))?;
        let song = name.get(3..)?.rsplit_once('_')?.0.to_owned();
        clip_of(&entry.bytes, quadrant, song)
    };
    Ok(entries.par_iter().filter_map(clip).collect())
}

fn quadrant_of(name: &str) -> Option<Quadrant> {
    Quadrant::ALL.into_iter().find(|quadrant| {
        let rest = name.strip_prefix(quadrant.name());
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

fn clip_of(bytes: &[u8], quadrant: Quadrant, song: String) -> Option<Clip> {
    let performance = read_performance(bytes, &Limits::DEFAULT).ok()?;
    if performance.notes.is_empty() {
        return None;
    }
    let score = midi::read(bytes, &Limits::DEFAULT).ok()?;
    Some(Clip {
        music: Music::of(&performance),
        quadrant,
        windows: windows(&Song::transcribed(song.clone(), &score)),
        song,
    })
}

fn labelled(folder: &Path, labels: &Path) -> Result<Vec<Clip>, Error> {
    let pieces = read_labels(labels)?;
    let clip = |piece: &LabelledPiece| {
        let quadrant = Quadrant::of(piece.point)?;
        let bytes = std::fs::read(folder.join(&piece.path)).ok()?;
        clip_of(&bytes, quadrant, piece.song.clone())
    };
    Ok(pieces.par_iter().filter_map(clip).collect())
}
