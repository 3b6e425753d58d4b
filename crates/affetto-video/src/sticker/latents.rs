//! Clips as latents: a mean and harmonics in units of their own spread.

use serde::{Deserialize, Serialize};

use super::{
    basis::{BASIS, Kind, Part, WIDTH},
    data::{Clip, EMOTIONS},
    harmonics::{HARMONICS, ROWS, Spectrum},
};
use crate::{Error, Result};

/// Means are cut at so many deviations, harmonics at so many of theirs.
const MOST_DEVIATIONS: f32 = 4.5;
/// A number that never changes counts as if it changed by so much.
const LEAST_DEVIATION: f32 = 0.02;
/// How much of a harmonic's size is that of its number, the rest that of all numbers.
const OWN_SHARE: f32 = 0.7;
/// How much all harmonics of a number weigh beside its mean.
const MOTION_WEIGHT: f32 = 3.0;
/// How much a number weighs in a clip in which it was not measured: it stays near the mean.
const UNKNOWN_WEIGHT: f32 = 0.03;

/// What is usual: the mean of each number, and how far means and harmonics spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// The mean of each number.
    pub mean: Vec<f32>,
    /// How far the means of clips spread.
    pub deviation: Vec<f32>,
    /// How large each harmonic is: [`HARMONICS`] times the numbers.
    pub motion: Vec<Vec<f32>>,
    /// Mean and deviation of the logarithm of the motion energy.
    pub energy: [f32; 2],
    /// Motion energy by arousal in deviations: where arousal is 0, and what each unit adds.
    pub energy_of_arousal: [f32; 2],
}

/// Motion energy grows by at least so many deviations for each unit of arousal, whatever the labels say: they are the
/// weakest of all.
const LEAST_ENERGY_SLOPE: f32 = 0.9;

impl Scales {
    /// Of some clips.
    pub fn of(clips: &[&Clip]) -> Self {
        let spectra: Vec<Spectrum> = clips
            .iter()
            .map(|clip| Spectrum::of(&clip.frames))
            .collect();
        let mut scales = Self {
            mean: vec![0.0; WIDTH],
            deviation: vec![1.0; WIDTH],
            motion: vec![vec![1.0; WIDTH]; HARMONICS],
            energy: [0.0, 1.0],
            energy_of_arousal: [0.0, LEAST_ENERGY_SLOPE],
        };
        let mut squares = vec![vec![0.0; WIDTH]; HARMONICS];
        for place in 0..WIDTH {
            let weights: Vec<f32> = clips.iter().map(|clip| clip.known_share(place)).collect();
            let total = weights.iter().sum::<f32>();
            if total < 0.5 {
                scales.mean[place] = BASIS.rows()[place].neutral;
                scales.deviation[place] = LEAST_DEVIATION;
                continue;
            }
            let weighted = |of: &dyn Fn(&Spectrum) -> f32| {
                spectra
                    .iter()
                    .zip(&weights)
                    .map(|(spectrum, weight)| of(spectrum) * weight)
                    .sum::<f32>()
                    / total
            };
            let mean = weighted(&|spectrum| spectrum.0[0][place]);
            let variance = weighted(&|spectrum| (spectrum.0[0][place] - mean).powi(2));
            scales.mean[place] = mean;
            scales.deviation[place] = variance.sqrt().max(LEAST_DEVIATION);
            for (harmonic, squares) in squares.iter_mut().enumerate() {
                squares[place] = weighted(&|spectrum| size(spectrum, harmonic, place));
            }
        }
        scales.set_motion(&squares);
        let energies: Vec<f32> = clips
            .iter()
            .zip(&spectra)
            .map(|(clip, spectrum)| scales.log_energy(spectrum, clip.length_secs))
            .collect();
        let (mean, deviation) = moments(&energies);
        scales.energy = [mean, deviation.max(1e-3)];
        let arousals: Vec<f32> = clips.iter().map(|clip| clip.arousal).collect();
        let (arousal, spread) = moments(&arousals);
        let products = energies
            .iter()
            .zip(&arousals)
            .map(|(e, a)| (e - mean) * (a - arousal));
        let covariance = products.sum::<f32>() / clips.len().max(1) as f32;
        let slope =
            (covariance / spread.powi(2).max(1e-6) / scales.energy[1]).max(LEAST_ENERGY_SLOPE);
        scales.energy_of_arousal = [-slope * arousal, slope];
        scales
    }

