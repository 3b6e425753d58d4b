use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, D, DType, Layout, Result, Shape, Tensor, WithDType,
    backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{Numbers, Real, by_dtype, fused, numbers, sum8, tensor_like, vectorised};

/// Rows in one piece of work.
const ROWS: usize = 32;

/// What a model should have said at each position.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The right class of each row of the logits; 0 means that the row does not count.
    pub ids: Arc<[u32]>,
    /// How much each row counts (1 without).
    pub weights: Option<Arc<[f32]>>,
    /// The share of the probability spread evenly over all classes: Szegedy and others, "Rethinking
    /// the Inception Architecture for Computer Vision" (2016), section 7.
    pub smoothing: f64,
}

impl Targets {
    /// Rows of equal weight without smoothing.
    pub fn new(ids: impl Into<Arc<[u32]>>) -> Self {
        Self {
            ids: ids.into(),
            weights: None,
            smoothing: 0.0,
        }
    }

    /// How many rows count.
    pub fn count(&self) -> usize {
        self.ids.iter().filter(|id| **id != 0).count()
    }

    fn weight(&self, row: usize) -> f64 {
        match (&self.weights, self.ids[row]) {
            (_, 0) => 0.0,
            (Some(weights), _) => f64::from(weights[row]),
            (None, _) => 1.0,
        }
    }

    fn total_weight(&self) -> f64 {
        (0..self.ids.len()).map(|row| self.weight(row)).sum()
    }

    fn check(&self, rows: usize, classes: usize) -> Result<()> {
        if self.ids.len() != rows {
            bail!("{} targets for {rows} rows of logits", self.ids.len());
        }
        if let Some(weights) = &self.weights
            && weights.len() != rows
        {
            bail!("{} weights for {rows} rows of logits", weights.len());
        }
        match self.ids.iter().max() {
            Some(id) if *id as usize >= classes => bail!("target {id} of {classes} classes"),
            _ => Ok(()),
        }
    }
}

/// The weighted mean of `-log p(target)` over the rows that count, in nats, as a scalar; 0 where no
/// row counts. `logits` is `(..., classes)`.
pub fn cross_entropy(logits: &Tensor, targets: &Targets) -> Result<Tensor> {
    let classes = logits.dim(D::Minus1)?;
    targets.check(logits.elem_count() / classes.max(1), classes)?;
    if fused(logits) {
        let op = CrossEntropy(targets.clone());
        return logits.contiguous()?.apply_op1(op);
    }
    composed(logits, targets, classes)
}

fn composed(logits: &Tensor, targets: &Targets, classes: usize) -> Result<Tensor> {
    let rows = targets.ids.len();
    let logits = logits.reshape((rows, classes))?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?;
    let total = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let log_share = shifted.broadcast_sub(&total)?;
    let ids = Tensor::from_slice(&targets.ids, (rows, 1), logits.device())?;
    let right = log_share.gather(&ids, D::Minus1)?.squeeze(D::Minus1)?;
    let spread = log_share.mean(D::Minus1)?;
    let mixed = ((right * (1.0 - targets.smoothing))? + (spread * targets.smoothing)?)?;
    let total = targets.total_weight().max(f64::MIN_POSITIVE);
    let weights: Vec<f64> = (0..rows).map(|row| -targets.weight(row) / total).collect();
    let weights = Tensor::from_vec(weights, rows, logits.device())?.to_dtype(logits.dtype())?;
    (mixed * weights)?.sum_all()
}

struct CrossEntropy(Targets);

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(logits.dtype(), T => {
            let loss = mean_loss::<T>(numbers(logits, layout)?, &self.0);
            Ok((T::to_cpu_storage_owned(vec![T::real(loss)]), Shape::from(())))
        })
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let scale = gradient.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        by_dtype!(logits.dtype(), T => {
            let out = backward(&Numbers::<T>::of(logits)?, &self.0, scale);
            Ok(Some(tensor_like(out, logits)?))
        })
    }
}

fn mean_loss<T: Real>(logits: &[T], targets: &Targets) -> f64 {
    let total = targets.total_weight();
    if total <= 0.0 {
        return 0.0;
    }
    let classes = logits.len() / targets.ids.len();
    let sums: Vec<f64> = logits
        .par_chunks(ROWS * classes)
        .enumerate()
        .map(|(chunk, logits)| {
            let rows = logits.chunks_exact(classes).enumerate();
            rows.map(|(row, logits)| row_loss(logits, targets, chunk * ROWS + row))
                .sum()
        })
        .collect();
    sums.iter().sum::<f64>() / total
}

