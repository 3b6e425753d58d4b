//! Products with weights in blocks of 8 bits, which stay the only copy of them.
// Vector instructions for products of bytes are reached through raw pointers and are only there on some processors. They are
// asked for first, each pointer is that of an array of the width that is read, and no two pieces of work write the same number.
#![allow(unsafe_code)]

use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp2, D, DType, Layout, Module, Result, Shape, Tensor,
    quantized::{GgmlDType, QMatMul, QTensor},
};
use half::f16;
use rayon::prelude::*;

use super::{fused, numbers, vectorised};

/// Numbers of a block.
const BLOCK: usize = 32;
/// Bytes of a block as it is stored: a scale in 16 bits, then the numbers.
const STORED: usize = 2 + BLOCK;
/// Rows of the weight in a tile.
const TILE: usize = 16;
/// Tiles that are multiplied together.
const TILES: usize = 2;
/// Rows of the input that are multiplied together.
const ROWS: usize = 4;

/// `x weight^T + bias`: `x` is `(..., in)`, `weight` `(out, in)`, `bias` `(out)`; no gradient. Where the weight is in blocks of
/// 8 bits (`Q8_0`) and the processor multiplies vectors of bytes, each 32 numbers of the input are rounded to 8 bits too, and
/// no second copy of the weight is made; elsewhere this is candle's product.
pub fn blocks_linear(x: &Tensor, weight: &QMatMul, bias: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    match weight {
        QMatMul::QTensor(blocks) if fits(&x, blocks, bias) && supported() => {
            x.apply_op2(&bias.contiguous()?, BlocksLinear(blocks.clone()))
        }
        _ => weight.forward(&x)?.broadcast_add(bias),
    }
}

fn fits(x: &Tensor, weight: &QTensor, bias: &Tensor) -> bool {
    let (in_blocks, [out, width]) = match weight.shape().dims() {
        [out, width] => (weight.dtype() == GgmlDType::Q8_0, [*out, *width]),
        _ => return false,
    };
    let f32s = x.dtype() == DType::F32 && bias.dtype() == DType::F32;
    let extents = x.rank() > 1 && x.dim(D::Minus1).ok() == Some(width) && bias.dims() == [out];
    in_blocks && fused(x) && f32s && extents && width > 0 && width.is_multiple_of(BLOCK)
}

#[cfg(target_arch = "x86_64")]
fn supported() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn supported() -> bool {
    false
}

struct BlocksLinear(Arc<QTensor>);

impl CustomOp2 for BlocksLinear {
    fn name(&self) -> &'static str {
        "blocks-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = numbers::<f32>(bias, bias_layout)?;
        let mut shape = x_layout.dims().to_vec();
        let width = shape.pop().unwrap_or(0);
        shape.push(bias.len());
        let input = Input::new(numbers::<f32>(x, x_layout)?, width);
        let out = product(&input, &self.0.data()?, bias);
        Ok((CpuStorage::F32(out), shape.into()))
    }
}

/// 32 numbers of the input, rounded.
#[derive(Clone, Copy, Default)]
struct InputBlock {
    /// Four numbers in each, the first in the lowest byte.
    numbers: [i32; BLOCK / 4],
    /// -128 times their sum: weights are multiplied as unsigned bytes, 128 too large.
    excess: i32,
    /// What they are multiplied by.
    scale: f32,
}

impl InputBlock {
    #[inline(always)]
    fn new(x: &[f32]) -> Self {
        const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
        let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        let mut bytes = [0i8; BLOCK];
        let mut sum = 0;
        for (byte, x) in bytes.iter_mut().zip(x) {
            let rounded = ((x * inverse + ROUND) - ROUND) as i32;
            *byte = rounded as i8;
            sum += rounded;
        }
        let (fours, _) = bytes.as_chunks::<4>();
        let mut numbers = [0; BLOCK / 4];
        for (number, four) in numbers.iter_mut().zip(fours) {
            *number = i32::from_le_bytes(four.map(|byte| byte as u8));
        }
        Self {
            numbers,
            excess: -128 * sum,
            scale,
        }
    }
}

/// The rows of the input.
struct Input {
    blocks: Vec<InputBlock>,
    /// Blocks of a row.
    width: usize,
}

impl Input {
    fn new(x: &[f32], width: usize) -> Self {
        let mut blocks = vec![InputBlock::default(); x.len() / BLOCK];
        let width = width / BLOCK;
        blocks
            .par_chunks_mut(width)
            .zip(x.par_chunks(width * BLOCK))
            .for_each(|(blocks, x)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for (block, x) in blocks.iter_mut().zip(x.chunks_exact(BLOCK)) {
                            *block = InputBlock::new(x);
                        }
                    },
                );
            });
        Self { blocks, width }
    }

    fn rows(&self) -> usize {
        self.blocks.len() / self.width
    }

    fn row(&self, row: usize) -> &[InputBlock] {
        &self.blocks[row * self.width..][..self.width]
    }
}

