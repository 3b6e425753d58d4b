//! Stickers as files, and as other programs show them.
//!
//! `AFFETTO_PYTHON` names a Python that has the packages of `tests/python/requirements.txt`; without it one test says that
//! it is skipped.
#![allow(clippy::print_stderr)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use affetto_core::Silent;
use affetto_emotion::FrameRate;
use affetto_media::{
    Error, Limits,
    sticker::{
        Channel, Character, Look, Pose, Sticker, StickerTake, Tint, csv,
        export::{
            Colours, Fit, Frames, Packing, Preset, apng, atlas, dot_lottie, find_ffmpeg, gif,
            lottie, svg, webp, write_apng, write_dot_lottie, write_gif, write_lottie, write_mp4,
            write_png, write_png_sequence, write_preset, write_webm, write_webp,
        },
        json,
    },
};

const EMOTIONS: [&str; 8] = [
    "amusement",
    "awe",
    "contentment",
    "excitement",
    "anger",
    "disgust",
    "fear",
    "sadness",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A take written by hand.
fn take(emotion: &str) -> StickerTake {
    let path = root().join(format!("tests/fixtures/good/sticker/{emotion}.json"));
    json::read(&fs::read(path).unwrap(), &Limits::DEFAULT).unwrap()
}

const SMALL: Frames = Frames {
    size: 96,
    rate: FrameRate::new_raw(12, 1),
};

#[test]
fn takes_written_by_hand_are_sound_and_survive_both_formats() {
    for emotion in EMOTIONS {
        let take = take(emotion);
        assert_eq!(take.broken_rule(), None);
        let limits = Limits::DEFAULT;
        assert_eq!(
            csv::read(&csv::write(&take).unwrap(), &limits).unwrap(),
            take
        );
        assert_eq!(
            json::read(&json::write(&take).unwrap(), &limits).unwrap(),
            take
        );
        let folder = tempfile::tempdir().unwrap();
        for name in ["take.json", "take.CSV"] {
            let path = folder.path().join(name);
            take.write(&path).unwrap();
            assert_eq!(StickerTake::read(&path, &limits).unwrap(), take);
        }
        let nowhere = StickerTake::read(&folder.path().join("none.json"), &limits);
        assert!(matches!(nowhere, Err(Error::Read(_))));
    }
}

/// Every character shows every emotion, within the picture, and its loop closes.
#[test]
fn every_character_acts_every_emotion() {
    assert!(Character::names().count() >= 12);
    for name in Character::names() {
        let character = Character::by_name(name).unwrap();
        assert!(
            character.found().ignored.is_empty(),
            "{name}: {:?}",
            character.found().ignored
        );
        let mut pictures = Vec::new();
        for emotion in EMOTIONS {
            let take = take(emotion);
            let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
            for step in 0..6 {
                let seconds = take.seconds() * f64::from(step) / 6.0;
                let picture = sticker.render(seconds, 64).unwrap();
                let edge = (0..64).any(|at| {
                    [(at, 0), (0, at), (at, 63), (63, at)]
                        .iter()
                        .any(|(x, y)| picture.get_pixel(*x, *y).0[3] > 200)
                });
                assert!(
                    !edge,
                    "{name} leaves the picture in {emotion} at {seconds} s"
                );
                pictures.push(picture);
            }
            // The last moment is as near to the first as the first to the next.
            let at = |seconds: f64| sticker.render(seconds, 64).unwrap();
            let apart = |a: &image::RgbaImage, b: &image::RgbaImage| {
                let pairs = a.as_raw().iter().zip(b.as_raw());
                pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
            };
            let (last, first, next) = (at(take.seconds() - 0.01), at(0.0), at(0.01));
            let (seam, step) = (apart(&last, &first), apart(&first, &next));
            assert!(
                seam <= 3 * step + 4000,
                "{name} {emotion}: {seam} beside {step}"
            );
        }
        let apart = |a: usize, b: usize| pictures[6 * a] != pictures[6 * b];
        assert!((0..8).all(|a| (0..a).all(|b| apart(a, b))), "{name}");
    }
}

/// The same bytes with one thread and with three.
#[test]
fn bytes_do_not_depend_on_threads() {
    let take = take("excitement");
    let character = Character::by_name("star").unwrap();
    let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
    let made = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            [
                webp(&sticker, SMALL, Packing::Lossless, &Silent).unwrap(),
                webp(&sticker, SMALL, Packing::Lossy(80.0), &Silent).unwrap(),
                apng(&sticker, SMALL, Colours::All, &Silent).unwrap(),
                apng(&sticker, SMALL, Colours::Palette(64), &Silent).unwrap(),
                gif(&sticker, SMALL, 64, &Silent).unwrap(),
                lottie(&sticker).unwrap(),
                dot_lottie(&sticker).unwrap(),
                svg(&sticker, 0.3).into_bytes(),
            ]
        })
    };
    assert_eq!(made(1), made(3));
}

