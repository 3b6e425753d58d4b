//! What the default map asks of the five cues, against what the literature agrees on.
//!
//! Eerola, Friberg & Bresin (2013) and Gabrielsson & Lindström (2010): mode follows valence; tempo, loudness and register
//! follow arousal; articulation becomes more detached with it. Juslin & Laukka, "Communication of emotions in vocal
//! expression and music performance" (2003), table 11, order five emotions by tempo, loudness and articulation.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::collections::BTreeMap;

use affetto_attributes::map::{AttributeMap, Preset, Targets};
use affetto_emotion::{Emotion, Label, Taxonomy, Vad};
use affetto_media::Mode;

/// Words of six taxonomies, each once.
fn words() -> BTreeMap<&'static str, Label> {
    let taxonomies = [
        Taxonomy::Ekman,
        Taxonomy::Plutchik,
        Taxonomy::GoEmotions,
        Taxonomy::Mikels,
        Taxonomy::SemEval,
        Taxonomy::Common,
    ];
    let labels = taxonomies.into_iter().flat_map(Taxonomy::iter);
    labels.map(|label| (label.name(), label)).collect()
}

fn targets(word: &str) -> Targets {
    AttributeMap::preset(Preset::Default).targets(&Emotion::parse(word).unwrap())
}

/// Ranks from 1, ties sharing their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

/// Spearman's rank correlation.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    affetto_attributes::compare::pearson(&a, &b).unwrap()
}

#[test]
fn cues_are_ordered_as_valence_and_arousal_are() {
    let words = words();
    assert!(words.len() >= 40, "{}", words.len());
    let points: Vec<Vad> = words.values().map(|label| label.vad()).collect();
    let asked: Vec<Targets> = words.values().map(|label| targets(&label.id())).collect();
    let valence: Vec<f64> = points.iter().map(|point| point.valence()).collect();
    let arousal: Vec<f64> = points.iter().map(|point| point.arousal()).collect();
    let of = |cue: fn(&Targets) -> f64| asked.iter().map(cue).collect::<Vec<f64>>();
    for (name, values, axis, sign, least) in [
        (
            "mode (share of major) and valence",
            of(|t| t.major_share),
            &valence,
            1.0,
            0.95,
        ),
        (
            "tempo and arousal",
            of(|t| t.tempo_bpm.value),
            &arousal,
            1.0,
            0.9,
        ),
        (
            "register and valence",
            of(|t| t.register_pitch.value),
            &valence,
            1.0,
            0.8,
        ),
        (
            "register and arousal",
            of(|t| t.register_pitch.value),
            &arousal,
            1.0,
            0.3,
        ),
        (
            "loudness and arousal",
            of(|t| t.loudness.value),
            &arousal,
            1.0,
            0.9,
        ),
        (
            "articulation (legato) and arousal",
            of(|t| t.articulation.value),
            &arousal,
            -1.0,
            0.9,
        ),
        (
            "notes per second and arousal",
            of(|t| t.notes_per_second.unwrap().value),
            &arousal,
            1.0,
            0.8,
        ),
    ] {
        let found = rank_correlation(&values, axis);
        eprintln!(
            "{name}: rank correlation {found:+.3} over {} words",
            words.len()
        );
        assert!(found * sign >= least, "{name}: {found}");
    }
}

/// Juslin & Laukka (2003): tempo and loudness of anger, happiness above sadness and tenderness; detached for anger and
/// happiness, legato for sadness and tenderness; and the modes of Eerola et al.
#[test]
fn five_emotions_are_as_performers_play_them() {
    let [anger, happiness, sadness, tenderness, fear] =
        ["anger", "happiness", "sadness", "contentment", "fear"].map(targets);
    for awake in [&anger, &happiness, &fear] {
        for calm in [&sadness, &tenderness] {
            assert!(awake.tempo_bpm.value > calm.tempo_bpm.value);
            assert!(awake.loudness.value > calm.loudness.value);
            assert!(awake.articulation.value < calm.articulation.value);
        }
    }
    for (emotion, mode) in [
        (&anger, Mode::Minor),
        (&happiness, Mode::Major),
        (&sadness, Mode::Minor),
        (&tenderness, Mode::Major),
        (&fear, Mode::Minor),
    ] {
        assert_eq!(emotion.mode(), mode);
    }
    assert!(happiness.register_pitch.value > sadness.register_pitch.value);
    assert!(happiness.tempo_bpm.value < 200.0 && sadness.tempo_bpm.value > 40.0);
}

/// The values move with the point and never jump.
#[test]
fn neighbours_ask_alike() {
    let map = AttributeMap::preset(Preset::Default);
    let at = |valence: f64, arousal: f64| {
        map.targets(&Emotion::from(Vad::new(valence, arousal, 0.0).unwrap()))
    };
    for step in -20..20 {
        let x = f64::from(step) / 20.0;
        let [here, next] = [at(0.3, x), at(0.3, x + 0.05)];
        assert!(next.tempo_bpm.value > here.tempo_bpm.value);
        assert!((next.tempo_bpm.value / here.tempo_bpm.value) < 1.1);
        let [here, next] = [at(x, 0.3), at(x + 0.05, 0.3)];
        assert!(next.major_share > here.major_share);
        assert!(next.major_share - here.major_share < 0.05);
    }
}
