//! Whether each control did what was asked of it.

use std::{fmt, ops::Range};

use affetto_attributes::{LeadSheetMeasures, ValenceClass, tonality::in_scale_ratio};
use affetto_media::{Note, Quarters, Score};
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
    /// Key: the share of the melody's written notes within its scale, bars of tense harmony aside.
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
    /// Arousal over the bars: Pearson's r with their mean loudness (velocity).
    ArousalLoudness,
    /// Arousal over the bars: Pearson's r with their numbers of events.
    ArousalEvents,
}

impl EffectKind {
    /// Every control.
    pub const ALL: [Self; 12] = [
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
            Self::TensionCurve | Self::ArousalLoudness | Self::ArousalEvents => 0.5,
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
        onsets: composition.score.bar_onsets(),
    };
    let structure = [piece.bars(), piece.meter(), piece.key(), piece.tempo()];
    structure
        .into_iter()
        .chain(piece.range())
        .chain(piece.valence())
        .chain(piece.density())
        .chain(piece.tension())
        .chain(piece.arousal())
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
    /// Where each bar begins, and where the last one ends.
    onsets: Vec<Quarters>,
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

    /// Of what was written. Tense chords have notes outside the scale, and a melody sings them: a bar of which much
    /// tension is asked says nothing of the key.
    fn key(&self) -> Effect {
        let tension = |at: usize| self.asked.tension_per_bar.as_ref()?.get(at).copied();
        let calm = |at: usize| tension(at).is_none_or(|tension| tension <= TENSE);
        let in_scale = |keep: &dyn Fn(usize) -> bool| {
            let bars = self.written.clone().enumerate();
            let bars = bars.filter(|(at, _)| keep(*at)).map(|(_, bar)| bar);
            in_scale_ratio(&self.melody_of(bars.collect()))
        };
        let judged = self.written.clone().enumerate().any(|(at, _)| calm(at));
        let share = in_scale(if judged { &calm } else { &|_| true });
        let measured = format!("{:.0} % of notes in its scale", 100.0 * share);
        let effect = EffectKind::Key.effect(self.asked.key.to_string(), measured, share);
        if judged {
            return effect;
        }
        let reason = format!("tension above {TENSE} is asked, and tense chords leave the scale");
        effect.not_judged(reason)
    }

    /// The score with the notes of the melody that begin in `bars` alone.
    fn melody_of(&self, bars: Vec<usize>) -> Score {
        let mut score = self.score.lead_sheet();
        for part in &mut score.parts {
            part.notes.retain(|note| bars.contains(&self.bar_of(note)));
        }
        score
    }

    fn bar_of(&self, note: &Note) -> usize {
        let after = self.onsets.partition_point(|onset| *onset <= note.onset);
        after.saturating_sub(1)
    }

    fn tempo(&self) -> Effect {
        let (asked, found) = (self.asked.tempo_bpm, self.score.tempo().bpm());
        let words = |bpm: f64| format!("{bpm:.1}");
        EffectKind::Tempo.effect(words(asked), words(found), (asked - found).abs())
    }

    /// Of what was written; a kept melody keeps its range.
    fn range(&self) -> Option<Effect> {
        let (lowest, highest) = self.asked.range;
        let pitches: Vec<u8> = self
            .score
            .melody()?
            .notes
            .iter()
            .filter(|note| self.written.contains(&self.bar_of(note)))
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
        if let Some(effect) = EffectKind::TensionCurve.curve(asked, &found) {
            return Some(effect);
        }
        let (asked, found) = (mean(asked.iter().copied()), mean(found.iter().copied()));
        let words = |tension: f64| format!("{tension:.2}");
        Some(EffectKind::Tension.effect(words(asked), words(found), (asked - found).abs()))
    }

    /// Where arousal moves, of loudness; and of events, unless they are given or asked for themselves.
    fn arousal(&self) -> Vec<Effect> {
        let Some(asked) = &self.asked.arousal_per_bar else {
            return Vec::new();
        };
        let loudness = self.loudness_per_bar();
        let bars = &self.measured.bars[self.written.clone()];
        let events: Vec<f64> = bars.iter().map(|bar| bar.events as f64).collect();
        let free = self.request.keep.is_none() && self.asked.events_per_bar.is_none();
        let span = asked.iter().copied().fold(f64::MIN, f64::max)
            - asked.iter().copied().fold(f64::MAX, f64::min);
        [
            EffectKind::ArousalLoudness.curve(asked, &loudness),
            EffectKind::ArousalEvents
                .curve(asked, &events)
                .filter(|_| free),
        ]
        .into_iter()
        .flatten()
        .map(|effect| match span < SMALLEST_SPAN {
            true => effect.not_judged(format!("it moves by less than {SMALLEST_SPAN}")),
            false => effect,
        })
        .collect()
    }

