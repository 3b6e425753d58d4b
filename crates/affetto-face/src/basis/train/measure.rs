//! How near a basis is to the meshes that it was made from.

use affetto_core::{Progress, Seed, Stage};
use affetto_media::rig::{Shape, Turn, Weights};
use rayon::prelude::*;
use serde::Serialize;

use super::{
    ict::{self, Ict},
    measured_shapes,
    simplify::nearest_on_triangle,
};
use crate::{
    Error,
    basis::{
        FaceBasis,
        vector::{Vector, add, dot, length, scale, sub},
    },
};

/// How many people are drawn to measure identity.
const PEOPLE: u64 = 12;
/// How many triangles around the nearest one at rest are asked for the nearest point when the face moves.
const RINGS: usize = 2;

/// How near a basis is to the full meshes, in millimetres.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BasisReport {
    /// Vertices of the full face that were measured.
    pub measured_vertices: usize,
    /// The face at rest.
    pub neutral: Distances,
    /// Each shape at weight 1, in the order of ARKit; `tongueOut` is not among them.
    pub shapes: Vec<ShapeError>,
    /// The mean of the means of the shapes.
    pub shapes_mean_mm: f64,
    /// The largest distance of a landmark in any shape.
    pub landmarks_max_mm: f64,
    /// People drawn with all modes of the full model, each beside its weights in the modes of the basis.
    pub identity: Distances,
}

/// Distances from the vertices of a full mesh to the surface of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Distances {
    /// Their mean, in millimetres.
    pub mean_mm: f64,
    /// That below which 95 in a hundred lie, in millimetres.
    pub p95_mm: f64,
    /// The largest, in millimetres.
    pub max_mm: f64,
    /// The largest distance of a landmark from its own vertex of the full mesh, in millimetres.
    pub landmarks_max_mm: f64,
}

/// How near a shape is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShapeError {
    /// The shape.
    pub shape: Shape,
    /// What ICT-FaceKit calls it, or its halves.
    pub ict: Vec<String>,
    /// How far it moves the vertex that it moves farthest, in millimetres.
    pub reach_mm: f64,
    /// How near it is.
    #[serde(flatten)]
    pub distances: Distances,
}

impl BasisReport {
    pub(super) fn of(basis: &FaceBasis, ict: &Ict, progress: &dyn Progress) -> Result<Self, Error> {
        let rest = Turn::default();
        let mut open = Weights::default();
        open[Shape::JawOpen] = 1.0;
        let open = (
            basis.face(&[], &open, rest)?,
            moved(ict, &[(&ict.shape(Shape::JawOpen), 1.0)]),
        );
        let near = Nearby::of(
            basis,
            &[(basis.neutral().to_vec(), ict.neutral.clone()), open],
        );
        let neutral = near.distances(basis.neutral(), &ict.neutral);
        let mut shapes = Vec::new();
        let total = measured_shapes().count();
        for (done, shape) in measured_shapes().enumerate() {
            progress.step(Stage::Evaluate, done, total);
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let mut weights = Weights::default();
            weights[shape] = 1.0;
            let by = ict.shape(shape);
            let reach = by.iter().map(|by| length(*by)).fold(0.0, f32::max);
            shapes.push(ShapeError {
                shape,
                ict: ict::names(shape),
                reach_mm: millimetres(reach),
                distances: near.distances(
                    &basis.face(&[], &weights, rest)?,
                    &moved(ict, &[(&by, 1.0)]),
                ),
            });
        }
        progress.step(Stage::Evaluate, total, total);
        let mean = |of: fn(&ShapeError) -> f64| shapes.iter().map(of).sum::<f64>() / total as f64;
        let largest = shapes.iter().map(|shape| shape.distances.landmarks_max_mm);
        Ok(Self {
            measured_vertices: near.around.len(),
            neutral,
            shapes_mean_mm: mean(|shape| shape.distances.mean_mm),
            landmarks_max_mm: largest.fold(0.0, f64::max),
            identity: near.identity(basis, ict)?,
            shapes,
        })
    }
}

fn millimetres(centimetres: f32) -> f64 {
    f64::from(centimetres) * 10.0
}

/// The full mesh, moved.
fn moved(ict: &Ict, by: &[(&Vec<Vector>, f32)]) -> Vec<Vector> {
    let mut positions = ict.neutral.clone();
    for (by, weight) in by {
        for (position, by) in positions.iter_mut().zip(*by) {
            *position = add(*position, scale(*by, *weight));
        }
    }
    positions
}

