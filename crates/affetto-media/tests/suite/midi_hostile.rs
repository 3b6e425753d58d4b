//! Damaged and hostile MIDI files are refused in one line, at once and without a panic; what the rules of
//! the format forgive is read.
//!
//! The files are made by [`bad`] and [`good`]. To write them again after a change:
//! `cargo test -p affetto-media --test suite midi_hostile -- --ignored`

use std::{fs, path::PathBuf, time::Instant};

use affetto_media::{Limits, Score, midi};

use super::midi_files::chunk;

type File = (&'static str, Vec<u8>, &'static str);

const END: &[u8] = b"\0\xff\x2f\0";
const NOTE: &[u8] = b"\0\x90\x3c\x40\x60\x3c\0"; // a quarter of 96 ticks
const FOREVER: &[u8] = b"\xff\xff\xff\x7f"; // the longest delta, 2^28 - 1 ticks

fn header(format: u16, tracks: u16, division: u16) -> Vec<u8> {
    let words = [format, tracks, division];
    chunk(b"MThd", &words.map(u16::to_be_bytes).concat())
}

/// Header, and one track of these events with an end mark.
fn song(events: &[u8]) -> Vec<u8> {
    song_at(96, events)
}

fn song_at(division: u16, events: &[u8]) -> Vec<u8> {
    let track = chunk(b"MTrk", &[events, END].concat());
    [header(1, 1, division), track].concat()
}

/// A track whose length is claimed, not counted.
fn claimed_track(length: u32, events: &[u8]) -> Vec<u8> {
    [b"MTrk", &length.to_be_bytes()[..], events].concat()
}

fn riff(form: &[u8; 4], kind: &[u8; 4], claimed: u32, data: &[u8]) -> Vec<u8> {
    let size = (12 + data.len() as u32).to_le_bytes();
    [b"RIFF", &size[..], form, kind, &claimed.to_le_bytes(), data].concat()
}

/// A linear congruential generator's bytes (Knuth's MMIX constants).
fn noise(count: usize) -> Vec<u8> {
    let next = |state: &u64| {
        let next = state.wrapping_mul(6_364_136_223_846_793_005);
        Some(next.wrapping_add(1_442_695_040_888_963_407))
    };
    let states = std::iter::successors(Some(1_u64), next);
    states
        .skip(1)
        .take(count)
        .map(|state| (state >> 56) as u8)
        .collect()
}

