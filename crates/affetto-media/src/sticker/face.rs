//! The features of a face: eyes, brows, mouth and what shows on and around it. All are drawn here in one style, so that
//! every character has the same expressions.

use std::f32::consts::{PI, TAU};

use super::{
    Channel as C, Pose,
    scene::{
        CIRCLE, Colour, Contour, Group, IDENTITY, Paint, Part, Place, Point, Shape, Stop, Vertex,
    },
    style::{EyeGlyph, MouthGlyph, Shown},
};

const WHITE: Colour = Colour::rgb(255, 255, 255);
const TONGUE: Colour = Colour::rgb(255, 118, 138);
const TONGUE_LINE: Colour = Colour::rgb(222, 76, 110);
const TEETH: Colour = Colour::rgb(255, 253, 248);
const TEETH_LINE: Colour = Colour::rgb(206, 196, 216);
const WATER: Colour = Colour::rgb(96, 190, 255);
const WATER_EDGE: Colour = Colour::rgb(52, 140, 232);
const WATER_SHINE: Colour = Colour::rgb(232, 248, 255);
const LOVE: Colour = Colour::rgb(244, 52, 98);
const LOVE_SHINE: Colour = Colour::rgb(255, 178, 196);
const GOLD: Colour = Colour::rgb(255, 206, 48);
const GOLD_EDGE: Colour = Colour::rgb(244, 160, 30);
const GOLD_SHINE: Colour = Colour::rgb(255, 243, 184);
const STEAM_EDGE: Colour = Colour::rgb(206, 210, 226);

/// The colours of the face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Inks {
    /// Lines, eyes and brows.
    pub(super) line: Colour,
    /// The glow at the bottom of an eye.
    pub(super) glow: Colour,
    /// Inside the mouth.
    pub(super) mouth: Colour,
    pub(super) blush: Colour,
    /// The blush at rest, 0..=1.
    pub(super) blush_at_rest: f32,
}

/// Where the features of a character lie at rest, in units of the artboard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    /// The middle of the head and its radius.
    pub(super) head: Point,
    pub(super) radius: f32,
    /// The middle of each eye, and how large the eyes are beside those of the rig.
    pub(super) eyes: [Point; 2],
    pub(super) eye_size: f32,
    pub(super) mouth: Point,
    pub(super) mouth_size: f32,
    /// What the mouth stays below, where the face has not slid.
    pub(super) ceiling: f32,
    /// The ellipse that features stay in: its middle and its half extents.
    pub(super) area: Point,
    pub(super) extent: [f32; 2],
}

impl Layout {
    /// Moves a box of these half extents into the ellipse, along the line to its middle.
    fn kept(&self, at: Point, half: [f32; 2]) -> Point {
        let room = |axis: usize| (self.extent[axis] - half[axis]).max(1.0);
        let [dx, dy] = [
            (at[0] - self.area[0]) / room(0),
            (at[1] - self.area[1]) / room(1),
        ];
        let distance = (dx * dx + dy * dy).sqrt();
        match distance > 1.0 {
            true => [
                self.area[0] + dx / distance * room(0),
                self.area[1] + dy / distance * room(1),
            ],
            false => at,
        }
    }
}

impl Layout {
    /// Lowers what is above the ellipse until it is within, and leaves it where it is sideways.
    fn below_edge(&self, at: Point, half: f32) -> Point {
        let aside = ((at[0] - self.area[0]) / self.extent[0]).clamp(-0.9, 0.9);
        let top = self.area[1] - self.extent[1] * (1.0 - aside * aside).sqrt() + half;
        [at[0], at[1].max(top)]
    }
}

/// Which extras a take has at all; the others are left out throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extras {
    pub(super) brows: [bool; 2],
    pub(super) tears: [bool; 2],
    pub(super) sweat: bool,
    pub(super) blush: bool,
    pub(super) steam: bool,
    pub(super) hearts: bool,
    pub(super) sparkles: bool,
    pub(super) sleep: bool,
    pub(super) teeth: bool,
    pub(super) clenched: bool,
    pub(super) tongue: bool,
    pub(super) tongue_out: bool,
    /// The glyphs that each eye has at some time.
    pub(super) eyes: [[bool; EyeGlyph::ALL.len()]; 2],
    pub(super) mouths: [bool; MouthGlyph::ALL.len()],
}

/// Everything that a face is drawn from.
pub(super) struct Face<'a> {
    pub(super) pose: &'a Pose,
    pub(super) layout: &'a Layout,
    pub(super) inks: &'a Inks,
    pub(super) extras: &'a Extras,
    pub(super) eyes: [Shown<EyeGlyph>; 2],
    pub(super) mouth: Shown<MouthGlyph>,
    /// How far the take is, 0..1, and how often what comes and goes does so in it.
    pub(super) phase: f32,
    pub(super) cycles: f32,
    /// Parts that the character brings itself and that are not drawn here.
    pub(super) own_eyes: bool,
    pub(super) own_brows: bool,
    pub(super) own_mouth: bool,
}

const SIDES: [Side; 2] = [
    Side {
        index: 0,
        name: "left",
        sign: -1.0,
        x: C::EyeLX,
        cy: C::EyeLCy,
        w: C::EyeLW,
        up: C::EyeLUp,
        low: C::EyeLLow,
        ang: C::EyeLAng,
        pup: [C::EyeLPupX, C::EyeLPupY, C::EyeLPupR],
        brow: [
            C::BrowLVis,
            C::BrowLX,
            C::BrowLY,
            C::BrowLAng,
            C::BrowLCurve,
        ],
        tear: [C::TearL, C::TearLY],
    },
    Side {
        index: 1,
        name: "right",
        sign: 1.0,
        x: C::EyeRX,
        cy: C::EyeRCy,
        w: C::EyeRW,
        up: C::EyeRUp,
        low: C::EyeRLow,
        ang: C::EyeRAng,
        pup: [C::EyeRPupX, C::EyeRPupY, C::EyeRPupR],
        brow: [
            C::BrowRVis,
            C::BrowRX,
            C::BrowRY,
            C::BrowRAng,
            C::BrowRCurve,
        ],
        tear: [C::TearR, C::TearRY],
    },
];

