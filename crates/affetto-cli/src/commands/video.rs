//! `affetto video`

use std::path::{Path, PathBuf};

use affetto::{
    Emotion, Error, Seed,
    emotion::Unit,
    video::{
        condition::{SolverName, VideoRequest},
        cpu,
        lora::{Lora, LoraSource},
        wan::{WanFolder, WanPlan},
    },
};
use serde_json::{Value, json};

use crate::{
    args::{SolverArg, Video, VideoGenerate},
    commands::json,
    failure::{Code, Failure},
    printer::Printer,
    resolve,
};

/// `affetto video`
pub fn run(what: &Video, printer: &Printer) -> Result<Value, Failure> {
    match what {
        Video::Generate(args) => generate(args, printer),
    }
}

fn generate(args: &VideoGenerate, printer: &Printer) -> Result<Value, Failure> {
    let request = request(args)?;
    request.check()?;
    let wan = WanFolder::open(&folder(args.wan.as_deref())?)?;
    let loras: Vec<LoraSource> = args
        .lora
        .iter()
        .map(|text| text.parse::<LoraSource>())
        .collect::<Result<_, _>>()?;
    let mut wan = wan.with_loras(&loras)?;
    if let Some(tiny) = &args.taew {
        wan = wan.with_tiny_decoder(tiny)?;
    }
    let plan = wan.plan(&request)?;
    say_plan(&plan, &request, printer);
    say_loras(&wan, printer);
    if args.dry_run {
        return Ok(json!({ "request": request, "plan": plan, "loras": loras_json(&wan) }));
    }
    let file = file(args)?;
    let kept = beside(file);
    let device = cpu();
    let latent = wan.sample(&request, &device, &kept, args.resume, printer);
    let latent = latent.map_err(|error| stopped(error, &kept))?;
    wan.film(&latent, file, &device, printer)
        .map_err(|error| stopped(error, &kept))?;
    // The film stands; what it was made of is no longer needed, and left lying where it cannot be taken away.
    let _ = std::fs::remove_file(&kept);
    printer.clear();
    printer.data(&file.display().to_string());
    Ok(json!({
        "file": file,
        "request": request,
        "plan": json(&plan),
        "loras": loras_json(&wan),
    }))
}

/// What is added to the transformer.
fn loras_json(wan: &WanFolder) -> Value {
    let lora = |lora: &Lora| {
        json!({
            "file": lora.source().path,
            "strength": lora.source().strength,
            "sha256": lora.sha256(),
            "rank": lora.rank(),
            "tensors": lora.changed(),
        })
    };
    wan.loras().iter().map(lora).collect()
}

fn say_loras(wan: &WanFolder, printer: &Printer) {
    let row = |lora: &Lora| {
        let source = lora.source();
        let text = format!(
            "{} at {}, rank {}, in {} tensors",
            source.path.display(),
            source.strength,
            lora.rank(),
            lora.changed()
        );
        vec!["adds".to_owned(), text]
    };
    let rows: Vec<Vec<String>> = wan.loras().iter().map(row).collect();
    if !rows.is_empty() {
        printer.say_table(&rows);
    }
}

fn request(args: &VideoGenerate) -> Result<VideoRequest, Failure> {
    let emotion: Emotion = resolve::emotion_over(&args.emotion, Unit::Seconds)?;
    if emotion.curve().is_some() {
        return Err(Failure::usage(
            "an emotion that moves cannot be given to a video yet",
            "give one emotion for the whole of it",
        ));
    }
    Ok(VideoRequest {
        seed: Seed(args.seed),
        prompt: args.prompt.clone(),
        negative: args.negative.clone(),
        emotion,
        width: args.size.0,
        height: args.size.1,
        frames: args.frames,
        steps: args.steps,
        guidance: args.guidance,
        emotion_guidance: args.emotion_guidance,
        shift: args.shift,
        solver: match args.solver {
            SolverArg::Unipc => SolverName::Unipc,
            SolverArg::Euler => SolverName::Euler,
        },
        reuse: args.reuse,
    })
}

/// The folder of the weights.
pub(super) fn folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let found = named.map(Path::to_path_buf);
    let found = found.or_else(|| std::env::var_os("AFFETTO_WAN").map(PathBuf::from));
    found.ok_or_else(|| Failure {
        code: Code::Model,
        message: "no weights of Wan 2.1 are named, and the program has none of its own".into(),
        hint: Some("fetch Wan-AI/Wan2.1-T2V-1.3B-Diffusers and name its folder: --wan DIR".into()),
    })
}

fn file(args: &VideoGenerate) -> Result<&Path, Failure> {
    let Some(file) = &args.output else {
        return Err(Failure::usage("no file to write", "name one: -o fox.mp4"));
    };
    let is_film = file
        .extension()
        .is_some_and(|word| word.eq_ignore_ascii_case("mp4"));
    if !is_film {
        return Err(Error::UnknownOutput {
            path: file.clone(),
            known: ".mp4",
        }
        .into());
    }
    if file.exists() && !args.force {
        return Err(Error::Exists { path: file.clone() }.into());
    }
    Ok(file)
}

/// Where what was sampled is kept.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".latents.safetensors");
    name.into()
}

/// A stop in the middle can be gone on from.
fn stopped(error: affetto::video::Error, kept: &Path) -> Failure {
    if matches!(error, affetto::video::Error::Cancelled) && kept.is_file() {
        return Failure {
            code: Code::Resumable,
            message: format!("stopped, what was sampled is kept: {}", kept.display()),
            hint: Some("go on with the same command and --resume".into()),
        };
    }
    error.into()
}

fn say_plan(plan: &WanPlan, request: &VideoRequest, printer: &Printer) {
    let gigabytes = |parameters: u64| format!("{:.1} GB", parameters as f64 * 4e-9);
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    printer.say_table(&[
        row("reads", plan.prompt.with_emotion.clone()),
        row(
            "makes",
            format!(
                "{} frames of {}x{}",
                request.frames, request.width, request.height
            ),
        ),
        row(
            "work",
            format!(
                "{} passes over {} tokens, {:.3e} operations",
                plan.passes, plan.tokens, plan.flops
            ),
        ),
        row(
            "weights, one after the other",
            format!(
                "text encoder {}, transformer {}, autoencoder {}, in floats of 4 bytes",
                gigabytes(plan.text_encoder_parameters),
                gigabytes(plan.transformer_parameters),
                gigabytes(plan.autoencoder_parameters)
            ),
        ),
    ]);
}
