//! What jSymbolic's hundred leave out: how fast, how loud, how long, how high and in which mode a piece sounds, in
//! seconds and MIDI numbers. Chosen after the cues of Eerola, Friberg & Bresin, "Emotional expression in music:
//! contribution, linearity, and additivity of primary musical cues" (2013).

use affetto_media::Mode;

use super::{
    Piece,
    notes::{Note, Notes, onset_groups},
    sounding::{Span, pitches_of},
};
use crate::{
    compare::pearson,
    statistics::{first_largest, mean, quantile},
    tonality::{MAJOR_PROFILE, MINOR_PROFILE},
};

/// A note that lasts this many times as long as the time to the next note of its line is as connected as can be.
const MOST_LEGATO: f64 = 2.0;

/// Of the felt pulse, the width of a bin in seconds.
const PULSE_BIN_SECS: f64 = 0.01;

/// Of the felt pulse, the bins searched: 30 to 240 beats a minute.
const FIRST_PULSE_BIN: usize = 25;
const LAST_PULSE_BIN: usize = 200;

/// Of the felt pulse, the period that people prefer, and how much they do, in octaves (Ellis, "Beat tracking by
/// dynamic programming", 2007: 0.5 s, 1.4 octaves).
const PREFERRED_PERIOD_SECS: f64 = 0.5;
const PREFERENCE_OCTAVES: f64 = 1.4;

/// What a listener hears first.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    onsets_per_sec: Option<f64>,
    loudness: Vec<f64>,
    lengths_secs: Vec<f64>,
    legato: Option<f64>,
    major_minus_minor: Option<f64>,
    top_line: Option<f64>,
    bass_line: Option<f64>,
    pulse_bpm: Option<f64>,
}

impl Expression {
    pub(super) fn of(notes: &Notes, spans: &[Span]) -> Self {
        let groups = onset_groups(&notes.all);
        let of_all = |measure: fn(&Note) -> f64| notes.all.iter().map(measure).collect();
        Self {
            onsets_per_sec: per_second(groups.len(), notes),
            loudness: of_all(|note| f64::from(note.loudness)),
            lengths_secs: of_all(|note| note.end_secs - note.onset_secs),
            legato: legato(&onset_groups(&notes.pitched)),
            major_minus_minor: major_minus_minor(&notes.pitched),
            top_line: mean_over_time(spans, |span| pitches_of(span.pitches).last()),
            bass_line: mean_over_time(spans, |span| pitches_of(span.pitches).next()),
            pulse_bpm: pulse_bpm(&groups),
        }
    }
}

fn per_second(count: usize, notes: &Notes) -> Option<f64> {
    (notes.seconds > 0.0).then(|| count as f64 / notes.seconds)
}

/// Along the highest notes: how much of the time to the next one a note fills.
fn legato(groups: &[Vec<Note>]) -> Option<f64> {
    let highest = |group: &Vec<Note>| group.iter().max_by_key(|note| note.pitch).copied();
    let line: Vec<Note> = groups.iter().filter_map(highest).collect();
    let filled = |pair: &[Note]| {
        let gap = pair[1].onset_secs - pair[0].onset_secs;
        let length = pair[0].end_secs - pair[0].onset_secs;
        (gap > 0.0).then(|| (length / gap).min(MOST_LEGATO))
    };
    let filled: Vec<f64> = line.windows(2).filter_map(filled).collect();
    (!filled.is_empty()).then(|| mean(&filled))
}

/// The correlation of the pitch classes, by time, with the best major key less that with the best minor key.
fn major_minus_minor(notes: &[Note]) -> Option<f64> {
    let mut classes = [0.0; 12];
    for note in notes {
        classes[usize::from(note.pitch % 12)] += note.end_secs - note.onset_secs;
    }
    let best = |mode: Mode| {
        let profile = match mode {
            Mode::Major => MAJOR_PROFILE,
            Mode::Minor => MINOR_PROFILE,
        };
        let with_tonic = |tonic: usize| {
            let mut turned = classes;
            turned.rotate_left(tonic);
            pearson(&turned, &profile)
        };
        (0..12).filter_map(with_tonic).reduce(f64::max)
    };
    Some(best(Mode::Major)? - best(Mode::Minor)?)
}

fn mean_over_time(spans: &[Span], pitch: impl Fn(&Span) -> Option<usize>) -> Option<f64> {
    let (mut sum, mut ticks) = (0.0, 0.0);
    for span in spans {
        sum += pitch(span)? as f64 * span.ticks as f64;
        ticks += span.ticks as f64;
    }
    (ticks > 0.0).then(|| sum / ticks)
}

