//! The hundred attributes against published numbers: the twelve sample files of EmoGen, and the medians over the
//! clips of EMOPIA. The files are not part of the repository; where they are not at hand a test says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use affetto_attributes::piece::{Attribute, Piece, Reading, emogen};
use affetto_media::{Limits, midi::read_performance};

/// The files of `<shared>/data/music/<name>.tar.xz` by their names, or nothing where there is no such archive.
fn archive(name: &str) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/music");
    let path = shared.join(format!("{name}.tar.xz"));
    let Ok(file) = File::open(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(liblzma::read::XzDecoder::new(file))
        .entries()
        .unwrap()
    {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(path, bytes);
    }
    Some(files)
}

fn values(bytes: &[u8], reading: Reading) -> Vec<Option<f64>> {
    let performance = read_performance(bytes, &Limits::DEFAULT).unwrap();
    Piece::of(&performance, reading).values()
}

/// Every value of the samples within 0.1 % of the golden one and every bit equal.
#[test]
fn samples_of_emogen() {
    let Some(files) = archive("emogen_tables") else {
        return;
    };
    let root = Path::new("emogen_tables");
    let golden: serde_json::Value =
        serde_json::from_slice(&files[&root.join("sample_midi_attributes.json")]).unwrap();
    let mut worst = (0.0, String::new());
    let mut wrong = Vec::new();
    for (name, expected) in golden["files"].as_object().unwrap() {
        let found = values(
            &files[&root.join("sample_midi").join(name)],
            Reading::Written,
        );
        let bits = emogen::bits(&found);
        let expected_bits = expected["bits"].as_str().unwrap().as_bytes();
        for (index, attribute) in Attribute::ALL[..Attribute::EMOGEN_COUNT].iter().enumerate() {
            assert_eq!(golden["names"][index].as_str(), Some(attribute.name()));
            let value = found[index].unwrap_or(0.0);
            let expected_value = expected["values"][index].as_f64().unwrap();
            let error = (value - expected_value).abs() / expected_value.abs().max(1e-9);
            if error > worst.0 {
                worst = (
                    error,
                    format!("{name} {attribute}: {value} for {expected_value}"),
                );
            }
            if error > 1e-3 || bits[index] != (expected_bits[index] == b'1') {
                wrong.push(format!("{name} {attribute}: {value} for {expected_value}"));
            }
        }
    }
    eprintln!("largest relative difference {:.2e}: {}", worst.0, worst.1);
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}

/// The medians over the clips of EMOPIA's train and val songs lie near those that EmoGen published for all songs.
#[test]
fn medians_of_emopia() {
    let Some(files) = archive("emopia_train_val") else {
        return;
    };
    let clips: Vec<Vec<Option<f64>>> = files
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "mid"))
        .map(|(_, bytes)| values(bytes, Reading::Written))
        .collect();
    let mut far = Vec::new();
    for (attribute, published) in Attribute::ALL.iter().zip(emogen::THRESHOLDS) {
        let mut column: Vec<f64> = clips
            .iter()
            .map(|clip| clip[attribute.index()].unwrap_or(0.0))
            .collect();
        column.sort_by(f64::total_cmp);
        let half = column.len() / 2;
        let median = (column[half] + column[column.len() - half - 1]) / 2.0;
        let difference = (median - published) / published.abs().max(1e-9);
        if difference.abs() > 0.02 {
            far.push(format!(
                "{attribute}: {median:.5} for {published} ({:+.1} %)",
                difference * 100.0
            ));
        }
    }
    eprintln!(
        "{} clips, {} medians differ by more than 2 %: {far:#?}",
        clips.len(),
        far.len()
    );
}
