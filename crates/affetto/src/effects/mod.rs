//! Whether each control did what was asked of it.

mod face;
mod lead_sheet;
mod piano;
mod set;
mod sticker;

use std::{fmt, ops::Range};

use affetto_media::{Key, Metre, Note, Quarters, Score};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use face::face_effects;
pub(crate) use lead_sheet::{lead_sheet_effects, written_bars};
pub(crate) use piano::piano_effects;
pub(crate) use set::set_effects;
pub(crate) use sticker::sticker_effects;

/// A control and the figure by which its effect is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Number of bars: the difference.
    Bars,
    /// Time signature: the share of written bars that have it.
    Meter,
    /// Key: the share of the written notes (of a lead sheet's melody) within its scale, bars of tense harmony aside.
    Key,
    /// Tempo: the difference in quarter notes per minute.
    Tempo,
    /// Range: the share of the written notes (of a lead sheet's melody) inside it.
    Range,
    /// Mean valence: the difference.
    Valence,
    /// Valence bar by bar: the share of bars of the asked class.
    ValenceClass,
    /// Events: the share of bars with the asked number.
    Density,
    /// Mean tension: the difference.
    Tension,
    /// Tension over the bars: Pearson's r.
    TensionCurve,
    /// Arousal over the bars: Pearson's r with their mean loudness (velocity).
    ArousalLoudness,
    /// Arousal over the bars: Pearson's r with their numbers of events.
    ArousalEvents,
    /// Hand span: how many semitones wider a hand is stretched.
    HandSpan,
    /// Ending: how much the last bar comes to rest.
    Ending,
    /// Attributes: the share of those asked for that lie on the asked side of the middle.
    Attributes,
    /// Valence, pleasant or not: how likely the asked side is by the attributes of the music.
    ValenceSide,
    /// Arousal, awake or calm: how likely the asked side is by the attributes of the music.
    ArousalSide,
    /// The emotion in a face: how far the shapes moved, of how far the emotion moves a face at rest.
    Expression,
    /// Speech: the least correlation of jawOpen, mouthClose and mouthPucker before and after.
    Speech,
    /// Regions that stay: the largest change in them.
    Locks,
    /// The leading half of the face: its share of the movement.
    Leads,
    /// Attack: how far the first frame moved.
    Attack,
    /// Release: how far the last frame moved.
    Release,
    /// The emotion of a sticker: how likely it is by its motion, among eight.
    StickerEmotion,
    /// How much a sticker moves: the difference in deviations of what is usual.
    Motion,
    /// The seam of a loop: the change there beside the 95th percentile of changes from frame to frame.
    Seam,
    /// Arousal by layer, in notes: the share of layers that add some.
    LayerNotes,
    /// Arousal by layer, in loudness: the share of layers that add some.
    LayerLoudness,
    /// Length of the layers of a set: the largest difference in samples.
    SetLength,
    /// The seams of the loops in WAV files: the largest step there beside the largest step from sample to sample elsewhere.
    WavSeam,
    /// The same in OGG files.
    OggSeam,
    /// Level: how far any choice of layers passes the highest sample that was asked for.
    MixPeak,
    /// Tears, sweat, blush, hearts and the like: 1 where they are seen as asked, else 0.
    Extras,
}

impl EffectKind {
    /// Every control.
    pub const ALL: [Self; 33] = [
        Self::Bars,
        Self::Meter,
        Self::Key,
        Self::Tempo,
        Self::Range,
        Self::Valence,
        Self::ValenceClass,
        Self::Density,
        Self::Tension,
        Self::TensionCurve,
        Self::ArousalLoudness,
        Self::ArousalEvents,
        Self::HandSpan,
        Self::Ending,
        Self::Attributes,
        Self::ValenceSide,
        Self::ArousalSide,
        Self::Expression,
        Self::Speech,
        Self::Locks,
        Self::Leads,
        Self::Attack,
        Self::Release,
        Self::StickerEmotion,
        Self::Motion,
        Self::Seam,
        Self::LayerNotes,
        Self::LayerLoudness,
        Self::SetLength,
        Self::WavSeam,
        Self::OggSeam,
        Self::MixPeak,
        Self::Extras,
    ];

