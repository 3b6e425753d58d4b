//! The extents of the networks, and the reading of the configurations that they are published with.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, error::within, weights::Weights};

/// The largest extent of a layer.
const WIDEST: usize = 1 << 17;
/// The most layers.
const DEEPEST: usize = 256;
/// The most words of a vocabulary.
const MOST_WORDS: usize = 1 << 20;

fn check_that(name: &'static str, value: impl ToString, holds: bool, must: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Config {
        name,
        value: value.to_string(),
        permitted: must.into(),
    })
}

/// What the transformer attends to besides the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Conditioning {
    /// The states of a text, followed by rows of zeros up to `rows`. The published weights were trained with 512.
    Text {
        /// How many rows there are, always.
        rows: usize,
    },
    /// Any number of tokens.
    Tokens,
}

/// The extents of a [`WanDit`](super::WanDit).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DitConfig {
    /// Frames, rows and columns of the latent in one token.
    pub patch: [usize; 3],
    /// The number of heads.
    pub heads: usize,
    /// The width of a head; even, at least 6.
    pub head_width: usize,
    /// The number of blocks.
    pub layers: usize,
    /// The width between the two layers of a feed-forward part.
    pub ffn_width: usize,
    /// Channels of the input: those of the latent, and for a video from a picture 4 of a mask and the picture's latent.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// The width of the states or tokens that condition it.
    pub text_width: usize,
    /// What these are.
    pub conditioning: Conditioning,
    /// Numbers that stand for the time; even.
    pub freq_width: usize,
    /// Added to variances.
    pub eps: f64,
    /// The width of the states of a picture, where the video begins from one.
    pub image_width: Option<usize>,
}

impl DitConfig {
    /// Text to video, 1.3 billion parameters.
    pub fn t2v_1_3b() -> Self {
        Self {
            patch: [1, 2, 2],
            heads: 12,
            head_width: 128,
            layers: 30,
            ffn_width: 8960,
            in_channels: 16,
            out_channels: 16,
            text_width: 4096,
            conditioning: Conditioning::Text { rows: 512 },
            freq_width: 256,
            eps: 1e-6,
            image_width: None,
        }
    }

    /// Text to video, 14 billion parameters.
    pub fn t2v_14b() -> Self {
        Self {
            heads: 40,
            layers: 40,
            ffn_width: 13824,
            ..Self::t2v_1_3b()
        }
    }

    /// Picture to video at 480p, 14 billion parameters.
    pub fn i2v_14b_480p() -> Self {
        Self {
            in_channels: 36,
            image_width: Some(1280),
            ..Self::t2v_14b()
        }
    }

    /// A small one for tests, all extents different.
    pub fn tiny() -> Self {
        Self {
            patch: [1, 2, 2],
            heads: 3,
            head_width: 10,
            layers: 2,
            ffn_width: 44,
            in_channels: 5,
            out_channels: 4,
            text_width: 7,
            conditioning: Conditioning::Tokens,
            freq_width: 18,
            eps: 1e-6,
            image_width: None,
        }
    }

    /// The width of a token.
    pub fn width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Numbers of the latent in one token, per channel.
    pub fn patch_len(&self) -> usize {
        self.patch.iter().product()
    }

    /// Pairs of a head that turn with frame, row and column.
    pub fn rope_pairs(&self) -> [usize; 3] {
        let plane = self.head_width / 6;
        [self.head_width / 2 - 2 * plane, plane, plane]
    }

    /// Reads the `config.json` of either publication: diffusers' or the original's.
    pub fn from_json(text: &str) -> Result<Self> {
        let json: serde_json::Value = serde_json::from_str(text)?;
        let config = if json.get("num_attention_heads").is_some() {
            serde_json::from_value::<DiffusersDit>(json)?.into()
        } else {
            serde_json::from_value::<OriginalDit>(json)?.into()
        };
        Self::check(&config)?;
        Ok(config)
    }

