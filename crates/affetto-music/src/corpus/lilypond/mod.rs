//! Lead sheets in LilyPond input: a melody in `\relative`, chords in `\chordmode`, each in a variable
//! (`refrainMelody`, `refrainChords`), as in neonscribe's collection.
//!
//! Not a reader of LilyPond in general: the notation that those files use, and an error for the rest.
//! A repeat is written once; a short first ending is left out.

mod chord;
mod definitions;
mod music;

use affetto_media::{
    Bar, ChordChange, Key, Limits, Metre, Note, Quarters, Score, Section, TempoChange,
};

use self::{
    definitions::{Definitions, Language},
    music::Music,
};
use super::measures::{melody_part, regular_chords, with_first_tempo};

/// First endings shorter than this are left out, in bars of 4/4.
const SHORT_ENDING_BARS: i64 = 4;

/// Why a file gives no lead sheet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The notation is not understood.
    #[error("line {line}: {reason}")]
    Notation {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No chords fit the melody.
    #[error("no chords are as long as {melody}")]
    NoChords {
        /// The variable of the melody.
        melody: String,
    },
    /// There is no melody.
    #[error("no variable ends in Melody")]
    NoMelody,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The latest year in the copyright line.
    pub copyright_year: Option<u16>,
    /// One score for each melody (verse, refrain), its bars' keys in the mode that is written.
    pub scores: Vec<Score>,
}

/// Reads the lead sheets in a file.
///
/// # Errors
///
/// A [`Refusal`] where no melody has chords that fit.
pub fn read(text: &str, limits: &Limits) -> Result<Sheet, Refusal> {
    let definitions = Definitions::of(text);
    let mut scores = Vec::new();
    let mut refusal = Refusal::NoMelody;
    for name in definitions.names_ending_in("Melody") {
        match lead_sheet(&definitions, &name, limits) {
            Ok(score) => scores.push(score),
            Err(reason) => refusal = reason,
        }
    }
    if scores.is_empty() {
        return Err(refusal);
    }
    Ok(Sheet {
        copyright_year: latest_year(&definitions.text_of("headerCopyright")),
        scores,
    })
}

/// The latest year in a copyright line.
fn latest_year(line: &str) -> Option<u16> {
    line.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        .filter(|year| (1500..2100).contains(year))
        .max()
}

fn lead_sheet(definitions: &Definitions, melody: &str, limits: &Limits) -> Result<Score, Refusal> {
    let music = definitions.melody(melody, limits)?;
    let prefix = melody.strip_suffix("Melody").unwrap_or(melody);
    let mut sets: Vec<String> = definitions
        .names_ending_in("Chords")
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .collect();
    sets.sort_by_key(|name| (preference(prefix, name), name.clone()));
    let chords = sets
        .iter()
        .filter_map(|name| definitions.chords(name, limits).ok())
        .find(|chords| chords.length() == music.length())
        .ok_or_else(|| Refusal::NoChords {
            melody: melody.into(),
        })?;
    let title = definitions.text_of("headerTitle");
    let creator = definitions.text_of("headerComposer");
    let score = score(&music, chords.chords)?;
    Ok(Score {
        title,
        creator,
        ..score
    })
}

/// Simple chords first, then those without a name, then those named after a player or a site, last
/// those named after printed books.
fn preference(prefix: &str, name: &str) -> u8 {
    let set = name.trim_start_matches(prefix).trim_end_matches("Chords");
    match set {
        "Simple" => 0,
        "" => 1,
        set if ["HL", "SRB", "NR", "NewReal", "DFB", "RB", "AGJ"]
            .iter()
            .any(|book| set.starts_with(book)) =>
        {
            3
        }
        _ => 2,
    }
}

fn score(music: &Music, chords: Vec<ChordChange>) -> Result<Score, Refusal> {
    let cut = Cut::of(music);
    let keep = |onset: Quarters| cut.place(onset);
    let tempos = music.tempos.iter().filter_map(|change| {
        Some(TempoChange {
            onset: keep(change.onset)?,
            ..*change
        })
    });
    let chords = chords.into_iter().filter_map(|change| {
        Some(ChordChange {
            onset: keep(change.onset)?,
            ..change
        })
    });
    let sections = music.sections.iter().filter_map(|section| {
        Some(Section {
            onset: keep(section.onset)?,
            name: section.name.clone(),
        })
    });
    let notes = music.notes.iter().filter_map(|note| {
        Some(Note {
            onset: keep(note.onset)?,
            ..*note
        })
    });
    Ok(Score {
        title: String::new(),
        creator: String::new(),
        bars: bars(music, &cut)?,
        tempos: with_first_tempo(tempos.collect()),
        chords: regular_chords(chords.collect()),
        sections: sections.collect(),
        parts: vec![melody_part(super::melody::monophonic(notes.collect()))],
    })
}

/// What is left when short first endings are left out.
struct Cut {
    left_out: Vec<(Quarters, Quarters)>,
}

impl Cut {
    fn of(music: &Music) -> Self {
        let short = Quarters::from_integer(4 * SHORT_ENDING_BARS);
        let left_out = music
            .endings
            .iter()
            .flat_map(|endings| endings.split_last().map_or(&[][..], |(_, first)| first))
            .filter(|(onset, end)| end - onset < short)
            .copied()
            .collect();
        Self { left_out }
    }

    /// Where `onset` comes to lie; none where it is left out.
    fn place(&self, onset: Quarters) -> Option<Quarters> {
        let inside = |(from, to): &(Quarters, Quarters)| onset >= *from && onset < *to;
        (!self.left_out.iter().any(inside)).then(|| self.shifted(onset))
    }