/// Name, content, and what the refusal says.
fn bad() -> Vec<File> {
    let whole = song(NOTE);
    let end_of_file = whole.len() - 6;
    vec![
        ("empty", vec![], "the file is empty"),
        (
            "text",
            b"Dear composer, this is no music.\n".to_vec(),
            "chunk \"Dear\" claims",
        ),
        (
            "picture",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(),
            "no MIDI chunk",
        ),
        ("noise", noise(512), "no MIDI chunk"),
        ("only-a-track", chunk(b"MTrk", END), "no MThd header"),
        (
            "header-truncated",
            whole[..11].to_vec(),
            "chunk \"MThd\" claims 6 bytes and 3 are left",
        ),
        (
            "header-short",
            chunk(b"MThd", &[0, 1, 0, 1]),
            "a header of fewer than 6 bytes",
        ),
        (
            "header-alone",
            header(1, 1, 96),
            "1 tracks are announced and 0 are there",
        ),
        (
            "track-truncated",
            whole[..end_of_file].to_vec(),
            "bytes and 5 are left",
        ),
        (
            "track-missing",
            [header(1, 3, 96), chunk(b"MTrk", END)].concat(),
            "3 tracks are announced and 1 are there",
        ),
        (
            "track-of-4-gib",
            [header(1, 1, 96), claimed_track(u32::MAX, END)].concat(),
            "claims 4294967295 bytes",
        ),
        (
            "tracks-65535",
            [header(1, u16::MAX, 96), chunk(b"MTrk", END)].concat(),
            "65535 tracks, and at most 256 are read",
        ),
        (
            "format-2",
            [header(2, 1, 96), chunk(b"MTrk", END)].concat(),
            "format 2",
        ),
        (
            "format-7",
            [header(7, 1, 96), chunk(b"MTrk", END)].concat(),
            "format 7",
        ),
        ("division-0", song_at(0, NOTE), "no ticks in a quarter note"),
        (
            "smpte-ticks-0",
            song_at(0xe700, NOTE),
            "no ticks in a SMPTE frame",
        ),
        (
            "smpte-128-frames",
            song_at(0x8028, NOTE),
            "128 SMPTE frames per second",
        ),
        (
            "delta-endless",
            song(&[0xff; 64]),
            "the last event runs over the end",
        ),
        (
            "delta-alone",
            [header(1, 1, 96), chunk(b"MTrk", b"\x83")].concat(),
            "a damaged event",
        ),
        (
            "data-bytes-missing",
            [header(1, 1, 96), chunk(b"MTrk", b"\0\x90\x3c")].concat(),
            "a damaged event",
        ),
        (
            "data-byte-above-127",
            song(b"\0\x90\x3c\x40\x60\x90\xbc\0"),
            "a damaged event",
        ),
        (
            "running-status-without-status",
            song(b"\0\x3c\x40"),
            "a damaged event",
        ),
        (
            "running-status-after-meta",
            song(b"\0\x90\x3c\x40\0\xff\x01\0\x60\x3c\0"),
            "a damaged event",
        ),
        (
            "realtime-event",
            song(b"\0\xf8\0\x90\x3c\x40"),
            "a damaged event",
        ),
        (
            "metre-0-of-1",
            song(b"\0\xff\x58\x04\0\0\x18\x08"),
            "a time signature of 0/2^0",
        ),
        (
            "metre-of-2-to-the-255",
            song(b"\0\xff\x58\x04\x04\xff\x18\x08"),
            "a time signature of 4/2^255",
        ),
        (
            "metre-of-128ths",
            song(b"\0\xff\x58\x04\x04\x07\x18\x08"),
            "a time signature of 4/128",
        ),
        (
            "tempo-0",
            song(b"\0\xff\x51\x03\0\0\0"),
            "a tempo of 0 microseconds",
        ),
        (
            "key-of-100-sharps",
            song(b"\0\xff\x59\x02\x64\0"),
            "a key signature of 100 sharps",
        ),
        ("key-of-no-bytes", song(b"\0\xff\x59\0"), "a damaged event"),
        (
            "text-of-256-mib",
            song(b"\0\xff\x01\xff\xff\xff\x7fHello"),
            "the last event runs over the end",
        ),
        (
            "name-of-256-mib",
            song(b"\0\xff\x03\xff\xff\xff\x7f"),
            "the last event runs over the end",
        ),
        (
            "sysex-unterminated",
            song(b"\0\xf0\x7f\x43\x10\x4c"),
            "the last event runs over the end",
        ),
        (
            "riff-of-sound",
            riff(b"WAVE", b"data", 4, b"\0\0\0\0"),
            "a RIFF file without MIDI",
        ),
        (
            "riff-inside-riff",
            riff(b"RMID", b"data", 18, &riff(b"RMID", b"data", 0, b"")[..18]),
            "chunk \"RIFF\" claims",
        ),
        (
            "riff-truncated",
            riff(b"RMID", b"data", 9999, &whole),
            "chunk \"data\" claims 9999 bytes",
        ),
        (
            "riff-without-data",
            riff(b"RMID", b"LIST", 0, b""),
            "the file ends where a chunk should begin",
        ),
        (
            "two-hundred-million-bars",
            song_at(1, &[FOREVER, &NOTE[1..]].concat()),
            "at most 5120000 are read",
        ),
        (
            "far-end",
            song_at(
                1,
                &[NOTE, FOREVER, b"\xff\x01\0", FOREVER, b"\xff\x01\0"].concat(),
            ),
            "at most 5120000 are read",
        ),
        (
            "never-closed-far-end",
            song_at(96, &[&NOTE[..4], FOREVER, b"\xb0\x40\0"].concat()),
            "bars, and at most 20000 are read",
        ),
    ]
}

