//! Opening weight files: safetensors by memory map, whole or in parts, and GGUF.
// A map is unsafe in one respect: the file must not be cut short while it is read. The reader of weights has the file to
// itself, as every program has that maps weights.
#![allow(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use affetto_core::read_limited;
use candle_core::{
    DType, Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        ggml_file::qtensor_from_ggml,
        gguf_file::{Content, TensorInfo, Value},
    },
    safetensors::{Load, MmapedSafetensors},
};
use safetensors::tensor::TensorView;
use serde::Deserialize;

use super::alignment;
use crate::{Error, Result};

/// The largest list of the parts of a model.
const INDEX_BYTES: u64 = 64 << 20;
/// The most files of one model.
const MOST_FILES: usize = 1000;
/// The most extents of a tensor.
const MOST_EXTENTS: usize = 8;
/// The most letters of a file that a message repeats.
const LONGEST_SHOWN: usize = 200;
/// What repackaged files with 8-bit floats call the number that a tensor is multiplied by.
const SCALES: [&str; 2] = ["scale_weight", "weight_scale"];
/// What GGUF files call the shape of a tensor of more extents than they can hold.
const SHAPE_KEY: &str = "comfy.gguf.orig_shape.";

/// An open file.
pub(crate) struct File {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Safetensors {
        map: MmapedSafetensors,
        shapes: HashMap<String, Vec<usize>>,
    },
    Gguf(Content),
}

/// Opens the files at `path`.
pub(super) fn open(path: &Path) -> Result<Vec<File>> {
    let paths = if path.is_dir() {
        in_folder(path)?
    } else if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        parts(path)?
    } else {
        vec![path.to_path_buf()]
    };
    paths.iter().map(|path| File::open(path)).collect()
}

/// The weight files in a folder: those of its index if it has one, else all.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Read {
        path: folder.into(),
        source,
    };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.insert(entry.map_err(failed)?.path());
    }
    let ending = |ending: &str| -> Vec<PathBuf> {
        let named = |path: &&PathBuf| path.to_string_lossy().ends_with(ending);
        names.iter().filter(named).cloned().collect()
    };
    if let Some(index) = ending(".safetensors.index.json").first() {
        return parts(index);
    }
    for kind in [".safetensors", ".gguf"] {
        let found = ending(kind);
        if !found.is_empty() && found.len() <= MOST_FILES {
            return Ok(found);
        }
    }
    Err(Error::NoWeights {
        path: folder.into(),
    })
}

/// Which file of a model in parts has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that an index names. They lie beside it.
fn parts(index: &Path) -> Result<Vec<PathBuf>> {
    let damaged = |reason: String| Error::Damaged {
        path: index.into(),
        reason,
    };
    let bytes = read_limited(index, INDEX_BYTES).map_err(affetto_nn::NnError::from)?;
    let parsed: Index =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    if names.is_empty() || names.len() > MOST_FILES {
        return Err(damaged(format!("it names {} files", names.len())));
    }
    let folder = index.parent().unwrap_or(Path::new(""));
    names
        .iter()
        .map(|name| {
            let plain = Path::new(name)
                .file_name()
                .is_some_and(|last| last == name.as_str());
            let path = folder.join(name);
            if plain && path.is_file() {
                Ok(path)
            } else {
                Err(damaged(format!("{name:?} is no file beside it")))
            }
        })
        .collect()
}

impl File {
    fn open(path: &Path) -> Result<Self> {
        let read = |source| Error::Read {
            path: path.into(),
            source,
        };
        let damaged = |error: candle_core::Error| Error::Damaged {
            path: path.into(),
            reason: reason(&error),
        };
        let file = fs::File::open(path).map_err(read)?;
        let kind = if path
            .extension()
            .is_some_and(|extension| extension == "gguf")
        {
            let refused = |reason: String| Error::Damaged {
                path: path.into(),
                reason,
            };
            if let Some(fault) = alignment::fault(&file) {
                return Err(refused(fault.into()));
            }
            let mut file = BufReader::new(file);
            file.rewind().map_err(read)?;
            let content = Content::read(&mut file).map_err(damaged)?;
            let bytes = fs::metadata(path).map_err(read)?.len();
            if let Some(name) = cut_short(&content, bytes) {
                return Err(refused(format!("{:?} does not lie within it", shown(name))));
            }
            Kind::Gguf(content)
        } else {
            // SAFETY: see the head of this file.
            let map = unsafe { MmapedSafetensors::new(path) }.map_err(damaged)?;
            let tensors = map.tensors().into_iter();
            let shapes = tensors
                .map(|(name, view)| (name, view.shape().to_vec()))
                .collect();
            Kind::Safetensors { map, shapes }
        };
        Ok(Self {
            path: path.into(),
            kind,
        })
    }

