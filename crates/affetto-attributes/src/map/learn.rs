//! A map from labelled pieces.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use affetto_core::{Progress, Seed, Warning};

use super::{
    AttributeMap, AttributeStatistics, Cue, CueModel, LabelledPiece, MAP_SCHEMA, QUANTILE_SHARES,
    Quadrant, QuadrantStatistics, Summary, Validation,
    validate::{Sample, validate},
};
use crate::{
    Error,
    piece::{Attribute, Reading, Values, measure_files},
    statistics::{mean, quantile, sample_deviation},
};

/// A longer mean note-to-note overlap than this is a pedal's, not a hand's.
const LONGEST_LEGATO: f64 = 1.2;

/// Tempo marks that differ by less than this, in beats a minute, say nothing.
const LEAST_TEMPO_SPREAD_BPM: f64 = 1.0;

/// What to learn from.
#[derive(Clone, Debug)]
pub struct LearnRequest {
    /// The folder that the paths of the labels start from.
    pub data: PathBuf,
    /// The pieces and their emotions.
    pub pieces: Vec<LabelledPiece>,
    /// What the map says of where they come from.
    pub source: String,
    /// How the pieces are read.
    pub reading: Reading,
    /// Deals songs and grows trees.
    pub seed: Seed,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The map.
    pub map: AttributeMap,
    /// How well the attributes tell quadrants of songs that were not learned from.
    pub validation: Validation,
    /// The files that could not be measured, and why.
    pub failed: Vec<(PathBuf, String)>,
}

/// A labelled piece with its values.
struct Measured<'a> {
    piece: &'a LabelledPiece,
    values: Values,
    /// For EmoGen and the classifiers, undefined values are 0.
    row: Vec<f64>,
    written: Vec<f64>,
}

/// Measures the pieces, validates by song, and makes the map. A file that cannot be measured is a warning. Pieces
/// whose point lies on an axis belong to no quadrant and count for the thresholds only.
///
/// # Errors
///
/// [`Error::TooFewPieces`] where a quadrant has fewer than ten, [`Error::Cancelled`].
pub fn learn(request: &LearnRequest, progress: &dyn Progress) -> Result<Learned, Error> {
    let (measured, failed) = measure(request, progress)?;
    let labelled: Vec<(&Measured<'_>, Quadrant)> = measured
        .iter()
        .filter_map(|one| Some((one, Quadrant::of(one.piece.point)?)))
        .collect();
    let sample = Sample {
        rows: labelled.iter().map(|(one, _)| one.row.as_slice()).collect(),
        written: labelled
            .iter()
            .map(|(one, _)| one.written.as_slice())
            .collect(),
        quadrants: labelled.iter().map(|(_, quadrant)| *quadrant).collect(),
        songs: labelled
            .iter()
            .map(|(one, _)| one.piece.song.as_str())
            .collect(),
    };
    let (validation, importance) = validate(&sample, request.seed, progress)?;
    if progress.cancelled() {
        return Err(Error::Cancelled);
    }
    let attributes: Vec<AttributeStatistics> = Attribute::ALL
        .iter()
        .zip(importance)
        .map(|(attribute, importance)| statistics(*attribute, importance, &measured, &labelled))
        .collect();
    let songs: BTreeSet<&str> = measured.iter().map(|one| one.piece.song.as_str()).collect();
    let of_quadrant = |quadrant: Quadrant| {
        sample
            .quadrants
            .iter()
            .filter(|other| **other == quadrant)
            .count()
    };
    let map = AttributeMap {
        schema: MAP_SCHEMA.into(),
        source: request.source.clone(),
        reading: request.reading,
        pieces: measured.len(),
        songs: songs.len(),
        quadrant_pieces: Quadrant::ALL.map(of_quadrant),
        cues: Cue::ALL
            .map(|cue| cue_model(cue, &attributes, &labelled))
            .to_vec(),
        attributes,
    };
    Ok(Learned {
        map,
        validation,
        failed,
    })
}

type Failed = Vec<(PathBuf, String)>;

fn measure<'r>(
    request: &'r LearnRequest,
    progress: &dyn Progress,
) -> Result<(Vec<Measured<'r>>, Failed), Error> {
    let paths: Vec<PathBuf> = request
        .pieces
        .iter()
        .map(|piece| request.data.join(&piece.path))
        .collect();
    let mut failed = Vec::new();
    let values = |reading: Reading, failed: &mut Failed| {
        let mut all: Vec<Option<Values>> = Vec::with_capacity(paths.len());
        measure_files(&paths, reading, progress, |path: &Path, outcome| {
            if let Err(error) = &outcome {
                progress.warn(Warning(error.to_string()));
                failed.push((path.into(), error.to_string()));
            }
            all.push(outcome.ok());
            Ok::<(), Error>(())
        })?;
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(all)
    };
    let read = values(request.reading, &mut failed)?;
    let written = match request.reading {
        Reading::Written => read.clone(),
        Reading::Performed => values(Reading::Written, &mut Vec::new())?,
    };
    let defined = |values: &Values| {
        values
            .iter()
            .map(|value| value.unwrap_or(0.0))
            .collect::<Vec<f64>>()
    };
    let measured =
        request
            .pieces
            .iter()
            .zip(read)
            .zip(written)
            .filter_map(|((piece, values), written)| {
                let values = values?;
                Some(Measured {
                    piece,
                    row: defined(&values),
                    values,
                    written: defined(&written?),
                })
            });
    Ok((measured.collect(), failed))
}

