use std::{fmt, str::FromStr};

use affetto_emotion::FrameRate;

use crate::Error;

/// Hours, minutes, seconds and frames since midnight, written `13:13:04:31.652`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timecode {
    /// 0..=23.
    pub hours: u8,
    /// 0..=59.
    pub minutes: u8,
    /// 0..=59.
    pub seconds: u8,
    /// Whole frames, below the frame rate; 0..=999.
    pub frames: u16,
    /// Thousandths of a frame, 0..=999.
    pub thousandths: u16,
}

impl Timecode {
    /// The time of the frame `index` of a take that begins at midnight. A second counts the next whole number of
    /// frames: at 60000/1001 frames per second one frame follows another by 1.001 sixtieths, as Live Link Face has it.
    pub fn at(index: u64, rate: FrameRate) -> Self {
        const SECONDS_PER_DAY: u128 = 24 * 3600;
        let (numer, denom) = (u128::from(*rate.numer()), u128::from(*rate.denom()));
        let per_second = 1000 * u128::from(rate.ceil().to_integer()); // thousandths of a frame
        let thousandths = u128::from(index) * denom * per_second / numer;
        let (seconds, left) = (thousandths / per_second, thousandths % per_second);
        let seconds = (seconds % SECONDS_PER_DAY) as u32;
        Self {
            hours: (seconds / 3600) as u8,
            minutes: (seconds / 60 % 60) as u8,
            seconds: (seconds % 60) as u8,
            frames: (left / 1000) as u16,
            thousandths: (left % 1000) as u16,
        }
    }

    /// Frames since midnight, where a second counts `per_second`.
    pub(super) fn in_frames(self, per_second: u32) -> f64 {
        let minutes = 60 * u32::from(self.hours) + u32::from(self.minutes);
        let seconds = 60 * minutes + u32::from(self.seconds);
        let whole = u64::from(seconds) * u64::from(per_second) + u64::from(self.frames);
        whole as f64 + f64::from(self.thousandths) / 1000.0
    }
}

impl fmt::Display for Timecode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hours,
            minutes,
            seconds,
            frames,
            thousandths,
        } = self;
        write!(
            f,
            "{hours:02}:{minutes:02}:{seconds:02}:{frames:02}.{thousandths:03}"
        )
    }
}

impl FromStr for Timecode {
    type Err = Error;

    /// Reads `13:13:04:31.652`; the thousandths may be missing, and a semicolon may stand before the frames.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::Word {
            text: text.chars().take(40).collect(),
            expected: "a timecode such as 13:13:04:31.652",
        })
    }
}

fn parse(text: &str) -> Option<Timecode> {
    let mut parts = text.split([':', ';']);
    let mut clock = |below: u16| number(parts.next()?, 2).filter(|number| *number < below);
    let (hours, minutes, seconds) = (clock(24)?, clock(60)?, clock(60)?);
    let frames = parts.next()?;
    let (frames, thousandths) = frames.split_once('.').unwrap_or((frames, "000"));
    let is_whole = parts.next().is_none() && thousandths.len() == 3;
    is_whole.then_some(Timecode {
        hours: hours as u8,
        minutes: minutes as u8,
        seconds: seconds as u8,
        frames: number(frames, 3)?,
        thousandths: number(thousandths, 3)?,
    })
}

/// A number of one to `most` digits and nothing else.
fn number(text: &str, most: usize) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= most;
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn timecodes_are_read_as_written() {
        for text in ["00:00:00:00.000", "13:13:04:31.652", "23:59:59:119.999"] {
            let code: Timecode = text.parse().unwrap();
            assert_eq!(code.to_string(), text);
        }
        let short: Timecode = "1:02:03;04".parse().unwrap();
        assert_eq!(short.to_string(), "01:02:03:04.000");
        for bad in [
            "",
            "1:2:3",
            "24:00:00:00",
            "00:60:00:00",
            "1:2:3:4:5",
            "1:2:3:4.5",
            "1:2:3:-4",
            "a:b:c:d",
        ] {
            assert!(bad.parse::<Timecode>().is_err(), "{bad}");
        }
    }

    /// Frame 61 at 60 is one second and one frame; at 60000/1001 it comes 61.061 sixtieths after the first.
    #[test]
    fn frames_in_time() {
        let text =
            |index, numer, denom| Timecode::at(index, FrameRate::new(numer, denom)).to_string();
        assert_eq!(text(61, 60, 1), "00:00:01:01.000");
        assert_eq!(text(61, 60_000, 1001), "00:00:01:01.061");
        assert_eq!(text(90_001, 25, 1), "01:00:00:01.000");
        assert_eq!(text(24 * 3600 * 24, 24, 1), "00:00:00:00.000");
        assert_eq!(text(u64::MAX, 1000, 1).len(), 16);
    }
}
