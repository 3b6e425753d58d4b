//! What generated music is compared with: the same network, asked in the ways of others.

use std::path::{Path, PathBuf};

use affetto_attributes::{map::Quadrant, piece::emogen};
use affetto_core::{Progress, Seed};
use affetto_media::{Key, Mode};
use affetto_nn::{
    train::{self as training, Decay, TrainSettings, TrainingData},
    weights::{TensorFile, Weights},
};
use candle_core::Device;
use rayon::prelude::*;

use super::clips::Clip;
use crate::{
    Error,
    packing::pack,
    piano::{
        compose::PianoModel,
        condition::PianoRequest,
        corpus::Window,
        levels::{ATTRIBUTES, LEVELS, Levels},
        model::{Batch, Config, Decoder, Example, Network},
        profile::{Quantiles, RANKS, Ranks},
        tokens::{Style, TokenError},
    },
};

/// Padded tokens in a batch, at most.
const BATCH_TOKENS: usize = 4096;
/// The tempo that transcriptions are written at.
const TRANSCRIBED_BPM: f64 = 120.0;
/// The parameters that belong to the attributes, which a label takes the place of.
const OF_ATTRIBUTES: &str = "attributes.steps.weight";
/// One of so many windows is chosen by.
const HELD_OUT: usize = 10;

/// EmoGen as published: the bits of a quadrant, each above or below the published threshold, in the middle of the training
/// windows there. Tempo, mode and style are those of any window, since the published model controls none of them.
pub fn published(model: &PianoModel, quadrant: Quadrant, request: &mut PianoRequest) -> Ranks {
    let statistics = model.statistics();
    let mut rng = request.seed.derive("published").rng();
    let profile = &statistics.profiles[rng.below(statistics.profiles.len())];
    request.tempo_bpm = Some(profile.tempo.bpm());
    request.key = Some(in_c(profile.mode));
    request.style = profile.style;
    published_ranks(&statistics.quantiles, quadrant)
}

fn published_ranks(quantiles: &Quantiles, quadrant: Quadrant) -> Ranks {
    let mut thresholds = [None; ATTRIBUTES];
    for (place, threshold) in thresholds.iter_mut().zip(emogen::THRESHOLDS) {
        *place = Some(threshold);
    }
    let bits = emogen::commands()[quadrant as usize];
    let mut ranks = quantiles.ranks(&thresholds);
    for (rank, bit) in ranks.0.iter_mut().zip(bits) {
        let highest = RANKS as u8 - 1;
        *rank = rank.map(|rank| match bit {
            true => rank.midpoint(highest),
            false => rank / 2,
        });
    }
    ranks
}

/// C major or A minor.
fn in_c(mode: Mode) -> Key {
    Key::new(0, mode).unwrap_or(Key::C_MAJOR)
}

/// Conditional sampling: the same network with the quadrant as its only condition, trained on from the weights of `from`
/// with the labelled clips.
#[derive(Clone, Debug)]
pub struct LabelOptions {
    /// The weights that it begins from: those of the model that is judged.
    pub from: PathBuf,
    /// Optimiser steps.
    pub steps: usize,
}

/// The network that is told a label.
pub struct LabelModel {
    model: PianoModel,
    /// How often the music of each quadrant is in major, among the clips.
    major: [f64; 4],
}

