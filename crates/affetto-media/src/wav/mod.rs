//! Sound: a score played by a SoundFont or by the built-in synthesiser, and written as WAV.
//!
//! The sound is the same on every run: nothing in it comes from a clock, a thread or an unseeded
//! generator.

mod file;
mod level;
mod looped;
mod soundfont;
mod synth;
mod timeline;

use std::path::PathBuf;

pub use file::{read, write};
pub use level::{LOUDNESS_LUFS, PEAK_DBFS, end_in_silence, loudness_lufs};
pub use looped::{Marks, Seam, before_loop, fold, tail, write_marked};
pub use soundfont::{SOUNDFONT_VARIABLE, find_soundfont};

use crate::{Error, Score};

/// Samples per second.
pub const SAMPLE_RATE: u32 = 44_100;

/// The longest sound, in seconds.
pub const LONGEST_SECS: u64 = 30 * 60;

/// Stereo sound of [`SAMPLE_RATE`], 1 being full scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// The left channel.
    pub left: Vec<f32>,
    /// The right channel, of the same length.
    pub right: Vec<f32>,
}

impl Audio {
    /// `frames` frames in which nothing sounds.
    pub fn silence(frames: usize) -> Self {
        Self {
            left: vec![0.0; frames],
            right: vec![0.0; frames],
        }
    }

    /// The number of samples in each channel.
    pub fn frames(&self) -> usize {
        self.left.len()
    }

    /// The duration in seconds.
    pub fn duration_secs(&self) -> f64 {
        self.frames() as f64 / f64::from(SAMPLE_RATE)
    }

    /// The largest absolute sample.
    pub fn peak(&self) -> f32 {
        let samples = self.left.iter().chain(&self.right);
        samples.fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
}

/// What plays a score.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sound {
    /// The built-in synthesiser.
    #[default]
    BuiltIn,
    /// A SoundFont 2 file (`.sf2`).
    SoundFont(PathBuf),
}

/// Plays a score.
///
/// The sound lasts as long as the score, and then until the last tone has died away. Its level is set by
/// one rule: [`LOUDNESS_LUFS`] or a peak of [`PEAK_DBFS`], whichever is quieter.
///
/// # Errors
///
/// [`Error::Limit`] for more than [`LONGEST_SECS`], [`Error::Read`] or [`Error::Malformed`] for a SoundFont
/// that cannot be read, [`Error::Unsupported`] for a score that breaks the rules of [`Score`].
pub fn render(score: &Score, sound: &Sound) -> Result<Audio, Error> {
    let timeline = timeline::Timeline::from_score(score)?;
    let mut audio = play_timeline(score, &timeline, sound)?;
    level::end_in_silence(&mut audio, timeline.frames);
    level::set(&mut audio);
    Ok(audio)
}

/// Plays a score as [`render`] does, and leaves its level and its end as they come: the score's own length, and then some
/// seconds in which tones and room die away. What is played by [`Sound::BuiltIn`] part by part is, added up, what is
/// played together.
///
/// # Errors
///
/// As [`render`].
pub fn play(score: &Score, sound: &Sound) -> Result<Audio, Error> {
    let timeline = timeline::Timeline::from_score(score)?;
    play_timeline(score, &timeline, sound)
}

fn play_timeline(
    score: &Score,
    timeline: &timeline::Timeline,
    sound: &Sound,
) -> Result<Audio, Error> {
    match sound {
        Sound::BuiltIn => Ok(synth::render(score, timeline)),
        Sound::SoundFont(path) => soundfont::render(path, score, timeline),
    }
}
