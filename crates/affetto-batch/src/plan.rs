//! What is to be made, what stands already, and what cannot be made.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use affetto::{
    Engine, InputRole, Models, Progress, Provenance, Request, Stage, output_files, provenance_files,
};
use affetto_core::Checksum;

use crate::{
    Cache, Error, Item, MadeFile, Manifest, Outcome, Reason, Record, Shard,
    journal::Journals,
    key::{Keys, with_slashes},
    manifest::paths::leads_out,
    rates::{Estimate, Rates},
};

/// What a plan is for.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// The items of this shard alone.
    pub shard: Option<Shard>,
    /// Whether everything is made anew, over whatever stands there.
    pub force: bool,
    /// Where finished files may lie.
    pub cache: Option<Cache>,
}

/// What becomes of each item of a manifest, or of one shard of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The items, in the order of the manifest.
    pub planned: Vec<Planned>,
    /// How many items belong to other shards.
    pub elsewhere: usize,
    /// How long it takes on one core after another, and how much it writes.
    pub estimate: Estimate,
}

/// What becomes of an item.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its place in [`Manifest::items`].
    pub at: usize,
    /// What its files follow from; nothing where it is refused.
    pub key: String,
    /// What is to be done.
    pub step: Step,
}

/// What is to be done for an item.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is made.
    Make(Why),
    /// Its files are copied from the cache.
    Take,
    /// Its files stand as the journal has them.
    Keep,
    /// Its files stand, without a line of the journal, as their provenance has them.
    Adopt(Box<Record>),
    /// It cannot be made.
    Refuse(Reason),
}

/// Why an item is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It never was.
    New,
    /// It failed before.
    Failed,
    /// It was asked for otherwise, or made by other weights.
    Changed,
    /// A file of it is gone.
    Missing(String),
    /// A file of it is not as it was made.
    Damaged(String),
    /// Everything is made anew.
    Forced,
}

impl Plan {
    /// Looks at every item: at its journal, at the cache, at the files that stand.
    ///
    /// # Errors
    ///
    /// Where the journal cannot be read, or a link leads out of the folder of the manifest.
    pub fn new(
        manifest: &Manifest,
        options: &PlanOptions,
        models: &Models,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let journals = Journals::read(&manifest.state_folder())?;
        Self::with_journals(manifest, options, models, &journals, progress)
    }

    pub(crate) fn with_journals(
        manifest: &Manifest,
        options: &PlanOptions,
        models: &Models,
        journals: &Journals,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let folder = manifest.folder();
        let mut planner = Planner {
            keys: Keys::new(models, folder),
            folder,
            options,
            journals,
            sound_folders: BTreeSet::new(),
        };
        let rates = Rates::new(journals);
        let mut estimate = Estimate::default();
        let items = manifest.items();
        let holds = |item: &Item| options.shard.is_none_or(|shard| shard.holds(&item.id));
        let total = items.iter().filter(|item| holds(item)).count();
        let mut planned = Vec::with_capacity(total);
        for (at, item) in items.iter().enumerate().filter(|(_, item)| holds(item)) {
            if let Some(reason) = planner.way_out(item) {
                return Err(Error::Manifest {
                    path: manifest.path().into(),
                    line: manifest.line(item),
                    reason,
                    hint: Some("put a folder in the place of the link".into()),
                });
            }
            let (key, step) = planner.step(item);
            if matches!(step, Step::Make(_)) {
                estimate.add(&rates, item);
            }
            planned.push(Planned { at, key, step });
            if planned.len() % 100 == 0 || planned.len() == total {
                progress.step(Stage::Read, planned.len(), total);
            }
        }
        Ok(Self {
            elsewhere: items.len() - planned.len(),
            planned,
            estimate,
        })
    }
}

struct Planner<'a> {
    keys: Keys<'a>,
    folder: &'a Path,
    options: &'a PlanOptions,
    journals: &'a Journals,
    /// Folders in which no link leads out.
    sound_folders: BTreeSet<PathBuf>,
}

