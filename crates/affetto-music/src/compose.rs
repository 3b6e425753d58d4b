//! One request in, one lead sheet out.

use std::ops::Range;

use affetto_attributes::{tension::chord_tension, valence::piece_valence};
use affetto_core::{Progress, Seed};
use affetto_emotion::{Channel, Emotion};
use affetto_media::{Bar, ChordChange, Key, Metre, Note, Quarters, Role, Score, Section, Tempo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    arousal::{Mood, Timeline, move_density},
    arrange::{Accompaniment, arrange_along, humanize, shape_melody_along},
    candidates::{Judged, best},
    condition::{BARS, LeadSheetRequest, within},
    generate::{BarPlan, Given, GivenEvent, Plan, generate, log_likelihood},
    grammar::BarRule,
    next_token::{Interruptible, NextToken},
    plan::{VALENCE_RANGE, ValenceWish, Wish, events_per_quarter, model_range, plan},
    progression::Progression,
    rules,
    statistics::{CLASS_MIDDLES, Statistics, valence_place},
    title::{LEAD_SHEET, is_due, title},
    tokens::{
        Degree, Sequence, Token, Transposition, encode, metre_place, octave_shift, spell,
        split_duration, ticks_from_quarters,
    },
};

/// The files that a request names, read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Of `keep`.
    pub keep: Option<Score>,
    /// Of `continue_from`.
    pub continue_from: Option<Score>,
    /// Of `fill_in`.
    pub fill_in: Option<Score>,
}

/// A lead sheet with its accompaniment, and what was asked of it.
#[derive(Clone, Debug)]
pub struct Composition {
    /// The music.
    pub score: Score,
    /// What was asked, words resolved.
    pub asked: Asked,
}

/// What was asked, words resolved; one value a bar where it is a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Valence of each bar, -0.81..=0.87 (what chords can have).
    pub valence_per_bar: Vec<f64>,
    /// Their mean.
    pub valence: f64,
    /// Whether the class of each bar was enforced.
    pub valence_enforced: bool,
    /// Arousal, -1..=1; the mean of its curve where it has one.
    pub arousal: f64,
    /// Arousal of each bar, where it moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arousal_per_bar: Option<Vec<f64>>,
    /// Events in each bar, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_bar: Option<Vec<usize>>,
    /// Tension of each bar, 0..=1, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tension_per_bar: Option<Vec<f64>>,
    /// The key.
    pub key: Key,
    /// The time signature of the bars written.
    pub meter: Metre,
    /// Bars in all, a pick-up included.
    pub bars: usize,
    /// Quarter notes per minute.
    pub tempo_bpm: f64,
    /// The melody's range, MIDI numbers.
    pub range: (u8, u8),
    /// How the chords are played.
    pub accompaniment: Accompaniment,
}

/// How many fillings are written to choose from.
const FILLINGS: u64 = 6;

/// Writes the lead sheet that `request` asks for.
///
/// # Errors
///
/// What cannot be done as asked, and [`Error::Cancelled`] soon after `progress` says so.
pub fn compose<M: NextToken + Sync>(
    request: &LeadSheetRequest,
    sources: &Sources,
    model: &M,
    statistics: &Statistics,
    progress: &dyn Progress,
) -> Result<Composition, Error> {
    request.check()?;
    let frame = Frame::new(request, sources)?;
    let wish = wish(request, &frame)?;
    let arousal = frame.timeline().arousal(request)?;
    // A filling is chosen by how well the bars after it follow.
    let count = match frame.kind {
        Kind::Fill { .. } => 1,
        _ => request.candidates,
    };
    let critic = statistics.critic.as_ref();
    let sheet = best(critic, count, request.seed, progress, |seed, progress| {
        let (mut plan, mut transposition) = plan(&wish, statistics, seed);
        let given = Source::new(&frame, &wish, &mut transposition)?;
        given.apply(&mut plan);
        if let (Some(arousal), None) = (&arousal, &wish.density) {
            let bars = given.full_bars(&plan, &wish);
            move_density(&mut plan, bars, arousal);
        }
        (plan.lowest, plan.highest) = model_range(wish.range, transposition.semitones);
        let model = Interruptible { model, progress };
        write(&model, plan, &given, transposition, &wish, seed, progress)
    })?;
    let asked = asked(&sheet.plan, &wish, &frame, arousal, request);
    let score = finish(sheet, &frame, &asked, request);
    Ok(Composition { score, asked })
}

/// What must be settled before the wish: key, metre, tempo, bars and mood, from the request and its sources.
struct Frame<'a> {
    key: Key,
    metre: Metre,
    tempo: Tempo,
    /// Bars to be written or harmonised.
    bars: usize,
    pickup: i64,
    mood: Mood,
    source: Option<&'a Score>,
    kind: Kind,
    progression: Option<Progression>,
}

/// What a request starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Keep,
    Continue,
    Fill { first: usize, last: usize },
}

