//! A reader of emotions: from a loop to how much of Mikels' eight is in it.
//!
//! Fisher, "The Use of Multiple Measurements in Taxonomic Problems" (1936), with the covariance drawn towards a multiple of
//! the identity as in Friedman, "Regularized Discriminant Analysis" (1989). It keeps the mean of each emotion and a
//! common covariance, no clip.

use affetto_core::Seed;
use serde::{Deserialize, Serialize};

use super::{
    augment::{Augmenter, Chances},
    basis::{BASIS, Frame, WIDTH, inverse},
    data::{Clip, EMOTIONS},
    harmonics::{HARMONICS, Spectrum},
    latents::Scales,
};

/// What is read from a loop: where each number is, and how far it moves.
pub const FEATURES: usize = 2 * WIDTH;
/// How far the covariance is drawn towards the identity.
const SHRINKAGE: f64 = 0.7;
/// How much motion weighs beside the mean face.
const MOTION: f64 = 0.3;
/// Loops that the judge learns from besides the clips: clips with parts of others of the same emotion.
const VARIED: usize = 1000;
/// Means are cut at so many deviations.
const MOST_DEVIATIONS: f32 = 3.0;

/// What a loop shows, in units of what is usual. A number that is not known is as usual. Numbers that change their sign in a
/// mirror are taken without it.
pub fn features(spectrum: &Spectrum, known: &[f32], scales: &Scales) -> Vec<f64> {
    let mut features = Vec::with_capacity(FEATURES);
    for (place, row) in BASIS.rows().iter().enumerate() {
        let value = (spectrum.0[0][place] - scales.mean[place]) / scales.deviation[place];
        let value = value.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS);
        let value = if row.mirror < 0.0 { value.abs() } else { value };
        features.push(f64::from(value * known[place]));
    }
    for (place, known) in known.iter().enumerate() {
        let square = |of: &dyn Fn(usize) -> f32| (0..HARMONICS).map(of).sum::<f32>();
        let moved = square(&|at| {
            (spectrum.0[1 + 2 * at][place].powi(2) + spectrum.0[2 + 2 * at][place].powi(2)) / 2.0
        });
        let usual = square(&|at| scales.motion[at][place].powi(2));
        features.push(MOTION * f64::from(known * libm::logf(0.1 + (moved / usual).sqrt())));
    }
    features
}

/// The share of frames in which each number is known.
pub fn known_shares(known: &[Frame]) -> Vec<f32> {
    let share = |place: usize| {
        known.iter().map(|known| known[place]).sum::<f32>() / known.len().max(1) as f32
    };
    (0..WIDTH).map(share).collect()
}

/// The features of a clip.
pub fn features_of_clip(clip: &Clip, scales: &Scales) -> Vec<f64> {
    features(
        &Spectrum::of(&clip.frames),
        &known_shares(&clip.known),
        scales,
    )
}

/// The reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// What each feature weighs for each emotion.
    weights: Vec<Vec<f32>>,
    /// What is added.
    bias: Vec<f32>,
}

/// What the judge reads from a loop: a share for each of Mikels' eight, summing to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading(pub [f64; EMOTIONS]);

impl Reading {
    /// The emotion that is read most.
    pub fn emotion(&self) -> usize {
        (0..EMOTIONS)
            .max_by(|a, b| self.0[*a].total_cmp(&self.0[*b]).then(b.cmp(a)))
            .unwrap_or(0)
    }

    /// The share of the pleasant ones.
    pub fn pleasant(&self) -> f64 {
        self.0[..EMOTIONS / 2].iter().sum()
    }
}

