use std::path::{Path, PathBuf};

use affetto::{
    Seed,
    attributes::{
        self,
        map::{Accuracy, LearnRequest, Validation, learn, read_labels},
    },
    music::{
        Error, corpus,
        model::ModelKind,
        train::{ModelSize, TrainOptions, train},
    },
};
use serde_json::{Value, json};

use crate::{
    args::{Architecture, Size, TrainAttributeMap, TrainLeadSheet},
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

/// `affetto train attribute-map`
pub fn attribute_map(args: &TrainAttributeMap, printer: &Printer) -> Result<Value, Failure> {
    let request = LearnRequest {
        data: args.data.clone(),
        pieces: read_labels(&args.labels)?,
        source: args.source.clone(),
        reading: args.reading.reading(),
        seed: Seed(args.seed),
    };
    let learned = match learn(&request, printer) {
        Err(attributes::Error::Cancelled) => {
            return Err(Failure {
                code: Code::Interrupted,
                message: "stopped, nothing was written".into(),
                hint: None,
            });
        }
        learned => learned?,
    };
    printer.say_table(&accuracies(&learned.validation));
    let command = "affetto train attribute-map --data DIR --labels FILE";
    let files = learned.write(&args.out, &args.licence, command)?;
    printer.data(&args.out.display().to_string());
    Ok(json!({
        "files": files,
        "pieces": learned.map.pieces,
        "songs": learned.map.songs,
        "validation": learned.validation,
        "failed": learned.failed.iter().map(|(path, _)| path).collect::<Vec<_>>(),
    }))
}

fn accuracies(validation: &Validation) -> Vec<Vec<String>> {
    let head = [
        "told right, on songs not learned from",
        "quadrant",
        "arousal",
        "valence",
    ];
    let row = |(name, accuracy): (&str, Accuracy)| {
        let shares = [accuracy.quadrant, accuracy.arousal, accuracy.valence];
        let shares = shares.map(|share| format!("{share:.3}"));
        std::iter::once(name.to_owned()).chain(shares).collect()
    };
    let rows = [
        ("chance (the commonest)", validation.chance),
        ("EmoGen's published vectors", validation.emogen),
        ("majority bits", validation.bits),
        (
            "supervised clustering, 100 attributes",
            validation.centres_of_hundred,
        ),
        ("supervised clustering, all attributes", validation.centres),
        ("random forest", validation.forest),
    ];
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows.map(row))
        .collect()
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
