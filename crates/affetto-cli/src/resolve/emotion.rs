//! What the flags say of the emotion, the same for every kind of music.

use affetto::{
    Control, Emotion, EmotionParts,
    emotion::{Channel, Curve, Unit},
};

use crate::{
    args::EmotionArgs,
    failure::{Failure, refused_input, wrong_argument},
};

/// The words of `--emotion`, with how strong and how much in control they are.
pub fn words(args: &EmotionArgs) -> Result<EmotionParts, Failure> {
    let words = args.emotion.as_deref().map(Emotion::parse).transpose();
    let words = words.map_err(|error| wrong_argument(&error))?;
    let words = words.map_or_else(EmotionParts::default, EmotionParts::from);
    Ok(EmotionParts {
        dominance: args.dominance.or(words.dominance),
        intensity: args.intensity.or(words.intensity),
        ..words
    })
}

/// The emotion of its parts.
pub fn emotion(parts: EmotionParts) -> Result<Emotion, Failure> {
    Emotion::try_from(parts).map_err(|error| wrong_argument(&error))
}

/// The curve of `--curve`.
pub fn curve_of_file(args: &EmotionArgs) -> Result<Option<Curve>, Failure> {
    let read = args.curve.as_ref().map(Curve::read).transpose();
    read.map_err(|error| refused_input(&error))
}

/// Whether the curve of a file goes with the flag of a channel: it must neither name the channel nor words.
pub fn check_beside_file(curve: &Curve, channel: Channel) -> Result<(), Failure> {
    if curve.names(channel) {
        return Err(exclude(channel, channel.name()));
    }
    if curve.keys().iter().any(|key| key.mixture.is_some()) {
        return Err(exclude(channel, "words"));
    }
    Ok(())
}

/// A flag says what the curve of a file says.
pub fn exclude(channel: Channel, of_curve: &str) -> Failure {
    let flag = channel.name();
    Failure::usage(
        format!("--{flag} and the {of_curve} of --curve exclude each other"),
        "leave one of them out",
    )
}

/// Two curves of one channel, or of what belongs together.
pub fn two_curves(channel: Channel) -> Failure {
    let name = channel.name();
    Failure::usage(
        format!("--curve and a curve of --{name} exclude each other"),
        format!("write the {name} into the file of --curve"),
    )
}

/// A curve over the bars: `0:-0.8, 8:0.2`.
pub fn curve(channel: Channel, text: &str) -> Result<Curve, Failure> {
    Curve::parse(channel, Unit::Bars, None, text).map_err(|error| wrong_argument(&error))
}

/// A number, or a curve over the bars.
pub fn control(channel: Channel, text: &str) -> Result<Control, Failure> {
    match text.trim().parse() {
        Ok(number) => Ok(Control::Constant(number)),
        Err(_) => Ok(Control::Curve(curve(channel, text)?)),
    }
}
