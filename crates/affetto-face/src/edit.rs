//! Another feeling in a take, frame by frame.
//!
//! What an emotion moves comes over what the take has as a second layer comes over a picture in screen mode: a shape of
//! strength `s` that the emotion moves by `d` becomes `d + s (1 - d)`. That is linear in `s`, so that speech keeps its
//! shape, never leaves 0..=1, and is `s` to the last bit where `d` is 0. Shapes that work against it give way. Where
//! somebody speaks, what makes vowels and consonants stays as it is, and the rest of the mouth moves half as far.

use std::collections::VecDeque;

use affetto_emotion::{Emotion, FrameRate, TimeBase, Unit, frames_per_second};
use affetto_media::rig::{Shape, TakeFrame, Turn, Weights};

use crate::{
    Error,
    condition::{FaceRequest, Half, Region},
    facs::prototype,
    measure::Measured,
};

/// Shapes that speech is made of: an emotion leaves them alone while somebody speaks.
pub const SPEECH: [Shape; 7] = [
    Shape::JawOpen,
    Shape::MouthClose,
    Shape::MouthFunnel,
    Shape::MouthPucker,
    Shape::JawForward,
    Shape::JawLeft,
    Shape::JawRight,
];
/// How much of what an emotion moves in the rest of the mouth stays while somebody speaks.
const WHILE_SPEAKING: f64 = 0.5;
/// Movement of the shapes of speech, in strengths a second, that is none yet and that is certainly speech.
const SPEAKING: [f64; 2] = [0.15, 0.6];
/// Movement is a mean over so many seconds before and after.
const MOVEMENT_SECS: f64 = 0.15;
/// A pause of so many seconds before or after speech still belongs to it.
const PAUSE_SECS: f64 = 1.2;
/// Speech begins and ends over so many seconds before and after.
const FADE_SECS: f64 = 0.3;
/// Shapes of which the first gives way to the second.
const GIVE_WAY: [(Shape, Shape); 18] = [
    (Shape::MouthSmileLeft, Shape::MouthFrownLeft),
    (Shape::MouthSmileRight, Shape::MouthFrownRight),
    (Shape::MouthFrownLeft, Shape::MouthSmileLeft),
    (Shape::MouthFrownRight, Shape::MouthSmileRight),
    (Shape::EyeSquintLeft, Shape::EyeWideLeft),
    (Shape::EyeSquintRight, Shape::EyeWideRight),
    (Shape::EyeWideLeft, Shape::EyeSquintLeft),
    (Shape::EyeWideRight, Shape::EyeSquintRight),
    (Shape::BrowOuterUpLeft, Shape::BrowDownLeft),
    (Shape::BrowOuterUpRight, Shape::BrowDownRight),
    (Shape::EyeLookUpLeft, Shape::EyeLookDownLeft),
    (Shape::EyeLookUpRight, Shape::EyeLookDownRight),
    (Shape::EyeLookDownLeft, Shape::EyeLookUpLeft),
    (Shape::EyeLookDownRight, Shape::EyeLookUpRight),
    (Shape::EyeLookOutLeft, Shape::EyeLookInLeft),
    (Shape::EyeLookInLeft, Shape::EyeLookOutLeft),
    (Shape::EyeLookOutRight, Shape::EyeLookInRight),
    (Shape::EyeLookInRight, Shape::EyeLookOutRight),
];
/// How far the eye turns for a whole look of ARKit, in radians: about 30 degrees.
const LOOK: f64 = 0.52;
/// Beats a second and a bar for curves that count them: a take has none.
const BEAT: (f64, f64) = (0.5, 4.0);

/// What an emotion adds to one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// To the shapes, 0..=1.
    pub shapes: Weights,
    /// To the turn of the head.
    pub head: Turn,
}

/// Another feeling for the frames of one take.
#[derive(Clone, Debug)]
pub struct Editor {
    request: FaceRequest,
    base: TimeBase,
    rate: f64,
    frames: Option<usize>,
    /// What the emotion adds in full, where it stays.
    still: Option<Delta>,
}

