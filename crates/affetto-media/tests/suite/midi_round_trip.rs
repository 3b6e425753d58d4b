//! A MIDI file holds every score: `read(write(score)) == score`.

use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, Limits, Metre, Note, Part, PitchName, Quality, Quarters,
    Role, Score, Section, Tempo, TempoChange, midi,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const METRES: [&str; 9] = [
    "4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8", "5/4", "7/8",
];
const NAMES: [&str; 14] = [
    "A",
    "C",
    "Am7",
    "N.C.",
    "Section",
    "Section A",
    "Verse 1",
    "Chorus",
    "",
    "F#m7b5/A",
    "Großer Fluß",
    "さくら",
    "B flat",
    "Section  E",
];
/// Twenty-fourths are the models' own; with the others, more ticks per quarter are needed.
const STEPS: [i64; 5] = [24, 24, 32, 5, 7];

fn keys() -> impl Strategy<Value = Key> {
    select(Key::all().collect::<Vec<_>>())
}

fn metres() -> impl Strategy<Value = Metre> {
    select(METRES.map(|text| text.parse::<Metre>().unwrap()).to_vec())
}

/// A run of bars of one metre and key, perhaps with a bar of its own length at the beginning or the end.
fn run_of_bars() -> impl Strategy<Value = Vec<Bar>> {
    let odd = || option::of(1_i64..24);
    (
        metres(),
        keys(),
        1_usize..6,
        odd(),
        odd(),
        select(vec![4, 8, 16, 12, 24]),
    )
        .prop_map(|(metre, key, count, first, last, parts)| {
            let mut bars = vec![Bar::full(metre, key); count];
            // Bars cut to a part of their metre's length; longer ones where a metre is as long.
            let cut = |part: i64| metre.length() * part / parts;
            let is_sound = |length: Quarters| {
                length < metre.length() || (length * 2).is_integer() && length <= 32.into()
            };
            if let Some(length) = first.map(cut).filter(|length| is_sound(*length)) {
                bars[0].length = length;
            }
            if let Some(length) = last.map(cut).filter(|length| is_sound(*length)) {
                bars[count - 1].length = length;
            }
            bars
        })
}

fn chord_symbols() -> impl Strategy<Value = Option<ChordSymbol>> {
    let names = || (-8_i8..=12).prop_map(|fifths| PitchName::from_fifths(fifths).unwrap());
    let symbols = (names(), select(Quality::ALL.to_vec()), option::of(names()));
    option::weighted(
        0.9,
        symbols.prop_map(|(root, quality, bass)| ChordSymbol {
            root,
            quality,
            bass,
        }),
    )
}

/// A part before it is known how long the score is: places as shares of 1000.
type Sketch = (Role, String, u8, Vec<(i64, u8, i64, u8)>);

fn sketches() -> impl Strategy<Value = Sketch> {
    let notes = vec((0_i64..1000, 0_u8..=127, 1_i64..100, 1_u8..=127), 0..40);
    (
        select(Role::ALL.to_vec()),
        select(NAMES.to_vec()),
        0_u8..=127,
        notes,
    )
        .prop_map(|(role, name, program, notes)| (role, name.into(), program, notes))
}

fn place(share: i64, step: i64, length: Quarters) -> Quarters {
    let place = Quarters::new((length * step * share / 1000).to_integer(), step);
    place.min(length)
}

fn part((role, name, program, notes): Sketch, channel: u8, step: i64, length: Quarters) -> Part {
    let mut all: Vec<Note> = notes
        .into_iter()
        .map(|(share, pitch, duration, velocity)| {
            let onset = place(share, step, length);
            let duration = Quarters::new(duration, step).min(length - onset);
            Note {
                onset,
                pitch,
                duration,
                velocity,
            }
        })
        .filter(|note| note.duration > Quarters::from_integer(0))
        .collect();
    all.sort();
    let mut notes: Vec<Note> = Vec::new();
    for note in all {
        // One channel plays one note of a pitch at a time.
        if !notes
            .iter()
            .any(|before| before.pitch == note.pitch && before.end() > note.onset)
        {
            notes.push(note);
        }
    }
    Part {
        name,
        role,
        program,
        channel,
        notes,
    }
}

