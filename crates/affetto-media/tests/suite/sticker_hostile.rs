//! Hostile characters and takes of stickers: refused with one line that says what is wrong, in no time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use affetto_emotion::FrameRate;
use affetto_media::{
    Error, Limits,
    sticker::{Character, Look, Pose, Sticker, StickerTake, csv, export::lottie, json},
};

fn bad() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bad/sticker");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn hostile_files_are_refused() {
    let files = bad();
    assert!(files.len() >= 40, "{}", files.len());
    for file in files {
        let begun = Instant::now();
        let bytes = fs::read(&file).unwrap();
        let refused = match file.extension().unwrap().to_str().unwrap() {
            "svg" => Character::read(&file).map(|_| ()),
            "json" => json::read(&bytes, &Limits::DEFAULT).map(|_| ()),
            "csv" => csv::read(&bytes, &Limits::DEFAULT).map(|_| ()),
            other => panic!("{other}"),
        };
        let error = refused.expect_err(&file.display().to_string());
        let said = error.to_string();
        assert!(
            said.lines().count() == 1 && said.len() < 600,
            "{}: {said}",
            file.display()
        );
        assert!(begun.elapsed().as_secs() < 5, "{}", file.display());
    }
}

/// More than a drawing needs, made here rather than kept.
#[test]
fn what_is_too_large_is_refused() {
    let svg = |inner: &str| {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><g id="head">{inner}</g></svg>"#
        )
    };
    let path = format!(r#"<path d="M0 0{}"/>"#, "L1 1".repeat(20_000));
    let points = Character::from_svg("points", svg(&path.repeat(3)).as_bytes());
    assert!(
        matches!(
            points,
            Err(Error::Limit {
                what: "points of paths",
                ..
            })
        ),
        "{points:?}"
    );
    let long = format!(r#"<path d="M0 0{}"/>"#, "L1 1".repeat(70_000));
    let long = Character::from_svg("long", svg(&long).as_bytes());
    assert!(
        matches!(
            long,
            Err(Error::Limit {
                what: "bytes of an attribute",
                ..
            })
        ),
        "{long:?}"
    );
    let spaces = " ".repeat(3 << 20);
    let bytes = Character::from_svg("bytes", svg(&spaces).as_bytes());
    assert!(
        matches!(bytes, Err(Error::Limit { what: "bytes", .. })),
        "{bytes:?}"
    );
}

/// What is left of sound files after bytes were changed, cut out and doubled is drawn or refused.
#[test]
fn damaged_files_do_no_harm() {
    let take = StickerTake {
        rate: FrameRate::new(24, 1),
        loops: true,
        frames: vec![Pose::rest(); 2],
    };
    let table = csv::write(&take).unwrap();
    let object = json::write(&take).unwrap();
    let mut draws = 1_u64;
    let mut below = |limit: usize| {
        draws = draws
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (draws >> 33) as usize % limit.max(1)
    };
    let (mut drawn, mut refused) = (0, 0);
    for round in 0..600 {
        let names: Vec<&str> = Character::names().collect();
        let svg = Character::svg(names[round % names.len()])
            .unwrap()
            .as_bytes();
        let source = [svg, svg, &table, &object][round % 4];
        let mut bytes = source.to_vec();
        for _ in 0..1 + below(4) {
            let (at, length) = (below(bytes.len()), below(40));
            let end = (at + length).min(bytes.len());
            match below(4) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.drain(at..end)),
                2 => bytes.extend_from_within(at..end),
                _ => bytes[at] = b"0123456789.-eNZ<>\"#"[below(19)],
            }
        }
        let sound = match round % 4 {
            0 | 1 => match Character::from_svg("damaged", &bytes) {
                Ok(character) => {
                    let sticker = Sticker::new(&character, &take, Look::default()).unwrap();
                    sticker.render(0.0, 32).unwrap();
                    lottie(&sticker).unwrap();
                    true
                }
                Err(_) => false,
            },
            2 => csv::read(&bytes, &Limits::DEFAULT).is_ok(),
            _ => json::read(&bytes, &Limits::DEFAULT).is_ok(),
        };
        *(if sound { &mut drawn } else { &mut refused }) += 1;
    }
    assert!(drawn > 20 && refused > 50, "{drawn} {refused}");
}

/// A drawing with nothing but a head is enough, and what is nearly a name is pointed out.
#[test]
fn a_plain_drawing_is_a_character() {
    let svg = r##"<?xml version="1.0"?>
        <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
        <svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">
        <g id="layer1"><g id="head"><circle cx="150" cy="100" r="80" fill="#f80"/></g><g id="eye-left"><circle r="9"/></g></g>
        </svg>"##;
    let character = Character::from_svg("mascot", svg.as_bytes()).unwrap();
    let found = character.found();
    assert_eq!(found.used, ["head"]);
    assert!(found.missing.iter().any(|(name, _)| *name == "anchor_head"));
    assert!(
        found
            .ignored
            .iter()
            .any(|line| line.contains("did you mean eye_l")),
        "{found:?}"
    );
}
