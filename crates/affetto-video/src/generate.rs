//! From texts and noise to frames: encode, sample, decode, each with its network alone in memory.

use affetto_core::{Progress, Seed, Stage};
use affetto_nn::{
    diffusion::{Denoiser, Guidance, Schedule, Scheduler, noise},
    weights::{HostTensor, TensorFile},
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    model::{DitCondition, Reuse, Reusing, SavedReuse, Tiles, TinyDecoder, WanDit, WanVae},
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
    /// What is kept of the blocks, where they are left out of steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reuse: Option<SavedReuse>,
}

/// A video on its way from noise.
pub struct Sampler {
    scheduler: Scheduler,
    latent: Tensor,
    reuse: Option<Reuse>,
}

impl Sampler {
    /// From noise, of `shape` `(1, C, F, h, w)`.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(schedule: Schedule, seed: Seed, shape: [usize; 5], device: &Device) -> Result<Self> {
        Ok(Self {
            scheduler: Scheduler::new(schedule),
            latent: noise(seed.derive("noise"), &shape, device)?,
            reuse: None,
        })
    }

    /// The same with the blocks of the network left out of steps that would change little; see [`Reuse::new`].
    ///
    /// # Errors
    /// Those of [`Reuse::new`].
    pub fn with_reuse(self, threshold: Option<f64>) -> Result<Self> {
        let reuse = threshold.map(Reuse::new).transpose()?;
        Ok(Self { reuse, ..self })
    }

    /// How often the blocks were left out.
    pub fn left_out(&self) -> usize {
        self.reuse.as_ref().map_or(0, Reuse::left_out)
    }

    /// Goes on from what [`Sampler::save`] gave, to the same bytes as if it had not been stopped.
    ///
    /// # Errors
    /// [`Error::OtherJob`] where the file is of another job; where it is not whole.
    pub fn resume(
        schedule: Schedule,
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
        let reuse = match &saved.reuse {
            Some(reuse) => Some(Reuse::resume(reuse, &mut file, device)?),
            None => None,
        };
        file.text = saved.scheduler;
        Ok(Self {
            reuse,
            scheduler: Scheduler::resume(schedule, &file, device)?,
            latent: Tensor::from_vec(latent, &shape, device)?,
        })
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.scheduler.done()
    }

    /// Whether no step is left.
    pub fn is_done(&self) -> bool {
        self.scheduler.time().is_none()
    }

    /// The video as far as it is sampled.
    pub fn into_latent(self) -> Tensor {
        self.latent
    }

    /// All that is needed to go on later; `job` names the job.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn save(&self, job: &str) -> Result<TensorFile> {
        let mut file = self.scheduler.save()?;
        let reuse = match &self.reuse {
            Some(reuse) => Some(reuse.save(&mut file)?),
            None => None,
        };
        let saved = Saved {
            reuse,
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
        &mut self,
        network: &WanDit,
        guidance: &Guidance<DitCondition>,
        progress: &dyn Progress,
        each: &mut dyn FnMut(&Self) -> Result<()>,
    ) -> Result<()> {
        let total = self.scheduler.schedule().times().len();
        while let Some(time) = self.scheduler.time() {
            let output = match &mut self.reuse {
                Some(reuse) => {
                    reuse.begin(self.scheduler.done(), total);
                    guidance.predict(&Reusing::new(network, reuse), &self.latent, time)?
                }
                None => guidance.predict(network, &self.latent, time)?,
            };
            self.latent = self
                .scheduler
                .step(&self.latent, &output, network.prediction())?;
            each(self)?;
            progress.step(Stage::Generate, self.done(), total);
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
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
    vae.decode_streamed(&vae.denormalise(latent)?, tiles, |decoded| {
        if let Some(frames) = &decoded.frames {
            give(frames, each)?;
        }
        // So many frames' worth of work, since of tiles no frame is whole before the last.
        passed(total * decoded.passes / decoded.of, total, progress)
    })
}

/// The same by the tiny decoder.
///
/// # Errors
/// Those of `each`, and where the latent does not fit.
pub fn decode_tiny(
    decoder: &TinyDecoder,
    latent: &Tensor,
    progress: &dyn Progress,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let total = decoder.config().frames(latent.dim(2)?);
    let mut done = 0;
    decoder.decode_streamed(latent, |frames| {
        give(&frames, each)?;
        done += frames.dim(2)?;
        passed(done, total, progress)
    })
}

/// Gives out decoded frames, `(1, 3, F, H, W)`.
fn give(frames: &Tensor, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    for at in 0..frames.dim(2)? {
        let frame = frames.get(0)?.narrow(1, at, 1)?.squeeze(1)?;
        each(&bytes(&frame)?)?;
    }
    Ok(())
}

fn passed(done: usize, total: usize, progress: &dyn Progress) -> Result<()> {
    progress.step(Stage::Render, done, total);
    match progress.cancelled() {
        true => Err(Error::Cancelled),
        false => Ok(()),
    }
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
    use affetto_nn::{diffusion::Solver, weights::Precision};

    use super::*;
    use crate::parity;

    const SHAPE: [usize; 5] = [1, 16, 3, 4, 6];

    fn schedule() -> Schedule {
        Schedule::new(Solver::UniPc, 5, 3.0).unwrap()
    }

    fn begun() -> Sampler {
        Sampler::new(schedule(), Seed(7), SHAPE, &Device::Cpu).unwrap()
    }

    fn context(seed: u64) -> DitCondition {
        let mut rng = Seed(seed).rng();
        let numbers: Vec<f32> = (0..20 * 32).map(|_| rng.normal() as f32).collect();
        let context = Tensor::from_vec(numbers, (1, 20, 32), &Device::Cpu).unwrap();
        DitCondition::of_context(context)
    }

    fn usual() -> Guidance<DitCondition> {
        Guidance::Scaled {
            condition: context(3),
            empty: context(1),
            scale: 4.0,
        }
    }

    fn sampled(mut sampler: Sampler, guidance: &Guidance<DitCondition>) -> Vec<f32> {
        let network = parity::dit();
        sampler
            .run(&network, guidance, &Silent, &mut |_| Ok(()))
            .unwrap();
        assert!(sampler.is_done());
        let latent = sampler.into_latent();
        latent.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_job_that_was_stopped_goes_on_to_the_same_bytes() {
        let whole = sampled(begun(), &usual());
        let mut kept = None;
        let stopped = begun().run(&parity::dit(), &usual(), &Silent, &mut |sampler| {
            if sampler.done() == 3 {
                kept = Some(sampler.save("fox")?.to_bytes(Precision::F32)?);
                return Err(Error::Cancelled);
            }
            Ok(())
        });
        assert!(matches!(stopped, Err(Error::Cancelled)));
        let file = || TensorFile::from_bytes(kept.as_ref().unwrap()).unwrap();
        let resume = |job| Sampler::resume(schedule(), job, file(), SHAPE, &Device::Cpu);
        assert!(matches!(resume("hare"), Err(Error::OtherJob)));
        let sampler = resume("fox").unwrap();
        assert_eq!(sampler.done(), 3);
        assert_eq!(sampled(sampler, &usual()), whole);
    }

    /// A threshold that nothing is below leaves nothing out; the higher it is the more, and the further from what all steps
    /// give. Whatever is kept goes on with the job.
    #[test]
    fn steps_may_reuse_what_the_blocks_did() {
        let schedule = || Schedule::new(Solver::UniPc, 20, 3.0).unwrap();
        let begun = |threshold| {
            let sampler = Sampler::new(schedule(), Seed(7), SHAPE, &Device::Cpu);
            sampler.unwrap().with_reuse(threshold).unwrap()
        };
        let run = |mut sampler: Sampler| {
            let network = parity::dit();
            sampler
                .run(&network, &usual(), &Silent, &mut |_| Ok(()))
                .unwrap();
            let left_out = sampler.left_out();
            let numbers: Vec<f32> = sampler
                .into_latent()
                .flatten_all()
                .unwrap()
                .to_vec1()
                .unwrap();
            (left_out, numbers)
        };
        let (_, whole) = run(begun(None));
        let (none, same) = run(begun(Some(1e-9)));
        assert_eq!((none, &same), (0, &whole));
        let apart = |numbers: &[f32]| -> f32 {
            let far = numbers.iter().zip(&whole).map(|(a, b)| (a - b).abs());
            far.sum::<f32>() / whole.len() as f32
        };
        let (few, near) = run(begun(Some(0.3)));
        let (many, far) = run(begun(Some(1.0)));
        // Of 40 passes; in the first and the last step all run.
        assert!(0 < few && few < many && many <= 36, "{few} {many}");
        parity::record("reuse 0.3, passes left out of 40", few as f32);
        parity::record("reuse 0.3, mean difference", apart(&near));
        assert!(0.0 < apart(&near) && apart(&near) < apart(&far));

        let mut kept = None;
        let stopped = begun(Some(0.3)).run(&parity::dit(), &usual(), &Silent, &mut |sampler| {
            if sampler.done() == 7 {
                kept = Some(sampler.save("fox")?);
                return Err(Error::Cancelled);
            }
            Ok(())
        });
        assert!(matches!(stopped, Err(Error::Cancelled)));
        let resumed = Sampler::resume(schedule(), "fox", kept.unwrap(), SHAPE, &Device::Cpu);
        assert_eq!(run(resumed.unwrap()), run(begun(Some(0.3))));
        assert!(begun(None).with_reuse(Some(0.0)).is_err());
    }

    #[test]
    fn the_emotion_has_a_scale_of_its_own() {
        let apart = |a: &[f32], b: &[f32]| -> f32 {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
        };
        let by = |emotion_scale| Guidance::Terms {
            empty: context(1),
            content: context(2),
            both: context(3),
            content_scale: 4.0,
            emotion_scale,
        };
        let [none, some, much] = [0.0, 1.0, 3.0].map(|scale| sampled(begun(), &by(scale)));
        assert!(apart(&none, &some) > 1e-4);
        assert!(apart(&none, &much) > apart(&none, &some));
        assert_eq!(by(1.0).passes(), 3);
        assert_eq!(usual().passes(), 2);
    }

    #[test]
    fn frames_are_bytes_of_their_pictures() {
        let (vae, mut frames) = (parity::vae(), Vec::new());
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
