//! What a request for a video may say.

use affetto_core::Seed;
use affetto_emotion::{Emotion, FrameRate, TimeBase, Unit};
use affetto_nn::diffusion::{Guidance, Schedule, Solver};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    error::within,
    model::{DitConfig, VaeConfig},
    prompt::Prompt,
};

/// The most steps.
pub const MOST_STEPS: usize = 1000;
/// The longest side, in pixels.
pub const LONGEST_SIDE: usize = 2048;
/// The most frames.
pub const MOST_FRAMES: usize = 4097;
/// Frames a second that Wan 2.1 was trained with.
pub const FRAMES_PER_SECOND: u32 = 16;

/// The times that FastWan was distilled to: FastVideo's settings of FastWan2.1-T2V-1.3B.
const FASTWAN_TIMES: [f64; 3] = [1000.0, 757.0, 522.0];

/// How the way from noise to a video is solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SolverName {
    /// UniPC of order 2 (Zhao and others, 2023).
    #[default]
    Unipc,
    /// One straight step after the other.
    Euler,
    /// The three steps that FastWan was distilled to, with new noise after the first and the second.
    Fastwan,
}

/// Settings that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// The published text-to-video model: 50 steps, twice the work in each.
    #[default]
    Full,
    /// The published picture-to-video models.
    Picture,
    /// Weights, or a LoRA, that were distilled to four steps without guidance (LightX2V's).
    FourSteps,
    /// The weights of FastWan: three steps without guidance.
    Fastwan,
}

/// A request for a video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VideoRequest {
    /// The noise is drawn from it.
    pub seed: Seed,
    /// What is to be seen.
    pub prompt: String,
    /// What is kept away from; a usual list where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
    /// The emotion. One that moves is read anew wherever its words change.
    pub emotion: Emotion,
    /// The SHA-256 of the picture that the video begins with, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames, one more than a multiple of 4.
    pub frames: usize,
    /// Steps from noise to video, 1..=1000.
    pub steps: usize,
    /// How far the network is guided towards what is asked; 1 is as learned.
    pub guidance: f64,
    /// A scale of its own for the emotion; without one it is read with the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emotion_guidance: Option<f64>,
    /// How long the steps stay near noise: 2 to 5 for small pictures, up to 12 for large ones.
    pub shift: f64,
    /// How the steps are taken.
    pub solver: SolverName,
    /// How much the time may change before the blocks of the transformer run again, above 0; they run in every step without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<f64>,
}

impl Default for VideoRequest {
    /// The settings of the published 480p model of 1.3 billion parameters.
    fn default() -> Self {
        Self {
            seed: Seed::default(),
            prompt: String::new(),
            negative: None,
            emotion: Emotion::NEUTRAL,
            picture: None,
            width: 832,
            height: 480,
            frames: 81,
            steps: 50,
            guidance: 6.0,
            emotion_guidance: None,
            shift: 3.0,
            solver: SolverName::default(),
            reuse: None,
        }
    }
}

impl From<Preset> for VideoRequest {
    fn from(preset: Preset) -> Self {
        let all = Self::default();
        match preset {
            Preset::Full => all,
            Preset::Picture => Self {
                steps: 40,
                guidance: 5.0,
                ..all
            },
            Preset::FourSteps => Self {
                steps: 4,
                guidance: 1.0,
                shift: 5.0,
                solver: SolverName::Euler,
                ..all
            },
            Preset::Fastwan => Self {
                steps: FASTWAN_TIMES.len(),
                guidance: 1.0,
                solver: SolverName::Fastwan,
                ..all
            },
        }
    }
}

/// A text, and those that take its place in the course of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What is read from the beginning on.
    pub first: String,
    /// What is read from a frame of the latent on, the earliest first.
    pub later: Vec<(usize, String)>,
}

impl Script {
    fn still(text: String) -> Self {
        Self {
            first: text,
            later: Vec::new(),
        }
    }
}

/// Frames of the latent that read the same, from the first of them on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The first frame of the latent.
    pub from: usize,
    /// What is read.
    pub prompt: Prompt,
}

