//! From the flags of `video generate` to a request for a sticker.

use affetto::{
    Emotion, Seed,
    emotion::Unit,
    media::sticker::{Character, export::Preset},
    video::sticker::condition::StickerRequest,
};

use super::emotion_over;
use crate::{
    args::{VideoGenerate, VideoPreset},
    failure::Failure,
};

/// Whether a sticker is asked for, and no film by published weights.
pub fn is_sticker(args: &VideoGenerate) -> bool {
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
