//! One chord within one bar: what a pattern is laid on.

use affetto_media::{ChordSymbol, Key, PitchClass, Quarters, Score};

use super::grid::BarGrid;

/// One chord within one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// The place of the bar in the score.
    pub bar: usize,
    /// Where it begins; a chord change or the start of a bar.
    pub start: Quarters,
    /// Where it ends.
    pub end: Quarters,
    /// What sounds.
    pub chord: ChordSymbol,
    /// How many cells of the same chord stand right before it.
    pub since: usize,
    /// Whether the score ends with it.
    pub last: bool,
    /// The key of the bar.
    pub key: Key,
}

impl Cell {
    /// The pitch class of the lowest note.
    pub(super) fn bass(&self) -> PitchClass {
        self.chord.bass.unwrap_or(self.chord.root).pitch_class()
    }

    /// How long it lasts.
    pub(super) fn length(&self) -> Quarters {
        self.end - self.start
    }
}

/// The cells of `score`, in order. None lies in a pick-up of at most half a bar, and none where there is no
/// chord.
pub(super) fn cells(score: &Score, grids: &[BarGrid]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut next = 0;
    let mut chord = None;
    for (bar, grid) in grids.iter().enumerate() {
        let mut start = grid.start;
        while start < grid.end {
            while score
                .chords
                .get(next)
                .is_some_and(|change| change.onset <= start)
            {
                chord = score.chords[next].chord;
                next += 1;
            }
            let end = match score.chords.get(next) {
                Some(change) => change.onset.min(grid.end),
                None => grid.end,
            };
            let rests = grid.pickup && (grid.end - grid.start) * 2 <= grid.metre.length();
            if let (Some(chord), false) = (chord, rests) {
                let before = cells.last().filter(|cell| cell.end == start);
                let same = before.filter(|cell| cell.chord == chord);
                cells.push(Cell {
                    bar,
                    start,
                    end,
                    chord,
                    since: same.map_or(0, |cell| cell.since + 1),
                    last: bar + 1 == grids.len() && end == grid.end,
                    key: score.bars[bar].key,
                });
            }
            start = end;
        }
    }
    cells
}
