//! What is written is read back the same.

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Limits, Metre, Note, Part, PitchName, Quality, Quarters,
    Role, Score, Section, Tempo, TempoChange, midi, musicxml,
};
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::ValueTree};

const METRES: [&str; 9] = [
    "4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8", "6/4", "5/4",
];
/// Times are multiples of this part of a quarter note.
const GRID: i64 = 24;

fn grid(ticks: i64) -> Quarters {
    Quarters::new(ticks, GRID)
}

fn ticks(time: Quarters) -> i64 {
    (time * GRID).to_integer()
}

fn key() -> impl Strategy<Value = Key> {
    select(Key::all().collect::<Vec<_>>())
}

fn metre() -> impl Strategy<Value = Metre> {
    select(METRES.map(|metre| metre.parse::<Metre>().unwrap()).to_vec())
}

fn pitch_name() -> impl Strategy<Value = PitchName> {
    (-15_i8..=19).prop_map(|fifths| PitchName::from_fifths(fifths).unwrap())
}

fn chord_symbol() -> impl Strategy<Value = ChordSymbol> {
    let quality = select(Quality::ALL.to_vec());
    let bass = option::weighted(0.3, pitch_name());
    (pitch_name(), quality, bass).prop_map(|(root, quality, bass)| ChordSymbol {
        root,
        quality,
        bass,
    })
}

/// One to eight bars, perhaps with a pick-up, a change of key and metre, and a short last bar.
fn bars() -> impl Strategy<Value = Vec<Bar>> {
    let part = || (key(), metre(), 1..5_usize);
    (
        part(),
        option::weighted(0.3, part()),
        option::of(1..200_i64),
        option::weighted(0.2, 1..200_i64),
    )
        .prop_map(|(first, second, pickup, last)| {
            let mut bars = Vec::new();
            for (key, metre, count) in [Some(first), second].into_iter().flatten() {
                bars.extend(vec![Bar::full(metre, key); count]);
            }
            let shorten = |bar: &mut Bar, by: i64| {
                let full = ticks(bar.metre.length());
                bar.length = grid(1 + by % full);
            };
            if let Some(by) = last {
                shorten(bars.last_mut().unwrap(), by);
            }
            if let Some(by) = pickup {
                let mut bar = bars[0];
                shorten(&mut bar, by);
                if bar.length < bar.metre.length() {
                    bars.insert(0, bar);
                }
            }
            bars
        })
}

/// One note after another; durations in ticks, rests where there is no pitch.
fn line(pitches: std::ops::Range<u8>) -> impl Strategy<Value = Vec<(i64, Option<u8>, u8)>> {
    let usual = select(vec![6, 8, 12, 12, 12, 16, 18, 24, 24, 24, 36, 48, 72, 96]);
    let duration = prop_oneof![4 => usual, 1 => 1..150_i64];
    vec(
        (duration, option::weighted(0.85, pitches), 1..128_u8),
        0..60,
    )
}

fn notes_of_line(line: &[(i64, Option<u8>, u8)], length: i64) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut onset = 0;
    for (duration, pitch, velocity) in line {
        let end = (onset + duration).min(length);
        if let (Some(pitch), true) = (pitch, onset < end) {
            notes.push(Note {
                onset: grid(onset),
                pitch: *pitch,
                duration: grid(end - onset),
                velocity: *velocity,
            });
        }
        onset = end;
    }
    notes
}

fn text() -> impl Strategy<Value = String> {
    "[A-Za-z&<>\"'é♭]{0,3}( [A-Za-z0-9&;]{1,4}){0,2}".prop_map(|text| text.trim().to_owned())
}

fn part(role: Role) -> impl Strategy<Value = Part> {
    let pitches = match role {
        Role::Melody => 55..90,
        Role::Bass => 28..55,
        _ => 12..128,
    };
    let lines = match role {
        Role::Melody => 1..2,
        _ => 1..4_usize,
    };
    (text(), 0..128_u8, 0..16_u8, vec(line(pitches), lines)).prop_map(
        move |(name, program, channel, lines)| {
            // The lengths of the bars are not known yet; `score` cuts the notes.
            let notes = lines.iter().flat_map(|line| notes_of_line(line, i64::MAX));
            Part {
                name,
                role,
                program,
                channel,
                notes: notes.collect(),
            }
        },
    )
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let others = vec(select(vec![Role::Chords, Role::Bass, Role::Other]), 0..3)
        .prop_flat_map(|roles| roles.into_iter().map(part).collect::<Vec<_>>());
    let hands = select(vec![
        vec![],
        vec![Role::RightHand],
        vec![Role::LeftHand, Role::RightHand],
        vec![Role::RightHand, Role::LeftHand],
        vec![Role::RightHand, Role::LeftHand, Role::LeftHand],
    ]);
    let hands = hands.prop_flat_map(|roles| roles.into_iter().map(part).collect::<Vec<_>>());
    (option::weighted(0.7, part(Role::Melody)), hands, others)
        .prop_map(|(melody, hands, others)| melody.into_iter().chain(hands).chain(others).collect())
}

