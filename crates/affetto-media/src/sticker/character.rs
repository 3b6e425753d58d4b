//! Characters: vector art with named groups, read from SVG.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use affetto_core::{on_one_line, read_limited};
use affetto_emotion::nearest;
use usvg::{
    roxmltree,
    tiny_skia_path::{self, PathSegment},
};

use super::{
    face::{Inks, Layout},
    guard,
    scene::{
        Affine, Colour, Contour, Paint, Point, SIDE, Shape, Stop, Stroke, Vertex, after, moved,
    },
};
use crate::Error;

pub(super) const WHAT: &str = "character";

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        const BUILT_IN: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("characters/", $name, ".svg")),
        )),*];
    };
}

built_in![
    "peach", "cat", "dog", "bear", "bunny", "frog", "ghost", "robot", "heart", "star", "cloud",
    "moon", "flame", "drop",
];

/// A character: its art and where its face is.
///
/// The art is an SVG with a square `viewBox`. Groups are known by their `id`:
///
/// | id | is |
/// |---|---|
/// | `head` | what moves, turns and stretches with the head (required) |
/// | `back`, `front` | what stays where it is, behind and before the head |
/// | `body` | what follows a part of the way |
/// | `spring_NAME` | in the head: swings about the middle of `anchor_NAME` (ears, a leaf, a tail) |
/// | `slide_NAME` | in the head: moves with the face as it turns (a muzzle); the mouth stays below `slide_nose` |
/// | `fixed_NAME` | keeps its colours when an emotion tints the character |
/// | `face` | in the head: where in the order of painting the face comes; without it, last |
/// | `eye_l`, `eye_r`, `brow_l`, `brow_r`, `mouth_open`, `mouth_closed` | the character's own features, moved in place of ours; `pupil_l`, `pupil_r` inside the eyes |
/// | `mouth`, `eyes`, `brows` | a drawing of features that ours take the place of |
///
/// Anchors are circles or ellipses of any colour, best with `visibility="hidden"`; they are not drawn:
///
/// | id | is |
/// |---|---|
/// | `anchor_head` | the middle and the radius of the head; else the middle of the group `head` |
/// | `anchor_eye_l`, `anchor_eye_r` | the middle and the size of an eye; else that of the group |
/// | `anchor_mouth` | the middle and half the width of the mouth; else that of the group |
/// | `anchor_face` | the ellipse that no feature leaves; else 0.92 of the head |
///
/// Left and right are those of the picture. The root may say `data-line`, `data-glow`, `data-mouth`, `data-blush` (colours as
/// `#rrggbb`), `data-blush-rest` (0 to 1) and `data-tint` (0 to 1, how much an emotion colours the character).
#[derive(Clone, Debug)]
pub struct Character {
    name: String,
    pub(super) roots: Vec<Art>,
    pub(super) layout: Layout,
    pub(super) inks: Inks,
    pub(super) tint: f32,
    pub(super) own: Own,
    found: Found,
}

/// What a check finds in a character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Named groups and anchors that are used, in the order of their names.
    pub used: Vec<String>,
    /// Names that could be there and are not, each with what is done without it.
    pub missing: Vec<(&'static str, &'static str)>,
    /// What is there and has no effect, each with the reason.
    pub ignored: Vec<String>,
}

/// Which features a character brings itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Own {
    pub(super) eyes: bool,
    pub(super) brows: bool,
    pub(super) mouth: bool,
}

/// A piece of the art, in units of the artboard.
#[derive(Clone, Debug)]
pub(super) enum Art {
    Shape { shape: Shape, opacity: f32 },
    Group(ArtGroup),
}

#[derive(Clone, Debug)]
pub(super) struct ArtGroup {
    pub(super) role: Role,
    pub(super) name: Arc<str>,
    /// What it swings or turns about.
    pub(super) pivot: Point,
    /// From the pivot to the middle of what it holds.
    pub(super) reach: Point,
    pub(super) opacity: f32,
    pub(super) parts: Vec<Art>,
}

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Back,
    Body,
    Head,
    Front,
    Spring,
    Slide,
    Fixed,
    Face,
    Eye(usize),
    Pupil(usize),
    Brow(usize),
    MouthOpen,
    MouthClosed,
    /// Not drawn.
    Replaced,
}

