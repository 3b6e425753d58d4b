//! Takes: how a face moves, frame by frame, as the shapes of ARKit and the turn of head and eyes.

mod shape;

use affetto_emotion::FrameRate;
use serde::{Deserialize, Serialize};

pub use shape::{SHAPES, Shape};

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

/// One moment of a take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakeFrame {
    /// When it was recorded, where the file says so.
    pub timecode: Option<Timecode>,
    /// How strong each shape is, 0..=1, in the order of [`Shape::ALL`].
    pub shapes: Weights,
    /// The turn of the head.
    pub head: Turn,
    /// The turn of the left eye and of the right one, where the file has them.
    pub eyes: Option<[Turn; 2]>,
    /// Where the face lies in the picture that it was tracked in.
    pub tracked: Option<Tracked>,
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

/// A turn in radians, first about the vertical axis, then sideways, then forward. Positive numbers turn towards the
/// subject's left, tilt the head towards the subject's left shoulder, and look down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// About the vertical axis.
    pub yaw: f64,
    /// About the axis through the ears.
    pub pitch: f64,
    /// About the axis of the nose.
    pub roll: f64,
}

/// Where a face lies in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracked {
    /// Left, top, width and height of the square around it, in pixels.
    pub crop: [f64; 4],
    /// Landmarks in pixels, in the order of the 68 of iBUG 300-W.
    pub landmarks: Vec<[f64; 2]>,
}

/// Hours, minutes, seconds and frames since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timecode {
    /// 0..=23.
    pub hours: u8,
    /// 0..=59.
    pub minutes: u8,
    /// 0..=59.
    pub seconds: u8,
    /// Whole frames, below the frame rate.
    pub frames: u16,
    /// Thousandths of a frame, 0..=999.
    pub thousandths: u16,
}
