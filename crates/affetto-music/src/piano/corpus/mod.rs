//! The piano music that the models are trained on.
//!
//! | source | notes | bars |
//! |---|---|---|
//! | POP909 | melody, bridge and piano as one piano, as played | the annotated beats |
//! | OpenScore Lieder | the piano; once more with the voice on top | the written bars |
//! | Mutopia | piano scores | time signatures; a pick-up is found by ear |
//! | GiantMIDI-Piano, a part | transcribed performances | none: 4/4 at 120 a minute |
//! | [`Source::User`] | anybody's files, as one piano | as written |

mod cache;
mod lieder;
mod mutopia;
mod pickup;
mod pop909;
mod transcriptions;
mod user;
mod window;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use affetto_core::{Progress, Seed, Stage};
use affetto_media::{Key, Limits, Score, midi};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    grid::{Span, Struck, spans_of, struck},
    levels::Quartiles,
    tokens::Style,
};
use crate::corpus::{Error, archive, title::title_key};
pub use window::{FEWEST_BARS, LONGEST, MOST_BARS, Window, windows};

/// The seed of the split into songs to train on, to choose by and to measure on: the same for every model.
pub const SPLIT: Seed = Seed(909);

/// Where music comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Pop songs as piano arrangements (Wang et al. 2020).
    Pop909,
    /// Songs of the nineteenth century.
    OpenScoreLieder,
    /// Scores in the public domain or under CC BY.
    Mutopia,
    /// Transcribed performances (Kong et al. 2020), the part that is in the repository.
    GiantMidi,
    /// Files of the user's.
    User,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 5] = [
        Self::Pop909,
        Self::OpenScoreLieder,
        Self::Mutopia,
        Self::GiantMidi,
        Self::User,
    ];

    /// The name in identifiers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pop909 => "pop909",
            Self::OpenScoreLieder => "openscore-lieder",
            Self::Mutopia => "mutopia",
            Self::GiantMidi => "giantmidi",
            Self::User => "user",
        }
    }

    /// The archive that it is read from.
    pub const fn archive(self) -> Option<&'static str> {
        match self {
            Self::Pop909 => Some("pop909.tar.xz"),
            Self::OpenScoreLieder => Some("openscore_lieder_midi.tar.xz"),
            Self::Mutopia => Some("mutopia_piano_midi.tar.xz"),
            Self::GiantMidi => Some("giantmidi_subset.tar.xz"),
            Self::User => None,
        }
    }

    /// The title and the licence, as the source states it.
    pub const fn licence(self) -> (&'static str, &'static str) {
        match self {
            Self::Pop909 => ("POP909", "MIT"),
            Self::OpenScoreLieder => ("OpenScore Lieder", "CC0 1.0"),
            Self::Mutopia => ("Mutopia Project, piano", "Public Domain, CC BY"),
            Self::GiantMidi => ("GiantMIDI-Piano, 56 pieces", "CC BY 4.0"),
            Self::User => ("files of the trainer's", "unknown"),
        }
    }

    /// What all of its music is like.
    pub const fn style(self) -> Option<Style> {
        match self {
            Self::Pop909 => Some(Style::Pop),
            Self::OpenScoreLieder => Some(Style::Song),
            Self::Mutopia => Some(Style::Classical),
            Self::GiantMidi => Some(Style::Transcription),
            Self::User => None,
        }
    }
}

/// What a source says of the key of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySign {
    /// The key.
    Named(Key),
    /// The sharps, or below zero flats, of the signature.
    Signature(i8),
    /// Nothing.
    Unsaid,
}

/// One piece as a source gives it.
#[derive(Clone, Debug)]
pub struct Song {
    /// Source and file.
    pub id: String,
    /// Songs of one group are on one side of the split.
    pub group: String,
    /// The kind of music.
    pub style: Option<Style>,
    /// How often its windows are drawn in an epoch.
    pub weight: f32,
    /// The bars, end to end; nothing for one that the vocabulary cannot hold.
    pub spans: Vec<Option<Span>>,
    /// What is said of the key of each bar.
    pub keys: Vec<KeySign>,
    /// All that is struck.
    pub notes: Vec<Struck>,
}

