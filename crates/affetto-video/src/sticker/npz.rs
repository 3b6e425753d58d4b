//! NumPy arrays in a zip file, as `numpy.savez` and `numpy.savez_compressed` write them.

use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use affetto_core::read_limited;
use half::f16;
use zip::ZipArchive;

use crate::{Error, Result};

/// The arrays of a file.
pub(super) struct Arrays {
    archive: ZipArchive<Cursor<Vec<u8>>>,
    path: PathBuf,
}

impl Arrays {
    /// Opens a file of at most `limit` bytes.
    ///
    /// # Errors
    /// Where it is larger, cannot be read, or is no zip file.
    pub fn read(path: &Path, limit: u64) -> Result<Self> {
        let bytes = read_limited(path, limit)?;
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| Error::Damaged {
            path: path.into(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            archive,
            path: path.into(),
        })
    }

    /// The numbers of an array of 16- or 32-bit floats of exactly this shape, row by row. No more is unpacked than such an
    /// array has.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is missing or another, or a number is none.
    pub fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.checked(name, shape).map_err(|reason| Error::Damaged {
            path: self.path.clone(),
            reason: format!("array {name}: {reason}"),
        })
    }

    fn checked(&mut self, name: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, String> {
        let mut entry = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|error| error.to_string())?;
        let header = header(&mut entry)?;
        let shape_text: Vec<String> = shape.iter().map(usize::to_string).collect();
        let shape_text = match shape_text.as_slice() {
            [one] => format!("({one},)"),
            more => format!("({})", more.join(", ")),
        };
        if !header.contains(&format!("'shape': {shape_text}"))
            || !header.contains("'fortran_order': False")
        {
            return Err(format!(
                "{}, shape {shape_text} in rows is needed",
                header.trim()
            ));
        }
        let count: usize = shape.iter().product();
        let width = match header
            .split("'descr': '")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
        {
            Some("<f2") => 2,
            Some("<f4") => 4,
            _ => return Err(format!("{}, <f2 or <f4 is needed", header.trim())),
        };
        let mut bytes = vec![0; count * width];
        entry
            .read_exact(&mut bytes)
            .map_err(|error| error.to_string())?;
        let numbers: Vec<f32> = match width {
            2 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            _ => bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
        };
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err("a number that is none".into()),
        }
    }
}

/// The header of `numpy.lib.format`, versions 1 to 3; what follows are the numbers.
fn header(entry: &mut impl Read) -> std::result::Result<String, String> {
    let mut take = |count: usize| {
        let mut bytes = vec![0; count];
        entry
            .read_exact(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    };
    let start = take(8)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err("no NumPy array".into());
    }
    let length = take(if start[6] == 1 { 2 } else { 4 })?;
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length > MOST_HEADER {
        return Err(format!("a header of {length} bytes"));
    }
    Ok(String::from_utf8_lossy(&take(length)?).into_owned())
}

/// The longest header, in bytes.
const MOST_HEADER: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn written(descr: &str, shape: &str, bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = ZipWriter::new(file.reopen().unwrap());
        zip.start_file("X.npy", SimpleFileOptions::default())
            .unwrap();
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap();
        file
    }

    fn read(file: &tempfile::NamedTempFile, shape: &[usize]) -> Result<Vec<f32>> {
        Arrays::read(file.path(), 1 << 20)?.floats("X", shape)
    }

    #[test]
    fn halves_and_singles_are_read() {
        let halves: Vec<u8> = [1.5, -2.0]
            .iter()
            .flat_map(|x| f16::from_f32(*x).to_le_bytes())
            .collect();
        assert_eq!(
            read(&written("<f2", "(2,)", &halves), &[2]).unwrap(),
            [1.5, -2.0]
        );
        let singles: Vec<u8> = [0.1f32, 7.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(
            read(&written("<f4", "(1, 2)", &singles), &[1, 2]).unwrap(),
            [0.1, 7.0]
        );
    }

    #[test]
    fn others_are_refused() {
        let refused = |file: tempfile::NamedTempFile| read(&file, &[2]).unwrap_err().to_string();
        assert!(refused(written("<f8", "(2,)", &[0; 16])).contains("<f4"));
        assert!(refused(written("<f4", "(3,)", &[0; 12])).contains("(2,)"));
        assert!(refused(written("<f4", "(2,)", &[0; 7])).contains("array X"));
        assert!(
            refused(written("<f4", "(2,)", &f32::NAN.to_le_bytes().repeat(2))).contains("none")
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no zip").unwrap();
        assert!(read(&file, &[2]).is_err());
        assert!(Arrays::read(file.path(), 3).is_err());
    }
}
