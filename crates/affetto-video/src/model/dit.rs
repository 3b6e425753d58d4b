//! The transformer that removes noise: Wan Team (2025), section 4.2.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | latent | `(B, C, F, H, W)` `f32` | noisy, normalised |
//! | time | `(B)`, 0 to 1000 | 1000 is all noise |
//! | context | `(B, L, text)` `f32` | states of a text, or tokens |
//! | image | `(B, I, image)` `f32` | states of a picture, where the video begins from one |
//! | output | `(B, C, F, H, W)` `f32` | velocity: noise minus clean latent |
//!
//! Tokens and the time path are `f32` whatever the weights are.

use affetto_nn::{
    diffusion::{Denoiser, Prediction},
    ops,
};
use candle_core::{DType, Device, Tensor};

use super::{
    AttentionBackend, Conditioning, DitConfig, Linear, Reuse, attention::attention,
    norm::LayerNorm, rope::Rope,
};
use crate::{Error, Result, weights::Weights};

/// Added to variances in the layers that a picture's states go through, PyTorch's default.
const IMAGE_EPS: f64 = 1e-5;

/// The most tokens that pass through the wide layers of a block at a time: enough to keep many cores at work.
const FEED_FORWARD_TOKENS: usize = 4096;

/// What a video is to become.
#[derive(Clone, Debug)]
pub struct DitCondition {
    /// `(B, L, text)`: states of a text with their zeros, or tokens.
    pub context: Tensor,
    /// What takes its place from later frames on, the earliest first.
    pub later: Vec<Later>,
    /// `(B, I, image)`: states of a picture.
    pub image: Option<Tensor>,
    /// `(B, in - out, F, H, W)`: mask and latent of a picture, which stand after the noisy latent.
    pub extra_channels: Option<Tensor>,
}

impl DitCondition {
    /// A text or tokens alone.
    pub fn of_context(context: Tensor) -> Self {
        Self {
            context,
            later: Vec::new(),
            image: None,
            extra_channels: None,
        }
    }
}

/// A text, or tokens, that the video sees from a frame on.
#[derive(Clone, Debug)]
pub struct Later {
    /// The frame of the latent, above 0.
    pub from: usize,
    /// `(B, L, text)`.
    pub context: Tensor,
}

/// The transformer.
pub struct WanDit {
    config: DitConfig,
    backend: AttentionBackend,
    patch: Linear,
    time: Mlp,
    time_projection: Linear,
    text: Mlp,
    image: Option<ImageEmbedding>,
    blocks: Blocks,
    /// `(1, 2, width)`: shift and scale before the head.
    table: Tensor,
    head: Linear,
}

/// The blocks, held or read anew whenever tokens pass through them.
enum Blocks {
    Held(Vec<Block>),
    Streamed(Weights),
}

/// A point of the computation that tests compare.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(&str, &Tensor);

impl WanDit {
    /// Loads the network.
    ///
    /// # Errors
    /// Where weights are missing, damaged or of another shape.
    pub fn new(config: &DitConfig, weights: &Weights) -> Result<Self> {
        let blocks =
            (0..config.layers).map(|layer| Block::new(config, weights, &block_name(layer)));
        let blocks = Blocks::Held(blocks.collect::<Result<_>>()?);
        Self::with_blocks(config, weights, blocks)
    }

    /// Loads the network but for its blocks, which are read in every pass and let go again: less memory, the same numbers,
    /// more reading.
    ///
    /// # Errors
    /// Those of [`Self::new`] that are not about blocks.
    pub fn streamed(config: &DitConfig, weights: &Weights) -> Result<Self> {
        Self::with_blocks(config, weights, Blocks::Streamed(weights.clone()))
    }