/// For each vertex of the full face, the triangles of ours that are near it in one of two poses: at rest, and with the
/// jaw open, where the lips do not touch. A distance to the nearest of them
/// is never below that to the whole surface.
struct Nearby {
    triangles: Vec<[usize; 3]>,
    around: Vec<Vec<u32>>,
    landmarks: [u16; FaceBasis::LANDMARKS],
}

impl Nearby {
    fn of(basis: &FaceBasis, poses: &[(Vec<Vector>, Vec<Vector>)]) -> Self {
        let outside = |corner: &u16| basis.tissues()[usize::from(*corner)].is_outside();
        let skin = basis
            .triangles()
            .iter()
            .filter(|corners| corners.iter().any(outside));
        let triangles: Vec<[usize; 3]> = skin.map(|corners| corners.map(usize::from)).collect();
        let mut at_vertex = vec![Vec::new(); basis.neutral().len()];
        for (at, corners) in triangles.iter().enumerate() {
            for corner in corners {
                at_vertex[*corner].push(at as u32);
            }
        }
        let mut near = Self {
            triangles,
            around: Vec::new(),
            landmarks: *basis.landmarks(),
        };
        let everything: Vec<u32> = (0..near.triangles.len() as u32).collect();
        let widened = |at: usize| {
            let poses = poses.iter();
            let nearest = poses.map(|(ours, full)| near.nearest(ours, full[at], &everything).0);
            let mut all: Vec<u32> = nearest.collect();
            for _ in 0..RINGS {
                let corners = all.iter().flat_map(|at| near.triangles[*at as usize]);
                let mut wider: Vec<u32> = corners.flat_map(|at| at_vertex[at].clone()).collect();
                wider.sort_unstable();
                wider.dedup();
                all = wider;
            }
            all
        };
        near.around = ict::FACE.into_par_iter().map(widened).collect();
        near
    }

    /// The nearest of some triangles, and how far it is.
    fn nearest(&self, positions: &[Vector], point: Vector, among: &[u32]) -> (u32, f32) {
        let mut nearest = (0, f32::INFINITY);
        for at in among {
            let corners = self.triangles[*at as usize].map(|corner| positions[corner]);
            let by = sub(point, nearest_on_triangle(point, corners));
            let square = dot(by, by);
            if square < nearest.1 {
                nearest = (*at, square);
            }
        }
        (nearest.0, nearest.1.sqrt())
    }

    fn distances(&self, ours: &[Vector], full: &[Vector]) -> Distances {
        let points = full[ict::FACE].par_iter().zip(&self.around);
        let far = |(point, among): (&Vector, &Vec<u32>)| self.nearest(ours, *point, among).1;
        let mut all: Vec<f32> = points.map(far).collect();
        all.sort_by(f32::total_cmp);
        let landmarks = self.landmarks.iter().zip(ict::LANDMARKS);
        let off = landmarks.map(|(own, other)| {
            let by = sub(ours[usize::from(*own)], full[usize::from(other)]);
            length(by)
        });
        let sum: f64 = all.iter().copied().map(f64::from).sum();
        Distances {
            mean_mm: sum / all.len() as f64 * 10.0,
            p95_mm: millimetres(all[all.len() * 95 / 100]),
            max_mm: millimetres(all[all.len() - 1]),
            landmarks_max_mm: millimetres(off.fold(0.0, f32::max)),
        }
    }

    /// The mean over people drawn from the distribution of the full model.
    fn identity(&self, basis: &FaceBasis, ict: &Ict) -> Result<Distances, Error> {
        let mut sum = Distances::default();
        for person in 0..PEOPLE {
            let mut rng = Seed(person).derive("identity").rng();
            let weights: Vec<f64> = ict.identity.iter().map(|_| rng.normal()).collect();
            let by: Vec<_> = ict
                .identity
                .iter()
                .zip(&weights)
                .map(|(by, w)| (by, *w as f32))
                .collect();
            let own = &weights[..basis.identity_modes()];
            let ours = basis.face(own, &Weights::default(), Turn::default())?;
            let one = self.distances(&ours, &moved(ict, &by));
            sum.mean_mm += one.mean_mm / PEOPLE as f64;
            sum.p95_mm += one.p95_mm / PEOPLE as f64;
            sum.max_mm = sum.max_mm.max(one.max_mm);
            sum.landmarks_max_mm = sum.landmarks_max_mm.max(one.landmarks_max_mm);
        }
        Ok(sum)
    }
}