impl Kind {
    fn of<'a>(request: &LeadSheetRequest, sources: &'a Sources) -> (Self, Option<&'a Score>) {
        if let Some(score) = &sources.keep {
            return (Self::Keep, Some(score));
        }
        if let Some(score) = &sources.continue_from {
            return (Self::Continue, Some(score));
        }
        match (&sources.fill_in, request.fill) {
            (Some(score), Some(range)) => {
                let (first, last) = (range.first, range.last);
                (Self::Fill { first, last }, Some(score))
            }
            _ => (Self::New, None),
        }
    }

    /// How many bars are to be written or harmonised.
    fn bars(
        self,
        request: &LeadSheetRequest,
        source: Option<&Score>,
        progression: Option<&Progression>,
    ) -> Result<usize, Error> {
        match (self, source, progression) {
            (Self::Keep, Some(score), _) => Ok(score.bars.len()),
            (Self::Fill { first, last }, Some(score), _) if last > score.bars.len() => {
                let bars = score.bars.len();
                Err(Error::Fill { first, last, bars })
            }
            (Self::Fill { first, last }, ..) => Ok(last + 1 - first),
            (_, _, Some(progression)) => {
                let bars = request.bars.unwrap_or(progression.bars());
                within("bars", Some(bars as f64), 1.0, *BARS.end() as f64)?;
                Ok(bars)
            }
            _ => Ok(request.bars.unwrap_or(16)),
        }
    }
}

impl<'a> Frame<'a> {
    fn new(request: &LeadSheetRequest, sources: &'a Sources) -> Result<Self, Error> {
        let (kind, source) = Kind::of(request, sources);
        let of_source = source.and_then(|score| score.bars.last());
        let metre = request
            .meter
            .or(of_source.map(|bar| bar.metre))
            .unwrap_or(Metre::COMMON);
        if metre_place(metre).is_none() {
            return Err(Error::Metre { metre });
        }
        let progression = request
            .chords
            .as_ref()
            .map(|text| text.parse::<Progression>())
            .transpose()?;
        let bars = kind.bars(request, source, progression.as_ref())?;
        // A curve in seconds is laid over the bars at the tempo of the emotion without it.
        let still = tempo(request, source, metre, Mood::still(request));
        let mood = Mood::over(request, &Timeline::new(bars, metre, still))?;
        let chosen = rules::key(
            mood.valence,
            mood.arousal,
            &mut request.seed.derive("key").rng(),
        );
        let key = request
            .key
            .or(of_source.map(|bar| bar.key))
            .or(progression.as_ref().map(Progression::key))
            .unwrap_or(chosen);
        Ok(Self {
            key,
            metre,
            tempo: tempo(request, source, metre, mood),
            bars,
            pickup: pickup(request, metre, kind)?,
            mood,
            source,
            kind,
            progression,
        })
    }

    /// The range of the given melody, where there is one.
    fn melody_range(&self) -> Option<(u8, u8)> {
        let pitches = || {
            self.source?
                .melody()
                .map(|part| part.notes.iter().map(|note| note.pitch))
        };
        Some((pitches()?.min()?, pitches()?.max()?))
    }

    /// The mean valence asked for: where the request names no emotion, that of the given chords.
    fn valence(&self, request: &LeadSheetRequest) -> f64 {
        let given = self.source.filter(|score| !score.chords.is_empty());
        match given {
            Some(score) if request.emotion == Emotion::NEUTRAL && self.kind != Kind::Keep => {
                piece_valence(score)
            }
            _ => request.emotion.vad().valence(),
        }
    }

    fn timeline(&self) -> Timeline {
        Timeline::new(self.bars, self.metre, self.tempo)
    }
}

fn tempo(request: &LeadSheetRequest, source: Option<&Score>, metre: Metre, mood: Mood) -> Tempo {
    match (request.tempo_bpm, source) {
        (Some(bpm), _) => Tempo::from_bpm(bpm),
        (None, Some(score)) => score.tempo(),
        (None, None) => Tempo::from_bpm(rules::tempo_bpm(mood.valence, mood.arousal, metre)),
    }
}

fn pickup(request: &LeadSheetRequest, metre: Metre, kind: Kind) -> Result<i64, Error> {
    let Some(pickup) = request.pickup.filter(|_| kind == Kind::New) else {
        return Ok(0);
    };
    let refuse = Error::Pickup { pickup, metre };
    match ticks_from_quarters(pickup) {
        Some(ticks) if ticks >= 6 && ticks % 6 == 0 && pickup < metre.length() => Ok(ticks),
        _ => Err(refuse),
    }
}

fn wish(request: &LeadSheetRequest, frame: &Frame<'_>) -> Result<Wish, Error> {
    let (mood, timeline) = (frame.mood, frame.timeline());
    let chosen = frame
        .melody_range()
        .unwrap_or(rules::pitch_range(mood.valence, mood.arousal));
    let range = request
        .range
        .map_or(chosen, |range| (range.lowest, range.highest));
    let density = timeline.control(request, &request.density, Channel::Density)?;
    Ok(Wish {
        bars: frame.bars,
        metre: frame.metre,
        pickup: frame.pickup,
        key: frame.key,
        tempo: frame.tempo,
        range,
        valence: valence_wish(request, frame)?,
        density: density.map(|curve| curve.into_iter().map(events_per_quarter).collect()),
        mean_density: rules::mean_density(mood.valence, mood.arousal),
        tension: timeline.control(request, &request.tension, Channel::Tension)?,
        style: request.style,
        form: request.form.clone().filter(|_| frame.kind == Kind::New),
        sampling: request.sampling(),
    })
}

