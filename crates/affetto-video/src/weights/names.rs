//! How each publication spells the names of the tensors. The networks ask by the names of diffusers (transformer,
//! autoencoder) and transformers (text encoder); here are the rules that lead from these to the others.

/// A network that has published weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The transformer that removes noise.
    Dit,
    /// The autoencoder.
    Vae {
        /// Residual blocks of a level of the encoder, on which the original's numbering depends.
        res_blocks: usize,
    },
    /// The text encoder.
    Umt5,
    /// The picture encoder.
    Clip,
    /// The tiny decoder in place of the autoencoder's, which has one spelling.
    Tiny,
}

/// How names are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As diffusers and transformers do.
    Diffusers,
    /// As the authors of Wan do; repackaged single files and GGUF files of the transformer spell alike.
    Original,
    /// As llama.cpp does for text encoders in GGUF files.
    LlamaCpp,
}

impl Spelling {
    /// Every spelling, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Diffusers, Self::Original, Self::LlamaCpp];
}

/// What repackaged files put before every name.
const PREFIXES: [&str; 8] = [
    "",
    "model.diffusion_model.",
    "diffusion_model.",
    "model.",
    "first_stage_model.",
    "vae.",
    "text_encoders.umt5xxl.transformer.",
    "clip_vision.",
];

impl Network {
    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dit => "a Wan transformer",
            Self::Vae { .. } => "a Wan autoencoder",
            Self::Umt5 => "a UMT5 encoder",
            Self::Clip => "a CLIP picture encoder",
            Self::Tiny => "a TAEW decoder",
        }
    }

    /// A name that is spelled differently by all.
    fn telling(self) -> &'static str {
        match self {
            Self::Dit => "blocks.0.attn1.to_q.weight",
            Self::Vae { .. } => "decoder.mid_block.resnets.0.conv1.weight",
            Self::Umt5 => "encoder.block.0.layer.0.SelfAttention.q.weight",
            Self::Clip => "vision_model.encoder.layers.0.self_attn.q_proj.weight",
            Self::Tiny => "decoder.3.conv.0.weight",
        }
    }

    /// The spelling of a collection of names and what stands before every one; none where it is another network's.
    pub fn detect(self, has: impl Fn(&str) -> bool) -> Option<(Spelling, &'static str)> {
        let spellings = Spelling::ALL
            .into_iter()
            .flat_map(|spelling| PREFIXES.map(|prefix| (spelling, prefix)));
        spellings.into_iter().find(|(spelling, prefix)| {
            has(&format!(
                "{prefix}{}",
                self.spell(self.telling(), *spelling)
            ))
        })
    }

    /// Another name of the same tensor, where a file may have either.
    pub(super) fn also(self, name: &str) -> Option<&'static str> {
        let embedding = self == Self::Umt5 && name == "shared.weight";
        embedding.then_some("encoder.embed_tokens.weight")
    }

    /// The name in this spelling of what diffusers or transformers call `name`. A network has no spelling of llama.cpp
    /// but the text encoder.
    pub fn spell(self, name: &str, spelling: Spelling) -> String {
        match (self, spelling) {
            (_, Spelling::Diffusers) | (Self::Clip | Self::Tiny, _) => name.into(),
            (Self::Dit, _) => dit(name),
            (Self::Vae { res_blocks }, _) => vae(name, res_blocks),
            (Self::Umt5, Spelling::Original) => umt5_original(name),
            (Self::Umt5, Spelling::LlamaCpp) => umt5_llama_cpp(name),
        }
    }
}

/// Replaces the first rule's left side that `name` begins with.
fn beginning(name: &str, rules: &[(&str, &str)]) -> Option<String> {
    rules
        .iter()
        .find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?)))
}

/// Splits `blocks.12.rest` after `blocks.` into the number and the rest.
fn numbered<'a>(name: &'a str, begin: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name.strip_prefix(begin)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

/// The affine norm before cross-attention is the original's third.
const DIT_BLOCK: [(&str, &str); 19] = [
    ("scale_shift_table", "modulation"),
    ("attn1.to_q.", "self_attn.q."),
    ("attn1.to_k.", "self_attn.k."),
    ("attn1.to_v.", "self_attn.v."),
    ("attn1.to_out.0.", "self_attn.o."),
    ("attn1.norm_q.", "self_attn.norm_q."),
    ("attn1.norm_k.", "self_attn.norm_k."),
    ("attn2.to_q.", "cross_attn.q."),
    ("attn2.to_k.", "cross_attn.k."),
    ("attn2.to_v.", "cross_attn.v."),
    ("attn2.to_out.0.", "cross_attn.o."),
    ("attn2.norm_q.", "cross_attn.norm_q."),
    ("attn2.norm_k.", "cross_attn.norm_k."),
    ("attn2.add_k_proj.", "cross_attn.k_img."),
    ("attn2.add_v_proj.", "cross_attn.v_img."),
    ("attn2.norm_added_k.", "cross_attn.norm_k_img."),
    ("norm2.", "norm3."),
    ("ffn.net.0.proj.", "ffn.0."),
    ("ffn.net.2.", "ffn.2."),
];

