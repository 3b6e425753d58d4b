use candle_core::Tensor;

use super::Denoiser;
use crate::Result;

/// How a prediction is drawn towards a condition.
#[derive(Clone, Debug)]
pub enum Guidance<C> {
    /// The condition's own prediction.
    Plain {
        /// What the latent is to become.
        condition: C,
    },
    /// Ho and Salimans, "Classifier-Free Diffusion Guidance" (2021): away from no condition.
    Scaled {
        /// What the latent is to become.
        condition: C,
        /// No condition, or what the latent is not to become.
        empty: C,
        /// How far; 1 is the condition's own prediction.
        scale: f64,
    },
    /// Two scales, for the content and for the emotion: Brooks and others, "InstructPix2Pix" (2023), equation 3.
    Terms {
        /// No condition.
        empty: C,
        /// The content alone.
        content: C,
        /// The content and the emotion.
        both: C,
        /// How far towards the content.
        content_scale: f64,
        /// How far from there towards the emotion.
        emotion_scale: f64,
    },
}

impl<C> Guidance<C> {
    /// Predictions of each step.
    pub const fn passes(&self) -> usize {
        match self {
            Self::Plain { .. } => 1,
            Self::Scaled { .. } => 2,
            Self::Terms { .. } => 3,
        }
    }

    /// The same guidance by other conditions, such as texts as a network has read them.
    ///
    /// # Errors
    /// The first of `of`.
    pub fn try_map<T, E>(
        &self,
        mut of: impl FnMut(&C) -> std::result::Result<T, E>,
    ) -> std::result::Result<Guidance<T>, E> {
        Ok(match self {
            Self::Plain { condition } => Guidance::Plain {
                condition: of(condition)?,
            },
            Self::Scaled {
                condition,
                empty,
                scale,
            } => Guidance::Scaled {
                condition: of(condition)?,
                empty: of(empty)?,
                scale: *scale,
            },
            Self::Terms {
                empty,
                content,
                both,
                content_scale,
                emotion_scale,
            } => Guidance::Terms {
                empty: of(empty)?,
                content: of(content)?,
                both: of(both)?,
                content_scale: *content_scale,
                emotion_scale: *emotion_scale,
            },
        })
    }

    /// What `denoiser` predicts from `latent` at `time`, guided.
    pub fn predict<D: Denoiser<Condition = C>>(
        &self,
        denoiser: &D,
        latent: &Tensor,
        time: f64,
    ) -> std::result::Result<Tensor, D::Error> {
        let of = |condition: &C| denoiser.predict(latent, time, condition);
        match self {
            Self::Plain { condition } => of(condition),
            Self::Scaled {
                condition,
                empty,
                scale,
            } => Ok(guide(&of(empty)?, &of(condition)?, *scale)?),
            Self::Terms {
                empty,
                content,
                both,
                content_scale,
                emotion_scale,
            } => {
                let scales = [*content_scale, *emotion_scale];
                Ok(guide_terms(&of(empty)?, &of(content)?, &of(both)?, scales)?)
            }
        }
    }
}

/// `empty + scale (conditioned - empty)`.
pub fn guide(empty: &Tensor, conditioned: &Tensor, scale: f64) -> Result<Tensor> {
    Ok((empty + ((conditioned - empty)? * scale)?)?)
}

/// `empty + scales[0] (content - empty) + scales[1] (both - content)`.
pub fn guide_terms(
    empty: &Tensor,
    content: &Tensor,
    both: &Tensor,
    scales: [f64; 2],
) -> Result<Tensor> {
    let guided = guide(empty, content, scales[0])?;
    Ok((guided + ((both - content)? * scales[1])?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;

    use super::*;
    use crate::{NnError, diffusion::Prediction};

    /// Predicts its condition, whatever the latent.
    struct Echo;

    impl Denoiser for Echo {
        type Condition = f64;
        type Error = NnError;

        fn prediction(&self) -> Prediction {
            Prediction::Velocity
        }

        fn predict(&self, latent: &Tensor, _time: f64, condition: &f64) -> Result<Tensor> {
            Ok((latent.zeros_like()? + *condition)?)
        }
    }

    /// 1 + 5 (3 - 1) = 11, and 11 + 2 (4 - 3) = 13.
    #[test]
    fn guidance_worked_by_hand() {
        let latent = Tensor::new(&[9f32], &Device::Cpu).unwrap();
        let value = |guidance: Guidance<f64>| -> Vec<f32> {
            let guided = guidance.predict(&Echo, &latent, 500.0).unwrap();
            guided.to_vec1().unwrap()
        };
        assert_eq!(value(Guidance::Plain { condition: 3.0 }), [3.0]);
        let scaled = Guidance::Scaled {
            condition: 3.0,
            empty: 1.0,
            scale: 5.0,
        };
        assert_eq!(value(scaled), [11.0]);
        let terms = Guidance::Terms {
            empty: 1.0,
            content: 3.0,
            both: 4.0,
            content_scale: 5.0,
            emotion_scale: 2.0,
        };
        assert_eq!(value(terms), [13.0]);
    }
}
