//! From a request and noise to the motion of a sticker.

use affetto_core::{Progress, Seed, Stage};
use affetto_media::sticker::Channel;
use affetto_nn::diffusion::{Denoiser, Guidance, Schedule, Scheduler, Solver};
use candle_core::{Device, Tensor};

use super::{
    basis::{BASIS, Frame, Kind, OFF, Part, SourceFrame, WIDTH},
    condition::{LONGEST_AT_ONCE_SECS, StickerRequest},
    harmonics::{GRID, ROWS, Spectrum, phase},
    latents::{Scales, TOLD, Wish},
    measure::change,
    model::StickerModel,
    tracks::{Styles, channels, numbers},
};
use crate::{Error, Result};

/// Noise levels are moved towards noise by so much, where faces are decided.
const SHIFT: f64 = 1.5;
/// What a latent without noise stays below, in spreads.
const MOST_DEVIATIONS: f64 = 5.0;
/// A long sticker is made of stretches of about so many seconds ...
const STRETCH_SECS: f64 = 3.0;
/// ... or, where the emotion moves, of so many.
const MOVING_STRETCH_SECS: f64 = 1.6;
/// Each stretch is so many times as long as the way to the next.
const OVERLAP: f64 = 1.5;

/// A stretch of a sticker.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    /// Where it begins, in seconds; below 0 where it begins before the end of the loop.
    start_secs: f64,
    length_secs: f64,
}

/// How a sticker is put together.
#[derive(Clone, Debug)]
struct Plan {
    stretches: Vec<Stretch>,
    length_secs: f64,
    looping: bool,
}

impl Plan {
    fn of(request: &StickerRequest) -> Self {
        let (length, looping) = (request.length_secs, request.looping);
        let moves = request.emotion.curve().is_some();
        let stretch = if moves {
            MOVING_STRETCH_SECS
        } else {
            STRETCH_SECS
        };
        let at_once = if moves { stretch } else { LONGEST_AT_ONCE_SECS };
        let count = if length > at_once {
            (length * OVERLAP / stretch).ceil() as usize
        } else {
            1
        };
        let stretches = match (count, looping) {
            (1, _) => vec![Stretch {
                start_secs: 0.0,
                length_secs: length,
            }],
            (count, true) => {
                let way = length / count as f64;
                let of = |index: usize| Stretch {
                    start_secs: way * index as f64,
                    length_secs: way * OVERLAP,
                };
                (0..count).map(of).collect()
            }
            (count, false) => {
                let way = length / (count as f64 - 1.0 + OVERLAP);
                let of = |index: usize| Stretch {
                    start_secs: way * index as f64,
                    length_secs: way * OVERLAP,
                };
                (0..count).map(of).collect()
            }
        };
        Self {
            stretches,
            length_secs: length,
            looping,
        }
    }

    /// Whether the whole sticker is one stretch.
    fn is_one(&self) -> bool {
        self.stretches.len() == 1
    }

    /// What each stretch is to be.
    fn wishes(&self, request: &StickerRequest, model: &StickerModel) -> Vec<Wish> {
        let looping = self.is_one() && self.looping;
        let of = |stretch: &Stretch| {
            let middle = (stretch.start_secs + stretch.length_secs / 2.0) % self.length_secs;
            request.wish(middle, stretch.length_secs, looping, model.statistics())
        };
        self.stretches.iter().map(of).collect()
    }

