//! The prepared windows in a file: reading the sources again takes minutes.
//!
//! A compressed line of JSON, then all tokens as 16-bit numbers.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use affetto_core::{read_limited, sha256_hex, write_atomic};
use affetto_media::Mode;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};

use super::{Corpus, Error, Source, Window};
use crate::piano::{
    levels::Quartiles,
    tokens::{Style, Token, decode, encode},
};

/// The file in the folder of a training.
pub const FILE: &str = "windows.gz";
/// Raised whenever the same files give other windows.
const VERSION: u32 = 1;
/// What is read of a source at the most, in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// What a cache unpacks to at the most, in bytes.
const MOST_UNPACKED: u64 = 2 << 30;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    digest: String,
    songs: [usize; 3],
    sources: Vec<Source>,
    attributions: Vec<String>,
    quartiles: Quartiles,
    windows: [Vec<Entry>; 3],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tokens: usize,
    before: usize,
    after: usize,
    mode: Mode,
    style: Option<Style>,
    weight: f32,
}

/// Says what the windows are made from: the files, and this version of the code.
pub fn digest(found: &[(Source, Vec<PathBuf>)]) -> Result<String, Error> {
    let mut text = format!("windows {VERSION}\n");
    for (source, files) in found {
        for path in files {
            let failed = |error| Error::Archive {
                path: path.clone(),
                source: io::Error::other(error),
            };
            let bytes = read_limited(path, MOST_BYTES).map_err(failed)?;
            text += &format!("{} {}\n", source.name(), sha256_hex(&bytes));
        }
    }
    Ok(sha256_hex(text.as_bytes()))
}

/// Writes what [`read`] reads.
pub fn write(path: &Path, digest: &str, corpus: &Corpus) -> Result<(), Error> {
    let failed = |source| Error::Archive {
        path: path.into(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let bytes = bytes_of(digest, corpus).map_err(failed)?;
    write_atomic(path, &bytes).map_err(failed)
}

fn bytes_of(digest: &str, corpus: &Corpus) -> io::Result<Vec<u8>> {
    let mut tokens: Vec<u8> = Vec::new();
    let mut entry = |window: &Window| -> io::Result<Entry> {
        let encoded = encode(&window.piece).map_err(io::Error::other)?;
        let ids = encoded.iter().filter_map(|token| token.id());
        tokens.extend(ids.flat_map(|id| (id as u16).to_le_bytes()));
        Ok(Entry {
            tokens: encoded.len(),
            before: window.before,
            after: window.after,
            mode: window.mode,
            style: window.style,
            weight: window.weight,
        })
    };
    let mut entries = |windows: &[Window]| {
        windows
            .iter()
            .map(&mut entry)
            .collect::<io::Result<Vec<Entry>>>()
    };
    let head = Head {
        digest: digest.into(),
        songs: corpus.songs,
        sources: corpus.sources.clone(),
        attributions: corpus.attributions.clone(),
        quartiles: corpus.quartiles.clone(),
        windows: [
            entries(&corpus.train)?,
            entries(&corpus.valid)?,
            entries(&corpus.test)?,
        ],
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut packed, &head)?;
    packed.write_all(b"\n")?;
    packed.write_all(&tokens)?;
    packed.finish()
}

/// The windows that were left, if they are of this digest.
pub fn read(path: &Path, digest: &str) -> Option<Corpus> {
    let packed = BufReader::new(File::open(path).ok()?);
    let mut bytes = Vec::new();
    let mut unpacked = GzDecoder::new(packed).take(MOST_UNPACKED);
    unpacked.read_to_end(&mut bytes).ok()?;
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..line]).ok()?;
    if head.digest != digest {
        return None;
    }
    let mut tokens = bytes[line + 1..].chunks_exact(2);
    let mut window = |entry: Entry| -> Option<Window> {
        let ids = tokens.by_ref().take(entry.tokens);
        let ids = ids.map(|bytes| u32::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        let tokens: Option<Vec<Token>> = ids.map(Token::from_id).collect();
        Some(Window {
            piece: decode(&tokens?).ok()?,
            before: entry.before,
            after: entry.after,
            mode: entry.mode,
            style: entry.style,
            weight: entry.weight,
        })
    };
    let mut windows = |entries: Vec<Entry>| {
        entries
            .into_iter()
            .map(&mut window)
            .collect::<Option<Vec<Window>>>()
    };
    let [train, valid, test] = head.windows;
    Some(Corpus {
        train: windows(train)?,
        valid: windows(valid)?,
        test: windows(test)?,
        songs: head.songs,
        sources: head.sources,
        attributions: head.attributions,
        quartiles: head.quartiles,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::piano::grid::testing::any_piece;

    fn corpus() -> Corpus {
        let mut runner = TestRunner::deterministic();
        let mut window = |before| Window {
            piece: any_piece().new_tree(&mut runner).unwrap().current(),
            before,
            after: 2,
            mode: Mode::Minor,
            style: Some(Style::Song),
            weight: 0.5,
        };
        let train: Vec<Window> = (0..5).map(&mut window).collect();
        Corpus {
            quartiles: Quartiles::of(&train),
            train,
            valid: (0..2).map(&mut window).collect(),
            test: vec![window(9)],
            songs: [3, 2, 1],
            sources: vec![Source::Mutopia],
            attributions: vec!["A (B)\n".into()],
        }
    }

    #[test]
    fn what_was_written_is_read_if_it_is_of_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below").join(FILE);
        write(&path, "abc", &corpus()).unwrap();
        assert_eq!(read(&path, "abc"), Some(corpus()));
        assert_eq!(read(&path, "abd"), None);
        let half = std::fs::read(&path).unwrap();
        std::fs::write(&path, &half[..half.len() / 2]).unwrap();
        assert_eq!(read(&path, "abc"), None);
    }

    #[test]
    fn the_digest_is_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let of = |content: &str| {
            std::fs::write(&path, content).unwrap();
            digest(&[(Source::User, vec![path.clone()])]).unwrap()
        };
        assert_eq!(of("one"), of("one"));
        assert_ne!(of("one"), of("two"));
    }
}
