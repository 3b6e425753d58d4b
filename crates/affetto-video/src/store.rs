//! Published weights that a user has added: recognised, checked, converted where they must be, and found again.
//!
//! | under the store | is |
//! |---|---|
//! | `transformer/NAME/`, `vae/NAME/`, `text_encoder/NAME/`, `image_encoder/NAME/` | `config.json`, the weights or links to them, `added.json` |
//! | `tokenizer/NAME/` | `tokenizer.json`, `added.json` |

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
};

use affetto_core::{Checksum, Progress, Stage, read_limited, write_atomic};
use candle_core::{DType, Device, pickle::PthTensors};
use safetensors::{Dtype, View};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    model::{ClipConfig, DitConfig, Umt5Config, VaeConfig},
    text::Words,
    wan::WanParts,
    weights::{Network, Weights},
};

/// The most bytes of a text beside weights.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Residual blocks of a level of the published autoencoder.
const RES_BLOCKS: usize = 2;

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Removes noise.
    Transformer,
    /// Between videos and latents.
    Vae,
    /// Reads texts.
    TextEncoder,
    /// Sees pictures.
    ImageEncoder,
    /// Cuts texts into words.
    Tokenizer,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Transformer,
        Self::Vae,
        Self::TextEncoder,
        Self::ImageEncoder,
        Self::Tokenizer,
    ];

    /// Its folder, here and as diffusers has it.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Vae => "vae",
            Self::TextEncoder => "text_encoder",
            Self::ImageEncoder => "image_encoder",
            Self::Tokenizer => "tokenizer",
        }
    }

    const fn network(self) -> Option<Network> {
        match self {
            Self::Transformer => Some(Network::Dit),
            Self::Vae => Some(Network::Vae {
                res_blocks: RES_BLOCKS,
            }),
            Self::TextEncoder => Some(Network::Umt5),
            Self::ImageEncoder => Some(Network::Clip),
            Self::Tokenizer => None,
        }
    }
}

/// Something that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// What it is for.
    pub part: Part,
    /// Its name in the store.
    pub name: String,
    /// Numbers of the network; 0 for a tokenizer.
    pub parameters: u64,
    /// Whether a transformer begins from a picture.
    pub takes_picture: bool,
    /// The licence that stands beside it, if one does.
    pub licence: Option<String>,
    /// Its files as they were given.
    pub files: Vec<AddedFile>,
    /// Whether it was converted.
    pub converted: bool,
}

