//! Lottie: the scene as groups whose properties have as few keys as keep it within a third of a pixel.
//!
//! No masks, mattes, effects, images, expressions or text, so that it is an animated sticker of Telegram too. Keys are
//! linear and the last has no easing, which rlottie refuses.

use std::{
    io::{Cursor, Write as _},
    path::Path,
};

use serde_json::{Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{failed, write};
use crate::{
    Error,
    sticker::{
        Sticker,
        scene::{Affine, Colour, Contour, Group, Paint, Part, SIDE, Shape, Stop, moved},
    },
};
use affetto_emotion::frames_per_second;

/// Frames of the composition per second; Telegram takes 30 and 60.
pub(super) const RATE: u32 = 60;
/// Moments per second that keys are looked for at, where the take has more.
const DENSEST: f64 = 30.0;
/// The longest sticker, in seconds.
const LONGEST: f64 = 60.0;

/// How far a value may be from what was drawn: units of the artboard, percent, degrees, parts of a colour.
const PLACE: f64 = 0.3;
const PERCENT: f64 = 0.5;
const DEGREES: f64 = 0.35;
const COLOUR: f64 = 0.008;

/// A sticker as Lottie JSON, 512 by 512.
///
/// # Errors
///
/// [`Error::Limit`] for a sticker of more than a minute.
pub fn lottie(sticker: &Sticker<'_>) -> Result<Vec<u8>, Error> {
    let mut text = String::new();
    write_value(&composition(sticker)?, &mut text);
    Ok(text.into_bytes())
}

/// Compact JSON in which the type of an object comes first: rlottie passes over what stands before it.
pub(super) fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let is_type = |(key, _): &(&String, &Value)| key.as_str() == "ty";
            let first = fields.iter().filter(is_type);
            let rest = fields.iter().filter(|field| !is_type(field));
            out.push('{');
            for (index, (key, value)) in first.chain(rest).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// A sticker as dotLottie: the JSON, packed, with its manifest.
///
/// # Errors
///
/// As [`lottie`], and [`Error::Encode`].
pub fn dot_lottie(sticker: &Sticker<'_>) -> Result<Vec<u8>, Error> {
    let manifest = json!({
        "version": "1.0",
        "generator": concat!("affetto ", env!("CARGO_PKG_VERSION")),
        "animations": [{"id": "sticker", "autoplay": true, "loop": sticker.take().loops}],
    });
    let packed = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive.start_file("manifest.json", options)?;
        archive.write_all(&serde_json::to_vec(&manifest)?)?;
        archive.start_file("animations/sticker.json", options)?;
        archive.write_all(&lottie(sticker)?)?;
        Ok(archive.finish()?.into_inner())
    };
    packed().map_err(|error| failed("dotLottie", error))
}

/// Writes [`lottie`], whole or not at all.
///
/// # Errors
///
/// As [`lottie`], and [`Error::Write`].
pub fn write_lottie(path: &Path, sticker: &Sticker<'_>) -> Result<(), Error> {
    write(path, &lottie(sticker)?)
}

/// Writes [`dot_lottie`], whole or not at all.
///
/// # Errors
///
/// As [`dot_lottie`], and [`Error::Write`].
pub fn write_dot_lottie(path: &Path, sticker: &Sticker<'_>) -> Result<(), Error> {
    write(path, &dot_lottie(sticker)?)
}

