//! How valence and density move from bar to bar in the training songs, and curves drawn from it.

use affetto_attributes::{Critic, DensityClass, ValenceClass};
use affetto_core::Rng;
use affetto_media::Mode;
use serde::{Deserialize, Serialize};

use crate::{
    template::{Template, TemplateWish, draw},
    tokens::{Group, Sequence},
};

/// Counts of neighbouring bars in one mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeStatistics {
    /// From each valence class (row, -2 to 2) to each (column).
    pub valence: [[f64; 5]; 5],
    /// The mean bar valence of each class, -2 to 2.
    pub valence_means: [f64; 5],
    /// From each density class (row: low, medium, high) to each (column).
    pub density: [[f64; 3]; 3],
}

/// The statistics of the training songs, which come with the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Songs in major.
    pub major: ModeStatistics,
    /// Songs in minor.
    pub minor: ModeStatistics,
    /// What the bars of each song are like.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Tells songs from what the model writes, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<Critic>,
}

/// What is drawn of the bars of a piece.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnBars {
    /// The place of each in its phrase, where a song was found to be like.
    pub groups: Option<Vec<Group>>,
    /// The valence class of each.
    pub valence: Vec<ValenceClass>,
    /// The density class of each.
    pub density: Vec<DensityClass>,
}

/// The middle of each valence class where nothing was counted; between the chord valences of the paper.
pub(crate) const CLASS_MIDDLES: [f64; 5] = [-0.81, -0.45, -0.02, 0.43, 0.87];

impl Statistics {
    /// Counts `sequences`; each bar needs its measured class.
    pub fn count<'a>(sequences: impl IntoIterator<Item = &'a Sequence>) -> Self {
        let mut statistics = Self::default();
        for sequence in sequences {
            let mode = sequence.bars.first().map_or(Mode::Major, |bar| bar.mode);
            statistics.of_mut(mode).add(sequence);
            statistics.templates.extend(Template::of(sequence));
        }
        statistics.major.valence_means = CLASS_MIDDLES;
        statistics.minor.valence_means = CLASS_MIDDLES;
        statistics
    }

    /// The statistics of one mode.
    pub const fn of(&self, mode: Mode) -> &ModeStatistics {
        match mode {
            Mode::Major => &self.major,
            Mode::Minor => &self.minor,
        }
    }

    /// Bars as a song has them that is much like what is wished, changed as little as brings the means near the wished
    /// ones; without any song, bars that move as songs do.
    pub fn draw_bars(&self, wish: &TemplateWish, rng: &mut Rng) -> DrawnBars {
        let mode = self.of(wish.mode);
        let Some(bars) = draw(&self.templates, wish, rng) else {
            return DrawnBars {
                groups: None,
                valence: mode.draw_valence(wish.bars, wish.valence.unwrap_or(0.2), rng),
                density: mode.draw_density(wish.bars, wish.density.unwrap_or(1.0), rng),
            };
        };
        let mut valence: Vec<usize> = bars.iter().map(|bar| valence_place(bar.valence)).collect();
        if let Some(mean) = wish.valence {
            bring_near(&mut valence, &mode.valence, &CLASS_MIDDLES, mean, rng);
        }
        let mut density: Vec<usize> = bars.iter().map(|bar| bar.density as usize).collect();
        if let Some(mean) = wish.density {
            bring_near(&mut density, &mode.density, &DENSITIES, mean, rng);
        }
        DrawnBars {
            groups: Some(bars.iter().map(|bar| bar.group).collect()),
            valence: valence
                .into_iter()
                .map(|place| ValenceClass::ALL[place])
                .collect(),
            density: density
                .into_iter()
                .map(|place| DensityClass::ALL[place])
                .collect(),
        }
    }

    fn of_mut(&mut self, mode: Mode) -> &mut ModeStatistics {
        match mode {
            Mode::Major => &mut self.major,
            Mode::Minor => &mut self.minor,
        }
    }
}

