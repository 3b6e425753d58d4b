use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::{Numbers, Real, numbers, sum8, vectorised};

/// Numbers in one piece of work.
const CHUNK: usize = 16_384;

/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// How fast the mean gradient forgets; 0.9.
    pub beta1: f64,
    /// How fast the mean square forgets; 0.98.
    pub beta2: f64,
    /// Keeps the quotient finite; 1e-9.
    pub epsilon: f64,
    /// The share of a weight lost per step and unit of learning rate; 0.01.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-9,
            weight_decay: 0.01,
        }
    }
}

/// The factors of one step, the same for every parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamWStep {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    rate: f32,
    decay: f32,
    correct_mean: f32,
    correct_square: f32,
    gradient_scale: f32,
    average: f32,
}

impl AdamW {
    /// The factors of step `step`, counted from 1. `gradient_scale` multiplies every gradient
    /// (clipping), `average` is how much of its past the moving average of the weights keeps.
    pub fn step(&self, step: usize, rate: f64, gradient_scale: f64, average: f64) -> AdamWStep {
        let correction = |beta: f64| 1.0 / (1.0 - libm::pow(beta, step as f64));
        AdamWStep {
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            epsilon: self.epsilon as f32,
            rate: rate as f32,
            decay: (rate * self.weight_decay) as f32,
            correct_mean: correction(self.beta1) as f32,
            correct_square: correction(self.beta2) as f32,
            gradient_scale: gradient_scale as f32,
            average: average as f32,
        }
    }
}

/// What the optimiser remembers of one parameter, in this machine's memory.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// The mean gradient.
    pub mean: Vec<f32>,
    /// The mean square of the gradient.
    pub square: Vec<f32>,
    /// The moving average of the parameter itself.
    pub average: Vec<f32>,
}

impl AdamWStep {
    /// Moves `parameter` (`f32`) along `gradient` and updates `moments`; without `decays` the weight
    /// decay is left out.
    pub fn apply(
        &self,
        parameter: &Var,
        gradient: &Tensor,
        moments: &mut Moments,
        decays: bool,
    ) -> Result<()> {
        let count = parameter.elem_count();
        let lengths = [&moments.mean, &moments.square, &moments.average].map(Vec::len);
        if gradient.elem_count() != count || lengths != [count; 3] {
            bail!("the optimiser remembers another parameter than {parameter:?}");
        }
        if parameter.device().is_cpu() {
            let op = Update {
                step: *self,
                moments: Mutex::new(moments),
                decays,
            };
            return parameter.inplace_op2(&gradient.contiguous()?, &op);
        }
        let mut values: Vec<f32> = parameter.flatten_all()?.to_vec1()?;
        let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
        self.update(&mut values, &gradient, moments, decays);
        parameter.set(&Tensor::from_vec(
            values,
            parameter.shape(),
            parameter.device(),
        )?)
    }

    fn update(&self, values: &mut [f32], gradient: &[f32], moments: &mut Moments, decays: bool) {
        values
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(moments.mean.par_chunks_mut(CHUNK))
            .zip(moments.square.par_chunks_mut(CHUNK))
            .zip(moments.average.par_chunks_mut(CHUNK))
            .for_each(|((((values, gradient), mean), square), average)| {
                vectorised(
                    #[inline(always)]
                    || self.update_chunk(values, gradient, [mean, square, average], decays),
                );
            });
    }

    #[inline(always)]
    fn update_chunk(
        &self,
        values: &mut [f32],
        gradient: &[f32],
        [mean, square, average]: [&mut [f32]; 3],
        decays: bool,
    ) {
        let count = values.len();
        let (gradient, mean) = (&gradient[..count], &mut mean[..count]);
        let (square, average) = (&mut square[..count], &mut average[..count]);
        let kept = if decays { 1.0 - self.decay } else { 1.0 };
        for i in 0..count {
            let slope = gradient[i] * self.gradient_scale;
            mean[i] = self.beta1 * mean[i] + (1.0 - self.beta1) * slope;
            square[i] = self.beta2 * square[i] + (1.0 - self.beta2) * slope * slope;
            let size = (square[i] * self.correct_square).sqrt() + self.epsilon;
            values[i] = values[i] * kept - self.rate * (mean[i] * self.correct_mean) / size;
            average[i] = self.average * average[i] + (1.0 - self.average) * values[i];
        }
    }
}

struct Update<'a> {
    step: AdamWStep,
    moments: Mutex<&'a mut Moments>,
    decays: bool,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let gradient = numbers::<f32>(gradient, gradient_layout)?;
        let (Some((start, end)), CpuStorage::F32(values)) =
            (layout.contiguous_offsets(), parameter)
        else {
            bail!("a parameter is not contiguous f32");
        };
        let Ok(mut moments) = self.moments.lock() else {
            bail!("another thread failed during this step");
        };
        self.step
            .update(&mut values[start..end], gradient, &mut moments, self.decays);
        Ok(())
    }
}

/// The Euclidean norm of all gradients together, for clipping by it (Pascanu, Mikolov and Bengio,
/// "On the difficulty of training recurrent neural networks", 2013, section 3.2).
pub fn global_norm<'a>(gradients: impl IntoIterator<Item = &'a Tensor>) -> Result<f64> {
    let mut total = 0.0;
    for gradient in gradients {
        if gradient.device().is_cpu() && gradient.dtype() == candle_core::DType::F32 {
            let gradient = gradient.contiguous()?;
            total += squares(&Numbers::<f32>::of(&gradient)?);
        } else {
            let sum = gradient.sqr()?.sum_all()?;
            total += sum.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?;
        }
    }
    Ok(total.sqrt())
}

fn squares<T: Real>(numbers: &[T]) -> f64 {
    let parts: Vec<f64> = numbers
        .par_chunks(CHUNK)
        .map(|part| {
            vectorised(
                #[inline(always)]
                || sum8(part.len(), |i| part[i] * part[i]),
            )
            .to_f64()
        })
        .collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use candle_core::Device;

    fn moments(count: usize) -> Moments {
        Moments {
            mean: vec![0.0; count],
            square: vec![0.0; count],
            average: vec![1.0; count],
        }
    }

    /// On the first step the corrected moments are the gradient and its square, so the quotient is
    /// the sign: 1 - 0.1 * 0.5 (decay) - 0.1 * sign.
    #[test]
    fn the_first_step_by_hand() {
        let adamw = AdamW {
            weight_decay: 0.5,
            ..AdamW::default()
        };
        let step = adamw.step(1, 0.1, 1.0, 0.75);
        let gradient = Tensor::new(&[3f32, -0.01], &Device::Cpu).unwrap();
        for (decays, expected) in [(true, [0.85, 1.05]), (false, [0.9, 1.1])] {
            let parameter = Var::from_slice(&[1f32, 1.0], 2, &Device::Cpu).unwrap();
            let mut moments = moments(2);
            step.apply(&parameter, &gradient, &mut moments, decays)
                .unwrap();
            let values: Vec<f32> = parameter.to_vec1().unwrap();
            for i in 0..2 {
                assert!((values[i] - expected[i]).abs() < 1e-5, "{values:?}");
                let average = 0.75 + 0.25 * expected[i];
                assert!((moments.average[i] - average).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_norm_of_a_3_4_12_box() {
        let first = Tensor::new(&[3f32, 4.0], &Device::Cpu).unwrap();
        let second = Tensor::new(&[[12f32]], &Device::Cpu).unwrap();
        assert_eq!(global_norm([&first, &second]).unwrap(), 13.0);
    }
}
