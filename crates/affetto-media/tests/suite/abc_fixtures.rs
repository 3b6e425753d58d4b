//! Damaged and hostile ABC files are refused with a reason; unusual ones are read.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use affetto_media::{Error, Limits, Mode, Quarters, Role, Score, abc};

use super::q;

fn folder(role: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/fixtures/{role}/abc"))
}

/// Each bad file and what must be said of it.
const BAD: [(&str, &str); 27] = [
    ("empty", "no tune, which begins with X:"),
    ("binary", "a zero byte, so this is not text, at byte 0"),
    ("musicxml", "no tune, which begins with X:"),
    ("no-key", "no key (K:)"),
    ("no-music", "no music, at line 4"),
    ("unclosed-chord", "inside a chord, at line 5"),
    ("unclosed-quote", "a text without its closing \", at line 5"),
    ("unclosed-grace", "grace notes without their }, at line 5"),
    ("unclosed-field", "an inline field without its ], at line 5"),
    ("huge-length", "a note length of 99999/1"),
    (
        "length-over-zero",
        "a note length of 1/0, at line 5, column",
    ),
    ("length-overflow", "a number with more than nine digits"),
    ("length-off-the-grid", "a note length of 1/97"),
    ("tuplets-in-tuplets", "a tuplet inside a tuplet"),
    ("huge-tuplet", "the tuplet (999:999:999"),
    ("metre-zero", "the metre \"0/0\", at line 3"),
    ("metre-unknown", "the metre \"waltz\""),
    (
        "broken-rhythm-endless",
        "a broken rhythm of 35 signs, where 3 are the most",
    ),
    (
        "broken-rhythm-alone",
        "a broken rhythm without a note after it",
    ),
    (
        "voices-out-of-step",
        "4 quarter notes, where voice \"2\" has 3, at bar 2 of voice \"1\"",
    ),
    ("key-unknown", "the key \"Z#foo\""),
    ("key-of-eight-sharps", "the key \"G# major\""),
    (
        "bars-of-rest-endless",
        "999999999 bars, and at most 20000 are read",
    ),
    (
        "octave-too-high",
        "a note that is too high or too low to sound",
    ),
    ("tempo-over-zero", "the tempo \"1/0=120\""),
    ("unit-over-zero", "the unit length \"1/0\""),
    (
        "program-too-high",
        "\"300\" in a MIDI directive, where 0..=127 are possible",
    ),
];

#[test]
fn every_bad_file_is_refused_with_its_reason() {
    let mut untested: BTreeSet<String> = fs::read_dir(folder("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    for (name, reason) in BAD {
        let bytes = fs::read(folder("bad").join(name).with_extension("abc")).unwrap();
        let start = Instant::now();
        let error = abc::read(&bytes, &Limits::DEFAULT).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{name}");
        let message = error.to_string();
        assert!(message.contains(reason), "{name}: {message}");
        assert!(!message.contains('\n'), "{name}");
        assert!(abc::read_all(&bytes, &Limits::DEFAULT).is_err(), "{name}");
        untested.remove(name);
    }
    assert_eq!(untested, BTreeSet::new());
}

/// Refused within a second, whatever the size.
fn refused(text: &[u8]) -> Error {
    let start = Instant::now();
    let error = abc::read(text, &Limits::DEFAULT).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{error}");
    error
}

fn body(music: &str) -> Vec<u8> {
    format!("X:1\nM:4/4\nL:1/8\nK:C\n{music}\n").into_bytes()
}

#[test]
fn huge_files_are_refused_soon() {
    let ten_megabytes = 10 << 20;
    let is_limit = |error: Error| matches!(error, Error::Limit { .. });
    assert!(is_limit(refused(&body(&"C".repeat(ten_megabytes)))));
    assert!(is_limit(refused(&body(&"C|".repeat(ten_megabytes / 2)))));
    assert!(is_limit(refused(&body(
        &"[V:1]z".repeat(ten_megabytes / 6)
    ))));
    assert!(is_limit(refused(&vec![b' '; (16 << 20) + 1])));
    let voices: String = (0..100_000).map(|voice| format!("[V:{voice}]z")).collect();
    assert!(is_limit(refused(&body(&voices))));
    // Chord symbols, sections, tempos and broken rhythms without end.
    let limits = Limits {
        events: 150_000,
        ..Limits::DEFAULT
    };
    for symbol in ["\"C\"c", "[P:a]", "[Q:99]c", "c>c", "[K:D]c", "c-"] {
        let start = Instant::now();
        let error = abc::read(&body(&symbol.repeat(160_000)), &limits).unwrap_err();
        assert!(is_limit(error), "{symbol}");
        assert!(start.elapsed() < Duration::from_secs(5), "{symbol}");
    }
    // Quotes, brackets and braces that are opened again and again.
    for opening in ["\"", "[", "{", "[K:", "(3", "[\"", "!", "+", "^"] {
        let error = refused(&body(&opening.repeat(ten_megabytes / opening.len())));
        assert!(!error.to_string().is_empty());
    }
    let notes = refused(&body(&"[CDEFGABcdefgab]".repeat(60_000)));
    assert!(is_limit(notes));
}

#[test]
fn many_tunes_are_refused_soon() {
    let book = "X:1\nK:C\nC\n\n".repeat(100_000);
    let start = Instant::now();
    let error = abc::read_all(book.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "tunes", .. }));
    assert!(start.elapsed() < Duration::from_secs(5));
    // The first of them can be read all the same.
    assert!(abc::read(book.as_bytes(), &Limits::DEFAULT).is_ok());
}

