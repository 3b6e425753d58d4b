//! A normal distribution over the valence-arousal-dominance cube.

use crate::Vad;

/// Correlations between the axes, each in (-1, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Correlations {
    /// Of valence and arousal.
    pub valence_arousal: f64,
    /// Of valence and dominance.
    pub valence_dominance: f64,
    /// Of arousal and dominance.
    pub arousal_dominance: f64,
}

/// Mean, standard deviations and correlations of one emotion.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: [f64; 3],
    sd: [f64; 3],
    correlations: Correlations,
    /// Unit eigenvectors of the covariance and the variances along them.
    axes: [([f64; 3], f64); 3],
}

/// Variances along the axes of a covariance are at least this, as in the authors' code.
const LEAST_VARIANCE: f64 = 1e-6;

impl Gaussian {
    pub(crate) fn new(mean: [f64; 3], sd: [f64; 3], correlations: Correlations) -> Self {
        let axes = eigen(covariance(sd, correlations));
        Self {
            mean,
            sd,
            correlations,
            axes: axes.map(|(axis, variance)| (axis, variance.max(LEAST_VARIANCE))),
        }
    }

    /// Its centre.
    pub fn mean(&self) -> Vad {
        let [v, a, d] = self.mean;
        Vad::clamped(v, a, d)
    }

    /// Standard deviations of valence, arousal and dominance.
    pub const fn sd(&self) -> [f64; 3] {
        self.sd
    }

    /// The same with every standard deviation times `factor`.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        Self::new(self.mean, self.sd.map(|sd| sd * factor), self.correlations)
    }

    /// The logarithm of the density, without the constant -3/2 ln(2 pi).
    pub(crate) fn log_density(&self, x: [f64; 3]) -> f64 {
        let offset = [
            x[0] - self.mean[0],
            x[1] - self.mean[1],
            x[2] - self.mean[2],
        ];
        let along = |(axis, variance): &([f64; 3], f64)| {
            let projection: f64 = axis.iter().zip(offset).map(|(a, o)| a * o).sum();
            -0.5 * (projection * projection / variance + libm::log(*variance))
        };
        self.axes.iter().map(along).sum()
    }

    /// The logarithm of the density of valence and arousal alone, without -ln(2 pi).
    pub(crate) fn log_density_of_valence_arousal(&self, valence: f64, arousal: f64) -> f64 {
        let rho = self.correlations.valence_arousal;
        let free = 1.0 - rho * rho;
        let v = (valence - self.mean[0]) / self.sd[0];
        let a = (arousal - self.mean[1]) / self.sd[1];
        let distance = (v * v - 2.0 * rho * v * a + a * a) / free;
        -0.5 * distance - libm::log(self.sd[0] * self.sd[1] * free.sqrt())
    }

    /// The dominance that valence and arousal let expect, kept within 1.5 standard deviations of
    /// the mean: `mean + 1.5 sd tanh(regression / 1.5 sd)`, the regression of dominance on both.
    pub(crate) fn dominance(&self, valence: f64, arousal: f64) -> f64 {
        let Correlations {
            valence_arousal: va,
            valence_dominance: vd,
            arousal_dominance: ad,
        } = self.correlations;
        let [sd_v, sd_a, sd_d] = self.sd;
        let free = 1.0 - va * va;
        let beta_v = sd_d / sd_v * (vd - va * ad) / free;
        let beta_a = sd_d / sd_a * (ad - va * vd) / free;
        let shift = beta_v * (valence - self.mean[0]) + beta_a * (arousal - self.mean[1]);
        let reach = 1.5 * sd_d;
        self.mean[2] + reach * libm::tanh(shift / reach)
    }

    /// The Bhattacharyya distance, correlations aside:
    /// `1/8 sum (m1 - m2)^2 / v + 1/2 sum ln(v / sqrt(v1 v2))` with `v` the mean variance.
    pub fn bhattacharyya(&self, other: &Self) -> f64 {
        let axis = |i: usize| {
            let (v1, v2) = (self.sd[i].powi(2), other.sd[i].powi(2));
            let v = (v1 + v2) / 2.0;
            let apart = (self.mean[i] - other.mean[i]).powi(2);
            apart / v / 8.0 + 0.5 * libm::log(v / (v1 * v2).sqrt())
        };
        (0..3).map(axis).sum()
    }

    /// One Gaussian with the mean and the variances of an equal mixture of `parts`.
    pub(crate) fn merged(parts: &[&Self]) -> Self {
        let count = parts.len() as f64;
        let mean = [0, 1, 2].map(|i| parts.iter().map(|part| part.mean[i]).sum::<f64>() / count);
        let variance = [0, 1, 2].map(|i| {
            let spread = |part: &&Self| part.sd[i].powi(2) + (part.mean[i] - mean[i]).powi(2);
            parts.iter().map(spread).sum::<f64>() / count
        });
        Self::new(mean, variance.map(f64::sqrt), Correlations::default())
    }
}

fn covariance(sd: [f64; 3], correlations: Correlations) -> [[f64; 3]; 3] {
    let va = sd[0] * sd[1] * correlations.valence_arousal;
    let vd = sd[0] * sd[2] * correlations.valence_dominance;
    let ad = sd[1] * sd[2] * correlations.arousal_dominance;
    let [v, a, d] = sd.map(|sd| sd * sd);
    [[v, va, vd], [va, a, ad], [vd, ad, d]]
}

