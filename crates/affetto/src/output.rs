use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use affetto_core::{AtomicFile, Checksum, Progress, Stage, Summed};
use serde::Serialize;

use crate::{
    Effect, Engine, Error, Findings, Models, OutputFile, PROVENANCE_SCHEMA, Provenance, Request,
    compose::{AnyPiece, make},
    render::{OutputFormat, Sound, render},
    set::SetFolder,
};

/// Where and how what was made is written.
#[derive(Clone, Debug, Default)]
pub struct OutputOptions {
    /// The files, each in the format of its extension; none is fine.
    pub files: Vec<PathBuf>,
    /// The folder that relative paths of inputs start from, instead of the one that the program runs in.
    pub inputs_from: Option<PathBuf>,
    /// A SoundFont (`.sf2`) whose instruments play `.wav` files, instead of the built-in ones.
    pub soundfont: Option<PathBuf>,
    /// Whether a control that misses its limit is an error, and nothing is written.
    pub strict: bool,
    /// Whether files are written over that cannot be made again.
    pub force: bool,
}

impl OutputOptions {
    /// Where the input lies that is called by `path`.
    fn find(&self, path: &Path) -> PathBuf {
        match &self.inputs_from {
            Some(folder) => folder.join(path),
            None => path.to_path_buf(),
        }
    }
}

/// What was made and written.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// The files.
    pub files: Vec<WrittenFile>,
    /// The provenance files beside them.
    #[serde(skip)]
    pub provenance: Vec<WrittenFile>,
    /// What was asked, words resolved, beside what was measured.
    #[serde(flatten)]
    pub findings: Findings,
    /// Each control, asked beside measured.
    pub effects: Vec<Effect>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// A written file. Its provenance stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl WrittenFile {
    fn new(path: PathBuf, checksum: &Checksum) -> Self {
        Self {
            path,
            bytes: checksum.bytes,
            sha256: checksum.sha256.clone(),
        }
    }
}

/// Makes what `request` asks for and writes it, each file whole or not at all, with `FILE.provenance.json` beside it.
///
/// A set of game files is written to the one folder that is named, which is made where it is missing: every file is called
/// after it, and one `NAME.provenance.json` lists them. Files of an earlier set that stood there, unchanged, and that the
/// new one does not have, are taken away.
///
/// A file that stands already is written over if it is an unchanged output, by its own provenance; any other needs
/// [`OutputOptions::force`]. Where one of several files cannot be written, those written before it are taken away again.
///
/// # Errors
///
/// As [`compose`](crate::compose()); and where a file cannot be rendered or written, or stands already.
pub fn run(
    request: &Request,
    options: &OutputOptions,
    models: &Models,
    progress: &dyn Progress,
) -> Result<Output, Error> {
    let set = SetFolder::of(request, &options.files)?;
    let files = set.as_ref().map_or(&options.files, |set| &set.files);
    let formats = check_names(request, options, files, set.as_ref())?;
    let soundfont = options.soundfont.as_deref();
    let sound = Sound::load(
        soundfont,
        soundfont.map(|path| options.find(path)).as_deref(),
    )?;
    let find = |_, path: &Path| Ok(options.find(path));
    let mut piece = make(request, &find, &sound, models, progress)?;
    let missed: Vec<Effect> = piece
        .effects
        .iter()
        .filter(|effect| !effect.reached)
        .cloned()
        .collect();
    if options.strict && !missed.is_empty() {
        return Err(Error::EffectMissed { effects: missed });
    }
    if formats.iter().any(OutputFormat::is_sound) {
        piece.inputs.extend(sound.input.clone());
    }
    let new_folders = set.as_ref().map(SetFolder::make).transpose()?;
    let mut staged = Vec::new();
    for at in in_order_of_paths(files) {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        staged.push((at, Staged::new(&piece, formats[at], &sound, &files[at])?));
        progress.step(Stage::Render, staged.len(), formats.len());
    }
    if progress.cancelled() {
        return Err(Error::Cancelled);
    }
    staged.sort_by_key(|(at, _)| *at);
    let staged = staged.into_iter().map(|(_, staged)| staged).collect();
    let left_over = set.as_ref().map_or(Vec::new(), SetFolder::left_over);
    let (files, provenance) = write_all(request, &piece, staged, set.as_ref())?;
    new_folders.unwrap_or_default().keep();
    for path in left_over {
        // Of an earlier set that stood here; where it cannot be taken away, it stays.
        let _: io::Result<()> = fs::remove_file(path);
    }
    Ok(Output {
        files,
        provenance,
        findings: piece.findings,
        effects: piece.effects,
        warnings: piece.warnings,
    })
}

/// The places of some paths, sorted by them, so that of two who write the same files one waits for the other.
fn in_order_of_paths(paths: &[PathBuf]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|at| &paths[*at]);
    order
}

/// A file that is whole but does not yet stand in its place.
pub(crate) struct Staged {
    pub(crate) file: AtomicFile,
    checksum: Checksum,
}

impl Staged {
    pub(crate) fn new(
        piece: &AnyPiece,
        format: OutputFormat,
        sound: &Sound,
        path: &Path,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Write {
            path: path.into(),
            source,
        };
        let mut file = Summed::new(AtomicFile::create(path).map_err(failed)?);
        render(piece, format, sound, path, &mut file)?;
        Ok(Self {
            checksum: file.checksum(),
            file: file.into_inner(),
        })
    }
}

