//! Takes as JSON, with the names that ARKit gives the shapes.
//!
//! As one object, `face-take/1`:
//!
//! ```json
//! {"schema": "face-take/1", "fps": "60000/1001", "frames": [
//!   {"t": 0.0, "frame": 0, "timecode": "13:13:04:31.652", "weights": {"jawOpen": 0.42},
//!    "head": {"yaw": 0.1, "pitch": 0.0, "roll": 0.0}}]}
//! ```
//!
//! or as JSON Lines, where each line is one of the frames. A shape that is not named is 0, turns are those of
//! [`Turn`], and only `weights` has to be there. Every number is read as the number it was written from.

use std::{
    cell::Cell,
    fmt,
    io::{BufRead, Read, Write},
};

use affetto_emotion::{FrameRate, parse_frame_rate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

use super::{
    DEFAULT_RATE, SHAPES, Shape, Take, TakeFormat, TakeFrame, Timecode, Tracked, Turn, Weights,
    check_frames, exact,
    livelink::unknown_name,
    rate::{nearest_rate, seconds},
    stream::{LONGEST_LINE, LookAhead},
};
use crate::{Error, Limits};

/// The name and version of the format.
pub const SCHEMA: &str = "face-take/1";

/// How many frames are looked at for the frame rate.
const LOOK_AHEAD: usize = 300;

/// A take as a file holds it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "face-take/1")]
#[serde(deny_unknown_fields)]
struct TakeFile {
    /// The format, always `face-take/1`.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// Frames per second, as a fraction such as "60000/1001" or a whole number such as "60".
    fps: String,
    /// What the face is like at rest: a weight for each identity mode of a face basis.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    identity: Vec<f64>,
    /// The frames, in order.
    #[schemars(length(min = 1))]
    frames: Vec<FrameFile>,
}

/// A frame as a file holds it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Frame")]
struct FrameFile {
    /// When it is shown, in seconds; later than the frame before.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "exact::optional"
    )]
    t: Option<f64>,
    /// Its number; one more than that of the frame before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame: Option<u64>,
    /// When it was recorded: hours, minutes, seconds, frames and thousandths of a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timecode: Option<String>,
    /// How strong each shape is.
    weights: Weights,
    /// The turn of the head.
    #[serde(default)]
    head: Turn,
    /// The turns of the eyes in the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eyes: Option<Eyes>,
    /// Where the face lies in the picture that it was tracked in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracked: Option<Tracked>,
    /// Whether no face was found at this moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
}

/// The turn of either eye.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Eyes {
    left: Turn,
    right: Turn,
}

/// Reads `face-take/1`.
///
/// # Errors
///
/// [`Error::MalformedTake`] for what is not the format (a shape that is not known is named with the nearest one),
/// [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Take, Error> {
    super::check_size(bytes, limits)?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let found = Cell::new(0);
    let seed = TakeSeed {
        most: limits.frames,
        found: &found,
    };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let take = seed.deserialize(&mut json);
    check_frames(found.get(), limits)?;
    let take = take.and_then(|take| json.end().map(|()| take));
    take.map_err(|error| refused(TakeFormat::Json, &error))
}

/// Writes `face-take/1`, which [`read`] reads as the same take.
///
/// # Errors
///
/// [`Error::UnsupportedTake`] for what [`Take::broken_rule`] names.
pub fn write(take: &Take) -> Result<Vec<u8>, Error> {
    super::check_written(take, TakeFormat::Json)?;
    let frames = take.frames.iter().zip(0..);
    let file = TakeFile {
        schema: SCHEMA,
        fps: take.rate.to_string(),
        identity: take.identity.clone(),
        frames: frames
            .map(|(frame, index)| FrameFile::new(frame, index, take.rate))
            .collect(),
    };
    json_line(&file)
}

/// The JSON Schema of `face-take/1`.
pub fn json_schema() -> Schema {
    schema_for!(TakeFile)
}

/// The JSON Schema of one line of the JSON Lines.
pub fn line_json_schema() -> Schema {
    schema_for!(FrameFile)
}

