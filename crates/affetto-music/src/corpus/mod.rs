//! The songs that the lead-sheet models are trained on.
