//! Names of files that may not leave the folder of the manifest.

use std::path::{Component, Path, PathBuf};

/// Names that are devices on Windows, whatever their extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];
/// The longest name of a file; with `.provenance.json` and the dots of a temporary file it is below 255 bytes.
const LONGEST_NAME: usize = 200;
/// The longest path.
const LONGEST_PATH: usize = 1_000;

/// A path below the folder of the manifest, or why it is none.
pub(super) fn below(text: &str) -> Result<PathBuf, String> {
    let refuse = |reason: &str| Err(format!("{reason}: {text:?}"));
    if text.is_empty() {
        return refuse("an empty name");
    }
    if text.len() > LONGEST_PATH {
        return Err(format!(
            "a path of {} bytes, {LONGEST_PATH} at most",
            text.len()
        ));
    }
    if text.contains(['\\', ':', '\0']) || text.chars().any(char::is_control) {
        return refuse("a name with \\, : or a control character");
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => {
                let name = name.to_string_lossy();
                if let Some(reason) = fault_of_name(&name) {
                    return refuse(reason);
                }
                path.push(name.as_ref());
            }
            Component::CurDir => {}
            _ => return refuse("a path that leaves the folder of the manifest"),
        }
    }
    if path.as_os_str().is_empty() || text.ends_with('/') {
        return refuse("no name of a file");
    }
    Ok(path)
}

fn fault_of_name(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default();
    if DEVICES.contains(&stem.to_ascii_lowercase().as_str()) {
        Some("a name that is a device on Windows")
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        Some("a name that begins or ends with a space, or ends with a dot")
    } else if name.len() > LONGEST_NAME {
        Some("a name of more than 200 bytes")
    } else if name.contains(['<', '>', '"', '|', '?', '*']) {
        Some("a name that Windows cannot hold")
    } else {
        None
    }
}

/// Why `path` below `folder` leads out of it by a link, where it does.
pub(crate) fn leads_out(folder: &Path, path: &Path) -> Option<String> {
    let root = folder.canonicalize().ok()?;
    let mut place = folder.to_path_buf();
    for component in path.components() {
        place.push(component);
        let Ok(found) = place.symlink_metadata() else {
            return None; // nothing below it stands yet
        };
        if !found.file_type().is_symlink() {
            continue;
        }
        let inside = place
            .canonicalize()
            .is_ok_and(|found| found.starts_with(&root));
        if !inside {
            return Some(format!(
                "a link that leads out of the folder: {}",
                place.display()
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_paths_below_the_folder_are_taken() {
        for text in ["a.mid", "music/a.mid", "./a.mid", "a/b/c d.mid", ".hidden"] {
            assert!(below(text).is_ok(), "{text}");
        }
        assert_eq!(below("./a//b.mid").unwrap(), Path::new("a/b.mid"));
        for text in [
            "",
            ".",
            "..",
            "../a.mid",
            "a/../../b.mid",
            "/etc/passwd",
            "a\\b",
            "C:/a.mid",
            "a:b",
            "a.mid:s",
            "con.mid",
            "sub/NUL",
            "a/",
            "a.",
            "a ",
            "a\n.mid",
            "a*.mid",
            "\0",
        ] {
            assert!(below(text).is_err(), "{text:?}");
        }
        assert!(below(&"a".repeat(201)).is_err());
        assert!(below(&"a/".repeat(600)).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_seen() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        std::fs::create_dir(root.join("inside")).unwrap();
        std::os::unix::fs::symlink(other.path(), root.join("out")).unwrap();
        std::os::unix::fs::symlink(root.join("inside"), root.join("in")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("broken.mid")).unwrap();
        assert!(leads_out(root, Path::new("out/a.mid")).is_some());
        assert!(leads_out(root, Path::new("broken.mid")).is_some());
        for path in ["in/a.mid", "inside/a.mid", "new/a.mid"] {
            assert!(leads_out(root, Path::new(path)).is_none(), "{path}");
        }
    }
}