    /// `count` frames of all stretches together, each fading into the next.
    fn together(&self, spectra: &[Spectrum], count: usize) -> Vec<Frame> {
        if let ([spectrum], true) = (spectra, self.is_one()) {
            return match self.looping {
                true => (0..count)
                    .map(|index| spectrum.at(index as f64 / count as f64))
                    .collect(),
                false => spectrum.frames(count, false),
            };
        }
        let at = |index: usize| {
            let seconds = self.length_secs * index as f64 / count as f64;
            let (mut frame, mut total) = ([0.0; WIDTH], 0.0);
            for (stretch, spectrum) in self.stretches.iter().zip(spectra) {
                let mut place = (seconds - stretch.start_secs) / stretch.length_secs;
                if self.looping {
                    place = (seconds - stretch.start_secs).rem_euclid(self.length_secs)
                        / stretch.length_secs;
                }
                if !(0.0..=1.0).contains(&place) {
                    continue;
                }
                let weight = (libm::sin(std::f64::consts::PI * place).powi(2) + 1e-3) as f32;
                let own = spectrum.at(place / 2.0);
                frame
                    .iter_mut()
                    .zip(own)
                    .for_each(|(sum, value)| *sum += weight * value);
                total += weight;
            }
            frame.map(|sum| sum / total.max(1e-6))
        };
        (0..count).map(at).collect()
    }

    /// The stretches as they are in frames of all together.
    fn apart(&self, frames: &[Frame]) -> Vec<Spectrum> {
        let count = frames.len();
        let at = |seconds: f64| -> Frame {
            let place = seconds / self.length_secs * count as f64;
            let (before, share) = (place.floor(), (place - place.floor()) as f32);
            let index = |offset: i64| {
                let index = before as i64 + offset;
                match self.looping {
                    true => index.rem_euclid(count as i64) as usize,
                    false => index.clamp(0, count as i64 - 1) as usize,
                }
            };
            let (one, two) = (&frames[index(0)], &frames[index(1)]);
            std::array::from_fn(|number| one[number] + (two[number] - one[number]) * share)
        };
        let of = |stretch: &Stretch| {
            let there_and_back: Vec<Frame> = (0..GRID)
                .map(|index| {
                    let place = 1.0 - (1.0 - 2.0 * phase(index, GRID)).abs();
                    at(stretch.start_secs + place * stretch.length_secs)
                })
                .collect();
            Spectrum::of(&there_and_back).even()
        };
        self.stretches.iter().map(of).collect()
    }
}

/// The frames that stretches are joined in while they are made, a second.
const JOINED_FPS: f64 = 24.0;

/// The noise of the pose is drawn so much wider than the network learned: stickers of one emotion are then more varied, and are
/// read as well (1.61 instead of 1.55 spreads, 56.2 % of 400 by the two-fold judge both times; what is put together from
/// clips without a model 1.56 and 38.0 %). That of the motion is not, since mouths then flicker.
const WIDER: f32 = 1.2;

/// Draws the motion that `request` asks for: frames of channels, `request.fps` of them a second.
///
/// # Errors
/// Where a number of the request is out of its range; [`Error::Cancelled`] where `progress` says so.
pub fn generate(
    request: &StickerRequest,
    model: &StickerModel,
    progress: &dyn Progress,
) -> Result<Vec<SourceFrame>> {
    request.check()?;
    let plan = Plan::of(request);
    let mut noise = noise(request.seed, plan.stretches.len());
    for pose in noise.chunks_exact_mut(ROWS * WIDTH) {
        pose[..WIDTH].iter_mut().for_each(|noise| *noise *= WIDER);
    }
    let latents = sample(request, model, &plan, noise, 1.0, progress)?;
    Ok(drawn(request, model, &plan, &latents))
}

/// Draws variations of a motion: it is noised to `level`, 0 (itself) to 1 (nothing of it is left), and noise is taken away
/// again as `request` asks. `frames` are those of the whole sticker; the result has the length and rate of the request.
///
/// # Errors
/// As [`generate`]; where `level` is not above 0 and at most 1, or there are no frames.
pub fn vary(
    frames: &[SourceFrame],
    level: f64,
    request: &StickerRequest,
    model: &StickerModel,
    progress: &dyn Progress,
) -> Result<Vec<SourceFrame>> {
    request.check()?;
    if !(level > 0.0 && level <= 1.0) || frames.is_empty() {
        return Err(Error::Config {
            name: "level",
            value: format!("{level} of {} frames", frames.len()),
            permitted: "above 0 and at most 1, of one frame or more".into(),
        });
    }
    let plan = Plan::of(request);
    let scales = &model.statistics().scales;
    let spectra = spectra(frames, &plan);
    let (kept, added) = ((1.0 - level) as f32, level as f32);
    let mut start = noise(request.seed, plan.stretches.len());
    for (noisy, spectrum) in start.chunks_exact_mut(ROWS * WIDTH).zip(&spectra) {
        for (noisy, clean) in noisy.iter_mut().zip(scales.latent(spectrum)) {
            *noisy = kept * clean + added * *noisy;
        }
    }
    let latents = sample(request, model, &plan, start, level, progress)?;
    Ok(drawn(request, model, &plan, &latents))
}

