//! How well a model does what it is asked, beside real clips, beside no model, and beside chance.

use std::path::Path;

use affetto_attributes::{compare::pearson, judge::Share};
use affetto_core::{Progress, Seed, Silent};
use affetto_emotion::{Emotion, EmotionParts, Taxonomy};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    augment::{Augmenter, Chances},
    basis::{BASIS, SourceFrame, WIDTH},
    condition::StickerRequest,
    data::{Clip, EMOTION_NAMES, EMOTIONS, split},
    generate::generate,
    harmonics::{HARMONICS, Spectrum},
    judge::{Judge, features, features_of_clip, known_shares},
    latents::Scales,
    measure::{StickerMeasured, Taken, jitter, measure},
    model::StickerModel,
    network::Config,
    tracks::{Styles, channels},
    train::{Fit, SPLIT},
};
use crate::{Error, Result};

/// A share with its Wilson interval of 95 % (Wilson, "Probable Inference, the Law of Succession, and Statistical
/// Inference", 1927).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many were right.
    pub right: usize,
    /// Of how many.
    pub of: usize,
    /// The share.
    pub share: f64,
    /// The ends of the interval.
    pub interval: [f64; 2],
}

impl Rate {
    /// `right` of `of`.
    pub fn new(right: usize, of: usize) -> Self {
        let Share { share, low, high } = Share::new(right, of);
        Self {
            right,
            of,
            share,
            interval: [low.max(0.0), high.min(1.0)],
        }
    }

    fn and(self, other: Self) -> Self {
        Self::new(self.right + other.right, self.of + other.of)
    }
}

/// How often a judge read what was asked: among eight, and pleasant from unpleasant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// Among eight.
    pub eight: Rate,
    /// Pleasant or not.
    pub two: Rate,
}

impl Read {
    /// Of features with what was asked.
    fn of(judge: &Judge, loops: &[(usize, Vec<f64>)]) -> Self {
        let readings = loops
            .iter()
            .map(|(asked, features)| (*asked, judge.read(features)));
        let (mut eight, mut two) = (0, 0);
        for (asked, reading) in readings {
            eight += usize::from(reading.emotion() == asked);
            two += usize::from((reading.pleasant() > 0.5) == (asked < EMOTIONS / 2));
        }
        Self {
            eight: Rate::new(eight, loops.len()),
            two: Rate::new(two, loops.len()),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            eight: self.eight.and(other.eight),
            two: self.two.and(other.two),
        }
    }
}

/// What the two-fold judge says: each half of the clips judges the generator of the other half.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TwoFold {
    /// Real clips of the half that the judge has not seen.
    pub real: Read,
    /// What the generator drew.
    pub generated: Read,
    /// The same generator told no emotion.
    pub unconditional: Read,
    /// What the generator drew, read by a judge of shuffled labels.
    pub shuffled: Read,
    /// A clip of the emotion with parts of others and some jitter, without a model.
    pub without_model: Read,
    /// The mean distance between loops of one emotion: real, generated, without a model.
    pub variety: [f64; 3],
    /// Among eight by emotion: real, generated.
    pub by_emotion: Vec<(String, Rate, Rate)>,
    /// By the number of steps.
    pub by_steps: Vec<AtSteps>,
    /// By how far stickers are guided.
    pub by_guidance: Vec<Guided>,
}

/// Stickers that are drawn in some steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtSteps {
    /// How many.
    pub steps: usize,
    /// What is read of them.
    pub read: Read,
    /// The mean distance of those of one emotion from each other, in spreads.
    pub variety: f64,
    /// How far they are from those of 64 steps, in spreads.
    pub apart: f64,
    /// Their mean third difference.
    pub jitter: f64,
}

/// Stickers that are guided so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guided {
    /// How far.
    pub guidance: f64,
    /// What is read of them.
    pub read: Read,
    /// The mean distance of those of one emotion from each other, in spreads.
    pub variety: f64,
}

impl AtSteps {
    fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps,
            read: self.read.and(other.read),
            variety: f64::midpoint(self.variety, other.variety),
            apart: f64::midpoint(self.apart, other.apart),
            jitter: f64::midpoint(self.jitter, other.jitter),
        }
    }
}

impl Guided {
    fn and(self, other: Self) -> Self {
        Self {
            guidance: self.guidance,
            read: self.read.and(other.read),
            variety: f64::midpoint(self.variety, other.variety),
        }
    }
}

