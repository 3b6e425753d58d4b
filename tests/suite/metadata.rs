//! What Cargo says of the workspace, without a network.

use std::{path::PathBuf, process::Command};

use cargo_metadata::{Metadata, MetadataCommand};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The packages of this machine's kind alone, since others may not have been downloaded.
pub fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let options = ["--offline", "--locked", "--filter-platform", host]
        .map(str::to_owned)
        .to_vec();
    let mut command = MetadataCommand::new();
    command
        .manifest_path(root().join("Cargo.toml"))
        .other_options(options)
        .exec()
        .unwrap()
}
