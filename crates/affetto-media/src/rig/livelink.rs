//! The CSV of the Live Link Face app: a table with a row for each frame and 63 columns.
//!
//! `Timecode`, `BlendShapeCount` (always 61), the 52 shapes in an order of their own, and yaw, pitch and roll of head,
//! left eye and right eye, in radians. Some programs leave the nine turns out; the count is 52 then. A row in which no
//! face was found has a count of 0 and no numbers. Recordings of the app have ten decimals.
//!
//! Which way the turns go is not documented. In public recordings of the app (two, 7,839 frames) the eyes' yaw is
//! positive where an eye looks to the subject's own right (the left eye's correlates with `EyeLookInLeft` by 0.80 and
//! 0.82, with `EyeLookOutLeft` by -0.70 and -0.67), and the pitch where it looks down (with `EyeLookDownLeft` by 0.94
//! and 0.87). Head and eyes come from one conversion in Unreal Engine's code for ARKit, with rotators about the axes of
//! a subject that looks along -x: a positive roll tilts to the subject's own left shoulder. So yaw and roll are those
//! of [`Turn`] negated, and pitch is the same.

use std::io::{BufRead, Write};

use affetto_emotion::{FrameRate, nearest};
use csv::StringRecord;

use super::{
    DEFAULT_RATE, SHAPES, Shape, Take, TakeFormat, TakeFrame, Timecode, Turn, infer_rate,
    stream::{LookAhead, ShortLines},
};
use crate::{Error, Limits};

/// The shapes in the order of the file's columns.
pub const COLUMNS: [Shape; SHAPES] = {
    let mut columns = Shape::ALL;
    columns[Shape::JawLeft.index()] = Shape::JawRight;
    columns[Shape::JawRight.index()] = Shape::JawLeft;
    columns[Shape::MouthLeft.index()] = Shape::MouthRight;
    columns[Shape::MouthRight.index()] = Shape::MouthLeft;
    columns
};

const TURNS: [&str; 9] = [
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
];

/// How many frames are looked at for the frame rate: at least a second of any usual rate.
const LOOK_AHEAD: usize = 300;

/// Reads a take as a whole, at the rate that its timecodes show, or else 60 frames per second.
///
/// # Errors
///
/// As [`Frames::new`] and its iteration, and [`Error::Limit`] for more frames than `limits`.
pub fn read(source: impl BufRead, limits: &Limits) -> Result<Take, Error> {
    let mut frames = Frames::new(source)?;
    let rate = frames.rate().unwrap_or(DEFAULT_RATE);
    super::collect(frames, rate, TakeFormat::LiveLinkCsv, limits)
}

/// Writes a take as a whole, with all 63 columns.
///
/// # Errors
///
/// [`Error::UnsupportedTake`] for what [`Take::broken_rule`] names.
pub fn write(take: &Take) -> Result<Vec<u8>, Error> {
    super::check_written(take, TakeFormat::LiveLinkCsv)?;
    let mut writer = Writer::new(Vec::new(), take.rate, Turns::Written)?;
    take.frames
        .iter()
        .try_for_each(|frame| writer.write(frame))?;
    writer.finish()
}

/// The frames of a file, read one by one; memory does not grow with their number. Names of columns are matched
/// whatever their case, in any order. A byte order mark, CRLF and blank lines are passed over.
pub struct Frames<R: BufRead>(LookAhead<Rows<R>>);

impl<R: BufRead> Frames<R> {
    /// Reads the names of the columns.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedTake`] where a column is missing, unknown or there twice, [`Error::Stream`] where reading
    /// fails. The frames themselves fail in the same two ways, and then they end.
    pub fn new(source: R) -> Result<Self, Error> {
        let mut table = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .quoting(false) // an unclosed quote would hold the rest of the file in memory
            .trim(csv::Trim::All)
            .from_reader(ShortLines::new(source));
        let mut row = StringRecord::new();
        if !table.read_record(&mut row).map_err(refused)? {
            return Err(malformed(1, "the file is empty"));
        }
        let columns = Columns::new(&row)?;
        Ok(Self(LookAhead::new(Rows {
            table,
            columns,
            row,
        })))
    }

