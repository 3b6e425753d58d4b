use affetto_media::{
    ChordChange, ChordSymbol, Key, Limits, Metre, Mode, Note, PitchName, Quarters, Section, Step,
    Tempo, TempoChange,
};

use super::{
    Language, Refusal,
    chord::quality,
    definitions::{Definitions, balanced_end, string_end},
};

const VELOCITY: u8 = 80;
/// Braces within braces.
const MAX_DEPTH: usize = 32;
/// The numbers of a tuplet, and tuplets within one another: exact time stays within 64 bits.
const MAX_TUPLET: i64 = 16;
const MAX_TUPLET_DEPTH: usize = 2;

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `\relative c' { ... }`.
    Melody,
    /// `\chordmode { ... }`.
    Chords,
}

/// What was read, in quarter notes from its beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Music {
    pub(super) notes: Vec<Note>,
    pub(super) chords: Vec<ChordChange>,
    pub(super) metres: Vec<(Quarters, Metre)>,
    pub(super) keys: Vec<(Quarters, Key)>,
    /// Where a bar of another length begins, and that length.
    pub(super) partials: Vec<(Quarters, Quarters)>,
    pub(super) tempos: Vec<TempoChange>,
    pub(super) sections: Vec<Section>,
    /// The spans of the endings of each repeat.
    pub(super) endings: Vec<Vec<(Quarters, Quarters)>>,
    end: Quarters,
}

impl Music {
    pub(super) fn length(&self) -> Quarters {
        self.end
    }
}

/// A letter with its octave, for `\relative`: 7 to the octave, 28 is the C of `c'`.
type Place = i32;

pub(super) struct Reader<'d> {
    text: &'d [char],
    at: usize,
    language: Language,
    kind: Kind,
    definitions: &'d Definitions,
    max_notes: usize,
    music: Music,
    /// The last duration written, in quarters.
    duration: Quarters,
    /// By how much tuplets shorten.
    scale: Quarters,
    tuplets: usize,
    reference: Place,
    /// Whether the next note goes on from the last one.
    tied: bool,
    /// Inside grace notes, which take no time.
    grace: bool,
    /// Fifths up, by `\transpose`.
    transposition: i8,
}

impl<'d> Reader<'d> {
    pub(super) fn new(
        text: &'d [char],
        at: usize,
        language: Language,
        kind: Kind,
        definitions: &'d Definitions,
        limits: &Limits,
    ) -> Self {
        Self {
            text,
            at,
            language,
            kind,
            definitions,
            max_notes: limits.notes,
            music: Music::default(),
            duration: Quarters::from_integer(1),
            scale: Quarters::from_integer(1),
            tuplets: 0,
            reference: 28,
            tied: false,
            grace: false,
            transposition: 0,
        }
    }

    pub(super) fn read(mut self) -> Result<Music, Refusal> {
        self.skip_space();
        let command = self.command()?;
        match (command.as_str(), self.kind) {
            ("relative", Kind::Melody) => {
                self.skip_space();
                let (place, _) = self.pitch()?;
                self.reference = place;
            }
            ("chordmode", Kind::Chords) => {}
            _ => return Err(self.refuse("neither a melody nor chords")),
        }
        self.group(0)?;
        Ok(self.music)
    }

