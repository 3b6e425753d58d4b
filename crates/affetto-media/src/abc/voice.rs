//! One voice as it is read, symbol after symbol.

use std::collections::BTreeMap;

use super::{
    VELOCITY,
    field::{self, KeyField, Sound},
    measure::{self, LONGEST},
    text,
    token::{Head, Length, Token},
};
use crate::{
    ChordChange, ChordSymbol, Error, Key, Limits, Metre, Note, Quarters, Role, Section, Step,
    TempoChange,
};

/// How far an accidental reaches inside its bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Propagation {
    /// To its note alone.
    Not,
    /// To the notes of its letter in its octave.
    Octave,
    /// To the notes of its letter in all octaves, the standard's default.
    #[default]
    Pitch,
}

/// What every voice has, or begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub metre: Option<Metre>,
    /// The unit length, where a field gives it.
    pub unit: Option<Quarters>,
    pub key: Option<KeyField>,
    pub sound: Sound,
    pub propagation: Propagation,
    /// General MIDI program.
    pub program: Option<u8>,
    /// MIDI channel, 0..=15.
    pub channel: Option<u8>,
}

impl Settings {
    fn unit(&self) -> Quarters {
        self.unit.unwrap_or_else(|| field::default_unit(self.metre))
    }

    fn key(&self) -> KeyField {
        self.key.unwrap_or_else(|| field::of_key(Key::C_MAJOR))
    }
}

/// A bar of one voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct VoiceBar {
    pub length: Quarters,
    pub metre: Option<Metre>,
    pub key: Key,
    /// Ends with a plain `|`, not with a double one or a repeat.
    pub plain_end: bool,
}

/// A note that waits for the one it is tied to.
struct Tie {
    step: Step,
    octave: i32,
    pitch: u8,
    /// Its place among the notes.
    index: usize,
}

/// The last note, chord of notes or rest, which a broken rhythm may still change.
struct Group {
    start: Quarters,
    duration: Quarters,
    /// Each note's place and how much of it this group adds.
    notes: Vec<(usize, Quarters)>,
    ties: Vec<Tie>,
}

/// A voice.
pub(super) struct Voice {
    pub id: String,
    pub name: String,
    pub role: Option<Role>,
    pub settings: Settings,
    pub notes: Vec<Note>,
    pub chords: Vec<ChordChange>,
    pub tempos: Vec<TempoChange>,
    pub sections: Vec<Section>,
    pub bars: Vec<VoiceBar>,
    now: Quarters,
    bar_start: Quarters,
    /// Key and metre at the bar's first note.
    bar_began: Option<(Key, Option<Metre>)>,
    accidentals: BTreeMap<(Step, i32), i8>,
    last: Option<Group>,
    ties: Vec<Tie>,
    /// What a tuplet makes of each length, and for how many notes more.
    tuplet: Option<(Length, i64)>,
    /// What a broken rhythm makes of the next length.
    broken: Option<Length>,
    overlay: bool,
}

/// Why a symbol cannot be read: with the line added, an [`Error`].
pub(super) enum Refusal {
    Reason(String),
    Limit(Error),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.into())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Limit(error)
    }
}

impl Voice {
    pub fn new(id: &str, settings: Settings) -> Self {
        let zero = Quarters::from_integer(0);
        Self {
            id: id.into(),
            name: String::new(),
            role: None,
            settings,
            notes: Vec::new(),
            chords: Vec::new(),
            tempos: Vec::new(),
            sections: Vec::new(),
            bars: Vec::new(),
            now: zero,
            bar_start: zero,
            bar_began: None,
            accidentals: BTreeMap::new(),
            last: None,
            ties: Vec::new(),
            tuplet: None,
            broken: None,
            overlay: false,
        }
    }

    /// One symbol of the music code, other than an inline field.
    pub fn token(&mut self, token: &Token<'_>, limits: &Limits) -> Result<(), Refusal> {
        if self.overlay && !matches!(token, Token::BarLine { .. }) {
            return Ok(());
        }
        match token {
            Token::Notes { heads, length } => self.notes(heads, *length)?,
            Token::Rest(length) => self.rest(*length)?,
            Token::BarsOfRest(count) => self.bars_of_rest(*count, limits)?,
            Token::Tie => self.tie(),
            Token::Broken(signs) => self.break_rhythm(*signs)?,
            Token::Tuplet { notes, time, over } => self.begin_tuplet(*notes, *time, *over)?,
            Token::BarLine { plain } => self.bar_line(*plain, limits)?,
            Token::Quoted(quoted) => self.chord_symbol(quoted),
            Token::Overlay => self.overlay = true,
            Token::Field(..) => {}
        }
        Ok(())
    }

