//! The network one token after the other, with time and memory that do not grow with the number of tokens, and the same
//! scores to the last bit on every processor and for every number of threads.

use std::{path::Path, sync::Arc};

use affetto_core::read_limited;
use affetto_nn::{
    NnError, Result,
    ops::{
        decode::{Embeddings, LinearMemory, Norm, Panels, add, gelu_all},
        integers::IntegerPanels,
    },
    weights::TensorFile,
};

use super::{
    Config,
    network::{MODULATION, attribute_rows, attribute_steps, sines},
};
use crate::piano::levels::Levels;

/// The largest configuration that is read, in bytes.
const CONFIG_LIMIT: u64 = 1 << 20;

/// A token with what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Fed<'a> {
    /// Its id.
    pub token: u32,
    /// `(F)`.
    pub features: &'a [u32],
}

/// The network, ready to decode.
#[derive(Debug)]
pub struct Decoder {
    config: Config,
    decays: Vec<f32>,
    embedding: Embeddings,
    attributes: Attributes,
    blocks: Vec<Block>,
    norm: ModulatedNorm,
    out: Panels,
}

/// What was read so far.
#[derive(Clone, Debug)]
pub struct State {
    asked: Arc<Asked>,
    /// How many tokens were read.
    tokens: usize,
    memories: Vec<LinearMemory>,
}

impl Decoder {
    /// The network that `config` describes with the parameters in `file`.
    ///
    /// # Errors
    /// Where a tensor is missing, has another shape or is not part of the network.
    pub fn new(config: &Config, mut file: TensorFile) -> Result<Self> {
        config.check()?;
        let width = config.width;
        let mut columns = vec![config.tokens];
        columns.extend(&config.features);
        let block = |layer| Block::take(config, &mut file, &format!("blocks.{layer}"));
        let blocks = (0..config.layers).map(block).collect::<Result<_>>()?;
        let decoder = Self {
            decays: config
                .decays()
                .into_iter()
                .map(|decay| decay as f32)
                .collect(),
            embedding: Embeddings::take(&mut file, "embedding", columns, width)?,
            attributes: Attributes::take(config, &mut file)?,
            blocks,
            norm: ModulatedNorm::take(config, &mut file, "norm")?,
            out: Panels::take_matrix(&mut file, "out.weight", width, config.tokens)?,
            config: config.clone(),
        };
        match file.tensors.into_keys().next() {
            Some(name) => Err(NnError::UnknownTensor { name }),
            None => Ok(decoder),
        }
    }

    /// From the bytes of `config.json` and of a safetensors file, for example of `include_bytes!`.
    ///
    /// # Errors
    /// As [`Decoder::new`], and where the bytes are none such.
    pub fn from_bytes(config: &[u8], weights: &[u8]) -> Result<Self> {
        let config = Config::from_json(config)?;
        Self::new(&config, TensorFile::from_bytes(weights)?)
    }

    /// From `config.json` and `model.safetensors` in a folder.
    ///
    /// # Errors
    /// As [`Decoder::from_bytes`], and where a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let config = read_limited(&folder.join("config.json"), CONFIG_LIMIT)?;
        let config = Config::from_json(&config)?;
        Self::new(
            &config,
            TensorFile::read(&folder.join("model.safetensors"))?,
        )
    }

    /// The extents of the network.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Before the first token of a piece of which `levels` are asked.
    pub fn start(&self, levels: &Levels) -> State {
        let memory = LinearMemory::new(self.config.width, self.config.heads);
        State {
            asked: self.asked(levels),
            tokens: 0,
            memories: vec![memory; self.blocks.len()],
        }
    }

    /// From the next token on `levels` are asked.
    pub fn ask(&self, state: &mut State, levels: &Levels) {
        state.asked = self.asked(levels);
    }

    fn asked(&self, levels: &Levels) -> Arc<Asked> {
        let vector = self.attributes.apply(&self.config, levels);
        let norms = self.blocks.iter().flat_map(Block::norms);
        let modulated = |norm: &ModulatedNorm| norm.modulated(&vector);
        Arc::new(Asked {
            norms: norms.chain([&self.norm]).map(modulated).collect(),
            added: self.config.attribute_width.map(|_| vector.clone()),
        })
    }

    /// Reads one more token and gives the score of each next one.
    ///
    /// # Errors
    /// Where an id is outside its vocabulary.
    pub fn step(&self, state: &mut State, fed: Fed) -> Result<Vec<f32>> {
        self.step_all(&mut [state], &[fed])
    }

    /// Reads one more token into each of `states`, at once, and gives their scores side by side.
    ///
    /// # Errors
    /// Where an id is outside its vocabulary, or there are not as many tokens as states.
    pub fn step_all(&self, states: &mut [&mut State], fed: &[Fed]) -> Result<Vec<f32>> {
        if states.len() != fed.len() {
            return Err(NnError::Config {
                name: "tokens fed",
                value: fed.len().to_string(),
                permitted: "one for each state",
            });
        }
        let mut x = self.embedded(fed)?; // (B, width)
        for (state, x) in states.iter().zip(x.chunks_exact_mut(self.config.width)) {
            if let Some(added) = &state.asked.added {
                add(x, added);
            }
            if self.config.sines {
                add(x, &sines(state.tokens, self.config.width));
            }
        }
        for (layer, block) in self.blocks.iter().enumerate() {
            block.apply(&self.decays, layer, states, &mut x);
        }
        states.iter_mut().for_each(|state| state.tokens += 1);
        Ok(self.out.apply(&normed(states, 2 * self.blocks.len(), &x)))
    }

    fn embedded(&self, fed: &[Fed]) -> Result<Vec<f32>> {
        let tokens: Vec<u32> = fed.iter().map(|fed| fed.token).collect();
        let features: Vec<u32> = fed.iter().flat_map(|fed| fed.features.to_vec()).collect();
        let columns: Vec<&[u32]> = match self.config.features.is_empty() {
            true => vec![&tokens],
            false => vec![&tokens, &features],
        };
        self.embedding.apply(&columns, fed.len())
    }
}

