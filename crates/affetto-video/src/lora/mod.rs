//! Low-rank adaptation: Hu and others, "LoRA: Low-Rank Adaptation of Large Language Models" (2021). A layer `W x` becomes
//! `W x + s B A x` with narrow `A` and `B`, so that what was taught to a large network is a small file.
//!
//! | key, after its module | shape | meaning |
//! |---|---|---|
//! | `lora_A.weight`, `lora_down.weight` | `(r, in)` | `A` |
//! | `lora_B.weight`, `lora_up.weight` | `(out, r)` | `B` |
//! | `alpha` | one number | `s = alpha / r`; 1 without |
//! | `lora_B.bias` | `(out)` | added to the bias, times `s` |
//! | `diff`, `diff_b`, `diff_m` | as the tensor | added to the weight, to the bias, to the table of a block |
//!
//! Modules are spelled as diffusers or as the authors of Wan do, with or without what other tools put before them.
//! Where a file has floats the change is added while they are loaded, in `f32`; beside weights in blocks of few bits it is
//! computed on the way.

mod learner;
mod names;
mod write;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use affetto_core::Checksum;
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

pub use learner::{Learner, Target};
pub use names::LoraSpelling;
pub use write::{About, written};

use crate::{
    Error, Result,
    model::{DitConfig, Residual},
    weights::File,
};
use names::{Keys, Part};

/// The widest `A`.
const WIDEST: usize = 8192;
/// The strongest that a file may be applied, either way.
const STRONGEST: f64 = 100.0;

/// A file and how strongly it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSource {
    /// The safetensors file.
    pub path: PathBuf,
    /// What its changes are multiplied by, -100 to 100; 1 is as it was trained.
    pub strength: f64,
}

impl FromStr for LoraSource {
    type Err = Error;

    /// `FILE` or `FILE:STRENGTH`.
    fn from_str(text: &str) -> Result<Self> {
        let named = |path: &str, strength| Self {
            path: path.into(),
            strength,
        };
        let Some((path, last)) = text.rsplit_once(':') else {
            return Ok(named(text, 1.0));
        };
        match last.parse::<f64>() {
            Ok(strength) if !path.is_empty() => named(path, strength).checked(),
            _ => Ok(named(text, 1.0)),
        }
    }
}

impl LoraSource {
    fn checked(self) -> Result<Self> {
        match (-STRONGEST..=STRONGEST).contains(&self.strength) {
            true => Ok(self),
            false => Err(Error::Config {
                name: "the strength of a LoRA",
                value: self.strength.to_string(),
                permitted: format!("from {} to {STRONGEST}", -STRONGEST),
            }),
        }
    }
}

/// What one file changes of one tensor.
#[derive(Clone, Debug, Default, PartialEq)]
struct Change {
    low_rank: Option<LowRank>,
    /// Keys of tensors that are added, and what they are multiplied by.
    full: Vec<(String, f64)>,
}

/// `scale up down`.
#[derive(Clone, Debug, PartialEq)]
struct LowRank {
    down: String,
    up: String,
    rank: usize,
    scale: f64,
}

/// A file that was opened and looked through. Its tensors are read again when a network is loaded.
pub struct Lora {
    source: LoraSource,
    sha256: String,
    file: File,
    /// By the names of diffusers.
    changes: BTreeMap<String, Change>,
}

impl fmt::Debug for Lora {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lora");
        shown.field("source", &self.source);
        shown.field("changed", &self.changes.len());
        shown.finish_non_exhaustive()
    }
}

impl Lora {
    /// Opens a file for the transformer of this configuration, and looks at every key, shape and number in it. One tensor is
    /// held at a time.
    ///
    /// # Errors
    /// [`Error::Lora`] names the first key that does not belong to the network, has another shape, no partner, the rank 0 or
    /// numbers that are not finite. Shapes are compared before anything is read.
    pub fn open(source: LoraSource, config: &DitConfig) -> Result<Self> {
        let source = source.checked()?;
        let file = File::open_safetensors(&source.path)?;
        let changes = Reader {
            path: &source.path,
            file: &file,
            shapes: config.tensors().into_iter().collect(),
        }
        .changes()?;
        let checksum = Checksum::of_file(&source.path).map_err(|error| Error::Read {
            path: source.path.clone(),
            source: error,
        })?;
        Ok(Self {
            source,
            sha256: checksum.sha256,
            file,
            changes,
        })
    }

