//! The numbers that the model works on: sums and differences of left and right, brows and mouth relative to the eyes,
//! opening and middle instead of upper and lower edge, roots of amounts with a clear level for "off".
//!
//! In these numbers a crooked face is far away and a straight one is near, so that an error of the model shows as another
//! face and not as a broken one.
//!
//! | name | is | unit |
//! |---|---|---|
//! | `..._s`, `..._d` | half the sum of left and right, half their difference (left minus right, as the picture has them) | that of the channel |
//! | `eye_open`, `eye_mid` | upper minus lower edge, mean of both | head radii |
//! | `white_...`, `glyph_w` | width, opening and middle of a wide white eye, width of a heart, star or spiral | head radii |
//! | `tear`, `sweat`, `blush` ... | root of the area, [`OFF`] for none | head radii |

use std::sync::LazyLock;

/// The channels of the measured tracks, in the order of their file.
pub const SOURCE: [&str; 68] = [
    "head_x",
    "head_y",
    "head_rot",
    "head_sx",
    "head_sy",
    "eyeL_x",
    "eyeL_cy",
    "eyeL_w",
    "eyeL_up",
    "eyeL_low",
    "eyeL_ang",
    "eyeL_white",
    "eyeL_pup_x",
    "eyeL_pup_y",
    "eyeL_pup_r",
    "eyeL_squint",
    "eyeR_x",
    "eyeR_cy",
    "eyeR_w",
    "eyeR_up",
    "eyeR_low",
    "eyeR_ang",
    "eyeR_white",
    "eyeR_pup_x",
    "eyeR_pup_y",
    "eyeR_pup_r",
    "eyeR_squint",
    "sty_heart",
    "sty_star",
    "sty_dizzy",
    "browL_vis",
    "browL_x",
    "browL_y",
    "browL_ang",
    "browL_curve",
    "browR_vis",
    "browR_x",
    "browR_y",
    "browR_ang",
    "browR_curve",
    "mouth_vis",
    "mouth_x",
    "mouth_cy",
    "mouth_w",
    "mouth_up",
    "mouth_low",
    "mouth_asym",
    "mouth_round",
    "mouth_wave",
    "mouth_teeth",
    "mouth_tongue",
    "mouth_tongue_out",
    "mouth_kiss",
    "tearL",
    "tearR",
    "tearL_y",
    "tearR_y",
    "sweat",
    "sweat_x",
    "sweat_y",
    "blush",
    "steam",
    "heart",
    "sparkle",
    "zzz",
    "tint_r",
    "tint_g",
    "tint_b",
];

/// How many numbers a frame has for the model.
pub const WIDTH: usize = 72;
/// The level of an amount that is not there.
pub const OFF: f32 = -0.12;
/// Areas below this are none, in squared head radii.
const LEAST_AREA: f32 = 0.004;
/// Roots of areas below this are drawn as none.
const LEAST_ROOT: f32 = 0.06;

/// A part of the face, which clips of one emotion may exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Place, turn and size of the head.
    Head,
    /// Eyes, their styles, and the place of the face on the head.
    Eyes,
    /// Brows.
    Brows,
    /// Mouth, teeth and tongue.
    Mouth,
    /// Tears, sweat, blush, steam, hearts, sparkles, sleep.
    Extras,
    /// The tint of the skin.
    Tint,
}

impl Part {
    /// Every part; the numbers of a frame stand in this order.
    pub const ALL: [Self; 6] = [
        Self::Head,
        Self::Eyes,
        Self::Brows,
        Self::Mouth,
        Self::Extras,
        Self::Tint,
    ];
}

/// How a number is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Plain,
    /// The root of an area, or a difference of two.
    Amount,
    /// 1 where a style is worn, 0 where not, or a difference of two.
    Style,
    /// The size of a style; it counts only while the style is worn.
    Size,
    /// The shape of an eye without a style; it counts only while none is worn.
    Lens,
}

/// One number of a frame.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The part that it belongs to.
    pub part: Part,
    /// How it is read.
    pub kind: Kind,
    /// -1 where it changes its sign in a mirror, else 1.
    pub mirror: f32,
    /// Its value where nothing is shown: a calm face.
    pub neutral: f32,
    /// Source channels and what they are multiplied by; none for a [`Kind::Size`].
    terms: Vec<(usize, f64)>,
}

