//! Whether people feel the emotions of a mixture together.
//!
//! The penalisation matrix of Chou's dissertation, whose formula is not public, in our
//! reconstruction: `P = clip(1 - (n_ij + 1) / (n_i n_j / N + 1), 0, 1)`, how much rarer two labels
//! stand together than chance would have it, corrected for small counts. The counts are those of
//! the 43,410 training comments of GoEmotions (Demszky et al., 2020, CC BY 4.0).

use std::{fmt, sync::LazyLock};

use serde::Deserialize;

use crate::{Label, Mixture, Taxonomy};

/// How unusual a mixture is. Unusual is not wrong: it may be said, never refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Plausibility {
    /// The sum of `w_i w_j P_ij` over the pairs of labels, from 0 for usual to below 0.5.
    pub score: f64,
    /// The pairs that people rarely name together, the heaviest first.
    pub unusual: Vec<UnusualPair>,
}

/// Two labels of a mixture that people rarely name together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnusualPair {
    /// One label of the mixture.
    pub first: Label,
    /// The other.
    pub second: Label,
    /// How much rarer than chance, from [`UNUSUAL`] to 1.
    pub penalty: f64,
}

/// From this penalty a pair is called unusual: a fifth of what chance lets expect.
pub const UNUSUAL: f64 = 0.8;

/// A pair whose product of weights is below this is not worth a word.
const AUDIBLE: f64 = 0.02;

impl Plausibility {
    /// Weighs every pair of the mixture that the counts know and that is no known blend.
    ///
    /// Plutchik's dyads and opposites such as bittersweet (joy and sadness) are legitimate and
    /// cost nothing, and neither does a label that has no GoEmotions image.
    pub fn of(mixture: &Mixture) -> Self {
        let mut plausibility = Self {
            score: 0.0,
            unusual: Vec::new(),
        };
        let parts = mixture.parts();
        for (index, &(first, w_first)) in parts.iter().enumerate() {
            for &(second, w_second) in &parts[index + 1..] {
                plausibility.weigh(UnusualPair::of(first, second), w_first * w_second);
            }
        }
        let heaviest_first = |a: &UnusualPair, b: &UnusualPair| b.penalty.total_cmp(&a.penalty);
        plausibility.unusual.sort_by(heaviest_first);
        plausibility
    }

    fn weigh(&mut self, pair: UnusualPair, weight: f64) {
        self.score += weight * pair.penalty;
        if pair.penalty >= UNUSUAL && weight >= AUDIBLE {
            self.unusual.push(pair);
        }
    }
}

impl UnusualPair {
    fn of(first: Label, second: Label) -> Self {
        Self {
            first,
            second,
            penalty: penalty(first, second),
        }
    }
}

impl fmt::Display for UnusualPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {} are rarely felt together",
            self.first, self.second
        )
    }
}

/// The penalty of two labels, in [0, 1]: the mean over the labels of GoEmotions that they are;
/// 0 where they are none, the same or a known blend.
fn penalty(first: Label, second: Label) -> f64 {
    if is_blend(first, second) {
        return 0.0;
    }
    let images = (
        first.image(Taxonomy::GoEmotions),
        second.image(Taxonomy::GoEmotions),
    );
    let (Some(first), Some(second)) = images else {
        return 0.0;
    };
    let pairs = first
        .parts()
        .iter()
        .flat_map(|a| second.parts().iter().map(move |b| (a, b)));
    let cost = |((a, wa), (b, wb)): (&(Label, f64), &(Label, f64))| wa * wb * table(*a, *b);
    pairs.map(cost).sum()
}

/// `P` of two labels of GoEmotions.
fn table(a: Label, b: Label) -> f64 {
    let (a, b) = (a.index(), b.index());
    if a == b {
        return 0.0;
    }
    let counts = &*COUNTS;
    let expected = counts.n[a] * counts.n[b] / counts.n_examples;
    (1.0 - (counts.cooc[a][b] + 1.0) / (expected + 1.0)).clamp(0.0, 1.0)
}

/// Whether two labels are, or have as Plutchik's basic emotions, a dyad or opposites.
fn is_blend(first: Label, second: Label) -> bool {
    let basic = |label: Label| Taxonomy::Plutchik.find(label.name());
    let (Some(first), Some(second)) = (basic(first), basic(second)) else {
        return false;
    };
    first.dyad(second).is_some() || first.opposite() == Some(second)
}

/// `goemotions_cooccurrence.json`: labels per comment, counted over the training split.
#[derive(Deserialize)]
struct Counts {
    n: Vec<f64>,
    cooc: Vec<Vec<f64>>,
    n_examples: f64,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    let file = include_str!("../data/goemotions_cooccurrence.json");
    serde_json::from_str(file).expect("the embedded counts are read in a test")
});

#[cfg(test)]
mod tests {
    use super::*;

    fn go(word: &str) -> Label {
        Taxonomy::GoEmotions.resolve(word).unwrap()
    }

    #[test]
    fn counts_are_those_of_the_labels() {
        assert_eq!(COUNTS.n.len(), 28);
        assert_eq!(COUNTS.n[go("neutral").index()], 14219.0);
    }

    /// Expected 1567 * 853 / 43410 = 30.79 and seen 0: 1 - 1 / 31.79. Fear and nervousness stand
    /// together 15 times as often as chance.
    #[test]
    fn penalties_by_hand() {
        assert!((table(go("anger"), go("excitement")) - (1.0 - 1.0 / 31.791_546)).abs() < 1e-6);
        assert_eq!(table(go("fear"), go("nervousness")), 0.0);
    }

    #[test]
    fn the_table_is_symmetric_and_in_range() {
        for a in Taxonomy::GoEmotions.iter() {
            for b in Taxonomy::GoEmotions.iter() {
                assert!((0.0..=1.0).contains(&table(a, b)));
                assert_eq!(table(a, b), table(b, a));
            }
        }
    }

    #[test]
    fn an_unusual_mixture_is_named_and_a_dyad_is_not() {
        let of = |text| Plausibility::of(&Mixture::parse(text).unwrap());
        let unusual = of("anger:0.5,excitement:0.5");
        assert_eq!(
            unusual.unusual[0].to_string(),
            "anger and excitement are rarely felt together"
        );
        assert!((unusual.score - 0.25 * 0.968_545).abs() < 1e-5);
        for blend in [
            "joy,sadness",
            "anger,joy",
            "happy,sad",
            "joy",
            "fear,nervousness",
        ] {
            assert_eq!(of(blend).score, 0.0, "{blend}");
        }
    }
}
