//! What was finished, a line an item, so that whoever was killed goes on from there.
//!
//! A line is the first sixteen digits of the SHA-256 of a JSON object, a space, and the object. Each is synced before the
//! next item begins in the same worker. A last line that was torn is cut off; one that is damaged counts as not written.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use affetto::Effect;
use affetto_core::{Checksum, sha256_hex};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Item, Shard, key::with_slashes};

/// The digits of a checksum that stand before a line.
const DIGITS: usize = 16;
/// The longest line that is read.
const LONGEST_LINE: u64 = 16 << 20;

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was made.
    Made,
    /// Its files came from the cache.
    Cached,
    /// Its files stood there, and their provenance says that they are what was asked for.
    Found,
    /// It could not be made.
    Failed,
}

impl Outcome {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Cached => "cached",
            Self::Found => "found",
            Self::Failed => "failed",
        }
    }
}

/// A file of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// Below the folder of the manifest, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl MadeFile {
    /// The file at `path` below the folder of the manifest.
    pub(crate) fn new(path: &Path, bytes: u64, sha256: &str) -> Self {
        Self {
            path: with_slashes(path),
            bytes,
            sha256: sha256.into(),
        }
    }

    /// Whether it stands below `folder` as it was made.
    pub(crate) fn stands_below(&self, folder: &Path) -> bool {
        let path = folder.join(&self.path);
        path.metadata().is_ok_and(|found| found.len() == self.bytes)
            && Checksum::of_file(&path).is_ok_and(|found| found.sha256 == self.sha256)
    }
}

/// Why an item could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// One line.
    pub message: String,
    /// What to try next.
    pub hint: Option<String>,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The item.
    pub id: String,
    /// What its files follow from: the request, the checksums of weights and inputs, the version of the program.
    pub key: String,
    /// What kind of thing it is.
    pub kind: String,
    /// How much of it: its bars, its seconds, else 1.
    pub units: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Its files.
    pub files: Vec<MadeFile>,
    /// Their provenance files.
    pub provenance: Vec<MadeFile>,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// How often it was tried.
    pub attempts: usize,
    /// Why it failed, where it did.
    pub reason: Option<Reason>,
}

impl Record {
    /// Of an item that ended so, with nothing that it made.
    pub(crate) fn of(item: &Item, key: &str, outcome: Outcome) -> Self {
        Self {
            id: item.id.clone(),
            key: key.into(),
            kind: item.kind().name().into(),
            units: item.units(),
            outcome,
            files: Vec::new(),
            provenance: Vec::new(),
            effects: Vec::new(),
            warnings: Vec::new(),
            seconds: 0.0,
            attempts: 0,
            reason: None,
        }
    }

    /// All files, those of the provenance last.
    pub fn all_files(&self) -> impl Iterator<Item = &MadeFile> {
        self.files.iter().chain(&self.provenance)
    }
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: usize,
    offset: u64,
    length: u64,
}

/// Every journal of a manifest, and the one that is written.
pub(crate) struct Journals {
    files: Vec<(PathBuf, Mutex<File>)>,
    places: BTreeMap<String, Vec<Place>>,
    damaged: usize,
}

impl Journals {
    /// Reads every journal in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let mut journals = Self {
            files: Vec::new(),
            places: BTreeMap::new(),
            damaged: 0,
        };
        for path in journal_paths(folder)? {
            let failed = |source| Error::write(&path, source);
            let file = File::open(&path).map_err(failed)?;
            journals.index(&file).map_err(failed)?;
            journals.files.push((path, Mutex::new(file)));
        }
        Ok(journals)
    }

    fn index(&mut self, file: &File) -> io::Result<()> {
        let at = self.files.len();
        let mut reader = BufReader::new(file);
        let (mut offset, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let length = reader
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(());
            }
            let place = Place {
                file: at,
                offset,
                length,
            };
            offset += length;
            match parse::<Named>(&line) {
                Some(Named { id: Some(id) }) => self.places.entry(id).or_default().push(place),
                Some(Named { id: None }) => {}
                None => self.damaged += 1,
            }
        }
    }

    /// How many lines could not be read.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged
    }

    /// How many items have a line.
    pub(crate) fn items(&self) -> usize {
        self.places.len()
    }

    /// How many items a shard has written of; all shards where none is named.
    pub(crate) fn items_of(&self, shard: Option<Shard>) -> usize {
        let Some(_) = shard else { return self.items() };
        let name = journal_name(shard);
        let own = |place: &Place| self.files[place.file].0.ends_with(&name);
        let items = self.places.values();
        items.filter(|places| places.iter().any(own)).count()
    }

    /// What became of the item called `id` when it was asked for as `key`: its latest success, else its latest failure.
    pub(crate) fn find(&self, id: &str, key: &str) -> Option<Record> {
        let mut failed = None;
        for place in self.places.get(id)?.iter().rev() {
            match self.record(*place) {
                Some(record) if record.key != key => {}
                Some(record) if record.outcome == Outcome::Failed => {
                    failed = failed.or(Some(record));
                }
                Some(record) => return Some(record),
                None => {}
            }
        }
        failed
    }

    /// What became last of the item called `id`, however it was asked for.
    pub(crate) fn latest(&self, id: &str) -> Option<Record> {
        let places = self.places.get(id)?;
        places.iter().rev().find_map(|place| self.record(*place))
    }

    /// Every record.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let places = self.places.values().flatten();
        places.filter_map(|place| self.record(*place))
    }

    fn record(&self, place: Place) -> Option<Record> {
        let mut file = self.files[place.file]
            .1
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.offset)).ok()?;
        let mut line = vec![0; usize::try_from(place.length).ok()?];
        file.read_exact(&mut line).ok()?;
        parse(&line)
    }
}