impl Role {
    fn named(id: &str) -> Option<Self> {
        Some(match id {
            "back" => Self::Back,
            "body" => Self::Body,
            "head" => Self::Head,
            "front" => Self::Front,
            "face" => Self::Face,
            "eye_l" => Self::Eye(0),
            "eye_r" => Self::Eye(1),
            "pupil_l" => Self::Pupil(0),
            "pupil_r" => Self::Pupil(1),
            "brow_l" => Self::Brow(0),
            "brow_r" => Self::Brow(1),
            "mouth_open" => Self::MouthOpen,
            "mouth_closed" => Self::MouthClosed,
            "mouth" | "eyes" | "brows" | "anchors" => Self::Replaced,
            _ if id.starts_with("spring_") => Self::Spring,
            _ if id.starts_with("slide_") => Self::Slide,
            _ if id.starts_with("fixed_") => Self::Fixed,
            _ => return None,
        })
    }
}

/// Names of groups that are known as they are.
const NAMES: [&str; 18] = [
    "head",
    "back",
    "front",
    "body",
    "face",
    "eye_l",
    "eye_r",
    "pupil_l",
    "pupil_r",
    "brow_l",
    "brow_r",
    "mouth",
    "mouth_open",
    "mouth_closed",
    "anchor_head",
    "anchor_eye_l",
    "anchor_eye_r",
    "anchor_mouth",
];

/// What is done without a name.
const OPTIONAL: [(&str, &str); 10] = [
    ("anchor_head", "the middle of the group head is taken"),
    (
        "anchor_eye_l",
        "the middle of eye_l is taken, or the usual place",
    ),
    (
        "anchor_eye_r",
        "the middle of eye_r is taken, or the usual place",
    ),
    (
        "anchor_mouth",
        "the middle of mouth is taken, or the usual place",
    ),
    ("anchor_face", "features stay within 0.92 of the head"),
    ("eye_l", "an eye is drawn"),
    ("eye_r", "an eye is drawn"),
    ("brow_l", "a brow is drawn"),
    ("brow_r", "a brow is drawn"),
    ("mouth_open", "a mouth is drawn"),
];

/// The middle and the half extents of an anchor or a group.
#[derive(Clone, Copy, Debug)]
struct Extent {
    at: Point,
    half: [f32; 2],
}

impl Character {
    /// The names of the built-in characters.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The SVG of a built-in character, as a beginning for one's own.
    pub fn svg(name: &str) -> Option<&'static str> {
        let known = BUILT_IN.iter().find(|(known, _)| *known == name);
        known.map(|(_, svg)| *svg)
    }

    /// A built-in character.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCharacter`] with the names nearest to it.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        let word = name.trim().to_lowercase();
        match Self::svg(&word) {
            Some(svg) => Self::from_svg(&word, svg.as_bytes()),
            None => {
                let near = nearest(&word, Self::names());
                Err(Error::UnknownCharacter {
                    name: name.chars().take(40).collect(),
                    nearest: match near.is_empty() {
                        true => Self::names().map(String::from).collect(),
                        false => near,
                    },
                })
            }
        }
    }

    /// A character from a file; its name is that of the file.
    ///
    /// # Errors
    ///
    /// As [`Self::from_svg`], and [`Error::Read`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_limited(path, guard::BYTES)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::from_svg(&name, &bytes).map_err(|error| error.in_file(path))
    }

    /// A character from the bytes of an SVG.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedSticker`] for what is no SVG, refers to something outside of it, holds scripts, entities, text,
    /// pictures, masks, filters or patterns, or has no group `head`; [`Error::Limit`] for more bytes, elements or
    /// points than a drawing needs.
    pub fn from_svg(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let text = guard::text(bytes)?;
        let document = guard::document(&text)?;
        let tree = usvg::Tree::from_xmltree(&document, &usvg::Options::default())
            .map_err(|error| malformed("the document", error.to_string()))?;
        let size = tree.size();
        let side = size.width().max(size.height());
        let scale = SIDE / side;
        let frame = [
            scale,
            0.0,
            0.0,
            scale,
            0.5 * (SIDE - scale * size.width()),
            0.5 * (SIDE - scale * size.height()),
        ];
        let mut reader = Reader::default();
        let roots = reader.parts(tree.root(), frame, "the document")?;
        reader.finish(name, roots, document.root_element())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was found in its file.
    pub const fn found(&self) -> &Found {
        &self.found
    }
}

