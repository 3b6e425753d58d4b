//! Named parameters: drawn from a seed, or read from safetensors.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use affetto_core::{Seed, read_limited, sha256_hex, write_atomic};
use candle_core::{Device, Tensor, Var};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, View, tensor::TensorView};

use crate::NnError;

/// The largest weight file that is read.
const LIMIT_BYTES: u64 = 8 << 30;
/// What the name of the scales of an `i8` tensor adds to the tensor's.
const SCALE: &str = ".scale";

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: exact, for checkpoints.
    F32,
    /// 16-bit floats.
    F16,
    /// Matrices as 8-bit integers with one `f32` scale per row, everything else as 16-bit floats.
    Q8,
}

/// A tensor in this machine's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order.
    pub numbers: Vec<f32>,
}

/// What a weight file holds: tensors by name and one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// The tensors.
    pub tensors: BTreeMap<String, HostTensor>,
    /// What the file says of itself, for example the state of a training as JSON.
    pub text: Option<String>,
}

impl TensorFile {
    /// Reads safetensors bytes, for example from `include_bytes!`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NnError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let text = header
            .metadata()
            .as_ref()
            .and_then(|texts| texts.get("affetto").cloned());
        let file = SafeTensors::deserialize(bytes)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let scales_of = name.strip_suffix(SCALE);
            let is_scale = scales_of.is_some_and(|of| {
                file.tensor(of)
                    .is_ok_and(|tensor| tensor.dtype() == Dtype::I8)
            });
            if !is_scale {
                tensors.insert(name.to_string(), host_tensor(&file, name, &view)?);
            }
        }
        Ok(Self { tensors, text })
    }

    /// Reads a safetensors file.
    pub fn read(path: &Path) -> Result<Self, NnError> {
        Self::from_bytes(&Self::read_bytes(path)?)
    }

    pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, NnError> {
        Ok(read_limited(path, LIMIT_BYTES)?)
    }

    /// The bytes of a safetensors file; the same content gives the same bytes.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, NnError> {
        let mut stored = Vec::new();
        for (name, tensor) in &self.tensors {
            match (precision, tensor.shape.len()) {
                (Precision::F32, _) => stored.push((name.clone(), Stored::f32(tensor))),
                (Precision::Q8, 2) => {
                    let (integers, scales) = Stored::q8(tensor);
                    stored.push((name.clone(), integers));
                    stored.push((format!("{name}{SCALE}"), scales));
                }
                _ => stored.push((name.clone(), Stored::f16(tensor))),
            }
        }
        let text = self
            .text
            .clone()
            .map(|text| HashMap::from([("affetto".to_string(), text)]));
        Ok(safetensors::serialize(stored, text)?)
    }

    /// Writes a safetensors file, whole or not at all, and returns its SHA-256.
    pub fn write(&self, path: &Path, precision: Precision) -> Result<String, NnError> {
        let bytes = self.to_bytes(precision)?;
        write_atomic(path, &bytes).map_err(|source| NnError::Write {
            path: path.into(),
            source,
        })?;
        Ok(sha256_hex(&bytes))
    }

    /// Takes out the tensor called `name`, which must have this shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, NnError> {
        let tensor = self.tensors.remove(name).ok_or(NnError::MissingTensor {
            name: name.to_string(),
        })?;
        check_shape(name, shape, &tensor.shape)?;
        Ok(tensor.numbers)
    }

    /// How many numbers all tensors hold.
    pub fn count(&self) -> usize {
        self.tensors.values().map(|t| t.numbers.len()).sum()
    }
}