fn valence_wish(request: &LeadSheetRequest, frame: &Frame<'_>) -> Result<ValenceWish, Error> {
    if let Some(levels) = request.levels() {
        return match levels.len() {
            1 => Ok(ValenceWish::Pinned(vec![levels[0]; frame.bars])),
            found if found == frame.bars => Ok(ValenceWish::Pinned(levels)),
            found => Err(Error::Count {
                what: "valence_levels",
                found,
                bars: frame.bars,
            }),
        };
    }
    Ok(match frame.timeline().valence(request) {
        Some(curve) => ValenceWish::Curve(curve),
        None if request.pin_valence => {
            ValenceWish::Curve(vec![request.emotion.vad().valence(); frame.bars])
        }
        None => ValenceWish::Mean(frame.valence(request)),
    })
}

/// What is given, as tokens, and how it lies in the finished score.
struct Source {
    kind: Kind,
    /// The given score in the models' words.
    sequence: Option<Sequence>,
    /// For `keep`, each bar's sounds and lengths.
    melody: Vec<Vec<(Token, i64)>>,
    /// For `chords`.
    chords: Vec<Vec<(i64, Option<Degree>)>>,
}

impl Source {
    fn new(
        frame: &Frame<'_>,
        wish: &Wish,
        transposition: &mut Transposition,
    ) -> Result<Self, Error> {
        let mut given = Self {
            kind: frame.kind,
            sequence: None,
            melody: Vec::new(),
            chords: Vec::new(),
        };
        if let Some(score) = frame.source {
            let mut score = score.lead_sheet();
            score.bars.iter_mut().for_each(|bar| bar.key = frame.key);
            if frame.kind == Kind::Keep {
                score.chords.clear();
            }
            let sequence = encode(&score)?;
            let pitches = score.melody().map_or(&[][..], |part| &part.notes);
            let down = i32::from(frame.key.semitones_from_c());
            let octave = octave_shift(pitches.iter().map(|note| note.pitch), -down);
            transposition.semitones = down - octave;
            given.melody = melody_of(&sequence);
            given.sequence = Some(sequence);
        }
        if let Some(progression) = &frame.progression {
            given.chords = progression.bars_of_degrees(frame.metre, frame.key, wish.bars)?;
        }
        Ok(given)
    }

    /// The bars of the finished score that are written rather than given.
    fn written(&self, plan: &Plan) -> Range<usize> {
        match (self.kind, &self.sequence) {
            (Kind::Continue, Some(sequence)) => sequence.bars.len()..plan.bars.len(),
            (Kind::Fill { first, last }, _) => first - 1..last,
            _ => 0..plan.bars.len(),
        }
    }

    /// The same without a pick-up: the bars that wishes are counted by.
    fn full_bars(&self, plan: &Plan, wish: &Wish) -> Range<usize> {
        let written = self.written(plan);
        written.end - wish.bars..written.end
    }

    fn apply(&self, plan: &mut Plan) {
        let offset = plan.bars.len().saturating_sub(self.chords.len());
        for (bar, chords) in plan.bars[offset..].iter_mut().zip(&self.chords) {
            bar.given = Given::Chords(chords.clone());
            bar.rule.valence = None;
            bar.aim.valence = None;
        }
        let Some(sequence) = &self.sequence else {
            return;
        };
        match self.kind {
            Kind::Keep => self.harmonise(plan, sequence),
            Kind::Continue => {
                let mut bars = given_bars(sequence);
                bars.append(&mut plan.bars);
                plan.bars = bars;
            }
            Kind::Fill { first, last } => {
                let mut bars = given_bars(sequence);
                for (bar, new) in bars[first - 1..last].iter_mut().zip(&plan.bars) {
                    let context = bar.context;
                    *bar = new.clone();
                    bar.context.metre = context.metre;
                    bar.context.length = context.length;
                    bar.context.group = context.group;
                }
                plan.bars = bars;
            }
            Kind::New => {}
        }
    }

    fn harmonise(&self, plan: &mut Plan, sequence: &Sequence) {
        for ((bar, known), melody) in plan.bars.iter_mut().zip(&sequence.bars).zip(&self.melody) {
            bar.context.metre = known.metre;
            bar.context.length = known.length;
            bar.context.group = known.group;
            bar.context.count = Some(melody.len());
            bar.context.density = Some(affetto_attributes::DensityClass::from_events(melody.len()));
            bar.rule.events = BarRule::default().events;
            bar.given = Given::Melody(melody.clone());
        }
        if let Some(last) = plan.bars.last_mut() {
            last.aim.closes = true;
        }
    }
}

/// Every bar of `sequence` as a given one.
fn given_bars(sequence: &Sequence) -> Vec<BarPlan> {
    let events = events_of(sequence);
    sequence
        .bars
        .iter()
        .zip(events)
        .map(|(context, events)| BarPlan {
            context: *context,
            rule: BarRule::default(),
            aim: crate::generate::Aim::default(),
            given: Given::Events(events),
        })
        .collect()
}

