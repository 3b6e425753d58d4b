//! The two architectures of the paper.
