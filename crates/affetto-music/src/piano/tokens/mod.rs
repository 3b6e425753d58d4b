//! Piano music as token sequences: the "REMI-like" vocabulary of EmoGen (Kang et al. 2023), token by token.
//!
//! Each bar is `s-x t-y ( o-pos i-0 ( p d v )+ )* b-1`: time signature and tempo, then for each occupied position, in
//! order, its notes from high to low.

mod cursor;
mod echo;
mod encode;
mod vocabulary;

pub use cursor::{BarPlan, Cursor, FEATURE_COLUMNS, Plan, Slot, Style, feature_vocab, is_forced};
pub use encode::{TokenError, decode, encode};
pub use vocabulary::{
    KEYBOARD, LONGEST_BAR, Length, POSITIONS_PER_QUARTER, Signature, TempoStep, Token, VOCAB,
    VelocityStep, bar_positions, has_pitch, quarters_from_positions,
};
