//! The cues that listeners go by first, controlled explicitly.

use serde::{Deserialize, Serialize};

use super::{Target, quadrant::strength};
use crate::piece::{Attribute, Unit};
use affetto_emotion::Vad;

/// A cue, in the order of importance that Eerola, Friberg & Bresin found: "Emotional expression in music:
/// contribution, linearity, and additivity of primary musical cues" (Frontiers in Psychology 4:487, 2013). There the
/// effects of cues were linear and additive, which is what a [`CueModel`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cue {
    /// How likely major is, 0 to 1.
    Mode,
    /// Beats a minute.
    Tempo,
    /// The mean pitch of the top line, as a MIDI number.
    Register,
    /// The mean velocity, 0 to 127.
    Loudness,
    /// How much of the time to the next note a note fills.
    Articulation,
}

impl Cue {
    /// All, the most important first.
    pub const ALL: [Self; 5] = [
        Self::Mode,
        Self::Tempo,
        Self::Register,
        Self::Loudness,
        Self::Articulation,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Tempo => "tempo",
            Self::Register => "register",
            Self::Loudness => "loudness",
            Self::Articulation => "articulation",
        }
    }

    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Mode => Unit::Share,
            Self::Tempo => Unit::Bpm,
            Self::Register => Unit::MidiPitch,
            Self::Loudness => Unit::Loudness,
            Self::Articulation => Unit::Ratio,
        }
    }

    /// What a high value means to a musician.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Mode => "major; low is minor",
            Self::Tempo => "faster",
            Self::Register => "a higher melody",
            Self::Loudness => "louder",
            Self::Articulation => "legato; low is staccato",
        }
    }

    /// The attribute that measures it on pieces.
    pub fn attribute(self) -> Attribute {
        let name = match self {
            Self::Mode => "Major minus Minor",
            Self::Tempo => "Written Tempo",
            Self::Register => "Top Line Pitch",
            Self::Loudness => "Mean Loudness",
            Self::Articulation => "Legato",
        };
        Attribute::named(name).unwrap_or(Attribute::ALL[0]) // a test finds each
    }

    /// What the literature agrees on: major for pleasant (Eerola et al. 2013); faster, higher, louder and more
    /// detached for awake, and a little faster, higher and more detached for pleasant (Gabrielsson & Lindström, "The
    /// role of structure in the musical expression of emotions", 2010; Juslin & Laukka, "Communication of emotions
    /// in vocal expression and music performance", 2003). The amounts are ours; the extremes of tempo stay within
    /// those of the templates of EMusicGen (2024), 40 to 228.
    pub const fn literature(self) -> CueModel {
        let (neutral, per_valence, per_arousal, half_spread) = match self {
            Self::Mode => (0.55, 0.43, 0.0, 0.0),
            Self::Tempo => (96.0, 0.14, 0.75, 0.17),
            Self::Register => (72.0, 1.5, 3.0, 4.0),
            Self::Loudness => (64.0, 0.0, 20.0, 8.0),
            Self::Articulation => (0.85, -0.04, -0.22, 0.1),
        };
        CueModel {
            cue: self,
            neutral,
            per_valence,
            per_arousal,
            half_spread,
        }
    }
}

/// A cue as a linear function of valence and arousal.
///
/// Tempo is linear in octaves: its slopes and its spread double or halve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CueModel {
    /// The cue.
    pub cue: Cue,
    /// Its value where nothing is felt.
    pub neutral: f64,
    /// What the most pleasant emotion adds, and the most unpleasant takes away.
    pub per_valence: f64,
    /// What the most awake emotion adds, and the calmest takes away.
    pub per_arousal: f64,
    /// How far music of one emotion lies around it.
    pub half_spread: f64,
}

impl CueModel {
    /// The target for a point.
    pub fn target(&self, point: Vad) -> Target {
        let shift = self.per_valence * strength(point.valence())
            + self.per_arousal * strength(point.arousal());
        let at = |shift: f64| match self.cue {
            Cue::Tempo => self.neutral * libm::exp2(shift),
            Cue::Mode => (self.neutral + shift).clamp(0.0, 1.0),
            Cue::Register | Cue::Loudness => (self.neutral + shift).clamp(0.0, 127.0),
            Cue::Articulation => (self.neutral + shift).max(0.0),
        };
        Target {
            value: at(shift),
            low: at(shift - self.half_spread),
            high: at(shift + self.half_spread),
        }
    }

    /// The model that a corpus suggests by a value for each quadrant (Q1 to Q4) and a spread around them. A slope
    /// whose sign the literature contradicts, or that is too weak to be heard (a quarter of the literature's), is
    /// the literature's.
    pub(crate) fn fitted(cue: Cue, quadrants: [f64; 4], half_spread: f64) -> Self {
        let literature = cue.literature();
        let [q1, q2, q3, q4] = match cue {
            Cue::Tempo => quadrants.map(|bpm| libm::log2(bpm.max(1.0))),
            _ => quadrants,
        };
        let agreed = |slope: f64, known: f64| {
            if slope * known >= known * known / 4.0 {
                slope
            } else {
                known
            }
        };
        let middle = (q1 + q2 + q3 + q4) / 4.0;
        Self {
            cue,
            neutral: match cue {
                Cue::Tempo => libm::exp2(middle),
                _ => middle,
            },
            per_valence: agreed((q1 + q4 - q2 - q3) / 4.0, literature.per_valence),
            per_arousal: agreed((q1 + q2 - q3 - q4) / 4.0, literature.per_arousal),
            half_spread,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_cue_is_measured_by_an_attribute_of_its_unit() {
        for cue in Cue::ALL {
            let attribute = cue.attribute();
            assert_ne!(attribute, Attribute::ALL[0], "{}", cue.name());
            assert!(attribute.unit() == cue.unit() || cue == Cue::Mode);
        }
    }

    #[test]
    fn tempo_doubles_by_octaves() {
        let model = CueModel {
            cue: Cue::Tempo,
            neutral: 100.0,
            per_valence: 0.0,
            per_arousal: 1.0,
            half_spread: 0.5,
        };
        let target = model.target(Vad::new(0.0, 1.0, 0.0).unwrap());
        assert!((target.value - 200.0).abs() < 1e-9);
        assert!((target.high / target.low - 2.0).abs() < 1e-9);
    }

    /// Loudness 80, 84, 50, 54: neutral 67, arousal 15; of valence neither says anything.
    #[test]
    fn a_corpus_is_believed_where_the_literature_agrees() {
        let model = CueModel::fitted(Cue::Loudness, [80.0, 84.0, 50.0, 54.0], 5.0);
        assert_eq!(
            (model.neutral, model.per_arousal, model.per_valence),
            (67.0, 15.0, 0.0)
        );
        // Against the literature, and too weak.
        let model = CueModel::fitted(Cue::Register, [70.0, 76.0, 75.9, 69.9], 5.0);
        let literature = Cue::Register.literature();
        assert_eq!(model.per_valence, literature.per_valence);
        assert_eq!(model.per_arousal, literature.per_arousal);
    }
}
