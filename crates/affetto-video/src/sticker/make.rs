//! A sticker's motion as a take of the rig, with what was measured on it.

use affetto_core::Progress;
use affetto_emotion::{Emotion, FrameRate, frames_per_second};
use affetto_media::sticker::{CHANNELS, Channel, Pose, StickerTake};

use super::{
    basis::{SOURCE, SourceFrame},
    condition::{StickerRequest, mikels},
    data::{EMOTION_NAMES, EMOTIONS},
    generate::{generate, vary},
    measure::{StickerMeasured, measure},
    model::StickerModel,
    statistics::Statistics,
};
use crate::{Error, Result};

/// The tracks and the rig have the same channels in the same order.
const _: () = assert!(CHANNELS == SOURCE.len());

/// A take and what was measured on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sticker {
    /// How the character moves.
    pub take: StickerTake,
    /// What is in it.
    pub measured: StickerMeasured,
}

/// Makes the sticker that `request` asks for: the same request and model give the same take, whatever the number of threads.
///
/// A still emotion that is not faint can be read from a face. Where that of the first seed is read as another, its mouth
/// tells the contrary (waves on a pleasant face too), or it has no mouth (some clips cover it with what the rig has not), others are drawn,
/// `request.candidates` at the most; the first that fits is kept, or else the nearest.
///
/// # Errors
/// As [`generate`].
pub fn make(
    request: &StickerRequest,
    model: &StickerModel,
    progress: &dyn Progress,
) -> Result<Sticker> {
    let mut best: Option<(f64, Sticker)> = None;
    for number in 0..request.candidates.max(1) {
        let seed = match number {
            0 => request.seed,
            number => request.seed.derive(&format!("candidate {number}")),
        };
        let own = StickerRequest {
            seed,
            ..request.clone()
        };
        let sticker = finish(generate(&own, model, progress)?, request, model)?;
        let fit = fit(&request.emotion, &sticker);
        if best.as_ref().is_none_or(|(most, _)| fit > *most) {
            best = Some((fit, sticker));
        }
        if fit >= FITS {
            break;
        }
    }
    Ok(best.expect("one is drawn at least").1)
}

/// From this share on a face is read as what is asked.
const FITS: f64 = 0.5;
/// Fainter emotions are not read.
const LEAST_INTENSITY: f64 = 0.5;
/// A mouth whose corners are so far up, or down, is a smile, or none, in head radii.
const CLEAR_MOUTH: f64 = 0.1;

/// The depth of waves from which on a mouth is drawn as a wave, in head radii; in so many frames at most it may be so on a
/// pleasant face.
const WAVY: (f32, f64) = (0.02, 0.1);

/// What is left of a reading where the mouth is wrong: always less than [`FITS`].
const SPOILT: f64 = 0.4;

/// How much of what is asked is seen, 0 to 1; below [`FITS`] where the mouth tells the contrary or is not there.
fn fit(emotion: &Emotion, Sticker { take, measured }: &Sticker) -> f64 {
    let share = |of: &dyn Fn(&Pose) -> bool| {
        take.frames.iter().filter(|pose| of(pose)).count() as f64 / take.frames.len() as f64
    };
    let is_there = share(&|pose| pose[Channel::MouthVis] > 0.5) > 0.5;
    let faint = emotion.intensity() < LEAST_INTENSITY || emotion.curve().is_some();
    let found = match mikels(emotion).filter(|_| !faint) {
        Some(asked) => read(&asked, measured),
        None => 1.0,
    };
    let valence = emotion.full_vad().valence();
    let is_wavy = share(&|pose| pose[Channel::MouthWave] > WAVY.0) > WAVY.1;
    let contrary =
        measured.mouth_lift * valence.signum() < -CLEAR_MOUTH || valence > 0.0 && is_wavy;
    match is_there && (faint || !contrary) {
        true => found,
        false => SPOILT * found,
    }
}

/// How much of the emotions that are asked for is read.
fn read(asked: &[f32; EMOTIONS], measured: &StickerMeasured) -> f64 {
    let named = EMOTION_NAMES.into_iter().zip(*asked);
    named
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(name, _)| measured.emotion.get(name).copied().unwrap_or_default())
        .sum()
}

