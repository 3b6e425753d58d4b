//! Piano music from attributes: Kang, Lu, Yu, Tan, Ye, Zhang and Bian, "EmoGen: Eliminating Subjective Bias in Emotional
//! Music Generation" (2023), the half from attributes to music.

mod card;
pub mod compose;
pub mod condition;
pub mod corpus;
pub mod critic;
pub mod dynamics;
mod ending;
pub mod evaluate;
pub mod generate;
pub mod grid;
pub mod hands;
pub mod judge;
pub mod levels;
mod measure;
pub mod merit;
pub mod model;
pub mod profile;
pub mod quality;
pub mod rules;
mod source;
pub mod tokens;
pub mod train;
pub mod wish;
