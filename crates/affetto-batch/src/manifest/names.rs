//! That every id and every file is named once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use affetto::provenance_path;

use super::{Item, state_name, syntax::Fault};
use crate::key::with_slashes;

/// Whether every id and every file is named once, as a file system that does not tell `A` from `a` would have it.
pub(super) fn check_names(
    manifest: &Path,
    items: &[Item],
) -> Result<(), (usize, &'static str, Fault)> {
    let state = state_name(manifest).to_lowercase();
    let own = manifest.file_name().unwrap_or_default().to_string_lossy();
    let mut ids = BTreeMap::new();
    let mut files = BTreeSet::new();
    let inputs: BTreeSet<String> = items
        .iter()
        .flat_map(|item| item.inputs().iter().map(|path| lower(path)))
        .chain(
            items
                .iter()
                .filter_map(|item| Some(lower(item.soundfont.as_deref()?))),
        )
        .collect();
    let folders: BTreeSet<String> = items
        .iter()
        .flat_map(|item| &item.out)
        .flat_map(|out| out.ancestors().skip(1).map(lower))
        .collect();
    for item in items {
        if let Some(earlier) = ids.insert(item.id.as_str(), item.job) {
            let fault = Fault::new(format!("the id {:?} stands twice", item.id));
            let fault = match earlier == item.job {
                true => fault.with_hint("write the fields of the matrix into it: \"{seed}\""),
                false => fault,
            };
            return Err((item.job, "id", fault));
        }
        for path in &item.out {
            let name = lower(path);
            let refuse = |reason: String| Err((item.job, "out", Fault::new(reason)));
            let shown = path.display();
            if name == own.to_lowercase() || name.split('/').next() == Some(state.as_str()) {
                return refuse(format!("belongs to the batch itself: {shown}"));
            }
            if inputs.contains(&name) {
                return refuse(format!("is an input of a job: {shown}"));
            }
            if folders.contains(&name) {
                return refuse(format!("is the folder of files of another job: {shown}"));
            }
            if !files.insert(name) {
                return refuse(format!("is written by two jobs: {shown}"));
            }
        }
    }
    // Nor may a file be the provenance of another.
    for item in items {
        for path in &item.out {
            if files.contains(&lower(&provenance_path(path))) {
                let shown = path.display();
                let fault = Fault::new(format!("its provenance is written by two jobs: {shown}"));
                return Err((item.job, "out", fault));
            }
        }
    }
    Ok(())
}

fn lower(path: &Path) -> String {
    with_slashes(path).to_lowercase()
}