    /// The file and its strength.
    pub fn source(&self) -> &LoraSource {
        &self.source
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How many tensors of the network it changes.
    pub fn changed(&self) -> usize {
        self.changes.len()
    }

    /// The largest rank in it; 0 where all changes are of full rank.
    pub fn rank(&self) -> usize {
        let ranks = self.changes.values().filter_map(|change| {
            let low_rank = change.low_rank.as_ref()?;
            Some(low_rank.rank)
        });
        ranks.max().unwrap_or(0)
    }

    /// A tensor of the file as an `f32` matrix of so many rows.
    fn matrix(&self, key: &str, rows: usize) -> Result<Tensor> {
        let tensor = self.file.tensor(key)?.to_dtype(DType::F32)?;
        Ok(tensor.reshape((rows, tensor.elem_count() / rows.max(1)))?)
    }

    /// `base` with what this file adds to the tensor `name`.
    pub(crate) fn merged(&self, name: &str, base: Tensor) -> Result<Tensor> {
        let Some(change) = self.changes.get(name) else {
            return Ok(base);
        };
        let (dtype, shape) = (base.dtype(), base.shape().clone());
        let mut sum = match dtype {
            DType::F64 => base,
            _ => base.to_dtype(DType::F32)?,
        };
        let mut add = |change: Tensor, factor: f64| -> Result<()> {
            let change = change.to_dtype(sum.dtype())?.reshape(&shape)?;
            sum = (&sum + (change * (self.source.strength * factor))?)?;
            Ok(())
        };
        if let Some(low_rank) = &change.low_rank {
            let up = self.matrix(&low_rank.up, shape.dims()[0])?;
            let product = up.matmul(&self.matrix(&low_rank.down, low_rank.rank)?)?;
            add(product, low_rank.scale)?;
        }
        for (key, factor) in &change.full {
            add(self.matrix(key, 1)?, *factor)?;
        }
        Ok(sum)
    }

    /// What this file adds to the output of the layer whose weight, `(out, in)`, is called `name`.
    pub(crate) fn residuals(&self, name: &str, [out, _]: [usize; 2]) -> Result<Vec<Residual>> {
        let Some(change) = self.changes.get(name) else {
            return Ok(Vec::new());
        };
        let mut residuals = Vec::new();
        if let Some(low_rank) = &change.low_rank {
            residuals.push(Residual::LowRank {
                down: self.matrix(&low_rank.down, low_rank.rank)?,
                up: self.matrix(&low_rank.up, out)?,
                scale: self.source.strength * low_rank.scale,
            });
        }
        for (key, factor) in &change.full {
            residuals.push(Residual::Full {
                weight: (self.matrix(key, out)? * (self.source.strength * factor))?,
            });
        }
        Ok(residuals)
    }
}

/// Looks through a file.
struct Reader<'a> {
    path: &'a Path,
    file: &'a File,
    /// Of the network's tensors.
    shapes: BTreeMap<String, Vec<usize>>,
}

/// The keys of one module, by what they are.
type Module = BTreeMap<Part, String>;

