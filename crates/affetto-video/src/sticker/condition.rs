//! What a request for a sticker may say.

use std::path::PathBuf;

use affetto_core::{Rng, Seed};
use affetto_emotion::{Emotion, FrameRate, Label, Mixture, Taxonomy, TimeBase, Unit, Vad};
use affetto_media::sticker::export::Preset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    data::{EMOTION_NAMES, EMOTIONS},
    latents::Wish,
    statistics::Statistics,
};
use crate::{Result, error::within};

/// The shortest sticker, in seconds.
pub const SHORTEST_SECS: f64 = 0.5;
/// The longest sticker, in seconds.
pub const LONGEST_SECS: f64 = 120.0;
/// The longest that is made at once; longer ones are made of overlapping stretches.
pub const LONGEST_AT_ONCE_SECS: f64 = 6.0;
/// The most steps.
pub const MOST_STEPS: usize = 200;
/// The most frames a second.
pub const MOST_FPS: u32 = 120;

/// A request for a sticker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StickerRequest {
    /// The noise is drawn from it, and what the emotion leaves open.
    pub seed: Seed,
    /// The emotion; where it moves, its curve is over the seconds of the sticker.
    pub emotion: Emotion,
    /// How long it is, in seconds, 0.5..=120.
    pub length_secs: f64,
    /// Frames a second, 4..=120.
    pub fps: u32,
    /// Whether the first frame follows the last.
    pub looping: bool,
    /// How much it moves, in deviations from what is usual, -3..=3; as the arousal asks where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
    /// Whether there are tears, sweat, blush, steam, hearts, sparkles or sleep; as it comes where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extras: Option<bool>,
    /// Steps from noise to motion, 1..=200.
    pub steps: usize,
    /// How far the model is guided towards the emotion, 0..=10; 1 is as learned.
    pub emotion_guidance: f64,
    /// The most that are drawn until one is read as what is asked, 1..=32; where none is, the nearest is kept.
    pub candidates: usize,
    /// The character, one of the program's own.
    pub character: String,
    /// The user's own character in its stead, an SVG file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_file: Option<PathBuf>,
    /// A take that is varied instead of drawing one from nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation_of: Option<PathBuf>,
    /// How much of that take is let go, above 0 (nearly nothing) to 1 (all).
    pub variation: f64,
    /// Width and height of pictures in pixels, 16..=2048.
    pub size: u32,
    /// How far the emotion colours the character, 0..=1.
    pub tint: f64,
    /// The width of a white edge around the figure, in 1/512 of the picture, 0..=40.
    pub outline: f64,
    /// What is behind the figure where a format has no transparency: red, green, blue.
    pub background: [u8; 3],
    /// The platform whose limits its files keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Preset>,
    /// The model, by its id; the only one where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Default for StickerRequest {
    fn default() -> Self {
        Self {
            seed: Seed::default(),
            emotion: Emotion::NEUTRAL,
            length_secs: 2.0,
            fps: 24,
            looping: true,
            energy: None,
            extras: None,
            steps: 8,
            emotion_guidance: 3.0,
            candidates: 4,
            character: "peach".into(),
            character_file: None,
            variation_of: None,
            variation: 0.6,
            size: 512,
            tint: 0.6,
            outline: 0.0,
            background: [255; 3],
            platform: None,
            model: None,
        }
    }
}

impl StickerRequest {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for the first that is outside.
    pub fn check(&self) -> Result<()> {
        within("length_secs", self.length_secs, SHORTEST_SECS, LONGEST_SECS)?;
        within("fps", f64::from(self.fps), 4.0, f64::from(MOST_FPS))?;
        within("steps", self.steps as f64, 1.0, MOST_STEPS as f64)?;
        within("energy", self.energy.unwrap_or(0.0), -3.0, 3.0)?;
        within("emotion_guidance", self.emotion_guidance, 0.0, 10.0)?;
        within("candidates", self.candidates as f64, 1.0, 32.0)?;
        within("variation", self.variation, 0.001, 1.0)?;
        within("size", f64::from(self.size), 16.0, 2048.0)?;
        within("tint", self.tint, 0.0, 1.0)?;
        within("outline", self.outline, 0.0, 40.0)
    }

    /// How many frames it has.
    pub fn frames(&self) -> usize {
        ((self.length_secs * f64::from(self.fps)).round() as usize).max(2)
    }

