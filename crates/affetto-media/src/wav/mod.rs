//! Sound: scores rendered to WAV.