#[test]
fn an_atlas_says_where_each_frame_is() {
    let take = take("awe");
    let character = Character::by_name("ghost").unwrap();
    let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
    let atlas = atlas("awe.png", &sticker, SMALL, &Silent).unwrap();
    let json: serde_json::Value = serde_json::from_str(&atlas.json).unwrap();
    let frames = json["frames"].as_object().unwrap();
    assert_eq!(frames.len(), 24);
    for (index, (name, frame)) in frames.iter().enumerate() {
        assert_eq!(*name, format!("awe-{index:04}.png"));
        let number = |key: &str| frame["frame"][key].as_u64().unwrap() as u32;
        let (x, y, side) = (number("x"), number("y"), number("w"));
        let cell = image::imageops::crop_imm(&atlas.picture, x, y, side, side).to_image();
        let drawn = sticker
            .render(take.seconds() * index as f64 / 24.0, 96)
            .unwrap();
        assert!(cell == drawn, "{name}");
    }
}

#[test]
fn a_tint_colours_and_an_edge_surrounds() {
    let take = take("contentment");
    let character = Character::by_name("cloud").unwrap();
    let tint = Tint {
        colour: [40, 200, 80],
        strength: 1.0,
    };
    let plain = Sticker::new(&character, &take, Look::default()).unwrap();
    let looks = Look {
        tint,
        outline: 10.0,
    };
    let tinted = Sticker::new(&character, &take, looks).unwrap();
    let (plain, tinted) = (
        plain.render(0.2, 128).unwrap(),
        tinted.render(0.2, 128).unwrap(),
    );
    let covered =
        |picture: &image::RgbaImage| picture.pixels().filter(|pixel| pixel.0[3] > 128).count();
    assert!(covered(&tinted) > covered(&plain) + 500);
    let [r, g, b, _] = tinted.get_pixel(64, 60).0;
    assert!(g > r && g > b, "{r} {g} {b}");
    let wide = Look {
        outline: 99.0,
        ..looks
    };
    assert!(Sticker::new(&character, &take, wide).is_err());
}

/// The sizes that a platform takes, kept, with what was given up for them said.
#[test]
fn presets_fit() {
    let folder = tempfile::tempdir().unwrap();
    let character = Character::by_name("peach").unwrap();
    let take = take("amusement");
    let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
    for (preset, name) in [
        (Preset::Telegram, "a.tgs"),
        (Preset::Discord, "a.png"),
        (Preset::Emoji, "a.gif"),
    ] {
        let path = folder.path().join(name);
        let Fit { bytes, limit, .. } = write_preset(&path, preset, &sticker, &Silent).unwrap();
        assert!(bytes <= limit);
        assert_eq!(fs::metadata(&path).unwrap().len(), bytes as u64);
    }
    let path = folder.path().join("a.webp");
    let refused = write_preset(&path, Preset::Discord, &sticker, &Silent);
    assert!(matches!(refused, Err(Error::Unfit { .. })) && !path.exists());
    let long = StickerTake {
        frames: take.frames.repeat(4),
        ..take.clone()
    };
    let sticker = Sticker::new(&character, &long, Look::default()).unwrap();
    let path = folder.path().join("long.tgs");
    let refused = write_preset(&path, Preset::Telegram, &sticker, &Silent);
    assert!(matches!(refused, Err(Error::Unfit { .. })) && !path.exists());
}

