//! A piece as a row of numbers, for two-sample tests and tables.

use affetto_media::Score;

use crate::statistics::{deviation, mean, share};
use crate::{
    DensityClass, ValenceClass, density, harmony, melody, repetition, rhythm, tension, tonality,
    valence,
};

/// Every measure of the piece by name; the names and their order are always the same, every number is
/// finite. Nothing depends on the key or, beyond the counts of bars, on the title, tempo or sound.
pub fn features(score: &Score) -> Vec<(&'static str, f64)> {
    let mut list = harmony_features(score);
    list.extend(tonality_features(score));
    list.extend(melody_features(score));
    list.extend(rhythm_features(score));
    list.extend(emotion_features(score));
    list.extend(repetition_features(score));
    list
}

/// The names of [`features`], in their order.
pub fn feature_names() -> Vec<&'static str> {
    features(&empty())
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn empty() -> Score {
    Score {
        title: String::new(),
        creator: String::new(),
        bars: vec![],
        tempos: vec![],
        chords: vec![],
        sections: vec![],
        parts: vec![],
    }
}

type Features = Vec<(&'static str, f64)>;

fn named<const N: usize>(names: [&'static str; N], values: [f64; N]) -> Features {
    names.into_iter().zip(values).collect()
}

const QUALITY_NAMES: [&str; 8] = [
    "quality_major",
    "quality_minor",
    "quality_dominant7",
    "quality_major7",
    "quality_minor7",
    "quality_ninth",
    "quality_minor9",
    "quality_diminished",
];

const ROOT_MOTION_NAMES: [&str; 12] = [
    "root_motion_0",
    "root_motion_1",
    "root_motion_2",
    "root_motion_3",
    "root_motion_4",
    "root_motion_5",
    "root_motion_6",
    "root_motion_7",
    "root_motion_8",
    "root_motion_9",
    "root_motion_10",
    "root_motion_11",
];

fn harmony_features(score: &Score) -> Features {
    let mut list = vec![
        (
            "chord_histogram_entropy",
            harmony::chord_histogram_entropy(score),
        ),
        ("chord_coverage", harmony::chord_coverage(score) as f64),
        ("chord_tonal_distance", harmony::chord_tonal_distance(score)),
        ("chord_tone_ratio", harmony::chord_tone_ratio(score)),
        (
            "written_chord_tone_ratio",
            harmony::written_chord_tone_ratio(score),
        ),
        ("extended_chord_share", harmony::extended_chord_share(score)),
        ("proper_tone_ratio", harmony::proper_tone_ratio(score)),
        ("pitch_consonance", harmony::pitch_consonance(score)),
        (
            "melody_chord_tonal_distance",
            harmony::melody_chord_tonal_distance(score),
        ),
        ("chords_per_bar", harmony::chords_per_bar(score)),
        ("no_chord_share", harmony::no_chord_share(score)),
        (
            "downbeat_change_share",
            harmony::downbeat_change_share(score),
        ),
        ("tonic_chord_share", harmony::tonic_chord_share(score)),
    ];
    list.extend(named(QUALITY_NAMES, harmony::quality_shares(score)));
    list.extend(named(ROOT_MOTION_NAMES, harmony::root_motion_shares(score)));
    list
}

const DEGREE_NAMES: [&str; 12] = [
    "degree_0",
    "degree_1",
    "degree_2",
    "degree_3",
    "degree_4",
    "degree_5",
    "degree_6",
    "degree_7",
    "degree_8",
    "degree_9",
    "degree_10",
    "degree_11",
];

fn tonality_features(score: &Score) -> Features {
    let mut list = vec![
        ("pitch_class_entropy", tonality::pitch_class_entropy(score)),
        ("in_signature_ratio", tonality::in_signature_ratio(score)),
        ("in_scale_ratio", tonality::in_scale_ratio(score)),
        (
            "key_correlation",
            tonality::key_adherence(score).correlation,
        ),
    ];
    list.extend(named(DEGREE_NAMES, tonality::degree_shares(score)));
    list
}

const MOTION_NAMES: [&str; 9] = [
    "motion_repeat",
    "motion_step_up",
    "motion_step_down",
    "motion_third_up",
    "motion_third_down",
    "motion_fourth_or_fifth_up",
    "motion_fourth_or_fifth_down",
    "motion_leap_up",
    "motion_leap_down",
];

fn melody_features(score: &Score) -> Features {
    let (pitch_mean, pitch_deviation) = melody::pitch_mean_and_deviation(score);
    let contour = melody::contour(score);
    let mut list = vec![
        ("pitch_range", f64::from(melody::pitch_range(score))),
        ("distinct_pitches", melody::distinct_pitches(score) as f64),
        ("pitch_mean", pitch_mean),
        ("pitch_deviation", pitch_deviation),
        ("mean_interval", melody::mean_interval(score)),
        ("turn_share", contour.turn_share),
        ("rise", contour.rise),
        ("peak_position", contour.peak_position),
        ("net_interval", contour.net_interval),
        ("gap_fill_share", contour.gap_fill_share),
        (
            "stable_phrase_end_share",
            melody::stable_phrase_end_share(score),
        ),
        (
            "ends_on_tonic",
            f64::from(u8::from(melody::ends_on_tonic(score))),
        ),
    ];
    list.extend(named(MOTION_NAMES, melody::motion_shares(score)));
    list
}

const LENGTH_NAMES: [&str; 7] = [
    "length_sixteenth",
    "length_eighth",
    "length_triplet",
    "length_quarter",
    "length_dotted_quarter",
    "length_half",
    "length_long",
];

fn rhythm_features(score: &Score) -> Features {
    let (length_mean, length_deviation) = rhythm::length_mean_and_deviation(score);
    let attacks: Vec<f64> = density::attacks_per_bar(score)
        .into_iter()
        .map(|count| count as f64)
        .collect();
    let mut list = vec![
        ("notes_per_bar", density::notes_per_bar(score)),
        ("notes_per_bar_deviation", deviation(&attacks)),
        ("rest_share", density::rest_share(score)),
        ("length_mean", length_mean),
        ("length_deviation", length_deviation),
        ("length_entropy", rhythm::length_entropy(score)),
        ("downbeat_share", rhythm::downbeat_share(score)),
        ("on_beat_share", rhythm::on_beat_share(score)),
        ("syncopation", rhythm::syncopation(score)),
    ];
    list.extend(named(LENGTH_NAMES, rhythm::length_shares(score)));
    list
}

const VALENCE_NAMES: [&str; 5] = [
    "valence_very_low",
    "valence_low",
    "valence_neutral",
    "valence_high",
    "valence_very_high",
];

const DENSITY_NAMES: [&str; 3] = ["density_low", "density_medium", "density_high"];

fn emotion_features(score: &Score) -> Features {
    let valences = valence::valence_per_bar(score);
    let classes: Vec<ValenceClass> = valences
        .iter()
        .copied()
        .map(ValenceClass::from_valence)
        .collect();
    let densities = density::density_classes(score);
    let tensions = tension::tension_per_bar(score);
    let of_tension = |value: fn(&tension::BarTension) -> f64| -> Vec<f64> {
        tensions.iter().map(value).collect()
    };
    let mut list = vec![
        ("valence", mean(&valences)),
        ("valence_deviation", deviation(&valences)),
        ("cloud_diameter", mean(&of_tension(|bar| bar.diameter))),
        ("cloud_momentum", mean(&of_tension(|bar| bar.momentum))),
        ("tensile_strain", mean(&of_tension(|bar| bar.strain))),
        (
            "cloud_diameter_deviation",
            deviation(&of_tension(|bar| bar.diameter)),
        ),
        (
            "tensile_strain_deviation",
            deviation(&of_tension(|bar| bar.strain)),
        ),
    ];
    list.extend(named(
        VALENCE_NAMES,
        ValenceClass::ALL.map(|class| share(&classes, |other| *other == class)),
    ));
    list.extend(named(
        DENSITY_NAMES,
        DensityClass::ALL.map(|class| share(&densities, |other| *other == class)),
    ));
    list
}

fn repetition_features(score: &Score) -> Features {
    vec![
        ("bar_repeat_share", repetition::bar_repeat_share(score)),
        (
            "rhythm_repeat_share",
            repetition::rhythm_repeat_share(score),
        ),
        ("shape_repeat_share", repetition::shape_repeat_share(score)),
        (
            "longest_repeat_share",
            repetition::longest_repeat_share(score),
        ),
        ("bar_similarity_1", repetition::bar_similarity(score, 1)),
        ("bar_similarity_2", repetition::bar_similarity(score, 2)),
        ("bar_similarity_4", repetition::bar_similarity(score, 4)),
        ("bar_similarity_8", repetition::bar_similarity(score, 8)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_score, sheet, transposed};
    use proptest::prelude::*;

    #[test]
    fn names_are_many_and_different() {
        let mut names = feature_names();
        assert!(names.len() >= 45, "{}", names.len());
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn silence_is_finite() {
        for score in [empty(), sheet("4/4", "C major", 2).build()] {
            for (name, value) in features(&score) {
                assert!(value.is_finite(), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_feature_is_finite(score in any_score()) {
            let features = features(&score);
            prop_assert_eq!(features.len(), feature_names().len());
            for (name, value) in features {
                prop_assert!(value.is_finite(), "{}", name);
            }
        }

        #[test]
        fn transposing_changes_the_register_alone(score in any_score(), semitones in -6i8..=6) {
            if let Some(moved) = transposed(&score, semitones) {
                for ((name, a), (_, b)) in features(&score).into_iter().zip(features(&moved)) {
                    prop_assert!(name == "pitch_mean" || (a - b).abs() < 1e-9, "{}: {} {}", name, a, b);
                }
            }
        }
    }
}