impl LabelModel {
    /// Trains it on `clips`; what it knows lies in `folder`.
    ///
    /// # Errors
    /// Where the weights cannot be read or the folder not be written, or `progress` says to stop.
    pub fn train(
        model: &PianoModel,
        clips: &[&Clip],
        options: &LabelOptions,
        seed: Seed,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let config = Config {
            attributes: 1,
            ..model.network().config().clone()
        };
        let weights = Weights::drawn(seed, &Device::Cpu);
        let network = Network::new(&config, &weights.root())?;
        let mut begin = TensorFile::read(&options.from)?;
        begin.tensors.remove(OF_ATTRIBUTES);
        weights.begin_from(&begin)?;
        let windows: Vec<Labelled> = clips
            .iter()
            .flat_map(|clip| clip.windows.iter().map(|window| (window, clip.quadrant)))
            .collect();
        let part = |is_held_out: bool| Data {
            windows: (0..windows.len())
                .filter(|at| (at % HELD_OUT == 0) == is_held_out)
                .map(|at| windows[at])
                .collect(),
            config: &config,
        };
        let (data, held_out) = (part(false), part(true));
        let batches = held_out.epoch(seed);
        let batch = |index: &Vec<usize>| held_out.of(index);
        let batches: Vec<Batch> = batches.iter().map(batch).collect::<Result<_, _>>()?;
        let settings = TrainSettings {
            seed,
            peak_rate: 4e-4,
            warmup_steps: 50,
            decay: Decay::Cosine,
            average: 0.99,
            steps: options.steps,
            evaluate_steps: 50,
            patience: 4,
            ..TrainSettings::default()
        };
        let report = training::train(
            &network, &weights, &data, &batches, &settings, folder, progress,
        )?;
        if report.stop == training::Stop::Cancelled {
            return Err(Error::Cancelled);
        }
        let network = Decoder::new(&config, TensorFile::read(&folder.join(training::BEST))?)?;
        let major = |quadrant: Quadrant| {
            let own = windows.iter().filter(|(_, other)| *other == quadrant);
            let major = own.clone().filter(|(window, _)| window.mode == Mode::Major);
            major.count() as f64 / own.count().max(1) as f64
        };
        Ok(Self {
            model: model.with_network(network),
            major: Quadrant::ALL.map(major),
        })
    }

    /// The model that composes.
    pub const fn model(&self) -> &PianoModel {
        &self.model
    }

    /// What is asked of a piece of a quadrant.
    pub fn told(&self, quadrant: Quadrant, request: &mut PianoRequest) -> Ranks {
        let mut rng = request.seed.derive("label").rng();
        let mode = match rng.uniform() < self.major[quadrant as usize] {
            true => Mode::Major,
            false => Mode::Minor,
        };
        request.key = Some(in_c(mode));
        request.tempo_bpm = Some(TRANSCRIBED_BPM);
        request.style = Some(Style::Transcription);
        let mut ranks = Ranks([None; ATTRIBUTES]);
        let part = RANKS / LEVELS;
        ranks.0[0] = Some((quadrant as usize * part + part / 2) as u8);
        ranks
    }
}

type Labelled<'a> = (&'a Window, Quadrant);

struct Data<'a> {
    windows: Vec<Labelled<'a>>,
    config: &'a Config,
}

impl TrainingData for Data<'_> {
    type Index = Vec<usize>;
    type Batch = Batch;

    fn epoch(&self, seed: Seed) -> Vec<Self::Index> {
        let mut order: Vec<usize> = (0..self.windows.len()).collect();
        seed.rng().shuffle(&mut order);
        pack(&order, BATCH_TOKENS, |at| self.windows[at].0.tokens())
    }

    fn batch(
        &self,
        index: &Self::Index,
    ) -> Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.of(index)?)
    }
}

impl Data<'_> {
    fn of(&self, index: &[usize]) -> Result<Batch, Error> {
        let example = |at: &usize| {
            let (window, quadrant) = self.windows[*at];
            let mut levels = Levels::OPEN;
            levels.0[0] = quadrant as u8 + 1;
            let window = Window {
                style: Some(Style::Transcription),
                ..window.clone()
            };
            Example::new(&window, &levels, self.config)
        };
        let examples: Result<Vec<Example>, TokenError> = index.par_iter().map(example).collect();
        let batch = Batch::pad(&examples?, self.config);
        Ok(batch.map_err(affetto_nn::NnError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every attribute has the values 0.0 to 639.0 in the training windows, in 64 parts of ten; a threshold of 61 lies in
    /// the seventh, so that above it the middle is (6 + 63) / 2 and below it 3.
    #[test]
    fn bits_are_the_middle_of_their_side() {
        let rows: Vec<Vec<Option<f64>>> = (0..640)
            .map(|number| vec![Some(f64::from(number)); ATTRIBUTES])
            .collect();
        let quantiles = Quantiles::between(&rows);
        let mean_pitch = 11; // its threshold is 61, its bits are 1100
        let rank = |quadrant| published_ranks(&quantiles, quadrant).0[mean_pitch];
        assert_eq!(Quadrant::ALL.map(rank), [34, 34, 3, 3].map(Some));
        assert_eq!(published_ranks(&quantiles, Quadrant::Q1).0[105], None);
    }
}
