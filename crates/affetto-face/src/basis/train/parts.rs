//! The parts of the mesh: those that are vertices of ICT-FaceKit, and eyeballs and a tongue of our own, which
//! ICT-FaceKit does not move.

use std::{f64::consts::PI, ops::RangeInclusive};

use affetto_media::rig::{SHAPES, Shape, Turn};

use super::ict::{self, Ict};
use crate::basis::{
    Tissue,
    outline::between,
    rotation,
    vector::{Vector, add, cross, dot, mean, rotate, scale, sub, triangle_normal, unit},
};

/// How many vertices the last ring of an eyeball has.
pub(crate) const EYE_RING: usize = 20;
/// Rings of an eyeball between its pole and the ring around its centre.
const EYE_RINGS: usize = 8;
/// Where the left eyeball is and how large, fitted to the sclera of ICT-FaceKit without its cornea, in centimetres.
const LEFT_EYE: Vector = [3.12, 3.60, 8.03];
const EYE_RADIUS: f32 = 1.52;
/// How far an eye turns where a shape of the gaze is 1. The lids of ICT-FaceKit follow about as far.
const GAZE_SIDEWAYS: f64 = 30.0 / 180.0 * PI;
const GAZE_UP: f64 = 22.0 / 180.0 * PI;
const GAZE_DOWN: f64 = 28.0 / 180.0 * PI;

/// How far the jaw opens for the tongue, as a share of `jawOpen`.
const JAW_FOR_TONGUE: f32 = 0.3;
/// The middle of the tongue from its root to its tip, at rest and shown: y and z in centimetres.
const TONGUE_AT_REST: [[f32; 2]; 5] = [
    [-4.60, 3.2],
    [-4.00, 4.8],
    [-3.85, 6.4],
    [-3.95, 8.0],
    [-4.20, 9.2],
];
const TONGUE_SHOWN: [[f32; 2]; 5] = [
    [-4.80, 4.0],
    [-4.25, 8.0],
    [-4.00, 10.6],
    [-4.35, 12.1],
    [-5.35, 12.9],
];
/// Half its width and half its height.
const TONGUE_HALVES: [f32; 2] = [1.40, 0.40];
const TONGUE_SECTIONS: usize = 11;
const TONGUE_RING: usize = 14;

/// Vertices and how they move, before they are rounded.
pub(super) struct Part {
    pub neutral: Vec<Vector>,
    pub triangles: Vec<[u32; 3]>,
    pub tissues: Vec<Tissue>,
    /// For each shape, in the order of [`Shape::ALL`].
    pub shapes: Vec<Vec<Vector>>,
    pub identity: Vec<Vec<Vector>>,
}

/// The displacements of the full mesh, by shape. Where the tongue is shown, the jaw opens for it.
pub(super) fn full_shapes(ict: &Ict) -> Vec<Vec<Vector>> {
    let shape = |shape| match shape {
        Shape::TongueOut => {
            let open = ict.shape(Shape::JawOpen);
            open.into_iter()
                .map(|by| scale(by, JAW_FOR_TONGUE))
                .collect()
        }
        shape => ict.shape(shape),
    };
    Shape::ALL.into_iter().map(shape).collect()
}

impl Part {
    /// The vertices of ICT-FaceKit that `triangles` use, and the place of each among those of the part.
    pub fn of_ict(
        ict: &Ict,
        shapes: &[Vec<Vector>],
        modes: usize,
        triangles: &[[u32; 3]],
        tissue: impl Fn(usize) -> Tissue,
    ) -> (Self, Vec<u32>) {
        let mut used: Vec<u32> = triangles.as_flattened().to_vec();
        used.sort_unstable();
        used.dedup();
        let place = |vertex: u32| used.partition_point(|other| *other < vertex) as u32;
        let pick = |all: &Vec<Vector>| used.iter().map(|vertex| all[*vertex as usize]).collect();
        let part = Self {
            neutral: pick(&ict.neutral),
            triangles: triangles.iter().map(|corners| corners.map(place)).collect(),
            tissues: used.iter().map(|vertex| tissue(*vertex as usize)).collect(),
            shapes: shapes.iter().map(pick).collect(),
            identity: ict.identity.iter().take(modes).map(pick).collect(),
        };
        (part, used)
    }

