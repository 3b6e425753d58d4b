//! What sounds together: intervals and chords. Drums do not count.

use super::{
    Piece,
    notes::Notes,
    sounding::{PitchSet, Sounding, Span, pitches_of},
};
use crate::statistics::normalised;

/// What jSymbolic tells apart in *Chord Type Histogram*, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChordType {
    /// Two pitch classes.
    TwoClasses,
    /// Minor triad.
    Minor,
    /// Major triad.
    Major,
    /// Diminished triad.
    Diminished,
    /// Augmented triad.
    Augmented,
    /// Three other pitch classes.
    OtherThree,
    /// Minor seventh chord.
    MinorSeventh,
    /// Dominant seventh chord.
    DominantSeventh,
    /// Major seventh chord.
    MajorSeventh,
    /// Four other pitch classes.
    OtherFour,
    /// Five to eleven pitch classes.
    FiveOrMore,
}

impl ChordType {
    /// Those with a name, as semitones above the root.
    const NAMED: [(Self, &'static [usize]); 7] = [
        (Self::Minor, &[0, 3, 7]),
        (Self::Major, &[0, 4, 7]),
        (Self::Diminished, &[0, 3, 6]),
        (Self::Augmented, &[0, 4, 8]),
        (Self::MinorSeventh, &[0, 3, 7, 10]),
        (Self::DominantSeventh, &[0, 4, 7, 10]),
        (Self::MajorSeventh, &[0, 4, 7, 11]),
    ];

    /// The type of a set of pitch classes (bit `c` stands for class `c`), whatever its root; nothing for one class
    /// and for all twelve.
    fn of(classes: u16) -> Option<Self> {
        let is = |semitones: &[usize]| {
            let shape = semitones.iter().fold(0, |set: u16, step| set | 1 << step);
            (0..12).any(|root| (shape << root | shape >> (12 - root)) & 0xfff == classes)
        };
        let named = Self::NAMED.iter().find(|(_, semitones)| is(semitones));
        match (named, classes.count_ones()) {
            (Some((chord, _)), _) => Some(*chord),
            (None, 2) => Some(Self::TwoClasses),
            (None, 3) => Some(Self::OtherThree),
            (None, 4) => Some(Self::OtherFour),
            (None, 5..=11) => Some(Self::FiveOrMore),
            _ => None,
        }
    }
}

/// The intervals and chords of a piece.
#[derive(Clone, Debug)]
pub(super) struct Verticals {
    intervals: Option<[f64; 128]>,
    wrapped: Option<[f64; 12]>,
    chords: Option<[f64; 11]>,
    simultaneous: Option<f64>,
    chord_ticks: Option<f64>,
}

impl Verticals {
    pub(super) fn of(sounding: &Sounding) -> Self {
        let intervals = normalised(sounding.intervals);
        Self {
            intervals,
            wrapped: intervals.map(|intervals| wrapped(&intervals)),
            chords: normalised(chords(&sounding.spans)),
            simultaneous: simultaneous(&sounding.spans),
            chord_ticks: chord_ticks(&sounding.spans),
        }
    }
}

fn wrapped(intervals: &[f64; 128]) -> [f64; 12] {
    let mut wrapped = [0.0; 12];
    for (size, share) in intervals.iter().enumerate() {
        wrapped[size % 12] += share;
    }
    wrapped
}

fn chords(spans: &[Span]) -> [f64; 11] {
    let mut ticks = [0.0; 11];
    let mut last = (0, None);
    for span in spans {
        let classes = pitches_of(span.pitches).fold(0, |set: u16, pitch| set | 1 << (pitch % 12));
        if last.0 != classes {
            last = (classes, ChordType::of(classes));
        }
        if let Some(chord) = last.1 {
            ticks[chord as usize] += span.ticks as f64;
        }
    }
    ticks
}

fn total_ticks(spans: &[Span]) -> Option<f64> {
    let total: u64 = spans.iter().map(|span| span.ticks).sum();
    (total > 0).then_some(total as f64)
}

fn simultaneous(spans: &[Span]) -> Option<f64> {
    let weighted = |span: &Span| f64::from(span.pitches.count_ones()) * span.ticks as f64;
    Some(spans.iter().map(weighted).sum::<f64>() / total_ticks(spans)?)
}

/// The mean length of a chord in ticks: how long the pitch classes stay the same in the same order from the bass
/// up, rests passed over. jSymbolic counts every chord but the first one tick short.
fn chord_ticks(spans: &[Span]) -> Option<f64> {
    let mut chords = 0_u64;
    let mut last = None;
    for span in spans {
        let chord = Some(classes_from_bass(span.pitches));
        if chord != last {
            chords += 1;
            last = chord;
        }
    }
    let total = total_ticks(spans)?;
    Some((total - (chords - 1) as f64) / chords as f64)
}

/// The pitch classes in the order of their lowest notes, four bits each.
fn classes_from_bass(pitches: PitchSet) -> u64 {
    let mut seen = 0_u16;
    let mut order = 1; // marks the length
    for pitch in pitches_of(pitches) {
        let class = pitch % 12;
        if seen & 1 << class == 0 {
            seen |= 1 << class;
            order = order << 4 | class as u64;
        }
    }
    order
}

fn wrapped_sum(piece: &Piece, semitones: &[usize]) -> Option<f64> {
    let wrapped = piece.verticals.wrapped?;
    Some(semitones.iter().map(|size| wrapped[*size]).sum())
}

/// jSymbolic's ratios are 0 where either side is.
fn ratio_or_zero(over: f64, under: f64) -> f64 {
    if over == 0.0 || under == 0.0 {
        0.0
    } else {
        over / under
    }
}

/// *Vertical Interval Histogram* (jSymbolic C-1): the share of intervals of `semitones` among all pairs of notes that
/// sound together, each weighted by how long it sounds and by both velocities.
pub fn vertical_interval_histogram(piece: &Piece, semitones: usize) -> Option<f64> {
    piece.verticals.intervals?.get(semitones).copied()
}

/// *Wrapped Vertical Interval Histogram* (C-2): the same with octaves left out; 0 are unisons and octaves.
pub fn wrapped_vertical_interval_histogram(piece: &Piece, semitones: usize) -> Option<f64> {
    piece.verticals.wrapped?.get(semitones).copied()
}

/// *Chord Type Histogram* (C-3): the share of the time with two pitch classes or more that is of this type.
pub fn chord_type_histogram(piece: &Piece, chord: ChordType) -> Option<f64> {
    Some(piece.verticals.chords?[chord as usize])
}

/// *Average Number of Simultaneous Pitches* (C-6): over the time in which something sounds.
pub fn average_number_of_simultaneous_pitches(piece: &Piece) -> Option<f64> {
    piece.verticals.simultaneous
}

/// *Prevalence of Most Common Vertical Interval* (C-11): the largest share of one size, octaves left out.
pub fn prevalence_of_most_common_vertical_interval(piece: &Piece) -> Option<f64> {
    Some(piece.verticals.wrapped?.into_iter().fold(0.0, f64::max))
}

/// *Perfect Vertical Intervals* (C-23): the share of unisons, octaves, fourths and fifths.
pub fn perfect_vertical_intervals(piece: &Piece) -> Option<f64> {
    wrapped_sum(piece, &[0, 5, 7])
}

/// *Vertical Dissonance Ratio* (C-24): seconds, tritones and sevenths against all other intervals; 0 where either is
/// missing.
pub fn vertical_dissonance_ratio(piece: &Piece) -> Option<f64> {
    let dissonant = wrapped_sum(piece, &[1, 2, 6, 10, 11])?;
    let consonant = wrapped_sum(piece, &[0, 3, 4, 5, 7, 8, 9])?;
    Some(ratio_or_zero(dissonant, consonant))
}

/// *Chord Duration* (C-27): how long the pitch classes that sound stay the same, in quarters by the tempo at the
/// beginning.
pub fn chord_duration(piece: &Piece) -> Option<f64> {
    let Notes {
        first_tick_secs, ..
    } = piece.notes;
    Some(piece.verticals.chord_ticks? * first_tick_secs / piece.notes.quarter_secs()?)
}

/// *Seventh Chords* (C-32): the share of minor, dominant and major sevenths among the chords.
pub fn seventh_chords(piece: &Piece) -> Option<f64> {
    let chords = piece.verticals.chords?;
    let sevenths = [
        ChordType::MinorSeventh,
        ChordType::DominantSeventh,
        ChordType::MajorSeventh,
    ];
    Some(sevenths.map(|chord| chords[chord as usize]).iter().sum())
}

/// *Minor Major Triad Ratio* (C-35): the time of minor triads against that of major ones; 0 where either is missing.
pub fn minor_major_triad_ratio(piece: &Piece) -> Option<f64> {
    let chords = piece.verticals.chords?;
    Some(ratio_or_zero(
        chords[ChordType::Minor as usize],
        chords[ChordType::Major as usize],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pitches: &[usize]) -> PitchSet {
        pitches.iter().fold(0, |set, pitch| set | 1 << pitch)
    }

    #[test]
    fn chords_are_known_in_any_inversion() {
        let of = |classes: &[usize]| {
            ChordType::of(classes.iter().fold(0, |set: u16, class| set | 1 << class))
        };
        assert_eq!(of(&[4, 7, 0]), Some(ChordType::Major));
        assert_eq!(of(&[11, 2, 6]), Some(ChordType::Minor));
        assert_eq!(of(&[0, 4, 8]), Some(ChordType::Augmented));
        assert_eq!(of(&[0, 4, 7, 9]), Some(ChordType::MinorSeventh)); // C6 is Am7
        assert_eq!(of(&[0, 3, 6, 9]), Some(ChordType::OtherFour));
        assert_eq!(of(&[0, 1, 2]), Some(ChordType::OtherThree));
        assert_eq!(of(&[0, 7]), Some(ChordType::TwoClasses));
        assert_eq!(of(&[0, 2, 4, 5, 7]), Some(ChordType::FiveOrMore));
        assert_eq!(of(&[5]), None);
        assert_eq!(of(&(0..12).collect::<Vec<_>>()), None);
    }

    /// 10 ticks of C-E-G, 10 of E-G-C, 10 of E-G-C an octave higher: two chords of 30 ticks, one tick short.
    #[test]
    fn a_chord_lasts_while_its_order_stays() {
        let span = |pitches: &[usize]| Span {
            pitches: set(pitches),
            ticks: 10,
        };
        let spans = [
            span(&[60, 64, 67]),
            span(&[64, 67, 72]),
            span(&[64, 67, 72, 76]),
        ];
        assert_eq!(chord_ticks(&spans), Some(29.0 / 2.0));
    }
}
