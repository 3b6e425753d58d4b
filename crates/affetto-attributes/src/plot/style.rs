//! Colours and type. Blue and orange stay apart for every kind of colour vision.

use super::canvas::{Colour, Ink};

pub(super) const PAPER: Colour = Colour::hex(0xffffff);
pub(super) const INK: Colour = Colour::hex(0x1f2933);
pub(super) const FAINT: Colour = Colour::hex(0x6b7680);
pub(super) const GRID: Colour = Colour::hex(0xaab3bd);
pub(super) const TRACK: Colour = Colour::hex(0xe2e6eb);
pub(super) const STRIPE: Colour = Colour::hex(0xf6f8fa);
pub(super) const ASKED: Colour = Colour::hex(0xb8500b);

const LOW: Colour = Colour::hex(0x1c4f96);
pub(super) const MIDDLE: Colour = Colour::hex(0x7b858f);
const HIGH: Colour = Colour::hex(0xc25a0d);

/// The colour of a place among the pieces: blue below `middle`, grey within, orange above.
pub(super) fn of_share(share: f64, middle: (f64, f64)) -> Colour {
    if share < middle.0 {
        LOW
    } else if share > middle.1 {
        HIGH
    } else {
        MIDDLE
    }
}

pub(super) const fn title() -> Ink {
    Ink {
        size: 30.0,
        bold: true,
        colour: INK,
    }
}

pub(super) const fn heading() -> Ink {
    Ink {
        size: 19.0,
        bold: true,
        colour: INK,
    }
}

pub(super) const fn text(colour: Colour) -> Ink {
    Ink {
        size: 15.0,
        bold: false,
        colour,
    }
}

pub(super) const fn small(colour: Colour) -> Ink {
    Ink {
        size: 13.0,
        bold: false,
        colour,
    }
}
