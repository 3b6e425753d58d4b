//! From the events of the tracks to notes, and to the changes that all parts share.

use std::collections::{BTreeMap, VecDeque};

use midly::{EventIter, MetaMessage, MidiMessage, TrackEventKind};

use super::{
    chunks::TrackChunk,
    malformed,
    text::{self, Marker, Remark},
    unsupported,
};
use crate::{Error, Key, Limits, Metre, Mode, Role, Tempo};

/// What all tracks say together about the piece; times in ticks, in the order of the file.
#[derive(Default)]
pub(super) struct Conductor {
    pub(super) creator: Option<String>,
    pub(super) tempos: Vec<(u64, Tempo)>,
    pub(super) metres: Vec<(u64, Metre)>,
    pub(super) metre_remarks: BTreeMap<u64, Metre>,
    pub(super) keys: Vec<(u64, Key)>,
    pub(super) markers: Vec<(u64, Marker)>,
    /// Where the last track ends.
    pub(super) end: u64,
    events: usize,
    notes: usize,
}

/// What one track says about its part or parts.
#[derive(Default)]
pub(super) struct Track {
    pub(super) name: Option<String>,
    pub(super) role: Option<Role>,
    /// The first program of each channel.
    pub(super) programs: BTreeMap<u8, u8>,
    pub(super) notes: Vec<TrackNote>,
}

/// A note in ticks.
#[derive(Clone, Copy)]
pub(super) struct TrackNote {
    pub(super) channel: u8,
    pub(super) pitch: u8,
    pub(super) velocity: u8,
    pub(super) onset: u64,
    pub(super) end: u64,
}

