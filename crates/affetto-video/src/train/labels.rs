//! Which clips there are, and what is said of them.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use affetto_core::read_limited;
use affetto_emotion::{Emotion, Label};

use crate::{Error, Result, prompt::mikels_word};

/// The largest list of clips, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// The most clips.
const MOST_CLIPS: usize = 1_000_000;
/// The longest caption, in bytes.
const LONGEST_CAPTION: usize = 10_000;
/// The columns that a list has.
const COLUMNS: [&str; 3] = ["file", "caption", "emotion"];

/// A clip to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledClip {
    /// Its name in the list.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is to be seen.
    pub caption: String,
    /// What it feels like.
    pub emotion: Emotion,
}

impl LabelledClip {
    /// The word of Mikels by which clips are balanced; none for a neutral one.
    pub fn class(&self) -> Option<Label> {
        mikels_word(&self.emotion)
    }
}

/// Reads a list of clips, a CSV file with a head. The clips lie in `folder` or below it.
///
/// | column | holds |
/// |---|---|
/// | `file` | the clip: MP4 or MOV with H.264 |
/// | `caption` | what is to be seen, in a sentence |
/// | `emotion` | as in `--emotion`: `sadness`, `amusement:0.7,awe:0.3`; nothing where it is neutral |
///
/// # Errors
/// [`Error::Labels`] with the line of the first that is not as above, names a clip twice, one outside `folder` or one that
/// is not there; [`Error::Small`] where the file cannot be read or is larger than 64 MiB.
pub fn read_labels(labels: &Path, folder: &Path) -> Result<Vec<LabelledClip>> {
    let bytes = read_limited(labels, MAX_BYTES)?;
    let refused = |line: u64, reason: String| Error::Labels {
        path: labels.into(),
        line,
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes.as_slice());
    let head = reader.headers();
    let head = head.map_err(|error| refused(1, error.to_string()))?.clone();
    let mut columns = [0; COLUMNS.len()];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        let place = head
            .iter()
            .position(|found| found.eq_ignore_ascii_case(name));
        *column = place.ok_or_else(|| refused(1, format!("no column {name:?}")))?;
    }
    let (mut clips, mut names) = (Vec::new(), BTreeSet::new());
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            refused(line, error.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let [name, caption, emotion] = columns.map(|column| record.get(column).unwrap_or(""));
        let clip = clip(folder, name, caption, emotion).map_err(|reason| refused(line, reason))?;
        if !names.insert(clip.name.clone()) {
            return Err(refused(line, format!("{name:?} is labelled twice")));
        }
        if clips.len() == MOST_CLIPS {
            return Err(refused(line, format!("more than {MOST_CLIPS} clips")));
        }
        clips.push(clip);
    }
    match clips.is_empty() {
        true => Err(refused(1, "no clips".into())),
        false => Ok(clips),
    }
}

fn clip(
    folder: &Path,
    name: &str,
    caption: &str,
    emotion: &str,
) -> std::result::Result<LabelledClip, String> {
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !inside {
        return Err(format!("{name:?} is no file in the folder of the clips"));
    }
    let path = folder.join(name);
    if !path.is_file() {
        return Err(format!("{name:?} is not there"));
    }
    if caption.len() > LONGEST_CAPTION {
        return Err(format!("a caption of more than {LONGEST_CAPTION} bytes"));
    }
    let emotion = match emotion {
        "" => Emotion::NEUTRAL,
        words => Emotion::parse(words).map_err(|error| error.to_string())?,
    };
    Ok(LabelledClip {
        name: name.into(),
        path,
        caption: caption.into(),
        emotion,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lists_are_read_and_what_is_wrong_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mp4", "b.mp4"] {
            fs::write(folder.path().join(name), b"film").unwrap();
        }
        let list = folder.path().join("labels.csv");
        let read = |text: &str| {
            fs::write(&list, text).unwrap();
            read_labels(&list, folder.path())
        };
        let good = "Emotion,file,caption\n\"amusement:0.6,awe:0.4\",a.mp4,\"a fox, waiting\"\n,b.mp4,rain\n";
        let clips = read(good).unwrap();
        assert_eq!(clips[0].caption, "a fox, waiting");
        assert_eq!(clips[0].class().map(Label::name), Some("amusement"));
        assert_eq!((clips[1].class(), clips[1].name.as_str()), (None, "b.mp4"));
        for (text, says) in [
            ("", "no column \"file\", line 1"),
            ("file,emotion\na.mp4,joy\n", "no column \"caption\""),
            ("file,caption,emotion\n", "no clips"),
            ("file,caption,emotion\na.mp4,fox,joyy\n", "line 2"),
            (
                "file,caption,emotion\na.mp4,fox,joy\na.mp4,fox,joy\n",
                "twice, line 3",
            ),
            ("file,caption,emotion\nc.mp4,fox,joy\n", "not there"),
            (
                "file,caption,emotion\n../a.mp4,fox,joy\n",
                "no file in the folder",
            ),
            (
                "file,caption,emotion\n/etc/passwd,fox,joy\n",
                "no file in the folder",
            ),
            ("file,caption,emotion\n,fox,joy\n", "no file in the folder"),
            ("file,caption,emotion\na.mp4,fox\n", "line 2"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        let long = format!("file,caption,emotion\na.mp4,{},joy\n", "x".repeat(10_001));
        assert!(read(&long).is_err());
    }
}
