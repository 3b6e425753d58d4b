use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, FrameRate, Mixture, TimeBase, Unit, time::frames_per_second, vad::in_range};

/// A number that a curve moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// How pleasant, -1 to 1.
    Valence,
    /// How awake, -1 to 1.
    Arousal,
    /// How much in control, -1 to 1.
    Dominance,
    /// How strong, 0 to 1.
    Intensity,
    /// How tense the harmony is, 0 to 1; music only.
    Tension,
    /// How many notes there are, 0 to 1; music only.
    Density,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 6] = [
        Self::Valence,
        Self::Arousal,
        Self::Dominance,
        Self::Intensity,
        Self::Tension,
        Self::Density,
    ];

    /// The word in files and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valence => "valence",
            Self::Arousal => "arousal",
            Self::Dominance => "dominance",
            Self::Intensity => "intensity",
            Self::Tension => "tension",
            Self::Density => "density",
        }
    }

    /// The smallest and the largest value.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::Valence | Self::Arousal | Self::Dominance => (-1.0, 1.0),
            Self::Intensity | Self::Tension | Self::Density => (0.0, 1.0),
        }
    }
}

/// How a key's values become those of the next key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Easing {
    /// They stay until the next key.
    Hold,
    /// A straight line; the default.
    #[default]
    Linear,
    /// The cubic `3 t^2 - 2 t^3`, which leaves and arrives level and never overshoots.
    Smooth,
}

impl Easing {
    /// Every easing.
    pub const ALL: [Self; 3] = [Self::Hold, Self::Linear, Self::Smooth];

    /// The share of the next key after the fraction `t` of the way, both in [0, 1].
    pub fn share(self, t: f64) -> f64 {
        match self {
            Self::Hold => f64::from(u8::from(t >= 1.0)),
            Self::Linear => t,
            Self::Smooth => t * t * (3.0 - 2.0 * t),
        }
    }
}

/// Values at a position; what is absent is free to move between the keys around.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Key {
    /// Where, in the curve's unit, from 0.
    pub at: f64,
    /// How pleasant, -1 to 1.
    pub valence: Option<f64>,
    /// How awake, -1 to 1.
    pub arousal: Option<f64>,
    /// How much in control, -1 to 1.
    pub dominance: Option<f64>,
    /// How strong, 0 to 1.
    pub intensity: Option<f64>,
    /// How tense the harmony is, 0 to 1.
    pub tension: Option<f64>,
    /// How many notes there are, 0 to 1.
    pub density: Option<f64>,
    /// Which emotion, in words.
    pub mixture: Option<Mixture>,
    /// The way to the next key.
    pub ease: Easing,
}

impl Key {
    /// A key that names nothing yet.
    pub fn at(at: f64) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    /// The same key with the value of one channel.
    pub fn with(mut self, channel: Channel, value: f64) -> Self {
        *self.slot(channel) = Some(value);
        self
    }

    /// The value of one channel.
    pub const fn get(&self, channel: Channel) -> Option<f64> {
        match channel {
            Channel::Valence => self.valence,
            Channel::Arousal => self.arousal,
            Channel::Dominance => self.dominance,
            Channel::Intensity => self.intensity,
            Channel::Tension => self.tension,
            Channel::Density => self.density,
        }
    }

    fn slot(&mut self, channel: Channel) -> &mut Option<f64> {
        match channel {
            Channel::Valence => &mut self.valence,
            Channel::Arousal => &mut self.arousal,
            Channel::Dominance => &mut self.dominance,
            Channel::Intensity => &mut self.intensity,
            Channel::Tension => &mut self.tension,
            Channel::Density => &mut self.density,
        }
    }

    fn check(&self) -> Result<(), Error> {
        in_range("the position", self.at, 0.0, LAST_POSITION)?;
        for channel in Channel::ALL {
            let (low, high) = channel.range();
            if let Some(value) = self.get(channel) {
                in_range(channel.name(), value, low, high)?;
            }
        }
        let named = |channel: &Channel| self.get(*channel).is_some();
        if self.mixture.is_none() && !Channel::ALL.iter().any(named) {
            return Err(Error::EmptyKey);
        }
        Ok(())
    }
}

/// The values of a curve at one position. What no key names is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// How pleasant, -1 to 1.
    pub valence: Option<f64>,
    /// How awake, -1 to 1.
    pub arousal: Option<f64>,
    /// How much in control, -1 to 1.
    pub dominance: Option<f64>,
    /// How strong, 0 to 1.
    pub intensity: Option<f64>,
    /// How tense the harmony is, 0 to 1.
    pub tension: Option<f64>,
    /// How many notes there are, 0 to 1.
    pub density: Option<f64>,
    /// Which emotion, in words.
    pub mixture: Option<Mixture>,
}

