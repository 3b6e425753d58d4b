//! Telling the quadrant of a piece by its attributes.

use affetto_core::Seed;
use smartcore::{
    ensemble::random_forest_classifier::{
        RandomForestClassifier, RandomForestClassifierParameters,
    },
    linalg::{
        basic::{arrays::Array, matrix::DenseMatrix},
        traits::cholesky::CholeskyDecomposable,
    },
};

use super::Quadrant;
use crate::{
    Error,
    piece::emogen::{self, Bits},
    statistics::{mean, quantile},
};

/// How far the scatter within the quadrants is drawn towards that of independent attributes (Friedman, "Regularized
/// Discriminant Analysis", 1989).
const SHRINKAGE: f64 = 0.3;

/// Trees of a forest.
const TREES: u64 = 200;

/// Each quadrant as high or low in every attribute, and the nearest by the number of attributes that differ (EmoGen's
/// first stage, turned around).
#[derive(Clone, Debug, PartialEq)]
pub struct BitCentres {
    thresholds: Vec<f64>,
    centres: [Vec<bool>; 4],
}

impl BitCentres {
    /// The published thresholds and vectors.
    pub fn emogen() -> Self {
        Self {
            thresholds: emogen::THRESHOLDS.to_vec(),
            centres: emogen::commands().map(|bits: Bits| bits.to_vec()),
        }
    }

    /// The medians of the rows as thresholds; a quadrant is high where more than half of its rows are.
    pub fn learn(rows: &[&[f64]], quadrants: &[Quadrant]) -> Self {
        let width = rows.first().map_or(0, |row| row.len());
        let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
        let thresholds: Vec<f64> = (0..width)
            .map(|index| quantile(&column(index), 0.5).unwrap_or(0.0))
            .collect();
        let centre = |quadrant: Quadrant| {
            let own = |index: usize| {
                let own = rows
                    .iter()
                    .zip(quadrants)
                    .filter(|(_, other)| **other == quadrant);
                let above: Vec<f64> = own
                    .map(|(row, _)| f64::from(u8::from(row[index] > thresholds[index])))
                    .collect();
                mean(&above) > 0.5
            };
            (0..width).map(own).collect()
        };
        Self {
            centres: Quadrant::ALL.map(centre),
            thresholds,
        }
    }

    /// The nearest quadrant, the first of equally near ones.
    pub fn nearest(&self, row: &[f64]) -> Quadrant {
        let differing = |quadrant: &Quadrant| {
            let centre = &self.centres[*quadrant as usize];
            let bits = row
                .iter()
                .zip(&self.thresholds)
                .map(|(value, threshold)| value > threshold);
            bits.zip(centre)
                .filter(|(bit, wanted)| bit != *wanted)
                .count()
        };
        let nearest = Quadrant::ALL.into_iter().min_by_key(differing);
        nearest.unwrap_or(Quadrant::Q1) // there are four
    }
}

/// The supervised clustering: each quadrant's centre among the ranks of the attributes, and the nearest centre where
/// distances count in the scatter that pieces of one quadrant have (Fisher 1936; Mahalanobis 1936).
///
/// Ranks among the pieces learned from make every attribute count alike, whatever its unit and its outliers.
#[derive(Clone, Debug)]
pub struct Centres {
    /// The values learned from, attribute by attribute, sorted.
    sorted: Vec<Vec<f64>>,
    /// For each quadrant the direction towards it, and half its own length.
    directions: [(Vec<f64>, f64); 4],
}

