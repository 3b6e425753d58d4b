//! The tensors of each network, computed from its configuration.

use crate::model::{ClipConfig, DitConfig, TinyConfig, Umt5Config, VaeConfig};

/// A tensor's name and shape.
type Entry = (String, Vec<usize>);

/// Collects entries under a beginning of their names.
#[derive(Default)]
struct List(Vec<Entry>);

impl List {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.0.push((name, shape.to_vec()));
    }

    /// Weight and bias.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.add(format!("{name}.weight"), shape);
        self.add(format!("{name}.bias"), &shape[..1]);
    }
}

impl DitConfig {
    /// Name and shape of every tensor, as diffusers spells the names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let width = self.width();
        let [time, down, across] = self.patch;
        let mut list = List::default();
        list.add("scale_shift_table".into(), &[1, 2, width]);
        let patch = [width, self.in_channels, time, down, across];
        list.layer("patch_embedding", &patch);
        let embedder = |part: &str| format!("condition_embedder.{part}");
        for (name, from) in [
            ("time_embedder", self.freq_width),
            ("text_embedder", self.text_width),
        ] {
            list.layer(&embedder(&format!("{name}.linear_1")), &[width, from]);
            list.layer(&embedder(&format!("{name}.linear_2")), &[width, width]);
        }
        list.layer(&embedder("time_proj"), &[6 * width, width]);
        if let Some(image) = self.image_width {
            list.layer(&embedder("image_embedder.norm1"), &[image]);
            list.layer(&embedder("image_embedder.ff.net.0.proj"), &[image, image]);
            list.layer(&embedder("image_embedder.ff.net.2"), &[width, image]);
            list.layer(&embedder("image_embedder.norm2"), &[width]);
        }
        for block in 0..self.layers {
            self.block(&mut list, &format!("blocks.{block}"));
        }
        let out = self.out_channels * self.patch_len();
        list.layer("proj_out", &[out, width]);
        list.0
    }

    fn block(&self, list: &mut List, name: &str) {
        let width = self.width();
        list.add(format!("{name}.scale_shift_table"), &[1, 6, width]);
        let mut linears = vec![];
        let mut norms = vec![];
        for part in ["attn1", "attn2"] {
            linears.extend(["to_q", "to_k", "to_v", "to_out.0"].map(|linear| (part, linear)));
            norms.extend([(part, "norm_q"), (part, "norm_k")]);
        }
        if self.image_width.is_some() {
            linears.extend([("attn2", "add_k_proj"), ("attn2", "add_v_proj")]);
            norms.push(("attn2", "norm_added_k"));
        }
        for (part, linear) in linears {
            list.layer(&format!("{name}.{part}.{linear}"), &[width, width]);
        }
        for (part, norm) in norms {
            list.add(format!("{name}.{part}.{norm}.weight"), &[width]);
        }
        list.layer(&format!("{name}.norm2"), &[width]);
        list.layer(&format!("{name}.ffn.net.0.proj"), &[self.ffn_width, width]);
        list.layer(&format!("{name}.ffn.net.2"), &[width, self.ffn_width]);
    }
}

impl ClipConfig {
    /// Name and shape of every tensor that is read, as transformers spells the names: all but the last layer and what
    /// comes after it.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, patch) = (self.hidden_size, self.patch_size);
        let mut list = List::default();
        let embedding = |name: &str| format!("vision_model.embeddings.{name}");
        list.add(embedding("class_embedding"), &[width]);
        let kernel = [width, self.num_channels, patch, patch];
        list.add(embedding("patch_embedding.weight"), &kernel);
        let positions = [self.tokens(), width];
        list.add(embedding("position_embedding.weight"), &positions);
        list.layer("vision_model.pre_layrnorm", &[width]);
        for layer in 0..self.num_hidden_layers - 1 {
            let part = |part: &str| format!("vision_model.encoder.layers.{layer}.{part}");
            for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                list.layer(&part(&format!("self_attn.{name}")), &[width, width]);
            }
            list.layer(&part("layer_norm1"), &[width]);
            list.layer(&part("layer_norm2"), &[width]);
            list.layer(&part("mlp.fc1"), &[self.intermediate_size, width]);
            list.layer(&part("mlp.fc2"), &[width, self.intermediate_size]);
        }
        list.0
    }
}

