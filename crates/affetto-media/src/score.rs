use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{ChordSymbol, Key, Metre, Quarters, Tempo};

/// Music in exact time. A lead sheet is a score with one [`Role::Melody`] part and chord symbols.
///
/// Rules that every reader keeps and every writer relies on: `bars` is not empty and lies end to end
/// from 0; the lists are sorted by onset; no onset or end lies past the last bar; the first tempo
/// stands at 0; two chord changes never share an onset; neighbouring chord changes differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The title; empty where there is none.
    pub title: String,
    /// Who made it; empty where nobody is named.
    pub creator: String,
    /// The bars, in order.
    pub bars: Vec<Bar>,
    /// Tempo changes; the first one at 0.
    pub tempos: Vec<TempoChange>,
    /// Chord symbols.
    pub chords: Vec<ChordChange>,
    /// Section names (`A`, `Chorus`).
    pub sections: Vec<Section>,
    /// The parts, melody first.
    pub parts: Vec<Part>,
}

/// One bar. Its length differs from its metre's in a pick-up and, rarely, in the last bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// The time signature in force.
    pub metre: Metre,
    /// The key in force.
    pub key: Key,
    /// The length in quarter notes, above 0.
    pub length: Quarters,
}

impl Bar {
    /// A bar of its metre's full length.
    pub fn full(metre: Metre, key: Key) -> Self {
        Self {
            metre,
            key,
            length: metre.length(),
        }
    }
}

/// From `onset` on, this tempo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TempoChange {
    /// In quarter notes from the beginning.
    pub onset: Quarters,
    /// The tempo.
    pub tempo: Tempo,
}

/// From `onset` on, this chord; nothing stands for "no chord".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChordChange {
    /// In quarter notes from the beginning.
    pub onset: Quarters,
    /// The chord, or none (`N.C.`).
    pub chord: Option<ChordSymbol>,
}

/// From `onset` on, this section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// In quarter notes from the beginning, at the start of a bar.
    pub onset: Quarters,
    /// The name.
    pub name: String,
}

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The tune: one note at a time.
    Melody,
    /// The accompaniment.
    Chords,
    /// The bass line.
    Bass,
    /// What the right hand plays on a keyboard.
    RightHand,
    /// What the left hand plays on a keyboard.
    LeftHand,
    /// Anything else.
    Other,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Melody,
        Self::Chords,
        Self::Bass,
        Self::RightHand,
        Self::LeftHand,
        Self::Other,
    ];

    /// The name that a part of this role has in files.
    pub const fn part_name(self) -> &'static str {
        match self {
            Self::Melody => "Melody",
            Self::Chords => "Chords",
            Self::Bass => "Bass",
            Self::RightHand => "Right hand",
            Self::LeftHand => "Left hand",
            Self::Other => "Part",
        }
    }

    /// The word that files of ours have for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Melody => "melody",
            Self::Chords => "chords",
            Self::Bass => "bass",
            Self::RightHand => "right-hand",
            Self::LeftHand => "left-hand",
            Self::Other => "other",
        }
    }

    /// The role of a word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// One instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name shown.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// General MIDI program, 0..=127.
    pub program: u8,
    /// MIDI channel, 0..=15; 9 is percussion.
    pub channel: u8,
    /// The notes, sorted by onset, then pitch.
    pub notes: Vec<Note>,
}

impl Part {
    fn broken_rule(&self, end: Quarters) -> Option<&'static str> {
        let start = Quarters::from_integer(0);
        let place = |note: &Note| (note.onset, note.pitch);
        if self.program > 127 || self.channel > 15 {
            Some("a program above 127 or a channel above 15")
        } else if self.notes.iter().any(|note| note.duration <= start) {
            Some("a note without duration")
        } else if self.notes.iter().any(|note| note.pitch > 127) {
            Some("a pitch above 127")
        } else if self
            .notes
            .iter()
            .any(|note| !(1..=127).contains(&note.velocity))
        {
            Some("a velocity outside 1 to 127")
        } else if self
            .notes
            .iter()
            .any(|note| note.onset < start || note.end() > end)
        {
            Some("a note outside its bars")
        } else if !self.notes.is_sorted_by_key(place) {
            Some("notes out of order")
        } else {
            None
        }
    }
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// In quarter notes from the beginning.
    pub onset: Quarters,
    /// MIDI number, 0..=127.
    pub pitch: u8,
    /// In quarter notes, above 0.
    pub duration: Quarters,
    /// Loudness, 1..=127.
    pub velocity: u8,
}

impl Note {
    /// Where it ends.
    pub fn end(&self) -> Quarters {
        self.onset + self.duration
    }
}

impl Score {
    /// Where the last bar ends.
    pub fn length(&self) -> Quarters {
        self.bars.iter().map(|bar| bar.length).sum()
    }

    /// Where each bar begins, and, last, where the score ends.
    pub fn bar_onsets(&self) -> Vec<Quarters> {
        let mut onset = Quarters::from_integer(0);
        let mut onsets = vec![onset];
        for bar in &self.bars {
            onset += bar.length;
            onsets.push(onset);
        }
        onsets
    }

