//! The colours of a piano roll. Blue and orange stay apart for every kind of colour vision.

use super::canvas::Colour;
use crate::Role;

pub(super) const INK: Colour = Colour::hex(0x1f2933);
pub(super) const FAINT_INK: Colour = Colour::hex(0x6b7680);
pub(super) const BLACK_KEY_ROW: Colour = Colour::hex(0xf1f3f6);
pub(super) const BEAT_LINE: Colour = Colour::hex(0xe2e6eb);
pub(super) const BAR_LINE: Colour = Colour::hex(0xaab3bd);
pub(super) const SECTION_LINE: Colour = Colour::hex(0x4a5560);
pub(super) const ACCOMPANIMENT: Colour = Colour::hex(0xc9d0d8);
pub(super) const ACCOMPANIMENT_EDGE: Colour = Colour::hex(0xadb7c2);
pub(super) const BASS: Colour = Colour::hex(0xb4bdc8);
pub(super) const WHITE_KEY: Colour = Colour::hex(0xffffff);
pub(super) const BLACK_KEY: Colour = Colour::hex(0x3b444d);
pub(super) const STRIP: Colour = Colour::hex(0xf8f9fb);
/// The melody where no valence is known.
pub(super) const PLAIN_MELODY: Colour = Colour::hex(0x2a7f8e);

/// Valence from -1 to 1 in equal steps: deep blue, grey, deep orange.
const SCALE: [Colour; 5] = [
    Colour::hex(0x1c4f96),
    Colour::hex(0x5b93c7),
    Colour::hex(0x9a9a9a),
    Colour::hex(0xe3913c),
    Colour::hex(0xb8500b),
];

/// What a hand plays, the softest and the loudest.
const RIGHT_HAND: [Colour; 2] = [Colour::hex(0xfae3cd), Colour::hex(0xb8500b)];
const LEFT_HAND: [Colour; 2] = [Colour::hex(0xd3e2f1), Colour::hex(0x1c4f96)];
/// Velocities from here on up are told apart, up to the second one.
const SHOWN_VELOCITIES: (u8, u8) = (20, 111);

/// The colour of a note of a hand, deeper where it is louder; none for other parts.
pub(super) fn of_hand(role: Role, velocity: u8) -> Option<Colour> {
    let [soft, loud] = match role {
        Role::RightHand => RIGHT_HAND,
        Role::LeftHand => LEFT_HAND,
        _ => return None,
    };
    let (lowest, highest) = SHOWN_VELOCITIES;
    let above = f64::from(velocity.clamp(lowest, highest) - lowest);
    Some(between(soft, loud, above / f64::from(highest - lowest)))
}

/// The colour of a valence in [-1, 1].
pub(super) fn of_valence(valence: f64) -> Colour {
    let steps = (SCALE.len() - 1) as f64;
    let place = (valence.clamp(-1.0, 1.0) + 1.0) / 2.0 * steps;
    let below = (place.floor() as usize).min(SCALE.len() - 2);
    let share = place - below as f64;
    between(SCALE[below], SCALE[below + 1], share)
}

/// The colour a `share` of the way from one to another.
fn between(low: Colour, high: Colour, share: f64) -> Colour {
    let mix = |low: u8, high: u8| {
        (f64::from(low) + (f64::from(high) - f64::from(low)) * share).round() as u8
    };
    Colour::new(
        mix(low.red, high.red),
        mix(low.green, high.green),
        mix(low.blue, high.blue),
    )
}

/// A darker shade, for edges.
pub(super) fn darker(colour: Colour) -> Colour {
    let shade = |part: u8| (f64::from(part) * 0.72).round() as u8;
    Colour::new(shade(colour.red), shade(colour.green), shade(colour.blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_have_colours_of_their_own_and_loud_notes_deeper_ones() {
        let right = |velocity| of_hand(Role::RightHand, velocity).map(|colour| colour.green);
        assert!(right(40) > right(90) && right(1) == right(20) && right(127) == right(111));
        assert_ne!(of_hand(Role::RightHand, 80), of_hand(Role::LeftHand, 80));
        assert_eq!(of_hand(Role::Melody, 80), None);
    }

    #[test]
    fn the_scale_has_its_ends_and_its_middle() {
        assert_eq!(of_valence(-1.0), SCALE[0]);
        assert_eq!(of_valence(0.0), SCALE[2]);
        assert_eq!(of_valence(9.0), SCALE[4]);
        assert_eq!(of_valence(0.25), Colour::hex(0xbf966b));
    }
}
