//! ABC notation.