/// A block of each of some rows of the weight.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Tile {
    /// Four numbers of every row in each, 128 added.
    numbers: [[i32; TILE]; BLOCK / 4],
    scales: [f32; TILE],
}

const EMPTY: Tile = Tile {
    numbers: [[0; TILE]; BLOCK / 4],
    scales: [0.0; TILE],
};

impl Tile {
    /// All blocks of the rows from `first` on; rows past the last have scales of 0.
    fn all(stored: &[u8], width: usize, first: usize, tiles: &mut [Self]) {
        for (lane, row) in (first..first + TILE).enumerate() {
            let start = row * width * STORED;
            let Some(row) = stored.get(start..start + width * STORED) else {
                tiles.iter_mut().for_each(|tile| tile.scales[lane] = 0.0);
                continue;
            };
            let (blocks, _) = row.as_chunks::<STORED>();
            for (tile, block) in tiles.iter_mut().zip(blocks) {
                let (scale, bytes) = block.split_at(2);
                tile.scales[lane] = f16::from_le_bytes([scale[0], scale[1]]).to_f32();
                let (fours, _) = bytes.as_chunks::<4>();
                for (numbers, four) in tile.numbers.iter_mut().zip(fours) {
                    numbers[lane] = i32::from_le_bytes(four.map(|byte| byte ^ 128));
                }
            }
        }
    }
}

/// Where the results are written, by several pieces of work at once.
#[derive(Clone, Copy)]
struct Out(*mut f32);

// SAFETY: each piece of work has columns of its own.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    /// # Safety
    /// `index` and the numbers after it must be there, and nobody else may write them.
    unsafe fn write(self, index: usize, numbers: &[f32]) {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(numbers.as_ptr(), self.0.add(index), numbers.len()) }
    }
}

/// `(rows, out)`.
fn product(input: &Input, weight: &[u8], bias: &[f32]) -> Vec<f32> {
    let (rows, columns) = (input.rows(), bias.len());
    let mut numbers = vec![0f32; rows * columns];
    let out = Out(numbers.as_mut_ptr());
    let tiles = || vec![EMPTY; TILES * input.width];
    (0..columns.div_ceil(TILES * TILE))
        .into_par_iter()
        .for_each_init(tiles, |tiles, piece| {
            let first = piece * TILES * TILE;
            for (tile, tiles) in tiles.chunks_exact_mut(input.width).enumerate() {
                Tile::all(weight, input.width, first + tile * TILE, tiles);
            }
            let bias = &bias[first..columns.min(first + TILES * TILE)];
            let (left, right) = tiles.split_at(input.width);
            let write = |row: usize, mut sums: [f32; TILES * TILE]| {
                for (sum, bias) in sums.iter_mut().zip(bias) {
                    *sum += bias;
                }
                // SAFETY: the columns of this piece, in a row that is there.
                unsafe { out.write(row * columns + first, &sums[..bias.len()]) };
            };
            let whole = rows / ROWS * ROWS;
            for row in (0..whole).step_by(ROWS) {
                let sums = sums(left, right, [0, 1, 2, 3].map(|part| input.row(row + part)));
                for (part, sums) in sums.into_iter().enumerate() {
                    write(row + part, sums);
                }
            }
            for row in whole..rows {
                let [sums] = sums(left, right, [input.row(row)]);
                write(row, sums);
            }
        });
    numbers
}

/// Products of rows of the input with the rows of two tiles.
#[cfg(target_arch = "x86_64")]
fn sums<const N: usize>(
    left: &[Tile],
    right: &[Tile],
    rows: [&[InputBlock]; N],
) -> [[f32; TILES * TILE]; N] {
    // SAFETY: the processor was asked before.
    unsafe { vector_sums(left, right, rows) }
}

