//! What Ctrl-C and a request to end do.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether the user or the system wants the command to stop.
#[derive(Clone, Default)]
pub struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    /// Listens. Ctrl-C stops at the next safe place, a second one at once; a request to end lets the piece at hand be
    /// finished.
    pub fn listen() -> io::Result<Self> {
        let signals = Self::default();
        flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&signals.interrupt))?;
        flag::register(SIGINT, Arc::clone(&signals.interrupt))?;
        flag::register(SIGTERM, Arc::clone(&signals.terminate))?;
        // A file that outgrows its limit is then an error of writing, not a death.
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// Whether Ctrl-C was pressed.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Whether the system asked to end.
    pub fn terminated(&self) -> bool {
        self.terminate.load(Ordering::Relaxed)
    }
}