impl Centres {
    /// Learns from rows and their quadrants.
    ///
    /// # Errors
    ///
    /// [`Error::Forest`] where the scatter cannot be inverted, which shrinking rules out for finite rows.
    pub fn learn(rows: &[&[f64]], quadrants: &[Quadrant]) -> Result<Self, Error> {
        let width = rows.first().map_or(0, |row| row.len());
        let sorted: Vec<Vec<f64>> = (0..width)
            .map(|index| {
                let mut column: Vec<f64> = rows.iter().map(|row| row[index]).collect();
                column.sort_by(f64::total_cmp);
                column
            })
            .collect();
        let ranked: Vec<Vec<f64>> = rows.iter().map(|row| ranks(&sorted, row)).collect();
        let centres = Quadrant::ALL.map(|quadrant| {
            let own = ranked
                .iter()
                .zip(quadrants)
                .filter(|(_, other)| **other == quadrant);
            let own: Vec<&Vec<f64>> = own.map(|(row, _)| row).collect();
            (0..width)
                .map(|index| mean(&own.iter().map(|row| row[index]).collect::<Vec<f64>>()))
                .collect::<Vec<f64>>()
        });
        let scatter = shrunk(scatter(&ranked, quadrants, &centres));
        let columns: Vec<Vec<f64>> = (0..width)
            .map(|index| centres.iter().map(|centre| centre[index]).collect())
            .collect();
        let solved = DenseMatrix::from_2d_vec(&scatter)?
            .cholesky_solve_mut(DenseMatrix::from_2d_vec(&columns)?)?;
        let direction = |quadrant: Quadrant| {
            let direction: Vec<f64> = (0..width)
                .map(|index| *solved.get((index, quadrant as usize)))
                .collect();
            let length = dot(&direction, &centres[quadrant as usize]) / 2.0;
            (direction, length)
        };
        Ok(Self {
            directions: Quadrant::ALL.map(direction),
            sorted,
        })
    }

    /// The nearest quadrant.
    pub fn nearest(&self, row: &[f64]) -> Quadrant {
        let ranks = ranks(&self.sorted, row);
        let nearness = |quadrant: Quadrant| {
            let (direction, length) = &self.directions[quadrant as usize];
            dot(direction, &ranks) - length
        };
        let nearest = Quadrant::ALL
            .into_iter()
            .max_by(|a, b| nearness(*a).total_cmp(&nearness(*b)));
        nearest.unwrap_or(Quadrant::Q1) // there are four
    }
}