    /// The front half of an eyeball: a pole, then rings around it up to the one around the centre.
    pub fn eye(ict: &Ict, modes: usize, tissue: Tissue) -> Self {
        let is_left = tissue == Tissue::LeftEye;
        let side = if is_left { 1.0 } else { -1.0 };
        let centre = [LEFT_EYE[0] * side, LEFT_EYE[1], LEFT_EYE[2]];
        let mut neutral = vec![add(centre, [0.0, 0.0, EYE_RADIUS])];
        for ring in 1..=EYE_RINGS {
            let (out, forward) = libm::sincos(ring as f64 / EYE_RINGS as f64 * PI / 2.0);
            for step in 0..EYE_RING {
                let (y, x) = libm::sincos(step as f64 / EYE_RING as f64 * 2.0 * PI);
                let direction = [out * x, out * y, forward].map(|part| part as f32);
                neutral.push(add(centre, scale(direction, EYE_RADIUS)));
            }
        }
        let sclera = if is_left {
            ict::LEFT_SCLERA
        } else {
            ict::RIGHT_SCLERA
        };
        let gaze = |shape| match gaze(shape, is_left) {
            Some(turn) => {
                let rotation = rotation(turn);
                let by = |at: &Vector| sub(add(rotate(&rotation, sub(*at, centre)), centre), *at);
                neutral.iter().map(by).collect()
            }
            None => vec![[0.0; 3]; neutral.len()],
        };
        Self {
            triangles: rings(EYE_RINGS, EYE_RING),
            tissues: vec![tissue; neutral.len()],
            shapes: Shape::ALL.into_iter().map(gaze).collect(),
            identity: followed(ict, ict.identity.iter().take(modes), sclera, &neutral),
            neutral,
        }
    }

    /// A closed tongue that moves with the lower teeth.
    pub fn tongue(ict: &Ict, shapes: &[Vec<Vector>], modes: usize) -> Self {
        let neutral = tongue(&TONGUE_AT_REST);
        let mut moves = followed(ict, shapes.iter(), ict::LOWER_TEETH, &neutral);
        let shown = tongue(&TONGUE_SHOWN).into_iter().zip(&neutral);
        moves[Shape::TongueOut.index()] = shown.map(|(to, from)| sub(to, *from)).collect();
        let mut triangles = rings(TONGUE_SECTIONS, TONGUE_RING);
        close(&mut triangles, neutral.len() as u32 - 1, TONGUE_RING);
        if volume(&neutral, &triangles) < 0.0 {
            triangles.iter_mut().for_each(|corners| corners.swap(1, 2));
        }
        debug_assert_eq!(moves.len(), SHAPES);
        Self {
            triangles,
            tissues: vec![Tissue::Tongue; neutral.len()],
            shapes: moves,
            identity: followed(
                ict,
                ict.identity.iter().take(modes),
                ict::LOWER_TEETH,
                &neutral,
            ),
            neutral,
        }
    }
}

/// How an eye turns for a shape of its gaze.
fn gaze(shape: Shape, is_left: bool) -> Option<Turn> {
    let name = shape.name();
    let own = if is_left { "Left" } else { "Right" };
    let outwards = if is_left {
        GAZE_SIDEWAYS
    } else {
        -GAZE_SIDEWAYS
    };
    let (yaw, pitch) = match name.strip_suffix(own)? {
        "eyeLookUp" => (0.0, -GAZE_UP),
        "eyeLookDown" => (0.0, GAZE_DOWN),
        "eyeLookIn" => (-outwards, 0.0),
        "eyeLookOut" => (outwards, 0.0),
        _ => return None,
    };
    Some(Turn {
        yaw,
        pitch,
        roll: 0.0,
    })
}

