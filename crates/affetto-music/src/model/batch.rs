use std::sync::Arc;

use affetto_nn::ops::Targets;
use candle_core::{Result, bail};

/// Where a token stands. It says where the token *is*, not where it leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// The number of tokens before it.
    pub token: usize,
    /// The musical time at which it sounds, in quarter notes from the beginning.
    pub quarters: f32,
    /// The bar it is in: the position in the conditions, from 0.
    pub bar: usize,
}

/// One lead sheet, or a part of one, as a network sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// `(S, C)`: the conditions of each bar.
    pub conditions: Vec<u32>,
    /// `(T)`: the tokens fed.
    pub tokens: Vec<u32>,
    /// `(T, F)`: what is known beside each token when it is fed.
    pub features: Vec<u32>,
    /// `(T)`.
    pub positions: Vec<Position>,
    /// `(T)`: the token after each; 0 where it does not count.
    pub targets: Vec<u32>,
    /// `(T)`: how much each target counts; 1 each where it is empty.
    pub weights: Vec<f32>,
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
    /// `(B, T)`.
    pub positions: Vec<Position>,
    /// `(B, T)`.
    pub targets: Targets,
}

impl Batch {
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
            conditions: padded(examples, bars, condition_columns, 0, |e| e.conditions.clone()),
            bar_counts: bar_counts.into(),
            tokens: padded(examples, len, 1, 0, |e| e.tokens.clone()),
            features: padded(examples, len, feature_columns, 0, |e| e.features.clone()),
            positions: padded(examples, len, 1, Position::default(), |e| e.positions.clone()),
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
        && (example.weights.is_empty() || example.weights.len() == len)
        && example.positions.iter().all(|position| position.bar < bars);
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
