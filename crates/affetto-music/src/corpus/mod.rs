//! The songs that the lead-sheet models are trained on.
//!
//! A [`Song`] is a lead sheet (or a passage of a longer song) with one melody in the singer's octave,
//! chord symbols, one key, and bars of seven metres. Four sets are read, each from the archive it
//! comes in, and a user's own folder:
//!
//! | source | melody | chords |
//! |---|---|---|
//! | OpenEWLD | written | written |
//! | neonscribe's lead sheets | written | written |
//! | Open Hymnal | first voice | derived from four voices |
//! | OpenScore Lieder | the voice | derived from the piano |
//! | [`Source::User`] | written | written, or derived where there is an accompaniment |

pub(crate) mod archive;
pub mod augment;
pub mod derive;
pub mod hymnal;
pub mod key;
pub mod lieder;
pub mod lilypond;
mod measures;
mod melody;
pub mod openewld;
pub mod passage;
pub mod split;
pub mod statistics;
pub mod title;
pub mod user;

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use affetto_core::{Hint, Progress, Stage, Warning, write_atomic};
use affetto_media::{ChordSymbol, Key, Limits, PitchName, Quarters, Score, f64_from_quarters};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::{
    archive::Entry,
    derive::Attack,
    key::{Heard, Histogram},
    passage::Rule,
};
pub use self::{
    split::{Split, split},
    statistics::Statistics,
};

/// Where a song comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// OpenEWLD, MusicXML lead sheets.
    OpenEwld,
    /// neonscribe's LilyPond lead sheets.
    Neonscribe,
    /// The Open Hymnal, four-part ABC.
    OpenHymnal,
    /// OpenScore Lieder, songs with piano in MusicXML.
    OpenScoreLieder,
    /// The user's own files.
    User,
}

impl Source {
    /// Every source, in the order in which they are read.
    pub const ALL: [Self; 5] = [
        Self::OpenEwld,
        Self::Neonscribe,
        Self::OpenHymnal,
        Self::OpenScoreLieder,
        Self::User,
    ];

    /// The name in identifiers and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenEwld => "openewld",
            Self::Neonscribe => "neonscribe",
            Self::OpenHymnal => "openhymnal",
            Self::OpenScoreLieder => "openscore-lieder",
            Self::User => "user",
        }
    }

    /// The archive that holds it; none for the user's own files.
    pub const fn archive(self) -> Option<&'static str> {
        match self {
            Self::OpenEwld => Some("openewld_AB.tar.gz"),
            Self::Neonscribe => Some("neonscribe_pd1930.tar.gz"),
            Self::OpenHymnal => Some("openhymnal.tar.gz"),
            Self::OpenScoreLieder => Some("openscore_lieder_mxl.tar.xz"),
            Self::User => None,
        }
    }
}

/// How sure it is that a song of OpenEWLD is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// In the public domain where authors are protected for 70 years after their death.
    A,
    /// In the public domain of the United States.
    B,
}

/// A lead sheet, or a passage of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Song {
    /// Names it within the corpus: source, file, and, after `#`, the passage.
    pub id: String,
    /// The title.
    pub title: String,
    /// The title as [`title::title_key`] makes it (for hymns to one tune, that of the first of them),
    /// or the identifier where that is empty. One song has one key in every source.
    pub title_key: String,
    /// Where it comes from.
    pub source: Source,
    /// One melody part and chord symbols in one key.
    pub score: Score,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sources; by default all.
    pub sources: Vec<Source>,
    /// The tiers of OpenEWLD; by default both.
    pub tiers: Vec<Tier>,
    /// What is read of a file at the most.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sources: Source::ALL.into(),
            tiers: vec![Tier::A, Tier::B],
            limits: Limits::DEFAULT,
        }
    }
}

/// A file that gives no song.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Source and file.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Songs, in the order of sources and files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corpus {
    /// The songs.
    pub songs: Vec<Song>,
    /// Files that give none.
    pub left_out: Vec<LeftOut>,
}

/// Why there is no corpus.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No archive and no score was found.
    #[error("no archive of training music and no score: {}", folder.display())]
    NoData {
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// An archive or a cache could not be read or written.
    #[error("{source}: {}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// A line of a cache is not a song.
    #[error("line {line} is not a song: {source}: {}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A file of the archive that lists songs cannot be read.
    #[error("{inside} is missing or damaged: {}", path.display())]
    Table {
        /// The archive.
        path: PathBuf,
        /// The file inside.
        inside: &'static str,
    },
    /// The caller wanted the work to stop.
    #[error("interrupted")]
    Cancelled,
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoData { .. } => Some(
                "the folder needs .mid, .musicxml, .mxl or .abc files, or the archives that the \
                 model card names"
                    .into(),
            ),
            Self::Cache { .. } => Some("delete the file, and it is made again".into()),
            _ => None,
        }
    }
}

