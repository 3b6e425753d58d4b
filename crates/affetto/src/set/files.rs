//! The folder of a set, and the names in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use affetto_core::Checksum;
use affetto_music::set::{LAYERS, SetRequest, Stinger};

use crate::{Error, Kind, Provenance, Request, provenance_path};

/// The longest name of a folder, in bytes, so that the names of its files are not too long for any system.
const LONGEST_NAME: usize = 100;

/// The end of the names of layer `number`, from 1, before the extension.
pub(super) fn layer(number: usize) -> String {
    format!("_layer{number}")
}

/// As [`layer`], of the ending of the layer.
pub(super) fn outro(number: usize) -> String {
    format!("_outro{number}")
}

/// As [`layer`], of a stinger.
pub(super) fn stinger(stinger: Stinger) -> String {
    format!("_stinger_{stinger}")
}

/// The end of the name of the cue file.
pub(super) const CUES: &str = ".cues.json";
/// The end of the name of the score of all layers.
pub(super) const SCORE: &str = ".mid";

/// The extensions of what is written in three formats.
pub(super) const FORMATS: [&str; 3] = [".mid", ".wav", ".ogg"];

/// What the names of all files end in, after the name of the folder.
fn ends(request: &SetRequest) -> Vec<String> {
    let layers = (1..=request.layers).map(layer);
    let outros = (1..=request.layers)
        .filter(|_| request.outro > 0)
        .map(outro);
    let stingers = request.stingers.iter().copied().map(stinger);
    let stems = layers.chain(outros).chain(stingers);
    let in_formats = stems.flat_map(|stem| FORMATS.map(|format| format!("{stem}{format}")));
    [CUES.to_owned(), SCORE.to_owned()]
        .into_iter()
        .chain(in_formats)
        .collect()
}

/// Whether the score of a set of this name would be called as another of its files.
fn is_end_of_names(name: &str) -> bool {
    let numbers = || *LAYERS.start()..=*LAYERS.end();
    let stingers = Stinger::ALL.into_iter().map(stinger);
    let mut ends = numbers()
        .map(layer)
        .chain(numbers().map(outro))
        .chain(stingers);
    ends.any(|end| name.ends_with(&end))
}

/// Whether a file of a set may be called so.
pub(crate) fn is_file_of_set(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(CUES) || FORMATS.iter().any(|format| name.ends_with(format))
}

/// The files that come of `request` where the command names `named`: for a set those in its folder, else `named`.
///
/// # Errors
///
/// [`Error::SetFolder`] where a set has several folders, or one that files cannot be called by.
pub fn output_files(request: &Request, named: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    Ok(match SetFolder::of(request, named)? {
        Some(folder) => folder.files,
        None => named.to_vec(),
    })
}

/// The provenance files of what comes of `request`: one beside each file, or the one of a set.
///
/// # Errors
///
/// As [`output_files`].
pub fn provenance_files(request: &Request, named: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    Ok(match SetFolder::of(request, named)? {
        Some(folder) => vec![folder.provenance],
        None => named.iter().map(|file| provenance_path(file)).collect(),
    })
}

/// Where a set is written.
pub(crate) struct SetFolder {
    folder: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    /// The one provenance file.
    pub(crate) provenance: PathBuf,
}

impl SetFolder {
    /// Nothing for other requests, and where none is named.
    pub(crate) fn of(request: &Request, named: &[PathBuf]) -> Result<Option<Self>, Error> {
        let (Request::Set(request), Some(folder)) = (request, named.first()) else {
            return Ok(None);
        };
        let refuse = |reason| Error::SetFolder {
            path: folder.clone(),
            reason,
        };
        if named.len() > 1 {
            return Err(refuse("a set has one folder"));
        }
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| refuse("it has no name that files could be called by"))?;
        if name.contains(|c: char| matches!(c, '.' | ':' | '\\') || c.is_control()) {
            return Err(refuse(
                "the name of a set has no extension, and none of . : \\",
            ));
        }
        if name.len() > LONGEST_NAME {
            return Err(refuse("the name is longer than 100 bytes"));
        }
        if is_end_of_names(name) {
            return Err(refuse("the name ends as those of files in a set do"));
        }
        let file = |end: &str| folder.join(format!("{name}{end}"));
        Ok(Some(Self {
            files: ends(request).iter().map(|end| file(end)).collect(),
            provenance: file(".provenance.json"),
            folder: folder.clone(),
        }))
    }

    /// Makes the folder and those above it where they are missing.
    pub(crate) fn make(&self) -> Result<NewFolders, Error> {
        let above = self.folder.ancestors();
        let missing = above.take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let new = NewFolders(missing.map(Path::to_path_buf).collect());
        fs::create_dir_all(&self.folder).map_err(|source| Error::Write {
            path: self.folder.clone(),
            source,
        })?;
        Ok(new)
    }

    /// The files that an earlier set left here, unchanged, and that the new one does not have.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        let Ok(earlier) = Provenance::read(&self.provenance) else {
            return Vec::new();
        };
        let paths = earlier
            .outputs
            .iter()
            .map(|output| (self.folder.join(&output.name), output));
        paths
            .filter(|(path, output)| {
                earlier.request.kind() == Kind::Set
                    && !self.files.contains(path)
                    && path
                        .symlink_metadata()
                        .is_ok_and(|found| found.is_file() && found.len() == output.bytes)
                    && Checksum::of_file(path).is_ok_and(|found| found.sha256 == output.sha256)
            })
            .map(|(path, _)| path)
            .collect()
    }
}