/// A file that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedFile {
    /// Where it was.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// A folder of added weights.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store at `folder`, which need not be there yet.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a file, a folder of one network, a folder as diffusers has it, or one of the cache of Hugging Face. Files stay
    /// where they are and are linked to; those of PyTorch's own format are converted once.
    ///
    /// # Errors
    /// [`Error::Unrecognised`] where it is none of these, and where it is damaged or cannot be written. What was complete
    /// before stays.
    pub fn add(
        &self,
        path: &Path,
        name: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<Vec<Added>> {
        let path = snapshot(path);
        let parts: Vec<(Part, PathBuf)> = Part::ALL
            .into_iter()
            .map(|part| (part, path.join(part.folder())))
            .filter(|(_, folder)| folder.is_dir())
            .collect();
        let name = match name {
            Some(name) => name.to_owned(),
            None => stem(&path),
        };
        if parts.is_empty() {
            return Ok(vec![self.add_one(&path, None, &name, progress)?]);
        }
        parts
            .iter()
            .map(|(part, folder)| self.add_one(folder, Some(*part), &name, progress))
            .collect()
    }

    fn add_one(
        &self,
        path: &Path,
        part: Option<Part>,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Added> {
        let tokenizer = match path.is_dir() {
            true => path.join("tokenizer.json"),
            false => path.to_path_buf(),
        };
        let is_tokenizer = tokenizer
            .file_name()
            .is_some_and(|name| name == "tokenizer.json");
        if part.is_none_or(|part| part == Part::Tokenizer) && is_tokenizer && tokenizer.is_file() {
            Words::read(&tokenizer)?;
            return self.put(Part::Tokenizer, name, path, &[tokenizer], None, progress);
        }
        if is_pickled(path) {
            return self.convert(path, name, progress);
        }
        let (part, weights) = recognised(path, part)?;
        let config = Config::of(part, path, &weights)?;
        self.put(part, name, path, &weights.paths(), Some(config), progress)
    }

    /// A file of PyTorch's own format, read by a reader that runs none of its code.
    fn convert(&self, path: &Path, name: &str, progress: &dyn Progress) -> Result<Added> {
        let existed = self.folder.is_dir();
        let incoming = self.incoming(name)?;
        let file = incoming.path().join("model.safetensors");
        let read =
            safetensors_of_pickle(path, &file, progress).and_then(|()| recognised(&file, None));
        let (part, weights) = match read {
            Ok(found) => found,
            Err(error) => {
                drop(incoming);
                if !existed {
                    // Nothing was added, so nothing is left; an empty folder that stays would do no harm.
                    let _ = fs::remove_dir(&self.folder);
                }
                return Err(match error {
                    Error::Unrecognised { .. } => unrecognised(path),
                    error => error,
                });
            }
        };
        let config = Config::of(part, path, &weights)?;
        drop(weights);
        let added = described(
            part,
            name,
            path,
            &[path.to_path_buf()],
            Some(&config),
            true,
            progress,
        )?;
        self.finish(incoming, &added, Some(&config))
    }

    fn put(
        &self,
        part: Part,
        name: &str,
        given: &Path,
        files: &[PathBuf],
        config: Option<Config>,
        progress: &dyn Progress,
    ) -> Result<Added> {
        let incoming = self.incoming(name)?;
        let added = described(part, name, given, files, config.as_ref(), false, progress)?;
        for file in files {
            let full = fs::canonicalize(file).map_err(|source| read_error(file, source))?;
            let link = incoming.path().join(file.file_name().unwrap_or_default());
            link_to(&full, &link).map_err(|source| write_error(&link, source))?;
        }
        self.finish(incoming, &added, config.as_ref())
    }

    /// A folder in the store that is gone again unless it is finished.
    fn incoming(&self, name: &str) -> Result<tempfile::TempDir> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::Config {
                name: "name",
                value: name.into(),
                permitted: "letters, digits, points, dashes".into(),
            });
        }
        fs::create_dir_all(&self.folder).map_err(|source| write_error(&self.folder, source))?;
        tempfile::Builder::new()
            .prefix(".incoming-")
            .tempdir_in(&self.folder)
            .map_err(|source| write_error(&self.folder, source))
    }

    fn finish(
        &self,
        incoming: tempfile::TempDir,
        added: &Added,
        config: Option<&Config>,
    ) -> Result<Added> {
        let write = |name: &str, text: String| {
            let path = incoming.path().join(name);
            write_atomic(&path, text.as_bytes()).map_err(|source| write_error(&path, source))
        };
        if let Some(config) = config {
            write("config.json", config.json.clone())?;
        }
        write("added.json", serde_json::to_string_pretty(added)?)?;
        let parent = self.folder.join(added.part.folder());
        fs::create_dir_all(&parent).map_err(|source| write_error(&parent, source))?;
        let place = parent.join(&added.name);
        if place.exists() {
            if added_at(&place).is_some_and(|there| there.files_equal(added)) {
                return Ok(added.clone());
            }
            return Err(Error::Taken {
                name: added.name.clone(),
                path: place,
            });
        }
        fs::rename(incoming.keep(), &place).map_err(|source| write_error(&place, source))?;
        Ok(added.clone())
    }

    /// All that was added, by part and name.
    pub fn list(&self) -> Vec<Added> {
        let folders = Part::ALL.map(|part| self.folder.join(part.folder()));
        let mut found: Vec<Added> = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flat_map(|entries| entries.flatten())
            .filter_map(|entry| added_at(&entry.path()))
            .collect();
        found.sort_by(|a, b| (a.part, &a.name).cmp(&(b.part, &b.name)));
        found
    }

    /// The networks for a video: the transformer of this name, or the only one of its kind, and what goes with it: of the
    /// same name, or the only one.
    ///
    /// # Errors
    /// [`Error::NotAdded`] where one is missing or none can be chosen.
    pub fn find(&self, name: Option<&str>, with_picture: bool) -> Result<WanParts> {
        let all = self.list();
        let of = |part: Part| all.iter().filter(move |added| added.part == part);
        let place = |added: &Added| self.folder.join(added.part.folder()).join(&added.name);
        let transformers: Vec<&Added> = of(Part::Transformer)
            .filter(|added| match name {
                Some(name) => added.name == name,
                None => added.takes_picture == with_picture,
            })
            .collect();
        let names = |found: &[&Added]| {
            let names = found.iter().map(|added| added.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let transformer = match transformers[..] {
            [only] => only,
            [] => {
                return Err(Error::NotAdded {
                    what: "transformer",
                    found: names(&of(Part::Transformer).collect::<Vec<_>>()),
                });
            }
            ref several => {
                return Err(Error::NotAdded {
                    what: "one transformer alone: name it",
                    found: names(several),
                });
            }
        };
        let beside = |part: Part, what: &'static str| {
            let found: Vec<&Added> = of(part).collect();
            let same = found.iter().find(|added| added.name == transformer.name);
            match (same, &found[..]) {
                (Some(same), _) => Ok(place(same)),
                (None, [only]) => Ok(place(only)),
                (None, found) => Err(Error::NotAdded {
                    what,
                    found: names(found),
                }),
            }
        };
        Ok(WanParts {
            transformer: place(transformer),
            vae: beside(Part::Vae, "autoencoder")?,
            text_encoder: beside(Part::TextEncoder, "text encoder")?,
            tokenizer: beside(Part::Tokenizer, "tokenizer")?,
            image_encoder: beside(Part::ImageEncoder, "picture encoder").ok(),
        })
    }
}