/// A pole, and rings of `around` vertices each, the triangles between them.
fn rings(count: usize, around: usize) -> Vec<[u32; 3]> {
    let at = |ring: usize, step: usize| (1 + (ring - 1) * around + step % around) as u32;
    let cap = (0..around).map(|step| [0, at(1, step), at(1, step + 1)]);
    let between = (1..count).flat_map(|ring| {
        (0..around).flat_map(move |step| {
            let (a, b) = (at(ring, step), at(ring, step + 1));
            let (c, d) = (at(ring + 1, step), at(ring + 1, step + 1));
            [[a, c, d], [a, d, b]]
        })
    });
    cap.chain(between).collect()
}

/// A pole at the other end, `last`, behind the ring before it.
fn close(triangles: &mut Vec<[u32; 3]>, last: u32, around: usize) {
    let first = last - around as u32;
    let at = |step: usize| first + (step % around) as u32;
    triangles.extend((0..around).map(|step| [at(step), last, at(step + 1)]));
}

/// The tongue around its middle: its root, rings, its tip.
fn tongue(middle: &[[f32; 2]; 5]) -> Vec<Vector> {
    let mut positions = vec![on_curve(middle, 0.0)];
    for section in 1..=TONGUE_SECTIONS {
        // Closer together at the ends, which are round.
        let turned = libm::cos(section as f64 / (TONGUE_SECTIONS + 1) as f64 * PI);
        let along = (0.5 - 0.5 * turned) as f32;
        let centre = on_curve(middle, along);
        let ahead = sub(
            on_curve(middle, along + 0.02),
            on_curve(middle, along - 0.02),
        );
        let up = unit(cross(ahead, [1.0, 0.0, 0.0]));
        // Blunt at both ends, broadest behind the tip.
        let off = (2.0 * along - 1.0) * (2.0 * along - 1.0);
        let blunt = (1.0 - off * off * off).max(0.0).sqrt();
        let [wide, high] = TONGUE_HALVES;
        let wide = wide * blunt * (1.0 - 0.25 * (along - 0.7).abs());
        for step in 0..TONGUE_RING {
            let (sin, cos) = libm::sincos(step as f64 / TONGUE_RING as f64 * 2.0 * PI);
            let (sin, cos) = (sin as f32, cos as f32);
            let furrow = 0.35 * sin.max(0.0) * (1.0 - cos.abs());
            let rise = (sin - furrow) * high * blunt;
            positions.push(add(add(centre, scale(up, rise)), [wide * cos, 0.0, 0.0]));
        }
    }
    positions.push(on_curve(middle, 1.0));
    positions
}

/// A point of the curve through five points (Catmull and Rom, 1974), which goes straight on at its ends.
fn on_curve(points: &[[f32; 2]; 5], along: f32) -> Vector {
    let at = along.clamp(0.0, 1.0) * 4.0;
    let first = (at as usize).min(3);
    let t = at - first as f32;
    let point = |index: isize, axis: usize| match index {
        -1 => 2.0 * points[0][axis] - points[1][axis],
        5 => 2.0 * points[4][axis] - points[3][axis],
        index => points[index as usize][axis],
    };
    let first = first as isize;
    let four = [-1, 0, 1, 2].map(|by| [0, 1].map(|axis| point(first + by, axis)));
    let [y, z] = between(four, t);
    let beyond = along - along.clamp(0.0, 1.0);
    let straight = if beyond > 0.0 { 3 } else { 0 };
    let slope = |axis: usize| (point(straight + 1, axis) - point(straight, axis)) * 4.0 * beyond;
    [0.0, y + slope(0), z + slope(1)]
}

fn volume(positions: &[Vector], triangles: &[[u32; 3]]) -> f32 {
    let centre = mean(positions.iter().copied());
    let share = |corners: &[u32; 3]| {
        let corners = corners.map(|corner| positions[corner as usize]);
        dot(sub(corners[0], centre), triangle_normal(corners))
    };
    triangles.iter().map(share).sum()
}

