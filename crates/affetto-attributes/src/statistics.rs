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

/// The standard deviation of a sample (dividing by one less than its size), of two or more values.
pub(crate) fn sample_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The middle one of the values in order; of two middle ones the upper, as jSymbolic has it.
pub(crate) fn upper_median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The value below which `share` of the values lie, between neighbours in proportion (type 7 of Hyndman & Fan
/// 1996).
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().checked_sub(1)? as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// A histogram scaled so that it sums to 1, or nothing where it is empty.
pub(crate) fn normalised<const N: usize>(histogram: [f64; N]) -> Option<[f64; N]> {
    let total: f64 = histogram.iter().sum();
    (total > 0.0).then(|| histogram.map(|bin| bin / total))
}

/// The first bin of the largest.
pub(crate) fn first_largest(histogram: &[f64]) -> usize {
    let mut best = 0;
    for (bin, value) in histogram.iter().enumerate() {
        if *value > histogram[best] {
            best = bin;
        }
    }
    best
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
    fn of_two_middle_values_the_upper_and_between_them() {
        assert_eq!(upper_median(&[3.0, 1.0, 2.0, 8.0]), Some(3.0));
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 8.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[5.0], 0.9), Some(5.0));
        assert_eq!((upper_median(&[]), quantile(&[], 0.5)), (None, None));
    }

    #[test]
    fn a_sample_of_one_has_no_deviation() {
        assert_eq!(sample_deviation(&[4.0]), None);
        assert_eq!(sample_deviation(&[1.0, 3.0]), Some(2.0_f64.sqrt()));
    }

    #[test]
    fn deviation_by_hand() {
        assert_eq!(deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 2.0);
        assert_eq!(deviation(&[]), 0.0);
    }
}
