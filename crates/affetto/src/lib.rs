//! Affetto
