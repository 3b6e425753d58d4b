//! How loud. The loudness of a note is its velocity times its channel's volume, 0 to 127.

use super::{
    Piece,
    notes::{Note, by_channel},
};
use crate::statistics::sample_deviation;

/// The loudness of a piece's notes.
#[derive(Clone, Debug)]
pub(super) struct Dynamics {
    deviation: Option<f64>,
    mean_change: Option<f64>,
}

impl Dynamics {
    pub(super) fn of(notes: &[Note]) -> Self {
        let loudness: Vec<f64> = notes.iter().map(|note| f64::from(note.loudness)).collect();
        Self {
            deviation: sample_deviation(&loudness),
            mean_change: mean_change(notes),
        }
    }
}

/// The changes of each channel with two notes or more, divided by the number of its notes.
fn mean_change(notes: &[Note]) -> Option<f64> {
    let mut changes = 0;
    let mut count = 0;
    for channel in by_channel(notes).filter(|notes| notes.len() > 1) {
        let pairs = channel.windows(2);
        changes += pairs
            .map(|pair| u64::from(pair[0].loudness.abs_diff(pair[1].loudness)))
            .sum::<u64>();
        count += channel.len();
    }
    (count > 0).then(|| changes as f64 / count as f64)
}

/// *Variation of Dynamics* (jSymbolic D-2): the standard deviation of the loudness.
pub fn variation_of_dynamics(piece: &Piece) -> Option<f64> {
    piece.dynamics.deviation
}

/// *Average Note to Note Change in Dynamics* (D-4): how much the loudness differs from note to note. jSymbolic divides
/// the sum by the number of notes instead of the number of changes, and so does this.
pub fn average_note_to_note_change_in_dynamics(piece: &Piece) -> Option<f64> {
    piece.dynamics.mean_change
}
