//! What a part does, where the file does not say.

use super::{PERCUSSION_CHANNEL, ZERO};
use crate::{Note, Part, Quarters, Role, f64_from_quarters};

/// The role that a part's name says: the names that we give.
pub(super) fn from_name(name: &str) -> Option<Role> {
    let mut named = Role::ALL.into_iter().filter(|role| *role != Role::Other);
    named.find(|role| name.trim().eq_ignore_ascii_case(role.part_name()))
}

/// Guesses the roles of the parts at `open`, which still have none. The melody, unless there is one, is
/// the highest part (by its mean pitch) of those that play one note at a time for nine tenths of
/// their sound and have at least a quarter as many notes as the busiest part. The bass, unless there is one, is the
/// lowest other such part with a mean below C3, or the first with a General MIDI bass. Where there is a
/// melody, parts of several notes at once are chords. Drums and the rest stay [`Role::Other`].
pub(super) fn guess(parts: &mut [Part], open: &[usize]) {
    let voices: Vec<Voice> = open
        .iter()
        .filter(|index| parts[**index].channel != PERCUSSION_CHANNEL)
        .filter_map(|index| Voice::of_part(*index, &parts[*index]))
        .collect();
    let busiest = voices.iter().map(|voice| voice.notes).max().unwrap_or(0);
    let lines: Vec<&Voice> = voices
        .iter()
        .filter(|voice| voice.is_line && voice.notes * 4 >= busiest)
        .collect();
    if !has(parts, Role::Melody) {
        let highest = lines
            .iter()
            .filter(|voice| !voice.has_bass_program)
            .rev() // of equals, max_by takes the last
            .max_by(|a, b| a.mean_pitch.total_cmp(&b.mean_pitch));
        if let Some(voice) = highest {
            parts[voice.index].role = Role::Melody;
        }
    }
    if !has(parts, Role::Bass) {
        let lowest = lines
            .iter()
            .filter(|voice| parts[voice.index].role == Role::Other)
            .filter(|voice| voice.has_bass_program || voice.mean_pitch < 48.0)
            .min_by(|a, b| a.mean_pitch.total_cmp(&b.mean_pitch));
        if let Some(voice) = lowest {
            parts[voice.index].role = Role::Bass;
        }
    }
    if has(parts, Role::Melody) {
        for voice in voices.iter().filter(|voice| !voice.is_line) {
            parts[voice.index].role = Role::Chords;
        }
    }
}

fn has(parts: &[Part], role: Role) -> bool {
    parts.iter().any(|part| part.role == role)
}

struct Voice {
    index: usize,
    notes: usize,
    mean_pitch: f64,
    is_line: bool,
    has_bass_program: bool,
}

impl Voice {
    fn of_part(index: usize, part: &Part) -> Option<Self> {
        let notes = part.notes.len();
        let pitches: f64 = part.notes.iter().map(|note| f64::from(note.pitch)).sum();
        (notes > 0).then(|| Self {
            index,
            notes,
            mean_pitch: pitches / notes as f64,
            is_line: share_alone(&part.notes) >= 0.9,
            has_bass_program: (32..40).contains(&part.program),
        })
    }
}

/// Of the time in which anything sounds, the share in which one note sounds alone.
fn share_alone(notes: &[Note]) -> f64 {
    let mut steps: Vec<(Quarters, i32)> = Vec::with_capacity(2 * notes.len());
    for note in notes {
        steps.push((note.onset, 1));
        steps.push((note.end(), -1));
    }
    steps.sort();
    let (mut alone, mut any, mut sounding, mut since) = (0.0, 0.0, 0, ZERO);
    for (time, step) in steps {
        let span = f64_from_quarters(time - since);
        alone += if sounding == 1 { span } else { 0.0 };
        any += if sounding > 0 { span } else { 0.0 };
        sounding += step;
        since = time;
    }
    if any > 0.0 { alone / any } else { 0.0 }
}
