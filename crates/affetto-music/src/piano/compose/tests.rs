//! Pieces of a network that has learned nothing: what holds of them holds of any network.

#![allow(clippy::unwrap_used)]

use affetto_core::{Seed, Silent};
use affetto_emotion::{Channel, Curve, Emotion, Unit, Vad};
use affetto_media::{
    Bar, ChordChange, ChordSymbol, Mode, Note, Part, PitchName, Quality, Quarters, Role, Tempo,
    TempoChange,
};
use affetto_nn::weights::{Precision, Weights};
use candle_core::Device;
use proptest::prelude::*;

use super::*;
use crate::piano::{
    corpus::Window,
    grid::{Span, Struck, place},
    model::{ModelSize, Network},
    tokens::TempoStep,
};

/// Windows that differ in speed, loudness, register and mode.
fn windows() -> Vec<Window> {
    let window = |number: usize| {
        let tempo = TempoStep::of_bpm(60.0 + 5.0 * number as f64);
        let span = |bar: usize| Span {
            metre: Metre::COMMON,
            tempo,
            onset: 4.0 * bar as f64,
        };
        let steps = 1 + number % 4;
        let notes = (0..32 * steps).flat_map(|step| {
            let onset = step as f64 / steps as f64;
            [48, 60 + (step * number % 12) as u8].map(|pitch| Struck {
                onset,
                end: onset + 1.0,
                pitch: pitch + (number % 12) as u8,
                velocity: 40 + 3 * (number % 24) as u8,
            })
        });
        Window {
            piece: place(
                &(0..8).map(span).collect::<Vec<_>>(),
                &notes.collect::<Vec<_>>(),
            ),
            before: 0,
            after: 0,
            mode: [Mode::Major, Mode::Minor][number % 2],
            style: Some(Style::ALL[number % 4]),
            weight: 1.0,
        }
    };
    (0..60).map(window).collect()
}

fn model() -> PianoModel {
    let config = Config::of(ModelSize::Tiny);
    let weights = Weights::drawn(Seed(1), &Device::Cpu);
    Network::new(&config, &weights.root()).unwrap();
    let statistics = Statistics::of(&windows(), Seed(1));
    PianoModel::from_bytes(
        config.to_json().unwrap().as_bytes(),
        &weights.export().unwrap().to_bytes(Precision::F16).unwrap(),
        &serde_json::to_vec(&statistics).unwrap(),
    )
    .unwrap()
}

fn few() -> PianoRequest {
    PianoRequest {
        bars: Some(3),
        candidates: 2,
        ..PianoRequest::default()
    }
}

fn write(request: &PianoRequest, sources: &PianoSources) -> PianoComposition {
    model().compose_with(request, sources, &Silent).unwrap()
}

fn new(request: &PianoRequest) -> PianoComposition {
    write(request, &PianoSources::default())
}

fn notes(score: &Score) -> Vec<Note> {
    let mut notes: Vec<Note> = score
        .parts
        .iter()
        .flat_map(|part| part.notes.clone())
        .collect();
    notes.sort();
    notes
}

