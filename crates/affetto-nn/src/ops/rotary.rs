use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::Real;

/// Shortest wavelength of the second kind of position, in its unit (quarter notes).
const SHORTEST_QUARTERS: f64 = 0.25;

/// Rotary position embedding: Su and others, "RoFormer" (2021), section 3.2, the two halves of a
/// head forming the pairs. The first half of the heads turns by the first column of the positions,
/// the other half by the second.
///
/// The angles are sines and cosines computed in `f64` by one library, so they are the same on every
/// machine.
#[derive(Debug)]
pub struct Rotary {
    /// `(positions, columns, pairs)`.
    cosines: Vec<f32>,
    sines: Vec<f32>,
    pairs: usize,
    columns: usize,
}

/// Radians per unit of position for each pair of a head.
///
/// Column 0 counts tokens (or bars) and has the frequencies of the paper, 10000^(-i/pairs).
/// Column 1 is musical time in quarter notes; its wavelengths are 1/4, 3/8, 1/2, 3/4, 1, 3/2, 2, 3,
/// 4, 6, 8, 12, 16, 24, 32, 48 ... quarter notes: a sixteenth, then each twice and three times a
/// power of two, so that the beats, bars and groups of bars of duple and of triple metres are each a
/// whole turn of some pair, and "four bars ago" is a fixed set of angles.
pub fn rotary_frequencies(column: usize, pairs: usize) -> Vec<f64> {
    let paper = |pair: usize| libm::pow(10_000.0, -(pair as f64) / pairs as f64);
    let musical = |pair: usize| {
        let octave = libm::exp2((pair / 2) as f64);
        let triple = if pair.is_multiple_of(2) { 1.0 } else { 1.5 };
        std::f64::consts::TAU / (SHORTEST_QUARTERS * octave * triple)
    };
    let of = |pair| {
        if column == 0 {
            paper(pair)
        } else {
            musical(pair)
        }
    };
    (0..pairs).map(of).collect()
}

impl Rotary {
    /// The angles for `positions`, which hold `columns` numbers (1 or 2) for each position in order.
    pub fn new(positions: &[f32], columns: usize, head_width: usize) -> Arc<Self> {
        let pairs = head_width / 2;
        let frequencies: Vec<Vec<f64>> = (0..columns)
            .map(|column| rotary_frequencies(column, pairs))
            .collect();
        let mut cosines = Vec::with_capacity(positions.len() * pairs);
        let mut sines = Vec::with_capacity(positions.len() * pairs);
        for position in positions.chunks_exact(columns) {
            for (position, frequencies) in position.iter().zip(&frequencies) {
                for frequency in frequencies {
                    let (sine, cosine) = libm::sincos(f64::from(*position) * frequency);
                    cosines.push(cosine as f32);
                    sines.push(sine as f32);
                }
            }
        }
        Arc::new(Self {
            cosines,
            sines,
            pairs,
            columns,
        })
    }

    /// How many positions it holds.
    pub fn len(&self) -> usize {
        self.cosines.len() / (self.pairs * self.columns).max(1)
    }

    /// Whether it holds no position.
    pub fn is_empty(&self) -> bool {
        self.cosines.is_empty()
    }

    /// The width of the heads that it turns.
    pub fn head_width(&self) -> usize {
        self.pairs * 2
    }

    fn column_of(&self, head: usize, heads: usize) -> usize {
        head * self.columns / heads.max(1)
    }

    /// Turns one head of the vector at `position`; `direction` 1 turns, -1 turns back.
    #[inline(always)]
    pub(crate) fn turn<T: Real>(&self, x: &mut [T], position: usize, column: usize, direction: T) {
        let start = (position * self.columns + column) * self.pairs;
        let (cosines, sines) = (&self.cosines[start..], &self.sines[start..]);
        let (low, high) = x.split_at_mut(self.pairs);
        let pairs = low.iter_mut().zip(high).zip(cosines.iter().zip(sines));
        for ((low, high), (cosine, sine)) in pairs {
            let cosine = T::real(f64::from(*cosine));
            let sine = T::real(f64::from(*sine)) * direction;
            let (a, b) = (*low, *high);
            *low = a * cosine - b * sine;
            *high = b * cosine + a * sine;
        }
    }

