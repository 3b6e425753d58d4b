//! The network one token after the other, with time and memory that do not grow with the number of tokens, and the same
//! scores to the last bit on every processor and for every number of threads.

use std::{path::Path, sync::Arc};

use affetto_core::read_limited;
use affetto_nn::{
    NnError, Result,
    ops::decode::{Embeddings, LinearMemory, Norm, Panels, add, gelu_all},
    weights::TensorFile,
};

use super::{
    Config,
    network::{attribute_rows, sines},
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
    table: Vec<f32>,
    linear: Panels,
    blocks: Vec<Block>,
    norm: Norm,
    out: Panels,
}

/// What was read so far.
#[derive(Clone, Debug)]
pub struct State {
    attributes: Arc<[f32]>,
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
        let (width, attributes) = (config.width, config.attributes);
        let mut columns = vec![config.tokens];
        columns.extend(&config.features);
        let rows = attributes * config.levels;
        let mut table = file.take("attributes.table", &[rows, config.attribute_width])?;
        table.extend(vec![0.0; config.attribute_width]);
        let all = attributes * config.attribute_width;
        let block = |layer| Block::take(config, &mut file, &format!("blocks.{layer}"));
        let blocks = (0..config.layers).map(block).collect::<Result<_>>()?;
        let decoder = Self {
            decays: config
                .decays()
                .into_iter()
                .map(|decay| decay as f32)
                .collect(),
            embedding: Embeddings::take(&mut file, "embedding", columns, width)?,
            table,
            linear: Panels::take(&mut file, "attributes.linear", all, width)?,
            blocks,
            norm: Norm::take(&mut file, "norm", width)?,
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
            attributes: self.asked(levels),
            tokens: 0,
            memories: vec![memory; self.blocks.len()],
        }
    }

    /// From the next token on `levels` are asked.
    pub fn ask(&self, state: &mut State, levels: &Levels) {
        state.attributes = self.asked(levels);
    }

    fn asked(&self, levels: &Levels) -> Arc<[f32]> {
        let conditions = self.config.conditions(&levels.0);
        let width = self.config.attribute_width;
        let rows = attribute_rows(&conditions, self.config.attributes, self.config.levels);
        let embedded: Vec<f32> = rows
            .iter()
            .flat_map(|row| &self.table[*row as usize * width..][..width])
            .copied()
            .collect();
        self.linear.apply(&embedded).into()
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
            add(x, &state.attributes);
            if self.config.sines {
                add(x, &sines(state.tokens, self.config.width));
            }
        }
        for (layer, block) in self.blocks.iter().enumerate() {
            block.apply(&self.decays, layer, states, &mut x);
        }
        states.iter_mut().for_each(|state| state.tokens += 1);
        Ok(self.out.apply(&self.norm.apply(&x)))
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

#[derive(Debug)]
struct Block {
    attention_norm: Norm,
    packed: Panels,
    attended: Panels,
    feed_forward_norm: Norm,
    up: Panels,
    down: Panels,
}

impl Block {
    fn take(config: &Config, file: &mut TensorFile, name: &str) -> Result<Self> {
        let (width, inner) = (config.width, config.feed_forward);
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            attention_norm: Norm::take(file, &part("attention_norm"), width)?,
            packed: Panels::take(file, &part("attention.packed"), width, 3 * width)?,
            attended: Panels::take(file, &part("attention.out"), width, width)?,
            feed_forward_norm: Norm::take(file, &part("feed_forward_norm"), width)?,
            up: Panels::take(file, &part("feed_forward.up"), width, inner)?,
            down: Panels::take(file, &part("feed_forward.down"), inner, width)?,
        })
    }

    /// `x` is `(B, width)`.
    fn apply(&self, decays: &[f32], layer: usize, states: &mut [&mut State], x: &mut [f32]) {
        let packed = self.packed.apply(&self.attention_norm.apply(x));
        let mut attended = vec![0.0; x.len()];
        let width = x.len() / states.len().max(1);
        let rows = packed
            .chunks_exact(3 * width)
            .zip(attended.chunks_exact_mut(width));
        for (state, (packed, out)) in states.iter_mut().zip(rows) {
            state.memories[layer].step(packed, decays, out);
        }
        add(x, &self.attended.apply(&attended));
        let mut inner = self.up.apply(&self.feed_forward_norm.apply(x));
        gelu_all(&mut inner);
        add(x, &self.down.apply(&inner));
    }
}
