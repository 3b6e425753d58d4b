use affetto::{
    Models, Seed,
    attributes::judge::{JudgeReport, Share},
    music::{
        Error,
        piano::{
            condition::{USUAL_CANDIDATES, USUAL_GUIDANCE},
            judge::{JudgeOptions, LabelOptions, Verdict, judge},
        },
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
        folder: args.out.clone(),
        pieces: args.pieces.into(),
        candidates: args.candidates.map_or(USUAL_CANDIDATES, usize::from),
        guidance: args.guidance.unwrap_or(USUAL_GUIDANCE),
        baselines: args.baselines.into(),
        label: args.label_from.clone().map(|from| LabelOptions {
            from,
            steps: args.label_steps as usize,
        }),
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
    printer.say_table(&table("the forest", &judgement.tree));
    printer.say_table(&table("the network", &judgement.sequence));
    let path = judgement.write(&args.out)?;
    printer.data(&path.display().to_string());
    Ok(json!({ "file": path, "model": &model.used, "judgement": &judgement }))
}

fn table(judge: &str, verdict: &Verdict) -> Vec<Vec<String>> {
    let first = format!("judged right by {judge}");
    let head = [
        &first,
        "pieces",
        "quadrant",
        "arousal",
        "valence",
        "recall of Q1 to Q4",
    ];
    let rows = [
        ("real, by song", Some(&verdict.cross_validated)),
        ("real, kept apart", verdict.real.as_ref()),
        ("generated", Some(&verdict.generated)),
        ("generated, labels shuffled", Some(&verdict.shuffled)),
        ("asked for nothing", Some(&verdict.unconditional)),
        ("told EmoGen's bits", verdict.published.as_ref()),
        ("told a label", verdict.label.as_ref()),
    ];
    let row = |(name, report): (&str, Option<&JudgeReport>)| {
        let report = report?;
        let recall = report.recall.map(|recall| format!("{recall:.2}")).join(" ");
        let shares = [report.quadrant, report.arousal, report.valence].map(interval);
        let row = [name.to_owned(), report.pieces.to_string()].into_iter();
        Some(row.chain(shares).chain([recall]).collect())
    };
    let [q1_q4, q2_q3] = verdict.pairs.map(interval);
    let pairs = vec![
        "more awake, same seed".into(),
        String::new(),
        String::new(),
        format!("Q1 than Q4 {q1_q4}"),
        format!("Q2 than Q3 {q2_q3}"),
        String::new(),
    ];
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows.into_iter().filter_map(row))
        .chain([pairs])
        .collect()
}

fn interval(share: Share) -> String {
    format!("{:.3} ({:.3} to {:.3})", share.share, share.low, share.high)
}
