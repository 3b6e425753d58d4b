//! A score as a tune.

use std::{collections::BTreeMap, ops::Range};

use super::{
    field, holds,
    measure::LONGEST,
    notation::{self, Head, Run, Symbol},
};
use crate::{
    Bar, Error, Format, Key, Metre, Mode, Part, PitchName, Quarters, Role, Score, Step, Tempo,
};

/// The bars on one line of music.
const BARS_OF_LINE: usize = 4;

/// `score` as a tune of ABC 2.1, in UTF-8, all parts as voices, the chord symbols above the melody (or
/// the first part, where none is one). [`holds`] says what is kept.
///
/// # Errors
///
/// [`Error::Unsupported`] for a score without bars, or with a bar longer than 1024 quarter notes.
pub fn write(score: &Score) -> Result<Vec<u8>, Error> {
    let score = holds(score);
    let unsupported = |what: &str| Error::Unsupported {
        format: Format::Abc,
        what: what.into(),
    };
    let first = score.bars.first();
    let first = *first.ok_or_else(|| unsupported("a score without bars"))?;
    let longest = Quarters::from_integer(LONGEST);
    if score.bars.iter().any(|bar| bar.length > longest) {
        return Err(unsupported("a bar longer than 1024 quarter notes"));
    }
    let mut text = header(&score, &first);
    let lead = lead_part(&score);
    let onsets = score.bar_onsets();
    let lines = lines(&score, &onsets);
    // Each voice stands in one block, since some programs begin a part at every V:.
    for (index, part) in score.parts.iter().enumerate() {
        text += &voice_fields(part, index + 1);
        let bars = Voice::new(&score, part, index == lead).bars();
        for (start, end) in &lines {
            text += &match start {
                0 => restated(&score.bars, index),
                _ => changes(&score.bars[start - 1], &score.bars[*start]),
            };
            if index == lead {
                text += &section_fields(&score, onsets[*start]);
            }
            text += &bars[*start..*end].join(" ");
            text.push('\n');
        }
    }
    Ok(text.into_bytes())
}

fn header(score: &Score, first: &Bar) -> String {
    let mut text = format!("%abc-2.1\nX:1\nT:{}\n", escaped(&score.title));
    if !score.creator.is_empty() {
        text += &format!("C:{}\n", escaped(&score.creator));
    }
    text += &format!("M:{}\nL:1/8\n", first.metre);
    text += &format!("Q:{}\n", tempo_text(score.tempo(), first.metre));
    text += &format!("K:{}\n", key_text(first.key));
    text + &staves(score)
}

/// A brace around the two hands of a keyboard; nothing where there are none.
fn staves(score: &Score) -> String {
    let groups = score.staff_groups();
    if groups.iter().all(|group| group.len() == 1) {
        return String::new();
    }
    let group = |group: &Range<usize>| match group.len() {
        2 => format!("{{{} {}}}", group.start + 1, group.end),
        _ => group.end.to_string(),
    };
    let groups: Vec<String> = groups.iter().map(group).collect();
    format!("%%score {}\n", groups.join(" "))
}

fn voice_fields(part: &Part, number: usize) -> String {
    format!(
        "V:{number} clef={} name=\"{}\"\n%%affetto role {}\n%%MIDI channel {}\n%%MIDI program {}\n",
        clef(part),
        escaped(&part.name),
        part.role.word(),
        part.channel + 1,
        part.program
    )
}

/// The fields for what is new in a bar. They have lines of their own: not every program knows them
/// inside a line.
fn changes(before: &Bar, here: &Bar) -> String {
    let mut text = String::new();
    if here.metre != before.metre {
        text += &format!("M:{}\n", here.metre);
    }
    if here.key != before.key {
        text += &format!("K:{}\n", key_text(here.key));
    }
    text
}

/// Metre and key of the beginning for the voices after the first one, where they change later on: some
/// programs take a change in one voice for a change in all that follow in the file.
fn restated(bars: &[Bar], voice: usize) -> String {
    match (bars.first(), bars.last()) {
        (Some(first), Some(last)) if voice > 0 => changes(last, first),
        _ => String::new(),
    }
}

fn section_fields(score: &Score, onset: Quarters) -> String {
    let first = score
        .sections
        .partition_point(|section| section.onset < onset);
    let here = score.sections[first..].iter();
    let here = here.take_while(|section| section.onset == onset);
    here.map(|section| format!("P:{}\n", escaped(&section.name)))
        .collect()
}

