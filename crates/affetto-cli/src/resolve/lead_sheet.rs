//! From the flags of `music lead-sheet` to a request.

use affetto::{
    Control, Emotion, EmotionParts, LeadSheetRequest, Seed, ValenceClass,
    emotion::{Channel, Curve, Unit},
    media::Quarters,
};

use super::emotion::{
    check_beside_file, control, curve, curve_of_file, emotion, exclude, two_curves, words,
};
use crate::{args::LeadSheet, failure::Failure};

/// The request of the flags.
pub fn request(args: &LeadSheet) -> Result<LeadSheetRequest, Failure> {
    let defaults = LeadSheetRequest::default();
    let valence = args.emotion.valence.as_deref().map(valence).transpose()?;
    let arousal = args
        .emotion
        .arousal
        .as_deref()
        .map(|text| control(Channel::Arousal, Unit::Bars, text));
    let arousal = arousal.transpose()?;
    let pickup = args.pickup.as_deref().map(pickup).transpose()?;
    Ok(LeadSheetRequest {
        seed: Seed(args.model.seed),
        title: args.files.title.clone(),
        emotion: emotion_of(args, valence.as_ref(), arousal.as_ref())?,
        // A number is part of the emotion, unless it stands beside a curve, whose words would have their own.
        arousal: arousal
            .filter(|arousal| matches!(arousal, Control::Curve(_)) || args.emotion.curve.is_some()),
        pin_valence: args.pin,
        valence_levels: match valence {
            Some(Valence::Levels(classes)) => {
                Some(classes.into_iter().map(ValenceClass::number).collect())
            }
            _ => None,
        },
        bars: args.bars,
        meter: args.meter,
        pickup,
        key: args.key,
        tempo_bpm: args.tempo,
        range: args.range,
        density: args
            .density
            .as_deref()
            .map(|text| control(Channel::Density, Unit::Bars, text))
            .transpose()?,
        tension: args
            .tension
            .as_deref()
            .map(|text| control(Channel::Tension, Unit::Bars, text))
            .transpose()?,
        style: args.style,
        form: args.form.clone(),
        keep: args.keep.clone(),
        chords: args.chords.clone(),
        continue_from: args.given.continue_from.clone(),
        fill: args.given.fill,
        fill_in: args.given.fill_in.clone(),
        accompaniment: args.accompaniment,
        humanize: args.humanize,
        model: args.model.model.clone(),
        candidates: args.model.candidates.unwrap_or(defaults.candidates),
        temperature: args.model.temperature.unwrap_or(defaults.temperature),
        top_p: args.model.top_p.unwrap_or(defaults.top_p),
    })
}

/// What `--valence` says.
enum Valence {
    Number(f64),
    Levels(Vec<ValenceClass>),
    Curve(Curve),
}

fn valence(text: &str) -> Result<Valence, Failure> {
    if text.contains(':') {
        return Ok(Valence::Curve(curve(Channel::Valence, Unit::Bars, text)?));
    }
    if let Ok(number) = text.trim().parse() {
        return Ok(Valence::Number(number));
    }
    let levels = text.split(',').map(level).collect::<Option<Vec<_>>>();
    levels.map(Valence::Levels).ok_or_else(|| {
        let names = ValenceClass::ALL.map(valence_name).join(", ");
        Failure::usage(
            format!("--valence is {text:?}"),
            format!(
                "give a number from -1 to 1, a curve such as \"0:-0.8, 8:0.2\", or levels: {names}"
            ),
        )
    })
}

fn level(word: &str) -> Option<ValenceClass> {
    let word = word.trim().to_ascii_lowercase();
    ValenceClass::ALL
        .into_iter()
        .find(|class| valence_name(*class) == word)
}

const fn valence_name(class: ValenceClass) -> &'static str {
    match class {
        ValenceClass::VeryLow => "very-low",
        ValenceClass::Low => "low",
        ValenceClass::Neutral => "neutral",
        ValenceClass::High => "high",
        ValenceClass::VeryHigh => "very-high",
    }
}

fn pickup(text: &str) -> Result<Quarters, Failure> {
    let decimal = |text: &str| {
        let sixteenths = text.parse::<f64>().ok()? * 16.0;
        (sixteenths.fract() == 0.0 && sixteenths.abs() < 1e6)
            .then(|| Quarters::new(sixteenths as i64, 16))
    };
    let fraction = |text: &str| {
        let (over, under) = text.split_once('/')?;
        let (over, under): (i32, i32) = (over.trim().parse().ok()?, under.trim().parse().ok()?);
        (under > 0).then(|| Quarters::new(over.into(), under.into()))
    };
    let found = fraction(text).or_else(|| decimal(text));
    found.ok_or_else(|| {
        Failure::usage(
            format!("--pickup is {text:?}"),
            "give quarter notes, such as 1 or 1/2",
        )
    })
}

/// Words, numbers and curves together. Numbers go before the words; a curve of `--valence` or of levels gives the
/// whole its mean, by which the key and the rest are chosen.
fn emotion_of(
    args: &LeadSheet,
    valence: Option<&Valence>,
    arousal: Option<&Control>,
) -> Result<Emotion, Failure> {
    let words = words(&args.emotion)?;
    let named = match valence {
        Some(Valence::Number(number)) => Some(*number),
        Some(Valence::Levels(classes)) => Some(mean(classes.iter().map(|class| middle(*class)))),
        Some(Valence::Curve(curve)) => Some(mean_over_bars(curve, args.bars.unwrap_or(16))),
        None => None,
    };
    emotion(EmotionParts {
        valence: named.or(words.valence),
        arousal: match arousal {
            Some(Control::Constant(number)) => Some(*number),
            _ => words.arousal,
        },
        curve: emotion_curve(args, valence)?,
        ..words
    })
}

/// That of the file or that of `--valence`. Arousal has a field of its own, which goes before words of the file.
fn emotion_curve(args: &LeadSheet, valence: Option<&Valence>) -> Result<Option<Curve>, Failure> {
    let typed = match valence {
        Some(Valence::Curve(curve)) => Some(curve.clone()),
        _ => None,
    };
    let Some(curve) = curve_of_file(&args.emotion)? else {
        return Ok(typed);
    };
    if curve.names(Channel::Arousal) && args.emotion.arousal.is_some() {
        return Err(exclude(Channel::Arousal, Channel::Arousal.name()));
    }
    if valence.is_some() {
        check_beside_file(&curve, Channel::Valence)?;
    }
    match typed {
        Some(_) => Err(two_curves(Channel::Valence)),
        None => Ok(Some(curve)),
    }
}

/// The middle of a class, as far as chords reach.
fn middle(class: ValenceClass) -> f64 {
    let (low, high) = class.range();
    (low + high) / 2.0
}

fn mean_over_bars(curve: &Curve, bars: usize) -> f64 {
    let at = |bar: usize| {
        curve
            .value(Channel::Valence, bar as f64 + 0.5)
            .unwrap_or(0.0)
    };
    mean((0..bars.clamp(1, 256)).map(at))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}
