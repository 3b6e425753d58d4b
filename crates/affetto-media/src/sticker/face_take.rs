//! A face take drives a character: a linear map from the shapes of ARKit, set by hand from the measured ranges of the
//! channels. ARKit's left is the subject's own, which is the picture's right.

use super::{Channel, Pose, StickerTake};
use crate::{
    Error, Limits,
    rig::{Shape, Take, TakeFrame, Turn},
};

use Channel as C;
use Shape as S;

/// What a channel, or a sum of channels, gets from the shapes.
struct Row {
    /// How much of the sum each channel takes.
    to: &'static [(Channel, f64)],
    /// How much each shape gives.
    from: &'static [(Shape, f64)],
}

/// An eye's or mouth's opening goes half up, half down; its middle moves both edges.
const MAP: [Row; 24] = [
    Row {
        to: &[(C::EyeLUp, 0.5), (C::EyeLLow, -0.5)],
        from: &[
            (S::EyeBlinkRight, -0.30),
            (S::EyeSquintRight, -0.10),
            (S::CheekSquintRight, -0.06),
            (S::EyeWideRight, 0.14),
        ],
    },
    Row {
        to: &[(C::EyeRUp, 0.5), (C::EyeRLow, -0.5)],
        from: &[
            (S::EyeBlinkLeft, -0.30),
            (S::EyeSquintLeft, -0.10),
            (S::CheekSquintLeft, -0.06),
            (S::EyeWideLeft, 0.14),
        ],
    },
    Row {
        to: &[(C::EyeLUp, 1.0), (C::EyeLLow, 1.0)],
        from: &[
            (S::EyeBlinkRight, -0.05),
            (S::CheekSquintRight, 0.09),
            (S::MouthSmileRight, 0.03),
        ],
    },
    Row {
        to: &[(C::EyeRUp, 1.0), (C::EyeRLow, 1.0)],
        from: &[
            (S::EyeBlinkLeft, -0.05),
            (S::CheekSquintLeft, 0.09),
            (S::MouthSmileLeft, 0.03),
        ],
    },
    Row {
        to: &[(C::EyeLPupX, 0.8)],
        from: &[(S::EyeLookInRight, 1.0), (S::EyeLookOutRight, -1.0)],
    },
    Row {
        to: &[(C::EyeRPupX, 0.8)],
        from: &[(S::EyeLookOutLeft, 1.0), (S::EyeLookInLeft, -1.0)],
    },
    Row {
        to: &[(C::EyeLPupY, 0.7)],
        from: &[(S::EyeLookUpRight, 1.0), (S::EyeLookDownRight, -1.0)],
    },
    Row {
        to: &[(C::EyeRPupY, 0.7)],
        from: &[(S::EyeLookUpLeft, 1.0), (S::EyeLookDownLeft, -1.0)],
    },
    Row {
        to: &[(C::BrowLY, 1.0)],
        from: &[
            (S::BrowInnerUp, 0.10),
            (S::BrowOuterUpRight, 0.14),
            (S::BrowDownRight, -0.22),
            (S::NoseSneerRight, -0.06),
        ],
    },
    Row {
        to: &[(C::BrowRY, 1.0)],
        from: &[
            (S::BrowInnerUp, 0.10),
            (S::BrowOuterUpLeft, 0.14),
            (S::BrowDownLeft, -0.22),
            (S::NoseSneerLeft, -0.06),
        ],
    },
    Row {
        to: &[(C::BrowLAng, 1.0)],
        from: &[
            (S::BrowInnerUp, 0.45),
            (S::BrowOuterUpRight, -0.30),
            (S::BrowDownRight, -0.55),
        ],
    },
    Row {
        to: &[(C::BrowRAng, 1.0)],
        from: &[
            (S::BrowInnerUp, 0.45),
            (S::BrowOuterUpLeft, -0.30),
            (S::BrowDownLeft, -0.55),
        ],
    },
    Row {
        to: &[(C::MouthW, 1.0)],
        from: &[
            (S::MouthSmileLeft, 0.20),
            (S::MouthSmileRight, 0.20),
            (S::MouthStretchLeft, 0.15),
            (S::MouthStretchRight, 0.15),
            (S::MouthPucker, -0.38),
            (S::MouthFunnel, -0.25),
            (S::JawOpen, 0.05),
        ],
    },
    Row {
        to: &[(C::MouthUp, 0.5), (C::MouthLow, -0.5)],
        from: &[
            (S::JawOpen, 0.70),
            (S::MouthUpperUpLeft, 0.06),
            (S::MouthUpperUpRight, 0.06),
            (S::MouthLowerDownLeft, 0.08),
            (S::MouthLowerDownRight, 0.08),
            (S::MouthClose, -0.40),
            (S::MouthPressLeft, -0.02),
            (S::MouthPressRight, -0.02),
        ],
    },
    Row {
        to: &[(C::MouthUp, 1.0), (C::MouthLow, 1.0)],
        from: &[
            (S::MouthSmileLeft, -0.09),
            (S::MouthSmileRight, -0.09),
            (S::MouthFrownLeft, 0.10),
            (S::MouthFrownRight, 0.10),
            (S::MouthShrugLower, 0.04),
            (S::JawOpen, -0.05),
        ],
    },
    Row {
        to: &[(C::MouthAsym, 1.0)],
        from: &[
            (S::MouthSmileRight, 0.10),
            (S::MouthSmileLeft, -0.10),
            (S::MouthFrownRight, -0.08),
            (S::MouthFrownLeft, 0.08),
            (S::MouthDimpleRight, 0.03),
            (S::MouthDimpleLeft, -0.03),
        ],
    },
    Row {
        to: &[(C::MouthX, 1.0)],
        from: &[
            (S::MouthLeft, 0.14),
            (S::MouthRight, -0.14),
            (S::JawLeft, 0.08),
            (S::JawRight, -0.08),
        ],
    },
    Row {
        to: &[(C::MouthCy, 1.0)],
        from: &[(S::JawOpen, -0.06), (S::MouthShrugUpper, 0.03)],
    },
    Row {
        to: &[(C::MouthRound, 1.0)],
        from: &[(S::MouthFunnel, 0.14), (S::MouthPucker, 0.12)],
    },
    Row {
        to: &[(C::MouthTongueOut, 0.12)],
        from: &[(S::TongueOut, 1.0)],
    },
    Row {
        to: &[(C::MouthKiss, 1.0)],
        from: &[(S::MouthPucker, 1.0)],
    },
    Row {
        to: &[(C::MouthWave, 0.02)],
        from: &[
            (S::MouthRollLower, 1.0),
            (S::MouthRollUpper, 1.0),
            (S::MouthPressLeft, 0.5),
            (S::MouthPressRight, 0.5),
        ],
    },
    Row {
        to: &[(C::Blush, 0.06)],
        from: &[(S::CheekPuff, 1.0)],
    },
    Row {
        to: &[(C::BrowLVis, 1.0), (C::BrowRVis, 1.0)],
        from: &[
            (S::BrowDownLeft, 1.0),
            (S::BrowDownRight, 1.0),
            (S::BrowInnerUp, 1.0),
            (S::BrowOuterUpLeft, 1.0),
            (S::BrowOuterUpRight, 1.0),
        ],
    },
];

