//! The file around the events: RIFF, header and track chunks.

use super::{malformed, unsupported};
use crate::{Error, Limits, Quarters};

/// A file's header and its tracks, not yet read.
pub(super) struct Chunks<'a> {
    /// Whether one track holds all channels.
    pub(super) is_format_0: bool,
    /// The length of one tick.
    pub(super) tick: Quarters,
    /// Whether ticks are parts of a second, so that no tempo changes them.
    pub(super) is_smpte: bool,
    /// The tracks, in order.
    pub(super) tracks: Vec<TrackChunk<'a>>,
}

/// The events of one track, as bytes.
pub(super) struct TrackChunk<'a> {
    /// Where they begin in the file.
    pub(super) offset: usize,
    /// The bytes.
    pub(super) data: &'a [u8],
}

struct Chunk<'a> {
    kind: [u8; 4],
    offset: usize,
    data: &'a [u8],
}

/// Splits a file into its chunks. Chunks of unknown kind are passed over, as the specification asks.
pub(super) fn split<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Chunks<'a>, Error> {
    let (mut offset, end) = smf_range(bytes)?;
    let bytes = &bytes[..end];
    let header = next_chunk(bytes, &mut offset, u32::from_be_bytes)?;
    if header.kind != *b"MThd" {
        return Err(malformed(header.offset - 8, "no MThd header"));
    }
    let [format, announced, division] = header_words(&header)?;
    if format > 1 {
        return Err(unsupported(format!(
            "format {format}: only formats 0 and 1 hold one piece of music"
        )));
    }
    let tick = tick_length(division, header.offset + 4)?;
    check_tracks(u64::from(announced), limits)?;
    let tracks = track_chunks(bytes, offset, usize::from(announced), limits)?;
    Ok(Chunks {
        is_format_0: format == 0,
        tick,
        is_smpte: division >= 0x8000,
        tracks,
    })
}

/// Where the SMF lies: the whole file, or the `data` chunk of a RIFF file of the form `RMID`.
fn smf_range(bytes: &[u8]) -> Result<(usize, usize), Error> {
    if bytes.is_empty() {
        return Err(malformed(0, "the file is empty"));
    }
    if !bytes.starts_with(b"RIFF") {
        return Ok((0, bytes.len()));
    }
    if bytes.get(8..12) != Some(b"RMID") {
        return Err(malformed(8, "a RIFF file without MIDI"));
    }
    let mut offset = 12;
    loop {
        let chunk = next_chunk(bytes, &mut offset, u32::from_le_bytes)?;
        if chunk.kind == *b"data" {
            return Ok((chunk.offset, chunk.offset + chunk.data.len()));
        }
        offset += chunk.data.len() % 2;
    }
}

fn next_chunk<'a>(
    bytes: &'a [u8],
    offset: &mut usize,
    length_from_bytes: fn([u8; 4]) -> u32,
) -> Result<Chunk<'a>, Error> {
    let start = *offset;
    let ends_early = || malformed(start, "the file ends where a chunk should begin");
    let word = |at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
    let kind = word(start).ok_or_else(ends_early)?;
    let length = word(start + 4).ok_or_else(ends_early)?;
    let length = length_from_bytes(length) as usize;
    let left = &bytes[start + 8..];
    if !kind.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return Err(malformed(start, "no MIDI chunk"));
    }
    let data = left.get(..length).ok_or_else(|| {
        let kind = String::from_utf8_lossy(&kind).into_owned();
        let left = left.len();
        malformed(
            start,
            format!("chunk {kind:?} claims {length} bytes and {left} are left"),
        )
    })?;
    *offset = start + 8 + length;
    Ok(Chunk {
        kind,
        offset: start + 8,
        data,
    })
}

/// Format, number of tracks and division.
fn header_words(header: &Chunk<'_>) -> Result<[u16; 3], Error> {
    let word = |index: usize| -> Option<u16> {
        let bytes = header.data.get(2 * index..2 * index + 2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    match (word(0), word(1), word(2)) {
        (Some(format), Some(tracks), Some(division)) => Ok([format, tracks, division]),
        _ => Err(malformed(header.offset, "a header of fewer than 6 bytes")),
    }
}

/// The length of a tick. SMPTE time knows seconds only; it is read at the default tempo, 120 quarter
/// notes per minute. 29 frames stand for 30/1.001.
fn tick_length(division: u16, byte: usize) -> Result<Quarters, Error> {
    let [high, low] = division.to_be_bytes();
    if high < 0x80 {
        return match division {
            0 => Err(malformed(byte, "no ticks in a quarter note")),
            ticks => Ok(Quarters::new(1, i64::from(ticks))),
        };
    }
    let frames_per_second = match high.wrapping_neg() {
        29 => Quarters::new(30_000, 1001),
        frames @ (24 | 25 | 30) => Quarters::from_integer(i64::from(frames)),
        frames => {
            let reason = format!("{frames} SMPTE frames per second, not 24, 25, 29 or 30");
            return Err(malformed(byte, reason));
        }
    };
    match low {
        0 => Err(malformed(byte, "no ticks in a SMPTE frame")),
        ticks => Ok(Quarters::from_integer(2) / frames_per_second / i64::from(ticks)),
    }
}

fn track_chunks<'a>(
    bytes: &'a [u8],
    mut offset: usize,
    announced: usize,
    limits: &Limits,
) -> Result<Vec<TrackChunk<'a>>, Error> {
    let mut tracks = Vec::new();
    while offset < bytes.len() {
        let chunk = match next_chunk(bytes, &mut offset, u32::from_be_bytes) {
            Ok(chunk) => chunk,
            Err(_) if tracks.len() >= announced => break, // padding after the last track
            Err(error) => return Err(error),
        };
        if chunk.kind == *b"MTrk" {
            check_tracks(tracks.len() as u64 + 1, limits)?;
            tracks.push(TrackChunk {
                offset: chunk.offset,
                data: chunk.data,
            });
        }
    }
    if tracks.len() < announced {
        let found = tracks.len();
        let reason = format!("{announced} tracks are announced and {found} are there");
        return Err(malformed(offset, reason));
    }
    Ok(tracks)
}

fn check_tracks(found: u64, limits: &Limits) -> Result<(), Error> {
    let limit = limits.tracks as u64;
    if found > limit {
        return Err(Error::Limit {
            what: "tracks",
            limit,
            found,
        });
    }
    Ok(())
}
