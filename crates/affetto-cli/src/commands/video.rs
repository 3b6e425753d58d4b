//! `affetto video`

use std::path::{Path, PathBuf};

use affetto::{
    Emotion, Error, Models, Seed, VideoProvenance,
    emotion::Unit,
    generate_video, kept_beside,
    media::sticker::Character,
    nn::device::{Device, device_name},
    video::{
        condition::{Preset, SolverName, VideoRequest},
        lora::{Lora, LoraSource},
        picture::Picture,
        wan::{WanFolder, WanPlan, speed},
    },
    write_sticker_sheet,
};
use serde_json::{Value, json};

use crate::{
    args::{SolverArg, Video, VideoCharacter, VideoGenerate, VideoPreset},
    commands::{json, make::carry_out, models},
    failure::{Code, Failure},
    printer::{Printer, duration},
    resolve::{self, sticker::is_sticker},
};

/// `affetto video`
pub fn run(
    what: &Video,
    models: impl Fn() -> Result<Models, Failure>,
    printer: &Printer,
) -> Result<Value, Failure> {
    match what {
        Video::Generate(args) if args.sheet => sheet(args, &models()?, printer),
        Video::Generate(args) if is_sticker(args) => {
            let plan = resolve::sticker(args)?;
            carry_out(&plan, args.dry_run, &models()?, printer)
        }
        Video::Generate(args) => generate(args, printer),
        Video::Character(args) => character(args, printer),
    }
}

/// Many stickers on one picture.
fn sheet(args: &VideoGenerate, models: &Models, printer: &Printer) -> Result<Value, Failure> {
    let (sheet, file) = resolve::sticker_sheet(args)?;
    if args.dry_run {
        let grid = sheet.grid();
        printer.say_table(&[
            vec!["rows".to_owned(), grid.rows.join("; ")],
            vec!["columns".to_owned(), grid.columns.join("; ")],
        ]);
        return Ok(json!({ "sheet": sheet, "file": file }));
    }
    let made = write_sticker_sheet(&sheet, &file, args.force, models, printer)?;
    printer.clear();
    let judged = made.stickers.iter();
    let judged = judged.filter(|sticker| !sticker.asked.emotion.is_empty());
    let read = judged.clone().filter(|sticker| {
        sticker
            .asked
            .emotion
            .contains_key(&sticker.measured.strongest)
    });
    let (read, judged) = (read.count(), judged.count());
    if judged > 0 {
        let text = format!("in {read} of {judged} the strongest emotion is one that was asked for");
        printer.say_table(&[vec!["measured".to_owned(), text]]);
    }
    printer.data(&file.display().to_string());
    Ok(json!({ "file": file, "provenance": json(&made) }))
}

/// What of a character is used, missing and without effect.
fn character(args: &VideoCharacter, printer: &Printer) -> Result<Value, Failure> {
    if let Some(name) = &args.template {
        // For the names nearest to one that is unknown.
        Character::by_name(name).map_err(Error::from)?;
        let svg = Character::svg(&name.trim().to_lowercase()).unwrap_or_default();
        printer.data(svg.trim_end());
        return Ok(json!({ "svg": svg }));
    }
    let file = args.file.as_deref().unwrap_or(Path::new(""));
    let character = Character::read(file).map_err(Error::from)?;
    let found = character.found();
    let row = |name: &str, text: &str| vec![name.to_owned(), text.to_owned()];
    let mut rows = vec![row("used", &found.used.join(", "))];
    for (name, instead) in &found.missing {
        rows.push(row("missing", &format!("{name}: {instead}")));
    }
    for reason in &found.ignored {
        rows.push(row("without effect", reason));
    }
    printer.data_table(&rows);
    let missing = found.missing.iter();
    let missing = missing.map(|(name, instead)| json!({ "name": name, "instead": instead }));
    Ok(json!({
        "used": found.used,
        "missing": missing.collect::<Vec<_>>(),
        "without_effect": found.ignored,
    }))
}

