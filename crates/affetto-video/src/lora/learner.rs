//! The pairs that are being trained.

use affetto_core::Seed;
use affetto_nn::weights::{Init, Weights as Parameters};
use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, model::Residual};

/// A kind of linear layer in the blocks of the transformer, in each of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Queries, of tokens to tokens and of tokens to the text.
    Q,
    /// Keys of both.
    K,
    /// Values of both.
    V,
    /// What both give.
    O,
    /// Into the feed-forward part.
    #[serde(rename = "ffn.0")]
    FfnUp,
    /// Out of it.
    #[serde(rename = "ffn.2")]
    FfnDown,
    /// Keys of a picture.
    KImage,
    /// Values of a picture.
    VImage,
}

impl Target {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Q,
        Self::K,
        Self::V,
        Self::O,
        Self::FfnUp,
        Self::FfnDown,
        Self::KImage,
        Self::VImage,
    ];

    /// Those that EmoVid (2025) trains, by the defaults of DiffSynth-Studio.
    pub const USUAL: [Self; 6] = [
        Self::Q,
        Self::K,
        Self::V,
        Self::O,
        Self::FfnUp,
        Self::FfnDown,
    ];

    /// The authors' word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
            Self::O => "o",
            Self::FfnUp => "ffn.0",
            Self::FfnDown => "ffn.2",
            Self::KImage => "k_img",
            Self::VImage => "v_img",
        }
    }

    /// The kind of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// How diffusers calls the layer within its block.
    const fn within_block(self) -> &'static [&'static str] {
        match self {
            Self::Q => &["attn1.to_q", "attn2.to_q"],
            Self::K => &["attn1.to_k", "attn2.to_k"],
            Self::V => &["attn1.to_v", "attn2.to_v"],
            Self::O => &["attn1.to_out.0", "attn2.to_out.0"],
            Self::FfnUp => &["ffn.net.0.proj"],
            Self::FfnDown => &["ffn.net.2"],
            Self::KImage => &["attn2.add_k_proj"],
            Self::VImage => &["attn2.add_v_proj"],
        }
    }

    /// Whether the layer that diffusers calls `module` is of this kind.
    fn is(self, module: &str) -> bool {
        let within = module.strip_prefix("blocks.");
        let within = within.and_then(|rest| rest.split_once('.'));
        within.is_some_and(|(_, layer)| self.within_block().contains(&layer))
    }
}

/// The pairs that are being trained beside a network, by the names of their layers.
pub struct Learner {
    parameters: Parameters,
    rank: usize,
    alpha: f64,
    targets: Vec<Target>,
}

impl Learner {
    /// Pairs of this rank beside every layer of these kinds. `A` is drawn as PyTorch draws a linear layer, `B` is 0, so that
    /// nothing is changed at first. The difference is scaled by `alpha / rank`.
    ///
    /// # Errors
    /// [`Error::Config`] for a rank that is not 1..=1024, an `alpha` that is not above 0, or no targets.
    pub fn new(
        rank: usize,
        alpha: f64,
        targets: &[Target],
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let wrong = |name, value: String, permitted: &str| Error::Config {
            name,
            value,
            permitted: permitted.into(),
        };
        if !(1..=1024).contains(&rank) {
            return Err(wrong("rank", rank.to_string(), "from 1 to 1024"));
        }
        if !(alpha.is_finite() && alpha > 0.0) {
            return Err(wrong("alpha", alpha.to_string(), "above 0"));
        }
        if targets.is_empty() {
            return Err(wrong("targets", "empty".into(), "one kind at least"));
        }
        Ok(Self {
            parameters: Parameters::drawn(seed, device),
            rank,
            alpha,
            targets: targets.to_vec(),
        })
    }

    /// The numbers that are trained, there once the network is loaded.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The rank.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The scale of the differences times the rank.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The kinds of layers.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The pair beside the layer that diffusers calls `module`; none where that layer is not trained.
    pub(crate) fn residual(
        &self,
        module: &str,
        [out, width]: [usize; 2],
    ) -> Result<Option<Residual>> {
        if !self.targets.iter().any(|target| target.is(module)) {
            return Ok(None);
        }
        let scope = self.parameters.root().child(module);
        // He initialisation with the slope sqrt(5), evenly distributed: bounds of 1 / sqrt(width).
        let deviation = (1.0 / (3.0 * width as f64)).sqrt();
        let down = scope.get("lora_A", &[self.rank, width], Init::Matrix { deviation })?;
        let up = scope.get("lora_B", &[out, self.rank], Init::Constant(0.0))?;
        Ok(Some(Residual::LowRank {
            down,
            up,
            scale: self.alpha / self.rank as f64,
        }))
    }
}
