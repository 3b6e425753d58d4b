//! Films made again from what stands beside them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use affetto_core::{Checksum, Progress, read_limited};
use affetto_nn::device::{Device, DeviceChoice, device_name};
use affetto_video::{lora::LoraSource, picture::Picture, wan::WanFolder};

use super::{VIDEO_PROVENANCE_SCHEMA, VideoProvenance, WeightsUsed, kept_beside, weights_used};
use crate::{
    Error, Input, InputRole, Rerun, RerunFile, RerunOptions,
    output::{Undo, provenance_path},
    provenance::{MAX_BYTES, from_json, is_plain, schema_fault, to_json},
    rerun::{is_to_write, locate, provenance_file, schema_of, version_warning},
};

/// A film that was made, by its provenance.
#[derive(Clone, Debug)]
pub struct RecordedVideo {
    provenance: VideoProvenance,
    folder: PathBuf,
}

impl RecordedVideo {
    /// The film that `path` is, or whose provenance it is; nothing where something else is recorded there, or nothing.
    ///
    /// # Errors
    /// [`Error::Provenance`] where the record is damaged.
    pub fn find(path: &Path) -> Result<Option<Self>, Error> {
        let file = provenance_file(path);
        if !file.is_file() {
            return Ok(None);
        }
        let bytes = read_limited(&file, MAX_BYTES)?;
        if schema_of(&bytes).as_deref() != Some(VIDEO_PROVENANCE_SCHEMA) {
            return Ok(None);
        }
        Ok(Some(Self {
            provenance: from_json(&file, &bytes, fault)?,
            folder: file.parent().map(Path::to_path_buf).unwrap_or_default(),
        }))
    }

    /// What is recorded.
    pub fn provenance(&self) -> &VideoProvenance {
        &self.provenance
    }

    /// Where it was made.
    pub fn device(&self) -> DeviceChoice {
        self.provenance.device.parse().unwrap_or_default()
    }

    /// Where the film is to be.
    pub fn path(&self, options: &RerunOptions) -> PathBuf {
        let folder = options.folder.as_deref().unwrap_or(&self.folder);
        folder.join(&self.provenance.output.name)
    }

    /// Makes the film again with these networks, which must be the ones that made it. LoRAs, picture and tiny decoder are
    /// looked for where they were, else beside the record. What was sampled is kept like the first time, and gone on from.
    ///
    /// # Errors
    /// [`Error::VideoWeightsChanged`] where the networks are others, [`Error::InputChanged`] where a file is, and those of
    /// making a film.
    pub fn rerun(
        &self,
        wan: WanFolder,
        device: &Device,
        options: &RerunOptions,
        progress: &dyn Progress,
    ) -> Result<Rerun, Error> {
        let recorded = &self.provenance;
        let path = self.path(options);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut file = RerunFile {
            path: path.clone(),
            recorded_sha256: recorded.output.sha256.clone(),
            sha256: recorded.output.sha256.clone(),
            identical: true,
            written: false,
        };
        // Before hours of work.
        is_to_write(&file, options)?;
        let wan = self.with_inputs(wan)?;
        self.check_weights(&wan)?;
        let picture = self.located(InputRole::Picture)?;
        let picture = picture
            .first()
            .map(|path| Picture::read(path))
            .transpose()?;
        let plan = wan.plan_as_made(&recorded.request, recorded.layers_quantized, recorded.tile)?;
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        let place = tempfile::tempdir_in(match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        });
        let place = place.map_err(failed)?;
        let (made, kept) = (place.path().join("film.mp4"), kept_beside(&path));
        let latent = wan.sample(
            &plan,
            picture.as_ref(),
            device,
            &kept,
            kept.is_file(),
            progress,
        )?;
        wan.film(&plan, &latent, &made, device, progress)?;
        file.sha256 = Checksum::of_file(&made).map_err(failed)?.sha256;
        file.identical = file.sha256 == file.recorded_sha256;
        if file.identical && is_to_write(&file, options)? {
            let mut undo = Undo::default();
            undo.write(&provenance_path(&path), to_json(recorded).as_bytes())?;
            fs::rename(&made, &path).map_err(failed)?;
            undo.keep();
            file.written = true;
        }
        // As the first time: the film was compared, and nobody goes on from here.
        let _ = fs::remove_file(&kept);
        let (then, now) = (&recorded.device, device_name(device));
        let elsewhere = (*then != now).then(|| format!("made on {then}, made again on {now}"));
        Ok(Rerun {
            files: vec![file],
            warnings: version_warning(&recorded.engine)
                .into_iter()
                .chain(elsewhere)
                .collect(),
        })
    }

    /// The networks with the user's own files.
    fn with_inputs(&self, wan: WanFolder) -> Result<WanFolder, Error> {
        let strengths = self.provenance.loras.iter().map(|lora| lora.strength);
        let loras: Vec<LoraSource> = self
            .located(InputRole::Lora)?
            .into_iter()
            .zip(strengths)
            .map(|(path, strength)| LoraSource { path, strength })
            .collect();
        let wan = wan.with_loras(&loras)?;
        Ok(match self.located(InputRole::TinyDecoder)?.first() {
            Some(tiny) => wan.with_tiny_decoder(tiny)?,
            None => wan,
        })
    }

    /// Where the files of a role are now.
    fn located(&self, role: InputRole) -> Result<Vec<PathBuf>, Error> {
        let inputs = &self.provenance.inputs;
        let of_role = inputs.iter().filter(|input| input.role == role);
        of_role
            .map(|Input { path, .. }| locate(inputs, &self.folder, role, path))
            .collect()
    }

    fn check_weights(&self, wan: &WanFolder) -> Result<(), Error> {
        let now = weights_used(wan)?;
        let (then, now) = (sums_by_part(&self.provenance.weights), sums_by_part(&now));
        let mut parts = then.keys().chain(now.keys());
        let Some(part) = parts.find(|part| then.get(*part) != now.get(*part)) else {
            return Ok(());
        };
        let of = |sums: &BTreeMap<&str, Vec<&str>>| sums.get(part).map(|sums| sums.join(", "));
        Err(Error::VideoWeightsChanged {
            part: (*part).into(),
            expected: of(&then).unwrap_or_default(),
            found: of(&now).unwrap_or_default(),
        })
    }
}

/// The SHA-256 of the files of each part.
fn sums_by_part(used: &[WeightsUsed]) -> BTreeMap<&str, Vec<&str>> {
    let mut sums: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for WeightsUsed { part, sha256, .. } in used {
        sums.entry(part).or_default().push(sha256);
    }
    sums
}

/// What is wrong with a record beyond its form, so that a hostile file cannot ask for what no user can.
fn fault(read: &VideoProvenance) -> Option<String> {
    let name = &read.output.name;
    if let Some(fault) = schema_fault(&read.schema, VIDEO_PROVENANCE_SCHEMA) {
        return Some(fault);
    }
    if let Err(error) = read.request.check() {
        return Some(error.to_string());
    }
    if !is_plain(name) || !name.to_ascii_lowercase().ends_with(".mp4") {
        return Some(format!("{name:?} is no plain name of a film"));
    }
    if let Err(fault) = read.device.parse::<DeviceChoice>() {
        return Some(fault);
    }
    let loras = read.inputs.iter();
    let loras = loras.filter(|input| input.role == InputRole::Lora).count();
    (loras != read.loras.len()).then(|| "inputs and loras do not fit".into())
}
