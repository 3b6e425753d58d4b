//! How much of a piece stands note for note in a corpus.

use std::collections::HashMap;
use std::ops::Range;

use affetto_media::{Note, Quarters, Score};

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