/// Name, content, and what is read: parts, notes, bars.
fn good() -> Vec<File> {
    let track = chunk(b"MTrk", &[NOTE, END].concat());
    let long_header = chunk(b"MThd", &[0, 1, 0, 1, 0, 96, 7, 7]);
    let riff = riff(b"RMID", b"data", song(NOTE).len() as u32, &song(NOTE));
    vec![
        ("no-tracks", header(1, 0, 96), "0 parts, 0 notes, 1 bars"),
        (
            "empty-track",
            [header(1, 1, 96), chunk(b"MTrk", b"")].concat(),
            "0 parts, 0 notes, 1 bars",
        ),
        (
            "no-end-mark",
            [header(1, 1, 96), chunk(b"MTrk", NOTE)].concat(),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "events-after-the-end-mark",
            song(&[NOTE, END, NOTE].concat()),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "long-header",
            [long_header, track.clone()].concat(),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "more-tracks-than-announced",
            [header(1, 1, 96), track.clone(), track.clone()].concat(),
            "2 parts, 2 notes, 1 bars",
        ),
        (
            "unknown-chunk",
            [header(1, 1, 96), chunk(b"XFIH", b"abc"), track].concat(),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "padding-after-the-tracks",
            [song(NOTE), vec![0; 100]].concat(),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "never-closed",
            song(&[&NOTE[..4], b"\x8b\x20\xb0\x40\0"].concat()),
            "1 parts, 1 notes, 4 bars",
        ),
        (
            "never-begun",
            song(b"\0\x80\x3c\x40"),
            "0 parts, 0 notes, 1 bars",
        ),
        (
            "unison",
            song(b"\0\x90\x3c\x40\0\x3c\x50\x60\x3c\0\0\x3c\0"),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "unknown-meta",
            song(&[b"\0\xff\x60\x02ab", NOTE].concat()),
            "1 parts, 1 notes, 1 bars",
        ),
        (
            "latin-1-title",
            song(&[&b"\0\xff\x03\x04Caf\xe9"[..], NOTE].concat()),
            "1 parts, 1 notes, 1 bars",
        ),
        ("riff", riff, "1 parts, 1 notes, 1 bars"),
    ]
}

fn path(role: &str, name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    [fixtures, role, "midi", &format!("{name}.mid")]
        .iter()
        .collect()
}

#[test]
#[ignore = "writes the files"]
fn write_the_files() {
    for (role, files) in [("bad", bad()), ("good", good())] {
        fs::create_dir_all(path(role, "").parent().unwrap()).unwrap();
        for (name, bytes, _) in files {
            fs::write(path(role, name), bytes).unwrap();
        }
    }
}

#[test]
fn the_files_are_as_made() {
    for (role, files) in [("bad", bad()), ("good", good())] {
        for (name, bytes, _) in &files {
            assert!(fs::read(path(role, name)).unwrap() == *bytes, "{name}");
        }
        let folder = path(role, "").parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(folder).unwrap().count(), files.len());
    }
}

#[test]
fn bad_files_are_refused_in_one_line() {
    for (name, _, expected) in bad() {
        let bytes = fs::read(path("bad", name)).unwrap();
        let start = Instant::now();
        let message = match midi::read(&bytes, &Limits::DEFAULT) {
            Ok(score) => panic!("{name} is read: {score:?}"),
            Err(error) => error.to_string(),
        };
        let millis = start.elapsed().as_millis();
        assert!(message.contains(expected), "{name}: {message}");
        assert!(
            !message.contains('\n') && message.len() < 160,
            "{name}: {message}"
        );
        assert!(millis < 100, "{name}: {millis} ms");
    }
}

#[test]
fn what_the_rules_forgive_is_read() {
    for (name, _, expected) in good() {
        let bytes = fs::read(path("good", name)).unwrap();
        let score = midi::read(&bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(summary(&score), expected, "{name}");
        assert_eq!(score.broken_rule(), None, "{name}");
    }
}

fn summary(score: &Score) -> String {
    let notes: usize = score.parts.iter().map(|part| part.notes.len()).sum();
    let (parts, bars) = (score.parts.len(), score.bars.len());
    format!("{parts} parts, {notes} notes, {bars} bars")
}

#[test]
fn limits_hold() {
    let read = |limits: Limits| {
        midi::read(&song(&NOTE.repeat(10)), &limits)
            .unwrap_err()
            .to_string()
    };
    let default = Limits::DEFAULT;
    assert_eq!(
        read(Limits {
            bytes: 20,
            ..default
        }),
        "96 bytes, and at most 20 are read"
    );
    assert_eq!(
        read(Limits {
            tracks: 0,
            ..default
        }),
        "1 tracks, and at most 0 are read"
    );
    assert_eq!(
        read(Limits {
            events: 7,
            ..default
        }),
        "8 events, and at most 7 are read"
    );
    assert_eq!(
        read(Limits {
            notes: 5,
            ..default
        }),
        "6 notes, and at most 5 are read"
    );
    assert_eq!(
        read(Limits { bars: 2, ..default }),
        "3 bars, and at most 2 are read"
    );
}
