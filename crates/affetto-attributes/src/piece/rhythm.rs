//! How long notes last and how many there are. Drums count.

use super::{
    Piece,
    notes::{Note, Notes, by_line},
};
use crate::statistics::{first_largest, mean, normalised, sample_deviation, upper_median};

/// The note values in quarters, from a thirty-second note to a dotted double whole note.
pub const NOTE_VALUES_QUARTERS: [f64; 12] = [
    0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0,
];

/// The length of a window of *Note Density per Quarter Note Variability*.
const WINDOW_QUARTERS: u64 = 8;

/// The lengths and onsets of a piece's notes.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    values: Option<[f64; 12]>,
    /// The value of each note in quarters.
    quarters: Vec<f64>,
    /// How far each note is from its value, in quarters.
    offsets: Vec<f64>,
    /// The lengths of runs of notes of one value, by value.
    runs: [Vec<f64>; 12],
    window_densities: Vec<f64>,
    attack_intervals_secs: Vec<f64>,
}

impl Rhythm {
    pub(super) fn of(notes: &Notes) -> Self {
        let grid = Grid::new(notes.ticks_per_quarter);
        let mut rhythm = Self {
            values: None,
            quarters: Vec::with_capacity(notes.all.len()),
            offsets: Vec::with_capacity(notes.all.len()),
            runs: Default::default(),
            window_densities: window_densities(notes),
            attack_intervals_secs: attack_intervals_secs(&notes.all),
        };
        let mut counts = [0.0; 12];
        for note in &notes.all {
            let value = grid.value(note.duration());
            counts[value] += 1.0;
            rhythm.quarters.push(NOTE_VALUES_QUARTERS[value]);
            rhythm
                .offsets
                .push(grid.offset_quarters(note.duration(), value));
        }
        rhythm.values = normalised(counts);
        for line in by_line(&notes.all) {
            for run in line.chunk_by(|a, b| grid.value(a.duration()) == grid.value(b.duration())) {
                rhythm.runs[grid.value(run[0].duration())].push(run.len() as f64);
            }
        }
        rhythm
    }

    fn all_runs(&self) -> Vec<f64> {
        self.runs.iter().flatten().copied().collect()
    }

    /// A histogram over the note values of something about their runs; that of a value without any is 0, and so
    /// are all where their sum is.
    fn run_histogram(&self, measure: fn(&[f64]) -> Option<f64>) -> Option<[f64; 12]> {
        self.values?;
        let bins: [f64; 12] =
            std::array::from_fn(|value| measure(&self.runs[value]).unwrap_or(0.0));
        Some(normalised(bins).unwrap_or(bins))
    }
}

/// The note values in whole ticks, and from where on a duration belongs to each.
struct Grid {
    ticks_per_quarter: u64,
    centres: [u64; 12],
    lower_bounds: [u64; 12],
}

impl Grid {
    fn new(ticks_per_quarter: u64) -> Self {
        let centres =
            NOTE_VALUES_QUARTERS.map(|quarters| (ticks_per_quarter as f64 * quarters) as u64);
        let mut lower_bounds = [0; 12];
        for value in 1..12 {
            let (below, here) = (centres[value - 1], centres[value]);
            lower_bounds[value] = below + (here - below) / 2;
        }
        Self {
            ticks_per_quarter,
            centres,
            lower_bounds,
        }
    }

    fn value(&self, ticks: u64) -> usize {
        let at_most = self.lower_bounds[1..]
            .iter()
            .take_while(|bound| ticks >= **bound);
        at_most.count()
    }

    fn offset_quarters(&self, ticks: u64, value: usize) -> f64 {
        ticks.abs_diff(self.centres[value]) as f64 / self.ticks_per_quarter as f64
    }
}

