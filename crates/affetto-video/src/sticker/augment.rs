//! More clips from few: mirrored, shifted around the loop, faster or slower, wider or smaller, warped in time, weaker, with
//! parts of other clips of the same emotion, and pieces that do not loop.

use affetto_core::Rng;

use super::{
    basis::{BASIS, Frame, Kind, OFF, Part, WIDTH},
    data::{Clip, EMOTIONS},
    harmonics::{GRID, Spectrum, phase},
    latents::{Scales, TOLD, Wish},
};

/// What the network is trained on at once, times the batch.
#[derive(Clone, Debug)]
pub struct Example {
    /// The latent.
    pub latent: Vec<f32>,
    /// How much each of its numbers weighs.
    pub weights: Vec<f32>,
    /// What the network is told.
    pub told: [f32; TOLD],
}

/// How often things are done.
#[derive(Clone, Debug)]
pub struct Chances {
    /// A part comes from another clip of the same emotion, in the order of [`Part::ALL`].
    pub parts: [f64; 6],
    /// A clip of any emotion, neutral ones too, instead of one of an emotion drawn evenly.
    pub any_clip: f64,
    /// The emotion is said as one word.
    pub one_word: f64,
    /// Time is warped.
    pub warp: f64,
    /// It is mirrored.
    pub mirror: f64,
    /// It is weaker.
    pub weaker: f64,
    /// It does not loop.
    pub one_way: f64,
    /// Nothing of the emotion is said.
    pub no_emotion: f64,
    /// The words are not said, valence is not, arousal is not, intensity is not.
    pub unsaid_emotion: [f64; 4],
    /// Energy is not said, length is not, loop is not, extras are not.
    pub unsaid: [f64; 4],
}

impl Default for Chances {
    fn default() -> Self {
        Self {
            parts: [0.35, 0.12, 0.15, 0.1, 0.2, 0.15],
            any_clip: 0.1,
            one_word: 0.5,
            warp: 0.5,
            mirror: 0.5,
            weaker: 0.3,
            one_way: 0.15,
            no_emotion: 0.12,
            unsaid_emotion: [0.2, 0.3, 0.3, 0.15],
            unsaid: [0.2, 0.15, 0.15, 0.35],
        }
    }
}

/// Draws examples from clips.
pub struct Augmenter<'a> {
    clips: Vec<&'a Clip>,
    scales: &'a Scales,
    chances: Chances,
}

/// Where the frames of an example lie in a clip.
struct Path {
    /// Places in loops, one for each of [`GRID`] frames.
    places: Vec<f32>,
}

impl<'a> Augmenter<'a> {
    /// Of some clips, of which there is at least one.
    pub fn new(clips: Vec<&'a Clip>, scales: &'a Scales, chances: Chances) -> Self {
        Self {
            clips,
            scales,
            chances,
        }
    }

