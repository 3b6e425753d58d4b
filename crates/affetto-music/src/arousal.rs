//! Emotion over the bars: what a request's curves say of each bar and of the whole, and how many events a bar then has.

use std::ops::Range;

use affetto_attributes::DensityClass;
use affetto_emotion::{Channel, Curve, FrameRate, TimeBase, Unit, Vad};
use affetto_media::{Metre, Tempo, f64_from_quarters};

use crate::{
    Error,
    condition::{Control, LeadSheetRequest},
    generate::{BarPlan, Given, Plan},
    grammar::{BarGrammar, BarRule},
    rules,
    tokens::quarters_from_ticks,
};

/// Valence and arousal of the whole, by which key, tempo, range and accompaniment are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mood {
    pub valence: f64,
    pub arousal: f64,
}

impl Mood {
    /// What the request says without its curves.
    pub(crate) fn still(request: &LeadSheetRequest) -> Self {
        let vad = request.emotion.vad();
        Self {
            valence: vad.valence(),
            arousal: match request.arousal {
                Some(Control::Constant(arousal)) => arousal,
                _ => vad.arousal(),
            },
        }
    }

    /// The same, with the mean over the bars of what moves.
    pub(crate) fn over(request: &LeadSheetRequest, timeline: &Timeline) -> Result<Self, Error> {
        let still = Self::still(request);
        let mean = |curve: Vec<f64>| curve.iter().sum::<f64>() / curve.len().max(1) as f64;
        Ok(Self {
            valence: timeline.valence(request).map_or(still.valence, mean),
            arousal: timeline.arousal(request)?.map_or(still.arousal, mean),
        })
    }
}

/// The bars that curves are read at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    bars: usize,
    base: Option<TimeBase>,
}

impl Timeline {
    pub(crate) fn new(bars: usize, metre: Metre, tempo: Tempo) -> Self {
        let beat = f64_from_quarters(metre.beat());
        let seconds = beat * f64::from(tempo.micros_per_quarter()) * 1e-6;
        let frames = FrameRate::new(25, 1);
        Self {
            bars,
            base: TimeBase::new(seconds, f64::from(metre.beats()), frames).ok(),
        }
    }

    /// The values of a control over the bars: what the request says, or what the emotion's curve says.
    pub(crate) fn control(
        &self,
        request: &LeadSheetRequest,
        control: &Option<Control>,
        channel: Channel,
    ) -> Result<Option<Vec<f64>>, Error> {
        let curve = match control {
            Some(Control::Constant(value)) => return Ok(Some(vec![*value; self.bars])),
            Some(Control::Curve(curve)) => Some(curve),
            None => request.emotion.curve(),
        };
        let values = curve.and_then(|curve| self.channel(curve, channel));
        match (control, values) {
            (Some(_), None) => Err(Error::Word {
                text: channel.name().into(),
                expected: "a channel of the given curve",
            }),
            (_, values) => Ok(values),
        }
    }

    /// The valence of each bar, where a curve moves it.
    pub(crate) fn valence(&self, request: &LeadSheetRequest) -> Option<Vec<f64>> {
        self.axis(request, Channel::Valence, Vad::valence)
    }

    /// The arousal of each bar, where a curve moves it.
    pub(crate) fn arousal(&self, request: &LeadSheetRequest) -> Result<Option<Vec<f64>>, Error> {
        match &request.arousal {
            Some(Control::Constant(_)) => Ok(None),
            Some(_) => self.control(request, &request.arousal, Channel::Arousal),
            None => Ok(self.axis(request, Channel::Arousal, Vad::arousal)),
        }
    }

    fn channel(&self, curve: &Curve, channel: Channel) -> Option<Vec<f64>> {
        let base = self.base.as_ref()?;
        let at = |bar| curve.value(channel, curve.position(middle(bar), Unit::Bars, base));
        (0..self.bars).map(at).collect()
    }

    /// One coordinate of the emotion at each bar, where the emotion's curve moves it: by its numbers, by its words, or
    /// by how strong it is.
    fn axis(
        &self,
        request: &LeadSheetRequest,
        channel: Channel,
        of: fn(Vad) -> f64,
    ) -> Option<Vec<f64>> {
        let (base, curve) = (self.base.as_ref()?, request.emotion.curve()?);
        let by_words = curve.keys().iter().any(|key| key.mixture.is_some());
        let by_strength = curve.names(Channel::Intensity) && of(request.emotion.vad()) != 0.0;
        let at = |bar| of(request.emotion.at(middle(bar), Unit::Bars, base).vad());
        (curve.names(channel) || by_words || by_strength).then(|| (0..self.bars).map(at).collect())
    }
}

/// Where on a curve a bar is read: in its middle.
fn middle(bar: usize) -> f64 {
    bar as f64 + 0.5
}

/// How far the number of events may be from what arousal asks of a bar, as a share of it.
const TOLERANCE: f64 = 0.2;

/// Lets the bars `bars` of `plan` have about as many events as their arousal asks, where they are free to: a bar whose
/// melody is given keeps its own, and one that repeats another repeats it only where arousal asks the same of both.
pub(crate) fn move_density(plan: &mut Plan, bars: Range<usize>, arousal: &[f64]) {
    for (bar, arousal) in bars.zip(arousal) {
        let plan_of_bar = &mut plan.bars[bar];
        if !matches!(plan_of_bar.given, Given::Melody(_) | Given::Events(_)) {
            ask(plan_of_bar, *arousal);
        }
        if let Given::Repeat(from) | Given::RepeatChords(from) = plan.bars[bar].given
            && plan.bars[from].rule.events != plan.bars[bar].rule.events
        {
            plan.bars[bar].given = Given::Nothing;
        }
    }
}

/// Asks for the events that suit `arousal`, if any rhythm has them.
fn ask(bar: &mut BarPlan, arousal: f64) {
    let quarters = f64_from_quarters(quarters_from_ticks(bar.context.length));
    let wanted = rules::events_per_quarter(arousal) * quarters;
    let fewest = ((wanted * (1.0 - TOLERANCE)).round() as usize).max(1);
    let most = ((wanted * (1.0 + TOLERANCE)).round() as usize).max(fewest + 1);
    let (cuts, chords) = match &bar.given {
        Given::Chords(chords) => (chords.iter().map(|(tick, _)| *tick).collect(), chords.len()),
        _ => (bar.rule.cuts.clone(), 0),
    };
    let rule = BarRule {
        events: fewest..=most.max(chords),
        ..bar.rule.clone()
    };
    let with_cuts = BarRule {
        cuts,
        ..rule.clone()
    };
    if BarGrammar::new(&bar.context, with_cuts).is_ok() {
        bar.context.density = Some(DensityClass::from_events(wanted.round() as usize));
        bar.rule = rule;
    }
}