/// What is to be judged, and how.
pub struct Judging<'a> {
    /// All clips.
    pub clips: &'a [Clip],
    /// The extents of the networks.
    pub config: Config,
    /// Steps of each training.
    pub steps: usize,
    /// Where checkpoints are kept; a finished training there is taken as it is.
    pub folder: &'a Path,
    /// Loops drawn of each emotion and half.
    pub loops: usize,
    /// How they are drawn; emotion and seed are set.
    pub request: StickerRequest,
    /// Draws everything.
    pub seed: Seed,
}

/// Loops of each emotion, at most, where numbers of steps are compared.
const FEW_LOOPS: usize = 10;
/// How far stickers are guided where that is compared.
const GUIDANCES: [f64; 6] = [0.5, 1.0, 1.5, 2.0, 3.0, 5.0];

/// A loop as it is judged.
struct Loop {
    asked: usize,
    taken: Taken,
}

impl Judging<'_> {
    /// Trains a generator and a judge on each half and lets each judge the other's.
    ///
    /// # Errors
    /// Those of the training.
    pub fn run(&self, progress: &dyn Progress) -> Result<TwoFold> {
        let halves = split(self.clips, 2, SPLIT.derive("halves"));
        let mut whole = TwoFold::default();
        let mut by_emotion = vec![(Rate::default(), Rate::default()); EMOTIONS];
        let mut varieties = [0.0; 3];
        for (fold, own) in halves.iter().enumerate() {
            let pick = |side: &Vec<usize>| {
                side.iter()
                    .map(|at| &self.clips[*at])
                    .collect::<Vec<&Clip>>()
            };
            let (own, other) = (pick(own), pick(&halves[1 - fold]));
            let model = Fit {
                clips: own.clone(),
                config: self.config.clone(),
                steps: self.steps,
                max_minutes: None,
                folder: &self.folder.join(format!("half-{fold}")),
                seed: self.seed.derive(&format!("half {fold}")),
            }
            .run(progress)?
            .model;
            let scales = Scales::of(&other);
            let judge = Judge::of(&other, &scales);
            let found = self.fold(&model, &judge, &scales, &own, &other, &mut by_emotion)?;
            whole.real = whole.real.and(found.real);
            whole.generated = whole.generated.and(found.generated);
            whole.unconditional = whole.unconditional.and(found.unconditional);
            whole.shuffled = whole.shuffled.and(found.shuffled);
            whole.without_model = whole.without_model.and(found.without_model);
            varieties
                .iter_mut()
                .zip(found.variety)
                .for_each(|(sum, own)| *sum += own / 2.0);
            over_both(&mut whole.by_steps, found.by_steps, AtSteps::and);
            over_both(&mut whole.by_guidance, found.by_guidance, Guided::and);
        }
        whole.variety = varieties;
        let named = EMOTION_NAMES
            .iter()
            .map(|name| (*name).to_string())
            .zip(by_emotion);
        whole.by_emotion = named
            .map(|(name, (real, generated))| (name, real, generated))
            .collect();
        Ok(whole)
    }

    fn fold(
        &self,
        model: &StickerModel,
        judge: &Judge,
        scales: &Scales,
        own: &[&Clip],
        other: &[&Clip],
        by_emotion: &mut [(Rate, Rate)],
    ) -> Result<TwoFold> {
        let read_by = |judge: &Judge, loops: &[Loop]| {
            let of = |of: &Loop| {
                (
                    of.asked,
                    features(&of.taken.spectrum, &of.taken.known, scales),
                )
            };
            Read::of(judge, &loops.iter().map(of).collect::<Vec<_>>())
        };
        let real: Vec<Loop> = own
            .iter()
            .filter_map(|clip| Some(real_loop(clip, clip.dominant()?)))
            .collect();
        let read_real = |loops: &[&Clip]| {
            let of = |clip: &&Clip| Some((clip.dominant()?, features_of_clip(clip, scales)));
            Read::of(judge, &loops.iter().filter_map(of).collect::<Vec<_>>())
        };
        let drawn = self.drawn(
            model,
            self.request.emotion_guidance,
            self.request.steps,
            self.loops,
        )?;
        for (emotion, (real, generated)) in by_emotion.iter_mut().enumerate() {
            let of_it: Vec<&Clip> = own
                .iter()
                .copied()
                .filter(|clip| clip.dominant() == Some(emotion))
                .collect();
            *real = real.and(read_real(&of_it).eight);
            let range = emotion * self.loops..(emotion + 1) * self.loops;
            *generated = generated.and(read_by(judge, &drawn[range]).eight);
        }
        let unconditional = self.drawn(model, 0.0, self.request.steps, self.loops)?;
        let without = self.without_model(own);
        let mut shuffled: Vec<Clip> = other.iter().map(|clip| (*clip).clone()).collect();
        let mut labels: Vec<[f32; EMOTIONS]> = shuffled.iter().map(|clip| clip.emotion).collect();
        self.seed.derive("shuffled").rng().shuffle(&mut labels);
        shuffled
            .iter_mut()
            .zip(labels)
            .for_each(|(clip, label)| clip.emotion = label);
        let shuffled = Judge::of(&shuffled.iter().collect::<Vec<_>>(), scales);
        let few = self.loops.min(FEW_LOOPS);
        let guidance = self.request.emotion_guidance;
        let best = self.drawn(model, guidance, 64, few)?;
        let mut by_steps = Vec::new();
        for steps in [2, 4, 8, 16, 32] {
            let some = self.drawn(model, guidance, steps, few)?;
            let apart = some
                .iter()
                .zip(&best)
                .map(|(one, two)| distance(&one.taken, &two.taken, scales, 0.0));
            let shaken = some.iter().map(|one| jitter(&one.taken.grid, scales));
            by_steps.push(AtSteps {
                steps,
                read: read_by(judge, &some),
                variety: variety(&some, scales),
                apart: apart.sum::<f64>() / best.len() as f64,
                jitter: shaken.sum::<f64>() / best.len() as f64,
            });
        }
        let guided = |guidance: &f64| {
            let some = self.drawn(model, *guidance, self.request.steps, self.loops)?;
            Ok(Guided {
                guidance: *guidance,
                read: read_by(judge, &some),
                variety: variety(&some, scales),
            })
        };
        Ok(TwoFold {
            by_guidance: GUIDANCES.iter().map(guided).collect::<Result<_>>()?,
            real: read_real(own),
            generated: read_by(judge, &drawn),
            unconditional: read_by(judge, &unconditional),
            shuffled: read_by(&shuffled, &drawn),
            without_model: read_by(judge, &without),
            variety: [&real, &drawn, &without].map(|loops| variety(loops, scales)),
            by_emotion: Vec::new(),
            by_steps,
        })
    }

    /// `loops` loops of each emotion in turn; a `guidance` of 0 tells nothing of it.
    fn drawn(
        &self,
        model: &StickerModel,
        guidance: f64,
        steps: usize,
        loops: usize,
    ) -> Result<Vec<Loop>> {
        let of = |index: usize| -> Result<Loop> {
            let asked = index / loops;
            let (seed, own) = (self.seed.derive("loops"), index % loops);
            let request = StickerRequest {
                seed: seed.derive(&format!("{asked} {own}")),
                emotion: match guidance {
                    0.0 => Emotion::NEUTRAL,
                    _ => pure(asked)?,
                },
                steps,
                emotion_guidance: guidance,
                ..self.request.clone()
            };
            let frames = generate(&request, model, &Silent)?;
            Ok(Loop {
                asked,
                taken: Taken::of(&frames, request.looping),
            })
        };
        (0..EMOTIONS * loops).into_par_iter().map(of).collect()
    }

    /// What can be had without a model: a clip of the emotion, parts of others of it, some jitter of every mean.
    fn without_model(&self, clips: &[&Clip]) -> Vec<Loop> {
        let scales = Scales::of(clips);
        let chances = Chances {
            any_clip: 0.0,
            weaker: 0.0,
            one_way: 0.0,
            ..Chances::default()
        };
        let augmenter = Augmenter::new(clips.to_vec(), &scales, chances);
        let of = |index: usize| {
            let asked = index / self.loops;
            let mut rng = self.seed.derive(&format!("without {index}")).rng();
            let (mut spectrum, _) = augmenter.of_emotion(asked, &mut rng);
            for (value, spread) in spectrum.0[0].iter_mut().zip(&scales.deviation) {
                *value += 0.15 * spread * rng.normal() as f32;
            }
            let frames = channels(
                spectrum.frames(48, true),
                &scales,
                Styles::ForAll,
                true,
                24.0,
            );
            Loop {
                asked,
                taken: Taken::of(&frames, true),
            }
        };
        (0..EMOTIONS * self.loops).map(of).collect()
    }
}

