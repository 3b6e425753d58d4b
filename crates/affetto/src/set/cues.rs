//! The cue file: what a game needs to know to play a set, in samples, seconds and bars.

use affetto_media::{Key, Metre, f64_from_quarters, wav::SAMPLE_RATE};
use affetto_music::set::Stinger;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema that a cue file names.
pub const MUSIC_SET_SCHEMA: &str = "music-set/1";

/// A cue file, `NAME.cues.json`. File names are relative to its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MusicSet {
    /// `music-set/1`.
    pub schema: String,
    /// The name of the set, which all files begin with.
    pub name: String,
    /// The title of the music.
    pub title: String,
    /// How pleasant the music was asked to be, -1..=1.
    pub valence: f64,
    /// How awake the music was asked to be, -1..=1.
    pub arousal: f64,
    /// Quarter notes per minute.
    pub tempo_bpm: f64,
    /// The time signature.
    pub meter: Metre,
    /// The key.
    pub key: Key,
    /// Beats in a bar: in 6/8 and its like three eighths are one.
    pub beats_per_bar: u8,
    /// The length of a beat in quarter notes.
    pub beat_quarters: f64,
    /// Samples per second, of each channel.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
    /// Samples in a bar; the place of a bar is rounded to a whole sample.
    pub samples_per_bar: f64,
    /// How long each layer is: introduction and loop.
    pub length: Extent,
    /// Where the loop begins, which is how long the introduction lasts.
    pub loop_start: Extent,
    /// How long the loop is. It ends with the file.
    pub loop_length: Extent,
    /// The same for Godot's `AudioStreamOggVorbis`.
    pub godot: Godot,
    /// The layers. They begin together and are as long as each other; one sounds on its own or on top of those before it.
    pub layers: Vec<SetLayer>,
    /// The ending, where there is one: to be begun at any bar, at best at the end of the loop, as whose last bar it
    /// goes on, with the layers that sound.
    pub outro: Option<SetOutro>,
    /// The stingers, to be begun at any bar over whatever sounds.
    pub stingers: Vec<SetStinger>,
    /// Each bar of the layers.
    pub cues: Vec<SetCue>,
    /// All layers with introduction, loop and ending in one MIDI file.
    pub score: String,
}

/// A place or a length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// In samples of each channel.
    pub samples: u64,
    /// In seconds: the samples by their rate.
    pub seconds: f64,
    /// In bars.
    pub bars: f64,
}

/// The properties of a stream in Godot 4.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Godot {
    /// Beats per minute.
    pub bpm: f64,
    /// Beats of the whole stream.
    pub beat_count: u64,
    /// Beats in a bar.
    pub bar_beats: u8,
    /// Always true.
    #[serde(rename = "loop")]
    pub looped: bool,
    /// Where the loop begins, in seconds.
    pub loop_offset: f64,
}

/// The same music in three formats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetFiles {
    /// Standard MIDI file.
    pub midi: String,
    /// WAV.
    pub wav: String,
    /// Ogg Vorbis.
    pub ogg: String,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLayer {
    /// From 1, the calmest.
    pub number: usize,
    /// From this arousal on it is meant to sound, -1..=1.
    pub from_arousal: f64,
    /// What plays.
    pub parts: Vec<String>,
    /// Its files: introduction and loop.
    pub files: SetFiles,
}

/// The ending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOutro {
    /// How long its files are. They go on past its bars, until the last tone has died away.
    pub length: Extent,
    /// The bars that are written.
    pub bars: usize,
    /// The files of each layer, in the order of the layers.
    pub layers: Vec<SetFiles>,
}

/// A stinger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStinger {
    /// What it says.
    pub kind: Stinger,
    /// How long its sound is.
    pub length: Extent,
    /// Its files.
    pub files: SetFiles,
}

/// The beginning of a bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCue {
    /// As WAV files call it: `Intro 1`, `Loop 1`.
    pub label: String,
    /// The place of the bar.
    pub at: Extent,
}

/// The bars of a set in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// Seconds in a bar.
    pub(super) bar_secs: f64,
    pub(super) intro_bars: usize,
    pub(super) loop_bars: usize,
}

impl Clock {
    /// The samples of `bars` bars, rounded.
    pub(super) fn frames(&self, bars: usize) -> usize {
        (self.bar_secs * bars as f64 * f64::from(SAMPLE_RATE)).round() as usize
    }

