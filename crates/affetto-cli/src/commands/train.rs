use affetto::{
    Seed,
    music::{
        model::ModelKind,
        train::{TrainOptions, train},
    },
};
use serde_json::{Value, json};

use crate::{
    args::{Architecture, TrainLeadSheet},
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto train lead-sheet`
pub fn run(args: &TrainLeadSheet, printer: &Printer) -> Result<Value, Failure> {
    let checkpoint = args.checkpoint.clone();
    let options = TrainOptions {
        data: args.data.clone(),
        model: match args.model {
            Architecture::Transformer => ModelKind::Transformer,
            Architecture::Lstm => ModelKind::Lstm,
        },
        out: args.out.clone(),
        checkpoint: checkpoint.unwrap_or_else(|| args.out.join("checkpoint")),
        max_minutes: args.max_minutes,
        resume: args.resume,
        pieces: args.pieces,
        from: args.from.clone(),
        seed: Seed(args.seed),
    };
    let report = train(&options, printer)?;
    if printer.interrupted() || printer.terminated() {
        let code = if printer.interrupted() {
            Code::Interrupted
        } else {
            Code::Resumable
        };
        return Err(Failure {
            code,
            message: "stopped, the checkpoint is written".into(),
            hint: Some("go on with --resume".into()),
        });
    }
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
