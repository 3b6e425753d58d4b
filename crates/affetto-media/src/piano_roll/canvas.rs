//! Shapes and text on a picture.

use image::RgbaImage;
use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use crate::typeface::Typeface;

/// An opaque or translucent colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

impl Colour {
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self {
            red,
            green,
            blue,
            alpha: 255,
        }
    }

    /// `0x1f2937`.
    pub const fn hex(rgb: u32) -> Self {
        Self::new((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    fn paint(self) -> Paint<'static> {
        let mut paint = Paint::default();
        paint.set_color_rgba8(self.red, self.green, self.blue, self.alpha);
        paint.anti_alias = true;
        paint
    }
}

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Where and how large, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// The height of an em, in pixels.
    pub size: f32,
    pub weight: Weight,
    pub colour: Colour,
}

/// The typefaces.
pub(super) struct Fonts {
    regular: Typeface,
    bold: Typeface,
}

impl Fonts {
    /// The built-in ones; nothing where they cannot be parsed, which a test rules out.
    pub fn load() -> Option<Self> {
        Some(Self {
            regular: Typeface::regular()?,
            bold: Typeface::bold()?,
        })
    }

    fn face(&self, weight: Weight) -> &Typeface {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// How wide `text` is, in pixels.
    pub fn width(&self, text: &str, style: Style) -> f32 {
        self.face(style.weight).width(text, style.size)
    }

    /// `text`, or its beginning with an ellipsis, in at most `width` pixels.
    pub fn fitted(&self, text: &str, style: Style, width: f32) -> String {
        if self.width(text, style) <= width {
            return text.into();
        }
        let mut letters: Vec<char> = text.chars().collect();
        while letters.pop().is_some() {
            let shorter: String = letters.iter().chain(&['…']).collect();
            if self.width(&shorter, style) <= width {
                return shorter;
            }
        }
        String::new()
    }

    fn outline(&self, x: f32, baseline: f32, text: &str, style: Style) -> Option<Path> {
        let face = self.face(style.weight);
        face.outline(x, baseline, text, style.size)
    }
}

/// A picture that is painted on.
pub(super) struct Canvas {
    pixmap: Pixmap,
    pub fonts: Fonts,
}

impl Canvas {
    /// A white picture.
    pub fn new(width: u32, height: u32, fonts: Fonts) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(Color::WHITE);
        Some(Self { pixmap, fonts })
    }

    pub fn fill(&mut self, area: Area, colour: Colour) {
        if let Some(rect) = rect(area) {
            let path = PathBuilder::from_rect(rect);
            self.fill_path(&path, colour);
        }
    }

    /// A rectangle with round corners.
    pub fn fill_rounded(&mut self, area: Area, radius: f32, colour: Colour) {
        if let Some(path) = rounded(area, radius) {
            self.fill_path(&path, colour);
        }
    }

    /// The outline of a rectangle, `thickness` wide, inside `area`.
    pub fn frame(&mut self, area: Area, thickness: f32, colour: Colour) {
        let half = thickness / 2.0;
        let inside = Area {
            x: area.x + half,
            y: area.y + half,
            width: area.width - thickness,
            height: area.height - thickness,
        };
        let Some(rect) = rect(inside) else {
            return self.fill(area, colour); // Too thin to have an inside.
        };
        let stroke = Stroke {
            width: thickness,
            ..Stroke::default()
        };
        let path = PathBuilder::from_rect(rect);
        let paint = colour.paint();
        self.pixmap
            .stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }

    /// A vertical line that fills whole pixels.
    pub fn vertical(&mut self, x: f32, top: f32, bottom: f32, thickness: f32, colour: Colour) {
        let width = thickness.round().max(1.0);
        let area = Area {
            x: (x - width / 2.0).round(),
            y: top,
            width,
            height: bottom - top,
        };
        self.fill(area, colour);
    }

    /// A horizontal line that fills whole pixels.
    pub fn horizontal(&mut self, y: f32, left: f32, right: f32, thickness: f32, colour: Colour) {
        let height = thickness.round().max(1.0);
        let area = Area {
            x: left,
            y: (y - height / 2.0).round(),
            width: right - left,
            height,
        };
        self.fill(area, colour);
    }

    /// Text from `x` on; the position after it.
    pub fn text(&mut self, x: f32, baseline: f32, text: &str, style: Style) -> f32 {
        if let Some(path) = self.fonts.outline(x, baseline.round(), text, style) {
            self.fill_path(&path, style.colour);
        }
        x + self.fonts.width(text, style)
    }

    /// Text that ends at `right`.
    pub fn text_before(&mut self, right: f32, baseline: f32, text: &str, style: Style) {
        let width = self.fonts.width(text, style);
        self.text(right - width, baseline, text, style);
    }

    pub fn finish(self) -> Option<RgbaImage> {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        // Everything is opaque, so the multiplied colours are the colours.
        RgbaImage::from_raw(width, height, self.pixmap.take())
    }

    fn fill_path(&mut self, path: &Path, colour: Colour) {
        let (paint, at) = (colour.paint(), Transform::identity());
        self.pixmap
            .fill_path(path, &paint, FillRule::Winding, at, None);
    }
}

fn rect(area: Area) -> Option<Rect> {
    let sound = area.width > 0.0 && area.height > 0.0;
    sound.then(|| Rect::from_xywh(area.x, area.y, area.width, area.height))?
}

fn rounded(area: Area, radius: f32) -> Option<Path> {
    let Area {
        x,
        y,
        width,
        height,
    } = area;
    rect(area)?;
    let radius = radius.min(width / 2.0).min(height / 2.0);
    let (right, bottom) = (x + width, y + height);
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.quad_to(right, y, right, y + radius);
    path.line_to(right, bottom - radius);
    path.quad_to(right, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.quad_to(x, bottom, x, bottom - radius);
    path.line_to(x, y + radius);
    path.quad_to(x, y, x + radius, y);
    path.close();
    path.finish()
}
