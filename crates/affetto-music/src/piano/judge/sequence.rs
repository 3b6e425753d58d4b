//! A judge that reads notes one after the other: a bidirectional LSTM and attention over what it says, as the judge of
//! symbolic music of Hung et al. ("EMOPIA", 2021, section 5, after Lin et al., "A Structured Self-attentive Sentence
//! Embedding", 2017), on whole notes instead of the tokens of a MIDI file.
//!
//! | name | shape | meaning |
//! |---|---|---|
//! | `notes` | `(B, T, 5)` `u32` | what is said of each note, 0 is padding |
//! | logits | `(B, 5)` `f32` | unnormalised score of nothing, which is never right, and of Q1 to Q4 |

use std::{path::Path, sync::Arc};

use affetto_attributes::map::Quadrant;
use affetto_core::{Progress, Seed};
use affetto_media::midi::{Performance, PlayedNote};
use affetto_nn::{
    NnError,
    layers::{Dropout, EmbeddingSum, Linear},
    lstm::BiLstm,
    ops::{Attention, DropoutSeed, Softmax, Targets, cross_attention, cross_entropy},
    sample::log_probabilities,
    train::{self as training, Decay, TrainSettings, Trainee, TrainingData},
    weights::{Init, Scope, TensorFile, Weights},
};
use candle_core::{Device, Tensor};

use crate::Error;

/// How much is said of a note.
const COLUMNS: usize = 5;
/// How many values each can have, padding included: key of the piano, pitch class, loudness, length, time since the onset
/// before.
const VOCABULARIES: [usize; COLUMNS] = [89, 13, 17, 17, 17];
/// The lowest key of a piano.
const LOWEST: i16 = 21;
/// Classes of length and of time, of which each is a third of an octave from the next; the first is at this many seconds.
const SHORTEST: f64 = 0.04;
const CLASSES_PER_OCTAVE: f64 = 1.5;
/// Notes that are read at most.
const MOST_NOTES: usize = 640;
/// The width of what is said of a note.
const WIDTH: usize = 48;
/// The width of one direction of the LSTM.
const HIDDEN: usize = 64;
/// Heads of the attention.
const HEADS: usize = 4;
/// The share of numbers dropped in training.
const DROPOUT: f64 = 0.35;
/// Clips in a batch.
const BATCH: usize = 16;
/// A clip is moved by up to so many semitones in training: its key says nothing.
const MOST_SEMITONES: usize = 6;
/// At least so large a part of a clip is read in training.
const LEAST_PART: f64 = 0.6;
/// The share of the probability spread over all classes.
const SMOOTHING: f64 = 0.1;

/// What is said of the notes of a piece, in the order of their onsets, [`COLUMNS`] each.
pub type Heard = Vec<[u32; COLUMNS]>;

/// The notes of a performance as it is heard.
pub fn notes(performance: &Performance) -> Heard {
    let clock = performance.clock();
    let mut notes: Vec<_> = performance.notes.iter().collect();
    notes.sort_by_key(|note| (note.onset_tick, note.pitch));
    let mut before = notes.first().map_or(0, |note| note.onset_tick);
    let said = |note: &&PlayedNote| {
        let onset = clock.seconds(note.onset_tick);
        let gap = onset - clock.seconds(before);
        before = note.onset_tick;
        [
            key(i16::from(note.pitch)),
            1 + u32::from(note.pitch % 12),
            1 + u32::from(note.velocity / 8),
            class(clock.seconds(note.end_tick) - onset),
            class(gap),
        ]
    };
    notes.iter().take(MOST_NOTES).map(said).collect()
}

/// The key of the piano, from 1.
fn key(pitch: i16) -> u32 {
    (pitch - LOWEST + 1).clamp(1, VOCABULARIES[0] as i16 - 1) as u32
}

/// The class of a time in seconds, from 1.
fn class(seconds: f64) -> u32 {
    let octaves = libm::log2((seconds / SHORTEST).max(1e-3));
    (octaves * CLASSES_PER_OCTAVE + 2.0).clamp(1.0, VOCABULARIES[3] as f64 - 1.0) as u32
}

/// The network.
struct Network {
    embedding: EmbeddingSum,
    lstm: BiLstm,
    query: Tensor,
    keys_values: Linear,
    out: Linear,
    dropouts: [Dropout; 2],
}

