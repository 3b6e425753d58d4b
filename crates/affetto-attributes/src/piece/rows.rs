//! Measured values as files, written piece by piece.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Attribute, Reading};

/// The schema of JSON files of measured values.
pub const VALUES_SCHEMA: &str = "affetto-attributes/1";

/// The format of a file of measured values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// One line a piece under a head line; an undefined value is an empty cell.
    Csv,
    /// One object with the names of the attributes, and for each piece its values in their order; an undefined value
    /// is null.
    Json,
}

impl RowFormat {
    /// The format that a file name's extension stands for.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Writes one piece after the other, so that memory does not grow with their number.
pub struct RowWriter<W> {
    out: W,
    format: RowFormat,
    rows: usize,
}

impl<W: Write> RowWriter<W> {
    /// Begins the file.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn new(mut out: W, format: RowFormat, reading: Reading) -> io::Result<Self> {
        match format {
            RowFormat::Csv => {
                let names: Vec<String> = Attribute::ALL
                    .iter()
                    .map(|attribute| csv_cell(attribute.name()))
                    .collect();
                writeln!(out, "path,{}", names.join(","))?;
            }
            RowFormat::Json => {
                let names: Vec<String> = Attribute::ALL
                    .iter()
                    .map(|attribute| json_text(attribute.name()))
                    .collect();
                let (reading, names) = (reading.name(), names.join(", "));
                writeln!(
                    out,
                    "{{\"schema\": \"{VALUES_SCHEMA}\", \"reading\": \"{reading}\","
                )?;
                writeln!(out, "\"attributes\": [{names}],\n\"pieces\": [")?;
            }
        }
        Ok(Self {
            out,
            format,
            rows: 0,
        })
    }

    /// Writes the values of a piece, in the order of [`Attribute::ALL`].
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn row(&mut self, path: &Path, values: &[Option<f64>]) -> io::Result<()> {
        let cells = |undefined: &str| {
            let cell = |value: &Option<f64>| {
                value.map_or_else(|| undefined.into(), |value| value.to_string())
            };
            values.iter().map(cell).collect::<Vec<String>>().join(",")
        };
        let path = path.to_string_lossy();
        match self.format {
            RowFormat::Csv => writeln!(self.out, "{},{}", csv_cell(&path), cells(""))?,
            RowFormat::Json => {
                let comma = if self.rows > 0 { ",\n" } else { "" };
                let (path, cells) = (json_text(&path), cells("null"));
                write!(
                    self.out,
                    "{comma}{{\"path\": {path}, \"values\": [{cells}]}}"
                )?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends the file and gives the stream back. The files that could not be measured, with the reason, stand in JSON
    /// only.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(mut self, failed: &[(PathBuf, String)]) -> io::Result<W> {
        if self.format == RowFormat::Json {
            let failure = |(path, reason): &(PathBuf, String)| {
                let (path, reason) = (json_text(&path.to_string_lossy()), json_text(reason));
                format!("{{\"path\": {path}, \"error\": {reason}}}")
            };
            let failures: Vec<String> = failed.iter().map(failure).collect();
            writeln!(self.out, "\n],\n\"failed\": [{}]}}", failures.join(",\n"))?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// RFC 4180: in quotes where it needs them, with quotes doubled.
fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(format: RowFormat) -> String {
        let mut values = vec![None; Attribute::ALL.len()];
        values[0] = Some(0.25);
        let mut writer = RowWriter::new(Vec::new(), format, Reading::Performed).unwrap();
        writer.row(Path::new("a, \"b\".mid"), &values).unwrap();
        writer.row(Path::new("c.mid"), &values).unwrap();
        let failed = [(PathBuf::from("d.mid"), "not \"MIDI\"".to_owned())];
        String::from_utf8(writer.finish(&failed).unwrap()).unwrap()
    }

    #[test]
    fn csv_has_a_head_and_quotes() {
        let text = written(RowFormat::Csv);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("path,Pitch Class Histogram_2,"));
        assert!(lines[1].starts_with("\"a, \"\"b\"\".mid\",0.25,,"));
        assert_eq!(lines[2].split(',').count(), 1 + Attribute::ALL.len());
    }

    #[test]
    fn json_is_json() {
        let value: serde_json::Value = serde_json::from_str(&written(RowFormat::Json)).unwrap();
        assert_eq!(value["schema"], VALUES_SCHEMA);
        assert_eq!(value["reading"], "performed");
        assert_eq!(value["pieces"][0]["path"], "a, \"b\".mid");
        assert_eq!(value["pieces"][1]["values"][0], 0.25);
        assert!(value["pieces"][1]["values"][1].is_null());
        assert_eq!(value["failed"][0]["error"], "not \"MIDI\"");
    }
}