    /// Opens a file that must be safetensors.
    pub fn open_safetensors(path: &Path) -> Result<Self> {
        let file = Self::open(path)?;
        match file.kind {
            Kind::Safetensors { .. } => Ok(file),
            Kind::Gguf(_) => Err(Error::Damaged {
                path: path.into(),
                reason: "a GGUF file, where safetensors are read".into(),
            }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its tensors.
    pub fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.kind {
            Kind::Safetensors { shapes, .. } => Box::new(shapes.keys().map(String::as_str)),
            Kind::Gguf(content) => Box::new(content.tensor_infos.keys().map(String::as_str)),
        }
    }

    fn missing(&self, name: &str) -> Error {
        Error::MissingTensor {
            name: name.into(),
            path: self.path.clone(),
        }
    }

    /// A damaged tensor.
    pub fn damaged(&self, name: &str, error: &candle_core::Error) -> Error {
        self.damaged_by(name, &reason(error))
    }

    fn damaged_by(&self, name: &str, reason: &str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            reason: format!("{name}: {reason}"),
        }
    }

    /// The shape of a tensor, that before it was folded to fit where the file says so.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>> {
        match &self.kind {
            Kind::Safetensors { shapes, .. } => {
                shapes.get(name).cloned().ok_or_else(|| self.missing(name))
            }
            Kind::Gguf(content) => {
                if let Some(Value::Array(extents)) =
                    content.metadata.get(&format!("{SHAPE_KEY}{name}"))
                {
                    let extent = |value: &Value| match value {
                        Value::I32(extent) => usize::try_from(*extent).ok(),
                        Value::U32(extent) => usize::try_from(*extent).ok(),
                        Value::I64(extent) => usize::try_from(*extent).ok(),
                        Value::U64(extent) => usize::try_from(*extent).ok(),
                        _ => None,
                    };
                    let shape: Option<Vec<usize>> = extents.iter().map(extent).collect();
                    if let Some(shape) = shape.filter(|_| extents.len() <= MOST_EXTENTS) {
                        return Ok(shape);
                    }
                }
                let info = content.tensor_infos.get(name);
                let info = info.ok_or_else(|| self.missing(name))?;
                Ok(info.shape.dims().to_vec())
            }
        }
    }

    /// Compares a shape before anything of the tensor is read. A GGUF file holds at most four extents and may have folded
    /// or left out some, so there the numbers are counted.
    pub fn check_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        let found = self.shape(name)?;
        let count = |shape: &[usize]| {
            let product = |count: usize, extent: &usize| count.checked_mul(*extent);
            shape.iter().try_fold(1usize, product)
        };
        let fits = match &self.kind {
            Kind::Safetensors { .. } => found == expected,
            Kind::Gguf(content) => {
                let stored = content.tensor_infos.get(name);
                let stored = stored.and_then(|info| count(info.shape.dims()));
                stored.is_some() && stored == count(expected) && count(&found) == count(expected)
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::Misshapen {
            name: name.into(),
            expected: expected.to_vec(),
            found,
            path: self.path.clone(),
        })
    }

