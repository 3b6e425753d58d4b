//! A two-sample test: can a classifier tell two sets of pieces apart?
//!
//! Lopez-Paz & Oquab, "Revisiting classifier two-sample tests" (2017), with a random forest (Breiman 2001). Differs:
//! the area under the ROC curve (AUC) stands for the accuracy, so that samples of different size can be compared.
//! A forest's score is the share of its trees that vote for the second sample.

use affetto_core::{Rng, Seed};
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::error::Error;
use crate::statistics::{deviation, mean};

/// Parts of the cross-validation; each sample needs at least as many pieces.
pub const FOLDS: usize = 5;

/// Trees of a forest.
pub const TREES: u64 = 200;

/// The answer of the test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoSample {
    /// The area under the ROC curve on pieces that the forest did not see, the mean over the folds:
    /// 0.5 where the samples cannot be told apart, 1 where they always can.
    pub auc: f64,
    /// The standard deviation of the AUC over the folds.
    pub auc_deviation: f64,
    /// What gives the samples away, most telling first.
    pub importance: Vec<Importance>,
}

/// How much a feature matters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// The feature.
    pub name: String,
    /// By how much the share of votes for the true sample falls when the feature is shuffled among the unseen
    /// pieces (permutation importance, Breiman 2001), the mean over the pieces. Unlike the AUC it tells
    /// features apart where each alone would do.
    pub vote_drop: f64,
    /// The AUC of the feature by itself, without any forest, 0.5..=1.
    pub auc_alone: f64,
}

type Tree = RandomForestClassifier<f64, u32, DenseMatrix<f64>, Vec<u32>>;

/// Trains forests to tell `a` from `b`, one row per piece, and says how well they do.
pub fn two_sample_auc(
    a: &[Vec<f64>],
    b: &[Vec<f64>],
    names: &[&str],
    seed: Seed,
) -> Result<TwoSample, Error> {
    check(a, b, names)?;
    let rows: Vec<Vec<f64>> = a.iter().chain(b).cloned().collect();
    let labels: Vec<u32> = a.iter().map(|_| 0).chain(b.iter().map(|_| 1)).collect();
    let folds = stratified_folds(a.len(), b.len(), seed);
    let mut aucs = Vec::with_capacity(FOLDS);
    let mut drops = vec![0.0; names.len()];
    let total = rows.len() as f64;
    for fold in 0..FOLDS {
        let (seen, unseen): (Vec<usize>, Vec<usize>) =
            (0..rows.len()).partition(|row| folds[*row] != fold);
        let seed = seed.derive(&format!("fold {fold}"));
        let forest = Forest::grow(&select(&rows, &seen), &select(&labels, &seen), seed)?;
        let (rows, labels) = (select(&rows, &unseen), select(&labels, &unseen));
        let scores = forest.scores(&rows)?;
        let votes = true_votes(&scores, &labels);
        for (feature, drop) in drops.iter_mut().enumerate() {
            let shuffled = shuffle_column(&rows, feature, &mut seed.derive(names[feature]).rng());
            *drop += (votes - true_votes(&forest.scores(&shuffled)?, &labels)) / total;
        }
        aucs.push(area_under_curve(&scores, &labels));
    }
    Ok(TwoSample {
        auc: mean(&aucs),
        auc_deviation: deviation(&aucs),
        importance: ranked(names, drops, &rows, &labels),
    })
}

fn check(a: &[Vec<f64>], b: &[Vec<f64>], names: &[&str]) -> Result<(), Error> {
    let found = a.len().min(b.len());
    if found < FOLDS {
        return Err(Error::TooFewPieces {
            found,
            least: FOLDS,
        });
    }
    for row in a.iter().chain(b) {
        if row.len() != names.len() || names.is_empty() {
            return Err(Error::FeatureCount {
                found: row.len(),
                expected: names.len(),
            });
        }
        if let Some(index) = row.iter().position(|value| !value.is_finite()) {
            let name = names[index].into();
            return Err(Error::NotFinite { name });
        }
    }
    Ok(())
}

/// The fold of every row: each sample is shuffled and dealt out in turn.
fn stratified_folds(count_a: usize, count_b: usize, seed: Seed) -> Vec<usize> {
    let mut rng = seed.derive("folds").rng();
    let mut deal = |count: usize| {
        let mut folds: Vec<usize> = (0..count).map(|index| index % FOLDS).collect();
        rng.shuffle(&mut folds);
        folds
    };
    let mut folds = deal(count_a);
    folds.extend(deal(count_b));
    folds
}

fn select<T: Clone>(items: &[T], indices: &[usize]) -> Vec<T> {
    indices.iter().map(|index| items[*index].clone()).collect()
}

fn shuffle_column(rows: &[Vec<f64>], column: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
    let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
    rng.shuffle(&mut values);
    let mut shuffled = rows.to_vec();
    for (row, value) in shuffled.iter_mut().zip(values) {
        row[column] = value;
    }
    shuffled
}

/// The shares of votes for the true sample, summed over the pieces.
fn true_votes(scores: &[f64], labels: &[u32]) -> f64 {
    let shares = scores.iter().zip(labels).map(|(score, label)| match label {
        0 => 1.0 - score,
        _ => *score,
    });
    shares.sum()
}

