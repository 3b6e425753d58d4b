//! What must hold for every score: `read(write(x)) == holds(x)`.

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Limits, Metre, Mode, Note, Part, PitchName, Quality,
    Quarters, Role, Score, Section, Tempo, TempoChange, abc,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn read(bytes: &[u8]) -> Score {
    match abc::read(bytes, &Limits::DEFAULT) {
        Ok(score) => score,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(bytes)),
    }
}

fn holds_on(score: &Score) -> Result<(), TestCaseError> {
    let held = abc::holds(score);
    prop_assert_eq!(&abc::holds(&held), &held);
    let written = abc::write(score).unwrap();
    prop_assert_eq!(
        &read(&written),
        &held,
        "{}",
        String::from_utf8_lossy(&written)
    );
    Ok(())
}

fn metre() -> impl Strategy<Value = Metre> {
    select(vec![
        "4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8", "5/4", "7/8", "3/2",
    ])
    .prop_map(|text| text.parse().unwrap())
}

fn key() -> impl Strategy<Value = Key> {
    (-7i8..=7, select(vec![Mode::Major, Mode::Minor]))
        .prop_map(|(fifths, mode)| Key::new(fifths, mode).unwrap())
}

fn chord() -> impl Strategy<Value = ChordSymbol> {
    let name = || (-8i8..=12).prop_map(|fifths| PitchName::from_fifths(fifths).unwrap());
    (
        name(),
        select(Quality::ALL.to_vec()),
        option::weighted(0.2, name()),
    )
        .prop_map(|(root, quality, bass)| ChordSymbol {
            root,
            quality,
            bass,
        })
}

/// Durations in quarters: mostly of the usual kinds, some of five and seven.
fn duration() -> impl Strategy<Value = Quarters> {
    let usual = [
        (1, 4),
        (1, 2),
        (1, 2),
        (3, 4),
        (1, 1),
        (1, 1),
        (3, 2),
        (2, 1),
        (3, 1),
        (1, 8),
    ];
    let triplets = [(1, 3), (2, 3), (1, 6), (4, 3)];
    let rare = [(1, 5), (2, 7), (1, 9), (5, 11), (1, 64)];
    prop_oneof![
        12 => select(usual.to_vec()),
        4 => select(triplets.to_vec()),
        1 => select(rare.to_vec()),
    ]
    .prop_map(|(numerator, denominator)| Quarters::new(numerator, denominator))
}

/// Notes end to end, some of them rests.
fn melody(length: usize) -> impl Strategy<Value = Vec<Note>> {
    vec((option::weighted(0.85, 40u8..=95), duration()), 0..length).prop_map(|steps| {
        let mut onset = Quarters::from_integer(0);
        let mut notes = Vec::new();
        for (pitch, duration) in steps {
            if let Some(pitch) = pitch {
                notes.push(Note {
                    onset,
                    pitch,
                    duration,
                    velocity: 90,
                });
            }
            onset += duration;
        }
        notes
    })
}

/// Notes anywhere, also on top of one another.
fn thicket() -> impl Strategy<Value = Vec<Note>> {
    vec((0i64..200, duration(), 0u8..=127, 1u8..=127), 0..30).prop_map(|notes| {
        let note = |(twelfths, duration, pitch, velocity)| Note {
            onset: Quarters::new(twelfths, 12),
            pitch,
            duration,
            velocity,
        };
        let mut notes: Vec<Note> = notes.into_iter().map(note).collect();
        notes.sort_by_key(|note| (note.onset, note.pitch));
        notes
    })
}

fn part() -> impl Strategy<Value = Part> {
    let name = prop_oneof![
        Just("Strings"),
        Just("Violin \"1\" 50% \\ é"),
        Just(""),
        Just("Bass")
    ];
    (
        name,
        select(Role::ALL.to_vec()),
        0u8..=127,
        0u8..16,
        thicket(),
    )
        .prop_map(|(name, role, program, channel, notes)| Part {
            name: name.into(),
            role,
            program,
            channel,
            notes,
        })
}

/// Bars of a few metres and keys, the first one perhaps a pick-up.
fn bars() -> impl Strategy<Value = Vec<Bar>> {
    let stretch = (metre(), key(), 1usize..5);
    (vec(stretch, 1..4), option::of(1i64..8)).prop_map(|(stretches, pickup)| {
        let mut bars: Vec<Bar> = stretches
            .into_iter()
            .flat_map(|(metre, key, count)| vec![Bar::full(metre, key); count])
            .collect();
        if let Some(eighths) = pickup {
            bars[0].length = Quarters::new(eighths, 2).min(bars[0].length);
        }
        bars
    })
}

