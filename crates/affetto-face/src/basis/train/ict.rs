//! ICT-FaceKit (USC Institute for Creative Technologies, MIT) as one file of NumPy arrays: the full mesh, its shapes and
//! its identity modes in 16-bit steps.
//!
//! | array | shape | meaning |
//! |---|---|---|
//! | `neutral` | `(26719, 3)` `f32` | positions in centimetres |
//! | `quads` | `(26384, 4)` `i32` | vertices; the fourth is -1 where there are three |
//! | `expr_names` | `(57)` | names of the shapes |
//! | `expr_q`, `expr_step` | `(57, 26719, 3)` `i16` | displacements in steps, and the step |
//! | `id_q`, `id_step` | `(60, 26719, 3)` `i16` | the same for identity, weights N(0, 1) |

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    ops::RangeInclusive,
    path::Path,
};

use affetto_core::read_limited;
use affetto_media::rig::Shape;
use zip::ZipArchive;

use crate::{Error, basis::vector::Vector};

/// The largest file that is read, and the largest array in it.
const LIMIT_BYTES: u64 = 64 << 20;

/// The vertices of the parts, as ICT-FaceKit lists them. The first four are one closed surface with a hole at the neck.
pub(super) const FACE: RangeInclusive<usize> = 0..=9408;
pub(super) const NARROW_FACE: RangeInclusive<usize> = 0..=6705;
pub(super) const HEAD: RangeInclusive<usize> = 9409..=11247;
pub(super) const MOUTH: RangeInclusive<usize> = 11248..=13293;
pub(super) const EYE_SOCKETS: RangeInclusive<usize> = 13294..=14061;
pub(super) const GUMS: RangeInclusive<usize> = 14062..=17038;
pub(super) const TEETH: RangeInclusive<usize> = 17039..=21450;
pub(super) const LOWER_TEETH: RangeInclusive<usize> = 19247..=21450;
pub(super) const LEFT_SCLERA: RangeInclusive<usize> = 21451..=22220;
pub(super) const RIGHT_SCLERA: RangeInclusive<usize> = 23021..=23790;
const VERTICES: usize = 26719;

/// The vertices of the 68 landmarks of iBUG 300-W, as ICT-FaceKit lists them.
pub(super) const LANDMARKS: [u16; 68] = [
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
];

/// The meshes.
pub(super) struct Ict {
    pub neutral: Vec<Vector>,
    /// Faces of three or four corners, anticlockwise from outside.
    pub faces: Vec<Vec<u32>>,
    /// Displacements by the name of the shape.
    pub shapes: BTreeMap<String, Vec<Vector>>,
    /// Displacements of the identity modes, the largest first.
    pub identity: Vec<Vec<Vector>>,
}