/// Gathers anchors and extents while it reads the art.
#[derive(Default)]
struct Reader {
    anchors: BTreeMap<String, Extent>,
    groups: BTreeMap<String, Extent>,
    ignored: Vec<String>,
    points: usize,
}

impl Reader {
    fn parts(
        &mut self,
        group: &usvg::Group,
        frame: Affine,
        inside: &str,
    ) -> Result<Vec<Art>, Error> {
        let mut parts = Vec::new();
        for node in group.children() {
            match node {
                usvg::Node::Path(path) => self.path(path, frame, inside, &mut parts)?,
                usvg::Node::Group(group) => self.group(group, frame, inside, &mut parts)?,
                usvg::Node::Image(_) => {
                    return Err(malformed(inside, "a picture; draw it as paths".into()));
                }
                usvg::Node::Text(_) => {
                    return Err(malformed(inside, "text; convert it to paths".into()));
                }
            }
        }
        Ok(parts)
    }

    fn group(
        &mut self,
        group: &usvg::Group,
        frame: Affine,
        inside: &str,
        parts: &mut Vec<Art>,
    ) -> Result<(), Error> {
        let id = group.id();
        let here = if id.is_empty() { inside } else { id };
        if group.mask().is_some() {
            return Err(malformed(here, "a mask; cut the shapes instead".into()));
        }
        if !group.filters().is_empty() {
            return Err(malformed(here, "a filter; use a gradient instead".into()));
        }
        if group.blend_mode() != usvg::BlendMode::Normal {
            return Err(malformed(here, "a blend mode; use plain colours".into()));
        }
        if let Some(clip) = group.clip_path()
            && !is_whole(clip, group)
        {
            return Err(malformed(
                here,
                "a clip path; cut the shapes instead".into(),
            ));
        }
        let frame = after(frame, affine(group.transform()));
        let inner = self.parts(group, frame, here)?;
        let opacity = group.opacity().get();
        let role = Role::named(id);
        let bounds = bounds(&inner);
        if let (Some(bounds), false) = (bounds, id.is_empty()) {
            self.groups.entry(id.into()).or_insert(extent(bounds));
        }
        match role {
            Some(role) => {
                if bounds.is_none() && !matches!(role, Role::Face | Role::Replaced) {
                    self.ignored.push(format!("{id}: nothing is drawn in it"));
                }
                let pivot = bounds.map_or([0.0, 0.0], |bounds| extent(bounds).at);
                parts.push(Art::Group(ArtGroup {
                    role,
                    name: id.into(),
                    pivot,
                    reach: [0.0, 0.0],
                    opacity,
                    parts: inner,
                }));
            }
            None if opacity < 1.0 => parts.push(Art::Group(ArtGroup {
                role: Role::Plain,
                name: id.into(),
                pivot: [0.0, 0.0],
                reach: [0.0, 0.0],
                opacity,
                parts: inner,
            })),
            None => {
                self.resembling(id);
                parts.extend(inner);
            }
        }
        Ok(())
    }

    /// Says that a name is nearly one that is known.
    fn resembling(&mut self, id: &str) {
        let word = id.to_lowercase().replace(['-', ' ', '.'], "_");
        let swapped = word.replace("left", "l").replace("right", "r");
        let near = NAMES
            .into_iter()
            .find(|name| *name != id && (word == *name || swapped == *name));
        if let Some(name) = near {
            let id = shown(id, 40);
            self.ignored
                .push(format!("{id}: has no effect; did you mean {name}?"));
        }
    }

