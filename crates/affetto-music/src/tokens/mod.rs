//! Lead sheets as token sequences.