    /// A clip, drawn by how much of `emotion` it has; any where none has any.
    fn draw(&self, emotion: usize, rng: &mut Rng) -> &'a Clip {
        let weights: Vec<f64> = self
            .clips
            .iter()
            .map(|clip| f64::from(clip.emotion[emotion]))
            .collect();
        let at = rng
            .weighted(&weights)
            .unwrap_or_else(|| rng.below(self.clips.len()));
        self.clips[at]
    }

    /// A clip of an emotion with parts of others of it, varied as for training, and how much of each number is known.
    pub fn of_emotion(&self, emotion: usize, rng: &mut Rng) -> (Spectrum, Vec<f32>) {
        let clip = self.draw(emotion, rng);
        let example = self.varied(emotion, clip, rng);
        let known = example.weights[..WIDTH].iter();
        let known = known.map(|weight| self.scales.known(*weight)).collect();
        (self.scales.spectrum(&example.latent), known)
    }

    /// One example.
    pub fn example(&self, rng: &mut Rng) -> Example {
        let chances = &self.chances;
        let happens = |chance: f64, rng: &mut Rng| rng.uniform() < chance;
        let (mut emotion, mut clip) = (rng.below(EMOTIONS), None);
        if happens(chances.any_clip, rng) {
            let any = self.clips[rng.below(self.clips.len())];
            emotion = any.dominant().unwrap_or(emotion);
            clip = Some(any);
        }
        let clip = clip.unwrap_or_else(|| self.draw(emotion, rng));
        self.varied(emotion, clip, rng)
    }

    fn varied(&self, emotion: usize, clip: &Clip, rng: &mut Rng) -> Example {
        let chances = &self.chances;
        let happens = |chance: f64, rng: &mut Rng| rng.uniform() < chance;
        let has_emotion = clip.dominant().is_some();
        let one_way = happens(chances.one_way, rng);
        let (path, span) = Path::draw(one_way, chances.warp, rng);
        let mut frames = path.frames(&clip.frames, 0.0);
        let mut known = path.frames(&clip.known, 0.0);
        let mut feeling = clip;
        for (part, chance) in Part::ALL.into_iter().zip(chances.parts) {
            if has_emotion && happens(chance, rng) {
                let other = self.draw(emotion, rng);
                let shift = if happens(0.5, rng) {
                    rng.uniform() as f32
                } else {
                    0.0
                };
                take_part(&mut frames, &path.frames(&other.frames, shift), part);
                take_part(&mut known, &path.frames(&other.known, shift), part);
                if part == Part::Mouth {
                    feeling = other; // pleasant or not is told by the mouth first
                }
            }
        }
        widen(&mut frames, 0.85 + 0.3 * rng.uniform() as f32);
        let mut intensity = 1.0;
        if happens(chances.weaker, rng) {
            intensity = rng.uniform() as f32;
            frames.iter_mut().for_each(|frame| weaken(frame, intensity));
        }
        if happens(chances.mirror, rng) {
            frames.iter_mut().for_each(mirror);
        }
        let speed = libm::exp(0.3 * (2.0 * rng.uniform() - 1.0)) as f32;
        let length_secs = (clip.length_secs * span * speed).clamp(0.5, 7.0);
        let mut mixture = mixture_of(clip, feeling);
        if has_emotion && happens(chances.one_word, rng) {
            mixture = [0.0; EMOTIONS];
            mixture[emotion] = 1.0;
        }
        let near = |value: f32, spread: f32, rng: &mut Rng| value + spread * rng.normal() as f32;
        let spectrum = Spectrum::of(&frames);
        let mut wish = Wish {
            mixture: (mixture.iter().sum::<f32>() > 0.0).then_some(mixture),
            valence: Some(near(feeling.valence * intensity, 0.04, rng)),
            arousal: Some(near(clip.arousal * intensity, 0.04, rng)),
            intensity: Some(intensity),
            energy: Some(near(self.scales.energy(&spectrum, length_secs), 0.1, rng)),
            length_secs: Some(length_secs),
            looping: Some(!one_way),
            extras: Some(has_extras(&spectrum.0[0])),
        };
        self.leave_unsaid(&mut wish, rng);
        self.finish(&spectrum, &known, &wish)
    }

    /// A clip as it is, for measuring what was learned: `shift` loops later.
    pub fn plain(&self, clip: &Clip, shift: f32) -> Example {
        let path = Path::from(shift);
        let (frames, known) = (
            path.frames(&clip.frames, 0.0),
            path.frames(&clip.known, 0.0),
        );
        let spectrum = Spectrum::of(&frames);
        let mixture = mixture_of(clip, clip);
        let wish = Wish {
            mixture: (mixture.iter().sum::<f32>() > 0.0).then_some(mixture),
            valence: Some(clip.valence),
            arousal: Some(clip.arousal),
            intensity: Some(1.0),
            energy: Some(self.scales.energy(&spectrum, clip.length_secs)),
            length_secs: Some(clip.length_secs),
            looping: Some(true),
            extras: Some(has_extras(&spectrum.0[0])),
        };
        self.finish(&spectrum, &known, &wish)
    }

    fn leave_unsaid(&self, wish: &mut Wish, rng: &mut Rng) {
        let mut happens = |chance: f64| rng.uniform() < chance;
        let no_emotion = happens(self.chances.no_emotion);
        let [words, valence, arousal, intensity] = self
            .chances
            .unsaid_emotion
            .map(|chance| happens(chance) || no_emotion);
        let [energy, length, looping, extras] = self.chances.unsaid.map(&mut happens);
        fn forget<T>(value: &mut Option<T>, unsaid: bool) {
            if unsaid {
                *value = None;
            }
        }
        forget(&mut wish.mixture, words);
        forget(&mut wish.valence, valence);
        forget(&mut wish.arousal, arousal);
        forget(&mut wish.intensity, intensity);
        forget(&mut wish.energy, energy);
        forget(&mut wish.length_secs, length);
        forget(&mut wish.looping, looping);
        forget(&mut wish.extras, extras);
    }

    fn finish(&self, spectrum: &Spectrum, known: &[Frame], wish: &Wish) -> Example {
        let share = |place: usize| {
            known.iter().map(|known| known[place]).sum::<f32>() / known.len().max(1) as f32
        };
        let known: Vec<f32> = (0..WIDTH).map(share).collect();
        let mut latent = self.scales.latent(spectrum);
        for row in latent.chunks_exact_mut(WIDTH) {
            for (value, known) in row.iter_mut().zip(&known) {
                if *known <= 0.0 {
                    *value = 0.0;
                }
            }
        }
        Example {
            latent,
            weights: self.scales.weights(&known),
            told: wish.told(),
        }
    }
}

