//! LilyPond input, for engraving by LilyPond 2.24 or later. It is only written.

mod chords;
mod timeline;

use crate::{
    Error, Format, Note, Part, PitchName, Quarters, Role, Score,
    abc::{
        self,
        notation::{self, Head, Run, Symbol, Value},
    },
    dynamics::{self, Dynamic},
    musicxml::{
        score_time,
        voices::{self, Chord},
    },
};

/// `score` as LilyPond input, in UTF-8: chord names above one staff for each part (two hands in a brace, the lines of each as
/// voices in score time), with key, metre, tempo, sections as boxed marks, pick-up, tuplets and ties. Loudness, channels and
/// programs are left out.
///
/// # Errors
///
/// [`Error::Unsupported`] for a score without bars.
pub fn write(score: &Score) -> Result<Vec<u8>, Error> {
    if score.bars.is_empty() {
        return Err(Error::Unsupported {
            format: Format::LilyPond,
            what: "a score without bars".into(),
        });
    }
    // The rules of a score, and no two notes of one pitch at once, as one staff asks.
    let score = abc::holds(score);
    let mut text = String::from("\\version \"2.24.0\"\n\n");
    text += &header(&score);
    text += &format!("timeline = {{\n{}}}\n\n", timeline::text(&score));
    if !score.chords.is_empty() {
        text += &format!(
            "harmonies = \\chordmode {{\n  {}\n}}\n\n",
            chords::text(&score)
        );
    }
    let mut lines = Vec::new();
    for group in score.staff_groups() {
        let dynamics = dynamics::marks(&score, group.clone());
        for index in group.clone() {
            // Between the two staves.
            let dynamics: &[_] = if index == group.start { &dynamics } else { &[] };
            let music = music(&score, index, dynamics);
            lines.push(music.len());
            for (number, music) in music.iter().enumerate() {
                text += &format!("{} = {{\n{music}}}\n\n", variable(index, number));
            }
        }
    }
    text += &staves(&score, &lines);
    Ok(text.into_bytes())
}

fn header(score: &Score) -> String {
    let mut text = String::from("\\header {\n");
    for (field, value) in [("title", &score.title), ("composer", &score.creator)] {
        if !value.is_empty() {
            text += &format!("  {field} = {}\n", quoted(value));
        }
    }
    text + "  tagline = ##f\n}\n\n"
}

/// `lines`: of each part, how many it has.
fn staves(score: &Score, lines: &[usize]) -> String {
    let mut text = String::from("\\score {\n  <<\n");
    if !score.chords.is_empty() {
        text +=
            "    \\new ChordNames \\with { majorSevenSymbol = \\markup { maj7 } } \\harmonies\n";
    }
    for group in score.staff_groups() {
        if group.len() == 1 {
            let is_named = score.parts.len() > 1;
            text += &staff(score, group.start, lines, "    ", is_named);
            continue;
        }
        let names = score.parts.len() > group.len();
        let name = if names {
            "\\with { instrumentName = \"Piano\" } "
        } else {
            ""
        };
        text += &format!("    \\new PianoStaff {name}<<\n");
        for part in group {
            text += &staff(score, part, lines, "      ", false);
        }
        text += "    >>\n";
    }
    text + "  >>\n  \\layout { }\n}\n"
}

fn staff(score: &Score, index: usize, lines: &[usize], indent: &str, is_named: bool) -> String {
    let part = &score.parts[index];
    let with = match is_named {
        true => format!("\\with {{ instrumentName = {} }} ", quoted(&part.name)),
        false => String::new(),
    };
    let count = lines[index];
    let line = |number: usize| {
        let name = variable(index, number);
        match count {
            1 => format!("\\{name}"),
            _ => format!("\\new Voice {{ \\{} \\{name} }}", stems(number)),
        }
    };
    let lines: Vec<String> = (0..count).map(line).collect();
    format!(
        "{indent}\\new Staff {with}{{ \\clef {} << \\timeline {} >> }}\n",
        clef(part),
        lines.join(" ")
    )
}

