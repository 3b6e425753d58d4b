//! How loud each note is: what an emotion asks of the whole, and the accents of a player where the music has none.
//!
//! Printed music, which the network also learned from, has one loudness throughout. A player shapes it by phrase, metre
//! and voice (Todd, "The dynamics of dynamics", 1992; Palmer, "Music performance", 1997): phrases swell and fade, beats
//! that weigh are louder, the upper voice stands out from what accompanies it.

use std::f64::consts::PI;

use affetto_attributes::piece::Attribute;
use affetto_media::f64_from_quarters;

use super::{
    grid::GridPiece,
    profile::Quantiles,
    tokens::{POSITIONS_PER_QUARTER, VelocityStep},
    wish::Wish,
};

/// The attributes that say how loud a piece is and how much that varies.
pub const DYNAMICS: [&str; 4] = [
    "Mean Loudness",
    "Loudness Span",
    "Variation of Dynamics",
    "Average Note to Note Change in Dynamics",
];
/// Bars of a phrase.
const PHRASE_BARS: usize = 4;
/// The share of the asked deviation from which on a piece keeps its own.
const ENOUGH: f64 = 0.7;
/// How much phrase, metre and voice weigh.
const WEIGHTS: [f64; 3] = [0.6, 0.7, 1.0];

/// The piece as loud as is asked on the whole, and bar by bar where the emotion moves; with the accents of a player as far
/// as the loudness of its own notes varies less than is asked.
pub fn as_loud_as_asked(piece: &GridPiece, wish: &Wish, quantiles: &Quantiles) -> GridPiece {
    let values = quantiles.values(&wish.ranks);
    let value = |name: &str| Attribute::named(name).and_then(|at| values[at.index()]);
    let own: Vec<f64> = velocities(piece).collect();
    let (Some(asked), false) = (value("Mean Loudness"), own.is_empty()) else {
        return piece.clone();
    };
    let (mean, deviation) = mean_and_deviation(&own);
    let accents = accents(piece);
    let missing = match value("Variation of Dynamics") {
        Some(varied) if deviation < ENOUGH * varied => {
            (varied * varied - deviation * deviation).sqrt()
        }
        _ => 0.0,
    };
    let mut loud = piece.clone();
    let mut accents = accents.into_iter();
    for (at, bar) in loud.bars.iter_mut().enumerate() {
        let moved = wish.louder.get(at).or(wish.louder.last()).copied();
        for note in &mut bar.notes {
            let accent = missing * accents.next().unwrap_or(0.0);
            let own = f64::from(note.velocity.velocity()) - mean;
            let velocity = asked + own + accent + moved.unwrap_or(0.0);
            note.velocity = VelocityStep::of(velocity.round().clamp(4.0, 127.0) as u8);
        }
    }
    loud
}

fn velocities(piece: &GridPiece) -> impl Iterator<Item = f64> {
    let notes = piece.bars.iter().flat_map(|bar| &bar.notes);
    notes.map(|note| f64::from(note.velocity.velocity()))
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (mean, (squares.sum::<f64>() / count).sqrt())
}

/// How much louder a player plays each note, in the order of the bars: mean 0, deviation 1.
fn accents(piece: &GridPiece) -> Vec<f64> {
    let mut accents = Vec::new();
    for (at, bar) in piece.bars.iter().enumerate() {
        let length = bar.positions().max(1);
        let beat = f64_from_quarters(bar.metre.beat()) * POSITIONS_PER_QUARTER as f64;
        let beat = (beat.round() as i64).max(1);
        for note in &bar.notes {
            let in_bar = f64::from(note.position) / length as f64;
            let in_phrase = ((at % PHRASE_BARS) as f64 + in_bar) / PHRASE_BARS as f64;
            let phrase = libm::sin(PI * in_phrase) - 2.0 / PI;
            let metre = match note.position {
                0 => 1.0,
                position if i64::from(position) % beat == 0 => 0.3,
                _ => -0.4,
            };
            let together = bar
                .notes
                .iter()
                .filter(|other| other.position == note.position);
            let above = together.clone().any(|other| other.pitch > note.pitch);
            let below = together.clone().any(|other| other.pitch < note.pitch);
            let voice = match (above, below) {
                (false, true) => 1.0,
                (true, true) => -0.8,
                (true, false) => -0.3,
                (false, false) if note.pitch >= MIDDLE => 0.4,
                (false, false) => -0.5,
            };
            let [by_phrase, by_metre, by_voice] = WEIGHTS;
            accents.push(by_phrase * phrase + by_metre * metre + by_voice * voice);
        }
    }
    let (mean, deviation) = mean_and_deviation(&accents);
    let scale = if deviation > 0.0 {
        1.0 / deviation
    } else {
        0.0
    };
    accents
        .iter()
        .map(|accent| (accent - mean) * scale)
        .collect()
}

/// A note alone from here on is taken for the upper voice: middle C.
const MIDDLE: u8 = 60;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_media::Metre;

    use super::*;
    use crate::piano::grid::{Span, Struck, place};

    /// Chords of four notes on every quarter, all as loud.
    fn flat() -> GridPiece {
        let span = |bar: usize| Span {
            metre: Metre::COMMON,
            tempo: crate::piano::tokens::TempoStep::of_bpm(100.0),
            onset: 4.0 * bar as f64,
        };
        let notes = (0..32).flat_map(|beat| {
            [40, 52, 60, 67].map(|pitch| Struck {
                onset: f64::from(beat),
                end: f64::from(beat) + 1.0,
                pitch,
                velocity: 70,
            })
        });
        let (spans, notes): (Vec<Span>, Vec<Struck>) =
            ((0..8).map(span).collect(), notes.collect());
        place(&spans, &notes)
    }

    #[test]
    fn a_player_swells_leans_on_the_bar_and_sings_the_upper_voice() {
        let piece = flat();
        let accents = accents(&piece);
        let (mean, deviation) = mean_and_deviation(&accents);
        assert!(mean.abs() < 1e-9 && (deviation - 1.0).abs() < 1e-9);
        let of = |bar: usize, beat: usize, voice: usize| accents[16 * bar + 4 * beat + voice];
        // The notes of an onset stand from the highest down.
        assert!(of(0, 0, 0) > of(0, 1, 0), "the first beat");
        assert!(of(2, 1, 0) > of(0, 1, 0), "the middle of the phrase");
        let voices: Vec<f64> = (0..4).map(|voice| of(1, 1, voice)).collect();
        assert!(voices[0] > voices[3] && voices[3] > voices[1], "{voices:?}");
    }
}
