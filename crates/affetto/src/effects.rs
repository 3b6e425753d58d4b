//! Whether each control did what was asked of it.

use std::{fmt, ops::Range};

use affetto_attributes::{LeadSheetMeasures, ValenceClass};
use affetto_media::Score;
use affetto_music::{
    compose::{Asked, Composition},
    condition::LeadSheetRequest,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A control and the figure by which its effect is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Number of bars: the difference.
    Bars,
    /// Time signature: the share of written bars that have it.
    Meter,
    /// Key: the share of the melody's notes within its scale.
    Key,
    /// Tempo: the difference in quarter notes per minute.
    Tempo,
    /// Range: the share of the melody's written notes inside it.
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
}

impl EffectKind {
    /// Every control.
    pub const ALL: [Self; 10] = [
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
        }
    }

    /// What its figure is held against: the most for differences, the least for shares and for r.
    pub const fn limit(self) -> f64 {
        match self {
            Self::Bars => 0.0,
            Self::Tempo => 0.01, // a tempo is held in whole microseconds
            Self::Meter | Self::Range | Self::ValenceClass | Self::Density => 1.0,
            // By chance, 7 of 12 notes lie in a major scale and 9 of 12 in a minor one with both sixths and sevenths.
            Self::Key => 0.8,
            Self::Valence => 0.15,
            Self::Tension => 0.15,
            Self::TensionCurve => 0.5,
        }
    }

    const fn is_difference(self) -> bool {
        matches!(
            self,
            Self::Bars | Self::Tempo | Self::Valence | Self::Tension
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
        }
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
    /// Whether it did what was asked.
    pub reached: bool,
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

/// Judges every control of `request` on the bars that it wrote.
pub(crate) fn effects(
    request: &LeadSheetRequest,
    composition: &Composition,
    measured: &LeadSheetMeasures,
    written: Range<usize>,
) -> Vec<Effect> {
    let piece = Piece {
        request,
        asked: &composition.asked,
        score: &composition.score,
        measured,
        written,
    };
    let structure = [piece.bars(), piece.meter(), piece.key(), piece.tempo()];
    structure
        .into_iter()
        .chain(piece.range())
        .chain(piece.valence())
        .chain(piece.density())
        .chain(piece.tension())
        .collect()
}

/// The bars that the request wrote: the filled ones, or those after what was given.
pub(crate) fn written_bars(request: &LeadSheetRequest, asked: &Asked, bars: usize) -> Range<usize> {
    match request.fill {
        Some(fill) => (fill.first - 1).min(bars)..fill.last.min(bars),
        None => bars.saturating_sub(asked.valence_per_bar.len())..bars,
    }
}

struct Piece<'a> {
    request: &'a LeadSheetRequest,
    asked: &'a Asked,
    score: &'a Score,
    measured: &'a LeadSheetMeasures,
    written: Range<usize>,
}

impl Piece<'_> {
    fn bars(&self) -> Effect {
        let (asked, found) = (self.asked.bars, self.score.bars.len());
        EffectKind::Bars.effect(
            asked.to_string(),
            found.to_string(),
            asked.abs_diff(found) as f64,
        )
    }

    fn meter(&self) -> Effect {
        let bars = &self.score.bars[self.written.clone()];
        let filled = self.request.fill.is_some(); // filled bars keep their own
        let same = |metre| filled || metre == self.asked.meter;
        let other = bars.iter().map(|bar| bar.metre).find(|metre| !same(*metre));
        let share = share(bars.iter().map(|bar| same(bar.metre)));
        let measured = other.unwrap_or(self.asked.meter);
        EffectKind::Meter.effect(self.asked.meter.to_string(), measured.to_string(), share)
    }

    fn key(&self) -> Effect {
        let share = self.measured.melody.in_scale_ratio;
        let measured = format!("{:.0} % of notes in its scale", 100.0 * share);
        EffectKind::Key.effect(self.asked.key.to_string(), measured, share)
    }

    fn tempo(&self) -> Effect {
        let (asked, found) = (self.asked.tempo_bpm, self.score.tempo().bpm());
        let words = |bpm: f64| format!("{bpm:.1}");
        EffectKind::Tempo.effect(words(asked), words(found), (asked - found).abs())
    }

    /// Of what was written; a kept melody keeps its range.
    fn range(&self) -> Option<Effect> {
        let (lowest, highest) = self.asked.range;
        let onsets = self.score.bar_onsets();
        let (start, end) = (onsets[self.written.start], onsets[self.written.end]);
        let pitches: Vec<u8> = self
            .score
            .melody()?
            .notes
            .iter()
            .filter(|note| start <= note.onset && note.onset < end)
            .map(|note| note.pitch)
            .collect();
        let (low, high) = (pitches.iter().min()?, pitches.iter().max()?);
        let share = share(
            pitches
                .iter()
                .map(|pitch| (lowest..=highest).contains(pitch)),
        );
        let asked = format!("{lowest}-{highest}");
        let effect = EffectKind::Range.effect(asked, format!("{low}-{high}"), share);
        self.request.keep.is_none().then_some(effect)
    }

    fn valence(&self) -> Option<Effect> {
        if self.request.chords.is_some() {
            return None; // chords that are given have the valence that they have
        }
        let bars = &self.measured.bars[self.written.clone()];
        if self.asked.valence_enforced {
            let asked = self.asked.valence_per_bar.iter();
            let hits = asked
                .zip(bars)
                .map(|(asked, bar)| ValenceClass::from_valence(*asked) == bar.valence_class);
            return Some(count_effect(EffectKind::ValenceClass, hits));
        }
        let found = mean(bars.iter().map(|bar| bar.valence));
        let words = |valence: f64| format!("{valence:.2}");
        let asked = self.asked.valence;
        Some(EffectKind::Valence.effect(words(asked), words(found), (asked - found).abs()))
    }

    fn density(&self) -> Option<Effect> {
        let asked = self.asked.events_per_bar.as_ref()?;
        let hits = self.written.clone().filter_map(|bar| {
            let (asked, found) = (asked.get(bar)?, self.measured.bars.get(bar)?);
            Some(*asked == found.events)
        });
        Some(count_effect(EffectKind::Density, hits))
    }

    fn tension(&self) -> Option<Effect> {
        let asked = self.asked.tension_per_bar.as_ref()?;
        let bars = &self.measured.bars[self.written.clone()];
        let found: Vec<f64> = bars.iter().map(|bar| bar.tension).collect();
        if let Some(r) = correlation(asked, &found) {
            let measured = format!("r = {r:.2}");
            return Some(EffectKind::TensionCurve.effect("r = 1".into(), measured, r));
        }
        let (asked, found) = (mean(asked.iter().copied()), mean(found.iter().copied()));
        let words = |tension: f64| format!("{tension:.2}");
        Some(EffectKind::Tension.effect(words(asked), words(found), (asked - found).abs()))
    }
}

fn count_effect(kind: EffectKind, hits: impl Iterator<Item = bool>) -> Effect {
    let hits: Vec<bool> = hits.collect();
    let reached = hits.iter().filter(|hit| **hit).count();
    let asked = format!("in {} bars", hits.len());
    kind.effect(asked, format!("in {reached} bars"), share(hits.into_iter()))
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