fn generate(args: &VideoGenerate, printer: &Printer) -> Result<Value, Failure> {
    let picture = match &args.picture {
        Some(path) => Some(Picture::read(path)?),
        None => None,
    };
    let request = request(args, picture.as_ref())?;
    request.check()?;
    let loras: Vec<LoraSource> = args
        .lora
        .iter()
        .map(|text| text.parse::<LoraSource>())
        .collect::<Result<_, _>>()?;
    let wan = networks(args.wan.as_deref(), args.picture.is_some())?;
    let mut wan = wan.with_memory(args.max_memory).with_loras(&loras)?;
    if let Some(tiny) = &args.taew {
        wan = wan.with_tiny_decoder(tiny)?;
    }
    let plan = wan.plan(&request)?;
    let device = args.device.open().map_err(affetto::video::Error::from)?;
    say_plan(&plan, &request, &device, printer);
    say_loras(&wan, printer);
    if args.dry_run {
        return Ok(json!({ "request": request, "plan": plan, "loras": loras_json(&wan) }));
    }
    let file = file(args)?;
    let picture = picture.as_ref();
    let made = generate_video(&plan, &wan, picture, file, &device, args.resume, printer);
    let on = "go on with the same command and --resume";
    let made = made.map_err(|error| stopped(error, &kept_beside(file), on))?;
    printer.clear();
    say_look(&made, printer);
    printer.data(&file.display().to_string());
    Ok(json!({ "file": file, "provenance": json(&made), "plan": json(&plan) }))
}