    /// The rate that the timecodes of the first frames show, by [`infer_rate`]. It may be asked at any time and skips
    /// no frame.
    pub fn rate(&mut self) -> Option<FrameRate> {
        let frames = self.0.first(LOOK_AHEAD);
        let codes: Vec<Timecode> = frames.filter_map(|frame| frame.timecode).collect();
        infer_rate(&codes)
    }

    /// Whether the file has the nine turns.
    pub const fn turns(&self) -> Turns {
        self.0.items().columns.written()
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Whether the turns of head and eyes stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// They do; there are 63 columns.
    Written,
    /// They do not; there are 54 columns.
    LeftOut,
}

struct Rows<R: BufRead> {
    table: csv::Reader<ShortLines<R>>,
    columns: Columns,
    row: StringRecord,
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<TakeFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.table.read_record(&mut self.row) {
            Ok(true) => Some(self.columns.frame(&self.row)),
            Ok(false) => None,
            Err(error) => Some(Err(refused(error))),
        }
    }
}

/// Where each thing stands in a row.
struct Columns {
    count: usize,
    timecode: usize,
    shape_count: usize,
    shapes: [usize; SHAPES],
    turns: Option<[usize; 9]>,
}

impl Columns {
    fn new(names: &StringRecord) -> Result<Self, Error> {
        let line = line_of(names);
        for (at, name) in names.iter().enumerate() {
            check_name(name).map_err(|reason| malformed(line, reason))?;
            if names
                .iter()
                .take(at)
                .any(|other| other.eq_ignore_ascii_case(name))
            {
                return Err(malformed(line, format!("the column {name} is there twice")));
            }
        }
        let place = |name: &str| {
            names
                .iter()
                .position(|other| other.eq_ignore_ascii_case(name))
        };
        let needed = |name: &str| {
            place(name).ok_or_else(|| malformed(line, format!("there is no column {name}")))
        };
        let mut shapes = [0; SHAPES];
        for shape in Shape::ALL {
            shapes[shape.index()] = needed(&column_name(shape))?;
        }
        let turns = match TURNS.iter().any(|name| place(name).is_some()) {
            false => None,
            true => {
                let mut columns = [0; 9];
                for (column, name) in columns.iter_mut().zip(TURNS) {
                    *column = needed(name)?;
                }
                Some(columns)
            }
        };
        Ok(Self {
            count: names.len(),
            timecode: needed("Timecode")?,
            shape_count: needed("BlendShapeCount")?,
            shapes,
            turns,
        })
    }

    const fn written(&self) -> Turns {
        match self.turns {
            Some(_) => Turns::Written,
            None => Turns::LeftOut,
        }
    }

    fn frame(&self, row: &StringRecord) -> Result<TakeFrame, Error> {
        let line = line_of(row);
        let frame = self.checked_frame(row);
        frame.map_err(|reason| malformed(line, reason))
    }