/// The channels of a side of the face.
struct Side {
    index: usize,
    name: &'static str,
    sign: f32,
    x: C,
    cy: C,
    w: C,
    up: C,
    low: C,
    ang: C,
    pup: [C; 3],
    brow: [C; 5],
    tear: [C; 2],
}

/// How an eye is placed: what a character's own eye follows too.
#[derive(Clone, Copy, Debug)]
pub(super) struct EyePlace {
    pub(super) at: Point,
    /// Clockwise on the screen.
    pub(super) turn: f32,
    /// Width and height beside those at rest.
    pub(super) scale: [f32; 2],
    /// Where the pupil is, in half eyes, y down.
    pub(super) pupil: Point,
}

/// How a mouth is placed and how far it is open, in units of the artboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct MouthPlace {
    pub(super) at: Point,
    pub(super) scale: [f32; 2],
    /// 0 closed, 1 clearly open.
    pub(super) open: f32,
    pub(super) turn: f32,
    /// 1 a smile, -1 a frown.
    pub(super) lift: f32,
}

/// The size of an eye as a lens, brought within what looks like an eye.
#[derive(Clone, Copy)]
struct EyeSize {
    w: f32,
    up: f32,
    low: f32,
}

/// A lens of the mouth, in units of the artboard, y up.
#[derive(Clone, Copy)]
struct Lips {
    at: Point,
    w: f32,
    up: f32,
    low: f32,
    tilt: f32,
    /// 0 a parabola, 1 an ellipse, 1.5 nearly a box.
    round: f32,
    open: f32,
}