/// Makes a variation of `take`: noised to `level`, above 0 (near it) to 1 (nothing of it is left), and made anew towards what
/// `request` asks, whose length, rate and loop the result has.
///
/// # Errors
/// As [`vary`]; where `take` breaks a rule.
pub fn variation_of(
    take: &StickerTake,
    level: f64,
    request: &StickerRequest,
    model: &StickerModel,
    progress: &dyn Progress,
) -> Result<Sticker> {
    take.check(&affetto_media::Limits::DEFAULT)?;
    finish(
        vary(&frames(take), level, request, model, progress)?,
        request,
        model,
    )
}

fn finish(
    frames: Vec<SourceFrame>,
    request: &StickerRequest,
    model: &StickerModel,
) -> Result<Sticker> {
    let poses = frames.into_iter().map(Pose).collect();
    let take = StickerTake::clamped(FrameRate::from_integer(request.fps), request.looping, poses)?;
    let measured = measured(&take, model.statistics())?;
    Ok(Sticker { take, measured })
}

/// Measures any take, one that was not made here too.
///
/// # Errors
/// [`Error::Config`] where it has fewer than two frames.
pub fn measured(take: &StickerTake, statistics: &Statistics) -> Result<StickerMeasured> {
    if take.frames.len() < 2 {
        return Err(Error::Config {
            name: "frames",
            value: take.frames.len().to_string(),
            permitted: "2 or more".into(),
        });
    }
    let seconds = take.frames.len() as f64 / frames_per_second(take.rate);
    Ok(StickerMeasured {
        extras: !take.extras().is_empty(),
        ..measure(&frames(take), take.loops, seconds, statistics)
    })
}

fn frames(take: &StickerTake) -> Vec<SourceFrame> {
    take.frames.iter().map(|pose| pose.0).collect()
}

#[cfg(test)]
mod tests {
    use affetto_core::{Seed, Silent};
    use affetto_emotion::{Channel as Lane, Curve, Unit};
    use affetto_nn::weights::Weights;
    use candle_core::Device;

    use super::*;
    use crate::sticker::{
        data::{Clip, tests::invented},
        latents::Scales,
        model::Saved,
        network::{Config, Network},
    };

    /// A network of fresh weights.
    fn model() -> StickerModel {
        let clips = invented(12);
        let clips: Vec<&Clip> = clips.iter().collect();
        let statistics = Statistics::of(&clips, Scales::of(&clips));
        let weights = Weights::drawn(Seed(2), &Device::Cpu);
        Network::new(&Config::tiny(), &statistics.scales, &weights.root()).unwrap();
        StickerModel::of(Saved {
            config: Config::tiny(),
            statistics,
            weights: weights.export().unwrap(),
        })
        .unwrap()
    }

    fn request() -> StickerRequest {
        StickerRequest {
            seed: Seed(3),
            emotion: Emotion::parse("sadness").unwrap(),
            steps: 4,
            ..StickerRequest::default()
        }
    }