    /// Sizes of harmonics: mostly a number's own, and never nothing.
    fn set_motion(&mut self, squares: &[Vec<f32>]) {
        let sum = |place: usize| squares.iter().map(|of| of[place]).sum::<f32>();
        let shares: Vec<f32> = (squares.iter())
            .map(|of| {
                let shares = (0..WIDTH)
                    .filter(|place| sum(*place) > 0.0)
                    .map(|place| of[place] / sum(place));
                let shares: Vec<f32> = shares.collect();
                shares.iter().sum::<f32>() / shares.len().max(1) as f32
            })
            .collect();
        for place in 0..WIDTH {
            let all = sum(place).max((0.05 * self.deviation[place]).powi(2));
            for (harmonic, of) in squares.iter().enumerate() {
                let share = shares[harmonic].max(1e-3);
                let square = OWN_SHARE * of[place] + (1.0 - OWN_SHARE) * all * share;
                self.motion[harmonic][place] = square.sqrt();
            }
        }
    }

    /// Checks that the extents are those of this basis.
    ///
    /// # Errors
    /// [`Error::Config`] where they are not, or a scale is not above 0.
    pub fn check(&self) -> Result<()> {
        let whole =
            |row: &Vec<f32>| row.len() == WIDTH && row.iter().all(|value| value.is_finite());
        let above = |row: &Vec<f32>| whole(row) && row.iter().all(|value| *value > 0.0);
        let fits = whole(&self.mean)
            && above(&self.deviation)
            && self.motion.len() == HARMONICS
            && self.motion.iter().all(above)
            && self.energy[1] > 0.0;
        match fits {
            true => Ok(()),
            false => Err(Error::Config {
                name: "scales",
                value: format!("{} numbers", self.mean.len()),
                permitted: format!("{WIDTH} numbers of {HARMONICS} harmonics"),
            }),
        }
    }

    /// How large a row of a latent is where a number stands: what a latent is multiplied by.
    fn scale(&self, row: usize, place: usize) -> f32 {
        match row {
            0 => self.deviation[place],
            row => self.motion[(row - 1) / 2][place],
        }
    }

