use midly::{
    Arena, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind,
    num::{u4, u7, u15, u24, u28},
};

use super::{
    PERCUSSION_CHANNEL, TICKS_PER_QUARTER, ZERO, instrument_name,
    text::{Marker, Remark},
    unsupported, without_unison_overlaps,
};
use crate::{Bar, Error, Key, Metre, Mode, Part, Quarters, Score};

/// Writes a Standard MIDI file of format 1, laid out as the module says.
///
/// There are 480 ticks in a quarter note, or the smallest multiple that makes every time of the score a
/// whole number of ticks. Where that is more than a file can say (32,767), as after reading a file of another
/// division, any number that does will do. Where none does, 480 are used and times go to the nearest
/// tick. Two notes of one pitch that overlap in one part become one after the other, as one
/// MIDI channel plays them.
///
/// # Errors
///
/// [`Error::Unsupported`] for a score that breaks the rules of [`Score`], for two parts on one channel
/// (so there are at most sixteen parts), and for a bar that is longer than its metre by an amount that
/// no time signature shows.
pub fn write(score: &Score) -> Result<Vec<u8>, Error> {
    if let Some(rule) = score.broken_rule() {
        return Err(unsupported(format!("a score with {rule}")));
    }
    check_channels(score)?;
    let clock = Clock::for_score(score);
    let arena = Arena::new();
    let mut tracks = vec![conductor(score, &clock, &arena)?.finish()?];
    for part in &score.parts {
        tracks.push(part_track(part, score.length(), &clock, &arena).finish()?);
    }
    let timing = Timing::Metrical(u15::new(clock.ticks_per_quarter));
    let header = Header::new(midly::Format::Parallel, timing);
    let mut bytes = Vec::new();
    midly::write(&header, &tracks, &mut bytes).map_err(unsupported)?;
    Ok(bytes)
}

fn check_channels(score: &Score) -> Result<(), Error> {
    for (index, part) in score.parts.iter().enumerate() {
        let before = &score.parts[..index];
        if let Some(other) = before.iter().find(|other| other.channel == part.channel) {
            return Err(unsupported(format!(
                "two parts on channel {}: {:?} and {:?}",
                part.channel, other.name, part.name
            )));
        }
    }
    Ok(())
}

/// From quarter notes to ticks.
struct Clock {
    ticks_per_quarter: u16,
}

impl Clock {
    fn for_score(score: &Score) -> Self {
        let usual = i64::from(TICKS_PER_QUARTER);
        let ticks = whole_ticks(score, usual)
            // A multiple of the smallest exact division, at least as fine as usual.
            .or_else(|| whole_ticks(score, 1).map(|ticks| ticks * ((usual + ticks - 1) / ticks)))
            .unwrap_or(usual);
        Self {
            ticks_per_quarter: ticks as u16,
        }
    }

    /// The nearest tick.
    fn ticks(&self, time: Quarters) -> u64 {
        let numer = i128::from(*time.numer()) * i128::from(self.ticks_per_quarter);
        let denom = i128::from(*time.denom());
        ((2 * numer + denom) / (2 * denom)).max(0) as u64
    }
}

/// The smallest multiple of `least` ticks per quarter note that makes every time whole, if a file can
/// say it.
fn whole_ticks(score: &Score, least: i64) -> Option<i64> {
    let fits = |ticks: &i64| (1..=0x7fff).contains(ticks);
    times(score)
        .map(|time| *time.denom())
        .try_fold(least, |ticks, denom| {
            Some(least_common_multiple(ticks, denom)).filter(fits)
        })
}

fn times(score: &Score) -> impl Iterator<Item = Quarters> {
    let notes = score.parts.iter().flat_map(|part| &part.notes);
    let bars = score.bars.iter().map(|bar| bar.length);
    let tempos = score.tempos.iter().map(|change| change.onset);
    let chords = score.chords.iter().map(|change| change.onset);
    bars.chain(tempos)
        .chain(chords)
        .chain(notes.flat_map(|note| [note.onset, note.duration]))
}

fn least_common_multiple(a: i64, b: i64) -> i64 {
    let gcd = |mut a: i64, mut b: i64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (a / gcd(a, b)).saturating_mul(b)
}

/// Events of one track, with their times from its beginning.
struct Track<'a> {
    events: Vec<(u64, TrackEventKind<'a>)>,
    end: u64,
    arena: &'a Arena,
}

impl<'a> Track<'a> {
    fn new(end: u64, arena: &'a Arena) -> Self {
        Self {
            events: Vec::new(),
            end,
            arena,
        }
    }

    fn meta(&mut self, tick: u64, message: MetaMessage<'a>) {
        self.events.push((tick, TrackEventKind::Meta(message)));
    }

    fn text(&mut self, tick: u64, kind: fn(&'a [u8]) -> MetaMessage<'a>, text: &str) {
        let bytes = self.arena.add(text.as_bytes());
        self.meta(tick, kind(bytes));
    }

    fn message(&mut self, tick: u64, channel: u8, message: MidiMessage) {
        let channel = u4::new(channel);
        self.events
            .push((tick, TrackEventKind::Midi { channel, message }));
    }

    /// In order of time (of equal times, as they came), with the end mark.
    fn finish(mut self) -> Result<Vec<TrackEvent<'a>>, Error> {
        self.events.sort_by_key(|(tick, _)| *tick);
        self.meta(self.end, MetaMessage::EndOfTrack);
        let mut now = 0;
        let mut events = Vec::with_capacity(self.events.len());
        for (tick, kind) in self.events {
            let delta = u32::try_from(tick - now).ok().and_then(u28::try_from);
            let delta = delta.ok_or_else(|| unsupported("a silence of 2^28 ticks"))?;
            events.push(TrackEvent { delta, kind });
            now = tick;
        }
        Ok(events)
    }
}