/// All numbers of a frame and the way back to channels.
#[derive(Debug)]
pub struct Basis {
    rows: Vec<Row>,
    /// `(SOURCE, linear rows)`: channels from numbers.
    inverse: Vec<Vec<f64>>,
    places: Places,
}

/// Where numbers with a meaning of their own stand.
#[derive(Clone, Copy, Debug)]
struct Places {
    white_w: usize,
    white_open: usize,
    white_mid: usize,
    glyph_w: usize,
}

/// A frame of channels, in the order of [`SOURCE`].
pub type SourceFrame = [f32; SOURCE.len()];
/// A frame of numbers, in the order of [`Basis::rows`].
pub type Frame = [f32; WIDTH];

/// Channels that are areas.
const AREAS: [&str; 11] = [
    "tearL",
    "tearR",
    "sweat",
    "blush",
    "steam",
    "heart",
    "sparkle",
    "zzz",
    "mouth_teeth",
    "mouth_tongue",
    "mouth_tongue_out",
];

/// The place of a channel in [`SOURCE`]. The names asked for are constants of this crate.
fn source(name: &str) -> usize {
    SOURCE
        .iter()
        .position(|other| *other == name)
        .unwrap_or_default()
}

/// The channel on the other side, and its sign in a mirror.
fn mirrored(index: usize) -> (usize, f64) {
    let name = SOURCE[index];
    let other = if let Some(rest) = name.strip_prefix("eyeL") {
        format!("eyeR{rest}")
    } else if let Some(rest) = name.strip_prefix("eyeR") {
        format!("eyeL{rest}")
    } else if let Some(rest) = name.strip_prefix("browL") {
        format!("browR{rest}")
    } else if let Some(rest) = name.strip_prefix("browR") {
        format!("browL{rest}")
    } else if let Some(rest) = name.strip_prefix("tearL") {
        format!("tearR{rest}")
    } else if let Some(rest) = name.strip_prefix("tearR") {
        format!("tearL{rest}")
    } else {
        name.into()
    };
    let turns = name.ends_with("_x") || matches!(name, "head_rot" | "mouth_asym");
    (source(&other), if turns { -1.0 } else { 1.0 })
}

/// A channel's value in a calm face.
fn calm(index: usize) -> f32 {
    match SOURCE[index] {
        "head_sx" | "head_sy" | "mouth_vis" => 1.0,
        "eyeL_x" => -0.34,
        "eyeR_x" => 0.34,
        "eyeL_cy" | "eyeR_cy" => 0.18,
        "eyeL_w" | "eyeR_w" => 0.28,
        "eyeL_up" | "eyeR_up" => 0.165,
        "eyeL_low" | "eyeR_low" => -0.165,
        "eyeL_pup_r" | "eyeR_pup_r" => 0.45,
        "browL_x" => -0.36,
        "browR_x" => 0.36,
        "browL_y" | "browR_y" => 0.55,
        "browL_curve" | "browR_curve" => 0.06,
        "mouth_cy" => -0.36,
        "mouth_w" => 0.5,
        "mouth_up" => 0.035,
        "mouth_low" => -0.035,
        "mouth_round" => 0.66,
        "tearL_y" | "tearR_y" => -0.2,
        "sweat_x" => 0.7,
        "sweat_y" => 0.5,
        _ => 0.0,
    }
}

/// The basis; there is one.
pub static BASIS: LazyLock<Basis> = LazyLock::new(Basis::new);

/// Collects rows.
struct Builder {
    rows: Vec<Row>,
}

impl Builder {
    fn add(&mut self, part: Part, kind: Kind, name: &str, terms: &[(&str, f64)]) {
        let terms: Vec<(usize, f64)> = terms
            .iter()
            .map(|(name, factor)| (source(name), *factor))
            .collect();
        let mirror = mirror_of(&terms);
        let mut row = Row {
            name: name.into(),
            part,
            kind,
            mirror,
            neutral: 0.0,
            terms,
        };
        row.neutral = row.of(&std::array::from_fn(|index| rooted(index, calm(index))));
        self.rows.push(row);
    }

    /// Half the sum and half the difference of `left` and `right`.
    fn pair(&mut self, part: Part, kind: Kind, name: &str, left: &str, right: &str) {
        self.add(
            part,
            kind,
            &format!("{name}_s"),
            &[(left, 0.5), (right, 0.5)],
        );
        self.add(
            part,
            kind,
            &format!("{name}_d"),
            &[(left, 0.5), (right, -0.5)],
        );
    }

