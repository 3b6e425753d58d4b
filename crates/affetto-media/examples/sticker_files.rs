//! Writes a character that acts a take as files, each in the format of its extension.
//!
//!     cargo run -p affetto-media --example sticker_files -- CHARACTER TAKE.json joy.webp joy.json discord:joy.png...
//!
//! A file after a platform's name keeps its limits.

use std::{error::Error, path::Path};

use affetto_core::Silent;
use affetto_media::{
    Limits,
    sticker::{
        Character, Look, Sticker,
        export::{FileOptions, Preset, StickerFormat, write_preset, write_sticker},
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
    for file in files {
        if let Some((name, file)) = file.split_once(':') {
            let preset = Preset::ALL.into_iter().find(|preset| preset.name() == name);
            write_preset(
                Path::new(file),
                preset.ok_or("unknown platform")?,
                &sticker,
                &Silent,
            )?;
            continue;
        }
        let file = Path::new(file);
        let format = StickerFormat::from_path(file).ok_or("unknown extension")?;
        write_sticker(file, format, &sticker, &FileOptions::default(), &Silent)?;
    }
    Ok(())
}