/// Notes per quarter in each window of 8 quarters: the onsets in it over the time from its start to the last onset
/// in it or release up to its end. A window without onsets counts 0.
fn window_densities(notes: &Notes) -> Vec<f64> {
    let window = WINDOW_QUARTERS * notes.ticks_per_quarter;
    let sorted = |tick: fn(&Note) -> u64| {
        let mut ticks: Vec<u64> = notes.all.iter().map(tick).collect();
        ticks.sort_unstable();
        ticks
    };
    let (onsets, releases) = (sorted(|note| note.onset), sorted(|note| note.end));
    let density = |index: u64| {
        let (start, end) = (index * window, (index + 1) * window);
        let before_end = onsets.partition_point(|tick| *tick < end);
        let count = before_end - onsets.partition_point(|tick| *tick < start);
        let released = releases.partition_point(|tick| *tick <= end);
        let last_of = |ticks: &[u64]| ticks.last().copied().unwrap_or(0);
        let last = last_of(&onsets[..before_end]).max(last_of(&releases[..released]));
        let quarters = last.saturating_sub(start) as f64 / notes.ticks_per_quarter as f64;
        if count > 0 && quarters > 0.0 {
            count as f64 / quarters
        } else {
            0.0
        }
    };
    (0..notes.end.div_ceil(window)).map(density).collect()
}

fn attack_intervals_secs(notes: &[Note]) -> Vec<f64> {
    let mut attacks: Vec<(u64, f64)> = notes
        .iter()
        .map(|note| (note.onset, note.onset_secs))
        .collect();
    attacks.sort_by_key(|(tick, _)| *tick);
    attacks.dedup_by_key(|(tick, _)| *tick);
    attacks
        .windows(2)
        .map(|pair| pair[1].1 - pair[0].1)
        .collect()
}

fn value_sum(piece: &Piece, values: std::ops::RangeInclusive<usize>) -> Option<f64> {
    Some(piece.rhythm.values?[values].iter().sum())
}

/// *Total Number of Notes* (jSymbolic R-9).
pub fn total_number_of_notes(piece: &Piece) -> Option<f64> {
    Some(piece.notes.all.len() as f64)
}

/// *Note Density per Quarter Note* (R-10): notes divided by the length of the piece in mean quarters.
pub fn note_density_per_quarter_note(piece: &Piece) -> Option<f64> {
    let quarters = piece.notes.seconds / piece.notes.quarter_secs()?;
    Some(piece.notes.all.len() as f64 / quarters)
}

/// *Note Density per Quarter Note Variability* (R-12): the standard deviation of the density over windows of eight
/// quarters.
pub fn note_density_per_quarter_note_variability(piece: &Piece) -> Option<f64> {
    sample_deviation(&piece.rhythm.window_densities)
}

/// *Rhythmic Value Histogram* (R-13): the share of notes whose length is nearest to the note value of index `value` in
/// [`NOTE_VALUES_QUARTERS`].
pub fn rhythmic_value_histogram(piece: &Piece, value: usize) -> Option<f64> {
    piece.rhythm.values?.get(value).copied()
}

/// *Prevalence of Very Short Rhythmic Values* (R-17): thirty-second and sixteenth notes.
pub fn prevalence_of_very_short_rhythmic_values(piece: &Piece) -> Option<f64> {
    value_sum(piece, 0..=1)
}

/// *Prevalence of Short Rhythmic Values* (R-18): up to an eighth note.
pub fn prevalence_of_short_rhythmic_values(piece: &Piece) -> Option<f64> {
    value_sum(piece, 0..=2)
}

/// *Prevalence of Medium Rhythmic Values* (R-19): from an eighth to a half note.
pub fn prevalence_of_medium_rhythmic_values(piece: &Piece) -> Option<f64> {
    value_sum(piece, 2..=6)
}

/// *Prevalence of Long Rhythmic Values* (R-20): from a half note on.
pub fn prevalence_of_long_rhythmic_values(piece: &Piece) -> Option<f64> {
    value_sum(piece, 6..=11)
}

