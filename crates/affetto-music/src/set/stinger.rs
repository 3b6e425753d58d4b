//! Stingers: short phrases on notes of the key that go with any of its chords.

use affetto_core::Seed;
use affetto_media::{Bar, Key, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange};

use super::{
    Stinger,
    scale::{degree_pitch, tonic_near},
};

/// The notes of a phrase come no slower than this, in seconds.
const SLOWEST_NOTE_SECS: f64 = 0.17;
/// How much of its own space each note of a phrase has; the last one is held.
const HELD_UNITS: i64 = 8;

/// A phrase: the degrees of its line, the octave of its tonic, what is held under its last note, and who plays.
struct Phrase {
    line: &'static [i16],
    held: &'static [i16],
    near: u8,
    line_program: u8,
    held_program: u8,
    velocities: [f64; 2],
}

/// What a stinger may be; the seed chooses.
const fn phrases(stinger: Stinger) -> [Phrase; 2] {
    match stinger {
        Stinger::Success => [
            Phrase {
                line: &[1, 3, 5, 8],
                held: &[1, 5, 8, 10],
                near: 70,
                line_program: 9,
                held_program: 48,
                velocities: [84.0, 108.0],
            },
            Phrase {
                line: &[5, 6, 8, 10, 12],
                held: &[1, 5, 8],
                near: 66,
                line_program: 9,
                held_program: 48,
                velocities: [84.0, 108.0],
            },
        ],
        Stinger::Failure => [
            Phrase {
                line: &[8, 6, 5, 3],
                held: &[-1, 1, 3],
                near: 58,
                line_program: 71,
                held_program: 48,
                velocities: [96.0, 76.0],
            },
            Phrase {
                line: &[5, 3, 2, -1],
                held: &[-1, 1],
                near: 60,
                line_program: 71,
                held_program: 48,
                velocities: [96.0, 76.0],
            },
        ],
        Stinger::Notice => [
            Phrase {
                line: &[5, 8],
                held: &[5],
                near: 72,
                line_program: 11,
                held_program: 89,
                velocities: [88.0, 92.0],
            },
            Phrase {
                line: &[8, 5],
                held: &[1],
                near: 72,
                line_program: 11,
                held_program: 89,
                velocities: [88.0, 92.0],
            },
        ],
        Stinger::Discovery => [
            Phrase {
                line: &[1, 2, 3, 5, 6, 8, 9],
                held: &[5, 9],
                near: 67,
                line_program: 46,
                held_program: 89,
                velocities: [70.0, 100.0],
            },
            Phrase {
                line: &[1, 3, 5, 6, 8, 10, 13],
                held: &[6, 8],
                near: 67,
                line_program: 46,
                held_program: 89,
                velocities: [70.0, 100.0],
            },
        ],
        Stinger::Danger => [
            Phrase {
                line: &[1, 1, 1, 0],
                held: &[-6, 1, 4],
                near: 43,
                line_program: 45,
                held_program: 48,
                velocities: [96.0, 112.0],
            },
            Phrase {
                line: &[1, 2, 1, -1],
                held: &[-6, 1, 2],
                near: 43,
                line_program: 45,
                held_program: 48,
                velocities: [96.0, 112.0],
            },
        ],
    }
}

/// The score of a stinger: whole bars, as few as it needs.
pub(super) fn score(stinger: Stinger, key: Key, metre: Metre, tempo: Tempo, seed: Seed) -> Score {
    let mut rng = seed.derive(&format!("stinger {stinger}")).rng();
    let phrase = &phrases(stinger)[rng.below(2)];
    let tonic = tonic_near(key, phrase.near);
    let unit = unit(tempo);
    let zero = Quarters::from_integer(0);
    let last = phrase.line.len() as i64 - 1;
    let length = unit * (last + HELD_UNITS);
    let note = |(place, degree): (i64, &i16)| Note {
        onset: unit * place,
        pitch: degree_pitch(key, tonic, *degree),
        duration: if place == last {
            unit * HELD_UNITS
        } else {
            unit
        },
        velocity: velocity(phrase, place as f64 / last as f64),
    };
    let line: Vec<Note> = (0..).zip(phrase.line).map(note).collect();
    let mut held: Vec<Note> = phrase
        .held
        .iter()
        .map(|degree| Note {
            onset: unit * last,
            pitch: degree_pitch(key, tonic, *degree),
            duration: unit * HELD_UNITS,
            velocity: velocity(phrase, 1.0).saturating_sub(24),
        })
        .collect();
    held.sort();
    let bars = (length / metre.length()).ceil().to_integer().max(1);
    let part = |name: &str, role, program, channel, notes| Part {
        name: name.into(),
        role,
        program,
        channel,
        notes,
    };
    Score {
        title: format!("Stinger: {stinger}"),
        creator: String::new(),
        bars: vec![Bar::full(metre, key); bars as usize],
        tempos: vec![TempoChange { onset: zero, tempo }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: vec![
            part("Melody", Role::Melody, phrase.line_program, 0, line),
            part("Pad", Role::Chords, phrase.held_program, 3, held),
        ],
    }
}

/// The longest of a quarter, an eighth, a sixteenth and so on that is not too slow.
fn unit(tempo: Tempo) -> Quarters {
    let quarter = f64::from(tempo.micros_per_quarter()) * 1e-6;
    let mut divided = 1;
    while quarter / divided as f64 > SLOWEST_NOTE_SECS && divided < 64 {
        divided *= 2;
    }
    Quarters::new(1, divided)
}

fn velocity(phrase: &Phrase, share: f64) -> u8 {
    let [first, last] = phrase.velocities;
    (first + (last - first) * share).round() as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_attributes::tonality::is_in_scale;

    use super::*;

    #[test]
    fn every_stinger_is_short_sound_and_in_every_key() {
        for key in Key::all() {
            for (metre, bpm) in [("4/4", 96.0), ("6/8", 10.0), ("3/4", 600.0)] {
                for stinger in Stinger::ALL {
                    for seed in 0..4 {
                        let score = score(
                            stinger,
                            key,
                            metre.parse().unwrap(),
                            Tempo::from_bpm(bpm),
                            Seed(seed),
                        );
                        assert_eq!(score.broken_rule(), None, "{stinger}");
                        let notes = || score.parts.iter().flat_map(|part| &part.notes);
                        assert!(
                            notes().all(|note| is_in_scale(note.pitch, key)),
                            "{stinger} in {key}"
                        );
                        let end = notes().map(Note::end).max().unwrap();
                        assert!(score.seconds_at(end) < 3.0, "{stinger} at {bpm}");
                    }
                }
            }
        }
    }

    #[test]
    fn success_rises_and_failure_falls() {
        let line = |stinger, seed| -> Vec<u8> {
            let score = score(
                stinger,
                Key::C_MAJOR,
                Metre::COMMON,
                Tempo::from_bpm(96.0),
                Seed(seed),
            );
            score.parts[0].notes.iter().map(|note| note.pitch).collect()
        };
        for seed in 0..8 {
            assert!(line(Stinger::Success, seed).is_sorted());
            assert!(line(Stinger::Failure, seed).is_sorted_by(|a, b| a >= b));
        }
        let first = line(Stinger::Notice, 0);
        assert!((1..20).any(|seed| line(Stinger::Notice, seed) != first));
    }
}
