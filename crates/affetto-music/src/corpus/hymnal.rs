//! The Open Hymnal: four-part hymns in ABC. The first voice is the melody, the chords are derived
//! from all voices.

use std::collections::BTreeMap;

use affetto_media::{Limits, Part, Quarters, Score, abc};

use super::{
    derive::{Attack, derive},
    measures::{melody_part, regular_chords, with_first_tempo},
    melody::monophonic,
    passage::regular_bars,
    title::title_key,
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

/// For hymns to a tune that other words have too: by the key of each title, the first of those keys.
/// `names` are file names without extension, `Title_Of_The_Hymn-Tune`.
pub fn keys_by_tune<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<String, String> {
    let mut titles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (title, tune) in names.filter_map(|name| name.split_once('-')) {
        let title = title_key(&title.replace('_', " "));
        if tune != "untitled" && !title.is_empty() {
            titles.entry(tune).or_default().push(title);
        }
    }
    let mut keys = BTreeMap::new();
    for titles in titles.into_values() {
        let Some(first) = titles.iter().min().cloned() else {
            continue;
        };
        for title in titles.into_iter().filter(|title| *title != first) {
            keys.insert(title, first.clone());
        }
    }
    keys
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HYMN: &str = "X: 1
T: A Small Hymn
C: copyright: public domain.
M: 4/4
L: 1/4
V: S1V1 clef=treble
V: S1V2
V: S2V1 clef=bass
V: S2V2
K: C
[V: S1V1] E F G/F/ E | D D E2 |]
[V: S1V2] C C C C | C B, C2 |]
[V: S2V1] G, A, G, G, | A, G, G,2 |]
[V: S2V2] C, F, E, C, | F, G, C,2 |]
";

    /// The passing F over the third C changes nothing. D, F, A and C over F: as F6 it scores
    /// 1 - 0.22 + 0.15, as Dm7 1 - 0.14 + 0.04.
    #[test]
    fn the_soprano_sings_over_derived_chords() {
        let hymn = read(HYMN.as_bytes(), &Limits::DEFAULT).unwrap().unwrap();
        let pitches: Vec<u8> = hymn.score.parts[0].notes.iter().map(|n| n.pitch).collect();
        assert_eq!(pitches, [64, 65, 67, 65, 64, 62, 62, 64]);
        let chords: Vec<String> = hymn
            .score
            .chords
            .iter()
            .map(|change| format!("{}:{}", change.onset, change.chord.unwrap()))
            .collect();
        assert_eq!(chords, ["0:C", "1:F", "2:C", "4:F6", "5:G", "6:C"]);
    }

    #[test]
    fn hymns_without_metre_or_rights_are_left_out() {
        for (from, to) in [
            ("M: 4/4", "M: none"),
            ("public domain", "all rights reserved"),
        ] {
            let text = HYMN.replace(from, to);
            assert!(read(text.as_bytes(), &Limits::DEFAULT).unwrap().is_none());
        }
    }

    #[test]
    fn hymns_to_one_tune_share_a_key() {
        let names = [
            "O_Zion-Old_Tune",
            "Arise-Old_Tune",
            "Alone-New_Tune",
            "X-untitled",
        ];
        let keys = keys_by_tune(names.into_iter());
        assert_eq!(keys.get("zion").unwrap(), "arise");
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn notes_are_cut_at_bar_lines() {
        let lines = [0, 4, 8].map(Quarters::from_integer);
        let cut = pieces(Quarters::new(7, 2), Quarters::from_integer(8), &lines);
        let four = Quarters::from_integer(4);
        assert_eq!(
            cut,
            [
                (Quarters::new(7, 2), four),
                (four, Quarters::from_integer(8))
            ]
        );
    }
}
