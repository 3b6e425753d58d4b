//! What is painted on the skin: a picture seen from the front, that vertices carry with them as the face moves, and the
//! colours of the parts that it does not show.

use rayon::prelude::*;

use super::light::{Light, light, over, smooth};
use crate::{
    FaceBasis, Region,
    basis::{
        outline::{BROW_BELOW_LANDMARKS, distance_to_line, is_inside},
        vector::{Vector, dot, sub, unit},
    },
};

/// What the picture covers, in centimetres of the face at rest.
const LEFT: f32 = -9.5;
const TOP: f32 = 14.0;
const PIXELS_PER_CM: f32 = 32.0;
const WIDTH: usize = 608;
const HEIGHT: usize = 864;

/// Colours of a screen.
const SKIN: u32 = 0xd9a88c;
const FLUSH: u32 = 0xcf7f6e;
const SHADE: u32 = 0xb07f70;
const LIPS: u32 = 0xb5655f;
const BROW: u32 = 0x4a3226;
const LASH: u32 = 0x2b1d18;
const HAIR: u32 = 0x6b5044;
const EYE_SOCKET: u32 = 0xb9776b;
const MOUTH: u32 = 0x6e2f2c;
const GUMS: u32 = 0xb4605c;
const TEETH: u32 = 0xe8e2d2;
const TONGUE: u32 = 0xb8605e;

/// The picture on the skin.
pub(super) struct Paint {
    pixels: Vec<Light>,
}

impl Paint {
    pub fn new(basis: &FaceBasis) -> Self {
        let brush = Brush::of(basis);
        let pixel = |at: usize| {
            let x = LEFT + (at % WIDTH) as f32 / PIXELS_PER_CM;
            let y = TOP - (at / WIDTH) as f32 / PIXELS_PER_CM;
            brush.colour(x, y)
        };
        Self {
            pixels: (0..WIDTH * HEIGHT).into_par_iter().map(pixel).collect(),
        }
    }

    /// The colour of the skin that is at a place of the face at rest, mixed from the four nearest pixels.
    pub fn at(&self, rest: Vector) -> Light {
        let x = ((rest[0] - LEFT) * PIXELS_PER_CM).clamp(0.0, WIDTH as f32 - 1.001);
        let y = ((TOP - rest[1]) * PIXELS_PER_CM).clamp(0.0, HEIGHT as f32 - 1.001);
        let (column, row) = (x as usize, y as usize);
        let (along, down) = (x - column as f32, y - row as f32);
        let row = |row: usize| {
            let at = row * WIDTH + column;
            over(self.pixels[at], self.pixels[at + 1], along)
        };
        over(row(y as usize), row(y as usize + 1), down)
    }
}

/// The colour of a region that is not skin.
pub(super) fn inside(region: Region) -> Light {
    light(match region {
        Region::Skin | Region::Brow | Region::Lips => SKIN,
        Region::EyeSocket => EYE_SOCKET,
        Region::MouthLining => MOUTH,
        Region::Gums => GUMS,
        Region::Teeth | Region::LeftEye | Region::RightEye => TEETH,
        Region::Tongue => TONGUE,
    })
}

/// Lines on the face at rest, seen from the front.
struct Brush {
    /// The outline of the lips, closed, finer than its landmarks.
    lips: Vec<[f32; 2]>,
    /// The middle of the left brow, from the nose outwards.
    brow: Vec<[f32; 2]>,
    /// The rims of the left eyelids, from the inner corner to the outer one.
    upper_lid: Vec<[f32; 2]>,
    lower_lid: Vec<[f32; 2]>,
    colours: Colours,
}

struct Colours {
    skin: Light,
    flush: Light,
    shade: Light,
    lips: Light,
    brow: Light,
    lash: Light,
    hair: Light,
}

impl Brush {
    fn of(basis: &FaceBasis) -> Self {
        let at = |landmark: usize| {
            let [x, y, _] = basis.neutral()[usize::from(basis.landmarks()[landmark])];
            [x, y]
        };
        let lips: Vec<[f32; 2]> = (48..60).map(at).collect();
        let lowered = |[x, y]: [f32; 2]| [x, y - BROW_BELOW_LANDMARKS];
        let mut brow: Vec<[f32; 2]> = (22..27).map(|landmark| lowered(at(landmark))).collect();
        brow[4][1] -= 0.1;
        let (upper_lid, lower_lid) = lids(basis, at(42), at(45));
        Self {
            lips: closed_curve(&lips, 8),
            brow: open_curve(&brow, 8),
            upper_lid,
            lower_lid,
            colours: Colours {
                skin: light(SKIN),
                flush: light(FLUSH),
                shade: light(SHADE),
                lips: light(LIPS),
                brow: light(BROW),
                lash: light(LASH),
                hair: light(HAIR),
            },
        }
    }

