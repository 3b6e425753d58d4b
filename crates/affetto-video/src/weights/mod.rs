//! Published weights: which names they go by, which shapes they must have, and reading them.

mod files;
mod names;
mod shapes;

use std::{collections::HashMap, path::Path, sync::Arc};

use candle_core::{
    DType, Device, Tensor,
    quantized::{GgmlDType, QMatMul, QTensor},
};

pub use names::{Network, Spelling};

use crate::{Error, Result, model::Linear};
use files::File;
pub(crate) use shapes::VaeBlock;

/// How linear layers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// As floats.
    #[default]
    Floats,
    /// As the file has them: those of a GGUF file stay in their blocks.
    AsStored,
    /// In blocks of this kind, whatever the file has. Layers of a width that blocks do not divide stay floats.
    Quantized(GgmlDType),
}

/// The tensors of one network, read when they are asked for, under the names that diffusers and transformers use.
#[derive(Clone)]
pub struct Weights {
    store: Arc<Store>,
    device: Device,
    dtype: DType,
    keep: Keep,
}

struct Store {
    network: Network,
    spelling: Spelling,
    /// What stands before every name.
    prefix: &'static str,
    path: std::path::PathBuf,
    files: Vec<File>,
    /// Which file has a tensor.
    index: HashMap<String, usize>,
}

impl Weights {
    /// Opens a `.safetensors` or `.gguf` file, a `.safetensors.index.json` with the files that it names, or a folder of
    /// such files, and finds out how its names are spelled. No tensor is read. Weights are `f32` until
    /// [`Self::with_dtype`].
    ///
    /// # Errors
    /// Where a file is missing or damaged, or has the weights of another network.
    pub fn open(path: &Path, network: Network, device: &Device) -> Result<Self> {
        let files = files::open(path)?;
        let mut index = HashMap::new();
        for (at, file) in files.iter().enumerate() {
            for name in file.names() {
                index.entry(name.to_string()).or_insert(at);
            }
        }
        let has = |name: &str| index.contains_key(name);
        let Some((spelling, prefix)) = network.detect(has) else {
            return Err(Error::OtherNetwork {
                network: network.name(),
                path: path.into(),
            });
        };
        Ok(Self {
            store: Arc::new(Store {
                network,
                spelling,
                prefix,
                path: path.into(),
                files,
                index,
            }),
            device: device.clone(),
            dtype: DType::F32,
            keep: Keep::default(),
        })
    }

