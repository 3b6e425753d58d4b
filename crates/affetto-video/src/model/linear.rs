//! Linear layers, dense or quantised.

use affetto_nn::ops;
use candle_core::{D, DType, Device, Tensor, quantized::QMatMul};

use crate::Result;

/// `x weight^T + bias`.
#[derive(Clone, Debug)]
pub enum Linear {
    /// Weights as floats.
    Dense {
        /// `(out, in)`.
        weight: Tensor,
        /// `(out)`.
        bias: Tensor,
    },
    /// Weights in blocks of few bits.
    Quantized {
        /// `(out, in)`.
        weight: QMatMul,
        /// `(out)` `f32`.
        bias: Tensor,
    },
    /// A layer and what was learned beside it.
    Adapted {
        /// The layer.
        base: Box<Linear>,
        /// What is added to its output.
        residuals: Vec<Residual>,
    },
}

/// What is added to the output of a layer.
#[derive(Clone, Debug)]
pub enum Residual {
    /// `scale up down x`.
    LowRank {
        /// `(r, in)` `f32`.
        down: Tensor,
        /// `(out, r)` `f32`.
        up: Tensor,
        /// What the product is multiplied by.
        scale: f64,
    },
    /// `weight x`.
    Full {
        /// `(out, in)` `f32`.
        weight: Tensor,
    },
}

impl Residual {
    /// The same on another device.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        Ok(match self {
            Self::LowRank { down, up, scale } => Self::LowRank {
                down: down.to_device(device)?,
                up: up.to_device(device)?,
                scale: *scale,
            },
            Self::Full { weight } => Self::Full {
                weight: weight.to_device(device)?,
            },
        })
    }

    /// `x` is `(..., in)`, the result `(..., out)`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::LowRank { down, up, scale } => Ok((product(&product(x, down)?, up)? * *scale)?),
            Self::Full { weight } => product(x, weight),
        }
    }
}

/// `x weight^T`. The weight may be trained, so that its numbers are made those of `x` each time.
fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let weight = &weight.to_dtype(x.dtype())?;
    let none = Tensor::zeros(weight.dim(0)?, weight.dtype(), weight.device())?;
    Ok(ops::linear(x, weight, &none)?)
}

impl Linear {
    /// The same with something added to its output.
    pub fn with_residuals(self, residuals: Vec<Residual>) -> Self {
        match residuals.is_empty() {
            true => self,
            false => Self::Adapted {
                base: Box::new(self),
                residuals,
            },
        }
    }

    /// Whether the weights are in blocks.
    pub fn is_quantized(&self) -> bool {
        match self {
            Self::Dense { .. } => false,
            Self::Quantized { .. } => true,
            Self::Adapted { base, .. } => base.is_quantized(),
        }
    }

    /// The bias, `(out)`.
    pub fn bias(&self) -> &Tensor {
        match self {
            Self::Dense { bias, .. } | Self::Quantized { bias, .. } => bias,
            Self::Adapted { base, .. } => base.bias(),
        }
    }

    /// `x` is `(..., in)` `f32`; the result is `(..., out)` `f32`, whatever the weights are. Where both are `f64`, so is the
    /// result.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense { weight, bias } if weight.dtype() == x.dtype() => {
                Ok(ops::linear(x, weight, bias)?)
            }
            Self::Dense { weight, bias } => {
                let mut shape = x.dims().to_vec();
                if let Some(last) = shape.last_mut() {
                    *last = weight.dim(0)?;
                }
                let rows = x.flatten_to(D::Minus2)?.to_dtype(weight.dtype())?;
                let out = rows.matmul(&weight.t()?)?.broadcast_add(bias)?;
                Ok(out.to_dtype(DType::F32)?.reshape(shape)?)
            }
            Self::Quantized { weight, bias } => Ok(ops::blocks_linear(x, weight, bias)?),
            Self::Adapted { base, residuals } => {
                let mut out = base.forward(x)?;
                for residual in residuals {
                    out = (out + residual.forward(x)?)?;
                }
                Ok(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::quantized::{GgmlDType, QTensor};

    use super::*;

    #[test]
    fn every_kind_of_weight_gives_about_the_same() {
        let weight: Vec<f32> = (0..64 * 5)
            .map(|i| ((i * 7) % 19) as f32 / 9.5 - 1.0)
            .collect();
        let weight = Tensor::from_vec(weight, (5, 64), &Device::Cpu).unwrap();
        let bias = Tensor::arange(0f32, 5.0, &Device::Cpu).unwrap();
        let x: Vec<f32> = (0..2 * 3 * 64)
            .map(|i| ((i * 5) % 23) as f32 / 11.5 - 1.0)
            .collect();
        let x = Tensor::from_vec(x, (2, 3, 64), &Device::Cpu).unwrap();
        let half = Linear::Dense {
            weight: weight.to_dtype(DType::F16).unwrap(),
            bias: bias.to_dtype(DType::F16).unwrap(),
        };
        let blocks = QTensor::quantize(&weight, GgmlDType::Q8_0).unwrap();
        let blocks = Linear::Quantized {
            weight: QMatMul::from_arc(Arc::new(blocks)).unwrap(),
            bias: bias.clone(),
        };
        let dense = Linear::Dense { weight, bias }.forward(&x).unwrap();
        assert_eq!(dense.dims(), [2, 3, 5]);
        for (layer, tolerance) in [(half, 0.02), (blocks, 0.1)] {
            let out = layer.forward(&x).unwrap();
            let difference = (&out - &dense).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f32>().unwrap() < tolerance);
        }
    }
}
