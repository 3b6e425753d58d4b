//! Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics" (1997), for a mesh with many poses: the
//! error of a collapse is that of all poses together, as in Mohr and Gleicher, "Deformation Sensitive Decimation" (2003).
//! Differs: a vertex is always collapsed onto a neighbour, so that what is left are vertices of the full mesh.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap},
};

use crate::basis::vector::{Vector, cross, dot, length, scale, sub, triangle_normal, unit};

/// How much more the pose at rest counts than another.
const NEUTRAL_WEIGHT: f64 = 6.0;
/// How much the seams between parts count beside their surface.
const SEAM_WEIGHT: f64 = 4.0;
/// How much long edges are avoided where nothing else decides.
const LENGTH_WEIGHT: f64 = 2e-4;
/// A triangle may not turn farther than this when its corner moves: the cosine of 75 degrees.
const LEAST_TURN: f32 = 0.26;

/// What is simplified.
pub(super) struct Mesh {
    /// The same vertices in each pose, the one at rest first.
    pub poses: Vec<Vec<Vector>>,
    pub triangles: Vec<[u32; 3]>,
    /// The part that each triangle belongs to, below 8. Seams between parts stay seams.
    pub parts: Vec<u8>,
    /// How much an error at a vertex matters.
    pub importance: Vec<f64>,
    /// The vertices that stay in any case.
    pub stays: Vec<bool>,
}

/// Collapses edges until at most `target` vertices are in use, or no edge can be collapsed. The triangles of what is
/// left, between vertices of the full mesh.
pub(super) fn simplify(mesh: &Mesh, target: usize) -> Vec<[u32; 3]> {
    let mut work = Work::new(mesh);
    while work.in_use > target {
        let Some(next) = work.heap.pop() else { break };
        if work.is_current(&next) && work.may_collapse(next.from, next.onto) {
            work.collapse(next.from, next.onto);
        }
    }
    let kept = work.triangles.iter().zip(&work.alive);
    kept.filter(|(_, alive)| **alive)
        .map(|(triangle, _)| *triangle)
        .collect()
}

/// The squared distance to a set of weighted planes.
#[derive(Clone, Copy, Default)]
struct Quadric([f64; 10]);

impl Quadric {
    /// The plane through `point` across `normal`.
    fn plane(normal: Vector, point: Vector, weight: f64) -> Self {
        let [a, b, c] = normal.map(f64::from);
        let [x, y, z] = point.map(f64::from);
        let d = -(a * x + b * y + c * z);
        let terms = [
            a * a,
            a * b,
            a * c,
            a * d,
            b * b,
            b * c,
            b * d,
            c * c,
            c * d,
            d * d,
        ];
        Self(terms.map(|term| term * weight))
    }

    fn add(&mut self, other: &Self) {
        for (sum, term) in self.0.iter_mut().zip(other.0) {
            *sum += term;
        }
    }

    fn error(&self, point: Vector) -> f64 {
        let [x, y, z] = point.map(f64::from);
        let [aa, ab, ac, ad, bb, bc, bd, cc, cd, dd] = self.0;
        let mixed = ab * x * y + ac * x * z + bc * y * z + ad * x + bd * y + cd * z;
        aa * x * x + bb * y * y + cc * z * z + 2.0 * mixed + dd
    }
}

/// A collapse, and which state of its vertices it was weighed in.
struct Collapse {
    cost: f64,
    from: u32,
    onto: u32,
    versions: [u32; 2],
}

impl Collapse {
    fn order(&self, other: &Self) -> Ordering {
        let by_cost = other.cost.total_cmp(&self.cost); // the cheapest is the greatest
        by_cost.then_with(|| (other.from, other.onto).cmp(&(self.from, self.onto)))
    }
}

impl PartialEq for Collapse {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

impl Eq for Collapse {}

impl PartialOrd for Collapse {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Collapse {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other)
    }
}

struct Work<'a> {
    mesh: &'a Mesh,
    triangles: Vec<[u32; 3]>,
    alive: Vec<bool>,
    /// The triangles around each vertex.
    around: Vec<Vec<u32>>,
    /// A quadric for each vertex and pose.
    quadrics: Vec<Quadric>,
    versions: Vec<u32>,
    heap: BinaryHeap<Collapse>,
    in_use: usize,
}

