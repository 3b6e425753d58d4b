//! An interpolated trigram over tokens: what a network must beat, and a model that the generation loop can be
//! tested with where no weights are.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    next_token::{Input, NextToken},
    tokens::{CONDITION_COLUMNS, Sequence, VOCAB},
};

/// Counts of one, two and three tokens, mixed by Witten and Bell's rule (1991): a context with many different
/// successors leaves more to the shorter one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trigram {
    order: usize,
    contexts: HashMap<Vec<u32>, Successors>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Successors {
    total: f64,
    counts: HashMap<u32, f64>,
}

impl Trigram {
    /// Counts `sequences`; `order` is the number of tokens in a gram: 1 for unigrams, 3 for trigrams.
    pub fn train<'a>(sequences: impl IntoIterator<Item = &'a Sequence>, order: usize) -> Self {
        let mut model = Self {
            order: order.max(1),
            contexts: HashMap::new(),
        };
        for sequence in sequences {
            let ids: Vec<u32> = sequence
                .tokens
                .iter()
                .filter_map(|token| token.id())
                .collect();
            for at in 1..ids.len() {
                model.count(&ids[..at], ids[at]);
            }
        }
        model
    }

    fn count(&mut self, before: &[u32], next: u32) {
        for length in 0..self.order.min(before.len() + 1) {
            let context = before[before.len() - length..].to_vec();
            let successors = self.contexts.entry(context).or_default();
            successors.total += 1.0;
            *successors.counts.entry(next).or_default() += 1.0;
        }
    }

    /// The probability of each token after `before`.
    pub fn probabilities(&self, before: &[u32]) -> Vec<f64> {
        let mut probabilities = vec![1.0 / VOCAB as f64; VOCAB];
        for length in 0..self.order.min(before.len() + 1) {
            let context = &before[before.len() - length..];
            let Some(successors) = self.contexts.get(context) else {
                break;
            };
            let kinds = successors.counts.len() as f64;
            let kept = successors.total / (successors.total + kinds);
            for (id, probability) in probabilities.iter_mut().enumerate() {
                let count = successors.counts.get(&(id as u32)).copied().unwrap_or(0.0);
                *probability = kept * count / successors.total + (1.0 - kept) * *probability;
            }
        }
        probabilities
    }

    /// The mean negative natural-log likelihood of a token, and the number of tokens.
    pub fn loss<'a>(&self, sequences: impl IntoIterator<Item = &'a Sequence>) -> (f64, usize) {
        let (mut sum, mut count) = (0.0, 0);
        for sequence in sequences {
            let ids: Vec<u32> = sequence
                .tokens
                .iter()
                .filter_map(|token| token.id())
                .collect();
            for at in 1..ids.len() {
                let before = &ids[at.saturating_sub(self.order - 1)..at];
                sum -= libm::log(self.probabilities(before)[ids[at] as usize]);
                count += 1;
            }
        }
        (sum / count.max(1) as f64, count)
    }
}

impl NextToken for Trigram {
    type State = Vec<u32>;

    fn start(&self, _conditions: &[[u32; CONDITION_COLUMNS]]) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, state: &mut Vec<u32>, input: Input) -> Vec<f32> {
        state.push(input.token);
        let from = state.len().saturating_sub(self.order - 1);
        self.probabilities(&state[from..])
            .into_iter()
            .map(|probability| libm::log(probability) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Token;

    fn sequence(tokens: &[Token]) -> Sequence {
        Sequence {
            bars: Vec::new(),
            tokens: tokens.to_vec(),
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_follow_the_counts() {
        let sequences = [sequence(&[Token::Bos, Token::Bar, Token::Rest, Token::Eos])];
        let model = Trigram::train(&sequences, 3);
        let after = model.probabilities(&[1, 2]);
        assert!((after.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let rest = Token::Rest.id().map_or(0, |id| id as usize);
        assert!(after.iter().all(|probability| *probability <= after[rest]));
    }

    #[test]
    fn more_context_fits_better() {
        let tokens = [Token::Bar, Token::Rest, Token::Bar, Token::Hold].repeat(20);
        let sequences = [sequence(&tokens)];
        let loss = |order| Trigram::train(&sequences, order).loss(&sequences).0;
        assert!(loss(3) < loss(2) && loss(2) < loss(1));
    }
}
