//! A character that acts a take: what is shown at a moment.

use std::f32::consts::TAU;

use affetto_emotion::frames_per_second;
use image::RgbaImage;

use super::{
    Channel as C, Character, Pose, StickerTake,
    character::{Art, ArtGroup, Role},
    face::{Extras, Face, smooth},
    raster,
    scene::{Colour, Group, Paint, Part, Place, Shape, Stroke},
    style::{EyeGlyph, Glyphs, MouthGlyph},
    tint::{Tint, Toning},
};
use crate::{Error, Limits};

/// What of a sticker is chosen beside its take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// How an emotion colours the character.
    pub tint: Tint,
    /// The width of a white edge around the figure, in 1/512 of the picture; 0 for none.
    pub outline: f32,
}

impl Default for Look {
    /// No tint, no edge.
    fn default() -> Self {
        Self {
            tint: Tint::NONE,
            outline: 0.0,
        }
    }
}

/// A character that acts a take.
#[derive(Clone, Debug)]
pub struct Sticker<'a> {
    character: &'a Character,
    take: &'a StickerTake,
    look: Look,
    eyes: [Glyphs<EyeGlyph>; 2],
    mouth: Glyphs<MouthGlyph>,
    extras: Extras,
    swing: Swing,
    /// Whether the take changes the colour of the head.
    flushes: bool,
}

/// Seconds between what comes and goes once, such as a rising heart.
const CYCLE: f64 = 1.6;

impl<'a> Sticker<'a> {
    /// Prepares a take to be drawn.
    ///
    /// # Errors
    ///
    /// As [`StickerTake::check`], and [`Error::StickerTake`] for an edge that is not 0..=40 wide.
    pub fn new(character: &'a Character, take: &'a StickerTake, look: Look) -> Result<Self, Error> {
        take.check(&Limits::DEFAULT)?;
        if !(0.0..=40.0).contains(&look.outline) {
            return Err(Error::StickerTake {
                reason: format!("an edge of {} units, outside 0..=40", look.outline),
            });
        }
        let eyes = [Glyphs::eye(take, 0), Glyphs::eye(take, 1)];
        let mouth = Glyphs::mouth(take);
        Ok(Self {
            extras: extras(take, &eyes, &mouth),
            swing: Swing::new(take),
            flushes: [C::TintR, C::TintG, C::TintB]
                .iter()
                .any(|channel| take.frames.iter().any(|pose| pose[*channel] != 0.0)),
            character,
            take,
            look,
            eyes,
            mouth,
        })
    }

    /// The take.
    pub const fn take(&self) -> &StickerTake {
        self.take
    }

    /// The moment in seconds as a picture of `size` by `size` pixels, transparent around the figure.
    ///
    /// # Errors
    ///
    /// [`Error::PictureSize`] for a size that is not 16..=2048 pixels.
    pub fn render(&self, seconds: f64, size: u32) -> Result<RgbaImage, Error> {
        raster::draw(&self.scene(seconds), size)
    }

    /// What is shown at a moment. The groups and shapes are the same at every moment; only their places, outlines,
    /// colours and opacities change.
    pub(super) fn scene(&self, seconds: f64) -> Group {
        let pose = self.take.at(seconds);
        let duration = self.take.seconds();
        let share = seconds / duration;
        let phase = match self.take.loops {
            true => share - share.floor(),
            false => share.max(0.0),
        };
        let rest = [EyeGlyph::Lens; 2];
        let eye = |side: usize| {
            let shown = self.eyes[side].at(seconds);
            shown.unwrap_or(super::style::Shown {
                glyph: rest[side],
                pop: 1.0,
            })
        };
        let mouth = self.mouth.at(seconds).unwrap_or(super::style::Shown {
            glyph: MouthGlyph::Lens,
            pop: 1.0,
        });
        let own = self.character.own;
        let face = Face {
            pose: &pose,
            layout: &self.character.layout,
            inks: &self.character.inks,
            extras: &self.extras,
            eyes: [eye(0), eye(1)],
            mouth,
            phase: phase as f32,
            cycles: (duration / CYCLE).round().max(1.0) as f32,
            own_eyes: own.eyes,
            own_brows: own.brows,
            own_mouth: own.mouth,
        };
        let added = [C::TintR, C::TintG, C::TintB].map(|channel| pose[channel]);
        let moment = Moment {
            sticker: self,
            face: &face,
            pose: &pose,
            lag: self.swing.at(seconds),
            toning: Toning::new(self.look.tint, self.character.tint, added),
        };
        moment.scene()
    }
}