/// The bars of each line: four, fewer before a section, a metre or a key.
fn lines(score: &Score, onsets: &[Quarters]) -> Vec<(usize, usize)> {
    let begins_section = |bar: usize| {
        let found = score
            .sections
            .binary_search_by_key(&onsets[bar], |section| section.onset);
        found.is_ok()
    };
    let mut lines = Vec::new();
    let mut start = 0;
    for bar in 1..=score.bars.len() {
        let is_full = bar - start == BARS_OF_LINE;
        let is_last = bar == score.bars.len();
        let changed = !is_last && {
            let [before, here] = [&score.bars[bar - 1], &score.bars[bar]];
            (before.metre, before.key) != (here.metre, here.key)
        };
        if is_full || is_last || changed || begins_section(bar) {
            lines.push((start, bar));
            start = bar;
        }
    }
    lines
}

/// The part with the chord symbols.
fn lead_part(score: &Score) -> usize {
    let melody = score
        .parts
        .iter()
        .position(|part| part.role == Role::Melody);
    melody.unwrap_or(0)
}

fn clef(part: &Part) -> &'static str {
    let mut pitches: Vec<u8> = part.notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    match pitches.get(pitches.len() / 2) {
        _ if part.channel == 9 => "perc",
        _ if part.role == Role::RightHand => "treble",
        _ if part.role == Role::LeftHand => "bass",
        Some(middle) if *middle < 57 => "bass",
        _ => "treble",
    }
}

fn key_text(key: Key) -> String {
    let minor = match key.mode() {
        Mode::Major => "",
        Mode::Minor => "m",
    };
    format!("{}{minor}", key.tonic())
}

/// A tempo in beats of the metre, with as many decimals as it takes to read the same tempo again.
fn tempo_text(tempo: Tempo, metre: Metre) -> String {
    let beat = metre.beat() / 4;
    let count = tempo.bpm() / crate::f64_from_quarters(metre.beat());
    let with = |decimals: usize| format!("{}/{}={count:.decimals$}", beat.numer(), beat.denom());
    let is_exact =
        |text: &String| matches!(field::tempo(text, beat), Ok(Some(read)) if read == tempo);
    (0..12).map(with).find(is_exact).unwrap_or_else(|| with(12))
}

/// Text that is read as it was: `%` would begin a comment.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%")
}

/// One part on its way to text.
struct Voice<'s> {
    score: &'s Score,
    part: &'s Part,
    /// Whether chord symbols and tempos stand here.
    is_lead: bool,
    key: Key,
    metre: Metre,
    /// The accidentals of the bar by letter, and by letter and octave: programs differ in which counts.
    by_letter: BTreeMap<Step, i8>,
    by_place: BTreeMap<(Step, i32), i8>,
    /// The places with a tie from the symbol before, and what they sound.
    held: Vec<((Step, i32), u8)>,
    chord: usize,
    tempo: usize,
}

impl<'s> Voice<'s> {
    fn new(score: &'s Score, part: &'s Part, is_lead: bool) -> Self {
        let first = score.bars[0];
        Self {
            score,
            part,
            is_lead,
            key: first.key,
            metre: first.metre,
            by_letter: BTreeMap::new(),
            by_place: BTreeMap::new(),
            held: Vec::new(),
            chord: 0,
            tempo: 1, // The first one stands in the header.
        }
    }

    /// Every bar with its bar line.
    fn bars(mut self) -> Vec<String> {
        let mut breaks: Vec<Quarters> = Vec::new();
        if self.is_lead {
            breaks.extend(self.score.chords.iter().map(|change| change.onset));
            breaks.extend(self.score.tempos.iter().map(|change| change.onset));
            breaks.sort_unstable();
        }
        let bars = notation::bars(self.score, &self.part.notes, &breaks);
        let last = bars.len() - 1;
        let mut texts = Vec::new();
        let mut onset = Quarters::from_integer(0);
        for (index, runs) in bars.into_iter().enumerate() {
            let bar = &self.score.bars[index];
            self.by_letter.clear();
            self.by_place.clear();
            (self.metre, self.key) = (bar.metre, bar.key);
            let mut text = self.runs(&runs, onset);
            text += if index == last { " |]" } else { " |" };
            texts.push(text);
            onset += bar.length;
        }
        texts
    }

    /// The symbols of a bar; where no space stands between short notes, a beam joins them.
    fn runs(&mut self, runs: &[Run], bar: Quarters) -> String {
        let beat = self.metre.beat().max(Quarters::from_integer(1));
        let mut text = String::new();
        let mut beamed = None;
        for run in runs {
            let here = beam(run).map(|onset| ((onset - bar) / beat).floor());
            if !text.is_empty() && (here.is_none() || here != beamed) {
                text.push(' ');
            }
            beamed = here;
            text += &self.run(run);
        }
        text
    }

