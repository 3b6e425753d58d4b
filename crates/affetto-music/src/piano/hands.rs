//! Which hand plays a note.

use super::grid::TimedNote;

/// A hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hand {
    /// The upper staff.
    Right,
    /// The lower staff.
    Left,
}

/// What a semitone beyond the span of a hand costs.
const STRETCH_COST: f64 = 8.0;
/// What a finger too many costs.
const FINGER_COST: f64 = 12.0;
/// What it costs, a semitone, to move a hand.
const MOVE_COST: f64 = 0.35;
/// What it costs, a semitone, that a hand plays on the other's side of middle C.
const SIDE_COST: f64 = 0.25;
/// Where hands lie at first.
const AT_FIRST: [f64; 2] = [67.0, 48.0];
const MIDDLE_C: f64 = 60.0;
const FINGERS: usize = 5;

/// The hand of each of `notes`, which are sorted by onset, then from low to high.
///
/// At each onset the highest notes are the right hand's, the others the left's; where to part them is found for all onsets
/// at once (Viterbi 1967), so that hands neither stretch beyond `span` semitones nor leap where they need not.
pub fn hands(notes: &[TimedNote], span: u8) -> Vec<Hand> {
    let onsets: Vec<&[TimedNote]> = notes.chunk_by(|a, b| a.onset == b.onset).collect();
    let mut paths = vec![Path::default()];
    let mut before: Vec<Vec<usize>> = Vec::new(); // for each onset and way to part it, the best way of the one before
    for onset in &onsets {
        let best = |left: usize| {
            let ways = paths.iter().map(|path| path.with(onset, left, span));
            let ways = ways.enumerate();
            ways.min_by(|a, b| a.1.cost.total_cmp(&b.1.cost))
        };
        let ways: Vec<(usize, Path)> = (0..=onset.len()).filter_map(best).collect();
        before.push(ways.iter().map(|(from, _)| *from).collect());
        paths = ways.into_iter().map(|(_, path)| path).collect();
    }
    let ends = paths.iter().enumerate();
    let end = ends.min_by(|a, b| a.1.cost.total_cmp(&b.1.cost));
    let mut left = end.map_or(0, |(left, _)| left);
    let mut hands = Vec::with_capacity(notes.len());
    for (onset, before) in onsets.iter().zip(&before).rev() {
        let hand = |at| if at < left { Hand::Left } else { Hand::Right };
        hands.extend((0..onset.len()).rev().map(hand));
        left = before[left];
    }
    hands.reverse();
    hands
}

/// What the best way to part the onsets so far costs, and where the hands then lie.
#[derive(Clone, Copy, Debug)]
struct Path {
    cost: f64,
    /// The middle of what each hand played last.
    at: [f64; 2],
}

impl Default for Path {
    fn default() -> Self {
        Self {
            cost: 0.0,
            at: AT_FIRST,
        }
    }
}

impl Path {
    /// One onset further, of which the lowest `left` notes are the left hand's.
    fn with(self, onset: &[TimedNote], left: usize, span: u8) -> Self {
        let (low, high) = onset.split_at(left);
        let mut path = self;
        for (hand, notes) in [high, low].into_iter().enumerate() {
            let (Some(first), Some(last)) = (notes.first(), notes.last()) else {
                continue;
            };
            let middle = (f64::from(first.pitch) + f64::from(last.pitch)) / 2.0;
            let stretch = f64::from((last.pitch - first.pitch).saturating_sub(span));
            let fingers = notes.len().saturating_sub(FINGERS) as f64;
            let side = match hand {
                0 => MIDDLE_C - middle,
                _ => middle - MIDDLE_C,
            };
            path.cost += STRETCH_COST * stretch
                + FINGER_COST * fingers
                + MOVE_COST * (middle - self.at[hand]).abs()
                + SIDE_COST * side.max(0.0);
            path.at[hand] = middle;
        }
        path
    }
}

/// How far apart, in semitones, the outer notes of one hand lie at most, of what is struck at one onset.
pub fn widest_span(notes: &[TimedNote], hands: &[Hand]) -> u8 {
    let mut widest = 0;
    let both: Vec<(&TimedNote, &Hand)> = notes.iter().zip(hands).collect();
    for onset in both.chunk_by(|a, b| a.0.onset == b.0.onset) {
        for hand in [Hand::Right, Hand::Left] {
            let pitches = || {
                let of_hand = onset.iter().filter(|(_, of)| **of == hand);
                of_hand.map(|(note, _)| note.pitch)
            };
            if let (Some(low), Some(high)) = (pitches().min(), pitches().max()) {
                widest = widest.max(high - low);
            }
        }
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(onset: i64, pitch: u8) -> TimedNote {
        TimedNote {
            onset,
            end: onset + 12,
            pitch,
            velocity: 80,
        }
    }

    fn letters(notes: &[(i64, u8)], span: u8) -> String {
        let notes: Vec<TimedNote> = notes
            .iter()
            .map(|(onset, pitch)| note(*onset, *pitch))
            .collect();
        let letter = |hand: &Hand| if *hand == Hand::Left { 'l' } else { 'r' };
        hands(&notes, span).iter().map(letter).collect()
    }

    #[test]
    fn hands_by_hand() {
        // A waltz: bass, chords, a tune above.
        let waltz = [
            (0, 36),
            (0, 72),
            (12, 52),
            (12, 55),
            (12, 74),
            (24, 52),
            (24, 55),
            (24, 76),
        ];
        assert_eq!(letters(&waltz, 14), "lrllrllr");
        // A tenth is too wide for a hand that spans an octave.
        assert_eq!(letters(&[(0, 48), (0, 55), (0, 64)], 12), "llr");
        // A scale down stays in the hand that begins it.
        assert_eq!(
            letters(
                &[(0, 67), (12, 65), (24, 64), (36, 62), (48, 60), (60, 59)],
                14
            ),
            "rrrrrr"
        );
        assert_eq!(letters(&[], 14), "");
    }

    #[test]
    fn spans_by_hand() {
        let notes = [
            note(0, 40),
            note(0, 50),
            note(0, 70),
            note(12, 60),
            note(12, 73),
        ];
        let hands = [
            Hand::Left,
            Hand::Left,
            Hand::Right,
            Hand::Right,
            Hand::Right,
        ];
        assert_eq!(widest_span(&notes, &hands), 13);
    }
}