/// An emotion that moves: keys in seconds, frames, beats or bars.
///
/// Each channel runs between the keys that name it, by the easing of the earlier one, and is held
/// before the first and after the last of them. Labels blend weight by weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    unit: Unit,
    fps: Option<FrameRate>,
    keys: Vec<Key>,
    lanes: Lanes,
}

/// Which keys name what, so that a channel that few keys name is sampled as fast as the others.
#[derive(Clone, Debug, PartialEq)]
struct Lanes {
    /// Indices of keys, in the order of [`Channel::ALL`].
    channels: [Vec<usize>; 6],
    mixture: Vec<usize>,
}

impl Lanes {
    fn of(keys: &[Key]) -> Self {
        let lane = |named: &dyn Fn(&Key) -> bool| {
            let indices = (0..keys.len()).filter(|index| named(&keys[*index]));
            indices.collect()
        };
        Self {
            channels: Channel::ALL.map(|channel| lane(&|key| key.get(channel).is_some())),
            mixture: lane(&|key| key.mixture.is_some()),
        }
    }
}

/// The most keys of a curve.
pub const MAX_KEYS: usize = 10_000;

/// The last permitted position: some thirty years in seconds, and whole frames stay exact.
const LAST_POSITION: f64 = 1e9;

impl Curve {
    /// A curve from keys in order, each checked. `fps` belongs to a curve in frames and to no
    /// other.
    pub fn new(unit: Unit, fps: Option<FrameRate>, keys: Vec<Key>) -> Result<Self, Error> {
        check_frame_rate(unit, fps)?;
        check_count(keys.len())?;
        for (index, key) in keys.iter().enumerate() {
            key.check().map_err(|error| error.in_key(index))?;
        }
        for (index, pair) in keys.windows(2).enumerate() {
            check_order(&pair[0], &pair[1]).map_err(|error| error.in_key(index + 1))?;
        }
        Ok(Self {
            lanes: Lanes::of(&keys),
            unit,
            fps,
            keys,
        })
    }

    /// Reads `0:-0.8, 8:0.2, 16:0.9`, positions and values of one channel, linear between; a third
    /// word names another easing, as in `0:-0.8:hold`. `fps` belongs to frames.
    pub fn parse(
        channel: Channel,
        unit: Unit,
        fps: Option<FrameRate>,
        text: &str,
    ) -> Result<Self, Error> {
        let pairs: Vec<&str> = text.split(',').take(MAX_KEYS + 1).collect();
        let keys = pairs.into_iter().map(|pair| parse_key(channel, pair));
        Self::new(unit, fps, keys.collect::<Result<_, _>>()?)
    }

    /// What its positions count.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Its frame rate, present if it is in frames.
    pub const fn fps(&self) -> Option<FrameRate> {
        self.fps
    }

    /// Its keys, in order; at least one.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The position of the last key, in its own unit.
    pub fn end(&self) -> f64 {
        self.keys.last().map_or(0.0, |key| key.at)
    }

    /// Whether any key names the channel.
    pub fn names(&self, channel: Channel) -> bool {
        !self.lanes.channels[channel as usize].is_empty()
    }

    /// The value of one channel at a position in its own unit; nothing if no key names it.
    pub fn value(&self, channel: Channel, at: f64) -> Option<f64> {
        let value = |key: &Key| key.get(channel);
        let line = |from: f64, to: f64, share: f64| from + (to - from) * share;
        self.between(at, &self.lanes.channels[channel as usize], value, line)
    }

    /// The label or mixture at a position in its own unit; nothing if no key names one.
    pub fn mixture(&self, at: f64) -> Option<Mixture> {
        let mixture = |key: &Key| key.mixture.clone();
        let blend = |from: Mixture, to: Mixture, share: f64| from.blend(&to, share);
        self.between(at, &self.lanes.mixture, mixture, blend)
    }

    /// Everything at a position in its own unit.
    pub fn sample(&self, at: f64) -> Sample {
        let value = |channel| self.value(channel, at);
        Sample {
            valence: value(Channel::Valence),
            arousal: value(Channel::Arousal),
            dominance: value(Channel::Dominance),
            intensity: value(Channel::Intensity),
            tension: value(Channel::Tension),
            density: value(Channel::Density),
            mixture: self.mixture(at),
        }
    }

    /// Everything at a position in another unit.
    ///
    /// `base` says how the units hang together; its frame rate is that of `at`, while the keys of a
    /// curve in frames count frames of the curve's own rate.
    pub fn sample_in(&self, at: f64, unit: Unit, base: &TimeBase) -> Sample {
        self.sample(self.position(at, unit, base))
    }

