//! When the chords are struck, and which of their voices.

use affetto_media::{Note, Quarters};

use super::{
    Accompaniment, Setting, cell::Cell, dynamics::Loudness, grid::Weight, voicing::Voicing,
};

/// Strokes of one hand come no faster than this, in seconds.
pub(super) const FASTEST_STROKE_SECS: f64 = 0.12;
/// A pulse is halved only where the halves last this long, in seconds.
pub(super) const FASTEST_HALF_SECS: f64 = 0.15;
/// From this arousal on, waltz chords are short.
const SHORT_WALTZ: f64 = 0.2;
/// From this arousal on, a pulse is halved, unless the bass walks: then there are four chords to the bar.
const HALVED_PULSE: f64 = 0.5;
/// From this arousal on, pulses are short.
const SHORT_PULSE: f64 = 0.8;
/// From this arousal on, broken chords run in halved pulses.
const HALVED_ARPEGGIO: f64 = -0.6;

/// What one stroke plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    /// Every voice.
    All,
    /// One voice, counted from the lowest.
    Voice(usize),
}

/// The notes of the chord part.
pub(super) fn notes(setting: &Setting<'_>, voicings: &[Voicing]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (cell, voicing) in setting.cells.iter().zip(voicings) {
        let strokes = strokes(setting, cell, voicing.len());
        for (place, (onset, hand)) in strokes.iter().enumerate() {
            let next = strokes.get(place + 1).map_or(cell.end, |stroke| stroke.0);
            let sounding = match hand {
                Hand::All => &voicing[..],
                Hand::Voice(voice) => &voicing[*voice..=*voice],
            };
            let duration = duration(setting, cell, next - onset);
            let weight = setting.grid(cell).weight(*onset);
            let played = sounding.iter().map(|pitch| Note {
                onset: *onset,
                pitch: *pitch,
                duration,
                velocity: setting.levels.velocity(Loudness {
                    onset: *onset,
                    weight,
                    accent: accent(setting.accompaniment),
                    above: if Some(pitch) == voicing.last() {
                        2.0
                    } else {
                        0.0
                    },
                }),
            });
            notes.extend(played.filter_map(|note| setting.below_melody(note)));
        }
    }
    notes
}

/// How much stronger strong beats are.
const fn accent(accompaniment: Accompaniment) -> f64 {
    match accompaniment {
        Accompaniment::Pulse => 1.5,
        _ => 1.0,
    }
}

/// How long a stroke sounds of `space`, the time to the next one. Waltz chords last one pulse at most, walked
/// and very lively ones half of their time.
fn duration(setting: &Setting<'_>, cell: &Cell, space: Quarters) -> Quarters {
    let waltz = setting.accompaniment == Accompaniment::Waltz;
    let short = match setting.accompaniment {
        Accompaniment::Waltz => setting.arousal(cell) >= SHORT_WALTZ,
        Accompaniment::Pulse => setting.arousal(cell) >= SHORT_PULSE || setting.walks,
        _ => false,
    };
    let pulse = setting.grid(cell).pulses.first().filter(|_| waltz);
    let longest = pulse.map_or(space, |pulse| pulse.length.min(space));
    match (cell.last, short) {
        (true, _) => space,
        (false, true) => longest / 2,
        (false, false) => longest,
    }
}

/// The strokes within `cell`, rising. The last chord of a score is struck once and held.
fn strokes(setting: &Setting<'_>, cell: &Cell, voices: usize) -> Vec<(Quarters, Hand)> {
    if voices == 0 {
        return Vec::new();
    }
    let onsets = if cell.last {
        vec![cell.start]
    } else {
        thin(setting, cell, onsets(setting, cell))
    };
    let broken = setting.accompaniment == Accompaniment::Arpeggio && onsets.len() > 1;
    let triple = setting.grid(cell).triple;
    let hand = |place| match broken {
        true => Hand::Voice(voice(place, voices, cell.bar, triple)),
        false => Hand::All,
    };
    onsets
        .iter()
        .enumerate()
        .map(|(place, onset)| (*onset, hand(place)))
        .collect()
}

/// Which voice the broken chord has come to: rolling up and down, every fourth bar rocking between the top and
/// the voices below it.
fn voice(place: usize, voices: usize, bar: usize, triple: bool) -> usize {
    let top = voices - 1;
    if top == 0 {
        return 0;
    }
    if bar % 4 == 3 && top >= 2 {
        return if place % 2 == 1 { top } else { place / 2 % top };
    }
    if triple && voices == 3 {
        return place % 3;
    }
    let turn = place % (2 * top);
    turn.min(2 * top - turn)
}

/// Where the pattern strikes, and where the chord changes off the pattern.
fn onsets(setting: &Setting<'_>, cell: &Cell) -> Vec<Quarters> {
    let grid = setting.grid(cell);
    let mut onsets = Vec::new();
    for pulse in grid.between(cell.start, cell.end) {
        let half = pulse.onset + pulse.length / 2;
        let halves = setting.seconds(pulse.onset, pulse.length / 2) >= FASTEST_HALF_SECS
            && half < cell.end
            && !grid.metre.is_compound();
        let (on, between) = match setting.accompaniment {
            Accompaniment::Block | Accompaniment::None => (false, false),
            Accompaniment::Arpeggio => (true, halves && setting.arousal(cell) >= HALVED_ARPEGGIO),
            Accompaniment::Waltz => (pulse.weight == Weight::Pulse, false),
            Accompaniment::Pulse => (
                !grid.metre.is_compound()
                    || setting.arousal(cell) >= HALVED_PULSE
                    || pulse.weight >= Weight::Group
                    || grid.weight(pulse.end()) != Weight::Pulse,
                halves && setting.arousal(cell) >= HALVED_PULSE && !setting.walks,
            ),
        };
        onsets.extend(on.then_some(pulse.onset));
        onsets.extend(between.then_some(half));
    }
    // In a waltz the bass alone marks a change on a strong pulse, if the chord follows.
    let left_to_bass = setting.accompaniment == Accompaniment::Waltz
        && grid.weight(cell.start) >= Weight::Group
        && !onsets.is_empty();
    if onsets.first() != Some(&cell.start) && !left_to_bass {
        onsets.insert(0, cell.start);
    }
    onsets
}

/// Leaves out strokes that come too soon after another or too late in the cell.
pub(super) fn thin(setting: &Setting<'_>, cell: &Cell, onsets: Vec<Quarters>) -> Vec<Quarters> {
    let enough =
        |from: Quarters, to: Quarters| setting.seconds(from, to - from) >= FASTEST_STROKE_SECS;
    let mut kept: Vec<Quarters> = Vec::with_capacity(onsets.len());
    for onset in onsets {
        let apart = kept
            .last()
            .is_none_or(|last| enough(*last, onset) && enough(onset, cell.end));
        if apart {
            kept.push(onset);
        }
    }
    kept
}