    fn size(&mut self, name: &str, neutral: f32) {
        self.rows.push(Row {
            name: name.into(),
            part: Part::Eyes,
            kind: Kind::Size,
            mirror: 1.0,
            neutral,
            terms: Vec::new(),
        });
    }
}

/// The sign of a row in a mirror: its terms there are the same or all turned.
fn mirror_of(terms: &[(usize, f64)]) -> f32 {
    let same = terms.iter().all(|(index, factor)| {
        let (other, sign) = mirrored(*index);
        let there = terms.iter().find(|(index, _)| *index == other);
        there.is_some_and(|(_, there)| (there * sign - factor).abs() < 1e-12)
    });
    if same { 1.0 } else { -1.0 }
}

/// The root of an area; every other channel as it is.
fn rooted(index: usize, value: f32) -> f32 {
    if !AREAS.contains(&SOURCE[index]) {
        value
    } else if value > LEAST_AREA {
        value.sqrt()
    } else {
        OFF
    }
}

/// The way back.
fn squared(index: usize, value: f32) -> f32 {
    if !AREAS.contains(&SOURCE[index]) {
        value
    } else if value > LEAST_ROOT {
        value * value
    } else {
        0.0
    }
}

impl Row {
    /// Its value in a frame of channels whose areas are roots.
    fn of(&self, rooted: &SourceFrame) -> f32 {
        let sum: f64 = self
            .terms
            .iter()
            .map(|(index, factor)| f64::from(rooted[*index]) * factor)
            .sum();
        sum as f32
    }
}

/// Both eyes' channel, for terms.
macro_rules! eyes {
    ($name:literal) => {
        (concat!("eyeL_", $name), concat!("eyeR_", $name))
    };
}

impl Basis {
    fn new() -> Self {
        let mut all = Builder { rows: Vec::new() };
        head_and_eyes(&mut all);
        brows_and_mouth(&mut all);
        extras(&mut all);
        let rows = all.rows;
        let linear: Vec<&Row> = rows.iter().filter(|row| row.kind != Kind::Size).collect();
        let matrix = linear.iter().map(|row| {
            let mut dense = vec![0.0; SOURCE.len()];
            for (index, factor) in &row.terms {
                dense[*index] += factor;
            }
            dense
        });
        let place = |name: &str| {
            rows.iter()
                .position(|row| row.name == name)
                .unwrap_or_default()
        };
        Self {
            inverse: inverse(matrix.collect()),
            places: Places {
                white_w: place("white_w"),
                white_open: place("white_open"),
                white_mid: place("white_mid"),
                glyph_w: place("glyph_w"),
            },
            rows,
        }
    }

