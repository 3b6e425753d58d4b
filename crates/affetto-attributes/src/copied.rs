//! How much of a piece stands note for note in a corpus.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use affetto_media::{Note, Quarters, Score};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use crate::events::melody_line;
use crate::suffix::{Match, SuffixAutomaton};

/// A shared run of so many pairs counts as copied.
pub const COPIED_PAIRS: usize = 12;

/// One step of a melody: semitones up from the note before, and the note's own length. Transposing
/// changes nothing; rests do not enter.
pub type Pair = (i16, Quarters);

/// The steps of a melody, one fewer than it has notes.
pub fn pairs(line: &[Note]) -> Vec<Pair> {
    line.windows(2)
        .map(|notes| {
            let interval = i16::from(notes[1].pitch) - i16::from(notes[0].pitch);
            (interval, notes[1].duration)
        })
        .collect()
}

/// The longest run that a piece shares with the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The place of the score in the corpus.
    pub score: usize,
    /// The pairs, counted from 0, that match in that score.
    pub theirs: Range<usize>,
    /// The pairs that match in the piece.
    pub ours: Range<usize>,
}

impl Copied {
    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.ours.len()
    }

    /// Never true of a run that was found.
    pub fn is_empty(&self) -> bool {
        self.ours.is_empty()
    }
}

/// All melodies of a corpus, indexed once.
pub struct CopyIndex {
    automaton: SuffixAutomaton,
    symbols: HashMap<Pair, u32>,
    /// Where each melody begins in the text.
    starts: Vec<usize>,
}

impl CopyIndex {
    /// The index of `scores`.
    pub fn new<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Self {
        let mut index = Self {
            automaton: SuffixAutomaton::new(),
            symbols: HashMap::new(),
            starts: Vec::new(),
        };
        let mut length = 0;
        for score in scores {
            let pairs = pairs(&melody_line(score));
            index.starts.push(length);
            length += pairs.len() + 1;
            index.add(&pairs);
        }
        index
    }

    fn add(&mut self, pairs: &[Pair]) {
        for pair in pairs {
            let next = self.symbols.len() as u32;
            let symbol = *self.symbols.entry(*pair).or_insert(next);
            self.automaton.push(symbol);
        }
        // The end of a melody is a symbol that no query has, so that no run goes over it.
        self.automaton.push(u32::MAX - 1);
    }

    /// The length in pairs of the longest run that the piece shares with any one score.
    pub fn longest_run(&self, score: &Score) -> usize {
        self.longest_copy(score).map_or(0, |copied| copied.len())
    }

    /// The longest shared run and where it stands, or nothing where not one pair is shared.
    pub fn longest_copy(&self, score: &Score) -> Option<Copied> {
        let mut at = Match::default();
        let mut best = (Match::default(), 0);
        for (index, pair) in pairs(&melody_line(score)).iter().enumerate() {
            at = self.automaton.advance(at, self.symbols.get(pair).copied());
            if at.length > best.0.length {
                best = (at, index + 1);
            }
        }
        let (found, end) = best;
        (found.length > 0).then(|| self.copied(found, end))
    }

    fn copied(&self, found: Match, end: usize) -> Copied {
        let their_end = self.automaton.first_end(found) + 1;
        let score = self.starts.partition_point(|start| *start < their_end) - 1;
        let their_end = their_end - self.starts[score];
        Copied {
            score,
            theirs: their_end - found.length..their_end,
            ours: end - found.length..end,
        }
    }
}

/// Marks of the runs of a corpus, small enough to go with a model: whatever run of [`MARKED_RUN`] pairs a melody shares with
/// the corpus, at least one of its marks is there.
///
/// A mark is the smallest hash of twelve pairs among all that lie in such a run (winnowing: Schleimer, Wilkerson, Aiken,
/// "Winnowing: local algorithms for document fingerprinting", 2003). Marks are kept in a Bloom filter, so that about one in
/// 300 is found that is not there; no melody can be had back from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunMarks {
    bits: Vec<u8>,
}

