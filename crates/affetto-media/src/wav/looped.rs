//! Loops: sound that goes on at its beginning after its end, and the marks that say where.

use std::ops::Range;

use affetto_core::Seed;

use super::{Audio, SAMPLE_RATE, file::write_dithered};
use crate::{Error, Format};

/// The first `frames` frames with all that sounds after them laid over their beginning, round and round: the loop as it
/// sounds when it has come round often enough.
pub fn fold(audio: &Audio, frames: usize) -> Audio {
    let side = |samples: &[f32]| {
        let mut folded = vec![0.0; frames];
        for round in samples.chunks(frames.max(1)) {
            for (sum, sample) in folded.iter_mut().zip(round) {
                *sum += sample;
            }
        }
        folded
    };
    Audio {
        left: side(&audio.left),
        right: side(&audio.right),
    }
}

/// What still sounds after the first `frames` frames of every round of a loop, as it dies away after the last one.
pub fn tail(audio: &Audio, frames: usize) -> Audio {
    let side = |samples: &[f32]| {
        let mut tail = vec![0.0; samples.len().saturating_sub(frames)];
        for round in 1.. {
            let Some(later) = samples.get(round * frames.max(1)..) else {
                break;
            };
            for (sum, sample) in tail.iter_mut().zip(later) {
                *sum += sample;
            }
        }
        tail
    };
    Audio {
        left: side(&audio.left),
        right: side(&audio.right),
    }
}

/// An introduction of `frames` frames before a loop: within the last `fade` frames it becomes the end of the loop, along
/// half a cosine, so that the beginning of the loop follows it as it follows the loop itself.
pub fn before_loop(intro: &Audio, looped: &Audio, frames: usize, fade: usize) -> Audio {
    let fade = fade.min(frames).min(looped.frames());
    let side = |intro: &[f32], looped: &[f32]| {
        let mut samples = intro[..frames.min(intro.len())].to_vec();
        samples.resize(frames, 0.0);
        let ending = &looped[looped.len() - fade..];
        for (n, (sample, end)) in samples[frames - fade..].iter_mut().zip(ending).enumerate() {
            let part = (n + 1) as f64 / fade as f64;
            let share = (0.5 - 0.5 * (std::f64::consts::PI * part).cos()) as f32;
            *sample += share * (end - *sample);
        }
        samples
    };
    Audio {
        left: side(&intro.left, &looped.left),
        right: side(&intro.right, &looped.right),
    }
}

/// How a loop goes on from its end to its beginning, in steps from one sample to the next (1 is full scale). Of two
/// channels the larger step counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// From the last frame of the loop to its first.
    pub step: f64,
    /// The largest step anywhere else in the sound.
    pub largest_inside: f64,
    /// The step that 999 of 1000 others do not pass.
    pub usual_inside: f64,
}

impl Seam {
    /// The seam of the loop `region` of `audio`; nothing where the region is empty or not inside it.
    pub fn of(audio: &Audio, region: &Range<usize>) -> Option<Self> {
        if region.is_empty() || region.end > audio.frames() || audio.frames() < 2 {
            return None;
        }
        let step = |from: usize, to: usize| {
            let left = (audio.left[to] - audio.left[from]).abs();
            left.max((audio.right[to] - audio.right[from]).abs())
        };
        let mut inside: Vec<f32> = (1..audio.frames()).map(|n| step(n - 1, n)).collect();
        let place = (inside.len() - 1) * 999 / 1000;
        let (_, usual, above) = inside.select_nth_unstable_by(place, f32::total_cmp);
        let usual = *usual;
        let largest = above.iter().copied().fold(usual, f32::max);
        Some(Self {
            step: step(region.end - 1, region.start).into(),
            largest_inside: largest.into(),
            usual_inside: usual.into(),
        })
    }