    fn with_blocks(config: &DitConfig, weights: &Weights, blocks: Blocks) -> Result<Self> {
        config.check()?;
        let (width, patch) = (config.width(), config.patch_len());
        let [time, down, across] = config.patch;
        let shape = [width, config.in_channels, time, down, across];
        let patch_weight = weights.get("patch_embedding.weight", &shape)?;
        let embedder = "condition_embedder";
        let f32_weights = weights.with_f32();
        let time = format!("{embedder}.time_embedder");
        let text = format!("{embedder}.text_embedder");
        Ok(Self {
            config: config.clone(),
            backend: AttentionBackend::default(),
            patch: Linear::Dense {
                weight: patch_weight.flatten_from(1)?,
                bias: weights.get("patch_embedding.bias", &[width])?,
            },
            time: Mlp::new(&f32_weights, &time, [config.freq_width, width, width])?,
            time_projection: f32_weights.linear(
                &format!("{embedder}.time_proj"),
                width,
                6 * width,
            )?,
            text: Mlp::new(weights, &text, [config.text_width, width, width])?,
            image: match config.image_width {
                Some(from) => Some(ImageEmbedding::new(weights, from, width)?),
                None => None,
            },
            blocks,
            table: f32_weights.get("scale_shift_table", &[1, 2, width])?,
            head: weights.linear("proj_out", width, config.out_channels * patch)?,
        })
    }

    /// The extents.
    pub fn config(&self) -> &DitConfig {
        &self.config
    }

    /// The same network with another way to attend.
    pub fn with_backend(self, backend: AttentionBackend) -> Self {
        Self { backend, ..self }
    }

    /// The velocity at `latent`, `times` holding one time for each item.
    ///
    /// # Errors
    /// Where extents do not fit the configuration.
    pub fn forward(
        &self,
        latent: &Tensor,
        times: &[f64],
        condition: &DitCondition,
    ) -> Result<Tensor> {
        self.observed(latent, times, condition, &mut |_, _| {})
    }

