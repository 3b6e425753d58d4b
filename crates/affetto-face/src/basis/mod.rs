//! A face to see takes on: a mesh of our own topology, a displacement for each shape of ARKit, and modes of identity.
//!
//! Distances are centimetres; x points to the subject's left, y up and z out of the face.

mod files;
mod mesh;
pub(crate) mod outline;
mod train;
pub(crate) mod vector;

use affetto_media::rig::{SHAPES, Shape, TakeFrame, Turn, Weights};

use crate::Error;
pub use files::BasisConfig;
pub use mesh::BasisMesh;
pub use train::{BasisOptions, BasisReport, ShapeError, TrainedBasis, train_face_basis};
use vector::{Rotation, Vector, add, mean, rotate, sub};

/// What the head turns about: where the skull rests on the spine, in centimetres.
const HEAD_PIVOT: Vector = [0.0, -3.0, -1.0];

/// The part of a face that a vertex belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tissue {
    /// Skin of face, skull and neck, ears among it.
    Skin,
    /// Skin that a brow grows on.
    Brow,
    /// The red of the lips.
    Lips,
    /// What lies behind the lids around the eyeball.
    EyeSocket,
    /// The inside of cheeks and throat.
    MouthLining,
    /// The gums.
    Gums,
    /// The teeth.
    Teeth,
    /// The tongue.
    Tongue,
    /// The left eyeball.
    LeftEye,
    /// The right eyeball.
    RightEye,
}

impl Tissue {
    /// Every tissue, in the order of their codes in files.
    pub const ALL: [Self; 10] = [
        Self::Skin,
        Self::Brow,
        Self::Lips,
        Self::EyeSocket,
        Self::MouthLining,
        Self::Gums,
        Self::Teeth,
        Self::Tongue,
        Self::LeftEye,
        Self::RightEye,
    ];

    /// Whether it is skin in the wide sense: what one sees of a face whose eyes and mouth are closed.
    pub const fn is_outside(self) -> bool {
        matches!(self, Self::Skin | Self::Brow | Self::Lips)
    }

    /// Whether it is an eyeball.
    pub const fn is_eye(self) -> bool {
        matches!(self, Self::LeftEye | Self::RightEye)
    }
}

/// Displacements of every vertex in whole steps, as files have them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Displacement {
    /// The length of a step in centimetres.
    pub step: f32,
    /// How many steps along x, y and z.
    pub steps: Vec<[i8; 3]>,
}

impl Displacement {
    /// The nearest steps to `by`, the longest of which is 127.
    fn rounded(by: &[Vector]) -> Self {
        let longest = by
            .iter()
            .flatten()
            .fold(0f32, |longest, part| longest.max(part.abs()));
        let step = if longest > 0.0 { longest / 127.0 } else { 1.0 };
        let steps = |by: &Vector| by.map(|part| (part / step).round() as i8);
        Self {
            step,
            steps: by.iter().map(steps).collect(),
        }
    }

    /// The displacement of one vertex in centimetres.
    fn of(&self, vertex: usize) -> Vector {
        self.steps[vertex].map(|steps| f32::from(steps) * self.step)
    }

    fn add_to(&self, positions: &mut [Vector], weight: f32) {
        let factor = weight * self.step;
        if factor == 0.0 {
            return;
        }
        for (position, steps) in positions.iter_mut().zip(&self.steps) {
            for (axis, steps) in position.iter_mut().zip(steps) {
                *axis += factor * f32::from(*steps);
            }
        }
    }
}

/// A face at rest, and how it moves and differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceBasis {
    neutral: Vec<Vector>,
    triangles: Vec<[u16; 3]>,
    tissues: Vec<Tissue>,
    shapes: Vec<Displacement>,
    identity: Vec<Displacement>,
    landmarks: [u16; Self::LANDMARKS],
}

impl FaceBasis {
    /// How many landmarks there are: those of iBUG 300-W.
    pub const LANDMARKS: usize = 68;

    /// The positions of the face of mean identity at rest.
    pub fn neutral(&self) -> &[[f32; 3]] {
        &self.neutral
    }

    /// Three vertices each, anticlockwise where one sees them from outside.
    pub fn triangles(&self) -> &[[u16; 3]] {
        &self.triangles
    }

    /// The tissue of each vertex.
    pub fn tissues(&self) -> &[Tissue] {
        &self.tissues
    }

    /// The vertex of each landmark, in the order of iBUG 300-W.
    pub fn landmarks(&self) -> &[u16; Self::LANDMARKS] {
        &self.landmarks
    }

    /// How many identity modes there are. Weights of people are about normally distributed around 0 with deviation 1.
    pub fn identity_modes(&self) -> usize {
        self.identity.len()
    }

