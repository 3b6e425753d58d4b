//! Videos by published weights: sampled, decoded, measured, and written with what they were made of beside them.

use std::path::{Path, PathBuf};

use affetto_attributes::visual::Look;
use affetto_core::{Checksum, Progress, write_atomic};
use affetto_nn::device::{Device, device_name};
use affetto_video::{
    Error, Result,
    condition::{Segment, VideoRequest},
    picture::Picture,
    wan::{WanFolder, WanPlan},
};
use serde::{Deserialize, Serialize};

use crate::{Engine, Input, InputRole, OutputFile, provenance::to_json, provenance_path};

mod again;

pub use again::RecordedVideo;

/// The schema that the provenance of a video names.
pub const VIDEO_PROVENANCE_SCHEMA: &str = "video-provenance/1";

/// How a video was made. No time, no machine and no path but those that the user wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoProvenance {
    /// `video-provenance/1`.
    pub schema: String,
    /// What made it.
    pub engine: Engine,
    /// What was to be made, seed and all.
    pub request: VideoRequest,
    /// The published files that made it, part by part.
    pub weights: Vec<WeightsUsed>,
    /// What was added to the transformer.
    pub loras: Vec<LoraUsed>,
    /// The files of the user's own: a picture, LoRAs, a tiny decoder.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// The kind of device; the bytes are the same on the same kind.
    pub device: String,
    /// Whether the transformer's layers were kept in 8 bits, to take less memory.
    pub layers_quantized: bool,
    /// The side of the tiles in pixels, where frames were decoded in tiles.
    pub tile: Option<usize>,
    /// The film.
    pub output: OutputFile,
    /// What was read in each part of the video: what was asked of the networks.
    pub asked: Vec<Segment>,
    /// What the film looks like.
    pub measured: Look,
}

/// A published file by its checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsUsed {
    /// What it is for.
    pub part: String,
    /// Its name, without folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// A LoRA by its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraUsed {
    /// As the user wrote it.
    pub path: PathBuf,
    /// How much of it was added.
    pub strength: f64,
    /// Its SHA-256.
    pub sha256: String,
}

/// Makes the film that was planned at `file`, with `FILE.provenance.json` beside it.
///
/// What was sampled is kept at [`kept_beside`] after every step until the film stands; with `resume` the work goes on from
/// there.
///
/// # Errors
/// Those of [`WanFolder::sample`] and [`WanFolder::film`], and where a file cannot be read or written.
pub fn generate_video(
    plan: &WanPlan,
    wan: &WanFolder,
    picture: Option<&Picture>,
    file: &Path,
    device: &Device,
    resume: bool,
    progress: &dyn Progress,
) -> Result<VideoProvenance> {
    let kept = kept_beside(file);
    let latent = wan.sample(plan, picture, device, &kept, resume, progress)?;
    let measured = wan.film(plan, &latent, file, device, progress)?;
    let lora = |lora: &affetto_video::lora::Lora| LoraUsed {
        path: lora.source().path.clone(),
        strength: lora.source().strength,
        sha256: lora.sha256().into(),
    };
    let (name, film) = summed(file)?;
    let provenance = VideoProvenance {
        schema: VIDEO_PROVENANCE_SCHEMA.into(),
        engine: Engine::this(),
        request: plan.request().clone(),
        weights: weights_used(wan)?,
        loras: wan.loras().iter().map(lora).collect(),
        inputs: inputs(wan, picture)?,
        device: device_name(device),
        layers_quantized: plan.layers_quantized,
        tile: plan.tile,
        output: OutputFile {
            name,
            bytes: film.bytes,
            sha256: film.sha256,
        },
        asked: plan.segments.clone(),
        measured,
    };
    let beside = provenance_path(file);
    write_atomic(&beside, to_json(&provenance).as_bytes()).map_err(|source| Error::Write {
        path: beside.clone(),
        source,
    })?;
    // The film stands; what it was made of is no longer needed, and left lying where it cannot be taken away.
    let _ = std::fs::remove_file(&kept);
    Ok(provenance)
}

/// Where what was sampled is kept.
pub fn kept_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".latents.safetensors");
    name.into()
}

fn weights_used(wan: &WanFolder) -> Result<Vec<WeightsUsed>> {
    let used = |(part, path): (&'static str, PathBuf)| {
        let (name, sum) = summed(&path)?;
        Ok(WeightsUsed {
            part: part.into(),
            name,
            bytes: sum.bytes,
            sha256: sum.sha256,
        })
    };
    wan.files()?.into_iter().map(used).collect()
}

/// What the user gave besides the networks.
fn inputs(wan: &WanFolder, picture: Option<&Picture>) -> Result<Vec<Input>> {
    let picture = picture.map(|picture| (InputRole::Picture, picture.path()));
    let loras = wan.loras().iter();
    let loras = loras.map(|lora| (InputRole::Lora, lora.source().path.as_path()));
    let tiny = wan
        .tiny_decoder()
        .map(|path| (InputRole::TinyDecoder, path));
    let input = |(role, path): (InputRole, &Path)| {
        let (_, sum) = summed(path)?;
        Ok(Input {
            role,
            path: path.into(),
            bytes: sum.bytes,
            sha256: sum.sha256,
        })
    };
    picture
        .into_iter()
        .chain(loras)
        .chain(tiny)
        .map(input)
        .collect()
}

/// The name and the checksum of a file.
fn summed(path: &Path) -> Result<(String, Checksum)> {
    let sum = Checksum::of_file(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })?;
    let name = path.file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), sum))
}