    /// A spectrum as a latent, [`ROWS`] rows of [`WIDTH`] numbers.
    pub fn latent(&self, spectrum: &Spectrum) -> Vec<f32> {
        let mut latent = Vec::with_capacity(ROWS * WIDTH);
        for (row, frame) in spectrum.0.iter().enumerate() {
            for (place, value) in frame.iter().enumerate() {
                let middle = if row == 0 { self.mean[place] } else { 0.0 };
                let scaled = (value - middle) / self.scale(row, place);
                latent.push(scaled.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS));
            }
        }
        latent
    }

    /// The spectrum that a latent stands for.
    pub fn spectrum(&self, latent: &[f32]) -> Spectrum {
        let rows = latent
            .chunks_exact(WIDTH)
            .enumerate()
            .map(|(row, numbers)| {
                let middle = |place: usize| if row == 0 { self.mean[place] } else { 0.0 };
                std::array::from_fn(|place| middle(place) + numbers[place] * self.scale(row, place))
            });
        Spectrum(rows.collect())
    }

    /// The size of each harmonic beside all the motion of its number: the square of a column sums to 1.
    pub fn shares(&self) -> Vec<Vec<f32>> {
        let total = |place: usize| {
            self.motion
                .iter()
                .map(|of| of[place].powi(2))
                .sum::<f32>()
                .sqrt()
        };
        let totals: Vec<f32> = (0..WIDTH).map(total).collect();
        let share = |of: &Vec<f32>| {
            of.iter()
                .zip(&totals)
                .map(|(size, total)| size / total)
                .collect()
        };
        self.motion.iter().map(share).collect()
    }

    /// How much each number of a latent weighs in the loss, where `known` is how much of it was measured.
    pub fn weights(&self, known: &[f32]) -> Vec<f32> {
        let shares = self.shares();
        let sum = |place: usize| 2.0 * shares.iter().map(|of| of[place]).sum::<f32>();
        let mut weights = Vec::with_capacity(ROWS * WIDTH);
        for row in 0..ROWS {
            for (place, known) in known.iter().enumerate() {
                let share = match row {
                    0 => 1.0,
                    row => MOTION_WEIGHT * shares[(row - 1) / 2][place] / sum(place),
                };
                weights.push(share * (UNKNOWN_WEIGHT + (1.0 - UNKNOWN_WEIGHT) * known));
            }
        }
        weights
    }

    /// How much of a number is known where its mean weighs so much in [`Self::weights`].
    pub fn known(&self, weight: f32) -> f32 {
        (weight - UNKNOWN_WEIGHT) / (1.0 - UNKNOWN_WEIGHT)
    }

    /// The logarithm of the motion energy: of the mean speed of the numbers of head, eyes, brows and mouth, as a root of
    /// mean squares, in spreads a second.
    pub fn log_energy(&self, spectrum: &Spectrum, length_secs: f32) -> f32 {
        let (mut sum, mut count) = (0.0, 0);
        for (place, row) in BASIS
            .rows()
            .iter()
            .enumerate()
            .filter(|(_, row)| moves(row.kind, row.part))
        {
            let square = |harmonic: usize| {
                let speed = std::f32::consts::TAU * (harmonic + 1) as f32 / length_secs;
                speed.powi(2) * size(spectrum, harmonic, place)
            };
            sum += (0..HARMONICS).map(square).sum::<f32>() / self.deviation[place].powi(2);
            count += usize::from(row.part != Part::Tint);
        }
        0.5 * libm::logf((sum / count.max(1) as f32).max(1e-8))
    }

    /// The same in deviations from the usual.
    pub fn energy(&self, spectrum: &Spectrum, length_secs: f32) -> f32 {
        (self.log_energy(spectrum, length_secs) - self.energy[0]) / self.energy[1]
    }

    /// The motion energy, in deviations, that suits an emotion at full strength with this arousal, shown at `intensity`:
    /// at half the intensity everything moves half as far.
    pub fn usual_energy(&self, full_arousal: f32, intensity: f32) -> f32 {
        let [middle, slope] = self.energy_of_arousal;
        let full = (middle + slope * full_arousal).clamp(-2.0, 2.0);
        full + libm::logf(intensity.clamp(0.1, 1.0)) / self.energy[1]
    }
}

/// Whether a number's speed counts as motion.
pub fn moves(kind: Kind, part: Part) -> bool {
    matches!(kind, Kind::Plain | Kind::Lens)
        && matches!(part, Part::Head | Part::Eyes | Part::Brows | Part::Mouth)
}

/// The mean square of a harmonic over its period.
fn size(spectrum: &Spectrum, harmonic: usize, place: usize) -> f32 {
    let [a, b] = [1, 2].map(|row| spectrum.0[2 * harmonic + row][place]);
    (a * a + b * b) / 2.0
}

/// Mean and deviation.
pub fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f32>()
        / count;
    (mean, variance.sqrt())
}

/// Places of the words for an emotion and of what a request says besides in what the network is told.
mod told {
    use super::EMOTIONS;

    pub const MIXTURE: usize = 0;
    pub const HAS_MIXTURE: usize = EMOTIONS;
    pub const VALENCE: usize = HAS_MIXTURE + 1;
    pub const AROUSAL: usize = VALENCE + 2;
    pub const INTENSITY: usize = AROUSAL + 2;
    pub const ENERGY: usize = INTENSITY + 2;
    pub const LENGTH: usize = ENERGY + 2;
    pub const LOOPING: usize = LENGTH + 2;
    pub const EXTRAS: usize = LOOPING + 1;
    pub const COUNT: usize = EXTRAS + 1;
}

/// How many numbers the network is told.
pub const TOLD: usize = told::COUNT;

/// How many of them, from the first on, are of the emotion.
pub const TOLD_OF_EMOTION: usize = told::ENERGY;

