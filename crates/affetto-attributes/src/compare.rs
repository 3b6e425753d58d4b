//! Two samples of a measure, compared.
//!
//! Yang & Lerch, "On the evaluation of generative models in music" (2018): the overlap of the two
//! distributions.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::statistics::{deviation, entropy_bits, mean, ratio};

/// Pearson's correlation, or nothing where the lengths differ or one side is constant.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum()
    };
    let spread = (sum(a, mean_a, a, mean_a) * sum(b, mean_b, b, mean_b)).sqrt();
    let correlation = sum(a, mean_a, b, mean_b) / spread;
    correlation
        .is_finite()
        .then(|| correlation.clamp(-1.0, 1.0))
}

/// The Jensen-Shannon divergence of two histograms over the same bins, in bits, 0..=1. They need not sum to 1;
/// the lesser number of bins counts. 0 where one is empty.
pub fn jensen_shannon_bits(a: &[f64], b: &[f64]) -> f64 {
    let (total_a, total_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
    if total_a <= 0.0 || total_b <= 0.0 {
        return 0.0;
    }
    let p: Vec<f64> = a.iter().map(|count| count / total_a).collect();
    let q: Vec<f64> = b.iter().map(|count| count / total_b).collect();
    let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| 0.5 * (p + q)).collect();
    let divergence = entropy_bits(middle) - 0.5 * (entropy_bits(p) + entropy_bits(q));
    divergence.clamp(0.0, 1.0)
}

/// The area that the densities of two samples share, 0..=1: Gaussian kernels with Scott's bandwidth (1992), the
/// lesser of the two densities integrated by the trapezoid rule. 0 where a sample is empty.
///
/// A value that half of both samples or more have to the bit, such as a share of 0, is no density: of it the lesser share
/// counts, and the rest is compared by itself.
///
/// A sample without spread gets a hundredth of the other's bandwidth; two such samples share everything or
/// nothing.
pub fn overlap_area(a: &[f64], b: &[f64]) -> f64 {
    const STEPS: usize = 2000;
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if let Some(atom) = common_atom(a, b) {
        let rest = |sample: &[f64]| -> Vec<f64> {
            let others = sample.iter().filter(|value| **value != atom);
            others.copied().collect()
        };
        let (rest_a, rest_b) = (rest(a), rest(b));
        let share = |rest: &[f64], all: &[f64]| rest.len() as f64 / all.len() as f64;
        let (share_a, share_b) = (share(&rest_a, a), share(&rest_b, b));
        // Of two densities of unequal weight, no more than they surely share.
        return 1.0 - share_a.max(share_b) + share_a.min(share_b) * overlap_area(&rest_a, &rest_b);
    }
    let (width_a, width_b) = (scott_bandwidth(a), scott_bandwidth(b));
    let widest = width_a.max(width_b);
    if widest <= 0.0 {
        return f64::from(u8::from(a.first() == b.first()));
    }
    let floor = |width: f64| width.max(widest / 100.0);
    let (width_a, width_b) = (floor(width_a), floor(width_b));
    let low = lowest(a).max(lowest(b)) - 4.0 * widest;
    let high = highest(a).min(highest(b)) + 4.0 * widest;
    if high <= low {
        return 0.0;
    }
    let step = (high - low) / STEPS as f64;
    let lesser = |index: usize| {
        let at = low + step * index as f64;
        density(a, width_a, at).min(density(b, width_b, at))
    };
    let inner: f64 = (1..STEPS).map(lesser).sum();
    (step * (inner + 0.5 * (lesser(0) + lesser(STEPS)))).clamp(0.0, 1.0)
}

/// The value that half of `a` and half of `b` or more have, where there is one and others beside it.
fn common_atom(a: &[f64], b: &[f64]) -> Option<f64> {
    let count = |sample: &[f64], value: f64| sample.iter().filter(|other| **other == value).count();
    let middle = |sample: &[f64]| -> Option<f64> {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    };
    let atom = middle(a)?;
    let of = |sample: &[f64]| 2 * count(sample, atom) >= sample.len();
    let spread = count(a, atom) < a.len() || count(b, atom) < b.len();
    (of(a) && of(b) && spread).then_some(atom)
}

/// Scott's rule for one dimension: the standard deviation divided by the fifth root of the count.
fn scott_bandwidth(sample: &[f64]) -> f64 {
    let count = sample.len() as f64;
    let unbiased = deviation(sample) * (count / (count - 1.0).max(1.0)).sqrt();
    unbiased * libm::pow(count, -0.2)
}

fn density(sample: &[f64], bandwidth: f64, at: f64) -> f64 {
    let sum: f64 = sample
        .iter()
        .map(|value| libm::exp(-0.5 * ((at - value) / bandwidth).powi(2)))
        .sum();
    sum / (sample.len() as f64 * bandwidth * (2.0 * PI).sqrt())
}

fn lowest(sample: &[f64]) -> f64 {
    sample.iter().copied().fold(f64::INFINITY, f64::min)
}

fn highest(sample: &[f64]) -> f64 {
    sample.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// One measure of two samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The measure.
    pub name: String,
    /// Mean of the reference sample.
    pub reference_mean: f64,
    /// Standard deviation of the reference sample.
    pub reference_deviation: f64,
    /// Mean of the other sample.
    pub mean: f64,
    /// Standard deviation of the other sample.
    pub deviation: f64,
    /// The overlap area, 0..=1.
    pub overlap: f64,
}

