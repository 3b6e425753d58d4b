//! The published networks in a folder, and a video made with them.

use std::{
    collections::BTreeMap,
    iter,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use affetto_attributes::visual::{Look, LookMeter};
use affetto_core::{Progress, read_limited, sha256_hex};
use affetto_emotion::FrameRate;
use affetto_media::film::FilmWriter;
use affetto_nn::{
    diffusion::Guidance,
    ops,
    weights::{Precision, TensorFile},
};
use candle_core::{DType, Device, Tensor};
use image::RgbImage;
use serde::Serialize;

use crate::{
    Error, Result,
    condition::{FRAMES_PER_SECOND, Script, Segment, VideoRequest},
    generate::{Sampler, decode, decode_tiny},
    lora::{Lora, LoraSource},
    memory::{Economy, Job, MemoryPlan, decoding_flops},
    model::{
        ClipConfig, ClipVision, Conditioning, DitCondition, DitConfig, Later, Tiles, TinyConfig,
        TinyDecoder, Umt5Config, Umt5Encoder, VaeConfig, WanDit, WanVae,
    },
    picture::Picture,
    text::Words,
    weights::{Keep, Network, Weights},
};

/// The most bytes of a configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Rows that a text has where the transformer takes any number of tokens.
const TEXT_ROWS: usize = 512;

/// Where the published networks are: the folder of each, with weights and `config.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WanParts {
    /// Of the transformer.
    pub transformer: PathBuf,
    /// Of the autoencoder.
    pub vae: PathBuf,
    /// Of the text encoder.
    pub text_encoder: PathBuf,
    /// Of `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Of the picture encoder, which only some transformers need.
    pub image_encoder: Option<PathBuf>,
}

impl WanParts {
    /// A folder as diffusers has it, with `transformer`, `vae`, `text_encoder`, `tokenizer` and `image_encoder`.
    pub fn in_folder(folder: &Path) -> Self {
        let part = |name: &str| folder.join(name);
        Self {
            transformer: part("transformer"),
            vae: part("vae"),
            text_encoder: part("text_encoder"),
            tokenizer: part("tokenizer"),
            image_encoder: Some(part("image_encoder")),
        }
    }
}

