//! What many raters said, without throwing any of them away.
//!
//! The soft labels and the all-inclusive rule of Chou's dissertation on subjectivity in emotion
//! recognition: every utterance and every rating is kept, where the plurality and majority rules
//! drop the utterances on which raters disagree.

use crate::{Error, vad::in_range};

/// How ratings become one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The share of the ratings of each label; keeps every utterance.
    AllInclusive,
    /// The label with the most ratings; drops ties.
    Plurality,
    /// The label with more than half of the ratings; drops the rest.
    Majority,
}

impl Rule {
    /// Every rule, the one that keeps most first.
    pub const ALL: [Self; 3] = [Self::AllInclusive, Self::Plurality, Self::Majority];

    /// The target for the number of ratings of each label, summing to 1; nothing where the rule
    /// drops the utterance or nobody rated it.
    pub fn target(self, ratings: &[u32]) -> Option<Vec<f64>> {
        let total: f64 = ratings.iter().map(|count| f64::from(*count)).sum();
        let most = *ratings.iter().max().filter(|most| **most > 0)?;
        let winners = ratings.iter().filter(|count| **count == most).count();
        let one_hot = || {
            ratings
                .iter()
                .map(|count| f64::from(u8::from(*count == most)))
        };
        match self {
            Self::AllInclusive => Some(ratings.iter().map(|n| f64::from(*n) / total).collect()),
            Self::Plurality => (winners == 1).then(|| one_hot().collect()),
            Self::Majority => (f64::from(most) > total / 2.0).then(|| one_hot().collect()),
        }
    }
}

/// The smoothing of the published label files.
pub const SMOOTHING: f64 = 0.05;

/// Label smoothing: `(1 - epsilon) q + epsilon (1 - q) / (K - 1)` for each of the `K` weights.
///
/// `epsilon` is in [0, 1]; the sum stays 1. A single label stays as it is.
pub fn smoothed(weights: &[f64], epsilon: f64) -> Result<Vec<f64>, Error> {
    let epsilon = in_range("epsilon", epsilon, 0.0, 1.0)?;
    if weights.len() < 2 {
        return Ok(weights.to_vec());
    }
    let others = weights.len() as f64 - 1.0;
    let smooth = |q: &f64| (1.0 - epsilon) * q + epsilon * (1.0 - q) / others;
    Ok(weights.iter().map(smooth).collect())
}

/// The labels above chance, `q > 1 / K`, as targets and predictions are compared.
pub fn above_chance(weights: &[f64]) -> Vec<bool> {
    let chance = 1.0 / weights.len() as f64;
    weights.iter().map(|weight| *weight > chance).collect()
}

/// The cross-entropy `-sum q log p` in nats; probabilities below 1e-12 count as 1e-12.
pub fn soft_cross_entropy(target: &[f64], predicted: &[f64]) -> Result<f64, Error> {
    if target.len() != predicted.len() {
        return Err(Error::Count {
            what: "predicted weights",
            expected: target.len(),
            found: predicted.len(),
        });
    }
    let terms = target.iter().zip(predicted);
    Ok(terms.map(|(q, p)| -q * libm::log(p.max(1e-12))).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K = 4, q = 0.6: 0.95 * 0.6 + 0.05 * 0.4 / 3; K = 9, q = 0: 0.05 / 8.
    #[test]
    fn smoothing_by_hand() {
        let four = smoothed(&[0.6, 0.4, 0.0, 0.0], SMOOTHING).unwrap();
        assert!((four[0] - 0.576_667).abs() < 1e-6);
        let mut nine = [0.0; 9];
        nine[0] = 1.0;
        assert!((smoothed(&nine, SMOOTHING).unwrap()[1] - 0.006_25).abs() < 1e-12);
        assert!((four.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(smoothed(&[1.0], f64::NAN).is_err());
    }

    #[test]
    fn rules_by_hand() {
        let split = [2, 2, 0];
        assert_eq!(Rule::AllInclusive.target(&split), Some(vec![0.5, 0.5, 0.0]));
        assert_eq!(Rule::Plurality.target(&split), None);
        let plural = [2, 1, 1];
        assert_eq!(Rule::Plurality.target(&plural), Some(vec![1.0, 0.0, 0.0]));
        assert_eq!(Rule::Majority.target(&plural), None);
        assert_eq!(Rule::Majority.target(&[3, 1, 1]), Some(vec![1.0, 0.0, 0.0]));
        for rule in Rule::ALL {
            assert_eq!(rule.target(&[0, 0]), None);
            assert_eq!(rule.target(&[]), None);
        }
    }

    #[test]
    fn above_chance_is_strict() {
        assert_eq!(
            above_chance(&[0.25, 0.3, 0.25, 0.2]),
            [false, true, false, false]
        );
    }

    /// -(0.5 ln 0.5 + 0.5 ln 0.25).
    #[test]
    fn cross_entropy_by_hand() {
        let loss = soft_cross_entropy(&[0.5, 0.5], &[0.5, 0.25]).unwrap();
        assert!((loss - 1.039_720_770_839_917_9).abs() < 1e-12);
        assert!(soft_cross_entropy(&[1.0], &[0.0]).unwrap().is_finite());
        assert!(soft_cross_entropy(&[1.0], &[]).is_err());
    }
}
