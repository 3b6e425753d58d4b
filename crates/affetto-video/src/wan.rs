//! The published networks in a folder, and a video made with them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use affetto_core::{Progress, read_limited, sha256_hex};
use affetto_emotion::FrameRate;
use affetto_media::film::FilmWriter;
use affetto_nn::{
    diffusion::{Guidance, Schedule},
    weights::{Precision, TensorFile},
};
use candle_core::{Device, Tensor};
use image::RgbImage;
use serde::Serialize;

use crate::{
    Error, Result,
    condition::{FRAMES_PER_SECOND, VideoRequest},
    generate::{Sampler, decode, decode_tiny},
    lora::{Lora, LoraSource},
    model::{
        Conditioning, DitCondition, DitConfig, TinyConfig, TinyDecoder, Umt5Config, Umt5Encoder,
        VaeConfig, WanDit, WanVae,
    },
    prompt::Prompt,
    text::Words,
    weights::{Keep, Network, Weights},
};

/// The most bytes of a configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Rows that a text has where the transformer takes any number of tokens.
const TEXT_ROWS: usize = 512;

/// The published networks: a folder as diffusers has it, with `transformer`, `vae`, `text_encoder` and `tokenizer`.
#[derive(Clone, Debug)]
pub struct WanFolder {
    folder: PathBuf,
    pub(crate) dit: DitConfig,
    pub(crate) vae: VaeConfig,
    pub(crate) text: Umt5Config,
    /// The three configurations as they stand in their files.
    configs: String,
    /// What is added to the transformer.
    loras: Arc<[Lora]>,
    /// Decodes in place of the autoencoder.
    tiny: Option<PathBuf>,
}

impl WanFolder {
    /// Looks whether all is there, and reads what the networks are like.
    ///
    /// # Errors
    /// [`Error::Incomplete`] for the first that is not; where a configuration cannot be read, or weights are damaged or of
    /// another network.
    pub fn open(folder: &Path) -> Result<Self> {
        let [dit, vae, text] = [
            ("the transformer's config.json", "transformer"),
            ("the autoencoder's config.json", "vae"),
            ("the text encoder's config.json", "text_encoder"),
        ]
        .map(|(what, part)| {
            let path = folder.join(part).join("config.json");
            let bytes = read_limited(&present(path, what)?, MAX_CONFIG_BYTES)?;
            Ok::<_, Error>(String::from_utf8_lossy(&bytes).into_owned())
        });
        let (dit, vae, text) = (dit?, vae?, text?);
        let found = Self {
            folder: folder.into(),
            dit: DitConfig::from_json(&dit)?,
            vae: VaeConfig::from_json(&vae)?,
            text: Umt5Config::from_json(&text)?,
            configs: dit + &vae + &text,
            loras: Arc::new([]),
            tiny: None,
        };
        present(found.tokenizer(), "the tokenizer")?;
        // Hours of work do not end at a damaged file: every one is opened, and none of its tensors read.
        found.dit_weights(&Device::Cpu)?;
        found.vae_weights(&Device::Cpu)?;
        found.text_weights(&Device::Cpu)?;
        Ok(found)
    }

