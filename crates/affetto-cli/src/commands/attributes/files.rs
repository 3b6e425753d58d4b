//! Many pieces, one row each.

use std::{
    fs::Permissions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use affetto::{
    Progress,
    attributes::piece::{Reading, RowFormat, RowWriter, Values, measure_files, music_files},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::piece::by_name;
use crate::{
    failure::{Code, Failure, refused_input},
    printer::Printer,
};

/// Measures the file or folder `source` and writes a row for each piece to `output`, or to stdout as CSV.
pub fn run(
    source: &Path,
    reading: Reading,
    output: Option<&Path>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let paths = paths(source)?;
    let sink: Box<dyn Sink + '_> = match output {
        Some(output) => Box::new(FileSink::create(output, reading)?),
        None => Box::new(PrintedSink::create(printer, reading)?),
    };
    let (measured, failed) = measure(&paths, reading, sink, source.is_dir(), printer)?;
    let summary = json!({
        "reading": reading,
        "output": output,
        "measured": measured,
        "failed": failed.iter().map(|(path, reason)| json!({ "path": path, "error": reason })).collect::<Vec<_>>(),
    });
    if let Some(output) = output {
        printer.data(&output.display().to_string());
    }
    if failed.is_empty() {
        return Ok(summary);
    }
    printer.event("summary", summary);
    Err(some_failed(failed.len(), paths.len()))
}

fn some_failed(failed: usize, of: usize) -> Failure {
    Failure {
        code: Code::Partial,
        message: format!("{failed} of {of} files could not be measured"),
        hint: Some("the warnings name them; the others are measured".into()),
    }
}

fn paths(source: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !source.is_dir() {
        return Ok(vec![source.into()]);
    }
    let refused = |message: String| Failure {
        code: Code::Input,
        message,
        hint: Some("music is read from .mid, .musicxml, .mxl and .abc files".into()),
    };
    let paths = music_files(source).map_err(|error| {
        refused(format!(
            "cannot look into a folder: {error}: {}",
            source.display()
        ))
    })?;
    if paths.is_empty() {
        return Err(refused(format!("no music in {}", source.display())));
    }
    Ok(paths)
}

type Failed = Vec<(PathBuf, String)>;

/// How many were measured, and which could not be.
fn measure(
    paths: &[PathBuf],
    reading: Reading,
    mut sink: Box<dyn Sink + '_>,
    source_is_folder: bool,
    printer: &Printer,
) -> Result<(usize, Failed), Failure> {
    let (mut measured, mut failed) = (0, Failed::new());
    measure_files(paths, reading, printer, |path, outcome| match outcome {
        Ok(values) => {
            measured += 1;
            sink.row(path, &values)
        }
        Err(error) if !source_is_folder => Err(refused_input(&error)),
        Err(error) => {
            printer.warn(affetto::Warning(error.to_string()));
            failed.push((path.into(), error.to_string()));
            Ok(())
        }
    })?;
    if printer.cancelled() {
        return Err(Failure {
            code: Code::Interrupted,
            message: "stopped, nothing was written".into(),
            hint: None,
        });
    }
    sink.finish(&failed)?;
    Ok((measured, failed))
}

/// Takes rows.
trait Sink {
    fn row(&mut self, path: &Path, values: &Values) -> Result<(), Failure>;
    fn finish(self: Box<Self>, failed: &[(PathBuf, String)]) -> Result<(), Failure>;
}

/// A file that is there when it is whole.
struct FileSink {
    path: PathBuf,
    writer: RowWriter<BufWriter<NamedTempFile>>,
}

impl FileSink {
    fn create(path: &Path, reading: Reading) -> Result<Self, Failure> {
        let format = RowFormat::from_path(path).ok_or_else(|| {
            Failure::usage(
                format!("no format is known by the extension of {}", path.display()),
                "end the name in .csv or .json",
            )
        })?;
        let file = temporary_file_beside(path).map_err(|error| Failure::write(path, &error))?;
        let writer = RowWriter::new(BufWriter::new(file), format, reading);
        Ok(Self {
            path: path.into(),
            writer: writer.map_err(|error| Failure::write(path, &error))?,
        })
    }
}

fn temporary_file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644));
    builder.tempfile_in(folder)
}

impl Sink for FileSink {
    fn row(&mut self, path: &Path, values: &Values) -> Result<(), Failure> {
        self.writer
            .row(path, values)
            .map_err(|error| Failure::write(&self.path, &error))
    }

    fn finish(self: Box<Self>, failed: &[(PathBuf, String)]) -> Result<(), Failure> {
        let Self { path, writer } = *self;
        let finished = || -> io::Result<()> {
            let file = writer
                .finish(failed)?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        finished().map_err(|error| Failure::write(&path, &error))
    }
}

/// Standard output: lines of CSV, or an event for each piece.
struct PrintedSink<'p> {
    printer: &'p Printer,
    lines: RowWriter<Lines<'p>>,
}

impl<'p> PrintedSink<'p> {
    fn create(printer: &'p Printer, reading: Reading) -> Result<Self, Failure> {
        let lines = Lines {
            printer,
            pending: Vec::new(),
        };
        let lines = RowWriter::new(lines, RowFormat::Csv, reading).map_err(unprinted)?;
        Ok(Self { printer, lines })
    }
}

fn unprinted(error: io::Error) -> Failure {
    Failure::write(Path::new("standard output"), &error)
}

impl Sink for PrintedSink<'_> {
    fn row(&mut self, path: &Path, values: &Values) -> Result<(), Failure> {
        if self.printer.is_json() {
            self.printer.event(
                "piece",
                json!({ "path": path, "attributes": by_name(values) }),
            );
            return Ok(());
        }
        self.lines.row(path, values).map_err(unprinted)
    }

    fn finish(self: Box<Self>, failed: &[(PathBuf, String)]) -> Result<(), Failure> {
        self.lines.finish(failed).map_err(unprinted)?;
        Ok(())
    }
}

/// Hands whole lines to the printer.
struct Lines<'p> {
    printer: &'p Printer,
    pending: Vec<u8>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend(bytes);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.printer.data(&String::from_utf8_lossy(&line[..end]));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
