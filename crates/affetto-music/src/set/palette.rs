//! Which instruments play, by the quadrant of the emotion.

use affetto_media::{Part, Role, midi::PERCUSSION_CHANNEL};

/// What a part of a set does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// The melody.
    Melody,
    /// Chords that move.
    Chords,
    /// The bass.
    Bass,
    /// Held chords.
    Pad,
    /// The melody an octave away.
    Doubling,
    /// A quick figure high above.
    Ostinato,
    /// Drums.
    Percussion,
}

impl Voice {
    /// Every voice, in the order of the parts.
    pub const ALL: [Self; 7] = [
        Self::Melody,
        Self::Chords,
        Self::Bass,
        Self::Pad,
        Self::Doubling,
        Self::Ostinato,
        Self::Percussion,
    ];

    /// The name of the part.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Melody => "Melody",
            Self::Chords => "Chords",
            Self::Bass => "Bass",
            Self::Pad => "Pad",
            Self::Doubling => "Doubling",
            Self::Ostinato => "Arp",
            Self::Percussion => "Drums",
        }
    }

    /// The MIDI channel: the same in every file of a set.
    const fn channel(self) -> u8 {
        match self {
            Self::Melody => 0,
            Self::Chords => 1,
            Self::Bass => 2,
            Self::Pad => 3,
            Self::Doubling => 4,
            Self::Ostinato => 5,
            Self::Percussion => PERCUSSION_CHANNEL,
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Melody => Role::Melody,
            Self::Chords | Self::Pad => Role::Chords,
            Self::Bass => Role::Bass,
            Self::Doubling | Self::Ostinato | Self::Percussion => Role::Other,
        }
    }
}

/// The General MIDI program of each voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    melody: u8,
    chords: u8,
    bass: u8,
    pad: u8,
    doubling: u8,
    ostinato: u8,
}

impl Palette {
    /// A design of this project: light and plucked where it is pleasant, reeds and low strings where it is not; softer
    /// attacks where it is calm.
    pub(super) const fn of(valence: f64, arousal: f64) -> Self {
        match (valence >= 0.0, arousal >= 0.0) {
            (true, true) => Self {
                melody: 73,   // flute
                chords: 24,   // nylon guitar
                bass: 32,     // acoustic bass
                pad: 48,      // strings
                doubling: 9,  // glockenspiel
                ostinato: 12, // marimba
            },
            (true, false) => Self {
                melody: 73,
                chords: 4, // electric piano
                bass: 32,
                pad: 89, // warm pad
                doubling: 48,
                ostinato: 46, // harp
            },
            (false, true) => Self {
                melody: 71, // clarinet
                chords: 0,  // piano
                bass: 33,   // finger bass
                pad: 48,
                doubling: 60, // horn
                ostinato: 45, // pizzicato
            },
            (false, false) => Self {
                melody: 68, // oboe
                chords: 46,
                bass: 32,
                pad: 52, // choir
                doubling: 48,
                ostinato: 8, // celesta
            },
        }
    }

    const fn program(self, voice: Voice) -> u8 {
        match voice {
            Voice::Melody => self.melody,
            Voice::Chords => self.chords,
            Voice::Bass => self.bass,
            Voice::Pad => self.pad,
            Voice::Doubling => self.doubling,
            Voice::Ostinato => self.ostinato,
            Voice::Percussion => 0,
        }
    }

    /// The part of `voice` without notes.
    pub(super) fn part(self, voice: Voice) -> Part {
        Part {
            name: voice.name().into(),
            role: voice.role(),
            program: self.program(voice),
            channel: voice.channel(),
            notes: Vec::new(),
        }
    }
}