    /// The same with one item, the blocks being left out where `reuse` says so.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_reusing(
        &self,
        latent: &Tensor,
        times: &[f64],
        condition: &DitCondition,
        reuse: &mut Reuse,
    ) -> Result<Tensor> {
        self.run(latent, times, condition, &mut |_, _| {}, Some(reuse))
    }

    pub(crate) fn observed(
        &self,
        latent: &Tensor,
        times: &[f64],
        condition: &DitCondition,
        observe: Observer,
    ) -> Result<Tensor> {
        self.run(latent, times, condition, observe, None)
    }

    fn run(
        &self,
        latent: &Tensor,
        times: &[f64],
        condition: &DitCondition,
        observe: Observer,
        reuse: Option<&mut Reuse>,
    ) -> Result<Tensor> {
        let latent = match &condition.extra_channels {
            Some(extra) => &Tensor::cat(&[latent, extra], 1)?,
            None => latent,
        };
        let tokens = self.tokens(latent, times, condition)?;
        let device = latent.device();
        let rope = Rope::new(&self.config, tokens, device)?.of_dtype(self.table.dtype())?;
        observe("rope_cos", &rope.cosines);
        observe("rope_sin", &rope.sines);

        let x = self.patch.forward(&self.patches(latent, tokens)?)?; // (B, T, width)
        observe("patch", &x);
        let angles = time_angles(times, self.config.freq_width, device)?;
        let angles = angles.to_dtype(self.table.dtype())?;
        let time = self.time.forward(&angles, Activation::Silu)?; // (B, width)
        observe("temb", &time);
        let steps = self.time_projection.forward(&time.silu()?)?; // (B, 6 width)
        observe("tproj", &steps);
        let context = self.text.forward(&condition.context, Activation::Gelu)?; // (B, L, width)
        observe("ctx", &context);
        let contexts = self.contexts(context, &condition.later, tokens)?;
        let image = match (&self.image, &condition.image) {
            (Some(embedding), Some(image)) => Some(embedding.forward(image)?),
            _ => None,
        };
        let seen = Seen {
            contexts: &contexts,
            image: image.as_ref(),
        };
        let mut blocks = |x: &Tensor| -> Result<Tensor> {
            let mut x = x.clone();
            for layer in 0..self.config.layers {
                let read;
                let block = match &self.blocks {
                    Blocks::Held(blocks) => &blocks[layer],
                    Blocks::Streamed(weights) => {
                        read = Block::new(&self.config, weights, &block_name(layer))?;
                        &read
                    }
                };
                x = block.forward(&x, &steps, &seen, &rope, self.backend)?;
                observe(&format!("block{layer}"), &x);
            }
            Ok(x)
        };
        let x = match reuse {
            Some(reuse) => reuse.through(&x, &steps, blocks)?,
            None => blocks(&x)?,
        };
        self.unpatched(&self.out(&x, &time)?, tokens)
    }

    /// Frames, rows and columns of tokens, after checking all extents.
    fn tokens(
        &self,
        latent: &Tensor,
        times: &[f64],
        condition: &DitCondition,
    ) -> Result<[usize; 3]> {
        let config = &self.config;
        let extents = |name, found: &Tensor, permitted: String| {
            Err(Error::Extents {
                name,
                found: found.dims().to_vec(),
                permitted,
            })
        };
        let [time, down, across] = config.patch;
        let (batch, tokens) = match *latent.dims() {
            [batch, channels, frames, height, width]
                if channels == config.in_channels
                    && frames.is_multiple_of(time)
                    && height.is_multiple_of(down)
                    && width.is_multiple_of(across)
                    && latent.elem_count() > 0 =>
            {
                (batch, [frames / time, height / down, width / across])
            }
            _ => {
                let permitted = format!(
                    "(batch, {}, frames, rows, columns) in multiples of {:?}",
                    config.in_channels, config.patch
                );
                return extents("latent", latent, permitted);
            }
        };
        if times.len() != batch {
            return Err(Error::Extents {
                name: "times",
                found: vec![times.len()],
                permitted: format!("({batch})"),
            });
        }
        let later = condition.later.iter().map(|later| &later.context);
        for context in std::iter::once(&condition.context).chain(later) {
            let fits = match (context.dims(), config.conditioning) {
                ([items, len, text], Conditioning::Text { rows }) => {
                    (*items, *len, *text) == (batch, rows, config.text_width)
                }
                ([items, len, text], Conditioning::Tokens) => {
                    *len > 0 && (*items, *text) == (batch, config.text_width)
                }
                _ => false,
            };
            if !fits {
                let rows = match config.conditioning {
                    Conditioning::Text { rows } => rows.to_string(),
                    Conditioning::Tokens => "tokens".into(),
                };
                let permitted = format!("({batch}, {rows}, {})", config.text_width);
                return extents("context", context, permitted);
            }
        }
        if let Some(width) = config.image_width {
            let fits = condition.image.as_ref().is_some_and(|image| {
                matches!(*image.dims(), [items, len, found] if len > 0 && (items, found) == (batch, width))
            });
            if !fits {
                let found = condition.image.as_ref();
                return Err(Error::Extents {
                    name: "image",
                    found: found.map(|image| image.dims().to_vec()).unwrap_or_default(),
                    permitted: format!("({batch}, tokens, {width})"),
                });
            }
        }
        Ok(tokens)
    }

    /// Which tokens see which context. A token that spans frames sees what its first one does.
    fn contexts(
        &self,
        first: Tensor,
        later: &[Later],
        [frames, rows, columns]: [usize; 3],
    ) -> Result<Vec<SeenBy>> {
        let frame = |later: &Later| later.from.div_ceil(self.config.patch[0]);
        let starts: Vec<usize> = later.iter().map(frame).collect();
        let bounds = || std::iter::once(0).chain(starts.iter().copied());
        let ends = bounds().skip(1).chain([frames]);
        let lens: Vec<Option<usize>> = bounds()
            .zip(ends)
            .map(|(start, end)| end.checked_sub(start).filter(|len| *len > 0))
            .collect();
        if lens.contains(&None) {
            return Err(Error::Extents {
                name: "frames at which contexts change",
                found: starts,
                permitted: format!("rising, above 0 and below {frames}"),
            });
        }
        let projected = later
            .iter()
            .map(|later| self.text.forward(&later.context, Activation::Gelu));
        let contexts = std::iter::once(Ok(first)).chain(projected);
        contexts
            .zip(lens.into_iter().flatten())
            .map(|(context, len)| {
                Ok(SeenBy {
                    tokens: len * rows * columns,
                    context: context?,
                })
            })
            .collect()
    }

    /// `(B, C, F, H, W)` to `(B, T, C patch)`.
    fn patches(&self, latent: &Tensor, [frames, rows, columns]: [usize; 3]) -> Result<Tensor> {
        let [time, down, across] = self.config.patch;
        let (batch, channels, ..) = latent.dims5()?;
        let shape = [batch, channels, frames, time, rows, down, columns, across];
        let dtype = match latent.dtype() {
            DType::F64 => DType::F64, // to compare gradients
            _ => DType::F32,
        };
        Ok(latent
            .to_dtype(dtype)?
            .reshape(&shape[..])?
            .permute(vec![0, 2, 4, 6, 1, 3, 5, 7])?
            .contiguous()?
            .reshape((
                batch,
                frames * rows * columns,
                channels * self.config.patch_len(),
            ))?)
    }

    /// `(B, T, width)` to `(B, T, patch C)`.
    fn out(&self, x: &Tensor, time: &Tensor) -> Result<Tensor> {
        let table = self.table.broadcast_add(&time.unsqueeze(1)?)?; // (B, 2, width)
        let part = |index| table.narrow(1, index, 1)?.squeeze(1);
        let x = modulated(x, &part(0)?, &part(1)?, self.config.eps)?;
        self.head.forward(&x)
    }

    /// `(B, T, patch C)` to `(B, C, F, H, W)`.
    fn unpatched(&self, x: &Tensor, [frames, rows, columns]: [usize; 3]) -> Result<Tensor> {
        let [time, down, across] = self.config.patch;
        let (batch, channels) = (x.dim(0)?, self.config.out_channels);
        let shape = [batch, frames, rows, columns, time, down, across, channels];
        Ok(x.reshape(&shape[..])?
            .permute(vec![0, 7, 1, 4, 2, 5, 3, 6])?
            .contiguous()?
            .reshape((
                batch,
                channels,
                frames * time,
                rows * down,
                columns * across,
            ))?)
    }
}

