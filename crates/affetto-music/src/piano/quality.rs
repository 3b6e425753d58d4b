//! Measures of piano music that say nothing of its emotion: how varied, how regular, how thick it is.

use super::grid::{GridPiece, TimedNote};

/// The names of [`measures`], in their order.
pub const MEASURES: [&str; 6] = [
    "pitch_class_entropy",
    "scale_consistency",
    "groove_consistency",
    "polyphony",
    "notes_per_bar",
    "empty_bar_share",
];

/// Degrees of a major scale above its tonic, a bit each, and of a natural minor one, which are those of its relative.
const MAJOR: u16 = 0b1010_1011_0101;

/// The usual measures of symbolic music, in the order of [`MEASURES`].
///
/// | measure | is |
/// |---|---|
/// | pitch-class entropy | entropy of the pitch classes by number of notes, in bits (Wu & Yang 2020) |
/// | scale consistency | the largest share of notes that lie in one major or natural minor scale (Mogren 2016) |
/// | groove consistency | 1 less the mean share of positions in which the onsets of a bar differ from those of the bar before (Wu & Yang 2020) |
/// | polyphony | mean number of pitches that sound, where any does |
/// | notes per bar | notes by bars |
/// | empty-bar share | the share of bars in which no note begins |
pub fn measures(piece: &GridPiece) -> [f64; 6] {
    let notes = piece.timed_notes();
    let bars = piece.bars.len().max(1) as f64;
    let empty = piece.bars.iter().filter(|bar| bar.notes.is_empty());
    [
        pitch_class_entropy(&notes),
        scale_consistency(&notes),
        groove_consistency(piece),
        polyphony(&notes),
        notes.len() as f64 / bars,
        empty.count() as f64 / bars,
    ]
}

fn pitch_classes(notes: &[TimedNote]) -> [f64; 12] {
    let mut shares = [0.0; 12];
    for note in notes {
        shares[usize::from(note.pitch % 12)] += 1.0 / notes.len() as f64;
    }
    shares
}

fn pitch_class_entropy(notes: &[TimedNote]) -> f64 {
    let bits = |share: &f64| match *share {
        share if share > 0.0 => -share * libm::log2(share),
        _ => 0.0,
    };
    pitch_classes(notes).iter().map(bits).sum()
}

fn scale_consistency(notes: &[TimedNote]) -> f64 {
    let shares = pitch_classes(notes);
    let inside = |tonic: usize| -> f64 {
        let degree = |class: &usize| (class + 12 - tonic) % 12;
        let in_scale = |class: &usize| MAJOR >> degree(class) & 1 == 1;
        (0..12).filter(in_scale).map(|class| shares[class]).sum()
    };
    (0..12).map(inside).fold(0.0, f64::max)
}

fn groove_consistency(piece: &GridPiece) -> f64 {
    let onsets: Vec<Vec<bool>> = piece
        .bars
        .iter()
        .map(|bar| {
            let mut onsets = vec![false; bar.positions() as usize];
            for note in &bar.notes {
                onsets[usize::from(note.position)] = true;
            }
            onsets
        })
        .collect();
    let differing = |pair: &[Vec<bool>]| {
        let longer = pair[0].len().max(pair[1].len());
        let at = |bar: &Vec<bool>, position: usize| bar.get(position).copied().unwrap_or(false);
        let count =
            (0..longer).filter(|position| at(&pair[0], *position) != at(&pair[1], *position));
        count.count() as f64 / longer.max(1) as f64
    };
    let shares: Vec<f64> = onsets.windows(2).map(differing).collect();
    1.0 - shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

fn polyphony(notes: &[TimedNote]) -> f64 {
    let sounding: i64 = notes.iter().map(|note| note.end - note.onset).sum();
    let (mut any, mut until) = (0, 0);
    for note in notes {
        any += (note.end - note.onset.max(until)).max(0);
        until = until.max(note.end);
    }
    sounding as f64 / any.max(1) as f64
}

#[cfg(test)]
mod tests {
    use affetto_media::Metre;

    use super::*;
    use crate::piano::{
        grid::{Span, Struck, place},
        tokens::TempoStep,
    };

    /// Two bars of 4/4: C E G and a C an octave up, each a quarter; then C E together for a half and silence.
    #[test]
    fn measures_by_hand() {
        let span = |onset| Span {
            metre: Metre::COMMON,
            tempo: TempoStep::of_bpm(100.0),
            onset,
        };
        let note = |onset: f64, end: f64, pitch| Struck {
            onset,
            end,
            pitch,
            velocity: 80,
        };
        let notes = [
            note(0.0, 1.0, 60),
            note(1.0, 2.0, 64),
            note(2.0, 3.0, 67),
            note(3.0, 4.0, 72),
            note(4.0, 6.0, 60),
            note(4.0, 6.0, 64),
        ];
        let piece = place(&[span(0.0), span(4.0), span(8.0)], &notes);
        let [entropy, scale, groove, polyphony, density, empty] = measures(&piece);
        // C 1/2, E 1/3, G 1/6.
        let expected = 0.5 + libm::log2(3.0) / 3.0 + libm::log2(6.0) / 6.0;
        assert!((entropy - expected).abs() < 1e-12);
        assert!((scale - 1.0).abs() < 1e-12);
        // 3 of 48 onsets differ, then 1 of 48.
        assert!((groove - (1.0 - 2.0 / 48.0)).abs() < 1e-12);
        assert!((polyphony - 8.0 / 6.0).abs() < 1e-12);
        assert!((density - 2.0).abs() < 1e-12 && (empty - 1.0 / 3.0).abs() < 1e-12);
    }
}
