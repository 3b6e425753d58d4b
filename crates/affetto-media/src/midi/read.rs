use std::collections::{BTreeMap, BTreeSet};

use super::{
    PERCUSSION_CHANNEL, ZERO,
    bars::BarPlan,
    chunks, roles,
    text::Marker,
    track::{self, Conductor, Track, TrackNote},
    without_unison_overlaps,
};
use crate::{
    ChordChange, Error, Limits, Metre, Note, Part, Quarters, Role, Score, Section, Tempo,
    TempoChange,
};

/// Reads a Standard MIDI file.
///
/// Times stay exact: ticks become fractions of a quarter note. Each channel of each track is a part.
/// A note that is never ended lasts as long as its track. Where a key is struck again while it
/// sounds, the first note ends there. A marker inside a bar names a section from the start of that bar.
/// Parts whose role is not said get one by what they play; a melody comes first. Two parts of
/// one channel get channels of their own while there are free ones.
///
/// # Errors
///
/// [`Error::Malformed`] for damage, [`Error::Unsupported`] for format 2 and for metres that
/// [`Metre`] has not, [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Score, Error> {
    check_size(bytes, limits)?;
    let chunks = chunks::split(bytes, limits)?;
    let mut conductor = Conductor::default();
    let tracks: Vec<Track> = chunks
        .tracks
        .iter()
        .map(|chunk| track::read(chunk, &mut conductor, limits))
        .collect::<Result<_, _>>()?;
    if chunks.is_smpte {
        conductor.tempos.clear();
    }
    check_length(conductor.end, chunks.tick, limits)?;
    let clock = Clock { tick: chunks.tick };
    let title = title(&tracks, chunks.is_format_0);
    let parts = parts(tracks, &clock, title.is_some());
    score(conductor, title, parts, &clock, limits)
}

/// From ticks to quarter notes.
struct Clock {
    tick: Quarters,
}

impl Clock {
    fn quarters(&self, ticks: u64) -> Quarters {
        self.tick * ticks as i64 // far below the largest: see check_length
    }
}

pub(super) fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let found = bytes.len() as u64;
    if found > limits.bytes {
        return Err(Error::Limit {
            what: "bytes",
            limit: limits.bytes,
            found,
        });
    }
    Ok(())
}

/// No file may last longer than the permitted number of the longest bars, so that times stay small.
pub(super) fn check_length(end: u64, tick: Quarters, limits: &Limits) -> Result<(), Error> {
    const LONGEST_BAR_QUARTERS: u64 = 256; // 64/1
    let limit = (limits.bars as u64).saturating_mul(LONGEST_BAR_QUARTERS);
    let (numer, denom) = (*tick.numer() as u128, *tick.denom() as u128);
    let found = (u128::from(end) * numer / denom) as u64;
    if found > limit {
        return Err(Error::Limit {
            what: "quarter notes",
            limit,
            found,
        });
    }
    Ok(())
}

/// The name of the first track, where that track is not a part among others.
fn title(tracks: &[Track], is_format_0: bool) -> Option<String> {
    let first = tracks.first()?;
    let is_conductor = first.notes.is_empty() && first.role.is_none();
    if is_format_0 || is_conductor {
        Some(first.name.clone().unwrap_or_default())
    } else {
        None
    }
}

fn parts(tracks: Vec<Track>, clock: &Clock, first_name_is_title: bool) -> Vec<Part> {
    let mut programs: BTreeMap<u8, u8> = BTreeMap::new();
    for track in &tracks {
        for (channel, program) in &track.programs {
            programs.entry(*channel).or_insert(*program);
        }
    }
    let mut parts = Vec::new();
    let mut roles_said = Vec::new();
    for (index, track) in tracks.into_iter().enumerate() {
        let name = track
            .name
            .clone()
            .filter(|_| index > 0 || !first_name_is_title);
        for (channel, notes) in notes_by_channel(&track) {
            let program = track.programs.get(&channel).or(programs.get(&channel));
            let named = name.as_deref().and_then(roles::from_name);
            roles_said.push(track.role.or(named));
            parts.push(Part {
                name: name.clone().unwrap_or_default(),
                role: track.role.or(named).unwrap_or(Role::Other),
                program: program.copied().unwrap_or(0),
                channel,
                notes: exact_notes(&notes, clock),
            });
        }
    }
    guess_roles(&mut parts, &roles_said);
    parts.sort_by_key(|part| part.role != Role::Melody);
    separate_channels(&mut parts);
    parts
}

/// The notes of each channel; of a part of ours without notes, its channel alone.
fn notes_by_channel(track: &Track) -> BTreeMap<u8, Vec<TrackNote>> {
    let mut channels: BTreeMap<u8, Vec<TrackNote>> = BTreeMap::new();
    for note in &track.notes {
        channels.entry(note.channel).or_default().push(*note);
    }
    if channels.is_empty() && track.role.is_some() {
        let channel = track.programs.keys().next();
        channels.insert(channel.copied().unwrap_or(0), Vec::new());
    }
    channels
}