impl Denoiser for WanDit {
    type Condition = DitCondition;
    type Error = Error;

    fn prediction(&self) -> Prediction {
        Prediction::Velocity
    }

    fn predict(&self, latent: &Tensor, time: f64, condition: &DitCondition) -> Result<Tensor> {
        let batch = latent.dims().first().copied().unwrap_or(0);
        self.forward(latent, &vec![time; batch], condition)
    }
}

fn block_name(layer: usize) -> String {
    format!("blocks.{layer}")
}

/// Cosines, then sines, of the times at falling frequencies: `(B, width)`.
fn time_angles(times: &[f64], width: usize, device: &Device) -> Result<Tensor> {
    let pairs = width / 2;
    let angle = |time: f64, pair: usize| time * libm::pow(10_000.0, -(pair as f64) / pairs as f64);
    let mut numbers = Vec::with_capacity(times.len() * width);
    for time in times {
        numbers.extend((0..pairs).map(|pair| libm::cos(angle(*time, pair)) as f32));
        numbers.extend((0..pairs).map(|pair| libm::sin(angle(*time, pair)) as f32));
    }
    Ok(Tensor::from_vec(numbers, (times.len(), width), device)?)
}

/// Layer norm without a gain of its own, then `x (1 + scale) + shift`; `shift` and `scale` are `(B, width)`.
fn modulated(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f64) -> Result<Tensor> {
    let gain = (scale.contiguous()? + 1.0)?;
    Ok(ops::layer_norm(x, &gain, &shift.contiguous()?, eps)?)
}

#[derive(Clone, Copy)]
enum Activation {
    Silu,
    /// In its tanh form.
    Gelu,
    /// As defined, by the error function.
    GeluErf,
}

impl Activation {
    fn apply(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Silu => x.silu()?,
            Self::Gelu => ops::gelu(x)?,
            Self::GeluErf => x.gelu_erf()?,
        })
    }
}

/// Two linear layers.
struct Mlp {
    first: Linear,
    second: Linear,
}

impl Mlp {
    /// From a width over one between to another.
    fn new(weights: &Weights, name: &str, [from, between, to]: [usize; 3]) -> Result<Self> {
        Ok(Self {
            first: weights.linear(&format!("{name}.linear_1"), from, between)?,
            second: weights.linear(&format!("{name}.linear_2"), between, to)?,
        })
    }

    fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let x = activation.apply(&self.first.forward(x)?)?;
        self.second.forward(&x)
    }
}

/// From the states of a picture to the width of the tokens.
struct ImageEmbedding {
    before: LayerNorm,
    first: Linear,
    second: Linear,
    after: LayerNorm,
}

