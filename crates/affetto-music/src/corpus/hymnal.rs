//! The Open Hymnal: four-part hymns in ABC. The first voice is the melody, the chords are derived
//! from all voices.

use affetto_media::{Limits, Part, Quarters, Score, abc};

use super::{
    derive::{Attack, derive},
    measures::{melody_part, regular_chords, with_first_tempo},
    melody::monophonic,
    passage::regular_bars,
};

/// A hymn with derived chords, and all that sounds in it.
pub struct Hymn {
    /// The melody and the chords.
    pub score: Score,
    /// All voices.
    pub attacks: Vec<Attack>,
}

/// The hymn in a file; none where the music is not in the public domain or has no metre.
///
/// # Errors
///
/// What [`abc::read`] says.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Option<Hymn>, affetto_media::Error> {
    let text = String::from_utf8_lossy(bytes);
    if !is_public_domain(&text) || has_no_metre(&text) {
        return Ok(None);
    }
    Ok(hymn(&abc::read(bytes, limits)?))
}

fn is_public_domain(text: &str) -> bool {
    text.lines()
        .filter(|line| line.starts_with("C:"))
        .map(str::to_ascii_lowercase)
        .any(|line| line.contains("copyright") && line.contains("public domain"))
}

fn has_no_metre(text: &str) -> bool {
    text.lines()
        .filter_map(|line| line.strip_prefix("M:"))
        .any(|metre| metre.trim_start().starts_with("none"))
}

/// The hymn that the voices of `score` sing, the first one the melody.
pub fn hymn(score: &Score) -> Option<Hymn> {
    let melody = score.parts.first()?;
    let attacks = attacks(score, None);
    let bars = regular_bars(&score.bars);
    let chords = regular_chords(derive(&bars, &attacks));
    let score = Score {
        bars,
        chords,
        tempos: with_first_tempo(score.tempos.clone()),
        parts: vec![melody_part(monophonic(melody.notes.clone()))],
        ..score.clone()
    };
    Some(Hymn { score, attacks })
}

/// What the parts of `score` sound, notes cut at bar lines as they are written; those of `melody` are
/// marked.
pub fn attacks(score: &Score, melody: Option<&Part>) -> Vec<Attack> {
    let onsets = score.bar_onsets();
    let mut attacks = Vec::new();
    for part in &score.parts {
        let is_melody = melody.is_some_and(|melody| std::ptr::eq(melody, part));
        for note in part.notes.iter() {
            attacks.extend(pieces(note.onset, note.end(), &onsets).into_iter().map(
                |(onset, end)| Attack {
                    onset,
                    end,
                    pitch: note.pitch,
                    melody: is_melody,
                },
            ));
        }
    }
    attacks.sort();
    attacks
}

/// The span from `onset` to `end` cut at the bar lines inside it.
fn pieces(onset: Quarters, end: Quarters, bar_onsets: &[Quarters]) -> Vec<(Quarters, Quarters)> {
    let first = bar_onsets.partition_point(|bar| *bar <= onset);
    let mut from = onset;
    let mut pieces = Vec::new();
    for line in bar_onsets[first..].iter().take_while(|line| **line < end) {
        pieces.push((from, *line));
        from = *line;
    }
    pieces.push((from, end));
    pieces
}