    /// The first of the rules above that this score breaks, said as what it has; nothing for a
    /// sound score.
    pub fn broken_rule(&self) -> Option<&'static str> {
        let start = Quarters::from_integer(0);
        if self.bars.is_empty() {
            return Some("no bars");
        }
        if self.bars.iter().any(|bar| bar.length <= start) {
            return Some("a bar without length");
        }
        let end = self.length();
        let inside = |onset: Quarters| onset >= start && onset <= end;
        self.broken_change(&inside)
            .or_else(|| self.parts.iter().find_map(|part| part.broken_rule(end)))
    }

    fn broken_change(&self, inside: &dyn Fn(Quarters) -> bool) -> Option<&'static str> {
        let tempos: Vec<Quarters> = self.tempos.iter().map(|change| change.onset).collect();
        let chords: Vec<Quarters> = self.chords.iter().map(|change| change.onset).collect();
        let sections: Vec<Quarters> = self.sections.iter().map(|change| change.onset).collect();
        let bars = self.bar_onsets();
        let starts_a_bar = |onset: &Quarters| bars[..self.bars.len()].binary_search(onset).is_ok();
        let neighbours_agree = |pair: &[ChordChange]| pair[0].chord == pair[1].chord;
        if tempos.first() != Some(&Quarters::from_integer(0)) {
            Some("no tempo at its beginning")
        } else if !tempos.is_sorted() || !chords.is_sorted() || !sections.is_sorted() {
            Some("changes out of order")
        } else if !tempos.iter().chain(&chords).all(|onset| inside(*onset)) {
            Some("a change outside its bars")
        } else if !sections.iter().all(starts_a_bar) {
            Some("a section that does not begin with a bar")
        } else if chords.windows(2).any(|pair| pair[0] == pair[1]) {
            Some("two chords at one place")
        } else if self.chords.windows(2).any(neighbours_agree) {
            Some("the same chord twice in a row")
        } else {
            None
        }
    }

    /// The first part with the role of melody.
    pub fn melody(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.role == Role::Melody)
    }

    /// The parts that are written together: a right hand and the left hand after it on one grand staff, any other
    /// part alone.
    pub(crate) fn staff_groups(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            let is_left = part.role == Role::LeftHand;
            match groups.last_mut() {
                Some(last)
                    if is_left
                        && last.len() == 1
                        && self.parts[last.start].role == Role::RightHand =>
                {
                    last.end = index + 1;
                }
                _ => groups.push(index..index + 1),
            }
        }
        groups
    }

    /// The tempo at the beginning.
    pub fn tempo(&self) -> Tempo {
        self.tempos
            .first()
            .map_or(Tempo::from_bpm(120.0), |change| change.tempo)
    }

    /// The tempo in force at `onset`.
    pub fn tempo_at(&self, onset: Quarters) -> Tempo {
        let after = self.tempos.partition_point(|change| change.onset <= onset);
        let before = self.tempos[..after].last();
        before.map_or_else(|| self.tempo(), |change| change.tempo)
    }

    /// The chord in force at `onset`.
    pub fn chord_at(&self, onset: Quarters) -> Option<ChordSymbol> {
        let after = self.chords.partition_point(|change| change.onset <= onset);
        self.chords[..after].last().and_then(|change| change.chord)
    }

    /// The same music with its melody part only.
    pub fn lead_sheet(&self) -> Self {
        let parts = self.melody().cloned().into_iter().collect();
        Self {
            parts,
            ..self.clone()
        }
    }

    /// `onset` in seconds, by the tempos.
    pub fn seconds_at(&self, onset: Quarters) -> f64 {
        let mut seconds = 0.0;
        for (index, change) in self.tempos.iter().enumerate() {
            if change.onset >= onset {
                break;
            }
            let end = match self.tempos.get(index + 1) {
                Some(next) if next.onset < onset => next.onset,
                _ => onset,
            };
            let quarters = f64_from_quarters(end - change.onset);
            seconds += quarters * f64::from(change.tempo.micros_per_quarter()) * 1e-6;
        }
        seconds
    }
}

/// Quarter notes as a floating-point number.
pub fn f64_from_quarters(quarters: Quarters) -> f64 {
    *quarters.numer() as f64 / *quarters.denom() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_hand_and_the_left_hand_after_it_stand_together() {
        use Role::{LeftHand as L, Melody as M, RightHand as R};
        let groups = |roles: &[Role]| {
            let part = |role: &Role| Part {
                name: String::new(),
                role: *role,
                program: 0,
                channel: 0,
                notes: Vec::new(),
            };
            let score = Score {
                title: String::new(),
                creator: String::new(),
                bars: Vec::new(),
                tempos: Vec::new(),
                chords: Vec::new(),
                sections: Vec::new(),
                parts: roles.iter().map(part).collect(),
            };
            let groups = score.staff_groups().into_iter();
            groups
                .map(|group| (group.start, group.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(groups(&[R, L]), [(0, 2)]);
        assert_eq!(groups(&[M, R, L, L]), [(0, 1), (1, 2), (3, 1)]);
        assert_eq!(groups(&[L, R, R, L]), [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(groups(&[R, M, L]), [(0, 1), (1, 1), (2, 1)]);
        assert!(groups(&[]).is_empty());
    }
}
