//! Making what a plan says, on several threads, a journal line for each item that is finished.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use affetto::{Models, OutputOptions, Progress, Silent, Stage, Warning, WrittenFile};

use crate::{
    Error, Item, MadeFile, Manifest, Outcome, Plan, PlanOptions, Reason, Record, Report, Shard,
    Step, Why,
    journal::{Journals, Writer},
    key::reason,
    manifest::paths::leads_out,
    plan::belongs,
    report,
};

/// How a batch is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// What is made, and where finished files may lie.
    pub plan: PlanOptions,
    /// How many items are made at a time; as many as there are cores where nothing is said.
    pub jobs: Option<usize>,
    /// How often an item is tried again whose files could not be read or written. What fails otherwise fails again.
    pub retries: usize,
    /// Whether the first failure ends the batch.
    pub fail_fast: bool,
    /// Whether to go on with what an earlier run left.
    pub resume: bool,
    /// Whether to wait for another batch in the same folder.
    pub wait: bool,
}

/// Is told what becomes of the items, and says whether to stop.
///
/// [`Progress::step`] counts finished items. An item at hand is always finished.
pub trait BatchProgress: Progress {
    /// What happened.
    fn event(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// Whether no further item is to be begun.
    fn stopping(&self) -> bool {
        self.cancelled()
    }
}

impl BatchProgress for Silent {}

/// What happened to an item.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// What is to be done.
    Planned(&'a Plan),
    /// It is begun.
    Started {
        /// The item.
        id: &'a str,
    },
    /// It is finished, or has failed.
    Finished(&'a Record),
}

/// Makes every item of a manifest, or of one shard of it, and writes a report.
///
/// A finished item is never made again, unless it is asked for otherwise or its files are no longer what they were. Nothing
/// that stands is lost: each file is written whole or not at all, and one that no batch made is not written over.
///
/// # Errors
///
/// Where the batch cannot be begun, or the disk is full. That an item fails is no error here: the report says so.
pub fn run(
    manifest: &Manifest,
    options: &RunOptions,
    models: &Models,
    progress: &dyn BatchProgress,
) -> Result<Report, Error> {
    let state = manifest.state_folder();
    let shard = options.plan.shard;
    let _lock = Lock::take(manifest.folder(), &state, shard, options.wait)?;
    let journals = Journals::read(&state)?;
    let done = journals.items_of(shard);
    if done > 0 && !options.resume && !options.plan.force {
        return Err(Error::Begun { path: state, done });
    }
    if journals.damaged() > 0 {
        progress.warn(Warning(format!(
            "{} lines of the journal cannot be read, their items are looked at anew",
            journals.damaged()
        )));
    }
    let plan = Plan::with_journals(manifest, &options.plan, models, &journals, progress)?;
    progress.event(&Event::Planned(&plan));
    drop(journals);
    let name = manifest.path().file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let work = Work {
        manifest,
        options,
        models,
        progress,
        journal: Writer::open(&state, shard, &name)?,
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        cache_warned: AtomicBool::new(false),
        error: Mutex::new(None),
        plan: &plan,
    };
    work.carry_out()?;
    let journals = Journals::read(&state)?;
    report::write(manifest, &plan, &journals, shard)
}

struct Work<'a> {
    manifest: &'a Manifest,
    options: &'a RunOptions,
    models: &'a Models,
    progress: &'a dyn BatchProgress,
    journal: Writer,
    next: AtomicUsize,
    done: AtomicUsize,
    stopped: AtomicBool,
    cache_warned: AtomicBool,
    error: Mutex<Option<Error>>,
    plan: &'a Plan,
}

impl Work<'_> {
    fn carry_out(&self) -> Result<(), Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.options.jobs.unwrap_or(cores);
        let jobs = jobs.clamp(1, self.plan.planned.len().max(1));
        thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        let error = self
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        error.map_or(Ok(()), Err)
    }

    fn work(&self) {
        let total = self.plan.planned.len();
        while !self.stopped.load(Ordering::Relaxed) && !self.progress.stopping() {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= total {
                return;
            }
            if let Err(error) = self.one(at) {
                let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
                self.stopped.store(true, Ordering::Relaxed);
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            self.progress.step(Stage::Items, done, total);
        }
    }

    /// Does what the plan says of one item. Only what ends the whole batch is an error.
    fn one(&self, at: usize) -> Result<(), Error> {
        let planned = &self.plan.planned[at];
        let item = &self.manifest.items()[planned.at];
        let record = match &planned.step {
            Step::Keep => return Ok(()),
            Step::Adopt(record) => Record::clone(record),
            Step::Refuse(reason) => failed(item, &planned.key, reason.clone(), 0, 0.0),
            Step::Take => match self.taken(item, &planned.key)? {
                Some(record) => record,
                None => self.make(item, &planned.key, false)?,
            },
            Step::Make(why) => {
                // Files that the journal has are ours, as they are; of others the provenance must say so.
                let over = matches!(why, Why::Missing(_) | Why::Damaged(_) | Why::Forced);
                self.make(item, &planned.key, over)?
            }
        };
        self.journal.write(&record)?;
        self.progress.event(&Event::Finished(&record));
        if record.outcome == Outcome::Failed && self.options.fail_fast {
            self.stopped.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn taken(&self, item: &Item, key: &str) -> Result<Option<Record>, Error> {
        let begun = Instant::now();
        let Some(cache) = &self.options.plan.cache else {
            return Ok(None);
        };
        let Some(found) = cache.find(key).filter(|found| belongs(found, item)) else {
            return Ok(None);
        };
        let folder = self.manifest.folder();
        let stands = |file: &MadeFile| folder.join(&file.path).exists();
        if found.files.iter().any(stands) || self.make_folders(item).is_err() {
            return Ok(None); // making it says why it cannot be written
        }
        if !cache.take(&found, folder)? {
            return Ok(None);
        }
        Ok(Some(Record {
            id: item.id.clone(),
            outcome: Outcome::Cached,
            seconds: begun.elapsed().as_secs_f64(),
            attempts: 0,
            ..found
        }))
    }

    fn make(&self, item: &Item, key: &str, over: bool) -> Result<Record, Error> {
        self.progress.event(&Event::Started { id: &item.id });
        let begun = Instant::now();
        let seconds = || begun.elapsed().as_secs_f64();
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(item, over) {
                Ok(output) => {
                    let record = self.made(item, key, output, seconds(), attempts);
                    self.put_into_cache(&record);
                    return Ok(record);
                }
                Err(Trouble::Full(error)) => return Err(error),
                Err(Trouble::Passing(reason)) if attempts > self.options.retries => {
                    return Ok(failed(item, key, reason, attempts, seconds()));
                }
                Err(Trouble::Passing(_)) => {}
                Err(Trouble::Lasting(reason)) => {
                    return Ok(failed(item, key, reason, attempts, seconds()));
                }
            }
        }
    }

    fn attempt(&self, item: &Item, over: bool) -> Result<affetto::Output, Trouble> {
        self.make_folders(item)?;
        let folder = self.manifest.folder();
        let options = OutputOptions {
            files: item.out.iter().map(|path| folder.join(path)).collect(),
            inputs_from: Some(folder.into()),
            soundfont: item.soundfont.clone(),
            strict: item.strict,
            force: over,
        };
        let request = item.request();
        let make = || affetto::run(&request, &options, self.models, &Silent);
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(made) => Ok(made?),
            Err(_) => Err(Trouble::Lasting(Reason {
                message: "a defect of the program".into(),
                hint: Some("please report it with this request".into()),
            })),
        }
    }

    /// The folders of the files, none of them behind a link that leads out.
    fn make_folders(&self, item: &Item) -> Result<(), Trouble> {
        let folder = self.manifest.folder();
        for path in &item.out {
            if let Some(message) = leads_out(folder, path) {
                return Err(Trouble::Lasting(Reason {
                    message,
                    hint: None,
                }));
            }
            let parent = folder.join(path);
            let parent = parent.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(|source| {
                Trouble::from(affetto::Error::Write {
                    path: parent.into(),
                    source,
                })
            })?;
        }
        Ok(())
    }

    fn made(
        &self,
        item: &Item,
        key: &str,
        output: affetto::Output,
        seconds: f64,
        attempts: usize,
    ) -> Record {
        let folder = self.manifest.folder();
        let file = |file: &WrittenFile| {
            let path = file.path.strip_prefix(folder).unwrap_or(&file.path);
            MadeFile::new(path, file.bytes, &file.sha256)
        };
        Record {
            files: output.files.iter().map(file).collect(),
            provenance: output.provenance.iter().map(file).collect(),
            effects: output.effects,
            warnings: output.warnings,
            seconds,
            attempts,
            ..Record::of(item, key, Outcome::Made)
        }
    }

    /// A cache that cannot be written to is said once, and is no failure.
    fn put_into_cache(&self, record: &Record) {
        let Some(cache) = &self.options.plan.cache else {
            return;
        };
        let put = cache.put(record, self.manifest.folder());
        if let Err(error) = put
            && !self.cache_warned.swap(true, Ordering::Relaxed)
        {
            self.progress
                .warn(Warning(format!("the cache is only read: {error}")));
        }
    }
}

