//! Several pieces written for one request, of which one is kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use affetto_attributes::Critic;
use affetto_core::{Progress, Seed, Stage, Warning};
use rayon::prelude::*;

use crate::{Error, measure::row, tokens::Sequence};

/// The most candidates of one request.
pub const CANDIDATES: std::ops::RangeInclusive<usize> = 1..=64;

/// Something with the sequence that a critic judges it by.
pub trait Judged: Send {
    /// All that was written, in C major or A minor.
    fn sequence(&self) -> &Sequence;
}

impl Judged for Sequence {
    fn sequence(&self) -> &Sequence {
        self
    }
}

/// Writes `count` candidates, the first with `seed` itself, and draws one of them by the critic's odds. Without a critic
/// only the first is written.
pub fn best<T: Judged>(
    critic: Option<&Critic>,
    count: usize,
    seed: Seed,
    progress: &dyn Progress,
    write: impl Fn(Seed, &dyn Progress) -> Result<T, Error> + Sync,
) -> Result<T, Error> {
    let Some(critic) = critic.filter(|_| count > 1) else {
        return write(seed, progress);
    };
    let together = Together {
        progress,
        done: AtomicUsize::new(0),
        count,
    };
    let mut candidates = (0..count)
        .into_par_iter()
        .map(|at| {
            let seed = if at == 0 {
                seed
            } else {
                seed.derive(&format!("candidate {at}"))
            };
            let candidate = write(seed, &together)?;
            let odds = critic.odds_of(&row(candidate.sequence()));
            Ok((candidate, odds))
        })
        .collect::<Result<Vec<(T, f64)>, Error>>()?;
    let odds: Vec<f64> = candidates.iter().map(|(_, odds)| *odds).collect();
    let chosen = critic.choose(&odds, &mut seed.derive("choice").rng());
    Ok(candidates.swap_remove(chosen).0)
}

/// The progress of several candidates as that of one piece, which is so many times as long.
struct Together<'a> {
    progress: &'a dyn Progress,
    done: AtomicUsize,
    count: usize,
}

impl Progress for Together<'_> {
    fn step(&self, stage: Stage, _: usize, total: usize) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        self.progress.step(stage, done, total * self.count);
    }

    fn note(&self, text: &str) {
        self.progress.note(text);
    }

    fn warn(&self, warning: Warning) {
        self.progress.warn(warning);
    }

    fn cancelled(&self) -> bool {
        self.progress.cancelled()
    }
}
