//! The music code of one line, symbol by symbol.

use crate::Step;

/// A length as a fraction of the unit length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub numerator: i64,
    pub denominator: i64,
}

impl Length {
    pub const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };
}

/// A note head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub step: Step,
    /// 0 is the octave of middle C.
    pub octave: i32,
    /// Semitones up from the natural note, where an accidental stands.
    pub accidental: Option<i8>,
    pub length: Length,
    /// Tied by a sign inside the chord.
    pub tied: bool,
}

/// One symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A note, or a chord of notes; a chord may have a length of its own.
    Notes {
        heads: Vec<Head>,
        length: Length,
    },
    Rest(Length),
    /// So many bars of rest.
    BarsOfRest(i64),
    Tie,
    /// `>` is 1, `<<` is -2.
    Broken(i8),
    /// `notes` notes in the time of `time`, for the next `over`.
    Tuplet {
        notes: i64,
        time: Option<i64>,
        over: Option<i64>,
    },
    /// A bar line; a plain one is a single `|`.
    BarLine {
        plain: bool,
    },
    /// A text in quotes.
    Quoted(&'a str),
    /// An inline field.
    Field(char, &'a str),
    /// `&`: what follows until the bar line is another layer.
    Overlay,
}

/// The symbols of a line. After an error it has no more.
pub(super) struct Tokens<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    /// The column after the last symbol, from 1.
    pub fn column(&self) -> usize {
        self.line[..self.at].chars().count()
    }

    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn eat_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        &self.line[start..self.at]
    }

    /// What stands before the next `close`, which is passed.
    fn until(&mut self, close: char) -> Option<&'a str> {
        let end = self.line[self.at..].find(close)?;
        let inside = &self.line[self.at..self.at + end];
        self.at += end + close.len_utf8();
        Some(inside)
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        let digits = self.eat_while(|byte| byte.is_ascii_digit());
        match digits {
            "" => Ok(None),
            digits if digits.len() <= 9 => digits.parse().map(Some).map_err(|_| digits.into()),
            _ => Err("a number with more than nine digits".into()),
        }
    }

    /// `2`, `/2`, `3/2`, `//`, or nothing for 1.
    fn length(&mut self) -> Result<Length, String> {
        let numerator = self.number()?.unwrap_or(1);
        let slashes = self.eat_while(|byte| byte == b'/').len();
        let denominator = match (slashes, self.number()?) {
            (0, _) => 1,
            (1, Some(denominator)) => denominator,
            (1..=10, None) => 1 << slashes,
            _ => return Err("a note length with too many slashes".into()),
        };
        if numerator == 0 || denominator == 0 {
            return Err(format!("a note length of {numerator}/{denominator}"));
        }
        Ok(Length {
            numerator,
            denominator,
        })
    }

    fn next_token(&mut self) -> Result<Option<Token<'a>>, String> {
        while let Some(byte) = self.peek() {
            if let Some(token) = self.token_at(byte)? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }

    /// The symbol that begins with `byte`, or nothing for one that is passed over.
    fn token_at(&mut self, byte: u8) -> Result<Option<Token<'a>>, String> {
        let skip = |tokens: &mut Self| {
            tokens.at += 1;
            Ok(None)
        };
        match byte {
            b'A'..=b'G' | b'a'..=b'g' | b'^' | b'_' | b'=' => self.note().map(Some),
            b'z' | b'x' => self.rest().map(Some),
            b'Z' | b'X' => self.bars_of_rest().map(Some),
            b'|' | b':' => Ok(Some(self.bar_line())),
            b'[' => self.bracket().map(Some),
            b'(' => self.tuplet_or_slur(),
            b'"' => self.quoted().map(Some),
            b'>' | b'<' => self.broken(byte).map(Some),
            b'-' => Ok(Some(self.tie())),
            b'&' => {
                self.at += 1;
                Ok(Some(Token::Overlay))
            }
            b'{' => {
                self.at += 1;
                self.until('}').ok_or("grace notes without their }")?;
                Ok(None)
            }
            b'!' | b'+' => {
                self.decoration(byte);
                Ok(None)
            }
            b'y' => {
                self.at += 1;
                self.length()?;
                Ok(None)
            }
            // A bracket that closes an invisible bar line or a first ending.
            b']' => {
                self.at += 1;
                Ok(Some(Token::BarLine { plain: false }))
            }
            b'H'..=b'W' | b'h'..=b'w' | b'~' | b'.' | b')' => skip(self),
            b' ' | b'\t' | b'`' | b'\\' | b'$' | b'*' | b'#' | b';' | b'?' | b'@' | b',' => {
                skip(self)
            }
            _ => Err(format!(
                "{:?}, which is no music",
                self.line[self.at..].chars().next().unwrap_or(' ')
            )),
        }
    }

    fn head(&mut self) -> Result<Head, String> {
        let accidental = match self.eat_while(|byte| matches!(byte, b'^' | b'_' | b'=')) {
            "" => None,
            "^" => Some(1),
            "^^" => Some(2),
            "_" => Some(-1),
            "__" => Some(-2),
            "=" => Some(0),
            signs => return Err(format!("the accidental {signs:?}")),
        };
        let letter = self.peek().map_or(' ', char::from);
        let step = matches!(letter, 'A'..='G' | 'a'..='g')
            .then(|| Step::from_letter(letter))
            .flatten()
            .ok_or("an accidental without its note")?;
        self.at += 1;
        let marks = self.eat_while(|byte| matches!(byte, b',' | b'\''));
        let up: i32 = marks
            .bytes()
            .map(|mark| if mark == b'\'' { 1 } else { -1 })
            .sum();
        let octave = up + i32::from(letter.is_ascii_lowercase());
        Ok(Head {
            step,
            octave,
            accidental,
            length: self.length()?,
            tied: false,
        })
    }

    fn note(&mut self) -> Result<Token<'a>, String> {
        let heads = vec![self.head()?];
        Ok(Token::Notes {
            heads,
            length: Length::ONE,
        })
    }

    fn rest(&mut self) -> Result<Token<'a>, String> {
        self.at += 1;
        self.length().map(Token::Rest)
    }

    fn bars_of_rest(&mut self) -> Result<Token<'a>, String> {
        self.at += 1;
        Ok(Token::BarsOfRest(self.number()?.unwrap_or(1)))
    }

    /// All of `|`, `||`, `|]`, `|:`, `:|`, `::`, `:|2`, `[|`, `|1,3-5`.
    fn bar_line(&mut self) -> Token<'a> {
        let line = self.eat_while(|byte| matches!(byte, b'|' | b':' | b']'));
        let opens = self.peek() == Some(b'[')
            && matches!(self.line.as_bytes().get(self.at + 1), Some(b'|'));
        if opens {
            self.at += 1;
            self.eat_while(|byte| matches!(byte, b'|' | b':' | b']'));
        }
        let ending = self.ending();
        Token::BarLine {
            plain: line == "|" && !opens && ending.is_empty(),
        }
    }

    /// The numbers of an ending: `1`, `1,3`, `2-4`.
    fn ending(&mut self) -> &'a str {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return "";
        }
        self.eat_while(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'-')
    }

    /// What begins with `[`: an inline field, an ending, a bar line or a chord of notes.
    fn bracket(&mut self) -> Result<Token<'a>, String> {
        self.at += 1;
        let bytes = &self.line.as_bytes()[self.at..];
        match bytes {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => {
                let inside = self.until(']').ok_or("an inline field without its ]")?;
                Ok(Token::Field(char::from(*letter), &inside[2..]))
            }
            [b'|', ..] => Ok(match self.bar_line() {
                Token::BarLine { .. } => Token::BarLine { plain: false },
                other => other,
            }),
            [digit, ..] if digit.is_ascii_digit() => {
                self.ending();
                Ok(Token::BarLine { plain: false })
            }
            [b'"', ..] if self.is_named_ending() => {
                self.at += 1;
                self.until('"').ok_or("a text without its closing \"")?;
                Ok(Token::BarLine { plain: false })
            }
            _ => self.chord(),
        }
    }

    /// Whether `"1." ` follows, with its space, which is no chord symbol inside a chord.
    fn is_named_ending(&self) -> bool {
        self.line[self.at + 1..]
            .split_once('"')
            .is_some_and(|(_, after)| after.starts_with([' ', '\t']) || after.is_empty())
    }

    fn chord(&mut self) -> Result<Token<'a>, String> {
        let mut heads: Vec<Head> = Vec::new();
        loop {
            match self.peek().ok_or("a chord of notes without its ]")? {
                b']' => break self.at += 1,
                b'A'..=b'G' | b'a'..=b'g' | b'^' | b'_' | b'=' => heads.push(self.head()?),
                b'-' => {
                    self.tie();
                    if let Some(head) = heads.last_mut() {
                        head.tied = true;
                    }
                }
                b'"' => {
                    self.quoted()?;
                }
                mark @ (b'!' | b'+') => self.decoration(mark),
                b'(' | b')' | b'.' | b' ' | b'\t' | b'~' | b'H'..=b'Z' | b'h'..=b'y' => {
                    self.at += 1;
                }
                _ => return Err("something other than notes inside a chord".into()),
            }
            if heads.len() > 64 {
                return Err("a chord of more than 64 notes".into());
            }
        }
        if heads.is_empty() {
            return Err("a chord without notes".into());
        }
        Ok(Token::Notes {
            heads,
            length: self.length()?,
        })
    }

    /// `(3`, `(3:2`, `(3:2:4`, `(3::4`; a slur is passed over.
    fn tuplet_or_slur(&mut self) -> Result<Option<Token<'a>>, String> {
        self.at += 1;
        let Some(notes) = self.number()? else {
            // The direction of a slur, as abcm2ps has it.
            self.eat_while(|byte| matches!(byte, b',' | b'\''));
            return Ok(None);
        };
        let mut time = None;
        let mut over = None;
        if self.eat(b':') {
            time = self.number()?;
            if self.eat(b':') {
                over = self.number()?;
            }
        }
        Ok(Some(Token::Tuplet { notes, time, over }))
    }

    fn quoted(&mut self) -> Result<Token<'a>, String> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' if !escaped => return Ok(Token::Quoted(&self.line[start..self.at - 1])),
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err("a text without its closing \"".into())
    }

    fn broken(&mut self, sign: u8) -> Result<Token<'a>, String> {
        let count = self.eat_while(|byte| byte == sign).len();
        if count > 3 {
            return Err(format!(
                "a broken rhythm of {count} signs, where 3 are the most"
            ));
        }
        let count = count as i8;
        Ok(Token::Broken(if sign == b'>' { count } else { -count }))
    }

    /// A tie, with its direction as abcm2ps has it.
    fn tie(&mut self) -> Token<'a> {
        self.at += 1;
        self.eat_while(|byte| matches!(byte, b',' | b'\''));
        Token::Tie
    }

    /// `!trill!`; a single `!` ends a line in old files and is passed over.
    fn decoration(&mut self, mark: u8) {
        self.at += 1;
        let end = self.line[self.at..].find(char::from(mark));
        let is_name = |name: &str| name.len() <= 40 && !name.contains(['|', '"']);
        if let Some(end) = end.filter(|end| is_name(&self.line[self.at..self.at + end])) {
            self.at += end + 1;
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = self.next_token().transpose();
        if matches!(token, Some(Err(_))) {
            self.line = &self.line[..self.at.min(self.line.len())];
        }
        token
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tokens(line: &str) -> Vec<Token<'_>> {
        Tokens::new(line).collect::<Result<_, _>>().unwrap()
    }

    fn plain() -> Token<'static> {
        Token::BarLine { plain: true }
    }

    #[test]
    fn a_note_has_accidental_letter_octave_length() {
        let [Token::Notes { heads, .. }] = &tokens("^^c,'3/2")[..] else {
            panic!()
        };
        let head = heads[0];
        assert_eq!((head.step, head.octave), (Step::C, 1));
        assert_eq!(head.accidental, Some(2));
        assert_eq!((head.length.numerator, head.length.denominator), (3, 2));
    }

    #[test]
    fn bar_lines_of_every_kind() {
        let double = Token::BarLine { plain: false };
        assert_eq!(tokens("|"), [plain()]);
        for line in [
            "||",
            "|]",
            "[|",
            "|:",
            ":|",
            "::",
            ":|2",
            "|1,3",
            "[1",
            "[2-4",
            ":||:",
            "[|]",
            "[\"1-3\" ",
        ] {
            assert_eq!(tokens(line), std::slice::from_ref(&double), "{line}");
        }
        assert_eq!(tokens(":|[2").len(), 2);
    }

    #[test]
    fn what_has_no_place_is_passed_over() {
        assert_eq!(tokens("!trill! ~.HLMOPSTuv {/gc} y10 (,) \\ $ `"), []);
        assert_eq!(tokens("! z")[..], [Token::Rest(Length::ONE)]);
    }

    #[test]
    fn brackets_are_told_apart() {
        assert_eq!(tokens("[K:G dor]"), [Token::Field('K', "G dor")]);
        let [Token::Notes { heads, length }] = &tokens("[C-E\"x\"G]/")[..] else {
            panic!()
        };
        assert_eq!((heads.len(), length.denominator), (3, 2));
        assert!(heads[0].tied && !heads[1].tied);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for line in [
            "[CE",
            "\"G",
            "{g",
            "C/0",
            "C0",
            "C1234567890",
            "^",
            "[]",
            "a>>>>b",
            "é",
            "[K:G",
            "C///////////",
        ] {
            let error = Tokens::new(line).find_map(Result::err);
            assert!(error.is_some_and(|reason| !reason.is_empty()), "{line}");
        }
    }
}
