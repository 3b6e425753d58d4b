use std::path::{Path, PathBuf};

use affetto::{
    Seed,
    music::{
        Error, corpus,
        model::ModelKind,
        train::{ModelSize, TrainOptions, train},
    },
};
use serde_json::{Value, json};

use crate::{
    args::{Architecture, Size, TrainLeadSheet},
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto train lead-sheet`
pub fn run(args: &TrainLeadSheet, printer: &Printer) -> Result<Value, Failure> {
    let report = match train(&options(args), printer) {
        Err(Error::Cancelled | Error::Corpus(corpus::Error::Cancelled)) => {
            return Err(stopped(printer));
        }
        report => report?,
    };
    let loss = &report.test_loss;
    let head = ["", "trained", "trigram", "unigram", "untrained"]
        .map(str::to_owned)
        .to_vec();
    let losses =
        [loss.trained, loss.trigram, loss.unigram, loss.untrained].map(|loss| format!("{loss:.3}"));
    let row = std::iter::once("nats a token".to_owned())
        .chain(losses)
        .collect();
    printer.say_table(&[head, row]);
    printer.data(&args.out.display().to_string());
    Ok(json!({ "out": args.out, "report": report }))
}

fn options(args: &TrainLeadSheet) -> TrainOptions {
    let checkpoint = args.checkpoint.clone();
    TrainOptions {
        data: args.data.clone(),
        model: match args.model {
            Architecture::Transformer => ModelKind::Transformer,
            Architecture::Lstm => ModelKind::Lstm,
        },
        size: match args.size {
            Size::Base => ModelSize::Base,
            Size::Tiny => ModelSize::Tiny,
        },
        out: args.out.clone(),
        checkpoint: checkpoint.unwrap_or_else(|| args.out.join("checkpoint")),
        max_minutes: args.max_minutes,
        steps: args.steps.and_then(|steps| steps.try_into().ok()),
        resume: args.resume,
        pieces: args.pieces,
        from: args.from.as_deref().map(weights_of),
        seed: Seed(args.seed),
    }
}

/// The weights in the folder of a model, or the file itself.
pub(super) fn weights_of(from: &Path) -> PathBuf {
    if from.is_dir() {
        from.join("model.safetensors")
    } else {
        from.into()
    }
}

pub(super) fn stopped(printer: &Printer) -> Failure {
    Failure {
        code: if printer.interrupted() {
            Code::Interrupted
        } else {
            Code::Resumable
        },
        message: "stopped, the checkpoint is written".into(),
        hint: Some("go on with --resume".into()),
    }
}
