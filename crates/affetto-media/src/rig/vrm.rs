//! Expressions of VRM, and their animation as a VRMA file (`VRMC_vrm_animation` 1.0 of the VRM specification): a
//! binary glTF with a node for each expression, whose translation along x is the weight.

use std::collections::BTreeMap;

use affetto_emotion::FrameRate;
use gltf_json::{Index, Node, Scene, accessor::Type, animation::Property};
use serde::Deserialize;
use serde_json::json;

use super::{
    TakeFormat,
    glb::{Builder, Curve, Glb, add_channel, frame_times, named_rate, new_animation},
    gltf::channel,
};
use crate::{Error, Limits};

const EXTENSION: &str = "VRMC_vrm_animation";
const MODEL: [&str; 2] = ["VRMC_vrm", "VRM"]; // of VRM 1.0 and 0.x

/// A preset of VRM 1.0 that shows a feeling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expression {
    /// At rest.
    Neutral,
    /// `joy` in VRM 0.x.
    Happy,
    /// The same in VRM 0.x.
    Angry,
    /// `sorrow` in VRM 0.x.
    Sad,
    /// `fun` in VRM 0.x.
    Relaxed,
    /// New in VRM 1.0.
    Surprised,
}

impl Expression {
    /// Every expression.
    pub const ALL: [Self; 6] = [
        Self::Neutral,
        Self::Happy,
        Self::Angry,
        Self::Sad,
        Self::Relaxed,
        Self::Surprised,
    ];

    /// The name in VRM 1.0.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Happy => "happy",
            Self::Angry => "angry",
            Self::Sad => "sad",
            Self::Relaxed => "relaxed",
            Self::Surprised => "surprised",
        }
    }

    /// The expression of a name of VRM 1.0 or 0.x, whose letters may be large or small.
    pub fn named(name: &str) -> Option<Self> {
        let name = match name.to_ascii_lowercase().as_str() {
            "joy" => "happy",
            "sorrow" => "sad",
            "fun" => "relaxed",
            _ => name,
        };
        let same = |expression: &Self| expression.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same)
    }
}

/// How strong each expression is over time.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionTrack {
    /// Frames per second. VRM asks for about 30.
    pub rate: FrameRate,
    /// 0..=1 for each of [`Expression::ALL`], in their order.
    pub frames: Vec<[f64; 6]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    spec_version: String,
    #[serde(default)]
    expressions: Expressions,
}

#[derive(Default, Deserialize)]
struct Expressions {
    #[serde(default)]
    preset: BTreeMap<String, Target>,
}

#[derive(Deserialize)]
struct Target {
    node: u32,
}

/// Reads the presets of [`Expression`] in a VRMA file; other expressions and bones are left out. Weights outside 0..=1
/// are cut, as the specification asks.
///
/// # Errors
///
/// [`Error::MalformedTake`] for damage, for files without such expressions and for data outside of the file,
/// [`Error::Limit`] for more than `limits`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<ExpressionTrack, Error> {
    let glb = Glb::open(bytes, TakeFormat::Vrma, limits)?;
    let nodes = nodes(&glb)?;
    let animation = glb.root.animations.first();
    let animation = animation.ok_or_else(|| glb.malformed("animations", "there is none"))?;
    let mut curves: [Option<Curve>; 6] = Default::default();
    for (expression, node) in nodes {
        let channel = channel(animation, node as usize, Property::Translation);
        let curve = channel.map(|channel| glb.curve(animation, channel, (Type::Vec3, 1), limits));
        curves[expression as usize] = curve.transpose()?;
    }
    let moving = || curves.iter().flatten();
    let start = moving().map(Curve::start).reduce(f64::min);
    let end = moving().map(Curve::end).reduce(f64::max);
    let (Some((start, end)), Some(first)) = (start.zip(end), moving().next()) else {
        return Err(glb.malformed("animations", "no expression is animated"));
    };
    let rate = named_rate(animation).unwrap_or_else(|| first.rate());
    let weights = |time: f64| {
        let weight = |curve: &Curve| curve.at(time, rate)[0].clamp(0.0, 1.0);
        curves
            .each_ref()
            .map(|curve| curve.as_ref().map_or(0.0, weight))
    };
    Ok(ExpressionTrack {
        rate,
        frames: frame_times((start, end), rate, limits)?
            .map(weights)
            .collect(),
    })
}