    /// The word for the control.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Meter => "meter",
            Self::Key => "key",
            Self::Tempo => "tempo",
            Self::Range => "range",
            Self::Valence => "valence",
            Self::ValenceClass => "valence per bar",
            Self::Density => "density",
            Self::Tension => "tension",
            Self::TensionCurve => "tension curve",
            Self::ArousalLoudness => "arousal curve in loudness",
            Self::ArousalEvents => "arousal curve in events",
            Self::HandSpan => "hand span",
            Self::Ending => "ending",
            Self::Attributes => "attributes",
            Self::ValenceSide => "valence",
            Self::ArousalSide => "arousal",
            Self::Expression => "expression",
            Self::Speech => "speech",
            Self::Locks => "locks",
            Self::Leads => "leads",
            Self::Attack => "attack",
            Self::Release => "release",
            Self::StickerEmotion => "emotion",
            Self::Motion => "motion energy",
            Self::Seam => "seam",
            Self::LayerNotes => "layers in notes",
            Self::LayerLoudness => "layers in loudness",
            Self::SetLength => "length",
            Self::WavSeam => "seam in WAV",
            Self::OggSeam => "seam in OGG",
            Self::MixPeak => "peak of any mix",
            Self::Extras => "extras",
        }
    }

    /// What its figure is held against: the most for differences, the least for shares and for r.
    pub const fn limit(self) -> f64 {
        match self {
            Self::Bars | Self::HandSpan | Self::SetLength => 0.0,
            Self::MixPeak => 1e-6, // the level is set in single precision
            Self::Tempo => 0.01,   // a tempo is held in whole microseconds
            Self::Meter | Self::Range | Self::ValenceClass | Self::Density => 1.0,
            Self::LayerNotes | Self::LayerLoudness => 1.0,
            // By chance, 7 of 12 notes lie in a major scale and 9 of 12 in a minor one with both sixths and sevenths.
            Self::Key => 0.8,
            Self::Valence => 0.15,
            Self::Tension => 0.15,
            Self::TensionCurve | Self::ArousalLoudness | Self::ArousalEvents => 0.5,
            Self::Ending => 0.6,     // two of three thirds
            Self::Attributes => 0.6, // half of them by chance
            Self::ValenceSide | Self::ArousalSide => 0.5,
            Self::Expression => 0.3, // while somebody speaks, half of the mouth stays
            Self::Speech => 0.98,
            Self::Locks => 0.0,
            Self::Leads => 0.5,
            Self::Attack | Self::Release => 0.01,
            Self::StickerEmotion => 0.25, // twice what each of eight has by chance
            Self::Motion | Self::Seam | Self::WavSeam | Self::OggSeam | Self::Extras => 1.0,
        }
    }

    const fn is_difference(self) -> bool {
        matches!(
            self,
            Self::Bars
                | Self::HandSpan
                | Self::Tempo
                | Self::Valence
                | Self::Tension
                | Self::Locks
                | Self::Attack
                | Self::Release
                | Self::Motion
                | Self::Seam
                | Self::SetLength
                | Self::WavSeam
                | Self::OggSeam
                | Self::MixPeak
        )
    }

    fn effect(self, asked: String, measured: String, figure: f64) -> Effect {
        let reached = if self.is_difference() {
            figure <= self.limit()
        } else {
            figure >= self.limit()
        };
        Effect {
            control: self,
            asked,
            measured,
            figure,
            limit: self.limit(),
            reached,
            not_judged: None,
        }
    }

    /// Pearson's r, where there is any.
    fn curve(self, asked: &[f64], found: &[f64]) -> Option<Effect> {
        let r = correlation(asked, found)?;
        Some(self.effect("r = 1".into(), format!("r = {r:.2}"), r))
    }
}

/// A control, asked beside measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The control.
    pub control: EffectKind,
    /// What was asked, in words.
    pub asked: String,
    /// What was measured, in the same words.
    pub measured: String,
    /// The figure that is judged: a difference, a share or a correlation.
    pub figure: f64,
    /// What it is held against.
    pub limit: f64,
    /// Whether it did what was asked; true where that is not judged.
    pub reached: bool,
    /// Why it is not judged, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<String>,
}

impl Effect {
    /// What is said beside asked and measured: nothing where all is well.
    pub fn verdict(&self) -> String {
        match (&self.not_judged, self.reached) {
            (Some(reason), _) => format!("not judged: {reason}"),
            (None, true) => String::new(),
            (None, false) => "missed".into(),
        }
    }

    fn not_judged(self, reason: String) -> Self {
        Self {
            reached: true,
            not_judged: Some(reason),
            ..self
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.control.name();
        write!(
            f,
            "asked for {name} {}, measured {}",
            self.asked, self.measured
        )
    }
}

/// The bars of a score, of which some were written.
struct Written<'a> {
    score: &'a Score,
    bars: Range<usize>,
    /// Where each bar begins, and where the last one ends.
    onsets: Vec<Quarters>,
}

