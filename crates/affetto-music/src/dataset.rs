//! Training songs as sequences, and what is drawn of them in an epoch.

use affetto_attributes::ValenceClass;
use affetto_core::{Rng, Seed};
use affetto_media::{ChordChange, Mode, Note, Quarters, Score};

use crate::tokens::{
    BarContext, CONDITION_COLUMNS, FEATURE_COLUMNS, Group, PLACE_COLUMNS, Sequence, Style, Token,
    encode,
};

/// The longest sequence trained on, in tokens; longer songs are cut at a phrase.
pub const LONGEST: usize = 768;
/// A passage with fewer bars is left out.
const FEWEST_BARS: usize = 6;

/// The sequences of `score`: cut where a bar is outside the vocabulary, then at phrase ends so that none is longer
/// than [`LONGEST`] tokens.
pub fn sequences(score: &Score, style: Option<Style>) -> Vec<Sequence> {
    let mut found = Vec::new();
    let mut rest = 0..score.bars.len();
    while !rest.is_empty() {
        let (run, next) = representable_run(score, rest.clone());
        if run.len() >= FEWEST_BARS
            && let Ok(mut sequence) = encode(&excerpt(score, run))
        {
            sequence.bars.iter_mut().for_each(|bar| bar.style = style);
            found.extend(cut(sequence));
        }
        rest.start = next;
    }
    found
}

/// The longest run of bars from the start of `bars` that can be encoded, and where to go on.
fn representable_run(
    score: &Score,
    bars: std::ops::Range<usize>,
) -> (std::ops::Range<usize>, usize) {
    let start = bars.start;
    if encode(&excerpt(score, bars.clone())).is_ok() {
        return (bars.clone(), bars.end);
    }
    let fits = |bar: usize| {
        encode(&excerpt(score, bar..bar + 1)).is_ok() && (bar == start || is_full(score, bar))
    };
    let end = bars.clone().find(|bar| !fits(*bar)).unwrap_or(bars.end);
    (start..end, end.max(start) + 1)
}

fn is_full(score: &Score, bar: usize) -> bool {
    score.bars[bar].length == score.bars[bar].metre.length()
        && score.bars[bar].key == score.bars[bar.saturating_sub(1)].key
}

/// The bars `bars` of `score` as a score of its own; notes are cut at its ends.
pub fn excerpt(score: &Score, bars: std::ops::Range<usize>) -> Score {
    let onsets = score.bar_onsets();
    let (start, end) = (onsets[bars.start], onsets[bars.end]);
    let zero = Quarters::from_integer(0);
    let mut chords: Vec<ChordChange> = vec![ChordChange {
        onset: zero,
        chord: score.chord_at(start),
    }];
    let inside = score
        .chords
        .iter()
        .filter(|change| start < change.onset && change.onset < end);
    chords.extend(inside.map(|change| ChordChange {
        onset: change.onset - start,
        ..*change
    }));
    if chords[0].chord.is_none() {
        chords.remove(0);
    }
    let mut parts = score.parts.clone();
    for part in &mut parts {
        part.notes = part
            .notes
            .iter()
            .filter_map(|note| clip(note, start, end))
            .collect();
    }
    let mut sections = score.sections.clone();
    sections.retain(|section| start <= section.onset && section.onset < end);
    sections
        .iter_mut()
        .for_each(|section| section.onset -= start);
    Score {
        bars: score.bars[bars].to_vec(),
        chords,
        parts,
        sections,
        tempos: score.tempos[..1.min(score.tempos.len())].to_vec(),
        ..score.clone()
    }
}

fn clip(note: &Note, start: Quarters, end: Quarters) -> Option<Note> {
    let (onset, stop) = (note.onset.max(start), note.end().min(end));
    (onset < stop).then(|| Note {
        onset: onset - start,
        duration: stop - onset,
        ..*note
    })
}