impl Planner<'_> {
    /// Where a file of the item would leave the folder by a link.
    fn way_out(&mut self, item: &Item) -> Option<String> {
        let named = item.inputs().iter().map(AsRef::as_ref);
        let soundfont = item.soundfont.as_deref();
        let paths = item
            .out
            .iter()
            .map(AsRef::as_ref)
            .chain(named)
            .chain(soundfont);
        for path in paths {
            let parent = path.parent().unwrap_or(Path::new("")).to_path_buf();
            if !self.sound_folders.contains(&parent) {
                if let Some(reason) = leads_out(self.folder, &parent) {
                    return Some(reason);
                }
                self.sound_folders.insert(parent);
            }
            let found = self.folder.join(path).symlink_metadata();
            if found.is_ok_and(|found| found.file_type().is_symlink())
                && let Some(reason) = leads_out(self.folder, path)
            {
                return Some(reason);
            }
        }
        None
    }

    fn step(&mut self, item: &Item) -> (String, Step) {
        let request = item.request();
        let key = match self.keys.key(item, &request) {
            Ok(key) => key,
            Err(reason) => return (String::new(), Step::Refuse(reason)),
        };
        if self.options.force {
            return (key, Step::Make(Why::Forced));
        }
        let step = match self.journals.find(&item.id, &key) {
            Some(record) if record.outcome != Outcome::Failed => self.look_at(&record),
            Some(_) => Step::Make(Why::Failed),
            None => self.unrecorded(item, &request, &key),
        };
        let in_cache = || {
            let found = self.options.cache.as_ref()?.find(&key)?;
            belongs(&found, item).then_some(())
        };
        match step {
            Step::Make(_) if in_cache().is_some() => (key, Step::Take),
            step => (key, step),
        }
    }

    fn look_at(&self, record: &Record) -> Step {
        let wanting = record
            .all_files()
            .find(|file| !file.stands_below(self.folder));
        match wanting.map(|file| &file.path) {
            None => Step::Keep,
            Some(path) if self.folder.join(path).exists() => Step::Make(Why::Damaged(path.clone())),
            Some(path) => Step::Make(Why::Missing(path.clone())),
        }
    }

    fn unrecorded(&mut self, item: &Item, request: &Request, key: &str) -> Step {
        if let Some(record) = self.adopted(item, request, key) {
            return Step::Adopt(Box::new(record));
        }
        match self.journals.latest(&item.id) {
            Some(_) => Step::Make(Why::Changed),
            None => Step::Make(Why::New),
        }
    }

    /// A record of files that stand, where their provenance says that they were made from the same by the same.
    fn adopted(&mut self, item: &Item, request: &Request, key: &str) -> Option<Record> {
        let outs = output_files(request, &item.out).ok()?;
        let beside = provenance_files(request, &item.out).ok()?;
        let of_provenance = self.folder.join(beside.first()?);
        let provenance = Provenance::read(&of_provenance).ok()?;
        let names = provenance.outputs.iter().map(|made| made.name.as_str());
        if !self.is_of(&provenance, item, request, &outs)
            || !outs.iter().map(|out| name_of(out)).eq(names)
        {
            return None;
        }
        let sum = Checksum::of_file(&of_provenance).ok()?;
        let files = outs.iter().zip(&provenance.outputs);
        let files = files.map(|(out, made)| MadeFile::new(out, made.bytes, &made.sha256));
        let beside = beside.iter();
        let beside = beside.map(|path| MadeFile::new(path, sum.bytes, &sum.sha256));
        let record = Record {
            files: files.collect(),
            provenance: beside.collect(),
            effects: provenance.effects,
            warnings: provenance.warnings,
            ..Record::of(item, key, Outcome::Found)
        };
        let whole = record
            .all_files()
            .all(|file| file.stands_below(self.folder));
        whole.then_some(record)
    }

    /// Whether a provenance is that of the item as it would be made now.
    fn is_of(
        &mut self,
        provenance: &Provenance,
        item: &Item,
        request: &Request,
        outs: &[PathBuf],
    ) -> bool {
        let Ok(model) = self.keys.model(request) else {
            return false;
        };
        let has_sound = request.has_sound(outs);
        let soundfont = item.soundfont.as_ref().filter(|_| has_sound);
        let mut inputs = provenance.inputs.iter();
        let recorded = inputs.find(|input| input.role == InputRole::Soundfont);
        let missed = provenance.effects.iter().any(|effect| !effect.reached);
        provenance.request == *request
            && provenance.engine == Engine::this()
            && provenance.models == Vec::from_iter(model)
            && recorded.map(|input| &input.path) == soundfont
            && !(item.strict && missed)
            && provenance
                .inputs
                .iter()
                .all(|input| self.keys.input(&input.path).as_ref() == Ok(&input.sha256))
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Whether every file of a record is one that the item writes.
pub(crate) fn belongs(record: &Record, item: &Item) -> bool {
    let request = item.request();
    let outs = output_files(&request, &item.out).unwrap_or_default();
    let beside = provenance_files(&request, &item.out).unwrap_or_default();
    let own: BTreeSet<String> = outs
        .iter()
        .chain(&beside)
        .map(|path| with_slashes(path))
        .collect();
    record.all_files().all(|file| own.contains(&file.path))
}
