//! Leaving the blocks out of steps in which they would do nearly what they did before: Liu and others, "Timestep Embedding
//! Tells: It's Time to Cache for Video Diffusion Model" (2025). Differs from the paper: what has changed is the
//! time embedding itself, without the polynomials that were fitted to single published models.

use std::cell::RefCell;

use affetto_nn::{
    diffusion::{Denoiser, Prediction},
    weights::{HostTensor, TensorFile},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{DitCondition, WanDit};
use crate::{Error, Result};

/// What the blocks did in earlier steps, for each branch of the guidance.
#[derive(Clone, Debug)]
pub struct Reuse {
    threshold: f64,
    branches: Vec<Branch>,
    /// The branch that comes next in this step.
    at: usize,
    /// Whether the blocks run in this step whatever has changed.
    must: bool,
}

/// What is kept for one condition.
#[derive(Clone, Debug, Default)]
struct Branch {
    /// What has changed since the blocks ran, relative to what it changed from.
    changed: f64,
    /// The time embedding of the step before, `(1, 6 width)`.
    embedding: Option<Tensor>,
    /// What the blocks added to the tokens when they ran, `(1, T, width)`.
    added: Option<Tensor>,
    /// Steps in which they did not.
    left_out: usize,
}

/// What a saved file says besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedReuse {
    threshold: f64,
    branches: Vec<SavedBranch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBranch {
    changed: f64,
    left_out: usize,
}

impl Reuse {
    /// Leaves the blocks out until the time embedding has changed by `threshold` of itself, in all, since they ran. For the
    /// published network of 1.3 billion parameters others use 0.05 to 0.08.
    ///
    /// # Errors
    /// [`Error::Config`] for a threshold that is not above 0 and at most 10.
    pub fn new(threshold: f64) -> Result<Self> {
        if !(threshold > 0.0 && threshold <= 10.0) {
            return Err(Error::Config {
                name: "reuse",
                value: threshold.to_string(),
                permitted: "above 0, at most 10".into(),
            });
        }
        Ok(Self {
            threshold,
            branches: Vec::new(),
            at: 0,
            must: true,
        })
    }

    /// Before the branches of a step; in the first and the last the blocks always run.
    pub fn begin(&mut self, step: usize, steps: usize) {
        self.at = 0;
        self.must = step == 0 || step + 1 == steps;
    }

    /// How often the blocks were left out.
    pub fn left_out(&self) -> usize {
        self.branches.iter().map(|branch| branch.left_out).sum()
    }

    /// `x`, `(1, T, width)`, through the blocks that `run` stands for, or with what they added before.
    pub(super) fn through(
        &mut self,
        x: &Tensor,
        embedding: &Tensor,
        run: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if self.at == self.branches.len() {
            self.branches.push(Branch::default());
        }
        self.at += 1;
        let branch = &mut self.branches[self.at - 1];
        if let Some(before) = branch.embedding.replace(embedding.clone()) {
            branch.changed += change(&before, embedding)?;
        }
        match &branch.added {
            Some(added) if !self.must && branch.changed < self.threshold => {
                branch.left_out += 1;
                Ok((x + added)?)
            }
            _ => {
                let out = run(x)?;
                branch.added = Some((&out - x)?);
                branch.changed = 0.0;
                Ok(out)
            }
        }
    }

    /// Adds what is kept to a file.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn save(&self, file: &mut TensorFile) -> Result<SavedReuse> {
        let mut branches = Vec::new();
        for (at, branch) in self.branches.iter().enumerate() {
            for (part, tensor) in [("embedding", &branch.embedding), ("added", &branch.added)] {
                if let Some(tensor) = tensor {
                    let tensor = HostTensor {
                        shape: tensor.dims().to_vec(),
                        numbers: tensor.flatten_all()?.to_vec1()?,
                    };
                    file.tensors.insert(format!("reuse.{at}.{part}"), tensor);
                }
            }
            branches.push(SavedBranch {
                changed: branch.changed,
                left_out: branch.left_out,
            });
        }
        Ok(SavedReuse {
            threshold: self.threshold,
            branches,
        })
    }

    /// Takes what was kept out of a file.
    ///
    /// # Errors
    /// As [`Self::new`], and where the device has no room.
    pub fn resume(saved: &SavedReuse, file: &mut TensorFile, device: &Device) -> Result<Self> {
        let mut reuse = Self::new(saved.threshold)?;
        for (at, branch) in saved.branches.iter().enumerate() {
            let mut take = |part: &str| -> Result<Option<Tensor>> {
                let tensor = file.tensors.remove(&format!("reuse.{at}.{part}"));
                let placed = |tensor: HostTensor| {
                    Tensor::from_vec(tensor.numbers, tensor.shape.as_slice(), device)
                };
                Ok(tensor.map(placed).transpose()?)
            };
            reuse.branches.push(Branch {
                changed: branch.changed,
                embedding: take("embedding")?,
                added: take("added")?,
                left_out: branch.left_out,
            });
        }
        Ok(reuse)
    }
}

/// The mean of what has changed over the mean of what it has changed from.
fn change(before: &Tensor, now: &Tensor) -> Result<f64> {
    let mean = |tensor: Tensor| -> Result<f64> {
        Ok(f64::from(tensor.abs()?.mean_all()?.to_scalar::<f32>()?))
    };
    let from = mean(before.clone())?;
    Ok(mean((now - before)?)? / from.max(f64::MIN_POSITIVE))
}

/// The transformer with steps left out.
pub struct Reusing<'a> {
    network: &'a WanDit,
    reuse: RefCell<&'a mut Reuse>,
}

impl<'a> Reusing<'a> {
    /// `reuse` is told of every step before its branches are asked for.
    pub fn new(network: &'a WanDit, reuse: &'a mut Reuse) -> Self {
        Self {
            network,
            reuse: RefCell::new(reuse),
        }
    }
}

impl Denoiser for Reusing<'_> {
    type Condition = DitCondition;
    type Error = Error;

    fn prediction(&self) -> Prediction {
        self.network.prediction()
    }

    fn predict(&self, latent: &Tensor, time: f64, condition: &DitCondition) -> Result<Tensor> {
        let mut reuse = self.reuse.borrow_mut();
        self.network
            .forward_reusing(latent, &[time], condition, &mut reuse)
    }
}
