//! A face basis as files: `basis.safetensors`, and `config.json` with its extents.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `neutral` | `(V, 3)` `f32` | positions in centimetres |
//! | `triangles` | `(T, 3)` `u16` | vertices, anticlockwise from outside |
//! | `tissues` | `(V)` `u8` | places in `Tissue::ALL` |
//! | `shapes` | `(52, V, 3)` `i8` | displacements in steps, in the order of `Shape::ALL` |
//! | `shapes.scale` | `(52)` `f32` | the length of a step in centimetres |
//! | `identity` | `(M, V, 3)` `i8` | the same for each mode |
//! | `identity.scale` | `(M)` `f32` | |
//! | `landmarks` | `(68)` `u16` | vertices |

use std::{borrow::Cow, path::Path};

use affetto_core::read_limited;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::{Displacement, FaceBasis, SHAPES, Tissue};
use crate::Error;

/// The largest `basis.safetensors` that is read.
const LIMIT_BYTES: u64 = 64 << 20;
/// The largest `config.json` that is read.
const LIMIT_CONFIG_BYTES: u64 = 1 << 16;
/// Positions farther out than this are damage, in centimetres.
const LARGEST: f32 = 1000.0;

const BUILT_IN: &[u8] = include_bytes!("../../../../models/face-basis/basis.safetensors");
const BUILT_IN_CONFIG: &[u8] = include_bytes!("../../../../models/face-basis/config.json");

/// The extents of a face basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisConfig {
    /// Vertices, 1..=65535.
    pub vertices: usize,
    /// Triangles, 1..=65535.
    pub triangles: usize,
    /// Shapes: the 52 of ARKit.
    pub shapes: usize,
    /// Identity modes, at most 256.
    pub identity_modes: usize,
    /// Landmarks: the 68 of iBUG 300-W.
    pub landmarks: usize,
}

impl BasisConfig {
    fn check(&self) -> Result<(), Error> {
        let countable = 1..=usize::from(u16::MAX);
        let sound = countable.contains(&self.vertices)
            && countable.contains(&self.triangles)
            && self.shapes == SHAPES
            && self.identity_modes <= 256
            && self.landmarks == FaceBasis::LANDMARKS;
        if sound {
            Ok(())
        } else {
            Err(damaged(format!("extents that no basis has: {self:?}")))
        }
    }
}

impl FaceBasis {
    /// The basis that comes with this program.
    ///
    /// # Errors
    ///
    /// Where its file is damaged, which a test rules out.
    pub fn built_in() -> Result<Self, Error> {
        Self::from_bytes(BUILT_IN_CONFIG, BUILT_IN)
    }

    /// Reads a folder with `config.json` and `basis.safetensors`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] and [`Error::Basis`].
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let config = read_limited(&folder.join("config.json"), LIMIT_CONFIG_BYTES)?;
        let tensors = read_limited(&folder.join("basis.safetensors"), LIMIT_BYTES)?;
        Self::from_bytes(&config, &tensors)
    }

    /// Reads the bytes of `config.json` and `basis.safetensors`.
    ///
    /// # Errors
    ///
    /// [`Error::Basis`] where they are damaged, disagree or have extents that no basis has.
    pub fn from_bytes(config: &[u8], tensors: &[u8]) -> Result<Self, Error> {
        let config: BasisConfig = serde_json::from_slice(config).map_err(damaged)?;
        config.check()?;
        let file = SafeTensors::deserialize(tensors).map_err(damaged)?;
        let file = File(&file);
        let (vertices, modes) = (config.vertices, config.identity_modes);
        let basis = Self {
            neutral: file.points("neutral", vertices)?,
            triangles: file.triangles(config.triangles)?,
            tissues: file.tissues(vertices)?,
            shapes: file.displacements("shapes", SHAPES, vertices)?,
            identity: file.displacements("identity", modes, vertices)?,
            landmarks: file.landmarks()?,
        };
        basis.check()?;
        Ok(basis)
    }

    /// Vertices that exist, and numbers that are ones.
    fn check(&self) -> Result<(), Error> {
        let exists = |vertex: &u16| usize::from(*vertex) < self.neutral.len();
        let near = |number: &f32| number.is_finite() && number.abs() <= LARGEST;
        let scales = self.shapes.iter().chain(&self.identity);
        if !self.triangles.iter().flatten().all(exists) || !self.landmarks.iter().all(exists) {
            Err(damaged("a vertex that does not exist"))
        } else if !self.neutral.iter().flatten().all(near) {
            Err(damaged("a position that is no place"))
        } else if !scales.map(|displacement| &displacement.step).all(near) {
            Err(damaged("a step that is no length"))
        } else {
            Ok(())
        }
    }

    /// The extents.
    pub fn config(&self) -> BasisConfig {
        BasisConfig {
            vertices: self.neutral.len(),
            triangles: self.triangles.len(),
            shapes: self.shapes.len(),
            identity_modes: self.identity.len(),
            landmarks: self.landmarks.len(),
        }
    }

    /// The bytes of `basis.safetensors`; the same basis gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Basis`] where the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let f32s = |numbers: &mut dyn Iterator<Item = f32>| -> Vec<u8> {
            numbers.flat_map(f32::to_le_bytes).collect()
        };
        let u16s = |numbers: &mut dyn Iterator<Item = u16>| -> Vec<u8> {
            numbers.flat_map(u16::to_le_bytes).collect()
        };
        let steps = |all: &[Displacement]| -> Vec<u8> {
            let steps = all.iter().flat_map(|one| one.steps.as_flattened());
            steps.map(|step| *step as u8).collect()
        };
        let vertices = self.neutral.len();
        let stored = |dtype, shape: &[usize], bytes| Stored {
            dtype,
            shape: shape.to_vec(),
            bytes,
        };
        let mut tensors = vec![
            (
                "neutral",
                stored(
                    Dtype::F32,
                    &[vertices, 3],
                    f32s(&mut self.neutral.as_flattened().iter().copied()),
                ),
            ),
            (
                "triangles",
                stored(
                    Dtype::U16,
                    &[self.triangles.len(), 3],
                    u16s(&mut self.triangles.as_flattened().iter().copied()),
                ),
            ),
            (
                "regions",
                stored(
                    Dtype::U8,
                    &[vertices],
                    self.tissues.iter().map(|tissue| *tissue as u8).collect(),
                ),
            ),
            (
                "landmarks",
                stored(
                    Dtype::U16,
                    &[self.landmarks.len()],
                    u16s(&mut self.landmarks.iter().copied()),
                ),
            ),
        ];
        for (name, scale, all) in [
            ("shapes", "shapes.scale", &self.shapes),
            ("identity", "identity.scale", &self.identity),
        ] {
            let scales = f32s(&mut all.iter().map(|one| one.step));
            tensors.push((
                name,
                stored(Dtype::I8, &[all.len(), vertices, 3], steps(all)),
            ));
            tensors.push((scale, stored(Dtype::F32, &[all.len()], scales)));
        }
        safetensors::serialize(tensors, None).map_err(damaged)
    }
}

