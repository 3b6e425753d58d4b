use affetto::{
    Error, Seed,
    nn::device::Device,
    video::{
        self,
        lora::{LoraSpelling, Target},
        train::{ClipSize, Said, TrainOptions, train, usual_checkpoint},
    },
};
use serde_json::{Value, json};

use super::{train::stopped, video::networks};
use crate::{
    args::{SaidArg, SpellingArg, TrainVideoLora},
    failure::Failure,
    printer::Printer,
};

/// `affetto train video-lora`
pub fn run(args: &TrainVideoLora, printer: &Printer) -> Result<Value, Failure> {
    let options = options(args)?;
    let is_safetensors = options
        .out
        .extension()
        .is_some_and(|word| word.eq_ignore_ascii_case("safetensors"));
    if !is_safetensors {
        return Err(Error::UnknownOutput {
            path: options.out,
            known: ".safetensors",
        }
        .into());
    }
    if options.out.exists() && !args.force {
        return Err(Error::Exists { path: options.out }.into());
    }
    let wan = networks(args.wan.as_deref(), false)?;
    let report = match train(&options, &wan, &Device::Cpu, printer) {
        Err(video::Error::Cancelled) => return Err(stopped(printer)),
        report => report?,
    };
    let loss = |name: &str, loss: f64| vec![name.to_owned(), format!("{loss:.4}")];
    let clips: Vec<String> = report
        .clips
        .iter()
        .map(|(emotion, count)| format!("{count} of {emotion}"))
        .collect();
    printer.say_table(&[
        vec!["clips".into(), clips.join(", ")],
        vec![
            "steps".into(),
            format!("{}, kept that of {}", report.steps, report.best_step),
        ],
        loss("loss before", report.untrained_loss),
        loss("loss after", report.loss),
    ]);
    printer.data(&options.out.display().to_string());
    Ok(json!({ "out": options.out, "report": report }))
}

fn options(args: &TrainVideoLora) -> Result<TrainOptions, Failure> {
    let checkpoint = args.checkpoint.clone();
    let checkpoint = checkpoint.unwrap_or_else(|| usual_checkpoint(&args.out));
    let (width, height) = args.size;
    Ok(TrainOptions {
        data: args.data.clone(),
        labels: args.labels.clone(),
        out: args.out.clone(),
        cache: args
            .cache
            .clone()
            .unwrap_or_else(|| checkpoint.join("cache")),
        checkpoint,
        size: ClipSize {
            width,
            height,
            frames: args.frames,
        },
        rank: args.rank,
        alpha: args.alpha.unwrap_or(args.rank as f64),
        targets: args
            .targets
            .iter()
            .map(|name| target(name))
            .collect::<Result<_, _>>()?,
        rate: args.rate,
        epochs: args.epochs,
        steps: args.steps.and_then(|steps| steps.try_into().ok()),
        shift: args.shift,
        said: match args.say {
            SaidArg::Sentence => Said::Sentence,
            SaidArg::All => Said::All,
        },
        held_out: args.held_out,
        spelling: match args.spelling {
            SpellingArg::Diffusers => LoraSpelling::Diffusers,
            SpellingArg::Original => LoraSpelling::Original,
            SpellingArg::Kohya => LoraSpelling::Kohya,
        },
        resume: args.resume,
        max_minutes: args.max_minutes,
        seed: Seed(args.seed),
    })
}

fn target(name: &str) -> Result<Target, Failure> {
    Target::from_name(name)
        .filter(|target| Target::USUAL.contains(target))
        .ok_or_else(|| {
            let known = Target::USUAL.map(Target::name).join(", ");
            Failure::usage(
                format!("{name:?} is no layer that is trained"),
                format!("the layers are {known}"),
            )
        })
}