fn extras(take: &StickerTake, eyes: &[Glyphs<EyeGlyph>; 2], mouth: &Glyphs<MouthGlyph>) -> Extras {
    let most = |channel: C| {
        take.frames
            .iter()
            .map(|pose| pose[channel])
            .fold(0.0, f32::max)
    };
    let area = |channel: C| most(channel) > 0.012;
    let lens_eyes = |side: usize| EyeGlyph::ALL.map(|glyph| eyes[side].contains(glyph));
    let share = |pose: &Pose| {
        let open = (pose[C::MouthUp] - pose[C::MouthLow] - 0.11).max(0.0);
        pose[C::MouthTeeth] / (0.7 * pose[C::MouthW] * open).max(1e-3)
    };
    Extras {
        brows: [most(C::BrowLVis) > 0.35, most(C::BrowRVis) > 0.35],
        tears: [area(C::TearL), area(C::TearR)],
        sweat: area(C::Sweat),
        blush: area(C::Blush),
        steam: most(C::Steam) > 0.008,
        hearts: area(C::Heart),
        sparkles: area(C::Sparkle),
        sleep: most(C::Zzz) > 0.008,
        teeth: area(C::MouthTeeth),
        clenched: area(C::MouthTeeth) && take.frames.iter().any(|pose| share(pose) > 0.62),
        tongue: area(C::MouthTongue),
        tongue_out: area(C::MouthTongueOut),
        eyes: [lens_eyes(0), lens_eyes(1)],
        mouths: MouthGlyph::ALL.map(|glyph| mouth.contains(glyph)),
    }
}

struct Moment<'a> {
    sticker: &'a Sticker<'a>,
    face: &'a Face<'a>,
    pose: &'a Pose,
    /// How far loose parts are behind the head, in head radii, y up.
    lag: [f32; 2],
    toning: Toning,
}