    /// The mean velocity of all notes that begin in each written bar; that of the whole where none does.
    fn loudness_per_bar(&self) -> Vec<f64> {
        let mut velocities: Vec<Vec<f64>> = vec![Vec::new(); self.score.bars.len().max(1)];
        for note in self.score.parts.iter().flat_map(|part| &part.notes) {
            velocities[self.bar_of(note)].push(f64::from(note.velocity));
        }
        let whole = mean(velocities.iter().flatten().copied());
        self.written
            .clone()
            .map(|bar| match velocities[bar].as_slice() {
                [] => whole,
                some => mean(some.iter().copied()),
            })
            .collect()
    }
}

/// Above this tension chords leave the scale: of twelve pieces each, one was below the limit of the key where a tension
/// of 0.4 was asked, seven where 0.5 was.
const TENSE: f64 = 0.45;
/// A curve of arousal that moves less is not expected to show in whole numbers of events.
const SMALLEST_SPAN: f64 = 0.5;

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
    #![allow(clippy::unwrap_used)]
    use affetto_core::Silent;
    use affetto_emotion::{Channel, Curve, Unit};
    use affetto_media::{Key, Role};
    use affetto_music::{
        compose::{Sources, compose},
        condition::Control,
        statistics::Statistics,
        trigram::Trigram,
    };

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

    fn write(request: &LeadSheetRequest) -> Composition {
        let (model, statistics) = (Trigram::train(&[], 3), Statistics::default());
        compose(request, &Sources::default(), &model, &statistics, &Silent).unwrap()
    }

    fn judge(request: &LeadSheetRequest, composition: &Composition) -> Vec<Effect> {
        let measured = LeadSheetMeasures::of(&composition.score);
        let bars = composition.score.bars.len();
        let written = written_bars(request, &composition.asked, bars);
        effects(request, composition, &measured, written)
    }

    fn found(effects: &[Effect], kind: EffectKind) -> Option<&Effect> {
        effects.iter().find(|effect| effect.control == kind)
    }

    fn curve(channel: Channel, text: &str) -> Option<Control> {
        let curve = Curve::parse(channel, Unit::Bars, None, text);
        Some(Control::Curve(curve.unwrap()))
    }

    /// Four bars of C major, whose melody is then put outside the scale in the bars `outside`.
    fn chromatic_in(outside: Range<usize>, tension: Option<Control>) -> Effect {
        let request = LeadSheetRequest {
            bars: Some(4),
            key: Some(Key::C_MAJOR),
            tension,
            ..LeadSheetRequest::default()
        };
        let mut composition = write(&request);
        let onsets = composition.score.bar_onsets();
        let melody = composition
            .score
            .parts
            .iter_mut()
            .find(|part| part.role == Role::Melody);
        for note in &mut melody.unwrap().notes {
            let bar = onsets.iter().filter(|onset| **onset <= note.onset).count() - 1;
            note.pitch = if outside.contains(&bar) { 61 } else { 60 };
        }
        found(&judge(&request, &composition), EffectKind::Key)
            .unwrap()
            .clone()
    }

    #[test]
    fn a_key_is_judged_where_the_harmony_is_calm() {
        assert_eq!(chromatic_in(0..0, None).verdict(), "");
        assert_eq!(chromatic_in(2..4, None).verdict(), "missed");
        let rising = || curve(Channel::Tension, "0:0.1:hold, 2:0.9");
        let effect = chromatic_in(2..4, rising());
        assert_eq!((effect.verdict().as_str(), effect.figure), ("", 1.0));
        assert_eq!(chromatic_in(0..2, rising()).verdict(), "missed");
        let tense = chromatic_in(0..4, Some(Control::Constant(0.9)));
        assert!(tense.reached && tense.figure == 0.0);
        assert!(
            tense
                .verdict()
                .starts_with("not judged: tension above 0.45")
        );
    }

    #[test]
    fn arousal_over_the_bars_is_measured_in_loudness_and_events() {
        let moving = |text: &str| LeadSheetRequest {
            bars: Some(12),
            arousal: curve(Channel::Arousal, text),
            ..LeadSheetRequest::default()
        };
        let request = moving("0:-1, 12:1");
        let composition = write(&request);
        let effects = judge(&request, &composition);
        for kind in [EffectKind::ArousalLoudness, EffectKind::ArousalEvents] {
            let effect = found(&effects, kind).unwrap();
            assert!(effect.figure > 0.8, "{effect}");
        }
        // The same music, asked to grow calmer.
        let mut other = composition.clone();
        other.asked.arousal_per_bar.as_mut().unwrap().reverse();
        for kind in [EffectKind::ArousalLoudness, EffectKind::ArousalEvents] {
            assert!(!found(&judge(&request, &other), kind).unwrap().reached);
        }
        let little = moving("0:0, 12:0.1");
        let effects = judge(&little, &write(&little));
        let verdict = found(&effects, EffectKind::ArousalEvents)
            .unwrap()
            .verdict();
        assert!(verdict.starts_with("not judged: it moves"), "{verdict}");
        let density = LeadSheetRequest {
            density: Some(Control::Constant(0.5)),
            ..moving("0:-1, 12:1")
        };
        let effects = judge(&density, &write(&density));
        assert!(found(&effects, EffectKind::ArousalEvents).is_none());
    }
}
