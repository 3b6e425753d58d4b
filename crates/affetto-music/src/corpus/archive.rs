//! Files out of `.tar.gz` and `.tar.xz` archives, without unpacking to disk.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::Error;

/// What is read of an archive at the most, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// What is read of one file in it at the most, in bytes.
const MAX_ENTRY_BYTES: u64 = 16 << 20;
/// Files in it at the most.
const MAX_ENTRIES: usize = 100_000;

/// A file of an archive.
pub struct Entry {
    /// Its path inside, without the archive's own folder.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The archive called `name` in the first of `folders` that has it.
pub fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The files in an archive, sorted by path.
pub fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let failed = |source| Error::Archive {
        path: path.into(),
        source,
    };
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let unpacked: Box<dyn Read> = if path.extension().is_some_and(|end| end == "xz") {
        Box::new(liblzma::read::XzDecoder::new(file))
    } else {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    };
    let mut entries = entries(unpacked.take(MAX_BYTES)).map_err(failed)?;
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

fn entries(unpacked: impl Read) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in tar::Archive::new(unpacked).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if entry.size() > MAX_ENTRY_BYTES || entries.len() >= MAX_ENTRIES {
            return Err(io::Error::other("more than is read of an archive"));
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        let inside = path.split_once('/').map_or(path.as_str(), |(_, rest)| rest);
        let mut bytes = Vec::with_capacity(entry.size() as usize);
        entry.read_to_end(&mut bytes)?;
        entries.push(Entry {
            path: inside.into(),
            bytes,
        });
    }
    Ok(entries)
}
