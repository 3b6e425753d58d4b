//! From a lead sheet to the bytes of a file.

use std::path::Path;

use affetto_core::{read_limited, sha256_hex};
use affetto_media::{
    Format, abc, lilypond, midi, musicxml,
    piano_roll::{self, PianoRoll},
    wav,
};

use crate::{Error, Input, InputRole, LeadSheet};

/// The most bytes of a SoundFont that are read.
const MAX_SOUNDFONT_BYTES: u64 = 2 << 30;

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Midi,
    MusicXml,
    CompressedMusicXml,
    Abc,
    LilyPond,
    Wav,
    Png,
}

impl OutputFormat {
    /// The format that a file name's extension stands for.
    pub(crate) fn from_path(path: &Path) -> Option<Self> {
        let compressed = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("mxl"));
        Some(match Format::from_path(path)? {
            Format::MusicXml if compressed => Self::CompressedMusicXml,
            Format::MusicXml => Self::MusicXml,
            Format::Midi => Self::Midi,
            Format::Abc => Self::Abc,
            Format::LilyPond => Self::LilyPond,
            Format::Wav => Self::Wav,
            Format::Png => Self::Png,
        })
    }
}

/// What plays a score, and the file that it comes from.
pub(crate) struct Sound {
    sound: wav::Sound,
    pub(crate) input: Option<Input>,
}

impl Sound {
    pub(crate) fn load(typed: Option<&Path>, found: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = found else {
            return Ok(Self {
                sound: wav::Sound::BuiltIn,
                input: None,
            });
        };
        let bytes = read_limited(path, MAX_SOUNDFONT_BYTES)?;
        let input = Input {
            role: InputRole::Soundfont,
            path: typed.unwrap_or(path).into(),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
        };
        Ok(Self {
            sound: wav::Sound::SoundFont(path.into()),
            input: Some(input),
        })
    }
}

pub(crate) fn render(
    sheet: &LeadSheet,
    format: OutputFormat,
    sound: &Sound,
) -> Result<Vec<u8>, Error> {
    let score = &sheet.score;
    Ok(match format {
        OutputFormat::Midi => midi::write(score)?,
        OutputFormat::MusicXml => musicxml::write(score)?,
        OutputFormat::CompressedMusicXml => musicxml::write_compressed(score)?,
        OutputFormat::Abc => abc::write(score)?,
        OutputFormat::LilyPond => lilypond::write(score)?,
        OutputFormat::Wav => wav::write(&wav::render(score, &sound.sound)?)?,
        OutputFormat::Png => picture(sheet)?,
    })
}

/// The piano roll. A bar that was given is shown with the valence that it has.
fn picture(sheet: &LeadSheet) -> Result<Vec<u8>, Error> {
    let measured: Vec<f64> = sheet.measured.bars.iter().map(|bar| bar.valence).collect();
    let mut asked = measured.clone();
    for (bar, valence) in sheet.written.clone().zip(&sheet.asked.valence_per_bar) {
        asked[bar] = *valence;
    }
    let roll = PianoRoll {
        asked_valence: Some(asked),
        measured_valence: Some(measured),
        ..PianoRoll::new(&sheet.score)
    };
    Ok(piano_roll::png(&roll)?)
}