impl Face<'_> {
    /// On the head.
    pub(super) fn features(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.extras.blush || self.inks.blush_at_rest > 0.0 {
            parts.extend(SIDES.iter().map(|side| self.blush(side).into()));
        }
        if !self.own_mouth {
            self.mouth(&mut parts);
        }
        for side in &SIDES {
            self.eye(side, &mut parts);
        }
        if !self.own_brows {
            let seen = SIDES.iter().filter(|side| self.extras.brows[side.index]);
            parts.extend(seen.map(|side| self.brow(side).into()));
        }
        for side in &SIDES {
            if self.extras.tears[side.index] {
                parts.push(self.tear(side).into());
            }
        }
        if self.extras.sweat {
            parts.push(self.sweat().into());
        }
        parts
    }

    /// Around the head and in front of it.
    pub(super) fn around(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.extras.steam {
            self.steam(&mut parts);
        }
        if self.extras.hearts {
            self.hearts(&mut parts);
        }
        if self.extras.sparkles {
            self.sparkles(&mut parts);
        }
        if self.extras.sleep {
            self.sleep(&mut parts);
        }
        parts
    }

    fn get(&self, channel: C) -> f32 {
        self.pose[channel]
    }

    /// A place of the head, in head radii, y up.
    fn on_head(&self, x: f32, y: f32) -> Point {
        let Layout { head, radius, .. } = self.layout;
        [head[0] + radius * x, head[1] - radius * y]
    }

    fn eye_size(&self, side: &Side) -> EyeSize {
        let glyph = self.eyes[side.index].glyph;
        let (w, up, low) = (self.get(side.w), self.get(side.up), self.get(side.low));
        match glyph {
            EyeGlyph::Lens => EyeSize {
                w: w.clamp(0.18, 0.46),
                up: up.clamp(-0.14, 0.27),
                low: low.clamp(-0.27, 0.14),
            },
            EyeGlyph::White => EyeSize {
                w: w.clamp(0.34, 0.58),
                up: up.clamp(0.02, 0.30),
                low: low.clamp(-0.30, -0.02),
            },
            EyeGlyph::Squint => EyeSize {
                w: w.clamp(0.30, 0.44),
                up: 0.14,
                low: -0.14,
            },
            EyeGlyph::Heart | EyeGlyph::Star | EyeGlyph::Dizzy => EyeSize {
                w: w.clamp(0.42, 0.60),
                up: 0.24,
                low: -0.24,
            },
        }
    }

    pub(super) fn eye_place(&self, index: usize) -> EyePlace {
        let side = &SIDES[index];
        let Layout {
            radius, eye_size, ..
        } = *self.layout;
        let size = self.eye_size(side);
        let scale = radius * eye_size;
        let rest = Pose::rest();
        let [x, y] = self.layout.eyes[index];
        let at = [
            x + radius * (self.get(side.x) - rest[side.x]),
            y - radius * (self.get(side.cy) - rest[side.cy]),
        ];
        let tall = (size.up - size.low).abs().max(0.2);
        let half = [0.5 * size.w * scale + 6.0, 0.5 * tall * scale + 6.0];
        EyePlace {
            at: self.layout.kept(at, half),
            turn: side.sign * self.get(side.ang).clamp(-0.7, 0.7),
            scale: [
                size.w / rest[side.w],
                ((size.up - size.low) / (rest[side.up] - rest[side.low])).max(0.06),
            ],
            pupil: [self.get(side.pup[0]), -self.get(side.pup[1])],
        }
    }

    fn eye(&self, side: &Side, parts: &mut Vec<Part>) {
        let EyePlace { at, turn, .. } = self.eye_place(side.index);
        let shown = self.eyes[side.index];
        let scale = self.layout.radius * self.layout.eye_size;
        let size = self.eye_size(side);
        for glyph in EyeGlyph::ALL {
            // A character's own eye is shown as long as it is open.
            let own = self.own_eyes && matches!(glyph, EyeGlyph::Lens | EyeGlyph::White);
            if !self.extras.eyes[side.index][glyph as usize] || (own && glyph == EyeGlyph::White) {
                continue;
            }
            let drawn = match glyph {
                EyeGlyph::Lens => self.lens_eye(size, scale),
                EyeGlyph::White => self.white_eye(side, size, scale),
                EyeGlyph::Squint => self.squint_eye(side, size, scale),
                EyeGlyph::Heart => heart_eye(size.w * scale),
                EyeGlyph::Star => star_eye(size.w * scale),
                EyeGlyph::Dizzy => self.dizzy_eye(size.w * scale),
            };
            let is_shown = shown.glyph == glyph;
            let spin = match glyph {
                EyeGlyph::Dizzy => side.sign * TAU * self.phase * self.cycles,
                EyeGlyph::Heart => side.sign * 0.14,
                _ => 0.0,
            };
            let pop = if is_shown { shown.pop } else { 1.0 };
            let place = Place {
                turn: turn + spin,
                scale: [pop, pop],
                ..Place::at(at)
            };
            let name = format!("eye {} {}", side.name, glyph.name());
            let closed = if own {
                1.0 - self.own_eye_open(side.index)
            } else {
                1.0
            };
            let opacity = if is_shown { closed } else { 0.0 };
            parts.push(Group::new(&name, place, drawn).faded(opacity).into());
        }
    }

    /// How much of a character's own eye is shown: none of it where it is closed, which is a line.
    pub(super) fn own_eye_open(&self, index: usize) -> f32 {
        let side = &SIDES[index];
        match self.eyes[index].glyph {
            EyeGlyph::Lens => smooth(self.get(side.up) - self.get(side.low), 0.10, 0.15),
            EyeGlyph::White => 1.0,
            _ => 0.0,
        }
    }

    /// A dark eye with a glow and two lights; closed, a line along the middle of its lens.
    fn lens_eye(&self, size: EyeSize, scale: f32) -> Vec<Part> {
        let EyeSize { w, up, low } = size;
        let tall = (up - low).max(0.0);
        let open = smooth(tall, 0.13, 0.26);
        let middle = 0.5 * (up + low);
        let line = 0.085 - 0.015 * open;
        let height = (tall * 1.08 - 0.13 * (1.0 - open) - line * open).max(0.0);
        let (up, low) = (middle + 0.5 * height, middle - 0.5 * height);
        let width = (w * 1.10 - line).max(0.06);
        let lens = lens(width * scale, up * scale, low * scale, 0.0, open);
        let body = Shape::filled(lens, self.inks.line).with_stroke(self.inks.line, line * scale);
        let lit = smooth(tall, 0.18, 0.29);
        let small = width.min(height.max(0.01)) * scale;
        let at = |x: f32, y: f32| [x * width * scale, -(middle + y * height) * scale];
        let glow = Shape {
            contours: vec![Contour::ellipse([0.0, 0.0], 1.0, 1.0)].into(),
            fill: Some(Paint::Radial {
                centre: [0.0, 0.0],
                radius: 1.0,
                stops: vec![
                    Stop {
                        at: 0.0,
                        colour: self.inks.glow,
                    },
                    Stop {
                        at: 1.0,
                        colour: self.inks.glow.with_alpha(0.0),
                    },
                ],
                frame: IDENTITY,
            }),
            even_odd: false,
            stroke: None,
        };
        let glow_place = Place {
            scale: [width * scale * 0.42, (height * scale * 0.30).max(0.01)],
            ..Place::at(at(0.0, -0.24))
        };
        let light = |x: f32, y: f32, radius: f32| {
            let place = Place {
                scale: [(small * radius).max(0.01); 2],
                ..Place::at(at(x, y))
            };
            let disc = Shape::filled(Contour::ellipse([0.0, 0.0], 1.0, 1.0), WHITE);
            Group::new("light", place, vec![disc.into()])
                .faded(lit)
                .into()
        };
        vec![
            body.into(),
            Group::new("glow", glow_place, vec![glow.into()])
                .faded(lit)
                .into(),
            light(-0.15, 0.22, 0.25),
            light(0.20, -0.20, 0.12),
        ]
    }

    /// A white eye with a pupil that stays behind its lids.
    fn white_eye(&self, side: &Side, size: EyeSize, scale: f32) -> Vec<Part> {
        let EyeSize { w, up, low } = size;
        let (w, up, low) = (w * scale, up * scale, low * scale);
        let white = lens(w, up, low, 0.0, 1.0);
        let body = Shape::filled(white, WHITE).with_stroke(self.inks.line, 0.05 * scale);
        let [x, y, radius] = side.pup.map(|channel| self.get(channel));
        let radius = radius.clamp(0.16, 0.62) * 0.5 * w;
        let room = 0.5 * w - 0.025 * scale;
        let (middle, half) = (0.5 * (up + low), 0.5 * (up - low) - 0.02 * scale);
        let centre = [
            x.clamp(-0.7, 0.7) * (room - 0.6 * radius).max(0.0),
            middle + y.clamp(-0.7, 0.7) * (half - 0.4 * radius).max(0.0),
        ];
        let inside = |[px, py]: Point| {
            let x = px.clamp(-room, room);
            let edge = half.max(0.0) * (1.0 - (x / room) * (x / room)).max(0.0).sqrt();
            [x, -py.clamp(middle - edge, middle + edge)]
        };
        let ring = |radius: f32| {
            let point = |step: usize| {
                let (sin, cos) = libm::sincosf(TAU * step as f32 / 16.0);
                inside([centre[0] + radius * cos, centre[1] + radius * sin])
            };
            smooth_ring(&(0..16).map(point).collect::<Vec<_>>())
        };
        let lit = smooth((up - low) / scale, 0.16, 0.3) * smooth(radius / w, 0.13, 0.2);
        let light = Place {
            scale: [radius * 0.32; 2],
            ..Place::at([centre[0] - radius * 0.32, -(centre[1] + radius * 0.34)])
        };
        let disc = Shape::filled(Contour::ellipse([0.0, 0.0], 1.0, 1.0), WHITE);
        vec![
            body.into(),
            Shape::filled(ring(radius), self.inks.line).into(),
            Group::new("light", light, vec![disc.into()])
                .faded(lit)
                .into(),
        ]
    }

    /// `>` on the left and `<` on the right.
    fn squint_eye(&self, side: &Side, size: EyeSize, scale: f32) -> Vec<Part> {
        let (x, y) = (side.sign * size.w * scale * 0.42, 0.14 * scale);
        let line = Contour::open(vec![
            Vertex::sharp(x, -y),
            Vertex::sharp(-x, 0.0),
            Vertex::sharp(x, y),
        ]);
        vec![Shape::stroked(line, self.inks.line, 0.095 * scale).into()]
    }

    fn dizzy_eye(&self, width: f32) -> Vec<Part> {
        let radius = 0.46 * width;
        let steps = 18;
        let turns = 2.1 * TAU;
        let point = |step: usize| {
            let share = step as f32 / steps as f32;
            let (sin, cos) = libm::sincosf(turns * share);
            [radius * share * cos, radius * share * sin]
        };
        let points: Vec<Point> = (0..=steps).map(point).collect();
        vec![Shape::stroked(smooth_line(&points), self.inks.line, 0.105 * width).into()]
    }

    fn brow(&self, side: &Side) -> Group {
        let Layout {
            radius, eye_size, ..
        } = *self.layout;
        let [vis, x, y, ang, curve] = side.brow.map(|channel| self.get(channel));
        let rest = Pose::rest();
        let scale = radius * (0.5 + 0.5 * eye_size);
        let eye = self.layout.eyes[side.index];
        // As far from the eye as in the rig.
        let away = [
            x - rest[side.x],
            (y - rest[side.cy]) * (0.55 + 0.45 * eye_size),
        ];
        let at = [eye[0] + radius * away[0], eye[1] - radius * away[1]];
        let at = self.layout.below_edge(at, 0.08 * scale);
        // Its inner end may touch the eye, its middle may not.
        let size = self.eye_size(side);
        let lid = size.up.max(0.04) + 0.06 + 0.5 * curve.clamp(0.0, 0.16);
        let top = self.eye_place(side.index).at[1] - lid * radius * eye_size;
        let at = [at[0], at[1].min(top)];
        let half = 0.21 * scale;
        let bend = curve.clamp(-0.08, 0.16) * scale * 1.15;
        let thick = 0.047 * scale;
        // Thick at the inner end, thin at the outer one.
        let inner = -side.sign * half;
        let outer = side.sign * half;
        let reach = 0.62 * half * side.sign;
        let brow = Contour::closed(vec![
            Vertex::new(
                [inner, bend * 0.5 - thick * 0.75],
                [-side.sign * thick * 0.9, thick * 0.3],
                [reach, -bend * 0.66],
            ),
            Vertex::new(
                [outer, bend * 0.5 - thick * 0.12],
                [-reach, -bend * 0.66 - thick * 0.5],
                [side.sign * thick * 0.35, thick * 0.1],
            ),
            Vertex::new(
                [outer, bend * 0.5 + thick * 0.22],
                [side.sign * thick * 0.2, 0.0],
                [-reach, -bend * 0.62],
            ),
            Vertex::new(
                [inner, bend * 0.5 + thick * 0.85],
                [reach, -bend * 0.62],
                [-side.sign * thick * 0.9, -thick * 0.2],
            ),
        ]);
        let shape = Shape::filled(brow, self.inks.line).with_stroke(self.inks.line, 0.03 * scale);
        let place = Place {
            turn: side.sign * ang.clamp(-0.75, 0.75),
            ..Place::at(at)
        };
        let name = format!("brow {}", side.name);
        Group::new(&name, place, vec![shape.into()]).faded(smooth(vis, 0.3, 0.7))
    }

    fn lips(&self) -> Lips {
        let Layout {
            radius, mouth_size, ..
        } = *self.layout;
        let rest = Pose::rest();
        let scale = radius * mouth_size;
        let get = |channel| self.get(channel);
        let mut at = [
            self.layout.mouth[0] + radius * (get(C::MouthX) - rest[C::MouthX]),
            self.layout.mouth[1] - radius * (get(C::MouthCy) - rest[C::MouthCy]),
        ];
        let line = 0.055;
        let (mut up, mut low) = (get(C::MouthUp) - line, get(C::MouthLow) + line);
        if up < low {
            let middle = 0.5 * (up + low);
            (up, low) = (middle, middle);
        }
        let mut w = (get(C::MouthW) - 0.1).clamp(0.07, 1.5);
        let open = smooth(up - low, 0.04, 0.16);
        let pointed = (0.5 + (0.785 - get(C::MouthRound)) * 4.2).clamp(0.18, 1.2);
        let round = 2.0 * open * (1.0 - pointed);
        // What is wider or taller than its place in the face becomes smaller.
        let widest = 1.72 * self.layout.extent[0] / scale;
        w = w.min(widest);
        let tallest = 1.05 * self.layout.extent[1] / scale;
        let shrink = (tallest / (up - low).max(0.01)).min(1.0);
        (up, low) = (up * shrink, low * shrink);
        let (top, bottom) = (up.max(0.0), low.min(0.0));
        let middle = -0.5 * (top + bottom) * scale;
        let half = [
            0.5 * w * scale * 0.86,
            0.5 * (top - bottom) * scale * 0.9 + 5.0,
        ];
        let kept = self.layout.kept([at[0], at[1] + middle], half);
        at = [kept[0], kept[1] - middle];
        let ceiling = self.layout.ceiling + self.slide()[1];
        let lowest = self.layout.area[1] + self.layout.extent[1];
        let shift = (ceiling - (at[1] - top * scale)).max(0.0);
        at[1] += shift;
        // Between the nose and the chin it becomes as tall as there is room.
        let room = (lowest - at[1]).max(0.1 * scale) / scale;
        let squeeze = (room / (-bottom).max(0.01)).min(1.0);
        (up, low) = (up * squeeze, low * squeeze);
        Lips {
            at,
            w: w * scale,
            up: up * scale,
            low: low * scale,
            tilt: get(C::MouthAsym).clamp(-0.16, 0.16) * scale,
            round,
            open,
        }
    }

    /// How far a muzzle and a nose slide with the face, in units of the artboard.
    pub(super) fn slide(&self) -> [f32; 2] {
        let Layout { radius, eyes, .. } = *self.layout;
        let places = [self.eye_place(0).at, self.eye_place(1).at];
        let mean =
            |axis: usize| 0.5 * (places[0][axis] - eyes[0][axis] + places[1][axis] - eyes[1][axis]);
        [
            (0.75 * mean(0)).clamp(-0.2 * radius, 0.2 * radius),
            (0.6 * mean(1)).clamp(-0.16 * radius, 0.06 * radius),
        ]
    }

    pub(super) fn mouth_place(&self) -> MouthPlace {
        let lips = self.lips();
        let scale = self.layout.radius * self.layout.mouth_size;
        let rest = Pose::rest();
        let tall = (lips.up - lips.low) / scale;
        let middle = 0.5 * (lips.up + lips.low) / scale;
        MouthPlace {
            lift: (-middle / 0.09).clamp(-1.3, 1.3),
            at: lips.at,
            scale: [lips.w / scale / (rest[C::MouthW] - 0.1), 0.35 + 2.2 * tall],
            open: lips.open,
            turn: 2.0 * lips.tilt / lips.w.max(1.0),
        }
    }

    fn mouth(&self, parts: &mut Vec<Part>) {
        let lips = self.lips();
        let seen = smooth(self.get(C::MouthVis), 0.3, 0.7);
        for glyph in MouthGlyph::ALL {
            if !self.extras.mouths[glyph as usize] {
                continue;
            }
            let drawn = match glyph {
                MouthGlyph::Lens => self.lens_mouth(lips),
                MouthGlyph::Wave => self.wave_mouth(lips),
                MouthGlyph::Kiss => self.kiss(),
            };
            let is_shown = self.mouth.glyph == glyph;
            let pop = if is_shown { self.mouth.pop } else { 1.0 };
            let place = Place {
                scale: [pop, pop],
                ..Place::at(lips.at)
            };
            let opacity = if is_shown { seen } else { 0.0 };
            let name = format!("mouth {}", glyph.name());
            parts.push(Group::new(&name, place, drawn).faded(opacity).into());
        }
    }

    fn lens_mouth(&self, lips: Lips) -> Vec<Part> {
        let scale = self.layout.radius * self.layout.mouth_size;
        let Lips {
            w,
            up,
            low,
            tilt,
            round,
            open,
            ..
        } = lips;
        let line = (0.068 - 0.008 * open) * scale;
        let outline = lens(w, up, low, tilt, round);
        let mut parts: Vec<Part> = vec![Shape::filled(outline.clone(), self.inks.mouth).into()];
        let area = (0.7 * w * (up - low) / (scale * scale)).max(1e-3);
        let tall = up - low;
        if self.extras.tongue {
            let share = (self.get(C::MouthTongue).max(0.0) / area * 1.2).min(1.0);
            let height = tall * (0.22 + 0.5 * share) * smooth(share, 0.02, 0.08) * open;
            let tongue = Shape::filled(tongue_inside(lips, height.max(0.01)), TONGUE);
            parts.push(tongue.into());
        }
        if self.extras.teeth {
            let share = (self.get(C::MouthTeeth).max(0.0) / area).min(1.0);
            let share = (share * 1.05).min(1.0) * smooth(share, 0.02, 0.08) * open;
            let edge = up + (low - up) * share;
            parts.push(Shape::filled(lens(w, up, edge, tilt, round), TEETH).into());
            if self.extras.clenched {
                let opacity = smooth(share, 0.62, 0.8);
                let between = clenched(lips)
                    .into_iter()
                    .map(|line| Part::from(Shape::stroked(line, TEETH_LINE, 0.022 * scale)));
                let lines = Group::new("between teeth", Place::STILL, between.collect());
                parts.push(lines.faded(opacity).into());
            }
        }
        parts.push(Shape::stroked(outline, self.inks.line, line).into());
        if self.extras.tongue_out {
            parts.push(self.tongue_out(lips).into());
        }
        parts
    }

    /// Hangs from the lower lip and never below the chin.
    fn tongue_out(&self, lips: Lips) -> Group {
        let scale = self.layout.radius * self.layout.mouth_size;
        let amount = self.get(C::MouthTongueOut);
        let width = (0.14 * scale + lips.w * 0.36).min(0.46 * scale);
        let chin = self.layout.area[1] + self.layout.extent[1] + 0.16 * self.layout.radius;
        let root = -lips.low - 0.30 * (lips.up - lips.low).min(0.3 * scale);
        let room = (chin - lips.at[1] - root).max(0.1 * scale);
        let length = ((amount * scale * scale / width) * 1.1
            + 0.12 * scale
            + 0.3 * (lips.up - lips.low).min(0.3 * scale))
        .min(0.62 * scale)
        .min(room);
        let (half, bend) = (0.5 * width, 0.5 * width);
        let side = (length - bend).max(0.05 * scale);
        let tongue = Contour::closed(vec![
            Vertex::sharp(-half, 0.0),
            Vertex::sharp(half, 0.0),
            Vertex::new([half, side], [0.0, 0.0], [0.0, bend * CIRCLE * 1.15]),
            Vertex::new(
                [0.0, side + bend],
                [half * CIRCLE, 0.0],
                [-half * CIRCLE, 0.0],
            ),
            Vertex::new([-half, side], [0.0, bend * CIRCLE * 1.15], [0.0, 0.0]),
        ]);
        let crease = Contour::open(vec![
            Vertex::sharp(0.0, 0.06 * scale),
            Vertex::sharp(0.0, (side * 0.75).max(0.07 * scale)),
        ]);
        // It slides out rather than fades in, which would show the lip through it.
        let slid = smooth(amount, 0.010, 0.045).max(0.05);
        let place = Place {
            turn: -0.08,
            scale: [0.6 + 0.4 * slid, slid],
            ..Place::at([0.04 * scale, root])
        };
        let shapes = vec![
            Shape::filled(tongue, TONGUE)
                .with_stroke(self.inks.line, 0.045 * scale)
                .into(),
            Shape::stroked(crease, TONGUE_LINE, 0.026 * scale).into(),
        ];
        Group::new("tongue", place, shapes).faded(smooth(amount, 0.010, 0.016))
    }

    /// A trembling mouth.
    fn wave_mouth(&self, lips: Lips) -> Vec<Part> {
        let scale = self.layout.radius * self.layout.mouth_size;
        let height = (self.get(C::MouthWave) * 1.3).clamp(0.035, 0.065) * scale;
        let tall = (lips.up - lips.low).min(0.14 * scale);
        let middle = (0.5 * (lips.up + lips.low)).clamp(-0.08 * scale, 0.08 * scale);
        let w = lips.w.clamp(0.62 * scale, 0.95 * scale);
        let steps = 6;
        let edge = |step: usize, side: f32| {
            let t = -1.0 + 2.0 * step as f32 / steps as f32;
            let wave = height * if step.is_multiple_of(2) { 1.0 } else { -1.0 };
            let bow = 1.0 - t * t;
            let y = middle * bow + side * 0.5 * tall * bow + wave * 0.8 + lips.tilt * -t;
            [0.5 * w * t, -y]
        };
        let line = 0.066 * scale;
        let upper = (0..=steps).map(|step| edge(step, 1.0));
        let lower = (1..steps).rev().map(|step| edge(step, -1.0));
        let ring: Vec<Point> = upper.chain(lower).collect();
        let mut contour = smooth_ring(&ring);
        for end in [0, steps] {
            contour.vertices[end].before = [0.0, 0.0];
            contour.vertices[end].after = [0.0, 0.0];
        }
        vec![
            Shape::filled(contour, self.inks.mouth)
                .with_stroke(self.inks.line, line)
                .into(),
        ]
    }

    /// Pursed lips, seen a little from the side.
    fn kiss(&self) -> Vec<Part> {
        let scale = self.layout.radius * self.layout.mouth_size;
        let at = |x: f32, y: f32| [x * scale, y * scale];
        let lips = Contour::open(vec![
            Vertex::new(at(-0.06, -0.14), [0.0, 0.0], at(0.19, -0.04)),
            Vertex::new(at(-0.03, 0.0), at(0.19, -0.03), at(0.19, 0.03)),
            Vertex::new(at(-0.06, 0.14), at(0.19, 0.04), [0.0, 0.0]),
        ]);
        vec![Shape::stroked(lips, self.inks.line, 0.068 * scale).into()]
    }

    fn blush(&self, side: &Side) -> Group {
        let Layout {
            radius, eye_size, ..
        } = *self.layout;
        let amount = smooth(self.get(C::Blush) * 2.6, 0.02, 0.75);
        let strength = (self.inks.blush_at_rest + 0.85 * amount).min(0.85);
        let EyePlace { at, .. } = self.eye_place(side.index);
        let place = Place {
            scale: [0.22 * radius, 0.15 * radius],
            ..Place::at([
                at[0] + side.sign * 0.17 * radius,
                at[1] + (0.14 + 0.16 * eye_size) * radius,
            ])
        };
        let stops = [(0.0, 0.95), (0.45, 0.75), (1.0, 0.0)];
        let glow = Shape {
            contours: vec![Contour::ellipse([0.0, 0.0], 1.0, 1.0)].into(),
            fill: Some(Paint::Radial {
                centre: [0.0, 0.0],
                radius: 1.0,
                stops: stops
                    .map(|(at, alpha)| Stop {
                        at,
                        colour: self.inks.blush.with_alpha(alpha),
                    })
                    .into(),
                frame: IDENTITY,
            }),
            even_odd: false,
            stroke: None,
        };
        let name = format!("blush {}", side.name);
        Group::new(&name, place, vec![glow.into()]).faded(strength)
    }

    fn tear(&self, side: &Side) -> Group {
        let Layout { radius, .. } = *self.layout;
        let [area, y] = side.tear.map(|channel| self.get(channel));
        let size = (area.max(0.0).sqrt() * 1.3).clamp(0.02, 0.62) * radius;
        let EyePlace { at, .. } = self.eye_place(side.index);
        // The rig's height, no higher than the eye.
        let fall = (self.get(side.cy) - y).clamp(0.05, 1.3) * radius;
        let x = at[0] + side.sign * 0.09 * radius;
        let at = [x, at[1] + fall];
        let place = Place {
            scale: [size, size],
            ..Place::at(self.layout.kept(at, [0.3 * size, 0.4 * size]))
        };
        let name = format!("tear {}", side.name);
        Group::new(&name, place, drop_shape(0.05 * radius / size.max(1.0)))
            .faded(smooth(area, 0.008, 0.02))
    }

    fn sweat(&self) -> Group {
        let Layout { radius, .. } = *self.layout;
        let area = self.get(C::Sweat);
        let size = (area.max(0.0).sqrt() * 1.3).clamp(0.02, 0.5) * radius;
        let [x, y] = [self.get(C::SweatX), self.get(C::SweatY)];
        let at = self.on_head(x.clamp(-0.82, 0.82), y.clamp(-0.6, 0.62));
        let place = Place {
            scale: [size, size],
            turn: -0.2 * x.signum(),
            ..Place::at(at)
        };
        Group::new("sweat", place, drop_shape(0.05 * radius / size.max(1.0)))
            .faded(smooth(area, 0.008, 0.02))
    }

    /// The phase of one of several that follow each other, 0..1; a whole `rate`, so that loops close.
    fn turn_of(&self, rate: f32, offset: f32) -> f32 {
        let phase = self.phase * self.cycles * rate + offset;
        phase - phase.floor()
    }

    fn steam(&self, parts: &mut Vec<Part>) {
        let Layout { radius, .. } = *self.layout;
        let strength = smooth(self.get(C::Steam), 0.008, 0.06);
        for (side, sign) in [-1.0_f32, 1.0].into_iter().enumerate() {
            for puff in 0..3 {
                let phase = self.turn_of(2.0, puff as f32 / 3.0 + 0.1 * side as f32);
                let y = 0.34 + 0.22 * phase + 0.05 * [0.0, 1.0, -0.6][puff];
                let at = self.on_head(sign * (0.96 + 0.36 * phase), y);
                // They dwindle rather than fade, which needs no half transparency.
                let size = radius * (0.09 + 0.13 * phase) * come_and_go(phase);
                let place = Place {
                    scale: [size, size],
                    ..Place::at(at)
                };
                let puff = Shape::filled(Contour::ellipse([0.0, 0.0], 1.0, 1.0), WHITE)
                    .with_stroke(STEAM_EDGE, 0.22);
                let puff = Group::new("steam", place, vec![puff.into()]);
                parts.push(puff.faded(strength).into());
            }
        }
    }

    fn hearts(&self, parts: &mut Vec<Part>) {
        let Layout { radius, .. } = *self.layout;
        let strength = smooth(self.get(C::Heart), 0.006, 0.08);
        for (index, x) in [-0.92_f32, 0.88, -0.62, 1.05].into_iter().enumerate() {
            let phase = self.turn_of(1.0, index as f32 / 4.0);
            let swell = libm::sinf(PI * phase);
            let sway = 0.07 * libm::sinf(TAU * phase + index as f32);
            let at = self.on_head(x + sway, 0.05 + 1.05 * phase);
            let size = radius * (0.05 + 0.13 * swell);
            let place = Place {
                scale: [size, size],
                turn: 0.25 * sway / 0.07,
                ..Place::at(at)
            };
            let parts_of_heart = heart_shape();
            let opacity = strength * smooth(swell, 0.02, 0.3);
            parts.push(
                Group::new("heart", place, parts_of_heart)
                    .faded(opacity)
                    .into(),
            );
        }
    }

    fn sparkles(&self, parts: &mut Vec<Part>) {
        let Layout { radius, .. } = *self.layout;
        let strength = smooth(self.get(C::Sparkle), 0.006, 0.06);
        for index in 0..6 {
            let phase = self.turn_of(1.0, index as f32 * 0.37);
            let swell = libm::sinf(PI * phase);
            let angle = 0.35 + index as f32 * 1.05;
            let (sin, cos) = libm::sincosf(angle);
            let at = self.on_head(1.18 * cos, 1.02 * sin);
            let size = radius * (0.02 + 0.19 * swell * [1.0, 0.7, 0.9][index % 3]);
            let place = Place {
                scale: [size, size],
                turn: 0.3 * phase,
                ..Place::at(at)
            };
            let shape = Shape::filled(sparkle(), GOLD).with_stroke(GOLD_EDGE, 0.10);
            let opacity = strength * smooth(swell, 0.05, 0.3);
            parts.push(
                Group::new("sparkle", place, vec![shape.into()])
                    .faded(opacity)
                    .into(),
            );
        }
    }

    fn sleep(&self, parts: &mut Vec<Part>) {
        let Layout { radius, .. } = *self.layout;
        let strength = smooth(self.get(C::Zzz), 0.004, 0.03);
        for index in 0..3 {
            let phase = self.turn_of(1.0, index as f32 / 3.0);
            let at = self.on_head(0.62 + 0.48 * phase, 0.62 + 0.62 * phase);
            let size = radius * (0.09 + 0.10 * phase) * come_and_go(phase);
            let place = Place {
                scale: [size, size],
                turn: 0.15 - 0.3 * phase,
                ..Place::at(at)
            };
            let letter = Contour::open(vec![
                Vertex::sharp(-1.0, -1.0),
                Vertex::sharp(1.0, -1.0),
                Vertex::sharp(-1.0, 1.0),
                Vertex::sharp(1.0, 1.0),
            ]);
            let shapes = vec![
                Shape::stroked(letter.clone(), WHITE, 1.1).into(),
                Shape::stroked(letter, self.inks.line, 0.5).into(),
            ];
            parts.push(Group::new("z", place, shapes).faded(strength).into());
        }
    }
}

