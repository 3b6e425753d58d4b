//! Sticker takes as JSON, `sticker-take/1`:
//!
//! ```json
//! {"schema": "sticker-take/1", "fps": "24", "loop": true,
//!  "channels": ["head_y", "mouth_w"], "frames": [[0, 0.6], [0.1, 0.8]]}
//! ```
//!
//! A channel that is not named is at rest. Every number is read as the number it was written from.

use std::{cell::Cell, fmt};

use affetto_emotion::{nearest, parse_frame_rate};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    CHANNELS, Channel, Pose, StickerTake,
    character::shown,
    take::{check_frames, check_limit},
};
use crate::{Error, Limits};

/// The name and version of the format.
pub const SCHEMA: &str = "sticker-take/1";

const WHAT: &str = "sticker take";

/// A take as a file holds it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "sticker-take/1")]
#[serde(deny_unknown_fields)]
struct TakeFile {
    /// The format, always `sticker-take/1`.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// Frames per second, as a fraction such as "30000/1001" or a whole number such as "24".
    fps: String,
    /// Whether the first frame follows the last.
    #[serde(rename = "loop")]
    loops: bool,
    /// The names of the channels, in the order of the numbers of a frame. The others are at rest.
    channels: Vec<&'static str>,
    /// The frames, in order: a number for each channel.
    #[schemars(length(min = 1))]
    frames: Vec<Vec<f32>>,
}

/// Reads `sticker-take/1`.
///
/// # Errors
///
/// [`Error::MalformedSticker`] for what is not the format (an unknown channel is named with the nearest one) or breaks
/// a rule of [`StickerTake`], [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<StickerTake, Error> {
    check_limit("bytes", bytes.len() as u64, limits.take_bytes)?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let found = Cell::new(0);
    let seed = TakeSeed {
        most: limits.frames,
        found: &found,
    };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let take = seed.deserialize(&mut json);
    check_frames(found.get(), limits)?;
    let take = take.and_then(|take| json.end().map(|()| take));
    take.map_err(|error| Error::MalformedSticker {
        what: WHAT,
        place: format!("line {}, column {}", error.line(), error.column()),
        reason: reason(&error),
    })
}

/// Writes `sticker-take/1`, which [`read`] reads as the same take.
///
/// # Errors
///
/// [`Error::StickerTake`] for what [`StickerTake::broken_rule`] names.
pub fn write(take: &StickerTake) -> Result<Vec<u8>, Error> {
    take.check(&Limits::DEFAULT)?;
    let moving = moving(take);
    let file = TakeFile {
        schema: SCHEMA,
        fps: take.rate.to_string(),
        loops: take.loops,
        channels: moving.iter().map(|channel| channel.name()).collect(),
        frames: take
            .frames
            .iter()
            .map(|pose| moving.iter().map(|channel| pose[*channel]).collect())
            .collect(),
    };
    let written = serde_json::to_vec(&file);
    let mut text = written.map_err(|error| Error::StickerTake {
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}

/// The JSON Schema of `sticker-take/1`.
pub fn json_schema() -> Schema {
    schema_for!(TakeFile)
}

/// The channels that are not at rest throughout.
fn moving(take: &StickerTake) -> Vec<Channel> {
    let is_moving = |channel: &Channel| {
        let rest = channel.spec().rest.to_bits();
        take.frames
            .iter()
            .any(|pose| pose[*channel].to_bits() != rest)
    };
    Channel::ALL.into_iter().filter(is_moving).collect()
}

/// Without the place, which stands beside it.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let end = said.rfind(" at line ").unwrap_or(said.len());
    shown(&said[..end], 200)
}

pub(super) fn channel_named(name: &str) -> Result<Channel, String> {
    Channel::named(name).ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        let near = nearest(&name, Channel::ALL.map(Channel::name));
        match near.first() {
            Some(near) => format!("unknown channel {name:?}: did you mean {near}?"),
            None => format!("unknown channel {name:?}"),
        }
    })
}

/// The channels of a file: known ones, each once.
pub(super) fn channels<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Channel>, String> {
    let mut channels = Vec::new();
    for name in names {
        let channel = channel_named(name)?;
        if channels.contains(&channel) {
            return Err(format!("channel {channel} twice"));
        }
        channels.push(channel);
    }
    Ok(channels)
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Schema,
    Fps,
    Loop,
    Channels,
    Frames,
}

