//! What a sticker's motion shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    augment::has_extras,
    basis::{BASIS, Frame, SourceFrame, WIDTH},
    data::EMOTION_NAMES,
    generate::resampled,
    harmonics::{GRID, Spectrum},
    judge::{Reading, features, known_shares},
    latents::{Scales, moves},
    statistics::Statistics,
    tracks::numbers,
};

/// What was measured on a sticker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StickerMeasured {
    /// What the judge reads: shares of Mikels' eight, summing to 1.
    pub emotion: BTreeMap<String, f64>,
    /// The largest of them.
    pub strongest: String,
    /// The share of the pleasant ones, 0 to 1.
    pub pleasant: f64,
    /// Motion energy, in deviations from the usual of clips.
    pub energy: f64,
    /// How far the corners of the mouth are above its middle, in head radii; above 0 in a smile.
    pub mouth_lift: f64,
    /// How far the face is from a calm one: a root of mean squares, in spreads of clips.
    pub strength: f64,
    /// The change from the last frame to the first beside the 95th percentile of changes from frame to frame; nothing where
    /// it does not loop or does not move.
    pub seam: Option<f64>,
    /// Whether there are tears, sweat, blush, steam, hearts, sparkles or sleep: of a take, whether they are clearly seen.
    pub extras: bool,
    /// The mean third difference of 48 frames, in spreads of clips.
    pub jitter: f64,
}

/// A loop that was drawn, taken apart.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its spectrum.
    pub spectrum: Spectrum,
    /// The share of frames in which each number means something.
    pub known: Vec<f32>,
    /// Its numbers on a grid of 48 frames.
    pub grid: Vec<Frame>,
}

impl Taken {
    /// Of frames of channels.
    pub fn of(frames: &[SourceFrame], looping: bool) -> Self {
        let (values, known) = numbers(frames);
        let grid = resampled(&values, looping);
        Self {
            spectrum: Spectrum::of(&grid),
            known: known_shares(&known),
            grid,
        }
    }
}

/// Measures frames of channels of which there are at least two, `length_secs` long together.
pub fn measure(
    frames: &[SourceFrame],
    looping: bool,
    length_secs: f64,
    statistics: &Statistics,
) -> StickerMeasured {
    let taken = Taken::of(frames, looping);
    let scales = &statistics.scales;
    let reading = statistics
        .judge
        .read(&features(&taken.spectrum, &taken.known, scales));
    StickerMeasured {
        emotion: words(&reading),
        strongest: EMOTION_NAMES[reading.emotion()].into(),
        pleasant: reading.pleasant(),
        energy: energy(&numbers(frames).0, looping, length_secs, scales),
        mouth_lift: mouth_lift(&taken.spectrum),
        strength: strength(&taken.spectrum, &taken.known, scales),
        seam: if looping {
            seam(&numbers(frames).0, scales)
        } else {
            None
        },
        extras: has_extras(&taken.spectrum.0[0]),
        jitter: jitter(&taken.grid, scales),
    }
}

fn words(reading: &Reading) -> BTreeMap<String, f64> {
    EMOTION_NAMES
        .iter()
        .map(|name| (*name).to_string())
        .zip(reading.0)
        .collect()
}

/// Corners minus middle of the mean mouth, in head radii.
pub fn mouth_lift(spectrum: &Spectrum) -> f64 {
    let place = BASIS.place("mouth_mid").unwrap_or_default();
    -f64::from(spectrum.0[0][place])
}

/// Numbers that move, and their spreads.
fn moving(scales: &Scales) -> impl Iterator<Item = (usize, f32)> + '_ {
    let rows = BASIS
        .rows()
        .iter()
        .enumerate()
        .filter(|(_, row)| moves(row.kind, row.part));
    rows.map(|(place, _)| (place, scales.deviation[place]))
}

/// How far the mean face is from a calm one.
fn strength(spectrum: &Spectrum, known: &[f32], scales: &Scales) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (place, spread) in moving(scales) {
        let apart = (spectrum.0[0][place] - BASIS.rows()[place].neutral) / spread;
        sum += known[place] * apart.clamp(-4.0, 4.0).powi(2);
        total += known[place];
    }
    f64::from((sum / total.max(1.0)).sqrt())
}

