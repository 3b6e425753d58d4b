use std::collections::BTreeMap;

use affetto_core::Seed;
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Prediction, Schedule, Solver};
use crate::{
    NnError, Result,
    weights::{HostTensor, TensorFile},
};

/// The order of UniPC.
const ORDER: usize = 2;
const CLEAN: [&str; ORDER] = ["clean.0", "clean.1"];
const LATENT: &str = "latent";

/// Steps along a [`Schedule`]. It holds all that a later step needs, so that a run can be saved and resumed midway.
#[derive(Clone, Debug)]
pub struct Scheduler {
    schedule: Schedule,
    step: usize,
    /// The clean latents predicted before, the newest last; at most [`ORDER`].
    clean: Vec<Tensor>,
    /// The latent that the step before began from, and that step's order.
    before: Option<(Tensor, usize)>,
}

/// What a saved file says besides its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    solver: Solver,
    steps: usize,
    step: usize,
    order: usize,
}

impl Scheduler {
    /// Before the first step.
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            step: 0,
            clean: Vec::new(),
            before: None,
        }
    }

    /// The noise levels and times.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// How many steps are done.
    pub fn done(&self) -> usize {
        self.step
    }

    /// The time of the next step; none after the last.
    pub fn time(&self) -> Option<f64> {
        self.schedule.times().get(self.step).copied()
    }

    /// The latent at the next noise level, from `latent` at this one and what the network made of it.
    ///
    /// # Errors
    /// Where all steps are done, or the shapes differ.
    pub fn step(
        &mut self,
        latent: &Tensor,
        output: &Tensor,
        prediction: Prediction,
    ) -> Result<Tensor> {
        if self.time().is_none() {
            return Err(NnError::Config {
                name: "step",
                value: self.step.to_string(),
                permitted: "below the number of steps",
            });
        }
        let sigmas = self.schedule.sigmas();
        let (sigma, next) = (sigmas[self.step], sigmas[self.step + 1]);
        let latent = match self.schedule.solver() {
            Solver::Euler => {
                let velocity = prediction.velocity(output, latent, sigma)?;
                (latent + (velocity * (next - sigma))?)?
            }
            Solver::UniPc => {
                let clean = prediction.clean(output, latent, sigma)?;
                self.unipc(latent, clean)?
            }
            Solver::Renoise => {
                let clean = prediction.clean(output, latent, sigma)?;
                if next > 0.0 {
                    let name = format!("noise after step {}", self.step);
                    let seed = self.schedule.seed().derive(&name);
                    let noise = noise(seed, clean.dims(), latent.device())?;
                    ((clean * (1.0 - next))? + (noise * next)?)?
                } else {
                    clean
                }
            }
        };
        self.step += 1;
        Ok(latent)
    }

    /// Corrects `latent` by `clean`, the prediction at it, and predicts the next one: algorithm 1 of the paper with the
    /// coefficients of its section 3.3.
    fn unipc(&mut self, latent: &Tensor, clean: Tensor) -> Result<Tensor> {
        let latent = match &self.before {
            Some((before, order)) => self.correct(before, *order, &clean)?,
            None => latent.clone(),
        };
        let left = self.schedule.times().len() - self.step;
        self.clean.push(clean);
        if self.clean.len() > ORDER {
            self.clean.remove(0);
        }
        let order = self.clean.len().min(left);
        let next = self.predict(&latent, order)?;
        self.before = Some((latent, order));
        Ok(next)
    }

    /// From the level of this step to the next.
    fn predict(&self, latent: &Tensor, order: usize) -> Result<Tensor> {
        let step = Span::new(&self.schedule, self.step, self.step + 1);
        let newest = &self.clean[self.clean.len() - 1];
        let straight = step.straight(latent, newest)?;
        if order < ORDER {
            return Ok(straight);
        }
        let ratio = step.ratio(&self.schedule, self.step - 1);
        let slope = ((&self.clean[0] - newest)? / ratio)?;
        Ok((straight - (slope * (0.5 * step.signal * step.growth))?)?)
    }

    /// From the level before to that of this step again, now that the prediction there is known.
    fn correct(&self, before: &Tensor, order: usize, clean: &Tensor) -> Result<Tensor> {
        let step = Span::new(&self.schedule, self.step - 1, self.step);
        let last = &self.clean[self.clean.len() - 1];
        let straight = step.straight(before, last)?;
        let change = (clean - last)?;
        let weighted = if order < ORDER {
            (change * 0.5)?
        } else {
            let ratio = step.ratio(&self.schedule, self.step - 2);
            let [older, newer] = step.corrector(ratio);
            let slope = ((&self.clean[0] - last)? / ratio)?;
            ((slope * older)? + (change * newer)?)?
        };
        Ok((straight - (weighted * (step.signal * step.growth))?)?)
    }

    /// What a later [`Self::resume`] needs.
    pub fn save(&self) -> Result<TensorFile> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in CLEAN.iter().zip(&self.clean) {
            tensors.insert((*name).to_string(), on_host(tensor)?);
        }
        let mut order = 0;
        if let Some((latent, its_order)) = &self.before {
            tensors.insert(LATENT.to_string(), on_host(latent)?);
            order = *its_order;
        }
        let saved = Saved {
            solver: self.schedule.solver(),
            steps: self.schedule.times().len(),
            step: self.step,
            order,
        };
        Ok(TensorFile {
            tensors,
            text: Some(serde_json::to_string(&saved)?),
        })
    }

    /// The scheduler as [`Self::save`] left it.
    ///
    /// # Errors
    /// Where `file` was saved with another solver or number of steps, or is damaged.
    pub fn resume(schedule: Schedule, file: &TensorFile, device: &Device) -> Result<Self> {
        let saved: Saved = serde_json::from_str(file.text.as_deref().unwrap_or_default())?;
        let fits = saved.solver == schedule.solver()
            && saved.steps == schedule.times().len()
            && saved.step <= saved.steps
            && saved.order <= ORDER;
        if !fits {
            return Err(NnError::Config {
                name: "saved schedule",
                value: format!("{:?}, step {} of {}", saved.solver, saved.step, saved.steps),
                permitted: "of the same solver and number of steps",
            });
        }
        let mut scheduler = Self {
            step: saved.step,
            ..Self::new(schedule)
        };
        if saved.solver == Solver::UniPc && saved.step > 0 {
            for name in &CLEAN[..saved.step.min(ORDER)] {
                scheduler.clean.push(on_device(file, name, device)?);
            }
            scheduler.before = Some((on_device(file, LATENT, device)?, saved.order));
        }
        Ok(scheduler)
    }
}

