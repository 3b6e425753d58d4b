//! Two hands of a piano, as each format has them.

use affetto_media::{
    Bar, Key, Limits, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange, abc, lilypond,
    midi, musicxml,
};

/// A note in twelfths of a quarter.
fn note(onset: i64, pitch: u8, duration: i64, velocity: u8) -> Note {
    Note {
        onset: Quarters::new(onset, 12),
        pitch,
        duration: Quarters::new(duration, 12),
        velocity,
    }
}

fn part(role: Role, channel: u8, mut notes: Vec<Note>) -> Part {
    notes.sort_unstable();
    Part {
        name: role.part_name().into(),
        role,
        program: 0,
        channel,
        notes,
    }
}

/// Two bars of 3/4: notes of odd lengths, several lines in each hand, hands that cross.
fn piano() -> Score {
    let right = vec![
        note(0, 72, 30, 80),
        note(0, 67, 5, 60),
        note(5, 69, 7, 62),
        note(5, 76, 2, 90),
        note(12, 64, 36, 50),
        note(31, 71, 11, 75),
        note(42, 74, 30, 99),
        note(42, 57, 1, 20),
    ];
    let left = vec![
        note(0, 36, 36, 70),
        note(4, 48, 4, 55),
        note(8, 52, 28, 56),
        note(20, 62, 3, 57),
        note(36, 41, 36, 71),
        note(36, 53, 25, 58),
        note(40, 57, 32, 59),
    ];
    let metre = Metre::new(3, 4).unwrap();
    let key: Key = "Eb major".parse().unwrap();
    Score {
        title: "Two hands".into(),
        creator: String::new(),
        bars: vec![Bar::full(metre, key); 2],
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(90.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: vec![
            part(Role::RightHand, 0, right),
            part(Role::LeftHand, 1, left),
        ],
    }
}

fn count(text: &str, word: &str) -> usize {
    text.matches(word).count()
}

/// The text of each `<name>` element.
fn leaves<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rests = text.split(open.as_str()).skip(1);
    rests
        .map(|rest| rest.split(close.as_str()).next().unwrap())
        .collect()
}

#[test]
fn musicxml_has_one_part_on_two_staves() {
    let score = piano();
    let text = String::from_utf8(musicxml::write(&score).unwrap()).unwrap();
    assert_eq!(count(&text, "<score-part "), 1);
    assert_eq!(count(&text, "<part "), 1);
    assert_eq!(leaves(&text, "part-name"), ["Piano"]);
    assert_eq!(leaves(&text, "staves"), ["2"]);
    assert_eq!(leaves(&text, "sign"), ["G", "F"]);
    let notes = leaves(
        &text.replace("<note dynamics", "<note><note dynamics"),
        "note",
    )
    .len();
    assert_eq!(
        notes,
        count(&text, "<note>") + count(&text, "<note dynamics")
    );
    assert_eq!(
        leaves(&text, "staff").len(),
        notes,
        "each note has its staff"
    );
    let voices: Vec<usize> = leaves(&text, "voice")
        .iter()
        .map(|voice| voice.parse().unwrap())
        .collect();
    for (voice, staff) in voices.iter().zip(leaves(&text, "staff")) {
        assert_eq!(staff, if *voice > 4 { "2" } else { "1" }, "voice {voice}");
    }
    assert!(voices.contains(&5) && voices.contains(&6));
    assert_eq!(
        musicxml::read(text.as_bytes(), &Limits::DEFAULT).unwrap(),
        score
    );
}

/// A bar of 3/4 in which keys are let go early, the second one early and the third one late.
fn played() -> Score {
    let mut score = piano();
    score.bars.truncate(1);
    let right = [(0, 8, 72), (11, 3, 74), (25, 10, 76)];
    let right = right.map(|(onset, duration, pitch)| note(onset, pitch, duration, 80));
    score.parts[0].notes = right.to_vec();
    score.parts[1].notes.clear();
    score
}

#[test]
fn musicxml_is_written_in_score_time_and_says_how_it_is_played() {
    let text = String::from_utf8(musicxml::write(&played()).unwrap()).unwrap();
    assert_eq!(leaves(&text, "divisions"), ["12"]);
    let written = text.replace(" dynamics=\"88.89\"", "");
    for note in [
        "<note release=\"-4\">",
        "<note attack=\"-1\" release=\"-4\">",
        "<note attack=\"1\" release=\"-1\">",
    ] {
        assert_eq!(count(&written, note), 1, "{note}\n{written}");
    }
    let values = ["quarter", "eighth", "eighth", "quarter"];
    assert_eq!(leaves(&text, "type"), values);
    assert_eq!(count(&text, "<time-modification>"), 0);
    // What sounds for no more than half of its value.
    assert_eq!(count(&text, "<staccato/>"), 1);
    assert_eq!(count(&text, "<mf/>"), 1);
}

#[test]
fn lilypond_is_written_in_score_time() {
    let text = String::from_utf8(lilypond::write(&played()).unwrap()).unwrap();
    assert!(
        text.contains("partA = {\n  <>\\mf c''4 d''8-. r8 e''4 |\n}"),
        "{text}"
    );
}

