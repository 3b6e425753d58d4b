//! Which glyph an eye or a mouth shows: what the weights say, held long enough that it does not flicker.

use super::{Channel as C, StickerTake};
use affetto_emotion::frames_per_second;

/// How an eye is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EyeGlyph {
    Lens,
    White,
    Squint,
    Heart,
    Star,
    Dizzy,
}

impl EyeGlyph {
    pub(super) const ALL: [Self; 6] = [
        Self::Lens,
        Self::White,
        Self::Squint,
        Self::Heart,
        Self::Star,
        Self::Dizzy,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lens => "lens",
            Self::White => "white",
            Self::Squint => "squint",
            Self::Heart => "heart",
            Self::Star => "star",
            Self::Dizzy => "dizzy",
        }
    }
}

/// How a mouth is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MouthGlyph {
    Lens,
    Wave,
    Kiss,
}

impl MouthGlyph {
    pub(super) const ALL: [Self; 3] = [Self::Lens, Self::Wave, Self::Kiss];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lens => "lens",
            Self::Wave => "wave",
            Self::Kiss => "kiss",
        }
    }
}

/// A glyph and how large it is shown: it pops as it appears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown<G> {
    pub(super) glyph: G,
    pub(super) pop: f32,
}

/// The glyph of each frame of a take, and how many seconds it has been there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Glyphs<G> {
    frames: Vec<(G, f32)>,
    per_second: f64,
    loops: bool,
}

/// A weight that stands alone is shown from here on.
const ON: f32 = 0.6;
/// What is shown stays until its weight is below.
const OFF: f32 = 0.4;
/// What is shown for less gives way to what was there before, in seconds.
const BRIEFEST: f64 = 0.15;
/// How long a glyph takes to pop, in seconds.
const POP: f32 = 0.125;

impl Glyphs<EyeGlyph> {
    /// Those of an eye, 0 on the left of the picture and 1 on the right.
    pub(super) fn eye(take: &StickerTake, side: usize) -> Self {
        let [white, squint] = [[C::EyeLWhite, C::EyeLSquint], [C::EyeRWhite, C::EyeRSquint]][side];
        Self::new(
            take,
            EyeGlyph::Lens,
            &[
                (EyeGlyph::White, white, 1.0),
                (EyeGlyph::Squint, squint, 1.0),
                (EyeGlyph::Heart, C::StyHeart, 1.0),
                (EyeGlyph::Star, C::StyStar, 1.0),
                (EyeGlyph::Dizzy, C::StyDizzy, 1.0),
            ],
        )
    }
}

impl Glyphs<MouthGlyph> {
    pub(super) fn mouth(take: &StickerTake) -> Self {
        Self::new(
            take,
            MouthGlyph::Lens,
            &[
                (MouthGlyph::Wave, C::MouthWave, 1.0 / 0.036),
                (MouthGlyph::Kiss, C::MouthKiss, 1.0),
            ],
        )
    }
}

impl<G: Copy + PartialEq> Glyphs<G> {
    fn new(take: &StickerTake, base: G, weights: &[(G, C, f32)]) -> Self {
        let per_second = frames_per_second(take.rate);
        let mut shown = base;
        let mut glyphs = Vec::new();
        // A loop is gone through twice: its beginning follows its end.
        for _ in 0..if take.loops { 2 } else { 1 } {
            glyphs.clear();
            for pose in &take.frames {
                let weight = |(_, channel, factor): &(G, C, f32)| pose[*channel] * factor;
                let own = weights.iter().find(|(glyph, ..)| *glyph == shown);
                if own.is_some_and(|own| weight(own) < OFF) {
                    shown = base;
                }
                let held = weights.iter().find(|(glyph, ..)| *glyph == shown);
                let least = held.map_or(ON, |held| weight(held).max(ON));
                let best = weights
                    .iter()
                    .max_by(|a, b| weight(a).total_cmp(&weight(b)));
                if let Some(best) = best.filter(|best| weight(best) > least) {
                    shown = best.0;
                }
                glyphs.push(shown);
            }
        }
        let briefest = (BRIEFEST * per_second).ceil() as usize;
        without_brief(&mut glyphs, briefest, take.loops);
        Self {
            frames: since(&glyphs, take.loops, per_second),
            per_second,
            loops: take.loops,
        }
    }

    /// Whether it is shown at some time.
    pub(super) fn contains(&self, glyph: G) -> bool {
        self.frames.iter().any(|(shown, _)| *shown == glyph)
    }