    /// `onset` less all that is left out before it.
    fn shifted(&self, onset: Quarters) -> Quarters {
        let before = self.left_out.iter().filter(|(from, _)| *from < onset);
        onset
            - before
                .map(|(from, to)| onset.min(*to) - from)
                .sum::<Quarters>()
    }
}

fn bars(music: &Music, cut: &Cut) -> Result<Vec<Bar>, Refusal> {
    let end = cut.shifted(music.length());
    let at = |onset: Quarters| cut.shifted(onset);
    let mut bars = Vec::new();
    let mut onset = Quarters::from_integer(0);
    while onset < end {
        let metre = in_force(&music.metres, onset, at).unwrap_or(Metre::COMMON);
        let key = in_force(&music.keys, onset, at).unwrap_or(Key::C_MAJOR);
        let partial = music.partials.iter().find(|(place, _)| at(*place) == onset);
        let full = partial.map_or(metre.length(), |(_, length)| *length);
        let length = full.min(end - onset);
        let inside = |place: Quarters| at(place) > onset && at(place) < onset + length;
        if let Some((place, _)) = music.metres.iter().find(|(place, _)| inside(*place)) {
            return Err(Refusal::Notation {
                line: 0,
                reason: format!("a new metre inside a bar, {place} quarters in"),
            });
        }
        bars.push(Bar { metre, key, length });
        onset += length;
    }
    Ok(bars)
}

/// The last of `changes` at or before `onset`.
fn in_force<T: Copy>(
    changes: &[(Quarters, T)],
    onset: Quarters,
    at: impl Fn(Quarters) -> Quarters,
) -> Option<T> {
    let before = changes.iter().rev().find(|(place, _)| at(*place) <= onset);
    before.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SONG: &str = r#"
\include "english.ly"
headerTitle = "A Little Song" % not a title }
headerCopyright = "© 1921, renewed 1924 Nobody"
%{ refrainMelody = \relative c' { c1 } %}
refrainKey = f
refrainHLChords = \chordmode { s4 f1:9 c1:7 f2. }
refrainXChords = \chordmode { s4 f1 c1:7 }
refrainSimpleChords = \chordmode {
  s4 f2 bf2:m6 \chordOpenParen{ c2:7.9- } \chordSlash 1 r4 \transpose c d { ef2.:/bf }
}
refrainMelody = \relative f' {
  \time 4/4 \key \refrainKey \major \tempoFour "Slow [1921]" 90
  \partial 4 c8 d8 |
  \sect "A"
  f4~ f8 a,8 \tuplet 3/2 { c'4( d4 c4) } | \grace { d16 } <bf g'>2 g2~ | g2. \bar "|."
}
"#;

    #[test]
    fn a_song_with_a_pick_up() {
        let sheet = read(SONG, &Limits::DEFAULT).unwrap();
        assert_eq!(sheet.copyright_year, Some(1924));
        let score = &sheet.scores[0];
        assert_eq!(score.title, "A Little Song");
        let lengths: Vec<Quarters> = score.bars.iter().map(|bar| bar.length).collect();
        assert_eq!(lengths, [1, 4, 4, 3].map(Quarters::from_integer));
        assert_eq!(score.bars[0].key.to_string(), "F major");
        assert!((score.tempo().bpm() - 90.0).abs() < 0.01);
        let notes: Vec<(u8, Quarters)> = score.parts[0]
            .notes
            .iter()
            .map(|note| (note.pitch, note.duration))
            .collect();
        let q = Quarters::new;
        // Relative to f': c' d' f' a (a third below, then down an octave mark: a), c'' d'' c'', then
        // the top of the stack bf' g'', g' relative to bf'.
        let expected = [
            (60, q(1, 2)),
            (62, q(1, 2)),
            (65, q(3, 2)),
            (57, q(1, 2)),
            (72, q(2, 3)),
            (74, q(2, 3)),
            (72, q(2, 3)),
            (79, q(2, 1)),
            (67, q(5, 1)),
        ];
        assert_eq!(notes, expected);
    }

    #[test]
    fn the_simple_chords_that_fit_are_taken() {
        let sheet = read(SONG, &Limits::DEFAULT).unwrap();
        let chords: Vec<String> = sheet.scores[0]
            .chords
            .iter()
            .map(|change| {
                let name = change
                    .chord
                    .map_or("N.C.".into(), |chord| chord.to_string());
                format!("{}:{name}", change.onset)
            })
            .collect();
        assert_eq!(chords, ["1:F", "3:Bbm6", "5:C7b9", "8:N.C.", "9:F/C"]);
    }

    #[test]
    fn a_short_first_ending_is_left_out() {
        let text = r"
aMelody = \relative c' { \time 2/4 \repeat volta 2 { c2 | d2 }
  \alternative { { e2 } { f2 | g2 } } }
aChords = \chordmode { \repeat volta 2 { c1 } \alternative { { g2:7 } { f2 c2 } } }";
        let score = &read(text, &Limits::DEFAULT).unwrap().scores[0];
        let pitches: Vec<u8> = score.parts[0].notes.iter().map(|note| note.pitch).collect();
        assert_eq!(pitches, [60, 62, 65, 67]);
        let chords: Vec<String> = score
            .chords
            .iter()
            .map(|c| c.chord.unwrap().to_string())
            .collect();
        assert_eq!(chords, ["C", "F", "C"]);
        assert_eq!(score.bars.len(), 4);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "",
            "aMelody = \\relative c' { c4",
            "aMelody = \\relative c' { c4 }",
            "aMelody = \\relative c' { << c4 >> }",
            "aMelody = \\relative c' { \\tuplet 3/0 { c4 } }",
            "aMelody = { }",
        ] {
            assert!(read(text, &Limits::DEFAULT).is_err(), "{text}");
        }
    }
}