    /// The emotion at a moment.
    pub fn emotion_at(&self, seconds: f64) -> Emotion {
        let Ok(base) = TimeBase::new(0.5, 4.0, FrameRate::from_integer(self.fps.max(1))) else {
            return self.emotion.clone();
        };
        self.emotion.at(seconds, Unit::Seconds, &base)
    }

    /// What the model is told of a stretch of `length_secs` around a moment. What words leave open (how pleasant, how
    /// awake, how lively one joy is) is drawn as the clips of that emotion have it, from the request's seed.
    pub fn wish(
        &self,
        at_secs: f64,
        length_secs: f64,
        looping: bool,
        statistics: &Statistics,
    ) -> Wish {
        let emotion = self.emotion_at(at_secs);
        let intensity = emotion.intensity() as f32;
        let mut rng = self.seed.derive("wish").rng();
        let mixture = mikels(&emotion);
        let [valence, arousal] = full_point(&emotion, mixture.as_ref(), statistics, &mut rng);
        let drawn = 0.35 * rng.normal() as f32;
        let usual = statistics.scales.usual_energy(arousal, intensity);
        let is_said = mixture.is_none() || emotion.curve().is_some();
        Wish {
            mixture,
            valence: Some(valence * intensity),
            arousal: Some(arousal * intensity),
            intensity: (mixture.is_some() || intensity < 1.0).then_some(intensity),
            energy: Some(
                self.energy
                    .map_or(usual + if is_said { 0.0 } else { drawn }, |energy| {
                        energy as f32
                    }),
            ),
            length_secs: Some(length_secs as f32),
            looping: Some(looping),
            extras: self.extras,
        }
    }
}

/// An emotion's words as weights of Mikels' eight: their own, else what is near them (joy is amusement, excitement and
/// contentment). Nothing where there are no words, or none that is far enough from neutral.
pub fn mikels(emotion: &Emotion) -> Option<[f32; EMOTIONS]> {
    let mut weights = [0.0; EMOTIONS];
    for (label, weight) in emotion.mixture()?.parts() {
        let places = places_of(*label);
        let sums = weights.iter_mut().zip(places);
        sums.for_each(|(sum, share)| *sum += *weight as f32 * share);
    }
    let total: f32 = weights.iter().sum();
    (total > 0.0).then(|| weights.map(|weight| weight / total))
}

/// One word as weights of Mikels' eight, all 0 where it stands for none.
fn places_of(label: Label) -> [f32; EMOTIONS] {
    if let Some(image) = label.image(Taxonomy::Mikels) {
        return own_weights(&image);
    }
    // Mikels' awe is half surprise; what is only surprise has no nearer word there.
    let ekman = label.image(Taxonomy::Ekman);
    match ekman.is_some_and(|image| image.strongest().name() == "surprise") {
        true => EMOTION_NAMES.map(|name| f32::from(u8::from(name == "awe"))),
        false => near(label.vad()),
    }
}

fn own_weights(mixture: &Mixture) -> [f32; EMOTIONS] {
    let weight = |name: &str| {
        let label = Taxonomy::Mikels.resolve(name).ok()?;
        Some(mixture.weight(label) as f32)
    };
    EMOTION_NAMES.map(|name| weight(name).unwrap_or(0.0))
}

/// How near emotions must be to stand for each other, in valence, arousal and dominance.
const NEAR: f64 = 0.25;
/// A point nearer to neutral than this stands for none of the eight.
const NEUTRAL: f64 = 0.15;

/// Those of Mikels' eight that are as pleasant or unpleasant as a point, by their distance from it.
fn near(point: Vad) -> [f32; EMOTIONS] {
    let own = point.to_array();
    let length = |numbers: [f64; 3]| numbers.iter().map(|x| x * x).sum::<f64>();
    if length([own[0], own[1], 0.0]) < NEUTRAL * NEUTRAL {
        return [0.0; EMOTIONS];
    }
    let share = |name: &str| {
        let vad = Taxonomy::Mikels.resolve(name).ok()?.vad().to_array();
        let apart = length(std::array::from_fn(|axis| vad[axis] - own[axis]));
        let fits = vad[0] * own[0] > 0.0;
        fits.then(|| libm::exp(-apart / (2.0 * NEAR * NEAR)) as f32)
    };
    let shares = EMOTION_NAMES.map(|name| share(name).unwrap_or(0.0));
    let total: f32 = shares.iter().sum();
    match total > 0.0 {
        true => shares.map(|share| share / total),
        false => shares,
    }
}

