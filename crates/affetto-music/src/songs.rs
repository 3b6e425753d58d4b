//! The corpus as sequences: what is trained on, chosen by, and measured on.

use std::path::Path;

use affetto_core::{Progress, Seed};
use affetto_media::Mode;
use rayon::prelude::*;

use crate::{
    corpus::{self, Song, Source, augment::mode_flip},
    dataset::{sequences, weight},
    tokens::{Sequence, Style},
};

/// The seed of the split into training, validation and test titles: the same for every model.
pub const SPLIT: Seed = Seed(2021);
/// How often the mode-flipped form of a song in major is drawn, relative to the song.
const FLIPPED: f64 = 0.25;

/// Sequences to train on with their weights, to choose by, and to measure on.
#[derive(Clone, Debug, Default)]
pub struct Songs {
    /// To train on.
    pub train: Vec<Sequence>,
    /// So many of `train`, the first, are as they were written; the others are mode-flipped.
    pub originals: usize,
    /// How often each of `train` is drawn in an epoch.
    pub weights: Vec<f64>,
    /// To choose the best weights by.
    pub valid: Vec<Sequence>,
    /// Never trained on nor chosen by.
    pub test: Vec<Sequence>,
    /// Songs in each part.
    pub counts: [usize; 3],
    /// The names of the sources that songs came from.
    pub sources: Vec<&'static str>,
}

/// The kind of song that a source holds.
pub const fn style_of(source: Source) -> Option<Style> {
    match source {
        Source::OpenEwld | Source::Neonscribe => Some(Style::Song),
        Source::OpenHymnal => Some(Style::Hymn),
        Source::OpenScoreLieder => Some(Style::Lied),
        Source::User => None,
    }
}

impl Songs {
    /// Reads the archives and files below `folder`, splits by title, then augments the training part.
    pub fn read(folder: &Path, progress: &dyn Progress) -> Result<Self, corpus::Error> {
        let corpus = corpus::read(folder, &corpus::Options::default(), progress)?;
        Ok(Self::of(&corpus.songs))
    }

    /// Splits and augments `songs`.
    pub fn of(songs: &[Song]) -> Self {
        let split = corpus::split::split(songs, SPLIT);
        let mut prepared = Self {
            counts: [split.train.len(), split.valid.len(), split.test.len()],
            valid: all_sequences(&split.valid),
            test: all_sequences(&split.test),
            train: all_sequences(&split.train),
            originals: 0,
            weights: Vec::new(),
            sources: Source::ALL
                .into_iter()
                .filter(|source| songs.iter().any(|song| song.source == *source))
                .map(Source::name)
                .collect(),
        };
        prepared.originals = prepared.train.len();
        prepared.weights = prepared.train.iter().map(weight).collect();
        let flipped = flipped(&split.train);
        prepared
            .weights
            .extend(flipped.iter().map(|sequence| FLIPPED * weight(sequence)));
        prepared.train.extend(flipped);
        prepared
    }

    /// How many tokens `sequences` have.
    pub fn tokens(sequences: &[Sequence]) -> usize {
        sequences.iter().map(|sequence| sequence.tokens.len()).sum()
    }
}

fn all_sequences(songs: &[Song]) -> Vec<Sequence> {
    songs
        .par_iter()
        .flat_map(|song| sequences(&song.score, style_of(song.source)))
        .collect()
}

/// The songs in major, in the parallel minor.
fn flipped(songs: &[Song]) -> Vec<Sequence> {
    songs
        .par_iter()
        .filter(|song| {
            song.score
                .bars
                .first()
                .is_some_and(|bar| bar.key.mode() == Mode::Major)
        })
        .filter_map(|song| Some((mode_flip(&song.score)?, style_of(song.source))))
        .flat_map(|(score, style)| sequences(&score, style))
        .collect()
}