impl ModeStatistics {
    fn add(&mut self, sequence: &Sequence) {
        for pair in sequence.bars.windows(2) {
            if let (Some(from), Some(to)) = (pair[0].valence, pair[1].valence) {
                self.valence[valence_place(from)][valence_place(to)] += 1.0;
            }
            if let (Some(from), Some(to)) = (pair[0].density, pair[1].density) {
                self.density[from.number() as usize][to.number() as usize] += 1.0;
            }
        }
    }

    /// A valence class for each of `bars` bars, moving as the songs do, whose mean valence is near `mean`: the
    /// nearest of 48 draws from the Markov chain, tilted so that its long-run mean is `mean`.
    pub fn draw_valence(&self, bars: usize, mean: f64, rng: &mut Rng) -> Vec<ValenceClass> {
        let chain = Chain::new(&self.valence, &self.valence_means, mean);
        let curve = chain.draw_near(bars, mean, rng);
        curve
            .into_iter()
            .map(|place| ValenceClass::ALL[place])
            .collect()
    }

    /// A density class for each bar, with a mean near `mean` (0 low, 1 medium, 2 high).
    pub fn draw_density(&self, bars: usize, mean: f64, rng: &mut Rng) -> Vec<DensityClass> {
        let chain = Chain::new(&self.density, &DENSITIES, mean);
        let curve = chain.draw_near(bars, mean, rng);
        curve
            .into_iter()
            .map(|place| DensityClass::ALL[place])
            .collect()
    }
}

pub(crate) const fn valence_place(class: ValenceClass) -> usize {
    (class.number() + 2) as usize
}

/// The values of the density classes.
const DENSITIES: [f64; 3] = [0.0, 1.0, 2.0];

/// Changes bars of `places` one by one, as long as that brings the mean of their values nearer to `mean`: by chance,
/// rather those that fit between their neighbours (by `counts`) and that bring it much nearer.
fn bring_near<const N: usize>(
    places: &mut [usize],
    counts: &[[f64; N]; N],
    values: &[f64; N],
    mean: f64,
    rng: &mut Rng,
) {
    let wanted = mean * places.len() as f64;
    for _ in 0..4 * places.len() {
        let off = wanted - places.iter().map(|place| values[*place]).sum::<f64>();
        let changes: Vec<(usize, usize)> = (0..places.len())
            .flat_map(|at| (0..N).map(move |to| (at, to)))
            .collect();
        let weights: Vec<f64> = changes
            .iter()
            .map(|(at, to)| {
                let nearer = off.abs() - (off - (values[*to] - values[places[*at]])).abs();
                let from = at
                    .checked_sub(1)
                    .map_or(1.0, |before| counts[places[before]][*to] + 1.0);
                let onwards = places
                    .get(at + 1)
                    .map_or(1.0, |after| counts[*to][*after] + 1.0);
                nearer.max(0.0).powi(2) * from * onwards
            })
            .collect();
        let Some(change) = rng.weighted(&weights) else {
            return;
        };
        let (at, to) = changes[change];
        places[at] = to;
    }
}

/// How many curves are drawn to choose from.
const DRAWS: usize = 48;

/// A Markov chain over classes with a value each.
struct Chain<const N: usize> {
    values: [f64; N],
    steps: [[f64; N]; N],
    stationary: [f64; N],
}

impl<const N: usize> Chain<N> {
    /// The chain of `counts` (one is added to each), with every step weighted by `exp(tilt * value)` so that the
    /// long-run mean of the values is `mean`, or as near as a tilt of +-12 brings it.
    fn new(counts: &[[f64; N]; N], values: &[f64; N], mean: f64) -> Self {
        let (mut low, mut high) = (-12.0, 12.0);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if Self::tilted(counts, values, middle).mean() < mean {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self::tilted(counts, values, (low + high) / 2.0)
    }

    fn tilted(counts: &[[f64; N]; N], values: &[f64; N], tilt: f64) -> Self {
        let mut steps = *counts;
        for row in &mut steps {
            for (weight, value) in row.iter_mut().zip(values) {
                *weight = (*weight + 1.0) * libm::exp(tilt * value);
            }
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= total);
        }
        let mut stationary = [1.0 / N as f64; N];
        for _ in 0..60 {
            let mut next = [0.0; N];
            for (from, row) in stationary.iter().zip(&steps) {
                for (to, weight) in next.iter_mut().zip(row) {
                    *to += from * weight;
                }
            }
            stationary = next;
        }
        Self {
            values: *values,
            steps,
            stationary,
        }
    }