/// Numbers of the normal distribution, drawn on the host one after the other, so that they are the same on every device.
///
/// # Errors
/// Where the device has no room.
pub fn noise(seed: Seed, shape: &[usize], device: &Device) -> Result<Tensor> {
    let mut rng = seed.rng();
    let numbers: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.normal() as f32)
        .collect();
    Ok(Tensor::from_vec(numbers, shape, device)?)
}

fn on_host(tensor: &Tensor) -> Result<HostTensor> {
    Ok(HostTensor {
        shape: tensor.dims().to_vec(),
        numbers: tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?,
    })
}

fn on_device(file: &TensorFile, name: &str, device: &Device) -> Result<Tensor> {
    let missing = || NnError::MissingTensor { name: name.into() };
    let tensor = file.tensors.get(name).ok_or_else(missing)?;
    Ok(Tensor::from_slice(
        &tensor.numbers,
        tensor.shape.as_slice(),
        device,
    )?)
}

/// Half the logarithm of the signal-to-noise ratio, up to a factor: lambda in the paper.
fn log_ratio(sigma: f64) -> f64 {
    libm::log(1.0 - sigma) - libm::log(sigma)
}

/// The way from one noise level to a lower one.
struct Span {
    /// Where it begins, in [`log_ratio`].
    begin: f64,
    /// Its length in [`log_ratio`]; infinite to a level of 0.
    length: f64,
    /// The share of noise that stays.
    kept: f64,
    /// The share of signal at its end.
    signal: f64,
    /// `e^-length - 1`.
    growth: f64,
}

