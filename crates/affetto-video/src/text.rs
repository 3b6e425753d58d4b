//! Words of a text as numbers, by the `tokenizer.json` that comes with a text encoder.

mod charsmap;
mod parts;

use std::path::{Path, PathBuf};

use affetto_core::read_limited;
use tokenizers::Tokenizer;

use crate::{Error, Result};
use parts::Parts;

/// The most bytes of a tokenizer; that of UMT5 has 17 million.
const MAX_BYTES: u64 = 128 << 20;

/// Cuts texts into the words of a network.
pub struct Words {
    path: PathBuf,
    tokenizer: Tokenizer,
}

impl Words {
    /// Reads a `tokenizer.json` of the parts that text encoders of the family of T5 come with.
    ///
    /// # Errors
    /// Where the file cannot be read, is none, or has other parts.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_limited(path, MAX_BYTES)?;
        let parts: Parts = serde_json::from_slice(&bytes).map_err(|error| damaged(path, &error))?;
        if let Some(rule) = parts.broken_rule() {
            return Err(damaged(path, &rule));
        }
        let understood = serde_json::to_vec(&parts)?;
        let tokenizer =
            Tokenizer::from_bytes(&understood).map_err(|error| damaged(path, &error))?;
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

    fn read(json: &serde_json::Value) -> Result<Words> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        Words::read(&path)
    }

    /// As the tokenizers of T5 are made, with a table that replaces `e` by `bc` and leaves `a` out.
    fn pieces() -> serde_json::Value {
        serde_json::json!({
            "version": "1.0", "truncation": {"max_length": 2}, "padding": {"strategy": {"Fixed": 4_000_000_000_u32}},
            "added_tokens": [],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": charsmap::tests::table(|_, _| ())},
                {"type": "Strip", "strip_left": false, "strip_right": true},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u{2581}"},
            ]},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [],
                "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
            },
            "decoder": {"type": "of the future"},
            "model": {"type": "Unigram", "unk_id": 2, "vocab": [
                ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u{2581}fox", -1.5], ["\u{2581}", -2.0], ["bc", -3.0],
            ]},
        })
    }

    #[test]
    fn pieces_are_found_after_characters_were_replaced() {
        let words = read(&pieces()).unwrap();
        assert_eq!(words.of("fox e", 9).unwrap(), [3, 4, 5, 1]);
        assert_eq!(words.of("a foxa", 9).unwrap(), [3, 1]);
        assert_eq!(words.of("fox?", 9).unwrap(), [3, 2, 1]);
        assert_eq!(words.of("aaa", 9).unwrap(), [1]);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let refused = |json| matches!(read(&json), Err(Error::Damaged { .. }));
        assert!(refused(serde_json::json!({})));
        let nowhere = Path::new("none.json");
        assert!(Words::read(nowhere).is_err());
        for (part, other) in [
            ("/normalizer/normalizers/0/precompiled_charsmap", "?"),
            ("/normalizer/normalizers/0/type", "ByteLevel"),
            ("/pre_tokenizer/type", "FixedLength"),
            ("/post_processor/single/0/Sequence/id", "B"),
            ("/post_processor/single/1/SpecialToken/id", "<s>"),
            ("/post_processor/type", "BertProcessing"),
            ("/model/type", "BPE"),
        ] {
            let mut json = pieces();
            *json.pointer_mut(part).unwrap() = other.into();
            assert!(refused(json), "{part}");
        }
        let mut json = pieces();
        let long = serde_json::json!({"type": "Replace", "pattern": {"String": "o"}, "content": "o".repeat(99)});
        json["normalizer"]["normalizers"] = vec![long; 3].into();
        assert!(refused(json));
    }
}