impl Added {
    fn files_equal(&self, other: &Self) -> bool {
        let sums = |added: &Self| -> Vec<String> {
            added.files.iter().map(|file| file.sha256.clone()).collect()
        };
        sums(self) == sums(other)
    }
}

/// A configuration, as it is written and as it is counted.
struct Config {
    json: String,
    parameters: u64,
    takes_picture: bool,
}

impl Config {
    /// The `config.json` beside the weights, or one by their shapes.
    fn of(part: Part, path: &Path, weights: &Weights) -> Result<Self> {
        let folder = if path.is_dir() {
            Some(path)
        } else {
            path.parent()
        };
        let beside = folder.map(|folder| folder.join("config.json"));
        let text = match beside.filter(|path| path.is_file()) {
            Some(path) => {
                let bytes = read_limited(&path, MAX_TEXT_BYTES)?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            None => None,
        };
        let (json, tensors, takes_picture) = match part {
            Part::Transformer => {
                let (config, json) = read_or(text, DitConfig::from_json, || {
                    let config = DitConfig::of_weights(weights)?;
                    let json = config.to_json()?;
                    Ok((config, json))
                })?;
                let takes_picture = config.in_channels > config.out_channels;
                (json, config.tensors(), takes_picture)
            }
            Part::Vae => {
                let found = || written(VaeConfig::wan_2_1());
                let (config, json) = read_or(text, VaeConfig::from_json, found)?;
                (json, config.tensors(), false)
            }
            Part::TextEncoder => {
                let found = || written(Umt5Config::of_weights(weights)?);
                let (config, json) = read_or(text, Umt5Config::from_json, found)?;
                (json, config.tensors(), false)
            }
            Part::ImageEncoder => {
                let found = || written(ClipConfig::vit_h_14());
                let (config, json) = read_or(text, ClipConfig::from_json, found)?;
                (json, config.tensors(), false)
            }
            Part::Tokenizer => (String::new(), Vec::new(), false),
        };
        let mut parameters = 0;
        for (name, shape) in &tensors {
            weights.check(name, shape)?;
            parameters += shape.iter().product::<usize>() as u64;
        }
        Ok(Self {
            json,
            parameters,
            takes_picture,
        })
    }
}

/// A configuration and its JSON: of the file beside the weights, or else what is `found` by them.
fn read_or<T>(
    text: Option<String>,
    read: impl Fn(&str) -> Result<T>,
    found: impl FnOnce() -> Result<(T, String)>,
) -> Result<(T, String)> {
    match text {
        Some(text) => Ok((read(&text)?, text)),
        None => found(),
    }
}

/// A configuration and the JSON that it is written as.
fn written<T: Serialize>(config: T) -> Result<(T, String)> {
    let json = serde_json::to_string_pretty(&config)?;
    Ok((config, json))
}

fn described(
    part: Part,
    name: &str,
    given: &Path,
    files: &[PathBuf],
    config: Option<&Config>,
    converted: bool,
    progress: &dyn Progress,
) -> Result<Added> {
    let mut summed = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let sum = Checksum::of_file(file).map_err(|source| read_error(file, source))?;
        summed.push(AddedFile {
            path: fs::canonicalize(file).map_err(|source| read_error(file, source))?,
            bytes: sum.bytes,
            sha256: sum.sha256,
        });
        progress.step(Stage::Read, at + 1, files.len());
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
    }
    Ok(Added {
        part,
        name: name.into(),
        parameters: config.map_or(0, |config| config.parameters),
        takes_picture: config.is_some_and(|config| config.takes_picture),
        licence: licence(given),
        files: summed,
        converted,
    })
}

