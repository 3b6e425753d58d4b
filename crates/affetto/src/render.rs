//! From music to the bytes of a file.

use std::path::Path;

use affetto_core::{read_limited, sha256_hex};
use affetto_media::{
    Format, abc, lilypond, midi, musicxml,
    piano_roll::{self, PianoRoll},
    wav,
};

use crate::{Error, Findings, Input, InputRole, compose::AnyPiece};

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
    piece: &AnyPiece,
    format: OutputFormat,
    sound: &Sound,
) -> Result<Vec<u8>, Error> {
    let score = &piece.score;
    Ok(match format {
        OutputFormat::Midi => midi::write(score)?,
        OutputFormat::MusicXml => musicxml::write(score)?,
        OutputFormat::CompressedMusicXml => musicxml::write_compressed(score)?,
        OutputFormat::Abc => abc::write(score)?,
        OutputFormat::LilyPond => lilypond::write(score)?,
        OutputFormat::Wav => wav::write(&wav::render(score, &sound.sound)?)?,
        OutputFormat::Png => piano_roll::png(&picture(piece))?,
    })
}

/// The piano roll. A bar of a lead sheet that was given is shown with the valence that it has.
fn picture(piece: &AnyPiece) -> PianoRoll<'_> {
    let roll = PianoRoll::new(&piece.score);
    match &piece.findings {
        Findings::LeadSheet { asked, measured } => {
            let measured: Vec<f64> = measured.bars.iter().map(|bar| bar.valence).collect();
            let mut wanted = measured.clone();
            for (bar, valence) in piece.written.clone().zip(&asked.valence_per_bar) {
                wanted[bar] = *valence;
            }
            PianoRoll {
                asked_valence: Some(wanted),
                measured_valence: Some(measured),
                ..roll
            }
        }
        Findings::Piano { asked, .. } => PianoRoll {
            asked: Some(point(asked.valence, asked.arousal)),
            asked_valence: asked
                .points_per_bar
                .as_ref()
                .filter(|points| points.len() == piece.score.bars.len())
                .map(|points| points.iter().map(|(valence, _)| *valence).collect()),
            ..roll
        },
    }
}

/// `valence +0.60, arousal −0.40`, with a sign as long as the plus.
fn point(valence: f64, arousal: f64) -> String {
    format!("valence {valence:+.2}, arousal {arousal:+.2}").replace('-', "\u{2212}")
}