/// The label of a clip, with that of the clip that its mouth is from, summing to 1; all 0 where there is none.
fn mixture_of(clip: &Clip, mouth: &Clip) -> [f32; EMOTIONS] {
    let sum: [f32; EMOTIONS] = std::array::from_fn(|at| clip.emotion[at] + mouth.emotion[at]);
    let total: f32 = sum.iter().sum();
    sum.map(|weight| if total > 0.0 { weight / total } else { 0.0 })
}

/// Whether there are tears, sweat, blush, steam, hearts, sparkles or sleep in a mean frame.
pub fn has_extras(mean: &Frame) -> bool {
    let rows = BASIS.rows().iter().zip(mean);
    rows.filter(|(row, _)| {
        row.part == Part::Extras && row.kind == Kind::Amount && !row.name.ends_with("_d")
    })
    .any(|(_, value)| *value > EXTRA_SHOWN)
}

/// The mean of a root of an area above which an extra is said to be there.
const EXTRA_SHOWN: f32 = 0.03;

fn take_part(frames: &mut [Frame], others: &[Frame], part: Part) {
    let rows = BASIS.rows().iter().enumerate();
    let places: Vec<usize> = rows
        .filter(|(_, row)| row.part == part)
        .map(|(place, _)| place)
        .collect();
    for (frame, other) in frames.iter_mut().zip(others) {
        for place in &places {
            frame[*place] = other[*place];
        }
    }
}

/// Moves every number `factor` times as far from its mean.
fn widen(frames: &mut [Frame], factor: f32) {
    for (place, row) in BASIS.rows().iter().enumerate() {
        if matches!(row.kind, Kind::Style | Kind::Amount) {
            continue;
        }
        let mean =
            frames.iter().map(|frame| frame[place]).sum::<f32>() / frames.len().max(1) as f32;
        for frame in frames.iter_mut() {
            frame[place] = mean + (frame[place] - mean) * factor;
        }
    }
}

/// A face between a calm one (0) and this one (1). Styles are worn from one half on, amounts shrink until they are gone.
pub fn weaken(frame: &mut Frame, intensity: f32) {
    for (value, row) in frame.iter_mut().zip(BASIS.rows()) {
        match row.kind {
            Kind::Plain | Kind::Lens | Kind::Size => {
                *value = row.neutral + (*value - row.neutral) * intensity
            }
            Kind::Amount if row.name.ends_with("_d") => *value *= intensity,
            Kind::Amount if *value > 0.0 => {
                let weaker = *value * intensity;
                *value = if weaker > 0.08 { weaker } else { OFF };
            }
            Kind::Amount => {}
            // Brows and mouth are there however weak.
            Kind::Style if matches!(row.part, Part::Brows) || row.name == "mouth_vis" => {}
            Kind::Style => *value *= f32::from(u8::from(intensity >= 0.5)),
        }
    }
}

fn mirror(frame: &mut Frame) {
    for (value, row) in frame.iter_mut().zip(BASIS.rows()) {
        *value *= row.mirror;
    }
}

/// How strongly time is warped, at most.
const LARGEST_WARP: f64 = 0.3;

