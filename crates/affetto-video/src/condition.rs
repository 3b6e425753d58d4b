//! What a request for a video may say.

use affetto_core::Seed;
use affetto_emotion::Emotion;
use affetto_nn::diffusion::{Guidance, Solver};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
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

/// How the way from noise to a video is solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SolverName {
    /// UniPC of order 2 (Zhao and others, 2023).
    #[default]
    Unipc,
    /// One straight step after the other.
    Euler,
}

impl From<SolverName> for Solver {
    fn from(name: SolverName) -> Self {
        match name {
            SolverName::Unipc => Self::UniPc,
            SolverName::Euler => Self::Euler,
        }
    }
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
    /// The emotion.
    pub emotion: Emotion,
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

impl VideoRequest {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`Error::Config`] for the first that is outside.
    pub fn check(&self) -> Result<()> {
        let within = |name, value: f64, least: f64, most: f64| match (least..=most).contains(&value)
        {
            true => Ok(()),
            false => Err(Error::Config {
                name,
                value: value.to_string(),
                permitted: format!("from {least} to {most}"),
            }),
        };
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
        match self.reuse {
            Some(threshold) => crate::model::Reuse::new(threshold).map(|_| ()),
            None => Ok(()),
        }
    }

    /// What the network reads.
    pub fn prompt(&self) -> Prompt {
        Prompt::new(&self.prompt, &self.emotion, self.negative.as_deref())
    }

    /// The texts that each step is guided by: no more of them than it needs.
    pub fn texts(&self) -> Guidance<String> {
        let prompt = self.prompt();
        match (self.emotion_guidance, self.guidance) {
            (Some(emotion_scale), content_scale) => Guidance::Terms {
                empty: prompt.negative,
                content: prompt.content,
                both: prompt.with_emotion,
                content_scale,
                emotion_scale,
            },
            (None, 1.0) => Guidance::Plain {
                condition: prompt.with_emotion,
            },
            (None, scale) => Guidance::Scaled {
                condition: prompt.with_emotion,
                empty: prompt.negative,
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
    use super::*;

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