/// The tensors of a file, whose shapes are checked before their numbers are copied.
struct File<'a>(&'a SafeTensors<'a>);

impl File<'_> {
    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8], Error> {
        let tensor = self.0.tensor(name).map_err(damaged)?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (found, dtype_found) = (tensor.shape().to_vec(), tensor.dtype());
            return Err(damaged(format!(
                "{name} is {dtype_found:?} {found:?}, expected {dtype:?} {shape:?}"
            )));
        }
        Ok(tensor.data())
    }

    fn points(&self, name: &str, count: usize) -> Result<Vec<[f32; 3]>, Error> {
        let bytes = self.bytes(name, Dtype::F32, &[count, 3])?;
        Ok(threes(&f32s(bytes)))
    }

    fn triangles(&self, count: usize) -> Result<Vec<[u16; 3]>, Error> {
        let bytes = self.bytes("triangles", Dtype::U16, &[count, 3])?;
        Ok(threes(&u16s(bytes)))
    }

    fn tissues(&self, count: usize) -> Result<Vec<Tissue>, Error> {
        let codes = self.bytes("regions", Dtype::U8, &[count])?.iter();
        let tissue = |code: &u8| {
            let unknown = || damaged(format!("tissue {code}"));
            let tissue = Tissue::ALL.get(usize::from(*code)).copied();
            tissue.ok_or_else(unknown)
        };
        codes.map(tissue).collect()
    }

    fn displacements(
        &self,
        name: &str,
        count: usize,
        vertices: usize,
    ) -> Result<Vec<Displacement>, Error> {
        let steps = self.bytes(name, Dtype::I8, &[count, vertices, 3])?;
        let scales = self.bytes(&format!("{name}.scale"), Dtype::F32, &[count])?;
        let displacement = |(step, steps): (f32, &[u8])| {
            let (steps, _) = steps.as_chunks::<3>();
            Displacement {
                step,
                steps: steps
                    .iter()
                    .map(|three| three.map(|byte| byte as i8))
                    .collect(),
            }
        };
        let rows = f32s(scales).into_iter().zip(steps.chunks(vertices * 3));
        Ok(rows.map(displacement).collect())
    }

    fn landmarks(&self) -> Result<[u16; FaceBasis::LANDMARKS], Error> {
        let bytes = self.bytes("landmarks", Dtype::U16, &[FaceBasis::LANDMARKS])?;
        u16s(bytes)
            .try_into()
            .map_err(|_| damaged("landmarks that are not 68"))
    }
}

fn threes<T: Copy>(numbers: &[T]) -> Vec<[T; 3]> {
    numbers.as_chunks::<3>().0.to_vec()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

fn u16s(bytes: &[u8]) -> Vec<u16> {
    let (numbers, _) = bytes.as_chunks::<2>();
    numbers
        .iter()
        .map(|bytes| u16::from_le_bytes(*bytes))
        .collect()
}

fn damaged(reason: impl ToString) -> Error {
    Error::Basis {
        reason: reason.to_string(),
    }
}

/// A tensor as it stands in a file.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
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
