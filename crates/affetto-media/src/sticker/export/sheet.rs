//! Many pictures in one: sheets of sprites with an atlas, and contact sheets to look at.

use std::{io::Write, path::Path};

use affetto_core::Progress;
use image::{Rgba, RgbaImage, imageops};
use rayon::prelude::*;
use serde::Serialize;
use tiny_skia::{Color, FillRule, Paint, Pixmap, Transform};

use super::{Frames, each_frame, still::png, write};
use crate::{
    Error,
    sticker::{Sticker, raster::SIDES},
    typeface::Typeface,
};

/// The longest side of a sheet, in pixels.
const LONGEST: u32 = 8_192;

/// A sheet of sprites: the picture, and the JSON that says where each frame is.
pub struct Atlas {
    /// The frames in rows.
    pub picture: RgbaImage,
    /// The places of the frames, in the hash form of TexturePacker, which Unity, Godot, Phaser and others read.
    pub json: String,
}

#[derive(Serialize)]
struct AtlasFile {
    frames: serde_json::Map<String, serde_json::Value>,
    meta: serde_json::Value,
}

/// Puts the frames of a sticker into one picture, in rows, with their places. `name` is the name of the picture, from
/// which those of the frames are made.
///
/// # Errors
///
/// As [`Sticker::render`], [`Error::Limit`] for more frames than a picture holds, and [`Error::Cancelled`].
pub fn atlas(
    name: &str,
    sticker: &Sticker<'_>,
    frames: Frames,
    progress: &dyn Progress,
) -> Result<Atlas, Error> {
    let count = frames.moments(sticker)?.count as u32;
    let columns = (f64::from(count).sqrt().ceil() as u32).max(1);
    let rows = count.div_ceil(columns);
    let size = frames.size;
    check_sides(
        u64::from(columns) * u64::from(size),
        u64::from(rows) * u64::from(size),
    )?;
    let (moments, pictures) = each_frame(sticker, frames, progress, |_, picture| Ok(picture))?;
    let mut sheet = RgbaImage::new(columns * size, rows * size);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut list = serde_json::Map::new();
    for (index, picture) in pictures.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index as u32 / columns);
        let (x, y) = (column * size, row * size);
        imageops::replace(&mut sheet, picture, x.into(), y.into());
        let frame = serde_json::json!({
            "frame": {"x": x, "y": y, "w": size, "h": size},
            "rotated": false,
            "trimmed": false,
            "spriteSourceSize": {"x": 0, "y": 0, "w": size, "h": size},
            "sourceSize": {"w": size, "h": size},
            "pivot": {"x": 0.5, "y": 0.5},
            "duration": moments.delay(index, 1000.0),
        });
        list.insert(format!("{stem}-{index:04}.png"), frame);
    }
    let file = AtlasFile {
        frames: list,
        meta: serde_json::json!({
            "app": "affetto",
            "version": env!("CARGO_PKG_VERSION"),
            "image": name,
            "format": "RGBA8888",
            "size": {"w": sheet.width(), "h": sheet.height()},
            "scale": "1",
            "columns": columns,
            "rows": rows,
            "loop": sticker.take().loops,
            "frameTags": [{"name": stem, "from": 0, "to": pictures.len() - 1, "direction": "forward"}],
        }),
    };
    let json = serde_json::to_string_pretty(&file);
    Ok(Atlas {
        picture: sheet,
        json: json.map_err(|error| super::failed("sprite sheet", error))? + "\n",
    })
}

/// Writes [`atlas`]: the picture at `path`, the JSON beside it.
///
/// # Errors
///
/// As [`atlas`], [`Error::Encode`] and [`Error::Write`].
pub fn write_atlas(
    path: &Path,
    sticker: &Sticker<'_>,
    frames: Frames,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let atlas = atlas(&name, sticker, frames, progress)?;
    write(path, &png(&atlas.picture)?)?;
    write(&path.with_extension("json"), atlas.json.as_bytes())
}

/// Pictures in rows and columns that have names, on one colour.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetGrid {
    /// What stands above each column.
    pub columns: Vec<String>,
    /// What stands to the left of each row.
    pub rows: Vec<String>,
    /// Width and height of each picture in pixels.
    pub size: u32,
    /// Behind all of them: red, green, blue.
    pub background: [u8; 3],
}

/// Extents of a sheet in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetExtent {
    /// All of it.
    pub width: u32,
    /// All of it.
    pub height: u32,
    /// Left of the pictures, for the names of the rows.
    left: u32,
    /// Above the pictures, for the names of the columns.
    top: u32,
}

/// The most letters of a name.
const LETTERS: usize = 48;

