//! Measuring files, one or ten thousand.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use affetto_core::{Progress, Stage, read_limited};
use affetto_media::{Error, Format, Limits, abc, midi, musicxml};
use rayon::prelude::*;

use super::{Piece, Reading};

/// How many files are measured before their values are handed on; memory holds the values of so many.
const BATCH: usize = 256;

/// The values of one file in the order of [`super::Attribute::ALL`].
pub type Values = Vec<Option<f64>>;

/// Measures a MIDI, MusicXML or ABC file; the extension says which, and a file of another is taken for MIDI. MusicXML
/// and ABC are measured as the MIDI file that would be written of them.
///
/// # Errors
///
/// Files that cannot be read, are damaged, or are larger than [`Limits::DEFAULT`]; the error names the file.
pub fn measure_file(path: &Path, reading: Reading) -> Result<Values, Error> {
    let limits = Limits::DEFAULT;
    let bytes = read_limited(path, limits.bytes)?;
    let performance = match Format::from_path(path) {
        Some(Format::MusicXml) => {
            musicxml::read(&bytes, &limits).and_then(|score| played(&score, &limits))
        }
        Some(Format::Abc) => abc::read(&bytes, &limits).and_then(|score| played(&score, &limits)),
        _ => midi::read_performance(&bytes, &limits),
    };
    let performance = performance.map_err(|error| error.in_file(path))?;
    Ok(Piece::of(&performance, reading).values())
}

fn played(score: &affetto_media::Score, limits: &Limits) -> Result<midi::Performance, Error> {
    midi::read_performance(&midi::write(score)?, limits)
}

/// Every MIDI, MusicXML and ABC file in `folder` and below, by its extension, sorted by path. Links to folders are
/// not followed.
///
/// # Errors
///
/// A folder that cannot be looked into.
pub fn music_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if is_music(&path) && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_music(path: &Path) -> bool {
    matches!(
        Format::from_path(path),
        Some(Format::Midi | Format::MusicXml | Format::Abc)
    )
}

/// Measures files on all cores and hands each outcome to `take`, in the order of `paths`, while others are
/// measured. An error of `take` ends the work, and so does a cancelled `progress`.
///
/// # Errors
///
/// The first error of `take`.
pub fn measure_files<E>(
    paths: &[PathBuf],
    reading: Reading,
    progress: &dyn Progress,
    mut take: impl FnMut(&Path, Result<Values, Error>) -> Result<(), E>,
) -> Result<(), E> {
    let mut done = 0;
    for batch in paths.chunks(BATCH) {
        if progress.cancelled() {
            return Ok(());
        }
        let outcomes: Vec<Result<Values, Error>> = batch
            .par_iter()
            .map(|path| measure_file(path, reading))
            .collect();
        for (path, outcome) in batch.iter().zip(outcomes) {
            take(path, outcome)?;
            done += 1;
            progress.step(Stage::Read, done, paths.len());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Silent;

    use super::*;
    use crate::piece::Attribute;

    const TUNE: &str = "X:1\nM:3/4\nL:1/4\nK:Dm\nD F A|^c2 A|d3|]\n";

    fn count(values: &Values) -> Option<f64> {
        values[Attribute::named("Total Number of Notes").unwrap().index()]
    }

    #[test]
    fn one_piece_in_three_formats_has_the_same_values() {
        let folder = tempfile::tempdir().unwrap();
        let score = abc::read(TUNE.as_bytes(), &Limits::DEFAULT).unwrap();
        let files = [
            ("a.abc", TUNE.as_bytes().to_vec()),
            ("b.mid", midi::write(&score).unwrap()),
            ("c.musicxml", musicxml::write(&score).unwrap()),
        ];
        for (name, bytes) in &files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let measured = files
            .map(|(name, _)| measure_file(&folder.path().join(name), Reading::Written).unwrap());
        assert_eq!(count(&measured[0]), Some(6.0));
        assert!(measured.iter().all(|values| *values == measured[0]));
    }

    #[test]
    fn a_folder_is_measured_in_order_and_bad_files_are_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        let midi = midi::write(&abc::read(TUNE.as_bytes(), &Limits::DEFAULT).unwrap()).unwrap();
        for name in ["z.mid", "below/a.mid"] {
            fs::write(folder.path().join(name), &midi).unwrap();
        }
        fs::write(folder.path().join("bad.mid"), "MThd").unwrap();
        fs::write(folder.path().join("notes.txt"), "no music").unwrap();
        let paths = music_files(folder.path()).unwrap();
        let mut seen = Vec::new();
        measure_files(&paths, Reading::Written, &Silent, |path, outcome| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            seen.push((name, outcome.is_ok()));
            Ok::<(), ()>(())
        })
        .unwrap();
        let expected = [("bad.mid", false), ("a.mid", true), ("z.mid", true)];
        assert_eq!(seen, expected.map(|(name, good)| (name.to_owned(), good)));
    }
}
