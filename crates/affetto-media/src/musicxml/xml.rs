use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};

use super::document::malformed;
use crate::{Error, Limits};

/// The elements and attributes that are looked at; everything else is passed over unread.
const NAMES: &[&str] = &[
    "accidental",
    "alter",
    "attack",
    "attributes",
    "backup",
    "barline",
    "bass",
    "bass-alter",
    "bass-step",
    "beat-type",
    "beat-unit",
    "beat-unit-dot",
    "beats",
    "chord",
    "chromatic",
    "container",
    "creator",
    "cue",
    "degree",
    "degree-alter",
    "degree-type",
    "degree-value",
    "diatonic",
    "direction",
    "direction-type",
    "display-octave",
    "display-step",
    "divisions",
    "double",
    "duration",
    "dynamics",
    "ending",
    "fifths",
    "forward",
    "full-path",
    "grace",
    "harmony",
    "id",
    "identification",
    "implicit",
    "instrument",
    "instrument-name",
    "key",
    "kind",
    "location",
    "lyric",
    "measure",
    "metronome",
    "midi-channel",
    "midi-instrument",
    "midi-program",
    "midi-unpitched",
    "miscellaneous",
    "miscellaneous-field",
    "mode",
    "movement-title",
    "name",
    "note",
    "number",
    "octave",
    "octave-change",
    "offset",
    "part",
    "part-list",
    "part-name",
    "per-minute",
    "pitch",
    "rehearsal",
    "release",
    "repeat",
    "rest",
    "root",
    "root-alter",
    "root-step",
    "rootfile",
    "rootfiles",
    "score-instrument",
    "score-part",
    "score-partwise",
    "score-timewise",
    "senza-misura",
    "sound",
    "staff",
    "step",
    "tempo",
    "text",
    "tie",
    "time",
    "times",
    "transpose",
    "type",
    "unpitched",
    "voice",
    "words",
    "work",
    "work-title",
];

fn known(name: &[u8]) -> Option<&'static str> {
    let place = NAMES.binary_search_by(|known| known.as_bytes().cmp(name));
    place.ok().map(|index| NAMES[index])
}

/// An opening tag.
pub(super) struct Tag<'x> {
    /// The name, empty where it is none that is looked at.
    pub name: &'static str,
    attributes: Vec<(&'static str, Cow<'x, str>)>,
}

impl Tag<'_> {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_ref())
    }
}

/// An element with all that is in it and looked at.
pub(super) struct Element<'x> {
    tag: Tag<'x>,
    text: String,
    pub children: Vec<Element<'x>>,
}

impl<'x> Element<'x> {
    pub fn name(&self) -> &'static str {
        self.tag.name
    }

    pub fn text(&self) -> &str {
        self.text.trim()
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.tag.attribute(name)
    }

    pub fn child(&self, name: &str) -> Option<&Self> {
        self.named(name).next()
    }

    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(Self::text)
    }

    pub fn has(&self, name: &str) -> bool {
        self.child(name).is_some()
    }

    pub fn named<'e>(&'e self, name: &str) -> impl Iterator<Item = &'e Element<'x>> {
        self.children
            .iter()
            .filter(move |child| child.name() == name)
    }
}

enum Token<'x> {
    Start(Tag<'x>),
    End,
    Text(Cow<'x, str>),
    EndOfFile,
}

/// Reads XML from front to back, and holds one element of a measure at a time. It expands none but
/// the five named entities, and counts elements and depth against the limits as it goes.
pub(super) struct Reader<'x> {
    reader: quick_xml::Reader<&'x [u8]>,
    text: &'x str,
    limits: Limits,
    elements: usize,
    depth: usize,
}