    /// The step at the seam beside the largest one elsewhere: at most 1 where the seam is no louder than the music. A
    /// sound that never moves has none.
    pub fn ratio(&self) -> f64 {
        if self.step == 0.0 {
            return 0.0;
        }
        self.step / self.largest_inside
    }
}

/// Where a sound loops, and what begins where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The frames that are played over and over.
    pub looped: Option<Range<usize>>,
    /// Places in it, with their names, rising.
    pub cues: Vec<(usize, String)>,
}

/// Writes a WAV file as [`write`](super::write()) does, with its marks behind the sound: a `smpl` chunk with one forward
/// loop that is repeated for ever, and a `cue ` chunk with a `LIST` of type `adtl` that holds the labels.
///
/// The dither goes by `seed`, so that files that are played together need not have the same.
///
/// # Errors
///
/// As [`write`](super::write()); and [`Error::Unsupported`] for marks outside the sound.
pub fn write_marked(audio: &Audio, marks: &Marks, seed: Seed) -> Result<Vec<u8>, Error> {
    marks.check(audio.frames())?;
    let mut bytes = write_dithered(audio, seed)?;
    if let Some(looped) = &marks.looped {
        chunk(&mut bytes, b"smpl", &sampler(looped));
    }
    if !marks.cues.is_empty() {
        chunk(&mut bytes, b"cue ", &cue_points(&marks.cues));
        chunk(&mut bytes, b"LIST", &labels(&marks.cues));
    }
    let size = u32::try_from(bytes.len() - 8).map_err(|_| refused("more than 4 GiB"))?;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(bytes)
}

impl Marks {
    fn check(&self, frames: usize) -> Result<(), Error> {
        let outside = |looped: &Range<usize>| looped.is_empty() || looped.end > frames;
        if self.looped.as_ref().is_some_and(outside) {
            return Err(refused("a loop outside its sound"));
        }
        if self.cues.iter().any(|(at, _)| *at >= frames) || !self.cues.is_sorted() {
            return Err(refused("cue points outside its sound or out of order"));
        }
        Ok(())
    }
}

fn refused(what: &str) -> Error {
    Error::Unsupported {
        format: Format::Wav,
        what: what.into(),
    }
}

/// Appends a chunk; those of an odd length are followed by a zero.
fn chunk(bytes: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(content);
    if !content.len().is_multiple_of(2) {
        bytes.push(0);
    }
}

fn words(numbers: &[u32]) -> Vec<u8> {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    bytes.collect()
}

/// One loop; its end is the last frame that is played.
fn sampler(looped: &Range<usize>) -> Vec<u8> {
    const MIDDLE_C: u32 = 60;
    let nanoseconds = (1_000_000_000 + SAMPLE_RATE / 2) / SAMPLE_RATE;
    let (first, last) = (looped.start as u32, looped.end as u32 - 1);
    let head = [0, 0, nanoseconds, MIDDLE_C, 0, 0, 0, 1, 0];
    let (forward, for_ever) = (0, 0);
    words(&[&head[..], &[0, forward, first, last, 0, for_ever]].concat())
}

fn cue_points(cues: &[(usize, String)]) -> Vec<u8> {
    let mut content = words(&[cues.len() as u32]);
    for (number, (at, _)) in (1..).zip(cues) {
        content.extend(words(&[number, *at as u32]));
        content.extend_from_slice(b"data");
        content.extend(words(&[0, 0, *at as u32]));
    }
    content
}

