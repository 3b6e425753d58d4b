use affetto_media::rig::TakeFrame;
use image::RgbImage;
use rayon::prelude::*;

use super::{
    light::{Light, Screen, Surface, dimmed, light, lit, over, smooth},
    paint::{EyePaint, Lids, Paint, hollows, inside},
    raster::{Projected, SAMPLES, Visible, weights},
};
use crate::{
    Error, FaceBasis, Tissue,
    basis::vector::{Vector, add, scale, sub, triangle_normal, unit},
};

/// The sides of pictures, in pixels.
const SIZES: std::ops::RangeInclusive<u32> = 32..=2048;

/// How far the camera stands from the origin, and the middle and height of what it sees where the face is, in
/// centimetres.
const CAMERA: f32 = 80.0;
const MIDDLE: [f32; 2] = [0.0, 1.55];
const HEIGHT: f32 = 25.8;
const FACE_DEPTH: f32 = 7.0;

/// How much more the cornea is curved than the eyeball.
const BULGE: f32 = 0.75;

/// The background at the top and at the bottom, as colours of a screen.
const BACKGROUND: [u32; 2] = [0x9aa3ab, 0x59616a];

/// Draws one face at many moments.
pub struct Renderer<'b> {
    basis: &'b FaceBasis,
    paint: Paint,
    lids: Lids,
    eyes: [EyePaint; 2],
    /// The vertices in the middle of the pupils.
    pupils: [usize; 2],
    screen: Screen,
    background: [Light; 2],
    /// What a triangle is made of.
    kinds: Vec<Kind>,
    /// For each vertex its neighbours, its colour where it is not skin, and how much it is skin and lip.
    edges: Vec<Vec<u16>>,
    inside: Vec<Light>,
    skin: Vec<f32>,
    lips: Vec<f32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Skin,
    Mouth,
    Eye(usize),
}

impl<'b> Renderer<'b> {
    /// Paints the face of `basis`.
    pub fn new(basis: &'b FaceBasis) -> Self {
        let eye = |tissue| EyePaint::new(basis.eye_centre(tissue, basis.neutral()));
        let tissues = basis.tissues();
        let part = |is: fn(Tissue) -> bool| {
            let part = tissues
                .iter()
                .map(|tissue| if is(*tissue) { 1.0 } else { 0.0 });
            part.collect()
        };
        Self {
            basis,
            paint: Paint::new(basis),
            lids: Lids::of(basis),
            eyes: [eye(Tissue::LeftEye), eye(Tissue::RightEye)],
            pupils: [Tissue::LeftEye, Tissue::RightEye].map(|eye| basis.vertices(eye).start),
            screen: Screen::new(),
            background: BACKGROUND.map(light),
            kinds: basis
                .triangles()
                .iter()
                .map(|corners| kind(tissues, corners))
                .collect(),
            edges: edges(basis),
            inside: tissues.iter().map(|tissue| inside(*tissue)).collect(),
            skin: part(Tissue::is_outside),
            lips: part(|tissue| tissue == Tissue::Lips),
        }
    }

    /// Draws a face at one moment of a take, `size` pixels wide and high. Two rows of two samples make a pixel.
    ///
    /// # Errors
    ///
    /// [`Error::PictureSize`] outside 32..=2048 pixels, and [`Error::Identity`].
    pub fn render(
        &self,
        identity: &[f64],
        frame: &TakeFrame,
        size: u32,
    ) -> Result<RgbImage, Error> {
        if !SIZES.contains(&size) {
            return Err(Error::PictureSize {
                width: size,
                height: size,
                least: *SIZES.start(),
                most: *SIZES.end(),
            });
        }
        let positions = self.basis.pose(identity, frame)?;
        let view = self.view(positions, size as usize);
        let mut picture = RgbImage::new(size, size);
        let rows = picture.par_chunks_mut(size as usize * 3).enumerate();
        rows.for_each(|(row, pixels)| self.fill_row(&view, row, pixels));
        Ok(picture)
    }

    fn view(&self, positions: Vec<Vector>, size: usize) -> View {
        let width = (size * SAMPLES) as f32;
        let zoom = width * (CAMERA - FACE_DEPTH) / HEIGHT;
        let project = |[x, y, z]: &Vector| {
            let far = CAMERA - z;
            let on_picture = |by: f32| width / 2.0 + by * zoom / far;
            [on_picture(x - MIDDLE[0]), on_picture(MIDDLE[1] - y), far]
        };
        let projected: Vec<Projected> = positions.iter().map(project).collect();
        let normals = normals(&positions, self.basis.triangles());
        View {
            visible: Visible::of(&projected, self.basis.triangles(), size),
            hollows: hollows(&positions, &normals, &self.edges),
            samples_per_cm: zoom / (CAMERA - FACE_DEPTH),
            projected,
            normals,
        }
    }