    fn path(
        &mut self,
        path: &usvg::Path,
        frame: Affine,
        inside: &str,
        parts: &mut Vec<Art>,
    ) -> Result<(), Error> {
        let id = path.id();
        let here = if id.is_empty() { inside } else { id };
        let contours = contours(path.data(), frame);
        self.points += contours
            .iter()
            .map(|contour| contour.vertices.len())
            .sum::<usize>();
        guard::check_points(self.points)?;
        let far = |value: &f32| value.is_nan() || value.abs() > guard::FAR;
        if contours
            .iter()
            .any(|contour| contour.bounds().iter().any(far))
        {
            return Err(malformed(here, "points far outside the drawing".into()));
        }
        if let Some(name) = id.strip_prefix("anchor_") {
            if let Some(bounds) = contours.iter().map(Contour::bounds).reduce(united) {
                self.anchors.entry(name.into()).or_insert(extent(bounds));
            }
            return Ok(());
        }
        if !path.is_visible() {
            return Ok(());
        }
        self.resembling(id);
        let contours = Arc::new(contours);
        let fill = path.fill().map(|fill| {
            let even_odd = fill.rule() == usvg::FillRule::EvenOdd;
            Ok::<_, Error>((
                paint(fill.paint(), fill.opacity().get(), frame, here)?,
                even_odd,
            ))
        });
        let fill = fill.transpose()?;
        let stroke = path
            .stroke()
            .map(|stroke| line(stroke, frame, here))
            .transpose()?;
        let even_odd = fill.as_ref().is_some_and(|(_, even_odd)| *even_odd);
        parts.push(Art::Shape {
            shape: Shape {
                contours,
                fill: fill.map(|(paint, _)| paint),
                even_odd,
                stroke,
            },
            opacity: 1.0,
        });
        Ok(())
    }

    fn finish(
        mut self,
        name: &str,
        mut roots: Vec<Art>,
        root: roxmltree::Node<'_, '_>,
    ) -> Result<Character, Error> {
        lift_roots(&mut roots);
        let has_head = roots.iter().any(|art| role(art) == Role::Head);
        let head = self.groups.get("head").copied();
        let (true, Some(head)) = (has_head, head) else {
            let reason =
                "no group with the id \"head\" that holds shapes; name the group that moves so"
                    .into();
            return Err(malformed("the document", reason));
        };
        for art in &mut roots {
            self.place(art);
        }
        let anchor = |name: &str| self.anchors.get(name).copied();
        let middle = anchor("head").unwrap_or(head);
        let radius = (middle.half[0] * middle.half[1]).sqrt();
        if radius.is_nan() || radius < 16.0 {
            return Err(malformed(
                "anchor_head",
                "a head smaller than 1/32 of the drawing".into(),
            ));
        }
        let eye = |name: &str, sign: f32| {
            let usual = Extent {
                at: [
                    middle.at[0] + sign * 0.34 * radius,
                    middle.at[1] - 0.14 * radius,
                ],
                half: [0.165 * radius; 2],
            };
            let group = self.groups.get(name).copied();
            anchor(name).or(group).unwrap_or(usual)
        };
        let eyes = [eye("eye_l", -1.0), eye("eye_r", 1.0)];
        let eye_half = 0.5 * (eyes[0].half[1] + eyes[1].half[1]);
        let usual_mouth = Extent {
            at: [middle.at[0], middle.at[1] + 0.38 * radius],
            half: [0.3 * radius, 0.1 * radius],
        };
        let drawn_mouth = ["mouth", "mouth_closed", "mouth_open"]
            .into_iter()
            .find_map(|name| self.groups.get(name).copied());
        let mouth = anchor("mouth").or(drawn_mouth).unwrap_or(usual_mouth);
        let area = anchor("face").unwrap_or(Extent {
            at: middle.at,
            half: [0.92 * middle.half[0], 0.92 * middle.half[1]],
        });
        let own = Own {
            eyes: self.groups.contains_key("eye_l") && self.groups.contains_key("eye_r"),
            brows: self.groups.contains_key("brow_l") && self.groups.contains_key("brow_r"),
            mouth: self.groups.contains_key("mouth_open")
                && self.groups.contains_key("mouth_closed"),
        };
        let layout = Layout {
            head: middle.at,
            radius,
            eyes: eyes.map(|eye| eye.at),
            eye_size: (eye_half / (0.165 * radius)).clamp(0.4, 2.5),
            mouth: mouth.at,
            mouth_size: (mouth.half[0] / (0.3 * radius)).clamp(0.4, 2.5),
            ceiling: (self.groups.get("slide_nose"))
                .map_or(0.0, |nose| nose.at[1] + 0.6 * nose.half[1]),
            area: area.at,
            extent: area.half,
        };
        let found = self.report(&own);
        Ok(Character {
            name: name.into(),
            roots,
            layout,
            inks: inks(root)?,
            tint: share(root, "data-tint", 0.0)?,
            own,
            found,
        })
    }

