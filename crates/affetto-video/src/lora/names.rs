//! How other tools spell the keys of LoRA files.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::weights::{Network, Spelling};

/// How a LoRA file spells its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoraSpelling {
    /// `transformer.blocks.0.attn1.to_q.lora_A.weight`: diffusers and PEFT.
    #[default]
    Diffusers,
    /// `diffusion_model.blocks.0.self_attn.q.lora_A.weight`: the authors' names, as ComfyUI and DiffSynth-Studio read them.
    Original,
    /// `lora_unet_blocks_0_self_attn_q.lora_down.weight` with `alpha`: the trainers of kohya.
    Kohya,
}

impl LoraSpelling {
    /// Every spelling.
    pub const ALL: [Self; 3] = [Self::Diffusers, Self::Original, Self::Kohya];

    /// The beginning of the keys of a module that diffusers calls `module`.
    pub fn module(self, module: &str) -> String {
        match self {
            Self::Diffusers => format!("transformer.{module}"),
            Self::Original => format!("diffusion_model.{}", spelled(module, Spelling::Original)),
            Self::Kohya => {
                let original = spelled(module, Spelling::Original);
                format!("lora_unet_{}", original.replace('.', "_"))
            }
        }
    }

    /// The ends of the keys of `A` and `B`.
    pub fn pair(self) -> [&'static str; 2] {
        match self {
            Self::Diffusers | Self::Original => [".lora_A.weight", ".lora_B.weight"],
            Self::Kohya => [".lora_down.weight", ".lora_up.weight"],
        }
    }
}

/// What a tensor of a LoRA file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// `A`.
    Down,
    /// `B`.
    Up,
    /// Added to the bias, scaled like the pair.
    UpBias,
    /// The scale of the pair times its rank.
    Alpha,
    /// Added to the weight, or to a table.
    Diff,
    /// Added to the bias.
    DiffBias,
}

/// The ends of keys. PEFT may put the name of the adapter, `default`, between.
const ENDS: [(&str, Part); 14] = [
    (".lora_A.weight", Part::Down),
    (".lora_A.default.weight", Part::Down),
    (".lora_down.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_B.default.weight", Part::Up),
    (".lora_up.weight", Part::Up),
    (".lora_B.bias", Part::UpBias),
    (".lora_B.default.bias", Part::UpBias),
    (".lora_up.bias", Part::UpBias),
    (".alpha", Part::Alpha),
    (".lora_A.alpha", Part::Alpha),
    (".diff_b", Part::DiffBias),
    (".diff_m", Part::Diff),
    (".diff", Part::Diff),
];

/// What is in a key of a method that is not read, and its name.
const OTHER_METHODS: [(&str, &str); 5] = [
    ("dora_scale", "DoRA"),
    ("lokr_", "LoKr"),
    ("hada_", "LoHa"),
    ("oft_", "OFT"),
    ("lora_mid", "LoCon in three parts"),
];

/// What stands before modules.
const DOTTED: [&str; 6] = [
    "diffusion_model.",
    "transformer.",
    "model.diffusion_model.",
    "base_model.model.",
    "model.",
    "",
];
const JOINED: [&str; 3] = ["lora_unet__", "lora_unet_", "lora_transformer_"];

/// A module as another spelling has it.
fn spelled(module: &str, spelling: Spelling) -> String {
    let tensor = Network::Dit.spell(&format!("{module}.weight"), spelling);
    match tensor.strip_suffix(".weight") {
        Some(module) => module.into(),
        None => tensor,
    }
}

/// The modules of a network by each of their spellings.
pub(super) struct Keys {
    dotted: HashMap<String, String>,
    joined: HashMap<String, String>,
}

impl Keys {
    /// Of the tensors with these names, as diffusers spells them.
    pub fn of<'a>(tensors: impl Iterator<Item = &'a String>) -> Self {
        let mut keys = Self {
            dotted: HashMap::new(),
            joined: HashMap::new(),
        };
        for tensor in tensors {
            let part = [".weight", ".bias"]
                .iter()
                .find_map(|end| tensor.strip_suffix(end));
            let module = part.unwrap_or(tensor);
            for spelling in [Spelling::Diffusers, Spelling::Original] {
                let spelled = match part {
                    Some(module) => spelled(module, spelling),
                    None => Network::Dit.spell(tensor, spelling),
                };
                keys.joined.insert(spelled.replace('.', "_"), module.into());
                keys.dotted.insert(spelled, module.into());
            }
        }
        keys
    }

    /// The module of a key, as diffusers calls it, and what of it the key holds; else why it cannot be used.
    pub fn find(&self, key: &str) -> Result<(String, Part), String> {
        for (word, method) in OTHER_METHODS {
            if key.contains(word) {
                return Err(format!("is of {method}, which is not read"));
            }
        }
        let end = ENDS
            .iter()
            .find_map(|(end, part)| Some((key.strip_suffix(end)?, *part)));
        let Some((module, part)) = end else {
            return Err("is no part of a LoRA".into());
        };
        let is_table = key.ends_with(".diff_m");
        let found = self.module(module, is_table);
        let found = found.ok_or_else(|| "is of no layer of this network".to_owned())?;
        Ok((found.clone(), part))
    }

    /// `diff_m` stands where the name of the table would.
    fn module(&self, module: &str, is_table: bool) -> Option<&String> {
        let dotted = DOTTED.iter().find_map(|prefix| {
            let module = module.strip_prefix(prefix)?;
            match is_table {
                true => self.dotted.get(&format!("{module}.modulation")),
                false => self.dotted.get(module),
            }
        });
        dotted.or_else(|| {
            JOINED.iter().find_map(|prefix| {
                let module = module.strip_prefix(prefix)?;
                self.joined.get(module)
            })
        })
    }
}