impl SheetGrid {
    /// How large the sheet becomes.
    ///
    /// # Errors
    ///
    /// [`Error::PictureSize`] for pictures that are not 16..=2048 pixels wide, [`Error::Limit`] for a sheet of more than
    /// 8,192 pixels on a side.
    pub fn extent(&self) -> Result<SheetExtent, Error> {
        if !SIDES.contains(&self.size) {
            return Err(Error::PictureSize {
                width: self.size,
                height: self.size,
                least: *SIDES.start(),
                most: *SIDES.end(),
            });
        }
        let top = match named(&self.columns) {
            true => 2 * self.letters(),
            false => 0,
        };
        let left = match named(&self.rows) {
            true => self.widest_row() + self.letters(),
            false => 0,
        };
        let side = |count: usize, beside: u32| {
            u64::from(beside).saturating_add((count as u64).saturating_mul(u64::from(self.size)))
        };
        let (width, height) = (side(self.columns.len(), left), side(self.rows.len(), top));
        check_sides(width, height)?;
        Ok(SheetExtent {
            width: width as u32,
            height: height as u32,
            left,
            top,
        })
    }

    /// The height of letters.
    fn letters(&self) -> u32 {
        (self.size / 8).clamp(11, 26)
    }

    fn widest_row(&self) -> u32 {
        let face = Typeface::regular();
        let width = |row: &String| {
            let width = |face: &Typeface| face.width(&shortened(row), self.letters() as f32);
            face.as_ref().map_or(0.0, width)
        };
        self.rows.iter().map(width).fold(0.0, f32::max).ceil() as u32
    }
}

fn named(names: &[String]) -> bool {
    names.iter().any(|name| !name.is_empty())
}

fn shortened(name: &str) -> String {
    name.chars().take(LETTERS).collect()
}

/// Writes a sheet as PNG, row by row, so that no more than one row is held. `row` gives the pictures of a row, from 0 on:
/// one for each column, as wide and high as the grid says.
///
/// # Errors
///
/// As [`SheetGrid::extent`]; what `row` gives; [`Error::Encode`] for rows that are not of the grid, and where it cannot be
/// written.
pub fn write_sheet<E: From<Error>>(
    file: impl Write,
    grid: &SheetGrid,
    mut row: impl FnMut(usize) -> Result<Vec<RgbaImage>, E>,
) -> Result<(), E> {
    let extent = grid.extent()?;
    let mut encoder = png::Encoder::new(file, extent.width, extent.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::Adaptive);
    let mut png = encoder.write_header().map_err(not_packed)?;
    let mut stream = png.stream_writer().map_err(not_packed)?;
    let mut write = |strip: &RgbaImage| {
        let colours = strip.pixels().flat_map(|Rgba([r, g, b, _])| [*r, *g, *b]);
        let bytes: Vec<u8> = colours.collect();
        stream.write_all(&bytes).map_err(not_packed)
    };
    write(&grid.headings(&extent))?;
    for index in 0..grid.rows.len() {
        write(&grid.row(&extent, index, &row(index)?)?)?;
    }
    stream.finish().map_err(not_packed)?;
    Ok(png.finish().map_err(not_packed)?)
}

