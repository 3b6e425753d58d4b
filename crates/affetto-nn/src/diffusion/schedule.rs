use affetto_core::Seed;
use serde::{Deserialize, Serialize};

use crate::{NnError, Result};

/// How many times the published models were trained with.
pub const TRAIN_STEPS: usize = 1000;

/// How a latent moves from one noise level to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Zhao and others, "UniPC" (2023), of order 2 with B(h) = e^h - 1, predicting the clean latent.
    UniPc,
    /// A straight step along the velocity.
    Euler,
    /// To the clean latent, and back to the next level with new noise: Yin and others, "Improved Distribution Matching
    /// Distillation" (2024), section 4.5, for networks that were distilled to a few steps so.
    Renoise,
}

/// The noise levels of a run, and the times that the network is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    solver: Solver,
    sigmas: Vec<f64>,
    times: Vec<f64>,
    /// What new noise is drawn from.
    seed: Seed,
}

/// A number as the reference implementation stores it.
fn rounded(number: f64) -> f64 {
    f64::from(number as f32)
}

/// `count` numbers from `first` to `last`, both included where `count` is above 1.
fn linspace(first: f64, last: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (last - first) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |index| first + step * index as f64)
}

impl Schedule {
    /// `steps` noise levels, moved towards noise by `shift`: Esser and others, "Scaling Rectified Flow Transformers"
    /// (2024), equation 23. The levels and times are those of the schedulers that Wan 2.1 is published with, which space
    /// them a little differently for the two solvers.
    ///
    /// # Errors
    /// Where `steps` is 0 or above 1000, `shift` not above 0, or the solver has times of its own
    /// ([`Self::renoised`]).
    pub fn new(solver: Solver, steps: usize, shift: f64) -> Result<Self> {
        if !(1..=TRAIN_STEPS).contains(&steps) {
            return Err(NnError::Config {
                name: "steps",
                value: steps.to_string(),
                permitted: "from 1 to 1000",
            });
        }
        if !(shift.is_finite() && shift > 0.0) {
            return Err(NnError::Config {
                name: "shift",
                value: shift.to_string(),
                permitted: "a number above 0",
            });
        }
        if solver == Solver::Renoise {
            return Err(NnError::Config {
                name: "solver",
                value: "renoise".into(),
                permitted: "one that takes any number of steps",
            });
        }
        let shifted = |sigma: f64| shift * sigma / (1.0 + (shift - 1.0) * sigma);
        let least = 1.0 / TRAIN_STEPS as f64;
        let mut sigmas: Vec<f64> = match solver {
            Solver::UniPc => linspace(1.0, least, steps + 1)
                .take(steps)
                .map(shifted)
                .collect(),
            _ => linspace(1.0, shifted(least), steps).map(shifted).collect(),
        };
        let times = match solver {
            Solver::UniPc => {
                // A level of exactly 1 has no logarithm of its signal.
                if (sigmas[0] - 1.0).abs() < 1e-6 {
                    sigmas[0] -= 1e-6;
                }
                let time = |sigma: &f64| (sigma * TRAIN_STEPS as f64).trunc();
                sigmas.iter().map(time).collect()
            }
            _ => {
                let time = |sigma: &f64| rounded(*sigma) * TRAIN_STEPS as f64;
                sigmas.iter().map(time).collect()
            }
        };
        sigmas.push(0.0);
        Ok(Self {
            solver,
            sigmas: sigmas.into_iter().map(rounded).collect(),
            times,
            seed: Seed::default(),
        })
    }

    /// The times that a network was distilled to, from 1000 down, with new noise from `seed` at each after the first. The
    /// level at a time is a thousandth of it.
    ///
    /// # Errors
    /// Where the times do not fall, or lie outside 0 to 1000.
    pub fn renoised(times: &[f64], seed: Seed) -> Result<Self> {
        let within = |time: &f64| *time > 0.0 && *time <= TRAIN_STEPS as f64;
        let falling = times.windows(2).all(|pair| pair[0] > pair[1]);
        if times.is_empty() || !times.iter().all(within) || !falling {
            return Err(NnError::Config {
                name: "times",
                value: format!("{times:?}"),
                permitted: "falling, above 0 and at most 1000",
            });
        }
        let levels = times.iter().map(|time| time / TRAIN_STEPS as f64);
        Ok(Self {
            solver: Solver::Renoise,
            sigmas: levels.chain([0.0]).map(rounded).collect(),
            times: times.to_vec(),
            seed,
        })
    }

    /// The same steps from a lower noise level on, 0 to 1: for a latent that is not all noise at first (Meng and others,
    /// "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations", 2022).
    ///
    /// # Errors
    /// Where `level` is not above 0 and at most 1.
    pub fn begun_at(mut self, level: f64) -> Result<Self> {
        if !(level > 0.0 && level <= 1.0) {
            return Err(NnError::Config {
                name: "level",
                value: level.to_string(),
                permitted: "above 0 and at most 1",
            });
        }
        let (sigmas, times) = (self.sigmas.iter_mut(), self.times.iter_mut());
        sigmas.chain(times).for_each(|number| *number *= level);
        Ok(self)
    }

    /// How the steps are made.
    pub fn solver(&self) -> Solver {
        self.solver
    }

    /// What new noise is drawn from, where the solver adds any.
    pub(super) fn seed(&self) -> Seed {
        self.seed
    }

    /// The noise levels, falling; one more than there are steps, the last 0.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// The time of each step, 0 to 1000, falling.
    pub fn times(&self) -> &[f64] {
        &self.times
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_schedule_begun_later_has_its_levels_below() {
        for solver in [Solver::UniPc, Solver::Euler] {
            let whole = Schedule::new(solver, 4, 1.5).unwrap();
            assert_eq!(whole.clone().begun_at(1.0).unwrap(), whole);
            let half = whole.clone().begun_at(0.5).unwrap();
            for (all, some) in whole.sigmas().iter().zip(half.sigmas()) {
                assert_eq!(*some, 0.5 * all);
            }
            assert_eq!(half.times()[0], 0.5 * whole.times()[0]);
            assert!(whole.begun_at(0.0).is_err());
        }
    }
}
