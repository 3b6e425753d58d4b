use affetto_core::Rng;

use crate::tokens::{CONDITION_COLUMNS, FEATURE_COLUMNS};

/// A decoder token with all that is known beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// The token's id.
    pub token: u32,
    /// Its features, as [`Cursor::feed`](crate::tokens::Cursor::feed) gives them.
    pub features: [u32; FEATURE_COLUMNS],
    /// Tokens and quarter notes from the beginning.
    pub positions: [f32; 2],
}

/// Anything that scores each possible next token: a network, an n-gram, a test double.
pub trait NextToken {
    /// What has been read so far.
    type State: Clone;

    /// Reads the conditions of all bars.
    fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Self::State;

    /// Reads one more token; gives the unnormalised log-probability of each token of the vocabulary to come next.
    fn step(&self, state: &mut Self::State, input: Input) -> Vec<f32>;

    /// As [`NextToken::step`] for each of `inputs`, but `state` stays as it is.
    fn peek(&self, state: &Self::State, inputs: &[Input]) -> Vec<Vec<f32>> {
        let one = |input: &Input| self.step(&mut state.clone(), *input);
        inputs.iter().map(one).collect()
    }
}

/// How freely tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; above 0. Below 1 the likelier tokens gain.
    pub temperature: f64,
    /// The smallest set of likeliest tokens with this much probability is drawn from; in (0, 1].
    pub top_p: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 0.98,
        }
    }
}

impl Sampling {
    /// Draws from `scores`, pairs of a token id and its log score; nothing where there is none. The order of
    /// `scores` decides between equals, so the same scores give the same draw.
    pub fn draw(&self, scores: &[(u32, f64)], rng: &mut Rng) -> Option<u32> {
        let highest = scores
            .iter()
            .map(|(_, score)| *score)
            .fold(f64::MIN, f64::max);
        let mut weighted: Vec<(u32, f64)> = scores
            .iter()
            .map(|(id, score)| (*id, ((score - highest) / self.temperature).exp()))
            .collect();
        weighted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut kept = 0.0;
        let count = weighted
            .iter()
            .take_while(|(_, weight)| {
                let before = kept;
                kept += weight;
                before < self.top_p * total
            })
            .count();
        weighted.truncate(count);
        let weights: Vec<f64> = weighted.iter().map(|(_, weight)| *weight).collect();
        rng.weighted(&weights).map(|index| weighted[index].0)
    }
}

/// The natural logarithm of each token's probability.
pub fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let shifted: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(*logit) - f64::from(highest))
        .collect();
    let total = shifted.iter().map(|score| score.exp()).sum::<f64>().ln();
    shifted.iter().map(|score| score - total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_core::Seed;

    #[test]
    fn a_small_nucleus_holds_the_likeliest_only() {
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 0.5,
        };
        let mut rng = Seed(2).rng();
        let scores = [(7, 0.0), (8, 3.0), (9, -1.0)];
        assert!((0..200).all(|_| sampling.draw(&scores, &mut rng) == Some(8)));
        assert_eq!(sampling.draw(&[], &mut rng), None);
    }

    #[test]
    fn probabilities_sum_to_one() {
        let logs = log_probabilities(&[1.0, 2.0, -40.0, 100.0]);
        let total: f64 = logs.iter().map(|log| log.exp()).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
