//! Tells songs from what a model wrote, and chooses among what it wrote accordingly.
//!
//! Boosted regression trees (Chen & Guestrin, "XGBoost", 2016) estimate from features of a piece how likely it is a song.
//! Of several pieces one is drawn in proportion to a power of its odds, which brings what is kept nearer to songs (Azadi
//! et al., "Discriminator rejection sampling", 2019; differs: a fixed number of candidates, as in sampling and importance
//! resampling, Rubin 1987).

use affetto_core::{Rng, Seed};
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

use crate::error::Error;

/// Trees of a critic.
const TREES: usize = 300;
/// Questions from the root of a tree to a leaf.
const DEPTH: usize = 3;
/// How much of a tree's answer is taken.
const RATE: f64 = 0.1;
/// The share of the pieces that a tree is grown on.
const SUBSAMPLE: f64 = 0.7;
/// The fewest pieces of a leaf.
const FEWEST_IN_LEAF: usize = 10;
/// The power of the odds that pieces are drawn by. Above 1 it makes up for odds that are estimated, and so too even.
const SHARPNESS: f64 = 4.0;
/// Beyond this chance of being a song, or of not being one, the critic does not commit itself.
const SUREST: f64 = 0.99;

/// A critic of one kind of music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Critic {
    /// The features that it was trained on, by name.
    features: Vec<String>,
    trees: Vec<Tree>,
}

/// A complete tree: the questions of each depth from left to right, then the leaves. Where the answer is no more than the
/// threshold, the left one follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    asks: [usize; QUESTIONS],
    thresholds: [f64; QUESTIONS],
    leaves: [f64; QUESTIONS + 1],
}

const QUESTIONS: usize = (1 << DEPTH) - 1;

impl Critic {
    /// Learns to tell `songs` from `written`, one row of the features called `names` a piece.
    ///
    /// # Errors
    ///
    /// Where a row has another number of features or one that is not finite, or a kind has no piece.
    pub fn train(
        names: &[&str],
        songs: &[Vec<f64>],
        written: &[Vec<f64>],
        seed: Seed,
    ) -> Result<Self, Error> {
        check(songs, names)?;
        check(written, names)?;
        let rows: Vec<Vec<f64>> = songs.iter().chain(written).cloned().collect();
        // Both kinds weigh the same: the odds are then those of one song against one written piece.
        let balanced = balanced(songs.len(), written.len());
        let rows: Vec<Vec<f64>> = balanced.iter().map(|(row, _)| rows[*row].clone()).collect();
        let labels: Vec<f64> = balanced.iter().map(|(_, label)| *label).collect();
        let parameters = XGRegressorParameters::default()
            .with_n_estimators(TREES)
            .with_max_depth(DEPTH as u16)
            .with_learning_rate(RATE)
            .with_subsample(SUBSAMPLE)
            .with_min_child_weight(FEWEST_IN_LEAF)
            .with_seed(seed.0);
        let matrix = DenseMatrix::from_2d_vec(&rows)?;
        let grown = XGRegressor::fit(&matrix, &labels, parameters)?;
        let grown: Grown = serde_json::to_value(&grown)
            .and_then(serde_json::from_value)
            .map_err(|source| Error::Critic { source })?;
        Ok(Self {
            features: names.iter().map(|name| (*name).to_owned()).collect(),
            trees: grown.regressors.iter().map(Tree::of).collect(),
        })
    }

    /// Whether it was trained on the features called `names`, and asks for no others.
    pub fn hears(&self, names: &[&str]) -> bool {
        self.features == names
            && self
                .trees
                .iter()
                .all(|tree| tree.asks.iter().all(|at| *at < self.features.len()))
    }

    /// The odds that a piece with `row` as its features is a song rather than written by the model: 1 where it may be
    /// either.
    pub fn odds_of(&self, row: &[f64]) -> f64 {
        let answers = self.trees.iter().map(|tree| RATE * tree.answer(row));
        let chance = (0.5 + answers.sum::<f64>()).clamp(1.0 - SUREST, SUREST);
        chance / (1.0 - chance)
    }

    /// Draws one of several pieces by their odds; the first where there is no other.
    pub fn choose(&self, odds: &[f64], rng: &mut Rng) -> usize {
        let weights: Vec<f64> = odds
            .iter()
            .map(|odds| libm::pow(*odds, SHARPNESS))
            .collect();
        rng.weighted(&weights).unwrap_or(0)
    }
}

/// Row and label of every piece, those of the smaller kind as often as makes the kinds equal.
fn balanced(songs: usize, written: usize) -> Vec<(usize, f64)> {
    let most = songs.max(written);
    let song = |at: usize| (at % songs, 1.0);
    let other = |at: usize| (songs + at % written, 0.0);
    (0..most).map(song).chain((0..most).map(other)).collect()
}

fn check(rows: &[Vec<f64>], names: &[&str]) -> Result<(), Error> {
    if rows.is_empty() {
        return Err(Error::TooFewPieces { found: 0, least: 1 });
    }
    for row in rows {
        if row.len() != names.len() {
            return Err(Error::FeatureCount {
                found: row.len(),
                expected: names.len(),
            });
        }
        if let Some(at) = row.iter().position(|value| !value.is_finite()) {
            let name = names[at].into();
            return Err(Error::NotFinite { name });
        }
    }
    Ok(())
}