    pub(super) fn at(&self, seconds: f64) -> Option<Shown<G>> {
        let position = seconds * self.per_second + 1e-6; // a frame's own moment is its own
        let count = self.frames.len() as i64;
        let number = position.floor() as i64;
        let index = match self.loops {
            true => number.rem_euclid(count.max(1)),
            false => number.clamp(0, count.max(1) - 1),
        };
        let (glyph, since) = *self.frames.get(index as usize)?;
        let into_frame = ((position - position.floor()) / self.per_second) as f32;
        Some(Shown {
            glyph,
            pop: pop(since + into_frame),
        })
    }
}

/// 0.8, 1.1, 1.
fn pop(since: f32) -> f32 {
    let share = since / POP;
    match share {
        share if share < 0.35 => 0.8 + 0.3 * share / 0.35,
        share if share < 1.0 => 1.1 - 0.1 * (share - 0.35) / 0.65,
        _ => 1.0,
    }
}

/// Gives each frame of a run shorter than `briefest` the glyph before it.
fn without_brief<G: Copy + PartialEq>(glyphs: &mut [G], briefest: usize, loops: bool) {
    let count = glyphs.len();
    // Begins where something changes, so that no run lies across the end.
    let change = (1..count).find(|at| glyphs[*at] != glyphs[at - 1]);
    let Some(first) = change else {
        return;
    };
    let begin = if loops { first } else { 0 };
    let mut at = 0;
    while at < count {
        let glyph = glyphs[(begin + at) % count];
        let length = (at..count)
            .take_while(|at| glyphs[(begin + at) % count] == glyph)
            .count();
        let has_before = loops || at > 0;
        if length < briefest && has_before {
            let before = glyphs[(begin + at + count - 1) % count];
            for frame in at..at + length {
                glyphs[(begin + frame) % count] = before;
            }
        }
        at += length;
    }
}

/// Each with the seconds since it appeared; what is there from the beginning, or all the time, has been there long.
fn since<G: Copy + PartialEq>(glyphs: &[G], loops: bool, per_second: f64) -> Vec<(G, f32)> {
    let long = f32::MAX;
    let mut frames: Vec<(G, f32)> = glyphs.iter().map(|glyph| (*glyph, long)).collect();
    let count = frames.len();
    let mut age = None;
    for step in 0..if loops { 2 * count } else { count } {
        let index = step % count;
        let is_new = step > 0 && glyphs[index] != glyphs[(step - 1) % count];
        age = if is_new {
            Some(0)
        } else {
            age.map(|age: u32| age + 1)
        };
        if let Some(age) = age {
            frames[index].1 = (f64::from(age) / per_second) as f32;
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_emotion::FrameRate;

    use super::{super::Pose, *};

    fn take(weights: &[f32], loops: bool) -> StickerTake {
        let pose = |weight: &f32| {
            let mut pose = Pose::rest();
            pose[C::StyHeart] = *weight;
            pose
        };
        StickerTake {
            rate: FrameRate::new(24, 1),
            loops,
            frames: weights.iter().map(pose).collect(),
        }
    }

    fn hearts(weights: &[f32], loops: bool) -> String {
        let glyphs = Glyphs::eye(&take(weights, loops), 0);
        let letter = |(glyph, _): &(EyeGlyph, f32)| match glyph {
            EyeGlyph::Heart => 'h',
            _ => '.',
        };
        glyphs.frames.iter().map(letter).collect()
    }

    #[test]
    fn weights_are_held_between_on_and_off_and_brief_ones_left_out() {
        let slow = [
            0.0, 0.5, 0.55, 0.7, 0.5, 0.45, 0.5, 0.41, 0.3, 0.0, 0.0, 0.0, 0.0,
        ];
        assert_eq!(hearts(&slow, false), "...hhhhh.....");
        let brief = [0.0, 0.0, 0.0, 0.0, 0.9, 0.9, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(hearts(&brief, false), "..........");
        let across = [0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9, 0.9];
        assert_eq!(hearts(&across, true), "hh.....hhh");
    }

    #[test]
    fn a_glyph_pops_as_it_appears() {
        let weights = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let glyphs = Glyphs::eye(&take(&weights, false), 1);
        let pop = |frame: f64| glyphs.at(frame / 24.0).unwrap().pop;
        assert!((pop(4.0) - 0.8).abs() < 1e-3);
        assert!((pop(5.05) - 1.1).abs() < 0.02);
        assert_eq!(pop(8.0), 1.0);
        assert_eq!(pop(0.0), 1.0);
        let always = Glyphs::eye(&take(&[1.0; 6], true), 0);
        assert_eq!(always.at(0.0).unwrap().pop, 1.0);
    }
}