fn cut(part: &mut Part, length: Quarters) {
    part.notes.retain(|note| note.onset < length);
    for note in &mut part.notes {
        note.duration = note.duration.min(length - note.onset);
    }
    part.notes.sort_unstable();
}

fn tempos() -> impl Strategy<Value = Vec<(i64, Tempo)>> {
    let tempo = (100_000_u32..=6_000_000).prop_map(Tempo::from_micros_per_quarter);
    vec((0..800_i64, tempo), 1..4)
}

prop_compose! {
    fn score()(
        title in text(),
        creator in text(),
        bars in bars(),
        parts in parts(),
        tempos in tempos(),
        chords in vec((0..800_i64, option::weighted(0.85, chord_symbol())), 0..20),
        sections in vec((any::<prop::sample::Index>(), text()), 0..3),
    ) -> Score {
        let mut score = Score { title, creator, bars, tempos: vec![], chords: vec![], sections: vec![], parts };
        let length = score.length();
        for part in &mut score.parts {
            cut(part, length);
        }
        score.tempos = tempos
            .into_iter()
            .enumerate()
            .map(|(index, (onset, tempo))| TempoChange {
                onset: if index == 0 { grid(0) } else { grid(onset) },
                tempo,
            })
            .filter(|change| change.onset <= length)
            .collect();
        score.tempos.sort_by_key(|change| change.onset);
        score.tempos.dedup_by_key(|change| change.onset);
        score.chords = chords
            .into_iter()
            .map(|(onset, chord)| ChordChange { onset: grid(onset), chord })
            .filter(|change| change.onset <= length)
            .collect();
        score.chords.sort_by_key(|change| change.onset);
        score.chords.dedup_by_key(|change| change.onset);
        score.chords.dedup_by_key(|change| change.chord);
        let onsets = score.bar_onsets();
        score.sections = sections
            .into_iter()
            .map(|(bar, name)| Section { onset: onsets[bar.index(score.bars.len())], name })
            .filter(|section| !section.name.is_empty())
            .collect();
        score.sections.sort_by_key(|section| section.onset);
        score
    }
}

fn read(bytes: &[u8]) -> Score {
    musicxml::read(bytes, &Limits::DEFAULT).unwrap()
}

