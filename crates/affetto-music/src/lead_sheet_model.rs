use affetto_attributes::features::feature_names;
use affetto_core::Progress;
use affetto_nn::weights::TensorFile;

use crate::{
    Error,
    compose::{Composition, Sources, compose},
    condition::LeadSheetRequest,
    model::{Decoder, ModelConfig},
    statistics::Statistics,
    train::vocabularies,
};

/// A trained network with the statistics of its songs, ready to compose.
pub struct LeadSheetModel {
    network: Decoder,
    statistics: Statistics,
}

impl LeadSheetModel {
    /// From the contents of `config.json`, `model.safetensors` and `statistics.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] for what is no configuration or statistics, [`Error::Vocabulary`] for a network of other words
    /// or a critic of other features, [`Error::Weights`] for missing or misshapen tensors.
    pub fn from_bytes(config: &[u8], weights: &[u8], statistics: &[u8]) -> Result<Self, Error> {
        let json = |what| move |source| Error::Json { what, source };
        let config: ModelConfig = serde_json::from_slice(config).map_err(json("config.json"))?;
        if *config.vocabularies() != vocabularies() {
            return Err(Error::Vocabulary);
        }
        let statistics: Statistics =
            serde_json::from_slice(statistics).map_err(json("statistics.json"))?;
        let critic = statistics.critic.as_ref();
        if critic.is_some_and(|critic| !critic.hears(&feature_names())) {
            return Err(Error::Vocabulary);
        }
        Ok(Self {
            network: Decoder::new(&config, TensorFile::from_bytes(weights)?)?,
            statistics,
        })
    }

    /// Writes the lead sheet that `request` asks for.
    pub fn compose_with(
        &self,
        request: &LeadSheetRequest,
        sources: &Sources,
        progress: &dyn Progress,
    ) -> Result<Composition, Error> {
        compose(request, sources, &self.network, &self.statistics, progress)
    }

    /// The network.
    pub const fn network(&self) -> &Decoder {
        &self.network
    }

    /// How valence and density move in the training songs.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}