    /// The extents of weights that come without a configuration, by the shapes of their tensors. Heads are as wide as in all
    /// published models: 128.
    ///
    /// # Errors
    /// Where a tensor is missing or of a shape that no network has.
    pub fn of_weights(weights: &Weights) -> Result<Self> {
        let published = Self::t2v_1_3b();
        let matrix = |name: &str| matrix(weights, name);
        let patch = weights.shape("patch_embedding.weight")?;
        let [width, in_channels, time, down, across] = patch[..] else {
            return Err(shapeless("patch_embedding.weight", patch));
        };
        let patch = [time, down, across];
        for extent in patch {
            within("patch", extent, 1, 16)?;
        }
        let patch_len: usize = patch.iter().product();
        let block = |layer: usize| format!("blocks.{layer}.ffn.net.0.proj.weight");
        let image = "condition_embedder.image_embedder.ff.net.0.proj.weight";
        let config = Self {
            patch,
            heads: width / published.head_width,
            layers: layers(weights, block),
            ffn_width: matrix(&block(0))?[0],
            in_channels,
            out_channels: matrix("proj_out.weight")?[0] / patch_len,
            text_width: matrix("condition_embedder.text_embedder.linear_1.weight")?[1],
            freq_width: matrix("condition_embedder.time_embedder.linear_1.weight")?[1],
            image_width: matrix(image).ok().map(|[_, width]| width),
            ..published
        };
        config.check()?;
        Ok(config)
    }

    /// The `config.json` of diffusers.
    ///
    /// # Errors
    /// None.
    pub fn to_json(&self) -> Result<String> {
        let mut json = serde_json::json!({
            "_class_name": "WanTransformer3DModel",
            "patch_size": self.patch,
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_width,
            "num_layers": self.layers,
            "ffn_dim": self.ffn_width,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "text_dim": self.text_width,
            "freq_dim": self.freq_width,
            "eps": self.eps,
            "image_dim": self.image_width,
        });
        // diffusers' pipelines know no other number of rows, the original's configurations do.
        if let Conditioning::Text { rows } = self.conditioning
            && rows != text_rows()
        {
            json["text_len"] = rows.into();
        }
        Ok(serde_json::to_string_pretty(&json)?)
    }

    /// Whether a network can have these extents.
    pub fn check(&self) -> Result<()> {
        for extent in self.patch {
            within("patch", extent, 1, 16)?;
        }
        within("heads", self.heads, 1, 512)?;
        within("head_width", self.head_width, 6, 1024)?;
        let even = self.head_width.is_multiple_of(2);
        check_that("head_width", self.head_width, even, "even")?;
        within("layers", self.layers, 1, DEEPEST)?;
        for (name, extent) in [
            ("ffn_width", self.ffn_width),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("text_width", self.text_width),
            ("freq_width", self.freq_width),
            ("image_width", self.image_width.unwrap_or(1)),
        ] {
            within(name, extent, 1, WIDEST)?;
        }
        if let Conditioning::Text { rows } = self.conditioning {
            within("rows", rows, 1, WIDEST)?;
        }
        let even = self.freq_width.is_multiple_of(2);
        check_that("freq_width", self.freq_width, even, "even")?;
        check_that("eps", self.eps, self.eps > 0.0, "above 0")
    }
}

/// The shape of a matrix.
fn matrix(weights: &Weights, name: &str) -> Result<[usize; 2]> {
    let shape = weights.shape(name)?;
    <[usize; 2]>::try_from(&shape[..]).map_err(|_| shapeless(name, shape))
}

fn shapeless(name: &str, found: Vec<usize>) -> Error {
    Error::Extents {
        name: "a tensor",
        found,
        permitted: format!("of the extents that {name} has"),
    }
}

/// How many layers have the tensor that `name` names.
fn layers(weights: &Weights, name: impl Fn(usize) -> String) -> usize {
    (0..=DEEPEST)
        .take_while(|layer| weights.shape(&name(*layer)).is_ok())
        .count()
}

fn eps() -> f64 {
    1e-6
}

fn patch() -> [usize; 3] {
    [1, 2, 2]
}

fn text_rows() -> usize {
    512
}

fn text_width() -> usize {
    4096
}

fn freq_width() -> usize {
    256
}