/// The node of each expression that the file has.
fn nodes(glb: &Glb<'_>) -> Result<Vec<(Expression, u32)>, Error> {
    let extensions = glb.root.extensions.as_ref().map(|all| &all.others);
    let extension = |name: &str| extensions.and_then(|all| all.get(name));
    let place = format!("extension {EXTENSION}");
    let Some(found) = extension(EXTENSION) else {
        let is_model = MODEL.into_iter().any(|name| extension(name).is_some());
        let reason = match is_model {
            true => "a VRM model, not an animation",
            false => "it is missing",
        };
        return Err(glb.malformed(place, reason));
    };
    let found = Extension::deserialize(found).map_err(|error| {
        let reason: String = error.to_string().chars().take(200).collect();
        glb.malformed(&place, reason)
    })?;
    if !["1.0", "1.0-draft"].contains(&found.spec_version.as_str()) {
        let version: String = found.spec_version.chars().take(40).collect();
        return Err(glb.malformed(place, format!("version {version:?}, not \"1.0\"")));
    }
    let presets = found.expressions.preset.into_iter();
    let nodes = presets.filter_map(|(name, target)| Some((Expression::named(&name)?, target.node)));
    let nodes: Vec<_> = nodes.collect();
    match nodes.is_empty() {
        true => Err(glb.malformed(place, "no expression that shows a feeling")),
        false => Ok(nodes),
    }
}

/// Writes a VRMA file with all six expressions. It has no bones: players leave the body as it is.
///
/// # Errors
///
/// [`Error::UnsupportedTake`] for a track without frames or with weights outside 0..=1.
pub fn write(track: &ExpressionTrack) -> Result<Vec<u8>, Error> {
    let mut weights = track.frames.iter().flatten();
    let outside = weights.find(|weight| !(0.0..=1.0).contains(*weight));
    let what = match outside {
        Some(weight) => Some(format!("a weight of {weight}, outside 0..=1")),
        None => track.frames.is_empty().then(|| "no frames".into()),
    };
    if let Some(what) = what {
        let format = TakeFormat::Vrma;
        return Err(Error::UnsupportedTake { format, what });
    }
    let mut file = Builder::default();
    let mut animation = new_animation("expressions", track.rate);
    let times = file.times(track.frames.len(), track.rate);
    let mut presets = serde_json::Map::new();
    for (expression, node) in Expression::ALL.into_iter().zip(0..) {
        let weights = track.frames.iter().map(|frame| frame[expression as usize]);
        let translations: Vec<f32> = weights
            .flat_map(|weight| [weight as f32, 0.0, 0.0])
            .collect();
        let translations = file.floats(Type::Vec3, &translations);
        add_channel(
            &mut animation,
            node,
            Property::Translation,
            times,
            translations,
        );
        presets.insert(expression.name().into(), json!({ "node": node }));
        file.root.push(Node {
            name: Some(expression.name().into()),
            ..Node::default()
        });
    }
    file.root.animations = vec![animation];
    file.root.scenes = vec![Scene {
        extensions: None,
        extras: None,
        name: None,
        nodes: (0..Expression::ALL.len() as u32).map(Index::new).collect(),
    }];
    file.root.scene = Some(Index::new(0));
    file.root.extensions_used = vec![EXTENSION.into()];
    let extension = json!({"specVersion": "1.0", "expressions": {"preset": presets}});
    let extensions = file.root.extensions.get_or_insert_default();
    extensions.others.insert(EXTENSION.into(), extension);
    file.finish(TakeFormat::Vrma)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn track() -> ExpressionTrack {
        let frame = |at: u32| {
            let part = f64::from(at) / 8.0;
            [1.0 - part, part, 0.0, 0.25, part / 2.0, 1.0]
        };
        ExpressionTrack {
            rate: FrameRate::new(30_000, 1001),
            frames: (0..9).map(frame).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&track()).unwrap();
        assert_eq!(read(&bytes, &Limits::DEFAULT).unwrap(), track());
    }

    #[test]
    fn names_of_both_versions() {
        assert_eq!(Expression::named("joy"), Some(Expression::Happy));
        assert_eq!(Expression::named("Sorrow"), Some(Expression::Sad));
        assert_eq!(Expression::named("FUN"), Some(Expression::Relaxed));
        assert_eq!(Expression::named("blink"), None);
        for (at, expression) in Expression::ALL.into_iter().enumerate() {
            assert_eq!(Expression::named(expression.name()), Some(expression));
            assert_eq!(expression as usize, at);
        }
    }

    #[test]
    fn a_model_is_not_an_animation() {
        let mut file = Builder::default();
        let extensions = file.root.extensions.get_or_insert_default();
        extensions.others.insert("VRMC_vrm".into(), json!({}));
        let bytes = file.finish(TakeFormat::Vrma).unwrap();
        let error = read(&bytes, &Limits::DEFAULT).unwrap_err().to_string();
        assert!(error.contains("a VRM model, not an animation"), "{error}");
    }

    #[test]
    fn weights_are_parts_of_one() {
        let mut track = track();
        track.frames[3][2] = 1.5;
        let error = write(&track).unwrap_err().to_string();
        assert_eq!(
            error,
            "VRM animation cannot hold a weight of 1.5, outside 0..=1"
        );
    }
}
