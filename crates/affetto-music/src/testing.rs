//! What tests of several networks share.
#![allow(clippy::unwrap_used)]

use affetto_nn::weights::Weights;
use candle_core::Tensor;

/// How far a weight is moved along its gradient.
const STEP: f64 = 4e-3;

/// The gradient of a whole loss, with dropout, against central differences in f32 along the gradient itself:
/// f(w + h g/|g|) - f(w - h g/|g|) = 2 h |g|, for each parameter alone. Gives the name of each with |g|.
pub fn assert_gradients(weights: &Weights, loss: impl Fn() -> Tensor) -> Vec<(String, f64)> {
    let number = || f64::from(loss().to_scalar::<f32>().unwrap());
    let gradients = loss().backward().unwrap();
    let parameters = weights.parameters().into_iter();
    let check = |(name, parameter): (String, affetto_nn::weights::Parameter)| {
        let var = &parameter.var;
        let gradient = gradients.get(var.as_tensor());
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        let norm = gradient.sqr().unwrap().sum_all().unwrap();
        let norm = f64::from(norm.to_scalar::<f32>().unwrap()).sqrt();
        let value = var.as_tensor().copy().unwrap();
        let at = |step: f64| {
            let moved = (gradient * (step / norm.max(1e-12))).unwrap();
            var.set(&(&value + moved).unwrap()).unwrap();
            number()
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        var.set(&value).unwrap();
        let error = (slope - norm).abs();
        assert!(error < 0.01 * norm + 2e-4, "{name}: {slope} {norm}");
        (name, norm)
    };
    parameters.map(check).collect()
}