    /// Sets what groups swing about.
    fn place(&self, art: &mut Art) {
        let Art::Group(group) = art else {
            return;
        };
        if group.role == Role::Spring {
            let name = group.name.trim_start_matches("spring_");
            let middle = group.pivot;
            if let Some(anchor) = self.anchors.get(name) {
                group.pivot = anchor.at;
                group.reach = [middle[0] - anchor.at[0], middle[1] - anchor.at[1]];
            }
        }
        for part in &mut group.parts {
            self.place(part);
        }
    }

    fn report(&mut self, own: &Own) -> Found {
        let is_known = |name: &&String| Role::named(name).is_some();
        let mut used: Vec<String> = self.groups.keys().filter(is_known).cloned().collect();
        for name in self.anchors.keys() {
            let id = format!("anchor_{name}");
            let is_joint = self.groups.contains_key(&format!("spring_{name}"));
            match is_joint || OPTIONAL.iter().any(|(known, _)| *known == id) {
                true => used.push(id),
                false => self
                    .ignored
                    .push(format!("{id}: no group spring_{name} swings about it")),
            }
        }
        for name in self
            .groups
            .keys()
            .filter_map(|id| id.strip_prefix("spring_"))
        {
            if !self.anchors.contains_key(name) {
                self.ignored.push(format!(
                    "spring_{name}: does not swing, there is no anchor_{name}"
                ));
            }
        }
        for (pair, complete) in [
            (["eye_l", "eye_r"], own.eyes),
            (["brow_l", "brow_r"], own.brows),
            (["mouth_open", "mouth_closed"], own.mouth),
        ] {
            for name in pair
                .into_iter()
                .filter(|name| !complete && self.groups.contains_key(*name))
            {
                self.ignored.push(format!(
                    "{name}: used only together with the other of {}",
                    pair.join(" and ")
                ));
            }
        }
        used.sort();
        let missing = OPTIONAL
            .into_iter()
            .filter(|(name, _)| !used.iter().any(|used| used == name));
        Found {
            missing: missing.collect(),
            used,
            ignored: std::mem::take(&mut self.ignored),
        }
    }
}

pub(super) fn malformed(place: &str, reason: String) -> Error {
    Error::MalformedSticker {
        what: WHAT,
        place: shown(place, 60),
        reason: shown(&reason, 200),
    }
}

/// The beginning of a text of the file, on one line.
pub(super) fn shown(text: &str, most: usize) -> String {
    on_one_line(text).take(most).collect()
}

/// A drawing program may put everything into a layer: groups with a role come out of groups without.
fn lift_roots(roots: &mut Vec<Art>) {
    let is_top = |role: Role| matches!(role, Role::Head | Role::Back | Role::Body | Role::Front);
    loop {
        let layer = roots.iter().position(|art| match art {
            Art::Group(group) => {
                !is_top(group.role) && group.parts.iter().any(|part| is_top(role(part)))
            }
            Art::Shape { .. } => false,
        });
        let Some(at) = layer else {
            return;
        };
        if let Art::Group(group) = roots.remove(at) {
            roots.splice(at..at, group.parts);
        }
    }
}

const fn role(art: &Art) -> Role {
    match art {
        Art::Group(group) => group.role,
        Art::Shape { .. } => Role::Plain,
    }
}

