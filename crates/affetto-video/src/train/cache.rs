//! Latents and states of texts, made once and kept by what they are made of.

use std::path::{Path, PathBuf};

use affetto_core::sha256_hex;
use affetto_nn::weights::{HostTensor, Precision, TensorFile};
use candle_core::{Device, Tensor};

use crate::{Error, Result};

/// The name of the tensor in a file.
const NUMBERS: &str = "numbers";

/// A folder of tensors.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// A tensor in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    path: PathBuf,
}

impl Cache {
    /// A folder, which is made where there is none.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|source| Error::Write {
            path: folder.into(),
            source,
        })?;
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// The place of what is made of these parts.
    pub fn place(&self, kind: &str, parts: &[&str]) -> Kept {
        let mut text = kind.to_owned();
        for part in parts {
            // Their lengths, so that no two lists of parts read alike.
            text += &format!("\n{} {part}", part.len());
        }
        let name = format!("{kind}-{}.safetensors", sha256_hex(text.as_bytes()));
        Kept {
            path: self.folder.join(name),
        }
    }
}

impl Kept {
    /// Where it is or is to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a whole file stands there. A damaged one is made anew.
    pub fn is_there(&self) -> bool {
        self.path.is_file() && self.read(&Device::Cpu).is_ok()
    }

    /// Writes a tensor, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, tensor: &Tensor) -> Result<()> {
        let mut file = TensorFile::default();
        let tensor = HostTensor {
            shape: tensor.dims().to_vec(),
            numbers: tensor.flatten_all()?.to_vec1()?,
        };
        file.tensors.insert(NUMBERS.into(), tensor);
        file.write(&self.path, Precision::F32)?;
        Ok(())
    }

    /// The tensor.
    ///
    /// # Errors
    /// Where the file is missing or damaged.
    pub fn read(&self, device: &Device) -> Result<Tensor> {
        let mut file = TensorFile::read(&self.path)?;
        let tensor = file.tensors.remove(NUMBERS);
        let tensor = tensor.ok_or_else(|| Error::MissingTensor {
            name: NUMBERS.into(),
            path: self.path.clone(),
        })?;
        Ok(Tensor::from_vec(
            tensor.numbers,
            tensor.shape.as_slice(),
            device,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_all_of_its_parts() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(&folder.path().join("new")).unwrap();
        let place = cache.place("text", &["a fox", "encoder"]);
        assert!(!place.is_there());
        let tensor = Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu).unwrap();
        place.write(&tensor).unwrap();
        assert!(place.is_there());
        let read = place.read(&Device::Cpu).unwrap();
        assert_eq!(read.to_vec2::<f32>().unwrap(), [[1.0, 2.0, 3.0]]);
        for (kind, parts) in [
            ("text", &["a fo", "xencoder"][..]),
            ("text", &["a fox"]),
            ("latent", &["a fox", "encoder"]),
        ] {
            assert!(!cache.place(kind, parts).is_there());
        }
        std::fs::write(&place.path, b"cut").unwrap();
        assert!(!place.is_there());
    }
}