    /// The same networks with what these files add to the transformer.
    ///
    /// # Errors
    /// Those of [`Lora::open`]: every key, shape and number of every file is looked at.
    pub fn with_loras(self, sources: &[LoraSource]) -> Result<Self> {
        let open = |source: &LoraSource| Lora::open(source.clone(), &self.dit);
        let loras = sources.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { loras, ..self })
    }

    /// The same networks with the tiny decoder of this file, TAEW2.1, in place of the autoencoder's: less to see, and a small
    /// part of the work.
    ///
    /// # Errors
    /// Where the file is no such decoder, or the latents of the networks have not its 16 channels.
    pub fn with_tiny_decoder(self, path: &Path) -> Result<Self> {
        let config = TinyConfig::taew_2_1();
        if self.vae.z_dim != config.latent_channels {
            return Err(Error::Config {
                name: "z_dim",
                value: self.vae.z_dim.to_string(),
                permitted: format!("{} for a TAEW decoder", config.latent_channels),
            });
        }
        tiny_decoder(path, &Device::Cpu)?;
        Ok(Self {
            tiny: Some(path.into()),
            ..self
        })
    }

    /// What is added to the transformer.
    pub fn loras(&self) -> &[Lora] {
        &self.loras
    }

    pub(crate) fn tokenizer(&self) -> PathBuf {
        self.folder.join("tokenizer").join("tokenizer.json")
    }

    fn weights(&self, part: &str, network: Network, device: &Device) -> Result<Weights> {
        let weights = Weights::open(&self.folder.join(part), network, device)?;
        Ok(weights.with_kept(Keep::AsStored))
    }

    pub(crate) fn dit_weights(&self, device: &Device) -> Result<Weights> {
        let weights = self.weights("transformer", Network::Dit, device)?;
        Ok(weights.with_loras(Arc::clone(&self.loras)))
    }

    pub(crate) fn vae_weights(&self, device: &Device) -> Result<Weights> {
        let res_blocks = self.vae.num_res_blocks;
        self.weights("vae", Network::Vae { res_blocks }, device)
    }

    pub(crate) fn text_weights(&self, device: &Device) -> Result<Weights> {
        self.weights("text_encoder", Network::Umt5, device)
    }

    /// Texts as the transformer is told them. The text encoder is loaded, read with, and let go.
    ///
    /// # Errors
    /// Where the encoder or the tokenizer cannot be read.
    fn told(&self, texts: &Guidance<String>, device: &Device) -> Result<Guidance<DitCondition>> {
        let rows = text_rows(&self.dit);
        let words = Words::read(&self.tokenizer())?;
        let encoder = Umt5Encoder::new(&self.text, &self.text_weights(device)?)?;
        texts.try_map(|text| {
            let states = encoder.encode_padded(&words.of(text, rows)?, rows)?;
            Ok(DitCondition::of_context(states))
        })
    }

    /// Names the job: request, configurations and what is added. The same job goes on from what was sampled.
    fn job(&self, request: &VideoRequest) -> Result<String> {
        let mut text = serde_json::to_string(request)? + &self.configs;
        for lora in self.loras.iter() {
            text += &format!("{}:{}", lora.sha256(), lora.source().strength);
        }
        Ok(sha256_hex(text.as_bytes()))
    }

    /// Samples the latent that `request` asks for. What is done is kept in `kept` after every step, the last latent too; with
    /// `resume` the work goes on from there, and where all of it is done no network is loaded. The transformer is let go at
    /// the end.
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
        let shape = request.latent_shape(&self.dit, &self.vae)?;
        let schedule = Schedule::new(request.solver.into(), request.steps, request.shift)?;
        let job = self.job(request)?;
        let mut sampler = match resume && kept.is_file() {
            true => Sampler::resume(schedule, &job, TensorFile::read(kept)?, shape, device)?,
            false => {
                Sampler::new(schedule, request.seed, shape, device)?.with_reuse(request.reuse)?
            }
        };
        if !sampler.is_done() {
            let guidance = self.told(&request.texts(), device)?;
            let network = WanDit::new(&self.dit, &self.dit_weights(device)?)?;
            sampler.run(&network, &guidance, progress, &mut |sampler| {
                sampler.save(&job)?.write(kept, Precision::F32)?;
                Ok(())
            })?;
        }
        Ok(sampler.into_latent())
    }

    /// Decodes a latent into a film at `path`, whole or not at all. A few frames are held at a time.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and where the autoencoder cannot be read or the film not be written.
    pub fn film(
        &self,
        latent: &Tensor,
        path: &Path,
        device: &Device,
        progress: &dyn Progress,
    ) -> Result<()> {
        let factor = match self.tiny {
            Some(_) => TinyConfig::taew_2_1().space_factor(),
            None => self.vae.space_factor(),
        };
        let (height, width) = (latent.dim(3)? * factor, latent.dim(4)? * factor);
        let mut film = FilmWriter::new(path, FrameRate::new(FRAMES_PER_SECOND, 1))?;
        let mut each = |frame: &[u8]| {
            let picture = RgbImage::from_raw(width as u32, height as u32, frame.to_vec());
            Ok(film.push(&picture.unwrap_or_default())?)
        };
        match &self.tiny {
            Some(tiny) => decode_tiny(&tiny_decoder(tiny, device)?, latent, progress, &mut each)?,
            None => {
                let vae = WanVae::new(&self.vae, &self.vae_weights(device)?)?;
                decode(&vae, latent, None, progress, &mut each)?;
            }
        }
        Ok(film.finish()?)
    }

    /// What is ahead: the texts, and how much work and memory it takes.
    ///
    /// # Errors
    /// Where `request` is outside what the networks can do.
    pub fn plan(&self, request: &VideoRequest) -> Result<WanPlan> {
        request.check()?;
        let latent = request.latent_shape(&self.dit, &self.vae)?;
        let tokens = latent[2..].iter().product::<usize>() / self.dit.patch_len();
        let passes = request.steps * request.texts().passes();
        let count = |tensors: Vec<(String, Vec<usize>)>| -> u64 {
            let numbers =
                |(_, shape): &(String, Vec<usize>)| shape.iter().product::<usize>() as u64;
            tensors.iter().map(numbers).sum()
        };
        Ok(WanPlan {
            prompt: request.prompt(),
            latent,
            tokens,
            passes,
            flops: passes as f64 * flops(&self.dit, tokens),
            transformer_parameters: count(self.dit.tensors()),
            text_encoder_parameters: count(self.text.tensors()),
            autoencoder_parameters: count(self.vae.tensors()),
        })
    }
}