    /// How far `shape` at weight 1 moves `vertex`.
    ///
    /// # Panics
    ///
    /// Where there is no such vertex.
    pub fn displacement(&self, shape: Shape, vertex: usize) -> [f32; 3] {
        self.shapes[shape.index()].of(vertex)
    }

    /// The positions of a face: the neutral ones, moved by identity and shapes, then turned with the head. Identity
    /// and weights act linearly and may lie outside the usual ranges. Missing identity weights are 0.
    ///
    /// # Errors
    ///
    /// [`Error::Identity`] for more identity weights than modes.
    pub fn face(
        &self,
        identity: &[f64],
        weights: &Weights,
        turn: Turn,
    ) -> Result<Vec<[f32; 3]>, Error> {
        let mut positions = self.moved(identity, weights)?;
        turn_about(&mut positions, HEAD_PIVOT, turn);
        Ok(positions)
    }

    /// The positions of a face at one moment of a take. Where the take has the turns of the eyes, the eyeballs follow
    /// them exactly, and the shapes of the gaze move the lids alone.
    ///
    /// # Errors
    ///
    /// As [`FaceBasis::face`].
    pub fn pose(&self, identity: &[f64], frame: &TakeFrame) -> Result<Vec<[f32; 3]>, Error> {
        let mut positions = self.moved(identity, &frame.shapes)?;
        if let Some(turns) = frame.eyes {
            let rest = self.moved(identity, &Weights::default())?;
            for (eye, turn) in [Tissue::LeftEye, Tissue::RightEye].into_iter().zip(turns) {
                let vertices = self.vertices(eye);
                positions[vertices.clone()].copy_from_slice(&rest[vertices.clone()]);
                let centre = self.eye_centre(eye, &rest);
                turn_about(&mut positions[vertices], centre, turn);
            }
        }
        turn_about(&mut positions, HEAD_PIVOT, frame.head);
        Ok(positions)
    }

    /// The positions before the head turns.
    fn moved(&self, identity: &[f64], weights: &Weights) -> Result<Vec<Vector>, Error> {
        if identity.len() > self.identity.len() {
            return Err(Error::Identity {
                found: identity.len(),
                modes: self.identity.len(),
            });
        }
        let mut positions = self.neutral.clone();
        for (mode, weight) in self.identity.iter().zip(identity) {
            mode.add_to(&mut positions, *weight as f32);
        }
        for (shape, weight) in self.shapes.iter().zip(weights.0) {
            shape.add_to(&mut positions, weight as f32);
        }
        Ok(positions)
    }

    /// The vertices of a tissue that stand together in the file, as those of an eyeball do: from its first to its last.
    pub(crate) fn vertices(&self, tissue: Tissue) -> std::ops::Range<usize> {
        let first = self.tissues.iter().position(|other| *other == tissue);
        let last = self.tissues.iter().rposition(|other| *other == tissue);
        match (first, last) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }

    /// The centre of an eyeball among `positions`: the eyeball ends in a ring around it.
    pub(crate) fn eye_centre(&self, eye: Tissue, positions: &[Vector]) -> Vector {
        let vertices = self.vertices(eye);
        let ring = vertices.len().min(train::EYE_RING);
        mean(positions[vertices.end - ring..vertices.end].iter().copied())
    }
}

/// Turns `positions` about `centre`.
fn turn_about(positions: &mut [Vector], centre: Vector, turn: Turn) {
    if turn == Turn::default() {
        return;
    }
    let rotation = rotation(turn);
    for position in positions {
        *position = add(rotate(&rotation, sub(*position, centre)), centre);
    }
}

/// About the vertical axis, then about the axis of the nose, then about that of the ears, each as the turns before it
/// have left it.
fn rotation(turn: Turn) -> Rotation {
    let (yaw_sin, yaw_cos) = libm::sincos(turn.yaw);
    let (pitch_sin, pitch_cos) = libm::sincos(turn.pitch);
    let (roll_sin, roll_cos) = libm::sincos(-turn.roll); // towards the left shoulder is from y to x
    let yaw = [
        [yaw_cos, 0.0, yaw_sin],
        [0.0, 1.0, 0.0],
        [-yaw_sin, 0.0, yaw_cos],
    ];
    let roll = [
        [roll_cos, -roll_sin, 0.0],
        [roll_sin, roll_cos, 0.0],
        [0.0, 0.0, 1.0],
    ];
    let pitch = [
        [1.0, 0.0, 0.0],
        [0.0, pitch_cos, -pitch_sin],
        [0.0, pitch_sin, pitch_cos],
    ];
    product(product(yaw, roll), pitch).map(|row| row.map(|number| number as f32))
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let entry = |row: usize, column: usize| (0..3).map(|at| a[row][at] * b[at][column]).sum();
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| entry(row, column)))
}

#[cfg(test)]
mod tests;
