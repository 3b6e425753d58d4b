//! Piano music from attributes: Kang, Lu, Yu, Tan, Ye, Zhang and Bian, "EmoGen: Eliminating Subjective Bias in Emotional
//! Music Generation" (2023), the half from attributes to music.

mod card;
pub mod compose;
pub mod condition;
pub mod levels;
pub mod corpus;
pub mod grid;
pub mod model;
pub mod tokens;
pub mod train;
