use std::sync::LazyLock;

use crate::{
    Correlations, Error, Gaussian, Label, Mixture, Taxonomy, Vad, anchors, clusters, vad::in_range,
};

/// Emotions as Gaussians in the cube, and which of them a point is.
///
/// The method of "Revisiting Emotions Representation": the emotion `e` is a Gaussian, and a point
/// `x` is `e` with probability `prior(e) N(x; e) / sum of the same over all`.
#[derive(Clone, Debug)]
pub struct Posterior {
    classes: Vec<Class>,
    log_priors: Vec<f64>,
}

/// One emotion, or one group of similar ones, of a [`Posterior`].
#[derive(Clone, Debug)]
pub struct Class {
    /// The label; of a group the one nearest to the group's centre.
    pub label: Label,
    /// The labels in the group, `label` among them.
    pub members: Vec<Label>,
    /// Where it lies.
    pub gaussian: Gaussian,
}

/// How many groups the 151 terms are merged to unless said otherwise, as in the paper.
pub const GROUPS: usize = 14;

impl Posterior {
    /// Seven terms with published deviations, and neutral, as the labels of MEAD.
    ///
    /// Neutral, which is not a term of Russell & Mehrabian, has mean 0 and deviation 0.15 by our
    /// choice.
    pub fn core8() -> &'static Self {
        &CORE8
    }

    /// The same with correlations, which let dominance be inferred; hand-set in the authors' later
    /// script, not measured.
    pub fn core8_correlated() -> &'static Self {
        &CORE8_CORRELATED
    }

    /// The 151 terms of Russell & Mehrabian (1977).
    ///
    /// The deviations of 11 terms are published; the others have the medians of those.
    pub fn pad151() -> &'static Self {
        &PAD151
    }

    /// The 151 terms merged to 14 groups.
    pub fn grouped() -> &'static Self {
        &GROUPED
    }

    fn uniform(classes: Vec<Class>) -> Self {
        let log_prior = -libm::log(classes.len() as f64);
        Self {
            log_priors: vec![log_prior; classes.len()],
            classes,
        }
    }

    /// The emotions, in the order of every weight vector.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The prior probabilities, summing to 1.
    pub fn priors(&self) -> Vec<f64> {
        self.log_priors
            .iter()
            .map(|log_prior| libm::exp(*log_prior))
            .collect()
    }

    /// The same emotions with other priors: one positive number for each, normalised.
    pub fn with_priors(&self, priors: &[f64]) -> Result<Self, Error> {
        if priors.len() != self.classes.len() {
            return Err(Error::Count {
                what: "priors",
                expected: self.classes.len(),
                found: priors.len(),
            });
        }
        for prior in priors {
            in_range("a prior", *prior, f64::MIN_POSITIVE, 1e9)?;
        }
        let total: f64 = priors.iter().sum();
        Ok(Self {
            classes: self.classes.clone(),
            log_priors: priors
                .iter()
                .map(|prior| libm::log(prior / total))
                .collect(),
        })
    }

    /// The same emotions with every standard deviation times `factor`, from 0.001 to 1e6. A large
    /// factor blurs them all, a small one leaves only the nearest.
    pub fn with_spread(&self, factor: f64) -> Result<Self, Error> {
        let factor = in_range("the spread", factor, 1e-3, 1e6)?;
        let mut blurred = self.clone();
        for class in &mut blurred.classes {
            class.gaussian = class.gaussian.scaled(factor);
        }
        Ok(blurred)
    }

    /// Which emotion `point` is: one weight for each class, summing to 1.
    pub fn weights(&self, point: Vad) -> Vec<f64> {
        let x = point.to_array();
        self.normalised(|gaussian| gaussian.log_density(x))
    }

    /// Prior times density, normalised by log-sum-exp.
    fn normalised(&self, log_density: impl Fn(&Gaussian) -> f64) -> Vec<f64> {
        let classes = self.classes.iter().zip(&self.log_priors);
        let logs: Vec<f64> = classes
            .map(|(class, log_prior)| log_prior + log_density(&class.gaussian))
            .collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
        logs.iter()
            .map(|log| libm::exp(log - largest) / sum)
            .collect()
    }

    /// Which emotion `point` is, as a mixture; a group shares its weight equally.
    pub fn mixture(&self, point: Vad) -> Mixture {
        let classes = self.classes.iter().zip(self.weights(point));
        let parts = classes.flat_map(|(class, weight)| {
            let share = weight / class.members.len() as f64;
            class.members.iter().map(move |member| (*member, share))
        });
        // The weights sum to 1, so there is always something in the mixture.
        Mixture::new(parts).unwrap_or_else(|_| Mixture::pure(self.classes[0].label))
    }

    /// The `count` likeliest emotions at `point`, the likeliest first.
    pub fn likeliest(&self, point: Vad, count: usize) -> Vec<(&Class, f64)> {
        let mut ranked: Vec<_> = self.classes.iter().zip(self.weights(point)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(count);
        ranked
    }

    /// The expected point of a distribution over the classes, inside the hull of their means.
    ///
    /// The authors climb the likelihood instead, which ends on one mode and loses the mixture.
    pub fn expectation(&self, weights: &[f64]) -> Vad {
        let means = self.classes.iter().map(|class| class.gaussian.mean());
        Vad::weighted_mean(means.zip(weights.iter().copied()))
    }

    /// The dominance that valence and arousal let expect, in [-1, 1].
    ///
    /// Each class answers with `mean + 1.5 sd tanh(regression / 1.5 sd)`; the answers are weighed by
    /// the probability of the class given valence and arousal. Without correlations the regression
    /// is 0 and the answer is the mean. Of the 151 terms each left out in turn, the other 150 infer
    /// the dominance with r = 0.67, the correlated eight with r = 0.41.
    pub fn infer_dominance(&self, valence: f64, arousal: f64) -> f64 {
        let marginal =
            |gaussian: &Gaussian| gaussian.log_density_of_valence_arousal(valence, arousal);
        let classes = self.classes.iter().zip(self.normalised(marginal));
        let answers =
            classes.map(|(class, weight)| weight * class.gaussian.dominance(valence, arousal));
        answers.sum::<f64>().clamp(-1.0, 1.0)
    }

    /// The classes merged to `count` groups by complete linkage on the Bhattacharyya distance,
    /// each with the mean and variances of its members' mixture; priors are added up.
    pub fn merged(&self, count: usize) -> Self {
        let row = |a: &Class| {
            let others = self.classes.iter();
            others
                .map(|b| a.gaussian.bhattacharyya(&b.gaussian))
                .collect()
        };
        let distances = self.classes.iter().map(row).collect();
        let groups = clusters::complete_linkage(distances, count);
        let prior = |group: &Vec<usize>| {
            let sum: f64 = group
                .iter()
                .map(|&index| libm::exp(self.log_priors[index]))
                .sum();
            libm::log(sum)
        };
        Self {
            log_priors: groups.iter().map(prior).collect(),
            classes: groups.iter().map(|group| self.group(group)).collect(),
        }
    }

    fn group(&self, indices: &[usize]) -> Class {
        let classes: Vec<&Class> = indices.iter().map(|&index| &self.classes[index]).collect();
        let gaussians: Vec<&Gaussian> = classes.iter().map(|class| &class.gaussian).collect();
        let gaussian = Gaussian::merged(&gaussians);
        let from_centre = |class: &&&Class| class.gaussian.mean().distance(gaussian.mean());
        let nearest = classes
            .iter()
            .min_by(|a, b| from_centre(a).total_cmp(&from_centre(b)));
        Class {
            label: nearest.map_or(self.classes[0].label, |class| class.label),
            members: classes
                .iter()
                .flat_map(|class| class.members.clone())
                .collect(),
            gaussian,
        }
    }
}

