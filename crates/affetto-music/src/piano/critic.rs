//! A critic that tells music from what the network writes, from the first bars on, so that of several continuations one is
//! gone on from that might be music.

use affetto_attributes::{Critic, piece::Attribute};
use affetto_core::Seed;
use rayon::prelude::*;

use super::{
    generate::STRETCH,
    grid::GridPiece,
    levels::measured,
    quality::{MEASURES, measures},
};
use crate::Error;

/// What the critic hears beside [`features`]: how long the piece is, since much grows with it.
const BARS: &str = "bars";

/// The names of [`features`].
pub fn feature_names() -> Vec<&'static str> {
    let attributes = Attribute::ALL.iter().map(|attribute| attribute.name());
    MEASURES.into_iter().chain(attributes).collect()
}

/// The usual measures of a piece and `values`, those of all its attributes; 0 for what it does not have.
pub fn features(piece: &GridPiece, values: &[Option<f64>]) -> Vec<f64> {
    let attributes = values.iter().map(|value| value.unwrap_or(0.0));
    measures(piece).into_iter().chain(attributes).collect()
}

/// The names of what a critic hears.
pub fn heard_names() -> Vec<&'static str> {
    [vec![BARS], feature_names()].concat()
}

/// What a critic hears of a piece or of its beginning, in the key that the network writes in, with the values of its
/// attributes.
pub fn heard(piece: &GridPiece, values: &[Option<f64>]) -> Vec<f64> {
    let bars = piece.bars.len() as f64;
    [vec![bars], features(piece, values)].concat()
}

/// Learns to tell `music` from what was `written`, by whole pieces and by their beginnings, a stretch longer each.
///
/// # Errors
/// Where there is nothing of one kind.
pub fn train(music: &[&GridPiece], written: &[&GridPiece], seed: Seed) -> Result<Critic, Error> {
    let rows = |pieces: &[&GridPiece]| -> Vec<Vec<f64>> {
        let row = |piece: &GridPiece| heard(piece, &measured(piece));
        let rows =
            |piece: &&GridPiece| -> Vec<Vec<f64>> { beginnings(piece).iter().map(row).collect() };
        pieces.par_iter().flat_map(rows).collect()
    };
    let (music, written) = (rows(music), rows(written));
    Ok(Critic::train(&heard_names(), &music, &written, seed)?)
}

/// The beginnings of a piece that are whole stretches, and the piece.
fn beginnings(piece: &GridPiece) -> Vec<GridPiece> {
    let bars = piece.bars.len();
    let ends = (STRETCH..bars).step_by(STRETCH).chain([bars]);
    let until = |end: usize| GridPiece {
        bars: piece.bars[..end].to_vec(),
    };
    ends.filter(|end| *end > 0).map(until).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Seed;
    use affetto_media::Metre;

    use super::*;
    use crate::piano::{
        grid::{Span, Struck, place},
        tokens::TempoStep,
    };

    /// Eight bars of 4/4 with a note on each quarter, of pitches `apart` semitones from one to the next, by chance up or
    /// down.
    fn piece(apart: u8, seed: u64) -> GridPiece {
        let mut rng = Seed(seed).rng();
        let span = |bar: usize| Span {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
            onset: 4.0 * bar as f64,
        };
        let mut pitch = 60;
        let notes: Vec<Struck> = (0..32)
            .map(|quarter| {
                let up = rng.uniform() < 0.5;
                pitch = if up && pitch < 84 || pitch < 40 {
                    pitch + apart
                } else {
                    pitch - apart
                };
                Struck {
                    onset: f64::from(quarter),
                    end: f64::from(quarter) + 1.0,
                    pitch,
                    velocity: 70,
                }
            })
            .collect();
        place(&(0..8).map(span).collect::<Vec<_>>(), &notes)
    }

    #[test]
    fn beginnings_are_whole_stretches_and_the_piece() {
        let bars = |piece: &GridPiece| -> Vec<usize> {
            let beginnings = beginnings(piece);
            beginnings.iter().map(|piece| piece.bars.len()).collect()
        };
        let mut piece = piece(2, 1);
        assert_eq!(bars(&piece), [4, 8]);
        piece.bars.truncate(7);
        assert_eq!(bars(&piece), [4, 7]);
        piece.bars.clear();
        assert_eq!(bars(&piece), [0; 0]);
    }

    #[test]
    fn steps_are_told_from_thirds_from_the_first_bars_on() {
        let pieces = |apart: u8, seeds: std::ops::Range<u64>| -> Vec<GridPiece> {
            seeds.map(|seed| piece(apart, seed)).collect()
        };
        let (steps, thirds) = (pieces(2, 0..40), pieces(4, 40..80));
        let critic = train(
            &steps.iter().collect::<Vec<_>>(),
            &thirds.iter().collect::<Vec<_>>(),
            Seed(3),
        )
        .unwrap();
        assert!(critic.hears(&heard_names()));
        for (apart, more_likely) in [(2, true), (4, false)] {
            for beginning in beginnings(&piece(apart, 99)) {
                let odds = critic.odds_of(&heard(&beginning, &measured(&beginning)));
                assert_eq!(odds > 1.0, more_likely, "{apart}: {odds}");
            }
        }
    }

    #[test]
    fn nothing_of_one_kind_is_refused() {
        let piece = piece(2, 1);
        assert!(train(&[&piece], &[], Seed(1)).is_err());
    }
}
