//! A piano model is trained on anybody's files, stopped, and gone on with.

use std::fs;

use affetto::{
    Seed,
    media::{Key, Metre, midi},
    music::piano::{
        grid::{Span, Struck, place},
        model::{Decoder, Fed},
        tokens::TempoStep,
    },
};

use crate::command::{Place, stderr, words};

/// Sixty pieces of our own, of six bars: so many that each side of the split has some.
pub fn write_pieces(folder: &Place) {
    let songs = folder.path().join("songs");
    fs::create_dir(&songs).unwrap();
    for number in 0..60 {
        let bytes = midi::write(&piece(number)).unwrap();
        fs::write(songs.join(format!("piece {number}.mid")), bytes).unwrap();
    }
}

/// A bass on each bar, a melody that strays over the white keys.
fn piece(number: u64) -> affetto::Score {
    let mut rng = Seed(number).rng();
    let span = |bar: usize| Span {
        metre: Metre::COMMON,
        tempo: TempoStep::of_bpm(90.0 + number as f64),
        onset: 4.0 * bar as f64,
    };
    let mut notes = Vec::new();
    for quarter in 0..24 {
        let onset = f64::from(quarter);
        let mut note = |pitch: u8, length: f64| {
            notes.push(Struck {
                onset,
                end: onset + length,
                pitch,
                velocity: 50 + 3 * (number % 20) as u8,
            });
        };
        note([60, 62, 64, 65, 67, 69, 71, 72][rng.below(8)], 1.0);
        if quarter % 4 == 0 {
            note([36, 41, 43][rng.below(3)], 4.0);
        }
    }
    let spans: Vec<Span> = (0..6).map(span).collect();
    place(&spans, &notes).score(Key::C_MAJOR, "")
}

fn train(place: &Place, more: &str) -> std::process::Output {
    let mut line = words("train piano --size tiny --data songs");
    line.extend(words(more));
    place.command().args(line).output().unwrap()
}

pub fn trained(place: &Place, more: &str) {
    let output = train(place, more);
    assert!(output.status.success(), "{more}\n{}", stderr(&output));
}

const FILES: [&str; 6] = [
    "attribution.md",
    "card.md",
    "config.json",
    "model.safetensors",
    "statistics.json",
    "report.json",
];

#[test]
fn a_training_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let place = Place::new();
    write_pieces(&place);
    trained(&place, "--steps 3 --out some");
    let again = train(&place, "--steps 3 --out some");
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
    assert!(stderr(&again).contains("--resume"));
    trained(&place, "--steps 6 --resume --out some");
    trained(&place, "--steps 6 --out all");
    for name in FILES {
        assert!(
            place.read(&format!("some/{name}")) == place.read(&format!("all/{name}")),
            "{name}"
        );
    }
    trained(&place, "--steps 6 --seed 1 --out other");
    assert!(place.read("some/model.safetensors") != place.read("other/model.safetensors"));
    let report = place.json("some/report.json");
    let songs: u64 = (0..3)
        .map(|side| report["songs"][side].as_u64().unwrap())
        .sum();
    assert_eq!((songs, report["steps"].as_u64()), (60, Some(6)));
    assert!(report["test_loss"]["told"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_was_trained_can_be_read_again() {
    let place = Place::new();
    write_pieces(&place);
    trained(&place, "--steps 1 --out own");
    let decoder = Decoder::read(&place.path().join("own")).unwrap();
    let mut state = decoder.start(&affetto::music::piano::levels::Levels::OPEN);
    let features = vec![0; decoder.config().feature_columns()];
    let fed = Fed {
        token: 1,
        features: &features,
    };
    let scores = decoder.step(&mut state, fed).unwrap();
    assert!(scores.len() == 462 && scores.iter().all(|score| score.is_finite()));
    trained(&place, "--steps 2 --from own --out more");
}

#[test]
fn a_folder_without_music_and_one_with_too_little_are_refused() {
    let place = Place::new();
    fs::create_dir(place.path().join("songs")).unwrap();
    let output = train(&place, "--steps 1 --out no");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let bytes = midi::write(&piece(1)).unwrap();
    fs::write(place.path().join("songs/one.mid"), bytes).unwrap();
    fs::write(place.path().join("songs/bad.mid"), "no music").unwrap();
    let output = train(&place, "--steps 1 --out no");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("bad.mid is left out"),
        "{}",
        stderr(&output)
    );
    assert!(!place.path().join("no").join("card.md").exists());
}

#[test]
fn the_help_has_an_example() {
    let help = Place::new().succeed("train piano --help");
    assert!(help.stderr.is_empty());
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("affetto train piano --data corpora")
    );
}
