//! Piano music from attributes: Kang, Lu, Yu, Tan, Ye, Zhang and Bian, "EmoGen: Eliminating Subjective Bias in Emotional
//! Music Generation" (2023), the half from attributes to music.

pub mod grid;
pub mod tokens;