impl Moment<'_> {
    fn scene(&self) -> Group {
        let character = self.sticker.character;
        let has_place = contains_face(&character.roots);
        let mut parts: Vec<Part> = Vec::new();
        for art in &character.roots {
            match art {
                Art::Group(group) if group.role == Role::Head => {
                    let mut inside = self.parts(&group.parts, true);
                    if !has_place {
                        inside.extend(self.face.features());
                    }
                    let head = self.head(inside);
                    if self.sticker.look.outline > 0.0 {
                        parts.push(self.outline(&head).into());
                    }
                    parts.push(head.into());
                }
                art => parts.extend(self.part(art, false)),
            }
        }
        parts.push(self.around().into());
        Group::new("sticker", Place::STILL, parts)
    }

    fn stretch(&self) -> [f32; 2] {
        [
            self.pose[C::HeadSx].clamp(0.78, 1.16),
            self.pose[C::HeadSy].clamp(0.75, 1.12),
        ]
    }

    fn head_move(&self) -> [f32; 2] {
        let radius = self.face.layout.radius;
        let [x, y] = [self.pose[C::HeadX], self.pose[C::HeadY]];
        [x.clamp(-0.25, 0.25) * radius, -y.clamp(-0.2, 0.2) * radius]
    }

    /// Moved and turned about the middle of the head, stretched from near its chin.
    fn head(&self, inside: Vec<Part>) -> Group {
        let layout = self.face.layout;
        let [x, y] = layout.head;
        let [dx, dy] = self.head_move();
        let stretched = Place {
            scale: self.stretch(),
            ..Place::about([x, y + 0.8 * layout.radius])
        };
        let turned = Place {
            anchor: [x, y],
            at: [x + dx, y + dy],
            turn: -tilt(self.pose[C::HeadRot]),
            scale: [1.0, 1.0],
        };
        let inner = Group::new("stretch", stretched, inside);
        Group::new("head", turned, vec![inner.into()])
    }

    /// What floats around the head follows it, but is not turned.
    fn around(&self) -> Group {
        let [dx, dy] = self.head_move();
        Group::new(
            "around",
            Place::at([0.6 * dx, 0.6 * dy]),
            self.face.around(),
        )
    }

    fn parts(&self, parts: &[Art], toned: bool) -> Vec<Part> {
        parts.iter().flat_map(|art| self.part(art, toned)).collect()
    }

    fn part(&self, art: &Art, toned: bool) -> Vec<Part> {
        match art {
            Art::Shape { shape, opacity } => {
                let shape = if toned {
                    self.toned(shape)
                } else {
                    shape.clone()
                };
                match *opacity < 1.0 {
                    true => vec![
                        Group::new("", Place::STILL, vec![shape.into()])
                            .faded(*opacity)
                            .into(),
                    ],
                    false => vec![shape.into()],
                }
            }
            Art::Group(group) => self.group(group, toned),
        }
    }

    fn group(&self, group: &ArtGroup, toned: bool) -> Vec<Part> {
        let toned = match group.role {
            Role::Body => true,
            Role::Fixed | Role::Eye(_) | Role::Pupil(_) | Role::Brow(_) => false,
            Role::MouthOpen | Role::MouthClosed => false,
            _ => toned,
        };
        let inside = || self.parts(&group.parts, toned);
        let placed = |place: Place| {
            let made = Group::new(&group.name, place, inside());
            vec![made.faded(group.opacity).into()]
        };
        match group.role {
            Role::Replaced => Vec::new(),
            Role::Face => self.face.features(),
            Role::Plain | Role::Fixed | Role::Head | Role::Back | Role::Front => {
                placed(Place::STILL)
            }
            Role::Body => {
                let [dx, dy] = self.head_move();
                placed(Place::at([0.35 * dx, 0.25 * dy.min(0.0)]))
            }
            Role::Slide => placed(Place::at(self.face.slide())),
            Role::Spring => placed(Place {
                turn: self.swung(group.reach),
                ..Place::about(group.pivot)
            }),
            Role::Eye(side) => self.own_eye(group, side, inside()),
            Role::Pupil(side) => {
                let [x, y] = self.face.eye_place(side).pupil;
                let half = 0.165 * self.face.layout.radius * self.face.layout.eye_size;
                placed(Place::at([0.5 * x * half, 0.5 * y * half]))
            }
            Role::Brow(side) => self.own_brow(group, side, inside()),
            Role::MouthOpen | Role::MouthClosed => self.own_mouth(group, inside()),
        }
    }

    /// The angle by which a loose part stays behind, clockwise; from its reach beyond the pivot.
    fn swung(&self, reach: [f32; 2]) -> f32 {
        let length = (reach[0] * reach[0] + reach[1] * reach[1]).sqrt().max(1.0);
        let [x, y] = [reach[0] / length, reach[1] / length];
        // The tip goes where the head came from; the lag is y up.
        let tip = [-self.lag[0], self.lag[1]];
        (2.6 * (x * tip[1] - y * tip[0])).clamp(-0.6, 0.6)
    }

    fn own_eye(&self, group: &ArtGroup, side: usize, inside: Vec<Part>) -> Vec<Part> {
        if !self.sticker.character.own.eyes {
            return vec![Group::new(&group.name, Place::STILL, inside).into()];
        }
        let place = self.face.eye_place(side);
        let place = Place {
            anchor: group.pivot,
            at: place.at,
            turn: place.turn,
            scale: place.scale.map(|scale| scale.clamp(0.06, 1.8)),
        };
        let opacity = group.opacity * self.face.own_eye_open(side);
        vec![Group::new(&group.name, place, inside).faded(opacity).into()]
    }

    fn own_brow(&self, group: &ArtGroup, side: usize, inside: Vec<Part>) -> Vec<Part> {
        if !self.sticker.character.own.brows {
            return vec![Group::new(&group.name, Place::STILL, inside).into()];
        }
        let [x, y, ang] = [
            [C::BrowLX, C::BrowLY, C::BrowLAng],
            [C::BrowRX, C::BrowRY, C::BrowRAng],
        ][side];
        let rest = Pose::rest();
        let radius = self.face.layout.radius;
        let sign = if side == 0 { -1.0 } else { 1.0 };
        let place = Place {
            anchor: group.pivot,
            at: [
                group.pivot[0] + radius * (self.pose[x] - rest[x]),
                group.pivot[1] - radius * (self.pose[y] - rest[y]),
            ],
            turn: sign * self.pose[ang].clamp(-0.75, 0.75),
            scale: [1.0, 1.0],
        };
        vec![
            Group::new(&group.name, place, inside)
                .faded(group.opacity)
                .into(),
        ]
    }

    /// The open and the closed mouth fade into each other.
    fn own_mouth(&self, group: &ArtGroup, inside: Vec<Part>) -> Vec<Part> {
        if !self.sticker.character.own.mouth {
            return vec![Group::new(&group.name, Place::STILL, inside).into()];
        }
        let mouth = self.face.mouth_place();
        let opened = group.role == Role::MouthOpen;
        let share = smooth(mouth.open, 0.35, 0.65);
        let shown = if opened { share } else { 1.0 - share };
        // What was drawn as a smile is turned over to a frown.
        let stretch = match opened {
            true if mouth.lift < -0.6 => -mouth.scale[1].clamp(0.3, 2.0),
            true => mouth.scale[1].clamp(0.3, 2.0),
            false => mouth.lift,
        };
        let place = Place {
            anchor: group.pivot,
            at: mouth.at,
            turn: mouth.turn,
            scale: [mouth.scale[0].clamp(0.4, 1.8), stretch],
        };
        let opacity = shown * group.opacity * smooth(self.pose[C::MouthVis], 0.3, 0.7);
        vec![Group::new(&group.name, place, inside).faded(opacity).into()]
    }

    fn toned(&self, shape: &Shape) -> Shape {
        let plain = self.sticker.look.tint.strength == 0.0 || self.sticker.character.tint == 0.0;
        if plain && !self.sticker.flushes {
            return shape.clone();
        }
        Shape {
            contours: shape.contours.clone(),
            fill: shape.fill.as_ref().map(|fill| self.toning.paint(fill)),
            even_odd: shape.even_odd,
            stroke: shape.stroke.map(|stroke| Stroke {
                colour: self.toning.line(stroke.colour),
                ..stroke
            }),
        }
    }

    /// The figure once more, white and wider, to lie beneath it.
    fn outline(&self, group: &Group) -> Group {
        let white = Colour::rgb(255, 255, 255);
        let part = |part: &Part| match part {
            Part::Group(group) => Part::Group(self.outline(group)),
            Part::Shape(shape) => {
                let line = shape.stroke.map_or(0.0, |stroke| stroke.width);
                let width = line + 2.0 * self.sticker.look.outline;
                Part::Shape(Shape {
                    contours: shape.contours.clone(),
                    fill: shape.fill.is_some().then_some(Paint::Solid(white)),
                    even_odd: false,
                    stroke: Some(Stroke {
                        colour: white,
                        width,
                    }),
                })
            }
        };
        let is_feature = |part: &&Part| match part {
            Part::Group(group) => ["eye ", "mouth ", "brow ", "blush ", "tear ", "sweat"]
                .iter()
                .any(|name| group.name.starts_with(name)),
            Part::Shape(_) => false,
        };
        Group {
            name: format!("edge of {}", group.name).into(),
            place: group.place,
            opacity: group.opacity,
            parts: group
                .parts
                .iter()
                .filter(|part| !is_feature(part))
                .map(part)
                .collect(),
        }
    }
}

