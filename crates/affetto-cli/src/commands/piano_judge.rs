use affetto::{
    Models, Seed,
    attributes::judge::{JudgeReport, Share},
    music::{
        Error,
        piano::judge::{JudgeOptions, PianoJudgement, judge},
    },
};
use serde_json::{Value, json};

use crate::{
    args::TrainPianoJudge,
    failure::{Code, Failure},
    printer::Printer,
};

/// `affetto train piano-judge`
pub fn run(args: &TrainPianoJudge, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let model = models.piano(args.model.as_deref())?;
    let options = JudgeOptions {
        data: args.data.clone(),
        pieces: args.pieces.into(),
        candidates: args.candidates.into(),
        seed: Seed(args.seed),
    };
    let judgement = match judge(&model.model, &options, printer) {
        Err(Error::Cancelled) => {
            return Err(Failure {
                code: Code::Interrupted,
                message: "stopped, nothing was written".into(),
                hint: None,
            });
        }
        judgement => judgement?,
    };
    printer.say_table(&table(&judgement));
    let path = judgement.write(&args.out)?;
    printer.data(&path.display().to_string());
    Ok(json!({ "file": path, "model": &model.used, "judgement": &judgement }))
}

fn table(judgement: &PianoJudgement) -> Vec<Vec<String>> {
    let head = [
        "judged right",
        "pieces",
        "quadrant",
        "arousal",
        "valence",
        "recall of Q1 to Q4",
    ];
    let rows = [
        ("real, by song", &judgement.cross_validated),
        ("real, kept apart", &judgement.real),
        ("generated", &judgement.generated),
        ("generated, labels shuffled", &judgement.shuffled),
        ("asked for nothing", &judgement.unconditional),
    ];
    let row = |(name, report): (&str, &JudgeReport)| {
        let recall = report.recall.map(|recall| format!("{recall:.2}")).join(" ");
        let shares = [report.quadrant, report.arousal, report.valence].map(interval);
        [name.to_owned(), report.pieces.to_string()]
            .into_iter()
            .chain(shares)
            .chain([recall])
            .collect()
    };
    let [q1_q4, q2_q3] = judgement.pairs.map(interval);
    let pairs = vec![
        "more awake, same seed".into(),
        String::new(),
        String::new(),
        format!("Q1 than Q4 {q1_q4}"),
        format!("Q2 than Q3 {q2_q3}"),
        String::new(),
    ];
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows.map(row))
        .chain([pairs])
        .collect()
}

fn interval(share: Share) -> String {
    format!("{:.3} ({:.3} to {:.3})", share.share, share.low, share.high)
}
