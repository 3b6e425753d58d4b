//! Lead sheets by valence: Makris, Agres and Herremans, "Generating Lead Sheets with Affect" (2021).

mod arousal;
pub mod arrange;
pub mod candidates;
mod card;
pub mod compose;
pub mod condition;
pub mod corpus;
pub mod dataset;
mod error;
pub mod form;
pub mod generate;
pub mod grammar;
mod lead_sheet_model;
pub mod measure;
pub mod model;
mod next_token;
mod packing;
pub mod piano;
pub mod plan;
pub mod progression;
pub mod rules;
pub mod set;
pub mod songs;
pub mod statistics;
pub mod template;
#[cfg(test)]
mod testing;
mod title;
pub mod tokens;
pub mod train;
pub mod trigram;
pub mod uncached;

pub use error::Error;
pub use lead_sheet_model::LeadSheetModel;
pub use next_token::{Input, NextToken, Sampling, log_probabilities};
