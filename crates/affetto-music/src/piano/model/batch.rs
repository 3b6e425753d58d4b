use affetto_nn::ops::Targets;
use candle_core::{Result, bail};

use super::Config;
use crate::piano::{
    corpus::Window,
    levels::Levels,
    tokens::{Cursor, Token, TokenError, encode, is_forced},
};

/// One window as a network sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// `(T)`: the tokens fed.
    pub tokens: Vec<u32>,
    /// `(T, F)`: what is known beside each.
    pub features: Vec<u32>,
    /// `(T)`: the token after each.
    pub targets: Vec<u32>,
    /// `(A)`: the levels of the attributes.
    pub conditions: Vec<u32>,
}

impl Example {
    /// A window, of whose attributes `levels` are asked: each token is fed, and the next one is its target.
    ///
    /// # Errors
    /// Where the window cannot be encoded.
    pub fn new(
        window: &Window,
        levels: &Levels,
        config: &Config,
    ) -> std::result::Result<Self, TokenError> {
        let plan = window.plan();
        let mut cursor = Cursor::default();
        let mut example = Self {
            conditions: config.conditions(&levels.0),
            ..Self::default()
        };
        let mut tokens = vec![Token::Bos];
        tokens.extend(encode(&window.piece)?);
        if config.forced_tokens() {
            tokens.push(Token::Eos);
        } else {
            tokens.retain(|token| !is_forced(*token));
        }
        for pair in tokens.windows(2) {
            let ids = pair[0].id().zip(pair[1].id());
            let (token, target) = ids.unwrap_or_default();
            example.tokens.push(token);
            example.targets.push(target);
            if !config.forced_tokens() {
                cursor.feed(pair[0], &plan);
                example.features.extend(cursor.features(&plan));
            }
        }
        Ok(example)
    }
}

/// Several examples, padded at the end with 0 to the longest.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The number of examples, B.
    pub items: usize,
    /// The tokens of the longest, T.
    pub len: usize,
    /// `(B, T)`.
    pub tokens: Vec<u32>,
    /// `(B, T, F)`.
    pub features: Vec<u32>,
    /// `(B, A)`.
    pub conditions: Vec<u32>,
    /// `(B, T)`.
    pub targets: Targets,
}

impl Batch {
    /// Puts examples side by side.
    ///
    /// # Errors
    /// Where there is none, or the lists of one do not belong together.
    pub fn pad(examples: &[Example], config: &Config) -> Result<Self> {
        let columns = config.feature_columns();
        for example in examples {
            let len = example.tokens.len();
            let fits = len > 0
                && example.features.len() == len * columns
                && example.targets.len() == len
                && example.conditions.len() == config.attributes;
            if !fits {
                bail!("an example whose lists do not belong together, with {len} tokens");
            }
        }
        let Some(len) = examples.iter().map(|example| example.tokens.len()).max() else {
            bail!("a batch of no examples");
        };
        let padded = |columns: usize, list: fn(&Example) -> &[u32]| {
            let mut all = Vec::with_capacity(examples.len() * len * columns);
            for (index, example) in examples.iter().enumerate() {
                all.extend_from_slice(list(example));
                all.resize((index + 1) * len * columns, 0);
            }
            all
        };
        Ok(Self {
            items: examples.len(),
            len,
            tokens: padded(1, |example| &example.tokens),
            features: padded(columns, |example| &example.features),
            conditions: examples
                .iter()
                .flat_map(|example| example.conditions.clone())
                .collect(),
            targets: Targets::new(padded(1, |example| &example.targets)),
        })
    }
}
