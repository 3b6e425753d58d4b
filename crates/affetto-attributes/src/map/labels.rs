//! Which piece has which emotion, from a file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use affetto_core::read_limited;
use affetto_emotion::{Emotion, Vad};

use crate::Error;

/// The largest file of labels that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The columns of a file of labels.
const COLUMNS: [&str; 5] = ["path", "emotion", "valence", "arousal", "song"];

/// A piece and its emotion.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPiece {
    /// Its file, from the folder of the data.
    pub path: PathBuf,
    /// Its emotion as a point.
    pub point: Vad,
    /// The song that it is cut from; pieces of one song are never on both sides of a validation.
    pub song: String,
}

/// Reads a CSV file with a head line. Columns, in any order:
///
/// | column | holds |
/// |---|---|
/// | `path` | the file, from the folder of the data |
/// | `emotion` | words as [`Emotion::parse`] reads them: `joy`, `joy:0.7,awe:0.3`, `russell/q2` |
/// | `valence`, `arousal` | instead of `emotion`: numbers from -1 to 1 |
/// | `song` | what the piece is cut from; where the column is missing every piece is a song of its own |
///
/// # Errors
///
/// [`Error::Read`] for a file that cannot be read, [`Error::Labels`] for one that is not as above; the line is named.
pub fn read_labels(path: &Path) -> Result<Vec<LabelledPiece>, Error> {
    let bytes = read_limited(path, MAX_BYTES)?;
    let refused = |line: u64, reason: String| Error::Labels {
        path: path.into(),
        line,
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes.as_slice());
    let head = reader
        .headers()
        .map_err(|error| refused(1, error.to_string()))?;
    let columns = Columns::of(head).map_err(|reason| refused(1, reason))?;
    let mut pieces = Vec::new();
    let mut paths = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            refused(line, error.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let piece = columns
            .piece(&record)
            .map_err(|reason| refused(line, reason))?;
        if !paths.insert(piece.path.clone()) {
            return Err(refused(
                line,
                format!("{} is labelled twice", piece.path.display()),
            ));
        }
        pieces.push(piece);
    }
    Ok(pieces)
}

/// The places of the columns.
struct Columns {
    path: usize,
    emotion: Said,
    song: Option<usize>,
}

/// How a file says emotions.
enum Said {
    Words(usize),
    Numbers { valence: usize, arousal: usize },
}

impl Columns {
    fn of(head: &csv::StringRecord) -> Result<Self, String> {
        let find = |name: &str| {
            head.iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        };
        if let Some(unknown) = head
            .iter()
            .find(|column| !COLUMNS.iter().any(|name| column.eq_ignore_ascii_case(name)))
        {
            return Err(format!(
                "the column {unknown:?} is none of {}",
                COLUMNS.join(", ")
            ));
        }
        let emotion = match (find("emotion"), find("valence"), find("arousal")) {
            (Some(words), None, None) => Said::Words(words),
            (None, Some(valence), Some(arousal)) => Said::Numbers { valence, arousal },
            _ => {
                return Err(
                    "it has neither a column emotion nor columns valence and arousal alone".into(),
                );
            }
        };
        Ok(Self {
            path: find("path").ok_or("it has no column path")?,
            emotion,
            song: find("song"),
        })
    }

    fn piece(&self, record: &csv::StringRecord) -> Result<LabelledPiece, String> {
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let path = cell(self.path);
        if path.is_empty() {
            return Err("no path".into());
        }
        let song = self.song.map(cell).filter(|song| !song.is_empty());
        Ok(LabelledPiece {
            path: path.into(),
            point: self.point(&cell)?,
            song: song.unwrap_or(path).into(),
        })
    }

    fn point<'r>(&self, cell: &impl Fn(usize) -> &'r str) -> Result<Vad, String> {
        let number = |column: usize| {
            let text = cell(column);
            text.parse::<f64>()
                .map_err(|_| format!("{text:?} is no number"))
        };
        let point = match &self.emotion {
            Said::Words(column) => Emotion::parse(cell(*column)).map(|emotion| emotion.vad()),
            Said::Numbers { valence, arousal } => {
                Vad::from_partial(Some(number(*valence)?), Some(number(*arousal)?), None)
            }
        };
        point.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<Vec<LabelledPiece>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        read_labels(&path)
    }

    #[test]
    fn words_and_numbers() {
        let words =
            read("Song,path,emotion\nA,a.mid,russell/q2\n,\"b,c.mid\",\"joy:0.5,awe:0.5\"\n")
                .unwrap();
        assert!(words[0].point.valence() < 0.0 && words[0].point.arousal() > 0.0);
        assert_eq!(
            (words[0].song.as_str(), words[1].song.as_str()),
            ("A", "b,c.mid")
        );
        let numbers = read("path, valence, arousal\na.mid, -0.5, 0.25\n").unwrap();
        assert_eq!(
            (numbers[0].point.valence(), numbers[0].point.arousal()),
            (-0.5, 0.25)
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, word) in [
            ("", 1, "emotion"),
            ("path\na.mid\n", 1, "emotion"),
            ("path,emotion,mood\na.mid,joy,x\n", 1, "mood"),
            ("path,emotion\na.mid,joy\nb.mid,joyy\n", 3, "joyy"),
            ("path,emotion\na.mid,joy\na.mid,awe\n", 3, "twice"),
            ("path,valence,arousal\na.mid,1,x\n", 2, "x"),
            ("path,valence,arousal\na.mid,2,0\n", 2, "valence"),
            ("path,emotion\na.mid\n", 2, "fields"),
        ] {
            let Err(Error::Labels {
                line: found,
                reason,
                ..
            }) = read(text)
            else {
                panic!("{text:?} is read");
            };
            assert!(
                found == line && reason.contains(word),
                "{text:?}: {found} {reason}"
            );
        }
    }
}
