//! The few sums that the measures share. Empty input gives 0, so that every measure is finite.

/// The arithmetic mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    ratio(values.iter().sum(), values.len() as f64)
}

/// The standard deviation of the population.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: Vec<f64> = values
        .iter()
        .map(|value| (value - centre).powi(2))
        .collect();
    mean(&squares).sqrt()
}

/// `part / whole`, or 0 where there is no whole.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// The share of `items` for which `test` holds.
pub(crate) fn share<T>(items: &[T], test: impl Fn(&T) -> bool) -> f64 {
    let count = items.iter().filter(|item| test(item)).count();
    ratio(count as f64, items.len() as f64)
}

/// The Shannon entropy, in nats, of a histogram (not negative; it need not sum to 1).
pub(crate) fn entropy_nats(histogram: impl IntoIterator<Item = f64>) -> f64 {
    let weights: Vec<f64> = histogram
        .into_iter()
        .filter(|weight| *weight > 0.0)
        .collect();
    let total: f64 = weights.iter().sum();
    let sum: f64 = weights
        .iter()
        .map(|weight| weight / total)
        .map(|p| -p * libm::log(p))
        .sum();
    sum.max(0.0)
}

/// Entropy in bits.
pub(crate) fn entropy_bits(histogram: impl IntoIterator<Item = f64>) -> f64 {
    entropy_nats(histogram) / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_equal_parts() {
        assert!((entropy_bits([3.0, 3.0, 0.0, 3.0, 3.0]) - 2.0).abs() < 1e-12);
        assert_eq!(entropy_nats([5.0]), 0.0);
        assert_eq!(entropy_nats([]), 0.0);
    }

    #[test]
    fn deviation_by_hand() {
        assert_eq!(deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 2.0);
        assert_eq!(deviation(&[]), 0.0);
    }
}