    fn fill_row(&self, view: &View, row: usize, pixels: &mut [u8]) {
        let width = view.visible.width;
        let down = row as f32 * SAMPLES as f32 / width as f32;
        let background = over(self.background[0], self.background[1], down);
        let empty = self.screen.pixel(background);
        let (pixels, _) = pixels.as_chunks_mut::<3>();
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let first = row * SAMPLES * width + column * SAMPLES;
            let at = [first, first + 1, first + width, first + width + 1];
            let codes = at.map(|at| view.visible.triangles[at]);
            *pixel = if codes == [0; 4] {
                empty
            } else {
                let place = [(column * SAMPLES) as f32, (row * SAMPLES) as f32];
                self.screen
                    .pixel(self.mixed(view, codes, at, place, background))
            };
        }
    }

    /// The light of a pixel: each triangle once, in the middle of the samples that show it.
    fn mixed(
        &self,
        view: &View,
        codes: [u16; 4],
        at: [usize; 4],
        [left, top]: [f32; 2],
        background: Light,
    ) -> Light {
        let mut sum = [0.0; 3];
        for (first, code) in codes.into_iter().enumerate() {
            if codes[..first].contains(&code) {
                continue;
            }
            let same = (first..4).filter(|other| codes[*other] == code);
            let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
            for other in same {
                x += (other % SAMPLES) as f32 + 0.5;
                y += (other / SAMPLES) as f32 + 0.5;
                count += 1.0;
            }
            let light = match code.checked_sub(1) {
                Some(triangle) => {
                    let point = Point {
                        triangle: usize::from(triangle),
                        x: left + x / count,
                        y: top + y / count,
                        sample: at[first],
                    };
                    self.shaded(view, &point)
                }
                None => background,
            };
            sum = add(sum, scale(light, count / 4.0));
        }
        sum
    }

    fn shaded(&self, view: &View, point: &Point) -> Light {
        let corners = self.basis.triangles()[point.triangle].map(usize::from);
        let parts = weights(
            corners.map(|corner| view.projected[corner]),
            point.x,
            point.y,
        );
        let mixed = |of: &[Vector]| {
            let [a, b, c] = corners.map(|corner| of[corner]);
            [0, 1, 2].map(|axis| a[axis] * parts[0] + b[axis] * parts[1] + c[axis] * parts[2])
        };
        let share = |of: &[f32]| -> f32 { (0..3).map(|at| of[corners[at]] * parts[at]).sum() };
        let rest = mixed(self.basis.neutral());
        let normal = unit(mixed(&view.normals));
        let hollow = share(&view.hollows);
        match self.kinds[point.triangle] {
            Kind::Skin => {
                let skin = share(&self.skin);
                let colour = over(mixed(&self.inside), self.paint.at(rest), skin);
                let (upper, lower) = (share(&self.lids.upper), share(&self.lids.lower));
                let colour = self.lids.over(colour, upper, lower, rest[0].abs());
                let lip = share(&self.lips);
                let surface = Surface {
                    colour,
                    wrap: [0.40, 0.20, 0.14],
                    gloss: 0.045 + 0.10 * lip,
                    sharpness: 3 + (2.0 * lip) as u32,
                };
                let open = (1.0 - 0.75 * hollow.max(0.0)).clamp(0.25, 1.0) * (0.45 + 0.55 * skin);
                lit(&surface, normal, open)
            }
            Kind::Mouth => {
                let surface = Surface {
                    colour: mixed(&self.inside),
                    wrap: [0.35, 0.25, 0.25],
                    gloss: 0.10,
                    sharpness: 5,
                };
                let within = 0.06 + 0.94 * smooth(5.0, 10.6, rest[2]);
                let hidden = view.hidden(point.sample, [0.35, 0.8], 0.10);
                let open = (1.0 - 0.85 * hidden) * (1.0 - 0.4 * hollow.clamp(0.0, 1.0));
                dimmed(lit(&surface, normal, open), within * (0.35 + 0.65 * open))
            }
            Kind::Eye(eye) => {
                let paint = &self.eyes[eye];
                let (colour, is_cornea) = paint.colour(paint.direction(rest));
                let surface = Surface {
                    colour,
                    wrap: [0.35, 0.30, 0.30],
                    gloss: if is_cornea { 2.4 } else { 0.3 },
                    sharpness: 7,
                };
                let gaze = view.normals[self.pupils[eye]];
                let normal = if is_cornea {
                    unit(sub(scale(normal, 1.0 + BULGE), scale(gaze, BULGE)))
                } else {
                    normal
                };
                let shadow = view.shadow_of_lid(point.sample);
                let hidden = view.hidden(point.sample, [0.1, 0.2], 0.02);
                let slit = if view.is_slit(point.sample) {
                    0.15
                } else {
                    1.0
                };
                let open = (1.0 - 0.55 * shadow) * (1.0 - 0.35 * hidden);
                dimmed(lit(&surface, normal, open), (0.45 + 0.55 * open) * slit)
            }
        }
    }
}

