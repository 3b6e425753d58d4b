//! Lead sheets by valence: Makris, Agres and Herremans, "Generating Lead Sheets with Affect" (2021).

pub mod corpus;
pub mod model;
pub mod tokens;