impl ImageEmbedding {
    fn new(weights: &Weights, from: usize, width: usize) -> Result<Self> {
        let name = |part| format!("condition_embedder.image_embedder.{part}");
        Ok(Self {
            before: LayerNorm::new(weights, &name("norm1"), from, IMAGE_EPS)?,
            first: weights.linear(&name("ff.net.0.proj"), from, from)?,
            second: weights.linear(&name("ff.net.2"), from, width)?,
            after: LayerNorm::new(weights, &name("norm2"), width, IMAGE_EPS)?,
        })
    }

    fn forward(&self, image: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(&self.before.forward(image)?)?;
        let x = self.second.forward(&Activation::GeluErf.apply(&x)?)?;
        self.after.forward(&x)
    }
}

/// So many tokens, and the context `(B, rows, width)` that they see.
struct SeenBy {
    tokens: usize,
    context: Tensor,
}

/// What a block attends to besides the tokens.
struct Seen<'a> {
    /// For the tokens in their order.
    contexts: &'a [SeenBy],
    /// `(B, rows, width)`.
    image: Option<&'a Tensor>,
}

/// How many of so many tokens pass through the wide layers of a block at a time.
pub(crate) fn feed_forward_tokens(tokens: usize) -> usize {
    tokens.div_ceil(tokens.div_ceil(FEED_FORWARD_TOKENS).max(1))
}

struct Block {
    self_attention: SelfAttention,
    cross_norm: LayerNorm,
    cross_attention: CrossAttention,
    up: Linear,
    down: Linear,
    /// `(1, 6, width)`.
    table: Tensor,
    eps: f64,
}

impl Block {
    fn new(config: &DitConfig, weights: &Weights, name: &str) -> Result<Self> {
        let width = config.width();
        let part = |part| format!("{name}.{part}");
        let table = part("scale_shift_table");
        Ok(Self {
            self_attention: SelfAttention::new(config, weights, &part("attn1"))?,
            cross_norm: LayerNorm::new(weights, &part("norm2"), width, config.eps)?,
            cross_attention: CrossAttention::new(config, weights, &part("attn2"))?,
            up: weights.linear(&part("ffn.net.0.proj"), width, config.ffn_width)?,
            down: weights.linear(&part("ffn.net.2"), config.ffn_width, width)?,
            table: weights.with_f32().get(&table, &[1, 6, width])?,
            eps: config.eps,
        })
    }

    /// `x` is `(B, T, width)`, `steps` `(B, 6 width)`.
    fn forward(
        &self,
        x: &Tensor,
        steps: &Tensor,
        seen: &Seen,
        rope: &Rope,
        backend: AttentionBackend,
    ) -> Result<Tensor> {
        let (batch, _, width) = x.dims3()?;
        let steps = self
            .table
            .broadcast_add(&steps.reshape((batch, 6, width))?)?;
        let part = |index| steps.narrow(1, index, 1)?.squeeze(1); // (B, width)
        let gated = |x: &Tensor, y: &Tensor, index| -> Result<Tensor> {
            let gate = steps.narrow(1, index, 1)?; // (B, 1, width)
            Ok((x + y.broadcast_mul(&gate)?)?)
        };

        // Each `y` is let go before the next is made: of a long video they are the most that is held.
        let x = {
            let y = modulated(x, &part(0)?, &part(1)?, self.eps)?;
            gated(x, &self.self_attention.forward(y, rope, backend)?, 2)?
        };
        let x = {
            let y = self.cross_norm.forward(&x)?;
            (&x + self.cross_attention.forward(y, seen, backend)?)?
        };
        let y = self.feed_forward(modulated(&x, &part(3)?, &part(4)?, self.eps)?)?;
        gated(&x, &y, 5)
    }

    /// `y` is `(B, T, width)`. The wide layer is held for some tokens at a time.
    fn feed_forward(&self, y: Tensor) -> Result<Tensor> {
        let some = |y: &Tensor| -> Result<Tensor> {
            let wide = self.up.forward(y)?;
            let wide = Activation::Gelu.apply(&wide)?;
            self.down.forward(&wide)
        };
        let tokens = y.dim(1)?;
        let at_a_time = feed_forward_tokens(tokens);
        let parts = (0..tokens)
            .step_by(at_a_time)
            .map(|start| some(&y.narrow(1, start, at_a_time.min(tokens - start))?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&parts, 1)?)
    }
}

/// A linear layer and a norm over its whole width, before that is split among the heads.
struct NormedLinear {
    linear: Linear,
    norm: Tensor,
    eps: f64,
}

