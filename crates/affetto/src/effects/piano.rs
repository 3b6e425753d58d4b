//! Of piano music.

use affetto_music::piano::{
    compose::{PianoAsked, PianoComposition, PianoMeasured},
    condition::PianoRequest,
};

use super::{Effect, EffectKind, Written, key_effect, range_effect, tempo_effect};

/// An emotion nearer to the middle asks for no side of it.
const CLEAR: f64 = 0.3;

/// Judges every control of `request` on the bars that it wrote.
pub(crate) fn piano_effects(request: &PianoRequest, composition: &PianoComposition) -> Vec<Effect> {
    let PianoComposition {
        score,
        written,
        asked,
        measured,
    } = composition;
    let written = Written::new(score, written.clone());
    let begin = written.onsets[written.bars.start];
    let structure = [
        written.count(asked.bars),
        written.meter(asked.meter, request.fill.is_some()),
        key_effect(asked.key, measured.in_scale_ratio),
        tempo_effect(asked.tempo_bpm, score.tempo_at(begin).bpm()),
    ];
    let notes = score.parts.iter().flat_map(|part| &part.notes);
    let notes = notes.filter(|note| written.bars.contains(&written.bar_of(note)));
    let pitches: Vec<u8> = notes.map(|note| note.pitch).collect();
    structure
        .into_iter()
        .chain(range_effect(asked.range, &pitches))
        .chain([hand_span(asked, measured)])
        .chain(ending(request, asked, measured))
        .chain(attributes(asked, measured))
        .chain(sides(request, asked, measured))
        .collect()
}

fn hand_span(asked: &PianoAsked, measured: &PianoMeasured) -> Effect {
    let wider = measured.hand_span.saturating_sub(asked.hand_span);
    let asked = format!("at most {}", asked.hand_span);
    EffectKind::HandSpan.effect(asked, measured.hand_span.to_string(), wider.into())
}

/// Whether the last bar comes to rest, where it is to.
fn ending(request: &PianoRequest, asked: &PianoAsked, measured: &PianoMeasured) -> Option<Effect> {
    let found = measured.at_rest.filter(|_| asked.ends)?;
    let effect = EffectKind::Ending.effect("at rest".into(), format!("{found:.2}"), found);
    Some(given(effect, request))
}

/// What the given melody and chords of an arrangement decide is not judged.
fn given(effect: Effect, request: &PianoRequest) -> Effect {
    match &request.arrange {
        Some(_) => effect.not_judged("the melody and the chords are given".into()),
        None => effect,
    }
}

fn attributes(asked: &PianoAsked, measured: &PianoMeasured) -> Option<Effect> {
    let (count, share) = (asked.attributes.len(), measured.bits_hit);
    let hit = (share * count as f64).round();
    let words = (count.to_string(), format!("{hit} on the asked side"));
    (count > 0).then(|| EffectKind::Attributes.effect(words.0, words.1, share))
}

/// Whether the music is pleasant and whether it is awake, as its attributes tell, where the emotion says so clearly.
fn sides(request: &PianoRequest, asked: &PianoAsked, measured: &PianoMeasured) -> Vec<Effect> {
    let [q1, q2, _, q4] = measured.quadrants;
    let valence = Side {
        kind: EffectKind::ValenceSide,
        asked: asked.valence,
        above: q1 + q4,
        names: ["unpleasant", "pleasant"],
    };
    let arousal = Side {
        kind: EffectKind::ArousalSide,
        asked: asked.arousal,
        above: q1 + q2,
        names: ["calm", "awake"],
    };
    let sides = [valence, arousal].into_iter().filter_map(Side::effect);
    sides.map(|effect| given(effect, request)).collect()
}

/// One axis of the emotion.
struct Side {
    kind: EffectKind,
    /// -1..=1.
    asked: f64,
    /// How likely the music is above the middle.
    above: f64,
    /// Below and above it.
    names: [&'static str; 2],
}

impl Side {
    fn effect(self) -> Option<Effect> {
        if self.asked.abs() <= CLEAR {
            return None;
        }
        let is_above = self.asked > 0.0;
        let likely = if is_above {
            self.above
        } else {
            1.0 - self.above
        };
        let asked = format!("{} ({:+.2})", self.names[usize::from(is_above)], self.asked);
        let found = self.names[usize::from(self.above >= 0.5)];
        let sure = 100.0 * self.above.max(1.0 - self.above);
        let measured = format!("{found} ({sure:.0} % sure)");
        Some(self.kind.effect(asked, measured, likely))
    }
}

#[cfg(test)]
mod tests {
    use affetto_media::{Bar, Key, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange};
    use affetto_music::piano::{compose::AskedAttribute, condition::AttributeWish, tokens::Style};

    use super::*;

