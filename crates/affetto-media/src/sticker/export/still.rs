//! Moments as pictures of their own: PNG, numbered PNGs, SVG.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use affetto_core::Progress;
use image::{ImageFormat, RgbaImage};

use super::{Frames, each_frame, failed, write};
use crate::{
    Error,
    sticker::{
        Sticker,
        scene::{Affine, Colour, Contour, Group, Paint, Part, SIDE, Shape, Stop},
    },
};

/// Writes a moment as PNG.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Encode`] and [`Error::Write`].
pub fn write_png(path: &Path, sticker: &Sticker<'_>, seconds: f64, size: u32) -> Result<(), Error> {
    write(path, &png(&sticker.render(seconds, size)?)?)
}

/// Writes each frame as a PNG of its own beside `path`: `joy.png` gives `joy-0000.png`, `joy-0001.png` and so on.
/// Returns the files, in order.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Limit`] for too many frames, [`Error::Encode`], [`Error::Write`] and
/// [`Error::Cancelled`]. What was written before stays.
pub fn write_png_sequence(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, Error> {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (_, files) = each_frame(sticker, frames, progress, |index, picture| {
        let file = path.with_file_name(format!("{stem}-{index:04}.png"));
        write(&file, &png(&picture)?)?;
        Ok(file)
    })?;
    Ok(files)
}

pub(super) fn png(picture: &RgbaImage) -> Result<Vec<u8>, Error> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| failed("PNG", error))?;
    Ok(bytes.into_inner())
}

/// A moment as SVG.
pub fn svg(sticker: &Sticker<'_>, seconds: f64) -> String {
    let mut text = Svg::default();
    text.group(&sticker.scene(seconds));
    let Svg {
        body, gradients, ..
    } = text;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\">\n\
         <defs>\n{gradients}</defs>\n{body}</svg>\n"
    )
}

/// Writes [`svg`].
///
/// # Errors
///
/// [`Error::Write`].
pub fn write_svg(path: &Path, sticker: &Sticker<'_>, seconds: f64) -> Result<(), Error> {
    write(path, svg(sticker, seconds).as_bytes())
}

#[derive(Default)]
struct Svg {
    body: String,
    gradients: String,
    count: usize,
}

impl Svg {
    fn group(&mut self, group: &Group) {
        if group.opacity <= 0.0 {
            return;
        }
        let name = match group.name.is_empty() {
            true => String::new(),
            false => format!(" class=\"{}\"", escaped(&group.name)),
        };
        let _ = writeln!(
            self.body,
            "<g{name} transform=\"{}\">",
            matrix(group.place.affine())
        );
        for part in &group.parts {
            match part {
                Part::Group(inner) => {
                    // As the other outputs have it, opacity is that of each shape.
                    let mut inner = inner.clone();
                    inner.opacity *= group.opacity;
                    self.group(&inner);
                }
                Part::Shape(shape) => self.shape(shape, group.opacity),
            }
        }
        self.body.push_str("</g>\n");
    }

    fn shape(&mut self, shape: &Shape, opacity: f32) {
        let fill = match &shape.fill {
            Some(fill) => self.paint("fill", fill, opacity),
            None => "fill=\"none\"".into(),
        };
        let stroke = shape.stroke.map_or(String::new(), |stroke| {
            let paint = self.paint("stroke", &Paint::Solid(stroke.colour), opacity);
            format!(
                " {paint} stroke-width=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\"",
                number(stroke.width)
            )
        });
        let rule = if shape.even_odd {
            " fill-rule=\"evenodd\""
        } else {
            ""
        };
        let data = path_data(&shape.contours);
        let _ = writeln!(self.body, "<path d=\"{data}\" {fill}{rule}{stroke}/>");
    }

    fn paint(&mut self, name: &str, paint: &Paint, opacity: f32) -> String {
        let solid = |Colour([r, g, b, a]): Colour| {
            let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            (
                format!("#{:02x}{:02x}{:02x}", byte(r), byte(g), byte(b)),
                number(a * opacity),
            )
        };
        let stops = |stops: &[Stop]| {
            let stop = |stop: &Stop| {
                let (colour, alpha) = solid(stop.colour);
                format!(
                    "<stop offset=\"{}\" stop-color=\"{colour}\" stop-opacity=\"{alpha}\"/>",
                    number(stop.at)
                )
            };
            stops.iter().map(stop).collect::<String>()
        };
        let id = format!("g{}", self.count);
        match paint {
            Paint::Solid(colour) => {
                let (colour, alpha) = solid(*colour);
                return match alpha.as_str() {
                    "1" => format!("{name}=\"{colour}\""),
                    alpha => format!("{name}=\"{colour}\" {name}-opacity=\"{alpha}\""),
                };
            }
            Paint::Linear {
                from,
                to,
                stops: list,
            } => {
                let [x1, y1, x2, y2] = [from[0], from[1], to[0], to[1]].map(number);
                let _ = writeln!(
                    self.gradients,
                    "<linearGradient id=\"{id}\" gradientUnits=\"userSpaceOnUse\" x1=\"{x1}\" y1=\"{y1}\" \
                     x2=\"{x2}\" y2=\"{y2}\">{}</linearGradient>",
                    stops(list)
                );
            }
            Paint::Radial {
                centre,
                radius,
                stops: list,
                frame,
            } => {
                let [cx, cy, r] = [centre[0], centre[1], *radius].map(number);
                let _ = writeln!(
                    self.gradients,
                    "<radialGradient id=\"{id}\" gradientUnits=\"userSpaceOnUse\" cx=\"{cx}\" cy=\"{cy}\" r=\"{r}\" \
                     gradientTransform=\"{}\">{}</radialGradient>",
                    matrix(*frame),
                    stops(list)
                );
            }
        }
        self.count += 1;
        format!("{name}=\"url(#{id})\"")
    }
}

fn escaped(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || " _-.".contains(*letter))
        .collect()
}

fn matrix(affine: Affine) -> String {
    let numbers = affine.map(|value| format!("{}", (value * 1e5).round() / 1e5));
    format!("matrix({})", numbers.join(" "))
}

fn number(value: f32) -> String {
    format!("{}", (value * 1e3).round() / 1e3)
}

fn path_data(contours: &[Contour]) -> String {
    let mut data = String::new();
    for Contour { vertices, closed } in contours {
        let Some(first) = vertices.first() else {
            continue;
        };
        let _ = write!(data, "M{} {}", number(first.at[0]), number(first.at[1]));
        let curves = vertices.len() - usize::from(!*closed);
        let ring = vertices.iter().zip(vertices.iter().cycle().skip(1));
        for (from, to) in ring.take(curves) {
            let points = [
                from.at[0] + from.after[0],
                from.at[1] + from.after[1],
                to.at[0] + to.before[0],
                to.at[1] + to.before[1],
                to.at[0],
                to.at[1],
            ];
            let _ = write!(data, "C{}", points.map(number).join(" "));
        }
        if *closed {
            data.push('Z');
        }
    }
    data
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sticker::{Character, Look, take::tests::busy};

    /// What we write is SVG with as many shapes as are seen.
    #[test]
    fn a_moment_is_sound_svg() {
        let take = busy(4);
        let character = Character::by_name("flame").unwrap();
        let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
        let text = svg(&sticker, 0.05);
        let tree = usvg::Tree::from_str(&text, &usvg::Options::default()).unwrap();
        assert_eq!(tree.size().width(), 512.0);
        assert!(tree.root().has_children());
        assert!(
            text.matches("<path").count() > 20 && !text.contains("NaN"),
            "{text}"
        );
    }
}