prop_compose! {
    fn scores()(
        bars in vec(run_of_bars(), 1..4),
        title in select(NAMES.to_vec()),
        creator in "[a-zA-Zéß’]{0,12}",
        step in select(STEPS.to_vec()),
        tempos in vec((0_i64..1000, 10.0..600.0_f64), 0..4),
        first_tempo in 10.0..600.0_f64,
        chords in vec((0_i64..1000, chord_symbols()), 0..20),
        sections in vec((0_usize..100, select(NAMES.to_vec())), 0..5),
        sketches in vec(sketches(), 0..6),
        channels in Just((0_u8..16).collect::<Vec<_>>()).prop_shuffle(),
    ) -> Score {
        let mut score = Score {
            title: title.into(),
            creator,
            bars: bars.concat(),
            tempos: vec![TempoChange { onset: 0.into(), tempo: Tempo::from_bpm(first_tempo) }],
            chords: Vec::new(),
            sections: Vec::new(),
            parts: Vec::new(),
        };
        let length = score.length();
        let onsets = score.bar_onsets();
        for (share, bpm) in tempos {
            let (onset, tempo) = (place(share, step, length), Tempo::from_bpm(bpm));
            score.tempos.push(TempoChange { onset, tempo });
        }
        score.tempos.sort_by_key(|change| change.onset);
        score.tempos.dedup_by_key(|change| change.onset);
        for (share, chord) in chords {
            score.chords.push(ChordChange { onset: place(share, step, length), chord });
        }
        score.chords.sort_by_key(|change| change.onset);
        score.chords.dedup_by_key(|change| change.onset);
        score.chords.dedup_by_key(|change| change.chord);
        for (bar, name) in sections {
            let onset = onsets[bar % score.bars.len()];
            score.sections.push(Section { onset, name: name.into() });
        }
        score.sections.sort_by_key(|section| section.onset);
        score.parts = sketches.into_iter().zip(channels)
            .map(|(sketch, channel)| part(sketch, channel, step, length)).collect();
        score.parts.sort_by_key(|part| part.role != Role::Melody);
        score
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_file_holds_every_score(score in scores()) {
        prop_assert_eq!(score.broken_rule(), None);
        let bytes = midi::write(&score).unwrap();
        let read = midi::read(&bytes, &Limits::DEFAULT).unwrap();
        prop_assert_eq!(&read, &score);
        prop_assert_eq!(midi::write(&read).unwrap(), bytes);
    }

    /// Where no number of ticks is exact, nothing moves by more than a tick.
    #[test]
    fn times_without_ticks_go_to_the_nearest(numer in 1_i64..4000, denom in 1_i64..4000) {
        let mut score = one_note();
        let onset = Quarters::new(numer % denom, denom);
        let other = Note { onset: Quarters::new(2, 101 * 103), pitch: 62, ..score.parts[0].notes[0] };
        score.parts[0].notes[0].onset = onset;
        score.parts[0].notes.push(other);
        score.parts[0].notes.sort();
        let read = midi::read(&midi::write(&score).unwrap(), &Limits::DEFAULT).unwrap();
        prop_assert_eq!(&read.bars, &score.bars);
        let note = read.parts[0].notes.iter().find(|note| note.pitch == 60).unwrap();
        let moved = (note.onset - onset) * 960;
        prop_assert!(moved <= 1.into() && moved >= (-1).into(), "{}", moved);
    }

    #[test]
    fn quantised_scores_are_sound(score in scores()) {
        let played = midi::quantise(&score, &midi::PLAYED_GRID);
        prop_assert_eq!(played.broken_rule(), None);
        prop_assert_eq!(&midi::quantise(&played, &midi::PLAYED_GRID).parts.len(), &score.parts.len());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut file = b"MThd\0\0\0\x06\0\x01\0\x01\x01\xe0MTrk\0\0\0".to_vec();
        file.push(bytes.len() as u8);
        file.extend(&bytes);
        for bytes in [&file, &bytes] {
            if let Ok(score) = midi::read(bytes, &Limits::DEFAULT) {
                prop_assert_eq!(score.broken_rule(), None);
                let again = midi::read(&midi::write(&score).unwrap(), &Limits::DEFAULT).unwrap();
                prop_assert_eq!(again.bars, score.bars);
            }
        }
    }
}

fn one_note() -> Score {
    Score {
        title: String::new(),
        creator: String::new(),
        bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 2],
        tempos: vec![TempoChange {
            onset: 0.into(),
            tempo: Tempo::from_bpm(90.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 73,
            channel: 0,
            notes: vec![Note {
                onset: 0.into(),
                pitch: 60,
                duration: 1.into(),
                velocity: 80,
            }],
        }],
    }
}
