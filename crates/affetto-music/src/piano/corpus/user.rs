//! Anybody's own piano music: MIDI, MusicXML and ABC files in a folder.

use std::path::{Path, PathBuf};

use affetto_core::{Progress, Warning, read_limited};
use affetto_media::{Format, Limits, Score, abc, midi, musicxml};

use super::{Error, Song, Source, each};

/// The music of all files that can be read; each folder of files is one group of the split, and so is each file that
/// lies in none.
pub fn songs(
    folder: &Path,
    files: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Vec<Song>, Error> {
    each(files, progress, |path| {
        let inside = path.strip_prefix(folder).unwrap_or(path);
        let name = inside.to_string_lossy().into_owned();
        match read(path) {
            Ok(scores) => {
                let group = match inside.parent() {
                    Some(parent) if parent != Path::new("") => {
                        parent.to_string_lossy().into_owned()
                    }
                    _ => name.clone(),
                };
                let song = |score: &Score| {
                    let id = format!("{}/{name}", Source::User.name());
                    Song::of_score(id, format!("user/{group}"), Source::User, score)
                };
                scores.iter().map(song).collect()
            }
            Err(error) => {
                progress.warn(Warning(format!("{name} is left out: {error}")));
                Vec::new()
            }
        }
    })
}

fn read(path: &Path) -> Result<Vec<Score>, affetto_media::Error> {
    let limits = Limits::DEFAULT;
    let bytes = read_limited(path, limits.bytes)?;
    match Format::from_path(path) {
        Some(Format::Abc) => abc::read_all(&bytes, &limits),
        Some(Format::MusicXml) => Ok(vec![musicxml::read(&bytes, &limits)?]),
        _ => Ok(vec![midi::read(&bytes, &limits)?]),
    }
}