/// Reads a take and counts its frames while it does.
struct TakeSeed<'a> {
    most: usize,
    found: &'a Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for TakeSeed<'_> {
    type Value = StickerTake;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<StickerTake, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TakeSeed<'_> {
    type Value = StickerTake;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of {SCHEMA}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StickerTake, A::Error> {
        let (mut schema, mut fps, mut loops, mut channels, mut rows) =
            (None, None, None, None, None);
        while let Some(field) = map.next_key()? {
            let is_new = match field {
                Field::Schema => schema.replace(map.next_value::<Word>()?).is_none(),
                Field::Fps => fps.replace(map.next_value::<Word>()?).is_none(),
                Field::Loop => loops.replace(map.next_value::<bool>()?).is_none(),
                Field::Channels => channels.replace(map.next_value::<Names>()?.0).is_none(),
                Field::Frames => {
                    let rows_seed = RowsSeed {
                        most: self.most,
                        found: self.found,
                    };
                    rows.replace(map.next_value_seed(rows_seed)?).is_none()
                }
            };
            if !is_new {
                return Err(de::Error::custom("a field twice"));
            }
        }
        let missing = |name: &str| de::Error::custom(format!("{name:?} is missing"));
        let Word(schema) = schema.ok_or_else(|| missing("schema"))?;
        if schema != SCHEMA {
            return Err(de::Error::custom(format!(
                "the schema is {schema:?}, not {SCHEMA:?}"
            )));
        }
        let Word(fps) = fps.ok_or_else(|| missing("fps"))?;
        let channels = channels.ok_or_else(|| missing("channels"))?;
        let rows = rows.ok_or_else(|| missing("frames"))?;
        let pose = |row: Vec<f32>| pose(&channels, &row);
        let take = StickerTake {
            rate: parse_frame_rate(&fps).map_err(de::Error::custom)?,
            loops: loops.ok_or_else(|| missing("loop"))?,
            frames: rows
                .into_iter()
                .map(pose)
                .collect::<Result<_, _>>()
                .map_err(de::Error::custom)?,
        };
        match take.broken_rule() {
            Some(rule) => Err(de::Error::custom(rule)),
            None => Ok(take),
        }
    }
}

/// The pose with these values in these channels.
pub(super) fn pose(channels: &[Channel], values: &[f32]) -> Result<Pose, String> {
    if values.len() != channels.len() {
        let (found, expected) = (values.len(), channels.len());
        return Err(format!("a frame of {found} numbers, not {expected}"));
    }
    let mut pose = Pose::rest();
    for (channel, value) in channels.iter().zip(values) {
        pose[*channel] = *value;
    }
    Ok(pose)
}

/// A short word.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self(word.chars().take(64).collect()))
    }
}

struct Names(Vec<Channel>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of channel names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
                let mut names: Vec<String> = Vec::new();
                while let Some(Word(name)) = items.next_element()? {
                    if names.len() == CHANNELS {
                        return Err(de::Error::custom(format!("more than {CHANNELS} channels")));
                    }
                    names.push(name);
                }
                let names = channels(names.iter().map(String::as_str));
                names.map(Names).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_seq(NamesVisitor)
    }
}

struct RowsSeed<'a> {
    most: usize,
    found: &'a Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = Vec<Vec<f32>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = Vec<Vec<f32>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of frames")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(Row(row)) = items.next_element()? {
            self.found.set(self.found.get() + 1);
            if rows.len() == self.most {
                return Err(de::Error::custom("too many frames"));
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// The numbers of a frame, at most as many as there are channels.
struct Row(Vec<f32>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {CHANNELS} numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row, A::Error> {
                let mut row = Vec::new();
                while let Some(text) = items.next_element::<&RawValue>()? {
                    if row.len() == CHANNELS {
                        return Err(de::Error::custom(format!(
                            "a frame of more than {CHANNELS} numbers"
                        )));
                    }
                    row.push(number(text.get()).map_err(de::Error::custom)?);
                }
                Ok(Row(row))
            }
        }
        deserializer.deserialize_seq(RowVisitor)
    }
}

/// A number, to the last digit.
pub(super) fn number(text: &str) -> Result<f32, String> {
    let shown = || text.chars().take(40).collect::<String>();
    let number: f32 = text
        .parse()
        .map_err(|_| format!("{:?} is not a number", shown()))?;
    match number.is_finite() {
        true => Ok(number),
        false => Err(format!("{:?} is not finite", shown())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::take::tests::busy, *};

    #[test]
    fn what_is_written_is_read() {
        let take = busy(5);
        assert_eq!(
            read(&write(&take).unwrap(), &Limits::DEFAULT).unwrap(),
            take
        );
        let still = StickerTake {
            frames: vec![Pose::rest(); 3],
            ..take
        };
        let text = write(&still).unwrap();
        assert!(text.len() < 120);
        assert_eq!(read(&text, &Limits::DEFAULT).unwrap(), still);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |text: &str| {
            read(text.as_bytes(), &Limits::DEFAULT)
                .unwrap_err()
                .to_string()
        };
        let file = |channels: &str, frames: &str| {
            format!(
                r#"{{"schema":"sticker-take/1","fps":"24","loop":true,"channels":{channels},"frames":{frames}}}"#
            )
        };
        assert!(said(&file(r#"["mouth_with"]"#, "[[0]]")).contains("did you mean mouth_"));
        assert!(said(&file(r#"["mouth_w","mouth_w"]"#, "[[0,0]]")).contains("twice"));
        assert!(said(&file(r#"["mouth_w"]"#, "[[0],[0,1]]")).contains("2 numbers, not 1"));
        assert!(said(&file(r#"["mouth_w"]"#, "[[1e99]]")).contains("not finite"));
        assert!(said(&file(r#"["mouth_w"]"#, "[[9]]")).contains("outside 0..=2.5, in frame 0"));
        assert!(said(&file("[]", "[]")).contains("no frames"));
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