impl<'x> Reader<'x> {
    pub fn new(text: &'x str, limits: &Limits) -> Self {
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            text,
            limits: *limits,
            elements: 0,
            depth: 0,
        }
    }

    /// The outermost element.
    pub fn root(&mut self) -> Result<Tag<'x>, Error> {
        loop {
            match self.next()? {
                Token::Start(tag) => return Ok(tag),
                Token::End | Token::EndOfFile => {
                    return Err(malformed(self.line(), "there is no XML element"));
                }
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) => return Err(malformed(self.line(), "this is not XML")),
            }
        }
    }

    /// The next child of the element that is open, or nothing at its end.
    pub fn child(&mut self) -> Result<Option<Tag<'x>>, Error> {
        loop {
            match self.next()? {
                Token::Start(tag) => return Ok(Some(tag)),
                Token::End => return Ok(None),
                Token::Text(_) => {}
                Token::EndOfFile => return Err(malformed(self.line(), "the file ends too early")),
            }
        }
    }

    /// Passes over the element that `child` opened.
    pub fn skip(&mut self) -> Result<(), Error> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if let Token::EndOfFile = self.next()? {
                return Err(malformed(self.line(), "the file ends too early"));
            }
        }
        Ok(())
    }

    /// All that is in the element that `tag` opened.
    pub fn element(&mut self, tag: Tag<'x>) -> Result<Element<'x>, Error> {
        let mut element = Element {
            tag,
            text: String::new(),
            children: Vec::new(),
        };
        loop {
            match self.next()? {
                Token::Start(tag) if tag.name.is_empty() => self.skip()?,
                Token::Start(tag) => {
                    let child = self.element(tag)?;
                    element.children.push(child);
                }
                Token::Text(text) => element.text.push_str(&text),
                Token::End => return Ok(element),
                Token::EndOfFile => return Err(malformed(self.line(), "the file ends too early")),
            }
        }
    }

    /// The line that was read last.
    pub fn line(&self) -> String {
        let read = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let before = &self.text.as_bytes()[..read.min(self.text.len())];
        let breaks = before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {}", breaks + 1)
    }

    fn next(&mut self) -> Result<Token<'x>, Error> {
        loop {
            let event = self.reader.read_event();
            match event.map_err(|error| malformed(self.line(), error))? {
                Event::Start(start) => return self.start(&start).map(Token::Start),
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(Token::End);
                }
                Event::Text(text) => {
                    let text = text
                        .decode()
                        .map_err(|error| malformed(self.line(), error))?;
                    return Ok(Token::Text(text));
                }
                Event::CData(text) => {
                    let text = text
                        .decode()
                        .map_err(|error| malformed(self.line(), error))?;
                    return Ok(Token::Text(text));
                }
                Event::GeneralRef(reference) => return self.reference(&reference),
                Event::Eof => return Ok(Token::EndOfFile),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) => {}
                Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'x>) -> Result<Tag<'x>, Error> {
        self.elements += 1;
        self.depth += 1;
        let check = |what, found: usize, limit: usize| match found > limit {
            true => Err(Error::Limit {
                what,
                limit: limit as u64,
                found: found as u64,
            }),
            false => Ok(()),
        };
        check("XML elements", self.elements, self.limits.events)?;
        check("levels of XML elements", self.depth, self.limits.depth)?;
        let Some(name) = known(start.name().as_ref()) else {
            return Ok(Tag {
                name: "",
                attributes: Vec::new(),
            });
        };
        Ok(Tag {
            name,
            attributes: self.attributes(start)?,
        })
    }

    fn attributes(
        &self,
        start: &BytesStart<'x>,
    ) -> Result<Vec<(&'static str, Cow<'x, str>)>, Error> {
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| malformed(self.line(), error))?;
            let Some(name) = known(attribute.key.as_ref()) else {
                continue;
            };
            if attributes.iter().any(|(other, _)| *other == name) {
                return Err(malformed(self.line(), format!("two attributes {name:?}")));
            }
            let value = attribute
                .unescape_value()
                .map_err(|error| malformed(self.line(), error))?;
            attributes.push((name, Cow::Owned(value.into_owned())));
        }
        Ok(attributes)
    }

    fn reference(&self, reference: &BytesRef<'x>) -> Result<Token<'x>, Error> {
        let failed = |error: quick_xml::Error| malformed(self.line(), error);
        if let Some(character) = reference.resolve_char_ref().map_err(failed)? {
            return Ok(Token::Text(Cow::Owned(character.into())));
        }
        let name = reference
            .decode()
            .map_err(|error| malformed(self.line(), error))?;
        match quick_xml::escape::resolve_predefined_entity(&name) {
            Some(text) => Ok(Token::Text(Cow::Borrowed(text))),
            None => Err(malformed(
                self.line(),
                format!("the entity &{name}; is not expanded"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn text_is_put_together_from_its_pieces() {
        let text = "<!DOCTYPE words [<!ENTITY x 'y'>]><words>a &amp; b&#x21; <![CDATA[<c>]]><i>d</i></words>";
        let mut reader = Reader::new(text, &Limits::DEFAULT);
        let root = reader.root().unwrap();
        assert_eq!(reader.element(root).unwrap().text(), "a & b! <c>");
    }
}
