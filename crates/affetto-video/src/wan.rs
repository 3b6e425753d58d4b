//! The published networks in a folder, and a video made with them.

use std::path::{Path, PathBuf};

use affetto_core::{Progress, read_limited, sha256_hex};
use affetto_nn::{
    diffusion::Schedule,
    weights::{Precision, TensorFile},
};
use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    condition::VideoRequest,
    generate::{Conditions, Sampler, Sampling, decode},
    model::{
        Conditioning, DitCondition, DitConfig, Umt5Config, Umt5Encoder, VaeConfig, WanDit, WanVae,
    },
    prompt::Prompt,
    text::Words,
    weights::{Keep, Network, Weights},
};

/// The most bytes of a configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Rows that a text has where the transformer takes any number of tokens.
const TEXT_ROWS: usize = 512;

/// Where each network lies: a folder as diffusers has it, with `transformer`, `vae`, `text_encoder` and `tokenizer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WanFolder {
    folder: PathBuf,
}

impl WanFolder {
    /// Looks whether all is there.
    ///
    /// # Errors
    /// [`Error::Incomplete`] for the first that is not.
    pub fn open(folder: &Path) -> Result<Self> {
        let found = Self {
            folder: folder.into(),
        };
        for (what, path) in [
            ("the transformer's config.json", found.config("transformer")),
            ("the autoencoder's config.json", found.config("vae")),
            (
                "the text encoder's config.json",
                found.config("text_encoder"),
            ),
            ("the tokenizer", found.tokenizer()),
        ] {
            if !path.is_file() {
                return Err(Error::Incomplete { what, path });
            }
        }
        Ok(found)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn config(&self, name: &str) -> PathBuf {
        self.part(name).join("config.json")
    }

    fn tokenizer(&self) -> PathBuf {
        self.part("tokenizer").join("tokenizer.json")
    }

    fn text_of(path: &Path) -> Result<String> {
        let bytes = read_limited(path, MAX_CONFIG_BYTES)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The extents of the transformer.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    pub fn dit_config(&self) -> Result<DitConfig> {
        DitConfig::from_json(&Self::text_of(&self.config("transformer"))?)
    }

    /// The extents of the autoencoder.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    pub fn vae_config(&self) -> Result<VaeConfig> {
        VaeConfig::from_json(&Self::text_of(&self.config("vae"))?)
    }

    /// The extents of the text encoder.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    pub fn text_config(&self) -> Result<Umt5Config> {
        Umt5Config::from_json(&Self::text_of(&self.config("text_encoder"))?)
    }

    fn weights(&self, part: &str, network: Network, device: &Device) -> Result<Weights> {
        let weights = Weights::open(&self.part(part), network, device)?;
        Ok(weights.with_kept(Keep::AsStored))
    }

    fn dit(&self, device: &Device) -> Result<WanDit> {
        let config = self.dit_config()?;
        WanDit::new(&config, &self.weights("transformer", Network::Dit, device)?)
    }

    fn vae(&self, device: &Device) -> Result<WanVae> {
        let config = self.vae_config()?;
        let network = Network::Vae {
            res_blocks: config.num_res_blocks,
        };
        WanVae::new(&config, &self.weights("vae", network, device)?)
    }

    /// What the transformer is told. The text encoder is loaded, read with, and let go.
    ///
    /// # Errors
    /// Where the encoder or the tokenizer cannot be read.
    pub fn conditions(&self, prompt: &Prompt, device: &Device) -> Result<Conditions> {
        let config = self.text_config()?;
        let rows = match self.dit_config()?.conditioning {
            Conditioning::Text { rows } => rows,
            Conditioning::Tokens => TEXT_ROWS,
        };
        let words = Words::read(&self.tokenizer())?;
        let weights = self.weights("text_encoder", Network::Umt5, device)?;
        let encoder = Umt5Encoder::new(&config, &weights)?;
        let of = |text: &str| -> Result<DitCondition> {
            let states = encoder.encode_padded(&words.of(text, rows)?, rows)?;
            Ok(DitCondition::of_context(states))
        };
        Ok(Conditions {
            negative: of(&prompt.negative)?,
            content: of(&prompt.content)?,
            with_emotion: of(&prompt.with_emotion)?,
        })
    }

    /// Names the job: request and configurations. The same job goes on from what was sampled.
    fn job(&self, request: &VideoRequest) -> Result<String> {
        let mut text = serde_json::to_string(request)?;
        for part in ["transformer", "vae", "text_encoder"] {
            text += &Self::text_of(&self.config(part))?;
        }
        Ok(sha256_hex(text.as_bytes()))
    }

    /// Samples the latent that `request` asks for. What is done is kept in `kept` after every step, the last latent too; with
    /// `resume` the work goes on from there. The transformer is let go at the end.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where `progress` says so, [`Error::OtherJob`] where `kept` is of another job, and where a network
    /// or file cannot be read or written.
    pub fn sample(
        &self,
        request: &VideoRequest,
        device: &Device,
        kept: &Path,
        resume: bool,
        progress: &dyn Progress,
    ) -> Result<Tensor> {
        request.check()?;
        let shape = request.latent_shape(&self.dit_config()?, &self.vae_config()?)?;
        let prompt = Prompt::new(
            &request.prompt,
            &request.emotion,
            request.negative.as_deref(),
        );
        let sampling = Sampling {
            schedule: Schedule::new(request.solver.into(), request.steps, request.shift)?,
            content_scale: request.guidance,
            emotion_scale: request.emotion_guidance,
            seed: request.seed,
        };
        let job = self.job(request)?;
        let begun = match resume && kept.is_file() {
            true => Some(TensorFile::read(kept)?),
            false => None,
        };
        let conditions = self.conditions(&prompt, device)?;
        let network = self.dit(device)?;
        let sampler = match begun {
            Some(file) => Sampler::resume(&network, &sampling, &job, file, shape, device)?,
            None => Sampler::new(&network, &sampling, shape, device)?,
        };
        sampler.run(&conditions, progress, &mut |sampler| {
            sampler.save(&job)?.write(kept, Precision::F32)?;
            Ok(())
        })
    }

    /// Decodes a latent frame by frame; `each` is given RGB, 8 bits a channel.
    ///
    /// # Errors
    /// Those of `each`, [`Error::Cancelled`], and where the autoencoder cannot be read.
    pub fn decode(
        &self,
        latent: &Tensor,
        device: &Device,
        progress: &dyn Progress,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        decode(&self.vae(device)?, latent, None, progress, each)
    }
}
