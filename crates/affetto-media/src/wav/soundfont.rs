use std::{
    env, fs,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use affetto_core::read_limited;
use rustysynth::{SoundFont, Synthesizer, SynthesizerSettings};

use super::{
    Audio, SAMPLE_RATE,
    timeline::{Timeline, Tone},
};
use crate::{Error, Format, Part, Score};

/// The environment variable that names a SoundFont.
pub const SOUNDFONT_VARIABLE: &str = "AFFETTO_SOUNDFONT";

/// Where distributions put SoundFonts.
const FOLDERS: [&str; 2] = ["/usr/share/sounds/sf2", "/usr/share/soundfonts"];

/// The names that are looked for first; then the first by name.
const USUAL_NAMES: [&str; 4] = [
    "default-GM.sf2",
    "default.sf2",
    "FluidR3_GM.sf2",
    "GeneralUser-GS.sf2",
];

/// The largest SoundFont read.
const LARGEST_BYTES: u64 = 2 << 30;

/// How long tones may take to die away after the score.
const TAIL_SECS: usize = 6;

/// The SoundFont that [`SOUNDFONT_VARIABLE`] names, or else one installed in `/usr/share/sounds/sf2` or
/// `/usr/share/soundfonts`.
pub fn find_soundfont() -> Option<PathBuf> {
    match env::var_os(SOUNDFONT_VARIABLE) {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => FOLDERS
            .iter()
            .find_map(|folder| best_in_folder(Path::new(folder))),
    }
}

fn best_in_folder(folder: &Path) -> Option<PathBuf> {
    let has_extension =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "sf2");
    let files = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let place = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let usual = USUAL_NAMES.iter().position(|usual| *usual == name);
        (usual.unwrap_or(USUAL_NAMES.len()), path.clone())
    };
    files.filter(has_extension).min_by_key(place)
}

/// Plays a score on a SoundFont; every part on its channel, as General MIDI has it.
pub(super) fn render(path: &Path, score: &Score, timeline: &Timeline) -> Result<Audio, Error> {
    let bytes = read_limited(path, LARGEST_BYTES)?;
    // The reader trusts offsets inside the file; a damaged one may make it index past its tables.
    let played = catch_unwind(AssertUnwindSafe(|| play(&bytes, score, timeline)));
    let damaged = || "a damaged SoundFont".to_owned();
    played
        .unwrap_or_else(|_| Err(damaged()))
        .map_err(|reason| Error::Malformed {
            format: Format::Wav,
            place: path.display().to_string(),
            reason,
        })
}

fn play(bytes: &[u8], score: &Score, timeline: &Timeline) -> Result<Audio, String> {
    let font = SoundFont::new(&mut Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let settings = SynthesizerSettings::new(SAMPLE_RATE as i32);
    let mut synthesizer =
        Synthesizer::new(&Arc::new(font), &settings).map_err(|error| error.to_string())?;
    for part in &score.parts {
        synthesizer.process_midi_message(channel(part), PROGRAM_CHANGE, part.program.into(), 0);
    }
    let mut audio = Audio::silence(timeline.frames + TAIL_SECS * SAMPLE_RATE as usize);
    let mut now = 0;
    for message in messages(score, timeline) {
        let until = message.frame.min(audio.frames());
        synthesizer.render(&mut audio.left[now..until], &mut audio.right[now..until]);
        now = until;
        message.send(&mut synthesizer);
    }
    synthesizer.render(&mut audio.left[now..], &mut audio.right[now..]);
    Ok(audio)
}

const PROGRAM_CHANGE: i32 = 0xc0;

fn channel(part: &Part) -> i32 {
    part.channel.into()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Message {
    frame: usize,
    /// 0 ends a note, so that ends come before beginnings.
    velocity: u8,
    channel: i32,
    pitch: u8,
}

impl Message {
    fn send(self, synthesizer: &mut Synthesizer) {
        synthesizer.note_on(self.channel, self.pitch.into(), self.velocity.into());
    }
}

fn messages(score: &Score, timeline: &Timeline) -> Vec<Message> {
    let mut messages = Vec::new();
    for (part, tones) in score.parts.iter().zip(&timeline.parts) {
        for tone in tones {
            let Tone {
                start,
                held,
                pitch,
                velocity,
            } = *tone;
            let message = |frame, velocity| Message {
                frame,
                velocity,
                channel: channel(part),
                pitch,
            };
            messages.extend([message(start, velocity), message(start + held, 0)]);
        }
    }
    messages.sort();
    messages
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_usual_soundfont_comes_first_and_then_the_first_by_name() {
        let folder = env::temp_dir().join(format!("affetto-soundfonts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut found = Vec::new();
        for name in ["readme.txt", "violin.sf2", "brass.sf2", "default-GM.sf2"] {
            fs::write(folder.join(name), "").unwrap();
            found.push(best_in_folder(&folder));
        }
        fs::remove_dir_all(&folder).unwrap();
        let path = |name| Some(folder.join(name));
        let expected = [
            None,
            path("violin.sf2"),
            path("brass.sf2"),
            path("default-GM.sf2"),
        ];
        assert_eq!(found, expected);
        assert_eq!(best_in_folder(&folder), None);
    }
}