fn events_of(sequence: &Sequence) -> Vec<Vec<GivenEvent>> {
    let mut bars: Vec<Vec<GivenEvent>> = Vec::new();
    let (mut chord, mut sound) = (None, Token::Rest);
    for token in &sequence.tokens {
        match *token {
            Token::Bar => bars.push(Vec::new()),
            Token::Chord(degree) => chord = degree,
            Token::Pitch(_) | Token::Rest | Token::Hold => sound = *token,
            Token::Duration(ticks) => {
                if let Some(bar) = bars.last_mut() {
                    bar.push(GivenEvent {
                        chord,
                        sound,
                        ticks,
                    });
                }
            }
            _ => {}
        }
    }
    bars
}

/// The sounds of each bar, long ones cut at strong beats so that a chord may change under them.
fn melody_of(sequence: &Sequence) -> Vec<Vec<(Token, i64)>> {
    let bars = events_of(sequence);
    bars.iter()
        .zip(&sequence.bars)
        .map(|(events, bar)| {
            let strong = strong_beat_ticks(bar.metre);
            let offset = ticks_from_quarters(bar.metre.length()).unwrap_or(bar.length) - bar.length;
            cut_at_strong_beats(events, strong, offset)
        })
        .collect()
}

/// Half a bar of four beats, a beat of compound metres, a bar else.
fn strong_beat_ticks(metre: Metre) -> i64 {
    let beat = ticks_from_quarters(metre.beat()).unwrap_or(24);
    match (metre.is_compound(), metre.beats()) {
        (true, _) => beat,
        (false, beats) if beats % 2 == 0 => beat * i64::from(beats) / 2,
        (false, beats) => beat * i64::from(beats),
    }
}

fn cut_at_strong_beats(events: &[GivenEvent], strong: i64, offset: i64) -> Vec<(Token, i64)> {
    let mut pieces = Vec::new();
    let mut at = offset;
    for event in events {
        let (mut sound, mut left) = (event.sound, event.ticks);
        while left > 0 {
            let to_strong = strong - at % strong;
            let piece = if left > to_strong && split_duration(to_strong).is_some() {
                to_strong
            } else {
                left
            };
            for ticks in split_duration(piece).unwrap_or_else(|| vec![piece]) {
                pieces.push((sound, ticks));
                if sound != Token::Rest {
                    sound = Token::Hold;
                }
            }
            at += piece;
            left -= piece;
        }
    }
    pieces
}

/// Writes the plan, and puts what was given in its own words around what was written.
fn write<M: NextToken>(
    model: &M,
    plan: Plan,
    given: &Source,
    transposition: Transposition,
    wish: &Wish,
    seed: Seed,
    progress: &dyn Progress,
) -> Result<Written, Error> {
    let tension = |degree: Option<Degree>| {
        degree.map_or(0.0, |degree| {
            chord_tension(spell(degree, wish.key), wish.key).combined()
        })
    };
    let written = given.written(&plan);
    let sequence = match given.kind {
        Kind::Fill { .. } => {
            let after = written.end..(written.end + 2).min(plan.bars.len());
            let mut best: Option<(f64, Sequence)> = None;
            for attempt in (0..FILLINGS).take_while(|_| !progress.cancelled()) {
                let seed = seed.derive(&format!("filling {attempt}"));
                let sequence = generate(model, &plan, &tension, seed, progress)?;
                let fit = log_likelihood(model, &sequence, after.clone());
                if best.as_ref().is_none_or(|(best, _)| fit > *best) {
                    best = Some((fit, sequence));
                }
            }
            best.map(|(_, sequence)| sequence)
        }
        _ => Some(generate(model, &plan, &tension, seed, progress)?),
    };
    if progress.cancelled() {
        return Err(Error::Cancelled);
    }
    let sequence = sequence.unwrap_or(Sequence {
        bars: Vec::new(),
        tokens: Vec::new(),
    });
    let score = sequence.decode(transposition, wish.tempo);
    Ok(Written {
        plan,
        sequence,
        score,
        bars: written,
    })
}

/// What was written: by which plan, as tokens, as a score, and which of its bars are new.
struct Written {
    plan: Plan,
    sequence: Sequence,
    score: Score,
    bars: Range<usize>,
}

impl Judged for Written {
    fn sequence(&self) -> &Sequence {
        &self.sequence
    }
}

fn asked(
    plan: &Plan,
    wish: &Wish,
    frame: &Frame<'_>,
    arousal_per_bar: Option<Vec<f64>>,
    request: &LeadSheetRequest,
) -> Asked {
    let arousal = frame.mood.arousal;
    let valence_per_bar = wish.valence.per_bar(wish.bars);
    let valence = valence_per_bar.iter().sum::<f64>() / valence_per_bar.len().max(1) as f64;
    Asked {
        valence,
        valence_enforced: !matches!(wish.valence, ValenceWish::Mean(_)),
        valence_per_bar,
        arousal,
        arousal_per_bar,
        events_per_bar: wish.density.as_ref().map(|_| {
            plan.bars
                .iter()
                .map(|bar| bar.context.count.unwrap_or(0))
                .collect()
        }),
        tension_per_bar: wish.tension.clone(),
        key: wish.key,
        meter: wish.metre,
        bars: plan.bars.len(),
        tempo_bpm: frame.tempo.bpm(),
        range: wish.range,
        accompaniment: request
            .accompaniment
            .unwrap_or(Accompaniment::choose(wish.metre, arousal)),
    }
}