fn composition(sticker: &Sticker<'_>) -> Result<Value, Error> {
    let take = sticker.take();
    let seconds = take.seconds();
    if seconds > LONGEST {
        return Err(Error::Limit {
            what: "seconds of Lottie",
            limit: LONGEST as u64,
            found: seconds.ceil() as u64,
        });
    }
    let end = (seconds * f64::from(RATE)).round().max(1.0);
    let rate = frames_per_second(take.rate);
    let steps = match rate <= DENSEST {
        true => take.frames.len(),
        false => ((seconds * DENSEST).round() as usize).max(1),
    };
    let moment = |step: usize| step as f64 / steps as f64;
    let scenes: Vec<Group> = (0..=steps)
        .map(|step| sticker.scene(moment(step) * seconds))
        .collect();
    let times = (0..=steps)
        .map(|step| rounded(moment(step) * end, 1000.0))
        .collect();
    let keys = Keys { times };
    let groups: Vec<&Group> = scenes.iter().collect();
    let shapes = keys.items(&groups, &vec![1.0; groups.len()]);
    Ok(json!({
        "v": "5.7.4", "fr": RATE, "ip": 0, "op": end as u32, "w": SIDE as u32, "h": SIDE as u32, "nm": "sticker", "ddd": 0, "assets": [],
        "layers": [{
            "ddd": 0, "ind": 1, "ty": 4, "nm": "sticker", "sr": 1, "ks": {
                "o": still(json!(100)), "r": still(json!(0)), "p": still(json!([0, 0])), "a": still(json!([0, 0])),
                "s": still(json!([100, 100])),
            }, "ao": 0, "ip": 0, "op": end as u32, "st": 0, "bm": 0, "shapes": shapes,
        }],
    }))
}

fn still(value: Value) -> Value {
    json!({"a": 0, "k": value})
}

fn rounded(value: f64, parts: f64) -> f64 {
    let value = (value * parts).round() / parts;
    if value == 0.0 { 0.0 } else { value }
}

fn numbers(values: &[f64], parts: f64) -> Value {
    values.iter().map(|value| number(*value, parts)).collect()
}

fn number(value: f64, parts: f64) -> Value {
    let value = rounded(value, parts);
    match value.fract() == 0.0 {
        true => json!(value as i64),
        false => json!(value),
    }
}

/// The moments at which a property may have keys, in frames of the composition.
struct Keys {
    times: Vec<f64>,
}

impl Keys {
    /// The parts of a group at each moment, the topmost first, without its transform. `seen` is how opaque the group
    /// is at each moment.
    fn items(&self, groups: &[&Group], seen: &[f64]) -> Vec<Value> {
        let Some(first) = groups.first() else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for at in (0..first.parts.len()).rev() {
            match &first.parts[at] {
                Part::Group(_) => {
                    let inner: Vec<&Group> = groups
                        .iter()
                        .filter_map(|group| match group.parts.get(at) {
                            Some(Part::Group(inner)) => Some(inner),
                            _ => None,
                        })
                        .collect();
                    items.extend(self.group(&inner, seen));
                }
                Part::Shape(_) => {
                    let shapes: Vec<&Shape> = groups
                        .iter()
                        .filter_map(|group| match group.parts.get(at) {
                            Some(Part::Shape(shape)) => Some(shape),
                            _ => None,
                        })
                        .collect();
                    items.push(self.shape(&shapes, seen));
                }
            }
        }
        items
    }

    /// Nothing where it is never seen.
    fn group(&self, groups: &[&Group], seen: &[f64]) -> Option<Value> {
        let opacity: Vec<f64> = groups
            .iter()
            .map(|group| f64::from(group.opacity))
            .collect();
        let seen: Vec<f64> = opacity
            .iter()
            .zip(seen)
            .map(|(own, above)| own * above)
            .collect();
        if groups.len() != self.times.len() || seen.iter().all(|seen| *seen <= 0.0) {
            return None;
        }
        let mut items = self.items(groups, &seen);
        let of = |value: &dyn Fn(&Group) -> Vec<f64>| -> Vec<Vec<f64>> {
            groups.iter().map(|group| value(group)).collect()
        };
        let pair = |[x, y]: [f32; 2]| vec![f64::from(x), f64::from(y)];
        let percent = |[x, y]: [f32; 2]| vec![100.0 * f64::from(x), 100.0 * f64::from(y)];
        let turns = unwrapped(groups.iter().map(|group| f64::from(group.place.turn)));
        let opacity: Vec<Vec<f64>> = opacity.into_iter().map(|own| vec![100.0 * own]).collect();
        let always = vec![1.0; seen.len()];
        items.push(json!({
            "ty": "tr",
            "a": self.property(of(&|group| pair(group.place.anchor)), &seen, PLACE, 100.0, false),
            "p": self.property(of(&|group| pair(group.place.at)), &seen, PLACE, 100.0, false),
            "s": self.property(of(&|group| percent(group.place.scale)), &seen, PERCENT, 100.0, false),
            "r": self.property(turns, &seen, DEGREES, 100.0, true),
            "o": self.property(opacity, &always, 1.0, 10.0, true),
        }));
        let mut value = json!({"ty": "gr", "it": items});
        if !groups[0].name.is_empty() {
            value["nm"] = json!(&*groups[0].name);
        }
        Some(value)
    }