fn contains_face(parts: &[Art]) -> bool {
    parts.iter().any(|art| match art {
        Art::Group(group) => group.role == Role::Face || contains_face(&group.parts),
        Art::Shape { .. } => false,
    })
}

/// How a loose part lags behind the head: a damped spring of 2.4 Hz, worked out for the whole take.
#[derive(Clone, Debug)]
struct Swing {
    lags: Vec<[f32; 2]>,
    per_second: f64,
    loops: bool,
}

const HERTZ: f32 = 2.4;
const DAMPING: f32 = 0.30;
/// Steps of the spring between two frames, at the least so many a second.
const STEPS_PER_SECOND: f64 = 120.0;

impl Swing {
    fn new(take: &StickerTake) -> Self {
        let rate = frames_per_second(take.rate);
        let between = (STEPS_PER_SECOND / rate).ceil().max(1.0);
        let per_second = rate * between;
        let steps = (take.frames.len() as f64 * between) as usize;
        let targets: Vec<[f32; 2]> = (0..steps)
            .map(|step| target(&take.at(step as f64 / per_second)))
            .collect();
        let mut place = targets.first().copied().unwrap_or_default();
        let mut speed = [0.0_f32; 2];
        let mut lags = vec![[0.0; 2]; steps];
        let dt = (1.0 / per_second) as f32;
        let omega = TAU * HERTZ;
        // Round and round until what was before has died away.
        let settle = if take.loops {
            1 + (3.0 / take.seconds()).ceil() as usize
        } else {
            1
        };
        for _ in 0..settle {
            for (target, lag) in targets.iter().zip(&mut lags) {
                for axis in 0..2 {
                    let pull = omega * omega * (target[axis] - place[axis]);
                    speed[axis] += dt * (pull - 2.0 * DAMPING * omega * speed[axis]);
                    place[axis] += dt * speed[axis];
                    lag[axis] = (target[axis] - place[axis]).clamp(-0.35, 0.35);
                }
            }
        }
        Self {
            lags,
            per_second,
            loops: take.loops,
        }
    }

