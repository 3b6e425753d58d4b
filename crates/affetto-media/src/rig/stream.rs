//! What the readers of long takes share: lines of bounded length, and a look at the first frames.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

/// The longest line that is read, in bytes. A frame needs a few thousand.
pub(super) const LONGEST_LINE: usize = 1 << 16;

/// So many bytes are read at once at first: the table reader takes a byte order mark that comes alone for the end.
const AT_FIRST: usize = 4;

/// What it reads from, until a line is longer than [`LONGEST_LINE`]: a file without line ends would be held in memory
/// as one line.
pub(super) struct ShortLines<R> {
    source: R,
    has_begun: bool,
    since_line_end: usize,
}

impl<R: BufRead> ShortLines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            has_begun: false,
            since_line_end: 0,
        }
    }
}

impl<R: BufRead> Read for ShortLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let least = if self.has_begun { 1 } else { AT_FIRST };
        self.has_begun = true;
        let mut count = 0;
        while count < least {
            match self.source.read(&mut buffer[count..])? {
                0 => break,
                read => count += read,
            }
        }
        for line in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            self.since_line_end += line.len();
            if self.since_line_end > LONGEST_LINE {
                return Err(too_long());
            }
            if line.ends_with(b"\n") {
                self.since_line_end = 0;
            }
        }
        Ok(count)
    }
}

fn too_long() -> io::Error {
    let message = format!("a line of more than {LONGEST_LINE} bytes");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// An iterator whose first items can be looked at before they are taken. It ends after the first error.
pub(super) struct LookAhead<I: Iterator> {
    items: I,
    held: VecDeque<I::Item>,
    has_failed: bool,
}

impl<T, E, I: Iterator<Item = Result<T, E>>> LookAhead<I> {
    pub(super) const fn new(items: I) -> Self {
        Self {
            items,
            held: VecDeque::new(),
            has_failed: false,
        }
    }

    pub(super) const fn items(&self) -> &I {
        &self.items
    }

    /// Up to `count` sound items at the front.
    pub(super) fn first<'a>(&'a mut self, count: usize) -> impl Iterator<Item = &'a T>
    where
        T: 'a,
        E: 'a,
    {
        while self.held.len() < count
            && let Some(item) = self.pull()
        {
            self.held.push_back(item);
        }
        self.held.iter().filter_map(|item| item.as_ref().ok())
    }

    fn pull(&mut self) -> Option<Result<T, E>> {
        if self.has_failed {
            return None;
        }
        let item = self.items.next()?;
        self.has_failed = item.is_err();
        Some(item)
    }
}

impl<T, E, I: Iterator<Item = Result<T, E>>> Iterator for LookAhead<I> {
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Self::Item> {
        self.held.pop_front().or_else(|| self.pull())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_lines_are_bounded() {
        let mut text = Vec::new();
        let many = "line\n".repeat(LONGEST_LINE);
        ShortLines::new(many.as_bytes())
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text.len(), many.len());
        let endless = io::BufReader::new(io::repeat(b'a'));
        let error = ShortLines::new(endless).read_to_end(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_look_changes_nothing_and_errors_end() {
        let items = [Ok(1), Ok(2), Err("three"), Ok(4)];
        let mut ahead = LookAhead::new(items.into_iter());
        assert_eq!(ahead.first(9).collect::<Vec<_>>(), [&1, &2]);
        assert_eq!(ahead.next(), Some(Ok(1)));
        assert_eq!(ahead.collect::<Vec<_>>(), [Ok(2), Err("three")]);
    }
}
