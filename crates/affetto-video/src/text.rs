//! Words of a text as numbers, by the `tokenizer.json` that comes with a text encoder.

use std::path::{Path, PathBuf};

use affetto_core::read_limited;
use tokenizers::Tokenizer;

use crate::{Error, Result};

/// The most bytes of a tokenizer; that of UMT5 has 17 million.
const MAX_BYTES: u64 = 128 << 20;

/// Cuts texts into the words of a network.
pub struct Words {
    path: PathBuf,
    tokenizer: Tokenizer,
}

impl Words {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// Where the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_limited(path, MAX_BYTES)?;
        let tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| damaged(path, &error))?;
        Ok(Self {
            path: path.into(),
            tokenizer,
        })
    }

    /// The words of `text` with the mark of its end, `most` of them at most: the rest is cut, and the mark kept, as in the
    /// published pipelines. Runs of white space count as one space.
    ///
    /// # Errors
    /// Where the tokenizer fails.
    pub fn of(&self, text: &str, most: usize) -> Result<Vec<u32>> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = self.tokenizer.encode(text, true);
        let mut words = words
            .map_err(|error| damaged(&self.path, &error))?
            .get_ids()
            .to_vec();
        if words.len() > most {
            let end = words.pop();
            words.truncate(most.saturating_sub(1));
            words.extend(end);
        }
        Ok(words)
    }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Damaged {
        path: path.into(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity;

    #[test]
    fn texts_end_with_the_mark_of_their_end_however_long() {
        let words = Words::read(&parity::path("tokenizer.json")).unwrap();
        assert_eq!(
            words.of("a  fox\n in the rain", 512).unwrap(),
            [2, 3, 4, 5, 6, 1]
        );
        assert_eq!(words.of("a fox in the rain", 3).unwrap(), [2, 3, 1]);
        assert_eq!(words.of("", 512).unwrap(), [1]);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(Words::read(&path), Err(Error::Damaged { .. })));
        assert!(Words::read(&folder.path().join("none.json")).is_err());
    }
}
