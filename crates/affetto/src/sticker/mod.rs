//! Stickers: a character that acts what a model has moved.

mod sheet;

use std::{collections::BTreeMap, path::Path};

use affetto_core::{Progress, Silent, read_limited, sha256_hex};
use affetto_emotion::FrameRate;
use affetto_media::{
    Limits,
    sticker::{
        Character, Look, Sticker, StickerTake, Tint, csv,
        export::{FileOptions, Frames, Preset, StickerFormat, preset_bytes, sticker_bytes},
        json,
    },
};
use affetto_video::sticker::{
    condition::{StickerRequest, mikels},
    data::EMOTION_NAMES,
    make::{Sticker as Made, make, variation_of},
    measure::StickerMeasured,
    model::StickerModel,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Findings, Input, InputRole, Models,
    compose::{AnyPiece, Media, Work},
    effects::sticker_effects,
};

pub(crate) use sheet::draw_sheet;
pub use sheet::{
    SHEET_PROVENANCE_SCHEMA, SheetProvenance, SheetSticker, StickerSheet, write_sticker_sheet,
};

/// The most bytes of a character.
const MAX_CHARACTER_BYTES: u64 = 4 << 20;

/// What was asked of a sticker, words resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StickerAsked {
    /// The emotion in Mikels' eight words, with their weights; empty where it has none among them.
    pub emotion: BTreeMap<String, f64>,
    /// Valence, -1..=1; at the beginning where it moves.
    pub valence: f64,
    /// Arousal, -1..=1; at the beginning where it moves.
    pub arousal: f64,
    /// How strong, 0..=1.
    pub intensity: f64,
    /// Motion energy in deviations from the usual, where it was asked for.
    pub energy: Option<f64>,
    /// Whether extras were wanted, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extras: Option<bool>,
    /// The character.
    pub character: String,
    /// Seconds.
    pub length_secs: f64,
}

/// A file that a sticker is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StickerOutput {
    /// The character as it acts.
    Drawn(StickerFormat),
    /// Telegram's packed Lottie.
    Tgs,
    /// The take as JSON.
    TakeJson,
    /// The take as a table.
    TakeCsv,
}

impl StickerOutput {
    /// What the name stands for.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        if name.ends_with(".take.json") {
            return Some(Self::TakeJson);
        }
        if name.ends_with(".csv") {
            return Some(Self::TakeCsv);
        }
        if name.ends_with(".tgs") {
            return Some(Self::Tgs);
        }
        StickerFormat::from_path(path).map(Self::Drawn)
    }
}

/// A sticker that was made.
#[derive(Clone, Debug)]
pub struct DrawnSticker {
    /// Who acts.
    pub character: Character,
    /// How.
    pub take: StickerTake,
    /// How it is coloured.
    pub look: Look,
    options: FileOptions,
    platform: Option<Preset>,
}

impl DrawnSticker {
    /// The bytes of a file.
    pub(crate) fn file(&self, format: StickerOutput) -> Result<Vec<u8>, Error> {
        let sticker = Sticker::new(&self.character, &self.take, self.look)?;
        let packed = |extension: &str, preset| -> Result<Vec<u8>, Error> {
            Ok(preset_bytes(extension, preset, &sticker, &Silent)?.0)
        };
        match (format, self.platform) {
            (StickerOutput::TakeJson, _) => Ok(json::write(&self.take)?),
            (StickerOutput::TakeCsv, _) => Ok(csv::write(&self.take)?),
            (StickerOutput::Tgs, preset) => packed("tgs", preset.unwrap_or(Preset::Telegram)),
            (StickerOutput::Drawn(format), Some(preset)) => packed(format.extensions()[0], preset),
            (StickerOutput::Drawn(format), None) => {
                Ok(sticker_bytes(format, &sticker, &self.options, &Silent)?)
            }
        }
    }
}

