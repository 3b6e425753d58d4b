//! The words inside text events, markers and names.

use std::borrow::Cow;

use affetto_core::one_line;

use crate::{ChordSymbol, Metre, Role};

const NO_CHORD: &str = "N.C.";
const SECTION: &str = "Section";

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// A chord symbol, or `N.C.`.
    Chord(Option<ChordSymbol>),
    /// The name of a section.
    Section(String),
}

impl Marker {
    /// What the marker `text` says. Every text that is no chord symbol names a section.
    pub(super) fn from_text(text: &str) -> Self {
        match chord_from_text(text) {
            Some(chord) => Self::Chord(chord),
            None => Self::Section(name_after_section(text).unwrap_or(text).into()),
        }
    }

    /// The text of this marker.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Chord(Some(chord)) => chord.to_string(),
            Self::Chord(None) => NO_CHORD.into(),
            Self::Section(name) => {
                let is_plain = !name.is_empty()
                    && chord_from_text(name).is_none()
                    && name_after_section(name).is_none();
                if is_plain {
                    name.clone()
                } else {
                    format!("{SECTION} {name}")
                }
            }
        }
    }
}

fn chord_from_text(text: &str) -> Option<Option<ChordSymbol>> {
    match text.trim() {
        "N.C." | "N.C" | "NC" | "n.c." => Some(None),
        text => text.parse().ok().map(Some),
    }
}

fn name_after_section(text: &str) -> Option<&str> {
    let name = text.strip_prefix(SECTION)?;
    (name.is_empty() || name.starts_with(' ')).then(|| name.trim_start())
}

/// What a text event of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// Who made the score.
    Creator(String),
    /// The metre of a bar that is longer or shorter than its metre.
    Metre(Metre),
    /// What a part does.
    Role(Role),
}

impl Remark {
    /// The remark that `text` is, if it is one.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(": ")?;
        match word {
            "Creator" => Some(Self::Creator(rest.into())),
            "Metre" => rest.parse().ok().map(Self::Metre),
            "Role" => Role::from_word(rest).map(Self::Role),
            _ => None,
        }
    }

    /// The text of this remark.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Creator(name) => format!("Creator: {name}"),
            Self::Metre(metre) => format!("Metre: {metre}"),
            Self::Role(role) => format!("Role: {}", role.word()),
        }
    }
}

/// Text as files hold it: UTF-8, or else Latin-1. Control characters become spaces, spaces around it go,
/// and at most `limit` characters stay.
pub(super) fn decode(bytes: &[u8], limit: usize) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    one_line(&text, limit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sections_named_like_chords_stay_sections() {
        for name in [
            "A",
            "C",
            "Verse",
            "",
            "Section",
            "Section A",
            "Section  B",
            "N.C.",
            "Dm7",
            "Sections",
        ] {
            let text = Marker::Section(name.into()).text();
            let Marker::Section(read) = Marker::from_text(text.trim()) else {
                panic!("{name}");
            };
            // Names hold no double spaces after decoding of our own making; this one is trimmed.
            assert_eq!(
                read,
                if name == "Section  B" {
                    "Section  B"
                } else {
                    name
                }
            );
        }
        assert_eq!(Marker::Section("A".into()).text(), "Section A");
        assert_eq!(Marker::Section("Chorus".into()).text(), "Chorus");
    }

    #[test]
    fn chords_are_markers() {
        let chord = Marker::from_text("F#m7b5/A");
        assert_eq!(chord.text(), "F#m7b5/A");
        assert_eq!(Marker::from_text("NC"), Marker::Chord(None));
        assert_eq!(Marker::Chord(None).text(), "N.C.");
    }

    #[test]
    fn foreign_text_is_cleaned() {
        assert_eq!(decode(b"Caf\xe9\0\0", 10), "Café");
        assert_eq!(decode("  Für Elise\r\n".as_bytes(), 100), "Für Elise");
        assert_eq!(decode(b"a\x1b[2Jb", 3), "a [");
    }
}