    fn mean(&self) -> f64 {
        let pairs = self.values.iter().zip(&self.stationary);
        pairs.map(|(value, share)| value * share).sum()
    }

    fn draw_near(&self, bars: usize, mean: f64, rng: &mut Rng) -> Vec<usize> {
        let distance = |curve: &Vec<usize>| {
            let sum: f64 = curve.iter().map(|place| self.values[*place]).sum();
            (sum / bars.max(1) as f64 - mean).abs()
        };
        let mut best = self.draw(bars, rng);
        for _ in 1..DRAWS {
            let other = self.draw(bars, rng);
            if distance(&other) < distance(&best) {
                best = other;
            }
        }
        best
    }

    fn draw(&self, bars: usize, rng: &mut Rng) -> Vec<usize> {
        let mut weights = self.stationary;
        (0..bars)
            .map(|_| {
                let place = rng.weighted(&weights).unwrap_or(0);
                weights = self.steps[place];
                place
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_core::Seed;

    /// The valence chain of the paper's templates (section A.9 of the research notes), rows and columns -2 to 2.
    fn paper() -> ModeStatistics {
        let mut statistics = ModeStatistics {
            valence: [
                [0.396, 0.077, 0.221, 0.031, 0.276],
                [0.053, 0.254, 0.324, 0.075, 0.294],
                [0.080, 0.079, 0.394, 0.043, 0.404],
                [0.061, 0.166, 0.233, 0.141, 0.399],
                [0.080, 0.077, 0.189, 0.039, 0.614],
            ],
            valence_means: CLASS_MIDDLES,
            density: [
                [0.423, 0.378, 0.199],
                [0.295, 0.486, 0.219],
                [0.209, 0.275, 0.516],
            ],
        };
        statistics
            .valence
            .iter_mut()
            .flatten()
            .for_each(|share| *share *= 4000.0);
        statistics
            .density
            .iter_mut()
            .flatten()
            .for_each(|share| *share *= 4000.0);
        statistics
    }

    #[test]
    fn the_mean_of_a_curve_is_near_the_one_asked() {
        let (statistics, mut rng) = (paper(), Seed(4).rng());
        for step in -8..=8 {
            let mean = f64::from(step) / 10.0;
            let curve = statistics.draw_valence(16, mean, &mut rng);
            let sum: f64 = curve
                .iter()
                .map(|class| CLASS_MIDDLES[valence_place(*class)])
                .sum();
            assert!((sum / 16.0 - mean).abs() < 0.06, "{mean}");
        }
    }

    #[test]
    fn a_template_is_brought_to_the_mean_asked() {
        let statistics = paper();
        for step in -8..=8 {
            let (mean, mut rng) = (f64::from(step) / 10.0, Seed(4).rng());
            let mut places = vec![4, 4, 2, 4, 4, 4, 2, 0, 4, 4, 2, 4, 4, 3, 2, 4];
            bring_near(
                &mut places,
                &statistics.valence,
                &CLASS_MIDDLES,
                mean,
                &mut rng,
            );
            let sum: f64 = places.iter().map(|place| CLASS_MIDDLES[*place]).sum();
            assert!((sum / 16.0 - mean).abs() < 0.03, "{mean}");
        }
    }

    #[test]
    fn density_reaches_both_ends() {
        let (statistics, mut rng) = (paper(), Seed(4).rng());
        let sum = |classes: Vec<DensityClass>| {
            classes
                .iter()
                .map(|class| u32::from(class.number()))
                .sum::<u32>()
        };
        assert!(sum(statistics.draw_density(16, 0.0, &mut rng)) <= 2);
        assert!(sum(statistics.draw_density(16, 2.0, &mut rng)) >= 30);
    }
}