#[test]
fn films() {
    let folder = tempfile::tempdir().unwrap();
    let character = Character::by_name("drop").unwrap();
    let take = take("sadness");
    let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
    let path = folder.path().join("a.mp4");
    write_mp4(&path, &sticker, SMALL, [200, 220, 255], 2, &Silent).unwrap();
    let film = fs::read(&path).unwrap();
    assert_eq!(&film[4..8], b"ftyp");
    let path = folder.path().join("a.webm");
    match find_ffmpeg() {
        Some(_) => {
            write_webm(&path, &sticker, SMALL, 20, &Silent).unwrap();
            assert_eq!(fs::read(&path).unwrap()[..4], [0x1a, 0x45, 0xdf, 0xa3]);
            let fit = write_preset(
                &folder.path().join("b.webm"),
                Preset::Telegram,
                &sticker,
                &Silent,
            );
            let fit = fit.unwrap();
            assert!(fit.bytes <= 256 << 10 && fit.frames == 60);
        }
        None => {
            eprintln!("skipped: no ffmpeg on the path");
            let refused = write_webm(&path, &sticker, SMALL, 20, &Silent);
            assert!(matches!(refused, Err(Error::NoProgram { .. })) && !path.exists());
        }
    }
}

/// Pushed to its limits in every channel, the face stays in the picture and whole.
#[test]
fn extremes_stay_within_the_picture() {
    for name in Character::names() {
        let character = Character::by_name(name).unwrap();
        for (high, odd) in [(true, false), (false, false), (true, true), (false, true)] {
            let mut pose = Pose::rest();
            for channel in Channel::ALL {
                let spec = channel.spec();
                let up = high != (odd && channel.index() % 2 == 0);
                pose[channel] = if up { spec.most } else { spec.least };
            }
            let take = StickerTake {
                rate: FrameRate::new(24, 1),
                loops: true,
                frames: vec![pose, Pose::rest(), Pose::rest()],
            };
            let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
            let picture = sticker.render(0.0, 64).unwrap();
            assert!(
                picture.pixels().filter(|pixel| pixel.0[3] > 0).count() > 400,
                "{name}"
            );
            serde_json::from_slice::<serde_json::Value>(&lottie(&sticker).unwrap()).unwrap();
        }
    }
}

fn write_samples(folder: &Path) -> Vec<PathBuf> {
    let pairs = [
        ("peach", "amusement"),
        ("cat", "anger"),
        ("ghost", "fear"),
        ("star", "excitement"),
        ("robot", "disgust"),
        ("dog", "sadness"),
    ];
    let mut folders = Vec::new();
    for (name, emotion) in pairs {
        let place = folder.join(format!("{name}-{emotion}"));
        fs::create_dir_all(&place).unwrap();
        let character = Character::by_name(name).unwrap();
        let take = take(emotion);
        let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
        let frames = |per_second: u32| Frames {
            size: 256,
            rate: FrameRate::new(per_second, 1),
        };
        let drawn = frames(24);
        write_png_sequence(&place.join("frame.png"), &sticker, drawn, &Silent).unwrap();
        write_png_sequence(&place.join("lottie.png"), &sticker, frames(30), &Silent).unwrap();
        write_lottie(&place.join("sticker.json"), &sticker).unwrap();
        write_dot_lottie(&place.join("sticker.lottie"), &sticker).unwrap();
        write_webp(
            &place.join("sticker.webp"),
            &sticker,
            drawn,
            Packing::Lossless,
            &Silent,
        )
        .unwrap();
        write_apng(
            &place.join("sticker.png"),
            &sticker,
            drawn,
            Colours::All,
            &Silent,
        )
        .unwrap();
        write_gif(&place.join("sticker.gif"), &sticker, drawn, 256, &Silent).unwrap();
        write_png(&place.join("still.png"), &sticker, 0.5, 256).unwrap();
        folders.push(place);
    }
    folders
}

/// Writes what `tests/python/check_sticker.py` looks at.
#[test]
#[ignore = "writes to AFFETTO_SAMPLES_DIR"]
fn samples() {
    let folder = std::env::var_os("AFFETTO_SAMPLES_DIR").unwrap();
    write_samples(Path::new(&folder));
}

#[test]
fn other_programs_show_the_same() {
    let Some(python) = std::env::var_os("AFFETTO_PYTHON").filter(|python| !python.is_empty())
    else {
        eprintln!(
            "skipped: AFFETTO_PYTHON does not name a Python with the packages of tests/python/requirements.txt"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folders = write_samples(folder.path());
    let output = Command::new(python)
        .arg(root().join("tests/python/check_sticker.py"))
        .args(folders)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