/// Reads JSON Lines as a whole, at the rate that their times show, or else 60 frames per second.
///
/// # Errors
///
/// As the iteration of [`Frames`], and [`Error::Limit`] for more frames than `limits`.
pub fn read_lines(source: impl BufRead, limits: &Limits) -> Result<Take, Error> {
    let mut frames = Frames::new(source);
    let rate = frames.rate().unwrap_or(DEFAULT_RATE);
    super::collect(frames, rate, TakeFormat::JsonLines, limits)
}

/// Writes JSON Lines as a whole. The identity of the take is left out.
///
/// # Errors
///
/// [`Error::UnsupportedTake`] for what [`Take::broken_rule`] names.
pub fn write_lines(take: &Take) -> Result<Vec<u8>, Error> {
    super::check_written(take, TakeFormat::JsonLines)?;
    let mut writer = Writer::new(Vec::new(), take.rate);
    take.frames
        .iter()
        .try_for_each(|frame| writer.write(frame))?;
    Ok(writer.out)
}

/// The frames of JSON Lines, read one by one; memory does not grow with their number. A byte order mark, CRLF and
/// blank lines are passed over. The iteration fails with [`Error::MalformedTake`] or [`Error::Stream`], and then ends.
pub struct Frames<R: BufRead>(LookAhead<Lines<R>>);

impl<R: BufRead> Frames<R> {
    /// The frames that `source` holds.
    pub const fn new(source: R) -> Self {
        Self(LookAhead::new(Lines {
            source,
            text: Vec::new(),
            line: 0,
            order: Order { last: None },
        }))
    }

    /// The rate that number and time of the first frames show. It may be asked at any time and skips no frame.
    pub fn rate(&mut self) -> Option<FrameRate> {
        let mut timed = self.0.first(LOOK_AHEAD).map(|(place, _)| *place);
        let first = timed.next()?;
        let last = timed.last()?;
        let frames = last.number.checked_sub(first.number)?;
        nearest_rate(frames as f64 / (last.t? - first.t?))
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|(_, frame)| frame))
    }
}

/// Writes JSON Lines frame by frame.
pub struct Writer<W: Write> {
    out: W,
    rate: FrameRate,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`, with times of frames at `rate`.
    pub const fn new(out: W, rate: FrameRate) -> Self {
        Self {
            out,
            rate,
            written: 0,
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedTake`] for numbers that [`TakeFrame::broken_rule`] names, [`Error::Stream`] where writing
    /// fails.
    pub fn write(&mut self, frame: &TakeFrame) -> Result<(), Error> {
        super::check_frame(frame, TakeFormat::JsonLines)?;
        let line = json_line(&FrameFile::new(frame, self.written, self.rate))?;
        self.written += 1;
        self.out
            .write_all(&line)
            .map_err(|source| Error::Stream { source })
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] where writing fails.
    pub fn finish(mut self) -> Result<W, Error> {
        let flushed = self.out.flush();
        flushed.map_err(|source| Error::Stream { source })?;
        Ok(self.out)
    }
}

impl FrameFile {
    fn new(frame: &TakeFrame, index: u64, rate: FrameRate) -> Self {
        Self {
            t: Some(seconds(index, rate)),
            frame: Some(index),
            timecode: frame.timecode.map(|code| code.to_string()),
            weights: frame.shapes,
            head: frame.head,
            eyes: frame.eyes.map(|[left, right]| Eyes { left, right }),
            tracked: frame.tracked.clone(),
            lost: frame.lost,
        }
    }

    fn into_frame(self) -> Result<TakeFrame, String> {
        let timecode = self.timecode.map(|code| code.parse::<Timecode>());
        let frame = TakeFrame {
            timecode: timecode.transpose().map_err(|error| error.to_string())?,
            shapes: self.weights,
            head: self.head,
            eyes: self.eyes.map(|eyes| [eyes.left, eyes.right]),
            tracked: self.tracked,
            lost: self.lost,
        };
        frame.broken_rule().map_or(Ok(frame), Err)
    }
}

/// The number and time of a frame.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    t: Option<f64>,
}

/// Frames follow one another by one, and later.
struct Order {
    last: Option<Place>,
}