/// Reads the archives in `folder` (or in its `leadsheets` and `music`, or beside it in `../music`) and
/// the scores below it.
///
/// Files that give no song are listed in [`Corpus::left_out`]; damage of an archive is an error.
///
/// # Errors
///
/// [`Error::NoData`] where nothing is found for any source, and what its variants say.
pub fn read(folder: &Path, options: &Options, progress: &dyn Progress) -> Result<Corpus, Error> {
    let mut corpus = Corpus::default();
    let folders = ["", "leadsheets", "music", "../music"].map(|inside| folder.join(inside));
    let mut found = false;
    let mut tunes = BTreeMap::new();
    for source in Source::ALL {
        if !options.sources.contains(&source) {
            continue;
        }
        let work = match source.archive() {
            Some(name) => match archive::find(&folders, name) {
                Some(path) => archive_work(source, &path, options)?,
                None => continue,
            },
            None => user_work(folder),
        };
        found |= !work.is_empty();
        if source == Source::OpenHymnal {
            tunes = hymnal::keys_by_tune(work.iter().map(|work| work.name.as_str()));
        }
        corpus.append(run(source, &work, options, progress)?);
    }
    if !found {
        return Err(Error::NoData {
            folder: folder.into(),
        });
    }
    for song in &mut corpus.songs {
        if let Some(key) = tunes.get(&song.title_key) {
            song.title_key = key.clone();
        }
    }
    if corpus.songs.is_empty() {
        progress.warn(Warning("no file gives a lead sheet".into()));
    }
    Ok(corpus)
}

/// A file to read.
struct Work {
    name: String,
    title: String,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

fn user_work(folder: &Path) -> Vec<Work> {
    user::files(folder)
        .into_iter()
        .map(|path| Work {
            name: path
                .strip_prefix(folder)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned(),
            title: String::new(),
            content: Content::File(path),
        })
        .collect()
}

fn archive_work(source: Source, path: &Path, options: &Options) -> Result<Vec<Work>, Error> {
    let entries = archive::read(path)?;
    let missing = |inside| Error::Table {
        path: path.into(),
        inside,
    };
    let table = |inside: &'static str| {
        let entry = entries.iter().find(|entry| entry.path == inside);
        entry
            .map(|entry| entry.bytes.as_slice())
            .ok_or(missing(inside))
    };
    match source {
        Source::OpenEwld => {
            let rights = table("rights.json")?;
            let rights: Vec<openewld::Rights> =
                serde_json::from_slice(rights).map_err(|_| missing("rights.json"))?;
            Ok(openewld_work(entries, &rights, options))
        }
        Source::OpenScoreLieder => {
            let rows = lieder::table(&String::from_utf8_lossy(table("scores.tsv")?));
            Ok(lieder_work(entries, &rows))
        }
        _ => Ok(entries
            .into_iter()
            .filter(|entry| [".ly", ".abc"].iter().any(|end| entry.path.ends_with(end)))
            .map(|entry| work_of(entry, ""))
            .collect()),
    }
}

fn work_of(entry: Entry, title: &str) -> Work {
    Work {
        name: file_stem(&entry.path),
        title: title.into(),
        content: Content::Bytes(entry.bytes),
    }
}

