//! How a piece comes to rest: on which notes, and for how long.

use affetto_media::PitchClass;

use super::grid::{GridPiece, TimedNote};

/// A last chord that lasts so many times the usual time between onsets is held. Of 390 pieces of the Mutopia Project with a
/// key signature three quarters hold theirs so; 0.89 end on the tonic triad above its root.
const HELD: f64 = 2.0;

/// How much the end of `piece` is one in a key on `tonic`, 0 to 1: a third each for the root of the tonic as the lowest note
/// that sounds at the last onset, for no note there outside its triad, major or minor, and for a last onset that is held.
pub fn at_rest(piece: &GridPiece, tonic: PitchClass) -> f64 {
    let notes = piece.timed_notes();
    let Some(last) = notes.last().map(|note| note.onset) else {
        return 0.0;
    };
    let sounding: Vec<&TimedNote> = notes.iter().filter(|note| note.end > last).collect();
    let degree = |note: &TimedNote| (note.pitch + 12 - tonic) % 12;
    let lowest = sounding.iter().min_by_key(|note| note.pitch);
    let on_root = lowest.is_some_and(|note| degree(note) == 0);
    let in_triad = sounding
        .iter()
        .all(|note| matches!(degree(note), 0 | 3 | 4 | 7));
    let mut onsets: Vec<i64> = notes.iter().map(|note| note.onset).collect();
    onsets.dedup();
    let end = piece.bar_onsets().last().copied().unwrap_or(last);
    let ends = sounding.iter().map(|note| note.end.min(end));
    let held = (ends.max().unwrap_or(last) - last) as f64;
    let held = match usual_step(&onsets) {
        Some(usual) => (held / usual - 1.0) / (HELD - 1.0),
        None => 1.0,
    };
    (f64::from(u8::from(on_root)) + f64::from(u8::from(in_triad)) + held.clamp(0.0, 1.0)) / 3.0
}

/// The median time between onsets, in positions.
fn usual_step(onsets: &[i64]) -> Option<f64> {
    let mut steps: Vec<i64> = onsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).map(|step| *step as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piano::{
        grid::{GridBar, GridNote},
        tokens::{Length, TempoStep, VelocityStep},
    };
    use affetto_media::Metre;

    /// Quarters of C5 for a bar, then `last`: position, pitch and length of each note of the last bar.
    fn piece(last: &[(u8, u8, i64)]) -> GridPiece {
        let note = |&(position, pitch, length): &(u8, u8, i64)| GridNote {
            position,
            pitch,
            length: Length::within(length),
            velocity: VelocityStep::of(80),
        };
        let bar = |notes: &[(u8, u8, i64)]| GridBar {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
            notes: notes.iter().map(note).collect(),
        };
        let steady = [(0, 72, 12), (12, 72, 12), (24, 72, 12), (36, 72, 12)];
        GridPiece {
            bars: vec![bar(&steady), bar(last)],
        }
    }

    fn thirds(last: &[(u8, u8, i64)], tonic: PitchClass) -> f64 {
        3.0 * at_rest(&piece(last), tonic)
    }

    #[test]
    fn a_held_tonic_is_rest_and_what_goes_on_is_none() {
        let held = [(0, 72, 48), (0, 64, 48), (0, 48, 48)];
        assert_eq!(thirds(&held, 0), 3.0);
        assert_eq!(thirds(&held, 9), 2.0, "of A minor, not on A");
        let minor = [(0, 72, 48), (0, 63, 48), (0, 48, 48)];
        assert_eq!(thirds(&minor, 0), 3.0);
        let dominant = [(0, 71, 48), (0, 65, 48), (0, 43, 48)];
        assert_eq!(thirds(&dominant, 0), 1.0);
        let fourth = [(0, 72, 48), (0, 65, 48), (0, 48, 48)];
        assert_eq!(thirds(&fourth, 0), 2.0);
        let running = [(0, 74, 12), (12, 74, 12), (24, 74, 12), (36, 74, 12)];
        assert_eq!(thirds(&running, 0), 0.0);
        assert_eq!(at_rest(&GridPiece::default(), 0), 0.0);
    }

    /// A bass from before goes on below the last note; a note past the end of the piece is no longer for that.
    #[test]
    fn what_sounds_on_counts_and_what_lies_past_the_end_does_not() {
        let over_bass = [(0, 43, 48), (24, 72, 24)];
        assert_eq!(thirds(&over_bass, 0), 2.0, "on the fifth");
        let late = [(0, 74, 12), (36, 48, 48)];
        assert_eq!(thirds(&late, 0), 2.0, "one quarter is left");
    }
}
