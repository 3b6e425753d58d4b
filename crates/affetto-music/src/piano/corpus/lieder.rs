//! OpenScore Lieder: the piano alone, and once more with the voice as its highest line. Notes, tempi and loudness are those
//! of the MIDI files; bars and signatures those of the scores, where they are at hand.

use std::{collections::BTreeMap, path::Path};

use affetto_core::Progress;
use affetto_media::{Bar, Limits, Part, Quarters, Score, musicxml};

use super::{Error, Song, Source, archive, composer_group, each, score_of};
use crate::corpus::{Source as LeadSheets, lieder, passage::regular_bars};

/// Each song is drawn in two forms.
const WEIGHT: f32 = 0.5;
/// The bars of a score belong to a MIDI file that ends this near to them, in quarter notes.
const SAME_LENGTH: i64 = 8;

/// The songs of the archive.
pub fn songs(path: &Path, progress: &dyn Progress) -> Result<Vec<Song>, Error> {
    let entries = archive::read(path)?;
    let table = entries.iter().find(|entry| entry.path == "scores.tsv");
    let table = table.ok_or(Error::Table {
        path: path.into(),
        inside: "scores.tsv",
    })?;
    let rows = lieder::table(&String::from_utf8_lossy(&table.bytes));
    let scores = written(path)?;
    let files: Vec<File> = entries
        .iter()
        .filter(|entry| entry.path.ends_with(".mid"))
        .filter_map(|entry| {
            let name = crate::corpus::file_stem(&entry.path);
            let row = rows.get(name.trim_start_matches("lc"))?;
            Some(File {
                midi: &entry.bytes,
                score: scores.get(&name).map(Vec::as_slice),
                composer: &row.composer,
                name,
            })
        })
        .collect();
    each(&files, progress, forms)
}

struct File<'a> {
    name: String,
    composer: &'a str,
    midi: &'a [u8],
    score: Option<&'a [u8]>,
}

/// The scores, by name, of the archive beside this one.
fn written(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let archive = LeadSheets::OpenScoreLieder.archive().unwrap_or_default();
    let path = path.with_file_name(archive);
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let entries = archive::read(&path)?.into_iter();
    let scores = entries.filter(|entry| entry.path.ends_with(".mxl"));
    Ok(scores
        .map(|entry| (crate::corpus::file_stem(&entry.path), entry.bytes))
        .collect())
}

fn forms(file: &File) -> Vec<Song> {
    let Some(mut score) = score_of(file.midi) else {
        return Vec::new();
    };
    if let Some(bars) = file.score.and_then(|bytes| bars_for(&score, bytes)) {
        score.bars = bars;
    }
    let pianos: Vec<Part> = score
        .parts
        .iter()
        .filter(|part| is_piano(part, &score.parts))
        .cloned()
        .collect();
    if pianos.is_empty() {
        return Vec::new();
    }
    let song = |form: &str, parts: Vec<Part>| {
        let score = Score {
            parts,
            ..score.clone()
        };
        let id = format!("{}/{}#{form}", Source::OpenScoreLieder.name(), file.name);
        let group = composer_group(file.composer);
        let mut song = Song::of_score(id, group, Source::OpenScoreLieder, &score);
        song.weight = WEIGHT;
        song
    };
    let with_voice = song("voice", score.parts.clone());
    vec![song("piano", pianos), with_voice]
}

/// The bars of the written score, if it is as long as what is played.
fn bars_for(played: &Score, bytes: &[u8]) -> Option<Vec<Bar>> {
    let written = musicxml::read(bytes, &Limits::DEFAULT).ok()?;
    let difference = written.length() - played.length();
    let near = Quarters::from_integer(SAME_LENGTH);
    (-near <= difference && difference <= near).then(|| regular_bars(&written.bars))
}

/// The part of an instrument with two staves; the tracks are called `Piano|1`, `Piano|2`.
fn is_piano(part: &Part, all: &[Part]) -> bool {
    let instrument = |part: &Part| part.name.rsplit_once('|').map(|(name, _)| name.to_owned());
    let name = instrument(part);
    name.is_some() && all.iter().filter(|other| instrument(other) == name).count() > 1
}
