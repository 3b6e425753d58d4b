//! What of a `tokenizer.json` is read: the parts that text encoders of the family of T5 come with. The crate that cuts texts
//! panics where a part makes no sense, so parts are looked at here, and it is given what was understood of them. Padding,
//! truncation and the way back from words to text are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::charsmap;

/// The most normalizers, each in a sequence counted.
const MOST_NORMALIZERS: usize = 16;
/// How many times longer a text may become before it is cut.
const MOST_GROWTH: usize = 4096;
/// The most bytes that are put before a text.
const LONGEST_BEGINNING: usize = 64;
/// The most words that are put around a text.
const MOST_AROUND: usize = 64;

/// The parts of a tokenizer.
#[derive(Deserialize, Serialize)]
pub(super) struct Parts {
    #[serde(default)]
    added_tokens: Vec<Value>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    post_processor: Option<PostProcessor>,
    model: Model,
}

/// What changes a text before it is cut.
#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum Normalizer {
    Sequence {
        normalizers: Vec<Normalizer>,
    },
    Precompiled {
        precompiled_charsmap: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    Prepend {
        prepend: String,
    },
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    StripAccents,
    Lowercase,
    Nmt,
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
}

#[derive(Deserialize, Serialize)]
enum Pattern {
    String(String),
    Regex(String),
}

/// Where words surely end.
#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum PreTokenizer {
    Sequence { pretokenizers: Vec<PreTokenizer> },
    Metaspace(Map<String, Value>),
    Punctuation(Map<String, Value>),
    Digits(Map<String, Value>),
    Whitespace,
    WhitespaceSplit,
}

/// What stands around a text.
#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum PostProcessor {
    TemplateProcessing {
        single: Vec<Piece>,
        /// Around two texts, of which there are never any.
        #[serde(skip_deserializing)]
        pair: Vec<Piece>,
        special_tokens: BTreeMap<String, Special>,
    },
}

#[derive(Deserialize, Serialize)]
enum Piece {
    Sequence { id: Sequence, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

#[derive(Deserialize, Serialize)]
enum Sequence {
    A,
}

#[derive(Deserialize, Serialize)]
struct Special {
    id: String,
    ids: Vec<u32>,
    tokens: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum Model {
    Unigram {
        vocab: Vec<(String, f64)>,
        unk_id: Option<usize>,
        #[serde(default)]
        byte_fallback: bool,
    },
    WordLevel {
        vocab: BTreeMap<String, u32>,
        unk_token: String,
    },
}

impl Parts {
    /// The rule that is broken, in words.
    pub fn broken_rule(&self) -> Option<String> {
        let normalizer = self.normalizer.as_ref();
        if normalizer.is_some_and(|normalizer| normalizer.count() > MOST_NORMALIZERS) {
            return Some(format!("more than {MOST_NORMALIZERS} normalizers"));
        }
        match normalizer.map_or(Ok(1), Normalizer::growth) {
            Err(rule) => return Some(rule),
            Ok(growth) if growth > MOST_GROWTH => {
                return Some(format!(
                    "normalizers that make a text {growth} times longer, more than {MOST_GROWTH}"
                ));
            }
            Ok(_) => {}
        }
        self.post_processor.as_ref()?.broken_rule()
    }
}

impl Normalizer {
    fn count(&self) -> usize {
        match self {
            Self::Sequence { normalizers } => normalizers.iter().map(Self::count).sum(),
            _ => 1,
        }
    }

    /// How many times longer it makes a text at the most, in bytes.
    fn growth(&self) -> Result<usize, String> {
        Ok(match self {
            Self::Sequence { normalizers } => {
                let growths = normalizers.iter().map(Self::growth);
                let product = |product: usize, growth: Result<usize, String>| {
                    Ok::<_, String>(product.saturating_mul(growth?))
                };
                growths.into_iter().try_fold(1, product)?
            }
            Self::Precompiled {
                precompiled_charsmap,
            } => charsmap::longest(precompiled_charsmap)?.max(1),
            Self::Replace { content, .. } => 1 + content.len(), // also between any two characters
            Self::Prepend { prepend } if prepend.len() > LONGEST_BEGINNING => {
                return Err(format!(
                    "a beginning of more than {LONGEST_BEGINNING} bytes"
                ));
            }
            Self::Prepend { .. } | Self::Strip { .. } | Self::StripAccents | Self::Nmt => 1,
            Self::Lowercase | Self::Nfc | Self::Nfd => 3,
            Self::Nfkc | Self::Nfkd => 11, // U+FDFA
        })
    }
}

impl PostProcessor {
    fn broken_rule(&self) -> Option<String> {
        let Self::TemplateProcessing {
            single,
            special_tokens,
            ..
        } = self;
        let mut around = 0_usize;
        let mut texts = 0;
        for piece in single {
            match piece {
                Piece::Sequence { .. } => texts += 1,
                Piece::SpecialToken { id, .. } => match special_tokens.get(id) {
                    Some(special) if special.ids.len() == special.tokens.len() => {
                        around = around.saturating_add(special.ids.len());
                    }
                    Some(_) => return Some(format!("{id:?} has not as many ids as words")),
                    None => return Some(format!("{id:?} is not among the special words")),
                },
            }
        }
        if texts != 1 {
            return Some(format!("{texts} texts in its template, not one"));
        }
        (around > MOST_AROUND).then(|| format!("more than {MOST_AROUND} words around a text"))
    }
}
