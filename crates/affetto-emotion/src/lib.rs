#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod anchors;
mod audio2face;
mod clusters;
mod curve;
mod emotion;
mod error;
mod gaussian;
mod label;
mod maps;
mod mixture;
mod nearest;
mod parrott;
mod plausibility;
mod plutchik;
mod posterior;
pub mod soft_labels;
mod strict;
mod taxonomy;
mod time;
mod track;
mod vad;
mod words;

pub use curve::{Channel, Curve, Easing, Key, MAX_KEYS, Sample};
pub use emotion::{Emotion, EmotionParts};
pub use error::Error;
pub use gaussian::{Correlations, Gaussian};
pub use label::{Label, Sentiment};
pub use mixture::{Image, Mixture};
pub use nearest::nearest;
pub use plausibility::{Plausibility, UNUSUAL, UnusualPair};
pub use posterior::{Class, GROUPS, Posterior, perplexity};
pub use taxonomy::Taxonomy;
pub use time::{FrameRate, TimeBase, Unit, frames_per_second, parse_frame_rate};
pub use track::{MAX_BYTES, SCHEMA};
pub use vad::Vad;
