use std::fmt;

use serde::{Deserialize, Serialize};

/// How many shapes there are.
pub const SHAPES: usize = Shape::ALL.len();

/// A shape of Apple's ARKit face (`ARFaceAnchor.BlendShapeLocation`), in the order of its documentation. Left and right
/// are the subject's own.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Shape {
    /// The left eyelid closes.
    EyeBlinkLeft,
    /// The left eye looks down.
    EyeLookDownLeft,
    /// The left eye looks towards the nose.
    EyeLookInLeft,
    /// The left eye looks away from the nose.
    EyeLookOutLeft,
    /// The left eye looks up.
    EyeLookUpLeft,
    /// The lids of the left eye tighten.
    EyeSquintLeft,
    /// The upper lid of the left eye is raised.
    EyeWideLeft,
    /// The right eyelid closes.
    EyeBlinkRight,
    /// The right eye looks down.
    EyeLookDownRight,
    /// The right eye looks towards the nose.
    EyeLookInRight,
    /// The right eye looks away from the nose.
    EyeLookOutRight,
    /// The right eye looks up.
    EyeLookUpRight,
    /// The lids of the right eye tighten.
    EyeSquintRight,
    /// The upper lid of the right eye is raised.
    EyeWideRight,
    /// The jaw is thrust forward.
    JawForward,
    /// The jaw moves to the left.
    JawLeft,
    /// The jaw moves to the right.
    JawRight,
    /// The jaw drops.
    JawOpen,
    /// The lips close over an open jaw.
    MouthClose,
    /// The lips form an open funnel.
    MouthFunnel,
    /// The lips are pursed.
    MouthPucker,
    /// The mouth moves to the left.
    MouthLeft,
    /// The mouth moves to the right.
    MouthRight,
    /// The left corner of the mouth is pulled up.
    MouthSmileLeft,
    /// The right corner of the mouth is pulled up.
    MouthSmileRight,
    /// The left corner of the mouth is pulled down.
    MouthFrownLeft,
    /// The right corner of the mouth is pulled down.
    MouthFrownRight,
    /// The left corner of the mouth is pulled in.
    MouthDimpleLeft,
    /// The right corner of the mouth is pulled in.
    MouthDimpleRight,
    /// The left corner of the mouth is pulled sideways.
    MouthStretchLeft,
    /// The right corner of the mouth is pulled sideways.
    MouthStretchRight,
    /// The lower lip rolls inwards.
    MouthRollLower,
    /// The upper lip rolls inwards.
    MouthRollUpper,
    /// The lower lip is pushed up by the chin.
    MouthShrugLower,
    /// The upper lip is pushed up.
    MouthShrugUpper,
    /// The left half of the lips is pressed.
    MouthPressLeft,
    /// The right half of the lips is pressed.
    MouthPressRight,
    /// The left half of the lower lip is pulled down.
    MouthLowerDownLeft,
    /// The right half of the lower lip is pulled down.
    MouthLowerDownRight,
    /// The left half of the upper lip is raised.
    MouthUpperUpLeft,
    /// The right half of the upper lip is raised.
    MouthUpperUpRight,
    /// The left brow is lowered.
    BrowDownLeft,
    /// The right brow is lowered.
    BrowDownRight,
    /// The inner ends of both brows are raised.
    BrowInnerUp,
    /// The outer end of the left brow is raised.
    BrowOuterUpLeft,
    /// The outer end of the right brow is raised.
    BrowOuterUpRight,
    /// Both cheeks are blown up.
    CheekPuff,
    /// The left cheek is raised.
    CheekSquintLeft,
    /// The right cheek is raised.
    CheekSquintRight,
    /// The left side of the nose is wrinkled.
    NoseSneerLeft,
    /// The right side of the nose is wrinkled.
    NoseSneerRight,
    /// The tongue is shown.
    TongueOut,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 52] = [
        Self::EyeBlinkLeft,
        Self::EyeLookDownLeft,
        Self::EyeLookInLeft,
        Self::EyeLookOutLeft,
        Self::EyeLookUpLeft,
        Self::EyeSquintLeft,
        Self::EyeWideLeft,
        Self::EyeBlinkRight,
        Self::EyeLookDownRight,
        Self::EyeLookInRight,
        Self::EyeLookOutRight,
        Self::EyeLookUpRight,
        Self::EyeSquintRight,
        Self::EyeWideRight,
        Self::JawForward,
        Self::JawLeft,
        Self::JawRight,
        Self::JawOpen,
        Self::MouthClose,
        Self::MouthFunnel,
        Self::MouthPucker,
        Self::MouthLeft,
        Self::MouthRight,
        Self::MouthSmileLeft,
        Self::MouthSmileRight,
        Self::MouthFrownLeft,
        Self::MouthFrownRight,
        Self::MouthDimpleLeft,
        Self::MouthDimpleRight,
        Self::MouthStretchLeft,
        Self::MouthStretchRight,
        Self::MouthRollLower,
        Self::MouthRollUpper,
        Self::MouthShrugLower,
        Self::MouthShrugUpper,
        Self::MouthPressLeft,
        Self::MouthPressRight,
        Self::MouthLowerDownLeft,
        Self::MouthLowerDownRight,
        Self::MouthUpperUpLeft,
        Self::MouthUpperUpRight,
        Self::BrowDownLeft,
        Self::BrowDownRight,
        Self::BrowInnerUp,
        Self::BrowOuterUpLeft,
        Self::BrowOuterUpRight,
        Self::CheekPuff,
        Self::CheekSquintLeft,
        Self::CheekSquintRight,
        Self::NoseSneerLeft,
        Self::NoseSneerRight,
        Self::TongueOut,
    ];

    /// The name as ARKit and glTF files write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EyeBlinkLeft => "eyeBlinkLeft",
            Self::EyeLookDownLeft => "eyeLookDownLeft",
            Self::EyeLookInLeft => "eyeLookInLeft",
            Self::EyeLookOutLeft => "eyeLookOutLeft",
            Self::EyeLookUpLeft => "eyeLookUpLeft",
            Self::EyeSquintLeft => "eyeSquintLeft",
            Self::EyeWideLeft => "eyeWideLeft",
            Self::EyeBlinkRight => "eyeBlinkRight",
            Self::EyeLookDownRight => "eyeLookDownRight",
            Self::EyeLookInRight => "eyeLookInRight",
            Self::EyeLookOutRight => "eyeLookOutRight",
            Self::EyeLookUpRight => "eyeLookUpRight",
            Self::EyeSquintRight => "eyeSquintRight",
            Self::EyeWideRight => "eyeWideRight",
            Self::JawForward => "jawForward",
            Self::JawLeft => "jawLeft",
            Self::JawRight => "jawRight",
            Self::JawOpen => "jawOpen",
            Self::MouthClose => "mouthClose",
            Self::MouthFunnel => "mouthFunnel",
            Self::MouthPucker => "mouthPucker",
            Self::MouthLeft => "mouthLeft",
            Self::MouthRight => "mouthRight",
            Self::MouthSmileLeft => "mouthSmileLeft",
            Self::MouthSmileRight => "mouthSmileRight",
            Self::MouthFrownLeft => "mouthFrownLeft",
            Self::MouthFrownRight => "mouthFrownRight",
            Self::MouthDimpleLeft => "mouthDimpleLeft",
            Self::MouthDimpleRight => "mouthDimpleRight",
            Self::MouthStretchLeft => "mouthStretchLeft",
            Self::MouthStretchRight => "mouthStretchRight",
            Self::MouthRollLower => "mouthRollLower",
            Self::MouthRollUpper => "mouthRollUpper",
            Self::MouthShrugLower => "mouthShrugLower",
            Self::MouthShrugUpper => "mouthShrugUpper",
            Self::MouthPressLeft => "mouthPressLeft",
            Self::MouthPressRight => "mouthPressRight",
            Self::MouthLowerDownLeft => "mouthLowerDownLeft",
            Self::MouthLowerDownRight => "mouthLowerDownRight",
            Self::MouthUpperUpLeft => "mouthUpperUpLeft",
            Self::MouthUpperUpRight => "mouthUpperUpRight",
            Self::BrowDownLeft => "browDownLeft",
            Self::BrowDownRight => "browDownRight",
            Self::BrowInnerUp => "browInnerUp",
            Self::BrowOuterUpLeft => "browOuterUpLeft",
            Self::BrowOuterUpRight => "browOuterUpRight",
            Self::CheekPuff => "cheekPuff",
            Self::CheekSquintLeft => "cheekSquintLeft",
            Self::CheekSquintRight => "cheekSquintRight",
            Self::NoseSneerLeft => "noseSneerLeft",
            Self::NoseSneerRight => "noseSneerRight",
            Self::TongueOut => "tongueOut",
        }
    }

    /// The shape of a name, whose letters may be large or small.
    pub fn named(name: &str) -> Option<Self> {
        let same = |shape: &Self| shape.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same)
    }

    /// Its place in [`Shape::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The same on the other side of the face; a shape of the middle is its own.
    pub fn mirrored(self) -> Self {
        let name = self.name();
        let other = match (name.strip_suffix("Left"), name.strip_suffix("Right")) {
            (Some(stem), _) => format!("{stem}Right"),
            (_, Some(stem)) => format!("{stem}Left"),
            _ => return self,
        };
        Self::named(&other).unwrap_or(self)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_sides_are_pairs() {
        for (at, shape) in Shape::ALL.into_iter().enumerate() {
            assert_eq!(shape.index(), at);
            assert_eq!(Shape::named(&shape.name().to_uppercase()), Some(shape));
            assert_eq!(shape.mirrored().mirrored(), shape);
        }
        assert_eq!(Shape::JawLeft.mirrored(), Shape::JawRight);
        assert_eq!(Shape::JawOpen.mirrored(), Shape::JawOpen);
        assert_eq!(Shape::named("jaw"), None);
    }
}
