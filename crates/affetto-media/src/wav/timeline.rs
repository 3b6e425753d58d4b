//! From score time to samples.

use super::{LONGEST_SECS, SAMPLE_RATE};
use crate::{Error, Format, Note, Quarters, Score, f64_from_quarters};

/// All that sounds in a score and when.
pub(super) struct Timeline {
    /// The notes of each part, in order.
    pub(super) parts: Vec<Vec<Tone>>,
    /// The length of the score, in samples.
    pub(super) frames: usize,
}

/// One note in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tone {
    /// The first sample.
    pub(super) start: usize,
    /// For how many samples the key is down, at least 1.
    pub(super) held: usize,
    /// MIDI number.
    pub(super) pitch: u8,
    /// 1..=127.
    pub(super) velocity: u8,
}

impl Timeline {
    pub(super) fn from_score(score: &Score) -> Result<Self, Error> {
        if let Some(rule) = score.broken_rule() {
            return Err(Error::Unsupported {
                format: Format::Wav,
                what: format!("a score with {rule}"),
            });
        }
        let clock = Clock::from_score(score);
        let length_secs = clock.seconds(score.length());
        check_seconds("seconds", length_secs, LONGEST_SECS)?;
        let parts: Vec<Vec<Tone>> = score
            .parts
            .iter()
            .map(|part| part.notes.iter().map(|note| clock.tone(note)).collect())
            .collect();
        check_work(&parts)?;
        Ok(Self {
            parts,
            frames: frames(length_secs),
        })
    }
}

/// As many seconds of single notes as a hundred voices play in the longest sound.
fn check_work(parts: &[Vec<Tone>]) -> Result<(), Error> {
    let held: u64 = parts.iter().flatten().map(|tone| tone.held as u64).sum();
    let seconds = held as f64 / f64::from(SAMPLE_RATE);
    check_seconds("seconds of single notes", seconds, 100 * LONGEST_SECS)
}

fn check_seconds(what: &'static str, seconds: f64, limit: u64) -> Result<(), Error> {
    if seconds > limit as f64 {
        let found = seconds.ceil() as u64;
        return Err(Error::Limit { what, limit, found });
    }
    Ok(())
}

fn frames(seconds: f64) -> usize {
    (seconds * f64::from(SAMPLE_RATE)).round() as usize
}

/// The tempos, with the second at which each begins.
struct Clock {
    changes: Vec<Change>,
}

struct Change {
    onset: Quarters,
    seconds: f64,
    seconds_per_quarter: f64,
}

impl Clock {
    fn from_score(score: &Score) -> Self {
        let mut changes: Vec<Change> = Vec::with_capacity(score.tempos.len());
        for change in &score.tempos {
            changes.push(Change {
                onset: change.onset,
                seconds: changes
                    .last()
                    .map_or(0.0, |last| last.seconds_at(change.onset)),
                seconds_per_quarter: f64::from(change.tempo.micros_per_quarter()) * 1e-6,
            });
        }
        Self { changes }
    }

    fn seconds(&self, time: Quarters) -> f64 {
        let begun = self.changes.partition_point(|change| change.onset <= time);
        let change = self.changes.get(begun.saturating_sub(1));
        change.map_or(0.0, |change| change.seconds_at(time))
    }

    fn tone(&self, note: &Note) -> Tone {
        let start = frames(self.seconds(note.onset));
        let end = frames(self.seconds(note.end()));
        Tone {
            start,
            held: end.saturating_sub(start).max(1),
            pitch: note.pitch,
            velocity: note.velocity,
        }
    }
}

impl Change {
    fn seconds_at(&self, time: Quarters) -> f64 {
        self.seconds + f64_from_quarters(time - self.onset) * self.seconds_per_quarter
    }
}
