//! The beat histogram: how regularly loud onsets follow each other. Drums count.

use super::{Piece, notes::Notes};
use crate::statistics::{first_largest, mean, normalised};

/// The bins of the beat histogram, in beats a minute.
const TEMPI: std::ops::RangeInclusive<usize> = 40..=200;

/// Bins above this are peaks of the second kind.
const MODERATE_PEAK: f64 = 0.01;

/// Bins above this share of the largest are relatively strong.
const RELATIVE_PEAK: f64 = 0.3;

/// A peak reaches as far as bins have this share of it.
const PEAK_FOOT: f64 = 0.3;

type Histogram = [f64; 201];

/// The beat histogram of a piece as if it were played at 120 quarters a minute, and its peaks.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Option<Beats>);

#[derive(Clone, Debug)]
struct Beats {
    /// By beats a minute.
    histogram: Histogram,
    moderate_peaks: Histogram,
    strong_peaks: Histogram,
}

impl Pulse {
    pub(super) fn of(notes: &Notes) -> Self {
        let beats = normalised(autocorrelation(notes)).map(|histogram| {
            let largest = histogram[first_largest(&histogram)];
            Beats {
                histogram,
                moderate_peaks: peaks(&histogram, MODERATE_PEAK),
                strong_peaks: peaks(&histogram, RELATIVE_PEAK * largest),
            }
        });
        Self(beats)
    }
}

/// For every tempo, the products of the loudness of onsets that lie one beat apart.
fn autocorrelation(notes: &Notes) -> Histogram {
    let attacks = attacks(notes);
    let ticks_per_minute = 120.0 * notes.ticks_per_quarter as f64;
    let lag = |tempo: usize| (ticks_per_minute / tempo as f64) as u64;
    let mut histogram = [0.0; 201];
    for tempo in TEMPI {
        histogram[tempo] = products(&attacks, lag(tempo), lag(tempo - 1));
    }
    histogram
}

/// The loudness that begins at each tick.
fn attacks(notes: &Notes) -> Vec<(u64, f64)> {
    let mut attacks: Vec<(u64, f64)> = notes
        .all
        .iter()
        .map(|note| (note.onset, f64::from(note.loudness)))
        .collect();
    attacks.sort_by_key(|(tick, _)| *tick);
    attacks.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    attacks
}

/// The sum of products of attacks that are at least `near` and less than `far` ticks apart.
fn products(attacks: &[(u64, f64)], near: u64, far: u64) -> f64 {
    let (mut first, mut last, mut between, mut sum) = (0, 0, 0.0, 0.0);
    for (tick, loudness) in attacks {
        while attacks[last].0 + near <= *tick && last < attacks.len() - 1 {
            between += attacks[last].1;
            last += 1;
        }
        while first < last && attacks[first].0 + far <= *tick {
            between -= attacks[first].1;
            first += 1;
        }
        sum += between * loudness;
    }
    sum
}

/// The bins above `least` that are larger than their neighbours, as jSymbolic finds them: from slow to fast, of
/// two neighbours the smaller goes (of equal ones the later), so that every other bin of a slope stays.
fn peaks(histogram: &Histogram, least: f64) -> Histogram {
    let mut peaks = histogram.map(|bin| if bin > least { bin } else { 0.0 });
    for bin in 1..peaks.len() {
        if peaks[bin - 1] > 0.0 && peaks[bin] > 0.0 {
            let smaller = if peaks[bin - 1] < peaks[bin] {
                bin - 1
            } else {
                bin
            };
            peaks[smaller] = 0.0;
        }
    }
    peaks
}

impl Beats {
    /// The largest moderate peak other than the strongest, with its tempo.
    fn second(&self) -> Option<(usize, f64)> {
        let strongest = first_largest(&self.histogram);
        let mut others = self.moderate_peaks;
        others[strongest] = 0.0;
        let tempo = first_largest(&others);
        (others[tempo] > 0.0).then_some((tempo, others[tempo]))
    }

