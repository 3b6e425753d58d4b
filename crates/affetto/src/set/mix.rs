//! From the scores of a set to its sound: loops that close, layers that add up, and a level at which nothing clips.

use affetto_core::{Progress, Stage};
use affetto_media::wav::{self, Audio, LOUDNESS_LUFS, PEAK_DBFS, SAMPLE_RATE};
use affetto_music::set::{GameScore, Layer, Stinger, Voice};

use super::cues::Clock;
use crate::Error;

/// The end of an introduction becomes the end of the loop within so many seconds.
const FADE_SECS: f64 = 0.03;
/// No layer is made louder than it is played by more, in decibels.
const MOST_GAIN_DECIBELS: f64 = 24.0;

/// The sound of one layer.
pub(super) struct LayerSound {
    /// The introduction and the loop: as long as the clock says.
    pub(super) looped: Audio,
    /// The ending, which begins with what still sounds of the loop. All endings are equally long.
    pub(super) outro: Option<Audio>,
}

/// The sound of a set.
pub(super) struct SetSound {
    pub(super) layers: Vec<LayerSound>,
    pub(super) stingers: Vec<(Stinger, Audio)>,
    /// The highest sample that any choice of layers can reach, of full scale.
    pub(super) highest: f64,
}

/// Plays everything.
pub(super) fn play(
    game: &GameScore,
    clock: &Clock,
    sound: &wav::Sound,
    progress: &dyn Progress,
) -> Result<SetSound, Error> {
    let total = game.layers.len() + game.stingers.len();
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress.step(Stage::Render, done, total);
        if progress.cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    };
    let mut layers = Vec::new();
    for layer in &game.layers {
        let mut played = play_layer(layer, clock, sound)?;
        let wanted = usual_lufs(&layer.voices);
        let found = wav::loudness_lufs(&loop_of(&played.looped, clock));
        let decibels = found.map_or(0.0, |found| (wanted - found).min(MOST_GAIN_DECIBELS));
        played.amplify(gain(decibels));
        layers.push(played);
        step()?;
    }
    let mut stingers = Vec::new();
    for (stinger, score) in &game.stingers {
        stingers.push((*stinger, wav::render(score, sound)?));
        step()?;
    }
    let highest = set_level(&mut layers, clock);
    let outro_bars = game
        .layers
        .first()
        .and_then(|layer| Some(layer.outro.as_ref()?.bars.len()));
    end_together(&mut layers, clock.frames(outro_bars.unwrap_or(0)));
    Ok(SetSound {
        layers,
        stingers,
        highest,
    })
}

/// How loud a layer is beside the others, in LUFS before all of them are brought to their level: the melody is in front,
/// what doubles it and what runs along stays behind.
fn usual_lufs(voices: &[Voice]) -> f64 {
    let of_voice = |voice: &Voice| match voice {
        Voice::Melody => 2.0,
        Voice::Pad | Voice::Bass | Voice::Percussion => 0.0,
        Voice::Chords | Voice::Doubling => -1.0,
        Voice::Ostinato => -1.5,
    };
    let loudest = voices.iter().map(of_voice).fold(f64::MIN, f64::max);
    -24.0 + loudest
}

fn gain(decibels: f64) -> f32 {
    libm::pow(10.0, decibels / 20.0) as f32
}

/// The loop without its introduction.
pub(super) fn loop_of(audio: &Audio, clock: &Clock) -> Audio {
    Audio {
        left: audio.left[clock.loop_start()..].to_vec(),
        right: audio.right[clock.loop_start()..].to_vec(),
    }
}

fn play_layer(layer: &Layer, clock: &Clock, sound: &wav::Sound) -> Result<LayerSound, Error> {
    let played = wav::play(&layer.looped, sound)?;
    let length = clock.loop_length();
    let looped = wav::fold(&played, length);
    let audio = match &layer.intro {
        None => looped,
        Some(intro) => {
            let intro = wav::play(intro, sound)?;
            let fade = (FADE_SECS * f64::from(SAMPLE_RATE)) as usize;
            let mut audio = wav::before_loop(&intro, &looped, clock.loop_start(), fade);
            audio.left.extend(&looped.left);
            audio.right.extend(&looped.right);
            audio
        }
    };
    let outro = match &layer.outro {
        None => None,
        Some(outro) => {
            let mut audio = wav::tail(&played, length);
            add(&mut audio, &wav::play(outro, sound)?);
            Some(audio)
        }
    };
    Ok(LayerSound {
        looped: audio,
        outro,
    })
}