impl<'a> Work<'a> {
    fn new(mesh: &'a Mesh) -> Self {
        let vertices = mesh.importance.len();
        let mut around = vec![Vec::new(); vertices];
        for (at, triangle) in mesh.triangles.iter().enumerate() {
            for corner in triangle {
                around[*corner as usize].push(at as u32);
            }
        }
        let mut work = Self {
            mesh,
            triangles: mesh.triangles.clone(),
            alive: vec![true; mesh.triangles.len()],
            in_use: around.iter().filter(|around| !around.is_empty()).count(),
            around,
            quadrics: vec![Quadric::default(); vertices * mesh.poses.len()],
            versions: vec![0; vertices],
            heap: BinaryHeap::new(),
        };
        work.add_surfaces();
        work.add_seams();
        for vertex in 0..vertices as u32 {
            for other in work.neighbours(vertex) {
                work.weigh(vertex, other);
            }
        }
        work
    }

    /// The planes of the triangles.
    fn add_surfaces(&mut self) {
        for triangle in &self.mesh.triangles {
            let importance = self.importance(triangle) / 3.0;
            for (pose, positions) in self.mesh.poses.iter().enumerate() {
                let corners = triangle.map(|corner| positions[corner as usize]);
                let normal = triangle_normal(corners);
                let weight = pose_weight(pose) * importance * f64::from(length(normal)) / 2.0;
                let plane = Quadric::plane(unit(normal), corners[0], weight);
                for corner in triangle {
                    let at = *corner as usize * self.mesh.poses.len() + pose;
                    self.quadrics[at].add(&plane);
                }
            }
        }
    }

    /// Planes upright on the triangles along seams and borders.
    fn add_seams(&mut self) {
        let mut edges: BTreeMap<[u32; 2], Vec<usize>> = BTreeMap::new();
        for (at, [a, b, c]) in self.mesh.triangles.iter().enumerate() {
            for (from, to) in [(*a, *b), (*b, *c), (*c, *a)] {
                edges
                    .entry([from.min(to), from.max(to)])
                    .or_default()
                    .push(at);
            }
        }
        for (edge, sides) in edges {
            let parts = &self.mesh.parts;
            if sides.len() > 1 && sides.iter().all(|side| parts[*side] == parts[sides[0]]) {
                continue;
            }
            let triangle = self.mesh.triangles[sides[0]];
            let importance = self.importance(&triangle) * SEAM_WEIGHT;
            for (pose, positions) in self.mesh.poses.iter().enumerate() {
                let along = sub(positions[edge[1] as usize], positions[edge[0] as usize]);
                let normal = triangle_normal(triangle.map(|corner| positions[corner as usize]));
                let upright = unit(cross(along, normal));
                let weight = pose_weight(pose) * importance * f64::from(dot(along, along));
                let plane = Quadric::plane(upright, positions[edge[0] as usize], weight);
                for corner in edge {
                    self.quadrics[corner as usize * self.mesh.poses.len() + pose].add(&plane);
                }
            }
        }
    }

    fn importance(&self, triangle: &[u32; 3]) -> f64 {
        let of = |corner: &u32| self.mesh.importance[*corner as usize];
        triangle.iter().map(of).sum::<f64>() / 3.0
    }