/// Adds what one half says of each of some choices to what the half before said.
fn over_both<T: Copy>(whole: &mut Vec<T>, found: Vec<T>, and: fn(T, T) -> T) {
    if whole.is_empty() {
        *whole = found;
        return;
    }
    for (one, other) in whole.iter_mut().zip(found) {
        *one = and(*one, other);
    }
}

fn real_loop(clip: &Clip, asked: usize) -> Loop {
    Loop {
        asked,
        taken: taken(clip),
    }
}

fn taken(clip: &Clip) -> Taken {
    Taken {
        spectrum: Spectrum::of(&clip.frames),
        known: known_shares(&clip.known),
        grid: clip.frames.clone(),
    }
}

/// One of Mikels' eight alone.
fn pure(emotion: usize) -> Result<Emotion> {
    let unknown = |_| Error::Config {
        name: "emotion",
        value: EMOTION_NAMES[emotion].into(),
        permitted: "one of Mikels' eight".into(),
    };
    Ok(Emotion::from(
        Taxonomy::Mikels
            .resolve(EMOTION_NAMES[emotion])
            .map_err(unknown)?,
    ))
}

/// The mean distance between loops of one emotion.
fn variety(loops: &[Loop], scales: &Scales) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (index, one) in loops.iter().enumerate() {
        for two in loops[..index].iter().filter(|two| two.asked == one.asked) {
            sum += aligned(&one.taken, &two.taken, scales);
            count += 1;
        }
    }
    sum / f64::from(count.max(1))
}