impl Span {
    fn new(schedule: &Schedule, from: usize, to: usize) -> Self {
        let (from, to) = (schedule.sigmas()[from], schedule.sigmas()[to]);
        let length = log_ratio(to) - log_ratio(from);
        Self {
            begin: log_ratio(from),
            length,
            kept: to / from,
            signal: 1.0 - to,
            growth: libm::expm1(-length),
        }
    }

    /// The step of order 1.
    fn straight(&self, latent: &Tensor, clean: &Tensor) -> Result<Tensor> {
        Ok(((latent * self.kept)? - (clean * (self.signal * self.growth))?)?)
    }

    /// Where an earlier level lies, in lengths of this span; below 0.
    fn ratio(&self, schedule: &Schedule, earlier: usize) -> f64 {
        (log_ratio(schedule.sigmas()[earlier]) - self.begin) / self.length
    }

    /// The weights of the older and the newer change, which solve `a + b = first` and `ratio a + b = second`.
    fn corrector(&self, ratio: f64) -> [f64; 2] {
        let length = -self.length;
        let phi_2 = self.growth / length - 1.0;
        let phi_3 = phi_2 / length - 0.5;
        let (first, second) = (phi_2 / self.growth, 2.0 * phi_3 / self.growth);
        let older = (first - second) / (1.0 - ratio);
        [older, first - older]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PARITY: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/parity/wan/schedulers.safetensors"
    );

    fn tensors() -> std::collections::HashMap<String, Tensor> {
        candle_core::safetensors::load(PARITY, &Device::Cpu).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        difference.max(0).unwrap().to_scalar().unwrap()
    }

    /// The stand-in for a network that the fixtures were made with.
    fn velocity(latent: &Tensor, time: f64) -> Tensor {
        let sum = ((latent * 0.7).unwrap() + time / 1000.0).unwrap();
        sum.tanh().unwrap()
    }

    fn schedules() -> Vec<(String, Schedule)> {
        let mut out = Vec::new();
        for (name, solver, shift) in [
            ("unipc_shift3", Solver::UniPc, 3.0),
            ("unipc_shift8", Solver::UniPc, 8.0),
            ("euler_shift3", Solver::Euler, 3.0),
        ] {
            for steps in [4, 10] {
                let schedule = Schedule::new(solver, steps, shift).unwrap();
                out.push((format!("{name}.{steps}"), schedule));
            }
        }
        out
    }

    /// Every level, time and latent of the reference implementation.
    #[test]
    fn steps_are_those_of_the_reference() {
        let tensors = tensors();
        let mut worst = 0f32;
        for (name, schedule) in schedules() {
            let list = |kind| -> Vec<f32> { tensors[&format!("{name}.{kind}")].to_vec1().unwrap() };
            for (a, b) in schedule.sigmas().iter().zip(list("sigmas")) {
                assert!((*a as f32 - b).abs() < 2e-7, "{name}: level {a}, {b}");
            }
            for (a, b) in schedule.times().iter().zip(list("timesteps")) {
                assert!((*a as f32 - b).abs() < 2e-4, "{name}: time {a}, {b}");
            }
            let mut latent = tensors[&format!("{name}.x0")].clone();
            let mut scheduler = Scheduler::new(schedule);
            while let Some(time) = scheduler.time() {
                let output = velocity(&latent, time);
                latent = scheduler
                    .step(&latent, &output, Prediction::Velocity)
                    .unwrap();
                let expected = &tensors[&format!("{name}.x{}", scheduler.done())];
                worst = worst.max(distance(&latent, expected));
                assert!(worst < 1e-5, "{name}, step {}: {worst}", scheduler.done());
            }
        }
    }