/// `path`, which must be that of a file.
fn present(path: PathBuf, what: &'static str) -> Result<PathBuf> {
    match path.is_file() {
        true => Ok(path),
        false => Err(Error::Incomplete { what, path }),
    }
}

fn tiny_decoder(path: &Path, device: &Device) -> Result<TinyDecoder> {
    let weights = Weights::open(path, Network::Tiny, device)?;
    TinyDecoder::new(&TinyConfig::taew_2_1(), &weights)
}

/// Rows of a text with its zeros.
pub(crate) fn text_rows(dit: &DitConfig) -> usize {
    match dit.conditioning {
        Conditioning::Text { rows } => rows,
        Conditioning::Tokens => TEXT_ROWS,
    }
}

/// What is ahead of a video. One network is in memory at a time, 4 bytes a parameter where its file does not have it in
/// blocks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WanPlan {
    /// The texts that are read.
    pub prompt: Prompt,
    /// The shape of the latent.
    pub latent: [usize; 5],
    /// Tokens of the transformer.
    pub tokens: usize,
    /// How often the transformer is run.
    pub passes: usize,
    /// Floating-point operations of all passes.
    pub flops: f64,
    /// Numbers of the transformer.
    pub transformer_parameters: u64,
    /// Numbers of the text encoder.
    pub text_encoder_parameters: u64,
    /// Numbers of the autoencoder.
    pub autoencoder_parameters: u64,
}

/// Floating-point operations of one pass: two for each weight and token, and attention among the tokens and to the text.
fn flops(dit: &DitConfig, tokens: usize) -> f64 {
    let (tokens, width, ffn) = (tokens as f64, dit.width() as f64, dit.ffn_width as f64);
    let rows = text_rows(dit) as f64;
    let layers = 2.0 * tokens * (6.0 * width * width + 2.0 * width * ffn);
    let text = 2.0 * rows * 2.0 * width * width;
    let attention = 4.0 * tokens * (tokens + rows) * width;
    dit.layers as f64 * (layers + text + attention)
}

#[cfg(test)]
pub(crate) mod tests {
    use affetto_core::Silent;
    use affetto_emotion::Emotion;

    use super::*;
    use crate::parity;

