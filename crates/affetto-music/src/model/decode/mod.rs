//! Decoding one token after the other without candle: the same scores to the last bit on every
//! processor and for every number of threads.

mod lstm;
mod transformer;

use std::path::Path;

use affetto_core::read_limited;
use affetto_nn::{NnError, Result, weights::TensorFile};

use super::ModelConfig;

/// The largest configuration that is read, in bytes.
const CONFIG_LIMIT: u64 = 1 << 20;

/// A token with what is known beside it.
#[derive(Clone, Copy, Debug)]
pub struct Fed<'a> {
    /// Its id.
    pub token: u32,
    /// `(F)`.
    pub features: &'a [u32],
    /// Tokens and quarter notes from the beginning.
    pub position: [f32; 2],
}

/// Either network, ready to decode.
#[derive(Debug)]
pub struct Decoder {
    config: ModelConfig,
    network: Network,
}

#[derive(Debug)]
enum Network {
    Transformer(transformer::Decoder),
    Lstm(lstm::Decoder),
}

/// What a network has read so far. A copy is cheap: it shares what it has in common.
#[derive(Clone, Debug)]
pub struct State {
    reader: Reader,
    logits: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Reader {
    Transformer(transformer::State),
    Lstm(lstm::State),
}

impl State {
    /// The score of each next token; empty before the first token is fed.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }
}

impl Decoder {
    /// The network that `config` describes with the parameters in `file`.
    ///
    /// # Errors
    /// Where a tensor is missing, has another shape or is not part of the network.
    pub fn new(config: &ModelConfig, mut file: TensorFile) -> Result<Self> {
        let network = match config {
            ModelConfig::Transformer(config) => {
                Network::Transformer(transformer::Decoder::take(config, &mut file)?)
            }
            ModelConfig::Lstm(config) => Network::Lstm(lstm::Decoder::take(config, &mut file)?),
        };
        if let Some(name) = file.tensors.into_keys().next() {
            return Err(NnError::UnknownTensor { name });
        }
        Ok(Self {
            config: config.clone(),
            network,
        })
    }

    /// From the bytes of `config.json` and of a safetensors file, for example of `include_bytes!`.
    pub fn from_bytes(config: &[u8], weights: &[u8]) -> Result<Self> {
        let config = ModelConfig::from_json(config)?;
        Self::new(&config, TensorFile::from_bytes(weights)?)
    }

    /// From `config.json` and `model.safetensors` in a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let config = read_limited(&folder.join("config.json"), CONFIG_LIMIT)?;
        let config = ModelConfig::from_json(&config)?;
        Self::new(
            &config,
            TensorFile::read(&folder.join("model.safetensors"))?,
        )
    }

    /// The extents of the network.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Reads the conditions of all bars, `(S, C)`, once.
    ///
    /// # Errors
    /// Where there is no bar or an id is outside its vocabulary.
    pub fn start(&self, conditions: &[u32]) -> Result<State> {
        let columns = self.config.vocabularies().conditions.len();
        let bars = conditions.len() / columns.max(1);
        if bars == 0 || bars * columns != conditions.len() {
            return Err(NnError::Config {
                name: "conditions",
                value: format!("{} numbers", conditions.len()),
                permitted: "at least one bar with a number for each column",
            });
        }
        let reader = match &self.network {
            Network::Transformer(network) => Reader::Transformer(network.start(conditions, bars)?),
            Network::Lstm(network) => Reader::Lstm(network.start(conditions, bars)?),
        };
        Ok(State {
            reader,
            logits: Vec::new(),
        })
    }

    /// Reads one more token and gives the score of each next one.
    ///
    /// # Errors
    /// Where an id is outside its vocabulary or the state is that of another network.
    pub fn step<'a>(&self, state: &'a mut State, fed: Fed) -> Result<&'a [f32]> {
        state.logits = match (&self.network, &mut state.reader) {
            (Network::Transformer(network), Reader::Transformer(state)) => {
                network.step(state, fed)?
            }
            (Network::Lstm(network), Reader::Lstm(state)) => network.step(state, fed)?,
            _ => return Err(foreign_state()),
        };
        Ok(&state.logits)
    }

    /// For each of `candidates` the scores of the token after it, while `state` stays as it is.
    ///
    /// # Errors
    /// As for [`Decoder::step`].
    pub fn score(&self, state: &State, candidates: &[Fed]) -> Result<Vec<Vec<f32>>> {
        let logits = match (&self.network, &state.reader) {
            (Network::Transformer(network), Reader::Transformer(state)) => {
                network.score(state, candidates)?
            }
            (Network::Lstm(network), Reader::Lstm(state)) => network.score(state, candidates)?,
            _ => return Err(foreign_state()),
        };
        let rows = logits.chunks_exact(self.config.vocabularies().tokens);
        Ok(rows.map(<[f32]>::to_vec).collect())
    }

    /// Reads one more token into each of `states`, as [`Decoder::step`], at once.
    ///
    /// # Errors
    /// As for [`Decoder::step`], and where there are not as many tokens as states.
    pub fn step_all(&self, states: &mut [State], fed: &[Fed]) -> Result<()> {
        if states.len() != fed.len() {
            return Err(NnError::Config {
                name: "tokens fed",
                value: fed.len().to_string(),
                permitted: "one for each state",
            });
        }
        let tokens = self.config.vocabularies().tokens;
        let logits = match &self.network {
            Network::Transformer(network) => {
                let mut readers: Vec<_> =
                    states.iter_mut().filter_map(State::transformer).collect();
                network.step_all(&mut readers, fed)?
            }
            Network::Lstm(network) => {
                let mut readers: Vec<_> = states.iter_mut().filter_map(State::lstm).collect();
                network.step_all(&mut readers, fed)?
            }
        };
        for (state, logits) in states.iter_mut().zip(logits.chunks_exact(tokens)) {
            state.logits = logits.to_vec();
        }
        Ok(())
    }
}

impl State {
    fn transformer(&mut self) -> Option<&mut transformer::State> {
        match &mut self.reader {
            Reader::Transformer(state) => Some(state),
            Reader::Lstm(_) => None,
        }
    }

    fn lstm(&mut self) -> Option<&mut lstm::State> {
        match &mut self.reader {
            Reader::Lstm(state) => Some(state),
            Reader::Transformer(_) => None,
        }
    }
}

fn foreign_state() -> NnError {
    NnError::Config {
        name: "state",
        value: "that of another network".into(),
        permitted: "one that this network started",
    }
}

/// The ids of all tokens fed and of their features, one after the other.
fn columns(fed: &[Fed]) -> (Vec<u32>, Vec<u32>) {
    let tokens = fed.iter().map(|fed| fed.token).collect();
    let features = fed.iter().flat_map(|fed| fed.features.to_vec()).collect();
    (tokens, features)
}
