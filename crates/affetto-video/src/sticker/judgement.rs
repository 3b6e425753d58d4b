//! The file of what was judged.

use std::path::{Path, PathBuf};

use affetto_core::write_atomic;
use serde::Serialize;

use crate::{Error, Result};

/// Writes a report to a folder, which is made where it is missing, and says where it stands.
///
/// # Errors
/// Where the folder or file cannot be written.
pub fn write(folder: &Path, report: &impl Serialize) -> Result<PathBuf> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let path = folder.join("judgement.json");
    write_atomic(&path, &serde_json::to_vec_pretty(report)?).map_err(failed(&path))?;
    Ok(path)
}