impl VaeConfig {
    /// Name and shape of every tensor, as diffusers spells the names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut list = List::default();
        let z = self.z_dim;
        let top = self.base_dim * self.dim_mult.last().copied().unwrap_or(1);
        list.layer(
            "encoder.conv_in",
            &[self.base_dim, self.in_channels, 3, 3, 3],
        );
        for (index, block) in self.encoder_blocks().iter().enumerate() {
            block.tensors(&mut list, &format!("encoder.down_blocks.{index}"));
        }
        middle(&mut list, "encoder", top);
        list.add("encoder.norm_out.gamma".into(), &[top, 1, 1, 1]);
        list.layer("encoder.conv_out", &[2 * z, top, 3, 3, 3]);
        list.layer("quant_conv", &[2 * z, 2 * z, 1, 1, 1]);
        list.layer("post_quant_conv", &[z, z, 1, 1, 1]);
        list.layer("decoder.conv_in", &[top, z, 3, 3, 3]);
        middle(&mut list, "decoder", top);
        for (name, block) in self.decoder_blocks() {
            block.tensors(&mut list, &format!("decoder.{name}"));
        }
        list.add("decoder.norm_out.gamma".into(), &[self.base_dim, 1, 1, 1]);
        let out = [self.out_channels, self.base_dim, 3, 3, 3];
        list.layer("decoder.conv_out", &out);
        list.0
    }

    /// The blocks of the encoder between its first layer and its middle.
    pub(crate) fn encoder_blocks(&self) -> Vec<VaeBlock> {
        let mut blocks = Vec::new();
        let mut from = self.base_dim;
        for (level, mult) in self.dim_mult.iter().enumerate() {
            let to = self.base_dim * mult;
            for _ in 0..self.num_res_blocks {
                blocks.push(VaeBlock::Residual { from, to });
                from = to;
            }
            if let Some(time) = self.temporal_downsample.get(level) {
                blocks.push(VaeBlock::Down {
                    channels: to,
                    time: *time,
                });
            }
        }
        blocks
    }

    /// The blocks of the decoder between its middle and its last layer, with their names.
    pub(crate) fn decoder_blocks(&self) -> Vec<(String, VaeBlock)> {
        let mut blocks = Vec::new();
        let mults: Vec<usize> = self.dim_mult.iter().rev().copied().collect();
        let mut from = self.base_dim * mults.first().copied().unwrap_or(1);
        for (level, mult) in mults.iter().enumerate() {
            let to = self.base_dim * mult;
            for block in 0..=self.num_res_blocks {
                let name = format!("up_blocks.{level}.resnets.{block}");
                blocks.push((name, VaeBlock::Residual { from, to }));
                from = to;
            }
            let up = self.steps().checked_sub(level + 1);
            if let Some(time) = up.and_then(|index| self.temporal_downsample.get(index)) {
                let name = format!("up_blocks.{level}.upsamplers.0");
                let block = VaeBlock::Up {
                    channels: to,
                    time: *time,
                };
                blocks.push((name, block));
                from = to / 2;
            }
        }
        blocks
    }
}

/// A block of the autoencoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VaeBlock {
    /// Two convolutions beside a short cut.
    Residual { from: usize, to: usize },
    /// Half the rows and columns, and where `time` is set half the frames.
    Down { channels: usize, time: bool },
    /// Twice as many, and half the channels.
    Up { channels: usize, time: bool },
}