/// The stretches of given frames.
fn spectra(frames: &[SourceFrame], plan: &Plan) -> Vec<Spectrum> {
    let (values, _) = numbers(frames);
    match (plan.is_one(), plan.looping) {
        (true, true) => vec![Spectrum::of(&resampled(&values, true))],
        _ => plan.apart(&values),
    }
}

/// A loop in [`GRID`] frames, or the frames of a clip there and back.
pub fn resampled(frames: &[Frame], looping: bool) -> Vec<Frame> {
    let count = frames.len();
    let place = |index: usize| {
        let phase = phase(index, GRID);
        match looping {
            true => phase * count as f64,
            false => (1.0 - (1.0 - 2.0 * phase).abs()) * (count - 1) as f64,
        }
    };
    let at = |index: usize| -> Frame {
        let place = place(index);
        let (before, share) = (place.floor() as usize, (place - place.floor()) as f32);
        let (one, two) = (
            &frames[before % count],
            &frames[if looping {
                (before + 1) % count
            } else {
                (before + 1).min(count - 1)
            }],
        );
        std::array::from_fn(|number| one[number] + (two[number] - one[number]) * share)
    };
    (0..GRID).map(at).collect()
}

/// Noise for each stretch: the same pose for all, so that they show the same face, and a motion of their own.
fn noise(seed: Seed, stretches: usize) -> Vec<f32> {
    let mut pose = seed.derive("pose").rng();
    let pose: Vec<f32> = (0..WIDTH).map(|_| pose.normal() as f32).collect();
    let mut noise = Vec::with_capacity(stretches * ROWS * WIDTH);
    for stretch in 0..stretches {
        let mut motion = seed.derive(&format!("motion {stretch}")).rng();
        noise.extend_from_slice(&pose);
        noise.extend((WIDTH..ROWS * WIDTH).map(|_| motion.normal() as f32));
    }
    noise
}

/// Takes the noise from `start`, whose level is `level`.
fn sample(
    request: &StickerRequest,
    model: &StickerModel,
    plan: &Plan,
    start: Vec<f32>,
    level: f64,
    progress: &dyn Progress,
) -> Result<Vec<f32>> {
    let network = model.network();
    let device = network.device();
    let stretches = plan.stretches.len();
    let guidance = guidance(
        &plan.wishes(request, model),
        request.emotion_guidance,
        device,
    )?;
    let schedule = Schedule::new(Solver::UniPc, request.steps, SHIFT)?.begun_at(level)?;
    let mut scheduler = Scheduler::new(schedule);
    let mut latent = Tensor::from_vec(start, (stretches, ROWS, WIDTH), device)?;
    while let Some(time) = scheduler.time() {
        let output = guidance
            .predict(network, &latent, time)?
            .clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)?;
        let output = match plan.is_one() {
            true => output,
            false => agreed(plan, &output, &model.statistics().scales)?,
        };
        latent = scheduler.step(&latent, &output, network.prediction())?;
        progress.step(Stage::Generate, scheduler.done(), request.steps);
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
    }
    Ok(latent.flatten_all()?.to_vec1()?)
}

/// Towards the emotion, and towards extras or none where it is said, from what else is asked.
fn guidance(wishes: &[Wish], scale: f64, device: &Device) -> Result<Guidance<Tensor>> {
    let told = |of: &dyn Fn(&Wish) -> [f32; TOLD]| -> Result<Tensor> {
        let numbers: Vec<f32> = wishes.iter().flat_map(of).collect();
        Ok(Tensor::from_vec(numbers, (wishes.len(), TOLD), device)?)
    };
    let condition = told(&Wish::told)?;
    Ok(match scale {
        1.0 => Guidance::Plain { condition },
        scale => Guidance::Scaled {
            condition,
            empty: told(&|wish| wish.without_what_is_guided().told())?,
            scale,
        },
    })
}

