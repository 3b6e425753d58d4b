//! Reading scores, whatever their format.

use std::path::{Path, PathBuf};

use affetto_core::{read_limited, sha256_hex};
use affetto_media::{Format, Limits, Score, abc, midi, musicxml};

use crate::{Error, Input, InputRole};

/// Reads a MIDI, MusicXML (`.musicxml`, `.mxl`) or ABC file.
///
/// The extension says which format it is, and the content (a MIDI header, a ZIP archive, XML) must not say another; a
/// file without a known extension goes by its content.
///
/// # Errors
///
/// Files that cannot be read, are damaged, or are larger than [`Limits::DEFAULT`]; the error names the file.
pub fn read_score(path: impl AsRef<Path>) -> Result<Score, Error> {
    let path = path.as_ref();
    let bytes = read_limited(path, Limits::DEFAULT.bytes)?;
    score_from_bytes(path, &bytes)
}

/// A file that a request names, as read.
pub(crate) struct ReadScore {
    pub(crate) score: Score,
    pub(crate) input: Input,
}

/// Reads `found`, which the user called `typed`.
pub(crate) fn read_input(role: InputRole, typed: &Path, found: &Path) -> Result<ReadScore, Error> {
    let bytes = read_limited(found, Limits::DEFAULT.bytes)?;
    Ok(ReadScore {
        score: score_from_bytes(found, &bytes)?,
        input: Input {
            role,
            path: PathBuf::from(typed),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
        },
    })
}

fn score_from_bytes(path: &Path, bytes: &[u8]) -> Result<Score, Error> {
    let limits = Limits::DEFAULT;
    let score = match format(path, bytes)? {
        Some(Format::Midi) => midi::read(bytes, &limits),
        Some(Format::MusicXml) => musicxml::read(bytes, &limits),
        Some(Format::Abc) => abc::read(bytes, &limits),
        Some(Format::LilyPond | Format::Wav | Format::Ogg | Format::Png) | None => {
            return Err(Error::UnknownInput { path: path.into() });
        }
    };
    score.map_err(|error| error.in_file(path).into())
}

/// By name and content, where they agree; by one of them where the other says nothing.
fn format(path: &Path, bytes: &[u8]) -> Result<Option<Format>, Error> {
    match (Format::from_path(path), format_from_content(bytes)) {
        (Some(by_name), Some(by_content)) if by_name != by_content => Err(Error::FormatMismatch {
            path: path.into(),
            by_name: by_name.name(),
            by_content: by_content.name(),
        }),
        (by_name, by_content) => Ok(by_name.or(by_content)),
    }
}

fn format_from_content(bytes: &[u8]) -> Option<Format> {
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    if bytes.starts_with(b"MThd")
        || (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"RMID"))
    {
        Some(Format::Midi)
    } else if bytes.starts_with(b"PK\x03\x04")
        || text.starts_with(b"<?xml")
        || text.starts_with(b"<score-")
    {
        Some(Format::MusicXml)
    } else if text.starts_with(b"X:") || text.starts_with(b"%abc") {
        Some(Format::Abc)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TUNE: &str =
        "X:1\nT:Three bars\nM:3/4\nL:1/4\nK:Dm\n\"Dm\"D F A|\"A7\"^c2 A|\"Dm\"d3|]\n";

    #[test]
    fn content_is_enough_and_must_not_contradict_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let score = abc::read(TUNE.as_bytes(), &Limits::DEFAULT).unwrap();
        for (name, bytes) in [
            ("tune.abc", TUNE.as_bytes().to_vec()),
            ("midi-without-extension", midi::write(&score).unwrap()),
            ("without-a-name", musicxml::write(&score).unwrap()),
            ("packed.xml", musicxml::write_compressed(&score).unwrap()),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let read = read_score(&path).unwrap();
            assert_eq!((read.bars.len(), read.chords.len()), (3, 3), "{name}");
        }
    }

    #[test]
    fn a_disguise_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tune.mid");
        std::fs::write(&path, TUNE).unwrap();
        let error = read_score(&path).unwrap_err().to_string();
        assert!(
            error.starts_with("ABC by its content and MIDI by its name"),
            "{error}"
        );
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("noise.mid", &b"noise"[..]),
            ("empty.abc", b""),
            ("picture.png", b"\x89PNG"),
            ("nothing-known", b"text"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = read_score(&path).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let missing = read_score(folder.path().join("missing.mid")).unwrap_err();
        assert!(missing.to_string().contains("missing.mid"));
    }
}
