//! Layers with trainable parameters. Names and shapes follow PyTorch: a linear layer has `weight`
//! `(out, in)` and `bias` `(out)`.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use crate::{
    ops::{self, DropoutSeed},
    weights::{Init, Scope},
};

/// Added to the variance by every normalisation.
pub const NORM_EPSILON: f64 = 1e-5;

/// `x weight^T + bias`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// A layer whose outputs are about as large as its inputs.
    pub fn new(scope: &Scope, width_in: usize, width_out: usize) -> crate::Result<Self> {
        Self::with_gain(scope, width_in, width_out, 1.0)
    }

    /// A layer whose outputs are at first about `gain` times as large as its inputs.
    pub fn with_gain(
        scope: &Scope,
        width_in: usize,
        width_out: usize,
        gain: f64,
    ) -> crate::Result<Self> {
        let deviation = gain / (width_in.max(1) as f64).sqrt();
        let weight = scope.get("weight", &[width_out, width_in], Init::Matrix { deviation })?;
        let bias = scope.get("bias", &[width_out], Init::Constant(0.0))?;
        Ok(Self { weight, bias })
    }

    /// The inputs' part of the four gates of an LSTM, `4 hidden` numbers.
    pub(crate) fn gates(scope: &Scope, width_in: usize, hidden: usize) -> crate::Result<Self> {
        let deviation = 1.0 / (width_in.max(1) as f64).sqrt();
        let weight = scope.get(
            "weight",
            &[4 * hidden, width_in],
            Init::Matrix { deviation },
        )?;
        let bias = scope.get("bias", &[4 * hidden], Init::Gates)?;
        Ok(Self { weight, bias })
    }

    /// `(..., in)` to `(..., out)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias)
    }

    /// Where its parameters are.
    pub fn device(&self) -> &Device {
        self.weight.device()
    }
}

/// `x weight^T`: a linear layer without a bias.
#[derive(Clone, Debug)]
pub struct Projection {
    weight: Tensor,
    nothing: Tensor,
}

impl Projection {
    /// A layer whose outputs are at first about `gain` times as large as its inputs.
    pub fn with_gain(
        scope: &Scope,
        width_in: usize,
        width_out: usize,
        gain: f64,
    ) -> crate::Result<Self> {
        let deviation = gain / (width_in.max(1) as f64).sqrt();
        let weight = scope.get("weight", &[width_out, width_in], Init::Matrix { deviation })?;
        let nothing = Tensor::zeros(width_out, weight.dtype(), weight.device())?;
        Ok(Self { weight, nothing })
    }

    /// `(..., in)` to `(..., out)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.nothing)
    }
}

/// See [`ops::layer_norm`].
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// A normalisation of vectors of `width` numbers.
    pub fn new(scope: &Scope, width: usize) -> crate::Result<Self> {
        let weight = scope.get("weight", &[width], Init::Constant(1.0))?;
        let bias = scope.get("bias", &[width], Init::Constant(0.0))?;
        Ok(Self { weight, bias })
    }

    /// `(..., width)` to the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, NORM_EPSILON)
    }

    /// The same with the weight of each item `1 + scale` times as large and its bias moved by `shift` (Peebles & Xie,
    /// "Scalable Diffusion Models with Transformers", 2023, section 3.2: adaptive layer norm): `x` is
    /// `(items, ..., width)`, `scale` and `shift` are `(items, width)`.
    pub fn forward_modulated(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        let weight = (scale + 1.0)?.broadcast_mul(&self.weight)?;
        let bias = shift.broadcast_add(&self.bias)?;
        ops::layer_norm(x, &weight, &bias, NORM_EPSILON)
    }
}

/// The sum of one embedding per column, each column with a vocabulary of its own. All rows stand in
/// one table, the vocabularies one after the other.
#[derive(Clone, Debug)]
pub struct EmbeddingSum {
    table: Tensor,
    vocabularies: Vec<usize>,
}

