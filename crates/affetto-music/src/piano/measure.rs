//! What a piece is like, beside what was asked of it.

use affetto_attributes::{
    map::{AttributeMap, Preset},
    piece::{Attribute, Piece, Reading},
    tonality::is_in_scale,
};
use affetto_media::{Key, Tempo, midi::Performance};

use super::{
    compose::{MeasuredAttribute, PianoMeasured},
    ending::at_rest,
    grid::GridPiece,
    hands::{hands, widest_span},
    levels::ATTRIBUTES,
    profile::Quantiles,
    wish::Wish,
};

/// The piece as it is played at one tempo, exactly.
pub fn performed(piece: &GridPiece, tempo_bpm: f64) -> Performance {
    Performance {
        tempos: vec![(0, Tempo::from_bpm(tempo_bpm))],
        ..piece.performance()
    }
}

/// The values of all attributes of a piece played at one tempo, in the order of [`Attribute::ALL`].
pub fn values_at(piece: &GridPiece, tempo_bpm: f64) -> Vec<Option<f64>> {
    Piece::of(&performed(piece, tempo_bpm), Reading::Performed).values()
}

/// Measures a piece, as it sounds.
pub fn measure(
    piece: &GridPiece,
    wish: &Wish,
    key: Key,
    span: u8,
    quantiles: &Quantiles,
) -> PianoMeasured {
    let values = values_at(piece, wish.tempo_bpm);
    let asked = wish.ranks.levels();
    let found = quantiles.ranks(&values).levels();
    let mut hits = [None; ATTRIBUTES];
    for (at, hit) in asked.hits(&found) {
        hits[at] = Some(hit);
    }
    let notes = piece.timed_notes();
    let pitches = || notes.iter().map(|note| note.pitch);
    let map = AttributeMap::preset(Preset::Default);
    PianoMeasured {
        attributes: Attribute::ALL
            .iter()
            .map(|attribute| MeasuredAttribute {
                attribute: *attribute,
                value: values[attribute.index()],
                hit: hits[attribute.index()],
            })
            .collect(),
        bits_hit: asked.share_hit(&found),
        range: pitches().min().zip(pitches().max()),
        hand_span: widest_span(&notes, &hands(&notes, span)),
        in_scale_ratio: share(pitches().map(|pitch| is_in_scale(pitch, key))),
        quadrants: map.quadrant_probabilities(&values),
        at_rest: Some(at_rest(piece, key.tonic().pitch_class())),
    }
}

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    let hits: Vec<bool> = hits.collect();
    match hits.len() {
        0 => 1.0,
        all => hits.iter().filter(|hit| **hit).count() as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use affetto_media::Mode;

    use super::*;

    #[test]
    fn scales_by_hand() {
        let (c, a_minor) = (
            Key::C_MAJOR,
            Key::new(0, Mode::Minor).unwrap_or(Key::C_MAJOR),
        );
        let in_scale = |key: Key| -> String {
            (60..72)
                .map(|pitch| if is_in_scale(pitch, key) { 'x' } else { '.' })
                .collect()
        };
        assert_eq!(in_scale(c), "x.x.xx.x.x.x");
        // A B C D E F F# G G#.
        assert_eq!(in_scale(a_minor), "x.x.xxxxxx.x");
        let d = Key::new(2, Mode::Major).unwrap_or(Key::C_MAJOR);
        assert_eq!(in_scale(d), ".xx.x.xx.x.x");
    }
}