impl ValenceWish {
    /// What is wished of each of `bars` bars, as far as chords reach.
    fn per_bar(&self, bars: usize) -> Vec<f64> {
        let reached = |valence: &f64| valence.clamp(VALENCE_RANGE.0, VALENCE_RANGE.1);
        match self {
            Self::Mean(mean) => vec![reached(mean); bars],
            Self::Curve(curve) => curve.iter().map(reached).collect(),
            Self::Pinned(classes) => classes
                .iter()
                .map(|class| CLASS_MIDDLES[valence_place(*class)])
                .collect(),
        }
    }
}

/// From the written bars to the finished score: what was given stays, loudness is shaped, chords are played.
fn finish(written: Written, frame: &Frame<'_>, asked: &Asked, request: &LeadSheetRequest) -> Score {
    let mut sheet = written.score;
    if let Some(progression) = &frame.progression {
        sheet.chords = progression.changes(frame.metre, &sheet);
    }
    name_sections(&mut sheet, frame, request);
    let titled = frame
        .source
        .filter(|source| frame.kind != Kind::Keep || !is_due(&request.emotion, &source.title));
    sheet.title = request
        .title
        .clone()
        .unwrap_or_else(|| title(&request.emotion, frame.key, titled, LEAD_SHEET));
    let arousal = arousal_of_bars(asked, sheet.bars.len(), &written.bars);
    let dynamics: Vec<f64> = arousal
        .iter()
        .map(|arousal| rules::dynamics(frame.mood.valence, *arousal))
        .collect();
    let mut shaped = shape_melody_along(&sheet, &dynamics);
    if let Some(source) = frame.source {
        let original = extended(source, &shaped, frame);
        shaped = splice(
            &original,
            &shaped,
            written.bars.clone(),
            frame.kind == Kind::Keep,
        );
    }
    let mut score = arrange_along(&shaped, asked.accompaniment, &arousal);
    if let (Some(source), Kind::Fill { .. }) = (frame.source, frame.kind) {
        keep_other_parts(&mut score, source, written.bars);
    }
    if request.humanize > 0.0 {
        score = humanize(&score, request.humanize, request.seed.derive("humanize"));
    }
    score
}

/// The arousal of each of `bars` bars: of a pick-up that of the bar after it, of bars that were given that of the whole.
fn arousal_of_bars(asked: &Asked, bars: usize, written: &Range<usize>) -> Vec<f64> {
    let mut arousal = vec![asked.arousal; bars];
    if let Some(per_bar) = &asked.arousal_per_bar {
        let skip = written.len().saturating_sub(per_bar.len());
        for (at, bar) in written.clone().enumerate() {
            arousal[bar] = per_bar[at.saturating_sub(skip)];
        }
    }
    arousal
}

fn name_sections(sheet: &mut Score, frame: &Frame<'_>, request: &LeadSheetRequest) {
    let Some(form) = request.form.as_ref().filter(|_| frame.kind == Kind::New) else {
        return;
    };
    let onsets = sheet.bar_onsets();
    let skip = usize::from(frame.pickup > 0);
    sheet.sections = form
        .sections(frame.bars)
        .iter()
        .map(|section| Section {
            onset: onsets[skip + section.start],
            name: section.letter.to_string(),
        })
        .collect();
}

/// `source` with the bars of `written` behind its own.
fn extended(source: &Score, written: &Score, frame: &Frame<'_>) -> Score {
    let mut score = source.lead_sheet();
    let more: &[Bar] = written.bars.get(score.bars.len()..).unwrap_or(&[]);
    score.bars.extend_from_slice(more);
    if frame.kind == Kind::Keep {
        score.bars.iter_mut().for_each(|bar| bar.key = frame.key);
    }
    if let Some(first) = score.tempos.first_mut() {
        first.tempo = frame.tempo;
    }
    score.title = written.title.clone();
    score
}

/// `original` with the bars `bars` of `written`: their chords, and their melody unless that is kept.
fn splice(original: &Score, written: &Score, bars: Range<usize>, keep_melody: bool) -> Score {
    let onsets = original.bar_onsets();
    let (start, end) = (onsets[bars.start], onsets[bars.end]);
    let inside = |onset: Quarters| start <= onset && onset < end;
    let mut score = original.clone();
    score.chords = splice_chords(original, written, start, end);
    let new: Vec<Note> = written
        .melody()
        .map_or(Vec::new(), |part| part.notes.clone());
    if let Some(melody) = score
        .parts
        .iter_mut()
        .find(|part| part.role == Role::Melody)
        && !keep_melody
    {
        let mut notes: Vec<Note> = Vec::new();
        for note in &melody.notes {
            if !inside(note.onset) {
                let mut note = *note;
                if note.onset < start && note.end() > start {
                    note.duration = start - note.onset;
                }
                notes.push(note);
            }
        }
        notes.extend(
            new.into_iter()
                .filter(|note| inside(note.onset))
                .map(|mut note| {
                    note.duration = note.duration.min(end - note.onset);
                    note
                }),
        );
        notes.sort();
        melody.notes = notes;
    }
    score
}