/// diffusers' `config.json`; what is not listed changes nothing here.
#[derive(Deserialize)]
struct DiffusersDit {
    #[serde(default = "patch")]
    patch_size: [usize; 3],
    num_attention_heads: usize,
    attention_head_dim: usize,
    num_layers: usize,
    ffn_dim: usize,
    in_channels: usize,
    out_channels: usize,
    #[serde(default = "text_rows")]
    text_len: usize,
    #[serde(default = "text_width")]
    text_dim: usize,
    #[serde(default = "freq_width")]
    freq_dim: usize,
    #[serde(default = "eps")]
    eps: f64,
    image_dim: Option<usize>,
}

impl From<DiffusersDit> for DitConfig {
    fn from(json: DiffusersDit) -> Self {
        Self {
            patch: json.patch_size,
            heads: json.num_attention_heads,
            head_width: json.attention_head_dim,
            layers: json.num_layers,
            ffn_width: json.ffn_dim,
            in_channels: json.in_channels,
            out_channels: json.out_channels,
            text_width: json.text_dim,
            conditioning: Conditioning::Text {
                rows: json.text_len,
            },
            freq_width: json.freq_dim,
            eps: json.eps,
            image_width: json.image_dim,
        }
    }
}

/// The original's `config.json`.
#[derive(Deserialize)]
struct OriginalDit {
    model_type: String,
    #[serde(default = "patch")]
    patch_size: [usize; 3],
    #[serde(default = "text_rows")]
    text_len: usize,
    in_dim: usize,
    dim: usize,
    ffn_dim: usize,
    #[serde(default = "freq_width")]
    freq_dim: usize,
    #[serde(default = "text_width")]
    text_dim: usize,
    out_dim: usize,
    num_heads: usize,
    num_layers: usize,
    #[serde(default = "eps")]
    eps: f64,
}

impl From<OriginalDit> for DitConfig {
    fn from(json: OriginalDit) -> Self {
        Self {
            patch: json.patch_size,
            heads: json.num_heads,
            head_width: json.dim / json.num_heads.max(1),
            layers: json.num_layers,
            ffn_width: json.ffn_dim,
            in_channels: json.in_dim,
            out_channels: json.out_dim,
            text_width: json.text_dim,
            conditioning: Conditioning::Text {
                rows: json.text_len,
            },
            freq_width: json.freq_dim,
            eps: json.eps,
            // The width of the picture encoder that all of the original's models have.
            image_width: (json.model_type == "i2v").then_some(1280),
        }
    }
}

/// The extents of a [`WanVae`](super::WanVae). The field names are those of diffusers' `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaeConfig {
    /// Channels of the first level.
    pub base_dim: usize,
    /// Channels of the latent.
    pub z_dim: usize,
    /// Channels of each level, in `base_dim`.
    pub dim_mult: Vec<usize>,
    /// Residual blocks of a level of the encoder; the decoder has one more.
    pub num_res_blocks: usize,
    /// Whether the step from a level to the next halves the frames too. The spelling is the published one.
    #[serde(rename = "temperal_downsample")]
    pub temporal_downsample: Vec<bool>,
    /// Channels of a frame.
    #[serde(default = "rgb")]
    pub in_channels: usize,
    /// Channels of a decoded frame.
    #[serde(default = "rgb")]
    pub out_channels: usize,
    /// The mean of each channel of the latent.
    #[serde(default)]
    pub latents_mean: Vec<f64>,
    /// Its standard deviation.
    #[serde(default)]
    pub latents_std: Vec<f64>,
}

fn rgb() -> usize {
    3
}

/// The published means of the 16 channels.
const MEAN: [f64; 16] = [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
    -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
];
/// The published standard deviations.
const DEVIATION: [f64; 16] = [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
    1.6382, 1.1253, 2.8251, 1.9160,
];

impl VaeConfig {
    /// The autoencoder of all Wan 2.1 models: a latent has a quarter of the frames and an eighth of rows and columns.
    pub fn wan_2_1() -> Self {
        Self {
            base_dim: 96,
            z_dim: 16,
            dim_mult: vec![1, 2, 4, 4],
            num_res_blocks: 2,
            temporal_downsample: vec![false, true, true],
            in_channels: 3,
            out_channels: 3,
            latents_mean: MEAN.to_vec(),
            latents_std: DEVIATION.to_vec(),
        }
    }

