//! Many pictures on one sheet, with a line of text below each.

use affetto_media::typeface::Typeface;
use image::{Rgb, RgbImage, imageops::replace};
use tiny_skia::{Color, FillRule, Paint, Pixmap, Transform};

use crate::Error;

/// The most pixels of a sheet.
const MOST_PIXELS: u64 = 64_000_000;
/// The most cells of a sheet.
const MOST_CELLS: usize = 10_000;

const PAPER: [u8; 3] = [245, 245, 243];
const INK: [u8; 3] = [32, 36, 42];

/// A picture and the line below it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The line.
    pub label: String,
    /// The picture.
    pub picture: RgbImage,
}

/// A grid of pictures of one size, filled row by row.
#[derive(Clone, Debug)]
pub struct ContactSheet {
    /// The line at the top; nothing where it is empty.
    pub title: String,
    /// Pictures in a row, at least 1.
    pub columns: usize,
    /// The pictures.
    pub cells: Vec<Cell>,
}

impl ContactSheet {
    /// Draws the sheet.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`] for a sheet without cells or columns, for pictures of different sizes, and for more than 10,000
    /// cells or 64 megapixels.
    pub fn draw(&self) -> Result<RgbImage, Error> {
        let layout = Layout::of(self)?;
        let mut sheet = RgbImage::from_pixel(layout.width, layout.height, Rgb(PAPER));
        let text = Text::load()?;
        let margin = layout.margin as f32;
        if !self.title.is_empty() {
            let size = layout.title as f32 * 0.55;
            text.write(&mut sheet, [margin, margin + size], size, &self.title);
        }
        for (at, cell) in self.cells.iter().enumerate() {
            let [x, y] = layout.place(at, self.columns);
            replace(&mut sheet, &cell.picture, i64::from(x), i64::from(y));
            let room = layout.cell[0] as f32;
            let size = text.fitting(&cell.label, layout.label as f32 * 0.62, room);
            let left = x as f32 + (room - text.0.width(&cell.label, size)) / 2.0;
            let baseline = (y + layout.cell[1]) as f32 + layout.label as f32 * 0.70;
            text.write(&mut sheet, [left, baseline], size, &cell.label);
        }
        Ok(sheet)
    }
}

/// Extents in pixels.
struct Layout {
    cell: [u32; 2],
    margin: u32,
    label: u32,
    title: u32,
    width: u32,
    height: u32,
}

impl Layout {
    fn of(sheet: &ContactSheet) -> Result<Self, Error> {
        let refused = |reason: &str| {
            Err(Error::Picture {
                reason: reason.into(),
            })
        };
        let Some(first) = sheet.cells.first() else {
            return refused("a sheet without pictures");
        };
        let size = first.picture.dimensions();
        if sheet.columns == 0 || sheet.cells.len() > MOST_CELLS || sheet.columns > MOST_CELLS {
            return refused("a sheet of 1 to 10000 pictures and columns is possible");
        }
        if sheet
            .cells
            .iter()
            .any(|cell| cell.picture.dimensions() != size)
        {
            return refused("pictures of different sizes on one sheet");
        }
        let (cell_width, cell_height) = size;
        let margin = (cell_width / 24).max(4);
        let label = (cell_width / 10).clamp(16, 48);
        let title = if sheet.title.is_empty() { 0 } else { label * 2 };
        let columns = sheet.columns.min(sheet.cells.len()) as u64;
        let rows = sheet.cells.len().div_ceil(sheet.columns) as u64;
        let width = u64::from(margin) + columns * u64::from(cell_width + margin);
        let height = u64::from(margin + title) + rows * u64::from(cell_height + label + margin);
        if width * height > MOST_PIXELS {
            return refused("a sheet of more than 64 megapixels");
        }
        Ok(Self {
            cell: [cell_width, cell_height],
            margin,
            label,
            title,
            width: width as u32,
            height: height as u32,
        })
    }

