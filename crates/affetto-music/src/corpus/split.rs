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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Source;
    use affetto_media::Score;

    fn songs(count: usize) -> Vec<Song> {
        let song = |number: usize| Song {
            id: format!("user/{number}"),
            title: String::new(),
            // Two songs share each title.
            title_key: format!("title{}", number / 2),
            source: Source::User,
            score: Score {
                title: String::new(),
                creator: String::new(),
                bars: Vec::new(),
                tempos: Vec::new(),
                chords: Vec::new(),
                sections: Vec::new(),
                parts: Vec::new(),
            },
        };
        (0..count).map(song).collect()
    }

    fn ids(songs: &[Song]) -> Vec<&str> {
        songs.iter().map(|song| song.id.as_str()).collect()
    }

    #[test]
    fn more_songs_move_none() {
        let few = split(&songs(400), Seed(7));
        let many = split(&songs(2000), Seed(7));
        for (few, many) in [(&few.test, &many.test), (&few.valid, &many.valid)] {
            assert!(ids(many).starts_with(&ids(few)));
        }
        // A thousand titles, a tenth of them with two songs each: 200, with a deviation of 19.
        for side in [&many.test, &many.valid] {
            assert!((130..270).contains(&side.len()), "{}", side.len());
        }
    }

    #[test]
    fn no_title_is_on_two_sides() {
        let split = split(&songs(1000), Seed(3));
        let keys = |songs: &[Song]| -> Vec<String> {
            songs.iter().map(|song| song.title_key.clone()).collect()
        };
        let train = keys(&split.train);
        let test = keys(&split.test);
        assert!(train.iter().all(|key| !test.contains(key)));
        assert_eq!(train.len() + test.len() + split.valid.len(), 1000);
    }
}