    fn shape(&self, shapes: &[&Shape], seen: &[f64]) -> Value {
        let first = shapes[0];
        let frame = match &first.fill {
            Some(Paint::Radial { frame, .. }) if !is_uniform(*frame) => Some(*frame),
            _ => None,
        };
        let back = frame.and_then(inverse);
        let mut items: Vec<Value> = (0..first.contours.len())
            .map(|at| {
                let contours = shapes
                    .iter()
                    .filter_map(|shape| shape.contours.get(at))
                    .collect();
                json!({"ty": "sh", "ks": self.outline(contours, seen, back)})
            })
            .collect();
        if first.stroke.is_some() {
            let strokes: Vec<_> = shapes.iter().filter_map(|shape| shape.stroke).collect();
            let colours = strokes
                .iter()
                .map(|stroke| stroke.colour)
                .collect::<Vec<_>>();
            let widths = strokes
                .iter()
                .map(|stroke| vec![f64::from(stroke.width)])
                .collect();
            items.push(json!({
                "ty": "st", "c": self.colour(&colours, seen), "o": self.cover(&colours, seen),
                "w": self.property(widths, seen, 0.1, 100.0, true), "lc": 2, "lj": 2,
            }));
        }
        match &first.fill {
            Some(Paint::Solid(_)) => {
                let colours: Vec<Colour> = shapes
                    .iter()
                    .filter_map(|shape| match &shape.fill {
                        Some(Paint::Solid(colour)) => Some(*colour),
                        _ => None,
                    })
                    .collect();
                items.push(json!({
                    "ty": "fl", "c": self.colour(&colours, seen), "o": self.cover(&colours, seen),
                    "r": if first.even_odd { 2 } else { 1 },
                }));
            }
            Some(paint) => {
                let fills: Vec<&Paint> = shapes
                    .iter()
                    .filter_map(|shape| shape.fill.as_ref())
                    .collect();
                let mut fill = self.gradient(paint, &fills, seen, back.is_some());
                fill["r"] = json!(if first.even_odd { 2 } else { 1 });
                items.push(fill);
            }
            None => {}
        }
        items.push(match back.and(frame) {
            Some(frame) => transform_of(frame),
            None => json!({
                "ty": "tr", "a": still(json!([0, 0])), "p": still(json!([0, 0])), "s": still(json!([100, 100])),
                "r": still(json!(0)), "o": still(json!(100)),
            }),
        });
        json!({"ty": "gr", "it": items})
    }

