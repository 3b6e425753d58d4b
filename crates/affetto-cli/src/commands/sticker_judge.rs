use affetto::{
    Seed,
    video::{
        Error,
        sticker::{
            condition::StickerRequest,
            data,
            evaluate::{Effects, Judging, Rate, Read, TwoFold, effects},
            judgement,
            model::StickerModel,
        },
    },
};
use serde_json::{Value, json};

use super::{json as value_of, train::stopped};
use crate::{args::TrainStickerJudge, failure::Failure, printer::Printer};

/// `affetto train sticker-judge`
pub fn run(args: &TrainStickerJudge, printer: &Printer) -> Result<Value, Failure> {
    let clips = data::read(&args.data)?;
    let request = StickerRequest {
        seed: Seed(args.seed),
        steps: args.steps.into(),
        emotion_guidance: args.guidance,
        ..StickerRequest::default()
    };
    request.check()?;
    let model = args.model.as_deref().map(StickerModel::read).transpose()?;
    let two_fold = match args.only_model {
        true => None,
        false => {
            let judging = Judging {
                clips: &clips,
                config: super::train_stickers::size(args.size).config(),
                steps: args.train_steps as usize,
                folder: &args.out,
                loops: args.loops.into(),
                request: request.clone(),
                seed: Seed(args.seed),
            };
            Some(match judging.run(printer) {
                Err(Error::Cancelled) => return Err(stopped(printer)),
                two_fold => two_fold?,
            })
        }
    };
    let effects = match &model {
        Some(model) => Some(effects(model, &clips, args.loops.into(), &request)?),
        None => None,
    };
    if let Some(two_fold) = &two_fold {
        say_two_fold(two_fold, printer);
    }
    if let Some(effects) = &effects {
        say_effects(effects, printer);
    }
    let report = json!({
        "two_fold": value_of(&two_fold),
        "effects": value_of(&effects),
        "request": value_of(&request),
        "train_steps": args.train_steps,
    });
    let path = judgement::write(&args.out, &report)?;
    printer.data(&path.display().to_string());
    Ok(report)
}

fn percent(rate: Rate) -> String {
    let [least, most] = rate.interval.map(|end| 100.0 * end);
    format!("{:.1} % ({least:.1}-{most:.1})", 100.0 * rate.share)
}

fn say_two_fold(found: &TwoFold, printer: &Printer) {
    let row = |name: &str, read: &Read| {
        vec![
            name.to_owned(),
            percent(read.eight),
            percent(read.two),
            read.eight.of.to_string(),
        ]
    };
    let head = [
        "read rightly, each half judging the other",
        "of eight",
        "of two",
        "loops",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut rows = vec![
        head,
        row("real clips never seen", &found.real),
        row("generated", &found.generated),
        row("told no emotion", &found.unconditional),
        row("a judge of shuffled labels", &found.shuffled),
        row("without a model", &found.without_model),
    ];
    rows.extend(found.by_steps.iter().map(|at| {
        let name = format!(
            "in {} steps, variety {:.3}, {:.3} spreads from 64",
            at.steps, at.variety, at.apart
        );
        row(&name, &at.read)
    }));
    rows.extend(found.by_guidance.iter().map(|at| {
        let name = format!("guided {}, variety {:.3}", at.guidance, at.variety);
        row(&name, &at.read)
    }));
    printer.say_table(&rows);
    let head = ["of eight", "real", "generated"]
        .map(str::to_owned)
        .to_vec();
    let of = found
        .by_emotion
        .iter()
        .map(|(name, real, generated)| vec![name.clone(), percent(*real), percent(*generated)]);
    printer.say_table(&std::iter::once(head).chain(of).collect::<Vec<_>>());
    let [real, generated, without] = found.variety;
    printer.say(&format!(
        "variety: real {real:.3}, generated {generated:.3}, without a model {without:.3}"
    ));
}

fn say_effects(found: &Effects, printer: &Printer) {
    let list = |values: &[f64]| {
        values
            .iter()
            .map(|value| format!("{value:.3}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let grown = found
        .intensity
        .iter()
        .map(|(name, share)| format!("{name} {share:.2}"))
        .collect::<Vec<_>>()
        .join(", ");
    let lines = [
        format!(
            "arousal to motion energy: rank correlation {:.3} ({})",
            found.arousal,
            list(&found.steps[0])
        ),
        format!(
            "valence to mouth lift: rank correlation {:.3} ({})",
            found.valence,
            list(&found.steps[1])
        ),
        format!("strength over nine intensities: {}", list(&found.strengths)),
        format!("steps over which it grows: {grown}"),
        format!(
            "jitter: clips {:.4}, stickers {:.4}",
            found.jitter[0], found.jitter[1]
        ),
        format!(
            "seam beside the 95th percentile: largest {:.3}, mean {:.3}",
            found.seam[0], found.seam[1]
        ),
        format!(
            "nearer to a clip than {:.3}: {}; median {:.3}, {} clips are nearest to some sticker",
            found.nearest[0],
            percent(found.copied),
            found.nearest[1],
            found.distinct_nearest
        ),
        format!("broken: {}", found.broken),
    ];
    lines.iter().for_each(|line| printer.say(line));
}
