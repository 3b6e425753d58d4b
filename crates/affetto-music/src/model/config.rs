use affetto_nn::{NnError, Result};
use serde::{Deserialize, Serialize};

use super::{lstm, transformer};

/// How many different values each input has. Value 0 stands for padding in the tokens and in the
/// first column of the conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabularies {
    /// Tokens, padding included.
    pub tokens: usize,
    /// The token that begins a bar: the next position of the conditions holds from there on.
    pub bar_token: u32,
    /// Each column of a bar's conditions.
    pub conditions: Vec<usize>,
    /// Each column of what is known beside a token when it is fed.
    pub features: Vec<usize>,
}

impl Vocabularies {
    /// All different, for tests.
    pub fn tiny() -> Self {
        Self {
            tokens: 11,
            bar_token: 3,
            conditions: vec![5, 3, 4],
            features: vec![6, 2],
        }
    }

    /// The columns fed to the decoder: the token, then its features.
    pub(super) fn decoder_columns(&self) -> Vec<usize> {
        let mut columns = vec![self.tokens];
        columns.extend(&self.features);
        columns
    }

    pub(super) fn check(&self) -> Result<()> {
        let columns = self.conditions.iter().chain(&self.features);
        if self.conditions.is_empty() || columns.chain([&self.tokens]).any(|size| *size == 0) {
            return Err(NnError::Config {
                name: "vocabularies",
                value: format!("{self:?}"),
                permitted: "at least one column of conditions, and no empty vocabulary",
            });
        }
        Ok(())
    }
}

/// Which of the paper's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// The transformer.
    Transformer,
    /// The LSTM.
    Lstm,
}

impl ModelKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Transformer, Self::Lstm];

    /// The word in files and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Lstm => "lstm",
        }
    }
}

/// The extents of either network: `config.json` beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// See [`transformer`].
    Transformer(transformer::Config),
    /// See [`lstm`].
    Lstm(lstm::Config),
}

impl ModelConfig {
    /// The shipped size of a kind of network.
    pub fn base(kind: ModelKind, vocabularies: Vocabularies) -> Self {
        match kind {
            ModelKind::Transformer => Self::Transformer(transformer::Config::base(vocabularies)),
            ModelKind::Lstm => Self::Lstm(lstm::Config::base(vocabularies)),
        }
    }

    /// A size for tests.
    pub fn tiny(kind: ModelKind, vocabularies: Vocabularies) -> Self {
        match kind {
            ModelKind::Transformer => Self::Transformer(transformer::Config::tiny(vocabularies)),
            ModelKind::Lstm => Self::Lstm(lstm::Config::tiny(vocabularies)),
        }
    }

    /// Reads the text of `config.json` and checks it.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(text)?;
        match &config {
            Self::Transformer(config) => config.check()?,
            Self::Lstm(config) => config.check()?,
        }
        Ok(config)
    }

    /// The text of `config.json`.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Which network it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            Self::Transformer(_) => ModelKind::Transformer,
            Self::Lstm(_) => ModelKind::Lstm,
        }
    }

    /// Its vocabularies.
    pub fn vocabularies(&self) -> &Vocabularies {
        match self {
            Self::Transformer(config) => &config.vocabularies,
            Self::Lstm(config) => &config.vocabularies,
        }
    }
}

pub(super) fn check_dropout(dropout: f64) -> Result<()> {
    if (0.0..1.0).contains(&dropout) {
        return Ok(());
    }
    Err(NnError::Config {
        name: "dropout",
        value: dropout.to_string(),
        permitted: "from 0 to below 1",
    })
}
