use std::fmt;

/// What the number of a channel counts. The head's radius is half the geometric mean of its width and height at rest;
/// x points to the picture's right, y up, and left and right are those of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Radii of the head.
    HeadRadius,
    /// Radians.
    Radians,
    /// A factor or share.
    Factor,
    /// No (0) or yes (1), drawn from the middle on.
    Weight,
    /// Halves of the eye's extent.
    HalfEye,
    /// Squares of the head's radius.
    Area,
    /// A share of full strength added to a colour.
    Colour,
}

impl Unit {
    /// The unit in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeadRadius => "head radii",
            Self::Radians => "radians",
            Self::Factor => "a factor",
            Self::Weight => "0 or 1",
            Self::HalfEye => "half eyes",
            Self::Area => "square head radii",
            Self::Colour => "a share of colour",
        }
    }
}

/// Unit, value at rest and permitted values of a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// The name in files.
    pub name: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// The value at rest.
    pub rest: f32,
    /// The least value.
    pub least: f32,
    /// The greatest value.
    pub most: f32,
}

macro_rules! channels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $unit:ident, $rest:expr, $least:expr, $most:expr;)*) => {
        /// A channel of the rig that every character has. Features of the face are in the frame of the head: they move,
        /// turn and stretch with it. An eye, a brow or a mouth is a lens between two curves with common corners, so
        /// that dots, blinks, arcs, half-closed lids, smiles, frowns and an O are one shape.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Channel {
            $($(#[$doc])* $variant,)*
        }

        impl Channel {
            /// Every channel, in the order of [`Pose`].
            pub const ALL: [Self; CHANNELS] = [$(Self::$variant,)*];

            const SPECS: [Spec; CHANNELS] = [$(Spec {
                name: $name,
                unit: Unit::$unit,
                rest: $rest,
                least: $least,
                most: $most,
            },)*];
        }
    };
}

/// How many channels there are.
pub const CHANNELS: usize = 68;

