//! Linear layers of whole numbers, for decoding one token at a time: weights rounded to 12 bits and inputs to as many as
//! their sums have room for.
//!
//! Sums of whole numbers are exact, so that their order does not matter: the same bytes on every processor and for every
//! number of threads. Vectors multiply pairs of 16 bits, twice as many numbers at a time as of floats.

use super::tiles::{Lanes, PANEL, multiply};
use crate::{Result, weights::TensorFile};

/// The largest weight.
const LARGEST_WEIGHT: f32 = 2047.0;
/// The largest input where there are few.
const LARGEST_INPUT: f32 = 16_383.0;
/// Adding it to a float below 2^22 rounds that to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// Two numbers that are multiplied together with two others.
type Pair = [i16; 2];

/// A linear layer with its weights in whole numbers.
#[derive(Clone, Debug)]
pub struct IntegerPanels {
    inputs: usize,
    outputs: usize,
    /// Panels of half as many pairs as there are inputs; the last panel is filled up with 0, and so is an odd input.
    weights: Vec<[Pair; PANEL]>,
    /// By output: what one is worth, and the bias.
    scales: Vec<[f32; PANEL]>,
    biases: Vec<[f32; PANEL]>,
    /// The largest input with which no sum overflows.
    largest: f32,
}

impl IntegerPanels {
    /// From a `weight` of `bias.len()` rows, one per output.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let inputs = weight.len() / outputs.max(1);
        let (panels, pairs) = (outputs.div_ceil(PANEL), inputs.div_ceil(2));
        let mut weights = vec![[[0; 2]; PANEL]; panels * pairs];
        let mut scales = vec![[0.0; PANEL]; panels];
        let mut biases = scales.clone();
        let mut most = 1;
        for (output, (row, bias)) in weight.chunks_exact(inputs.max(1)).zip(bias).enumerate() {
            let (panel, at) = (output / PANEL, output % PANEL);
            let (rounded, scale) = rounded(row, LARGEST_WEIGHT);
            most = most.max(rounded.iter().map(|weight| i64::from(weight.abs())).sum());
            (scales[panel][at], biases[panel][at]) = (scale, *bias);
            for (input, weight) in rounded.into_iter().enumerate() {
                weights[panel * pairs + input / 2][at][input % 2] = weight;
            }
        }
        let largest = (i64::from(i32::MAX) / most) as f32;
        Self {
            inputs,
            outputs,
            weights,
            scales,
            biases,
            largest: largest.min(LARGEST_INPUT),
        }
    }

    /// The linear layer called `name`.
    ///
    /// # Errors
    /// Where its tensors are missing or have another shape.
    pub fn take(file: &mut TensorFile, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = file.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = file.take(&format!("{name}.bias"), &[outputs])?;
        Ok(Self::new(&weight, &bias))
    }

    /// The outputs of each row of `x`, whose rows stand side by side.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.inputs.max(1) * self.outputs];
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::x86::{V3, V4};
            if let Some(vectors) = V4::try_new() {
                vectors.vectorize(Apply(self, vectors, x, &mut out));
                return out;
            }
            if let Some(vectors) = V3::try_new() {
                vectors.vectorize(Apply(self, vectors, x, &mut out));
                return out;
            }
        }
        self.apply_by(Plain, x, &mut out);
        out
    }

    #[inline(always)]
    fn apply_by<V>(&self, vectors: V, x: &[f32], out: &mut [f32])
    where
        V: Lanes<Input = Pair, Weights = [Pair; PANEL], Number = i32>,
    {
        let pairs = self.inputs.div_ceil(2);
        let rows = x.chunks_exact(self.inputs.max(1));
        let mut whole = vec![[0; 2]; rows.len() * pairs];
        let mut scales = vec![0.0; rows.len()];
        let of_rows = rows.zip(whole.chunks_exact_mut(pairs.max(1)));
        for ((x, whole), scale) in of_rows.zip(&mut scales) {
            *scale = round_into(x, self.largest, whole.as_flattened_mut());
        }
        multiply(
            vectors,
            (&whole, pairs),
            &self.weights,
            (out, self.outputs),
            #[inline(always)]
            |_| [0; PANEL],
            #[inline(always)]
            |panel, row, sums| {
                let mut numbers = self.biases[panel];
                for ((number, sum), worth) in numbers.iter_mut().zip(sums).zip(self.scales[panel]) {
                    *number += *sum as f32 * (worth * scales[row]);
                }
                numbers
            },
        );
    }
}

/// [`IntegerPanels::apply_by`] as something to run with vectors. A closure would be called through a function of its own,
/// which a debug build leaves without them.
#[cfg(target_arch = "x86_64")]
struct Apply<'a, V>(&'a IntegerPanels, V, &'a [f32], &'a mut [f32]);

#[cfg(target_arch = "x86_64")]
impl<V> pulp::NullaryFnOnce for Apply<'_, V>
where
    V: Lanes<Input = Pair, Weights = [Pair; PANEL], Number = i32>,
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(panels, vectors, x, out) = self;
        panels.apply_by(vectors, x, out);
    }
}

/// The numbers as multiples of a scale, the largest `largest` times it, and the scale.
fn rounded(numbers: &[f32], largest: f32) -> (Vec<i16>, f32) {
    let mut whole = vec![0; numbers.len()];
    let scale = round_into(numbers, largest, &mut whole);
    (whole, scale)
}

