//! From one note to the next. Drums do not count.

use super::{
    Piece,
    notes::{Note, by_channel, by_line, onset_groups},
};
use crate::statistics::normalised;

/// How many onsets a pitch may take to come back, to count for [`melodic_pitch_variety`].
const MOST_ONSETS_TO_REPEAT: usize = 16;

/// A neighbour this many times as long makes a note an embellishment.
const EMBELLISHED_TIMES: u64 = 3;

/// The intervals that arpeggios are made of, in semitones.
const ARPEGGIO: [usize; 9] = [0, 3, 4, 7, 10, 11, 12, 15, 16];

/// The melodic intervals of a piece.
///
/// One reaches from the last note struck at one time to the first struck at the next, in the order of the events
/// of each track and channel.
#[derive(Clone, Debug)]
pub(super) struct Melody {
    /// Shares of the intervals by size in semitones.
    histogram: Option<[f64; 128]>,
    moves: usize,
    turns: usize,
    embellishments: usize,
    /// Onsets until each pitch that comes back does.
    returns: Vec<usize>,
}

impl Melody {
    pub(super) fn of(notes: &[Note]) -> Self {
        let lines: Vec<Vec<i16>> = by_line(notes).map(|line| intervals(&line)).collect();
        let mut counts = [0.0; 128];
        for interval in lines.iter().flatten() {
            counts[usize::from(interval.unsigned_abs())] += 1.0;
        }
        let mut melody = Self {
            histogram: normalised(counts),
            moves: 0,
            turns: 0,
            embellishments: 0,
            returns: Vec::new(),
        };
        for line in &lines {
            let moves: Vec<bool> = line
                .iter()
                .filter(|step| **step != 0)
                .map(|step| *step > 0)
                .collect();
            melody.moves += moves.len();
            melody.turns += moves.windows(2).filter(|pair| pair[0] != pair[1]).count();
        }
        for channel in by_channel(notes) {
            let groups = onset_groups(&channel);
            melody.embellishments += embellishments(&groups);
            melody.returns.extend(returns(&groups));
        }
        melody
    }
}

fn intervals(line: &[Note]) -> Vec<i16> {
    let pairs = line
        .windows(2)
        .filter(|pair| pair[0].onset != pair[1].onset);
    pairs
        .map(|pair| i16::from(pair[1].pitch) - i16::from(pair[0].pitch))
        .collect()
}

fn embellishments(groups: &[Vec<Note>]) -> usize {
    let longest = |group: &Vec<Note>| group.iter().map(Note::duration).max().unwrap_or(0);
    let longest: Vec<u64> = groups.iter().map(longest).collect();
    let inner = groups
        .iter()
        .enumerate()
        .skip(1)
        .take(groups.len().saturating_sub(2));
    let count = |(at, group): (usize, &Vec<Note>)| {
        let neighbour = longest[at - 1].min(longest[at + 1]);
        let short = |note: &&Note| note.duration() * EMBELLISHED_TIMES <= neighbour;
        group.iter().filter(short).count()
    };
    inner.map(count).sum()
}

/// For each note whose pitch comes back soon enough, the onsets until then.
fn returns(groups: &[Vec<Note>]) -> Vec<usize> {
    let mut next = [usize::MAX; 128];
    let mut returns = Vec::new();
    for (index, group) in groups.iter().enumerate().rev() {
        for note in group {
            let onsets = next[usize::from(note.pitch)].saturating_sub(index);
            if onsets <= MOST_ONSETS_TO_REPEAT {
                returns.push(onsets);
            }
        }
        for note in group {
            next[usize::from(note.pitch)] = index;
        }
    }
    returns
}

fn sum_of(piece: &Piece, semitones: &[usize]) -> Option<f64> {
    let histogram = piece.melody.histogram?;
    Some(semitones.iter().map(|size| histogram[*size]).sum())
}

/// *Melodic Interval Histogram* (jSymbolic M-1): the share of melodic intervals of `semitones`, up or down.
pub fn melodic_interval_histogram(piece: &Piece, semitones: usize) -> Option<f64> {
    piece.melody.histogram?.get(semitones).copied()
}

/// *Prevalence of Most Common Melodic Interval* (M-6): the largest share of one size.
pub fn prevalence_of_most_common_melodic_interval(piece: &Piece) -> Option<f64> {
    Some(piece.melody.histogram?.into_iter().fold(0.0, f64::max))
}

/// *Amount of Arpeggiation* (M-8): the share of repeats, thirds, fifths, sevenths, octaves and tenths.
pub fn amount_of_arpeggiation(piece: &Piece) -> Option<f64> {
    sum_of(piece, &ARPEGGIO)
}

/// *Melodic Sixths* (M-16): the share of minor and major sixths.
pub fn melodic_sixths(piece: &Piece) -> Option<f64> {
    sum_of(piece, &[8, 9])
}

/// *Melodic Embellishments* (M-21): the share of notes with a note at least three times as long both at the onset
/// before and at the onset after.
pub fn melodic_embellishments(piece: &Piece) -> Option<f64> {
    let notes = piece.notes.all.len();
    (notes > 0).then(|| piece.melody.embellishments as f64 / notes as f64)
}

/// *Average Length of Melodic Arcs* (M-23): intervals other than repeats for each change of direction; 0 where the
/// direction never changes.
pub fn average_length_of_melodic_arcs(piece: &Piece) -> Option<f64> {
    piece.melody.histogram?;
    Some(match piece.melody.turns {
        0 => 0.0,
        turns => piece.melody.moves as f64 / turns as f64,
    })
}

/// *Melodic Pitch Variety* (M-25): after how many onsets a pitch comes back, the mean over the notes that do so within
/// 16; 0 where none does.
pub fn melodic_pitch_variety(piece: &Piece) -> Option<f64> {
    if piece.notes.pitched.is_empty() {
        return None;
    }
    let returns = &piece.melody.returns;
    let sum: usize = returns.iter().sum();
    Some(match returns.len() {
        0 => 0.0,
        count => sum as f64 / count as f64,
    })
}
