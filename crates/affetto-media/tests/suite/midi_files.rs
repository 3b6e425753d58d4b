//! MIDI files worked out by hand, byte by byte.

use affetto_media::{
    Bar, Error, Key, Limits, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange, midi,
};

pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend((data.len() as u32).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A file of these tracks; each gets its end mark.
fn file(format: u8, division: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let [high, low] = division.to_be_bytes();
    let mut bytes = chunk(b"MThd", &[0, format, 0, tracks.len() as u8, high, low]);
    for track in tracks {
        bytes.extend(chunk(b"MTrk", &[track, &b"\0\xff\x2f\0"[..]].concat()));
    }
    bytes
}

fn read(bytes: &[u8]) -> Score {
    let score = midi::read(bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(score.broken_rule(), None);
    score
}

/// Onset and duration in 96ths of a quarter, and pitch.
fn places(part: &Part) -> Vec<(i64, i64, u8)> {
    let ticks = |time: Quarters| (time * 96).to_integer();
    let notes = part.notes.iter();
    notes
        .map(|note| (ticks(note.onset), ticks(note.duration), note.pitch))
        .collect()
}

fn metre(text: &str) -> Metre {
    text.parse().unwrap()
}

/// A waltz with a pick-up of one quarter, byte for byte.
#[test]
fn a_pick_up_opens_as_a_bar_of_its_own_length() {
    let waltz = Bar::full(metre("3/4"), "D minor".parse().unwrap());
    let pick_up = Bar {
        length: 1.into(),
        ..waltz
    };
    let score = Score {
        title: "W".into(),
        creator: String::new(),
        bars: vec![pick_up, waltz],
        tempos: vec![TempoChange {
            onset: 0.into(),
            tempo: Tempo::from_bpm(120.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 40,
            channel: 2,
            notes: vec![Note {
                onset: 0.into(),
                pitch: 69,
                duration: 1.into(),
                velocity: 80,
            }],
        }],
    };
    let conductor = [
        &b"\0\xff\x03\x01W"[..],
        b"\0\xff\x58\x04\x01\x02\x18\x08", // 1/4
        b"\0\xff\x01\x0aMetre: 3/4",
        b"\0\xff\x59\x02\xff\x01",     // one flat, minor
        b"\0\xff\x51\x03\x07\xa1\x20", // 500,000 microseconds
        b"\x83\x60\xff\x58\x04\x03\x02\x18\x08",
        b"\x8b\x20\xff\x2f\0", // 1440 ticks later
    ]
    .concat();
    let part = [
        &b"\0\xff\x03\x06Melody"[..],
        b"\0\xff\x04\x06Violin",
        b"\0\xff\x01\x0cRole: melody",
        b"\0\xc2\x28",
        b"\0\x92\x45\x50",
        b"\x83\x60\x82\x45\x40",
        b"\x8b\x20\xff\x2f\0",
    ]
    .concat();
    let expected = [
        chunk(b"MThd", &[0, 1, 0, 2, 0x01, 0xe0]),
        chunk(b"MTrk", &conductor),
        chunk(b"MTrk", &part),
    ]
    .concat();
    assert_eq!(midi::write(&score).unwrap(), expected);
    assert_eq!(read(&expected), score);
}

#[test]
fn a_beat_of_six_eight_clicks_every_dotted_quarter() {
    let mut score = read(&file(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]));
    score.bars = vec![Bar::full(metre("6/8"), Key::C_MAJOR)];
    let bytes = midi::write(&score).unwrap();
    let event = b"\xff\x58\x04\x06\x03\x24\x08";
    assert!(bytes.windows(event.len()).any(|window| window == event));
}

#[test]
fn format_0_is_split_by_channel_and_running_status_holds() {
    let track = [
        &b"\0\xff\x03\x04Song"[..],
        b"\0\xc1\x20",
        b"\0\x90\x48\x40\x30\x48\0\0\x4a\x40\x30\x4a\0", // two eighths on channel 0
        b"\0\x91\x24\x50\x60\x24\0",                     // a quarter on channel 1
        b"\0\x99\x26\x50\x10\x26\0",                     // a drum
    ]
    .concat();
    let score = read(&file(0, 96, &[&track]));
    assert_eq!(score.title, "Song");
    let summary: Vec<_> = score
        .parts
        .iter()
        .map(|part| (part.role, part.channel, part.program))
        .collect();
    assert_eq!(
        summary,
        [
            (Role::Melody, 0, 0),
            (Role::Bass, 1, 32),
            (Role::Other, 9, 0)
        ]
    );
    assert_eq!(places(&score.parts[0]), [(0, 48, 72), (48, 48, 74)]);
    assert_eq!(places(&score.parts[1]), [(96, 96, 36)]);
    assert_eq!(score.bars, [Bar::full(Metre::COMMON, Key::C_MAJOR)]);
    assert_eq!(score.tempo(), Tempo::from_bpm(120.0));
}

#[test]
fn two_tracks_of_one_channel_become_two_parts_of_two() {
    let right: &[u8] = b"\0\xff\x03\x05Right\0\x90\x48\x40\x60\x48\0";
    let left: &[u8] = b"\0\xff\x03\x04Left\0\x90\x34\x40\0\x37\x40\x60\x34\0\0\x37\0";
    let score = read(&file(1, 96, &[left, right]));
    let summary: Vec<_> = (score.parts.iter())
        .map(|part| (part.name.as_str(), part.role, part.channel))
        .collect();
    assert_eq!(
        summary,
        [("Right", Role::Melody, 0), ("Left", Role::Chords, 1)]
    );
    assert!(midi::write(&score).is_ok());
}

#[test]
fn notes_are_paired_first_in_first_out_and_closed_at_the_end() {
    let track = [
        &b"\0\x90\x3c\x40"[..], // struck at 0
        b"\x30\x3c\x50",        // and again at 48
        b"\x30\x3c\0",          // the first one ends at 96: cut at 48
        b"\x30\x3c\0",          // the second at 144
        b"\0\x3e\x40\0\x3e\0",  // no length: dropped
        b"\0\x40\x40",          // never ended
        b"\x30\x41\0",          // never begun; the track ends at 192
    ]
    .concat();
    let score = read(&file(1, 96, &[&track]));
    assert_eq!(
        places(&score.parts[0]),
        [(0, 48, 60), (48, 96, 60), (144, 48, 64)]
    );
}

#[test]
fn a_change_of_metre_inside_a_bar_ends_it() {
    let track = [
        &b"\0\xff\x58\x04\x03\x02\x18\x08"[..], // 3/4
        b"\x60\xff\x58\x04\x03\x02\x18\x08",    // the same inside a bar: nothing
        b"\x83\x00\xff\x59\x02\x02\0", // two sharps inside the second bar: from the third on
        b"\0\xff\x58\x04\x06\x03\x24\x08", // 6/8 after 5 quarters (480 ticks)
        b"\0\x90\x3c\x40\x60\x3c\0",
    ]
    .concat();
    let score = read(&file(1, 96, &[&track]));
    let bars: Vec<_> = (score.bars.iter())
        .map(|bar| (bar.metre.to_string(), bar.length * 2, bar.key.fifths()))
        .collect();
    let expected = [("3/4", 6, 0), ("3/4", 4, 0), ("6/8", 6, 2)];
    let expected =
        expected.map(|(metre, eighths, fifths)| (metre.to_string(), eighths.into(), fifths));
    assert_eq!(bars, expected);
}

#[test]
fn markers_are_chords_or_sections() {
    let track = [
        &b"\0\xff\x06\x09Section A"[..],
        b"\0\xff\x06\x05Cmaj7",
        b"\x60\xff\x06\x05Cmaj7",
        b"\x60\xff\x06\x04N.C.",
        b"\x30\xff\x06\x06Bridge",
        b"\x30\xff\x06\x05D7/F#",
        b"\x60\xff\x06\x03End",
    ]
    .concat();
    let score = read(&file(1, 96, &[&track]));
    let chords: Vec<_> = (score.chords.iter())
        .map(|change| {
            (
                change.onset.to_integer(),
                change.chord.map(|chord| chord.to_string()),
            )
        })
        .collect();
    assert_eq!(
        chords,
        [
            (0, Some("Cmaj7".into())),
            (2, None),
            (3, Some("D7/F#".into()))
        ]
    );
    let sections: Vec<_> = (score.sections.iter())
        .map(|section| (section.onset.to_integer(), section.name.as_str()))
        .collect();
    assert_eq!(sections, [(0, "A"), (0, "Bridge")]);
    assert_eq!(score.bars.len(), 1);
}

/// At 25 frames of 40 ticks, a tick is a millisecond; at 120 bpm a quarter is 500 of them.
#[test]
fn smpte_time_is_read_at_the_default_tempo() {
    let track = b"\0\xff\x51\x03\x0f\x42\x40\x83\x74\x90\x3c\x40\x81\x7a\x3c\0";
    let score = read(&file(1, 0xe728, &[track]));
    let note = score.parts[0].notes[0];
    assert_eq!((note.onset, note.duration), (1.into(), Quarters::new(1, 2)));
    assert_eq!(score.tempos.len(), 1);
    assert_eq!(score.tempo(), Tempo::from_bpm(120.0));
    // 30/1.001 frames of 100 ticks: 2 * 1001 / 3,000,000 quarters each.
    let score = read(&file(1, 0xe364, &[b"\0\x90\x3c\x40\x64\x3c\0"]));
    assert_eq!(
        score.parts[0].notes[0].duration,
        Quarters::new(1001, 15_000)
    );
}

#[test]
fn midi_inside_riff_is_read() {
    let inner = file(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]);
    let mut riff = b"RIFF\0\0\0\0RMIDDISP\x03\0\0\0abc\0data".to_vec();
    riff.extend((inner.len() as u32).to_le_bytes());
    riff.extend(&inner);
    assert_eq!(read(&riff), read(&inner));
}

#[test]
fn what_a_file_cannot_hold_is_refused() {
    let mut score = read(&file(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]));
    let refusal = |score: &Score| match midi::write(score) {
        Err(Error::Unsupported { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    score.parts.push(score.parts[0].clone());
    assert_eq!(
        refusal(&score),
        "two parts on channel 0: \"Melody\" and \"Melody\""
    );
    score.parts.pop();
    score.bars[0].length = Quarters::new(13, 3);
    assert_eq!(refusal(&score), "bar 1 of 13/3 quarters");
    score.bars.clear();
    assert_eq!(refusal(&score), "a score with no bars");
}

#[test]
fn a_played_rhythm_goes_to_sixteenths_or_triplets() {
    // Played onsets in 480ths; the second quarter is a triplet.
    let onsets = [5_i64, 114, 243, 355, 482, 645, 795, 970];
    let mut score = read(&file(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]));
    let template = score.parts[0].notes[0];
    score.parts[0].notes = (onsets.iter())
        .map(|onset| Note {
            onset: Quarters::new(*onset, 480),
            duration: Quarters::new(100, 480),
            ..template
        })
        .collect();
    let quantised = midi::quantise(&score, &midi::PLAYED_GRID);
    let onsets: Vec<_> = (quantised.parts[0].notes.iter())
        .map(|note| (note.onset * 12).to_integer())
        .collect();
    assert_eq!(onsets, [0, 3, 6, 9, 12, 16, 20, 24]);
    let durations: Vec<_> = (quantised.parts[0].notes.iter())
        .map(|note| (note.duration * 12).to_integer())
        .collect();
    assert_eq!(durations, [3, 3, 3, 3, 4, 4, 4, 3]);
}

/// A pick-up that no sixteenth divides: nothing moves past its end.
#[test]
fn quantised_notes_stay_in_their_bar() {
    let mut score = read(&file(0, 96, &[b"\0\x90\x3c\x40\x60\x3c\0"]));
    score.bars.insert(
        0,
        Bar {
            length: Quarters::new(1, 3),
            ..score.bars[0]
        },
    );
    let template = score.parts[0].notes[0];
    score.parts[0].notes = vec![Note {
        onset: Quarters::new(1, 30),
        duration: Quarters::new(29, 90),
        ..template
    }];
    let note = midi::quantise(&score, &[Quarters::new(1, 4)]).parts[0].notes[0];
    assert_eq!((note.onset, note.end()), (0.into(), Quarters::new(1, 3)));
}

/// 27,959 is no divisor of a multiple of 480 that a file can say; the file's own division stays.
#[test]
fn a_foreign_division_is_kept_where_480_would_round() {
    let score = read(&file(0, 27_959, &[b"\0\x90\x3c\x40\x07\x3c\0"]));
    let bytes = midi::write(&score).unwrap();
    assert_eq!(bytes[12..14], 27_959_u16.to_be_bytes());
    assert_eq!(read(&bytes), score);
    // Five times 101 is at least as fine as 480.
    let score = read(&file(0, 101, &[b"\0\x90\x3c\x40\x01\x3c\0"]));
    let bytes = midi::write(&score).unwrap();
    assert_eq!(bytes[12..14], 505_u16.to_be_bytes());
    assert_eq!(read(&bytes), score);
}