    /// The colour at a place of the face at rest. Both sides are alike but for the hairs of the brows.
    fn colour(&self, x: f32, y: f32) -> Light {
        let colours = &self.colours;
        let side = x.abs();
        let spot = |centre: [f32; 2], reach: [f32; 2]| {
            let (dx, dy) = ((side - centre[0]) / reach[0], (y - centre[1]) / reach[1]);
            libm::expf(-dx * dx - dy * dy)
        };
        let mottled = noise(x * 1.7, y * 1.7) * 0.6 + noise(x * 6.0, y * 6.0) * 0.4;
        let mut colour = over(colours.skin, colours.shade, 0.10 * mottled);
        colour = over(colour, colours.flush, 0.34 * spot([4.4, -0.2], [2.1, 1.7]));
        colour = over(colour, colours.flush, 0.32 * spot([0.0, 0.1], [1.3, 1.1]));
        colour = over(colour, colours.flush, 0.12 * spot([0.0, -6.6], [1.6, 1.1]));
        colour = over(colour, colours.shade, 0.30 * spot([3.0, 2.2], [1.7, 0.55]));
        colour = over(colour, colours.shade, 0.35 * spot([3.2, 4.5], [1.8, 0.65]));
        colour = over(colour, colours.hair, self.hair(side, y));
        colour = over(colour, colours.lips, self.lip(x, y));
        colour = over(colour, colours.brow, self.hairs_of_brow(x, y));
        over(colour, colours.lash, self.lash(side, y))
    }

    /// The shadow of short hair above the forehead.
    fn hair(&self, side: f32, y: f32) -> f32 {
        let line = 10.2 - 0.022 * side * side - smooth(5.5, 8.0, side) * 5.0;
        0.75 * smooth(line - 0.5, line + 0.7, y)
    }

    fn lip(&self, x: f32, y: f32) -> f32 {
        if x.abs() > 4.0 || !(-6.0..=-1.0).contains(&y) {
            return 0.0;
        }
        let far = distance_to_line(&self.lips, [x, y]);
        let inside = is_inside(&self.lips, [x, y]);
        let depth = if inside { far } else { -far };
        0.85 * smooth(-0.10, 0.16, depth)
    }

    /// Short strokes that lean outwards, thick near the nose and thin at the temple.
    fn hairs_of_brow(&self, x: f32, y: f32) -> f32 {
        let side = x.abs();
        let (first, last) = (self.brow[0], self.brow[self.brow.len() - 1]);
        if y > 8.0 || y < 3.5 || side > last[0] + 1.0 {
            return 0.0;
        }
        let along = (side - first[0]) / (last[0] - first[0]);
        let half = 0.40 - 0.22 * smooth(0.35, 1.0, along);
        let far = distance_to_line(&self.brow, [side, y]);
        let stroke = noise(x * 7.0 - y * 4.5 * x.signum(), y * 2.2 + x * 0.8);
        let fine = noise(x * 15.0 - y * 9.0 * x.signum(), y * 4.0);
        let edge = half + 0.10 * (stroke - 0.5);
        let body = 1.0 - smooth(edge * 0.55, edge * 1.1, far);
        let starts = smooth(-0.10, 0.16, along);
        body * starts * (0.62 + 0.24 * stroke + 0.20 * fine).min(0.93)
    }

    /// The lashes as one sees them from the front: a dark rim, broad above and outwards.
    fn lash(&self, side: f32, y: f32) -> f32 {
        if !(1.0..=6.0).contains(&side) || !(1.5..=5.5).contains(&y) {
            return 0.0;
        }
        let width = 0.07 + 0.06 * smooth(2.0, 4.4, side);
        let upper = 1.0
            - smooth(
                width * 0.6,
                width * 1.7,
                distance_to_line(&self.upper_lid, [side, y]),
            );
        let lower = 1.0 - smooth(0.02, 0.10, distance_to_line(&self.lower_lid, [side, y]));
        (0.92 * upper).max(0.35 * lower)
    }
}

/// The rims of the left lids: where skin meets the socket, above and below the line between the corners of the eye.
fn lids(basis: &FaceBasis, inner: [f32; 2], outer: [f32; 2]) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
    let region = |corner: u16| basis.regions()[usize::from(corner)];
    let mut rim: Vec<u16> = Vec::new();
    for corners in basis.triangles() {
        let has = |wanted: fn(Region) -> bool| corners.iter().any(|corner| wanted(region(*corner)));
        if has(|region| region == Region::EyeSocket) && has(Region::is_outside) {
            let skin = corners
                .iter()
                .filter(|corner| region(**corner).is_outside());
            rim.extend(skin);
        }
    }
    rim.sort_unstable();
    rim.dedup();
    let places = rim
        .iter()
        .map(|vertex| basis.neutral()[usize::from(*vertex)]);
    let slope = (outer[1] - inner[1]) / (outer[0] - inner[0]);
    let level = |x: f32| inner[1] + (x - inner[0]) * slope;
    let (mut upper, mut lower): (Vec<[f32; 2]>, Vec<[f32; 2]>) = places
        .filter(|at| at[0] > 0.0)
        .map(|at| [at[0], at[1]])
        .partition(|[x, y]| *y > level(*x));
    for line in [&mut upper, &mut lower] {
        line.push(inner);
        line.push(outer);
        line.sort_by(|a, b| a[0].total_cmp(&b[0]));
    }
    (upper, lower)
}