/// How many equally likely emotions would be as uncertain: e to the entropy, from 1 to the number
/// of weights.
pub fn perplexity(weights: &[f64]) -> f64 {
    let surprise = |weight: &f64| {
        if *weight > 0.0 {
            -weight * libm::log(*weight)
        } else {
            0.0
        }
    };
    libm::exp(weights.iter().map(surprise).sum())
}

static CORE8: LazyLock<Posterior> = LazyLock::new(|| core8(false));
static CORE8_CORRELATED: LazyLock<Posterior> = LazyLock::new(|| core8(true));
static GROUPED: LazyLock<Posterior> = LazyLock::new(|| PAD151.merged(GROUPS));

static PAD151: LazyLock<Posterior> = LazyLock::new(|| {
    let terms = anchors::PAD_TERMS.iter().zip(Taxonomy::Pad151.iter());
    let class = terms.map(|(term, label)| {
        let gaussian = Gaussian::new(term.mean.to_array(), term.sd, Correlations::default());
        single(label, gaussian)
    });
    Posterior::uniform(class.collect())
});

fn single(label: Label, gaussian: Gaussian) -> Class {
    Class {
        label,
        members: vec![label],
        gaussian,
    }
}

fn core8(correlated: bool) -> Posterior {
    let classes = CORE8_TABLE.iter().zip(Taxonomy::Mead.iter());
    let class = classes.map(|((_, mean, sd, [va, vd, ad]), label)| {
        let correlations = Correlations {
            valence_arousal: *va,
            valence_dominance: *vd,
            arousal_dominance: *ad,
        };
        let used = if correlated {
            correlations
        } else {
            Correlations::default()
        };
        single(label, Gaussian::new(*mean, *sd, used))
    });
    Posterior::uniform(class.collect())
}

