//! The picture encoder of the picture-to-video models: the vision transformer of CLIP (Radford and others, 2021), ViT-H/14 as
//! published by OpenCLIP. The states before its last layer are what the video transformer was trained with.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | picture | `(B, 3, S, S)` `f32` | normalised by channel |
//! | states | `(B, 1 + (S / P)^2, D)` `f32` | one for the whole, then one for each patch |

use candle_core::{DType, Device, Tensor};
use image::{RgbImage, imageops};

use super::{
    AttentionBackend, ClipConfig, Linear, attention::attention, config::ClipActivation,
    norm::LayerNorm,
};
use crate::{Error, Result, weights::Weights};

/// The mean of each channel that pictures are normalised by, and the deviation (OpenAI's, kept by OpenCLIP).
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// The encoder.
pub struct ClipVision {
    config: ClipConfig,
    /// `(D)`.
    class: Tensor,
    patch: Linear,
    /// `(1 + patches, D)`.
    positions: Tensor,
    before: LayerNorm,
    blocks: Vec<Block>,
}

impl ClipVision {
    /// Loads the network but for its last layer, which is not needed.
    pub fn new(config: &ClipConfig, weights: &Weights) -> Result<Self> {
        config.check()?;
        let (width, patch) = (config.hidden_size, config.patch_size);
        let embedding = |name| format!("vision_model.embeddings.{name}");
        let shape = [width, config.num_channels, patch, patch];
        let f32_weights = weights.with_f32();
        let kernel = weights.get(&embedding("patch_embedding.weight"), &shape)?;
        let blocks = (0..config.num_hidden_layers - 1).map(|layer| {
            Block::new(
                config,
                weights,
                &format!("vision_model.encoder.layers.{layer}"),
            )
        });
        Ok(Self {
            config: config.clone(),
            class: f32_weights.get(&embedding("class_embedding"), &[width])?,
            patch: Linear::Dense {
                weight: kernel.flatten_from(1)?,
                bias: Tensor::zeros(width, kernel.dtype(), weights.device())?,
            },
            positions: f32_weights.get(
                &embedding("position_embedding.weight"),
                &[config.tokens(), width],
            )?,
            // The name is published with this slip.
            before: LayerNorm::new(
                weights,
                "vision_model.pre_layrnorm",
                width,
                config.layer_norm_eps,
            )?,
            blocks: blocks.collect::<Result<_>>()?,
        })
    }

    /// The states of pictures before the last layer.
    ///
    /// # Errors
    /// Where the extents are others than the configuration's.
    pub fn encode(&self, picture: &Tensor) -> Result<Tensor> {
        let config = &self.config;
        let (size, patch) = (config.image_size, config.patch_size);
        let batch = match *picture.dims() {
            [batch, channels, height, width]
                if (channels, height, width) == (config.num_channels, size, size) && batch > 0 =>
            {
                batch
            }
            _ => {
                return Err(Error::Extents {
                    name: "picture",
                    found: picture.dims().to_vec(),
                    permitted: format!("(batch, {}, {size}, {size})", config.num_channels),
                });
            }
        };
        let side = size / patch;
        let patches = picture
            .reshape(&[batch, config.num_channels, side, patch, side, patch][..])?
            .permute(vec![0, 2, 4, 1, 3, 5])?
            .contiguous()?
            .reshape((batch, side * side, config.num_channels * patch * patch))?;
        let patches = self.patch.forward(&patches)?; // (B, patches, D)
        let class = self
            .class
            .reshape((1, 1, config.hidden_size))?
            .broadcast_as((batch, 1, config.hidden_size))?;
        let x = Tensor::cat(&[&class.contiguous()?, &patches], 1)?;
        let mut x = self.before.forward(&x.broadcast_add(&self.positions)?)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        Ok(x)
    }

