//! What a player did, as a MIDI file has it.

use midly::{EventIter, MetaMessage, MidiMessage, TrackEventKind};

use super::{
    PERCUSSION_CHANNEL,
    chunks::{self, TrackChunk},
    malformed,
    read::{check_length, check_size},
    track::{check, tempo_from_micros},
};
use crate::{Error, Limits, Quarters, Tempo, f64_from_quarters};

/// Ticks per quarter note that SMPTE time, which has none, is read as.
const SMPTE_TICKS_PER_QUARTER: u32 = 960;

/// The volume of a channel that no controller has set: full.
const FULL_VOLUME: u8 = 127;

/// The notes of a MIDI file as they were struck: tracks, channels and the order of events are kept,
/// nothing is quantised, and bars, keys and chord symbols are left out.
///
/// A [`Score`](crate::Score) says what music is; a performance is what measures of playing need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performance {
    /// Ticks in a quarter note, above 0.
    pub ticks_per_quarter: u32,
    /// The notes, track by track, each track in the order of its events.
    pub notes: Vec<PlayedNote>,
    /// Tempo changes, sorted by tick; 120 quarter notes per minute before the first.
    pub tempos: Vec<(u64, Tempo)>,
    /// The tick of the last event of any track.
    pub end_tick: u64,
}

/// One note of a [`Performance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayedNote {
    /// The track, counted from 0.
    pub track: u16,
    /// The channel, 0..=15.
    pub channel: u8,
    /// MIDI number, 0..=127.
    pub pitch: u8,
    /// How hard it was struck, 1..=127.
    pub velocity: u8,
    /// The volume of its channel (controller 7) when it was struck, 0..=127.
    pub volume: u8,
    /// When it was struck, in ticks.
    pub onset_tick: u64,
    /// When it was released, in ticks, not before its onset. A key that is struck again before its
    /// release ends both notes where it is released; one that is never released lasts as long as its track.
    pub end_tick: u64,
}

impl PlayedNote {
    /// The velocity scaled by the volume, rounded down, 0..=127.
    pub const fn loudness(&self) -> u8 {
        (self.velocity as u16 * self.volume as u16 / FULL_VOLUME as u16) as u8
    }

    /// Whether it belongs to the drum channel, where pitches are instruments.
    pub const fn is_percussion(&self) -> bool {
        self.channel == PERCUSSION_CHANNEL
    }
}

/// Seconds at ticks, by the tempos of a performance.
#[derive(Clone, Debug)]
pub struct TickClock {
    /// From a tick on: the seconds there, and the seconds that a tick lasts.
    spans: Vec<(u64, f64, f64)>,
}

impl TickClock {
    /// The seconds from the beginning to `tick`.
    pub fn seconds(&self, tick: u64) -> f64 {
        let after = self.spans.partition_point(|(start, ..)| *start <= tick);
        let (start, seconds, per_tick) = self.spans[after.max(1) - 1];
        seconds + (tick - start) as f64 * per_tick
    }

    /// How long the first tick lasts, in seconds.
    pub fn first_tick_seconds(&self) -> f64 {
        self.spans[0].2
    }
}

impl Performance {
    /// Its seconds.
    pub fn clock(&self) -> TickClock {
        let per_tick = |tempo: Tempo| {
            f64::from(tempo.micros_per_quarter()) * 1e-6 / f64::from(self.ticks_per_quarter)
        };
        let mut spans = vec![(0, 0.0, per_tick(Tempo::from_bpm(120.0)))];
        for (tick, tempo) in &self.tempos {
            let (start, seconds, last) = spans[spans.len() - 1];
            let here = (
                *tick,
                seconds + (tick - start) as f64 * last,
                per_tick(*tempo),
            );
            if start == *tick {
                spans.pop();
            }
            spans.push(here);
        }
        TickClock { spans }
    }
}

/// Reads the notes of a Standard MIDI file of format 0 or 1.
///
/// # Errors
///
/// [`Error::Malformed`] for damage, [`Error::Unsupported`] for format 2, [`Error::Limit`] for more than `limits`.
pub fn read_performance(bytes: &[u8], limits: &Limits) -> Result<Performance, Error> {
    check_size(bytes, limits)?;
    let chunks = chunks::split(bytes, limits)?;
    let mut collector = Collector {
        limits,
        events: 0,
        notes: Vec::new(),
        tempos: Vec::new(),
        volumes: Vec::new(),
        end: 0,
    };
    for (index, chunk) in chunks.tracks.iter().enumerate() {
        collector.read_track(chunk, index as u16)?; // there are far fewer: see Limits::tracks
    }
    check_length(collector.end, chunks.tick, limits)?;
    Ok(collector.performance(chunks.tick, chunks.is_smpte))
}

