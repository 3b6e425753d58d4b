//! Which instrument plays a part.

use super::{
    Tone,
    analogue::{self, Analogue, Wave},
    drums, electric,
    envelope::{Envelope, Vibrato},
    modal::{self, BarBody, Mode, StringBody},
    wind::{self, Wind},
};
use crate::{Part, midi::PERCUSSION_CHANNEL};

/// An instrument. General MIDI's 128 programs share these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    Piano,
    ElectricPiano,
    Harpsichord,
    Mallets,
    Bells,
    Organ,
    Guitar,
    Harp,
    Bass,
    SynthBass,
    Strings,
    Choir,
    Brass,
    Reed,
    Clarinet,
    Flute,
    Lead,
    Pad,
    Drums,
}

impl Patch {
    /// Every instrument.
    #[cfg(test)]
    pub(super) const ALL: [Self; 19] = [
        Self::Piano,
        Self::ElectricPiano,
        Self::Harpsichord,
        Self::Mallets,
        Self::Bells,
        Self::Organ,
        Self::Guitar,
        Self::Harp,
        Self::Bass,
        Self::SynthBass,
        Self::Strings,
        Self::Choir,
        Self::Brass,
        Self::Reed,
        Self::Clarinet,
        Self::Flute,
        Self::Lead,
        Self::Pad,
        Self::Drums,
    ];

    pub(super) fn of_part(part: &Part) -> Self {
        if part.channel == PERCUSSION_CHANNEL {
            Self::Drums
        } else {
            Self::from_program(part.program)
        }
    }

    /// By the families of General MIDI, counted from 0.
    fn from_program(program: u8) -> Self {
        match program {
            0..=3 => Self::Piano,
            4..=5 => Self::ElectricPiano,
            6..=7 => Self::Harpsichord,
            11..=13 => Self::Mallets,
            8..=10 | 14 => Self::Bells,
            15 => Self::Harp,
            16..=23 => Self::Organ,
            24..=31 => Self::Guitar,
            32..=37 => Self::Bass,
            38..=39 => Self::SynthBass,
            45..=46 => Self::Harp,
            40..=51 => Self::Strings,
            52..=55 => Self::Choir,
            56..=63 => Self::Brass,
            71 => Self::Clarinet,
            64..=70 => Self::Reed,
            72..=79 => Self::Flute,
            80..=87 => Self::Lead,
            88..=103 => Self::Pad,
            104..=107 => Self::Guitar,
            108 | 112..=115 => Self::Mallets,
            109 | 111 => Self::Reed,
            110 => Self::Strings,
            _ => Self::Bells,
        }
    }

    /// One tone, from its first sample until it has died away.
    pub(super) fn play(self, tone: &Tone) -> Vec<f32> {
        let mut sound = match self {
            Self::Piano => modal::play_string(&PIANO, tone),
            Self::ElectricPiano => electric::play(tone),
            Self::Harpsichord => modal::play_string(&HARPSICHORD, tone),
            Self::Mallets => modal::play_bar(&MALLETS, tone),
            Self::Bells => modal::play_bar(&BELLS, tone),
            Self::Organ => analogue::play(&ORGAN, tone),
            Self::Guitar => modal::play_string(&GUITAR, tone),
            Self::Harp => modal::play_string(&HARP, tone),
            Self::Bass => modal::play_string(&BASS, tone),
            Self::SynthBass => analogue::play(&SYNTH_BASS, tone),
            Self::Strings => analogue::play(&STRINGS, tone),
            Self::Choir => analogue::play(&CHOIR, tone),
            Self::Brass => wind::play(&BRASS, tone),
            Self::Reed => wind::play(&REED, tone),
            Self::Clarinet => wind::play(&CLARINET, tone),
            Self::Flute => wind::play(&FLUTE, tone),
            Self::Lead => analogue::play(&LEAD, tone),
            Self::Pad => analogue::play(&PAD, tone),
            Self::Drums => drums::play(tone),
        };
        let level = self.level();
        for sample in &mut sound {
            *sample *= level;
        }
        sound
    }

    /// Makes the instruments equally loud; see the test below.
    const fn level(self) -> f32 {
        match self {
            Self::Piano | Self::Mallets => 0.41,
            Self::ElectricPiano => 0.33,
            Self::Harpsichord => 0.26,
            Self::Bells => 0.29,
            Self::Organ | Self::Lead => 0.37,
            Self::Guitar => 0.49,
            Self::Harp => 0.36,
            Self::Bass => 0.42,
            Self::SynthBass => 0.44,
            Self::Pad => 0.53,
            Self::Strings => 0.56,
            Self::Choir => 0.34,
            Self::Brass => 0.21,
            Self::Reed => 0.23,
            Self::Clarinet => 0.24,
            Self::Flute => 0.25,
            Self::Drums => 1.08,
        }
    }
}