impl Ict {
    /// Reads `ict_full_q16.npz`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_limited(path, LIMIT_BYTES)?;
        Self::from_bytes(&bytes).map_err(|reason| Error::Meshes {
            path: path.into(),
            reason,
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut arrays = Arrays(ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?);
        let neutral = threes(&arrays.f32s("neutral")?, 1.0);
        if neutral.len() != VERTICES {
            return Err(format!("{} vertices, expected {VERTICES}", neutral.len()));
        }
        let exists = |vertex: &&i32| (0..VERTICES as i32).contains(*vertex);
        let face = |corners: &[i32]| -> Vec<u32> {
            corners
                .iter()
                .filter(exists)
                .map(|vertex| *vertex as u32)
                .collect()
        };
        let faces: Vec<Vec<u32>> = arrays.i32s("quads")?.chunks(4).map(face).collect();
        if faces.iter().any(|face| face.len() < 3) {
            return Err("a face with fewer than three corners".into());
        }
        let names = arrays.names("expr_names")?;
        let all = arrays.displacements("expr")?;
        Ok(Self {
            neutral,
            faces,
            shapes: names.into_iter().zip(all).collect(),
            identity: arrays.displacements("id")?,
        })
    }

    /// How far a shape of ARKit at weight 1 moves every vertex; nothing for the tongue, which ICT-FaceKit has no shape
    /// for. ICT-FaceKit halves the shapes of the middle that move two sides.
    pub fn shape(&self, shape: Shape) -> Vec<Vector> {
        let mut sum = vec![[0.0; 3]; self.neutral.len()];
        for half in names(shape).iter().filter_map(|name| self.shapes.get(name)) {
            for (sum, part) in sum.iter_mut().zip(half) {
                *sum = crate::basis::vector::add(*sum, *part);
            }
        }
        sum
    }
}

/// What ICT-FaceKit calls a shape of ARKit, which may be two halves.
pub(super) fn names(shape: Shape) -> Vec<String> {
    let name = shape.name();
    let sided = |stem: &str, side: &str| format!("{stem}_{side}");
    match (name.strip_suffix("Left"), name.strip_suffix("Right"), shape) {
        (_, _, Shape::JawLeft | Shape::JawRight | Shape::MouthLeft | Shape::MouthRight) => {
            vec![name.into()]
        }
        (Some(stem), _, _) => vec![sided(stem, "L")],
        (_, Some(stem), _) => vec![sided(stem, "R")],
        (_, _, Shape::BrowInnerUp | Shape::CheekPuff) => vec![sided(name, "L"), sided(name, "R")],
        _ => vec![name.into()],
    }
}

fn threes(numbers: &[f32], step: f32) -> Vec<Vector> {
    let (threes, _) = numbers.as_chunks::<3>();
    threes
        .iter()
        .map(|three| three.map(|number| number * step))
        .collect()
}

/// NumPy arrays in a zip file.
struct Arrays<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl Arrays<'_> {
    /// The kind of number and the bytes of an array (the format of `numpy.lib.format`, versions 1 to 3).
    fn bytes(&mut self, name: &str) -> Result<(String, Vec<u8>), String> {
        let entry = self.0.by_name(&format!("{name}.npy"));
        let entry = entry.map_err(|error| format!("{name}: {error}"))?;
        let mut bytes = Vec::new();
        let read = entry.take(LIMIT_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| format!("{name}: {error}"))?;
        let no_array = || format!("{name}: no NumPy array");
        let version = *bytes.get(6).ok_or_else(no_array)?;
        let start = if version == 1 { 10 } else { 12 };
        let length = bytes.get(8..start).ok_or_else(no_array)?;
        let length = length
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let header = bytes.get(start..start + length).ok_or_else(no_array)?;
        let header = String::from_utf8_lossy(header);
        let kind = header
            .split("'descr': '")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let kind = kind.ok_or_else(no_array)?.to_string();
        bytes.drain(..start + length);
        Ok((kind, bytes))
    }

    fn numbers<const N: usize, T>(
        &mut self,
        name: &str,
        kind: &str,
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let (found, bytes) = self.bytes(name)?;
        if found != kind {
            return Err(format!("{name}: numbers {found}, expected {kind}"));
        }
        let (chunks, _) = bytes.as_chunks::<N>();
        Ok(chunks.iter().map(|bytes| number(*bytes)).collect())
    }

    fn f32s(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let numbers = self.numbers(name, "<f4", f32::from_le_bytes)?;
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err(format!("{name}: a number that is none")),
        }
    }

    fn i32s(&mut self, name: &str) -> Result<Vec<i32>, String> {
        self.numbers(name, "<i4", i32::from_le_bytes)
    }

    /// Texts of equal length in UTF-32, filled up with zeros.
    fn names(&mut self, name: &str) -> Result<Vec<String>, String> {
        let (kind, bytes) = self.bytes(name)?;
        let letters = kind
            .strip_prefix("<U")
            .and_then(|count| count.parse::<usize>().ok());
        let letters = letters.filter(|count| (1..=1000).contains(count));
        let letters = letters.ok_or_else(|| format!("{name}: {kind}, expected text"))?;
        let text = |bytes: &[u8]| -> String {
            let (letters, _) = bytes.as_chunks::<4>();
            let letters = letters.iter().map(|bytes| u32::from_le_bytes(*bytes));
            letters
                .filter(|code| *code > 0)
                .filter_map(char::from_u32)
                .collect()
        };
        Ok(bytes.chunks(letters * 4).map(text).collect())
    }

    fn displacements(&mut self, name: &str) -> Result<Vec<Vec<Vector>>, String> {
        let step = self.f32s(&format!("{name}_step"))?;
        let step = *step.first().ok_or_else(|| format!("{name}_step: empty"))?;
        let steps = self.numbers(&format!("{name}_q"), "<i2", i16::from_le_bytes)?;
        let numbers: Vec<f32> = steps.into_iter().map(f32::from).collect();
        Ok(numbers
            .chunks(VERTICES * 3)
            .map(|one| threes(one, step))
            .collect())
    }
}