/// The published networks.
#[derive(Clone, Debug)]
pub struct WanFolder {
    parts: WanParts,
    pub(crate) dit: DitConfig,
    pub(crate) vae: VaeConfig,
    pub(crate) text: Umt5Config,
    /// The encoder of pictures, where the transformer sees their states.
    clip: Option<ClipConfig>,
    /// The configurations as they stand in their files.
    configs: String,
    /// The most memory that may be taken, in bytes.
    limit: Option<u64>,
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
        Self::of(WanParts::in_folder(folder))
    }

    /// The same for networks in folders of their own.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn of(parts: WanParts) -> Result<Self> {
        let dit = Part::read(&parts.transformer, "the transformer's config.json")?;
        let vae = Part::read(&parts.vae, "the autoencoder's config.json")?;
        let text = Part::read(&parts.text_encoder, "the text encoder's config.json")?;
        let mut found = Self {
            parts,
            dit: dit.as_config(DitConfig::from_json)?,
            vae: vae.as_config(VaeConfig::from_json)?,
            text: text.as_config(Umt5Config::from_json)?,
            clip: None,
            configs: dit.text + &vae.text + &text.text,
            limit: None,
            loras: Arc::new([]),
            tiny: None,
        };
        if let Some(width) = found.dit.image_width {
            let clip = Part::read(found.image_encoder()?, "the picture encoder's config.json")?;
            let read = clip.as_config(ClipConfig::from_json)?;
            if read.hidden_size != width {
                return Err(Error::Config {
                    name: "hidden_size of the picture encoder",
                    value: read.hidden_size.to_string(),
                    permitted: format!("{width}, as the transformer has it"),
                });
            }
            found.clip = Some(read);
            found.configs += &clip.text;
        }
        present(found.tokenizer(), "the tokenizer")?;
        // Hours of work do not end at a damaged file: every one is opened, and none of its tensors read.
        found.dit_weights(&Device::Cpu)?;
        found.vae_weights(&Device::Cpu)?;
        found.text_weights(&Device::Cpu)?;
        if found.clip.is_some() {
            found.clip_weights(&Device::Cpu)?;
        }
        Ok(found)
    }

    /// The same networks, taking no more memory than so many bytes, or as much as they want. See [`memory`](crate::memory)
    /// for what is done for it.
    pub fn with_memory(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
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

    /// The file that decodes in place of the autoencoder.
    pub fn tiny_decoder(&self) -> Option<&Path> {
        self.tiny.as_deref()
    }

    pub(crate) fn tokenizer(&self) -> PathBuf {
        self.parts.tokenizer.join("tokenizer.json")
    }

    fn image_encoder(&self) -> Result<&Path> {
        let folder = self.parts.image_encoder.as_deref();
        folder.ok_or_else(|| Error::Incomplete {
            what: "the picture encoder",
            path: self.parts.transformer.clone(),
        })
    }

    fn weights(&self, part: &Path, network: Network, device: &Device) -> Result<Weights> {
        let weights = Weights::open(part, network, device)?;
        Ok(weights.with_kept(Keep::AsStored))
    }

    pub(crate) fn dit_weights(&self, device: &Device) -> Result<Weights> {
        let weights = self.weights(&self.parts.transformer, Network::Dit, device)?;
        Ok(weights.with_loras(Arc::clone(&self.loras)))
    }

    pub(crate) fn vae_weights(&self, device: &Device) -> Result<Weights> {
        let res_blocks = self.vae.num_res_blocks;
        self.weights(&self.parts.vae, Network::Vae { res_blocks }, device)
    }

    pub(crate) fn text_weights(&self, device: &Device) -> Result<Weights> {
        self.weights(&self.parts.text_encoder, Network::Umt5, device)
    }

    fn clip_weights(&self, device: &Device) -> Result<Weights> {
        self.weights(self.image_encoder()?, Network::Clip, device)
    }

    /// Whether a video begins from a picture.
    pub fn takes_picture(&self) -> bool {
        self.dit.in_channels > self.dit.out_channels
    }

    /// Whether the picture is the one of the request, and there is one where the networks want it.
    fn check_picture(&self, request: &VideoRequest, picture: Option<&Picture>) -> Result<()> {
        if request.picture.as_deref() != picture.map(Picture::sha256) {
            return Err(Error::Config {
                name: "picture",
                value: request.picture.clone().unwrap_or_else(|| "none".into()),
                permitted: "the checksum of the picture that is given".into(),
            });
        }
        let [more, fewer] = [
            "a picture to begin from",
            "no picture: these networks begin from text alone",
        ];
        let wrong = |permitted: &str| {
            Err(Error::Config {
                name: "picture",
                value: picture.map_or("none", |_| "given").into(),
                permitted: permitted.into(),
            })
        };
        match (self.takes_picture(), picture.is_some()) {
            (true, false) => wrong(more),
            (false, true) => wrong(fewer),
            (false, false) => Ok(()),
            (true, true) => {
                let extra = self.dit.in_channels - self.dit.out_channels;
                let needed = self.vae.time_factor() + self.vae.z_dim;
                match extra == needed {
                    true => Ok(()),
                    false => Err(Error::Config {
                        name: "in_channels",
                        value: self.dit.in_channels.to_string(),
                        permitted: format!(
                            "{}: the latent, a mask and a picture's latent",
                            self.dit.out_channels + needed
                        ),
                    }),
                }
            }
        }
    }

    /// What the transformer sees of a picture: its states, and mask and latent of a video that begins with it and is grey
    /// after (Wan Team, 2025, section 5.1). Each encoder is loaded, used and let go.
    fn begun_with(&self, picture: &Picture, shape: [usize; 5], device: &Device) -> Result<Begun> {
        let states = match &self.clip {
            Some(config) => {
                let clip = ClipVision::new(config, &self.clip_weights(device)?)?;
                Some(clip.encode(&clip.normalised(picture.pixels(), device)?)?)
            }
            None => None,
        };
        let [_, _, frames, rows, columns] = shape;
        let vae = WanVae::new(&self.vae, &self.vae_weights(device)?)?;
        let (space, time) = (self.vae.space_factor(), self.vae.time_factor());
        let (height, width) = (rows * space, columns * space);
        let mut stream = vae.encode_stream();
        let mut means = vec![vae.means(&stream.push(&picture.filled(width, height, device)?)?)?];
        let grey = Tensor::zeros((1, 3, time, height, width), DType::F32, device)?;
        for _ in 1..frames {
            means.push(vae.means(&stream.push(&grey)?)?);
        }
        let latent = vae.normalise(&Tensor::cat(&means, 2)?)?;
        let seen = Tensor::ones((1, time, 1, rows, columns), DType::F32, device)?;
        let mask = seen.pad_with_zeros(2, 0, frames - 1)?;
        Ok(Begun {
            states,
            extra: Tensor::cat(&[mask, latent], 1)?,
        })
    }

    /// Texts as the transformer is told them. The text encoder is loaded, read with, and let go.
    ///
    /// # Errors
    /// Where the encoder or the tokenizer cannot be read.
    fn told(&self, texts: &Guidance<Script>, device: &Device) -> Result<Guidance<DitCondition>> {
        let rows = text_rows(&self.dit);
        let words = Words::read(&self.tokenizer())?;
        let mut read = BTreeMap::new();
        texts.try_map(|script| {
            let later = script.later.iter().map(|(_, text)| text);
            for text in iter::once(&script.first).chain(later) {
                read.insert(text.clone(), words.of(text, rows)?);
            }
            Ok::<_, Error>(())
        })?;
        let encoder = Umt5Encoder::new(&self.text, &self.text_weights(device)?)?;
        let words: Vec<Vec<u32>> = read.values().cloned().collect();
        let states = encoder.encode_padded(&words, rows)?;
        let states: BTreeMap<String, Tensor> = read.into_keys().zip(states).collect();
        texts.try_map(|script| {
            let later = script.later.iter().map(|(from, text)| Later {
                from: *from,
                context: states[text].clone(),
            });
            Ok(DitCondition {
                later: later.collect(),
                ..DitCondition::of_context(states[&script.first].clone())
            })
        })
    }

    /// Names the job: request, configurations, what is added, and what changes the numbers. The same job goes on from what
    /// was sampled.
    fn job(&self, request: &VideoRequest, economy: Economy) -> Result<String> {
        let mut text = serde_json::to_string(request)? + &self.configs;
        for lora in self.loras.iter() {
            text += &format!("{}:{}", lora.sha256(), lora.source().strength);
        }
        if economy.quantized {
            text += "quantized";
        }
        Ok(sha256_hex(text.as_bytes()))
    }

    /// Samples the latent that was planned. What is done is kept in `kept` after every step, the last latent too; with
    /// `resume` the work goes on from there, and where all of it is done no network is loaded. The transformer is let go at
    /// the end.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where `progress` says so, [`Error::OtherJob`] where `kept` is of another job, and where a network
    /// or file cannot be read or written.
    pub fn sample(
        &self,
        plan: &WanPlan,
        picture: Option<&Picture>,
        device: &Device,
        kept: &Path,
        resume: bool,
        progress: &dyn Progress,
    ) -> Result<Tensor> {
        let (request, shape, economy) = (&plan.request, plan.latent, plan.economy);
        self.check_picture(request, picture)?;
        let schedule = request.schedule()?;
        let job = self.job(request, economy)?;
        let mut sampler = match resume && kept.is_file() {
            true => Sampler::resume(schedule, &job, TensorFile::read(kept)?, shape, device)?,
            false => {
                Sampler::new(schedule, request.seed, shape, device)?.with_reuse(request.reuse)?
            }
        };
        if !sampler.is_done() {
            let mut guidance = self.told(&request.texts(&plan.segments), device)?;
            if let Some(picture) = picture {
                let begun = self.begun_with(picture, shape, device)?;
                guidance = guidance.try_map(|condition| {
                    Ok::<_, Error>(DitCondition {
                        image: begun.states.clone(),
                        extra_channels: Some(begun.extra.clone()),
                        ..condition.clone()
                    })
                })?;
            }
            let weights = self.dit_weights(device)?.with_kept(economy.keep());
            let network = match economy.streamed {
                true => WanDit::streamed(&self.dit, &weights)?,
                false => WanDit::new(&self.dit, &weights)?,
            };
            sampler.run(&network, &guidance, progress, &mut |sampler| {
                sampler.save(&job)?.write(kept, Precision::F32)?;
                Ok(())
            })?;
        }
        Ok(sampler.into_latent())
    }

    /// The files of all networks that a video is made with, each with what it is for.
    ///
    /// # Errors
    /// Where one can no longer be opened.
    pub fn files(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let mut files = vec![("tokenizer", self.tokenizer())];
        let mut add = |part, weights: Weights| {
            files.extend(weights.paths().into_iter().map(|path| (part, path)));
        };
        add("text encoder", self.text_weights(&Device::Cpu)?);
        if self.clip.is_some() {
            add("picture encoder", self.clip_weights(&Device::Cpu)?);
        }
        add("transformer", self.dit_weights(&Device::Cpu)?);
        match &self.tiny {
            Some(tiny) => files.push(("tiny decoder", tiny.clone())),
            None => add("autoencoder", self.vae_weights(&Device::Cpu)?),
        }
        Ok(files)
    }

    /// Decodes a latent into a film at `path`, whole or not at all, and measures it. A few frames are held at a time.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and where the autoencoder cannot be read or the film not be written.
    pub fn film(
        &self,
        plan: &WanPlan,
        latent: &Tensor,
        path: &Path,
        device: &Device,
        progress: &dyn Progress,
    ) -> Result<Look> {
        let factor = match self.tiny {
            Some(_) => TinyConfig::taew_2_1().space_factor(),
            None => self.vae.space_factor(),
        };
        let (height, width) = (latent.dim(3)? * factor, latent.dim(4)? * factor);
        let mut film = FilmWriter::new(path, FrameRate::new(FRAMES_PER_SECOND, 1))?;
        let mut meter = LookMeter::default();
        let mut each = |frame: &[u8]| {
            let picture = RgbImage::from_raw(width as u32, height as u32, frame.to_vec());
            let picture = picture.unwrap_or_default();
            film.push(&picture)?;
            meter.push(picture);
            Ok(())
        };
        match &self.tiny {
            Some(tiny) => decode_tiny(&tiny_decoder(tiny, device)?, latent, progress, &mut each)?,
            None => {
                let vae = WanVae::new(&self.vae, &self.vae_weights(device)?)?;
                decode(&vae, latent, plan.economy.tiles, progress, &mut each)?;
            }
        }
        film.finish()?;
        Ok(meter.look())
    }

    /// What is ahead: the texts, and how much work and memory it takes.
    ///
    /// # Errors
    /// Where `request` is outside what the networks can do.
    pub fn plan(&self, request: &VideoRequest) -> Result<WanPlan> {
        self.planned(request, |job| job.fitted(self.limit))
    }

    /// The plan by which a video that was made is made again: with its layers kept in 8 bits or not and its frames decoded in
    /// tiles of so many pixels or whole, as they were then, since the bytes are others else.
    ///
    /// # Errors
    /// Those of [`Self::plan`].
    pub fn plan_as_made(
        &self,
        request: &VideoRequest,
        quantized: bool,
        tile: Option<usize>,
    ) -> Result<WanPlan> {
        let tiles = tile.map(|side| Tiles::of((side / self.vae.space_factor()).max(1)));
        self.planned(request, |job| job.as_made(self.limit, quantized, tiles))
    }

    fn planned(
        &self,
        request: &VideoRequest,
        fit: impl FnOnce(&Job) -> Result<(Economy, MemoryPlan)>,
    ) -> Result<WanPlan> {
        request.check()?;
        let latent = request.latent_shape(&self.dit, &self.vae)?;
        let tokens = latent[2..].iter().product::<usize>() / self.dit.patch_len();
        let segments = request.segments(latent[2], self.vae.time_factor())?;
        let passes = request.steps * request.texts(&segments).passes();
        let job = Job {
            dit: &self.dit,
            vae: &self.vae,
            text: &self.text,
            clip: self.clip.as_ref(),
            dit_weights: &self.dit_weights(&Device::Cpu)?,
            text_weights: &self.text_weights(&Device::Cpu)?,
            latent,
            texts: segments.len() + 2,
            rows: text_rows(&self.dit),
            tiny: self.tiny.is_some(),
        };
        let (economy, memory) = fit(&job)?;
        let count = |tensors: Vec<(String, Vec<usize>)>| -> u64 {
            let numbers =
                |(_, shape): &(String, Vec<usize>)| shape.iter().product::<usize>() as u64;
            tensors.iter().map(numbers).sum()
        };
        Ok(WanPlan {
            request: request.clone(),
            economy,
            segments,
            latent,
            tokens,
            passes,
            flops: passes as f64 * flops(&self.dit, tokens),
            decoding_flops: decoding_flops(&self.vae, latent),
            memory,
            layers_streamed: economy.streamed,
            layers_quantized: economy.quantized,
            tile: economy
                .tiles
                .map(|tiles| tiles.size * self.vae.space_factor()),
            transformer_parameters: count(self.dit.tensors()),
            text_encoder_parameters: count(self.text.tensors()),
            autoencoder_parameters: count(self.vae.tensors()),
        })
    }
}