fn kind(tissues: &[Tissue], corners: &[u16; 3]) -> Kind {
    let all = corners.map(|corner| tissues[usize::from(corner)]);
    let is_skin = |tissue: &Tissue| tissue.is_outside() || *tissue == Tissue::EyeSocket;
    match all[0] {
        Tissue::LeftEye => Kind::Eye(0),
        Tissue::RightEye => Kind::Eye(1),
        _ if all.iter().any(is_skin) => Kind::Skin,
        _ => Kind::Mouth,
    }
}

/// The neighbours of each vertex, in order.
fn edges(basis: &FaceBasis) -> Vec<Vec<u16>> {
    let mut edges = vec![Vec::new(); basis.neutral().len()];
    for [a, b, c] in basis.triangles() {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            edges[usize::from(*from)].push(*to);
            edges[usize::from(*to)].push(*from);
        }
    }
    for others in &mut edges {
        others.sort_unstable();
        others.dedup();
    }
    edges
}

/// Smooth normals: the mean of the triangles around each vertex, by their area.
fn normals(positions: &[Vector], triangles: &[[u16; 3]]) -> Vec<Vector> {
    let mut sums = vec![[0.0; 3]; positions.len()];
    for corners in triangles {
        let corners = corners.map(usize::from);
        let normal = triangle_normal(corners.map(|corner| positions[corner]));
        for corner in corners {
            sums[corner] = add(sums[corner], normal);
        }
    }
    sums.into_iter().map(unit).collect()
}

/// A moment, ready to be shaded.
struct View {
    projected: Vec<Projected>,
    normals: Vec<Vector>,
    hollows: Vec<f32>,
    visible: Visible,
    samples_per_cm: f32,
}

/// A point of the picture on a triangle.
struct Point {
    triangle: usize,
    /// Where, in samples.
    x: f32,
    y: f32,
    /// A sample that shows the triangle.
    sample: usize,
}

/// Eight directions on the picture.
const AROUND: [[f32; 2]; 8] = [
    [1.0, 0.0],
    [0.7, 0.7],
    [0.0, 1.0],
    [-0.7, 0.7],
    [-1.0, 0.0],
    [-0.7, -0.7],
    [0.0, -1.0],
    [0.7, -0.7],
];

impl View {
    /// Whether something stands in front of the surface of a sample, `x` and `y` centimetres to the side on the picture.
    fn is_behind(&self, sample: usize, [x, y]: [f32; 2], by: f32) -> bool {
        let width = self.visible.width as isize;
        let own = sample as isize;
        let column = own % width + (x * self.samples_per_cm) as isize;
        let row = own / width + (y * self.samples_per_cm) as isize;
        let inside = (0..width).contains(&column) && (0..width).contains(&row);
        inside
            && self.visible.depths[(row * width + column) as usize]
                < self.visible.depths[sample] - by
    }

    /// How much of what is around a sample stands in front of it, 0..=1.
    fn hidden(&self, sample: usize, reaches: [f32; 2], by: f32) -> f32 {
        let places = reaches
            .iter()
            .flat_map(|reach| AROUND.map(|[x, y]| [x * reach, y * reach]));
        let count = places
            .filter(|place| self.is_behind(sample, *place, by))
            .count();
        count as f32 / (2 * AROUND.len()) as f32
    }

    /// Whether a sample of an eye lies between lids that nearly touch, where lashes cross.
    fn is_slit(&self, sample: usize) -> bool {
        [-0.1, 0.1]
            .iter()
            .all(|y| self.is_behind(sample, [0.0, *y], 0.0))
    }

    /// How deep a sample of an eye lies in the shadow of the lid above it, 0..=1.
    fn shadow_of_lid(&self, sample: usize) -> f32 {
        const STEPS: usize = 6;
        const REACH: f32 = 0.42;
        let step = |at: usize| [-0.1, -REACH * (at as f32 + 0.5) / STEPS as f32];
        let lids = (0..STEPS).filter(|at| self.is_behind(sample, step(*at), 0.02));
        lids.count() as f32 / STEPS as f32
    }
}