    /// Two bars in C with a C4 in each, the second one written, and all that is asked met.
    fn composition() -> PianoComposition {
        let note = |onset: i64| Note {
            onset: Quarters::from_integer(onset),
            pitch: 60,
            duration: Quarters::ONE,
            velocity: 80,
        };
        let score = Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 2],
            tempos: vec![TempoChange {
                onset: Quarters::ZERO,
                tempo: Tempo::from_bpm(90.0),
            }],
            chords: Vec::new(),
            sections: Vec::new(),
            parts: vec![Part {
                name: "Right hand".into(),
                role: Role::Other,
                program: 0,
                channel: 0,
                notes: vec![note(0), note(4)],
            }],
        };
        let attribute = |attribute| AskedAttribute {
            attribute,
            wish: AttributeWish::High,
            from: None,
            to: None,
        };
        PianoComposition {
            score,
            written: 1..2,
            asked: PianoAsked {
                valence: 0.8,
                arousal: -0.5,
                points_per_bar: None,
                attributes: affetto_attributes::piece::Attribute::ALL[..5]
                    .iter()
                    .copied()
                    .map(attribute)
                    .collect(),
                key: Key::C_MAJOR,
                meter: Metre::COMMON,
                bars: 2,
                tempo_bpm: 90.0,
                range: (21, 108),
                hand_span: 14,
                style: Style::ALL[0],
                ends: true,
            },
            measured: PianoMeasured {
                attributes: Vec::new(),
                bits_hit: 0.8,
                range: Some((60, 60)),
                hand_span: 12,
                in_scale_ratio: 0.9,
                quadrants: [0.2, 0.1, 0.1, 0.6],
                at_rest: Some(0.8),
            },
        }
    }

    fn judge(composition: &PianoComposition) -> Vec<Effect> {
        piano_effects(&PianoRequest::default(), composition)
    }

    fn missed(composition: &PianoComposition) -> Vec<EffectKind> {
        let effects = judge(composition).into_iter();
        let missed = effects.filter(|effect| !effect.reached);
        missed.map(|effect| effect.control).collect()
    }

    #[test]
    fn each_control_is_judged_and_met() {
        let effects = judge(&composition());
        let kinds: Vec<EffectKind> = effects.iter().map(|effect| effect.control).collect();
        use EffectKind::*;
        assert_eq!(
            kinds,
            [
                Bars,
                Meter,
                Key,
                Tempo,
                Range,
                HandSpan,
                Ending,
                Attributes,
                ValenceSide,
                ArousalSide
            ]
        );
        assert!(effects.iter().all(|effect| effect.reached), "{effects:?}");
        let words = |at: usize| (effects[at].asked.as_str(), effects[at].measured.as_str());
        assert_eq!(words(6), ("at rest", "0.80"));
        assert_eq!(words(7), ("5", "4 on the asked side"));
        assert_eq!(words(8), ("pleasant (+0.80)", "pleasant (80 % sure)"));
        assert_eq!(words(9), ("calm (-0.50)", "calm (70 % sure)"));
    }

    #[test]
    fn what_is_missed_is_said() {
        use EffectKind::*;
        let change = |change: &dyn Fn(&mut PianoComposition)| {
            let mut composition = composition();
            change(&mut composition);
            missed(&composition)
        };
        assert_eq!(change(&|it| it.asked.bars = 3), [Bars]);
        assert_eq!(
            change(&|it| it.score.bars[1].metre = Metre::new(3, 4).unwrap_or(Metre::COMMON)),
            [Meter]
        );
        assert_eq!(change(&|it| it.measured.in_scale_ratio = 0.7), [Key]);
        assert_eq!(change(&|it| it.asked.tempo_bpm = 91.0), [Tempo]);
        assert_eq!(change(&|it| it.asked.range = (61, 80)), [Range]);
        assert_eq!(change(&|it| it.measured.hand_span = 15), [HandSpan]);
        assert_eq!(change(&|it| it.measured.at_rest = Some(0.5)), [Ending]);
        assert_eq!(change(&|it| it.measured.bits_hit = 0.55), [Attributes]);
        assert_eq!(change(&|it| it.asked.valence = -0.4), [ValenceSide]);
        assert_eq!(change(&|it| it.asked.arousal = 0.4), [ArousalSide]);
        // Bars that were there before are not judged.
        assert_eq!(change(&|it| it.score.parts[0].notes[0].pitch = 10), []);
    }

    #[test]
    fn what_is_not_asked_is_not_judged() {
        let mut vague = composition();
        (vague.asked.valence, vague.asked.arousal) = (0.3, -0.1);
        vague.asked.attributes.clear();
        vague.asked.ends = false;
        assert_eq!(judge(&vague).len(), 6);
        let arranged = PianoRequest {
            arrange: Some("a.mid".into()),
            ..PianoRequest::default()
        };
        let mut other = composition();
        other.asked.valence = -0.8;
        let effects = piano_effects(&arranged, &other);
        let side = effects
            .iter()
            .find(|it| it.control == EffectKind::ValenceSide);
        assert!(side.is_some_and(|side| side.reached && side.verdict().starts_with("not judged")));
    }
}
