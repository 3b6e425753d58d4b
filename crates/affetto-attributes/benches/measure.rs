//! Files a second, on generated piano files of 2,000 notes: reading, writing, and all 112 attributes.
//!
//!     cargo bench -p affetto-attributes --bench measure

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;

use affetto_attributes::piece::{Piece, Reading, measure_files};
use affetto_core::{Seed, Silent};
use affetto_media::{
    Bar, Key, Limits, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange,
    midi::{read, read_performance, write},
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const NOTES: usize = 2000;

/// A hand of chords and a hand of runs, with the durations and velocities of somebody who plays.
fn score() -> Score {
    let mut rng = Seed(5).rng();
    let mut at = Quarters::from_integer(0);
    let mut notes = Vec::with_capacity(NOTES);
    while notes.len() < NOTES {
        let voices = 1 + rng.below(3);
        for voice in 0..voices.min(NOTES - notes.len()) {
            notes.push(Note {
                onset: at,
                pitch: (36 + 20 * voice + rng.below(24)) as u8,
                duration: Quarters::new(1 + rng.below(960) as i64, 240),
                velocity: (40 + rng.below(60)) as u8,
            });
        }
        at += Quarters::new(60 + rng.below(180) as i64, 480);
    }
    let end = notes.iter().map(Note::end).max().unwrap();
    notes.sort();
    notes.dedup_by_key(|note| (note.onset, note.pitch));
    let bars = (end / 4).ceil().to_integer() as usize;
    Score {
        title: "Generated".into(),
        creator: String::new(),
        bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); bars],
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(120.0),
        }],
        chords: vec![],
        sections: vec![],
        parts: vec![Part {
            name: "Piano".into(),
            role: Role::Other,
            program: 0,
            channel: 0,
            notes,
        }],
    }
}

#[divan::bench]
fn write_midi(bencher: Bencher) {
    let score = score();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| write(divan::black_box(&score)).unwrap());
}

#[divan::bench]
fn read_midi_as_score(bencher: Bencher) {
    let bytes = write(&score()).unwrap();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| read(divan::black_box(&bytes), &Limits::DEFAULT).unwrap());
}

#[divan::bench]
fn read_midi_as_performance(bencher: Bencher) {
    let bytes = write(&score()).unwrap();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| read_performance(divan::black_box(&bytes), &Limits::DEFAULT).unwrap());
}

#[divan::bench(args = Reading::ALL.map(Reading::name))]
fn measure(bencher: Bencher, reading: &str) {
    let reading = Reading::ALL
        .into_iter()
        .find(|one| one.name() == reading)
        .unwrap();
    let performance = read_performance(&write(&score()).unwrap(), &Limits::DEFAULT).unwrap();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| Piece::of(divan::black_box(&performance), reading).values());
}

/// From files, on all cores.
#[divan::bench(sample_count = 10)]
fn measure_512_files(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = write(&score()).unwrap();
    let paths: Vec<PathBuf> = (0..512)
        .map(|index| folder.path().join(format!("{index}.mid")))
        .collect();
    for path in &paths {
        std::fs::write(path, &bytes).unwrap();
    }
    bencher
        .counter(ItemsCount::new(paths.len()))
        .bench_local(|| {
            measure_files(&paths, Reading::Written, &Silent, |_, outcome| {
                outcome.map(|values| drop(divan::black_box(values)))
            })
        });
}