/// A request with anything in it that is valid.
fn any_request() -> impl Strategy<Value = PianoRequest> {
    let metres = [
        "4/4", "3/4", "2/4", "2/2", "6/8", "12/8", "5/4", "7/8", "3/8",
    ];
    let metre = prop::sample::select(metres.to_vec()).prop_map(|text| text.parse().unwrap());
    let key = prop::sample::select(Key::all().collect::<Vec<Key>>());
    let range = (24_u8..70, 12_u8..40).prop_map(|(low, wide)| (low, low + wide));
    let numbers = (
        any::<u64>(),
        1_usize..6,
        -1.0..1.0,
        -1.0..1.0,
        16.0..256.0,
        9_u8..25,
    );
    (numbers, metre, key, range).prop_map(|(numbers, meter, key, (lowest, highest))| {
        let (seed, bars, valence, arousal, tempo, span) = numbers;
        PianoRequest {
            seed: Seed(seed),
            emotion: Emotion::from(Vad::clamped(valence, arousal, 0.0)),
            bars: Some(bars),
            meter: Some(meter),
            key: Some(key),
            tempo_bpm: Some(tempo),
            range: Some(crate::condition::PitchRange { lowest, highest }),
            hand_span: Some(span),
            candidates: 1,
            ..PianoRequest::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bars_metre_key_tempo_range_and_hands_are_those_asked(request in any_request()) {
        let PianoComposition { score, measured, .. } = new(&request);
        prop_assert_eq!(score.broken_rule(), None);
        let bar = Bar::full(request.meter.unwrap(), request.key.unwrap());
        prop_assert_eq!(&score.bars, &vec![bar; request.bars.unwrap()]);
        prop_assert_eq!(score.tempo(), Tempo::from_bpm(request.tempo_bpm.unwrap()));
        let range = request.range.unwrap();
        let inside = |note: &Note| (range.lowest..=range.highest).contains(&note.pitch);
        prop_assert!(notes(&score).iter().all(inside));
        prop_assert!(!notes(&score).is_empty());
        prop_assert!(measured.hand_span <= request.hand_span.unwrap());
        let end = score.length();
        prop_assert!(notes(&score).iter().all(|note| note.end() <= end));
    }
}

#[test]
fn the_same_seed_gives_the_same_piece_and_another_another() {
    let piece = |seed| {
        new(&PianoRequest {
            seed: Seed(seed),
            ..few()
        })
        .score
    };
    assert_eq!(piece(3), piece(3));
    assert_ne!(notes(&piece(3)), notes(&piece(4)));
}

#[test]
fn the_number_of_threads_decides_nothing() {
    let request = PianoRequest {
        candidates: 9,
        ..few()
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| new(&request).score)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn an_emotion_decides_mode_tempo_and_loudness() {
    let of = |valence, arousal| {
        let emotion = Emotion::from(Vad::clamped(valence, arousal, 0.0));
        new(&PianoRequest { emotion, ..few() })
    };
    let (glad, sad) = (of(0.8, 0.8), of(-0.8, -0.8));
    assert_eq!(glad.asked.key.mode(), Mode::Major);
    assert_eq!(sad.asked.key.mode(), Mode::Minor);
    assert!(glad.asked.tempo_bpm > sad.asked.tempo_bpm);
    assert_ne!(glad.asked.attributes, sad.asked.attributes);
}

#[test]
fn attributes_are_asked_by_name() {
    let attribute = Attribute::named("Notes per Second").unwrap();
    for wish in [
        AttributeWish::Lowest,
        AttributeWish::Highest,
        AttributeWish::Open,
    ] {
        let attributes = [(attribute, wish)].into();
        let asked = new(&PianoRequest {
            attributes,
            ..few()
        })
        .asked;
        let found = asked
            .attributes
            .iter()
            .find(|asked| asked.attribute == attribute);
        assert_eq!(found.map_or(AttributeWish::Open, |asked| asked.wish), wish);
    }
}

#[test]
fn a_curve_asks_something_else_of_each_bar() {
    let curve = Curve::parse(Channel::Arousal, Unit::Bars, None, "0:-0.9, 6:0.9").unwrap();
    let request = PianoRequest {
        bars: Some(6),
        emotion: curve.into(),
        ..few()
    };
    let asked = new(&request).asked;
    let points = asked.points_per_bar.unwrap();
    assert_eq!(points.len(), 6);
    assert!(points[0].1 < -0.7 && points[5].1 > 0.7 && asked.arousal.abs() < 0.1);
}

/// Sixteen quarters of C major and G7, a tune above.
fn lead_sheet() -> Score {
    let note = |(at, pitch): (i64, u8)| Note {
        onset: Quarters::new(3 * at, 2),
        pitch,
        duration: Quarters::from_integer(1),
        velocity: 77,
    };
    let chord = |onset: i64, root: &str, quality| ChordChange {
        onset: Quarters::from_integer(onset),
        chord: Some(ChordSymbol::new(
            root.parse::<PitchName>().unwrap(),
            quality,
        )),
    };
    Score {
        title: "Tune".into(),
        creator: String::new(),
        bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 4],
        tempos: vec![TempoChange {
            onset: Quarters::from_integer(0),
            tempo: Tempo::from_bpm(93.0),
        }],
        chords: vec![
            chord(0, "C", Quality::Major),
            chord(8, "G", Quality::Dominant7),
        ],
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: (0..10)
                .zip([72, 74, 76, 77, 79, 77, 74, 71, 74, 72])
                .map(note)
                .collect(),
        }],
    }
}

#[test]
fn an_arranged_lead_sheet_keeps_melody_chords_and_bars() {
    let sheet = lead_sheet();
    let sources = PianoSources {
        arrange: Some(sheet.clone()),
        ..PianoSources::default()
    };
    let request = PianoRequest {
        bars: None,
        arrange: Some("a.mid".into()),
        ..few()
    };
    let PianoComposition { score, .. } = write(&request, &sources);
    assert_eq!(score.broken_rule(), None);
    assert_eq!(
        (score.bars, score.chords, score.tempos),
        (
            sheet.bars.clone(),
            sheet.chords.clone(),
            sheet.tempos.clone()
        )
    );
    let melody = &sheet.parts[0].notes;
    assert!(
        melody
            .iter()
            .all(|note| score.parts[0].notes.contains(note))
    );
    let others = score
        .parts
        .iter()
        .flat_map(|part| &part.notes)
        .filter(|note| !melody.contains(note));
    let mut count = 0;
    for note in others {
        count += 1;
        let classes = sheet.chord_at(note.onset).unwrap().pitch_classes();
        assert!(classes.contains(&(note.pitch % 12)), "{note:?}");
        let above = melody
            .iter()
            .filter(|above| above.onset <= note.onset && note.onset < above.end());
        assert!(
            above.into_iter().all(|above| note.pitch < above.pitch),
            "{note:?}"
        );
    }
    assert!(count > 0);
    let narrow = PianoRequest {
        range: Some("40-70".parse().unwrap()),
        ..request
    };
    let refused = model().compose_with(&narrow, &sources, &Silent);
    assert!(matches!(
        refused,
        Err(Error::MelodyOutside { pitch: 72, .. })
    ));
}

#[test]
fn what_is_gone_on_from_stays() {
    let before = new(&few()).score;
    let sources = PianoSources {
        continue_from: Some(before.clone()),
        ..PianoSources::default()
    };
    let request = PianoRequest {
        continue_from: Some("a.mid".into()),
        seed: Seed(9),
        ..few()
    };
    let PianoComposition { score, written, .. } = write(&request, &sources);
    assert_eq!(score.broken_rule(), None);
    assert_eq!((score.bars.len(), written), (6, 3..6));
    for (part, old) in score.parts.iter().zip(&before.parts) {
        assert_eq!(part.notes[..old.notes.len()], old.notes);
    }
    assert!(notes(&score).len() > notes(&before).len());
    assert_eq!(score.tempo(), before.tempo());
}

#[test]
fn filled_bars_are_new_and_all_others_stay() {
    let before = new(&PianoRequest {
        bars: Some(5),
        ..few()
    })
    .score;
    let sources = PianoSources {
        fill_in: Some(before.clone()),
        ..PianoSources::default()
    };
    let request = PianoRequest {
        bars: None,
        fill: Some("2-3".parse().unwrap()),
        fill_in: Some("a.mid".into()),
        seed: Seed(9),
        ..few()
    };
    let PianoComposition {
        score,
        written,
        asked,
        ..
    } = write(&request, &sources);
    assert_eq!(score.broken_rule(), None);
    assert_eq!((score.bars.len(), written), (5, 1..3));
    assert!(!asked.ends, "it goes on");
    let onsets = score.bar_onsets();
    let (begin, end) = (onsets[1], onsets[3]);
    let outside = |score: &Score| -> Vec<Note> {
        notes(score)
            .into_iter()
            .filter(|note| note.onset < begin || note.onset >= end)
            .collect()
    };
    assert_eq!(outside(&score), outside(&before));
    assert_ne!(notes(&score), notes(&before));
    let far = PianoRequest {
        fill: Some("4-9".parse().unwrap()),
        ..request
    };
    let refused = model().compose_with(&far, &sources, &Silent);
    assert!(matches!(
        refused,
        Err(Error::Fill {
            last: 9,
            bars: 5,
            ..
        })
    ));
}

#[test]
fn the_last_bar_comes_to_rest_unless_its_end_is_open() {
    let model = model();
    let rest = |request: PianoRequest| {
        let PianoComposition {
            asked, measured, ..
        } = model
            .compose_with(&request, &PianoSources::default(), &Silent)
            .unwrap();
        (asked.ends, measured.at_rest.unwrap())
    };
    let (mut ended, mut open) = (0.0, 0.0);
    for seed in 0..6 {
        let request = PianoRequest {
            seed: Seed(seed),
            candidates: 16,
            ..few()
        };
        let (ends, closed) = rest(request.clone());
        assert!(ends);
        ended += closed / 6.0;
        let (ends, left) = rest(PianoRequest {
            open_end: true,
            ..request.clone()
        });
        assert!(!ends);
        open += left / 6.0;
        let (ends, _) = rest(PianoRequest {
            candidates: 1,
            ..request
        });
        assert!(!ends, "there is nothing to choose from");
    }
    assert!(ended > open + 0.1, "{ended} {open}");
}

#[test]
fn who_wants_to_stop_is_heard() {
    struct Stop;
    impl Progress for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let outcome = model().compose_with(&few(), &PianoSources::default(), &Stop);
    assert!(matches!(outcome, Err(Error::Cancelled)));
}

#[test]
fn requests_out_of_range_are_refused() {
    for wrong in [
        PianoRequest {
            bars: Some(0),
            ..few()
        },
        PianoRequest {
            tempo_bpm: Some(300.0),
            ..few()
        },
        PianoRequest {
            hand_span: Some(5),
            ..few()
        },
        PianoRequest {
            guidance: 9.0,
            ..few()
        },
        PianoRequest {
            meter: Some("13/8".parse().unwrap()),
            ..few()
        },
        PianoRequest {
            fill: Some("1".parse().unwrap()),
            ..few()
        },
        PianoRequest {
            arrange: Some("a".into()),
            continue_from: Some("b".into()),
            ..few()
        },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
}