impl Path {
    /// Around the loop from a drawn place, or there and back over a part of it; and how long it is in loops.
    fn draw(one_way: bool, warp: f64, rng: &mut Rng) -> (Self, f32) {
        let start = rng.uniform();
        let span = if one_way {
            0.5 + 0.5 * rng.uniform()
        } else {
            1.0
        };
        let size = if rng.uniform() < warp {
            LARGEST_WARP * rng.uniform()
        } else {
            0.0
        };
        let at = rng.uniform();
        let warped = |place: f64| {
            let wave = |place: f64| libm::sin(std::f64::consts::TAU * (place + at));
            place + size / std::f64::consts::TAU * (wave(place) - wave(0.0))
        };
        let places = (0..GRID).map(|index| {
            let phase = phase(index, GRID);
            let place = if one_way {
                span * (1.0 - (1.0 - 2.0 * phase).abs())
            } else {
                phase
            };
            (start + warped(place)) as f32
        });
        (
            Self {
                places: places.collect(),
            },
            span as f32,
        )
    }

    /// The loop as it is, begun `shift` loops later.
    fn from(shift: f32) -> Self {
        let places = (0..GRID).map(|index| phase(index, GRID) as f32 + shift);
        Self {
            places: places.collect(),
        }
    }

    /// The frames of a loop along this path, `shift` loops later.
    fn frames(&self, of: &[Frame], shift: f32) -> Vec<Frame> {
        let count = of.len();
        let at = |place: &f32| {
            let place = (place + shift).rem_euclid(1.0) * count as f32 - 0.5;
            let (before, share) = (place.floor(), place - place.floor());
            let before = (before as isize).rem_euclid(count as isize) as usize;
            let (one, two) = (&of[before], &of[(before + 1) % count]);
            std::array::from_fn(|index| one[index] + (two[index] - one[index]) * share)
        };
        self.places.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use affetto_core::Seed;

    use super::*;
    use crate::sticker::{data::tests::invented, harmonics::ROWS};

    #[test]
    fn a_path_without_a_shift_is_the_loop() {
        let clip = &invented(1)[0];
        let same = Path::from(0.0).frames(&clip.frames, 0.0);
        let place = BASIS.place("mouth_open").unwrap();
        for (a, b) in same.iter().zip(&clip.frames) {
            assert!((a[place] - b[place]).abs() < 1e-5);
        }
        let later = Path::from(0.25).frames(&clip.frames, 0.0);
        assert!((later[0][place] - clip.frames[12][place]).abs() < 1e-5);
    }

    #[test]
    fn examples_are_the_same_for_the_same_seed_and_have_their_extents() {
        let clips = invented(10);
        let all: Vec<&Clip> = clips.iter().collect();
        let scales = Scales::of(&all);
        let augmenter = Augmenter::new(all, &scales, Chances::default());
        let draw = |seed: u64| augmenter.example(&mut Seed(seed).rng());
        assert_eq!(draw(1).latent, draw(1).latent);
        assert_ne!(draw(1).latent, draw(2).latent);
        for seed in 0..50 {
            let example = draw(seed);
            assert_eq!(
                [example.latent.len(), example.weights.len()],
                [ROWS * WIDTH; 2]
            );
            assert!(
                example
                    .latent
                    .iter()
                    .chain(&example.weights)
                    .all(|value| value.is_finite())
            );
        }
    }

    /// A clip that does not loop runs there and back, so it has no sines.
    #[test]
    fn one_way_is_even() {
        let clips = invented(10);
        let all: Vec<&Clip> = clips.iter().collect();
        let scales = Scales::of(&all);
        let chances = Chances {
            one_way: 1.0,
            ..Chances::default()
        };
        let example = Augmenter::new(all, &scales, chances).example(&mut Seed(4).rng());
        for sine in example.latent.chunks(WIDTH).skip(2).step_by(2) {
            assert!(sine.iter().all(|value| value.abs() < 1e-2), "{sine:?}");
        }
    }

    #[test]
    fn the_weakest_face_is_calm() {
        let place = |name: &str| BASIS.place(name).unwrap();
        let mut frame = invented(2)[1].frames[0];
        frame[place("sty_heart")] = 1.0;
        weaken(&mut frame, 0.0);
        for (value, row) in frame.iter().zip(BASIS.rows()) {
            assert!((value - row.neutral).abs() < 1e-6, "{}", row.name);
        }
    }
}
