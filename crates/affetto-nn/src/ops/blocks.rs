//! Products with weights in blocks of few bits, which stay the only copy of them.
// Vector instructions for products of bytes and of pairs are reached through raw pointers and are only there on some
// processors. They are asked for first, each pointer is that of an array of the width that is read, and no two pieces of work
// write the same number.
#![allow(unsafe_code)]
// Other processors go by candle's product.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

use std::{array, borrow::Cow, ops::Range, ptr, sync::Arc};

use candle_core::{
    CpuStorage, CustomOp2, D, DType, Device, Layout, Module, Result, Shape, Tensor,
    quantized::{GgmlDType, QMatMul, QStorage, QTensor},
};
use half::f16;
use rayon::prelude::*;

use super::{
    fused,
    linear::rows_of_bias,
    numbers,
    product::{Matrix, Shared, product_with_made},
    vectorised,
};

/// Numbers of a block.
const BLOCK: usize = 32;
/// Bytes of a block as it is stored: a scale in 16 bits, then the numbers.
const STORED: usize = 2 + BLOCK;
/// Rows of the weight in a tile.
const TILE: usize = 16;
/// Tiles that are multiplied together.
const TILES: usize = 2;
/// Rows of the input that pass by two tiles together.
const PANEL: usize = 96;

/// `x weight^T + bias`: `x` is `(..., in)`, `weight` `(out, in)`, `bias` `(out)`; no gradient. No second copy of the weight is
/// made. Where it is in blocks of 8 bits (`Q8_0`) and the processor multiplies vectors of bytes or of 16 bits, each 32 numbers
/// of the input are rounded to 8 bits too, with the same result to the bit by either kind of vectors. Other blocks become
/// floats, some rows of the weight at a time. On devices this is candle's product, and where the input has fewer rows than a
/// block has numbers, since making the floats would cost more.
pub fn blocks_linear(x: &Tensor, weight: &QMatMul, bias: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    if let QMatMul::QTensor(blocks) = weight
        && fits(&x, blocks, bias)
    {
        let product = match blocks.dtype() {
            GgmlDType::Q8_0 => product_here(),
            _ => None,
        };
        let rows = x.elem_count() / x.dim(D::Minus1)?;
        if product.is_some() || rows >= blocks.dtype().block_size() {
            let layer = BlocksLinear {
                weight: blocks.clone(),
                product,
            };
            return x.apply_op2(&bias.contiguous()?, layer);
        }
    }
    weight.forward(&x)?.broadcast_add(bias)
}

fn fits(x: &Tensor, weight: &QTensor, bias: &Tensor) -> bool {
    let [out, width] = weight.shape().dims() else {
        return false;
    };
    let f32s = x.dtype() == DType::F32 && bias.dtype() == DType::F32;
    let extents =
        x.rank() > 1 && *out > 0 && x.dim(D::Minus1).ok() == Some(*width) && bias.dims() == [*out];
    let in_blocks = weight.device().is_cpu() && *width > 0 && width.is_multiple_of(BLOCK);
    fused(x) && f32s && extents && in_blocks
}

/// From the input, how wide it is, the weight as stored and the bias.
type Product = fn(&[f32], usize, &[u8], &[f32]) -> Vec<f32>;

/// The fastest product of this processor.
#[cfg(target_arch = "x86_64")]
fn product_here() -> Option<Product> {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        Some(product::<BYTES, 4, Avx512>)
    } else if is_x86_feature_detected!("avx2") {
        Some(product::<PAIRS, 6, Avx2>)
    } else {
        None
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn product_here() -> Option<Product> {
    None
}

struct BlocksLinear {
    weight: Arc<QTensor>,
    /// Of 8 bits; by floats where there is none.
    product: Option<Product>,
}

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
        let x = numbers::<f32>(x, x_layout)?;
        let stored = self.weight.data()?;
        let out = match self.product {
            Some(product) => product(x, width, &stored, bias),
            None => by_floats(x, width, &stored, self.weight.dtype(), bias)?,
        };
        Ok((CpuStorage::F32(out), shape.into()))
    }
}

