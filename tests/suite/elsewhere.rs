//! Files as other programs read them: MIDI by mido, MusicXML by music21 and Verovio.
//!
//! `AFFETTO_PYTHON` names a Python that has the packages of `tests/python/requirements.txt`; without it these tests say
//! that they are skipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use affetto::{LeadSheetRequest, Models, Seed, Silent, compose, media};

use crate::{metadata::root, random_requests::candidates};

fn python() -> Option<PathBuf> {
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
        pickup: (at % 2 == 1).then(|| media::Quarters::new(1, 2)),
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

fn write(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let models = Models::embedded().unwrap();
    let (mut midi, mut xml) = (Vec::new(), Vec::new());
    for (at, request) in requests().iter().enumerate() {
        let request = LeadSheetRequest {
            candidates: candidates(),
            ..request.clone()
        };
        let score = compose(&request, &models, &Silent).unwrap().score;
        let path = |extension: &str| folder.join(format!("piece-{at}.{extension}"));
        fs::write(path("json"), serde_json::to_vec(&score).unwrap()).unwrap();
        fs::write(path("mid"), media::midi::write(&score).unwrap()).unwrap();
        fs::write(path("musicxml"), media::musicxml::write(&score).unwrap()).unwrap();
        midi.push(path("mid"));
        xml.push(path("musicxml"));
    }
    (midi, xml)
}

fn check(python: &Path, script: &str, files: &[PathBuf]) {
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

#[test]
fn other_programs_read_the_same_music() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (midi, xml) = write(folder.path());
    check(&python, "check_midi.py", &midi);
    check(&python, "check_musicxml.py", &xml);
}
