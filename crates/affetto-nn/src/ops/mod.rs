//! Operations with backward passes that candle lacks or runs slowly on a CPU.
//!
//! Those for drawing only, without a backward pass, say so.
//!
//! Each is one node of candle's graph. On the CPU it runs a fused kernel, generic over `f32` and
//! `f64`, whose gradient is compared with finite differences in its tests; on other devices it is
//! put together from candle's own operations. Results do not depend on the number of threads.

mod adamw;
mod attend;
mod attend_on_device;
mod attention;
mod blocks;
mod conv_frames;
mod cross_entropy;
pub mod decode;
mod dropout;
mod embedding;
mod gate;
#[cfg(test)]
pub(crate) mod gradient;
pub mod integers;
mod layer_norm;
mod linear;
mod linear_attention;
mod pointwise;
pub(crate) mod product;
mod real;
mod rotary;
mod row_norm;
mod softmax;
mod tiles;
mod turn;

use std::{marker::PhantomData, ops::Deref};

use candle_core::{CpuStorage, Layout, Result, Storage, StorageRef, Tensor, bail};

pub use adamw::{AdamW, AdamWStep, Moments, global_norm};
pub use attend::attend;
pub use attend_on_device::attend_on_device;
pub use attention::{Attention, cross_attention, self_attention};
pub use blocks::blocks_linear;
pub use conv_frames::{ConvFrames, conv_frames};
pub use cross_entropy::{Targets, cross_entropy};
pub use dropout::{DropoutSeed, dropout, dropout_add};
pub use embedding::embedding_sum;
pub use gate::gated;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub(crate) use linear::weight_gradient;
pub use linear_attention::{fading_linear_attention, linear_attention};
pub use pointwise::{gelu, tanh};
pub use real::Real;
pub(crate) use real::{sum8, vectorised};
pub use rotary::{Rotary, rotary_frequencies};
pub use row_norm::{length_norm, rms_norm};
pub use softmax::{Softmax, softmax};
pub use turn::turn_pairs;

/// Runs the body with `$real` as the type of numbers in `$dtype`.
macro_rules! by_dtype {
    ($dtype:expr, $real:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $real = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $real = f64;
                $body
            }
            other => candle_core::bail!("{other:?} numbers where f32 or f64 are needed"),
        }
    };
}
pub(crate) use by_dtype;

/// Whether the fused kernels run on this tensor: it lies in this machine's memory.
pub fn fused(tensor: &Tensor) -> bool {
    tensor.device().is_cpu()
}

/// The numbers that an operation was given.
pub(crate) fn numbers<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<T>()?[start..end]),
        None => bail!("numbers that do not lie side by side"),
    }
}

/// The numbers of a contiguous tensor on the CPU, borrowed.
pub(crate) struct Numbers<'a, T> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
    kind: PhantomData<T>,
}

impl<'a, T: Real> Numbers<'a, T> {
    /// Borrows the numbers of `tensor`.
    pub fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        match &*storage {
            Storage::Cpu(cpu) => numbers::<T>(cpu, layout)?,
            _ => bail!("a tensor on the CPU is needed"),
        };
        Ok(Self {
            storage,
            layout,
            kind: PhantomData,
        })
    }
}

impl<T: Real> Deref for Numbers<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &*self.storage {
            Storage::Cpu(cpu) => numbers(cpu, self.layout).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// A tensor of the same shape as `like` around `numbers`.
pub(crate) fn tensor_like<T: Real>(numbers: Vec<T>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(numbers, like.shape(), like.device())
}
