//! What is measured on a lead sheet, for the provenance file and the printed report.

use affetto_media::Score;
use serde::{Deserialize, Serialize};

use crate::statistics::mean;
use crate::{
    BarTension, DensityClass, KeyAdherence, ValenceClass, density, events, harmony, melody, rhythm,
    tension, tonality, valence,
};

/// Everything measured on a lead sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadSheetMeasures {
    /// Mean valence of the bars, -1..=1.
    pub valence: f64,
    /// The class of the piece, from the mean class of its bars.
    pub valence_class: ValenceClass,
    /// The density of the piece, from the mean class of its bars.
    pub density_class: DensityClass,
    /// Mean combined tension of the bars, 0..=1.
    pub tension: f64,
    /// How the piece stands to its key.
    pub key: KeyAdherence,
    /// The harmony.
    pub harmony: HarmonyMeasures,
    /// The melody.
    pub melody: MelodyMeasures,
    /// The bars, in order.
    pub bars: Vec<BarMeasures>,
}

/// Everything measured on a bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BarMeasures {
    /// Median valence of its events, -1..=1.
    pub valence: f64,
    /// The class of that.
    pub valence_class: ValenceClass,
    /// The number of its events.
    pub events: usize,
    /// The class of that.
    pub density_class: DensityClass,
    /// Combined tension, 0..=1.
    pub tension: f64,
    /// The three quantities of tension.
    pub tension_ribbons: BarTension,
}

/// The harmony of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HarmonyMeasures {
    /// CHE, in nats.
    pub chord_histogram_entropy: f64,
    /// CC.
    pub chord_coverage: usize,
    /// CTD.
    pub chord_tonal_distance: f64,
    /// CTR, 0..=1.
    pub chord_tone_ratio: f64,
    /// MCTD.
    pub melody_chord_tonal_distance: f64,
    /// Chord changes per bar.
    pub chords_per_bar: f64,
}

/// The melody of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MelodyMeasures {
    /// PCE, in bits.
    pub pitch_class_entropy: f64,
    /// Share of notes within the key signature, 0..=1.
    pub in_signature_ratio: f64,
    /// Share of notes within the scale, both sixths and sevenths of minor included, 0..=1.
    pub in_scale_ratio: f64,
    /// Semitones from the lowest to the highest note.
    pub range: u8,
    /// Number of different pitches.
    pub distinct_pitches: usize,
    /// Notes per bar.
    pub notes_per_bar: f64,
    /// Share of time at rest, 0..=1.
    pub rest_share: f64,
    /// Mean size of the intervals, in semitones.
    pub mean_interval: f64,
    /// Share of steps among the intervals, 0..=1.
    pub step_share: f64,
    /// Share of syncopated notes, 0..=1.
    pub syncopation: f64,
}

impl LeadSheetMeasures {
    /// Measures `score`.
    pub fn of(score: &Score) -> Self {
        let bars = bar_measures(score);
        let classes: Vec<ValenceClass> = bars.iter().map(|bar| bar.valence_class).collect();
        let densities: Vec<DensityClass> = bars.iter().map(|bar| bar.density_class).collect();
        let mean_of = |value: fn(&BarMeasures) -> f64| -> f64 {
            let values: Vec<f64> = bars.iter().map(value).collect();
            mean(&values)
        };
        Self {
            valence: mean_of(|bar| bar.valence),
            valence_class: ValenceClass::of_piece(&classes),
            density_class: DensityClass::of_piece(&densities),
            tension: mean_of(|bar| bar.tension),
            key: tonality::key_adherence(score),
            harmony: HarmonyMeasures::of(score),
            melody: MelodyMeasures::of(score),
            bars,
        }
    }
}

fn bar_measures(score: &Score) -> Vec<BarMeasures> {
    let measure = |(cut, tension): (&events::BarEvents, &BarTension)| {
        let valence = valence::bar_valence(cut);
        BarMeasures {
            valence,
            valence_class: ValenceClass::from_valence(valence),
            events: cut.events.len(),
            density_class: DensityClass::from_events(cut.events.len()),
            tension: tension.combined(),
            tension_ribbons: *tension,
        }
    };
    let tensions = tension::tension_per_bar(score);
    events::events(score)
        .iter()
        .zip(&tensions)
        .map(measure)
        .collect()
}

impl HarmonyMeasures {
    /// Measures the chords of `score`.
    pub fn of(score: &Score) -> Self {
        Self {
            chord_histogram_entropy: harmony::chord_histogram_entropy(score),
            chord_coverage: harmony::chord_coverage(score),
            chord_tonal_distance: harmony::chord_tonal_distance(score),
            chord_tone_ratio: harmony::chord_tone_ratio(score),
            melody_chord_tonal_distance: harmony::melody_chord_tonal_distance(score),
            chords_per_bar: harmony::chords_per_bar(score),
        }
    }
}

impl MelodyMeasures {
    /// Measures the melody of `score`.
    pub fn of(score: &Score) -> Self {
        Self {
            pitch_class_entropy: tonality::pitch_class_entropy(score),
            in_signature_ratio: tonality::in_signature_ratio(score),
            in_scale_ratio: tonality::in_scale_ratio(score),
            range: melody::pitch_range(score),
            distinct_pitches: melody::distinct_pitches(score),
            notes_per_bar: density::notes_per_bar(score),
            rest_share: density::rest_share(score),
            mean_interval: melody::mean_interval(score),
            step_share: melody::step_share(score),
            syncopation: rhythm::syncopation(score),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet};
    use proptest::prelude::*;

    #[test]
    fn a_report_reads_as_it_says() {
        let score = sheet("4/4", "A minor", 2)
            .chord(0, 1, "Am")
            .chord(4, 1, "E7")
            .run(&[69, 71, 72, 76, 68, 71], 1, 1)
            .build();
        let measures = LeadSheetMeasures::of(&score);
        let json = serde_json::to_value(&measures).unwrap();
        assert_eq!(json["bars"][0]["valence_class"], "very-low");
        assert_eq!(json["bars"][1]["events"], 3);
        assert_eq!(json["bars"][1]["density_class"], "medium");
        assert_eq!(json["key"]["best_key"], "A minor");
        assert_eq!(json["melody"]["range"], 8);
        assert!((measures.valence + 0.415).abs() < 1e-12);
    }

    #[test]
    fn it_has_a_schema() {
        let schema = serde_json::to_value(schemars::schema_for!(LeadSheetMeasures)).unwrap();
        assert!(schema["properties"]["bars"].is_object());
    }

    proptest! {
        #[test]
        fn it_goes_through_json_and_back(score in any_score()) {
            let measures = LeadSheetMeasures::of(&score);
            let json = serde_json::to_string(&measures).unwrap();
            let back: LeadSheetMeasures = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.bars.len(), score.bars.len());
            prop_assert!((back.valence - measures.valence).abs() < 1e-12);
        }
    }
}
