//! What is in a score: valence, tension, density, harmony and melody.
//!
//!     cargo run --release --example measure -- FILE

#![allow(clippy::print_stdout)]

use affetto::{LeadSheetMeasures, read_score};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/evening.abc");
    let path = std::env::args().nth(1).unwrap_or(sample.into());
    let score = read_score(path)?;
    let measures = LeadSheetMeasures::of(&score);

    println!(
        "{}: {} bars, best key {}",
        score.title,
        measures.bars.len(),
        measures.key.best_key
    );
    println!(
        "valence {:.2}, tension {:.2}",
        measures.valence, measures.tension
    );
    println!(
        "{:.0} % of the melody are chord tones",
        100.0 * measures.harmony.chord_tone_ratio
    );
    println!(
        "{:.1} notes a bar, {:.1} chords a bar",
        measures.melody.notes_per_bar, measures.harmony.chords_per_bar
    );
    for (at, bar) in measures.bars.iter().enumerate() {
        println!(
            "bar {:2}: valence {:5.2}, tension {:.2}, {} events",
            at + 1,
            bar.valence,
            bar.tension,
            bar.events
        );
    }
    Ok(())
}
