//! Files for platforms, of random stickers, read by others than those who wrote them.

use std::{fs, io::Read, path::Path, process::Command};

use affetto::{
    Emotion, Models, Seed, Silent,
    media::{
        self,
        sticker::{
            Character, Look, Sticker, Tint,
            export::{Fit, Preset, find_ffmpeg, preset_bytes},
        },
    },
    video::sticker::{condition::StickerRequest, data::EMOTION_NAMES, make::make},
};
use image::{AnimationDecoder, codecs::png::PngDecoder};
use serde_json::Value;

/// What is random of a sticker.
struct Wish {
    character: Character,
    request: StickerRequest,
}

fn wish(number: usize) -> Wish {
    let seed = Seed(2026).derive(&format!("sticker {number}"));
    let mut rng = seed.rng();
    let names: Vec<&str> = Character::names().collect();
    let words: Vec<&str> = EMOTION_NAMES
        .into_iter()
        .chain(["joy", "love", "surprise"])
        .collect();
    let emotion = format!(
        "{}:{:.2}",
        words[rng.below(words.len())],
        0.2 + 0.8 * rng.uniform()
    );
    Wish {
        character: Character::by_name(names[rng.below(names.len())]).unwrap(),
        request: StickerRequest {
            seed,
            emotion: Emotion::parse(&emotion).unwrap(),
            length_secs: 1.0 + 5.0 * rng.uniform(),
            extras: [None, Some(true), Some(false)][rng.below(3)],
            ..StickerRequest::default()
        },
    }
}

/// What is in a file.
#[derive(Debug, PartialEq)]
struct Seen {
    size: (u32, u32),
    frames: usize,
    seconds: f64,
    transparent: bool,
}

fn seen_gif(bytes: &[u8]) -> Seen {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    let size = (decoder.width().into(), decoder.height().into());
    let (mut frames, mut hundredths, mut transparent) = (0, 0, true);
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames += 1;
        hundredths += u32::from(frame.delay);
        transparent &= frame.transparent.is_some();
    }
    Seen {
        size,
        frames,
        seconds: f64::from(hundredths) / 100.0,
        transparent,
    }
}

fn seen_png(bytes: &[u8]) -> Seen {
    let decoder = PngDecoder::new(std::io::Cursor::new(bytes)).unwrap();
    let mut seen = Seen {
        size: (0, 0),
        frames: 0,
        seconds: 0.0,
        transparent: true,
    };
    for frame in decoder.apng().unwrap().into_frames() {
        let frame = frame.unwrap();
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        seen.seconds += f64::from(numerator) / f64::from(denominator) / 1000.0;
        seen.frames += 1;
        let picture = frame.into_buffer();
        seen.size = picture.dimensions();
        let alphas = picture.pixels().map(|pixel| pixel.0[3]);
        seen.transparent &= alphas.clone().min() == Some(0) && alphas.max() == Some(255);
    }
    seen
}

fn seen_tgs(bytes: &[u8]) -> Seen {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    let lottie: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&lottie["tgs"], &lottie["fr"]),
        (&Value::from(1), &Value::from(60))
    );
    assert_eq!(lottie["ip"], 0);
    // What Telegram's players do not draw: images, text, solids, masks, mattes, effects, expressions, three dimensions.
    let mut values = vec![&lottie];
    while let Some(value) = values.pop() {
        if let Value::Object(fields) = value {
            for refused in ["refId", "tt", "td", "ef", "masksProperties"] {
                assert!(!fields.contains_key(refused), "{refused}");
            }
            // An expression is a text; the x of an easing is a number.
            assert!(!fields.get("x").is_some_and(Value::is_string));
            assert_ne!(fields.get("ddd"), Some(&Value::from(1)));
        }
        values.extend(
            value
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.values()),
        );
        values.extend(value.as_array().into_iter().flatten());
    }
    let side = |key: &str| lottie[key].as_u64().unwrap() as u32;
    let frames = lottie["op"].as_f64().unwrap();
    Seen {
        size: (side("w"), side("h")),
        frames: frames as usize,
        seconds: frames / 60.0,
        transparent: true,
    }
}

