//! Anybody's own lead sheets: MIDI, MusicXML and ABC files in a folder.

use std::path::{Path, PathBuf};

use affetto_core::read_limited;
use affetto_media::{
    Bar, ChordChange, Format, Limits, Part, Score, abc, midi, musicxml::document::Document,
};

use super::{
    derive::{Attack, derive},
    hymnal::attacks,
    measures::{melody_part, regular_chords, with_first_tempo},
    melody::monophonic,
    openewld,
    passage::regular_bars,
};

/// Files in a folder at the most, and folders within folders.
const MAX_FILES: usize = 100_000;
const MAX_DEPTH: usize = 16;

/// The scores below `folder`, sorted by path.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, 0, &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, files);
        } else if kind.is_file() && files.len() < MAX_FILES && is_read(&path) {
            files.push(path);
        }
    }
}

fn is_read(path: &Path) -> bool {
    matches!(
        Format::from_path(path),
        Some(Format::Midi | Format::MusicXml | Format::Abc)
    )
}

/// A lead sheet, and all that sounds in the file where it has an accompaniment.
pub struct Sheet {
    /// Melody and chords.
    pub score: Score,
    /// What the chords were derived from; empty where they are written.
    pub attacks: Vec<Attack>,
}

/// The lead sheets in a file: the tunes of an ABC file, else one. A tune without chord symbols gets
/// derived ones where it has an accompaniment, and is left out where it has none.
///
/// # Errors
///
/// What the reader of its format says.
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<Sheet>, affetto_media::Error> {
    let bytes = read_limited(path, limits.bytes)?;
    let scores = match Format::from_path(path) {
        Some(Format::Midi) => vec![midi::quantise(
            &midi::read(&bytes, limits)?,
            &midi::PLAYED_GRID,
        )],
        Some(Format::Abc) => abc::read_all(&bytes, limits)?,
        _ => {
            let document = Document::read(&bytes, limits)?;
            if let Some(score) = openewld::lead_sheet(&document) {
                return Ok(vec![Sheet {
                    score,
                    attacks: Vec::new(),
                }]);
            }
            vec![affetto_media::musicxml::read(&bytes, limits)?]
        }
    };
    Ok(scores.iter().filter_map(lead_sheet).collect())
}

/// The lead sheet in a score.
pub fn lead_sheet(score: &Score) -> Option<Sheet> {
    const PERCUSSION: u8 = 9;
    let pitched: Vec<&Part> = score
        .parts
        .iter()
        .filter(|part| part.channel != PERCUSSION && !part.notes.is_empty())
        .collect();
    let melody = score
        .melody()
        .filter(|part| !part.notes.is_empty())
        .or(pitched.first().copied())?;
    let bars = regular_bars(&score.bars);
    let (chords, attacks) = if score.chords.iter().any(|change| change.chord.is_some()) {
        (score.chords.clone(), Vec::new())
    } else {
        derived(score, &bars, &pitched, melody)?
    };
    let score = Score {
        bars,
        chords,
        tempos: with_first_tempo(score.tempos.clone()),
        parts: vec![melody_part(monophonic(melody.notes.clone()))],
        ..score.clone()
    };
    Some(Sheet { score, attacks })
}

/// Chords from the other parts, or from all notes of a single part that plays several at once.
fn derived(
    score: &Score,
    bars: &[Bar],
    pitched: &[&Part],
    melody: &Part,
) -> Option<(Vec<ChordChange>, Vec<Attack>)> {
    let pitched_only = Score {
        parts: pitched.iter().copied().cloned().collect(),
        ..score.clone()
    };
    let alone = pitched.len() == 1;
    if alone && monophonic(melody.notes.clone()).len() == melody.notes.len() {
        return None;
    }
    let marked = pitched_only.parts.iter().find(|part| *part == melody);
    let attacks = attacks(&pitched_only, marked.filter(|_| !alone));
    Some((regular_chords(derive(bars, &attacks)), attacks))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use affetto_media::{Key, Metre, Note, Quarters, Role, Tempo, TempoChange};

    fn part(channel: u8, notes: &[(i64, u8)]) -> Part {
        let note = |(onset, pitch): &(i64, u8)| Note {
            onset: Quarters::from_integer(*onset),
            pitch: *pitch,
            duration: Quarters::from_integer(4),
            velocity: 80,
        };
        Part {
            name: String::new(),
            role: Role::Other,
            program: 0,
            channel,
            notes: notes.iter().map(note).collect(),
        }
    }

    fn score(parts: Vec<Part>) -> Score {
        Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 2],
            tempos: vec![TempoChange {
                onset: Quarters::from_integer(0),
                tempo: Tempo::from_bpm(120.0),
            }],
            chords: Vec::new(),
            sections: Vec::new(),
            parts,
        }
    }

    #[test]
    fn chords_come_from_the_accompaniment() {
        let drums = part(9, &[(0, 36)]);
        let melody = part(0, &[(0, 72), (4, 74)]);
        let piano = part(1, &[(0, 48), (0, 52), (0, 55), (4, 43), (4, 47), (4, 50)]);
        let sheet = lead_sheet(&score(vec![drums, melody, piano])).unwrap();
        let chords: Vec<String> = sheet
            .score
            .chords
            .iter()
            .map(|c| c.chord.unwrap().to_string())
            .collect();
        assert_eq!(chords, ["C", "G"]);
        let notes = &sheet.score.parts[0].notes;
        assert_eq!((notes.len(), notes[0].pitch), (2, 72));
    }

    #[test]
    fn a_single_line_has_no_chords() {
        assert!(lead_sheet(&score(vec![part(0, &[(0, 72), (4, 74)])])).is_none());
        assert!(lead_sheet(&score(Vec::new())).is_none());
        let piano = part(0, &[(0, 48), (0, 64), (0, 67), (4, 43), (4, 71), (4, 74)]);
        let sheet = lead_sheet(&score(vec![piano])).unwrap();
        assert_eq!(sheet.score.parts[0].notes.len(), 2);
    }
}