    /// Reads diffusers' `config.json`. The original has none. Without statistics, those of Wan 2.1 are taken where the
    /// latent has its 16 channels, otherwise 0 and 1.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut config: Self = serde_json::from_str(text)?;
        if config.latents_mean.is_empty() && config.latents_std.is_empty() {
            if config.z_dim == MEAN.len() {
                config.latents_mean = MEAN.to_vec();
                config.latents_std = DEVIATION.to_vec();
            } else {
                within("z_dim", config.z_dim, 1, WIDEST)?;
                config.latents_mean = vec![0.0; config.z_dim];
                config.latents_std = vec![1.0; config.z_dim];
            }
        }
        config.check()?;
        Ok(config)
    }

    /// Whether a network can have these extents.
    pub fn check(&self) -> Result<()> {
        within("dim_mult", self.dim_mult.len(), 1, 8)?;
        for mult in &self.dim_mult {
            within("dim_mult", *mult, 1, 64)?;
        }
        within("base_dim", self.base_dim, 1, 4096)?;
        within("z_dim", self.z_dim, 1, 4096)?;
        within("num_res_blocks", self.num_res_blocks, 1, 16)?;
        within("in_channels", self.in_channels, 1, 64)?;
        within("out_channels", self.out_channels, 1, 64)?;
        let steps = self.temporal_downsample.len();
        within(
            "temperal_downsample",
            steps,
            self.steps(),
            self.steps().max(1),
        )?;
        // The decoder halves its channels with each step.
        let top = self.base_dim * self.dim_mult[self.dim_mult.len() - 1];
        check_that("base_dim", self.base_dim, top.is_multiple_of(2), "even")?;
        within(
            "latents_mean",
            self.latents_mean.len(),
            self.z_dim,
            self.z_dim,
        )?;
        within(
            "latents_std",
            self.latents_std.len(),
            self.z_dim,
            self.z_dim,
        )?;
        let positive = self.latents_std.iter().all(|deviation| *deviation > 0.0);
        check_that("latents_std", "a number", positive, "above 0")
    }

    /// Steps between levels.
    pub fn steps(&self) -> usize {
        self.dim_mult.len().saturating_sub(1)
    }

    /// Rows, and columns, of a frame for one of the latent.
    pub fn space_factor(&self) -> usize {
        1 << self.steps()
    }

    /// Frames for one of the latent after the first.
    pub fn time_factor(&self) -> usize {
        let halvings = self.temporal_downsample.iter().filter(|halves| **halves);
        1 << halvings.count()
    }

    /// Frames of a video whose latent has `latent_frames`.
    pub fn frames(&self, latent_frames: usize) -> usize {
        latent_frames.saturating_sub(1) * self.time_factor() + latent_frames.min(1)
    }
}

/// The extents of a [`Umt5Encoder`](super::Umt5Encoder). The field names are those of the published `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Umt5Config {
    /// Words.
    pub vocab_size: usize,
    /// The width of a state.
    pub d_model: usize,
    /// The width of a head.
    pub d_kv: usize,
    /// The width between the layers of the feed-forward part.
    pub d_ff: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Heads.
    pub num_heads: usize,
    /// Classes of distances between two words.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    /// The distance from which on all are in one class.
    #[serde(default = "max_distance")]
    pub relative_attention_max_distance: usize,
    /// Added to mean squares.
    #[serde(default = "eps")]
    pub layer_norm_epsilon: f64,
}

fn buckets() -> usize {
    32
}

fn max_distance() -> usize {
    128
}

impl Umt5Config {
    /// The encoder of UMT5-XXL, 5.7 billion parameters: Chung and others, "UniMax" (2023).
    pub fn xxl() -> Self {
        Self {
            vocab_size: 256_384,
            d_model: 4096,
            d_kv: 64,
            d_ff: 10_240,
            num_layers: 24,
            num_heads: 64,
            relative_attention_num_buckets: buckets(),
            relative_attention_max_distance: max_distance(),
            layer_norm_epsilon: eps(),
        }
    }

