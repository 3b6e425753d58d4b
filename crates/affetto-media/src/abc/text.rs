//! From bytes to the lines of each tune.

use crate::{Error, Format, Limits};

/// One tune of a file.
pub(super) struct Tune<'a> {
    /// The defaults (`L:`, `M:`) that stand before the first tune.
    pub preamble: &'a str,
    /// Its lines.
    pub text: &'a str,
    /// The number of its first line, from 1.
    pub first_line: usize,
}

/// `Error::Limit` where `found` is more than `limit`.
pub(super) fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        what,
        limit: limit as u64,
        found: found as u64,
    })
}

/// The text with `\n` line ends: UTF-8 or, where it is not valid as that, ISO 8859-1.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<String, Error> {
    within(
        "bytes",
        bytes.len(),
        usize::try_from(limits.bytes).unwrap_or(usize::MAX),
    )?;
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Error::Malformed {
            format: Format::Abc,
            place: format!("byte {offset}"),
            reason: "a zero byte, so this is not text".into(),
        });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    Ok(if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    })
}

/// How much of what stands before the first tune is looked at, since every tune looks at it.
const PREAMBLE_BYTES: usize = 4096;

/// The tunes in order. One begins at `X:` and ends before the next one or at a blank line after its
/// key; a file without `X:` that has a key is one tune.
pub(super) fn tunes(text: &str) -> impl Iterator<Item = Tune<'_>> {
    let start = tune_start(text);
    let before = &text[..start.unwrap_or(0)];
    let preamble = &before[..before.floor_char_boundary(PREAMBLE_BYTES)];
    let mut rest = &text[start.unwrap_or(0)..];
    let mut line = 1 + newlines(before);
    let mut done = start.is_none() && !text.lines().any(|line| line.starts_with("K:"));
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let next = rest
            .find('\n')
            .and_then(|end| Some(end + 1 + tune_start(&rest[end + 1..])?));
        let (tune, after) = rest.split_at(next.unwrap_or(rest.len()));
        let first_line = line;
        line += newlines(tune);
        rest = after;
        done = next.is_none();
        Some(Tune {
            preamble,
            text: tune,
            first_line,
        })
    })
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn tune_start(text: &str) -> Option<usize> {
    if text.starts_with("X:") {
        return Some(0);
    }
    text.find("\nX:").map(|newline| newline + 1)
}

/// The line up to its comment; `\%` is a percent sign and begins none.
pub(super) fn without_comment(line: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'%' if !escaped => return &line[..at],
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    line
}

/// The field that a line is: its letter and what follows the colon.
pub(super) fn field(line: &str) -> Option<(char, &str)> {
    let letter = line.chars().next()?;
    let value = line[letter.len_utf8()..].strip_prefix(':')?;
    let is_music = value.starts_with(['|', ':']) && matches!(letter, 'A'..='G' | 'a'..='g' | 'z');
    let is_field = (letter.is_ascii_alphabetic() || letter == '+') && !is_music;
    is_field.then_some((letter, value))
}

/// A text of the file as it is meant: escapes resolved, trimmed, at most `limit` characters.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut plain = String::new();
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(if letter.is_control() { ' ' } else { letter });
            continue;
        }
        match letters.next() {
            None => plain.push('\\'),
            Some('u') => plain.extend(unicode(&mut letters)),
            Some(mark @ ('`' | '\'' | '^' | '"' | '~' | 'c' | ',')) => {
                match letters.peek().and_then(|base| accented(mark, *base)) {
                    Some(letter) => {
                        letters.next();
                        plain.push(letter);
                    }
                    None => plain.push(mark),
                }
            }
            Some(other) => plain.push(other),
        }
    }
    let plain = plain.trim();
    plain.chars().take(limit).collect::<String>().trim().into()
}

/// The character of four hexadecimal digits after `\u`.
fn unicode(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let digits: String = letters.clone().take(4).collect();
    let is_code = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let code = is_code.then(|| u32::from_str_radix(&digits, 16).ok())??;
    letters.nth(3);
    char::from_u32(code)
}

/// `\'e` is é (the standard's section 8.2).
fn accented(mark: char, base: char) -> Option<char> {
    let (bases, letters) = match mark {
        '`' => ("AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
        '\'' => ("AEIOUYaeiouy", "ÁÉÍÓÚÝáéíóúý"),
        '^' => ("AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
        '"' => ("AEIOUYaeiouy", "ÄËÏÖÜŸäëïöüÿ"),
        '~' => ("ANOano", "ÃÑÕãñõ"),
        _ => ("Cc", "Çç"),
    };
    let place = bases.chars().position(|letter| letter == base)?;
    letters.chars().nth(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(plain(r" Caf\'e \% \\ \u00e9 ", 100), r"Café % \ é");
        assert_eq!(plain("abcdef", 3), "abc");
        assert_eq!(plain(r"\u12", 100), "12");
        assert_eq!(plain("\\", 100), "\\");
    }

    #[test]
    fn comments_end_the_line() {
        assert_eq!(without_comment("abc % def"), "abc ");
        assert_eq!(without_comment(r"T:50\% off"), r"T:50\% off");
        assert_eq!(without_comment(r"a\\%b"), r"a\\");
    }

    #[test]
    fn tunes_are_told_apart() {
        let book = "L:1/8\n\nX:1\nK:C\nC\n\nX:2\nK:D\nD\n";
        let tunes: Vec<_> = tunes(book).collect();
        assert_eq!(tunes.len(), 2);
        assert_eq!((tunes[0].first_line, tunes[1].first_line), (3, 7));
        assert!(tunes[1].text.starts_with("X:2"));
    }
}