/// Floating-point operations a second that a device does now in layers like those of the transformer. It takes about a tenth
/// of a second to know.
pub fn speed(device: &Device) -> f64 {
    const ROWS: usize = 512;
    const WIDTH: usize = 1024;
    let measured = || -> Result<f64> {
        let x = Tensor::ones((ROWS, WIDTH), DType::F32, device)?;
        let weight = Tensor::ones((WIDTH, WIDTH), DType::F32, device)?;
        let bias = Tensor::zeros(WIDTH, DType::F32, device)?;
        let (begun, mut passes) = (Instant::now(), 0);
        while passes < 2 || begun.elapsed() < Duration::from_millis(100) {
            ops::linear(&x, &weight, &bias)?;
            passes += 1;
        }
        device.synchronize()?;
        let done = 2.0 * (ROWS * WIDTH * WIDTH) as f64 * f64::from(passes);
        Ok(done / begun.elapsed().as_secs_f64())
    };
    measured().unwrap_or(1e9)
}

/// What the transformer sees of the picture that a video begins with.
struct Begun {
    /// `(1, T, D)`.
    states: Option<Tensor>,
    /// `(1, time factor + Z, F, h, w)`.
    extra: Tensor,
}

/// A configuration as it stands in its file.
struct Part {
    path: PathBuf,
    text: String,
}

