//! From texts and noise to frames: encode, sample, decode, each with its network alone in memory.

use affetto_core::{Progress, Seed, Stage};
use affetto_nn::{
    diffusion::{Denoiser, Guidance, Schedule, Scheduler},
    weights::{HostTensor, TensorFile},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    model::{DitCondition, Tiles, WanDit, WanVae},
};

/// The name of the latent in a file of what was sampled so far; the scheduler has names of its own.
const LATENT: &str = "sampled";

/// What a file of what was sampled so far says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// Names the job, so that another one does not go on from it.
    job: String,
    /// What the scheduler says of itself.
    scheduler: Option<String>,
}

/// How a video is sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// The noise levels, and how the way between them is solved.
    pub schedule: Schedule,
    /// How far towards the content; 1 is as learned, and one pass of the network a step less.
    pub content_scale: f64,
    /// How far from there towards the emotion; nothing to read it with the content, as EmoVid does.
    pub emotion_scale: Option<f64>,
    /// The noise is drawn from it.
    pub seed: Seed,
}

impl Sampling {
    /// Passes of the network in each step.
    pub fn passes(&self) -> usize {
        passes(self.emotion_scale, self.content_scale)
    }
}

/// Passes of the network in a step that is guided by these scales.
pub fn passes(emotion_scale: Option<f64>, content_scale: f64) -> usize {
    match (emotion_scale, content_scale) {
        (Some(_), _) => 3,
        (None, 1.0) => 1,
        (None, _) => 2,
    }
}

/// What the network is told.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What is kept away from.
    pub negative: DitCondition,
    /// What is to be seen.
    pub content: DitCondition,
    /// The same with the emotion.
    pub with_emotion: DitCondition,
}

/// A video on its way from noise.
pub struct Sampler<'a> {
    network: &'a WanDit,
    sampling: &'a Sampling,
    scheduler: Scheduler,
    latent: Tensor,
}

impl<'a> Sampler<'a> {
    /// From noise, of `shape` `(1, C, F, h, w)`. The noise is drawn on the host, one number after the other, so that it is the
    /// same on every device.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(
        network: &'a WanDit,
        sampling: &'a Sampling,
        shape: [usize; 5],
        device: &Device,
    ) -> Result<Self> {
        let mut rng = sampling.seed.derive("noise").rng();
        let noise: Vec<f32> = (0..shape.iter().product())
            .map(|_| rng.normal() as f32)
            .collect();
        Ok(Self {
            network,
            sampling,
            scheduler: Scheduler::new(sampling.schedule.clone()),
            latent: Tensor::from_vec(noise, &shape, device)?,
        })
    }

    /// Goes on from what [`Sampler::save`] gave, to the same bytes as if it had not been stopped.
    ///
    /// # Errors
    /// [`Error::OtherJob`] where the file is of another job; where it is not whole.
    pub fn resume(
        network: &'a WanDit,
        sampling: &'a Sampling,
        job: &str,
        mut file: TensorFile,
        shape: [usize; 5],
        device: &Device,
    ) -> Result<Self> {
        let saved: Saved = serde_json::from_str(file.text.as_deref().unwrap_or_default())?;
        if saved.job != job {
            return Err(Error::OtherJob);
        }
        let latent = file.take(LATENT, &shape)?;
        file.text = saved.scheduler;
        Ok(Self {
            network,
            sampling,
            scheduler: Scheduler::resume(sampling.schedule.clone(), &file, device)?,
            latent: Tensor::from_vec(latent, &shape, device)?,
        })
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.scheduler.done()
    }

    /// All that is needed to go on later; `job` names the job.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn save(&self, job: &str) -> Result<TensorFile> {
        let mut file = self.scheduler.save()?;
        let saved = Saved {
            job: job.into(),
            scheduler: file.text.take(),
        };
        file.text = Some(serde_json::to_string(&saved)?);
        let latent = HostTensor {
            shape: self.latent.dims().to_vec(),
            numbers: self.latent.flatten_all()?.to_vec1()?,
        };
        file.tensors.insert(LATENT.into(), latent);
        Ok(file)
    }

    /// The steps that are left; `each` sees the sampler after every one.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after the step at which `progress` says so, and those of `each`.
    pub fn run(
        mut self,
        conditions: &Conditions,
        progress: &dyn Progress,
        each: &mut dyn FnMut(&Self) -> Result<()>,
    ) -> Result<Tensor> {
        let total = self.sampling.schedule.times().len();
        while let Some(time) = self.scheduler.time() {
            let guidance = self.guidance(conditions);
            let output = guidance.predict(self.network, &self.latent, time)?;
            self.latent = self
                .scheduler
                .step(&self.latent, &output, self.network.prediction())?;
            each(&self)?;
            progress.step(Stage::Generate, self.scheduler.done(), total);
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(self.latent)
    }

    fn guidance<'c>(&self, conditions: &'c Conditions) -> Guidance<'c, DitCondition> {
        let Conditions {
            negative: empty,
            content,
            with_emotion: both,
        } = conditions;
        match (self.sampling.emotion_scale, self.sampling.content_scale) {
            (Some(emotion_scale), content_scale) => Guidance::Terms {
                empty,
                content,
                both,
                content_scale,
                emotion_scale,
            },
            (None, 1.0) => Guidance::Plain { condition: both },
            (None, scale) => Guidance::Scaled {
                condition: both,
                empty,
                scale,
            },
        }
    }
}