fn row_loss<T: Real>(logits: &[T], targets: &Targets, row: usize) -> f64 {
    let weight = targets.weight(row);
    if weight == 0.0 {
        return 0.0;
    }
    let (largest, sum) = vectorised(
        #[inline(always)]
        || largest_and_sum(logits),
    );
    let log_sum = largest.to_f64() + libm::log(sum.to_f64());
    let right = logits[targets.ids[row] as usize].to_f64();
    let mut loss = (1.0 - targets.smoothing) * (log_sum - right);
    if targets.smoothing > 0.0 {
        let mean = sum8(logits.len(), |i| logits[i]).to_f64() / logits.len() as f64;
        loss += targets.smoothing * (log_sum - mean);
    }
    weight * loss
}

/// The largest number and the sum of the exponentials relative to it.
#[inline(always)]
fn largest_and_sum<T: Real>(logits: &[T]) -> (T, T) {
    let mut largest = logits[0];
    for logit in logits {
        largest = largest.larger(*logit);
    }
    let sum = sum8(logits.len(), |i| (logits[i] - largest).exp());
    (largest, sum)
}

fn backward<T: Real>(logits: &[T], targets: &Targets, scale: f64) -> Vec<T> {
    let total = targets.total_weight();
    let classes = logits.len() / targets.ids.len().max(1);
    let mut out = vec![T::ZERO; logits.len()];
    out.par_chunks_mut(ROWS * classes)
        .zip(logits.par_chunks(ROWS * classes))
        .enumerate()
        .for_each(|(chunk, (out, logits))| {
            let rows = out
                .chunks_exact_mut(classes)
                .zip(logits.chunks_exact(classes));
            for (row, (out, logits)) in rows.enumerate() {
                let row = chunk * ROWS + row;
                let weight = targets.weight(row);
                if weight != 0.0 {
                    let factor = T::real(scale * weight / total);
                    vectorised(
                        #[inline(always)]
                        || row_gradient(out, logits, factor, targets.smoothing),
                    );
                    out[targets.ids[row] as usize] -= factor * T::real(1.0 - targets.smoothing);
                }
            }
        });
    out
}

#[inline(always)]
fn row_gradient<T: Real>(out: &mut [T], logits: &[T], factor: T, smoothing: f64) {
    let (largest, sum) = largest_and_sum(logits);
    let share = factor / sum;
    let spread = factor * T::real(smoothing / logits.len() as f64);
    for (out, logit) in out.iter_mut().zip(logits) {
        *out = (*logit - largest).exp() * share - spread;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::gradient::{assert_close, check, noise};
    use super::*;
    use candle_core::Device;

    fn targets(smoothing: f64) -> Targets {
        Targets {
            ids: vec![3, 0, 1, 10, 2].into(),
            weights: Some(vec![1.0, 1.0, 0.5, 2.0, 0.0].into()),
            smoothing,
        }
    }

    #[test]
    fn gradients_are_right() {
        let logits = (noise("logits", &[5, 11]) * 3.0).unwrap();
        for smoothing in [0.0, 0.1] {
            check(std::slice::from_ref(&logits), |t| {
                cross_entropy(&t[0], &targets(smoothing))
            });
        }
    }

    #[test]
    fn equals_the_composition() {
        let logits = (noise("logits", &[5, 11]) * 3.0).unwrap();
        for smoothing in [0.0, 0.1] {
            let fused = cross_entropy(&logits, &targets(smoothing)).unwrap();
            let composed = composed(&logits, &targets(smoothing), 11).unwrap();
            assert_close(&fused, &composed, 1e-12);
        }
    }

    /// Even logits over four classes: log 4, whatever the smoothing.
    #[test]
    fn even_logits_by_hand() {
        let logits = Tensor::zeros((2, 4), DType::F64, &Device::Cpu).unwrap();
        let mut targets = Targets::new(vec![2, 0]);
        for smoothing in [0.0, 0.2] {
            targets.smoothing = smoothing;
            let loss = cross_entropy(&logits, &targets).unwrap();
            assert!((loss.to_scalar::<f64>().unwrap() - libm::log(4.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn wrong_targets_are_refused_and_none_at_all_cost_nothing() {
        let logits = Tensor::zeros((2, 4), DType::F32, &Device::Cpu).unwrap();
        assert!(cross_entropy(&logits, &Targets::new(vec![1])).is_err());
        assert!(cross_entropy(&logits, &Targets::new(vec![1, 4])).is_err());
        let loss = cross_entropy(&logits, &Targets::new(vec![0, 0])).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 0.0);
    }
}