/// Cuts a sequence at phrase beginnings into pieces of at most [`LONGEST`] tokens, as equal as can be.
fn cut(sequence: Sequence) -> Vec<Sequence> {
    if sequence.tokens.len() <= LONGEST {
        return vec![sequence];
    }
    let pieces = sequence.tokens.len().div_ceil(LONGEST * 3 / 4);
    let per_piece = sequence.bars.len().div_ceil(pieces);
    let mut starts = vec![0];
    for (at, bar) in sequence.bars.iter().enumerate() {
        let last = starts[starts.len() - 1];
        if bar.group == Group::Start1 && at >= last + per_piece {
            starts.push(at);
        }
    }
    let ends = starts[1..].iter().copied().chain([sequence.bars.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| sequence.bars_only(*start..end))
        .filter(|piece| piece.bars.len() >= FEWEST_BARS && piece.tokens.len() <= LONGEST)
        .collect()
}

/// A sequence ready for a network.
#[derive(Clone, Debug)]
pub struct Example {
    /// The encoder's ids, one row a bar.
    pub conditions: Vec<[u32; CONDITION_COLUMNS]>,
    /// `bos ... eos`.
    pub tokens: Vec<u32>,
    /// One row a token.
    pub features: Vec<[u32; FEATURE_COLUMNS]>,
    /// One row a token.
    pub positions: Vec<[f32; 2]>,
}

impl Example {
    /// `sequence` with the conditions of `bars`.
    pub fn new(sequence: &Sequence, bars: &[BarContext]) -> Self {
        let (features, positions) = sequence.features(bars);
        Self {
            conditions: bars.iter().map(BarContext::condition_ids).collect(),
            tokens: sequence
                .tokens
                .iter()
                .map(|token| token.id().unwrap_or(0))
                .collect(),
            features,
            positions,
        }
    }
}

/// How often a token is hidden in training where it is fed; what it is learned from stays.
const HIDDEN_TOKENS: f64 = 0.08;
/// How often what a place tells of earlier bars is hidden, each of its columns by itself.
const HIDDEN_ECHOES: f64 = 0.1;

impl Example {
    /// Hides some of what is fed (word dropout, Gal & Ghahramani 2016, section 4), so that no single hint is leant on;
    /// never where a bar or the piece begins, which other parts of a network count by.
    pub fn hide(&mut self, rng: &mut Rng) {
        for (token, features) in self.tokens.iter_mut().zip(&mut self.features) {
            let counted = [Token::Bos, Token::Bar]
                .iter()
                .any(|kept| kept.id() == Some(*token));
            if !counted && rng.uniform() < HIDDEN_TOKENS {
                *token = 0;
            }
            for echo in &mut features[PLACE_COLUMNS..] {
                if rng.uniform() < HIDDEN_ECHOES {
                    *echo = 0;
                }
            }
        }
    }
}

/// How often a condition is left out in training, so that a request may leave it out too.
#[derive(Clone, Copy, Debug)]
pub struct ConditionDropout {
    /// Of the whole valence curve.
    pub valence: f64,
    /// Of the whole density curve.
    pub density: f64,
    /// Of the exact numbers of events.
    pub count: f64,
    /// Of the style.
    pub style: f64,
}

impl ConditionDropout {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        valence: 0.0,
        density: 0.0,
        count: 0.0,
        style: 0.0,
    };
    /// For training.
    pub const TRAINING: Self = Self {
        valence: 0.15,
        density: 0.15,
        count: 0.6,
        style: 0.15,
    };
    /// What a request gives when it says nothing of numbers of events.
    pub const USUAL: Self = Self {
        count: 1.0,
        ..Self::NONE
    };

    /// The bars with some conditions left out.
    pub fn apply(&self, bars: &[BarContext], rng: &mut Rng) -> Vec<BarContext> {
        let mut drop = |rate: f64| rng.uniform() < rate;
        let (valence, density) = (drop(self.valence), drop(self.density));
        let (count, style) = (drop(self.count), drop(self.style));
        bars.iter()
            .map(|bar| BarContext {
                valence: bar.valence.filter(|_| !valence),
                density: bar.density.filter(|_| !density),
                count: bar.count.filter(|_| !count),
                style: bar.style.filter(|_| !style),
                ..*bar
            })
            .collect()
    }
}

/// How much more often a sequence is drawn: low valence is rare in songs, and small collections are small.
pub fn weight(sequence: &Sequence) -> f64 {
    let classes: Vec<ValenceClass> = sequence.bars.iter().filter_map(|bar| bar.valence).collect();
    let sum: f64 = classes.iter().map(|class| f64::from(class.number())).sum();
    let mean = sum / classes.len().max(1) as f64;
    let rare = match mean {
        mean if mean < -1.0 => 3.0,
        mean if mean < -0.5 => 2.0,
        mean if mean < 0.0 => 1.3,
        _ => 1.0,
    };
    let collection = match sequence.bars.first().and_then(|bar| bar.style) {
        Some(Style::Song) => 3.0,
        Some(Style::Hymn) => 2.0,
        Some(Style::Lied) | None => 1.0,
    };
    rare * collection
}

/// The order of an epoch: each sequence about as often as its weight says, whole parts for certain, the rest by chance.
pub fn epoch(weights: &[f64], seed: Seed) -> Vec<usize> {
    let mut rng = seed.derive("epoch").rng();
    let mut order = Vec::new();
    for (at, weight) in weights.iter().enumerate() {
        let more = rng.uniform() < weight.fract();
        let times = weight.trunc() as usize + usize::from(more);
        order.extend(std::iter::repeat_n(at, times));
    }
    rng.shuffle(&mut order);
    order
}

/// Whether a song's mode is major, for the mode flip.
pub fn is_major(sequence: &Sequence) -> bool {
    sequence
        .bars
        .first()
        .is_some_and(|bar| bar.mode == Mode::Major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_where_tokens_are_hidden() {
        let bar = Token::Bar.id().unwrap_or(0);
        let mut example = Example {
            conditions: Vec::new(),
            tokens: [bar, 9, 9, 9].repeat(500),
            features: vec![[3; FEATURE_COLUMNS]; 2000],
            positions: Vec::new(),
        };
        example.hide(&mut Seed(1).rng());
        let count = |id: u32| example.tokens.iter().filter(|token| **token == id).count();
        assert_eq!(count(bar), 500);
        assert!((80..170).contains(&count(0)), "{}", count(0));
        let place_kept =
            |row: &[u32; FEATURE_COLUMNS]| row[..PLACE_COLUMNS].iter().all(|id| *id == 3);
        assert!(example.features.iter().all(place_kept));
        assert!(example.features.iter().any(|row| row.contains(&0)));
    }

    #[test]
    fn an_epoch_holds_each_sequence_as_often_as_its_weight() {
        let order = epoch(&[1.0, 2.0, 0.5], Seed(1));
        let count = |at| order.iter().filter(|other| **other == at).count();
        assert_eq!((count(0), count(1)), (1, 2));
        assert!(count(2) <= 1);
        assert_eq!(order, epoch(&[1.0, 2.0, 0.5], Seed(1)));
    }
}