/// `(rows, out)`.
fn by_floats(
    x: &[f32],
    width: usize,
    stored: &[u8],
    dtype: GgmlDType,
    bias: &[f32],
) -> Result<Vec<f32>> {
    let rows = x.len() / width;
    let stored_row = width / dtype.block_size() * dtype.type_size();
    let floats = |rows: Range<usize>| -> Result<Vec<f32>> {
        let part = &stored[rows.start * stored_row..rows.end * stored_row];
        let part = QStorage::from_data(Cow::Borrowed(part), &Device::Cpu, dtype)?;
        QTensor::new(part, (rows.len(), width))?
            .dequantize(&Device::Cpu)?
            .flatten_all()?
            .to_vec1()
    };
    let mut out = rows_of_bias(rows, bias);
    let x = Matrix::new(x, rows, width, width);
    product_with_made(&mut out, x, bias.len(), floats)?;
    Ok(out)
}

/// Words of 32 bits that a block takes: four numbers of 8 bits in each, for vectors of bytes.
const BYTES: usize = BLOCK / 4;
/// Two numbers of 16 bits in each.
const PAIRS: usize = BLOCK / 2;

/// Bits that a number takes in one of so many words.
const fn bits(words: usize) -> usize {
    32 * words / BLOCK
}

/// So many blocks of the tiles, of so many words, stay in the nearest cache while the rows of a panel pass by.
const fn near(words: usize) -> usize {
    128 / words
}

/// What is added to a number of the weight: vectors of bytes multiply bytes with a sign by bytes without one.
const fn excess(words: usize) -> i32 {
    if words == BYTES { 128 } else { 0 }
}

/// Numbers of a block in words, the first in the lowest bits.
#[inline(always)]
fn in_words<const WORDS: usize>(numbers: &[i32; BLOCK]) -> [i32; WORDS] {
    let bits = bits(WORDS);
    let mut words = [0; WORDS];
    for (word, numbers) in words.iter_mut().zip(numbers.chunks_exact(BLOCK / WORDS)) {
        for (at, number) in numbers.iter().enumerate() {
            *word |= (number & ((1 << bits) - 1)) << (at * bits);
        }
    }
    words
}

/// 32 numbers of the input, rounded.
#[derive(Clone, Copy)]
struct InputBlock<const WORDS: usize> {
    numbers: [i32; WORDS],
    /// What the products are too large by, taken off.
    excess: i32,
    /// What they are multiplied by.
    scale: f32,
}

impl<const WORDS: usize> InputBlock<WORDS> {
    const EMPTY: Self = Self {
        numbers: [0; WORDS],
        excess: 0,
        scale: 0.0,
    };

    #[inline(always)]
    fn new(x: &[f32]) -> Self {
        const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
        let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        let mut rounded = [0; BLOCK];
        for (rounded, x) in rounded.iter_mut().zip(x) {
            *rounded = ((x * inverse + ROUND) - ROUND) as i32;
        }
        Self {
            numbers: in_words(&rounded),
            excess: -excess(WORDS) * rounded.iter().sum::<i32>(),
            scale,
        }
    }
}

/// The rows of the input.
struct Input<const WORDS: usize> {
    blocks: Vec<InputBlock<WORDS>>,
    /// Blocks of a row.
    width: usize,
}

impl<const WORDS: usize> Input<WORDS> {
    fn new(x: &[f32], width: usize) -> Self {
        let mut blocks = vec![InputBlock::EMPTY; x.len() / BLOCK];
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

    fn row(&self, row: usize) -> &[InputBlock<WORDS>] {
        &self.blocks[row * self.width..][..self.width]
    }
}

/// A block of each of some rows of the weight.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Tile<const WORDS: usize> {
    /// A word of every row in each.
    numbers: [[i32; TILE]; WORDS],
    scales: [f32; TILE],
}

impl<const WORDS: usize> Tile<WORDS> {
    const EMPTY: Self = Self {
        numbers: [[0; TILE]; WORDS],
        scales: [0.0; TILE],
    };

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
                let mut block = [0; BLOCK];
                for (number, byte) in block.iter_mut().zip(bytes) {
                    *number = i32::from(*byte as i8) + excess(WORDS);
                }
                let words: [i32; WORDS] = in_words(&block);
                for (numbers, word) in tile.numbers.iter_mut().zip(words) {
                    numbers[lane] = word;
                }
            }
        }
    }
}