    fn run(&mut self, run: &Run) -> String {
        match run {
            Run::Plain(symbol) | Run::Odd(symbol) => self.symbol(symbol, Quarters::from_integer(1)),
            Run::Tuplet {
                notes,
                time,
                symbols,
            } => {
                let factor = Quarters::new(*notes, *time);
                let count = symbols.len();
                let opening = if (*notes, *time, count) == (3, 2, 3) {
                    "(3".into()
                } else {
                    format!("({notes}:{time}:{count}")
                };
                // Field and chord symbol stand after the opening, before their note.
                let symbols: Vec<String> = symbols
                    .iter()
                    .map(|symbol| self.symbol(symbol, factor))
                    .collect();
                opening + &symbols.join("")
            }
        }
    }

    /// A symbol, written `factor` times as long as it sounds.
    fn symbol(&mut self, symbol: &Symbol, factor: Quarters) -> String {
        let mut text = self.symbols_above(symbol.onset);
        let length = length_text(symbol.duration * factor * 2);
        let held = std::mem::take(&mut self.held);
        match symbol.heads.as_slice() {
            [] => text.push('z'),
            [head] => text += &self.head(*head, &held),
            heads => {
                let all_tied = heads.iter().all(|head| head.tied);
                text.push('[');
                for head in heads {
                    text += &self.head(*head, &held);
                    if head.tied && !all_tied {
                        text.push('-');
                    }
                }
                text.push(']');
            }
        }
        text += &length;
        if !symbol.heads.is_empty() && symbol.heads.iter().all(|head| head.tied) {
            text.push('-');
        }
        text
    }

    /// The tempo and the chord symbol that begin at `onset`.
    fn symbols_above(&mut self, onset: Quarters) -> String {
        let mut text = String::new();
        if !self.is_lead {
            return text;
        }
        let tempo = self.score.tempos.get(self.tempo);
        if let Some(change) = tempo.filter(|change| change.onset == onset) {
            text += &format!("[Q:{}]", tempo_text(change.tempo, self.metre));
            self.tempo += 1;
        }
        let chord = self.score.chords.get(self.chord);
        if let Some(change) = chord.filter(|change| change.onset == onset) {
            match change.chord {
                Some(chord) => text += &format!("\"{chord}\""),
                None => text += "\"N.C.\"",
            }
            self.chord += 1;
        }
        text
    }

    /// Accidental, letter and octave of a head.
    fn head(&mut self, head: Head, held: &[((Step, i32), u8)]) -> String {
        let PitchName { step, alter } = self.key.spell(head.pitch % 12);
        let natural = i32::from(head.pitch) - i32::from(alter) - i32::from(step.pitch_class());
        let octave = natural / 12 - 5;
        let place = (step, octave);
        if head.tied {
            self.held.push((place, head.pitch));
        }
        let signature = field::of_key(self.key).signature[step as usize];
        let by_letter = self.by_letter.get(&step).copied().unwrap_or(signature);
        let by_place = self.by_place.get(&place).copied().unwrap_or(signature);
        let mut held = held.iter();
        let misled = held.any(|(tied, pitch)| *tied == place && *pitch != head.pitch);
        // Some programs carry no double accidentals.
        let is_double = alter.abs() == 2;
        let is_clear = by_letter == alter && by_place == alter && !misled && !is_double;
        let mut text = String::new();
        if !is_clear {
            text += accidental(alter);
            self.by_letter.insert(step, alter);
            self.by_place.insert(place, alter);
        }
        text + &letter(step, octave)
    }
}

/// Where a short note stands, which a beam may join to its neighbours.
fn beam(run: &Run) -> Option<Quarters> {
    match run {
        Run::Plain(symbol) if !symbol.heads.is_empty() => {
            (symbol.duration < Quarters::from_integer(1)).then_some(symbol.onset)
        }
        _ => None,
    }
}

const fn accidental(alter: i8) -> &'static str {
    match alter {
        -2 => "__",
        -1 => "_",
        0 => "=",
        1 => "^",
        _ => "^^",
    }
}

fn letter(step: Step, octave: i32) -> String {
    let letter = step.letter();
    let marks = |mark: &str, count: i32| mark.repeat(usize::try_from(count).unwrap_or(0));
    if octave >= 1 {
        format!("{}{}", letter.to_ascii_lowercase(), marks("'", octave - 1))
    } else {
        format!("{letter}{}", marks(",", -octave))
    }
}

/// A length in units: nothing for 1, `2`, `3/2`, `/2`.
fn length_text(units: Quarters) -> String {
    match (*units.numer(), *units.denom()) {
        (1, 1) => String::new(),
        (numerator, 1) => numerator.to_string(),
        (1, denominator) => format!("/{denominator}"),
        (numerator, denominator) => format!("{numerator}/{denominator}"),
    }
}