fn exact_notes(notes: &[TrackNote], clock: &Clock) -> Vec<Note> {
    let exact = |note: &TrackNote| Note {
        onset: clock.quarters(note.onset),
        pitch: note.pitch,
        duration: clock.quarters(note.end - note.onset),
        velocity: note.velocity,
    };
    without_unison_overlaps(notes.iter().map(exact).collect())
}

fn guess_roles(parts: &mut [Part], roles_said: &[Option<Role>]) {
    let open: Vec<usize> = (0..parts.len())
        .filter(|index| roles_said[*index].is_none())
        .collect();
    roles::guess(parts, &open);
    for index in open {
        let part = &mut parts[index];
        if part.name.is_empty() {
            part.name = part.role.part_name().into();
        }
    }
}

fn separate_channels(parts: &mut [Part]) {
    let mut used: BTreeSet<u8> = BTreeSet::new();
    let mut doubled = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if !used.insert(part.channel) && part.channel != PERCUSSION_CHANNEL {
            doubled.push(index);
        }
    }
    for index in doubled {
        let is_free = |channel: &u8| *channel != PERCUSSION_CHANNEL && !used.contains(channel);
        if let Some(channel) = (0..16).find(is_free) {
            used.insert(channel);
            parts[index].channel = channel;
        }
    }
}

fn score(
    conductor: Conductor,
    title: Option<String>,
    parts: Vec<Part>,
    clock: &Clock,
    limits: &Limits,
) -> Result<Score, Error> {
    let chords = chords(&conductor, clock);
    let marks = marks(&conductor, clock);
    let notes = parts.iter().flat_map(|part| &part.notes).map(Note::end);
    let marker_times = conductor
        .markers
        .iter()
        .map(|(tick, _)| clock.quarters(*tick));
    let plan = BarPlan {
        content_end: notes.chain(marker_times).max().unwrap_or(ZERO),
        file_end: clock.quarters(conductor.end),
        metres: in_quarters(&conductor.metres, clock),
        remarks: (conductor.metre_remarks.iter())
            .map(|(tick, metre)| (clock.quarters(*tick), *metre))
            .collect::<BTreeMap<Quarters, Metre>>(),
        keys: in_quarters(&conductor.keys, clock),
    };
    let mut score = Score {
        title: title.unwrap_or_default(),
        creator: conductor.creator.clone().unwrap_or_default(),
        bars: plan.bars(limits)?,
        tempos: Vec::new(),
        chords,
        sections: Vec::new(),
        parts,
    };
    score.tempos = tempos(&conductor, clock, score.length());
    score.sections = sections(marks, &score);
    Ok(score)
}

/// Sorted by time; of several at one time, the last stays.
fn in_quarters<T: Copy>(changes: &[(u64, T)], clock: &Clock) -> Vec<(Quarters, T)> {
    let by_time: BTreeMap<u64, T> = changes.iter().copied().collect();
    let exact = |(tick, value): (u64, T)| (clock.quarters(tick), value);
    by_time.into_iter().map(exact).collect()
}

/// Tempos up to `end`; 120 quarter notes per minute until the first.
fn tempos(conductor: &Conductor, clock: &Clock, end: Quarters) -> Vec<TempoChange> {
    let mut tempos: BTreeMap<Quarters, Tempo> = BTreeMap::from([(ZERO, Tempo::from_bpm(120.0))]);
    tempos.extend(in_quarters(&conductor.tempos, clock));
    tempos
        .into_iter()
        .filter(|(onset, _)| *onset <= end)
        .map(|(onset, tempo)| TempoChange { onset, tempo })
        .collect()
}

fn chords(conductor: &Conductor, clock: &Clock) -> Vec<ChordChange> {
    let chord = |(tick, marker): &(u64, Marker)| match marker {
        Marker::Chord(chord) => Some((*tick, *chord)),
        Marker::Section(_) => None,
    };
    let changes: Vec<_> = conductor.markers.iter().filter_map(chord).collect();
    let mut chords: Vec<ChordChange> = in_quarters(&changes, clock)
        .into_iter()
        .map(|(onset, chord)| ChordChange { onset, chord })
        .collect();
    chords.dedup_by_key(|change| change.chord);
    chords
}

fn marks(conductor: &Conductor, clock: &Clock) -> Vec<Section> {
    let mark = |(tick, marker): &(u64, Marker)| match marker {
        Marker::Section(name) => Some(Section {
            onset: clock.quarters(*tick),
            name: name.clone(),
        }),
        Marker::Chord(_) => None,
    };
    let mut marks: Vec<Section> = conductor.markers.iter().filter_map(mark).collect();
    marks.sort_by_key(|mark| mark.onset);
    marks
}

/// Moves each mark to the start of its bar; marks at the very end begin nothing and go.
fn sections(mut marks: Vec<Section>, score: &Score) -> Vec<Section> {
    let mut bars = score.bar_onsets();
    let end = bars.pop().unwrap_or(ZERO);
    marks.retain(|mark| mark.onset < end);
    for mark in &mut marks {
        let begun = bars.partition_point(|onset| *onset <= mark.onset);
        mark.onset = bars[begun - 1];
    }
    marks
}