    fn checked_frame(&self, row: &StringRecord) -> Result<TakeFrame, String> {
        let timecode: &str = row.get(self.timecode).unwrap_or_default();
        let timecode: Timecode = timecode.parse().map_err(|error: Error| error.to_string())?;
        let mut frame = TakeFrame {
            timecode: Some(timecode),
            ..TakeFrame::default()
        };
        let expected = self.count - 2;
        match row.get(self.shape_count).unwrap_or_default() {
            "0" => {
                frame.lost = true;
                return Ok(frame);
            }
            count if count.parse() == Ok(expected) => {}
            count => {
                return Err(format!(
                    "a BlendShapeCount of {count:?}, not {expected} or 0"
                ));
            }
        }
        if row.len() != self.count {
            return Err(format!("{} fields in {} columns", row.len(), self.count));
        }
        for (weight, column) in frame.shapes.0.iter_mut().zip(self.shapes) {
            *weight = number(&row[column])?;
        }
        if let Some(columns) = self.turns {
            let mut angles = [0.0; 9];
            for (angle, column) in angles.iter_mut().zip(columns) {
                *angle = number(&row[column])?;
            }
            let [head, left, right] = turns_from_angles(angles);
            frame.head = head;
            frame.eyes = Some([left, right]);
        }
        frame.broken_rule().map_or(Ok(frame), Err)
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let named = |known: &str| known.eq_ignore_ascii_case(name);
    let is_known = Shape::named(name).is_some()
        || TURNS.into_iter().any(named)
        || ["Timecode", "BlendShapeCount"].into_iter().any(named);
    if is_known {
        return Ok(());
    }
    Err(unknown_name("column", name))
}

/// `unknown column "JawOpn": did you mean jawOpen?`
pub(super) fn unknown_name(what: &str, name: &str) -> String {
    let name: String = name.chars().take(40).collect();
    let known = Shape::ALL.map(|shape| shape.name().to_ascii_lowercase());
    let near = nearest(&name, known.iter().map(String::as_str));
    match near.first().and_then(|near| Shape::named(near)) {
        Some(near) => format!("unknown {what} {name:?}: did you mean {near}?"),
        None => format!("unknown {what} {name:?}"),
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| {
        format!(
            "{:?} is not a number",
            text.chars().take(40).collect::<String>()
        )
    })
}

/// `JawOpen`, as the file has it.
fn column_name(shape: Shape) -> String {
    let (first, rest) = shape.name().split_at(1);
    first.to_uppercase() + rest
}

fn turns_from_angles(angles: [f64; 9]) -> [Turn; 3] {
    [0, 3, 6].map(|at| Turn {
        yaw: reversed(angles[at]),
        pitch: angles[at + 1],
        roll: reversed(angles[at + 2]),
    })
}

fn angles_of(turn: Turn) -> [f64; 3] {
    [reversed(turn.yaw), turn.pitch, reversed(turn.roll)]
}

/// The same the other way, and 0 without a sign.
fn reversed(angle: f64) -> f64 {
    0.0 - angle
}

/// Writes frames one by one.
pub struct Writer<W: Write> {
    table: csv::Writer<W>,
    rate: FrameRate,
    turns: Turns,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the names of the columns. Frames without a timecode get one, counted from midnight at `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] where writing fails.
    pub fn new(out: W, rate: FrameRate, turns: Turns) -> Result<Self, Error> {
        let mut table = csv::WriterBuilder::new().flexible(true).from_writer(out);
        let names = ["Timecode", "BlendShapeCount"].map(String::from);
        let names = names.into_iter().chain(COLUMNS.map(column_name));
        let turn_names = TURNS.iter().take(turns.count()).map(ToString::to_string);
        table
            .write_record(names.chain(turn_names))
            .map_err(refused)?;
        Ok(Self {
            table,
            rate,
            turns,
            written: 0,
        })
    }

    /// Writes a row. Every number keeps the ten decimals of the app, or as many digits as tell it from all others.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedTake`] for numbers that [`TakeFrame::broken_rule`] names, [`Error::Stream`] where writing
    /// fails.
    pub fn write(&mut self, frame: &TakeFrame) -> Result<(), Error> {
        super::check_frame(frame, TakeFormat::LiveLinkCsv)?;
        let timecode = frame
            .timecode
            .unwrap_or_else(|| Timecode::at(self.written, self.rate));
        self.written += 1;
        let count = if frame.lost {
            0
        } else {
            SHAPES + self.turns.count()
        };
        let mut fields = vec![timecode.to_string(), count.to_string()];
        if !frame.lost {
            let shapes = COLUMNS.map(|shape| frame.shapes[shape]);
            let [left, right] = frame.eyes.unwrap_or_default();
            let turns = [frame.head, left, right].map(angles_of);
            let turns = turns.as_flattened().iter().take(self.turns.count());
            fields.extend(shapes.iter().chain(turns).map(|number| digits(*number)));
        }
        self.table.write_record(&fields).map_err(refused)
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] where writing fails.
    pub fn finish(self) -> Result<W, Error> {
        let ended = self.table.into_inner();
        ended.map_err(|error| Error::Stream {
            source: error.into_error(),
        })
    }
}