    /// The numbers of a frame.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The place of the number called `name`.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.name == name)
    }

    /// The numbers of a frame of channels, and which of them are known, 0 or 1: `known` says so of the channels.
    pub fn encode(&self, frame: &SourceFrame, known: &SourceFrame) -> (Frame, Frame) {
        let roots: SourceFrame = std::array::from_fn(|index| rooted(index, frame[index]));
        let style = |name: &str| frame[source(name)] > 0.5 && known[source(name)] > 0.5;
        let white = [style("eyeL_white"), style("eyeR_white")];
        let glyph = style("sty_heart") || style("sty_star") || style("sty_dizzy");
        let (mut values, mut masks) = ([0.0; WIDTH], [0.0; WIDTH]);
        for (place, row) in self.rows.iter().enumerate() {
            values[place] = row.of(&roots);
            let all_known = row.terms.iter().all(|(index, _)| known[*index] > 0.5);
            let is_shape = row.kind != Kind::Lens || !(glyph || white[0] || white[1]);
            masks[place] = f32::from(u8::from(all_known && is_shape));
        }
        let eye = |side: usize, left: &str, right: &str| frame[source([left, right][side])];
        let mean = |of: &dyn Fn(usize) -> f32| {
            let worn: Vec<f32> = (0..2)
                .filter(|side| glyph || white[*side])
                .map(of)
                .collect();
            worn.iter().sum::<f32>() / worn.len().max(1) as f32
        };
        let (w, up, low) = (eyes!("w"), eyes!("up"), eyes!("low"));
        let width = mean(&|side| eye(side, w.0, w.1));
        let edge = |names: (&str, &str)| mean(&|side| eye(side, names.0, names.1));
        let sizes = [
            (self.places.glyph_w, width, glyph),
            (self.places.white_w, width, !glyph && (white[0] || white[1])),
            (
                self.places.white_open,
                edge(up) - edge(low),
                !glyph && (white[0] || white[1]),
            ),
            (
                self.places.white_mid,
                (edge(up) + edge(low)) / 2.0,
                !glyph && (white[0] || white[1]),
            ),
        ];
        for (place, value, worn) in sizes {
            values[place] = if worn {
                value
            } else {
                self.rows[place].neutral
            };
            masks[place] = f32::from(u8::from(worn));
        }
        (values, masks)
    }

    /// The channels of a frame. Styles are worn where they are above a half; a worn one brings its own size.
    pub fn decode(&self, values: &Frame) -> SourceFrame {
        let linear: Vec<f64> = (self.rows.iter().zip(values))
            .filter(|(row, _)| row.kind != Kind::Size)
            .map(|(_, value)| f64::from(*value))
            .collect();
        let mut frame: SourceFrame = std::array::from_fn(|index| {
            let sum: f64 = self.inverse[index]
                .iter()
                .zip(&linear)
                .map(|(a, b)| a * b)
                .sum();
            squared(index, sum as f32)
        });
        let glyph = ["sty_heart", "sty_star", "sty_dizzy"]
            .iter()
            .any(|name| frame[source(name)] > 0.5);
        for side in ["L", "R"] {
            let white = frame[source(&format!("eye{side}_white"))] > 0.5;
            let (width, open, mid) = if glyph {
                let width = values[self.places.glyph_w];
                (width, GLYPH_OPEN * width, GLYPH_MID * width)
            } else if white {
                let places = &self.places;
                (
                    values[places.white_w],
                    values[places.white_open],
                    values[places.white_mid],
                )
            } else {
                continue;
            };
            frame[source(&format!("eye{side}_w"))] = width;
            frame[source(&format!("eye{side}_up"))] = mid + open / 2.0;
            frame[source(&format!("eye{side}_low"))] = mid - open / 2.0;
        }
        frame
    }
}

/// Height and middle of a heart or star for each unit of its width, as the tracks have them.
const GLYPH_OPEN: f32 = 0.75;
const GLYPH_MID: f32 = -0.12;

fn head_and_eyes(all: &mut Builder) {
    use Kind::{Lens, Plain, Style};
    use Part::{Eyes, Head};
    all.add(Head, Plain, "head_x", &[("head_x", 1.0)]);
    all.add(Head, Plain, "head_y", &[("head_y", 1.0)]);
    all.add(Head, Plain, "head_rot", &[("head_rot", 1.0)]);
    all.add(
        Head,
        Plain,
        "head_size",
        &[("head_sx", 0.5), ("head_sy", 0.5)],
    );
    all.add(
        Head,
        Plain,
        "head_stretch",
        &[("head_sy", 0.5), ("head_sx", -0.5)],
    );
    all.add(Eyes, Plain, "face_x", &[("eyeL_x", 0.5), ("eyeR_x", 0.5)]);
    all.add(
        Eyes,
        Plain,
        "eye_spread",
        &[("eyeR_x", 0.5), ("eyeL_x", -0.5)],
    );
    all.add(Eyes, Plain, "face_y", &[("eyeL_cy", 0.5), ("eyeR_cy", 0.5)]);
    all.add(
        Eyes,
        Plain,
        "eye_y_d",
        &[("eyeL_cy", 0.5), ("eyeR_cy", -0.5)],
    );
    let edges = |left: f64, right: f64, low: f64| {
        [
            ("eyeL_up", left),
            ("eyeL_low", left * low),
            ("eyeR_up", right),
            ("eyeR_low", right * low),
        ]
    };
    all.add(Eyes, Lens, "eye_open_s", &edges(0.5, 0.5, -1.0));
    all.add(Eyes, Lens, "eye_open_d", &edges(0.5, -0.5, -1.0));
    all.add(Eyes, Lens, "eye_mid_s", &edges(0.25, 0.25, 1.0));
    all.add(Eyes, Lens, "eye_mid_d", &edges(0.25, -0.25, 1.0));
    all.pair(Eyes, Lens, "eye_w", "eyeL_w", "eyeR_w");
    all.pair(Eyes, Lens, "eye_ang", "eyeL_ang", "eyeR_ang");
    all.pair(Eyes, Style, "eye_white", "eyeL_white", "eyeR_white");
    all.pair(Eyes, Style, "eye_squint", "eyeL_squint", "eyeR_squint");
    for name in ["heart", "star", "dizzy"] {
        let name = format!("sty_{name}");
        all.add(Eyes, Style, &name, &[(&name, 1.0)]);
    }
    all.size("white_w", 0.5);
    all.size("white_open", 0.48);
    all.size("white_mid", 0.0);
    all.size("glyph_w", 0.8);
    all.pair(Eyes, Plain, "eye_pup_x", "eyeL_pup_x", "eyeR_pup_x");
    all.pair(Eyes, Plain, "eye_pup_y", "eyeL_pup_y", "eyeR_pup_y");
    all.pair(Eyes, Plain, "eye_pup_r", "eyeL_pup_r", "eyeR_pup_r");
}

