//! Files by what they follow from, shared between batches and machines.
//!
//! `entries/ab/abcd….json` says which files belong to a key, `blobs/ef/ef01…` holds each by its SHA-256. What does not have
//! the checksum that it should have counts as not there.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use affetto_core::{AtomicFile, Summed, read_limited, write_atomic};

use crate::{Error, MadeFile, Record};

/// The most bytes of an entry.
const LARGEST_ENTRY: u64 = 16 << 20;

/// A folder of finished files. One that cannot be written to is only read.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which is made when something is put into it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The record of a key, where all its files are there by name and size.
    pub(crate) fn find(&self, key: &str) -> Option<Record> {
        let bytes = read_limited(&self.entry(key), LARGEST_ENTRY).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        let whole = record.all_files().all(|file| {
            let found = self.blob(&file.sha256).metadata();
            found.is_ok_and(|found| found.len() == file.bytes)
        });
        (record.key == key && whole).then_some(record)
    }

    /// Copies the files of a record below `folder`. False where a file is not what it should be; then nothing was written.
    pub(crate) fn take(&self, record: &Record, folder: &Path) -> Result<bool, Error> {
        let mut staged = Vec::new();
        for file in record.all_files() {
            let path = folder.join(&file.path);
            let failed = |source| Error::write(&path, source);
            let Ok(blob) = File::open(self.blob(&file.sha256)) else {
                return Ok(false);
            };
            make_parent(&path).map_err(failed)?;
            let mut copy = Summed::new(AtomicFile::create(&path).map_err(failed)?);
            io::copy(&mut blob.take(file.bytes + 1), &mut copy).map_err(failed)?;
            let sum = copy.checksum();
            if (sum.bytes, &sum.sha256) != (file.bytes, &file.sha256) {
                return Ok(false);
            }
            staged.push(copy.into_inner());
        }
        // The provenance first: a file without it would count as somebody else's.
        for file in staged.into_iter().rev() {
            let path = file.path().to_path_buf();
            file.commit()
                .map_err(|source| Error::write(&path, source))?;
        }
        Ok(true)
    }

    /// Keeps the files of a record.
    pub(crate) fn put(&self, record: &Record, folder: &Path) -> io::Result<()> {
        for file in record.all_files() {
            self.put_file(file, folder)?;
        }
        let entry = self.entry(&record.key);
        make_parent(&entry)?;
        let json = serde_json::to_vec(record).unwrap_or_default();
        write_atomic(&entry, &json)
    }

    fn put_file(&self, file: &MadeFile, folder: &Path) -> io::Result<()> {
        let blob = self.blob(&file.sha256);
        if blob.metadata().is_ok_and(|found| found.len() == file.bytes) {
            return Ok(());
        }
        make_parent(&blob)?;
        let mut copy = Summed::new(AtomicFile::create(&blob)?);
        io::copy(&mut File::open(folder.join(&file.path))?, &mut copy)?;
        copy.flush()?;
        if copy.checksum().sha256 != file.sha256 {
            return Err(io::Error::other("it was changed meanwhile"));
        }
        copy.into_inner().commit()
    }

    fn entry(&self, key: &str) -> PathBuf {
        let name = format!("{key}.json");
        self.folder.join("entries").join(&key[..2]).join(name)
    }

    fn blob(&self, sha256: &str) -> PathBuf {
        // What an entry says is not to lead elsewhere.
        let is_sum = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = if is_sum { sha256 } else { "none" };
        self.folder.join("blobs").join(&name[..2]).join(name)
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use affetto_core::sha256_hex;

    use super::*;
    use crate::{Outcome, journal::tests::record};

    fn record_in(folder: &Path) -> Record {
        fs::write(folder.join("a.mid"), "notes").unwrap();
        Record {
            files: vec![MadeFile::new(Path::new("a.mid"), 5, &sha256_hex(b"notes"))],
            ..record("a", &sha256_hex(b"key"), Outcome::Made)
        }
    }

    #[test]
    fn what_was_put_is_taken() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::new(folder.path().join("cache"));
        let record = record_in(folder.path());
        assert!(cache.find(&record.key).is_none());
        cache.put(&record, folder.path()).unwrap();
        let found = cache.find(&record.key).unwrap();
        assert_eq!(found, record);
        assert!(cache.take(&found, other.path()).unwrap());
        assert_eq!(fs::read(other.path().join("a.mid")).unwrap(), b"notes");
    }

    #[test]
    fn what_is_damaged_is_not_taken() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::new(folder.path().join("cache"));
        let record = record_in(folder.path());
        cache.put(&record, folder.path()).unwrap();
        fs::write(cache.blob(&record.files[0].sha256), "noted").unwrap();
        assert!(!cache.take(&record, other.path()).unwrap());
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
        fs::write(cache.blob(&record.files[0].sha256), "no").unwrap();
        assert!(cache.find(&record.key).is_none());
    }

    #[test]
    fn an_entry_cannot_name_a_file_elsewhere() {
        let cache = Cache::new("cache");
        let path = cache.blob("../../etc/passwd");
        assert_eq!(path, Path::new("cache/blobs/no/none"));
    }
}
