//! From what was made to the bytes of a file.

use std::{io::Write, ops::Range, path::Path};

use affetto_core::{read_limited, sha256_hex};
use affetto_media::{
    Format, Score, abc, lilypond, midi, musicxml, ogg,
    piano_roll::{self, PianoRoll},
    rig::TakeFormat,
    wav,
};

use crate::{
    Error, Findings, Input, InputRole, Kind,
    compose::{AnyPiece, Media},
    set::is_file_of_set,
    sticker::StickerOutput,
    take,
};

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
    Ogg,
    Png,
    Take(TakeFormat),
    Sticker(StickerOutput),
    /// A file of a set, by its name.
    Set,
}

impl OutputFormat {
    /// The format that a file name's extension stands for, of those that what is made can be written in.
    pub(crate) fn of(kind: Kind, path: &Path) -> Option<Self> {
        match kind {
            Kind::LeadSheet | Kind::Piano => Self::of_music(path),
            Kind::FaceRig => take::format_to_write(path).map(Self::Take),
            Kind::Sticker => StickerOutput::of(path).map(Self::Sticker),
            Kind::Set => is_file_of_set(path).then_some(Self::Set),
        }
    }

    /// Whether instruments play it.
    pub(crate) const fn is_sound(&self) -> bool {
        matches!(self, Self::Wav | Self::Ogg | Self::Set)
    }

    fn of_music(path: &Path) -> Option<Self> {
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
            Format::Ogg => Self::Ogg,
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
    /// What plays.
    pub(crate) const fn instruments(&self) -> &wav::Sound {
        &self.sound
    }

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

/// Writes what was made to `out`, which is to become the file `path`.
pub(crate) fn render(
    piece: &AnyPiece,
    format: OutputFormat,
    sound: &Sound,
    path: &Path,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.into(),
        source,
    };
    let (score, written) = match &piece.media {
        Media::Music { score, written } => (score, written),
        Media::Sticker(sticker) => {
            let OutputFormat::Sticker(format) = format else {
                return Err(Error::UnknownOutput {
                    path: path.into(),
                    known: Kind::Sticker.extensions(),
                });
            };
            return out.write_all(&sticker.file(format)?).map_err(failed);
        }
        Media::Set(set) => {
            let unknown = || Error::UnknownOutput {
                path: path.into(),
                known: Kind::Set.extensions(),
            };
            return out
                .write_all(&set.file(path).ok_or_else(unknown)?)
                .map_err(failed);
        }
        Media::Take(edited) => {
            let OutputFormat::Take(format) = format else {
                return Err(Error::UnknownOutput {
                    path: path.into(),
                    known: Kind::FaceRig.extensions(),
                });
            };
            return edited.write(format, out).map_err(|error| match error {
                Error::Media(error) => match *error {
                    affetto_media::Error::Stream { source } => failed(source),
                    error => error.into(),
                },
                error => error,
            });
        }
    };
    let bytes = match format {
        OutputFormat::Midi => midi::write(score)?,
        OutputFormat::MusicXml => musicxml::write(score)?,
        OutputFormat::CompressedMusicXml => musicxml::write_compressed(score)?,
        OutputFormat::Abc => abc::write(score)?,
        OutputFormat::LilyPond => lilypond::write(score)?,
        OutputFormat::Wav => wav::write(&wav::render(score, &sound.sound)?)?,
        OutputFormat::Ogg => ogg::write(
            &wav::render(score, &sound.sound)?,
            &[("TITLE", score.title.clone())],
            0,
        )?,
        OutputFormat::Png => piano_roll::png(&picture(score, written, &piece.findings))?,
        OutputFormat::Take(format) => return Err(take::no_take(format)),
        OutputFormat::Sticker(_) | OutputFormat::Set => {
            return Err(Error::UnknownOutput {
                path: path.into(),
                known: Kind::LeadSheet.extensions(),
            });
        }
    };
    out.write_all(&bytes).map_err(failed)
}

/// The piano roll. A bar of a lead sheet that was given is shown with the valence that it has.
fn picture<'a>(score: &'a Score, written: &Range<usize>, findings: &Findings) -> PianoRoll<'a> {
    let roll = PianoRoll::new(score);
    match findings {
        Findings::LeadSheet { asked, measured } => {
            let measured: Vec<f64> = measured.bars.iter().map(|bar| bar.valence).collect();
            let mut wanted = measured.clone();
            for (bar, valence) in written.clone().zip(&asked.valence_per_bar) {
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
                .filter(|points| points.len() == score.bars.len())
                .map(|points| points.iter().map(|(valence, _)| *valence).collect()),
            ..roll
        },
        Findings::Face { .. } | Findings::Sticker { .. } | Findings::Set { .. } => roll,
    }
}

/// `valence +0.60, arousal −0.40`, with a sign as long as the plus.
fn point(valence: f64, arousal: f64) -> String {
    format!("valence {valence:+.2}, arousal {arousal:+.2}").replace('-', "\u{2212}")
}