#[cfg(not(target_arch = "x86_64"))]
fn sums<const N: usize>(
    left: &[Tile],
    right: &[Tile],
    rows: [&[InputBlock]; N],
) -> [[f32; TILES * TILE]; N] {
    plain_sums(left, right, rows)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn vector_sums<const N: usize>(
    left: &[Tile],
    right: &[Tile],
    rows: [&[InputBlock]; N],
) -> [[f32; TILES * TILE]; N] {
    use std::arch::x86_64::*;

    let mut sums = [[_mm512_setzero_ps(); TILES]; N];
    for (index, tiles) in left.iter().zip(right).enumerate() {
        let tiles: [&Tile; TILES] = [tiles.0, tiles.1];
        let mut products = [[_mm512_setzero_si512(); TILES]; N];
        for (products, row) in products.iter_mut().zip(&rows) {
            *products = [_mm512_set1_epi32(row[index].excess); TILES];
        }
        for four in 0..BLOCK / 4 {
            let mut weights = [_mm512_setzero_si512(); TILES];
            for (weights, tile) in weights.iter_mut().zip(tiles) {
                // SAFETY: 16 numbers of 32 bits, aligned as the tile is.
                *weights = unsafe { _mm512_load_si512(tile.numbers[four].as_ptr().cast()) };
            }
            for (products, row) in products.iter_mut().zip(&rows) {
                let input = _mm512_set1_epi32(row[index].numbers[four]);
                for (product, weights) in products.iter_mut().zip(weights) {
                    *product = _mm512_dpbusd_epi32(*product, weights, input);
                }
            }
        }
        for (at, tile) in tiles.into_iter().enumerate() {
            // SAFETY: 16 numbers of 32 bits, aligned as the tile is.
            let scales = unsafe { _mm512_load_ps(tile.scales.as_ptr()) };
            for ((sums, products), row) in sums.iter_mut().zip(&products).zip(&rows) {
                let scale = _mm512_mul_ps(scales, _mm512_set1_ps(row[index].scale));
                let product = _mm512_cvtepi32_ps(products[at]);
                sums[at] = _mm512_add_ps(sums[at], _mm512_mul_ps(product, scale));
            }
        }
    }
    let mut out = [[0.0; TILES * TILE]; N];
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sums) in out.chunks_exact_mut(TILE).zip(sums) {
            // SAFETY: room for 16 numbers.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sums) };
        }
    }
    out
}

/// The same without vector instructions, to the bit.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_sums<const N: usize>(
    left: &[Tile],
    right: &[Tile],
    rows: [&[InputBlock]; N],
) -> [[f32; TILES * TILE]; N] {
    let byte = |number: i32, index: usize| number.to_le_bytes()[index];
    rows.map(|row| {
        let mut sums = [0.0; TILES * TILE];
        for (index, sum) in sums.iter_mut().enumerate() {
            let tiles = [left, right][index / TILE];
            for (tile, input) in tiles.iter().zip(row) {
                let mut product = input.excess;
                for (weights, input) in tile.numbers.iter().zip(input.numbers) {
                    let weight = weights[index % TILE];
                    let term = |at| i32::from(byte(weight, at)) * i32::from(byte(input, at) as i8);
                    product += (0..4).map(term).sum::<i32>();
                }
                *sum += product as f32 * (tile.scales[index % TILE] * input.scale);
            }
        }
        sums
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::*;

    fn random(count: usize, step: usize) -> Vec<f32> {
        let number = |i: usize| ((i * step) % 1013) as f32 / 506.0 - 1.0;
        (0..count).map(number).collect()
    }

    fn weight(out: usize, width: usize) -> QTensor {
        let weight = Tensor::from_vec(random(out * width, 379), (out, width), &Device::Cpu);
        QTensor::quantize(&weight.unwrap(), GgmlDType::Q8_0).unwrap()
    }

    /// Rows and columns that groups of them do not divide.
    #[test]
    fn nearly_the_product_with_the_floats() {
        let (rows, out, width) = (7, 53, 96);
        let x = Tensor::from_vec(random(rows * width, 211), (1, rows, width), &Device::Cpu);
        let (x, weight) = (x.unwrap(), weight(out, width));
        let bias = Tensor::from_vec(random(out, 97), out, &Device::Cpu).unwrap();
        let floats = weight.dequantize(&Device::Cpu).unwrap();
        let expected = super::super::linear(&x, &floats, &bias).unwrap();
        let weight = QMatMul::from_qtensor(weight).unwrap();
        let found = blocks_linear(&x, &weight, &bias).unwrap();
        assert_eq!(found.dims(), [1, rows, out]);
        let largest = (found - expected).unwrap().abs().unwrap().max_all();
        let largest = largest.unwrap().to_scalar::<f32>().unwrap();
        assert!(largest < 0.05, "{largest}");
    }

    /// Where there are such instructions.
    #[test]
    fn vector_instructions_change_no_bit() {
        if !supported() {
            return;
        }
        let (rows, out, width) = (4, 32, 160);
        let input = Input::new(&random(rows * width, 211), width);
        let stored = weight(out, width);
        let mut tiles = vec![EMPTY; TILES * input.width];
        for (tile, tiles) in tiles.chunks_exact_mut(input.width).enumerate() {
            Tile::all(&stored.data().unwrap(), input.width, tile * TILE, tiles);
        }
        let (left, right) = tiles.split_at(input.width);
        let rows = [0, 1, 2, 3].map(|row| input.row(row));
        assert_eq!(sums(left, right, rows), plain_sums(left, right, rows));
    }

    /// Bytes of all signs and sizes, by hand: 3 blocks of one row of the weight with itself.
    #[test]
    fn a_row_by_itself() {
        let x = random(3 * BLOCK, 379);
        let input = Input::new(&x, x.len());
        let stored = weight(1, x.len());
        let [out] = product(&input, &stored.data().unwrap(), &[0.5])[..] else {
            panic!("one number is expected");
        };
        let exact: f32 = x.iter().map(|x| x * x).sum();
        assert!((out - 0.5 - exact).abs() < 0.02 * exact, "{out} {exact}");
    }
}