    fn refuse(&self, reason: &str) -> Refusal {
        let before = &self.text[..self.at.min(self.text.len())];
        Refusal::Notation {
            line: 1 + before.iter().filter(|c| **c == '\n').count(),
            reason: reason.into(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn accept(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += 1;
        }
        found
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    /// The name after a backslash.
    fn command(&mut self) -> Result<String, Refusal> {
        if !self.accept('\\') {
            return Err(self.refuse("a command was expected"));
        }
        Ok(self.take_while(|c| c.is_ascii_alphabetic()))
    }

    fn number(&mut self) -> Option<i64> {
        self.skip_space();
        self.take_while(|c| c.is_ascii_digit()).parse().ok()
    }

    fn fraction(&mut self) -> Option<(i64, i64)> {
        let upper = self.number()?;
        self.accept('/')
            .then(|| self.number())?
            .map(|lower| (upper, lower))
    }

    /// Music in braces.
    fn group(&mut self, depth: usize) -> Result<(), Refusal> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err(self.refuse("too many braces within braces"));
        }
        if !self.accept('{') {
            return Err(self.refuse("a brace was expected"));
        }
        while !self.accept('}') {
            self.item(depth)?;
        }
        Ok(())
    }

    fn item(&mut self, depth: usize) -> Result<(), Refusal> {
        let Some(next) = self.peek() else {
            return Err(self.refuse("a closing brace is missing"));
        };
        match next {
            '{' => self.group(depth + 1),
            '\\' => self.run_command(depth),
            '"' => {
                self.at = string_end(self.text, self.at);
                Ok(())
            }
            '#' => {
                self.skip_scheme();
                Ok(())
            }
            '~' => {
                self.at += 1;
                self.tied = true;
                Ok(())
            }
            '-' | '^' | '_' => {
                self.skip_articulation();
                Ok(())
            }
            '<' if self.text.get(self.at + 1) == Some(&'<') => {
                Err(self.refuse("several voices at once"))
            }
            '<' => self.stack(),
            'r' | 's' | 'R' => self.rest(),
            'a'..='g' if self.kind == Kind::Melody => self.note(),
            'a'..='g' => self.chord(),
            c if c.is_ascii_alphabetic() => Err(self.refuse("an unknown word")),
            _ => {
                self.at += 1;
                Ok(())
            }
        }
    }

    fn skip_scheme(&mut self) {
        self.at += 1;
        if self.peek() == Some('(') {
            self.at = balanced_end(self.text, self.at, '(', ')');
        } else {
            self.take_while(|c| !c.is_whitespace() && c != '}');
        }
    }

    /// `-.`, `^"text"`, `_\markup { ... }`.
    fn skip_articulation(&mut self) {
        self.at += 1;
        if matches!(
            self.peek(),
            Some('.' | '>' | '-' | '^' | '_' | '!' | '+' | '1'..='5')
        ) {
            self.at += 1;
        }
    }

    fn advance(&mut self, duration: Quarters) {
        if !self.grace {
            self.music.end += duration * self.scale;
        }
    }

    fn rest(&mut self) -> Result<(), Refusal> {
        let letter = self.peek();
        self.at += 1;
        if self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            return Err(self.refuse("an unknown word"));
        }
        let duration = self.duration()?;
        self.tied = false;
        if self.kind == Kind::Chords && letter != Some('s') {
            self.push_chord(None)?;
        }
        self.advance(duration);
        Ok(())
    }

    fn note(&mut self) -> Result<(), Refusal> {
        let (place, pitch) = self.relative_pitch()?;
        self.reference = place;
        self.sound(pitch)
    }

    /// `<c e g>4`: the highest note sounds, the first one is what the next note is near.
    fn stack(&mut self) -> Result<(), Refusal> {
        self.at += 1;
        let mut highest = None;
        let mut first = None;
        loop {
            self.skip_space();
            match self.peek() {
                Some('>') => break,
                Some('\\') => {
                    self.command()?;
                }
                Some('a'..='g') if self.kind == Kind::Melody => {
                    let (place, pitch) = self.relative_pitch()?;
                    self.reference = place;
                    first.get_or_insert(place);
                    highest = highest.max(Some(pitch));
                }
                Some('~' | '(' | ')') => self.at += 1,
                _ => return Err(self.refuse("a note was expected in a stack")),
            }
        }
        self.at += 1;
        let (Some(pitch), Some(first)) = (highest, first) else {
            return Err(self.refuse("an empty stack"));
        };
        self.reference = first;
        self.sound(pitch)
    }

    fn sound(&mut self, pitch: u8) -> Result<(), Refusal> {
        let duration = self.duration()?;
        let sounding = duration * self.scale;
        let onset = self.music.end;
        if !self.grace {
            let tied = std::mem::take(&mut self.tied);
            match self.music.notes.last_mut() {
                Some(last) if tied && last.pitch == pitch && last.end() == onset => {
                    last.duration += sounding;
                }
                _ => self.music.notes.push(Note {
                    onset,
                    pitch,
                    duration: sounding,
                    velocity: VELOCITY,
                }),
            }
            if self.music.notes.len() > self.max_notes {
                return Err(self.refuse("more notes than are read"));
            }
        }
        self.advance(duration);
        Ok(())
    }