    /// The same weights as other numbers: `f32`, `f16` or `bf16`.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        Self {
            dtype,
            ..self.clone()
        }
    }

    /// The same weights with linear layers kept in another way.
    pub fn with_kept(&self, keep: Keep) -> Self {
        Self {
            keep,
            ..self.clone()
        }
    }

    /// The same weights as `f32`, linear layers too.
    pub fn with_f32(&self) -> Self {
        self.with_dtype(DType::F32).with_kept(Keep::Floats)
    }

    /// The files.
    pub fn paths(&self) -> Vec<std::path::PathBuf> {
        let files = self.store.files.iter();
        files.map(|file| file.path().to_path_buf()).collect()
    }

    /// Whether a tensor is there and of this shape; nothing of it is read.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let (file, name) = self.find(name)?;
        file.check_shape(&name, shape)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// Where it is missing.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let (file, name) = self.find(name)?;
        file.shape(&name)
    }

    /// How the names are spelled.
    pub fn spelling(&self) -> Spelling {
        self.store.spelling
    }

    /// Where the tensors are put.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The file that has a tensor, and its name there.
    fn find(&self, name: &str) -> Result<(&File, String)> {
        let store = &*self.store;
        let spelled = |name| {
            format!(
                "{}{}",
                store.prefix,
                store.network.spell(name, store.spelling)
            )
        };
        let names = std::iter::once(name).chain(store.network.also(name));
        for name in names.map(spelled) {
            if let Some(at) = store.index.get(&name) {
                return Ok((&store.files[*at], name));
            }
        }
        Err(Error::MissingTensor {
            name: spelled(name),
            path: store.path.clone(),
        })
    }

    /// The tensor that the network calls `name`.
    ///
    /// # Errors
    /// Where it is missing, damaged, or of another shape. The shape is compared before anything is read.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let (file, name) = self.find(name)?;
        file.check_shape(&name, shape)?;
        let tensor = file.tensor(&name)?;
        let placed = || {
            tensor
                .to_dtype(self.dtype)?
                .reshape(shape)?
                .to_device(&self.device)
        };
        placed().map_err(|error| file.damaged(&name, &error))
    }

    /// Some rows of a matrix that the network calls `name`, `f32`; only these are read.
    ///
    /// # Errors
    /// Those of [`Self::get`], and where a row is past the last.
    pub fn rows(&self, name: &str, shape: [usize; 2], rows: &[u32]) -> Result<Tensor> {
        let (file, name) = self.find(name)?;
        file.check_shape(&name, &shape)?;
        let tensor = file.rows(&name, shape, rows)?;
        let placed = || tensor.to_dtype(DType::F32)?.to_device(&self.device);
        placed().map_err(|error| file.damaged(&name, &error))
    }

    /// Bytes that the tensors that are listed take in memory.
    pub fn held_bytes(&self, tensors: &[(String, Vec<usize>)]) -> u64 {
        let bytes = |(name, shape): &(String, Vec<usize>)| {
            let floats = shape.iter().product::<usize>() as u64 * self.dtype.size_in_bytes() as u64;
            let stored = match (self.keep, &shape[..]) {
                (Keep::AsStored, [_, _]) if name.ends_with(".weight") => {
                    let found = self.find(name).ok();
                    found.and_then(|(file, name)| file.block_bytes(&name))
                }
                (Keep::Quantized(kind), [out, width])
                    if name.ends_with(".weight") && width.is_multiple_of(kind.block_size()) =>
                {
                    Some((out * width / kind.block_size() * kind.type_size()) as u64)
                }
                _ => None,
            };
            stored.unwrap_or(floats)
        };
        tensors.iter().map(bytes).sum()
    }

    /// The linear layer of which `name` is the beginning of the names, from `width_in` to `width_out`.
    pub fn linear(&self, name: &str, width_in: usize, width_out: usize) -> Result<Linear> {
        let bias = format!("{name}.bias");
        self.layer(name, [width_out, width_in], |weights| {
            weights.get(&bias, &[width_out])
        })
    }

    /// The same for a layer without a bias.
    pub fn linear_no_bias(&self, name: &str, width_in: usize, width_out: usize) -> Result<Linear> {
        self.layer(name, [width_out, width_in], |weights| {
            Ok(Tensor::zeros(width_out, weights.dtype, &weights.device)?)
        })
    }

    fn layer(
        &self,
        name: &str,
        shape: [usize; 2],
        bias: impl Fn(&Self) -> Result<Tensor>,
    ) -> Result<Linear> {
        let name = format!("{name}.weight");
        let dense = || {
            Ok(Linear::Dense {
                weight: self.get(&name, &shape)?,
                bias: bias(self)?,
            })
        };
        let blocks = match self.keep {
            Keep::Floats => None,
            Keep::AsStored => {
                let (file, name) = self.find(&name)?;
                file.check_shape(&name, &shape)?;
                file.blocks(&name, &shape, &self.device)?
            }
            Keep::Quantized(kind) if shape[1].is_multiple_of(kind.block_size()) => {
                let weight = self.with_f32().get(&name, &shape)?;
                Some(QTensor::quantize(&weight, kind)?)
            }
            Keep::Quantized(_) => None,
        };
        match blocks {
            Some(blocks) => Ok(Linear::Quantized {
                weight: QMatMul::from_qtensor(blocks)?,
                bias: bias(&self.with_f32())?,
            }),
            None => dense(),
        }
    }
}

#[cfg(test)]
mod tests;