fn check_shape(name: &str, expected: &[usize], found: &[usize]) -> Result<(), NnError> {
    if expected == found {
        return Ok(());
    }
    Err(NnError::Misshapen {
        name: name.to_string(),
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}

fn host_tensor(file: &SafeTensors, name: &str, view: &TensorView) -> Result<HostTensor, NnError> {
    let numbers = match view.dtype() {
        Dtype::F32 => numbers_of(view.data(), f32::from_le_bytes),
        Dtype::F16 => numbers_of(view.data(), |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers_of(view.data(), |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Dtype::I8 => scaled_integers(file, name, view)?,
        other => {
            return Err(NnError::UnknownNumbers {
                name: name.to_string(),
                dtype: format!("{other:?}"),
            });
        }
    };
    Ok(HostTensor {
        shape: view.shape().to_vec(),
        numbers,
    })
}

fn numbers_of<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (chunks, _) = data.as_chunks::<N>();
    chunks.iter().map(|bytes| number(*bytes)).collect()
}

fn scaled_integers(file: &SafeTensors, name: &str, view: &TensorView) -> Result<Vec<f32>, NnError> {
    let scale_name = format!("{name}{SCALE}");
    let missing = |_| NnError::MissingTensor {
        name: scale_name.clone(),
    };
    let scales = file.tensor(&scale_name).map_err(missing)?;
    let rows = view.shape().first().copied().unwrap_or(0);
    check_shape(&scale_name, &[rows], scales.shape())?;
    if scales.dtype() != Dtype::F32 {
        return Err(NnError::UnknownNumbers {
            name: scale_name,
            dtype: format!("{:?}", scales.dtype()),
        });
    }
    let scales = numbers_of(scales.data(), f32::from_le_bytes);
    let width = view.data().len() / rows.max(1);
    let rows = view.data().chunks(width.max(1)).zip(scales);
    Ok(rows
        .flat_map(|(row, scale)| row.iter().map(move |byte| f32::from(*byte as i8) * scale))
        .collect())
}

/// A tensor as it stands in a file.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn f32(tensor: &HostTensor) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: tensor.shape.clone(),
            bytes: tensor
                .numbers
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect(),
        }
    }

    fn f16(tensor: &HostTensor) -> Self {
        let bytes = tensor
            .numbers
            .iter()
            .flat_map(|x| f16::from_f32(*x).to_le_bytes());
        Self {
            dtype: Dtype::F16,
            shape: tensor.shape.clone(),
            bytes: bytes.collect(),
        }
    }

    /// Integers between -127 and 127, and what to multiply those of each row by.
    fn q8(tensor: &HostTensor) -> (Self, Self) {
        let (rows, width) = (tensor.shape[0], tensor.shape[1]);
        let (mut bytes, mut scales) = (Vec::new(), Vec::new());
        for row in tensor.numbers.chunks(width.max(1)) {
            let largest = row.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            scales.push(scale);
            bytes.extend(row.iter().map(|x| (x / scale).round() as i8 as u8));
        }
        let scales = HostTensor {
            shape: vec![rows],
            numbers: scales,
        };
        let integers = Self {
            dtype: Dtype::I8,
            shape: tensor.shape.clone(),
            bytes,
        };
        (integers, Self::f32(&scales))
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// What a parameter is before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// A matrix, evenly distributed around 0 with this standard deviation. It loses weight.
    Matrix {
        /// The standard deviation.
        deviation: f64,
    },
    /// The same for the rows of an embedding, which do not lose weight.
    Embedding {
        /// The standard deviation.
        deviation: f64,
    },
    /// One number everywhere: biases and gains, which do not lose weight.
    Constant(
        /// The number.
        f32,
    ),
    /// The biases of the four gates of an LSTM: 1 for the forget gate, so that it remembers at first
    /// (Jozefowicz, Zaremba and Sutskever, 2015, section 4), 0 for the others.
    Gates,
}

impl Init {
    /// An even distribution, because it needs no logarithm: the same bits on every machine.
    fn numbers(self, seed: Seed, count: usize) -> Vec<f32> {
        match self {
            Self::Constant(number) => vec![number; count],
            Self::Gates => {
                let is_forget = |index| index * 4 / count.max(1) == 1;
                (0..count)
                    .map(|index| f32::from(u8::from(is_forget(index))))
                    .collect()
            }
            Self::Matrix { deviation } | Self::Embedding { deviation } => {
                let mut rng = seed.rng();
                let bound = deviation * 3f64.sqrt();
                (0..count)
                    .map(|_| ((rng.uniform() * 2.0 - 1.0) * bound) as f32)
                    .collect()
            }
        }
    }
}

/// A trainable tensor.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its numbers.
    pub var: Var,
    /// Whether the optimiser's weight decay applies.
    pub decays: bool,
}

enum Source {
    Drawn(Seed),
    Loaded(TensorFile),
}