fn conductor<'a>(score: &Score, clock: &Clock, arena: &'a Arena) -> Result<Track<'a>, Error> {
    let mut track = Track::new(clock.ticks(score.length()), arena);
    if !score.title.is_empty() {
        track.text(0, MetaMessage::TrackName, &score.title);
    }
    if !score.creator.is_empty() {
        let remark = Remark::Creator(score.creator.clone());
        track.text(0, MetaMessage::Text, &remark.text());
    }
    bars(score, clock, &mut track)?;
    for change in &score.tempos {
        let micros = u24::new(change.tempo.micros_per_quarter());
        track.meta(clock.ticks(change.onset), MetaMessage::Tempo(micros));
    }
    for section in &score.sections {
        let marker = Marker::Section(section.name.clone());
        let tick = clock.ticks(section.onset);
        track.text(tick, MetaMessage::Marker, &marker.text());
    }
    for change in &score.chords {
        let marker = Marker::Chord(change.chord);
        let tick = clock.ticks(change.onset);
        track.text(tick, MetaMessage::Marker, &marker.text());
    }
    Ok(track)
}

/// Time and key signatures. A bar of another length than its metre's is shown in the metre of its own
/// length; where none is that long, the bar is cut by the next time signature.
fn bars(score: &Score, clock: &Clock, track: &mut Track<'_>) -> Result<(), Error> {
    let mut onset = ZERO;
    let mut shown_metre = None;
    let mut shown_key = None;
    for (index, bar) in score.bars.iter().enumerate() {
        let tick = clock.ticks(onset);
        let own = metre_as_long_as(bar);
        let metre = own.unwrap_or(bar.metre);
        if own.is_none() && bar.length > bar.metre.length() {
            let (number, length) = (index + 1, bar.length);
            return Err(unsupported(format!("bar {number} of {length} quarters")));
        }
        if shown_metre != Some(metre) {
            track.meta(tick, time_signature(metre));
        }
        if metre != bar.metre || own.is_none() {
            let remark = Remark::Metre(bar.metre);
            track.text(tick, MetaMessage::Text, &remark.text());
        }
        if shown_key != Some(bar.key) {
            track.meta(tick, key_signature(bar.key));
        }
        shown_metre = own; // none: the next bar shows its metre in any case
        shown_key = Some(bar.key);
        onset += bar.length;
    }
    Ok(())
}

/// The bar's own metre where the bar is as long as that, or else a metre as long as the bar, of the
/// same unit if possible.
fn metre_as_long_as(bar: &Bar) -> Option<Metre> {
    if bar.length == bar.metre.length() {
        return Some(bar.metre);
    }
    let mut unit = bar.metre.unit();
    while unit <= 64 {
        let count = bar.length * i64::from(unit) / 4;
        if count.is_integer() {
            return Metre::new(u8::try_from(count.to_integer()).ok()?, unit);
        }
        unit *= 2;
    }
    None
}

fn time_signature(metre: Metre) -> MetaMessage<'static> {
    const CLOCKS_PER_QUARTER: i64 = 24;
    const THIRTY_SECONDS_PER_QUARTER: u8 = 8;
    let clocks = (metre.beat() * CLOCKS_PER_QUARTER)
        .to_integer()
        .clamp(1, 255);
    MetaMessage::TimeSignature(
        metre.count(),
        metre.unit().trailing_zeros() as u8,
        clocks as u8,
        THIRTY_SECONDS_PER_QUARTER,
    )
}

fn key_signature(key: Key) -> MetaMessage<'static> {
    MetaMessage::KeySignature(key.fifths(), key.mode() == Mode::Minor)
}

fn part_track<'a>(part: &Part, end: Quarters, clock: &Clock, arena: &'a Arena) -> Track<'a> {
    let mut track = Track::new(clock.ticks(end), arena);
    let instrument = match part.channel {
        PERCUSSION_CHANNEL => "Drum Kit",
        _ => instrument_name(part.program),
    };
    track.text(0, MetaMessage::TrackName, &part.name);
    track.text(0, MetaMessage::InstrumentName, instrument);
    track.text(0, MetaMessage::Text, &Remark::Role(part.role).text());
    let program = u7::new(part.program);
    track.message(0, part.channel, MidiMessage::ProgramChange { program });
    notes(part, clock, &mut track);
    track
}

/// Notes; where one ends as another begins, the end comes first.
fn notes(part: &Part, clock: &Clock, track: &mut Track<'_>) {
    const RELEASE_VELOCITY: u7 = u7::new(64);
    let mut messages = Vec::with_capacity(2 * part.notes.len());
    for note in without_unison_overlaps(part.notes.clone()) {
        let key = u7::new(note.pitch);
        let vel = u7::new(note.velocity);
        let onset = clock.ticks(note.onset);
        let end = clock.ticks(note.end()).max(onset + 1);
        messages.push((onset, 1, MidiMessage::NoteOn { key, vel }));
        let vel = RELEASE_VELOCITY;
        messages.push((end, 0, MidiMessage::NoteOff { key, vel }));
    }
    messages.sort_by_key(|(tick, order, _)| (*tick, *order));
    for (tick, _, message) in messages {
        track.end = track.end.max(tick);
        track.message(tick, part.channel, message);
    }
}