/// The formats of the names, where all can be written.
fn check_names(
    request: &Request,
    options: &OutputOptions,
    files: &[PathBuf],
    set: Option<&SetFolder>,
) -> Result<Vec<OutputFormat>, Error> {
    let named = request.inputs().map(|(_, path)| path);
    let inputs: Vec<PathBuf> = named
        .chain(options.soundfont.as_deref())
        .map(|path| options.find(path))
        .collect();
    let mut names = BTreeSet::new();
    let mut formats = Vec::new();
    for path in files {
        formats.push(format_of(request, path)?);
        if !names.insert(path) {
            return Err(Error::OutputTwice { path: path.clone() });
        }
        if inputs.iter().any(|input| is_same(input, path)) {
            return Err(Error::OverInput { path: path.clone() });
        }
        let provenance = set.map_or_else(|| provenance_path(path), |set| set.provenance.clone());
        if !options.force && path.exists() && !is_own_output(path, &provenance) {
            return Err(Error::Exists { path: path.clone() });
        }
    }
    if let Some(set) = set
        && !options.force
        && set.provenance.exists()
        && Provenance::read(&set.provenance).is_err()
    {
        let path = set.provenance.clone();
        return Err(Error::Exists { path });
    }
    Ok(formats)
}

/// What a file of that name would be.
fn format_of(request: &Request, path: &Path) -> Result<OutputFormat, Error> {
    OutputFormat::of(request.kind(), path).ok_or_else(|| Error::UnknownOutput {
        path: path.into(),
        known: request.kind().extensions(),
    })
}

impl Request {
    /// Whether instruments play any of the files that it is written to.
    pub fn has_sound(&self, files: &[PathBuf]) -> bool {
        let mut formats = files.iter().filter_map(|file| format_of(self, file).ok());
        formats.any(|format| format.is_sound())
    }

    /// Checks whether what it makes can be written to a file of that name, or a set to a folder of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownOutput`] where no format is known by its extension, [`Error::SetFolder`] for no name of a set.
    pub fn check_output(&self, path: &Path) -> Result<(), Error> {
        match SetFolder::of(self, &[path.into()])? {
            Some(_) => Ok(()),
            None => format_of(self, path).map(|_| ()),
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .ok()
            .zip(other.canonicalize().ok())
            .is_some_and(|(one, other)| one == other)
}

/// Whether the file is, to the byte, an output that its provenance lists.
fn is_own_output(path: &Path, provenance: &Path) -> bool {
    let Ok(provenance) = Provenance::read(provenance) else {
        return false;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let recorded = provenance.outputs.iter().find(|output| output.name == name);
    recorded.is_some_and(|recorded| {
        path.metadata()
            .is_ok_and(|found| found.len() == recorded.bytes)
            && Checksum::of_file(path).is_ok_and(|found| found.sha256 == recorded.sha256)
    })
}

/// `song.mid.provenance.json` for `song.mid`.
pub fn provenance_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().into();
    name.push(".provenance.json");
    path.with_file_name(name)
}

fn write_all(
    request: &Request,
    piece: &AnyPiece,
    staged: Vec<Staged>,
    set: Option<&SetFolder>,
) -> Result<(Vec<WrittenFile>, Vec<WrittenFile>), Error> {
    let files: Vec<WrittenFile> = staged.iter().map(written_file).collect();
    let provenance = provenance(request, piece, &files).to_json();
    let of_provenance = Checksum::of(provenance.as_bytes());
    let mut beside = Vec::new();
    let mut undo = Undo::default();
    for Staged { file, .. } in staged {
        let path = set.map_or_else(
            || provenance_path(file.path()),
            |set| set.provenance.clone(),
        );
        if set.is_none() || beside.is_empty() {
            undo.write(&path, provenance.as_bytes())?;
            beside.push(WrittenFile::new(path, &of_provenance));
        }
        undo.commit(file)?;
    }
    undo.keep();
    Ok((files, beside))
}

fn written_file(Staged { file, checksum }: &Staged) -> WrittenFile {
    WrittenFile::new(file.path().into(), checksum)
}

fn provenance(request: &Request, piece: &AnyPiece, files: &[WrittenFile]) -> Provenance {
    let output = |file: &WrittenFile| OutputFile {
        name: file
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    };
    Provenance {
        schema: PROVENANCE_SCHEMA.into(),
        engine: Engine::this(),
        request: request.clone(),
        models: piece.model.iter().cloned().collect(),
        inputs: piece.inputs.clone(),
        outputs: files.iter().map(output).collect(),
        findings: piece.findings.clone(),
        effects: piece.effects.clone(),
        warnings: piece.warnings.clone(),
    }
}

/// Takes new files away again unless all could be written.
#[derive(Default)]
pub(crate) struct Undo {
    new: Vec<PathBuf>,
}

impl Undo {
    pub(crate) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let written = AtomicFile::create(path).and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        });
        self.commit(written.map_err(|source| Error::Write {
            path: path.into(),
            source,
        })?)
    }

    pub(crate) fn commit(&mut self, file: AtomicFile) -> Result<(), Error> {
        let path = file.path().to_path_buf();
        let is_new = !path.exists();
        file.commit().map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
        if is_new {
            self.new.push(path);
        }
        Ok(())
    }

    pub(crate) fn keep(mut self) {
        self.new.clear();
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for path in &self.new {
            // The error that led here is the one to report.
            let _: io::Result<()> = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn new_files_are_taken_away_and_old_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "before").unwrap();
        let mut undo = Undo::default();
        undo.write(&old, b"after").unwrap();
        undo.write(&new, b"new").unwrap();
        drop(undo);
        assert_eq!(fs::read(&old).unwrap(), b"after");
        assert!(!new.exists());
    }

    #[test]
    fn the_provenance_of_a_file_stands_beside_it() {
        let path = provenance_path(Path::new("out/song.mid"));
        assert_eq!(path, Path::new("out/song.mid.provenance.json"));
    }
}