impl VideoRequest {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`Error::Config`] for the first that is outside.
    pub fn check(&self) -> Result<()> {
        within("width", self.width as f64, 16.0, LONGEST_SIDE as f64)?;
        within("height", self.height as f64, 16.0, LONGEST_SIDE as f64)?;
        within("frames", self.frames as f64, 1.0, MOST_FRAMES as f64)?;
        within("steps", self.steps as f64, 1.0, MOST_STEPS as f64)?;
        within("guidance", self.guidance, 0.0, 30.0)?;
        within(
            "emotion_guidance",
            self.emotion_guidance.unwrap_or(1.0),
            0.0,
            30.0,
        )?;
        within("shift", self.shift, 0.1, 100.0)?;
        if self.solver == SolverName::Fastwan && self.steps != FASTWAN_TIMES.len() {
            return Err(Error::Config {
                name: "steps",
                value: self.steps.to_string(),
                permitted: format!("{} with this solver", FASTWAN_TIMES.len()),
            });
        }
        match self.reuse {
            Some(threshold) => crate::model::Reuse::new(threshold).map(|_| ()),
            None => Ok(()),
        }
    }

    /// The noise levels of the steps.
    ///
    /// # Errors
    /// Where the numbers are outside their ranges.
    pub fn schedule(&self) -> Result<Schedule> {
        let seed = self.seed.derive("renoise");
        Ok(match self.solver {
            SolverName::Unipc => Schedule::new(Solver::UniPc, self.steps, self.shift)?,
            SolverName::Euler => Schedule::new(Solver::Euler, self.steps, self.shift)?,
            SolverName::Fastwan => Schedule::renoised(&FASTWAN_TIMES, seed)?,
        })
    }

    /// What the network reads in each part of `frames` frames of the latent, each of which stands for `time_factor` frames
    /// of the video after the first.
    ///
    /// # Errors
    /// None where the frame rate is one.
    pub fn segments(&self, frames: usize, time_factor: usize) -> Result<Vec<Segment>> {
        let rate = FrameRate::new(FRAMES_PER_SECOND, 1);
        let base = TimeBase::new(0.5, 4.0, rate)?;
        let prompt =
            |emotion: &Emotion| Prompt::new(&self.prompt, emotion, self.negative.as_deref());
        if self.emotion.curve().is_none() {
            let prompt = prompt(&self.emotion);
            return Ok(vec![Segment { from: 0, prompt }]);
        }
        let mut segments: Vec<Segment> = Vec::new();
        for from in 0..frames {
            // The middle of the frames that it stands for.
            let middle = match from {
                0 => 0.0,
                from => (from as f64 - 0.5) * time_factor as f64 + 0.5,
            };
            let prompt = prompt(&self.emotion.at(middle, Unit::Frames, &base));
            if segments.last().is_none_or(|last| last.prompt != prompt) {
                segments.push(Segment { from, prompt });
            }
        }
        Ok(segments)
    }

    /// The texts that each step is guided by: no more of them than it needs.
    pub fn texts(&self, segments: &[Segment]) -> Guidance<Script> {
        let mut parts = segments.iter();
        let first = parts.next().map(|segment| segment.prompt.clone());
        let Prompt {
            content,
            with_emotion,
            negative,
        } = first.unwrap_or_else(|| Prompt::new("", &Emotion::NEUTRAL, None));
        let condition = Script {
            first: with_emotion,
            later: parts
                .map(|part| (part.from, part.prompt.with_emotion.clone()))
                .collect(),
        };
        let empty = Script::still(negative);
        match (self.emotion_guidance, self.guidance) {
            (Some(emotion_scale), content_scale) => Guidance::Terms {
                empty,
                content: Script::still(content),
                both: condition,
                content_scale,
                emotion_scale,
            },
            (None, 1.0) => Guidance::Plain { condition },
            (None, scale) => Guidance::Scaled {
                condition,
                empty,
                scale,
            },
        }
    }

    /// The shape of the latent, `(1, C, F, h, w)`.
    ///
    /// # Errors
    /// [`Error::Config`] where the extents are no multiples of what the networks have, with the nearest that are.
    pub fn latent_shape(&self, dit: &DitConfig, vae: &VaeConfig) -> Result<[usize; 5]> {
        let (space, time) = (vae.space_factor(), vae.time_factor());
        let side = |name, value: usize, patch: usize| {
            let unit = space * patch;
            match value.is_multiple_of(unit) {
                true => Ok(value / space),
                false => Err(Error::Config {
                    name,
                    value: value.to_string(),
                    permitted: format!(
                        "a multiple of {unit}, such as {}",
                        value.div_ceil(unit) * unit
                    ),
                }),
            }
        };
        let [_, down, across] = dit.patch;
        let (height, width) = (
            side("height", self.height, down)?,
            side("width", self.width, across)?,
        );
        if !(self.frames - 1).is_multiple_of(time) {
            let nearest = (self.frames - 1).div_ceil(time) * time + 1;
            return Err(Error::Config {
                name: "frames",
                value: self.frames.to_string(),
                permitted: format!("one more than a multiple of {time}, such as {nearest}"),
            });
        }
        Ok([
            1,
            dit.out_channels,
            (self.frames - 1) / time + 1,
            height,
            width,
        ])
    }
}