/// Notes that are written together as a voice.
#[derive(Default)]
struct Line {
    /// In score time.
    notes: Vec<Note>,
    /// Where those begin that are played at most half as long.
    staccato: Vec<Quarters>,
}

impl Line {
    fn new<'c>(chords: impl Iterator<Item = &'c Chord>) -> Self {
        let mut line = Self::default();
        for chord in chords {
            let written = chord.notes.iter().map(|note| Note {
                onset: chord.onset,
                duration: chord.end - chord.onset,
                ..*note
            });
            line.notes.extend(written);
            if chord.is_staccato() {
                line.staccato.push(chord.onset);
            }
        }
        line
    }
}

/// The lines of a part that is played, which are written as voices, each of chords that do not overlap; of any other part all
/// notes together.
fn lines(part: &Part, score: &Score) -> Vec<Line> {
    if score_time::is_played(part) {
        let chords = score_time::chords(part, score);
        // Not beyond a thousand at once.
        if let Ok(voices) = voices::voices(&chords) {
            let lines = voices.iter().map(|voice| Line::new(voice.chords(&chords)));
            return lines.collect();
        }
    }
    vec![Line {
        notes: part.notes.clone(),
        ..Line::default()
    }]
}

/// Which way the stems of a voice go: up and down in turn.
const fn stems(voice: usize) -> &'static str {
    match voice {
        0 => "voiceOne",
        1 => "voiceTwo",
        even if even % 2 == 0 => "voiceThree",
        _ => "voiceFour",
    }
}

/// The name of the variable of a part's line, which has letters only: `partA`, `partB`, `partBA`; `partAVoiceB` for its
/// second line.
fn variable(part: usize, line: usize) -> String {
    match line {
        0 => format!("part{}", letters(part)),
        _ => format!("part{}Voice{}", letters(part), letters(line)),
    }
}

/// A number in letters: `A`, `B`, `BA`.
fn letters(number: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = number;
    loop {
        letters.push(char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
        if rest == 0 {
            break;
        }
    }
    letters.into_iter().rev().collect()
}

fn clef(part: &Part) -> &'static str {
    let mut pitches: Vec<u8> = part.notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    match pitches.get(pitches.len() / 2) {
        _ if part.role == Role::RightHand => "treble",
        _ if part.role == Role::LeftHand => "bass",
        Some(middle) if *middle < 57 => "bass",
        _ => "treble",
    }
}

/// The notes of each of a part's lines, one bar on a line of text. Where lines after the first are silent nothing is shown, and
/// the first has its stems on either side.
fn music(score: &Score, part: usize, dynamics: &[Option<Dynamic>]) -> Vec<String> {
    let lines = lines(&score.parts[part], score);
    let bars = lines
        .iter()
        .map(|line| notation::bars(score, &line.notes, &[]));
    let bars: Vec<Vec<Vec<Run>>> = bars.collect();
    let is_silent = |line: usize, bar: usize| bars[line][bar].iter().all(is_rest);
    let mut texts = vec![String::new(); lines.len()];
    for (number, text) in texts.iter_mut().enumerate() {
        let mut is_alone = false;
        for (index, bar) in score.bars.iter().enumerate() {
            *text += "  ";
            let others_rest = (1..lines.len()).all(|line| is_silent(line, index));
            if number == 0 && lines.len() > 1 && others_rest != is_alone {
                is_alone = others_rest;
                *text += if is_alone {
                    "\\oneVoice "
                } else {
                    "\\voiceOne "
                };
            }
            let (silence, rest) = if number == 0 { ("R", "r") } else { ("s", "s") };
            let staff = Staff {
                key: bar.key,
                rest,
                staccato: &lines[number].staccato,
            };
            let is_full = bar.length == bar.metre.length();
            let mut symbols: Vec<String> = match is_silent(number, index) && is_full {
                true => vec![format!("{silence}{}", scaled(bar.length))],
                false => bars[number][index]
                    .iter()
                    .map(|run| staff.run(run))
                    .collect(),
            };
            let mark = dynamics.get(index).copied().flatten();
            if let Some(mark) = mark.filter(|_| number == 0) {
                symbols.insert(0, format!("<>\\{}", mark.name()));
            }
            *text += &format!("{} |\n", symbols.join(" "));
        }
    }
    texts
}