/// How much of the opening each of these shapes fills with teeth.
const TEETH: [(Shape, f64); 6] = [
    (S::MouthUpperUpLeft, 0.35),
    (S::MouthUpperUpRight, 0.35),
    (S::MouthStretchLeft, 0.3),
    (S::MouthStretchRight, 0.3),
    (S::MouthSmileLeft, 0.1),
    (S::MouthSmileRight, 0.1),
];

impl StickerTake {
    /// The take of a character that follows a face. It does not loop; a frame without a face keeps the pose before it.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn from_face(take: &Take) -> Result<Self, Error> {
        super::take::check_frames(take.frames.len() as u64, &Limits::DEFAULT)?;
        let mut last = Pose::rest();
        let poses = take.frames.iter().map(|frame| {
            if !frame.lost {
                last = pose_from_face(frame);
            }
            last
        });
        Self::clamped(take.rate, false, poses.collect())
    }
}

fn pose_from_face(frame: &TakeFrame) -> Pose {
    let mut pose = Pose::rest();
    let mut add = |channel: Channel, amount: f64| pose[channel] += amount as f32;
    for Row { to, from } in &MAP {
        let sum: f64 = from
            .iter()
            .map(|(shape, share)| share * frame.shapes[*shape])
            .sum();
        for (channel, share) in *to {
            add(*channel, share * sum);
        }
    }
    // A pressed eye is a blink and a squint at once.
    add(
        C::EyeLSquint,
        frame.shapes[S::EyeSquintRight] * frame.shapes[S::EyeBlinkRight],
    );
    add(
        C::EyeRSquint,
        frame.shapes[S::EyeSquintLeft] * frame.shapes[S::EyeBlinkLeft],
    );
    let Turn { yaw, pitch, roll } = frame.head;
    add(C::HeadRot, roll);
    let aside = 0.55 * libm::sin(yaw);
    let up = -0.45 * libm::sin(pitch);
    for (channel, share) in [
        (C::EyeLX, 1.0),
        (C::EyeRX, 1.0),
        (C::BrowLX, 1.0),
        (C::BrowRX, 1.0),
        (C::MouthX, 0.9),
    ] {
        add(channel, share * aside);
    }
    for (channel, share) in [
        (C::EyeLCy, 1.0),
        (C::EyeRCy, 1.0),
        (C::BrowLY, 1.0),
        (C::BrowRY, 1.0),
        (C::MouthCy, 0.9),
    ] {
        add(channel, share * up);
    }
    let opening = f64::from(pose[C::MouthUp] - pose[C::MouthLow]).max(0.0);
    let filled: f64 = TEETH
        .iter()
        .map(|(shape, share)| share * frame.shapes[*shape])
        .sum();
    let area = 0.7 * opening * f64::from(pose[C::MouthW]);
    pose[C::MouthTeeth] = (filled.clamp(0.0, 1.0) * area) as f32;
    pose
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_emotion::FrameRate;

    use super::*;

    fn pose(set: impl Fn(&mut TakeFrame)) -> Pose {
        let mut frame = TakeFrame::default();
        set(&mut frame);
        let take = Take {
            rate: FrameRate::new(60, 1),
            identity: Vec::new(),
            frames: vec![frame],
        };
        StickerTake::from_face(&take).unwrap().frames[0]
    }

    #[test]
    fn sides_are_those_of_the_picture() {
        assert_eq!(pose(|_| ()), Pose::rest());
        let wink = pose(|frame| frame.shapes[S::EyeBlinkLeft] = 1.0);
        let open = |up: Channel, low: Channel| wink[up] - wink[low];
        assert!(open(C::EyeRUp, C::EyeRLow) < 0.05 && open(C::EyeLUp, C::EyeLLow) > 0.3);
        let turned = pose(|frame| frame.head.yaw = 0.5);
        assert!(turned[C::EyeLX] > Pose::rest()[C::EyeLX] + 0.2);
        let down = pose(|frame| frame.head.pitch = 0.5);
        assert!(down[C::MouthCy] < Pose::rest()[C::MouthCy] - 0.1);
        let tilted = pose(|frame| frame.head.roll = 0.2);
        assert_eq!(tilted[C::HeadRot], 0.2);
    }

    #[test]
    fn smile_frown_and_lost_frames() {
        let smile = pose(|frame| {
            frame.shapes[S::MouthSmileLeft] = 1.0;
            frame.shapes[S::MouthSmileRight] = 1.0;
        });
        assert!(smile[C::MouthLow] < -0.3 && smile[C::MouthW] > 0.9);
        assert!(smile[C::MouthAsym].abs() < 1e-6);
        let mut frames = vec![TakeFrame::default(); 2];
        frames[0].shapes[S::JawOpen] = 1.0;
        frames[1].lost = true;
        let take = Take {
            rate: FrameRate::new(30, 1),
            identity: Vec::new(),
            frames,
        };
        let take = StickerTake::from_face(&take).unwrap();
        assert_eq!(take.frames[0], take.frames[1]);
        assert!(take.frames[0][C::MouthUp] - take.frames[0][C::MouthLow] > 0.8);
    }
}