/// The share of the sorted values below each value, ties counting half, from -0.5 to 0.5.
fn ranks(sorted: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
    let rank = |(column, value): (&Vec<f64>, &f64)| {
        let below = column.partition_point(|other| other < value);
        let up_to = column.partition_point(|other| other <= value);
        (below + up_to) as f64 / (2 * column.len()).max(1) as f64 - 0.5
    };
    sorted.iter().zip(row).map(rank).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The covariance of the rows around the centres of their quadrants.
fn scatter(ranked: &[Vec<f64>], quadrants: &[Quadrant], centres: &[Vec<f64>; 4]) -> Vec<Vec<f64>> {
    let width = centres[0].len();
    let mut sums = vec![vec![0.0; width]; width];
    for (row, quadrant) in ranked.iter().zip(quadrants) {
        let off: Vec<f64> = row
            .iter()
            .zip(&centres[*quadrant as usize])
            .map(|(value, centre)| value - centre)
            .collect();
        for (line, value) in sums.iter_mut().zip(&off) {
            for (sum, other) in line.iter_mut().zip(&off) {
                *sum += value * other;
            }
        }
    }
    let count = ranked.len().max(1) as f64;
    for sum in sums.iter_mut().flatten() {
        *sum /= count;
    }
    sums
}

fn shrunk(mut scatter: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let diagonal: Vec<f64> = scatter
        .iter()
        .enumerate()
        .map(|(index, line)| line[index])
        .collect();
    let even = mean(&diagonal).max(f64::MIN_POSITIVE);
    for (index, line) in scatter.iter_mut().enumerate() {
        for value in line.iter_mut() {
            *value *= 1.0 - SHRINKAGE;
        }
        line[index] += SHRINKAGE * even;
    }
    scatter
}

type Tree = RandomForestClassifier<f64, u32, DenseMatrix<f64>, Vec<u32>>;

/// A random forest (Breiman 2001) over the quadrants; trees of one each, so that their votes can be counted.
pub(crate) struct Forest(Vec<Tree>);

impl Forest {
    pub(crate) fn grow(rows: &[&[f64]], quadrants: &[Quadrant], seed: Seed) -> Result<Self, Error> {
        let matrix = matrix(rows)?;
        let labels: Vec<u32> = quadrants.iter().map(|quadrant| *quadrant as u32).collect();
        let tree = |index: u64| {
            let parameters = RandomForestClassifierParameters::default()
                .with_n_trees(1)
                .with_seed(seed.0.wrapping_add(index));
            Tree::fit(&matrix, &labels, parameters)
        };
        Ok(Self((0..TREES).map(tree).collect::<Result<_, _>>()?))
    }

    /// For each row the share of trees that vote for each quadrant.
    pub(crate) fn votes(&self, rows: &[&[f64]]) -> Result<Vec<[f64; 4]>, Error> {
        let matrix = matrix(rows)?;
        let mut votes = vec![[0.0; 4]; rows.len()];
        for tree in &self.0 {
            for (votes, vote) in votes.iter_mut().zip(tree.predict(&matrix)?) {
                votes[(vote as usize).min(3)] += 1.0 / self.0.len() as f64;
            }
        }
        Ok(votes)
    }
}

fn matrix(rows: &[&[f64]]) -> Result<DenseMatrix<f64>, Error> {
    let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
    Ok(DenseMatrix::from_2d_vec(&rows)?)
}

/// The quadrant with the most votes.
pub(super) fn most_votes(votes: &[f64; 4]) -> Quadrant {
    let most = Quadrant::ALL
        .into_iter()
        .max_by(|a, b| votes[*a as usize].total_cmp(&votes[*b as usize]));
    most.unwrap_or(Quadrant::Q1) // there are four
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Two attributes, one for valence and one for arousal, and one that says nothing.
    fn pieces() -> (Vec<Vec<f64>>, Vec<Quadrant>) {
        let mut rng = Seed(3).rng();
        let mut rows = Vec::new();
        let mut quadrants = Vec::new();
        for quadrant in Quadrant::ALL {
            for _ in 0..30 {
                let along = |positive: bool| if positive { 1.0 } else { -1.0 };
                rows.push(vec![
                    along(quadrant.is_pleasant()) + 0.5 * rng.normal(),
                    100.0 * (along(quadrant.is_awake()) + 0.5 * rng.normal()),
                    rng.normal(),
                ]);
                quadrants.push(quadrant);
            }
        }
        (rows, quadrants)
    }

    #[test]
    fn well_apart_quadrants_are_told_apart() {
        let (rows, quadrants) = pieces();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let right = |guess: &dyn Fn(&[f64]) -> Quadrant| {
            rows.iter()
                .zip(&quadrants)
                .filter(|(row, quadrant)| guess(row) == **quadrant)
                .count()
        };
        let centres = Centres::learn(&rows, &quadrants).unwrap();
        let bits = BitCentres::learn(&rows, &quadrants);
        let forest = Forest::grow(&rows, &quadrants, Seed(1)).unwrap();
        assert!(right(&|row| centres.nearest(row)) > 105);
        assert!(right(&|row| bits.nearest(row)) > 75);
        assert!(right(&|row| most_votes(&forest.votes(&[row]).unwrap()[0])) > 105);
    }

    /// A monotone change of an attribute changes no rank.
    #[test]
    fn centres_do_not_depend_on_units() {
        let (rows, quadrants) = pieces();
        let other: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| vec![libm::exp(row[0]), row[1].powi(3), 7.0 - 2.0 * row[2]])
            .collect();
        let slices = |rows: &'_ [Vec<f64>]| -> Vec<Vec<f64>> { rows.to_vec() };
        let (rows, other) = (slices(&rows), slices(&other));
        let learn = |rows: &[Vec<f64>]| {
            let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
            Centres::learn(&rows, &quadrants).unwrap()
        };
        let (first, second) = (learn(&rows), learn(&other));
        for (row, changed) in rows.iter().zip(&other) {
            assert_eq!(first.nearest(row), second.nearest(changed));
        }
    }

    #[test]
    fn the_published_vectors_are_their_own_quadrants() {
        let emogen = BitCentres::emogen();
        for (bits, quadrant) in emogen::commands().iter().zip(Quadrant::ALL) {
            let row: Vec<f64> = bits
                .iter()
                .zip(emogen::THRESHOLDS)
                .map(|(bit, threshold)| if *bit { threshold + 1.0 } else { threshold })
                .collect();
            assert_eq!(emogen.nearest(&row), quadrant);
        }
    }
}
