//! Long takes, read and written frame by frame, in whichever format does that.

use std::io::{BufRead, Write};

use affetto_emotion::FrameRate;

use super::{TakeFormat, TakeFrame, arkit_json, check_frames, livelink};
use crate::{Error, Limits};

/// The frames of a file, one by one; memory does not grow with their number. The iteration fails as that of the format
/// does, with [`Error::Limit`] after more frames than are permitted and with [`Error::MalformedTake`] where there are
/// none, and then ends.
pub struct Frames<R: BufRead>(Bounded<Reader<R>>);

enum Reader<R: BufRead> {
    LiveLink(Box<livelink::Frames<R>>),
    Lines(arkit_json::Frames<R>),
}

impl<R: BufRead> Frames<R> {
    /// Reads the beginning of a file. Nothing where its format is read as a whole.
    ///
    /// # Errors
    ///
    /// As [`livelink::Frames::new`].
    pub fn new(source: R, format: TakeFormat, limits: &Limits) -> Result<Option<Self>, Error> {
        let reader = match format {
            TakeFormat::LiveLinkCsv => Reader::LiveLink(Box::new(livelink::Frames::new(source)?)),
            TakeFormat::JsonLines => Reader::Lines(arkit_json::Frames::new(source)),
            TakeFormat::Json | TakeFormat::Glb | TakeFormat::Vrma => return Ok(None),
        };
        Ok(Some(Self(Bounded::new(reader, format, limits))))
    }

    /// The rate that the first frames show. It may be asked before the first frame is taken.
    pub fn rate(&mut self) -> Option<FrameRate> {
        match &mut self.0.frames {
            Reader::LiveLink(frames) => frames.rate(),
            Reader::Lines(frames) => frames.rate(),
        }
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::LiveLink(frames) => frames.next(),
            Self::Lines(frames) => frames.next(),
        }
    }
}

/// Frames of which there are some, and not too many.
pub(super) struct Bounded<I> {
    frames: I,
    format: TakeFormat,
    limits: Limits,
    count: u64,
    ended: bool,
}

impl<I> Bounded<I> {
    pub(super) fn new(frames: I, format: TakeFormat, limits: &Limits) -> Self {
        Self {
            frames,
            format,
            limits: *limits,
            count: 0,
            ended: false,
        }
    }
}

impl<I: Iterator<Item = Result<TakeFrame, Error>>> Iterator for Bounded<I> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = match self.frames.next() {
            Some(frame) => {
                self.count += 1;
                check_frames(self.count, &self.limits).and(frame)
            }
            None => {
                self.ended = true;
                return (self.count == 0).then(|| Err(no_frames(self.format)));
            }
        };
        self.ended = frame.is_err();
        Some(frame)
    }
}

fn no_frames(format: TakeFormat) -> Error {
    Error::MalformedTake {
        format,
        place: "its end".into(),
        reason: "no frames".into(),
    }
}

/// Writes a take frame by frame.
pub struct FrameWriter<W: Write>(Writer<W>);

enum Writer<W: Write> {
    LiveLink(Box<livelink::Writer<W>>),
    Lines(arkit_json::Writer<W>),
}

impl<W: Write> FrameWriter<W> {
    /// Writes to `out` what stands before the frames. Nothing where the format is written as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] where writing fails.
    pub fn new(out: W, format: TakeFormat, rate: FrameRate) -> Result<Option<Self>, Error> {
        Ok(Some(Self(match format {
            TakeFormat::LiveLinkCsv => {
                let turns = livelink::Turns::Written;
                Writer::LiveLink(Box::new(livelink::Writer::new(out, rate, turns)?))
            }
            TakeFormat::JsonLines => Writer::Lines(arkit_json::Writer::new(out, rate)),
            TakeFormat::Json | TakeFormat::Glb | TakeFormat::Vrma => return Ok(None),
        })))
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedTake`] for numbers that [`TakeFrame::broken_rule`] names, [`Error::Stream`] where writing
    /// fails.
    pub fn write(&mut self, frame: &TakeFrame) -> Result<(), Error> {
        match &mut self.0 {
            Writer::LiveLink(writer) => writer.write(frame),
            Writer::Lines(writer) => writer.write(frame),
        }
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] where writing fails.
    pub fn finish(self) -> Result<W, Error> {
        match self.0 {
            Writer::LiveLink(writer) => writer.finish(),
            Writer::Lines(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(format: TakeFormat, count: usize) -> Vec<u8> {
        let rate = FrameRate::new(30, 1);
        let mut writer = FrameWriter::new(Vec::new(), format, rate).unwrap().unwrap();
        for _ in 0..count {
            writer.write(&TakeFrame::default()).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn frames_come_one_by_one_and_too_many_or_none_are_refused() {
        for format in [TakeFormat::LiveLinkCsv, TakeFormat::JsonLines] {
            let few = Limits {
                frames: 40,
                ..Limits::DEFAULT
            };
            let read = |count: usize| {
                let bytes = written(format, count);
                let mut frames = Frames::new(bytes.as_slice(), format, &few)
                    .unwrap()
                    .unwrap();
                let rate = frames.rate();
                (rate, frames.collect::<Result<Vec<_>, _>>())
            };
            let (rate, frames) = read(40);
            assert_eq!(rate, Some(FrameRate::new(30, 1)));
            assert_eq!(frames.unwrap().len(), 40);
            assert!(matches!(read(41).1, Err(Error::Limit { found: 41, .. })));
            assert!(matches!(read(0).1, Err(Error::MalformedTake { .. })));
        }
        assert!(
            Frames::new(&b""[..], TakeFormat::Json, &Limits::DEFAULT)
                .unwrap()
                .is_none()
        );
    }
}