impl Reader<'_> {
    fn refused(&self, key: &str, reason: impl Into<String>) -> Error {
        Error::Lora {
            key: key.into(),
            reason: reason.into(),
            path: self.path.into(),
        }
    }

    fn changes(&self) -> Result<BTreeMap<String, Change>> {
        let keys = Keys::of(self.shapes.keys());
        let mut names: Vec<&str> = self.file.names().collect();
        names.sort_unstable(); // the first that is refused is the same each time
        let mut modules: BTreeMap<String, Module> = BTreeMap::new();
        for key in names {
            let (module, part) = keys.find(key).map_err(|reason| self.refused(key, reason))?;
            let parts = modules.entry(module).or_default();
            if let Some(other) = parts.insert(part, key.into()) {
                let reason = format!("stands for the same as {other:?}");
                return Err(self.refused(key, reason));
            }
        }
        if modules.is_empty() {
            return Err(self.refused("lora_A", "and all other keys are missing"));
        }
        let mut changes = BTreeMap::new();
        for (module, parts) in &modules {
            self.module(module, parts, &mut changes)?;
        }
        for key in modules.values().flat_map(BTreeMap::values) {
            self.check_numbers(key)?;
        }
        Ok(changes)
    }

    /// Compares the shapes of a module's parts and puts them together.
    fn module(
        &self,
        module: &str,
        parts: &Module,
        changes: &mut BTreeMap<String, Change>,
    ) -> Result<()> {
        // A table of a block is a tensor by itself.
        let weight = match self.shapes.contains_key(module) {
            true => module.to_owned(),
            false => format!("{module}.weight"),
        };
        let (down, up) = (parts.get(&Part::Down), parts.get(&Part::Up));
        let mut scale = 1.0;
        match (down, up) {
            (Some(down), Some(up)) => {
                let rank = self.rank(&weight, down, up)?;
                if let Some(alpha) = parts.get(&Part::Alpha) {
                    scale = self.number(alpha)? / rank as f64;
                }
                changes.entry(weight.clone()).or_default().low_rank = Some(LowRank {
                    down: down.clone(),
                    up: up.clone(),
                    rank,
                    scale,
                });
            }
            (Some(key), None) | (None, Some(key)) => {
                let other = if down.is_some() { "B" } else { "A" };
                return Err(self.refused(key, format!("has no {other} beside it")));
            }
            (None, None) => {
                for part in [Part::Alpha, Part::UpBias] {
                    if let Some(key) = parts.get(&part) {
                        return Err(self.refused(key, "has no A and B beside it"));
                    }
                }
            }
        }
        let bias = format!("{module}.bias");
        for (part, name, factor) in [
            (Part::Diff, &weight, 1.0),
            (Part::DiffBias, &bias, 1.0),
            (Part::UpBias, &bias, scale),
        ] {
            let Some(key) = parts.get(&part) else {
                continue;
            };
            let Some(shape) = self.shapes.get(name) else {
                return Err(self.refused(key, "is a bias, and the layer has none"));
            };
            self.check_count(key, shape)?;
            let change = changes.entry(name.clone()).or_default();
            change.full.push((key.clone(), factor));
        }
        Ok(())
    }

    /// The rank of a pair, which must fit the weight.
    fn rank(&self, weight: &str, down: &str, up: &str) -> Result<usize> {
        let shape = &self.shapes[weight];
        let (downs, ups) = (self.file.shape(down)?, self.file.shape(up)?);
        let rank = downs.first().copied().unwrap_or(0);
        if rank == 0 {
            return Err(self.refused(down, "has rank 0"));
        }
        if rank > WIDEST {
            let reason = format!("has rank {rank}, and at most {WIDEST} is read");
            return Err(self.refused(down, reason));
        }
        let product = |shape: &[usize]| -> usize { shape.iter().product() };
        let wrong = |key, found: &[usize], first: usize, rest: usize| {
            let reason = format!("is {found:?}, the layer needs [{first}, {rest}]");
            Err(self.refused(key, reason))
        };
        let (out, width) = match shape.split_first() {
            Some((out, rest)) if !rest.is_empty() => (*out, product(rest)),
            _ => return Err(self.refused(down, "is of low rank, and the tensor is no matrix")),
        };
        if downs.len() < 2 || product(&downs[1..]) != width {
            return wrong(down, &downs, rank, width);
        }
        if ups.len() < 2 || ups[0] != out || product(&ups[1..]) != rank {
            return wrong(up, &ups, out, rank);
        }
        Ok(rank)
    }

    /// A change of full rank must have as many numbers as the tensor. Axes of length 1 may be left out.
    fn check_count(&self, key: &str, shape: &[usize]) -> Result<()> {
        let found = self.file.shape(key)?;
        let long = |shape: &[usize]| -> Vec<usize> {
            shape
                .iter()
                .copied()
                .filter(|extent| *extent != 1)
                .collect()
        };
        match long(&found) == long(shape) {
            true => Ok(()),
            false => {
                let reason = format!("is {found:?}, the tensor is {shape:?}");
                Err(self.refused(key, reason))
            }
        }
    }

    fn numbers(&self, key: &str) -> Result<Vec<f32>> {
        let tensor = self.file.tensor(key)?;
        if !tensor.dtype().is_float() {
            let reason = format!("holds {:?} numbers, and floats are read", tensor.dtype());
            return Err(self.refused(key, reason));
        }
        Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    fn number(&self, key: &str) -> Result<f64> {
        let shape = self.file.shape(key)?;
        if shape.iter().product::<usize>() != 1 {
            return Err(self.refused(key, format!("is {shape:?}, where one number is needed")));
        }
        Ok(f64::from(self.numbers(key)?[0]))
    }

    fn check_numbers(&self, key: &str) -> Result<()> {
        match self.numbers(key)?.iter().all(|number| number.is_finite()) {
            true => Ok(()),
            false => Err(self.refused(key, "holds a number that is not finite")),
        }
    }
}

#[cfg(test)]
mod tests;
