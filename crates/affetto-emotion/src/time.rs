use std::fmt;

use num_rational::Ratio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, vad::in_range};

/// What the positions of a curve count. All of them start at 0: bar 8 is after eight whole bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Frames of the curve's own frame rate.
    Frames,
    /// Beats of the metre.
    Beats,
    /// Bars.
    Bars,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::Seconds, Self::Frames, Self::Beats, Self::Bars];

    /// The word in files and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Frames => "frames",
            Self::Beats => "beats",
            Self::Bars => "bars",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Frames per second, exact: 30000/1001, not 29.97.
pub type FrameRate = Ratio<u32>;

/// Reads `25`, `30000/1001`, and 23.976, 29.97 and 59.94 as the fractions they abbreviate.
pub fn parse_frame_rate(text: &str) -> Result<FrameRate, Error> {
    let text = text.trim();
    let known = match text {
        "23.976" | "23.98" => Some(Ratio::new(24_000, 1001)),
        "29.97" => Some(Ratio::new(30_000, 1001)),
        "59.94" => Some(Ratio::new(60_000, 1001)),
        _ => fraction(text),
    };
    let sane = |rate: &FrameRate| (1.0..=1000.0).contains(&frames_per_second(*rate));
    known.filter(sane).ok_or_else(|| Error::FrameRate {
        text: text.chars().take(40).collect(),
    })
}

fn fraction(text: &str) -> Option<FrameRate> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let above: u32 = above.trim().trim_end_matches(".0").parse().ok()?;
    let below: u32 = below.trim().parse().ok()?;
    (below > 0).then(|| Ratio::new(above, below))
}

/// A frame rate as a number.
pub fn frames_per_second(rate: FrameRate) -> f64 {
    f64::from(*rate.numer()) / f64::from(*rate.denom())
}

/// How seconds, frames, beats and bars of one piece or clip hang together, with a constant tempo
/// and metre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeBase {
    seconds_per_beat: f64,
    beats_per_bar: f64,
    fps: FrameRate,
}

impl TimeBase {
    /// `seconds_per_beat` from 0.01 to 60, `beats_per_bar` from 0.25 to 64, `fps` from 1 to 1000.
    pub fn new(seconds_per_beat: f64, beats_per_bar: f64, fps: FrameRate) -> Result<Self, Error> {
        in_range("the frame rate", frames_per_second(fps), 1.0, 1000.0)?;
        Ok(Self {
            seconds_per_beat: in_range("seconds per beat", seconds_per_beat, 0.01, 60.0)?,
            beats_per_bar: in_range("beats per bar", beats_per_bar, 0.25, 64.0)?,
            fps,
        })
    }

    /// The length of a beat in seconds.
    pub const fn seconds_per_beat(&self) -> f64 {
        self.seconds_per_beat
    }

    /// The beats of a bar.
    pub const fn beats_per_bar(&self) -> f64 {
        self.beats_per_bar
    }

    /// Frames per second.
    pub const fn fps(&self) -> FrameRate {
        self.fps
    }

    /// The length of one `unit` in seconds.
    pub fn seconds_per(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Seconds => 1.0,
            Unit::Frames => 1.0 / frames_per_second(self.fps),
            Unit::Beats => self.seconds_per_beat,
            Unit::Bars => self.seconds_per_beat * self.beats_per_bar,
        }
    }

    /// A position of one unit in another. Bars and beats convert without passing through seconds.
    pub fn convert(&self, at: f64, from: Unit, to: Unit) -> f64 {
        match (from, to) {
            (Unit::Bars, Unit::Beats) => at * self.beats_per_bar,
            (Unit::Beats, Unit::Bars) => at / self.beats_per_bar,
            (from, to) if from == to => at,
            (from, to) => at * self.seconds_per(from) / self.seconds_per(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates() {
        assert_eq!(
            parse_frame_rate("30000/1001").unwrap(),
            Ratio::new(30000, 1001)
        );
        assert_eq!(parse_frame_rate(" 25 ").unwrap(), Ratio::new(25, 1));
        assert_eq!(parse_frame_rate("29.97").unwrap(), Ratio::new(30000, 1001));
        for text in ["", "0", "1/0", "-25", "24.5", "1/2", "99999", "25fps"] {
            assert!(parse_frame_rate(text).is_err(), "{text:?}");
        }
    }

    /// Half a second a beat, three beats a bar, 24 frames a second: bar 2 is beat 6, second 3,
    /// frame 72.
    #[test]
    fn conversions_by_hand() {
        let base = TimeBase::new(0.5, 3.0, Ratio::new(24, 1)).unwrap();
        let to = |unit| base.convert(2.0, Unit::Bars, unit);
        assert_eq!(Unit::ALL.map(to), [3.0, 72.0, 6.0, 2.0]);
        assert_eq!(base.convert(72.0, Unit::Frames, Unit::Bars), 2.0);
        assert!(TimeBase::new(0.0, 3.0, Ratio::new(24, 1)).is_err());
        assert!(TimeBase::new(0.5, f64::NAN, Ratio::new(24, 1)).is_err());
    }
}
