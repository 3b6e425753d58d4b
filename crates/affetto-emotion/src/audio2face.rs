//! The emotions over time of NVIDIA Audio2Face-3D's run-time configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::{budget, options};

use crate::{
    Curve, Easing, Error, Key, Label, Mixture, Taxonomy, Unit, curve::check_count,
    error::shortened, strict, vad::in_range,
};

/// What is read of the configuration; the face and voice parameters are not.
#[derive(Deserialize)]
struct Config {
    emotion_with_timecode_list: BTreeMap<String, Entry>,
    #[serde(default)]
    beginning_emotion: BTreeMap<String, f64>,
    #[serde(default)]
    live_transition_time: f64,
    #[serde(default)]
    post_processing_parameters: PostProcessing,
}

/// An emotion from a time on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// In seconds.
    time_code: f64,
    /// Weights from 0 to 1.
    emotions: BTreeMap<String, f64>,
}

#[derive(Default, Deserialize)]
struct PostProcessing {
    emotion_strength: Option<f64>,
}

/// One emotion from a time on, checked.
#[derive(Clone)]
struct Step {
    at: f64,
    /// Nothing for neutral.
    mixture: Option<Mixture>,
    intensity: f64,
}

/// The longest transition, in seconds.
const LONGEST_TRANSITION: f64 = 3600.0;

pub(crate) fn read(text: &str) -> Result<Curve, Error> {
    let config = parse(text)?;
    check_count(config.emotion_with_timecode_list.len())?;
    let strength = config
        .post_processing_parameters
        .emotion_strength
        .unwrap_or(1.0);
    let strength = in_range("emotion_strength", strength, 0.0, 1.0)?;
    let transition = config.live_transition_time;
    let transition = in_range("live_transition_time", transition, 0.0, LONGEST_TRANSITION)?;
    let mut steps = steps(config.emotion_with_timecode_list, strength)?;
    if steps[0].at > 0.0 && !config.beginning_emotion.is_empty() {
        let beginning = step(0.0, &config.beginning_emotion, strength);
        let beginning = beginning.map_err(|error| error.in_key("beginning_emotion"))?;
        steps.insert(0, beginning);
    }
    Curve::new(Unit::Seconds, None, keys(&steps, transition))
}

/// Aliases and depth are limited, since a few lines of YAML can stand for gigabytes.
fn parse(text: &str) -> Result<Config, Error> {
    let options = options! {
        budget: budget! {
            max_depth: 16,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
            max_nodes: 250_000,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.to_string();
        let advice = ", set DuplicateKeyPolicy in Options if acceptable"; // not the user's to set
        Error::Yaml {
            message: shortened(message.replace(advice, "")),
        }
    })
}

/// The entries by time, which their names do not order.
fn steps(entries: BTreeMap<String, Entry>, strength: f64) -> Result<Vec<Step>, Error> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by(|(_, a), (_, b)| a.time_code.total_cmp(&b.time_code));
    let mut steps: Vec<Step> = Vec::new();
    for (name, entry) in entries {
        let step = step(entry.time_code, &entry.emotions, strength);
        let step = step.map_err(|error| error.in_key(&name))?;
        let previous = steps.last().map(|step| step.at);
        if let Some(previous) = previous.filter(|previous| *previous >= step.at) {
            return Err(Error::KeyOrder {
                at: step.at,
                previous,
            }
            .in_key(name));
        }
        steps.push(step);
    }
    Ok(steps)
}

fn step(at: f64, emotions: &BTreeMap<String, f64>, strength: f64) -> Result<Step, Error> {
    in_range("time_code", at, 0.0, 1e9)?;
    let parts: Result<Vec<(Label, f64)>, Error> = emotions.iter().map(weighted).collect();
    let parts = parts?;
    let sum: f64 = parts.iter().map(|(_, weight)| weight).sum();
    Ok(Step {
        at,
        mixture: Mixture::new(parts).ok(),
        intensity: sum.min(1.0) * strength,
    })
}

fn weighted((name, weight): (&String, &f64)) -> Result<(Label, f64), Error> {
    let label = Taxonomy::Audio2Face.exact(name);
    let label = label.ok_or_else(|| strict::unknown_field(name, Taxonomy::Audio2Face.labels()))?;
    Ok((label, in_range(name, *weight, 0.0, 1.0)?))
}

