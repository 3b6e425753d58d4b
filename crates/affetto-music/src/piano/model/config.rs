use affetto_nn::{NnError, Result};
use serde::{Deserialize, Serialize};

use crate::piano::{
    levels::{ATTRIBUTES, LEVELS},
    tokens::{FEATURE_COLUMNS, VOCAB, feature_vocab},
};

/// How large a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelSize {
    /// A few thousand parameters, to try a training out in seconds; it hardly learns.
    Tiny,
    /// 4.9 million parameters.
    #[default]
    Small,
    /// 14 million parameters.
    Medium,
    /// As published: 20.2 million parameters, a hundred attributes in two levels, and nothing known beside the tokens.
    Published,
}

impl ModelSize {
    /// Every size, the smallest first.
    pub const ALL: [Self; 4] = [Self::Tiny, Self::Small, Self::Medium, Self::Published];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Published => "published",
        }
    }
}

/// The extents of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Tokens.
    pub tokens: usize,
    /// How many ids each column beside a token has; none where nothing is known beside it. With columns the network reads
    /// and writes only tokens that do not follow from others.
    pub features: Vec<usize>,
    /// The first so many attributes are conditions.
    pub attributes: usize,
    /// Levels of an attribute.
    pub levels: usize,
    /// The width of the embedding of one attribute, all of which together are added to each token, as published; none
    /// where the attributes instead scale and move what each block reads.
    pub attribute_width: Option<usize>,
    /// The width of the vectors.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of the attention.
    pub heads: usize,
    /// The inner width of the feed-forward parts.
    pub feed_forward: usize,
    /// After how many tokens each head has forgotten half; none for a head that forgets nothing.
    pub half_lives: Vec<Option<f64>>,
    /// Whether sines of the token's number are added.
    pub sines: bool,
    /// The share of numbers dropped in training.
    pub dropout: f64,
}

impl Config {
    /// The extents of a size.
    pub fn of(size: ModelSize) -> Self {
        match size {
            ModelSize::Tiny => Self {
                width: 24,
                layers: 2,
                heads: 2,
                feed_forward: 40,
                half_lives: vec![Some(12.0), None],
                ..Self::of(ModelSize::Small)
            },
            ModelSize::Small => Self {
                tokens: VOCAB,
                features: feature_vocab(),
                attributes: ATTRIBUTES,
                levels: LEVELS,
                attribute_width: None,
                width: 256,
                layers: 4,
                heads: 4,
                feed_forward: 1024,
                half_lives: [8.0, 32.0, 128.0]
                    .map(Some)
                    .into_iter()
                    .chain([None])
                    .collect(),
                sines: false,
                dropout: 0.1,
            },
            ModelSize::Medium => Self {
                width: 384,
                layers: 6,
                heads: 6,
                feed_forward: 1536,
                half_lives: [6.0, 16.0, 40.0, 100.0, 250.0]
                    .map(Some)
                    .into_iter()
                    .chain([None])
                    .collect(),
                ..Self::of(ModelSize::Small)
            },
            ModelSize::Published => Self {
                tokens: VOCAB,
                features: Vec::new(),
                attributes: 100,
                levels: 2,
                attribute_width: Some(16),
                width: 512,
                layers: 6,
                heads: 8,
                feed_forward: 2048,
                half_lives: vec![None; 8],
                sines: true,
                dropout: 0.1,
            },
        }
    }

    /// Whether the network reads and writes tokens that follow from others too.
    pub fn forced_tokens(&self) -> bool {
        self.features.is_empty()
    }

    /// The width of the vector that all attributes together are.
    pub(super) fn asked_width(&self) -> usize {
        self.attribute_width.map_or(self.width / 2, |_| self.width)
    }

    /// How much a key of one token ago counts, for each head.
    pub fn decays(&self) -> Vec<f64> {
        let decay = |half: &Option<f64>| half.map_or(1.0, |half| libm::exp2(-1.0 / half));
        self.half_lives.iter().map(decay).collect()
    }

    /// Of levels 1 to 4 those of this network, the first attributes first; 0 stays 0.
    pub fn conditions(&self, levels: &[u8; ATTRIBUTES]) -> Vec<u32> {
        let level = |level: &u8| match usize::from(*level) {
            0 => 0,
            level => 1 + ((level - 1) * self.levels / LEVELS) as u32,
        };
        levels[..self.attributes.min(ATTRIBUTES)]
            .iter()
            .map(level)
            .collect()
    }

    /// Reads the text of `config.json` and checks it.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(text)?;
        config.check()?;
        Ok(config)
    }

    /// The text of `config.json`.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whether the tokens, the columns beside them and the attributes are those of this version of the program.
    pub fn is_current(&self) -> bool {
        let features = self.features.is_empty() || self.features == feature_vocab();
        self.tokens == VOCAB && features && self.attributes <= ATTRIBUTES && self.levels <= LEVELS
    }

    /// How many columns stand beside a token.
    pub fn feature_columns(&self) -> usize {
        if self.features.is_empty() {
            0
        } else {
            FEATURE_COLUMNS
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |name, value: String, permitted| {
            Err(NnError::Config {
                name,
                value,
                permitted,
            })
        };
        let extents = [
            self.tokens,
            self.attributes,
            self.levels,
            self.attribute_width.unwrap_or(1),
            self.layers,
            self.feed_forward,
        ];
        if extents
            .iter()
            .chain(&self.features)
            .any(|extent| *extent == 0 || *extent > 1 << 16)
        {
            return wrong("an extent", format!("{extents:?}"), "from 1 to 65,536");
        }
        if self.width == 0
            || self.width > 1 << 14
            || !self.width.is_multiple_of(2 * self.heads.max(1))
        {
            return wrong(
                "width",
                self.width.to_string(),
                "a multiple of twice the heads up to 16,384",
            );
        }
        if self.half_lives.len() != self.heads || self.heads == 0 {
            let count = self.half_lives.len().to_string();
            return wrong("the number of half-lives", count, "the number of heads");
        }
        if self
            .half_lives
            .iter()
            .flatten()
            .any(|half| half.is_nan() || *half < 2.0)
        {
            return wrong(
                "half_lives",
                format!("{:?}", self.half_lives),
                "at least 2 tokens",
            );
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "from 0 to below 1");
        }
        Ok(())
    }
}