/// Where stretches overlap they become the same: Bar-Tal and others, "MultiDiffusion: Fusing Diffusion Paths for Controlled
/// Image Generation" (2023), in time.
fn agreed(plan: &Plan, output: &Tensor, scales: &Scales) -> Result<Tensor> {
    let numbers: Vec<f32> = output.flatten_all()?.to_vec1()?;
    let spectra: Vec<Spectrum> = numbers
        .chunks_exact(ROWS * WIDTH)
        .map(|latent| scales.spectrum(latent).even())
        .collect();
    let count = (plan.length_secs * JOINED_FPS).ceil() as usize;
    let joined = plan.apart(&plan.together(&spectra, count));
    let numbers: Vec<f32> = joined
        .iter()
        .flat_map(|spectrum| scales.latent(spectrum))
        .collect();
    Ok(Tensor::from_vec(numbers, output.shape(), output.device())?)
}

/// Latents as frames of channels.
fn drawn(
    request: &StickerRequest,
    model: &StickerModel,
    plan: &Plan,
    latents: &[f32],
) -> Vec<SourceFrame> {
    let scales = &model.statistics().scales;
    let spectrum = |latent: &[f32]| {
        let spectrum = scales.spectrum(latent).smoothed();
        match plan.is_one() && plan.looping {
            true => spectrum,
            false => spectrum.even(),
        }
    };
    let spectra: Vec<Spectrum> = latents.chunks_exact(ROWS * WIDTH).map(spectrum).collect();
    let count = request.frames();
    let mut frames = match (spectra.as_slice(), plan.is_one() && plan.looping) {
        ([spectrum], true) => {
            let begin = stillest(&spectrum.frames(GRID, true), scales) as f64 / GRID as f64;
            let at = |index: usize| spectrum.at(begin + index as f64 / count as f64);
            (0..count).map(at).collect()
        }
        (_, _) => plan.together(&spectra, count),
    };
    if plan.looping && !plan.is_one() {
        let begin = stillest(&frames, scales);
        frames.rotate_left(begin);
    }
    without_smoke(&mut frames, request);
    match request.extras {
        Some(false) => frames.iter_mut().for_each(without_extras),
        Some(true) => with_extras(&mut frames),
        None => {}
    }
    let styles = if plan.is_one() {
        Styles::ForAll
    } else {
        Styles::ByTime
    };
    channels(frames, scales, styles, request.looping, request.fps as f32)
}

/// The frame of a loop that differs least from the one before: a loop begins there, so that its seam is not seen.
fn stillest(frames: &[Frame], scales: &Scales) -> usize {
    let before = |index: usize| &frames[(index + frames.len() - 1) % frames.len()];
    let change_to = |index: &usize| change(before(*index), &frames[*index], scales);
    let least = (0..frames.len()).min_by(|a, b| change_to(a).total_cmp(&change_to(b)));
    least.unwrap_or(0)
}

/// Steam is drawn as that of anger. What the tracks have of it on a face that is not unpleasant is the smoke of a head that
/// explodes, which the rig has no place for.
fn without_smoke(frames: &mut [Frame], request: &StickerRequest) {
    let Some(steam) = BASIS.place("steam") else {
        return;
    };
    for (index, frame) in frames.iter_mut().enumerate() {
        let seconds = index as f64 / f64::from(request.fps);
        if request.emotion_at(seconds).full_vad().valence() >= 0.0 {
            frame[steam] = OFF;
        }
    }
}