type Core = (&'static str, [f64; 3], [f64; 3], [f64; 3]);

/// Label of MEAD; means and deviations of Russell & Mehrabian (1977); correlations of valence
/// with arousal, of valence with dominance, of arousal with dominance. In MEAD's order.
#[rustfmt::skip]
const CORE8_TABLE: [Core; 8] = [
    ("angry",     [-0.51, 0.59, 0.25],   [0.20, 0.33, 0.39], [0.55, -0.45, 0.75]),
    ("contempt",  [-0.23, 0.31, 0.18],   [0.39, 0.33, 0.29], [0.25, 0.35, 0.45]),
    ("disgusted", [-0.60, 0.35, 0.11],   [0.20, 0.41, 0.34], [0.25, -0.55, 0.35]),
    ("fear",      [-0.64, 0.60, -0.43],  [0.20, 0.32, 0.27], [0.65, -0.25, 0.85]),
    ("happy",     [0.81, 0.51, 0.46],    [0.21, 0.26, 0.38], [0.15, 0.75, 0.25]),
    ("sad",       [-0.63, -0.27, -0.33], [0.23, 0.34, 0.22], [0.75, 0.65, 0.55]),
    ("surprised", [0.40, 0.67, -0.13],   [0.30, 0.27, 0.38], [0.35, 0.05, 0.65]),
    ("neutral",   [0.0, 0.0, 0.0],       [0.15, 0.15, 0.15], [0.05, 0.10, 0.10]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rank_at_own_mean(posterior: &Posterior, index: usize) -> usize {
        let weights = posterior.weights(posterior.classes()[index].gaussian.mean());
        weights
            .iter()
            .filter(|weight| **weight > weights[index])
            .count()
    }

    fn at_own_mean(posterior: &Posterior, name: &str) -> f64 {
        let mut classes = posterior.classes().iter();
        let index = classes
            .position(|class| class.label.name() == name)
            .unwrap();
        posterior.weights(posterior.classes()[index].gaussian.mean())[index]
    }

    #[test]
    fn the_table_is_in_the_order_of_mead() {
        let names = CORE8_TABLE.map(|(name, ..)| name);
        assert_eq!(names.as_slice(), Taxonomy::Mead.labels());
    }

    /// 8 of 8; the weakest are disgusted, angry and contempt.
    #[test]
    fn every_core_emotion_wins_at_its_own_mean() {
        for posterior in [Posterior::core8(), Posterior::core8_correlated()] {
            assert!((0..8).all(|index| rank_at_own_mean(posterior, index) == 0));
        }
        let weight = |name| at_own_mean(Posterior::core8(), name);
        assert!((weight("disgusted") - 0.42).abs() < 0.005);
        assert!((weight("angry") - 0.48).abs() < 0.005);
        assert!((weight("contempt") - 0.54).abs() < 0.005);
    }

    #[test]
    fn of_the_151_terms_125_win_at_their_own_mean_and_150_are_in_the_top_five() {
        let posterior = Posterior::pad151();
        let ranks: Vec<usize> = (0..151)
            .map(|index| rank_at_own_mean(posterior, index))
            .collect();
        assert_eq!(ranks.iter().filter(|rank| **rank == 0).count(), 125);
        assert_eq!(ranks.iter().filter(|rank| **rank < 5).count(), 150);
    }

    #[test]
    fn perplexity_at_the_origin() {
        let weights = Posterior::pad151().weights(Vad::NEUTRAL);
        assert!((perplexity(&weights) - 60.6).abs() < 0.05);
        assert!((perplexity(&[0.25; 4]) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn fourteen_groups_hold_every_term_once() {
        let grouped = Posterior::grouped();
        assert_eq!(grouped.classes().len(), GROUPS);
        let members = grouped.classes().iter().flat_map(|class| &class.members);
        let mut members: Vec<_> = members.collect();
        members.sort_unstable();
        members.dedup();
        assert_eq!(members.len(), 151);
        assert!((grouped.priors().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    /// A group of two beside one of sixteen loses its own mean to it by the prior.
    #[test]
    fn ten_of_fourteen_groups_win_at_their_own_mean_and_all_are_in_the_top_two() {
        let grouped = Posterior::grouped();
        let ranks: Vec<usize> = (0..GROUPS)
            .map(|index| rank_at_own_mean(grouped, index))
            .collect();
        assert_eq!(ranks.iter().filter(|rank| **rank == 0).count(), 10);
        assert!(ranks.iter().all(|rank| *rank < 2));
        let even = grouped.with_priors(&[1.0; GROUPS]).unwrap();
        let wins = (0..GROUPS).filter(|index| rank_at_own_mean(&even, *index) == 0);
        assert_eq!(wins.count(), 14);
    }

    /// Pearson's r of the inferred dominance of the 151 terms with their own.
    fn dominance_r(infer: impl Fn(usize, Vad) -> f64) -> f64 {
        let classes = Posterior::pad151().classes().iter().enumerate();
        let pair = |(index, class): (usize, &Class)| {
            let mean = class.gaussian.mean();
            (infer(index, mean), mean.dominance())
        };
        let pairs: Vec<(f64, f64)> = classes.map(pair).collect();
        let mean = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).sum::<f64>() / 151.0;
        let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let covariance: f64 = pairs.iter().map(|(a, b)| (a - x) * (b - y)).sum();
        let spread: f64 = pairs.iter().map(|(a, _)| (a - x).powi(2)).sum();
        let wanted: f64 = pairs.iter().map(|(_, b)| (b - y).powi(2)).sum();
        covariance / (spread * wanted).sqrt()
    }

    /// Each term left out in turn by a vanishing prior.
    #[test]
    fn dominance_from_valence_and_arousal() {
        let terms = dominance_r(|index, mean| {
            let mut priors = [1.0; 151];
            priors[index] = 1e-30;
            let others = Posterior::pad151().with_priors(&priors).unwrap();
            others.infer_dominance(mean.valence(), mean.arousal())
        });
        let eight = Posterior::core8_correlated();
        let eight = dominance_r(|_, mean| eight.infer_dominance(mean.valence(), mean.arousal()));
        assert!((terms - 0.67).abs() < 0.005, "{terms}");
        assert!((eight - 0.41).abs() < 0.005, "{eight}");
    }

    #[test]
    fn a_wide_spread_tends_to_the_prior() {
        let priors: Vec<f64> = (1..=151).map(f64::from).collect();
        let equal_sd = Posterior::uniform(
            Posterior::pad151()
                .classes()
                .iter()
                .map(|class| {
                    let mean = class.gaussian.mean().to_array();
                    single(
                        class.label,
                        Gaussian::new(mean, [0.2; 3], Correlations::default()),
                    )
                })
                .collect(),
        );
        let wide = equal_sd
            .with_priors(&priors)
            .unwrap()
            .with_spread(1e6)
            .unwrap();
        let weights = wide.weights(Vad::new(1.0, -1.0, 1.0).unwrap());
        for (weight, prior) in weights.iter().zip(wide.priors()) {
            assert!((weight - prior).abs() < 1e-9);
        }
    }

    #[test]
    fn priors_are_checked() {
        let posterior = Posterior::core8();
        assert!(posterior.with_priors(&[1.0; 7]).is_err());
        assert!(posterior.with_priors(&[0.0; 8]).is_err());
        assert!(posterior.with_priors(&[f64::NAN; 8]).is_err());
        assert!(posterior.with_spread(0.0).is_err());
    }

    /// Dominance is what tells anger from fear: a point between their valences and arousals is
    /// one or the other.
    #[test]
    fn dominance_separates_anger_from_fear() {
        let odds = |dominance| {
            let point = Vad::new(-0.575, 0.595, dominance).unwrap();
            let weights = Posterior::core8().weights(point);
            weights[0] / weights[3] // angry over fear
        };
        assert!(odds(0.4) > 10.0 && odds(-0.5) < 0.2);
    }
}
