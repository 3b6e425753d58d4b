//! Where something stands in a manifest of one document. JSON is read as the YAML that it is.

use serde_saphyr::granit_parser::{Event, Parser};

/// The line, from 1, of job `job` counted from 0, or of one of its fields.
pub(super) fn of_job(text: &str, job: usize, field: Option<&str>) -> Option<usize> {
    let mut events = Events::new(text);
    events.enter_field("jobs")?;
    events.enter_element(job)?;
    match field {
        None => Some(events.line),
        Some(field) => {
            let line = events.line;
            Some(events.enter_field(field).unwrap_or(line))
        }
    }
}

/// The line of a field of the document.
pub(super) fn of_head(text: &str, field: &str) -> Option<usize> {
    Events::new(text).enter_field(field)
}

/// A value begins at the event at hand.
struct Events<'a> {
    parser: Box<dyn Iterator<Item = (Kind, String, usize)> + 'a>,
    now: Kind,
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    Map,
    List,
    End,
}

impl<'a> Events<'a> {
    fn new(text: &'a str) -> Self {
        let parser = Parser::new_from_str(text).map_while(Result::ok);
        let parser = parser.filter_map(|(event, span)| {
            let line = span.start.line();
            Some(match event {
                Event::Scalar(text, ..) => (Kind::Scalar, text.into_owned(), line),
                Event::Alias(..) => (Kind::Scalar, String::new(), line),
                Event::SequenceStart(..) => (Kind::List, String::new(), line),
                Event::MappingStart(..) => (Kind::Map, String::new(), line),
                Event::SequenceEnd | Event::MappingEnd => (Kind::End, String::new(), line),
                _ => return None,
            })
        });
        let mut events = Self {
            parser: Box::new(parser),
            now: Kind::End,
            line: 1,
        };
        events.next();
        events
    }

    fn next(&mut self) -> Option<String> {
        let (kind, text, line) = self.parser.next()?;
        (self.now, self.line) = (kind, line);
        Some(text)
    }

    /// From a map to the value of `field`; returns the line of its name.
    fn enter_field(&mut self, field: &str) -> Option<usize> {
        if self.now != Kind::Map {
            return None;
        }
        loop {
            let name = self.next()?;
            if self.now == Kind::End {
                return None;
            }
            let line = self.line;
            if self.now != Kind::Scalar {
                self.skip()?;
            }
            self.next()?;
            if name == field {
                return Some(line);
            }
            self.skip()?;
        }
    }

    /// From a list to its element `at`.
    fn enter_element(&mut self, at: usize) -> Option<()> {
        if self.now != Kind::List {
            return None;
        }
        for _ in 0..at {
            self.next()?;
            self.skip()?;
        }
        self.next()?;
        (self.now != Kind::End).then_some(())
    }

    /// To the last event of the value that begins here.
    fn skip(&mut self) -> Option<()> {
        let mut depth = usize::from(matches!(self.now, Kind::Map | Kind::List));
        while depth > 0 {
            self.next()?;
            match self.now {
                Kind::Map | Kind::List => depth += 1,
                Kind::End => depth -= 1,
                Kind::Scalar => {}
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "schema: batch/1
defaults:
  bars: 8
jobs:
  # the first
  - {id: a, kind: music.piano, matrix: {key: [C major, A minor]}, out: a.mid}

  - id: b
    kind: music.piano
    emotion:
      valence: 0.5
    out: b.mid
";

    #[test]
    fn jobs_and_fields_are_found_by_line() {
        assert_eq!(of_job(YAML, 0, None), Some(6));
        assert_eq!(of_job(YAML, 1, None), Some(8));
        assert_eq!(of_job(YAML, 1, Some("emotion")), Some(10));
        assert_eq!(of_job(YAML, 1, Some("out")), Some(12));
        assert_eq!(of_job(YAML, 1, Some("none")), Some(8));
        assert_eq!(of_job(YAML, 2, None), None);
        assert_eq!(of_head(YAML, "defaults"), Some(2));
    }

    #[test]
    fn so_they_are_in_json() {
        let json = "{\"jobs\": [\n{\"id\": \"a\"},\n{\"id\": \"b\",\n\"bars\": 8}]}";
        assert_eq!(of_job(json, 0, None), Some(2));
        assert_eq!(of_job(json, 1, Some("bars")), Some(4));
    }
}
