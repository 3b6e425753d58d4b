//! Sticker takes as a table that a spreadsheet opens. The first line says what it is, the second names the channels,
//! each other is a frame:
//!
//! ```text
//! # sticker-take/1 fps=24 loop=true
//! head_y,mouth_w
//! 0,0.6
//! 0.1,0.8
//! ```
//!
//! A channel that is not named is at rest. Every number is read as the number it was written from.

use affetto_emotion::{FrameRate, parse_frame_rate};

use super::{
    CHANNELS, Channel, StickerTake, json,
    take::{check_frames, check_limit},
};
use crate::{Error, Limits};

/// The longest line that is read, in bytes. A frame needs a thousand.
const LONGEST_LINE: usize = 1 << 16;

/// Reads the table.
///
/// # Errors
///
/// [`Error::MalformedSticker`] for what is not the table (an unknown channel is named with the nearest one) or breaks a
/// rule of [`StickerTake`], [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<StickerTake, Error> {
    check_limit("bytes", bytes.len() as u64, limits.take_bytes)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let malformed = |line: usize, reason: String| Error::MalformedSticker {
        what: "sticker take table",
        place: format!("line {line}"),
        reason,
    };
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    if let Some((_, line)) = lines.clone().find(|(text, _)| text.len() > LONGEST_LINE) {
        return Err(malformed(line, format!("more than {LONGEST_LINE} bytes")));
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        malformed(line, "not UTF-8".into())
    })?;
    let (first, table) = text.split_once('\n').unwrap_or((text, ""));
    let (rate, loops) = first_line(first).map_err(|reason| malformed(1, reason))?;

    let mut reader = ::csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(::csv::Trim::All)
        .from_reader(table.as_bytes());
    let mut channels: Option<Vec<Channel>> = None;
    let mut frames = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| {
            let line = error.position().map_or(1, |place| place.line() + 1);
            malformed(line as usize, "not a table".into())
        })?;
        let line = row.position().map_or(1, |place| place.line() + 1) as usize;
        match &channels {
            None => {
                if row.len() > CHANNELS {
                    return Err(malformed(line, format!("more than {CHANNELS} channels")));
                }
                let named = json::channels(row.iter().filter(|name| !name.is_empty()));
                channels = Some(named.map_err(|reason| malformed(line, reason))?);
            }
            Some(channels) => {
                check_frames(frames.len() as u64 + 1, limits)?;
                let pose = pose(channels, &row).map_err(|reason| malformed(line, reason))?;
                frames.push(pose);
            }
        }
    }
    let take = StickerTake {
        rate,
        loops,
        frames,
    };
    match take.broken_rule() {
        Some(rule) => Err(malformed(3 + take.frames.len(), rule)),
        None => Ok(take),
    }
}

/// Writes the table, which [`read`] reads as the same take.
///
/// # Errors
///
/// [`Error::StickerTake`] for what [`StickerTake::broken_rule`] names.
pub fn write(take: &StickerTake) -> Result<Vec<u8>, Error> {
    take.check(&Limits::DEFAULT)?;
    let mut text = format!(
        "# {} fps={} loop={}\n{}\n",
        json::SCHEMA,
        take.rate,
        take.loops,
        Channel::ALL.map(Channel::name).join(",")
    );
    for pose in &take.frames {
        let numbers: Vec<String> = pose.0.iter().map(f32::to_string).collect();
        text.push_str(&numbers.join(","));
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// `# sticker-take/1 fps=24 loop=true`; a spreadsheet may have added commas.
fn first_line(line: &str) -> Result<(FrameRate, bool), String> {
    let line = line.trim_end().trim_end_matches(',').trim_matches('"');
    let form = || {
        format!(
            "the first line is not \"# {} fps=24 loop=true\"",
            json::SCHEMA
        )
    };
    let rest = line.strip_prefix('#').map(str::trim).ok_or_else(form)?;
    let rest = rest.strip_prefix(json::SCHEMA).ok_or_else(form)?;
    let (mut rate, mut loops) = (None, None);
    for word in rest.split_whitespace() {
        match word.split_once('=') {
            Some(("fps", value)) => {
                rate = Some(parse_frame_rate(value).map_err(|error| error.to_string())?);
            }
            Some(("loop", "true")) => loops = Some(true),
            Some(("loop", "false")) => loops = Some(false),
            _ => return Err(form()),
        }
    }
    rate.zip(loops).ok_or_else(form)
}

fn pose(channels: &[Channel], row: &::csv::StringRecord) -> Result<super::Pose, String> {
    let cells = row.iter().take(CHANNELS + 1);
    let values: Vec<f32> = cells.map(json::number).collect::<Result<_, _>>()?;
    let pose = json::pose(channels, &values)?;
    pose.broken_rule().map_or(Ok(pose), Err)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::take::tests::busy, *};

    #[test]
    fn what_is_written_is_read() {
        let take = busy(5);
        let text = write(&take).unwrap();
        assert_eq!(read(&text, &Limits::DEFAULT).unwrap(), take);
        let windows = String::from_utf8(text).unwrap().replace('\n', "\r\n");
        assert_eq!(read(windows.as_bytes(), &Limits::DEFAULT).unwrap(), take);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |text: &str| {
            read(text.as_bytes(), &Limits::DEFAULT)
                .unwrap_err()
                .to_string()
        };
        let head = "# sticker-take/1 fps=24 loop=true\n";
        assert!(said("head_y\n0\n").contains("first line"));
        assert!(said(&format!("{head}head_z\n0\n")).contains("did you mean head_"));
        assert!(said(&format!("{head}head_y\n0,1\n")).contains("line 3"));
        assert!(said(&format!("{head}head_y\n0\nnan\n")).contains("line 4"));
        assert!(said(&format!("{head}head_y\n9\n")).contains("outside -2..=2"));
        assert!(said(&format!("{head}head_y\n")).contains("no frames"));
        assert!(said("# sticker-take/1 fps=0 loop=true\nhead_y\n0\n").contains("line 1"));
        let few = Limits {
            frames: 4,
            ..Limits::DEFAULT
        };
        let error = read(&write(&busy(5)).unwrap(), &few).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Limit {
                    limit: 4,
                    found: 5,
                    ..
                }
            ),
            "{error}"
        );
    }
}