/// Reads one track, and adds what it says about the whole piece to `conductor`.
pub(super) fn read(
    chunk: &TrackChunk<'_>,
    conductor: &mut Conductor,
    limits: &Limits,
) -> Result<Track, Error> {
    let mut reader = Reader {
        track: Track::default(),
        open: BTreeMap::new(),
        now: 0,
        conductor,
        limits,
    };
    let mut events = EventIter::new(chunk.data);
    let mut ends_with_text = false;
    loop {
        let left = events.unread().len();
        let byte = chunk.offset + chunk.data.len() - left;
        if left == 0 {
            // A track without an end mark is whole where its last event is.
            if ends_with_text {
                return Err(malformed(
                    byte,
                    "the last event runs over the end of its track",
                ));
            }
            break;
        }
        let Some(Ok(event)) = events.next() else {
            return Err(malformed(byte, "a damaged event"));
        };
        reader.now += u64::from(event.delta.as_int());
        reader.count_event()?;
        ends_with_text = !matches!(event.kind, TrackEventKind::Midi { .. });
        match event.kind {
            TrackEventKind::Midi { channel, message } => {
                reader.message(channel.as_int(), message)?;
            }
            TrackEventKind::Meta(MetaMessage::EndOfTrack) => break,
            TrackEventKind::Meta(message) => reader.meta(message, byte)?,
            TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => {}
        }
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    track: Track,
    /// Notes that sound, by channel and pitch, the oldest first.
    open: BTreeMap<(u8, u8), VecDeque<usize>>,
    now: u64,
    conductor: &'a mut Conductor,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn count_event(&mut self) -> Result<(), Error> {
        self.conductor.events += 1;
        check("events", self.conductor.events, self.limits.events)
    }

    fn message(&mut self, channel: u8, message: MidiMessage) -> Result<(), Error> {
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                self.note_on(channel, key.as_int(), vel.as_int())?;
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                self.note_off(channel, key.as_int());
            }
            MidiMessage::ProgramChange { program } => {
                let programs = &mut self.track.programs;
                programs.entry(channel).or_insert(program.as_int());
            }
            _ => {}
        }
        Ok(())
    }

    fn note_on(&mut self, channel: u8, pitch: u8, velocity: u8) -> Result<(), Error> {
        self.conductor.notes += 1;
        check("notes", self.conductor.notes, self.limits.notes)?;
        let open = self.open.entry((channel, pitch)).or_default();
        open.push_back(self.track.notes.len());
        self.track.notes.push(TrackNote {
            channel,
            pitch,
            velocity,
            onset: self.now,
            end: u64::MAX,
        });
        Ok(())
    }

    /// Ends the oldest of the notes that sound on this key.
    fn note_off(&mut self, channel: u8, pitch: u8) {
        let open = self.open.get_mut(&(channel, pitch));
        if let Some(index) = open.and_then(VecDeque::pop_front) {
            self.track.notes[index].end = self.now;
        }
    }

    fn meta(&mut self, message: MetaMessage<'_>, byte: usize) -> Result<(), Error> {
        let limit = self.limits.text;
        match message {
            MetaMessage::TrackName(name) => {
                self.track
                    .name
                    .get_or_insert_with(|| text::decode(name, limit));
            }
            MetaMessage::Text(text) => self.remark(&text::decode(text, limit)),
            MetaMessage::Marker(text) => {
                let text = text::decode(text, limit);
                if !text.is_empty() {
                    let marker = Marker::from_text(&text);
                    self.conductor.markers.push((self.now, marker));
                }
            }
            MetaMessage::Tempo(micros) => {
                let tempo = tempo_from_micros(micros.as_int(), byte)?;
                self.conductor.tempos.push((self.now, tempo));
            }
            MetaMessage::TimeSignature(count, power, _, _) => {
                let metre = metre_from_event(count, power, byte)?;
                self.conductor.metres.push((self.now, metre));
            }
            MetaMessage::KeySignature(fifths, is_minor) => {
                let key = key_from_event(fifths, is_minor, byte)?;
                self.conductor.keys.push((self.now, key));
            }
            _ => {}
        }
        Ok(())
    }

    fn remark(&mut self, text: &str) {
        match Remark::from_text(text) {
            Some(Remark::Creator(name)) => {
                self.conductor.creator.get_or_insert(name);
            }
            Some(Remark::Metre(metre)) => {
                self.conductor.metre_remarks.insert(self.now, metre);
            }
            Some(Remark::Role(role)) => self.track.role = Some(role),
            None => {}
        }
    }

    /// Ends what still sounds where the track ends; drops notes that never sounded.
    fn finish(mut self) -> Track {
        for note in &mut self.track.notes {
            note.end = note.end.min(self.now);
        }
        self.track.notes.retain(|note| note.end > note.onset);
        self.conductor.end = self.conductor.end.max(self.now);
        self.track
    }
}

pub(super) fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit {
        return Err(Error::Limit {
            what,
            limit: limit as u64,
            found: found as u64,
        });
    }
    Ok(())
}

pub(super) fn tempo_from_micros(micros: u32, byte: usize) -> Result<Tempo, Error> {
    match micros {
        0 => Err(malformed(
            byte,
            "a tempo of 0 microseconds per quarter note",
        )),
        micros => Ok(Tempo::from_micros_per_quarter(micros)),
    }
}

fn metre_from_event(count: u8, power: u8, byte: usize) -> Result<Metre, Error> {
    if count == 0 || power > 7 {
        let reason = format!("a time signature of {count}/2^{power}");
        return Err(malformed(byte, reason));
    }
    let unit = 1_u8 << power;
    Metre::new(count, unit).ok_or_else(|| {
        unsupported(format!(
            "a time signature of {count}/{unit}, at byte {byte}"
        ))
    })
}

fn key_from_event(fifths: i8, is_minor: bool, byte: usize) -> Result<Key, Error> {
    let mode = if is_minor { Mode::Minor } else { Mode::Major };
    Key::new(fifths, mode).ok_or_else(|| {
        malformed(
            byte,
            format!("a key signature of {fifths} sharps, not -7 to 7"),
        )
    })
}
