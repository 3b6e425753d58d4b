//! One melody, two moods: the notes stay, the chords change.
//!
//!     cargo run --release --example harmonise

#![allow(clippy::print_stdout)]

use affetto::{LeadSheetRequest, Models, Score, Silent, Vad, compose};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let models = Models::embedded()?;
    let melody = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/evening.abc");
    for valence in [0.8, -0.6] {
        let request = LeadSheetRequest {
            emotion: Vad::new(valence, 0.0, 0.0)?.into(),
            keep: Some(melody.into()),
            ..LeadSheetRequest::default()
        };
        let sheet = compose(&request, &models, &Silent)?;
        println!(
            "asked {valence:5.2}, measured {:5.2}: {}",
            sheet.measured.valence,
            chords(&sheet.score)
        );
    }
    Ok(())
}

fn chords(score: &Score) -> String {
    let names = score.chords.iter().filter_map(|change| change.chord);
    names
        .map(|chord| chord.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}
