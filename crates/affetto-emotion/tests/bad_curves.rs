//! Every bad curve file fails with one clear line that names the file.

#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use affetto_core::Hint;
use affetto_emotion::{Curve, Error, MAX_BYTES};

/// File and words of its error.
#[rustfmt::skip]
const EXPECTED: &[(&str, &str)] = &[
    ("array-at-top.json", "schema is absent"),
    ("billion-laughs.yaml", "budget breached"),
    ("binary.json", "not UTF-8 text"),
    ("deep-nesting.json", "recursion limit exceeded"),
    ("deep-nesting.yaml", "recursion limit exceeded"),
    ("duplicate-entries.yaml", "duplicate mapping key: first at line 5"),
    ("duplicate-field.json", "the field \"valence\" is there twice"),
    ("duplicate-times.json", "key 2: at 2, must be after the key before it at 2"),
    ("duplicate-times.yaml", "key second: at 0, must be after the key before it at 0"),
    ("empty-key.json", "key 1: names no value"),
    ("empty-keys.json", "the curve has no keys"),
    ("empty-list.yaml", "the curve has no keys"),
    ("empty.json", "EOF while parsing a value"),
    ("empty.yaml", "unexpected end of input"),
    ("fps-of-bars.json", "only frames have"),
    ("frames-without-fps.json", "names no fps"),
    ("infinite-time.yaml", "key first: time_code is inf"),
    ("label-and-mixture.json", "key 0: both a label and a mixture"),
    ("latin1.json", "not UTF-8 text"),
    ("list-not-map.yaml", "expected mapping start"),
    ("nan.json", "expected value at line 1"),
    ("nan.yaml", "key first: joy is NaN, must be from 0 to 1"),
    ("negative-time.json", "key 0: the position is -1"),
    ("negative-weight.json", "key 0: the weight of joy is -1"),
    ("no-keys.json", "missing field `keys`"),
    ("no-list.yaml", "missing field `emotion_with_timecode_list`"),
    ("no-schema.json", "schema is absent"),
    ("no-time.json", "key 0: not a valid emotion track: missing field `t`"),
    ("null-key.json", "key 1: not a valid emotion track: invalid type: null"),
    ("number-as-text.json", "key 0: not a valid emotion track: invalid type: string \"0\""),
    ("out-of-range.json", "key 1: arousal is 1.01, must be from -1 to 1"),
    ("overflow.json", "number out of range"),
    ("strength-out-of-range.yaml", "emotion_strength is 2, must be from 0 to 1"),
    ("tabs.yaml", "tabs disallowed"),
    ("too-many-keys.json", "20000 keys, at most 10000 are read"),
    ("too-strong.yaml", "key first: joy is 1.5, must be from 0 to 1"),
    ("trailing-garbage.json", "trailing characters at line 2"),
    ("truncated.json", "EOF while parsing a string"),
    ("truncated.yaml", "unclosed bracket"),
    ("two-documents.yaml", "budget breached: Documents"),
    ("unknown-ease.json", "key 0: not a valid emotion track: unknown variant `bounce`"),
    ("unknown-emotion.yaml", "key first: unknown field \"happyness\""),
    ("unknown-entry-field.yaml", "unknown field `emotion`"),
    ("unknown-field.json", "key 1: unknown field \"valnce\""),
    ("unknown-label.json", "key 0: no emotion label \"hapiness\""),
    ("unknown-taxonomy.json", "key 0: no taxonomy \"ekmann\""),
    ("unknown-top-field.json", "unknown field \"interp\""),
    ("unknown-unit.json", "unknown variant `minutes`"),
    ("unsorted-times.json", "key 1: at 2, must be after the key before it at 8"),
    ("wrong-schema.json", "schema is \"emotion-track/9\""),
    ("zero-fps.json", "the frame rate is \"25/0\""),
    ("zero-weights.json", "key 0: no emotion named"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bad/curve")
}

#[test]
fn every_bad_file_is_refused_in_words() {
    for (name, words) in EXPECTED {
        let start = Instant::now();
        let error = Curve::read(folder().join(name)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(words), "{name}: {message}");
        assert!(message.ends_with(name), "{name}: {message}");
        assert!(
            !message.contains('\n') && message.len() < 700,
            "{name}: {message}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{name} took too long"
        );
    }
}

#[test]
fn every_file_of_the_folder_is_expected() {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut expected: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    assert_eq!(files, expected);
}

#[test]
fn hints_reach_through_the_file() {
    let hint = |name: &str| Curve::read(folder().join(name)).unwrap_err().hint();
    assert_eq!(hint("unknown-field.json").unwrap(), "did you mean valence?");
    assert!(hint("unknown-label.json").unwrap().contains("happiness"));
    assert!(
        hint("frames-without-fps.json")
            .unwrap()
            .contains("30000/1001")
    );
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large ♥.json");
    std::fs::write(&path, vec![b' '; MAX_BYTES as usize + 1]).unwrap();
    let error = Curve::read(&path).unwrap_err();
    assert!(matches!(error, Error::Limit(_)));
    assert!(error.to_string().ends_with("large ♥.json"));
}

#[test]
fn a_missing_file_is_named() {
    let error = Curve::read(folder().join("absent.json")).unwrap_err();
    assert!(error.to_string().ends_with("absent.json"));
}