/// Adds `other` to `audio`, which becomes as long as the longer one.
pub(super) fn add(audio: &mut Audio, other: &Audio) {
    let sides = [
        (&mut audio.left, &other.left),
        (&mut audio.right, &other.right),
    ];
    for (sum, more) in sides {
        sum.resize(sum.len().max(more.len()), 0.0);
        for (sum, sample) in sum.iter_mut().zip(more) {
            *sum += sample;
        }
    }
}

impl LayerSound {
    fn amplify(&mut self, gain: f32) {
        let outro = self.outro.iter_mut();
        for audio in outro.chain([&mut self.looped]) {
            for sample in audio.left.iter_mut().chain(&mut audio.right) {
                *sample *= gain;
            }
        }
    }
}

/// Brings all layers together to the loudness of streamed music, or to where no choice of them, sample by sample, can
/// pass the highest peak, whichever is quieter. Returns the highest sample that any choice can then reach.
fn set_level(layers: &mut [LayerSound], clock: &Clock) -> f64 {
    let looped = highest(layers.iter().map(|layer| &layer.looped));
    let outro = highest(layers.iter().filter_map(|layer| layer.outro.as_ref()));
    let highest = looped.max(outro);
    if highest <= 0.0 {
        return 0.0;
    }
    let mut all = Audio::silence(0);
    for layer in layers.iter() {
        add(&mut all, &layer.looped);
    }
    let by_peak = f64::from(gain(PEAK_DBFS)) / highest;
    let loudness = wav::loudness_lufs(&loop_of(&all, clock));
    let by_loudness = loudness.map(|found| f64::from(gain(LOUDNESS_LUFS - found)));
    let factor = by_loudness.map_or(by_peak, |factor| factor.min(by_peak));
    for layer in layers {
        layer.amplify(factor as f32);
    }
    highest * factor
}

/// The largest sum of absolute samples of several sounds that begin together: no choice of them reaches further.
fn highest<'a>(sounds: impl Iterator<Item = &'a Audio>) -> f64 {
    let (mut left, mut right): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    for sound in sounds {
        for (sums, samples) in [(&mut left, &sound.left), (&mut right, &sound.right)] {
            sums.resize(sums.len().max(samples.len()), 0.0);
            for (sum, sample) in sums.iter_mut().zip(samples) {
                *sum += sample.abs();
            }
        }
    }
    left.into_iter()
        .chain(right)
        .fold(0.0, |most, sum| most.max(f64::from(sum)))
}

/// Ends every ending where the last of them has died away, and none before its bars are over.
fn end_together(layers: &mut [LayerSound], least: usize) {
    let mut longest = 0;
    for outro in layers.iter_mut().filter_map(|layer| layer.outro.as_mut()) {
        wav::end_in_silence(outro, least);
        longest = longest.max(outro.frames());
    }
    for outro in layers.iter_mut().filter_map(|layer| layer.outro.as_mut()) {
        outro.left.resize(longest, 0.0);
        outro.right.resize(longest, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(samples: &[f32]) -> LayerSound {
        LayerSound {
            looped: Audio {
                left: samples.to_vec(),
                right: vec![0.0; samples.len()],
            },
            outro: None,
        }
    }

    /// Two that cancel each other could sound alone.
    #[test]
    fn no_choice_of_layers_passes_the_peak() {
        let clock = Clock {
            bar_secs: 1.0,
            intro_bars: 0,
            loop_bars: 1,
        };
        let mut layers = [layer(&[0.8, 0.1]), layer(&[-0.8, 0.1]), layer(&[0.4, 0.0])];
        let reached = set_level(&mut layers, &clock);
        assert!((reached - 0.891_25).abs() < 1e-4);
        let one_side = f64::from(layers[0].looped.left[0] + layers[2].looped.left[0]);
        assert!((one_side / reached - 1.2 / 2.0).abs() < 1e-6);
        assert_eq!(set_level(&mut [layer(&[0.0; 4])], &clock), 0.0);
    }
}
