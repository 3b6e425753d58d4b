//! Flow-matching diffusion: noise levels, solvers, guidance, averaged weights.
//!
//! A latent is a tensor of any shape `(B, ...)`. At noise level `sigma` it is `(1 - sigma) clean + sigma noise`, and the
//! velocity is `noise - clean`: Lipman and others, "Flow Matching for Generative Modeling" (2023), with the straight paths
//! of Liu and others, "Flow Straight and Fast" (2023).

mod ema;
mod guidance;
mod schedule;
mod scheduler;

use candle_core::Tensor;

pub use ema::Ema;
pub use guidance::{Guidance, guide, guide_terms};
pub use schedule::{Schedule, Solver, TRAIN_STEPS};
pub use scheduler::{Scheduler, noise};

use crate::{NnError, Result};

/// What a network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// `noise - clean`.
    Velocity,
    /// The latent without noise.
    CleanSample,
}

impl Prediction {
    /// The latent without noise that `output` stands for, where `latent` has the noise level `sigma`.
    pub fn clean(self, output: &Tensor, latent: &Tensor, sigma: f64) -> Result<Tensor> {
        match self {
            Self::Velocity => Ok((latent - (output * sigma)?)?),
            Self::CleanSample => Ok(output.clone()),
        }
    }

    /// The velocity that `output` stands for, where `latent` has the noise level `sigma`, which is above 0.
    pub fn velocity(self, output: &Tensor, latent: &Tensor, sigma: f64) -> Result<Tensor> {
        match self {
            Self::Velocity => Ok(output.clone()),
            Self::CleanSample => Ok(((latent - output)? / sigma)?),
        }
    }
}

/// A network that predicts from a noisy latent, its time and a condition.
pub trait Denoiser {
    /// What the latent is to become.
    type Condition: ?Sized;
    /// Why it can fail.
    type Error: From<NnError>;

    /// What [`Self::predict`] gives.
    fn prediction(&self) -> Prediction;

    /// Predicts from `latent` `(B, ...)` at `time`, 0 to 1000 with 1000 all noise. The result has the shape of the latent.
    fn predict(
        &self,
        latent: &Tensor,
        time: f64,
        condition: &Self::Condition,
    ) -> std::result::Result<Tensor, Self::Error>;
}