impl Editor {
    /// For a take of `rate` and, where it is known, of so many frames: without it nothing is released at the end.
    ///
    /// # Errors
    /// Where the request asks for what is not possible.
    pub fn new(
        request: &FaceRequest,
        rate: FrameRate,
        frames: Option<usize>,
    ) -> Result<Self, Error> {
        request.check()?;
        let (seconds, beats) = BEAT;
        let mut editor = Self {
            base: TimeBase::new(seconds, beats, rate)?,
            rate: frames_per_second(rate),
            frames,
            still: None,
            request: request.clone(),
        };
        if request.emotion.curve().is_none() {
            editor.still = Some(editor.asked(&request.emotion));
        }
        Ok(editor)
    }

    /// The emotion at frame `at`.
    pub fn emotion(&self, at: usize) -> Emotion {
        self.request.emotion.at(at as f64, Unit::Frames, &self.base)
    }

    /// What the emotion adds to frame `at`, before anything is known of the take.
    pub fn delta(&self, at: usize) -> Delta {
        let moving = || self.asked(&self.emotion(at));
        let delta = self.still.clone().unwrap_or_else(moving);
        let share = self.envelope(at);
        if share >= 1.0 {
            return delta;
        }
        let Turn { yaw, pitch, roll } = delta.head;
        Delta {
            shapes: Weights(delta.shapes.0.map(|weight| weight * share)),
            head: Turn {
                yaw: yaw * share,
                pitch: pitch * share,
                roll: roll * share,
            },
        }
    }

    fn asked(&self, emotion: &Emotion) -> Delta {
        let mut asked = prototype(emotion);
        if self.request.leading() == Half::Right {
            asked = asked.mirrored(); // the tables lead with the left half
        }
        let (mut shapes, mut head) = asked.with(&self.request.units).shown(emotion.intensity());
        for shape in Shape::ALL {
            if self.request.locks.contains(&Region::of(shape)) {
                shapes[shape] = 0.0;
            }
        }
        if self.request.locks.contains(&Region::Head) {
            head = Turn::default();
        }
        Delta { shapes, head }
    }

    /// How much of the emotion has come, and not gone, at frame `at`.
    fn envelope(&self, at: usize) -> f64 {
        let since = at as f64 / self.rate;
        let attack = ramp(since, self.request.attack_secs);
        let until = self
            .frames
            .map(|frames| frames.saturating_sub(1 + at) as f64 / self.rate);
        let release = until.map_or(1.0, |until| ramp(until, self.request.release_secs));
        attack * release
    }

    /// The frames with the other feeling, and what is measured of them once all are through.
    pub fn edit<E>(
        &self,
        frames: impl Iterator<Item = Result<TakeFrame, E>>,
    ) -> Edited<'_, impl Iterator<Item = Result<TakeFrame, E>>> {
        Edited {
            editor: self,
            frames,
            waiting: VecDeque::new(),
            movements: VecDeque::new(),
            before: None,
            next: 0,
            ended: false,
            measured: Measured::default(),
        }
    }

    /// One frame with `delta`, of which `speaking` (0..=1) says how surely somebody speaks.
    fn shown(&self, frame: &TakeFrame, delta: &Delta, speaking: f64) -> TakeFrame {
        let mut moved = delta.shapes;
        for shape in Shape::ALL {
            moved[shape] *= self.room(frame, shape, speaking);
        }
        let mut shapes = frame.shapes;
        for (weaker, stronger) in GIVE_WAY {
            shapes[weaker] *= 1.0 - moved[stronger];
        }
        for shape in Shape::ALL {
            let (source, moved) = (shapes[shape], moved[shape]);
            shapes[shape] = match moved > 0.0 {
                true => moved + source * (1.0 - moved),
                false => source,
            };
        }
        TakeFrame {
            shapes,
            head: added(frame.head, delta.head),
            eyes: frame.eyes.map(|eyes| looking(eyes, &moved)),
            ..frame.clone()
        }
    }

    /// How much room a frame leaves for an emotion in a shape.
    fn room(&self, frame: &TakeFrame, shape: Shape, speaking: f64) -> f64 {
        let open = |lid: Shape| (1.0 - frame.shapes[lid]).clamp(0.0, 1.0);
        match shape {
            Shape::EyeWideLeft | Shape::EyeSquintLeft => open(Shape::EyeBlinkLeft),
            Shape::EyeWideRight | Shape::EyeSquintRight => open(Shape::EyeBlinkRight),
            _ if SPEECH.contains(&shape) => 1.0 - speaking,
            _ if Region::of(shape) == Region::Mouth => 1.0 - (1.0 - WHILE_SPEAKING) * speaking,
            _ => 1.0,
        }
    }

    fn in_frames(&self, seconds: f64) -> usize {
        (seconds * self.rate).round() as usize
    }

    /// Frames to look ahead: what it takes to know whether somebody speaks.
    fn ahead(&self) -> usize {
        self.in_frames(MOVEMENT_SECS) + self.in_frames(PAUSE_SECS) + self.in_frames(FADE_SECS)
    }
}