fn ranked(names: &[&str], drops: Vec<f64>, rows: &[Vec<f64>], labels: &[u32]) -> Vec<Importance> {
    let auc_alone = |feature: usize| {
        let column: Vec<f64> = rows.iter().map(|row| row[feature]).collect();
        let auc = area_under_curve(&column, labels);
        auc.max(1.0 - auc)
    };
    let mut importance: Vec<Importance> = names
        .iter()
        .zip(drops)
        .enumerate()
        .map(|(feature, (name, vote_drop))| Importance {
            name: (*name).into(),
            vote_drop,
            auc_alone: auc_alone(feature),
        })
        .collect();
    importance.sort_by(|a, b| b.vote_drop.total_cmp(&a.vote_drop));
    importance
}

/// Trees of one each, since the library counts the votes of a larger forest without telling them.
struct Forest(Vec<Tree>);

impl Forest {
    fn grow(rows: &[Vec<f64>], labels: &[u32], seed: Seed) -> Result<Self, Error> {
        let rows = DenseMatrix::from_2d_vec(&rows.to_vec())?;
        let labels = labels.to_vec();
        let tree = |index: u64| {
            let parameters = RandomForestClassifierParameters::default()
                .with_n_trees(1)
                .with_seed(seed.0.wrapping_add(index));
            Tree::fit(&rows, &labels, parameters)
        };
        Ok(Self((0..TREES).map(tree).collect::<Result<_, _>>()?))
    }

    /// The share of trees that vote for the second sample.
    fn scores(&self, rows: &[Vec<f64>]) -> Result<Vec<f64>, Error> {
        let matrix = DenseMatrix::from_2d_vec(&rows.to_vec())?;
        let mut votes = vec![0; rows.len()];
        for tree in &self.0 {
            for (count, vote) in votes.iter_mut().zip(tree.predict(&matrix)?) {
                *count += vote;
            }
        }
        Ok(votes
            .into_iter()
            .map(|count| f64::from(count) / self.0.len() as f64)
            .collect())
    }
}

/// The chance that a piece of the second sample scores higher than one of the first, ties counting half (Mann &
/// Whitney 1947); 0.5 where one label is missing.
pub fn area_under_curve(scores: &[f64], labels: &[u32]) -> f64 {
    let of = |wanted: u32| -> Vec<f64> {
        let pairs = scores.iter().zip(labels);
        pairs
            .filter(|(_, label)| **label == wanted)
            .map(|(score, _)| *score)
            .collect()
    };
    let (first, second) = (of(0), of(1));
    if first.is_empty() || second.is_empty() {
        return 0.5;
    }
    let wins: f64 = second
        .iter()
        .flat_map(|high| first.iter().map(move |low| (high, low)))
        .map(|(high, low)| match high.total_cmp(low) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    wins / (first.len() * second.len()) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    /// Rows of standard normal features; feature `c` is moved by `shift`.
    fn sample(count: usize, shift: f64, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = Seed(seed).rng();
        let mut row = || {
            let mut row: Vec<f64> = NAMES.iter().map(|_| rng.normal()).collect();
            row[2] += shift;
            row
        };
        (0..count).map(|_| row()).collect()
    }

    #[test]
    fn area_by_hand() {
        // Pairs: .9 beats both, .4 beats .1 and ties with .4.
        assert_eq!(
            area_under_curve(&[0.1, 0.4, 0.4, 0.9], &[0, 0, 1, 1]),
            3.5 / 4.0
        );
        assert_eq!(area_under_curve(&[0.1], &[1]), 0.5);
    }

    #[test]
    fn halves_of_one_sample_cannot_be_told_apart() {
        let test =
            two_sample_auc(&sample(150, 0.0, 1), &sample(150, 0.0, 2), &NAMES, Seed(3)).unwrap();
        assert!((0.4..0.6).contains(&test.auc), "{test:?}");
    }

    #[test]
    fn a_shifted_sample_is_told_apart_by_the_shifted_feature() {
        let test =
            two_sample_auc(&sample(120, 0.0, 1), &sample(80, 4.0, 2), &NAMES, Seed(3)).unwrap();
        assert!(test.auc > 0.97, "{test:?}");
        assert_eq!(test.importance[0].name, "c");
        assert!(test.importance[0].vote_drop > 0.1 && test.importance[0].auc_alone > 0.97);
    }

    /// One deviation apart: no classifier exceeds Phi(1 / sqrt 2) = 0.76.
    #[test]
    fn a_small_shift_is_seen_in_part() {
        let test =
            two_sample_auc(&sample(200, 0.0, 1), &sample(200, 1.0, 2), &NAMES, Seed(3)).unwrap();
        assert!((0.65..0.80).contains(&test.auc), "{test:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_answer() {
        let test = |seed| {
            two_sample_auc(&sample(40, 0.0, 1), &sample(40, 1.0, 2), &NAMES, Seed(seed)).unwrap()
        };
        assert_eq!(test(3), test(3));
        assert_ne!(test(3), test(4));
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        let good = sample(10, 0.0, 1);
        let refused =
            |b: &[Vec<f64>], names: &[&str]| two_sample_auc(&good, b, names, Seed(1)).unwrap_err();
        assert!(matches!(
            refused(&good[..4], &NAMES),
            Error::TooFewPieces { found: 4, least: 5 }
        ));
        assert!(matches!(
            refused(&good, &NAMES[..5]),
            Error::FeatureCount {
                found: 6,
                expected: 5
            }
        ));
        let mut bad = good.clone();
        bad[3][1] = f64::NAN;
        assert!(matches!(refused(&bad, &NAMES), Error::NotFinite { name } if name == "b"));
    }
}