impl VaeBlock {
    fn tensors(self, list: &mut List, name: &str) {
        match self {
            Self::Residual { from, to } => {
                list.add(format!("{name}.norm1.gamma"), &[from, 1, 1, 1]);
                list.layer(&format!("{name}.conv1"), &[to, from, 3, 3, 3]);
                list.add(format!("{name}.norm2.gamma"), &[to, 1, 1, 1]);
                list.layer(&format!("{name}.conv2"), &[to, to, 3, 3, 3]);
                if from != to {
                    list.layer(&format!("{name}.conv_shortcut"), &[to, from, 1, 1, 1]);
                }
            }
            Self::Down { channels, time } => {
                let plane = [channels, channels, 3, 3];
                list.layer(&format!("{name}.resample.1"), &plane);
                if time {
                    let shape = [channels, channels, 3, 1, 1];
                    list.layer(&format!("{name}.time_conv"), &shape);
                }
            }
            Self::Up { channels, time } => {
                let plane = [channels / 2, channels, 3, 3];
                list.layer(&format!("{name}.resample.1"), &plane);
                if time {
                    let shape = [2 * channels, channels, 3, 1, 1];
                    list.layer(&format!("{name}.time_conv"), &shape);
                }
            }
        }
    }
}

fn middle(list: &mut List, part: &str, channels: usize) {
    let block = VaeBlock::Residual {
        from: channels,
        to: channels,
    };
    block.tensors(list, &format!("{part}.mid_block.resnets.0"));
    let attention = format!("{part}.mid_block.attentions.0");
    list.add(format!("{attention}.norm.gamma"), &[channels, 1, 1]);
    let qkv = [3 * channels, channels, 1, 1];
    list.layer(&format!("{attention}.to_qkv"), &qkv);
    let proj = [channels, channels, 1, 1];
    list.layer(&format!("{attention}.proj"), &proj);
    block.tensors(list, &format!("{part}.mid_block.resnets.1"));
}

impl Umt5Config {
    /// Name and shape of every tensor, as transformers spells the names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut list = List::default();
        let (width, inner) = (self.d_model, self.num_heads * self.d_kv);
        list.add("shared.weight".into(), &[self.vocab_size, width]);
        for block in 0..self.num_layers {
            let layer = |rest: &str| format!("encoder.block.{block}.layer.{rest}.weight");
            for part in ["q", "k", "v"] {
                list.add(layer(&format!("0.SelfAttention.{part}")), &[inner, width]);
            }
            list.add(layer("0.SelfAttention.o"), &[width, inner]);
            let bias = [self.relative_attention_num_buckets, self.num_heads];
            list.add(layer("0.SelfAttention.relative_attention_bias"), &bias);
            list.add(layer("0.layer_norm"), &[width]);
            list.add(layer("1.DenseReluDense.wi_0"), &[self.d_ff, width]);
            list.add(layer("1.DenseReluDense.wi_1"), &[self.d_ff, width]);
            list.add(layer("1.DenseReluDense.wo"), &[width, self.d_ff]);
            list.add(layer("1.layer_norm"), &[width]);
        }
        list.add("encoder.final_layer_norm.weight".into(), &[width]);
        list.0
    }
}

impl TinyConfig {
    /// Name and shape of every tensor.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut list = List::default();
        let [top, .., last] = self.channels;
        list.layer("decoder.1", &[top, self.latent_channels, 3, 3]);
        for level in self.levels() {
            let [from, to] = level.channels;
            for block in 0..Self::BLOCKS {
                let part = |at: usize| format!("decoder.{}.conv.{at}", level.begin + block);
                list.layer(&part(0), &[from, 2 * from, 3, 3]);
                list.layer(&part(2), &[from, from, 3, 3]);
                list.layer(&part(4), &[from, from, 3, 3]);
            }
            let grow = format!("decoder.{}.conv.weight", level.grow());
            list.add(grow, &[from * level.frames, from, 1, 1]);
            let out = format!("decoder.{}.weight", level.out());
            list.add(out, &[to, from, 3, 3]);
        }
        list.layer(&format!("decoder.{}", self.last()), &[3, last, 3, 3]);
        list.0
    }
}
