use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long something is, and its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Checksum {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: sha256_hex(bytes),
        }
    }

    /// Of a file, which is not held in memory.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = Summed::new(File::open(path)?);
        io::copy(&mut file, &mut io::sink())?;
        Ok(file.checksum())
    }
}

/// Sums up what is read from or written to what it holds.
pub struct Summed<T> {
    inner: T,
    sum: Sha256,
    bytes: u64,
}

impl<T> Summed<T> {
    /// From here on.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            sum: Sha256::new(),
            bytes: 0,
        }
    }

    /// What it holds.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Of all bytes so far.
    pub fn checksum(&self) -> Checksum {
        Checksum {
            bytes: self.bytes,
            sha256: hex(&self.sum.clone().finalize()),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.add(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.add(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The digest of "abc", FIPS 180-2 appendix B.1.
    #[test]
    fn abc() {
        let digest = "ba7816bf8f01cfea414140de5dae2223";
        assert!(sha256_hex(b"abc").starts_with(digest));
        let mut written = Summed::new(Vec::new());
        written.write_all(b"a").unwrap();
        written.write_all(b"bc").unwrap();
        let sum = written.checksum();
        assert_eq!(sum.bytes, 3);
        assert!(sum.sha256.starts_with(digest));
        let bytes = written.into_inner();
        let mut read = Summed::new(bytes.as_slice());
        io::copy(&mut read, &mut io::sink()).unwrap();
        assert_eq!(read.checksum(), sum);
    }

    #[test]
    fn a_file_has_the_checksum_of_its_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "bytes").unwrap();
        let sum = Checksum::of_file(file.path()).unwrap();
        assert_eq!((sum.bytes, sum.sha256), (5, sha256_hex(b"bytes")));
    }
}