/// Whether a clip path is a box around everything, as drawing programs write for their artboard.
fn is_whole(clip: &usvg::ClipPath, group: &usvg::Group) -> bool {
    let [usvg::Node::Path(path)] = clip.root().children() else {
        return false;
    };
    let is_box =
        path.data()
            .segments()
            .filter(|segment| !matches!(segment, PathSegment::Close))
            .count()
            <= 5
            && path.data().segments().all(|segment| {
                !matches!(segment, PathSegment::CubicTo(..) | PathSegment::QuadTo(..))
            });
    let outer = path.bounding_box();
    let inner = group.bounding_box();
    let slack = 0.5;
    is_box
        && outer.left() <= inner.left() + slack
        && outer.top() <= inner.top() + slack
        && outer.right() + slack >= inner.right()
        && outer.bottom() + slack >= inner.bottom()
}

fn affine(transform: usvg::Transform) -> Affine {
    [
        transform.sx,
        transform.ky,
        transform.kx,
        transform.sy,
        transform.tx,
        transform.ty,
    ]
}

/// How much a transform enlarges.
fn enlarged([a, b, c, d, ..]: Affine) -> f32 {
    (a * d - b * c).abs().sqrt()
}

fn contours(path: &tiny_skia_path::Path, frame: Affine) -> Vec<Contour> {
    let place = |point: tiny_skia_path::Point| moved(frame, [point.x, point.y]);
    let from = |at: Point, to: Point| [to[0] - at[0], to[1] - at[1]];
    let mut contours: Vec<Contour> = Vec::new();
    let mut vertices: Vec<Vertex> = Vec::new();
    let mut flush = |vertices: &mut Vec<Vertex>, closed: bool| {
        if !vertices.is_empty() {
            let mut vertices = std::mem::take(vertices);
            let (first, last) = (vertices[0], vertices[vertices.len() - 1]);
            let same = (first.at[0] - last.at[0]).abs() + (first.at[1] - last.at[1]).abs() < 1e-3;
            if closed && vertices.len() > 1 && same {
                vertices[0].before = last.before;
                vertices.pop();
            }
            contours.push(Contour { vertices, closed });
        }
    };
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(point) => {
                flush(&mut vertices, false);
                let [x, y] = place(point);
                vertices.push(Vertex::sharp(x, y));
            }
            PathSegment::LineTo(point) => {
                let [x, y] = place(point);
                vertices.push(Vertex::sharp(x, y));
            }
            PathSegment::QuadTo(control, point) => {
                let (control, point) = (place(control), place(point));
                if let Some(last) = vertices.last_mut() {
                    let out = from(last.at, control);
                    last.after = [out[0] * 2.0 / 3.0, out[1] * 2.0 / 3.0];
                }
                let back = from(point, control);
                vertices.push(Vertex::new(
                    point,
                    [back[0] * 2.0 / 3.0, back[1] * 2.0 / 3.0],
                    [0.0, 0.0],
                ));
            }
            PathSegment::CubicTo(first, second, point) => {
                let (first, second, point) = (place(first), place(second), place(point));
                if let Some(last) = vertices.last_mut() {
                    last.after = from(last.at, first);
                }
                vertices.push(Vertex::new(point, from(point, second), [0.0, 0.0]));
            }
            PathSegment::Close => flush(&mut vertices, true),
        }
    }
    flush(&mut vertices, false);
    contours
}

fn paint(paint: &usvg::Paint, opacity: f32, frame: Affine, place: &str) -> Result<Paint, Error> {
    let solid = |colour: usvg::Color, alpha: f32| {
        Colour::rgb(colour.red, colour.green, colour.blue).with_alpha(alpha * opacity)
    };
    let stops = |stops: &[usvg::Stop]| -> Vec<Stop> {
        let stop = |stop: &usvg::Stop| Stop {
            at: stop.offset().get(),
            colour: solid(stop.color(), stop.opacity().get()),
        };
        stops.iter().map(stop).collect()
    };
    let unpadded = || malformed(place, "a repeated gradient; let it end once".into());
    match paint {
        usvg::Paint::Color(colour) => Ok(Paint::Solid(solid(*colour, 1.0))),
        usvg::Paint::LinearGradient(gradient) => {
            if gradient.spread_method() != usvg::SpreadMethod::Pad {
                return Err(unpadded());
            }
            let frame = after(frame, affine(gradient.transform()));
            let [from, to] = [
                [gradient.x1(), gradient.y1()],
                [gradient.x2(), gradient.y2()],
            ];
            Ok(linear(frame, from, to, stops(gradient.stops())))
        }
        usvg::Paint::RadialGradient(gradient) => {
            if gradient.spread_method() != usvg::SpreadMethod::Pad {
                return Err(unpadded());
            }
            Ok(Paint::Radial {
                centre: [gradient.cx(), gradient.cy()],
                radius: gradient.r().get(),
                stops: stops(gradient.stops()),
                frame: after(frame, affine(gradient.transform())),
            })
        }
        usvg::Paint::Pattern(_) => Err(malformed(
            place,
            "a pattern; use a colour or a gradient".into(),
        )),
    }
}