/// Every shared run of so many pairs is noticed.
pub const MARKED_RUN: usize = 16;
/// Pairs of which a hash is made.
const GRAM: usize = 12;
/// Bits of the filter for each mark.
const BITS_A_MARK: usize = 12;
/// Bits that a mark sets.
const BITS_SET: u64 = 8;
/// The most bytes of a filter that is read.
const MOST_FILTER_BYTES: usize = 16 << 20;

impl RunMarks {
    /// The marks of the melodies of `scores`.
    pub fn new<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Self {
        let lines = scores.into_iter().map(melody_line);
        let marks: BTreeSet<u64> = lines.flat_map(|line| marks(&pairs(&line))).collect();
        let mut filter = Self {
            bits: vec![0; (marks.len() * BITS_A_MARK).div_ceil(8).max(8)],
        };
        for mark in marks {
            for bit in filter.places(mark) {
                filter.bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        filter
    }

    /// How many marks of a melody are those of the corpus: 0 where it shares no run of [`MARKED_RUN`] pairs.
    pub fn count(&self, score: &Score) -> usize {
        let marks = marks(&pairs(&melody_line(score)));
        let is_set = |bit: usize| self.bits[bit / 8] & (1 << (bit % 8)) != 0;
        let known = marks.iter().filter(|mark| self.places(**mark).all(is_set));
        known.count()
    }

    /// The bits of a mark.
    fn places(&self, mark: u64) -> impl Iterator<Item = usize> + use<> {
        let bits = self.bits.len() as u64 * 8;
        let step = mixed(mark) | 1;
        (0..BITS_SET).map(move |at| (mark.wrapping_add(at.wrapping_mul(step)) % bits) as usize)
    }
}

impl From<RunMarks> for String {
    fn from(marks: RunMarks) -> Self {
        BASE64.encode(&marks.bits)
    }
}

impl TryFrom<String> for RunMarks {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bits = BASE64.decode(text).map_err(|error| error.to_string())?;
        match bits.len() {
            8..=MOST_FILTER_BYTES => Ok(Self { bits }),
            other => Err(format!("a filter of {other} bytes")),
        }
    }
}

/// The marks of a melody, in its order.
fn marks(pairs: &[Pair]) -> Vec<u64> {
    let hashes: Vec<u64> = pairs.windows(GRAM).map(hash).collect();
    let smallest = |from: usize, window: &[u64]| {
        let least = window
            .iter()
            .enumerate()
            .rev()
            .min_by_key(|(_, hash)| **hash)?;
        Some(from + least.0)
    };
    let windows = hashes.windows(MARKED_RUN - GRAM + 1).enumerate();
    let mut places: Vec<usize> = windows
        .filter_map(|(from, window)| smallest(from, window))
        .collect();
    places.dedup();
    places.into_iter().map(|place| hashes[place]).collect()
}

/// The same on every machine.
fn hash(pairs: &[Pair]) -> u64 {
    pairs.iter().fold(0, |hash, (interval, length)| {
        let with = |hash: u64, value: i64| mixed(hash ^ value as u64);
        let hash = with(hash, i64::from(*interval));
        with(with(hash, *length.numer()), *length.denom())
    })
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014).
const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The number of pairs of the longest run that stands twice in the piece itself, overlapping or not.
pub fn longest_repeat(score: &Score) -> usize {
    let mut automaton = SuffixAutomaton::new();
    let mut symbols: HashMap<Pair, u32> = HashMap::new();
    for pair in pairs(&melody_line(score)) {
        let next = symbols.len() as u32;
        automaton.push(*symbols.entry(pair).or_insert(next));
    }
    automaton.longest_repeat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{any_score, sheet, transposed};
    use proptest::prelude::*;

    fn tune(pitches: &[u8]) -> Score {
        sheet("4/4", "C major", 8).run(pitches, 1, 1).build()
    }

    /// Whatever run of sixteen pairs is shared leaves a mark, wherever it stands and whatever stands around it; a melody
    /// that shares none has hardly any.
    #[test]
    fn every_shared_run_leaves_a_mark() {
        let wandering = |count: u64, seed: u64| -> Vec<u8> {
            let steps = (0..count).map(|at| (mixed(at ^ (seed << 32)) % 12) as u8);
            steps.map(|step| 60 + step).collect()
        };
        let long_tune = |pitches: &[u8]| sheet("4/4", "C major", 64).run(pitches, 1, 1).build();
        let theirs = wandering(200, 1);
        let index = RunMarks::new(&[long_tune(&theirs)]);
        assert_eq!(index.count(&long_tune(&wandering(200, 2))), 0);
        for from in 0..200 - MARKED_RUN - 1 {
            let mut ours = wandering(20, 3);
            let shared = &theirs[from..=from + MARKED_RUN];
            ours.extend(shared.iter().map(|pitch| pitch + 5));
            ours.extend(wandering(20, 4));
            assert!(index.count(&long_tune(&ours)) > 0, "{from}");
        }
        let text = serde_json::to_string(&index).unwrap();
        assert_eq!(serde_json::from_str::<RunMarks>(&text).unwrap(), index);
        for bad in ["\"\"", "\"?\"", "\"AAAA\"", "7"] {
            assert!(serde_json::from_str::<RunMarks>(bad).is_err(), "{bad}");
        }
    }

    /// The query has four notes of the second tune, a fifth higher: three pairs.
    #[test]
    fn a_transposed_quotation_is_found() {
        let corpus = [tune(&[60, 61, 60, 61]), tune(&[60, 62, 64, 65, 67, 60])];
        let index = CopyIndex::new(&corpus);
        let query = tune(&[80, 69, 71, 72, 74, 90]);
        let copied = index.longest_copy(&query).unwrap();
        assert_eq!((copied.score, copied.theirs, copied.ours), (1, 1..4, 1..4));
        assert_eq!(index.longest_run(&query), 3);
    }

    /// The same pitches in other lengths are no copy.
    #[test]
    fn lengths_count() {
        let index = CopyIndex::new(&[tune(&[60, 62, 64, 65, 67])]);
        let slower = sheet("4/4", "C major", 8)
            .run(&[60, 62, 64, 65, 67], 2, 1)
            .build();
        assert_eq!(index.longest_run(&slower), 0);
    }

    /// No run goes from one tune into the next.
    #[test]
    fn runs_end_with_the_tune() {
        let index = CopyIndex::new(&[tune(&[60, 62, 64]), tune(&[60, 62, 64])]);
        assert_eq!(index.longest_run(&tune(&[60, 62, 64, 66, 68, 70])), 2);
        assert_eq!(CopyIndex::new(&[]).longest_run(&tune(&[60, 62])), 0);
    }

    #[test]
    fn repeats_within_a_tune() {
        assert_eq!(longest_repeat(&tune(&[60, 62, 64, 50, 60, 62, 64, 70])), 2);
        assert_eq!(longest_repeat(&tune(&[])), 0);
    }

    proptest! {
        #[test]
        fn a_piece_is_its_own_copy(scores in prop::collection::vec(any_score(), 1..4), semitones in -6i8..=6) {
            let index = CopyIndex::new(&scores);
            for score in &scores {
                let own = melody_line(score).len().saturating_sub(1);
                prop_assert_eq!(index.longest_run(score), own);
                if let Some(moved) = transposed(score, semitones) {
                    prop_assert_eq!(index.longest_run(&moved), own);
                }
            }
        }

        #[test]
        fn what_is_found_is_there(corpus in prop::collection::vec(any_score(), 1..4), score in any_score()) {
            if let Some(copied) = CopyIndex::new(&corpus).longest_copy(&score) {
                let ours = pairs(&melody_line(&score));
                let theirs = pairs(&melody_line(&corpus[copied.score]));
                prop_assert_eq!(&ours[copied.ours], &theirs[copied.theirs]);
            }
        }
    }
}