fn good(name: &str) -> Score {
    let bytes = fs::read(folder("good").join(name).with_extension("abc")).unwrap();
    abc::read(&bytes, &Limits::DEFAULT).unwrap()
}

#[test]
fn other_encodings_are_read() {
    let score = good("latin-1");
    assert_eq!(score.title, "Café au lait");
    assert_eq!((score.bars.len(), score.chords.len()), (2, 2));
    let score = good("byte-order-mark");
    assert_eq!(
        (score.title.as_str(), score.bars.len()),
        ("Byte order mark", 2)
    );
}

#[test]
fn a_voice_that_ends_early_rests() {
    let score = good("voice-ends-early");
    assert_eq!(score.bars.len(), 3);
    assert_eq!(score.parts[1].notes.last().unwrap().end(), q(8, 1));
}

#[test]
fn free_text_is_passed_over() {
    let bytes = fs::read(folder("good").join("free-text.abc")).unwrap();
    let scores = abc::read_all(&bytes, &Limits::DEFAULT).unwrap();
    let titles: Vec<&str> = scores.iter().map(|score| score.title.as_str()).collect();
    assert_eq!(titles, ["First", "Second"]);
    assert_eq!(scores[0].creator, "");
}

#[test]
fn old_line_ends_are_passed_over() {
    assert_eq!(good("old-bang-lines").parts[0].notes.len(), 9);
}

#[test]
fn everything_at_once() {
    let score = good("everything");
    assert_eq!(score.title, "Everything à la carte");
    assert_eq!(score.creator, "Trad., arr. N. N.");
    assert_eq!(score.tempo().bpm().round(), 140.0);
    let key = score.bars[0].key;
    assert_eq!((key.fifths(), key.mode()), (1, Mode::Minor));
    let bars: Vec<String> = score.bars.iter().map(|bar| bar.metre.to_string()).collect();
    assert_eq!(bars, ["2/2", "2/2", "2/2", "2/2", "3/4"]);
    let chords: Vec<String> = score
        .chords
        .iter()
        .map(|change| change.chord.map_or("-".into(), |chord| chord.to_string()))
        .collect();
    assert_eq!(chords, ["Am", "G7", "Dm/F", "-"]);
    let sections: Vec<(Quarters, &str)> = score
        .sections
        .iter()
        .map(|section| (section.onset, section.name.as_str()))
        .collect();
    assert_eq!(sections, [(q(0, 1), "A"), (q(12, 1), "B")]);
    let [fiddle, bass] = &score.parts[..] else {
        panic!("{} parts", score.parts.len())
    };
    assert_eq!(
        (fiddle.name.as_str(), fiddle.role),
        ("Fiddle", Role::Melody)
    );
    assert_eq!((bass.name.as_str(), bass.role), ("Bass", Role::Bass));
    assert_eq!((bass.program, bass.notes.len()), (32, 5));
    // A>B is dotted, the triplet fills a quarter, the grace notes take no time.
    let first: Vec<Quarters> = fiddle.notes[..7].iter().map(|note| note.duration).collect();
    let third = q(1, 3);
    assert_eq!(
        first,
        [q(3, 4), q(1, 4), third, third, third, q(1, 1), q(1, 1)]
    );
    // F is sharp by the signature of A Dorian.
    assert_eq!(fiddle.notes[5].pitch, 78);
}
