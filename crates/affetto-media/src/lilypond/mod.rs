//! LilyPond input.