struct Batch {
    items: usize,
    len: usize,
    notes: Vec<u32>,
    lengths: Arc<[usize]>,
    targets: Targets,
}

impl Network {
    fn new(scope: &Scope) -> affetto_nn::Result<Self> {
        let wide = 2 * HIDDEN;
        let pooled = scope.child("pooled");
        let dropout = |name: &str| Dropout::new(&scope.child(name), DROPOUT);
        Ok(Self {
            embedding: EmbeddingSum::new(&scope.child("notes"), VOCABULARIES.to_vec(), WIDTH)?,
            lstm: BiLstm::new(&scope.child("lstm"), WIDTH, HIDDEN)?,
            query: pooled.get("query", &[1, 1, wide], Init::Embedding { deviation: 1.0 })?,
            keys_values: Linear::new(&pooled.child("keys_values"), wide, 2 * wide)?,
            out: Linear::new(&scope.child("out"), wide, 1 + Quadrant::ALL.len())?,
            dropouts: [dropout("notes"), dropout("pooled")],
        })
    }

    /// `(B, 5)`.
    fn forward(&self, batch: &Batch, seed: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        let (items, len) = (batch.items, batch.len);
        let x = self.embedding.forward(&[&batch.notes], items * len)?;
        let x = x.reshape((items, len, WIDTH))?; // (B, T, WIDTH)
        let x = self.dropouts[0].forward(&x, seed)?;
        let (x, _) = self.lstm.forward(&x, &batch.lengths)?; // (B, T, 2 HIDDEN)
        let query = self.query.broadcast_as((items, 1, 2 * HIDDEN))?;
        let attention = Attention {
            heads: HEADS,
            softmax: Softmax {
                scale: 1.0 / ((2 * HIDDEN / HEADS) as f64).sqrt(),
                causal: false,
                key_lengths: Some(Arc::clone(&batch.lengths)),
            },
            query_rotary: None,
            key_rotary: None,
        };
        let keys_values = self.keys_values.forward(&x)?; // (B, T, 4 HIDDEN)
        let pooled = cross_attention(&query.contiguous()?, &keys_values, &attention)?;
        let pooled = self.dropouts[1].forward(&pooled.squeeze(1)?, seed)?; // (B, 2 HIDDEN)
        self.out.forward(&pooled)
    }
}

impl Trainee for Network {
    type Batch = Batch;

    fn loss(&self, batch: &Batch, seed: Option<DropoutSeed>) -> candle_core::Result<Tensor> {
        cross_entropy(&self.forward(batch, seed)?, &batch.targets)
    }

    fn tokens(&self, batch: &Batch) -> usize {
        batch.targets.count()
    }
}

impl Batch {
    /// Pieces, each with its quadrant where that is known.
    fn pad(pieces: &[(Heard, Option<Quadrant>)]) -> Self {
        let lengths: Vec<usize> = pieces.iter().map(|(notes, _)| notes.len().max(1)).collect();
        let len = lengths.iter().copied().max().unwrap_or(1);
        let mut notes = Vec::with_capacity(pieces.len() * len * COLUMNS);
        for (at, (piece, _)) in pieces.iter().enumerate() {
            notes.extend(piece.iter().flatten());
            notes.resize((at + 1) * len * COLUMNS, 0);
        }
        let target = |quadrant: &Option<Quadrant>| quadrant.map_or(0, |it| 1 + it as u32);
        let targets: Vec<u32> = pieces
            .iter()
            .map(|(_, quadrant)| target(quadrant))
            .collect();
        Self {
            items: pieces.len(),
            len,
            notes,
            lengths: lengths.into(),
            targets: Targets {
                smoothing: SMOOTHING,
                ..Targets::new(targets)
            },
        }
    }
}

/// A labelled piece to learn from.
pub type Labelled<'a> = (&'a Heard, Quadrant);

struct Data<'a> {
    pieces: &'a [Labelled<'a>],
}

