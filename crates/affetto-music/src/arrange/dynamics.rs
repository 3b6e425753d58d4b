//! How loud each note is: the level of the piece, metric accents, and the rise and fall of phrases.

use affetto_media::{Note, Quarters, Role, Score, f64_from_quarters};

use crate::rules;

use super::{
    grid::{self, Weight},
    mean, of_each_bar,
};

/// How many bars make a phrase.
const PHRASE_BARS: usize = 4;

/// Where a phrase is loudest, as a share of its length.
const PEAK: f64 = 0.6;

/// What the loudness of a note of the accompaniment depends on.
pub(super) struct Loudness {
    pub onset: Quarters,
    pub weight: Weight,
    /// How much metric accents count; 1 is usual.
    pub accent: f64,
    /// Louder than the level by this.
    pub above: f64,
}

/// The level of the accompaniment.
pub(super) struct Levels {
    /// Where each bar begins, and how loud it is.
    bars: Vec<(Quarters, f64)>,
    phrases: Vec<Quarters>,
}

/// How much louder the accompaniment is for each unit of dynamics.
const LEVEL_PER_DYNAMICS: f64 = 24.0;

impl Levels {
    /// 58 (mezzo piano) at an arousal of 0, and on the whole at least 16 below the mean of the melody.
    /// `arousal` has one value a bar.
    pub(super) fn new(score: &Score, arousal: &[f64]) -> Self {
        let notes = score.melody().map_or(&[][..], |melody| &melody.notes);
        let sum: f64 = notes.iter().map(|note| f64::from(note.velocity)).sum();
        let below_melody = match notes.len() {
            0 => 127.0,
            count => sum / count as f64 - 16.0,
        };
        let dynamics: Vec<f64> = arousal
            .iter()
            .map(|arousal| rules::dynamics(0.0, *arousal))
            .collect();
        let mean = mean(&dynamics);
        let level = (58.0 + LEVEL_PER_DYNAMICS * mean).min(below_melody);
        let of_bar = |dynamics: &f64| level + LEVEL_PER_DYNAMICS * (dynamics - mean);
        Self {
            bars: score
                .bar_onsets()
                .into_iter()
                .zip(dynamics.iter().map(of_bar))
                .collect(),
            phrases: phrase_onsets(score),
        }
    }

    fn level(&self, onset: Quarters) -> f64 {
        let bar = self.bars.partition_point(|(start, _)| *start <= onset);
        self.bars[..bar].last().map_or(58.0, |(_, level)| *level)
    }

    pub(super) fn velocity(&self, loudness: Loudness) -> u8 {
        let accent = match loudness.weight {
            Weight::Bar => 6.0,
            Weight::Group => 3.0,
            Weight::Pulse => -1.0,
            Weight::Off => -5.0,
        };
        let swell = 3.0 * arch(&self.phrases, loudness.onset);
        velocity(self.level(loudness.onset) + loudness.accent * accent + swell + loudness.above)
    }
}

fn velocity(loudness: f64) -> u8 {
    loudness.round().clamp(1.0, 127.0) as u8
}

/// Where phrases begin: every four bars, counted anew after a pick-up and at each section. The end of the score
/// comes last.
fn phrase_onsets(score: &Score) -> Vec<Quarters> {
    let grids = grid::grids(score);
    let mut onsets = Vec::new();
    let mut bars = 0;
    let mut sections = score
        .sections
        .iter()
        .map(|section| section.onset)
        .peekable();
    for (place, grid) in grids.iter().enumerate() {
        let mut begins = place == 0 || bars == PHRASE_BARS || grids[place - 1].pickup;
        while sections.next_if(|onset| *onset <= grid.start).is_some() {
            begins = true;
        }
        if begins {
            // A pick-up belongs to the phrase that follows it.
            let after_pickup = place > 0 && grids[place - 1].pickup;
            onsets.extend((!after_pickup).then_some(grid.start));
            bars = 0;
        }
        bars += 1;
    }
    onsets.push(score.length());
    onsets
}

/// -1 at the ends of a phrase, 1 at its peak; two parabolas.
fn arch(phrases: &[Quarters], onset: Quarters) -> f64 {
    let next = phrases.partition_point(|start| *start <= onset);
    let (Some(start), Some(end)) = (
        next.checked_sub(1).and_then(|place| phrases.get(place)),
        phrases.get(next),
    ) else {
        return -1.0;
    };
    let share = f64_from_quarters(onset - start) / f64_from_quarters(end - start);
    let from_peak = if share < PEAK {
        (PEAK - share) / PEAK
    } else {
        (share - PEAK) / (1.0 - PEAK)
    };
    1.0 - 2.0 * from_peak * from_peak
}

/// Gives the melody of `score` velocities as a player would: each phrase of four bars rises and falls, higher
/// notes and strong beats are louder, the last note of a phrase is softer.
///
/// `dynamics` runs from -1 (pianissimo, near 52) over 0 (mezzo forte, near 76) to 1 (fortissimo, near 100).
pub fn shape_melody(score: &Score, dynamics: f64) -> Score {
    shape_melody_along(score, &vec![dynamics; score.bars.len()])
}

/// As [`shape_melody`], with dynamics for each bar; bars without any are at 0.
pub fn shape_melody_along(score: &Score, dynamics: &[f64]) -> Score {
    let dynamics = of_each_bar(score, dynamics);
    let (grids, phrases) = (grid::grids(score), phrase_onsets(score));
    let mut shaped = score.clone();
    let melody = shaped
        .parts
        .iter_mut()
        .find(|part| part.role == Role::Melody);
    let Some(melody) = melody else {
        return shaped;
    };
    for phrase in phrases.windows(2) {
        let first = melody.notes.partition_point(|note| note.onset < phrase[0]);
        let after = melody.notes.partition_point(|note| note.onset < phrase[1]);
        let notes = &mut melody.notes[first..after];
        let sum: f64 = notes.iter().map(|note| f64::from(note.pitch)).sum();
        let mean = sum / notes.len().max(1) as f64;
        let last = notes.len().saturating_sub(1);
        for (place, note) in notes.iter_mut().enumerate() {
            let bar = grids
                .partition_point(|grid| grid.start <= note.onset)
                .saturating_sub(1);
            let height = (0.7 * (f64::from(note.pitch) - mean)).clamp(-8.0, 8.0);
            let accent = match grids[bar].weight(note.onset) {
                Weight::Bar => 5.0,
                Weight::Group => 2.0,
                Weight::Pulse => 0.0,
                Weight::Off => -3.0,
            };
            let close = if place == last && last > 0 { -5.0 } else { 0.0 };
            let level = 76.0 + 24.0 * dynamics[bar];
            let loudness = level + 6.0 * arch(&phrases, note.onset) + height + accent + close;
            *note = Note {
                velocity: velocity(loudness),
                ..*note
            };
        }
    }
    shaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_rises_to_its_peak_and_falls() {
        let phrases = [0, 10, 20].map(Quarters::from_integer);
        let at = |onset| arch(&phrases, Quarters::from_integer(onset));
        assert_eq!((at(0), at(6), at(10)), (-1.0, 1.0, -1.0));
        assert!(at(3) > at(1) && at(7) > at(9));
        assert_eq!(at(20), -1.0);
    }
}
