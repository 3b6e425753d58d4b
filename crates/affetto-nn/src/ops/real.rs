use std::ops::Neg;

use candle_core::WithDType;

/// `f32`, in which models run, or `f64`, in which their gradients are checked.
///
/// The functions are polynomials and IEEE operations in a fixed order, so that they give the same
/// bits on every machine and can be vectorised.
pub trait Real: WithDType + Neg<Output = Self> {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The number nearest to `value`.
    fn real(value: f64) -> Self;
    /// e to the power of `self`; in `f32` within 2 units in the last place, for arguments between
    /// -87 and 88 and held at the ends outside.
    fn exp(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The larger of two numbers.
    fn larger(self, other: Self) -> Self;

    /// The hyperbolic tangent, within 2e-7 in `f32`.
    #[inline(always)]
    fn tanh(self) -> Self {
        let one = Self::ONE;
        let two = one + one;
        one - two / ((two * self).exp() + one)
    }

    /// The logistic function.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn real(value: f64) -> Self {
        value as Self
    }

    /// Splits the argument into a power of two and a rest below ln(2)/2, for which the polynomial of
    /// the Cephes library (S. L. Moshier, `expf`) holds.
    #[inline(always)]
    fn exp(self) -> Self {
        const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
        let x = self.clamp(-87.0, 88.0);
        let rounded = x * std::f32::consts::LOG2_E + ROUND;
        let power = rounded - ROUND;
        let rest = x - power * 0.693_359_375 + power * 2.121_944_4e-4;
        let mut series = 1.987_569_15e-4;
        for coefficient in [
            1.398_199_95e-3,
            8.333_451_9e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5.000_000_1e-1,
        ] {
            series = series * rest + coefficient;
        }
        let mantissa = series * rest * rest + rest + 1.0;
        // The integer stands in the lowest bits; a conversion would mind numbers that are none, one at a time.
        let power = rounded.to_bits().wrapping_sub(ROUND.to_bits());
        mantissa * f32::from_bits(power.wrapping_add(127) << 23)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn real(value: f64) -> Self {
        value
    }

    fn exp(self) -> Self {
        libm::exp(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}

/// Runs `work` with the widest vector instructions of this machine. Rust never joins a product and
/// a sum into one rounding, so the result does not depend on which those are.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The sum of `term(index)` in eight interleaved partial sums, the order the same everywhere.
#[inline(always)]
pub(crate) fn sum8<T: Real>(count: usize, term: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::ZERO; 8];
    let whole = count / 8 * 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(start + lane);
        }
    }
    let mut total = T::ZERO;
    for lane in lanes {
        total += lane;
    }
    for index in whole..count {
        total += term(index);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_tanh_agree_with_the_library_in_f64() {
        for step in -800..800 {
            let x = step as f32 * 0.1;
            let exact = libm::exp(x as f64);
            assert!((Real::exp(x) as f64 / exact - 1.0).abs() < 3e-7, "exp {x}");
            let exact = libm::tanh(x as f64);
            assert!((Real::tanh(x) as f64 - exact).abs() < 3e-7, "tanh {x}");
        }
        assert_eq!(Real::exp(0f32), 1.0);
    }

    /// The widest vector instructions of this machine against those of the oldest one.
    #[test]
    fn vector_instructions_do_not_change_a_bit() {
        let numbers: Vec<f32> = (0..999)
            .map(|i| ((i * i) % 1777) as f32 / 113.0 - 8.0)
            .collect();
        let work = |numbers: &[f32]| -> Vec<u32> {
            let each = numbers
                .iter()
                .flat_map(|x| [Real::exp(*x), Real::tanh(*x), x.sigmoid()]);
            let sum = sum8(numbers.len(), |i| numbers[i] * Real::tanh(numbers[i]));
            each.chain([sum]).map(f32::to_bits).collect()
        };
        let wide = vectorised(
            #[inline(always)]
            || work(&numbers),
        );
        assert_eq!(wide, work(&numbers));
    }

    #[test]
    fn sum8_counts_every_index_once() {
        for count in [0, 1, 7, 8, 9, 31] {
            let expected: usize = (0..count).sum();
            assert_eq!(sum8::<f64>(count, |index| index as f64), expected as f64);
        }
    }
}