impl Judge {
    /// From features and labels; a label has weights of any sum, 0 for a loop that is left out.
    pub fn fit(features: &[Vec<f64>], labels: &[[f32; EMOTIONS]]) -> Self {
        let width = features.first().map_or(0, Vec::len);
        let mut means = vec![vec![0.0; width]; EMOTIONS];
        for (emotion, mean) in means.iter_mut().enumerate() {
            let total: f64 = labels.iter().map(|label| f64::from(label[emotion])).sum();
            for (features, label) in features.iter().zip(labels) {
                let share = f64::from(label[emotion]) / total.max(1e-9);
                mean.iter_mut()
                    .zip(features)
                    .for_each(|(mean, feature)| *mean += share * feature);
            }
        }
        let mut covariance = vec![vec![0.0; width]; width];
        let total: f64 = labels
            .iter()
            .flatten()
            .map(|weight| f64::from(*weight))
            .sum();
        for (features, label) in features.iter().zip(labels) {
            for (mean, weight) in means.iter().zip(label).filter(|(_, weight)| **weight > 0.0) {
                let share = f64::from(*weight) / total;
                let apart: Vec<f64> = features
                    .iter()
                    .zip(mean)
                    .map(|(feature, mean)| feature - mean)
                    .collect();
                for (row, a) in covariance.iter_mut().zip(&apart) {
                    row.iter_mut()
                        .zip(&apart)
                        .for_each(|(sum, b)| *sum += share * a * b);
                }
            }
        }
        let trace: f64 = (0..width).map(|at| covariance[at][at]).sum::<f64>() / width.max(1) as f64;
        for (at, row) in covariance.iter_mut().enumerate() {
            row.iter_mut().for_each(|value| *value *= 1.0 - SHRINKAGE);
            row[at] += SHRINKAGE * trace.max(1e-6);
        }
        let inverse = inverse(covariance);
        let product =
            |row: &Vec<f64>, mean: &Vec<f64>| row.iter().zip(mean).map(|(a, b)| a * b).sum::<f64>();
        let weights: Vec<Vec<f64>> = means
            .iter()
            .map(|mean| inverse.iter().map(|row| product(row, mean)).collect())
            .collect();
        let bias = means
            .iter()
            .zip(&weights)
            .map(|(mean, weights)| (-0.5 * product(weights, mean)) as f32);
        Self {
            bias: bias.collect(),
            weights: weights
                .iter()
                .map(|row| row.iter().map(|weight| *weight as f32).collect())
                .collect(),
        }
    }

    /// Of clips, and of such as training makes of them.
    pub fn of(clips: &[&Clip], scales: &Scales) -> Self {
        let mut all: Vec<Vec<f64>> = clips
            .iter()
            .map(|clip| features_of_clip(clip, scales))
            .collect();
        let mut labels: Vec<[f32; EMOTIONS]> = clips.iter().map(|clip| clip.emotion).collect();
        let chances = Chances {
            weaker: 0.0,
            one_way: 0.0,
            ..Chances::default()
        };
        let augmenter = Augmenter::new(clips.to_vec(), scales, chances);
        let mut rng = Seed(0).derive("judge").rng();
        for emotion in (0..EMOTIONS).cycle().take(VARIED) {
            if clips.iter().all(|clip| clip.emotion[emotion] <= 0.0) {
                continue;
            }
            let (spectrum, known) = augmenter.of_emotion(emotion, &mut rng);
            all.push(features(&spectrum, &known, scales));
            labels.push(std::array::from_fn(|at| f32::from(u8::from(at == emotion))));
        }
        Self::fit(&all, &labels)
    }

    /// What is in a loop.
    pub fn read(&self, features: &[f64]) -> Reading {
        let scores: Vec<f64> = (self.weights.iter().zip(&self.bias))
            .map(|(weights, bias)| {
                let sum: f64 = weights
                    .iter()
                    .zip(features)
                    .map(|(a, b)| f64::from(*a) * b)
                    .sum();
                sum + f64::from(*bias)
            })
            .collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = scores.iter().map(|score| libm::exp(score - most)).collect();
        let total: f64 = shares.iter().sum();
        Reading(std::array::from_fn(|at| {
            shares.get(at).copied().unwrap_or(0.0) / total
        }))
    }

    /// Whether its extents are those of this version.
    pub fn fits(&self) -> bool {
        self.bias.len() == EMOTIONS
            && self.weights.len() == EMOTIONS
            && self.weights.iter().all(|row| row.len() == FEATURES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::tests::invented;

    #[test]
    fn smiles_and_tears_are_told_apart() {
        let clips = invented(40);
        let (seen, new): (Vec<&Clip>, Vec<&Clip>) =
            clips.iter().partition(|clip| clip.id.len() < 6);
        let scales = Scales::of(&seen);
        let judge = Judge::of(&seen, &scales);
        assert!(judge.fits());
        assert!(new.len() > 10);
        for clip in new {
            let reading = judge.read(&features_of_clip(clip, &scales));
            assert_eq!(Some(reading.emotion()), clip.dominant());
            assert!((reading.0.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert_eq!(reading.pleasant() > 0.5, clip.valence > 0.0);
        }
    }
}
