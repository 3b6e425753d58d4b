//! How the lines go together. Drums do not count.

use super::{
    Piece,
    notes::{Note, by_channel},
    pitch::floor_mean,
    sounding::{PitchSet, Span, pitches_of},
};

/// How many ticks jSymbolic waits for the number of notes to be the same again.
const PATIENCE_TICKS: u64 = 150;

/// How the lines of a piece go together.
#[derive(Clone, Debug)]
pub(super) struct Texture {
    highest_line: Option<f64>,
    contrary: Option<f64>,
}

impl Texture {
    pub(super) fn of(notes: &[Note], spans: &[Span]) -> Self {
        Self {
            highest_line: highest_line(notes),
            contrary: contrary(spans),
        }
    }
}

fn highest_line(notes: &[Note]) -> Option<f64> {
    let channels: Vec<Vec<Note>> = by_channel(notes).collect();
    let highest = channels.iter().map(|notes| floor_mean(notes)).max()?;
    Some(highest as f64 * channels.len() as f64 / notes.len() as f64)
}

/// The share of contrary motion among all motion of two voices.
fn contrary(spans: &[Span]) -> Option<f64> {
    let total: u64 = spans.iter().map(|span| span.ticks).sum();
    let mut motion = Motion::default();
    let mut before = spans.first()?.pitches;
    let mut start = spans[0].ticks;
    let mut at = 1;
    while at < spans.len() {
        let mut now = spans[at];
        if before.count_ones() != now.pitches.count_ones()
            && let Some(later) = same_size_later(spans, at, start, total, before.count_ones())
        {
            start += spans[at..later].iter().map(|span| span.ticks).sum::<u64>();
            at = later;
            now = spans[at];
        }
        motion.count(before, now.pitches);
        before = now.pitches;
        start += now.ticks;
        at += 1;
    }
    (motion.all > 0).then(|| motion.contrary as f64 / motion.all as f64)
}

/// The next span of `size` pitches that begins within the patience after span `at`, which begins at tick `start`;
/// towards the end of the piece jSymbolic does not look.
fn same_size_later(spans: &[Span], at: usize, start: u64, total: u64, size: u32) -> Option<usize> {
    if start + PATIENCE_TICKS + 1 >= total {
        return None;
    }
    let mut begins = start;
    for (index, span) in spans.iter().enumerate().skip(at + 1) {
        begins += spans[index - 1].ticks;
        if begins >= start + PATIENCE_TICKS {
            return None;
        }
        if span.pitches.count_ones() == size {
            return Some(index);
        }
    }
    None
}

/// Pairs of voices that move.
#[derive(Default)]
struct Motion {
    contrary: u64,
    all: u64,
}

impl Motion {
    /// Counts every pair of voices from one set of pitches to the next of the same size.
    fn count(&mut self, before: PitchSet, now: PitchSet) {
        if before == now || before.count_ones() != now.count_ones() {
            return;
        }
        let [mut up, mut down, mut still] = [0_u64; 3];
        for (from, to) in pitches_of(before).zip(pitches_of(now)) {
            match from.cmp(&to) {
                std::cmp::Ordering::Less => up += 1,
                std::cmp::Ordering::Greater => down += 1,
                std::cmp::Ordering::Equal => still += 1,
            }
        }
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        self.contrary += up * down;
        self.all += pairs(up + down + still) - pairs(still);
    }
}

/// *Relative Note Density of Highest Line* (jSymbolic T-13): by its definition how busy the highest channel is; as
/// computed, the mean pitch of that channel, rounded down, divided by the mean number of notes of a channel. Of a
/// piece on one channel it falls as notes are added.
pub fn relative_note_density_of_highest_line(piece: &Piece) -> Option<f64> {
    piece.texture.highest_line
}

/// *Contrary Motion* (T-21): the share of contrary motion among all motion of pairs of voices. Voices are the pitches
/// that sound, counted from the lowest; where their number changes, the next 150 ticks are searched for as many
/// as before.
pub fn contrary_motion(piece: &Piece) -> Option<f64> {
    piece.texture.contrary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(ticks: u64, pitches: &[usize]) -> Span {
        Span {
            pitches: pitches.iter().fold(0, |set, pitch| set | 1 << pitch),
            ticks,
        }
    }

    /// Of three pairs C-E-G to B-E-A: C-E and E-G oblique, C-G contrary.
    #[test]
    fn contrary_motion_by_hand() {
        let spans = [span(400, &[60, 64, 67]), span(400, &[59, 64, 69])];
        assert_eq!(contrary(&spans), Some(1.0 / 3.0));
    }

    /// A lone note of 100 ticks between two chords is passed over, one of 200 ticks is not.
    #[test]
    fn patience_ends() {
        let spans = |gap| [span(400, &[60, 64]), span(gap, &[60]), span(400, &[59, 65])];
        assert_eq!(contrary(&spans(100)), Some(1.0));
        assert_eq!(contrary(&spans(200)), None);
    }
}