/// Eigenvectors and eigenvalues of a symmetric matrix by cyclic Jacobi rotations (Golub & Van
/// Loan, *Matrix Computations*, section 8.5); ten sweeps are ample for three rows.
fn eigen(mut m: [[f64; 3]; 3]) -> [([f64; 3], f64); 3] {
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _sweep in 0..10 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q] != 0.0 {
                let (cos, sin) = rotation(m[p][p], m[q][q], m[p][q]);
                rotate_columns(&mut m, p, q, cos, sin);
                m = transposed(m);
                rotate_columns(&mut m, p, q, cos, sin);
                m[p][q] = 0.0;
                m[q][p] = 0.0;
                rotate_columns(&mut vectors, p, q, cos, sin);
            }
        }
    }
    [0, 1, 2].map(|i| ([vectors[0][i], vectors[1][i], vectors[2][i]], m[i][i]))
}

/// Cosine and sine of the rotation that makes the off-diagonal element `pq` zero.
fn rotation(pp: f64, qq: f64, pq: f64) -> (f64, f64) {
    let tau = (qq - pp) / (2.0 * pq);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let cos = 1.0 / (1.0 + t * t).sqrt();
    (cos, t * cos)
}

fn rotate_columns(m: &mut [[f64; 3]; 3], p: usize, q: usize, cos: f64, sin: f64) {
    for row in m {
        let (x, y) = (row[p], row[q]);
        row[p] = cos * x - sin * y;
        row[q] = sin * x + cos * y;
    }
}

fn transposed(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    [0, 1, 2].map(|i| [m[0][i], m[1][i], m[2][i]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAPPY: Correlations = Correlations {
        valence_arousal: 0.15,
        valence_dominance: 0.75,
        arousal_dominance: 0.25,
    };

    #[test]
    fn eigenvectors_rebuild_the_covariance() {
        let wanted = covariance([0.21, 0.26, 0.38], HAPPY);
        let axes = eigen(wanted);
        for i in 0..3 {
            for j in 0..3 {
                let sum: f64 = axes
                    .iter()
                    .map(|(axis, value)| value * axis[i] * axis[j])
                    .sum();
                assert!((sum - wanted[i][j]).abs() < 1e-15);
            }
        }
    }

    /// -1/2 (1 + 4 + 0) - ln(0.1) - ln(0.2) - ln(0.4) one, two and no deviations from the mean.
    #[test]
    fn diagonal_log_density_by_hand() {
        let gaussian = Gaussian::new([0.0, 0.1, 0.2], [0.1, 0.2, 0.4], Correlations::default());
        let wanted = -2.5 - libm::log(0.1 * 0.2 * 0.4);
        assert!((gaussian.log_density([0.1, -0.3, 0.2]) - wanted).abs() < 1e-12);
    }

    #[test]
    fn correlated_density_of_two_axes_is_the_integral_over_the_third() {
        let gaussian = Gaussian::new([0.3, 0.1, 0.2], [0.21, 0.26, 0.38], HAPPY);
        let step = 0.001;
        let slices = (-4000..4000).map(|i| gaussian.log_density([0.2, 0.3, f64::from(i) * step]));
        let integral: f64 =
            slices.map(libm::exp).sum::<f64>() * step / std::f64::consts::TAU.sqrt();
        let wanted = libm::exp(gaussian.log_density_of_valence_arousal(0.2, 0.3));
        assert!((integral / wanted - 1.0).abs() < 1e-9);
    }

    /// beta_v = 0.38/0.21 (0.75 - 0.15*0.25)/0.9775 and 0.1 more valence.
    #[test]
    fn dominance_by_hand() {
        let gaussian = Gaussian::new([0.81, 0.51, 0.46], [0.21, 0.26, 0.38], HAPPY);
        let shift = 0.38 / 0.21 * (0.75 - 0.15 * 0.25) / (1.0 - 0.15 * 0.15) * 0.1;
        let wanted = 0.46 + 0.57 * libm::tanh(shift / 0.57);
        assert!((gaussian.dominance(0.91, 0.51) - wanted).abs() < 1e-12);
        assert_eq!(gaussian.dominance(0.81, 0.51), 0.46);
    }

    /// Means 0 and 0.2, variances 0.01: mean 0.1, variance 0.01 + 0.01.
    #[test]
    fn moments_match_by_hand() {
        let at = |v| Gaussian::new([v, 0.0, 0.0], [0.1, 0.1, 0.1], Correlations::default());
        let merged = Gaussian::merged(&[&at(0.0), &at(0.2)]);
        assert!((merged.mean[0] - 0.1).abs() < 1e-12);
        assert!((merged.sd[0].powi(2) - 0.02).abs() < 1e-12);
        assert!((merged.sd[1].powi(2) - 0.01).abs() < 1e-12);
    }

    /// 1/8 * 0.04/0.01 = 0.5 with equal variances.
    #[test]
    fn bhattacharyya_by_hand() {
        let at = |v| Gaussian::new([v, 0.0, 0.0], [0.1, 0.1, 0.1], Correlations::default());
        assert!((at(0.0).bhattacharyya(&at(0.2)) - 0.5).abs() < 1e-12);
        assert_eq!(at(0.3).bhattacharyya(&at(0.3)), 0.0);
    }
}
