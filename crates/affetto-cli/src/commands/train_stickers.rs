use affetto::{
    Seed,
    video::{
        Error,
        sticker::train::{Size, TrainOptions, train},
    },
};
use serde_json::{Value, json};

use super::train::stopped;
use crate::{
    args::{StickerSize, TrainStickers},
    failure::Failure,
    printer::Printer,
};

/// `affetto train stickers`
pub fn run(args: &TrainStickers, printer: &Printer) -> Result<Value, Failure> {
    let report = match train(&options(args), printer) {
        Err(Error::Cancelled) => return Err(stopped(printer)),
        report => report?,
    };
    let columns = [
        ("told its emotion", report.loss),
        ("told another\u{2019}s", report.loss_told_others),
        ("told none", report.loss_told_none),
        ("untrained", report.loss_untrained),
    ];
    let head = std::iter::once(String::new()).chain(columns.map(|(name, _)| name.to_owned()));
    let row = std::iter::once("error on clips held out".to_owned())
        .chain(columns.map(|(_, loss)| format!("{loss:.3}")));
    printer.say_table(&[head.collect(), row.collect()]);
    printer.data(&args.out.display().to_string());
    Ok(json!({ "out": args.out, "report": report }))
}

fn options(args: &TrainStickers) -> TrainOptions {
    let checkpoint = args.checkpoint.clone();
    TrainOptions {
        data: args.data.clone(),
        size: size(args.size),
        out: args.out.clone(),
        checkpoint: checkpoint.unwrap_or_else(|| args.out.join("checkpoint")),
        max_minutes: args.max_minutes,
        steps: args.steps.and_then(|steps| steps.try_into().ok()),
        resume: args.resume,
        stickers: args.stickers,
        seed: Seed(args.seed),
    }
}

/// The size of that word.
pub(super) const fn size(word: StickerSize) -> Size {
    match word {
        StickerSize::Base => Size::Base,
        StickerSize::Tiny => Size::Tiny,
    }
}