impl Tree {
    fn of(node: &Node) -> Self {
        let mut tree = Self {
            asks: [0; QUESTIONS],
            thresholds: [0.0; QUESTIONS],
            leaves: [0.0; QUESTIONS + 1],
        };
        tree.fill(0, node);
        tree
    }

    /// Puts `node` at `place`; a leaf above the lowest depth stands below itself twice.
    fn fill(&mut self, place: usize, node: &Node) {
        if place >= QUESTIONS {
            self.leaves[place - QUESTIONS] = node.value;
            return;
        }
        let (left, right) = match (&node.left, &node.right) {
            (Some(left), Some(right)) => {
                self.asks[place] = node.split_feature_idx;
                self.thresholds[place] = node.threshold;
                (&**left, &**right)
            }
            _ => (node, node),
        };
        self.fill(2 * place + 1, left);
        self.fill(2 * place + 2, right);
    }

    fn answer(&self, row: &[f64]) -> f64 {
        let mut place = 0;
        while place < QUESTIONS {
            let is_right = row[self.asks[place]] > self.thresholds[place];
            place = 2 * place + 1 + usize::from(is_right);
        }
        self.leaves[place - QUESTIONS]
    }
}

/// What the library grew, as it writes it.
#[derive(Deserialize)]
struct Grown {
    regressors: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
    value: f64,
    #[serde(default, deserialize_with = "number_or_none")]
    threshold: f64,
    split_feature_idx: usize,
}

/// A leaf has no threshold: it is not a number, which JSON writes as nothing.
fn number_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::features::feature_names;

    fn train(songs: &[Vec<f64>], written: &[Vec<f64>]) -> Result<Critic, Error> {
        Critic::train(&feature_names(), songs, written, Seed(3))
    }

    /// Rows of noise; features 2 and 5 of songs are higher.
    fn rows(count: usize, shift: f64, seed: u64) -> Vec<Vec<f64>> {
        let (width, mut rng) = (feature_names().len(), Seed(seed).rng());
        let mut row = || {
            let mut row: Vec<f64> = (0..width).map(|_| rng.normal()).collect();
            row[2] += shift;
            row[5] += shift;
            row
        };
        (0..count).map(|_| row()).collect()
    }

    fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
        values.clone().sum::<f64>() / values.count() as f64
    }

    #[test]
    fn songs_have_higher_odds_and_what_is_chosen_is_nearer_to_them() {
        let critic = train(&rows(300, 1.5, 1), &rows(200, 0.0, 2)).unwrap();
        let odds = |rows: &[Vec<f64>]| -> Vec<f64> {
            rows.iter().map(|row| critic.odds_of(row)).collect()
        };
        let (songs, written) = (rows(200, 1.5, 4), rows(800, 0.0, 5));
        let log = |odds: Vec<f64>| {
            mean(
                odds.into_iter()
                    .map(libm::log)
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        };
        assert!(log(odds(&songs)) > 0.5 && log(odds(&written)) < -0.5);
        let mut rng = Seed(6).rng();
        let chosen: Vec<f64> = written
            .chunks(8)
            .map(|some| some[critic.choose(&odds(some), &mut rng)][2])
            .collect();
        assert!(mean(chosen.into_iter()) > 0.5);
    }

    #[test]
    fn it_answers_as_the_library_does() {
        let (songs, written) = (rows(80, 1.0, 1), rows(80, 0.0, 2));
        let critic = train(&songs, &written).unwrap();
        let all: Vec<Vec<f64>> = songs.iter().chain(&written).cloned().collect();
        let labels: Vec<f64> = (0..160).map(|at| f64::from(u8::from(at < 80))).collect();
        let parameters = XGRegressorParameters::default()
            .with_n_estimators(TREES)
            .with_max_depth(DEPTH as u16)
            .with_learning_rate(RATE)
            .with_subsample(SUBSAMPLE)
            .with_min_child_weight(FEWEST_IN_LEAF)
            .with_seed(3);
        let matrix = DenseMatrix::from_2d_vec(&all).unwrap();
        let library = XGRegressor::fit(&matrix, &labels, parameters).unwrap();
        for (row, chance) in all.iter().zip(library.predict(&matrix).unwrap()) {
            let chance: f64 = f64::clamp(chance, 1.0 - SUREST, SUREST);
            assert!((critic.odds_of(row) - chance / (1.0 - chance)).abs() < 1e-6);
        }
    }

    #[test]
    fn it_survives_being_written_and_notices_other_features() {
        let critic = train(&rows(40, 1.0, 1), &rows(40, 0.0, 2)).unwrap();
        let json = serde_json::to_string(&critic).unwrap();
        let mut read: Critic = serde_json::from_str(&json).unwrap();
        assert_eq!(read, critic);
        assert!(read.hears(&feature_names()));
        read.features[7] = "another".into();
        assert!(!read.hears(&feature_names()));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let good = rows(20, 0.0, 1);
        let short = vec![vec![0.0; 3]];
        assert!(matches!(
            train(&good, &short),
            Err(Error::FeatureCount { found: 3, .. })
        ));
        assert!(matches!(train(&[], &good), Err(Error::TooFewPieces { .. })));
    }
}
