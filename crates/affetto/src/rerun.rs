use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

use affetto_core::{Checksum, Progress, Summed};
use serde::Serialize;

use crate::{
    Error, Input, InputRole, Models, Provenance,
    compose::make,
    output::{Staged, Undo, provenance_path},
    render::{OutputFormat, Sound, render},
    set::{provenance_in, provenance_of_set},
};

/// What becomes of files that are made again.
#[derive(Clone, Debug, Default)]
pub struct RerunOptions {
    /// The folder to write to; where none is named, files that are missing beside the provenance are put back.
    pub folder: Option<PathBuf>,
    /// Whether files that stand there and differ are written over.
    pub force: bool,
}

/// What was made again.
#[derive(Clone, Debug, Serialize)]
pub struct Rerun {
    /// The files, as the provenance lists them.
    pub files: Vec<RerunFile>,
    /// What is not as it was.
    pub warnings: Vec<String>,
}

impl Rerun {
    /// Whether every file has the bytes that it had.
    pub fn is_identical(&self) -> bool {
        self.files.iter().all(|file| file.identical)
    }
}

/// A file made again.
#[derive(Clone, Debug, Serialize)]
pub struct RerunFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// The SHA-256 that it had.
    pub recorded_sha256: String,
    /// The SHA-256 that it has now.
    pub sha256: String,
    /// Whether they are the same.
    pub identical: bool,
    /// Whether it was written.
    pub written: bool,
}

/// Makes again what `path` (an output, its provenance file, or the folder of a set) records.
///
/// # Errors
///
/// Where there is no provenance, an input or the model is no longer the same, or what is asked cannot be done now.
pub fn rerun(
    path: &Path,
    options: &RerunOptions,
    models: &Models,
    progress: &dyn Progress,
) -> Result<Rerun, Error> {
    let (provenance, beside) = find_provenance(path)?;
    let locate = |role, typed: &Path| locate(&provenance, &beside, role, typed);
    check_models(&provenance, models)?;
    let soundfont = provenance
        .inputs
        .iter()
        .find(|input| input.role == InputRole::Soundfont);
    let found = soundfont
        .map(|input| locate(input.role, &input.path))
        .transpose()?;
    let sound = Sound::load(
        soundfont.map(|input| input.path.as_path()),
        found.as_deref(),
    )?;
    let piece = make(&provenance.request, &locate, &sound, models, progress)?;
    let folder = options.folder.clone().unwrap_or(beside);
    let mut undo = Undo::default();
    let mut files = Vec::new();
    for output in &provenance.outputs {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let path = folder.join(&output.name);
        let kind = provenance.request.kind();
        let format = OutputFormat::of(kind, &path).ok_or_else(|| Error::UnknownOutput {
            path: path.clone(),
            known: kind.extensions(),
        })?;
        let mut made = Summed::new(io::sink());
        render(&piece, format, &sound, &path, &mut made)?;
        let mut file = RerunFile {
            recorded_sha256: output.sha256.clone(),
            sha256: made.checksum().sha256,
            identical: false,
            written: false,
            path,
        };
        file.identical = file.sha256 == file.recorded_sha256;
        if file.identical && is_to_write(&file, options)? {
            let beside = provenance_of_set(&provenance, &folder);
            let beside = beside.unwrap_or_else(|| provenance_path(&file.path));
            undo.write(&beside, provenance.to_json().as_bytes())?;
            undo.commit(Staged::new(&piece, format, &sound, &file.path)?.file)?;
            file.written = true;
        }
        files.push(file);
    }
    undo.keep();
    let mut warnings = piece.warnings;
    warnings.extend(version_warning(&provenance));
    Ok(Rerun { files, warnings })
}

/// The provenance that `path` is, or that stands beside it; with its folder.
fn find_provenance(path: &Path) -> Result<(Provenance, PathBuf), Error> {
    let in_folder = path.is_dir().then(|| provenance_in(path)).transpose()?;
    let path = in_folder.as_deref().unwrap_or(path);
    let is_one = path.to_string_lossy().ends_with(".provenance.json");
    let file = if is_one {
        path.to_path_buf()
    } else {
        provenance_path(path)
    };
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok((Provenance::read(&file)?, folder))
}

/// The file of the recorded checksum: where the user said it was, else beside the provenance.
fn locate(
    provenance: &Provenance,
    beside: &Path,
    role: InputRole,
    typed: &Path,
) -> Result<PathBuf, Error> {
    let recorded: Option<&Input> = provenance.inputs.iter().find(|input| input.role == role);
    let expected = recorded.map_or("", |input| &input.sha256);
    let size = recorded.map(|input| input.bytes);
    let name = typed.file_name().unwrap_or_default();
    let places = [typed.to_path_buf(), beside.join(typed), beside.join(name)];
    // What has another size, or is no file, need not be read.
    let is_it = |place: &&PathBuf| {
        let found = place.metadata().ok().filter(Metadata::is_file);
        found.is_some_and(|found| Some(found.len()) == size)
            && Checksum::of_file(place).is_ok_and(|found| found.sha256 == expected)
    };
    places
        .iter()
        .find(is_it)
        .cloned()
        .ok_or_else(|| Error::InputChanged {
            role: role.name(),
            path: typed.into(),
            expected: expected.into(),
        })
}

fn check_models(provenance: &Provenance, models: &Models) -> Result<(), Error> {
    let request = &provenance.request;
    let Some(task) = request.task() else {
        return Ok(());
    };
    for recorded in &provenance.models {
        let name = request.model().or(Some(&recorded.id));
        let now = models.used(task, name)?;
        let files = [
            (
                "model.safetensors",
                &recorded.weights_sha256,
                &now.weights_sha256,
            ),
            ("config.json", &recorded.config_sha256, &now.config_sha256),
            (
                "statistics.json",
                &recorded.statistics_sha256,
                &now.statistics_sha256,
            ),
        ];
        if let Some((what, expected, found)) = files
            .into_iter()
            .find(|(_, expected, found)| expected != found)
        {
            return Err(Error::ModelChanged {
                id: recorded.id.clone(),
                what,
                expected: expected.clone(),
                found: found.clone(),
            });
        }
    }
    Ok(())
}

/// Whether the file is missing, or differs and may be written over.
fn is_to_write(file: &RerunFile, options: &RerunOptions) -> Result<bool, Error> {
    if !file.path.exists() {
        return Ok(true);
    }
    let stands = Checksum::of_file(&file.path).is_ok_and(|found| found.sha256 == file.sha256);
    match (stands, options.force) {
        (true, _) => Ok(false),
        (false, true) => Ok(true),
        (false, false) => Err(Error::Exists {
            path: file.path.clone(),
        }),
    }
}

fn version_warning(provenance: &Provenance) -> Option<String> {
    let (then, now) = (&provenance.engine, crate::Engine::this());
    (*then != now).then(|| {
        format!(
            "made by {} {}, made again by {} {}",
            then.name, then.version, now.name, now.version
        )
    })
}