fn is_rest(run: &Run) -> bool {
    match run {
        Run::Plain(symbol) | Run::Odd(symbol) => symbol.heads.is_empty(),
        Run::Tuplet { symbols, .. } => symbols.iter().all(|symbol| symbol.heads.is_empty()),
    }
}

/// What symbols stand on.
struct Staff<'l> {
    key: crate::Key,
    rest: &'static str,
    staccato: &'l [Quarters],
}

impl Staff<'_> {
    fn run(&self, run: &Run) -> String {
        match run {
            Run::Plain(symbol) => self.symbol(symbol, &value(symbol.duration)),
            Run::Odd(symbol) => self.symbol(symbol, &scaled(symbol.duration)),
            Run::Tuplet {
                notes,
                time,
                symbols,
            } => {
                let written = |symbol: &Symbol| {
                    let length = symbol.duration * *notes / *time;
                    self.symbol(symbol, &value(length))
                };
                let symbols: Vec<String> = symbols.iter().map(written).collect();
                format!("\\tuplet {notes}/{time} {{ {} }}", symbols.join(" "))
            }
        }
    }

    fn symbol(&self, symbol: &Symbol, length: &str) -> String {
        let all_tied = symbol.heads.iter().all(|head| head.tied);
        let is_staccato = self.staccato.binary_search(&symbol.onset).is_ok();
        let mark = match (all_tied, is_staccato) {
            (true, _) => "~",
            (false, true) => "-.",
            (false, false) => "",
        };
        match symbol.heads.as_slice() {
            [] => format!("{}{length}", self.rest),
            [head] => format!("{}{length}{mark}", pitch(*head, self.key)),
            heads => {
                let each = |head: &Head| {
                    let own = if head.tied && !all_tied { "~" } else { "" };
                    format!("{}{own}", pitch(*head, self.key))
                };
                let heads: Vec<String> = heads.iter().map(each).collect();
                format!("<{}>{length}{mark}", heads.join(" "))
            }
        }
    }
}

/// `4.`, or, where no value is that long, a multiple of one.
fn value(length: Quarters) -> String {
    match Value::of(length) {
        Some(value) => {
            let dot = if value.dotted { "." } else { "" };
            format!("{}{dot}", value.denominator)
        }
        None => scaled(length),
    }
}

/// Any length, as a multiple of a whole note.
fn scaled(length: Quarters) -> String {
    let wholes = length / 4;
    format!("1*{}/{}", wholes.numer(), wholes.denom())
}

/// An absolute pitch: `c'` is middle C.
fn pitch(head: Head, key: crate::Key) -> String {
    let name = key.spell(head.pitch % 12);
    let natural =
        i32::from(head.pitch) - i32::from(name.alter) - i32::from(name.step.pitch_class());
    let octave = natural.div_euclid(12) - 4;
    let mark = if octave > 0 { "'" } else { "," };
    let count = usize::try_from(octave.abs()).unwrap_or(0);
    format!("{}{}", note_name(name), mark.repeat(count))
}

/// The Dutch name that LilyPond knows first: `fis`, `ees`.
fn note_name(name: PitchName) -> String {
    let letter = name.step.letter().to_ascii_lowercase();
    let sign = if name.alter > 0 { "is" } else { "es" };
    let count = usize::from(name.alter.unsigned_abs());
    format!("{letter}{}", sign.repeat(count))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