    /// A key change: accidentals of the bar end.
    pub fn change_key(&mut self, key: KeyField) {
        self.settings.key = Some(key);
        self.accidentals.clear();
    }

    /// A tempo from here on; the last one of several here.
    pub fn change_tempo(&mut self, tempo: crate::Tempo) {
        let onset = self.now;
        self.tempos.pop_if(|change| change.onset == onset);
        self.tempos.push(TempoChange { onset, tempo });
    }

    /// A section from this bar on.
    pub fn begin_section(&mut self, name: String) {
        if !name.is_empty() {
            let onset = self.bar_start;
            self.sections.push(Section { onset, name });
        }
    }

    /// The end of the tune, which closes the last bar.
    pub fn finish(&mut self, limits: &Limits) -> Result<(), Refusal> {
        self.overlay = false;
        self.bar_line(true, limits)
    }

    /// The lengths that lie upon the next note's own.
    fn next_factors(&mut self) -> [Length; 2] {
        let broken = self.broken.take().unwrap_or(Length::ONE);
        let Some((factor, left)) = &mut self.tuplet else {
            return [broken, Length::ONE];
        };
        let factor = *factor;
        *left -= 1;
        if *left == 0 {
            self.tuplet = None;
        }
        [broken, factor]
    }

    fn notes(&mut self, heads: &[Head], length: Length) -> Result<(), String> {
        let [broken, tuplet] = self.next_factors();
        let unit = self.settings.unit();
        let mut group = Group {
            start: self.now,
            duration: Quarters::from_integer(0),
            notes: Vec::new(),
            ties: Vec::new(),
        };
        let before = std::mem::take(&mut self.ties);
        for (place, head) in heads.iter().enumerate() {
            let duration = measure::scaled(unit, &[head.length, length, broken, tuplet])?;
            if place == 0 {
                group.duration = duration; // The first note of a chord says how long it lasts.
            }
            let held = self.note(head, duration, &before)?;
            if head.tied {
                let tie = Tie { ..held };
                self.ties.push(tie);
            }
            group.notes.push((held.index, duration));
            group.ties.push(held);
        }
        self.advance(group);
        Ok(())
    }

    /// One note of a chord, new or as the continuation of a tied one.
    fn note(&mut self, head: &Head, duration: Quarters, before: &[Tie]) -> Result<Tie, String> {
        let Head { step, octave, .. } = *head;
        let same_place = before
            .iter()
            .find(|tie| (tie.step, tie.octave) == (step, octave) && head.accidental.is_none());
        let pitch = match same_place {
            Some(tie) => tie.pitch,
            None => self.pitch(head)?,
        };
        let held = before.iter().find(|tie| tie.pitch == pitch);
        let index = match held {
            Some(tie) => {
                self.notes[tie.index].duration += duration;
                tie.index
            }
            None => {
                self.notes.push(Note {
                    onset: self.now,
                    pitch,
                    duration,
                    velocity: VELOCITY,
                });
                self.notes.len() - 1
            }
        };
        Ok(Tie {
            step,
            octave,
            pitch,
            index,
        })
    }

    fn pitch(&mut self, head: &Head) -> Result<u8, String> {
        let KeyField { signature, .. } = self.settings.key();
        let propagation = self.settings.propagation;
        let place = match propagation {
            Propagation::Pitch => (head.step, 0),
            Propagation::Octave | Propagation::Not => (head.step, head.octave),
        };
        if let Some(accidental) = head.accidental
            && propagation != Propagation::Not
        {
            self.accidentals.insert(place, accidental);
        }
        let alter = head
            .accidental
            .or(self.accidentals.get(&place).copied())
            .unwrap_or(signature[head.step as usize]);
        let natural = i64::from(head.octave) * 12 + i64::from(head.step.pitch_class());
        let pitch = 60 + natural + i64::from(alter) + i64::from(self.settings.sound.shift);
        u8::try_from(pitch)
            .ok()
            .filter(|pitch| *pitch <= 127)
            .ok_or_else(|| "a note that is too high or too low to sound".into())
    }

    fn rest(&mut self, length: Length) -> Result<(), String> {
        let [broken, tuplet] = self.next_factors();
        let duration = measure::scaled(self.settings.unit(), &[length, broken, tuplet])?;
        self.ties.clear();
        self.advance(Group {
            start: self.now,
            duration,
            notes: Vec::new(),
            ties: Vec::new(),
        });
        Ok(())
    }

