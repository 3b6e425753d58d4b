//! From an emotion to what is asked of a piece: tempo, key and attributes.

use affetto_attributes::{
    map::{AttributeMap, Preset, Targets, quadrant_weights},
    piece::{Attribute, Unit},
};
use affetto_core::{Rng, Seed};
use affetto_emotion::{Emotion, FrameRate, TimeBase, Unit as TimeUnit, Vad};
use affetto_media::{Key, Metre, Tempo, f64_from_quarters};

use super::{
    condition::{AttributeWish, PianoRequest},
    dynamics::DYNAMICS,
    levels::{ATTRIBUTES, LEVELS, Levels},
    profile::{Profile, Quantiles, RANKS, Ranks, Statistics, level_of},
    tokens::Style,
};

/// How much it counts that a profile is judged to be of another emotion (nats), when one is drawn.
const EMOTION_WEIGHT: f64 = 20.0;
/// Deviation of a profile's tempo from the one that is asked, in octaves.
const ASKED_TEMPO_DEVIATION: f64 = 0.15;
/// The same from the one that the emotion suggests.
const FELT_TEMPO_DEVIATION: f64 = 0.5;
/// What a quarter of all music costs a profile that has an attribute so far from where it is asked.
const WISH_COST: f64 = 1.5;

/// What is asked of a piece.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Quarter notes per minute.
    pub tempo_bpm: f64,
    /// The kind of music.
    pub style: Style,
    /// The part of all music that each attribute is to lie in; nothing where it is left open.
    pub ranks: Ranks,
    /// By how much each bar has them higher or lower, as shares of all music; empty where the emotion stays.
    pub moves: Vec<Vec<f64>>,
    /// Valence and arousal of each bar, where the emotion moves.
    pub points: Option<Vec<Vad>>,
    /// By how much each bar is louder for that, in steps of MIDI velocity; empty where the emotion stays.
    pub louder: Vec<f64>,
    /// How much of each quadrant is asked, Q1 to Q4.
    pub quadrants: [f64; 4],
    /// Valence, arousal and dominance; the mean where they move.
    pub point: Vad,
}

/// What is settled before.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The key.
    pub key: Key,
    /// The time signature.
    pub metre: Metre,
    /// Bars to be written.
    pub bars: usize,
    /// Quarter notes in them.
    pub quarters: f64,
    /// Quarter notes per minute, where that is settled.
    pub tempo_bpm: Option<f64>,
    /// The attributes of what is already there, where no other feeling is asked for.
    pub found: Option<Ranks>,
}

impl Wish {
    /// What `request` asks of the bars of `frame`.
    pub fn new(request: &PianoRequest, frame: &Frame, statistics: &Statistics, seed: Seed) -> Self {
        let map = AttributeMap::preset(Preset::Default);
        let points = frame.points(request, map);
        let mean = points.as_deref().map_or(request.emotion.clone(), mean_of);
        let quadrants = quadrant_weights(&mean);
        let mut rng = seed.derive("profile").rng();
        let (ranks, style, tempo) = match frame.found {
            Some(ranks) => (ranks, request.style.unwrap_or(Style::Pop), None),
            None => {
                let chosen = choose(request, frame, statistics, quadrants, &mean, &mut rng);
                let style = request.style.or(chosen.style).unwrap_or(Style::Pop);
                (chosen.ranks, style, Some(chosen.tempo.bpm().round()))
            }
        };
        let felt = map.targets(&mean).tempo_bpm.value.round();
        let tempo_bpm = frame.tempo_bpm.or(tempo).unwrap_or(felt);
        let mut wish = Self {
            tempo_bpm,
            style,
            ranks,
            moves: Vec::new(),
            louder: Vec::new(),
            points: None,
            quadrants,
            point: mean.vad(),
        };
        if frame.found.is_none() {
            wish.ranks = felt_dynamics(wish.ranks, &map.targets(&mean), &statistics.quantiles);
        }
        wish.ranks = wish.fitted(request, frame, &statistics.quantiles);
        if let Some(points) = points {
            wish.moves = moves(&points, &mean, map);
            let loudness = |emotion: &Emotion| map.targets(emotion).loudness.value;
            let louder = |point: &Vad| loudness(&Emotion::from(*point)) - loudness(&mean);
            wish.louder = points.iter().map(louder).collect();
            wish.points = Some(points);
        }
        wish
    }

