use std::collections::BTreeMap;

use super::{ZERO, without_unison_overlaps};
use crate::{Note, Part, Quarters, Role, Score, f64_from_quarters};

/// The steps that played music is brought to: sixteenths, or else triplet eighths.
pub const PLAYED_GRID: [Quarters; 2] = [Quarters::new_raw(1, 4), Quarters::new_raw(1, 3)];

/// Moves the notes of a played file onto a grid.
///
/// Every quarter note of every bar, counted from the start of the bar, gets one step of `grid` for all
/// parts: the one with the smallest sum of squared distances from the onsets in it. An earlier
/// step of `grid` stands unless a later one at least halves that sum. Onsets and ends then go to the nearest
/// multiple of the step (of two, the earlier), and a note lasts one step at least. In a melody, a note
/// ends where the next begins, and of notes that begin together the highest stays. Bars, tempos, chords and sections stay as they are. An
/// empty grid changes nothing; steps of 0 or less are passed over.
pub fn quantise(score: &Score, grid: &[Quarters]) -> Score {
    let steps: Vec<Quarters> = grid.iter().copied().filter(|step| *step > ZERO).collect();
    if steps.is_empty() {
        return score.clone();
    }
    let beats = Beats::of_score(score, &steps);
    let parts = score.parts.iter().map(|part| Part {
        notes: quantised_notes(part, &beats),
        ..part.clone()
    });
    Score {
        parts: parts.collect(),
        ..score.clone()
    }
}

/// The grid of a score: bar by bar, and in each bar quarter by quarter.
struct Beats {
    bar_onsets: Vec<Quarters>,
    step_of_beat: BTreeMap<Quarters, Quarters>,
    first_step: Quarters,
}

impl Beats {
    fn of_score(score: &Score, steps: &[Quarters]) -> Self {
        let mut beats = Self {
            bar_onsets: score.bar_onsets(),
            step_of_beat: BTreeMap::new(),
            first_step: steps[0],
        };
        let mut onsets: BTreeMap<Quarters, Vec<Quarters>> = BTreeMap::new();
        for note in score.parts.iter().flat_map(|part| &part.notes) {
            let beat = beats.beat_at(note.onset);
            onsets.entry(beat).or_default().push(note.onset - beat);
        }
        beats.step_of_beat = onsets
            .into_iter()
            .map(|(beat, offsets)| (beat, best_step(&offsets, steps)))
            .collect();
        beats
    }

    fn end(&self) -> Quarters {
        self.bar_onsets.last().copied().unwrap_or(ZERO)
    }

    /// Where the quarter note around `time` begins.
    fn beat_at(&self, time: Quarters) -> Quarters {
        let begun = self.bar_onsets.partition_point(|onset| *onset <= time);
        let bar = self.bar_onsets[begun.max(1) - 1];
        bar + (time - bar).floor()
    }

    fn step_at(&self, time: Quarters) -> Quarters {
        let step = self.step_of_beat.get(&self.beat_at(time));
        step.copied().unwrap_or(self.first_step)
    }

    /// The nearest place on the grid, and no place past the end of its bar.
    fn nearest(&self, time: Quarters) -> Quarters {
        let beat = self.beat_at(time);
        let begun = self.bar_onsets.partition_point(|onset| *onset <= time);
        let bar_end = self.bar_onsets.get(begun).copied();
        let place = beat + rounded(time - beat, self.step_at(time));
        place.min(bar_end.unwrap_or_else(|| self.end()))
    }
}

fn rounded(offset: Quarters, step: Quarters) -> Quarters {
    let half = Quarters::new(1, 2);
    (offset / step - half).ceil() * step
}

fn best_step(offsets: &[Quarters], steps: &[Quarters]) -> Quarters {
    let cost = |step: Quarters| -> f64 {
        offsets
            .iter()
            .map(|offset| f64_from_quarters(*offset - rounded(*offset, step)).powi(2))
            .sum()
    };
    let mut best = (steps[0], cost(steps[0]));
    for step in &steps[1..] {
        let cost = cost(*step);
        if cost * 2.0 < best.1 {
            best = (*step, cost);
        }
    }
    best.0
}

fn quantised_notes(part: &Part, beats: &Beats) -> Vec<Note> {
    let notes = part.notes.iter().map(|note| quantised(note, beats));
    let notes = without_unison_overlaps(notes.collect());
    match part.role {
        Role::Melody => one_at_a_time(notes),
        _ => notes,
    }
}

fn quantised(note: &Note, beats: &Beats) -> Note {
    let step = beats.step_at(note.onset).min(beats.end());
    let onset = beats.nearest(note.onset).min(beats.end() - step);
    let end = beats.nearest(note.end()).max(onset + step);
    Note {
        onset,
        duration: end - onset,
        ..*note
    }
}

fn one_at_a_time(notes: Vec<Note>) -> Vec<Note> {
    let mut line: Vec<Note> = Vec::with_capacity(notes.len());
    for note in notes {
        match line.last_mut() {
            Some(last) if last.onset == note.onset => *last = note, // sorted by pitch
            Some(last) => {
                last.duration = last.duration.min(note.onset - last.onset);
                line.push(note);
            }
            None => line.push(note),
        }
    }
    line
}