    fn advance(&mut self, group: Group) {
        self.began();
        self.now = group.start + group.duration;
        self.last = Some(group);
    }

    fn began(&mut self) {
        let (key, metre) = (self.settings.key().key, self.settings.metre);
        self.bar_began.get_or_insert((key, metre));
    }

    fn tie(&mut self) {
        if let Some(group) = &mut self.last {
            self.ties.append(&mut group.ties);
        }
    }

    fn break_rhythm(&mut self, signs: i8) -> Result<(), String> {
        let group = self.last.as_mut();
        let group = group.ok_or("a broken rhythm without a note before it")?;
        if self.broken.is_some() {
            return Err("a broken rhythm without a note after it".into());
        }
        let halves = 1 << signs.unsigned_abs();
        let longer = Length {
            numerator: 2 * halves - 1,
            denominator: halves,
        };
        let shorter = Length {
            numerator: 1,
            denominator: halves,
        };
        let (here, next) = if signs > 0 {
            (longer, shorter)
        } else {
            (shorter, longer)
        };
        for (index, part) in &mut group.notes {
            let changed = measure::scaled(*part, &[here])?;
            self.notes[*index].duration += changed - *part;
            *part = changed;
        }
        group.duration = measure::scaled(group.duration, &[here])?;
        self.now = group.start + group.duration;
        self.broken = Some(next);
        Ok(())
    }

    /// `(p:q:r`, section 4.13 of the standard.
    fn begin_tuplet(
        &mut self,
        notes: i64,
        time: Option<i64>,
        over: Option<i64>,
    ) -> Result<(), String> {
        if self.tuplet.is_some() {
            return Err("a tuplet inside a tuplet".into());
        }
        let compound = self.settings.metre.is_some_and(Metre::is_compound);
        let time = time.unwrap_or(match notes {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            _ if compound => 3,
            _ => 2,
        });
        let over = over.unwrap_or(notes);
        if !(2..=15).contains(&notes) || !(1..=15).contains(&time) || !(1..=64).contains(&over) {
            return Err(format!("the tuplet ({notes}:{time}:{over}"));
        }
        let factor = Length {
            numerator: time,
            denominator: notes,
        };
        self.tuplet = Some((factor, over));
        Ok(())
    }

    fn bars_of_rest(&mut self, count: i64, limits: &Limits) -> Result<(), Refusal> {
        let metre = self.settings.metre;
        let length = metre.ok_or("bars of rest without a metre")?.length();
        if count < 1 {
            return Err("no bars of rest".into());
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        text::within("bars", self.bars.len().saturating_add(count), limits.bars)?;
        self.ties.clear();
        for bar in 0..count {
            if bar > 0 {
                self.bar_line(true, limits)?;
            }
            self.began();
            self.now += length;
        }
        self.last = None;
        Ok(())
    }

    fn bar_line(&mut self, plain: bool, limits: &Limits) -> Result<(), Refusal> {
        self.overlay = false;
        self.accidentals.clear();
        if self.broken.is_some() {
            return Err("a broken rhythm without a note after it in its bar".into());
        }
        self.last = None;
        let length = self.now - self.bar_start;
        if length == Quarters::from_integer(0) {
            if let Some(bar) = self.bars.last_mut() {
                bar.plain_end &= plain;
            }
            return Ok(());
        }
        if length > Quarters::from_integer(LONGEST) {
            return Err(format!("a bar longer than {LONGEST} quarter notes").into());
        }
        text::within("bars", self.bars.len() + 1, limits.bars)?;
        let now = (self.settings.key().key, self.settings.metre);
        let (key, metre) = self.bar_began.take().unwrap_or(now);
        self.bars.push(VoiceBar {
            length,
            metre,
            key,
            plain_end: plain,
        });
        self.bar_start = self.now;
        Ok(())
    }

    /// A chord symbol from here on, or an annotation, which is passed over.
    fn chord_symbol(&mut self, quoted: &str) {
        let word = quoted.trim();
        let word = word.strip_prefix('(').unwrap_or(word);
        let word = word
            .strip_suffix(')')
            .filter(|word| !word.contains('('))
            .unwrap_or(word);
        let chord = match word.to_ascii_lowercase().as_str() {
            "n.c." | "n.c" | "nc" => None,
            _ => match word.parse::<ChordSymbol>() {
                Ok(chord) => Some(chord),
                Err(_) => return,
            },
        };
        let onset = self.now;
        self.chords.pop_if(|change| change.onset == onset);
        self.chords.push(ChordChange { onset, chord });
    }
}
