//! A melody from notes: one at a time, in the singer's octave.

use affetto_media::Note;

/// Where the median pitch of a melody is put.
const MEDIAN_PITCH: std::ops::RangeInclusive<u8> = 60..=76;

/// One note at a time: of notes begun together the highest, each ending where the next begins.
pub fn monophonic(mut notes: Vec<Note>) -> Vec<Note> {
    notes.sort_by_key(|note| (note.onset, std::cmp::Reverse(note.pitch)));
    notes.dedup_by_key(|note| note.onset);
    let next_onsets: Vec<_> = notes.iter().skip(1).map(|note| note.onset).collect();
    for (note, next) in notes.iter_mut().zip(next_onsets) {
        note.duration = note.duration.min(next - note.onset);
    }
    notes
}

/// The melody moved by whole octaves so that its median pitch lies in 60..=76.
pub fn to_singing_octave(notes: &mut [Note]) {
    let mut pitches: Vec<u8> = notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    let Some(median) = pitches.get(pitches.len() / 2) else {
        return;
    };
    let median = i16::from(*median);
    let mut shift = 0;
    while median + shift > i16::from(*MEDIAN_PITCH.end()) {
        shift -= 12;
    }
    while median + shift < i16::from(*MEDIAN_PITCH.start()) {
        shift += 12;
    }
    for note in notes {
        note.pitch = (i16::from(note.pitch) + shift).clamp(0, 127) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use affetto_media::Quarters;

    fn note(onset: i64, duration: i64, pitch: u8) -> Note {
        Note {
            onset: Quarters::from_integer(onset),
            pitch,
            duration: Quarters::from_integer(duration),
            velocity: 80,
        }
    }

    #[test]
    fn the_top_note_sings_until_the_next() {
        let stacked = vec![note(0, 4, 60), note(0, 2, 67), note(1, 1, 65)];
        assert_eq!(monophonic(stacked), [note(0, 1, 67), note(1, 1, 65)]);
    }

    #[test]
    fn a_bass_sings_in_the_treble() {
        let mut notes = [note(0, 1, 40), note(1, 1, 43), note(2, 1, 48)];
        to_singing_octave(&mut notes);
        assert_eq!(notes.map(|note| note.pitch), [64, 67, 72]);
    }
}