channels! {
    /// How far the head is to the right of its place.
    HeadX = "head_x", HeadRadius, 0.0, -2.0, 2.0;
    /// How far the head is above its place.
    HeadY = "head_y", HeadRadius, 0.0, -2.0, 2.0;
    /// The turn of the head in the picture, anticlockwise.
    HeadRot = "head_rot", Radians, 0.0, -12.6, 12.6;
    /// The width of the head beside that at rest.
    HeadSx = "head_sx", Factor, 1.0, 0.25, 2.5;
    /// The height of the head beside that at rest.
    HeadSy = "head_sy", Factor, 1.0, 0.25, 2.5;
    /// Where the eye on the picture's left is, to the right of the head's centre.
    EyeLX = "eyeL_x", HeadRadius, -0.34, -1.5, 1.5;
    /// The height of the line between the corners of the left eye.
    EyeLCy = "eyeL_cy", HeadRadius, 0.18, -1.5, 1.5;
    /// The width of the left eye.
    EyeLW = "eyeL_w", HeadRadius, 0.28, 0.0, 1.5;
    /// The upper edge of the left eye at its middle, above the line between its corners.
    EyeLUp = "eyeL_up", HeadRadius, 0.165, -1.2, 1.2;
    /// The lower edge of the left eye at its middle, above that line; above 0 in a happy arc.
    EyeLLow = "eyeL_low", HeadRadius, -0.165, -1.2, 1.2;
    /// The slant of the left eye; the inner end up is positive on both sides.
    EyeLAng = "eyeL_ang", Radians, 0.0, -1.6, 1.6;
    /// Whether the left eye is a white one with a pupil.
    EyeLWhite = "eyeL_white", Weight, 0.0, 0.0, 1.0;
    /// Where the left pupil is in its eye, to the picture's right.
    EyeLPupX = "eyeL_pup_x", HalfEye, 0.0, -1.0, 1.0;
    /// Where the left pupil is in its eye, upwards.
    EyeLPupY = "eyeL_pup_y", HalfEye, 0.0, -1.0, 1.0;
    /// The radius of the left pupil.
    EyeLPupR = "eyeL_pup_r", HalfEye, 0.45, 0.0, 1.0;
    /// Whether the left eye is pressed shut as `>` or `<`.
    EyeLSquint = "eyeL_squint", Weight, 0.0, 0.0, 1.0;
    /// Where the eye on the picture's right is, to the right of the head's centre.
    EyeRX = "eyeR_x", HeadRadius, 0.34, -1.5, 1.5;
    /// The height of the line between the corners of the right eye.
    EyeRCy = "eyeR_cy", HeadRadius, 0.18, -1.5, 1.5;
    /// The width of the right eye.
    EyeRW = "eyeR_w", HeadRadius, 0.28, 0.0, 1.5;
    /// The upper edge of the right eye at its middle, above the line between its corners.
    EyeRUp = "eyeR_up", HeadRadius, 0.165, -1.2, 1.2;
    /// The lower edge of the right eye at its middle, above that line; above 0 in a happy arc.
    EyeRLow = "eyeR_low", HeadRadius, -0.165, -1.2, 1.2;
    /// The slant of the right eye; the inner end up is positive on both sides.
    EyeRAng = "eyeR_ang", Radians, 0.0, -1.6, 1.6;
    /// Whether the right eye is a white one with a pupil.
    EyeRWhite = "eyeR_white", Weight, 0.0, 0.0, 1.0;
    /// Where the right pupil is in its eye, to the picture's right.
    EyeRPupX = "eyeR_pup_x", HalfEye, 0.0, -1.0, 1.0;
    /// Where the right pupil is in its eye, upwards.
    EyeRPupY = "eyeR_pup_y", HalfEye, 0.0, -1.0, 1.0;
    /// The radius of the right pupil.
    EyeRPupR = "eyeR_pup_r", HalfEye, 0.45, 0.0, 1.0;
    /// Whether the right eye is pressed shut as `>` or `<`.
    EyeRSquint = "eyeR_squint", Weight, 0.0, 0.0, 1.0;
    /// Whether the eyes are hearts.
    StyHeart = "sty_heart", Weight, 0.0, 0.0, 1.0;
    /// Whether the eyes are stars.
    StyStar = "sty_star", Weight, 0.0, 0.0, 1.0;
    /// Whether the eyes are spirals.
    StyDizzy = "sty_dizzy", Weight, 0.0, 0.0, 1.0;
    /// Whether the left brow is seen.
    BrowLVis = "browL_vis", Weight, 0.0, 0.0, 1.0;
    /// Where the left brow is, to the right.
    BrowLX = "browL_x", HeadRadius, -0.36, -1.5, 1.5;
    /// The height of the left brow.
    BrowLY = "browL_y", HeadRadius, 0.55, -1.5, 1.5;
    /// The slant of the left brow; the inner end up is positive on both sides.
    BrowLAng = "browL_ang", Radians, 0.0, -1.6, 1.6;
    /// How far the middle of the left brow stands above its ends.
    BrowLCurve = "browL_curve", HeadRadius, 0.06, -0.5, 0.5;
    /// Whether the right brow is seen.
    BrowRVis = "browR_vis", Weight, 0.0, 0.0, 1.0;
    /// Where the right brow is, to the right.
    BrowRX = "browR_x", HeadRadius, 0.36, -1.5, 1.5;
    /// The height of the right brow.
    BrowRY = "browR_y", HeadRadius, 0.55, -1.5, 1.5;
    /// The slant of the right brow; the inner end up is positive on both sides.
    BrowRAng = "browR_ang", Radians, 0.0, -1.6, 1.6;
    /// How far the middle of the right brow stands above its ends.
    BrowRCurve = "browR_curve", HeadRadius, 0.06, -0.5, 0.5;
    /// Whether the mouth is seen.
    MouthVis = "mouth_vis", Weight, 1.0, 0.0, 1.0;
    /// Where the mouth is, to the right.
    MouthX = "mouth_x", HeadRadius, 0.0, -1.6, 1.6;
    /// The height of the line between its corners.
    MouthCy = "mouth_cy", HeadRadius, -0.36, -1.6, 1.6;
    /// Its width.
    MouthW = "mouth_w", HeadRadius, 0.6, 0.0, 2.5;
    /// Its upper edge at the middle, above the line between its corners; below 0 in a smile.
    MouthUp = "mouth_up", HeadRadius, 0.02, -1.5, 1.5;
    /// Its lower edge at the middle, above that line; above 0 in a frown.
    MouthLow = "mouth_low", HeadRadius, -0.14, -1.5, 1.5;
    /// How far the corner on the picture's left is above the one on the right, halved.
    MouthAsym = "mouth_asym", HeadRadius, 0.0, -0.5, 0.5;
    /// The share of its rectangle that it fills: 0.5 pointed, 0.785 an ellipse.
    MouthRound = "mouth_round", Factor, 0.66, 0.0, 1.0;
    /// How strongly its line is wavy.
    MouthWave = "mouth_wave", HeadRadius, 0.0, 0.0, 0.3;
    /// The area of the teeth.
    MouthTeeth = "mouth_teeth", Area, 0.0, 0.0, 2.0;
    /// The area of the tongue inside the mouth.
    MouthTongue = "mouth_tongue", Area, 0.0, 0.0, 2.5;
    /// The area of the tongue outside the mouth.
    MouthTongueOut = "mouth_tongue_out", Area, 0.0, 0.0, 2.0;
    /// Whether the lips are pursed to a kiss.
    MouthKiss = "mouth_kiss", Weight, 0.0, 0.0, 1.0;
    /// The area of tears on the left.
    TearL = "tearL", Area, 0.0, 0.0, 2.0;
    /// The area of tears on the right.
    TearR = "tearR", Area, 0.0, 0.0, 2.0;
    /// The height of the left tears.
    TearLY = "tearL_y", HeadRadius, -0.2, -2.0, 2.0;
    /// The height of the right tears.
    TearRY = "tearR_y", HeadRadius, -0.2, -2.0, 2.0;
    /// The area of drops of sweat.
    Sweat = "sweat", Area, 0.0, 0.0, 2.0;
    /// Where the sweat is, to the right.
    SweatX = "sweat_x", HeadRadius, 0.7, -1.5, 1.5;
    /// The height of the sweat.
    SweatY = "sweat_y", HeadRadius, 0.5, -1.5, 1.5;
    /// The area of blush, weighted by its strength.
    Blush = "blush", Area, 0.0, 0.0, 1.0;
    /// The area of steam from the nose.
    Steam = "steam", Area, 0.0, 0.0, 4.0;
    /// The area of hearts around the head.
    Heart = "heart", Area, 0.0, 0.0, 2.0;
    /// The area of sparkles around the head.
    Sparkle = "sparkle", Area, 0.0, 0.0, 2.0;
    /// The area of the letters of sleep.
    Zzz = "zzz", Area, 0.0, 0.0, 1.0;
    /// How much redder the head is than at rest.
    TintR = "tint_r", Colour, 0.0, -1.0, 1.0;
    /// How much greener the head is than at rest.
    TintG = "tint_g", Colour, 0.0, -1.0, 1.0;
    /// How much bluer the head is than at rest.
    TintB = "tint_b", Colour, 0.0, -1.0, 1.0;
}