struct Collector<'a> {
    limits: &'a Limits,
    events: usize,
    notes: Vec<PlayedNote>,
    tempos: Vec<(u64, Tempo)>,
    volumes: Vec<Volume>,
    end: u64,
}

/// A channel's volume from a tick on.
struct Volume {
    channel: u8,
    tick: u64,
    value: u8,
}

impl Collector<'_> {
    fn read_track(&mut self, chunk: &TrackChunk<'_>, track: u16) -> Result<(), Error> {
        let mut events = EventIter::new(chunk.data);
        let mut open = OpenNotes::none();
        let mut now = 0;
        loop {
            let left = events.unread().len();
            let byte = chunk.offset + chunk.data.len() - left;
            let event = match events.next() {
                None => break,
                Some(Ok(event)) => event,
                Some(Err(_)) => return Err(malformed(byte, "a damaged event")),
            };
            now += u64::from(event.delta.as_int());
            self.events += 1;
            check("events", self.events, self.limits.events)?;
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    self.message(track, channel.as_int(), message, now, &mut open)?;
                }
                TrackEventKind::Meta(MetaMessage::Tempo(micros)) => {
                    let tempo = tempo_from_micros(micros.as_int(), byte)?;
                    self.tempos.push((now, tempo));
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => break,
                _ => {}
            }
        }
        for index in open.0.into_iter().flatten() {
            self.notes[index].end_tick = now;
        }
        self.end = self.end.max(now);
        Ok(())
    }

    fn message(
        &mut self,
        track: u16,
        channel: u8,
        message: MidiMessage,
        now: u64,
        open: &mut OpenNotes,
    ) -> Result<(), Error> {
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                check("notes", self.notes.len() + 1, self.limits.notes)?;
                open.on_key(channel, key.as_int()).push(self.notes.len());
                self.notes.push(PlayedNote {
                    track,
                    channel,
                    pitch: key.as_int(),
                    velocity: vel.as_int(),
                    volume: FULL_VOLUME,
                    onset_tick: now,
                    end_tick: now,
                });
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                for index in open.on_key(channel, key.as_int()).drain(..) {
                    self.notes[index].end_tick = now;
                }
            }
            MidiMessage::Controller { controller, value } if controller.as_int() == 7 => {
                self.volumes.push(Volume {
                    channel,
                    tick: now,
                    value: value.as_int(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn performance(mut self, tick: Quarters, is_smpte: bool) -> Performance {
        self.set_volumes();
        self.tempos.sort_by_key(|(tick, _)| *tick);
        let mut performance = Performance {
            ticks_per_quarter: *tick.denom() as u32, // a tick is 1/n quarters: see chunks::split
            notes: self.notes,
            tempos: self.tempos,
            end_tick: self.end,
        };
        if is_smpte {
            performance.tempos.clear();
            performance.rescale(f64_from_quarters(tick), SMPTE_TICKS_PER_QUARTER);
        }
        performance
    }

    fn set_volumes(&mut self) {
        self.volumes
            .sort_by_key(|volume| (volume.channel, volume.tick));
        for note in &mut self.notes {
            let after = self.volumes.partition_point(|volume| {
                (volume.channel, volume.tick) <= (note.channel, note.onset_tick)
            });
            let last = self.volumes[..after].last();
            if let Some(volume) = last.filter(|volume| volume.channel == note.channel) {
                note.volume = volume.value;
            }
        }
    }
}

impl Performance {
    fn rescale(&mut self, quarters_per_tick: f64, ticks_per_quarter: u32) {
        let factor = quarters_per_tick * f64::from(ticks_per_quarter);
        let scaled = |tick: u64| (tick as f64 * factor).round() as u64;
        for note in &mut self.notes {
            note.onset_tick = scaled(note.onset_tick);
            note.end_tick = scaled(note.end_tick);
        }
        self.end_tick = scaled(self.end_tick);
        self.ticks_per_quarter = ticks_per_quarter;
    }
}

/// The notes of one track that sound: for each key of each channel their indices.
struct OpenNotes(Vec<Vec<usize>>);

impl OpenNotes {
    fn none() -> Self {
        Self(vec![Vec::new(); 16 * 128])
    }

    fn on_key(&mut self, channel: u8, key: u8) -> &mut Vec<usize> {
        &mut self.0[usize::from(channel) * 128 + usize::from(key)]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A file of one track per slice, with 96 ticks a quarter; each event with its delta.
    fn file(division: u16, tracks: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
        bytes.extend((tracks.len() as u16).to_be_bytes());
        bytes.extend(division.to_be_bytes());
        for track in tracks {
            bytes.extend(b"MTrk");
            bytes.extend((track.len() as u32 + 4).to_be_bytes());
            bytes.extend(*track);
            bytes.extend([0, 0xff, 0x2f, 0]);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Performance {
        read_performance(bytes, &Limits::DEFAULT).unwrap()
    }

    /// C4 struck at 0 and again at 10, released at 30; E4 never released; the track ends at 50.
    #[test]
    fn a_key_struck_twice_is_released_once() {
        let track = [
            0, 0x90, 60, 100, 10, 0x90, 60, 50, 0, 0x90, 64, 70, 20, 0x80, 60, 0, 20, 0xb0, 64, 0,
        ];
        let performance = read(&file(96, &[&track]));
        let spans = |note: &PlayedNote| (note.pitch, note.onset_tick, note.end_tick);
        let found: Vec<_> = performance.notes.iter().map(spans).collect();
        assert_eq!(found, [(60, 0, 30), (60, 10, 30), (64, 10, 50)]);
        assert_eq!(performance.end_tick, 50);
    }

    /// The volume of another track counts from its tick on: 100 of 127 times 64 is 50.4.
    #[test]
    fn volume_scales_velocity() {
        let notes = [
            0, 0x91, 60, 100, 10, 0x91, 62, 100, 10, 0x81, 60, 0, 0, 0x81, 62, 0,
        ];
        let volume = [5, 0xb1, 7, 64, 0, 0xb2, 7, 0];
        let performance = read(&file(96, &[&notes, &volume]));
        let loudness: Vec<u8> = performance.notes.iter().map(PlayedNote::loudness).collect();
        assert_eq!(loudness, [100, 50]);
    }

    /// One second at 60 a minute for the first quarter, then 120 a minute.
    #[test]
    fn seconds_follow_the_tempos() {
        let tempos = [
            0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 96, 0xff, 0x51, 3, 0x07, 0xa1, 0x20, 96, 0xb0, 64,
            0,
        ];
        let performance = read(&file(96, &[&tempos]));
        let clock = performance.clock();
        for (tick, seconds) in [(0, 0.0), (48, 0.5), (96, 1.0), (144, 1.25), (192, 1.5)] {
            assert!((clock.seconds(tick) - seconds).abs() < 1e-12, "{tick}");
        }
        assert!((clock.first_tick_seconds() - 1.0 / 96.0).abs() < 1e-15);
    }

    /// 25 frames of 40 ticks are a second whatever the tempo says.
    #[test]
    fn smpte_time_is_seconds() {
        let track = [
            0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0, 0x90, 60, 90, 0x87, 0x68, 0x80, 60, 0,
        ];
        let performance = read(&file(0xe728, &[&track]));
        let clock = performance.clock();
        assert!((clock.seconds(performance.notes[0].end_tick) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn odd_metres_are_no_reason_to_refuse_notes() {
        let track = [
            0, 0xff, 0x58, 4, 0, 9, 24, 8, 0, 0x90, 60, 90, 10, 0x80, 60, 0,
        ];
        assert_eq!(read(&file(96, &[&track])).notes.len(), 1);
    }

    #[test]
    fn damage_is_refused_and_too_many_notes_too() {
        let whole = file(96, &[&[0, 0x90, 60, 100, 10, 0x90, 62, 100]]);
        for length in 0..whole.len() - 4 {
            let cut = &whole[..length];
            assert!(read_performance(cut, &Limits::DEFAULT).is_err(), "{length}");
        }
        let limits = Limits {
            notes: 1,
            ..Limits::DEFAULT
        };
        assert!(matches!(
            read_performance(&whole, &limits),
            Err(Error::Limit { .. })
        ));
    }
}
