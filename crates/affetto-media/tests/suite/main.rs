//! Scores, sound, pictures, takes and stickers as files: what is written is read again, what is damaged is refused.
//!
//! One program: each program of tests is compiled and linked for itself.

#![allow(clippy::unwrap_used)]

mod abc_fixtures;
mod abc_laws;
mod abc_read;
mod chord_spelling;
mod film;
mod grand_staff;
mod lilypond_write;
mod midi_files;
mod midi_hostile;
mod midi_round_trip;
mod musicxml_corpus;
mod musicxml_files;
mod musicxml_laws;
mod piano_roll_draw;
mod sticker_files;
mod sticker_hostile;
mod take_hostile;
mod take_samples;
mod wav_sound;

use affetto_media::Quarters;

/// A time in quarter notes.
fn q(numerator: i64, denominator: i64) -> Quarters {
    Quarters::new(numerator, denominator)
}
