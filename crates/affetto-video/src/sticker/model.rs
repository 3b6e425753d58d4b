//! The model in memory, read from its files.

use std::path::Path;

use affetto_core::read_limited;
use affetto_nn::weights::{TensorFile, Weights};
use candle_core::Device;

use super::{
    network::{Config, Network},
    statistics::Statistics,
};
use crate::Result;

/// The largest file of a model.
const MOST_BYTES: u64 = 256 << 20;

/// What a model is made of.
pub struct Saved {
    /// The extents of the network.
    pub config: Config,
    /// What is usual, and the judge.
    pub statistics: Statistics,
    /// The weights.
    pub weights: TensorFile,
}

/// A trained network and what is known of the clips that it learned from.
pub struct StickerModel {
    network: Network,
    statistics: Statistics,
}

impl StickerModel {
    /// From what it is made of.
    ///
    /// # Errors
    /// Where extents do not fit each other or a tensor is missing.
    pub fn of(saved: Saved) -> Result<Self> {
        saved.statistics.check()?;
        let weights = Weights::loaded(saved.weights, &Device::Cpu);
        Ok(Self {
            network: Network::new(&saved.config, &saved.statistics.scales, &weights.root())?,
            statistics: saved.statistics,
        })
    }

    /// From the bytes of `config.json`, `statistics.json` and `model.safetensors`.
    ///
    /// # Errors
    /// Where one of them is not what its name says, or they are not of one model.
    pub fn from_files(config: &[u8], statistics: &[u8], weights: &[u8]) -> Result<Self> {
        Self::of(Saved {
            config: serde_json::from_slice(config)?,
            statistics: serde_json::from_slice(statistics)?,
            weights: TensorFile::from_bytes(weights)?,
        })
    }

    /// From the files in a folder.
    ///
    /// # Errors
    /// As [`Self::from_files`]; where a file is missing or too large.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| read_limited(&folder.join(name), MOST_BYTES);
        Self::from_files(
            &file("config.json")?,
            &file("statistics.json")?,
            &file("model.safetensors")?,
        )
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The extents of the network.
    pub fn config(&self) -> &Config {
        self.network.config()
    }

    /// What is known of the clips.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}
