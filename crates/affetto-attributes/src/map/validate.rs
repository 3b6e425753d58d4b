//! How well quadrants are told by the attributes, on songs that were not learned from.

use std::collections::BTreeMap;

use affetto_core::{Progress, Seed, Stage};
use serde::{Deserialize, Serialize};

use super::{
    Quadrant,
    classify::{BitCentres, Centres, Forest, most_votes},
};
use crate::{
    Error,
    piece::Attribute,
    statistics::{deviation, mean},
};

/// Parts of the cross-validation; songs are dealt out to them.
pub const FOLDS: usize = 5;

/// How often the songs are dealt anew.
pub const ROUNDS: usize = 3;

/// The fewest pieces a quadrant must have.
pub const FEWEST_PIECES: usize = 10;

/// Shares of pieces whose quadrant, arousal (awake or calm) and valence (pleasant or not) were told right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// One of four.
    pub quadrant: f64,
    /// Awake or calm.
    pub arousal: f64,
    /// Pleasant or unpleasant.
    pub valence: f64,
    /// The standard deviation of `quadrant` over the rounds.
    pub quadrant_deviation: f64,
}

/// What cross-validation by song found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Always the commonest class.
    pub chance: Accuracy,
    /// EmoGen's published thresholds and vectors, the nearest vector (nothing is learned).
    pub emogen: Accuracy,
    /// Thresholds and majority bits learned here, the nearest.
    pub bits: Accuracy,
    /// The supervised clustering learned here on EmoGen's hundred attributes.
    pub centres_of_hundred: Accuracy,
    /// The supervised clustering learned here on all attributes.
    pub centres: Accuracy,
    /// A random forest learned here on all attributes.
    pub forest: Accuracy,
}

/// Labelled pieces; a row has a value for every attribute.
pub(super) struct Sample<'a> {
    /// In the reading of the map.
    pub(super) rows: Vec<&'a [f64]>,
    /// As EmoGen reads.
    pub(super) written: Vec<&'a [f64]>,
    pub(super) quadrants: Vec<Quadrant>,
    pub(super) songs: Vec<&'a str>,
}

impl Sample<'_> {
    pub(super) fn check(&self) -> Result<(), Error> {
        let count = |quadrant: Quadrant| {
            self.quadrants
                .iter()
                .filter(|other| **other == quadrant)
                .count()
        };
        let found = Quadrant::ALL.map(count).into_iter().min().unwrap_or(0);
        if found < FEWEST_PIECES {
            return Err(Error::TooFewPieces {
                found,
                least: FEWEST_PIECES,
            });
        }
        Ok(())
    }

    /// The fold of every piece: the songs are shuffled and dealt out in turn.
    fn folds(&self, seed: Seed) -> Vec<usize> {
        let mut songs: Vec<&str> = self.songs.clone();
        songs.sort_unstable();
        songs.dedup();
        seed.rng().shuffle(&mut songs);
        let fold: BTreeMap<&str, usize> = songs
            .iter()
            .enumerate()
            .map(|(index, song)| (*song, index % FOLDS))
            .collect();
        self.songs.iter().map(|song| fold[song]).collect()
    }

    fn accuracy(&self, guesses: &[Quadrant]) -> Accuracy {
        let share = |right: fn(Quadrant, Quadrant) -> bool| {
            let pairs = self.quadrants.iter().zip(guesses);
            let right = pairs.map(|(truth, guess)| f64::from(u8::from(right(*truth, *guess))));
            mean(&right.collect::<Vec<f64>>())
        };
        Accuracy {
            quadrant: share(|truth, guess| truth == guess),
            arousal: share(|truth, guess| truth.is_awake() == guess.is_awake()),
            valence: share(|truth, guess| truth.is_pleasant() == guess.is_pleasant()),
            quadrant_deviation: 0.0,
        }
    }

    fn chance(&self) -> Accuracy {
        let share = |test: &dyn Fn(Quadrant) -> bool| {
            let count = self
                .quadrants
                .iter()
                .filter(|quadrant| test(**quadrant))
                .count();
            count as f64 / self.quadrants.len().max(1) as f64
        };
        let quadrant = Quadrant::ALL.map(|wanted| share(&|quadrant| quadrant == wanted));
        let either = |share: f64| share.max(1.0 - share);
        Accuracy {
            quadrant: quadrant.into_iter().fold(0.0, f64::max),
            arousal: either(share(&Quadrant::is_awake)),
            valence: either(share(&Quadrant::is_pleasant)),
            quadrant_deviation: 0.0,
        }
    }
}

/// What one round guesses, by method.
#[derive(Default)]
struct Guesses {
    bits: Vec<Quadrant>,
    centres_of_hundred: Vec<Quadrant>,
    centres: Vec<Quadrant>,
    forest: Vec<Quadrant>,
}