    /// Turns all heads of the vector at `position`.
    pub fn turn_all(&self, x: &mut [f32], position: usize, heads: usize) {
        for (head, x) in x.chunks_exact_mut(self.head_width()).enumerate() {
            self.turn_head(x, position, head, heads);
        }
    }

    /// Turns head number `head` of `heads` of the vector at `position`.
    pub(crate) fn turn_head<T: Real>(
        &self,
        x: &mut [T],
        position: usize,
        head: usize,
        heads: usize,
    ) {
        self.turn(x, position, self.column_of(head, heads), T::ONE);
    }

    /// Turns it back.
    pub(crate) fn turn_head_back<T: Real>(
        &self,
        x: &mut [T],
        position: usize,
        head: usize,
        heads: usize,
    ) {
        self.turn(x, position, self.column_of(head, heads), -T::ONE);
    }

    /// The same as a composition of candle's operations: `x` is `(B, heads, T, head width)` and the
    /// positions are those of `(B, T)`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, heads, len, width) = x.dims4()?;
        if self.len() != batch * len || width != self.head_width() {
            bail!("{} positions for {x:?}", self.len());
        }
        let table = |numbers: &[f32]| -> Result<Tensor> {
            let mut by_head = Vec::with_capacity(batch * heads * len * self.pairs);
            for item in 0..batch {
                for head in 0..heads {
                    for step in 0..len {
                        let column = self.column_of(head, heads);
                        let start = ((item * len + step) * self.columns + column) * self.pairs;
                        by_head.extend_from_slice(&numbers[start..][..self.pairs]);
                    }
                }
            }
            Tensor::from_vec(by_head, (batch, heads, len, self.pairs), x.device())?
                .to_dtype(x.dtype())
        };
        let (cosines, sines) = (table(&self.cosines)?, table(&self.sines)?);
        let low = x.narrow(3, 0, self.pairs)?;
        let high = x.narrow(3, self.pairs, self.pairs)?;
        let turned_low = ((&low * &cosines)? - (&high * &sines)?)?;
        let turned_high = ((&high * &cosines)? + (&low * &sines)?)?;
        Tensor::cat(&[turned_low, turned_high], 3)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Scores depend on the distance alone.
    #[test]
    fn the_product_of_two_turned_vectors_depends_on_their_distance() {
        let rotary = Rotary::new(&[3.0, 10.0, 5.0, 14.4375, 7.0, 2.0, 9.0, 6.4375], 2, 8);
        let (q, k) = ([0.3, -0.2, 0.9, 0.4, 0.1, 0.7, -0.5, 0.2], [0.5; 8]);
        for head in [0, 1] {
            let score = |at_q: usize, at_k: usize| -> f64 {
                let (mut q, mut k) = (q, k);
                rotary.turn_head(&mut q, at_q, head, 2);
                rotary.turn_head(&mut k, at_k, head, 2);
                q.iter().zip(k).map(|(q, k)| q * k).sum()
            };
            assert!((score(1, 0) - score(3, 2)).abs() < 1e-6);
            assert!((score(0, 0) - score(1, 0)).abs() > 1e-3);
        }
    }

    #[test]
    fn a_bar_of_four_quarters_is_a_whole_turn_of_one_pair() {
        let frequencies = rotary_frequencies(1, 16);
        let turns =
            |quarters: f64, pair: usize| quarters * frequencies[pair] / std::f64::consts::TAU;
        assert!((turns(4.0, 8) - 1.0).abs() < 1e-12);
        assert!((turns(3.0, 7) - 1.0).abs() < 1e-12);
        assert!((turns(48.0, 15) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn turning_back_undoes() {
        let rotary = Rotary::new(&[3.0, 10.25], 2, 6);
        let original = [0.3, -0.2, 0.9, 0.4, 0.1, 0.7];
        let mut x = original;
        rotary.turn_head(&mut x, 0, 3, 4);
        assert_ne!(x, original);
        rotary.turn_head_back(&mut x, 0, 3, 4);
        assert!(
            x.iter()
                .zip(original)
                .all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-6)
        );
    }
}
