//! The tests of the whole: flows through the command, files as other programs read them, bad files, documents.
//!
//! They use the weights under `models/`. With `AFFETTO_LONG=1` the random requests are a thousand, and what was asked
//! and measured is compared on more pieces.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod asked_and_measured;
mod attributes;
mod bad_files;
mod batch;
mod command;
mod crates_table;
mod documents;
mod elsewhere;
mod face;
mod game_set;
mod licences;
mod metadata;
mod piano;
mod piano_training;
mod provenance;
mod random_requests;
mod sticker_presets;
mod training;
mod transcripts;
mod video;
mod writing;
