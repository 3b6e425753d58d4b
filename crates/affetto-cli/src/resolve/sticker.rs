//! From the flags of `video generate` to a request for a sticker.

use std::path::PathBuf;

use affetto::{
    Emotion, Seed, StickerSheet,
    emotion::Unit,
    media::sticker::{Character, export::Preset},
    video::sticker::{condition::StickerRequest, data::EMOTION_NAMES},
};

use super::emotion_over;
use crate::{
    args::{EmotionArgs, VideoGenerate, VideoPreset},
    failure::Failure,
};

/// Pixels of a picture on a sheet, where nothing else is asked.
const USUAL_SIZE_ON_SHEET: u32 = 128;

/// Whether a sticker is asked for, and no film by published weights.
pub fn is_sticker(args: &VideoGenerate) -> bool {
    if args.sheet {
        return true;
    }
    if args.wan.is_some() || args.picture.is_some() || !args.lora.is_empty() {
        return false;
    }
    if args.character.is_some() || args.variation_of.is_some() {
        return true;
    }
    let is_film = args.output.iter().all(|file| {
        file.extension()
            .is_some_and(|word| word.eq_ignore_ascii_case("mp4"))
    });
    match &args.prompt {
        None => true,
        Some(text) if is_character(text) => true,
        // One word that is nobody's name is more likely a slip than a film.
        Some(text) => !is_film || args.output.is_empty() && !text.trim().contains(' '),
    }
}

fn is_character(text: &str) -> bool {
    let word = text.trim().to_lowercase();
    Character::names().any(|name| name == word)
}

/// The request.
pub fn request(args: &VideoGenerate) -> Result<StickerRequest, Failure> {
    let emotion: Emotion = emotion_over(&args.emotion, Unit::Seconds)?;
    let usual = StickerRequest::default();
    let size = match args.size {
        Some((width, height)) if width == height => width.try_into().unwrap_or(u32::MAX),
        Some(_) => {
            return Err(Failure::usage(
                "a sticker is as wide as it is high",
                "for example --size 512x512",
            ));
        }
        None => usual.size,
    };
    Ok(StickerRequest {
        seed: Seed(args.seed),
        emotion,
        length_secs: args.length.unwrap_or(usual.length_secs),
        fps: args.fps.unwrap_or(usual.fps),
        looping: !args.once,
        energy: args.energy,
        extras: args.extras,
        steps: args.steps.unwrap_or(usual.steps),
        emotion_guidance: args.emotion_guidance.unwrap_or(usual.emotion_guidance),
        candidates: args.candidates.map_or(usual.candidates, usize::from),
        character: args.prompt.clone().unwrap_or(usual.character),
        character_file: args.character.clone(),
        variation_of: args.variation_of.clone(),
        variation: args.variation.unwrap_or(usual.variation),
        size,
        tint: args.tint.unwrap_or(usual.tint),
        outline: args.outline.unwrap_or(usual.outline),
        background: args.background.unwrap_or(usual.background),
        platform: match args.preset {
            Some(VideoPreset::Telegram) => Some(Preset::Telegram),
            Some(VideoPreset::Discord) => Some(Preset::Discord),
            Some(VideoPreset::Emoji) => Some(Preset::Emoji),
            Some(VideoPreset::Full | VideoPreset::FourSteps | VideoPreset::Fastwan) | None => None,
        },
        model: None,
    })
}

/// The sheet, and the file that it is written to.
pub fn sheet(args: &VideoGenerate) -> Result<(StickerSheet, PathBuf), Failure> {
    let without = [
        (args.variations.is_some(), "--variations", "--seeds N"),
        (args.strict, "--strict", "leave it out"),
        (args.preset.is_some(), "--preset", "leave it out"),
        (args.wan.is_some(), "--wan", "leave --sheet out"),
        (args.picture.is_some(), "--picture", "leave --sheet out"),
        (!args.lora.is_empty(), "--lora", "leave --sheet out"),
        (args.resume, "--resume", "leave it out"),
    ];
    for (is_said, flag, instead) in without {
        if is_said {
            return Err(Failure::usage(format!("a sheet has no {flag}"), instead));
        }
    }
    let [file] = &args.output[..] else {
        return Err(Failure::usage(
            "a sheet is one file",
            "name one: -o sheet.png",
        ));
    };
    let mut sticker = request(args)?;
    if args.size.is_none() {
        sticker.size = USUAL_SIZE_ON_SHEET;
    }
    let emotions = emotions(args, &sticker.emotion)?;
    let own = args.character.as_ref();
    let one = own.map_or(sticker.character.clone(), |file| file.display().to_string());
    let characters = match &args.characters[..] {
        [] => vec![one],
        [all] if all.trim() == "all" => Character::names().map(String::from).collect(),
        names => names.iter().map(|name| name.trim().to_owned()).collect(),
    };
    sticker.emotion = Emotion::NEUTRAL;
    sticker.character_file = None;
    let sheet = StickerSheet {
        sticker,
        emotions,
        characters,
        seeds: args.seeds.unwrap_or(1),
        moments: args.moments.unwrap_or(1),
    };
    sheet.check()?;
    Ok((sheet, file.clone()))
}

/// Those of `--emotions`, else the one of the other flags, else Mikels' eight; each with its words.
fn emotions(args: &VideoGenerate, asked: &Emotion) -> Result<Vec<(String, Emotion)>, Failure> {
    let EmotionArgs {
        emotion,
        valence,
        arousal,
        curve,
        ..
    } = &args.emotion;
    let words: Vec<&str> = match &args.emotions {
        Some(list) => {
            let between = if list.contains(';') { ';' } else { ',' };
            list.split(between).map(str::trim).collect()
        }
        None if valence.is_some() || arousal.is_some() || curve.is_some() => {
            return Ok(vec![(String::new(), asked.clone())]);
        }
        None => match emotion {
            Some(words) => return Ok(vec![(words.clone(), asked.clone())]),
            None => EMOTION_NAMES.into(),
        },
    };
    let parsed = words.into_iter().map(|words| {
        let args = EmotionArgs {
            emotion: Some(words.to_owned()),
            intensity: args.emotion.intensity,
            ..EmotionArgs::default()
        };
        Ok((words.to_owned(), emotion_over(&args, Unit::Seconds)?))
    });
    parsed.collect()
}