impl Song {
    /// A score as it is written, all parts as one piano.
    fn of_score(id: String, group: String, source: Source, score: &Score) -> Self {
        Self {
            id,
            group,
            style: source.style(),
            weight: 1.0,
            spans: spans_of(score, &score.bars),
            keys: signatures(score),
            notes: struck(score),
        }
    }

    /// A performance without beats, written down at one tempo and without a key.
    pub(in crate::piano) fn transcribed(id: String, score: &Score) -> Self {
        let mut song = Self::of_score(id.clone(), id, Source::GiantMidi, score);
        song.keys.fill(KeySign::Unsaid);
        song
    }
}

fn signatures(score: &Score) -> Vec<KeySign> {
    let fifths = score.bars.iter().map(|bar| bar.key.fifths());
    fifths.map(KeySign::Signature).collect()
}

/// Windows to train on, to choose by and to measure on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corpus {
    /// To train on.
    pub train: Vec<Window>,
    /// To choose the best weights by.
    pub valid: Vec<Window>,
    /// Never trained on nor chosen by.
    pub test: Vec<Window>,
    /// Songs in each part.
    pub songs: [usize; 3],
    /// The sources that songs came from.
    pub sources: Vec<Source>,
    /// A line for each work whose licence asks for one.
    pub attributions: Vec<String>,
    /// What is low and high among the windows to train on.
    pub quartiles: Quartiles,
}

/// What to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leaves POP909 out, whose songs, other than their arrangements, are under copyright.
    pub without_pop909: bool,
}

