//! Songs for training, for choosing the best weights, and for the last measurement.

use affetto_core::Seed;

use super::Song;

/// The three parts of the corpus. No title is in two of them.
#[derive(Clone, Debug, Default)]
pub struct Split {
    /// Songs to learn from, eight tenths of the titles.
    pub train: Vec<Song>,
    /// Songs to choose the best weights by, one tenth.
    pub valid: Vec<Song>,
    /// Songs for the last measurement, one tenth.
    pub test: Vec<Song>,
}

/// Puts each title where the hash of its key says, so that a song never moves when others are added.
pub fn split(songs: &[Song], seed: Seed) -> Split {
    let mut split = Split::default();
    for song in songs {
        let side = match seed.derive(&song.title_key).0 % 10 {
            0 => &mut split.test,
            1 => &mut split.valid,
            _ => &mut split.train,
        };
        side.push(song.clone());
    }
    split
}