impl Turns {
    const fn count(self) -> usize {
        match self {
            Self::Written => TURNS.len(),
            Self::LeftOut => 0,
        }
    }
}

fn digits(number: f64) -> String {
    let ten_decimals = format!("{number:.10}");
    match ten_decimals.parse() == Ok(number) {
        true => ten_decimals,
        false => number.to_string(),
    }
}

fn line_of(row: &StringRecord) -> u64 {
    row.position().map_or(1, csv::Position::line)
}

fn malformed(line: u64, reason: impl Into<String>) -> Error {
    Error::MalformedTake {
        format: TakeFormat::LiveLinkCsv,
        place: format!("line {line}"),
        reason: reason.into(),
    }
}

fn refused(error: csv::Error) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
            malformed(line, source.to_string())
        }
        csv::ErrorKind::Io(source) => Error::Stream { source },
        csv::ErrorKind::Utf8 { .. } => malformed(line, "text that is not UTF-8"),
        kind => malformed(line, format!("{kind:?}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::BufReader;

    use super::*;

    const HEADER: &str = "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,\
        EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,\
        EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,\
        MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,\
        MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,\
        MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,\
        MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,\
        CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,\
        LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll";

    /// The columns hold 0.0123456789, 0.0223456789 and so on.
    fn row(timecode: &str) -> String {
        let numbers =
            (0..61).map(|column| format!(",{:.10}", 0.012_345_678_9 + 0.01 * f64::from(column)));
        format!("{timecode},61") + &numbers.collect::<String>()
    }

    fn table() -> String {
        let codes = ["13:13:04:58.652", "13:13:04:59.653", "13:13:05:00.654"];
        let rows = codes.map(row).join("\n");
        format!("{HEADER}\n{rows}\n")
    }

    fn read_text(text: &str) -> Result<Take, Error> {
        read(text.as_bytes(), &Limits::DEFAULT)
    }

    fn message(text: &str) -> String {
        read_text(text).unwrap_err().to_string()
    }

    /// `JawRight` is the 18th column, so it holds 0.0123456789 + 15 * 0.01; the head's yaw is the 55th.
    #[test]
    fn a_recording_by_hand() {
        let take = read_text(&table()).unwrap();
        assert_eq!(take.rate, FrameRate::new(60_000, 1001));
        let frame = &take.frames[1];
        assert_eq!(frame.timecode.unwrap().to_string(), "13:13:04:59.653");
        assert_eq!(frame.shapes[Shape::EyeBlinkLeft], 0.012_345_678_9);
        assert_eq!(frame.shapes[Shape::JawRight], 0.162_345_678_9);
        assert_eq!(frame.shapes[Shape::JawLeft], 0.172_345_678_9);
        assert_eq!(frame.shapes[Shape::TongueOut], 0.522_345_678_9);
        assert_eq!(frame.head.yaw, -0.532_345_678_9);
        assert_eq!(frame.head.pitch, 0.542_345_678_9);
        assert_eq!(frame.eyes.unwrap()[1].roll, -0.612_345_678_9);
    }

    #[test]
    fn what_is_written_again_is_the_same_text() {
        let text = table();
        let written = write(&read_text(&text).unwrap()).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }

    #[test]
    fn every_digit_is_kept() {
        let mut frame = TakeFrame::default();
        let odd = [
            1.0 / 3.0,
            1e-300,
            5e-324,
            f64::EPSILON,
            0.1 + 0.2,
            1.999_999_999_999_9,
        ];
        frame.shapes.0[..6].copy_from_slice(&odd);
        frame.head.yaw = -1.0 / 7.0;
        frame.eyes = Some(Default::default());
        frame.timecode = Some(Timecode::default());
        let take = Take {
            rate: DEFAULT_RATE,
            identity: Vec::new(),
            frames: vec![frame],
        };
        assert_eq!(
            read(&write(&take).unwrap()[..], &Limits::DEFAULT).unwrap(),
            take
        );
    }

    #[test]
    fn marks_line_ends_case_and_order_do_not_matter() {
        let plain = read_text(&table()).unwrap();
        let mut lines = Vec::new();
        for line in table().lines() {
            let reversed: Vec<&str> = line.split(',').rev().collect();
            lines.push(reversed.join(", "));
        }
        lines[0].make_ascii_lowercase();
        let text = format!("\u{feff}{}\r\n\r\n", lines.join("\r\n"));
        assert_eq!(read_text(&text).unwrap(), plain);
        let tiny = BufReader::with_capacity(3, text.as_bytes());
        assert_eq!(read(tiny, &Limits::DEFAULT).unwrap(), plain);
    }

    #[test]
    fn turns_may_be_left_out() {
        let take = read_text(&table()).unwrap();
        let mut writer = Writer::new(Vec::new(), take.rate, Turns::LeftOut).unwrap();
        writer.write(&take.frames[0]).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert!(text.lines().all(|line| line.split(',').count() == 54));
        assert!(text.contains("13:13:04:58.652,52,"));
        let mut frames = Frames::new(text.as_bytes()).unwrap();
        assert_eq!(frames.turns(), Turns::LeftOut);
        assert_eq!(frames.rate(), None);
        let frame = frames.next().unwrap().unwrap();
        assert_eq!(frame.shapes, take.frames[0].shapes);
        assert_eq!((frame.head, frame.eyes), (Turn::default(), None));
    }

    #[test]
    fn a_lost_face_is_kept() {
        let text = format!("{}13:13:05:01.655,0\n", table());
        let take = read_text(&text).unwrap();
        assert!(take.frames[3].lost);
        assert_eq!(String::from_utf8(write(&take).unwrap()).unwrap(), text);
    }

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        assert_eq!(
            message(&table().replace("JawOpen", "JawOpn")),
            "not a readable Live Link Face CSV file: unknown column \"JawOpn\": did you mean jawOpen?, at line 1"
        );
        let percents = table()
            .replacen("0.0123456789", "12.3", 2)
            .replacen("12.3", "0.1", 1);
        assert!(message(&percents).contains("eyeBlinkLeft of 12.3, outside -2..=2, at line 3"));
        let degrees = table().replacen("0.5323456789", "53.2", 1);
        assert!(message(&degrees).contains("a turn of -53.2 radians"));
        assert!(
            message(&table().replace(",61,", ",60,"))
                .contains("a BlendShapeCount of \"60\", not 61 or 0")
        );
        assert!(
            message(&table().replace(",0.0123456789", ""))
                .contains("62 fields in 63 columns, at line 2")
        );
        assert!(message("").contains("the file is empty"));
        assert!(message(&HEADER.replace(",HeadRoll", "")).contains("there is no column HeadRoll"));
        assert!(
            message(&HEADER.replace("JawOpen", "CheekPuff")).contains("CheekPuff is there twice")
        );
    }

    /// A million frames would be 600 MB at once.
    #[test]
    fn limits_count_frames() {
        let limits = Limits {
            frames: 2,
            ..Limits::DEFAULT
        };
        let error = read(table().as_bytes(), &limits).unwrap_err();
        assert_eq!(error.to_string(), "3 frames, and at most 2 are read");
    }
}