impl<'a> Written<'a> {
    fn new(score: &'a Score, bars: Range<usize>) -> Self {
        let onsets = score.bar_onsets();
        Self {
            score,
            bars,
            onsets,
        }
    }

    fn bar_of(&self, note: &Note) -> usize {
        let after = self.onsets.partition_point(|onset| *onset <= note.onset);
        after.saturating_sub(1)
    }

    /// Those of `notes` that begin in a written bar.
    fn notes<'n>(&self, notes: &'n [Note]) -> impl Iterator<Item = &'n Note> {
        let is_written = |note: &&Note| self.bars.contains(&self.bar_of(note));
        notes.iter().filter(is_written)
    }

    fn count(&self, asked: usize) -> Effect {
        let found = self.score.bars.len();
        let difference = asked.abs_diff(found) as f64;
        EffectKind::Bars.effect(asked.to_string(), found.to_string(), difference)
    }

    /// Filled bars keep their own metres.
    fn meter(&self, asked: Metre, filled: bool) -> Effect {
        let bars = &self.score.bars[self.bars.clone()];
        let same = |metre| filled || metre == asked;
        let other = bars.iter().map(|bar| bar.metre).find(|metre| !same(*metre));
        let share = share(bars.iter().map(|bar| same(bar.metre)));
        let measured = other.unwrap_or(asked);
        EffectKind::Meter.effect(asked.to_string(), measured.to_string(), share)
    }
}

fn key_effect(asked: Key, in_scale: f64) -> Effect {
    let measured = format!("{:.0} % of notes in its scale", 100.0 * in_scale);
    EffectKind::Key.effect(asked.to_string(), measured, in_scale)
}

fn tempo_effect(asked: f64, found: f64) -> Effect {
    let words = |bpm: f64| format!("{bpm:.1}");
    EffectKind::Tempo.effect(words(asked), words(found), (asked - found).abs())
}

/// Nothing where there is no note.
fn range_effect((lowest, highest): (u8, u8), pitches: &[u8]) -> Option<Effect> {
    let (low, high) = (pitches.iter().min()?, pitches.iter().max()?);
    let inside = |pitch: &u8| (lowest..=highest).contains(pitch);
    let share = share(pitches.iter().map(inside));
    let (asked, measured) = (format!("{lowest}-{highest}"), format!("{low}-{high}"));
    Some(EffectKind::Range.effect(asked, measured, share))
}

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    let hits: Vec<bool> = hits.collect();
    if hits.is_empty() {
        return 1.0;
    }
    hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Pearson's r; nothing where what was asked is the same throughout, 0 where only what was found is.
fn correlation(asked: &[f64], found: &[f64]) -> Option<f64> {
    let (x_mean, y_mean) = (mean(asked.iter().copied()), mean(found.iter().copied()));
    let pairs = || {
        asked
            .iter()
            .zip(found)
            .map(|(x, y)| (x - x_mean, y - y_mean))
    };
    let (x_square, y_square): (f64, f64) =
        pairs().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x * x, sum.1 + y * y));
    if x_square < 1e-12 {
        return None;
    }
    let product: f64 = pairs().map(|(x, y)| x * y).sum();
    Some(if y_square < 1e-12 {
        0.0
    } else {
        product / (x_square * y_square).sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_most_of_differences_and_the_least_of_shares() {
        let judge =
            |kind: EffectKind, figure| kind.effect(String::new(), String::new(), figure).reached;
        assert!(judge(EffectKind::Valence, 0.14) && !judge(EffectKind::Valence, 0.16));
        assert!(judge(EffectKind::Density, 1.0) && !judge(EffectKind::Density, 0.99));
        assert!(judge(EffectKind::TensionCurve, 0.6) && !judge(EffectKind::TensionCurve, f64::NAN));
    }

    #[test]
    fn correlation_of_what_does_not_move() {
        assert_eq!(correlation(&[0.5, 0.5], &[0.1, 0.9]), None);
        assert_eq!(correlation(&[0.1, 0.9], &[0.5, 0.5]), Some(0.0));
        let r = correlation(&[0.0, 1.0, 2.0], &[5.0, 4.0, 3.0]);
        assert!(r.is_some_and(|r| (r + 1.0).abs() < 1e-12));
    }
}
