//! From an emotion to numbers.

use affetto_emotion::{Emotion, Vad};
use affetto_media::Mode;
use serde::{Deserialize, Serialize};

use super::{
    AttributeMap, AttributeStatistics, Cue, QuadrantStatistics, Summary, quadrant::weights,
};
use crate::piece::Attribute;

/// A wanted value with the range in which music of the emotion usually lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The value.
    pub value: f64,
    /// The lower end of the usual.
    pub low: f64,
    /// The upper end of the usual.
    pub high: f64,
}

/// What an emotion asks of music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Cue 1, mode: how likely major is, 0 to 1.
    pub major_share: f64,
    /// Cue 2, tempo: beats a minute.
    pub tempo_bpm: Target,
    /// Cue 3, register: the mean pitch of the top line, as a MIDI number.
    pub register_pitch: Target,
    /// Cue 4, loudness: the mean velocity, 0 to 127.
    pub loudness: Target,
    /// Cue 5, articulation: the part of the time to the next note that a note fills; 1 is legato.
    pub articulation: Target,
    /// Density: notes a second of piano music, all voices; nothing where the map does not know it.
    pub notes_per_second: Option<Target>,
    /// Every attribute of the map.
    pub attributes: Vec<AttributeTarget>,
}

/// What an emotion asks of one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeTarget {
    /// The attribute.
    pub attribute: Attribute,
    /// The value in the attribute's unit; nothing where the map knows no values, only whether they are high or low.
    pub target: Option<Target>,
    /// Between low and high.
    pub threshold: f64,
    /// The share of pieces of the emotion that lie above the threshold: above 0.5 the attribute is to be high.
    pub share_above: f64,
    /// The share of the whole corpus below the value.
    pub percentile: Option<f64>,
    /// How much the attribute tells of the emotion.
    pub importance: Option<f64>,
}

/// How one attribute differs between two emotions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What the first asks.
    pub first: AttributeTarget,
    /// What the second asks.
    pub second: AttributeTarget,
    /// By how many times the width of the middle half of the corpus the second is higher; where the map knows no
    /// values, by how much the shares above the threshold differ.
    pub spreads: f64,
}

impl Targets {
    /// Major or minor, whichever is likelier.
    pub fn mode(&self) -> Mode {
        if self.major_share >= 0.5 {
            Mode::Major
        } else {
            Mode::Minor
        }
    }

    /// The target of a cue; of mode the share of major.
    pub fn cue(&self, cue: Cue) -> Target {
        match cue {
            Cue::Mode => Target {
                value: self.major_share,
                low: self.major_share,
                high: self.major_share,
            },
            Cue::Tempo => self.tempo_bpm,
            Cue::Register => self.register_pitch,
            Cue::Loudness => self.loudness,
            Cue::Articulation => self.articulation,
        }
    }

    /// What is asked of one attribute, where the map has it.
    pub fn attribute(&self, attribute: Attribute) -> Option<&AttributeTarget> {
        self.attributes
            .iter()
            .find(|target| target.attribute == attribute)
    }

    /// Whether each of EmoGen's hundred is to be high, as its command has it.
    pub fn bits(&self) -> crate::piece::emogen::Bits {
        std::array::from_fn(|index| {
            let target = self.attribute(Attribute::ALL[index]);
            target.is_some_and(|target| target.share_above > 0.5)
        })
    }
}

impl AttributeMap {
    /// What `emotion` asks. The parts of a mixture are mixed after each became numbers, so that bittersweet is both
    /// and not neutral; the cues go by the mean point.
    pub fn targets(&self, emotion: &Emotion) -> Targets {
        let mixed = quadrant_weights(emotion);
        let attributes: Vec<AttributeTarget> = self
            .attributes
            .iter()
            .map(|statistics| attribute_target(statistics, mixed))
            .collect();
        let cue = |cue: Cue| {
            let model = self.cues.iter().find(|model| model.cue == cue);
            model
                .copied()
                .unwrap_or(cue.literature())
                .target(emotion.vad())
        };
        let density = Attribute::named("Notes per Second");
        let density = attributes
            .iter()
            .find(|target| Some(target.attribute) == density);
        Targets {
            major_share: cue(Cue::Mode).value,
            tempo_bpm: cue(Cue::Tempo),
            register_pitch: cue(Cue::Register),
            loudness: cue(Cue::Loudness),
            articulation: cue(Cue::Articulation),
            notes_per_second: density.and_then(|target| target.target),
            attributes,
        }
    }

    /// TEMPORARY
    pub fn quadrant_probabilities(&self, _values: &[Option<f64>]) -> [f64; 4] {
        [0.25; 4]
    }

    /// What differs between two emotions, most first; of equal ones in the order of the attributes.
    pub fn compare(&self, first: &Emotion, second: &Emotion) -> Vec<Difference> {
        let [first, second] = [first, second].map(|emotion| self.targets(emotion).attributes);
        let mut differences: Vec<Difference> = first
            .into_iter()
            .zip(second)
            .map(|(first, second)| self.difference(first, second))
            .collect();
        differences.sort_by(|a, b| b.spreads.abs().total_cmp(&a.spreads.abs()));
        differences
    }