fn failed(item: &Item, key: &str, reason: Reason, attempts: usize, seconds: f64) -> Record {
    Record {
        seconds,
        attempts,
        reason: Some(reason),
        ..Record::of(item, key, Outcome::Failed)
    }
}

/// Why an attempt failed.
enum Trouble {
    /// The disk is full: nothing else can be written either.
    Full(Error),
    /// Something could not be read or written, which may pass.
    Passing(Reason),
    /// It would fail again.
    Lasting(Reason),
}

impl From<affetto::Error> for Trouble {
    fn from(error: affetto::Error) -> Self {
        match error {
            affetto::Error::Write { path, source } if is_full(&source) => {
                Self::Full(Error::Write { path, source })
            }
            affetto::Error::Write { .. } | affetto::Error::Input(_) => {
                Self::Passing(reason(&error))
            }
            error => Self::Lasting(reason(&error)),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// That nobody else writes in the same folder: the whole of it, or the same shard. The system takes the locks from who is
/// killed.
struct Lock {
    _folder: File,
    _shard: Option<File>,
}

impl Lock {
    fn take(folder: &Path, state: &Path, shard: Option<Shard>, wait: bool) -> Result<Self, Error> {
        let busy = || Error::Busy {
            folder: folder.into(),
        };
        let exclusive = |path: &Path| locked(path, wait, File::try_lock, File::lock);
        let whole = folder.join(".affetto-batch.lock");
        if shard.is_none() {
            let _folder = exclusive(&whole)?.ok_or_else(busy)?;
            return Ok(Self {
                _folder,
                _shard: None,
            });
        }
        let shared = locked(&whole, wait, File::try_lock_shared, File::lock_shared);
        let _folder = shared?.ok_or_else(busy)?;
        fs::create_dir_all(state).map_err(|source| Error::write(state, source))?;
        let own = exclusive(&state.join(Shard::name_of(shard, ".lock", "")))?.ok_or_else(busy)?;
        Ok(Self {
            _folder,
            _shard: Some(own),
        })
    }
}

/// A file with its lock; nothing where another has it. A file system without locks has one batch at a time, by the user's
/// care.
fn locked(
    path: &Path,
    wait: bool,
    attempt: fn(&File) -> Result<(), TryLockError>,
    lock: fn(&File) -> io::Result<()>,
) -> Result<Option<File>, Error> {
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    let file = opened.map_err(|source| Error::write(path, source))?;
    let taken = match attempt(&file) {
        Err(TryLockError::WouldBlock) => {
            if wait {
                let _: io::Result<()> = lock(&file);
            }
            wait
        }
        _ => true,
    };
    Ok(taken.then_some(file))
}