/// Valence and arousal at full intensity: as said, else as clips of such an emotion have them.
fn full_point(
    emotion: &Emotion,
    mixture: Option<&[f32; EMOTIONS]>,
    statistics: &Statistics,
    rng: &mut Rng,
) -> [f32; 2] {
    let draws = [rng.normal(), rng.normal()].map(|draw| 0.6 * draw.clamp(-2.0, 2.0) as f32);
    let full = emotion.full_vad();
    let said = [Vad::valence, Vad::arousal].map(|axis| {
        let of_words = emotion.mixture().map(|words| axis(words.vad()));
        let is_said = of_words.is_none_or(|of_words| (of_words - axis(full)).abs() > 1e-9);
        (is_said || mixture.is_none()).then_some(axis(full) as f32)
    });
    let usual = |of: [f32; 2], draw: f32| of[0] + draw * of[1];
    let mut point = [0.0; 2];
    for (weight, of) in mixture.into_iter().flatten().zip(&statistics.emotions) {
        point[0] += weight * usual(of.valence, draws[0]);
        point[1] += weight * usual(of.arousal, draws[1]);
    }
    std::array::from_fn(|axis| said[axis].unwrap_or(point[axis]).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::{
        data::{Clip, tests::invented},
        latents::Scales,
    };

    fn statistics() -> Statistics {
        let clips = invented(20);
        let clips: Vec<&Clip> = clips.iter().collect();
        Statistics::of(&clips, Scales::of(&clips))
    }

    fn wish(emotion: &str, seed: u64) -> Wish {
        let request = StickerRequest {
            emotion: Emotion::parse(emotion).unwrap(),
            seed: Seed(seed),
            ..StickerRequest::default()
        };
        request.check().unwrap();
        request.wish(1.0, 2.0, true, &statistics())
    }

    #[test]
    fn words_are_brought_to_mikels_eight() {
        let sad = wish("sadness", 1).mixture.unwrap();
        assert_eq!(sad[7], 1.0);
        let joy = wish("joy", 1).mixture.unwrap();
        assert!(
            (joy.iter().sum::<f32>() - 1.0).abs() < 1e-5 && joy[..4].iter().sum::<f32>() > 0.99,
            "{joy:?}"
        );
        assert!(
            joy.iter().sum::<f32>() < 1.0 + 1e-5 && joy[3] > 0.1,
            "{joy:?}"
        );
        let half = wish("sadness:0.5", 1);
        assert_eq!(half.intensity, Some(0.5));
        assert!(half.valence.unwrap() > wish("sadness", 1).valence.unwrap());
        assert_eq!(wish("surprise", 1).mixture.unwrap()[1], 1.0);
        assert_eq!(wish("neutral", 1).mixture, None);
    }

    #[test]
    fn numbers_go_before_what_is_drawn() {
        let parts = affetto_emotion::EmotionParts {
            mixture: Some(affetto_emotion::Mixture::parse("sadness").unwrap()),
            arousal: Some(0.9),
            ..Default::default()
        };
        let request = |seed| StickerRequest {
            emotion: Emotion::try_from(parts.clone()).unwrap(),
            seed: Seed(seed),
            ..StickerRequest::default()
        };
        let (one, two) = (request(1), request(2));
        let statistics = statistics();
        let [one, two] = [one, two].map(|request| request.wish(1.0, 2.0, true, &statistics));
        assert_eq!([one.arousal, two.arousal], [Some(0.9); 2]);
        assert_ne!(one.energy, two.energy);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (length_secs, steps, energy) in [
            (0.1, 8, 0.0),
            (500.0, 8, 0.0),
            (2.0, 0, 0.0),
            (2.0, 8, 9.0),
            (f64::NAN, 8, 0.0),
        ] {
            let request = StickerRequest {
                length_secs,
                steps,
                energy: Some(energy),
                ..StickerRequest::default()
            };
            assert!(request.check().is_err(), "{length_secs} {steps} {energy}");
        }
        assert!(serde_json::from_str::<StickerRequest>("{\"lenght_secs\": 2}").is_err());
    }
}