impl Part {
    fn read(folder: &Path, what: &'static str) -> Result<Self> {
        let path = present(folder.join("config.json"), what)?;
        let bytes = read_limited(&path, MAX_CONFIG_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|error| Error::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self { path, text })
    }

    /// What it says, or what is wrong with the file.
    fn as_config<T>(&self, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
        parse(&self.text).map_err(|error| Error::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }
}

impl WanPlan {
    /// What is to be made.
    pub fn request(&self) -> &VideoRequest {
        &self.request
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

/// What is ahead of a video.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WanPlan {
    /// What is to be made, checked.
    #[serde(skip)]
    request: VideoRequest,
    /// What is done to take no more memory than it may.
    #[serde(skip)]
    economy: Economy,
    /// The texts that are read, in the order of the video.
    pub segments: Vec<Segment>,
    /// The shape of the latent.
    pub latent: [usize; 5],
    /// Tokens of the transformer.
    pub tokens: usize,
    /// How often the transformer is run.
    pub passes: usize,
    /// Floating-point operations of all passes.
    pub flops: f64,
    /// Those of decoding.
    pub decoding_flops: f64,
    /// The most memory that each stage takes.
    pub memory: MemoryPlan,
    /// Whether the transformer's layers are read anew in every pass, to take less memory.
    pub layers_streamed: bool,
    /// Whether they are kept in 8 bits for that.
    pub layers_quantized: bool,
    /// The side of the tiles in which frames are decoded for that, in pixels.
    pub tile: Option<usize>,
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

    fn plan(wan: &WanFolder) -> WanPlan {
        wan.plan(&request()).unwrap()
    }

    #[test]
    fn a_video_from_a_prompt_and_the_same_bytes_after_an_interruption() {
        let folder = parity::folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let (kept, film) = (folder.path().join("kept"), folder.path().join("fox.mp4"));
        let sample = |resume| wan.sample(&plan(&wan), None, &Device::Cpu, &kept, resume, &Silent);
        let latent = sample(false).unwrap();
        wan.film(&plan(&wan), &latent, &film, &Device::Cpu, &Silent)
            .unwrap();
        let bytes = std::fs::read(&film).unwrap();
        // All steps are kept: nothing is left to do, and the film is the same.
        let again = sample(true).unwrap();
        wan.film(&plan(&wan), &again, &film, &Device::Cpu, &Silent)
            .unwrap();
        assert_eq!(std::fs::read(&film).unwrap(), bytes);
        let other = VideoRequest {
            seed: affetto_core::Seed(9),
            ..request()
        };
        let other = wan.plan(&other).unwrap();
        let refused = wan.sample(&other, None, &Device::Cpu, &kept, true, &Silent);
        assert!(matches!(refused, Err(Error::OtherJob)));
    }

    #[test]
    fn the_tiny_decoder_makes_the_film_in_place_of_the_autoencoder() {
        let folder = parity::folder();
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
            wan.film(&plan(wan), &latent, &film, &Device::Cpu, &Silent)
                .unwrap();
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
        let folder = parity::folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let kept = folder.path().join("kept");
        let sample = |request: VideoRequest| -> Vec<f32> {
            let plan = wan.plan(&request).unwrap();
            let latent = wan
                .sample(&plan, None, &Device::Cpu, &kept, false, &Silent)
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
    fn too_little_memory_is_refused_before_any_work() {
        let folder = parity::folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let kept = folder.path().join("kept");
        let tight = wan.with_memory(Some(1 << 20));
        let planned = tight.plan(&request()).unwrap_err();
        assert!(matches!(planned, Error::Memory { .. }), "{planned}");
        let sampled = tight
            .plan(&request())
            .and_then(|plan| tight.sample(&plan, None, &Device::Cpu, &kept, false, &Silent));
        assert!(matches!(sampled, Err(Error::Memory { .. })));
        assert!(!kept.exists());
    }

    #[test]
    fn a_video_begins_with_its_picture() {
        let folder = parity::picture_folder();
        let path = folder.path().join("fox.png");
        let write = |grey: u8| {
            let picture = RgbImage::from_pixel(60, 40, image::Rgb([grey; 3]));
            picture.save(&path).unwrap();
            Picture::read(&path).unwrap()
        };
        let wan = WanFolder::open(folder.path()).unwrap();
        assert!(wan.takes_picture());
        let kept = folder.path().join("kept");
        let sample = |picture: &Picture| -> Vec<f32> {
            let request = VideoRequest {
                picture: Some(picture.sha256().into()),
                ..request()
            };
            let plan = wan.plan(&request).unwrap();
            let latent = wan.sample(&plan, Some(picture), &Device::Cpu, &kept, false, &Silent);
            latent.unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        let dark = write(20);
        assert_ne!(sample(&dark), sample(&write(230)));
        let refused = |wan: &WanFolder, request: VideoRequest, picture: Option<&Picture>| {
            let plan = wan.plan(&request).unwrap();
            let latent = wan.sample(&plan, picture, &Device::Cpu, &kept, false, &Silent);
            latent.unwrap_err().to_string()
        };
        assert!(refused(&wan, request(), None).contains("a picture to begin from"));
        assert!(refused(&wan, request(), Some(&dark)).contains("checksum"));
        let from_text = parity::folder();
        let text = WanFolder::open(from_text.path()).unwrap();
        let asked = VideoRequest {
            picture: Some(dark.sha256().into()),
            ..request()
        };
        assert!(refused(&text, asked, Some(&dark)).contains("text alone"));
        std::fs::remove_dir_all(folder.path().join("image_encoder")).unwrap();
        let error = WanFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("picture encoder"), "{error}");
    }

    /// The mask says which frames are known, and the latent is that of the picture before grey.
    #[test]
    fn the_picture_is_told_as_in_the_published_pipeline() {
        let folder = parity::picture_folder();
        let wan = WanFolder::open(folder.path()).unwrap();
        let path = folder.path().join("fox.png");
        let picture = RgbImage::from_pixel(48, 32, image::Rgb([90, 10, 200]));
        picture.save(&path).unwrap();
        let picture = Picture::read(&path).unwrap();
        let begun = wan
            .begun_with(&picture, [1, 16, 3, 4, 6], &Device::Cpu)
            .unwrap();
        assert_eq!(begun.states.unwrap().dims(), [1, 17, 24]);
        assert_eq!(begun.extra.dims(), [1, 20, 3, 4, 6]);
        let mean = |from: usize| -> f32 {
            let mask = begun
                .extra
                .narrow(1, 0, 4)
                .unwrap()
                .narrow(2, from, 1)
                .unwrap();
            mask.mean_all().unwrap().to_scalar().unwrap()
        };
        assert_eq!([mean(0), mean(1), mean(2)], [1.0, 0.0, 0.0]);
        let vae = parity::vae();
        let first = picture.filled(48, 32, &Device::Cpu).unwrap();
        let video = first.pad_with_zeros(2, 0, 8).unwrap();
        let means = vae.means(&vae.encode(&video).unwrap()).unwrap();
        let whole = vae.normalise(&means).unwrap();
        let told = begun.extra.narrow(1, 4, 16).unwrap();
        assert!(parity::distance(&told, &whole) < 1e-4);
    }

    #[test]
    fn plans_count_the_work_of_the_published_model() {
        // 832 x 480 x 81: 32,760 tokens, about 290 TFLOP a pass (research on the published model).
        let pass = flops(&DitConfig::t2v_1_3b(), 32_760) * 1e-12;
        assert!((270.0..300.0).contains(&pass), "{pass}");
        let folder = parity::folder();
        let plan = WanFolder::open(folder.path())
            .unwrap()
            .plan(&request())
            .unwrap();
        assert_eq!(
            (plan.latent, plan.tokens, plan.passes),
            ([1, 16, 3, 4, 6], 18, 6)
        );
        let prompt = &plan.segments[0].prompt;
        assert!(prompt.with_emotion.contains("\"sadness\" emotion"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = parity::folder();
        std::fs::remove_file(folder.path().join("tokenizer/tokenizer.json")).unwrap();
        let error = WanFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("the tokenizer is missing"), "{error}");
    }
}