/// Each emotion begins to change at its time and is reached `transition` seconds later, or, if the
/// next one begins before, by then.
fn keys(steps: &[Step], transition: f64) -> Vec<Key> {
    let mut keys = vec![key(&steps[0], steps[0].at, Easing::Hold)];
    for (index, pair) in steps.windows(2).enumerate() {
        let (before, step) = (&pair[0], &pair[1]);
        let reached = step.at + transition;
        let next = steps.get(index + 2).map_or(f64::INFINITY, |next| next.at);
        if reached > step.at {
            keys.push(key(before, step.at, Easing::Linear));
        }
        if reached < next {
            keys.push(key(step, reached, Easing::Hold));
        }
    }
    keys
}

/// A neutral step names no mixture, only an intensity of 0.
fn key(step: &Step, at: f64, ease: Easing) -> Key {
    Key {
        mixture: step.mixture.clone(),
        intensity: Some(step.intensity),
        ease,
        ..Key::at(at)
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Hint;

    use super::*;

    const CONFIG: &str = "
face_parameters: {lowerFaceStrength: 1.2}
blendshape_parameters: {multipliers: {EyeBlinkLeft: 1.0}}
live_transition_time: 0.5
post_processing_parameters:
  emotion_contrast: 1.0
  emotion_strength: 0.5
  max_emotions: 3
emotion_with_timecode_list:
  emotion_with_timecode10:
    time_code: 4.0
    emotions: {grief: 1.0, outofbreath: 0.0}
  emotion_with_timecode2:
    time_code: 1.0
    emotions: {amazement: 0.3, joy: 0.3}
";

    /// The sum 0.6 times the strength 0.5 is 0.3; grief is half way at 4.25 and whole at 4.5.
    #[test]
    fn a_configuration_by_hand() {
        let curve = Curve::from_a2f_yaml(CONFIG).unwrap();
        assert_eq!(curve.unit(), Unit::Seconds);
        let first = curve.sample(2.0);
        assert_eq!(first.intensity, Some(0.3));
        let wanted = Mixture::parse("audio2face/amazement:0.5,audio2face/joy:0.5").unwrap();
        assert_eq!(first.mixture, Some(wanted));
        assert_eq!(curve.sample(4.25).intensity, Some(0.4));
        let last = curve.sample(4.5);
        assert_eq!(last.mixture.unwrap().to_string(), "audio2face/grief:1");
        assert_eq!(last.intensity, Some(0.5));
        assert_eq!(Curve::from_json(&curve.to_json()).unwrap(), curve);
    }

    #[test]
    fn without_a_transition_emotions_jump() {
        let text = CONFIG.replace("live_transition_time: 0.5", "");
        let curve = Curve::from_a2f_yaml(&text).unwrap();
        assert_eq!(curve.keys().len(), 2);
        assert_eq!(curve.sample(3.999).intensity, Some(0.3));
        assert_eq!(curve.sample(4.0).intensity, Some(0.5));
    }

    #[test]
    fn a_long_transition_ends_where_the_next_begins() {
        let text = CONFIG.replace("live_transition_time: 0.5", "live_transition_time: 9")
            + "  third:\n    time_code: 5.0\n    emotions: {}\n";
        let curve = Curve::from_a2f_yaml(&text).unwrap();
        let ats: Vec<f64> = curve.keys().iter().map(|key| key.at).collect();
        assert_eq!(ats, [1.0, 4.0, 5.0, 14.0]);
        assert_eq!(curve.sample(5.0).intensity, Some(0.5));
        assert_eq!(curve.sample(14.0).intensity, Some(0.0));
    }

    #[test]
    fn the_beginning_emotion_comes_first() {
        let text = format!("beginning_emotion: {{fear: 0.8}}\n{CONFIG}");
        let curve = Curve::from_a2f_yaml(&text).unwrap();
        assert_eq!(
            curve.sample(0.5).mixture.unwrap().strongest().name(),
            "fear"
        );
    }

    #[test]
    fn an_unknown_emotion_is_named_with_the_nearest() {
        let error = Curve::from_a2f_yaml(&CONFIG.replace("grief", "greif")).unwrap_err();
        let wanted = "key emotion_with_timecode10: unknown field \"greif\"";
        assert_eq!(error.to_string(), wanted);
        assert_eq!(error.hint().unwrap(), "did you mean grief?");
    }
}