const DIT_OUTSIDE: [(&str, &str); 11] = [
    ("scale_shift_table", "head.modulation"),
    ("proj_out.", "head.head."),
    (
        "condition_embedder.time_embedder.linear_1.",
        "time_embedding.0.",
    ),
    (
        "condition_embedder.time_embedder.linear_2.",
        "time_embedding.2.",
    ),
    ("condition_embedder.time_proj.", "time_projection.1."),
    (
        "condition_embedder.text_embedder.linear_1.",
        "text_embedding.0.",
    ),
    (
        "condition_embedder.text_embedder.linear_2.",
        "text_embedding.2.",
    ),
    (
        "condition_embedder.image_embedder.norm1.",
        "img_emb.proj.0.",
    ),
    (
        "condition_embedder.image_embedder.ff.net.0.proj.",
        "img_emb.proj.1.",
    ),
    (
        "condition_embedder.image_embedder.ff.net.2.",
        "img_emb.proj.3.",
    ),
    (
        "condition_embedder.image_embedder.norm2.",
        "img_emb.proj.4.",
    ),
];

fn dit(name: &str) -> String {
    if let Some((block, rest)) = numbered(name, "blocks.") {
        let rest = beginning(rest, &DIT_BLOCK).unwrap_or_else(|| rest.into());
        return format!("blocks.{block}.{rest}");
    }
    beginning(name, &DIT_OUTSIDE).unwrap_or_else(|| name.into())
}

const VAE_RESIDUAL: [(&str, &str); 5] = [
    ("norm1.", "residual.0."),
    ("conv1.", "residual.2."),
    ("norm2.", "residual.3."),
    ("conv2.", "residual.6."),
    ("conv_shortcut.", "shortcut."),
];

const VAE_OUTSIDE: [(&str, &str); 8] = [
    ("quant_conv.", "conv1."),
    ("post_quant_conv.", "conv2."),
    ("encoder.conv_in.", "encoder.conv1."),
    ("encoder.norm_out.", "encoder.head.0."),
    ("encoder.conv_out.", "encoder.head.2."),
    ("decoder.conv_in.", "decoder.conv1."),
    ("decoder.norm_out.", "decoder.head.0."),
    ("decoder.conv_out.", "decoder.head.2."),
];

fn vae(name: &str, res_blocks: usize) -> String {
    let residual = |rest: &str| beginning(rest, &VAE_RESIDUAL).unwrap_or_else(|| rest.into());
    if let Some((block, rest)) = numbered(name, "encoder.down_blocks.") {
        return format!("encoder.downsamples.{block}.{}", residual(rest));
    }
    if let Some((level, rest)) = numbered(name, "decoder.up_blocks.") {
        // A level of the decoder is a list in one, and counted through in the other.
        let first = level * (res_blocks + 2);
        if let Some((block, rest)) = numbered(rest, "resnets.") {
            return format!("decoder.upsamples.{}.{}", first + block, residual(rest));
        }
        if let Some((_, rest)) = numbered(rest, "upsamplers.") {
            return format!("decoder.upsamples.{}.{rest}", first + res_blocks + 1);
        }
    }
    for part in ["encoder", "decoder"] {
        let within = name
            .strip_prefix(part)
            .and_then(|name| name.strip_prefix(".mid_block."));
        let Some(within) = within else { continue };
        if let Some((block, rest)) = numbered(within, "resnets.") {
            return format!("{part}.middle.{}.{}", 2 * block, residual(rest));
        }
        if let Some((block, rest)) = numbered(within, "attentions.") {
            return format!("{part}.middle.{}.{rest}", 2 * block + 1);
        }
    }
    beginning(name, &VAE_OUTSIDE).unwrap_or_else(|| name.into())
}

const UMT5_ORIGINAL: [(&str, &str); 7] = [
    (
        "layer.0.SelfAttention.relative_attention_bias.",
        "pos_embedding.embedding.",
    ),
    ("layer.0.SelfAttention.", "attn."),
    ("layer.0.layer_norm.", "norm1."),
    ("layer.1.DenseReluDense.wi_0.", "ffn.gate.0."),
    ("layer.1.DenseReluDense.wi_1.", "ffn.fc1."),
    ("layer.1.DenseReluDense.wo.", "ffn.fc2."),
    ("layer.1.layer_norm.", "norm2."),
];

const UMT5_LLAMA_CPP: [(&str, &str); 7] = [
    (
        "layer.0.SelfAttention.relative_attention_bias.",
        "attn_rel_b.",
    ),
    ("layer.0.SelfAttention.", "attn_"),
    ("layer.0.layer_norm.", "attn_norm."),
    ("layer.1.DenseReluDense.wi_0.", "ffn_gate."),
    ("layer.1.DenseReluDense.wi_1.", "ffn_up."),
    ("layer.1.DenseReluDense.wo.", "ffn_down."),
    ("layer.1.layer_norm.", "ffn_norm."),
];

fn umt5_original(name: &str) -> String {
    if let Some((block, rest)) = numbered(name, "encoder.block.") {
        let rest = beginning(rest, &UMT5_ORIGINAL).unwrap_or_else(|| rest.into());
        return format!("blocks.{block}.{rest}");
    }
    let outside = [
        ("shared.", "token_embedding."),
        ("encoder.embed_tokens.", "token_embedding."),
        ("encoder.final_layer_norm.", "norm."),
    ];
    beginning(name, &outside).unwrap_or_else(|| name.into())
}

fn umt5_llama_cpp(name: &str) -> String {
    if let Some((block, rest)) = numbered(name, "encoder.block.") {
        let rest = beginning(rest, &UMT5_LLAMA_CPP).unwrap_or_else(|| rest.into());
        return format!("enc.blk.{block}.{rest}");
    }
    let outside = [
        ("shared.", "token_embd."),
        ("encoder.embed_tokens.", "token_embd."),
        ("encoder.final_layer_norm.", "enc.output_norm."),
    ];
    beginning(name, &outside).unwrap_or_else(|| name.into())
}