/// Adds the products of rows of the input with the rows of two tiles.
trait Sums<const WORDS: usize> {
    fn sums<const N: usize>(
        left: &[Tile<WORDS>],
        right: &[Tile<WORDS>],
        rows: [&[InputBlock<WORDS>]; N],
        sums: &mut [[f32; TILES * TILE]; N],
    );
}

/// `(rows, out)`, of `ROWS` rows of the input at a time.
fn product<const WORDS: usize, const ROWS: usize, S: Sums<WORDS>>(
    x: &[f32],
    width: usize,
    weight: &[u8],
    bias: &[f32],
) -> Vec<f32> {
    let input: Input<WORDS> = Input::new(x, width);
    let (rows, columns) = (input.rows(), bias.len());
    let mut numbers = vec![0f32; rows * columns];
    let out = Shared(numbers.as_mut_ptr());
    let tiles = || vec![Tile::EMPTY; TILES * input.width];
    (0..columns.div_ceil(TILES * TILE))
        .into_par_iter()
        .for_each_init(tiles, |tiles, piece| {
            let first = piece * TILES * TILE;
            for (tile, tiles) in tiles.chunks_exact_mut(input.width).enumerate() {
                Tile::all(weight, input.width, first + tile * TILE, tiles);
            }
            let (left, right) = tiles.split_at(input.width);
            let bias = &bias[first..columns.min(first + TILES * TILE)];
            for begin in (0..rows).step_by(PANEL) {
                let mut panel = [[0.0; TILES * TILE]; PANEL];
                let panel = &mut panel[..PANEL.min(rows - begin)];
                for start in (0..input.width).step_by(near(WORDS)) {
                    let end = input.width.min(start + near(WORDS));
                    let (left, right) = (&left[start..end], &right[start..end]);
                    let row = |row: usize| &input.row(begin + row)[start..end];
                    let (groups, rest) = panel.as_chunks_mut::<ROWS>();
                    let grouped = groups.len() * ROWS;
                    for (group, sums) in groups.iter_mut().enumerate() {
                        let rows = array::from_fn(|part| row(group * ROWS + part));
                        S::sums(left, right, rows, sums);
                    }
                    for (part, sums) in rest.iter_mut().enumerate() {
                        S::sums(left, right, [row(grouped + part)], array::from_mut(sums));
                    }
                }
                for (row, sums) in panel.iter_mut().enumerate() {
                    for (sum, bias) in sums.iter_mut().zip(bias) {
                        *sum += bias;
                    }
                    let at = (begin + row) * columns + first;
                    // SAFETY: the columns of this piece, in a row that is there.
                    unsafe { ptr::copy_nonoverlapping(sums.as_ptr(), out.at(at), bias.len()) };
                }
            }
        });
    numbers
}

/// Vectors of 16 words, of bytes.
#[cfg(target_arch = "x86_64")]
struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Sums<BYTES> for Avx512 {
    fn sums<const N: usize>(
        left: &[Tile<BYTES>],
        right: &[Tile<BYTES>],
        rows: [&[InputBlock<BYTES>]; N],
        sums: &mut [[f32; TILES * TILE]; N],
    ) {
        // SAFETY: the processor was asked before.
        unsafe { sums_of_bytes(left, right, rows, sums) }
    }
}