/// By ffprobe, which comes with ffmpeg.
fn seen_webm(bytes: &[u8], folder: &Path) -> Seen {
    let file = folder.join("sticker.webm");
    fs::write(&file, bytes).unwrap();
    let probe = find_ffmpeg().unwrap().with_file_name("ffprobe");
    let output = Command::new(probe)
        .args([
            "-v",
            "error",
            "-count_frames",
            "-show_streams",
            "-show_format",
            "-of",
            "json",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = said["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "a film without sound");
    let stream = &streams[0];
    assert_eq!(stream["codec_name"], "vp9");
    let alpha = stream["tags"]
        .as_object()
        .into_iter()
        .flatten()
        .any(|(key, value)| key.eq_ignore_ascii_case("alpha_mode") && value == "1");
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let side = |key: &str| stream[key].as_u64().unwrap() as u32;
    Seen {
        size: (side("width"), side("height")),
        frames: number(&stream["nb_read_frames"]) as usize,
        seconds: number(&said["format"]["duration"]),
        transparent: alpha,
    }
}

/// A platform's limits, as published, not as the program has them.
struct Platform {
    preset: Preset,
    extension: &'static str,
    side: u32,
    bytes: usize,
    seconds: f64,
    per_second: f64,
}

const fn platform(preset: Preset, extension: &'static str) -> Platform {
    let (side, bytes, seconds) = match preset {
        Preset::Telegram => (512, 256 << 10, 3.0),
        Preset::Discord => (320, 512_000, 5.0),
        Preset::Emoji => (128, 256_000, 6.0),
    };
    Platform {
        preset,
        extension,
        side,
        bytes,
        seconds,
        per_second: 30.0,
    }
}

const PLATFORMS: [Platform; 6] = [
    Platform {
        bytes: 64 << 10,
        per_second: 60.0,
        ..platform(Preset::Telegram, "tgs")
    },
    platform(Preset::Telegram, "webm"),
    platform(Preset::Discord, "png"),
    platform(Preset::Discord, "gif"),
    platform(Preset::Emoji, "gif"),
    platform(Preset::Emoji, "png"),
];

/// Whether the search had to go below the best that it tries.
fn is_lowered(fit: &Fit) -> bool {
    let rate = f64::from(*fit.rate.numer()) / f64::from(*fit.rate.denom());
    rate < 30.0
        || fit.colours.is_some_and(|colours| colours < 256)
        || fit.quality.is_some_and(|quality| quality > 18)
}

/// Three of each; with `AFFETTO_LONG=1` a hundred of each.
#[test]
fn random_stickers_keep_the_limits_of_platforms() {
    let is_long = std::env::var_os("AFFETTO_LONG").is_some_and(|value| value == "1");
    let count = if is_long { 100 } else { 3 };
    let model = Models::embedded().unwrap().sticker(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for platform in PLATFORMS {
        let Platform {
            preset, extension, ..
        } = platform;
        if extension == "webm" && find_ffmpeg().is_none() {
            eprintln!("skipped: WebM, since there is no ffmpeg on the path");
            continue;
        }
        let (mut sizes, mut lowered, mut too_long) = (Vec::new(), 0, 0);
        for number in 0..count {
            let Wish {
                character,
                mut request,
            } = wish(number);
            let packed = |request: &StickerRequest| {
                let made = make(request, &model.model, &Silent).unwrap();
                let look = Look {
                    tint: Tint::of_vad(request.emotion.full_vad(), 0.6),
                    ..Look::default()
                };
                let sticker = Sticker::new(&character, &made.take, look).unwrap();
                preset_bytes(extension, preset, &sticker, &Silent)
            };
            let mut result = packed(&request);
            if request.length_secs > platform.seconds + 0.5 / f64::from(request.fps) {
                assert!(matches!(result, Err(media::Error::Unfit { .. })));
                too_long += 1;
                request.length_secs = platform.seconds;
                result = packed(&request);
            }
            let (bytes, fit) = result.unwrap_or_else(|error| {
                panic!("{preset:?} {extension} {number}: {error}: {request:?}")
            });
            let seen = match extension {
                "tgs" => seen_tgs(&bytes),
                "webm" => seen_webm(&bytes, folder.path()),
                "gif" => seen_gif(&bytes),
                _ => seen_png(&bytes),
            };
            let case = format!(
                "{preset:?} {extension} {number}: {seen:?}, {} bytes",
                bytes.len()
            );
            assert!(
                bytes.len() <= platform.bytes && bytes.len() == fit.bytes,
                "{case}"
            );
            assert_eq!(seen.size, (platform.side, platform.side), "{case}");
            assert!(seen.transparent, "{case}");
            assert!(seen.seconds <= platform.seconds + 0.005, "{case}");
            assert!((seen.seconds - request.length_secs).abs() < 0.05, "{case}");
            assert!(
                seen.frames as f64 / seen.seconds <= platform.per_second + 0.5,
                "{case}"
            );
            sizes.push(bytes.len());
            lowered += usize::from(is_lowered(&fit));
        }
        sizes.sort_unstable();
        eprintln!(
            "{} {extension}: {count} stickers, bytes at most {}, median {}, of {}; quality lowered for {lowered}; \
             {too_long} refused as too long and made shorter",
            preset.name(),
            sizes[sizes.len() - 1],
            sizes[sizes.len() / 2],
            platform.bytes
        );
    }
}