/// The network whose weights these are.
fn recognised(path: &Path, part: Option<Part>) -> Result<(Part, Weights)> {
    let candidates = match part {
        Some(part) => vec![part],
        None => Part::ALL.to_vec(),
    };
    for part in candidates {
        let Some(network) = part.network() else {
            continue;
        };
        match Weights::open(path, network, &Device::Cpu) {
            Ok(weights) => return Ok((part, weights)),
            Err(Error::OtherNetwork { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(unrecognised(path))
}

fn unrecognised(path: &Path) -> Error {
    Error::Unrecognised { path: path.into() }
}

fn read_error(path: &Path, source: std::io::Error) -> Error {
    Error::Read {
        path: path.into(),
        source,
    }
}

fn write_error(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.into(),
        source,
    }
}

fn added_at(folder: &Path) -> Option<Added> {
    let bytes = read_limited(&folder.join("added.json"), MAX_TEXT_BYTES).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The newest snapshot where `path` is a model in the cache of Hugging Face, else `path`.
fn snapshot(path: &Path) -> PathBuf {
    let main = read_limited(&path.join("refs").join("main"), 1000).ok();
    let revision = main.and_then(|bytes| String::from_utf8(bytes).ok());
    let snapshot = revision.map(|revision| path.join("snapshots").join(revision.trim()));
    snapshot
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(|| path.into())
}

/// A name from that of a file or folder: its letters, digits, points and dashes.
fn stem(path: &Path) -> String {
    let in_cache = path
        .ancestors()
        .filter_map(|folder| folder.file_name()?.to_str()?.strip_prefix("models--"))
        .next();
    let own = match path.is_dir() {
        true => path.file_name(),
        false => path.file_stem(),
    };
    let own = own.unwrap_or_default().to_string_lossy().into_owned();
    let name = in_cache.map_or(own, |name| {
        name.rsplit("--").next().unwrap_or(name).to_owned()
    });
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || ".-".contains(letter) => letter,
        _ => '-',
    };
    let plain: String = name.chars().map(plain).collect();
    plain.trim_start_matches(['.', '-']).to_ascii_lowercase()
}

fn is_pickled(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() && ending.is_some_and(|ending| ["pth", "pt", "ckpt"].contains(&ending))
}

/// The licence that stands in a `README.md` or `LICENSE` in the folder of `path` or the one above.
fn licence(path: &Path) -> Option<String> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let folders = folder.ancestors().take(2);
    folders.into_iter().find_map(|folder| {
        let text = |name: &str| {
            let bytes = read_limited(&folder.join(name), MAX_TEXT_BYTES).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let stated = text("README.md").and_then(|text| {
            let front = text.strip_prefix("---")?.split("\n---").next()?.to_owned();
            let line = front
                .lines()
                .find_map(|line| line.strip_prefix("license:"))?;
            Some(line.trim().trim_matches(['"', '\'']).to_owned())
        });
        stated.or_else(|| {
            let text = text("LICENSE").or_else(|| text("LICENSE.txt"))?;
            let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
            Some(line.to_owned())
        })
    })
}

#[cfg(unix)]
fn link_to(file: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(file, link)
}

#[cfg(not(unix))]
fn link_to(file: &Path, link: &Path) -> std::io::Result<()> {
    fs::hard_link(file, link).or_else(|_| fs::copy(file, link).map(drop))
}

/// A tensor that is read when it is written.
struct Lazy<'a> {
    file: &'a PthTensors,
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    failed: &'a RefCell<Option<String>>,
}

impl Lazy<'_> {
    fn bytes(&self) -> candle_core::Result<Vec<u8>> {
        let tensor = self
            .file
            .get(&self.name)?
            .ok_or_else(|| candle_core::Error::Msg(format!("no tensor {:?}", self.name)))?;
        Ok(View::data(&&tensor.contiguous()?).into_owned())
    }
}

impl View for Lazy<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        let bytes = self.bytes().unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error.to_string());
            vec![0; self.data_len()]
        });
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * (self.dtype.bitsize() / 8)
    }
}

