//! Many pictures in one: sheets of sprites with an atlas, and contact sheets to look at.

use std::path::Path;

use affetto_core::Progress;
use image::{Rgba, RgbaImage, imageops};
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

/// A moment of a sticker on a contact sheet.
pub struct Cell<'a> {
    /// The sticker.
    pub sticker: &'a Sticker<'a>,
    /// The moment, in seconds.
    pub seconds: f64,
    /// What is written below it; nothing where it is empty.
    pub label: String,
}

/// Many stickers in rows of `columns`, each `size` pixels wide, on `background`, with their labels.
///
/// # Errors
///
/// As [`Sticker::render`], and [`Error::Limit`] for a sheet of more than 8,192 pixels on a side.
pub fn contact_sheet(
    cells: &[Cell<'_>],
    columns: u32,
    size: u32,
    background: [u8; 3],
) -> Result<RgbaImage, Error> {
    use rayon::prelude::*;
    let columns = columns.clamp(1, (cells.len() as u32).max(1));
    let labelled = cells.iter().any(|cell| !cell.label.is_empty());
    let line = if labelled { (size / 7).max(12) } else { 0 };
    let rows = (cells.len() as u32).div_ceil(columns).max(1);
    check_sides(
        u64::from(columns) * u64::from(size),
        u64::from(rows) * u64::from(size + line),
    )?;
    if !SIDES.contains(&size) {
        return Err(Error::PictureSize {
            width: size,
            height: size,
            least: *SIDES.start(),
            most: *SIDES.end(),
        });
    }
    let [r, g, b] = background;
    let mut sheet =
        RgbaImage::from_pixel(columns * size, rows * (size + line), Rgba([r, g, b, 255]));
    let pictures: Vec<RgbaImage> = cells
        .par_iter()
        .map(|cell| cell.sticker.render(cell.seconds, size))
        .collect::<Result<_, _>>()?;
    for (index, (cell, picture)) in cells.iter().zip(&pictures).enumerate() {
        let (x, y) = (
            index as u32 % columns * size,
            index as u32 / columns * (size + line),
        );
        imageops::overlay(&mut sheet, picture, x.into(), y.into());
        if let Some(label) = label(&cell.label, size, line, background) {
            imageops::overlay(&mut sheet, &label, x.into(), (y + size).into());
        }
    }
    Ok(sheet)
}

/// Writes [`contact_sheet`] as PNG.
///
/// # Errors
///
/// As [`contact_sheet`], [`Error::Encode`] and [`Error::Write`].
pub fn write_contact_sheet(
    path: &Path,
    cells: &[Cell<'_>],
    columns: u32,
    size: u32,
    background: [u8; 3],
) -> Result<(), Error> {
    write(
        path,
        &png(&contact_sheet(cells, columns, size, background)?)?,
    )
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

/// Text in the middle of a line, dark on light and light on dark.
fn label(text: &str, width: u32, height: u32, background: [u8; 3]) -> Option<RgbaImage> {
    if text.is_empty() || height == 0 {
        return None;
    }
    let face = Typeface::regular()?;
    let mut size = height as f32 * 0.62;
    let text: String = text.chars().take(80).collect();
    let wide = face.width(&text, size);
    let room = width as f32 * 0.96;
    if wide > room {
        size *= room / wide;
    }
    let x = 0.5 * (width as f32 - face.width(&text, size));
    let outline = face.outline(x, height as f32 * 0.68, &text, size)?;
    let light = background
        .iter()
        .map(|value| u32::from(*value))
        .sum::<u32>()
        > 380;
    let ink = if light { 60 } else { 230 };
    let mut paint = Paint::default();
    paint.set_color(Color::from_rgba8(ink, ink, ink, 255));
    let mut pixmap = Pixmap::new(width, height)?;
    pixmap.fill_path(
        &outline,
        &paint,
        FillRule::Winding,
        Transform::identity(),
        None,
    );
    let mut picture = RgbaImage::new(width, height);
    for (pixel, drawn) in picture.pixels_mut().zip(pixmap.pixels()) {
        let colour = drawn.demultiply();
        pixel.0 = [colour.red(), colour.green(), colour.blue(), colour.alpha()];
    }
    Some(picture)
}