/// Makes what `request` asks for.
pub(crate) fn make_sticker(
    request: &StickerRequest,
    models: &Models,
    mut work: Work<'_>,
) -> Result<AnyPiece, Error> {
    request.check()?;
    let character = match &request.character_file {
        Some(path) => character_of_file(path, &mut work)?,
        None => Character::by_name(&request.character)?,
    };
    let source = source(request, &mut work)?;
    let model = models.sticker(request.model.as_deref())?;
    let made = moved(request, source.as_ref(), &model.model, &work.progress)?;
    let asked = asked(request, character.name());
    let measured: StickerMeasured = made.measured;
    let effects = sticker_effects(&asked, &measured);
    let warnings = work.warnings(&effects)?;
    let sticker = DrawnSticker {
        character,
        take: made.take,
        look: look(request),
        options: FileOptions {
            frames: Frames {
                size: request.size,
                rate: FrameRate::from_integer(request.fps),
            },
            background: request.background,
            ..FileOptions::default()
        },
        platform: request.platform,
    };
    Ok(AnyPiece {
        media: Media::Sticker(Box::new(sticker)),
        findings: Findings::Sticker {
            asked: Box::new(asked),
            measured: Box::new(measured),
        },
        effects,
        warnings,
        inputs: work.inputs,
        model: Some(model.used.clone()),
    })
}

fn character_of_file(path: &Path, work: &mut Work<'_>) -> Result<Character, Error> {
    let bytes = read(work, InputRole::Character, path, MAX_CHARACTER_BYTES)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Character::from_svg(&name, &bytes).map_err(|error| error.in_file(path))?)
}

/// The take that is varied, where one is named.
fn source(request: &StickerRequest, work: &mut Work<'_>) -> Result<Option<StickerTake>, Error> {
    let Some(path) = &request.variation_of else {
        return Ok(None);
    };
    let limits = Limits::DEFAULT;
    let bytes = read(work, InputRole::Take, path, limits.take_bytes)?;
    Ok(Some(StickerTake::from_bytes(path, &bytes, &limits)?))
}

/// The motion: a variation of `source`, or made from nothing.
fn moved(
    request: &StickerRequest,
    source: Option<&StickerTake>,
    model: &StickerModel,
    progress: &dyn Progress,
) -> Result<Made, Error> {
    let made = match source {
        Some(take) => variation_of(take, request.variation, request, model, progress),
        None => make(request, model, progress),
    };
    Ok(made?)
}

/// The bytes of a file that the request names.
fn read(work: &mut Work<'_>, role: InputRole, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let found = (work.locate)(role, path)?;
    let bytes = read_limited(&found, limit)?;
    work.inputs.push(Input {
        role,
        path: path.into(),
        bytes: bytes.len() as u64,
        sha256: sha256_hex(&bytes),
    });
    Ok(bytes)
}

fn look(request: &StickerRequest) -> Look {
    Look {
        tint: tint(request),
        outline: request.outline as f32,
    }
}

fn tint(request: &StickerRequest) -> Tint {
    let emotion = request.emotion_at(0.0);
    let strength = (request.tint * emotion.intensity()) as f32;
    match mikels(&emotion) {
        Some(weights) => Tint::of_mikels(weights, strength),
        None => Tint::of_vad(emotion.full_vad(), strength),
    }
}

fn asked(request: &StickerRequest, character: &str) -> StickerAsked {
    let emotion = request.emotion_at(0.0);
    let weights = mikels(&emotion).unwrap_or_default();
    let named = EMOTION_NAMES.into_iter().zip(weights);
    let vad = emotion.vad();
    StickerAsked {
        emotion: named
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(name, weight)| (name.into(), f64::from(weight)))
            .collect(),
        valence: vad.valence(),
        arousal: vad.arousal(),
        intensity: emotion.intensity(),
        energy: request.energy,
        extras: request.extras,
        character: character.into(),
        length_secs: request.length_secs,
    }
}
