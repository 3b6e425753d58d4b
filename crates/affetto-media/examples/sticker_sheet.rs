//! Draws characters that act takes, each take a row: to look at art and motion while they are made.
//!
//!     cargo run -p affetto-media --example sticker_sheet -- OUT.png SIZE MOMENTS CHARACTER,... TAKE.json...
//!
//! A character is a name or an SVG file. With more than one moment each character has a strip of them.

use std::{error::Error, path::Path};

use affetto_media::{
    Limits,
    sticker::{Character, Look, Sticker, Tint, json},
};
use image::{Rgba, RgbaImage, imageops};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, size, moments, characters, takes @ ..] = arguments.as_slice() else {
        return Err("OUT.png SIZE MOMENTS CHARACTER,... TAKE.json...".into());
    };
    let (size, moments): (u32, u32) = (size.parse()?, moments.parse()?);
    let characters: Vec<Character> = characters
        .split(',')
        .map(|name| match name.ends_with(".svg") {
            true => Character::read(Path::new(name)),
            false => Character::by_name(name),
        })
        .collect::<Result<_, _>>()?;
    let columns = moments * characters.len() as u32;
    let background = Rgba([250, 247, 242, 255]);
    let mut sheet = RgbaImage::from_pixel(size * columns, size * takes.len() as u32, background);
    for (row, path) in (0..).zip(takes) {
        let take = json::read(&std::fs::read(path)?, &Limits::DEFAULT)?;
        let stem = Path::new(path)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let word = stem.split(['-', '.']).next().unwrap_or("");
        let tint = affetto_emotion::Mixture::parse(&format!("mikels/{word}"))
            .map_or(Tint::NONE, |mixture| Tint::of_mixture(&mixture, 0.8));
        for (column, character) in (0..).zip(&characters) {
            let sticker = Sticker::new(character, &take, Look { tint, outline: 0.0 })?;
            for moment in 0..moments {
                let share = (f64::from(moment) + 0.3) / f64::from(moments);
                let picture = sticker.render(share * take.seconds(), size)?;
                let x = i64::from((column * moments + moment) * size);
                imageops::overlay(&mut sheet, &picture, x, i64::from(row * size));
            }
        }
    }
    sheet.save(out)?;
    Ok(())
}
