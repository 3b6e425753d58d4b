//! What sounds at once, from moment to moment.

use super::notes::Note;

/// A set of pitches: bit `p` stands for pitch `p`.
pub(super) type PitchSet = u128;

/// From one change to the next the same pitches sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) pitches: PitchSet,
    pub(super) ticks: u64,
}

/// Every span in which something sounds, in time, and how strongly each interval sounds in all of them.
#[derive(Clone, Debug)]
pub(super) struct Sounding {
    pub(super) spans: Vec<Span>,
    /// By size in semitones: the velocities of both notes, added up over all pairs and ticks.
    pub(super) intervals: [f64; 128],
}

impl Sounding {
    pub(super) fn of(notes: &[Note]) -> Self {
        let mut sounding = Self {
            spans: Vec::new(),
            intervals: [0.0; 128],
        };
        let mut keys = Keys::silent();
        let mut now = 0;
        for change in changes(notes) {
            sounding.advance(&keys, change.tick - now);
            now = change.tick;
            keys.apply(&change);
        }
        sounding
    }

    fn advance(&mut self, keys: &Keys, ticks: u64) {
        if ticks == 0 || keys.pitches == 0 {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.pitches == keys.pitches => last.ticks += ticks,
            _ => self.spans.push(Span {
                pitches: keys.pitches,
                ticks,
            }),
        }
        for (sum, rate) in self.intervals.iter_mut().zip(&keys.rates) {
            *sum += rate * ticks as f64;
        }
    }
}

/// A note that begins or ends.
struct Change {
    tick: u64,
    pitch: u8,
    velocity: f64,
    begins: bool,
}

fn changes(notes: &[Note]) -> Vec<Change> {
    let sounding = notes.iter().filter(|note| note.duration() > 0);
    let both = |note: &Note| {
        let change = |tick, begins| Change {
            tick,
            pitch: note.pitch,
            velocity: f64::from(note.velocity),
            begins,
        };
        [change(note.onset, true), change(note.end, false)]
    };
    let mut changes: Vec<Change> = sounding.flat_map(both).collect();
    changes.sort_by_key(|change| change.tick);
    changes
}

/// What sounds now. Velocities are whole numbers, so sums of them are exact.
struct Keys {
    pitches: PitchSet,
    /// The notes on each pitch.
    notes: [u32; 128],
    /// Their velocities added up.
    strengths: [f64; 128],
    /// By size in semitones, the strengths of all pairs that sound.
    rates: [f64; 128],
}

impl Keys {
    fn silent() -> Self {
        Self {
            pitches: 0,
            notes: [0; 128],
            strengths: [0.0; 128],
            rates: [0.0; 128],
        }
    }

    fn apply(&mut self, change: &Change) {
        let pitch = usize::from(change.pitch);
        self.count_pairs(pitch, -1.0);
        if change.begins {
            self.notes[pitch] += 1;
            self.strengths[pitch] += change.velocity;
        } else {
            self.notes[pitch] -= 1;
            self.strengths[pitch] -= change.velocity;
        }
        let bit = 1 << pitch;
        if self.notes[pitch] > 0 {
            self.pitches |= bit;
        } else {
            self.pitches &= !bit;
        }
        self.count_pairs(pitch, 1.0);
    }

    /// Adds (`sign` 1) or takes away (-1) the pairs of `pitch` with every other, and its unison.
    fn count_pairs(&mut self, pitch: usize, sign: f64) {
        if self.notes[pitch] == 0 {
            return;
        }
        let strength = self.strengths[pitch];
        for other in pitches_of(self.pitches & !(1 << pitch)) {
            self.rates[pitch.abs_diff(other)] += sign * (strength + self.strengths[other]);
        }
        if self.notes[pitch] > 1 {
            self.rates[0] += sign * strength;
        }
    }
}

/// The pitches of a set, from low to high.
pub(super) fn pitches_of(mut set: PitchSet) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::testing::note;

    /// C4 (velocity 60) through 0..8, E4 (80) through 4..12: the third sounds for 4 ticks at 140.
    #[test]
    fn a_third_by_hand() {
        let sounding = Sounding::of(&[note(60, 0, 8, 60), note(64, 4, 8, 80)]);
        let spans: Vec<_> = sounding
            .spans
            .iter()
            .map(|span| (span.pitches, span.ticks))
            .collect();
        assert_eq!(spans, [(1 << 60, 4), (1 << 60 | 1 << 64, 4), (1 << 64, 4)]);
        assert_eq!(sounding.intervals[4], 560.0);
        assert_eq!(sounding.intervals.iter().sum::<f64>(), 560.0);
    }

    /// Two notes on C4 are a unison of 100 for 4 ticks; each makes a fifth with G4.
    #[test]
    fn a_unison_by_hand() {
        let notes = [note(60, 0, 8, 60), note(60, 4, 4, 40), note(67, 0, 8, 10)];
        let sounding = Sounding::of(&notes);
        assert_eq!(sounding.intervals[0], 400.0);
        assert_eq!(sounding.intervals[7], 4.0 * 70.0 + 4.0 * 110.0);
        assert_eq!(sounding.spans.len(), 1);
    }

    #[test]
    fn silence_between_makes_no_span() {
        let sounding = Sounding::of(&[note(60, 0, 4, 60), note(60, 9, 4, 60), note(62, 5, 0, 60)]);
        assert_eq!(sounding.spans.len(), 1);
        assert_eq!(sounding.spans[0].ticks, 8);
    }
}
