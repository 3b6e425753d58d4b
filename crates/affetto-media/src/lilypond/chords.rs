//! Chord symbols in LilyPond's chord mode.

use super::{note_name, scaled};
use crate::{ChordSymbol, Quality, Score};

/// The chord symbols of the whole score; nothing shows before the first one.
pub(super) fn text(score: &Score) -> String {
    let end = score.length();
    let mut words = Vec::new();
    let first = score.chords.first().map_or(end, |change| change.onset);
    if first > 0.into() {
        words.push(format!("s{}", scaled(first)));
    }
    for (index, change) in score.chords.iter().enumerate() {
        let next = score.chords.get(index + 1);
        let until = next.map_or(end, |next| next.onset);
        let length = scaled(until - change.onset);
        words.push(match change.chord {
            Some(chord) => chord_text(chord, &length),
            None => format!("r{length}"), // Shown as N.C.
        });
    }
    words.join(" ")
}

fn chord_text(chord: ChordSymbol, length: &str) -> String {
    let root = note_name(chord.root);
    let bass = chord.bass.map(|bass| format!("/+{}", note_name(bass)));
    format!(
        "{root}{length}{}{}",
        modifier(chord.quality),
        bass.unwrap_or_default()
    )
}

/// What follows root and length.
const fn modifier(quality: Quality) -> &'static str {
    match quality {
        Quality::Major => "",
        Quality::Minor => ":m",
        Quality::Dominant7 => ":7",
        Quality::Major7 => ":maj7",
        Quality::Minor7 => ":m7",
        Quality::Dominant9 => ":9",
        Quality::Minor9 => ":m9",
        Quality::Diminished => ":dim",
        Quality::Major6 => ":6",
        Quality::Minor6 => ":m6",
        Quality::HalfDiminished => ":m7.5-",
        Quality::Diminished7 => ":dim7",
        Quality::Augmented => ":aug",
        Quality::Sus4 => ":sus4",
        Quality::Sus2 => ":sus2",
        Quality::Power => ":1.5",
        Quality::Dominant7Sus4 => ":7sus4",
        Quality::Augmented7 => ":7.5+",
        Quality::Dominant7Flat5 => ":7.5-",
        Quality::Dominant7Flat9 => ":7.9-",
        Quality::Dominant7Sharp9 => ":7.9+",
        Quality::MinorMajor7 => ":m7+",
        Quality::Major9 => ":maj9",
        Quality::Add9 => ":5.9",
        Quality::MinorAdd9 => ":m5.9",
        Quality::SixNine => ":6.9",
        Quality::Dominant11 => ":11",
        Quality::Minor11 => ":m11",
        Quality::Dominant13 => ":13",
        Quality::Major13 => ":maj13",
        Quality::Minor13 => ":m13",
    }
}