/// The numbers of extras, with a channel that each is drawn by.
const EXTRAS: [(&str, Channel); 7] = [
    ("tear_s", Channel::TearL),
    ("sweat", Channel::Sweat),
    ("blush", Channel::Blush),
    ("steam", Channel::Steam),
    ("heart", Channel::Heart),
    ("sparkle", Channel::Sparkle),
    ("zzz", Channel::Zzz),
];
/// Extras that are wanted reach so many times the area from which on they are seen.
const WELL_SEEN: f32 = 1.3;

/// Where extras are wanted and the model has drawn none that is clearly seen, raises that which is nearest to it, by as much
/// in every frame.
fn with_extras(frames: &mut [Frame]) {
    let lacking = EXTRAS.iter().filter_map(|(name, channel)| {
        let at = BASIS.place(name)?;
        // Numbers are roots of areas.
        let enough = (WELL_SEEN * channel.seen_from()?).sqrt();
        let most = frames.iter().map(|frame| frame[at]).fold(OFF, f32::max);
        // Beside the way from none to enough.
        Some((at, enough - most, (enough - most) / (enough - OFF)))
    });
    let nearest = lacking.min_by(|one, other| one.2.total_cmp(&other.2));
    if let Some((at, lacking, _)) = nearest.filter(|(_, lacking, _)| *lacking > 0.0) {
        frames.iter_mut().for_each(|frame| frame[at] += lacking);
    }
}

/// Takes tears, sweat, blush, steam, hearts, sparkles and sleep away, whatever the model drew.
fn without_extras(frame: &mut Frame) {
    let rows = BASIS.rows().iter().zip(frame.iter_mut());
    for (row, value) in rows.filter(|(row, _)| row.part == Part::Extras && row.kind == Kind::Amount)
    {
        *value = if row.name.ends_with("_d") { 0.0 } else { OFF };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::tracks::channel;

    #[test]
    fn only_unpleasant_faces_steam() {
        let steam = BASIS.place("steam").unwrap();
        for (word, kept) in [("awe", false), ("joy", false), ("anger", true)] {
            let mut frames = vec![[0.3; WIDTH]; 2];
            let request = StickerRequest {
                emotion: affetto_emotion::Emotion::parse(word).unwrap(),
                ..StickerRequest::default()
            };
            without_smoke(&mut frames, &request);
            assert_eq!(frames[1][steam] == 0.3, kept, "{word}");
            assert_eq!(
                frames[1].iter().filter(|value| **value != 0.3).count(),
                usize::from(!kept)
            );
        }
    }

    /// Of what is there the nearest to being seen is raised, and only as far as it takes; what is seen stays as it is.
    #[test]
    fn extras_that_are_wanted_are_seen() {
        let calm: Frame = std::array::from_fn(|at| BASIS.rows()[at].neutral);
        let place = |name: &str| BASIS.place(name).unwrap();
        let mut frames = vec![calm; 3];
        for (name, _) in EXTRAS {
            frames.iter_mut().for_each(|frame| frame[place(name)] = OFF);
        }
        frames[1][place("heart")] = 0.12;
        let before = frames.clone();
        with_extras(&mut frames);
        let heart = |frame: &Frame| BASIS.decode(frame)[channel("heart")];
        let least = Channel::Heart.seen_from().unwrap();
        assert!(heart(&frames[1]) >= least && heart(&frames[0]) < least);
        frames
            .iter_mut()
            .for_each(|frame| frame[place("heart")] = OFF);
        assert!(frames.iter().zip(&before).all(|(frame, before)| {
            let same = |at: &usize| frame[*at] == before[*at];
            (0..WIDTH)
                .filter(|at| *at != place("heart"))
                .all(|at| same(&at))
        }));
        frames[2][place("sweat")] = 0.3;
        let before = frames.clone();
        with_extras(&mut frames);
        assert_eq!(frames, before);
        frames.iter_mut().for_each(without_extras);
        with_extras(&mut frames);
        let seen = EXTRAS.iter().filter(|(_, channel)| {
            let least = channel.seen_from().unwrap_or(f32::MAX);
            frames
                .iter()
                .any(|frame| BASIS.decode(frame)[channel.index()] >= least)
        });
        assert_eq!(seen.count(), 1, "of none at all one is shown");
    }
}