#[cfg(test)]
mod tests {
    use affetto_emotion::{Channel, Curve, Key};

    use super::*;

    #[test]
    fn an_emotion_that_moves_is_read_anew_where_its_words_change() {
        let still = VideoRequest {
            prompt: "a fox".into(),
            emotion: Emotion::parse("sadness").unwrap(),
            ..VideoRequest::default()
        };
        assert_eq!(still.segments(21, 4).unwrap().len(), 1);
        let key = |at: f64, valence: f64| Key::at(at).with(Channel::Valence, valence);
        let curve = Curve::new(Unit::Seconds, None, vec![key(0.0, -0.9), key(5.0, 0.9)]).unwrap();
        let moving = VideoRequest {
            prompt: "a fox".into(),
            emotion: Emotion::NEUTRAL.with_curve(curve),
            ..VideoRequest::default()
        };
        let segments = moving.segments(21, 4).unwrap();
        let (first, last) = (&segments[0], &segments[segments.len() - 1]);
        assert_eq!(first.from, 0);
        assert!(
            first.prompt.with_emotion.contains("oppressive"),
            "{first:?}"
        );
        assert!(last.prompt.with_emotion.contains("Radiant"), "{last:?}");
        assert!((3..=9).contains(&segments.len()), "{segments:?}");
        assert!(segments.windows(2).all(|pair| pair[0].from < pair[1].from));
        let Guidance::Scaled {
            condition, empty, ..
        } = moving.texts(&segments)
        else {
            panic!("guided by two texts");
        };
        assert_eq!(condition.later.len(), segments.len() - 1);
        assert!(empty.later.is_empty());
    }

    #[test]
    fn distilled_networks_have_steps_of_their_own() {
        let fast = VideoRequest::from(Preset::Fastwan);
        fast.check().unwrap();
        assert_eq!(fast.schedule().unwrap().times(), FASTWAN_TIMES);
        assert_eq!(fast.texts(&fast.segments(21, 4).unwrap()).passes(), 1);
        let more = VideoRequest { steps: 4, ..fast };
        assert!(
            more.check()
                .unwrap_err()
                .to_string()
                .contains("3 with this solver")
        );
        let four = VideoRequest::from(Preset::FourSteps);
        assert_eq!(four.schedule().unwrap().times().len(), 4);
    }

    #[test]
    fn shapes_of_the_published_models() {
        let (dit, vae) = (DitConfig::t2v_1_3b(), VaeConfig::wan_2_1());
        let request = VideoRequest::default();
        request.check().unwrap();
        assert_eq!(
            request.latent_shape(&dit, &vae).unwrap(),
            [1, 16, 21, 60, 104]
        );
        let refused = |request: VideoRequest, near: &str| {
            let error = request.latent_shape(&dit, &vae).unwrap_err().to_string();
            assert!(error.ends_with(near), "{error}");
        };
        refused(
            VideoRequest {
                width: 830,
                ..request.clone()
            },
            "such as 832",
        );
        refused(
            VideoRequest {
                frames: 80,
                ..request.clone()
            },
            "such as 81",
        );
        let none = VideoRequest {
            frames: 0,
            ..request
        };
        assert!(none.check().is_err());
    }
}