/// The period at which loud onsets follow each other most, by autocorrelation under the preferred tempo.
fn pulse_bpm(groups: &[Vec<Note>]) -> Option<f64> {
    let mut attacks: Vec<(usize, f64)> = Vec::new();
    for group in groups {
        let bin = (group[0].onset_secs / PULSE_BIN_SECS).round() as usize;
        let loudness: f64 = group.iter().map(|note| f64::from(note.loudness)).sum();
        match attacks.last_mut() {
            Some((last, sum)) if *last == bin => *sum += loudness,
            _ => attacks.push((bin, loudness)),
        }
    }
    let mut products = [0.0; LAST_PULSE_BIN + 3];
    for (at, (bin, loudness)) in attacks.iter().enumerate() {
        let earlier = attacks[..at]
            .iter()
            .rev()
            .take_while(|(other, _)| bin - other < LAST_PULSE_BIN + 3);
        for (other, other_loudness) in earlier {
            products[bin - other] += loudness * other_loudness;
        }
    }
    let weighted: Vec<f64> = (FIRST_PULSE_BIN..=LAST_PULSE_BIN)
        .map(|bin| preference(bin) * smoothed(&products, bin))
        .collect();
    let best = first_largest(&weighted);
    (weighted[best] > 0.0).then(|| 60.0 / ((FIRST_PULSE_BIN + best) as f64 * PULSE_BIN_SECS))
}

fn preference(bin: usize) -> f64 {
    let octaves = libm::log2(bin as f64 * PULSE_BIN_SECS / PREFERRED_PERIOD_SECS);
    libm::exp(-0.5 * (octaves / PREFERENCE_OCTAVES).powi(2))
}

/// Played onsets stray by some hundredths of a second.
fn smoothed(products: &[f64], bin: usize) -> f64 {
    [1.0, 2.0, 3.0, 2.0, 1.0]
        .iter()
        .zip(&products[bin - 2..=bin + 2])
        .map(|(weight, product)| weight * product)
        .sum()
}

/// *Notes per Second*: notes divided by the length of the piece.
pub fn notes_per_second(piece: &Piece) -> Option<f64> {
    per_second(piece.notes.all.len(), &piece.notes)
}

/// *Onsets per Second*: the same with notes that begin together counted once.
pub fn onsets_per_second(piece: &Piece) -> Option<f64> {
    piece.expression.onsets_per_sec
}

/// *Mean Loudness*: velocity times channel volume, 0 to 127.
pub fn mean_loudness(piece: &Piece) -> Option<f64> {
    let loudness = &piece.expression.loudness;
    (!loudness.is_empty()).then(|| mean(loudness))
}

/// *Loudness Span*: from the loudness that a tenth of the notes stay below to the one that a tenth exceed.
pub fn loudness_span(piece: &Piece) -> Option<f64> {
    let loudness = &piece.expression.loudness;
    Some(quantile(loudness, 0.9)? - quantile(loudness, 0.1)?)
}

/// *Mean Note Length* in seconds, the pedal left out.
pub fn mean_note_length(piece: &Piece) -> Option<f64> {
    let lengths = &piece.expression.lengths_secs;
    (!lengths.is_empty()).then(|| mean(lengths))
}

/// *Median Note Length* in seconds.
pub fn median_note_length(piece: &Piece) -> Option<f64> {
    quantile(&piece.expression.lengths_secs, 0.5)
}

/// *Written Tempo*: the mean tempo of the file's tempo marks, in quarters a minute. A transcription of a
/// performance usually says 120 whatever is played; see [`felt_pulse`].
pub fn written_tempo(piece: &Piece) -> Option<f64> {
    piece.notes.tempo_bpm
}

/// *Felt Pulse*: beats a minute by the regularity of loud onsets, 30 to 240. A guess, often twice or half of what
/// a listener taps.
pub fn felt_pulse(piece: &Piece) -> Option<f64> {
    piece.expression.pulse_bpm
}

/// *Major minus Minor*: how much better the pitch classes fit the best major key than the best minor key, as a
/// difference of correlations with the profiles of Albrecht & Shanahan (2013). Above 0 is major.
pub fn major_minus_minor_key(piece: &Piece) -> Option<f64> {
    piece.expression.major_minus_minor
}

/// *Top Line Pitch*: the highest pitch that sounds, the mean over time, as a MIDI number.
pub fn top_line_pitch(piece: &Piece) -> Option<f64> {
    piece.expression.top_line
}

/// *Bass Line Pitch*: the lowest pitch that sounds, the mean over time, as a MIDI number.
pub fn bass_line_pitch(piece: &Piece) -> Option<f64> {
    piece.expression.bass_line
}

/// *Legato*: how much of the time to the next note the notes of the top line fill, up to 2: below 1 detached,
/// above 1 overlapping (compare the key overlap of Bresin & Battel 2000).
pub fn articulation(piece: &Piece) -> Option<f64> {
    piece.expression.legato
}