fn brows_and_mouth(all: &mut Builder) {
    use Kind::{Amount, Plain, Style};
    use Part::{Brows, Mouth};
    all.pair(Brows, Style, "brow_vis", "browL_vis", "browR_vis");
    let (x, y) = (["eyeL_x", "eyeR_x"], ["eyeL_cy", "eyeR_cy"]);
    all.add(
        Brows,
        Plain,
        "brow_x_s",
        &[
            ("browL_x", 0.5),
            ("browR_x", 0.5),
            (x[0], -0.5),
            (x[1], -0.5),
        ],
    );
    all.add(
        Brows,
        Plain,
        "brow_spread",
        &[
            ("browR_x", 0.5),
            ("browL_x", -0.5),
            (x[1], -0.5),
            (x[0], 0.5),
        ],
    );
    all.add(
        Brows,
        Plain,
        "brow_y_s",
        &[
            ("browL_y", 0.5),
            ("browR_y", 0.5),
            (y[0], -0.5),
            (y[1], -0.5),
        ],
    );
    all.add(
        Brows,
        Plain,
        "brow_y_d",
        &[("browL_y", 0.5), ("browR_y", -0.5)],
    );
    all.pair(Brows, Plain, "brow_ang", "browL_ang", "browR_ang");
    all.pair(Brows, Plain, "brow_curve", "browL_curve", "browR_curve");
    all.add(Mouth, Style, "mouth_vis", &[("mouth_vis", 1.0)]);
    all.add(
        Mouth,
        Plain,
        "mouth_x",
        &[("mouth_x", 1.0), (x[0], -0.5), (x[1], -0.5)],
    );
    all.add(
        Mouth,
        Plain,
        "mouth_y",
        &[("mouth_cy", 1.0), (y[0], -0.5), (y[1], -0.5)],
    );
    all.add(Mouth, Plain, "mouth_w", &[("mouth_w", 1.0)]);
    all.add(
        Mouth,
        Plain,
        "mouth_open",
        &[("mouth_up", 1.0), ("mouth_low", -1.0)],
    );
    all.add(
        Mouth,
        Plain,
        "mouth_mid",
        &[("mouth_up", 0.5), ("mouth_low", 0.5)],
    );
    for name in ["mouth_asym", "mouth_round", "mouth_wave"] {
        all.add(Mouth, Plain, name, &[(name, 1.0)]);
    }
    for name in ["mouth_teeth", "mouth_tongue", "mouth_tongue_out"] {
        all.add(Mouth, Amount, name, &[(name, 1.0)]);
    }
    all.add(Mouth, Style, "mouth_kiss", &[("mouth_kiss", 1.0)]);
}

fn extras(all: &mut Builder) {
    use Kind::{Amount, Plain};
    all.pair(Part::Extras, Amount, "tear", "tearL", "tearR");
    all.pair(Part::Extras, Plain, "tear_y", "tearL_y", "tearR_y");
    all.add(Part::Extras, Amount, "sweat", &[("sweat", 1.0)]);
    for name in ["sweat_x", "sweat_y"] {
        all.add(Part::Extras, Plain, name, &[(name, 1.0)]);
    }
    for name in ["blush", "steam", "heart", "sparkle", "zzz"] {
        all.add(Part::Extras, Amount, name, &[(name, 1.0)]);
    }
    for name in ["tint_r", "tint_g", "tint_b"] {
        all.add(Part::Tint, Plain, name, &[(name, 1.0)]);
    }
}