fn labels(cues: &[(usize, String)]) -> Vec<u8> {
    let mut content = b"adtl".to_vec();
    for (number, (_, label)) in (1_u32..).zip(cues) {
        let text = [&number.to_le_bytes()[..], label.as_bytes(), &[0]].concat();
        chunk(&mut content, b"labl", &text);
    }
    content
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::f32::consts::TAU;

    use super::*;

    fn mono(samples: &[f32]) -> Audio {
        Audio {
            left: samples.to_vec(),
            right: samples.to_vec(),
        }
    }

    #[test]
    fn what_comes_after_a_loop_is_laid_over_its_beginning() {
        let audio = mono(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        assert_eq!(fold(&audio, 3).left, [73.0, 18.0, 36.0]);
        assert_eq!(tail(&audio, 3).left, [72.0, 16.0, 32.0, 64.0]);
        assert_eq!(fold(&audio, 9).left[6..], [64.0, 0.0, 0.0]);
        assert!(tail(&audio, 9).left.is_empty());
        // The loop goes on into its tail as into itself.
        let (looped, dying) = (fold(&audio, 3), tail(&audio, 3));
        assert_eq!(dying.left[0] + audio.left[0], looped.left[0]);
    }

    #[test]
    fn an_introduction_ends_as_the_loop_does() {
        let (intro, looped) = (mono(&[1.0; 20]), mono(&[-3.0; 50]));
        let before = before_loop(&intro, &looped, 12, 4);
        assert_eq!(before.left[..8], [1.0; 8]);
        assert!(before.left[7..].is_sorted_by(|a, b| a >= b));
        assert_eq!(before.left[11], -3.0);
        assert_eq!(before_loop(&intro, &looped, 0, 4).frames(), 0);
    }

    #[test]
    fn a_seam_is_held_against_the_steps_inside() {
        // A hundred frames a period: the one loop has four of them, the other a quarter more.
        let wave: Vec<f32> = (0..1000).map(|n| (n as f32 * TAU / 100.0).sin()).collect();
        let good = Seam::of(&mono(&wave), &(100..500)).unwrap();
        assert!(
            good.ratio() < 1.001 && good.usual_inside <= good.largest_inside,
            "{good:?}"
        );
        let bad = Seam::of(&mono(&wave), &(100..525)).unwrap();
        assert!(bad.ratio() > 10.0, "{bad:?}");
        assert_eq!(Seam::of(&mono(&[0.0; 9]), &(2..9)).unwrap().ratio(), 0.0);
        for region in [3..3, 0..10] {
            assert_eq!(Seam::of(&mono(&[0.0; 9]), &region), None);
        }
    }

    #[test]
    fn marks_outside_the_sound_are_refused() {
        let write = |looped, cues: &[usize]| {
            let cues = cues.iter().map(|at| (*at, "a".to_owned())).collect();
            write_marked(&mono(&[0.1; 9]), &Marks { looped, cues }, Seed(1))
        };
        assert!(write(Some(0..9), &[0, 3, 8]).is_ok());
        assert!(write(Some(0..10), &[]).is_err() && write(Some(4..4), &[]).is_err());
        assert!(write(None, &[9]).is_err() && write(None, &[3, 1]).is_err());
    }

    #[test]
    fn a_file_says_how_long_it_is_and_keeps_its_sound() {
        let marks = Marks {
            looped: Some(2..9),
            cues: vec![(0, "Intro 1".into()), (2, "Loop 10".into())],
        };
        let bytes = write_marked(&mono(&[0.1; 9]), &marks, Seed(1)).unwrap();
        let plain = super::super::write(&mono(&[0.1; 9])).unwrap();
        assert_eq!(
            u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize,
            bytes.len() - 8
        );
        assert_eq!(bytes[8..44], plain[8..44]);
        let samples: Vec<i16> = hound::WavReader::new(&bytes[..])
            .unwrap()
            .into_samples()
            .map(Result::unwrap)
            .collect();
        assert_eq!(samples.len(), 18);
        let at = |name: &[u8]| {
            bytes
                .windows(name.len())
                .position(|found| found == name)
                .unwrap()
        };
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let smpl = at(b"smpl") + 8;
        assert_eq!(
            (number(smpl + 28), number(smpl + 44), number(smpl + 48)),
            (1, 2, 8)
        );
        assert_eq!(number(at(b"cue ") + 8), 2);
        assert!(at(b"Loop 10\0") > at(b"labl"));
    }
}
