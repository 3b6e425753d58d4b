use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::sha256_hex;

/// Writes `bytes` to `path` so that the file is either whole or not there, as [`AtomicFile`] does.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A file that stands at its path once it is whole: a temporary file in the same folder, synced, renamed; then the folder
/// is synced. Unless it is committed the temporary file goes, and what stood at the path is as it was.
///
/// The temporary file of `song.mid` is `.song.mid.part`, always the same one. Who is killed while
/// writing may leave it; the next write to `song.mid` takes it away. It is locked while it is
/// written, so that of two who write the same file one waits for the other. Who writes several at once
/// creates them in the order of their paths, or two might wait for each other.
#[derive(Debug)]
pub struct AtomicFile {
    part: Part,
    folder: PathBuf,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will stand at `path`.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Ok(Self {
            part: Part::create(part_path(folder, path)?)?,
            folder: folder.into(),
            path: path.into(),
        })
    }

    /// Where it will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts what was written in its place.
    pub fn commit(self) -> io::Result<()> {
        self.part.file.sync_all()?;
        self.part.become_file(&self.path)?;
        sync_folder(&self.folder)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.part.file.seek(to)
    }
}

/// The longest name that is kept within that of the temporary file; file systems end at 255 bytes.
const LONGEST_NAME: usize = 200;

/// `.song.mid.part`; for a very long name its checksum instead.
fn part_path(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let mut hidden = OsString::from(".");
    if name.len() <= LONGEST_NAME {
        hidden.push(name);
    } else {
        hidden.push(sha256_hex(name.as_encoded_bytes()));
    }
    hidden.push(".part");
    Ok(folder.join(hidden))
}

/// A temporary file that only its owner writes to. It is taken away again unless it becomes the
/// file that it is for.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    is_temporary: bool,
}

impl Part {
    /// A new file at `path`. One that was left there by somebody killed is taken away; one that is
    /// being written is waited for.
    fn create(path: PathBuf) -> io::Result<Self> {
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    lock(&file);
                    // Before it was locked, another may have taken it for a left one.
                    if stands_at(&file, &path)? {
                        return Ok(Self {
                            file,
                            path,
                            is_temporary: true,
                        });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => take_away(&path)?,
                Err(error) => return Err(error),
            }
        }
    }

    fn become_file(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.is_temporary = false;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.is_temporary {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes a left temporary file away, after its writer, if there is one, has let go of it. What is
/// no file (a link that somebody put there) is not opened.
fn take_away(path: &Path) -> io::Result<()> {
    let is_file = match fs::symlink_metadata(path) {
        Ok(found) => found.is_file(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let removed = if is_file {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        lock(&file);
        if !stands_at(&file, path)? {
            return Ok(()); // it has become what it was for
        }
        fs::remove_file(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Waits for the lock, which the system takes from who is killed. Where a file system has no locks
/// there is one writer at a time, or the last one wins.
fn lock(file: &File) {
    let _ = file.lock();
}

/// Whether the name still means this file.
#[cfg(unix)]
fn stands_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn stands_at(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::thread;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.mid");
        write_atomic(&path, b"a longer first version").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["song.mid"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(write_atomic(&taken, b"bytes").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
        assert!(write_atomic(Path::new("/"), b"bytes").is_err());
    }

    #[test]
    fn what_is_not_committed_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("take.csv");
        fs::write(&path, "before").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(file);
        assert_eq!(names(folder.path()), ["take.csv"]);
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }

    /// What a kill leaves is as long as it came; the next write of the same file replaces it.
    #[test]
    fn what_a_kill_left_is_taken_away_by_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".song.mid.part"), "half of a long piece").unwrap();
        write_atomic(&folder.path().join("song.mid"), b"whole").unwrap();
        assert_eq!(names(folder.path()), ["song.mid"]);
        assert_eq!(fs::read(folder.path().join("song.mid")).unwrap(), b"whole");
    }

    #[test]
    fn a_name_as_long_as_names_may_be_has_room_for_its_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{}.mid", "a".repeat(251));
        write_atomic(&folder.path().join(&name), b"bytes").unwrap();
        assert_eq!(names(folder.path()), [name]);
    }

    /// Each of many writers at once writes a whole file; the last one stays.
    #[test]
    fn writers_of_the_same_file_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.mid");
        let written = |number: usize| vec![number as u8; 20_000 + number];
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..10 {
                        write_atomic(path, &written(number)).unwrap();
                        let found = fs::read(path).unwrap();
                        assert_eq!(found, written(usize::from(found[0])));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["song.mid"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_temporary_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "not yours").unwrap();
        for target in [precious.as_path(), Path::new("nowhere")] {
            std::os::unix::fs::symlink(target, folder.path().join(".song.mid.part")).unwrap();
            write_atomic(&folder.path().join("song.mid"), b"bytes").unwrap();
            assert_eq!(fs::read(&precious).unwrap(), b"not yours");
            assert_eq!(fs::read(folder.path().join("song.mid")).unwrap(), b"bytes");
        }
    }

    /// As any new file: by the user's own mask.
    #[cfg(unix)]
    #[test]
    fn an_output_may_be_read_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        write_atomic(&own, b"bytes").unwrap();
        fs::write(&other, b"bytes").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&own), mode(&other));
    }
}