    /// The largest change between two frames.
    fn change(one: &Pose, two: &Pose) -> f32 {
        one.0
            .iter()
            .zip(two.0)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn channels_have_the_names_of_the_rig() {
        assert_eq!(Channel::ALL.map(Channel::name), SOURCE);
    }

    #[test]
    fn the_same_request_gives_the_same_take_and_another_seed_another() {
        let model = model();
        let one = make(&request(), &model, &Silent).unwrap();
        assert_eq!(one, make(&request(), &model, &Silent).unwrap());
        assert_eq!(one.take.frames.len(), 48);
        assert!(one.take.loops);
        let other = StickerRequest {
            seed: Seed(4),
            ..request()
        };
        assert_ne!(one.take, make(&other, &model, &Silent).unwrap().take);
    }

    /// What is read, with a mouth, against what is asked.
    #[test]
    fn what_fits_by_hand() {
        let drawn = make(&request(), &model(), &Silent).unwrap();
        let of = |word: &str, mouth_lift: f64, mouth: f32| {
            let mut sticker = drawn.clone();
            sticker.measured.emotion = [(word.to_owned(), 0.9)].into();
            sticker.measured.mouth_lift = mouth_lift;
            for pose in &mut sticker.take.frames {
                pose[Channel::MouthVis] = mouth;
                pose[Channel::MouthWave] = 0.0;
            }
            sticker
        };
        let waving = |word: &str| {
            let mut sticker = of(word, 0.0, 1.0);
            for pose in &mut sticker.take.frames {
                pose[Channel::MouthWave] = 0.05;
            }
            sticker
        };
        for (asked, seen, fits) in [
            ("awe", of("awe", 0.0, 1.0), 0.9),
            ("awe", of("awe", -0.2, 1.0), 0.36),
            ("sadness", of("sadness", -0.2, 1.0), 0.9),
            ("sadness", of("sadness", 0.2, 1.0), 0.36),
            ("anger", of("anger", 0.0, 0.0), 0.36),
            ("awe", of("fear", 0.0, 1.0), 0.0),
            ("awe:0.5,fear:0.5", of("fear", 0.0, 1.0), 0.9),
            ("awe:0.2", of("fear", -0.2, 1.0), 1.0),
            ("awe:0.2", of("fear", 0.0, 0.0), 0.4),
            ("contentment", waving("contentment"), 0.36),
            ("disgust", waving("disgust"), 0.9),
        ] {
            let found = fit(&Emotion::parse(asked).unwrap(), &seen);
            assert!((found - fits).abs() < 1e-9, "{asked}: {found}, not {fits}");
        }
    }

    #[test]
    fn the_nearest_of_some_is_kept() {
        let model = model();
        let drawn = |candidates| {
            let request = StickerRequest {
                candidates,
                ..request()
            };
            let made = make(&request, &model, &Silent).unwrap();
            fit(&request.emotion, &made)
        };
        let fits: Vec<f64> = (1..=6).map(drawn).collect();
        assert!(fits.is_sorted(), "{fits:?}");
    }

    /// More frames a second are more frames of the same motion.
    #[test]
    fn a_rate_changes_the_frames_and_not_the_motion() {
        let model = model();
        let slow = make(&request(), &model, &Silent).unwrap().take;
        let fast = StickerRequest {
            fps: 48,
            ..request()
        };
        let fast = make(&fast, &model, &Silent).unwrap().take;
        assert_eq!(fast.frames.len(), 2 * slow.frames.len());
        assert!(change(&fast.frames[20], &slow.frames[10]) < 1e-5);
    }

    /// Long stickers and those of a moving emotion are made of stretches: loops close, nothing jumps where stretches meet.
    #[test]
    fn stretches_join() {
        let model = model();
        let curve = Curve::parse(Lane::Valence, Unit::Seconds, None, "0:-1, 5:1").unwrap();
        for (looping, emotion, length_secs) in [
            (true, request().emotion, 13.0),
            (false, Emotion::from(curve), 5.0),
            (false, request().emotion, 3.0),
        ] {
            let request = StickerRequest {
                looping,
                emotion,
                length_secs,
                ..request()
            };
            let frames = make(&request, &model, &Silent).unwrap().take.frames;
            assert_eq!(frames.len(), (length_secs * 24.0) as usize);
            let mut changes: Vec<f32> = frames
                .windows(2)
                .map(|pair| change(&pair[0], &pair[1]))
                .collect();
            changes.sort_by(f32::total_cmp);
            let largest = changes[changes.len() - 1];
            if looping {
                assert!(change(&frames[frames.len() - 1], &frames[0]) <= largest);
            }
            assert!(largest < 0.8, "{largest}");
        }
    }

    /// At a low level a variation is near its take, at 1 it is another.
    #[test]
    fn a_variation_is_nearer_at_a_lower_level() {
        let model = model();
        let take = make(&request(), &model, &Silent).unwrap().take;
        let other = StickerRequest {
            seed: Seed(9),
            ..request()
        };
        let apart = |level: f64| {
            let varied = variation_of(&take, level, &other, &model, &Silent)
                .unwrap()
                .take;
            let changes = varied
                .frames
                .iter()
                .zip(&take.frames)
                .map(|(one, two)| change(one, two));
            changes.sum::<f32>()
        };
        let (near, far) = (apart(0.02), apart(1.0));
        assert!(near < 0.7 * far, "{near} {far}");
        assert!(variation_of(&take, 0.0, &other, &model, &Silent).is_err());
        assert!(variation_of(&take, f64::NAN, &other, &model, &Silent).is_err());
    }
}