    #[test]
    fn a_saved_run_goes_on_as_if_it_had_not_been_stopped() {
        let start = &tensors()["unipc_shift3.10.x0"];
        for (name, schedule) in schedules() {
            let mut latent = start.clone();
            let mut scheduler = Scheduler::new(schedule.clone());
            let mut resumed = None;
            while let Some(time) = scheduler.time() {
                let output = velocity(&latent, time);
                let next = scheduler
                    .step(&latent, &output, Prediction::Velocity)
                    .unwrap();
                if let Some(resumed) = &mut resumed {
                    let resumed: &mut Scheduler = resumed;
                    let again = resumed
                        .step(&latent, &output, Prediction::Velocity)
                        .unwrap();
                    assert_eq!(distance(&next, &again), 0.0, "{name}");
                }
                let file = scheduler.save().unwrap();
                let device = &Device::Cpu;
                resumed = Some(Scheduler::resume(schedule.clone(), &file, device).unwrap());
                latent = next;
            }
        }
        let other = Schedule::new(Solver::UniPc, 7, 3.0).unwrap();
        let file = Scheduler::new(schedules()[0].1.clone()).save().unwrap();
        assert!(Scheduler::resume(other, &file, &Device::Cpu).is_err());
    }

    #[test]
    fn clean_samples_and_velocities_lead_the_same_way() {
        let start = &tensors()["unipc_shift3.10.x0"];
        for (name, schedule) in schedules() {
            let mut one = Scheduler::new(schedule.clone());
            let mut two = one.clone();
            let sigma = schedule.sigmas()[0];
            let output = velocity(start, 999.0);
            let clean = Prediction::Velocity.clean(&output, start, sigma).unwrap();
            let one = one.step(start, &output, Prediction::Velocity).unwrap();
            let two = two.step(start, &clean, Prediction::CleanSample).unwrap();
            assert!(distance(&one, &two) < 1e-6, "{name}");
        }
    }

    #[test]
    fn new_noise_is_added_up_to_the_last_step() {
        let clean = Tensor::full(0.5f32, 4096, &Device::Cpu).unwrap();
        let begun = |seed| Scheduler::new(Schedule::renoised(&[1000.0, 757.0], seed).unwrap());
        let step = |scheduler: &mut Scheduler| {
            let latent = scheduler.step(&clean, &clean, Prediction::CleanSample);
            latent.unwrap().to_vec1::<f32>().unwrap()
        };
        let (mut one, mut same, mut other) = (begun(Seed(1)), begun(Seed(1)), begun(Seed(2)));
        let noisy = step(&mut one);
        assert_eq!(step(&mut same), noisy);
        assert_ne!(step(&mut other), noisy);
        let noise: Vec<f32> = noisy.iter().map(|x| (x - 0.5 * 0.243) / 0.757).collect();
        let mean = noise.iter().sum::<f32>() / 4096.0;
        let variance = noise.iter().map(|x| x * x).sum::<f32>() / 4096.0;
        assert!(
            mean.abs() < 0.06 && (variance - 1.0).abs() < 0.1,
            "{mean}, {variance}"
        );
        let file = one.save().unwrap();
        let schedule = one.schedule().clone();
        let mut resumed = Scheduler::resume(schedule, &file, &Device::Cpu).unwrap();
        assert_eq!(step(&mut resumed), [0.5; 4096]);
        assert!(resumed.time().is_none());
        for times in [&[][..], &[757.0, 1000.0], &[1001.0], &[f64::NAN]] {
            assert!(Schedule::renoised(times, Seed(1)).is_err());
        }
    }

    #[test]
    fn impossible_schedules_are_refused() {
        for (steps, shift) in [(0, 3.0), (1001, 3.0), (4, 0.0), (4, f64::NAN)] {
            assert!(Schedule::new(Solver::UniPc, steps, shift).is_err());
        }
        let mut scheduler = Scheduler::new(Schedule::new(Solver::UniPc, 1, 1.0).unwrap());
        let latent = Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let mut step = || scheduler.step(&latent, &latent, Prediction::Velocity);
        assert!(step().is_ok());
        assert!(step().is_err());
    }
}
