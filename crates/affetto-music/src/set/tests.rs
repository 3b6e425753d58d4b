#![allow(clippy::unwrap_used)]
use affetto_core::{Seed, Silent};
use affetto_emotion::Vad;
use affetto_media::midi;

use super::*;
use crate::{
    compose::{Sources, compose},
    statistics::Statistics,
    trigram::Trigram,
};

fn set(request: &SetRequest) -> GameScore {
    let (model, statistics) = (Trigram::train(&[], 3), Statistics::default());
    let sheet = request.lead_sheet();
    let composition = compose(&sheet, &Sources::default(), &model, &statistics, &Silent).unwrap();
    GameScore::new(request, &composition).unwrap()
}

fn request(layers: usize) -> SetRequest {
    SetRequest {
        seed: Seed(7),
        emotion: Vad::clamped(0.5, 0.2, 0.0).into(),
        bars: 8,
        layers,
        candidates: 2,
        ..SetRequest::default()
    }
}

fn scores(layer: &Layer) -> impl Iterator<Item = &Score> {
    layer
        .intro
        .iter()
        .chain([&layer.looped])
        .chain(&layer.outro)
}

#[test]
fn every_score_is_sound_and_every_layer_plays_throughout() {
    for layers in LAYERS {
        for meter in ["4/4", "3/4", "2/4", "6/8", "9/8"] {
            let request = SetRequest {
                meter: Some(meter.parse().unwrap()),
                ..request(layers)
            };
            let set = set(&request);
            assert_eq!(set.layers.len(), layers);
            for layer in &set.layers {
                for score in scores(layer) {
                    assert_eq!(score.broken_rule(), None, "{layers} layers in {meter}");
                    midi::write(score).unwrap();
                    let names: Vec<&str> = layer.voices.iter().map(|voice| voice.name()).collect();
                    let parts: Vec<&str> =
                        score.parts.iter().map(|part| part.name.as_str()).collect();
                    assert_eq!(parts, names);
                }
                assert_eq!(layer.looped.length(), set.sheet.length());
                for part in layer
                    .looped
                    .parts
                    .iter()
                    .chain(&layer.outro.as_ref().unwrap().parts)
                {
                    assert!(
                        !part.notes.is_empty(),
                        "{} of {layers} in {meter}",
                        part.name
                    );
                }
                midi::write(&layer.score()).unwrap();
            }
            let whole = set.whole();
            assert_eq!(whole.broken_rule(), None);
            assert_eq!(whole.bars.len(), 2 + 8 + 2);
            let names: Vec<&str> = whole
                .sections
                .iter()
                .map(|section| section.name.as_str())
                .collect();
            assert_eq!(names, ["Intro", "Loop", "Outro"]);
            midi::write(&whole).unwrap();
        }
    }
}

#[test]
fn layers_add_up() {
    for layers in 2..=6 {
        let set = set(&request(layers));
        let density: Vec<f64> = (1..=layers)
            .map(|count| set.notes_per_second(count))
            .collect();
        assert!(density.is_sorted_by(|a, b| a < b), "{density:?}");
        let from: Vec<f64> = set.layers.iter().map(|layer| layer.from_arousal).collect();
        assert_eq!(from[0], -1.0);
        assert!(from.is_sorted_by(|a, b| a < b) && from[layers - 1] < 1.0);
    }
}

/// The melody of the loop is that of the sheet, and the introduction is what the loop ends with.
#[test]
fn all_is_made_of_one_sheet() {
    let set = set(&request(6));
    let melody = &set.layers[2].looped.parts[0];
    assert_eq!(melody.notes, set.sheet.melody().unwrap().notes);
    for layer in &set.layers {
        let last = excerpt(&layer.looped, 7..8);
        let intro = excerpt(layer.intro.as_ref().unwrap(), 1..2);
        for (one, other) in last.parts.iter().zip(&intro.parts) {
            assert_eq!(one.notes, other.notes, "{}", one.name);
        }
    }
    assert!(
        set.layers[2].intro.as_ref().unwrap().parts[0]
            .notes
            .iter()
            .all(|note| note.onset >= 4.into())
    );
}

#[test]
fn the_ending_comes_home() {
    for (key, outro) in [
        ("D major", 1),
        ("A minor", 2),
        ("Bb major", 5),
        ("C# minor", 8),
    ] {
        let request = SetRequest {
            key: Some(key.parse().unwrap()),
            outro,
            ..request(3)
        };
        let set = set(&request);
        let ending = set.layers[2].outro.as_ref().unwrap();
        assert_eq!(ending.bars.len(), outro);
        let tonic = ending.bars[0].key.tonic().pitch_class();
        assert_eq!(ending.parts[0].notes.last().unwrap().pitch % 12, tonic);
        assert_eq!(
            ending
                .chords
                .last()
                .unwrap()
                .chord
                .unwrap()
                .root
                .pitch_class(),
            tonic
        );
        let parts = ending.parts.iter();
        let pitched = parts.filter(|part| part.channel != PERCUSSION_CHANNEL);
        let notes: Vec<&Note> = pitched.flat_map(|part| &part.notes).collect();
        let inside = notes
            .iter()
            .filter(|note| is_in_scale(note.pitch, ending.bars[0].key));
        let share = inside.count() as f64 / notes.len() as f64;
        assert!(share > 0.9, "{key}: {share}");
    }
}

#[test]
fn nothing_before_nothing_after_and_no_stingers() {
    let request = SetRequest {
        intro: 0,
        outro: 0,
        stingers: Default::default(),
        ..request(2)
    };
    let set = set(&request);
    assert!(set.stingers.is_empty());
    assert!(
        set.layers
            .iter()
            .all(|layer| layer.intro.is_none() && layer.outro.is_none())
    );
    assert_eq!(set.whole().bars.len(), 8);
}

#[test]
fn a_loop_that_lasts_too_long_is_refused() {
    let request = SetRequest {
        bars: 128,
        emotion: Vad::clamped(0.0, -1.0, 0.0).into(),
        ..request(1)
    };
    let (model, statistics) = (Trigram::train(&[], 3), Statistics::default());
    let sheet = request.lead_sheet();
    let composition = compose(&sheet, &Sources::default(), &model, &statistics, &Silent).unwrap();
    let refusal = GameScore::new(&request, &composition).unwrap_err();
    assert!(
        matches!(refusal, Error::Range { value, .. } if value > 300.0),
        "{refusal}"
    );
}

#[test]
fn arousal_that_moves_is_heard_in_the_chords() {
    let moving = serde_json::from_str(
        r#"{"curve": {"schema": "emotion-track/1", "time": "bars", "keys": [{"t": 0, "arousal": -1}, {"t": 8, "arousal": 1}]}}"#,
    )
    .unwrap();
    let set = set(&SetRequest {
        emotion: moving,
        ..request(3)
    });
    let chords = &set.layers[1].looped;
    let loudness = |bars| {
        let notes = excerpt(chords, bars).parts.remove(0).notes;
        notes
            .iter()
            .map(|note| f64::from(note.velocity))
            .sum::<f64>()
            / notes.len() as f64
    };
    assert!(loudness(6..8) > loudness(0..2) + 8.0);
}
