//! Writes a character that acts a take as files, each in the format of its extension.
//!
//!     cargo run -p affetto-media --example sticker_files -- CHARACTER TAKE.json joy.webp joy.json joy.gif...

use std::{error::Error, path::Path};

use affetto_core::Silent;
use affetto_media::{
    Limits,
    sticker::{
        Character, Look, Sticker,
        export::{FileOptions, StickerFormat, write_sticker},
        json,
    },
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [character, take, files @ ..] = arguments.as_slice() else {
        return Err("CHARACTER TAKE.json FILE...".into());
    };
    let character = match character.ends_with(".svg") {
        true => Character::read(Path::new(character))?,
        false => Character::by_name(character)?,
    };
    let take = json::read(&std::fs::read(take)?, &Limits::DEFAULT)?;
    let sticker = Sticker::new(&character, &take, Look::default())?;
    for file in files.iter().map(Path::new) {
        let format = StickerFormat::from_path(file).ok_or("unknown extension")?;
        write_sticker(file, format, &sticker, &FileOptions::default(), &Silent)?;
    }
    Ok(())
}