    /// The left upper corner of a picture.
    fn place(&self, at: usize, columns: usize) -> [u32; 2] {
        let (row, column) = ((at / columns) as u32, (at % columns) as u32);
        [
            self.margin + column * (self.cell[0] + self.margin),
            self.margin + self.title + row * (self.cell[1] + self.label + self.margin),
        ]
    }
}

/// Text on paper.
struct Text(Typeface);

impl Text {
    fn load() -> Result<Self, Error> {
        let face = Typeface::regular().ok_or_else(|| Error::Picture {
            reason: "the built-in typeface cannot be read".into(),
        })?;
        Ok(Self(face))
    }

    /// `size`, or less where the line would be wider than `room`.
    fn fitting(&self, line: &str, size: f32, room: f32) -> f32 {
        let width = self.0.width(line, size);
        if width > room {
            size * room / width
        } else {
            size
        }
    }

    /// Writes a line from the left end of its baseline on.
    fn write(&self, sheet: &mut RgbImage, [left, baseline]: [f32; 2], size: f32, line: &str) {
        let (top, below) = ((baseline - size * 1.2).max(0.0).floor(), size * 0.5);
        let start = left.max(0.0).floor();
        let width = (self.0.width(line, size) + size)
            .ceil()
            .min(sheet.width() as f32 - start);
        let height = (baseline + below - top).ceil();
        let Some(mut pixmap) = Pixmap::new(width as u32, height as u32) else {
            return; // nothing to write on
        };
        pixmap.fill(Color::from_rgba8(PAPER[0], PAPER[1], PAPER[2], 255));
        let baseline = (baseline - top).round();
        if let Some(path) = self.0.outline(left - start, baseline, line, size) {
            let mut paint = Paint::default();
            paint.set_color_rgba8(INK[0], INK[1], INK[2], 255);
            paint.anti_alias = true;
            let at = Transform::identity();
            pixmap.fill_path(&path, &paint, FillRule::Winding, at, None);
        }
        let columns = pixmap.width();
        for (at, pixel) in pixmap.pixels().iter().enumerate() {
            let (x, y) = (
                at as u32 % columns + start as u32,
                at as u32 / columns + top as u32,
            );
            let colour = [pixel.red(), pixel.green(), pixel.blue()];
            if colour != PAPER
                && let Some(place) = sheet.get_pixel_mut_checked(x, y)
            {
                *place = Rgb(colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(count: usize, columns: usize) -> ContactSheet {
        let cell = |at: usize| Cell {
            label: format!("number {at}"),
            picture: RgbImage::from_pixel(48, 32, Rgb([at as u8, 100, 200])),
        };
        ContactSheet {
            title: "Numbers".into(),
            columns,
            cells: (0..count).map(cell).collect(),
        }
    }

    /// Three pictures 48 by 32 in two columns: margins of 4, labels of 16, a title of 32.
    #[test]
    fn pictures_stand_row_by_row_over_their_lines() {
        let drawn = sheet(3, 2).draw().unwrap();
        assert_eq!(drawn.dimensions(), (4 + 2 * 52, 4 + 32 + 2 * 52));
        for (at, (x, y)) in [(4, 36), (56, 36), (4, 88)].into_iter().enumerate() {
            assert_eq!(drawn.get_pixel(x, y).0, [at as u8, 100, 200]);
            let line = (y + 32..y + 48).flat_map(|y| (x..x + 48).map(move |x| (x, y)));
            let ink = line.filter(|(x, y)| drawn.get_pixel(*x, *y).0[0] < 128);
            assert!(ink.count() > 20);
        }
        assert_eq!(drawn.get_pixel(60, 90).0, PAPER);
    }

    #[test]
    fn sheets_that_cannot_be_drawn_are_refused() {
        assert!(sheet(0, 2).draw().is_err());
        assert!(sheet(3, 0).draw().is_err());
        let mut mixed = sheet(2, 2);
        mixed.cells[1].picture = RgbImage::new(40, 32);
        assert!(mixed.draw().is_err());
    }
}