/// Vectors of 8 words, of pairs.
#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Sums<PAIRS> for Avx2 {
    fn sums<const N: usize>(
        left: &[Tile<PAIRS>],
        right: &[Tile<PAIRS>],
        rows: [&[InputBlock<PAIRS>]; N],
        sums: &mut [[f32; TILES * TILE]; N],
    ) {
        for (at, tiles) in [left, right].into_iter().enumerate() {
            // SAFETY: the processor was asked before.
            unsafe { sums_of_pairs(tiles, rows, at * TILE, sums) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sums_of_pairs<const N: usize>(
    tiles: &[Tile<PAIRS>],
    rows: [&[InputBlock<PAIRS>]; N],
    first: usize,
    into: &mut [[f32; TILES * TILE]; N],
) {
    use std::arch::x86_64::*;

    /// Numbers of a vector.
    const LANES: usize = 8;
    const VECTORS: usize = TILE / LANES;

    let mut sums = [[_mm256_setzero_ps(); VECTORS]; N];
    for (sums, into) in sums.iter_mut().zip(&*into) {
        for (sums, into) in sums.iter_mut().zip(into[first..].chunks_exact(LANES)) {
            // SAFETY: 8 numbers.
            *sums = unsafe { _mm256_loadu_ps(into.as_ptr()) };
        }
    }
    for (index, tile) in tiles.iter().enumerate() {
        let mut products = [[_mm256_setzero_si256(); VECTORS]; N];
        for (word, lanes) in tile.numbers.iter().enumerate() {
            let mut weights = [_mm256_setzero_si256(); VECTORS];
            for (weights, lanes) in weights.iter_mut().zip(lanes.chunks_exact(LANES)) {
                // SAFETY: 8 numbers of 32 bits, aligned as the tile is.
                *weights = unsafe { _mm256_load_si256(lanes.as_ptr().cast()) };
            }
            for (products, row) in products.iter_mut().zip(&rows) {
                let input = _mm256_set1_epi32(row[index].numbers[word]);
                for (product, weights) in products.iter_mut().zip(weights) {
                    *product = _mm256_add_epi32(*product, _mm256_madd_epi16(weights, input));
                }
            }
        }
        for (at, scales) in tile.scales.chunks_exact(LANES).enumerate() {
            // SAFETY: 8 numbers of 32 bits, aligned as the tile is.
            let scales = unsafe { _mm256_load_ps(scales.as_ptr()) };
            for ((sums, products), row) in sums.iter_mut().zip(&products).zip(&rows) {
                let scale = _mm256_mul_ps(scales, _mm256_set1_ps(row[index].scale));
                let product = _mm256_cvtepi32_ps(products[at]);
                sums[at] = _mm256_add_ps(sums[at], _mm256_mul_ps(product, scale));
            }
        }
    }
    for (into, sums) in into.iter_mut().zip(sums) {
        for (into, sums) in into[first..].chunks_exact_mut(LANES).zip(sums) {
            // SAFETY: room for 8 numbers.
            unsafe { _mm256_storeu_ps(into.as_mut_ptr(), sums) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn sums_of_bytes<const N: usize>(
    left: &[Tile<BYTES>],
    right: &[Tile<BYTES>],
    rows: [&[InputBlock<BYTES>]; N],
    into: &mut [[f32; TILES * TILE]; N],
) {
    use std::arch::x86_64::*;

    let mut sums = [[_mm512_setzero_ps(); TILES]; N];
    for (sums, into) in sums.iter_mut().zip(&*into) {
        for (sums, into) in sums.iter_mut().zip(into.chunks_exact(TILE)) {
            // SAFETY: 16 numbers.
            *sums = unsafe { _mm512_loadu_ps(into.as_ptr()) };
        }
    }
    for (index, tiles) in left.iter().zip(right).enumerate() {
        let tiles: [&Tile<BYTES>; TILES] = [tiles.0, tiles.1];
        let mut products = [[_mm512_setzero_si512(); TILES]; N];
        for (products, row) in products.iter_mut().zip(&rows) {
            *products = [_mm512_set1_epi32(row[index].excess); TILES];
        }
        for word in 0..BYTES {
            let mut weights = [_mm512_setzero_si512(); TILES];
            for (weights, tile) in weights.iter_mut().zip(tiles) {
                // SAFETY: 16 numbers of 32 bits, aligned as the tile is.
                *weights = unsafe { _mm512_load_si512(tile.numbers[word].as_ptr().cast()) };
            }
            for (products, row) in products.iter_mut().zip(&rows) {
                let input = _mm512_set1_epi32(row[index].numbers[word]);
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
    for (into, sums) in into.iter_mut().zip(sums) {
        for (into, sums) in into.chunks_exact_mut(TILE).zip(sums) {
            // SAFETY: room for 16 numbers.
            unsafe { _mm512_storeu_ps(into.as_mut_ptr(), sums) };
        }
    }
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
        weight_in(GgmlDType::Q8_0, out, width)
    }

    fn weight_in(dtype: GgmlDType, out: usize, width: usize) -> QTensor {
        let weight = Tensor::from_vec(random(out * width, 379), (out, width), &Device::Cpu);
        QTensor::quantize(&weight.unwrap(), dtype).unwrap()
    }

    fn away_from_floats(dtype: GgmlDType, rows: usize, out: usize, width: usize) -> f32 {
        let x = Tensor::from_vec(random(rows * width, 211), (1, rows, width), &Device::Cpu);
        let (x, weight) = (x.unwrap(), weight_in(dtype, out, width));
        let bias = Tensor::from_vec(random(out, 97), out, &Device::Cpu).unwrap();
        let floats = weight.dequantize(&Device::Cpu).unwrap();
        let expected = super::super::linear(&x, &floats, &bias).unwrap();
        let weight = QMatMul::from_qtensor(weight).unwrap();
        let found = blocks_linear(&x, &weight, &bias).unwrap();
        assert_eq!(found.dims(), [1, rows, out]);
        let largest = (found - expected).unwrap().abs().unwrap().max_all();
        largest.unwrap().to_scalar().unwrap()
    }

    /// Rows and columns that groups of them do not divide.
    #[test]
    fn nearly_the_product_with_the_floats() {
        let away = away_from_floats(GgmlDType::Q8_0, 7, 53, 96);
        assert!(away < 0.05, "{away}");
    }

    /// Rows of which several parts are made.
    #[test]
    fn other_blocks_are_the_product_with_the_floats() {
        for dtype in [
            GgmlDType::Q4_0,
            GgmlDType::Q5_1,
            GgmlDType::Q4K,
            GgmlDType::Q6K,
        ] {
            let away = away_from_floats(dtype, 1030, 1200, 256);
            assert!(away < 1e-4, "{dtype:?}: {away}");
        }
    }

    /// Numbers of a block from its words.
    fn numbers<const WORDS: usize>(words: [i32; WORDS], has_signs: bool) -> Vec<i32> {
        let bits = bits(WORDS);
        let number = |word: i32, at: usize| {
            let number = word << (32 - bits * (at + 1)) >> (32 - bits);
            if has_signs {
                number
            } else {
                number & ((1 << bits) - 1)
            }
        };
        let numbers = |word| (0..BLOCK / WORDS).map(move |at| number(word, at));
        words.into_iter().flat_map(numbers).collect()
    }

    /// Sums without vectors.
    struct Plain;

    impl<const WORDS: usize> Sums<WORDS> for Plain {
        fn sums<const N: usize>(
            left: &[Tile<WORDS>],
            right: &[Tile<WORDS>],
            rows: [&[InputBlock<WORDS>]; N],
            sums: &mut [[f32; TILES * TILE]; N],
        ) {
            for (sums, row) in sums.iter_mut().zip(rows) {
                for (index, sum) in sums.iter_mut().enumerate() {
                    let lane = index % TILE;
                    for (tile, input) in [left, right][index / TILE].iter().zip(row) {
                        let weights = tile.numbers.map(|lanes| lanes[lane]);
                        let weights = numbers(weights, excess(WORDS) == 0);
                        let inputs = numbers(input.numbers, true);
                        let products = weights.iter().zip(&inputs).map(|(w, x)| w * x);
                        let product = input.excess + products.sum::<i32>();
                        *sum += product as f32 * (tile.scales[lane] * input.scale);
                    }
                }
            }
        }
    }

    /// By every kind of vectors that this processor has, and by none; of rows and columns that groups of them do not divide.
    #[test]
    fn vector_instructions_change_no_bit() {
        let (rows, out, width) = (101, 53, 32 * 21);
        let (x, bias) = (random(rows * width, 211), random(out, 97));
        let stored = weight(out, width);
        let stored = stored.data().unwrap();
        let by = |product: Product| product(&x, width, &stored, &bias);
        let plain = by(product::<BYTES, 4, Plain>);
        assert_eq!(plain, by(product::<PAIRS, 4, Plain>));
        if let Some(product) = product_here() {
            assert_eq!(plain, by(product));
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            assert_eq!(plain, by(product::<PAIRS, 6, Avx2>));
        }
    }

    /// Bytes of all signs and sizes, by hand: 3 blocks of one row of the weight with itself.
    #[test]
    fn a_row_by_itself() {
        let x = random(3 * BLOCK, 379);
        let stored = weight(1, x.len());
        let product = product_here().unwrap_or(product::<PAIRS, 4, Plain>);
        let [out] = product(&x, x.len(), &stored.data().unwrap(), &[0.5])[..] else {
            panic!("one number is expected");
        };
        let exact: f32 = x.iter().map(|x| x * x).sum();
        assert!((out - 0.5 - exact).abs() < 0.02 * exact, "{out} {exact}");
    }
}