impl TrainingData for Data<'_> {
    type Index = (Vec<usize>, Seed);
    type Batch = Batch;

    fn epoch(&self, seed: Seed) -> Vec<Self::Index> {
        let mut order: Vec<usize> = (0..self.pieces.len()).collect();
        seed.derive("order").rng().shuffle(&mut order);
        let batch =
            |(at, items): (usize, &[usize])| (items.to_vec(), seed.derive(&format!("batch {at}")));
        order.chunks(BATCH).enumerate().map(batch).collect()
    }

    fn batch(
        &self,
        (items, seed): &Self::Index,
    ) -> Result<Batch, Box<dyn std::error::Error + Send + Sync>> {
        let mut rng = seed.rng();
        let piece = |item: &usize| {
            let (notes, quadrant) = self.pieces[*item];
            let part = LEAST_PART + (1.0 - LEAST_PART) * rng.uniform();
            let count = ((notes.len() as f64 * part).ceil() as usize).min(notes.len());
            let start = rng.below(notes.len() - count + 1);
            let up = rng.below(2 * MOST_SEMITONES + 1) as i16 - MOST_SEMITONES as i16;
            let moved = |note: &[u32; COLUMNS]| moved(*note, up);
            let notes: Heard = notes[start..][..count].iter().map(moved).collect();
            (notes, Some(quadrant))
        };
        Ok(Batch::pad(&items.iter().map(piece).collect::<Vec<_>>()))
    }
}

/// A note so many semitones up.
fn moved([key_now, class_now, rest @ ..]: [u32; COLUMNS], up: i16) -> [u32; COLUMNS] {
    let pitch_class = (class_now as i16 - 1 + up).rem_euclid(12);
    let mut note = [
        key(key_now as i16 + LOWEST - 1 + up),
        1 + pitch_class as u32,
        0,
        0,
        0,
    ];
    note[2..].copy_from_slice(&rest);
    note
}

/// A trained judge.
pub struct SequenceJudge {
    network: Network,
}

impl SequenceJudge {
    /// Learns from `known` until `held_out` is judged no better. What it knows lies in `folder`.
    ///
    /// # Errors
    /// Where the folder cannot be written, or `progress` says to stop.
    pub fn train(
        known: &[Labelled],
        held_out: &[Labelled],
        seed: Seed,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let settings = TrainSettings {
            seed,
            peak_rate: 2e-3,
            warmup_steps: 50,
            decay: Decay::Cosine,
            average: 0.98,
            steps: 1500,
            evaluate_steps: 50,
            patience: 5,
            ..TrainSettings::default()
        };
        Self::train_as(known, held_out, &settings, folder, progress)
    }

    fn train_as(
        known: &[Labelled],
        held_out: &[Labelled],
        settings: &TrainSettings,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let weights = Weights::drawn(settings.seed, &Device::Cpu);
        let network = Network::new(&weights.root())?;
        let whole = |(notes, quadrant): &Labelled| ((*notes).clone(), Some(*quadrant));
        let held_out: Vec<_> = held_out.iter().map(whole).collect();
        let held_out: Vec<Batch> = held_out.chunks(BATCH).map(Batch::pad).collect();
        let data = Data { pieces: known };
        let report = training::train(
            &network, &weights, &data, &held_out, settings, folder, progress,
        )?;
        if report.stop == training::Stop::Cancelled {
            return Err(Error::Cancelled);
        }
        weights.import(&TensorFile::read(&folder.join(training::BEST))?)?;
        Ok(Self { network })
    }