/// The distance of two loops where the second begins `shift` loops later: a root of mean squares over numbers that are
/// known in both and over time, in spreads.
fn distance(one: &Taken, two: &Taken, scales: &Scales, shift: f64) -> f64 {
    let turns: Vec<(f32, f32)> = (0..HARMONICS)
        .map(|harmonic| {
            let (sine, cosine) =
                libm::sincos(std::f64::consts::TAU * (harmonic + 1) as f64 * shift);
            (sine as f32, cosine as f32)
        })
        .collect();
    let (mut sum, mut total) = (0.0, 0.0);
    for place in 0..WIDTH {
        let weight = one.known[place].min(two.known[place]);
        if weight <= 0.0 {
            continue;
        }
        let mut square = (one.spectrum.0[0][place] - two.spectrum.0[0][place]).powi(2);
        for (harmonic, (sine, cosine)) in turns.iter().enumerate() {
            let [a, b] = [1, 2].map(|row| one.spectrum.0[2 * harmonic + row][place]);
            let [c, d] = [1, 2].map(|row| two.spectrum.0[2 * harmonic + row][place]);
            let (c, d) = (c * cosine + d * sine, d * cosine - c * sine);
            square += ((a - c).powi(2) + (b - d).powi(2)) / 2.0;
        }
        sum += f64::from(weight * square / scales.deviation[place].powi(2));
        total += f64::from(weight);
    }
    (sum / total.max(1e-9)).sqrt()
}

/// How many shifts are tried to align two loops.
const SHIFTS: usize = 24;

/// The least distance of two loops over all shifts.
fn aligned(one: &Taken, two: &Taken, scales: &Scales) -> f64 {
    let shifts = (0..SHIFTS).map(|shift| distance(one, two, scales, shift as f64 / SHIFTS as f64));
    shifts.fold(f64::INFINITY, f64::min)
}

/// A loop in a mirror.
fn mirrored(taken: &Taken) -> Taken {
    let mut other = taken.clone();
    for frame in other.spectrum.0.iter_mut().chain(&mut other.grid) {
        for (value, row) in frame.iter_mut().zip(BASIS.rows()) {
            *value *= row.mirror;
        }
    }
    other
}

