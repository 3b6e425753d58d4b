//! What the clips do with an emotion, as means and spreads of our own measurement: no clip can be had back from it.

use serde::{Deserialize, Serialize};

use super::{
    basis::{BASIS, WIDTH},
    data::{Clip, EMOTION_NAMES, EMOTIONS},
    harmonics::Spectrum,
    judge::Judge,
    latents::{Scales, moments},
};
use crate::{Error, Result};

/// What comes with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// What is usual of all clips.
    pub scales: Scales,
    /// What is usual of each of Mikels' eight.
    pub emotions: Vec<EmotionStatistics>,
    /// Reads emotions from loops.
    pub judge: Judge,
}

/// What clips do with one emotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmotionStatistics {
    /// The emotion.
    pub emotion: String,
    /// How many clips have it, by weight.
    pub clips: f32,
    /// The mean of each number, in the order of the basis.
    pub mean: Vec<f32>,
    /// How far the means of clips spread.
    pub deviation: Vec<f32>,
    /// Mean and spread of the motion energy, in deviations of all clips.
    pub energy: [f32; 2],
    /// The mean length of a loop, in seconds.
    pub length_secs: f32,
    /// Mean and spread of valence.
    pub valence: [f32; 2],
    /// Mean and spread of arousal.
    pub arousal: [f32; 2],
}

/// A number that an emotion moves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// Its mean in clips of the emotion.
    pub mean: f32,
    /// Its spread there.
    pub deviation: f32,
    /// How far the mean is from that of all clips, in spreads of all clips.
    pub deviations: f32,
}

impl Statistics {
    /// Of clips.
    pub fn of(clips: &[&Clip], scales: Scales) -> Self {
        Self {
            emotions: (0..EMOTIONS)
                .map(|emotion| of_emotion(clips, emotion, &scales))
                .collect(),
            judge: Judge::of(clips, &scales),
            scales,
        }
    }

    /// Checks every extent.
    ///
    /// # Errors
    /// [`Error::Config`] for the first that is another.
    pub fn check(&self) -> Result<()> {
        self.scales.check()?;
        let fits = self.judge.fits()
            && self.emotions.len() == EMOTIONS
            && self
                .emotions
                .iter()
                .all(|of| of.mean.len() == WIDTH && of.deviation.len() == WIDTH);
        match fits {
            true => Ok(()),
            false => Err(Error::Config {
                name: "statistics",
                value: format!("of {} emotions", self.emotions.len()),
                permitted: format!("of {EMOTIONS} emotions and {WIDTH} numbers"),
            }),
        }
    }

    /// The numbers that an emotion, given as weights of Mikels' eight, moves furthest from what is usual.
    pub fn moved(&self, mixture: &[f32; EMOTIONS]) -> Vec<Moved> {
        let total: f32 = mixture.iter().sum::<f32>().max(1e-9);
        let mixed = |of: &dyn Fn(&EmotionStatistics) -> f32| {
            self.emotions
                .iter()
                .zip(mixture)
                .map(|(emotion, weight)| of(emotion) * weight / total)
                .sum::<f32>()
        };
        let mut moved: Vec<Moved> = (BASIS.rows().iter().enumerate())
            .map(|(place, row)| {
                let mean = mixed(&|of| of.mean[place]);
                Moved {
                    name: row.name.clone(),
                    mean,
                    deviation: mixed(&|of| of.deviation[place]),
                    deviations: (mean - self.scales.mean[place]) / self.scales.deviation[place],
                }
            })
            .collect();
        moved.sort_by(|a, b| b.deviations.abs().total_cmp(&a.deviations.abs()));
        moved
    }
}

fn of_emotion(clips: &[&Clip], emotion: usize, scales: &Scales) -> EmotionStatistics {
    let spectra: Vec<Spectrum> = clips
        .iter()
        .map(|clip| Spectrum::of(&clip.frames))
        .collect();
    let weighted = |values: &[f32], weights: &[f32]| -> [f32; 2] {
        let total: f32 = weights.iter().sum::<f32>();
        if total <= 0.0 {
            let (mean, deviation) = moments(values);
            return [mean, deviation];
        }
        let mean = values
            .iter()
            .zip(weights)
            .map(|(value, weight)| value * weight)
            .sum::<f32>()
            / total;
        let square = |(value, weight): (&f32, &f32)| (value - mean).powi(2) * weight;
        [
            mean,
            (values.iter().zip(weights).map(square).sum::<f32>() / total).sqrt(),
        ]
    };
    let weights: Vec<f32> = clips.iter().map(|clip| clip.emotion[emotion]).collect();
    let of = |of: &dyn Fn(&Clip) -> f32| {
        let values: Vec<f32> = clips.iter().map(|clip| of(clip)).collect();
        weighted(&values, &weights)
    };
    let (mut mean, mut deviation) = (Vec::new(), Vec::new());
    for place in 0..WIDTH {
        let shares = clips
            .iter()
            .zip(&weights)
            .map(|(clip, weight)| weight * clip.known_share(place));
        let shares: Vec<f32> = shares.collect();
        let values: Vec<f32> = spectra
            .iter()
            .map(|spectrum| spectrum.0[0][place])
            .collect();
        let [middle, spread] = match shares.iter().sum::<f32>() > 0.0 {
            true => weighted(&values, &shares),
            false => [scales.mean[place], scales.deviation[place]],
        };
        mean.push(middle);
        deviation.push(spread);
    }
    let energies: Vec<f32> = clips
        .iter()
        .zip(&spectra)
        .map(|(clip, spectrum)| scales.energy(spectrum, clip.length_secs))
        .collect();
    EmotionStatistics {
        emotion: EMOTION_NAMES[emotion].into(),
        clips: weights.iter().sum(),
        mean,
        deviation,
        energy: weighted(&energies, &weights),
        length_secs: of(&|clip| clip.length_secs)[0],
        valence: of(&|clip| clip.valence),
        arousal: of(&|clip| clip.arousal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::tests::invented;

    #[test]
    fn sadness_moves_tears() {
        let clips = invented(20);
        let clips: Vec<&Clip> = clips.iter().collect();
        let statistics = Statistics::of(&clips, Scales::of(&clips));
        statistics.check().unwrap();
        let mut sad = [0.0; EMOTIONS];
        sad[7] = 1.0;
        let moved = statistics.moved(&sad);
        let first: Vec<&str> = moved[..2].iter().map(|moved| moved.name.as_str()).collect();
        assert!(
            first.contains(&"tear_s") && first.contains(&"mouth_mid"),
            "{first:?}"
        );
        assert!((statistics.emotions[7].valence[0] + 0.8).abs() < 1e-5);
    }
}