/// From 0 to 1 in so many seconds, with a slow beginning and end; 1 where there are none.
fn ramp(since: f64, seconds: f64) -> f64 {
    if seconds <= 0.0 {
        return 1.0;
    }
    smooth((since / seconds).clamp(0.0, 1.0))
}

/// 0 to 1 with a level beginning and end.
fn smooth(x: f64) -> f64 {
    x * x * (3.0 - 2.0 * x)
}

fn added(a: Turn, b: Turn) -> Turn {
    Turn {
        yaw: a.yaw + b.yaw,
        pitch: a.pitch + b.pitch,
        roll: a.roll + b.roll,
    }
}

/// The turns of the eyes with what the looks add.
fn looking([left, right]: [Turn; 2], moved: &Weights) -> [Turn; 2] {
    let turn = |to_left: Shape, to_right: Shape, down: Shape, up: Shape| Turn {
        yaw: LOOK * (moved[to_left] - moved[to_right]),
        pitch: LOOK * (moved[down] - moved[up]),
        roll: 0.0,
    };
    use Shape::{
        EyeLookDownLeft, EyeLookDownRight, EyeLookInLeft, EyeLookInRight, EyeLookOutLeft,
        EyeLookOutRight, EyeLookUpLeft, EyeLookUpRight,
    };
    [
        added(
            left,
            turn(
                EyeLookOutLeft,
                EyeLookInLeft,
                EyeLookDownLeft,
                EyeLookUpLeft,
            ),
        ),
        added(
            right,
            turn(
                EyeLookInRight,
                EyeLookOutRight,
                EyeLookDownRight,
                EyeLookUpRight,
            ),
        ),
    ]
}

/// Frames with another feeling. As many frames are held as lie in two seconds.
pub struct Edited<'a, I> {
    editor: &'a Editor,
    frames: I,
    /// Frames that were read and not yet given.
    waiting: VecDeque<TakeFrame>,
    /// How much the shapes of speech move from each frame to the next, from some frames before the next one to give.
    movements: VecDeque<f64>,
    before: Option<[f64; SPEECH.len()]>,
    /// The number of the next frame to give.
    next: usize,
    ended: bool,
    measured: Measured,
}

impl<E, I: Iterator<Item = Result<TakeFrame, E>>> Edited<'_, I> {
    /// What was measured so far.
    pub fn measured(&self) -> &Measured {
        &self.measured
    }

    fn read(&mut self) -> Result<(), E> {
        let Some(frame) = self.frames.next().transpose()? else {
            self.ended = true;
            return Ok(());
        };
        let now = SPEECH.map(|shape| frame.shapes[shape]);
        let before = self.before.replace(now).unwrap_or(now);
        let moved = now
            .iter()
            .zip(before)
            .map(|(now, before)| (now - before).abs());
        self.movements
            .push_back(moved.sum::<f64>() * self.editor.rate);
        self.waiting.push_back(frame);
        Ok(())
    }

    /// How surely somebody speaks at the next frame to give, which has the number `at` among the movements.
    fn speaking(&self, at: usize) -> f64 {
        let editor = self.editor;
        let (near, pause, fade) = (
            editor.in_frames(MOVEMENT_SECS),
            editor.in_frames(PAUSE_SECS),
            editor.in_frames(FADE_SECS),
        );
        let last = self.movements.len() - 1;
        let around = |at: usize, reach: usize| at.saturating_sub(reach)..=(at + reach).min(last);
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0), |(sum, count), it| (sum + it, count + 1));
            sum / f64::from(count.max(1))
        };
        let smoothed = around(at, pause + fade)
            .map(|at| mean(&mut around(at, near).map(|at| self.movements[at])));
        let smoothed: Vec<f64> = smoothed.collect();
        let first = at.saturating_sub(pause + fade);
        let sure = |at: usize| {
            let held = around(at, pause).map(|at| smoothed[at - first]);
            let most = held.fold(0.0, f64::max);
            let [none, certain] = SPEAKING;
            smooth(((most - none) / (certain - none)).clamp(0.0, 1.0))
        };
        mean(&mut around(at, fade).map(sure))
    }
}

