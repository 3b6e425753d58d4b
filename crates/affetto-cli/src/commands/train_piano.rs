use affetto::{
    Seed,
    music::{
        Error, corpus,
        piano::{
            model::ModelSize,
            train::{TrainOptions, train},
        },
    },
};
use serde_json::{Value, json};

use super::train::{stopped, weights_of};
use crate::{
    args::{PianoSize, TrainPiano},
    failure::Failure,
    printer::Printer,
};

/// `affetto train piano`
pub fn run(args: &TrainPiano, printer: &Printer) -> Result<Value, Failure> {
    let report = match train(&options(args), printer) {
        Err(Error::Cancelled | Error::Corpus(corpus::Error::Cancelled)) => {
            return Err(stopped(printer));
        }
        report => report?,
    };
    let loss = &report.test_loss;
    let columns = [
        ("told the attributes", loss.told),
        ("told others\u{2019}", loss.told_others),
        ("told none", loss.told_none),
        ("untrained", loss.untrained),
    ];
    let head = std::iter::once(String::new()).chain(columns.map(|(name, _)| name.to_owned()));
    let row = std::iter::once("nats a token".to_owned())
        .chain(columns.map(|(_, loss)| format!("{loss:.3}")));
    printer.say_table(&[head.collect(), row.collect()]);
    printer.data(&args.out.display().to_string());
    Ok(json!({ "out": args.out, "report": report }))
}

fn options(args: &TrainPiano) -> TrainOptions {
    let checkpoint = args.checkpoint.clone();
    TrainOptions {
        data: args.data.clone(),
        without_pop909: args.without_pop909,
        size: match args.size {
            PianoSize::Tiny => ModelSize::Tiny,
            PianoSize::Small => ModelSize::Small,
            PianoSize::Medium => ModelSize::Medium,
            PianoSize::Published => ModelSize::Published,
        },
        out: args.out.clone(),
        checkpoint: checkpoint.unwrap_or_else(|| args.out.join("checkpoint")),
        max_minutes: args.max_minutes,
        steps: args.steps.and_then(|steps| steps.try_into().ok()),
        pieces: args.pieces,
        resume: args.resume,
        from: args.from.as_deref().map(weights_of),
        seed: Seed(args.seed),
    }
}