    /// With those attributes that follow from length, tempo and key as these are, and those that are named as they are
    /// asked.
    fn fitted(&self, request: &PianoRequest, frame: &Frame, quantiles: &Quantiles) -> Ranks {
        let known = quantiles.values(&self.ranks);
        let mut values = known.clone();
        let seconds = frame.quarters * 60.0 / self.tempo_bpm;
        let mut set = |name: &str, value: Option<f64>| {
            if let Some(attribute) = Attribute::named(name) {
                values[attribute.index()] = value;
            }
        };
        let value =
            |name: &str| Attribute::named(name).and_then(|attribute| known[attribute.index()]);
        let notes = value("Notes per Second").map(|notes| (notes * seconds).max(1.0));
        set("Duration in Seconds", Some(seconds));
        set("Written Tempo", Some(self.tempo_bpm));
        set("Total Number of Notes", notes);
        let per_note = value("Mean Pitch")
            .zip(notes)
            .map(|(pitch, notes)| pitch / notes);
        set("Relative Note Density of Highest Line", per_note);
        let mut fitted = quantiles.ranks(&values);
        for attribute in Attribute::ALL {
            let follows = FOLLOWING.contains(&attribute.name());
            let place = &mut fitted.0[attribute.index()];
            if !follows {
                *place = self.ranks.0[attribute.index()];
            }
            if attribute.name() == OF_KEY && frame.key.semitones_from_c() != 0 {
                *place = None;
            }
            match request.attributes.get(&attribute) {
                Some(AttributeWish::Open) => *place = None,
                Some(wish) if wish.level() != place.map_or(0, level_of) => {
                    let middle = (2 * wish.level() - 1) * (RANKS / (2 * LEVELS)) as u8;
                    *place = Some(middle);
                }
                _ => {}
            }
        }
        fitted
    }

    /// What the network is told at each bar: it writes in C major or A minor, `semitones` below what sounds.
    pub fn levels(&self, bars: usize, semitones: i8, quantiles: &Quantiles) -> Vec<Levels> {
        let told = |ranks: &Ranks| in_c(ranks, semitones, quantiles).levels();
        if self.moves.is_empty() {
            return vec![told(&self.ranks)];
        }
        let bar = |bar: usize| {
            let moves = self.moves.get(bar).or(self.moves.last());
            moves.map_or(told(&self.ranks), |moves| told(&self.ranks.moved(moves)))
        };
        (0..bars).map(bar).collect()
    }
}

/// The same as loud, and as much more and less loud in between, as labelled music of the emotion is: half of what there is
/// to learn from is printed music, whose loudness says nothing.
fn felt_dynamics(mut ranks: Ranks, targets: &Targets, quantiles: &Quantiles) -> Ranks {
    let mut values = quantiles.values(&ranks);
    felt_loudness(&mut values, targets);
    let felt = quantiles.ranks(&values);
    for attribute in DYNAMICS.into_iter().filter_map(Attribute::named) {
        ranks.0[attribute.index()] = felt.0[attribute.index()];
    }
    ranks
}

fn felt_loudness(values: &mut [Option<f64>], targets: &Targets) {
    for asked in &targets.attributes {
        if let Some(target) = asked
            .target
            .filter(|_| DYNAMICS.contains(&asked.attribute.name()))
        {
            values[asked.attribute.index()] = Some(target.value);
        }
    }
}

/// Attributes that follow from the length of a piece, its tempo and others.
const FOLLOWING: [&str; 4] = [
    "Duration in Seconds",
    "Written Tempo",
    "Total Number of Notes",
    "Relative Note Density of Highest Line",
];
/// The attribute that says nothing but which key it is.
const OF_KEY: &str = "Mean Pitch Class";

/// The same with pitches `semitones` lower.
fn in_c(ranks: &Ranks, semitones: i8, quantiles: &Quantiles) -> Ranks {
    let mut values = quantiles.values(ranks);
    for attribute in Attribute::ALL {
        if attribute.unit() == Unit::MidiPitch {
            let value = &mut values[attribute.index()];
            *value = value.map(|pitch| pitch - f64::from(semitones));
        }
    }
    let lower = quantiles.ranks(&values);
    let mut told = *ranks;
    for attribute in Attribute::ALL {
        if attribute.unit() == Unit::MidiPitch {
            told.0[attribute.index()] = lower.0[attribute.index()];
        }
    }
    told
}

impl Frame {
    /// Valence, arousal and dominance of each bar, where the emotion moves.
    fn points(&self, request: &PianoRequest, map: &AttributeMap) -> Option<Vec<Vad>> {
        request.emotion.curve()?;
        let still = map.targets(&request.emotion).tempo_bpm.value;
        let tempo = Tempo::from_bpm(self.tempo_bpm.unwrap_or(still));
        let beat = f64_from_quarters(self.metre.beat());
        let seconds = beat * f64::from(tempo.micros_per_quarter()) * 1e-6;
        let beats = f64::from(self.metre.beats());
        let base = TimeBase::new(seconds, beats, FrameRate::new(25, 1)).ok()?;
        let at = |bar: usize| request.emotion.at(bar as f64 + 0.5, TimeUnit::Bars, &base);
        Some((0..self.bars).map(|bar| at(bar).vad()).collect())
    }
}