    /// The extents of weights that come without a configuration, by the shapes of their tensors.
    ///
    /// # Errors
    /// Where a tensor is missing or of a shape that no network has.
    pub fn of_weights(weights: &Weights) -> Result<Self> {
        let block = |layer: usize, name: &str| format!("encoder.block.{layer}.layer.{name}.weight");
        let [vocab_size, d_model] = matrix(weights, "shared.weight")?;
        let bias = block(0, "0.SelfAttention.relative_attention_bias");
        let [buckets, num_heads] = matrix(weights, &bias)?;
        let [inner, _] = matrix(weights, &block(0, "0.SelfAttention.q"))?;
        let [d_ff, _] = matrix(weights, &block(0, "1.DenseReluDense.wi_0"))?;
        let config = Self {
            vocab_size,
            d_model,
            d_kv: inner / num_heads.max(1),
            d_ff,
            num_layers: layers(weights, |layer| block(layer, "0.SelfAttention.q")),
            num_heads,
            relative_attention_num_buckets: buckets,
            ..Self::xxl()
        };
        config.check()?;
        Ok(config)
    }

    /// Reads the `config.json` of a text encoder.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// Whether a network can have these extents.
    pub fn check(&self) -> Result<()> {
        within("vocab_size", self.vocab_size, 1, MOST_WORDS)?;
        within("num_layers", self.num_layers, 1, DEEPEST)?;
        within("d_model", self.d_model, 1, WIDEST)?;
        within("d_ff", self.d_ff, 1, WIDEST)?;
        within("d_kv", self.d_kv, 1, 1024)?;
        within("num_heads", self.num_heads, 1, 512)?;
        let buckets = self.relative_attention_num_buckets;
        within("relative_attention_num_buckets", buckets, 4, 4096)?;
        check_that(
            "relative_attention_num_buckets",
            buckets,
            buckets.is_multiple_of(4),
            "a multiple of 4",
        )?;
        let farthest = self.relative_attention_max_distance;
        within(
            "relative_attention_max_distance",
            farthest,
            buckets / 4 + 1,
            WIDEST,
        )?;
        let positive = self.layer_norm_epsilon > 0.0;
        let name = "layer_norm_epsilon";
        check_that(name, self.layer_norm_epsilon, positive, "above 0")
    }
}

/// The activation in a [`ClipVision`](super::ClipVision).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipActivation {
    /// As defined, by the error function.
    Gelu,
    /// `x sigmoid(1.702 x)`.
    QuickGelu,
}

/// The extents of a [`ClipVision`](super::ClipVision). The field names are those of the published `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipConfig {
    /// The width of a state.
    pub hidden_size: usize,
    /// The width between the layers of the feed-forward part.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads.
    pub num_attention_heads: usize,
    /// Channels of a picture.
    #[serde(default = "rgb")]
    pub num_channels: usize,
    /// Rows, and columns, of a picture.
    pub image_size: usize,
    /// Rows, and columns, of a patch.
    pub patch_size: usize,
    /// The activation.
    pub hidden_act: ClipActivation,
    /// Added to variances.
    #[serde(default = "clip_eps")]
    pub layer_norm_eps: f64,
}

fn clip_eps() -> f64 {
    1e-5
}

impl ClipConfig {
    /// ViT-H/14, 632 million parameters: what the picture-to-video models were trained with.
    pub fn vit_h_14() -> Self {
        Self {
            hidden_size: 1280,
            intermediate_size: 5120,
            num_hidden_layers: 32,
            num_attention_heads: 16,
            num_channels: rgb(),
            image_size: 224,
            patch_size: 14,
            hidden_act: ClipActivation::Gelu,
            layer_norm_eps: clip_eps(),
        }
    }

    /// Reads the `config.json` of a picture encoder.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// States of a picture: one for the whole, one for each patch.
    pub fn tokens(&self) -> usize {
        let side = self.image_size / self.patch_size;
        1 + side * side
    }

