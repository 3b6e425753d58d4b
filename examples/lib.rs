//! Programs that show one idea each: `cargo run --release --example NAME`.