    /// A tensor as floats on the CPU.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let damaged = |error: candle_core::Error| self.damaged(name, &error);
        match &self.kind {
            Kind::Safetensors { map, shapes } => {
                let tensor = map.load(name, &Device::Cpu).map_err(damaged)?;
                scaled(map, shapes, name, tensor).map_err(damaged)
            }
            Kind::Gguf(content) => {
                let tensor = self.stored_blocks(content, name, &Device::Cpu)?;
                tensor.dequantize(&Device::Cpu).map_err(damaged)
            }
        }
    }

    /// Some rows of a matrix as floats on the CPU; nothing else of it is read.
    pub fn rows(&self, name: &str, [count, width]: [usize; 2], rows: &[u32]) -> Result<Tensor> {
        if rows.iter().any(|row| *row as usize >= count) {
            return Err(self.damaged_by(name, "a row past its last is asked for"));
        }
        if width == 0 {
            return Err(self.damaged_by(name, "its rows are empty"));
        }
        let damaged = |error: candle_core::Error| self.damaged(name, &error);
        match &self.kind {
            Kind::Safetensors { map, shapes } => {
                let view = map.get(name).map_err(damaged)?;
                let row_bytes = view.data().len() / count.max(1);
                let row = |row: &u32| &view.data()[*row as usize * row_bytes..][..row_bytes];
                let bytes: Vec<u8> = rows.iter().flat_map(row).copied().collect();
                let part = TensorView::new(view.dtype(), vec![rows.len(), width], &bytes);
                let part = part.map_err(|error| self.damaged_by(name, &error.to_string()))?;
                let tensor = part.load(&Device::Cpu).map_err(damaged)?;
                scaled(map, shapes, name, tensor).map_err(damaged)
            }
            Kind::Gguf(content) => {
                let info = content.tensor_infos.get(name);
                let info = info.ok_or_else(|| self.missing(name))?;
                let kind = info.ggml_dtype;
                if !width.is_multiple_of(kind.block_size()) {
                    let ids = Tensor::new(rows, &Device::Cpu).map_err(damaged)?;
                    let whole = self.tensor(name)?;
                    return whole.index_select(&ids, 0).map_err(damaged);
                }
                let row_bytes = width / kind.block_size() * kind.type_size();
                let start = content.tensor_data_offset + info.offset;
                let mut bytes = vec![0; rows.len() * row_bytes];
                let mut file = self.reader()?;
                for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(row_bytes)) {
                    let place = start + u64::from(*row) * row_bytes as u64;
                    let read = file.seek(SeekFrom::Start(place));
                    read.and_then(|_| file.read_exact(bytes))
                        .map_err(|error| self.damaged_by(name, &error.to_string()))?;
                }
                let dims = vec![rows.len(), width];
                qtensor_from_ggml(kind, &bytes, dims, &Device::Cpu)
                    .and_then(|tensor| tensor.dequantize(&Device::Cpu))
                    .map_err(damaged)
            }
        }
    }

    /// Bytes of a tensor whose numbers are in blocks.
    pub fn block_bytes(&self, name: &str) -> Option<u64> {
        let Kind::Gguf(content) = &self.kind else {
            return None;
        };
        let info = content.tensor_infos.get(name)?;
        let kind = info.ggml_dtype;
        let blocks = info.shape.elem_count() / kind.block_size();
        (kind.block_size() > 1).then(|| (blocks * kind.type_size()) as u64)
    }

    /// A matrix in the blocks in which the file has it; none where it has floats.
    pub fn blocks(&self, name: &str, shape: &[usize], device: &Device) -> Result<Option<QTensor>> {
        let Kind::Gguf(content) = &self.kind else {
            return Ok(None);
        };
        let info = content.tensor_infos.get(name);
        let info = info.ok_or_else(|| self.missing(name))?;
        let floats = [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16];
        if floats.contains(&info.ggml_dtype) || info.shape.dims() != shape {
            return Ok(None);
        }
        self.stored_blocks(content, name, device).map(Some)
    }

    fn stored_blocks(&self, content: &Content, name: &str, device: &Device) -> Result<QTensor> {
        let info = content.tensor_infos.get(name);
        // The crate makes a slice of the blocks, which bytes that are none do not stand right for.
        if info.is_some_and(|info| info.shape.elem_count() == 0) {
            return Err(self.damaged_by(name, "it has no numbers"));
        }
        content
            .tensor(&mut self.reader()?, name, device)
            .map_err(|error| self.damaged(name, &error))
    }

    fn reader(&self) -> Result<BufReader<fs::File>> {
        let file = fs::File::open(&self.path).map_err(|source| Error::Read {
            path: self.path.clone(),
            source,
        })?;
        Ok(BufReader::new(file))
    }
}

/// A tensor that ends after the last of `bytes`.
fn cut_short(content: &Content, bytes: u64) -> Option<&str> {
    let fits = |info: &TensorInfo| {
        let product = |count: u64, extent: &usize| count.checked_mul(*extent as u64);
        let count = info.shape.dims().iter().try_fold(1, product)?;
        let kind = info.ggml_dtype;
        let size = (count / kind.block_size() as u64).checked_mul(kind.type_size() as u64)?;
        let start = content.tensor_data_offset.checked_add(info.offset)?;
        (start.checked_add(size)? <= bytes).then_some(())
    };
    let mut tensors = content.tensor_infos.iter();
    let (name, _) = tensors.find(|(_, info)| fits(info).is_none())?;
    Some(name)
}

/// A tensor of a safetensors file as floats that mean what they say: one of 8-bit floats is multiplied by the scale beside
/// it.
fn scaled(
    map: &MmapedSafetensors,
    shapes: &HashMap<String, Vec<usize>>,
    name: &str,
    tensor: Tensor,
) -> candle_core::Result<Tensor> {
    if tensor.dtype() != DType::F8E4M3 {
        return Ok(tensor);
    }
    let tensor = tensor.to_dtype(DType::F32)?;
    let scales = SCALES.iter().filter_map(|scale| {
        let base = name.strip_suffix("weight")?;
        Some(format!("{base}{scale}"))
    });
    let Some(scale) = scales.into_iter().find(|scale| shapes.contains_key(scale)) else {
        return Ok(tensor);
    };
    let scale = map.load(&scale, &Device::Cpu)?.to_dtype(DType::F32)?;
    let scale = scale.flatten_all()?.get(0)?.to_scalar::<f32>()?;
    tensor.affine(f64::from(scale), 0.0)
}

/// The first line of a message; candle adds where it arose.
fn reason(error: &candle_core::Error) -> String {
    let text = error.to_string();
    shown(text.lines().next().unwrap_or_default())
}

/// The beginning of a text that may be the file's.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}
