//! The card of a basis: front matter in YAML, then the same for people.

use affetto_core::sha256_hex;

use super::measure::{BasisReport, ShapeError};
use crate::basis::FaceBasis;

pub(super) fn card(basis: &FaceBasis, report: &BasisReport, bytes: &[u8]) -> String {
    let config = basis.config();
    let numbers = (config.shapes + config.identity_modes + 1) * config.vertices * 3;
    let worst = report.shapes.iter().map(|shape| shape.distances.mean_mm);
    format!(
        "---\n\
         id: face-basis\n\
         task: face.basis\n\
         parameters: {numbers}\n\
         bytes: {size}\n\
         sha256: {sha256}\n\
         licence: MIT OR Apache-2.0, with the MIT notice of ICT-FaceKit\n\
         data:\n  \
           - name: ICT-FaceKit, the light model (USC Institute for Creative Technologies, 2020)\n    \
             licence: MIT\n\
         command: affetto train face-basis --data DIR --out DIR\n\
         results:\n  \
           extents: {{ vertices: {vertices}, triangles: {triangles}, shapes: {shapes}, identity_modes: {modes} }}\n  \
           neutral_mm: {{ mean: {n_mean:.3}, p95: {n_p95:.3}, max: {n_max:.3} }}\n  \
           shapes_mm: {{ mean: {s_mean:.3}, worst_mean: {s_worst:.3} }}\n  \
           landmarks_max_mm: {marks:.3}\n  \
           identity_mm: {{ mean: {i_mean:.3}, p95: {i_p95:.3} }}\n\
         limits: >-\n  \
           A preview face, not a likeness: no hair, painted lashes, one skin. Weights act linearly, so that two strong\n  \
           shapes at once may cross where a rig would correct them. The identity modes come from the adults that\n  \
           ICT scanned. tongueOut, the gaze of the eyeballs and the tongue are our own, made by hand.\n\
         ---\n\n\
         # A face to see takes on\n\n\
         Made from the light model of ICT-FaceKit (Li et al., \"Learning Formation of Physically-Based Face Attributes\",\n\
         2020), whose MIT notice stands in `LICENSE.ICT-FaceKit.txt`: its mesh of 26719 vertices simplified by the quadric\n\
         error of all poses together, finer at eyes, brows and mouth than at skull and neck, and its displacements at the\n\
         {vertices} vertices that are left, in 8 bits with one scale a shape. Where ICT-FaceKit has two halves of a shape\n\
         of ARKit (browInnerUp, cheekPuff) they are added. Eyeballs and tongue are our own: the eyeballs are half\n\
         spheres that the shapes of the gaze turn by 30 degrees sideways, 22 up and 28 down; the tongue moves with the\n\
         lower teeth, and tongueOut opens the jaw by 0.3 of jawOpen for it.\n\n\
         ## How near it is\n\n\
         From each of the {measured} vertices of the full face to our surface, with each shape at 1, in millimetres; the\n\
         landmarks are vertices that are kept, and are measured from their own place. tongueOut is not in ICT-FaceKit.\n\
         Of 12 people drawn with all 60 modes of the data, the mean distance is {i_mean:.3} mm with the {modes} modes here.\n\n\
         | shape | reach | mean | 95 % | max | landmarks, max |\n\
         |---|--:|--:|--:|--:|--:|\n\
         | at rest | | {n_mean:.3} | {n_p95:.3} | {n_max:.3} | {n_marks:.3} |\n\
         {rows}",
        size = bytes.len(),
        sha256 = sha256_hex(bytes),
        vertices = config.vertices,
        triangles = config.triangles,
        shapes = config.shapes,
        modes = config.identity_modes,
        n_mean = report.neutral.mean_mm,
        n_p95 = report.neutral.p95_mm,
        n_max = report.neutral.max_mm,
        n_marks = report.neutral.landmarks_max_mm,
        s_mean = report.shapes_mean_mm,
        s_worst = worst.fold(0.0, f64::max),
        marks = report.landmarks_max_mm,
        i_mean = report.identity.mean_mm,
        i_p95 = report.identity.p95_mm,
        measured = report.measured_vertices,
        rows = report.shapes.iter().map(row).collect::<String>(),
    )
}

fn row(shape: &ShapeError) -> String {
    let distances = &shape.distances;
    format!(
        "| {} | {:.1} | {:.3} | {:.3} | {:.3} | {:.3} |\n",
        shape.shape,
        shape.reach_mm,
        distances.mean_mm,
        distances.p95_mm,
        distances.max_mm,
        distances.landmarks_max_mm
    )
}