/// The size of what comes and goes once in a phase of 0..1.
fn come_and_go(phase: f32) -> f32 {
    (smooth(phase, 0.0, 0.2) * (1.0 - smooth(phase, 0.65, 1.0))).max(0.01)
}

/// 0 at `from` and below, 1 at `to` and above, smooth between.
pub(super) fn smooth(value: f32, from: f32, to: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// A lens between two curves with common corners, y up in its measures, drawn y down. `round` is 0 for parabolas,
/// 1 for ellipses, 1.5 for what is nearly a box; `tilt` lifts the left corner and lowers the right one.
fn lens(w: f32, up: f32, low: f32, tilt: f32, round: f32) -> Contour {
    let half = 0.5 * w;
    let round = round.clamp(-0.3, 1.5);
    let (elliptic, boxy) = (round.min(1.0), (round - 1.0).max(0.0));
    let along = half * (1.0 - elliptic) / 3.0;
    let rise = (1.0 - elliptic) * 2.0 / 3.0 + elliptic * CIRCLE + 0.5 * boxy;
    let flat = half * ((1.0 - elliptic) / 3.0 + elliptic * CIRCLE + 0.5 * boxy);
    Contour::closed(vec![
        Vertex::new([-half, -tilt], [along, -rise * low], [along, -rise * up]),
        Vertex::new([0.0, -up], [-flat, 0.0], [flat, 0.0]),
        Vertex::new([half, tilt], [-along, -rise * up], [-along, -rise * low]),
        Vertex::new([0.0, -low], [flat, 0.0], [-flat, 0.0]),
    ])
}

/// The point of a curve and its two halves.
fn split(from: Vertex, to: Vertex, at: f32) -> (Vertex, Vertex, Vertex) {
    let mix = |a: Point, b: Point| [a[0] + (b[0] - a[0]) * at, a[1] + (b[1] - a[1]) * at];
    let add = |a: Point, b: Point| [a[0] + b[0], a[1] + b[1]];
    let sub = |a: Point, b: Point| [a[0] - b[0], a[1] - b[1]];
    let [p0, p1, p2, p3] = [
        from.at,
        add(from.at, from.after),
        add(to.at, to.before),
        to.at,
    ];
    let (q0, q1, q2) = (mix(p0, p1), mix(p1, p2), mix(p2, p3));
    let (r0, r1) = (mix(q0, q1), mix(q1, q2));
    let middle = mix(r0, r1);
    (
        Vertex::new(p0, from.before, sub(q0, p0)),
        Vertex::new(middle, sub(r0, middle), sub(r1, middle)),
        Vertex::new(p3, sub(q2, p3), to.after),
    )
}

/// A tongue that fills the lower part of the mouth, along its lower edge.
fn tongue_inside(lips: Lips, height: f32) -> Contour {
    let ring = lens(lips.w, lips.up, lips.low, lips.tilt, lips.round).vertices;
    let (_, right, bottom_right) = split(ring[2], ring[3], 0.42);
    let (bottom_left, left, _) = split(ring[3], ring[0], 0.58);
    let bottom = Vertex::new(ring[3].at, bottom_right.before, bottom_left.after);
    let rise = height * 0.6;
    let width = right.at[0] - left.at[0];
    let top = [0.5 * (left.at[0] + right.at[0]), -lips.low - height];
    let flat = 0.28 * width;
    let rise_left = (left.at[1] - top[1]).clamp(0.0, rise) * 0.7;
    let rise_right = (right.at[1] - top[1]).clamp(0.0, rise) * 0.7;
    Contour::closed(vec![
        Vertex::new(left.at, left.before, [0.0, -rise_left]),
        Vertex::new(top, [-flat, 0.0], [flat, 0.0]),
        Vertex::new(right.at, [0.0, -rise_right], right.after),
        bottom,
    ])
}

/// The lines between clenched teeth.
fn clenched(lips: Lips) -> Vec<Contour> {
    let Lips {
        w,
        up,
        low,
        tilt,
        round,
        ..
    } = lips;
    let middle = lens(w, 0.5 * (up + low), low, tilt, round).vertices;
    let mut lines = vec![Contour::open(middle[..3].to_vec())];
    let edge = |y: f32| lens(w, y, low, tilt, round).vertices;
    for (segment, at) in [(0, 0.45), (0, 0.75), (1, 0.0), (1, 0.25), (1, 0.55)] {
        let end = |ring: Vec<Vertex>| {
            let (_, point, _) = split(ring[segment], ring[segment + 1], at);
            Vertex::sharp(point.at[0], point.at[1])
        };
        lines.push(Contour::open(vec![end(edge(up)), end(edge(low))]));
    }
    lines
}

/// A ring through points, smooth by the slope between their neighbours.
fn smooth_ring(points: &[Point]) -> Contour {
    let count = points.len();
    let vertex = |index: usize| {
        let (before, after) = (
            points[(index + count - 1) % count],
            points[(index + 1) % count],
        );
        let slope = [(after[0] - before[0]) / 6.0, (after[1] - before[1]) / 6.0];
        Vertex::new(points[index], [-slope[0], -slope[1]], slope)
    };
    Contour::closed((0..count).map(vertex).collect())
}

/// A line through points, smooth likewise.
fn smooth_line(points: &[Point]) -> Contour {
    let last = points.len() - 1;
    let vertex = |index: usize| {
        let (before, after) = (
            points[index.saturating_sub(1)],
            points[(index + 1).min(last)],
        );
        let slope = [(after[0] - before[0]) / 6.0, (after[1] - before[1]) / 6.0];
        Vertex::new(points[index], [-slope[0], -slope[1]], slope)
    };
    Contour::open((0..=last).map(vertex).collect())
}

/// A heart within -1..=1.
fn heart() -> Contour {
    Contour::closed(vec![
        Vertex::new([0.0, -0.48], [-0.14, -0.36], [0.14, -0.36]),
        Vertex::new([1.0, -0.32], [0.0, -0.52], [0.0, 0.46]),
        Vertex::new([0.0, 0.92], [0.30, -0.10], [-0.30, -0.10]),
        Vertex::new([-1.0, -0.32], [0.0, 0.46], [0.0, -0.52]),
    ])
}

fn heart_shape() -> Vec<Part> {
    vec![
        Shape::filled(heart(), LOVE).with_stroke(LOVE, 0.12).into(),
        Shape::filled(Contour::ellipse([-0.46, -0.42], 0.22, 0.16), LOVE_SHINE).into(),
    ]
}

fn heart_eye(width: f32) -> Vec<Part> {
    let place = Place {
        scale: [0.56 * width; 2],
        ..Place::STILL
    };
    vec![Group::new("heart", place, heart_shape()).into()]
}

/// A star of five rounded points, radius 1.
fn star(inner: f32) -> Contour {
    let point = |step: usize| {
        let radius = if step.is_multiple_of(2) { 1.0 } else { inner };
        let (sin, cos) = libm::sincosf(step as f32 * PI / 5.0);
        Vertex::sharp(radius * sin, -radius * cos)
    };
    Contour::closed((0..10).map(point).collect())
}

fn star_eye(width: f32) -> Vec<Part> {
    let place = Place {
        scale: [0.52 * width; 2],
        ..Place::STILL
    };
    let parts = vec![
        Shape::filled(star(0.52), GOLD)
            .with_stroke(GOLD_EDGE, 0.26)
            .into(),
        Shape::filled(star(0.52), GOLD)
            .with_stroke(GOLD, 0.10)
            .into(),
        Shape::filled(Contour::ellipse([-0.22, -0.26], 0.2, 0.15), GOLD_SHINE).into(),
    ];
    vec![Group::new("star", place, parts).into()]
}

/// A star of four concave points, radius 1.
fn sparkle() -> Contour {
    let waist = 0.20;
    let vertex = |step: usize| {
        let (sin, cos) = libm::sincosf(step as f32 * PI / 4.0);
        match step.is_multiple_of(2) {
            true => Vertex::sharp(sin, -cos),
            false => Vertex::sharp(waist * sin * 1.4, -waist * cos * 1.4),
        }
    };
    Contour::closed((0..8).map(vertex).collect())
}

/// A drop about 1 high around its middle, with an edge.
fn drop_shape(edge: f32) -> Vec<Part> {
    let (w, h) = (0.31, 0.5);
    let drop = Contour::closed(vec![
        Vertex::new([0.0, -h - 0.08], [-0.03, 0.16], [0.03, 0.16]),
        Vertex::new([w, 0.16], [0.0, -0.2], [0.0, 0.19]),
        Vertex::new([0.0, h], [0.17, 0.0], [-0.17, 0.0]),
        Vertex::new([-w, 0.16], [0.0, 0.19], [0.0, -0.2]),
    ]);
    vec![
        Shape::filled(drop, WATER)
            .with_stroke(WATER_EDGE, edge.clamp(0.04, 0.12))
            .into(),
        Shape::filled(Contour::ellipse([-0.12, 0.14], 0.07, 0.13), WATER_SHINE).into(),
    ]
}
