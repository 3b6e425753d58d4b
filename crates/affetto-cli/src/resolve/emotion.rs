//! What the flags say of the emotion, the same for whatever is made.

use affetto::{
    Control, Emotion, EmotionParts,
    emotion::{Channel, Curve, Key, Unit},
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

/// A curve: `0:-0.8, 8:0.2`.
pub fn curve(channel: Channel, unit: Unit, text: &str) -> Result<Curve, Failure> {
    Curve::parse(channel, unit, None, text).map_err(|error| wrong_argument(&error))
}

/// A number, or a curve.
pub fn control(channel: Channel, unit: Unit, text: &str) -> Result<Control, Failure> {
    match text.trim().parse() {
        Ok(number) => Ok(Control::Constant(number)),
        Err(_) => Ok(Control::Curve(curve(channel, unit, text)?)),
    }
}

/// Words, numbers and curves together; numbers go before the words.
/// Curves of flags are over `unit`.
pub fn emotion_over(args: &EmotionArgs, unit: Unit) -> Result<Emotion, Failure> {
    let axis = |channel, text: &Option<String>| {
        let read = text.as_deref().map(|text| control(channel, unit, text));
        read.transpose()
    };
    let axes = [
        (Channel::Valence, axis(Channel::Valence, &args.valence)?),
        (Channel::Arousal, axis(Channel::Arousal, &args.arousal)?),
    ];
    let number = |at: usize| match axes[at].1 {
        Some(Control::Constant(number)) => Some(number),
        _ => None,
    };
    let words = words(args)?;
    emotion(EmotionParts {
        valence: number(0).or(words.valence),
        arousal: number(1).or(words.arousal),
        curve: curve_of(args, &axes)?,
        ..words
    })
}

/// That of the file, or those of the two axes as one.
fn curve_of(
    args: &EmotionArgs,
    axes: &[(Channel, Option<Control>)],
) -> Result<Option<Curve>, Failure> {
    let from_file = curve_of_file(args)?;
    let mut joined: Option<Curve> = None;
    for (channel, axis) in axes {
        if let (Some(curve), Some(_)) = (&from_file, axis) {
            check_beside_file(curve, *channel)?;
        }
        let Some(Control::Curve(curve)) = axis else {
            continue;
        };
        if from_file.is_some() {
            return Err(two_curves(*channel));
        }
        joined = Some(match &joined {
            Some(other) => join(other, curve)?,
            None => curve.clone(),
        });
    }
    Ok(from_file.or(joined))
}

/// Two curves over the same unit that name different channels, as one.
fn join(one: &Curve, other: &Curve) -> Result<Curve, Failure> {
    let mut keys: Vec<Key> = one.keys().to_vec();
    for key in other.keys() {
        match keys.iter_mut().find(|earlier| earlier.at == key.at) {
            Some(earlier) => {
                // Nothing is left from a last key, so that its easing says nothing.
                if earlier.at == one.end() {
                    earlier.ease = key.ease;
                } else if key.at != other.end() && earlier.ease != key.ease {
                    return Err(Failure::usage(
                        format!("the curves leave {} in two ways", key.at),
                        "give both the same easing there",
                    ));
                }
                for channel in Channel::ALL {
                    if let Some(value) = key.get(channel) {
                        *earlier = earlier.clone().with(channel, value);
                    }
                }
            }
            None => keys.push(key.clone()),
        }
    }
    keys.sort_by(|a, b| a.at.total_cmp(&b.at));
    Curve::new(one.unit(), one.fps(), keys).map_err(|error| wrong_argument(&error))
}