/// A gradient along a line whose bands stay at right angles to it in its own frame: moved so that they are at right
/// angles in the drawing too.
fn linear(frame: Affine, from: Point, to: Point, stops: Vec<Stop>) -> Paint {
    let (start, end) = (moved(frame, from), moved(frame, to));
    let across = [from[0] - (to[1] - from[1]), from[1] + (to[0] - from[0])];
    let side = moved(frame, across);
    let (band, axis) = (
        [side[0] - start[0], side[1] - start[1]],
        [end[0] - start[0], end[1] - start[1]],
    );
    let length = (band[0] * band[0] + band[1] * band[1]).max(1e-9);
    let along = (axis[0] * band[0] + axis[1] * band[1]) / length;
    Paint::Linear {
        from: start,
        to: [end[0] - along * band[0], end[1] - along * band[1]],
        stops,
    }
}

fn line(stroke: &usvg::Stroke, frame: Affine, place: &str) -> Result<Stroke, Error> {
    if stroke.dasharray().is_some() {
        return Err(malformed(
            place,
            "a dashed line; draw its dashes as paths".into(),
        ));
    }
    match paint(stroke.paint(), stroke.opacity().get(), frame, place)? {
        Paint::Solid(colour) => Ok(Stroke {
            colour,
            width: stroke.width().get() * enlarged(frame),
        }),
        _ => Err(malformed(
            place,
            "a line with a gradient; use a colour".into(),
        )),
    }
}

fn united(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

fn extent([left, top, right, bottom]: [f32; 4]) -> Extent {
    Extent {
        at: [0.5 * (left + right), 0.5 * (top + bottom)],
        half: [0.5 * (right - left), 0.5 * (bottom - top)],
    }
}

fn bounds(parts: &[Art]) -> Option<[f32; 4]> {
    let bounds = parts.iter().filter_map(|art| match art {
        Art::Shape { shape, .. } => shape.contours.iter().map(Contour::bounds).reduce(united),
        Art::Group(group) => bounds(&group.parts),
    });
    bounds.reduce(united)
}

fn inks(root: roxmltree::Node<'_, '_>) -> Result<Inks, Error> {
    let line = colour(root, "data-line", Colour::rgb(0x2c, 0x1e, 0x48))?;
    Ok(Inks {
        line,
        glow: colour(root, "data-glow", Colour::rgb(0x8a, 0x66, 0xd8))?,
        mouth: colour(root, "data-mouth", Colour::rgb(0x66, 0x18, 0x3c))?,
        blush: colour(root, "data-blush", Colour::rgb(0xff, 0x5a, 0x86))?,
        blush_at_rest: share(root, "data-blush-rest", 0.0)?,
    })
}

fn colour(root: roxmltree::Node<'_, '_>, name: &str, usual: Colour) -> Result<Colour, Error> {
    let Some(text) = root.attribute(name) else {
        return Ok(usual);
    };
    let number = text
        .trim()
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6);
    let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match number {
        Some(number) => Ok(Colour::rgb(
            (number >> 16) as u8,
            (number >> 8) as u8,
            number as u8,
        )),
        None => Err(malformed(
            name,
            format!("{text:?} is not a colour such as #2c1e48"),
        )),
    }
}

fn share(root: roxmltree::Node<'_, '_>, name: &str, usual: f32) -> Result<f32, Error> {
    let Some(text) = root.attribute(name) else {
        return Ok(usual);
    };
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    number.ok_or_else(|| malformed(name, format!("{text:?} is not a number from 0 to 1")))
}
