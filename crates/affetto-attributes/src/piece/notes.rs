//! The notes that the attributes are measured on.

use std::collections::BTreeMap;

use affetto_media::midi::{Performance, PlayedNote, TickClock};

/// How a file is read before it is measured.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// As jSymbolic does: quarters, tracks, channels and the order of simultaneous notes are those of the file.
    #[default]
    Written,
    /// As a listener does: one player, simultaneous notes from low to high, and a "quarter" is half a second, so
    /// that pieces whose tempo marks differ can be compared. Of a file at 120 quarters a minute with 384 ticks a
    /// quarter on one channel it is the same as [`Reading::Written`].
    Performed,
}

impl Reading {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Written, Self::Performed];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Performed => "performed",
        }
    }
}

/// Ticks per quarter of [`Reading::Performed`], as the clips of EMOPIA have them.
const PERFORMED_TICKS_PER_QUARTER: u64 = 384;

/// Ticks a second of [`Reading::Performed`]: 120 quarters a minute.
const PERFORMED_TICKS_PER_SECOND: f64 = 2.0 * PERFORMED_TICKS_PER_QUARTER as f64;

/// One note; times in ticks of the reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) track: u16,
    pub(super) channel: u8,
    pub(super) pitch: u8,
    pub(super) velocity: u8,
    pub(super) loudness: u8,
    pub(super) onset: u64,
    pub(super) end: u64,
    pub(super) onset_secs: f64,
    pub(super) end_secs: f64,
}

impl Note {
    pub(super) fn duration(&self) -> u64 {
        self.end - self.onset
    }
}

/// The notes of a piece and its time.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    /// Every note, track by track, in the order of the events.
    pub(super) all: Vec<Note>,
    /// Those that are not drums.
    pub(super) pitched: Vec<Note>,
    pub(super) ticks_per_quarter: u64,
    /// The tick of the last event.
    pub(super) end: u64,
    /// The seconds to the last event.
    pub(super) seconds: f64,
    /// The seconds of the first tick.
    pub(super) first_tick_secs: f64,
    /// The mean tempo over the whole, in quarters a minute as written; nothing for a piece without length.
    pub(super) tempo_bpm: Option<f64>,
}

impl Notes {
    pub(super) fn of(performance: &Performance, reading: Reading) -> Self {
        let clock = performance.clock();
        let seconds = clock.seconds(performance.end_tick);
        let mut all: Vec<Note> = performance
            .notes
            .iter()
            .map(|note| note_of(note, &clock, reading))
            .collect();
        let quarters = performance.end_tick as f64 / f64::from(performance.ticks_per_quarter);
        let mut notes = Self {
            ticks_per_quarter: performance.ticks_per_quarter.into(),
            end: performance.end_tick,
            seconds,
            first_tick_secs: clock.first_tick_seconds(),
            tempo_bpm: (seconds > 0.0).then(|| quarters / seconds * 60.0),
            pitched: Vec::new(),
            all: Vec::new(),
        };
        if reading == Reading::Performed {
            all.sort_by_key(|note| (note.onset, note.pitch));
            notes.ticks_per_quarter = PERFORMED_TICKS_PER_QUARTER;
            notes.end = performed_tick(seconds);
            notes.first_tick_secs = PERFORMED_TICKS_PER_SECOND.recip();
        }
        let is_pitched = |note: &&Note| note.channel != affetto_media::midi::PERCUSSION_CHANNEL;
        notes.pitched = all.iter().filter(is_pitched).copied().collect();
        notes.all = all;
        notes
    }

    /// The mean length of a quarter in seconds, or nothing where no time passes.
    pub(super) fn quarter_secs(&self) -> Option<f64> {
        let sound = self.end > 0 && self.seconds > 0.0;
        sound.then(|| self.seconds / self.end as f64 * self.ticks_per_quarter as f64)
    }
}

fn performed_tick(seconds: f64) -> u64 {
    (seconds * PERFORMED_TICKS_PER_SECOND).round() as u64
}

fn note_of(note: &PlayedNote, clock: &TickClock, reading: Reading) -> Note {
    let onset_secs = clock.seconds(note.onset_tick);
    let end_secs = clock.seconds(note.end_tick);
    let mut read = Note {
        track: note.track,
        channel: note.channel,
        pitch: note.pitch,
        velocity: note.velocity,
        loudness: note.loudness(),
        onset: note.onset_tick,
        end: note.end_tick,
        onset_secs,
        end_secs,
    };
    if reading == Reading::Performed {
        read.track = 0;
        read.channel = if note.is_percussion() {
            note.channel
        } else {
            0
        };
        read.onset = performed_tick(onset_secs);
        read.end = performed_tick(end_secs);
    }
    read
}

/// The notes of each track and channel, in their order.
pub(super) fn by_line(notes: &[Note]) -> impl Iterator<Item = Vec<Note>> {
    grouped(notes, |note| (note.track, note.channel))
}

/// The notes of each channel, in their order.
pub(super) fn by_channel(notes: &[Note]) -> impl Iterator<Item = Vec<Note>> {
    grouped(notes, |note| (0, note.channel))
}

fn grouped(notes: &[Note], key: impl Fn(&Note) -> (u16, u8)) -> impl Iterator<Item = Vec<Note>> {
    let mut groups: BTreeMap<(u16, u8), Vec<Note>> = BTreeMap::new();
    for note in notes {
        groups.entry(key(note)).or_default().push(*note);
    }
    groups.into_values()
}

/// Notes that begin together, group by group in time; within a group in the given order.
pub(super) fn onset_groups(notes: &[Note]) -> Vec<Vec<Note>> {
    let mut sorted = notes.to_vec();
    sorted.sort_by_key(|note| note.onset);
    let groups = sorted.chunk_by(|a, b| a.onset == b.onset);
    groups.map(<[Note]>::to_vec).collect()
}