impl Channel {
    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Unit, rest and range.
    pub const fn spec(self) -> &'static Spec {
        &Self::SPECS[self as usize]
    }

    /// The name in files.
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// Of tears, sweat, blush, steam, hearts, sparkles and letters of sleep the area from which on they are clearly seen, at
    /// half their strength or more; nothing for other channels.
    pub const fn seen_from(self) -> Option<f32> {
        match self {
            Self::TearL | Self::TearR | Self::Sweat => Some(0.014),
            Self::Blush => Some(0.15),
            Self::Steam => Some(0.034),
            Self::Heart => Some(0.043),
            Self::Sparkle => Some(0.033),
            Self::Zzz => Some(0.017),
            _ => None,
        }
    }

    /// The channel of that name, in this spelling.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// The channel that stands for the same on the other side of the face; itself where it is in the middle.
    pub fn mirrored(self) -> Self {
        let name = self.name();
        let other = match (name.split_once('L'), name.split_once('R')) {
            (Some((head, tail)), _) => format!("{head}R{tail}"),
            (_, Some((head, tail))) => format!("{head}L{tail}"),
            _ => return self,
        };
        Self::named(&other).unwrap_or(self)
    }

    /// Whether a mirror turns the sign of the value.
    pub const fn turns_in_mirror(self) -> bool {
        matches!(
            self,
            Self::HeadX
                | Self::HeadRot
                | Self::EyeLX
                | Self::EyeRX
                | Self::EyeLPupX
                | Self::EyeRPupX
                | Self::BrowLX
                | Self::BrowRX
                | Self::MouthX
                | Self::MouthAsym
                | Self::SweatX
        )
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One moment of a sticker: a number for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose(pub [f32; CHANNELS]);

impl Pose {
    /// A face at rest.
    pub fn rest() -> Self {
        Self(Channel::SPECS.map(|spec| spec.rest))
    }

    /// The nearest pose whose values are permitted; what is not a number becomes the value at rest.
    pub fn clamped(self) -> Self {
        let mut pose = self;
        for (value, spec) in pose.0.iter_mut().zip(Channel::SPECS) {
            *value = match value.is_nan() {
                true => spec.rest,
                false => value.clamp(spec.least, spec.most),
            };
        }
        pose
    }

    /// The same seen in a mirror.
    pub fn mirrored(&self) -> Self {
        let mut pose = *self;
        for channel in Channel::ALL {
            let sign = if channel.turns_in_mirror() { -1.0 } else { 1.0 };
            pose[channel.mirrored()] = sign * self[channel];
        }
        pose
    }

    /// The rule that the pose breaks, in words: every value is a number within the range of its channel.
    pub fn broken_rule(&self) -> Option<String> {
        let mut pairs = Channel::ALL.into_iter().zip(self.0);
        let (channel, value) = pairs.find(|(channel, value)| {
            let spec = channel.spec();
            !(spec.least..=spec.most).contains(value) // not a number is not within
        })?;
        let Spec { least, most, .. } = channel.spec();
        Some(format!("{channel} of {value}, outside {least}..={most}"))
    }
}

impl Default for Pose {
    fn default() -> Self {
        Self::rest()
    }
}

impl std::ops::Index<Channel> for Pose {
    type Output = f32;

    fn index(&self, channel: Channel) -> &f32 {
        &self.0[channel.index()]
    }
}

impl std::ops::IndexMut<Channel> for Pose {
    fn index_mut(&mut self, channel: Channel) -> &mut f32 {
        &mut self.0[channel.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_rest_is_permitted() {
        for channel in Channel::ALL {
            assert_eq!(Channel::named(channel.name()), Some(channel));
            assert_eq!(Channel::ALL[channel.index()], channel);
            assert_eq!(channel.mirrored().mirrored(), channel);
        }
        assert_eq!(Pose::rest().broken_rule(), None);
        assert_eq!(Channel::EyeLUp.mirrored(), Channel::EyeRUp);
        assert_eq!(Channel::TearLY.mirrored(), Channel::TearRY);
        assert_eq!(Channel::MouthRound.mirrored(), Channel::MouthRound);
    }

    #[test]
    fn a_mirror_is_its_own_inverse_and_rest_is_symmetric() {
        let mut pose = Pose::rest();
        pose[Channel::SweatX] *= -1.0; // on one side at rest
        assert_eq!(Pose::rest().mirrored(), pose);
        pose[Channel::EyeLPupX] = 0.3;
        pose[Channel::BrowRAng] = -0.2;
        assert_eq!(pose.mirrored().mirrored(), pose);
        assert_eq!(pose.mirrored()[Channel::EyeRPupX], -0.3);
        assert_eq!(pose.mirrored()[Channel::BrowLAng], -0.2);
    }

    #[test]
    fn what_is_outside_is_named_and_clamped() {
        let mut pose = Pose::rest();
        pose[Channel::MouthW] = 7.0;
        assert_eq!(
            pose.broken_rule().as_deref(),
            Some("mouth_w of 7, outside 0..=2.5")
        );
        pose[Channel::HeadX] = f32::NAN;
        assert_eq!(pose.clamped().broken_rule(), None);
        assert_eq!(pose.clamped()[Channel::MouthW], 2.5);
    }
}