/// The parameters of a model by name. A model's `new` asks for each through a [`Scope`].
pub struct Weights {
    device: Device,
    source: Source,
    parameters: Mutex<BTreeMap<String, Parameter>>,
}

impl Weights {
    /// Parameters drawn from `seed` and their own names.
    pub fn drawn(seed: Seed, device: &Device) -> Self {
        Self::new(Source::Drawn(seed), device)
    }

    /// Parameters read from a file.
    pub fn loaded(file: TensorFile, device: &Device) -> Self {
        Self::new(Source::Loaded(file), device)
    }

    fn new(source: Source, device: &Device) -> Self {
        Self {
            device: device.clone(),
            source,
            parameters: Mutex::default(),
        }
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The scope without a name.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            weights: self,
            path: String::new(),
        }
    }

    /// The parameters in the order of their names.
    pub fn parameters(&self) -> Vec<(String, Parameter)> {
        let parameters = self.lock();
        parameters
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }

    /// How many numbers the parameters hold.
    pub fn count(&self) -> usize {
        self.lock().values().map(|p| p.var.elem_count()).sum()
    }

    /// A copy of all parameters.
    pub fn export(&self) -> Result<TensorFile, NnError> {
        let mut file = TensorFile::default();
        for (name, parameter) in self.parameters() {
            let tensor = HostTensor {
                shape: parameter.var.dims().to_vec(),
                numbers: parameter.var.flatten_all()?.to_vec1()?,
            };
            file.tensors.insert(name, tensor);
        }
        Ok(file)
    }

    /// Sets every parameter to its tensor in `file`.
    pub fn import(&self, file: &TensorFile) -> Result<(), NnError> {
        for (name, parameter) in self.parameters() {
            let Some(tensor) = file.tensors.get(&name) else {
                return Err(NnError::MissingTensor { name });
            };
            check_shape(&name, parameter.var.dims(), &tensor.shape)?;
            let shape = tensor.shape.as_slice();
            let value = Tensor::from_slice(&tensor.numbers, shape, &self.device)?;
            parameter.var.set(&value)?;
        }
        Ok(())
    }

    /// Sets the parameters that `file` has, to begin training from it. Where a table of embeddings has grown since,
    /// its first rows are those of the file and the new ones are 0, so that at first they change nothing. What the
    /// file does not have stays as it was drawn.
    ///
    /// # Errors
    /// Where a tensor has another shape in any other way, or the file has none of the parameters.
    pub fn begin_from(&self, file: &TensorFile) -> Result<(), NnError> {
        let parameters = self.parameters();
        let known = |(name, _): &(String, Parameter)| file.tensors.contains_key(name);
        if let Some((name, _)) = parameters.first()
            && !parameters.iter().any(known)
        {
            return Err(NnError::MissingTensor { name: name.clone() });
        }
        for (name, parameter) in parameters {
            let Some(tensor) = file.tensors.get(&name) else {
                continue;
            };
            let shape = parameter.var.dims();
            let grown = shape.len() == 2
                && shape[1..] == tensor.shape[1..]
                && shape.first() > tensor.shape.first();
            if !grown {
                check_shape(&name, shape, &tensor.shape)?;
            }
            let mut numbers = tensor.numbers.clone();
            numbers.resize(shape.iter().product(), 0.0);
            let value = Tensor::from_vec(numbers, shape, &self.device)?;
            parameter.var.set(&value)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, name: &str, shape: &[usize], init: Init) -> Result<Parameter, NnError> {
        let value = match &self.source {
            Source::Drawn(seed) => {
                let numbers = init.numbers(seed.derive(name), shape.iter().product());
                Tensor::from_vec(numbers, shape, &self.device)?
            }
            Source::Loaded(file) => {
                let Some(tensor) = file.tensors.get(name) else {
                    return Err(NnError::MissingTensor { name: name.into() });
                };
                check_shape(name, shape, &tensor.shape)?;
                Tensor::from_slice(&tensor.numbers, shape, &self.device)?
            }
        };
        Ok(Parameter {
            var: Var::from_tensor(&value)?,
            decays: matches!(init, Init::Matrix { .. }),
        })
    }
}

/// A part of the names: `encoder.0.attention`.
#[derive(Clone)]
pub struct Scope<'a> {
    weights: &'a Weights,
    path: String,
}