    /// How likely each quadrant is, Q1 to Q4, for each piece.
    ///
    /// # Errors
    /// Those of the tensors.
    pub fn judge(&self, pieces: &[&Heard]) -> Result<Vec<[f64; 4]>, Error> {
        let mut judged = Vec::new();
        for pieces in pieces.chunks(BATCH) {
            let pieces: Vec<_> = pieces
                .iter()
                .map(|notes| ((*notes).clone(), None))
                .collect();
            let logits = self.network.forward(&Batch::pad(&pieces), None);
            let logits = logits.and_then(|logits| logits.to_vec2::<f32>());
            for logits in logits.map_err(NnError::from)? {
                let log = log_probabilities(&logits[1..]);
                judged.push(std::array::from_fn(|at| libm::exp(log[at])));
            }
        }
        Ok(judged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::assert_gradients;
    use affetto_core::Silent;

    /// At 120 quarters a minute and 480 ticks a quarter a second has 960 ticks.
    fn performance(notes: &[(u8, u8, u64, u64)]) -> Performance {
        let note = |(pitch, velocity, onset, end): &(u8, u8, u64, u64)| PlayedNote {
            track: 0,
            channel: 0,
            pitch: *pitch,
            velocity: *velocity,
            volume: 127,
            onset_tick: *onset,
            end_tick: *end,
        };
        Performance {
            ticks_per_quarter: 480,
            notes: notes.iter().map(note).collect(),
            tempos: Vec::new(),
            end_tick: 9600,
        }
    }

    #[test]
    fn notes_by_hand() {
        let performance = performance(&[(60, 64, 480, 960), (21, 127, 0, 960), (108, 1, 0, 30)]);
        // 0.5 s is log2(0.5 / 0.04) = 3.64 octaves above the first class, 1 s 4.64.
        let expected = [[1, 10, 16, 8, 1], [88, 1, 1, 1, 1], [40, 1, 9, 7, 7]];
        assert_eq!(notes(&performance), expected);
        assert_eq!(moved([40, 1, 9, 7, 7], -1), [39, 12, 9, 7, 7]);
        assert_eq!(moved([88, 1, 1, 1, 1], 3)[..2], [88, 4]);
    }

    /// Fast and loud against slow and soft, detached against held over the next note.
    fn piece(quadrant: Quadrant, seed: u64) -> Heard {
        let mut rng = Seed(seed).rng();
        let (velocity, gap) = match quadrant.is_awake() {
            true => (100, 120),
            false => (40, 480),
        };
        let held = if quadrant.is_pleasant() {
            gap / 4
        } else {
            3 * gap
        };
        let note = |at: u64| {
            let pitch = 60 + [0, 4, 7][rng.below(3)];
            (pitch, velocity, at * gap, at * gap + held)
        };
        let notes_of: Vec<(u8, u8, u64, u64)> = (0..24).map(note).collect();
        notes(&performance(&notes_of))
    }

    #[test]
    fn it_learns_what_tells_quadrants_apart() {
        let pieces = |seeds: std::ops::Range<u64>| -> Vec<(Heard, Quadrant)> {
            let all = seeds.flat_map(|seed| Quadrant::ALL.map(|it| (piece(it, seed), it)));
            all.collect()
        };
        let (known, held_out, unknown) = (pieces(0..12), pieces(12..16), pieces(16..20));
        let labelled = |pieces: &'static [(Heard, Quadrant)]| -> Vec<Labelled<'static>> {
            pieces.iter().map(|(notes, it)| (notes, *it)).collect()
        };
        let [known, held_out, unknown] =
            [known, held_out, unknown].map(|pieces| labelled(Vec::leak(pieces)));
        let folder = tempfile::tempdir().unwrap();
        let settings = TrainSettings {
            peak_rate: 5e-3,
            warmup_steps: 10,
            steps: 80,
            evaluate_steps: 40,
            average: 0.9,
            ..TrainSettings::default()
        };
        let (folder, quiet) = (folder.path(), &Silent);
        let judge = SequenceJudge::train_as(&known, &held_out, &settings, folder, quiet).unwrap();
        let notes: Vec<&Heard> = unknown.iter().map(|(notes, _)| *notes).collect();
        let judged = judge.judge(&notes).unwrap();
        let right = judged.iter().zip(&unknown).filter(|(votes, (_, asked))| {
            let best = (0..4).max_by(|a, b| votes[*a].total_cmp(&votes[*b]));
            best == Some(*asked as usize)
        });
        assert!(right.count() >= 14, "{judged:?}");
        for votes in judged {
            assert!((votes.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn gradients_of_every_parameter_are_right() {
        let weights = Weights::drawn(Seed(8), &Device::Cpu);
        let network = Network::new(&weights.root()).unwrap();
        let pieces: Vec<(Heard, Option<Quadrant>)> = (0..3)
            .map(|seed| {
                (
                    piece(Quadrant::Q2, seed)[..8 + seed as usize].to_vec(),
                    Some(Quadrant::Q2),
                )
            })
            .collect();
        let batch = Batch::pad(&pieces);
        let seed = Some(DropoutSeed(Seed(4)));
        assert_gradients(&weights, || network.loss(&batch, seed).unwrap());
    }
}