/// What a whole model does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// Rank correlation of arousal asked with motion energy measured, over nine steps.
    pub arousal: f64,
    /// Rank correlation of valence asked with mouth lift measured, over nine steps.
    pub valence: f64,
    /// The measured means of both, step by step.
    pub steps: [Vec<f64>; 2],
    /// Of the eight steps between nine intensities, the share over which the mean strength of a face grows, for each emotion.
    pub intensity: Vec<(String, f64)>,
    /// The mean strength at nine intensities, over all emotions.
    pub strengths: Vec<f64>,
    /// Mean third difference: clips, stickers.
    pub jitter: [f64; 2],
    /// The largest and the mean seam of stickers, beside the 95th percentile of their changes.
    pub seam: [f64; 2],
    /// The share of stickers nearer to a training clip than the 5th percentile of clips to each other.
    pub copied: Rate,
    /// That percentile, and the median distance of a sticker to the nearest clip.
    pub nearest: [f64; 2],
    /// How many different clips are nearest to a sticker.
    pub distinct_nearest: usize,
    /// Stickers with a number out of its range or not a number; 0 or there is a fault.
    pub broken: usize,
}

/// Measures a model: `loops` stickers of each step.
///
/// # Errors
/// Those of [`generate`].
pub fn effects(
    model: &StickerModel,
    clips: &[Clip],
    loops: usize,
    request: &StickerRequest,
) -> Result<Effects> {
    let mut effects = Effects::default();
    let nine = |least: f64| {
        (0..9)
            .map(move |step| least + (1.0 - least) * f64::from(step) / 8.0)
            .collect::<Vec<f64>>()
    };
    let asked: Vec<f64> = nine(-1.0).into_iter().map(|step| 0.9 * step).collect();
    let of = |valence: Option<f64>, arousal: Option<f64>| EmotionParts {
        valence,
        arousal,
        ..EmotionParts::default()
    };
    let mean_of = |emotions: &[EmotionParts],
                   value: &(dyn Fn(&StickerMeasured) -> f64 + Sync)|
     -> Result<f64> {
        let measured = measured(model, emotions, loops, request)?;
        Ok(measured
            .iter()
            .map(|(_, measured)| value(measured))
            .sum::<f64>()
            / measured.len() as f64)
    };
    for (axis, steps) in effects.steps.iter_mut().enumerate() {
        for step in &asked {
            // The other one of the two is spread evenly.
            let emotions = [-0.6, 0.0, 0.6].map(|other| match axis {
                0 => of(Some(other), Some(*step)),
                _ => of(Some(*step), Some(other)),
            });
            let value: &(dyn Fn(&StickerMeasured) -> f64 + Sync) = if axis == 0 {
                &|measured| measured.energy
            } else {
                &|measured| measured.mouth_lift
            };
            steps.push(mean_of(&emotions, value)?);
        }
    }
    effects.arousal = rank_correlation(&asked, &effects.steps[0]);
    effects.valence = rank_correlation(&asked, &effects.steps[1]);
    effects.strengths = vec![0.0; 9];
    for name in EMOTION_NAMES {
        let mut strengths = Vec::new();
        for intensity in nine(0.0) {
            let emotion = EmotionParts {
                label: Taxonomy::Mikels.resolve(name).ok(),
                intensity: Some(intensity),
                ..EmotionParts::default()
            };
            strengths.push(mean_of(&[emotion], &|measured| measured.strength)?);
        }
        let grown = strengths
            .windows(2)
            .filter(|pair| pair[1] > pair[0])
            .count();
        effects.intensity.push((name.into(), grown as f64 / 8.0));
        let share = 1.0 / EMOTIONS as f64;
        effects
            .strengths
            .iter_mut()
            .zip(&strengths)
            .for_each(|(sum, own)| *sum += share * own);
    }
    copying(&mut effects, model, clips, request)?;
    Ok(effects)
}

/// Stickers drawn to look for copies.
const COPIES: usize = 400;