    pub(super) fn loop_start(&self) -> usize {
        self.frames(self.intro_bars)
    }

    pub(super) fn loop_length(&self) -> usize {
        self.frames(self.loop_bars)
    }

    /// Introduction and loop.
    pub(super) fn length(&self) -> usize {
        self.loop_start() + self.loop_length()
    }

    pub(super) fn extent(&self, frames: usize) -> Extent {
        Extent {
            samples: frames as u64,
            seconds: frames as f64 / f64::from(SAMPLE_RATE),
            bars: frames as f64 / f64::from(SAMPLE_RATE) / self.bar_secs,
        }
    }

    /// The same where the number of bars is known.
    pub(super) fn extent_of_bars(&self, frames: usize, bars: usize) -> Extent {
        Extent {
            bars: bars as f64,
            ..self.extent(frames)
        }
    }

    /// Where each bar of the layers begins, with its name.
    pub(super) fn cues(&self) -> Vec<(usize, String)> {
        let intro =
            (0..self.intro_bars).map(|bar| (self.frames(bar), format!("Intro {}", bar + 1)));
        let looped = (0..self.loop_bars).map(|bar| {
            let at = self.loop_start() + self.frames(bar);
            (at, format!("Loop {}", bar + 1))
        });
        intro.chain(looped).collect()
    }

    /// The same of an ending of `bars` bars.
    pub(super) fn outro_cues(&self, bars: usize) -> Vec<(usize, String)> {
        (0..bars)
            .map(|bar| (self.frames(bar), format!("Outro {}", bar + 1)))
            .collect()
    }

    /// What a cue file says of the bars.
    pub(super) fn cue_points(&self) -> Vec<SetCue> {
        let cues = self.cues().into_iter().enumerate();
        cues.map(|(bar, (frame, label))| SetCue {
            label,
            at: self.extent_of_bars(frame, bar),
        })
        .collect()
    }

    pub(super) fn godot(&self, metre: Metre) -> Godot {
        let beats = metre.beats();
        Godot {
            bpm: 60.0 * f64::from(beats) / self.bar_secs,
            beat_count: (self.intro_bars + self.loop_bars) as u64 * u64::from(beats),
            bar_beats: beats,
            looped: true,
            loop_offset: self.extent(self.loop_start()).seconds,
        }
    }

    pub(super) fn samples_per_bar(&self) -> f64 {
        self.bar_secs * f64::from(SAMPLE_RATE)
    }
}

/// The length of a beat in quarter notes.
pub(super) fn beat_quarters(metre: Metre) -> f64 {
    f64_from_quarters(metre.beat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 96 quarter notes a minute in 4/4: a bar of 2.5 seconds.
    #[test]
    fn bars_are_counted_in_samples() {
        let clock = Clock {
            bar_secs: 2.5,
            intro_bars: 2,
            loop_bars: 16,
        };
        assert_eq!(
            (clock.loop_start(), clock.loop_length()),
            (220_500, 1_764_000)
        );
        let cues = clock.cues();
        assert_eq!(cues.len(), 18);
        assert_eq!(cues[3], (330_750, "Loop 2".to_owned()));
        let points = clock.cue_points();
        assert_eq!(
            points[3].at,
            Extent {
                samples: 330_750,
                seconds: 7.5,
                bars: 3.0
            }
        );
        let godot = clock.godot(Metre::COMMON);
        assert_eq!(
            (godot.bpm, godot.beat_count, godot.loop_offset),
            (96.0, 72, 5.0)
        );
    }

    /// In 6/8 at 97 quarter notes a minute a bar is no whole number of samples; no bar is further from its place than half.
    #[test]
    fn bars_of_an_odd_tempo_do_not_drift() {
        let clock = Clock {
            bar_secs: 3.0 * 60.0 / 97.0,
            intro_bars: 3,
            loop_bars: 64,
        };
        for (bar, (at, _)) in clock.cues().into_iter().enumerate() {
            assert!(
                (at as f64 - bar as f64 * clock.samples_per_bar()).abs() <= 1.0,
                "{bar}"
            );
        }
        let metre = Metre::new(6, 8).unwrap_or(Metre::COMMON);
        assert!((clock.godot(metre).bpm - 97.0 / 1.5).abs() < 1e-9);
        assert_eq!(beat_quarters(metre), 1.5);
    }
}
