use std::sync::Arc;

use affetto_nn::ops::Targets;
use candle_core::{Result, bail};

/// One lead sheet, or a part of one, as a network sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// `(S, C)`: the conditions of each bar.
    pub conditions: Vec<u32>,
    /// `(T)`: the tokens fed.
    pub tokens: Vec<u32>,
    /// `(T, F)`: what is known beside each token when it is fed.
    pub features: Vec<u32>,
    /// `(T)`: the number of tokens before each, and the musical time at which it stands, in quarter
    /// notes from the beginning.
    pub positions: Vec<[f32; 2]>,
    /// `(T)`: the token after each; 0 where it does not count.
    pub targets: Vec<u32>,
    /// `(T)`: how much each target counts; 1 each where it is empty.
    pub weights: Vec<f32>,
}

impl Example {
    /// From a whole sequence `bos ... eos` with one row of `features` and of `positions` per token:
    /// each token is fed, and the next one is its target.
    ///
    /// # Errors
    /// Where there are fewer than two tokens or another number of rows.
    pub fn next_tokens(
        conditions: &[u32],
        tokens: &[u32],
        features: &[u32],
        positions: &[[f32; 2]],
    ) -> Result<Self> {
        let len = tokens.len();
        if len < 2 || !features.len().is_multiple_of(len) || positions.len() != len {
            bail!("{len} tokens, {} positions", positions.len());
        }
        let fed = len - 1;
        Ok(Self {
            conditions: conditions.to_vec(),
            tokens: tokens[..fed].to_vec(),
            features: features[..features.len() / len * fed].to_vec(),
            positions: positions[..fed].to_vec(),
            targets: tokens[1..].to_vec(),
            weights: Vec::new(),
        })
    }
}

/// Several examples, padded at the end with 0 to the longest.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The number of examples, B.
    pub items: usize,
    /// The bars of the longest, S.
    pub bars: usize,
    /// The tokens of the longest, T.
    pub len: usize,
    /// `(B, S, C)`.
    pub conditions: Vec<u32>,
    /// `(B)`: the bars of each.
    pub bar_counts: Arc<[usize]>,
    /// `(B, T)`.
    pub tokens: Vec<u32>,
    /// `(B, T, F)`.
    pub features: Vec<u32>,
    /// `(B, T)`: tokens and quarter notes from the beginning.
    pub positions: Vec<[f32; 2]>,
    /// `(B, T)`.
    pub targets: Targets,
}

impl Batch {
    /// The bar that each token stands in, `(B, T)`: its position in the conditions. Tokens before the
    /// first `bar_token` belong to the first bar.
    pub(super) fn bars_of_tokens(&self, bar_token: u32) -> Vec<f32> {
        let mut bars = Vec::with_capacity(self.tokens.len());
        for tokens in self.tokens.chunks(self.len.max(1)) {
            let mut begun = 0usize;
            bars.extend(tokens.iter().map(|token| {
                begun += usize::from(*token == bar_token);
                begun.saturating_sub(1) as f32
            }));
        }
        bars
    }

    /// Puts examples side by side. `condition_columns` is C.
    ///
    /// # Errors
    /// Where the lists of an example do not belong together, or one has no bar or no token.
    pub fn pad(examples: &[Example], condition_columns: usize) -> Result<Self> {
        let bar_counts: Vec<usize> = examples
            .iter()
            .map(|example| example.conditions.len() / condition_columns.max(1))
            .collect();
        for (example, bars) in examples.iter().zip(&bar_counts) {
            check(example, *bars, condition_columns)?;
        }
        let bars = bar_counts.iter().copied().max().unwrap_or(0);
        let len = examples.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
        let weighted = examples.iter().any(|example| !example.weights.is_empty());
        let weights = || padded(examples, len, 1, 0.0, weights_of);
        let feature_columns = examples
            .first()
            .map_or(0, |example| example.features.len() / example.tokens.len());
        Ok(Self {
            items: examples.len(),
            bars,
            len,
            conditions: padded(examples, bars, condition_columns, 0, |e| {
                e.conditions.clone()
            }),
            bar_counts: bar_counts.into(),
            tokens: padded(examples, len, 1, 0, |e| e.tokens.clone()),
            features: padded(examples, len, feature_columns, 0, |e| e.features.clone()),
            positions: padded(examples, len, 1, [0.0; 2], |e| e.positions.clone()),
            targets: Targets {
                ids: padded(examples, len, 1, 0, |e| e.targets.clone()).into(),
                weights: weighted.then(|| weights().into()),
                smoothing: 0.0,
            },
        })
    }
}

fn weights_of(example: &Example) -> Vec<f32> {
    if example.weights.is_empty() {
        return vec![1.0; example.tokens.len()];
    }
    example.weights.clone()
}

fn check(example: &Example, bars: usize, condition_columns: usize) -> Result<()> {
    let len = example.tokens.len();
    let fits = len > 0
        && bars > 0
        && example.conditions.len() == bars * condition_columns
        && example.features.len().is_multiple_of(len)
        && example.positions.len() == len
        && example.targets.len() == len
        && (example.weights.is_empty() || example.weights.len() == len);

    if !fits {
        bail!("an example whose lists do not belong together, with {len} tokens, {bars} bars");
    }
    Ok(())
}

fn padded<T: Copy>(
    examples: &[Example],
    rows: usize,
    columns: usize,
    padding: T,
    list: impl Fn(&Example) -> Vec<T>,
) -> Vec<T> {
    let mut out = Vec::with_capacity(examples.len() * rows * columns);
    for (index, example) in examples.iter().enumerate() {
        out.extend(list(example));
        out.resize((index + 1) * rows * columns, padding);
    }
    out
}