    /// The position in its own unit of a position in another.
    pub fn position(&self, at: f64, unit: Unit, base: &TimeBase) -> f64 {
        match (self.unit, self.fps) {
            (Unit::Frames, Some(own)) if unit == Unit::Frames && own == base.fps() => at,
            (Unit::Frames, Some(own)) => {
                base.convert(at, unit, Unit::Seconds) * frames_per_second(own)
            }
            (own, _) => base.convert(at, unit, own),
        }
    }

    /// The same curve with its keys in another unit. Its frames become those of `base`.
    pub fn converted(&self, unit: Unit, base: &TimeBase) -> Result<Self, Error> {
        let moved = |key: &Key| Key {
            at: match self.fps {
                Some(own) => {
                    let seconds = key.at / frames_per_second(own);
                    base.convert(seconds, Unit::Seconds, unit)
                }
                None => base.convert(key.at, self.unit, unit),
            },
            ..key.clone()
        };
        let fps = (unit == Unit::Frames).then(|| base.fps());
        Self::new(unit, fps, self.keys.iter().map(moved).collect())
    }

    /// Runs between the keys of `lane` around `at`, or holds the first or last of them.
    fn between<T>(
        &self,
        at: f64,
        lane: &[usize],
        value: impl Fn(&Key) -> Option<T>,
        mix: impl Fn(T, T, f64) -> T,
    ) -> Option<T> {
        let key = |index: &usize| &self.keys[*index];
        let next = lane.partition_point(|index| key(index).at <= at);
        let from = next.checked_sub(1).and_then(|last| lane.get(last)).map(key);
        let to = lane.get(next).map(key);
        let (Some(from), Some(to)) = (from, to) else {
            return from.or(to).and_then(value);
        };
        let share = from.ease.share((at - from.at) / (to.at - from.at));
        Some(mix(value(from)?, value(to)?, share))
    }
}

fn check_frame_rate(unit: Unit, fps: Option<FrameRate>) -> Result<(), Error> {
    match (unit, fps) {
        (Unit::Frames, None) => Err(Error::MissingFrameRate),
        (Unit::Frames, Some(fps)) => {
            let rate = frames_per_second(fps);
            in_range("the frame rate", rate, 1.0, 1000.0).map(|_| ())
        }
        (unit, Some(_)) => Err(Error::NeedlessFrameRate { unit }),
        (_, None) => Ok(()),
    }
}

pub(crate) fn check_count(found: usize) -> Result<(), Error> {
    match found {
        0 => Err(Error::EmptyCurve),
        found if found > MAX_KEYS => Err(Error::TooManyKeys {
            found,
            limit: MAX_KEYS,
        }),
        _ => Ok(()),
    }
}

fn check_order(before: &Key, key: &Key) -> Result<(), Error> {
    if key.at > before.at {
        return Ok(());
    }
    Err(Error::KeyOrder {
        at: key.at,
        previous: before.at,
    })
}