fn score() -> impl Strategy<Value = Score> {
    let melody = melody(60).prop_map(|notes| Part {
        name: "Melody".into(),
        role: Role::Melody,
        program: 0,
        channel: 0,
        notes,
    });
    let changes = vec((0i64..160, option::weighted(0.85, chord())), 0..20);
    let tempos = vec((0i64..80, 10.0..600.0f64), 0..4);
    let sections = vec(
        (0usize..12, select(vec!["A", "B 100%", "Chorus ]", " x "])),
        0..3,
    );
    let texts = select(vec![
        ("", ""),
        ("Night & Day", "A. N. Other"),
        (" 50% \\ \"x\" \u{e9}\\u0041 ", "\\"),
        ("two\nlines", "C:%"),
    ]);
    let rest = (texts, bars(), tempos, changes, sections, vec(part(), 0..3));
    (melody, rest).prop_map(
        |(melody, (texts, bars, tempos, changes, sections, parts))| {
            let mut score = Score {
                title: texts.0.into(),
                creator: texts.1.into(),
                bars,
                tempos: Vec::new(),
                chords: Vec::new(),
                sections: Vec::new(),
                parts: [vec![melody], parts].concat(),
            };
            score.tempos.push(TempoChange {
                onset: Quarters::from_integer(0),
                tempo: Tempo::from_bpm(111.7),
            });
            for (halves, bpm) in tempos {
                let onset = Quarters::new(halves, 2);
                score.tempos.push(TempoChange {
                    onset,
                    tempo: Tempo::from_bpm(bpm),
                });
            }
            for (sixths, chord) in changes {
                let onset = Quarters::new(sixths, if sixths % 5 == 0 { 6 } else { 4 });
                score.chords.push(ChordChange { onset, chord });
            }
            for (bar, name) in sections {
                let onset = score.bars.iter().take(bar).map(|bar| bar.length).sum();
                score.sections.push(Section {
                    onset,
                    name: name.into(),
                });
            }
            score
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_was_written_is_read(score in score()) {
        holds_on(&score)?;
    }

    #[test]
    fn every_tempo_comes_back(micros in 100_000u32..=6_000_000, metre in metre()) {
        let tempo = Tempo::from_micros_per_quarter(micros);
        let mut score = empty(metre);
        score.tempos[0].tempo = tempo;
        prop_assert_eq!(read(&abc::write(&score).unwrap()).tempo(), tempo);
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = abc::read(&bytes, &Limits::DEFAULT);
    }

    #[test]
    fn music_code_never_panics(music in "[A-Ga-gz|:\\[\\]()0-9/<>\\-\"&{}^_=!,' KMQV\n]{0,120}") {
        let text = format!("X:1\nM:4/4\nK:C\n{music}");
        let _ = abc::read(text.as_bytes(), &Limits::DEFAULT);
        let _ = abc::read_all(text.as_bytes(), &Limits::DEFAULT);
    }
}

fn empty(metre: Metre) -> Score {
    Score {
        title: String::new(),
        creator: String::new(),
        bars: vec![Bar::full(metre, Key::C_MAJOR)],
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(120.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: Vec::new(),
    }
}

/// Every key spells and reads back the whole piano.
#[test]
fn every_pitch_in_every_key() {
    for key in Key::all() {
        let mut score = empty(Metre::COMMON);
        score.bars = vec![Bar::full(Metre::COMMON, key); 32];
        let note = |pitch: u8| Note {
            onset: Quarters::from_integer(i64::from(pitch)),
            pitch,
            duration: Quarters::from_integer(1),
            velocity: abc::VELOCITY,
        };
        score.parts.push(Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: (0..=127).map(note).collect(),
        });
        assert_eq!(read(&abc::write(&score).unwrap()), score, "{key}");
    }
}

/// A score that is within what ABC holds is held unchanged.
#[test]
fn a_lead_sheet_is_held_whole() {
    let mut score = empty("3/4".parse().unwrap());
    let quarters = Quarters::from_integer;
    score.bars = vec![score.bars[0]; 4];
    score.bars[0].length = quarters(1);
    score.parts.push(Part {
        name: "Flute".into(),
        role: Role::Melody,
        program: 73,
        channel: 3,
        notes: vec![Note {
            onset: quarters(0),
            pitch: 66,
            duration: quarters(7),
            velocity: abc::VELOCITY,
        }],
    });
    for (onset, text) in [(1, "D7"), (2, "G/B"), (5, "F#m7b5")] {
        let chord = Some(text.parse().unwrap());
        score.chords.push(ChordChange {
            onset: quarters(onset),
            chord,
        });
    }
    let written = String::from_utf8(abc::write(&score).unwrap()).unwrap();
    assert_eq!(read(written.as_bytes()), score);
    let music = written.split("program 73\n").nth(1).unwrap();
    assert_eq!(
        music,
        "^F2- | \"D7\"^F2- \"G/B\"F4- | ^F2- \"F#m7b5\"F4 | z6 |]\n"
    );
}