impl Comparison {
    /// `sample` against `reference`.
    pub fn new(name: &str, reference: &[f64], sample: &[f64]) -> Self {
        Self {
            name: name.into(),
            reference_mean: mean(reference),
            reference_deviation: deviation(reference),
            mean: mean(sample),
            deviation: deviation(sample),
            overlap: overlap_area(reference, sample),
        }
    }

    /// How many standard deviations of the reference the means lie apart; 0 where it has none.
    pub fn deviations_apart(&self) -> f64 {
        ratio(
            (self.mean - self.reference_mean).abs(),
            self.reference_deviation,
        )
    }
}

/// Every named column of two tables, one row per piece. Rows that lack a column do not count in it.
pub fn compare_tables(
    names: &[&str],
    reference: &[Vec<f64>],
    sample: &[Vec<f64>],
) -> Vec<Comparison> {
    let column = |rows: &[Vec<f64>], index: usize| -> Vec<f64> {
        rows.iter()
            .filter_map(|row| row.get(index).copied())
            .collect()
    };
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            Comparison::new(name, &column(reference, index), &column(sample, index))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_core::Seed;
    use proptest::prelude::*;

    fn normal(seed: u64, count: usize, mean: f64) -> Vec<f64> {
        let mut rng = Seed(seed).rng();
        (0..count).map(|_| rng.normal() + mean).collect()
    }

    #[test]
    fn correlations_by_hand() {
        assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((pearson(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[], &[]), None);
    }

    /// Half of the mass is shared: H(1/4, 1/2, 1/4) - (1 + 1) / 2 = 1.5 - 1.
    #[test]
    fn divergence_by_hand() {
        assert!((jensen_shannon_bits(&[2.0, 2.0, 0.0], &[0.0, 1.0, 1.0]) - 0.5).abs() < 1e-12);
        assert_eq!(jensen_shannon_bits(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
        assert_eq!(jensen_shannon_bits(&[1.0, 3.0], &[2.0, 6.0]), 0.0);
        assert_eq!(jensen_shannon_bits(&[], &[1.0]), 0.0);
    }

    #[test]
    fn a_value_that_most_have_is_shared_by_its_shares() {
        let with = |zeros: usize, others: &[f64]| [vec![0.0; zeros], others.to_vec()].concat();
        let some: Vec<f64> = (1..=10).map(f64::from).collect();
        let area = overlap_area(&with(90, &some), &with(100, &[]));
        assert!((area - 0.9).abs() < 1e-12, "{area}");
        let alike = overlap_area(&with(90, &some), &with(90, &some));
        assert!(alike > 0.999, "{alike}");
        let far: Vec<f64> = some.iter().map(|value| value + 1000.0).collect();
        let apart = overlap_area(&with(60, &some), &with(30, &far));
        assert!((apart - 0.75).abs() < 1e-6, "{apart}");
    }

    /// Two normal distributions two deviations apart share 2 Phi(-1) = 0.3173; the kernels widen both by their
    /// bandwidth, so slightly more is found.
    #[test]
    fn overlap_of_shifted_normals() {
        let (a, b) = (normal(1, 2000, 0.0), normal(2, 2000, 2.0));
        let overlap = overlap_area(&a, &b);
        assert!((0.31..0.37).contains(&overlap), "{overlap}");
        assert!(overlap_area(&a, &normal(3, 2000, 0.0)) > 0.95);
        assert!(overlap_area(&a, &normal(3, 2000, 20.0)) < 1e-6);
    }

    #[test]
    fn samples_without_spread() {
        assert_eq!(overlap_area(&[1.0, 1.0], &[1.0]), 1.0);
        assert_eq!(overlap_area(&[1.0, 1.0], &[2.0]), 0.0);
        assert_eq!(overlap_area(&[], &[2.0]), 0.0);
        assert!(overlap_area(&[1.0; 5], &[0.0, 1.0, 2.0]) < 0.1);
    }

    #[test]
    fn a_table_is_compared_by_column() {
        let rows = |values: [f64; 4]| values.map(|value| vec![value, 2.0 * value]).to_vec();
        let table = compare_tables(
            &["x", "twice"],
            &rows([1.0, 2.0, 3.0, 4.0]),
            &rows([2.0, 3.0, 4.0, 5.0]),
        );
        assert_eq!((table[1].reference_mean, table[1].mean), (5.0, 7.0));
        assert!((table[0].deviations_apart() - 1.0 / 1.25f64.sqrt()).abs() < 1e-12);
        assert!((table[0].overlap - table[1].overlap).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_whole_with_itself(
            a in prop::collection::vec(-5.0f64..5.0, 2..20),
            b in prop::collection::vec(-5.0f64..5.0, 2..20),
        ) {
            let there = overlap_area(&a, &b);
            prop_assert!((0.0..=1.0).contains(&there));
            prop_assert!((there - overlap_area(&b, &a)).abs() < 1e-9);
            prop_assert!(overlap_area(&a, &a) > 0.99);
        }
    }
}