    fn outline(&self, contours: Vec<&Contour>, seen: &[f64], back: Option<Affine>) -> Value {
        let flat = |contour: &Contour| -> Vec<f64> {
            let numbers = contour.vertices.iter().flat_map(|vertex| match back {
                None => vertex.numbers(),
                Some(back) => {
                    let at = moved(back, vertex.at);
                    let handle = |handle: [f32; 2]| {
                        let end = moved(back, [vertex.at[0] + handle[0], vertex.at[1] + handle[1]]);
                        [end[0] - at[0], end[1] - at[1]]
                    };
                    let (before, after) = (handle(vertex.before), handle(vertex.after));
                    [at[0], at[1], before[0], before[1], after[0], after[1]]
                }
            });
            numbers.map(f64::from).collect()
        };
        let parts = if back.is_some() { 1000.0 } else { 100.0 };
        let closed = contours.first().is_some_and(|contour| contour.closed);
        let extent = contours
            .iter()
            .flat_map(|contour| contour.bounds())
            .fold(0.0_f32, |a, b| a.max(b.abs()));
        // Shapes of unit size are enlarged by their group.
        let parts = if extent < 8.0 { 10_000.0 } else { parts };
        let tolerance = if extent < 8.0 { 0.01 } else { PLACE };
        let values: Vec<Vec<f64>> = contours.into_iter().map(flat).collect();
        let bezier = |values: &[f64]| {
            let points = |from: usize| -> Vec<Value> {
                values
                    .chunks_exact(6)
                    .map(|vertex| numbers(&vertex[from..from + 2], parts))
                    .collect()
            };
            json!({"v": points(0), "i": points(2), "o": points(4), "c": closed})
        };
        self.animated(values, seen, tolerance, bezier, true)
    }

    fn colour(&self, colours: &[Colour], seen: &[f64]) -> Value {
        let values = colours
            .iter()
            .map(|Colour([r, g, b, _])| vec![f64::from(*r), f64::from(*g), f64::from(*b), 1.0])
            .collect();
        self.property(values, seen, COLOUR, 1000.0, false)
    }

    fn cover(&self, colours: &[Colour], seen: &[f64]) -> Value {
        let values = colours
            .iter()
            .map(|Colour([_, _, _, a])| vec![100.0 * f64::from(*a)])
            .collect();
        self.property(values, seen, 1.0, 10.0, true)
    }

