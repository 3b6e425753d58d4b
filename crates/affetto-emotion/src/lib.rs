//! emotion
