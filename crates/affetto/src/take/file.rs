//! Takes in files, and files of takes.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use affetto_core::{Checksum, LimitError, Summed, read_limited};
use affetto_emotion::FrameRate;
use affetto_face::FaceBasis;
use affetto_media::{
    Limits,
    rig::{self, DEFAULT_RATE, FrameWriter, Frames, Take, TakeFormat, TakeFrame},
};

use crate::{Error, InputRole};

/// A take in a file. A long one is read frame by frame as often as its frames are asked for: tables of Live Link Face and
/// JSON Lines are never held in memory.
#[derive(Clone, Debug)]
pub struct TakeFile {
    path: PathBuf,
    format: TakeFormat,
    checksum: Checksum,
    rate: FrameRate,
    identity: Vec<f64>,
    count: usize,
    /// The frames, where the format is read as a whole.
    held: Option<Vec<TakeFrame>>,
}

/// What a take that is never held may have.
const ENDLESS: Limits = Limits {
    take_bytes: u64::MAX,
    frames: usize::MAX,
    ..Limits::DEFAULT
};

impl TakeFile {
    /// Reads a file once from its beginning to its end.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, are damaged, or are larger than [`Limits::DEFAULT`] where they are held as a whole; the
    /// error names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let format =
            TakeFormat::from_path(path).ok_or_else(|| Error::UnknownTake { path: path.into() })?;
        if let Some(mut frames) = stream(path, format)? {
            let rate = frames.rate().unwrap_or(DEFAULT_RATE);
            let mut count = 0;
            for frame in frames {
                frame.map_err(|error| error.in_file(path))?;
                count += 1;
            }
            return Ok(Self {
                path: path.into(),
                format,
                checksum: Checksum::of_file(path).map_err(unreadable(path))?,
                rate,
                identity: Vec::new(),
                count,
                held: None,
            });
        }
        let bytes = read_limited(path, Limits::DEFAULT.take_bytes)?;
        let take = read(&bytes, format).map_err(|error| error.in_file(path))?;
        Ok(Self {
            path: path.into(),
            format,
            checksum: Checksum::of(&bytes),
            rate: take.rate,
            identity: take.identity,
            count: take.frames.len(),
            held: Some(take.frames),
        })
    }

    /// The format of the file.
    pub const fn format(&self) -> TakeFormat {
        self.format
    }

    /// Frames per second.
    pub const fn rate(&self) -> FrameRate {
        self.rate
    }

    /// What the face is like at rest; empty where nothing is known.
    pub fn identity(&self) -> &[f64] {
        &self.identity
    }

    /// How many frames there are, at least one.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The frames, one by one.
    ///
    /// # Errors
    ///
    /// Where the file can no longer be read, here and for each frame.
    pub fn frames(&self) -> Result<impl Iterator<Item = Result<TakeFrame, Error>> + '_, Error> {
        let streamed = match self.held {
            Some(_) => None,
            None => stream(&self.path, self.format)?,
        };
        let held = self.held.iter().flatten().cloned().map(Ok);
        let streamed = streamed.into_iter().flatten();
        Ok(held
            .chain(streamed.map(|frame| frame.map_err(|error| error.in_file(&self.path).into()))))
    }

    /// The size and the SHA-256 of the file as it was when it was opened.
    pub(crate) const fn checksum(&self) -> &Checksum {
        &self.checksum
    }

    /// Refuses a file that has changed since it was opened, where it was read anew since.
    pub(super) fn check_unchanged(&self) -> Result<(), Error> {
        match self.held {
            Some(_) => Ok(()),
            None => self.check(&Checksum::of_file(&self.path).map_err(unreadable(&self.path))?),
        }
    }

    /// Writes the bytes of the file to `out`.
    pub(super) fn copy(&self, mut out: impl Write) -> Result<(), Error> {
        let mut file = Summed::new(File::open(&self.path).map_err(unreadable(&self.path))?);
        std::io::copy(&mut file, &mut out).map_err(stream_error)?;
        self.check(&file.checksum())
    }

    fn check(&self, found: &Checksum) -> Result<(), Error> {
        match *found == self.checksum {
            true => Ok(()),
            false => Err(Error::InputChanged {
                role: InputRole::Take.name(),
                path: self.path.clone(),
                expected: self.checksum.sha256.clone(),
            }),
        }
    }
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Error {
    |source| {
        let path = path.into();
        LimitError::Read { path, source }.into()
    }
}

fn stream_error(source: std::io::Error) -> affetto_media::Error {
    affetto_media::Error::Stream { source }
}

/// The frames of a file whose format is read frame by frame.
fn stream(path: &Path, format: TakeFormat) -> Result<Option<Frames<BufReader<File>>>, Error> {
    let file = File::open(path).map_err(unreadable(path))?;
    let frames = Frames::new(BufReader::new(file), format, &ENDLESS);
    frames.map_err(|error| error.in_file(path).into())
}

/// Reads a take of a format that is read as a whole.
fn read(bytes: &[u8], format: TakeFormat) -> Result<Take, affetto_media::Error> {
    let limits = Limits::DEFAULT;
    match format {
        TakeFormat::Json => rig::arkit_json::read(bytes, &limits),
        TakeFormat::Glb => rig::gltf::read(bytes, &limits),
        _ => Err(unsupported(format, "the shapes of ARKit")),
    }
}

/// The format that a file name's extension stands for, of those that takes are written in.
pub(crate) fn format_to_write(path: &Path) -> Option<TakeFormat> {
    TakeFormat::from_path(path).filter(|format| *format != TakeFormat::Vrma)
}

/// Writes a take to `out`: frame by frame, or as a whole where its format needs that. An error without a file is one of
/// `out`.
pub(super) fn write(
    out: &mut dyn Write,
    format: TakeFormat,
    rate: FrameRate,
    identity: &[f64],
    frames: impl Iterator<Item = Result<TakeFrame, Error>>,
) -> Result<(), Error> {
    let mut out = BufWriter::new(out);
    if let Some(mut writer) = FrameWriter::new(&mut out, format, rate)? {
        for frame in frames {
            writer.write(&frame?)?;
        }
        writer.finish()?;
    } else {
        let take = Take {
            rate,
            identity: identity.to_vec(),
            frames: frames.collect::<Result<_, _>>()?,
        };
        let bytes = whole(&take, format)?;
        out.write_all(&bytes).map_err(stream_error)?;
    }
    Ok(out.flush().map_err(stream_error)?)
}

/// Writes a take in a format that is written as a whole.
fn whole(take: &Take, format: TakeFormat) -> Result<Vec<u8>, Error> {
    Ok(match format {
        TakeFormat::Json => rig::arkit_json::write(take)?,
        TakeFormat::Glb => {
            let mesh = FaceBasis::built_in()?.mesh();
            rig::gltf::write(take, Some(&mesh.as_face_mesh()))?
        }
        _ => return Err(unsupported(format, "the shapes of ARKit").into()),
    })
}

/// Music has no take in it.
pub(crate) fn no_take(format: TakeFormat) -> Error {
    unsupported(format, "music").into()
}

fn unsupported(format: TakeFormat, what: &str) -> affetto_media::Error {
    affetto_media::Error::UnsupportedTake {
        format,
        what: what.into(),
    }
}
