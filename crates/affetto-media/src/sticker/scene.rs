//! What one moment of a sticker looks like: shapes in groups that move. Drawing, SVG and Lottie are made from it alone,
//! so that they show the same.

use std::sync::Arc;

/// A colour: red, green, blue and alpha, each 0..=1, not multiplied by alpha.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour(pub [f32; 4]);

impl Colour {
    pub(super) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([
            red as f32 / 255.0,
            green as f32 / 255.0,
            blue as f32 / 255.0,
            1.0,
        ])
    }

    pub(super) const fn with_alpha(self, alpha: f32) -> Self {
        let Self([red, green, blue, _]) = self;
        Self([red, green, blue, alpha])
    }
}

/// A place in the artboard of [`SIDE`] units: x to the right, y down.
pub(super) type Point = [f32; 2];

/// The side of the artboard.
pub(super) const SIDE: f32 = 512.0;

/// A corner of a contour with the handles of the curves before and after it, relative to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vertex {
    pub(super) at: Point,
    pub(super) before: Point,
    pub(super) after: Point,
}

impl Vertex {
    pub(super) const fn sharp(x: f32, y: f32) -> Self {
        Self {
            at: [x, y],
            before: [0.0, 0.0],
            after: [0.0, 0.0],
        }
    }

    pub(super) const fn new(at: Point, before: Point, after: Point) -> Self {
        Self { at, before, after }
    }

    /// Its three points in one row.
    pub(super) const fn numbers(&self) -> [f32; 6] {
        let Self { at, before, after } = self;
        [at[0], at[1], before[0], before[1], after[0], after[1]]
    }
}

/// A line of cubic curves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contour {
    pub(super) vertices: Vec<Vertex>,
    pub(super) closed: bool,
}

impl Contour {
    pub(super) const fn closed(vertices: Vec<Vertex>) -> Self {
        Self {
            vertices,
            closed: true,
        }
    }

    pub(super) const fn open(vertices: Vec<Vertex>) -> Self {
        Self {
            vertices,
            closed: false,
        }
    }

    /// An ellipse of four curves.
    pub(super) fn ellipse(centre: Point, rx: f32, ry: f32) -> Self {
        let (hx, hy) = (rx * CIRCLE, ry * CIRCLE);
        let [x, y] = centre;
        Self::closed(vec![
            Vertex::new([x + rx, y], [0.0, -hy], [0.0, hy]),
            Vertex::new([x, y + ry], [hx, 0.0], [-hx, 0.0]),
            Vertex::new([x - rx, y], [0.0, hy], [0.0, -hy]),
            Vertex::new([x, y - ry], [-hx, 0.0], [hx, 0.0]),
        ])
    }

    /// Left, top, right and bottom of its points and handles.
    pub(super) fn bounds(&self) -> [f32; 4] {
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for vertex in &self.vertices {
            let [x, y] = vertex.at;
            for [dx, dy] in [[0.0, 0.0], vertex.before, vertex.after] {
                bounds[0] = bounds[0].min(x + dx);
                bounds[1] = bounds[1].min(y + dy);
                bounds[2] = bounds[2].max(x + dx);
                bounds[3] = bounds[3].max(y + dy);
            }
        }
        bounds
    }
}

/// The handle of a quarter circle of radius 1.
pub(super) const CIRCLE: f32 = 0.552_285;

/// A colour at a place of a gradient, 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stop {
    pub(super) at: f32,
    pub(super) colour: Colour,
}

/// The transform `x' = a x + c y + e, y' = b x + d y + f`.
pub(super) type Affine = [f32; 6];

pub(super) const IDENTITY: Affine = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What a shape is filled with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Paint {
    Solid(Colour),
    /// From a point to another.
    Linear {
        from: Point,
        to: Point,
        stops: Vec<Stop>,
    },
    /// From the centre outwards, in a frame of its own.
    Radial {
        centre: Point,
        radius: f32,
        stops: Vec<Stop>,
        frame: Affine,
    },
}

/// A line along the contours, with round ends and corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    pub(super) width: f32,
}

/// Contours with one look. A fill lies below its stroke.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) contours: Arc<Vec<Contour>>,
    pub(super) fill: Option<Paint>,
    pub(super) even_odd: bool,
    pub(super) stroke: Option<Stroke>,
}

impl Shape {
    pub(super) fn filled(contour: Contour, colour: Colour) -> Self {
        Self {
            contours: Arc::new(vec![contour]),
            fill: Some(Paint::Solid(colour)),
            even_odd: false,
            stroke: None,
        }
    }

    pub(super) fn stroked(contour: Contour, colour: Colour, width: f32) -> Self {
        Self {
            contours: Arc::new(vec![contour]),
            fill: None,
            even_odd: false,
            stroke: Some(Stroke { colour, width }),
        }
    }

    pub(super) fn with_stroke(mut self, colour: Colour, width: f32) -> Self {
        self.stroke = Some(Stroke { colour, width });
        self
    }
}

/// How a group is moved: its `anchor` comes to `at`, turned about it (radians, clockwise on the screen) after it was
/// stretched from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) anchor: Point,
    pub(super) at: Point,
    pub(super) turn: f32,
    pub(super) scale: [f32; 2],
}

impl Place {
    pub(super) const STILL: Self = Self {
        anchor: [0.0, 0.0],
        at: [0.0, 0.0],
        turn: 0.0,
        scale: [1.0, 1.0],
    };

    pub(super) const fn at(at: Point) -> Self {
        Self { at, ..Self::STILL }
    }

    pub(super) const fn about(anchor: Point) -> Self {
        Self {
            anchor,
            at: anchor,
            ..Self::STILL
        }
    }

    pub(super) fn affine(&self) -> Affine {
        let (sin, cos) = libm::sincosf(self.turn);
        let [sx, sy] = self.scale;
        let [a, b, c, d] = [cos * sx, sin * sx, -sin * sy, cos * sy];
        let [x, y] = self.anchor;
        [
            a,
            b,
            c,
            d,
            self.at[0] - a * x - c * y,
            self.at[1] - b * x - d * y,
        ]
    }
}

/// A group: parts in the order in which they are painted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) place: Place,
    /// 0..=1, for each of its parts.
    pub(super) opacity: f32,
    pub(super) parts: Vec<Part>,
}

impl Group {
    pub(super) fn new(name: &str, place: Place, parts: Vec<Part>) -> Self {
        Self {
            name: name.into(),
            place,
            opacity: 1.0,
            parts,
        }
    }

    pub(super) fn faded(mut self, opacity: f32) -> Self {
        self.opacity = opacity.clamp(0.0, 1.0);
        self
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Group(Group),
    Shape(Shape),
}

impl From<Group> for Part {
    fn from(group: Group) -> Self {
        Self::Group(group)
    }
}

impl From<Shape> for Part {
    fn from(shape: Shape) -> Self {
        Self::Shape(shape)
    }
}

/// `first` after `second`.
pub(super) fn after(first: Affine, second: Affine) -> Affine {
    let [a, b, c, d, e, f] = first;
    let [p, q, r, s, t, u] = second;
    [
        a * p + c * q,
        b * p + d * q,
        a * r + c * s,
        b * r + d * s,
        a * t + c * u + e,
        b * t + d * u + f,
    ]
}

pub(super) fn moved([a, b, c, d, e, f]: Affine, [x, y]: Point) -> Point {
    [a * x + c * y + e, b * x + d * y + f]
}