    /// A note name as written, for keys, `\relative` and chords: its place without octave marks, and
    /// its name.
    fn name(&mut self) -> Result<PitchName, Refusal> {
        let refuse = |reader: &Self| reader.refuse("a note name was expected");
        let Some(step) = self
            .peek()
            .filter(|c| ('a'..='g').contains(c))
            .and_then(Step::from_letter)
        else {
            return Err(refuse(self));
        };
        self.at += 1;
        let signs = self.take_while(|c| c.is_ascii_alphabetic());
        let alter = match (self.language, signs.as_str()) {
            (_, "") => 0,
            (Language::English, "s" | "sharp") | (Language::Dutch, "is") => 1,
            (Language::English, "ss" | "x") | (Language::Dutch, "isis") => 2,
            (Language::English, "f" | "flat") | (Language::Dutch, "es") => -1,
            (Language::English, "ff") | (Language::Dutch, "eses") => -2,
            (Language::Dutch, "s") if matches!(step, Step::A | Step::E) => -1,
            _ => return Err(refuse(self)),
        };
        Ok(PitchName { step, alter })
    }

    fn octave_marks(&mut self) -> i32 {
        let marks = self.take_while(|c| c == '\'' || c == ',');
        let up = marks.chars().filter(|c| *c == '\'').count() as i32;
        2 * up - marks.chars().count() as i32
    }

    /// An absolute pitch: `c'` is the middle C.
    fn pitch(&mut self) -> Result<(Place, u8), Refusal> {
        let name = self.name()?;
        let place = 7 * (3 + self.octave_marks()) + step_number(name.step);
        self.sounding(name, place)
    }

    fn relative_pitch(&mut self) -> Result<(Place, u8), Refusal> {
        let name = self.name()?;
        let step = step_number(name.step);
        let up = (step - self.reference).rem_euclid(7);
        let nearest = self.reference + if up <= 3 { up } else { up - 7 };
        let place = nearest + 7 * self.octave_marks();
        self.take_while(|c| c == '!' || c == '?');
        self.sounding(name, place)
    }

    fn sounding(&self, name: PitchName, place: Place) -> Result<(Place, u8), Refusal> {
        let octave = place.div_euclid(7);
        let pitch = 12 * (octave + 1) + i32::from(name.step.pitch_class()) + i32::from(name.alter);
        match u8::try_from(pitch).ok().filter(|pitch| *pitch < 128) {
            Some(pitch) => Ok((place, pitch)),
            None => Err(self.refuse("a note out of range")),
        }
    }

