//! The transcriptions of GiantMIDI-Piano (Kong et al., "GiantMIDI-Piano: A large-scale MIDI dataset for classical piano
//! music", 2020) that are in its repository. They have no beats: what a file says is 4/4 at 120 a minute.

use std::path::Path;

use affetto_core::Progress;

use super::{Error, Song, Source, archive, composer_group, each, score_of};
use crate::corpus::file_stem;

/// There are few of them.
const WEIGHT: f32 = 2.0;

/// The songs of the archive.
pub fn songs(
    path: &Path,
    attributions: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<Vec<Song>, Error> {
    let entries = archive::read(path)?;
    attributions.push("GiantMIDI-Piano (Qiuqiang Kong et al., ByteDance), CC BY 4.0".into());
    let files: Vec<_> = entries
        .iter()
        .filter(|entry| entry.path.ends_with(".mid"))
        .collect();
    each(&files, progress, |entry| {
        let name = file_stem(&entry.path);
        let song = score_of(&entry.bytes).map(|score| {
            let id = format!("{}/{name}", Source::GiantMidi.name());
            Song {
                group: composer_group(&name),
                weight: WEIGHT,
                ..Song::transcribed(id, &score)
            }
        });
        song.into_iter().collect()
    })
}