/// The inverse of a square matrix by Gauss and Jordan with the largest pivot of each column.
pub(super) fn inverse(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let count = matrix.len();
    for (index, row) in matrix.iter_mut().enumerate() {
        row.extend((0..count).map(|column| f64::from(u8::from(column == index))));
    }
    for column in 0..count {
        let size = |row: &usize| matrix[*row][column].abs();
        let pivot = (column..count)
            .max_by(|a, b| size(a).total_cmp(&size(b)))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        let factor = matrix[column][column];
        matrix[column].iter_mut().for_each(|value| *value /= factor);
        let unit = matrix[column].clone();
        for (index, row) in matrix.iter_mut().enumerate() {
            let factor = row[column];
            if index != column && factor != 0.0 {
                row.iter_mut()
                    .zip(&unit)
                    .for_each(|(value, unit)| *value -= factor * unit);
            }
        }
    }
    matrix
        .into_iter()
        .map(|row| row[count..].to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use affetto_core::Seed;

    use super::*;

    fn drawn(name: &str) -> SourceFrame {
        let mut rng = Seed(5).derive(name).rng();
        std::array::from_fn(|index| match SOURCE[index] {
            name if AREAS.contains(&name) => (rng.uniform() * 0.3 + 0.01) as f32,
            name if name.starts_with("sty_") || name.ends_with("white") => 0.0,
            _ => (rng.uniform() * 2.0 - 1.0) as f32,
        })
    }

    #[test]
    fn channels_come_back_from_their_numbers() {
        assert_eq!(BASIS.rows().len(), WIDTH);
        let frame = drawn("face");
        let (values, known) = BASIS.encode(&frame, &[1.0; 68]);
        let back = BASIS.decode(&values);
        for (index, name) in SOURCE.iter().enumerate() {
            assert!(
                (back[index] - frame[index]).abs() < 1e-5,
                "{name}: {} {}",
                frame[index],
                back[index]
            );
        }
        for (row, known) in BASIS.rows().iter().zip(known) {
            assert_eq!(
                known,
                f32::from(u8::from(row.kind != Kind::Size)),
                "{}",
                row.name
            );
        }
    }

    /// To mirror the channels and then take the numbers is to take the numbers and then turn signs.
    #[test]
    fn a_mirror_turns_signs() {
        let frame = drawn("face");
        let mut turned = frame;
        for (index, value) in frame.iter().enumerate() {
            let (other, sign) = mirrored(index);
            turned[other] = value * sign as f32;
        }
        let values = BASIS.encode(&frame, &[1.0; 68]).0;
        let there = BASIS.encode(&turned, &[1.0; 68]).0;
        for (place, row) in BASIS.rows().iter().enumerate() {
            let expected = values[place] * row.mirror;
            assert!(
                (there[place] - expected).abs() < 1e-5,
                "{}: {} {expected}",
                row.name,
                there[place]
            );
        }
    }

    #[test]
    fn a_heart_has_a_size_of_its_own() {
        let mut frame: SourceFrame = std::array::from_fn(calm);
        frame[source("sty_heart")] = 1.0;
        for name in ["eyeL_w", "eyeR_w"] {
            frame[source(name)] = 0.9;
        }
        let (values, known) = BASIS.encode(&frame, &[1.0; 68]);
        let place = |name: &str| BASIS.place(name).unwrap();
        assert_eq!(values[place("glyph_w")], 0.9);
        assert_eq!(
            [
                known[place("glyph_w")],
                known[place("eye_w_s")],
                known[place("white_w")]
            ],
            [1.0, 0.0, 0.0]
        );
        assert!((BASIS.decode(&values)[source("eyeL_w")] - 0.9).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_shown_in_a_calm_face() {
        let calm: SourceFrame = std::array::from_fn(calm);
        let values = BASIS.encode(&calm, &[1.0; 68]).0;
        for (row, value) in BASIS.rows().iter().zip(values) {
            assert!((row.neutral - value).abs() < 1e-6, "{}", row.name);
        }
        let back = BASIS.decode(&values);
        assert_eq!([back[source("tearL")], back[source("blush")]], [0.0, 0.0]);
    }
}
