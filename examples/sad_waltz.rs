//! A waltz that begins sad and ends in peace: one valence curve over the bars, bar by bar in what comes out.
//!
//!     cargo run --release --example sad_waltz

#![allow(clippy::print_stdout)]

use affetto::{
    Emotion, Findings, LeadSheetRequest, Models, OutputOptions, Seed, Silent, Vad,
    emotion::{Channel, Curve, Unit},
    run,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let valence = Curve::parse(Channel::Valence, Unit::Bars, None, "0:-0.8, 8:-0.6, 16:0.7")?;
    let request = LeadSheetRequest {
        seed: Seed(7),
        title: Some("Sad waltz".into()),
        emotion: Emotion::from(Vad::new(-0.4, -0.3, -0.2)?).with_curve(valence),
        key: Some("D minor".parse()?),
        meter: Some("3/4".parse()?),
        bars: Some(16),
        ..LeadSheetRequest::default()
    };
    let folder = std::env::temp_dir();
    let options = OutputOptions {
        files: ["mid", "musicxml", "png"]
            .map(|format| folder.join(format!("sad-waltz.{format}")))
            .to_vec(),
        force: true,
        ..OutputOptions::default()
    };
    let output = run(&request.into(), &options, &Models::embedded()?, &Silent)?;

    if let Findings::LeadSheet { asked, measured } = output.findings {
        println!("bar  asked  measured");
        let bars = asked.valence_per_bar.iter().zip(&measured.bars);
        for (at, (asked, bar)) in bars.enumerate() {
            println!("{:3}  {asked:5.2}  {:8.2}", at + 1, bar.valence);
        }
    }
    for file in output.files {
        println!("{}", file.path.display());
    }
    Ok(())
}
