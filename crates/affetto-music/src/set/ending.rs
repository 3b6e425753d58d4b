//! The ending: a cadence, and a melody that comes home.

use affetto_media::{Bar, ChordChange, Note, Part, Quarters, Role, Score, TempoChange};

use super::scale::{chord, degree_pitch, tonic_near};
use crate::compose::Asked;

/// Degrees of the bars before the last one, backwards: by way of the dominant where it is awake, of the subdominant
/// where it is calm.
const AWAKE: [i16; 7] = [5, 4, 6, 1, 5, 4, 1];
const CALM: [i16; 7] = [4, 6, 4, 1, 4, 6, 1];

/// `bars` bars of melody and chords that end `sheet`, at least 1.
pub(super) fn lead_sheet(sheet: &Score, asked: &Asked, bars: usize) -> Score {
    let (key, metre) = (asked.key, asked.meter);
    let zero = Quarters::from_integer(0);
    let before = if asked.arousal >= 0.0 { AWAKE } else { CALM };
    let degrees = (0..bars).rev().map(|to_go| match to_go.checked_sub(1) {
        None => 1,
        Some(at) => before[at % before.len()],
    });
    let mut chords: Vec<ChordChange> = Vec::new();
    for (bar, degree) in degrees.enumerate() {
        let chord = Some(chord(key, degree));
        if chords.last().map(|last| last.chord) != Some(chord) {
            chords.push(ChordChange {
                onset: metre.length() * bar as i64,
                chord,
            });
        }
    }
    let mut score = Score {
        title: sheet.title.clone(),
        creator: sheet.creator.clone(),
        bars: vec![Bar::full(metre, key); bars],
        tempos: vec![TempoChange {
            onset: zero,
            tempo: sheet.tempo(),
        }],
        chords,
        sections: Vec::new(),
        parts: Vec::new(),
    };
    score.parts = sheet
        .melody()
        .map(|part| Part {
            role: Role::Melody,
            notes: line(&score, asked, part),
            ..part.clone()
        })
        .into_iter()
        .collect();
    score
}

/// In each bar a chord tone near the last pitch, and on the last beat a step that leads on; then the tonic.
fn line(score: &Score, asked: &Asked, before: &Part) -> Vec<Note> {
    let (key, metre) = (asked.key, asked.meter);
    let middle = (u16::from(asked.range.0) + u16::from(asked.range.1)) / 2;
    let mut pitch = before.notes.last().map_or(middle as u8, |note| note.pitch);
    let home = tonic_near(key, pitch);
    let velocity = mean_velocity(before);
    let length = metre.length();
    let last_beat = length - metre.beat();
    let bars = score.bars.len();
    let mut notes = Vec::new();
    for bar in 0..bars - 1 {
        let onset = length * bar as i64;
        let tones = score
            .chord_at(onset)
            .map_or(Vec::new(), |chord| chord.pitch_classes());
        let near = (pitch.saturating_sub(7)..=(pitch + 7).min(127))
            .filter(|tone| tones.contains(&(tone % 12)));
        pitch = near
            .min_by_key(|tone| (tone.abs_diff(pitch), tone.abs_diff(home)))
            .unwrap_or(pitch);
        let leads = if pitch > home { 2 } else { 0 };
        if last_beat > Quarters::from_integer(0) {
            notes.push(Note {
                onset,
                pitch,
                duration: last_beat,
                velocity,
            });
        }
        if bar + 2 == bars || last_beat == Quarters::from_integer(0) {
            let pitch = degree_pitch(key, home, leads);
            notes.push(Note {
                onset: onset + last_beat,
                pitch,
                duration: metre.beat(),
                velocity,
            });
        } else if let Some(note) = notes.last_mut() {
            note.duration = length;
        }
    }
    notes.push(Note {
        onset: length * (bars as i64 - 1),
        pitch: home,
        duration: length,
        velocity: velocity.saturating_sub(6).max(1),
    });
    notes
}

fn mean_velocity(part: &Part) -> u8 {
    let sum: usize = part
        .notes
        .iter()
        .map(|note| usize::from(note.velocity))
        .sum();
    (sum / part.notes.len().max(1)).clamp(1, 127) as u8
}
