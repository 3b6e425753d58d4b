//! Files as other programs read them: MIDI by mido, MusicXML by music21 and Verovio, game files by libsndfile and mutagen.
//!
//! `AFFETTO_PYTHON` names a Python that has the packages of `tests/python/requirements.txt`; without it these tests say
//! that they are skipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use affetto::{
    LeadSheetRequest, Models, Score, Seed, Silent, compose,
    media::{self, Bar, Note, Part, Quarters, Role, Tempo, TempoChange},
};

use crate::{
    command::Place,
    metadata::root,
    random_requests::{Draws, candidates},
};

pub fn python() -> Option<PathBuf> {
    let python = env::var_os("AFFETTO_PYTHON")
        .filter(|python| !python.is_empty())
        .map(PathBuf::from);
    if python.is_none() {
        eprintln!(
            "skipped: AFFETTO_PYTHON does not name a Python with the packages of tests/python/requirements.txt"
        );
    }
    python
}

fn requests() -> Vec<LeadSheetRequest> {
    let metres = ["4/4", "3/4", "2/4", "2/2", "6/8", "12/8"];
    let keys = [
        "D minor", "Bb major", "F# minor", "Ab major", "E minor", "C# major",
    ];
    let request = |(at, (metre, key)): (usize, (&str, &str))| LeadSheetRequest {
        seed: Seed(100 + at as u64),
        title: Some(format!("Piece {at} & \"more\"")),
        meter: Some(metre.parse().unwrap()),
        key: Some(key.parse().unwrap()),
        bars: Some(8 + at),
        pickup: (at % 2 == 1).then(|| Quarters::new(1, 2)),
        form: (at % 3 == 0).then(|| "AABA".parse().unwrap()),
        emotion: affetto::Vad::clamped(0.3 * at as f64 - 0.8, 0.4 * at as f64 - 1.0, 0.0).into(),
        ..LeadSheetRequest::default()
    };
    metres
        .into_iter()
        .zip(keys)
        .enumerate()
        .map(request)
        .collect()
}

fn lead_sheets() -> Vec<Score> {
    let models = Models::embedded().unwrap();
    let score = |request: &LeadSheetRequest| {
        let request = LeadSheetRequest {
            candidates: candidates(),
            ..request.clone()
        };
        compose(&request, &models, &Silent).unwrap().score
    };
    requests().iter().map(score).collect()
}

/// Two hands that play whatever lies on the grid of piano music, several lines each, over a grand staff.
fn piano_pieces() -> Vec<Score> {
    let metres = ["4/4", "3/4", "6/8", "7/8"];
    let keys = ["Eb major", "F# minor", "C major", "Bb minor"];
    let pieces = metres.into_iter().zip(keys).enumerate();
    pieces
        .map(|(at, (metre, key))| piano_piece(at as u64, metre, key))
        .collect()
}

fn piano_piece(seed: u64, metre: &str, key: &str) -> Score {
    let mut draws = Draws::new(seed);
    let bars = vec![Bar::full(metre.parse().unwrap(), key.parse().unwrap()); 6];
    let length: Quarters = bars.iter().map(|bar| bar.length).sum();
    let mut part = |role: Role, channel: u8, lowest: u8| {
        let mut notes = Vec::new();
        for line in 0..3 {
            let mut onset = Quarters::new(draws.below(24) as i64, 12);
            while onset < length {
                let duration = Quarters::new(1 + draws.below(40) as i64, 12);
                notes.push(Note {
                    onset,
                    pitch: lowest + 8 * line + draws.below(7) as u8, // lines never share a pitch
                    duration: duration.min(length - onset),
                    velocity: 30 + draws.below(80) as u8,
                });
                onset += duration + Quarters::new(draws.below(9) as i64, 12);
            }
        }
        notes.sort_unstable();
        Part {
            name: role.part_name().into(),
            role,
            program: 0,
            channel,
            notes,
        }
    };
    Score {
        title: format!("Piano {seed}"),
        creator: String::new(),
        parts: vec![part(Role::RightHand, 0, 60), part(Role::LeftHand, 1, 33)],
        bars,
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(72.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
    }
}

/// Writes scores as JSON, MIDI and MusicXML; the files of the last two.
fn write(folder: &Path, name: &str, scores: &[Score]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut midi, mut xml) = (Vec::new(), Vec::new());
    for (at, score) in scores.iter().enumerate() {
        let path = |extension: &str| folder.join(format!("{name}-{at}.{extension}"));
        fs::write(path("json"), serde_json::to_vec(score).unwrap()).unwrap();
        fs::write(path("mid"), media::midi::write(score).unwrap()).unwrap();
        fs::write(path("musicxml"), media::musicxml::write(score).unwrap()).unwrap();
        midi.push(path("mid"));
        xml.push(path("musicxml"));
    }
    (midi, xml)
}

pub fn check(python: &Path, script: &str, files: &[PathBuf]) {
    let script = root().join("tests/python").join(script);
    let output = Command::new(python)
        .arg(&script)
        .args(files)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}\n{}",
        script.display(),
        String::from_utf8_lossy(&said)
    );
}

fn other_programs_read(name: &str, scores: impl Fn() -> Vec<Score>) {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (midi, xml) = write(folder.path(), name, &scores());
    check(&python, "check_midi.py", &midi);
    check(&python, "check_musicxml.py", &xml);
}

/// Whether mido reads the same notes, bars, key and metre; without it, a word on that.
pub fn mido_reads(name: &str, scores: &[Score]) {
    if let Some(python) = python() {
        let folder = tempfile::tempdir().unwrap();
        let (midi, _) = write(folder.path(), name, scores);
        check(&python, "check_midi.py", &midi);
    }
}

#[test]
fn other_programs_read_the_same_takes() {
    let Some(python) = python() else {
        return;
    };
    let place = Place::new();
    let take = root().join("assets/take.csv");
    place.succeed(&format!(
        "face edit {} --emotion surprise:0.8 --seed 4 -o a.csv -o a.glb -o a.json",
        take.display()
    ));
    let files = ["a.csv", "a.glb"].map(|name| place.path().join(name));
    check(&python, "check_take.py", &files);
}

#[test]
fn other_programs_read_the_same_lead_sheets() {
    other_programs_read("piece", lead_sheets);
}

#[test]
fn other_programs_read_the_same_grand_staves() {
    other_programs_read("piano", piano_pieces);
}