    /// The small networks of the fixtures as diffusers lays them out.
    pub(crate) fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (part, network, file) in [
            ("transformer", "dit", "tiny_wan_dit"),
            ("vae", "vae", "tiny_wan_vae"),
            ("text_encoder", "umt5", "tiny_umt5"),
        ] {
            let part = folder.path().join(part);
            std::fs::create_dir(&part).unwrap();
            std::fs::write(part.join("config.json"), parity::config(network)).unwrap();
            let weights = parity::path(&format!("{file}.safetensors"));
            std::fs::copy(weights, part.join("model.safetensors")).unwrap();
        }
        let tokenizer = folder.path().join("tokenizer");
        std::fs::create_dir(&tokenizer).unwrap();
        let name = "tokenizer.json";
        std::fs::copy(parity::path(name), tokenizer.join(name)).unwrap();
        folder
    }

    fn request() -> VideoRequest {
        VideoRequest {
            prompt: "a fox in the rain".into(),
            emotion: Emotion::parse("sadness:0.8").unwrap(),
            width: 48,
            height: 32,
            frames: 9,
            steps: 3,
            ..VideoRequest::default()
        }
    }

    #[test]
    fn a_video_from_a_prompt_and_the_same_bytes_after_an_interruption() {
        let folder = folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let (kept, film) = (folder.path().join("kept"), folder.path().join("fox.mp4"));
        let sample = |resume| wan.sample(&request(), &Device::Cpu, &kept, resume, &Silent);
        let latent = sample(false).unwrap();
        wan.film(&latent, &film, &Device::Cpu, &Silent).unwrap();
        let bytes = std::fs::read(&film).unwrap();
        // All steps are kept: nothing is left to do, and the film is the same.
        let again = sample(true).unwrap();
        wan.film(&again, &film, &Device::Cpu, &Silent).unwrap();
        assert_eq!(std::fs::read(&film).unwrap(), bytes);
        let other = VideoRequest {
            seed: affetto_core::Seed(9),
            ..request()
        };
        let refused = wan.sample(&other, &Device::Cpu, &kept, true, &Silent);
        assert!(matches!(refused, Err(Error::OtherJob)));
    }

    #[test]
    fn the_tiny_decoder_makes_the_film_in_place_of_the_autoencoder() {
        let folder = folder();
        let tiny = folder.path().join("taew.safetensors");
        let drawn = |(name, shape): (String, Vec<usize>)| {
            let width: usize = shape[1..].iter().product();
            let tensor = parity::noise(&shape) / (width as f64).sqrt();
            (name, tensor.unwrap())
        };
        let tensors: std::collections::HashMap<String, Tensor> = TinyConfig::taew_2_1()
            .tensors()
            .into_iter()
            .map(drawn)
            .collect();
        candle_core::safetensors::save(&tensors, &tiny).unwrap();
        let latent = parity::noise(&[1, 16, 3, 4, 6]);
        let film = folder.path().join("fox.mp4");
        let bytes = |wan: &WanFolder| {
            wan.film(&latent, &film, &Device::Cpu, &Silent).unwrap();
            let read = affetto_media::film::FilmReader::open(&film).unwrap();
            assert_eq!((read.size(), read.left()), ((48, 32), 9));
            std::fs::read(&film).unwrap()
        };
        let wan = || WanFolder::open(folder.path()).unwrap();
        let plain = bytes(&wan());
        assert_ne!(bytes(&wan().with_tiny_decoder(&tiny).unwrap()), plain);
        let other = folder.path().join("vae/model.safetensors");
        let error = wan().with_tiny_decoder(&other).unwrap_err();
        assert!(matches!(error, Error::OtherNetwork { .. }), "{error}");
    }

    #[test]
    fn the_emotion_changes_the_video() {
        let folder = folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let kept = folder.path().join("kept");
        let sample = |request: VideoRequest| -> Vec<f32> {
            let latent = wan
                .sample(&request, &Device::Cpu, &kept, false, &Silent)
                .unwrap();
            latent.flatten_all().unwrap().to_vec1().unwrap()
        };
        let sad = sample(request());
        let neutral = sample(VideoRequest {
            emotion: Emotion::NEUTRAL,
            ..request()
        });
        assert_ne!(sad, neutral);
    }

    #[test]
    fn plans_count_the_work_of_the_published_model() {
        // 832 x 480 x 81: 32,760 tokens, about 290 TFLOP a pass (research on the published model).
        let pass = flops(&DitConfig::t2v_1_3b(), 32_760) * 1e-12;
        assert!((270.0..300.0).contains(&pass), "{pass}");
        let folder = folder();
        let plan = WanFolder::open(folder.path())
            .unwrap()
            .plan(&request())
            .unwrap();
        assert_eq!(
            (plan.latent, plan.tokens, plan.passes),
            ([1, 16, 3, 4, 6], 18, 6)
        );
        assert!(plan.prompt.with_emotion.contains("\"sadness\" emotion"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = folder();
        std::fs::remove_file(folder.path().join("tokenizer/tokenizer.json")).unwrap();
        let error = WanFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("the tokenizer is missing"), "{error}");
    }
}
