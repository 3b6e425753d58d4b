//! The Facial Action Coding System (Ekman, Friesen & Hager 2002): what each muscle, or group of muscles, does to a face,
//! and which of them an emotion moves.

mod prototype;
mod tables;
mod unit;

pub use prototype::{Basis, Prototype, prototype};
pub use tables::{TABLES_SHA256, tables_json};
pub use unit::{ActionUnit, Side};