    /// A picture as the encoder takes it: its shorter side brought to the extent (bicubic), the middle of the longer one
    /// kept, and normalised.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn normalised(&self, picture: &RgbImage, device: &Device) -> Result<Tensor> {
        let size = self.config.image_size as u32;
        let shorter = picture.width().min(picture.height()).max(1);
        let scaled = |side: u32| {
            (u64::from(side) * u64::from(size) / u64::from(shorter)).max(u64::from(size)) as u32
        };
        let (width, height) = (scaled(picture.width()), scaled(picture.height()));
        let resized = imageops::resize(picture, width, height, imageops::FilterType::CatmullRom);
        let (left, top) = ((width - size) / 2, (height - size) / 2);
        let middle = imageops::crop_imm(&resized, left, top, size, size).to_image();
        let side = size as usize;
        let tensor = Tensor::from_vec(middle.into_raw(), (side, side, 3), device)?;
        let tensor = tensor.permute((2, 0, 1))?.to_dtype(DType::F32)?;
        let channel = |numbers: &[f32; 3]| Tensor::from_slice(numbers, (3, 1, 1), device);
        let tensor = (tensor / 255.0)?
            .broadcast_sub(&channel(&MEAN)?)?
            .broadcast_div(&channel(&DEVIATION)?)?;
        Ok(tensor.unsqueeze(0)?)
    }
}

struct Block {
    before_attention: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    before_mlp: LayerNorm,
    up: Linear,
    down: Linear,
    heads: usize,
    activation: ClipActivation,
}

impl Block {
    fn new(config: &ClipConfig, weights: &Weights, name: &str) -> Result<Self> {
        let (width, between) = (config.hidden_size, config.intermediate_size);
        let attention = |part| weights.linear(&format!("{name}.self_attn.{part}"), width, width);
        let norm = |part| {
            LayerNorm::new(
                weights,
                &format!("{name}.{part}"),
                width,
                config.layer_norm_eps,
            )
        };
        Ok(Self {
            before_attention: norm("layer_norm1")?,
            q: attention("q_proj")?,
            k: attention("k_proj")?,
            v: attention("v_proj")?,
            out: attention("out_proj")?,
            before_mlp: norm("layer_norm2")?,
            up: weights.linear(&format!("{name}.mlp.fc1"), width, between)?,
            down: weights.linear(&format!("{name}.mlp.fc2"), between, width)?,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
        })
    }

    /// `x` is `(B, T, D)`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.before_attention.forward(x)?;
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|linear| linear.forward(&y));
        let y = attention(AttentionBackend::default(), &q?, &k?, &v?, self.heads)?;
        let x = (x + self.out.forward(&y)?)?;
        let y = self.up.forward(&self.before_mlp.forward(&x)?)?;
        let y = match self.activation {
            ClipActivation::Gelu => y.gelu_erf()?,
            ClipActivation::QuickGelu => ((y * 1.702)?.silu()? / 1.702)?,
        };
        Ok((&x + self.down.forward(&y)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parity, weights::Network};

    fn clip() -> ClipVision {
        let config = ClipConfig::from_json(&parity::config("clip")).unwrap();
        ClipVision::new(&config, &parity::weights("tiny_clip", Network::Clip)).unwrap()
    }

    #[test]
    fn states_are_those_of_the_reference() {
        let io = parity::fixture("tiny_clip_io");
        let states = clip().encode(&io["in.picture"]).unwrap();
        let far = parity::distance(&states, &io["states"]);
        parity::record("CLIP", far);
        assert!(far < 1e-5, "{far}");
    }

    #[test]
    fn pictures_of_any_shape_are_brought_to_the_extent() {
        let clip = clip();
        let grey = RgbImage::from_pixel(90, 31, image::Rgb([128; 3]));
        let tensor = clip.normalised(&grey, &Device::Cpu).unwrap();
        let size = clip.config.image_size;
        assert_eq!(tensor.dims(), [1, 3, size, size]);
        let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let red = (128.0 / 255.0 - MEAN[0]) / DEVIATION[0];
        assert!((numbers[0] - red).abs() < 1e-6);
        let wrong = Tensor::zeros((1, 3, size, size + 1), DType::F32, &Device::Cpu).unwrap();
        assert!(clip.encode(&wrong).is_err());
    }
}