/// The emotion in the middle of some points.
pub fn mean_of(points: &[Vad]) -> Emotion {
    let mean = |of: fn(Vad) -> f64| {
        points.iter().map(|point| of(*point)).sum::<f64>() / points.len().max(1) as f64
    };
    Emotion::from(Vad::clamped(
        mean(Vad::valence),
        mean(Vad::arousal),
        mean(Vad::dominance),
    ))
}

/// The mean over some bars of the shares by which attributes move.
pub fn mean_move(moves: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; ATTRIBUTES];
    for bar in moves {
        for (mean, by) in mean.iter_mut().zip(bar) {
            *mean += by / moves.len() as f64;
        }
    }
    mean
}

/// For each point the shares of all music by which each attribute moves from what the mean asks.
fn moves(points: &[Vad], mean: &Emotion, map: &AttributeMap) -> Vec<Vec<f64>> {
    let percentiles = |emotion: &Emotion| {
        let mut percentiles = vec![0.5; ATTRIBUTES];
        for target in map.targets(emotion).attributes {
            percentiles[target.attribute.index()] = target.percentile.unwrap_or(0.5);
        }
        percentiles
    };
    let from = percentiles(mean);
    let moved = |point: &Vad| {
        let to = percentiles(&Emotion::from(*point));
        to.iter().zip(&from).map(|(to, from)| to - from).collect()
    };
    points.iter().map(moved).collect()
}

/// A profile of the asked mode, and as far as there are any of the asked style and metre, drawn by how well it fits the
/// emotion, the tempo and the attributes that are asked by name.
fn choose<'a>(
    request: &PianoRequest,
    frame: &Frame,
    statistics: &'a Statistics,
    quadrants: [f64; 4],
    emotion: &Emotion,
    rng: &mut Rng,
) -> &'a Profile {
    let map = AttributeMap::preset(Preset::Default);
    let judge = map.quadrant_judge();
    let targets = map.targets(emotion);
    let felt = targets.tempo_bpm.value;
    let fits: [&dyn Fn(&Profile) -> bool; 3] = [
        &|profile| profile.mode == frame.key.mode(),
        &|profile| {
            request
                .style
                .is_none_or(|style| profile.style == Some(style))
        },
        &|profile| profile.metre == frame.metre,
    ];
    let mut fit: Vec<&Profile> = statistics.profiles.iter().collect();
    for may in fits {
        let some: Vec<&Profile> = fit.iter().copied().filter(|profile| may(profile)).collect();
        if some.len() >= FEWEST_PROFILES {
            fit = some;
        }
    }
    let log_weight = |profile: &&Profile| {
        let mut values = statistics.quantiles.values(&profile.ranks);
        felt_loudness(&mut values, &targets);
        let judged = judge.probabilities(&values);
        let (tempo, deviation) = match frame.tempo_bpm {
            Some(tempo) => (tempo, ASKED_TEMPO_DEVIATION),
            None => (felt, FELT_TEMPO_DEVIATION),
        };
        let octaves = libm::log2(profile.tempo.bpm() / tempo) / deviation;
        let wishes = request.attributes.iter().map(|(attribute, wish)| {
            let level = profile.ranks.0[attribute.index()].map_or(0, level_of);
            match wish.level() {
                0 => 0.0,
                asked => WISH_COST * f64::from(asked.abs_diff(level)),
            }
        });
        -EMOTION_WEIGHT * divergence(&quadrants, &judged)
            - 0.5 * octaves * octaves
            - wishes.sum::<f64>()
    };
    let weights: Vec<f64> = fit.iter().map(log_weight).collect();
    let most = weights.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = weights
        .iter()
        .map(|weight| libm::exp(weight - most))
        .collect();
    fit[rng.weighted(&weights).unwrap_or(0)]
}

/// With fewer profiles of a kind, others are taken too.
const FEWEST_PROFILES: usize = 20;
/// The least chance that is told from none.
const LEAST_CHANCE: f64 = 1e-4;

/// The Kullback-Leibler divergence in nats of what is judged from what is asked.
pub fn divergence(asked: &[f64; 4], judged: &[f64; 4]) -> f64 {
    let term = |(asked, judged): (&f64, &f64)| match *asked {
        asked if asked > 0.0 => asked * libm::log(asked / judged.max(LEAST_CHANCE)),
        _ => 0.0,
    };
    asked.iter().zip(judged).map(term).sum()
}