    fn strong_tempi(&self) -> impl Iterator<Item = usize> {
        (0..self.strong_peaks.len()).filter(|tempo| self.strong_peaks[*tempo] > 0.001)
    }

    /// From the lowest to the highest tempo of the hill around a peak.
    fn width(&self, peak: usize) -> f64 {
        let foot = PEAK_FOOT * self.histogram[peak];
        let on_hill = |tempo: &usize| self.histogram[*tempo] >= foot;
        let below = (0..peak).rev().take_while(on_hill).count();
        let above = (peak + 1..self.histogram.len()).take_while(on_hill).count();
        (below + above) as f64
    }
}

/// *Beat Histogram Tempo Standardized* (jSymbolic R-53): the share of a pulse of `bin` + 40 beats a minute.
pub fn beat_histogram_tempo_standardized(piece: &Piece, bin: usize) -> Option<f64> {
    piece
        .pulse
        .0
        .as_ref()?
        .histogram
        .get(TEMPI.start() + bin)
        .copied()
}

/// *Number of Relatively Strong Rhythmic Pulses - Tempo Standardized* (R-56): peaks of more than 0.3 of the largest.
pub fn number_of_relatively_strong_rhythmic_pulses(piece: &Piece) -> Option<f64> {
    Some(piece.pulse.0.as_ref()?.strong_tempi().count() as f64)
}

/// *Harmonicity of Two Strongest Rhythmic Pulses - Tempo Standardized* (R-59): the faster of their tempos divided by the
/// slower. A missing second is taken as 1 beat a minute.
pub fn harmonicity_of_two_strongest_rhythmic_pulses(piece: &Piece) -> Option<f64> {
    let beats = piece.pulse.0.as_ref()?;
    let strongest = first_largest(&beats.histogram) as f64;
    let second = beats.second().map_or(1.0, |(tempo, _)| tempo as f64);
    Some((strongest / second).max(second / strongest))
}

/// *Strength of Strongest Rhythmic Pulse - Tempo Standardized* (R-60): the share of the largest bin.
pub fn strength_of_strongest_rhythmic_pulse(piece: &Piece) -> Option<f64> {
    let beats = piece.pulse.0.as_ref()?;
    Some(beats.histogram[first_largest(&beats.histogram)])
}

/// *Strength of Second Strongest Rhythmic Pulse - Tempo Standardized* (R-61): the share of the next peak of more than
/// 0.01, or 0.
pub fn strength_of_second_strongest_rhythmic_pulse(piece: &Piece) -> Option<f64> {
    let beats = piece.pulse.0.as_ref()?;
    Some(beats.second().map_or(0.0, |(_, share)| share))
}

/// *Rhythmic Looseness - Tempo Standardized* (R-65): how wide the relatively strong peaks are, in bins, down to 0.3 of
/// their height; 0 where there are none.
pub fn rhythmic_looseness(piece: &Piece) -> Option<f64> {
    let beats = piece.pulse.0.as_ref()?;
    let widths: Vec<f64> = beats
        .strong_tempi()
        .map(|tempo| beats.width(tempo))
        .collect();
    Some(mean(&widths))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attacks of 2, 3, 5 at 0, 4, 10: 4 apart 6, 6 apart 15, 10 apart 10.
    #[test]
    fn products_by_hand() {
        let attacks = [(0, 2.0), (4, 3.0), (10, 5.0)];
        assert_eq!(products(&attacks, 4, 7), 21.0);
        assert_eq!(products(&attacks, 7, 11), 10.0);
        assert_eq!(products(&attacks, 11, 99), 0.0);
        assert_eq!(products(&[], 1, 2), 0.0);
    }

    /// A slope of four: of each two the smaller goes, so the first and third go.
    #[test]
    fn a_slope_keeps_every_other_bin() {
        let mut histogram = [0.0; 201];
        histogram[50..54].copy_from_slice(&[0.1, 0.2, 0.15, 0.12]);
        let kept: Vec<usize> = (0..201)
            .filter(|bin| peaks(&histogram, 0.05)[*bin] > 0.0)
            .collect();
        assert_eq!(kept, [51, 53]);
    }
}