impl EmbeddingSum {
    /// Embeddings of `width` numbers whose sum has a standard deviation of 1/2 at first.
    pub fn new(scope: &Scope, vocabularies: Vec<usize>, width: usize) -> crate::Result<Self> {
        let deviation = 0.5 / (vocabularies.len().max(1) as f64).sqrt();
        let rows = vocabularies.iter().sum();
        let table = scope.get("weight", &[rows, width], Init::Embedding { deviation })?;
        Ok(Self {
            table,
            vocabularies,
        })
    }

    /// `columns` give the ids of each column, `(positions)` or several values per position for
    /// consecutive columns, `(positions, count)`; the result is `(positions, width)`.
    pub fn forward(&self, columns: &[&[u32]], positions: usize) -> Result<Tensor> {
        let rows = embedding_rows(&self.vocabularies, columns, positions)?;
        ops::embedding_sum(&self.table, &rows, self.vocabularies.len())
    }
}

/// The rows of the common table, one per position and column.
pub fn embedding_rows(
    vocabularies: &[usize],
    columns: &[&[u32]],
    positions: usize,
) -> Result<Arc<[u32]>> {
    let per_position = |ids: &&[u32]| ids.len() / positions.max(1);
    let count: usize = columns.iter().map(per_position).sum();
    let whole = columns
        .iter()
        .all(|ids| ids.len() == per_position(ids) * positions);
    if !whole || (count != vocabularies.len() && positions > 0) {
        bail!(
            "{count} embedding columns, the model has {}",
            vocabularies.len()
        );
    }
    let mut rows = Vec::with_capacity(positions * vocabularies.len());
    for position in 0..positions {
        let mut start = 0;
        let ids = columns.iter().flat_map(|ids| {
            let count = per_position(ids);
            &ids[position * count..][..count]
        });
        for (column, (id, vocabulary)) in ids.zip(vocabularies).enumerate() {
            if *id as usize >= *vocabulary {
                bail!("id {id} in column {column}, whose vocabulary has {vocabulary}");
            }
            rows.push((start + *id as usize) as u32);
            start += vocabulary;
        }
    }
    Ok(rows.into())
}

/// Two linear layers with a GELU between them.
#[derive(Clone, Debug)]
pub struct FeedForward {
    up: Linear,
    down: Linear,
}

impl FeedForward {
    /// From `width` to `inner` and back; `gain` as in [`Linear::with_gain`], for the way back.
    pub fn new(scope: &Scope, width: usize, inner: usize, gain: f64) -> crate::Result<Self> {
        let up = Linear::new(&scope.child("up"), width, inner)?;
        let down = Linear::with_gain(&scope.child("down"), inner, width, gain)?;
        Ok(Self { up, down })
    }

    /// `(..., width)` to the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.down.forward(&ops::gelu(&self.up.forward(x)?)?)
    }
}

/// Dropout with the name of its place, so that each place draws its own numbers.
#[derive(Clone, Debug)]
pub struct Dropout {
    rate: f64,
    name: String,
}

impl Dropout {
    /// A share `rate` of the numbers at the place `scope`.
    pub fn new(scope: &Scope, rate: f64) -> Self {
        Self {
            rate,
            name: scope.path().to_string(),
        }
    }

    /// `x` with some numbers dropped.
    pub fn forward(&self, x: &Tensor, seed: Option<DropoutSeed>) -> Result<Tensor> {
        ops::dropout(x, self.rate, &self.name, seed)
    }

    /// `residual + dropout(x)`.
    pub fn add(&self, residual: &Tensor, x: &Tensor, seed: Option<DropoutSeed>) -> Result<Tensor> {
        ops::dropout_add(residual, x, self.rate, &self.name, seed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_by_hand() {
        let rows = embedding_rows(&[5, 3, 2], &[&[4, 0], &[2, 1, 0, 0]], 2).unwrap();
        assert_eq!(&rows[..], [4, 5 + 2, 8 + 1, 0, 5, 8]);
        let error = embedding_rows(&[5, 3, 2], &[&[4, 0], &[2, 1, 3, 0]], 2).unwrap_err();
        assert!(error.to_string().contains("id 3 in column 1"), "{error}");
        assert!(embedding_rows(&[5, 3], &[&[4, 0], &[2, 1, 3, 0]], 2).is_err());
    }
}