/// *Prevalence of Very Long Rhythmic Values* (R-21): from a dotted whole note on.
pub fn prevalence_of_very_long_rhythmic_values(piece: &Piece) -> Option<f64> {
    value_sum(piece, 9..=11)
}

/// *Most Common Rhythmic Value* (R-26): in quarters, the shortest of equally common ones.
pub fn most_common_rhythmic_value(piece: &Piece) -> Option<f64> {
    Some(NOTE_VALUES_QUARTERS[first_largest(&piece.rhythm.values?)])
}

/// *Prevalence of Most Common Rhythmic Value* (R-27): its share.
pub fn prevalence_of_most_common_rhythmic_value(piece: &Piece) -> Option<f64> {
    let values = piece.rhythm.values?;
    Some(values[first_largest(&values)])
}

/// *Rhythmic Value Variability* (R-30): the standard deviation of the note values, in quarters.
pub fn rhythmic_value_variability(piece: &Piece) -> Option<f64> {
    sample_deviation(&piece.rhythm.quarters)
}

/// *Rhythmic Value Kurtosis* (R-32): how heavy the tails of the note values are. jSymbolic adds the term that the
/// textbook's excess kurtosis of a sample subtracts, and so does this. Four notes at least, of two values at least.
pub fn rhythmic_value_kurtosis(piece: &Piece) -> Option<f64> {
    let quarters = &piece.rhythm.quarters;
    let deviation = sample_deviation(quarters).filter(|deviation| *deviation > 0.0)?;
    if quarters.len() < 4 {
        return None;
    }
    let (n, centre) = (quarters.len() as f64, mean(quarters));
    let fourth: f64 = quarters
        .iter()
        .map(|value| ((value - centre) / deviation).powi(4))
        .sum();
    let scale = n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
    let shift = 3.0 * (n - 1.0).powi(2) / ((n - 2.0) * (n - 3.0));
    Some(scale * fourth + shift)
}

/// *Rhythmic Value Median Run Lengths Histogram* (R-33): the median (upper middle) length of the runs of notes of value
/// `value`, as a share of the sum over all values.
pub fn rhythmic_value_median_run_lengths_histogram(piece: &Piece, value: usize) -> Option<f64> {
    piece
        .rhythm
        .run_histogram(upper_median)?
        .get(value)
        .copied()
}

/// *Mean Rhythmic Value Run Length* (R-34): how many notes of one value follow each other.
pub fn mean_rhythmic_value_run_length(piece: &Piece) -> Option<f64> {
    let runs = piece.rhythm.all_runs();
    (!runs.is_empty()).then(|| mean(&runs))
}

/// *Variability in Rhythmic Value Run Lengths* (R-36): the standard deviation of the lengths of the runs.
pub fn variability_in_rhythmic_value_run_lengths(piece: &Piece) -> Option<f64> {
    sample_deviation(&piece.rhythm.all_runs())
}

/// *Rhythmic Value Variability in Run Lengths Histogram* (R-37): the standard deviation of the lengths of the runs of
/// value `value`, as a share of the sum over all values.
pub fn rhythmic_value_variability_in_run_lengths_histogram(
    piece: &Piece,
    value: usize,
) -> Option<f64> {
    piece
        .rhythm
        .run_histogram(sample_deviation)?
        .get(value)
        .copied()
}

/// *Variability of Rhythmic Value Offsets* (R-40): the standard deviation of the distances of the notes' lengths from
/// their note values, in quarters.
pub fn variability_of_rhythmic_value_offsets(piece: &Piece) -> Option<f64> {
    sample_deviation(&piece.rhythm.offsets)
}

/// *Duration in Seconds* (RT-4): to the last event.
pub fn duration_in_seconds(piece: &Piece) -> Option<f64> {
    Some(piece.notes.seconds)
}

/// *Variability of Time Between Attacks* (RT-9): the standard deviation of the seconds from onset to onset.
pub fn variability_of_time_between_attacks(piece: &Piece) -> Option<f64> {
    sample_deviation(&piece.rhythm.attack_intervals_secs)
}
