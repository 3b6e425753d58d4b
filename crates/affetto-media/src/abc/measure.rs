//! The time that is held exactly: a grid on which sums cannot overflow.

use super::token::Length;
use crate::Quarters;

/// Every onset is a whole number of 1/`GRID` quarter notes: 1024 times all odd tuplets up to 15.
pub(super) const GRID: i64 = 1024 * 9 * 5 * 7 * 11 * 13;

/// The longest note or bar that is read, in quarter notes.
pub(super) const LONGEST: i64 = 1024;

/// `unit` times every factor, where that is a length that a note can have.
pub(super) fn scaled(unit: Quarters, factors: &[Length]) -> Result<Quarters, String> {
    let refuse = || {
        let words: Vec<String> = factors
            .iter()
            .filter(|factor| **factor != Length::ONE)
            .map(|factor| format!("{}/{}", factor.numerator, factor.denominator))
            .collect();
        format!(
            "a note length of {} times {} quarter notes",
            words.join(" times "),
            unit
        )
    };
    let product = |first: i64, of: fn(&Length) -> i64| {
        factors
            .iter()
            .try_fold(i128::from(first), |product, factor| {
                product.checked_mul(i128::from(of(factor)))
            })
    };
    let ticks = || {
        let top = product(*unit.numer(), |factor| factor.numerator)?;
        let bottom = product(*unit.denom(), |factor| factor.denominator)?;
        let top = top.checked_mul(i128::from(GRID))?;
        let sound = bottom > 0 && top > 0 && top % bottom == 0;
        let ticks = i64::try_from(sound.then(|| top / bottom)?).ok()?;
        (ticks <= LONGEST * GRID).then_some(ticks)
    };
    ticks()
        .map(|ticks| Quarters::new(ticks, GRID))
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_lengths_of_notes() {
        let eighth = |numerator, denominator| {
            let factor = Length {
                numerator,
                denominator,
            };
            scaled(Quarters::new(1, 2), &[factor, Length::ONE])
        };
        assert_eq!(eighth(3, 2).unwrap(), Quarters::new(3, 4));
        assert_eq!(eighth(2, 3).unwrap(), Quarters::new(1, 3));
        for (numerator, denominator) in [(1, 0), (0, 1), (1, 17), (9999, 1), (i64::MAX, i64::MAX)] {
            let whole = numerator == denominator;
            assert_eq!(eighth(numerator, denominator).is_ok(), whole);
        }
        assert!(eighth(1, 17).unwrap_err().contains("1/17 times 1/2"));
    }
}