fn splice_chords(
    original: &Score,
    written: &Score,
    start: Quarters,
    end: Quarters,
) -> Vec<ChordChange> {
    let zero = Quarters::from_integer(0);
    let before = original
        .chords
        .iter()
        .copied()
        .filter(|change| change.onset < start);
    let first = ChordChange {
        onset: start,
        chord: written.chord_at(start),
    };
    let inside = written
        .chords
        .iter()
        .copied()
        .filter(|change| start < change.onset && change.onset < end);
    let resumed = ChordChange {
        onset: end,
        chord: original.chord_at(end),
    };
    let after = original
        .chords
        .iter()
        .copied()
        .filter(|change| change.onset > end);
    let resumes = end < original.length();
    let mut changes: Vec<ChordChange> = Vec::new();
    let all = before
        .chain([first])
        .chain(inside)
        .chain(Some(resumed).filter(|_| resumes))
        .chain(after.filter(|_| resumes));
    for change in all {
        let same = changes.last().and_then(|last| last.chord) == change.chord;
        let silent_start = changes.is_empty() && change.chord.is_none() && change.onset >= zero;
        if !(same || silent_start) {
            changes.push(change);
        }
    }
    changes
}

/// Outside `bars`, the accompaniment of `source` where it has one of the same name.
fn keep_other_parts(score: &mut Score, source: &Score, bars: Range<usize>) {
    let onsets = score.bar_onsets();
    let (start, end) = (onsets[bars.start], onsets[bars.end]);
    let inside = |note: &Note| start <= note.onset && note.onset < end;
    let others: Vec<_> = source
        .parts
        .iter()
        .filter(|part| part.role != Role::Melody)
        .collect();
    if others.is_empty() {
        return;
    }
    let melody = score.melody().cloned();
    let new_parts = std::mem::take(&mut score.parts);
    score.parts.extend(melody);
    for part in others {
        let mut part = part.clone();
        let new = new_parts.iter().find(|new| new.role == part.role);
        part.notes.retain(|note| !inside(note));
        for note in &mut part.notes {
            if note.onset < start && note.end() > start {
                note.duration = start - note.onset;
            }
        }
        part.notes.extend(
            new.into_iter()
                .flat_map(|new| new.notes.iter().copied().filter(inside)),
        );
        part.notes.sort();
        score.parts.push(part);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use affetto_attributes::{density::events_per_bar, valence::valence_classes};
    use affetto_core::{Silent, Stage};
    use affetto_emotion::{Curve, Unit, Vad};
    use affetto_media::{ChordSymbol, Mode};

    use super::*;
    use crate::{
        condition::Control, next_token::Input, tokens::CONDITION_COLUMNS, trigram::Trigram,
    };

    fn write(request: &LeadSheetRequest, sources: &Sources) -> Composition {
        let model = Trigram::train(&[], 3);
        compose(request, sources, &model, &Statistics::default(), &Silent).unwrap()
    }

    fn new(request: &LeadSheetRequest) -> Composition {
        write(request, &Sources::default())
    }

    fn curve(channel: Channel, text: &str) -> Curve {
        Curve::parse(channel, Unit::Bars, None, text).unwrap()
    }

    fn rising_arousal() -> LeadSheetRequest {
        LeadSheetRequest {
            bars: Some(12),
            arousal: Some(Control::Curve(curve(Channel::Arousal, "0:-1, 12:1"))),
            ..LeadSheetRequest::default()
        }
    }

    /// The mean velocity of the notes of one part that begin in the bars `bars`.
    fn loudness(score: &Score, role: Role, bars: Range<usize>) -> f64 {
        let onsets = score.bar_onsets();
        let part = score.parts.iter().find(|part| part.role == role).unwrap();
        let inside =
            |note: &&Note| onsets[bars.start] <= note.onset && note.onset < onsets[bars.end];
        let velocities: Vec<f64> = part
            .notes
            .iter()
            .filter(inside)
            .map(|note| f64::from(note.velocity))
            .collect();
        velocities.iter().sum::<f64>() / velocities.len() as f64
    }

    fn events(score: &Score, bars: Range<usize>) -> usize {
        events_per_bar(score)[bars].iter().sum()
    }

    #[test]
    fn what_was_asked_of_filled_bars_is_said_of_them() {
        let fill_in = Some(new(&LeadSheetRequest::default()).score);
        let sources = Sources {
            fill_in,
            ..Sources::default()
        };
        let pinned = LeadSheetRequest {
            seed: Seed(5),
            fill: Some("3-4".parse().unwrap()),
            fill_in: Some("a.mid".into()),
            valence_levels: Some(vec![-2, 2]),
            ..LeadSheetRequest::default()
        };
        let filled = write(&pinned, &sources);
        assert_eq!(
            filled.asked.valence_per_bar,
            [CLASS_MIDDLES[0], CLASS_MIDDLES[4]]
        );
        let classes = valence_classes(&filled.score);
        assert_eq!(Some(classes[2..4].to_vec()), pinned.levels());
        let moving = LeadSheetRequest {
            emotion: curve(Channel::Valence, "0:-0.7:hold, 1:0.6").into(),
            valence_levels: None,
            ..pinned
        };
        assert_eq!(write(&moving, &sources).asked.valence_per_bar, [-0.7, 0.6]);
    }

    #[test]
    fn chords_that_are_given_do_not_change_what_was_asked() {
        let request = LeadSheetRequest {
            chords: Some("Dm | G7 | C | C".into()),
            emotion: curve(Channel::Valence, "0:-0.4:hold, 2:0.5").into(),
            ..LeadSheetRequest::default()
        };
        assert_eq!(new(&request).asked.valence_per_bar, [-0.4, -0.4, 0.5, 0.5]);
    }

    #[test]
    fn a_long_row_of_chords_is_refused_as_so_many_bars_are() {
        let request = LeadSheetRequest {
            chords: Some("C | ".repeat(300) + "C"),
            ..LeadSheetRequest::default()
        };
        let (sources, model) = (Sources::default(), Trigram::train(&[], 3));
        let outcome = compose(&request, &sources, &model, &Statistics::default(), &Silent);
        assert!(matches!(outcome, Err(Error::Range { what: "bars", .. })));
    }

    #[test]
    fn arousal_over_the_bars_moves_density_and_loudness() {
        let Composition { score, asked } = new(&rising_arousal());
        assert_eq!(asked.arousal_per_bar.unwrap().len(), 12);
        assert!(asked.arousal.abs() < 1e-12, "the whole has the mean");
        assert!(events(&score, 8..12) >= 2 * events(&score, 0..4));
        for role in [Role::Melody, Role::Chords, Role::Bass] {
            let (before, after) = (loudness(&score, role, 0..4), loudness(&score, role, 8..12));
            assert!(after > before + 20.0, "{role:?}: {before} {after}");
        }
    }

    /// In a curve of the emotion by a number, by words, or by its strength.
    #[test]
    fn arousal_of_an_emotion_that_moves_has_an_effect() {
        for json in [
            r#"{"curve": {"schema": "emotion-track/1", "time": "bars", "keys":
                [{"t": 0, "arousal": -1}, {"t": 12, "arousal": 1}]}}"#,
            r#"{"curve": {"schema": "emotion-track/1", "time": "bars", "keys":
                [{"t": 0, "label": "boredom"}, {"t": 12, "label": "excitement"}]}}"#,
            r#"{"arousal": 0.9, "curve": {"schema": "emotion-track/1", "time": "bars", "keys":
                [{"t": 0, "intensity": 0}, {"t": 12, "intensity": 1}]}}"#,
        ] {
            let request = LeadSheetRequest {
                bars: Some(12),
                emotion: serde_json::from_str(json).unwrap(),
                ..LeadSheetRequest::default()
            };
            let Composition { score, asked } = new(&request);
            let arousal = asked.arousal_per_bar.unwrap();
            assert!(arousal[11] > arousal[0] + 0.5, "{json}");
            let (before, after) = (events(&score, 0..4), events(&score, 8..12));
            assert!(after > before, "{before} {after} {json}");
            let loudness = |bars| loudness(&score, Role::Melody, bars);
            assert!(loudness(8..12) > loudness(0..4) + 8.0, "{json}");
        }
    }

    #[test]
    fn an_arousal_for_all_bars_is_that_of_the_emotion() {
        let in_request = LeadSheetRequest {
            arousal: Some(Control::Constant(0.6)),
            ..LeadSheetRequest::default()
        };
        let in_emotion = LeadSheetRequest {
            emotion: Vad::clamped(0.0, 0.6, 0.0).into(),
            ..LeadSheetRequest::default()
        };
        let (one, other) = (new(&in_request), new(&in_emotion));
        assert_eq!(one.score.tempo(), other.score.tempo());
        assert_eq!(one.asked, other.asked);
    }

    /// Density that is asked, a kept melody, given chords with more changes than calm bars have events, a form and a
    /// pick-up of an odd length go together with any arousal.
    #[test]
    fn arousal_never_makes_a_request_impossible() {
        let kept = new(&LeadSheetRequest {
            bars: Some(12),
            ..LeadSheetRequest::default()
        });
        let density = new(&LeadSheetRequest {
            density: Some(Control::Constant(0.5)),
            ..rising_arousal()
        });
        let events = density.asked.events_per_bar.unwrap();
        assert_eq!(events_per_bar(&density.score), events);
        let keep = LeadSheetRequest {
            keep: Some("a.mid".into()),
            ..rising_arousal()
        };
        let sources = Sources {
            keep: Some(kept.score.clone()),
            ..Sources::default()
        };
        let pitches = |score: &Score| -> Vec<u8> {
            let notes = &score.melody().unwrap().notes;
            notes.iter().map(|note| note.pitch).collect()
        };
        assert_eq!(pitches(&write(&keep, &sources).score), pitches(&kept.score));
        for meter in ["4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8"] {
            let pickup = Some(Quarters::new(5, 4));
            let request = LeadSheetRequest {
                meter: Some(meter.parse().unwrap()),
                pickup,
                form: Some("AABA".parse().unwrap()),
                ..rising_arousal()
            };
            assert_eq!(new(&request).score.bars.len(), 13, "{meter}");
            let chords = LeadSheetRequest {
                chords: Some("C F | G7 C | Am Dm | G C".into()),
                form: None,
                pickup: None,
                ..request
            };
            assert_eq!(new(&chords).score.bars.len(), 12, "{meter}");
        }
    }

    /// Even where the network knows nothing: the tonic is favoured, and stays to the end.
    #[test]
    fn a_kept_melody_comes_to_rest() {
        let mut kept = new(&LeadSheetRequest::default()).score;
        let last_note = *kept.bar_onsets().iter().rev().nth(1).unwrap();
        let melody = &mut kept.parts[0].notes;
        melody.retain(|note| note.end() <= last_note);
        melody.push(Note {
            onset: last_note,
            pitch: melody[0].pitch,
            duration: Quarters::from_integer(3),
            velocity: 64,
        });
        let sources = Sources {
            keep: Some(kept),
            ..Sources::default()
        };
        let mut at_rest = 0;
        for seed in 0..12 {
            let request = LeadSheetRequest {
                keep: Some("a.mid".into()),
                seed: Seed(seed),
                ..LeadSheetRequest::default()
            };
            let Composition { score, asked } = write(&request, &sources);
            let key = asked.key;
            let relative = Key::new(key.fifths(), Mode::Minor).unwrap();
            let homes = [key, relative].map(|key| key.tonic().pitch_class());
            let is_home = |chord: &ChordSymbol| homes.contains(&chord.root.pitch_class());
            at_rest += u32::from(
                score
                    .chords
                    .last()
                    .unwrap()
                    .chord
                    .is_some_and(|c| is_home(&c)),
            );
            // Once at the most, while the last note sounds; not in the silence after it.
            let changes = score.chords.iter().filter(|chord| chord.onset > last_note);
            assert!(changes.count() <= 1);
        }
        assert!(at_rest >= 8, "{at_rest} of 12");
    }

    #[test]
    fn a_kept_melody_of_another_feeling_has_another_title() {
        let joy = LeadSheetRequest {
            emotion: Emotion::parse("joy").unwrap(),
            key: Some("D major".parse().unwrap()),
            ..LeadSheetRequest::default()
        };
        let mut kept = new(&joy).score;
        let keep = LeadSheetRequest {
            emotion: Emotion::parse("sadness").unwrap(),
            keep: Some("a.mid".into()),
            ..LeadSheetRequest::default()
        };
        let called = |request: &LeadSheetRequest, kept: &Score| {
            let sources = Sources {
                keep: Some(kept.clone()),
                ..Sources::default()
            };
            write(request, &sources).score.title
        };
        assert_eq!(called(&keep, &kept), "Sadness in D major");
        let plain = LeadSheetRequest {
            emotion: Emotion::NEUTRAL,
            ..keep.clone()
        };
        assert_eq!(called(&plain, &kept), "Joy in D major");
        kept.title = "Greensleeves".into();
        assert_eq!(called(&keep, &kept), "Greensleeves");
    }

    /// Counts how often it is asked.
    struct Counted {
        model: Trigram,
        steps: AtomicUsize,
    }

    impl NextToken for Counted {
        type State = <Trigram as NextToken>::State;

        fn start(&self, conditions: &[[u32; CONDITION_COLUMNS]]) -> Self::State {
            self.model.start(conditions)
        }

        fn step(&self, state: &mut Self::State, input: Input) -> Vec<f32> {
            self.steps.fetch_add(1, Ordering::Relaxed);
            self.model.step(state, input)
        }
    }

    /// Wants to stop after some bars.
    struct StopAfter {
        bars: usize,
        done: AtomicUsize,
    }

    impl Progress for StopAfter {
        fn step(&self, _stage: Stage, done: usize, _total: usize) {
            self.done.fetch_max(done, Ordering::Relaxed);
        }

        fn cancelled(&self) -> bool {
            self.done.load(Ordering::Relaxed) >= self.bars
        }
    }

    #[test]
    fn who_wants_to_stop_waits_for_no_more_than_a_bar() {
        let steps = |bars: usize, request: &LeadSheetRequest, sources: &Sources| {
            let model = Counted {
                model: Trigram::train(&[], 3),
                steps: AtomicUsize::new(0),
            };
            let progress = StopAfter {
                bars,
                done: AtomicUsize::new(0),
            };
            let outcome = compose(request, sources, &model, &Statistics::default(), &progress);
            (outcome, model.steps.into_inner())
        };
        let request = LeadSheetRequest {
            bars: Some(100),
            density: Some(Control::Constant(0.5)),
            ..LeadSheetRequest::default()
        };
        let (whole, all) = steps(101, &request, &Sources::default());
        let (stopped, some) = steps(3, &request, &Sources::default());
        assert!(matches!(stopped, Err(Error::Cancelled)));
        assert!(some * 25 < all, "{some} of {all} steps");

        let fill = LeadSheetRequest {
            fill: Some("90-95".parse().unwrap()),
            fill_in: Some("a.mid".into()),
            ..LeadSheetRequest::default()
        };
        let sources = Sources {
            fill_in: Some(whole.unwrap().score),
            ..Sources::default()
        };
        let (stopped, some) = steps(2, &fill, &sources);
        assert!(matches!(stopped, Err(Error::Cancelled)));
        assert!(some * 25 < all, "{some} of {all} steps");
    }
}
