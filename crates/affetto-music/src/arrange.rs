//! Lead sheets played: accompaniment and bass.