impl Order {
    fn place(&mut self, file: &FrameFile) -> Result<Place, String> {
        let expected = self.last.map(|last| last.number.saturating_add(1));
        let number = file.frame.or(expected).unwrap_or(0);
        if let Some(expected) = expected.filter(|expected| *expected != number) {
            return Err(format!(
                "frame {number} stands where frame {expected} should"
            ));
        }
        let before = self.last.and_then(|last| last.t);
        if let (Some(before), Some(t)) = (before, file.t)
            && t <= before
        {
            return Err(format!("a frame at {t} s follows one at {before} s"));
        }
        let place = Place {
            number,
            t: file.t.or(before),
        };
        self.last = Some(place);
        Ok(place)
    }
}

struct Lines<R> {
    source: R,
    text: Vec<u8>,
    line: u64,
    order: Order,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<(Place, TakeFrame), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_line() {
                Ok(0) => return None,
                Ok(_) if self.text.trim_ascii().is_empty() => {}
                Ok(_) => return Some(self.frame()),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<R: BufRead> Lines<R> {
    /// Reads a line into `text` and counts its bytes.
    fn next_line(&mut self) -> Result<usize, Error> {
        self.text.clear();
        self.line += 1;
        let mut bounded = (&mut self.source).take(LONGEST_LINE as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.text);
        let count = read.map_err(|source| Error::Stream { source })?;
        if count > LONGEST_LINE {
            return Err(self.malformed(format!("a line of more than {LONGEST_LINE} bytes")));
        }
        if self.line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            self.text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(count)
    }

    fn frame(&mut self) -> Result<(Place, TakeFrame), Error> {
        let file: FrameFile =
            serde_json::from_slice(&self.text).map_err(|error| self.malformed(reason(&error)))?;
        let place = self.order.place(&file);
        let place = place.map_err(|reason| self.malformed(reason))?;
        let frame = file.into_frame();
        Ok((place, frame.map_err(|reason| self.malformed(reason))?))
    }

    fn malformed(&self, reason: String) -> Error {
        Error::MalformedTake {
            format: TakeFormat::JsonLines,
            place: format!("line {}", self.line),
            reason,
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the one object, frame by frame, so that the number of frames is bounded.
struct TakeSeed<'a> {
    most: usize,
    found: &'a Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for TakeSeed<'_> {
    type Value = Take;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Take, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TakeSeed<'_> {
    type Value = Take;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of the schema {SCHEMA}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Take, A::Error> {
        let (mut schema, mut rate, mut identity, mut frames) = (None, None, None, None);
        while let Some(field) = fields.next_key::<String>()? {
            match field.as_str() {
                "schema" => once(&mut schema, "schema", fields.next_value::<SchemaName>()?)?,
                "fps" => once(&mut rate, "fps", fields.next_value::<Fps>()?.0)?,
                "identity" => once(
                    &mut identity,
                    "identity",
                    fields.next_value::<Identity>()?.0,
                )?,
                "frames" => {
                    let seed = FramesSeed {
                        most: self.most,
                        found: self.found,
                    };
                    once(&mut frames, "frames", fields.next_value_seed(seed)?)?;
                }
                field => {
                    let field: String = field.chars().take(40).collect();
                    return Err(de::Error::custom(format!("unknown field {field:?}")));
                }
            }
        }
        let missing = de::Error::missing_field;
        schema.ok_or_else(|| missing("schema"))?;
        Ok(Take {
            rate: rate.ok_or_else(|| missing("fps"))?,
            identity: identity.unwrap_or_default(),
            frames: frames.ok_or_else(|| missing("frames"))?,
        })
    }
}

fn once<T, E: de::Error>(field: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match field.replace(value) {
        Some(_) => Err(E::duplicate_field(name)),
        None => Ok(()),
    }
}

struct FramesSeed<'a> {
    most: usize,
    found: &'a Cell<u64>,
}

impl<'de> DeserializeSeed<'de> for FramesSeed<'_> {
    type Value = Vec<TakeFrame>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FramesSeed<'_> {
    type Value = Vec<TakeFrame>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of frames")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut frames = Vec::new();
        let mut order = Order { last: None };
        while let Some(file) = items.next_element::<FrameFile>()? {
            self.found.set(self.found.get() + 1);
            if frames.len() == self.most {
                return Err(de::Error::custom("too many frames"));
            }
            order.place(&file).map_err(de::Error::custom)?;
            frames.push(file.into_frame().map_err(de::Error::custom)?);
        }
        match frames.is_empty() {
            true => Err(de::Error::custom("no frames")),
            false => Ok(frames),
        }
    }
}

/// The name of the format and no other.
struct SchemaName;

impl<'de> Deserialize<'de> for SchemaName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == SCHEMA {
            return Ok(Self);
        }
        let name: String = name.chars().take(40).collect();
        Err(de::Error::custom(format!(
            "the schema is {name:?}, not {SCHEMA:?}"
        )))
    }
}

