//! Gradients against finite differences.
#![allow(clippy::unwrap_used)]

use affetto_core::Seed;
use candle_core::{DType, Device, Result, Tensor, Var};

/// Numbers in `[-1, 1)`, the same in every run.
pub(crate) fn noise(name: &str, shape: &[usize]) -> Tensor {
    let mut rng = Seed(11).derive(name).rng();
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| rng.uniform() * 2.0 - 1.0).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// Compares the gradient of `sum(f(inputs) * r)`, with fixed random `r`, with central differences in
/// `f64`, for up to 40 numbers of each input.
pub(crate) fn check(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let value = |inputs: &[Tensor]| -> Tensor {
        let out = f(inputs).unwrap();
        let weights = noise("weights of the outputs", out.dims());
        (out * weights).unwrap().sum_all().unwrap()
    };
    let vars: Vec<Var> = inputs
        .iter()
        .map(|t| Var::from_tensor(t).unwrap())
        .collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let gradients = value(&tensors).backward().unwrap();
    for (which, input) in inputs.iter().enumerate() {
        let gradient = gradients.get(&tensors[which]).unwrap();
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let numbers: Vec<f64> = input.flatten_all().unwrap().to_vec1().unwrap();
        let stride = numbers.len().div_ceil(40);
        for index in (0..numbers.len()).step_by(stride) {
            let at = |offset: f64| {
                let mut moved = numbers.clone();
                moved[index] += offset;
                let mut inputs = inputs.to_vec();
                inputs[which] = Tensor::from_vec(moved, input.dims(), &Device::Cpu).unwrap();
                value(&inputs)
                    .to_dtype(DType::F64)
                    .unwrap()
                    .to_scalar::<f64>()
                    .unwrap()
            };
            let step = 1e-5;
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let error = (difference - gradient[index]).abs();
            assert!(
                error < 1e-6 * (1.0 + difference.abs()),
                "input {which}, number {index}: {difference} by differences, {} by the operation",
                gradient[index]
            );
        }
    }
}

/// Asserts that two tensors are equal within `tolerance`.
pub(crate) fn assert_close(left: &Tensor, right: &Tensor, tolerance: f64) {
    assert_eq!(left.dims(), right.dims());
    let flat = |t: &Tensor| -> Vec<f64> {
        t.to_dtype(DType::F64)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    for (index, (a, b)) in flat(left).into_iter().zip(flat(right)).enumerate() {
        assert!((a - b).abs() <= tolerance, "number {index}: {a} and {b}");
    }
}
