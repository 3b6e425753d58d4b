//! POP909 (Wang et al., "POP909: A Pop-song Dataset for Music Arrangement Generation", 2020): bars by the annotated
//! beats, keys by the annotated keys.

use std::{collections::BTreeMap, path::Path};

use affetto_core::Progress;
use affetto_media::{Key, Metre};

use super::{Error, KeySign, Song, Source, Span, Struck, archive, each, score_of};
use crate::piano::tokens::TempoStep;

/// A tempo this near to the one before, in twelfths of an octave, is the same: beats are annotated to some milliseconds.
const SAME_TEMPO: f64 = 0.8;

/// The songs of the archive.
pub fn songs(path: &Path, progress: &dyn Progress) -> Result<Vec<Song>, Error> {
    let mut folders: BTreeMap<String, Files> = BTreeMap::new();
    for entry in archive::read(path)? {
        let Some((folder, name)) = entry.path.rsplit_once('/') else {
            continue;
        };
        let number = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        let files = folders.entry(number).or_default();
        match name {
            "beat_midi.txt" => files.beats = beats(&String::from_utf8_lossy(&entry.bytes)),
            "key_audio.txt" => files.keys = keys(&String::from_utf8_lossy(&entry.bytes)),
            _ if name.ends_with(".mid") => files.midi = entry.bytes,
            _ => {}
        }
    }
    let folders: Vec<(String, Files)> = folders.into_iter().collect();
    each(&folders, progress, |(number, files)| {
        song(number, files).into_iter().collect()
    })
}

#[derive(Default)]
struct Files {
    midi: Vec<u8>,
    beats: Vec<Beat>,
    /// From a second on, a key.
    keys: Vec<(f64, Key)>,
}

/// An annotated beat.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Beat {
    secs: f64,
    /// Whether it begins a bar of two or three beats.
    begins_short: bool,
    /// Whether it begins a bar.
    begins: bool,
}

/// The lines of `beat_midi.txt`: seconds, and two flags.
fn beats(text: &str) -> Vec<Beat> {
    let beat = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<f64>);
        Some(Beat {
            secs: numbers.next()?.ok()?,
            begins_short: numbers.next()?.ok()? > 0.5,
            begins: numbers.next()?.ok()? > 0.5,
        })
    };
    let beats: Vec<Beat> = text.lines().filter_map(beat).collect();
    let rising = beats.windows(2).all(|pair| pair[0].secs < pair[1].secs);
    if rising { beats } else { Vec::new() }
}

/// The lines of `key_audio.txt`: from second, to second, `Gb:maj`.
fn keys(text: &str) -> Vec<(f64, Key)> {
    let key = |line: &str| {
        let mut words = line.split_whitespace();
        let start = words.next()?.parse().ok()?;
        let (tonic, mode) = words.nth(1)?.split_once(':')?;
        Some((start, format!("{tonic} {mode}").parse().ok()?))
    };
    text.lines().filter_map(key).collect()
}

fn song(number: &str, files: &Files) -> Option<Song> {
    let score = score_of(&files.midi)?;
    let clock = Clock::of(&files.beats)?;
    let at = |onset| clock.beats_at(score.seconds_at(onset));
    let notes: Vec<Struck> = score
        .parts
        .iter()
        .flat_map(|part| &part.notes)
        .map(|note| Struck {
            onset: at(note.onset),
            end: at(note.end()),
            pitch: note.pitch,
            velocity: note.velocity,
        })
        .collect();
    let last = notes.iter().map(|note| note.onset).reduce(f64::max)?;
    let spans = clock.spans(&files.beats, last);
    let key_at = |span: &Span| {
        let secs = clock.seconds_at(span.onset);
        let after = files.keys.partition_point(|(start, _)| *start <= secs);
        let named = files.keys.get(after.saturating_sub(1));
        named.map_or(KeySign::Unsaid, |(_, key)| KeySign::Named(*key))
    };
    Some(Song {
        id: format!("{}/{number}", Source::Pop909.name()),
        group: format!("{}/{number}", Source::Pop909.name()),
        style: Source::Pop909.style(),
        weight: 1.0,
        keys: spans.iter().map(key_at).collect(),
        spans: spans.into_iter().map(Some).collect(),
        notes,
    })
}

/// Between seconds and beats; the first and the last beat go on at their tempo.
struct Clock {
    secs: Vec<f64>,
}

impl Clock {
    fn of(beats: &[Beat]) -> Option<Self> {
        let secs = beats.iter().map(|beat| beat.secs).collect();
        (beats.len() > 4).then_some(Self { secs })
    }

    /// The beat before or at `secs` that has one after it.
    fn before(&self, secs: f64) -> usize {
        let after = self.secs.partition_point(|beat| *beat <= secs);
        after.saturating_sub(1).min(self.secs.len() - 2)
    }

    fn beats_at(&self, secs: f64) -> f64 {
        let beat = self.before(secs);
        let length = self.secs[beat + 1] - self.secs[beat];
        beat as f64 + (secs - self.secs[beat]) / length
    }

    fn seconds_at(&self, beats: f64) -> f64 {
        let beat = (beats.max(0.0) as usize).min(self.secs.len() - 2);
        let length = self.secs[beat + 1] - self.secs[beat];
        self.secs[beat] + (beats - beat as f64) * length
    }

