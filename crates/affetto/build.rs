//! Lists the models under `models/` that are compiled into the program.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const FILES: [&str; 4] = [
    "card.md",
    "config.json",
    "statistics.json",
    "model.safetensors",
];

fn main() -> io::Result<()> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../../models");
    println!("cargo:rerun-if-changed={}", folder.display());
    let models = match env::var_os("CARGO_FEATURE_EMBEDDED_MODELS") {
        Some(_) => whole_models(&folder)?,
        None => Vec::new(),
    };
    let mut table = format!(
        "pub(super) static EMBEDDED: [Embedded; {}] = [\n",
        models.len()
    );
    for model in &models {
        table.push_str(&entry(model)?);
    }
    table.push_str("];\n");
    fs::write(Path::new(&variable("OUT_DIR")).join("embedded.rs"), table)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The folders that have every file of a model, in the order of their names.
fn whole_models(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut models = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if FILES.iter().all(|file| path.join(file).is_file()) {
            models.push(path.canonicalize()?);
        }
    }
    models.sort();
    Ok(models)
}

fn entry(model: &Path) -> io::Result<String> {
    let mut entry = String::from("    Embedded {\n");
    for (field, file) in ["card", "config", "statistics", "weights"]
        .iter()
        .zip(FILES)
    {
        let path = model.join(file);
        println!("cargo:rerun-if-changed={}", path.display());
        let digest: String = Sha256::digest(fs::read(&path)?)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let _ = writeln!(
            entry,
            "        {field}: File {{ bytes: include_bytes!({path:?}), sha256: {digest:?} }},"
        );
    }
    entry.push_str("    },\n");
    Ok(entry)
}
