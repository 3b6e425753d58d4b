//! Frame rates that a file does not name but shows.

use affetto_emotion::{FrameRate, frames_per_second};

use super::Timecode;

/// The rate of the Live Link Face app, and of a take that shows none: 60 frames per second.
pub const DEFAULT_RATE: FrameRate = FrameRate::new_raw(60, 1);

const USUAL: [FrameRate; 13] = [
    FrameRate::new_raw(24_000, 1001),
    FrameRate::new_raw(24, 1),
    FrameRate::new_raw(25, 1),
    FrameRate::new_raw(30_000, 1001),
    FrameRate::new_raw(30, 1),
    FrameRate::new_raw(48, 1),
    FrameRate::new_raw(50, 1),
    FrameRate::new_raw(60_000, 1001),
    FrameRate::new_raw(60, 1),
    FrameRate::new_raw(90, 1),
    FrameRate::new_raw(100, 1),
    FrameRate::new_raw(120, 1),
    FrameRate::new_raw(240, 1),
];

/// The rate of frames with these timecodes, in order. How many frames a second counts shows where one ends, how many
/// of them one frame lasts in the middle of all steps (so that a dropped frame changes nothing). Nothing where no
/// second ends; [`DEFAULT_RATE`] is a good guess then.
pub fn infer_rate(codes: &[Timecode]) -> Option<FrameRate> {
    let a_second_ends = codes
        .windows(2)
        .any(|pair| pair[0].seconds != pair[1].seconds);
    let most = codes.iter().map(|code| u32::from(code.frames) + 1).max()?;
    let mut counts = USUAL.into_iter().map(|rate| rate.ceil().to_integer());
    let per_second = counts.find(|count| *count >= most && a_second_ends)?;
    let frames = codes.iter().map(|code| code.in_frames(per_second));
    let frames: Vec<f64> = frames.collect();
    let step = median(frames.windows(2).map(|pair| pair[1] - pair[0]).collect())?;
    nearest_rate(f64::from(per_second) / step)
}

/// The usual rate within 0.03 % (29.97 and 30 are 0.1 % apart), or else the rate in thousandths. Nothing outside
/// 1..=1000 frames per second.
pub(super) fn nearest_rate(per_second: f64) -> Option<FrameRate> {
    if !(0.999..=1000.5).contains(&per_second) {
        return None;
    }
    let is_near = |rate: &FrameRate| (per_second / frames_per_second(*rate) - 1.0).abs() < 3e-4;
    let thousandths = || FrameRate::new((per_second * 1000.0).round() as u32, 1000);
    Some(USUAL.into_iter().find(is_near).unwrap_or_else(thousandths))
}

/// When the frame `index` is shown, in seconds.
pub(super) fn seconds(index: u64, rate: FrameRate) -> f64 {
    index as f64 * f64::from(*rate.denom()) / f64::from(*rate.numer())
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(rate: FrameRate, count: u64) -> Option<FrameRate> {
        let codes: Vec<_> = (7..count + 7).map(|at| Timecode::at(at, rate)).collect();
        infer_rate(&codes)
    }

    #[test]
    fn timecodes_show_their_rate() {
        for rate in USUAL {
            assert_eq!(inferred(rate, 300), Some(rate));
        }
        assert_eq!(inferred(DEFAULT_RATE, 20), None); // no second ends
        assert_eq!(infer_rate(&[]), None);
    }

    /// Every second frame of a clock of sixtieths, and one frame lost.
    #[test]
    fn dropped_frames_change_nothing() {
        let codes: Vec<_> = (0..80)
            .filter(|at| *at != 40)
            .map(|at| Timecode::at(2 * at, DEFAULT_RATE))
            .collect();
        assert_eq!(infer_rate(&codes), Some(FrameRate::new(30, 1)));
        assert_eq!(nearest_rate(12.5), Some(FrameRate::new(25, 2)));
        assert_eq!(nearest_rate(0.0), None);
        assert_eq!(nearest_rate(f64::NAN), None);
    }
}