    fn at(&self, seconds: f64) -> [f32; 2] {
        let count = self.lags.len() as i64;
        if count == 0 || !seconds.is_finite() {
            return [0.0; 2];
        }
        let position = seconds * self.per_second;
        let lag = |number: i64| match self.loops {
            true => self.lags[number.rem_euclid(count) as usize],
            false => self.lags[number.clamp(0, count - 1) as usize],
        };
        let (before, share) = (position.floor(), (position - position.floor()) as f32);
        let (from, to) = (lag(before as i64), lag(before as i64 + 1));
        [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * share)
    }
}

/// A head that rolls over tilts to and fro instead, at most 0.5 radians, so that ears and caps stay in the picture.
fn tilt(turn: f32) -> f32 {
    const MOST: f32 = 0.5;
    MOST * libm::tanhf(libm::sinf(turn) / MOST)
}

/// Where the root of a loose part goes with the head, in head radii, y up.
fn target(pose: &Pose) -> [f32; 2] {
    let rest = Pose::rest();
    let mean = |left: C, right: C| 0.5 * (pose[left] - rest[left] + pose[right] - rest[right]);
    [
        pose[C::HeadX] - 0.9 * tilt(pose[C::HeadRot]) + 0.45 * mean(C::EyeLX, C::EyeRX),
        pose[C::HeadY] + 1.2 * (pose[C::HeadSy] - 1.0) + 0.35 * mean(C::EyeLCy, C::EyeRCy),
    ]
}
