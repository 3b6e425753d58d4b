use crate::{
    NnError, Result,
    weights::{TensorFile, Weights},
};

/// A moving average of weights, which draws better than the last weights of a training: Karras and others, "Analyzing and
/// Improving the Training Dynamics of Diffusion Models" (2024), section 3.
///
/// [`crate::train`] keeps one of its own; this one is for loops that make their steps themselves.
#[derive(Clone, Debug)]
pub struct Ema {
    decay: f64,
    average: TensorFile,
}

impl Ema {
    /// An average that begins at `weights` and keeps `decay` of itself per update.
    ///
    /// # Errors
    /// Where `decay` is not from 0 to 1.
    pub fn new(weights: &Weights, decay: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&decay) {
            return Err(NnError::Config {
                name: "decay",
                value: decay.to_string(),
                permitted: "from 0 to 1",
            });
        }
        let average = weights.export()?;
        Ok(Self { decay, average })
    }

    /// Moves the average towards `weights`.
    pub fn update(&mut self, weights: &Weights) -> Result<()> {
        for (name, now) in weights.export()?.tensors {
            let Some(average) = self.average.tensors.get_mut(&name) else {
                return Err(NnError::UnknownTensor { name });
            };
            let (kept, new) = (self.decay as f32, (1.0 - self.decay) as f32);
            for (average, now) in average.numbers.iter_mut().zip(now.numbers) {
                *average = kept * *average + new * now;
            }
        }
        Ok(())
    }

    /// The averaged weights.
    pub fn average(&self) -> &TensorFile {
        &self.average
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Seed;
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::weights::Init;

    /// 0.75 of 2 and 0.25 of 6 is 3.
    #[test]
    fn an_update_worked_by_hand() {
        let weights = Weights::drawn(Seed(1), &Device::Cpu);
        weights
            .root()
            .get("gain", &[2], Init::Constant(2.0))
            .unwrap();
        let mut ema = Ema::new(&weights, 0.75).unwrap();
        let six = Tensor::new(&[6f32, 6.0], &Device::Cpu).unwrap();
        weights.parameters()[0].1.var.set(&six).unwrap();
        ema.update(&weights).unwrap();
        assert_eq!(ema.average().tensors["gain"].numbers, [3.0, 3.0]);
        assert!(Ema::new(&weights, 1.5).is_err());
    }
}
