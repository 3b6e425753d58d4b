use std::path::Path;

use affetto_core::{read_limited, write_atomic};
use affetto_emotion::{FrameRate, frames_per_second};

use super::{CHANNELS, Channel, Pose, Unit, csv, json};
use crate::{Error, Limits};

/// How a sticker's character moves, frame by frame. Frame `k` is shown `k / rate` seconds after the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct StickerTake {
    /// Frames per second.
    pub rate: FrameRate,
    /// Whether the first frame follows the last.
    pub loops: bool,
    /// The frames.
    pub frames: Vec<Pose>,
}

impl StickerTake {
    /// A take of poses whose values are brought within the ranges of their channels first.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn clamped(rate: FrameRate, loops: bool, poses: Vec<Pose>) -> Result<Self, Error> {
        let take = Self {
            rate,
            loops,
            frames: poses.into_iter().map(Pose::clamped).collect(),
        };
        take.check(&Limits::DEFAULT)?;
        Ok(take)
    }

    /// Reads a file: a table where its name ends in `.csv`, else JSON.
    ///
    /// # Errors
    ///
    /// As [`csv::read`] and [`json::read`], said of the file, and [`Error::Read`].
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, Error> {
        Self::from_bytes(path, &read_limited(path, limits.take_bytes)?, limits)
    }

    /// The same from the bytes of the file.
    ///
    /// # Errors
    ///
    /// As [`csv::read`] and [`json::read`], said of the file.
    pub fn from_bytes(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let take = match is_table(path) {
            true => csv::read(bytes, limits),
            false => json::read(bytes, limits),
        };
        take.map_err(|error| error.in_file(path))
    }

    /// Writes a file, whole or not at all: a table where its name ends in `.csv`, else JSON.
    ///
    /// # Errors
    ///
    /// As [`csv::write`] and [`json::write`], and [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = match is_table(path) {
            true => csv::write(self)?,
            false => json::write(self)?,
        };
        write_atomic(path, &bytes).map_err(|source| Error::Write {
            path: path.into(),
            source,
        })
    }

    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames.len() as f64 / frames_per_second(self.rate)
    }

    /// The rule that the take breaks, in words: there are frames, 1 to 1000 of them a second, and each keeps
    /// [`Pose::broken_rule`].
    pub fn broken_rule(&self) -> Option<String> {
        if self.frames.is_empty() {
            return Some("no frames".into());
        }
        if *self.rate.denom() == 0 || !(1.0..=1000.0).contains(&frames_per_second(self.rate)) {
            return Some(format!("{} frames a second, outside 1..=1000", self.rate));
        }
        let broken = |(frame, pose): (usize, &Pose)| {
            let rule = pose.broken_rule()?;
            Some(format!("{rule}, in frame {frame}"))
        };
        self.frames.iter().enumerate().find_map(broken)
    }

    /// Checks that no rule is broken and that there are not more frames than permitted.
    ///
    /// # Errors
    ///
    /// [`Error::StickerTake`] and [`Error::Limit`].
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        check_frames(self.frames.len() as u64, limits)?;
        let broken = self.broken_rule();
        broken.map_or(Ok(()), |reason| Err(Error::StickerTake { reason }))
    }

    /// The pose at a moment in seconds, between the frames along a Catmull-Rom spline that stays between its
    /// neighbours. A take that loops goes round; another stays at its first and last frame.
    pub fn at(&self, seconds: f64) -> Pose {
        let count = self.frames.len();
        let position = seconds * frames_per_second(self.rate);
        if count == 0 || !position.is_finite() {
            return Pose::rest();
        }
        let before = position.floor();
        let share = (position - before) as f32;
        let frame = |offset: i64| &self.frames[self.index(before as i64 + offset)];
        let around = [frame(-1), frame(0), frame(1), frame(2)];
        if share == 0.0 {
            return *around[1];
        }
        let mut pose = Pose([0.0; CHANNELS]);
        for channel in Channel::ALL {
            let mut values = around.map(|pose| pose[channel]);
            if channel == Channel::HeadRot {
                values = unwrapped(values);
            }
            pose[channel] = match channel.spec().unit {
                Unit::Weight => values[1] + (values[2] - values[1]) * share,
                _ => spline(values, share),
            };
        }
        pose
    }

    /// The moment, in seconds, of the frame that is nearest to all of them: to the median of each channel. Where one moment
    /// stands for the take, it is neither in a blink nor at the turn of a movement. 0 where there are no frames.
    pub fn usual_moment(&self) -> f64 {
        let median = |channel: Channel| {
            let mut values: Vec<f32> = self.frames.iter().map(|pose| pose[channel]).collect();
            values.sort_by(f32::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let medians = Channel::ALL.map(median);
        let apart = |pose: &Pose| {
            let pairs = pose.0.iter().zip(medians);
            pairs
                .map(|(own, median)| (own - median) * (own - median))
                .sum::<f32>()
        };
        let frames = self.frames.iter().map(apart).enumerate();
        let nearest = frames.min_by(|(_, one), (_, two)| one.total_cmp(two));
        nearest.map_or(0.0, |(frame, _)| {
            frame as f64 / frames_per_second(self.rate)
        })
    }

    /// The tears, sweat, blush, steam, hearts, sparkles and letters of sleep that are clearly seen at some moment, by their
    /// channels.
    pub fn extras(&self) -> Vec<Channel> {
        let is_seen = |channel: &Channel| {
            let least = channel.seen_from();
            least.is_some_and(|least| self.frames.iter().any(|pose| pose[*channel] >= least))
        };
        Channel::ALL.into_iter().filter(is_seen).collect()
    }

    /// The frame that stands at a number before the first or after the last.
    fn index(&self, number: i64) -> usize {
        let count = self.frames.len() as i64;
        match self.loops {
            true => number.rem_euclid(count) as usize,
            false => number.clamp(0, count - 1) as usize,
        }
    }
}

fn is_table(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("csv")
}

/// Catmull and Rom, "A class of local interpolating splines" (1974), between the second and the third value and not
/// beyond them.
fn spline([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    let turn = (c - a) * t
        + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
        + (3.0 * (b - c) + d - a) * t * t * t;
    (b + 0.5 * turn).clamp(b.min(c), b.max(c))
}

/// Angles that go on where they start again after a revolution.
fn unwrapped(mut turns: [f32; 4]) -> [f32; 4] {
    use std::f32::consts::TAU;
    for at in [2, 3, 0] {
        let beside = if at == 0 { turns[1] } else { turns[at - 1] };
        turns[at] += TAU * ((beside - turns[at]) / TAU).round();
    }
    turns
}

pub(super) fn check_frames(found: u64, limits: &Limits) -> Result<(), Error> {
    check_limit("frames", found, limits.frames as u64)
}

pub(super) fn check_limit(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    match found > limit {
        true => Err(Error::Limit { what, limit, found }),
        false => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every channel moves, each in its own way, within its range.
    pub(in crate::sticker) fn busy(count: usize) -> StickerTake {
        let pose = |frame: usize| {
            let mut pose = Pose::rest();
            for channel in Channel::ALL {
                let spec = channel.spec();
                let phase = frame as f32 / count as f32 + channel.index() as f32 * 0.37;
                let share = 0.5 + 0.3 * libm::sinf(std::f32::consts::TAU * phase);
                pose[channel] = spec.least + (spec.most - spec.least) * share;
            }
            pose
        };
        StickerTake {
            rate: FrameRate::new(24_000, 1001),
            loops: true,
            frames: (0..count).map(pose).collect(),
        }
    }

    #[test]
    fn between_frames_it_is_between_them_and_the_loop_closes() {
        let take = busy(7);
        let step = 1.0 / frames_per_second(take.rate);
        assert_eq!(take.at(0.0), take.frames[0]);
        let between = take.at(6.5 * step);
        let (last, first) = (&take.frames[6], &take.frames[0]);
        for channel in Channel::ALL
            .into_iter()
            .filter(|channel| *channel != Channel::HeadRot)
        {
            let (low, high) = (
                last[channel].min(first[channel]),
                last[channel].max(first[channel]),
            );
            assert!((low..=high).contains(&between[channel]), "{channel}");
        }
        let held = StickerTake {
            loops: false,
            ..take.clone()
        };
        assert_eq!(held.at(100.0), take.frames[6]);
        assert_eq!(held.at(-1.0), take.frames[0]);
    }

    /// Eyes that are shut in the first frame and in the last one, and a head that goes up.
    #[test]
    fn the_usual_moment_is_no_blink() {
        let mut take = busy(7);
        take.frames = vec![Pose::rest(); 7];
        for (frame, pose) in take.frames.iter_mut().enumerate() {
            pose[Channel::HeadY] = 0.02 * frame as f32;
            if frame == 3 || frame == 6 {
                pose[Channel::EyeLUp] = -0.1;
            }
        }
        let frame = (take.usual_moment() * frames_per_second(take.rate)).round();
        assert!([2.0, 4.0].contains(&frame), "{frame}");
        take.frames.clear();
        assert_eq!(take.usual_moment(), 0.0);
    }

    #[test]
    fn extras_are_those_that_are_clearly_seen() {
        let mut take = busy(3);
        take.frames = vec![Pose::rest(); 3];
        assert!(take.extras().is_empty());
        take.frames[1][Channel::Heart] = 0.03;
        take.frames[1][Channel::HeadX] = 0.3;
        assert!(take.extras().is_empty());
        take.frames[2][Channel::Heart] = 0.05;
        take.frames[0][Channel::TearR] = 0.02;
        assert_eq!(take.extras(), [Channel::TearR, Channel::Heart]);
    }

    #[test]
    fn rules() {
        let mut take = busy(3);
        assert_eq!(take.broken_rule(), None);
        take.frames[1][Channel::Zzz] = f32::INFINITY;
        assert_eq!(
            take.broken_rule().as_deref(),
            Some("zzz of inf, outside 0..=1, in frame 1")
        );
        take.rate = FrameRate::new_raw(1, 0);
        assert!(take.broken_rule().is_some());
        take.frames.clear();
        assert_eq!(take.broken_rule().as_deref(), Some("no frames"));
    }
}