/// Moments of stickers as pictures, drawn in parallel; each with its seconds.
///
/// # Errors
///
/// As [`Sticker::render`].
pub fn moments(stickers: &[(Sticker<'_>, f64)], size: u32) -> Result<Vec<RgbaImage>, Error> {
    let drawn = stickers
        .par_iter()
        .map(|(sticker, seconds)| sticker.render(*seconds, size));
    drawn.collect()
}

impl SheetGrid {
    /// The names of the columns.
    fn headings(&self, extent: &SheetExtent) -> RgbaImage {
        let mut strip = self.strip(extent.width, extent.top);
        for (column, name) in self.columns.iter().enumerate() {
            let place = extent.left + column as u32 * self.size;
            if let Some(text) = self.text(name, self.size, extent.top, 0.5) {
                imageops::overlay(&mut strip, &text, place.into(), 0);
            }
        }
        strip
    }

    /// A row with its name.
    fn row(
        &self,
        extent: &SheetExtent,
        index: usize,
        pictures: &[RgbaImage],
    ) -> Result<RgbaImage, Error> {
        let sides = (self.size, self.size);
        let fits = pictures.iter().all(|picture| picture.dimensions() == sides);
        if !fits || pictures.len() != self.columns.len() {
            return Err(not_packed("a row is not that of the grid"));
        }
        let mut strip = self.strip(extent.width, self.size);
        for (column, picture) in pictures.iter().enumerate() {
            let place = extent.left + column as u32 * self.size;
            imageops::overlay(&mut strip, picture, place.into(), 0);
        }
        let room = extent.left.saturating_sub(self.letters() / 2);
        if room > 0
            && let Some(text) = self.text(&self.rows[index], room, self.size, 1.0)
        {
            imageops::overlay(&mut strip, &text, 0, 0);
        }
        Ok(strip)
    }

    fn strip(&self, width: u32, height: u32) -> RgbaImage {
        let [r, g, b] = self.background;
        RgbaImage::from_pixel(width, height, Rgba([r, g, b, 255]))
    }

    fn text(&self, text: &str, width: u32, height: u32, side: f32) -> Option<RgbaImage> {
        let line = Line {
            size: self.letters() as f32,
            side,
            background: self.background,
        };
        line.draw(&shortened(text), width, height)
    }
}

fn not_packed(reason: impl ToString) -> Error {
    super::failed("sheet", reason)
}

fn check_sides(width: u64, height: u64) -> Result<(), Error> {
    let longest = width.max(height);
    match longest <= u64::from(LONGEST) {
        true => Ok(()),
        false => Err(Error::Limit {
            what: "pixels on a side of a sheet",
            limit: LONGEST.into(),
            found: longest,
        }),
    }
}

/// A line of text, dark on light and light on dark.
struct Line {
    /// Height of letters in pixels; less where there is no room.
    size: f32,
    /// 0 on the left, 0.5 in the middle, 1 on the right.
    side: f32,
    background: [u8; 3],
}

impl Line {
    /// In the middle of the height; nothing where there is no text.
    fn draw(&self, text: &str, width: u32, height: u32) -> Option<RgbaImage> {
        let face = Typeface::regular()?;
        let mut size = self.size;
        let (wide, room) = (face.width(text, size), width as f32 * 0.96);
        if wide > room {
            size *= room / wide;
        }
        let x = self.side * (width as f32 - face.width(text, size));
        let baseline = 0.5 * height as f32 + 0.36 * size;
        let outline = face.outline(x, baseline, text, size)?;
        let light = self
            .background
            .iter()
            .map(|part| u32::from(*part))
            .sum::<u32>()
            > 380;
        let ink = if light { 60 } else { 230 };
        let mut paint = Paint::default();
        paint.set_color(Color::from_rgba8(ink, ink, ink, 255));
        let mut pixmap = Pixmap::new(width, height)?;
        let still = Transform::identity();
        pixmap.fill_path(&outline, &paint, FillRule::Winding, still, None);
        let mut picture = RgbaImage::new(width, height);
        for (pixel, drawn) in picture.pixels_mut().zip(pixmap.pixels()) {
            let colour = drawn.demultiply();
            pixel.0 = [colour.red(), colour.green(), colour.blue(), colour.alpha()];
        }
        Some(picture)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn grid() -> SheetGrid {
        SheetGrid {
            columns: ["a", "b", "c"].map(String::from).into(),
            rows: ["fear", "long sadness"].map(String::from).into(),
            size: 40,
            background: [250, 240, 230],
        }
    }

    fn picture(shade: u8, alpha: u8) -> RgbaImage {
        RgbaImage::from_pixel(40, 40, Rgba([shade, 0, 9, alpha]))
    }

    #[test]
    fn pictures_stand_in_their_rows_and_columns_beside_their_names() {
        let mut bytes = Vec::new();
        let rows = [[10, 20, 30], [40, 50, 60]];
        write_sheet(&mut bytes, &grid(), |row| {
            Ok::<_, Error>(rows[row].map(|shade| picture(shade, 255)).into())
        })
        .unwrap();
        let extent = grid().extent().unwrap();
        let read = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(read.dimensions(), (extent.width, extent.height));
        assert_eq!(extent.width, extent.left + 3 * 40);
        assert_eq!(extent.height, 22 + 2 * 40);
        for (y, row) in rows.iter().enumerate() {
            for (x, shade) in row.iter().enumerate() {
                let (x, y) = (extent.left + 40 * x as u32, extent.top + 40 * y as u32);
                assert_eq!(read.get_pixel(x, y).0, [*shade, 0, 9]);
                assert_eq!(read.get_pixel(x + 39, y + 39).0, [*shade, 0, 9]);
            }
        }
        let inked = |from: (u32, u32), to: (u32, u32)| {
            let inside = (from.0..to.0).flat_map(|x| (from.1..to.1).map(move |y| (x, y)));
            inside
                .filter(|(x, y)| read.get_pixel(*x, *y).0[0] < 200)
                .count()
        };
        let (left, top) = (extent.left, extent.top);
        assert!(inked((left, 0), (left + 40, top)) > 5);
        let (one, two) = (
            inked((0, top), (left, top + 40)),
            inked((0, top + 40), (left, top + 80)),
        );
        assert!(one > 20 && two > one, "{one} {two}");
    }

    #[test]
    fn what_is_transparent_shows_the_background() {
        let mut bytes = Vec::new();
        let lone = SheetGrid {
            columns: vec![String::new()],
            rows: vec![String::new()],
            ..grid()
        };
        write_sheet(&mut bytes, &lone, |_| Ok::<_, Error>(vec![picture(3, 0)])).unwrap();
        let read = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(read.dimensions(), (40, 40));
        assert!(read.pixels().all(|pixel| pixel.0 == [250, 240, 230]));
    }

    #[test]
    fn rows_that_are_not_of_the_grid_are_refused() {
        let written = |picture: RgbaImage, count: usize| {
            write_sheet(Vec::new(), &grid(), |_| {
                Ok::<_, Error>(vec![picture.clone(); count])
            })
        };
        assert!(written(picture(1, 255), 3).is_ok());
        assert!(written(picture(1, 255), 1).is_err());
        assert!(written(RgbaImage::new(39, 40), 3).is_err());
        for wrong in [
            SheetGrid { size: 4, ..grid() },
            SheetGrid {
                rows: vec![String::new(); 300],
                ..grid()
            },
            SheetGrid {
                columns: vec!["a".into(); 5],
                size: 2048,
                ..grid()
            },
        ] {
            assert!(wrong.extent().is_err());
        }
    }
}