    /// The vertices that share an edge with `vertex`, in order.
    fn neighbours(&self, vertex: u32) -> Vec<u32> {
        let around = self.around[vertex as usize].iter();
        let corners = around.flat_map(|at| self.triangles[*at as usize]);
        let mut all: Vec<u32> = corners.filter(|other| *other != vertex).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn quadrics_of(&self, vertex: u32) -> &[Quadric] {
        let poses = self.mesh.poses.len();
        &self.quadrics[vertex as usize * poses..(vertex as usize + 1) * poses]
    }

    fn weigh(&mut self, from: u32, onto: u32) {
        if self.mesh.stays[from as usize] {
            return;
        }
        let own = self.quadrics_of(from).iter().zip(&self.mesh.poses);
        let moved = own.map(|(quadric, positions)| quadric.error(positions[onto as usize]));
        let stays = self.quadrics_of(onto).iter().zip(&self.mesh.poses);
        let stays = stays.map(|(quadric, positions)| quadric.error(positions[onto as usize]));
        let rest = &self.mesh.poses[0];
        let along = sub(rest[onto as usize], rest[from as usize]);
        let long = f64::from(dot(along, along)) * self.mesh.importance[from as usize];
        let poses = self.mesh.poses.len() as f64;
        self.heap.push(Collapse {
            cost: moved.chain(stays).sum::<f64>() + long * long.sqrt() * LENGTH_WEIGHT * poses,
            from,
            onto,
            versions: [self.versions[from as usize], self.versions[onto as usize]],
        });
    }

    fn is_current(&self, collapse: &Collapse) -> bool {
        let [from, onto] = [collapse.from as usize, collapse.onto as usize];
        let in_use = !self.around[from].is_empty() && !self.around[onto].is_empty();
        in_use && collapse.versions == [self.versions[from], self.versions[onto]]
    }

    /// The triangles on an edge.
    fn sides(&self, from: u32, onto: u32) -> Vec<u32> {
        let around = self.around[from as usize].iter().copied();
        around
            .filter(|at| self.triangles[*at as usize].contains(&onto))
            .collect()
    }

    fn may_collapse(&self, from: u32, onto: u32) -> bool {
        let sides = self.sides(from, onto);
        self.keeps_surface(from, onto, &sides)
            && self.keeps_seams(from, onto, &sides)
            && self.keeps_direction(from, onto)
    }

    /// The link condition: two neighbours that both ends share, or one at a border.
    fn keeps_surface(&self, from: u32, onto: u32, sides: &[u32]) -> bool {
        let others = self.neighbours(onto);
        let own = self.neighbours(from);
        let shared = own.iter().filter(|other| others.contains(other)).count();
        (1..=2).contains(&sides.len()) && shared == sides.len() && own.len() > 3
    }

    /// A vertex on a seam moves only along it, and onto one where the same parts meet.
    fn keeps_seams(&self, from: u32, onto: u32, sides: &[u32]) -> bool {
        let (own, other) = (self.parts_at(from), self.parts_at(onto));
        let part = |side: &u32| self.mesh.parts[*side as usize];
        let on_seam = sides.len() == 1 || sides.iter().any(|side| part(side) != part(&sides[0]));
        own & !other == 0 && (own.count_ones() == 1 || on_seam)
    }

    /// A bit for each part at a vertex, the highest where the mesh ends.
    fn parts_at(&self, vertex: u32) -> u16 {
        let around = &self.around[vertex as usize];
        let parts = around.iter().map(|at| 1 << self.mesh.parts[*at as usize]);
        let ends = self.neighbours(vertex).len() > around.len();
        parts.fold(u16::from(ends) << 15, |all, part| all | part)
    }

    /// No triangle may turn over in any pose.
    fn keeps_direction(&self, from: u32, onto: u32) -> bool {
        let around = self.around[from as usize].iter();
        let mut stay = around
            .map(|at| self.triangles[*at as usize])
            .filter(|triangle| !triangle.contains(&onto));
        stay.all(|triangle| {
            let moved = triangle.map(|corner| if corner == from { onto } else { corner });
            self.mesh.poses.iter().all(|positions| {
                let before = triangle_normal(triangle.map(|corner| positions[corner as usize]));
                let after = triangle_normal(moved.map(|corner| positions[corner as usize]));
                let least = length(before) * length(after) * LEAST_TURN;
                length(before) < 1e-5 || dot(before, after) > least
            })
        })
    }

    fn collapse(&mut self, from: u32, onto: u32) {
        let poses = self.mesh.poses.len();
        for pose in 0..poses {
            let own = self.quadrics[from as usize * poses + pose];
            self.quadrics[onto as usize * poses + pose].add(&own);
        }
        for at in std::mem::take(&mut self.around[from as usize]) {
            let triangle = self.triangles[at as usize];
            if triangle.contains(&onto) {
                self.alive[at as usize] = false;
                for corner in triangle.into_iter().filter(|corner| *corner != from) {
                    self.around[corner as usize].retain(|other| *other != at);
                }
            } else {
                self.triangles[at as usize] =
                    triangle.map(|corner| if corner == from { onto } else { corner });
                self.around[onto as usize].push(at);
            }
        }
        self.in_use -= 1;
        self.versions[onto as usize] += 1;
        for other in self.neighbours(onto) {
            self.weigh(onto, other);
            self.weigh(other, onto);
        }
    }
}

fn pose_weight(pose: usize) -> f64 {
    if pose == 0 { NEUTRAL_WEIGHT } else { 1.0 }
}

/// The point of a triangle that is nearest to `point` (Ericson, "Real-Time Collision Detection", 2005, section 5.1.5).
pub(super) fn nearest_on_triangle(point: Vector, [a, b, c]: [Vector; 3]) -> Vector {
    let (ab, ac) = (sub(b, a), sub(c, a));
    let weights = |v: f32, w: f32| {
        let (along, across) = (scale(ab, v), scale(ac, w));
        [0, 1, 2].map(|axis| a[axis] + along[axis] + across[axis])
    };
    let from = |corner| (dot(ab, sub(point, corner)), dot(ac, sub(point, corner)));
    let ((d1, d2), (d3, d4), (d5, d6)) = (from(a), from(b), from(c));
    let (va, vb, vc) = (d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2);
    if d1 <= 0.0 && d2 <= 0.0 {
        a
    } else if d3 >= 0.0 && d4 <= d3 {
        b
    } else if d6 >= 0.0 && d5 <= d6 {
        c
    } else if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        weights(d1 / (d1 - d3), 0.0)
    } else if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        weights(0.0, d2 / (d2 - d6))
    } else if va <= 0.0 && d4 - d3 >= 0.0 && d5 - d6 >= 0.0 {
        let w = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        weights(1.0 - w, w)
    } else {
        let sum = va + vb + vc;
        weights(vb / sum, vc / sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flat square of 5 by 5 vertices with a bump in one of two poses.
    fn square() -> Mesh {
        let flat: Vec<Vector> = (0..25)
            .map(|at| [(at % 5) as f32, (at / 5) as f32, 0.0])
            .collect();
        let mut bump = flat.clone();
        bump[12][2] = 1.0;
        let cell = |at: u32| {
            let corner = at / 4 * 5 + at % 4;
            [
                [corner, corner + 1, corner + 6],
                [corner, corner + 6, corner + 5],
            ]
        };
        Mesh {
            poses: vec![flat, bump],
            triangles: (0..16).flat_map(cell).collect(),
            parts: vec![0; 32],
            importance: vec![1.0; 25],
            stays: vec![false; 25],
        }
    }

    #[test]
    fn what_is_flat_in_every_pose_goes_and_what_moves_stays() {
        let left = simplify(&square(), 5);
        let mut used: Vec<u32> = left.as_flattened().to_vec();
        used.sort_unstable();
        used.dedup();
        assert!(used.contains(&12), "{used:?}");
        for corner in [0, 4, 20, 24] {
            assert!(used.contains(&corner), "{used:?}");
        }
        let area = |triangle: &[u32; 3]| {
            let mesh = square();
            triangle_normal(triangle.map(|corner| mesh.poses[0][corner as usize]))[2] / 2.0
        };
        assert!(left.iter().all(|triangle| area(triangle) > 0.0));
        assert!((left.iter().map(area).sum::<f32>() - 16.0).abs() < 1e-4);
    }

    #[test]
    fn nearest_points_of_a_triangle_by_hand() {
        let triangle = [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0]];
        for (point, nearest) in [
            ([0.5, 0.5, 3.0], [0.5, 0.5, 0.0]),
            ([-1.0, -1.0, 0.0], [0.0, 0.0, 0.0]),
            ([1.0, -1.0, 1.0], [1.0, 0.0, 0.0]),
            ([2.0, 2.0, 0.0], [1.0, 1.0, 0.0]),
            ([-3.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
            ([5.0, -1.0, 0.0], [2.0, 0.0, 0.0]),
        ] {
            assert_eq!(nearest_on_triangle(point, triangle), nearest);
        }
    }
}
