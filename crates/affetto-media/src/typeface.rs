//! The letters of pictures: Noto Sans as outlines.

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, OutlineBuilder};

/// A typeface; lengths in pixels.
pub struct Typeface(Face<'static>);

impl Typeface {
    /// The built-in one; nothing where it cannot be parsed, which a test rules out.
    pub fn regular() -> Option<Self> {
        Face::parse(notosans::REGULAR_TTF, 0).ok().map(Self)
    }

    /// The same, heavier.
    pub fn bold() -> Option<Self> {
        Face::parse(notosans::BOLD_TTF, 0).ok().map(Self)
    }

    /// How wide `text` is whose ems are `size` high.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let scale = self.scale(size);
        text.chars()
            .map(|letter| self.advance(letter) * scale)
            .sum()
    }

    /// The outline of `text` from `x` on; nothing where it leaves no trace.
    pub fn outline(&self, x: f32, baseline: f32, text: &str, size: f32) -> Option<Path> {
        let mut pen = Pen {
            path: PathBuilder::new(),
            scale: self.scale(size),
            x,
            baseline,
        };
        for letter in text.chars() {
            let glyph = self.0.glyph_index(letter).unwrap_or_default();
            self.0.outline_glyph(glyph, &mut pen);
            pen.x += self.advance(letter) * pen.scale;
        }
        pen.path.finish()
    }

    fn scale(&self, size: f32) -> f32 {
        size / f32::from(self.0.units_per_em())
    }

    fn advance(&self, letter: char) -> f32 {
        let glyph = self.0.glyph_index(letter).unwrap_or_default();
        f32::from(self.0.glyph_hor_advance(glyph).unwrap_or(0))
    }
}

/// Carries outlines of the font, whose y axis points up, into the picture.
struct Pen {
    path: PathBuilder,
    scale: f32,
    x: f32,
    baseline: f32,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.baseline - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (x1, y1) = self.place(x1, y1);
        let (x, y) = self.place(x, y);
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (x1, y1) = self.place(x1, y1);
        let (x2, y2) = self.place(x2, y2);
        let (x, y) = self.place(x, y);
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_widths_and_outlines() {
        let faces = [Typeface::regular(), Typeface::bold()];
        for face in faces.into_iter().flatten() {
            assert_eq!(face.width("", 20.0), 0.0);
            let width = face.width("MM", 20.0);
            assert!((width - 2.0 * face.width("M", 20.0)).abs() < 1e-3 && width > 20.0);
            let bounds = face
                .outline(5.0, 30.0, "MM", 20.0)
                .map(|path| path.bounds());
            assert!(
                bounds.is_some_and(|bounds| bounds.left() > 5.0 && bounds.right() < 5.0 + width)
            );
            assert!(face.outline(5.0, 30.0, " ", 20.0).is_none());
        }
        assert!(Typeface::regular().is_some() && Typeface::bold().is_some());
    }
}