    /// The bars from before the first note to the beat `last`.
    fn spans(&self, beats: &[Beat], last: f64) -> Vec<Span> {
        let mut begins: Vec<usize> = (0..beats.len()).filter(|at| beats[*at].begins).collect();
        if begins.is_empty() {
            begins.push(0);
        }
        let mut bars: Vec<(i64, u8)> = Vec::new(); // the first beat, and how many
        for pair in begins.windows(2) {
            bars.extend(bars_between(beats, pair[0], pair[1]));
        }
        let usual = usual(&bars);
        let first = bars.first().map_or(begins[0] as i64, |(beat, _)| *beat);
        let ahead = (first as f64 / f64::from(usual)).ceil() as i64 + 1;
        let front = (1..=ahead)
            .rev()
            .map(|bar| (first - bar * i64::from(usual), usual));
        let mut all: Vec<(i64, u8)> = front.collect();
        all.extend(bars);
        let mut end = all
            .last()
            .map_or(0, |(beat, count)| beat + i64::from(*count));
        while (end as f64) <= last {
            all.push((end, usual));
            end += i64::from(usual);
        }
        self.with_tempi(&all)
    }

    fn with_tempi(&self, bars: &[(i64, u8)]) -> Vec<Span> {
        let mut tempo = None;
        let span = |(beat, count): &(i64, u8)| {
            let (start, end) = (*beat as f64, (*beat + i64::from(*count)) as f64);
            let secs = self.seconds_at(end) - self.seconds_at(start);
            let bpm = 60.0 * f64::from(*count) / secs.max(1e-3);
            let steps = 12.0 * libm::log2(bpm / 16.0);
            let same = tempo
                .filter(|last: &TempoStep| (steps - f64::from(last.number())).abs() < SAME_TEMPO);
            let here = same.unwrap_or_else(|| TempoStep::of_bpm(bpm));
            tempo = Some(here);
            Span {
                metre: Metre::new(*count, 4).unwrap_or(Metre::COMMON),
                tempo: here,
                onset: start,
            }
        };
        bars.iter().map(span).collect()
    }
}

/// The most frequent number of beats in a bar.
fn usual(bars: &[(i64, u8)]) -> u8 {
    let mut counts = [0; 16];
    bars.iter()
        .for_each(|(_, count)| counts[usize::from(*count)] += 1);
    let best = (1..16).rev().max_by_key(|count| counts[*count]);
    if bars.is_empty() {
        4
    } else {
        best.unwrap_or(4) as u8
    }
}

/// The bars from one marked beat to the next: up to five beats one bar, six of two threes two bars, else bars of four
/// and the rest.
fn bars_between(beats: &[Beat], start: usize, end: usize) -> Vec<(i64, u8)> {
    let threes = end - start == 6 && beats[start + 3].begins_short;
    let most = if threes { 3 } else { 4 };
    let (mut bars, mut at) = (Vec::new(), start);
    while at < end {
        let left = end - at;
        let count = if left == 5 && !threes {
            5
        } else {
            left.min(most)
        };
        bars.push((at as i64, count as u8));
        at += count;
    }
    bars
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn flags(marks: &str) -> Vec<Beat> {
        let lines: Vec<String> = marks
            .chars()
            .enumerate()
            .map(|(at, mark)| match mark {
                '|' => format!("{} 1.0 1.0", at as f64 * 0.5),
                ':' => format!("{} 1.0 0.0", at as f64 * 0.5),
                _ => format!("{} 0.0 0.0", at as f64 * 0.5),
            })
            .collect();
        beats(&lines.join("\n"))
    }

    fn counts(marks: &str, last: f64) -> Vec<u8> {
        let beats = flags(marks);
        let spans = Clock::of(&beats).unwrap().spans(&beats, last);
        spans.iter().map(|span| span.metre.count()).collect()
    }

    #[test]
    fn bars_follow_the_marks() {
        let regular = counts("|.:.|.:.|.:.|", 11.0);
        assert_eq!(regular, [4, 4, 4, 4]); // one more in front, for what is early
        assert_eq!(counts("|.:.|.:.|", 9.0)[1..], [4, 4, 4]); // a note after the last mark
        assert_eq!(counts("|..:..|..:..|", 11.0), [3; 5]);
        assert_eq!(counts("|.:.:.|.:.|.:.|", 13.0)[1..], [4, 2, 4, 4]);
        assert_eq!(counts("..|.:.|.:.|", 9.0), [4; 4]);
    }

    #[test]
    fn tempo_and_time_by_hand() {
        let beats = flags("|.:.|.:.|.:.|");
        let clock = Clock::of(&beats).unwrap();
        assert_eq!(clock.beats_at(1.25), 2.5);
        assert_eq!(clock.beats_at(-0.5), -1.0);
        assert_eq!(clock.seconds_at(13.0), 6.5);
        let spans = clock.spans(&beats, 11.0);
        assert!(
            spans
                .iter()
                .all(|span| span.tempo == TempoStep::of_bpm(120.0))
        );
        assert_eq!(spans[1].onset, 0.0);
    }

    #[test]
    fn keys_are_read() {
        let read = keys("0.1\t206.2\tB:maj\n206.2\t255.4\tC#:min\nnonsense\n");
        let names: Vec<String> = read.iter().map(|(_, key)| key.to_string()).collect();
        assert_eq!(names, ["B major", "C# minor"]);
        assert!(beats("1.0 1.0 1.0\n0.5 0.0 0.0\n").is_empty());
    }
}
