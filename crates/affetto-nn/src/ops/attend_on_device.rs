//! Attention by what a device has of its own, where the program was built for it.

use candle_core::{Result, Tensor};

/// Attention as in [`attend`](super::attend) by the kernel that the device has for it: flash attention on CUDA (Dao,
/// "FlashAttention-2", 2023; feature `flash`; in numbers of 16 bits, and of head widths that are multiples of 8 up to 256),
/// scaled dot-product attention on Metal (feature `metal`; head widths of 32, 64, 72, 80, 96, 128 and 256). Nothing where
/// there is none for these tensors, or where gradients are wanted, which these kernels do not have.
///
/// # Errors
/// Where the device fails.
pub fn attend_on_device(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    heads: usize,
) -> Result<Option<Tensor>> {
    let learns = [queries, keys, values].iter().any(|x| x.track_op());
    if learns || queries.device().is_cpu() {
        return Ok(None);
    }
    by_device(queries, keys, values, heads)
}

#[cfg(all(feature = "flash", not(feature = "metal")))]
fn by_device(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    heads: usize,
) -> Result<Option<Tensor>> {
    use candle_core::DType;

    let head_width = queries.dim(2)? / heads;
    if !queries.device().is_cuda() || head_width > 256 || !head_width.is_multiple_of(8) {
        return Ok(None);
    }
    // The published networks work in bf16, which has the range of f32.
    let numbers = match queries.dtype() {
        DType::F16 => DType::F16,
        _ => DType::BF16,
    };
    let split = |x: &Tensor| {
        let (batch, rows, _) = x.dims3()?;
        x.to_dtype(numbers)?
            .reshape((batch, rows, heads, head_width))
    };
    let (q, k, v) = (split(queries)?, split(keys)?, split(values)?);
    let scale = super::attend::scale(head_width) as f32;
    candle_flash_attn::flash_attn(&q, &k, &v, scale, false)?
        .reshape(queries.shape())?
        .to_dtype(queries.dtype())
        .map(Some)
}

#[cfg(feature = "metal")]
fn by_device(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    heads: usize,
) -> Result<Option<Tensor>> {
    const HEAD_WIDTHS: [usize; 7] = [32, 64, 72, 80, 96, 128, 256];

    let (_, rows, width) = queries.dims3()?;
    let head_width = width / heads;
    // One query goes by another kernel, with limits of its own.
    if !queries.device().is_metal() || rows < 2 || !HEAD_WIDTHS.contains(&head_width) {
        return Ok(None);
    }
    let split = |x: &Tensor| super::attend::heads_first(x, heads);
    let (q, k, v) = (split(queries)?, split(keys)?, split(values)?);
    let scale = super::attend::scale(head_width) as f32;
    candle_nn::ops::sdpa(&q, &k, &v, None, false, scale, 1.0)?
        .transpose(1, 2)?
        .reshape(queries.shape())
        .map(Some)
}

#[cfg(not(any(feature = "flash", feature = "metal")))]
fn by_device(_: &Tensor, _: &Tensor, _: &Tensor, _: usize) -> Result<Option<Tensor>> {
    Ok(None)
}