    fn difference(&self, first: AttributeTarget, second: AttributeTarget) -> Difference {
        let spread = self
            .statistics(first.attribute)
            .and_then(AttributeStatistics::spread)
            .filter(|spread| *spread > 0.0);
        let spreads = match (first.target, second.target, spread) {
            (Some(first), Some(second), Some(spread)) => (second.value - first.value) / spread,
            (Some(first), Some(second), None) if first.value == second.value => 0.0,
            _ => second.share_above - first.share_above,
        };
        Difference {
            first,
            second,
            spreads,
        }
    }
}

/// How much of each quadrant an emotion has, Q1 to Q4; they sum to 1.
pub fn quadrant_weights(emotion: &Emotion) -> [f64; 4] {
    let Some(mixture) = emotion.mixture() else {
        return weights(emotion.vad());
    };
    let point_of_words = mixture.vad().scaled(emotion.intensity());
    if point_of_words.distance(emotion.vad()) > 1e-9 {
        return weights(emotion.vad()); // a valence or arousal was said beside the words, and goes before them
    }
    let mut sum = [0.0; 4];
    for (label, share) in mixture.parts() {
        let part: Vad = label.vad().scaled(emotion.intensity());
        for (sum, weight) in sum.iter_mut().zip(weights(part)) {
            *sum += share * weight;
        }
    }
    sum
}

fn attribute_target(statistics: &AttributeStatistics, weights: [f64; 4]) -> AttributeTarget {
    let mixed = |of: fn(&QuadrantStatistics) -> Option<f64>| -> Option<f64> {
        let quadrants = statistics.quadrants.iter().zip(weights);
        quadrants
            .map(|(quadrant, weight)| Some(of(quadrant)? * weight))
            .sum()
    };
    fn summary(quadrant: &QuadrantStatistics, of: fn(&Summary) -> f64) -> Option<f64> {
        quadrant.values.as_ref().map(of)
    }
    let target = || {
        Some(Target {
            value: mixed(|quadrant| summary(quadrant, |values| values.median))?,
            low: mixed(|quadrant| summary(quadrant, |values| values.lower_quartile))?,
            high: mixed(|quadrant| summary(quadrant, |values| values.upper_quartile))?,
        })
    };
    let target = target();
    AttributeTarget {
        attribute: statistics.attribute,
        target,
        threshold: statistics.threshold,
        share_above: mixed(|quadrant| Some(quadrant.share_above)).unwrap_or(0.0),
        percentile: target.and_then(|target| statistics.percentile(target.value)),
        importance: statistics.importance,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{map::Preset, piece::emogen};

    fn targets(preset: Preset, words: &str) -> Targets {
        AttributeMap::preset(preset).targets(&Emotion::parse(words).unwrap())
    }

    #[test]
    fn the_corners_of_emogen_are_its_vectors() {
        for (corner, bits) in [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]
            .into_iter()
            .zip(emogen::commands())
        {
            let emotion = Emotion::from(Vad::new(corner.0, corner.1, 0.0).unwrap());
            let targets = AttributeMap::preset(Preset::Emogen).targets(&emotion);
            assert_eq!(targets.bits(), bits);
            assert!(targets.notes_per_second.is_none());
        }
    }

    #[test]
    fn words_of_one_quadrant_ask_for_its_bits() {
        let joy = targets(Preset::Emogen, "joy").bits();
        assert_eq!(joy, emogen::commands()[0]);
    }

    #[test]
    fn bittersweet_is_both_and_not_neutral() {
        let mixed = quadrant_weights(&Emotion::parse("joy:0.5,sadness:0.5").unwrap());
        let neutral = quadrant_weights(&Emotion::NEUTRAL);
        assert_eq!(neutral, [0.25; 4]);
        assert!(mixed[0] > 0.35 && mixed[2] > 0.25, "{mixed:?}");
        assert!((mixed.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn less_intense_is_nearer_to_neutral() {
        let [weak, strong, neutral] =
            ["anger:0.3", "anger", "neutral"].map(|words| targets(Preset::Default, words));
        let loud = |targets: &Targets| targets.loudness.value;
        assert!(loud(&neutral) < loud(&weak) && loud(&weak) < loud(&strong));
    }

    #[test]
    fn a_target_lies_in_its_range() {
        for words in [
            "joy",
            "anger",
            "sadness",
            "contentment",
            "nostalgia",
            "neutral",
        ] {
            for target in targets(Preset::Default, words).attributes {
                let Target { value, low, high } = target.target.unwrap();
                assert!(
                    low <= value && value <= high,
                    "{words} {}",
                    target.attribute
                );
                assert!((0.0..=1.0).contains(&target.share_above));
            }
        }
    }

    #[test]
    fn what_differs_most_comes_first() {
        let map = AttributeMap::preset(Preset::Default);
        let [joy, serenity] = ["joy", "serenity"].map(|words| Emotion::parse(words).unwrap());
        let differences = map.compare(&joy, &serenity);
        assert_eq!(differences.len(), map.attributes.len());
        let sizes: Vec<f64> = differences
            .iter()
            .map(|difference| -difference.spreads.abs())
            .collect();
        assert!(sizes.is_sorted() && sizes[0] < -0.3);
        let same = map.compare(&joy, &joy);
        assert!(same.iter().all(|difference| difference.spreads == 0.0));
    }
}