/// The provenance of the set that lies in `folder`: that of its name, else the only one there.
pub(crate) fn provenance_in(folder: &Path) -> Result<PathBuf, Error> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let own = folder.join(format!("{name}.provenance.json"));
    if own.is_file() {
        return Ok(own);
    }
    let refuse = |reason: String| Error::Provenance {
        path: folder.into(),
        reason,
    };
    let entries = fs::read_dir(folder).map_err(|error| refuse(error.to_string()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut found = paths.filter(|path| path.to_string_lossy().ends_with(".provenance.json"));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(refuse("there is no provenance file in it".into())),
        _ => Err(refuse("there are several provenance files in it".into())),
    }
}

/// The provenance file of a set in `folder`, by the name of its cue file among `outputs`.
pub(crate) fn provenance_of_set(provenance: &Provenance, folder: &Path) -> Option<PathBuf> {
    let mut names = provenance.outputs.iter().map(|output| output.name.as_str());
    let name = names.find_map(|name| name.strip_suffix(CUES))?;
    Some(folder.join(format!("{name}.provenance.json")))
}

/// Folders that were made, the innermost first; they are taken away again unless they are kept.
#[derive(Default)]
pub(crate) struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    pub(crate) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            // What others have put there stays; the error that led here is the one to report.
            let _: io::Result<()> = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    fn names(request: SetRequest, folder: &str) -> Result<Vec<String>, Error> {
        let files = output_files(&request.into(), &[folder.into()])?;
        Ok(files
            .iter()
            .map(|file| file.display().to_string())
            .collect())
    }

    #[test]
    fn files_are_called_by_their_folder() {
        let request = SetRequest {
            layers: 2,
            stingers: [Stinger::Success].into(),
            ..SetRequest::default()
        };
        let found = names(request.clone(), "music/town_day/").unwrap();
        assert_eq!(found.len(), 2 + 3 * (2 + 2 + 1));
        for name in [
            "town_day.cues.json",
            "town_day.mid",
            "town_day_layer2.ogg",
            "town_day_outro1.wav",
            "town_day_stinger_success.mid",
        ] {
            assert!(
                found.contains(&format!("music/town_day/{name}")),
                "{name} of {found:?}"
            );
        }
        let unique: BTreeSet<&String> = found.iter().collect();
        assert_eq!(unique.len(), found.len());
        assert!(found.iter().all(|name| is_file_of_set(Path::new(name))));
        let short = SetRequest {
            outro: 0,
            stingers: BTreeSet::new(),
            ..request
        };
        assert_eq!(names(short, "a").unwrap().len(), 2 + 3 * 2);
    }

    #[test]
    fn folders_that_files_cannot_be_called_by_are_refused() {
        let long = "a".repeat(101);
        for folder in [
            "town.mid",
            "v1.2",
            "..",
            "/",
            ".",
            "a:b",
            "a\nb",
            "town_layer2",
            "town_stinger_notice",
            long.as_str(),
        ] {
            let refusal = names(SetRequest::default(), folder);
            assert!(matches!(refusal, Err(Error::SetFolder { .. })), "{folder}");
        }
        let two = output_files(&SetRequest::default().into(), &["a".into(), "b".into()]);
        assert!(matches!(two, Err(Error::SetFolder { .. })));
    }

    #[test]
    fn folders_go_again_unless_they_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("music/town");
        let set = SetFolder::of(&SetRequest::default().into(), std::slice::from_ref(&folder))
            .unwrap()
            .unwrap();
        let made = set.make().unwrap();
        assert!(folder.is_dir());
        drop(made);
        assert!(!place.path().join("music").exists());
        set.make().unwrap().keep();
        drop(set.make().unwrap());
        assert!(folder.is_dir());
        fs::write(place.path().join("music/town/mine"), "").unwrap();
        assert!(provenance_in(&folder).is_err());
    }
}
