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
    /// by id. `scores` are pairs of a token's id and its unnormalised log-probability; what is not
    /// among them is not drawn. Empty where there is none.
    ///
    /// All in `f64` with one library's `exp`: the same on every machine.
    pub fn choices(&self, scores: &[(u32, f64)]) -> Vec<(u32, f64)> {
        let mut choices: Vec<(u32, f64)> = scores
            .iter()
            .copied()
            .filter(|(_, score)| *score > f64::NEG_INFINITY) // neither impossible nor NaN
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

    fn keep_nucleus(&self, choices: &mut Vec<(u32, f64)>) {
        let mut before = 0.0;
        let within = choices.iter().take_while(|(_, share)| {
            let keep = before < self.top_p;
            before += share;
            keep
        });
        let count = within.count().max(1);
        choices.truncate(count);
    }

    /// Draws one token, or nothing where there is none. The order of `scores` decides nothing.
    pub fn draw(&self, scores: &[(u32, f64)], rng: &mut Rng) -> Option<u32> {
        let choices = self.choices(scores);
        let shares: Vec<f64> = choices.iter().map(|choice| choice.1).collect();
        Some(choices[rng.weighted(&shares)?].0)
    }
}

fn normalise(choices: &mut [(u32, f64)]) {
    let total: f64 = choices.iter().map(|choice| choice.1).sum();
    for (_, share) in choices {
        *share /= total;
    }
}

/// The natural logarithm of each token's probability.
pub fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let shifted: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(*logit) - f64::from(highest))
        .collect();
    let total = libm::log(shifted.iter().map(|score| libm::exp(*score)).sum());
    shifted.iter().map(|score| score - total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_core::Seed;

    /// Probabilities 1/8, 1/2, 1/4, 1/8.
    fn scores() -> Vec<(u32, f64)> {
        let scores = [0.125, 0.5, 0.25, 0.125].map(libm::log);
        (0..).zip(scores).collect()
    }

    fn ids(sampling: Sampling, scores: &[(u32, f64)]) -> Vec<u32> {
        let choices = sampling.choices(scores);
        choices.into_iter().map(|choice| choice.0).collect()
    }

    #[test]
    fn the_order_is_by_probability_then_id_and_the_limits_cut_it() {
        let plain = Sampling::default();
        let cut = |sampling| ids(sampling, &scores());
        assert_eq!(cut(plain), [1, 2, 0, 3]);
        let top_k = Some(3);
        assert_eq!(cut(Sampling { top_k, ..plain }), [1, 2, 0]);
        let nucleus = |top_p| cut(Sampling { top_p, ..plain });
        assert_eq!(nucleus(0.5), [1]);
        assert_eq!(nucleus(0.6), [1, 2]);
        let temperature = 0.0;
        let coldest = Sampling {
            temperature,
            ..plain
        };
        assert_eq!(cut(coldest), [1]);
    }

    #[test]
    fn what_is_impossible_or_not_among_the_scores_is_never_drawn() {
        let plain = Sampling::default();
        let some = [(9, 1.0), (4, f64::NEG_INFINITY), (7, f64::NAN), (2, 1.0)];
        assert_eq!(ids(plain, &some), [2, 9]);
        assert_eq!(ids(plain, &[]), [0u32; 0]);
        assert_eq!(plain.draw(&[], &mut Seed(2).rng()), None);
    }

    /// At temperature 1/2 probabilities are squared: 1/64, 16/64, 4/64, 1/64 of 22/64.
    #[test]
    fn temperature_by_hand() {
        let sampling = Sampling {
            temperature: 0.5,
            ..Sampling::default()
        };
        let choices = sampling.choices(&scores());
        assert!((choices[0].1 - 16.0 / 22.0).abs() < 1e-12);
        assert!((choices[3].1 - 1.0 / 22.0).abs() < 1e-12);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let sampling = Sampling::default();
        let draw = |seed: u64| -> Vec<u32> {
            let mut rng = Seed(seed).rng();
            (0..4000)
                .filter_map(|_| sampling.draw(&scores(), &mut rng))
                .collect()
        };
        let draws = draw(1);
        let share = draws.iter().filter(|id| **id == 1).count() as f64 / 4000.0;
        assert!((share - 0.5).abs() < 0.03, "{share}");
        assert_eq!(draws, draw(1));
        assert_ne!(draws, draw(2));
    }

    #[test]
    fn probabilities_sum_to_one() {
        let logs = log_probabilities(&[1.0, 2.0, -40.0, 100.0]);
        let total: f64 = logs.iter().map(|log| libm::exp(*log)).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    /// Digits of libm, which a system's own functions need not share: a draw that depends on the last of them is the
    /// same everywhere.
    #[test]
    fn the_last_digit_is_the_same_everywhere() {
        let bits = |scores: &[(u32, f64)]| -> Vec<u64> {
            let choices = Sampling::default().choices(scores);
            choices.iter().map(|choice| choice.1.to_bits()).collect()
        };
        let expected = [
            0x3fe5_950c_1cf4_225a,
            0x3fd3_6520_a8c3_2fea,
            0x3f97_0c71_d548_b613,
        ];
        assert_eq!(bits(&[(0, 0.1), (1, -0.7), (2, -3.3)]), expected);
    }
}