pub(crate) fn file_stem(path: &str) -> String {
    let stem = Path::new(path).file_stem();
    stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn openewld_work(entries: Vec<Entry>, rights: &[openewld::Rights], options: &Options) -> Vec<Work> {
    entries
        .into_iter()
        .filter_map(|entry| {
            let row = rights.iter().find(|row| row.path == entry.path)?;
            let allowed =
                row.usable && row.tier().is_some_and(|tier| options.tiers.contains(&tier));
            allowed.then(|| work_of(entry, &row.title))
        })
        .collect()
}

/// Songs without a row in the corpus table are left out: their authors are not known.
fn lieder_work(entries: Vec<Entry>, rows: &BTreeMap<String, lieder::Row>) -> Vec<Work> {
    entries
        .into_iter()
        .filter(|entry| entry.path.ends_with(".mxl"))
        .filter_map(|entry| {
            let id = file_stem(&entry.path);
            let row = rows.get(id.trim_start_matches("lc"))?;
            Some(work_of(entry, &row.title))
        })
        .collect()
}

fn run(
    source: Source,
    work: &[Work],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Corpus, Error> {
    let done = AtomicUsize::new(0);
    let read: Vec<Option<Corpus>> = work
        .par_iter()
        .map(|file| {
            let songs = (!progress.cancelled()).then(|| songs_of(source, file, options));
            let done = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress.step(Stage::Read, done, work.len());
            songs
        })
        .collect();
    let mut corpus = Corpus::default();
    for songs in read {
        corpus.append(songs.ok_or(Error::Cancelled)?);
    }
    Ok(corpus)
}

/// A song as an importer gives it.
struct Draft {
    score: Score,
    /// What sounds beside the melody; empty where chords are written.
    attacks: Vec<Attack>,
    /// Whether the file says major or minor.
    mode_is_written: bool,
}

impl Draft {
    fn of(score: Score) -> Self {
        Self {
            score,
            attacks: Vec::new(),
            mode_is_written: false,
        }
    }
}

/// The songs in one file.
fn songs_of(source: Source, work: &Work, options: &Options) -> Corpus {
    let id = format!("{}/{}", source.name(), work.name);
    let left_out = |reason: String| Corpus {
        songs: Vec::new(),
        left_out: vec![LeftOut {
            id: id.clone(),
            reason,
        }],
    };
    let drafts = match drafts(source, work, options) {
        Ok(drafts) => drafts,
        Err(reason) => return left_out(reason),
    };
    let rule = match source {
        Source::OpenScoreLieder => Rule::SONG_WITH_PIANO,
        _ => Rule::LEAD_SHEET,
    };
    let scores: Vec<Score> = drafts
        .iter()
        .flat_map(|draft| passages(draft, &rule))
        .collect();
    if scores.is_empty() {
        return left_out("no passage is long enough".into());
    }
    let several = scores.len() > 1;
    let songs = scores.into_iter().zip(1..).map(|(score, passage)| {
        let id = if several {
            format!("{id}#{passage}")
        } else {
            id.clone()
        };
        song(id, source, &work.title, score)
    });
    Corpus {
        songs: songs.collect(),
        left_out: Vec::new(),
    }
}

fn song(id: String, source: Source, title: &str, mut score: Score) -> Song {
    if !title.is_empty() {
        score.title = title.into();
    }
    let title_key = Some(title::title_key(&score.title)).filter(|key| !key.is_empty());
    Song {
        title: score.title.clone(),
        title_key: title_key.unwrap_or_else(|| id.clone()),
        id,
        source,
        score,
    }
}

fn drafts(source: Source, work: &Work, options: &Options) -> Result<Vec<Draft>, String> {
    let limits = &options.limits;
    let text = |error: affetto_media::Error| error.to_string();
    let none = |reason: &str| reason.to_owned();
    match (source, &work.content) {
        (Source::OpenEwld, Content::Bytes(bytes)) => {
            let score = openewld::read(bytes, limits).map_err(text)?;
            let score = score.ok_or_else(|| none("no chords or no melody"))?;
            Ok(vec![Draft::of(score)])
        }
        (Source::Neonscribe, Content::Bytes(bytes)) => neonscribe_drafts(bytes, limits),
        (Source::OpenHymnal, Content::Bytes(bytes)) => {
            let hymn = hymnal::read(bytes, limits).map_err(text)?;
            let hymn = hymn.ok_or_else(|| none("no metre, or not in the public domain"))?;
            Ok(vec![Draft {
                attacks: hymn.attacks,
                ..Draft::of(hymn.score)
            }])
        }
        (Source::OpenScoreLieder, Content::Bytes(bytes)) => {
            let song = lieder::read(bytes, limits).map_err(text)?;
            let song = song.ok_or_else(|| none("not one voice with words"))?;
            Ok(vec![Draft {
                attacks: song.attacks,
                ..Draft::of(song.score)
            }])
        }
        (_, Content::File(path)) => {
            let sheets = user::read(path, limits).map_err(text)?;
            if sheets.is_empty() {
                return Err(none("no chords and no accompaniment"));
            }
            Ok(sheets
                .into_iter()
                .map(|sheet| Draft {
                    attacks: sheet.attacks,
                    ..Draft::of(sheet.score)
                })
                .collect())
        }
        (Source::User, Content::Bytes(_)) => Err(none("not a file")),
    }
}

/// The last year in which a song published then is in the public domain of the United States in 2026.
const LAST_FREE_YEAR: u16 = 1930;

fn neonscribe_drafts(bytes: &[u8], limits: &Limits) -> Result<Vec<Draft>, String> {
    let text = String::from_utf8_lossy(bytes);
    let sheet = lilypond::read(&text, limits).map_err(|refusal| refusal.to_string())?;
    match sheet.copyright_year {
        Some(year) if year <= LAST_FREE_YEAR => {}
        year => return Err(format!("copyright year {year:?}")),
    }
    Ok(sheet
        .scores
        .into_iter()
        .map(|score| Draft {
            mode_is_written: true,
            ..Draft::of(score)
        })
        .collect())
}

/// The passages of a song, each with one key and its melody in the singer's octave.
fn passages(draft: &Draft, rule: &Rule) -> Vec<Score> {
    passage::cut(&draft.score, rule)
        .into_iter()
        .filter_map(|passage| {
            let mut score = passage.score;
            if !rule.drops_late_start {
                score = passage::with_short_pickup(score);
            }
            let key = key_of(draft, &score, (passage.onset, passage.end))?;
            for bar in &mut score.bars {
                bar.key = key;
            }
            if !draft.attacks.is_empty() {
                respell(&mut score, key);
            }
            let melody = score
                .parts
                .first_mut()
                .filter(|part| !part.notes.is_empty())?;
            melody::to_singing_octave(&mut melody.notes);
            let has_chords = score.chords.iter().any(|change| change.chord.is_some());
            has_chords.then_some(score)
        })
        .collect()
}

/// The key of a passage that lies at `span` in its song.
fn key_of(draft: &Draft, score: &Score, span: (Quarters, Quarters)) -> Option<Key> {
    let signature = score.bars.first()?.key;
    if draft.mode_is_written {
        return Some(signature);
    }
    let final_bass = final_chord(score).map(|chord| chord.root.pitch_class());
    if draft.attacks.is_empty() {
        let last = score.melody().and_then(|part| part.notes.last());
        let heard = Heard {
            histogram: histogram_of_lead_sheet(score),
            final_bass,
            final_note: last.map(|note| note.pitch % 12),
        };
        key::likely_key(signature.fifths(), &heard)
    } else {
        let heard = Heard {
            histogram: histogram_of_attacks(&draft.attacks, span),
            final_bass,
            final_note: None,
        };
        key::relative_key(signature.fifths(), &heard)
    }
}

/// The chord under the end of the last note; what follows leads back to the beginning.
fn final_chord(score: &Score) -> Option<ChordSymbol> {
    let last = score.melody()?.notes.last()?;
    let before = score.chords.iter().rev();
    before
        .skip_while(|change| change.onset >= last.end())
        .find_map(|change| change.chord)
}

fn histogram_of_attacks(attacks: &[Attack], (onset, end): (Quarters, Quarters)) -> Histogram {
    let mut histogram = [0.0; 12];
    for attack in attacks.iter().filter(|a| a.onset < end && a.end > onset) {
        let time = f64_from_quarters(attack.end.min(end) - attack.onset.max(onset));
        histogram[usize::from(attack.pitch % 12)] += time;
    }
    histogram
}

/// How much a member of a chord weighs beside the melody; by the modes written in neonscribe's songs.
const CHORD_WEIGHT: f64 = 2.0;

/// The melody, and the members of the chords, each for as long as it sounds.
fn histogram_of_lead_sheet(score: &Score) -> Histogram {
    let mut histogram = [0.0; 12];
    for note in score.melody().map_or(&[][..], |part| &part.notes) {
        histogram[usize::from(note.pitch % 12)] += f64_from_quarters(note.duration);
    }
    let ends = score.chords.iter().skip(1).map(|change| change.onset);
    for (change, end) in score.chords.iter().zip(ends.chain([score.length()])) {
        let time = CHORD_WEIGHT * f64_from_quarters(end - change.onset);
        for class in change.chord.iter().flat_map(|chord| chord.pitch_classes()) {
            histogram[usize::from(class)] += time;
        }
    }
    histogram
}

/// Derived chords are spelled by the key once it is known.
fn respell(score: &mut Score, key: Key) {
    for chord in score
        .chords
        .iter_mut()
        .filter_map(|change| change.chord.as_mut())
    {
        let class = chord.root.pitch_class();
        let name = key.spell(class);
        chord.root = if name.alter.abs() > 1 {
            PitchName::nearest(class, 0)
        } else {
            name
        };
    }
}

impl Corpus {
    fn append(&mut self, other: Self) {
        self.songs.extend(other.songs);
        self.left_out.extend(other.left_out);
    }

    /// Writes the songs to a gzipped file, one JSON object a line, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Archive`] with what the system said.
    pub fn write_jsonl(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Archive {
            path: path.into(),
            source,
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        for song in &self.songs {
            let line = serde_json::to_vec(song).map_err(|error| failed(error.into()))?;
            packed.write_all(&line).map_err(failed)?;
            packed.write_all(b"\n").map_err(failed)?;
        }
        let bytes = packed.finish().map_err(failed)?;
        write_atomic(path, &bytes).map_err(failed)
    }

    /// Reads what [`Corpus::write_jsonl`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Archive`] where the file cannot be read, [`Error::Cache`] where a line is not a song.
    pub fn read_jsonl(path: &Path) -> Result<Self, Error> {
        /// Unpacked, in bytes.
        const LIMIT: u64 = 1 << 30;
        let failed = |source| Error::Archive {
            path: path.into(),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        let lines = BufReader::new(MultiGzDecoder::new(BufReader::new(file)).take(LIMIT)).lines();
        let mut songs = Vec::new();
        for (line, number) in lines.zip(1..) {
            let song =
                serde_json::from_str(&line.map_err(failed)?).map_err(|source| Error::Cache {
                    path: path.into(),
                    line: number,
                    source,
                })?;
            songs.push(song);
        }
        Ok(Self {
            songs,
            left_out: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stdout)]
    use super::*;
    use affetto_core::Silent;

    /// A folder that is gone when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("affetto-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            std::fs::write(self.0.join(name), bytes).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// `bars` bars of a tune in D with chords, low for a voice.
    fn tune(bars: usize) -> String {
        let bar = "\"D\"D, E, F, D, | \"A7\"E, C, E,2 | ";
        format!(
            "X:1\nT:Tune\nM:4/4\nL:1/4\nK:D\n{}\"D\" D,4 |]\n",
            bar.repeat(bars / 2)
        )
    }

    #[test]
    fn a_folder_of_own_files() {
        let folder = Folder::new("own");
        folder.write("b.abc", tune(8).as_bytes());
        folder.write(
            "a.abc",
            b"X:1\nT:No chords\nM:4/4\nL:1/4\nK:C\nC D E F | C D E F | C4 | D4 |]\n",
        );
        folder.write("c.mid", b"MThd nonsense");
        folder.write("notes.txt", b"nothing");
        let corpus = read(&folder.0, &Options::default(), &Silent).unwrap();
        let left_out: Vec<&str> = corpus
            .left_out
            .iter()
            .map(|left| left.id.as_str())
            .collect();
        assert_eq!(left_out, ["user/a.abc", "user/c.mid"]);
        let song = &corpus.songs[0];
        assert_eq!(
            (song.id.as_str(), song.title_key.as_str()),
            ("user/b.abc", "tune")
        );
        assert_eq!(song.score.bars.len(), 9);
        assert_eq!(song.score.bars[0].key.to_string(), "D major");
        assert_eq!(song.score.parts[0].notes[0].pitch, 62);
        assert_eq!(
            song.score
                .chord_at(Quarters::from_integer(5))
                .unwrap()
                .to_string(),
            "A7"
        );

        let cache = folder.0.join("songs.jsonl.gz");
        corpus.write_jsonl(&cache).unwrap();
        assert_eq!(Corpus::read_jsonl(&cache).unwrap().songs, corpus.songs);
    }

    #[test]
    fn an_archive_is_read_where_it_lies() {
        let folder = Folder::new("archive");
        let mut archive = tar::Builder::new(Vec::new());
        let hymn = tune(8).replace("\"D\"", "").replace("\"A7\"", "");
        let hymn = hymn.replace("M:4/4", "C: copyright: public domain.\nM:4/4");
        let mut header = tar::Header::new_gnu();
        header.set_size(hymn.len() as u64);
        header.set_mode(0o644);
        let path = "openhymnal/Complete/Tune/Tune-Old.abc";
        archive
            .append_data(&mut header, path, hymn.as_bytes())
            .unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&archive.into_inner().unwrap()).unwrap();
        folder.write("openhymnal.tar.gz", &packed.finish().unwrap());
        let corpus = read(&folder.0, &Options::default(), &Silent).unwrap();
        assert_eq!(corpus.songs[0].id, "openhymnal/Tune-Old");
        folder.write("openhymnal.tar.gz", b"not an archive");
        let damaged = read(&folder.0, &Options::default(), &Silent);
        assert!(matches!(damaged, Err(Error::Archive { .. })));
    }

    #[test]
    fn an_empty_folder_is_no_data() {
        let folder = Folder::new("empty");
        let error = read(&folder.0, &Options::default(), &Silent).unwrap_err();
        assert!(matches!(error, Error::NoData { .. }));
        assert!(error.hint().is_some());
    }

    /// What a [`Score`] and a [`Song`] promise.
    fn check(song: &Song) {
        let score = &song.score;
        let place = &song.id;
        let key = score.bars[0].key;
        assert!(
            score
                .bars
                .iter()
                .all(|bar| bar.key == key && passage::is_held(bar.metre)),
            "{place}"
        );
        for (index, bar) in score.bars.iter().enumerate() {
            let full = bar.metre.length();
            assert!(
                bar.length == full || (index == 0 && bar.length < full),
                "{place} bar {index}"
            );
        }
        let end = score.length();
        let zero = Quarters::from_integer(0);
        assert_eq!(score.parts.len(), 1, "{place}");
        let notes = &score.parts[0].notes;
        assert!(
            notes
                .iter()
                .all(|n| n.duration > zero && n.onset >= zero && n.end() <= end),
            "{place}"
        );
        assert!(
            notes.windows(2).all(|pair| pair[0].end() <= pair[1].onset),
            "{place}"
        );
        let chords = &score.chords;
        assert!(
            chords
                .iter()
                .all(|change| change.onset >= zero && change.onset < end),
            "{place}"
        );
        let rise = |pair: &[affetto_media::ChordChange]| {
            pair[0].onset < pair[1].onset && pair[0].chord != pair[1].chord
        };
        assert!(chords.windows(2).all(rise), "{place}");
        assert_eq!(score.tempos[0].onset, zero, "{place}");
        assert!(!song.title_key.is_empty());
        let mut pitches: Vec<u8> = notes.iter().map(|note| note.pitch).collect();
        pitches.sort_unstable();
        assert!((60..=76).contains(&pitches[pitches.len() / 2]), "{place}");
    }

    /// The corpus that the shipped model is trained on; nothing to do where it is not at hand.
    fn shipped(sources: &[Source]) -> Option<Corpus> {
        let folder = std::env::var_os("AFFETTO_DATA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/leadsheets"),
            PathBuf::from,
        );
        let options = Options {
            sources: sources.into(),
            ..Options::default()
        };
        match read(&folder, &options, &Silent) {
            Ok(corpus) => Some(corpus),
            Err(Error::NoData { folder }) => {
                println!("skipped: no archives in {}", folder.display());
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn report(corpus: &Corpus) -> BTreeMap<Source, Statistics> {
        corpus.songs.iter().for_each(check);
        let by_source = Statistics::by_source(&corpus.songs);
        for (source, statistics) in &by_source {
            println!("{}: {statistics}", source.name());
        }
        by_source.into_iter().collect()
    }

    #[test]
    fn the_shipped_lead_sheets() {
        let sources = [Source::OpenEwld, Source::Neonscribe, Source::OpenHymnal];
        let Some(corpus) = shipped(&sources) else {
            return;
        };
        let statistics = report(&corpus);
        let songs = sources.map(|source| statistics[&source].songs);
        assert_eq!(songs, [300, 129, 265]);
    }

    #[test]
    #[ignore = "reads 18 MB of scores, half a minute without optimisation"]
    fn the_shipped_art_songs() {
        let Some(corpus) = shipped(&[Source::OpenScoreLieder]) else {
            return;
        };
        let statistics = &report(&corpus)[&Source::OpenScoreLieder];
        let share = |bars: usize| bars as f64 / statistics.bars as f64;
        let measured = [0.382, 0.059, 0.256, 0.136, 0.167];
        for (bars, expected) in statistics.valence.into_iter().zip(measured) {
            assert!((share(bars) - expected).abs() < 0.01, "{statistics}");
        }
    }
}