/// Reads the archives in `folder` (or in its `music`, or beside it in `../music`) and the scores below it, cuts them into
/// windows and splits these by song and composer; or takes what an earlier call left in `cache`, if nothing has changed.
///
/// # Errors
/// [`Error::NoData`] where nothing is found; damage of an archive.
pub fn read(
    folder: &Path,
    options: Options,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Corpus, Error> {
    let found = found(folder, options);
    if found.iter().all(|(_, files)| files.is_empty()) {
        return Err(Error::NoData {
            folder: folder.into(),
        });
    }
    let path = cache.join(cache::FILE);
    let digest = cache::digest(&found)?;
    if let Some(corpus) = cache::read(&path, &digest) {
        return Ok(corpus);
    }
    let mut songs = Vec::new();
    let mut attributions = Vec::new();
    for (source, files) in &found {
        let found = songs_of(*source, folder, files, &mut attributions, progress)?;
        if !files.is_empty() {
            progress.note(&format!("{}: {} pieces", source.name(), found.len()));
        }
        songs.extend(found);
    }
    let mut corpus = Corpus::of(&songs);
    corpus.attributions = attributions;
    corpus.sources = found
        .iter()
        .filter(|(_, files)| !files.is_empty())
        .map(|(source, _)| *source)
        .collect();
    cache::write(&path, &digest, &corpus)?;
    Ok(corpus)
}

/// The files that each source is read from.
fn found(folder: &Path, options: Options) -> Vec<(Source, Vec<PathBuf>)> {
    let folders = ["", "music", "../music"].map(|inside| folder.join(inside));
    let files = |source: Source| match source.archive() {
        Some(name) => archive::find(&folders, name).into_iter().collect(),
        None => crate::corpus::user::files(folder),
    };
    Source::ALL
        .into_iter()
        .filter(|source| !(options.without_pop909 && *source == Source::Pop909))
        .map(|source| (source, files(source)))
        .collect()
}

fn songs_of(
    source: Source,
    folder: &Path,
    files: &[PathBuf],
    attributions: &mut Vec<String>,
    progress: &dyn Progress,
) -> Result<Vec<Song>, Error> {
    let Some(first) = files.first() else {
        return Ok(Vec::new());
    };
    match source {
        Source::Pop909 => pop909::songs(first, progress),
        Source::OpenScoreLieder => lieder::songs(first, progress),
        Source::Mutopia => mutopia::songs(first, attributions, progress),
        Source::GiantMidi => transcriptions::songs(first, attributions, progress),
        Source::User => user::songs(folder, files, progress),
    }
}

impl Corpus {
    /// Splits songs, cuts them, and measures what is low and high.
    pub fn of(songs: &[Song]) -> Self {
        let mut corpus = Self::default();
        let mut sides: [Vec<&Song>; 3] = Default::default();
        for song in songs {
            sides[side_of(&song.group)].push(song);
        }
        let [train, valid, test] = sides.map(|songs| {
            let cut: Vec<Window> = songs.par_iter().flat_map(|song| windows(song)).collect();
            (songs.len(), cut)
        });
        corpus.songs = [train.0, valid.0, test.0];
        (corpus.train, corpus.valid, corpus.test) = (train.1, valid.1, test.1);
        corpus.quartiles = Quartiles::of(&corpus.train);
        corpus
    }

    /// How many tokens windows have, those included that follow from others.
    pub fn tokens(windows: &[Window]) -> usize {
        windows.iter().map(Window::tokens).sum()
    }
}

/// A twentieth of the groups to measure on, another to choose by; a song never moves when others are added.
fn side_of(group: &str) -> usize {
    match SPLIT.derive(group).0 % 20 {
        0 => 2,
        1 => 1,
        _ => 0,
    }
}

/// Makes the songs of many files, with `make` for each.
fn each<T: Sync>(
    items: &[T],
    progress: &dyn Progress,
    make: impl Fn(&T) -> Vec<Song> + Sync,
) -> Result<Vec<Song>, Error> {
    let done = AtomicUsize::new(0);
    let made: Vec<Option<Vec<Song>>> = items
        .par_iter()
        .map(|item| {
            let songs = (!progress.cancelled()).then(|| make(item));
            progress.step(
                Stage::Read,
                1 + done.fetch_add(1, Ordering::Relaxed),
                items.len(),
            );
            songs
        })
        .collect();
    let made: Option<Vec<Vec<Song>>> = made.into_iter().collect();
    Ok(made.ok_or(Error::Cancelled)?.concat())
}

/// The music in a MIDI file; nothing where it cannot be read.
fn score_of(bytes: &[u8]) -> Option<Score> {
    midi::read(bytes, &Limits::DEFAULT).ok()
}

/// The family name as the sources of classical music write composers (`Schubert,_Franz`, `SchubertF`,
/// `Schubert_Fantasie`), brought to one form.
fn composer_group(name: &str) -> String {
    let family = name.split([',', '_']).next().unwrap_or(name);
    let mut before_is_lower = false;
    let end = family.char_indices().find(|(_, c)| {
        let initials = c.is_uppercase() && before_is_lower;
        before_is_lower = c.is_lowercase();
        initials
    });
    let family = &family[..end.map_or(family.len(), |(at, _)| at)];
    format!("composer/{}", title_key(family))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn composers_have_one_form() {
        for (one, other) in [
            ("Schubert,_Franz", "SchubertF"),
            ("Saint-Saëns,_Camille", "Saint-SaensC"),
            ("Beethoven_Piano_Sonata_No_12", "BeethovenLv"),
            ("Liszt, Franz, Hungarian Rhapsody", "LisztF"),
        ] {
            assert_eq!(composer_group(one), composer_group(other));
        }
    }

    #[test]
    fn a_twentieth_is_on_each_held_out_side() {
        let mut counts = [0; 3];
        for number in 0..2000 {
            counts[side_of(&format!("song {number}"))] += 1;
        }
        assert!((60..140).contains(&counts[1]) && (60..140).contains(&counts[2]));
    }
}
