//! The multiple at which the tensors of a GGUF file begin. The file states it, its reader divides by it.

use std::io::{self, BufReader, Read, Seek};

/// What a GGUF file calls it.
const KEY: &[u8] = b"general.alignment";
/// The longest key, as the format has it.
const LONGEST_KEY: u64 = 65_535;
/// How deep arrays are nested; the reader refuses more.
const DEEPEST: usize = 64;
/// Bytes of a value of each kind, by its number; none where they vary or nothing is of that kind.
const WIDTHS: [Option<u64>; 13] = [
    Some(1),
    Some(1),
    Some(2),
    Some(2),
    Some(4),
    Some(4),
    Some(4),
    Some(1),
    None,
    None,
    Some(8),
    Some(8),
    Some(8),
];
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Why the header of a GGUF file must not come to its reader. What is damaged in other ways may: the reader says how.
pub(super) fn fault(file: impl Read + Seek) -> Option<&'static str> {
    let fault = Header::new(file).and_then(|mut header| header.fault());
    fault.unwrap_or(None)
}

struct Header<R> {
    reader: BufReader<R>,
    /// Whether lengths have 64 bits, as in all versions but the first.
    long: bool,
}

impl<R: Read + Seek> Header<R> {
    fn new(file: R) -> io::Result<Self> {
        let mut header = Self {
            reader: BufReader::new(file),
            long: true,
        };
        header.bytes::<4>()?; // the magic number
        header.long = header.number()? != 1;
        Ok(header)
    }

    fn fault(&mut self) -> io::Result<Option<&'static str>> {
        self.length()?; // tensors
        for _ in 0..self.length()? {
            let length = self.length()?;
            if length > LONGEST_KEY {
                return Ok(Some("a key of more than 65535 bytes"));
            }
            let is_alignment = self.is_alignment(length as usize)?;
            let kind = self.number()?;
            match width(kind).filter(|width| is_alignment && *width <= 4) {
                Some(width) if self.is_zero(width as usize)? => {
                    return Ok(Some("its tensors are aligned to multiples of 0"));
                }
                Some(_) => {}
                None => self.skip(kind, 0)?,
            }
        }
        Ok(None)
    }

    /// Reads a key; whether it is that of the alignment. The reader passes over zeros at its end.
    fn is_alignment(&mut self, length: usize) -> io::Result<bool> {
        let mut key = vec![0; length];
        self.reader.read_exact(&mut key)?;
        let rest = key.strip_prefix(KEY);
        Ok(rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0)))
    }

    /// Reads a number of at most four bytes; whether it is 0.
    fn is_zero(&mut self, width: usize) -> io::Result<bool> {
        let mut number = [0; 4];
        self.reader.read_exact(&mut number[..width])?;
        Ok(number == [0; 4])
    }

    /// Goes past a value.
    fn skip(&mut self, kind: u32, depth: usize) -> io::Result<()> {
        match (kind, width(kind)) {
            (_, Some(width)) => self.skip_bytes(width),
            (STRING, _) => {
                let length = self.length()?;
                self.skip_bytes(length)
            }
            (ARRAY, _) if depth < DEEPEST => {
                let (kind, length) = (self.number()?, self.length()?);
                if let Some(width) = width(kind) {
                    return self.skip_bytes(width.saturating_mul(length));
                }
                (0..length).try_for_each(|_| self.skip(kind, depth + 1))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn skip_bytes(&mut self, count: u64) -> io::Result<()> {
        let count = i64::try_from(count).map_err(|_| io::ErrorKind::InvalidData)?;
        self.reader.seek_relative(count)
    }

    fn length(&mut self) -> io::Result<u64> {
        match self.long {
            true => Ok(u64::from_le_bytes(self.bytes()?)),
            false => Ok(self.number()?.into()),
        }
    }

    fn number(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn width(kind: u32) -> Option<u64> {
    WIDTHS.get(kind as usize).copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A header with one tensor, and a key before that of the alignment.
    fn header(version: u32, key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
        let length = |length: usize| match version {
            1 => (length as u32).to_le_bytes().to_vec(),
            _ => (length as u64).to_le_bytes().to_vec(),
        };
        let words = [length(2), b"ab".to_vec(), length(0)].concat();
        [
            b"GGUF".to_vec(),
            version.to_le_bytes().to_vec(),
            length(1),
            length(2),
            length(5),
            b"words".to_vec(),
            ARRAY.to_le_bytes().to_vec(),
            STRING.to_le_bytes().to_vec(),
            length(2),
            words,
            length(key.len()),
            key.as_bytes().to_vec(),
            kind.to_le_bytes().to_vec(),
            value.to_vec(),
        ]
        .concat()
    }

    #[test]
    fn a_zero_is_seen_however_it_is_written() {
        let zero = |bytes: Vec<u8>| fault(Cursor::new(bytes)).is_some();
        for version in [1, 2, 3] {
            for (kind, bytes) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4)] {
                let value = vec![0; bytes];
                assert!(zero(header(version, "general.alignment", kind, &value)));
                assert!(zero(header(version, "general.alignment\0\0", kind, &value)));
                assert!(!zero(header(version, "general.alignments", kind, &value)));
                let value = vec![1; bytes];
                assert!(!zero(header(version, "general.alignment", kind, &value)));
            }
            assert!(!zero(header(version, "general.alignment", ARRAY, &[0; 12])));
        }
    }

    /// At every length, so that no part of the walk goes on past the end.
    #[test]
    fn what_is_cut_states_nothing() {
        let whole = header(3, "general.alignment", 4, &[0; 4]);
        for length in 0..whole.len() {
            assert_eq!(fault(Cursor::new(&whole[..length])), None, "{length}");
        }
        let endless = [&whole[..whole.len() - 4], &[9, 0, 0, 0]].concat();
        assert_eq!(fault(Cursor::new(endless)), None);
        let long = "k".repeat(65_536);
        assert!(fault(Cursor::new(header(3, &long, 4, &[1; 4]))).is_some());
    }
}