/// What a sticker is to be. What is not said is left to the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Weights of Mikels' eight, summing to 1.
    pub mixture: Option<[f32; EMOTIONS]>,
    /// Pleasant or not at this intensity, -1 to 1.
    pub valence: Option<f32>,
    /// Awake or calm at this intensity, -1 to 1.
    pub arousal: Option<f32>,
    /// How strong, 0 to 1.
    pub intensity: Option<f32>,
    /// Motion energy in deviations from the usual.
    pub energy: Option<f32>,
    /// How long, in seconds.
    pub length_secs: Option<f32>,
    /// Whether the end meets the beginning.
    pub looping: Option<bool>,
    /// Whether there are tears, sweat, blush, steam, hearts, sparkles or sleep.
    pub extras: Option<bool>,
}

impl Wish {
    /// The same without the emotion.
    pub fn without_emotion(&self) -> Self {
        Self {
            mixture: None,
            valence: None,
            arousal: None,
            intensity: None,
            ..self.clone()
        }
    }

    /// The same without what guidance draws towards: the emotion, and extras or none.
    pub fn without_what_is_guided(&self) -> Self {
        Self {
            extras: None,
            ..self.without_emotion()
        }
    }

    /// What the network is told: each number beside whether it was said.
    pub fn told(&self) -> [f32; TOLD] {
        let mut numbers = [0.0; TOLD];
        if let Some(mixture) = self.mixture {
            numbers[told::MIXTURE..][..EMOTIONS].copy_from_slice(&mixture);
            numbers[told::HAS_MIXTURE] = 1.0;
        }
        let mut say = |place: usize, value: Option<f32>| {
            if let Some(value) = value {
                (numbers[place], numbers[place + 1]) = (value, 1.0);
            }
        };
        say(told::VALENCE, self.valence);
        say(told::AROUSAL, self.arousal);
        say(told::INTENSITY, self.intensity);
        say(
            told::ENERGY,
            self.energy.map(|energy| energy.clamp(-3.0, 3.0) / 2.0),
        );
        say(
            told::LENGTH,
            self.length_secs.map(|length| libm::logf(length) - 0.8),
        );
        let sign = |yes: Option<bool>| yes.map_or(0.0, |yes| if yes { 1.0 } else { -1.0 });
        (numbers[told::LOOPING], numbers[told::EXTRAS]) = (sign(self.looping), sign(self.extras));
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::tests::invented;

    #[test]
    fn a_latent_comes_back() {
        let clips = invented(12);
        let scales = Scales::of(&clips.iter().collect::<Vec<_>>());
        scales.check().unwrap();
        let spectrum = Spectrum::of(&clips[3].frames);
        let latent = scales.latent(&spectrum);
        let back = scales.spectrum(&latent);
        for (row, other) in spectrum.0.iter().zip(&back.0) {
            for (a, b) in row.iter().zip(other) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
        assert!(latent.iter().all(|value| value.abs() <= MOST_DEVIATIONS));
    }

    /// Twice as far or twice as fast is a logarithm of 2 more.
    #[test]
    fn energy_by_hand() {
        let clips = invented(12);
        let scales = Scales::of(&clips.iter().collect::<Vec<_>>());
        let spectrum = Spectrum::of(&clips[0].frames);
        let mut wider = spectrum.clone();
        for row in &mut wider.0[1..] {
            row.iter_mut().for_each(|value| *value *= 2.0);
        }
        let energy = scales.log_energy(&spectrum, 2.0);
        assert!((scales.log_energy(&wider, 2.0) - energy - libm::logf(2.0)).abs() < 1e-5);
        assert!((scales.log_energy(&spectrum, 1.0) - energy - libm::logf(2.0)).abs() < 1e-5);
        assert!(scales.usual_energy(0.8, 1.0) > scales.usual_energy(0.2, 1.0));
        assert!(scales.usual_energy(0.8, 0.3) < scales.usual_energy(0.8, 0.4));
    }

    #[test]
    fn a_wish_is_told_with_what_was_said() {
        let wish = Wish {
            valence: Some(0.5),
            extras: Some(false),
            ..Wish::default()
        };
        let told = wish.told();
        assert_eq!(told.iter().filter(|number| **number != 0.0).count(), 3);
        assert_eq!(told[TOLD - 1], -1.0);
        assert_eq!(
            wish.without_emotion()
                .told()
                .iter()
                .filter(|number| **number != 0.0)
                .count(),
            1
        );
    }
}