impl<'a> Scope<'a> {
    /// The scope below this one.
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        Self {
            weights: self.weights,
            path: self.name(name),
        }
    }

    /// The whole name of this scope.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The parameter called `name`; asking twice gives the same one.
    pub fn get(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor, NnError> {
        let name = self.name(name);
        if let Some(parameter) = self.weights.lock().get(&name) {
            check_shape(&name, shape, parameter.var.dims())?;
            return Ok(parameter.var.as_tensor().clone());
        }
        let parameter = self.weights.make(&name, shape, init)?;
        let tensor = parameter.var.as_tensor().clone();
        self.weights.lock().insert(name, parameter);
        Ok(tensor)
    }

    fn name(&self, name: impl std::fmt::Display) -> String {
        if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MATRIX: Init = Init::Matrix { deviation: 0.5 };

    fn weights() -> Weights {
        let weights = Weights::drawn(Seed(3), &Device::Cpu);
        let layer = weights.root().child("layer").child(0);
        layer.get("weight", &[3, 40], MATRIX).unwrap();
        layer.get("bias", &[3], Init::Constant(0.25)).unwrap();
        weights
    }

    #[test]
    fn f32_round_trips_exactly_and_bytes_are_the_same_each_time() {
        let file = TensorFile {
            text: Some("{\"step\":3}".into()),
            ..weights().export().unwrap()
        };
        let bytes = file.to_bytes(Precision::F32).unwrap();
        assert_eq!(bytes, file.to_bytes(Precision::F32).unwrap());
        assert_eq!(TensorFile::from_bytes(&bytes).unwrap(), file);
        assert_eq!(file.count(), 123);
    }

    #[test]
    fn smaller_kinds_are_near() {
        let file = weights().export().unwrap();
        for (precision, tolerance) in [(Precision::F16, 5e-4), (Precision::Q8, 4e-3)] {
            let bytes = file.to_bytes(precision).unwrap();
            let back = TensorFile::from_bytes(&bytes).unwrap();
            assert_eq!(back.tensors.len(), 2);
            for (name, tensor) in &file.tensors {
                let pairs = tensor.numbers.iter().zip(&back.tensors[name].numbers);
                for (a, b) in pairs {
                    assert!((a - b).abs() <= tolerance, "{precision:?} {name}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn drawn_numbers_depend_on_the_name_alone_and_have_the_deviation() {
        let weights = Weights::drawn(Seed(3), &Device::Cpu);
        let draw = |name: &str| -> Vec<f32> {
            let tensor = weights.root().get(name, &[40_000], MATRIX).unwrap();
            tensor.to_vec1().unwrap()
        };
        let (a, b) = (draw("a"), draw("b"));
        assert_ne!(a, b);
        let deviation = (a.iter().map(|x| x * x).sum::<f32>() / 40_000.0).sqrt();
        assert!((deviation - 0.5).abs() < 0.005, "{deviation}");
    }

    #[test]
    fn missing_and_misshapen_tensors_are_named() {
        let file = weights().export().unwrap();
        let loaded = Weights::loaded(file.clone(), &Device::Cpu);
        let layer = loaded.root().child("layer.0");
        assert!(layer.get("weight", &[3, 40], MATRIX).is_ok());
        let message =
            |name: &str, shape: &[usize]| layer.get(name, shape, MATRIX).unwrap_err().to_string();
        assert!(message("gain", &[3]).contains("layer.0.gain"));
        assert!(message("bias", &[4]).contains("[3]"));
        let mut file = file;
        assert!(file.take("layer.0.bias", &[4]).is_err());
        assert!(TensorFile::from_bytes(b"no safetensors here").is_err());
    }

    #[test]
    fn import_sets_what_export_gave() {
        let (first, second) = (weights(), Weights::drawn(Seed(9), &Device::Cpu));
        let layer = second.root().child("layer.0");
        let tensor = layer.get("weight", &[3, 40], MATRIX).unwrap();
        layer.get("bias", &[3], MATRIX).unwrap();
        second.import(&first.export().unwrap()).unwrap();
        assert_eq!(second.export().unwrap(), first.export().unwrap());
        let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(
            numbers,
            first.export().unwrap().tensors["layer.0.weight"].numbers
        );
    }
}