    /// `4`, `2.`, `1*3/4`, or nothing for the last one.
    fn duration(&mut self) -> Result<Quarters, Refusal> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Ok(self.duration);
        }
        let value = digits
            .parse::<i64>()
            .ok()
            .filter(|value| (1..=128).contains(value) && value.count_ones() == 1);
        let Some(value) = value else {
            return Err(self.refuse("an unknown duration"));
        };
        let dots = self.take_while(|c| c == '.').len().min(4) as u32;
        let mut duration = Quarters::new(4, value) * Quarters::new((2 << dots) - 1, 1 << dots);
        while self.accept('*') {
            let upper = self.number().filter(|upper| (1..=256).contains(upper));
            let lower = if self.accept('/') {
                self.number()
            } else {
                Some(1)
            };
            let lower = lower.filter(|lower| (1..=MAX_TUPLET).contains(lower));
            let (Some(upper), Some(lower)) = (upper, lower) else {
                return Err(self.refuse("an unknown duration"));
            };
            duration *= Quarters::new(upper, lower);
        }
        self.duration = duration;
        Ok(duration)
    }

    fn chord(&mut self) -> Result<(), Refusal> {
        let root = self.name()?;
        self.octave_marks();
        let duration = self.duration()?;
        let modifiers = if self.accept(':') {
            self.modifiers()
        } else {
            String::new()
        };
        let bass = if self.accept('/') {
            self.accept('+');
            Some(self.name()?)
        } else {
            None
        };
        let Some(quality) = quality(&modifiers) else {
            return Err(self.refuse("an unknown chord"));
        };
        let chord = ChordSymbol {
            root: self.transposed(root)?,
            quality,
            bass: bass.map(|bass| self.transposed(bass)).transpose()?,
        };
        self.push_chord(Some(chord))?;
        self.advance(duration);
        Ok(())
    }

    /// `m7.5-`: a name, then numbers with signs and dots between them.
    fn modifiers(&mut self) -> String {
        let rest: String = self.text[self.at..].iter().take(4).collect();
        let names = ["maj", "min", "dim", "aug", "sus", "m"];
        let name = names.into_iter().find(|name| rest.starts_with(name));
        self.at += name.map_or(0, str::len);
        let numbers = self.take_while(|c| c.is_ascii_digit() || "+-.".contains(c));
        let name = name.map_or("", |name| if name == "min" { "m" } else { name });
        format!("{name}{}", numbers.trim_end_matches('.'))
    }

    fn transposed(&self, name: PitchName) -> Result<PitchName, Refusal> {
        let fifths = name.fifths() + self.transposition;
        PitchName::from_fifths(fifths).ok_or_else(|| self.refuse("too many accidentals"))
    }

    fn push_chord(&mut self, chord: Option<ChordSymbol>) -> Result<(), Refusal> {
        if self.music.chords.len() >= self.max_notes {
            return Err(self.refuse("more chords than are read"));
        }
        let onset = self.music.end;
        self.music.chords.push(ChordChange { onset, chord });
        Ok(())
    }

    fn run_command(&mut self, depth: usize) -> Result<(), Refusal> {
        let command = self.command()?;
        match command.as_str() {
            "time" => self.metre(),
            "key" => self.key(),
            "partial" => {
                self.skip_space();
                let length = self.duration()?;
                self.music.partials.push((self.music.end, length));
                Ok(())
            }
            "skip" => {
                self.skip_space();
                let length = self.duration()?;
                self.advance(length);
                Ok(())
            }
            // One beat drawn as a slash.
            "rsq" => {
                self.advance(Quarters::from_integer(1));
                Ok(())
            }
            "chordSlash" => {
                let beats = self.number().unwrap_or(1).min(16);
                self.advance(Quarters::from_integer(beats));
                Ok(())
            }
            "tuplet" | "times" => self.tuplet(command == "tuplet", depth),
            "repeat" => self.repeat(depth),
            "alternative" => self.endings(depth),
            "grace" | "acciaccatura" | "appoggiatura" => self.grace_notes(depth),
            "transpose" => self.transposition(depth),
            "tempoFour" => self.tempo(1.0),
            "tempoTwo" => self.tempo(2.0),
            "tempo" | "set" | "override" | "unset" | "revert" | "once" => {
                self.take_while(|c| c != '\n');
                Ok(())
            }
            "markup" => {
                self.skip_markup();
                Ok(())
            }
            section if section.starts_with("sect") => {
                self.section();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn metre(&mut self) -> Result<(), Refusal> {
        let metre = self.fraction().and_then(|(count, unit)| {
            Metre::new(u8::try_from(count).ok()?, u8::try_from(unit).ok()?)
        });
        let Some(metre) = metre else {
            return Err(self.refuse("an unknown time signature"));
        };
        self.music.metres.push((self.music.end, metre));
        Ok(())
    }

    fn key(&mut self) -> Result<(), Refusal> {
        self.skip_space();
        let tonic = if self.peek() == Some('\\') {
            let variable = self.command()?;
            let word = self.definitions.word_of(&variable);
            let word: Vec<char> = word.unwrap_or_default().chars().collect();
            let limits = Limits::DEFAULT;
            Reader::new(
                &word,
                0,
                self.language,
                self.kind,
                self.definitions,
                &limits,
            )
            .name()
        } else {
            self.name()
        }?;
        self.skip_space();
        let mode = match self.command()?.as_str() {
            "major" => Mode::Major,
            "minor" => Mode::Minor,
            _ => return Err(self.refuse("an unknown mode")),
        };
        match Key::on(tonic, mode) {
            Some(key) => self.music.keys.push((self.music.end, key)),
            None => return Err(self.refuse("an unknown key")),
        }
        Ok(())
    }

    /// `\tuplet 3/2 { }` plays three in the time of two, `\times 2/3 { }` says the same.
    fn tuplet(&mut self, more_first: bool, depth: usize) -> Result<(), Refusal> {
        let known = 1..=MAX_TUPLET;
        let Some((first, second)) = self
            .fraction()
            .filter(|(first, second)| known.contains(first) && known.contains(second))
        else {
            return Err(self.refuse("an unknown tuplet"));
        };
        if self.tuplets >= MAX_TUPLET_DEPTH {
            return Err(self.refuse("too many tuplets within one another"));
        }
        self.skip_space();
        self.duration()?;
        let outer = self.scale;
        self.scale *= if more_first {
            Quarters::new(second, first)
        } else {
            Quarters::new(first, second)
        };
        self.tuplets += 1;
        self.group(depth + 1)?;
        self.tuplets -= 1;
        self.scale = outer;
        Ok(())
    }

    /// The body is written once.
    fn repeat(&mut self, depth: usize) -> Result<(), Refusal> {
        self.skip_space();
        self.take_while(|c| c.is_ascii_alphabetic());
        self.number();
        self.group(depth + 1)
    }

    fn endings(&mut self, depth: usize) -> Result<(), Refusal> {
        self.skip_space();
        if !self.accept('{') {
            return Err(self.refuse("a brace was expected"));
        }
        let mut endings = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some('}') => break,
                Some('{') => {
                    let onset = self.music.end;
                    self.group(depth + 1)?;
                    endings.push((onset, self.music.end));
                }
                Some('\\') => {
                    self.command()?;
                    self.skip_space();
                    self.take_while(|c| c.is_ascii_digit() || c == ',');
                }
                _ => return Err(self.refuse("an ending was expected")),
            }
        }
        self.at += 1;
        self.music.endings.push(endings);
        Ok(())
    }

    /// They count for `\relative` only.
    fn grace_notes(&mut self, depth: usize) -> Result<(), Refusal> {
        let (duration, outer) = (self.duration, self.grace);
        self.grace = true;
        self.skip_space();
        self.item(depth)?;
        self.grace = outer;
        self.duration = duration;
        Ok(())
    }

    fn transposition(&mut self, depth: usize) -> Result<(), Refusal> {
        if self.kind == Kind::Melody {
            return Err(self.refuse("a transposed melody"));
        }
        self.skip_space();
        let from = self.name()?;
        self.octave_marks();
        self.skip_space();
        let to = self.name()?;
        self.octave_marks();
        let outer = self.transposition;
        self.transposition = to.fifths() - from.fifths();
        self.group(depth + 1)?;
        self.transposition = outer;
        Ok(())
    }

    /// `\tempoFour "Slow [Somebody 1921]" 90`; the number counts quarters, times `quarters`.
    fn tempo(&mut self, quarters: f64) -> Result<(), Refusal> {
        self.skip_space();
        if self.peek() == Some('"') {
            self.at = string_end(self.text, self.at);
        }
        if let Some(beats) = self.number() {
            self.music.tempos.push(TempoChange {
                onset: self.music.end,
                tempo: Tempo::from_bpm(beats as f64 * quarters),
            });
        }
        Ok(())
    }

    fn section(&mut self) {
        self.skip_space();
        if self.peek() == Some('"') {
            let end = string_end(self.text, self.at);
            let name = &self.text[self.at + 1..end.saturating_sub(1).max(self.at + 1)];
            self.music.sections.push(Section {
                onset: self.music.end,
                name: name.iter().take(100).collect(),
            });
            self.at = end;
        }
    }

    /// `\markup \bold \box "A1"` or `\markup { ... }`.
    fn skip_markup(&mut self) {
        loop {
            self.skip_space();
            match self.peek() {
                Some('\\') => {
                    self.at += 1;
                    self.take_while(|c| c.is_ascii_alphabetic() || c == '-');
                }
                Some('#') => self.skip_scheme(),
                Some('"') => {
                    self.at = string_end(self.text, self.at);
                    return;
                }
                Some('{') => {
                    self.at = balanced_end(self.text, self.at, '{', '}');
                    return;
                }
                _ => return,
            }
        }
    }
}

fn step_number(step: Step) -> i32 {
    match step {
        Step::C => 0,
        Step::D => 1,
        Step::E => 2,
        Step::F => 3,
        Step::G => 4,
        Step::A => 5,
        Step::B => 6,
    }
}
