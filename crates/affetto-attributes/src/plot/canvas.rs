//! Shapes and text on a picture.

use std::io::Cursor;

use affetto_media::typeface::Typeface;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use tiny_skia::{
    Color, FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

/// Red, green, blue and how opaque, 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) [u8; 4]);

impl Colour {
    /// `0x1f2933`, opaque.
    pub(super) const fn hex(rgb: u32) -> Self {
        Self([(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8, 255])
    }

    /// The same, translucent.
    pub(super) const fn alpha(self, alpha: u8) -> Self {
        let [red, green, blue, _] = self.0;
        Self([red, green, blue, alpha])
    }

    fn paint(self) -> Paint<'static> {
        let [red, green, blue, alpha] = self.0;
        let mut paint = Paint::default();
        paint.set_color_rgba8(red, green, blue, alpha);
        paint.anti_alias = true;
        paint
    }
}

/// Which side of a point text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink {
    /// The height of an em, in pixels.
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) colour: Colour,
}

/// A picture that is painted on; lengths in pixels, from the upper left corner.
pub(super) struct Canvas {
    pixmap: Pixmap,
    regular: Typeface,
    bold: Typeface,
}

impl Canvas {
    /// A picture of one colour; nothing for a size of 0, or where the built-in fonts cannot be parsed, which a test
    /// rules out.
    pub(super) fn new(width: u32, height: u32, background: Colour) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        let [red, green, blue, alpha] = background.0;
        pixmap.fill(Color::from_rgba8(red, green, blue, alpha));
        Some(Self {
            pixmap,
            regular: Typeface::regular()?,
            bold: Typeface::bold()?,
        })
    }

    pub(super) fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        if let Some(rect) = Rect::from_xywh(x, y, width.max(0.01), height.max(0.01)) {
            self.fill(&PathBuilder::from_rect(rect), colour);
        }
    }

    pub(super) fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.fill(&path, colour);
        }
    }

    pub(super) fn ring(&mut self, x: f32, y: f32, radius: f32, thickness: f32, colour: Colour) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.stroke(&path, thickness, colour);
        }
    }

    pub(super) fn line(
        &mut self,
        from: (f32, f32),
        to: (f32, f32),
        thickness: f32,
        colour: Colour,
    ) {
        let mut path = PathBuilder::new();
        path.move_to(from.0, from.1);
        path.line_to(to.0, to.1);
        if let Some(path) = path.finish() {
            self.stroke(&path, thickness, colour);
        }
    }

    pub(super) fn text(&mut self, x: f32, baseline: f32, text: &str, ink: Ink, align: Align) {
        let x = match align {
            Align::Left => x,
            Align::Centre => x - self.width(text, ink) / 2.0,
            Align::Right => x - self.width(text, ink),
        };
        let face = self.face(ink);
        if let Some(path) = face.outline(x, baseline.round(), text, ink.size) {
            self.fill(&path, ink.colour);
        }
    }

    /// Text from `x` on; where it is wider than `width`, its beginning with an ellipsis, and the number of a part of a
    /// histogram.
    pub(super) fn text_within(&mut self, x: f32, baseline: f32, text: &str, ink: Ink, width: f32) {
        let number = text.rfind('_').unwrap_or(text.len());
        let (name, number) = text.split_at(number);
        let mut shown = text.to_owned();
        let mut letters: Vec<char> = name.chars().collect();
        while self.width(&shown, ink) > width && letters.pop().is_some() {
            shown = letters.iter().collect::<String>() + "…" + number;
        }
        self.text(x, baseline, &shown, ink, Align::Left);
    }

    pub(super) fn width(&self, text: &str, ink: Ink) -> f32 {
        self.face(ink).width(text, ink.size)
    }

    /// The picture as a PNG file.
    pub(super) fn png(self) -> image::ImageResult<Vec<u8>> {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let mut bytes = Cursor::new(Vec::new());
        // The background is opaque, so the multiplied colours are the colours.
        PngEncoder::new(&mut bytes).write_image(
            self.pixmap.data(),
            width,
            height,
            ExtendedColorType::Rgba8,
        )?;
        Ok(bytes.into_inner())
    }

    fn face(&self, ink: Ink) -> &Typeface {
        if ink.bold { &self.bold } else { &self.regular }
    }

    fn fill(&mut self, path: &Path, colour: Colour) {
        let at = Transform::identity();
        self.pixmap
            .fill_path(path, &colour.paint(), FillRule::Winding, at, None);
    }

    fn stroke(&mut self, path: &Path, thickness: f32, colour: Colour) {
        let stroke = Stroke {
            width: thickness,
            line_cap: LineCap::Round,
            ..Stroke::default()
        };
        self.pixmap
            .stroke_path(path, &colour.paint(), &stroke, Transform::identity(), None);
    }
}
