//! What every other crate stands on: seeds, progress, hints, limits, texts on one line and atomic writes.

mod digest;
mod hint;
mod limits;
mod progress;
mod seed;
mod text;
mod write;

pub use digest::{Checksum, Summed, sha256_hex};
pub use hint::Hint;
pub use limits::{LimitError, read_limited};
pub use progress::{Progress, Silent, Stage, Warning};
pub use seed::{Rng, Seed};
pub use text::{on_one_line, one_line};
pub use write::{AtomicFile, write_atomic};