    fn gradient(&self, first: &Paint, fills: &[&Paint], seen: &[f64], in_frame: bool) -> Value {
        let (kind, from, to) = match first {
            Paint::Linear { from, to, .. } => (1, *from, *to),
            Paint::Radial {
                centre,
                radius,
                frame,
                ..
            } => {
                let frame = if in_frame {
                    [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
                } else {
                    *frame
                };
                let edge = [centre[0] + radius, centre[1]];
                (2, moved(frame, *centre), moved(frame, edge))
            }
            Paint::Solid(_) => (1, [0.0; 2], [1.0; 2]),
        };
        let stops = |paint: &&Paint| -> Vec<Stop> {
            match paint {
                Paint::Linear { stops, .. } | Paint::Radial { stops, .. } => stops.clone(),
                Paint::Solid(_) => Vec::new(),
            }
        };
        let lists: Vec<Vec<Stop>> = fills.iter().map(stops).collect();
        let fades = lists.iter().flatten().any(|stop| stop.colour.0[3] < 1.0);
        let count = lists.first().map_or(0, Vec::len);
        let values = lists
            .iter()
            .map(|stops| {
                let mut values: Vec<f64> = stops
                    .iter()
                    .flat_map(
                        |Stop {
                             at,
                             colour: Colour([r, g, b, _]),
                         }| [*at, *r, *g, *b],
                    )
                    .map(f64::from)
                    .collect();
                if fades {
                    let covers = stops.iter().flat_map(|stop| [stop.at, stop.colour.0[3]]);
                    values.extend(covers.map(f64::from));
                }
                values
            })
            .collect();
        let point = |[x, y]: [f32; 2]| {
            let parts = if in_frame { 10_000.0 } else { 100.0 };
            still(numbers(&[f64::from(x), f64::from(y)], parts))
        };
        json!({
            "ty": "gf", "o": still(json!(100)), "t": kind, "s": point(from), "e": point(to),
            "g": {"p": count, "k": self.property(values, seen, COLOUR, 1000.0, false)},
        })
    }

    /// A property of numbers. `scalar` says that it is one number, which a still property writes without brackets.
    fn property(
        &self,
        values: Vec<Vec<f64>>,
        seen: &[f64],
        tolerance: f64,
        parts: f64,
        scalar: bool,
    ) -> Value {
        let value = |values: &[f64]| match (scalar, values) {
            (true, [value]) => number(*value, parts),
            _ => numbers(values, parts),
        };
        let mut property = self.animated(values, seen, tolerance, value, false);
        if scalar && property["a"] == 1 {
            for key in property["k"].as_array_mut().into_iter().flatten() {
                let value = key["s"].take();
                key["s"] = json!([value]);
            }
        }
        property
    }

    /// A property with the fewest keys between which straight lines stay within the tolerance. Where the part is not
    /// seen, any value will do.
    fn animated(
        &self,
        mut values: Vec<Vec<f64>>,
        seen: &[f64],
        tolerance: f64,
        value: impl Fn(&[f64]) -> Value,
        in_list: bool,
    ) -> Value {
        let Some(first) = values.first().cloned() else {
            return still(Value::Null);
        };
        let complete = values.len() == self.times.len()
            && values.iter().all(|value| value.len() == first.len());
        if !complete {
            return still(value(&first));
        }
        settle(&mut values, seen);
        let kept = simplified(&values, tolerance);
        if let [only] = kept.as_slice() {
            return still(value(&values[*only]));
        }
        let last = kept.len() - 1;
        let keys: Vec<Value> = kept
            .iter()
            .enumerate()
            .map(|(order, index)| {
                let shown = value(&values[*index]);
                let shown = if in_list { json!([shown]) } else { shown };
                let time = number(self.times[*index], 1000.0);
                let jumps = order < last && jumps(&values, *index, kept[order + 1]);
                match (order == last, jumps) {
                    (true, _) => json!({"t": time, "s": shown}),
                    (false, true) => json!({"t": time, "s": shown, "h": 1}),
                    (false, false) => json!({
                        "t": time, "s": shown,
                        "o": {"x": 0.333, "y": 0.333}, "i": {"x": 0.667, "y": 0.667},
                    }),
                }
            })
            .collect();
        json!({"a": 1, "k": keys})
    }
}

/// Whether an opacity goes from nothing to all, or back, from one moment to the next: glyphs change at once.
fn jumps(values: &[Vec<f64>], from: usize, to: usize) -> bool {
    let (a, b) = (&values[from], &values[to]);
    a.len() == 1 && to == from + 1 && (a[0] - b[0]).abs() >= 99.0 && (a[0] == 0.0 || b[0] == 0.0)
}

/// Gives moments at which nothing is seen the values of the nearest at which something is.
fn settle(values: &mut [Vec<f64>], seen: &[f64]) {
    let visible: Vec<usize> = (0..values.len()).filter(|at| seen[*at] > 0.0).collect();
    if visible.is_empty() || visible.len() == values.len() {
        return;
    }
    let mut next = 0;
    for at in 0..values.len() {
        while next + 1 < visible.len()
            && visible[next + 1].abs_diff(at) <= visible[next].abs_diff(at)
        {
            next += 1;
        }
        if seen[at] <= 0.0 {
            values[at] = values[visible[next]].clone();
        }
    }
}

/// Ramer (1972), Douglas & Peucker (1973), over time: the moments that are kept. One where nothing changes.
fn simplified(values: &[Vec<f64>], tolerance: f64) -> Vec<usize> {
    let count = values.len();
    let differs = |value: &Vec<f64>| {
        value
            .iter()
            .zip(&values[0])
            .any(|(a, b)| (a - b).abs() > 0.5 * tolerance)
    };
    if !values.iter().any(differs) {
        return vec![0];
    }
    let mut kept = vec![false; count];
    kept[0] = true;
    kept[count - 1] = true;
    let mut spans = vec![(0, count - 1)];
    while let Some((from, to)) = spans.pop() {
        let mut worst = (0.0, from);
        for at in from + 1..to {
            let share = (at - from) as f64 / (to - from) as f64;
            let pairs = values[from].iter().zip(&values[to]).zip(&values[at]);
            let away = pairs.map(|((a, b), value)| (a + (b - a) * share - value).abs());
            let away = away.fold(0.0, f64::max);
            if away > worst.0 {
                worst = (away, at);
            }
        }
        if worst.0 > tolerance {
            kept[worst.1] = true;
            spans.push((from, worst.1));
            spans.push((worst.1, to));
        }
    }
    (0..count).filter(|at| kept[*at]).collect()
}

/// Angles in degrees that go on where they would start again.
fn unwrapped(turns: impl Iterator<Item = f64>) -> Vec<Vec<f64>> {
    let mut last: Option<f64> = None;
    turns
        .map(|turn| {
            let mut degrees = turn.to_degrees();
            if let Some(last) = last {
                degrees += 360.0 * ((last - degrees) / 360.0).round();
            }
            last = Some(degrees);
            vec![degrees]
        })
        .collect()
}

/// Whether circles stay circles.
fn is_uniform([a, b, c, d, ..]: Affine) -> bool {
    let size = (a * a + b * b).sqrt().max(1e-9);
    ((a * c + b * d).abs() < 1e-3 * size * size)
        && ((c * c + d * d).sqrt() - size).abs() < 1e-3 * size
}

fn inverse([a, b, c, d, e, f]: Affine) -> Option<Affine> {
    let determinant = a * d - b * c;
    (determinant.abs() > 1e-9).then(|| {
        let [p, q, r, s] = [d, -b, -c, a].map(|value| value / determinant);
        [p, q, r, s, -(p * e + r * f), -(q * e + s * f)]
    })
}

/// A transform of a group: turned, skewed and stretched.
fn transform_of([a, b, c, d, e, f]: Affine) -> Value {
    let [a, b, c, d, e, f] = [a, b, c, d, e, f].map(f64::from);
    let turn = libm::atan2(b, a);
    let width = (a * a + b * b).sqrt();
    let height = (a * d - b * c) / width.max(1e-9);
    let skew = libm::atan2(a * c + b * d, width * height);
    json!({
        "ty": "tr", "a": still(json!([0, 0])), "p": still(numbers(&[e, f], 100.0)),
        "s": still(numbers(&[100.0 * width, 100.0 * height], 1000.0)),
        "r": still(number(turn.to_degrees(), 100.0)), "o": still(json!(100)),
        "sk": still(number(-skew.to_degrees(), 100.0)), "sa": still(json!(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_lines_keep_their_ends_and_corners_stay() {
        let line = |values: &[f64]| values.iter().map(|value| vec![*value]).collect::<Vec<_>>();
        assert_eq!(simplified(&line(&[0.0, 1.0, 2.0, 3.0]), 0.1), [0, 3]);
        assert_eq!(simplified(&line(&[0.0, 3.0, 2.0, 1.0]), 0.1), [0, 1, 3]);
        assert_eq!(simplified(&line(&[5.0, 5.01, 5.0]), 0.1), [0]);
    }

    #[test]
    fn unseen_moments_take_the_nearest_value() {
        let mut values: Vec<Vec<f64>> = [1.0, 2.0, 3.0, 4.0, 5.0].map(|value| vec![value]).into();
        settle(&mut values, &[0.0, 1.0, 0.0, 0.0, 1.0]);
        let flat: Vec<f64> = values.into_iter().flatten().collect();
        assert_eq!(flat, [2.0, 2.0, 2.0, 5.0, 5.0]);
    }

    #[test]
    fn turns_go_on() {
        let turns = unwrapped([0.0, 3.0, 6.0, 0.2].into_iter());
        assert!(turns[3][0] > turns[2][0]);
    }
}
