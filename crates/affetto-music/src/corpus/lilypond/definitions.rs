use std::collections::BTreeMap;

use affetto_media::Limits;

use super::{
    Refusal,
    music::{Kind, Music, Reader},
};

/// The names of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// `fs`, `bf`.
    English,
    /// `fis`, `bes`.
    Dutch,
}

/// The variables of a file.
pub(super) struct Definitions {
    text: Vec<char>,
    /// Where the value of each begins; the last definition of a name counts.
    values: BTreeMap<String, Value>,
}

struct Value {
    start: usize,
    language: Language,
}

impl Definitions {
    pub(super) fn of(text: &str) -> Self {
        let text = without_comments(text);
        let values = values(&text);
        Self { text, values }
    }

    pub(super) fn names_ending_in(&self, suffix: &str) -> Vec<String> {
        let names = self.values.keys();
        names
            .filter(|name| name.ends_with(suffix))
            .cloned()
            .collect()
    }

    /// The string that `name` stands for; empty where it stands for none.
    pub(super) fn text_of(&self, name: &str) -> String {
        let Some(value) = self.values.get(name) else {
            return String::new();
        };
        let mut rest = self.text[value.start..]
            .iter()
            .skip_while(|c| c.is_whitespace());
        if rest.next() != Some(&'"') {
            return String::new();
        }
        rest.take_while(|c| **c != '"').collect()
    }

    /// The bare word that `name` stands for, as in `refrainKey = bf`.
    pub(super) fn word_of(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        let rest = self.text[value.start..]
            .iter()
            .skip_while(|c| c.is_whitespace());
        let word: String = rest.take_while(|c| c.is_ascii_lowercase()).collect();
        (!word.is_empty()).then_some(word)
    }

    pub(super) fn melody(&self, name: &str, limits: &Limits) -> Result<Music, Refusal> {
        self.music(name, Kind::Melody, limits)
    }

    pub(super) fn chords(&self, name: &str, limits: &Limits) -> Result<Music, Refusal> {
        self.music(name, Kind::Chords, limits)
    }

    fn music(&self, name: &str, kind: Kind, limits: &Limits) -> Result<Music, Refusal> {
        let value = self.values.get(name).ok_or(Refusal::NoMelody)?;
        Reader::new(&self.text, value.start, value.language, kind, self, limits).read()
    }
}

/// The text with comments turned into spaces; line breaks stay.
fn without_comments(text: &str) -> Vec<char> {
    let mut plain: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut quoted = false;
    while at < plain.len() {
        match plain[at] {
            '\\' if quoted => at += 1,
            '"' => quoted = !quoted,
            '%' if !quoted => {
                let end = comment_end(&plain, at);
                for c in &mut plain[at..end] {
                    if *c != '\n' {
                        *c = ' ';
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    plain
}

fn comment_end(text: &[char], start: usize) -> usize {
    if text.get(start + 1) == Some(&'{') {
        let close = text[start..].windows(2).position(|pair| pair == ['%', '}']);
        close.map_or(text.len(), |length| start + length + 2)
    } else {
        let line_end = text[start..].iter().position(|c| *c == '\n');
        line_end.map_or(text.len(), |length| start + length)
    }
}

fn values(text: &[char]) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut language = Language::English;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            '"' => {
                let end = string_end(text, at);
                let string: String = text[at + 1..end.saturating_sub(1).max(at + 1)]
                    .iter()
                    .collect();
                match string.as_str() {
                    "english.ly" => language = Language::English,
                    "nederlands.ly" => language = Language::Dutch,
                    _ => {}
                }
                at = end;
            }
            '{' => at = balanced_end(text, at, '{', '}'),
            '(' => at = balanced_end(text, at, '(', ')'),
            '\\' => at = word_end(text, at + 1),
            c if c.is_ascii_alphabetic() => {
                let end = word_end(text, at);
                let name: String = text[at..end].iter().collect();
                at = end + text[end..].iter().take_while(|c| c.is_whitespace()).count();
                if text.get(at) == Some(&'=') {
                    at += 1;
                    let start = at;
                    values.insert(name, Value { start, language });
                    at += text[at..].iter().take_while(|c| c.is_whitespace()).count();
                    if text.get(at).is_some_and(|c| c.is_ascii_alphabetic()) {
                        at = word_end(text, at);
                    }
                }
            }
            _ => at += 1,
        }
    }
    values
}

fn word_end(text: &[char], start: usize) -> usize {
    let length = text[start.min(text.len())..]
        .iter()
        .take_while(|c| c.is_ascii_alphabetic())
        .count();
    (start + length).min(text.len())
}

/// Behind the string that begins at `start`.
pub(super) fn string_end(text: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// Behind what closes the bracket at `start`; strings may hold brackets.
pub(super) fn balanced_end(text: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < text.len() {
        match text[at] {
            '"' => {
                at = string_end(text, at);
                continue;
            }
            c if c == open => depth += 1,
            c if c == close => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}
