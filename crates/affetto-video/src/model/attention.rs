//! The one function through which the networks attend.

use affetto_nn::ops;
use candle_core::Tensor;

use crate::Result;

/// How attention is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttentionBackend {
    /// By the kernel that the device has for it, where there is one; else as `Chunked`.
    #[default]
    Device,
    /// Some queries at a time, on every device; memory grows with the number of keys, not with its square.
    Chunked,
}

/// `queries` is `(B, T, width)`, `keys` and `values` are `(B, S, width)`; every query sees every key, and the scores are
/// divided by the root of a head's width. The result is `(B, T, width)`.
pub fn attention(
    backend: AttentionBackend,
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    heads: usize,
) -> Result<Tensor> {
    let by_device = match backend {
        AttentionBackend::Device => ops::attend_on_device(queries, keys, values, heads)?,
        AttentionBackend::Chunked => None,
    };
    match by_device {
        Some(attended) => Ok(attended),
        None => Ok(ops::attend(queries, keys, values, heads)?),
    }
}
