//! Of lead sheets.

use std::ops::Range;

use affetto_attributes::{LeadSheetMeasures, ValenceClass, tonality::in_scale_ratio};
use affetto_media::Score;
use affetto_music::{
    compose::{Asked, Composition},
    condition::LeadSheetRequest,
};

use super::{Effect, EffectKind, Written, key_effect, mean, range_effect, share, tempo_effect};

/// Judges every control of `request` on the bars that it wrote.
pub(crate) fn lead_sheet_effects(
    request: &LeadSheetRequest,
    composition: &Composition,
    measured: &LeadSheetMeasures,
    written: Range<usize>,
) -> Vec<Effect> {
    let (asked, score) = (&composition.asked, &composition.score);
    let piece = Piece {
        request,
        asked,
        measured,
        written: Written::new(score, written),
    };
    let structure = [
        piece.written.count(asked.bars),
        piece.written.meter(asked.meter, request.fill.is_some()),
        piece.key(),
        tempo_effect(asked.tempo_bpm, score.tempo().bpm()),
    ];
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
    measured: &'a LeadSheetMeasures,
    written: Written<'a>,
}

impl Piece<'_> {
    /// Of what was written. Tense chords have notes outside the scale, and a melody sings them: a bar of which much
    /// tension is asked says nothing of the key.
    fn key(&self) -> Effect {
        let tension = |at: usize| self.asked.tension_per_bar.as_ref()?.get(at).copied();
        let calm = |at: usize| tension(at).is_none_or(|tension| tension <= TENSE);
        let in_scale = |keep: &dyn Fn(usize) -> bool| {
            let bars = self.written.bars.clone().enumerate();
            let bars = bars.filter(|(at, _)| keep(*at)).map(|(_, bar)| bar);
            in_scale_ratio(&self.melody_of(bars.collect()))
        };
        let judged = self
            .written
            .bars
            .clone()
            .enumerate()
            .any(|(at, _)| calm(at));
        let share = in_scale(if judged { &calm } else { &|_| true });
        let effect = key_effect(self.asked.key, share);
        if judged {
            return effect;
        }
        let reason = format!("tension above {TENSE} is asked, and tense chords leave the scale");
        effect.not_judged(reason)
    }

    /// The score with the notes of the melody that begin in `bars` alone.
    fn melody_of(&self, bars: Vec<usize>) -> Score {
        let mut score = self.written.score.lead_sheet();
        for part in &mut score.parts {
            part.notes
                .retain(|note| bars.contains(&self.written.bar_of(note)));
        }
        score
    }

    /// Of what was written; a kept melody keeps its range.
    fn range(&self) -> Option<Effect> {
        let melody = &self.written.score.melody()?.notes;
        let pitches: Vec<u8> = self.written.notes(melody).map(|note| note.pitch).collect();
        let effect = range_effect(self.asked.range, &pitches)?;
        self.request.keep.is_none().then_some(effect)
    }

    fn valence(&self) -> Option<Effect> {
        if self.request.chords.is_some() {
            return None; // chords that are given have the valence that they have
        }
        let bars = &self.measured.bars[self.written.bars.clone()];
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
        let hits = self.written.bars.clone().filter_map(|bar| {
            let (asked, found) = (asked.get(bar)?, self.measured.bars.get(bar)?);
            Some(*asked == found.events)
        });
        Some(count_effect(EffectKind::Density, hits))
    }

    fn tension(&self) -> Option<Effect> {
        let asked = self.asked.tension_per_bar.as_ref()?;
        let bars = &self.measured.bars[self.written.bars.clone()];
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
        let bars = &self.measured.bars[self.written.bars.clone()];
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
        let Written { score, bars, .. } = &self.written;
        let mut velocities: Vec<Vec<f64>> = vec![Vec::new(); score.bars.len().max(1)];
        for note in score.parts.iter().flat_map(|part| &part.notes) {
            velocities[self.written.bar_of(note)].push(f64::from(note.velocity));
        }
        let whole = mean(velocities.iter().flatten().copied());
        bars.clone()
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

    fn write(request: &LeadSheetRequest) -> Composition {
        let (model, statistics) = (Trigram::train(&[], 3), Statistics::default());
        compose(request, &Sources::default(), &model, &statistics, &Silent).unwrap()
    }

    fn judge(request: &LeadSheetRequest, composition: &Composition) -> Vec<Effect> {
        let measured = LeadSheetMeasures::of(&composition.score);
        let bars = composition.score.bars.len();
        let written = written_bars(request, &composition.asked, bars);
        lead_sheet_effects(request, composition, &measured, written)
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
