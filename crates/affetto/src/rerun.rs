use std::{
    fs::Metadata,
    io::{self, Write},
    path::{Path, PathBuf},
};

use affetto_core::{AtomicFile, Checksum, Progress, Summed, read_limited};
use serde::{Deserialize, Serialize};

use crate::{
    Engine, Error, Input, InputRole, ModelUsed, Models, OutputFile, Provenance,
    SHEET_PROVENANCE_SCHEMA, SheetProvenance, Task,
    compose::make,
    output::{Staged, Undo, provenance_path},
    provenance::MAX_BYTES,
    render::{OutputFormat, Sound, render},
    set::{provenance_in, provenance_of_set},
    sticker::draw_sheet,
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

impl RerunFile {
    /// What was `recorded`, `made` again; not written yet.
    fn new<W>(path: PathBuf, recorded: &OutputFile, made: &Summed<W>) -> Self {
        let sha256 = made.checksum().sha256;
        Self {
            path,
            recorded_sha256: recorded.sha256.clone(),
            identical: sha256 == recorded.sha256,
            sha256,
            written: false,
        }
    }
}

/// Makes again what `path` (an output, its provenance file, or the folder of a set) records. Of a set's file that one alone is
/// looked at.
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
    let Found {
        provenance,
        folder: beside,
        one,
    } = match find_provenance(path)? {
        Recorded::Outputs(found) => *found,
        Recorded::Sheet(sheet, file) => {
            return rerun_sheet(&sheet, &file, options, models, progress);
        }
    };
    let locate = |role, typed: &Path| locate(&provenance.inputs, &beside, role, typed);
    let request = &provenance.request;
    if let Some(task) = request.task() {
        check_models(task, request.model(), &provenance.models, models)?;
    }
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
    let is_meant = |name: &str| one.as_deref().is_none_or(|one| one == name);
    let outputs = provenance.outputs.iter();
    for output in outputs.filter(|output| is_meant(&output.name)) {
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
        let mut file = RerunFile::new(path, output, &made);
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
    warnings.extend(version_warning(&provenance.engine));
    Ok(Rerun { files, warnings })
}

/// Draws a sheet again, whose provenance is the file `recorded`.
fn rerun_sheet(
    sheet: &SheetProvenance,
    recorded: &Path,
    options: &RerunOptions,
    models: &Models,
    progress: &dyn Progress,
) -> Result<Rerun, Error> {
    let beside = recorded.parent().unwrap_or(Path::new(""));
    let locate = |role, typed: &Path| locate(&sheet.inputs, beside, role, typed);
    let named = sheet.sheet.sticker.model.as_deref();
    check_models(Task::Sticker, named, &sheet.models, models)?;
    let folder = options.folder.as_deref().unwrap_or(beside);
    let path = folder.join(&sheet.output.name);
    let draw =
        |mut to: &mut dyn Write| draw_sheet(&sheet.sheet, &mut to, &locate, models, progress);
    let mut made = Summed::new(io::sink());
    draw(&mut made)?;
    let mut file = RerunFile::new(path.clone(), &sheet.output, &made);
    if file.identical && is_to_write(&file, options)? {
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        let mut undo = Undo::default();
        undo.write(&provenance_path(&path), sheet.to_json().as_bytes())?;
        let mut picture = AtomicFile::create(&path).map_err(failed)?;
        draw(&mut picture)?;
        picture.commit().map_err(failed)?;
        undo.keep();
        file.written = true;
    }
    Ok(Rerun {
        files: vec![file],
        warnings: version_warning(&sheet.engine).into_iter().collect(),
    })
}

/// What a provenance file is of.
enum Recorded {
    Outputs(Box<Found>),
    /// A sheet of stickers, and the file that says so.
    Sheet(Box<SheetProvenance>, PathBuf),
}

/// What is to be made again.
struct Found {
    provenance: Provenance,
    folder: PathBuf,
    /// The only output that is meant.
    one: Option<String>,
}

/// The provenance that `path` is, that stands beside it, or that is of the set to which it belongs.
fn find_provenance(path: &Path) -> Result<Recorded, Error> {
    let in_folder = path.is_dir().then(|| provenance_in(path)).transpose()?;
    let path = in_folder.as_deref().unwrap_or(path);
    let file = provenance_file(path);
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    if !file.exists()
        && let Some(found) = in_set(path, &folder)
    {
        return Ok(Recorded::Outputs(Box::new(found)));
    }
    let bytes = read_limited(&file, MAX_BYTES)?;
    if schema_of(&bytes).as_deref() == Some(SHEET_PROVENANCE_SCHEMA) {
        let sheet = SheetProvenance::from_json(&file, &bytes)?;
        return Ok(Recorded::Sheet(Box::new(sheet), file));
    }
    Ok(Recorded::Outputs(Box::new(Found {
        provenance: Provenance::from_json(&file, &bytes)?,
        folder,
        one: None,
    })))
}

/// The provenance file that `path` is, or that would stand beside it.
pub(crate) fn provenance_file(path: &Path) -> PathBuf {
    match path.to_string_lossy().ends_with(".provenance.json") {
        true => path.to_path_buf(),
        false => provenance_path(path),
    }
}

/// The schema that the bytes of a provenance file name.
pub(crate) fn schema_of(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let named: Named = serde_json::from_slice(bytes).ok()?;
    Some(named.schema)
}

/// The set in `folder` that lists `path` among its files.
fn in_set(path: &Path, folder: &Path) -> Option<Found> {
    let name = path.file_name()?.to_str()?;
    let within = match folder == Path::new("") {
        true => Path::new(".").canonicalize().ok()?,
        false => folder.to_path_buf(),
    };
    let provenance = Provenance::read(&provenance_in(&within).ok()?).ok()?;
    let listed = provenance.outputs.iter().any(|output| output.name == name);
    listed.then(|| Found {
        provenance,
        folder: folder.to_path_buf(),
        one: Some(name.to_owned()),
    })
}

/// The file of the recorded checksum: where the user said it was, else beside the provenance.
pub(crate) fn locate(
    inputs: &[Input],
    beside: &Path,
    role: InputRole,
    typed: &Path,
) -> Result<PathBuf, Error> {
    let mut of_role = inputs.iter().filter(|input| input.role == role);
    let recorded = of_role
        .clone()
        .find(|input| input.path == typed)
        .or_else(|| of_role.next());
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

fn check_models(
    task: Task,
    named: Option<&str>,
    recorded: &[ModelUsed],
    models: &Models,
) -> Result<(), Error> {
    for recorded in recorded {
        let name = named.or(Some(&recorded.id));
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
pub(crate) fn is_to_write(file: &RerunFile, options: &RerunOptions) -> Result<bool, Error> {
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

pub(crate) fn version_warning(then: &Engine) -> Option<String> {
    let now = Engine::this();
    (*then != now).then(|| {
        format!(
            "made by {} {}, made again by {} {}",
            then.name, then.version, now.name, now.version
        )
    })
}
