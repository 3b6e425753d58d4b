//! Reads a folder of MusicXML files, where one is at hand:
//! `AFFETTO_MUSICXML_DIR=... cargo test -p affetto-media --release --test suite musicxml_corpus -- --ignored --nocapture`
#![allow(clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use affetto_media::{
    Limits, Score,
    musicxml::{self, document::Document},
};

fn score_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            score_files(&path, found);
        } else if path
            .extension()
            .is_some_and(|it| it == "mxl" || it == "musicxml")
        {
            found.push(path);
        }
    }
}

/// The score keeps the rules, and is the same after it is written and read.
fn come_back(file: &Path, document: &Document) {
    let score = document.to_score().unwrap();
    assert_eq!(score.broken_rule(), None, "{}", file.display());
    match musicxml::write(&score) {
        Ok(written) => {
            let read = musicxml::read(&written, &Limits::DEFAULT).unwrap();
            assert!(
                read == score,
                "{}: {:?}",
                file.display(),
                first_difference(&read, &score)
            );
        }
        Err(error) => println!("{}: {error}", file.display()),
    }
}

fn first_difference(read: &Score, score: &Score) -> String {
    let lines = |score: &Score| format!("{score:#?}");
    let (read, score) = (lines(read), lines(score));
    let mut pairs = read.lines().zip(score.lines()).enumerate();
    pairs.find(|(_, (a, b))| a != b).map_or_else(
        || "one is longer".into(),
        |(line, _)| {
            let around = |text: &str| {
                let lines: Vec<&str> = text
                    .lines()
                    .skip(line.saturating_sub(30))
                    .take(60)
                    .collect();
                lines.concat().replace("  ", "")
            };
            format!("{} / {}", around(&read), around(&score))
        },
    )
}

#[test]
#[ignore = "needs AFFETTO_MUSICXML_DIR"]
fn every_file_of_a_folder_is_read() {
    let folder = std::env::var("AFFETTO_MUSICXML_DIR").unwrap();
    let mut files = Vec::new();
    score_files(Path::new(&folder), &mut files);
    files.sort();
    let (mut measures, mut notes, mut harmonies, mut understood) = (0, 0, 0, 0);
    let (mut bytes_read, mut spent, mut failed) = (0, Duration::ZERO, 0);
    for file in &files {
        let bytes = fs::read(file).unwrap();
        bytes_read += bytes.len();
        let start = Instant::now();
        let document = Document::read(&bytes, &Limits::DEFAULT);
        spent += start.elapsed();
        match document {
            Ok(document) => {
                come_back(file, &document);
                for measure in document.parts.iter().flat_map(|part| &part.measures) {
                    measures += 1;
                    notes += measure.notes.len();
                    for harmony in &measure.harmonies {
                        harmonies += 1;
                        let known = harmony.chord.is_some() || harmony.is_no_chord();
                        understood += usize::from(known);
                        if !known {
                            println!("{:?} {:?} {:?}", harmony.root, harmony.kind, harmony.text);
                        }
                    }
                }
            }
            Err(error) => {
                failed += 1;
                println!("{}: {error}", file.display());
            }
        }
    }
    println!(
        "{} files ({bytes_read} bytes) in {spent:?}: {failed} failed; {measures} measures, {notes} \
         notes, {understood} of {harmonies} chord symbols understood",
        files.len(),
    );
    assert_eq!(failed, 0);
}
