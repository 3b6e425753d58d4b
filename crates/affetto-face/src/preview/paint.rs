//! What is painted on the skin: a picture seen from the front, that vertices carry with them as the face moves, and the
//! colours of the parts that it does not show.

use rayon::prelude::*;

use super::light::{Light, light, over, smooth};
use crate::{
    FaceBasis, Tissue,
    basis::{
        outline::{BROW_BELOW_LANDMARKS, closed_curve, distance_to_line, is_inside, open_curve},
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
const NOSTRIL: u32 = 0x5b2f28;
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

/// The colour of a tissue that is not skin.
pub(super) fn inside(tissue: Tissue) -> Light {
    light(match tissue {
        Tissue::Skin | Tissue::Brow | Tissue::Lips => SKIN,
        Tissue::EyeSocket => EYE_SOCKET,
        Tissue::MouthLining => MOUTH,
        Tissue::Gums => GUMS,
        Tissue::Teeth | Tissue::LeftEye | Tissue::RightEye => TEETH,
        Tissue::Tongue => TONGUE,
    })
}

/// Lines on the face at rest, seen from the front.
struct Brush {
    /// The outline of the lips, closed, finer than its landmarks.
    lips: Vec<[f32; 2]>,
    /// The middle of the left brow, from the nose outwards.
    brow: Vec<[f32; 2]>,
    colours: Colours,
}

struct Colours {
    skin: Light,
    flush: Light,
    shade: Light,
    lips: Light,
    brow: Light,
    hair: Light,
    nostril: Light,
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
        Self {
            lips: closed_curve(&lips, 8),
            brow: open_curve(&brow, 8),
            colours: Colours {
                skin: light(SKIN),
                flush: light(FLUSH),
                shade: light(SHADE),
                lips: light(LIPS),
                brow: light(BROW),
                hair: light(HAIR),
                nostril: light(NOSTRIL),
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
        colour = over(
            colour,
            colours.nostril,
            0.85 * spot([0.90, -0.63], [0.36, 0.19]),
        );
        colour = over(colour, colours.hair, self.hair(side, y));
        colour = over(colour, colours.lips, self.lip(x, y));
        over(colour, colours.brow, self.hairs_of_brow(x, y))
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
        if !(3.5..=8.0).contains(&y) || side > last[0] + 1.0 {
            return 0.0;
        }
        let along = (side - first[0]) / (last[0] - first[0]);
        let half = 0.40 - 0.22 * smooth(0.35, 1.0, along);
        let far = distance_to_line(&self.brow, [side, y]);
        let stroke = noise(x * 7.0 - y * 4.5 * x.signum(), y * 2.2 + x * 0.8);
        let fine = noise(x * 15.0 - y * 9.0 * x.signum(), y * 4.0);
        let edge = half * (1.0 + 0.25 * (1.0 - smooth(0.4, 0.9, along)) * (stroke - 0.5));
        let body = 1.0 - smooth(edge * 0.55, edge * 1.1, far);
        let starts = smooth(-0.10, 0.16, along);
        body * starts * (0.70 + 0.20 * stroke + 0.18 * fine).min(0.95)
    }
}

/// The rims of the lids, from which the lashes grow: how far each vertex is from them at rest, in centimetres.
pub(super) struct Lids {
    pub upper: Vec<f32>,
    pub lower: Vec<f32>,
    lash: Light,
}

impl Lids {
    pub fn of(basis: &FaceBasis) -> Self {
        let far = |rims: [[usize; 4]; 2]| {
            let curves = rims.map(|rim| {
                let at = |landmark| basis.neutral()[usize::from(basis.landmarks()[landmark])];
                open_curve(&rim.map(at), 6)
            });
            let nearest = |at: &Vector| {
                let both = curves.iter().map(|curve| distance_to_line(curve, *at));
                both.fold(1.0, f32::min)
            };
            basis.neutral().iter().map(nearest).collect()
        };
        Self {
            upper: far([[42, 43, 44, 45], [39, 38, 37, 36]]),
            lower: far([[42, 47, 46, 45], [39, 40, 41, 36]]),
            lash: light(LASH),
        }
    }

    /// The lashes as one sees them from the front: a dark rim, broad above and outwards. `side` is how far out it is.
    pub fn over(&self, skin: Light, upper: f32, lower: f32, side: f32) -> Light {
        let width = 0.06 + 0.08 * smooth(1.9, 3.6, side);
        let above = 0.94 * (1.0 - smooth(width * 0.8, width * 1.9, upper));
        let below = 0.5 * (1.0 - smooth(0.05, 0.14, lower)) * smooth(1.9, 3.0, side);
        over(skin, self.lash, above.max(below))
    }
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
/// normal, to the side of the normal, evened out with its neighbours.
pub(super) fn hollows(positions: &[Vector], normals: &[Vector], edges: &[Vec<u16>]) -> Vec<f32> {
    let hollow = |(vertex, others): (usize, &Vec<u16>)| {
        let bend = |other: &u16| {
            let along = sub(positions[usize::from(*other)], positions[vertex]);
            dot(along, normals[vertex]) / dot(along, along).max(0.01)
        };
        others.iter().map(bend).sum::<f32>() / others.len().max(1) as f32
    };
    let rough: Vec<f32> = edges.iter().enumerate().map(hollow).collect();
    let smoothed = |(vertex, others): (usize, &Vec<u16>)| {
        let around = others.iter().map(|other| rough[usize::from(*other)]);
        let around = around.sum::<f32>() / others.len().max(1) as f32;
        0.5 * (rough[vertex] + around)
    };
    edges.iter().enumerate().map(smoothed).collect()
}
