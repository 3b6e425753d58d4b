//! Scenes as pixels.

use image::RgbaImage;
use tiny_skia::{
    FillRule, GradientStop, LineCap, LineJoin, LinearGradient, PathBuilder, Pixmap, RadialGradient,
    Shader, SpreadMode, Transform,
};

use super::scene::{Affine, Colour, Contour, Group, Paint, Part, SIDE, Shape, Stop, after};
use crate::Error;

/// The sides of pictures, in pixels.
pub(super) const SIDES: std::ops::RangeInclusive<u32> = 16..=2048;

/// A scene as a picture of `size` by `size` pixels, transparent where nothing is.
///
/// # Errors
///
/// [`Error::PictureSize`] for a size that is not 16..=2048 pixels.
pub(super) fn draw(scene: &Group, size: u32) -> Result<RgbaImage, Error> {
    let picture_size = Error::PictureSize {
        width: size,
        height: size,
        least: *SIDES.start(),
        most: *SIDES.end(),
    };
    let mut pixmap = match SIDES.contains(&size) {
        true => Pixmap::new(size, size).ok_or(picture_size)?,
        false => return Err(picture_size),
    };
    let scale = size as f32 / SIDE;
    draw_group(scene, [scale, 0.0, 0.0, scale, 0.0, 0.0], 1.0, &mut pixmap);
    let mut picture = RgbaImage::new(size, size);
    for (pixel, drawn) in picture.pixels_mut().zip(pixmap.pixels()) {
        let colour = drawn.demultiply();
        pixel.0 = [colour.red(), colour.green(), colour.blue(), colour.alpha()];
    }
    Ok(picture)
}

fn draw_group(group: &Group, frame: Affine, opacity: f32, pixmap: &mut Pixmap) {
    let opacity = opacity * group.opacity;
    if opacity <= 0.0 {
        return;
    }
    let frame = after(frame, group.place.affine());
    for part in &group.parts {
        match part {
            Part::Group(group) => draw_group(group, frame, opacity, pixmap),
            Part::Shape(shape) => draw_shape(shape, frame, opacity, pixmap),
        }
    }
}

fn draw_shape(shape: &Shape, frame: Affine, opacity: f32, pixmap: &mut Pixmap) {
    let Some(path) = path(&shape.contours) else {
        return;
    };
    let transform = transform(frame);
    let paint = |shader| tiny_skia::Paint {
        shader,
        ..tiny_skia::Paint::default()
    };
    if let Some(fill) = &shape.fill
        && let Some(shader) = shader(fill, opacity)
    {
        let rule = match shape.even_odd {
            true => FillRule::EvenOdd,
            false => FillRule::Winding,
        };
        pixmap.fill_path(&path, &paint(shader), rule, transform, None);
    }
    if let Some(line) = shape.stroke {
        let stroke = tiny_skia::Stroke {
            width: line.width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..tiny_skia::Stroke::default()
        };
        let shader = Shader::SolidColor(colour(line.colour, opacity));
        pixmap.stroke_path(&path, &paint(shader), &stroke, transform, None);
    }
}

/// Nothing where there is nothing to draw.
fn path(contours: &[Contour]) -> Option<tiny_skia::Path> {
    let mut path = PathBuilder::new();
    for Contour { vertices, closed } in contours {
        let Some(first) = vertices.first() else {
            continue;
        };
        path.move_to(first.at[0], first.at[1]);
        let ring = vertices.iter().zip(vertices.iter().cycle().skip(1));
        let curves = if *closed {
            vertices.len()
        } else {
            vertices.len() - 1
        };
        for (from, to) in ring.take(curves) {
            let ([x, y], [u, v]) = (from.at, to.at);
            match from.after == [0.0, 0.0] && to.before == [0.0, 0.0] {
                true => path.line_to(u, v),
                false => path.cubic_to(
                    x + from.after[0],
                    y + from.after[1],
                    u + to.before[0],
                    v + to.before[1],
                    u,
                    v,
                ),
            }
        }
        if *closed {
            path.close();
        }
    }
    path.finish()
}

fn shader(paint: &Paint, opacity: f32) -> Option<Shader<'static>> {
    let point = |[x, y]: [f32; 2]| tiny_skia::Point::from_xy(x, y);
    match paint {
        Paint::Solid(fill) => Some(Shader::SolidColor(colour(*fill, opacity))),
        Paint::Linear { from, to, stops } => LinearGradient::new(
            point(*from),
            point(*to),
            gradient(stops, opacity),
            SpreadMode::Pad,
            Transform::identity(),
        ),
        Paint::Radial {
            centre,
            radius,
            stops,
            frame,
        } => RadialGradient::new(
            point(*centre),
            0.0,
            point(*centre),
            *radius,
            gradient(stops, opacity),
            SpreadMode::Pad,
            transform(*frame),
        ),
    }
}

fn gradient(stops: &[Stop], opacity: f32) -> Vec<GradientStop> {
    let stop = |stop: &Stop| GradientStop::new(stop.at, colour(stop.colour, opacity));
    stops.iter().map(stop).collect()
}

fn colour(Colour([red, green, blue, alpha]): Colour, opacity: f32) -> tiny_skia::Color {
    let clamped = |value: f32| value.clamp(0.0, 1.0);
    let (red, green, blue) = (clamped(red), clamped(green), clamped(blue));
    tiny_skia::Color::from_rgba(red, green, blue, clamped(alpha * opacity))
        .unwrap_or(tiny_skia::Color::TRANSPARENT)
}

fn transform([a, b, c, d, e, f]: Affine) -> Transform {
    Transform::from_row(a, b, c, d, e, f)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::scene::{Place, Shape},
        *,
    };

    #[test]
    fn a_moved_disc_lies_where_it_should() {
        let disc = Shape::filled(
            Contour::ellipse([0.0, 0.0], 64.0, 32.0),
            Colour::rgb(200, 10, 20),
        );
        let place = Place {
            turn: std::f32::consts::FRAC_PI_2,
            ..Place::at([128.0, 256.0])
        };
        let scene = Group::new("disc", place, vec![disc.into()]);
        let picture = draw(&scene, 64).unwrap();
        assert_eq!(picture.get_pixel(16, 32).0, [200, 10, 20, 255]);
        assert_eq!(picture.get_pixel(16, 26).0[3], 255); // upright: half of 128/8 above
        assert_eq!(picture.get_pixel(23, 32).0[3], 0);
        assert!(draw(&scene, 8).is_err());
    }
}