proptest! {
    #[test]
    fn a_score_comes_back(score in score()) {
        let written = musicxml::write(&score).unwrap();
        prop_assert_eq!(&read(&written), &score);
        prop_assert_eq!(&read(&musicxml::write_compressed(&score).unwrap()), &score);
    }

    #[test]
    fn a_lead_sheet_comes_back(score in score()) {
        let sheet = score.lead_sheet();
        prop_assert_eq!(&read(&musicxml::write(&sheet).unwrap()), &sheet);
    }

    #[test]
    fn rubbish_never_panics(bytes in vec(any::<u8>(), 0..300)) {
        let _ = musicxml::read(&bytes, &Limits::DEFAULT);
    }

    /// One changed byte gives an error or some other score, which can then be written.
    #[test]
    fn a_changed_byte_never_panics(score in score(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut written = musicxml::write(&score).unwrap();
        let at = at.index(written.len());
        written[at] = byte;
        if let Ok(score) = musicxml::read(&written, &Limits::DEFAULT) {
            prop_assert_eq!(score.broken_rule(), None);
            if let Ok(written) = musicxml::write(&score) {
                prop_assert_eq!(read(&written), score);
            }
        }
    }
}

/// A tune over the whole bar patterns that lead sheets have, in the key, with chords of all kinds.
fn tune(metre: Metre, key: Key, seed: u64) -> Score {
    let mut state = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(99);
    let mut draw = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let beat = ticks(metre.beat());
    let simple: [&[i64]; 7] = [
        &[24],
        &[12, 12],
        &[18, 6],
        &[8, 8, 8],
        &[6, 6, 12],
        &[12, 6, 6],
        &[48],
    ];
    let compound: [&[i64]; 6] = [
        &[36],
        &[24, 12],
        &[12, 12, 12],
        &[18, 6, 12],
        &[12, 24],
        &[72],
    ];
    let mut bars = vec![Bar::full(metre, key); 12];
    let pickup = seed.is_multiple_of(2);
    if pickup {
        bars.insert(
            0,
            Bar {
                length: metre.beat(),
                ..bars[0]
            },
        );
    }
    let length: i64 = bars.iter().map(|bar| ticks(bar.length)).sum();
    let scale: Vec<u8> = (58..80)
        .filter(|pitch| key.spell(pitch % 12).alter.unsigned_abs() <= 1 && in_scale(key, *pitch))
        .collect();
    let (mut onset, mut place) = (0, scale.len() / 2);
    let mut melody = Vec::new();
    while onset < length {
        let pattern = if metre.is_compound() {
            compound[draw(compound.len())]
        } else {
            simple[draw(simple.len())]
        };
        for duration in pattern {
            let duration = (*duration).min(length - onset);
            if duration == 0 {
                break;
            }
            place = (place + draw(5)).saturating_sub(2).min(scale.len() - 1);
            let chromatic = u8::from(draw(12) == 0);
            if draw(10) > 0 {
                melody.push(Note {
                    onset: grid(onset),
                    pitch: scale[place] + chromatic,
                    duration: grid(duration),
                    velocity: 64 + draw(40) as u8,
                });
            }
            onset += duration;
        }
    }
    let mut chords = Vec::new();
    let mut accompaniment = Vec::new();
    let mut bass = Vec::new();
    let start = if pickup { beat } else { 0 };
    let bar_length = ticks(metre.length());
    for bar in 0..12 {
        let onset = start + bar * bar_length;
        let quality = Quality::ALL[(seed as usize * 12 + bar as usize) % Quality::ALL.len()];
        let root = PitchName::from_fifths(key.fifths() + draw(6) as i8 - 1).unwrap();
        let symbol = ChordSymbol {
            root,
            quality,
            bass: (draw(4) == 0).then(|| PitchName::from_fifths(root.fifths() + 1).unwrap()),
        };
        let chord = (bar != 7).then_some(symbol);
        chords.push(ChordChange {
            onset: grid(onset),
            chord,
        });
        if bar % 4 == 3 {
            let passing = ChordSymbol::new(
                PitchName::from_fifths(key.fifths()).unwrap(),
                Quality::Dominant7Flat9,
            );
            chords.push(ChordChange {
                onset: grid(onset + bar_length / 2),
                chord: Some(passing),
            });
        }
        let root_class = root.pitch_class();
        bass.push(Note {
            onset: grid(onset),
            pitch: 36 + root_class,
            duration: grid(bar_length),
            velocity: 80,
        });
        for beat_onset in (0..bar_length).step_by(beat as usize) {
            for class in symbol.pitch_classes() {
                accompaniment.push(Note {
                    onset: grid(onset + beat_onset),
                    pitch: 48 + class,
                    duration: grid(beat),
                    velocity: 60,
                });
            }
        }
    }
    chords.dedup_by_key(|change| change.chord);
    accompaniment.sort_unstable();
    let named = |role: Role, program, channel, notes| Part {
        name: role.part_name().into(),
        role,
        program,
        channel,
        notes,
    };
    let mut parts = vec![named(Role::Melody, 73, 0, melody)];
    if seed.is_multiple_of(3) {
        parts.push(named(Role::Chords, 0, 1, accompaniment));
        parts.push(named(Role::Bass, 32, 2, bass));
    }
    Score {
        title: format!("Study in {key}"),
        creator: "Affetto".into(),
        bars,
        tempos: vec![
            TempoChange {
                onset: grid(0),
                tempo: Tempo::from_bpm(96.0),
            },
            TempoChange {
                onset: grid(start + 8 * bar_length),
                tempo: Tempo::from_bpm(83.7),
            },
        ],
        chords,
        sections: vec![
            Section {
                onset: grid(start),
                name: "A".into(),
            },
            Section {
                onset: grid(start + 8 * bar_length),
                name: "B".into(),
            },
        ],
        parts,
    }
}

fn in_scale(key: Key, pitch: u8) -> bool {
    let major = (i32::from(pitch) - i32::from(key.fifths()) * 7).rem_euclid(12);
    [0, 2, 4, 5, 7, 9, 11].contains(&major)
}

/// Scores for `tests/python/`, each as MusicXML, MIDI and JSON, into `AFFETTO_SAMPLES_DIR`.
#[test]
#[ignore = "writes files for other programs; needs AFFETTO_SAMPLES_DIR"]
fn samples_for_other_programs() {
    let folder = std::path::PathBuf::from(std::env::var("AFFETTO_SAMPLES_DIR").unwrap());
    let write = |name: &str, score: &Score| {
        let json = serde_json::to_vec(score).unwrap();
        std::fs::write(folder.join(format!("{name}.json")), json).unwrap();
        let written = musicxml::write(score).unwrap();
        std::fs::write(folder.join(format!("{name}.musicxml")), written).unwrap();
        // MIDI cannot hold every bar that is not as long as its metre.
        if let Ok(written) = midi::write(score) {
            std::fs::write(folder.join(format!("{name}.mid")), written).unwrap();
        }
    };
    let keys: Vec<Key> = Key::all().collect();
    for seed in 0..18 {
        let metre: Metre = METRES[seed % METRES.len()].parse().unwrap();
        let score = tune(metre, keys[(seed * 7) % keys.len()], seed as u64);
        assert_eq!(read(&musicxml::write(&score).unwrap()), score);
        write(&format!("tune-{seed:02}"), &score);
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for index in 0..12 {
        let tree = score().new_tree(&mut runner).unwrap();
        let mut score = tree.current();
        for (channel, part) in score.parts.iter_mut().enumerate() {
            part.channel = channel as u8;
        }
        write(&format!("random-{index:02}"), &score);
    }
}