impl<E, I: Iterator<Item = Result<TakeFrame, E>>> Iterator for Edited<'_, I> {
    type Item = Result<TakeFrame, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let ahead = self.editor.ahead();
        while !self.ended && self.waiting.len() <= ahead {
            if let Err(error) = self.read() {
                return Some(Err(error));
            }
        }
        let frame = self.waiting.pop_front()?;
        let at = self.movements.len() - 1 - self.waiting.len();
        let speaking = self.speaking(at);
        let delta = self.editor.delta(self.next);
        let shown = self.editor.shown(&frame, &delta, speaking);
        self.measured.add(&frame, &shown, &delta.shapes, speaking);
        self.next += 1;
        if at >= ahead {
            self.movements.pop_front();
        }
        Some(Ok(shown))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, convert::Infallible};

    use affetto_emotion::Label;

    use super::*;

    const RATE: u32 = 60;

    fn rate() -> FrameRate {
        FrameRate::new(RATE, 1)
    }

    /// A mouth that opens four times a second, closes its lips in between, and blinks once a second.
    fn talk(at: usize) -> TakeFrame {
        let seconds = at as f64 / f64::from(RATE);
        let mut frame = TakeFrame::default();
        let wave = libm::sin(seconds * 4.0 * std::f64::consts::TAU);
        frame.shapes[Shape::JawOpen] = 0.2 + 0.18 * wave;
        frame.shapes[Shape::MouthClose] = 0.1 - 0.08 * wave;
        frame.shapes[Shape::MouthPucker] = 0.2 + 0.2 * libm::sin(seconds * 7.0);
        frame.shapes[Shape::MouthSmileLeft] = 0.3;
        let blinks = at as u32 % RATE < 6;
        for lid in [Shape::EyeBlinkLeft, Shape::EyeBlinkRight] {
            frame.shapes[lid] = f64::from(u8::from(blinks));
        }
        frame.head.yaw = 0.1 * libm::sin(seconds);
        frame
    }

    fn request(words: &str) -> FaceRequest {
        FaceRequest {
            emotion: Emotion::parse(words).unwrap(),
            leads: Some(Half::Left),
            ..FaceRequest::default()
        }
    }

    fn edited(request: &FaceRequest, source: &[TakeFrame]) -> (Vec<TakeFrame>, Measured) {
        let editor = Editor::new(request, rate(), Some(source.len())).unwrap();
        let frames = source.iter().cloned().map(Ok::<_, Infallible>);
        let mut edited = editor.edit(frames);
        let all: Vec<TakeFrame> = edited.by_ref().map(Result::unwrap).collect();
        (all, edited.measured().clone())
    }

    fn talking() -> Vec<TakeFrame> {
        (0..600).map(talk).collect()
    }

    fn resting() -> Vec<TakeFrame> {
        vec![TakeFrame::default(); 300]
    }

    #[test]
    fn speech_is_kept_at_every_emotion() {
        let source = talking();
        for word in [
            "happy",
            "sad",
            "angry",
            "fear",
            "disgusted",
            "surprised",
            "contempt",
            "sarcastic",
            "charismatic",
            "empathetic",
            "desirous",
            "envious",
            "romantic",
        ] {
            let (frames, measured) = edited(&request(word), &source);
            assert_eq!(frames.len(), source.len());
            let figures = measured.figures();
            for speech in figures.speech {
                assert!(speech.unwrap() > 0.98, "{word}: {:?}", figures.speech);
            }
            assert!(figures.speaking > 0.9, "{word}: {}", figures.speaking);
            assert!(figures.moved > 0.3, "{word}: {}", figures.moved);
        }
    }

    #[test]
    fn nothing_changes_at_intensity_0_and_under_all_locks() {
        let source = talking();
        let nothing = request("joy").emotion.with_intensity(0.0).unwrap();
        let none = FaceRequest {
            emotion: nothing,
            ..request("joy")
        };
        assert_eq!(edited(&none, &source).0, source);
        let locked = FaceRequest {
            locks: BTreeSet::from(Region::ALL),
            ..request("fear")
        };
        assert_eq!(edited(&locked, &source).0, source);
        assert_eq!(edited(&request("neutral"), &source).0, source);
    }

    #[test]
    fn a_lock_keeps_its_region_alone() {
        let source = resting();
        for region in Region::ALL {
            let locked = FaceRequest {
                locks: BTreeSet::from([region]),
                ..request("fear")
            };
            let frame = &edited(&locked, &source).0[150];
            for other in Region::ALL {
                let moves = match other {
                    Region::Head => frame.head != Turn::default(),
                    _ => Shape::ALL
                        .into_iter()
                        .any(|shape| Region::of(shape) == other && frame.shapes[shape] > 0.0),
                };
                let expected = other != region && other != Region::Cheeks; // fear moves no cheek
                assert_eq!(moves, expected, "{region:?} {other:?}");
            }
        }
    }

    #[test]
    fn blinks_stay_and_every_number_in_range() {
        let source = talking();
        for label in Label::all() {
            let request = FaceRequest {
                emotion: label.into(),
                ..request("joy")
            };
            let (frames, _) = edited(&request, &source[..80]);
            for (frame, source) in frames.iter().zip(&source) {
                assert!(frame.shapes.0.iter().all(|it| (0.0..=1.0).contains(it)));
                if source.shapes[Shape::EyeBlinkLeft] == 1.0 {
                    assert_eq!(frame.shapes[Shape::EyeBlinkLeft], 1.0);
                    assert_eq!(frame.shapes[Shape::EyeWideLeft], 0.0);
                }
            }
        }
    }

    #[test]
    fn a_silent_mouth_drops_open_and_a_smile_gives_way() {
        let (frames, _) = edited(&request("surprise"), &resting());
        assert!((frames[150].shapes[Shape::JawOpen] - 0.488).abs() < 1e-9); // AU26 .8 x .55, AU25 .4 x .12
        let smiling = {
            let mut frame = TakeFrame::default();
            frame.shapes[Shape::MouthSmileLeft] = 0.6;
            vec![frame; 10]
        };
        let (frames, _) = edited(&request("sadness"), &smiling);
        assert!((frames[5].shapes[Shape::MouthSmileLeft] - 0.6 * 0.3).abs() < 1e-9);
    }

    #[test]
    fn an_emotion_comes_and_goes() {
        let request = FaceRequest {
            attack_secs: 1.0,
            release_secs: 2.0,
            ..request("joy")
        };
        let (frames, _) = edited(&request, &resting());
        let smile = |at: usize| frames[at].shapes[Shape::MouthSmileLeft];
        assert_eq!((smile(0), smile(299)), (0.0, 0.0));
        assert!((smile(30) - 0.4).abs() < 0.01 && (smile(100) - 0.8).abs() < 1e-12);
        assert!((smile(239) - 0.4).abs() < 0.01);
        let steps = frames.windows(2).map(|pair| {
            (pair[1].shapes[Shape::MouthSmileLeft] - pair[0].shapes[Shape::MouthSmileLeft]).abs()
        });
        assert!(steps.fold(0.0, f64::max) < 0.025, "no jump");
    }

    #[test]
    fn a_curve_moves_from_frame_to_frame() {
        let parts = r#"{"curve": {"schema": "emotion-track/1", "time": "frames", "fps": 60, "keys": [
            {"t": 0, "mixture": "joy"}, {"t": 299, "mixture": "sadness"}]}}"#;
        let emotion: Emotion = serde_json::from_str(parts).unwrap();
        let (frames, _) = edited(
            &FaceRequest {
                emotion,
                ..request("joy")
            },
            &resting(),
        );
        let at = |at: usize, shape: Shape| frames[at].shapes[shape];
        assert!(at(0, Shape::MouthSmileLeft) > 0.7 && at(0, Shape::MouthFrownLeft) < 0.01);
        assert!(at(299, Shape::MouthSmileLeft) < 0.01 && at(299, Shape::MouthFrownLeft) > 0.6);
    }

    #[test]
    fn the_right_half_leads_where_asked() {
        let right = FaceRequest {
            leads: Some(Half::Right),
            ..request("contempt")
        };
        let frame = &edited(&right, &resting()).0[0];
        assert_eq!(frame.shapes[Shape::MouthDimpleLeft], 0.0);
        assert!(frame.shapes[Shape::MouthDimpleRight] > 0.7);
    }
}
