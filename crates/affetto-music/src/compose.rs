//! One request in, one lead sheet out.

use std::ops::Range;

use affetto_attributes::{tension::chord_tension, valence::piece_valence};
use affetto_core::{Progress, Seed};
use affetto_emotion::{Channel, Curve, Emotion, FrameRate, TimeBase, Unit};
use affetto_media::{
    Bar, ChordChange, Key, Metre, Note, Quarters, Role, Score, Section, Tempo, f64_from_quarters,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    arrange::{Accompaniment, Arrangement, arrange, humanize, shape_melody},
    candidates::{Judged, best},
    condition::{Control, LeadSheetRequest},
    generate::{BarPlan, Given, GivenEvent, Plan, generate, log_likelihood},
    grammar::BarRule,
    next_token::NextToken,
    plan::{ValenceWish, Wish, events_per_quarter, model_range, plan},
    progression::Progression,
    rules,
    statistics::Statistics,
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

/// What was asked, one value a bar where it is a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Valence of each bar, -0.81..=0.87 (what chords can have).
    pub valence_per_bar: Vec<f64>,
    /// Their mean.
    pub valence: f64,
    /// Whether the class of each bar was enforced.
    pub valence_enforced: bool,
    /// Arousal, -1..=1.
    pub arousal: f64,
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
        (plan.lowest, plan.highest) = model_range(wish.range, transposition.semitones);
        write(model, plan, &given, transposition, &wish, seed, progress)
    })?;
    let asked = asked(&sheet.plan, &wish, request, frame.tempo.bpm());
    let score = finish(sheet, &frame, &asked, request);
    Ok(Composition { score, asked })
}

/// What must be settled before the wish: key, metre, tempo and bars, from the request and its sources.
struct Frame<'a> {
    key: Key,
    metre: Metre,
    tempo: Tempo,
    /// Bars to be written or harmonised.
    bars: usize,
    pickup: i64,
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

