/// What a long call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading input files or data.
    Read,
    /// Training a model, counted in steps.
    Train,
    /// Measuring on held-out data.
    Evaluate,
    /// Generating, counted in bars or frames.
    Generate,
    /// Rendering sound or pictures.
    Render,
    /// Making many things, counted in things.
    Items,
}

impl Stage {
    /// The word shown beside a progress bar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Generate => "generate",
            Self::Render => "render",
            Self::Items => "items",
        }
    }
}

/// Something that need not stop the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(
    /// One sentence without a full stop.
    pub String,
);

/// Told how far a long call is. Every method has a silent default.
pub trait Progress: Send + Sync {
    /// `done` of `total` units of `stage` are finished.
    fn step(&self, stage: Stage, done: usize, total: usize) {
        let _ = (stage, done, total);
    }
    /// Something worth saying happened, for example the loss of an epoch.
    fn note(&self, text: &str) {
        let _ = text;
    }
    /// Something is not as asked, and the work goes on.
    fn warn(&self, warning: Warning) {
        let _ = warning;
    }
    /// Whether the caller wants the work to stop at the next safe point.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A progress that says nothing.
pub struct Silent;

impl Progress for Silent {}