fn copying(
    effects: &mut Effects,
    model: &StickerModel,
    clips: &[Clip],
    request: &StickerRequest,
) -> Result<()> {
    let scales = &model.statistics().scales;
    let real: Vec<Taken> = clips.iter().map(taken).collect();
    let both: Vec<[Taken; 2]> = real
        .iter()
        .map(|taken| [taken.clone(), mirrored(taken)])
        .collect();
    let nearest = |to: &Taken, but: Option<usize>| {
        let others = both
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != but);
        let of = others.map(|(index, [same, turned])| {
            (
                index,
                aligned(to, same, scales).min(aligned(to, turned, scales)),
            )
        });
        of.min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((0, f64::INFINITY))
    };
    let mut between: Vec<f64> = real
        .par_iter()
        .enumerate()
        .map(|(index, own)| nearest(own, Some(index)).1)
        .collect();
    between.sort_by(f64::total_cmp);
    let least = between[between.len() * 5 / 100];
    let emotions: Vec<EmotionParts> = (EMOTION_NAMES.iter())
        .map(|name| EmotionParts {
            label: Taxonomy::Mikels.resolve(name).ok(),
            ..EmotionParts::default()
        })
        .collect();
    let drawn = measured(model, &emotions, COPIES / EMOTIONS, request)?;
    let taken: Vec<Taken> = drawn
        .iter()
        .map(|(frames, _)| Taken::of(frames, request.looping))
        .collect();
    let mut found: Vec<(usize, f64)> = taken.par_iter().map(|own| nearest(own, None)).collect();
    effects.copied = Rate::new(
        found
            .iter()
            .filter(|(_, distance)| *distance < least)
            .count(),
        found.len(),
    );
    effects.distinct_nearest = found
        .iter()
        .map(|(index, _)| *index)
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    effects.nearest = [least, found[found.len() / 2].1];
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    effects.jitter = [
        mean(
            real.iter()
                .map(|taken| jitter(&taken.grid, scales))
                .collect(),
        ),
        mean(drawn.iter().map(|(_, measured)| measured.jitter).collect()),
    ];
    let seams: Vec<f64> = drawn
        .iter()
        .filter_map(|(_, measured)| measured.seam)
        .collect();
    effects.seam = [seams.iter().copied().fold(0.0, f64::max), mean(seams)];
    let is_broken = |frames: &Vec<SourceFrame>| {
        frames
            .iter()
            .flatten()
            .any(|value| !value.is_finite() || value.abs() > 2.0)
    };
    effects.broken = drawn.iter().filter(|(frames, _)| is_broken(frames)).count();
    Ok(())
}

/// `loops` stickers of each emotion with what was measured on them.
fn measured(
    model: &StickerModel,
    emotions: &[EmotionParts],
    loops: usize,
    request: &StickerRequest,
) -> Result<Vec<(Vec<SourceFrame>, StickerMeasured)>> {
    let of = |index: usize| {
        let parts = emotions[index / loops].clone();
        let value = format!("{parts:?}");
        let request = StickerRequest {
            seed: request.seed.derive(&format!("sticker {}", index % loops)),
            emotion: Emotion::try_from(parts).map_err(|error| Error::Config {
                name: "emotion",
                value,
                permitted: error.to_string(),
            })?,
            ..request.clone()
        };
        let frames = generate(&request, model, &Silent)?;
        let measured = measure(
            &frames,
            request.looping,
            request.length_secs,
            model.statistics(),
        );
        Ok((frames, measured))
    };
    (0..emotions.len() * loops)
        .into_par_iter()
        .map(of)
        .collect()
}

/// Spearman's rank correlation; 0 where one side is the same throughout.
fn rank_correlation(one: &[f64], two: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let rank = |value: &f64| {
            let below = values.iter().filter(|other| *other < value).count() as f64;
            let same = values.iter().filter(|other| *other == value).count() as f64;
            below + (same - 1.0) / 2.0
        };
        values.iter().map(rank).collect()
    };
    pearson(&ranks(one), &ranks(two)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::tests::invented;

    /// Wilson's interval of 8 of 10, by his formula: 0.490 to 0.943.
    #[test]
    fn an_interval_by_hand() {
        let rate = Rate::new(8, 10);
        assert!(
            (rate.interval[0] - 0.4902).abs() < 1e-4 && (rate.interval[1] - 0.9433).abs() < 1e-4,
            "{rate:?}"
        );
    }

    #[test]
    fn ranks_by_hand() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), 1.0);
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        // Differences of ranks 0, 1, 1: 1 - 6 * 2 / (3 * 8).
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]) - 0.5).abs() < 1e-12);
    }

    /// A loop is nothing apart from itself begun later.
    #[test]
    fn loops_are_aligned_in_time() {
        let clips = invented(8);
        let scales = Scales::of(&clips.iter().collect::<Vec<_>>());
        let one = taken(&clips[0]);
        let mut later = clips[0].clone();
        later.frames.rotate_left(12);
        let two = taken(&later);
        assert!(distance(&one, &two, &scales, 0.0) > 0.1);
        assert!(
            aligned(&one, &two, &scales) < 1e-3,
            "{}",
            aligned(&one, &two, &scales)
        );
        assert!(aligned(&one, &taken(&clips[1]), &scales) > 0.5);
    }
}
