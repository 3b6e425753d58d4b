use std::path::PathBuf;

use affetto_core::{Hint, LimitError};

use crate::rig::TakeFormat;

/// A file format of scores and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Standard MIDI file.
    Midi,
    /// MusicXML, plain or compressed (`.mxl`).
    MusicXml,
    /// ABC notation.
    Abc,
    /// LilyPond input (written only).
    LilyPond,
    /// WAV sound (written only).
    Wav,
    /// Ogg Vorbis sound (written only).
    Ogg,
    /// PNG piano roll (written only).
    Png,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Midi,
        Self::MusicXml,
        Self::Abc,
        Self::LilyPond,
        Self::Wav,
        Self::Ogg,
        Self::Png,
    ];

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Midi => "MIDI",
            Self::MusicXml => "MusicXML",
            Self::Abc => "ABC",
            Self::LilyPond => "LilyPond",
            Self::Wav => "WAV",
            Self::Ogg => "Ogg Vorbis",
            Self::Png => "PNG",
        }
    }

    /// File name extensions in lower case, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Midi => &["mid", "midi", "smf"],
            Self::MusicXml => &["musicxml", "xml", "mxl"],
            Self::Abc => &["abc"],
            Self::LilyPond => &["ly"],
            Self::Wav => &["wav"],
            Self::Ogg => &["ogg"],
            Self::Png => &["png"],
        }
    }

    /// The format that a file name's extension stands for.
    pub fn from_path(path: &std::path::Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.extensions().contains(&extension.as_str()))
    }
}

/// Why media could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The content is damaged or not of this format.
    #[error("not a readable {} file: {reason}, at {place}", format.name())]
    Malformed {
        /// The format that was expected.
        format: Format,
        /// Where: a byte offset, a line, a bar.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The content is larger than what is held in memory here.
    #[error("{found} {what}, and at most {limit} are read")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The permitted number.
        limit: u64,
        /// The number found, or the first one past the limit.
        found: u64,
    },
    /// The format has something that a score cannot hold, or the score something that the format
    /// cannot hold.
    #[error("{} cannot hold {what}", format.name())]
    Unsupported {
        /// The format.
        format: Format,
        /// What it is.
        what: String,
    },
    /// A take is damaged or not of this format.
    #[error("not a readable {} file: {reason}, at {place}", format.name())]
    MalformedTake {
        /// The format that was expected.
        format: TakeFormat,
        /// Where: a line, a frame, a byte offset.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The format has something that a take cannot hold, or the take something that the format cannot hold.
    #[error("{} cannot hold {what}", format.name())]
    UnsupportedTake {
        /// The format.
        format: TakeFormat,
        /// What it is.
        what: String,
    },
    /// A picture is damaged, too large or of another format.
    #[error("not a readable picture: {reason}")]
    Picture {
        /// What is wrong.
        reason: String,
    },
    /// A sticker's take or character is damaged or not of its format.
    #[error("not a readable {what}: {reason}, at {place}")]
    MalformedSticker {
        /// What was expected.
        what: &'static str,
        /// Where: a line, an element.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of pictures could not be packed.
    #[error("{what} could not be packed: {reason}")]
    Encode {
        /// The format.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A sticker does not keep the limits of a platform.
    #[error("not a sticker for {preset}: {reason}")]
    Unfit {
        /// The platform.
        preset: &'static str,
        /// Which limit.
        reason: String,
    },
    /// A program that does a part of the work is not installed.
    #[error("{name} is not on this machine")]
    NoProgram {
        /// Its name.
        name: &'static str,
    },
    /// The caller wanted to stop.
    #[error("stopped")]
    Cancelled,
    /// There is no character of that name.
    #[error("unknown character {name:?}: there are {}", nearest.join(", "))]
    UnknownCharacter {
        /// The name.
        name: String,
        /// The names nearest to it, or all.
        nearest: Vec<String>,
    },
    /// A sticker's take breaks a rule of its channels.
    #[error("not a take of a sticker: {reason}")]
    StickerTake {
        /// The rule.
        reason: String,
    },
    /// What is read or written frame by frame broke off.
    #[error("cannot go on: {source}")]
    Stream {
        /// What the system said.
        source: std::io::Error,
    },
    /// A word could not be understood.
    #[error("{text:?} is not {expected}")]
    Word {
        /// The word.
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] LimitError),
    /// A file could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A film could not be encoded.
    #[error("the film could not be encoded: {reason}: {}", path.display())]
    Film {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A film is damaged, or of a kind that is not read.
    #[error("the film could not be read: {reason}: {}", path.display())]
    FilmRead {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A film has no pictures of this size.
    #[error(
        "a picture {width} by {height} pixels, where a film has even sides from {least} to {most}"
    )]
    PictureSize {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The shortest side.
        least: u32,
        /// The longest side.
        most: u32,
    },
    /// One of the above, in a named file.
    #[error("{source}: {}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
}

impl Error {
    /// This error, said of `path`.
    pub fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Read(_)
            | Self::Write { .. }
            | Self::Film { .. }
            | Self::FilmRead { .. }
            | Self::InFile { .. } => self,
            source => Self::InFile {
                path: path.into(),
                source: Box::new(source),
            },
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { format, .. } => Some(format!(
                "open it in the program that wrote it and export {} again",
                format.name()
            )),
            Self::MalformedTake { format, .. } => Some(format!(
                "open it in the program that wrote it and export {} again",
                format.name()
            )),
            Self::FilmRead { .. } => Some(
                "make an MP4 with H.264 of it: ffmpeg -i FILE -pix_fmt yuv420p clip.mp4".into(),
            ),
            Self::MalformedSticker { .. } => {
                Some("correct it there; the formats are described in the documentation".into())
            }
            Self::NoProgram { name } => Some(format!(
                "install {name}, or choose a format that needs no program"
            )),
            Self::Limit { .. } => Some("cut the file into shorter pieces".into()),
            Self::InFile { source, .. } => source.hint(),
            _ => None,
        }
    }
}