/// The least of a line.
#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Option<T> {
    let line = line.strip_suffix(b"\n")?;
    let (digits, json) = line.split_at_checked(DIGITS)?;
    let json = json.strip_prefix(b" ")?;
    let sound = sha256_hex(json).as_bytes()[..DIGITS] == *digits;
    sound.then(|| serde_json::from_slice(json).ok())?
}

fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("{} {json}\n", &sha256_hex(json.as_bytes())[..DIGITS])
}

/// `journal.jsonl`, or `journal.3-of-16.jsonl`.
fn journal_name(shard: Option<Shard>) -> String {
    Shard::name_of(shard, "journal", ".jsonl")
}

fn journal_paths(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::write(folder, source)),
    };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("journal.") && name.ends_with(".jsonl") && path.is_file()
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_one)
        .collect();
    paths.sort();
    Ok(paths)
}

/// The journal that this run writes.
pub(crate) struct Writer {
    file: Mutex<File>,
    path: PathBuf,
}

impl Writer {
    /// Goes on with the journal of a shard, after its last whole line.
    pub(crate) fn open(folder: &Path, shard: Option<Shard>, manifest: &str) -> Result<Self, Error> {
        let path = folder.join(journal_name(shard));
        let open = || -> io::Result<File> {
            fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&path)?;
            let kept = whole_lines(&file)?;
            file.set_len(kept)?;
            if kept == 0 {
                let shard = shard.map(|shard| shard.to_string());
                let head =
                    json!({ "schema": "batch-journal/1", "manifest": manifest, "shard": shard });
                file.write_all(line(&head).as_bytes())?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|source| Error::write(&path, source))?;
        Ok(Self {
            file: Mutex::new(file),
            path,
        })
    }

    /// Writes a line, and waits until it is on the disk.
    pub(crate) fn write(&self, record: &Record) -> Result<(), Error> {
        let line = line(record);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_data());
        written.map_err(|source| Error::write(&self.path, source))
    }
}

/// The length of the lines that end.
fn whole_lines(file: &File) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let (mut whole, mut read) = (0, 0);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(whole);
        }
        if let Some(at) = buffer.iter().rposition(|byte| *byte == b'\n') {
            whole = read + at as u64 + 1;
        }
        let length = buffer.len();
        read += length as u64;
        reader.consume(length);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) fn record(id: &str, key: &str, outcome: Outcome) -> Record {
        Record {
            id: id.into(),
            key: key.into(),
            kind: "music.piano".into(),
            units: 16.0,
            outcome,
            files: Vec::new(),
            provenance: Vec::new(),
            effects: Vec::new(),
            warnings: vec!["line\nbreak".into()],
            seconds: 0.1 + 0.2,
            attempts: 1,
            reason: None,
        }
    }

    #[test]
    fn what_was_written_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(folder.path(), None, "m.yaml").unwrap();
        let made = record("a", "1", Outcome::Made);
        writer.write(&record("a", "1", Outcome::Failed)).unwrap();
        writer.write(&made).unwrap();
        writer.write(&record("b", "2", Outcome::Failed)).unwrap();
        let journals = Journals::read(folder.path()).unwrap();
        assert_eq!((journals.items(), journals.damaged()), (2, 0));
        assert_eq!(journals.find("a", "1").unwrap(), made);
        assert!(journals.find("a", "2").is_none());
        assert_eq!(journals.find("b", "2").unwrap().outcome, Outcome::Failed);
        assert_eq!(journals.records().count(), 3);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_damaged_one_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(journal_name(None));
        let open = || Writer::open(folder.path(), None, "m.yaml").unwrap();
        open().write(&record("a", "1", Outcome::Made)).unwrap();
        open().write(&record("b", "1", Outcome::Made)).unwrap();
        let whole = fs::read(&path).unwrap();
        for torn in 1..60 {
            fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let journals = Journals::read(folder.path()).unwrap();
            assert!(journals.find("a", "1").is_some() && journals.find("b", "1").is_none());
            open().write(&record("c", "1", Outcome::Made)).unwrap();
            let journals = Journals::read(folder.path()).unwrap();
            assert!(journals.find("a", "1").is_some() && journals.find("c", "1").is_some());
            assert_eq!(journals.damaged(), 0);
        }
        let text = String::from_utf8(whole).unwrap();
        fs::write(&path, text.replace("\"id\":\"a\"", "\"id\":\"z\"")).unwrap();
        let journals = Journals::read(folder.path()).unwrap();
        assert_eq!(journals.damaged(), 1);
        assert!(journals.find("z", "1").is_none() && journals.find("b", "1").is_some());
    }

    #[test]
    fn journals_of_shards_are_read_together() {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            let shard = Shard::new(number, 3);
            let writer = Writer::open(folder.path(), shard, "m.yaml").unwrap();
            let id = format!("item{number}");
            writer.write(&record(&id, "1", Outcome::Made)).unwrap();
        }
        assert_eq!(Journals::read(folder.path()).unwrap().items(), 3);
        assert_eq!(
            Journals::read(&folder.path().join("none")).unwrap().items(),
            0
        );
    }
}