fn statistics(
    attribute: Attribute,
    importance: f64,
    measured: &[Measured<'_>],
    labelled: &[(&Measured<'_>, Quadrant)],
) -> AttributeStatistics {
    let value = |one: &Measured<'_>| one.values[attribute.index()];
    let all: Vec<f64> = measured.iter().filter_map(value).collect();
    let threshold = quantile(&all, 0.5).unwrap_or(0.0);
    AttributeStatistics {
        attribute,
        importance: Some(rounded(importance)),
        threshold: rounded(threshold),
        quantiles: (!all.is_empty()).then(|| {
            QUANTILE_SHARES.map(|share| rounded(quantile(&all, share).unwrap_or(threshold)))
        }),
        quadrants: Quadrant::ALL.map(|quadrant| {
            let own = labelled.iter().filter(|(_, other)| *other == quadrant);
            let own: Vec<Option<f64>> = own.map(|(one, _)| value(one)).collect();
            QuadrantStatistics {
                share_above: rounded(share_above(&own, threshold)),
                values: summary(&own.into_iter().flatten().collect::<Vec<f64>>()),
            }
        }),
    }
}

/// An undefined value is not above.
fn share_above(values: &[Option<f64>], threshold: f64) -> f64 {
    let above = values
        .iter()
        .flatten()
        .filter(|value| **value > threshold)
        .count();
    above as f64 / values.len().max(1) as f64
}

fn summary(values: &[f64]) -> Option<Summary> {
    Some(Summary {
        mean: rounded(mean(values)),
        deviation: rounded(sample_deviation(values).unwrap_or(0.0)),
        lower_quartile: rounded(quantile(values, 0.25)?),
        median: rounded(quantile(values, 0.5)?),
        upper_quartile: rounded(quantile(values, 0.75)?),
    })
}

/// Five significant digits: more is noise, and a statistic of many pieces tells nothing of one.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// The cue as the pieces have it, where they can have it, with the literature's directions.
fn cue_model(
    cue: Cue,
    attributes: &[AttributeStatistics],
    labelled: &[(&Measured<'_>, Quadrant)],
) -> CueModel {
    let literature = cue.literature();
    if cue == Cue::Mode {
        return match major_shares(labelled) {
            Some(shares) => rounded_model(CueModel::fitted(cue, shares, 0.0)),
            None => literature,
        };
    }
    let statistics = attributes
        .iter()
        .find(|statistics| statistics.attribute == cue.attribute());
    let summaries = statistics.and_then(|statistics| {
        let values = statistics.quadrants.map(|quadrant| quadrant.values);
        let [Some(q1), Some(q2), Some(q3), Some(q4)] = values else {
            return None;
        };
        let says = match cue {
            Cue::Tempo => {
                statistics.quantiles?[7] - statistics.quantiles?[1] > LEAST_TEMPO_SPREAD_BPM
            }
            Cue::Articulation => statistics.threshold < LONGEST_LEGATO,
            _ => statistics.spread()? > 0.0,
        };
        says.then_some([q1, q2, q3, q4])
    });
    let Some(summaries) = summaries else {
        return literature;
    };
    let width = |summary: Summary| match cue {
        Cue::Tempo => libm::log2(summary.upper_quartile.max(1.0) / summary.lower_quartile.max(1.0)),
        _ => summary.upper_quartile - summary.lower_quartile,
    };
    let half_spread = mean(&summaries.map(width)) / 2.0;
    rounded_model(CueModel::fitted(
        cue,
        summaries.map(|summary| summary.median),
        half_spread,
    ))
}

/// In each quadrant the share of pieces nearer to major than to minor.
fn major_shares(labelled: &[(&Measured<'_>, Quadrant)]) -> Option<[f64; 4]> {
    let attribute = Cue::Mode.attribute();
    let share = |quadrant: Quadrant| {
        let own = labelled.iter().filter(|(_, other)| *other == quadrant);
        let values: Vec<f64> = own
            .filter_map(|(one, _)| one.values[attribute.index()])
            .collect();
        let major = values.iter().filter(|value| **value > 0.0).count();
        (!values.is_empty()).then(|| major as f64 / values.len() as f64)
    };
    let [Some(q1), Some(q2), Some(q3), Some(q4)] = Quadrant::ALL.map(share) else {
        return None;
    };
    Some([q1, q2, q3, q4])
}

fn rounded_model(model: CueModel) -> CueModel {
    CueModel {
        neutral: rounded(model.neutral),
        per_valence: rounded(model.per_valence),
        per_arousal: rounded(model.per_arousal),
        half_spread: rounded(model.half_spread),
        ..model
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto_core::Silent;
    use affetto_emotion::Vad;
    use affetto_media::{
        Bar, Key, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange, midi,
    };

    use super::*;

    #[test]
    fn rounding_keeps_five_digits() {
        assert_eq!(rounded(123_456.7), 123_460.0);
        assert_eq!(rounded(-0.000_123_456_7), -0.000_123_46);
        assert_eq!(rounded(0.0), 0.0);
    }

    /// Pleasant pieces are in C major and unpleasant ones in C minor; awake ones are fast, loud and dense.
    fn piece(quadrant: Quadrant, seed: u64) -> Vec<u8> {
        let mut rng = Seed(seed).derive(quadrant.name()).rng();
        let scale: [u8; 7] = if quadrant.is_pleasant() {
            [0, 2, 4, 5, 7, 9, 11]
        } else {
            [0, 2, 3, 5, 7, 8, 10]
        };
        let (step, velocity, bpm) = if quadrant.is_awake() {
            (1, 90, 150.0)
        } else {
            (4, 50, 70.0)
        };
        let note = |index: i64, rng: &mut affetto_core::Rng| Note {
            onset: Quarters::new(index * step, 4),
            pitch: 60 + scale[[0, 2, 4, rng.below(7)][rng.below(4)]],
            duration: Quarters::new(step, 4),
            velocity: velocity + rng.below(10) as u8,
        };
        let notes: Vec<Note> = (0..64 / step).map(|index| note(index, &mut rng)).collect();
        midi::write(&Score {
            title: String::new(),
            creator: String::new(),
            bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 4],
            tempos: vec![TempoChange {
                onset: Quarters::from_integer(0),
                tempo: Tempo::from_bpm(bpm + 10.0 * rng.normal()),
            }],
            chords: vec![],
            sections: vec![],
            parts: vec![Part {
                name: "Piano".into(),
                role: Role::Other,
                program: 0,
                channel: 0,
                notes,
            }],
        })
        .unwrap()
    }

    fn request(folder: &Path) -> LearnRequest {
        let corners = [(0.6, 0.6), (-0.6, 0.6), (-0.6, -0.6), (0.6, -0.6)];
        let mut pieces = Vec::new();
        for (quadrant, (valence, arousal)) in Quadrant::ALL.into_iter().zip(corners) {
            for song in 0..12 {
                let path = format!("{}-{song}.mid", quadrant.name());
                std::fs::write(folder.join(&path), piece(quadrant, song)).unwrap();
                pieces.push(LabelledPiece {
                    path: path.into(),
                    point: Vad::new(valence, arousal, 0.0).unwrap(),
                    song: format!("{song}"),
                });
            }
        }
        LearnRequest {
            data: folder.into(),
            pieces,
            source: "made for a test".into(),
            reading: Reading::Performed,
            seed: Seed(1),
        }
    }

    #[test]
    fn a_map_says_what_the_pieces_have() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = request(folder.path());
        std::fs::write(folder.path().join("bad.mid"), "MThd").unwrap();
        request.pieces.push(LabelledPiece {
            path: "bad.mid".into(),
            point: Vad::NEUTRAL,
            song: "bad".into(),
        });
        let learned = learn(&request, &Silent).unwrap();
        assert_eq!(learned.failed.len(), 1);
        let map = &learned.map;
        assert_eq!(
            (map.pieces, map.songs, map.quadrant_pieces),
            (48, 12, [12; 4])
        );
        let Validation {
            centres, forest, ..
        } = learned.validation;
        assert!(
            centres.quadrant > 0.6 && centres.arousal > 0.99,
            "{centres:?}"
        );
        assert!(forest.quadrant > 0.6 && forest.arousal > 0.99, "{forest:?}");
        assert_eq!(learned.validation.chance.quadrant, 0.25);
        let cue = |cue: Cue| map.cues.iter().find(|model| model.cue == cue).unwrap();
        assert!((cue(Cue::Tempo).neutral - libm::sqrt(150.0 * 70.0)).abs() < 10.0);
        assert!((cue(Cue::Tempo).per_arousal - 0.55).abs() < 0.1);
        assert!(cue(Cue::Mode).per_valence > 0.3);
        assert!((cue(Cue::Loudness).per_arousal - 20.0).abs() < 2.0);
        let text = serde_json::to_string(map).unwrap();
        assert_eq!(&AttributeMap::parse(&text).unwrap(), map);
        assert_eq!(learn(&request, &Silent).unwrap().map, *map);
    }

    #[test]
    fn too_few_pieces_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = request(folder.path());
        request
            .pieces
            .retain(|piece| piece.song != "3" && piece.song != "4" && piece.song != "5");
        assert!(matches!(
            learn(&request, &Silent),
            Err(Error::TooFewPieces {
                found: 9,
                least: 10
            })
        ));
    }
}