impl NormedLinear {
    fn new(config: &DitConfig, weights: &Weights, linear: &str, norm: &str) -> Result<Self> {
        let width = config.width();
        let norm = format!("{norm}.weight");
        Ok(Self {
            linear: weights.linear(linear, width, width)?,
            norm: weights.with_f32().get(&norm, &[width])?,
            eps: config.eps,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.linear.forward(x)?;
        Ok(ops::rms_norm(&x, &self.norm, self.eps)?)
    }
}

struct SelfAttention {
    q: NormedLinear,
    k: NormedLinear,
    v: Linear,
    out: Linear,
    heads: usize,
}

impl SelfAttention {
    fn new(config: &DitConfig, weights: &Weights, name: &str) -> Result<Self> {
        let width = config.width();
        let part = |part| format!("{name}.{part}");
        let normed = |linear, norm| NormedLinear::new(config, weights, &part(linear), &part(norm));
        Ok(Self {
            q: normed("to_q", "norm_q")?,
            k: normed("to_k", "norm_k")?,
            v: weights.linear(&part("to_v"), width, width)?,
            out: weights.linear(&part("to_out.0"), width, width)?,
            heads: config.heads,
        })
    }

    fn forward(&self, x: Tensor, rope: &Rope, backend: AttentionBackend) -> Result<Tensor> {
        let turned = |x: Tensor| ops::turn_pairs(&x, &rope.cosines, &rope.sines);
        let y = {
            let (q, k) = (turned(self.q.forward(&x)?)?, turned(self.k.forward(&x)?)?);
            let v = self.v.forward(&x)?;
            drop(x);
            attention(backend, &q, &k, &v, self.heads)?
        };
        self.out.forward(&y)
    }
}

/// Keys and values of what is attended to.
struct KeysValues {
    k: NormedLinear,
    v: Linear,
}

impl KeysValues {
    fn attend(
        &self,
        q: &Tensor,
        seen: &Tensor,
        heads: usize,
        backend: AttentionBackend,
    ) -> Result<Tensor> {
        let (k, v) = (self.k.forward(seen)?, self.v.forward(seen)?);
        attention(backend, q, &k, &v, heads)
    }
}

struct CrossAttention {
    q: NormedLinear,
    context: KeysValues,
    image: Option<KeysValues>,
    out: Linear,
    heads: usize,
}

impl CrossAttention {
    fn new(config: &DitConfig, weights: &Weights, name: &str) -> Result<Self> {
        let width = config.width();
        let part = |part| format!("{name}.{part}");
        let normed = |linear, norm| NormedLinear::new(config, weights, &part(linear), &part(norm));
        let image = match config.image_width {
            Some(_) => Some(KeysValues {
                k: normed("add_k_proj", "norm_added_k")?,
                v: weights.linear(&part("add_v_proj"), width, width)?,
            }),
            None => None,
        };
        Ok(Self {
            q: normed("to_q", "norm_q")?,
            context: KeysValues {
                k: normed("to_k", "norm_k")?,
                v: weights.linear(&part("to_v"), width, width)?,
            },
            image,
            out: weights.linear(&part("to_out.0"), width, width)?,
            heads: config.heads,
        })
    }

    fn attend(&self, q: &Tensor, seen: &[SeenBy], backend: AttentionBackend) -> Result<Tensor> {
        if let [only] = seen {
            return self.context.attend(q, &only.context, self.heads, backend);
        }
        let (mut start, mut parts) = (0, Vec::with_capacity(seen.len()));
        for SeenBy { tokens, context } in seen {
            let q = q.narrow(1, start, *tokens)?.contiguous()?;
            parts.push(self.context.attend(&q, context, self.heads, backend)?);
            start += tokens;
        }
        Ok(Tensor::cat(&parts, 1)?)
    }

    fn forward(&self, x: Tensor, seen: &Seen, backend: AttentionBackend) -> Result<Tensor> {
        let y = {
            let q = self.q.forward(&x)?;
            drop(x);
            let y = self.attend(&q, seen.contexts, backend)?;
            match (&self.image, seen.image) {
                (Some(image), Some(picture)) => {
                    (y + image.attend(&q, picture, self.heads, backend)?)?
                }
                _ => y,
            }
        };
        self.out.forward(&y)
    }
}