fn parse_key(channel: Channel, pair: &str) -> Result<Key, Error> {
    let wrong = || Error::Pair {
        text: pair.trim().chars().take(40).collect(),
    };
    let mut words = pair.split(':').map(str::trim);
    let mut number = || words.next()?.parse::<f64>().ok();
    let (at, value) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
    let ease = match words.next() {
        None | Some("linear") => Easing::Linear,
        Some("hold") => Easing::Hold,
        Some("smooth") => Easing::Smooth,
        Some(_) => return Err(wrong()),
    };
    if words.next().is_some() {
        return Err(wrong());
    }
    let key = Key::at(at).with(channel, value);
    Ok(Key { ease, ..key })
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::*;

    fn valence(text: &str) -> Curve {
        Curve::parse(Channel::Valence, Unit::Bars, None, text).unwrap()
    }

    /// [`Lanes`] finds the keys of a channel by its place.
    #[test]
    fn channels_are_in_the_order_of_their_declaration() {
        assert!(
            Channel::ALL
                .iter()
                .enumerate()
                .all(|(index, channel)| *channel as usize == index)
        );
    }

    #[test]
    fn a_line_by_hand_held_at_both_ends() {
        let curve = valence("0:-0.8, 8:0.2, 16:0.9");
        let at = |at| curve.value(Channel::Valence, at).unwrap();
        assert_eq!(
            [-5.0, 0.0, 8.0, 16.0, 99.0].map(at),
            [-0.8, -0.8, 0.2, 0.9, 0.9]
        );
        assert!((at(4.0) + 0.3).abs() < 1e-12);
        assert!((at(12.0) - 0.55).abs() < 1e-12);
        assert_eq!(curve.value(Channel::Arousal, 4.0), None);
    }

    /// Smoothstep at a quarter is 3/16 - 2/64 = 0.15625.
    #[test]
    fn easings_by_hand() {
        let hold = valence("0:0:hold, 4:1");
        assert_eq!(hold.value(Channel::Valence, 3.999), Some(0.0));
        assert_eq!(hold.value(Channel::Valence, 4.0), Some(1.0));
        let smooth = valence("0:0:smooth, 4:1");
        assert_eq!(smooth.value(Channel::Valence, 1.0), Some(0.15625));
        assert_eq!(smooth.value(Channel::Valence, 2.0), Some(0.5));
    }

    #[test]
    fn a_channel_skips_the_keys_that_do_not_name_it() {
        let keys = vec![
            Key::at(0.0).with(Channel::Valence, 0.0),
            Key::at(1.0).with(Channel::Tension, 0.7),
            Key::at(2.0).with(Channel::Valence, 1.0),
        ];
        let curve = Curve::new(Unit::Beats, None, keys).unwrap();
        let sample = curve.sample(1.0);
        assert_eq!((sample.valence, sample.tension), (Some(0.5), Some(0.7)));
        assert_eq!(sample.density, None);
    }

    #[test]
    fn labels_blend() {
        let key = |at, text: &str| Key {
            mixture: Some(text.parse().unwrap()),
            ..Key::at(at)
        };
        let curve = Curve::new(Unit::Seconds, None, vec![key(0.0, "joy"), key(4.0, "fear")]);
        let quarter = curve.unwrap().mixture(1.0).unwrap();
        assert_eq!(quarter, Mixture::parse("joy:0.75,fear:0.25").unwrap());
    }

    #[test]
    fn what_is_not_a_curve() {
        for text in [
            "",
            "0",
            "0:",
            ":1",
            "0:x",
            "0:2",
            "-1:0",
            "0:0,0:1",
            "4:0,2:1",
            "0:NaN",
            "inf:0",
            "0:0:bounce",
            "0:0:hold:1",
            "0:0,,1:1",
        ] {
            assert!(
                Curve::parse(Channel::Valence, Unit::Bars, None, text).is_err(),
                "{text:?}"
            );
        }
        let negative = Curve::parse(Channel::Density, Unit::Bars, None, "0:-0.1");
        assert!(negative.is_err());
        let many = vec![Key::at(0.0).with(Channel::Valence, 0.0); MAX_KEYS + 1];
        let error = Curve::new(Unit::Bars, None, many).unwrap_err();
        assert_eq!(error.to_string(), "10001 keys, at most 10000 are read");
        assert!(Curve::new(Unit::Bars, None, vec![]).is_err());
        let empty = Curve::new(Unit::Bars, None, vec![Key::at(0.0)]).unwrap_err();
        assert_eq!(empty.to_string(), "key 0: names no value");
    }

    #[test]
    fn frames_need_a_rate_and_nothing_else_has_one() {
        let parse = |unit, fps| Curve::parse(Channel::Valence, unit, fps, "0:0, 25:1");
        assert!(matches!(
            parse(Unit::Frames, None),
            Err(Error::MissingFrameRate)
        ));
        let rate = Some(Ratio::new(25, 1));
        assert!(parse(Unit::Frames, rate).is_ok());
        assert!(matches!(
            parse(Unit::Bars, rate),
            Err(Error::NeedlessFrameRate { .. })
        ));
    }

    /// 25 frames at 25 a second are a second; at 120 beats a minute and 4/4, half a bar.
    #[test]
    fn sampled_in_another_unit() {
        let rate = |fps| Ratio::new(fps, 1);
        let curve = Curve::parse(Channel::Valence, Unit::Frames, Some(rate(25)), "0:0, 25:1");
        let curve = curve.unwrap();
        let base = TimeBase::new(0.5, 4.0, rate(50)).unwrap();
        for (at, unit) in [
            (0.5, Unit::Seconds),
            (25.0, Unit::Frames),
            (1.0, Unit::Beats),
        ] {
            assert_eq!(
                curve.sample_in(at, unit, &base).valence,
                Some(0.5),
                "{unit}"
            );
        }
        let ends = Unit::ALL.map(|unit| curve.converted(unit, &base).unwrap().end());
        assert_eq!(ends, [1.0, 50.0, 2.0, 0.5]);
        let bars = curve.converted(Unit::Bars, &base).unwrap();
        assert_eq!(bars.converted(Unit::Frames, &base).unwrap().end(), 50.0);
    }
}
