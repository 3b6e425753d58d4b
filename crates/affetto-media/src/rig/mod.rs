//! Takes: how a face moves, frame by frame, as the shapes of ARKit and the turn of head and eyes.
//!
//! | format | read | written | holds |
//! |---|---|---|---|
//! | Live Link Face CSV ([`livelink`]) | frame by frame | frame by frame | shapes, head, eyes, timecodes |
//! | JSON ([`arkit_json`]) | whole | whole | everything |
//! | JSON Lines ([`arkit_json`]) | frame by frame | frame by frame | everything but the identity |
//! | binary glTF ([`gltf`]) | whole | whole | shapes, head, eyes, as `f32` |
//! | VRM animation ([`vrm`]) | whole | whole | six expressions in place of shapes |

pub mod arkit_json;
mod exact;
mod format;
mod frames;
mod glb;
pub mod gltf;
pub mod livelink;
mod rate;
mod shape;
mod stream;
mod timecode;
mod turn;
pub mod vrm;

use affetto_emotion::FrameRate;
use serde::{Deserialize, Serialize};

pub use format::TakeFormat;
pub use frames::{FrameWriter, Frames};
pub use rate::{DEFAULT_RATE, infer_rate};
pub use shape::{SHAPES, Shape};
pub use timecode::Timecode;

use crate::{Error, Limits};

/// A take as a whole. Long ones are read and written frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// Frames per second.
    pub rate: FrameRate,
    /// What the face is like at rest: a weight for each identity mode of a face basis; empty where nothing is known.
    pub identity: Vec<f64>,
    /// The frames.
    pub frames: Vec<TakeFrame>,
}

impl Take {
    /// The rule that the take breaks, in words: there are frames, each keeps [`TakeFrame::broken_rule`], and the
    /// identity is finite. Readers give no take that breaks it, writers refuse one.
    pub fn broken_rule(&self) -> Option<String> {
        if self.frames.is_empty() {
            return Some("no frames".into());
        }
        if !self.identity.iter().all(|weight| weight.is_finite()) {
            return Some("an identity that is not a number".into());
        }
        self.frames.iter().find_map(TakeFrame::broken_rule)
    }
}

/// One moment of a take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakeFrame {
    /// When it was recorded, where the file says so.
    pub timecode: Option<Timecode>,
    /// How strong each shape is, 0..=1, in the order of [`Shape::ALL`]. Calibrated recordings stray a little outside.
    pub shapes: Weights,
    /// The turn of the head.
    pub head: Turn,
    /// The turn of the left eye and of the right one in the head, where the file has them.
    pub eyes: Option<[Turn; 2]>,
    /// Where the face lies in the picture that it was tracked in.
    pub tracked: Option<Tracked>,
    /// Whether no face was found at this moment; shapes and turns are then those of rest and mean nothing.
    pub lost: bool,
}

impl TakeFrame {
    /// The rule that the frame breaks, in words: every number is finite, weights are within -2..=2 and turns within
    /// two pi. Readers refuse what breaks it (percents and degrees do), writers too.
    pub fn broken_rule(&self) -> Option<String> {
        const WEIGHT: f64 = 2.0;
        const RADIANS: f64 = std::f64::consts::TAU;
        let within = |value: f64, limit: f64| value.abs() <= limit; // not a number is not within
        if let Some(shape) = Shape::ALL
            .into_iter()
            .find(|shape| !within(self.shapes[*shape], WEIGHT))
        {
            let weight = self.shapes[shape];
            return Some(format!("{shape} of {weight}, outside -2..=2"));
        }
        let turns = std::iter::once(self.head).chain(self.eyes.into_iter().flatten());
        let mut angles = turns.flat_map(|turn| [turn.yaw, turn.pitch, turn.roll]);
        if let Some(angle) = angles.find(|angle| !within(*angle, RADIANS)) {
            return Some(format!("a turn of {angle} radians, outside one revolution"));
        }
        let tracked = self.tracked.iter();
        let mut pixels = tracked.flat_map(|tracked| {
            let landmarks = tracked.landmarks.iter().flatten();
            tracked.crop.iter().chain(landmarks)
        });
        pixels
            .any(|pixel| !pixel.is_finite())
            .then(|| "a place that is not a number".into())
    }
}

/// A number for each shape, in the order of [`Shape::ALL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights(pub [f64; SHAPES]);

impl Default for Weights {
    fn default() -> Self {
        Self([0.0; SHAPES])
    }
}

impl std::ops::Index<Shape> for Weights {
    type Output = f64;

    fn index(&self, shape: Shape) -> &f64 {
        &self.0[shape.index()]
    }
}

impl std::ops::IndexMut<Shape> for Weights {
    fn index_mut(&mut self, shape: Shape) -> &mut f64 {
        &mut self.0[shape.index()]
    }
}

/// A turn in radians about the axes that ARKit and glTF give a face: x towards the subject's own left, y up, z out of
/// the face. All three are right-handed, and applied in the order yaw, pitch, roll, each about the axes that the one
/// before has turned (the matrix is `Ry(yaw) * Rx(pitch) * Rz(roll)`).
///
/// Live Link Face turns yaw and roll the other way; [`livelink`] converts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// About y; a positive one turns to the subject's own left.
    #[serde(deserialize_with = "exact::number")]
    pub yaw: f64,
    /// About x; a positive one looks down.
    #[serde(deserialize_with = "exact::number")]
    pub pitch: f64,
    /// About z; a positive one tilts the head to the subject's own right shoulder.
    #[serde(deserialize_with = "exact::number")]
    pub roll: f64,
}

/// Where a face lies in a picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracked {
    /// Left, top, width and height of the square around it, in pixels.
    #[serde(deserialize_with = "exact::array")]
    pub crop: [f64; 4],
    /// Landmarks in pixels, in the order of the 68 of iBUG 300-W.
    #[serde(deserialize_with = "exact::pairs")]
    pub landmarks: Vec<[f64; 2]>,
}

/// A take of these frames, of which there are at most as many as `limits` permit.
fn collect(
    frames: impl Iterator<Item = Result<TakeFrame, Error>>,
    rate: FrameRate,
    format: TakeFormat,
    limits: &Limits,
) -> Result<Take, Error> {
    let held = frames::Bounded::new(frames, format, limits).collect::<Result<_, _>>()?;
    Ok(Take {
        rate,
        identity: Vec::new(),
        frames: held,
    })
}

fn check_frames(found: u64, limits: &Limits) -> Result<(), Error> {
    check_limit("frames", found, limits.frames as u64)
}

fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    check_limit("bytes", bytes.len() as u64, limits.take_bytes)
}

fn check_limit(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    match found > limit {
        true => Err(Error::Limit { what, limit, found }),
        false => Ok(()),
    }
}

fn check_written(take: &Take, format: TakeFormat) -> Result<(), Error> {
    let broken = take.broken_rule();
    broken.map_or(Ok(()), |what| Err(Error::UnsupportedTake { format, what }))
}

fn check_frame(frame: &TakeFrame, format: TakeFormat) -> Result<(), Error> {
    let broken = frame.broken_rule();
    broken.map_or(Ok(()), |what| Err(Error::UnsupportedTake { format, what }))
}
