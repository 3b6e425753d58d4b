//! Lead sheets by valence: Makris, Agres and Herremans, "Generating Lead Sheets with Affect" (2021).

pub mod arrange;
pub mod corpus;
pub mod generate;
pub mod grammar;
pub mod model;
mod next_token;
pub mod statistics;
pub mod tokens;
pub mod trigram;

pub use next_token::{Input, NextToken, Sampling, log_probabilities};
