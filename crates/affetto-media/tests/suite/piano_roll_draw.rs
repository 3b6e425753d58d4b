//! The piano roll as a picture.
#![allow(clippy::disallowed_methods)]

use affetto_media::{
    Bar, ChordChange, Error, Metre, Note, Part, Quarters, Role, Score, Section, Tempo, TempoChange,
    piano_roll, piano_roll::PianoRoll,
};
use image::{Rgba, RgbaImage};

use super::q;

fn part(role: Role, notes: Vec<Note>) -> Part {
    Part {
        name: role.part_name().into(),
        role,
        program: 0,
        channel: 0,
        notes,
    }
}

/// A waltz of `bars` bars in D minor: a melody that goes up and down, chords, a bass.
fn waltz(bars: usize) -> Score {
    let metre: Metre = "3/4".parse().unwrap();
    let mut score = Score {
        title: "A Waltz for Nobody".into(),
        creator: "Affetto".into(),
        bars: vec![Bar::full(metre, "D minor".parse().unwrap()); bars],
        tempos: vec![TempoChange {
            onset: q(0, 1),
            tempo: Tempo::from_bpm(92.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: Vec::new(),
    };
    let progression = [
        "Dm", "Gm/Bb", "A7", "Dm", "Bbmaj7", "Gm6", "Em7b5", "A7sus4",
    ];
    let steps = [
        62u8, 65, 69, 70, 69, 67, 65, 64, 62, 61, 62, 69, 74, 72, 70, 69,
    ];
    let (mut melody, mut chords, mut bass) = (Vec::new(), Vec::new(), Vec::new());
    let note = |onset: Quarters, pitch: u8, duration: Quarters| Note {
        onset,
        pitch,
        duration,
        velocity: 80,
    };
    for bar in 0..bars {
        let start = q(3 * bar as i64, 1);
        let chord = progression[bar % 8].parse().unwrap();
        score.chords.push(ChordChange {
            onset: start,
            chord: Some(chord),
        });
        if bar % 4 == 3 {
            let next = "A7".parse().unwrap();
            score.chords.push(ChordChange {
                onset: start + 2,
                chord: Some(next),
            });
        }
        for (beat, length) in [(q(0, 1), q(3, 2)), (q(3, 2), q(1, 2)), (q(2, 1), q(1, 1))] {
            melody.push(note(start + beat, steps[melody.len() * 3 % 16], length));
        }
        bass.push(note(
            start,
            38 + (chord.root.pitch_class() + 10) % 12,
            q(1, 1),
        ));
        for beat in 1..3 {
            for class in chord.pitch_classes().into_iter().take(3) {
                chords.push(note(start + beat, 48 + class, q(1, 1)));
            }
        }
    }
    for (index, bar) in (0..bars).step_by(8).enumerate() {
        score.sections.push(Section {
            onset: q(3 * bar as i64, 1),
            name: ["A", "B", "Coda"][index % 3].into(),
        });
    }
    score.parts = vec![
        part(Role::Melody, melody),
        part(Role::Chords, chords),
        part(Role::Bass, bass),
    ];
    score
}

/// Asked and measured: down and up again over the bars, not quite met.
fn valences(bars: usize) -> [Vec<f64>; 2] {
    let asked = |bar: usize| (bar as f64 / bars as f64 * std::f64::consts::TAU).cos();
    [
        (0..bars).map(asked).collect(),
        (0..bars)
            .map(|bar| asked(bar) * 0.9 + 0.06 * (bar as f64).sin())
            .collect(),
    ]
}

fn count(picture: &RgbaImage, colour: [u8; 3]) -> usize {
    let colour = Rgba([colour[0], colour[1], colour[2], 255]);
    picture.pixels().filter(|pixel| **pixel == colour).count()
}

fn drawn(score: &Score) -> RgbaImage {
    piano_roll::draw(&PianoRoll::new(score)).unwrap()
}

#[test]
fn width_is_as_asked_and_height_follows_the_systems() {
    let (short, long) = (waltz(8), waltz(24));
    let one = drawn(&short);
    let three = drawn(&long);
    assert_eq!((one.width(), three.width()), (1600, 1600));
    let (one, three) = (one.height() - 104, three.height() - 104);
    assert!(
        (3 * one - 30..=3 * one + 60).contains(&three),
        "{one} {three}"
    );
    let mut roll = PianoRoll::new(&short);
    roll.width_pixels = 777;
    assert_eq!(piano_roll::draw(&roll).unwrap().width(), 777);
}

#[test]
fn notes_have_their_colours() {
    let score = waltz(8);
    let muted = [0xc9, 0xd0, 0xd8];
    assert!(count(&drawn(&score), [0x2a, 0x7f, 0x8e]) > 5000);
    assert!(count(&drawn(&score), muted) > 5000);
    assert!(count(&drawn(&score.lead_sheet()), muted) == 0);
    // A measured valence of -1 in the last bar only: deep blue there, grey before.
    let mut roll = PianoRoll::new(&score);
    roll.asked_valence = Some(vec![0.0; 8]);
    let grey = piano_roll::draw(&roll).unwrap();
    let blue_in_scale = count(&grey, [0x1c, 0x4f, 0x96]);
    let mut measured = vec![0.0; 8];
    measured[7] = -1.0;
    roll.measured_valence = Some(measured);
    let blue = piano_roll::draw(&roll).unwrap();
    assert!(count(&grey, [0x9a, 0x9a, 0x9a]) > 5000);
    assert!(count(&blue, [0x1c, 0x4f, 0x96]) > blue_in_scale + 1000);
    let deep_blue = Rgba([0x1c, 0x4f, 0x96, 255]);
    let is_left =
        |(x, y, pixel): &(u32, u32, &Rgba<u8>)| *x < 1300 && *y > 104 && **pixel == deep_blue;
    let left_of_last_bar = blue.enumerate_pixels().filter(is_left);
    assert_eq!(left_of_last_bar.count(), 0);
}

/// One whole note of two bars of 4/4: its place follows from the design sizes.
#[test]
fn a_note_stands_where_it_should() {
    let mut score = waltz(2).lead_sheet();
    score.sections.clear();
    score.chords.clear();
    score.parts[0].notes = vec![Note {
        onset: q(3, 1),
        pitch: 60,
        duration: q(3, 1),
        velocity: 80,
    }];
    let picture = drawn(&score);
    // Left edge 64, quarters of 150 pixels; rows 11 high from pitch 72 down.
    let middle = |quarter: u32, pitch: u32| {
        let (x, y) = (64 + quarter * 150 + 75, 104 + (72 - pitch) * 11 + 5);
        picture.get_pixel(x, y).0
    };
    let melody = [0x2a, 0x7f, 0x8e, 255];
    assert_eq!(middle(3, 60), melody);
    assert_eq!(middle(5, 60), melody);
    assert_ne!(middle(2, 60), melody);
    assert_ne!(middle(3, 61), melody);
}

#[test]
fn text_is_drawn() {
    let ink = |score: &Score| {
        let picture = drawn(score);
        count(&picture, [0x1f, 0x29, 0x33])
    };
    let score = waltz(8);
    let mut untitled = score.clone();
    untitled.title.clear();
    assert!(ink(&score) > ink(&untitled) + 300);
    let mut plain = score.clone();
    plain.chords.clear();
    assert!(ink(&score) > ink(&plain) + 300);
}

#[test]
fn the_same_roll_gives_the_same_bytes() {
    let score = waltz(16);
    let [asked, measured] = valences(16);
    let mut roll = PianoRoll::new(&score);
    roll.asked_valence = Some(asked);
    roll.measured_valence = Some(measured);
    let bytes = piano_roll::png(&roll).unwrap();
    assert_eq!(piano_roll::png(&roll).unwrap(), bytes);
    let picture = image::load_from_memory(&bytes).unwrap().into_rgba8();
    assert_eq!(picture, piano_roll::draw(&roll).unwrap());
    let found = affetto_core::sha256_hex(picture.as_raw());
    const EXPECTED: &str = "fbccfffc7662f9fb1cdbe2580edd709eab070a7cd959bba93e92bb81e209e9a5";
    assert_eq!(
        found, EXPECTED,
        "the picture is another one: look at it, and keep this hash"
    );
}

#[test]
fn hard_music_is_drawn() {
    let mut score = waltz(12);
    score.bars[0].length = q(1, 1); // A pick-up; the notes now lie across the bars.
    score.bars[5] = Bar::full("12/8".parse().unwrap(), "F# major".parse().unwrap());
    score.title = "An extraordinarily long title ".repeat(20);
    score.sections[0].name = "The section with the longest name of all ".repeat(5);
    for (index, name) in ["F#m7b5/C#", "Bbmaj13/D", "G7b9", "C#m11"]
        .into_iter()
        .enumerate()
    {
        let onset = q(9, 1) + q(index as i64, 2);
        score.chords.retain(|change| change.onset != onset);
        score.chords.push(ChordChange {
            onset,
            chord: Some(name.parse().unwrap()),
        });
    }
    score.chords.push(ChordChange {
        onset: q(14, 1),
        chord: None,
    });
    score.chords.sort_by_key(|change| change.onset);
    for width in [640, 1600, 3000] {
        let mut roll = PianoRoll::new(&score);
        roll.width_pixels = width;
        roll.asked_valence = Some(valences(12)[0].clone());
        let picture = piano_roll::draw(&roll).unwrap();
        assert!(picture.pixels().all(|pixel| pixel.0[3] == 255));
    }
    let silent = Score {
        parts: Vec::new(),
        chords: Vec::new(),
        ..score
    };
    assert!(drawn(&silent).height() > 200);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let refused = |change: &dyn Fn(&mut PianoRoll<'_>)| {
        let score = waltz(4);
        let mut roll = PianoRoll::new(&score);
        change(&mut roll);
        match piano_roll::png(&roll) {
            Err(error @ Error::Unsupported { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let message = refused(&|roll| roll.asked_valence = Some(vec![0.0; 3]));
    assert_eq!(message, "PNG cannot hold 3 valences for 4 bars");
    refused(&|roll| roll.measured_valence = Some(vec![0.0, 0.0, f64::NAN, 0.0]));
    refused(&|roll| roll.measured_valence = Some(vec![0.0, 0.0, 1.5, 0.0]));
    refused(&|roll| roll.width_pixels = 10);
    refused(&|roll| roll.width_pixels = 100_000);
    let long = waltz(20_000);
    let error = piano_roll::draw(&PianoRoll::new(&long)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("megapixels, where 64 are the most"),
        "{error}"
    );
    let mut empty = waltz(1);
    empty.bars.clear();
    assert!(piano_roll::draw(&PianoRoll::new(&empty)).is_err());
}

#[test]
fn hands_have_two_colours_and_loudness_shows() {
    let score = |velocity: u8| {
        let mut score = waltz(4);
        score.chords.clear();
        score.parts.truncate(2);
        score.parts[0].role = Role::RightHand;
        score.parts[1].role = Role::LeftHand;
        for note in score.parts.iter_mut().flat_map(|part| &mut part.notes) {
            note.velocity = velocity;
        }
        score
    };
    let (soft, loud) = (drawn(&score(40)), drawn(&score(110)));
    // Warm right hand, cold left hand: red over blue, and blue over red, clearly.
    let warm = |picture: &RgbaImage| average(picture, |[red, _, blue]| red > blue + 30);
    let cold = |picture: &RgbaImage| average(picture, |[red, _, blue]| blue > red + 20);
    for of in [&warm as &dyn Fn(&RgbaImage) -> (usize, f64), &cold] {
        let ((soft_count, soft), (loud_count, loud)) = (of(&soft), of(&loud));
        assert!(
            soft_count > 5000 && loud_count > 5000,
            "{soft_count} {loud_count}"
        );
        assert!(loud + 40.0 < soft, "{loud} {soft}");
    }
}

/// How many pixels a rule picks, and how light they are.
fn average(picture: &RgbaImage, rule: impl Fn([i32; 3]) -> bool) -> (usize, f64) {
    let colours = picture
        .pixels()
        .map(|pixel| [0, 1, 2].map(|at| i32::from(pixel[at])));
    let picked: Vec<i32> = colours
        .filter(|colour| rule(*colour))
        .map(|colour| colour.iter().sum())
        .collect();
    let sum: i32 = picked.iter().map(|sum| sum / 3).sum();
    (picked.len(), f64::from(sum) / picked.len().max(1) as f64)
}

#[test]
fn what_was_asked_stands_below_the_title() {
    let score = waltz(4);
    let plain = drawn(&score);
    let asked = PianoRoll {
        asked: Some("valence +0.60".into()),
        ..PianoRoll::new(&score)
    };
    let with = piano_roll::draw(&asked).unwrap();
    let differing = |rows: std::ops::Range<u32>| {
        let pixels = rows.flat_map(|y| (0..plain.width()).map(move |x| (x, y)));
        pixels
            .filter(|(x, y)| plain[(*x, *y)] != with[(*x, *y)])
            .count()
    };
    assert!(differing(50..80) > 100);
    assert_eq!(differing(80..plain.height()), 0);
}
