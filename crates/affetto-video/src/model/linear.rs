//! Linear layers, dense or quantised.

use affetto_nn::ops;
use candle_core::{D, DType, Module, Tensor, quantized::QMatMul};

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
}

impl Linear {
    /// `x` is `(..., in)` `f32`; the result is `(..., out)` `f32`, whatever the weights are.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense { weight, bias } if weight.dtype() == DType::F32 => {
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
            Self::Quantized { weight, bias } => {
                Ok(weight.forward(&x.contiguous()?)?.broadcast_add(bias)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{
        Device,
        quantized::{GgmlDType, QTensor},
    };

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