/// Decodes a sampled latent frame by frame; `each` is given RGB of `height` x `width`, 8 bits a channel.
///
/// # Errors
/// Those of `each`, and where the latent does not fit.
pub fn decode(
    vae: &WanVae,
    latent: &Tensor,
    tiles: Option<Tiles>,
    progress: &dyn Progress,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let total = vae.config().frames(latent.dim(2)?);
    let mut done = 0;
    vae.decode_streamed(&vae.denormalise(latent)?, tiles, |frames| {
        for at in 0..frames.dim(2)? {
            let frame = frames.get(0)?.narrow(1, at, 1)?.squeeze(1)?;
            each(&bytes(&frame)?)?;
            done += 1;
            progress.step(Stage::Render, done, total);
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    })
}

/// `(3, H, W)` from -1 to 1 as RGB bytes, a row after the other.
fn bytes(frame: &Tensor) -> Result<Vec<u8>> {
    let scaled = frame.affine(127.5, 127.5)?.permute((1, 2, 0))?;
    let numbers: Vec<f32> = scaled.flatten_all()?.to_device(&Device::Cpu)?.to_vec1()?;
    Ok(numbers
        .into_iter()
        .map(|number| number.round() as u8)
        .collect())
}

#[cfg(test)]
mod tests {
    use affetto_core::Silent;
    use affetto_nn::diffusion::Solver;

    use super::*;
    use crate::parity::{dit as tiny_dit, vae as tiny_vae};

    const SHAPE: [usize; 5] = [1, 16, 3, 4, 6];

    fn sampling(emotion_scale: Option<f64>) -> Sampling {
        Sampling {
            schedule: Schedule::new(Solver::UniPc, 5, 3.0).unwrap(),
            content_scale: 4.0,
            emotion_scale,
            seed: Seed(7),
        }
    }

    fn conditions() -> Conditions {
        let context = |seed: u64| {
            let mut rng = Seed(seed).rng();
            let numbers: Vec<f32> = (0..20 * 32).map(|_| rng.normal() as f32).collect();
            let context = Tensor::from_vec(numbers, (1, 20, 32), &Device::Cpu).unwrap();
            DitCondition::of_context(context)
        };
        Conditions {
            negative: context(1),
            content: context(2),
            with_emotion: context(3),
        }
    }

    fn sampled(sampling: &Sampling) -> Vec<f32> {
        let network = tiny_dit();
        let sampler = Sampler::new(&network, sampling, SHAPE, &Device::Cpu).unwrap();
        let latent = sampler
            .run(&conditions(), &Silent, &mut |_| Ok(()))
            .unwrap();
        latent.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_job_that_was_stopped_goes_on_to_the_same_bytes() {
        let (network, sampling) = (tiny_dit(), sampling(None));
        let whole = sampled(&sampling);
        let mut kept = None;
        let sampler = Sampler::new(&network, &sampling, SHAPE, &Device::Cpu).unwrap();
        let stopped = sampler.run(&conditions(), &Silent, &mut |sampler| {
            if sampler.done() == 3 {
                let file = sampler.save("fox")?;
                kept = Some(file.to_bytes(affetto_nn::weights::Precision::F32)?);
                return Err(Error::Cancelled);
            }
            Ok(())
        });
        assert!(matches!(stopped, Err(Error::Cancelled)));
        let file = || TensorFile::from_bytes(kept.as_ref().unwrap()).unwrap();
        let resume = |job| Sampler::resume(&network, &sampling, job, file(), SHAPE, &Device::Cpu);
        assert!(matches!(resume("hare"), Err(Error::OtherJob)));
        let sampler = resume("fox").unwrap();
        assert_eq!(sampler.done(), 3);
        let latent = sampler
            .run(&conditions(), &Silent, &mut |_| Ok(()))
            .unwrap();
        let latent: Vec<f32> = latent.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(latent, whole);
    }

    #[test]
    fn the_emotion_has_a_scale_of_its_own() {
        let apart = |a: &[f32], b: &[f32]| -> f32 {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
        };
        let (none, some, much) = (
            sampled(&sampling(Some(0.0))),
            sampled(&sampling(Some(1.0))),
            sampled(&sampling(Some(3.0))),
        );
        assert!(apart(&none, &some) > 1e-4);
        assert!(apart(&none, &much) > apart(&none, &some));
        assert_eq!(sampling(Some(1.0)).passes(), 3);
        assert_eq!(sampling(None).passes(), 2);
    }

    #[test]
    fn frames_are_bytes_of_their_pictures() {
        let (vae, mut frames) = (tiny_vae(), Vec::new());
        let latent =
            Tensor::zeros((1, 16, 2, 4, 6), candle_core::DType::F32, &Device::Cpu).unwrap();
        decode(&vae, &latent, None, &Silent, &mut |frame| {
            frames.push(frame.len());
            Ok(())
        })
        .unwrap();
        assert_eq!(frames, [3 * 32 * 48; 5]);
        let black = Tensor::full(-1f32, (3, 2, 2), &Device::Cpu).unwrap();
        assert_eq!(bytes(&black).unwrap(), [0; 12]);
        assert_eq!(bytes(&black.neg().unwrap()).unwrap(), [255; 12]);
    }
}
