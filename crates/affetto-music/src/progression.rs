//! Chord progressions in text: `Dm7 G7 | Cmaj7`.

use std::str::FromStr;

use affetto_media::{ChordChange, ChordSymbol, Key, Metre, Mode, PitchName, Quarters, Score};

use crate::{
    Error,
    condition::excerpt,
    tokens::{Degree, fold, quarters_from_ticks, ticks_from_quarters},
};

/// The chords of a bar, each with the tick that it begins at; none for silence.
pub type Placed<C> = Vec<(i64, Option<C>)>;

/// Chords bar by bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progression {
    bars: Vec<Vec<Option<ChordSymbol>>>,
}

impl FromStr for Progression {
    type Err = Error;

    /// Bars apart by `|`, chords by spaces; `N.C.` is silence, `%` the bar before once more.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bars: Vec<Vec<Option<ChordSymbol>>> = Vec::new();
        for bar in text.trim().trim_matches('|').split('|') {
            let words: Vec<&str> = bar.split_whitespace().collect();
            let chords = match (words.as_slice(), bars.last()) {
                (["%"], Some(before)) => before.clone(),
                _ => words
                    .iter()
                    .map(|word| chord(word))
                    .collect::<Result<_, _>>()?,
            };
            if chords.is_empty() {
                return Err(refuse(text));
            }
            bars.push(chords);
        }
        Ok(Self { bars })
    }
}

fn chord(word: &str) -> Result<Option<ChordSymbol>, Error> {
    match word {
        "N.C." | "NC" | "N.C" => Ok(None),
        word => word.parse().map(Some).map_err(|_| refuse(word)),
    }
}

fn refuse(text: &str) -> Error {
    Error::Word {
        text: excerpt(text),
        expected: "a chord progression such as \"Dm7 G7 | Cmaj7\"",
    }
}

impl Progression {
    /// How many bars are given.
    pub fn bars(&self) -> usize {
        self.bars.len()
    }

    /// The key in whose scale most of the chord tones lie; among equals the one on the last chord's root.
    pub fn key(&self) -> Key {
        let chords: Vec<ChordSymbol> = self.bars.iter().flatten().flatten().copied().collect();
        let last: Option<PitchName> = chords.last().map(|chord| chord.root);
        Key::all()
            .filter(|key| (-5..=6).contains(&key.fifths()))
            .max_by_key(|key| {
                let fits = chords
                    .iter()
                    .flat_map(|chord| chord.pitch_classes())
                    .filter(|class| in_scale(*key, *class))
                    .count();
                let ends = last.is_some_and(|last| last.pitch_class() == key.tonic().pitch_class());
                let begins = chords
                    .first()
                    .is_some_and(|first| first.root.pitch_class() == key.tonic().pitch_class());
                (
                    2 * fits + 2 * usize::from(ends) + usize::from(begins),
                    -key.fifths().abs(),
                )
            })
            .unwrap_or(Key::C_MAJOR)
    }

    /// Each of `count` bars (the given ones over and over) as degrees of `key` with the ticks that they begin at.
    pub fn bars_of_degrees(
        &self,
        metre: Metre,
        key: Key,
        count: usize,
    ) -> Result<Vec<Placed<Degree>>, Error> {
        let degree = |chord: &ChordSymbol| Degree {
            root: (i32::from(chord.root.pitch_class()) - i32::from(key.semitones_from_c()))
                .rem_euclid(12) as u8,
            quality: fold(chord.quality),
        };
        self.placed(metre, count)?
            .into_iter()
            .map(|bar| {
                Ok(bar
                    .into_iter()
                    .map(|(tick, chord)| (tick, chord.as_ref().map(degree)))
                    .collect())
            })
            .collect()
    }

    fn placed(&self, metre: Metre, count: usize) -> Result<Vec<Placed<ChordSymbol>>, Error> {
        let length = ticks_from_quarters(metre.length()).unwrap_or(96);
        let beat = ticks_from_quarters(metre.beat()).unwrap_or(24);
        self.bars
            .iter()
            .cycle()
            .take(count)
            .map(|bar| {
                let starts = starts(bar.len(), length, beat)
                    .ok_or_else(|| refuse(&format!("{} chords in a bar of {metre}", bar.len())))?;
                Ok(starts.into_iter().zip(bar.iter().copied()).collect())
            })
            .collect()
    }

    /// The chord changes of `sheet`, in the symbols as they were given.
    pub fn changes(&self, metre: Metre, sheet: &Score) -> Vec<ChordChange> {
        let full = sheet
            .bars
            .iter()
            .filter(|bar| bar.length == metre.length())
            .count();
        let skip = sheet.bars.len() - full;
        let onsets = sheet.bar_onsets();
        let mut changes: Vec<ChordChange> = Vec::new();
        for (at, bar) in self
            .placed(metre, full)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            for (tick, chord) in bar {
                let onset: Quarters = onsets[skip + at] + quarters_from_ticks(tick);
                let last = changes.last().and_then(|change| change.chord);
                if last != chord {
                    changes.push(ChordChange { onset, chord });
                }
            }
        }
        changes
    }
}

/// Where `count` chords begin: evenly where that falls on beats or half beats, else the first ones hold a beat more.
fn starts(count: usize, length: i64, beat: i64) -> Option<Vec<i64>> {
    let count_ticks = count as i64;
    if count_ticks > 0 && length % count_ticks == 0 && (length / count_ticks) % (beat / 2) == 0 {
        return Some(
            (0..count_ticks)
                .map(|at| at * length / count_ticks)
                .collect(),
        );
    }
    let beats = length / beat;
    if count_ticks == 0 || count_ticks > beats {
        return None;
    }
    let (each, over) = (beats / count_ticks, beats % count_ticks);
    let mut at = 0;
    let mut starts = Vec::new();
    for chord in 0..count_ticks {
        starts.push(at);
        at += beat * (each + i64::from(chord < over));
    }
    Some(starts)
}

fn in_scale(key: Key, class: u8) -> bool {
    let above = (class + 12 - key.tonic().pitch_class()) % 12;
    match key.mode() {
        Mode::Major => [0, 2, 4, 5, 7, 9, 11].contains(&above),
        Mode::Minor => [0, 2, 3, 5, 7, 8, 10, 11].contains(&above),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_five_one() {
        let progression: Progression = "Dm7 G7 | Cmaj7 | %".parse().unwrap();
        assert_eq!(progression.bars(), 3);
        assert_eq!(progression.key().to_string(), "C major");
        let bars = progression
            .bars_of_degrees(Metre::COMMON, Key::C_MAJOR, 4)
            .unwrap();
        assert_eq!(
            bars[0].iter().map(|(tick, _)| *tick).collect::<Vec<_>>(),
            [0, 48]
        );
        assert_eq!(bars[3], bars[0]);
        assert_eq!(bars[2], bars[1]);
    }

    #[test]
    fn three_chords_in_four_beats() {
        assert_eq!(starts(3, 96, 24), Some(vec![0, 48, 72]));
        assert_eq!(starts(9, 96, 24), None);
        assert_eq!(starts(2, 72, 36), Some(vec![0, 36]));
    }

    #[test]
    fn minor_is_heard() {
        let progression: Progression = "Am | Dm | E7 | Am".parse().unwrap();
        assert_eq!(progression.key().to_string(), "A minor");
        assert!("Am | Hmm".parse::<Progression>().is_err());
        assert!("".parse::<Progression>().is_err());
    }
}