    /// Whether a network can have these extents.
    pub fn check(&self) -> Result<()> {
        within("hidden_size", self.hidden_size, 1, WIDEST)?;
        within("intermediate_size", self.intermediate_size, 1, WIDEST)?;
        within("num_hidden_layers", self.num_hidden_layers, 1, DEEPEST)?;
        within("num_attention_heads", self.num_attention_heads, 1, 512)?;
        let whole = self.hidden_size.is_multiple_of(self.num_attention_heads);
        let must = "a multiple of num_attention_heads";
        check_that("hidden_size", self.hidden_size, whole, must)?;
        within("num_channels", self.num_channels, 3, 3)?;
        within("patch_size", self.patch_size, 1, 256)?;
        within("image_size", self.image_size, self.patch_size, 2048)?;
        let whole = self.image_size.is_multiple_of(self.patch_size);
        let must = "a multiple of patch_size";
        check_that("image_size", self.image_size, whole, must)?;
        let positive = self.layer_norm_eps > 0.0;
        check_that("layer_norm_eps", self.layer_norm_eps, positive, "above 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_configurations_are_the_presets() {
        let text = |kind: &str, extents: &str| {
            format!(
                r#"{{"_class_name":"WanModel","_diffusers_version":"0.30.0","model_type":"{kind}","eps":1e-06,
                "freq_dim":256,"out_dim":16,"text_len":512,{extents}}}"#
            )
        };
        let small =
            r#""in_dim":16,"dim":1536,"ffn_dim":8960,"num_heads":12,"num_layers":30"#.to_string();
        let large = |channels: usize| {
            format!(
                r#""in_dim":{channels},"dim":5120,"ffn_dim":13824,"num_heads":40,"num_layers":40"#
            )
        };
        for (kind, extents, preset) in [
            ("t2v", small, DitConfig::t2v_1_3b()),
            ("t2v", large(16), DitConfig::t2v_14b()),
            ("i2v", large(36), DitConfig::i2v_14b_480p()),
        ] {
            let config = DitConfig::from_json(&text(kind, &extents)).unwrap();
            assert_eq!(config, preset);
            let few = text(kind, &extents).replace("len\":512", "len\":77");
            let few = DitConfig::from_json(&few).unwrap();
            assert_eq!(few.conditioning, Conditioning::Text { rows: 77 });
            assert_eq!(DitConfig::from_json(&few.to_json().unwrap()).unwrap(), few);
        }
    }

    #[test]
    fn diffusers_configuration_is_the_preset() {
        let text = r#"{"_class_name":"WanTransformer3DModel","added_kv_proj_dim":5120,"attention_head_dim":128,
            "cross_attn_norm":true,"eps":1e-06,"ffn_dim":13824,"freq_dim":256,"image_dim":1280,"in_channels":36,
            "num_attention_heads":40,"num_layers":40,"out_channels":16,"patch_size":[1,2,2],
            "qk_norm":"rms_norm_across_heads","rope_max_seq_len":1024,"text_dim":4096}"#;
        assert_eq!(
            DitConfig::from_json(text).unwrap(),
            DitConfig::i2v_14b_480p()
        );
    }

    #[test]
    fn presets_and_tiny_hold_and_impossible_extents_do_not() {
        for config in [
            DitConfig::t2v_1_3b(),
            DitConfig::t2v_14b(),
            DitConfig::i2v_14b_480p(),
            DitConfig::tiny(),
        ] {
            config.check().unwrap();
            assert_eq!(
                config.rope_pairs().iter().sum::<usize>(),
                config.head_width / 2
            );
        }
        assert_eq!(DitConfig::t2v_1_3b().rope_pairs(), [22, 21, 21]);
        VaeConfig::wan_2_1().check().unwrap();
        Umt5Config::xxl().check().unwrap();
        let huge = DitConfig {
            ffn_width: usize::MAX,
            ..DitConfig::tiny()
        };
        assert!(huge.check().is_err());
        assert!(DitConfig::from_json(r#"{"num_attention_heads":0}"#).is_err());
        let negative = Umt5Config {
            layer_norm_epsilon: -1e-6,
            ..Umt5Config::xxl()
        };
        assert!(negative.check().is_err());
        let none = VaeConfig {
            dim_mult: vec![],
            ..VaeConfig::wan_2_1()
        };
        assert!(none.check().is_err());
    }

    #[test]
    fn frames_of_a_latent() {
        let config = VaeConfig::wan_2_1();
        assert_eq!((config.space_factor(), config.time_factor()), (8, 4));
        assert_eq!([0, 1, 21].map(|count| config.frames(count)), [0, 1, 81]);
    }
}
