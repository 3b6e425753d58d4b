//! The steps of a key as pitches.

use affetto_media::{ChordSymbol, Key, Mode, Quality};

/// The scale of a key, in semitones above its tonic; that of minor is natural.
const fn steps(mode: Mode) -> [i16; 7] {
    match mode {
        Mode::Major => [0, 2, 4, 5, 7, 9, 11],
        Mode::Minor => [0, 2, 3, 5, 7, 8, 10],
    }
}

/// The pitch of a degree (1 is the tonic, 8 the one above it, 0 the step below it) over the tonic at `tonic`.
pub(super) fn degree_pitch(key: Key, tonic: u8, degree: i16) -> u8 {
    let step = degree - 1;
    let semitones = 12 * step.div_euclid(7) + steps(key.mode())[step.rem_euclid(7) as usize];
    (i16::from(tonic) + semitones).clamp(0, 127) as u8
}

/// The tonic nearest to `pitch`; of two the lower one.
pub(super) fn tonic_near(key: Key, pitch: u8) -> u8 {
    let class = key.tonic().pitch_class();
    let tonics = (0..=127_u8).filter(|other| other % 12 == class);
    tonics
        .min_by_key(|other| other.abs_diff(pitch))
        .unwrap_or(60)
}

/// The triad on a degree, 1 to 7; the fifth of minor is major, as it leads back.
pub(super) fn chord(key: Key, degree: i16) -> ChordSymbol {
    let root = degree_pitch(key, 60 + key.tonic().pitch_class(), degree);
    let third = degree_pitch(key, 60 + key.tonic().pitch_class(), degree + 2) - root;
    let quality = match (key.mode(), degree, third) {
        (Mode::Minor, 5, _) | (_, _, 4) => Quality::Major,
        _ => Quality::Minor,
    };
    ChordSymbol::new(key.spell(root % 12), quality)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn degrees_are_those_of_the_scale() {
        let (d, a): (Key, Key) = ("D major".parse().unwrap(), "A minor".parse().unwrap());
        let pitches = |key, tonic, degrees: &[i16]| -> Vec<u8> {
            degrees
                .iter()
                .map(|degree| degree_pitch(key, tonic, *degree))
                .collect()
        };
        assert_eq!(
            pitches(d, 62, &[1, 3, 5, 7, 8, 0, -2]),
            [62, 66, 69, 73, 74, 61, 57]
        );
        assert_eq!(pitches(a, 57, &[1, 3, 6, 7]), [57, 60, 65, 67]);
        assert_eq!((tonic_near(d, 72), tonic_near(d, 68)), (74, 62));
        let symbols = |key| [1, 4, 5].map(|degree| chord(key, degree).to_string());
        assert_eq!(symbols(d), ["D", "G", "A"]);
        assert_eq!(symbols(a), ["Am", "Dm", "E"]);
        assert_eq!(symbols("Eb minor".parse().unwrap()), ["Ebm", "Abm", "Bb"]);
    }
}