/// What a rigid thing fixed to the vertices `guides` does, for each of `moves`: the affine map nearest to how the
/// guides move, applied to `positions`. The displacements of a turn are affine in the positions.
fn followed<'a>(
    ict: &Ict,
    moves: impl Iterator<Item = &'a Vec<Vector>>,
    guides: RangeInclusive<usize>,
    positions: &[Vector],
) -> Vec<Vec<Vector>> {
    let centre = mean(ict.neutral[guides.clone()].iter().copied());
    let row = |at: Vector| {
        let [x, y, z] = sub(at, centre).map(f64::from);
        [x, y, z, 1.0]
    };
    let one = |by: &Vec<Vector>| {
        let mut sums = [[0.0; 7]; 4];
        for guide in guides.clone() {
            let (row, by) = (row(ict.neutral[guide]), by[guide].map(f64::from));
            for (sums, own) in sums.iter_mut().zip(row) {
                let values = row.into_iter().chain(by);
                sums.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += own * value);
            }
        }
        let map = solved(sums);
        let by = |at: &Vector| {
            let row = row(*at);
            [0, 1, 2].map(|axis| (0..4).map(|term| row[term] * map[term][axis]).sum::<f64>() as f32)
        };
        positions.iter().map(by).collect()
    };
    moves.map(one).collect()
}

/// The solution of four equations with three right sides, by elimination with the largest pivots.
fn solved(mut rows: [[f64; 7]; 4]) -> [[f64; 3]; 4] {
    for at in 0..4 {
        let size = |row: &usize| rows[*row][at].abs();
        let pivot = (at..4)
            .max_by(|a, b| size(a).total_cmp(&size(b)))
            .unwrap_or(at);
        rows.swap(at, pivot);
        if rows[at][at] == 0.0 {
            continue;
        }
        let by = rows[at][at];
        rows[at].iter_mut().for_each(|number| *number /= by);
        let pivot = rows[at];
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != at) {
            let factor = row[at];
            row.iter_mut()
                .zip(pivot)
                .for_each(|(number, own)| *number -= factor * own);
        }
    }
    rows.map(|row| [row[4], row[5], row[6]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_by_hand() {
        let map = [
            [1.0, 2.0, 3.0],
            [0.5, -1.0, 0.0],
            [4.0, 0.0, 1.0],
            [0.0, 7.0, -2.0],
        ];
        let left = [
            [0.0, 2.0, 0.0, 1.0],
            [1.0, 1.0, 0.0, 0.0],
            [0.0, 3.0, 5.0, 0.0],
            [2.0, 0.0, 0.0, 4.0],
        ];
        let rows = left.map(|row: [f64; 4]| {
            let right = |axis: usize| (0..4).map(|at| row[at] * map[at][axis]).sum::<f64>();
            [row[0], row[1], row[2], row[3], right(0), right(1), right(2)]
        });
        for (found, expected) in solved(rows).as_flattened().iter().zip(map.as_flattened()) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn the_curve_meets_its_points_and_goes_straight_on() {
        for (at, point) in TONGUE_AT_REST.iter().enumerate() {
            let [x, y, z] = on_curve(&TONGUE_AT_REST, at as f32 / 4.0);
            assert_eq!(x, 0.0);
            assert!((y - point[0]).abs() < 1e-5 && (z - point[1]).abs() < 1e-5);
        }
        let tip = on_curve(&TONGUE_AT_REST, 1.25);
        assert!((tip[2] - (9.2 + 1.2)).abs() < 1e-4, "{tip:?}");
    }

    #[test]
    fn eyes_turn_to_their_own_side() {
        let out = |is_left, shape| gaze(shape, is_left).map(|turn| turn.yaw > 0.0);
        assert_eq!(out(true, Shape::EyeLookOutLeft), Some(true));
        assert_eq!(out(true, Shape::EyeLookInLeft), Some(false));
        assert_eq!(out(false, Shape::EyeLookOutRight), Some(false));
        assert_eq!(out(false, Shape::EyeLookInLeft), None);
        assert_eq!(out(true, Shape::EyeBlinkLeft), None);
    }
}