#[inline(always)]
fn round_into(numbers: &[f32], largest: f32, whole: &mut [i16]) -> f32 {
    // By their bits, of which those of infinity and of what is no number are the largest.
    let sizes = numbers.iter().map(|number| number.abs().to_bits());
    let most = f32::from_bits(sizes.fold(0, u32::max));
    let factor = largest / most;
    if !factor.is_normal() {
        whole.fill(0);
        // Too small to count, or no number, which then shows in all that comes of it.
        return if most.is_finite() { 0.0 } else { f32::NAN };
    }
    for (whole, number) in whole.iter_mut().zip(numbers) {
        *whole = (number * factor + ROUND)
            .to_bits()
            .wrapping_sub(ROUND.to_bits()) as i16;
    }
    most / largest
}

/// What every processor can.
#[derive(Clone, Copy)]
struct Plain;

impl Lanes for Plain {
    type Input = Pair;
    type Weights = [Pair; PANEL];
    type Loaded = [Pair; PANEL];
    type Number = i32;
    type Sums = [i32; PANEL];

    #[inline(always)]
    fn add(self, mut sums: [i32; PANEL], weights: [Pair; PANEL], x: Pair) -> [i32; PANEL] {
        let x = x.map(i32::from);
        for (sum, weights) in sums.iter_mut().zip(&weights) {
            let [first, second] = weights.map(i32::from);
            *sum += first * x[0] + second * x[1];
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256i, __m512i};

    use pulp::{
        cast,
        x86::{V3, V4},
    };

    use super::{Lanes, PANEL, Pair};

    impl Lanes for V3 {
        type Input = Pair;
        type Weights = [Pair; PANEL];
        type Loaded = [__m256i; 2];
        type Number = i32;
        type Sums = [__m256i; 2];

        #[inline(always)]
        fn add(self, sums: Self::Sums, weights: Self::Loaded, x: Pair) -> Self::Sums {
            let x = self.avx._mm256_set1_epi32(cast(x));
            let products = [
                self.avx2._mm256_madd_epi16(weights[0], x),
                self.avx2._mm256_madd_epi16(weights[1], x),
            ];
            [
                self.avx2._mm256_add_epi32(sums[0], products[0]),
                self.avx2._mm256_add_epi32(sums[1], products[1]),
            ]
        }
    }

    impl Lanes for V4 {
        type Input = Pair;
        type Weights = [Pair; PANEL];
        type Loaded = __m512i;
        type Number = i32;
        type Sums = __m512i;

        #[inline(always)]
        fn add(self, sums: Self::Sums, weights: Self::Loaded, x: Pair) -> Self::Sums {
            let x = self.avx512f._mm512_set1_epi32(cast(x));
            let product = self.avx512bw._mm512_madd_epi16(weights, x);
            self.avx512f._mm512_add_epi32(sums, product)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tiles::ROWS;
    use affetto_core::Seed;

    fn noise(count: usize) -> Vec<f32> {
        let mut rng = Seed(4).rng();
        (0..count).map(|_| rng.uniform() as f32 - 0.5).collect()
    }

    /// The same sums one after the other, in whole numbers, and in floats.
    #[test]
    fn panels_equal_the_plain_sums_bit_for_bit_and_are_near_those_of_floats() {
        let (inputs, outputs) = (37, 131);
        let (weight, bias) = (noise(inputs * outputs), noise(outputs));
        let panels = IntegerPanels::new(&weight, &bias);
        for rows in (1..=ROWS).chain([2 * ROWS + 1, 3 * ROWS - 1]) {
            let x = noise(rows * inputs);
            let out = panels.apply(&x);
            assert_eq!(out.len(), rows * outputs);
            let mut plain = vec![0.0; out.len()];
            panels.apply_by(Plain, &x, &mut plain);
            assert_eq!(out, plain);
            for (x, out) in x.chunks(inputs).zip(out.chunks(outputs)) {
                let (whole, scale) = rounded(x, panels.largest);
                let rows = weight.chunks(inputs).zip(&bias);
                for ((row, bias), out) in rows.zip(out) {
                    let (weights, worth) = rounded(row, LARGEST_WEIGHT);
                    let products = weights.iter().zip(&whole);
                    let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
                    let expected = bias + sum as f32 * (worth * scale);
                    assert_eq!(out.to_bits(), expected.to_bits());
                    let exact: f32 = row.iter().zip(x).map(|(a, b)| a * b).sum();
                    assert!((out - bias - exact).abs() < 2e-3, "{out} {exact}");
                }
            }
        }
    }

    /// What would be the largest sum of all.
    #[test]
    fn no_sum_overflows() {
        for inputs in [1, 2, 64, 1024, 5000] {
            let panels = IntegerPanels::new(&vec![3.0; inputs], &[0.0]);
            let out = panels.apply(&vec![-2.0; inputs]);
            let expected = -6.0 * inputs as f32;
            assert!((out[0] / expected - 1.0).abs() < 1e-6, "{out:?} {expected}");
        }
    }

    #[test]
    fn nothing_gives_the_bias() {
        let panels = IntegerPanels::new(&[0.0, 0.0, 1.0, 2.0], &[5.0, 7.0]);
        assert_eq!(panels.apply(&[0.0, 0.0]), [5.0, 7.0]);
        assert_eq!(panels.apply(&[1.0, 1.0])[0], 5.0);
        assert!(panels.apply(&[]).is_empty());
        assert_eq!(panels.apply(&[1e-40, 0.0]), [5.0, 7.0]);
    }

    #[test]
    fn what_is_no_number_stays_so() {
        let panels = IntegerPanels::new(&[0.0, 0.0, 1.0, 2.0], &[5.0, 7.0]);
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let out = panels.apply(&[1.0, 1.0, number, 1.0]);
            assert!(out[2].is_nan() && out[3].is_nan() && !out[1].is_nan());
            let panels = IntegerPanels::new(&[number, 1.0], &[0.0]);
            assert!(panels.apply(&[1.0, 1.0])[0].is_nan());
        }
    }
}