/// Validates, and finds the importance of every attribute on the way.
pub(super) fn validate(
    sample: &Sample<'_>,
    seed: Seed,
    progress: &dyn Progress,
) -> Result<(Validation, Vec<f64>), Error> {
    sample.check()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut importance = vec![0.0; Attribute::ALL.len()];
    for round in 0..ROUNDS {
        let seed = seed.derive(&format!("round {round}"));
        let folds = sample.folds(seed.derive("folds"));
        let mut guesses = Guesses::with_length(sample.rows.len());
        for fold in 0..FOLDS {
            let seed = seed.derive(&format!("fold {fold}"));
            let drops = validate_fold(sample, &folds, fold, seed, &mut guesses)?;
            for (sum, drop) in importance.iter_mut().zip(drops) {
                *sum += drop / (ROUNDS * sample.rows.len()) as f64;
            }
            progress.step(Stage::Evaluate, round * FOLDS + fold + 1, ROUNDS * FOLDS);
        }
        rounds.push(guesses);
    }
    let over_rounds = |of: fn(&Guesses) -> &Vec<Quadrant>| {
        let accuracies: Vec<Accuracy> = rounds
            .iter()
            .map(|guesses| sample.accuracy(of(guesses)))
            .collect();
        mean_accuracy(&accuracies)
    };
    let published = BitCentres::emogen();
    let published: Vec<Quadrant> = sample
        .written
        .iter()
        .map(|row| published.nearest(&row[..Attribute::EMOGEN_COUNT]))
        .collect();
    let validation = Validation {
        chance: sample.chance(),
        emogen: sample.accuracy(&published),
        bits: over_rounds(|guesses| &guesses.bits),
        centres_of_hundred: over_rounds(|guesses| &guesses.centres_of_hundred),
        centres: over_rounds(|guesses| &guesses.centres),
        forest: over_rounds(|guesses| &guesses.forest),
    };
    Ok((validation, importance))
}

impl Guesses {
    fn with_length(length: usize) -> Self {
        let empty = || vec![Quadrant::Q1; length];
        Self {
            bits: empty(),
            centres_of_hundred: empty(),
            centres: empty(),
            forest: empty(),
        }
    }
}

/// Learns from the other folds, guesses this one, and says for every attribute by how much the votes for the true
/// quadrants fall in sum when it is shuffled among the unseen pieces.
fn validate_fold(
    sample: &Sample<'_>,
    folds: &[usize],
    fold: usize,
    seed: Seed,
    guesses: &mut Guesses,
) -> Result<Vec<f64>, Error> {
    let (seen, unseen): (Vec<usize>, Vec<usize>) =
        (0..folds.len()).partition(|piece| folds[*piece] != fold);
    let rows = |pieces: &[usize]| {
        pieces
            .iter()
            .map(|piece| sample.rows[*piece])
            .collect::<Vec<&[f64]>>()
    };
    let quadrants = |pieces: &[usize]| {
        pieces
            .iter()
            .map(|piece| sample.quadrants[*piece])
            .collect::<Vec<Quadrant>>()
    };
    let (seen_rows, seen_quadrants) = (rows(&seen), quadrants(&seen));
    let hundred = |rows: &[&'_ [f64]]| -> Vec<Vec<f64>> {
        rows.iter()
            .map(|row| row[..Attribute::EMOGEN_COUNT].to_vec())
            .collect()
    };
    let seen_hundred = hundred(&seen_rows);
    let seen_hundred: Vec<&[f64]> = seen_hundred.iter().map(Vec::as_slice).collect();
    let bits = BitCentres::learn(&seen_hundred, &seen_quadrants);
    let centres_of_hundred = Centres::learn(&seen_hundred, &seen_quadrants)?;
    let centres = Centres::learn(&seen_rows, &seen_quadrants)?;
    let forest = Forest::grow(&seen_rows, &seen_quadrants, seed)?;
    let unseen_rows = rows(&unseen);
    let votes = forest.votes(&unseen_rows)?;
    for ((piece, row), votes) in unseen.iter().zip(&unseen_rows).zip(&votes) {
        guesses.bits[*piece] = bits.nearest(&row[..Attribute::EMOGEN_COUNT]);
        guesses.centres_of_hundred[*piece] =
            centres_of_hundred.nearest(&row[..Attribute::EMOGEN_COUNT]);
        guesses.centres[*piece] = centres.nearest(row);
        guesses.forest[*piece] = most_votes(votes);
    }
    vote_drops(&forest, &unseen_rows, &quadrants(&unseen), &votes, seed)
}

fn vote_drops(
    forest: &Forest,
    rows: &[&[f64]],
    quadrants: &[Quadrant],
    votes: &[[f64; 4]],
    seed: Seed,
) -> Result<Vec<f64>, Error> {
    let true_votes = |votes: &[[f64; 4]]| -> f64 {
        votes
            .iter()
            .zip(quadrants)
            .map(|(votes, quadrant)| votes[*quadrant as usize])
            .sum()
    };
    let before = true_votes(votes);
    let drop = |attribute: &Attribute| {
        let mut column: Vec<f64> = rows.iter().map(|row| row[attribute.index()]).collect();
        seed.derive(attribute.name()).rng().shuffle(&mut column);
        let mut shuffled: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        for (row, value) in shuffled.iter_mut().zip(column) {
            row[attribute.index()] = value;
        }
        let shuffled: Vec<&[f64]> = shuffled.iter().map(Vec::as_slice).collect();
        Ok(before - true_votes(&forest.votes(&shuffled)?))
    };
    Attribute::ALL.iter().map(drop).collect()
}

fn mean_accuracy(rounds: &[Accuracy]) -> Accuracy {
    let of = |part: fn(&Accuracy) -> f64| rounds.iter().map(part).collect::<Vec<f64>>();
    let quadrant = of(|accuracy| accuracy.quadrant);
    Accuracy {
        quadrant: mean(&quadrant),
        arousal: mean(&of(|accuracy| accuracy.arousal)),
        valence: mean(&of(|accuracy| accuracy.valence)),
        quadrant_deviation: deviation(&quadrant),
    }
}