/// The curve through points (Catmull and Rom, 1974), `steps` lines between two of them.
fn open_curve(points: &[[f32; 2]], steps: usize) -> Vec<[f32; 2]> {
    let last = points.len() - 1;
    let at = |index: usize, by: isize| {
        let index = index.saturating_add_signed(by).min(last);
        points[index]
    };
    let curve = (0..last).flat_map(|first| {
        let four = [at(first, -1), at(first, 0), at(first, 1), at(first, 2)];
        (0..steps).map(move |step| between(four, step as f32 / steps as f32))
    });
    curve.chain([points[last]]).collect()
}

fn closed_curve(points: &[[f32; 2]], steps: usize) -> Vec<[f32; 2]> {
    let count = points.len();
    let curve = (0..count).flat_map(|first| {
        let four = [count - 1, 0, 1, 2].map(|by| points[(first + by) % count]);
        (0..steps).map(move |step| between(four, step as f32 / steps as f32))
    });
    let mut curve: Vec<[f32; 2]> = curve.collect();
    curve.push(points[0]);
    curve
}

fn between([a, b, c, d]: [[f32; 2]; 4], t: f32) -> [f32; 2] {
    [0, 1].map(|axis| {
        let [a, b, c, d] = [a, b, c, d].map(|point| point[axis]);
        let (linear, square) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d);
        b + 0.5 * t * (linear + t * (square + t * (3.0 * (b - c) + d - a)))
    })
}

/// Numbers in 0..=1 that change smoothly from place to place, the same every time.
fn noise(x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let corner = |dx: i32, dy: i32| {
        let mut bits = (column as i32 + dx) as u32;
        bits =
            bits.wrapping_mul(0x9e37_79b1) ^ ((row as i32 + dy) as u32).wrapping_mul(0x85eb_ca77);
        bits = (bits ^ bits >> 15).wrapping_mul(0x2c1b_3c6d);
        bits = (bits ^ bits >> 12).wrapping_mul(0x297a_2d39);
        (bits ^ bits >> 15) as f32 / u32::MAX as f32
    };
    let (along, down) = (smooth(0.0, 1.0, x - column), smooth(0.0, 1.0, y - row));
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * along;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * along;
    top + (bottom - top) * down
}

/// An eyeball, painted by the direction from its centre at rest.
pub(super) struct EyePaint {
    centre: Vector,
    sclera: Light,
    vessel: Light,
    iris: Light,
    iris_light: Light,
    limbus: Light,
}

impl EyePaint {
    /// How large iris and pupil are beside the radius of the eyeball.
    const IRIS: f32 = 0.395;
    const PUPIL: f32 = 0.15;

    pub fn new(centre: Vector) -> Self {
        Self {
            centre,
            sclera: light(0xe6dfd8),
            vessel: light(0xd8a79b),
            iris: light(0x5a3d22),
            iris_light: light(0x9c7340),
            limbus: light(0x1d1612),
        }
    }

    /// The direction of a place on the eyeball at rest.
    pub fn direction(&self, rest: Vector) -> Vector {
        unit(sub(rest, self.centre))
    }

    /// The colour of a place on the eyeball, and whether the cornea lies over it.
    pub fn colour(&self, [x, y, z]: Vector) -> (Light, bool) {
        let off = if z > 0.0 { (x * x + y * y).sqrt() } else { 1.0 };
        let around = libm::atan2f(y, x);
        let red = 0.55 * smooth(0.45, 1.0, off);
        let white = over(self.sclera, self.vessel, red);
        let fibres =
            noise(around * 9.0 + 40.0, off * 14.0) * 0.6 + noise(around * 24.0, off * 6.0) * 0.4;
        let inner = 1.0 - smooth(Self::PUPIL, Self::IRIS * 0.85, off);
        let iris = over(
            self.iris,
            self.iris_light,
            (0.25 + 0.5 * inner) * (0.5 + fibres),
        );
        let ring = smooth(Self::IRIS * 0.72, Self::IRIS * 0.98, off);
        let iris = over(iris, self.limbus, 0.8 * ring);
        let iris = over(
            iris,
            [0.004; 3],
            1.0 - smooth(Self::PUPIL - 0.015, Self::PUPIL + 0.02, off),
        );
        let outside = smooth(Self::IRIS - 0.025, Self::IRIS + 0.035, off);
        (over(iris, white, outside), outside < 0.5)
    }
}

/// How hollow the surface is at each vertex, in 1 / cm: the mean over its edges of how fast they leave the plane of its
/// normal, to the side of the normal.
pub(super) fn hollows(positions: &[Vector], normals: &[Vector], edges: &[Vec<u16>]) -> Vec<f32> {
    let hollow = |(vertex, others): (usize, &Vec<u16>)| {
        let bend = |other: &u16| {
            let along = sub(positions[usize::from(*other)], positions[vertex]);
            dot(along, normals[vertex]) / dot(along, along).max(0.01)
        };
        others.iter().map(bend).sum::<f32>() / others.len().max(1) as f32
    };
    edges.iter().enumerate().map(hollow).collect()
}