/// What was asked beside what the film looks like.
fn say_look(made: &VideoProvenance, printer: &Printer) {
    let look = &made.measured;
    let text = format!(
        "brightness {:.0} and colourfulness {:.0} of 100, motion {:.1}",
        look.brightness, look.colourfulness, look.motion
    );
    printer.say_table(&[vec!["measured".to_owned(), text]]);
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

/// Sides of pictures are multiples of it: 8 for the autoencoder, 2 for the transformer.
const UNIT: usize = 16;

fn request(args: &VideoGenerate, picture: Option<&Picture>) -> Result<VideoRequest, Failure> {
    let emotion: Emotion = resolve::emotion_over(&args.emotion, Unit::Seconds)?;
    let preset = match args.preset {
        Some(VideoPreset::FourSteps) => Preset::FourSteps,
        Some(VideoPreset::Fastwan) => Preset::Fastwan,
        Some(VideoPreset::Full) | None if picture.is_some() => Preset::Picture,
        Some(VideoPreset::Full) | None => Preset::Full,
        Some(VideoPreset::Telegram | VideoPreset::Discord | VideoPreset::Emoji) => {
            return Err(Failure::usage(
                "that preset is for stickers",
                "leave the text out, or name a character: cat, peach, robot",
            ));
        }
    };
    let usual = VideoRequest::from(preset);
    let fitting = || match picture {
        Some(picture) => picture.fitting(usual.width * usual.height, UNIT),
        None => (usual.width, usual.height),
    };
    let (width, height) = args.size.unwrap_or_else(fitting);
    let solver = args.solver.map(|solver| match solver {
        SolverArg::Unipc => SolverName::Unipc,
        SolverArg::Euler => SolverName::Euler,
        SolverArg::Fastwan => SolverName::Fastwan,
    });
    Ok(VideoRequest {
        seed: Seed(args.seed),
        prompt: args.prompt.clone().unwrap_or_default(),
        negative: args.negative.clone(),
        emotion,
        picture: picture.map(|picture| picture.sha256().to_owned()),
        width,
        height,
        frames: args.frames,
        steps: args.steps.unwrap_or(usual.steps),
        guidance: args.guidance.unwrap_or(usual.guidance),
        emotion_guidance: args.emotion_guidance,
        shift: args.shift.unwrap_or(usual.shift),
        solver: solver.unwrap_or(usual.solver),
        reuse: args.reuse,
    })
}

/// The networks: of a folder that is named, else of those that were added.
pub(super) fn networks(named: Option<&Path>, with_picture: bool) -> Result<WanFolder, Failure> {
    let named = named.map(Path::to_path_buf);
    let named = named.or_else(|| std::env::var_os("AFFETTO_WAN").map(PathBuf::from));
    if let Some(folder) = named
        .as_deref()
        .filter(|folder| folder.components().count() > 1 || folder.exists())
    {
        return Ok(WanFolder::open(folder)?);
    }
    let store = models::store()?;
    let name = named.as_deref().and_then(Path::to_str);
    if name.is_none() && store.list().is_empty() {
        return Err(Failure {
            code: Code::Model,
            message: "no weights of Wan 2.1 are named or added, and the program has none of its own".into(),
            hint: Some(
                "fetch Wan-AI/Wan2.1-T2V-1.3B-Diffusers, then: affetto models add DIR, or name it: --wan DIR"
                    .into(),
            ),
        });
    }
    let parts = store.find(name, with_picture)?;
    Ok(WanFolder::of(parts)?)
}

fn file(args: &VideoGenerate) -> Result<&Path, Failure> {
    let [file] = &args.output[..] else {
        return Err(Failure::usage(
            "not one file to write",
            "name one: -o fox.mp4",
        ));
    };
    if args.variations.is_some() || args.strict {
        return Err(Failure::usage(
            "--variations and --strict are for stickers",
            "make one film after the other, with --seed",
        ));
    }
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

/// A stop in the middle can be gone on from.
pub(super) fn stopped(error: affetto::video::Error, kept: &Path, hint: &str) -> Failure {
    if matches!(error, affetto::video::Error::Cancelled) && kept.is_file() {
        return Failure {
            code: Code::Resumable,
            message: format!("stopped, what was sampled is kept: {}", kept.display()),
            hint: Some(hint.into()),
        };
    }
    error.into()
}

fn say_plan(plan: &WanPlan, request: &VideoRequest, device: &Device, printer: &Printer) {
    let gigabytes = |bytes: u64| format!("{:.2} GB", bytes as f64 * 1e-9);
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let mut rows = Vec::new();
    for (at, segment) in plan.segments.iter().enumerate() {
        let name = match at {
            0 => "reads".into(),
            _ => format!("from frame {}", segment.from),
        };
        rows.push(row(&name, segment.prompt.with_emotion.clone()));
    }
    rows.push(row(
        "makes",
        format!(
            "{} frames of {}x{}",
            request.frames, request.width, request.height
        ),
    ));
    let speed = speed(device);
    rows.push(row(
        "work",
        format!(
            "{} passes over {} tokens, {:.3e} operations; decoding {:.3e}",
            plan.passes, plan.tokens, plan.flops, plan.decoding_flops
        ),
    ));
    let rate = format!(
        "{:.0} GFLOP/s that {} does now",
        speed * 1e-9,
        device_name(device)
    );
    let seconds = (plan.flops + plan.decoding_flops) / speed;
    rows.push(row(
        "time",
        format!("about {} at the {rate}", duration(seconds)),
    ));
    let memory = &plan.memory;
    let picture = match memory.picture {
        0 => String::new(),
        bytes => format!(", picture {}", gigabytes(bytes)),
    };
    rows.push(row(
        "memory, one after the other",
        format!(
            "text {}{picture}, transformer {}, decoding {}",
            gigabytes(memory.text),
            gigabytes(memory.transformer),
            gigabytes(memory.decoding)
        ),
    ));
    let mut saved = Vec::new();
    if plan.layers_streamed {
        saved.push("layers are read anew in every pass".to_owned());
    }
    if plan.layers_quantized {
        saved.push("layers have 8 bits a number, so the video is a little another one".to_owned());
    }
    if let Some(side) = plan.tile {
        saved.push(format!("frames are decoded in tiles of {side} pixels"));
    }
    if !saved.is_empty() {
        rows.push(row("to take no more", saved.join("; ")));
    }
    printer.say_table(&rows);
}