/// Writes the tensors of a file of PyTorch's own format, one at a time.
fn safetensors_of_pickle(path: &Path, to: &Path, progress: &dyn Progress) -> Result<()> {
    let damaged = |reason: String| Error::Damaged {
        path: path.into(),
        reason,
    };
    let first_line = |error: candle_core::Error| {
        let text = error.to_string();
        damaged(text.lines().next().unwrap_or_default().to_owned())
    };
    let open = |key| PthTensors::new(path, key);
    let file = match open(None) {
        Ok(file) if !file.tensor_infos().is_empty() => file,
        Ok(_) => open(Some("state_dict")).map_err(first_line)?,
        Err(error) => return Err(first_line(error)),
    };
    let failed = RefCell::new(None);
    let mut tensors = Vec::new();
    for (name, info) in file.tensor_infos() {
        let dtype = match info.dtype {
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            other => {
                return Err(damaged(format!(
                    "{name} is {other:?}, which no network here has"
                )));
            }
        };
        tensors.push((
            name.clone(),
            Lazy {
                file: &file,
                name: name.clone(),
                dtype,
                shape: info.layout.shape().dims().to_vec(),
                failed: &failed,
            },
        ));
    }
    if tensors.is_empty() {
        return Err(unrecognised(path));
    }
    progress.step(Stage::Read, 0, 1);
    safetensors::serialize_to_file(tensors, None, to)
        .map_err(|error| damaged(error.to_string()))?;
    if let Some(reason) = failed.borrow_mut().take() {
        return Err(damaged(reason));
    }
    progress.step(Stage::Read, 1, 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use affetto_core::Silent;
    use candle_core::Tensor;

    use super::*;
    use crate::parity;

    fn add(store: &Store, path: &Path) -> Result<Vec<Added>> {
        store.add(path, None, &Silent)
    }

    #[test]
    fn a_folder_of_all_parts_is_found_again() {
        let folder = parity::folder();
        fs::write(
            folder.path().join("README.md"),
            "---\nlicense: apache-2.0\n---\n# A model\n",
        )
        .unwrap();
        let root = tempfile::tempdir().unwrap();
        let store = Store::at(&root.path().join("published"));
        assert!(store.list().is_empty());
        let added = add(&store, folder.path()).unwrap();
        assert_eq!(added.len(), 4);
        assert!(
            added
                .iter()
                .all(|added| added.licence.as_deref() == Some("apache-2.0"))
        );
        let bytes = fs::read(folder.path().join("transformer/model.safetensors")).unwrap();
        assert_eq!(added[0].files[0].sha256, affetto_core::sha256_hex(&bytes));
        assert_eq!(store.list().len(), 4);
        // The same once more changes nothing; other files do not take its place.
        add(&store, folder.path()).unwrap();
        let parts = store.find(None, false).unwrap();
        crate::wan::WanFolder::of(parts).unwrap();
        assert!(store.find(None, true).is_err());
        assert!(store.find(Some("other"), false).is_err());
    }

    #[test]
    fn a_single_file_is_recognised_by_its_shapes() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::at(root.path());
        for (file, part) in [
            ("tiny_umt5.safetensors", Part::TextEncoder),
            ("tokenizer.json", Part::Tokenizer),
        ] {
            let added = add(&store, &parity::path(file)).unwrap();
            assert_eq!(added[0].part, part);
        }
        let text =
            fs::read_to_string(root.path().join("text_encoder/tiny-umt5/config.json")).unwrap();
        let found = Umt5Config::from_json(&text).unwrap();
        let told = Umt5Config::from_json(&parity::config("umt5")).unwrap();
        assert_eq!(found, told);
    }

    #[test]
    fn what_is_no_network_is_refused_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::at(&root.path().join("published"));
        let other = root.path().join("other.safetensors");
        let tensor = Tensor::zeros(4, DType::F32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&[("x".to_owned(), tensor)].into(), &other).unwrap();
        assert!(matches!(
            add(&store, &other),
            Err(Error::Unrecognised { .. })
        ));
        let pickle = root.path().join("other.pth");
        fs::write(&pickle, "no pickle").unwrap();
        assert!(matches!(add(&store, &pickle), Err(Error::Damaged { .. })));
        let left = fs::read_dir(store.folder()).map_or(0, Iterator::count);
        assert_eq!(left, 0);
        assert!(store.list().is_empty());
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(
            stem(Path::new("/x/Wan2.1 T2V_1.3B.safetensors")),
            "wan2.1-t2v-1.3b"
        );
        let cached = Path::new("/hub/models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers/snapshots/0fad");
        assert_eq!(stem(cached), "wan2.1-t2v-1.3b-diffusers");
        let root = tempfile::tempdir().unwrap();
        let store = Store::at(root.path());
        let add = |name| store.add(&parity::path("tokenizer.json"), Some(name), &Silent);
        for wrong in ["", "../up", ".hidden", "a b"] {
            assert!(matches!(add(wrong), Err(Error::Config { .. })), "{wrong}");
        }
    }
}