/// A tune of another program is what stands in it, whatever its playback does.
#[test]
fn only_hands_are_read_as_they_are_played() {
    let text = String::from_utf8(musicxml::write(&played()).unwrap()).unwrap();
    let elsewhere = text.replace("affetto-staff", "other-staff");
    let read = musicxml::read(elsewhere.as_bytes(), &Limits::DEFAULT).unwrap();
    let onsets: Vec<Quarters> = read.parts[0].notes.iter().map(|note| note.onset).collect();
    assert_eq!(onsets, [0, 1, 2].map(Quarters::from_integer));
}

#[test]
fn a_hand_with_more_than_four_voices_keeps_the_other_apart() {
    let mut score = piano();
    // One key struck again while it is down, which no chord has.
    let cluster = (0..6).map(|voice| note(0, 60, 36 + 6 * voice, 80));
    score.parts[0].notes = cluster.collect();
    let text = musicxml::write(&score).unwrap();
    assert_eq!(musicxml::read(&text, &Limits::DEFAULT).unwrap(), score);
    let text = String::from_utf8(text).unwrap();
    let staves = leaves(&text, "staff");
    for (voice, staff) in leaves(&text, "voice").iter().zip(staves) {
        let voice: usize = voice.parse().unwrap();
        assert_eq!(staff, if voice > 6 { "2" } else { "1" });
    }
}

#[test]
fn an_empty_hand_is_there() {
    for empty in 0..2 {
        let mut score = piano();
        score.parts[empty].notes.clear();
        let text = musicxml::write(&score).unwrap();
        assert_eq!(musicxml::read(&text, &Limits::DEFAULT).unwrap(), score);
        let read = midi::read(&midi::write(&score).unwrap(), &Limits::DEFAULT).unwrap();
        assert_eq!(read.parts, score.parts);
    }
}

#[test]
fn midi_has_a_track_for_each_hand() {
    let score = piano();
    let bytes = midi::write(&score).unwrap();
    assert_eq!(u16::from_be_bytes([bytes[10], bytes[11]]), 3); // the first one conducts
    let read = midi::read(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(read, score);
}

/// Tracks of other programs are hands by their names.
#[test]
fn hands_are_known_by_name() {
    let mut score = piano();
    for part in &mut score.parts {
        part.role = Role::Other;
    }
    // What a part does is a text event: here with a word that says nothing.
    let mut bytes = midi::write(&score).unwrap();
    while let Some(at) = bytes.windows(5).position(|bytes| bytes == b"Role:") {
        bytes[at..at + 5].copy_from_slice(b"Note:");
    }
    let read = midi::read(&bytes, &Limits::DEFAULT).unwrap();
    let roles: Vec<Role> = read.parts.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::RightHand, Role::LeftHand]);
}

#[test]
fn abc_and_lilypond_brace_the_hands() {
    let mut score = piano();
    let text = String::from_utf8(abc::write(&score).unwrap()).unwrap();
    assert!(text.contains("\n%%score {1 2}\n"), "{text}");
    assert!(text.contains("V:1 clef=treble") && text.contains("V:2 clef=bass"));
    let read = abc::read(text.as_bytes(), &Limits::DEFAULT).unwrap();
    assert_eq!(read, abc::holds(&score));
    let text = String::from_utf8(lilypond::write(&score).unwrap()).unwrap();
    assert_eq!(count(&text, "\\new PianoStaff <<"), 1);
    assert_eq!(count(&text, "\\new Staff"), 2);
    assert!(!text.contains("instrumentName"));
    let melody = part(Role::Melody, 2, vec![note(0, 80, 12, 80)]);
    score.parts.insert(0, melody);
    let text = String::from_utf8(abc::write(&score).unwrap()).unwrap();
    assert!(text.contains("\n%%score 1 {2 3}\n"), "{text}");
    let text = String::from_utf8(lilypond::write(&score).unwrap()).unwrap();
    assert!(text.contains("\\new PianoStaff \\with { instrumentName = \"Piano\" } <<"));
    assert!(text.contains("\\new Staff \\with { instrumentName = \"Melody\" }"));
}

/// Lines that overlap are voices, each with its own note values.
#[test]
fn lilypond_has_voices_within_a_hand() {
    let mut score = piano();
    score.parts[0].notes = vec![
        note(0, 72, 36, 80),
        note(0, 64, 12, 80),
        note(12, 65, 24, 80),
    ];
    score.parts[1].notes = vec![note(0, 48, 36, 80)];
    let text = String::from_utf8(lilypond::write(&score).unwrap()).unwrap();
    for words in [
        "partA = {\n  <>\\mf c''2. |\n  \\oneVoice R1*3/4 |\n",
        "partAVoiceB = {\n  e'4 f'2 |\n  s1*3/4 |\n",
        "partB = {\n  c2. |\n",
        "\\new Voice { \\voiceOne \\partA } \\new Voice { \\voiceTwo \\partAVoiceB } >>",
        "<< \\timeline \\partB >>",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

/// A hand alone, or the left one first, has a part of its own.
#[test]
fn hands_apart_are_parts() {
    let mut score = piano();
    score.parts.reverse();
    let text = musicxml::write(&score).unwrap();
    assert_eq!(musicxml::read(&text, &Limits::DEFAULT).unwrap(), score);
    let text = String::from_utf8(text).unwrap();
    assert_eq!((count(&text, "<part "), count(&text, "<staves>")), (2, 0));
}