/// What the network reads of the levels that are asked.
#[derive(Debug)]
struct Asked {
    /// What is added to each token.
    added: Option<Vec<f32>>,
    /// The two normalisations of each block and the last one, as the levels change them.
    norms: Vec<Norm>,
}

/// Each row of `x`, normalised by the normalisation with this number of its state.
fn normed(states: &[&mut State], number: usize, x: &[f32]) -> Vec<f32> {
    let norms = states.iter().map(|state| &state.asked.norms[number]);
    Norm::apply_each(norms, x)
}

/// See the network's.
#[derive(Debug)]
enum Attributes {
    Embedded { table: Vec<f32>, linear: Panels },
    Stepped { linear: Panels },
}

impl Attributes {
    fn take(config: &Config, file: &mut TensorFile) -> Result<Self> {
        let (attributes, levels) = (config.attributes, config.levels);
        let Some(width) = config.attribute_width else {
            let steps = attributes * (levels - 1);
            let linear = Panels::take(file, "attributes.steps", steps, config.asked_width())?;
            return Ok(Self::Stepped { linear });
        };
        let mut table = file.take("attributes.table", &[attributes * levels, width])?;
        table.extend(vec![0.0; width]);
        let all = attributes * width;
        let linear = Panels::take(file, "attributes.linear", all, config.width)?;
        Ok(Self::Embedded { table, linear })
    }

    fn apply(&self, config: &Config, levels: &Levels) -> Vec<f32> {
        let conditions = config.conditions(&levels.0);
        match self {
            Self::Embedded { table, linear } => {
                let rows = attribute_rows(&conditions, config.attributes, config.levels);
                let width = config.attribute_width.unwrap_or(1);
                let row = |row: &u32| &table[*row as usize * width..][..width];
                let embedded: Vec<f32> = rows.iter().flat_map(row).copied().collect();
                linear.apply(&embedded)
            }
            Self::Stepped { linear } => {
                let mut vector = linear.apply(&attribute_steps(&conditions, config.levels));
                gelu_all(&mut vector);
                vector
            }
        }
    }
}

/// See the network's.
#[derive(Debug)]
struct ModulatedNorm {
    norm: Norm,
    modulation: Option<Panels>,
}

impl ModulatedNorm {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let width = config.width;
        let modulation = format!("{name}{MODULATION}");
        let asked = config.asked_width();
        Ok(Self {
            norm: Norm::take(file, name, width)?,
            modulation: match config.attribute_width {
                None => Some(Panels::take(file, &modulation, asked, 2 * width)?),
                Some(_) => None,
            },
        })
    }

    fn modulated(&self, asked: &[f32]) -> Norm {
        let Some(modulation) = &self.modulation else {
            return self.norm.clone();
        };
        let both = modulation.apply(asked);
        let (scale, shift) = both.split_at(both.len() / 2);
        self.norm.modulated(scale, shift)
    }
}

#[derive(Debug)]
struct Block {
    attention_norm: ModulatedNorm,
    packed: IntegerPanels,
    attended: IntegerPanels,
    feed_forward_norm: ModulatedNorm,
    up: IntegerPanels,
    down: IntegerPanels,
}

impl Block {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let (width, inner) = (config.width, config.feed_forward);
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            attention_norm: ModulatedNorm::take(config, file, &part("attention_norm"))?,
            packed: IntegerPanels::take(file, &part("attention.packed"), width, 3 * width)?,
            attended: IntegerPanels::take(file, &part("attention.out"), width, width)?,
            feed_forward_norm: ModulatedNorm::take(config, file, &part("feed_forward_norm"))?,
            up: IntegerPanels::take(file, &part("feed_forward.up"), width, inner)?,
            down: IntegerPanels::take(file, &part("feed_forward.down"), inner, width)?,
        })
    }

    fn norms(&self) -> [&ModulatedNorm; 2] {
        [&self.attention_norm, &self.feed_forward_norm]
    }

    /// `x` is `(B, width)`.
    fn apply(&self, decays: &[f32], layer: usize, states: &mut [&mut State], x: &mut [f32]) {
        let mut packed = self.packed.apply(&normed(states, 2 * layer, x));
        let mut attended = vec![0.0; x.len()];
        let width = x.len() / states.len().max(1);
        let rows = packed
            .chunks_exact_mut(3 * width)
            .zip(attended.chunks_exact_mut(width));
        for (state, (packed, out)) in states.iter_mut().zip(rows) {
            state.memories[layer].step(packed, decays, out);
        }
        add(x, &self.attended.apply(&attended));
        let mut inner = self.up.apply(&normed(states, 2 * layer + 1, x));
        gelu_all(&mut inner);
        add(x, &self.down.apply(&inner));
    }
}