impl<'a> Frame<'a> {
    fn new(request: &LeadSheetRequest, sources: &'a Sources) -> Result<Self, Error> {
        let (kind, source) = match (
            &sources.keep,
            &sources.continue_from,
            &sources.fill_in,
            request.fill,
        ) {
            (Some(score), ..) => (Kind::Keep, Some(score)),
            (_, Some(score), ..) => (Kind::Continue, Some(score)),
            (_, _, Some(score), Some(range)) => {
                let fill = Kind::Fill {
                    first: range.first,
                    last: range.last,
                };
                (fill, Some(score))
            }
            _ => (Kind::New, None),
        };
        let vad = request.emotion.vad();
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
        let chosen = rules::key(vad.valence(), &mut request.seed.derive("key").rng());
        let key = request
            .key
            .or(of_source.map(|bar| bar.key))
            .or(progression.as_ref().map(Progression::key))
            .unwrap_or(chosen);
        let tempo = match (request.tempo_bpm, source) {
            (Some(bpm), _) => Tempo::from_bpm(bpm),
            (None, Some(score)) => score.tempo(),
            (None, None) => Tempo::from_bpm(rules::tempo_bpm(vad.valence(), vad.arousal(), metre)),
        };
        let bars = match (kind, source, &progression) {
            (Kind::Keep, Some(score), _) => score.bars.len(),
            (Kind::Fill { first, last }, Some(score), _) => {
                if last > score.bars.len() {
                    return Err(Error::Fill {
                        first,
                        last,
                        bars: score.bars.len(),
                    });
                }
                last + 1 - first
            }
            (_, _, Some(progression)) => request.bars.unwrap_or(progression.bars()),
            _ => request.bars.unwrap_or(16),
        };
        Ok(Self {
            key,
            metre,
            tempo,
            bars,
            pickup: pickup(request, metre, kind)?,
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

    fn time_base(&self) -> Option<TimeBase> {
        let beat = f64_from_quarters(self.metre.beat());
        let seconds = beat * f64::from(self.tempo.micros_per_quarter()) * 1e-6;
        TimeBase::new(
            seconds,
            f64::from(self.metre.beats()),
            FrameRate::new(25, 1),
        )
        .ok()
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
    let vad = request.emotion.vad();
    let chosen = frame
        .melody_range()
        .unwrap_or(rules::pitch_range(vad.valence(), vad.arousal()));
    let range = request
        .range
        .map_or(chosen, |range| (range.lowest, range.highest));
    let density = per_bar(request, frame, &request.density, Channel::Density)?;
    Ok(Wish {
        bars: frame.bars,
        metre: frame.metre,
        pickup: frame.pickup,
        key: frame.key,
        tempo: frame.tempo,
        range,
        valence: valence_wish(request, frame)?,
        density: density.map(|curve| curve.into_iter().map(events_per_quarter).collect()),
        mean_density: rules::mean_density(vad.arousal()),
        tension: per_bar(request, frame, &request.tension, Channel::Tension)?,
        style: request.style,
        form: request.form.clone().filter(|_| frame.kind == Kind::New),
        sampling: request.sampling(),
    })
}

/// Where on a curve a bar is read: in its middle.
fn middle(bar: usize) -> f64 {
    bar as f64 + 0.5
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
    let curved = request.emotion.curve().is_some_and(|curve| {
        curve.names(Channel::Valence) || curve.keys().iter().any(|key| key.mixture.is_some())
    });
    match frame.time_base() {
        Some(base) if curved => {
            let at = |bar| {
                request
                    .emotion
                    .at(middle(bar), Unit::Bars, &base)
                    .vad()
                    .valence()
            };
            Ok(ValenceWish::Curve((0..frame.bars).map(at).collect()))
        }
        _ if request.pin_valence => Ok(ValenceWish::Curve(vec![
            request.emotion.vad().valence();
            frame.bars
        ])),
        _ => Ok(ValenceWish::Mean(frame.valence(request))),
    }
}

/// The values of a control over the bars: what the request says, or what the emotion's curve says.
fn per_bar(
    request: &LeadSheetRequest,
    frame: &Frame<'_>,
    control: &Option<Control>,
    channel: Channel,
) -> Result<Option<Vec<f64>>, Error> {
    let curve: Option<&Curve> = match control {
        Some(Control::Constant(value)) => return Ok(Some(vec![*value; frame.bars])),
        Some(Control::Curve(curve)) => Some(curve),
        None => request.emotion.curve(),
    };
    let (Some(curve), Some(base)) = (
        curve.filter(|curve| curve.names(channel)),
        frame.time_base(),
    ) else {
        return match control {
            Some(_) => Err(Error::Word {
                text: channel.name().into(),
                expected: "a channel of the given curve",
            }),
            None => Ok(None),
        };
    };
    let at = |bar| {
        let place = curve.position(middle(bar), Unit::Bars, &base);
        curve.value(channel, place).unwrap_or(0.0)
    };
    Ok(Some((0..frame.bars).map(at).collect()))
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
            for attempt in 0..FILLINGS {
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

fn asked(plan: &Plan, wish: &Wish, request: &LeadSheetRequest, tempo_bpm: f64) -> Asked {
    let arousal = request.emotion.vad().arousal();
    let valence_per_bar: Vec<f64> = match &wish.valence {
        ValenceWish::Mean(mean) => vec![mean.clamp(-0.81, 0.87); wish.bars],
        _ => {
            let bars = &plan.bars[plan.bars.len().saturating_sub(wish.bars)..];
            bars.iter()
                .map(|bar| bar.aim.valence.unwrap_or(0.0))
                .collect()
        }
    };
    let valence = valence_per_bar.iter().sum::<f64>() / valence_per_bar.len().max(1) as f64;
    Asked {
        valence,
        valence_enforced: !matches!(wish.valence, ValenceWish::Mean(_)),
        valence_per_bar,
        arousal,
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
        tempo_bpm,
        range: wish.range,
        accompaniment: request
            .accompaniment
            .unwrap_or(Accompaniment::choose(wish.metre, arousal)),
    }
}

/// From the written bars to the finished score: what was given stays, loudness is shaped, chords are played.
fn finish(written: Written, frame: &Frame<'_>, asked: &Asked, request: &LeadSheetRequest) -> Score {
    let mut sheet = written.score;
    if let Some(progression) = &frame.progression {
        sheet.chords = progression.changes(frame.metre, &sheet);
    }
    name_sections(&mut sheet, frame, request);
    sheet.title = request
        .title
        .clone()
        .unwrap_or_else(|| title(request, frame));
    let arrangement = Arrangement {
        accompaniment: asked.accompaniment,
        arousal: asked.arousal,
    };
    let mut shaped = shape_melody(&sheet, asked.arousal);
    if let Some(source) = frame.source {
        let original = extended(source, &shaped, frame);
        shaped = splice(
            &original,
            &shaped,
            written.bars.clone(),
            frame.kind == Kind::Keep,
        );
    }
    let mut score = arrange(&shaped, &arrangement);
    if let (Some(source), Kind::Fill { .. }) = (frame.source, frame.kind) {
        keep_other_parts(&mut score, source, written.bars);
    }
    if request.humanize > 0.0 {
        score = humanize(&score, request.humanize, request.seed.derive("humanize"));
    }
    score
}

fn title(request: &LeadSheetRequest, frame: &Frame<'_>) -> String {
    let label = request.emotion.mixture().map(ToString::to_string);
    match (label, frame.source) {
        (_, Some(source)) if !source.title.is_empty() => source.title.clone(),
        (Some(label), _) => format!("{label} in {}", frame.key),
        (None, _) => format!("Lead sheet in {}", frame.key),
    }
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