/// A frame rate as a number or a text.
struct Fps(FrameRate);

impl<'de> Deserialize<'de> for Fps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let rate = parse_frame_rate(text.get().trim_matches('"'));
        rate.map(Self).map_err(de::Error::custom)
    }
}

struct Identity(Vec<f64>);

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        exact::list(deserializer).map(Self)
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(SHAPES))?;
        for shape in Shape::ALL {
            map.serialize_entry(shape.name(), &self[shape])?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WeightsVisitor)
    }
}

impl JsonSchema for Weights {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Weights".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let weight =
            serde_json::json!({"type": "number", "minimum": -2, "maximum": 2, "default": 0});
        let names = Shape::ALL.map(Shape::name);
        let properties = names.map(|name| (name.to_string(), weight.clone()));
        let properties = serde_json::Map::from_iter(properties);
        json_schema!({
            "description": "How strong each shape of ARKit's face is, 0..=1; one that is not named is 0.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

struct WeightsVisitor;

impl<'de> Visitor<'de> for WeightsVisitor {
    type Value = Weights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of shapes and weights")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Weights, A::Error> {
        let mut weights = Weights::default();
        let mut seen = [false; SHAPES];
        while let Some(name) = entries.next_key::<String>()? {
            let shape = Shape::named(&name)
                .ok_or_else(|| de::Error::custom(unknown_name("shape", &name)))?;
            if std::mem::replace(&mut seen[shape.index()], true) {
                return Err(de::Error::custom(format!("{shape} is there twice")));
            }
            weights[shape] = entries.next_value::<Weight>()?.0;
        }
        Ok(weights)
    }
}

#[derive(Deserialize)]
struct Weight(#[serde(deserialize_with = "exact::number")] f64);

fn json_line(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(value).map_err(|error| Error::Stream {
        source: error.into(),
    })?;
    line.push(b'\n');
    Ok(line)
}

/// What serde_json says, without the place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    reason.replace('\n', " ").chars().take(200).collect()
}

fn refused(format: TakeFormat, error: &serde_json::Error) -> Error {
    Error::MalformedTake {
        format,
        place: format!("line {} column {}", error.line(), error.column()),
        reason: reason(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TAKE: &str = r#"{"schema": "face-take/1", "fps": "60000/1001", "identity": [0.5, -1], "frames": [
        {"t": 0, "frame": 30, "timecode": "13:13:04:31.652", "weights": {"jawOpen": 0.42, "EyeBlinkLeft": 1},
         "head": {"yaw": 0.1, "pitch": -0.2, "roll": 0.3}},
        {"frame": 31, "weights": {}, "lost": true,
         "eyes": {"left": {"yaw": 0.1, "pitch": 0, "roll": 0}, "right": {"yaw": 0.2, "pitch": 0, "roll": 0}},
         "tracked": {"crop": [1, 2, 30.5, 40], "landmarks": [[5, 6.25]]}}]}"#;

    fn message(text: &str) -> String {
        read(text.as_bytes(), &Limits::DEFAULT)
            .unwrap_err()
            .to_string()
    }

    fn odd_take() -> Take {
        let mut take = read(TAKE.as_bytes(), &Limits::DEFAULT).unwrap();
        take.frames[0].shapes.0[..4].copy_from_slice(&[
            1.0 / 3.0,
            5e-324,
            0.1 + 0.2,
            -1.234_567_890_123_456_7,
        ]);
        take.frames[0].head.roll = std::f64::consts::PI;
        take.identity = vec![1e300 / 7.0, -0.1];
        take
    }

    #[test]
    fn a_take_by_hand() {
        let take = read(TAKE.as_bytes(), &Limits::DEFAULT).unwrap();
        assert_eq!(take.rate, FrameRate::new(60_000, 1001));
        assert_eq!(take.identity, [0.5, -1.0]);
        let [first, second] = &take.frames[..] else {
            panic!("{take:?}")
        };
        assert_eq!(first.shapes[Shape::JawOpen], 0.42);
        assert_eq!(first.shapes[Shape::EyeBlinkLeft], 1.0);
        assert_eq!(first.shapes[Shape::TongueOut], 0.0);
        assert_eq!(first.head.pitch, -0.2);
        assert_eq!(first.timecode.unwrap().to_string(), "13:13:04:31.652");
        assert!(second.lost);
        assert_eq!(second.eyes.unwrap()[1].yaw, 0.2);
        let tracked = second.tracked.as_ref().unwrap();
        assert_eq!(tracked.crop, [1.0, 2.0, 30.5, 40.0]);
        assert_eq!(tracked.landmarks, [[5.0, 6.25]]);
    }

    #[test]
    fn what_is_written_is_read_to_the_last_digit() {
        let take = odd_take();
        let written = write(&take).unwrap();
        assert_eq!(read(&written, &Limits::DEFAULT).unwrap(), take);
        let mut lines = take;
        lines.identity.clear(); // lines have none
        let written = write_lines(&lines).unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 2);
        assert_eq!(read_lines(&written[..], &Limits::DEFAULT).unwrap(), lines);
    }

    /// 30 frames pass in half a second.
    #[test]
    fn lines_show_their_rate() {
        let text = "\u{feff}{\"t\": 1.0333, \"frame\": 31, \"weights\": {}}\r\n\r\n{\"weights\": {\"jawopen\": 1}}\n";
        let mut frames = Frames::new(text.as_bytes());
        assert_eq!(frames.rate(), None);
        assert_eq!(frames.count(), 2);
        let line = |frame: u64| {
            format!(
                "{{\"t\": {}, \"frame\": {frame}, \"weights\": {{}}}}\n",
                frame as f64 / 60.0
            )
        };
        let text: String = (5..=35).map(line).collect();
        let take = read_lines(text.as_bytes(), &Limits::DEFAULT).unwrap();
        assert_eq!((take.rate, take.frames.len()), (FrameRate::new(60, 1), 31));
    }

    #[test]
    fn errors_name_the_place_and_the_nearest() {
        assert_eq!(
            message(&TAKE.replace("jawOpen", "jawOpne")),
            "not a readable face-take JSON file: unknown shape \"jawOpne\": did you mean jawOpen?, at line 2 column 82"
        );
        assert!(
            message(&TAKE.replace("\"frame\": 31", "\"frame\": 33"))
                .contains("frame 33 stands where frame 31 should")
        );
        assert!(message(&TAKE.replace("0.42", "42")).contains("jawOpen of 42, outside -2..=2"));
        assert!(message(&TAKE.replace("0.42", "1e999")).contains("not finite"));
        assert!(message(&TAKE.replace("\"fps\"", "\"rate\"")).contains("unknown field \"rate\""));
        assert!(message(&TAKE.replace("face-take/1", "face-take/2")).contains("the schema is"));
        assert!(
            message(&TAKE.replace("EyeBlinkLeft", "jawOpen")).contains("jawOpen is there twice")
        );
        let line = "{\"weights\": {}}\n{\"weights\": {\"smile\": 1}}\n";
        let error = read_lines(line.as_bytes(), &Limits::DEFAULT).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("did you mean mouthSmileLeft?, at line 2"),
            "{error}"
        );
    }

    #[test]
    fn limits_count_frames_before_they_are_held() {
        let limits = Limits {
            frames: 1,
            ..Limits::DEFAULT
        };
        let error = read(TAKE.as_bytes(), &limits).unwrap_err();
        assert_eq!(error.to_string(), "2 frames, and at most 1 are read");
    }

    #[test]
    fn the_schema_names_every_shape() {
        let schema = serde_json::to_string(&json_schema()).unwrap();
        for shape in Shape::ALL {
            assert!(schema.contains(&format!("{:?}", shape.name())));
        }
        assert!(schema.contains("face-take/1"));
        let line = serde_json::to_string(&line_json_schema()).unwrap();
        assert!(line.contains("\"required\":[\"weights\"]"), "{line}");
    }
}
