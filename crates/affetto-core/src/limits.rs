use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Why an input file was not read.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The file cannot be opened or read.
    #[error("cannot read: {source}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than its format allows here.
    #[error("more than {limit} bytes, which is the most that is read: {}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size read, in bytes.
        limit: u64,
    },
}

/// The bytes of a file of at most `limit` bytes; a larger one (or an endless device) is refused
/// before it is held in memory.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, LimitError> {
    let failed = |source| LimitError::Read {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_or(0, |found| found.len());
    let mut bytes = Vec::new();
    // Room for all of it at once, where there is so much; reading ends at the limit whatever a file says of its size.
    let room = usize::try_from(size.min(limit).saturating_add(1));
    let _ = room.map(|room| bytes.try_reserve_exact(room));
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(LimitError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_limit_may_be_as_large_as_numbers_are() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "bytes").unwrap();
        for limit in [5, u64::MAX] {
            assert_eq!(read_limited(file.path(), limit).unwrap(), b"bytes");
        }
        assert!(read_limited(file.path(), 4).is_err());
    }

    #[test]
    fn an_endless_device_is_refused() {
        let endless = Path::new("/dev/zero");
        if endless.exists() {
            let error = read_limited(endless, 1000);
            assert!(matches!(
                error,
                Err(LimitError::TooLarge { limit: 1000, .. })
            ));
        }
    }
}
