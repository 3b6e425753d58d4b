//! Standard MIDI files.
