//! Which quadrant a piece is of, by nothing but the class statistics of a map.

use super::{AttributeMap, AttributeStatistics, Summary};

/// How much the evidence of one attribute counts, since attributes go together: of 0.05 to 0.4 the one with the highest
/// likelihood of EMOPIA's clips, cross-validated by song.
const EVIDENCE: f64 = 0.05;
/// Deviations narrower than this are not believed, in deviations of the corpus.
const NARROWEST: f64 = 0.3;
/// The quartiles of a normal distribution lie so many deviations apart.
const QUARTILES_APART: f64 = 1.349;

/// Judges by the class statistics of a map, worked out once for many pieces.
#[derive(Clone, Debug)]
pub struct QuadrantJudge<'a> {
    witnesses: Vec<Witness<'a>>,
}

/// What an attribute says.
#[derive(Clone, Debug)]
struct Witness<'a> {
    statistics: &'a AttributeStatistics,
    /// How much it counts.
    weight: f64,
    /// Middle and deviation in each quadrant, were the corpus normal.
    quadrants: [(f64, f64); 4],
}

impl AttributeMap {
    /// A judge by this map's class statistics.
    ///
    /// Naive Bayes: each attribute is made normal by its quantiles over the corpus, is then normal in each quadrant with
    /// that quadrant's median and quartiles, and counts by its importance. On the clips of EMOPIA, cross-validated by song
    /// (importance apart, which was learned from all): four quadrants .663, arousal .890, valence .732.
    pub fn quadrant_judge(&self) -> QuadrantJudge<'_> {
        let importance = |of: &AttributeStatistics| of.importance.unwrap_or(0.0).max(0.0);
        let sum: f64 = self.attributes.iter().map(importance).sum();
        let mean = (sum / self.attributes.len().max(1) as f64).max(f64::MIN_POSITIVE);
        let witness = |statistics| {
            Some(Witness {
                statistics,
                weight: EVIDENCE * (importance(statistics) / mean),
                quadrants: statistics.normal_quadrants()?,
            })
        };
        QuadrantJudge {
            witnesses: self.attributes.iter().filter_map(witness).collect(),
        }
    }

    /// As [`QuadrantJudge::probabilities`], for one piece.
    pub fn quadrant_probabilities(&self, values: &[Option<f64>]) -> [f64; 4] {
        self.quadrant_judge().probabilities(values)
    }
}

impl QuadrantJudge<'_> {
    /// How likely each quadrant is, Q1 to Q4, of a piece whose attributes have `values`, in the order of
    /// [`Attribute::ALL`](crate::piece::Attribute::ALL) and in the reading of the map.
    pub fn probabilities(&self, values: &[Option<f64>]) -> [f64; 4] {
        let mut scores = [0.0; 4];
        for witness in &self.witnesses {
            let value = values.get(witness.statistics.attribute.index());
            let value = value.copied().flatten();
            let Some(place) = value.and_then(|value| witness.statistics.normal_place(value)) else {
                continue;
            };
            for (score, (middle, deviation)) in scores.iter_mut().zip(witness.quadrants) {
                let away = (place - middle) / deviation;
                *score += witness.weight * (-0.5 * away * away - libm::log(deviation));
            }
        }
        let most = scores.iter().copied().fold(f64::MIN, f64::max);
        let shares = scores.map(|score| libm::exp(score - most));
        let sum: f64 = shares.iter().sum();
        shares.map(|share| share / sum)
    }
}

impl AttributeStatistics {
    /// Middle and deviation in each quadrant, were the corpus normal; nothing where values are not known.
    fn normal_quadrants(&self) -> Option<[(f64, f64); 4]> {
        let mut found = [(0.0, 1.0); 4];
        for (found, quadrant) in found.iter_mut().zip(&self.quadrants) {
            let Summary {
                lower_quartile,
                median,
                upper_quartile,
                ..
            } = quadrant.values?;
            let [low, middle, high] = [lower_quartile, median, upper_quartile]
                .map(|value| self.normal_place(value).unwrap_or(0.0));
            let deviation = (high - low) / QUARTILES_APART;
            *found = (middle, deviation.max(NARROWEST));
        }
        Some(found)
    }

    /// Where a value would lie, in deviations, were the corpus normal.
    fn normal_place(&self, value: f64) -> Option<f64> {
        self.percentile(value).map(normal_quantile)
    }
}

/// The inverse of the normal distribution function, Abramowitz & Stegun (1964), 26.2.23: to 4.5e-4.
fn normal_quantile(share: f64) -> f64 {
    let tail = share.min(1.0 - share).max(f64::MIN_POSITIVE);
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let above = 2.515517 + t * (0.802853 + t * 0.010328);
    let below = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let away = t - above / below;
    if share < 0.5 { -away } else { away }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::map::{Preset, Quadrant};

    #[test]
    fn normal_quantiles_by_the_table() {
        for (share, expected) in [(0.5, 0.0), (0.05, -1.6449), (0.975, 1.96), (0.25, -0.6745)] {
            let found = normal_quantile(share);
            assert!((found - expected).abs() < 5e-4, "{share}: {found}");
        }
    }

    #[test]
    fn the_middle_of_a_quadrant_is_of_that_quadrant() {
        let map = AttributeMap::preset(Preset::Default);
        for quadrant in Quadrant::ALL {
            let mut values = vec![None; crate::piece::Attribute::ALL.len()];
            for statistics in &map.attributes {
                let summary = statistics.quadrants[quadrant as usize].values.unwrap();
                values[statistics.attribute.index()] = Some(summary.median);
            }
            let judged = map.quadrant_probabilities(&values);
            assert!((judged.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let awake = judged[0] + judged[1];
            assert_eq!(quadrant.is_awake(), awake > 0.9, "{quadrant:?}: {judged:?}");
            assert!(judged[quadrant as usize] > 0.4, "{quadrant:?}: {judged:?}");
        }
    }

    #[test]
    fn what_has_no_values_may_be_anything() {
        let map = AttributeMap::preset(Preset::Default);
        let none = vec![None; crate::piece::Attribute::ALL.len()];
        assert_eq!(map.quadrant_probabilities(&none), [0.25; 4]);
        assert_eq!(
            AttributeMap::preset(Preset::Emogen).quadrant_probabilities(&[Some(1.0); 112]),
            [0.25; 4]
        );
    }
}
