//! Published weights: which names they go by, which shapes they must have, and reading them.

mod alignment;
mod files;
mod names;
mod shapes;

use std::{collections::HashMap, path::Path, sync::Arc};

use affetto_core::{Checksum, sha256_hex};
use candle_core::{
    DType, Device, Tensor,
    quantized::{GgmlDType, QMatMul, QTensor},
};

pub use names::{Network, Spelling};

use crate::{
    Error, Result,
    lora::{Learner, Lora},
    model::Linear,
};
pub(crate) use files::File;
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
    /// What is added to them.
    loras: Arc<[Lora]>,
    /// Whether that is computed beside linear layers even where it could be added to their weights.
    beside: bool,
    learner: Option<Arc<Learner>>,
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
            loras: Arc::new([]),
            beside: false,
            learner: None,
        })
    }

    /// The same weights with what these files add. It is added in `f32` while they are loaded; beside layers that stay in
    /// their blocks it is computed as they run.
    pub fn with_loras(&self, loras: Arc<[Lora]>) -> Self {
        Self {
            loras,
            ..self.clone()
        }
    }

    /// The same, with what files add to linear layers computed beside all of them.
    #[cfg(test)]
    pub(crate) fn with_loras_beside(&self, loras: Arc<[Lora]>) -> Self {
        Self {
            beside: true,
            ..self.with_loras(loras)
        }
    }

    /// The same weights with pairs beside the layers that `learner` is to train.
    pub fn with_learner(&self, learner: Arc<Learner>) -> Self {
        Self {
            learner: Some(learner),
            ..self.clone()
        }
    }

    /// The same weights as other numbers: `f32`, `f16` or `bf16`, or `f64` to compare gradients.
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

    /// The same weights as `f32`, or `f64` where they are, linear layers too.
    pub fn with_f32(&self) -> Self {
        let dtype = match self.dtype {
            DType::F64 => DType::F64,
            _ => DType::F32,
        };
        self.with_dtype(dtype).with_kept(Keep::Floats)
    }

    /// The SHA-256 of all files together.
    ///
    /// # Errors
    /// Where one can no longer be read.
    pub fn sha256(&self) -> Result<String> {
        let mut sums = String::new();
        for file in &self.store.files {
            let checksum = Checksum::of_file(file.path()).map_err(|source| Error::Read {
                path: file.path().into(),
                source,
            })?;
            sums += &checksum.sha256;
        }
        Ok(sha256_hex(sums.as_bytes()))
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
        let mut tensor = self.stored(name, shape)?;
        for lora in self.loras.iter() {
            tensor = lora.merged(name, tensor)?;
        }
        Ok(tensor.to_dtype(self.dtype)?.to_device(&self.device)?)
    }

    /// A tensor as the file has it, on the CPU.
    fn stored(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let (file, name) = self.find(name)?;
        file.check_shape(&name, shape)?;
        let tensor = file.tensor(&name)?.reshape(shape);
        tensor.map_err(|error| file.damaged(&name, &error))
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
        module: &str,
        shape: [usize; 2],
        bias: impl Fn(&Self) -> Result<Tensor>,
    ) -> Result<Linear> {
        let name = format!("{module}.weight");
        let base = self.base(&name, shape, bias)?;
        let mut residuals = Vec::new();
        if self.beside || base.is_quantized() && self.keep == Keep::AsStored {
            for lora in self.loras.iter() {
                residuals.extend(lora.residuals(&name, shape)?);
            }
        }
        let mut residuals = residuals
            .into_iter()
            .map(|residual| residual.to_device(&self.device))
            .collect::<Result<Vec<_>>>()?;
        if let Some(learner) = &self.learner {
            residuals.extend(learner.residual(module, shape)?);
        }
        Ok(base.with_residuals(residuals))
    }

    /// The layer itself.
    fn base(
        &self,
        name: &str,
        shape: [usize; 2],
        bias: impl Fn(&Self) -> Result<Tensor>,
    ) -> Result<Linear> {
        let plain = match self.beside {
            true => self.with_loras(Arc::new([])),
            false => self.clone(),
        };
        let blocks = match self.keep {
            Keep::Floats => None,
            Keep::AsStored => {
                let (file, name) = self.find(name)?;
                file.check_shape(&name, &shape)?;
                file.blocks(&name, &shape, &self.device)?
            }
            Keep::Quantized(kind) if shape[1].is_multiple_of(kind.block_size()) => {
                let weight = plain.with_f32().get(name, &shape)?;
                Some(QTensor::quantize(&weight, kind)?)
            }
            Keep::Quantized(_) => None,
        };
        match blocks {
            Some(blocks) => Ok(Linear::Quantized {
                weight: QMatMul::from_qtensor(blocks)?,
                bias: bias(&self.with_f32())?,
            }),
            None => Ok(Linear::Dense {
                weight: plain.get(name, &shape)?,
                bias: bias(self)?,
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
