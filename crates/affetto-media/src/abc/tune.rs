//! One tune, from its lines to a score.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    field::{self, Sound},
    text,
    text::Tune,
    token::{Token, Tokens},
    voice::{Propagation, Refusal, Settings, Voice, VoiceBar},
};
use crate::{
    Bar, ChordChange, Error, Format, Limits, Metre, Part, Quarters, Role, Score, Section, Tempo,
    TempoChange,
};

/// Reads one tune.
pub(super) fn read(tune: &Tune<'_>, limits: &Limits) -> Result<Score, Error> {
    let mut reader = Reader::new(limits);
    for line in tune.preamble.lines() {
        if let Some((letter @ ('L' | 'M'), value)) = text::field(text::without_comment(line)) {
            reader.header_field(letter, value).ok(); // Free text may stand there too.
        }
    }
    for (index, line) in tune.text.lines().enumerate() {
        reader.line = tune.first_line + index;
        if line.trim().is_empty() && reader.in_body {
            break;
        }
        reader
            .read_line(line)
            .map_err(|refusal| reader.error(refusal))?;
    }
    reader.score()
}

struct Reader<'l> {
    limits: &'l Limits,
    line: usize,
    column: Option<usize>,
    symbols: usize,
    notes: usize,
    in_body: bool,
    /// The word that ends the block of text or PostScript in which the reader is.
    block_end: Option<String>,
    title: String,
    creator: String,
    tempo: String,
    settings: Settings,
    channel_programs: BTreeMap<u8, u8>,
    voices: Vec<Voice>,
    current: Option<usize>,
}