const PIANO: StringBody = StringBody {
    stiffness: 0.000_25,
    position: 0.12,
    slope: -0.75,
    cutoff_hertz: [350.0, 2600.0],
    ring_secs: 7.0,
    damping: 0.18,
    detune_cents: 0.9,
    knock: 0.35,
    attack_secs: 0.003,
    release_secs: 0.28,
};

const HARPSICHORD: StringBody = StringBody {
    stiffness: 0.000_05,
    position: 0.17,
    slope: -0.35,
    cutoff_hertz: [2500.0, 4500.0],
    ring_secs: 4.0,
    damping: 0.1,
    detune_cents: 1.5,
    knock: 0.1,
    attack_secs: 0.001,
    release_secs: 0.12,
};

const GUITAR: StringBody = StringBody {
    stiffness: 0.000_06,
    position: 0.22,
    slope: -1.0,
    cutoff_hertz: [600.0, 3500.0],
    ring_secs: 3.6,
    damping: 0.3,
    detune_cents: 0.0,
    knock: 0.25,
    attack_secs: 0.0015,
    release_secs: 0.2,
};

const HARP: StringBody = StringBody {
    position: 0.4,
    slope: -1.25,
    ring_secs: 5.0,
    release_secs: 1.2,
    knock: 0.12,
    ..GUITAR
};

const BASS: StringBody = StringBody {
    stiffness: 0.000_1,
    position: 0.25,
    slope: -0.9,
    cutoff_hertz: [180.0, 900.0],
    ring_secs: 2.6,
    damping: 0.25,
    detune_cents: 0.0,
    knock: 0.3,
    attack_secs: 0.005,
    release_secs: 0.16,
};

/// A bar with an arch cut below it, tuned to 1 : 4 : 10 (Fletcher & Rossing, 19.4).
const MALLETS: BarBody = BarBody {
    modes: &[
        Mode {
            ratio: 1.0,
            level: 1.0,
            ring: 1.0,
        },
        Mode {
            ratio: 4.0,
            level: 0.25,
            ring: 0.35,
        },
        Mode {
            ratio: 10.0,
            level: 0.1,
            ring: 0.12,
        },
    ],
    ring_secs: 2.2,
    release_secs: 0.9,
};

/// A free bar: 1 : 2.756 : 5.404 : 8.933 (Fletcher & Rossing, 2.16).
const BELLS: BarBody = BarBody {
    modes: &[
        Mode {
            ratio: 1.0,
            level: 1.0,
            ring: 1.0,
        },
        Mode {
            ratio: 1.003,
            level: 0.4,
            ring: 1.1,
        },
        Mode {
            ratio: 2.756,
            level: 0.3,
            ring: 0.4,
        },
        Mode {
            ratio: 5.404,
            level: 0.15,
            ring: 0.2,
        },
        Mode {
            ratio: 8.933,
            level: 0.06,
            ring: 0.1,
        },
    ],
    ring_secs: 3.5,
    release_secs: 1.5,
};

const STILL: Vibrato = Vibrato {
    rate_hertz: 5.0,
    cents: 0.0,
    delay_secs: 0.0,
};

const ORGAN: Analogue = Analogue {
    wave: Wave::Organ,
    cutoff_hertz: [2500.0, 5000.0],
    sweep: 0.0,
    vibrato: Vibrato {
        rate_hertz: 6.2,
        cents: 4.0,
        delay_secs: 0.0,
    },
    envelope: Envelope {
        attack_secs: 0.012,
        decay_secs: 1.0,
        sustain: 1.0,
        release_secs: 0.12,
    },
};

const SYNTH_BASS: Analogue = Analogue {
    wave: Wave::Bass,
    cutoff_hertz: [250.0, 1400.0],
    sweep: 0.8,
    vibrato: STILL,
    envelope: Envelope {
        attack_secs: 0.006,
        decay_secs: 0.35,
        sustain: 0.55,
        release_secs: 0.15,
    },
};

const STRINGS: Analogue = Analogue {
    wave: Wave::Ensemble,
    cutoff_hertz: [700.0, 2800.0],
    sweep: 0.5,
    vibrato: Vibrato {
        rate_hertz: 5.4,
        cents: 9.0,
        delay_secs: 0.2,
    },
    envelope: Envelope {
        attack_secs: 0.11,
        decay_secs: 0.8,
        sustain: 0.85,
        release_secs: 0.45,
    },
};

