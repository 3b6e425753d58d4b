//! An automatic judge of the emotion of piano music, for measuring what was generated.
//!
//! A random forest over the quadrants on [`features`] that are none of the attributes that music is asked for, so that it
//! does not hear with the ears of the composer. It is trained on clips that may not be given away, and is made anew by
//! whoever has them; nothing of it ships.

mod features;
mod report;

use affetto_core::Seed;
use affetto_media::midi::Performance;

use crate::{
    Error,
    map::{Forest, Quadrant},
};
pub use features::features;
pub use report::{JudgeReport, Judged, Share, pairs_in_order};

/// A judge of quadrants.
pub struct Judge {
    forest: Forest,
}

/// A clip with its label.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Its [`features`], values only.
    pub features: Vec<f64>,
    /// What it was labelled as.
    pub quadrant: Quadrant,
    /// What it is cut from.
    pub song: String,
}

/// The values of [`features`].
pub fn row(performance: &Performance) -> Vec<f64> {
    let named = features(performance).into_iter();
    named.map(|(_, value)| value).collect()
}

impl Judge {
    /// Learns from clips.
    ///
    /// # Errors
    /// Where there are none, or a feature is not finite.
    pub fn train(clips: &[&Clip], seed: Seed) -> Result<Self, Error> {
        let rows: Vec<&[f64]> = clips.iter().map(|clip| clip.features.as_slice()).collect();
        let quadrants: Vec<Quadrant> = clips.iter().map(|clip| clip.quadrant).collect();
        let forest = Forest::grow(&rows, &quadrants, seed)?;
        Ok(Self { forest })
    }

    /// For each row of [`features`] how likely each quadrant is, Q1 to Q4.
    ///
    /// # Errors
    /// Where a row has another number of features than those trained on.
    pub fn judge(&self, rows: &[Vec<f64>]) -> Result<Vec<[f64; 4]>, Error> {
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        self.forest.votes(&rows)
    }
}

/// Judges every clip by a judge that was trained on other songs: `folds` of them, dealt out at random.
///
/// # Errors
/// As [`Judge::train`].
pub fn cross_validated(clips: &[Clip], folds: usize, seed: Seed) -> Result<Vec<Judged>, Error> {
    let mut songs: Vec<&str> = clips.iter().map(|clip| clip.song.as_str()).collect();
    songs.sort_unstable();
    songs.dedup();
    seed.derive("songs").rng().shuffle(&mut songs);
    let fold_of = |clip: &Clip| {
        songs
            .iter()
            .position(|song| *song == clip.song)
            .unwrap_or(0)
            % folds
    };
    let mut judged = Vec::new();
    for fold in 0..folds {
        let (unseen, seen): (Vec<&Clip>, Vec<&Clip>) =
            clips.iter().partition(|clip| fold_of(clip) == fold);
        let judge = Judge::train(&seen, seed.derive(&format!("fold {fold}")))?;
        let rows: Vec<Vec<f64>> = unseen.iter().map(|clip| clip.features.clone()).collect();
        for (clip, votes) in unseen.iter().zip(judge.judge(&rows)?) {
            judged.push(Judged {
                asked: clip.quadrant,
                votes,
            });
        }
    }
    Ok(judged)
}