impl<'l> Reader<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            line: 0,
            column: None,
            symbols: 0,
            notes: 0,
            in_body: false,
            block_end: None,
            title: String::new(),
            creator: String::new(),
            tempo: String::new(),
            settings: Settings::default(),
            channel_programs: BTreeMap::new(),
            voices: Vec::new(),
            current: None,
        }
    }

    fn error(&self, refusal: Refusal) -> Error {
        let place = match self.column {
            Some(column) => format!("line {}, column {column}", self.line),
            None => format!("line {}", self.line),
        };
        match refusal {
            Refusal::Limit(error) => error,
            Refusal::Reason(reason) => malformed(place, reason),
        }
    }

    fn read_line(&mut self, line: &str) -> Result<(), Refusal> {
        self.column = None;
        if let Some(directive) = line.strip_prefix("%%") {
            return Ok(self.directive(directive)?);
        }
        if self.block_end.is_some() {
            return Ok(());
        }
        let line = text::without_comment(line);
        match text::field(line) {
            Some((letter, value)) if self.in_body => self.body_field(letter, value),
            Some((letter, value)) => Ok(self.header_field(letter, value)?),
            None if self.in_body => self.music(line),
            None => Ok(()),
        }
    }

    fn directive(&mut self, directive: &str) -> Result<(), String> {
        let words: Vec<&str> = text::without_comment(directive)
            .split_whitespace()
            .take(8)
            .collect();
        let word = words.first().copied().unwrap_or_default();
        if let Some(end) = &self.block_end {
            if word == end {
                self.block_end = None;
            }
            return Ok(());
        }
        match words.as_slice() {
            ["MIDI", "program", program] => {
                self.settings_here().program = Some(number(program, 0..=127)?);
            }
            ["MIDI", "program", channel, program] => {
                let channel = number(channel, 1..=16)? - 1;
                let program = number(program, 0..=127)?;
                self.channel_programs.insert(channel, program);
            }
            ["MIDI", "channel", channel] => {
                self.settings_here().channel = Some(number(channel, 1..=16)? - 1);
            }
            ["propagate-accidentals", how] => self.propagate(how),
            ["affetto", "role", role] => {
                let role = Role::from_word(role);
                if let Some(current) = self.current {
                    self.voices[current].role = role;
                }
            }
            _ => {
                let block = word.strip_prefix("begin").filter(|kind| !kind.is_empty());
                self.block_end = block.map(|kind| format!("end{kind}"));
            }
        }
        Ok(())
    }

    fn propagate(&mut self, how: &str) {
        let how = match how {
            "not" => Propagation::Not,
            "octave" => Propagation::Octave,
            _ => Propagation::Pitch,
        };
        self.settings.propagation = how;
        for voice in &mut self.voices {
            voice.settings.propagation = how;
        }
    }

    /// The settings of the current voice, or those that every voice begins with.
    fn settings_here(&mut self) -> &mut Settings {
        match self.current {
            Some(current) => &mut self.voices[current].settings,
            None => &mut self.settings,
        }
    }

    fn header_field(&mut self, letter: char, value: &str) -> Result<(), String> {
        match letter {
            'T' if self.title.is_empty() => self.title = text::plain(value, self.limits.text),
            'C' if self.creator.is_empty() => self.creator = text::plain(value, self.limits.text),
            'M' => self.settings.metre = field::metre(value)?,
            'L' => self.settings.unit = Some(field::unit(value)?),
            'Q' => value.clone_into(&mut self.tempo),
            'V' => self.voice(value).map_err(reason)?,
            'K' => {
                let (key, sound) = field::key(value)?;
                self.settings.key = key;
                self.settings.sound = sound.unwrap_or_default();
                self.begin_body();
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives the header's metre, unit and key to the voices that it names.
    fn begin_body(&mut self) {
        self.in_body = true;
        self.current = None;
        for voice in &mut self.voices {
            voice.settings.metre = self.settings.metre;
            voice.settings.unit = self.settings.unit;
            voice.settings.key = self.settings.key;
            if voice.settings.sound == Sound::default() {
                voice.settings.sound = self.settings.sound;
            }
        }
    }

    fn body_field(&mut self, letter: char, value: &str) -> Result<(), Refusal> {
        match letter {
            'V' => return self.voice(value),
            'M' => {
                let metre = field::metre(value)?;
                self.each_here(|voice| voice.metre = metre);
            }
            'L' => {
                let unit = field::unit(value)?;
                self.each_here(|voice| voice.unit = Some(unit));
            }
            'K' => self.change_key(value)?,
            'Q' => {
                let voice = self.current_voice()?;
                let unit = voice
                    .settings
                    .unit
                    .unwrap_or_else(|| field::default_unit(voice.settings.metre));
                if let Some(tempo) = field::tempo(value, unit)? {
                    voice.change_tempo(tempo);
                }
            }
            'P' => {
                let name = text::plain(value, self.limits.text);
                self.current_voice()?.begin_section(name);
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes the current voice, or every voice where none has begun.
    fn each_here(&mut self, change: impl Fn(&mut Settings)) {
        match self.current {
            Some(current) => change(&mut self.voices[current].settings),
            None => {
                change(&mut self.settings);
                self.voices
                    .iter_mut()
                    .for_each(|voice| change(&mut voice.settings));
            }
        }
    }

    fn change_key(&mut self, value: &str) -> Result<(), Refusal> {
        let (key, sound) = field::key(value)?;
        if let Some(key) = key {
            match self.current {
                Some(current) => self.voices[current].change_key(key),
                None => self.each_here(|settings| settings.key = Some(key)),
            }
        }
        if let Some(sound) = sound {
            self.each_here(|settings| settings.sound = sound);
        }
        Ok(())
    }

    /// Goes to a voice, which may be a new one, and takes over what its field says.
    fn voice(&mut self, value: &str) -> Result<(), Refusal> {
        let (id, rest) = field::voice(value);
        let known = self.voices.iter().position(|voice| voice.id == id);
        let current = match known {
            Some(known) => known,
            None => self.new_voice(id)?,
        };
        self.current = Some(current);
        let parameters = field::parameters(rest)?;
        let voice = &mut self.voices[current];
        if let Some(sound) = field::sound(&parameters)? {
            voice.settings.sound = sound;
        }
        let name = parameters
            .iter()
            .find(|(name, _)| matches!(*name, "name" | "nm"));
        if let Some((_, name)) = name {
            voice.name = text::plain(name, self.limits.text);
        }
        Ok(())
    }

    fn new_voice(&mut self, id: &str) -> Result<usize, Refusal> {
        text::within("voices", self.voices.len() + 1, self.limits.tracks)?;
        let id: String = id.chars().take(self.limits.text).collect();
        self.voices.push(Voice::new(&id, self.settings.clone()));
        Ok(self.voices.len() - 1)
    }

    /// The voice in which the music goes on; music before any `V:` is the first voice's.
    fn current_voice(&mut self) -> Result<&mut Voice, Refusal> {
        let current = match self.current {
            Some(current) => current,
            None if self.voices.is_empty() => self.new_voice("")?,
            None => 0,
        };
        self.current = Some(current);
        Ok(&mut self.voices[current])
    }

    fn music(&mut self, line: &str) -> Result<(), Refusal> {
        let mut tokens = Tokens::new(line);
        while let Some(token) = tokens.next() {
            let done = token
                .map_err(Refusal::from)
                .and_then(|token| self.symbol(&token));
            if done.is_err() {
                self.column = Some(tokens.column());
                return done;
            }
        }
        Ok(())
    }

    fn symbol(&mut self, token: &Token<'_>) -> Result<(), Refusal> {
        let limits = self.limits;
        self.symbols += 1;
        text::within("symbols", self.symbols, limits.events)?;
        match token {
            Token::Field(letter, value) => return self.body_field(*letter, value),
            Token::Notes { heads, .. } => {
                self.notes += heads.len();
                text::within("notes", self.notes, limits.notes)?;
            }
            _ => {}
        }
        self.current_voice()?.token(token, limits)
    }

    fn score(mut self) -> Result<Score, Error> {
        if !self.in_body {
            return Err(malformed(
                "the end of the tune".into(),
                "no key (K:)".into(),
            ));
        }
        self.column = None;
        for index in 0..self.voices.len() {
            let finished = self.voices[index].finish(self.limits);
            finished.map_err(|refusal| self.error(refusal))?;
        }
        self.voices.retain(|voice| !voice.bars.is_empty());
        let reference = self
            .voices
            .iter()
            .min_by_key(|voice| Reverse((length_of(&voice.bars), voice.bars.len())))
            .ok_or_else(|| malformed(format!("line {}", self.line), "no music".into()))?;
        let lines = bar_ends(&reference.bars);
        for voice in &self.voices {
            compare(voice, &lines, reference)?;
        }
        let bars = joined(&reference.bars);
        let header_tempo = self.header_tempo()?;
        Ok(self.assemble(bars, header_tempo))
    }

    fn header_tempo(&mut self) -> Result<Option<Tempo>, Error> {
        let unit = self
            .settings
            .unit
            .unwrap_or_else(|| field::default_unit(self.settings.metre));
        field::tempo(&self.tempo, unit)
            .map_err(|reason| malformed("the header's Q:".into(), reason))
    }

    fn assemble(self, bars: Vec<VoiceBar>, header_tempo: Option<Tempo>) -> Score {
        let bars: Vec<Bar> = bars.iter().map(score_bar).collect();
        let mut score = Score {
            title: self.title,
            creator: self.creator,
            bars,
            tempos: Vec::new(),
            chords: Vec::new(),
            sections: Vec::new(),
            parts: Vec::new(),
        };
        score.tempos = tempos(&self.voices, header_tempo, score.length());
        score.chords = chords(&self.voices, score.length());
        score.sections = sections(&self.voices, &score.bar_onsets());
        score.parts = parts(self.voices, self.settings.program, &self.channel_programs);
        // A chord lasts as long as its first note; a longer one in it may reach over the end.
        let end = score.length();
        for note in score.parts.iter_mut().flat_map(|part| &mut part.notes) {
            note.duration = note.duration.min(end - note.onset);
        }
        score
    }
}

fn malformed(place: String, reason: String) -> Error {
    Error::Malformed {
        format: Format::Abc,
        place,
        reason,
    }
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Reason(reason) => reason,
        Refusal::Limit(error) => error.to_string(),
    }
}

fn number(text: &str, range: std::ops::RangeInclusive<u8>) -> Result<u8, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!(
                "{text:?} in a MIDI directive, where {}..={} are possible",
                range.start(),
                range.end()
            )
        })
}

/// Every bar of `voice` must end with a bar of the reference, though it may span several of them: bar
/// lines are forgotten more often than notes.
fn compare(voice: &Voice, lines: &[Quarters], reference: &Voice) -> Result<(), Error> {
    let bars = joined(&voice.bars);
    let mut start = Quarters::from_integer(0);
    for (index, end) in bar_ends(&bars).into_iter().enumerate() {
        if lines.binary_search(&end).is_err() {
            let next = lines[lines.partition_point(|line| *line <= start)];
            let place = format!("bar {} of voice {:?}", index + 1, voice.id);
            let reason = format!(
                "{} quarter notes, where voice {:?} has {}",
                end - start,
                reference.id,
                next - start
            );
            return Err(malformed(place, reason));
        }
        start = end;
    }
    Ok(())
}

fn bar_ends(bars: &[VoiceBar]) -> Vec<Quarters> {
    let mut end = Quarters::from_integer(0);
    bars.iter()
        .map(|bar| {
            end += bar.length;
            end
        })
        .collect()
}

fn length_of(bars: &[VoiceBar]) -> Quarters {
    bars.iter().map(|bar| bar.length).sum()
}

/// The bars, with the halves of a full bar that a double bar line or a repeat splits made one again.
/// A pick-up at the beginning stays.
fn joined(bars: &[VoiceBar]) -> Vec<VoiceBar> {
    let mut joined: Vec<VoiceBar> = Vec::new();
    for bar in bars {
        let is_first = joined.len() <= 1;
        match joined.last_mut() {
            Some(before) if !is_first && are_halves(before, bar) => {
                before.length += bar.length;
                before.plain_end = bar.plain_end;
            }
            _ => joined.push(*bar),
        }
    }
    joined
}

fn are_halves(bar: &VoiceBar, next: &VoiceBar) -> bool {
    let full = bar.metre.map(Metre::length);
    !bar.plain_end
        && bar.metre == next.metre
        && bar.key == next.key
        && full == Some(bar.length + next.length)
}

fn score_bar(bar: &VoiceBar) -> Bar {
    Bar {
        metre: bar.metre.unwrap_or_else(|| metre_of_length(bar.length)),
        key: bar.key,
        length: bar.length,
    }
}

/// The metre that has this length, in the largest unit from quarters down; 4/4 where there is none.
fn metre_of_length(length: Quarters) -> Metre {
    let metre = |unit: u8| {
        let count = length * i64::from(unit) / 4;
        let count = count.is_integer().then(|| count.to_integer())?;
        Metre::new(u8::try_from(count).ok()?, unit)
    };
    [4, 8, 16, 32, 64]
        .into_iter()
        .find_map(metre)
        .unwrap_or(Metre::COMMON)
}

fn tempos(voices: &[Voice], header: Option<Tempo>, end: Quarters) -> Vec<TempoChange> {
    let zero = Quarters::from_integer(0);
    let mut tempos = BTreeMap::new();
    for change in voices.iter().flat_map(|voice| &voice.tempos) {
        if change.onset < end {
            tempos.entry(change.onset).or_insert(change.tempo);
        }
    }
    let default = header.unwrap_or(Tempo::from_bpm(120.0));
    tempos.entry(zero).or_insert(default);
    tempos
        .into_iter()
        .map(|(onset, tempo)| TempoChange { onset, tempo })
        .collect()
}

/// The chord symbols of all voices; of several at one place those of the first voice.
fn chords(voices: &[Voice], end: Quarters) -> Vec<ChordChange> {
    let mut chords = BTreeMap::new();
    for change in voices.iter().flat_map(|voice| &voice.chords) {
        if change.onset < end {
            chords.entry(change.onset).or_insert(change.chord);
        }
    }
    let mut changes: Vec<ChordChange> = chords
        .into_iter()
        .map(|(onset, chord)| ChordChange { onset, chord })
        .collect();
    changes.dedup_by_key(|change| change.chord);
    changes
}

/// The sections of all voices, each moved to the bar line at or nearest before it, or, past the middle
/// of its bar, after it.
fn sections(voices: &[Voice], bar_onsets: &[Quarters]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut known = BTreeSet::new();
    for section in voices.iter().flat_map(|voice| &voice.sections) {
        let after = bar_onsets.partition_point(|onset| *onset <= section.onset);
        let Some([start, end]) = after
            .checked_sub(1)
            .and_then(|before| bar_onsets.get(before..=after))
        else {
            continue;
        };
        let late = (section.onset - start) * 2 > end - start;
        let onset = if late && after + 1 < bar_onsets.len() {
            *end
        } else {
            *start
        };
        let section = Section {
            onset,
            name: section.name.clone(),
        };
        if known.insert((section.onset, section.name.clone())) {
            sections.push(section);
        }
    }
    sections.sort_by_key(|section| section.onset);
    sections
}

fn parts(
    voices: Vec<Voice>,
    usual_program: Option<u8>,
    channel_programs: &BTreeMap<u8, u8>,
) -> Vec<Part> {
    let mut channels = (0..16).filter(|channel| *channel != 9).cycle();
    let mut parts = Vec::new();
    for (index, mut voice) in voices.into_iter().enumerate() {
        let next = channels.next().unwrap_or(0);
        let percussion = voice.settings.sound.percussion.then_some(9);
        let channel = voice.settings.channel.or(percussion).unwrap_or(next);
        let program = voice.settings.program;
        let program = program
            .or(channel_programs.get(&channel).copied())
            .or(usual_program);
        let role = voice.role.unwrap_or_else(|| usual_role(index, &voice.name));
        voice.notes.sort_by_key(|note| (note.onset, note.pitch));
        let given = [voice.name, voice.id];
        let name = given.into_iter().find(|name| !name.is_empty());
        parts.push(Part {
            name: name.unwrap_or_else(|| role.part_name().into()),
            role,
            program: program.unwrap_or(0),
            channel,
            notes: voice.notes,
        });
    }
    parts
}

/// The first voice is the melody; others are what their names say.
fn usual_role(index: usize, name: &str) -> Role {
    if index == 0 {
        return Role::Melody;
    }
    Role::ALL
        .into_iter()
        .find(|role| *role != Role::Melody && role.part_name().eq_ignore_ascii_case(name))
        .unwrap_or(Role::Other)
}