const CHOIR: Analogue = Analogue {
    wave: Wave::Choir,
    cutoff_hertz: [1200.0, 3200.0],
    sweep: 0.3,
    vibrato: Vibrato {
        rate_hertz: 5.1,
        cents: 12.0,
        delay_secs: 0.25,
    },
    envelope: Envelope {
        attack_secs: 0.14,
        decay_secs: 0.8,
        sustain: 0.9,
        release_secs: 0.5,
    },
};

const LEAD: Analogue = Analogue {
    wave: Wave::Lead,
    cutoff_hertz: [900.0, 5000.0],
    sweep: 0.5,
    vibrato: Vibrato {
        rate_hertz: 5.6,
        cents: 10.0,
        delay_secs: 0.3,
    },
    envelope: Envelope {
        attack_secs: 0.01,
        decay_secs: 0.4,
        sustain: 0.7,
        release_secs: 0.25,
    },
};

const PAD: Analogue = Analogue {
    wave: Wave::Soft,
    cutoff_hertz: [500.0, 2200.0],
    sweep: 0.6,
    vibrato: Vibrato {
        rate_hertz: 4.2,
        cents: 4.0,
        delay_secs: 0.3,
    },
    envelope: Envelope {
        attack_secs: 0.35,
        decay_secs: 1.5,
        sustain: 0.8,
        release_secs: 1.4,
    },
};

const FLUTE: Wind = Wind {
    harmonics: &[1.0, 0.42, 0.22, 0.09, 0.05, 0.02],
    brightness: [0.35, 1.0],
    swell: 0.4,
    breath: 0.045,
    vibrato: Vibrato {
        rate_hertz: 5.0,
        cents: 9.0,
        delay_secs: 0.22,
    },
    envelope: Envelope {
        attack_secs: 0.045,
        decay_secs: 0.5,
        sustain: 0.88,
        release_secs: 0.18,
    },
};

const CLARINET: Wind = Wind {
    harmonics: &[
        1.0, 0.04, 0.55, 0.06, 0.3, 0.08, 0.18, 0.08, 0.1, 0.05, 0.05,
    ],
    brightness: [0.6, 0.95],
    swell: 0.4,
    breath: 0.025,
    vibrato: Vibrato {
        rate_hertz: 4.8,
        cents: 3.0,
        delay_secs: 0.35,
    },
    envelope: Envelope {
        attack_secs: 0.035,
        decay_secs: 0.6,
        sustain: 0.9,
        release_secs: 0.14,
    },
};

const REED: Wind = Wind {
    harmonics: &[
        0.7, 0.8, 0.75, 0.55, 0.4, 0.3, 0.2, 0.15, 0.12, 0.09, 0.06, 0.04,
    ],
    brightness: [0.55, 0.92],
    swell: 0.4,
    breath: 0.03,
    vibrato: Vibrato {
        rate_hertz: 5.2,
        cents: 8.0,
        delay_secs: 0.25,
    },
    envelope: Envelope {
        attack_secs: 0.03,
        decay_secs: 0.5,
        sustain: 0.88,
        release_secs: 0.15,
    },
};

const BRASS: Wind = Wind {
    harmonics: &[
        0.9, 0.9, 0.85, 0.7, 0.55, 0.42, 0.32, 0.24, 0.18, 0.13, 0.1, 0.07, 0.05, 0.03,
    ],
    brightness: [0.45, 0.93],
    swell: 0.6,
    breath: 0.015,
    vibrato: Vibrato {
        rate_hertz: 5.0,
        cents: 5.0,
        delay_secs: 0.4,
    },
    envelope: Envelope {
        attack_secs: 0.05,
        decay_secs: 0.4,
        sustain: 0.85,
        release_secs: 0.16,
    },
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wav::{Audio, loudness_lufs};

    /// The loudness of an instrument: a scale of half seconds in its usual register.
    fn loudness(patch: Patch) -> f64 {
        let lowest = match patch {
            Patch::Bass | Patch::SynthBass => 36,
            Patch::Drums => 36,
            _ => 60,
        };
        let mut left = vec![0.0; 44_100 * 5];
        for (index, step) in [0, 2, 4, 5, 7, 9, 11, 12].into_iter().enumerate() {
            let start = index * 22_050;
            let tone = Tone {
                start,
                held: 20_000,
                pitch: lowest + step,
                velocity: 80,
            };
            for (sum, sample) in left[start..].iter_mut().zip(patch.play(&tone)) {
                *sum += sample;
            }
        }
        let right = left.clone();
        loudness_lufs(&Audio { left, right }).unwrap()
    }

    #[test]
    fn instruments_are_equally_loud() {
        for patch in Patch::ALL {
            let found = loudness(patch);
            assert!((found + 20.0).abs() < 0.5, "{patch:?}: {found:.1} LUFS");
        }
    }
}
