//! The face as a mesh that other programs open.

use affetto_media::rig::{Shape, gltf::FaceMesh};

use super::FaceBasis;

/// Metres in a centimetre, the unit of the basis.
const METRES: f32 = 0.01;

/// The mesh of a basis, in the units of glTF.
#[derive(Clone, Debug)]
pub struct BasisMesh {
    positions: Vec<[f32; 3]>,
    triangles: Vec<[u32; 3]>,
    deltas: Vec<Vec<[f32; 3]>>,
}

impl FaceBasis {
    /// The face of mean identity and its shapes, for a file that shows a take on them.
    pub fn mesh(&self) -> BasisMesh {
        let metres = |point: [f32; 3]| point.map(|length| length * METRES);
        let vertices = 0..self.neutral.len();
        let delta = |shape: Shape| {
            let moved = |vertex| metres(self.displacement(shape, vertex));
            vertices.clone().map(moved).collect()
        };
        BasisMesh {
            positions: self.neutral.iter().copied().map(metres).collect(),
            triangles: self
                .triangles
                .iter()
                .map(|corners| corners.map(u32::from))
                .collect(),
            deltas: Shape::ALL.into_iter().map(delta).collect(),
        }
    }
}

impl BasisMesh {
    /// The mesh as [`affetto_media::rig::gltf::write`] takes it.
    pub fn as_face_mesh(&self) -> FaceMesh<'_> {
        FaceMesh {
            positions: &self.positions,
            triangles: &self.triangles,
            deltas: &self.deltas,
        }
    }
}