/// The change between two frames: a root of mean squares, in spreads.
pub(super) fn change(one: &[f32; WIDTH], two: &[f32; WIDTH], scales: &Scales) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (place, spread) in moving(scales) {
        sum += ((two[place] - one[place]) / spread).powi(2);
        count += 1;
    }
    f64::from((sum / count.max(1) as f32).sqrt())
}

/// Motion energy in deviations from the usual of clips: as [`Scales::energy`], from the changes between frames, so that it
/// does not depend on the length.
fn energy(frames: &[Frame], looping: bool, length_secs: f64, scales: &Scales) -> f64 {
    let closing = frames.last().zip(frames.first()).filter(|_| looping);
    let pairs = frames.windows(2).map(|pair| (&pair[0], &pair[1]));
    let changes: Vec<f64> = (pairs.chain(closing))
        .map(|(one, two)| change(one, two, scales).powi(2))
        .collect();
    let mean = changes.iter().sum::<f64>() / changes.len().max(1) as f64;
    let speed = mean.sqrt() * frames.len() as f64 / length_secs;
    let [middle, deviation] = scales.energy.map(f64::from);
    (libm::log(speed.max(1e-4)) - middle) / deviation
}

/// The change from the last frame to the first beside the 95th percentile of the others.
fn seam(frames: &[Frame], scales: &Scales) -> Option<f64> {
    let mut changes: Vec<f64> = frames
        .windows(2)
        .map(|pair| change(&pair[0], &pair[1], scales))
        .collect();
    changes.sort_by(f64::total_cmp);
    let usual = *changes.get((changes.len() * 95).div_ceil(100).saturating_sub(1))?;
    let closing = change(frames.last()?, frames.first()?, scales);
    (usual > 1e-6).then(|| closing / usual)
}

/// The mean size of third differences around a loop of [`GRID`] frames, in spreads.
pub fn jitter(grid: &[Frame], scales: &Scales) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (place, spread) in moving(scales) {
        let at = |index: usize| grid[index % GRID][place];
        for index in 0..GRID {
            let third = at(index + 3) - 3.0 * at(index + 2) + 3.0 * at(index + 1) - at(index);
            sum += f64::from((third / spread).abs());
            count += 1;
        }
    }
    sum / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::{Clip, tests::invented};

    #[test]
    fn a_smile_and_a_tear_are_read() {
        let clips = invented(20);
        let all: Vec<&Clip> = clips.iter().collect();
        let statistics = Statistics::of(&all, Scales::of(&all));
        let drawn = |clip: &Clip| {
            clip.frames
                .iter()
                .map(|frame| BASIS.decode(frame))
                .collect::<Vec<_>>()
        };
        let smile = measure(&drawn(&clips[2]), true, 2.0, &statistics);
        let tear = measure(&drawn(&clips[3]), true, 2.0, &statistics);
        assert_eq!(
            [smile.strongest.as_str(), tear.strongest.as_str()],
            ["amusement", "sadness"]
        );
        assert!(smile.mouth_lift > 0.1 && tear.mouth_lift < -0.1);
        assert!(smile.seam.unwrap() <= 1.01, "{:?}", smile.seam);
        assert!((smile.emotion.values().sum::<f64>() - 1.0).abs() < 1e-9);
        let half = measure(&drawn(&clips[2]), true, 4.0, &statistics);
        assert!(half.energy < smile.energy);
        let own = statistics
            .scales
            .energy(&Spectrum::of(&clips[2].frames), 2.0);
        assert!(
            (smile.energy - f64::from(own)).abs() < 0.05,
            "{} {own}",
            smile.energy
        );
    }

    #[test]
    fn a_jump_is_a_seam_and_jitters() {
        let clips = invented(20);
        let all: Vec<&Clip> = clips.iter().collect();
        let scales = Scales::of(&all);
        let mut frames = clips[0].frames.clone();
        let smooth = jitter(&frames, &scales);
        let place = BASIS.place("mouth_open").unwrap();
        for (at, frame) in frames.iter_mut().enumerate() {
            frame[place] = 0.2 + 0.005 * at as f32;
        }
        assert!(seam(&frames, &scales).unwrap() > 3.0);
        frames[20][place] += 0.3;
        assert!(jitter(&frames, &scales) > smooth);
    }
}
