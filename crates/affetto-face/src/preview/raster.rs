//! Which triangle is seen at each sample: a z-buffer with two by two samples a pixel.

use rayon::prelude::*;

/// Samples a pixel, along each axis.
pub(super) const SAMPLES: usize = 2;
/// Rows of samples that one thread fills at a time.
const BAND: usize = 32;

/// A vertex on the picture: x and y in samples, and how far it is from the camera.
pub(super) type Projected = [f32; 3];

/// What is seen.
pub(super) struct Visible {
    /// Samples along each axis.
    pub width: usize,
    /// For each sample one more than the place of the triangle, or 0.
    pub triangles: Vec<u16>,
    /// How far it is from the camera; infinite where there is nothing.
    pub depths: Vec<f32>,
}

impl Visible {
    /// The nearest triangles on a square picture of `size` pixels, of those that face the camera.
    pub fn of(vertices: &[Projected], triangles: &[[u16; 3]], size: usize) -> Self {
        let width = size * SAMPLES;
        let mut visible = Self {
            width,
            triangles: vec![0; width * width],
            depths: vec![f32::INFINITY; width * width],
        };
        let faces: Vec<Face> = triangles
            .iter()
            .enumerate()
            .filter_map(|(at, corners)| {
                Face::of(
                    at,
                    corners.map(|corner| vertices[usize::from(corner)]),
                    width,
                )
            })
            .collect();
        let bands = visible.triangles.par_chunks_mut(width * BAND);
        let bands = bands
            .zip(visible.depths.par_chunks_mut(width * BAND))
            .enumerate();
        bands.for_each(|(band, (seen, depths))| {
            let first = band * BAND;
            let last = first + seen.len() / width;
            for face in &faces {
                if face.top < last && face.bottom > first {
                    face.fill(first, last, width, seen, depths);
                }
            }
        });
        visible
    }
}

/// A triangle on the picture.
struct Face {
    code: u16,
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
    /// Three weights and the depth, each as its value at the left upper sample and its slopes: small numbers, so that
    /// neighbours agree on their edges.
    planes: [[f32; 3]; 4],
}

impl Face {
    /// Nothing where it faces away, has no area, or lies outside the picture.
    fn of(at: usize, corners: [Projected; 3], width: usize) -> Option<Self> {
        let [a, b, c] = corners;
        // Positive where a, b, c go round anticlockwise as one sees them; y points down.
        let area = (b[1] - a[1]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[1] - a[1]);
        let in_front = corners.iter().all(|corner| corner[2] > 0.0);
        if !(area > 1e-6 && in_front) {
            return None;
        }
        let extent = |axis: usize| {
            let all = corners.map(|corner| corner[axis]);
            let least = all.iter().copied().fold(f32::INFINITY, f32::min);
            let most = all.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            // Samples lie in the middle of their squares.
            let from = (least - 0.5).ceil().clamp(0.0, width as f32) as usize;
            let to = ((most - 0.5).floor() + 1.0).clamp(0.0, width as f32) as usize;
            (from, to)
        };
        let ((left, right), (top, bottom)) = (extent(0), extent(1));
        if left >= right || top >= bottom {
            return None;
        }
        let weight = |from: Projected, to: Projected| {
            let (dx, dy) = ((to[1] - from[1]) / area, -(to[0] - from[0]) / area);
            let (x, y) = (left as f32 + 0.5 - from[0], top as f32 + 0.5 - from[1]);
            [x * dx + y * dy, dx, dy]
        };
        let weights = [weight(b, c), weight(c, a), weight(a, b)];
        let depth = [0, 1, 2].map(|term| {
            let parts = weights.iter().zip(corners);
            parts
                .map(|(weight, corner)| weight[term] * corner[2])
                .sum::<f32>()
        });
        Some(Self {
            code: at as u16 + 1,
            top,
            bottom,
            left,
            right,
            planes: [weights[0], weights[1], weights[2], depth],
        })
    }

    /// Fills the rows from `first` to before `last`, which `seen` and `depths` hold.
    fn fill(&self, first: usize, last: usize, width: usize, seen: &mut [u16], depths: &mut [f32]) {
        for y in self.top.max(first)..self.bottom.min(last) {
            let start = (y - first) * width;
            let down = (y - self.top) as f32;
            let mut at = self.planes.map(|[value, _, dy]| value + dy * down);
            let row = start + self.left..start + self.right;
            for (seen, depth) in seen[row.clone()].iter_mut().zip(&mut depths[row]) {
                let [a, b, c, far] = at;
                if a >= -1e-4 && b >= -1e-4 && c >= -1e-4 && far < *depth {
                    *depth = far;
                    *seen = self.code;
                }
                for (at, plane) in at.iter_mut().zip(&self.planes) {
                    *at += plane[1];
                }
            }
        }
    }
}

/// How much each corner of a triangle counts at a point of the picture, not outside it.
pub(super) fn weights(corners: [Projected; 3], x: f32, y: f32) -> [f32; 3] {
    let [a, b, c] = corners;
    let area = |p: [f32; 2], q: Projected, r: Projected| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    let parts = [area([x, y], b, c), area([x, y], c, a), area([x, y], a, b)];
    let whole = parts.iter().sum::<f32>();
    let parts = parts.map(|part| (part / whole).max(0.0));
    let sum = parts.iter().sum::<f32>().max(1e-6);
    parts.map(|part| part / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two triangles over a picture of two by two pixels: the nearer one hides the lower left half of the other.
    #[test]
    fn the_nearer_triangle_is_seen() {
        let vertices = [
            [0.0, 0.0, 5.0],
            [0.0, 4.0, 5.0],
            [4.0, 4.0, 5.0],
            [4.0, 0.0, 5.0],
            [0.0, 0.0, 3.0],
            [0.0, 4.0, 3.0],
            [4.0, 4.0, 3.0],
        ];
        let all = [[0, 1, 2], [0, 2, 3], [4, 5, 6]];
        let visible = Visible::of(&vertices, &all, 2);
        let rows: Vec<&[u16]> = visible.triangles.chunks(4).collect();
        assert_eq!(rows[0][1..], [2, 2, 2]);
        assert_eq!(rows[3], [3, 3, 3, 3]);
        assert_eq!(rows[2], [3, 3, 3, 2]);
        assert_eq!(visible.depths[12], 3.0);
    }

    #[test]
    fn what_faces_away_is_not_seen() {
        let vertices = [[0.0, 0.0, 5.0], [0.0, 4.0, 5.0], [4.0, 4.0, 5.0]];
        let visible = Visible::of(&vertices, &[[0, 2, 1]], 2);
        assert!(visible.triangles.iter().all(|code| *code == 0));
        assert!(visible.depths.iter().all(|depth| depth.is_infinite()));
    }

    #[test]
    fn weights_by_hand() {
        let corners = [[0.0, 0.0, 1.0], [0.0, 4.0, 1.0], [4.0, 4.0, 1.0]];
        assert_eq!(weights(corners, 0.0, 4.0), [0.0, 1.0, 0.0]);
        assert_eq!(weights(corners, 1.0, 3.0), [0.25, 0.5, 0.25]);
        assert_eq!(weights(corners, -2.0, 4.0)[2], 0.0);
    }
}
