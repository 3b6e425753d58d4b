use affetto_nn::ops;
use candle_core::Tensor;

use crate::{Result, weights::Weights};

/// A layer norm with gain and bias.
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// The norm over `width` numbers of which `name` is the beginning of the names; `eps` is added to variances.
    pub fn new(weights: &Weights, name: &str, width: usize, eps: f64) -> Result<Self> {
        let weights = weights.with_f32();
        Ok(Self {
            weight: weights.get(&format!("{name}.weight"), &[width])?,
            bias: weights.get(&format!("{name}.bias"), &[width])?,
            eps,
        })
    }

    /// `x` is `(..., width)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::layer_norm(x, &self.weight, &self.bias, self.eps)?)
    }
}
