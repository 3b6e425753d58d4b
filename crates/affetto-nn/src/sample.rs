//! From scores to a token.

use affetto_core::Rng;
use serde::{Deserialize, Serialize};

/// How freely tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Divides the scores: below 1 the likely tokens gain, above 1 the unlikely ones; 0 takes the
    /// most likely token. 1.
    pub temperature: f64,
    /// Draw among the likeliest tokens that together have at least this share of the probability
    /// (Holtzman and others, "The Curious Case of Neural Text Degeneration", 2020, section 3.1); 1.
    pub top_p: f64,
    /// Draw among this many of the likeliest tokens; all without.
    pub top_k: Option<usize>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: None,
        }
    }
}

impl Sampling {
    /// The tokens that may be drawn with their probabilities, likeliest first, equally likely ones
    /// by id. `allowed` excludes tokens. Empty where nothing is allowed.
    ///
    /// All in `f64` with one library's `exp`: the same on every machine.
    pub fn choices(&self, logits: &[f32], allowed: Option<&[bool]>) -> Vec<(usize, f64)> {
        let is_allowed =
            |id: usize| allowed.is_none_or(|allowed| allowed.get(id).copied().unwrap_or(false));
        let mut choices: Vec<(usize, f64)> = logits
            .iter()
            .enumerate()
            .filter(|(id, logit)| is_allowed(*id) && !logit.is_nan() && **logit > f32::NEG_INFINITY)
            .map(|(id, logit)| (id, f64::from(*logit)))
            .collect();
        choices.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.temperature <= 0.0 {
            choices.truncate(1);
        }
        choices.truncate(self.top_k.unwrap_or(usize::MAX).max(1));
        let temperature = if self.temperature > 0.0 {
            self.temperature
        } else {
            1.0
        };
        let largest = choices.first().map_or(0.0, |choice| choice.1);
        for (_, score) in &mut choices {
            *score = libm::exp((*score - largest) / temperature);
        }
        normalise(&mut choices);
        self.keep_nucleus(&mut choices);
        normalise(&mut choices);
        choices
    }

    fn keep_nucleus(&self, choices: &mut Vec<(usize, f64)>) {
        let mut before = 0.0;
        let within = choices.iter().take_while(|(_, share)| {
            let keep = before < self.top_p;
            before += share;
            keep
        });
        let count = within.count().max(1);
        choices.truncate(count);
    }

    /// Draws one token, or nothing where none is allowed.
    pub fn draw(&self, logits: &[f32], allowed: Option<&[bool]>, rng: &mut Rng) -> Option<usize> {
        let choices = self.choices(logits, allowed);
        let shares: Vec<f64> = choices.iter().map(|choice| choice.1).collect();
        Some(choices[rng.weighted(&shares)?].0)
    }
}

fn normalise(choices: &mut [(usize, f64)]) {
    let total: f64 = choices.iter().map(|choice| choice.1).sum();
    for (_, share) in choices {
        *share /= total;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_core::Seed;

    /// Probabilities 1/8, 1/2, 1/4, 1/8.
    fn logits() -> Vec<f32> {
        [0.125f32, 0.5, 0.25, 0.125]
            .iter()
            .map(|p| p.ln())
            .collect()
    }

    fn ids(sampling: Sampling, allowed: Option<&[bool]>) -> Vec<usize> {
        let choices = sampling.choices(&logits(), allowed);
        choices.into_iter().map(|choice| choice.0).collect()
    }

    #[test]
    fn the_order_is_by_probability_then_id_and_the_limits_cut_it() {
        let plain = Sampling::default();
        assert_eq!(ids(plain, None), [1, 2, 0, 3]);
        assert_eq!(
            ids(
                Sampling {
                    top_k: Some(3),
                    ..plain
                },
                None
            ),
            [1, 2, 0]
        );
        assert_eq!(
            ids(
                Sampling {
                    top_p: 0.5,
                    ..plain
                },
                None
            ),
            [1]
        );
        assert_eq!(
            ids(
                Sampling {
                    top_p: 0.6,
                    ..plain
                },
                None
            ),
            [1, 2]
        );
        assert_eq!(
            ids(
                Sampling {
                    temperature: 0.0,
                    ..plain
                },
                None
            ),
            [1]
        );
        let allowed = [true, false, false, true];
        assert_eq!(ids(plain, Some(&allowed)), [0, 3]);
        assert_eq!(ids(plain, Some(&[false; 4])), [0usize; 0]);
    }

    /// At temperature 1/2 probabilities are squared: 1/64, 16/64, 4/64, 1/64 of 22/64.
    #[test]
    fn temperature_by_hand() {
        let sampling = Sampling {
            temperature: 0.5,
            ..Sampling::default()
        };
        let choices = sampling.choices(&logits(), None);
        assert!((choices[0].1 - 16.0 / 22.0).abs() < 1e-6);
        assert!((choices[3].1 - 1.0 / 22.0).abs() < 1e-6);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let sampling = Sampling::default();
        let draw = |seed: u64| -> Vec<usize> {
            let mut rng = Seed(seed).rng();
            (0..4000)
                .map(|_| sampling.draw(&logits(), None, &mut rng).unwrap())
                .collect()
        };
        let draws = draw(1);
        let share = draws.iter().filter(|id| **id == 1).count() as f64 / 4000.0;
        assert!((share - 0.5).abs() < 0.03, "{share}");
        assert_eq!(draws, draw(1));
        assert_ne!(draws, draw(2));
    }
}
